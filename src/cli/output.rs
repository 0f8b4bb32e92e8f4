//! What every command that judges writes, and the commands that only write.

use crate::cli::OUTPUT;
use crate::report::schema::DOCUMENTS;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What to print and what to write for CI.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OutputArgs {
    /// What to print on standard output
    #[arg(
        long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text,
        help_heading = OUTPUT
    )]
    pub format: OutputFormat,
    /// Also write the findings as JUnit XML, even if the command fails
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub junit: Option<PathBuf>,
}

/// A page to write.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct HtmlArgs {
    /// Also write one HTML page that loads nothing
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub html: Option<PathBuf>,
}

/// The reports of runs, and what is printed of them.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportingArgs {
    /// The reports to write: text, csv, json, html, png, or none
    #[arg(
        long, value_name = "LIST", value_delimiter = ',', default_value = "text,csv,json,html,png",
        help_heading = OUTPUT
    )]
    pub reports: Vec<String>,
    /// What to print
    #[command(flatten)]
    pub output: OutputArgs,
    /// Print the whole summary.txt instead of one screen
    #[arg(long, short, help_heading = OUTPUT)]
    pub verbose: bool,
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Tables for people
    #[default]
    Text,
    /// One JSON document, described by `wsbench schema`
    Json,
    /// Markdown, as in the summary of a job of GitHub Actions
    Markdown,
    /// For github-action-benchmark, `tool: customSmallerIsBetter`
    GithubActionBenchmark,
    /// For `bencher run --adapter json`
    Bencher,
    /// JUnit XML
    Junit,
}

/// The arguments of `wsbench report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wsbench report reports/quick-20261125T224812Z
  wsbench report a/result.jsonl b/result.jsonl --out both --reports csv,png
  wsbench report a b --reports none --html both.html")]
pub(crate) struct ReportArgs {
    /// Result files, folders of runs, or their pages; those of the same plan are merged
    #[arg(value_name = "RESULT", required = true)]
    pub results: Vec<PathBuf>,
    /// Where to write the reports [default: beside the result; of pages and
    /// several results none are written]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub out: Option<PathBuf>,
    /// Results side by side
    #[command(flatten)]
    pub page: HtmlArgs,
    /// What to write and print
    #[command(flatten)]
    pub reporting: ReportingArgs,
}

/// The arguments of `wsbench verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 every figure is what the rows give; 96 one is not, or a law
of the rows does not hold.

Examples:
  wsbench verify report.html
  wsbench verify reports/quick-20261125T224812Z")]
pub(crate) struct VerifyArgs {
    /// Pages of runs and comparisons, folders of runs, or result files
    #[arg(value_name = "FILE", required = true)]
    pub paths: Vec<PathBuf>,
}

/// The arguments of the process that draws pictures.
#[derive(Debug, Args)]
pub(crate) struct DrawArgs {
    /// Result files of one plan
    #[arg(value_name = "RESULT", required = true)]
    pub results: Vec<PathBuf>,
    /// Where to draw
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The formats to draw
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub reports: Vec<String>,
}

/// The arguments of `wsbench schema`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  wsbench schema summary > summary.schema.json")]
pub(crate) struct SchemaArgs {
    /// The document to describe [default: all]
    #[arg(
        value_name = "DOCUMENT",
        value_parser = PossibleValuesParser::new(DOCUMENTS)
    )]
    pub document: Option<String>,
}
