//! One file or folder for each subcommand. The only folder that prints and that chooses the exit
//! code.

mod bisect;
mod capacity;
mod ci;
pub(crate) mod compare;
mod completions;
mod console;
mod exit_code;
mod files;
mod gate;
mod heads;
mod history;
mod init;
mod listening;
mod live;
mod model;
mod page_rows;
mod pictures;
mod pipe;
pub(crate) mod plan;
mod relay;
pub(crate) mod report;
mod run;
mod schema;
mod serve;
mod stdout;
mod table;
mod try_urls;
mod verify;

use crate::cli::{Cli, Command};
use crate::error::Outcome;
use crate::os;
use crate::report::Conclusion;
use crate::secret::redact;
use clap::Parser;
use std::process::ExitCode;

/// Parses the command line, runs the command, and returns its exit code.
pub fn main() -> ExitCode {
    os::outlive_file_size_limit();
    let done = match Cli::try_parse() {
        Ok(cli) => run(cli.command),
        Err(error) if error.use_stderr() => {
            // There is nobody left to tell.
            let _ = error.print();
            return Conclusion::Unusable.into();
        }
        // Help or the version, which was asked for.
        Err(asked) => stdout::end(asked.print()).map(|()| Conclusion::Passed),
    };
    match done {
        Ok(conclusion) => conclusion.into(),
        Err(failure) => {
            console::note(format_args!("error: {}", redact(&format!("{failure:#}"))));
            Conclusion::from(&failure).into()
        }
    }
}

fn run(command: Command) -> Outcome<Conclusion> {
    let passed = |()| Conclusion::Passed;
    match command {
        Command::Try(args) => try_urls::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Plan(args) => plan::run(&args).map(passed),
        Command::Model(args) => model::run(&args).map(passed),
        Command::Init(args) => init::run(&args).map(passed),
        Command::Report(args) => report::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Calibrate(args) => compare::calibrate(&args),
        Command::Capacity(args) => capacity::run(&args),
        Command::Bisect(args) => bisect::run(&args),
        Command::History(args) => history::run(&args),
        Command::Serve(args) => serve::run(&args).map(passed),
        Command::Relay(args) => relay::run(&args).map(passed),
        Command::Schema(args) => schema::run(&args).map(passed),
        Command::Completions(args) => completions::completions(&args).map(passed),
        Command::Man(args) => completions::man(&args).map(passed),
        Command::Worker => crate::run::worker::run_driver().map(passed),
        Command::Server => serve::child().map(passed),
        Command::Guard { group, mark } => {
            crate::run::guard::run(group, &mark);
            Ok(Conclusion::Passed)
        }
        Command::Draw(args) => report::draw(&args).map(passed),
    }
}
