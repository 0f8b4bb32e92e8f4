//! The span of a vertical axis, and ticks that plotters does not choose well.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AxisScale {
    /// From zero.
    Linear,
    /// By powers of ten, for bars: the least still has a height.
    Log,
    /// By powers of ten, for ranges, which do not start at the foot.
    Range,
}

/// What an axis shows at the most, and the reciprocal of the least above zero: far beyond every figure of a
/// run, and near enough that a span's length and its ratio are numbers still. Without an end an axis would
/// have ticks without number.
const MOST: f64 = 1e30;

/// Brings the greatest value of an axis to where it can end.
pub(crate) fn bounded(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(-MOST, MOST) }
}

/// Returns the span of an axis that shows all `values`, with the share `free` of its height above the
/// greatest for labels. It is never empty, and a logarithmic one is above zero.
pub(crate) fn span(scale: AxisScale, values: &[f64], free: f64) -> Range<f64> {
    let above_zero =
        || values.iter().copied().filter(|v| *v > 0.0).map(|v| v.clamp(1.0 / MOST, MOST));
    let greatest = above_zero().fold(0.0, f64::max);
    let least = above_zero().fold(greatest, f64::min);
    let grow = 1.0 / (1.0 - bounded(free).clamp(0.0, 0.6));
    if greatest <= 0.0 {
        return if scale == AxisScale::Linear { 0.0..1.0 } else { 0.1..1.0 };
    }
    let low = match scale {
        AxisScale::Linear => return 0.0..greatest * grow,
        AxisScale::Log => 10f64.powf((least.log10() - 0.15).floor()),
        AxisScale::Range => least / 1.6,
    };
    low..low * (greatest.max(low * 2.0) / low).powf(grow)
}

/// Steps between powers of ten, if those are few, and if these are few.
const STEPS: [&[f64]; 3] =
    [&[1.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]];

/// Returns the powers of ten within a span, with steps between them if there are few: at least two values,
/// as one alone shows no scale. plotters would give a span within one decade no tick.
pub(crate) fn decades(span: &Range<f64>) -> Vec<f64> {
    // As powers of ten go; what is no number is 0.
    let power = |value: f64| value.log10().floor().clamp(-300.0, 300.0) as i32;
    let from = power(span.start);
    let to = power(span.end);
    let step = ((to - from) / 8).max(1) as usize;
    let ticks = |steps: &[f64]| -> Vec<f64> {
        (from..=to)
            .step_by(step)
            .flat_map(|n| steps.iter().map(move |s| s * 10f64.powi(n)))
            // A computed power may miss its decade by rounding.
            .filter(|v| *v >= span.start * (1.0 - 1e-9) && *v <= span.end)
            .collect()
    };
    let first = if to - from > 2 { 0 } else { 1 };
    let tried = STEPS[first..].iter().map(|steps| ticks(steps));
    tried.reduce(|coarse, fine| if coarse.len() < 2 { fine } else { coarse }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_span_has_finer_steps() {
        assert_eq!(decades(&(0.5..2_000.0)), [1.0, 10.0, 100.0, 1_000.0]);
        assert_eq!(decades(&(300.0..1_200.0)), [500.0, 1_000.0]);
        // 500 alone would show no scale, and here there would be nothing.
        assert_eq!(decades(&(210.0..480.0)), [300.0, 400.0]);
    }

    /// A broken file may hold any number.
    #[test]
    fn an_axis_of_any_numbers_has_an_end_and_few_ticks() {
        let values = [0.0, -1.0, 5e-324, 1e-300, 1.0, 1e300, f64::MAX, f64::INFINITY, f64::NAN];
        for (a, b) in values.iter().flat_map(|a| values.map(|b| (*a, b))) {
            for scale in [AxisScale::Linear, AxisScale::Log, AxisScale::Range] {
                for free in [0.0, 0.04, 0.6, f64::NAN] {
                    let span = span(scale, &[a, b], free);
                    let length = span.end - span.start;
                    assert!(length.is_finite() && length > 0.0, "{a} {b} {scale:?}: {span:?}");
                    assert!(scale == AxisScale::Linear || decades(&span).len() <= 30, "{span:?}");
                }
            }
            assert!(decades(&(a..b)).len() <= 200, "{a} {b}");
            assert!((bounded(a) - bounded(b)).is_finite(), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn there_are_at_least_two_ticks(least in 1e-3f64..1e9, factor in 1.0f64..1e6, free in 0.0f64..0.6) {
            for scale in [AxisScale::Log, AxisScale::Range] {
                let span = span(scale, &[least, least * factor], free);
                let ticks = decades(&span);
                prop_assert!((2..=16).contains(&ticks.len()), "{:?}: {:?}", span, ticks);
                prop_assert!(ticks.iter().all(|tick| *tick <= span.end));
            }
        }
    }
}
