//! What servers do that no error counts is said: requests without an answer, codings that nobody asked for,
//! clients without an update.

use crate::odd_servers::{said_of, world};
use crate::support::{expect_ran, finish, number, said, serve};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Reads a head; `None` if the client has ended.
fn asked(stream: &mut TcpStream) -> Option<()> {
    let mut end = [0; 4];
    while &end != b"\r\n\r\n" {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        end.rotate_left(1);
        end[3] = byte[0];
    }
    Some(())
}

fn answer(stream: &mut TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// What a run says, without its line breaks.
fn text_of(address: SocketAddr, more: &str) -> String {
    let text = said(&finish(&mut world(address, more).run(&["-q"])));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn held_requests_that_a_server_ends_without_an_answer_are_named() {
    let address = serve(|mut stream| {
        // Every second request.
        for number in 0.. {
            if asked(&mut stream).is_none() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
            if number == 1 {
                return;
            }
            answer(&mut stream, &format!("{{\"n\":{}}}", wsbench::internals::time::now_ns()));
        }
    });
    let world = world(address, "[[series]]\ntransport = \"long-polling\"\n");
    let output = finish(&mut world.run(&["--reports", "text,csv,json", "-q"]));
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("held requests got no answer: the server closed"), "{text}");
    expect_ran(&world, &output);
    let row = &world.csv("summary.csv")[0];
    assert_eq!(number(row, "faults"), 0.0, "{row:?}");
}

#[test]
fn a_body_that_is_compressed_by_its_transfer_coding_is_named_as_such() {
    for series in [
        "transport = \"polling\"\ninterval = \"100ms\"\nengine = \"raw\"",
        "transport = \"polling\"\ninterval = \"100ms\"\nengine = \"reqwest\"",
        "transport = \"long-polling\"",
        "transport = \"streaming\"",
        "transport = \"sse\"",
    ] {
        let address = serve(|mut stream| {
            while asked(&mut stream).is_some() {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                      Transfer-Encoding: gzip, chunked\r\n\r\n5\r\n\x1f\x8b\x08ab\r\n0\r\n\r\n",
                );
            }
        });
        let text = said_of(address, &format!("[[series]]\n{series}\n"));
        for part in
            ["another coding than \"chunked\"", "Switch compression in Transfer-Encoding off"]
        {
            assert!(text.contains(part), "{series}, {part}: {text}");
        }
    }
}

/// Numbers updates for all; of the connections, every second always gets the same.
fn numbered(same_for: u64) -> SocketAddr {
    static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    serve(move |mut stream| {
        let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let mut number = 0;
        while asked(&mut stream).is_some() {
            number += u64::from(connection % 2 >= same_for || number == 0);
            answer(&mut stream, &format!("{{\"n\":{number}}}"));
        }
    })
}

#[test]
fn polling_clients_without_a_new_update_are_named() {
    let text = text_of(
        numbered(1),
        "[message]\nsequence = \"/n\"\n[[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n",
    );
    assert!(text.contains("1 of 2 clients got no new update in the measured window"), "{text}");
}

#[test]
fn a_feed_of_one_update_for_each_client_is_named() {
    let address = serve(|mut stream| {
        if asked(&mut stream).is_none() {
            return;
        }
        let mut sent =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:k\n\n");
        // It may look like a feed that stops, by when in the window it comes.
        for tick in 0.. {
            std::thread::sleep(Duration::from_millis(100));
            let text: &[u8] = if tick == 10 { b"data: {\"n\":1}\n\n" } else { b":k\n\n" };
            sent = sent.and_then(|()| stream.write_all(text));
            if sent.is_err() {
                return;
            }
        }
    });
    let text = text_of(address, "[message]\nsequence = \"/n\"\n[[series]]\ntransport = \"sse\"\n");
    let said =
        ["and no more: that says nothing of a feed", "before in all: if the feed is as slow"];
    assert!(said.iter().any(|part| text.contains(part)), "{text}");
}

#[test]
fn empty_messages_among_others_are_counted_in_a_remark() {
    let address = serve(|mut stream| {
        if asked(&mut stream).is_none() {
            return;
        }
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let mut sent = stream.write_all(head);
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(50));
            sent = stream.write_all(b"data: hello\n\ndata:\n\n");
        }
    });
    let text = text_of(address, "[[series]]\ntransport = \"sse\"\n");
    assert!(text.contains("messages were empty: they count in figures"), "{text}");
}
