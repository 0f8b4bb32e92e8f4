//! The WebSocket client against an external server: pings, fragments, messages without a stamp, a
//! Close during the run.

use crate::support::{World, answer_upgrade, at_once, finish, number, said, serve};
use std::io::{Read, Write};
use std::time::Duration;

/// One frame from a server: not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first, payload.len() as u8];
    out.extend_from_slice(payload);
    out
}

/// Serves each connection: sends `script` and then reads until the client is gone.
fn scripted(script: Vec<u8>, then_close: bool) -> std::net::SocketAddr {
    serve(move |mut stream| {
        // Another server's head: other order, other case.
        let lines = "server: other\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n\
                     sec-websocket-accept: {accept}\r\n";
        if answer_upgrade(&mut stream, lines).is_none() {
            return;
        }
        // Long after the load has begun.
        std::thread::sleep(Duration::from_millis(2500));
        let _ = stream.write_all(&script);
        if then_close {
            let _ = stream.write_all(&frame(0x88, &1001u16.to_be_bytes()));
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut rest = [0; 512];
        while matches!(stream.read(&mut rest), Ok(n) if n > 0) {}
    })
}

/// Whose client is used.
const ENGINES: [&str; 2] = ["raw", "tungstenite"];

fn world(address: std::net::SocketAddr, engine: &str) -> World {
    World::new(&format!(
        "clients = [3]\nwarmup = \"200ms\"\ndriver_lateness = \"1s\"\nduration = \"4s\"\ncooldown = \"100ms\"\n\
         drain = \"3s\"\ntimeout = \"3s\"\n[feed]\nrate = \"1/s\"\n[server]\n\
         url = \"http://{address}\"\n[[series]]\ntransport = \"websocket\"\nreconnect = \"30s\"\n\
         engine = \"{engine}\"\n"
    ))
}

/// The sum of a layer over the phases of one direction.
fn total(world: &World, direction: &str, layer: &str) -> f64 {
    let rows = world.csv("bytes.csv");
    let wanted = rows.iter().filter(|r| r["series"] == "websocket" && r["direction"] == direction);
    wanted.filter(|r| r["layer"] == layer).map(|r| number(r, "total")).sum()
}

#[test]
fn pings_are_answered_and_fragments_and_unknown_messages_are_counted_to_the_byte() {
    let script = [
        frame(0x89, b"ping"),
        frame(0x81, b"not a stamp"),
        // One message in three frames with a ping among them.
        frame(0x01, b"ab"),
        frame(0x89, b""),
        frame(0x00, b"cd"),
        frame(0x80, b"ef"),
    ]
    .concat();
    let address = scripted(script, false);
    at_once(ENGINES, |engine| counts_to_the_byte(&world(address, engine)));
}

fn counts_to_the_byte(world: &World) {
    let output = finish(&mut world.run(&["--reports", "csv,json,text", "-q"]));
    let rows = world.csv("summary.csv");
    let push = rows.iter().find(|r| r["series"] == "websocket").expect("a row");
    assert_eq!(number(push, "messages"), 6.0, "{}", said(&output));
    assert_eq!(push["delivery_latency_us_p50"], "");
    // 11 and 6 bytes in frames with 2 and 6 bytes of headers, for each of three clients.
    assert_eq!(total(world, "down", "payload_bytes"), 3.0 * 17.0);
    assert_eq!(total(world, "down", "framing_bytes"), 3.0 * 8.0);
    // Two pings down; two masked pongs and a masked Close with its code up.
    assert_eq!(total(world, "down", "control_bytes"), 3.0 * (6.0 + 2.0));
    assert_eq!(total(world, "up", "control_bytes"), 3.0 * (10.0 + 6.0 + 8.0));
    let summary = world.summary();
    let row = &summary["rows"][0];
    assert_eq!((&row["audit_ledger_bytes"], &row["audit_kernel_bytes"]), (&0.into(), &0.into()));
    assert_eq!(row["audit_connections"], 3);
}

#[test]
fn a_close_from_the_server_is_answered_and_counted_with_its_code() {
    let address = scripted(Vec::new(), true);
    at_once(ENGINES, |engine| answers_the_close(&world(address, engine)));
}

fn answers_the_close(world: &World) {
    let output = finish(&mut world.run(&["--reports", "csv,json,text", "-q"]));
    let text = said(&output);
    assert!(text.contains("3 × closed early by the server with close code 1001"), "{text}");
    assert_eq!(total(world, "down", "control_bytes"), 3.0 * 4.0);
    // The answer has the same code, masked.
    assert_eq!(total(world, "up", "control_bytes"), 3.0 * 8.0);
    let row = &world.summary()["rows"][0];
    assert_eq!((&row["audit_ledger_bytes"], &row["audit_kernel_bytes"]), (&0.into(), &0.into()));
}

/// A library may refuse an answer that others take for an upgrade: nothing of it is a matter of the
/// ledger then, and what is wrong with it is said.
#[test]
fn bytes_of_an_answer_that_the_library_refuses_are_discarded() {
    const SWITCH: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let accept = "Sec-WebSocket-Accept: {accept}\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let cases = [
        ("", format!("{SWITCH}Sec-WebSocket-Accept: other\r\n"), "another Sec-WebSocket-Accept"),
        ("", format!("Connection: Upgrade\r\n{accept}"), "has no \"Upgrade: websocket\""),
        ("", SWITCH.to_owned(), "has no Sec-WebSocket-Accept"),
        ("", format!("{}{accept}", SWITCH.replace(": websocket", ": x")), "has another Upgrade"),
        (
            "",
            format!("{SWITCH}{accept}Sec-WebSocket-Protocol: chat\r\n"),
            "set subprotocol = \"chat\"",
        ),
        (
            "",
            format!("{SWITCH}{accept}Sec-WebSocket-Extensions: permessage-deflate\r\n"),
            "selected the extension \"permessage-deflate\"",
        ),
        (hints, format!("{SWITCH}{accept}"), "comes after an interim response"),
    ];
    at_once(cases, |(before, lines, shown)| {
        let address = serve(move |mut stream| {
            if stream.write_all(before.as_bytes()).is_err()
                || answer_upgrade(&mut stream, &lines).is_none()
            {
                return;
            }
            // A frame that nobody reads.
            let _ = stream.write_all(&frame(0x81, b"hello"));
            let mut rest = [0; 512];
            while matches!(stream.read(&mut rest), Ok(n) if n > 0) {}
        });
        let world = world(address, "tungstenite");
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(shown), "{shown}: {text}");
        assert!(!text.contains("measurement is at fault"), "{shown}: {text}");
        let is_of_engine = shown.contains("interim");
        let said = text.contains("did not answer as it should");
        let took = "took the upgrade with";
        let took = text.contains(took) || text.contains("Let the server select no subprotocol");
        assert!(!text.contains("the server refuses it"), "{shown}: {text}");
        assert_eq!((said, took), (!is_of_engine, !is_of_engine), "{shown}: {text}");
        let rows = world.csv("summary.csv");
        let row = rows.iter().find(|r| r["series"] == "websocket").expect("a row");
        for column in ["audit_ledger_bytes", "audit_kernel_bytes"] {
            assert_eq!(number(row, column), 0.0, "{shown}: {column}\n{text}");
        }
        assert!(number(row, "audit_connections") > 0.0, "{shown}: {text}");
        assert!(total(&world, "up", "discarded_bytes") > 0.0, "{shown}: {text}");
        assert!(total(&world, "down", "discarded_bytes") > 0.0, "{shown}: {text}");
    });
}
