//! Faults that are injected into the reference server on purpose, to prove a gate.
//!
//! A fault has a stated size, so that a comparison with a server without faults has a known answer.
//! Here are the settings, and what one server thread does to its messages.

use crate::config::nearest;
use crate::feed::mix;
use crate::server::body::Body;
use crate::time::{now_ns, thread_cpu_ns};
use crate::units::{human_ns, parse_duration_ns, parse_size, thousands};
use hyper::Response;
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderName, HeaderValue};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::str::FromStr;

/// The field that makes a response's head longer.
const FIELD: HeaderName = HeaderName::from_static("x-fault");
/// `X-Fault: `, a character and CR LF. Fewer bytes are added to the reason phrase.
const LEAST_FIELD_BYTES: u64 = 12;
/// A client may refuse a head beyond this and its own fields.
const MOST_HEADER_BYTES: u64 = 32 * 1024;
const MOST_DELAY_NS: u64 = 10_000_000_000;
const MOST_CPU_NS: u64 = 1_000_000_000;
/// So little that a preemption in it is rare, and that to ask the kernel for the CPU clock, some 0.3 µs, would
/// add to it.
const SHORT_CPU_NS: u64 = 20_000;

/// Every fault: its name, an example, and what it does.
pub(crate) const FAULTS: &[(&str, &str, &str)] = &[
    (
        "delay",
        "delay=5ms",
        "every answer, chunk, event and WebSocket message leaves so much later, and none \
         overtakes another; pings, and the content of an answer, are not delayed",
    ),
    ("header", "header=64B", "every response head, of an upgrade too, is so many bytes longer"),
    (
        "cpu",
        "cpu=50us",
        "so much CPU time is used for each answer, chunk, event and WebSocket message before it \
         is sent",
    ),
    (
        "leak",
        "leak=1KiB",
        "so much memory is written to and kept for each answer, chunk, event and WebSocket \
         message",
    ),
    (
        "drop",
        "drop=1% or drop=1/500",
        "so many of the updates that are pushed, held for a long poll, or pending for a poll of a \
         log are never sent; a poll for the latest update and an echo are always answered",
    ),
    ("stall", "stall=200ms/2s", "each thread stalls for 200 ms every 2 s"),
];

/// How long a thread stalls, and how often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stall {
    /// The length of a stall, in nanoseconds.
    pub ns: u64,
    /// From the beginning of one to the next, in nanoseconds.
    pub every_ns: u64,
}

/// One fault and its size, written `NAME=SIZE`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InjectedFault {
    /// Messages leave later by so many nanoseconds.
    Delay(u64),
    /// Response heads are longer by so many bytes.
    Header(u64),
    /// CPU time for each message, in nanoseconds.
    Cpu(u64),
    /// Memory for each message, in bytes.
    Leak(u64),
    /// One in so many updates is never sent; 1 or more.
    Drop(f64),
    /// The thread stalls.
    Stall(Stall),
}

impl InjectedFault {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            InjectedFault::Delay(_) => "delay",
            InjectedFault::Header(_) => "header",
            InjectedFault::Cpu(_) => "cpu",
            InjectedFault::Leak(_) => "leak",
            InjectedFault::Drop(_) => "drop",
            InjectedFault::Stall(..) => "stall",
        }
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            InjectedFault::Delay(ns) => {
                write!(f, "every message leaves {} later", human_ns(ns as f64))
            }
            InjectedFault::Header(bytes) => {
                write!(f, "every response head is {} B longer", thousands(bytes))
            }
            InjectedFault::Cpu(ns) => {
                write!(f, "every message costs {} more of CPU time", human_ns(ns as f64))
            }
            InjectedFault::Leak(bytes) => {
                write!(f, "every message leaves {} B of memory behind", thousands(bytes))
            }
            InjectedFault::Drop(every) => write!(f, "one update in {every} is never sent"),
            InjectedFault::Stall(Stall { ns, every_ns }) => {
                let length = human_ns(ns as f64);
                let every = human_ns(every_ns as f64);
                write!(f, "every thread stalls for {length} every {every}")
            }
        }
    }
}

impl FromStr for InjectedFault {
    type Err = String;

    /// # Errors
    /// A sentence that names what is wrong and an example.
    fn from_str(text: &str) -> Result<InjectedFault, String> {
        let (name, size) = text.split_once('=').unwrap_or((text, ""));
        let name = name.trim();
        let size = size.trim();
        let Some((_, example, _)) = FAULTS.iter().find(|fault| fault.0 == name) else {
            let names: Vec<&str> = FAULTS.iter().map(|fault| fault.0).collect();
            let meant = nearest(name, &names).map(|near| format!("; did you mean {near:?}?"));
            let all = format!("; there are {}", names.join(", "));
            return Err(format!("there is no fault {name:?}{}", meant.unwrap_or(all)));
        };
        if size.is_empty() {
            return Err(format!("{name} needs a size: write for example {example}"));
        }
        match name {
            "delay" => {
                within(parse_duration_ns(size)?, MOST_DELAY_NS, example).map(InjectedFault::Delay)
            }
            "header" => header(parse_size(size)?),
            "cpu" => within(parse_duration_ns(size)?, MOST_CPU_NS, example).map(InjectedFault::Cpu),
            "leak" => match parse_size(size)? {
                0 => Err(format!("a leak of nothing is none: write for example {example}")),
                bytes => Ok(InjectedFault::Leak(bytes)),
            },
            "drop" => drop_every(size).map(InjectedFault::Drop),
            _ => stall(size),
        }
    }
}

/// A time above nothing and up to the most.
fn within(ns: u64, most_ns: u64, example: &str) -> Result<u64, String> {
    if (1..=most_ns).contains(&ns) {
        Ok(ns)
    } else {
        let most = human_ns(most_ns as f64);
        Err(format!("must be above 0s and at most {most}, as in {example}"))
    }
}

fn header(bytes: u64) -> Result<InjectedFault, String> {
    match bytes {
        1..=MOST_HEADER_BYTES => Ok(InjectedFault::Header(bytes)),
        _ => Err("must be at least 1B and at most 32KiB".to_owned()),
    }
}

/// Reads `1%` or `1/500`; gives in how many there is one.
fn drop_every(text: &str) -> Result<f64, String> {
    let number = |text: &str| {
        let text = text.trim();
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'_');
        text.replace('_', "").parse::<f64>().ok().filter(|n| plain && n.is_finite())
    };
    let bad = || format!("{text:?} is no share of the updates: write 1% or 1/500");
    let (part, of) = match (text.strip_suffix('%'), text.split_once('/')) {
        (Some(percent), _) => (number(percent), Some(100.0)),
        (None, Some((part, of))) => (number(part), number(of)),
        (None, None) => return Err(bad()),
    };
    let (part, of) = part.zip(of).ok_or_else(bad)?;
    match of / part {
        every if part > 0.0 && (1.0..=1e9).contains(&every) => Ok(every),
        _ => Err(format!("{text:?}: must be at least one in 1000000000 and at most all of them")),
    }
}

fn stall(text: &str) -> Result<InjectedFault, String> {
    let bad = || format!("{text:?} is no stall: write how long and how often, stall=200ms/2s");
    let (ns, every) = text.split_once('/').ok_or_else(bad)?;
    let ns = parse_duration_ns(ns)?;
    let every_ns = parse_duration_ns(every)?;
    if 0 < ns && ns < every_ns {
        Ok(InjectedFault::Stall(Stall { ns, every_ns }))
    } else {
        Err(format!("{text:?}: must be less than the time between two"))
    }
}

/// The faults of a server; none by default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FaultInjection {
    delay_ns: u64,
    header_bytes: u64,
    cpu_ns: u64,
    leak_bytes: u64,
    /// 0 for never.
    drop_every: f64,
    pub stall: Option<Stall>,
}

impl FaultInjection {
    /// All of these together.
    ///
    /// # Errors
    /// A sentence if one is given twice.
    pub fn of(list: &[InjectedFault]) -> Result<FaultInjection, String> {
        let mut faults = FaultInjection::default();
        for (place, fault) in list.iter().enumerate() {
            if list[..place].iter().any(|before| before.name() == fault.name()) {
                return Err(format!("the fault {} is given twice", fault.name()));
            }
            match *fault {
                InjectedFault::Delay(ns) => faults.delay_ns = ns,
                InjectedFault::Header(bytes) => faults.header_bytes = bytes,
                InjectedFault::Cpu(ns) => faults.cpu_ns = ns,
                InjectedFault::Leak(bytes) => faults.leak_bytes = bytes,
                InjectedFault::Drop(every) => faults.drop_every = every,
                InjectedFault::Stall(stall) => faults.stall = Some(stall),
            }
        }
        Ok(faults)
    }
    /// What a thread needs to show them; `None` if no message is touched.
    pub fn injector(&self, seed: u64) -> Option<Box<Injector>> {
        let untouched = FaultInjection { stall: self.stall, ..FaultInjection::default() };
        (*self != untouched).then(|| Box::new(Injector::new(*self, seed)))
    }
}

/// What one thread does to its messages.
pub struct Injector {
    faults: FaultInjection,
    /// What makes a head longer.
    value: Option<HeaderValue>,
    leaked: RefCell<Vec<Box<[u8]>>>,
    drops: Drops,
}

impl Injector {
    fn new(faults: FaultInjection, seed: u64) -> Injector {
        let line = FIELD.as_str().len() + ": \r\n".len();
        let value = (faults.header_bytes >= LEAST_FIELD_BYTES)
            .then(|| vec![b'x'; (faults.header_bytes as usize).saturating_sub(line)])
            .and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        let drops = Drops::new(faults.drop_every, seed);
        Injector { faults, value, leaked: RefCell::default(), drops }
    }
    /// How much later than it would every message leaves, in nanoseconds.
    pub fn delay_ns(&self) -> u64 {
        self.faults.delay_ns
    }
    /// Updates that were never sent.
    pub fn dropped(&self) -> u64 {
        self.drops.dropped.get()
    }
    /// Whether the update that is sent next is not.
    pub fn drops(&self) -> bool {
        self.drops.next()
    }
    /// What a message costs.
    pub fn message(&self) {
        let FaultInjection { cpu_ns, leak_bytes, .. } = self.faults;
        if leak_bytes > 0 {
            let kept = vec![1; leak_bytes as usize].into_boxed_slice();
            self.leaked.borrow_mut().push(kept);
        }
        if cpu_ns > 0 && cpu_ns < SHORT_CPU_NS {
            spin(cpu_ns);
        } else if cpu_ns > 0 {
            let until_ns = thread_cpu_ns().saturating_add(cpu_ns);
            // The CPU clock is asked again only if the thread was preempted.
            while let Some(left_ns) = until_ns.checked_sub(thread_cpu_ns()).filter(|ns| *ns > 0) {
                spin(left_ns);
            }
        }
    }
    /// What an answer costs, and its head.
    pub fn answer(&self, response: &mut Response<Body>) {
        self.message();
        if let Some(value) = &self.value {
            response.headers_mut().insert(FIELD, value.clone());
        } else if self.faults.header_bytes > 0 {
            let known = response.extensions().get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
            let usual = response.status().canonical_reason().unwrap_or_default();
            let mut phrase = known.unwrap_or(usual.as_bytes()).to_vec();
            phrase.resize(phrase.len() + self.faults.header_bytes as usize, b'!');
            // It never fails: the phrase's octets were allowed before.
            if let Ok(phrase) = ReasonPhrase::try_from(phrase) {
                response.extensions_mut().insert(phrase);
            }
        }
    }
}

/// Uses the CPU in user mode, as most work does, for so long.
fn spin(ns: u64) {
    let until_ns = now_ns().saturating_add(ns);
    while now_ns() < until_ns {
        std::hint::spin_loop();
    }
}

/// Which updates are never sent: one of each stretch of so many, at a place that the seed chooses.
/// Were it every n-th, n clients whose updates take turns would have one among them that hears
/// nothing, and all others would lack nothing.
struct Drops {
    every: f64,
    seed: u64,
    seen: Cell<u64>,
    /// Among all updates, the place of the next that is dropped; and the ones before it.
    next: Cell<u64>,
    dropped: Cell<u64>,
}

impl Drops {
    fn new(every: f64, seed: u64) -> Drops {
        let seen = Cell::new(0);
        let dropped = Cell::new(0);
        let next = Cell::new(u64::MAX);
        let drops = Drops { every, seed, seen, next, dropped };
        if every >= 1.0 {
            drops.next.set(drops.place(0));
        }
        drops
    }
    /// Where in its stretch the `number`-th is.
    fn place(&self, number: u64) -> u64 {
        let edge = |number: u64| (number as f64 * self.every).ceil() as u64;
        let from = edge(number);
        let until = edge(number + 1);
        let chosen = u128::from(mix(self.seed ^ mix(number))) * u128::from(until - from);
        from + (chosen >> 64) as u64
    }
    fn next(&self) -> bool {
        let place = self.seen.replace(self.seen.get() + 1);
        let drops = place == self.next.get();
        if drops {
            self.dropped.set(self.dropped.get() + 1);
            self.next.set(self.place(self.dropped.get()));
        }
        drops
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Either, Full};
    use proptest::prelude::*;

    #[test]
    fn faults_are_read_with_their_units() {
        for (text, fault) in [
            ("delay=5ms", InjectedFault::Delay(5_000_000)),
            ("header=64B", InjectedFault::Header(64)),
            ("cpu=50us", InjectedFault::Cpu(50_000)),
            ("leak=1KiB", InjectedFault::Leak(1024)),
            ("drop=1%", InjectedFault::Drop(100.0)),
            ("drop=100%", InjectedFault::Drop(1.0)),
            ("drop=1/500", InjectedFault::Drop(500.0)),
            ("drop=2/3", InjectedFault::Drop(1.5)),
            (
                "stall=200ms/2s",
                InjectedFault::Stall(Stall { ns: 200_000_000, every_ns: 2_000_000_000 }),
            ),
        ] {
            assert_eq!(text.parse(), Ok(fault), "{text}");
            assert!(FAULTS.iter().any(|(name, ..)| *name == fault.name()));
        }
    }

    #[test]
    fn a_head_that_is_longer_by_a_few_bytes_has_them_in_its_reason_phrase() {
        let injector =
            FaultInjection::of(&[InjectedFault::Header(1)]).unwrap().injector(1).unwrap();
        let phrase = |response: &Response<Body>| {
            response.extensions().get::<ReasonPhrase>().unwrap().as_bytes().to_vec()
        };
        let mut response: Response<Body> = Response::new(Either::Left(Full::default()));
        injector.answer(&mut response);
        assert!(response.headers().is_empty());
        assert_eq!(phrase(&response), b"OK!");
        injector.answer(&mut response);
        assert_eq!(phrase(&response), b"OK!!");
    }

    #[test]
    fn what_is_wrong_with_a_fault_is_said_with_what_would_be_right() {
        for (text, wanted) in [
            ("dely=5ms", "did you mean \"delay\"?"),
            ("smoke=5ms", "there are delay, header, cpu, leak, drop, stall"),
            ("", "there is no fault \"\""),
            ("delay", "delay needs a size: write for example delay=5ms"),
            ("delay=5", "has no unit"),
            ("delay=0s", "must be above 0s"),
            ("delay=11s", "at most 10 s"),
            ("cpu=2s", "at most 1 s"),
            ("header=0B", "must be at least 1B"),
            ("header=33KiB", "at most 32KiB"),
            ("header=64ms", "unknown unit"),
            ("leak=0B", "a leak of nothing"),
            ("drop=5", "write 1% or 1/500"),
            ("drop=0%", "at most all of them"),
            ("drop=101%", "at most all of them"),
            ("drop=-1%", "write 1% or 1/500"),
            ("drop=inf%", "write 1% or 1/500"),
            ("drop=1/0", "at least one in"),
            ("stall=200ms", "how long and how often"),
            ("stall=2s/2s", "less than the time between two"),
        ] {
            let error = text.parse::<InjectedFault>().expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
        let twice = [InjectedFault::Cpu(1), InjectedFault::Leak(1), InjectedFault::Cpu(2)];
        assert_eq!(FaultInjection::of(&twice), Err("the fault cpu is given twice".to_owned()));
    }

    #[test]
    fn every_example_of_the_help_can_be_used() {
        for (name, examples, _) in FAULTS {
            for example in examples.split(" or ") {
                assert_eq!(example.parse::<InjectedFault>().map(InjectedFault::name), Ok(*name));
            }
        }
    }

    #[test]
    fn a_head_is_longer_by_the_size_and_a_sound_server_has_no_injector() {
        assert!(FaultInjection::default().injector(1).is_none());
        assert!(
            FaultInjection::of(&[InjectedFault::Stall(Stall { ns: 1, every_ns: 2 })])
                .unwrap()
                .injector(1)
                .is_none()
        );
        for bytes in [12, 64, 1000] {
            let injector =
                FaultInjection::of(&[InjectedFault::Header(bytes)]).unwrap().injector(1).unwrap();
            let mut response: Response<Body> = Response::new(Either::Left(Full::default()));
            injector.answer(&mut response);
            let value = response.headers()["x-fault"].len();
            assert_eq!("X-Fault: \r\n".len() + value, bytes as usize);
        }
    }

    #[test]
    fn a_message_costs_what_was_asked_for() {
        let faults =
            FaultInjection::of(&[InjectedFault::Cpu(2_000_000), InjectedFault::Leak(1000)])
                .unwrap();
        let injector = faults.injector(1).unwrap();
        let before = thread_cpu_ns();
        (0..3).for_each(|_| injector.message());
        assert!(thread_cpu_ns() - before >= 6_000_000);
        assert_eq!(injector.leaked.borrow().iter().map(|kept| kept.len()).sum::<usize>(), 3000);
        assert!(!injector.drops());
        let short = FaultInjection::of(&[InjectedFault::Cpu(1_000)]).unwrap().injector(1).unwrap();
        let before = now_ns();
        (0..1000).for_each(|_| short.message());
        assert!(now_ns() - before >= 1_000_000);
    }

    proptest! {
        #[test]
        fn of_each_stretch_one_is_dropped(every in 1.0f64..40.0, seed: u64) {
            let drops = Drops::new(every, seed);
            let edge = |n: u64| (n as f64 * every).ceil() as u64;
            for number in 1..30 {
                while drops.seen.get() < edge(number) {
                    drops.next();
                }
                prop_assert_eq!(drops.dropped.get(), number);
            }
            let again = Drops::new(every, seed);
            (0..drops.seen.get()).for_each(|_| _ = again.next());
            prop_assert_eq!(again.next.get(), drops.next.get());
        }
    }
}
