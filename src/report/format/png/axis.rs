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

/// Returns the span of an axis that shows all `values`, with the share `free` of its height above the
/// greatest for labels. It is never empty, and a logarithmic one is above zero.
pub(crate) fn span(scale: AxisScale, values: &[f64], free: f64) -> Range<f64> {
    let above_zero = || values.iter().copied().filter(|v| *v > 0.0);
    let greatest = above_zero().fold(0.0, f64::max);
    let least = above_zero().fold(greatest, f64::min);
    let grow = 1.0 / (1.0 - free.clamp(0.0, 0.6));
    if greatest <= 0.0 {
        return if scale == AxisScale::Linear { 0.0..1.0 } else { 0.1..1.0 };
    }
    let low = match scale {
        AxisScale::Linear => return 0.0..greatest * grow,
        AxisScale::Log => 10f64.powf((least.log10() - 0.15).floor()),
        AxisScale::Range => least / 1.6,
    };
    let low = low.max(1e-300);
    low..low * (greatest.max(low * 2.0) / low).powf(grow)
}

/// Returns the powers of ten within a span, with steps between them if there are few. plotters would
/// give a span within one decade no tick.
pub(crate) fn decades(span: &Range<f64>) -> Vec<f64> {
    let from = span.start.log10().floor() as i32;
    let to = span.end.log10().floor() as i32;
    let step = ((to - from) / 8).max(1) as usize;
    let steps: &[f64] = if to - from > 2 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    (from..=to)
        .step_by(step)
        .flat_map(|n| steps.iter().map(move |s| s * 10f64.powi(n)))
        // A computed power may miss its decade by rounding.
        .filter(|v| *v >= span.start * (1.0 - 1e-9) && *v <= span.end)
        .collect()
}
