//! `wsbench init`: a commented starter scenario, made from the tables of keys, or one of the
//! scenarios that come with the program.

use crate::cli::InitArgs;
use crate::cmd::stdout::print;
use crate::config::Key;
use crate::error::{Failure, Outcome, at};
use crate::plan::{SECTIONS, Section};
use crate::record::TransportKind;
use crate::report::format::text::grid::prefixed;
use crate::scenario::find_shipped;
use crate::transport::{TRANSPORTS, Transport};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The width at which comments are broken.
const WIDTH: usize = 100;
const TITLE: &str = "\
# A scenario of wsbench. Every setting is here; one behind \"# \" has its default.
# `wsbench plan FILE` shows what it would run, `wsbench run FILE` runs it. For figures to rely on,
# set the duration to 10s or more. The other transports are below, commented out.
";

/// Writes the starter scenario, or one that comes with the program, to a new file, and prints what
/// to do next.
///
/// # Errors
/// If the file exists already or cannot be written.
pub(crate) fn run(args: &InitArgs) -> Outcome<()> {
    let (text, name) = match &args.from {
        None => (starter(), "scenario.toml".to_owned()),
        Some(name) => {
            let text = find_shipped(name)
                .ok_or_else(|| Failure::usage(format!("wsbench has no scenario {name:?}")))?;
            (text.to_owned(), format!("{name}.toml"))
        }
    };
    let path = args.file.clone().unwrap_or_else(|| name.into());
    let shown = path.display();
    write_new(&path, &text, false)?;
    print(
        format!(
            "wrote {shown}\n\n  wsbench plan {shown}   show what it would run\n  wsbench run {shown}    \
             run it, and write reports\n"
        )
        .as_bytes(),
    )
}

/// Names the command that writes a scenario which comes with the program, if the file is missing and
/// has the name of one.
pub(super) fn suggest_shipped(path: &Path) -> Outcome<()> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if path.exists() || find_shipped(name).is_none() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "there is no file {}. To write this scenario, which comes with wsbench, run `wsbench init \
         --from {name}`",
        path.display()
    )))
}

/// Writes a file that is not there yet, for its owner alone if it holds a secret.
///
/// # Errors
/// If there is one already, or it cannot be written.
pub(super) fn write_new(path: &Path, text: &str, secret: bool) -> Outcome<()> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if secret {
        options.mode(0o600);
    }
    let mut file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Failure::usage(format!(
                "{shown} exists already and is not overwritten; name another file"
            )));
        }
        opened => opened.map_err(at(format_args!("cannot create {shown}")))?,
    };
    file.write_all(text.as_bytes()).map_err(at(format_args!("cannot write {shown}")))
}

/// The transports that the first run compares; the others are there, commented out.
const FIRST: [&str; 2] = [TransportKind::Polling.name(), TransportKind::WebSocket.name()];

/// The settings of the starter that are not defaults: its run takes less than 20 s.
const SHORT: [(&str, &str); 2] = [("warmup", "\"1s\""), ("duration", "\"3s\"")];

fn starter() -> String {
    let mut out = String::from(TITLE);
    for section in SECTIONS {
        if section.name == "series" {
            TRANSPORTS.iter().for_each(|transport| series(&mut out, section, transport));
        } else {
            table(&mut out, section);
        }
    }
    out
}

fn series(out: &mut String, section: &Section, transport: &Transport) {
    let optional = !FIRST.contains(&transport.name);
    heading(out, transport.about, &section.header(), optional);
    let name = format!("{:?}", transport.name);
    for key in section.keys {
        let active = key.name == "transport" && !optional;
        let value = match key.name {
            "transport" | "label" => &name,
            other => example("series", other),
        };
        setting(out, key, value, active);
    }
    transport.keys.iter().for_each(|key| setting(out, key, key.default.unwrap_or_default(), false));
}

fn table(out: &mut String, section: &Section) {
    heading(out, section.about, &section.header(), section.optional);
    for key in section.keys {
        let short = SHORT.iter().find(|(name, _)| *name == key.name && section.name.is_empty());
        let usual = key.default.unwrap_or_else(|| example(section.name, key.name));
        let active = short.is_some() || (key.name == "clients" && !section.optional);
        setting(out, key, short.map_or(usual, |(_, value)| value), active);
    }
}

/// The value of a setting without a default.
fn example(section: &str, key: &str) -> &'static str {
    match key {
        "about" if section == "limit" => "\"Updates are pushed at once.\"",
        "metric" => "\"delivery_latency\"",
        "series" => "\"websocket\"",
        "condition" => "\"p(95) < 100ms\"",
        "name" => "\"starter\"",
        "about" => "\"A first scenario.\"",
        "clients" => "[100]",
        "time" => "\"/t\"",
        "sequence" => "\"/seq\"",
        "id" => "\"/id\"",
        "channel" => "\"/channel\"",
        "clock_bound" => "\"1ms\"",
        "url" => "\"http://127.0.0.1:8080\"",
        "dialect" => "\"socket.io\"",
        "path" => "\"/latest\"",
        "ca" => "\"authority.pem\"",
        "cert" => "\"client.pem\"",
        "key" => "\"client.key\"",
        "sni" => "\"example.org\"",
        "version" => "\"1.3\"",
        "ready_path" => "\"/health\"",
        "pid" => "4711",
        "cgroup" => "\"/system.slice/nginx.service\"",
        "docker" => "\"web\"",
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

/// Appends a key with a value and its meaning; commented out unless active.
fn setting(out: &mut String, key: &Key, value: &str, active: bool) {
    let off = if active { "" } else { "# " };
    let line = format!("{off}{} = {value}", key.name);
    let beside = format!("{line:<28}  # {}", key.about);
    if beside.chars().count() <= WIDTH {
        let _ = writeln!(out, "{beside}");
    } else {
        comment(out, key.about);
        let _ = writeln!(out, "{line}");
    }
}

/// Appends a comment, broken between words.
fn comment(out: &mut String, text: &str) {
    out.push_str(&prefixed(text, ["# ", "# "], WIDTH));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::Machine;
    use crate::plan::{estimate, resolve};
    use crate::scenario;
    use crate::units::SECOND_NS;

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
    fn the_starter_plans_a_short_run_of_two_transports() {
        let plan = plan_of(&starter());
        let labels: Vec<&str> = plan.series.iter().map(|s| s.label.as_str()).collect();
        assert_eq!(labels, FIRST);
        let total: u64 = plan.cases.iter().map(|case| estimate(&plan, case).duration_ns).sum();
        assert!(total <= 20 * SECOND_NS, "{total}");
        assert!(starter().lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn what_is_commented_out_is_the_default() {
        // Put in everything that has a value, except the server that is not there and its messages.
        let (others, here): (Vec<_>, Vec<_>) = SECTIONS
            .iter()
            .partition(|section| ["server", "server.tls", "message"].contains(&section.name));
        let names = |sections: Vec<&'static Section>| {
            sections.into_iter().flat_map(|section| section.keys).map(|key| key.name)
        };
        let absent: Vec<&str> = names(others).collect();
        let of_transports = TRANSPORTS.iter().flat_map(|transport| transport.keys);
        let usual = of_transports.filter(|key| key.default.is_some()).map(|key| key.name);
        // Of a server of one's own too, or nothing without another one.
        let not_here = [
            "dialect",
            "path",
            "data_short",
            "cursor_in",
            "status",
            "streams",
            "hpack",
            "header_table",
        ];
        let is_here = |name: &&str| !absent.contains(name) && !not_here.contains(name);
        let settings: Vec<&str> = names(here).chain(usual).filter(is_here).collect();
        let is_setting =
            |line: &str| line.split_once(" = ").is_some_and(|(name, _)| settings.contains(&name));
        let all: String = starter()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if is_setting(rest) => format!("{rest}\n"),
                _ if line == "# [stretch]" => "[stretch]\n".to_owned(),
                _ if line == "# [[series]]" => "[[series]]\n".to_owned(),
                _ if line == "# [[limit]]" => "[[limit]]\n".to_owned(),
                _ => format!("{line}\n"),
            })
            .collect();
        let (short, mut long) = (plan_of(&starter()), plan_of(&all));
        let limits = resolved(&all).limits;
        let words: Vec<String> = limits.iter().map(|limit| limit.describe()).collect();
        assert_eq!(words, ["delivery_latency p(95) < 100ms"]);
        assert!(long.cases.iter().any(|case| case.stretch.is_some()));
        let transports: Vec<&str> = TRANSPORTS.iter().map(|t| t.name).collect();
        let series: Vec<&str> = long.series.iter().map(|s| s.label.as_str()).collect();
        assert_eq!(series, transports);
        long.series.retain(|series| FIRST.contains(&series.label.as_str()));
        assert_eq!((long.series, long.timing, long.feed), (short.series, short.timing, short.feed));
    }

    #[test]
    fn every_shipped_scenario_plans_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in scenario::SHIPPED {
            let file = folder.path().join(format!("{name}.toml"));
            let args = InitArgs { file: Some(file.clone()), from: Some(name.to_owned()) };
            run(&args).unwrap();
            assert_eq!(std::fs::read_to_string(file).unwrap(), text);
            assert!(!plan_of(text).cases.is_empty());
            let failure = run(&args).unwrap_err();
            assert_eq!(failure.kind, crate::error::FailureKind::Usage);
            assert!(failure.message.contains("exists already"), "{failure}");
        }
    }
}
