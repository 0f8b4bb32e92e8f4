//! How old a server's own messages are by the times in them: what is a latency, what was sent again,
//! and what cannot be right.

use crate::feed::{MessageClock, StrangeTime};
use crate::protocol::message::{MessageFields, MessageReader, MessageTime};
use crate::record::Counts;
use crate::time::{ClockReading, WallClock};

/// How exact a wall time is as a moment, in nanoseconds.
const CONVERSION_NS: i128 = 20_000;

/// The clocks of a thread.
#[derive(Debug)]
pub(crate) struct MessageTimes {
    wall: WallClock,
    /// When the wall clock was read.
    read_ns: u64,
    /// The first time of each kind that is strange.
    strange: Vec<StrangeTime>,
    /// How exact the most exact time is.
    finest_ns: u64,
}

/// What the time in a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It was published at a moment, so long before it came.
    Known { moment_ns: u64, latency_ns: u64, resolution_ns: u64, early: bool },
    /// It was published before the connection was made: the server has sent it again.
    Replayed { moment_ns: u64, resolution_ns: u64 },
    /// The time cannot be right.
    Wrong { resolution_ns: u64 },
    /// The wall clock was set between publishing and delivery, perhaps.
    Stepped { resolution_ns: u64 },
    /// The time is of a clock of which nothing is known here.
    OtherClock { resolution_ns: u64 },
    /// There is none.
    Unknown,
}

impl MessageTimes {
    /// `clocks` were read before any message came.
    pub(crate) fn new(clocks: ClockReading) -> MessageTimes {
        MessageTimes {
            wall: WallClock::at(clocks),
            read_ns: 0,
            strange: Vec::new(),
            finest_ns: u64::MAX,
        }
    }

    /// Returns how old a message is that came at `came_ns` on a connection that was made at
    /// `opened_ns`. `clocks` reads both clocks, if the time in the message is a wall time.
    pub(super) fn age(
        &mut self,
        format: &MessageReader,
        fields: &MessageFields,
        opened_ns: u64,
        came_ns: u64,
        clocks: impl FnOnce() -> ClockReading,
    ) -> Age {
        let (Some(spec), Some(MessageTime { ns, resolution_ns })) = (format.time(), fields.time)
        else {
            return Age::Unknown;
        };
        // Digits at the end that are zero may be left out: the most exact time says how exact all are.
        self.finest_ns = self.finest_ns.min(resolution_ns);
        let Some(clock_bound_ns) = spec.clock_bound_ns else {
            return Age::OtherClock { resolution_ns };
        };
        // It is larger only if it is wrong.
        let ns = i128::try_from(ns).unwrap_or(i128::MAX / 2);
        let moment = match spec.clock {
            MessageClock::Monotonic => Some(ns),
            MessageClock::Realtime => {
                if self.read_ns != came_ns {
                    self.wall.renew(clocks());
                    self.read_ns = came_ns;
                }
                self.wall.moment_of_any(ns)
            }
        };
        let Some(moment) = moment else { return Age::Stepped { resolution_ns } };
        let exact = i128::from(resolution_ns) + i128::from(clock_bound_ns) + CONVERSION_NS;
        let opened = i128::from(opened_ns);
        let latency = i128::from(came_ns) - moment;
        let replayed = moment + exact < opened;
        let wrong = latency < -exact || moment + exact < opened - i128::from(spec.replay_ns);
        if wrong || replayed {
            self.note(ns as f64 / spec.unit.ns() as f64, came_ns, !wrong);
        }
        // One of before the machine's start is at its start.
        let moment_ns = u64::try_from(moment).unwrap_or(0);
        match () {
            () if wrong => Age::Wrong { resolution_ns },
            () if replayed => Age::Replayed { moment_ns, resolution_ns },
            () => Age::Known {
                moment_ns: moment_ns.min(came_ns),
                latency_ns: u64::try_from(latency).unwrap_or(0),
                resolution_ns,
                early: latency < 0,
            },
        }
    }

    /// Keeps the first strange time of each kind.
    fn note(&mut self, value: f64, came_ns: u64, replayed: bool) {
        if self.strange.iter().any(|known| known.replayed == replayed) {
            return;
        }
        let realtime_ns = self.wall.wall_ns_at(came_ns);
        self.strange.push(StrangeTime { value, realtime_ns, monotonic_ns: came_ns, replayed });
    }

    /// Returns how exact the most exact time is, in nanoseconds; 0 if there was none.
    pub(crate) fn finest_ns(&self) -> u64 {
        if self.finest_ns == u64::MAX { 0 } else { self.finest_ns }
    }

    /// Takes the strange times.
    pub(crate) fn take_strange(&mut self) -> Vec<StrangeTime> {
        std::mem::take(&mut self.strange)
    }
}

impl Age {
    /// Returns when the message was published, if that is known.
    pub(super) fn moment_ns(self) -> Option<u64> {
        match self {
            Age::Known { moment_ns, .. } | Age::Replayed { moment_ns, .. } => Some(moment_ns),
            Age::Wrong { .. } | Age::Stepped { .. } | Age::OtherClock { .. } | Age::Unknown => None,
        }
    }

    /// Returns whether the server has sent the message again.
    pub(super) fn is_replayed(self) -> bool {
        matches!(self, Age::Replayed { .. })
    }

    /// Returns how exact the time is, in nanoseconds; 0 if there is none.
    pub(super) fn resolution_ns(self) -> u64 {
        match self {
            Age::Known { resolution_ns, .. }
            | Age::Replayed { resolution_ns, .. }
            | Age::Wrong { resolution_ns }
            | Age::Stepped { resolution_ns }
            | Age::OtherClock { resolution_ns } => resolution_ns,
            Age::Unknown => 0,
        }
    }

    /// Counts what the time says.
    pub(super) fn count(self, counts: &mut Counts) {
        match self {
            Age::Known { early, .. } => counts.early_times += u64::from(early),
            Age::Replayed { .. } => counts.replayed += 1,
            Age::Wrong { .. } => counts.wrong_times += 1,
            Age::Stepped { .. } => counts.stepped_times += 1,
            Age::OtherClock { .. } => {}
            Age::Unknown => return,
        }
        let exact = match self.resolution_ns() {
            0..1_000 => &mut counts.times_in_ns,
            1_000..1_000_000 => &mut counts.times_in_us,
            1_000_000..1_000_000_000 => &mut counts.times_in_ms,
            _ => &mut counts.times_in_s,
        };
        *exact += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{MessageSpec, Place, TimeSpec, TimeUnit};
    use crate::time::now_ns;

    const MS: u64 = 1_000_000;

    fn format(clock: MessageClock, unit: TimeUnit, clock_bound_ns: Option<u64>) -> MessageReader {
        let time = TimeSpec {
            place: Place::Pointer(String::new()),
            unit,
            clock,
            resolution_ns: 0,
            clock_bound_ns,
            replay_ns: 3_600_000 * MS,
        };
        MessageReader::new(&MessageSpec { time: Some(time), ..MessageSpec::default() }).unwrap()
    }

    #[test]
    fn a_time_is_a_latency_or_that_of_a_message_sent_again_or_wrong() {
        let format = format(MessageClock::Monotonic, TimeUnit::Milliseconds, Some(0));
        let opened_ns = 10_000_000 * MS;
        let came_ns = opened_ns + 5_500_000;
        let mut times = MessageTimes::new(ClockReading::read());
        let mut age = |ms: u64| {
            let fields = format.read(ms.to_string().as_bytes()).unwrap();
            times.age(&format, &fields, opened_ns, came_ns, ClockReading::read)
        };
        let known = |ms: u64, latency_ns, early| Age::Known {
            moment_ns: (ms * MS).min(came_ns),
            latency_ns,
            resolution_ns: MS,
            early,
        };
        assert_eq!(age(10_000_003), known(10_000_003, 2_500_000, false));
        // Rounded up, by less than one.
        assert_eq!(age(10_000_006), known(10_000_006, 0, true));
        assert_eq!(age(10_000_007), Age::Wrong { resolution_ns: MS });
        // Rounded down, it may be of after the connection was made.
        assert_eq!(age(9_999_999), known(9_999_999, 6_500_000, false));
        let again = Age::Replayed { moment_ns: 9_999_990 * MS, resolution_ns: MS };
        assert_eq!(age(9_999_990), again);
        assert_eq!(age(6_000_000), Age::Wrong { resolution_ns: MS });
        assert_eq!(age(1_700_000_000_123), Age::Wrong { resolution_ns: MS });
        let strange = times.take_strange();
        let values: Vec<f64> = strange.iter().map(|time| time.value).collect();
        assert_eq!(values, [10_000_007.0, 9_999_990.0]);
        assert_eq!((strange[1].replayed, strange[1].monotonic_ns), (true, came_ns));
    }

    #[test]
    fn a_wall_time_is_compared_with_this_machines_clock() {
        let format = format(MessageClock::Realtime, TimeUnit::Nanoseconds, Some(0));
        let mut times = MessageTimes::new(ClockReading::read());
        let came_ns = now_ns();
        times.wall.renew(ClockReading::read());
        let wall_ns = times.wall.wall_ns_at(came_ns) - 3 * MS;
        let fields = format.read(wall_ns.to_string().as_bytes()).unwrap();
        let Age::Known { latency_ns, .. } =
            times.age(&format, &fields, 0, came_ns, ClockReading::read)
        else {
            panic!("{fields:?}");
        };
        // Not if somebody sets the clock.
        assert!(latency_ns.abs_diff(3 * MS) < MS, "{latency_ns}");
    }

    /// A server that leaves zeros at the end out still writes all of its digits in some message.
    #[test]
    fn the_most_exact_time_says_how_exact_all_are() {
        let format = format(MessageClock::Realtime, TimeUnit::Seconds, Some(0));
        let mut times = MessageTimes::new(ClockReading::read());
        assert_eq!(times.finest_ns(), 0);
        for text in ["17.25", "17.2500001", "17.250001"] {
            let fields = format.read(text.as_bytes()).unwrap();
            times.age(&format, &fields, 0, now_ns(), ClockReading::read);
        }
        assert_eq!(times.finest_ns(), 100);
    }

    #[test]
    fn nothing_is_known_of_the_clock_of_another_machine() {
        let format = format(MessageClock::Realtime, TimeUnit::Seconds, None);
        let fields = format.read(b"17").unwrap();
        let age =
            MessageTimes::new(ClockReading::read()).age(&format, &fields, 0, 5, ClockReading::read);
        assert_eq!(age, Age::OtherClock { resolution_ns: 1_000 * MS });
        let mut counts = Counts::default();
        age.count(&mut counts);
        assert_eq!(counts, Counts { times_in_s: 1, ..Counts::default() });
    }
}
