//! `wsbench compare` and `wsbench calibrate`: pairs of runs.
//!
//! | file | what |
//! |---|---|
//! | `target` | what is compared, as the user wrote it |
//! | `run` | one run of one side |
//! | `session` | what runs when, what counts, when it ends |
//! | `progress` `show` | what a person sees |

mod progress;
mod run;
mod session;
mod show;
mod target;

use crate::cmd::ci;
use crate::cmd::ci::OutputArgs;
use crate::cmd::run::make_room;
use crate::error::{Failure, Outcome, at};
use crate::gate::noise::noise;
use crate::gate::paired::Rules;
use crate::gate::pairs::Margins;
use crate::gate::signed_rank::smallest_p;
use crate::os;
use crate::os::Machine;
use crate::os::Signals;
use crate::plan::{Plan, Server, StartCommand, estimate};
use crate::report::Conclusion;
use crate::report::finding::{Decision, Kind};
use crate::units::parse_duration_ns;
use progress::Progress;
use run::Side;
use session::{Compared, Session, Terms};
use std::path::{Path, PathBuf};
use std::time::Duration;
use target::Target;

const TARGETS: &str = "\
A target is one of
  a URL                        a server that runs already, http://127.0.0.1:8080
  a command line with address  './server --port {port} @ http://127.0.0.1:{port}': started anew for
                               each case of each run, waited for until it accepts a connection,
                               ended by SIGTERM; {port} stands for a free port
  a path                       another wsbench, with its own driver and reference server

Each side has a run that does not count; then pairs of runs begin, in random order.";

/// The arguments of `wsbench compare`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = TARGETS)]
pub(crate) struct CompareArgs {
    /// What is compared with
    #[arg(long, value_name = "TARGET")]
    pub a: String,
    /// What is judged
    #[arg(long, value_name = "TARGET")]
    pub b: String,
    /// How to compare
    #[command(flatten)]
    pub how: PairArgs,
    /// The most pairs, where something is undecided [default: twice as many]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub most_pairs: Option<u32>,
    /// Take what is undecided for no pass: exit code 97
    #[arg(long)]
    pub strict: bool,
    /// Judge only what varies from run to run; bytes and counts are `wsbench gate`'s affair
    #[arg(long)]
    pub only_noisy: bool,
}

/// The arguments of `wsbench calibrate`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = TARGETS)]
pub(crate) struct CalibrateArgs {
    /// What is run [default: this program]
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// How to compare
    #[command(flatten)]
    pub how: PairArgs,
}

/// What `compare` and `calibrate` have alike.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PairArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Override a value of the scenario, as in `run`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Pairs of runs before the first decision; at the default level fewer than 8 decide
    /// nothing
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pairs: u32,
    /// The seed of the pairs' orders
    #[arg(long, value_name = "N", default_value_t = 2009)]
    pub seed: u64,
    /// The level of a decision on each side
    #[arg(long, value_name = "SHARE", default_value_t = Rules::default().alpha, value_parser = level)]
    pub alpha: f64,
    /// The change of a metric that is tolerated, for example
    /// `--margin server_cpu_us_per_message=10%`
    #[arg(long = "margin", value_name = "METRIC=SHARE")]
    pub margins: Vec<String>,
    /// How long a server may take to listen
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration_ns)]
    pub ready_timeout: u64,
    /// Where to keep each run's result [default: reports/SCENARIO-pairs-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print, and what CI is given
    #[command(flatten)]
    pub output: OutputArgs,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
}

fn level(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(alpha) if alpha > 0.0 && alpha <= 0.2 => Ok(alpha),
        _ => Err("must be a number above 0 and at most 0.2, for example 0.005".to_owned()),
    }
}

/// Compares two targets.
///
/// # Errors
/// Where a target or the scenario cannot be used, or a run cannot be made.
pub(crate) fn compare(args: &CompareArgs) -> Outcome<Conclusion> {
    ci::watched("compare", &args.how.output, || compared(args))
}

fn compared(args: &CompareArgs) -> Outcome<Conclusion> {
    let read = |option: &str, text: &str| {
        Target::read(text).map_err(|why| Failure::usage(format!("{option}: {why}")))
    };
    let targets = [read("--a", &args.a)?, read("--b", &args.b)?];
    let pairs = args.how.pairs;
    let most = args.most_pairs.unwrap_or(2 * pairs);
    if most < pairs {
        return Err(Failure::usage(format!("--most-pairs {most} is less than --pairs {pairs}")));
    }
    decisive(most, args.how.alpha)?;
    let mut looks = vec![pairs, most];
    looks.dedup();
    let prepared = prepare(&args.how, targets)?;
    let title = format!("B against A, {}", prepared.sides[0].plan.name);
    let mut compared = prepared.perform(&args.how, title, looks, (args.strict, args.only_noisy))?;
    compared.judgement.ended = compared.caught.map(Conclusion::from);
    ci::show(&compared.judgement, None, &args.how.output)?;
    prepared.tell(&args.how);
    Ok(compared.judgement.conclusion())
}

/// Compares a target with itself. It passes whatever the noise is, unless a run is not valid or a
/// signal ends it.
///
/// # Errors
/// Where the target or the scenario cannot be used, or a run cannot be made.
pub(crate) fn calibrate(args: &CalibrateArgs) -> Outcome<Conclusion> {
    ci::watched("calibrate", &args.how.output, || calibrated(args))
}

fn calibrated(args: &CalibrateArgs) -> Outcome<Conclusion> {
    let target = match &args.target {
        Some(text) => Target::read(text),
        None => Target::itself(),
    };
    let target = target.map_err(|why| Failure::usage(format!("--target: {why}")))?;
    let prepared = prepare(&args.how, [target.clone(), target])?;
    let title = format!("A against A, {}", prepared.sides[0].plan.name);
    let looks = vec![args.how.pairs];
    let mut compared = prepared.perform(&args.how, title, looks, (false, false))?;
    // What is told of twice as many is arithmetic.
    let looks = vec![args.how.pairs, 2 * args.how.pairs];
    let rules = Rules { looks, alpha: args.how.alpha, ..Rules::default() };
    let noises = noise(&compared.metrics, &compared.verdicts, &compared.orders, &rules);
    let text = show::calibration(&noises, &compared.judgement);
    let judgement = &mut compared.judgement;
    // A false alarm is what was asked for, and told; a run that says nothing is no answer.
    let unsound = judgement.of(Decision::Fail).any(|f| f.kind != Kind::Paired);
    let conclusion = if unsound { Conclusion::Invalid } else { Conclusion::Passed };
    for alarm in judgement.findings.iter_mut().filter(|f| f.decision == Decision::Fail) {
        if alarm.kind == Kind::Paired {
            alarm.decision = Decision::Inconclusive;
            alarm.text = format!("a false alarm: {}", alarm.text);
        }
    }
    judgement.ended = Some(compared.caught.map_or(conclusion, Conclusion::from));
    ci::show_as(&text, judgement, &args.how.output)?;
    prepared.tell(&args.how);
    Ok(judgement.conclusion())
}

/// Refuses what could never fail: an exact test of few pairs has a smallest p.
fn decisive(most: u32, level: f64) -> Outcome<()> {
    match smallest_p(most) {
        p if p > level => Err(Failure::usage(format!(
            "{most} pairs have a p of {p} at the least, and nothing fails above {level}: run more \
             pairs, or raise --alpha"
        ))),
        _ => Ok(()),
    }
}

/// What is ready to run.
struct Prepared {
    /// That the scenario's limits are not judged, where it has some.
    limits: Option<String>,
    sides: [Side; 2],
    margins: Margins,
    out: PathBuf,
}

/// Finds out, once for each target, whether it can be run here.
fn prepare(args: &PairArgs, targets: [Target; 2]) -> Outcome<Prepared> {
    let margins =
        Margins::read(&args.margins).map_err(|why| Failure::usage(format!("--margin: {why}")))?;
    os::raise_open_files();
    let [a, b] = targets;
    let same = a == b;
    let sides = [side("a", a, args, true)?, side("b", b, args, !same)?];
    let [a, b] = sides.each_ref().map(Side::authority);
    if a.len() != b.len() {
        return Err(Failure::usage(format!(
            "--a and --b: their addresses {a} and {b} are not of one length, and requests carry \
             them in `Host`: their bytes would differ by that alone; choose a port of as many \
             digits, or write {{port}} for a free one of five"
        )));
    }
    let name = &sides[0].plan.name;
    let out = args.out.clone().unwrap_or_else(|| {
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        Path::new("reports").join(format!("{name}-pairs-{time}"))
    });
    make_room(&out)?;
    let limits = sides
        .iter()
        .any(|side| side.limited)
        .then(|| "the scenario's limits are not judged here: `wsbench run` judges them".to_owned());
    Ok(Prepared { limits, sides, margins, out })
}

fn side(name: &'static str, target: Target, args: &PairArgs, warn: bool) -> Outcome<Side> {
    let mut overrides = args.overrides.clone();
    overrides.extend(target.address().map(|url| format!("server.url={url:?}")));
    let prepared = crate::cmd::plan::prepare(&args.scenario, &overrides, &Machine::read())?;
    for warning in prepared.warnings.iter().filter(|_| warn) {
        eprintln!("warning: {warning}");
    }
    if let Some(refusal) = prepared.preflight.refusal() {
        return Err(Failure::run(refusal));
    }
    let mut plan = prepared.plan;
    if let (Target::Command { words, url, .. }, Server::External { url: planned, start, .. }) =
        (&target, &mut plan.server)
    {
        *planned = url.clone();
        *start = Some(StartCommand { words: words.clone(), ready_ns: args.ready_timeout });
    }
    // Nothing of the driver's floor is compared.
    plan.cases.retain(|case| !case.floor);
    let overrides = args.overrides.clone();
    let (scenario, limited) = (args.scenario.clone(), !prepared.limits.is_empty());
    Ok(Side { name, target, plan, scenario, overrides, limited })
}

impl Prepared {
    fn perform(
        &self,
        args: &PairArgs,
        title: String,
        looks: Vec<u32>,
        (strict, only_noisy): (bool, bool),
    ) -> Outcome<Compared> {
        let binary = |side: &Side| matches!(side.target, Target::Binary { .. });
        let terms = Terms {
            title,
            rules: Rules { looks, alpha: args.alpha, ..Rules::default() },
            seed: args.seed,
            margins: self.margins.clone(),
            strict,
            out: self.out.clone(),
            own_drivers: self.sides.iter().all(binary),
            only_noisy,
            notes: self.limits.clone().into_iter().collect(),
        };
        let progress = Progress::new(args.quiet, planned(&self.sides[0].plan), args.pairs);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(at("cannot start a runtime"))?;
        let done = runtime.block_on(async {
            let signals = Signals::catch().map_err(at("cannot listen for signals"))?;
            Session::new(&terms, &self.sides, signals, progress).perform().await
        });
        done.map_err(|failure| {
            let kept = format!("what was recorded is in {}", self.out.display());
            failure.with_note(&kept)
        })
    }

    fn tell(&self, args: &PairArgs) {
        if !args.quiet {
            eprintln!("the runs' results are in {}", self.out.display());
        }
    }
}

/// What a run of a plan takes.
fn planned(plan: &Plan) -> Duration {
    Duration::from_nanos(plan.cases.iter().map(|case| estimate(plan, case).duration_ns).sum())
}
