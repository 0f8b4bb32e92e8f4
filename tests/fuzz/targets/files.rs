//! Any bytes as a result file, a baseline, a history, a page, a judgement or a line between processes: a value or an error,
//! and no panic. A result that is read can be summarised.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use wsbench::internals::{readers, report, result};

fuzz_target!(|bytes: &[u8]| {
    readers::baseline(bytes);
    readers::carried_judgement(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        readers::history(text);
        readers::page(text);
    }
    bytes.split(|byte| *byte == b'\n').for_each(|line| {
        readers::process_line(line);
    });
    if let Ok(read) = result::file::read_lines(Path::new("result.jsonl"), bytes) {
        report::summarise(&read);
    }
});
