//! The structure of `src`, read from its `use` lines and paths: which folder may use which, that
//! no two files use each other, and what a folder may not mention.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use wsbench::internals::record::TransportKind;

/// A folder or file directly below `src`, what it may use, and the reason if the arrow is an
/// exception. The test fails on an arrow that nobody uses.
const ARROWS: &[(&str, &[&str])] = &[
    // A signal that ends everything at once is a failure.
    ("error", &["os"]),
    ("named", &[]),
    ("secret", &[]),
    ("units", &[]),
    // The form of the kernel's counts in results.
    ("os", &["record"]),
    // The phases and directions that it plans; the seeded spread of clients is the feed's.
    ("time", &["feed", "os", "record"]),
    // A file that a setting names may be a device or a pipe.
    ("tls", &["os"]),
    // A value that is secret is noted while it is read.
    ("config", &["error", "os", "secret", "units"]),
    ("record", &["units"]),
    ("feed", &[]),
    // Heads, templates and message formats read their own settings, so that parser and key are one idea.
    ("protocol", &["config", "feed", "secret"]),
    // Heads that are kept for the report are redacted if they are taken.
    ("net", &["record", "secret", "time", "tls"]),
    ("predict", &["feed", "protocol", "record", "tls", "units"]),
    ("client", &["feed", "net", "protocol", "record", "time"]),
    // The reference server is a program of its own, with settings and failures to report.
    ("server", &["config", "error", "feed", "net", "os", "protocol", "time", "units"]),
    // A transport's endpoint is a route of the reference server; its masks are random bytes.
    (
        "transport",
        &[
            "client", "config", "feed", "net", "os", "predict", "protocol", "record", "server",
            "time", "tls", "units",
        ],
    ),
    ("scenario", &["config"]),
    // Limits are parsed and checked before a run (`gate`), against this machine (`os`).
    (
        "plan",
        &[
            "config",
            "feed",
            "gate",
            "os",
            "predict",
            "protocol",
            "record",
            "scenario",
            "secret",
            "time",
            "tls",
            "transport",
            "units",
        ],
    ),
    // The header keeps what was predicted, so that a report needs no plan; reading a file fails.
    ("result", &["error", "feed", "predict", "record", "units"]),
    // Beside records: the arithmetic that figures are compared with.
    ("report", &["feed", "predict", "record", "result", "units"]),
    // A gate judges reports, and reads limits and secrets of a configuration.
    (
        "gate",
        &["config", "error", "feed", "predict", "record", "report", "result", "secret", "units"],
    ),
    (
        "driver",
        &["client", "feed", "net", "protocol", "record", "result", "time", "tls", "transport"],
    ),
    // A run starts the processes of a plan.
    (
        "run",
        &[
            "driver",
            "error",
            "feed",
            "net",
            "os",
            "plan",
            "protocol",
            "record",
            "result",
            "secret",
            "time",
            "tls",
            "transport",
            "units",
        ],
    ),
];

/// Folders that may use everything: the program itself.
const FREE: &[&str] = &["lib", "main", "cli", "cmd"];

/// Words that may not appear in a folder's code: a runtime, a socket, a lock, or what prints.
const ABSENT: &[(&str, &[&str])] = &[
    ("record", &["tokio", "Mutex", "mpsc", "serde_json", "std::net::Tcp"]),
    ("protocol", &["tokio", "TcpStream", "Mutex", "mpsc"]),
    ("predict", &["tokio", "TcpStream"]),
    ("report", &["tokio", "reqwest", "hyper"]),
    ("result", &["tokio", "reqwest", "hyper"]),
    ("gate", &["tokio", "reqwest", "hyper"]),
    ("plan", &["tokio", "TcpStream", "TcpListener"]),
    ("scenario", &["tokio"]),
    ("config", &["tokio"]),
    ("net", &["polling", "websocket"]),
    ("driver", &["\"polling\"", "\"websocket\"", "\"null\""]),
    ("run", &["\"polling\"", "\"websocket\""]),
];

/// Folders and files without a clock: whoever calls them passes the time in. A name that ends with `/` is a folder.
const CLOCKLESS: &[&str] = &[
    "client/",
    "driver/engine.rs",
    "feed/",
    "net/delay_line.rs",
    "net/delay_queue.rs",
    "net/layer.rs",
    "net/meter.rs",
    "net/polled_stream.rs",
    "net/tap.rs",
    "net/tls_layer/",
    "protocol/",
    "record/",
    "transport/",
];
/// What is in one of these folders and reads a clock, each for its reason.
const CLOCKS: &[&str] = &[
    // The clock of a thread: the system's, or that of a simulation.
    "client/context.rs",
    // Clients of libraries are tasks, which wait by themselves.
    "client/handle.rs",
    "transport/polling/engine_reqwest.rs",
    "transport/websocket/engine_tungstenite/",
    // The reference server.
    "transport/long_polling/server.rs",
    "transport/polling/server.rs",
    "transport/websocket/server/",
];
/// What reads a clock: `now` of any type, the system call, and the types of `time` that use it.
const CLOCK_READS: &[&str] = &[
    "::now(",
    "::now)",
    "clock_gettime",
    "ClockReading::read",
    "WallClock::new",
    "now_and_moment_of",
    ".elapsed(",
];
/// Functions of `time` that read a clock.
const CLOCK_FUNCTIONS: &[&str] = &["now_ns", "process_cpu_ns", "thread_cpu_ns"];

/// Macros that panic if an output is closed or full. `cmd/console.rs` writes without them.
const PRINTS: &[&str] = &["println!", "print!(", "dbg!"];
/// What writes to an output: `cmd` alone uses it, and `run/worker.rs` to answer its parent.
const OUTPUTS: &[&str] = &["io::stdout", "stdout()", "stderr()"];

/// A file from this many lines on is named when the test runs.
const WARN_LINES: usize = 500;
/// A file may not be longer.
const MOST_LINES: usize = 800;

/// A source file: its path below `src`, and its code without comments and tests.
pub struct Source {
    pub path: PathBuf,
    /// The segments of its module's path, without `crate`.
    module: Vec<String>,
    pub code: String,
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Code without comments and without the tests at its end.
fn code(text: &str) -> String {
    let is_tests = |at: &usize| {
        let next = text[*at..].lines().nth(2).unwrap_or_default();
        next.ends_with("mod tests {") || next.ends_with("mod tests;")
    };
    let found = text.match_indices("\n#[cfg(test)]\n").map(|(at, _)| at).find(is_tests);
    let end = found.unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The path of the module that a file is.
fn module_of(path: &Path) -> Vec<String> {
    let mut module: Vec<String> = path
        .with_extension("")
        .components()
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

/// Every source file, test modules in files of their own left out.
pub fn sources() -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a source is text");
        let path = path.strip_prefix(&root).expect("it was found there").to_owned();
        let module = module_of(&path);
        if !module.iter().any(|segment| segment == "tests") {
            sources.push(Source { path, module, code: code(&text) });
        }
    }
    sources
}

/// The name of the folder or file directly below `src`.
fn top(source: &Source) -> String {
    source.module.first().cloned().unwrap_or_else(|| "lib".to_owned())
}

/// The paths in a piece of code that begin with `crate`, `self` or `super`, groups taken apart.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            let inside = code[..at].ends_with("super::");
            if inside || before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            expand("", &code[at..], &mut found);
        }
    }
    found
}

/// Takes a path with groups apart: `a::{b, c::d}` is `a::b` and `a::c::d`. Gives how much of the
/// text it took.
pub fn expand(prefix: &str, text: &str, into: &mut Vec<String>) -> usize {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let end = end.unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..end]);
    if !(text[end..].starts_with('{') && path.ends_with("::")) {
        into.push(path.trim_end_matches(':').to_owned());
        return end;
    }
    let mut at = end + 1;
    loop {
        at += text[at..].len() - text[at..].trim_start_matches([' ', '\n', ',', '\t']).len();
        if at >= text.len() || text[at..].starts_with('}') {
            return at + 1;
        }
        let took = expand(&path, &text[at..], into);
        at += took.max(1);
        // An alias, or the star of a glob.
        at += text[at..].find([',', '}']).unwrap_or(0);
    }
}

/// The absolute segments of a path that is used in a module.
fn absolute(path: &str, module: &[String]) -> Vec<String> {
    let mut base = module.to_vec();
    let mut segments = path.split("::").peekable();
    match segments.peek() {
        Some(&"crate") => {
            segments.next();
            base.clear();
        }
        Some(&"self") => {
            segments.next();
        }
        _ => {}
    }
    while segments.peek() == Some(&"super") {
        segments.next();
        base.pop();
    }
    base.extend(segments.filter(|s| *s != "self").map(str::to_owned));
    base
}

/// What a module exports again from its children: name to child.
fn exports(source: &Source) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for statement in source.code.split(';') {
        let Some(at) = statement.find("pub use ").or_else(|| statement.find("pub(crate) use "))
        else {
            continue;
        };
        let tree = statement[at..].split_once("use ").map_or("", |(_, tree)| tree);
        let mut leaves = Vec::new();
        expand("", tree, &mut leaves);
        for leaf in leaves {
            if let Some((module, name)) = leaf.rsplit_once("::") {
                found.insert(name.to_owned(), module.to_owned());
            }
        }
    }
    found
}

/// The files that each file uses, by place in the list. What a module exports again leads to the
/// file that has it.
fn file_graph(sources: &[Source]) -> Vec<BTreeSet<usize>> {
    let by_module: BTreeMap<&[String], usize> =
        sources.iter().enumerate().map(|(i, s)| (s.module.as_slice(), i)).collect();
    let exported: Vec<_> = sources.iter().map(exports).collect();
    let find = |segments: &[String]| -> Option<usize> {
        let mut segments = segments.to_vec();
        for _ in 0..4 {
            let len =
                (1..=segments.len()).rev().find(|&n| by_module.contains_key(&segments[..n]))?;
            let file = by_module[&segments[..len]];
            let again = segments.get(len).and_then(|name| exported[file].get(name));
            match again {
                Some(child) if !child.starts_with("crate") => {
                    let rest = segments.split_off(len);
                    segments.extend(child.split("::").map(str::to_owned));
                    segments.extend(rest);
                }
                Some(other) => {
                    let rest = segments.split_off(len);
                    segments = absolute(other, &[]);
                    segments.extend(rest);
                }
                None => return Some(file),
            }
        }
        None
    };
    sources
        .iter()
        .enumerate()
        .map(|(own, source)| {
            let used = paths(&source.code);
            let used = used.iter().filter_map(|path| find(&absolute(path, &source.module)));
            used.filter(|&file| file != own).collect()
        })
        .collect()
}

/// Whether one module is within the other.
fn is_within(inner: &[String], outer: &[String]) -> bool {
    inner.len() > outer.len() && inner.starts_with(outer)
}

#[test]
fn folders_use_what_their_arrows_allow_and_use_all_of_them() {
    let sources = sources();
    let mut wrong = BTreeSet::new();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for source in sources.iter().filter(|s| !FREE.contains(&top(s).as_str())) {
        let from = top(source);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == from) else {
            wrong.insert(format!("src/{from} has no row in ARROWS"));
            continue;
        };
        for path in paths(&source.code) {
            let Some(to) = absolute(&path, &source.module).first().cloned() else { continue };
            if to == from {
                continue;
            }
            if !allowed.contains(&to.as_str()) {
                wrong.insert(format!("{} uses crate::{to}", source.path.display()));
            }
            used.insert((from.clone(), to));
        }
    }
    for (from, allowed) in ARROWS {
        for to in *allowed {
            if !used.contains(&((*from).to_owned(), (*to).to_owned())) {
                wrong.insert(format!("nobody uses the arrow from {from} to {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn arrows_have_no_cycle() {
    let mut left: Vec<_> = ARROWS.to_vec();
    loop {
        let names: BTreeSet<&str> = left.iter().map(|(name, _)| *name).collect();
        let before = left.len();
        left.retain(|(_, uses)| uses.iter().any(|to| names.contains(to)));
        if left.len() == before {
            break;
        }
    }
    let names: Vec<_> = left.iter().map(|(name, _)| name).collect();
    assert!(left.is_empty(), "a cycle is among {names:?}");
}

/// A decision on a check is made by its variant: its name is a text for files and people.
#[test]
fn names_of_checks_stand_in_their_table_alone() {
    let sources = sources();
    let is_table = |source: &&Source| source.path == Path::new("report/check.rs");
    let table = sources.iter().find(is_table).expect("the table of checks");
    let rows = table.code.split("pub enum Check:").nth(1).expect("its rows");
    let rows = rows.split("\n    }").next().expect("at least what is before").lines();
    let names: Vec<&str> = rows
        .filter(|row| row.trim_start().starts_with(char::is_uppercase))
        .filter_map(|row| row.split('"').nth(1))
        .collect();
    assert!(names.contains(&"no_process_lost") && names.len() >= 17, "{names:?}");
    for source in sources.iter().filter(|source| !is_table(source)) {
        for name in &names {
            let literal = format!("\"{name}\"");
            assert!(!source.code.contains(&literal), "{} has {literal}", source.path.display());
        }
    }
}

/// A decision on a transport is made by its kind: a result's text is read once. Pictures, the command
/// line and the columns of one transport have names, and decide nothing.
#[test]
fn no_decision_hangs_on_a_transports_name() {
    let decides = |source: &&Source| {
        ["gate", "predict", "report/summary", "result", "run"]
            .iter()
            .any(|folder| source.path.starts_with(folder))
    };
    let sources = sources();
    let deciding: Vec<&Source> = sources.iter().filter(decides).collect();
    assert!(deciding.len() > 50, "{}", deciding.len());
    for source in deciding {
        for kind in TransportKind::ALL {
            let literal = format!("\"{}\"", kind.name());
            assert!(!source.code.contains(&literal), "{} has {literal}", source.path.display());
        }
    }
}

#[test]
fn no_two_files_use_each_other() {
    let sources = sources();
    let mut graph = file_graph(&sources);
    // A module and what is within it are one thing in several files.
    for (from, uses) in graph.iter_mut().enumerate() {
        let own = &sources[from].module;
        uses.retain(|&to| {
            let other = &sources[to].module;
            !is_within(own, other) && !is_within(other, own)
        });
    }
    let reach = |from: usize| -> BTreeSet<usize> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            next.extend(graph[file].iter().filter(|to| seen.insert(**to)));
        }
        seen
    };
    let reached: Vec<_> = (0..sources.len()).map(reach).collect();
    let mut cycles = BTreeSet::new();
    for file in 0..sources.len() {
        if reached[file].contains(&file) {
            let cycle = reached[file].iter().filter(|&&to| reached[to].contains(&file));
            let names: Vec<_> = cycle.map(|&i| sources[i].path.display().to_string()).collect();
            cycles.insert(names.join(", "));
        }
    }
    let cycles: Vec<_> = cycles.into_iter().collect();
    assert!(cycles.is_empty(), "files that use each other:\n{}", cycles.join("\n"));
}

#[test]
fn a_transport_uses_no_sibling() {
    let sources = sources();
    let folders: BTreeSet<&String> =
        sources.iter().filter_map(|s| s.module.get(1).filter(|_| top(s) == "transport")).collect();
    assert!(folders.len() >= 6, "{folders:?}");
    for source in &sources {
        let own = source.module.get(1).filter(|_| top(source) == "transport");
        // The registry names them all.
        if source.module == ["transport"] {
            continue;
        }
        for path in paths(&source.code) {
            let path = absolute(&path, &source.module);
            let named = path.get(1).filter(|_| path[0] == "transport");
            let other = named.filter(|name| folders.contains(name) && Some(*name) != own);
            assert!(other.is_none(), "{} uses {}", source.path.display(), path.join("::"));
        }
    }
}

#[test]
fn what_must_be_absent_is_absent() {
    let sources = sources();
    for (folder, _) in ABSENT {
        assert!(sources.iter().any(|s| top(s) == *folder), "no folder {folder}");
    }
    for source in &sources {
        let own = top(source);
        let absent = ABSENT.iter().filter(|(folder, _)| *folder == own).flat_map(|(_, w)| *w);
        let free = own == "cmd" || source.path == Path::new("run/worker.rs");
        let outputs = OUTPUTS.iter().filter(|_| !free);
        for word in absent.chain(PRINTS).chain(outputs) {
            assert!(!source.code.contains(word), "{} has {word}", source.path.display());
        }
    }
}

/// Returns what in a source reads a clock.
fn clock_read(source: &Source) -> Option<String> {
    let word = CLOCK_READS.iter().find(|word| source.code.contains(*word));
    word.map(|word| (*word).to_owned()).or_else(|| {
        paths(&source.code).into_iter().find(|path| {
            let path = absolute(path, &source.module);
            let name = path.last().map_or("", String::as_str);
            path.first().is_some_and(|top| top == "time") && CLOCK_FUNCTIONS.contains(&name)
        })
    })
}

fn is_in(path: &str, names: &[&str]) -> bool {
    names.iter().any(|name| path == *name || (name.ends_with('/') && path.starts_with(name)))
}

/// A simulation has no other time than its own, and a test repeats.
#[test]
fn state_machines_and_parsers_read_no_clock() {
    let sources = sources();
    for name in CLOCKLESS.iter().chain(CLOCKS) {
        let known = |source: &Source| is_in(&source.path.display().to_string(), &[name]);
        assert!(sources.iter().any(known), "no src/{name}");
    }
    let mut have = BTreeSet::new();
    for source in &sources {
        let path = source.path.display().to_string();
        let Some(read) = clock_read(source).filter(|_| is_in(&path, CLOCKLESS)) else { continue };
        let exception = CLOCKS.iter().find(|name| is_in(&path, &[name]));
        assert!(exception.is_some(), "src/{path} reads a clock: {read}. Pass the time in");
        have.extend(exception);
    }
    assert_eq!(have, CLOCKS.iter().collect(), "an exception that nobody needs");
}

#[test]
fn what_reads_a_clock_is_found() {
    let read = |code: &str| {
        let module = ["client", "core"].map(str::to_owned).into();
        clock_read(&Source { path: PathBuf::new(), module, code: code.to_owned() })
    };
    for code in [
        "use crate::time::{Schedule, now_ns};",
        "let ns = crate::time::now_ns();",
        "let at = std::time::Instant::now();",
        "let s = jiff::Timestamp::now().as_second();",
        "then.get_or_insert_with(SystemTime::now)",
        "let at = then.elapsed();",
        "rustix::time::clock_gettime(id)",
    ] {
        assert!(read(code).is_some(), "{code}");
    }
    for code in ["let ns = self.thread.now_ns();", "io.now_ns", "use crate::time::Schedule;"] {
        assert_eq!(read(code), None, "{code}");
    }
}

#[test]
fn unsafe_code_is_in_small_files_of_its_own() {
    for source in sources() {
        if source.code.contains("unsafe {") {
            let path = source.path.display();
            assert!(source.code.lines().count() < 90, "{path} is no small file");
            let text = fs::read_to_string(root().join(&source.path)).expect("a source is text");
            assert!(text.contains("SAFETY:"), "{path} gives no reason");
        }
    }
}

/// What asks the operating system outside `os`, and why: sockets and what waits for them are `net`'s.
const ASKS_THE_SYSTEM: &[(&str, &str)] = &[
    ("net/", "sockets, and epoll, which waits for them"),
    ("time/timer/fd.rs", "a timer that a runtime waits for beside its sockets"),
];

/// What asks the operating system, the standard library apart.
const SYSTEM_CRATES: [&str; 5] = ["rustix::", "libc::", "nix::", "procfs::", "tokio::signal"];

#[test]
fn the_operating_system_is_asked_in_os_alone() {
    let mut used = BTreeSet::new();
    for source in sources() {
        let path = source.path.display().to_string();
        let asks = SYSTEM_CRATES.into_iter().find(|name| {
            source.code.match_indices(name).any(|(at, _)| {
                // Not the end of a longer word: `std::os::unix::`.
                let is_name =
                    !source.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                // Numbers of errors ask nothing.
                let item = &source.code[at + name.len()..];
                is_name && !(*name == "libc::" && item.starts_with('E'))
            })
        });
        let Some(name) = asks.filter(|_| !path.starts_with("os/")) else { continue };
        let allowed = ASKS_THE_SYSTEM.iter().find(|(folder, _)| path.starts_with(folder));
        let Some((folder, _)) = allowed else { panic!("{path} uses {name}: let `os` do it") };
        used.insert(folder);
    }
    assert_eq!(used.len(), ASKS_THE_SYSTEM.len(), "an exception that nobody needs");
}

#[test]
fn files_are_not_too_long() {
    let mut paths = Vec::new();
    walk(&root(), &mut paths);
    for path in paths {
        let lines = fs::read_to_string(&path).expect("a source is text").lines().count();
        if lines > WARN_LINES {
            let warning =
                format!("warning: {} has {lines} lines: is it one idea?\n", path.display());
            // What is printed by macros is hidden if a test passes.
            std::io::stderr().write_all(warning.as_bytes()).expect("the test has an error output");
        }
        assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_reader_of_uses_reads_groups_and_paths() {
    let found = paths("use crate::{a, b::{c, d as e}};\nfn f() { crate::d::e(); super::g::h() }");
    assert_eq!(found, ["crate::a", "crate::b::c", "crate::b::d", "crate::d::e", "super::g::h"]);
    let module: Vec<String> = ["x", "y"].map(str::to_owned).into();
    assert_eq!(absolute("super::g::h", &module), ["x", "g", "h"]);
    assert_eq!(absolute("crate::b::self", &module), ["b"]);
}

/// The only files that may name exit codes: the table of them, and what shows them.
const EXIT_CODES: &[&str] = &[
    "cmd/exit_code.rs",
    "report/conclusion.rs",
    "report/format/json.rs",
    "report/format/text/",
    "report/judgement/",
    "report/schema/",
];

#[test]
fn exit_codes_stand_in_one_table_and_are_chosen_in_one_folder() {
    let numbers = ["2", "96", "97", "98", "99", "130", "143"];
    for source in sources() {
        let path = source.path.display().to_string();
        let shows = EXIT_CODES.iter().any(|prefix| path.starts_with(prefix));
        assert!(shows || !source.code.contains("exit_code()"), "{path} asks for an exit code");
        let ends = ["ExitCode", "process::exit"].iter().any(|word| source.code.contains(word));
        assert!(!ends || path.starts_with("cmd/") || path == "main.rs", "{path} ends the process");
        // A number beside the word is a code that was written down a second time.
        for line in source.code.lines().filter(|_| path != "report/conclusion.rs") {
            let about = line.contains("exit_code") || line.contains("Conclusion::");
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
            let code = words.find(|word| numbers.contains(word));
            assert!(!about || code.is_none(), "{path}: {line}");
        }
    }
}
