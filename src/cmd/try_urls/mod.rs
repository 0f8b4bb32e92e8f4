//! `wsbench try`: measures servers by their URLs.
//!
//! The arguments become the text of a scenario, which goes the way of every other: what `run` would
//! say of it, `try` says, with the argument in place of the line.

mod scenario;

use crate::cli::TryArgs;
use crate::cmd::console::{note, warn};
use crate::cmd::init::write_new;
use crate::cmd::listening::Patience;
use crate::cmd::plan::{Prepared, prepare_file};
use crate::cmd::run::measure;
use crate::error::Outcome;
use crate::os::Machine;
use crate::report::Conclusion;
use crate::scenario::parse;
use scenario::{NAME, WrittenScenario};
use std::path::{Path, PathBuf};

/// Measures the servers of the URLs and reports. Returns what the run came to.
///
/// # Errors
/// If an argument cannot be used, nobody listens at a URL, the machine cannot hold the clients, or the run
/// failed.
pub(crate) fn run(args: &TryArgs) -> Outcome<Conclusion> {
    measure("try", &args.how, Patience::Second, || prepare(args))
}

fn prepare(args: &TryArgs) -> Outcome<Prepared> {
    let written = WrittenScenario::of(args)?;
    let file = parse(written.source(), NAME.to_owned(), PathBuf::new());
    let prepared = prepare_file(&file, &Machine::read())
        .map_err(|diagnostics| diagnostics.at_arguments(&written.arguments))?;
    if let Some(path) = &args.save {
        save(path, &written)?;
        if !args.how.quiet {
            let shown = path.display();
            note(format_args!("the scenario is in {shown}: `wsbench run {shown}` repeats it"));
        }
    }
    Ok(prepared)
}

fn save(path: &Path, written: &WrittenScenario) -> Outcome<()> {
    write_new(path, &written.text, !written.secrets.is_empty())?;
    for secret in &written.secrets {
        warn(format_args!(
            "{} holds {secret}, and only you can read it: write ${{env:NAME}} in its place before \
             others can",
            path.display()
        ));
    }
    Ok(())
}
