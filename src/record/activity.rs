//! What a server's processes did while they were measured, by the kernel's own counts: what can be
//! seen of the cause of a cost.

use serde::{Deserialize, Serialize};

/// Two counts that the kernel keeps side by side, or why they are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelCounts {
    /// Both.
    Known(u64, u64),
    /// Neither.
    Absent(Uncounted),
}

/// Why the kernel's counts are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncounted {
    /// They were not read, as by a version that did not know them.
    NotRead,
    /// The system does not let this user read them.
    NotPermitted,
    /// A thread or process ended meanwhile, and its counts with it.
    Ended,
    /// Control groups do not have them.
    ControlGroup,
    /// This system does not have them.
    System,
    /// The processor has no counter for them, or none that the system may use.
    NoCounter,
    /// The system does not let this user have the processor's counter.
    CounterRefused,
    /// The processor's counter counted something else for a part of the time.
    CounterShared,
    /// Threads came and went so fast that it is not known which of them were counted.
    ThreadsChanged,
}

impl Uncounted {
    /// The reason as a clause.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Uncounted::NotRead => "the run did not read it",
            Uncounted::NotPermitted => {
                "the system does not let this user read it of the server's processes: run wsbench \
                 as their user or as root"
            }
            Uncounted::Ended => {
                "a thread or process of the server ended in the measured window, and the kernel's \
                 counts of it too"
            }
            Uncounted::ControlGroup => "a control group does not count it",
            Uncounted::System => "this system does not count it",
            Uncounted::NoCounter => {
                "this machine has no counter of instructions that its system may use, as most virtual \
                 machines"
            }
            Uncounted::CounterRefused => {
                "the system does not let this user count instructions (perf_event_open): set the sysctl \
                 kernel.perf_event_paranoid to 2 or less, run wsbench as the server's user or as root, and \
                 allow the call in a container"
            }
            Uncounted::CounterShared => {
                "the processor's counter of instructions was used for something else too: end other \
                 profilers"
            }
            Uncounted::ThreadsChanged => {
                "threads of the server came and went while counters were opened for them"
            }
        }
    }
}

impl KernelCounts {
    /// Adds those of another process. What is not known of one is not known of both.
    #[must_use]
    pub(crate) fn plus(self, other: KernelCounts) -> KernelCounts {
        match (self, other) {
            (KernelCounts::Known(a, b), KernelCounts::Known(c, d)) => {
                KernelCounts::Known(a.saturating_add(c), b.saturating_add(d))
            }
            (KernelCounts::Absent(why), _) | (_, KernelCounts::Absent(why)) => {
                KernelCounts::Absent(why)
            }
        }
    }
    /// Returns what was added since an earlier reading. Counts only grow, unless one who had them
    /// ended.
    #[must_use]
    pub(crate) fn since(self, before: KernelCounts) -> KernelCounts {
        let (KernelCounts::Known(a, b), KernelCounts::Known(c, d)) = (self, before) else {
            return self.plus(before);
        };
        match (a.checked_sub(c), b.checked_sub(d)) {
            (Some(first), Some(second)) => KernelCounts::Known(first, second),
            _ => KernelCounts::Absent(Uncounted::Ended),
        }
    }
}

/// Instructions in user mode, or why they are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instructions {
    /// So many.
    Known(u64),
    /// None.
    Absent(Uncounted),
}

impl Default for Instructions {
    /// They were not read.
    fn default() -> Instructions {
        Instructions::Absent(Uncounted::NotRead)
    }
}

impl Instructions {
    /// Adds those of another process. What is not known of one is not known of both.
    #[must_use]
    pub(crate) fn plus(self, other: Instructions) -> Instructions {
        self.with(other, |a, b| Some(a.saturating_add(b)))
    }
    /// Returns what was added since an earlier reading of the same counter.
    #[must_use]
    pub(crate) fn since(self, before: Instructions) -> Instructions {
        self.with(before, u64::checked_sub)
    }
    fn with(self, other: Instructions, of: fn(u64, u64) -> Option<u64>) -> Instructions {
        match (self, other) {
            (Instructions::Known(a), Instructions::Known(b)) => {
                of(a, b).map_or(Instructions::Absent(Uncounted::Ended), Instructions::Known)
            }
            (Instructions::Absent(why), _) | (_, Instructions::Absent(why)) => {
                Instructions::Absent(why)
            }
        }
    }
}

/// The kernel's counts of a server's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessActivity {
    /// CPU nanoseconds in user mode and in the kernel, rounded to the kernel's ticks: what counts is
    /// their ratio.
    pub cpu_ns: KernelCounts,
    /// Instructions in user mode.
    #[serde(default)]
    pub instructions: Instructions,
    /// Context switches: of threads that waited, and of threads that were preempted.
    pub context_switches: KernelCounts,
    /// Calls of the families of `read` and `write` (`syscr` and `syscw`). Those of `recv` and `send`
    /// are not among them.
    pub io_calls: KernelCounts,
    /// Page faults without and with a read from a disk.
    pub page_faults: KernelCounts,
}

impl Default for ProcessActivity {
    /// Nothing is known.
    fn default() -> ProcessActivity {
        ProcessActivity::absent(Uncounted::NotRead)
    }
}

impl ProcessActivity {
    /// Nothing is known, for one reason.
    pub(crate) fn absent(why: Uncounted) -> ProcessActivity {
        let absent = KernelCounts::Absent(why);
        ProcessActivity {
            cpu_ns: absent,
            instructions: Instructions::Absent(why),
            context_switches: absent,
            io_calls: absent,
            page_faults: absent,
        }
    }
    /// Of nothing.
    #[cfg(any(test, all(target_os = "linux", not(feature = "portable"))))]
    pub(crate) fn zero() -> ProcessActivity {
        let zero = KernelCounts::Known(0, 0);
        ProcessActivity {
            cpu_ns: zero,
            instructions: Instructions::Known(0),
            context_switches: zero,
            io_calls: zero,
            page_faults: zero,
        }
    }
    /// True if nothing was read.
    pub(crate) fn is_unread(&self) -> bool {
        *self == ProcessActivity::default()
    }
    /// Adds those of another process.
    #[must_use]
    pub(crate) fn plus(self, other: ProcessActivity) -> ProcessActivity {
        self.with(other, KernelCounts::plus, Instructions::plus)
    }
    /// Returns what was added since an earlier reading.
    #[must_use]
    pub(crate) fn since(self, before: ProcessActivity) -> ProcessActivity {
        self.with(before, KernelCounts::since, Instructions::since)
    }
    fn with(
        self,
        other: ProcessActivity,
        of: fn(KernelCounts, KernelCounts) -> KernelCounts,
        of_instructions: fn(Instructions, Instructions) -> Instructions,
    ) -> ProcessActivity {
        ProcessActivity {
            cpu_ns: of(self.cpu_ns, other.cpu_ns),
            instructions: of_instructions(self.instructions, other.instructions),
            context_switches: of(self.context_switches, other.context_switches),
            io_calls: of(self.io_calls, other.io_calls),
            page_faults: of(self.page_faults, other.page_faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_of_one_process_is_not_known_of_all() {
        let known = ProcessActivity {
            context_switches: KernelCounts::Known(3, 1),
            ..ProcessActivity::zero()
        };
        assert_eq!(known.plus(known).context_switches, KernelCounts::Known(6, 2));
        let refused = KernelCounts::Absent(Uncounted::NotPermitted);
        let one = ProcessActivity { io_calls: refused, ..known };
        for sum in [known.plus(one), one.plus(known), known.since(one), one.since(known)] {
            assert_eq!(sum.io_calls, refused);
            assert_eq!(sum.page_faults, KernelCounts::Known(0, 0));
        }
        assert!(ProcessActivity::default().is_unread() && !one.is_unread());
    }

    #[test]
    fn counts_that_became_less_belong_to_one_who_ended() {
        let of = |n| KernelCounts::Known(n, 10);
        assert_eq!(of(9).since(of(4)), KernelCounts::Known(5, 0));
        assert_eq!(of(4).since(of(9)), KernelCounts::Absent(Uncounted::Ended));
    }

    #[test]
    fn its_form_in_files() {
        let activity = ProcessActivity {
            cpu_ns: KernelCounts::Known(7, 8),
            ..ProcessActivity::absent(Uncounted::ControlGroup)
        };
        let json = serde_json::to_string(&activity).expect("numbers and names");
        assert_eq!(
            json,
            r#"{"cpu_ns":{"known":[7,8]},"instructions":{"absent":"control_group"},"context_switches":{"absent":"control_group"},"io_calls":{"absent":"control_group"},"page_faults":{"absent":"control_group"}}"#
        );
        assert_eq!(
            serde_json::from_str::<ProcessActivity>(&json).expect("it is the same"),
            activity
        );
        // An older version knew no instructions.
        let older = json.replace(r#""instructions":{"absent":"control_group"},"#, "");
        let read = serde_json::from_str::<ProcessActivity>(&older).expect("all others are there");
        assert_eq!(read, ProcessActivity { instructions: Instructions::default(), ..activity });
    }

    #[test]
    fn instructions_add_up_and_what_is_not_known_has_its_reason() {
        let (nine, four) = (Instructions::Known(9), Instructions::Known(4));
        assert_eq!(
            (nine.plus(four), nine.since(four)),
            (Instructions::Known(13), Instructions::Known(5))
        );
        assert_eq!(four.since(nine), Instructions::Absent(Uncounted::Ended));
        let none = Instructions::Absent(Uncounted::NoCounter);
        for sum in [nine.plus(none), none.plus(nine), nine.since(none), none.since(nine)] {
            assert_eq!(sum, none);
        }
        let all = ProcessActivity { instructions: nine, ..ProcessActivity::zero() };
        let other = ProcessActivity { instructions: none, ..all };
        assert_eq!(all.plus(all).instructions, Instructions::Known(18));
        assert_eq!(all.since(all).instructions, Instructions::Known(0));
        assert_eq!(all.plus(other).instructions, none);
    }
}
