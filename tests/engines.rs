//! Clients of libraries beside this program's own: the same server gives the same bytes and counts.

use crate::odd_servers::said_of;
use crate::support::{
    Row, World, at_once, expect_code, expect_ran, finish, number, said, serve, wsbench,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::time::Duration;

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
    // Large enough for a length of its own, and a delay line between the library and the socket; so few
    // that a loaded machine leaves nothing behind in sockets when the run ends.
    let feed = "delay = \"20ms\"\n[feed]\nrate = \"3/s\"\nsize = \"70kB\"\nsemantics = \"log\"";
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
        // What is sent belongs to more or fewer receptions, by where the window's edges fall.
        agree(&rows, &BYTES[5..]);
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

/// A library takes a path apart and puts it together again.
#[test]
fn a_path_that_a_library_cannot_send_as_it_is_written_is_refused() {
    let plan = |transport: &str, engine: &str, path: &str| {
        let world = World::new(&format!(
            "clients = [3]\n[server]\nurl = \"http://127.0.0.1:1\"\npaths = {{ {transport} = '{path}' }}\n\
             [[series]]\ntransport = \"{transport}\"\nengine = \"{engine}\"\n"
        ));
        world.write("d.csv", "tok\nplain\n\"a\"\"b\"\nc\n");
        let path = world.path("scenario.toml").display().to_string();
        finish(&mut wsbench(&["plan", &path]))
    };
    for (transport, engine) in [("polling", "reqwest"), ("websocket", "tungstenite")] {
        for path in ["/ws?q=\"{client}\"", "/ws?q=\"x\"", "/a<b>?{random}\""] {
            let output = plan(transport, engine, path);
            expect_code(&output, 2);
            let text = said(&output);
            let at_line = text.contains("scenario.toml:6:") && text.contains(engine);
            assert!(at_line && text.contains("engine = \"raw\""), "{path} {text}");
            expect_code(&plan(transport, "raw", path), 0);
        }
        expect_code(&plan(transport, engine, "/ws?q=%22{client}%22&r=a"), 0);
    }
    let changed = plan("polling", "reqwest", "/latest/../latest?q=|{client}");
    expect_code(&changed, 2);
    assert!(said(&changed).contains("as \"/latest?q=|0\""), "{}", said(&changed));
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

/// Answers each request of a connection with the same bytes.
fn answer_all(answer: Vec<u8>, each_is_last: bool) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                while read_head(&mut stream) {
                    if stream.write_all(&answer).is_err() || each_is_last {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Reads a request's head. Returns false at the end of the connection.
fn read_head(stream: &mut TcpStream) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

/// Both engines of polling against a server.
fn poll(address: std::net::SocketAddr, check: impl Fn(&World, &Output)) -> [Row; 2] {
    let one = |engine: &str| {
        format!(
            "[[series]]\ntransport = \"polling\"\nlabel = \"{engine}\"\ninterval = \"100ms\"\n\
             engine = \"{engine}\"\nrequest_head = \"chapter\"\n"
        )
    };
    let world = World::new(&format!(
        "clients = [3]\nwarmup = \"200ms\"\nduration = \"1s\"\ncooldown = \"100ms\"\n\
         [server]\nurl = \"http://{address}\"\n{}{}",
        one("raw"),
        one("reqwest")
    ));
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    check(&world, &output);
    let rows = world.csv("summary.csv");
    let of = |engine| rows.iter().find(|row| row["series"] == engine).expect("a row").clone();
    ["raw", "reqwest"].map(of)
}

/// The characters of an answer's heads without line ends, as the engine "raw" counts them.
fn head_chars(world: &World) -> f64 {
    let rows = world.csv("bytes.csv");
    let wanted = [("series", "raw"), ("phase", "steady"), ("direction", "down")];
    let is_it = |row: &&Row| {
        row["layer"] == "head_chars" && wanted.iter().all(|(column, value)| row[*column] == **value)
    };
    number(rows.iter().find(is_it).expect("a row"), "per_message")
}

#[test]
fn both_engines_of_polling_agree_on_the_bytes_of_unusual_answers() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let length = "Content-Length: 5\r\n\r\nhello";
    let chunks = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    // Whether the library shows how many bytes of the heads are line ends.
    let answers = [
        (format!("HTTP/1.1 200 Fine\r\n{length}"), true),
        (format!("HTTP/1.1 200 \r\n{length}"), true),
        (format!("HTTP/1.1 200\r\n{length}"), true),
        (format!("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n{length}"), true),
        (format!("HTTP/1.1 200 OK\r\nA:b\r\nB:   c  \r\n{length}"), false),
        (format!("{hints}HTTP/1.1 200 OK\r\n{length}"), false),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), true),
    ];
    at_once(answers, |(answer, shows_line_ends)| {
        let body = answer.rfind("\r\n\r\n").expect("heads") + 4;
        let body = if answer.contains("chunked") { body - chunks.len() } else { body };
        let chars = answer[..body].chars().filter(|char| !"\r\n".contains(*char)).count();
        let rows = poll(answer_all(answer.clone().into_bytes(), false), |world, output| {
            expect_ran(world, output);
            assert_eq!(head_chars(world), chars as f64, "{answer}");
        });
        agree(&rows, &BYTES[..3]);
        agree(&rows, &["heads_bytes_per_message", "framing_bytes_per_message", "completed"]);
        let reqwest = &rows[1];
        if shows_line_ends {
            agree(&rows, &["head_chars_per_message"]);
        } else {
            assert_eq!(reqwest["head_chars_per_message"], "", "{answer}");
            let why = "how many bytes are line ends in the heads of";
            assert!(reqwest["absent"].contains(why), "{answer}: {}", reqwest["absent"]);
        }
        for row in &rows {
            assert_eq!(number(row, "payload_bytes_per_message"), 5.0, "{answer}");
            assert_eq!(number(row, "audit_kernel_bytes") + number(row, "audit_ledger_bytes"), 0.0);
        }
    });
}

/// An engine's own limits say nothing of the server.
#[test]
fn what_the_library_refuses_is_not_said_of_the_server() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    const LENGTH: &str = "Content-Length: 5\r\n\r\nhello";
    let many: String = (0..120).map(|n| format!("X-{n}: y\r\n")).collect();
    let answers = [
        format!("{OK}A: b\r\n c\r\n{LENGTH}"),
        format!("{OK}{many}{LENGTH}"),
        format!("{OK}A: b\x01c\r\n{LENGTH}"),
        format!("{OK}Content-Length : 5\r\n\r\nhello"),
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into(),
        "hello world\r\n\r\n".into(),
    ];
    at_once(answers, |answer| {
        let text = said_of(
            answer_all(answer.clone().into_bytes(), false),
            "[[series]]\ntransport = \"polling\"\nengine = \"reqwest\"\ninterval = \"100ms\"\n",
        );
        for part in ["engine's library refuses to read", "Take engine = \"raw\""] {
            assert!(text.contains(part), "{answer:?}, {part}: {text}");
        }
        for part in ["closed early", "closed every connection", "https://", "did not answer as it"]
        {
            assert!(!text.contains(part), "{answer:?}, {part}: {text}");
        }
    });
}

#[test]
fn an_interim_response_before_chunks_leaves_heads_and_framing_absent() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let answer = format!("{hints}{chunks}");
    let rows = poll(answer_all(answer.into_bytes(), false), expect_ran);
    agree(&rows, &BYTES[..3]);
    agree(&rows, &["payload_bytes_per_message", "completed"]);
    for row in &rows {
        assert_eq!(number(row, "audit_kernel_bytes") + number(row, "audit_ledger_bytes"), 0.0);
    }
    let [raw, reqwest] = rows;
    assert_eq!(number(&raw, "framing_bytes_per_message"), 10.0);
    for column in ["heads_bytes_per_message", "framing_bytes_per_message"] {
        assert_eq!(reqwest[column], "", "{column}");
    }
    assert!(reqwest["absent"].contains("framing of chunks apart"), "{}", reqwest["absent"]);
}

#[test]
fn a_field_that_the_library_adds_to_its_requests_is_counted() {
    let answer = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello";
    let world = World::new(&format!(
        "clients = [3]\nwarmup = \"200ms\"\nduration = \"1s\"\ncooldown = \"100ms\"\n\
         [server]\nurl = \"http://{}\"\n[[series]]\ntransport = \"polling\"\n\
         interval = \"100ms\"\nengine = \"reqwest\"\nrequest_head = \"minimal\"\n",
        answer_all(answer.as_bytes().to_vec(), false)
    ));
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_ran(&world, &output);
    let row = &world.csv("summary.csv")[0];
    assert_eq!(number(row, "audit_ledger_bytes"), 0.0, "{}", said(&output));
}

#[test]
fn bytes_that_a_library_hides_are_absent_with_the_reason() {
    let answer = b"HTTP/1.0 200 OK\r\n\r\nhello".to_vec();
    // What an engine cannot know makes no row invalid. A connection that could be read is audited.
    let [raw, reqwest] = poll(answer_all(answer, true), |world, output| {
        expect_ran(world, output);
        let text = said(output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("there are no figures of bytes: the library had closed"), "{text}");
        assert!(!text.contains("Linux 4.19"), "{text}");
    });
    assert_eq!(number(&reqwest, "audit_refused"), 0.0, "{reqwest:?}");
    assert_eq!(number(&raw, "wire_bytes_down_per_message"), 24.0);
    assert_eq!(number(&raw, "completed"), number(&reqwest, "completed"));
    assert_eq!(reqwest["wire_bytes_down_per_message"], "");
    assert!(reqwest["absent"].contains("closed the sockets of"), "{}", reqwest["absent"]);
}

#[test]
fn both_engines_of_polling_ask_again_if_an_idle_connection_was_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // Reads the second request and closes without an answer to it.
                if read_head(&mut stream) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
                    read_head(&mut stream);
                }
            });
        }
    });
    let rows = poll(address, expect_ran);
    for row in &rows {
        assert_eq!((number(row, "completed"), number(row, "faults")), (30.0, 0.0), "{row:?}");
        assert!(number(row, "reconnects") >= 29.0, "{row:?}");
    }
}

/// Answers each request, and sends more with the answer, or a little later before it closes.
fn idle_bytes(more: &'static [u8], at_once: bool) -> SocketAddr {
    serve(move |mut stream| {
        while read_head(&mut stream) {
            let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec();
            if at_once {
                answer.extend_from_slice(more);
            }
            if stream.write_all(&answer).is_err() {
                return;
            }
            if !at_once {
                std::thread::sleep(Duration::from_millis(20));
                let _ = stream.write_all(more);
                return;
            }
        }
    })
}

#[test]
fn bytes_on_an_idle_connection_that_a_library_hides_are_named() {
    let timeout = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    at_once([&timeout[..], b"stray"], |more| {
        let run = |engine: &str| {
            let world = World::new(&format!(
                "clients = [2]\nwarmup = \"200ms\"\nduration = \"1s\"\ncooldown = \"100ms\"\n[server]\n\
                 url = \"http://{}\"\n[[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n\
                 engine = \"{engine}\"\n",
                idle_bytes(more, false)
            ));
            said(&finish(&mut world.run(&["-q"]))).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let text = run("reqwest");
        assert!(text.contains("connections were closed between two requests"), "{text}");
        assert!(text.contains("after its last answer"), "{text}");
        let text = run("raw");
        assert!(!text.contains("connections were closed between two requests"), "{text}");
    });
}

#[test]
fn an_answer_that_nobody_asked_for_is_not_called_an_interim_response_alone() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother";
    let world = World::new(&format!(
        "clients = [2]\nwarmup = \"200ms\"\nduration = \"1s\"\ncooldown = \"100ms\"\n[server]\n\
         url = \"http://{}\"\n[[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n\
         engine = \"reqwest\"\n",
        idle_bytes(answer, true)
    ));
    let text = said(&finish(&mut world.run(&["-q"])));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("bytes that nobody asked for came after them"), "{text}");
}
