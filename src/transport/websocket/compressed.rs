//! What messages of the bundled server cost compressed: an expectation, made by compressing such messages. It is exact
//! for this library and these payloads, but for the digits of the time in them.

use crate::feed::{Spec, Stamp, join};
use crate::predict::{Exchange, MessageShare, Model, Variation};
use crate::protocol::websocket::deflate_coder::CoderPool;
use crate::protocol::websocket::deflate_offer::DeflateParams;
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How many messages are compressed at the least, and at the most; and how many bytes of them are enough.
const LEAST_MESSAGES: u64 = 16;
/// See [`LEAST_MESSAGES`].
const MOST_MESSAGES: u64 = 500;
/// See [`LEAST_MESSAGES`].
const ENOUGH_BYTES: u64 = 1 << 20;
/// After so many bytes a window is as full as it gets.
const WINDOW_BYTES: u64 = 1 << 15;
/// A moment of a machine that has run for two days: its digits are as good as those of another.
const MOMENT_NS: u64 = 172_345_678_901_234;

/// Puts the kinds of messages that come compressed in the place of each kind; `exchange` has the cost of a payload.
pub(super) fn expect_compressed(
    model: &mut Model,
    params: DeflateParams,
    feed: &Spec,
    exchange: impl Fn(u64) -> Exchange,
) {
    let mut kinds = Vec::new();
    for of in &model.messages {
        let sizes = compressed_sizes(params, feed, of.updates);
        let all: u32 = sizes.values().sum();
        kinds.extend(sizes.into_iter().map(|(bytes, times)| MessageShare {
            share: of.share * f64::from(times) / f64::from(all),
            updates: of.updates,
            exchange: exchange(bytes),
        }));
    }
    model.messages = kinds;
    model.varies = Some(Variation::Compressed);
}

/// Compresses messages with so many updates, one after the other. Returns how many had which size.
fn compressed_sizes(params: DeflateParams, feed: &Spec, updates: u32) -> BTreeMap<u64, u32> {
    let (mut deflater, _) = params.server_coders(&Rc::<CoderPool>::default());
    let each = u64::from(updates) * u64::from(feed.payload_bytes);
    let counted = (ENOUGH_BYTES / each.max(1)).clamp(LEAST_MESSAGES, MOST_MESSAGES);
    // The first ones fill the window, if there is one from message to message.
    let before = (WINDOW_BYTES / each.max(1)).min(MOST_MESSAGES) + 1;
    let mut sizes = BTreeMap::new();
    let mut message = BytesMut::new();
    let mut sequence = 0;
    for number in 0..before + counted {
        message.clear();
        let stamps = (0..updates).map(|_| {
            sequence += 1;
            let passed_ns = sequence as f64 * 1e9 / feed.rate_hz;
            Stamp { sequence, published_ns: MOMENT_NS.saturating_add(passed_ns as u64) }
        });
        join(feed.kind, feed.payload_bytes as usize, feed.seed, stamps, &mut message);
        let bytes = deflater.compress(&message, |payload| payload.len() as u64);
        if number >= before {
            *sizes.entry(bytes).or_default() += 1;
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::PayloadKind;
    use crate::protocol::websocket::deflate_offer::DeflateOffer;

    /// The mean of the payload bytes of a message.
    fn mean(offer: &str, kind: PayloadKind, updates: u32) -> f64 {
        let offer = DeflateOffer::parse(offer).expect("an offer");
        let (params, _) = offer.select(offer.value()).expect("an answer");
        let payload_bytes = kind.usual_bytes().max(kind.least_bytes()) as u32;
        let feed = Spec { kind, payload_bytes, ..Spec::PLAIN };
        let mut model = Model::exact(Exchange::default(), updates, None);
        let segments = |bytes| Exchange { segments_down: bytes, ..Exchange::default() };
        expect_compressed(&mut model, params, &feed, segments);
        let shares: f64 = model.messages.iter().map(|kind| kind.share).sum();
        let of_messages = model.updates_per_message() - f64::from(updates);
        assert!((shares - 1.0).abs() < 1e-9 && of_messages.abs() < 1e-9);
        model.per_message(|exchange| exchange.segments_down as f64)
    }

    #[test]
    fn a_window_that_is_kept_is_worth_more_than_one_that_is_not() {
        let kept = "permessage-deflate";
        let anew = "permessage-deflate; server_no_context_takeover";
        let small = "permessage-deflate; server_max_window_bits=9";
        for kind in [PayloadKind::JsonTicker, PayloadKind::JsonOrderbook] {
            let bytes = kind.usual_bytes() as f64;
            let means = [kept, anew].map(|offer| mean(offer, kind, 1));
            assert!(means[0] < 0.9 * means[1] && means[1] < 0.9 * bytes, "{kind:?} {means:?}");
        }
        assert!(mean(kept, PayloadKind::JsonTicker, 1) < mean(small, PayloadKind::JsonTicker, 1));
        // Alone, the chapter's 21 digits become no shorter.
        assert!(mean(anew, PayloadKind::Text, 1) > 20.0);
        assert!(mean(anew, PayloadKind::Text, 10) < 10.0 * mean(anew, PayloadKind::Text, 1));
    }
}
