//! One file a subcommand. The only folder that prints and that knows exit codes.

pub(crate) mod ci;
pub(crate) mod compare;
mod exit_code;
pub(crate) mod gate;
pub(crate) mod heads;
pub(crate) mod init;
pub(crate) mod model;
pub(crate) mod plan;
pub(crate) mod relay;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod serve;

use crate::cli::Command;
use crate::error::{Failure, Outcome, at};
use crate::report::Conclusion;
use std::io::Write;

/// Runs a subcommand. Returns what it came to.
///
/// # Errors
/// What ended it early, with its message and exit code.
pub(crate) fn run(command: Command) -> Outcome<Conclusion> {
    let passed = |()| Conclusion::Passed;
    match command {
        Command::Run(args) => run::run(&args),
        Command::Plan(args) => plan::run(&args).map(passed),
        Command::Model(args) => model::run(&args).map(passed),
        Command::Serve(args) => serve::run(&args).map(passed),
        Command::Relay(args) => relay::run(&args).map(passed),
        Command::Report(args) => report_again(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Calibrate(args) => compare::calibrate(&args),
        Command::Schema(args) => schema::run(&args).map(passed),
        Command::Init { file } => init::run(&file).map(passed),
        Command::Worker => crate::run::worker::drive().map(passed),
        Command::Server => serve::child().map(passed),
    }
}

/// Shows why a command ended early.
pub(crate) fn complain(failure: &Failure) {
    eprintln!("error: {failure:#}");
}

/// Writes to standard output; a reader that has seen enough is no fault.
///
/// # Errors
/// Where standard output cannot be written, as to a full disk.
pub(crate) fn print(bytes: &[u8]) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(at("cannot write to standard output")),
    }
}

/// `wsbench report`: reads, renders, prints.
fn report_again(args: &crate::cli::ReportArgs) -> Outcome<Conclusion> {
    ci::watched("report", &args.output, || {
        let formats = report::formats(&args.reports)?;
        let beside = args.results.first().and_then(|p| p.parent());
        let out = args.out.as_deref().or(beside);
        let done = report::report(&args.results, out, &formats)?;
        ci::show_runs(&done.tables, &done.places, args.verbose, &args.output)?;
        Ok(done.tables.iter().map(|t| t.verdict.conclusion).max().unwrap_or(Conclusion::Passed))
    })
}

/// Parses the command line, runs the command, and gives its exit code.
pub fn main() -> std::process::ExitCode {
    let cli = <crate::cli::Cli as clap::Parser>::parse();
    match run(cli.command) {
        Ok(conclusion) => conclusion.into(),
        Err(failure) => {
            complain(&failure);
            Conclusion::from(&failure).into()
        }
    }
}
