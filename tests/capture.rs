//! The TCP/IP column compared with a packet capture in a private network namespace.
//!
//! A namespace has its own loopback with no other traffic: every packet of the capture is the run's.
//! Skipped, with the reason, if there is no namespace or no tcpdump.

use crate::support::{World, command, expect_ran, number, said, wait};
use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

const SCENARIO: &str = r#"
name = "captured"
clients = [20]
warmup = "300ms"
driver_lateness = "1s"
duration = "2s"
cooldown = "200ms"
[feed]
rate = "2/s"
[[series]]
transport = "polling"
interval = "500ms"
[[series]]
transport = "polling"
label = "new"
interval = "500ms"
connection = "new"
[[series]]
transport = "websocket"
"#;

/// Runs the scenario while tcpdump captures in a namespace: `$0` is the capture, the rest the command.
/// Without the immediate mode the packets of the last second may still be in tcpdump's buffer when it
/// is stopped.
const SCRIPT: &str = r#"
ip link set lo up || exit 77
tcpdump -i lo -U --immediate-mode -s 96 -B 16384 -w "$0" tcp 2>"$0.log" &
for _ in $(seq 100); do grep -q "listening on" "$0.log" && break; sleep 0.05; done
grep -q "listening on" "$0.log" || exit 77
"$@"
code=$?
sleep 0.5
kill -INT %1
wait %1
exit $code
"#;

#[test]
fn tcp_ip_bytes_are_those_of_the_capture() {
    let world = World::new(SCENARIO);
    let capture = world.path("lo.pcap");
    let run = world.run(&["--reports", "csv,json", "-q"]);
    let mut command = command("unshare");
    command.args(["-n", "bash", "-c", SCRIPT]).arg(&capture);
    command.arg(run.get_program()).args(run.get_args());
    let output = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => wait(child, Duration::from_secs(90)),
        Err(error) => return eprintln!("skipped: unshare cannot be run: {error}"),
    };
    if output.status.code() == Some(77) || said(&output).contains("unshare failed") {
        return eprintln!("skipped: no namespace or no tcpdump here: {}", said(&output));
    }
    expect_ran(&world, &output);
    let packets = read_pcap(&std::fs::read(&capture).expect("a capture"));
    let log = std::fs::read_to_string(format!("{}.log", capture.display())).unwrap_or_default();
    assert!(log.contains("0 packets dropped by kernel"), "{log}");
    let captured: u64 = packets.iter().map(|&len| u64::from(len)).sum();
    let mut reported = HashMap::new();
    for row in world.csv("bytes.csv") {
        if row["layer"] == "ip_bytes" && row["direction"] == "both" && row["series"] != "floor" {
            *reported.entry(row["phase"].clone()).or_insert(0.0) += number(&row, "total");
        }
    }
    let total: f64 = reported.values().sum();
    // All connections of all series and phases. Segments that close a connection after its last
    // reading are added by arithmetic: 52 bytes too few if a FIN and an acknowledgement were separate.
    let connections: f64 = world.summary()["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|r| r["audit_connections"].as_f64().expect("a number"))
        .sum();
    let off = total - captured as f64;
    println!("reported {total} B, captured {captured} B, {off} B off, {connections} connections");
    assert!(
        off.abs() <= 52.0 * connections && off.abs() < 0.01 * total,
        "reported {total} ({reported:?}), captured {captured} in {} packets: {off} off",
        packets.len()
    );
}

/// The IP lengths of a capture's packets (pcap, Ethernet link type).
fn read_pcap(bytes: &[u8]) -> Vec<u16> {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(u32_at(0), 0xa1b2_c3d4, "a little-endian pcap in microseconds");
    assert_eq!(u32_at(20), 1, "Ethernet");
    let mut lengths = Vec::new();
    let mut at = 24;
    while at + 16 <= bytes.len() {
        let captured = u32_at(at + 8) as usize;
        let ip = at + 16 + 14;
        // Total length of the IPv4 header.
        lengths.push(u16::from_be_bytes([bytes[ip + 2], bytes[ip + 3]]));
        at += 16 + captured;
    }
    lengths
}
