//! What a run shows, in sentences.
//!
//! Only valid rows are described, and only differences beyond a figure's noise.

use crate::feed::Workload;
use crate::record::{Metric, TransportKind};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Statistic, Way};
use crate::report::table::{Crossing, Row, Status};
use crate::units::{human_bytes, human_ns, human_us, listed, thousands, three};

/// With fewer clients most of the driver's memory is what its process takes once, which is alike for all series:
/// to compare it says nothing of them.
const LEAST_CLIENTS: u32 = 300;

/// CPU and memory of two runs of the same series differ by up to this factor.
const COST_NOISE: f64 = 1.15;
/// Latencies and ages differ by up to this factor.
const TIME_NOISE: f64 = 1.05;
/// Bytes above TCP are exact; the number of acknowledgements varies a little.
const BYTES_NOISE: f64 = 1.02;
/// A smaller difference is the machine's, not the transport's: 1 ms, in µs.
const TIMER_US: f64 = 1_000.0;

/// Returns sentences on the largest client count at which at least two rows are valid, the most
/// important first.
pub(crate) fn sentences(rows: &[Row], delay_ns: u64, crossings: &[Crossing]) -> Vec<String> {
    let mut counts: Vec<u32> = rows.iter().map(|r| r.clients).collect();
    counts.sort_unstable();
    counts.dedup();
    let valid = |clients: u32| -> Vec<&Row> {
        rows.iter().filter(|r| r.clients == clients && r.status == Status::Valid).collect()
    };
    let Some(clients) = counts.iter().copied().rev().find(|&n| valid(n).len() > 1) else {
        return Vec::new();
    };
    let here = valid(clients);
    let sentences = [
        fastest(&here, clients),
        bytes(&here),
        worst_against_mean(&here, delay_ns),
        other_counts(&valid, &counts, clients),
        crossing(crossings, &here),
        cpu(&here),
        memory(&here),
        freshest(&here),
    ];
    sentences.into_iter().flatten().collect()
}

/// The series with the least of a figure and those with the most, each with all within its noise.
struct Extremes<'a> {
    least: Vec<&'a str>,
    least_value: f64,
    /// The largest value of `least`.
    least_until: f64,
    most: Vec<&'a str>,
    most_value: f64,
    all_same: bool,
}

/// Returns `None` if fewer than two rows have the figure. Rows count as equal up to `noise` times
/// a value, and up to `floor` above it.
fn extremes<'a>(
    rows: &[&'a Row],
    noise: f64,
    floor: f64,
    of: impl Fn(&Row) -> Option<f64>,
) -> Option<Extremes<'a>> {
    let mut known: Vec<(&Row, f64)> = rows.iter().filter_map(|r| Some((*r, of(r)?))).collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let least_value = known.first()?.1;
    let most_value = known.last()?.1;
    let same = |low: f64, high: f64| high <= low * noise || high <= low + floor;
    let near: Vec<&(&Row, f64)> = known.iter().filter(|k| same(least_value, k.1)).collect();
    // What is near both ends is named once.
    let far = known.iter().filter(|k| same(k.1, most_value) && !same(least_value, k.1));
    (known.len() > 1).then(|| Extremes {
        all_same: near.len() == known.len(),
        least: near.iter().map(|k| k.0.series.as_str()).collect(),
        least_value,
        least_until: near.last().map_or(least_value, |k| k.1),
        most: far.map(|k| k.0.series.as_str()).collect(),
        most_value,
    })
}

/// How times compare of which some may be too short for the times in messages.
enum TimeOrder<'a> {
    /// Each of them is known.
    Known(Extremes<'a>),
    /// Those of the first series are below a bound, and those of the others clearly above it.
    Below { names: Vec<&'a str>, bound_us: f64, others: Vec<&'a str>, others_us: (f64, f64) },
}

/// Returns `None` if nothing is certain of the order.
fn time_order<'a>(rows: &[&'a Row], of: impl Fn(&Row) -> &Figure) -> Option<TimeOrder<'a>> {
    let below: Vec<(&Row, u64)> =
        rows.iter().filter_map(|row| Some((*row, of(row).below()?))).collect();
    let Some(bound) = below.iter().map(|(_, bound)| *bound).max() else {
        return extremes(rows, TIME_NOISE, TIMER_US, |r| of(r).value()).map(TimeOrder::Known);
    };
    let bound_us = bound as f64;
    let known: Vec<(&Row, f64)> =
        rows.iter().filter_map(|row| Some((*row, of(row).value()?))).collect();
    let least = known.iter().map(|(_, us)| *us).fold(f64::INFINITY, f64::min);
    let most = known.iter().map(|(_, us)| *us).fold(0.0, f64::max);
    let is_clear = least > bound_us * TIME_NOISE && least > bound_us + TIMER_US;
    (!known.is_empty() && is_clear).then(|| TimeOrder::Below {
        names: below.iter().map(|(row, _)| row.series.as_str()).collect(),
        bound_us,
        others: known.iter().map(|(row, _)| row.series.as_str()).collect(),
        others_us: (least, most),
    })
}

/// Returns at most two names, and how many others there are.
fn shortened(names: &[&str]) -> String {
    match names {
        [first, _, _, ..] => format!("{first} and {} others", names.len() - 1),
        names => listed(names),
    }
}

/// Returns `None` if the least is nothing.
fn times(most: f64, least: f64) -> Option<String> {
    match most / least {
        ratio if !ratio.is_finite() => None,
        ratio if ratio >= 1e6 => Some(format!("{ratio:.1e} times")),
        ratio if ratio >= 999.5 => Some(format!("{} times", thousands(ratio.round() as u64))),
        ratio if ratio >= 99.95 => Some(format!("{ratio:.1} times")),
        ratio => Some(format!("{} times", three(ratio))),
    }
}

fn latency(row: &Row, metric: Metric, statistic: Statistic) -> Option<f64> {
    row.latency(metric).stat(statistic).value()
}

/// Returns a value, or the range of several.
fn range(from: f64, until: f64) -> String {
    let from = human_us(from);
    let until = human_us(until);
    if from == until { from } else { format!("{from} to {until}") }
}

/// Like [`range`], of medians.
fn medians(from: f64, until: f64) -> String {
    let range = range(from, until);
    if range == human_us(from) { format!("median {range}") } else { format!("medians {range}") }
}

/// Who delivers fastest; of exchanges that deliver nothing by themselves, who answers fastest.
fn fastest(rows: &[&Row], clients: u32) -> Option<String> {
    let of = |metric| time_order(rows, move |r| r.latency(metric).stat(Statistic::P50));
    let is_below =
        |r: &&Row| r.latency(Metric::DeliveryLatency).stat(Statistic::P50).below().is_some();
    let is_delivered = rows.iter().any(is_below);
    let delivered = of(Metric::DeliveryLatency).map(|found| ("delivered", found));
    let answered = || of(Metric::ResponseLatency).map(|found| ("answered", found));
    let (verb, order) = if is_delivered { delivered? } else { delivered.or_else(answered)? };
    let at = format!("At {} clients", thousands(clients.into()));
    let found = match order {
        TimeOrder::Known(found) => found,
        TimeOrder::Below { names, bound_us, others, others_us } => {
            let many = if names.len() == 1 { "median" } else { "medians" };
            return Some(format!(
                "{at}, {} {verb} faster ({many} below {}) than {} ({}).",
                listed(&names),
                human_us(bound_us),
                shortened(&others),
                medians(others_us.0, others_us.1)
            ));
        }
    };
    let least = medians(found.least_value, found.least_until);
    Some(if found.all_same {
        let who = whole(&found, rows, "all measured series");
        format!("{at}, {who} {verb} about equally fast ({least}).")
    } else {
        let slowest = shortened(&found.most);
        let most = human_us(found.most_value);
        let fastest = listed(&found.least);
        format!("{at}, {fastest} {verb} fastest ({least}), {slowest} slowest ({most}).")
    })
}

/// Returns who is about equal: `all`, if each of the rows has the figure.
fn whole(found: &Extremes, rows: &[&Row], all: &str) -> String {
    if found.least.len() == rows.len() { all.to_owned() } else { listed(&found.least) }
}

fn freshest(rows: &[&Row]) -> Option<String> {
    let found = match time_order(rows, |r| &r.delivery.age_us)? {
        TimeOrder::Known(found) => found,
        TimeOrder::Below { names, bound_us, others, others_us } => {
            return Some(format!(
                "The data that clients had was less than {} old on average with {}, {} with {}.",
                human_us(bound_us),
                listed(&names),
                range(others_us.0, others_us.1),
                shortened(&others)
            ));
        }
    };
    let value = human_us(found.least_value);
    Some(if found.all_same {
        let who = whole(&found, rows, "every series");
        format!("The data that clients had was about {value} old on average, with {who}.")
    } else {
        format!(
            "The data that clients had was {value} old on average with {}, {} with {}.",
            listed(&found.least),
            human_us(found.most_value),
            shortened(&found.most)
        )
    })
}

/// True if a message is a round trip: a faster client does more of them, which is no higher cost.
fn by_message(row: &Row) -> bool {
    row.workload == Workload::Echo
}

/// What bytes and CPU are given for.
fn unit_of(rows: &[&Row]) -> &'static str {
    if rows.iter().all(|r| by_message(r)) { "round trip" } else { "second and client" }
}

/// Returns the volume per second and client at the planned rate, or per round trip of an echo.
fn volume(row: &Row, layer: Layer) -> Option<f64> {
    if by_message(row) {
        return row.steady(Way::Both, layer).per_message.value();
    }
    let all = row.steady(Way::Both, layer).per_s_planned().value()?;
    (row.clients > 0).then(|| all / f64::from(row.clients))
}

fn bytes(rows: &[&Row]) -> Option<String> {
    let by_layer = [
        ("overhead", Layer::Overhead),
        ("bytes at the socket", Layer::Wire),
        ("bytes in TCP/IP packets", Layer::Ip),
    ];
    let [overhead, socket, ip] = by_layer
        .map(|(what, layer)| (what, extremes(rows, BYTES_NOISE, 0.0, |r| volume(r, layer))));
    let known =
        || [&overhead, &socket, &ip].into_iter().filter_map(|(w, e)| Some((w, e.as_ref()?)));
    let first = known().next()?.1;
    let same = |e: &Extremes| !e.all_same && e.least == first.least && e.most == first.most;
    let ratios: Option<Vec<String>> = known()
        .map(|(what, e)| Some(format!("{} the {what}", times(e.most_value, e.least_value)?)))
        .collect();
    if let Some(ratios) = ratios.filter(|_| known().all(|(_, e)| same(e))) {
        let who = listed(&first.least);
        let most = shortened(&first.most);
        return Some(format!("{who} sent the fewest bytes: {most} sent {}.", listed(&ratios)));
    }
    compare("", unit_of(rows), [overhead, socket, ip], human_bytes)
}

/// Returns a sentence for each figure that is known: who has the least, and how much more the most
/// is. `what` stands after each figure's name.
fn compare<const N: usize>(
    what: &str,
    per: &str,
    figures: [(&str, Option<Extremes>); N],
    how: impl Fn(f64) -> String,
) -> Option<String> {
    let mut unit = format!(" per {per}");
    let mut sentences = Vec::new();
    for (name, found) in figures {
        let Some(found) = found else { continue };
        let value = format!("{}{unit}", how(found.least_value));
        unit.clear();
        let text = if found.all_same {
            format!("{name}{what}: about equal ({value}).")
        } else {
            let most = times(found.most_value, found.least_value)
                .map_or_else(|| how(found.most_value), |ratio| format!("{ratio} as much"));
            let least = listed(&found.least);
            let others = shortened(&found.most);
            format!("{name}{what}: least with {least} ({value}; {others} {most}).")
        };
        sentences.push(capitalised(&text));
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Returns CPU in µs per second and client at the planned rate, or per round trip of an echo.
fn cpu_of(row: &Row, a_message: &Figure) -> Option<f64> {
    if by_message(row) {
        return a_message.value();
    }
    let messages = row.events.per_message_divisor() as f64 / row.window_s.value()?;
    let stretch = if row.pace.stretched { row.pace.stretch.value()? } else { 1.0 };
    Some(a_message.value()? * messages * stretch / f64::from(row.clients.max(1)))
}

fn cpu(rows: &[&Row]) -> Option<String> {
    let of = |name, cpu: fn(&Row) -> &Figure| {
        (name, extremes(rows, COST_NOISE, 0.0, |r| cpu_of(r, cpu(r))))
    };
    let sides = [of("driver", |r| &r.cost.driver_cpu_us), of("server", |r| &r.cost.server_cpu_us)];
    compare(" CPU", unit_of(rows), sides, human_us)
}

fn memory(rows: &[&Row]) -> Option<String> {
    let of = |name, bytes: fn(&Row) -> &Figure| {
        (name, extremes(rows, COST_NOISE, 0.0, |r| bytes(r).value()))
    };
    let driver = |r: &Row| r.cost.driver_bytes.value().filter(|_| r.clients >= LEAST_CLIENTS);
    // The kernel's is that of the whole host: what else runs on it is in a figure, too.
    let sides = [
        ("driver", extremes(rows, COST_NOISE, 0.0, driver)),
        of("server", |r| &r.cost.server_bytes),
    ];
    compare(" memory", "client", sides, human_bytes)
}

/// The chapter's claim of 3 : 1 between long polling and WebSocket holds for the worst case.
fn worst_against_mean(rows: &[&Row], delay_ns: u64) -> Option<String> {
    if delay_ns == 0 {
        return None;
    }
    let push =
        rows.iter().find(|r| r.kind() == Some(TransportKind::WebSocket) && r.chapter.applies)?;
    let back_to_back = |r: &&&Row| {
        r.kind() == Some(TransportKind::LongPolling)
            || (r.paced && r.pace.planned_s.value().is_none())
    };
    let asks = rows.iter().find(back_to_back)?;
    let delivery = |row, statistic| latency(row, Metric::DeliveryLatency, statistic);
    let ratio = |s: Statistic| Some(delivery(asks, s)? / delivery(push, s)?);
    let worst = ratio(Statistic::Max)?;
    let mean = ratio(Statistic::Mean)?;
    (worst.is_finite() && mean.is_finite()).then(|| {
        format!(
            "With a one-way delay of {}, {} took {} times as long as {} at worst, {} times on \
             average; the chapter's 3 : 1 is the worst case.",
            human_ns(delay_ns as f64),
            asks.series,
            three(worst),
            push.series,
            three(mean)
        )
    })
}

/// Crossings that one sentence names.
const MOST_CROSSINGS: usize = 3;

/// Rates above which one series needs fewer bytes than others. Polling against WebSocket comes
/// first.
fn crossing(crossings: &[Crossing], rows: &[&Row]) -> Option<String> {
    let kind = |series: &str| rows.iter().find(|r| r.series == series)?.kind();
    let polling = Some(TransportKind::Polling);
    let websocket = Some(TransportKind::WebSocket);
    let place = |c: &&Crossing| match (kind(&c.a), kind(&c.b)) {
        (a, b) if (a, b) == (polling, websocket) || (b, a) == (polling, websocket) => 0,
        (a, b) if a == polling || b == polling => 1,
        _ => 2,
    };
    let mut sorted: Vec<&Crossing> = crossings.iter().collect();
    sorted.sort_by_key(place);
    let cheaper = sorted.first()?.cheaper_above.as_str();
    let than: Vec<String> = sorted
        .iter()
        .filter(|c| c.cheaper_above == cheaper)
        .take(MOST_CROSSINGS)
        .enumerate()
        .map(|(n, c)| {
            let unit = if n == 0 { " updates per second and client" } else { "" };
            format!("than {} above {}{unit}", c.cheaper_below, three(c.rate_hz))
        })
        .collect();
    Some(format!("By arithmetic, {cheaper} needs fewer TCP/IP bytes {}.", listed(&than)))
}

/// Client counts at which another series is fastest or needs the fewest bytes.
fn other_counts<'a>(
    valid: &impl Fn(u32) -> Vec<&'a Row>,
    counts: &[u32],
    described: u32,
) -> Option<String> {
    let best = |clients: u32| {
        let rows = valid(clients);
        let fresh = match time_order(&rows, |r| &r.delivery.age_us) {
            Some(TimeOrder::Known(found)) => Some(found),
            Some(TimeOrder::Below { .. }) | None => None,
        };
        let cheap = extremes(&rows, BYTES_NOISE, 0.0, |r| volume(r, Layer::Ip));
        [fresh, cheap].map(|found| found.map(|f| f.least))
    };
    let here = best(described);
    let mut differences = Vec::new();
    for &clients in counts.iter().filter(|&&n| n != described) {
        let there = best(clients);
        for (what, (a, b)) in ["had the freshest data", "sent the fewest TCP/IP bytes"]
            .into_iter()
            .zip(here.iter().zip(&there))
        {
            // A tie is no other order.
            if let (Some(a), Some(b)) = (a, b)
                && !a.iter().any(|name| b.contains(name))
            {
                let who = listed(b);
                differences.push(format!("at {} clients, {who} {what}", thousands(clients.into())));
            }
        }
    }
    let listed = differences.join("; ");
    (!differences.is_empty()).then(|| format!("Other client counts differ: {listed}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::table_of_series;
    use crate::report::time_quality::TimeQuality;

    #[test]
    fn the_column_of_the_drivers_memory_says_from_how_many_clients_it_is_compared() {
        let schema = include_str!("../schema/schema.json");
        assert!(schema.contains(&format!("with fewer than {LEAST_CLIENTS} clients most of it")));
    }

    #[test]
    fn crossings_name_who_needs_fewer_bytes_above_a_rate() {
        assert_eq!(crossing(&[], &[]), None);
        let crossed = |b: &str, rate_hz| Crossing {
            a: "polling".to_owned(),
            b: b.to_owned(),
            rate_hz,
            bytes_per_s: 930.0,
            cheaper_below: b.to_owned(),
            cheaper_above: "polling".to_owned(),
        };
        assert_eq!(
            crossing(&[crossed("sse", 12.5), crossed("long-polling", 1.0)], &[]).unwrap(),
            "By arithmetic, polling needs fewer TCP/IP bytes than sse above 12.5 updates per second \
             and client and than long-polling above 1."
        );
    }

    /// Valid rows of these series, each with a median of the delivery latency and an age.
    fn rows(times: &[(&str, Figure)]) -> Vec<Row> {
        let series: Vec<(&str, u32)> = times.iter().map(|(series, _)| (*series, 10)).collect();
        let mut rows = table_of_series(&series).rows;
        for (row, (_, figure)) in rows.iter_mut().zip(times) {
            row.status = Status::Valid;
            row.delivery.age_us = figure.clone();
            let latencies = &mut row.latencies[Metric::DeliveryLatency as usize];
            latencies.stats[Statistic::P50 as usize] = figure.clone();
        }
        rows
    }

    fn order(times: &[(&str, Figure)]) -> [Option<String>; 2] {
        let rows = rows(times);
        let rows: Vec<&Row> = rows.iter().collect();
        [fastest(&rows, 10), freshest(&rows)]
    }

    /// A series whose times are too short for the times in messages is one of the fastest.
    #[test]
    fn what_is_below_the_times_resolution_is_not_left_out() {
        let coarse = TimeQuality { untrue: None, exact_us: 1_000 };
        let short = |us| coarse.known_us(us);
        let ms = |ms: f64| Figure::known(ms * 1e3);
        let said = |[fastest, freshest]: [Option<String>; 2]| {
            (fastest.unwrap_or_default(), freshest.unwrap_or_default())
        };
        let (fast, fresh) =
            said(order(&[("ws", short(1_440.0)), ("a", ms(253.0)), ("b", ms(259.0))]));
        assert_eq!(
            fast,
            "At 10 clients, ws delivered faster (median below 1.44 ms) than a and b (medians 253 ms to \
             259 ms)."
        );
        assert_eq!(
            fresh,
            "The data that clients had was less than 1.44 ms old on average with ws, 253 ms to 259 ms \
             with a and b."
        );
        let (fast, _) = said(order(&[("ws", short(1.0)), ("sse", short(9.0)), ("a", ms(253.0))]));
        assert_eq!(
            fast,
            "At 10 clients, ws and sse delivered faster (medians below 1 ms) than a (median 253 ms)."
        );
        // Nothing is certain of the order.
        let none = [None, None];
        assert_eq!(order(&[("ws", short(1_440.0)), ("a", ms(2.1)), ("b", ms(253.0))]), none);
        assert_eq!(order(&[("ws", short(1.0)), ("sse", short(1.0))]), none);
    }

    #[test]
    fn a_series_without_the_figure_is_not_among_all() {
        let known = |name| (name, Figure::known(253_000.0));
        let [fast, fresh] = order(&[known("a"), known("b"), ("c", Figure::absent("no message"))]);
        assert_eq!(
            fast.unwrap(),
            "At 10 clients, a and b delivered about equally fast (median 253 ms)."
        );
        assert_eq!(
            fresh.unwrap(),
            "The data that clients had was about 253 ms old on average, with a and b."
        );
        let [fast, fresh] = order(&[known("a"), known("b")]);
        assert!(fast.unwrap().contains("all measured series delivered about equally fast"));
        assert!(fresh.unwrap().ends_with("with every series."));
    }

    #[test]
    fn names_and_ratios_read_well() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(shortened(&["a", "b"]), "a and b");
        assert_eq!(shortened(&["a", "b", "c"]), "a and 2 others");
        assert_eq!(times(909.0, 2.0).unwrap(), "454.5 times");
        assert_eq!(times(731_674.4, 1.0).unwrap(), "731,674 times");
        assert_eq!(times(3e7, 2.0).unwrap(), "1.5e7 times");
        assert_eq!(times(3.0, 0.0), None);
    }
}
