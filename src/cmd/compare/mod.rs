//! `wsbench compare` and `wsbench calibrate`: pairs of runs.
//!
//! | file | what |
//! |---|---|
//! | `target` | what is compared, as the user wrote it |
//! | `run` | one run of one side |
//! | `session` | what runs when, what counts, when it ends |
//! | `progress` | standard error during the runs |
//! | `calibration` | the text of `wsbench calibrate` |

mod calibration;
mod progress;
mod run;
mod session;
mod target;

use crate::cli::{CalibrateArgs, CompareArgs, PairArgs};
use crate::cmd::ci;
use crate::cmd::console::{note, warn};
use crate::cmd::files::prepare_folder;
use crate::error::{Failure, Outcome, at};
use crate::gate::noise;
use crate::gate::paired::Rules;
use crate::gate::pairs::Margins;
use crate::gate::signed_rank::smallest_p;
use crate::os;
use crate::os::Machine;
use crate::os::Signals;
use crate::plan::{Plan, Server, StartCommand, estimate};
use crate::report::Conclusion;
use crate::report::finding::{Decision, Kind};
use progress::PairProgress;
use run::ComparedSide;
use session::{Compared, PairSession, PairTerms};
use std::path::{Path, PathBuf};
use std::time::Duration;
use target::CompareTarget;

/// Compares two targets.
///
/// # Errors
/// If a target or the scenario cannot be used, or a run fails.
pub(crate) fn compare(args: &CompareArgs) -> Outcome<Conclusion> {
    ci::report_failure("compare", &args.how.output, || run_compare(args))
}

fn run_compare(args: &CompareArgs) -> Outcome<Conclusion> {
    let read = |option: &str, text: &str| {
        CompareTarget::parse(text).map_err(|why| Failure::usage(format!("{option}: {why}")))
    };
    let targets = [read("--a", &args.a)?, read("--b", &args.b)?];
    let pairs = args.how.pairs;
    let most = args.most_pairs.unwrap_or(2 * pairs);
    if most < pairs {
        return Err(Failure::usage(format!("--most-pairs {most} is less than --pairs {pairs}")));
    }
    require_decisive(most, args.how.alpha)?;
    let mut looks = vec![pairs, most];
    looks.dedup();
    let comparison = prepare(&args.how, targets)?;
    let title = format!("B against A, {}", comparison.sides[0].plan.name);
    let judging = Judging { strict: args.strict, only_noisy: args.only_noisy };
    let mut compared = comparison.run(&args.how, title, looks, judging)?;
    compared.judgement.ended = compared.caught.map(Conclusion::from);
    ci::print_judgement(&compared.judgement, None, &args.how.output)?;
    comparison.note_folder(&args.how);
    Ok(compared.judgement.conclusion())
}

/// Compares a target with itself. It passes whatever the noise is, unless a run is not valid or a
/// signal ends it.
///
/// # Errors
/// If the target or the scenario cannot be used, or a run fails.
pub(crate) fn calibrate(args: &CalibrateArgs) -> Outcome<Conclusion> {
    ci::report_failure("calibrate", &args.how.output, || run_calibrate(args))
}

fn run_calibrate(args: &CalibrateArgs) -> Outcome<Conclusion> {
    let target = match &args.target {
        Some(text) => CompareTarget::parse(text),
        None => CompareTarget::itself(),
    };
    let target = target.map_err(|why| Failure::usage(format!("--target: {why}")))?;
    let comparison = prepare(&args.how, [target.clone(), target])?;
    let title = format!("A against A, {}", comparison.sides[0].plan.name);
    let looks = vec![args.how.pairs];
    let mut compared = comparison.run(&args.how, title, looks, Judging::default())?;
    // What is reported for twice as many pairs is arithmetic.
    let looks = vec![args.how.pairs, 2 * args.how.pairs];
    let rules = Rules { looks, alpha: args.how.alpha, ..Rules::default() };
    let noises = noise::measure(&compared.metrics, &compared.verdicts, &compared.orders, &rules);
    let text = calibration::render(&noises, &compared.judgement);
    let judgement = &mut compared.judgement;
    // False alarms are what a calibration looks for; an unusable run is no answer.
    let invalid = judgement.of(Decision::Fail).any(|f| f.kind != Kind::Paired);
    let conclusion = if invalid { Conclusion::Invalid } else { Conclusion::Passed };
    for finding in judgement.findings.iter_mut().filter(|f| f.decision == Decision::Fail) {
        if finding.kind == Kind::Paired {
            finding.decision = Decision::Inconclusive;
            finding.text = format!("a false alarm: {}", finding.text);
        }
    }
    judgement.ended = Some(compared.caught.map_or(conclusion, Conclusion::from));
    ci::print_judgement_as(&text, judgement, &args.how.output)?;
    comparison.note_folder(&args.how);
    Ok(judgement.conclusion())
}

/// Refuses too few pairs: the smallest p of an exact test depends on their number.
fn require_decisive(most: u32, level: f64) -> Outcome<()> {
    let p = smallest_p(most);
    if p <= level {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{most} pairs have a p of at least {p}, and nothing fails above {level}: run more pairs, \
         or raise --alpha"
    )))
}

/// What the exit code depends on.
#[derive(Default)]
struct Judging {
    strict: bool,
    only_noisy: bool,
}

/// A comparison that is ready to run.
struct PairComparison {
    /// A note that the scenario's limits are left out, if it has some.
    limits: Option<String>,
    sides: [ComparedSide; 2],
    margins: Margins,
    out: PathBuf,
}

/// Checks, once for each target, whether it can be run here.
fn prepare(args: &PairArgs, targets: [CompareTarget; 2]) -> Outcome<PairComparison> {
    let margins =
        Margins::read(&args.margins).map_err(|why| Failure::usage(format!("--margin: {why}")))?;
    os::raise_open_files();
    let [a, b] = targets;
    let same = a == b;
    let sides = [prepare_side("a", a, args)?, prepare_side("b", b, args)?];
    let shown = if same { 1 } else { 2 };
    for warning in sides.iter().take(shown).flat_map(|side| &side.warnings) {
        warn(warning);
    }
    let [a, b] = sides.each_ref().map(ComparedSide::authority);
    if a.len() != b.len() {
        return Err(Failure::usage(format!(
            "--a and --b: the addresses {a} and {b} have different lengths. Requests carry them in \
             `Host`, so that the bytes of A and B would differ by that alone. Choose a port with \
             as many digits, or write {{port}} for a free one of five digits"
        )));
    }
    let name = &sides[0].plan.name;
    let out = args.out.clone().unwrap_or_else(|| {
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        Path::new("reports").join(format!("{name}-pairs-{time}"))
    });
    prepare_folder(&out)?;
    let limits = sides
        .iter()
        .any(|side| side.limited)
        .then(|| "the scenario's limits are checked by `wsbench run` only".to_owned());
    Ok(PairComparison { limits, sides, margins, out })
}

fn prepare_side(
    name: &'static str,
    target: CompareTarget,
    args: &PairArgs,
) -> Outcome<ComparedSide> {
    let mut overrides = args.overrides.clone();
    overrides.extend(target.address().map(|url| format!("server.url={url:?}")));
    let prepared = crate::cmd::plan::prepare(&args.scenario, &overrides, &Machine::read())?;
    if let Some(refusal) = prepared.preflight.refusal() {
        return Err(Failure::run(refusal));
    }
    let mut plan = prepared.plan;
    if let (
        CompareTarget::Command { words, url, .. },
        Server::External { url: planned, start, .. },
    ) = (&target, &mut plan.server)
    {
        *planned = url.clone();
        *start = Some(StartCommand { words: words.clone(), ready_ns: args.ready_timeout });
    }
    // The driver's floor is not compared.
    plan.cases.retain(|case| !case.floor);
    let overrides = args.overrides.clone();
    let (scenario, limited) = (args.scenario.clone(), !prepared.limits.is_empty());
    let warnings = prepared.warnings;
    Ok(ComparedSide { name, target, plan, scenario, overrides, limited, warnings })
}

impl PairComparison {
    fn run(
        &self,
        args: &PairArgs,
        title: String,
        looks: Vec<u32>,
        judging: Judging,
    ) -> Outcome<Compared> {
        let binary = |side: &ComparedSide| matches!(side.target, CompareTarget::Binary { .. });
        let terms = PairTerms {
            title,
            rules: Rules { looks, alpha: args.alpha, ..Rules::default() },
            seed: args.seed,
            margins: self.margins.clone(),
            strict: judging.strict,
            out: self.out.clone(),
            own_drivers: self.sides.iter().all(binary),
            only_noisy: judging.only_noisy,
            notes: self.limits.clone().into_iter().collect(),
        };
        let progress =
            PairProgress::new(args.quiet, estimate_duration(&self.sides[0].plan), args.pairs);
        let done = crate::run::runtime()?.block_on(async {
            let signals = Signals::catch().map_err(at("cannot listen for signals"))?;
            PairSession::new(&terms, &self.sides, signals, progress).run().await
        });
        done.map_err(|failure| {
            let kept = format!("what was recorded is in {}", self.out.display());
            failure.with_note(&kept)
        })
    }

    fn note_folder(&self, args: &PairArgs) {
        if !args.quiet {
            note(format_args!("the runs' results are in {}", self.out.display()));
        }
    }
}

/// Estimates how long a run of a plan takes.
fn estimate_duration(plan: &Plan) -> Duration {
    Duration::from_nanos(plan.cases.iter().map(|case| estimate(plan, case).duration_ns).sum())
}
