use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Every source but the table of parts, without comments.
fn sources() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    let code = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a source is text");
        text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    paths
        .into_iter()
        .filter(|path| !path.ends_with("src/record/part.rs"))
        .map(|path| (path.clone(), code(&path)))
        .collect()
}

/// The patterns of a source's `match` arms, `matches!` and `if let`.
fn patterns(code: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (at, _) in code.match_indices("=>") {
        let before = &code[..at];
        let mut begin = before.len();
        for line in before.rsplit('\n') {
            let earlier = line.trim_end();
            if begin < before.len() && earlier.ends_with(['{', '}', ',', ';']) {
                break;
            }
            begin = before.len().min(begin - line.len());
            begin = begin.saturating_sub(1);
        }
        out.push(before[begin..].to_owned());
    }
    for opening in ["matches!(", "if let ", "while let "] {
        for (at, _) in code.match_indices(opening) {
            let rest = &code[at..];
            let end = rest.find(['=', ';', '{']).unwrap_or(rest.len());
            out.push(rest[..end].to_owned());
        }
    }
    out
}

fn names_a_part(pattern: &str) -> bool {
    pattern.match_indices("Part::").any(|(at, _)| {
        !pattern[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
            && !pattern[at..].starts_with("Part::ALL")
    })
}

#[test]
fn nothing_but_the_table_tells_parts_apart_by_a_match() {
    let mut found = Vec::new();
    for (path, code) in sources() {
        let of_file = patterns(&code).into_iter().filter(|p| names_a_part(p));
        found.extend(of_file.map(|p| format!("{}: {}", path.display(), p.trim())));
    }
    assert!(found.is_empty(), "matches on a part:\n{}", found.join("\n"));
}

#[test]
fn a_match_on_a_part_would_be_found() {
    let arm = "match part {\n    Part::Heads\n    | Part::Masks => 1,\n    _ => 2,\n}";
    let within = "matches!(layer, Layer::Part(Part::Heads))";
    let none = "match n {\n    0 => flow[Part::Heads],\n    _ => LimitPart::Metric,\n}";
    let count = |code: &str| patterns(code).iter().filter(|p| names_a_part(p)).count();
    assert_eq!((count(arm), count(within), count(none)), (1, 1, 0));
}

#[test]
fn a_new_part_is_one_line() {
    let is_dummy = |text: &str| text.contains("Dummy") || text.contains("dummy-part");
    let beside: Vec<_> = sources().into_iter().filter(|(_, code)| is_dummy(code)).collect();
    assert!(beside.is_empty(), "{beside:#?}");
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/record/part.rs");
    let table = fs::read_to_string(table).expect("the table is there");
    assert_eq!(table.lines().filter(|line| is_dummy(line)).count(), 1);
}

/// With `--features dummy-part`: everything that lists parts has one more.
#[cfg(feature = "dummy-part")]
mod with_a_dummy {
    use crate::report::sample::{POLLING, WEBSOCKET, complete};
    use crate::report::{row, text};
    use wsbench::internals::record::{Flow, Part};
    use wsbench::internals::report::schema::of;
    use wsbench::internals::report::{Layer, Quantity};
    use wsbench::internals::report::{metrics, summarise};

    #[test]
    fn it_is_in_every_figure_check_and_file() {
        let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
        // The floor has no server and sends nothing.
        for case in result.cases.values_mut().filter(|case| !case.servers.is_empty()) {
            let down = &mut case.total.phases.steady.ledger.down;
            down[Part::Dummy] += 70_000;
            down.wire += 70_000;
            assert_eq!(down.unexplained(), 0);
            case.servers[0].sent += 70_000;
        }
        for case in result.header.cases.iter_mut().filter(|case| !case.floor) {
            let model = case.model.as_mut().expect("the sample has models");
            let down = &mut model.messages[0].exchange.ledger.down;
            down[Part::Dummy] += 7;
            down.wire += 7;
        }
        let table = summarise(&result);
        let polling = row(&table, "polling", 1_000);
        let measured =
            polling.steady(wsbench::internals::report::Way::Both, Layer::Part(Part::Dummy));
        assert_eq!(measured.per_message.value(), Some(7.0));
        let compared = polling.predicted.of(Quantity::Of(Layer::Part(Part::Dummy)));
        assert_eq!(compared.predicted.value(), Some(7.0));
        assert_eq!(compared.difference.value(), Some(0.0));
        let columns: Vec<String> = metrics::columns().into_iter().map(|c| c.name).collect();
        for name in ["dummy_bytes_per_message", "predicted_dummy_bytes_per_message"] {
            assert!(columns.iter().any(|column| column == name), "{name} is no column");
        }
        assert!(of("summary").to_string().contains("\"dummy_bytes_per_message\""));
        assert!(text(&table, "csv", 1).contains("dummy_bytes"));
        let flow = Flow::of([(Part::Dummy, 5)]);
        let json = serde_json::to_string(&flow).expect("a flow is JSON");
        assert_eq!(json, r#"{"wire":5,"dummy":5}"#);
        assert_eq!(serde_json::from_str::<Flow>(&json).expect("it is read"), flow);
    }
}
