//! Quantities with units: bytes by layer, durations, rates and sizes as people write them.
//!
//! Separate from `record`, which counts, and from `config`, which knows the place of a value in a
//! file. Nothing here knows what is measured.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::marker::PhantomData;
use std::ops::{Add, AddAssign};

/// The layer at the TCP stream: what `read` and `write` on the socket moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wire;
/// The layer of IP packets: TCP and IP headers included, link headers not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ip;

/// A number of bytes at one layer. Bytes of two layers cannot be added by accident:
///
/// ```compile_fail
/// use wsbench::internals::units::{Bytes, Ip, Wire};
/// let sum = Bytes::<Wire>::new(1) + Bytes::<Ip>::new(1);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes<L>(u64, PhantomData<L>);

impl<L> Bytes<L> {
    /// `count` bytes at this layer.
    pub const fn new(count: u64) -> Self {
        Bytes(count, PhantomData)
    }
    /// The bare count, for arithmetic that names both layers.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<L> fmt::Debug for Bytes<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}
impl<L> Add for Bytes<L> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Bytes::new(self.0 + other.0)
    }
}
impl<L> AddAssign for Bytes<L> {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}
impl<L> AddAssign<u64> for Bytes<L> {
    fn add_assign(&mut self, count: u64) {
        self.0 += count;
    }
}
impl<L> Sum for Bytes<L> {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Bytes::new(0), Add::add)
    }
}

/// Adds values of a type field by field.
macro_rules! add_fields {
    ($type:ty { $($field:ident),+ $(,)? }) => {
        impl std::ops::AddAssign for $type {
            fn add_assign(&mut self, other: $type) {
                $(self.$field += other.$field;)+
            }
        }
    };
}
pub(crate) use add_fields;

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

const DURATIONS: &[(&str, f64)] = &[
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("min", 60e9),
    ("m", 60e9),
    ("h", 3600e9),
];
const SIZES: &[(&str, f64)] =
    &[("B", 1.0), ("KiB", 1024.0), ("MiB", 1024.0 * 1024.0), ("kB", 1e3), ("MB", 1e6)];

/// Splits `"250ms"` into `250.0` and `"ms"`.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let number = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim()))
}

fn scaled(text: &str, units: &[(&str, f64)], what: &str, example: &str) -> Result<f64, String> {
    let names = || units.iter().map(|u| u.0).collect::<Vec<_>>().join(", ");
    let (number, unit) = number_and_unit(text)
        .ok_or_else(|| format!("{text:?} is not a {what}; write for example {example:?}"))?;
    if unit.is_empty() {
        return Err(format!(
            "{text:?} has no unit; write for example {example:?} (units: {})",
            names()
        ));
    }
    match units.iter().find(|u| u.0 == unit) {
        Some((_, factor)) => Ok(number * factor),
        None => Err(format!("unknown unit {unit:?} for a {what}; use one of {}", names())),
    }
}

/// Parses a duration such as `"1s"`, `"250ms"` or `"1.5min"` into nanoseconds.
///
/// # Errors
/// What is wrong, with an example: the text is not a number followed by a unit of time, or is longer
/// than 30 days.
pub(crate) fn parse_duration_ns(text: &str) -> Result<u64, String> {
    let ns = scaled(text, DURATIONS, "duration", "1s")?;
    if ns > 30.0 * 86_400e9 {
        return Err(format!("{text:?} is longer than 30 days"));
    }
    Ok(ns.round() as u64)
}

/// Parses a size such as `"21B"` or `"4KiB"` into bytes.
///
/// # Errors
/// What is wrong, with an example.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let bytes = scaled(text, SIZES, "size", "21B")?;
    if bytes > 64.0 * 1024.0 * 1024.0 {
        return Err(format!("{text:?} is more than 64MiB"));
    }
    if bytes.fract() != 0.0 {
        return Err(format!("{text:?} is not a whole number of bytes"));
    }
    Ok(bytes as u64)
}

/// Reads a share, such as 10% or 0.1.
///
/// # Errors
/// What is wrong.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    let share: f64 =
        number.trim().parse().map_err(|_| format!("{text:?} is no share; write 10%"))?;
    let share = share * unit;
    if (0.001..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("the share must be from 0.1% to 100%".to_owned())
    }
}

/// Parses a rate such as `"10/s"` or `"1/min"` into events a second.
///
/// # Errors
/// What is wrong, with an example.
pub(crate) fn parse_rate_hz(text: &str) -> Result<f64, String> {
    let bad = || format!("{text:?} is not a rate; write for example \"10/s\" or \"1/min\"");
    let (count, unit) = text.split_once('/').ok_or_else(bad)?;
    let count: f64 = count.trim().replace('_', "").parse().map_err(|_| bad())?;
    let unit = unit.trim();
    let seconds = match DURATIONS.iter().find(|u| u.0 == unit) {
        Some((_, ns)) => ns / 1e9,
        None => {
            return Err(format!("unknown unit {unit:?} for a rate; use one of ms, s, min, h"));
        }
    };
    if !(count.is_finite() && count >= 0.0) {
        return Err(bad());
    }
    Ok(count / seconds)
}

/// A duration for people: `850 ns`, `12.3 µs`, `4.56 ms`, `1.23 s`, `2 min 5 s`.
pub(crate) fn human_ns(ns: f64) -> String {
    // A value that three digits round up to the next unit is shown in that unit.
    let magnitude = ns.abs() * 1.000_500_1;
    match DurationUnit::of(magnitude) {
        Some(DurationUnit { ns: 1.0, name, .. }) => format!("{ns:.0} {name}"),
        Some(unit) => format!("{} {}", three(ns / unit.ns), unit.name),
        None => {
            let seconds = (ns / 1e9).round() as u64;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// A unit of durations for people.
struct DurationUnit {
    name: &'static str,
    ns: f64,
    /// Durations from here on have a larger one.
    until_ns: f64,
}

impl DurationUnit {
    /// Returns that of a duration; `None` if it is minutes.
    fn of(ns: f64) -> Option<&'static DurationUnit> {
        const ALL: [DurationUnit; 4] = [
            DurationUnit { name: "ns", ns: 1.0, until_ns: 1e3 },
            DurationUnit { name: "µs", ns: 1e3, until_ns: 1e6 },
            DurationUnit { name: "ms", ns: 1e6, until_ns: 1e9 },
            DurationUnit { name: "s", ns: 1e9, until_ns: 120e9 },
        ];
        ALL.iter().find(|unit| ns < unit.until_ns)
    }
}

/// A duration and the bound that it is compared with: as [`human_ns`], or with so many decimals that two that
/// differ look different.
pub(crate) fn human_ns_and_bound(ns: f64, bound_ns: f64) -> [String; 2] {
    let usual = [human_ns(ns), human_ns(bound_ns)];
    if usual[0] != usual[1] || ns == bound_ns {
        return usual;
    }
    // Minutes are rounded to whole seconds.
    let (name, unit_ns) =
        DurationUnit::of(bound_ns.abs()).map_or(("s", 1e9), |unit| (unit.name, unit.ns));
    let [ns, bound_ns] = [ns, bound_ns].map(|ns| ns / unit_ns);
    let texts = told_apart(ns, bound_ns);
    texts.map(|text| format!("{text} {name}"))
}

/// Two numbers with as few decimals as it takes for them to look different. If they are so large that no
/// decimals tell them apart they are as exact as a double is.
fn told_apart(a: f64, b: f64) -> [String; 2] {
    let with = |decimals: usize| [a, b].map(|value| shortest(value, decimals));
    let texts = (0..=MOST_DECIMALS).map(with).find(|[a, b]| a != b);
    texts.unwrap_or_else(|| [a, b].map(|value| value.to_string()))
}

/// A double near one has no more decimals that count.
const MOST_DECIMALS: usize = 17;

/// A duration in microseconds for people.
pub(crate) fn human_us(us: f64) -> String {
    human_ns(us * 1e3)
}

/// Names as people list them: `a, b and c`.
pub(crate) fn listed(names: &[impl ToString]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}

/// Each of some items once, in the order in which they come first.
pub(crate) fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut once = Vec::new();
    for item in items {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

/// A number of bytes for people, in SI units: `871 B`, `8.71 MB`, `4.61 EB`.
pub(crate) fn human_bytes(bytes: f64) -> String {
    match bytes.abs() {
        m if m < 1e3 => format!("{} B", three(bytes)),
        m if m < 1e6 => format!("{} kB", three(bytes / 1e3)),
        m if m < 1e9 => format!("{} MB", three(bytes / 1e6)),
        m if m < 1e12 => format!("{} GB", three(bytes / 1e9)),
        m if m < 1e15 => format!("{} TB", three(bytes / 1e12)),
        m if m < 1e18 => format!("{} PB", three(bytes / 1e15)),
        _ => format!("{} EB", three(bytes / 1e18)),
    }
}

/// Rounds to three significant digits, without trailing zeros: `1.53`, `87.1`, `871`.
pub(crate) fn three(value: f64) -> String {
    let decimals = match value.abs() {
        m if m >= 99.95 || m == 0.0 => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.9995 => 2,
        _ => 3,
    };
    shortest(value, decimals)
}

/// A number with at most so many decimals, without trailing zeros.
fn shortest(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// `12.3`, `5`, `0.04`: a share in percent, without its sign and the percent sign.
pub(crate) fn percent(share: f64) -> String {
    let percent = share.abs() * 100.0;
    let decimals = match percent {
        p if p >= 99.95 => 0,
        p if p >= 0.995 => 1,
        _ => 2,
    };
    shortest(percent, decimals)
}

/// A value with three significant digits; from 1,000 on a whole number with thousands apart.
pub(crate) fn amount(value: f64) -> String {
    match value.abs() {
        m if (999.5..1e15).contains(&m) => {
            let sign = if value < 0.0 { "−" } else { "" };
            format!("{sign}{}", thousands(m.round() as u64))
        }
        m if m >= 1e15 => format!("{value:.2e}"),
        m if m > 0.0 && m < 0.0005 => format!("{value:.2e}"),
        _ => three(value).replace('-', "−"),
    }
}

/// As many decimals as a value needs, at most six: `193`, `193.5`, `0.333333`.
pub(crate) fn decimals(value: f64) -> String {
    match shortest(value, 6) {
        zero if zero == "0" && value > 0.0 => format!("{value:.1e}"),
        zero if zero == "-0" => "0".to_owned(),
        short => short,
    }
}

/// A whole number with separated thousands, any other with six significant digits.
pub(crate) fn six_digits(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let size = value.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-4) {
        return format!("{value:e}");
    }
    let digits = if size.fract() == 0.0 { 0 } else { 5 - size.log10().floor() as i32 };
    let text = shortest(size, digits.max(0) as usize);
    let (whole, fraction) = text.find('.').map_or((&*text, ""), |point| text.split_at(point));
    // Below 10^15 the whole part fits 64 bits.
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), thousands);
    format!("{sign}{whole}{fraction}")
}

/// A figure with up to six digits and its unit, `-` for none: `12.3456 ms`. A fraction that six
/// digits would round to a whole number keeps all of its digits: it must not look equal to the
/// bound that it misses.
pub(crate) fn with_unit(value: f64, unit: &str) -> String {
    let text = six_digits(value);
    let rounded = value.fract() != 0.0 && !text.contains(['.', 'e']);
    append_unit(if rounded { value.to_string() } else { text }, unit)
}

/// A number and its unit, `-` for none.
pub(crate) fn append_unit(number: String, unit: &str) -> String {
    match unit {
        "-" | "" => number,
        unit => format!("{number} {unit}"),
    }
}

/// Spaces that make a text so wide. Unlike `{:width$}` it takes any width.
pub(crate) fn spaces(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(text.chars().count()))
}

/// Returns bytes as hexadecimal digits, two each.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A whole number with separators of thousands: `100,000`.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A number that was rounded looks like one that is whole.
    #[test]
    fn amounts_have_three_digits_and_no_zeros_at_their_end() {
        for (value, text) in [
            (127.0, "127"),
            (127.04, "127"),
            (99.96, "100"),
            (41.25, "41.2"),
            (2.0, "2"),
            (2.004, "2"),
            (1_086.4, "1,086"),
            (0.0, "0"),
        ] {
            assert_eq!(amount(value), text);
        }
    }

    #[test]
    fn durations_carry_units() {
        assert_eq!(parse_duration_ns("1s"), Ok(SECOND_NS));
        assert_eq!(parse_duration_ns("250 ms"), Ok(250_000_000));
        assert_eq!(parse_duration_ns("1.5min"), Ok(90 * SECOND_NS));
        assert_eq!(parse_duration_ns("0s"), Ok(0));
        for bad in ["1", "s", "", "1 week", "-1s", "1e3s", "99999h"] {
            assert!(parse_duration_ns(bad).is_err(), "{bad}");
        }
        assert!(parse_duration_ns("5").unwrap_err().contains("no unit"));
    }

    #[test]
    fn rates_and_sizes_carry_units() {
        assert_eq!(parse_rate_hz("10/s"), Ok(10.0));
        assert_eq!(parse_rate_hz("30/min"), Ok(0.5));
        assert!(parse_rate_hz("10").is_err());
        assert!(parse_rate_hz("-1/s").is_err());
        assert_eq!(parse_size("21B"), Ok(21));
        assert_eq!(parse_size("4KiB"), Ok(4096));
        assert!(parse_size("0.5B").is_err());
        assert!(parse_size("21").unwrap_err().contains("no unit"));
    }

    #[test]
    fn people_read_three_digits_and_a_unit() {
        assert_eq!(human_ns(850.0), "850 ns");
        assert_eq!(human_ns(12_345.0), "12.3 µs");
        assert_eq!(human_ns(4.56e6), "4.56 ms");
        assert_eq!(human_ns(125e9), "2 min 5 s");
        assert_eq!(human_bytes(871.0), "871 B");
        assert_eq!(human_bytes(8.71e6), "8.71 MB");
        assert_eq!(thousands(100_000), "100,000");
        assert_eq!(thousands(999), "999");
        assert_eq!(three(0.153), "0.153");
        let amounts = [-2.0, 0.25, 12.345, 999.7, 20_000.4, 1e16].map(amount);
        assert_eq!(amounts, ["−2", "0.25", "12.3", "1,000", "20,000", "1.00e16"]);
    }

    #[test]
    fn a_duration_and_a_bound_look_different_if_they_differ() {
        for (ns, bound_ns, texts) in [
            (1_000_400.0, 1e6, ["1.0004 ms", "1 ms"]),
            (999_999.0, 1e6, ["0.999999 ms", "1 ms"]),
            (3.2e6, 1e6, ["3.2 ms", "1 ms"]),
            (1e6, 1e6, ["1 ms", "1 ms"]),
            (850.3, 850.0, ["850.3 ns", "850 ns"]),
            (125.2e9, 125.1e9, ["125.2 s", "125.1 s"]),
        ] {
            assert_eq!(human_ns_and_bound(ns, bound_ns), texts);
        }
    }

    proptest! {
        #[test]
        fn two_durations_that_differ_never_look_the_same(
            ns in 1.0f64..1e16,
            steps in 4u64..1_000_000_000_000,
        ) {
            // A few doubles apart: in another unit two neighbours may be one.
            let other = f64::from_bits(ns.to_bits() + steps);
            for (a, b) in [(ns, other), (other, ns)] {
                let [a, b] = human_ns_and_bound(a, b);
                prop_assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn figures_read_apart_from_the_bound_that_they_miss() {
        for (value, unit, text) in [
            (2.0, "B/message", "2 B/message"),
            (454.5, "-", "454.5"),
            (20_000.0, "-", "20,000"),
            (-3.0, "B", "-3 B"),
            (20.004_863, "ms", "20.0049 ms"),
            (20.000_000_1, "ms", "20.0000001 ms"),
            (99.95, "%", "99.95 %"),
            (0.000_012, "s", "1.2e-5 s"),
            (123_456.789, "-", "123456.789"),
            (1e20, "-", "1e20"),
        ] {
            assert_eq!(with_unit(value, unit), text);
        }
    }
}
