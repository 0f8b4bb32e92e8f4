//! Rows made by hand, compared with each other.

mod whole_runs;

use super::comparable::PhaseTraffic;
use super::heads::HeadLines;
use crate::gate::baseline::*;
use crate::predict::{Exchange, Idle, MessageShare, Model, Sending};
use crate::record::{Flow, HeadOf, Ledger, Part, TcpTotals, latin1};
use crate::report::finding::Judgement;
use crate::units::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

const REQUEST: &[u8] = include_bytes!("../../../protocol/http1/heads/chapter-request.http");
const RESPONSE: &[u8] = include_bytes!("../../../protocol/http1/heads/chapter-response.http");

fn flow(heads: u64, chars: u64, payload: u64, framing: u64) -> Flow {
    let parts = [(Part::Heads, heads), (Part::Payload, payload), (Part::Framing, framing)];
    Flow::of(parts).with_head_chars(chars)
}

fn times(n: u64, one: &Flow) -> Flow {
    let chars = n * one.head_chars;
    flow(n * one[Part::Heads], chars, n * one[Part::Payload], n * one[Part::Framing])
}

fn chapter() -> Exchange {
    let ledger = Ledger { up: flow(716, 692, 0, 0), down: flow(193, 179, 21, 0) };
    Exchange { ledger, segments_up: 2, segments_down: 1 }
}

fn head(of: HeadOf, bytes: &[u8]) -> HeadLines {
    let lines = bytes.split_inclusive(|&b| b == b'\n').map(latin1).collect();
    HeadLines { of, lines, cut: false }
}

fn named(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
    list.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

/// The chapter's polling: 10 clients, 10 polls each, an acknowledgement by itself for each.
fn polling() -> ComparableRow {
    let one = chapter();
    let of = |n: u64| Ledger { up: times(n, &one.ledger.up), down: times(n, &one.ledger.down) };
    ComparableRow {
        series: "polling".to_owned(),
        transport: "polling".to_owned(),
        clients: 10,
        runs: 1,
        paced: true,
        connection_each_turn: false,
        asks: true,
        stochastic: false,
        messages: 100,
        sent: 0,
        window_ns: 10_000_000_000,
        counts: named(&[("clients_connected", 10), ("completed", 100), ("turns", 100)]),
        losses: named(&[("faults", 0), ("updates_missing", 0)]),
        setup: PhaseTraffic { connects: 10, bytes: of(10), ..PhaseTraffic::default() },
        steady: PhaseTraffic { bytes: of(100), ..PhaseTraffic::default() },
        tcp: Some(TcpTotals {
            readings: 10,
            bytes_up: 71_600,
            bytes_down: 21_400,
            segments_up: 200,
            segments_down: 100,
            data_segments_up: 100,
            data_segments_down: 100,
            ip_bytes_up: Bytes::new(71_600 + 200 * 52),
            ip_bytes_down: Bytes::new(21_400 + 100 * 52),
            ..TcpTotals::default()
        }),
        model: Some(Model::exact(one, 1, Some(1.0))),
        noisy: BTreeMap::from([("delivery_latency_us_p50".to_owned(), 500.5)]),
        below: BTreeMap::new(),
        heads: vec![
            head(HeadOf::OpeningRequest, REQUEST),
            head(HeadOf::OpeningResponse, RESPONSE),
            head(HeadOf::Request, REQUEST),
            head(HeadOf::Response, RESPONSE),
        ],
        server: None,
    }
}

fn recorded(row: ComparableRow) -> ComparableRun {
    ComparableRun { rows: vec![row] }
}

/// What is found of a row that was changed.
fn after(change: impl FnOnce(&mut ComparableRow)) -> Vec<Finding> {
    between(|_| {}, change)
}

fn between(
    first: impl FnOnce(&mut ComparableRow),
    second: impl FnOnce(&mut ComparableRow),
) -> Vec<Finding> {
    let (mut a, mut b) = (polling(), polling());
    first(&mut a);
    second(&mut b);
    compare(&recorded(a), &recorded(b))
}

fn names(findings: &[Finding], decision: Decision) -> Vec<&str> {
    let of = findings.iter().filter(|f| f.decision == decision);
    of.map(|f| f.subject.metric.as_str()).collect()
}

fn of<'a>(findings: &'a [Finding], metric: &str) -> &'a Finding {
    findings.iter().find(|f| f.subject.metric == metric).unwrap_or_else(|| panic!("no {metric}"))
}

fn larger_head(row: &mut ComparableRow, bytes: u64) {
    let down = &mut row.steady.bytes.down;
    down[Part::Heads] += bytes * row.messages;
    down.wire += bytes * row.messages;
    down.head_chars += bytes * row.messages;
}

#[test]
fn a_row_is_equal_to_itself() {
    let findings = after(|_| {});
    let wanted = [
        "clients_connected",
        "completed",
        "turns",
        "heads_bytes_up_per_message",
        "head_chars_up_per_message",
        "overhead_bytes_up_per_message",
        "heads_bytes_down_per_message",
        "head_chars_down_per_message",
        "payload_bytes_down_per_message",
        "overhead_bytes_down_per_message",
        "tcp_data_segments_per_message",
        "tcp_bare_segments_per_message",
        "tcp_segments_per_message",
        "ip_bytes_per_message",
        "setup_heads_bytes_up_per_client",
        "setup_heads_bytes_down_per_client",
        "faults",
        "updates_missing",
    ];
    assert_eq!(names(&findings, Decision::Pass), wanted);
    assert_eq!(findings.len(), wanted.len());
    assert!(findings.iter().all(|f| f.samples > 0 && f.baseline.is_some()));
    assert!(findings.iter().all(|f| f.details.is_empty()), "{findings:#?}");
    let heads = of(&findings, "heads_bytes_down_per_message");
    assert_eq!(
        (&*heads.text, &*heads.bound),
        ("193 bytes/message, as before", "<= 193 bytes/message")
    );
}

#[test]
fn a_larger_head_fails_and_its_bytes_are_shown() {
    let findings = after(|b| {
        larger_head(b, 12);
        let longer = latin1(RESPONSE).replace("Content-Length", "X-Extra: 12\r\nContent-Length");
        b.heads[3] = head(HeadOf::Response, longer.as_bytes());
    });
    let wanted = [
        "heads_bytes_down_per_message",
        "head_chars_down_per_message",
        "overhead_bytes_down_per_message",
    ];
    assert_eq!(names(&findings, Decision::Fail), wanted);
    let heads = of(&findings, wanted[0]);
    assert_eq!(heads.text, "205 bytes/message: 12 more than 193");
    assert!(heads.details[0].starts_with("the response has 206 bytes and had 193: the first"));
    assert!(heads.details[2].contains("X-Extra: 12\\r\\n"), "{:?}", heads.details);
    let mut judgement = Judgement::new("t");
    judgement.findings = findings;
    assert_eq!(judgement.conclusion().exit_code(), 98);
}

#[test]
fn one_byte_of_one_message_is_a_difference_both_ways() {
    let findings = after(|b| b.steady.bytes.down[Part::Heads] += 1);
    let heads = of(&findings, "heads_bytes_down_per_message");
    assert_eq!(heads.decision, Decision::Fail);
    assert_eq!(heads.text, "193.01 bytes/message: 0.01 more than 193");
    let findings = between(|a| a.steady.bytes.down[Part::Heads] += 1, |_| {});
    let heads = of(&findings, "heads_bytes_down_per_message");
    assert_eq!(
        (heads.decision, &*heads.text),
        (Decision::Pass, "193 bytes/message: 0.01 fewer than 193.01",)
    );
}

#[test]
fn what_the_plan_determines_fails_in_both_directions() {
    let fewer = after(|b| b.steady.bytes.down[Part::Payload] = 2_000);
    assert_eq!(
        names(&fewer, Decision::Fail),
        ["payload_bytes_down_per_message"],
        "a message that brings less is no improvement"
    );
    for turns in [99, 101] {
        let findings = after(|b| *b.counts.get_mut("turns").unwrap() = turns);
        assert_eq!(names(&findings, Decision::Fail), ["turns"]);
    }
    let stretched = after(|b| b.counts.retain(|name, _| name == "clients_connected"));
    assert_eq!(names(&stretched, Decision::NotComparable), ["completed", "turns"]);
}

#[test]
fn other_content_of_the_same_size_is_shown_and_passes() {
    let findings = after(|b| {
        let other = latin1(RESPONSE).replace("Content-Type: ", "Content-Kind: ");
        b.heads[3] = head(HeadOf::Response, other.as_bytes());
    });
    let heads = of(&findings, "heads_bytes_down_per_message");
    assert_eq!(heads.decision, Decision::Pass);
    assert!(heads.details[0].starts_with("the response has 193 bytes as before"), "{heads:?}");
    let none = after(|b| {
        larger_head(b, 1);
        b.heads.clear();
    });
    let heads = of(&none, "heads_bytes_down_per_message");
    assert!(heads.details[0].contains("no head was kept of the second run"), "{heads:?}");
}

#[test]
fn a_segment_more_a_message_fails_and_acknowledgements_do_not() {
    let with = |data: u64, bare: u64| {
        after(move |b| {
            let tcp = b.tcp.as_mut().unwrap();
            tcp.data_segments_down = data;
            tcp.segments_down = data + bare;
            tcp.ip_bytes_down = Bytes::new(21_400 + (data + bare) * 52);
        })
    };
    // Each segment with payload is acknowledged by itself: 200 of 200, half of them up.
    assert!(names(&with(100, 100), Decision::Fail).is_empty());
    // At the edges of ten clients' windows a segment each.
    assert!(names(&with(110, 0), Decision::Fail).is_empty());
    let split = with(200, 0);
    assert_eq!(names(&split, Decision::Fail), ["tcp_data_segments_per_message"]);
    let data = of(&split, "tcp_data_segments_per_message");
    assert_eq!(
        (data.bound.as_str(), data.kind),
        ("1.9 to 2.1 segments/message", Kind::Structural,)
    );
    assert!(data.text.starts_with("3 segments/message, 2 before: more than 1.9 to 2.1"));
    let storm = with(100, 400);
    assert_eq!(
        names(&storm, Decision::Fail),
        ["tcp_bare_segments_per_message", "tcp_segments_per_message", "ip_bytes_per_message"]
    );
    let none = after(|b| b.tcp = None);
    assert_eq!(names(&none, Decision::NotComparable), ["tcp_data_segments_per_message"]);
}

#[test]
fn what_was_sent_again_is_noted_and_allowed_for() {
    let findings = after(|b| {
        let tcp = b.tcp.as_mut().unwrap();
        tcp.retransmitted_up = 716 * 20;
        tcp.data_segments_up += 20;
        tcp.segments_up += 20;
    });
    assert!(names(&findings, Decision::Fail).is_empty(), "{findings:#?}");
    let data = of(&findings, "tcp_data_segments_per_message");
    assert!(data.details[0].contains("14320 bytes were sent again"), "{data:?}");
}

#[test]
fn a_connection_a_turn_has_segments_of_its_own() {
    let each = |row: &mut ComparableRow, bare_down: u64| {
        row.connection_each_turn = true;
        let mut exchange = chapter();
        (exchange.segments_up, exchange.segments_down) = (6, 4);
        row.model = Some(Model::exact(exchange, 1, None));
        let tcp = row.tcp.as_mut().unwrap();
        (tcp.segments_up, tcp.segments_down) = (600, 100 + bare_down);
    };
    let findings = between(|a| each(a, 300), |b| each(b, 300));
    assert!(names(&findings, Decision::Fail).is_empty(), "{findings:#?}");
    assert_eq!(
        of(&findings, "tcp_bare_segments_per_message").bound,
        "4.9 to 10.2 segments/message"
    );
    let more = between(|a| each(a, 300), |b| each(b, 600));
    assert!(names(&more, Decision::Fail).contains(&"tcp_bare_segments_per_message"));
}

#[test]
fn a_server_without_a_model_is_held_to_whole_bytes_or_to_a_tolerance() {
    let foreign = |row: &mut ComparableRow| row.model = None;
    let larger = between(foreign, |b| {
        foreign(b);
        larger_head(b, 1);
    });
    let heads = of(&larger, "heads_bytes_down_per_message");
    assert_eq!((heads.kind, heads.decision), (Kind::Exact, Decision::Fail));
    let uneven = |row: &mut ComparableRow| {
        foreign(row);
        row.steady.bytes.down[Part::Heads] += 50;
    };
    let varying = |more: u64| {
        between(uneven, move |b| {
            uneven(b);
            larger_head(b, more);
        })
    };
    let heads = |findings: &[Finding]| {
        let heads = of(findings, "heads_bytes_down_per_message");
        (heads.kind, heads.decision, heads.details[0].clone())
    };
    let why = "not compared exactly: messages did not all have the same number of bytes";
    assert_eq!(heads(&varying(3)), (Kind::Structural, Decision::Pass, why.to_owned()));
    assert_eq!(heads(&varying(4)), (Kind::Structural, Decision::Fail, why.to_owned()));
    // Five in a hundred segments, and one for each client at the window's edges.
    let segments = |more: u64| {
        between(foreign, move |b| {
            foreign(b);
            b.tcp.as_mut().unwrap().data_segments_down += more;
        })
    };
    assert_eq!(of(&segments(20), "tcp_data_segments_per_message").decision, Decision::Pass);
    assert_eq!(of(&segments(21), "tcp_data_segments_per_message").decision, Decision::Fail);
}

#[test]
fn a_mixture_is_held_to_its_expectation_and_its_equal_parts_exactly() {
    let kinds = |row: &mut ComparableRow| {
        let kind = |share: f64, payload: u64| {
            let mut exchange = chapter();
            exchange.ledger.down = flow(193, 179, payload, 0);
            MessageShare { share, updates: 1, exchange }
        };
        let mut model = Model::exact(chapter(), 1, Some(1.0));
        model.messages = vec![kind(0.5, 0), kind(0.5, 42)];
        row.model = Some(model);
        row.messages = 10_000;
        let one = chapter().ledger;
        row.steady.bytes = Ledger { up: times(10_000, &one.up), down: times(10_000, &one.down) };
    };
    let with = |payload: u64| {
        between(kinds, move |b| {
            kinds(b);
            b.steady.bytes.down[Part::Payload] = payload;
        })
    };
    let payload = |findings: &[Finding]| {
        let found = of(findings, "payload_bytes_down_per_message");
        (found.kind, found.decision)
    };
    // 21 ± 6·21·√(10 clients / 10,000 messages).
    let at_most = 210_000 + (6.0 * 21.0 * (10_000.0f64 * 10.0).sqrt()) as u64;
    assert_eq!(payload(&with(at_most)), (Kind::Structural, Decision::Pass));
    assert_eq!(payload(&with(at_most + 1)), (Kind::Structural, Decision::Fail));
    assert_eq!(payload(&with(100_000)), (Kind::Structural, Decision::Pass));
    let heads = of(&with(210_000), "heads_bytes_down_per_message").kind;
    assert_eq!(heads, Kind::Exact, "every kind has the same head");
    let chance = |row: &mut ComparableRow| {
        kinds(row);
        row.stochastic = true;
    };
    let larger = |bytes: u64| {
        let findings = between(chance, move |b| {
            chance(b);
            larger_head(b, bytes);
        });
        let heads = of(&findings, "heads_bytes_down_per_message");
        (heads.kind, heads.decision)
    };
    assert_eq!(larger(3), (Kind::Structural, Decision::Pass), "the digits of a length");
    assert_eq!(larger(4), (Kind::Structural, Decision::Fail));
    let pushed = between(kinds, |b| {
        kinds(b);
        b.counts.remove("completed");
        // And 42 for each client's edge.
        b.steady.bytes.down[Part::Payload] = at_most + 420;
    });
    assert_eq!(payload(&pushed), (Kind::Structural, Decision::Pass));
    assert_eq!(larger(10), (Kind::Structural, Decision::Fail));
}

#[test]
fn what_clients_send_is_divided_by_what_they_sent() {
    let shared = |row: &mut ComparableRow, messages: u64| {
        let frame = |framing: u64| flow(0, 0, 21, framing);
        let own = Ledger { up: Flow::default(), down: frame(2) };
        let sent = Ledger { up: frame(6), down: Flow::default() };
        let exchange = |ledger| Exchange { ledger, segments_up: 1, segments_down: 1 };
        let mut model = Model::exact(exchange(own), 1, Some(10.0));
        model.sending = Some(Sending { rate_hz: 1.0, exchange: exchange(sent) });
        row.model = Some(model);
        (row.messages, row.sent) = (messages, 10);
        row.steady.bytes = Ledger { up: times(10, &frame(6)), down: times(messages, &frame(2)) };
        row.counts = named(&[("clients_connected", 10), ("sent", 10)]);
        row.tcp = None;
    };
    // A message more or less at the window's edge.
    let findings = between(|a| shared(a, 100), |b| shared(b, 101));
    assert!(names(&findings, Decision::Fail).is_empty(), "{findings:#?}");
    assert_eq!(of(&findings, "framing_bytes_up_per_sent").text, "6 bytes/sent, as before");
    assert_eq!(of(&findings, "framing_bytes_down_per_message").text, "2 bytes/message, as before");
    let between_them = |row: &mut ComparableRow| {
        shared(row, 100);
        let idle = Idle { interval_ns: 1_000_000_000, exchange: chapter() };
        row.model.as_mut().unwrap().idle = Some(idle);
    };
    let idle = between(between_them, between_them);
    assert_eq!(of(&idle, "framing_bytes_up_per_sent").kind, Kind::Exact);
}

#[test]
fn losses_may_not_grow() {
    let missing = |was: u64, runs: u64, is: u64| {
        let findings = between(
            move |a| {
                a.runs = runs;
                a.losses.insert("updates_missing".to_owned(), was);
            },
            move |b| {
                b.losses.insert("updates_missing".to_owned(), is);
            },
        );
        let found = of(&findings, "updates_missing");
        (found.decision, found.text.clone())
    };
    use Decision::{Fail, Pass};
    assert_eq!(missing(0, 1, 0), (Pass, "none".to_owned()));
    assert_eq!(missing(0, 1, 1), (Fail, "1, more than 0".to_owned()));
    assert_eq!(missing(3, 1, 3), (Pass, "3, as before".to_owned()));
    assert_eq!(missing(3, 1, 2), (Pass, "2, fewer than 3".to_owned()));
    assert_eq!(missing(3, 3, 2), (Fail, "2, more than 3 in 3 runs".to_owned()));
    let unknown = after(|b| {
        b.losses.remove("updates_missing");
    });
    assert_eq!(names(&unknown, Decision::NotComparable), ["updates_missing"]);
}

#[test]
fn an_empty_run_never_passes() {
    let empty = |row: &mut ComparableRow| {
        row.messages = 0;
        row.steady = PhaseTraffic::default();
        row.tcp = None;
        row.counts.values_mut().for_each(|n| *n = 0);
        row.setup = PhaseTraffic::default();
    };
    let findings = after(empty);
    let messages = of(&findings, "messages");
    assert_eq!(messages.decision, Decision::Fail);
    assert_eq!(messages.text, "nothing was received, and 100 messages before");
    assert!(names(&findings, Decision::Pass).is_empty(), "{findings:#?}");
    let both = between(empty, empty);
    assert!(names(&both, Decision::Pass).is_empty(), "{both:#?}");
    let gone = compare(&recorded(polling()), &ComparableRun { rows: Vec::new() });
    assert_eq!((gone.len(), gone[0].decision), (1, Decision::Fail));
    let new = compare(&ComparableRun { rows: Vec::new() }, &recorded(polling()));
    assert_eq!((new.len(), new[0].decision), (1, Decision::NotComparable));
}

proptest! {
    #[test]
    fn a_row_passes_against_itself_and_more_never_does(
        messages in 1u64..100_000, clients in 1u32..1000, more in 1u64..1000
    ) {
        let scaled = |row: &mut ComparableRow| {
            let one = chapter().ledger;
            (row.messages, row.clients) = (messages, clients);
            row.steady.bytes = Ledger {
                up: times(messages, &one.up), down: times(messages, &one.down)
            };
        };
        let same = between(scaled, scaled);
        prop_assert!(same.iter().filter(|f| f.kind == Kind::Exact).all(|f| f.decision == Decision::Pass));
        let larger = between(scaled, |b| { scaled(b); b.steady.bytes.up[Part::Heads] += more; });
        prop_assert_eq!(of(&larger, "heads_bytes_up_per_message").decision, Decision::Fail);
    }
}
