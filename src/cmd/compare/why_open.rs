//! Why a comparison has not decided, in sentences for its normal screen: what ended it, which pairs were
//! discarded, which figures would fail with more pairs, and what would decide.

use crate::gate::paired::{Looks, Rules, describe_too_few};
use crate::gate::run_validity::FailedCheck;
use crate::report::check::Check;
use crate::report::finding::{Decision, Finding, Kind};
use crate::units::{distinct, thousands};
use std::time::Duration;

/// What ended the pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairsEnd {
    /// `--time`.
    Time {
        /// What it allowed.
        limit: Duration,
        /// What a pair took.
        one: Duration,
    },
    /// The number of pairs.
    Pairs,
    /// A figure that failed, by `--fail-fast`.
    Failure,
    /// An exact figure that differs between builds of one server.
    Difference,
}

/// The pairs that were discarded.
#[derive(Debug, Clone, Default)]
pub(super) struct Discards {
    /// How many.
    pub(super) pairs: u32,
    /// In how many of them A failed a check, and B.
    pub(super) failed: [u32; 2],
    /// The worst of these checks, and of which side.
    pub(super) worst: Option<(&'static str, FailedCheck)>,
}

impl Discards {
    /// What the side that failed did, by the worst check: `was late`, `failed feed_held`.
    pub(super) fn what(&self) -> String {
        self.failed_check()
            .map_or_else(|| "was late".to_owned(), |check| format!("failed {}", check.name()))
    }

    /// The worst check, if that is another than lateness.
    pub(super) fn failed_check(&self) -> Option<Check> {
        let worst = self.worst.as_ref().map(|(_, worst)| worst.check());
        worst.filter(|check| *check != Check::DriverOnSchedule)
    }

    /// Says how many there were, and the worst of why, with what can be done about it; `None` if there was
    /// none.
    pub(super) fn describe(&self) -> Option<String> {
        let (side, worst) = self.worst.as_ref()?;
        let [a, b] = self.failed;
        let were = if self.pairs == 1 { "was" } else { "were" };
        Some(format!(
            "{} {were} discarded, since a side {}: A in {a}, B in {b}. The worst is {}. {}",
            count(self.pairs),
            self.what(),
            worst.sentence(side),
            worst.remedy()
        ))
    }
}

/// A comparison of which some figure is undecided.
pub(super) struct OpenComparison<'a> {
    pub(super) findings: &'a [Finding],
    pub(super) end: Option<PairsEnd>,
    /// Pairs that count.
    pub(super) pairs: u32,
    pub(super) discards: &'a Discards,
    pub(super) rules: &'a Rules,
    /// Figures that Holm's correction is over.
    pub(super) metrics: usize,
}

impl OpenComparison<'_> {
    /// Says why it is undecided and what would decide it; `None` if nothing is known of that.
    pub(super) fn describe(&self) -> Option<String> {
        let mut sentences: Vec<String> = Vec::new();
        sentences.extend(self.end.map(|end| self.describe_end(end)));
        sentences.extend(distinct(self.lacking().map(|finding| format!("{}.", finding.text))));
        sentences.extend(self.discards.describe());
        let too_few = |finding| describe_too_few(finding, self.rules, self.metrics);
        sentences.extend(self.findings.iter().filter_map(too_few).map(|text| text + "."));
        sentences.extend(self.end.map(|end| self.remedy(end)));
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    /// Says in brief why figures beside a failure are undecided and what would decide them; `None` if none that
    /// was compared is, or what failed ended it.
    pub(super) fn describe_beside_failure(&self) -> Option<String> {
        let end = self.end?;
        let open = |f: &&Finding| f.kind == Kind::Paired && f.decision == Decision::Inconclusive;
        let what = match self.findings.iter().filter(open).count() {
            0 => return None,
            1 => "1 figure is undecided".to_owned(),
            n => format!("{} figures are undecided", thousands(n as u64)),
        };
        Some(format!("{what}: {} {}", self.describe_end(end), self.remedy(end)))
    }

    /// Undecided findings that are in no table: failed checks, and figures that some pairs lack, unless the
    /// end of the pairs explains these.
    fn lacking(&self) -> impl Iterator<Item = &Finding> {
        let explained = |f: &Finding| f.kind == Kind::Paired && self.end.is_some();
        let open = |f: &&Finding| f.decision == Decision::Inconclusive && f.effect.is_none();
        self.findings.iter().filter(open).filter(move |f| !explained(f))
    }

    fn describe_end(&self, end: PairsEnd) -> String {
        let what = match end {
            PairsEnd::Time { limit, .. } => format!("--time {}", option_time(limit)),
            PairsEnd::Pairs => match self.rules.looks {
                Looks::At(_) => "--pairs".to_owned(),
                Looks::EveryPair { .. } => "The most pairs that run".to_owned(),
            },
            PairsEnd::Failure => "--fail-fast".to_owned(),
            PairsEnd::Difference => "what differs in every run".to_owned(),
        };
        let first = self.rules.deciding().first().copied().filter(|first| *first > self.pairs);
        let first = first.map(|first| format!(", and the first decision is at {first}"));
        format!(
            "{what} ended it after {} ({} discarded){}.",
            count(self.pairs),
            thousands(self.discards.pairs.into()),
            first.unwrap_or_default()
        )
    }

    fn remedy(&self, end: PairsEnd) -> String {
        match end {
            PairsEnd::Time { limit, one } => {
                let least = self.rules.least_pairs(self.metrics.max(1)).unwrap_or(self.pairs);
                let most = 1 + least.max(self.pairs) + self.discards.pairs;
                let time = one.saturating_mul(most).max(limit.saturating_mul(2));
                format!("Give it more time: --time {}.", option_time(rounded_up(time)))
            }
            PairsEnd::Pairs => match self.rules.looks {
                Looks::At(_) => format!(
                    "Run more pairs: --pairs {}, or leave --pairs out and give --time 10min.",
                    self.pairs.saturating_mul(2).max(1)
                ),
                Looks::EveryPair { .. } => "Make the runs longer: --set duration=….".to_owned(),
            },
            PairsEnd::Failure => "Leave --fail-fast out to decide the rest too.".to_owned(),
            PairsEnd::Difference => "Decide them with --only-noisy.".to_owned(),
        }
    }
}

/// `no pair`, `1 pair`, `13 pairs`.
pub(super) fn count(pairs: u32) -> String {
    match pairs {
        0 => "no pair".to_owned(),
        1 => "1 pair".to_owned(),
        n => format!("{} pairs", thousands(n.into())),
    }
}

/// A duration as an option takes it: `10min`, `90s`, `1500ms`.
pub(super) fn option_time(time: Duration) -> String {
    match (time.as_millis(), time.as_secs()) {
        (ms, _) if ms % 1000 > 0 => format!("{ms}ms"),
        (_, seconds) if seconds > 0 && seconds % 60 == 0 => format!("{}min", seconds / 60),
        (_, seconds) => format!("{seconds}s"),
    }
}

/// Whole seconds, and whole minutes from two on.
fn rounded_up(time: Duration) -> Duration {
    let seconds = time.as_millis().div_ceil(1000) as u64;
    Duration::from_secs(if seconds > 120 { seconds.div_ceil(60) * 60 } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Figure;
    use crate::report::finding::{ChangeScale, Effect, Subject};

    fn discards(check: Check) -> Discards {
        let failed = FailedCheck::of_run(check, "20 % of the stated rate came".to_owned());
        Discards { pairs: 2, failed: [0, 2], worst: Some(("B", failed)) }
    }

    fn open(lower: f64) -> Finding {
        let effect = Effect {
            scale: ChangeScale::Relative,
            estimate: 5.5,
            lower: Some(lower),
            upper: Some(6.25),
            detectable: None,
            margin: 0.05,
            noise: 0.1,
            pairs: 9,
            p: 0.03,
        };
        Finding {
            decision: Decision::Inconclusive,
            effect: Some(effect),
            value: Figure::count(1),
            ..Finding::new(Kind::Paired, Subject::of_row("ws", 10, "server_cpu_us_per_message"))
        }
    }

    #[test]
    fn what_ended_it_is_said_with_the_discarded_pairs_and_the_remedy() {
        let (rules, discards) = (Rules::every_pair(), discards(Check::FeedHeld));
        let end = PairsEnd::Time { limit: Duration::from_secs(300), one: Duration::from_secs(6) };
        let findings = [open(4.8), open(-0.01)];
        let of = |end| OpenComparison {
            findings: &findings,
            end,
            pairs: 9,
            discards: &discards,
            rules: &rules,
            metrics: 4,
        };
        let text = of(Some(end)).describe().expect("it is open");
        assert!(text.starts_with("--time 5min ended it after 9 pairs (2 discarded)."), "{text}");
        assert!(text.contains("2 pairs were discarded, since a side failed feed_held"), "{text}");
        assert!(text.contains("20 % of the stated rate came"), "{text}");
        let few = "server_cpu_us_per_message of ws at 10 clients: +480 % to +625 % lies above the 5 % that \
                   is allowed, but 9 pairs are too few to say so at 1 in 100 for 4 figures together.";
        assert_eq!(text.matches(few).count(), 1, "{text}");
        assert_eq!(text.matches("lies above").count(), 1, "{text}");
        assert!(text.ends_with("Give it more time: --time 10min."), "{text}");
        // Nothing but the findings ended it.
        assert!(!of(None).describe().expect("it is open").contains("--time"));
        let text = of(Some(PairsEnd::Failure)).describe().expect("it is open");
        assert!(text.starts_with("--fail-fast ended it after 9 pairs (2 discarded)."), "{text}");
        assert!(text.ends_with("Leave --fail-fast out to decide the rest too."), "{text}");
        let beside = of(Some(end)).describe_beside_failure();
        let wanted = "2 figures are undecided: --time 5min ended it after 9 pairs (2 discarded). Give it \
                      more time: --time 10min.";
        assert_eq!(beside.as_deref(), Some(wanted));
        let beside = of(Some(PairsEnd::Difference)).describe_beside_failure();
        let wanted = "2 figures are undecided: what differs in every run ended it after 9 pairs (2 \
                      discarded). Decide them with --only-noisy.";
        assert_eq!(beside.as_deref(), Some(wanted));
        assert_eq!(of(None).describe_beside_failure(), None);
        let nothing = Discards::default();
        let open = OpenComparison { discards: &nothing, findings: &[], ..of(None) };
        assert_eq!(open.describe(), None);
        let text = OpenComparison { pairs: 3, ..of(Some(end)) }.describe().expect("it is open");
        assert!(
            text.contains("after 3 pairs (2 discarded), and the first decision is at 8"),
            "{text}"
        );
    }

    #[test]
    fn a_side_is_late_only_if_the_driver_was() {
        assert_eq!(discards(Check::DriverOnSchedule).what(), "was late");
        assert_eq!(discards(Check::FeedHeld).what(), "failed feed_held");
        assert_eq!(Discards::default().describe(), None);
    }

    #[test]
    fn times_are_shown_as_the_option_takes_them() {
        for (ms, text) in [(300_000, "5min"), (90_000, "90s"), (1_500, "1500ms"), (0, "0s")] {
            assert_eq!(option_time(Duration::from_millis(ms)), text);
        }
        assert_eq!(rounded_up(Duration::from_millis(1)), Duration::from_secs(1));
        assert_eq!(rounded_up(Duration::from_millis(120_001)), Duration::from_secs(180));
    }
}
