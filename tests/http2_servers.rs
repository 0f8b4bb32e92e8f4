//! Servers that do with HTTP/2 what they may, or what they must not: what is said of them, and that clients go on.

use crate::support::{World, at_once, expect_code, expect_ran, finish, number, said};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = &(payload.len() as u32).to_be_bytes()[1..];
    [length, &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block of `:status: 200` and literal fields without an index.
fn ok(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = vec![0x88];
    for (name, value) in fields {
        block.extend_from_slice(&[0, name.len() as u8]);
        block.extend_from_slice(name.as_bytes());
        block.push(value.len() as u8);
        block.extend_from_slice(value);
    }
    block
}

/// GOAWAY of the streams after one.
fn goaway(last: u32, code: u32, debug_data: &[u8]) -> Vec<u8> {
    let payload = [&last.to_be_bytes()[..], &code.to_be_bytes(), debug_data].concat();
    frame(GOAWAY, 0, 0, &payload)
}

/// One connection of a server.
#[derive(Clone)]
struct Peer {
    stream: Arc<Mutex<TcpStream>>,
    /// How many requests it has got, this one among them.
    requests: usize,
}

impl Peer {
    /// Sends bytes, and returns whether the client still takes them.
    fn send(&self, bytes: &[u8]) -> bool {
        self.stream.lock().expect("no thread panics with it").write_all(bytes).is_ok()
    }

    /// Closes the connection.
    fn close(&self) {
        // It may be gone already.
        let _ = self.stream.lock().expect("no thread panics with it").shutdown(Shutdown::Both);
    }

    /// Sends an event every 50 ms until the client is gone.
    fn push_events(&self, stream: u32) {
        self.send(&frame(
            HEADERS,
            END_HEADERS,
            stream,
            &ok(&[("content-type", b"text/event-stream")]),
        ));
        let peer = self.clone();
        std::thread::spawn(move || {
            while peer.send(&frame(0, 0, stream, b"data: x\n\n")) {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    }
}

/// A server that answers each request so.
fn server(
    settings: &'static [u8],
    answer: impl Fn(&Peer, u32) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                // A client that is gone needs nothing further.
                let _ = serve(stream, settings, &*answer);
            });
        }
    });
    address
}

fn serve(
    mut stream: TcpStream,
    settings: &[u8],
    answer: &dyn Fn(&Peer, u32),
) -> std::io::Result<()> {
    let shared = Arc::new(Mutex::new(stream.try_clone()?));
    let mut peer = Peer { stream: shared, requests: 0 };
    stream.read_exact(&mut [0; 24])?;
    peer.send(&frame(SETTINGS, 0, 0, settings));
    loop {
        let mut header = [0; 9];
        stream.read_exact(&mut header)?;
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        stream.read_exact(&mut vec![0; length as usize])?;
        let id = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
        match header[3] {
            SETTINGS if header[4] == 0 => {
                peer.send(&frame(SETTINGS, 1, 0, &[]));
            }
            HEADERS => {
                peer.requests += 1;
                answer(&peer, id);
            }
            _ => {}
        }
    }
}

/// Clients of a server over HTTP/2.
fn clients_of(address: SocketAddr, transport: &str, more: &str) -> World {
    World::new(&format!(
        "name = \"servers\"\nclients = [6]\nwarmup = \"500ms\"\nduration = \"1s\"\ncooldown = \"100ms\"\n\
         timeout = \"4s\"\ndriver_lateness = \"1s\"\n[feed]\nrate = \"20/s\"\n\
         [server]\nurl = \"http://{address}\"\n[[series]]\ntransport = \"{transport}\"\n\
         path = \"/\"\nhttp_version = \"2\"\n{more}"
    ))
}

/// What a run says of a server whose answers are not allowed.
fn said_of(settings: &'static [u8], answer: impl Fn(&Peer, u32) + Send + Sync + 'static) -> String {
    let address = server(settings, answer);
    let world = clients_of(address, "polling", "interval = \"100ms\"\n");
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_code(&output, 96);
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn clients_that_goaway_refuses_use_another_connection_while_others_are_answered_on_it() {
    // The third request of a connection is refused, and those before it are answered on.
    let address = server(&[], |peer, stream| {
        if peer.requests == 3 {
            peer.send(&goaway(stream - 2, 0, b""));
        } else {
            peer.push_events(stream);
        }
    });
    let world = clients_of(address, "sse", "streams = 3\n");
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let rows = world.csv("summary.csv");
    let row = rows.iter().find(|row| row["transport"] == "sse").expect("a row");
    assert_eq!(number(row, "audit_connections"), 4.0);
    assert_eq!(number(row, "audit_mismatched"), 0.0);
    // Twenty a second of each of the six, of which a loaded machine gets fewer.
    assert_eq!(number(row, "faults"), 0.0);
    assert!(number(row, "messages") > 60.0, "{row:?}");
}

#[test]
fn polls_that_goaway_refuses_are_sent_again_on_another_connection() {
    // Each connection takes five requests, and says with the sixth that it took no more than them.
    let address = server(&[], |peer, stream| {
        if peer.requests > 5 {
            peer.send(&goaway(9, 0, b""));
        } else {
            let body = frame(0, END_STREAM, stream, b"{}");
            peer.send(&[frame(HEADERS, END_HEADERS, stream, &ok(&[])), body].concat());
        }
    });
    let world = clients_of(address, "polling", "interval = \"100ms\"\nstreams = 3\n");
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let rows = world.csv("summary.csv");
    let row = rows.iter().find(|row| row["transport"] == "polling").expect("a row");
    assert!(number(row, "audit_connections") > 8.0, "{row:?}");
    assert_eq!(number(row, "faults"), 0.0, "{row:?}");
    assert_eq!(number(row, "audit_mismatched"), 0.0);
}

#[test]
fn a_refusal_after_the_answer_has_begun_or_again_is_an_error() {
    // GOAWAY of no stream: behind the first message of a stream, and in place of every answer.
    let behind_a_message = |peer: &Peer, stream: u32| {
        let head =
            frame(HEADERS, END_HEADERS, stream, &ok(&[("content-type", b"text/event-stream")]));
        let message = frame(0, 0, stream, b"data: x\n\n");
        peer.send(&[head, message, goaway(0, 0, b"")].concat());
    };
    let of_all = |peer: &Peer, _: u32| {
        peer.send(&goaway(0, 0, b""));
    };
    type Answer = fn(&Peer, u32);
    let answers: [(Answer, &str); 2] = [(behind_a_message, "behind a message"), (of_all, "of all")];
    at_once(answers, |(answer, what)| {
        let address = server(&[], answer);
        let world = clients_of(address, "sse", "streams = 3\nreconnect = \"500ms\"\n");
        let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
        expect_code(&output, 96);
        let said = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("with NO_ERROR (GOAWAY)"), "{what}: {said}");
        assert!(said.contains(" 0 bytes unexplained"), "{what}: {said}");
        // Six clients that wait half a second each time, or as long as set-up does: not hundreds of connections.
        let connections = said.split("audit: ").nth(1).and_then(|rest| rest.split(' ').next());
        let connections: u32 = connections.and_then(|n| n.parse().ok()).expect("a number");
        assert!(connections < 100, "{what}: {connections} connections: {said}");
    });
}

#[test]
fn held_polls_stay_connected_over_connections_that_end_after_each_answer() {
    let address = server(&[], |peer, stream| {
        let peer = peer.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            let answer = [
                frame(HEADERS, END_HEADERS, stream, &ok(&[])),
                frame(0, END_STREAM, stream, b"{}"),
            ];
            // No further request, whatever was asked before.
            peer.send(&[goaway(0x7fff_ffff, 0, b""), answer.concat()].concat());
        });
    });
    let world = clients_of(address, "long-polling", "streams = 3\n");
    // How many answers fit into a second depends on the machine, and so does whether the run is valid.
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    assert!(said(&output).contains(" 0 bytes unexplained"), "{}", said(&output));
    let rows = world.csv("summary.csv");
    let row = rows.iter().find(|row| row["transport"] == "long-polling").expect("a row");
    assert_eq!(number(row, "clients_connected"), 6.0);
    assert_eq!(number(row, "faults"), 0.0);
    // Each connection but the first two takes the place of another one.
    assert!(number(row, "reconnects") + 2.0 >= number(row, "audit_connections"), "{row:?}");
}

#[test]
fn what_servers_break_is_named_by_its_rule() {
    type Case = (&'static [u8], fn(&Peer, u32), &'static [&'static str]);
    let cases: [Case; 14] = [
        (
            &[],
            |peer, _| {
                peer.send(&goaway(0, 11, b"too many of you"));
            },
            &[
                "no further requests on the connection, with ENHANCE_YOUR_CALM (GOAWAY): \"too many of you\"",
            ],
        ),
        (
            &[],
            |peer, stream| {
                peer.send(&frame(RESET, 0, stream, &7_u32.to_be_bytes()));
            },
            &["the server ended the stream with REFUSED_STREAM (RST_STREAM)"],
        ),
        (
            &[],
            |peer, stream| {
                peer.send(&frame(RESET, 0, stream, &0xdead_beef_u32.to_be_bytes()));
            },
            &["the server ended the stream with the unknown error code 0xdeadbeef (RST_STREAM)"],
        ),
        // The same, and it closes at once.
        (
            &[],
            |peer, stream| {
                peer.send(&frame(RESET, 0, stream, &2_u32.to_be_bytes()));
                peer.close();
            },
            &["the server ended the stream with INTERNAL_ERROR (RST_STREAM)"],
        ),
        // SETTINGS_MAX_CONCURRENT_STREAMS of 0.
        (
            &[0, 3, 0, 0, 0, 0],
            |peer, stream| {
                peer.send(&frame(RESET, 0, stream, &7_u32.to_be_bytes()));
            },
            &["takes no stream on a connection", "Let the server take streams"],
        ),
        (
            &[],
            |peer, stream| {
                peer.send(&frame(WINDOW_UPDATE, 0, stream, &[0; 4]));
            },
            &["the server enlarged a flow-control window by 0 (RFC 9113, 6.9)"],
        ),
        // Ten bytes are announced, and two come.
        (
            &[],
            |peer, stream| {
                let block = ok(&[("content-length", b"10")]);
                let body = frame(0, END_STREAM, stream, b"{}");
                peer.send(&[frame(HEADERS, END_HEADERS, stream, &block), body].concat());
            },
            &[
                "whose body is not as long as its content-length or its status says (RFC 9113, 8.1.1)",
            ],
        ),
        // And none.
        (
            &[],
            |peer, stream| {
                let block = ok(&[("content-length", b"10")]);
                peer.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block));
            },
            &["whose body is not as long as"],
        ),
        // A body behind 204.
        (
            &[],
            |peer, stream| {
                let body = frame(0, END_STREAM, stream, b"{}");
                peer.send(&[frame(HEADERS, END_HEADERS, stream, &[0x89]), body].concat());
            },
            &["whose body is not as long as"],
        ),
        (
            &[],
            |peer, stream| {
                peer.send(&frame(HEADERS, 5, stream, &ok(&[("x-a", b"b\r\nforged: c")])));
            },
            &["a field that HTTP/2 does not allow", "(RFC 9113, 8.2)"],
        ),
        (
            &[],
            |peer, stream| {
                peer.send(&frame(HEADERS, 5, stream, &ok(&[("connection", b"close")])));
            },
            &["a field that HTTP/2 does not allow"],
        ),
        (
            &[],
            |peer, stream| {
                peer.send(&frame(HEADERS, END_HEADERS, stream, b"\x08\x03101"));
            },
            &["answered with status 101, which HTTP/2 does not have (RFC 9113, 8.6)"],
        ),
        // Two answers to one request.
        (
            &[],
            |peer, stream| {
                let answer = frame(HEADERS, 5, stream, &ok(&[]));
                peer.send(&[answer.clone(), answer].concat());
            },
            &["the server went on with a stream that it had ended (RFC 9113, 5.1)"],
        ),
        // It asks for acknowledgements without an end, and reads none.
        (
            &[],
            |peer, _| {
                let many = frame(PING, 0, 0, &[7; 8]).repeat(4_096);
                while peer.send(&many) {}
            },
            &["did not read their acknowledgements (RFC 9113, 10.5)"],
        ),
    ];
    at_once(cases, |(settings, answer, expected)| {
        let said = said_of(settings, answer);
        for expected in expected {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert!(!said.contains("Content-Length"), "advice of HTTP/1.1: {said}");
        assert!(said.contains(" 0 bytes unexplained"), "{said}");
    });
}
