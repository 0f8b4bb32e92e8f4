//! permessage-deflate (RFC 7692): what a client offers, and what both sides agree on.
//!
//! The coders are in `deflate_coder`, and frames are the business of `codec`.

use serde::{Deserialize, Serialize};

const NAME: &str = "permessage-deflate";
/// The windows of which zlib can compress raw deflate, by the logarithm of their bytes: it has none of 8 bits.
const WINDOW_BITS: std::ops::RangeInclusive<u8> = 9..=LARGEST_BITS;
/// The smallest window that a peer may name (§7.1.2).
const SMALLEST_BITS: u8 = 8;
const LARGEST_BITS: u8 = 15;

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeflateParams {
    /// The server begins each message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client begins each message with an empty window.
    pub client_no_context_takeover: bool,
    /// The logarithm of the server's window in bytes: 9 to 15.
    pub server_max_window_bits: u8,
    /// The logarithm of the client's window in bytes: 9 to 15.
    pub client_max_window_bits: u8,
}

/// The extension as a client offers it, and as the bundled server uses it: the value of
/// `Sec-WebSocket-Extensions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeflateOffer {
    value: String,
    written: WrittenParams,
}

/// What one side says of the extension cannot be used by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadExtension {
    /// It is another extension, or several.
    Other,
    /// Its parameters are none, or do not fit what was offered.
    Params,
}

/// The parameters as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct WrittenParams {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: ClientBits,
}

/// `client_max_window_bits`, which has no value in some offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ClientBits {
    #[default]
    LeftOut,
    /// The client can do with any window.
    Any,
    Most(u8),
}

impl ClientBits {
    /// The largest window of the client.
    fn most(self) -> u8 {
        match self {
            ClientBits::LeftOut | ClientBits::Any => LARGEST_BITS,
            ClientBits::Most(bits) => bits,
        }
    }
}

impl WrittenParams {
    /// Reads what follows the name of the extension (§7.1): each parameter once, and no other.
    fn parse<'a>(params: impl Iterator<Item = &'a str>) -> Result<WrittenParams, BadExtension> {
        let mut written = WrittenParams::default();
        for param in params {
            let (name, value) = match param.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (param.trim(), None),
            };
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("server_no_context_takeover") && value.is_none() {
                set_once(&mut written.server_no_context_takeover)?;
            } else if is("client_no_context_takeover") && value.is_none() {
                set_once(&mut written.client_no_context_takeover)?;
            } else if is("server_max_window_bits") && written.server_max_window_bits.is_none() {
                let bits = value.and_then(window_bits).ok_or(BadExtension::Params)?;
                written.server_max_window_bits = Some(bits);
            } else if is("client_max_window_bits")
                && written.client_max_window_bits == ClientBits::LeftOut
            {
                written.client_max_window_bits = match value {
                    None => ClientBits::Any,
                    Some(value) => {
                        ClientBits::Most(window_bits(value).ok_or(BadExtension::Params)?)
                    }
                };
            } else {
                return Err(BadExtension::Params);
            }
        }
        Ok(written)
    }
}

/// Reads the size of a window: a decimal number without leading zeros, which may be quoted (§5.2).
fn window_bits(value: &str) -> Option<u8> {
    let digits = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    let bits = digits.parse().ok().filter(|_| is_plain)?;
    (SMALLEST_BITS..=LARGEST_BITS).contains(&bits).then_some(bits)
}

/// Sets what may be said once.
fn set_once(flag: &mut bool) -> Result<(), BadExtension> {
    if std::mem::replace(flag, true) { Err(BadExtension::Params) } else { Ok(()) }
}

/// The extensions of a field (RFC 6455 §9.1): the name of each, and its parameters.
fn extensions(field: &str) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
    field.split(',').map(str::trim).filter(|one| !one.is_empty()).map(|one| {
        let mut parts = one.split(';');
        let name = parts.next().unwrap_or_default().trim();
        (name, parts)
    })
}

impl TryFrom<String> for DeflateOffer {
    type Error = String;

    fn try_from(value: String) -> Result<DeflateOffer, String> {
        DeflateOffer::parse(&value)
    }
}

impl From<DeflateOffer> for String {
    fn from(offer: DeflateOffer) -> String {
        offer.value
    }
}

impl DeflateOffer {
    /// Reads an offer of this one extension.
    ///
    /// # Errors
    /// A sentence, if it is none, or if zlib cannot compress with one of its windows.
    pub(crate) fn parse(value: &str) -> Result<DeflateOffer, String> {
        let mut all = extensions(value);
        let known = all.next().filter(|(name, _)| name.eq_ignore_ascii_case(NAME));
        let Some((_, params)) = known.filter(|_| all.next().is_none()) else {
            return Err(format!(
                "{value:?} is not the one extension that wsbench has; write \"{NAME}\", with \
                 parameters of RFC 7692 behind it if you like"
            ));
        };
        let written = WrittenParams::parse(params).map_err(|_| {
            format!(
                "the parameters of {value:?} cannot be used; there are server_no_context_takeover, \
                 client_no_context_takeover, server_max_window_bits=N and \
                 client_max_window_bits or client_max_window_bits=N (RFC 7692, 7.1), each once"
            )
        })?;
        let server_bits = written.server_max_window_bits.unwrap_or(LARGEST_BITS);
        if server_bits < *WINDOW_BITS.start()
            || written.client_max_window_bits.most() < *WINDOW_BITS.start()
        {
            return Err(format!(
                "{value:?} has a window of 8 bits, with which zlib cannot compress"
            ));
        }
        Ok(DeflateOffer { value: value.trim().to_owned(), written })
    }

    /// The value of the field that offers it.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// Reads the extensions that a server has selected (§7.1); `None` if there is none.
    ///
    /// # Errors
    /// If it has selected what was not offered.
    pub(crate) fn selected(&self, field: &str) -> Result<Option<DeflateParams>, BadExtension> {
        let mut all = extensions(field);
        let Some((name, params)) = all.next() else { return Ok(None) };
        if !name.eq_ignore_ascii_case(NAME) || all.next().is_some() {
            return Err(BadExtension::Other);
        }
        let answer = WrittenParams::parse(params)?;
        let offered = &self.written;
        let server_bits = answer.server_max_window_bits.unwrap_or(LARGEST_BITS);
        let most_server_bits = offered.server_max_window_bits.unwrap_or(LARGEST_BITS);
        let client_bits = match (answer.client_max_window_bits, offered.client_max_window_bits) {
            (ClientBits::LeftOut, offered) => offered.most(),
            // It has a value, and stands in the answer to an offer that has it alone (§7.1.2.2).
            (ClientBits::Any, _) | (ClientBits::Most(_), ClientBits::LeftOut) => {
                return Err(BadExtension::Params);
            }
            (ClientBits::Most(bits), offered) if bits <= offered.most() => bits,
            (ClientBits::Most(_), _) => return Err(BadExtension::Params),
        };
        let takes_over = offered.server_no_context_takeover && !answer.server_no_context_takeover;
        if takes_over
            || server_bits > most_server_bits
            || [server_bits, client_bits].iter().any(|bits| !WINDOW_BITS.contains(bits))
        {
            return Err(BadExtension::Params);
        }
        Ok(Some(DeflateParams {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: offered.client_no_context_takeover
                || answer.client_no_context_takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        }))
    }

    /// Selects among the offers of a client, as a server with these parameters does (§5.1): the first that can be
    /// used. Returns what is agreed on, and the value of the answer's field.
    pub(crate) fn select(&self, field: &str) -> Option<(DeflateParams, String)> {
        extensions(field).find_map(|(name, params)| {
            if !name.eq_ignore_ascii_case(NAME) {
                return None;
            }
            self.answer(WrittenParams::parse(params).ok()?)
        })
    }

    /// Answers an offer with these parameters.
    fn answer(&self, offer: WrittenParams) -> Option<(DeflateParams, String)> {
        let own = &self.written;
        let least = |a: Option<u8>, b: Option<u8>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let server_bits = least(offer.server_max_window_bits, own.server_max_window_bits);
        let client_bits = match (offer.client_max_window_bits, own.client_max_window_bits) {
            // The client has not said that it can do with less (§7.1.2.2).
            (ClientBits::LeftOut, _) => None,
            (ClientBits::Any, ClientBits::LeftOut | ClientBits::Any) => None,
            (ClientBits::Any, ClientBits::Most(bits)) => Some(bits),
            (ClientBits::Most(bits), own) => Some(bits.min(own.most())),
        };
        let agreed = DeflateParams {
            server_no_context_takeover: own.server_no_context_takeover
                || offer.server_no_context_takeover,
            client_no_context_takeover: own.client_no_context_takeover
                || offer.client_no_context_takeover,
            server_max_window_bits: server_bits.unwrap_or(LARGEST_BITS),
            client_max_window_bits: client_bits.unwrap_or(LARGEST_BITS),
        };
        let bits = [agreed.server_max_window_bits, agreed.client_max_window_bits];
        if bits.iter().any(|bits| !WINDOW_BITS.contains(bits)) {
            return None;
        }
        let mut text = NAME.to_owned();
        if agreed.server_no_context_takeover {
            text.push_str("; server_no_context_takeover");
        }
        if agreed.client_no_context_takeover {
            text.push_str("; client_no_context_takeover");
        }
        if let Some(bits) = server_bits {
            text.push_str(&format!("; server_max_window_bits={bits}"));
        }
        if let Some(bits) = client_bits {
            text.push_str(&format!("; client_max_window_bits={bits}"));
        }
        Some((agreed, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offer(value: &str) -> DeflateOffer {
        DeflateOffer::parse(value).expect("an offer")
    }

    #[test]
    fn an_offer_is_answered_as_the_rfc_has_it() {
        let plain = offer("permessage-deflate");
        let browser = "permessage-deflate; client_max_window_bits";
        let small = offer("permessage-deflate; client_max_window_bits=10");
        let (agreed, answer) = small.select(browser).expect("an answer");
        assert_eq!(answer, "permessage-deflate; client_max_window_bits=10");
        assert_eq!(offer(browser).selected(&answer), Ok(Some(agreed)));
        assert_eq!(plain.select(browser).expect("an answer").1, "permessage-deflate");
        // A client that does not say so cannot do with less.
        let (agreed, answer) = small.select("permessage-deflate").expect("an answer");
        assert_eq!((answer.as_str(), agreed.client_max_window_bits), ("permessage-deflate", 15));
        // What cannot be read is passed over.
        let offers = "x, permessage-deflate; server_max_window_bits=16, permessage-deflate";
        assert_eq!(plain.select(offers).expect("an answer").1, "permessage-deflate");
        assert_eq!(plain.select("permessage-deflate; server_max_window_bits=8"), None);
        assert_eq!(plain.select("x-webkit-deflate-frame"), None);
        // A server may begin each message anew, asked or not (§7.1.1).
        let anew = offer("permessage-deflate; server_no_context_takeover");
        let (agreed, answer) = anew.select(browser).expect("an answer");
        assert_eq!(answer, "permessage-deflate; server_no_context_takeover");
        assert!(agreed.server_no_context_takeover && !agreed.client_no_context_takeover);
    }

    #[test]
    fn what_was_not_offered_is_an_error() {
        let plain = offer("permessage-deflate");
        let strict =
            offer("permessage-deflate; server_no_context_takeover; server_max_window_bits=10");
        let any = offer("permessage-deflate; client_max_window_bits");
        assert_eq!(plain.selected(""), Ok(None));
        for other in ["permessage-bzip2", "permessage-deflate, permessage-deflate"] {
            assert_eq!(plain.selected(other), Err(BadExtension::Other), "{other}");
        }
        for (offer, answer) in [
            (&plain, "permessage-deflate; client_max_window_bits=10"),
            (&plain, "permessage-deflate; server_max_window_bits=7"),
            (&plain, "permessage-deflate; server_max_window_bits=8"),
            (&plain, "permessage-deflate; server_max_window_bits=09"),
            (&plain, "permessage-deflate; server_max_window_bits"),
            (&plain, "permessage-deflate; server_no_context_takeover=1"),
            (&plain, "permessage-deflate; unknown"),
            (&plain, "permessage-deflate; server_no_context_takeover; server_no_context_takeover"),
            (&any, "permessage-deflate; client_max_window_bits"),
            (&any, "permessage-deflate; client_max_window_bits=8"),
            (&strict, "permessage-deflate; server_max_window_bits=10"),
            (&strict, "permessage-deflate; server_no_context_takeover"),
        ] {
            assert_eq!(offer.selected(answer), Err(BadExtension::Params), "{answer}");
        }
        let answer =
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=\"10\"";
        let agreed = strict.selected(answer).expect("as offered").expect("an extension");
        assert_eq!(agreed.server_max_window_bits, 10);
    }

    #[test]
    fn what_is_no_offer_is_said() {
        for (value, wanted) in [
            ("", "not the one extension"),
            ("permessage-bzip2", "not the one extension"),
            ("permessage-deflate, permessage-deflate", "not the one extension"),
            ("permessage-deflate; level=6", "there are server_no_context_takeover"),
            ("permessage-deflate; client_max_window_bits=8", "zlib cannot compress"),
        ] {
            let why = DeflateOffer::parse(value).expect_err("no offer");
            assert!(why.contains(wanted), "{value}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_to_an_offer_is_taken_by_the_client(
            own in 0_usize..8, other in 0_usize..8, bits in 9_u8..=15, other_bits in 9_u8..=15,
        ) {
            let text = |which: usize, bits: u8| {
                let mut text = NAME.to_owned();
                if which & 1 != 0 {
                    text.push_str("; server_no_context_takeover");
                }
                if which & 2 != 0 {
                    text.push_str(&format!("; server_max_window_bits={bits}"));
                }
                if which & 4 != 0 {
                    text.push_str("; client_max_window_bits");
                }
                text
            };
            let client = offer(&text(own, bits));
            let server = offer(&text(other, other_bits));
            let (agreed, answer) = server.select(client.value()).expect("an answer");
            prop_assert_eq!(client.selected(&answer), Ok(Some(agreed)), "{}", answer);
        }

        #[test]
        fn any_field_is_read_or_refused(field in "[a-z_;,= \"0-9-]{0,80}") {
            let plain = offer(NAME);
            let _ = plain.select(&field);
            let _ = plain.selected(&field);
            let _ = DeflateOffer::parse(&field);
        }
    }
}
