//! The dialects that come with the program, byte by byte against scripted servers: set-up, pings,
//! updates and the envelopes around them.

use crate::support::steps::{BINARY, Step, TEXT, UPGRADED, Wrap, steady, updates, world};
use crate::support::{
    answer_upgrade, at_once, client_frame, command, expect_code, expect_ran, finish, number, said,
    serve, server_frame,
};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use wsbench::internals::feed::{PayloadKind, Stamp};
use wsbench::internals::time::now_ns;

/// A dialect and a server that uses it.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// Further settings of the series.
    settings: &'static str,
    /// Further lines of the answer to the upgrade.
    lines: &'static str,
    set_up: &'static [Step],
    wrap: Wrap,
    ping: &'static [Step],
    /// Bytes of the frames of a ping, and of its answer.
    ping_bytes: [f64; 2],
}

const SOCKET_IO: Case = Case {
    name: "socket.io",
    settings: "first = ['42[\"join\",1]']",
    lines: "",
    set_up: &[
        Step::Send(TEXT, b"0{\"sid\":\"a\",\"upgrades\":[],\"pingInterval\":25000}"),
        Step::Get(TEXT, b"40"),
        Step::Send(TEXT, b"40{\"sid\":\"b\"}"),
        Step::Get(TEXT, b"42[\"join\",1]"),
    ],
    wrap: |update| (TEXT, [&b"42[\"tick\",\""[..], update, b"\"]"].concat()),
    ping: &[Step::Send(TEXT, b"2"), Step::Get(TEXT, b"3")],
    ping_bytes: [3.0, 7.0],
};

const SIGNALR: Case = Case {
    name: "signalr",
    settings: "",
    lines: "",
    set_up: &[
        Step::Get(TEXT, b"{\"protocol\":\"json\",\"version\":1}\x1e"),
        // An update may come in the same frame.
        Step::Send(TEXT, b"{}\x1e{\"type\":1,\"target\":\"t\",\"arguments\":[\"old\"]}\x1e"),
    ],
    wrap: |update| {
        let begin = &b"{\"type\":1,\"target\":\"t\",\"arguments\":[\""[..];
        (TEXT, [begin, update, b"\"]}\x1e"].concat())
    },
    ping: &[Step::Send(TEXT, b"{\"type\":6}\x1e"), Step::Get(TEXT, b"{\"type\":6}\x1e")],
    ping_bytes: [13.0, 17.0],
};

const CENTRIFUGO: Case = Case {
    name: "centrifugo",
    settings: "first = ['{\"id\":2,\"subscribe\":{\"channel\":\"c\"}}']\nready = { pointer = \"/subscribe\" }",
    lines: "",
    set_up: &[
        Step::Get(TEXT, b"{\"id\":1,\"connect\":{}}"),
        Step::Send(TEXT, b"{\"id\":1,\"connect\":{\"client\":\"x\",\"ping\":25,\"pong\":true}}"),
        Step::Get(TEXT, b"{\"id\":2,\"subscribe\":{\"channel\":\"c\"}}"),
        Step::Send(TEXT, b"{\"id\":2,\"subscribe\":{}}"),
    ],
    wrap: |update| {
        let begin = &b"{\"push\":{\"channel\":\"c\",\"pub\":{\"data\":\""[..];
        (TEXT, [begin, update, b"\"}}}"].concat())
    },
    ping: &[Step::Send(TEXT, b"{}"), Step::Get(TEXT, b"{}")],
    ping_bytes: [4.0, 8.0],
};

const GRAPHQL: Case = Case {
    name: "graphql",
    settings: "first = ['{\"id\":\"1\",\"type\":\"subscribe\"}']\nupdate = { pointer = \"/payload/data/t\" }",
    lines: "Sec-WebSocket-Protocol: graphql-transport-ws\r\n",
    set_up: &[
        Step::Get(TEXT, b"{\"type\":\"connection_init\"}"),
        Step::Send(TEXT, b"{\"type\":\"connection_ack\",\"payload\":{}}"),
        Step::Get(TEXT, b"{\"id\":\"1\",\"type\":\"subscribe\"}"),
    ],
    wrap: |update| {
        let begin = &b"{\"id\":\"1\",\"type\":\"next\",\"payload\":{\"data\":{\"t\":\""[..];
        (TEXT, [begin, update, b"\"}}}"].concat())
    },
    ping: &[Step::Send(TEXT, b"{\"type\":\"ping\"}"), Step::Get(TEXT, b"{\"type\":\"pong\"}")],
    ping_bytes: [17.0, 21.0],
};

const MQTT: Case = Case {
    name: "mqtt",
    settings: "first = [{ hex = \"82 0a 0001 0005 7469636b73 00\" }]\nready = { hex = \"90*\" }",
    lines: "Sec-WebSocket-Protocol: mqtt\r\n",
    set_up: &[
        Step::Get(BINARY, b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0"),
        Step::Send(BINARY, b"\x20\x02\0\0"),
        Step::Get(BINARY, b"\x82\x0a\0\x01\0\x05ticks\0"),
        Step::Send(BINARY, b"\x90\x03\0\x01\0"),
    ],
    wrap: |update| {
        let begin = [0x30, 7 + update.len() as u8, 0, 5];
        (BINARY, [&begin[..], b"ticks", update].concat())
    },
    ping: &[],
    ping_bytes: [0.0, 0.0],
};

const STOMP: Case = Case {
    name: "stomp",
    settings: "first = [\"SUBSCRIBE\\nid:0\\ndestination:/t\\n\\n\\u0000\"]",
    lines: "Sec-WebSocket-Protocol: v12.stomp\r\n",
    set_up: &[
        Step::Get(TEXT, b"CONNECT\naccept-version:1.2\nhost:/\nheart-beat:0,0\n\n\0"),
        Step::Send(TEXT, b"CONNECTED\nversion:1.2\n\n\0"),
        Step::Get(TEXT, b"SUBSCRIBE\nid:0\ndestination:/t\n\n\0"),
    ],
    wrap: |update| {
        let begin = &b"MESSAGE\nsubscription:0\nmessage-id:1\ndestination:/t\n\n"[..];
        (TEXT, [begin, update, b"\0"].concat())
    },
    ping: &[],
    ping_bytes: [0.0, 0.0],
};

#[test]
fn each_dialect_is_followed_to_the_byte() {
    at_once([SOCKET_IO, SIGNALR, CENTRIFUGO, GRAPHQL, MQTT, STOMP], follow);
}

fn follow(case: Case) {
    let address = updates(case.lines, case.set_up, case.wrap, case.ping);
    let settings = format!("dialect = {:?}\n{}", case.name, case.settings);
    let world = world(address, &settings);
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    expect_ran(&world, &output);
    let row = &world.csv("summary.csv")[0];
    let messages = number(row, "messages");
    assert!(messages >= 30.0, "{}: {}", case.name, said(&output));
    assert_eq!(number(row, "updates_missing"), 0.0, "{}", case.name);
    assert!(row["delivery_latency_us_p50"].parse::<f64>().is_ok(), "{}", case.name);
    assert_eq!(steady(&world, "down", "payload_bytes"), 21.0 * messages, "{}", case.name);
    let envelopes = steady(&world, "down", "envelope_bytes");
    let each = (case.wrap)(b"").1.len() as f64;
    assert_eq!(envelopes, each * messages, "{}", case.name);
    // A ping for each update: one more or less of each client at the window's ends.
    let [ping, pong] = case.ping_bytes;
    let near = |found: f64, each: f64| (found - each * messages).abs() <= 3.0 * each;
    let (down, up) =
        (steady(&world, "down", "control_bytes"), steady(&world, "up", "control_bytes"));
    assert!(near(down, ping) && near(up, pong), "{}: {down}, {up}", case.name);
}

/// Packets of MQTT that frames cut and join: the end of the one before, a whole one and the beginning
/// of the next in each frame.
#[test]
fn packets_of_mqtt_are_found_in_any_frames() {
    let packet = |sequence| {
        let mut update = [0; 21];
        Stamp { sequence, published_ns: now_ns() }.write(PayloadKind::Text, 1, &mut update);
        (MQTT.wrap)(&update).1
    };
    let address = serve(move |mut stream| {
        let mut serve = || {
            answer_upgrade(&mut stream, &format!("{UPGRADED}{}", MQTT.lines))?;
            client_frame(&mut stream)?;
            // An answer in two frames.
            stream.write_all(&server_frame(BINARY, b"\x20")).ok()?;
            stream.write_all(&server_frame(BINARY, b"\x02\0\0")).ok()?;
            client_frame(&mut stream)?;
            let mut pending = b"\x90\x03\0\x01\0".to_vec();
            for sequence in (1..=120).step_by(2) {
                pending.extend(packet(sequence));
                let next = packet(sequence + 1);
                pending.extend_from_slice(&next[..9]);
                stream.write_all(&server_frame(BINARY, &pending)).ok()?;
                pending = next[9..].to_vec();
                std::thread::sleep(Duration::from_millis(100));
            }
            Some(())
        };
        let _ = serve();
        while client_frame(&mut stream).is_some() {}
    });
    let world = world(address, &format!("dialect = \"mqtt\"\n{}", MQTT.settings));
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    expect_ran(&world, &output);
    let row = &world.csv("summary.csv")[0];
    let updates = number(row, "updates_delivered");
    assert!(updates >= 80.0, "{}", said(&output));
    assert_eq!(number(row, "updates_missing"), 0.0, "{}", said(&output));
    assert_eq!(number(row, "audit_mismatched"), 0.0, "{}", said(&output));
    let (payload, envelope) =
        (steady(&world, "down", "payload_bytes"), steady(&world, "down", "envelope_bytes"));
    assert_eq!((payload % 21.0, envelope * 21.0), (0.0, payload * 9.0), "{}", said(&output));
}

/// The official servers, by dialect, with the settings of a series that subscribes.
const OFFICIAL: [(&str, &str); 6] = [
    ("mqtt", "first = [{ hex = \"82 0a 0001 0005 7469636b73 00\" }]\nready = { hex = \"90*\" }"),
    ("socket.io", "first = ['42[\"subscribe\"]']"),
    ("signalr", "path = \"/hub\""),
    (
        "centrifugo",
        "first = ['{\"id\":2,\"subscribe\":{\"channel\":\"ticks\"}}']\nready = { pointer = \"/subscribe\" }",
    ),
    (
        "graphql",
        "first = ['{\"id\":\"1\",\"type\":\"subscribe\",\"payload\":{\"query\":\"subscription { tick }\"}}']\n\
         update = { pointer = \"/payload/data/tick\" }",
    ),
    ("stomp", "first = [\"SUBSCRIBE\\nid:0\\ndestination:/ticks\\n\\n\\u0000\"]"),
];

/// Installs the official servers from npm, once. The error is why they cannot be.
fn install() -> Result<PathBuf, String> {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dialects");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects");
    let explain = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&to).map_err(explain)?;
    let lock = "package-lock.json";
    let is_old = fs::read(to.join(lock)).ok() != fs::read(from.join(lock)).ok();
    for file in ["package.json", "servers.js"] {
        fs::copy(from.join(file), to.join(file)).map_err(explain)?;
    }
    if is_old || !to.join("node_modules").exists() {
        fs::copy(from.join(lock), to.join(lock)).map_err(explain)?;
        let mut npm = command("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--prefix"]).arg(&to);
        let output = npm.output().map_err(|error| format!("npm: {error}"))?;
        if !output.status.success() {
            // The next test tries again.
            let _ = fs::remove_file(to.join(lock));
            return Err(format!("npm ci: {}", said(&output)));
        }
    }
    Ok(to)
}

/// Ends a server with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_official_servers_are_measured_if_npm_has_them() {
    let folder = match install() {
        Ok(folder) => folder,
        Err(why) => return println!("skipped: the official servers cannot be installed: {why}"),
    };
    at_once(OFFICIAL, |(name, settings)| {
        let mut node = command("node");
        node.arg(folder.join("servers.js")).arg(name).stdout(Stdio::piped());
        let mut server = Server(node.spawn().expect("node starts"));
        let mut port = String::new();
        let stdout = server.0.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut port).expect("it prints its port");
        let port: u16 = port.trim().parse().expect("a port");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let world = world(address, &format!("dialect = {name:?}\n{settings}"));
        let output = finish(&mut world.run(&["--reports", "csv,json"]));
        expect_ran(&world, &output);
        let row = &world.csv("summary.csv")[0];
        let messages = number(row, "messages");
        assert!(messages >= 30.0, "{name}: {}", said(&output));
        assert_eq!(number(row, "updates_missing"), 0.0, "{name}");
        assert!(row["delivery_latency_us_p50"].parse::<f64>().is_ok(), "{name}");
        assert_eq!(steady(&world, "down", "payload_bytes"), 21.0 * messages, "{name}");
        assert!(steady(&world, "down", "envelope_bytes") > 0.0, "{name}");
    });
}

/// A message with its length before it, in frames of 60,000 bytes.
fn long_message(bytes: usize) -> Vec<Vec<u8>> {
    let mut message = vec![0x30];
    let mut rest = bytes;
    while rest >= 0x80 {
        message.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    message.push(rest as u8);
    message.resize(message.len() + bytes, 0);
    message.chunks(60_000).map(|piece| server_frame(BINARY, piece)).collect()
}

#[test]
fn long_messages_are_counted_once_and_too_long_ones_are_named() {
    const LONG: usize = 1_500_000;
    let run = |frames: Vec<Vec<u8>>| {
        let address = serve(move |mut stream| {
            if answer_upgrade(&mut stream, UPGRADED).is_none() {
                return;
            }
            for _ in 0..40 {
                for frame in &frames {
                    if stream.write_all(frame).is_err() {
                        return;
                    }
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            while client_frame(&mut stream).is_some() {}
        });
        let world = world(address, "transport = \"websocket\"\nlength = [1, \"varint\"]");
        let output = finish(&mut world.run(&["--reports", "csv,json"]));
        (world, output)
    };
    let (world, output) = run(long_message(LONG));
    expect_ran(&world, &output);
    let row = &world.csv("summary.csv")[0];
    let messages = number(row, "messages");
    // Three clients, two seconds, at most one in a tenth of a second.
    assert!((1.0..=66.0).contains(&messages), "{}", said(&output));
    let payload = steady(&world, "down", "payload_bytes");
    assert_eq!(payload, messages * (LONG + 4) as f64, "{}", said(&output));
    // The beginning of a message of 32 MiB, and no length at all.
    let huge = b"\x30\x80\x80\x80\x10begins".to_vec();
    let none = b"\x30\xff\xff\xff\xff\xff".to_vec();
    for (bytes, wanted) in [(huge, "more than 16 MiB"), (none, "malformed bytes")] {
        let (_, output) = run(vec![server_frame(BINARY, &bytes)]);
        expect_code(&output, 96);
        assert!(said(&output).contains(wanted), "{wanted}: {}", said(&output));
    }
}
