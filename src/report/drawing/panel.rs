//! A chart of clusters, one for each client count: bars or ranges with their values above them.

use crate::record::TRACED_EVENTS;
use crate::report::drawing::axis;
use crate::report::drawing::axis::AxisScale;
use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::drawing::palette;
use crate::report::drawing::stroke;
use crate::report::drawing::text::{GREY, INK, Pen};
use crate::report::figure::Figure;
use plotters::coord::combinators::WithKeyPoints;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::coord::types::RangedCoordi32;
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;

pub(crate) const RULE: RGBColor = RGBColor(222, 222, 222);
/// A value's text may shrink to this share before it is turned upright.
const LEAST_SCALE: f32 = 0.8;
/// Pixels between two texts side by side.
const BETWEEN: f32 = 12.0;
const TICK: u32 = 6;
/// The width of a stripe, in pixels of a row.
const STRIPE: i32 = 6;

pub(crate) type Show = fn(f64) -> String;

/// What is known of a distribution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    /// Median, p90, p99 and maximum.
    pub stats: [Option<f64>; 4],
    /// What the others are below, if that is known of them.
    pub below: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// From the foot of the axis.
    Bar(f64),
    /// Striped: not measured.
    Striped(f64),
    /// A distribution.
    Range(Spread),
    /// Why there is nothing.
    Absent(String),
}

/// A shape with the lines of text above it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    pub shape: Shape,
    pub lines: Vec<String>,
    pub colour: RGBColor,
    /// The label of the series that it shows; empty if it shows none.
    pub series: String,
}

/// The marks of a client count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cluster {
    pub label: String,
    pub marks: Vec<Mark>,
}

/// A chart within a picture.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub title: &'static str,
    /// The axis' title; empty if the panel's title says it.
    pub axis: &'static str,
    pub scale: AxisScale,
    pub show: Show,
    pub clusters: Vec<Cluster>,
    /// Text size.
    pub size: f32,
}

impl Mark {
    /// Returns a bar with its value and a sign after it.
    pub(crate) fn bar(figure: &Figure, show: Show, sign: &str, colour: RGBColor) -> Mark {
        match figure {
            Figure::Known(value) => {
                let lines = vec![format!("{}{sign}", show(*value))];
                Mark { shape: Shape::Bar(*value), lines, colour, series: String::new() }
            }
            Figure::Absent(absence) => Mark::absent(&absence.why),
        }
    }
    pub(crate) fn absent(why: &str) -> Mark {
        Mark {
            shape: Shape::Absent(why.to_owned()),
            lines: vec!["n/a".to_owned()],
            colour: GREY,
            series: String::new(),
        }
    }
    /// The same mark, of a series.
    pub(crate) fn of(self, series: &str) -> Mark {
        Mark { series: series.to_owned(), ..self }
    }
    /// What is said of it where it is pointed at.
    fn title(&self, cluster: &str) -> String {
        let what = match &self.shape {
            Shape::Absent(why) => format!("n/a: {why}"),
            _ => self.lines.join(", "),
        };
        match self.series.as_str() {
            "" => format!("{cluster} clients: {what}"),
            series => format!("{series} at {cluster} clients: {what}"),
        }
    }
}

impl Shape {
    fn values(&self) -> Vec<f64> {
        match self {
            Shape::Bar(value) | Shape::Striped(value) => vec![*value],
            Shape::Range(Spread { stats, below }) => {
                stats.iter().flatten().chain(below).copied().collect()
            }
            Shape::Absent(_) => Vec::new(),
        }
    }
}

impl Panel {
    fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.clusters.iter().flat_map(|c| &c.marks)
    }

    /// Returns the number of marks of the largest cluster.
    pub(crate) fn most_marks(&self) -> usize {
        self.clusters.iter().map(|c| c.marks.len()).max().unwrap_or(0)
    }

    pub(crate) fn draw(&self, area: &Area) -> Drawn {
        let (width, _) = area.dim_in_pixel();
        let pen = Pen::new(self.size).bold();
        let title = pen.fit(self.title, width as f32);
        area.draw_text(&title, &pen.at(HPos::Left), (0, (self.size * 0.5) as i32))?;
        let values: Vec<f64> = self.marks().flat_map(|m| m.shape.values()).collect();
        if values.is_empty() {
            let mut why = self.marks().map(|m| match &m.shape {
                Shape::Absent(why) => why.as_str(),
                _ => unreachable!("every other shape has values"),
            });
            return nothing(area, why.next(), self.size);
        }
        let layout = Layout::of(self, area);
        let span = axis::span(self.scale, &values, (layout.headroom / layout.height).into());
        match self.scale {
            AxisScale::Linear => layout.draw(area, span.clone(), span.start),
            AxisScale::Log | AxisScale::Range => {
                let ticks = axis::decades(&span);
                layout.draw(area, span.clone().log_scale().with_key_points(ticks), span.start)
            }
        }
    }
}

/// Sizes in pixels.
struct Layout<'a> {
    panel: &'a Panel,
    /// Margins of the plot: above, below and at its left.
    rim: [f32; 3],
    height: f32,
    /// The width of a cluster.
    cluster: f32,
    /// The width of a mark with its gap.
    slot: f32,
    /// Pen of the lines above marks, and whether they are turned upright.
    pen: Pen,
    upright: bool,
    headroom: f32,
}

impl Layout<'_> {
    fn of<'a>(panel: &'a Panel, area: &Area) -> Layout<'a> {
        let (width, height) = area.dim_in_pixel();
        let above = if panel.title.is_empty() { 0.4 } else { 1.9 };
        let left = if panel.axis.is_empty() { 4.2 } else { 5.8 };
        let rim = [above, 3.1, left].map(|part| (panel.size * part).round());
        let height = height as f32 - rim[0] - rim[1];
        let width = width as f32 - rim[2];
        let cluster = width / panel.clusters.len().max(1) as f32;
        let slot = (cluster * 0.92 / panel.most_marks().max(1) as f32).min(210.0);
        let pen = Pen::new(panel.size * 0.86);
        let widest = panel.marks().flat_map(|m| &m.lines).map(|l| pen.width(l));
        let widest = widest.fold(1.0, f32::max);
        // Smaller text is better than upright text.
        let upright = widest * LEAST_SCALE + BETWEEN > slot;
        let lines = panel.marks().map(|m| m.lines.len()).max().unwrap_or(1) as f32;
        let size = if upright {
            (slot * 0.9 / lines / 1.2).clamp(9.0, pen.size)
        } else {
            pen.size * ((slot - BETWEEN) / widest).min(1.0)
        };
        let across = size * (0.6 + 1.3 * lines);
        let headroom = if upright { widest * size / pen.size + 24.0 } else { across };
        Layout { panel, rim, height, cluster, slot, pen: Pen::new(size), upright, headroom }
    }

    /// Draws the chart; the vertical axis begins at `foot`.
    fn draw<Y>(&self, area: &Area, y: Y, foot: f64) -> Drawn
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let panel = self.panel;
        let size = self.panel.size;
        let clusters = panel.clusters.len();
        let middle = |n: usize| (self.cluster * (n as f32 + 0.5)) as i32;
        // The horizontal axis is in pixels.
        let x = (0..(self.cluster * clusters as f32) as i32)
            .with_key_points((0..clusters).map(middle).collect());
        let mut chart = ChartBuilder::on(area)
            .margin_top(self.rim[0] as i32)
            .x_label_area_size(self.rim[1] as i32)
            .y_label_area_size(self.rim[2] as i32)
            .build_cartesian_2d(x, y)?;
        let label = |x: &i32| {
            let cluster = panel.clusters.get((*x as f32 / self.cluster) as usize);
            cluster.map_or_else(String::new, |c| Pen::new(size).fit(&c.label, self.cluster - 8.0))
        };
        let grey = |part: f32| Pen::new(size * part).colour(GREY).at(HPos::Left);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .y_labels(6)
            .bold_line_style(RULE.stroke_width(2))
            .axis_style(GREY.stroke_width(2))
            .set_all_tick_mark_size(TICK)
            .x_label_style(Pen::new(size).at(HPos::Center))
            .y_label_style(grey(0.86))
            .axis_desc_style(grey(0.92))
            .x_label_formatter(&label)
            .y_label_formatter(&|y| (panel.show)(*y))
            .x_desc("clients")
            .y_desc(panel.axis)
            .draw()?;
        let plot = chart.plotting_area();
        for (i, cluster) in panel.clusters.iter().enumerate() {
            for (j, mark) in cluster.marks.iter().enumerate() {
                let aside = j as f32 - (cluster.marks.len() as f32 - 1.0) / 2.0;
                let x = middle(i) + (aside * self.slot) as i32;
                let what = mark.title(&cluster.label);
                let title = match panel.title {
                    "" => what,
                    title => format!("{title}: {what}"),
                };
                let series = Some(mark.series.as_str()).filter(|series| !series.is_empty());
                let group = PictureGroup { series, title: Some(&title), axes: None };
                group.draw(&plot.use_screen_coord(), || self.mark(plot, mark, x, foot))?;
            }
        }
        Ok(())
    }

    fn mark<Y: Ranged<ValueType = f64>>(
        &self,
        plot: &PanelPlot<'_, Y>,
        mark: &Mark,
        x: i32,
        foot: f64,
    ) -> Drawn {
        let half = ((self.slot * 0.41) as i32).max(1);
        let block = |from, to, colour: RGBColor| {
            plot.draw(&Rectangle::new([(x - half, from), (x + half, to)], colour.filled()))
        };
        let top = match mark.shape {
            Shape::Absent(_) => foot,
            Shape::Bar(value) => block(foot, value, mark.colour).map(|()| value)?,
            Shape::Striped(value) => {
                let corners = [(x - half, value), (x + half, foot)];
                let [from, to] = corners.map(|c| plot.map_coordinate(&c));
                stripes(&plot.use_screen_coord(), from, to, mark.colour)?;
                value
            }
            Shape::Range(ref spread) => {
                let across = |value, half| vec![(x - half, value), (x + half, value)];
                let line = mark.colour.stroke_width(4);
                let [p50, p90, p99, max] = spread.stats;
                // Of what is below a bound it is not known where it lies.
                let open = spread.below;
                if let Some(below) = open {
                    let corners = [(x - half, below), (x + half, foot)];
                    let [from, to] = corners.map(|c| plot.map_coordinate(&c));
                    stripes(&plot.use_screen_coord(), from, to, mark.colour)?;
                }
                if let (Some(from), Some(max)) = (p99.or(p90).or(p50).or(open), max) {
                    plot.draw(&PathElement::new(vec![(x, from), (x, max)], line))?;
                    plot.draw(&PathElement::new(across(max, half / 2), line))?;
                }
                if let (Some(from), Some(to)) = (p90.or(open), p99) {
                    block(from, to, palette::lighter(mark.colour, 0.6))?;
                }
                if let (Some(from), Some(to)) = (p50.or(open), p90) {
                    block(from, to, mark.colour)?;
                }
                if let Some(p50) = p50 {
                    plot.draw(&PathElement::new(
                        across(p50, half + half / 8),
                        INK.stroke_width(5),
                    ))?;
                }
                mark.shape.values().into_iter().fold(foot, f64::max)
            }
        };
        let pen = if mark.shape.values().is_empty() { self.pen.colour(GREY) } else { self.pen };
        let turn = if self.upright { FontTransform::Rotate270 } else { FontTransform::None };
        let style = pen.at(HPos::Center).transform(turn);
        let size = pen.size;
        let last = mark.lines.len() as f32 - 1.0;
        for (n, line) in mark.lines.iter().enumerate() {
            let n = n as f32;
            let half = self.pen.width(line) / 2.0;
            // The middle of the text, and half of the room that it takes.
            let (at, take) = if self.upright {
                ((1.2 * size * (n - last / 2.0), -10.0 - half), (0.6 * size, half))
            } else {
                ((0.0, -size * (0.8 + 1.3 * (last - n))), (half, 0.6 * size))
            };
            let corner = |sign: f32| ((at.0 + sign * take.0) as i32, (at.1 + sign * take.1) as i32);
            // No mesh behind the text.
            let ground = Rectangle::new([corner(-1.0), corner(1.0)], WHITE.filled());
            let text = Text::new(line.clone(), (at.0 as i32, at.1 as i32), style.clone());
            plot.draw(&(EmptyElement::at((x, top)) + ground + text))?;
        }
        Ok(())
    }
}

type PanelPlot<'a, Y> = DrawingArea<SVGBackend<'a>, Cartesian2d<WithKeyPoints<RangedCoordi32>, Y>>;

/// Fills a rectangle with diagonal stripes, as plotters has no patterns.
pub(crate) fn stripes(area: &Area, from: (i32, i32), to: (i32, i32), colour: RGBColor) -> Drawn {
    area.draw(&Rectangle::new([from, to], palette::lighter(colour, 0.83).filled()))?;
    // All pixels of a diagonal have the same sum of x and y.
    let first = from.0 + from.1;
    let last = to.0 + to.1;
    let ends = |sum: i32| {
        let low = from.0.max(sum - to.1);
        let high = to.0.min(sum - from.1);
        [(low, sum - low), (high, sum - high)]
    };
    for sum in (first - STRIPE..last).filter(|sum| sum.rem_euclid(14) == 0) {
        let [a, b] = ends(sum.max(first));
        let [d, c] = ends((sum + STRIPE).min(last));
        area.draw(&Polygon::new([a, b, c, d], colour.filled()))?;
    }
    Ok(())
}

/// Marks a part of a recording that was not kept.
pub(crate) fn not_recorded(area: &Area, from: (i32, i32), to: (i32, i32), pen: Pen) -> Drawn {
    stripes(area, from, to, palette::lighter(GREY, 0.6))?;
    let text = format!("not recorded: only a client's first {TRACED_EVENTS} events are kept");
    let text = pen.fit(&text, (to.0 - from.0) as f32 - 12.0);
    let middle = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
    stroke::text_on_white(area, (&text, pen), HPos::Center, middle, (6, 14))
}

/// Writes why an area is empty.
pub(crate) fn nothing(area: &Area, why: Option<&str>, size: f32) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let pen = Pen::new(size).colour(GREY);
    let why = why.unwrap_or("nothing was measured");
    let lines = pen.wrap(&format!("n/a: {why}"), width as f32 * 0.8);
    let from = height as f32 / 2.0 - size * 0.7 * (lines.len() as f32 - 1.0);
    for (i, line) in lines.iter().enumerate() {
        let at = (width as i32 / 2, (from + size * 1.4 * i as f32) as i32);
        area.draw_text(line, &pen.at(HPos::Center), at)?;
    }
    Ok(())
}
