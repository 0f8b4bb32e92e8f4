//! The units that a bound may be written in, by what it is a bound of.
//!
//! Separate from `crate::units`, which reads settings: a bound may be a fraction of a byte or below
//! zero, and it is scaled by its decimal exponent, so that `99.9%` is the nearest number to 0.999
//! and equals 999 of 1,000. Comparisons of whole numbers and of their quotients are thus exact.

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Events, or a ratio: a bare number.
    Number,
    /// A part of a whole, from 0 to 1; written in percent.
    Share,
    /// Time.
    Time,
    /// Bytes.
    Bytes,
    /// Characters of heads.
    Characters,
    /// TCP segments.
    Segments,
    /// Updates.
    Updates,
}

/// How many of a base's first unit something is: `times` · 10^`ten`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    times: f64,
    ten: i32,
}

const fn scale(times: f64, ten: i32) -> Scale {
    Scale { times, ten }
}

const ONE: Scale = scale(1.0, 0);

type Units = &'static [(&'static str, Scale)];

const PERCENT: Units = &[("%", scale(1.0, -2))];
const TIME: Units = &[
    ("ns", scale(1.0, -9)),
    ("us", scale(1.0, -6)),
    ("µs", scale(1.0, -6)),
    ("ms", scale(1.0, -3)),
    ("s", ONE),
    ("min", scale(60.0, 0)),
    ("h", scale(3600.0, 0)),
];
const BYTES: Units = &[
    ("B", ONE),
    ("kB", scale(1.0, 3)),
    ("KB", scale(1.0, 3)),
    ("MB", scale(1.0, 6)),
    ("GB", scale(1.0, 9)),
    ("KiB", scale(1024.0, 0)),
    ("MiB", scale(1_048_576.0, 0)),
    ("GiB", scale(1_073_741_824.0, 0)),
];
/// Of rates alone.
const BITS: Units = &[
    ("bit", scale(0.125, 0)),
    ("kbit", scale(0.125, 3)),
    ("Mbit", scale(0.125, 6)),
    ("Gbit", scale(0.125, 9)),
    ("Kibit", scale(128.0, 0)),
    ("Mibit", scale(131_072.0, 0)),
    ("Gibit", scale(134_217_728.0, 0)),
];
const CHARACTERS: Units = &[("chars", ONE), ("char", ONE), ("characters", ONE), ("character", ONE)];
const SEGMENTS: Units = &[("segments", ONE), ("segment", ONE)];
const UPDATES: Units = &[("updates", ONE), ("update", ONE)];
/// What a rate may be a rate for, and seconds of it.
const PERIODS: &[(&str, f64)] = &[("s", 1.0), ("min", 60.0), ("h", 3600.0)];

/// What a figure counts, for what, and on which scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dimension {
    /// What it counts.
    pub base: Base,
    /// For what: `message`, `client`, `s`.
    pub per: Option<&'static str>,
    scale: Scale,
}

/// A bound's number as it is compared, and the unit that figures beside it are shown in.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled {
    /// The number, on the scale of the dimension.
    pub number: f64,
    /// The unit as it is shown beside a figure: `ms`, `B/message`, `-` for a bare number.
    pub unit: String,
    /// What a figure of the dimension is divided by to be in that unit.
    divisor: Scale,
}

impl Scaled {
    /// True where it is nothing.
    pub fn is_zero(&self) -> bool {
        self.number == 0.0
    }
    /// A figure of the dimension in the unit.
    pub fn show(&self, figure: f64) -> f64 {
        let Scale { times, ten } = self.divisor;
        // Both powers are exact: no unit is further than 10^9 from another.
        match ten {
            0.. => figure / times / 10f64.powi(ten),
            _ => figure / times * 10f64.powi(-ten),
        }
    }
}

impl Dimension {
    /// A bare number.
    pub const NUMBER: Dimension = Dimension { base: Base::Number, per: None, scale: ONE };
    /// A part of a whole.
    pub const SHARE: Dimension = Dimension { base: Base::Share, per: None, scale: ONE };
    /// A time in µs, as all latencies are.
    pub const LATENCY: Dimension = Dimension { base: Base::Time, per: None, scale: scale(1.0, -6) };

    /// The dimension of a column with this unit; `None` for a unit that is not known here.
    pub fn of(unit: &'static str) -> Option<Dimension> {
        let data_rate = |scale| Dimension { base: Base::Bytes, per: Some("s"), scale };
        let (stem, per) = match unit {
            "10^6 bit/s" => return Some(data_rate(scale(0.125, 6))),
            "2^20 bit/s" => return Some(data_rate(scale(131_072.0, 0))),
            _ => unit.split_once('/').map_or((unit, None), |(stem, per)| (stem, Some(per))),
        };
        let (base, scale) = match stem {
            "-" | "1" => (Base::Number, ONE),
            "µs" => (Base::Time, scale(1.0, -6)),
            "s" => (Base::Time, ONE),
            "bytes" => (Base::Bytes, ONE),
            "characters" => (Base::Characters, ONE),
            "segments" => (Base::Segments, ONE),
            "updates" => (Base::Updates, ONE),
            _ => return None,
        };
        Some(Dimension { base, per, scale })
    }

    /// True for what happens in a time.
    fn is_rate(self) -> bool {
        self.per == Some("s")
    }

    /// True where a figure of the one may be divided by a figure of the other: both count the same,
    /// and either both for a time or neither.
    pub fn divides(self, other: Dimension) -> bool {
        self.base == other.base && self.is_rate() == other.is_rate()
    }

    /// A figure of this dimension over one of another.
    pub fn quotient(self, figure: f64, over: f64, other: Dimension) -> f64 {
        if self.scale == other.scale {
            return figure / over;
        }
        let ten = self.scale.ten - other.scale.ten;
        (figure * self.scale.times * 10f64.powi(ten)) / (over * other.scale.times)
    }

    /// What it is, in words with an article.
    pub fn words(self) -> &'static str {
        match (self.base, self.is_rate()) {
            (Base::Number, false) => "a bare number",
            (Base::Number, true) => "a rate",
            (Base::Share, _) => "a share",
            (Base::Time, _) => "a time",
            (Base::Bytes, false) => "a number of bytes",
            (Base::Bytes, true) => "a rate of bytes",
            (Base::Characters, _) => "a number of characters",
            (Base::Segments, _) => "a number of segments",
            (Base::Updates, _) => "a number of updates",
        }
    }

    fn units(self) -> impl Iterator<Item = &'static (&'static str, Scale)> {
        let bits: Units = if self.is_rate() { BITS } else { &[] };
        let (own, bits): (Units, Units) = match self.base {
            Base::Number => (&[("", ONE)], &[]),
            Base::Share => (PERCENT, &[]),
            Base::Time => (TIME, &[]),
            Base::Bytes => (BYTES, bits),
            Base::Characters => (CHARACTERS, &[]),
            Base::Segments => (SEGMENTS, &[]),
            Base::Updates => (UPDATES, &[]),
        };
        own.iter().chain(bits)
    }

    /// The units that fit, in words, and an example with this number.
    fn remedy(self, number: &str) -> String {
        let tail = if self.is_rate() { "/s" } else { "" };
        let names: Vec<String> = self.units().map(|(name, _)| format!("{name}{tail}")).collect();
        let example = match self.base {
            Base::Time => "ms",
            Base::Share => "%",
            _ => self.units().next().map_or("", |(name, _)| name),
        };
        let example = format!("{number}{example}{tail}");
        match names.as_slice() {
            [one] => format!("write {example} (unit: {one})"),
            _ => format!("write for example {example} (units: {})", names.join(", ")),
        }
    }

    /// A number with the unit that it was written with, on this dimension's scale. `what` is the
    /// figure's name, for messages.
    ///
    /// # Errors
    /// A sentence that names the units that fit, where the unit is missing or another.
    pub fn scaled(self, number: &str, unit: &str, what: &str) -> Result<Scaled, String> {
        let kind = self.words();
        if self.base == Base::Number && !self.is_rate() {
            return match unit {
                "" => self.in_unit(number, ONE, "-".to_owned()),
                unit => Err(format!("{what} is {kind}: leave out {unit:?}")),
            };
        }
        if self.base == Base::Share && unit.is_empty() {
            let percent: f64 = format!("{number}e2").parse().unwrap_or_default();
            return Err(format!(
                "{what} is {kind}, written in percent: {number} of the whole is {percent}%"
            ));
        }
        if unit.is_empty() {
            return Err(format!(
                "{number} has no unit, and {what} is {kind}: {}",
                self.remedy(number)
            ));
        }
        let wrong =
            || format!("{unit:?} is no unit of {what}, which is {kind}: {}", self.remedy(number));
        let (stem, per) = unit.split_once('/').map_or((unit, None), |(s, p)| (s, Some(p.trim())));
        let found = self.units().find(|(name, _)| *name == stem.trim());
        let (name, scale) = found.ok_or_else(wrong)?;
        let seconds = match (per, self.is_rate()) {
            (Some(per), true) => {
                let period = PERIODS.iter().find(|(name, _)| *name == per);
                period.ok_or_else(wrong)?.1
            }
            (None, true) => return Err(wrong()),
            (Some(per), false) if self.per != Some(per) => return Err(wrong()),
            (_, false) => 1.0,
        };
        let shown = match per.or(self.per) {
            Some(per) => format!("{name}/{per}"),
            None => (*name).to_owned(),
        };
        self.in_unit(number, Scale { times: scale.times / seconds, ..*scale }, shown)
    }

    fn in_unit(self, number: &str, unit: Scale, shown: String) -> Result<Scaled, String> {
        let divisor =
            Scale { times: unit.times / self.scale.times, ten: unit.ten - self.scale.ten };
        // The nearest number to the decimal one: the exponent is moved before it is read.
        let read: f64 = format!("{number}e{}", divisor.ten)
            .parse()
            .map_err(|_| format!("{number:?} is not a number"))?;
        Ok(Scaled { number: read * divisor.times, unit: shown, divisor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{parse_duration_ns, parse_size};

    fn scaled(unit: &'static str, number: &str, written: &str) -> Result<f64, String> {
        let dimension = Dimension::of(unit).expect("a column's unit");
        dimension.scaled(number, written, "it").map(|s| s.number)
    }

    #[test]
    fn bounds_are_on_the_columns_scale() {
        assert_eq!(scaled("µs", "20", "ms"), Ok(20_000.0));
        assert_eq!(scaled("µs", "20.1", "ms"), Ok(20_100.0));
        assert_eq!(scaled("s", "250", "ms"), Ok(0.25));
        assert_eq!(scaled("µs/message", "12", "us"), Ok(12.0));
        assert_eq!(scaled("bytes/message", "2", "B"), Ok(2.0));
        assert_eq!(scaled("bytes/message", "2", "B/message"), Ok(2.0));
        assert_eq!(scaled("bytes/client", "4", "KiB"), Ok(4096.0));
        assert_eq!(scaled("bytes/s", "1", "Mbit/s"), Ok(125_000.0));
        assert_eq!(scaled("10^6 bit/s", "696.8", "Mbit/s"), Ok(696.8));
        assert_eq!(scaled("2^20 bit/s", "1", "MiB/s"), Ok(8.0));
        assert_eq!(scaled("characters/message", "871", "chars"), Ok(871.0));
        assert_eq!(scaled("segments/s", "60", "segments/min"), Ok(1.0));
        assert_eq!(scaled("1/s", "1000", "/s"), Ok(1000.0));
        assert_eq!(scaled("-", "-3", ""), Ok(-3.0));
        let share = |n: &str| Dimension::SHARE.scaled(n, "%", "it").map(|s| s.number);
        assert_eq!(share("99.9"), Ok(999.0 / 1000.0));
        assert_eq!(share("0.1"), Ok(1.0 / 1000.0));
    }

    #[test]
    fn a_missing_or_wrong_unit_names_those_that_fit() {
        for (unit, written, told) in [
            ("µs", "", "20 has no unit, and it is a time: write for example 20ms"),
            ("µs", "B", "\"B\" is no unit of it, which is a time: write for example 20ms"),
            ("-", "ms", "it is a bare number: leave out \"ms\""),
            ("bytes/message", "B/s", "\"B/s\" is no unit of it, which is a number of bytes"),
            ("bytes/s", "B", "\"B\" is no unit of it, which is a rate of bytes: write for"),
            ("1/s", "", "20 has no unit, and it is a rate: write 20/s (unit: /s)"),
            ("bytes/message", "bit", "\"bit\" is no unit of it"),
        ] {
            let error = scaled(unit, "20", written).expect_err(written);
            assert!(error.starts_with(told), "{error}");
        }
        let error = Dimension::SHARE.scaled("0.999", "", "it").expect_err("it has no unit");
        assert_eq!(error, "it is a share, written in percent: 0.999 of the whole is 99.9%");
    }

    #[test]
    fn the_units_of_settings_mean_the_same_here() {
        for (name, _) in TIME {
            let ns = parse_duration_ns(&format!("3{name}")).expect("a unit of settings");
            assert_eq!(scaled("µs", "3", name), Ok(ns as f64 / 1e3), "{name}");
        }
        for name in ["B", "KiB", "MiB", "kB", "MB"] {
            let bytes = parse_size(&format!("3{name}")).expect("a unit of settings");
            assert_eq!(scaled("bytes", "3", name), Ok(bytes as f64), "{name}");
        }
    }

    #[test]
    fn figures_are_shown_in_the_bounds_unit() {
        let shown = |unit, written, figure| {
            let dimension = Dimension::of(unit).expect("a column's unit");
            let bound = dimension.scaled("1", written, "it").expect("it fits");
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
        assert_eq!(of("s").quotient(1.0, 500_000.0, of("µs")), 2.0);
        assert_eq!(of("bytes").quotient(909.0, 2.0, of("bytes")), 454.5);
    }
}
