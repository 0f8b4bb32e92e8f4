//! Bodies of servers that are not the bundled one: what delimits the messages of a stream.

use crate::external::{request, row, run};
use crate::support::{World, at_once, expect_code, expect_ran, number, said, serve, wsbench};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use wsbench::internals::feed::{PayloadKind, Stamp};
use wsbench::internals::time::now_ns;

/// An update of 21 bytes.
pub fn update(sequence: u64) -> Vec<u8> {
    let mut payload = vec![0; 21];
    Stamp { sequence, published_ns: now_ns() }.write(PayloadKind::Text, &mut payload);
    payload
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Sends three updates each 100 ms, which `frame` delimits, in pieces of 1 to 40 bytes that have
/// nothing to do with them: each a chunk, if there are chunks.
fn stream(chunked: bool, frame: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    serve(move |mut stream| {
        let _ = request(&mut stream);
        let field = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
        let mut open =
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{field}\r\n").as_bytes()).is_ok();
        let (mut sequence, mut size) = (0, 0);
        while open {
            let mut body = Vec::new();
            for _ in 0..3 {
                sequence += 1;
                body.extend_from_slice(&frame(&update(sequence)));
            }
            let mut rest = &body[..];
            while !rest.is_empty() && open {
                size = size % 40 + 1;
                let (piece, after) = rest.split_at(size.min(rest.len()));
                let piece = if chunked { chunk(piece) } else { piece.to_vec() };
                open = stream.write_all(&piece).is_ok();
                rest = after;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

#[test]
fn messages_of_a_stream_are_found_by_what_the_scenario_says_over_any_boundaries() {
    type Frame = fn(&[u8]) -> Vec<u8>;
    let delimiters: [(&str, Frame, f64); 5] = [
        ("\"line\"", |update| [update, b"\r\n\n"].concat(), 3.0),
        ("{ separator = \"\\u0000\" }", |update| [update, b"\0"].concat(), 1.0),
        ("{ separator = \"--\" }", |update| [update, b"--"].concat(), 2.0),
        ("{ bytes = 21 }", |update| update.to_vec(), 0.0),
        ("{ prefix = \"u16\" }", |update| [&[0, 21], update].concat(), 2.0),
    ];
    let cases = delimiters.iter().flat_map(|case| [(true, case), (false, case)]);
    at_once(cases, |(chunked, (delimiter, frame, framing))| {
        let series = format!("transport = \"streaming\"\ndelimiter = {delimiter}");
        let (world, output) = run(stream(chunked, *frame), &series, "");
        let (row, text) = (row(&world), said(&output));
        assert!(number(&row, "updates_delivered") > 30.0, "{delimiter} {text}");
        for none in ["lost", "faults", "audit_ledger_bytes", "audit_kernel_bytes"] {
            assert_eq!(number(&row, none), 0.0, "{delimiter}: {none}\n{text}");
        }
        assert_eq!(number(&row, "payload_bytes_down_per_message"), 21.0, "{delimiter} {text}");
        if !chunked {
            let found = number(&row, "framing_bytes_per_message");
            assert!((found - framing).abs() < 0.2, "{delimiter}: {found}\n{text}");
        }
        assert!(number(&row, "delivery_latency_count") > 30.0, "{delimiter} {text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let named = words.contains("a part of a message or more than one");
        assert_eq!(named, chunked, "{delimiter} {words}");
    });
}

#[test]
fn a_chunk_of_its_own_for_each_line_agrees_with_its_messages() {
    let address = serve(|mut stream| {
        let _ = request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut open = stream.write_all(head).is_ok();
        for sequence in 1.. {
            open =
                open && stream.write_all(&chunk(&[&update(sequence)[..], b"\n"].concat())).is_ok();
            if !open {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let series = "transport = \"streaming\"\ndelimiter = \"line\"";
    let (world, output) = run(address, series, "");
    expect_ran(&world, &output);
    assert!(!said(&output).contains("chunks are not its messages"), "{}", said(&output));
}

#[test]
fn what_the_bundled_server_cannot_serve_is_refused_with_its_line() {
    let refused = |series: &str| {
        let world = World::new(&format!("clients = [1]\n[[series]]\n{series}\n"));
        let output = wsbench(&["plan"]).arg(world.path("scenario.toml")).output();
        let output = output.expect("it starts");
        expect_code(&output, 2);
        said(&output)
    };
    let text = refused("transport = \"streaming\"\ndelimiter = \"line\"");
    assert!(text.contains("delimiter is for a server of your own"), "{text}");
    assert!(text.contains("scenario.toml:4:13"), "{text}");
    let text = refused("transport = \"streaming\"\ndelimiter = \"lines\"");
    assert!(text.contains("must be \"auto\", \"chunk\", \"line\" or a table"), "{text}");
}
