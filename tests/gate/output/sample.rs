//! A judgement with every kind and every decision.

use wsbench::internals::report::Figure;
use wsbench::internals::report::{Beside, ChangedFigure};
use wsbench::internals::report::{
    ChangeScale, Decision, Effect, Finding, Judgement, Kind, Side, Subject,
};

fn finding(kind: Kind, decision: Decision, metric: &str, unit: &str) -> Finding {
    let (series, clients) = ("polling".to_owned(), Some(1_000));
    Finding {
        kind,
        subject: Subject { series, clients, metric: metric.to_owned() },
        decision,
        unit: unit.to_owned(),
        value: Figure::count(0),
        baseline: None,
        bound: "equal".to_owned(),
        must_equal: false,
        is_condition: false,
        effect: None,
        samples: 400,
        text: String::new(),
        details: Vec::new(),
        beside: None,
    }
}

fn effect(estimate: f64, lower: f64, upper: f64, p: f64) -> Effect {
    Effect {
        scale: ChangeScale::Relative,
        estimate,
        lower: Some(lower),
        upper: Some(upper),
        detectable: Some(0.0213),
        margin: 0.05,
        noise: 0.0124,
        pairs: 20,
        p,
    }
}

fn paired(decision: Decision, metric: &str, a: f64, b: f64, effect: Effect) -> Finding {
    Finding {
        value: Figure::known(b),
        baseline: Some(Figure::known(a)),
        bound: "at most 5 % more".to_owned(),
        effect: Some(effect),
        samples: 20,
        ..finding(Kind::Paired, decision, metric, "µs")
    }
}

/// What changed beside a figure that got worse, what did not, and what is not known.
fn beside() -> Beside {
    let changed = |metric: &str, name: &str, unit: &str, a: f64, b: f64| ChangedFigure {
        metric: metric.to_owned(),
        name: name.to_owned(),
        unit: unit.to_owned(),
        a,
        b,
        ratio: Some(b / a),
        agreeing: 19,
        pairs: 20,
    };
    let switches = "server_context_switches_per_message";
    let system = "server_system_us_per_message";
    let refused = "the system does not let this user read it".to_owned();
    Beside {
        changed: vec![
            changed(switches, "context switches", "switches/message", 1.0, 2.0),
            changed(system, "system time", "µs/message", 5.0, 6.875),
        ],
        unchanged: vec!["user time".to_owned()],
        unknown: vec![("calls of read".to_owned(), refused)],
    }
}

/// B against A, in every kind and decision.
pub fn judgement() -> Judgement {
    let mut all = Judgement::new("B against A: polling-vs-ws");
    for (name, about) in [("a", "wsbench serve"), ("b", "wsbench serve --fault header=32B|more")] {
        all.sides.push(Side { name: name.to_owned(), about: about.to_owned() });
    }
    let mut check = finding(Kind::Check, Decision::Pass, "all_clients_connected", "-");
    check.value = Figure::count(1_000);
    check.bound = "holds".to_owned();
    check.is_condition = true;
    for series in ["polling", "websocket"] {
        check.subject.series = series.to_owned();
        all.findings.push(check.clone());
    }
    let mut exact = finding(Kind::Exact, Decision::Fail, "response_head_bytes", "bytes");
    exact.value = Figure::count(225);
    exact.baseline = Some(Figure::count(193));
    exact.text = "the response's head is 32 bytes longer".to_owned();
    exact.details = vec![
        "byte 57, line 3:\n- Content-Type: text/plain\n+ X-Fault: <b>|::error::x</b>".to_owned(),
        "wsbench run scenario.toml --save-baseline FILE".to_owned(),
    ];
    all.findings.push(exact);
    let mut same =
        finding(Kind::Exact, Decision::Pass, "overhead_bytes_per_message", "bytes/message");
    same.value = Figure::count(2);
    same.baseline = Some(Figure::count(2));
    same.subject.series = "websocket".to_owned();
    all.findings.push(same);
    let mut segments =
        finding(Kind::Structural, Decision::Pass, "tcp_segments_per_message", "segments");
    segments.value = Figure::known(2.0125);
    segments.baseline = Some(Figure::known(2.01));
    segments.bound = "2 to 3 segments/message".to_owned();
    all.findings.push(segments);
    all.findings.push(paired(
        Decision::Fail,
        "delivery_latency_us_p50",
        1_234.5,
        1_320.75,
        effect(0.07, 0.0551, 0.082, 0.000_012),
    ));
    all.findings.last_mut().expect("it was added").beside = Some(beside());
    all.findings.push(paired(
        Decision::Inconclusive,
        "delivery_latency_us_p99",
        20_100.0,
        21_000.0,
        Effect { detectable: None, upper: None, ..effect(0.0451, -0.01, 0.0, 0.031) },
    ));
    all.findings.push(paired(
        Decision::Pass,
        "server_cpu_us_per_message",
        14.5,
        14.4,
        effect(-0.0069, -0.012, 0.0021, 0.61),
    ));
    let why = "the server is not the bundled one and was not started by this run";
    for metric in ["driver_cpu_us_per_message", "server_resident_bytes_per_client"] {
        let mut one = finding(Kind::Paired, Decision::NotComparable, metric, "µs/message");
        one.value = Figure::absent(why);
        one.baseline = Some(Figure::known(12.5));
        one.bound = "-".to_owned();
        one.samples = 1;
        one.text = "one run a side says nothing of a figure that varies from run to run".to_owned();
        one.details = vec!["wsbench compare scenario.toml --a … --b …".to_owned()];
        all.findings.push(one);
    }
    all.findings.extend(limits());
    all.notes.push("seed 2009; 20 pairs in random order".to_owned());
    all
}

/// Limits of a scenario: one kept, two not, one of the run as a whole.
pub fn limits() -> Vec<Finding> {
    let limit = |decision, metric, unit, value, bound: &str, samples| Finding {
        value,
        bound: bound.to_owned(),
        samples,
        ..finding(Kind::Limit, decision, metric, unit)
    };
    let late = "delivery_latency p(95)";
    let ratio = "polling.overhead_bytes_per_message / websocket.overhead_bytes_per_message";
    let mut whole = limit(Decision::Fail, ratio, "-", Figure::known(320.25), ">= 400", 4_000);
    whole.subject.series = String::new();
    whole.subject.clients = None;
    whole.text = "909 bytes/message over 2.83841 bytes/message".to_owned();
    let nothing = Figure::absent("no message was delivered");
    vec![
        limit(Decision::Pass, late, "ms", Figure::known(12.345_678), "< 20 ms", 4_000),
        limit(Decision::Fail, late, "ms", nothing, "< 10 ms", 0),
        whole,
    ]
}
