//! The chapter's figure 7-5 from a recording: messages between server and client, slanted by their
//! delay, a lane for each series.

use crate::record::{TraceKind, TransportKind};
use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::drawing::page::{LegendEntry, Page, Swatch, series_name};
use crate::report::drawing::panel;
use crate::report::drawing::panel::RULE;
use crate::report::drawing::plot::{Axis, AxisUnit, Plot};
use crate::report::drawing::stroke;
use crate::report::drawing::text::{GREY, INK, Pen};
use crate::report::drawing::{known_us, palette, show_moment, show_us};
use crate::report::pictures::{Lane, Message, Timeline};
use crate::report::table::Table;
use crate::units::thousands;
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;

/// With more lanes, each would be too low.
const MOST_LANES: usize = 8;
/// Width of the names, and height of the axis below the lanes.
const NAMES: i32 = 360;
const FOOT: i32 = 78;
const HIGHEST_LANE: i32 = 320;
const REQUEST: RGBColor = RGBColor(120, 120, 120);
const EMPTY: RGBColor = RGBColor(150, 150, 150);
const LABEL: Pen = Pen::new(21.0);
/// Up to so many messages are drawn with this width, and with or without an arrow's head.
const WIDTHS: [(usize, u32, bool); 3] = [(70, 5, true), (160, 3, false), (usize::MAX, 1, false)];

pub(crate) fn draw(table: &Table) -> String {
    let timeline = &table.pictures.timeline;
    let has = |kind| timeline.lanes.iter().flat_map(|l| &l.messages).any(|m| m.kind == kind);
    let grey = palette::transport(TransportKind::Null.name());
    let mut messages = timeline.lanes.iter().flat_map(|lane| &lane.messages);
    let mut keys = Vec::new();
    if timeline.lanes.is_empty() || messages.any(|message| message.published_us.is_some()) {
        let pale = palette::lighter(grey, 0.55);
        keys.push(LegendEntry::of("published", INK, Swatch::Dot));
        keys.push(LegendEntry::of("waits at the server", pale, Swatch::Band));
    }
    keys.push(LegendEntry::of("message with an update", INK, Swatch::Line(5)));
    if has(TraceKind::Empty) {
        keys.push(LegendEntry::of("answer with nothing new", EMPTY, Swatch::Line(2)));
    }
    if has(TraceKind::Sent) {
        keys.push(LegendEntry::of("request", REQUEST, Swatch::Dashed(2)));
    }
    let page = Page {
        table,
        title: "Messages between server and client",
        about: if timeline.absent.is_some() {
            "recorded from single clients".into()
        } else {
            format!(
                "recorded from one of {} clients of each series; below each arrival: the time since \
                 publishing",
                thousands(timeline.clients.into())
            )
            .into()
        },
        keys,
        footnotes: footnotes(timeline),
        absent: timeline.absent.as_deref(),
    };
    page.draw(|area| lanes(table, timeline, area))
}

fn footnotes(timeline: &Timeline) -> Vec<String> {
    let recorded = if timeline.one_way_us > 0.0 {
        format!(
            "Recorded at the client. The server's end of a message is drawn earlier (of a request: \
             later) by the planned one-way delay of {}.",
            show_us(timeline.one_way_us)
        )
    } else {
        "Recorded at the client. The plan has no delay between client and server, so \
                  messages are upright."
            .to_owned()
    };
    let dots = "Only updates that reached this client have a dot.".to_owned();
    let mut notes = vec![recorded, dots];
    let messages = || timeline.lanes.iter().flat_map(|lane| &lane.messages);
    if messages().any(|m| m.latency_us.is_some() && m.published_us.is_none()) {
        let what = "An update has no dot if the time in it is too coarse, or wrong, to say when it was \
                    published.";
        notes.push(what.to_owned());
    }
    let more = timeline.lanes.len().saturating_sub(MOST_LANES);
    if more > 0 {
        notes.push(format!("{more} more series are in trace.csv."));
    }
    notes
}

fn lanes(table: &Table, timeline: &Timeline, area: &Area) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let series = palette::series(table);
    let shown = &timeline.lanes[..timeline.lanes.len().min(MOST_LANES)];
    let lane_height = ((height as i32 - FOOT) / shown.len().max(1) as i32).clamp(1, HIGHEST_LANE);
    let plot = Plot {
        area,
        from: (NAMES, 0),
        to: (width as i32 - 24, lane_height * shown.len() as i32),
        x: Axis::linear(timeline.span_us, 8, show_moment),
        y: Axis { span: (0.0, 1.0), log: false, ticks: Vec::new() },
        units: (AxisUnit::Time, AxisUnit::None),
        size: 21.0,
    };
    let axes = plot.axes();
    for (value, text) in &plot.x.ticks {
        let x = plot.at((*value, 0.0)).0;
        stroke::solid(area, &[(x, 0), (x, plot.to.1)], RULE, 2)?;
        let at = (x, plot.to.1 + 22);
        area.draw_text(text, &Pen::new(21.0).colour(GREY).at(HPos::Center), at)?;
    }
    let middle = ((plot.from.0 + plot.to.0) / 2, plot.to.1 + 54);
    area.draw_text(&origin(shown), &Pen::new(22.0).colour(GREY).at(HPos::Center), middle)?;
    for (n, lane) in shown.iter().enumerate() {
        let top = lane_height * n as i32;
        if n > 0 {
            stroke::solid(area, &[(0, top), (width as i32, top)], RULE, 2)?;
        }
        let part = |part: f32| top + (lane_height as f32 * part) as i32;
        let strip = Strip {
            plot: &plot,
            server: part(0.2),
            client: part(0.68),
            labels: part(0.68) + 24,
            colour: palette::of(&series, &lane.series),
            width: width_of(lane),
        };
        let group = PictureGroup {
            series: Some(&lane.series),
            axes: Some(&axes),
            ..PictureGroup::default()
        };
        group.draw(area, || strip.draw(lane))?;
    }
    Ok(())
}

/// Says what the moments are counted from.
fn origin(lanes: &[Lane]) -> String {
    let drawn = || lanes.iter().filter(|lane| !lane.messages.is_empty());
    let updates = |lane: &&Lane| lane.messages.iter().any(|m| m.kind == TraceKind::Update);
    // The first update is at zero, with its publishing or, if that is not known, its arrival.
    let published = |lane: &&Lane| lane.messages.iter().any(|m| m.published_us == Some(0.0));
    let (with, without): (Vec<&Lane>, Vec<&Lane>) = drawn().partition(updates);
    let since = match with.iter().filter(|lane| published(lane)).count() {
        _ if with.is_empty() => "the first message shown",
        0 => "the arrival of the first update shown",
        n if n == with.len() => "the publishing of the first update shown",
        _ => "the publishing of the first update shown, or its arrival",
    };
    let other = if with.is_empty() || without.is_empty() { "" } else { ", or the first message" };
    let each = if drawn().count() > 1 { " (each lane its own)" } else { "" };
    format!("time since {since}{other}{each}")
}

/// Returns the width of a lane's updates, and whether they have arrow heads.
fn width_of(lane: &Lane) -> (u32, bool) {
    let fits = |w: &&(usize, u32, bool)| lane.messages.len() <= w.0;
    WIDTHS.iter().find(fits).map_or((1, false), |w| (w.1, w.2))
}

/// A lane's place.
struct Strip<'a, 'b, 'c> {
    plot: &'a Plot<'b, 'c>,
    /// The heights of the two lines and of the text below them.
    server: i32,
    client: i32,
    labels: i32,
    colour: RGBColor,
    /// Width of updates, and whether they have arrow heads.
    width: (u32, bool),
}

impl Strip<'_, '_, '_> {
    fn draw(&self, lane: &Lane) -> Drawn {
        let area = self.plot.area;
        let left = self.plot.from.0;
        let right = self.plot.to.0;
        self.names(lane)?;
        if let Some(why) = &lane.absent {
            let at = (left + 20, (self.server + self.client) / 2);
            let pen = LABEL.colour(GREY);
            let text = format!("n/a: {why}");
            return stroke::text_on_white(area, (&text, pen), HPos::Left, at, (10, 14));
        }
        let updates = || lane.messages.iter().filter(|m| m.kind == TraceKind::Update);
        for message in updates() {
            self.wait(message)?;
        }
        for y in [self.server, self.client] {
            stroke::solid(area, &[(left, y), (right, y)], GREY, 2)?;
        }
        for message in lane.messages.iter().filter(|m| m.kind != TraceKind::Update) {
            self.message(message)?;
        }
        for message in updates() {
            self.message(message)?;
        }
        for published in updates().filter_map(|m| m.published_us) {
            let at = self.plot.at((published, 0.0)).0;
            if (left..=right).contains(&at) {
                let radius = if self.width.1 { 7 } else { 3 };
                area.draw(&Circle::new((at, self.server), radius, INK.filled()))?;
            }
        }
        self.latencies(lane)?;
        self.end(lane)
    }

    fn names(&self, lane: &Lane) -> Drawn {
        let area = self.plot.area;
        let room = NAMES as f32 - 95.0 - 34.0;
        let name = (lane.series.as_str(), self.colour);
        let y = series_name(area, name, self.server, (room, 2))?;
        if !lane.about.is_empty() && y <= self.labels {
            let grey = Pen::new(20.0).colour(GREY);
            let words = grey.fit(&lane.about, room);
            area.draw_text(&words, &grey.at(HPos::Left), (34, y))?;
        }
        let grey = Pen::new(20.0).colour(GREY).at(HPos::Right);
        area.draw_text("server", &grey, (NAMES - 14, self.server))?;
        area.draw_text("client", &grey, (NAMES - 14, self.client))
    }

    /// Draws the time from publishing to sending.
    fn wait(&self, message: &Message) -> Drawn {
        let Some(published) = message.published_us else { return Ok(()) };
        let left = self.plot.from.0;
        let right = self.plot.to.0;
        let at = |us: f64| self.plot.at((us, 0.0)).0.clamp(left, right);
        let from = at(published);
        let to = at(message.server_us);
        if to <= from {
            return Ok(());
        }
        let band = [(from, self.server - 6), (to, self.server + 6)];
        let pale = palette::lighter(self.colour, 0.55).filled();
        self.plot.area.draw(&Rectangle::new(band, pale))
    }

    fn message(&self, message: &Message) -> Drawn {
        let area = self.plot.area;
        let point = |us: f64, y: i32| {
            let x = self.plot.at((us, 0.0)).0;
            (f64::from(x), f64::from(y))
        };
        let server = point(message.server_us, self.server);
        let client = point(message.client_us, self.client);
        let (from, to) = match message.kind {
            TraceKind::Sent => (client, server),
            _ => (server, client),
        };
        let frame = (
            (f64::from(self.plot.from.0), f64::from(self.server)),
            (f64::from(self.plot.to.0), f64::from(self.client)),
        );
        let Some((start, end)) = stroke::clip(from, to, frame) else { return Ok(()) };
        let whole = end == to;
        let ends = [start, end].map(|(x, y)| (x.round() as i32, y.round() as i32));
        let (colour, width) = match message.kind {
            TraceKind::Update => (self.colour, self.width.0),
            TraceKind::Empty => (EMPTY, self.width.0.min(2)),
            TraceKind::Sent => (REQUEST, self.width.0.min(2)),
        };
        match message.kind {
            TraceKind::Sent => stroke::dashed(area, &ends, colour, width)?,
            _ => stroke::solid(area, &ends, colour, width)?,
        }
        if self.width.1 && whole {
            arrow(area, from, to, colour, if width > 2 { 18.0 } else { 12.0 })?;
        }
        Ok(())
    }

    /// Writes the latencies of as many updates as there is room for.
    fn latencies(&self, lane: &Lane) -> Drawn {
        let mut free = i32::MIN;
        for message in &lane.messages {
            let Some(latency) = &message.latency_us else { continue };
            let text = known_us(latency);
            let half = (LABEL.width(&text) / 2.0) as i32;
            let x = self.plot.at((message.client_us, 0.0)).0;
            let inside = x >= self.plot.from.0 && x + half <= self.plot.to.0 + 24;
            if inside && x - half > free {
                let at = (x, self.labels);
                stroke::text_on_white(self.plot.area, (&text, LABEL), HPos::Center, at, (3, 12))?;
                free = x + half + 18;
            }
        }
        Ok(())
    }

    /// Marks the end of a recording that ends before the span.
    fn end(&self, lane: &Lane) -> Drawn {
        let Some(until) = lane.kept_until_us else { return Ok(()) };
        let x = self.plot.at((until, 0.0)).0 + 12;
        let from = (x, self.server - 14);
        let to = (self.plot.to.0, self.client + 14);
        if to.0 - from.0 < 8 {
            return Ok(());
        }
        panel::not_recorded(self.plot.area, from, to, LABEL)
    }
}

/// Draws the head of an arrow at `to`.
fn arrow(area: &Area, from: (f64, f64), to: (f64, f64), colour: RGBColor, size: f64) -> Drawn {
    let dx = to.0 - from.0;
    let dy = to.1 - from.1;
    let length = dx.hypot(dy);
    if length < size {
        return Ok(());
    }
    let ux = dx / length * size;
    let uy = dy / length * size;
    let corner = |side: f64| {
        let x = to.0 - ux - side * 0.42 * uy;
        let y = to.1 - uy + side * 0.42 * ux;
        (x.round() as i32, y.round() as i32)
    };
    let tip = (to.0.round() as i32, to.1.round() as i32);
    area.draw(&Polygon::new([corner(1.0), tip, corner(-1.0)], colour.filled()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(kind: TraceKind, published_us: Option<f64>) -> Lane {
        let message =
            Message { kind, server_us: 0.0, client_us: 0.0, published_us, latency_us: None };
        Lane {
            series: "a".to_owned(),
            about: String::new(),
            messages: vec![message],
            kept_until_us: None,
            absent: None,
        }
    }

    /// A run with wrong times knows the publishing of none.
    #[test]
    fn the_axis_says_what_its_moments_are_counted_from() {
        let published = lane(TraceKind::Update, Some(0.0));
        let came = lane(TraceKind::Update, None);
        let asked = lane(TraceKind::Sent, None);
        let said =
            |lanes: &[&Lane]| origin(&lanes.iter().map(|l| (*l).clone()).collect::<Vec<_>>());
        assert_eq!(said(&[&published]), "time since the publishing of the first update shown");
        assert_eq!(said(&[&came]), "time since the arrival of the first update shown");
        assert_eq!(said(&[&asked]), "time since the first message shown");
        assert_eq!(
            said(&[&published, &came, &asked]),
            "time since the publishing of the first update shown, or its arrival, or the first message \
             (each lane its own)"
        );
    }
}
