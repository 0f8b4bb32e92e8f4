//! The units that a bound may be written in, by what it is a bound of.
//!
//! Separate from `crate::units`, which reads settings: a bound may be a fraction of a byte or below
//! zero, and it is scaled by its decimal exponent, so that `99.9%` is the nearest number to 0.999
//! and equals 999 of 1,000. Comparisons of whole numbers and of their quotients are thus exact.

use crate::report::Figure;

tabled! {
    /// What a figure counts: what that is called, with an article, and as a rate; and its units, if they
    /// have no prefixes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Base: (&'static str, &'static str, &'static [&'static str]) {
        /// Events, or a ratio: a bare number.
        Number = ("a bare number", "a rate", &[""]),
        /// A part of a whole, from 0 to 1; written in percent.
        Share = ("a share", "a share", &[]),
        /// Time, in seconds.
        Time = ("a time", "a time", &[]),
        /// Bytes.
        Bytes = ("a number of bytes", "a rate of bytes", &[]),
        /// Characters of heads.
        Characters = ("a number of characters", "a number of characters",
            &["chars", "char", "characters", "character"]),
        /// TCP segments.
        Segments = ("a number of segments", "a number of segments", &["segments", "segment"]),
        /// Context switches.
        Switches = ("a number of switches", "a number of switches", &["switches", "switch"]),
        /// Calls of the system.
        Calls = ("a number of calls", "a number of calls", &["calls", "call"]),
        /// Page faults.
        PageFaults = ("a number of page faults", "a number of page faults", &["faults", "fault"]),
        /// Instructions that a processor ran.
        Instructions = ("a number of instructions", "a number of instructions",
            &["instructions", "instruction"]),
        /// Updates.
        Updates = ("a number of updates", "a number of updates", &["updates", "update"]),
    }
}

/// The size of a unit in its base's first unit: `times` · 10^`ten`. `times` is a power of two, or a
/// number of seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct UnitSize {
    times: f64,
    ten: i32,
}

const fn size(times: f64, ten: i32) -> UnitSize {
    UnitSize { times, ten }
}

const ONE: UnitSize = size(1.0, 0);

type Units = &'static [(&'static str, UnitSize)];

const TIME: Units = &[
    ("ns", size(1.0, -9)),
    ("us", size(1.0, -6)),
    ("µs", size(1.0, -6)),
    ("ms", size(1.0, -3)),
    ("s", ONE),
    ("min", size(60.0, 0)),
    ("h", size(3600.0, 0)),
];
/// Before `B`, and before `bit` in rates.
const PREFIXES: Units = &[
    ("", ONE),
    ("k", size(1.0, 3)),
    ("K", size(1.0, 3)),
    ("M", size(1.0, 6)),
    ("G", size(1.0, 9)),
    ("Ki", size(1024.0, 0)),
    ("Mi", size(1_048_576.0, 0)),
    ("Gi", size(1_073_741_824.0, 0)),
];
/// What a rate may be a rate for, and seconds of it.
const PERIODS: &[(&str, f64)] = &[("s", 1.0), ("min", 60.0), ("h", 3600.0)];

/// What a figure counts, for what, and in which unit the figure is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dimension {
    /// What it counts.
    pub base: Base,
    /// For what: `message`, `client`, `s`.
    pub per: Option<&'static str>,
    size: UnitSize,
}

/// A bound's number as it is compared, and the unit that figures beside it are shown in.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledBound {
    /// The number, in the unit of the dimension.
    pub number: f64,
    /// The unit as it is shown beside a figure: `ms`, `B/message`, `-` for a bare number.
    pub unit: String,
    /// What a figure of the dimension is divided by to be in that unit.
    divisor: UnitSize,
}

impl ScaledBound {
    /// A figure of the dimension in the unit.
    pub fn show(&self, figure: f64) -> f64 {
        let UnitSize { times, ten } = self.divisor;
        // Both powers are exact: no unit is further than 10^9 from another.
        match ten {
            0.. => figure / times / 10f64.powi(ten),
            _ => figure / times * 10f64.powi(-ten),
        }
    }
}

impl Dimension {
    /// A bare number.
    pub const NUMBER: Dimension = Dimension { base: Base::Number, per: None, size: ONE };
    /// A part of a whole.
    pub const SHARE: Dimension = Dimension { base: Base::Share, per: None, size: ONE };
    /// A time in µs, as all latencies are.
    pub const LATENCY: Dimension = Dimension { base: Base::Time, per: None, size: size(1.0, -6) };

    /// The dimension of a column with this unit; `None` for a unit that is not known here.
    pub fn of(unit: &'static str) -> Option<Dimension> {
        let (stem, per) =
            unit.split_once('/').map_or((unit, None), |(stem, per)| (stem, Some(per)));
        let (base, size) = match stem {
            "-" | "1" => (Base::Number, ONE),
            "µs" => (Base::Time, size(1.0, -6)),
            "s" => (Base::Time, ONE),
            "bytes" => (Base::Bytes, ONE),
            "10^6 bit" => (Base::Bytes, size(0.125, 6)),
            "2^20 bit" => (Base::Bytes, size(131_072.0, 0)),
            "characters" => (Base::Characters, ONE),
            "segments" => (Base::Segments, ONE),
            "switches" => (Base::Switches, ONE),
            "calls" => (Base::Calls, ONE),
            "faults" => (Base::PageFaults, ONE),
            "instructions" => (Base::Instructions, ONE),
            "updates" => (Base::Updates, ONE),
            _ => return None,
        };
        Some(Dimension { base, per, size })
    }

    fn is_rate(self) -> bool {
        self.per == Some("s")
    }

    /// True if a figure of the one may be divided by a figure of the other: both count the same,
    /// and both are rates or neither is.
    pub fn divides(self, other: Dimension) -> bool {
        self.base == other.base && self.is_rate() == other.is_rate()
    }

    /// A figure of this dimension over one of another.
    pub fn quotient(self, figure: &Figure, over: &Figure, other: Dimension) -> Figure {
        let ten = self.size.ten - other.size.ten;
        let figure = figure.map(|figure| figure * self.size.times * 10f64.powi(ten));
        figure.over(&over.map(|over| over * other.size.times), "the divisor is zero")
    }

    /// What it is, with an article.
    pub fn describe(self) -> &'static str {
        let (plain, rate, _) = self.base.row();
        if self.is_rate() { rate } else { plain }
    }

    /// The units that fit and their sizes, without what they are for.
    fn units(self) -> Vec<(String, UnitSize)> {
        let prefixed = |unit: &'static str, times: f64| {
            PREFIXES.iter().map(move |(prefix, of)| {
                (format!("{prefix}{unit}"), UnitSize { times: of.times * times, ..*of })
            })
        };
        match self.base {
            Base::Share => vec![("%".to_owned(), size(1.0, -2))],
            Base::Time => TIME.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect(),
            Base::Bytes if self.is_rate() => {
                prefixed("B", 1.0).chain(prefixed("bit", 0.125)).collect()
            }
            Base::Bytes => prefixed("B", 1.0).collect(),
            Base::Number
            | Base::Characters
            | Base::Segments
            | Base::Switches
            | Base::Calls
            | Base::PageFaults
            | Base::Instructions
            | Base::Updates => {
                self.base.row().2.iter().map(|name| ((*name).to_owned(), ONE)).collect()
            }
        }
    }

    /// The units that fit, and an example with this number.
    fn remedy(self, number: f64) -> String {
        let period = if self.is_rate() { "/s" } else { "" };
        let names: Vec<String> =
            self.units().into_iter().map(|(name, _)| format!("{name}{period}")).collect();
        let milliseconds = format!("ms{period}");
        let example = if self.base == Base::Time { &milliseconds } else { &names[0] };
        match names.as_slice() {
            [one] => format!("write {number}{example} (unit: {one})"),
            _ => format!("write for example {number}{example} (units: {})", names.join(", ")),
        }
    }

    /// A number with the unit that it was written with, in this dimension's unit. `what` is the
    /// figure's name, for messages.
    ///
    /// # Errors
    /// A sentence with the units that fit, if the unit is missing or another.
    pub fn scale(self, number: f64, unit: &str, what: &str) -> Result<ScaledBound, String> {
        let (stem, per) = unit.split_once('/').map_or((unit, None), |(s, p)| (s, Some(p.trim())));
        let found = self.units().into_iter().find(|(name, _)| name == stem.trim());
        let seconds = match per {
            Some(per) if self.is_rate() => {
                PERIODS.iter().find(|(name, _)| *name == per).map(|(_, seconds)| *seconds)
            }
            Some(_) => (per == self.per).then_some(1.0),
            None => (!self.is_rate()).then_some(1.0),
        };
        if let (Some((name, size)), Some(seconds)) = (found, seconds) {
            let shown = match per.or(self.per) {
                _ if unit.is_empty() => "-".to_owned(),
                Some(per) => format!("{name}/{per}"),
                None => name,
            };
            return Ok(self.in_unit(
                number,
                UnitSize { times: size.times / seconds, ..size },
                shown,
            ));
        }
        let kind = self.describe();
        Err(match (self.base, unit) {
            (Base::Number, _) if !self.is_rate() => format!("{what} is {kind}: leave out {unit:?}"),
            (Base::Share, "") => {
                let percent: f64 = format!("{number}e2").parse().unwrap_or_default();
                format!("{what} is {kind}, written in percent: {number} of the whole is {percent}%")
            }
            (_, "") => {
                format!("{number} has no unit, and {what} is {kind}: {}", self.remedy(number))
            }
            _ => format!(
                "{unit:?} is not a unit of {what}, which is {kind}: {}",
                self.remedy(number)
            ),
        })
    }

    fn in_unit(self, number: f64, unit: UnitSize, shown: String) -> ScaledBound {
        let divisor = size(unit.times / self.size.times, unit.ten - self.size.ten);
        // The nearest number to the decimal one: the exponent is moved before it is read. A finite
        // number with an exponent is always read.
        let read: f64 = format!("{number}e{}", divisor.ten).parse().unwrap_or(number);
        ScaledBound { number: read * divisor.times, unit: shown, divisor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{parse_duration_ns, parse_size};

    fn scaled(unit: &'static str, number: f64, written: &str) -> Result<f64, String> {
        let dimension = Dimension::of(unit).expect("a column's unit");
        dimension.scale(number, written, "it").map(|s| s.number)
    }

    #[test]
    fn bounds_are_on_the_columns_scale() {
        assert_eq!(scaled("µs", 20.0, "ms"), Ok(20_000.0));
        assert_eq!(scaled("µs", 20.1, "ms"), Ok(20_100.0));
        assert_eq!(scaled("s", 250.0, "ms"), Ok(0.25));
        assert_eq!(scaled("µs/message", 12.0, "us"), Ok(12.0));
        assert_eq!(scaled("bytes/message", 2.0, "B"), Ok(2.0));
        assert_eq!(scaled("bytes/message", 2.0, "B/message"), Ok(2.0));
        assert_eq!(scaled("bytes/client", 4.0, "KiB"), Ok(4096.0));
        assert_eq!(scaled("bytes/s", 1.0, "Mbit/s"), Ok(125_000.0));
        assert_eq!(scaled("10^6 bit/s", 696.8, "Mbit/s"), Ok(696.8));
        assert_eq!(scaled("2^20 bit/s", 1.0, "MiB/s"), Ok(8.0));
        assert_eq!(scaled("characters/message", 871.0, "chars"), Ok(871.0));
        assert_eq!(scaled("segments/s", 60.0, "segments/min"), Ok(1.0));
        assert_eq!(scaled("1/s", 1000.0, "/s"), Ok(1000.0));
        assert_eq!(scaled("-", -3.0, ""), Ok(-3.0));
        let share = |n: f64| Dimension::SHARE.scale(n, "%", "it").map(|s| s.number);
        assert_eq!(share(99.9), Ok(999.0 / 1000.0));
        assert_eq!(share(0.1), Ok(1.0 / 1000.0));
    }

    #[test]
    fn a_missing_or_wrong_unit_names_those_that_fit() {
        for (unit, written, wanted) in [
            ("µs", "", "20 has no unit, and it is a time: write for example 20ms"),
            ("µs", "B", "\"B\" is not a unit of it, which is a time: write for example 20ms"),
            ("-", "ms", "it is a bare number: leave out \"ms\""),
            ("bytes/message", "B/s", "\"B/s\" is not a unit of it, which is a number of bytes"),
            ("bytes/s", "B", "\"B\" is not a unit of it, which is a rate of bytes: write for"),
            ("1/s", "", "20 has no unit, and it is a rate: write 20/s (unit: /s)"),
            ("bytes/message", "bit", "\"bit\" is not a unit of it"),
        ] {
            let error = scaled(unit, 20.0, written).expect_err(written);
            assert!(error.starts_with(wanted), "{error}");
        }
        let error = Dimension::SHARE.scale(0.999, "", "it").expect_err("it has no unit");
        assert_eq!(error, "it is a share, written in percent: 0.999 of the whole is 99.9%");
    }

    #[test]
    fn the_units_of_settings_mean_the_same_here() {
        for (name, _) in TIME {
            let ns = parse_duration_ns(&format!("3{name}")).expect("a unit of settings");
            assert_eq!(scaled("µs", 3.0, name), Ok(ns as f64 / 1e3), "{name}");
        }
        for name in ["B", "KiB", "MiB", "kB", "MB"] {
            let bytes = parse_size(&format!("3{name}")).expect("a unit of settings");
            assert_eq!(scaled("bytes", 3.0, name), Ok(bytes as f64), "{name}");
        }
    }

    #[test]
    fn figures_are_shown_in_the_bounds_unit() {
        let shown = |unit, written, figure| {
            let dimension = Dimension::of(unit).expect("a column's unit");
            let bound = dimension.scale(1.0, written, "it").expect("it fits");
            (bound.show(figure), bound.unit)
        };
        assert_eq!(shown("µs", "ms", 12_345.0), (12.345, "ms".to_owned()));
        assert_eq!(shown("s", "ms", 0.25), (250.0, "ms".to_owned()));
        assert_eq!(shown("bytes/message", "B", 2.0), (2.0, "B/message".to_owned()));
        assert_eq!(shown("bytes/s", "Mbit/s", 125_000.0), (1.0, "Mbit/s".to_owned()));
        assert_eq!(shown("-", "", 7.0), (7.0, "-".to_owned()));
    }

    #[test]
    fn only_like_is_divided_by_like() {
        let of = |unit| Dimension::of(unit).expect("a column's unit");
        assert!(of("bytes/message").divides(of("bytes/update")));
        assert!(!of("bytes/message").divides(of("bytes/s")));
        assert!(!of("bytes").divides(of("µs")));
        let known = Figure::known;
        assert_eq!(of("s").quotient(&known(1.0), &known(500_000.0), of("µs")), known(2.0));
        assert_eq!(of("bytes").quotient(&known(909.0), &known(2.0), of("bytes")), known(454.5));
    }
}
