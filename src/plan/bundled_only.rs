//! Settings of the bundled server: a server of one's own never hears of them.
//!
//! [`BUNDLED_ONLY`] is their one list. What the list leaves out is for clients, or says what is
//! expected of any server, as `hold` and `pending` of long polling do.

use crate::config::{Fields, Key};
use crate::feed::{PayloadKind, Workload};
use crate::plan::{Plan, PlannedSeries, Server, keys};
use crate::scenario::ScenarioFile;

/// A setting of the bundled server.
pub(crate) struct BundledOnly {
    /// Its name in a scenario.
    pub key: &'static str,
    /// Its name in the plan.
    pub field: &'static str,
    /// The table that has it.
    table: SettingTable,
    /// What a server of one's own may have to do with it all the same.
    unless: Unless,
    /// What to do instead.
    remedy: &'static str,
}

/// Which table a setting is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SettingTable {
    /// `[feed]`.
    Feed,
    /// A `[[series]]`.
    Series,
}

/// When a setting of the bundled server counts without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unless {
    Never,
    /// The clients of a series have it too.
    ClientsHaveIt,
    /// The scenario states the rate, so that what comes is held against it, or clients send.
    RateIsKnown,
    /// Messages of this size are sent by clients, asked of a server that the run starts, or cannot
    /// be told apart otherwise.
    SizeIsUsed,
}

/// Every setting that the bundled server alone has.
pub(crate) const BUNDLED_ONLY: &[BundledOnly] = &[
    BundledOnly {
        key: "size",
        field: "payload_bytes",
        table: SettingTable::Feed,
        unless: Unless::SizeIsUsed,
        remedy: "leave it out, since messages have the size that your server gives them",
    },
    BundledOnly {
        key: "arrivals",
        field: "arrivals",
        table: SettingTable::Feed,
        unless: Unless::RateIsKnown,
        remedy: "leave it out, or state the rate at which your server sends",
    },
    BundledOnly {
        key: "spread",
        field: "spread",
        table: SettingTable::Feed,
        unless: Unless::RateIsKnown,
        remedy: "leave it out, or state the rate at which your server sends",
    },
    BundledOnly {
        key: "message_limit",
        field: "message_limit_bytes",
        table: SettingTable::Feed,
        unless: Unless::Never,
        remedy: "leave it out, and set the limit in your server",
    },
    BundledOnly {
        key: "heartbeat",
        field: "heartbeat_ns",
        table: SettingTable::Series,
        unless: Unless::Never,
        remedy: "leave it out, and set heartbeats in your server",
    },
    BundledOnly {
        key: "ids",
        field: "ids",
        table: SettingTable::Series,
        unless: Unless::Never,
        remedy: "leave it out, since events have ids if your server gives them some",
    },
    BundledOnly {
        key: "response_head",
        field: "response",
        table: SettingTable::Series,
        unless: Unless::Never,
        remedy: "leave it out, since your server has a head of its own",
    },
    BundledOnly {
        key: "read_buffer",
        field: "read_buffer_bytes",
        table: SettingTable::Series,
        unless: Unless::ClientsHaveIt,
        remedy: "leave it out, or take engine = \"tungstenite\", whose clients have such a buffer",
    },
];

impl BundledOnly {
    /// Whether the setting has no effect on a series of a plan.
    fn is_idle(&self, plan: &Plan, series: &PlannedSeries) -> bool {
        let used = match self.unless {
            Unless::Never => false,
            Unless::ClientsHaveIt => series.settings.client_has(self.key),
            Unless::RateIsKnown => !plan.rate_unknown || plan.feed.workload != Workload::Ticker,
            Unless::SizeIsUsed => uses_size(plan, series),
        };
        !plan.is_bundled(series) && !used
    }

    /// Says that the setting has no effect.
    fn describe(&self, place: &str) -> String {
        let BundledOnly { key, remedy, .. } = self;
        format!("{place}: {key} has no effect on a server of your own: {remedy}")
    }
}

/// Whether the size of the feed's messages matters to a series with a server of one's own.
fn uses_size(plan: &Plan, series: &PlannedSeries) -> bool {
    let in_environment = matches!(plan.server_of(series), Server::External { start: Some(_), .. })
        && !plan.rate_unknown;
    // Binary updates within one message are told apart by their size.
    in_environment
        || plan.feed.workload != Workload::Ticker
        || plan.feed.kind == PayloadKind::Binary
}

/// Whether a setting has no effect on a series; `field` is its name in the plan.
pub(crate) fn is_idle(plan: &Plan, series: &PlannedSeries, field: &str) -> bool {
    let of_series = |each: &&BundledOnly| each.table == SettingTable::Series && each.field == field;
    BUNDLED_ONLY.iter().find(of_series).is_some_and(|each| each.is_idle(plan, series))
}

/// Whether nothing depends on when the feed's messages are published.
pub(crate) fn are_arrivals_idle(plan: &Plan) -> bool {
    let arrivals = BUNDLED_ONLY.iter().find(|each| each.key == keys::ARRIVALS.name);
    arrivals.is_some_and(|each| is_idle_everywhere(each, plan))
}

/// Whether the size of the feed's messages has no effect on any series.
pub(crate) fn is_size_idle(plan: &Plan) -> bool {
    let size = BUNDLED_ONLY.iter().find(|each| each.key == keys::SIZE.name);
    size.is_some_and(|each| is_idle_everywhere(each, plan))
}

fn is_idle_everywhere(setting: &BundledOnly, plan: &Plan) -> bool {
    plan.series.iter().all(|series| setting.is_idle(plan, series))
}

/// Warns of settings that have no effect on a server of one's own.
pub(super) fn warn(file: &ScenarioFile, plan: &Plan) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut note = |setting: &BundledOnly, fields: &Fields<'_>, known: &[Key]| {
        let key = known.iter().find(|key| key.name == setting.key);
        if let Some(key) = key.filter(|key| fields.is_given(key)) {
            warnings.push(setting.describe(&file.source.place(&fields.location(key))));
        }
    };
    let of =
        |table: SettingTable| BUNDLED_ONLY.iter().filter(move |setting| setting.table == table);
    if let Some(fields) = file.table("feed") {
        for setting in of(SettingTable::Feed).filter(|setting| is_idle_everywhere(setting, plan)) {
            note(setting, &fields, keys::FEED);
        }
    }
    // A plan has every series of its scenario.
    for (fields, series) in file.series().zip(&plan.series) {
        for setting in of(SettingTable::Series).filter(|setting| setting.is_idle(plan, series)) {
            note(setting, &fields, series.settings.transport().keys);
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::TRANSPORTS;
    use std::collections::BTreeSet;

    /// Settings that clients have, or that say what is expected of any server.
    const OF_ANY_SERVER: &[&str] = &[
        "accept_encoding",
        // How many updates a message may leave out, and how late they may be.
        "batch",
        "body",
        "conditional",
        "connection",
        "cookies",
        "cursor",
        "cursor_in",
        "data",
        "data_short",
        "delimiter",
        "echo",
        "engine",
        "extensions",
        "first",
        "header_table",
        "headers",
        // A client waits so much longer for an answer.
        "hold",
        "host",
        "hpack",
        "http_version",
        "interval",
        "length",
        "method",
        "origin",
        "payload",
        // Whether a number that was left out is a loss.
        "pending",
        "phase",
        "rate",
        "ready",
        "reconnect",
        "redirects",
        "reply",
        "request_head",
        "semantics",
        "send",
        "senders",
        "separator",
        "status",
        "streams",
        "subprotocol",
        "update",
        "workload",
    ];

    #[test]
    fn every_setting_of_a_feed_or_a_transport_is_in_one_of_the_lists() {
        let known: BTreeSet<&str> = keys::FEED
            .iter()
            .chain(TRANSPORTS.iter().flat_map(|transport| transport.keys))
            .map(|key| key.name)
            .collect();
        let bundled: BTreeSet<&str> = BUNDLED_ONLY.iter().map(|each| each.key).collect();
        let any: BTreeSet<&str> = OF_ANY_SERVER.iter().copied().collect();
        assert!(bundled.is_disjoint(&any));
        let both: BTreeSet<&str> = bundled.union(&any).copied().collect();
        assert_eq!(known, both);
    }
}
