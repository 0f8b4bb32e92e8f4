//! The commands that listen.

use crate::feed::{MOST_PAYLOAD_BYTES, PayloadKind};
use crate::server::fault_injection::{FAULTS, InjectedFault};
use crate::time::{JitterDistribution, MOST_DELAY_NS};
use crate::units::{listed, parse_duration_ns, parse_rate_hz, parse_size};
use clap::{Args, value_parser};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where to listen.
const LISTENING: &str = "Listening";
/// What people see.
const PAGES: &str = "Pages";
/// What is published.
const PUBLISHING: &str = "Publishing";
/// What is wrong on purpose.
const TESTING: &str = "Testing a gate";
/// How long bytes are held.
const DELAY: &str = "Delay";

/// The arguments of `wsbench serve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  wsbench serve --rate 10/s --size 64B
  wsbench serve --scenario scenario.toml --bind 0.0.0.0:8080")]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 for any
    #[arg(
        long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = parse_address,
        help_heading = LISTENING
    )]
    pub bind: SocketAddr,
    /// Threads [default: one for each core]
    #[arg(
        long, value_name = "N", value_parser = value_parser!(u32).range(1..=1024),
        help_heading = LISTENING
    )]
    pub threads: Option<u32>,
    /// Use TLS, with a certificate for localhost of its own unless one is given
    #[arg(long, help_heading = LISTENING)]
    pub tls: bool,
    /// The certificate, in PEM, with those that lead to an authority
    #[arg(
        long, value_name = "FILE", requires = "tls", requires = "tls_key",
        help_heading = LISTENING
    )]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM
    #[arg(
        long, value_name = "FILE", requires = "tls", requires = "tls_cert",
        help_heading = LISTENING
    )]
    pub tls_key: Option<PathBuf>,
    /// Serve pages for a browser also on an address that others reach [default: on loopback alone]
    #[arg(long, help_heading = PAGES)]
    pub pages: bool,
    /// A name of this host under which pages are served, besides its addresses and localhost
    #[arg(long = "pages-host", value_name = "NAME", help_heading = PAGES)]
    pub pages_hosts: Vec<String>,
    /// Serve no pages
    #[arg(long, conflicts_with_all = ["pages", "pages_hosts"], help_heading = PAGES)]
    pub no_pages: bool,
    /// Publish and answer as this scenario says
    #[arg(
        long, value_name = "FILE", conflicts_with_all = ["rate", "payload", "size", "message_limit"],
        help_heading = PUBLISHING
    )]
    pub scenario: Option<PathBuf>,
    /// Updates for each client [default: $WSBENCH_RATE, which a run sets for a server that it starts, or
    /// 1/s]
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = PUBLISHING)]
    pub rate: Option<f64>,
    /// The form of a message: text, binary, json, json-ticker, json-orderbook or text-file [default:
    /// $WSBENCH_PAYLOAD, or text]
    #[arg(long, value_name = "KIND", value_parser = parse_kind, help_heading = PUBLISHING)]
    pub payload: Option<PayloadKind>,
    /// The size of a message [default: $WSBENCH_SIZE, or 21B; of the last three kinds what is usual]
    #[arg(long, value_name = "SIZE", value_parser = parse_payload_size, help_heading = PUBLISHING)]
    pub size: Option<u32>,
    /// The largest message that is taken from a client; one of --size always fits
    #[arg(
        long, value_name = "SIZE", default_value = "64KiB", value_parser = parse_message_limit,
        help_heading = PUBLISHING
    )]
    pub message_limit: u32,
    /// A fault of a given size, to see whether a gate catches it: delay=5ms, header=64B, cpu=50us,
    /// leak=1KiB, drop=1%, stall=200ms/2s; may be given several times
    #[arg(
        long = "fault", value_name = "NAME=SIZE", long_help = describe_faults(),
        help_heading = TESTING
    )]
    pub faults: Vec<InjectedFault>,
}

fn describe_faults() -> String {
    let line = |(_, example, about): &(_, &str, &str)| format!("\n  {example}: {about}");
    let lines: String = FAULTS.iter().map(line).collect();
    format!(
        "A fault of a given size, to see whether a gate catches it; may be given several \
         times:\n{lines}"
    )
}

pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    match parse_rate_hz(text)? {
        hz if hz > 0.0 && hz <= 1e6 => Ok(hz),
        _ => Err("must be above 0/s and at most 1000000/s".to_owned()),
    }
}

pub(crate) fn parse_kind(text: &str) -> Result<PayloadKind, String> {
    let found = PayloadKind::CHOICES.into_iter().find(|kind| kind.name() == text);
    let names = || listed(&PayloadKind::CHOICES.map(PayloadKind::name));
    found.ok_or_else(|| format!("must be one of {}", names()))
}

pub(crate) fn parse_payload_size(text: &str) -> Result<u32, String> {
    let bytes = parse_size(text)?;
    let within = u32::try_from(bytes).ok().filter(|_| bytes <= MOST_PAYLOAD_BYTES);
    within.ok_or_else(|| "must be at most 1MiB".to_owned())
}

fn parse_message_limit(text: &str) -> Result<u32, String> {
    // No size is larger than 64 MiB.
    Ok(u32::try_from(parse_size(text)?).unwrap_or(u32::MAX))
}

/// The arguments of `wsbench relay`.
///
/// Every byte is held for the delay, in both directions. A TCP handshake is answered by the
/// kernel at once: instead, a connection's first bytes are held for a round trip more.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example, a server that is 50 ms away:
  wsbench relay --listen 127.0.0.1:9000 --to 127.0.0.1:8080 --delay 50ms")]
pub(crate) struct RelayArgs {
    /// Where to listen; port 0 for any
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, help_heading = LISTENING)]
    pub listen: SocketAddr,
    /// The server
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, help_heading = LISTENING)]
    pub to: SocketAddr,
    /// How long a byte takes one way
    #[arg(long, value_name = "TIME", value_parser = parse_delay, help_heading = DELAY)]
    pub delay: u64,
    /// How much longer it may take
    #[arg(
        long, value_name = "TIME", value_parser = parse_delay, default_value = "0s",
        help_heading = DELAY
    )]
    pub jitter: u64,
    /// The distribution of jitter: uniform, exponential or half-normal
    #[arg(
        long, value_name = "NAME", value_parser = parse_jitter_distribution, default_value = "uniform",
        help_heading = DELAY
    )]
    pub jitter_law: JitterDistribution,
    /// The seed of jitter
    #[arg(long, value_name = "N", default_value_t = 2009, help_heading = DELAY)]
    pub seed: u64,
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
    })
}

fn parse_delay(text: &str) -> Result<u64, String> {
    match parse_duration_ns(text)? {
        ns if ns <= MOST_DELAY_NS => Ok(ns),
        _ => Err("must be at most 10s".to_owned()),
    }
}

fn parse_jitter_distribution(text: &str) -> Result<JitterDistribution, String> {
    let names = JitterDistribution::ALL.map(JitterDistribution::name).join(", ");
    let found = JitterDistribution::ALL.into_iter().find(|law| law.name() == text);
    found.ok_or_else(|| format!("must be one of {names}"))
}
