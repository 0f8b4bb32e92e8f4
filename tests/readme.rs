//! The README's tables are those of the program. `WSBENCH_README=write cargo test readme` writes
//! them anew.

use std::fmt::Write as _;
use std::path::Path;
use wsbench::internals::config::Key;
use wsbench::internals::plan::SECTIONS;
use wsbench::internals::report::metrics;
use wsbench::internals::transport::TRANSPORTS;

fn rows(out: &mut String, keys: &[Key]) {
    out.push_str("| setting | default | meaning |\n|---|---|---|\n");
    for key in keys {
        let default = key.default.map_or("-".to_owned(), |d| format!("`{d}`"));
        let _ = writeln!(out, "| `{}` | {default} | {} |", key.name, key.about);
    }
    out.push('\n');
}

fn settings() -> String {
    let mut out = String::new();
    for section in SECTIONS {
        let name = match section.name {
            "" => "At the top".to_owned(),
            _ => format!("`{}`", section.header()),
        };
        let _ = writeln!(out, "{name}: {}\n", section.about);
        rows(&mut out, section.keys);
    }
    for transport in TRANSPORTS {
        let _ = writeln!(out, "`transport = \"{}\"`: {}.\n", transport.name(), transport.about());
        rows(&mut out, transport.keys());
    }
    out
}

/// The text between a pair of markers, replaced.
fn with(readme: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{begin}\n{}\n\n{end}{after}", text.trim())
}

#[test]
fn the_readme_has_every_setting_and_column() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("there is a README");
    let wanted = with(&readme, "settings", &settings());
    let wanted = with(&wanted, "columns", &metrics::markdown());
    if std::env::var_os("WSBENCH_README").is_some_and(|v| v == "write") {
        std::fs::write(&path, &wanted).expect("the README can be written");
    } else {
        assert!(wanted == readme, "run WSBENCH_README=write cargo test readme");
    }
}
