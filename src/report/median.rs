//! The middle of values.

use crate::report::figure::{Absence, Figure};

/// The middle value of ascending ones, or the mean of the two middle ones; zero of none.
pub(crate) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[half],
        _ => sorted[half - 1] / 2.0 + sorted[half] / 2.0,
    }
}

/// The median of finite values; `None` of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| median_of_sorted(&sorted))
}

/// Returns the median of the figures of which something is known: a number, or what it is below. If that
/// leaves the middle open, the median is absent with what it is below.
pub(crate) fn median_figure<'f>(figures: impl Iterator<Item = &'f Figure> + Clone) -> Figure {
    let ends = figures.clone().filter_map(|figure| match figure {
        Figure::Known(value) => Some((*value, *value)),
        // What is below a bound is anything from zero to there.
        Figure::Absent(absence) => absence.below.map(|below| (0.0, below as f64)),
    });
    let (least, most): (Vec<f64>, Vec<f64>) = ends.unzip();
    let Some((least, most)) = median(&least).zip(median(&most)) else {
        let why = figures.clone().find_map(Figure::reason).unwrap_or("no pair of runs has one");
        return Figure::absent(why);
    };
    if least == most {
        return Figure::known(least);
    }
    let why = figures.filter(|figure| figure.below().is_some()).find_map(Figure::reason);
    Figure::Absent(Absence { below: Some(most.ceil() as u64), ..why.unwrap_or_default().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A median of the others alone would be too high.
    #[test]
    fn a_median_is_below_a_bound_if_most_figures_are() {
        let below = |bound| Figure::Absent(Absence { below: Some(bound), ..("coarse".into()) });
        let of = |bounds: &[u64], known: &[f64]| {
            let bounds = bounds.iter().map(|bound| below(*bound));
            let all: Vec<Figure> = bounds.chain(known.iter().map(|v| Figure::known(*v))).collect();
            median_figure(all.iter())
        };
        let most = of(&[1_945; 7], &[2_100.0, 2_191.0, 2_200.0, 2_300.0]);
        assert_eq!(
            (most.value(), most.below(), most.reason()),
            (None, Some(1_945), Some("coarse"))
        );
        assert_eq!(of(&[1_945; 2], &[2_100.0, 2_191.0, 2_200.0]), Figure::known(2_100.0));
        assert_eq!(of(&[1_000, 2_000], &[2_501.0, 2_600.0]).below(), Some(2_251));
        assert_eq!(of(&[1_000, 1_200, 1_400], &[]).below(), Some(1_200));
        // One of which nothing is known says nothing.
        let none = Figure::absent("no message came");
        assert_eq!(median_figure([&none, &Figure::known(3.0)].into_iter()), Figure::known(3.0));
        assert_eq!(median_figure([&none].into_iter()), none);
        assert_eq!(median_figure([].into_iter()).below(), None);
    }

    #[test]
    fn the_middle_of_any_number_of_values() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX));
        assert_eq!(median(&[]), None);
    }
}
