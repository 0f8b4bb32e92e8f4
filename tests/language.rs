//! Plain English, as far as a program can tell: words that have a better one appear nowhere. That a
//! sentence is short, and that "where" is a place, is left to the reader.

use crate::docs::files;
use regex::Regex;
use std::collections::BTreeMap;
use std::path::Path;

/// A word or phrase in lower case, and what to write. A `*` at its end stands for any ending.
/// Names are taken apart: `lie_down` and `LieDown` are "lie down".
const WORDS: &[(&str, &str)] = &[
    ("alarm*", "timer"),
    ("believed", "name what happens: clamped, ignored, refused"),
    ("beside another", "next to"),
    ("books", "account"),
    ("booked", "counted"),
    ("conduct*", "run, coordinate"),
    ("crew", "processes"),
    ("deed", "action"),
    ("deeds", "actions"),
    ("doze", "sleep, wait"),
    ("dozes", "sleeps, waits"),
    ("ears", "deferred EOF"),
    ("flaw*", "failed check"),
    ("foretell*", "predict"),
    ("foretold", "predicted"),
    ("gives away", "hands over"),
    ("give away", "hand over"),
    ("heard", "received"),
    ("is meant", "name the intent"),
    ("was meant", "intended"),
    ("were meant", "intended"),
    ("meant to", "intended"),
    ("judged", "checked, evaluated; the file is judgement"),
    ("left to chance", "stochastic"),
    ("lie down", "wait"),
    ("lies down", "waits"),
    ("lives one", "runs"),
    ("lives its", "runs"),
    ("look around", "name what is read"),
    ("no word of", "nothing about"),
    ("a word to", "a command, a message"),
    ("a word from", "a message"),
    ("a word when", "a notification"),
    ("of ours", "bundled, own"),
    ("not ours", "external"),
    ("receipts", "delivery tracking"),
    ("speak*", "send, support"),
    ("spoken", "sent"),
    ("stand still", "stall"),
    ("stands still", "stalls"),
    ("take long turns", "set batch scheduling"),
    ("takes in", "reads, adds"),
    ("told", "reported, shown"),
    ("unreached", "name what did not happen"),
    ("voice*", "post, sender"),
    ("weigh", "assess"),
    ("without the scenario's leave", "not permitted by the scenario"),
];

/// Phrases in which a word has its ordinary sense, each with the reason.
const ALLOWED: &[(&str, &str)] =
    &[("false alarm", "the statistical term"), ("told apart", "distinguished")];

/// Parts of paths that are not read, each with the reason.
const UNREAD: &[(&str, &str)] = &[
    ("tests/compat/", "files of an older version, as it wrote them"),
    ("tests/language.rs", "the list itself"),
];

/// Marks of lines that name what an older version wrote, so that it is still read.
const OLD_NAMES: &[&str] = &["alias = ", "formerly", "Formerly"];

/// A place at which a word stands.
#[derive(Debug, PartialEq)]
struct Hit {
    place: String,
    word: &'static str,
    line: String,
}

/// A line in lower case with its names taken apart: words with one blank between them.
fn plain(line: &str) -> String {
    let mut out = String::from(" ");
    let mut before_lower = false;
    for c in line.chars() {
        let part_of_word = c.is_alphanumeric() || c == '\'';
        let begins = c.is_uppercase() && before_lower;
        if (!part_of_word || begins) && !out.ends_with(' ') {
            out.push(' ');
        }
        if part_of_word {
            out.extend(c.to_lowercase());
        }
        before_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    out.push(' ');
    out
}

fn has(plain: &str, word: &str) -> bool {
    match word.strip_suffix('*') {
        Some(stem) => plain.contains(&format!(" {stem}")),
        None => plain.contains(&format!(" {word} ")),
    }
}

/// The words of the list that a text has.
fn scan(place: &str, text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, l)| !OLD_NAMES.iter().any(|mark| l.contains(mark))) {
        let mut read = plain(line);
        for (phrase, _) in ALLOWED {
            read = read.replace(phrase, "");
        }
        for (word, _) in WORDS.iter().filter(|(word, _)| has(&read, word)) {
            let place = format!("{place}:{}", index + 1);
            hits.push(Hit { place, word, line: line.trim().to_owned() });
        }
    }
    hits
}

#[test]
fn no_file_has_a_word_that_has_a_plainer_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md"), root.join("Cargo.toml")];
    for (folder, extensions) in [
        ("src", &["rs", "json"][..]),
        ("tests", &["rs", "snap", "sh", "toml"]),
        ("scenarios", &["toml"]),
        ("docs", &["md"]),
        (".github", &["md", "yml"]),
        (".ci", &[]),
    ] {
        paths.extend(files(folder, extensions));
    }
    let mut hits = Vec::new();
    for path in paths {
        let place = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
        if UNREAD.iter().all(|(part, _)| !place.contains(part)) {
            let text = std::fs::read_to_string(&path).expect("a source is text");
            // The last section of the columns lists the names of earlier versions.
            let text = match place.as_str() {
                "docs/columns.md" => text.split("## Former names").next().unwrap_or_default(),
                _ => &text,
            };
            hits.extend(scan(&place, text));
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for hit in &hits {
        *counts.entry(hit.word).or_default() += 1;
        println!("{}: {:?}: {}", hit.place, hit.word, hit.line);
    }
    for (word, count) in &counts {
        let instead = WORDS.iter().find(|(w, _)| w == word).map_or("", |(_, instead)| instead);
        println!("{count:>4} × {word:?}: {instead}");
    }
    assert!(hits.is_empty(), "{} places have a word that has a plainer one", hits.len());
}

#[test]
fn a_planted_word_is_found() {
    let words = |text: &str| scan("x.rs", text).into_iter().map(|h| h.word).collect::<Vec<_>>();
    assert_eq!(words("/// What is foretold."), ["foretold"]);
    assert_eq!(words("fn lie_down() {}"), ["lie down"]);
    assert_eq!(words("struct LieDown;"), ["lie down"]);
    assert_eq!(words("let conductor = Conductor::new();"), ["conduct*"]);
    assert_eq!(words("turns_unreached"), ["unreached"]);
    assert_eq!(words("Voices of ours."), ["of ours", "voice*"]);
    let hit = &scan("src/a.rs", "// fine\n    // It was told.\n")[0];
    assert_eq!((hit.place.as_str(), hit.line.as_str()), ("src/a.rs:2", "// It was told."));
}

#[test]
fn ordinary_words_are_not_found() {
    for text in [
        "years and hearings",
        "one false alarm in a hundred",
        "the book's figure",
        "#[serde(alias = \"left_to_chance\")]",
        "the session's line",
    ] {
        assert_eq!(scan("x.rs", text), [], "{text}");
    }
}

#[test]
fn the_glossary_uses_plain_words() {
    for (term, meaning) in crate::docs::glossary() {
        assert_eq!(scan(&term, &format!("{term}: {meaning}")), []);
    }
}

/// Type names that stand twice: each transport's settings, the halves of other platforms and of a
/// feature, and two machines that nobody takes for each other.
const SHARED_TYPE_NAMES: [&str; 6] = ["BelowTls", "Epoll", "Machine", "Params", "SockDiag", "Wake"];

#[test]
fn no_two_types_have_one_name() {
    let declared =
        Regex::new(r"(?m)^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|type|union) (\w+)")
            .expect("it is a regular expression");
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files("src", &["rs"]) {
        let text = std::fs::read_to_string(&path).expect("a source is text");
        for name in declared.captures_iter(&text) {
            places.entry(name[1].to_owned()).or_default().push(path.display().to_string());
        }
    }
    assert!(places.len() > 500, "the types are found");
    let twice: Vec<_> = places
        .into_iter()
        .filter(|(name, at)| at.len() > 1 && !SHARED_TYPE_NAMES.contains(&name.as_str()))
        .collect();
    assert!(twice.is_empty(), "types that share a name: {twice:#?}");
}

/// Parts of names that have a better word, and what to write. In sentences they have their ordinary
/// sense; "law" and "words" may name what a test holds.
const NAMES: &[(&str, &str)] = &[
    ("dated", "with a date"),
    ("flaw", "failed check"),
    ("foretold", "predicted"),
    ("law", "distribution"),
    ("meant", "intended"),
    ("truth", "consistency"),
    ("words", "describe, texts"),
    ("worth", "run quality"),
];

#[test]
fn names_of_items_have_the_words_of_the_field() {
    let item = Regex::new(r"\b(?:fn|struct|enum|trait|mod|type) (\w+)").expect("a valid pattern");
    let mut wrong = Vec::new();
    for path in files("src", &["rs"]) {
        let text = std::fs::read_to_string(&path).expect("a source is text");
        let path = path.display().to_string();
        // The names of tests are sentences.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if path.contains("/tests/") || path.ends_with("tests.rs") {
            continue;
        }
        for name in item.captures_iter(code).map(|found| found[1].to_owned()) {
            let parts = plain(&name);
            let bad = NAMES.iter().find(|(word, _)| parts.contains(&format!(" {word} ")));
            wrong.extend(bad.map(|(word, better)| format!("{path}: {name} ({word}: {better})")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
