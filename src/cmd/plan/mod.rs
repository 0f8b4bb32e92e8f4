//! `wsbench plan`: what would run, and whether the machine can.
//!
//! The text is for people. The JSON is an object with
//!
//! | key | value |
//! |---|---|
//! | `plan` | the complete plan, as in the header of a result file; times end in `_ns` |
//! | `hash` | the SHA-1 of the plan, as in a result file |
//! | `estimates` | one object a case, in the order of `plan.cases`; times in nanoseconds, sizes in bytes, `traffic` in bytes a second |
//! | `limits` | the limits: `metric`, `series`, `clients`, `condition`, `abort_on_fail`, `delay_abort_eval_ns`, `about`; those left out of the scenario are left out |
//! | `preflight` | `checks` (`name`, `needed`, `available`, `ok`, `required`, `remedy`) and `unread` |
//! | `warnings` | sentences |
//! | `ready` | whether `wsbench run` would begin |

mod rows;

use crate::cli::{PlanArgs, PlanFormat, ScenarioArgs};
use crate::cmd::heads;
use crate::cmd::init::suggest_shipped;
use crate::cmd::stdout::print;
use crate::cmd::table::{Cells, append_columns, append_section};
use crate::config::Diagnostics;
use crate::error::{Outcome, at};
use crate::gate::limit::Limit;
use crate::os::Machine;
use crate::plan::{Estimate, Plan, Preflight, Resolved, estimate, resolve};
use crate::result::ScenarioSource;
use crate::scenario;
use crate::scenario::ScenarioFile;
use crate::units::{human_ns, listed};
use rows::{case_rows, check_rows, facts, limit_rows, memory_rows, requests, traffic_rows};
use std::fmt::Write as _;
use std::path::Path;

/// The most characters of a line of a request.
const MOST_LINE_CHARS: usize = 200;

/// A scenario, resolved for this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// What will run.
    pub plan: Plan,
    /// The limits of its figures.
    pub limits: Vec<Limit>,
    /// Whether it can.
    pub preflight: Preflight,
    /// What is legal and probably a mistake.
    pub warnings: Vec<String>,
    /// What the user wrote, without secrets.
    pub source: ScenarioSource,
}

/// Reads a scenario, makes its plan and compares it with the machine.
///
/// # Errors
/// Everything that is wrong with the scenario, as one failure. That the machine is too small is in
/// [`Preflight::refusal`] instead.
pub fn prepare(path: &Path, overrides: &[String], machine: &Machine) -> Outcome<Prepared> {
    suggest_shipped(path)?;
    Ok(prepare_file(&scenario::load(path, overrides)?, machine)?)
}

/// Makes the plan of a scenario that was read, and compares it with the machine.
///
/// # Errors
/// Everything that is wrong with the scenario.
pub(in crate::cmd) fn prepare_file(
    file: &ScenarioFile,
    machine: &Machine,
) -> Result<Prepared, Diagnostics> {
    let Resolved { plan, limits, warnings } = resolve(file, machine)?;
    let preflight = Preflight::new(&plan, machine);
    // Secrets are known once the settings are read.
    let (text, overrides) = file.source.shown();
    let source = ScenarioSource { name: file.source.name.clone(), text, overrides };
    Ok(Prepared { plan, limits, preflight, warnings, source })
}

/// Prepares the scenario of a command line, with its heads, for this machine.
///
/// # Errors
/// As [`prepare`], or if a head cannot be used.
pub(in crate::cmd) fn prepare_args(args: &ScenarioArgs) -> Outcome<Prepared> {
    prepare(&args.path, &heads::overrides(args)?, &Machine::read())
}

/// Prints the plan of a scenario.
///
/// # Errors
/// If the scenario cannot be used or standard output cannot be written.
pub(crate) fn run(args: &PlanArgs) -> Outcome<()> {
    print(render(&prepare_args(&args.scenario)?, args.format)?.as_bytes())
}

/// Renders a plan.
///
/// # Errors
/// If a number in it is not JSON.
pub fn render(prepared: &Prepared, format: PlanFormat) -> Outcome<String> {
    match format {
        PlanFormat::Text => Ok(render_text(prepared)),
        PlanFormat::Json => render_json(prepared),
    }
}

fn render_json(prepared: &Prepared) -> Outcome<String> {
    let Prepared { plan, limits, preflight, warnings, .. } = prepared;
    let estimates: Vec<Estimate> = plan.cases.iter().map(|case| estimate(plan, case)).collect();
    let value = serde_json::json!({
        "plan": plan.to_public_json(),
        "hash": plan.hash(),
        "estimates": estimates,
        "limits": limits,
        "preflight": preflight,
        "warnings": warnings,
        "ready": preflight.refusal().is_none(),
    });
    let text = serde_json::to_string_pretty(&value).map_err(at("cannot render the plan"))?;
    Ok(text + "\n")
}

fn render_text(prepared: &Prepared) -> String {
    let Prepared { plan, limits, preflight, warnings, .. } = prepared;
    let mut out = String::new();
    let total: u64 = plan.cases.iter().map(|case| estimate(plan, case).duration_ns).sum();
    let count = plan.cases.len();
    let cases = if count == 1 { "1 case".to_owned() } else { format!("{count} cases") };
    let _ = writeln!(out, "{}: {cases}, about {}", plan.name, human_ns(total as f64));
    if !plan.about.is_empty() {
        let _ = writeln!(out, "{}", plan.about);
    }
    out.push('\n');
    append_columns(&mut out, &facts(plan), &[]);
    for (label, request) in requests(plan) {
        let _ = writeln!(out, "\nFirst request of {label}");
        for line in request.lines() {
            let whole = line.chars().count() <= MOST_LINE_CHARS;
            let shown: String = line.chars().take(MOST_LINE_CHARS).collect();
            let _ = writeln!(out, "  {shown}{}", if whole { "" } else { "…" });
        }
    }
    let mut section = |title, rows: &[Cells], right| append_section(&mut out, title, rows, right);
    section("Cases, in this order", &case_rows(plan), &[0, 2, 3, 4, 5, 8]);
    let traffic = "Expected bytes a second while load lasts, all clients together";
    section(traffic, &traffic_rows(plan), &[0, 2, 3, 4, 5, 6, 7, 8]);
    for (why, labels) in plan.unpredicted() {
        let _ = writeln!(out, "  not known of {}: {why}", listed(&labels));
    }
    let mut section = |title, rows: &[Cells], right| append_section(&mut out, title, rows, right);
    section("Expected memory (estimates)", &memory_rows(plan), &[0, 2, 3, 4, 5, 6]);
    section("Limits", &limit_rows(limits), &[]);
    section("This machine", &check_rows(preflight), &[]);
    for check in preflight.checks.iter().filter(|c| !c.ok) {
        let _ = writeln!(out, "  {}: {}", check.name, check.remedy);
    }
    for unread in &preflight.unread {
        let _ = writeln!(out, "  not checked: {unread}");
    }
    for warning in warnings {
        let _ = writeln!(out, "\nwarning: {warning}");
    }
    let verdict = match preflight.refusal() {
        None => "`wsbench run` would begin.",
        Some(_) => "`wsbench run` would refuse: the machine is too small.",
    };
    let _ = writeln!(out, "\n{verdict}");
    out
}
