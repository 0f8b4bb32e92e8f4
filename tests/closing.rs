//! The end of a run: servers that do not end a connection, or not as they should, hold it up for a short time
//! only, and the clients have lost nothing.

use crate::bodies::update;
use crate::external::request;
use crate::support::steps::{CLOSE, TEXT, UPGRADED};
use crate::support::{
    World, answer_upgrade, at_once, client_frame, expect_ran, finish, number, said, serve,
    server_frame,
};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a server does when a client ends the conversation: by a Close or by the end of its side of TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtEnd {
    /// It answers a Close, sends nothing more, and keeps TCP open.
    KeepsOpen,
    /// It does not answer, and keeps sending.
    KeepsSending,
    /// It answers a Close, and resets the connection.
    Resets,
    /// It answers a Close, and ends its side of TCP, a good while later.
    IsLate,
    /// It has read nothing since the first request.
    NeverReads,
}

/// How late a server is that is late.
const LATE: Duration = Duration::from_secs(3);
/// A run takes three seconds at most with a server that ends at once. One that waits for a server's end
/// without a bound never ends.
const BOUND: Duration = Duration::from_secs(30);

const STREAM: &str = "Transfer-Encoding: chunked\r\n\r\n";

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn frame(update: &[u8]) -> Vec<u8> {
    server_frame(TEXT, update)
}

fn event(update: &[u8]) -> Vec<u8> {
    chunk(&[b"data: ", update, b"\n\n"].concat())
}

/// Sends updates beside the thread that reads.
struct Sender {
    stops: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Sender {
    /// Sends an update every 50 ms until it is stopped or the client is gone.
    fn start(stream: &TcpStream, message: fn(&[u8]) -> Vec<u8>) -> Sender {
        let mut stream = stream.try_clone().expect("a second handle");
        let stops = Arc::new(AtomicBool::new(false));
        let stopped = stops.clone();
        let thread = std::thread::spawn(move || {
            for sequence in 1.. {
                let is_stopped = stopped.load(Ordering::Acquire);
                if is_stopped || stream.write_all(&message(&update(sequence))).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Sender { stops, thread }
    }

    /// Sends nothing more.
    fn stop(self) {
        self.stops.store(true, Ordering::Release);
        self.join();
    }

    /// Waits until the client is gone.
    fn join(self) {
        self.thread.join().expect("it does not panic");
    }
}

/// Ends a connection by a reset.
fn reset(stream: TcpStream) {
    let socket = SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).expect("a socket can be set to be reset");
}

/// Does what the server does at the end. `answer` is sent by one that answers.
fn end(at_end: AtEnd, mut stream: TcpStream, sender: Sender, answer: &[u8]) {
    match at_end {
        AtEnd::KeepsOpen => {
            sender.stop();
            let _ = stream.write_all(answer);
            // Nobody ends it but the client: after the end of its side of TCP a read waits for nothing.
            while stream.read(&mut [0; 64]).is_ok_and(|len| len > 0) {}
            std::thread::sleep(2 * BOUND);
        }
        AtEnd::KeepsSending | AtEnd::NeverReads => sender.join(),
        AtEnd::Resets => {
            sender.stop();
            let _ = stream.write_all(answer);
            reset(stream);
        }
        AtEnd::IsLate => {
            sender.stop();
            std::thread::sleep(LATE);
            let _ = stream.write_all(answer);
        }
    }
}

/// Serves WebSocket.
fn websocket(at_end: AtEnd) -> SocketAddr {
    serve(move |mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        let sender = Sender::start(&stream, frame);
        let mut close = None;
        while at_end != AtEnd::NeverReads && close.is_none() {
            match client_frame(&mut stream) {
                Some((CLOSE, code)) => close = Some(server_frame(CLOSE, &code)),
                Some(_) => {}
                None => return sender.stop(),
            }
        }
        end(at_end, stream, sender, &close.unwrap_or_default());
    })
}

/// Serves a stream in chunks.
fn stream(at_end: AtEnd, media_type: &'static str, message: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    serve(move |mut stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n{STREAM}");
        if request(&mut stream).is_none() || stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        let sender = Sender::start(&stream, message);
        if at_end != AtEnd::NeverReads {
            // The end of the client's side.
            let _ = stream.read(&mut [0; 64]);
        }
        end(at_end, stream, sender, b"0\r\n\r\n");
    })
}

/// Serves held polls, each of which it answers after 50 ms. At the end one is under way.
fn held(at_end: AtEnd) -> SocketAddr {
    serve(move |mut stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n";
        let answer = |n| [head.as_bytes(), &update(n)].concat();
        for sequence in 1.. {
            if request(&mut stream).is_none() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
            if stream.write_all(&answer(sequence)).is_err() {
                return;
            }
        }
        match at_end {
            AtEnd::Resets => reset(stream),
            AtEnd::IsLate => std::thread::sleep(LATE),
            AtEnd::KeepsOpen | AtEnd::KeepsSending | AtEnd::NeverReads => {
                std::thread::sleep(2 * BOUND);
            }
        }
    })
}

/// Runs three clients to their end.
fn ends(address: SocketAddr, series: &str, case: &str) {
    let world = World::new(&format!(
        "clients = [3]\nwarmup = \"200ms\"\nduration = \"1s\"\ncooldown = \"100ms\"\n\
         timeout = \"20s\"\ndrain = \"20s\"\ndriver_lateness = \"1s\"\n\
         [server]\nurl = \"http://{address}\"\n[[series]]\n{series}\n"
    ));
    let began = Instant::now();
    let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
    let took = began.elapsed();
    let text = said(&output);
    assert!(took < BOUND, "{case}: {took:?}\n{text}");
    expect_ran(&world, &output);
    let row = &world.csv("summary.csv")[0];
    assert_eq!(number(row, "clients_connected"), 3.0, "{case}: {text}");
    assert!(number(row, "completed") > 0.0, "{case}: {text}");
    for column in [
        "faults",
        "lost",
        "reconnects",
        "audit_mismatched",
        "audit_ledger_bytes",
        "audit_kernel_bytes",
        "audit_refused",
    ] {
        assert_eq!(number(row, column), 0.0, "{case}, {column}: {text}");
    }
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["did not end within", "not connected", "never came", "closed early", "reset"] {
        assert!(!words.contains(part), "{case}, {part}: {text}");
    }
}

#[test]
fn a_websocket_server_that_does_not_close_as_it_should_holds_nothing_up() {
    use AtEnd::{IsLate, KeepsOpen, KeepsSending, NeverReads, Resets};
    let all = [KeepsOpen, KeepsSending, Resets, IsLate, NeverReads];
    let cases = ["raw", "tungstenite"].iter().flat_map(|engine| all.map(|at_end| (engine, at_end)));
    at_once(cases, |(engine, at_end)| {
        let series = format!("transport = \"websocket\"\nengine = \"{engine}\"");
        ends(websocket(at_end), &series, &format!("{engine}, {at_end:?}"));
    });
}

#[test]
fn a_server_that_does_not_end_its_stream_holds_nothing_up() {
    use AtEnd::{IsLate, KeepsOpen, KeepsSending, NeverReads, Resets};
    let all = [KeepsOpen, KeepsSending, Resets, IsLate, NeverReads];
    at_once(all, |at_end| {
        let address = stream(at_end, "text/event-stream", event);
        ends(address, "transport = \"sse\"", &format!("events, {at_end:?}"));
        let address = stream(at_end, "application/octet-stream", chunk);
        ends(address, "transport = \"streaming\"", &format!("chunks, {at_end:?}"));
    });
}

#[test]
fn a_server_that_holds_polls_at_the_end_holds_nothing_up() {
    at_once([AtEnd::KeepsOpen, AtEnd::Resets, AtEnd::IsLate], |at_end| {
        ends(held(at_end), "transport = \"long-polling\"", &format!("held polls, {at_end:?}"));
    });
}
