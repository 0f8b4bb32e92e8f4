//! Every parser of bytes from elsewhere has a fuzz target that reaches it: this is the list.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use wsbench::internals::readers;

/// The files with parsers, and the target in `tests/fuzz/targets` that reaches each.
const PARSERS: &[(&str, &str)] = &[
    ("cmd/compare/target.rs", "text"),
    ("config/overrides.rs", "scenario"),
    ("config/parse.rs", "scenario"),
    ("config/tree.rs", "scenario"),
    ("feed/any_size.rs", "updates"),
    ("feed/reader.rs", "updates"),
    ("feed/stamp.rs", "stamp"),
    ("gate/baseline/file.rs", "files"),
    ("gate/history/file.rs", "files"),
    ("gate/limit/grammar.rs", "limit"),
    ("net/linux/sock_diag.rs", "kernel"),
    ("net/linux/tcp_info.rs", "kernel"),
    ("os/cgroup.rs", "system"),
    ("os/docker.rs", "system"),
    ("os/memory.rs", "system"),
    ("plan/address.rs", "text"),
    ("protocol/client_data.rs", "text"),
    ("protocol/http1/cookies.rs", "text"),
    ("protocol/http1/content_coding.rs", "bodies"),
    ("protocol/http1/head.rs", "text"),
    ("protocol/http1/redirect.rs", "text"),
    ("protocol/http1/request.rs", "request"),
    ("protocol/http1/response.rs", "response"),
    ("protocol/http1/retry_after.rs", "response"),
    ("protocol/http1/success.rs", "scenario"),
    ("protocol/http2/hpack/decoder.rs", "http2"),
    ("protocol/http2/hpack/huffman.rs", "http2"),
    ("protocol/json_pointer.rs", "message"),
    ("protocol/message/decimal.rs", "message"),
    ("protocol/message/mod.rs", "message"),
    ("protocol/sse.rs", "events"),
    ("protocol/websocket/codec.rs", "frames"),
    ("protocol/websocket/deflate_coder.rs", "compressed"),
    ("protocol/websocket/deflate_offer.rs", "compressed"),
    ("protocol/websocket/codec/header.rs", "frames"),
    ("protocol/websocket/frame_scanner.rs", "frames"),
    ("protocol/template.rs", "text"),
    ("record/flow.rs", "files"),
    ("report/figure.rs", "files"),
    ("report/format/html/attachments.rs", "files"),
    ("report/format/html/rows.rs", "files"),
    ("result/file.rs", "files"),
    ("result/histogram.rs", "files"),
    ("run/client_secrets.rs", "secrets"),
    ("run/protocol.rs", "files"),
    ("scenario/mod.rs", "scenario"),
    ("secret.rs", "secrets"),
    ("secret/client_values.rs", "secrets"),
    ("secret/parts.rs", "secrets"),
    ("server/fault_injection.rs", "text"),
    ("transport/long_polling/params.rs", "scenario"),
    ("transport/mod.rs", "scenario"),
    ("transport/polling/params.rs", "scenario"),
    ("transport/streaming/cutter.rs", "stream"),
    ("transport/streaming/decoder.rs", "stream"),
    ("transport/streaming/delimiter.rs", "scenario"),
    ("transport/websocket/conversation/envelope.rs", "conversation"),
    ("transport/websocket/conversation/length.rs", "conversation"),
    ("transport/websocket/conversation/mod.rs", "scenario"),
    ("transport/websocket/conversation/pattern.rs", "conversation"),
    ("transport/websocket/conversation/payload.rs", "scenario"),
    ("transport/websocket/conversation/state.rs", "conversation"),
    ("transport/websocket/params.rs", "scenario"),
    ("transport/websocket/upgrade.rs", "upgrade"),
    ("units.rs", "text"),
];

/// Files whose functions look like parsers and only call one of those.
const CALLERS: &[&str] = &[
    "cli/capacity.rs",
    "cli/gate.rs",
    "cli/serve.rs",
    "client/compressed_bodies.rs",
    "client/streaming_response.rs",
    "cmd/try_urls/scenario.rs",
    "run/sink.rs",
    "transport/dummy.rs",
    "transport/polling/engine_reqwest.rs",
    "transport/sse/mod.rs",
    "transport/websocket/engine_tungstenite/frames.rs",
];

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() && !path.ends_with("tests") => files(&path, found),
            path if path.ends_with("tests.rs") => {}
            path if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            _ => {}
        }
    }
}

/// Whether a line begins a function that takes something apart.
fn begins_parser(line: &str) -> bool {
    let names = [
        "parse",
        "feed",
        "read_lines",
        "from_str",
        "deserialize",
        "cut",
        "decode",
        "extent",
        "attached",
        "of_lines",
        "process_of",
        "redact",
        "skip_value",
        "tcp_pages",
        "whole_bytes",
    ];
    let Some((_, name)) = line.split_once("fn ") else { return false };
    let name = name.split(['(', '<']).next().unwrap_or_default();
    let is_one = |known: &&str| {
        name.strip_prefix(*known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    !line.trim_start().starts_with("//") && names.iter().any(is_one)
}

#[test]
fn every_parser_is_in_the_list_of_fuzz_targets() {
    let mut sources = Vec::new();
    files(&root("src"), &mut sources);
    for path in sources {
        let text = fs::read_to_string(&path).expect("a file");
        let own = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let name = path.strip_prefix(root("src")).expect("it is below").display().to_string();
        let is_known =
            PARSERS.iter().any(|(file, _)| *file == name) || CALLERS.contains(&name.as_str());
        assert!(
            is_known || !own.lines().any(begins_parser),
            "src/{name} has a parser: write a fuzz target that reaches it, and a line in PARSERS"
        );
    }
    for file in PARSERS.iter().map(|(file, _)| *file).chain(CALLERS.iter().copied()) {
        assert!(root("src").join(file).is_file(), "src/{file} is in the list and not there");
    }
}

#[test]
fn every_fuzz_target_is_built_and_needed() {
    let manifest = fs::read_to_string(root("tests/fuzz/Cargo.toml")).expect("it is there");
    let built: BTreeSet<&str> =
        manifest.lines().filter_map(|line| line.strip_prefix("path = \"targets/")).collect();
    let built: BTreeSet<&str> = built.iter().filter_map(|l| l.strip_suffix(".rs\"")).collect();
    let needed: BTreeSet<&str> = PARSERS.iter().map(|(_, target)| *target).collect();
    let mut written = Vec::new();
    files(&root("tests/fuzz/targets"), &mut written);
    let written: BTreeSet<&str> =
        written.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    assert_eq!(built, needed);
    assert_eq!(written, needed);
}

/// Bytes and texts that have something of every parser below.
const CORPUS: &[&str] = &[
    "",
    "a\r\n\nbc\n\r\nd\re\r\r\nf",
    "a\0\0bc\0--aab--aaab\u{1e}x----aaby",
    "\u{2}ab\0\u{1}c\0\u{2}xy\u{30}\u{3}abc\u{30}\u{2}de",
    "000000700000000000001\n000000700000000000002\n",
    "0{\"sid\":\"x\"}",
    "a\u{30}\u{2}xy",
    "{\"a\":[{\"b\":\"c\"}],\"d\":[1,2]}",
    "[\"m\",{\"a\":\"}]\"}]\n\nbody a",
    "HTTP/1.0 200 OK\r\n\r\n{\"State\":{\"Pid\":4711}}",
    "HTTP/1.0 404 X\r\n\r\n{}",
    "4:memory:/x\n3:cpu,cpuacct:/x\n0::/x.slice\n",
    "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 3\n",
    "Authorization: Bearer kq8-canary-value\r\n folded\r\nCookie: a=\"kq8%2Fpart\"; b=é\r\n",
    "https://user:kq8-pass%20word@h/x?y",
    "‹redacted, 7 B› and ‹redacted, ",
    "kq8 \"<Z>\\ canary é & ü 🦀",
];

/// What the targets run on bytes of any kind, on these.
#[test]
fn the_bodies_of_targets_hold_on_a_small_corpus() {
    let mut understood = 0;
    for text in CORPUS {
        understood += u32::from(readers::system_text(text.as_bytes()));
        for other in CORPUS.iter().filter(|other| other.len() < 40) {
            for size in [0, 1, 2, 7] {
                readers::stream_body(text.as_bytes(), other, size, b'\n');
                readers::conversation(text.as_bytes(), other, size);
                readers::secret(other, text, size);
                readers::secret(text, other, size);
            }
        }
    }
    assert_eq!(understood, 2, "Docker's answer and the kernel's figures");
}
