//! The library's API: what the tests, the fuzz targets and `main` name, and what its signatures need.

use crate::docs::files;
use crate::layering::expand;
use regex::Regex;
use std::fs;
use std::path::Path;

/// Names that stand here alone, each with an exported item whose signature or fields have it.
const IN_SIGNATURES: &[(&str, &str)] = &[
    ("feed::StrangeTime", "result::DriverEnd"),
    ("feed::TimeGuess", "result::DriverEnd"),
    ("protocol::MessageFields", "protocol::MessageReader"),
    ("protocol::MessageTime", "protocol::MessageFields"),
    ("protocol::FrameError", "protocol::FrameReader"),
    ("protocol::FrameSizes", "protocol::FrameItem"),
    ("report::CheckResult", "report::Row"),
    ("report::metrics::Column", "report::metrics::columns"),
    ("result::Seconds", "result::CaseResult"),
    ("transport::AnySeries", "transport::Mount"),
    ("units::Ip", "record::TcpTotals"),
    ("units::Wire", "record::Flow"),
];

/// What paths to the library begin with.
const CRATE: &str = "wsbench::";

/// The paths below `internals` of everything that `src/lib.rs` exports there. rustfmt's indents show
/// which module a line is in.
fn exported() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("src/lib.rs")).expect("a source is text");
    let text = text.split("pub mod internals {").nth(1).expect("the module of exports");
    let item = Regex::new(r"(?m)^( *)pub (?:(mod|fn) (\w+)|use ([^;]+);)");
    let item = item.expect("it is a regular expression");
    let mut modules: Vec<(usize, String)> = Vec::new();
    let mut found = Vec::new();
    for item in item.captures_iter(text) {
        let indent = item[1].len();
        modules.retain(|(outer, _)| *outer < indent);
        let place: String = modules.iter().map(|(_, module)| format!("{module}::")).collect();
        if let Some(tree) = item.get(4) {
            let mut paths = Vec::new();
            expand("", tree.as_str(), &mut paths);
            let names = paths.iter().filter_map(|path| path.rsplit("::").next());
            found.extend(names.map(|name| format!("{place}{name}")));
        } else if &item[2] == "mod" {
            modules.push((indent, item[3].to_owned()));
        } else {
            found.push(format!("{place}{}", &item[3]));
        }
    }
    found
}

/// What a text names of `wsbench::internals`, groups taken apart.
fn uses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("wsbench::internals::") {
        expand("", &text[at + CRATE.len()..], &mut found);
    }
    let below = found.iter().filter_map(|path| path.strip_prefix("internals::"));
    below.map(|path| path.trim_end_matches("::self").to_owned()).collect()
}

/// Whether a text that uses these paths names an export: by its path, or by its name with a module that
/// it is in.
fn names(text: &str, uses: &[String], export: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let name = export.rsplit("::").next().unwrap_or(export);
    let word =
        |text: &str| text.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|w| w == name);
    uses.iter().any(|path| within(path, export) || (within(export, path) && word(text)))
}

#[test]
fn everything_that_is_exported_is_named_or_in_a_signature() {
    let exported = exported();
    assert!(exported.len() > 150, "{}", exported.len());
    let texts: Vec<(String, Vec<String>)> = files("tests", &["rs"])
        .into_iter()
        .map(|path| fs::read_to_string(path).expect("a source is text"))
        .map(|text| {
            let uses = uses(&text);
            (text, uses)
        })
        .collect();
    let is_named = |export: &str| texts.iter().any(|(text, uses)| names(text, uses, export));
    for export in &exported {
        let listed = IN_SIGNATURES.iter().any(|(name, _)| name == export);
        let named = is_named(export);
        assert!(named || listed, "{export} is exported, and nothing names it: make it pub(crate)");
        assert!(!(named && listed), "{export} is named: it need not be in the list");
    }
    for (name, item) in IN_SIGNATURES {
        for export in [name, item] {
            assert!(exported.iter().any(|other| other == export), "{export} is not exported");
        }
    }
}

#[test]
fn what_names_an_export_is_found() {
    let text = "use wsbench::internals::a::{b, c::{self, D as E}};\nfn f() { b::g(); c::h() }";
    let uses = uses(text);
    assert_eq!(uses, ["a::b", "a::c", "a::c::D"]);
    for export in ["a::b::g", "a::c::h", "a::c::D"] {
        assert!(names(text, &uses, export), "{export}");
    }
    for export in ["a::b::i", "a::d::g", "a::cc::D"] {
        assert!(!names(text, &uses, export), "{export}");
    }
}
