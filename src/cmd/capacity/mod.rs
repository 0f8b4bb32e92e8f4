//! `wsbench capacity`: the largest load that keeps conditions.
//!
//! Separate from `gate::capacity`, which decides what is tried next, and from `trial`, which tries it.
//!
//! The JSON is an object with `until`, `vary` (`clients` or `rate`) and `series`, a list of objects:
//!
//! | key | value |
//! |---|---|
//! | `series` | the label |
//! | `end` | `found`, `driver_bound`, `most`, `nothing` or `too_many_trials` |
//! | `holds` | the largest load that holds: `load` (clients, or updates a second for each), `held` and `failed` of its full trials; null if none does |
//! | `fails` | the smallest load that does not, in the same way |
//! | `driver_bound` | the smallest load at which the driver or the machine was the limit; null if none was |
//! | `trials` | each trial in its order: `load`, `duration_ns`, `outcome` (`held`, `failed`, `driver_bound`), `why`, `result` (its file, within the folder of results) |

mod trial;

use crate::cli::{CapacityArgs, PlanFormat, Varied};
use crate::cmd::console::{note, warn};
use crate::cmd::files::prepare_reports;
use crate::cmd::plan::{Prepared, prepare_args};
use crate::cmd::run::progress::RunProgress;
use crate::cmd::stdout::print;
use crate::cmd::table::{Cells, append_section, head};
use crate::error::{Failure, Outcome, at};
use crate::gate::capacity::{
    Bracket, BracketEnd, CapacityEnd, CapacitySearch, CapacitySettings, CapacityStep, TrialLength,
    TrialOutcome,
};
use crate::gate::limit::Limit;
use crate::os;
use crate::os::{Caught, Signals};
use crate::report::Conclusion;
use crate::report::judgement::json::pretty;
use crate::run;
use crate::units::{human_ns, six_digits};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;
use trial::{Trial, TrialTerms, VariedLoad};

/// Looks for the capacity of each series.
///
/// # Errors
/// If the scenario or a condition cannot be used, or a trial failed.
pub(crate) fn run(args: &CapacityArgs) -> Outcome<Conclusion> {
    let until = conditions(&args.until)?;
    if args.allow_failed >= args.trials {
        return Err(Failure::usage(
            "--allow-failed must be less than --trials: of a load that holds at least one trial must",
        ));
    }
    os::raise_open_files();
    let prepared = prepare_args(&args.scenario)?;
    prepared.warnings.iter().for_each(warn);
    let labels = labels(&prepared, args)?;
    let out = prepare_reports(args.out.as_deref(), &format!("{}-capacity", prepared.plan.name), 0)?;
    run::runtime()?.block_on(async {
        let signals = Signals::catch().map_err(at("cannot listen for signals"))?;
        let mut session = SearchSession { args, prepared, until, out, signals, found: Vec::new() };
        let mut caught = None;
        for label in labels {
            caught = session.search(&label).await?;
            if caught.is_some() {
                break;
            }
        }
        session.print()?;
        Ok(caught.map_or_else(|| session.conclusion(), Conclusion::from))
    })
}

/// Reads the conditions.
fn conditions(until: &[String]) -> Outcome<Vec<Limit>> {
    let read = |condition: &String| {
        let limit = Limit { condition: condition.clone(), abort_on_fail: true, ..Limit::default() };
        match limit.rule() {
            Ok(_) => Ok(limit),
            Err(errors) => {
                let why: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
                Err(Failure::usage(format!("--until {condition:?}: {}", why.join("; "))))
            }
        }
    };
    until.iter().map(read).collect()
}

/// The series that are searched.
fn labels(prepared: &Prepared, args: &CapacityArgs) -> Outcome<Vec<String>> {
    let plan = &prepared.plan;
    let known = || plan.series.iter().map(|series| series.label.as_str()).collect::<Vec<_>>();
    let wanted = |label: &str| args.series.as_deref().is_none_or(|one| one == label);
    let chosen: Vec<_> = plan.series.iter().filter(|series| wanted(&series.label)).collect();
    if chosen.is_empty() {
        return Err(Failure::usage(format!(
            "--series: the scenario has no series of this label; it has {}",
            known().join(", ")
        )));
    }
    if let (Varied::Rate, Some(paced)) = (args.vary, chosen.iter().find(|series| series.paced)) {
        return Err(Failure::usage(format!(
            "--vary rate: the clients of {:?} ask at an interval, and the feed's rate is not their load; \
             vary the clients, or name a series to which the server pushes by --series",
            paced.label
        )));
    }
    Ok(chosen.into_iter().map(|series| series.label.clone()).collect())
}

/// A trial that was made.
struct MadeTrial {
    load: VariedLoad,
    length_ns: u64,
    trial: Trial,
    result: String,
}

/// What was found of a series.
struct FoundCapacity {
    series: String,
    bracket: Option<Bracket>,
    trials: Vec<MadeTrial>,
}

struct SearchSession<'a> {
    args: &'a CapacityArgs,
    prepared: Prepared,
    until: Vec<Limit>,
    out: PathBuf,
    signals: Signals,
    found: Vec<FoundCapacity>,
}

impl SearchSession<'_> {
    /// The first load of a series.
    fn first(&self) -> VariedLoad {
        let plan = &self.prepared.plan;
        let clients = plan.cases.iter().filter(|case| !case.floor).map(|case| case.clients).min();
        let own = match self.args.vary {
            Varied::Clients => f64::from(clients.unwrap_or(1)),
            Varied::Rate => plan.feed.rate_hz,
        };
        VariedLoad::new(self.args.vary, self.args.first.unwrap_or(own))
    }

    /// Searches a series, or until a signal.
    async fn search(&mut self, label: &str) -> Outcome<Option<Caught>> {
        let args = self.args;
        let place = self.found.len();
        self.found.push(FoundCapacity {
            series: label.to_owned(),
            bracket: None,
            trials: Vec::new(),
        });
        let mut search = CapacitySearch::new(CapacitySettings {
            first: self.first().amount,
            most: VariedLoad::new(args.vary, args.most).amount,
            trials: args.trials,
            allowed: args.allow_failed,
            precision: args.precision,
            most_trials: args.most_trials,
        });
        let full_ns = self.prepared.plan.timing.duration_ns;
        let terms =
            TrialTerms { scenario: &args.scenario, series: label, until: &self.until, full_ns };
        loop {
            let (load, length) = match search.next() {
                CapacityStep::Done(bracket) => {
                    self.found[place].bracket = Some(bracket);
                    return Ok(None);
                }
                CapacityStep::Trial { load, length } => (load, length),
            };
            let load = VariedLoad { vary: args.vary, amount: load };
            let number = self.found[place].trials.len() + 1;
            let result = format!("{}-{number}.jsonl", place + 1);
            let path = self.out.join(&result);
            let mut progress = RunProgress::new(args.quiet || !std::io::stderr().is_terminal());
            progress.set_heading(format!("{label} at {}: ", shown(load)));
            let mut observer = |news| progress.show(news);
            let ran = terms.run(load, length, &path, &mut self.signals, &mut observer).await;
            progress.clear();
            let doing = format!("trial {number} of {label} at {}", shown(load));
            let trial = match ran.map_err(|failure| failure.while_(doing))? {
                Ok(trial) => trial,
                Err(caught) => return Ok(Some(caught)),
            };
            let length_ns = terms.length_ns(length);
            // The shortest trial may be a whole one.
            let length = if length_ns == full_ns { TrialLength::Full } else { length };
            search.add(load.amount, length, trial.outcome);
            if !args.quiet {
                note(format_args!("{}", line(label, load, length_ns, &trial)));
            }
            self.found[place].trials.push(MadeTrial { load, length_ns, trial, result });
        }
    }

    /// Prints what was found, and writes it beside the results.
    fn print(&self) -> Outcome<()> {
        let json = pretty(&self.to_json());
        let file = self.out.join("capacity.json");
        fs::write(&file, &json).map_err(at(format!("cannot write {}", file.display())))?;
        match self.args.format {
            PlanFormat::Json => print(&json),
            PlanFormat::Text => print(self.to_text().as_bytes()),
        }
    }

    fn to_json(&self) -> Value {
        let end = |end: Option<BracketEnd>| {
            end.map(|end| {
                let load = VariedLoad { vary: self.args.vary, amount: end.load };
                json!({"load": load.value(), "held": end.trials.held, "failed": end.trials.failed})
            })
        };
        let trial = |made: &MadeTrial| {
            json!({
                "load": made.load.value(), "duration_ns": made.length_ns,
                "outcome": outcome_name(made.trial.outcome), "why": made.trial.why,
                "result": made.result,
            })
        };
        let series = self.found.iter().map(|found| {
            let bracket = found.bracket;
            let bound = bracket.and_then(|bracket| bracket.driver_bound);
            json!({
                "series": found.series,
                "end": bracket.map(|bracket| end_name(bracket.end)),
                "holds": end(bracket.and_then(|bracket| bracket.holds)),
                "fails": end(bracket.and_then(|bracket| bracket.fails)),
                "driver_bound": bound.map(|amount| VariedLoad { vary: self.args.vary, amount }.value()),
                "trials": found.trials.iter().map(trial).collect::<Vec<_>>(),
            })
        });
        json!({
            "vary": match self.args.vary { Varied::Clients => "clients", Varied::Rate => "rate" },
            "until": self.args.until,
            "series": series.collect::<Vec<_>>(),
        })
    }

    fn to_text(&self) -> String {
        let mut out = format!("until {}\n", self.args.until.join(" and "));
        for found in &self.found {
            let mut loads: Vec<VariedLoad> = found.trials.iter().map(|made| made.load).collect();
            loads.sort_unstable_by_key(|load| load.amount);
            loads.dedup();
            let rows = loads.into_iter().map(|load| row(found, load));
            let rows: Vec<Cells> =
                std::iter::once(head("load|trials|held|driver-bound|longest|the last one"))
                    .chain(rows)
                    .collect();
            append_section(&mut out, &found.series, &rows, &[0, 1, 2, 3, 4]);
            let _ = writeln!(out, "{}", answer(found, self.args));
        }
        let _ = writeln!(out, "\nresults: {}", self.out.display());
        out
    }

    fn conclusion(&self) -> Conclusion {
        let least = self.args.at_least.map(|least| VariedLoad::new(self.args.vary, least).amount);
        let mut conclusion = Conclusion::Passed;
        for bracket in self.found.iter().filter_map(|found| found.bracket) {
            let holds = bracket.holds.map_or(0, |end| end.load);
            if bracket.end == CapacityEnd::Nothing || least.is_some_and(|least| holds < least) {
                return Conclusion::LimitFailed;
            }
            if bracket.end == CapacityEnd::TooManyTrials {
                conclusion = Conclusion::Undecided;
            }
        }
        conclusion
    }
}

/// A load with its unit.
fn shown(load: VariedLoad) -> String {
    match load.vary {
        Varied::Clients if load.amount == 1 => "1 client".to_owned(),
        Varied::Clients => format!("{} clients", six_digits(load.value())),
        Varied::Rate => format!("{}/s for each client", six_digits(load.value())),
    }
}

fn line(label: &str, load: VariedLoad, length_ns: u64, trial: &Trial) -> String {
    let outcome = match trial.outcome {
        TrialOutcome::Held => "held",
        TrialOutcome::Failed => "did not hold",
        TrialOutcome::DriverBound => "the driver was the limit",
    };
    format!("{label} at {}, {}: {outcome}: {}", shown(load), human_ns(length_ns as f64), trial.why)
}

/// A load's trials as a row.
fn row(found: &FoundCapacity, load: VariedLoad) -> Cells {
    let of: Vec<&MadeTrial> = found.trials.iter().filter(|made| made.load == load).collect();
    let count =
        |outcome| of.iter().filter(|made| made.trial.outcome == outcome).count().to_string();
    let longest = of.iter().map(|made| made.length_ns).max().unwrap_or(0);
    let last = of.last().map(|made| made.trial.why.clone()).unwrap_or_default();
    vec![
        six_digits(load.value()),
        of.len().to_string(),
        count(TrialOutcome::Held),
        count(TrialOutcome::DriverBound),
        human_ns(longest as f64),
        last,
    ]
}

/// The answer as sentences.
fn answer(found: &FoundCapacity, args: &CapacityArgs) -> String {
    let FoundCapacity { series, bracket: Some(bracket), .. } = found else {
        return format!("{}: stopped before there was an answer", found.series);
    };
    let load = |amount| shown(VariedLoad { vary: args.vary, amount });
    let of = |end: &BracketEnd| {
        let full = end.trials.held + end.trials.failed;
        match full {
            0 => "no full trial".to_owned(),
            _ => format!("{} of {full} full trials", end.trials.held),
        }
    };
    let holds = bracket.holds.map(|end| format!("{} ({})", load(end.load), of(&end)));
    let fails = bracket.fails.map(|end| format!("{} ({})", load(end.load), of(&end)));
    let holds = holds.unwrap_or_else(|| "nothing".to_owned());
    match (bracket.end, fails) {
        (CapacityEnd::Found, Some(fails)) => format!("{series} holds {holds} and not {fails}"),
        (CapacityEnd::DriverBound, _) => {
            let bound = bracket.driver_bound.map(load).unwrap_or_default();
            format!(
                "{series} holds at least {holds}: at {bound} the driver or this machine was the limit; use more \
                 cores or another machine for the driver"
            )
        }
        (CapacityEnd::Nothing, _) => format!("{series} holds {holds}, not even {}", load(1)),
        (CapacityEnd::TooManyTrials, fails) => {
            let fails = fails.map(|fails| format!(" and not {fails}")).unwrap_or_default();
            format!(
                "{series} holds {holds}{fails}, which is not confirmed: there were {} trials; allow more by \
                 --most-trials, or a larger --precision",
                args.most_trials
            )
        }
        (CapacityEnd::Most | CapacityEnd::Found, _) => {
            format!("{series} holds at least {holds}, the largest load that --most allows")
        }
    }
}

fn outcome_name(outcome: TrialOutcome) -> &'static str {
    match outcome {
        TrialOutcome::Held => "held",
        TrialOutcome::Failed => "failed",
        TrialOutcome::DriverBound => "driver_bound",
    }
}

fn end_name(end: CapacityEnd) -> &'static str {
    match end {
        CapacityEnd::Found => "found",
        CapacityEnd::DriverBound => "driver_bound",
        CapacityEnd::Most => "most",
        CapacityEnd::Nothing => "nothing",
        CapacityEnd::TooManyTrials => "too_many_trials",
    }
}
