//! Changes of figures from A to B with their intervals, beside what is tolerated: of a comparison by pairs.

use crate::report::drawing::canvas::{Area, Drawn, PictureGroup, picture};
use crate::report::drawing::panel::RULE;
use crate::report::drawing::plot::{Axis, AxisUnit, Plot};
use crate::report::drawing::stroke;
use crate::report::drawing::text::{GREY, INK, Pen};
use crate::report::finding::{ChangeScale, Decision, Effect, Finding, Judgement};
use crate::report::judgement::describe;
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;

const WIDTH: u32 = 2000;
/// Height of a figure's line, and of all else.
const LINE: i32 = 46;
const REST: (i32, i32) = (96, 110);
/// Room for names at the left and for numbers at the right.
const SIDES: (i32, i32) = (760, 420);
const TITLE: Pen = Pen::new(34.0).bold();
const TEXT: Pen = Pen::new(22.0);
/// What is tolerated.
const ALLOWED: RGBColor = RGBColor(226, 226, 226);
const PASS: RGBColor = RGBColor(0, 158, 115);
const FAIL: RGBColor = RGBColor(213, 94, 0);

/// Draws the figures that have a ratio of their sides; `None` if there is none.
pub(crate) fn draw(judgement: &Judgement) -> Option<String> {
    let relative = |finding: &&Finding| {
        finding.effect.is_some_and(|effect| effect.scale == ChangeScale::Relative)
    };
    let all: Vec<(&Finding, Effect)> = judgement
        .findings
        .iter()
        .filter(relative)
        .filter_map(|finding| Some((finding, finding.effect?)))
        .collect();
    if all.is_empty() {
        return None;
    }
    let height = REST.0 + REST.1 + LINE * all.len() as i32;
    Some(picture((WIDTH, height as u32), |area| chart(area, &all, height)))
}

fn chart(area: &Area, all: &[(&Finding, Effect)], height: i32) -> Drawn {
    area.draw_text("Change from A to B, with its interval", &TITLE.at(HPos::Left), (40, 40))?;
    let ends = all.iter().flat_map(|(_, effect)| {
        [
            effect.lower,
            effect.upper,
            Some(effect.estimate),
            Some(effect.margin),
            Some(-effect.margin),
        ]
    });
    // A change of a few hundred percent must not hide the others.
    let most = ends.flatten().map(f64::abs).filter(|v| v.is_finite()).fold(0.02, f64::max).min(2.0);
    let percent = |share: f64| describe::change(share);
    let plot = Plot {
        area,
        from: (SIDES.0, REST.0),
        to: (WIDTH as i32 - SIDES.1, height - REST.1),
        // Nothing falls by more than all of it.
        x: Axis::linear((-most.min(1.0) * 1.1, most * 1.1), 6, percent),
        y: Axis { span: (0.0, all.len() as f64), log: false, ticks: Vec::new() },
        units: (AxisUnit::Share, AxisUnit::None),
        size: 20.0,
    };
    let axes = plot.axes();
    let group = PictureGroup { axes: Some(&axes), ..PictureGroup::default() };
    group.draw(area, || {
        for (n, (finding, effect)) in all.iter().enumerate() {
            line(&plot, n, finding, effect)?;
        }
        plot.frame()
    })?;
    let zero = plot.at((0.0, 0.0)).0;
    stroke::solid(area, &[(zero, plot.from.1), (zero, plot.to.1)], INK, 2)?;
    let words = "grey: a change that is tolerated; a dot: the estimate; an arrow: it is beyond the axis; a line: its interval";
    area.draw_text(words, &TEXT.colour(GREY).at(HPos::Left), (40, height - 30))
}

fn line(plot: &Plot, n: usize, finding: &Finding, effect: &Effect) -> Drawn {
    let area = plot.area;
    let top = plot.from.1 + LINE * n as i32;
    let y = top + LINE / 2;
    let x = |share: f64| plot.at((share.clamp(plot.x.span.0, plot.x.span.1), 0.0)).0;
    let allowed = [(x(-effect.margin), top + 6), (x(effect.margin), top + LINE - 6)];
    area.draw(&Rectangle::new(allowed, ALLOWED.filled()))?;
    stroke::solid(area, &[(plot.from.0, top), (plot.to.0, top)], RULE, 1)?;
    let colour = match finding.decision {
        Decision::Pass => PASS,
        Decision::Fail => FAIL,
        Decision::Inconclusive | Decision::NotComparable => GREY,
    };
    let name = format!("{}: {}", describe::of_whom(&finding.subject), finding.subject.metric);
    let name = TEXT.fit(&name, SIDES.0 as f32 - 60.0);
    area.draw_text(&name, &TEXT.at(HPos::Left), (40, y))?;
    let text = describe::interval(effect, "-");
    let title = format!("{name}: {} {text}", describe::decision(finding.decision));
    let group =
        PictureGroup { series: Some(&finding.subject.series), title: Some(&title), axes: None };
    group.draw(area, || {
        let ends = (effect.lower.unwrap_or(plot.x.span.0), effect.upper.unwrap_or(plot.x.span.1));
        stroke::solid(area, &[(x(ends.0), y), (x(ends.1), y)], colour, 4)?;
        let at = x(effect.estimate);
        if effect.estimate > plot.x.span.1 {
            let arrow = vec![(at - 14, y - 10), (at + 4, y), (at - 14, y + 10)];
            area.draw(&Polygon::new(arrow, colour.filled()))?;
        } else {
            area.draw(&Circle::new((at, y), 8, colour.filled()))?;
        }
        let pen = TEXT.colour(INK);
        let text = pen.fit(&text, SIDES.1 as f32 - 50.0);
        area.draw_text(&text, &pen.at(HPos::Left), (plot.to.0 + 24, y))
    })
}
