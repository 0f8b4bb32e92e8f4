//! Figures belong to what they are, whatever server answers, and reports say nothing that is not known
//! of it.

use crate::odd_servers::now_s;
use crate::support::{
    Row, World, answer_upgrade, at_once, expect_code, expect_ran, finish, number, said, serve,
    wsbench,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Output;
use std::time::Duration;

/// Reads the head of a request; `None` at the end of the connection.
fn request(stream: &mut TcpStream) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(())
}

/// Answers the n-th request of each connection, from 0; `None` ends the connection.
fn answer(each: impl Fn(usize) -> Option<Vec<u8>> + Clone + Send + 'static) -> SocketAddr {
    serve(move |mut stream| {
        let mut number = 0;
        while request(&mut stream).is_some() {
            let Some(bytes) = each(number) else { return };
            number += 1;
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    })
}

const TIMES: &str = "clients = [2]\nwarmup = \"200ms\"\nduration = \"1500ms\"\ncooldown = \"100ms\"\n\
                     driver_lateness = \"1s\"\ntimeout = \"3s\"\ndrain = \"1s\"\n";

fn run(address: SocketAddr, series: &str) -> (World, Output) {
    let world = World::new(&format!(
        "{TIMES}[server]\nurl = \"http://{address}\"\n[[series]]\n{series}\nlabel = \"it\"\n"
    ));
    let output = finish(&mut world.run(&[]));
    (world, output)
}

fn row(world: &World) -> Row {
    let rows = world.csv("summary.csv");
    rows.iter().find(|row| row["series"] == "it").expect("a row of the series").clone()
}

/// The total of a layer over all phases, both ways.
fn total(world: &World, layer: &str) -> f64 {
    let rows = world.csv("bytes.csv");
    let of =
        |row: &&Row| row["series"] == "it" && row["direction"] == "both" && row["layer"] == layer;
    rows.iter().filter(of).map(|row| number(row, "total")).sum()
}

const POLLING: &str = "transport = \"polling\"\ninterval = \"100ms\"\nrequest_head = \"minimal\"";

#[test]
fn an_answer_that_is_not_counted_is_discarded_with_its_head() {
    let good = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let bad = b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nfail";
    for engine in ["", "\nengine = \"reqwest\""] {
        let address = answer(move |n| Some(if n % 2 == 0 { good.to_vec() } else { bad.to_vec() }));
        let (world, output) = run(address, &format!("{POLLING}{engine}"));
        let row = row(&world);
        let (faults, text) = (number(&row, "faults"), said(&output));
        assert!(faults > 10.0, "{text}");
        assert_eq!(number(&row, "audit_ledger_bytes"), 0.0, "{text}");
        // Five bytes of payload for each good answer, and none of a refusal.
        assert_eq!(total(&world, "payload_bytes") % 5.0, 0.0, "{text}");
        let each = total(&world, "discarded_bytes") / faults;
        assert!(each > bad.len() as f64 + 40.0 && each.fract() == 0.0, "{each} {text}");
    }
}

#[test]
fn a_connection_that_the_scenario_wants_for_each_request_is_no_reconnect() {
    let closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    let keeping = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    // A server that ends a connection which the client would have kept makes it reconnect.
    let cases: [(&[u8], String, bool); 5] = [
        (closing, POLLING.to_owned(), true),
        (closing, format!("{POLLING}\nengine = \"reqwest\""), true),
        (keeping, format!("{POLLING}\nconnection = \"new\""), false),
        (closing, format!("{POLLING}\nconnection = \"new\""), false),
        (closing, "transport = \"long-polling\"\nrequest_head = \"minimal\"".to_owned(), true),
    ];
    at_once(cases, |(bytes, series, again)| {
        let bytes = bytes.to_vec();
        let held = series.contains("long");
        let address = answer(move |_| {
            std::thread::sleep(Duration::from_millis(if held { 100 } else { 0 }));
            Some(bytes.clone())
        });
        let (world, output) = run(address, &series);
        let row = row(&world);
        assert!(number(&row, "completed") > 10.0, "{series}\n{}", said(&output));
        let reconnects = number(&row, "reconnects");
        assert_eq!(reconnects > 10.0, again, "{series}\n{}", said(&output));
        assert!(again || reconnects == 0.0, "{series}\n{}", said(&output));
    });
}

#[test]
fn comments_of_an_event_stream_are_control_and_no_framing() {
    let address = serve(|mut stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        if request(&mut stream).is_none() || stream.write_all(head).is_err() {
            return;
        }
        while stream.write_all(b": ping\n\ndata: hello\n\n").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let (world, output) = run(address, "transport = \"sse\"");
    let text = said(&output);
    let payload = total(&world, "payload_bytes");
    assert!(payload > 100.0, "{text}");
    // 8 bytes around 5 of data, and 8 of a comment.
    assert_eq!(total(&world, "framing_bytes") / payload, 8.0 / 5.0, "{text}");
    let control = total(&world, "control_bytes");
    assert!((control / payload - 8.0 / 5.0).abs() < 0.2 && control % 8.0 == 0.0, "{text}");
}

#[test]
fn what_an_answer_beyond_2xx_says_is_no_payload_though_it_counts_as_success() {
    let good = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let none = b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n{\"no\":1}\n";
    let series = [
        POLLING.to_owned(),
        format!("{POLLING}\nengine = \"reqwest\""),
        format!("{POLLING}\naccept_encoding = \"gzip\""),
        "transport = \"long-polling\"\nrequest_head = \"minimal\"".to_owned(),
    ];
    for series in series {
        let address = answer(move |n| {
            std::thread::sleep(Duration::from_millis(20));
            Some(if n % 2 == 0 { good.to_vec() } else { none.to_vec() })
        });
        let (world, output) = run(address, &format!("{series}\nstatus = [\"2xx\", 404]"));
        expect_ran(&world, &output);
        let (row, text) = (row(&world), said(&output));
        let (payload, discarded) =
            (total(&world, "payload_bytes"), total(&world, "discarded_bytes"));
        assert!(payload > 20.0 && discarded > 36.0, "{series}: {text}");
        assert_eq!((payload % 5.0, discarded % 9.0), (0.0, 0.0), "{series}: {text}");
        // Of the two kinds, one client may have one more.
        assert!((payload / 5.0 - discarded / 9.0).abs() <= 2.0, "{series}: {payload} {text}");
        assert_eq!(number(&row, "audit_ledger_bytes"), 0.0, "{series}: {text}");
    }
}

#[test]
fn a_run_without_a_message_is_not_valid() {
    let endless = serve(|mut stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
        if request(&mut stream).is_none() || stream.write_all(head).is_err() {
            return;
        }
        while stream.write_all(b"no end of a line ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let (world, output) = run(endless, "transport = \"streaming\"");
    expect_code(&output, 96);
    assert_ne!(row(&world)["status"], "valid", "{}", said(&output));
}

#[test]
fn a_path_that_no_series_has_is_a_warning() {
    let world = World::new(
        "clients = [2]\n[server]\nurl = \"http://127.0.0.1:9\"\n\
         paths = { polling = \"/a\", one = \"/b\", see = \"/c\" }\n\
         [[series]]\ntransport = \"polling\"\nlabel = \"one\"\n[[series]]\ntransport = \"sse\"\n",
    );
    let path = world.path("scenario.toml");
    let output = finish(&mut wsbench(&["plan", path.to_str().expect("a path")]));
    expect_code(&output, 0);
    let text = said(&output);
    let place = "scenario.toml:4:11: paths.polling in [server] has no effect: each series";
    assert!(text.contains(place), "{text}");
    let place = "scenario.toml:4:39: paths.see in [server] has no effect: no series has the label or \
                 transport \"see\", did you mean \"sse\"?";
    assert!(text.contains(place), "{text}");
    assert_eq!(text.matches("has no effect").count(), 2, "{text}");
}

/// Upgrades with further fields, and sends `hello` twenty times a second.
fn greeting(fields: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        let lines = format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {{accept}}\r\n{fields}"
        );
        if answer_upgrade(&mut stream, &lines).is_none() {
            return;
        }
        while stream.write_all(b"\x81\x05hello").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    })
}

#[test]
fn reports_of_another_server_leave_out_the_book_and_empty_pictures() {
    let (world, output) = run(greeting(""), "transport = \"websocket\"");
    expect_ran(&world, &output);
    // Nobody asked for its CPU and memory.
    assert!(!said(&output).contains("of the server: "), "{}", said(&output));
    let row = row(&world);
    let of_chapter = |name: &&String| name.contains("chapter") || name.contains("megabits");
    assert_eq!(row.keys().find(of_chapter), None);
    let text = std::fs::read_to_string(world.path("out/summary.txt")).expect("a summary");
    for word in ["chapter", "Mbps"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let files = [
        ("overhead.png", true),
        ("cost.png", true),
        ("age.png", false),
        ("break-even.png", false),
        ("break-even.csv", false),
        ("distribution.csv", true),
    ];
    for (name, there) in files {
        let path = world.path("out").join(name);
        assert_eq!(path.exists(), there, "{}", path.display());
    }
}

/// Different servers are compared in what varies, also if each of their answers has another head; a margin
/// tolerates that.
#[test]
fn bytes_by_which_two_servers_differ_end_no_comparison() {
    let world =
        World::new(&format!("{TIMES}[[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n"));
    let with = |field: &'static str| {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{field}\r\nhello");
        format!("http://{}", answer(move |_| Some(text.clone().into_bytes())))
    };
    let (a, b) = (with(""), with("X-P: longer\r\n"));
    let run = |margins: &[&str], out: &str| {
        let mut compare =
            wsbench(&["compare", "--a", &a, "--b", &b, "--pairs=3", "--most-pairs=3"]);
        compare.arg("--alpha=0.2").args(margins.iter().flat_map(|m| ["--margin", m]));
        let output =
            finish(compare.arg(world.path("scenario.toml")).arg("--out").arg(world.path(out)));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("pair 3 of 3"), "{text}");
        (output, text)
    };
    let (output, text) = run(&[], "out");
    expect_code(&output, 98);
    let line = "two different servers, which differ in figures that do not vary: ";
    assert!(text.contains(line) && text.contains("heads_bytes_down_per_message"), "{text}");
    assert!(text.contains("--margin heads_bytes_down_per_message="), "{text}");
    // What varies has its row all the same.
    assert!(text.contains("medians of 3 pairs"), "{text}");
    let layers = ["heads_bytes", "head_chars", "overhead_bytes"];
    let margins = layers.map(|layer| format!("{layer}_down_per_message=100%"));
    let (_, text) = run(&margins.each_ref().map(String::as_str), "out2");
    assert!(!text.contains(line) && !text.contains("FAIL polling at 5 clients: heads"), "{text}");
}

/// Settings of the feed that a server of one's own does not have are not checked, and warned of.
#[test]
fn settings_without_effect_on_a_server_of_ones_own_are_no_errors() {
    let plan = |more: &str, files: &[(&str, &str)]| {
        let world =
            World::new(&format!("clients = [2]\n[server]\nurl = \"http://127.0.0.1:1\"\n{more}"));
        files.iter().for_each(|(name, text)| world.write(name, text));
        let path = world.path("scenario.toml").display().to_string();
        let output = finish(&mut wsbench(&["plan", &path]));
        (said(&output), output)
    };
    let polling = "[[series]]\ntransport = \"polling\"\n";
    let (text, output) = plan(&format!("[feed]\npayload = \"json\"\n{polling}"), &[]);
    expect_code(&output, 0);
    assert!(text.contains("json of any size") && !text.contains("phases spread"), "{text}");
    let odd = "[feed]\npayload = \"json\"\nsize = \"5B\"\nspread = false\narrivals = \"poisson\"\n";
    let (text, output) = plan(&format!("{odd}{polling}"), &[]);
    expect_code(&output, 0);
    for key in ["size", "spread", "arrivals"] {
        assert!(text.contains(&format!("{key} has no effect on a server of your own")), "{text}");
    }
    // If the rate is stated, they say what is expected of the server.
    let (text, _) = plan(&format!("[feed]\nrate = \"5/s\"\nspread = false\n{polling}"), &[]);
    assert!(!text.contains("has no effect") && text.contains("all clients at once"), "{text}");
    let body = "method = \"POST\"\ndata = \"d.csv\"\nbody = '{\"n\":\"{name}\"}'\n";
    let (text, output) =
        plan(&format!("{polling}{body}"), &[("d.csv", "id,name\n\"\"\"\",b\n1,\"c\"\"d\"\n")]);
    expect_code(&output, 0);
    assert_eq!(text.matches("a value of {name} has a quote").count(), 1, "{text}");
    let (text, _) = plan(&format!("{polling}{body}"), &[("d.csv", "id,name\n\"\"\"\",b\n1,c\n")]);
    assert!(!text.contains("has a quote"), "{text}");
}

#[test]
fn an_unknown_dialect_is_reported_alone_and_a_long_one_with_a_warning() {
    let plan = |name: &str| {
        let world = World::new(&format!(
            "clients = [1]\n[server]\nurl = \"http://127.0.0.1:1\"\n[[series]]\ndialect = \"{name}\"\n"
        ));
        world.write("long.toml", format!("{}transport = \"websocket\"\n", "# a line\n".repeat(40)));
        let path = world.path("scenario.toml").display().to_string();
        said(&finish(&mut wsbench(&["plan", &path])))
    };
    for name in ["socketio", "./none.toml"] {
        let text = plan(name);
        assert!(text.contains("1 error in") && !text.contains("transport"), "{text}");
    }
    let text = plan("./long.toml");
    assert!(text.contains("dialect has 41 lines") && text.contains("scenario.toml:5:"), "{text}");
    assert!(!plan("stomp").contains("at most 40"));
}

#[test]
fn two_servers_with_different_heads_are_compared_all_the_same() {
    let world = World::new(&format!("{TIMES}[[series]]\ntransport = \"websocket\"\n"));
    let (a, b) = (greeting(""), greeting("Server: another\r\nX-Powered-By: tests\r\n"));
    let [a, b] = [a, b].map(|address| format!("http://{address}"));
    let path = world.path("scenario.toml");
    let mut compare = wsbench(&["compare", "--a", &a, "--b", &b, "--pairs=3", "--most-pairs=3"]);
    let output = finish(compare.arg("--alpha=0.2").arg(path).arg("--out").arg(world.path("out")));
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("not compared, since two servers set up their clients"), "{text}");
    assert!(text.contains("pair 3 of 3"), "{text}");
    // Before a run is spent on it: p50 and p99 of one latency.
    let progress = String::from_utf8_lossy(&output.stderr);
    let warned = progress.find("with 2 metrics and 3 pairs at the most no single metric can fail");
    assert!(warned.is_some_and(|at| at < progress.find("pair").expect("a pair")), "{progress}");
    assert!(progress.contains("run at least 4 pairs"), "{progress}");
    assert!(!text.contains("FAIL websocket: setup"), "{text}");
}

/// Gives a server a port of four digits too, if one is free.
fn behind_a_short_port(address: SocketAddr) -> Option<SocketAddr> {
    let taken = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).ok();
    let other = (2_000..9_999).find_map(taken)?;
    let shorter = other.local_addr().expect("an address");
    std::thread::spawn(move || {
        for from in other.incoming().flatten() {
            let Ok(to) = TcpStream::connect(address) else { return };
            let copy = |mut from: TcpStream, mut to: TcpStream| {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                })
            };
            let both = (from.try_clone(), to.try_clone());
            if let (Ok(a), Ok(b)) = both {
                copy(a, to);
                copy(b, from);
            }
        }
    });
    Some(shorter)
}

/// Runs two scenarios, the first with `--save-baseline`, and returns what the gate says of the second by
/// the first's baseline and by its result, and of the first by the second's.
fn gate_both(first: &str, second: &str) -> [String; 3] {
    let (world, again) = (World::new(first), World::new(second));
    let baseline = world.path("out/baseline.json");
    let baseline = baseline.to_str().expect("a path");
    let output = finish(&mut world.run(&["--save-baseline", baseline, "--reports", "json"]));
    expect_ran(&world, &output);
    expect_ran(&again, &finish(&mut again.run(&["--reports", "json"])));
    let result = |world: &World| world.path("out/result.jsonl").display().to_string();
    let (first, second) = (result(&world), result(&again));
    [(baseline, &second), (&first, &second), (&second, &first)].map(|(baseline, result)| {
        said(&finish(&mut wsbench(&["gate", result, "--baseline", baseline])))
    })
}

#[test]
fn a_baseline_does_not_depend_on_the_port() {
    let address = greeting("");
    let Some(shorter) = behind_a_short_port(address) else { return };
    let scenario = |address: SocketAddr| {
        format!(
            "{TIMES}[server]\nurl = \"http://{address}\"\n[[series]]\ntransport = \"websocket\"\n"
        )
    };
    for text in gate_both(&scenario(address), &scenario(shorter)) {
        assert!(text.contains("setup_heads_bytes_up_per_client"), "{text}");
        assert!(!text.lines().any(fails_by_heads), "{text}");
    }
}

fn fails_by_heads(line: &str) -> bool {
    line.starts_with("FAIL ") && line.contains("head")
}

/// Nor on those of the series' own URLs, as `wsbench try` writes them, whatever else names their authority.
#[test]
fn a_baseline_does_not_depend_on_the_port_of_a_series() {
    let hello = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let (greets, answers) = (greeting(""), answer(|_| Some(hello.to_vec())));
    let short = (behind_a_short_port(greets), behind_a_short_port(answers));
    let (Some(short_greets), Some(short_answers)) = short else { return };
    let scenario = |greets: SocketAddr, answers: SocketAddr| {
        let names = |at: SocketAddr| format!("headers = {{ Referer = \"http://{at}/from\" }}\n");
        let websocket = format!(
            "transport = \"websocket\"\nurl = \"ws://{greets}/live\"\norigin = \"http://{greets}\"\n{}",
            names(greets)
        );
        let polling = format!(
            "{POLLING}\nurl = \"http://{answers}/latest?a=1\"\nhost = \"{answers}\"\n{}",
            names(answers)
        );
        format!(
            "{TIMES}[[series]]\n{websocket}[[series]]\nlabel = \"tungstenite\"\nengine = \
             \"tungstenite\"\n{websocket}[[series]]\n{polling}[[series]]\nlabel = \"reqwest\"\n\
             engine = \"reqwest\"\n{polling}"
        )
    };
    for text in gate_both(&scenario(greets, answers), &scenario(short_greets, short_answers)) {
        for series in ["websocket", "tungstenite", "polling", "reqwest"] {
            let of_setup = |line: &str| {
                line.starts_with(series) && line.contains("setup_heads_bytes_up_per_client")
            };
            assert!(text.lines().any(of_setup), "{series}: {text}");
        }
        assert!(!text.lines().any(fails_by_heads), "{text}");
    }
}

/// An answer whose body is this one.
fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An update that was published at this moment.
fn update(at_s: f64) -> String {
    ok(&format!("{{\"t\": {}}}", (at_s * 1000.0).round()))
}

/// Polls such a server with three clients, ten times a second each, and returns what was printed.
fn poll(body: impl Fn() -> String + Clone + Send + 'static, feed: &str, code: i32) -> String {
    let world = World::new(&format!(
        "clients = [3]\nwarmup = \"300ms\"\ndriver_lateness = \"1s\"\nduration = \"2s\"\n\
         cooldown = \"100ms\"\n[message]\ntime = \"/t\"\nunit = \"ms\"\n{feed}\n[server]\nurl = \"http://{}\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n",
        answer(move |_| Some(body().into_bytes()))
    ));
    let output = finish(&mut world.run(&[]));
    expect_code(&output, code);
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn polls_without_numbers_need_not_see_every_update() {
    // An update for each millisecond: each poll sees one.
    let text = poll(|| update(now_s()), "[feed]\nrate = \"50/s\"", 0);
    assert!(text.contains("updates between two polls are not seen"), "{text}");
    assert!(!text.contains("too slow"), "{text}");
    // Of a server that is slower than it should be, polls without numbers tell, too.
    let slow = || update((now_s() * 2.0).floor() / 2.0);
    let text = poll(slow, "[feed]\nrate = \"50/s\"", 96);
    assert!(text.contains("by the number of polls, each of which sees one at most"), "{text}");
    let text = poll(slow, "[feed]\nrate = \"5/s\"", 96);
    assert!(text.contains("of about 30 updates came"), "{text}");
}

#[test]
fn polls_that_open_a_session_each_are_pointed_out_without_a_cookie() {
    let number = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let run = |series: &str, is_new: bool| {
        let number = number.clone();
        let address = answer(move |_| {
            let next = number.fetch_add(usize::from(is_new), std::sync::atomic::Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
            Some(ok(&format!("0{{\"sid\":\"s{next}\",\"pingInterval\":25000}}")).into_bytes())
        });
        let (world, output) = run(address, series);
        expect_ran(&world, &output);
        said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let hint = "each poll seems to open a session of its own at the server: \"sid\" is another one";
    let series = [
        POLLING.to_owned(),
        format!("{POLLING}\nengine = \"reqwest\""),
        "transport = \"long-polling\"\nrequest_head = \"minimal\"".to_owned(),
    ];
    for series in series {
        let text = run(&series, true);
        assert!(text.contains(hint), "{series}: {text}");
        // One session that goes on.
        let text = run(&series, false);
        assert!(!text.contains("session of its own"), "{series}: {text}");
    }
}

#[test]
fn answers_that_bring_nothing_are_named_and_not_called_slow() {
    let cases = [
        ("HTTP/1.1 304 Not Modified\r\n\r\n", "had status 304 (nothing has changed)"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "had an empty body"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "had an empty body"),
    ];
    at_once(cases, |(answer, what)| {
        let text = poll(move || answer.to_owned(), "[feed]\nrate = \"5/s\"", 96);
        assert!(text.contains("none of about 30 updates came"), "{what}: {text}");
        assert!(text.contains(what) && text.contains("Let the server publish"), "{what}: {text}");
        assert!(!text.contains("too slow"), "{what}: {text}");
    });
}

#[test]
fn an_update_of_before_the_clients_is_no_wrong_clock() {
    let at_s = now_s() - 18.0;
    for feed in ["", "[feed]\nrate = \"5/s\""] {
        let text = poll(move || update(at_s), feed, 96);
        let nothing = text.find("nothing was published since the clients connected");
        let publish = text.find("Let the server publish while the run lasts");
        let clock = text.find("set time, unit and clock");
        assert!(nothing.is_some() && publish.is_some(), "{text}");
        assert!(clock > publish, "{text}");
        if !feed.is_empty() {
            assert!(text.contains("had an update that the client had already"), "{text}");
        }
    }
    // A clock that is behind goes on.
    let text = poll(|| update(now_s() - 18.0), "", 96);
    assert!(!text.contains("nothing was published"), "{text}");
    assert!(text.contains("behind this machine's clock"), "{text}");
}
