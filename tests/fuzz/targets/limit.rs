//! Any text: a condition that prints and reads back to the same, or a located fault, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::gate::limit::{Part, Rule, parse};

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok((condition, _)) => {
            let again = parse(&condition.to_string()).map(|(c, _)| c);
            assert_eq!(again, Ok(condition));
        }
        Err(wrong) => assert!(text.get(wrong.span).is_some()),
    }
    for metric in [None, Some("delivery_latency"), Some("updates_delivered")] {
        match Rule::read(metric, text) {
            Ok(rule) => assert!(!rule.terms.is_empty() && rule.bound.number.is_finite()),
            Err(refused) => {
                assert!(!refused.is_empty());
                for one in refused {
                    if let Part::Condition(span) = one.part {
                        assert!(text.get(span).is_some());
                    }
                }
            }
        }
    }
});
