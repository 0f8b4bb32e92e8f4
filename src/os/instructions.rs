//! Instructions that processes run in user mode, by the processor's counter. Unlike CPU time they do not
//! depend on what else the machine does.
//!
//! A counter belongs to a thread, and what that starts inherits it. So each thread that there is gets one, and
//! if one has come meanwhile, nobody knows whether its starter had a counter already: then all are opened
//! anew.

use crate::record::{Instructions, Uncounted};
use std::io;

/// How often counters are opened while threads come and go.
#[cfg(any(test, all(target_os = "linux", not(feature = "portable"))))]
const MOST_TRIES: usize = 10;

/// Counters of threads, or why there are none.
#[derive(Debug)]
pub(crate) struct InstructionCounter {
    counters: Result<Vec<read::Counter>, Uncounted>,
}

impl InstructionCounter {
    /// There is none.
    pub(super) fn absent(why: Uncounted) -> InstructionCounter {
        InstructionCounter { counters: Err(why) }
    }

    /// Returns what was counted since it was opened.
    pub(crate) fn read(&self) -> Instructions {
        match &self.counters {
            Ok(counters) => sum(counters.iter().map(read::Counter::read)),
            Err(why) => Instructions::Absent(*why),
        }
    }
}

/// What a counter has so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CounterReading {
    count: u64,
    /// Nanoseconds in which its threads ran.
    wanted_ns: u64,
    /// Nanoseconds of these in which the processor counted.
    counted_ns: u64,
}

/// Adds up counters.
fn sum(readings: impl Iterator<Item = io::Result<CounterReading>>) -> Instructions {
    let mut all: u64 = 0;
    for reading in readings {
        match reading {
            Err(error) => return Instructions::Absent(reason(&error)),
            Ok(reading) if reading.counted_ns < reading.wanted_ns => {
                return Instructions::Absent(Uncounted::CounterShared);
            }
            Ok(reading) => all = all.saturating_add(reading.count),
        }
    }
    Instructions::Known(all)
}

/// Opens a counter for each thread, so that none is left out and none is counted twice.
#[cfg(any(test, all(target_os = "linux", not(feature = "portable"))))]
fn open_all<C>(
    threads: impl Fn() -> io::Result<std::collections::BTreeSet<i32>>,
    open: impl Fn(i32) -> io::Result<C>,
) -> Result<Vec<C>, Uncounted> {
    let known = || match threads() {
        Ok(threads) if threads.is_empty() => Err(Uncounted::Ended),
        Ok(threads) => Ok(threads),
        Err(error) => Err(reason(&error)),
    };
    for _ in 0..MOST_TRIES {
        let before = known()?;
        let mut counters = Vec::new();
        for thread in &before {
            match open(*thread) {
                Ok(counter) => counters.push(counter),
                // It has ended.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => return Err(reason(&error)),
            }
        }
        if known()?.is_subset(&before) {
            return Ok(counters);
        }
    }
    Err(Uncounted::ThreadsChanged)
}

fn reason(error: &io::Error) -> Uncounted {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => Uncounted::CounterRefused,
        Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP) => Uncounted::NoCounter,
        Some(libc::ESRCH) => Uncounted::Ended,
        _ => Uncounted::System,
    }
}

pub(super) use read::instructions_of;
pub(crate) use read::own_instructions;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod read {
    use super::{CounterReading, InstructionCounter, io, open_all};
    use crate::os::perf_event::{CountedEvent, open};
    use crate::os::process_group::{ProcessSet, threads, threads_of};
    use std::fs::File;
    use std::io::Read;

    /// The counter of a thread and of what it started.
    #[derive(Debug)]
    pub(super) struct Counter(pub(super) File);

    impl Counter {
        /// # Errors
        /// If the kernel does not tell.
        pub(super) fn read(&self) -> io::Result<CounterReading> {
            let mut bytes = [0; 24];
            (&self.0).read_exact(&mut bytes)?;
            let [count, wanted_ns, counted_ns] = std::array::from_fn(|n| {
                // Eight bytes each, of which all three are there.
                u64::from_ne_bytes(std::array::from_fn(|byte| bytes[8 * n + byte]))
            });
            Ok(CounterReading { count, wanted_ns, counted_ns })
        }
    }

    /// Opens counters of the threads of processes, and of all that these start.
    pub(in crate::os) fn instructions_of(set: &ProcessSet) -> InstructionCounter {
        InstructionCounter { counters: count(CountedEvent::Instructions, || threads(set)) }
    }

    /// Opens counters of the threads of this process, and of all that these start.
    pub(crate) fn own_instructions() -> InstructionCounter {
        let own = || threads_of(std::process::id().cast_signed());
        InstructionCounter { counters: count(CountedEvent::Instructions, own) }
    }

    pub(super) fn count(
        event: CountedEvent,
        threads: impl Fn() -> io::Result<std::collections::BTreeSet<i32>>,
    ) -> Result<Vec<Counter>, super::Uncounted> {
        open_all(threads, |thread| open(event, thread).map(Counter))
    }
}

#[cfg(any(not(target_os = "linux"), feature = "portable"))]
mod read {
    use super::{CounterReading, InstructionCounter, Uncounted, io};
    use crate::os::process_group::ProcessSet;

    /// There is none.
    #[derive(Debug)]
    pub(super) enum Counter {}

    impl Counter {
        /// # Errors
        /// None: there is nothing to read.
        pub(super) fn read(&self) -> io::Result<CounterReading> {
            match *self {}
        }
    }

    /// Needs Linux.
    pub(in crate::os) fn instructions_of(_set: &ProcessSet) -> InstructionCounter {
        InstructionCounter::absent(Uncounted::System)
    }

    /// Needs Linux.
    pub(crate) fn own_instructions() -> InstructionCounter {
        InstructionCounter::absent(Uncounted::System)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::BTreeSet;

    fn reading(count: u64, wanted_ns: u64, counted_ns: u64) -> io::Result<CounterReading> {
        Ok(CounterReading { count, wanted_ns, counted_ns })
    }

    #[test]
    fn counters_add_up_unless_one_counted_for_a_part_of_the_time() {
        let of = |readings: Vec<io::Result<CounterReading>>| sum(readings.into_iter());
        // A thread that has not run yet has no time.
        let all = vec![reading(3, 10, 10), reading(0, 0, 0), reading(4, 7, 7)];
        assert_eq!(of(all), Instructions::Known(7));
        let shared = vec![reading(3, 10, 10), reading(4, 7, 6)];
        assert_eq!(of(shared), Instructions::Absent(Uncounted::CounterShared));
        let failed = vec![reading(3, 10, 10), Err(io::ErrorKind::UnexpectedEof.into())];
        assert_eq!(of(failed), Instructions::Absent(Uncounted::System));
    }

    #[test]
    fn a_thread_that_came_meanwhile_makes_all_counters_new() {
        let looks = Cell::new(0);
        // The third thread comes after the first look, and the first ends after the third.
        let threads = || {
            looks.set(looks.get() + 1);
            Ok(match looks.get() {
                1 => [1, 2].into(),
                2 | 3 => [1, 2, 3].into(),
                _ => [2, 3].into(),
            })
        };
        assert_eq!(open_all(threads, Ok), Ok(vec![1, 2, 3]));
        assert_eq!(looks.get(), 4);
        // One that has ended has no counter, and is not missed.
        let ended = |thread| match thread {
            1 => Err(io::Error::from_raw_os_error(libc::ESRCH)),
            other => Ok(other),
        };
        assert_eq!(open_all(|| Ok([1, 2].into()), ended), Ok(vec![2]));
        let ever_new = || {
            looks.set(looks.get() + 1);
            Ok([looks.get()].into())
        };
        assert_eq!(open_all(ever_new, Ok), Err(Uncounted::ThreadsChanged));
        assert_eq!(open_all(|| Ok(BTreeSet::new()), Ok), Err(Uncounted::Ended));
    }

    #[test]
    fn what_cannot_be_counted_has_its_reason() {
        for (code, why) in [
            (libc::EACCES, Uncounted::CounterRefused),
            (libc::EPERM, Uncounted::CounterRefused),
            (libc::ENOENT, Uncounted::NoCounter),
            (libc::EOPNOTSUPP, Uncounted::NoCounter),
            (libc::ENOSYS, Uncounted::System),
            (libc::EMFILE, Uncounted::System),
        ] {
            let refused = |_| Err::<i32, _>(io::Error::from_raw_os_error(code));
            assert_eq!(open_all(|| Ok([1].into()), refused), Err(why), "{code}");
        }
        let absent = InstructionCounter::absent(Uncounted::ControlGroup);
        assert_eq!(absent.read(), Instructions::Absent(Uncounted::ControlGroup));
    }

    #[cfg(all(target_os = "linux", not(feature = "portable")))]
    mod on_linux {
        use super::*;
        use crate::os::perf_event::CountedEvent;
        use crate::os::process_group::{ProcessSet, threads};
        use std::io::{BufRead, BufReader, Write};
        use std::os::unix::process::CommandExt;
        use std::process::{Child, Command, Stdio};

        /// Burns CPU time in a process that it starts, for each line that it reads, and says so.
        fn shell() -> (Child, ProcessSet) {
            let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
            let script = format!("while read x; do sh -c '{burn}'; echo done; done");
            let mut command = Command::new("sh");
            command.args(["-c", &script]).process_group(0);
            let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            let child = child.expect("a shell starts");
            let set = ProcessSet::Group(child.id());
            (child, set)
        }

        fn burn(child: &mut Child) {
            let input = child.stdin.as_mut().expect("it has one");
            input.write_all(b"\n").expect("it reads");
            let mut line = String::new();
            let mut out = BufReader::new(child.stdout.as_mut().expect("it has one"));
            out.read_line(&mut line).expect("it writes");
            assert_eq!(line, "done\n");
        }

        fn known(instructions: Instructions) -> Option<u64> {
            match instructions {
                Instructions::Known(count) => Some(count),
                Instructions::Absent(_) => None,
            }
        }

        /// The system call, the inheritance and the reading, by a counter that the kernel keeps itself.
        #[test]
        fn what_a_process_starts_is_counted() {
            let (mut child, set) = shell();
            let counters = read::count(CountedEvent::TaskClock, || threads(&set));
            let counter = match counters {
                // A sandbox may refuse the call.
                Err(why @ (Uncounted::CounterRefused | Uncounted::System)) => {
                    eprintln!("skipped: {}", why.why());
                    child.kill().expect("it runs");
                    child.wait().expect("it was killed");
                    return;
                }
                counters => InstructionCounter { counters },
            };
            let mut last = known(counter.read()).expect("it counts");
            // The process of each round has ended when it is read.
            for _ in 0..2 {
                burn(&mut child);
                let ns = known(counter.read()).expect("it counts");
                assert!(ns > last + 20_000_000, "{last} {ns}");
                last = ns;
            }
            drop(child.stdin.take());
            child.wait().expect("its input ended");
            assert!(known(counter.read()).expect("it counted") >= last);
            assert_eq!(instructions_of(&set).counters.err(), Some(Uncounted::Ended));
        }

        /// On a machine whose processor counts; otherwise there is the reason.
        #[test]
        fn instructions_are_counted_or_there_is_the_reason() {
            let (mut child, set) = shell();
            let counter = instructions_of(&set);
            burn(&mut child);
            match counter.read() {
                Instructions::Known(first) => {
                    burn(&mut child);
                    let second = known(counter.read()).expect("it counts") - first;
                    // The same work is the same number within a few percent, and a round is a few instructions.
                    assert!(first > 3_000_000 && second.abs_diff(first) < first / 10);
                }
                Instructions::Absent(why) => {
                    eprintln!("skipped: {}", why.why());
                    let reasons = [
                        Uncounted::NoCounter,
                        Uncounted::CounterRefused,
                        Uncounted::CounterShared,
                        Uncounted::System,
                    ];
                    assert!(reasons.contains(&why), "{why:?}");
                }
            }
            drop(child.stdin.take());
            child.wait().expect("its input ended");
        }
    }
}
