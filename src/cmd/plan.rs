//! `wsbench plan`: what would run, and whether the machine can.
//!
//! The text is for people. The JSON is an object with
//!
//! | key | value |
//! |---|---|
//! | `plan` | the complete plan, as in the header of a result file; times end in `_ns` |
//! | `hash` | the SHA-1 of the plan, as in a result file |
//! | `estimates` | one object a case, in the order of `plan.cases`; times in nanoseconds, sizes in bytes, `traffic` in bytes a second |
//! | `limits` | what the figures are held against: `metric`, `series`, `clients`, `condition`, `abort_on_fail`, `delay_abort_eval_ns`, `about`; those left out of the scenario are left out |
//! | `preflight` | `checks` (`name`, `needed`, `available`, `ok`, `required`, `remedy`) and `unread` |
//! | `warnings` | sentences |
//! | `ready` | whether `wsbench run` would begin |

pub(super) mod rows;

use crate::cli::PlanArgs;
use crate::error::{Failure, Outcome};
use crate::gate::limit::Limit;
use crate::os::Machine;
use crate::plan::{Estimate, Plan, Preflight, Resolved, estimate, resolve};
use crate::scenario;
use crate::units::human_ns;
use rows::{case_rows, check_rows, columns, facts, limit_rows, memory_rows, traffic_rows};
use std::fmt::Write as _;
use std::path::Path;

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PlanFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// A scenario made ready for this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// What will run.
    pub plan: Plan,
    /// What its figures are held against.
    pub limits: Vec<Limit>,
    /// Whether it can.
    pub preflight: Preflight,
    /// What is legal and probably not meant.
    pub warnings: Vec<String>,
}

/// Reads a scenario, makes its plan and holds it against the machine.
///
/// # Errors
/// Everything that is wrong with the scenario, as one usage failure. A machine that falls short
/// is no error here; see [`Preflight::refusal`].
pub fn prepare(path: &Path, overrides: &[String], machine: &Machine) -> Outcome<Prepared> {
    let file = scenario::load(path, overrides)?;
    let Resolved { plan, limits, warnings } = resolve(&file, machine)?;
    let preflight = Preflight::new(&plan, machine);
    Ok(Prepared { plan, limits, preflight, warnings })
}

/// Prints the plan of a scenario.
///
/// # Errors
/// Where the scenario cannot be used or standard output not be written.
pub(crate) fn run(args: &PlanArgs) -> Outcome<()> {
    let overrides = crate::cmd::heads::overrides(&args.scenario, &args.overrides, &args.heads)?;
    let text = show(&prepare(&args.scenario, &overrides, &Machine::read())?, args.format)?;
    crate::cmd::print(text.as_bytes())
}

/// Renders a plan.
///
/// # Errors
/// Where a number in it is not JSON.
pub fn show(prepared: &Prepared, format: PlanFormat) -> Outcome<String> {
    match format {
        PlanFormat::Text => Ok(text(prepared)),
        PlanFormat::Json => json(prepared),
    }
}

fn json(prepared: &Prepared) -> Outcome<String> {
    let Prepared { plan, limits, preflight, warnings } = prepared;
    let estimates: Vec<Estimate> = plan.cases.iter().map(|case| estimate(plan, case)).collect();
    let value = serde_json::json!({
        "plan": plan,
        "hash": plan.hash(),
        "estimates": estimates,
        "limits": limits,
        "preflight": preflight,
        "warnings": warnings,
        "ready": preflight.refusal().is_none(),
    });
    let text = serde_json::to_string_pretty(&value).map_err(|e| Failure::run(e.to_string()))?;
    Ok(text + "\n")
}

fn text(prepared: &Prepared) -> String {
    let Prepared { plan, limits, preflight, warnings } = prepared;
    let mut out = String::new();
    let total: u64 = plan.cases.iter().map(|case| estimate(plan, case).duration_ns).sum();
    let count = plan.cases.len();
    let cases = if count == 1 { "1 case".to_owned() } else { format!("{count} cases") };
    let _ = writeln!(out, "{}: {cases}, about {}", plan.name, human_ns(total as f64));
    if !plan.about.is_empty() {
        let _ = writeln!(out, "{}", plan.about);
    }
    out.push('\n');
    columns(&mut out, &facts(plan), &[]);
    let _ = writeln!(out, "\nCases, in this order");
    columns(&mut out, &case_rows(plan), &[0, 2, 3, 4, 5, 8]);
    let _ = writeln!(out, "\nExpected bytes a second while load lasts, all clients together");
    columns(&mut out, &traffic_rows(plan), &[0, 2, 3, 4, 5, 6, 7, 8]);
    let _ = writeln!(out, "\nExpected memory (estimates)");
    columns(&mut out, &memory_rows(plan), &[0, 2, 3, 4, 5, 6]);
    if !limits.is_empty() {
        let _ = writeln!(out, "\nLimits");
        columns(&mut out, &limit_rows(limits), &[]);
    }
    let _ = writeln!(out, "\nThis machine");
    columns(&mut out, &check_rows(preflight), &[]);
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
        Some(_) => "`wsbench run` would refuse: the machine falls short.",
    };
    let _ = writeln!(out, "\n{verdict}");
    out
}
