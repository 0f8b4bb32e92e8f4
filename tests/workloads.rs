//! What clients send: echo, broadcast and tracker end to end, compared with arithmetic.

use crate::support::{Row, World, expect_code, expect_ran, finish, number, said};

const SERIES: &str = r#"
[[series]]
transport = "websocket"

[[series]]
transport = "polling"
interval = "200ms"
"#;

fn scenario(clients: u32, feed: &str) -> String {
    format!(
        "clients = [{clients}]\nwarmup = \"400ms\"\ndriver_lateness = \"1s\"\nduration = \"2s\"\ncooldown = \"1s\"\n\
         drain = \"10s\"\n[feed]\n{feed}\n{SERIES}"
    )
}

fn ran(scenario: &str) -> (World, Vec<Row>) {
    let world = World::new(scenario);
    let output = finish(&mut world.run(&["--reports", "csv,json,text", "-q"]));
    expect_ran(&world, &output);
    for row in world.summary()["rows"].as_array().expect("rows") {
        for name in ["mismatched", "ledger_bytes", "kernel_bytes", "server_bytes", "unaudited"] {
            assert_eq!(row[format!("audit_{name}")], 0, "{name} of {}", row["series"]);
        }
    }
    let rows = world.csv("summary.csv");
    (world, rows)
}

fn row<'a>(rows: &'a [Row], series: &str) -> &'a Row {
    rows.iter().find(|r| r["series"] == series).unwrap_or_else(|| panic!("no row of {series}"))
}

/// The total of a layer in one direction, over the measured window.
fn steady(world: &World, series: &str, direction: &str, layer: &str) -> f64 {
    let rows = world.csv("bytes.csv");
    let wanted = |r: &&Row| {
        (r["series"].as_str(), r["direction"].as_str(), r["layer"].as_str(), r["phase"].as_str())
            == (series, direction, layer, "steady")
    };
    number(rows.iter().find(wanted).expect("a row of bytes.csv"), "total")
}

fn hold(row: &Row, columns: &[(&str, f64)]) {
    for (column, value) in columns {
        assert_eq!(number(row, column), *value, "{column} of {}", row["series"]);
    }
}

#[test]
fn an_echo_is_a_round_trip_each_turn_and_every_byte_is_predicted() {
    let (world, rows) = ran(&scenario(20, "workload = \"echo\"\nrate = \"5/s\""));
    let all = 20.0 * 10.0;
    let echo = row(&rows, "websocket");
    hold(echo, &[("turns", all), ("completed", all), ("sent", all), ("lost", 0.0)]);
    // A header of two each way, a mask of four on the way up.
    hold(
        echo,
        &[
            ("wire_bytes_up_per_message", 27.0),
            ("wire_bytes_down_per_message", 23.0),
            ("masks_bytes_per_message", 4.0),
            ("payload_bytes_per_message", 42.0),
            ("response_latency_count", all),
            ("service_time_count", all),
            ("turns_not_started", 0.0),
        ],
    );
    // Message, answer, and a bare acknowledgement: 206 bytes if nothing is late.
    let segments = number(echo, "tcp_segments_per_message");
    assert!((1.9..=3.2).contains(&segments), "{segments}");
    let post = row(&rows, "polling");
    hold(post, &[("turns", all), ("completed", all), ("sent", all)]);
    // The chapter's head with one letter more and the message's type and length.
    hold(
        post,
        &[
            ("overhead_bytes_up_per_message", 716.0 + 1.0 + 26.0 + 20.0),
            ("overhead_bytes_down_per_message", 193.0),
            ("payload_bytes_up_per_message", 21.0),
            ("payload_bytes_down_per_message", 21.0),
        ],
    );
    assert_eq!(steady(&world, "polling", "up", "payload_bytes"), all * 21.0);
    assert_eq!(post["fanout_first_us_p50"], "");
}

#[test]
fn a_closed_echo_has_no_schedule_and_two_segments() {
    let world = World::new(
        "clients = [4]\nwarmup = \"200ms\"\ndriver_lateness = \"1s\"\nduration = \"1s\"\ncooldown = \"100ms\"\n\
         [feed]\nworkload = \"echo\"\npayload = \"json\"\nsize = \"100B\"\n\
         [[series]]\ntransport = \"websocket\"\necho = \"back-to-back\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"back-to-back\"\n\
         connection = \"new\"\n",
    );
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_code(&output, 0);
    let rows = world.csv("summary.csv");
    let echo = row(&rows, "websocket");
    assert!(number(echo, "completed") > 100.0, "{}", said(&output));
    hold(echo, &[("wire_bytes_up_per_message", 106.0), ("wire_bytes_down_per_message", 102.0)]);
    let segments = number(echo, "tcp_segments_per_message");
    assert!((1.9..=2.2).contains(&segments), "{segments}");
    assert!(number(row(&rows, "polling"), "completed") > 20.0, "{}", said(&output));
}

#[test]
fn every_message_of_a_broadcast_reaches_all() {
    let feed = "workload = \"broadcast\"\nsenders = 3\nrate = \"5/s\"";
    let (world, rows) = ran(&scenario(30, feed));
    let (sent, all) = (3.0 * 10.0, 3.0 * 10.0 * 30.0);
    for series in ["websocket", "polling"] {
        let row = row(&rows, series);
        hold(row, &[("sent", sent), ("fanout_posts", sent), ("lost", 0.0), ("faults", 0.0)]);
        hold(row, &[("fanout_completeness_min", 1.0), ("fanout_completeness_mean", 1.0)]);
        let [first, last] = ["first", "last"].map(|n| number(row, &format!("fanout_{n}_us_p50")));
        assert!(first <= last, "{first} {last}");
        let summary = world.summary();
        let checks = &summary["rows"][usize::from(series == "polling")]["checks"];
        assert!(checks.to_string().contains(&format!("{all} of {all} deliveries")), "{checks}");
    }
    // A mask a message, and the message itself.
    assert_eq!(steady(&world, "websocket", "up", "masks_bytes"), sent * 4.0);
    assert_eq!(steady(&world, "websocket", "up", "wire_bytes"), sent * 27.0);
    assert_eq!(number(row(&rows, "websocket"), "wire_bytes_down_per_message"), 23.0);
    // The polls' heads and the posts' own.
    let polls = number(row(&rows, "polling"), "turns") * 716.0;
    let up = steady(&world, "polling", "up", "wire_bytes");
    assert_eq!(up, polls + sent * (763.0 + 21.0));
    assert_eq!(steady(&world, "polling", "up", "payload_bytes"), sent * 21.0);
    // Each sender has a second connection.
    let connections = world.summary()["rows"][1]["audit_connections"].clone();
    assert_eq!(connections, 33, "a second connection for each sender");
}

#[test]
fn batches_of_a_broadcast_lose_nothing() {
    let feed = "workload = \"broadcast\"\nrate = \"50/s\"\nbatch = \"100ms\"\nsenders = 2";
    let (_, rows) = ran(&scenario(10, feed));
    let push = row(&rows, "websocket");
    hold(push, &[("sent", 200.0), ("fanout_completeness_min", 1.0), ("lost", 0.0)]);
    // Some ten messages of two senders go out together.
    let together = number(push, "messages") / number(push, "completed");
    assert!((5.0..=20.0).contains(&together), "{together}");
}

#[test]
fn a_trackers_deliveries_are_the_square_of_its_clients() {
    let (world, rows) = ran(&scenario(12, "workload = \"tracker\"\nrate = \"5/s\""));
    let sent = 12.0 * 10.0;
    for series in ["websocket", "polling"] {
        hold(row(&rows, series), &[("sent", sent), ("fanout_completeness_min", 1.0)]);
        hold(row(&rows, series), &[("payload_bytes", 57.0), ("faults", 0.0)]);
    }
    let checks = world.summary()["rows"][0]["checks"].to_string();
    assert!(checks.contains("1,440 of 1,440 deliveries"), "{checks}");
    assert_eq!(steady(&world, "websocket", "up", "wire_bytes"), sent * 63.0);
}

#[test]
fn settings_that_contradict_a_workload_are_located() {
    let refused = |text: &str, expected: &str| {
        let world = World::new(&format!("clients = [5]\n{text}"));
        let output = finish(&mut world.run(&[]));
        expect_code(&output, 2);
        assert!(said(&output).contains(expected), "{expected:?} is not in {}", said(&output));
    };
    let websocket = "[[series]]\ntransport = \"websocket\"\n";
    let feed = |settings: &str| format!("[feed]\n{settings}\n{websocket}");
    refused(&feed("workload = \"tracker\"\nsize = \"30B\""), "positions of 57B");
    refused(&feed("workload = \"tracker\"\npayload = \"json\""), "leave payload out");
    refused(&feed("workload = \"broadcast\"\nsemantics = \"snapshot\""), "every message counts");
    refused(&feed("workload = \"broadcast\"\nsenders = 6"), "5 clients cannot be 6 senders");
    refused(&feed("workload = \"echo\"\narrivals = \"poisson\""), "at equal intervals");
    refused(&feed("workload = \"echo\"\nbatch = \"1s\""), "answered at once");
    refused(&feed("senders = 4"), "for a broadcast only");
    let polls = "[[series]]\ntransport = \"polling\"\n";
    let feed = |workload: &str, more: &str| {
        format!("[feed]\nworkload = \"{workload}\"\nrate = \"2/s\"\n{polls}{more}\n")
    };
    refused(&feed("echo", "interval = \"1s\""), "the interval must be the feed's 500 ms");
    refused(&feed("echo", "interval = \"500ms\"\nengine = \"reqwest\""), "sends no messages");
    refused(&feed("broadcast", "connection = \"new\""), "keep-alive");
    refused(&feed("echo", "[[series]]\ntransport = \"null\""), "nobody sends");
}

#[test]
fn too_many_for_one_process_are_refused() {
    let world =
        World::new(&format!("clients = [2000]\n[feed]\nworkload = \"broadcast\"\n{SERIES}"));
    let run = world.run(&[]);
    let mut limited = crate::support::command("sh");
    limited.arg("-c").arg("ulimit -Sn 500; ulimit -Hn 1000; exec \"$@\"").arg("sh");
    limited.arg(run.get_program()).args(run.get_args());
    let output = finish(&mut limited);
    expect_code(&output, 2);
    assert!(said(&output).contains("are in one server process"), "{}", said(&output));
}
