//! A metric is one line of its registry, and a transport or a layer is a file and its line.

use std::fs;
use std::path::Path;
use wsbench::internals::report::metrics;

#[test]
fn no_two_columns_have_or_had_the_same_name() {
    let mut names = std::collections::HashSet::new();
    for column in metrics::columns() {
        for name in std::iter::once(column.name).chain(column.formerly) {
            assert!(names.insert(name.clone()), "{name} stands twice");
        }
    }
}

#[test]
fn a_new_metric_is_one_line() {
    let mut found = Vec::new();
    for path in crate::docs::files("src", &["rs"]) {
        let text = fs::read_to_string(&path).expect("a source is text");
        let lines = text.lines().filter(|line| line.contains("dummy_metric"));
        found.extend(lines.map(|_| path.clone()));
    }
    let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/metrics.rs");
    assert_eq!(found, [registry]);
}

/// With `--features dummy-transport` the end-to-end test over all transports runs it as well.
#[test]
fn a_new_transport_is_its_file_and_a_line_of_the_registry() {
    let names_it = |line: &&str| line.contains("mod dummy") || line.contains("dummy::");
    let mut lines = Vec::new();
    for path in crate::docs::files("src", &["rs"]) {
        let text = fs::read_to_string(&path).expect("a source is text");
        let found = text.lines().filter(names_it).map(|line| line.trim().to_owned());
        lines.extend(found.map(|line| (path.clone(), line)));
    }
    let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transport/mod.rs");
    let line = |text: &str| (registry.clone(), text.to_owned());
    assert_eq!(lines, [line("mod dummy;"), line("&dummy::TRANSPORT,")]);
}

/// With `--features identity-layer` every connection of the end-to-end test over all transports has it.
#[test]
fn a_new_layer_is_its_file_and_its_place_in_the_stack() {
    let own = Path::new("net/identity_layer.rs");
    let names_it = |line: &&str| line.contains("identity_layer") || line.contains("IdentityLayer");
    let mut lines = Vec::new();
    for source in crate::layering::sources().iter().filter(|source| source.path != own) {
        let found = source.code.lines().filter(names_it);
        lines.extend(found.map(|line| format!("{}: {line}", source.path.display())));
    }
    let place = "type BelowTls = Stacked<crate::net::identity_layer::IdentityLayer, DelayLine>;";
    assert_eq!(
        lines,
        [format!("net/connection.rs: {place}"), "net/mod.rs: mod identity_layer;".into()]
    );
}

/// With `--features dummy-metric`: every reader of the registry has one more.
#[cfg(feature = "dummy-metric")]
mod with_a_dummy {
    use super::metrics;
    use crate::report::sample::{POLLING, complete};
    use crate::report::text;
    use wsbench::internals::gate::limit::{Limit, limits_to_json, summarise_and_judge};
    use wsbench::internals::report::Decision;
    use wsbench::internals::report::schema::of;

    #[test]
    fn it_is_in_every_file_and_a_limit_can_be_on_it() {
        let mut result = complete(&[POLLING], &[1_000]);
        let limit = |condition: &str| Limit { condition: condition.to_owned(), ..Limit::default() };
        let all = [limit("dummy_metric == 1"), limit("dummy_metric count > 1")];
        result.header.limits = limits_to_json(&all);
        let table = summarise_and_judge(&result);
        let decisions: Vec<Decision> = table.limits().map(|finding| finding.decision).collect();
        assert_eq!(decisions, [Decision::Pass, Decision::Fail]);
        let csv = text(&table, "csv", 0);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let place = reader.headers().unwrap().iter().position(|name| name == "dummy_metric");
        let row = reader.records().next().expect("a row").unwrap();
        assert_eq!(&row[place.expect("it is a column")], "1");
        let schema = of("summary");
        assert_eq!(schema["$defs"]["row"]["properties"]["dummy_metric"]["x-better"], "lower");
        assert!(text(&table, "json", 0).contains("\"dummy_metric\": 1"));
        assert!(metrics::markdown().contains("| `dummy_metric` | - | a metric of a test |"));
    }
}
