//! Clients of libraries beside this program's own: the same server gives the same bytes and counts.

use crate::support::{Row, World, expect_code, expect_ran, finish, number, said};

const ENGINES: [&str; 2] = ["raw", "tungstenite"];

/// Both engines of WebSocket, with further settings of the series.
fn both(more: &str) -> String {
    let one = |engine: &str| {
        format!(
            "[[series]]\ntransport = \"websocket\"\nlabel = \"{engine}\"\n\
             engine = \"{engine}\"\n{more}\n"
        )
    };
    ENGINES.map(one).concat()
}

fn run(head: &str, more: &str) -> World {
    let world = World::new(&format!("{head}\n{}", both(more)));
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_ran(&world, &output);
    for row in world.summary()["rows"].as_array().expect("rows") {
        for name in ["mismatched", "ledger_bytes", "kernel_bytes", "server_bytes", "unaudited"] {
            assert_eq!(row[format!("audit_{name}")], 0, "{name} of {}", row["series"]);
        }
    }
    world
}

fn ran(head: &str, more: &str) -> [Row; 2] {
    let rows = run(head, more).csv("summary.csv");
    ENGINES.map(|engine| {
        rows.iter().find(|row| row["series"] == engine).expect("a row of the engine").clone()
    })
}

/// What does not depend on the moment at which a client's window begins.
const BYTES: [&str; 8] = [
    "wire_bytes_up_per_message",
    "wire_bytes_down_per_message",
    "overhead_bytes_per_message",
    "masks_bytes_per_message",
    "payload_bytes_per_message",
    "faults",
    "lost",
    "clients_connected",
];

fn agree(rows: &[Row; 2], columns: &[&str]) {
    for column in columns {
        assert_eq!(number(&rows[0], column), number(&rows[1], column), "{column}");
    }
}

const SHORT: &str = "clients = [10]\nwarmup = \"300ms\"\nduration = \"1s\"\ncooldown = \"600ms\"";

#[test]
fn both_engines_of_websocket_receive_the_same_bytes() {
    let feed = "[feed]\nrate = \"10/s\"\nsemantics = \"log\"";
    let rows = ran(&format!("{SHORT}\n{feed}"), "");
    agree(&rows, &BYTES);
    for row in &rows {
        assert_eq!(number(row, "wire_bytes_per_message"), 23.0);
        assert_eq!(number(row, "updates_delivered"), number(row, "updates_published"));
        assert!(number(row, "updates_published") >= 90.0);
        assert_eq!(row["prediction_exact"], "true");
    }
    // Large enough for a length of its own, and a delay line between the library and the socket.
    let feed = "delay = \"20ms\"\n[feed]\nrate = \"10/s\"\nsize = \"70kB\"\nsemantics = \"log\"";
    let rows = ran(&format!("{SHORT}\n{feed}"), "");
    agree(&rows, &BYTES);
    for row in &rows {
        assert_eq!(number(row, "overhead_bytes_per_message"), 10.0);
        assert!(number(row, "delivery_latency_us_min") >= 19_980.0, "{row:?}");
    }
}

#[test]
fn both_engines_of_websocket_echo_the_same_bytes() {
    let feed = "[feed]\nworkload = \"echo\"\nrate = \"10/s\"";
    for delay in ["", "delay = \"80ms\"\n"] {
        let rows = ran(&format!("{SHORT}\n{delay}{feed}"), "");
        agree(&rows, &BYTES);
        for row in &rows {
            for column in ["turns", "completed", "sent", "response_latency_count"] {
                assert_eq!(number(row, column), 100.0, "{column}");
            }
            assert_eq!(number(row, "wire_bytes_up_per_message"), 27.0);
            assert_eq!(number(row, "wire_bytes_down_per_message"), 23.0);
        }
    }
    let rows = ran(&format!("{SHORT}\n{feed}"), "echo = \"back-to-back\"");
    agree(&rows, &BYTES);
    assert!(rows.iter().all(|row| number(row, "completed") > 200.0), "{rows:?}");
}

#[test]
fn both_engines_of_websocket_spread_the_same_messages() {
    for (feed, sent) in [("broadcast\"\nsenders = 3", 30.0), ("tracker\"", 100.0)] {
        let feed = format!("[feed]\nrate = \"10/s\"\nworkload = \"{feed}");
        let rows = ran(&format!("{SHORT}\n{feed}"), "");
        agree(&rows, &BYTES[4..]);
        for row in &rows {
            assert_eq!((number(row, "sent"), number(row, "fanout_posts")), (sent, sent));
            assert_eq!(number(row, "fanout_completeness_min"), 1.0);
        }
    }
}

#[test]
fn pings_of_an_idle_connection_are_answered_by_both_engines() {
    let head = "clients = [5]\nwarmup = \"200ms\"\nduration = \"2s\"\ncooldown = \"200ms\"\n\
                [feed]\nrate = \"1/s\"";
    let world = run(head, "heartbeat = \"150ms\"");
    let bytes = world.csv("bytes.csv");
    let of = |engine: &str, direction: &str| {
        let rows =
            bytes.iter().filter(|row| row["series"] == engine && row["layer"] == "control_bytes");
        let totals =
            rows.filter(|row| row["direction"] == direction).map(|row| number(row, "total"));
        totals.sum::<f64>()
    };
    for engine in ENGINES {
        // Two bytes each, and a Close with its code to each of five clients; a mask of four upwards.
        let pings = (of(engine, "down") - 5.0 * 4.0) / 2.0;
        assert!(pings >= 30.0, "{engine}: {pings}");
        assert_eq!(of(engine, "up"), pings * 6.0 + 5.0 * 8.0, "{engine}");
    }
}

#[test]
fn the_engine_of_another_transport_is_refused_with_that_transports_name() {
    for (transport, engine, message) in [
        (
            "polling",
            "tungstenite",
            "engine \"tungstenite\" is a client for the transport \"websocket\"; take \"raw\" or \
             \"reqwest\"",
        ),
        (
            "websocket",
            "reqwest",
            "engine \"reqwest\" is a client for the transport \"polling\"; take \"raw\" or \
             \"tungstenite\"",
        ),
        ("websocket", "tungsten", "unknown engine \"tungsten\", did you mean \"tungstenite\"?"),
    ] {
        let world = World::new(&format!(
            "clients = [1]\n[[series]]\ntransport = \"{transport}\"\nengine = \"{engine}\"\n"
        ));
        let output = finish(&mut world.run(&[]));
        expect_code(&output, 2);
        let text = said(&output);
        assert!(text.contains(message) && text.contains("scenario.toml:4:10"), "{message}\n{text}");
    }
}
