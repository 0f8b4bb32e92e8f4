//! `wsbench compare` and `wsbench calibrate`: pairs of runs.
//!
//! | file | what |
//! |---|---|
//! | `target` | what is compared, as the user wrote it |
//! | `run` | one run of one side |
//! | `session` | what runs when, what counts, when it ends |
//! | `why_open` | why it has not decided, and what would |
//! | `one_server` | whether both sides are the same server |
//! | `progress` | standard error during the runs |
//! | `calibration` | the text of `wsbench calibrate` |

mod calibration;
mod one_server;
mod progress;
mod run;
mod session;
pub(crate) mod target;
mod why_open;

use crate::cli::{CalibrateArgs, CompareArgs, PairArgs};
use crate::cmd::ci;
use crate::cmd::console::{note, warn};
use crate::cmd::files::prepare_reports;
use crate::cmd::listening;
use crate::cmd::listening::Patience;
use crate::error::{Failure, Outcome, at};
use crate::gate::noise;
use crate::gate::paired::{Looks, Rules};
use crate::gate::pairs;
use crate::gate::pairs::Margins;
use crate::os;
use crate::os::Machine;
use crate::os::Signals;
use crate::plan::{CoreSplit, Plan, Server, estimate, estimate_result_bytes};
use crate::report::Conclusion;
use crate::report::finding::{Decision, Kind, Subject};
use crate::report::judgement::{JudgementView, text};
use crate::units::{human_ns, thousands};
use progress::PairProgress;
use run::ComparedSide;
pub(crate) use session::ComparedRuns;
use session::{PairSession, PairTerms};
use std::collections::BTreeSet;
use std::time::Duration;
use target::CompareTarget;

/// The time of a comparison for each series and client count, if the user names none.
const EACH_CASE: Duration = Duration::from_secs(300);

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
    let rules = match args.pairs {
        None => {
            let usual = Rules::every_pair();
            Rules { alpha: args.how.alpha.unwrap_or(usual.alpha), ..usual }
        }
        Some(pairs) => {
            let most = args.most_pairs.unwrap_or(2 * pairs);
            if most < pairs {
                let why = format!("--most-pairs {most} is less than --pairs {pairs}");
                return Err(Failure::usage(why));
            }
            let mut looks = vec![pairs, most];
            looks.dedup();
            rules_at(looks, &args.how)
        }
    };
    require_decisive(&rules, args.pairs)?;
    let limit = match (args.pairs, args.time) {
        (Some(_), _) => PairLimit::Pairs,
        (None, Some(ns)) => PairLimit::Time(Duration::from_nanos(ns)),
        (None, None) => PairLimit::TimeOfEachCase,
    };
    let mut terms = prepare(&args.how, "B against A", targets, rules, limit)?;
    terms.strict = args.strict;
    terms.only_noisy = args.only_noisy;
    terms.fail_fast = args.fail_fast;
    if let Some(why) = terms.rules.undecidable(most_metrics(&terms.sides)) {
        warn(&why);
    }
    let mut compared = run_pairs(&terms, &args.how)?;
    compared.judgement.ended = compared.caught.map(Conclusion::from);
    let text =
        (!args.verbose).then(|| text::brief(&JudgementView::comparison(&compared.judgement, None)));
    ci::print_judgement(&compared.judgement, None, text, &args.how.output)?;
    ci::write_page(&compared.judgement, &args.how.page)?;
    note_folder(&terms, &args.how);
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
    let rules = rules_at(vec![args.pairs], &args.how);
    let both = [target.clone(), target];
    let terms = prepare(&args.how, "A against A", both, rules, PairLimit::Pairs)?;
    let mut compared = run_pairs(&terms, &args.how)?;
    // What is reported for twice as many pairs is arithmetic.
    let looks = Looks::At(vec![args.pairs, 2 * args.pairs]);
    let rules = Rules { looks, ..terms.rules.clone() };
    let usual = Rules::every_pair();
    let usual = Rules { alpha: args.how.alpha.unwrap_or(usual.alpha), ..usual };
    let ComparedRuns { metrics, verdicts, orders, .. } = &compared;
    let noises = noise::measure(metrics, verdicts, orders, &rules, &usual);
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
    ci::print_judgement(judgement, None, Some(text), &args.how.output)?;
    ci::write_page(judgement, &args.how.page)?;
    note_folder(&terms, &args.how);
    Ok(judgement.conclusion())
}

/// How the two servers of a bisection's step are compared.
#[derive(Debug, Clone)]
pub(crate) struct CommitComparison {
    /// What is compared.
    pub figures: ComparedFigures,
    /// The figures that vary and decide, with the change of each that is tolerated, unless it is the usual one;
    /// empty for all.
    pub tracked: Vec<(Subject, Option<f64>)>,
    /// The time that it may take; otherwise that of `wsbench compare`.
    pub limit: Option<Duration>,
}

/// Which figures of two servers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComparedFigures {
    /// All of them.
    All,
    /// Bytes and counts, for which one pair is enough.
    Exact,
    /// What varies from run to run.
    Noisy,
}

/// Compares the servers of two commits.
///
/// # Errors
/// If the scenario cannot be used, or a run fails.
pub(crate) async fn compare_commits(
    args: &PairArgs,
    title: &str,
    targets: [CompareTarget; 2],
    how: CommitComparison,
) -> Outcome<ComparedRuns> {
    let usual = Rules::every_pair();
    let looks = match how.figures {
        ComparedFigures::All | ComparedFigures::Noisy => usual.looks.clone(),
        ComparedFigures::Exact => Looks::At(vec![1]),
    };
    let rules = Rules { looks, alpha: args.alpha.unwrap_or(usual.alpha), ..usual };
    let limit = how.limit.map_or(PairLimit::TimeOfEachCase, PairLimit::Time);
    let mut terms = prepare(args, title, targets, rules, limit)?;
    terms.only_noisy = how.figures == ComparedFigures::Noisy;
    for (subject, margin) in how.tracked {
        if let Some(margin) = margin {
            terms.margins.tolerate(&subject.metric, margin);
        }
        terms.tracked.push(subject);
    }
    run_session(&terms, args).await
}

/// Decisions at these numbers of pairs.
fn rules_at(looks: Vec<u32>, args: &PairArgs) -> Rules {
    let usual = Rules::default();
    Rules { looks: Looks::At(looks), alpha: args.alpha.unwrap_or(usual.alpha), ..usual }
}

/// Refuses too few pairs: the smallest p of an exact test depends on their number.
fn require_decisive(rules: &Rules, pairs: Option<u32>) -> Outcome<()> {
    let most = rules.most_pairs();
    let level = rules.alpha;
    let p = rules.smallest_p(most);
    if p <= level {
        return Ok(());
    }
    let given = pairs.map_or_else(String::new, |pairs| format!("--pairs {pairs}: "));
    let how = match pairs {
        Some(pairs) if pairs < most => {
            " (--most-pairs, twice --pairs unless it is given)".to_owned()
        }
        _ => String::new(),
    };
    let more = match rules.least_pairs(1) {
        Some(enough) => format!("run at least {enough} pairs"),
        None => "run more pairs".to_owned(),
    };
    Err(Failure::usage(format!(
        "{given}even {most} pairs{how} have a p of at least {p}, and nothing fails above {level}: {more}, \
         or raise --alpha"
    )))
}

/// Returns how many metrics are compared at the most.
fn most_metrics(sides: &[ComparedSide; 2]) -> usize {
    let rows = sides[0].plan.first_cases().count();
    // Of a server that runs already nothing is known but what it sends.
    let servers = sides.iter().any(|side| !matches!(side.target, CompareTarget::Url(_)));
    pairs::most_metrics(rows, servers, sides.iter().all(ComparedSide::has_own_driver))
}

/// What ends a comparison that has not decided.
#[derive(Debug, Clone, Copy)]
enum PairLimit {
    /// The number of pairs alone.
    Pairs,
    /// A time, beside that.
    Time(Duration),
    /// [`EACH_CASE`] for each series and client count.
    TimeOfEachCase,
}

impl PairLimit {
    fn of(self, plan: &Plan) -> Option<Duration> {
        match self {
            PairLimit::Pairs => None,
            PairLimit::Time(limit) => Some(limit),
            PairLimit::TimeOfEachCase => Some(EACH_CASE * plan.first_cases().count().max(1) as u32),
        }
    }
}

/// Checks, once for each target, whether it can be run here.
fn prepare(
    args: &PairArgs,
    title: &str,
    targets: [CompareTarget; 2],
    rules: Rules,
    limit: PairLimit,
) -> Outcome<PairTerms> {
    let margins =
        Margins::read(&args.margins).map_err(|why| Failure::usage(format!("--margin: {why}")))?;
    os::raise_open_files();
    if let PairLimit::Time(Duration::ZERO) = limit {
        return Err(Failure::usage("--time 0s leaves no time for a pair"));
    }
    let same = targets[0] == targets[1];
    let (sides, one_address) = prepare_sides(&targets, args)?;
    let [plan_a, plan_b] = sides.each_ref().map(|side| &side.plan);
    let one_server = one_server::describe_same_server(plan_a, plan_b);
    let together = sides.iter().all(|side| side.together);
    let arrangement = describe_arrangement(&sides, args.sequential || one_address.is_some());
    let shown = if same { 1 } else { 2 };
    for warning in sides.iter().take(shown).flat_map(|side| &side.warnings).chain(&one_server) {
        warn(warning);
    }
    require_one_length(&sides)?;
    for side in sides.iter().take(shown) {
        listening::require(&side.plan, Patience::Timeout)?;
    }
    let name = &sides[0].plan.name;
    let limited = sides.iter().any(|side| side.limited);
    let limit = limit.of(&sides[0].plan);
    // The pairs that run at the most, and a warm-up.
    let most = u64::from(rules.most_pairs());
    let one = estimate_duration(&sides[0].plan).as_nanos().max(1);
    let in_time = limit.map_or(most, |limit| u64::try_from(limit.as_nanos() / one).unwrap_or(most));
    let least = u64::from(rules.deciding().first().copied().unwrap_or(1));
    if in_time < least {
        warn(format!(
            "there is time for some {in_time} pairs, and the first decision needs {least}: allow more \
             than {} by --time",
            human_ns(least as f64 * one as f64)
        ));
    }
    let runs = most.min(in_time) + 1;
    let result_bytes = sides.iter().map(|side| runs * estimate_result_bytes(&side.plan)).sum();
    let note = "the scenario's limits are checked by `wsbench run` only";
    let notes = limited.then(|| note.to_owned()).into_iter().chain(arrangement);
    let notes = notes.chain(describe_cores(&sides));
    let notes = notes.chain(one_server).chain(one_address).collect();
    Ok(PairTerms {
        title: format!("{title}, {name}"),
        rules,
        limit,
        seed: choose_seed(args.seed),
        margins,
        strict: false,
        together,
        only_noisy: false,
        fail_fast: false,
        tracked: Vec::new(),
        out: prepare_reports(args.out.as_deref(), &format!("{name}-pairs"), result_bytes)?,
        notes,
        sides,
    })
}

/// Returns the seed of the pairs' orders: the user's, or one drawn at random. A seed that is the same for every
/// comparison would give all of them the same orders.
fn choose_seed(given: Option<u64>) -> u64 {
    // Short, so that it can be typed again.
    given.unwrap_or_else(|| u32::from_le_bytes(os::random_bytes()).into())
}

/// Prepares both sides to run at the same time if they can; else a sentence says so if it is for their
/// one address.
fn prepare_sides(
    targets: &[CompareTarget; 2],
    args: &PairArgs,
) -> Outcome<([ComparedSide; 2], Option<String>)> {
    let both = |sequential| -> Outcome<[ComparedSide; 2]> {
        let [a, b] = targets.clone();
        Ok([prepare_side("a", a, args, sequential)?, prepare_side("b", b, args, sequential)?])
    };
    let sides = both(args.sequential)?;
    let [a, b] = sides.each_ref().map(|side| &side.plan);
    let one_address = one_server::describe_one_address(a, b);
    // One side may have a reason of its own.
    let differ = sides[0].together != sides[1].together;
    let sides = if differ || one_address.is_some() { both(true)? } else { sides };
    Ok((sides, one_address))
}

/// Refuses addresses of different lengths if an engine does not show its requests.
fn require_one_length(sides: &[ComparedSide; 2]) -> Outcome<()> {
    let [a, b] = sides.each_ref().map(|side| side.plan.server.authority());
    let unseen = sides[0].plan.series.iter().find(|s| s.settings.foreign_sockets().is_some());
    let Some(series) = unseen.filter(|_| a.len() != b.len()) else { return Ok(()) };
    Err(Failure::usage(format!(
        "--a and --b: the addresses {a} and {b} have different lengths. Requests carry them in `Host`, \
         so that the bytes of A and B would differ by that alone, and the engine of series {:?} does not \
         show its requests. Choose a port with as many digits, or write {{port}} for a free one of five \
         digits",
        series.label
    )))
}

fn prepare_side(
    name: &'static str,
    target: CompareTarget,
    args: &PairArgs,
    sequential: bool,
) -> Outcome<ComparedSide> {
    let mut overrides = args.overrides.clone();
    overrides.extend(target.overrides(args.ready_timeout));
    let machine = Machine::read();
    let mut prepared = crate::cmd::plan::prepare(&args.scenario, &overrides, &machine)?;
    // Another wsbench gets the halved client counts, and its scenario's durations by client count
    // would be those of other cases.
    let is_binary = matches!(target, CompareTarget::Binary { .. });
    let is_stretched = is_binary && prepared.plan.cases.iter().any(|case| case.stretch.is_some());
    let together = !sequential && !is_stretched && prepared.plan.can_halve_clients();
    if together {
        prepared.plan.halve_clients(&machine);
    }
    if let Some(refusal) = prepared.preflight.refusal() {
        return Err(Failure::run(refusal));
    }
    let mut plan = prepared.plan;
    // A build of wsbench starts its own driver and server.
    let cores = CoreSplit::halves(&os::allowed_cores()).filter(|_| !is_binary && !args.share_cores);
    if let Some(cores) = cores {
        plan.split_cores(cores, &machine);
    }
    if let Server::External { start, processes, .. } = &mut plan.server
        && !is_binary
    {
        if processes.is_some() {
            let why = "[server] pid, cgroup and docker are of one server, and A and B are two: leave \
                       them out";
            return Err(Failure::usage(why));
        }
        if let Some(start) = start {
            // Of dozens of runs only what a failed start wrote is shown.
            start.keep_output = false;
            if let CompareTarget::Command { folder, .. } = &target {
                start.folder = folder.clone();
            }
        }
    }
    let own_server = plan.series.iter().find(|series| series.server.is_some());
    if let Some(series) = own_server.filter(|_| !is_binary) {
        return Err(Failure::usage(format!(
            "series {:?} has a `url` of its own, so that A and B would be the same server: leave \
             `url` out of it, and give its path in server.paths",
            series.label
        )));
    }
    // The driver's floor is not compared.
    plan.cases.retain(|case| !case.floor);
    let mut overrides = args.overrides.clone();
    if together {
        // What this program's own clients get by the plan.
        let counts: Vec<u32> = plan.first_cases().map(|case| case.clients).collect();
        let counts: BTreeSet<u32> = counts.into_iter().collect();
        overrides.push(format!("clients={:?}", Vec::from_iter(counts)));
    }
    if is_binary && !prepared.limits.is_empty() {
        // A limit would end a run that is compared, and its client counts are others.
        overrides.push("limit=[]".to_owned());
    }
    let scenario = args.scenario.clone();
    let limited = !prepared.limits.is_empty();
    let warnings = prepared.warnings;
    Ok(ComparedSide { name, target, plan, scenario, overrides, limited, warnings, together })
}

fn run_pairs(terms: &PairTerms, args: &PairArgs) -> Outcome<ComparedRuns> {
    crate::run::runtime()?.block_on(run_session(terms, args))
}

async fn run_session(terms: &PairTerms, args: &PairArgs) -> Outcome<ComparedRuns> {
    let planned = estimate_duration(&terms.sides[0].plan);
    let first = terms.rules.deciding().first().copied().unwrap_or(1);
    let progress = PairProgress::new(args.quiet, planned, first);
    let signals = Signals::catch().map_err(at("cannot listen for signals"))?;
    let done = PairSession::new(terms, signals, progress).run().await;
    done.map_err(|failure| {
        failure.with_note(&format!("what was recorded is in {}", terms.out.display()))
    })
}

fn note_folder(terms: &PairTerms, args: &PairArgs) {
    if !args.quiet {
        note(format_args!("the runs' results are in {}", terms.out.display()));
    }
}

/// Says in which way the runs of a pair follow each other, unless the user or an address has decided it.
fn describe_arrangement(sides: &[ComparedSide; 2], decided: bool) -> Option<String> {
    let counts: BTreeSet<u32> = sides[0].plan.first_cases().map(|case| case.clients).collect();
    let counts: Vec<String> = counts.iter().map(|count| thousands((*count).into())).collect();
    let list = counts.join(", ");
    if sides.iter().all(|side| side.together) {
        return Some(format!(
            "A and B ran at the same time, each with half of the scenario's clients ({list})"
        ));
    }
    (!decided).then(|| {
        format!(
            "A and B ran one after the other, each with all clients ({list}): client counts that cannot \
             be halved, or durations by client count of another wsbench"
        )
    })
}

/// Says which cores each side has, if the targets are servers.
fn describe_cores(sides: &[ComparedSide; 2]) -> Option<String> {
    let side = sides.iter().find(|side| !side.has_own_driver())?;
    let list = |cores: &[u32]| {
        let all: Vec<String> = cores.iter().map(u32::to_string).collect();
        format!("{} {}", if cores.len() == 1 { "core" } else { "cores" }, all.join(", "))
    };
    let driver = side.plan.driver_cores();
    let server = side.plan.server_cores();
    (!driver.is_empty()).then(|| {
        format!(
            "the driver ran on {}, and servers that were started on {} (--share-cores lets both have \
             all)",
            list(driver),
            list(server)
        )
    })
}

/// Estimates how long a run of a plan takes.
fn estimate_duration(plan: &Plan) -> Duration {
    Duration::from_nanos(plan.cases.iter().map(|case| estimate(plan, case).duration_ns).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_comparison_has_a_seed_of_its_own_unless_one_is_given() {
        assert_eq!(choose_seed(Some(2009)), 2009);
        let drawn: BTreeSet<u64> = (0..20).map(|_| choose_seed(None)).collect();
        assert!(drawn.len() > 15, "{drawn:?}");
    }
}
