//! What a client says on a WebSocket beside the updates, against scripted servers: the first messages
//! and their answers, pings that are messages, and what is said if the answer does not come.

use crate::support::{
    World, answer_upgrade, client_frame, expect_code, expect_ran, finish, number, said, serve,
    server_frame,
};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use wsbench::internals::feed::{PayloadKind, Stamp};
use wsbench::internals::time::now_ns;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// A step of a scripted server: what it sends, and what it must get next.
#[derive(Clone, Copy)]
enum Step {
    Send(u8, &'static [u8]),
    Get(u8, &'static [u8]),
}

const UPGRADED: &str =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

/// Plays the steps; `None` if the client does something else.
fn play(stream: &mut TcpStream, steps: &[Step]) -> Option<()> {
    for step in steps {
        match step {
            Step::Send(opcode, payload) => {
                stream.write_all(&server_frame(*opcode, payload)).ok()?;
            }
            Step::Get(opcode, payload) => {
                let (got, bytes) = client_frame(stream)?;
                let same = got == *opcode && bytes == *payload;
                if !same {
                    let _ = stream.write_all(&server_frame(CLOSE, b"\x0f\xa0another message"));
                    return None;
                }
            }
        }
    }
    Some(())
}

/// Serves a set-up, and then ten updates a second with a ping and its pong after each.
fn updates(set_up: &'static [Step], ping: &'static [Step]) -> SocketAddr {
    serve(move |mut stream| {
        let mut serve = || {
            answer_upgrade(&mut stream, UPGRADED)?;
            play(&mut stream, set_up)?;
            for sequence in 1..=60 {
                let mut payload = [0; 21];
                Stamp { sequence, published_ns: now_ns() }.write(PayloadKind::Text, &mut payload);
                stream.write_all(&server_frame(TEXT, &payload)).ok()?;
                play(&mut stream, ping)?;
                std::thread::sleep(Duration::from_millis(100));
            }
            Some(())
        };
        let _ = serve();
        // Until the client is gone.
        while client_frame(&mut stream).is_some() {}
    })
}

fn world(address: SocketAddr, settings: &str) -> World {
    World::new(&format!(
        "clients = [3]\nwarmup = \"300ms\"\ndriver_lateness = \"500ms\"\nduration = \"2s\"\n\
         cooldown = \"100ms\"\ndrain = \"1s\"\ntimeout = \"2s\"\n[server]\nurl = \"http://{address}\"\n\
         [[series]]\ntransport = \"websocket\"\n{settings}\n"
    ))
}

/// A layer's bytes in the measured window, in one direction.
fn steady(world: &World, direction: &str, layer: &str) -> f64 {
    let rows = world.csv("bytes.csv");
    let wanted = rows.iter().filter(|row| {
        row["phase"] == "steady" && row["direction"] == direction && row["layer"] == layer
    });
    let wanted = wanted.filter(|row| row["series"] == "websocket");
    wanted.map(|row| number(row, "total")).sum()
}

#[test]
fn the_set_up_of_socket_io_and_its_pings_are_no_updates() {
    let address = updates(
        &[
            Step::Send(TEXT, b"0{\"sid\":\"a\",\"pingInterval\":25000}"),
            Step::Get(TEXT, b"40"),
            Step::Send(TEXT, b"2"),
            Step::Get(TEXT, b"3"),
            Step::Send(TEXT, b"40{\"sid\":\"b\"}"),
            Step::Get(TEXT, b"42[\"subscribe\"]"),
        ],
        &[Step::Send(TEXT, b"2"), Step::Get(TEXT, b"3")],
    );
    let world = world(
        address,
        "first = [{ wait = \"0{*\" }, \"40\", { wait = \"40*\" }, '42[\"subscribe\"]']\n\
         reply = { \"2\" = \"3\" }",
    );
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    expect_ran(&world, &output);
    let row = &world.csv("summary.csv")[0];
    let messages = number(row, "messages");
    assert!(messages >= 30.0, "{}", said(&output));
    assert_eq!(number(row, "updates_missing"), 0.0);
    assert_eq!(steady(&world, "down", "payload_bytes"), 21.0 * messages);
    // A ping of 3 bytes for each update, and a pong of 7: one more or less at the window's ends.
    let (pings, pongs) =
        (steady(&world, "down", "control_bytes"), steady(&world, "up", "control_bytes"));
    assert!((pings - 3.0 * messages).abs() <= 9.0, "{pings} of {messages}");
    assert!((pongs - 7.0 * messages).abs() <= 21.0, "{pongs} of {messages}");
    assert!(row["delivery_latency_us_p50"].parse::<f64>().is_ok());
}

#[test]
fn a_binary_set_up_is_written_in_hex_and_answered_with_json() {
    let address = updates(
        &[
            Step::Get(BINARY, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"),
            Step::Send(BINARY, b"\x20\x02\x00\x00"),
            Step::Get(BINARY, b"\x01\x02\x03"),
            Step::Send(TEXT, b"{\"id\": 2, \"type\": \"other\"}"),
            Step::Send(TEXT, b"{\"id\": 1, \"type\": \"ack\"}"),
        ],
        &[Step::Send(BINARY, b"\xc0\x00"), Step::Get(BINARY, b"\xd0\x00")],
    );
    let world = world(
        address,
        "first = [{ hex = \"10 0c 0004 4d515454 04 02 0000 0000\" }, { wait = { hex = \"20*\" } },\n\
         { base64 = \"AQID\" }]\n\
         ready = { pointer = \"/type\", value = \"ack\" }\n\
         reply = [{ to = { hex = \"c000\" }, with = { hex = \"d000\" } }]",
    );
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    expect_ran(&world, &output);
    let row = &world.csv("summary.csv")[0];
    assert!(number(row, "messages") >= 30.0, "{}", said(&output));
    assert_eq!(steady(&world, "down", "payload_bytes"), 21.0 * number(row, "messages"));
}

/// What a run prints whose clients never connect, without line breaks.
fn refused(set_up: &'static [Step], settings: &str) -> String {
    let world = world(updates(set_up, &[]), settings);
    let output = finish(&mut world.run(&["--reports", "text"]));
    expect_code(&output, 96);
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_came_instead_of_the_answer_is_quoted() {
    let refusal: &[Step] = &[
        Step::Get(TEXT, b"40"),
        Step::Send(TEXT, b"44{\"message\":\"no\"}"),
        Step::Get(TEXT, b"never"),
    ];
    let text = refused(refusal, "first = [\"40\"]\nready = \"40*\"");
    let wanted = "the answer that counts as connected did not come within the limit; the last \
                  message was \"44{\\\"message\\\":\\\"no\\\"}\"";
    assert!(text.contains(wanted), "{text}");
    let silent: &[Step] = &[Step::Get(TEXT, b"40"), Step::Get(TEXT, b"never")];
    let text = refused(silent, "first = [\"40\"]\nready = \"40*\"");
    assert!(text.contains("within the limit, and no other message either"), "{text}");
}

#[test]
fn the_code_and_the_reason_of_a_close_are_shown() {
    let closes: &[Step] =
        &[Step::Get(TEXT, b"hi"), Step::Send(CLOSE, b"\x0d\xadbad request"), Step::Get(TEXT, b"x")];
    let text = refused(closes, "first = [\"hi\"]\nready = \"ok\"");
    let wanted = "closed early by the server with close code 3501: \"bad request\"";
    assert!(text.contains(wanted), "{text}");
    // If it has no reason, the last message may say it.
    let says: &[Step] = &[
        Step::Get(TEXT, b"hi"),
        Step::Send(TEXT, b"ERROR\nmessage:access refused\n\n\0"),
        Step::Send(CLOSE, b"\x03\xea"),
        Step::Get(TEXT, b"x"),
    ];
    let text = refused(says, "first = [\"hi\"]\nready = \"ok\"");
    assert!(text.contains("close code 1002: \"ERROR message:access refused"), "{text}");
}
