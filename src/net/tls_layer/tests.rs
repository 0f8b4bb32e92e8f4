//! The layer against itself and against rustls in memory, to the byte.

use super::*;
use crate::tls::{Identity, RECORD_BYTES, RECORD_BYTES_1_2, ServerTls, TlsSettings, TlsVersion};
use crate::tls::{client_config, server_config};
use proptest::prelude::*;
use std::sync::LazyLock;

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::own().expect("randomness"));

/// Both sides of a connection, with settings.
pub(crate) fn pair(settings: &TlsSettings) -> (TlsClient, TlsServer) {
    let client = client_config(settings, Some(&IDENTITY.certificate)).expect("a configuration");
    let TlsSettings { version, resumption, .. } = *settings;
    let server = ServerTls { identity: IDENTITY.clone(), version, resumption };
    let server = server_config(&server).expect("a configuration");
    (TlsClient::new(client), TlsServer::new(server))
}

/// Two layers and the wire between them.
struct TestWire {
    client: TlsLayer,
    server: TlsLayer,
    /// Bytes that have crossed from the client, and from the server.
    crossed: [u64; 2],
    /// The most that crosses at once.
    piece: usize,
}

fn wire(settings: &TlsSettings, piece: usize) -> TestWire {
    let (client, server) = pair(settings);
    let client = client.layer(0).expect("it begins");
    let server = server.layer().expect("it begins");
    TestWire { client, server, crossed: [0, 0], piece }
}

impl TestWire {
    /// Moves what one side has ready to the other, in pieces.
    fn cross(from: &mut TlsLayer, to: &mut TlsLayer, crossed: &mut u64, piece: usize) -> bool {
        let mut moved = false;
        loop {
            let ready = from.ready(Direction::Up, 0);
            let bytes = ready[..ready.len().min(piece)].to_vec();
            let pushed = to.push(Direction::Down, 0, &bytes);
            if pushed == 0 {
                return moved;
            }
            from.take(Direction::Up, 0, pushed);
            *crossed += pushed as u64;
            from.reached_socket(*crossed);
            moved = true;
        }
    }
    fn run(&mut self) {
        let TestWire { client, server, crossed, piece } = self;
        while TestWire::cross(client, server, &mut crossed[0], *piece)
            | TestWire::cross(server, client, &mut crossed[1], *piece)
        {}
    }
    fn open(&mut self) {
        self.run();
        assert!(self.client.is_open() && self.server.is_open());
    }
}

fn received(layer: &mut TlsLayer) -> Vec<u8> {
    let bytes = layer.ready(Direction::Down, 0).to_vec();
    layer.take(Direction::Down, 0, bytes.len());
    bytes
}

#[test]
fn a_record_adds_22_bytes_and_with_1_2_29() {
    for (version, more) in [(None, RECORD_BYTES), (Some(TlsVersion::V1_2), RECORD_BYTES_1_2)] {
        let mut wire = wire(&TlsSettings { version, ..TlsSettings::default() }, usize::MAX);
        wire.open();
        let (up, down) = (wire.crossed[0], wire.crossed[1]);
        let handshake = TlsBytes { up, down };
        assert_eq!(wire.client.bytes(), handshake);
        assert!(up > 200 && down > 500, "{handshake:?}");
        assert_eq!(wire.client.push(Direction::Up, 0, b"request"), 7);
        assert_eq!((wire.client.written(), wire.client.unsent()), (0, 7));
        wire.run();
        assert_eq!((wire.client.written(), wire.client.unsent()), (7, 0));
        assert_eq!(received(&mut wire.server), b"request");
        assert_eq!(wire.server.push(Direction::Up, 0, b"answer"), 6);
        wire.run();
        assert_eq!(received(&mut wire.client), b"answer");
        assert_eq!(wire.crossed, [up + 7 + more, down + 6 + more]);
        assert_eq!(wire.client.bytes(), TlsBytes { up: up + more, down: down + more });
        assert_eq!(wire.server.bytes(), TlsBytes { up: down + more, down: up + more });
    }
}

#[test]
fn nothing_is_kept_while_a_connection_is_idle() {
    let mut wire = wire(&TlsSettings::default(), usize::MAX);
    wire.open();
    wire.client.push(Direction::Up, 0, &[7; 9000]);
    wire.run();
    received(&mut wire.server);
    for layer in [&wire.client, &wire.server] {
        let buffers = [&layer.incoming, &layer.plain.bytes, &layer.records.bytes, &layer.early];
        assert_eq!(buffers.map(Vec::capacity), [0; 4]);
    }
}

#[test]
fn an_end_is_announced_and_one_that_is_not_is_a_truncation() {
    let mut wire = wire(&TlsSettings::default(), usize::MAX);
    wire.open();
    let up = wire.crossed[0];
    wire.client.push(Direction::Up, 0, b"last");
    wire.client.end(Direction::Up, 0);
    assert_eq!(wire.client.push(Direction::Up, 0, b"more"), 0);
    assert!(!wire.client.is_over(Direction::Up, 0));
    wire.run();
    assert!(wire.client.is_over(Direction::Up, 0));
    // An alert has two bytes.
    assert_eq!(wire.crossed[0], up + 4 + 2 + 2 * RECORD_BYTES);
    assert!(!wire.server.is_over(Direction::Down, 0));
    assert_eq!(received(&mut wire.server), b"last");
    assert!(wire.server.is_over(Direction::Down, 0));
    wire.server.end(Direction::Down, 0);
    assert!(!wire.server.is_truncated());
    // The other direction is still open.
    wire.server.push(Direction::Up, 0, b"answer");
    wire.run();
    assert_eq!(received(&mut wire.client), b"answer");
    wire.client.end(Direction::Down, 0);
    assert!(wire.client.is_truncated() && wire.client.is_over(Direction::Down, 0));
    assert_eq!(wire.client.take_failure(), None);
}

#[test]
fn what_is_written_before_the_end_of_the_handshake_is_sent_after_it() {
    let mut early = wire(&TlsSettings::default(), usize::MAX);
    assert_eq!(early.client.push(Direction::Up, 0, b"early"), 5);
    assert_eq!((early.client.unsent(), early.client.written()), (5, 0));
    early.open();
    assert_eq!((early.client.unsent(), early.client.written()), (0, 5));
    assert_eq!(received(&mut early.server), b"early");
    // An end before it drops it.
    let mut ended = wire(&TlsSettings::default(), usize::MAX);
    ended.server.push(Direction::Up, 0, b"never");
    ended.server.end(Direction::Up, 0);
    assert_eq!((ended.server.unsent(), ended.server.is_over(Direction::Up, 0)), (0, true));
}

#[test]
fn a_client_resumes_its_own_session_and_no_other() {
    let up_of_second = |resumption, second| {
        let (client, server) = pair(&TlsSettings { resumption, ..TlsSettings::default() });
        let down = [0, second].map(|id| {
            let (client, server) = (client.layer(id).unwrap(), server.layer().unwrap());
            let mut wire = TestWire { client, server, crossed: [0, 0], piece: usize::MAX };
            wire.open();
            wire.crossed[1]
        });
        (down[0], down[1])
    };
    let (full, again) = up_of_second(true, 0);
    assert!(again < full - 300, "{again} of {full}");
    for (resumption, second) in [(true, 1), (false, 0)] {
        let (full, again) = up_of_second(resumption, second);
        // A signature has not always the same size.
        assert!(again.abs_diff(full) < 8, "{again} of {full}");
    }
}

#[test]
fn failures_have_names() {
    let own = &IDENTITY.certificate;
    let fails = |settings: &TlsSettings, trusted: &str, problem: TlsProblem| {
        let client = TlsClient::new(client_config(settings, Some(trusted)).unwrap());
        let (_, server) = pair(&TlsSettings::default());
        let (client, server) = (client.layer(0).unwrap(), server.layer().unwrap());
        let mut wire = TestWire { client, server, crossed: [0, 0], piece: usize::MAX };
        wire.run();
        assert_eq!(wire.client.take_failure(), Some(problem.error()));
        assert_eq!(wire.client.take_failure(), None);
        assert!(wire.client.is_broken());
        // The server hears of it.
        let alert = wire.server.take_failure().expect("an alert");
        assert_eq!(alert.kind, crate::record::ClientErrorKind::TlsAlert);
    };
    let named = |name: &str| TlsSettings { name: name.to_owned(), ..TlsSettings::default() };
    fails(&named("example.org"), own, TlsProblem::WrongName);
    let other = Identity::own().unwrap();
    fails(&named("localhost"), &other.certificate, TlsProblem::UnknownIssuer);
}

/// As `openssl req -x509` makes it: trusted if it is named, for its name and no other.
#[test]
fn a_certificate_that_is_named_may_be_that_of_an_authority() {
    let own = Identity::of_authority();
    let server = ServerTls { identity: own.clone(), version: None, resumption: true };
    let server = TlsServer::new(server_config(&server).unwrap());
    let open = |name: &str, trusted: &str, version| {
        let settings = TlsSettings { name: name.to_owned(), version, ..TlsSettings::default() };
        let client = TlsClient::new(client_config(&settings, Some(trusted)).unwrap());
        let (client, server) = (client.layer(0).unwrap(), server.layer().unwrap());
        let mut wire = TestWire { client, server, crossed: [0, 0], piece: usize::MAX };
        wire.run();
        wire.client.take_failure()
    };
    for version in [None, Some(TlsVersion::V1_2)] {
        assert_eq!(open("localhost", &own.certificate, version), None);
        let other_name = open("example.org", &own.certificate, version);
        assert_eq!(other_name, Some(TlsProblem::WrongName.error()));
        // Another with the same name.
        let other = Identity::of_authority().certificate;
        let failure = open("localhost", &other, version);
        assert_eq!(failure, Some(TlsProblem::OfAuthority.error()));
        let both = format!("{other}{}", own.certificate);
        assert_eq!(open("localhost", &both, version), None);
    }
}

#[test]
fn what_is_no_tls_is_not_called_broken() {
    let (client, _) = pair(&TlsSettings::default());
    let failure = |bytes: &[u8]| {
        let mut layer = client.layer(0).unwrap();
        layer.push(Direction::Down, 0, bytes);
        layer.end(Direction::Down, 0);
        layer.take_failure()
    };
    assert_eq!(failure(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Some(TlsProblem::NoTls.error()));
    assert_eq!(failure(b"\x16\x03\x03\x00\x01"), Some(TlsProblem::EarlyEnd.error()));
    assert_eq!(failure(b""), Some(TlsProblem::EarlyEnd.error()));
    // protocol_version, as a server with other versions sends it.
    let alert = failure(b"\x15\x03\x03\x00\x02\x02\x46");
    assert_eq!(alert, Some(ClientError::with(crate::record::ClientErrorKind::TlsAlert, 70)));
    assert_eq!(
        failure(b"\x16\x03\x03\x00\x04\xff\xff\xff\xff").map(|e| e.kind),
        Some(crate::record::ClientErrorKind::Tls)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Records are cut everywhere, and several come at once.
    #[test]
    fn bytes_out_are_bytes_in_whatever_the_pieces(
        writes in prop::collection::vec(1usize..40_000, 1..5),
        piece in prop_oneof![1usize..64, 64usize..70_000],
    ) {
        let mut wire = wire(&TlsSettings::default(), piece);
        wire.open();
        let before = wire.crossed[0];
        let (mut sent, mut got, mut records) = (Vec::new(), Vec::new(), 0);
        for (number, len) in writes.into_iter().enumerate() {
            let bytes = vec![number as u8; len];
            let mut left = &bytes[..];
            while !left.is_empty() {
                let pushed = wire.client.push(Direction::Up, 0, left);
                prop_assert!(pushed > 0);
                records += (pushed as u64).div_ceil(MOST_RECORD_DATA);
                left = &left[pushed..];
                wire.run();
                got.extend(received(&mut wire.server));
            }
            sent.extend(bytes);
        }
        prop_assert!(got == sent);
        prop_assert_eq!(wire.client.written(), sent.len() as u64);
        let crossed = wire.crossed[0] - before;
        prop_assert_eq!(crossed, sent.len() as u64 + records * RECORD_BYTES);
        prop_assert_eq!(wire.server.bytes().down, wire.crossed[0] - sent.len() as u64);
    }

    #[test]
    fn any_bytes_are_accepted(bytes in prop::collection::vec(any::<u8>(), 0..600), begin: bool) {
        let (client, server) = pair(&TlsSettings::default());
        for mut layer in [client.layer(0).unwrap(), server.layer().unwrap()] {
            if begin {
                layer.push(Direction::Down, 0, b"\x16\x03\x03");
            }
            layer.push(Direction::Down, 0, &bytes);
            layer.end(Direction::Down, 0);
            let failed = layer.take_failure().is_some();
            prop_assert!(failed);
        }
    }
}

/// Handshakes of a client a second and core, and the memory of open connections, of the layer and of
/// rustls alone: `tests/bench/tls.sh`.
mod beside_rustls {
    use super::*;
    use rustls::{ClientConnection, ServerConnection};
    use std::time::{Duration, Instant};

    /// Moves what one side wants to write to the other. Returns how long the client took.
    fn exchange(client: &mut ClientConnection, server: &mut ServerConnection) -> Duration {
        let (mut took, mut bytes) = (Duration::ZERO, Vec::new());
        while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
            let began = Instant::now();
            while client.wants_write() {
                client.write_tls(&mut bytes).expect("a vector takes all");
            }
            took += began.elapsed();
            server.read_tls(&mut &bytes[..]).expect("it reads");
            server.process_new_packets().expect("it is valid");
            bytes.clear();
            while server.wants_write() {
                server.write_tls(&mut bytes).expect("a vector takes all");
            }
            let began = Instant::now();
            let mut left = &bytes[..];
            while !left.is_empty() {
                client.read_tls(&mut left).expect("it reads");
                client.process_new_packets().expect("it is valid");
            }
            took += began.elapsed();
            bytes.clear();
        }
        took
    }

    fn of_layer(client: &TlsClient, server: &TlsServer) -> (TlsLayer, Duration) {
        let began = Instant::now();
        let mut up = client.layer(0).expect("it begins");
        let mut took = began.elapsed();
        let mut down = server.layer().expect("it begins");
        loop {
            let bytes = up.ready(Direction::Up, 0).to_vec();
            up.take(Direction::Up, 0, bytes.len());
            down.push(Direction::Down, 0, &bytes);
            let answer = down.ready(Direction::Up, 0).to_vec();
            down.take(Direction::Up, 0, answer.len());
            if bytes.is_empty() && answer.is_empty() {
                return (up, took);
            }
            let began = Instant::now();
            up.push(Direction::Down, 0, &answer);
            took += began.elapsed();
        }
    }

    /// Returns the connections: memory that one measurement frees would be another one's.
    fn measure<T>(name: &str, one: impl Fn() -> (T, Duration)) -> Vec<T> {
        const CONNECTIONS: u32 = 10_000;
        let mut open = Vec::with_capacity(CONNECTIONS as usize);
        drop(one());
        let before = crate::os::resident_bytes().unwrap_or(0);
        let mut took = Duration::ZERO;
        for _ in 0..CONNECTIONS {
            let (connection, more) = one();
            open.push(connection);
            took += more;
        }
        let bytes = crate::os::resident_bytes().unwrap_or(0) as i64 - before as i64;
        let per_s = f64::from(CONNECTIONS) / took.as_secs_f64();
        println!(
            "{name}: {per_s:.0} full handshakes a second and core, {} B a client",
            bytes / i64::from(CONNECTIONS)
        );
        open
    }

    #[test]
    #[ignore = "a measurement"]
    fn handshakes_and_memory() {
        let (client, server) = pair(&TlsSettings { resumption: false, ..TlsSettings::default() });
        let mut kept = (Vec::new(), Vec::new());
        for _ in 0..2 {
            kept.0.push(measure("layer", || of_layer(&client, &server)));
            kept.1.push(measure("rustls", || {
                let ClientTls { config, name, .. } = client.settings();
                let began = Instant::now();
                let mut up =
                    ClientConnection::new(config.clone(), name.clone()).expect("it begins");
                let mut took = began.elapsed();
                let mut down = ServerConnection::new(server.config.clone()).expect("it begins");
                took += exchange(&mut up, &mut down);
                (up, took)
            }));
        }
    }
}

/// Neither the settings nor the certificate can be the cause.
#[test]
fn what_breaks_after_the_handshake_says_so() {
    let wire = || {
        let (client, server) = pair(&TlsSettings::default());
        let (client, server) = (client.layer(0).unwrap(), server.layer().unwrap());
        let mut wire = TestWire { client, server, crossed: [0, 0], piece: usize::MAX };
        wire.run();
        assert!(wire.client.is_open());
        wire
    };
    let later = TlsProblem::MalformedLater.error();
    for bytes in [
        &[b"\x17\x03\x03\x00\x20", &[7; 32][..]].concat()[..],
        b"\x17\x03\x03\xff\xff",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ] {
        let mut wire = wire();
        wire.client.push(Direction::Down, 0, bytes);
        assert_eq!(wire.client.take_failure(), Some(later), "{bytes:?}");
    }
    // A client's certificate is refused before there are data, and what ends the rest is no handshake.
    let alert = |kind| ClientError::with(kind, 40);
    let mut wire = wire();
    let refused = alert(ClientErrorKind::TlsAlert);
    assert_eq!(wire.client.after_handshake(refused), refused);
    wire.server.push(Direction::Up, 0, b"data");
    wire.run();
    assert_eq!(wire.client.after_handshake(refused), alert(ClientErrorKind::TlsAlertLater));
}
