//! Servers that break the rules: what is wrong is said as what it is, with a remedy that fits, for all
//! engines.

use crate::support::steps::UPGRADED;
use crate::support::{
    World, answer_upgrade, at_once, client_frame, expect_code, finish, number, said, serve,
    server_frame,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wsbench::internals::feed::{PayloadKind, Stamp};
use wsbench::internals::time::now_ns;

/// A short run of two clients, with further lines.
pub(crate) fn world(address: SocketAddr, more: &str) -> World {
    World::new(&format!(
        "clients = [2]\nwarmup = \"200ms\"\nduration = \"1500ms\"\ncooldown = \"100ms\"\ndrain = \"1s\"\n\
         timeout = \"1s\"\ndriver_lateness = \"900ms\"\n[server]\nurl = \"http://{address}\"\n{more}\n"
    ))
}

/// What a run says that is invalid, without its line breaks.
pub(crate) fn said_of(address: SocketAddr, more: &str) -> String {
    let output = finish(&mut world(address, more).run(&[]));
    expect_code(&output, 96);
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn now_s() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    since.as_secs_f64()
}

/// A WebSocket server that sends these bytes ten times a second, and the codes with which clients close.
fn frames(bytes: &'static [u8]) -> (SocketAddr, Receiver<u16>) {
    let (codes, closed) = channel();
    let address = serve(move |mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        let mut writer = stream.try_clone().expect("a second handle");
        std::thread::spawn(move || {
            while writer.write_all(bytes).is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        while let Some((opcode, payload)) = client_frame(&mut stream) {
            if let (8, [high, low, ..]) = (opcode, &payload[..]) {
                let _ = codes.send(u16::from_be_bytes([*high, *low]));
            }
        }
    });
    (address, closed)
}

#[test]
fn a_frame_that_breaks_the_protocol_is_named_by_the_rule_that_it_breaks() {
    let cases: [(&[u8], &str, u16); 5] = [
        (b"\x81\x82....ab", "the server masked a frame (RFC 6455, 5.1)", 1002),
        (b"\x81\x01\xff", "a text message that is not UTF-8 (RFC 6455, 8.1)", 1007),
        (b"\x80\x01a", "a continuation frame without a message to continue (RFC 6455, 5.4)", 1002),
        (
            b"\x81\x02ab\x81\x7e\x00\x02ab",
            "a frame whose length is not written in the fewest bytes (RFC 6455, 5.2)",
            1002,
        ),
        (
            b"\x82\x7f\x80\0\0\0\0\0\0\0",
            "a frame whose length has its highest bit set (RFC 6455, 5.2)",
            1002,
        ),
    ];
    let engines = ["raw", "tungstenite"];
    let all = cases.iter().flat_map(|case| engines.map(|engine| (case, engine)));
    at_once(all, |((bytes, why, code), engine)| {
        let (address, closed) = frames(bytes);
        let text = said_of(
            address,
            &format!("[[series]]\ntransport = \"websocket\"\nengine = \"{engine}\""),
        );
        assert!(text.contains(why), "{engine}: {text}");
        assert!(text.contains("Correct the frames that the server"), "{engine}: {text}");
        assert!(!text.contains("open files"), "{engine}: {text}");
        assert_eq!(closed.try_iter().next(), Some(*code), "{engine}: {text}");
    });
}

#[test]
fn a_frame_that_is_announced_and_does_not_end_is_named_with_its_length() {
    // More than the library takes, and 2 MB, which it does.
    const HUGE: &[u8] = b"\x81\x02ab\x82\x7f\x40\0\0\0\0\0\0\0";
    const LARGE: &[u8] = b"\x81\x02ab\x82\x7f\0\0\0\0\0\x1e\x84\x80";
    let cases = [
        ("raw", HUGE, "a frame that did not end in time: 4.61 EB were announced, and", 1008),
        (
            "tungstenite",
            HUGE,
            "larger than the engine \"tungstenite\" takes: 4.61 EB were announced",
            1009,
        ),
        ("raw", LARGE, "a frame that did not end in time: 2 MB were announced, and", 1008),
        ("tungstenite", LARGE, "a frame that did not end in time: 2 MB were announced, and", 1008),
    ];
    at_once(cases, |(engine, bytes, why, code)| {
        let (address, closed) = frames(bytes);
        let text = said_of(
            address,
            &format!("[[series]]\ntransport = \"websocket\"\nengine = \"{engine}\""),
        );
        assert!(text.contains(why), "{engine}: {text}");
        assert_eq!(closed.try_iter().next(), Some(code), "{engine}: {text}");
    });
}

/// A stream of large frames without a pause, which no read ends with.
#[test]
fn large_frames_one_after_another_each_have_their_own_time() {
    at_once(["raw", "tungstenite"], |engine| {
        let address = serve(|mut stream| {
            if answer_upgrade(&mut stream, UPGRADED).is_none() {
                return;
            }
            // The last tenth of each frame comes with the first bytes of the next.
            let mut frame = b"\x82\x7f\0\0\0\0\0\x1e\x84\x80".to_vec();
            frame.resize(10 + 2_000_000, b'x');
            frame.rotate_right(200_000);
            let mut sent = stream.write_all(&frame[200_000..]);
            while sent.is_ok() {
                std::thread::sleep(Duration::from_millis(200));
                sent = stream.write_all(&frame);
            }
        });
        let more = format!("[[series]]\ntransport = \"websocket\"\nengine = \"{engine}\"");
        let text = said(&finish(&mut world(address, &more).run(&[])));
        assert!(!text.contains("did not end in time"), "{engine}: {text}");
    });
}

/// Reads a request's head.
pub(crate) fn read_head(stream: &mut TcpStream) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(())
}

/// Answers each request with these bytes, and then does nothing or closes.
fn answers(bytes: &'static [u8], closes: bool) -> SocketAddr {
    serve(move |mut stream| {
        while read_head(&mut stream).is_some() && stream.write_all(bytes).is_ok() {
            if closes {
                return;
            }
        }
    })
}

#[test]
fn the_remedy_fits_what_the_server_answered() {
    const HALF: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf";
    let cases: [(&[u8], bool, &str, &str); 4] = [
        (
            b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy",
            false,
            "answered with status 503",
            "The server refuses for now",
        ),
        (HALF, false, "4 of the 50 bytes of its body", "why it does not end its answers"),
        (HALF, true, "closed early by the server", "in the middle of its answers"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            false,
            "answered with malformed bytes",
            "break their protocol",
        ),
    ];
    let engines = ["raw", "reqwest"];
    let all = cases.iter().flat_map(|case| engines.map(|engine| (case, engine)));
    at_once(all, |((bytes, closes, why, remedy), engine)| {
        let series = format!(
            "[[series]]\ntransport = \"polling\"\nengine = \"{engine}\"\ninterval = \"100ms\""
        );
        let text = said_of(answers(bytes, *closes), &series);
        for part in [*why, *remedy, "the server took connections, and did not answer as it should"]
        {
            assert!(text.contains(part), "{engine}, {part}: {text}");
        }
        assert!(!text.contains("open files"), "{engine}: {text}");
    });
}

#[test]
fn a_length_that_cannot_be_read_is_named_as_what_it_is() {
    let cases: [(&[u8], &str); 3] = [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello",
            "line 3 cannot be read: \"Content-Length: 3\", which contradicts a line before it",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
            "\"Content-Length: -5\", which is no number of bytes",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
            "which is more bytes than can be counted",
        ),
    ];
    at_once(cases, |(bytes, why)| {
        let series = "[[series]]\ntransport = \"polling\"\ninterval = \"100ms\"";
        let text = said_of(answers(bytes, false), series);
        assert!(text.contains(why), "{why}: {text}");
        assert!(text.contains("Correct the heads of the server's answers"), "{text}");
        assert!(!text.contains("refuses it"), "{text}");
    });
}

#[test]
fn a_port_that_says_nothing_to_tls_may_be_one_without_it() {
    let (connected, connections) = channel();
    let address = serve(move |mut stream| {
        let _ = connected.send(());
        // Reads, and waits for more.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let series = ["transport = \"websocket\"", "transport = \"polling\"\ninterval = \"100ms\""];
    for series in series {
        let world = World::new(&format!(
            "clients = [2]\nwarmup = \"200ms\"\nduration = \"1s\"\ntimeout = \"1s\"\n\
             driver_lateness = \"900ms\"\n[server]\nurl = \"https://{address}\"\n[[series]]\n{series}\n"
        ));
        let output = finish(&mut world.run(&[]));
        expect_code(&output, 96);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("its port may be one without TLS"), "{text}");
        assert!(!text.contains("open files"), "{text}");
        // Each client has waited once, and the run has looked whether somebody listens.
        assert_eq!(connections.try_iter().count(), 3, "{text}");
    }
}

#[test]
fn a_204_that_ends_a_stream_is_no_loss() {
    let streams = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let address = serve(move |mut stream| {
        if read_head(&mut stream).is_none() {
            return;
        }
        if streams.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 2 {
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
            return;
        }
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        for n in 1..=10 {
            let event = format!("retry: 50\ndata: {{\"t\": {:.6}, \"seq\": {n}}}\n\n", now_s());
            if stream.write_all(event.as_bytes()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let text = said_of(address, &format!("{OWN}transport = \"sse\""));
    assert!(text.contains("ended the stream with status 204"), "{text}");
    assert!(!text.contains("lost, repeated or delayed"), "{text}");
}

#[test]
fn what_a_server_has_when_a_client_comes_was_not_sent_again() {
    let address = serve(|mut stream| {
        let published = now_s() - 0.5;
        while read_head(&mut stream).is_some() {
            let body = format!("{{\"t\": {published:.6}, \"seq\": 1}}");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    });
    let series = format!("{OWN}transport = \"polling\"\ninterval = \"100ms\"");
    let world = world(address, &series);
    let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("times in messages lie before their connection was made"), "{text}");
    assert!(!text.contains("messages have a time before their connection"), "said once: {text}");
    assert!(!text.contains("exact to"), "there is no delivery latency: {text}");
    assert!(!text.contains("sent them again"), "{text}");
}

#[test]
fn the_stamps_of_another_clock_are_not_held_against_the_line() {
    let world = world(numbered(|n| (now_s(), n)), &format!("{OWN}transport = \"websocket\""));
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    let summary = world.summary();
    let rows = summary["rows"].as_array().expect("rows");
    let checks = rows.iter().flat_map(|row| row["checks"].as_array().expect("checks"));
    let mut line = checks.filter(|check| check["name"] == "never_faster_than_the_line");
    let why = "not compared: the stamps are of the server's own clock";
    assert!(line.any(|check| check["text"] == why), "{}", said(&output));
}

/// A WebSocket server with JSON messages ten times a second: their time and number by the number of the
/// message.
pub(crate) fn numbered(message: fn(i64) -> (f64, i64)) -> SocketAddr {
    serve(move |mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        for n in 1..=60 {
            let (time, number) = message(n);
            let text = format!("{{\"t\": {time:.6}, \"seq\": {number}}}");
            if stream.write_all(&server_frame(1, text.as_bytes())).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

pub(crate) const OWN: &str =
    "[message]\ntime = \"/t\"\nunit = \"s\"\nsequence = \"/seq\"\n[[series]]\n";

#[test]
fn numbers_that_count_down_are_no_repeats_and_show_no_loss() {
    let pushed = numbered(|n| (now_s(), 1000 - n));
    let polled = serve(|mut stream| {
        let mut n = 1000;
        while read_head(&mut stream).is_some() {
            n -= 1;
            let body = format!("{{\"t\": {:.6}, \"seq\": {n}}}", now_s());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    });
    let cases = [
        (pushed, "transport = \"websocket\""),
        (pushed, "transport = \"websocket\"\nengine = \"tungstenite\""),
        (polled, "transport = \"polling\"\ninterval = \"100ms\""),
        (polled, "transport = \"polling\"\nengine = \"reqwest\"\ninterval = \"100ms\""),
    ];
    at_once(cases, |(address, series)| {
        let text = said_of(address, &format!("{OWN}{series}"));
        assert!(text.contains("the sequence counts down"), "{series}: {text}");
        assert!(text.contains("a number that goes up by one with each message"), "{text}");
        assert!(!text.contains("repeat") && !text.contains("came before"), "{series}: {text}");
    });
}

#[test]
fn negative_numbers_are_numbers() {
    let world = world(numbered(|n| (now_s(), n - 10)), &format!("{OWN}transport = \"websocket\""));
    let output = finish(&mut world.run(&[]));
    crate::support::expect_ran(&world, &output);
    assert!(!said(&output).contains("had no number"), "{}", said(&output));
    let row = &world.summary()["rows"][0];
    let counts = &row["events"];
    assert!(!said(&output).contains("repeated"), "{counts}: {}", said(&output));
}

#[test]
fn times_that_go_back_are_counted() {
    // Each second message has a time of 60 ms before the one before it.
    let back = numbered(|n| (now_s() - if n % 2 == 0 { 0.16 } else { 0.0 }, n));
    let world = world(back, &format!("{OWN}transport = \"websocket\""));
    let output = finish(&mut world.run(&[]));
    crate::support::expect_ran(&world, &output);
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("had an earlier time than the message before them"), "{text}");
    assert!(text.contains("the delivery latency rests on them"), "{text}");
}

/// A stream of JSON lines, ten writes a second, each the chunks of these messages by their numbers.
pub(crate) fn chunked(chunks: fn(u64) -> Vec<String>) -> SocketAddr {
    serve(move |mut stream| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        if read_head(&mut stream).is_none() || stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        for n in 1..=60 {
            for chunk in chunks(n) {
                let chunk = format!("{:x}\r\n{chunk}\r\n", chunk.len());
                if stream.write_all(chunk.as_bytes()).is_err() {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

pub(crate) fn line(number: u64) -> String {
    format!("{{\"t\": {:.6}, \"seq\": {number}}}\n", now_s())
}

#[test]
fn chunks_that_are_not_messages_are_named_without_a_delimiter() {
    const RATE: &str = "[feed]\nrate = \"10/s\"\n";
    const STREAM: &str = "transport = \"streaming\"";
    let two = chunked(|n| vec![line(2 * n) + &line(2 * n + 1)]);
    let bytes = chunked(|n| line(n).chars().map(String::from).collect());
    let cases = [
        (
            two,
            format!("{RATE}[[series]]\n{STREAM}"),
            "updates came within the measured window, and",
        ),
        (two, format!("{RATE}{OWN}{STREAM}"), "loss could not be checked: the server's chunks are"),
        (
            bytes,
            format!("{RATE}[[series]]\n{STREAM}"),
            "the rate that the scenario states makes about",
        ),
        (bytes, format!("{RATE}{OWN}{STREAM}"), "the server's chunks are not its messages"),
    ];
    at_once(cases, |(address, settings, why)| {
        let text = said_of(address, &settings);
        for part in [why, "figures for each message are for each chunk; set `delimiter`"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("never came"), "{text}");
    });
    // With it both are what they are.
    let rate =
        |rate: &str| format!("[feed]\nrate = \"{rate}\"\n{OWN}{STREAM}\ndelimiter = \"line\"");
    at_once([(two, rate("20/s")), (bytes, rate("10/s"))], |(address, settings)| {
        let world = world(address, &settings);
        let output = finish(&mut world.run(&[]));
        crate::support::expect_ran(&world, &output);
    });
}

#[test]
fn numbers_of_several_channels_are_no_repeats_of_one() {
    let two = numbered(|n| (now_s(), n / 2));
    let text = said_of(two, &format!("{OWN}transport = \"websocket\""));
    assert!(text.contains("name its place in `channel` of [message]"), "{text}");
    // One message in ten comes again: that is what the server does.
    let again = numbered(|n| (now_s(), n - n / 10));
    let world = world(again, &format!("{OWN}transport = \"websocket\""));
    let output = finish(&mut world.run(&[]));
    crate::support::expect_ran(&world, &output);
}

#[test]
fn more_updates_than_the_stated_rate_fail_a_run_as_fewer_do() {
    let address = numbered(|n| (now_s(), n));
    let websocket =
        |rate: &str| format!("[feed]\nrate = \"{rate}\"\n{OWN}transport = \"websocket\"");
    at_once([("2/s", true), ("50/s", false)], |(rate, many)| {
        let text = said_of(address, &websocket(rate));
        let said_many = text.contains("and the rate that the scenario states makes about");
        assert_eq!(said_many, many, "{rate}: {text}");
        assert!(
            text.contains("Set [feed] rate (--rate with wsbench try) to what the server publishes"),
            "{rate}: {text}"
        );
    });
    let ten = world(address, &websocket("10/s"));
    let output = finish(&mut ten.run(&[]));
    crate::support::expect_ran(&ten, &output);
}

#[test]
fn what_keeps_a_stream_alive_is_no_message() {
    let kept = chunked(|n| vec![line(n), String::from("\n")]);
    let rate = "[feed]\nrate = \"10/s\"\n";
    let stream = "[[series]]\ntransport = \"streaming\"";
    let message = "[message]\ntime = \"/t\"\nunit = \"s\"\nsequence = \"/seq\"\n";
    at_once(["", "ignore = [\"\\n\"]\n"], |ignore| {
        let world = world(kept, &format!("{rate}{message}{ignore}{stream}"));
        let output = finish(&mut world.run(&[]));
        crate::support::expect_ran(&world, &output);
        assert!(!said(&output).contains("chunks"), "{}", said(&output));
        // Chunks without time and number, every other one, are no updates in any figure; each client may have
        // one of a pair on either side of the window's edges.
        let rows = world.csv("summary.csv");
        let row = rows.iter().find(|row| row["series"] == "streaming").expect("a row");
        let (updates, chunks) = (number(row, "updates_delivered"), number(row, "messages"));
        let of_each = if ignore.is_empty() { 2.0 } else { 1.0 };
        assert!(updates > 0.0 && of_each * updates <= chunks + 4.0, "{updates} of {chunks}");
    });
}

#[test]
fn one_time_in_all_messages_is_no_time_of_publishing() {
    // That of the first message.
    static FIRST: std::sync::OnceLock<f64> = std::sync::OnceLock::new();
    let same = numbered(|n| (*FIRST.get_or_init(now_s), n));
    let text = said_of(same, &format!("{OWN}transport = \"websocket\""));
    assert!(text.contains("messages have the same time as the one before"), "{text}");
    assert!(text.contains("Name in `time` of [message] when each message was published"), "{text}");
}

#[test]
fn messages_out_of_order_have_no_wrong_times() {
    // Two of each four have changed places, the first two too.
    let address = serve(|mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        let mut held = None;
        for n in 1..=60 {
            let text = server_frame(1, line(n).trim().as_bytes());
            let frames = match (n % 4, held.take()) {
                (1, _) => {
                    held = Some(text);
                    Vec::new()
                }
                (_, Some(first)) => [text, first].concat(),
                _ => text,
            };
            if stream.write_all(&frames).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let world = world(address, &format!("{OWN}transport = \"websocket\""));
    let output = finish(&mut world.run(&[]));
    crate::support::expect_ran(&world, &output);
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("updates came after a later one"), "{text}");
    assert!(!text.contains("had an earlier time"), "{text}");
}

#[test]
fn numbers_that_begin_again_at_their_width_are_no_repeats() {
    let wide: fn(i64) -> (f64, i64) = |n| (now_s(), (n + (1 << 32) - 8) % (1 << 32));
    let byte: fn(i64) -> (f64, i64) = |n| (now_s(), (n + 248) % 256);
    crate::support::at_once([wide, byte], |message| {
        let world = world(numbered(message), &format!("{OWN}transport = \"websocket\""));
        let output = finish(&mut world.run(&[]));
        crate::support::expect_ran(&world, &output);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("numbers began again at the lowest of their width"), "{text}");
        assert!(!text.contains("came again") && !text.contains("came before"), "{text}");
    });
}

#[test]
fn a_number_that_is_too_far_from_the_first_is_not_called_none() {
    let far = numbered(|n| (now_s(), if n % 4 == 0 { n } else { i64::MIN + n }));
    let world = world(far, &format!("{OWN}transport = \"websocket\""));
    let output = finish(&mut world.run(&[]));
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("too far from the client's first to be placed"), "{text}");
    assert!(!text.contains("had no number where"), "{text}");
}

#[test]
fn several_texts_in_one_message_are_named_and_are_no_loss() {
    let frames = serve(|mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        for n in 1..=60 {
            let two = format!("{}{}", line(2 * n), line(2 * n + 1));
            if stream.write_all(&server_frame(1, two.as_bytes())).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let events = serve(|mut stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        if read_head(&mut stream).is_none() || stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        for n in 1..=60 {
            let two = format!("data: {}data: {}\n", line(2 * n), line(2 * n + 1));
            if stream.write_all(two.as_bytes()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let answers = serve(|mut stream| {
        let mut n = 0;
        while read_head(&mut stream).is_some() {
            std::thread::sleep(Duration::from_millis(100));
            n += 2;
            let body = format!("{}{}", line(n), line(n + 1));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    });
    let chunks = chunked(|n| vec![(line(2 * n) + &line(2 * n + 1)).replace('\n', "")]);
    let cases = [
        (frames, "websocket", "Set `separator` in the series"),
        (frames, "websocket\"\nengine = \"tungstenite", "Set `separator` in the series"),
        (events, "sse", "of several in one event or answer, only the first can be read"),
        (answers, "long-polling", "of several in one event or answer, only the first can be read"),
        (chunks, "streaming", "Set `delimiter` in the series"),
    ];
    at_once(cases, |(address, transport, remedy)| {
        let text = said_of(address, &format!("{OWN}transport = \"{transport}\""));
        for part in [
            "JSON texts came behind another in the same message",
            "loss could not be checked",
            remedy,
        ] {
            assert!(text.contains(part), "{transport}, {part}: {text}");
        }
        assert!(!text.contains("never came"), "{transport}: {text}");
    });
    let separated = world(frames, &format!("{OWN}transport = \"websocket\"\nseparator = \"\\n\""));
    let output = finish(&mut separated.run(&[]));
    crate::support::expect_ran(&separated, &output);
}

#[test]
fn a_rate_is_held_from_above_after_a_reconnect_too() {
    // Each stream ends after half a second, and the next one begins with news.
    let address = serve(|mut stream| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        if read_head(&mut stream).is_none() || stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        for n in 1..=25 {
            let event = format!("data: {}\n", line(n));
            if stream.write_all(event.as_bytes()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let text = said_of(
        address,
        &format!("[feed]\nrate = \"4/s\"\n{OWN}transport = \"sse\"\nreconnect = \"50ms\""),
    );
    assert!(text.contains("and the rate that the scenario states makes about"), "{text}");
}

#[test]
fn times_of_answers_are_no_updates_beyond_the_rate() {
    let address = serve(|mut stream| {
        while read_head(&mut stream).is_some() {
            let body = format!("{{\"t\": {:.6}}}", now_s());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    });
    let text = said_of(
        address,
        "[feed]\nrate = \"2/s\"\n[message]\ntime = \"/t\"\nunit = \"s\"\n[[series]]\n\
         transport = \"polling\"\ninterval = \"50ms\"",
    );
    assert!(text.contains("the times that came are those of the answers"), "{text}");
}

#[test]
fn a_server_that_publishes_when_it_is_asked_is_valid_above_the_stated_rate() {
    // A stamp of the program's own kind in each answer, and a connection for each.
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    for transport in ["polling\"\ninterval = \"50ms\"", "long-polling\""] {
        let address = serve(|mut stream| {
            if read_head(&mut stream).is_some() {
                // So often that a loaded machine too gets more answers than the rate makes.
                std::thread::sleep(Duration::from_millis(20));
                let mut stamp = [0; 21];
                let sequence = NUMBER.fetch_add(1, Ordering::Relaxed);
                Stamp { sequence, published_ns: now_ns() }.write(PayloadKind::Text, 1, &mut stamp);
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(&[head.as_bytes(), &stamp].concat());
            }
        });
        let world = world(
            address,
            &format!("[feed]\nrate = \"1/s\"\n[[series]]\ntransport = \"{transport}"),
        );
        let output = finish(&mut world.run(&[]));
        crate::support::expect_ran(&world, &output);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("The server seems to publish when it is asked"), "{text}");
    }
}

#[test]
fn a_message_that_does_not_end_is_named_with_what_came_of_it() {
    /// Good messages for a second, then what does not end.
    fn sends(head: &'static str, message: fn(u64) -> Vec<u8>) -> SocketAddr {
        serve(move |mut stream| {
            let opened = match head {
                "" => answer_upgrade(&mut stream, UPGRADED).map(|_| ()),
                _ => read_head(&mut stream),
            };
            if opened.is_none() || stream.write_all(head.as_bytes()).is_err() {
                return;
            }
            for n in 1..=60 {
                if stream.write_all(&message(n)).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        })
    }
    const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    const LAST: u64 = 10;
    let announced = sends("", |n| match n {
        LAST => [&b"\x82\x7f\0\0\0\0\0\x0d\xbb\xa0"[..], line(n).as_bytes()].concat(),
        _ => server_frame(1, line(n).trim().as_bytes()),
    });
    let fragments = sends("", |n| match n {
        ..LAST => server_frame(1, line(n).trim().as_bytes()),
        LAST => b"\x01\x03abc".to_vec(),
        _ => b"\0\x03abc".to_vec(),
    });
    let events = sends(STREAM, |n| {
        format!("data: {}{}", line(n), if n < LAST { "\n" } else { "" }).into_bytes()
    });
    let lines = sends(STREAM, |n| match n {
        ..LAST => line(n).into_bytes(),
        _ => line(n).trim().as_bytes().to_vec(),
    });
    let cases = [
        (announced, "websocket"),
        (fragments, "websocket"),
        (events, "sse"),
        (lines, "streaming\"\ndelimiter = \"line"),
    ];
    at_once(cases, |(address, transport)| {
        let text = said_of(address, &format!("{OWN}transport = \"{transport}\""));
        for part in [
            "a message was under way at the end at 2 of the clients",
            "bytes of it came",
            "Let the server end each",
        ] {
            assert!(text.contains(part), "{transport}, {part}: {text}");
        }
    });
}

/// A server that ends its event stream after six events. A client with an id goes on so many after it, or
/// begins at 1.
fn resumed(after: Option<i64>) -> SocketAddr {
    serve(move |mut stream| {
        let Some(head) = crate::external::request(&mut stream) else { return };
        let id = head.lines().find_map(|line| line.strip_prefix("Last-Event-ID: "));
        let last = id.map(|id| id.parse::<i64>().expect("a number that was an id"));
        let first = last.zip(after).map_or(1, |(last, after)| last + after);
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 20\n");
        for n in first..first + 6 {
            let text = format!("id: {n}\ndata: {{\"t\": {:.6}, \"seq\": {n}}}\n\n", now_s());
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(60));
        }
    })
}

#[test]
fn numbers_that_go_back_on_a_new_connection_with_newer_times_are_pointed_out() {
    let cases = [(Some(-2), true), (None, false), (Some(1), false)];
    at_once(cases, |(after, is_said)| {
        let world = world(resumed(after), &format!("{OWN}transport = \"sse\""));
        // Clients that are away so often make the row invalid on a slow machine.
        let output = finish(&mut world.run(&[]));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        let words = "connections made anew began with a newer message whose number is not higher";
        assert_eq!(text.contains(words), is_said, "{text}");
    });
}
