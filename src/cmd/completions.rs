//! `wsbench completions` and `wsbench man`: clap's own generators.

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::cmd::stdout::print;
use crate::error::{Failure, Outcome, at};
use clap::CommandFactory;
use clap_mangen::Man;

/// Prints a completion script.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn completions(args: &CompletionsArgs) -> Outcome<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wsbench", &mut script);
    print(&script)
}

/// Prints the manual page of the program or of a subcommand.
///
/// # Errors
/// If there is no such subcommand, or standard output cannot be written.
pub(crate) fn man(args: &ManArgs) -> Outcome<()> {
    let mut program = Cli::command();
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            let found = found.ok_or_else(|| {
                Failure::usage(format!("there is no subcommand {name:?}: see `wsbench --help`"))
            })?;
            found.display_name(format!("wsbench-{name}"))
        }
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(at("cannot render the manual page"))?;
    print(&text)
}
