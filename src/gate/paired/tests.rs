//! Decisions and sentences of paired comparisons, by literal pairs, and the laws of `judge`.

use crate::gate::paired::*;
use proptest::prelude::*;
use rand_xoshiro::rand_core::RngCore;

/// Deviations of ten pairs, symmetric about zero: their Walsh averages have the median zero.
const NOISE: [f64; 10] = [-2.0, 1.0, -0.5, 2.0, -1.0, 0.5, 1.5, -1.5, 0.2, -0.2];

fn metric(name: &str, unit: &str, pairs: Vec<(f64, f64)>) -> PairedMetric {
    PairedMetric {
        subject: Subject {
            series: "polling".to_owned(),
            clients: Some(1000),
            metric: name.to_owned(),
        },
        unit: unit.to_owned(),
        scale: ChangeScale::Relative,
        margin: 0.05,
        pairs: pairs.into_iter().map(|(a, b)| (Figure::known(a), Figure::known(b))).collect(),
        question: Question::WorseOrNot,
    }
}

/// CPU of B that is `percent` more than A's, give or take `noise` per cent.
fn cpu(pairs: usize, percent: f64, noise: f64) -> PairedMetric {
    let b = |i: usize| {
        let log = (percent / 100.0).ln_1p() + NOISE[i % NOISE.len()] * noise / 100.0;
        (10.0, 10.0 * log.exp())
    };
    metric("server_cpu_us_per_message", "µs/message", (0..pairs).map(b).collect())
}

/// A metric that is the same on both sides.
fn same(name: &str, pairs: usize) -> PairedMetric {
    metric(name, "bytes", vec![(871.0, 871.0); pairs])
}

fn one(metric: PairedMetric) -> (Finding, NextStep) {
    let Verdicts { mut findings, next } = judge(&[metric], &Rules::default());
    (findings.remove(0), next)
}

fn absent(mut metric: PairedMetric, a: usize, b: usize) -> PairedMetric {
    for pair in metric.pairs.iter_mut().take(a) {
        pair.0 = Figure::absent("no message was delivered");
    }
    for pair in metric.pairs.iter_mut().take(b) {
        pair.1 = Figure::absent("no message was delivered");
    }
    metric
}

/// Of what stands beside a metric that decides, only what seems worse is waited for.
#[test]
fn pairs_go_on_for_what_seems_worse() {
    let next = |percent: f64, question: Question| {
        let (finding, next) = one(PairedMetric { question, ..cpu(10, percent, 30.0) });
        assert_eq!(finding.decision, Decision::Inconclusive, "{percent} {finding:?}");
        next == NextStep::Enough
    };
    for (percent, question, is_enough) in [
        (12.0, Question::WorseOrNot, false),
        (12.0, Question::SeemsWorse, false),
        (12.0, Question::IsWorse, true),
        (0.0, Question::WorseOrNot, false),
        (0.0, Question::SeemsWorse, true),
        (0.0, Question::IsWorse, true),
    ] {
        assert_eq!(next(percent, question), is_enough, "{percent} {question:?}");
    }
}

#[test]
fn the_sentence_of_each_decision() {
    let table = [
        (cpu(10, 12.3, 1.0), Decision::Fail),
        (cpu(20, 60.0, 8.0), Decision::Fail),
        (cpu(10, 1900.0, 1.0), Decision::Fail),
        (cpu(10, 2.0, 1.0), Decision::Pass),
        (cpu(10, 0.0, 0.5), Decision::Pass),
        (cpu(10, -8.2, 1.0), Decision::Pass),
        (same("ip_bytes_per_s", 10), Decision::Pass),
        (cpu(10, 4.0, 1.0), Decision::Inconclusive),
        (cpu(20, 8.0, 12.0), Decision::Inconclusive),
        (cpu(5, 12.3, 1.0), Decision::Inconclusive),
        (cpu(1, 12.3, 1.0), Decision::Inconclusive),
        (cpu(0, 0.0, 0.0), Decision::Inconclusive),
        (absent(cpu(10, 0.0, 1.0), 0, 3), Decision::Inconclusive),
        (absent(cpu(10, 0.0, 1.0), 10, 10), Decision::NotComparable),
        (metric("memory_growth", "bytes", vec![(0.0, 5000.0); 10]), Decision::Fail),
        (metric("memory_growth", "bytes", vec![(5000.0, -3.0); 10]), Decision::Pass),
        (metric("memory_growth", "bytes", vec![(-4.0, -3.0); 10]), Decision::NotComparable),
    ];
    let mut said = String::new();
    for (metric, decision) in table {
        let (finding, next) = one(metric);
        assert_eq!((finding.decision, finding.kind), (decision, Kind::Paired), "{}", finding.text);
        said += &format!("{decision:?}, {next:?}, {}\n  {}\n", finding.bound, finding.text);
        finding.details.iter().for_each(|line| said += &format!("  · {line}\n"));
    }
    insta::assert_snapshot!(said);
}

/// What A's times do not resolve is at most their bound: B beyond that is worse, whatever A is.
#[test]
fn a_figure_of_a_below_its_bound_counts_as_the_bound() {
    let below =
        || Figure::Absent(crate::report::Absence { below: Some(2000), ..("coarse".into()) });
    let of = |b: f64, known: usize| {
        let mut latency = metric("delivery_latency_us_p50", "µs", vec![(1500.0, b); 10]);
        latency.pairs.iter_mut().skip(known).for_each(|pair| pair.0 = below());
        one(latency).0
    };
    let found = of(21_600.0, 0);
    assert_eq!(found.decision, Decision::Fail, "{}", found.text);
    assert!(found.text.contains("is below 2,000 µs in A in 10 of 10 pairs"), "{}", found.text);
    assert!(found.text.ends_with("medians A below 2,000, B 21,600 µs"), "{}", found.text);
    assert_eq!(found.baseline.as_ref().and_then(Figure::below), Some(2000));
    assert_eq!(of(21_600.0, 4).decision, Decision::Fail);
    // B may be below A's bound, or no more above it than is tolerated.
    assert_eq!(of(1_900.0, 0).decision, Decision::NotComparable);
    assert_eq!(of(2_050.0, 0).decision, Decision::NotComparable);
    assert_eq!(of(2_050.0, 4).decision, Decision::Inconclusive);
}

#[test]
fn five_metrics_can_fail_at_ten_pairs_and_six_need_more() {
    let worse = |pairs, metrics| -> Vec<PairedMetric> { vec![cpu(pairs, 30.0, 1.0); metrics] };
    let decisions = |verdicts: &Verdicts| -> Vec<Decision> {
        verdicts.findings.iter().map(|f| f.decision).collect()
    };
    let rules = Rules::default();
    let five = judge(&worse(10, 5), &rules);
    assert_eq!((decisions(&five), five.next), (vec![Decision::Fail; 5], NextStep::Enough));
    let six = judge(&worse(10, 6), &rules);
    assert_eq!(decisions(&six), vec![Decision::Inconclusive; 6]);
    assert_eq!(six.next, NextStep::More { pairs: 20 });
    insta::assert_snapshot!(six.findings[0].text, @"server CPU a message is 30 % more (28.1 to 32 %), undecided: +28.1 % to +32 % lies above the 5 % that is allowed, but 10 pairs are too few to say so at 1 in 200 for 6 figures together; p = 0.0059, above the level of 0.005; medians A 10, B 13 µs/message");
    insta::assert_snapshot!(six.findings[0].details[1], @"By itself it has p = 0.0010; Holm's correction over 6 metrics makes that p = 0.0059, and 10 pairs are too few for so many metrics: the least is p = 0.0010.");
    let later = judge(&worse(20, 6), &rules);
    assert_eq!((decisions(&later), later.next), (vec![Decision::Fail; 6], NextStep::Enough));
    assert_eq!(later.findings[0].effect.map(|e| e.p), Some(6.0 / f64::from(1 << 20)));
    // A metric that no run has is not a hypothesis; one that some pairs lack is.
    let mut void = worse(10, 5);
    void.push(absent(cpu(10, 0.0, 1.0), 10, 10));
    assert_eq!(decisions(&judge(&void, &rules))[..5], [Decision::Fail; 5]);
    void.push(absent(cpu(10, 0.0, 1.0), 9, 10));
    assert_eq!(decisions(&judge(&void, &rules))[..5], [Decision::Inconclusive; 5]);
    // The step-down: what is decided first leaves less to correct for.
    let mut mixed = worse(20, 1);
    mixed.extend((0..9).map(|_| same("wire_bytes_per_s", 20)));
    assert_eq!(judge(&mixed, &rules).findings[0].effect.map(|e| e.p), Some(10.0 / 1_048_576.0));
}

#[test]
fn how_many_pairs_could_decide_is_known_before_the_first() {
    let looks = |last| Rules { looks: Looks::At(vec![last]), alpha: 0.2, ..Rules::default() };
    // 1/8 each.
    assert_eq!(looks(3).undecidable(1), None);
    assert_eq!(
        looks(3).undecidable(4).as_deref(),
        Some(
            "with 4 metrics and 3 pairs at the most no single metric can fail: run at least 5 pairs, \
             or raise --alpha"
        )
    );
    assert_eq!((looks(5).undecidable(4), looks(5).least_pairs(4)), (None, Some(5)));
    assert_eq!(Rules::default().least_pairs(6), Some(11));
    assert_eq!(Rules::every_pair().undecidable(100), None);
}

#[test]
fn holms_correction_is_the_published_one() {
    // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (is, should) in corrected.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        assert!((is - should).abs() < 1e-12, "{corrected:?}");
    }
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    assert_eq!(holm(&[]), [0.0; 0]);
}

/// A figure of the runs before a pair has one pair fewer, and no list of all the numbers of pairs.
#[test]
fn a_figure_with_fewer_pairs_than_ran_says_how_many_it_has() {
    let rules = Rules { looks: Looks::EveryPair { most: 1_000 }, alpha: 0.01, power: 0.8 };
    let fewer = PairedMetric { question: Question::IsWorse, ..cpu(10, 30.0, 1.0) };
    let verdicts = judge(&[cpu(11, 30.0, 1.0), fewer], &rules);
    let last = |place: usize| verdicts.findings[place].details.last().map(String::as_str);
    assert_eq!(last(1), Some("11 pairs ran; 10 of them give this figure."));
    assert!(!last(0).is_some_and(|line| line.contains("pairs ran")), "{:?}", last(0));
}

#[test]
fn pairs_between_the_looks_wait() {
    let mut thirteen = cpu(13, 4.0, 1.0);
    let (ten, more) = one(cpu(10, 4.0, 1.0));
    let (finding, next) = one(thirteen.clone());
    assert_eq!((next, more), (NextStep::More { pairs: 20 }, NextStep::More { pairs: 20 }));
    assert_eq!((finding.samples, &finding.effect, &finding.text), (10, &ten.effect, &ten.text));
    assert_eq!(
        finding.details.last().map(String::as_str),
        Some(
            "13 pairs ran; the first 10 were evaluated, as decisions are made at 10 and 20 pairs."
        )
    );
    // What comes after the look changes nothing, be it absent.
    thirteen.pairs[11].1 = Figure::absent("the server was gone");
    assert_eq!(one(thirteen).0.text, ten.text);
    // Beyond the last look nothing is waited for.
    let (finding, next) = one(cpu(25, 4.6, 3.0));
    assert_eq!((finding.decision, finding.samples), (Decision::Inconclusive, 20));
    assert_eq!(next, NextStep::Enough);
    // Nine pairs are none of a look, however clear they are.
    let (finding, next) = one(cpu(9, 900.0, 0.1));
    assert_eq!((finding.decision, next), (Decision::Inconclusive, NextStep::More { pairs: 10 }));
}

#[test]
fn one_undecided_metric_has_all_go_on_and_one_that_cannot_be_compared_has_none() {
    let lacking = absent(cpu(10, 0.0, 1.0), 0, 1);
    let next = |metrics: &[PairedMetric]| judge(metrics, &Rules::default()).next;
    let (good, bad, open) = (cpu(10, 0.0, 0.5), cpu(10, 30.0, 1.0), cpu(10, 4.0, 1.0));
    assert_eq!(next(&[good.clone(), bad, lacking.clone()]), NextStep::Enough);
    assert_eq!(next(&[good.clone(), open]), NextStep::More { pairs: 20 });
    assert_eq!(next(&[lacking]), NextStep::Enough);
    // A metric of fewer pairs has no figure in the others.
    let verdicts = judge(&[good, cpu(8, 0.0, 0.5)], &Rules::default());
    let fewer = &verdicts.findings[1];
    assert_eq!((fewer.decision, fewer.samples), (Decision::Inconclusive, 8));
    assert!(fewer.text.contains("on either side in 2 of 10 pairs"), "{}", fewer.text);
    assert_eq!(next(&[]), NextStep::Enough);
}

#[test]
fn figures_of_nothing() {
    let growth = |pairs: Vec<(f64, f64)>| one(metric("memory_growth", "bytes", pairs)).0;
    let mut pairs = vec![(0.0, 0.0); 10];
    assert_eq!(growth(pairs.clone()).decision, Decision::Pass);
    // One pair with growth in B alone: neither all pairs nor a ratio.
    pairs[3] = (0.0, 5000.0);
    let finding = growth(pairs);
    assert_eq!(finding.decision, Decision::NotComparable);
    assert!(finding.text.contains("in A in 10 and in B in 9 of 10 pairs"), "{}", finding.text);
    // From nothing, or far more, in every pair.
    let mut pairs = vec![(1000.0, 5000.0); 10];
    pairs[3] = (-20.0, 5000.0);
    assert_eq!(growth(pairs.clone()).decision, Decision::Fail);
    assert_eq!(growth(pairs.clone()).effect, None);
    // One pair within the margin, and the missing ratio would decide.
    pairs[4] = (5000.0, 5000.0);
    assert_eq!(growth(pairs).decision, Decision::NotComparable);
    // With too many metrics for ten pairs it goes on.
    let all = vec![metric("memory_growth", "bytes", vec![(0.0, 5000.0); 10]); 6];
    let verdicts = judge(&all, &Rules::default());
    assert_eq!(verdicts.findings[5].decision, Decision::Inconclusive);
    assert_eq!(verdicts.next, NextStep::More { pairs: 20 });
}

#[test]
fn rules_that_decide_nothing_are_said() {
    for (looks, alpha, usable) in [
        (vec![], 0.005, vec![]),
        (vec![0, 3, 7], 0.005, vec![]),
        (vec![20, 10, 10, 7], 0.005, vec![10, 20]),
        (vec![10, 20], f64::NAN, vec![]),
        (vec![10, u32::MAX], 0.0, vec![]),
    ] {
        let rules = Rules { looks: Looks::At(looks), alpha, power: 0.8 };
        assert_eq!(rules.deciding(), usable);
        let verdicts = judge(&[cpu(7, 30.0, 1.0)], &rules);
        assert_eq!(verdicts.findings[0].decision, Decision::Inconclusive);
        assert_eq!(verdicts.next == NextStep::Enough, usable.is_empty());
    }
    for margin in [f64::NAN, -0.1, f64::INFINITY] {
        let finding = one(PairedMetric { margin, ..cpu(10, 0.0, 1.0) }).0;
        assert_eq!(
            (finding.decision, finding.bound.as_str()),
            (Decision::NotComparable, "no bound")
        );
    }
    let every = Rules { looks: Looks::EveryPair { most: 100 }, alpha: 0.01, power: 0.8 };
    assert_eq!(every.deciding().first(), Some(&8));
    assert_eq!(every.deciding().len(), 93);
    insta::assert_snapshot!(every.describe(), @"A decision may be made after every pair of runs, by a test that allows that (bets on each pair's log ratio, or its difference if a figure is about zero: an e-process). Estimates are Hodges–Lehmann, with confidence sequences of 98 % (1 % on each side, for all numbers of pairs together); p-values have Holm's correction over the metrics.");
    insta::assert_snapshot!(Rules::default().describe(), @"Decisions are made at 10 and 20 pairs of runs. Estimates are Hodges–Lehmann, with intervals of 99 % (0.5 % on each side at each look); p-values are exact, of the one-sided signed-rank test, with Holm's correction over the metrics.");
}

#[test]
fn equal_ratios_are_ties_in_every_unit() {
    // 110/100 and 200/220 are opposite to the last bit on the grid: their average is zero.
    let pairs = (0..10).map(|i| match i % 2 {
        0 => (f64::from(i + 1), f64::from(i + 1) * 1.1),
        _ => (f64::from(i + 1) * 1.1, f64::from(i + 1)),
    });
    let finding = one(metric("m", "-", pairs.collect())).0;
    let effect = finding.effect.expect("ten ratios");
    // 15 averages of two positive ratios are above zero, 25 mixed ones are not.
    assert_eq!(
        (effect.estimate, effect.p),
        (0.0, crate::gate::signed_rank::NullDistribution::of(10).at_most(40))
    );
}

#[test]
fn the_order_of_runs_is_a_fair_coin_of_the_seed() {
    let of = |seed: u64, n: u32| -> Vec<bool> {
        (0..n).map(|pair| order(seed, pair) == PairOrder::Ab).collect()
    };
    assert_eq!(of(7, 100), of(7, 100));
    assert_ne!(of(7, 100), of(8, 100));
    // SplitMix64 itself, one output after the other.
    let mut outputs = SplitMix64::from_seed(7_u64.to_le_bytes());
    assert_eq!(of(7, 50), (0..50).map(|_| outputs.next_u64() >> 63 == 0).collect::<Vec<_>>());
    let coins = of(1, 40_000);
    // Half of them, give or take four deviations of 100, and so for those that equal the one before.
    let near = |count: usize| assert!(count.abs_diff(20_000) < 400, "{count}");
    near(coins.iter().filter(|ab| **ab).count());
    near(coins.windows(2).filter(|two| two[0] == two[1]).count());
    near((0..40_000).filter(|seed| order(*seed, 0) == PairOrder::Ab).count());
}

/// A figure, now and then of none.
fn figure() -> impl Strategy<Value = Figure> {
    prop_oneof![
        20 => (1.0..1.3_f64).prop_map(Figure::known),
        1 => prop_oneof![Just(0.0), Just(-1.0), Just(f64::MAX), Just(f64::MIN_POSITIVE)]
            .prop_map(Figure::known),
        1 => Just(Figure::absent("no message was delivered")),
    ]
}

/// Metrics of up to 23 pairs that are better, the same or worse.
fn metrics() -> impl Strategy<Value = Vec<PairedMetric>> {
    let ratio = prop_oneof![Just(1.0), Just(1.2), 0.7..1.4_f64];
    let one = (ratio, prop::collection::vec((1.0..1.03_f64, 1.0..1.03_f64), 23));
    (prop::collection::vec(one, 1..8), 0..23_usize).prop_map(|(all, pairs)| {
        let pair = |ratio: f64| move |(a, b): (f64, f64)| (a, b * ratio);
        all.into_iter()
            .map(|(r, noise)| {
                metric("m", "-", noise.into_iter().take(pairs).map(pair(r)).collect())
            })
            .collect()
    })
}

/// All figures times a factor.
fn scaled(metrics: &[PairedMetric], by: f64) -> Vec<PairedMetric> {
    let mut out = metrics.to_vec();
    for (a, b) in out.iter_mut().flat_map(|m| m.pairs.iter_mut()) {
        (*a, *b) = (a.map(|v| v * by), b.map(|v| v * by));
    }
    out
}

fn decisions(verdicts: &Verdicts) -> Vec<Decision> {
    verdicts.findings.iter().map(|f| f.decision).collect()
}

/// What a server grows by for a message: in A by nothing but noise, in B by so much more.
fn growth(pairs: usize, more: f64, noise: f64) -> PairedMetric {
    let both = |i: usize| {
        let by = NOISE[i % NOISE.len()] * noise;
        (-by, more + by)
    };
    let name = "server_resident_growth_bytes_per_message";
    PairedMetric {
        scale: ChangeScale::Difference,
        margin: 8.0,
        question: Question::IsWorse,
        ..metric(name, "bytes/message", (0..pairs).map(both).collect())
    }
}

/// Figures that are about zero, and below it, have no ratio: their difference is tested.
#[test]
fn a_difference_is_decided_in_the_unit_of_its_figure() {
    for rules in [Rules::default(), Rules::every_pair()] {
        let one = |metric| judge(&[metric], &rules).findings.remove(0);
        let leak = one(growth(12, 96.0, 1.0));
        let effect = leak.effect.expect("ten differences");
        assert_eq!((leak.decision, effect.scale), (Decision::Fail, ChangeScale::Difference));
        assert!((effect.estimate - 96.0).abs() < 0.5, "{effect:?}");
        assert!(effect.lower.is_some_and(|lower| lower > 90.0), "{effect:?}");
        // Two deviations are about what so many pairs show.
        let seen = effect.detectable.expect("a change") / effect.noise;
        assert!((0.8..3.0).contains(&seen), "{effect:?}");
        assert!(leak.text.contains("bytes/message more ("), "{}", leak.text);
        assert_eq!(leak.bound, "at most 8 bytes/message more");
        // The same server, one that gives memory back, and one that keeps less than is tolerated.
        for more in [0.0, -500.0, 3.0] {
            let found = one(growth(12, more, 1.0));
            assert_eq!(found.decision, Decision::Pass, "{more}: {}", found.text);
            assert!(!found.text.contains('%'), "{}", found.text);
        }
        // Nothing grew in any run.
        let still = one(growth(12, 0.0, 0.0));
        assert_eq!(still.decision, Decision::Pass);
        assert!(still.text.contains("is the same in every pair"), "{}", still.text);
        // Noise of hundreds of bytes decides nothing.
        assert_eq!(one(growth(12, 0.0, 500.0)).decision, Decision::Inconclusive);
    }
}

/// What is only asked whether it is worse keeps pairs going if it would fail by itself, and not for its noise.
#[test]
fn pairs_go_on_for_a_figure_that_would_fail_by_itself() {
    let rules = Rules::every_pair();
    let first = rules.deciding()[0] as usize;
    let with_others = |last: PairedMetric| {
        let mut all = vec![same("bytes", first); 4];
        all.push(last);
        judge(&all, &rules)
    };
    let more = NextStep::More { pairs: first as u32 + 1 };
    let leak = with_others(growth(first, 96.0, 1.0));
    assert_eq!((leak.findings[4].decision, leak.next), (Decision::Inconclusive, more));
    for noise in [1.0, 500.0] {
        assert_eq!(with_others(growth(first, 0.0, noise)).next, NextStep::Enough, "{noise}");
    }
    // More pairs decide it.
    let mut all = vec![same("bytes", first + 4); 4];
    all.push(growth(first + 4, 96.0, 1.0));
    assert_eq!(judge(&all, &rules).findings[4].decision, Decision::Fail);
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_is_no_number(
        pairs in prop::collection::vec(prop::collection::vec((figure(), figure()), 0..24), 0..4),
        looks in prop_oneof![
            prop::collection::vec(0..30_u32, 0..4).prop_map(Looks::At),
            (0..30_u32).prop_map(|most| Looks::EveryPair { most }),
        ],
        alpha in prop_oneof![Just(0.005), Just(f64::NAN), -1.0..2.0_f64],
        margin in prop_oneof![Just(0.05), Just(f64::NAN), -2.0..100.0_f64],
        scale in prop_oneof![Just(ChangeScale::Relative), Just(ChangeScale::Difference)],
    ) {
        let all: Vec<PairedMetric> = pairs
            .into_iter()
            .map(|pairs| PairedMetric { margin, scale, pairs, ..cpu(0, 0.0, 0.0) })
            .collect();
        let verdicts = judge(&all, &Rules { looks, alpha, power: 0.8 });
        prop_assert_eq!(verdicts.findings.len(), all.len());
        for (finding, metric) in verdicts.findings.iter().zip(&all) {
            prop_assert!(!finding.text.contains("NaN") && !finding.text.contains("inf "));
            if let Some(e) = &finding.effect {
                let numbers = [Some(e.estimate), e.lower, e.upper, e.detectable, Some(e.noise), Some(e.p)];
                prop_assert!(numbers.into_iter().flatten().all(f64::is_finite), "{e:?}");
            }
            let absent = |(a, b): &(Figure, Figure)| a.value().is_none() || b.value().is_none();
            let used = metric.pairs.iter().take(finding.samples as usize);
            if finding.decision == Decision::Pass {
                prop_assert!(finding.samples > 0 && !used.into_iter().any(absent));
            }
        }
    }

    #[test]
    fn decisions_follow_from_what_is_shown(metrics in metrics()) {
        let rules = Rules::default();
        for f in judge(&metrics, &rules).findings {
            let Some(e) = &f.effect else { continue };
            let close = 1e-9;
            match f.decision {
                Decision::Fail => {
                    prop_assert!(e.p <= rules.alpha && e.lower.is_some_and(|l| l > 0.0));
                    prop_assert!(e.estimate >= e.margin - close);
                }
                Decision::Pass => prop_assert!(e.upper.is_some_and(|u| u < e.margin + close)),
                _ if e.pairs >= 10 => {
                    prop_assert!(e.upper.is_some_and(|u| u >= e.margin - close));
                    prop_assert!(e.p > rules.alpha || e.estimate < e.margin + close);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn the_order_of_metrics_is_the_order_of_findings_alone(
        metrics in metrics(), by in 0..8_usize,
    ) {
        let by = by % metrics.len();
        let mut turned = metrics.clone();
        turned.rotate_left(by);
        let mut here = judge(&metrics, &Rules::default());
        let there = judge(&turned, &Rules::default());
        here.findings.rotate_left(by);
        prop_assert_eq!(here, there);
    }

    #[test]
    fn the_unit_decides_nothing(metrics in metrics(), by in prop_oneof![Just(1024.0), 1e-6..1e9_f64]) {
        let here = judge(&metrics, &Rules::default());
        let there = judge(&scaled(&metrics, by), &Rules::default());
        prop_assert_eq!(decisions(&here), decisions(&there));
        for (a, b) in here.findings.iter().zip(&there.findings) {
            if let (Some(a), Some(b)) = (&a.effect, &b.effect) {
                prop_assert!((a.estimate - b.estimate).abs() < 1e-9 && a.p == b.p);
            }
        }
    }

    #[test]
    fn swapping_the_sides_inverts_the_change(metrics in metrics()) {
        let mut swapped = metrics.clone();
        for (a, b) in swapped.iter_mut().flat_map(|m| m.pairs.iter_mut()) {
            std::mem::swap(a, b);
        }
        let here = judge(&metrics, &Rules::default());
        let there = judge(&swapped, &Rules::default());
        let inverse = |a: f64, b: f64| ((1.0 + a) * (1.0 + b) - 1.0).abs() < 1e-9;
        for (a, b) in here.findings.iter().zip(&there.findings) {
            prop_assert!(!(a.decision == Decision::Fail && b.decision == Decision::Fail));
            let (Some(a), Some(b)) = (&a.effect, &b.effect) else { continue };
            prop_assert!(inverse(a.estimate, b.estimate) && (a.noise - b.noise).abs() < 1e-12);
            if let (Some(lower), Some(upper)) = (a.lower, b.upper) {
                prop_assert!(inverse(lower, upper));
            }
        }
    }

    #[test]
    fn a_further_metric_never_makes_another_fail(metrics in metrics(), further in metrics()) {
        let before = judge(&metrics, &Rules::default());
        let pairs = metrics[0].pairs.len();
        let mut all = metrics;
        all.extend(further.into_iter().filter(|m| m.pairs.len() <= pairs));
        let after = judge(&all, &Rules::default());
        for (before, after) in before.findings.iter().zip(&after.findings) {
            let failed = |f: &Finding| f.decision == Decision::Fail;
            prop_assert!(failed(before) || !failed(after));
            // Passing needs no correction.
            prop_assert_eq!(before.decision == Decision::Pass, after.decision == Decision::Pass);
        }
    }
}
