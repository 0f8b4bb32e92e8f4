//! No output has a secret, and none has a text of a server that its medium would take for a command.

use crate::support::{
    World, at_once, expect_code, expect_ran, finish, number, said, serve, wsbench,
};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

/// What must be nowhere. Each begins alike, so that a part of one is found too.
const CANARY: &str = "cAnArY";
const VARIABLES: [(&str, &str); 2] =
    [("WSB_TEST_TOKEN", "cAnArY-environment-token"), ("WSB_TEST_PATH", "cAnArY-path")];

/// A head of the user's, with secrets of three kinds.
const HEAD: &str = "GET /live HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer cAnArY-bearer\r\n\
                    Cookie: session=cAnArY-cookie; plain=1\r\n\
                    Proxy-Authorization: Basic cAnArY-proxy\r\n\r\n";

/// Reads the head of a request; `None` at the end of the connection.
fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Sets a cookie with every answer. On `/live` it sends a message, elsewhere it refuses with the whole
/// request and the cookie in the body, and names another place with the request's path.
fn echoing() -> SocketAddr {
    serve(|mut stream| {
        while let Some(head) = request(&mut stream) {
            let cookie = "Set-Cookie: id=cAnArY-set-by-the-server; Path=/\r\n";
            let path = head.split(' ').nth(1).unwrap_or_default();
            let answer = if path == "/live" {
                format!("HTTP/1.1 200 OK\r\n{cookie}Content-Length: 5\r\n\r\nhello")
            } else {
                // The end of a long head would be cut.
                let body = format!("cAnArY-set-by-the-server {path} {head}");
                let body: String = body.chars().take(400).collect();
                let status = if path.starts_with("/moved") { 302 } else { 401 };
                let length = body.len();
                format!(
                    "HTTP/1.1 {status} No\r\n{cookie}Location: /login?from={path}\r\n\
                     Content-Length: {length}\r\n\r\n{body}"
                )
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn scenario(address: SocketAddr, more: &str) -> String {
    format!(
        "clients = [2]\nwarmup = \"200ms\"\nduration = \"800ms\"\ncooldown = \"100ms\"\n\
         driver_lateness = \"1s\"\ntimeout = \"2s\"\ndrain = \"1s\"\n\
         [server]\nurl = \"http://{address}\"\n{more}"
    )
}

fn with_variables(command: &mut Command) -> &mut Command {
    command.envs(VARIABLES)
}

/// Asserts that neither output has a canary.
fn expect_clean(what: &str, output: &Output) {
    let text = said(output);
    assert!(!text.contains(CANARY), "{what}\n{text}");
}

/// Asserts that no file below a folder has one, and returns all of them together.
fn expect_clean_files(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all += &expect_clean_files(&path);
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
        assert!(!text.contains(CANARY), "{}\n{text}", path.display());
        all += &text;
    }
    all
}

#[test]
fn no_output_has_a_secret() {
    let address = echoing();
    let series = "paths = { sse = \"/no?token=${env:WSB_TEST_TOKEN}\", \
                  websocket = \"/moved/${env:WSB_TEST_PATH}\", streaming = \"/no\" }\n\
                  [[series]]\ntransport = \"polling\"\nlabel = \"good\"\ninterval = \"200ms\"\n\
                  request_head = \"head.http\"\n\
                  [[series]]\ntransport = \"streaming\"\nrequest_head = \"refused.http\"\n\
                  [[series]]\ntransport = \"sse\"\n\
                  [[series]]\ntransport = \"websocket\"\n\
                  [[series]]\ntransport = \"polling\"\nlabel = \"own\"\ninterval = \"200ms\"\n\
                  url = \"http://cAnArY-user:cAnArY-password@ADDRESS/live\"\n\
                  cookies = \"keep\"\ndata = \"tokens.txt\"\n\
                  headers = { X-Key = { value = \"cAnArY-marked\", secret = true }, \
                  X-Token = \"{line}\" }\n\
                  [[series]]\ntransport = \"sse\"\nlabel = \"refused\"\n\
                  url = \"http://cAnArY-user:cAnArY-password@ADDRESS/no\"\n\
                  cookies = \"keep\"\n\
                  headers = { X-Key = { value = \"cAnArY-marked\", secret = true } }\n\
                  [[limit]]\ncondition = \"wire_bytes_per_message > 0 B\"\n";
    let series = series.replace("ADDRESS", &address.to_string());
    let world = World::new(&scenario(address, &series));
    world.write("tokens.txt", "cAnArY-token-of-one\ncAnArY-token-of-two\n");
    world.write("head.http", HEAD);
    world.write("refused.http", HEAD.replace("/live", "/no"));
    let job = world.path("out/job.md");
    fs::create_dir(world.path("out")).expect("a folder");
    let junit = world.path("out/junit.xml");
    let mut run = world.run(&["--verbose", "--junit", junit.to_str().expect("a path")]);
    run.env("GITHUB_STEP_SUMMARY", &job).env("GITHUB_ACTIONS", "true");
    let output = finish(with_variables(&mut run));
    expect_clean("run", &output);
    let all = expect_clean_files(&world.path("out"));
    // What is in their place, and that the errors were shown at all.
    for wanted in [
        "Authorization: ‹redacted, 20 B›",
        "Set-Cookie: ‹redacted, 35 B›",
        "token=‹redacted, 24 B›",
    ] {
        assert!(all.contains(wanted), "{wanted} is nowhere\n{}", said(&output));
    }
    assert!(said(&output).contains("status 401"), "{}", said(&output));
    // Byte counts are those of what was sent.
    let rows = world.csv("bytes.csv");
    let heads = rows.iter().find(|row| {
        let is = |column: &str, value: &str| row.get(column).is_some_and(|found| found == value);
        is("series", "good")
            && is("phase", "steady")
            && is("direction", "up")
            && is("layer", "heads_bytes")
    });
    let heads = heads.unwrap_or_else(|| panic!("no heads in {rows:?}"));
    assert_eq!(number(heads, "per_message"), HEAD.len() as f64);
    let own = rows.iter().find(|row| {
        let is = |column: &str, value: &str| row.get(column).is_some_and(|found| found == value);
        is("series", "own")
            && is("phase", "steady")
            && is("direction", "up")
            && is("layer", "heads_bytes")
    });
    let own = own.unwrap_or_else(|| panic!("no heads in {rows:?}"));
    // The user's name and password in base64 are 36 bytes; `Cookie` is what the server set.
    let head = format!(
        "GET /live HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\nAuthorization: Basic {}\r\n\
         X-Key: cAnArY-marked\r\nX-Token: cAnArY-token-of-one\r\n\
         Cookie: id=cAnArY-set-by-the-server\r\n\r\n",
        "c".repeat(36)
    );
    assert_eq!(number(own, "per_message"), head.len() as f64);

    let result = world.path("out/result.jsonl");
    let result = result.to_str().expect("a path");
    let formats = ["text", "json", "markdown", "github-action-benchmark", "bencher", "junit"];
    at_once(formats, |format| {
        let output =
            finish(&mut wsbench(&["report", result, "--reports", "none", "--format", format]));
        expect_clean(format, &output);
    });
}

/// Answers with what it was sent or has set itself, in the way that the path names.
fn quoting() -> SocketAddr {
    serve(|mut stream| {
        let mut requests = 0;
        while let Some(head) = request(&mut stream) {
            requests += 1;
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
            let token = field("X-Key: ").unwrap_or_default();
            let two = "Set-Cookie: lang=en1234\r\nSet-Cookie: id=cAnArY-second; Path=/\r\n";
            let long = format!("cAnArY-{}-cAnArY", "0123456789".repeat(60));
            let path = head.split(' ').nth(1).unwrap_or_default();
            let (fields, body) = match path {
                "/kept" if requests < 4 => (two.to_owned(), None),
                "/kept" => (String::new(), field("Cookie: lang=en1234; id=").map(str::to_owned)),
                "/second" => (two.to_owned(), Some("cAnArY-second".to_owned())),
                "/long" => (format!("Set-Cookie: id={long}\r\n"), Some(long)),
                "/middle" => (
                    "Set-Cookie: id=q0-before-cAnArY-in-the-middle-q0; HttpOnly\r\n".to_owned(),
                    Some("no HttpOnly session re-cAnArY-in-the here".to_owned()),
                ),
                "/many" => ("Set-Cookie: a=cAnArY-of-many\r\n".repeat(300), None),
                "/cut" => (String::new(), Some("y".repeat(500) + token)),
                "/json" => (String::new(), Some(token.replace('/', "\\/"))),
                _ => {
                    let escaped = token.replace('/', "%2f").replace('+', "%2b").replace('=', "%3d");
                    (String::new(), Some(escaped))
                }
            };
            let status = if body.is_some() { 500 } else { 200 };
            let body = body.unwrap_or("hello".to_owned());
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn what_a_server_quotes_has_no_secret_in_any_form() {
    let quoting = quoting();
    let upgrading = serve(|mut stream| {
        let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSet-Cookie: id=cAnArY-of-101\r\n\
                     Sec-WebSocket-Accept: {accept}\r\n";
        if crate::support::answer_upgrade(&mut stream, lines).is_some() {
            let text = "session cAnArY-of-101 is unknown";
            let frame = [&[0x81, text.len() as u8], text.as_bytes()].concat();
            let _ = stream.write_all(&frame);
            std::thread::sleep(std::time::Duration::from_secs(3));
        }
    });
    let mut series = String::new();
    for path in ["kept", "second", "middle", "long", "many", "cut", "json", "url"] {
        for (engine, more) in [("raw", ""), ("reqwest", "cookies = \"keep\"\n")] {
            // A library has limits of its own.
            let keeps = path == "kept" && engine == "raw";
            let more = if keeps { "cookies = \"keep\"\n" } else { more };
            series += &format!(
                "[[series]]\ntransport = \"polling\"\nlabel = \"{path}-{engine}\"\n\
                 interval = \"100ms\"\nengine = \"{engine}\"\nurl = \"http://{quoting}/{path}\"\n\
                 headers = {{ X-Key = \"${{env:WSB_TEST_KEY}}\" }}\n{more}"
            );
        }
    }
    for cookies in ["keep", "ignore"] {
        series += &format!(
            "[[series]]\ntransport = \"websocket\"\nlabel = \"ready-{cookies}\"\nready = \"ok*\"\n\
             url = \"ws://{upgrading}\"\ncookies = \"{cookies}\"\n"
        );
    }
    let text = scenario(quoting, &series).replace("timeout = \"2s\"", "timeout = \"1s\"");
    let world = World::new(&text);
    let mut run = world.run(&["--verbose"]);
    let output = finish(run.env("WSB_TEST_KEY", "cAnArY/of+a/token=with-a-long-end=="));
    expect_clean("run", &output);
    expect_clean_files(&world.path("out"));
    let shown = said(&output);
    for wanted in [
        "status 500: \"‹redacted, 13 B›\"",
        "status 500: \"‹redacted, 512 B›\"",
        "\"no HttpOnly session ‹redacted, 16 B› here\"",
        "more than 256 fields",
        "\"session ‹redacted, 13 B› is unknown\"",
        "status 500: \"‹redacted, 37 B›\"",
    ] {
        assert!(shown.contains(wanted), "{wanted} is nowhere\n{shown}");
    }
}

/// Values of data files of 1, 4 and 7 bytes, a line for each client, and what shows one of them.
const SHORT_VALUES: &str = "one,four,seven\nQ,k9w4,zq7x1w2\nW,k9w5,zq7x1w3\n";
const SHORT_SHOWN: [&str; 10] = [
    "k9w4", "k9w5", "zq7x1w2", "zq7x1w3", "X-One: Q", "X-One: W", "one=Q", "one=W", "is Q", "is W",
];

fn expect_no_short_value(what: &str, text: &str) {
    for value in SHORT_SHOWN {
        assert!(!text.contains(value), "{what} shows {value}\n{text}");
    }
}

fn expect_no_short_value_in_files(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all += &expect_no_short_value_in_files(&path);
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
        expect_no_short_value(&path.display().to_string(), &text);
        all += &text;
    }
    all
}

/// However short a value of a client's own data is, it is hidden: by its place in what the client sent, and
/// wherever an answer to the client quotes it.
#[test]
fn no_output_has_a_short_value_of_a_data_file() {
    let address = serve(|mut stream| {
        while let Some(head) = request(&mut stream) {
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
            let [one, four, seven] = ["X-One: ", "X-Four: ", "X-Seven: "].map(field);
            let [one, four, seven] = [one, four, seven].map(Option::unwrap_or_default);
            let (status, body) = match head.starts_with("GET /live") {
                true => (200, "hello".to_owned()),
                false => (500, format!("it is {one} a{four}b {{\"pin\":\"{seven}\"}} {head}")),
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\nX-Echo: {one}/{seven}\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let query = "?one={one}&four=a{four}b";
    let mut paths = format!("live = \"/live{query}\"");
    let mut series = String::new();
    for (label, transport, more) in [
        ("live", "polling", "interval = \"100ms\""),
        ("raw", "polling", "interval = \"100ms\""),
        ("reqwest", "polling", "interval = \"100ms\"\nengine = \"reqwest\""),
        ("held", "long-polling", ""),
        ("events", "sse", ""),
        ("chunks", "streaming", ""),
        ("frames", "websocket", ""),
        ("tungstenite", "websocket", "engine = \"tungstenite\""),
    ] {
        if label != "live" {
            paths += &format!(", {label} = \"/no{query}\"");
        }
        series += &format!(
            "[[series]]\ntransport = \"{transport}\"\nlabel = \"{label}\"\n{more}\ndata = \"pins.csv\"\n\
             headers = {{ X-One = \"{{one}}\", X-Four = \"v{{four}}v\", X-Seven = \"{{seven}}\" }}\n"
        );
    }
    let world = World::new(&scenario(address, &format!("paths = {{ {paths} }}\n{series}")));
    world.write("pins.csv", SHORT_VALUES);
    let output = finish(&mut world.run(&["--verbose"]));
    expect_no_short_value("run", &said(&output));
    let all = expect_no_short_value_in_files(&world.path("out"));
    for wanted in [
        "one=‹redacted, 1 B›&four=a‹redacted, 4 B›b",
        "X-One: ‹redacted, 1 B›",
        "X-Four: v‹redacted, 4 B›v",
        "X-Seven: ‹redacted, 7 B›",
        "X-Echo: ‹redacted, 1 B›/‹redacted, 7 B›",
        "it is ‹redacted, 1 B› av‹redacted, 4 B›vb",
        " HTTP/1.1",
    ] {
        assert!(all.contains(wanted), "{wanted} is nowhere\n{}", said(&output));
    }
    assert!(said(&output).contains("status 500: \"it is ‹"), "{}", said(&output));
    let result = world.path("out/result.jsonl");
    let result = result.to_str().expect("a path");
    let formats = ["text", "json", "markdown", "github-action-benchmark", "bencher", "junit"];
    at_once(formats, |format| {
        let args = ["report", result, "--reports", "none", "--format", format];
        expect_no_short_value(format, &said(&finish(&mut wsbench(&args))));
    });
    let scenario = world.path("scenario.toml");
    let scenario = scenario.to_str().expect("a path");
    let planned = finish(&mut wsbench(&["plan", scenario, "--format", "json"]));
    expect_no_short_value("plan", &said(&planned));
    // Without names in its first line, the file has values in their place.
    world.write("pins.csv", "Q,k9w4,zq 7x1w2\n");
    let refused = finish(&mut wsbench(&["plan", scenario]));
    expect_code(&refused, 2);
    assert!(said(&refused).contains("what column 3 has there"), "{}", said(&refused));
    assert!(!said(&refused).contains("7x1w2"), "{}", said(&refused));
}

#[test]
fn a_plan_an_error_and_a_baseline_have_no_secret() {
    let address = echoing();
    let series = "[[series]]\ntransport = \"polling\"\nlabel = \"good\"\ninterval = \"200ms\"\n\
                  request_head = \"head.http\"\n";
    let world = World::new(&scenario(address, series));
    world.write("head.http", HEAD);
    let baseline = world.path("out/baseline.json");
    let mut run = world.run(&["--quiet", "--save-baseline", baseline.to_str().expect("a path")]);
    let output = finish(&mut run);
    expect_ran(&world, &output);
    expect_clean("run", &output);
    expect_clean_files(&world.path("out"));

    let path = world.path("scenario.toml");
    let path = path.to_str().expect("a path");
    let with = |sets: &[&str]| {
        let mut command = wsbench(&["plan", path]);
        sets.iter().for_each(|set| _ = command.arg("--set").arg(set));
        finish(with_variables(&mut command))
    };
    for format in ["text", "json"] {
        let command = &mut wsbench(&["plan", path, "--format", format]);
        command.args(["--set", "server.paths.good=/x?${env:WSB_TEST_TOKEN}"]);
        command.args(["--set", "series.good.request_head=minimal"]);
        let output = finish(with_variables(command));
        expect_code(&output, 0);
        expect_clean(format, &output);
        assert!(said(&output).contains("/x?‹redacted, 24 B›"), "{}", said(&output));
    }
    // Errors, with the value in the message, in the line and on the command line.
    let refused = [
        ("server.url=http://cAnArY-user:cAnArY-password@127.0.0.1:1/x", "‹redacted, 27 B›"),
        ("server.url=cAnArY-user://cAnArY:x@127.0.0.1", "@127.0.0.1"),
        ("duration=${env:WSB_TEST_TOKEN}", "cannot be a secret"),
        (
            "series.good.interval={ value = \"cAnArY-interval\", secret = true }",
            "cannot be a secret",
        ),
        ("series.good.transport=${env:WSB_TEST_TOKEN}", "cannot be a secret"),
        ("about=${env:WSB_TEST_TOKEN}", "cannot be a secret"),
        ("about=${env:WSB_TEST_MISSING}", "\"WSB_TEST_MISSING\" is not set"),
        ("server.paths.good=no-slash-${env:WSB_TEST_TOKEN}", "path \"no-slash-‹redacted, 24 B›\""),
        ("Authorization=cAnArY-misplaced", "unknown key \"Authorization\""),
    ];
    for (set, wanted) in refused {
        let output = with(&[set]);
        expect_code(&output, 2);
        // The scheme of the second is no secret.
        let text = said(&output).replace("cAnArY-user://", "");
        assert!(!text.contains(CANARY), "{text}");
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}

/// Whatever is wrong with the line of a secret, or with one beside it, the line is shown without it.
#[test]
fn no_excerpt_of_an_error_has_a_secret() {
    let malformed = [
        (r#"headers={X={value="cAnArY",secret=true,foo=1}}"#, "unknown key \"foo\""),
        (r#"headers={X={value="cAnArY",secret="yes"}}"#, "secret must be true or false"),
        (r#"headers={X={value=["cAnArY"],secret=true}}"#, "value must be text in quotes"),
        (r#"headers={X={secret=true,valeu="cAnArY"}}"#, "unknown key \"valeu\""),
        (r#"headers={Authorization=["cAnArY"]}"#, "must be text in quotes, not a list"),
        (r#"headers={Cookie={a="cAnArY"}}"#, "must be text in quotes, or {"),
        (r#"headers={Authorization="Bearer cAnArY}"#, "error"),
        ("headers={Authorization=Bearer cAnArY}", "error"),
        ("headers.Proxy-Authorization = cAnArY", "in quotes"),
        ("[series.headers.X]\nvalue = \"cAnArY\nsecret = true", "error"),
        ("[series.headers]\nAuthorization = '''\ncAnArY", "error"),
        ("headers = { Authorization = \"cAnArY\" }\ninterval = 1 s", "error"),
        ("url = \"http://us er:cAnArY@127.0.0.1:1/\"", "error"),
        ("url = \"http://user:p/cAnArY@127.0.0.1:1/\"", "error"),
        ("url = http://user:cAnArY@127.0.0.1:1/", "error"),
        ("url = \"http://user:\"cAnArY@127.0.0.1:1/\"", "error"),
    ];
    for (line, wanted) in malformed {
        let world = World::new(&format!(
            "clients = [1]\n[server]\nurl = \"http://127.0.0.1:1\"\n\
             [[series]]\ntransport = \"polling\"\n{line}\n"
        ));
        let path = world.path("scenario.toml").display().to_string();
        for command in ["plan", "run", "model"] {
            let output = finish(&mut wsbench(&[command, &path]));
            expect_code(&output, 2);
            expect_clean(line, &output);
            assert!(said(&output).contains(wanted), "{line}: {}", said(&output));
        }
    }
    // The same on the command line.
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let world = World::new(&scenario(address, "[[series]]\ntransport = \"polling\"\n"));
    let path = world.path("scenario.toml").display().to_string();
    for set in [
        r#"series.polling.headers={X={value="cAnArY",secret=true,foo=1}}"#,
        r#"series.polling.headers={Authorization=["cAnArY"]}"#,
        r#"series.polling.headers={Authorization="cAnArY"#,
        r#"server.url="http://user:cAnArY@127.0.0.1:1/"#,
    ] {
        let output = finish(&mut wsbench(&["plan", &path, "--set", set]));
        expect_code(&output, 2);
        expect_clean(set, &output);
    }
}

#[test]
fn a_missing_variable_is_an_error_at_its_place() {
    let world = World::new(
        "clients = [1]\n[server]\nurl = \"http://127.0.0.1:9/${env:WSB_TEST_MISSING}\"\n\
         [[series]]\ntransport = \"sse\"\n[x]\nAuthorization = \"cAnArY-of-a-line\" oops\n",
    );
    let path = world.path("scenario.toml");
    let output = finish(&mut wsbench(&["plan", path.to_str().expect("a path")]));
    expect_code(&output, 2);
    let text = said(&output);
    expect_clean("a line that is no TOML", &output);
    assert!(text.contains("Authorization = ‹redacted, 23 B›"), "{text}");
    let world = World::new(
        "clients = [1]\n[server]\nurl = \"http://${env:WSB_TEST_MISSING}\"\n\
         [[series]]\ntransport = \"sse\"\n",
    );
    let path = world.path("scenario.toml");
    let output = finish(&mut wsbench(&["plan", path.to_str().expect("a path")]));
    let text = said(&output);
    assert!(text.contains("the environment variable \"WSB_TEST_MISSING\" is not set"), "{text}");
    assert!(text.contains("scenario.toml:3:15"), "{text}");
}

/// What a terminal, a spreadsheet and XML would take for more than a text.
const ODD: &str = "=cmd|' /C calc'!A0\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\u{9b}31m <b>&]]>";

#[test]
fn the_text_of_a_server_is_escaped_in_every_medium() {
    let refuses = serve(|mut stream| {
        while request(&mut stream).is_some() {
            let answer = format!(
                "HTTP/1.1 403 {ODD}\r\nLocation: {ODD}\r\nContent-Length: {}\r\n\r\n{ODD}",
                ODD.len()
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let no_stream = serve(|mut stream| {
        while request(&mut stream).is_some() {
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Type: {ODD}\r\nContent-Length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let closes = serve(|mut stream| {
        let lines =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        if crate::support::answer_upgrade(&mut stream, lines).is_some() {
            let mut frame = vec![0x88, (2 + ODD.len()) as u8, 0x03, 0xf0];
            frame.extend_from_slice(ODD.as_bytes());
            let _ = stream.write_all(&frame);
            // Its end would be an error of its own.
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    });
    let polling = "[[series]]\ntransport = \"polling\"\ninterval = \"200ms\"\n";
    let reqwest =
        "[[series]]\ntransport = \"polling\"\ninterval = \"200ms\"\nengine = \"reqwest\"\n";
    let sse = "[[series]]\ntransport = \"sse\"\n";
    let websocket = "[[series]]\ntransport = \"websocket\"\n";
    let cases = [
        (refuses, polling),
        (refuses, reqwest),
        (refuses, websocket),
        (no_stream, sse),
        (closes, websocket),
    ];
    at_once(cases, |(address, series)| {
        let world = World::new(&scenario(address, series));
        let job = world.path("job.md");
        let junit = world.path("junit.xml");
        let mut run = world.run(&["--verbose", "--junit", junit.to_str().expect("a path")]);
        run.env("GITHUB_STEP_SUMMARY", &job).env("GITHUB_ACTIONS", "true");
        let output = finish(&mut run);
        expect_code(&output, 96);
        let commands =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
        let text = said(&output);
        assert!(!text.contains(commands), "{text:?}");
        for name in ["summary.txt", "summary.csv", "summary.json", "result.jsonl"] {
            let file = fs::read_to_string(world.path("out").join(name)).expect("a report");
            // JSON and CSV keep other characters than commands as they are.
            let bad = |c: char| c.is_control() && c != '\n' && !('\u{80}'..'\u{a0}').contains(&c);
            assert!(!file.contains(bad), "{name}: {file:?}");
        }
        for row in world.csv("summary.csv") {
            let formula = |text: &&String| text.starts_with(['=', '+', '@', '\t']);
            assert!(!row.values().any(|text| formula(&text)), "{row:?}");
        }
        for file in [&junit, &job] {
            let text = fs::read_to_string(file).expect("it was written");
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
            assert!(!text.contains("<b>"), "{text}");
        }
    });
}
