use super::sample::{POLLING, WEBSOCKET, complete};
use super::{row, spoiled, text};
use wsbench::internals::feed::Workload;
use wsbench::internals::record::{Counts, Metric, Part, Phase};
use wsbench::internals::report::{Check, CheckOutcome, Status};
use wsbench::internals::report::{Layer, Quantity};
use wsbench::internals::report::{Table, summarise};
use wsbench::internals::result::CaseResult;
use wsbench::internals::result::StopReason;
use wsbench::internals::result::{KernelAudit, ReceiveTimestamps, RunResult};

/// A metric as the only value recorded, in every case.
fn with_latency(result: &mut RunResult, metric: Metric, ns: u64) {
    for case in result.cases.values_mut() {
        case.total.latency.of_mut(metric).reset();
        case.total.latency.record(metric, ns);
    }
}

fn reasons(result: &RunResult) -> String {
    summarise(result).verdict.reasons.join("\n")
}

#[test]
fn measured_less_predicted_is_the_difference() {
    let table = summarise(&complete(&[POLLING, WEBSOCKET], &[1_000]));
    let polling = &row(&table, "polling", 1_000).predicted;
    let exactly = |q: Quantity| {
        let compared = polling.of(q);
        (compared.predicted.value(), compared.difference.value())
    };
    assert!(polling.exact);
    assert_eq!(polling.basis, "exact");
    assert_eq!(exactly(Quantity::Of(Layer::Part(Part::Heads))), (Some(909.0), Some(0.0)));
    assert_eq!(exactly(Quantity::Of(Layer::Overhead)), (Some(909.0), Some(0.0)));
    assert_eq!(exactly(Quantity::Of(Layer::Wire)), (Some(930.0), Some(0.0)));
    assert_eq!(exactly(Quantity::Of(Layer::Ip)), (Some(1086.0), Some(0.0)));
    assert_eq!(exactly(Quantity::Of(Layer::Segments)), (Some(3.0), Some(0.0)));
    assert_eq!(exactly(Quantity::Updates), (Some(1.0), Some(0.0)));
    assert_eq!(exactly(Quantity::AgeMean), (Some(1e6), Some(5_000.0)));
    assert!((polling.of(Quantity::AgeMean).relative.value().unwrap() - 0.005).abs() < 1e-12);
    // Uniform from 1 ms to 1 s, and the law from 0 to 1 s.
    assert!(polling.distribution_distance.value().unwrap() < 0.005);
    let push = &row(&table, "websocket", 1_000).predicted;
    assert_eq!(push.of(Quantity::DeliveryMean).predicted.value(), Some(0.0));
    assert!(push.of(Quantity::DeliveryMean).relative.reason().is_some());
    assert!(push.distribution_distance.value().unwrap() > 0.9);
    let why = push.of(Quantity::ResponseMean).predicted.reason().unwrap();
    assert_eq!(why, "no arithmetic knows the response latency of this transport");
}

#[test]
fn the_law_of_a_planned_interval_says_nothing_of_a_stretched_one() {
    let table = summarise(&complete(&[POLLING], &[100_000]));
    let polling = &row(&table, "polling", 100_000).predicted;
    assert_eq!(polling.of(Quantity::Of(Layer::Wire)).difference.value(), Some(0.0));
    assert!(polling.of(Quantity::DeliveryMean).predicted.reason().unwrap().contains("stretched"));
    assert!(polling.distribution_distance.reason().unwrap().contains("stretched"));
}

#[test]
fn updates_add_up_and_age_is_area_over_time() {
    let table = summarise(&complete(&[POLLING], &[100_000]));
    let delivery = &row(&table, "polling", 100_000).delivery;
    let known = [&delivery.published, &delivery.delivered, &delivery.superseded, &delivery.missing];
    let counts = known.map(|f| f.value().unwrap());
    assert_eq!(counts, [1_000_000.0, 714_280.0, 285_720.0, 0.0]);
    assert_eq!(delivery.age_us.value(), Some(1_005_000.0));
    assert_eq!(delivery.empty_poll_share.value(), Some(0.0));
    let push = summarise(&complete(&[WEBSOCKET], &[1_000]));
    let push = &row(&push, "websocket", 1_000).delivery;
    assert_eq!(push.empty_polls.reason(), Some("the transport is pushed to: it has no polls"));
}

#[test]
fn what_was_not_observed_says_why() {
    let of = |workload: Workload, bundled: bool| {
        let mut result = complete(&[POLLING], &[1_000]);
        for info in &mut result.header.cases {
            info.workload = workload;
            info.bundled_server = bundled;
            info.model = info.model.take().filter(|_| bundled);
        }
        for case in result.cases.values_mut() {
            let counts = &mut case.total.phases[Phase::Steady].counts;
            (counts.updates_published, counts.age_time_us) = (0, 0);
        }
        let table = summarise(&result);
        let row = row(&table, "polling", 1_000);
        let reason =
            |f: &wsbench::internals::report::Figure| f.reason().unwrap_or("known").to_owned();
        let predicted = &row.predicted.of(Quantity::Of(Layer::Wire)).predicted;
        [&row.delivery.published, &row.delivery.age_us, predicted].map(reason)
    };
    let foreign = of(Workload::Ticker, false);
    assert_eq!(foreign[0], "the server is not the bundled one: what it published is not known");
    assert_eq!(foreign[2], "the server is not the bundled one: its figures cannot be predicted");
    let room = of(Workload::Broadcast, true);
    assert_eq!(room[0], "what clients send is not known beforehand");
    assert_eq!(room[1..], ["a broadcast has no one state", "known"]);
}

#[test]
fn what_is_against_arithmetic_is_invalid() {
    let expect = |(code, reasons): (u8, String), words: &str| {
        assert_eq!(code, 96, "{reasons}");
        assert!(reasons.contains(words), "{words:?} is not in {reasons:?}");
    };
    expect(
        spoiled(1_000, |c| {
            let counts = &mut c.total.phases.steady.counts;
            (counts.updates_delivered, counts.updates_missing) = (9_995, 5);
        }),
        "5 of 10,000 updates never came",
    );
    expect(
        spoiled(1_000, |c| c.total.phases.steady.counts.updates_delivered -= 1),
        "10,000 updates published are not 9,999 delivered, 0 superseded and 0 missing",
    );
    expect(
        spoiled(1_000, |c| {
            c.total.phases.steady.ledger.up[Part::Heads] += 1;
            c.total.phases.steady.ledger.up.wire += 1;
            c.servers[0].received += 1;
        }),
        "10,000 messages cost 9300001 B above TCP, and 9300000 B are predicted",
    );
    expect(
        spoiled(1_000, |c| c.total.phases.steady.counts.negative_latencies = 2),
        "2 latencies came out below zero",
    );
}

#[test]
fn control_frames_and_failed_exchanges_are_not_held_against_arithmetic() {
    let (code, reasons) = spoiled(1_000, |c| {
        let steady = &mut c.total.phases.steady.ledger.up;
        steady[Part::Control] += 6;
        steady[Part::Discarded] += 100;
        steady.wire += 106;
        c.servers[0].received += 106;
    });
    assert_eq!((code, reasons.as_str()), (0, ""));
}

#[test]
fn nothing_arrives_before_it_can() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    result.header.plan = serde_json::json!({ "delay": { "one_way_ns": 50_000_000 } });
    with_latency(&mut result, Metric::DeliveryLatency, 50_000_000);
    with_latency(&mut result, Metric::ResponseLatency, 100_000_000);
    assert_eq!(reasons(&result), "");
    with_latency(&mut result, Metric::DeliveryLatency, 49_800_000);
    let early = reasons(&result);
    assert!(early.contains("a delivery took 49.8 ms, and one way takes 50 ms"), "{early}");
    with_latency(&mut result, Metric::DeliveryLatency, 50_000_000);
    with_latency(&mut result, Metric::ResponseLatency, 99_000_000);
    let early = reasons(&result);
    assert!(early.contains("a response took 99 ms, and both ways take 100 ms"), "{early}");
}

#[test]
fn an_expectation_is_shown_and_not_checked() {
    let mut result = complete(&[POLLING], &[1_000]);
    for model in result.header.cases.iter_mut().filter_map(|i| i.model.as_mut()) {
        let other = wsbench::internals::predict::MessageShare {
            share: 0.0,
            updates: 0,
            ..model.messages[0]
        };
        let exchange = wsbench::internals::predict::Exchange::default();
        model.messages.push(wsbench::internals::predict::MessageShare { exchange, ..other });
    }
    let case = result.cases.get_mut(&0).unwrap();
    case.total.phases.steady.ledger.up[Part::Heads] += 10_000;
    case.total.phases.steady.ledger.up.wire += 10_000;
    case.servers[0].received += 10_000;
    let table = summarise(&result);
    assert_eq!(reasons(&result), "");
    let predicted = &row(&table, "polling", 1_000).predicted;
    assert!(!predicted.exact && predicted.basis.contains("2 kinds"), "{}", predicted.basis);
    assert_eq!(predicted.of(Quantity::Of(Layer::Wire)).difference.value(), Some(1.0));
}

/// The words of a table in one line.
fn said(table: &Table) -> String {
    table.words.join(" ")
}

#[test]
fn the_words_are_those_of_the_largest_count_and_of_valid_rows() {
    let full = complete(&[POLLING, WEBSOCKET], &[1_000, 10_000]);
    let table = summarise(&full);
    let words = said(&table);
    assert!(words.starts_with("At 10,000 clients, websocket delivered fastest"), "{words}");
    assert!(words.contains("websocket, 1 s with polling") || words.contains("1.01 s with polling"));
    assert!(words.contains("polling sent 454.5 times the overhead"), "{words}");
    assert!(words.contains("8.55 times the bytes in TCP/IP packets"), "{words}");
    assert!(words.contains("Driver memory: least with polling"), "{words}");
    assert!(!words.contains("Kernel memory"), "{words}");
    assert!(!words.contains("Other client counts") && !words.contains("3 : 1"), "{words}");
    assert!(table.words.len() <= 8 && text(&table, "text", 0).contains("In short"));
    assert!(text(&table, "json", 0).contains("\"words\": ["));
    // Of polling at 10,000 clients nothing is said any more.
    let mut spoiled = full.clone();
    spoiled.cases.get_mut(&3).unwrap().drivers[0].connected -= 1;
    assert!(said(&summarise(&spoiled)).starts_with("At 1,000 clients"));
    spoiled.cases.get_mut(&0).unwrap().drivers[0].connected -= 1;
    assert_eq!(said(&summarise(&spoiled)), "");
}

/// One update before the window, with a time, would be all that the age is of.
#[test]
fn there_is_no_age_if_no_message_of_the_window_has_a_time() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    let age = |result: &RunResult| {
        let table = summarise(result);
        row(&table, "polling", 1_000).delivery.age_us.clone()
    };
    assert!(age(&result).value().is_some());
    let counts = &mut result.cases.get_mut(&0).unwrap().total.phases.steady.counts;
    counts.unstamped = counts.messages / 2;
    assert!(age(&result).value().is_some());
    let counts = &mut result.cases.get_mut(&0).unwrap().total.phases.steady.counts;
    counts.unstamped = counts.messages;
    let absent = age(&result);
    assert!(absent.reason().is_some_and(|why| why.contains("no stamp")), "{absent:?}");
    assert!(!said(&summarise(&result)).contains("old on average"));
}

#[test]
fn the_words_say_where_polling_wins_and_where_the_order_differs() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000, 10_000]);
    // At 1,000 clients polling has the fresher information.
    let counts = &mut result.cases.get_mut(&0).unwrap().total.phases.steady.counts;
    counts.age_area_us_ms = counts.age_time_us * 100;
    let words = said(&summarise(&result));
    assert!(words.contains("at 1,000 clients, polling had the freshest data"), "{words}");
    // A cost within the noise is no difference.
    for number in [3, 4] {
        let case = result.cases.get_mut(&number).unwrap();
        case.drivers[0].cost.cpu_ns = 100_000_000 + u64::from(number) * 1_000_000;
    }
    let words = said(&summarise(&result));
    assert!(words.contains("Driver CPU: about equal"), "{words}");
}

#[test]
fn a_latency_of_which_the_driver_is_a_tenth_is_driver_bound() {
    let mut result = complete(&[WEBSOCKET], &[1_000]);
    let bound = |result: &RunResult| {
        let table = summarise(result);
        let row = row(&table, "websocket", 1_000);
        let is = row.latency(Metric::DeliveryLatency).driver_bound.is_some();
        let note = "so that delivery latency is the driver's as much as the server's: received bytes waited";
        assert_eq!(row.notes.iter().any(|n| n.contains(note)), is, "{:?}", row.notes);
        is
    };
    assert!(!bound(&result));
    // Its median is 10.3 ms.
    for (kernel_ns, is) in [(1_000_000, false), (1_100_000, true)] {
        for case in result.cases.values_mut() {
            let all = case.total.latency.of_mut(Metric::KernelToClient);
            all.reset();
            all.saturating_record_n(kernel_ns, 20);
        }
        assert_eq!(bound(&result), is, "{kernel_ns}");
    }
    // One value is no median.
    with_latency(&mut result, Metric::KernelToClient, 5_000_000);
    assert!(!bound(&result));
}

/// A sandbox or an old kernel has no counts: that is no disagreement.
#[test]
fn a_kernel_without_byte_counts_could_not_be_asked() {
    let mut result = complete(&[WEBSOCKET], &[1_000]);
    for case in result.cases.values_mut() {
        for driver in &mut case.drivers {
            driver.audit = KernelAudit { refused: 1_000, ..KernelAudit::default() };
        }
    }
    let table = summarise(&result);
    let row = row(&table, "websocket", 1_000);
    let check = row.checks.iter().find(|c| c.check == Check::KernelAgrees).unwrap();
    assert_eq!((check.is_ok(), row.status), (false, Status::Invalid));
    let why =
        "the kernel could not be asked: it has no byte counts for 1,000 connections (TCP_INFO)";
    assert_eq!(check.text, why);
    assert!(check.remedy.contains("Linux 4.19"), "{}", check.remedy);
}

#[test]
fn what_the_kernels_timestamps_do_not_tell_is_absent_for_its_reason() {
    let mut result = complete(&[WEBSOCKET], &[1_000]);
    for case in result.cases.values_mut() {
        case.total.latency.of_mut(Metric::KernelToClient).reset();
    }
    let none = ReceiveTimestamps::default();
    let asked = ReceiveTimestamps { connections: 16, ..none };
    for (counts, expected) in [
        (None, "this version of wsbench asked for no receive timestamps"),
        (Some(ReceiveTimestamps { library_clients: 9, ..none }), "the engine is a library"),
        (Some(ReceiveTimestamps { refused: 16, ..none }), "this system has no receive timestamps"),
        (Some(ReceiveTimestamps { discarded: 3, ..asked }), "the wall clock was set"),
        (Some(ReceiveTimestamps { missing: 3, ..asked }), "the kernel gave no timestamp"),
        (Some(asked), "nothing was received in the measured window"),
    ] {
        for case in result.cases.values_mut() {
            case.drivers.iter_mut().for_each(|driver| driver.receive_timestamps = counts);
        }
        let table = summarise(&result);
        let median = row(&table, "websocket", 1_000).latency(Metric::KernelToClient).quantile(0.5);
        let why = median.reason().expect("it is absent");
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn the_chapters_three_to_one_is_shown_with_a_delay() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    result.header.plan = serde_json::json!({ "delay": { "one_way_ns": 50_000_000 } });
    for info in result.header.cases.iter_mut().filter(|i| i.series == "polling") {
        info.interval_ns = 0;
    }
    with_latency(&mut result, Metric::ResponseLatency, 100_000_000);
    for (number, [a, b]) in [(0, [50_000_000u64, 150_000_000]), (1, [50_000_000, 50_000_000])] {
        let latency = &mut result.cases.get_mut(&number).unwrap().total.latency;
        latency.of_mut(Metric::DeliveryLatency).reset();
        latency.record(Metric::DeliveryLatency, a);
        latency.record(Metric::DeliveryLatency, b);
    }
    let words = said(&summarise(&result));
    let claim = "With a one-way delay of 50 ms, polling took 3 times as long as websocket at worst, \
                 2 times on average; the chapter's 3 : 1 is the worst case.";
    assert!(words.contains(claim), "{words}");
}

#[test]
fn updates_within_a_period_may_fall_on_either_side_of_a_windows_edge() {
    let held = |feed: serde_json::Value, came: u64| {
        let mut result = complete(&[WEBSOCKET], &[1_000]);
        result.header.plan["feed"] = feed;
        let number = result.header.cases.iter().find(|c| !c.floor).unwrap().case;
        let steady = &mut result.cases.get_mut(&number).unwrap().total.phases[Phase::Steady];
        steady.counts.messages = came;
        let table = summarise(&result);
        let checks = &row(&table, "websocket", 1_000).checks;
        checks.iter().find(|c| c.check == Check::FeedHeld).unwrap().is_ok()
    };
    let own_phase = || serde_json::json!({ "spread": true });
    let together = || serde_json::json!({ "spread": false });
    let batched = || serde_json::json!({ "spread": true, "batch_ns": 1_000_000_000u64 });
    // A period for each client, and the timers' error.
    assert!(held(own_phase(), 9_000) && !held(own_phase(), 8_990));
    assert!(held(together(), 9_000) && !held(together(), 8_990));
    assert!(held(batched(), 8_000) && !held(batched(), 7_990));
    // At random moments, 10,000 are as few as 9,529 once in a million.
    let random = || serde_json::json!({ "arrivals": "poisson" });
    assert!(held(random(), 8_540) && !held(random(), 8_500));
}

#[test]
fn what_was_sent_and_never_came_back_is_missing_though_nobody_published_it() {
    let mut result = complete(&[WEBSOCKET], &[1_000]);
    for info in &mut result.header.cases {
        info.workload = Workload::Echo;
    }
    let number = result.header.cases.iter().find(|c| !c.floor).unwrap().case;
    let counts = &mut result.cases.get_mut(&number).unwrap().total.phases[Phase::Steady].counts;
    (counts.updates_delivered, counts.updates_missing) = (counts.updates_published - 3, 3);
    assert!(reasons(&result).contains("3 of 10,000 updates never came"), "{}", reasons(&result));
}

/// A server that answers with errors is not measured by the few answers between.
#[test]
fn more_than_one_failure_in_a_hundred_is_no_measurement() {
    for (share, valid) in [(0.0, true), (0.01, true), (0.02, false), (0.98, false)] {
        let mut result = complete(&[POLLING], &[1_000]);
        for case in result.cases.values_mut() {
            let counts = &mut case.total.phases.steady.counts;
            counts.faults = (counts.completed as f64 * share / (1.0 - share)).floor() as u64;
        }
        let table = summarise(&result);
        let checks = &row(&table, "polling", 1_000).checks;
        let check =
            checks.iter().find(|c| c.check == Check::ExchangesSucceed).expect("it is there");
        assert_eq!(check.is_ok(), valid, "{share}: {}", check.text);
        assert_eq!(
            reasons(&result).contains("whole exchanges and messages in the measured window"),
            !valid,
            "{share}"
        );
    }
}

/// A run that was cut is no half of a pair, whatever its checks say.
#[test]
fn a_run_that_was_ended_early_is_not_compared() {
    use wsbench::internals::gate::{RunQuality, assess};
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    assert_eq!(assess(&summarise(&result)), RunQuality::Sound);
    result.ends[0].reason = StopReason::Terminated;
    assert!(matches!(assess(&summarise(&result)), RunQuality::Broken(_)));
}

/// Turns that wait for the server's answers are on time by themselves, however late the driver is.
#[test]
fn a_driver_whose_probes_are_late_is_late_though_its_turns_are_on_time() {
    let (code, reasons) = spoiled(1_000, |c| {
        c.total.latency.of_mut(Metric::ProbeLateness).reset();
        (0..300).for_each(|_| c.total.latency.record(Metric::ProbeLateness, 50_000));
        (1..=50).for_each(|n| c.total.latency.record(Metric::ProbeLateness, n * 20_000_000));
    });
    assert_eq!(code, 96, "{reasons}");
    assert!(
        reasons.contains("probe lateness, how late the driver's threads woke up: p99 9"),
        "{reasons}"
    );
    // If the host of a virtual machine took so much of its cores, that is said, and what to do.
    for (stolen_ms_per_s, is_named) in [(None, false), (Some(1), false), (Some(40), true)] {
        let (_, reasons) = spoiled(1_000, |c| {
            c.total.latency.of_mut(Metric::ProbeLateness).reset();
            (0..300).for_each(|_| c.total.latency.record(Metric::ProbeLateness, 500_000_000));
            let end = &mut c.ends[0];
            let window_s = u64::from(end.steady_until_s - end.steady_from_s);
            end.stolen_ns = stolen_ms_per_s.map(|ms| ms * 1_000_000 * window_s);
        });
        let name = "; the host of this virtual machine took 40 ms of its cores' time each second";
        assert_eq!(reasons.contains(name), is_named, "{reasons}");
    }
    // The driver's turns are as late as ever.
    let mut result = complete(&[POLLING], &[1_000]);
    let bound = |result: &RunResult| {
        let table = summarise(result);
        row(&table, "polling", 1_000).latency(Metric::DeliveryLatency).driver_bound.is_some()
    };
    assert!(!bound(&result));
    with_latency(&mut result, Metric::ProbeLateness, 100_000_000);
    assert!(bound(&result));
}

/// A scenario permits a second at the most.
#[test]
fn a_lateness_that_cannot_be_permitted_is_not_to_be_set() {
    for (late_ns, can_be) in [(500_000_000, true), (2_000_000_000, false)] {
        for stolen_ns in [None, Some(10_000_000_000)] {
            let mut result = complete(&[POLLING], &[1_000]);
            for case in result.cases.values_mut() {
                case.total.latency.of_mut(Metric::ProbeLateness).reset();
                case.total.latency.of_mut(Metric::ProbeLateness).saturating_record_n(late_ns, 300);
                case.ends.iter_mut().for_each(|end| end.stolen_ns = stolen_ns);
            }
            let table = summarise(&result);
            let row = row(&table, "polling", 1_000);
            let check = row.checks.iter().find(|c| c.check == Check::DriverOnSchedule).unwrap();
            assert!(!check.is_ok(), "{}", check.text);
            assert_eq!(check.remedy.contains("driver_lateness"), can_be, "{}", check.remedy);
            assert!(check.remedy.contains("fewer clients"), "{}", check.remedy);
        }
    }
}

#[test]
fn a_row_says_that_its_floor_does_not_hold() {
    let mut result = complete(&[POLLING], &[1_000]);
    let floor = result.header.cases.iter().find(|c| c.floor).unwrap().case;
    let latency = &mut result.cases.get_mut(&floor).unwrap().total.latency;
    (0..1_000).for_each(|_| latency.record(Metric::ProbeLateness, 900_000_000));
    let table = summarise(&result);
    let row = row(&table, "polling", 1_000);
    assert_eq!(row.status, Status::Valid);
    let note = "the floor, with which the driver's cost is compared, is not valid: probe \
                lateness, how late the driver's threads woke up: p99 900 ms is above 1 ms";
    assert!(row.notes.iter().any(|n| n.starts_with(note)), "{:?}", row.notes);
}

/// Turns that were not reached since their clients waited are the server's, unless the driver left the
/// answers lying.
#[test]
fn turns_that_waited_for_the_server_are_not_the_drivers() {
    let waited = |c: &mut CaseResult| {
        c.drivers[0].turns_blocked = 380;
        c.total.phases.steady.counts.turns_waited = 5_000;
    };
    let mut result = complete(&[POLLING], &[1_000]);
    waited(result.cases.get_mut(&0).unwrap());
    let table = summarise(&result);
    let polling = row(&table, "polling", 1_000);
    assert_eq!((polling.status, polling.events.turns_not_started), (Status::Valid, 0));
    let notes = polling.notes.join("\n");
    assert!(
        notes.contains("380 turns were not reached before the end, since their clients"),
        "{notes}"
    );
    assert!(notes.contains("5,000 of 10,000 turns began late"), "{notes}");
    let lying = |c: &mut CaseResult| {
        waited(c);
        c.total.latency.of_mut(Metric::KernelToClient).reset();
        (0..100).for_each(|_| c.total.latency.record(Metric::KernelToClient, 2_000_000));
    };
    let (code, reasons) = spoiled(1_000, lying);
    assert_eq!(code, 96, "{reasons}");
    assert!(
        reasons.contains("380 turns were not reached; answers waited for the driver"),
        "{reasons}"
    );
}

/// Each thread takes its probes, so that one that stalls to the end is missed.
#[test]
fn one_thread_of_several_that_reaches_no_probe_is_named() {
    for (threads, of, reached, missed) in [
        (2, "1,000", 1_000, false),
        (2, "1,000", 900, false),
        (2, "1,000", 500, true),
        (4, "2,000", 1_500, true),
        (1, "500", 450, false),
    ] {
        let mut result = complete(&[POLLING], &[1_000]);
        result.header.cases.iter_mut().for_each(|info| info.probes_per_s = 50);
        // Not those of the floor.
        result.header.plan["cases"] =
            serde_json::json!([{ "index": 0, "drivers": [{ "threads": threads }] }]);
        for case in result.cases.values_mut() {
            case.total.latency.of_mut(Metric::ProbeLateness).reset();
            (0..reached).for_each(|_| case.total.latency.record(Metric::ProbeLateness, 50_000));
        }
        let why = reasons(&result);
        let said = format!(" of about {of} probes");
        assert_eq!(why.contains(&said), missed, "{threads} {reached}: {why}");
    }
}

/// Chunks that are not the server's messages are at least as many as its updates, unless one has
/// several: then their bytes tell.
#[test]
fn a_stated_rate_is_held_against_chunks_too() {
    let streaming = super::sample::Series("streaming", "streaming");
    let check = |chunks: u64, bytes: u64| {
        let mut result = complete(&[streaming], &[1_000]);
        for info in result.header.cases.iter_mut().filter(|info| !info.floor) {
            (info.bundled_server, info.feed_rate_stated, info.model) = (false, true, None);
        }
        let steady = &mut result.cases.get_mut(&0).unwrap().total.phases.steady;
        (steady.counts.messages, steady.counts.unstamped) = (chunks, chunks);
        steady.counts.split_updates = chunks / 2;
        steady.ledger.down[Part::Payload] = bytes;
        let table = summarise(&result);
        let checks = &row(&table, "streaming", 1_000).checks;
        checks.iter().find(|c| c.check == Check::FeedHeld).unwrap().clone()
    };
    // An update a second for ten seconds, in two chunks each, of which half came.
    let half = check(8_000, 4_000 * 21);
    assert_eq!(half.outcome, CheckOutcome::Failed);
    assert!(half.text.starts_with("at most 8,000 of about 10,000 updates came"), "{}", half.text);
    // All of them came, in two chunks each: what counts as a message is none.
    let halves = check(20_000, 10_000 * 21);
    assert_eq!(halves.outcome, CheckOutcome::Failed);
    assert!(halves.text.starts_with("20,000 updates came"), "{}", halves.text);
    assert!(halves.remedy.contains("`delimiter`"), "{}", halves.remedy);
    // Some chunks have several.
    assert_eq!(check(5_000, 10_000 * 21).outcome, CheckOutcome::NotApplicable);
}

/// A server that pushes one number for ever loses what it likes. One that is polled repeats its latest.
#[test]
fn nothing_but_numbers_that_came_before_is_no_evidence() {
    let check = |series, spoil: fn(&mut Counts)| {
        let mut result = complete(&[series], &[1_000]);
        for info in result.header.cases.iter_mut().filter(|info| !info.floor) {
            (info.bundled_server, info.model) = (false, None);
        }
        let counts = &mut result.cases.get_mut(&0).unwrap().total.phases.steady.counts;
        (counts.updates_published, counts.updates_delivered) = (0, 0);
        counts.repeated = std::mem::take(&mut counts.messages);
        spoil(counts);
        let row = summarise(&result).rows.remove(0);
        let found = row.checks.into_iter().find(|c| c.check == Check::NothingMissing).unwrap();
        (found.outcome, found.text)
    };
    let (outcome, why) = check(WEBSOCKET, |counts| counts.updates_duplicated = counts.repeated);
    assert_eq!(outcome, CheckOutcome::NotMade);
    assert!(
        why.contains("10,000 messages came in the measured window and all had a number"),
        "{why}"
    );
    // It pushes its state, as the scenario says.
    assert_eq!(check(WEBSOCKET, |_| ()).0, CheckOutcome::NotApplicable);
    // To each client that came back it sent the last one again.
    let again = |counts: &mut Counts| (counts.updates_duplicated, counts.reconnects) = (20, 20);
    assert_eq!(check(WEBSOCKET, again).0, CheckOutcome::NotApplicable);
    let polled = |counts: &mut Counts| counts.updates_duplicated = counts.repeated;
    assert_eq!(check(POLLING, polled).0, CheckOutcome::NotApplicable);
}
