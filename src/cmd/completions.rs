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
    let mut page = Cli::command();
    page.build();
    let mut name = page.get_name().to_owned();
    for word in &args.command {
        let found = page.find_subcommand(word).cloned();
        let shown = name.replace('-', " ");
        page = found.ok_or_else(|| {
            Failure::usage(format!("there is no subcommand {word:?}: see `{shown} --help`"))
        })?;
        name = format!("{name}-{word}");
        page = page.display_name(&name);
    }
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(at("cannot render the manual page"))?;
    print(&text)
}
