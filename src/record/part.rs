//! The parts that the bytes of a TCP stream consist of, in one table.
//!
//! Everything that lists parts walks [`Part::ALL`]: result files, columns, predictions, checks,
//! pictures, baselines and the schema. A new part is one line here, and the code that measures it.

use crate::units::listed;

/// Where in the traffic the bytes of a part are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartPlace {
    /// They are the messages.
    Content,
    /// They are overhead that belongs to a message.
    Overhead,
    /// They are overhead that belongs to no message.
    Besides,
}

/// Whether arithmetic knows how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Predictability {
    Predicted,
    Unpredicted,
}

struct PartInfo {
    name: &'static str,
    layer: &'static str,
    place: PartPlace,
    predictability: Predictability,
    meaning: &'static str,
}

macro_rules! parts {
    ($($(#[$attr:meta])* $part:ident, $name:literal, $place:ident, $predictability:ident, $meaning:literal;)+) => {
        /// A part of the bytes at the socket.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Part {
            $($(#[$attr])* #[doc = concat!("Bytes of ", $meaning, ".")] $part,)+
        }

        const PARTS: &[PartInfo] = &[$($(#[$attr])* PartInfo {
            name: $name,
            layer: concat!($name, "_bytes"),
            place: PartPlace::$place,
            predictability: Predictability::$predictability,
            meaning: $meaning,
        },)+];

        impl Part {
            /// Every part, in the order in which files and tables have them.
            pub const ALL: &'static [Part] = &[$($(#[$attr])* Part::$part,)+];
        }
    };
}

parts! {
    Payload, "payload", Content, Predicted, "messages";
    Heads, "heads", Overhead, Predicted, "HTTP heads, line ends included";
    // RFC 6455 §5.2 and RFC 9112 §7.1.
    Framing, "framing", Overhead, Predicted, "frame headers (without mask) and chunk sizes";
    // What a protocol above the transport puts around an update: a dialect of WebSocket.
    Envelope, "envelope", Overhead, Predicted, "envelopes of a dialect around updates";
    // RFC 6455 §5.3.
    Masks, "masks", Overhead, Predicted, "masking keys";
    // RFC 8446 §5.2: headers, types and tags of records; handshakes, tickets and alerts.
    Tls, "tls", Overhead, Predicted, "TLS: handshakes, and what a record has around its data";
    // Whole frames: ping, pong, close (RFC 6455 §5.5); messages that set a connection up, and pings
    // that are messages.
    Control, "control", Besides, Predicted, "control frames";
    // What was cut off or malformed, and the body of an error.
    Discarded, "discarded", Besides, Unpredicted, "exchanges that failed";
    #[cfg(feature = "dummy-part")] Dummy, "dummy", Overhead, Predicted, "nothing: a test adds them";
}

impl Part {
    /// How many parts there are.
    pub const COUNT: usize = Part::ALL.len();

    const fn info(self) -> &'static PartInfo {
        &PARTS[self as usize]
    }
    /// The name of the field in result files: `heads`.
    pub const fn name(self) -> &'static str {
        self.info().name
    }
    /// The name in columns, with its unit: `heads_bytes`.
    pub const fn layer_name(self) -> &'static str {
        self.info().layer
    }
    /// What the bytes are, to follow "bytes of".
    pub const fn meaning(self) -> &'static str {
        self.info().meaning
    }
    /// True for all but the payload.
    pub fn is_overhead(self) -> bool {
        self.info().place != PartPlace::Content
    }
    /// True for overhead that is no HTTP head.
    pub fn is_frame(self) -> bool {
        self.is_overhead() && self != Part::Heads
    }
    /// True if the bytes belong to a message. Control frames and failed exchanges do not.
    pub fn is_of_message(self) -> bool {
        self.info().place != PartPlace::Besides
    }
    /// True if arithmetic knows how many there are.
    pub fn is_predicted(self) -> bool {
        self.info().predictability == Predictability::Predicted
    }
    /// Lists what some parts are: "masking keys and control frames".
    pub fn list(which: impl Fn(Part) -> bool) -> String {
        let all: Vec<&str> =
            Part::ALL.iter().filter(|&&part| which(part)).map(|part| part.meaning()).collect();
        listed(&all)
    }
    /// The part with this name in result files.
    pub fn named(name: &str) -> Option<Part> {
        Part::ALL.iter().copied().find(|part| part.name() == name)
    }
}
