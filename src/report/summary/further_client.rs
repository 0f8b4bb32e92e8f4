//! What a further client takes of the server's memory: a slope over the clients while they connect.

use crate::report::figure::Figure;
use crate::report::summary::group::Group;
use crate::result::{CaseEnd, LEAST_RAMP_NS, RampReading};
use crate::units::{human_bytes, human_ns, thousands};

/// Readings that a line needs.
const LEAST_READINGS: usize = 6;
/// What the memory must rise by from the first reading to the last, by the line: 64 pages of 4 KiB. With half of
/// that, the slopes of a server and of itself differed by 2 to 4 % (`tests/bench/memory_slope.py`).
const LEAST_RISE_BYTES: f64 = 262_144.0;
/// How much longer than the ramp the clients may take: readings are at its eighths.
const MOST_LATE_SHARE: u64 = 16;

/// Returns the resident bytes that a further client adds: the mean slope of the lines of all repeats.
pub(super) fn bytes(group: &Group) -> Figure {
    if group.ends.iter().all(|end| end.ramp_ns < LEAST_RAMP_NS) {
        return Figure::absent_by_scenario(
            "the clients connected at once: spread their connects over half a second or more (ramp)",
        );
    }
    if group.ends.iter().all(|end| end.ramp_memory.is_empty()) {
        return Figure::absent("the server's memory was not read while the clients connected");
    }
    let asked = group.asked();
    let connected = group.connected();
    if connected < asked {
        let missing = thousands(asked - connected);
        return Figure::absent(format!(
            "{missing} of {} clients did not connect",
            thousands(asked)
        ));
    }
    let slopes: Result<Vec<f64>, String> = group.ends.iter().map(|end| slope(end)).collect();
    match slopes {
        Ok(slopes) => Figure::known(slopes.iter().sum::<f64>() / slopes.len() as f64),
        Err(why) => Figure::absent(why),
    }
}

/// Returns the slope of one run, or why there is none.
fn slope(end: &CaseEnd) -> Result<f64, String> {
    let readings = &end.ramp_memory;
    if readings.len() < LEAST_READINGS {
        return Err(format!(
            "{} readings of the server's memory while the clients connected are too few: it needs \
             {LEAST_READINGS}, and this machine was busy",
            readings.len()
        ));
    }
    if end.connect_wall_ns > end.ramp_ns.saturating_add(end.ramp_ns / MOST_LATE_SHARE) {
        return Err(format!(
            "the clients took {} to connect, and the ramp is {}: make it longer",
            human_ns(end.connect_wall_ns as f64),
            human_ns(end.ramp_ns as f64)
        ));
    }
    let (slope, span) = line(readings).ok_or("all readings are of as many clients")?;
    let rise = slope * span;
    if rise < LEAST_RISE_BYTES {
        let rose = if rise > 0.0 {
            format!("rose by only {}", human_bytes(rise))
        } else {
            "did not rise".to_owned()
        };
        return Err(format!(
            "the server's memory {rose} for {} further clients, and it comes in pages: too few clients for a \
             slope, which needs a rise of {}",
            thousands(span as u64),
            human_bytes(LEAST_RISE_BYTES)
        ));
    }
    Ok(slope)
}

/// Returns the slope by least squares, and from how many clients to how many; `None` if that is none.
fn line(readings: &[RampReading]) -> Option<(f64, f64)> {
    let n = readings.len() as f64;
    let clients = || readings.iter().map(|reading| f64::from(reading.clients));
    let mean = clients().sum::<f64>() / n;
    let first = readings.first()?.resident as f64;
    let with = readings
        .iter()
        .map(|reading| (f64::from(reading.clients) - mean) * (reading.resident as f64 - first));
    let alone: f64 = clients().map(|clients| (clients - mean).powi(2)).sum();
    let span = clients().fold(0.0, f64::max) - clients().fold(f64::INFINITY, f64::min);
    (alone > 0.0).then(|| (with.sum::<f64>() / alone, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(clients: u32, bytes: u64, once: u64) -> CaseEnd {
        let reading = |eighth: u32| {
            let clients = clients * eighth / 8;
            let resident = (5 << 20) + once + u64::from(clients) * bytes;
            RampReading { clients, resident: resident / 4096 * 4096 }
        };
        CaseEnd {
            ramp_ns: 500_000_000,
            connect_wall_ns: 501_000_000,
            ramp_memory: (1..=8).map(reading).collect(),
            ..CaseEnd::default()
        }
    }

    /// What the server takes once, for any number of clients, is not in it.
    #[test]
    fn a_further_client_takes_the_slope() {
        for once in [0, 1 << 20, 64 << 20] {
            let found = slope(&end(200, 2_500, once)).expect("enough clients");
            assert!((found - 2_500.0).abs() < 0.02 * 2_500.0, "{once}: {found}");
        }
    }

    #[test]
    fn few_clients_and_few_readings_have_no_slope() {
        let why = slope(&end(50, 2_500, 0)).unwrap_err();
        assert!(why.contains("rose by only") && why.contains("for 44 further clients"), "{why}");
        let why = slope(&end(200, 0, 0)).unwrap_err();
        assert!(why.contains("did not rise"), "{why}");
        let mut few = end(200, 2_500, 0);
        few.ramp_memory.truncate(5);
        assert!(slope(&few).unwrap_err().starts_with("5 readings"));
        let mut late = end(200, 2_500, 0);
        late.connect_wall_ns = 600_000_000;
        assert!(slope(&late).unwrap_err().contains("took 600 ms to connect"));
        let mut one = end(200, 2_500, 0);
        one.ramp_memory.iter_mut().for_each(|reading| reading.clients = 7);
        assert!(slope(&one).unwrap_err().contains("as many clients"));
    }
}
