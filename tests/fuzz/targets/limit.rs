//! Any text: a condition that prints and reads back to the same, or a located error, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::gate::limit::{ErrorPlace, LimitError, Rule, parse};

fuzz_target!(|text: &str| {
    let located = |error: &LimitError| match &error.place {
        ErrorPlace::Condition(span) => assert!(text.get(span.clone()).is_some()),
        ErrorPlace::Metric => {}
    };
    match parse(text) {
        Ok(condition) => assert_eq!(parse(&condition.to_string()), Ok(condition)),
        Err(error) => located(&error),
    }
    for metric in [None, Some("delivery_latency"), Some("updates_delivered")] {
        match Rule::read(metric, text) {
            Ok(rule) => assert!(!rule.terms.is_empty() && rule.bound.number.is_finite()),
            Err(errors) => {
                assert!(!errors.is_empty());
                errors.iter().for_each(located);
            }
        }
    }
});
