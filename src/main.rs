//! The program: parses the command line, runs the command, and gives its exit code.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = wsbench::cli::Cli::parse();
    match wsbench::cmd::run(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            wsbench::cmd::complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
