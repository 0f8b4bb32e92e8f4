//! What counts as a message of another server is one, or the row is not valid.

use crate::odd_servers::{OWN, chunked, line, now_s, numbered, read_head, said_of, world};
use crate::support::steps::UPGRADED;
use crate::support::{
    World, answer_upgrade, at_once, expect_code, expect_ran, finish, said, serve, server_frame,
    wsbench,
};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use wsbench::internals::feed::{PayloadKind, Stamp};
use wsbench::internals::time::now_ns;

const STREAM: &str = "[[series]]\ntransport = \"streaming\"";

/// What a run says that must be valid, without its line breaks.
fn said_of_valid(address: SocketAddr, more: &str) -> String {
    let world = world(address, more);
    let output = finish(&mut world.run(&[]));
    expect_ran(&world, &output);
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn stamped(number: u64) -> String {
    let mut stamp = [0; 21];
    Stamp { sequence: number, published_ns: now_ns() }.write(PayloadKind::Text, 1, &mut stamp);
    String::from_utf8_lossy(&stamp).into_owned()
}

#[test]
fn chunks_count_as_messages_if_something_says_that_they_are() {
    let text = chunked(|n| vec![format!("price {n}\n")]);
    let json = chunked(|n| vec![line(n)]);
    at_once([text, json], |address| {
        let text = said_of(address, STREAM);
        for part in [
            "no message could be delimited",
            "chunks counted as one message each",
            "Set `delimiter` in the series",
            "\"chunk\" if each chunk is one",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    });
    let own = "[message]\ntime = \"/t\"\nunit = \"s\"\n";
    let cases = [
        (text, format!("{STREAM}\ndelimiter = \"chunk\"")),
        (text, format!("{STREAM}\ndelimiter = \"line\"")),
        (json, format!("{own}{STREAM}")),
        (chunked(|n| vec![stamped(n)]), STREAM.to_owned()),
    ];
    at_once(cases, |(address, settings)| {
        let text = said_of_valid(address, &settings);
        assert!(!text.contains("delimit"), "{settings}: {text}");
    });
}

/// Two JSON texts.
fn two(number: u64) -> String {
    format!("{}{}", line(2 * number), line(2 * number + 1))
}

/// A WebSocket server of these frames, ten a second.
fn frames(text: fn(u64) -> String) -> SocketAddr {
    serve(move |mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        for n in 1..=60 {
            if stream.write_all(&server_frame(1, text(n).as_bytes())).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

#[test]
fn several_texts_in_a_frame_or_event_are_no_message_without_message_settings_too() {
    let events = serve(|mut stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        if read_head(&mut stream).is_none() || stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        for n in 1..=60 {
            let event = format!("data: {}data: {}\n", line(2 * n), line(2 * n + 1));
            if stream.write_all(event.as_bytes()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let lines = frames(two);
    let lists = frames(|n| format!("[{n}][{n}] {{\"a\":\"}}{{\"}}"));
    let separator = "Set `separator` in the series";
    let cases = [
        (lines, "websocket", separator),
        (lines, "websocket\"\nengine = \"tungstenite", separator),
        (lists, "websocket", separator),
        (events, "sse", "Let the server send each update by itself"),
        (chunked(|n| vec![two(n)]), "streaming\"\ndelimiter = \"chunk", "Set `delimiter`"),
    ];
    at_once(cases, |(address, transport, remedy)| {
        let text = said_of(address, &format!("[[series]]\ntransport = \"{transport}\""));
        for part in ["JSON texts came behind another in the same one of", remedy] {
            assert!(text.contains(part), "{transport}, {part}: {text}");
        }
    });
    said_of_valid(lines, "[[series]]\ntransport = \"websocket\"\nseparator = \"\\n\"");
    let strings = frames(|n| format!("{{\"n\":{n},\"a\":\"}}{{\"}}"));
    let text = said_of_valid(strings, "[[series]]\ntransport = \"websocket\"");
    assert!(!text.contains("behind another"), "{text}");
}

#[test]
fn an_answer_of_several_texts_is_one_message_and_is_named() {
    let answers = serve(|mut stream| {
        let mut n = 0;
        while read_head(&mut stream).is_some() {
            std::thread::sleep(Duration::from_millis(50));
            n += 1;
            let body = two(n);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    });
    let cases = [
        "polling\"\ninterval = \"100ms\"",
        "polling\"\nengine = \"reqwest\"\ninterval = \"100ms\"",
        "long-polling\"",
    ];
    at_once(cases, |transport| {
        let text = said_of_valid(answers, &format!("[[series]]\ntransport = \"{transport}"));
        let part = "JSON texts came behind another in the same message: what came together counts";
        assert!(text.contains(part), "{transport}: {text}");
    });
}

#[test]
fn what_ends_a_message_is_an_option_of_try() {
    let stream = format!("stream+http://{}/", chunked(|n| vec![format!("price {n}\n")]));
    let socket = format!("ws://{}/", frames(two));
    let cases = [
        (vec![stream.as_str()], false, "--delimiter"),
        (vec![stream.as_str(), "--delimiter", "chunk"], true, "valid"),
        (vec![stream.as_str(), "--delimiter", "{ separator = \"\\n\" }"], true, "valid"),
        (vec![socket.as_str()], false, "--separator"),
        (vec![socket.as_str(), "--separator", "\\n"], true, "valid"),
    ];
    at_once(cases, |(args, is_valid, part)| {
        let world = World::new("");
        let mut command = wsbench(&["try"]);
        command.args(&args).args(["--clients", "2", "--duration", "1s", "--reports", "json"]);
        let output = finish(command.arg("--out").arg(world.path("out")));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(part), "{args:?}: {text}");
        match is_valid {
            true => expect_ran(&world, &output),
            false => expect_code(&output, 96),
        }
    });
    let output = finish(wsbench(&["try", &socket]).args(["--delimiter", "line"]));
    expect_code(&output, 2);
    assert!(said(&output).contains("--delimiter: no URL is a stream's"), "{}", said(&output));
}

#[test]
fn numbers_that_go_up_by_a_step_are_no_loss() {
    let fives = numbered(|n| (now_s(), 5 * n));
    let uneven = numbered(|n| (now_s(), 5 * (n + n / 3)));
    let cases = [
        (fives, "transport = \"websocket\""),
        (fives, "transport = \"websocket\"\nengine = \"tungstenite\""),
        (uneven, "transport = \"websocket\""),
    ];
    at_once(cases, |(address, series)| {
        let text = said_of(address, &format!("{OWN}{series}"));
        for part in [
            "loss could not be checked: the numbers go up by 5 with each message",
            "a number that goes up by one with each message",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("never came"), "{text}");
    });
    // One in four is missing: that is loss.
    let lossy = numbered(|n| (now_s(), n + n / 3));
    let text = said_of(lossy, &format!("{OWN}transport = \"websocket\""));
    assert!(text.contains("between a client's first and last never came"), "{text}");
}

#[test]
fn updates_in_an_array_are_no_loss() {
    let array = |n: u64| format!("[{},{}]", line(2 * n).trim(), line(2 * n + 1).trim());
    let arrays = frames(array);
    let within =
        frames(|n| format!("{{\"data\":[{},{}]}}", line(2 * n).trim(), line(2 * n + 1).trim()));
    let message =
        |at: &str| format!("[message]\ntime = \"{at}/t\"\nunit = \"s\"\nsequence = \"{at}/seq\"\n");
    let websocket = "[[series]]\ntransport = \"websocket\"";
    at_once([(arrays, ""), (arrays, "/0"), (within, "/data"), (within, "/data/0")], |(to, at)| {
        let text = said_of(to, &format!("{}{websocket}", message(at)));
        for part in [
            "loss could not be checked: messages are or have arrays of several updates",
            "Let the server send each update by itself, or name the time",
        ] {
            assert!(text.contains(part), "{at:?}, {part}: {text}");
        }
        assert!(!text.contains("never came"), "{at:?}: {text}");
    });
    let time = "[feed]\nrate = \"20/s\"\n[message]\ntime = \"/0/t\"\nunit = \"s\"\n";
    let text = said_of_valid(arrays, &format!("{time}{websocket}"));
    assert!(text.contains("updates stand in an array with others"), "{text}");
}
