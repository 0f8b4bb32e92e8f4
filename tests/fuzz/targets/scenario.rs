//! Any text and overrides: a plan or located faults, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;
use wsbench::internals::os::Machine;
use wsbench::internals::plan::resolve;
use wsbench::internals::scenario;
use wsbench::internals::config::SourceText;

/// Reading it takes longer than planning.
static MACHINE: LazyLock<Machine> = LazyLock::new(Machine::read);

fuzz_target!(|input: (String, Vec<String>)| {
    let (text, overrides) = input;
    let source = SourceText { name: "x.toml".to_owned(), text, overrides };
    let file = scenario::parse(source, "x".to_owned(), PathBuf::from("/nonexistent"));
    if let Err(faults) = resolve(&file, &MACHINE) {
        assert!(!faults.to_string().is_empty());
    }
});
