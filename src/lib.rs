//! wsbench measures what polling, WebSocket and the other ways of getting live data to a client
//! cost: bytes on the wire by layer, latency from the intended moment, CPU and memory.
//!
//! # A run, step by step
//!
//! 1. [`scenario::parse`] takes a TOML file apart. [`config`] reads it and locates each error.
//! 2. [`plan::resolve`] validates it and decides everything: a [`plan::Plan`] of [`plan::Case`]s, a
//!    series at a client count each. [`plan::Preflight`] compares it with the machine, and
//!    [`predict::Model`] says what each message will cost.
//! 3. [`run::run`] goes through the cases. For each it starts server and driver processes, which get
//!    commands and send what they record ([`run::protocol`]).
//! 4. A driver process ([`run::worker`]) has threads ([`driver`]), each with an engine that runs a
//!    [`client::Session`] for each client on a [`net::socket::Network`]. What a client does is its
//!    [`transport::Transport`]'s half: a state machine ([`client::machine::Machine`]), or a task of a
//!    library's client.
//! 5. A server process ([`server`]) publishes the [`feed`] on the routes that the transport's other
//!    half mounted.
//! 6. Every byte goes through [`net`], which counts it at the socket, and through the parsers of
//!    [`protocol`], which know what it is. The counts of a thread are a [`record::Recorder`]; once a
//!    second it hands over a [`record::Window`].
//! 7. Windows and totals are lines of a file ([`result::file`]); read back they are a
//!    [`result::RunResult`].
//! 8. [`report::summarise`] derives every figure from it: a [`report::Table`], which each
//!    [`report::Format`] shows.
//! 9. [`gate`] holds the table against limits, baselines and other runs, and [`cmd`] makes an exit
//!    code of it.
//!
//! # Where to add something
//!
//! * A way of getting data to clients: a folder and a line in [`transport::TRANSPORTS`].
//! * A figure: [`record`] if it is new, [`report::summary`] if it is derived, and a line in
//!   [`report::metrics`].
//! * A file format: a file and a line in [`report::FORMATS`].
//!
//! `docs/design.md` has the folders, the arrows between them and the decisions;
//! `tests/layering.rs` holds the arrows. Most items here are private: read this with
//! `cargo doc --document-private-items --open`.

#![allow(rustdoc::private_intra_doc_links)]

#[macro_use]
mod named;

mod error;
mod os;
mod secret;
mod time;
mod tls;
mod units;

mod config;
mod feed;
mod protocol;
mod record;

mod net;
mod predict;

mod client;
mod server;
mod transport;

mod plan;
mod scenario;

mod driver;
mod run;

mod gate;
mod report;
mod result;

mod cli;
mod cmd;

pub use cmd::main;

/// The parts that the integration tests and the fuzz targets use, by folder. They may change with
/// every version.
pub mod internals {
    /// What commands do before they print or write anything.
    pub mod cmd {
        /// `wsbench plan`: a scenario made ready to run, and the text that describes it.
        pub mod plan {
            pub use crate::cli::PlanFormat;
            pub use crate::cmd::plan::{Prepared, prepare, render};
        }
        /// `wsbench report`: result files read, and written in every format.
        pub mod report {
            pub use crate::cmd::report::{formats, report, write_all};
        }
    }
    /// Why a command could not do its work.
    pub mod error {
        pub use crate::error::FailureKind;
    }
    /// A TOML file with the place of each value, and the keys that it may have.
    pub mod config {
        pub use crate::config::{Key, SourceText};
    }
    /// What the reference server publishes, and how clients read it: payloads, stamps, and the form of
    /// other servers' messages.
    pub mod feed {
        pub use crate::feed::{
            AnySizeReader, ByteForm, Feed, Ignored, MessageClock, MessageSpec, PayloadKind, Place,
            Reader, Semantics, Spec, Stamp, StrangeTime, TimeGuess, TimeSpec, TimeUnit, Workload,
            sequence_text,
        };
    }
    /// Whether a run may pass: its validity, limits, and pairs of runs compared.
    pub mod gate {
        pub use crate::gate::paired::{
            Looks, NextStep, PairOrder, PairedMetric, Question, Rules, Verdicts, judge, order,
        };
        pub use crate::gate::run_validity::{RunQuality, assess};
        pub use crate::gate::signed_rank::{Walsh, detectable, student_quantile};
        /// The limits of a scenario: read, watched during a run, and evaluated after it.
        pub mod limit {
            pub use crate::gate::limit::{
                ErrorPlace, Limit, LimitError, LimitWatch, Rule, limits_to_json, parse,
                summarise_and_judge,
            };
        }
    }
    /// What the operating system says of this machine: cores, memory, limits.
    pub mod os {
        pub use crate::os::{Conntrack, Machine};
    }
    /// A scenario validated and complete: the cases that will run, and whether the machine allows them.
    pub mod plan {
        pub use crate::plan::{Case, Plan, Preflight, Resolved, SECTIONS, resolve};
    }
    /// What messages will cost and how long they will take, calculated without a run.
    pub mod predict {
        pub use crate::predict::{Component, CostAt, Distribution, Exchange, MessageShare, Model};
    }
    /// Parsers of HTTP/1.1, event streams, WebSocket and messages: bytes in, sizes and facts out.
    pub mod protocol {
        pub use crate::protocol::http1::request::SimpleRequest;
        pub use crate::protocol::http1::response::{
            BodyPiece, Malformed, Parts, Response, UnitPiece,
        };
        pub use crate::protocol::message::{MessageFields, MessageReader, MessageTime};
        pub use crate::protocol::sse::{EventSizes, ID_LIMIT_BYTES, Parser, StreamItem};
        pub use crate::protocol::websocket::codec::{
            FrameError, FrameItem, FrameReader, FrameSizes, MessageKind, Sender,
        };
        pub use crate::protocol::websocket::frame_scanner::{ScannedItem, Scanner};
    }
    /// Readers of text and lines, for the fuzz targets. Each returns whether it understands its input.
    pub mod readers {
        use crate::cmd::compare::target::WrittenTarget;
        use crate::driver::{DriverCommand, DriverStart};
        use crate::net::linux::tcp_info;
        use crate::plan::UrlParts;
        use crate::protocol::client_data::ClientTable;
        use crate::protocol::http1::Target;
        use crate::protocol::http1::cookies::{CookieJar, CookieSource};
        use crate::protocol::http1::head::{RequestHead, ResponseHead};
        use crate::protocol::http1::redirect;
        use crate::protocol::http1::response::{KnownHead, Response};
        use crate::protocol::template::Template;
        use crate::protocol::websocket::codec::{FrameItem, FrameReader};
        use crate::protocol::websocket::deflate_offer::DeflateOffer;
        use crate::record::ClientError;
        use crate::run::protocol::{FromProcess, ServerStart, ToServer};
        use crate::server::fault_injection::InjectedFault;
        use crate::transport::read_upgrade_response;
        use crate::{gate, units};

        /// A duration, a size or a rate.
        pub fn amount(text: &str) -> bool {
            let duration = units::parse_duration_ns(text).is_ok();
            let rate = units::parse_rate_hz(text);
            if let Ok(share) = units::parse_share(text) {
                assert!((0.001..=1.0).contains(&share), "a share of {share}");
            }
            assert!(rate.as_ref().is_ok_and(|hz| hz.is_finite() && *hz >= 0.0) || rate.is_err());
            duration || units::parse_size(text).is_ok() || rate.is_ok()
        }
        /// What was read of frames with compressed messages.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct CompressedFrames {
            /// Whole messages.
            pub messages: u64,
            /// All text that was shown.
            pub text: Vec<u8>,
            /// Whether a rule was broken.
            pub is_broken: bool,
        }
        /// Frames of a server that may compress its messages, in pieces.
        pub fn compressed_frames<'p>(
            keeps_window: bool,
            pieces: impl Iterator<Item = &'p [u8]>,
        ) -> CompressedFrames {
            let offer = if keeps_window {
                "permessage-deflate"
            } else {
                "permessage-deflate; server_no_context_takeover"
            };
            let mut found = CompressedFrames::default();
            let Ok(offer) = DeflateOffer::parse(offer) else { return found };
            let Some((params, _)) = offer.select(offer.value()) else { return found };
            let mut reader = FrameReader::default();
            reader.take_compressed(params.client_coders(&std::rc::Rc::default()).1);
            for piece in pieces {
                let fed = reader.feed(piece, |item| match item {
                    FrameItem::Data(text) => found.text.extend_from_slice(text),
                    FrameItem::MessageEnd(..) => found.messages += 1,
                    FrameItem::Ping(..) | FrameItem::Pong(_) | FrameItem::Close(..) => {}
                });
                if fed.is_err() {
                    found.is_broken = true;
                    break;
                }
            }
            found
        }
        /// An offer of an extension, and what a server selects of it.
        pub fn extensions(offer: &str, answer: &str) -> bool {
            let Ok(offer) = DeflateOffer::parse(offer) else { return false };
            if let Some((params, own)) = offer.select(answer) {
                // What a server answers to an offer that can be read is taken by who made it.
                if let Ok(theirs) = DeflateOffer::parse(answer) {
                    assert_eq!(theirs.selected(&own), Ok(Some(params)));
                }
            }
            offer.selected(answer).is_ok_and(|params| params.is_some())
        }
        /// A fault that a server is given.
        pub fn fault(text: &str) -> bool {
            text.parse::<InjectedFault>().is_ok()
        }
        /// A head of the user's, which is then rendered.
        pub fn head(bytes: &[u8]) -> bool {
            let request = RequestHead::parse_file(bytes);
            if let Ok(head) = &request {
                assert!(head.own_path().is_some());
                let target = Target {
                    authority: "h".to_owned(),
                    credentials: None,
                    path: "/".to_owned(),
                    bundled: false,
                    tls: false,
                };
                assert!(head.render(&target).ends_with(b"\r\n\r\n"));
            }
            let response = ResponseHead::parse_file(bytes);
            if let Ok(head) = &response {
                assert!(head.render_expected(21).ends_with(b"\r\n\r\n"));
            }
            request.is_ok() || response.is_ok()
        }
        /// A cookie that a server sets: what is sent of it is no second line.
        pub fn set_cookie(bytes: &[u8]) -> bool {
            let mut jar = CookieJar::default();
            let tls = bytes.len().is_multiple_of(2);
            jar.keep(bytes, CookieSource { host: "a.h", target: b"/a/b", tls }, 0);
            let value = jar.value(b"a=b", b"/a");
            let one_line =
                |value: &Vec<u8>| !value.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
            assert!(value.as_ref().is_none_or(one_line));
            value.is_some_and(|value| value != b"a=b")
        }
        /// Where a redirect leads: to a target that can be sent, or nowhere.
        pub fn location(bytes: &[u8]) -> bool {
            let server =
                redirect::SameServer { authority: "h", tls: bytes.len().is_multiple_of(2) };
            let target = redirect::target_of(bytes, server, b"/a/b");
            let legal = |target: &String| {
                target.starts_with('/') && target.chars().all(|c| c.is_ascii_graphic() && c != '#')
            };
            assert!(target.as_ref().is_none_or(legal), "{target:?}");
            target.is_some()
        }
        /// A template: what is literal in it stays.
        pub fn template(text: &str) -> bool {
            assert_eq!(Template::literal(text).constant(), Some(text));
            !Template::new(text).is_constant()
        }
        /// Clients' data, as lines and with named columns.
        pub fn client_data(text: &str) -> bool {
            let [lines, named] = [false, true].map(|named| ClientTable::parse(text, named));
            for table in [&lines, &named].into_iter().flatten() {
                let mut out = Vec::new();
                Template::new("{line}{a}").render(&table.values(7, 0), &mut out);
            }
            lines.is_ok() || named.is_ok()
        }
        /// A compressed body in pieces of so many bytes: its text is the same as in one piece.
        pub fn compressed_body(bytes: &[u8], size: usize) {
            use crate::protocol::http1::content_coding::{BodyDecoder, ContentCoding};
            for name in ["gzip", "deflate", "br", "zstd"] {
                let Some(coding) = ContentCoding::named(name.as_bytes()) else { continue };
                let text = |size: usize| {
                    let mut decoder = BodyDecoder::new(coding);
                    let mut text = Vec::new();
                    let decode = |piece: &[u8]| {
                        decoder.decode(piece, &mut |shown| text.extend_from_slice(shown))
                    };
                    let good = bytes.chunks(size).map(decode).all(|decoded| decoded.is_ok());
                    good.then_some(text)
                };
                assert_eq!(text(size), text(bytes.len().max(1)), "{name}");
            }
        }
        /// The body of a stream, whole and in pieces of so many bytes.
        pub fn stream_body(bytes: &[u8], separator: &str, size: usize, cut: u8) {
            crate::transport::read_any_body(bytes, separator, size, cut);
        }
        /// Frames of so many bytes in conversations that have a text in them.
        pub fn conversation(bytes: &[u8], text: &str, size: usize) {
            crate::transport::receive_any_messages(bytes, text, size);
        }
        /// A secret, and a text that has it.
        pub fn secret(value: &str, text: &str, cut: usize) {
            crate::secret::hide_any_secret(value, text, cut);
            crate::run::find_in_any_head("/{a}?b={a}", value, text.as_bytes(), cut % 2 == 1);
            crate::run::find_in_any_head(text, value, text.as_bytes(), cut % 2 == 1);
        }
        /// What Docker and the system say of processes.
        pub fn system_text(bytes: &[u8]) -> bool {
            crate::os::read_any_text(bytes)
        }
        /// The value of a field `Accept-Encoding`.
        pub fn accept_encoding(text: &str) -> bool {
            crate::protocol::http1::content_coding::AcceptEncoding::parse(text).is_ok()
        }
        /// A baseline.
        pub fn baseline(bytes: &[u8]) -> bool {
            gate::baseline::parse(bytes).is_ok()
        }
        /// A page with results or a judgement in it.
        pub fn page(text: &str) -> bool {
            crate::report::attached_results(text).is_ok()
                && crate::report::attached_judgement(text).is_ok()
        }
        /// What the page of a comparison carries.
        pub fn carried_judgement(bytes: &[u8]) -> bool {
            let Ok(judgement) = serde_json::from_slice(bytes) else { return false };
            let again = gate::paired::CarriedPairs::judge_again(&judgement);
            again.is_ok() && !crate::report::of_judgement(&judgement).is_empty()
        }
        /// A file of the runs of months.
        pub fn history(text: &str) -> bool {
            gate::history::parse(text).is_ok()
        }
        /// A URL.
        pub fn url(text: &str) -> bool {
            let parts = UrlParts::parse(text);
            if let Ok(UrlParts { authority, host, port, .. }) = &parts {
                assert!(authority.contains(host.as_str()) && !host.is_empty() && *port > 0);
            }
            parts.is_ok()
        }
        /// What is compared, before anything is looked up.
        pub fn compare_target(text: &str) -> bool {
            let target = WrittenTarget::parse(text);
            if let Ok(WrittenTarget::Command { words, .. }) = &target {
                assert!(words.first().is_some_and(|program| !program.is_empty()));
            }
            target.is_ok()
        }
        /// What the kernel counted of a socket.
        pub fn tcp_info(bytes: &[u8]) -> bool {
            tcp_info::parse(bytes, false).is_ok()
        }
        /// The kernel's answer with what it counted.
        #[cfg(all(target_os = "linux", not(feature = "portable")))]
        pub fn sock_diag(bytes: &[u8]) -> bool {
            crate::net::linux::sock_diag::parse(bytes, true).is_ok()
        }
        /// What a server of HTTP/2 sends after two requests of a client: each byte is in an event or awaits more.
        pub fn http2(bytes: &[u8]) -> bool {
            crate::protocol::http2::read_all(bytes)
        }
        /// A response whose head a client has read before: it reads as at the first time.
        pub fn known_head(bytes: &[u8]) -> bool {
            let mut known = KnownHead::default();
            let mut plain = Response::default();
            let fed = plain.feed(bytes);
            for _ in 0..2 {
                let mut response = Response::default();
                let head = known.read(&mut response, bytes);
                let again = head
                    .and_then(|head| Ok(head + response.feed(bytes.get(head..).unwrap_or(&[]))?));
                assert_eq!(again, fed);
                let of = |read: &Response| (read.status, read.keep_alive, read.facts, read.parts);
                assert!(fed.is_err() || of(&response) == of(&plain));
            }
            fed.is_ok()
        }
        /// The pieces of the response to a WebSocket upgrade: how many bytes it has if it is whole.
        ///
        /// # Errors
        /// If it refuses.
        pub fn upgrade_response(pieces: &[&[u8]]) -> Result<Option<usize>, ClientError> {
            read_upgrade_response(pieces.iter().copied())
        }
        /// A line between the processes of a run.
        pub fn process_line(bytes: &[u8]) -> bool {
            serde_json::from_slice::<ServerStart>(bytes).is_ok()
                || serde_json::from_slice::<ToServer>(bytes).is_ok()
                || serde_json::from_slice::<DriverStart>(bytes).is_ok()
                || serde_json::from_slice::<DriverCommand>(bytes).is_ok()
                || serde_json::from_slice::<FromProcess>(bytes).is_ok()
        }
    }
    /// What one thread counts: bytes by part, events, latencies and the trace of single clients.
    pub mod record {
        pub use crate::record::{
            ClientError, ClientErrorKind, Counts, Flow, Ledger, Metric, Part, Phase, Phases,
            Recorder, TRACED_CLIENTS, TRACED_EVENTS, TcpTotals, TraceEvent, TraceKind,
            TransportKind, Window,
        };
    }
    /// A result as figures: the table, its checks, the findings of a gate, and the formats of files.
    pub mod report {
        pub use crate::report::chapter::as_printed;
        pub use crate::report::check::{Check, CheckOutcome, CheckResult};
        pub use crate::report::finding::{
            Beside, ChangeScale, ChangedFigure, Decision, Effect, Finding, Judgement, Kind, Side,
            Subject,
        };
        pub use crate::report::format::text::terminal;
        pub use crate::report::layer::{Layer, Quantity, Statistic, Way};
        pub use crate::report::table::{Row, Status};
        pub use crate::report::{Conclusion, FORMATS, Figure, Table, find_format, summarise};
        /// What a gate decided, in each format that it writes.
        pub mod judgement {
            pub use crate::report::judgement::{
                JudgementView, annotations, bencher, github_action_benchmark, json, junit,
                markdown, text,
            };
        }
        /// The columns of `summary.csv`: the registry of metrics, and its documentation.
        pub mod metrics {
            pub use crate::report::metrics::{
                CellValue, Column, columns, former_names_markdown, markdown,
            };
        }
        /// JSON Schema of every document that the program writes.
        pub mod schema {
            pub use crate::report::schema::{DOCUMENTS, all, of};
        }
    }
    /// What happened in a run, as its processes reported it.
    pub mod result {
        pub use crate::result::{
            CaseEnd, CaseInfo, CaseResult, Cost, Curve, DriverEnd, End, Header, Instructions,
            KernelAudit, KernelCounts, LostProcess, MemoryReading, ProcessActivity, ProcessRole,
            ReceiveTimestamps, RunResult, SCHEMA, ScenarioSource, Seconds, ServerEnd, SocketChange,
            StopReason, Uncounted,
        };
        /// `result.jsonl`: written line by line, and read back.
        pub mod file {
            pub use crate::result::file::{Line, WindowLine, Writer, read, read_lines};
        }
    }
    /// The first line of a result file, without a run.
    pub mod run {
        pub use crate::run::header;
    }
    /// A scenario's text taken apart.
    pub mod scenario {
        pub use crate::scenario::parse;
    }
    /// The reference server, in the test's own process.
    pub mod server {
        pub use crate::server::{Config, Limits, Running, start};
    }
    /// The clock that everything is measured by.
    pub mod time {
        pub use crate::time::now_ns;
    }
    /// The registry of transports, and where a server mounts their routes.
    pub mod transport {
        pub use crate::transport::{AnySeries, Mount, TRANSPORTS};
    }
    /// Bytes by layer, and units of time.
    pub mod units {
        pub use crate::units::{Bytes, Ip, SECOND_NS, Wire};
    }
}
