//! `wsbench init`: a commented starter scenario, written from the tables of keys.

use crate::config::Key;
use crate::error::{Failure, Outcome, at};
use crate::plan::{SECTIONS, Section};
use crate::transport::TRANSPORTS;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// The width at which comments are broken.
const WIDTH: usize = 100;
const TITLE: &str = "\
# A scenario of wsbench. Every setting is here; one behind \"# \" has its default.
# `wsbench plan FILE` says what it would run, `wsbench run FILE` runs it.
";

/// Writes the starter scenario to a new file.
///
/// # Errors
/// Where the file exists already or cannot be written.
pub(crate) fn run(path: &Path) -> Outcome<()> {
    let open = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match open {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let shown = path.display();
            return Err(Failure::usage(format!("{shown} exists already; it is not overwritten")));
        }
        opened => opened.map_err(at(format_args!("cannot create {}", path.display())))?,
    };
    file.write_all(starter().as_bytes())
        .map_err(at(format_args!("cannot write {}", path.display())))
}

/// The starter scenario.
pub(crate) fn starter() -> String {
    let mut out = String::from(TITLE);
    for section in SECTIONS {
        match section.name {
            "series" => {
                for transport in TRANSPORTS {
                    // The floor of the driver is measured in any case.
                    let optional = transport.name() == "null";
                    heading(&mut out, transport.about(), "[[series]]", optional);
                    for key in section.keys {
                        let active = key.name == "transport" && !optional;
                        setting(&mut out, key, &format!("{:?}", transport.name()), active);
                    }
                    transport.keys().iter().for_each(|key| setting(&mut out, key, "", false));
                }
            }
            _ => table(&mut out, section),
        }
    }
    out
}

fn table(out: &mut String, section: &Section) {
    heading(out, section.about, &section.header(), section.optional);
    for key in section.keys {
        let active = key.name == "clients" && !section.optional;
        setting(out, key, example(section.name, key.name), active);
    }
}

/// What a setting without a default is in the starter.
fn example(section: &str, key: &str) -> &'static str {
    match key {
        "about" if section == "limit" => "\"Updates are pushed at once.\"",
        "metric" => "\"delivery_latency\"",
        "series" => "\"websocket\"",
        "condition" => "\"p(95) < 100ms\"",
        "name" => "\"starter\"",
        "about" => "\"A first scenario.\"",
        "clients" => "[100]",
        "url" => "\"http://127.0.0.1:8080\"",
        _ => "\"\"",
    }
}

fn heading(out: &mut String, about: &str, header: &str, optional: bool) {
    out.push('\n');
    let mut letters = about.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    comment(out, &format!("{first}{}", letters.as_str()));
    if !header.is_empty() {
        let off = if optional { "# " } else { "" };
        let _ = writeln!(out, "{off}{header}");
    }
}

/// One key with its default, or the example where it has none; commented out unless active.
fn setting(out: &mut String, key: &Key, example: &str, active: bool) {
    let off = if active { "" } else { "# " };
    let line = format!("{off}{} = {}", key.name, key.default.unwrap_or(example));
    let beside = format!("{line:<28}  # {}", key.about);
    if beside.chars().count() <= WIDTH {
        let _ = writeln!(out, "{beside}");
    } else {
        comment(out, key.about);
        let _ = writeln!(out, "{line}");
    }
}

/// A comment, broken between words.
fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::Machine;
    use crate::plan::resolve;
    use crate::scenario;

    fn plan_of(text: &str) -> crate::plan::Plan {
        resolved(text).plan
    }

    fn resolved(text: &str) -> crate::plan::Resolved {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("starter.toml");
        std::fs::write(&path, text).unwrap();
        let file = scenario::load(&path, &[]).unwrap();
        resolve(&file, &Machine::read()).map_err(|faults| faults.to_string()).unwrap()
    }

    #[test]
    fn the_starter_plans() {
        let plan = plan_of(&starter());
        let labels: Vec<&str> = plan.series.iter().map(|s| s.label.as_str()).collect();
        let others: Vec<&str> =
            TRANSPORTS.iter().map(|t| t.name()).filter(|name| *name != "null").collect();
        assert_eq!(labels, others);
    }

    #[test]
    fn what_is_commented_out_is_the_default() {
        // Put in everything that has a value, except the server that is not there.
        let all: String = starter()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest)
                    if rest.contains(" = ")
                        && !rest.starts_with("url")
                        && !rest.starts_with("paths") =>
                {
                    format!("{rest}\n")
                }
                _ if line == "# [stretch]" => "[stretch]\n".to_owned(),
                _ if line == "# [[series]]" => "[[series]]\n".to_owned(),
                _ if line == "# [[limit]]" => "[[limit]]\n".to_owned(),
                _ => format!("{line}\n"),
            })
            .collect();
        let (short, mut long) = (plan_of(&starter()), plan_of(&all));
        let limits = resolved(&all).limits;
        let words: Vec<String> = limits.iter().map(|limit| limit.words()).collect();
        assert_eq!(words, ["delivery_latency p(95) < 100ms"]);
        assert!(long.cases.iter().any(|case| case.stretch.is_some()));
        assert_eq!(long.series.pop().map(|s| s.transport()), Some("null"));
        assert_eq!((long.series, long.timing, long.feed), (short.series, short.timing, short.feed));
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        run(&path).unwrap();
        let failure = run(&path).unwrap_err();
        assert_eq!(failure.kind, crate::error::FailureKind::Usage);
        assert!(failure.message.ends_with("a.toml exists already; it is not overwritten"));
    }
}
