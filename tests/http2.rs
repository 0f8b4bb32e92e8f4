//! HTTP/2 end to end: each byte is counted and audited, frames cost what RFC 9113 says, and clients share
//! connections or have their own.

use crate::support::browser::Browser;
use crate::support::{
    Row, World, at_once, expect_code, expect_ran, finish, number, said, started_server, wsbench,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

/// Clients of every transport over HTTP/2: with a connection each, and five to one.
fn every_way(root: &str, feed: &str) -> World {
    let mut series = String::new();
    for transport in ["polling", "long-polling", "streaming", "sse", "websocket"] {
        for streams in [1, 5] {
            let interval = if transport == "polling" { "interval = \"100ms\"\n" } else { "" };
            series.push_str(&format!(
                "[[series]]\ntransport = \"{transport}\"\nlabel = \"{transport}-{streams}\"\n\
                 http_version = \"2\"\nstreams = {streams}\n{interval}\n"
            ));
        }
    }
    World::new(&format!(
        r#"
name = "http2"
clients = [10]
warmup = "300ms"
driver_lateness = "1s"
duration = "1s"
cooldown = "500ms"
timeout = "5s"
drain = "5s"
{root}

[feed]
rate = "10/s"
{feed}

{series}"#
    ))
}

fn adds_up(row: &Row, what: &str) {
    for name in ["mismatched", "ledger_bytes", "kernel_bytes", "server_bytes", "unaudited"] {
        assert_eq!(number(row, &format!("audit_{name}")), 0.0, "{name} of {what}");
    }
    for name in ["faults", "lost", "updates_missing", "discarded_bytes_per_message"] {
        assert_eq!(number(row, name), 0.0, "{name} of {what}");
    }
    assert!(number(row, "messages") > 0.0, "{what}");
}

/// Bytes of an event around its data: an id of seven digits, `data: `, and two line ends.
const EVENT: u64 = 12 + 7 + 1;
/// The header of a frame (RFC 9113 §4.1).
const FRAME: u64 = 9;

fn check(root: &str, feed: &str, size: u64) {
    let world = every_way(root, feed);
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let rows = world.csv("summary.csv");
    let rows: Vec<&Row> = rows.iter().filter(|row| row["series"].contains('-')).collect();
    assert_eq!(rows.len(), 10);
    for row in rows {
        let what = format!("{} with {root:?} and {size} bytes", row["series"]);
        adds_up(row, &what);
        let frames = |bytes: u64| FRAME * bytes.div_ceil(16_384);
        let framing = number(row, "framing_bytes_per_message");
        let framing_is = |bytes: u64| {
            let wanted = bytes as f64;
            // A server that waits for room cuts a large message into more frames, and one that arrives as the window
            // begins has frames before it; both are rare. The audit above knows all bytes.
            let near = wanted - (FRAME as f64)..wanted + FRAME as f64;
            let is_near = size > 16_000 && near.contains(&framing);
            assert!(framing == wanted || is_near, "{what}: {framing} and not {wanted}");
        };
        let (transport, streams) = row["series"].rsplit_once('-').expect("a label");
        match transport {
            // A record separator behind each message.
            "streaming" => framing_is(1 + frames(size + 1)),
            // The header of a frame that is not masked (RFC 6455 §5.2).
            "websocket" => {
                let header = if size <= 125 { 2 } else { 4 };
                framing_is(header + frames(size + header));
            }
            "sse" => framing_is(EVENT + frames(size + EVENT)),
            // The request; the fields of the answer, and its bytes.
            _ => {
                framing_is(2 * FRAME + frames(size));
                let heads = number(row, "heads_bytes_per_message");
                // Of 716 and 193 bytes nearly all have an index.
                assert!((20.0..80.0).contains(&heads), "{what}: {heads}");
            }
        }
        // Nobody knows which messages of clients that share a connection share a packet.
        if streams != "1" {
            assert_eq!(row["predicted_ip_bytes_per_message"], "", "{what}");
        }
        let connections = number(row, "audit_connections");
        assert_eq!(connections, if streams == "1" { 10.0 } else { 2.0 }, "{what}");
    }
}

#[test]
fn every_byte_over_http2_is_counted_and_audited() {
    at_once([("", "", 21), ("", "[server.tls]", 21)], |(root, feed, size)| check(root, feed, size));
}

#[test]
fn a_message_larger_than_a_frame_takes_several() {
    // At 16,384 bytes an event has one frame more than its data.
    at_once([16_384_u64, 16_385, 40_000], |size| {
        check("", &format!("size = \"{size}B\""), size);
    });
}

#[test]
fn each_client_of_a_shared_connection_gets_each_update_of_a_log() {
    let world = every_way("", "semantics = \"log\"");
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    for row in world.csv("summary.csv").iter().filter(|row| row["series"].contains('-')) {
        adds_up(row, &row["series"]);
        assert!(number(row, "updates_delivered") >= 90.0, "{row:?}");
    }
}

#[test]
fn heads_of_polls_are_predicted_for_each_policy_and_table() {
    let series: Vec<String> = ["static", "dynamic", "cookies-never-indexed"]
        .iter()
        .flat_map(|hpack| ["0B", "100B", "4KiB"].map(|table| (hpack, table)))
        .map(|(hpack, table)| {
            format!(
                "[[series]]\ntransport = \"polling\"\nlabel = \"{hpack}-{table}\"\n\
                 http_version = \"2\"\nhpack = \"{hpack}\"\nheader_table = \"{table}\"\n\
                 response_head = \"minimal\"\ninterval = \"50ms\"\n"
            )
        })
        .collect();
    let world = World::new(&format!(
        "name = \"heads\"\nclients = [3]\nwarmup = \"200ms\"\ndriver_lateness = \"1s\"\n\
         duration = \"500ms\"\ncooldown = \"200ms\"\n[feed]\nrate = \"10/s\"\n{}",
        series.concat()
    ));
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let rows = world.csv("summary.csv");
    let rows: Vec<&Row> = rows.iter().filter(|row| row["series"].contains('-')).collect();
    assert_eq!(rows.len(), 9);
    for row in rows {
        adds_up(row, &row["series"]);
        let heads = number(row, "heads_bytes_per_message");
        assert_eq!(heads, number(row, "predicted_heads_bytes_per_message"), "{}", row["series"]);
        let expected = if row["series"].starts_with("static") { 400.0..600.0 } else { 10.0..500.0 };
        assert!(expected.contains(&heads), "{}: {heads}", row["series"]);
    }
}

/// A server that answers each connection with these bytes.
fn server(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                if stream.read(&mut buffer).is_ok_and(|len| len > 0) {
                    // A client that is gone needs no answer.
                    let _ = stream.write_all(bytes);
                    while stream.read(&mut buffer).is_ok_and(|len| len > 0) {}
                }
            });
        }
    });
    address
}

/// What a run says of a server that answers so.
fn said_of(transport: &str, more: &str, bytes: &'static [u8]) -> String {
    let address = server(bytes);
    let path = if transport == "polling" { "interval = \"100ms\"\n" } else { "" };
    let world = World::new(&format!(
        "name = \"odd\"\nclients = [2]\nwarmup = \"100ms\"\nduration = \"300ms\"\ncooldown = \"100ms\"\n\
         timeout = \"300ms\"\ndriver_lateness = \"1s\"\n[feed]\nrate = \"10/s\"\n\
         [server]\nurl = \"http://{address}\"\n[[series]]\ntransport = \"{transport}\"\n\
         path = \"/\"\nhttp_version = \"2\"\n{path}{more}"
    ));
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_code(&output, 96);
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_server_without_http2_is_named_whatever_it_answers() {
    const NO_SETTINGS: &str = "the server did not begin HTTP/2 with SETTINGS";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let cases: [(&str, &'static [u8], &str); 6] = [
        ("polling", b"HTTP/1.1 400 Bad Request\r\n\r\n", "answered with HTTP/1.1"),
        ("websocket", b"HTTP/1.1 400 Bad Request\r\n\r\n", "answered with HTTP/1.1"),
        ("sse", b"<!DOCTYPE HTML PUBLIC>", NO_SETTINGS),
        ("websocket", b"<!DOCTYPE HTML PUBLIC>", NO_SETTINGS),
        ("websocket", SETTINGS, "the server does not take WebSocket over HTTP/2"),
        ("websocket", b"", "no answer within the limit"),
    ];
    at_once(cases, |(transport, bytes, expected)| {
        let said = said_of(transport, "", bytes);
        assert!(said.contains(expected), "{transport}, {:?}: {said}", bytes.escape_ascii());
    });
}

/// What a library says of a server is named as by the clients of this program.
#[test]
fn errors_of_a_library_over_http2_are_named() {
    let cases: [(&'static [u8], &str); 4] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the server did not begin HTTP/2 with SETTINGS"),
        (b"", "no answer within the limit"),
        // Empty settings, and RST_STREAM with ENHANCE_YOUR_CALM (11) of the first request.
        (
            &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 11],
            "the server ended the stream with ENHANCE_YOUR_CALM",
        ),
        // GOAWAY of no stream.
        (
            &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13],
            "the server took no further requests on the connection, with HTTP_1_1_REQUIRED (GOAWAY)",
        ),
    ];
    at_once(cases, |(bytes, expected)| {
        let said = said_of("polling", "engine = \"reqwest\"\nrequest_head = \"minimal\"\n", bytes);
        assert!(said.contains(expected), "{:?}: {said}", bytes.escape_ascii());
    });
}

/// The clients of a library poll over HTTP/2, in clear and over TLS: bytes at the socket and payload are known, and
/// what the library does not show is absent.
#[test]
fn a_library_polls_over_http2_and_what_it_hides_is_absent() {
    at_once(["", "tls = true\n"], |tls| {
        let series = |engine: &str| {
            format!(
                "[[series]]\ntransport = \"polling\"\nlabel = \"{engine}\"\nengine = \"{engine}\"\n\
                 http_version = \"2\"\ninterval = \"100ms\"\nrequest_head = \"minimal\"\n\
                 response_head = \"minimal\"\n{tls}"
            )
        };
        let world = World::new(&format!(
            "name = \"library\"\nclients = [5]\nwarmup = \"500ms\"\nduration = \"1s\"\ncooldown = \"300ms\"\n\
             driver_lateness = \"1s\"\n[feed]\nrate = \"10/s\"\n{}{}",
            series("raw"),
            series("reqwest")
        ));
        expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
        let rows = world.csv("summary.csv");
        let row = |name: &str| rows.iter().find(|row| row["series"] == name).expect("a row");
        let (raw, library) = (row("raw"), row("reqwest"));
        for name in ["faults", "audit_mismatched", "audit_unaudited"] {
            assert_eq!(number(library, name), 0.0, "{name}");
        }
        assert!(number(library, "completed") >= 40.0);
        assert_eq!(number(library, "payload_bytes_per_message"), 21.0);
        // The library gives windows back by itself; of a head by the same rules a byte or two differ.
        for way in ["up", "down"] {
            let wire = format!("wire_bytes_{way}_per_message");
            let (raw, library) = (number(raw, &wire), number(library, &wire));
            assert!((library - raw).abs() < 40.0, "{way}: {library} beside {raw}");
        }
        for name in ["heads", "framing", "control", "tls", "frames"] {
            assert_eq!(library[&format!("{name}_bytes_per_message")], "", "{name}");
        }
        let absent = &world.summary()["rows"];
        assert!(absent.to_string().contains("over HTTP/2 the library shows of"), "{absent}");
    });
}

/// What `plan` says of the first and of later requests is what the kernel counts: the first in the set-up.
#[test]
fn the_first_request_of_a_connection_is_predicted_as_the_later_ones() {
    for hpack in ["static", "dynamic", "cookies-never-indexed"] {
        let world = World::new(&format!(
            "name = \"first\"\nclients = [4]\nwarmup = \"200ms\"\nduration = \"500ms\"\ncooldown = \"200ms\"\n\
             driver_lateness = \"1s\"\n[[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n\
             http_version = \"2\"\nhpack = \"{hpack}\"\nresponse_head = \"minimal\"\n"
        ));
        let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
        expect_code(&output, 0);
        let plan = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers_after = |beginning: &str| -> Vec<f64> {
            let line = plan.lines().find(|line| line.trim().starts_with(beginning));
            let line = line.unwrap_or_else(|| panic!("no {beginning}: {plan}"));
            line.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
        };
        let numbers = numbers_after("(HEADERS of the first answer");
        let [first_answer, later_answer] = numbers[..] else { panic!("{plan}") };
        let numbers = numbers_after("(HEADERS of");
        let [first, later, beginning] = numbers[..] else { panic!("{plan}") };
        expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
        let bytes = world.csv("bytes.csv");
        let total = |direction: &str, phase: &str, layer: &str| {
            let is_it = |row: &&Row| {
                row["series"] == "polling"
                    && row["phase"] == phase
                    && row["direction"] == direction
                    && row["layer"] == layer
            };
            number(bytes.iter().find(is_it).expect("a row"), "total")
        };
        let heads = |direction: &str, phase: &str| {
            let of = |layer: &str| total(direction, phase, layer);
            of("heads_bytes") + of("framing_bytes")
        };
        assert_eq!(heads("up", "setup"), 4.0 * first, "{plan}");
        // The message has a frame of its own.
        assert_eq!(heads("down", "setup"), 4.0 * (first_answer + FRAME as f64), "{plan}");
        // The settings of the server are acknowledged as well.
        assert_eq!(
            total("up", "setup", "control_bytes"),
            4.0 * (beginning + FRAME as f64),
            "{plan}"
        );
        let row = &world.csv("summary.csv")[0];
        let polls = number(row, "completed");
        assert_eq!(heads("up", "steady"), polls * later, "{plan}");
        assert_eq!(heads("down", "steady"), polls * (later_answer + FRAME as f64), "{plan}");
    }
}

#[test]
fn urls_are_tried_over_http2() {
    let world = World::new("");
    let (_server, address) = started_server(&mut wsbench(&["serve", "--bind", "127.0.0.1:0"]));
    let mut command = wsbench(&["try", "--http2", "--save", "saved.toml", "-q"]);
    command.args(["--clients", "3", "--duration", "1s", "--reports", "csv,json", "--out", "out"]);
    command.arg(format!("http://{address}/PollingStock//PollingStock"));
    command.arg(format!("ws://{address}/ws")).current_dir(world.path(""));
    expect_ran(&world, &finish(&mut command));
    let saved = std::fs::read_to_string(world.path("saved.toml")).expect("it was saved");
    assert_eq!(saved.matches("http_version = \"2\"").count(), 2, "{saved}");
    let rows = world.csv("summary.csv");
    let rows: Vec<&Row> = rows.iter().filter(|row| row["transport"] != "null").collect();
    assert_eq!(rows.len(), 2);
    for row in rows {
        // A frame of HTTP/2 has nine bytes around it.
        assert!(number(row, "framing_bytes_per_message") >= 9.0, "{row:?}");
    }
}

#[test]
fn what_a_library_decides_by_itself_over_http2_is_refused() {
    for (key, said_of_it) in [
        ("streams = 2", "a connection for each client"),
        ("hpack = \"static\"", "its own use of HPACK"),
        ("header_table = \"0B\"", "its own use of HPACK"),
        ("host = \"other.example\"", "and not other.example as this request does: leave host out"),
    ] {
        let world = World::new(&format!(
            "name = \"library\"\nclients = [2]\n[[series]]\ntransport = \"polling\"\nengine = \"reqwest\"\n\
             http_version = \"2\"\nrequest_head = \"minimal\"\n{key}\n"
        ));
        let output = finish(&mut world.run(&["-q"]));
        expect_code(&output, 2);
        let said = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(said_of_it), "{key}: {said}");
    }
}

/// Chromium polls, reads an event stream and holds a WebSocket over one connection of HTTP/2.
#[test]
fn a_browser_uses_http2_for_all_and_websocket_within_it() {
    let Some(mut browser) = Browser::start() else {
        eprintln!("skipped: there is no Chromium here; .ci/run installs it");
        return;
    };
    let mut command = wsbench(&["serve", "--bind", "127.0.0.1:0", "--tls", "--rate", "20/s"]);
    let (_server, address) = started_server(&mut command);
    let port = address.rsplit(':').next().unwrap_or_default();
    let tab = browser.open_insecure(&format!("https://localhost:{port}/"));
    let version = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.value(&tab, version), "h2");
    assert_eq!(
        browser.value(
            &tab,
            "fetch('/PollingStock//PollingStock').then((r) => r.text()).then((t) => t.length)"
        ),
        21
    );
    browser.value(
        &tab,
        "globalThis.events = 0; globalThis.stream = new EventSource('/events'); \
         stream.onmessage = () => events += 1; globalThis.messages = []; \
         globalThis.socket = new WebSocket(`wss://${location.host}/ws`); \
         socket.onmessage = (event) => messages.push(event.data); 0",
    );
    browser.wait_for(&tab, "events >= 5 && messages.length >= 5");
    assert_eq!(browser.value(&tab, "messages.every((one) => one.length === 21)"), true);
    // The page has WebSockets of its own; none of them has a connection of HTTP/1.1.
    let upgrades = browser.upgrades(&tab);
    assert!(!upgrades.is_empty() && upgrades.iter().all(|status| *status == 200), "{upgrades:?}");
    browser.value(&tab, "socket.close(); stream.close(); 0");
}
