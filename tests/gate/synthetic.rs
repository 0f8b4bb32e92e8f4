//! How often paired comparisons are wrong, and how often they see what is there: thousands of
//! comparisons of made-up runs on made-up machines, with fixed seeds.
//!
//! Every allowance is four standard deviations of the binomial law, so that a rate at its bound
//! passes, and one that is clearly beyond it does not.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use std::f64::consts::{LN_2, PI};
use wsbench::internals::gate::{
    Looks, NextStep, PairOrder, PairedMetric, Question, Rules, Verdicts, judge, order,
};
use wsbench::internals::gate::{Walsh, detectable, student_quantile};
use wsbench::internals::report::Figure;
use wsbench::internals::report::{ChangeScale, Decision, Finding, Subject};

/// Most runs of a comparison: 20 pairs.
const RUNS: usize = 40;

/// Chance.
struct Chance(Xoshiro256PlusPlus);

impl Chance {
    fn new(seed: u64) -> Chance {
        Chance(Xoshiro256PlusPlus::seed_from_u64(seed))
    }
    /// Evenly between 0 and 1, neither included.
    fn even(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.even()
    }
    /// Box and Muller's normal deviate.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.even().ln()).sqrt() * (2.0 * PI * self.even()).cos()
    }
    /// Student's t of two degrees of freedom: no variance.
    fn heavy(&mut self) -> f64 {
        self.normal() / (-self.even().ln()).sqrt()
    }
}

/// What a machine does to the figures of runs that follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Machine {
    /// Nothing but normal noise.
    Steady,
    /// Noise of heavy tails.
    HeavyTailed,
    /// It gets slower or faster all the time.
    Drift,
    /// It drifts, and there is no noise at all: every pair differs by as much.
    DriftAlone,
    /// It gets slower and faster again, at any pace up to every second run.
    Wave,
    /// It gets slower and faster again, about once in the whole session.
    Tide,
    /// It wanders.
    Walk,
    /// A few runs in a row, and some others, are twice as slow.
    Bursts,
}

const MACHINES: [Machine; 8] = [
    Machine::Steady,
    Machine::HeavyTailed,
    Machine::Drift,
    Machine::DriftAlone,
    Machine::Wave,
    Machine::Tide,
    Machine::Walk,
    Machine::Bursts,
];

impl Machine {
    /// The logarithm of how slow each run is.
    fn session(self, chance: &mut Chance) -> [f64; RUNS] {
        let mut noise = [0.0; RUNS].map(|_: f64| 0.03 * chance.normal());
        let time = |run: usize| run as f64 / RUNS as f64;
        let slope = chance.between(-0.4, 0.4);
        let waves = chance.between(0.5, if self == Machine::Tide { 1.5 } else { 20.0 });
        let phase = chance.even();
        let burst = chance.between(0.0, 36.0) as usize..chance.between(2.0, RUNS as f64) as usize;
        let mut wander = 0.0;
        for (run, log) in noise.iter_mut().enumerate() {
            match self {
                Machine::Steady => {}
                Machine::HeavyTailed => *log = 0.03 * chance.heavy(),
                Machine::Drift => *log += slope * time(run),
                Machine::DriftAlone => *log = slope * time(run),
                Machine::Wave | Machine::Tide => {
                    *log += 0.2 * (2.0 * PI * (waves * time(run) + phase)).sin();
                }
                Machine::Walk => {
                    wander += *log;
                    *log = wander;
                }
                Machine::Bursts => {
                    let near = run >= burst.start && run < burst.start + 5;
                    *log += if near || chance.even() < 0.05 { LN_2 } else { 0.0 };
                }
            }
        }
        noise
    }
}

fn metric(margin: f64) -> PairedMetric {
    let metric = "server_cpu_us_per_message".to_owned();
    PairedMetric {
        subject: Subject { series: "websocket".to_owned(), clients: Some(1000), metric },
        unit: "µs/message".to_owned(),
        scale: ChangeScale::Relative,
        margin,
        pairs: Vec::new(),
        question: Question::WorseOrNot,
    }
}

fn figure(log: f64) -> Figure {
    Figure::known(10.0 * log.exp())
}

/// The pairs of a session in the order of a coin; B is worse by the logarithm `worse`.
fn paired(session: &[f64; RUNS], seed: u64, worse: f64) -> Vec<(Figure, Figure)> {
    let pair = |(index, runs): (usize, &[f64])| match order(seed, index as u32) {
        PairOrder::Ab => (figure(runs[0]), figure(runs[1] + worse)),
        PairOrder::Ba => (figure(runs[1]), figure(runs[0] + worse)),
    };
    session.chunks(2).enumerate().map(pair).collect()
}

/// First all runs of A, then all of B.
fn one_after_the_other(session: &[f64; RUNS]) -> Vec<(Figure, Figure)> {
    let (a, b) = session.split_at(RUNS / 2);
    a.iter().zip(b).map(|(a, b)| (figure(*a), figure(*b))).collect()
}

/// The whole procedure as it runs: to the first look, and on for as long as it says so.
fn compare(metrics: &[PairedMetric], rules: &Rules) -> Verdicts {
    let mut pairs = 0;
    loop {
        let mut so_far = metrics.to_vec();
        so_far.iter_mut().for_each(|m| m.pairs.truncate(pairs));
        let verdicts = judge(&so_far, rules);
        match verdicts.next {
            NextStep::More { pairs: more } => pairs = more as usize,
            NextStep::Enough => return verdicts,
        }
    }
}

/// In how many of `trials` comparisons of one metric the decision is `wanted`.
fn count(
    trials: u64,
    wanted: Decision,
    rules: &Rules,
    mut trial: impl FnMut(u64) -> PairedMetric,
) -> u64 {
    let hit = |seed: &u64| compare(&[trial(*seed)], rules).findings[0].decision == wanted;
    (0..trials).filter(hit).count() as u64
}

/// Four standard deviations of a count that is binomial.
fn allowance(trials: u64, rate: f64) -> f64 {
    4.0 * (trials as f64 * rate * (1.0 - rate)).sqrt()
}

/// The most that a count of rate at most `rate` may be.
fn most(trials: u64, rate: f64) -> f64 {
    trials as f64 * rate + allowance(trials, rate)
}

/// Decisions at two numbers of pairs, and after every pair, up to as many.
fn both_rules() -> [Rules; 2] {
    let most = (RUNS / 2) as u32;
    [Rules::default(), Rules { looks: Looks::EveryPair { most }, ..Rules::every_pair() }]
}

/// How many comparisons a long run makes of each machine by each rule: docs/gate.md has the counts
/// of 10,000. None in a run of the whole suite, which makes fewer.
fn trials_of_a_long_run() -> Option<u64> {
    let trials = std::env::var("WSBENCH_TRIALS").ok()?;
    Some(trials.parse().expect("WSBENCH_TRIALS is a number of comparisons"))
}

/// Fails if more comparisons of A against A are wrong on `machine` than one in a hundred.
fn fails_in_one_of_a_hundred_at_most(machine: Machine, long_run: Option<u64>) {
    let [looks, every] = both_rules();
    // A look after every pair takes longer to compute.
    for (name, rules, trials) in [("two looks", &looks, 2_500), ("every pair", &every, 100)] {
        let trials = long_run.unwrap_or(trials);
        // Without a margin every rejection is a failure: the hardest case.
        for margin in [0.0, 0.05] {
            if margin > 0.0 && rules == &every && long_run.is_none() {
                continue;
            }
            let mut chance = Chance::new(1);
            let failed = count(trials, Decision::Fail, rules, |seed| {
                let session = machine.session(&mut chance);
                PairedMetric { pairs: paired(&session, seed, 0.0), ..metric(margin) }
            });
            println!("{machine:?}, {name}, {margin} allowed: {failed} of {trials} failed");
            assert!(failed as f64 <= most(trials, 0.01), "{machine:?} {margin}: {failed}");
            // The threshold can be crossed: both looks have nearly 0.005 each, and little in common.
            if machine == Machine::Steady && margin == 0.0 && rules == &looks {
                let least = trials as f64 * 0.006 - allowance(trials, 0.006);
                assert!(failed as f64 >= least, "{failed}");
            }
        }
    }
}

#[test]
fn a_against_a_fails_in_one_of_a_hundred_at_most_whatever_the_machine_does() {
    let long_run = trials_of_a_long_run();
    std::thread::scope(|scope| {
        for machine in MACHINES {
            scope.spawn(move || fails_in_one_of_a_hundred_at_most(machine, long_run));
        }
    });
}

#[test]
fn all_of_a_before_all_of_b_fails_for_the_machines_sake() {
    let trials = 1_000;
    for (machine, least) in [
        (Machine::Steady, None),
        (Machine::HeavyTailed, None),
        (Machine::Drift, Some(0.3)),
        (Machine::Tide, Some(0.2)),
        (Machine::Walk, Some(0.2)),
    ] {
        let mut chance = Chance::new(2);
        let failed = count(trials, Decision::Fail, &Rules::default(), |_| {
            let session = machine.session(&mut chance);
            PairedMetric { pairs: one_after_the_other(&session), ..metric(0.0) }
        });
        match least {
            // Under the same drift, pairs in the order of a coin fail in one of a hundred.
            Some(least) => assert!(failed as f64 >= trials as f64 * least, "{machine:?} {failed}"),
            // Without drift, the order does not matter.
            None => assert!(failed as f64 <= most(trials, 0.01), "{machine:?} {failed}"),
        }
    }
}

#[test]
fn a_server_that_is_worse_by_the_margin_passes_in_one_of_a_hundred_at_most() {
    let machines = [Machine::Steady, Machine::HeavyTailed, Machine::Drift, Machine::Bursts];
    let [looks, every] = both_rules();
    let rules = [(&looks, 2_000), (&every, 100)];
    for (machine, (rules, trials)) in machines.into_iter().flat_map(|m| rules.map(|r| (m, r))) {
        let mut chance = Chance::new(3);
        let passed = count(trials, Decision::Pass, rules, |seed| {
            let session = machine.session(&mut chance);
            PairedMetric { pairs: paired(&session, seed, 1.05_f64.ln()), ..metric(0.05) }
        });
        assert!(passed as f64 <= most(trials, 0.01), "{machine:?}: {passed}");
    }
}

/// Twelve metrics of the same runs: half of each one's noise is the machine's. The first `worse` of
/// them are 30 % worse in B.
fn twelve(chance: &mut Chance, seed: u64, margin: f64, worse: usize) -> Vec<PairedMetric> {
    let common = Machine::Walk.session(chance);
    let one = |index: usize| {
        let mut own = Machine::Steady.session(chance);
        own.iter_mut().zip(common).for_each(|(own, common)| *own += common);
        let by = if index < worse { 1.3_f64.ln() } else { 0.0 };
        PairedMetric { pairs: paired(&own, seed, by), ..metric(margin) }
    };
    (0..12).map(one).collect()
}

#[test]
fn twelve_metrics_together_fail_in_one_of_a_hundred_at_most() {
    let trials = 800;
    let rules = Rules::default();
    let failed = |f: &Finding| f.decision == Decision::Fail;
    let (mut together, mut alone, mut beside) = (0, 0, 0);
    let mut chance = Chance::new(4);
    for seed in 0..trials {
        let metrics = twelve(&mut chance, seed, 0.0, 0);
        together += u64::from(compare(&metrics, &rules).findings.iter().any(failed));
        // Each by itself, without a correction.
        let by_itself =
            |m: &PairedMetric| failed(&compare(std::slice::from_ref(m), &rules).findings[0]);
        alone += u64::from(metrics.iter().any(by_itself));
        // Six that are worse lessen the hurdle of the others, and still keep the bound.
        let metrics = twelve(&mut chance, seed, 0.0, 6);
        let findings = compare(&metrics, &rules).findings;
        assert!(findings[..6].iter().all(failed), "{:?}", findings[0].text);
        beside += u64::from(findings[6..].iter().any(failed));
    }
    assert!(together as f64 <= most(trials, 0.01), "{together}");
    assert!(beside as f64 <= most(trials, 0.01), "{beside}");
    assert!(alone as f64 > 1.5 * most(trials, 0.01), "without Holm: {alone}");
}

#[test]
fn all_metrics_pass_without_a_correction_though_one_is_worse_in_one_of_a_hundred_at_most() {
    let trials = 1_500;
    let mut chance = Chance::new(5);
    let mut passed = 0;
    for seed in 0..trials {
        let mut metrics: Vec<PairedMetric> = Vec::new();
        for worse in [0.0, 0.0, 1.05_f64.ln()] {
            let session = Machine::Steady.session(&mut chance);
            metrics.push(PairedMetric { pairs: paired(&session, seed, worse), ..metric(0.05) });
        }
        let verdicts = compare(&metrics, &Rules::default());
        passed += u64::from(verdicts.findings.iter().all(|f| f.decision == Decision::Pass));
    }
    assert!(passed as f64 <= most(trials, 0.01), "{passed}");
}

/// Log ratios of `pairs` pairs about `shift`, of deviation `noise`.
fn differences(chance: &mut Chance, pairs: u32, shift: f64, noise: f64) -> Vec<f64> {
    (0..pairs).map(|_| shift + noise * chance.normal()).collect()
}

/// How far the formula is off with so few pairs, at α = 0.005: 0.05 with ten.
fn small_sample(pairs: u32) -> f64 {
    0.5 / f64::from(pairs)
}

#[test]
fn what_is_said_to_be_detectable_is_detected() {
    let (alpha, power, noise) = (0.005, 0.8, 0.05);
    let trials = 2_000;
    for pairs in [10, 20, 60] {
        let change = detectable(noise, pairs, alpha, power).expect("ten pairs are enough");
        let mut chance = Chance::new(6);
        let mut rate = |times: f64| {
            let shift = times * change.ln_1p();
            let rejects = |_: &u64| {
                let x = differences(&mut chance, pairs, shift, noise);
                Walsh::of(&x).expect("finite differences").p_value() <= alpha
            };
            (0..trials).filter(rejects).count() as f64 / trials as f64
        };
        let rates = [0.0, 0.5, 1.0, 1.5, 2.0].map(&mut rate);
        let within = allowance(trials, power) / trials as f64;
        assert!(rates[2] <= power + small_sample(pairs) + within, "{pairs}: {rates:?}");
        assert!(rates[2] >= power - small_sample(pairs) - within, "{pairs}: {rates:?}");
        assert!(rates[0] <= most(trials, alpha) / trials as f64, "{pairs}: {rates:?}");
        assert!(rates.windows(2).all(|two| two[0] < two[1]), "{pairs}: {rates:?}");
        assert!(rates[4] > 0.95, "{pairs}: {rates:?}");
    }
}

#[test]
fn a_server_that_did_not_change_passes_as_often_as_the_noise_allows() {
    // A pass is the same test against a change of the margin: the closed figure, turned round,
    // gives the noise at which a pass has this chance.
    let trials = 1_500;
    let rules = Rules { looks: Looks::At(vec![20]), ..Rules::default() };
    let (pairs, margin) = (20, 0.05_f64);
    for chance_of in [0.3, 0.5, 0.8, 0.95] {
        let t =
            student_quantile(1.0 - rules.alpha, pairs - 1) + student_quantile(chance_of, pairs - 1);
        let noise = margin.ln_1p() / (t * (PI / (3.0 * f64::from(pairs))).sqrt());
        let mut chance = Chance::new(7);
        let passed = count(trials, Decision::Pass, &rules, |_| {
            let x = differences(&mut chance, pairs, 0.0, noise);
            let pairs = x.into_iter().map(|x| (figure(0.0), figure(x))).collect();
            PairedMetric { pairs, ..metric(margin) }
        });
        let rate = passed as f64 / trials as f64;
        let within = allowance(trials, chance_of) / trials as f64;
        assert!(rate <= chance_of + small_sample(pairs) + within, "{chance_of}: {rate}");
        assert!(rate >= chance_of - small_sample(pairs) - within, "{chance_of}: {rate}");
    }
}

#[test]
fn a_change_of_twelve_per_cent_is_found_on_every_machine_with_less_noise_than_that() {
    let trials = 300;
    for (machine, least) in
        [(Machine::Steady, 0.99), (Machine::Drift, 0.99), (Machine::HeavyTailed, 0.8)]
    {
        let mut chance = Chance::new(8);
        let failed = count(trials, Decision::Fail, &Rules::default(), |seed| {
            let session = machine.session(&mut chance);
            PairedMetric { pairs: paired(&session, seed, 1.12_f64.ln()), ..metric(0.05) }
        });
        assert!(failed as f64 >= trials as f64 * least, "{machine:?}: {failed}");
    }
}
