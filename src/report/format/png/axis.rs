//! What a vertical axis spans, and the ticks that plotters does not choose well.

use std::ops::Range;

/// How values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From zero.
    Linear,
    /// By powers of ten, for bars: each has a height.
    Log,
    /// By powers of ten, for ranges, which hang free.
    Range,
}

/// From which to which value an axis goes that shows all `values` and leaves a part of its height
/// above the greatest free for labels. Never empty; above zero where it is logarithmic.
pub(crate) fn span(scale: Scale, values: &[f64], free: f64) -> Range<f64> {
    let above_zero = || values.iter().copied().filter(|v| *v > 0.0);
    let greatest = above_zero().fold(0.0, f64::max);
    let least = above_zero().fold(greatest, f64::min);
    let grow = 1.0 / (1.0 - free.clamp(0.0, 0.6));
    if greatest <= 0.0 {
        return if scale == Scale::Linear { 0.0..1.0 } else { 0.1..1.0 };
    }
    let low = match scale {
        Scale::Linear => return 0.0..greatest * grow,
        Scale::Log => 10f64.powf((least.log10() - 0.15).floor()),
        Scale::Range => least / 1.6,
    };
    let low = low.max(1e-300);
    low..low * (greatest.max(low * 2.0) / low).powf(grow)
}

/// Powers of ten within a span, with steps between them where they are few: plotters' own ticks
/// leave a span within one decade without any.
pub(crate) fn decades(span: &Range<f64>) -> Vec<f64> {
    let (from, to) = (span.start.log10().floor() as i32, span.end.log10().floor() as i32);
    let step = ((to - from) / 8).max(1) as usize;
    let steps: &[f64] = if to - from > 2 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    (from..=to)
        .step_by(step)
        .flat_map(|n| steps.iter().map(move |s| s * 10f64.powi(n)))
        // A power that was computed may miss its own decade by a rounding.
        .filter(|v| *v >= span.start * (1.0 - 1e-9) && *v <= span.end)
        .collect()
}
