//! The README and `docs/` against the program: generated tables, links, names and commands.
//! `WSBENCH_DOCS=write cargo test docs::` writes the tables anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use wsbench::internals::config::Key;
use wsbench::internals::plan::SECTIONS;
use wsbench::internals::report::{Conclusion, FORMATS, metrics};
use wsbench::internals::transport::TRANSPORTS;

/// The most lines of the README: what somebody reads before they try it.
const README_LINES: usize = 180;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files of a folder with one of these extensions, and of its folders, in order.
pub fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every document that a person reads.
fn documents() -> Vec<PathBuf> {
    let mut all = files("docs", &["md"]);
    all.push(root().join("README.md"));
    all.push(root().join(".github/CONTRIBUTING.md"));
    all
}

fn settings() -> String {
    let mut out = String::new();
    for section in SECTIONS {
        let name = match section.name {
            "" => "At the top".to_owned(),
            _ => format!("`{}`", section.header()),
        };
        let _ = writeln!(out, "### {name}\n\n{}\n", section.about);
        rows(&mut out, section.keys);
    }
    for transport in TRANSPORTS {
        let about = transport.about;
        let _ = writeln!(out, "### `transport = \"{}\"`\n\n{}.\n", transport.name, upper(about));
        rows(&mut out, transport.keys);
    }
    out
}

fn rows(out: &mut String, keys: &[Key]) {
    out.push_str("| setting | default | meaning |\n|---|---|---|\n");
    for key in keys {
        let default = key.default.map_or("-".to_owned(), |d| format!("`{d}`"));
        let _ = writeln!(out, "| `{}` | {default} | {} |", key.name, key.about);
    }
    out.push('\n');
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn transports() -> String {
    let mut out = "| transport | what a client does |\n|---|---|\n".to_owned();
    for transport in TRANSPORTS {
        let _ = writeln!(out, "| `{}` | {} |", transport.name, transport.about);
    }
    out
}

/// The shipped scenarios by their own sentence.
fn scenarios() -> String {
    let mut out = "| scenario | what it shows |\n|---|---|\n".to_owned();
    for path in files("scenarios", &["toml"]) {
        let text = read(&path);
        let about = text.lines().find_map(|line| line.strip_prefix("about = "));
        let about = about.expect("a shipped scenario says what it shows").trim_matches('"');
        let name = path.file_name().expect("a file has a name").to_string_lossy();
        let _ = writeln!(out, "| [`{name}`](../scenarios/{name}) | {about} |");
    }
    out
}

/// The dialects by their own sentence, and the names by which a series takes them.
fn dialects() -> String {
    let mut out = "| dialect | what it is |\n|---|---|\n".to_owned();
    for path in files("src/scenario/dialects", &["toml"]) {
        let text = read(&path);
        let about = text.lines().find_map(|line| line.strip_prefix("about = "));
        let about = about.expect("a dialect says what it is").trim_matches('"');
        let name = path.file_stem().expect("a file has a name").to_string_lossy();
        let name = name.replace("socket-io", "socket.io");
        let _ = writeln!(out, "| `{name}` | {about} |");
    }
    out
}

fn exit_codes() -> String {
    let mut out = "| code | meaning |\n|---|---|\n".to_owned();
    for conclusion in Conclusion::ALL {
        let _ = writeln!(out, "| {} | {} |", conclusion.exit_code(), conclusion.meaning());
    }
    out
}

/// The text between a pair of markers, replaced.
fn with(document: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{begin}\n{}\n\n{end}{after}", text.trim())
}

/// Holds the generated parts of a document, or writes them.
fn hold(document: &str, parts: &[(&str, String)]) {
    let path = root().join(document);
    let found = read(&path);
    let wanted = parts.iter().fold(found.clone(), |text, (name, part)| with(&text, name, part));
    if std::env::var_os("WSBENCH_DOCS").is_some_and(|v| v == "write") {
        fs::write(&path, &wanted).expect("a document can be written");
    } else {
        assert!(wanted == found, "{document} is old: run WSBENCH_DOCS=write cargo test docs::");
    }
}

#[test]
fn the_scenario_reference_has_every_setting() {
    hold(
        "docs/scenario.md",
        &[
            ("scenarios", scenarios()),
            ("transports", transports()),
            ("dialects", dialects()),
            ("settings", settings()),
        ],
    );
}

#[test]
fn the_column_reference_has_every_column() {
    hold(
        "docs/columns.md",
        &[("columns", metrics::markdown()), ("former names", metrics::former_names_markdown())],
    );
}

#[test]
fn the_page_on_gates_has_every_exit_code() {
    hold("docs/gate.md", &[("exit codes", exit_codes())]);
}

#[test]
fn the_page_on_reports_has_every_file() {
    let page = read(&root().join("docs/reports.md"));
    for file in FORMATS.iter().flat_map(|format| format.files()) {
        assert!(page.contains(&format!("`{file}`")), "{file} is not in docs/reports.md");
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines, at most {README_LINES}");
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for path in documents() {
        let text = read(&path);
        let folder = path.parent().expect("a document lies in a folder");
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { folder.join(file) };
            let exists = file.exists();
            let headings = if heading.is_empty() { String::new() } else { read(&file) };
            let mut headings = headings.lines().filter(|l| l.starts_with('#'));
            let leads = heading.is_empty()
                || headings.any(|l| anchor(l.trim_start_matches('#')) == heading);
            if !exists || !leads {
                wrong.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Text in backticks outside of blocks of code.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.lines().flat_map(|line| line.split('`').skip(1).step_by(2)))
}

#[test]
fn names_and_paths_in_documents_exist() {
    let sources: String = files("src", &["rs"])
        .into_iter()
        .chain(files("tests", &["rs"]))
        .chain(files("scenarios", &["toml"]))
        .chain([root().join("Cargo.toml")])
        .map(|path| read(&path))
        .collect();
    let columns: BTreeSet<String> = metrics::columns()
        .into_iter()
        .flat_map(|column| std::iter::once(column.name).chain(column.formerly))
        .collect();
    let folders = ["src/", "tests/", "scenarios/", "docs/", "reports/ci", ".github/", ".ci/"];
    let mut wrong = Vec::new();
    for path in documents() {
        // The changelog names what was.
        if path.ends_with("CHANGELOG.md") {
            continue;
        }
        for name in quoted(&read(&path)) {
            let is_path = folders.iter().any(|f| name.starts_with(f)) && !name.contains(['<', ' ']);
            let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let is_name = name.contains('_') && !name.starts_with('_') && name.chars().all(snake);
            let exists = if is_path {
                root().join(name).exists()
            } else {
                !is_name || columns.contains(name) || sources.contains(name)
            };
            if !exists {
                wrong.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_readme_has_every_command() {
    let readme = read(&root().join("README.md"));
    for name in crate::help::subcommands() {
        assert!(readme.contains(&format!("`wsbench {name}")), "{name} is not in README.md");
    }
}

/// Terms and meanings of the glossary.
pub fn glossary() -> Vec<(String, String)> {
    let text = read(&root().join("docs/glossary.md"));
    let rows = text.lines().filter(|l| l.starts_with("| ")).skip(1);
    let cells = rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect());
    cells
        .map(|cells: Vec<&str>| match cells[..] {
            [term, meaning] => (term.to_owned(), meaning.to_owned()),
            _ => panic!("a term, a meaning, one line: {cells:?}"),
        })
        .collect()
}

#[test]
fn the_glossary_has_each_term_once_in_order_and_in_one_line() {
    let rows = glossary();
    assert!(rows.len() > 50, "{} terms", rows.len());
    let terms: Vec<_> = rows.iter().map(|(term, _)| term.to_lowercase()).collect();
    for two in terms.windows(2) {
        assert!(two[0] < two[1], "{:?} stands before {:?}", two[0], two[1]);
    }
    for (term, meaning) in rows {
        assert!(!term.is_empty() && !meaning.is_empty(), "{term}: {meaning}");
        assert!(!meaning.ends_with('.') && meaning.chars().count() <= 150, "{term}: {meaning}");
    }
}
