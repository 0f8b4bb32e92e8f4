//! `wsbench relay`: the delay line as a TCP relay, between any client and any server.
//!
//! How bytes are held is in `net::relay`.

use crate::cli::RelayArgs;
use crate::cmd::stdout::print;
use crate::cmd::table;
use crate::error::{Outcome, at};
use crate::net::Dialer;
use crate::net::relay::{Relay, RelayTotals};
use crate::os::Signals;
use crate::os::raise_open_files;
use crate::time::{Delay, JitterDistribution};
use crate::units::{human_bytes, human_ns, thousands};
use std::time::Duration;

/// How long a connect to the server may take, as in a scenario without `timeout`.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Relays until a signal, and then prints what passed.
///
/// # Errors
/// If it cannot listen or standard output cannot be written.
pub(crate) fn run(args: &RelayArgs) -> Outcome<()> {
    raise_open_files();
    let delay = Delay {
        one_way_ns: args.delay,
        jitter_ns: args.jitter,
        law: args.jitter_law,
        seed: args.seed,
    };
    let to = Dialer { address: args.to, first_source: 0, timeout: CONNECT_LIMIT, delay };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
        .map_err(at("cannot start a runtime"))?;
    let totals = runtime.block_on(async {
        let mut signals = Signals::catch().map_err(at("cannot listen for signals"))?;
        let relay = Relay::bind(args.listen, to)
            .map_err(at(format!("--listen: cannot listen on {}", args.listen)))?;
        let delay = describe_delay(&delay);
        let listening = format!("listening on {}\n  to {}, {delay}\n", relay.address(), args.to);
        print(listening.as_bytes())?;
        Outcome::Ok(relay.run(signals.next()).await.1)
    })?;
    print(describe(&totals).as_bytes())
}

/// Describes a delay in a few words.
pub(super) fn describe_delay(delay: &Delay) -> String {
    let one_way = human_ns(delay.one_way_ns as f64);
    let jitter = human_ns(delay.jitter_ns as f64);
    match (delay.jitter_ns, delay.law) {
        (0, _) => format!("{one_way} each way"),
        (_, JitterDistribution::Uniform) => {
            format!("{one_way} each way and up to {jitter} more, uniform")
        }
        (_, JitterDistribution::Exponential) => {
            format!("{one_way} each way and {jitter} more in the mean, exponential")
        }
        (_, JitterDistribution::HalfNormal) => {
            format!("{one_way} each way and more by a half-normal deviate of {jitter}")
        }
    }
}

fn describe(totals: &RelayTotals) -> String {
    let errors = &totals.errors;
    let error = if errors.is_empty() {
        "nothing passed".to_owned()
    } else {
        format!(
            "{} pieces, median {}, p99 {}, max {}",
            thousands(errors.len()),
            human_ns(errors.value_at_quantile(0.5) as f64),
            human_ns(errors.value_at_quantile(0.99) as f64),
            human_ns(errors.max() as f64)
        )
    };
    let mut rows = vec![
        ("connections", thousands(totals.connections)),
        ("up", human_bytes(totals.up as f64)),
        ("down", human_bytes(totals.down as f64)),
        ("delay error", error),
    ];
    let faults = totals.faults.iter();
    rows.extend(faults.map(|(fault, n)| ("errors", format!("{} × {fault}", thousands(*n)))));
    table::totals(&rows)
}
