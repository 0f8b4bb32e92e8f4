//! TLS from end to end: bytes to the byte, external servers, and what is refused.

use crate::support::{
    World, at_once, expect_code, expect_ran, finish, number, said, serve, wsbench,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SHORT: &str = "clients = [4]\nwarmup = \"300ms\"\nduration = \"1500ms\"\n\
                     cooldown = \"100ms\"\ntimeout = \"5s\"\n";

/// A server with TLS, which is killed at the end.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(more: &[&str]) -> Server {
        let mut command = wsbench(&["serve", "--tls", "--bind", "127.0.0.1:0", "--rate", "5/s"]);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let url = line.trim().trim_start_matches("listening on ").to_owned();
        assert!(url.starts_with("https://127.0.0.1:"), "{line}");
        Server { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for localhost and 127.0.0.1, and its key, as files.
fn identity(world: &World) {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    world.write("server.pem", made.cert.pem());
    world.write("server.key", made.signing_key.serialize_pem());
}

/// The head of an answer that leads to this location.
fn moved(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// Refuses clients without a certificate by TLS 1.3, whose handshake is over for a client when the server
/// looks at that, and closes some time after: what the client has sent meanwhile makes it a reset.
fn certificates_required(world: &World, closes_after: Duration) -> SocketAddr {
    let config = config_with_clients(world, false);
    serve(move |mut stream| {
        let mut server = ServerConnection::new(config.clone()).expect("a connection");
        // An error, after the alert was sent.
        while server.complete_io(&mut stream).is_ok() {}
        std::thread::sleep(closes_after);
    })
}

/// Asks for a certificate, and closes after the handshake without an alert.
fn certificates_wanted(world: &World) -> SocketAddr {
    let config = config_with_clients(world, true);
    serve(move |mut stream| {
        let mut server = ServerConnection::new(config.clone()).expect("a connection");
        while server.is_handshaking() && server.complete_io(&mut stream).is_ok() {}
        let _ = server.complete_io(&mut stream);
    })
}

/// A server's configuration of TLS 1.3 that asks for a certificate of clients; `optional` if it takes those
/// without.
fn config_with_clients(world: &World, optional: bool) -> Arc<rustls::ServerConfig> {
    identity(world);
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(world.path("server.pem")).and_then(Iterator::collect);
    let chain = chain.expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(world.path("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(chain[0].clone()).expect("a certificate");
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let verifier = if optional { verifier.allow_unauthenticated() } else { verifier }.build();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring has it")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(chain, key)
        .expect("they belong together");
    Arc::new(config)
}

/// Runs a series against a server with a certificate of its own, which must fail. Returns what is said, in a line.
fn failed_run(world: &World, address: SocketAddr, series: &str) -> String {
    failed_run_with(world, "", address, series)
}

/// The same with one more key of the scenario.
fn failed_run_with(world: &World, key: &str, address: SocketAddr, series: &str) -> String {
    let server = format!("url = \"https://{address}\"\ntls = {{ insecure = true }}");
    let scenario = format!("{key}{SHORT}[server]\n{server}\n[[series]]\n{series}\n");
    world.write("scenario.toml", scenario);
    let output = finish(&mut world.run(&["--reports", "json,text"]));
    expect_code(&output, 96);
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_server_that_asks_for_a_certificate_and_just_closes_is_named() {
    let series = [
        "transport = \"polling\"",
        "transport = \"polling\"\nengine = \"reqwest\"",
        "transport = \"websocket\"",
        "transport = \"websocket\"\nengine = \"tungstenite\"",
        "transport = \"sse\"",
    ];
    at_once(series, |series| {
        let world = World::new("");
        let address = certificates_wanted(&world);
        let text = failed_run(&world, address, series);
        let wanted =
            "the server asked for a client certificate, got none, and closed the connection";
        assert!(text.contains(wanted), "{series} {text}");
    });
}

/// A library waits within the handshake, too.
#[test]
fn a_silent_port_without_tls_is_named_whatever_the_engine() {
    let series = [
        "transport = \"polling\"",
        "transport = \"polling\"\nengine = \"reqwest\"",
        "transport = \"websocket\"\nengine = \"tungstenite\"",
    ];
    at_once(series, |series| {
        let address = serve(|mut stream| while matches!(stream.read(&mut [0; 512]), Ok(1..)) {});
        let times = SHORT.replace("timeout = \"5s\"", "timeout = \"1s\"");
        let world = World::new(&format!(
            "{times}[server]\nurl = \"https://{address}\"\ntls = {{ insecure = true }}\n\
             [[series]]\n{series}\n"
        ));
        let output = finish(&mut world.run(&["--reports", "json,text"]));
        expect_code(&output, 96);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("its port may be one without TLS"), "{series} {text}");
        assert!(!text.contains("use fewer clients"), "{series} {text}");
    });
}

/// Runs both engines against servers that want a certificate and close so long after their alert, with one more
/// key of the scenario. Returns what each said.
fn without_certificate(key: &str, waits_ms: [u64; 3]) -> Vec<String> {
    let of_engine = |engine: &str| format!("transport = \"websocket\"\nengine = {engine:?}");
    let series = [of_engine("raw"), of_engine("tungstenite")];
    let waits = waits_ms.map(Duration::from_millis);
    let cases = series.iter().flat_map(|series| waits.map(|wait| (series, wait)));
    let said = Mutex::new(Vec::new());
    at_once(cases, |(series, wait)| {
        let world = World::new("");
        let address = certificates_required(&world, wait);
        let text = failed_run_with(&world, key, address, series);
        assert!(text.contains("certificate_required (116); give the"), "{series} {text}");
        assert!(text.contains("audit: 16 connections, 0 bytes unexplained"), "{series} {text}");
        said.lock().expect("no test panicked").push(text);
    });
    said.into_inner().expect("no test panicked")
}

#[test]
fn a_server_that_wants_a_certificate_is_named_whatever_the_engine() {
    assert_eq!(without_certificate("", [0, 50, 50]).len(), 6);
}

/// A delay line holds the alert, and the error that the socket has by then came after it.
#[test]
fn an_alert_that_a_delay_line_holds_comes_before_the_reset() {
    for text in without_certificate("delay = \"10ms\"\n", [0, 5, 50]) {
        assert!(!text.contains("got none, and closed"), "{text}");
    }
}

/// A server with TLS that answers requests for `/p` with this location, `{host}` replaced by the
/// request's, and all others with a byte.
fn redirecting(world: &World, location: &'static str) -> SocketAddr {
    identity(world);
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(world.path("server.pem")).and_then(Iterator::collect);
    let key = PrivateKeyDer::from_pem_file(world.path("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(chain.expect("a certificate"), key)
        .expect("they belong together");
    let config = Arc::new(config);
    serve(move |stream| {
        let server = ServerConnection::new(config.clone()).expect("a connection");
        let mut stream = BufReader::new(StreamOwned::new(server, stream));
        let mut head = String::new();
        while matches!(stream.read_line(&mut head), Ok(1..)) {
            if !head.ends_with("\r\n\r\n") {
                continue;
            }
            let mut hosts = head.lines().filter_map(|line| line.strip_prefix("Host: "));
            let answer = match head.starts_with("GET /p ") {
                true => moved(&location.replace("{host}", hosts.next().unwrap_or_default())),
                false => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_owned(),
            };
            if stream.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
            head.clear();
        }
    })
}

/// Runs polls of `/p` at a server, with this many redirects.
fn run_redirected(world: &World, url: &str, redirects: u8) -> String {
    let tls = if url.starts_with("https") { "tls = { insecure = true }\n" } else { "" };
    let scenario = format!(
        "{SHORT}[server]\nurl = \"{url}\"\n{tls}paths = {{ polling = \"/p\" }}\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"200ms\"\nredirects = {redirects}\n"
    );
    world.write("scenario.toml", scenario);
    let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A server and a scheme are one server: a redirect is followed over TLS as without it, and one that
/// changes the scheme says what to write.
#[test]
fn redirects_keep_the_scheme() {
    at_once(["/moved", "https://{host}/moved", "http://{host}/moved"], |location| {
        let world = World::new("");
        let address = redirecting(&world, location);
        let text = run_redirected(&world, &format!("https://{address}"), 1);
        let row = &world.csv("summary.csv")[0];
        assert_eq!(number(row, "faults") > 0.0, location.starts_with("http:"), "{text}");
        assert_eq!(number(row, "audit_mismatched"), 0.0, "{text}");
    });
    let world = World::new("");
    let secure = redirecting(&world, "/moved");
    let location = format!("https://{secure}/q");
    let answer = moved(&location);
    let plain = serve(move |mut stream| {
        while matches!(stream.read(&mut [0; 512]), Ok(1..)) {
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    for redirects in [0, 3] {
        let text = run_redirected(&world, &format!("http://{plain}"), redirects);
        let wanted = format!(
            "and Location \"{location}\": write url = \"https://{secure}\" and \
             paths = {{ polling = \"/q\" }} into [server]"
        );
        assert!(text.contains(&wanted), "{wanted}: {text}");
    }
}

/// Every transport over TLS with the bundled server. A record costs 22 bytes each way.
#[test]
fn every_byte_over_tls_is_predicted_and_measured() {
    let series: String = ["polling", "long-polling", "streaming", "sse", "websocket"]
        .map(|name| format!("[[series]]\ntransport = \"{name}\"\n"))
        .concat();
    let world = World::new(&format!("{SHORT}[feed]\nrate = \"5/s\"\n[server.tls]\n{series}"));
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    for row in world.csv("summary.csv").iter().filter(|row| row["series"] != "floor") {
        let series = row["series"].as_str();
        for name in ["mismatched", "ledger_bytes", "kernel_bytes", "server_bytes", "unaudited"] {
            assert_eq!(number(row, &format!("audit_{name}")), 0.0, "{name} of {series}");
        }
        assert_eq!(number(row, "faults"), 0.0, "{series}");
        assert!(number(row, "completed") > 0.0, "{series}");
        let records = if series.ends_with("polling") { 2.0 } else { 1.0 };
        let tls = number(row, "tls_bytes_per_message");
        assert_eq!(tls, 22.0 * records, "{series}");
        assert_eq!(number(row, "tls_handshake_time_count"), 4.0, "{series}");
        assert!(number(row, "tls_handshake_time_us_p50") > 0.0, "{series}");
    }
}

/// The clients of libraries, and a client that connects for each poll.
#[test]
fn libraries_use_tls_too() {
    let world = World::new(&format!(
        "{SHORT}[feed]\nrate = \"5/s\"\n[server.tls]\nversion = \"1.3\"\n\
         [[series]]\ntransport = \"websocket\"\nengine = \"tungstenite\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"200ms\"\nengine = \"reqwest\"\n\
         [[series]]\ntransport = \"polling\"\nlabel = \"new\"\ninterval = \"500ms\"\n\
         connection = \"new\"\n"
    ));
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let rows = world.csv("summary.csv");
    let row = |label: &str| rows.iter().find(|row| row["series"] == label).expect("a row");
    assert_eq!(number(row("websocket"), "tls_bytes_per_message"), 22.0);
    assert_eq!(number(row("polling"), "tls_bytes_per_message"), 44.0);
    for label in ["websocket", "polling", "new"] {
        assert_eq!(number(row(label), "faults"), 0.0, "{label}");
    }
    // A ticket's handshake, and more than one of them.
    assert!(number(row("new"), "tls_bytes_per_message") > 500.0);
}

#[test]
fn a_server_that_runs_already_is_measured_if_its_certificate_is_trusted() {
    let world = World::new("");
    identity(&world);
    let path = |name: &str| world.path(name).display().to_string();
    let server =
        Server::start(&["--tls-cert", &path("server.pem"), "--tls-key", &path("server.key")]);
    let wss = server.url.replace("https://", "wss://");
    let run_series = |url: &str, tls: &str, series: &str| {
        world.write(
            "scenario.toml",
            format!(
                "{SHORT}[feed]\nrate = \"5/s\"\n[server]\nurl = \"{url}\"\n{tls}\n\
                 [[series]]\n{series}\n"
            ),
        );
        finish(&mut world.run(&["--reports", "csv,json,text"]))
    };
    let run = |url: &str, tls: &str| run_series(url, tls, "transport = \"websocket\"");
    for (url, tls) in [
        (&wss, "tls = { ca = \"server.pem\" }"),
        (&server.url, "tls = { ca = \"server.pem\", sni = \"localhost\", version = \"1.2\" }"),
        (&wss, "tls = { insecure = true, resumption = false }"),
    ] {
        expect_ran(&world, &run(url, tls));
        let rows = world.csv("summary.csv");
        let row = rows.iter().find(|row| row["series"] == "websocket").expect("a row");
        let record = if tls.contains("1.2") { 29.0 } else { 22.0 };
        assert_eq!(number(row, "tls_bytes_per_message"), record, "{tls}");
        assert_eq!(number(row, "audit_kernel_bytes"), 0.0);
    }
    for (url, tls, wanted) in [
        (&wss, "tls = { ca = \"server.pem\", sni = \"example.org\" }", "for another name"),
        (&server.url.replace("https", "http"), "", "write https:// or wss://"),
    ] {
        let output = run(url, tls);
        assert!(said(&output).contains(wanted), "{wanted}: {}", said(&output));
    }
    // A file with another authority.
    let other = World::new("");
    identity(&other);
    world.write("other.pem", std::fs::read(other.path("server.pem")).expect("it was written"));
    let library = "transport = \"polling\"\ninterval = \"200ms\"\nengine = \"reqwest\"";
    for series in ["transport = \"websocket\"", library] {
        let output = run_series(&wss, "tls = { ca = \"other.pem\" }", series);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("nobody who is trusted has signed the server's"), "{series}: {text}");
        assert!(text.contains("Correct [server.tls], the URL"), "{series}: {text}");
    }
}

/// Series with servers of their own trust what `[server.tls]` says; the name to ask for is each URL's.
#[test]
fn series_with_urls_of_their_own_use_the_settings_of_the_server() {
    let world = World::new("");
    identity(&world);
    let path = |name: &str| world.path(name).display().to_string();
    let server =
        Server::start(&["--tls-cert", &path("server.pem"), "--tls-key", &path("server.key")]);
    let wss = server.url.replace("https://", "wss://");
    let run = |tls: &str| {
        world.write(
            "scenario.toml",
            format!(
                "{SHORT}[feed]\nrate = \"5/s\"\n[server.tls]\n{tls}\n\
                 [[series]]\ntransport = \"websocket\"\nurl = \"{wss}/ws\"\n\
                 [[series]]\ntransport = \"sse\"\nurl = \"{}/events\"\n",
                server.url
            ),
        );
        finish(&mut world.run(&["--reports", "csv,json,text"]))
    };
    for tls in ["ca = \"server.pem\"", "insecure = true"] {
        expect_ran(&world, &run(tls));
        for row in world.csv("summary.csv").iter().filter(|row| row["series"] != "floor") {
            assert_eq!(number(row, "tls_bytes_per_message"), 22.0, "{tls}");
        }
    }
    let refused = run("insecure = true\nsni = \"localhost\"");
    expect_code(&refused, 2);
    assert!(said(&refused).contains("sni needs server.url"), "{}", said(&refused));
}

/// A server that wants a certificate gets the client's, and the protocols that `alpn` names, from every
/// engine.
#[test]
fn a_client_certificate_and_protocols_reach_the_server() {
    let world = World::new("");
    identity(&world);
    let client = rcgen::generate_simple_self_signed(["client".to_owned()]).expect("a certificate");
    world.write("client.pem", client.cert.pem());
    world.write("client.key", client.signing_key.serialize_pem());
    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(client.cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(trusted),
        provider.clone(),
    );
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(world.path("server.pem")).and_then(Iterator::collect);
    let key = PrivateKeyDer::from_pem_file(world.path("server.key")).expect("a key");
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(chain.expect("a certificate"), key)
        .expect("they belong together");
    config.alpn_protocols = vec![b"other".to_vec()];
    let (config, seen) = (Arc::new(config), Arc::new(Mutex::new(Vec::new())));
    let all = seen.clone();
    let address = serve(move |stream| {
        let server = ServerConnection::new(config.clone()).expect("a connection");
        let mut stream = BufReader::new(StreamOwned::new(server, stream));
        let mut line = String::new();
        if stream.read_line(&mut line).is_ok() {
            let connection = &stream.get_ref().conn;
            let named = connection.peer_certificates().map(|all| all[0].to_vec());
            let alpn = connection.alpn_protocol().map(<[u8]>::to_vec);
            all.lock().expect("no thread panics").push((named, alpn));
        }
        let _ = stream.get_mut().write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    for series in [
        "transport = \"polling\"\ninterval = \"200ms\"",
        "transport = \"polling\"\ninterval = \"200ms\"\nengine = \"reqwest\"",
        "transport = \"websocket\"",
        "transport = \"websocket\"\nengine = \"tungstenite\"",
        "transport = \"sse\"",
    ] {
        world.write(
            "scenario.toml",
            format!(
                "{SHORT}[server]\nurl = \"https://{address}\"\ntls = {{ insecure = true, \
                 alpn = [\"other\"], cert = \"client.pem\", key = \"client.key\" }}\n\
                 [[series]]\n{series}\n"
            ),
        );
        let text = said(&finish(&mut world.run(&["--reports", "csv,json,text"])));
        assert!(text.contains("404"), "{series}: {text}");
        let seen = std::mem::take(&mut *seen.lock().expect("no thread panics"));
        let wanted = (Some(client.cert.der().to_vec()), Some(b"other".to_vec()));
        // Whoever asks whether the server is ready says so too.
        assert!(!seen.is_empty() && seen.iter().all(|s| *s == wanted), "{series}: {seen:?}");
    }
}

/// `wsbench try` trusts what its arguments say, and the saved scenario does so from another folder.
#[test]
fn try_trusts_a_certificate_that_is_named() {
    let world = World::new("");
    identity(&world);
    let path = |name: &str| world.path(name).display().to_string();
    let server =
        Server::start(&["--tls-cert", &path("server.pem"), "--tls-key", &path("server.key")]);
    let urls = [server.url.replace("https", "wss"), format!("sse+{}", server.url)]
        .map(|url| url + "/no-such");
    let run = |more: &[&str]| {
        let mut command =
            wsbench(&["try", "--clients=2", "--duration=500ms", "--reports=csv,json"]);
        finish(command.args(&urls).args(more).current_dir(world.path("")))
    };
    let refused = said(&run(&["--out=out"]));
    assert!(refused.contains("nobody who is trusted has signed"), "{refused}");
    for more in [
        &["--ca=server.pem", "--save=saved.toml", "--out=with-ca"][..],
        &["--insecure", "--out=any"],
    ] {
        // The certificate was taken: the server answers, and has no such path.
        let text = said(&run(more));
        assert!(text.contains("404") && !text.contains("signed"), "{text}");
    }
    let missing = run(&["--ca=none.pem"]);
    expect_code(&missing, 2);
    assert!(said(&missing).contains("--> --ca none.pem"), "{}", said(&missing));
    let other = World::new("");
    let mut again = wsbench(&["run", &path("saved.toml"), "--out", "again", "--reports", "none"]);
    let text = said(&finish(again.current_dir(other.path(""))));
    assert!(text.contains("404") && !text.contains("signed"), "{text}");
}

#[test]
fn a_server_without_tls_is_named() {
    let address = serve(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let world = World::new(&format!(
        "{SHORT}[server]\nurl = \"https://{address}\"\ntls = {{ insecure = true }}\n\
         [[series]]\ntransport = \"polling\"\n"
    ));
    let text = said(&finish(&mut world.run(&["--reports", "csv,json,text"])));
    assert!(text.contains("the server does not use TLS"), "{text}");
}

#[test]
fn settings_of_tls_that_cannot_be_used_are_refused_with_their_line() {
    let refused = |server: &str, wanted: &str| {
        let world = World::new(&format!(
            "clients = [1]\n[server]\n{server}\n[[series]]\ntransport = \"polling\"\n"
        ));
        world.write("empty.pem", "");
        let path = world.path("scenario.toml");
        let output = finish(&mut wsbench(&["plan", &path.display().to_string()]));
        expect_code(&output, 2);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(wanted) && text.contains("scenario.toml:"), "{wanted}: {text}");
    };
    let https = "url = \"https://127.0.0.1:1\"\n";
    let with = |tls: &str| format!("{https}tls = {{ {tls} }}");
    refused("url = \"http://127.0.0.1:1\"\ntls = { insecure = true }", "tls is for URLs");
    refused(&with("ca = \"none.pem\""), "there is no file");
    refused(&with("ca = \"/dev/zero\""), "is larger than 16 MiB");
    refused(&with("ca = \"empty.pem\""), "has no certificate");
    refused(&with("insecure = true, cert = \"empty.pem\""), "has no certificate");
    refused(&with("insecure = true, key = \"empty.pem\""), "has no private key");
    refused(&with("insecure = true, alpn = [\"h2\"]"), "set http_version");
    refused(&with("insecure = true, sni = \"a b\""), "cannot be the name of a server");
    refused(&with("insecure = true, version = \"1.1\""), "unknown version");
    refused(&with("insecure = true, chiphers = \"x\""), "unknown key \"chiphers\"");
    refused("tls = { ca = \"empty.pem\" }", "needs server.url");
    refused("tls = 1", "must be a table");
}

#[test]
fn settings_of_tls_are_refused_if_no_url_has_it_and_the_plan_names_the_hosts_that_have() {
    let plan = |server: &str, urls: &[&str]| {
        let series = |url: &&str| format!("[[series]]\ntransport = \"polling\"\nurl = \"{url}\"\n");
        let series: String = urls
            .iter()
            .enumerate()
            .map(|(n, url)| format!("{}label = \"s{n}\"\n", series(url)))
            .collect();
        let world = World::new(&format!("clients = [1]\n[server]\n{server}\n{series}"));
        let path = world.path("scenario.toml");
        finish(&mut wsbench(&["plan", &path.display().to_string()]))
    };
    let insecure = "tls = { insecure = true }";
    let plain = ["http://127.0.0.1:1/x", "http://localhost:1/x"];
    for server in [insecure.to_owned(), format!("url = \"https://localhost:1\"\n{insecure}")] {
        let refused = plan(&server, &plain);
        expect_code(&refused, 2);
        let text = said(&refused);
        assert!(text.contains("tls has no effect") && text.contains("scenario.toml:"), "{text}");
    }
    let mixed = plan(insecure, &[plain[0], "https://127.0.0.2:1/x", "https://127.0.0.1:1/x"]);
    expect_code(&mixed, 0);
    let text = said(&mixed);
    assert!(text.contains("for 127.0.0.1 and 127.0.0.2, any certificate"), "{text}");
}

#[test]
fn secrets_of_connections_are_written_to_the_file_that_the_environment_names() {
    let world = World::new(&format!(
        "name = \"keys\"\n{SHORT}[server.tls]\n[[series]]\ntransport = \"websocket\"\n"
    ));
    let keys = world.path("keys");
    let run = finish(world.run(&["--reports", "csv,json", "-q"]).env("SSLKEYLOGFILE", &keys));
    expect_ran(&world, &run);
    let written = std::fs::read_to_string(keys).expect("the file");
    // Both ends of four connections write the same.
    let lines = |label: &str| written.lines().filter(|line| line.starts_with(label)).count();
    assert_eq!(lines("CLIENT_TRAFFIC_SECRET_0 "), 8, "{written}");
    assert_eq!(lines("SERVER_TRAFFIC_SECRET_0 "), 8, "{written}");

    let nowhere = world.path("no/keys");
    for (file, why) in [(nowhere, "No such file"), ("/dev/full".into(), "No space left on device")]
    {
        let mut serve = wsbench(&["serve", "--tls", "--bind", "127.0.0.1:0"]);
        let output = finish(serve.env("SSLKEYLOGFILE", &file));
        expect_code(&output, 2);
        let said = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("as SSLKEYLOGFILE, which cannot be written:"), "{said}");
        assert!(said.contains(why), "{said}");
    }
}
