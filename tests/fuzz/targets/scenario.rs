//! Any text: a plan or located faults, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use wsbench::internals::os::Machine;
use wsbench::internals::plan::resolve;
use wsbench::internals::scenario;
use wsbench::internals::config::SourceText;

fuzz_target!(|text: &str| {
    let source = SourceText { name: "x.toml".to_owned(), text: text.to_owned(), overrides: Vec::new() };
    let file = scenario::parse(source, "x".to_owned(), PathBuf::from("/nonexistent"));
    if let Err(faults) = resolve(&file, &Machine::read()) {
        assert!(!faults.to_string().is_empty());
    }
});
