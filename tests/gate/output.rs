//! A judgement in every format, and the places that the program writes it to.

mod sample;

use crate::report::sample::{POLLING, WEBSOCKET, complete};
use crate::support::{World, expect_code, expect_ran, finish, said, wsbench};
use boon::{Compiler, Schemas};
use quick_junit::{Report, TestCaseStatus};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use wsbench::internals::record::Metric;
use wsbench::internals::report::Decision;
use wsbench::internals::report::Status;
use wsbench::internals::report::judgement::{
    JudgementView, annotations, bencher, github_action_benchmark, json, junit, markdown, text,
};
use wsbench::internals::report::schema;
use wsbench::internals::report::schema::DOCUMENTS;
use wsbench::internals::report::{Conclusion, Table, find_format, summarise};
use wsbench::internals::result::{RunResult, StopReason};

/// Ten clients for half a second.
const SMALL: &str = r#"
name = "small"
clients = [10]
warmup = "200ms"
driver_lateness = "1s"
duration = "500ms"
cooldown = "100ms"
timeout = "5s"
drain = "5s"

[feed]
rate = "10/s"

[[series]]
transport = "websocket"
"#;

/// A finished run of [`SMALL`], for all tests.
static RAN: LazyLock<World> = LazyLock::new(|| {
    let world = World::new(SMALL);
    expect_ran(&world, &finish(&mut world.run(&["--quiet"])));
    world
});

/// A server that does not run.
const NOBODY: &str = r#"
name = "nobody"
clients = [1]
driver_lateness = "1s"
duration = "1s"

[server]
url = "http://127.0.0.1:9"

[[series]]
transport = "websocket"
"#;

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text is UTF-8")
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("what is printed is JSON")
}

fn chapter_run() -> Table {
    summarise(&complete(&[POLLING, WEBSOCKET], &[1_000, 10_000]))
}

#[test]
fn formats_of_a_judgement_look_as_agreed() {
    let judgement = sample::judgement();
    let view = JudgementView::comparison(&judgement, None);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        insta::assert_snapshot!("text", text::render(&view));
        insta::assert_snapshot!("brief", text::brief(&view));
        insta::assert_snapshot!("markdown", markdown::render(&view, markdown::MOST_BYTES));
        insta::assert_snapshot!("annotations", annotations::render(&view));
        insta::assert_snapshot!("junit", utf8(junit::render(&[view])));
        insta::assert_snapshot!("json", utf8(json::render(&view)));
        insta::assert_snapshot!("bencher", utf8(bencher::render(&[view])));
        insta::assert_snapshot!(
            "github_action_benchmark",
            utf8(github_action_benchmark::render(&[view]))
        );
    });
}

#[test]
fn formats_of_a_run_look_as_agreed() {
    let mut table = chapter_run();
    table.judgement.findings.extend(sample::limits());
    table.judgement.title = "limits of polling-vs-ws".to_owned();
    let view = JudgementView::run(&table);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        insta::assert_snapshot!("run_text", text::render(&view));
        insta::assert_snapshot!("run_markdown", markdown::render(&view, markdown::MOST_BYTES));
        insta::assert_snapshot!("run_bencher", utf8(bencher::render(&[view])));
        insta::assert_snapshot!(
            "run_github_action_benchmark",
            utf8(github_action_benchmark::render(&[view]))
        );
    });
}

#[test]
fn a_run_that_passes_is_two_lines() {
    let table = chapter_run();
    assert_eq!(
        text::render(&JudgementView::run(&table)),
        "checks of polling-vs-ws: 13 to 14 checks passed for each of 4 rows\n\n\
         PASS: all 54 checks passed. Exit code 0: passed.\n"
    );
}

#[test]
fn markdown_has_the_marks_and_remarks_of_the_summary() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    let shown = |result: &RunResult| {
        markdown::render(&JudgementView::run(&summarise(result)), markdown::MOST_BYTES)
    };
    assert!(!shown(&result).contains('†'), "{}", shown(&result));
    for case in result.cases.values_mut() {
        let all = case.total.latency.of_mut(Metric::KernelToClient);
        all.reset();
        all.saturating_record_n(1_100_000, 20);
    }
    let table = summarise(&result);
    let shown = shown(&result);
    let row = shown.lines().find(|line| line.starts_with("| websocket |")).unwrap();
    assert!(row.contains('†'), "{shown}");
    assert!(shown.contains("\n† driver-bound: this figure is the driver's"), "{shown}");
    let notes = table.rows.iter().map(|row| row.notes.len()).sum::<usize>();
    assert!(notes > 0);
    assert!(
        shown.contains("websocket at 1,000 clients: driver-bound, so that delivery latency is"),
        "{shown}"
    );
    for sentence in &table.words {
        let start: String =
            sentence.chars().take_while(|c| c.is_alphanumeric() || *c == ' ').collect();
        assert!(shown.contains(&format!("- {start}")), "{sentence}: {shown}");
    }
}

#[test]
fn a_run_that_was_cut_short_does_not_pass() {
    cut_short_by(StopReason::Terminated, "SIGTERM");
    cut_short_by(StopReason::HungUp, "SIGHUP");
}

fn cut_short_by(reason: StopReason, signal: &str) {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    result.ends[0].reason = reason;
    let table = summarise(&result);
    assert_eq!(table.judgement.conclusion(), Conclusion::Passed);
    let view = JudgementView::run(&table);
    assert_eq!((view.conclusion(), view.word().as_str()), (Conclusion::Terminated, "PARTIAL"));
    let last = "PARTIAL: all 27 checks passed. Exit code 143: stopped by SIGTERM or \
                SIGHUP; what was measured is reported.";
    assert!(text::render(&view).ends_with(&format!("{last}\n")));
    let why = format!("partial: the run was stopped: {signal}");
    let error = format!("::error title=wsbench%3A the run::{why}\n");
    assert!(annotations::render(&view).starts_with(&error));
    let summary = markdown::render(&view, markdown::MOST_BYTES);
    assert!(summary.starts_with("## PARTIAL: checks of polling-vs-ws\n"), "{summary}");
    assert!(summary.contains(&format!("\n- {why}\n")), "{summary}");
    let report = Report::deserialize(junit::render(&[view]).as_slice()).expect("it can be read");
    assert_eq!((report.tests, report.failures), (28, 1));
}

#[test]
fn lines_fit_the_terminal_where_nothing_is_quoted() {
    let judgement = sample::judgement();
    for line in text::render(&JudgementView::comparison(&judgement, None)).lines() {
        assert!(line.chars().count() <= 120 || line.starts_with("        "), "{line}");
    }
}

#[test]
fn trackers_are_given_no_figure_in_doubt() {
    let mut table = chapter_run();
    table.rows[0].status = Status::Invalid;
    table.rows[1].cost.server_cpu_us =
        wsbench::internals::report::Figure::absent("not the bundled one");
    let view = [JudgementView::run(&table)];
    let labels: Vec<String> =
        table.rows.iter().map(|r| format!("{} at {} clients", r.series, r.clients)).collect();
    let benchmarks = parsed(&bencher::render(&view));
    let measures = |label: &str| benchmarks[label].as_object().map(serde_json::Map::len);
    let found: Vec<Option<usize>> = labels.iter().map(|l| measures(l)).collect();
    assert_eq!(found, [None, Some(9), Some(10), Some(10)]);
    let entries = parsed(&github_action_benchmark::render(&view));
    assert_eq!(entries.as_array().map(Vec::len), Some(29));
    assert_eq!(benchmarks[&labels[1]].get("server-cpu-us-per-message"), None);
    assert_eq!(benchmarks[&labels[1]]["lost"], json!({ "value": 0 }));
    // Two runs of one scenario keep their figures apart.
    let (one, two) = (chapter_run(), Table { plan_hash: "fedcba98".to_owned(), ..chapter_run() });
    let both = parsed(&bencher::render(&[JudgementView::run(&one), JudgementView::run(&two)]));
    assert_eq!(both.as_object().map(serde_json::Map::len), Some(8));
}

#[test]
fn junit_is_read_back_with_what_was_found() {
    let judgement = sample::judgement();
    let bytes = junit::render(&[JudgementView::comparison(&judgement, None)]);
    let report = Report::deserialize(bytes.as_slice()).expect("it can be read");
    let cases = || report.test_suites.iter().flat_map(|s| &s.test_cases);
    assert_eq!((report.tests, cases().count()), (judgement.findings.len() + 1, report.tests));
    let failed = judgement.of(Decision::Fail).count() + 1;
    let open = judgement.of(Decision::Inconclusive).chain(judgement.of(Decision::NotComparable));
    assert_eq!((report.failures, report.skipped), (failed, open.count()));
    let failure = cases().find(|c| c.name.as_str() == "response_head_bytes at 1000 clients");
    let failure = failure.expect("a case a finding");
    assert_eq!(failure.classname.as_ref().map(|c| c.as_str()), Some("exact.polling"));
    match &failure.status {
        TestCaseStatus::NonSuccess { message, .. } => {
            let message = message.as_ref().map(|m| m.as_str()).unwrap_or_default();
            for part in ["value 225 bytes", "baseline 193 bytes", "bound: equal"] {
                assert!(message.contains(part), "{message}");
            }
        }
        other => panic!("{other:?}"),
    }
}

/// Returns why a document breaks the schema.
fn schema_error(schema: &Value, document: &Value) -> Option<String> {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.add_resource("schema.json", schema.clone()).expect("the schema is JSON");
    let index = compiler.compile("schema.json", &mut schemas).expect("the schema is one");
    schemas.validate(document, index).err().map(|why| why.to_string())
}

#[test]
fn documents_keep_to_the_schema() {
    let mut table = chapter_run();
    table.judgement.findings.extend(sample::limits());
    table.judgement.title = "limits of polling-vs-ws".to_owned();
    let of_table = |table: &Table| {
        let files = find_format("json").expect("a known format").render(table);
        parsed(&files[0].bytes)
    };
    let summary = of_table(&table);
    let empty = of_table(&summarise(&crate::report::sample::planned(&[POLLING], &[1_000])));
    let judgement = sample::judgement();
    let judgement = parsed(&json::render(&JudgementView::comparison(&judgement, None)));
    let baseline = json!({
        "schema": "wsbench.baseline/2", "name": "n", "started": "", "build": "", "plan_hash": "",
        "host": {}, "plan": {}, "rows": [],
    });
    for (document, name) in [
        (&summary, "summary"),
        (&empty, "summary"),
        (&judgement, "judgement"),
        (&baseline, "baseline"),
    ] {
        for schema in [schema::of(name), schema::all()] {
            assert_eq!(schema_error(&schema, document), None, "{name:?}");
        }
        let other = DOCUMENTS.into_iter().find(|d| *d != name).expect("there are three");
        assert!(schema_error(&schema::of(other), document).is_some(), "{name:?}");
    }
}

#[test]
fn a_wrong_field_breaks_the_schema() {
    let judgement = sample::judgement();
    let judgement = parsed(&json::render(&JudgementView::comparison(&judgement, None)));
    let summary =
        parsed(&find_format("json").expect("a known format").render(&chapter_run())[0].bytes);
    let cases: [(&Value, &str, &str, Value); 8] = [
        (&judgement, "judgement", "/decision", json!("passed")),
        (&judgement, "judgement", "/exit_code", json!(3)),
        (&judgement, "judgement", "/findings/0/value", json!("2")),
        (&judgement, "judgement", "/findings/0/subject/clients", json!(1.5)),
        (&summary, "summary", "/rows/0/turns", json!(null)),
        (&summary, "summary", "/rows/0/stretched", json!("no")),
        (&summary, "summary", "/rows/0/status", json!("fine")),
        (&summary, "summary", "/schema_version", json!("wsbench.summary/1")),
    ];
    for (document, name, pointer, wrong) in cases {
        let mut document = document.clone();
        let place = document.pointer_mut(pointer);
        *place.unwrap_or_else(|| panic!("no {pointer}")) = wrong;
        assert!(schema_error(&schema::of(name), &document).is_some(), "{pointer}");
        assert!(schema_error(&schema::all(), &document).is_some(), "{pointer}");
    }
    for (document, name, pointer, field) in [
        (&judgement, "judgement", "/findings/0", "bound"),
        (&summary, "summary", "/rows/0", "overhead_bytes_per_message"),
    ] {
        for add in [true, false] {
            let mut document = document.clone();
            let place = document.pointer_mut(pointer).and_then(Value::as_object_mut);
            let place = place.unwrap_or_else(|| panic!("no {pointer}"));
            match add {
                true => place.insert("unknown_field".to_owned(), json!(1)),
                false => place.remove(field),
            };
            assert!(
                schema_error(&schema::of(name), &document).is_some(),
                "{pointer} {field} {add}"
            );
        }
    }
}

/// `WSBENCH_SCHEMA=write cargo test schema` writes it anew.
#[test]
fn the_committed_schema_is_the_printed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/schema/schema.json");
    let output = finish(&mut wsbench(&["schema"]));
    expect_code(&output, 0);
    if std::env::var_os("WSBENCH_SCHEMA").is_some_and(|v| v == "write") {
        std::fs::write(&path, &output.stdout).expect("the schema can be written");
    }
    let committed = std::fs::read(&path).expect("there is a schema");
    assert!(committed == output.stdout, "run WSBENCH_SCHEMA=write cargo test schema");
    assert_eq!(parsed(&output.stdout), schema::all());
    for document in DOCUMENTS {
        let output = finish(&mut wsbench(&["schema", document]));
        assert_eq!(parsed(&output.stdout), schema::of(document));
    }
    expect_code(&finish(&mut wsbench(&["schema", "summery"])), 2);
}

#[test]
fn exit_codes_mean_the_same_in_help() {
    let help = utf8(finish(&mut wsbench(&["--help"])).stdout);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for conclusion in Conclusion::ALL {
        let line = format!("{} {}", conclusion.exit_code(), conclusion.meaning());
        assert!(help.contains(&line), "{line}");
    }
}

/// In GitHub Actions, with a summary.
fn in_actions<'a>(command: &'a mut Command, summary: &Path) -> &'a mut Command {
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", summary)
}

#[test]
fn only_github_actions_gets_annotations_and_a_summary() {
    let world = World::new(SMALL);
    let summary = world.path("summary.md");
    world.write("summary.md", "what another step wrote");
    let more = ["--format", "json", "--reports", "none", "--quiet", "--junit"];
    let junit = world.path("made/junit.xml");
    let mut command = world.run(&more);
    let output = finish(in_actions(command.arg(&junit), &summary));
    let code = output.status.code();
    // 96 if a loaded machine was late.
    assert!(code == Some(0) || code == Some(96), "{}", said(&output));
    // Standard output is the document and nothing else.
    let document = parsed(&output.stdout);
    assert_eq!(schema_error(&schema::of("summary"), &document), None);
    let notice = "::notice title=wsbench%3A checks of small::";
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.lines().any(|l| l.starts_with(notice)), "{}", said(&output));
    let written = std::fs::read_to_string(&summary).expect("the summary is there");
    let (before, ours) = written.split_once("\n\n## ").expect("a heading after the other step's");
    assert_eq!(before, "what another step wrote");
    assert!(ours.contains("checks of small") && ours.contains("Figures of the run"), "{ours}");
    let report = std::fs::read(&junit).expect("the file is there");
    let report = Report::deserialize(report.as_slice()).expect("it can be read");
    assert_eq!(report.failures == 0, code == Some(0), "{report:?}");

    // Reported again, elsewhere: no annotations, no summary.
    let result = world.path("out/result.jsonl");
    let mut again = wsbench(&["report", "--reports", "none", "--format", "markdown"]);
    let output = finish(again.arg(&result).env("GITHUB_STEP_SUMMARY", ""));
    assert_eq!(output.status.code(), code, "{}", said(&output));
    assert!(output.stderr.is_empty(), "{}", said(&output));
    assert_eq!(format!("## {}", ours), String::from_utf8_lossy(&output.stdout));
    assert_eq!(std::fs::read_to_string(&summary).expect("it is there"), written);
}

#[test]
fn every_format_is_printed_alone() {
    let world = &*RAN;
    let result = world.path("out/result.jsonl");
    let shown = |format: &str| {
        let args = ["report", "--reports", "none", "--format", format];
        finish(wsbench(&args).arg(&result)).stdout
    };
    let verbose = ["report", "--reports", "none", "--verbose"];
    let all = utf8(finish(wsbench(&verbose).arg(&result)).stdout);
    let tables = std::fs::read_to_string(world.path("out/summary.txt")).expect("it is there");
    assert_eq!(all, tables);
    let screen = utf8(shown("text"));
    assert!(screen.contains("verdict: valid") && screen.lines().count() < 30, "{screen}");
    assert_eq!(parsed(&shown("json")), world.summary());
    assert!(parsed(&shown("bencher")).is_object());
    assert!(parsed(&shown("github-action-benchmark")).is_array());
    assert!(Report::deserialize(shown("junit").as_slice()).is_ok());
}

/// Two runs are still one document.
#[test]
fn several_runs_are_one_array_of_json() {
    let world = World::new(SMALL);
    let first = RAN.path("out/result.jsonl");
    expect_ran(&world, &finish(&mut world.run(&["--quiet", "--set", "feed.size=64B"])));
    let args = ["report", "--reports", "none", "--format", "json"];
    let output = finish(wsbench(&args).arg(first).arg(world.path("out/result.jsonl")));
    let document = parsed(&output.stdout);
    let all = document.as_array().expect("an array");
    assert_eq!(all.len(), 2);
    assert_ne!(all[0]["plan_hash"], all[1]["plan_hash"]);
    assert_eq!(schema_error(&schema::all(), &document), None);
}

#[test]
fn a_command_that_fails_says_so_too() {
    let world = World::new(NOBODY);
    let (summary, junit) = (world.path("summary.md"), world.path("junit.xml"));
    world.write("scenario.toml", SMALL.replace("websocket", "websockt"));
    let mut command = world.run(&["--junit"]);
    let output = finish(in_actions(command.arg(&junit), &summary));
    expect_code(&output, 2);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("::error title=wsbench%3A failed::"), "{stderr}");
    assert!(stderr.lines().any(|l| !l.starts_with("::") && l.contains("websockt")), "{stderr}");
    let written = std::fs::read_to_string(&summary).expect("the summary is there");
    assert!(written.starts_with("\n## FAILED: run of "), "{written}");
    let report = std::fs::read(&junit).expect("the file is there");
    assert_eq!(Report::deserialize(report.as_slice()).expect("it can be read").errors, 1);
}

#[test]
fn a_server_that_is_not_there_fails_in_every_format() {
    let world = World::new(NOBODY);
    let (summary, junit) = (world.path("summary.md"), world.path("junit.xml"));
    let mut command = world.run(&["--quiet", "--reports", "none", "--junit"]);
    let output = finish(in_actions(command.arg(&junit), &summary));
    assert_ne!(output.status.code(), Some(0), "{}", said(&output));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.lines().any(|l| l.starts_with("::error ")), "{stderr}");
    let report = std::fs::read(&junit).expect("the file is there");
    let report = Report::deserialize(report.as_slice()).expect("it can be read");
    assert!(report.failures + report.errors > 0, "{report:?}");
    let written = std::fs::read_to_string(&summary).expect("the summary is there");
    assert!(!written.contains("## PASS"), "{written}");
}

#[test]
fn a_summary_that_cannot_be_written_is_a_warning() {
    let world = World::new(SMALL);
    let result = RAN.path("out/result.jsonl");
    let report = |summary: &Path| {
        let mut command = wsbench(&["report", "--reports", "none", "--format", "json"]);
        finish(in_actions(command.arg(&result), summary))
    };
    let fine = report(&world.path("summary.md"));
    let nowhere = report(&world.path("no/such/folder/summary.md"));
    assert_eq!(nowhere.status.code(), fine.status.code(), "{}", said(&nowhere));
    assert_eq!(nowhere.stdout, fine.stdout);
    let warning = |o: &std::process::Output| {
        String::from_utf8_lossy(&o.stderr).contains("warning: cannot write the job's summary")
    };
    assert!(warning(&nowhere) && !warning(&fine), "{}", said(&nowhere));
    // A summary that is full is left as it is.
    world.write("full.md", vec![b'x'; markdown::MOST_BYTES]);
    let full = report(&world.path("full.md"));
    assert!(warning(&full), "{}", said(&full));
    let left = std::fs::metadata(world.path("full.md")).expect("it is there").len();
    assert_eq!(left, markdown::MOST_BYTES as u64);
}
