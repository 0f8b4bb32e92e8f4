//! What a run shows, in sentences that a reader can act on.
//!
//! Separate from `compare`, whose ratios are tables, and from `verdict`, which says what a row is
//! worth. Nothing is said of a row that is not valid, and nothing is made of a difference that is
//! within the noise of its figure. Polling wins where it wins.

use crate::record::Metric;
use crate::report::chapter::{POLLING, WEBSOCKET};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Statistic, Way};
use crate::report::table::{Crossing, Row, Status};
use crate::units::{human_bytes, human_ns, thousands, three};

/// CPU and memory of two runs of the same differ by so much.
const COST_NOISE: f64 = 1.15;
/// Means of latencies and ages differ by so much.
const TIME_NOISE: f64 = 1.05;
/// Bytes above TCP are counted, those of packets depend a little on acknowledgements.
const BYTES_NOISE: f64 = 1.02;
/// Below this a latency is the machine's own and no transport's: 1 ms, in µs.
const TIMER_US: f64 = 1_000.0;

/// Sentences on the largest client count at which there is something to compare, and a remark
/// where others say otherwise.
pub(crate) fn words(rows: &[Row], delay_ns: u64, crossings: &[Crossing]) -> Vec<String> {
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
    let mut said = Vec::new();
    said.extend(freshest(&here, clients));
    said.extend(quickest(&here));
    said.extend(bytes(&here));
    said.extend(cpu(&here));
    said.extend(memory(&here));
    said.extend(worst_against_mean(&here, delay_ns));
    said.extend(crossing_words(crossings, &here));
    said.extend(elsewhere(&valid, &counts, clients));
    said
}

/// Rows with a figure, the least first.
fn ranked<'a>(rows: &[&'a Row], of: impl Fn(&Row) -> Option<f64>) -> Vec<(&'a Row, f64)> {
    let mut known: Vec<(&Row, f64)> = rows.iter().filter_map(|r| Some((*r, of(r)?))).collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    known
}

/// Who is least, and those within the noise of it; `None` where fewer than two are known.
struct Least<'a> {
    names: Vec<&'a str>,
    value: f64,
    most: (&'a str, f64),
    all_same: bool,
}

fn least<'a>(
    rows: &[&'a Row],
    noise: f64,
    floor: f64,
    of: impl Fn(&Row) -> Option<f64>,
) -> Option<Least<'a>> {
    let known = ranked(rows, of);
    let (value, most) = (known.first()?.1, known.last()?);
    let near = |v: f64| v <= value * noise || v <= value + floor;
    let close: Vec<&str> =
        known.iter().filter(|k| near(k.1)).map(|k| k.0.series.as_str()).collect();
    (known.len() > 1).then_some(Least {
        all_same: close.len() == known.len(),
        names: close,
        value,
        most: (most.0.series.as_str(), most.1),
    })
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

fn times(most: f64, least: f64) -> String {
    match most / least {
        ratio if !ratio.is_finite() => "and the least was nothing".to_owned(),
        ratio if ratio >= 1e6 => format!("{ratio:.1e} times as much"),
        ratio if ratio >= 999.5 => format!("{} times as much", thousands(ratio.round() as u64)),
        ratio if ratio >= 99.95 => format!("{ratio:.1} times as much"),
        ratio => format!("{} times as much", three(ratio)),
    }
}

fn us(value: f64) -> String {
    human_ns(value * 1e3)
}

fn freshest(rows: &[&Row], clients: u32) -> Option<String> {
    let at = format!("At {} clients", thousands(clients.into()));
    let found = least(rows, TIME_NOISE, TIMER_US, |r| r.delivery.age_us.value())?;
    Some(match found.all_same {
        true => format!(
            "{at} all were about as fresh: what clients had was {} old in the mean.",
            us(found.value)
        ),
        false => format!(
            "{at} {} delivered freshest: what clients had was {} old in the mean, by {} {}.",
            listed(&found.names),
            us(found.value),
            found.most.0,
            us(found.most.1)
        ),
    })
}

fn delivery(row: &Row, statistic: Statistic) -> Option<f64> {
    row.latency(Metric::DeliveryLatency).stat(statistic).value()
}

fn quickest(rows: &[&Row]) -> Option<String> {
    let mean = least(rows, TIME_NOISE, TIMER_US, |r| delivery(r, Statistic::Mean))?;
    let worst = least(rows, TIME_NOISE, TIMER_US, |r| delivery(r, Statistic::Max))?;
    let one = |what: &str, found: &Least| match found.all_same {
        true => format!("the {what} was about the same by all ({})", us(found.value)),
        false => format!(
            "the {what} was lowest by {} ({}) and highest by {} ({})",
            listed(&found.names),
            us(found.value),
            found.most.0,
            us(found.most.1)
        ),
    };
    Some(format!("Of delivery latency, {}; {}.", one("mean", &mean), one("worst", &worst)))
}

/// True where a message is a round trip: who goes faster does more, and is not the dearer for it.
fn by_message(row: &Row) -> bool {
    row.workload == "echo"
}

/// A second and client at the planned rate, so that an interval of the transport's own counts; of
/// round trips, each.
fn volume(row: &Row, layer: Layer) -> Option<f64> {
    if by_message(row) {
        return row.steady(Way::Both, layer).per_message.value();
    }
    let all = row.steady(Way::Both, layer).per_s_planned().value()?;
    (row.clients > 0).then(|| all / f64::from(row.clients))
}

fn bytes(rows: &[&Row]) -> Option<String> {
    // A frame has no characters: the chapter sets its bytes against them.
    let chars = |row: &Row| match volume(row, Layer::HeadChars) {
        Some(0.0) => volume(row, Layer::Overhead),
        chars => chars,
    };
    let by_layer = [
        ("header characters", least(rows, BYTES_NOISE, 0.0, chars)),
        ("overhead", least(rows, BYTES_NOISE, 0.0, |r| volume(r, Layer::Overhead))),
        ("application bytes", least(rows, BYTES_NOISE, 0.0, |r| volume(r, Layer::Wire))),
        ("TCP/IP", least(rows, BYTES_NOISE, 0.0, |r| volume(r, Layer::Ip))),
    ];
    let per = if rows.iter().all(|r| by_message(r)) { " a round trip" } else { "/s" };
    let known: Vec<(&str, Least)> =
        by_layer.into_iter().filter_map(|(what, found)| Some((what, found?))).collect();
    let first = known.first()?;
    let same = |l: &Least| !l.all_same && l.names == first.1.names;
    if known.iter().all(|(_, found)| same(found)) {
        let one = |(what, found): &(&str, Least)| {
            let (least, most) = (human_bytes(found.value), found.most);
            format!("by {what} {least}{per}, {} {}", most.0, times(most.1, found.value))
        };
        let parts: Vec<String> = known.iter().map(one).collect();
        let who = listed(&first.1.names);
        return Some(format!("A client of {who} cost least: {}.", parts.join("; ")));
    }
    let one = |(what, found): &(&str, Least)| match found.all_same {
        true => format!("by {what} all cost about the same"),
        false => format!(
            "by {what} {} cost least ({}{per}, {} {})",
            listed(&found.names),
            human_bytes(found.value),
            found.most.0,
            times(found.most.1, found.value)
        ),
    };
    let parts: Vec<String> = known.iter().map(one).collect();
    Some(format!("For each client, {}.", parts.join("; ")))
}

/// CPU of a second and client in µs, at the planned rate; of round trips, each.
fn cpu_of(row: &Row, a_message: &Figure) -> Option<f64> {
    if by_message(row) {
        return a_message.value();
    }
    let messages = row.events.per_message_divisor as f64 / row.window_s.value()?;
    let stretch = if row.pace.stretched { row.pace.stretch.value()? } else { 1.0 };
    Some(a_message.value()? * messages * stretch / f64::from(row.clients.max(1)))
}

fn cpu(rows: &[&Row]) -> Option<String> {
    let driver = least(rows, COST_NOISE, 0.0, |r| cpu_of(r, &r.cost.driver_cpu_us));
    let server = least(rows, COST_NOISE, 0.0, |r| cpu_of(r, &r.cost.server_cpu_us));
    let unit = match rows.iter().all(|r| by_message(r)) {
        true => "µs a round trip",
        false => "µs a second and client",
    };
    costs("CPU", unit, [("driver", driver), ("server", server)], three)
}

fn memory(rows: &[&Row]) -> Option<String> {
    let driver = least(rows, COST_NOISE, 0.0, |r| r.cost.driver_bytes.value());
    let server = least(rows, COST_NOISE, 0.0, |r| r.cost.server_bytes.value());
    let kernel = least(rows, COST_NOISE, 0.0, |r| r.cost.kernel_bytes.value());
    let sides = [("driver", driver), ("server", server), ("kernel", kernel)];
    costs("memory", "a client", sides, human_bytes)
}

fn costs<const N: usize>(
    what: &str,
    unit: &str,
    sides: [(&str, Option<Least>); N],
    how: impl Fn(f64) -> String,
) -> Option<String> {
    let one = |(side, found): (&str, Option<Least>)| {
        let found = found?;
        Some(match found.all_same {
            true => format!("the {side}'s {what} was about the same ({} {unit})", how(found.value)),
            false => format!(
                "{} took least of the {side}'s {what} ({} {unit}, {} {})",
                listed(&found.names),
                how(found.value),
                found.most.0,
                times(found.most.1, found.value)
            ),
        })
    };
    let mut parts: Vec<String> = sides.into_iter().filter_map(one).collect();
    if let Some(first) = parts.first_mut()
        && let Some(rest) = first.strip_prefix("the ")
    {
        *first = format!("The {rest}");
    }
    (!parts.is_empty()).then(|| format!("{}.", parts.join("; ")))
}

/// The chapter's claim of 3 : 1 between asking and being pushed to: it is the worst case's.
fn worst_against_mean(rows: &[&Row], delay_ns: u64) -> Option<String> {
    if delay_ns == 0 {
        return None;
    }
    let push = rows.iter().find(|r| r.transport == "websocket")?;
    let back_to_back = |r: &&&Row| {
        r.transport == "long-polling" || (r.paced && r.pace.planned_s.value().is_none())
    };
    let asks = rows.iter().find(back_to_back)?;
    let ratio = |s: Statistic| Some(delivery(asks, s)? / delivery(push, s)?);
    let (worst, mean) = (ratio(Statistic::Max)?, ratio(Statistic::Mean)?);
    (worst.is_finite() && mean.is_finite()).then(|| {
        format!(
            "With {} one way, {} delivered at worst {} times as late as {} and in the mean {} \
             times: 3 : 1 is the ratio of the worst case by arithmetic, not that of the mean.",
            human_ns(delay_ns as f64),
            asks.series,
            three(worst),
            push.series,
            three(mean)
        )
    })
}

/// Where two series cost the same: polling against what is pushed to first, which is the question
/// that is asked.
fn crossing_words(crossings: &[Crossing], rows: &[&Row]) -> Option<String> {
    let transport = |series: &str| {
        rows.iter().find(|r| r.series == series).map_or("", |r| r.transport.as_str())
    };
    let place = |c: &&Crossing| match (transport(&c.a), transport(&c.b)) {
        (POLLING, WEBSOCKET) | (WEBSOCKET, POLLING) => 0,
        (POLLING, _) | (_, POLLING) => 1,
        _ => 2,
    };
    let one = |c: &Crossing| {
        format!(
            "{} and {} cost the same at {} ({}/s a client): {} costs less where updates are rarer, \
             {} where they are more frequent",
            c.a,
            c.b,
            rate(c.rate_hz),
            human_bytes(c.bytes_per_s),
            c.cheaper_below,
            c.cheaper_above
        )
    };
    let mut sorted: Vec<&Crossing> = crossings.iter().collect();
    sorted.sort_by_key(place);
    let said: Vec<String> = sorted.into_iter().take(3).map(one).collect();
    (!said.is_empty()).then(|| format!("In TCP/IP bytes, by arithmetic, {}.", said.join("; ")))
}

/// A rate of updates as one would say it.
fn rate(hz: f64) -> String {
    match hz {
        hz if hz >= 1.0 => format!("{} updates a second", three(hz)),
        hz => format!("one update in {}", human_ns(1e9 / hz)),
    }
}

/// Client counts at which another series is freshest or costs least.
fn elsewhere<'a>(
    valid: &impl Fn(u32) -> Vec<&'a Row>,
    counts: &[u32],
    told: u32,
) -> Option<String> {
    let best = |clients: u32| {
        let rows = valid(clients);
        let fresh = least(&rows, TIME_NOISE, TIMER_US, |r| r.delivery.age_us.value());
        let cheap = least(&rows, BYTES_NOISE, 0.0, |r| volume(r, Layer::Ip));
        [fresh, cheap].map(|l| l.map(|l| l.names))
    };
    let here = best(told);
    let mut said = Vec::new();
    for &clients in counts.iter().filter(|&&n| n != told) {
        let there = best(clients);
        for (what, (a, b)) in
            ["freshest", "least by TCP/IP"].into_iter().zip(here.iter().zip(&there))
        {
            // Only a winner that is beaten is another order; a tie is none.
            if let (Some(a), Some(b)) = (a, b)
                && !a.iter().any(|name| b.contains(name))
            {
                let who = listed(b);
                said.push(format!("at {} clients {who} was {what}", thousands(clients.into())));
            }
        }
    }
    (!said.is_empty()).then(|| format!("The order is another elsewhere: {}.", said.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_say_who_costs_less_where() {
        assert_eq!(crossing_words(&[], &[]), None);
        let crossed = Crossing {
            a: "polling".to_owned(),
            b: "sse".to_owned(),
            rate_hz: 12.5,
            bytes_per_s: 930.0,
            cheaper_below: "sse".to_owned(),
            cheaper_above: "polling".to_owned(),
        };
        assert_eq!(
            crossing_words(&[crossed], &[]).unwrap(),
            "In TCP/IP bytes, by arithmetic, polling and sse cost the same at 12.5 updates a second \
             (930 B/s a client): sse costs less where updates are rarer, polling where they are \
             more frequent."
        );
    }

    #[test]
    fn names_and_ratios_read_well() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(times(909.0, 2.0), "454.5 times as much");
        assert_eq!(times(731_674.4, 1.0), "731,674 times as much");
        assert_eq!(times(3e7, 2.0), "1.5e7 times as much");
        assert_eq!(times(3.0, 0.0), "and the least was nothing");
    }
}
