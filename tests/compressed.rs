//! Compression end to end: permessage-deflate with each agreement, compressed answers of the bundled server, and
//! payloads that compress as those of applications do.

use crate::support::browser::Browser;
use crate::support::{
    Row, World, answer_upgrade, at_once, expect_ran, finish, number, said, serve, server_frame,
    started_server, wsbench,
};
use std::io::Read;

const TICKER_BYTES: f64 = 367.0;

fn world(feed: &str, series: &str) -> World {
    World::new(&format!(
        r#"
name = "compressed"
clients = [5]
warmup = "500ms"
driver_lateness = "1s"
duration = "1s"
cooldown = "300ms"
timeout = "5s"
drain = "5s"

[feed]
rate = "20/s"
{feed}

{series}"#
    ))
}

/// The only row with clients of a scenario, which is valid and whose bytes add up.
fn only(feed: &str, series: &str) -> (Row, String) {
    let world = world(feed, &format!("[[series]]\n{series}\n"));
    let output = finish(&mut world.run(&["--reports", "csv,json,text", "-q"]));
    expect_ran(&world, &output);
    let row = world.csv("summary.csv").into_iter().find(|row| row["series"] != "null");
    let row = row.expect("a row");
    let none = [
        "audit_mismatched",
        "audit_ledger_bytes",
        "audit_kernel_bytes",
        "audit_server_bytes",
        "audit_unaudited",
        "faults",
        "lost",
        "updates_missing",
        "discarded_bytes_per_message",
    ];
    for name in none {
        assert_eq!(number(&row, name), 0.0, "{name} of {series}");
    }
    assert!(number(&row, "messages") > 0.0, "{series}");
    (row, said(&output))
}

#[test]
fn websocket_messages_are_compressed_as_was_agreed_on() {
    let takeover = |offer: &str, more: &str| {
        let series = format!(
            "transport = \"websocket\"\nextensions = \"permessage-deflate{offer}\"\n{more}"
        );
        let (row, text) = only("payload = \"json-ticker\"", &series);
        let messages = number(&row, "completed");
        assert_eq!(number(&row, "message_bytes_down"), TICKER_BYTES * messages, "{series}\n{text}");
        assert!(text.contains("messages came compressed: "), "{text}");
        // The header of a frame: two bytes, or four if the payload is large.
        let framing = number(&row, "framing_bytes_per_message");
        let most = if more.is_empty() { 4.0 } else { 4.0 + 9.0 };
        assert!((2.0..=most).contains(&framing), "{series}: {framing}");
        let predicted = number(&row, "predicted_wire_bytes_per_message");
        let measured = number(&row, "wire_bytes_per_message");
        assert!((predicted / measured - 1.0).abs() < 0.15, "{series}: {predicted} {measured}");
        number(&row, "payload_bytes_per_message")
    };
    let cases = [
        ("", ""),
        ("; client_max_window_bits", "http_version = \"2\""),
        ("; server_no_context_takeover", ""),
        (
            "; server_no_context_takeover; client_no_context_takeover",
            "streams = 5\nhttp_version = \"2\"",
        ),
        ("; server_max_window_bits=9; client_max_window_bits=10", ""),
    ];
    let found = std::sync::Mutex::new(Vec::new());
    at_once(cases.into_iter().enumerate(), |(case, (offer, more))| {
        let bytes = takeover(offer, more);
        found.lock().expect("no test has panicked").push((case, bytes));
    });
    let mut found = found.into_inner().expect("no test has panicked");
    found.sort_by_key(|(case, _)| *case);
    let found: Vec<f64> = found.into_iter().map(|(_, bytes)| bytes).collect();
    let [kept, _, anew, both_anew, small] = found[..] else { panic!("{found:?}") };
    // A window that is kept is worth most, also a small one.
    assert!(kept < small && small < anew && anew < TICKER_BYTES, "{found:?}");
    assert!((anew - both_anew).abs() < 3.0, "{found:?}");
}

#[test]
fn an_echo_is_compressed_both_ways() {
    let series = "transport = \"websocket\"\nextensions = \"permessage-deflate\"";
    let (row, text) = only("workload = \"echo\"\npayload = \"json-orderbook\"", series);
    let up = number(&row, "payload_bytes_up_per_message");
    let down = number(&row, "payload_bytes_down_per_message");
    // Each side has compressed the same messages, in the same order.
    assert!((up - down).abs() < 1.0 && up < 700.0, "{up} up and {down} down\n{text}");
    assert!(number(&row, "response_latency_count") > 0.0);
}

#[test]
fn a_batch_of_a_log_is_compressed_as_one_message() {
    let feed = "payload = \"text-file\"\nsemantics = \"log\"\nbatch = \"200ms\"";
    let series = "transport = \"websocket\"\nextensions = \"permessage-deflate\"";
    let (row, text) = only(feed, series);
    // What separates updates is no message, and is not known apart in what was sent.
    let bytes = number(&row, "message_bytes_down");
    assert!(bytes > 0.0 && bytes % 256.0 == 0.0, "{bytes}\n{text}");
    assert_eq!(number(&row, "framing_bytes_per_message"), 4.0, "{text}");
}

#[test]
fn the_bundled_server_compresses_what_a_series_asks_for() {
    let polls = ["polling", "long-polling"]
        .into_iter()
        .flat_map(|poll| ["gzip", "deflate", "br", "zstd"].map(|coding| (poll, coding)));
    let streams = ["sse", "streaming"]
        .into_iter()
        .flat_map(|stream| ["gzip", "deflate", "br"].map(|coding| (stream, coding)));
    at_once(polls.chain(streams), |(transport, coding)| {
        let more = if transport == "polling" { "interval = \"100ms\"" } else { "" };
        let series = format!("transport = {transport:?}\naccept_encoding = {coding:?}\n{more}");
        let (row, text) = only("payload = \"json-ticker\"", &series);
        let completed = number(&row, "completed");
        assert_eq!(
            number(&row, "message_bytes_down"),
            TICKER_BYTES * completed,
            "{series}\n{text}"
        );
        let payload = number(&row, "payload_bytes_down_per_message");
        assert!(payload < 0.9 * TICKER_BYTES, "{series}: {payload}");
        assert!(text.contains("messages came compressed: "), "{text}");
    });
}

#[test]
fn a_server_that_does_not_select_the_extension_is_named() {
    let address = serve(|mut stream| {
        let lines =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        if answer_upgrade(&mut stream, lines).is_none() {
            return;
        }
        let frame = server_frame(1, b"hello");
        while std::io::Write::write_all(&mut stream, &frame).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let mut rest = [0; 512];
        while matches!(stream.read(&mut rest), Ok(n) if n > 0) {}
    });
    let series = "[[series]]\ntransport = \"websocket\"\nextensions = \"permessage-deflate\"\n";
    let world = world("", &format!("{series}\n[server]\nurl = \"http://{address}\"\n"));
    let output = finish(&mut world.run(&["--reports", "text", "-q"]));
    let text = said(&output);
    assert!(
        text.contains("permessage-deflate was offered 5 times, and the server did not"),
        "{text}"
    );
}

#[test]
fn a_message_that_is_compressed_wrongly_is_named() {
    let address = serve(|mut stream| {
        let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
                     Sec-WebSocket-Extensions: permessage-deflate\r\n";
        if answer_upgrade(&mut stream, lines).is_none() {
            return;
        }
        let _ = std::io::Write::write_all(&mut stream, &[0xc1, 0x02, 0xff, 0xff]);
        let mut rest = [0; 512];
        while matches!(stream.read(&mut rest), Ok(n) if n > 0) {}
    });
    let series = "[[series]]\ntransport = \"websocket\"\nextensions = \"permessage-deflate\"\n";
    let world = world("", &format!("{series}\n[server]\nurl = \"http://{address}\"\n"));
    let output = finish(&mut world.run(&["--reports", "text", "-q"]));
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("a compressed message that cannot be read"), "{text}");
}

/// Messages of a set-up, and an envelope around the updates, of a server that compresses: what was sent of an update
/// and of what is around it is not known apart.
#[test]
fn a_conversation_may_be_compressed() {
    let address = serve(|mut stream| {
        let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
                     Sec-WebSocket-Extensions: permessage-deflate\r\n";
        if answer_upgrade(&mut stream, lines).is_none() {
            return;
        }
        let mut coder = flate2::Compress::new(flate2::Compression::default(), false);
        let mut frame = |text: &str| {
            let mut payload = Vec::with_capacity(2 * text.len() + 64);
            let status =
                coder.compress_vec(text.as_bytes(), &mut payload, flate2::FlushCompress::Sync);
            assert!(status.is_ok() && payload.ends_with(&[0, 0, 0xff, 0xff]));
            payload.truncate(payload.len() - 4);
            let mut frame = server_frame(1, &payload);
            frame[0] |= 0x40;
            frame
        };
        let mut write = |text: &str| std::io::Write::write_all(&mut stream, &frame(text)).is_ok();
        let mut number = 0;
        let mut goes_on = write("welcome");
        while goes_on {
            std::thread::sleep(std::time::Duration::from_millis(50));
            number += 1;
            // A ping in a frame of its own, and an update in an envelope.
            goes_on = write("ping") && write(&format!("[\"update\",{{\"seq\":{number}}}]"));
        }
        let mut rest = [0; 512];
        while matches!(stream.read(&mut rest), Ok(n) if n > 0) {}
    });
    let series = "[[series]]\ntransport = \"websocket\"\nextensions = \"permessage-deflate\"\n\
                  ready = \"welcome\"\nreply = { ping = \"pong\" }\nupdate = { pointer = \"/1\" }\n";
    let more = "[message]\nsequence = \"/seq\"\n";
    let world = world("", &format!("{series}\n[server]\nurl = \"http://{address}\"\n{more}"));
    let output = finish(&mut world.run(&["--reports", "csv,json,text", "-q"]));
    expect_ran(&world, &output);
    let row = world.csv("summary.csv").into_iter().find(|row| row["series"] != "null");
    let row = row.expect("a row");
    for name in ["faults", "updates_missing", "audit_ledger_bytes", "audit_kernel_bytes"] {
        assert_eq!(number(&row, name), 0.0, "{name}");
    }
    // `{"seq":N}` with one or two digits.
    let each = number(&row, "message_bytes_down") / number(&row, "completed");
    assert!((9.0..=10.0).contains(&each), "{each}");
    assert!(number(&row, "control_bytes_per_message") > 0.0);
}

/// Chromium offers permessage-deflate with each WebSocket, and reads what the bundled server compresses.
#[test]
fn a_browser_reads_compressed_messages() {
    let Some(mut browser) = Browser::start() else {
        eprintln!("skipped: there is no Chromium here; .ci/run installs it");
        return;
    };
    let series = "[[series]]\ntransport = \"websocket\"\nextensions = \"permessage-deflate\"\n";
    let world = world("payload = \"json-orderbook\"", series);
    let mut command = wsbench(&["serve", "--bind", "127.0.0.1:0", "--scenario"]);
    let (_server, address) = started_server(command.arg(world.path("scenario.toml")));
    // Of an address of its own, which the browser lets ask for others of this machine.
    let tab = browser.open(&format!("http://{address}/"));
    browser.value(
        &tab,
        &format!(
            "globalThis.all = []; globalThis.socket = new WebSocket('ws://{address}/ws'); \
             socket.onmessage = (event) => all.push(JSON.parse(event.data)); 0"
        ),
    );
    browser.wait_for(&tab, "all.length >= 20");
    assert_eq!(browser.value(&tab, "socket.extensions"), "permessage-deflate");
    let in_order = "all.every((one, i) => one.seq === all[0].seq + i && one.bids.length === 20)";
    assert_eq!(browser.value(&tab, in_order), true);
    browser.value(&tab, "socket.close(); 0");
}
