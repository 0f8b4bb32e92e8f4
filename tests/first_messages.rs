//! What a client says on a WebSocket beside the updates, against scripted servers: the first messages
//! and their answers, pings that are messages, and what is said if the answer does not come.

use crate::support::steps::{BINARY, CLOSE, Step, TEXT, steady, updates, world};
use crate::support::{expect_code, expect_ran, finish, number, said};

#[test]
fn the_set_up_of_socket_io_and_its_pings_are_no_updates() {
    let address = updates(
        "",
        &[
            Step::Send(TEXT, b"0{\"sid\":\"a\",\"pingInterval\":25000}"),
            Step::Get(TEXT, b"40"),
            Step::Send(TEXT, b"2"),
            Step::Get(TEXT, b"3"),
            Step::Send(TEXT, b"40{\"sid\":\"b\"}"),
            Step::Get(TEXT, b"42[\"subscribe\"]"),
        ],
        |update| (TEXT, update.to_vec()),
        &[Step::Send(TEXT, b"2"), Step::Get(TEXT, b"3")],
    );
    let world = world(
        address,
        "transport = \"websocket\"\n\
         first = [{ wait = \"0{*\" }, \"40\", { wait = \"40*\" }, '42[\"subscribe\"]']\n\
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
        "",
        &[
            Step::Get(BINARY, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"),
            Step::Send(BINARY, b"\x20\x02\x00\x00"),
            Step::Get(BINARY, b"\x01\x02\x03"),
            Step::Send(TEXT, b"{\"id\": 2, \"type\": \"other\"}"),
            Step::Send(TEXT, b"{\"id\": 1, \"type\": \"ack\"}"),
        ],
        |update| (TEXT, update.to_vec()),
        &[Step::Send(BINARY, b"\xc0\x00"), Step::Get(BINARY, b"\xd0\x00")],
    );
    let world = world(
        address,
        "transport = \"websocket\"\n\
         first = [{ hex = \"10 0c 0004 4d515454 04 02 0000 0000\" }, { wait = { hex = \"20*\" } },\n\
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
    let address = updates("", set_up, |update| (TEXT, update.to_vec()), &[]);
    let world = world(address, &format!("transport = \"websocket\"\n{settings}"));
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

/// No exchange is missing beside the errors of clients that are refused, and none of them is back after a
/// longer warm-up.
#[test]
fn of_refused_clients_the_refusal_alone_is_shown() {
    let closes: &[Step] = &[
        Step::Get(TEXT, b"hi"),
        Step::Send(CLOSE, b"\x03\xf0subscribe first"),
        Step::Get(TEXT, b"x"),
    ];
    let reason = "closed early by the server with close code 1008: \"subscribe first\"";
    let never = refused(closes, "first = [\"hi\"]\nready = \"ok\"");
    assert!(never.contains("0 of 3 clients connected") && never.contains(reason), "{never}");
    for other in ["beside 0", "warmup", "no whole exchange"] {
        assert!(!never.contains(other), "{never}");
    }
    let then = refused(closes, "first = [\"hi\"]\nready = \"\"");
    assert!(then.contains(reason) && then.contains("The server closes connections"), "{then}");
    for other in ["beside 0", "warmup", "`duration` is long enough"] {
        assert!(!then.contains(other), "{then}");
    }
}
