//! The arrows of the crate documentation, held against every `use crate::` and path in `src`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A module of the crate's root and the modules that its files may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("clock", &[]),
    ("error", &[]),
    ("host", &["error"]),
    ("alarm", &["clock"]),
    ("delay", &[]),
    ("pacing", &["feed", "record"]),
    ("signals", &[]),
    ("settings", &["error", "units"]),
    ("record", &["units"]),
    ("feed", &["units"]),
    ("net", &["alarm", "clock", "delay", "error", "record"]),
    (
        "transport",
        &["alarm", "clock", "error", "feed", "net", "pacing", "record", "settings", "units"],
    ),
    ("scenario", &["error", "feed", "plan", "settings", "transport", "units"]),
    (
        "plan",
        &["delay", "error", "feed", "gate", "record", "scenario", "settings", "transport", "units"],
    ),
    ("result", &["error", "record", "units"]),
    ("report", &["error", "record", "result", "units"]),
    ("gate", &["error", "record", "report", "result", "settings", "units"]),
    (
        "load",
        &["alarm", "clock", "error", "feed", "net", "pacing", "record", "result", "transport"],
    ),
    ("server", &["alarm", "clock", "error", "feed", "net", "transport", "units"]),
    (
        "worker",
        &[
            "clock",
            "error",
            "feed",
            "host",
            "load",
            "net",
            "pacing",
            "record",
            "result",
            "transport",
        ],
    ),
    (
        "conduct",
        &[
            "clock", "error", "feed", "host", "net", "pacing", "plan", "record", "result",
            "signals", "units", "worker",
        ],
    ),
];

/// Words that may not appear in a folder's code: a crate, or what prints.
const ABSENT: &[(&str, &[&str])] = &[
    ("record", &["tokio", "Mutex", "mpsc", "serde_json", "println!", "eprintln!"]),
    ("report", &["tokio", "reqwest", "hyper", "println!", "eprintln!"]),
    ("result", &["tokio", "reqwest", "hyper", "println!", "eprintln!"]),
    ("gate", &["tokio", "reqwest", "hyper", "println!", "eprintln!"]),
    ("plan", &["tokio", "TcpStream", "TcpListener", "println!", "eprintln!"]),
    ("scenario", &["tokio", "println!", "eprintln!"]),
    ("settings", &["tokio", "println!", "eprintln!"]),
    ("transport", &["println!", "eprintln!", "print!"]),
    ("net", &["println!", "eprintln!", "polling", "websocket"]),
    ("load", &["println!", "eprintln!", "\"polling\"", "\"websocket\"", "\"null\""]),
    ("server", &["println!", "eprintln!"]),
    ("worker", &["println!", "eprintln!"]),
    ("conduct", &["println!", "eprintln!", "\"polling\"", "\"websocket\""]),
];

fn sources(root: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root).expect("src is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The code of a file without comments and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source is text");
    let end = text.find("\n#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The files of each module of the crate's root.
fn modules() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut modules: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for path in files {
        let within = path.strip_prefix(&src).expect("it was found there");
        let first = within.components().next().expect("a file has a name").as_os_str();
        let name = first.to_string_lossy().trim_end_matches(".rs").to_owned();
        let text = code(&path);
        modules.entry(name).or_default().push((path, text));
    }
    modules
}

/// The names after `crate::`, one-level groups included.
fn used(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let group = rest.strip_prefix('{').and_then(|r| r.split('}').next());
        let parts: Vec<&str> = match group {
            Some(group) => group.split(',').collect(),
            None => vec![rest],
        };
        for part in parts {
            let part = part.trim();
            let end = part.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            let name = &part[..end.unwrap_or(part.len())];
            if !name.is_empty() {
                names.push(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn arrows_point_one_way() {
    let modules = modules();
    let mut wrong = Vec::new();
    for (module, allowed) in ARROWS {
        let files = modules.get(*module).unwrap_or_else(|| panic!("no module {module}"));
        for (path, code) in files {
            for name in used(code) {
                if name != *module && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{} uses crate::{name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_arrows() {
    let free = ["lib", "main", "cli", "cmd"];
    for module in modules().keys().filter(|m| !free.contains(&m.as_str())) {
        assert!(ARROWS.iter().any(|(name, _)| name == module), "no arrows for {module}");
    }
}

#[test]
fn a_transport_uses_no_sibling() {
    let modules = modules();
    let folders = ["polling", "websocket", "null"];
    for (path, code) in &modules["transport"] {
        let own = folders.iter().find(|f| path.components().any(|c| c.as_os_str() == **f));
        for other in folders.iter().filter(|f| own != Some(*f)) {
            let named = code.contains(&format!("transport::{other}"))
                || (own.is_some() && code.contains(&format!("super::super::{other}")));
            assert!(!named, "{} uses {other}", path.display());
        }
    }
}

#[test]
fn what_must_be_absent_is_absent() {
    let modules = modules();
    for (module, words) in ABSENT {
        for (path, code) in &modules[*module] {
            for word in *words {
                assert!(!code.contains(word), "{} has {word}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_small_files_of_its_own() {
    for (path, code) in modules().values().flatten() {
        if code.contains("unsafe {") {
            assert!(code.lines().count() < 90, "{} is no small file", path.display());
            let text = fs::read_to_string(path).expect("a source is text");
            assert!(text.contains("SAFETY:"), "{} says no reason", path.display());
        }
    }
}

#[test]
fn files_fit_a_few_screens() {
    for (path, _) in modules().values().flatten() {
        let lines = fs::read_to_string(path).expect("a source is text").lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_reader_of_uses_reads_groups_and_paths() {
    let names = used("use crate::{a, b::c};\nfn f() { crate::d::e() }");
    assert_eq!(names, ["a", "b", "d"]);
}
