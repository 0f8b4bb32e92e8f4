//! Every class of bad limit, by the message that its author reads.

use super::resolved;
use insta::assert_snapshot;
use wsbench::internals::gate::limit::Limit;

const SERIES: &str = "\
clients = [10, 20]
[[series]]
transport = \"polling\"
[[series]]
transport = \"websocket\"
label = \"push.v1\"
";

fn with(limits: &str) -> Result<(Vec<Limit>, Vec<String>), String> {
    let resolved = resolved(&format!("{SERIES}{limits}"), &[])?;
    Ok((resolved.limits, resolved.warnings))
}

/// The message on limits with these settings, one a line of its own table.
fn messages(limits: &[&str]) -> String {
    let text: String = limits.iter().map(|l| format!("[[limit]]\n{l}\n")).collect();
    with(&text).expect_err("the limits are bad")
}

#[test]
fn good_limits_are_read_with_their_defaults() {
    let text = "
[[limit]]
metric = \"delivery_latency\"
series = [\"polling\", \"push.v1\"]
clients = 20
condition = \"p(99.9) < 20ms\"
abort_on_fail = true
delay_abort_eval = \"2s\"
about = \"Fast.\"
[[limit]]
condition = 'polling.wire_bytes_per_message / push.v1.wire_bytes_per_message >= 40:1'
";
    let (limits, warnings) = with(text).expect("they are good");
    assert_eq!(warnings, Vec::<String>::new());
    let all = Limit {
        metric: Some("delivery_latency".to_owned()),
        series: vec!["polling".to_owned(), "push.v1".to_owned()],
        clients: vec![20],
        condition: "p(99.9) < 20ms".to_owned(),
        abort_on_fail: true,
        delay_abort_eval_ns: 2_000_000_000,
        about: "Fast.".to_owned(),
    };
    assert_eq!(limits[0], all);
    let plain = Limit { condition: limits[1].condition.clone(), ..Limit::default() };
    assert_eq!(limits[1], plain);
}

#[test]
fn limits_are_no_part_of_the_plan() {
    let of = |text: &str| resolved(&format!("{SERIES}{text}"), &[]).expect("it is good").plan;
    let with = of("[[limit]]\ncondition = \"faults == 0\"\n");
    assert_eq!(with.hash(), of("").hash());
}

#[test]
fn the_frame_of_a_limit() {
    assert_snapshot!(with("[limit]\ncondition = \"faults == 0\"\n").unwrap_err(), @r#"
    error: limit must be a list of tables: write [[limit]]
     --> scenarios/x.toml:7:2
      |
    7 | [limit]
      |  ^^^^^

    1 error in scenarios/x.toml
    "#);
    assert_snapshot!(messages(&["", "condition = 3", "condition = \"\"\nabort_on_fial = true"]), @r#"
    error: missing key "condition": what must hold: [metric [/ metric]] [avg, min, max, med, p(N), count, rate] <, <=, >, >=, == or != a value with its unit; a metric may be series.metric
     --> scenarios/x.toml:7:1
      |
    7 | [[limit]]
      | ^^^^^^^^^

    error: condition must be text in quotes, not a whole number
      --> scenarios/x.toml:10:13
       |
    10 | condition = 3
       |             ^

    error: condition must not be empty
      --> scenarios/x.toml:12:13
       |
    12 | condition = ""
       |             ^^

    error: unknown key "abort_on_fial", did you mean "abort_on_fail"?
      --> scenarios/x.toml:13:1
       |
    13 | abort_on_fial = true
       | ^^^^^^^^^^^^^

    4 errors in scenarios/x.toml
    "#);
    assert_snapshot!(messages(&["condition = \"faults == 0\"\nseries = 3\nclients = [\"x\"]"]), @r#"
    error: series must be text in quotes, not a whole number
     --> scenarios/x.toml:9:10
      |
    9 | series = 3
      |          ^

    error: clients must be a whole number, not text
      --> scenarios/x.toml:10:12
       |
    10 | clients = ["x"]
       |            ^^^

    2 errors in scenarios/x.toml
    "#);
}

#[test]
fn grammar() {
    assert_snapshot!(messages(&[
        "condition = \"faults\"",
        "condition = \"faults = 0\"",
        "condition = \"faults ==\"",
        "condition = \"faults == none\"",
        "condition = \"delivery_latency p95 < 1s\"",
        "condition = \"delivery_latency p(950) < 1s\"",
        "condition = \"delivery_latency average < 1s\"",
        "condition = \"delivery_latency max med < 1s\"",
        "condition = \"faults + lost == 0\"",
        "condition = \"faults / == 0\"",
    ]), @r#"
    error: the condition has no <, <=, >, >=, == or !=: write for example "p(95) < 20ms"
     --> scenarios/x.toml:8:14
      |
    8 | condition = "faults"
      |              ^^^^^^

    error: unknown comparison "="; write ==
      --> scenarios/x.toml:10:21
       |
    10 | condition = "faults = 0"
       |                     ^

    error: the condition has no value after the comparison
      --> scenarios/x.toml:12:22
       |
    12 | condition = "faults =="
       |                      ^

    error: "none" is not a number with a unit; write for example 20ms
      --> scenarios/x.toml:14:24
       |
    14 | condition = "faults == none"
       |                        ^^^^

    error: unknown aggregate "p95", did you mean "p(95)"?
      --> scenarios/x.toml:16:31
       |
    16 | condition = "delivery_latency p95 < 1s"
       |                               ^^^

    error: "p(950)" is not a percentile; write p(N) with N from 0 to 100, as in p(99.9)
      --> scenarios/x.toml:18:31
       |
    18 | condition = "delivery_latency p(950) < 1s"
       |                               ^^^^^^

    error: unknown aggregate "average"; use one of avg, mean, min, max, med, count, rate, value, p(N)
      --> scenarios/x.toml:20:31
       |
    20 | condition = "delivery_latency average < 1s"
       |                               ^^^^^^^

    error: "max" is one word too many
      --> scenarios/x.toml:22:31
       |
    22 | condition = "delivery_latency max med < 1s"
       |                               ^^^

    error: unknown aggregate "+"; use one of avg, mean, min, max, med, count, rate, value, p(N)
      --> scenarios/x.toml:24:21
       |
    24 | condition = "faults + lost == 0"
       |                     ^

    error: there is no metric after the "/"
      --> scenarios/x.toml:26:21
       |
    26 | condition = "faults / == 0"
       |                     ^

    10 errors in scenarios/x.toml
    "#);
}

#[test]
fn unknown_metrics_and_aggregates() {
    assert_snapshot!(messages(&[
        "condition = \"delivery_latenzy p(95) < 1s\"",
        "condition = \"everything == 0\"",
        "metric = \"falts\"\ncondition = \"== 0\"",
        "metric = \"faults\"\ncondition = \"maks == 0\"",
        "condition = \"status == 0\"",
        "condition = \"stretched == 0\"",
        "condition = \"p(95) < 1s\"",
        "metric = \"faults\"\ncondition = \"lost == 0\"",
        "condition = \"delivery_latency < 1s\"",
        "condition = \"delivery_latency rate < 1%\"",
        "condition = \"wire_bytes_per_message p(95) < 1B\"",
        "condition = \"turns rate < 1%\"",
    ]), @r#"
    error: unknown metric "delivery_latenzy", did you mean "delivery_latency"?
     --> scenarios/x.toml:8:14
      |
    8 | condition = "delivery_latenzy p(95) < 1s"
      |              ^^^^^^^^^^^^^^^^

    error: unknown metric "everything"; a metric is a latency (delivery_latency, response_latency, service_time, driver_lag, probe_lateness, kernel_to_client, peak_age, connect_time, tls_handshake_time, upgrade_time, delay_error) or a numeric column of summary.csv
      --> scenarios/x.toml:10:14
       |
    10 | condition = "everything == 0"
       |              ^^^^^^^^^^

    error: unknown metric "falts", did you mean "faults"?
      --> scenarios/x.toml:12:10
       |
    12 | metric = "falts"
       |          ^^^^^^^

    error: unknown aggregate "maks"; use one of avg, mean, min, max, med, count, rate, value, p(N)
      --> scenarios/x.toml:16:14
       |
    16 | condition = "maks == 0"
       |              ^^^^

    error: status is text: a limit is on a number
      --> scenarios/x.toml:18:14
       |
    18 | condition = "status == 0"
       |              ^^^^^^

    error: stretched is true or false: a limit is on a number
      --> scenarios/x.toml:20:14
       |
    20 | condition = "stretched == 0"
       |              ^^^^^^^^^

    error: the limit has no metric: write metric = "…" beside the condition, or name it in the condition, as in "faults == 0"
      --> scenarios/x.toml:22:14
       |
    22 | condition = "p(95) < 1s"
       |              ^^^^^^

    error: the condition names its metric: leave out `metric` beside it
      --> scenarios/x.toml:25:14
       |
    25 | condition = "lost == 0"
       |              ^^^^

    error: delivery_latency is a distribution of latencies and needs an aggregate; it has avg, min, max, med, p(N) and count: write for example p(95)
      --> scenarios/x.toml:27:31
       |
    27 | condition = "delivery_latency < 1s"
       |                               ^

    error: delivery_latency has no rate: latencies have avg, min, max, med, p(N) and count
      --> scenarios/x.toml:29:31
       |
    29 | condition = "delivery_latency rate < 1%"
       |                               ^^^^

    error: wire_bytes_per_message has no p(95): it has value and, over repeats, avg, min, max and med
      --> scenarios/x.toml:31:37
       |
    31 | condition = "wire_bytes_per_message p(95) < 1B"
       |                                     ^^^^^

    error: turns has no rate: it has value, count and, over repeats, avg, min, max and med
      --> scenarios/x.toml:33:20
       |
    33 | condition = "turns rate < 1%"
       |                    ^^^^

    12 errors in scenarios/x.toml
    "#);
}

#[test]
fn units() {
    assert_snapshot!(messages(&[
        "condition = \"delivery_latency p(95) < 20\"",
        "condition = \"delivery_latency p(95) < 20B\"",
        "condition = \"delivery_latency count > 20ms\"",
        "condition = \"wire_bytes_per_message < 2\"",
        "condition = \"wire_bytes_per_message < 2B/s\"",
        "condition = \"wire_bytes_per_s < 2B\"",
        "condition = \"head_chars_per_message == 871\"",
        "condition = \"tcp_segments_per_message < 3B\"",
        "condition = \"updates_delivered rate > 0.999\"",
        "condition = \"updates_delivered > 99.9%\"",
        "condition = \"connects_per_s > 100\"",
        "condition = \"faults == 1:2\"",
        "condition = \"polling.faults / push.v1.lost < 3B\"",
        "condition = \"polling.wire_bytes_per_s / push.v1.wire_bytes_per_message < 3\"",
    ]), @r#"
    error: 20 has no unit, and delivery_latency p(95) is a time: write for example 20ms (units: ns, us, µs, ms, s, min, h)
     --> scenarios/x.toml:8:39
      |
    8 | condition = "delivery_latency p(95) < 20"
      |                                       ^^

    error: "B" is not a unit of delivery_latency p(95), which is a time: write for example 20ms (units: ns, us, µs, ms, s, min, h)
      --> scenarios/x.toml:10:39
       |
    10 | condition = "delivery_latency p(95) < 20B"
       |                                       ^^^

    error: delivery_latency count is a bare number: leave out "ms"
      --> scenarios/x.toml:12:39
       |
    12 | condition = "delivery_latency count > 20ms"
       |                                       ^^^^

    error: 2 has no unit, and wire_bytes_per_message is a number of bytes: write for example 2B (units: B, kB, KB, MB, GB, KiB, MiB, GiB)
      --> scenarios/x.toml:14:39
       |
    14 | condition = "wire_bytes_per_message < 2"
       |                                       ^

    error: "B/s" is not a unit of wire_bytes_per_message, which is a number of bytes: write for example 2B (units: B, kB, KB, MB, GB, KiB, MiB, GiB)
      --> scenarios/x.toml:16:39
       |
    16 | condition = "wire_bytes_per_message < 2B/s"
       |                                       ^^^^

    error: "B" is not a unit of wire_bytes_per_s, which is a rate of bytes: write for example 2B/s (units: B/s, kB/s, KB/s, MB/s, GB/s, KiB/s, MiB/s, GiB/s, bit/s, kbit/s, Kbit/s, Mbit/s, Gbit/s, Kibit/s, Mibit/s, Gibit/s)
      --> scenarios/x.toml:18:33
       |
    18 | condition = "wire_bytes_per_s < 2B"
       |                                 ^^

    error: 871 has no unit, and head_chars_per_message is a number of characters: write for example 871chars (units: chars, char, characters, character)
      --> scenarios/x.toml:20:40
       |
    20 | condition = "head_chars_per_message == 871"
       |                                        ^^^

    error: "B" is not a unit of tcp_segments_per_message, which is a number of segments: write for example 3segments (units: segments, segment)
      --> scenarios/x.toml:22:41
       |
    22 | condition = "tcp_segments_per_message < 3B"
       |                                         ^^

    error: updates_delivered rate is a share, written in percent: 0.999 of the whole is 99.9%
      --> scenarios/x.toml:24:39
       |
    24 | condition = "updates_delivered rate > 0.999"
       |                                       ^^^^^

    error: updates_delivered is a bare number; its share in percent is "updates_delivered rate"
      --> scenarios/x.toml:26:34
       |
    26 | condition = "updates_delivered > 99.9%"
       |                                  ^^^^^

    error: 100 has no unit, and connects_per_s is a rate: write 100/s (unit: /s)
      --> scenarios/x.toml:28:31
       |
    28 | condition = "connects_per_s > 100"
       |                               ^^^

    error: 1:2 is a ratio, and faults is not
      --> scenarios/x.toml:30:24
       |
    30 | condition = "faults == 1:2"
       |                        ^^^

    error: a ratio is a bare number: leave out "B"
      --> scenarios/x.toml:32:46
       |
    32 | condition = "polling.faults / push.v1.lost < 3B"
       |                                              ^^

    error: a ratio is of two figures of a kind, and these are a rate of bytes and a number of bytes
      --> scenarios/x.toml:34:14
       |
    34 | condition = "polling.wire_bytes_per_s / push.v1.wire_bytes_per_message < 3"
       |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    14 errors in scenarios/x.toml
    "#);
}

#[test]
fn selectors_that_match_nothing() {
    assert_snapshot!(messages(&[
        "series = \"poling\"\ncondition = \"faults == 0\"",
        "series = [\"polling\", \"sse\"]\ncondition = \"faults == 0\"",
        "clients = [10, 30]\ncondition = \"faults == 0\"",
        "condition = \"push.v2.faults == 0\"",
        "condition = \"polling.faults / socket.faults == 0\"",
        "series = \"polling\"\ncondition = \"polling.faults == 0\"",
    ]), @r#"
    error: no series has the label or transport "poling", did you mean "polling"?
     --> scenarios/x.toml:8:10
      |
    8 | series = "poling"
      |          ^^^^^^^^

    error: no series has the label or transport "sse"; there are polling, push.v1, websocket
      --> scenarios/x.toml:11:22
       |
    11 | series = ["polling", "sse"]
       |                      ^^^^^

    error: 30 is none of the scenario's client counts
      --> scenarios/x.toml:14:16
       |
    14 | clients = [10, 30]
       |                ^^

    error: no series has the label or transport "push.v2", did you mean "push.v1"?
      --> scenarios/x.toml:17:14
       |
    17 | condition = "push.v2.faults == 0"
       |              ^^^^^^^

    error: no series has the label or transport "socket", did you mean "websocket"?
      --> scenarios/x.toml:19:31
       |
    19 | condition = "polling.faults / socket.faults == 0"
       |                               ^^^^^^

    error: the condition names its series: leave out `series` beside it
      --> scenarios/x.toml:21:10
       |
    21 | series = "polling"
       |          ^^^^^^^^^

    6 errors in scenarios/x.toml
    "#);
    let text = format!("{SERIES}[[limit]]\nclients = 20\ncondition = \"faults == 0\"\n");
    assert!(resolved(&text, &["clients=[20]"]).is_ok());
}

#[test]
fn carets_are_under_the_value_where_its_text_is_not_what_it_says() {
    assert_snapshot!(messages(&["condition = \"falts\\u0020== 0\""]), @r#"
    error: unknown metric "falts", did you mean "faults"?
     --> scenarios/x.toml:8:13
      |
    8 | condition = "falts\u0020== 0"
      |             ^^^^^^^^^^^^^^^^^

    1 error in scenarios/x.toml
    "#);
    let good = format!("{SERIES}[[limit]]\ncondition = \"faults == 0\"\n");
    let error = resolved(&good, &["limit.0.condition=falts == 0"]).expect_err("it is bad");
    assert_snapshot!(error, @r#"
    error: unknown metric "falts", did you mean "faults"?
    --> --set limit.0.condition=falts == 0

    1 error in scenarios/x.toml
    "#);
}

#[test]
fn what_cannot_end_a_run_in_time_is_a_warning() {
    assert_snapshot!(messages(&["condition = \"faults == 0\"\ndelay_abort_eval = \"1s\""]), @r#"
    error: delay_abort_eval does nothing without abort_on_fail = true
     --> scenarios/x.toml:9:20
      |
    9 | delay_abort_eval = "1s"
      |                    ^^^^

    1 error in scenarios/x.toml
    "#);
    let aborting = |condition: &str, more: &str| {
        format!("[[limit]]\ncondition = \"{condition}\"\nabort_on_fail = true\n{more}\n")
    };
    let text = [
        aborting("server_cpu_us_per_message < 1ms", ""),
        aborting("tcp_segments_per_message < 4segments", ""),
        aborting("polling.faults / push.v1.completed < 1", ""),
        aborting("faults == 0", "delay_abort_eval = \"10s\""),
        aborting("faults == 0", "delay_abort_eval = \"9s\""),
        aborting("delivery_latency max < 1s", ""),
    ];
    let (_, warnings) = with(&text.concat()).expect("they are good");
    assert_snapshot!(warnings.join("\n"), @r#"
    limit "server_cpu_us_per_message < 1ms" with abort_on_fail can be checked only at the end of a case
    limit "tcp_segments_per_message < 4segments" with abort_on_fail can be checked only at the end of a case
    limit "polling.faults / push.v1.completed < 1" with abort_on_fail is checked once both its series have run
    limit "faults == 0" with abort_on_fail is checked only at the end of a case: delay_abort_eval is 10 s, and the measured duration 10 s
    "#);
}
