//! The scenario that the arguments of `wsbench try` stand for, as TOML that a person can read.
//!
//! Separate from `scenario`, which reads it like any other. Only what has no place in a scenario is
//! refused here: a scheme that names no transport, and a header without a name.

use crate::cli::TryArgs;
use crate::config::{Argument, SourceText};
use crate::error::{Failure, Outcome};
use crate::plan::{UrlParts, split_path};
use crate::record::TransportKind;
use crate::secret;
use std::collections::BTreeSet;
use std::path::Path;

/// The scenario's name, which names the report's folder.
pub(super) const NAME: &str = "try";
/// Schemes, and what their clients do.
const SCHEMES: [(&str, TransportKind); 12] = [
    ("ws", TransportKind::WebSocket),
    ("wss", TransportKind::WebSocket),
    ("http", TransportKind::Polling),
    ("https", TransportKind::Polling),
    ("poll+http", TransportKind::Polling),
    ("poll+https", TransportKind::Polling),
    ("long-poll+http", TransportKind::LongPolling),
    ("long-poll+https", TransportKind::LongPolling),
    ("stream+http", TransportKind::Streaming),
    ("stream+https", TransportKind::Streaming),
    ("sse+http", TransportKind::ServerSentEvents),
    ("sse+https", TransportKind::ServerSentEvents),
];
/// The units that `--time` may end with, and their names in a scenario.
const UNITS: [(&str, &str); 5] =
    [("s", "s"), ("ms", "ms"), ("us", "us"), ("µs", "us"), ("ns", "ns")];
/// Transports whose requests can name the last answer.
const CONDITIONAL: [TransportKind; 2] = [TransportKind::Polling, TransportKind::LongPolling];
/// The longest label of a series.
const MOST_LABEL: usize = 64;

/// The text of a scenario, and which part of it was made from which argument.
pub(super) struct WrittenScenario {
    /// The TOML.
    pub text: String,
    /// The arguments.
    pub arguments: Vec<Argument>,
    /// What is a secret and in the text.
    pub secrets: Vec<String>,
}

/// A URL with what its scheme says.
struct TryUrl<'a> {
    given: &'a str,
    transport: TransportKind,
    /// As in a scenario: without the name of the transport.
    url: &'a str,
}

/// A header's name and value.
struct HeaderArgument<'a> {
    name: &'a str,
    value: &'a str,
}

/// What is said of the servers' certificates.
struct TlsArgument {
    /// The argument.
    shown: String,
    /// The setting that it stands for.
    setting: String,
}

impl WrittenScenario {
    /// Writes the scenario of a command line.
    ///
    /// # Errors
    /// If an argument has no place in a scenario.
    pub(super) fn of(args: &TryArgs) -> Outcome<WrittenScenario> {
        let usage = |why: String| Failure::usage(why);
        args.urls.iter().for_each(|url| secret::note_text(url));
        let urls = args.urls.iter().map(|url| TryUrl::parse(url).map_err(usage));
        let urls = urls.collect::<Outcome<Vec<TryUrl>>>()?;
        let headers = read_headers(&args.headers).map_err(usage)?;
        check_transports(args, &urls).map_err(usage)?;
        let tls = TlsArgument::of(args, &urls).map_err(usage)?;
        let mut written =
            WrittenScenario { text: String::new(), arguments: Vec::new(), secrets: Vec::new() };
        written.add("# Written by `wsbench try`. docs/scenario.md has every setting.\n");
        written.add(&format!("name = {}\n", quoted(NAME)));
        let counts: Vec<String> = args.clients.iter().map(ToString::to_string).collect();
        let clients = format!("clients = [{}]\n", counts.join(", "));
        written.add_of(format!("--clients {}", counts.join(",")), &clients);
        let duration = format!("duration = {}\n", quoted(&args.duration));
        written.add_of(format!("--duration {}", args.duration), &duration);
        if let Some(lateness) = &args.driver_lateness {
            let setting = format!("driver_lateness = {}\n", quoted(lateness));
            written.add_of(format!("--driver-lateness {lateness}"), &setting);
        }
        if let Some(rate) = &args.rate {
            let feed = format!("\n[feed]\nrate = {}\n", quoted(rate));
            written.add_of(format!("--rate {rate}"), &feed);
        }
        if args.time.is_some() || args.sequence.is_some() {
            written.add("\n[message]\n");
        }
        if let Some(time) = &args.time {
            let setting = time_setting(time).map_err(usage)?;
            written.add_of(format!("--time {time}"), &setting);
        }
        if let Some(sequence) = &args.sequence {
            let setting = format!("sequence = {}\n", quoted(sequence));
            written.add_of(format!("--sequence {sequence}"), &setting);
        }
        if let Some(tls) = tls {
            written.add_of(tls.shown, &format!("\n[server]\ntls = {{ {} }}\n", tls.setting));
        }
        for (url, label) in urls.iter().zip(labels(&urls)) {
            written.add_series(url, label.as_deref(), &headers, args);
        }
        let is_secret = |header: &&HeaderArgument| {
            secret::is_secret_field(header.name.as_bytes()) && !header.value.contains("${env:")
        };
        let secrets = headers.iter().filter(is_secret);
        written.secrets = secrets.map(|header| format!("the value of {}", header.name)).collect();
        let users = urls.iter().filter(|url| url.has_user());
        written.secrets.extend(users.take(1).map(|_| "user and password of a URL".to_owned()));
        Ok(written)
    }

    /// The text as a configuration's.
    pub(super) fn source(&self) -> SourceText {
        let name = format!("wsbench {NAME}");
        SourceText { name, text: self.text.clone(), overrides: Vec::new() }
    }

    fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a text that was made from an argument.
    fn add_of(&mut self, shown: String, text: &str) {
        let start = self.text.len();
        self.add(text);
        self.arguments.push(Argument { shown, span: start..self.text.len() });
    }

    fn add_series(
        &mut self,
        url: &TryUrl,
        label: Option<&str>,
        headers: &[HeaderArgument],
        args: &TryArgs,
    ) {
        let start = self.text.len();
        self.add(&format!("\n[[series]]\ntransport = {}\n", quoted(url.transport.name())));
        if let Some(label) = label {
            self.add(&format!("label = {}\n", quoted(label)));
        }
        self.add(&format!("url = {}\n", quoted(url.url)));
        if args.http2 {
            self.add_of("--http2".to_owned(), "http_version = \"2\"\n");
        }
        if !headers.is_empty() {
            self.add("headers = { ");
            for (n, header) in headers.iter().enumerate() {
                self.add(if n > 0 { ", " } else { "" });
                let entry = format!("{} = {}", key(header.name), quoted(header.value));
                self.add_of(format!("--header '{}: {}'", header.name, header.value), &entry);
            }
            self.add(" }\n");
        }
        if args.conditional && CONDITIONAL.contains(&url.transport) {
            self.add_of("--conditional".to_owned(), "conditional = true\n");
        }
        if let Some(separator) =
            args.separator.as_ref().filter(|_| url.transport == TransportKind::WebSocket)
        {
            let setting = format!("separator = {}\n", with_escapes(separator));
            self.add_of(format!("--separator {separator}"), &setting);
        }
        if let Some(what) =
            args.delimiter.as_ref().filter(|_| url.transport == TransportKind::Streaming)
        {
            let value = if what.starts_with('{') { what.clone() } else { quoted(what) };
            self.add_of(format!("--delimiter {what}"), &format!("delimiter = {value}\n"));
        }
        if !args.first.is_empty() && url.transport == TransportKind::WebSocket {
            self.add("first = [");
            for (n, message) in args.first.iter().enumerate() {
                self.add(if n > 0 { ", " } else { "" });
                self.add_of(format!("--first, message {}", n + 1), &quoted(message));
            }
            self.add("]\n");
        }
        let span = start..self.text.len();
        self.arguments.push(Argument { shown: url.given.to_owned(), span });
    }
}

impl<'a> TryUrl<'a> {
    /// Reads a URL's scheme.
    ///
    /// # Errors
    /// If it names no transport.
    fn parse(given: &'a str) -> Result<TryUrl<'a>, String> {
        let Some((scheme, _)) = given.split_once("://") else {
            let url = format!("http://{given}");
            let (server, _) = split_path(&url);
            return Err(match UrlParts::parse(server) {
                Ok(_) => format!(
                    "URL {given:?} has no scheme: write \"http://{given}\" to poll it, or \
                     \"ws://{given}\" for WebSocket"
                ),
                Err(_) => format!("{given:?} is no URL such as \"ws://127.0.0.1:8080/live\""),
            });
        };
        let lower = scheme.to_ascii_lowercase();
        let Some((_, transport)) = SCHEMES.iter().find(|(name, _)| *name == lower) else {
            let known: Vec<&str> = SCHEMES.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "URL {given:?}: unknown scheme {scheme:?}; use one of {}",
                known.join(", ")
            ));
        };
        let way = scheme.find('+').map_or(0, |at| at + 1);
        Ok(TryUrl { given, transport: *transport, url: &given[way..] })
    }

    /// Whether its scheme is one with TLS.
    fn is_tls(&self) -> bool {
        self.url.split_once("://").is_some_and(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss")
        })
    }

    /// Whether it has a user name that is not the value of a variable.
    fn has_user(&self) -> bool {
        let (server, _) = split_path(self.url);
        server.rsplit_once('@').is_some_and(|(user, _)| !user.contains("${env:"))
    }

    /// What may tell it from other URLs of its transport: port, host, path.
    fn marks(&self) -> [String; 3] {
        let (server, path) = split_path(self.url);
        let parts = UrlParts::parse(server).ok();
        let (host, port) = parts.map_or_else(
            || (server.to_owned(), String::new()),
            |parts| (parts.host, parts.port.to_string()),
        );
        [port, host, path]
    }
}

impl TlsArgument {
    /// Reads `--ca` and `--insecure`; `None` if neither is given.
    ///
    /// # Errors
    /// If no URL has TLS, or the name of the file cannot be in a scenario.
    fn of(args: &TryArgs, urls: &[TryUrl]) -> Result<Option<TlsArgument>, String> {
        let (name, setting) = match &args.ca {
            None if !args.insecure => return Ok(None),
            None => ("--insecure", "insecure = true".to_owned()),
            Some(file) => ("--ca", format!("ca = {}", quoted(&absolute(file)?))),
        };
        if !urls.iter().any(TryUrl::is_tls) {
            return Err(format!(
                "{name}: no URL is one of TLS (https://, wss://), and others have no certificate"
            ));
        }
        let shown = match &args.ca {
            Some(file) => format!("{name} {}", file.display()),
            None => name.to_owned(),
        };
        Ok(Some(TlsArgument { shown, setting }))
    }
}

/// Checks that what is said of one transport has a URL of it.
///
/// # Errors
/// If none has it.
fn check_transports(args: &TryArgs, urls: &[TryUrl]) -> Result<(), String> {
    let of_websocket = "is a WebSocket's (ws://, wss://), and only WebSocket clients";
    let cases = [
        (
            args.conditional,
            &CONDITIONAL[..],
            "--conditional: no URL is polled (http://, https://, long-poll+http://), and streams have one answer"
                .to_owned(),
        ),
        (!args.first.is_empty(), &[TransportKind::WebSocket], format!("--first: no URL {of_websocket} send messages")),
        (
            args.separator.is_some(),
            &[TransportKind::WebSocket],
            format!("--separator: no URL {of_websocket} receive frames"),
        ),
        (
            args.delimiter.is_some(),
            &[TransportKind::Streaming],
            "--delimiter: no URL is a stream's (stream+http://, stream+https://), and elsewhere the protocol \
             delimits messages"
                .to_owned(),
        ),
    ];
    let misplaced = cases
        .into_iter()
        .find(|(given, of, _)| *given && urls.iter().all(|url| !of.contains(&url.transport)));
    misplaced.map_or(Ok(()), |(_, _, why)| Err(why))
}

/// Returns the whole path of a file: the scenario may be saved in another folder than this.
///
/// # Errors
/// If a scenario cannot hold it.
fn absolute(file: &Path) -> Result<String, String> {
    let path = std::path::absolute(file);
    let path = path.map_err(|why| format!("--ca {}: {why}", file.display()))?;
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| format!("--ca {}: the name of the file is not UTF-8", file.display()))
}

/// Labels for URLs whose transport another one has too: by what tells them apart, or a number.
fn labels(urls: &[TryUrl]) -> Vec<Option<String>> {
    let mut all: Vec<Option<String>> = vec![None; urls.len()];
    let transports: BTreeSet<TransportKind> = urls.iter().map(|url| url.transport).collect();
    for transport in transports {
        let alike: Vec<usize> =
            (0..urls.len()).filter(|&n| urls[n].transport == transport).collect();
        if alike.len() < 2 {
            continue;
        }
        let name = transport.name();
        let by = |mark: usize| {
            let names = alike.iter().map(|&n| label(name, &urls[n].marks()[mark]));
            let names: Vec<String> = names.collect();
            let distinct: BTreeSet<&String> = names.iter().collect();
            (distinct.len() == names.len()).then_some(names)
        };
        let numbered = || (1..=alike.len()).map(|n| format!("{name}-{n}")).collect();
        let names: Vec<String> = (0..3).find_map(by).unwrap_or_else(numbered);
        for (at, name) in alike.into_iter().zip(names) {
            all[at] = Some(name);
        }
    }
    all
}

/// A transport's name with a mark, in the letters that a label may have.
fn label(transport: &str, mark: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let mark: String = mark.chars().map(legal).collect();
    let mark = mark.trim_matches('-');
    let separator = if mark.is_empty() { "" } else { "-" };
    format!("{transport}{separator}{mark}").chars().take(MOST_LABEL).collect()
}

/// Reads headers.
///
/// # Errors
/// If one has no name, or a name comes twice. Values are not shown: they may be secrets.
fn read_headers(given: &[String]) -> Result<Vec<HeaderArgument<'_>>, String> {
    let mut headers: Vec<HeaderArgument> = Vec::new();
    for (n, text) in given.iter().enumerate() {
        let (name, value) = text.split_once(':').unwrap_or_default();
        let name = name.trim();
        let value = value.trim();
        if name.is_empty() {
            let which = match n {
                0 => "first".to_owned(),
                1 => "second".to_owned(),
                2 => "third".to_owned(),
                n => format!("{}th", n + 1),
            };
            return Err(format!("the {which} --header: write it as 'Name: value'"));
        }
        if headers.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
            return Err(format!(
                "--header: {name} is given twice: write both values in one, with a comma between"
            ));
        }
        secret::note_field(name, value);
        headers.push(HeaderArgument { name, value });
    }
    Ok(headers)
}

/// The settings of a place and its unit, such as `/t:ms`.
fn time_setting(time: &str) -> Result<String, String> {
    let Some((place, given)) = time.rsplit_once(':') else {
        return Ok(format!("time = {}\n", quoted(time)));
    };
    // Without an error the unit would be taken as a part of the place, at which nothing is found.
    let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == given) else {
        return Err(format!(
            "--time {time}: {given:?} is no unit: after the last colon stands s, ms, us or ns"
        ));
    };
    Ok(format!("time = {}\nunit = {}\n", quoted(place), quoted(unit)))
}

/// A text with escapes such as `\n` in TOML's quotes.
fn with_escapes(text: &str) -> String {
    quoted(text).replace(r"\\", r"\")
}

/// A text in TOML's quotes.
fn quoted(text: &str) -> String {
    // A JSON string is a TOML string, but for one character that TOML wants escaped.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A key: bare if TOML allows it.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn written(args: &[&str]) -> Outcome<WrittenScenario> {
        let all = ["wsbench", "try"].into_iter().chain(args.iter().copied());
        let Ok(Cli { command: Command::Try(args) }) = Cli::try_parse_from(all) else {
            panic!("{args:?}");
        };
        WrittenScenario::of(&args)
    }

    #[test]
    fn arguments_become_a_scenario_that_a_person_can_read() {
        let text = written(&[
            "http://127.0.0.1:8080/latest",
            "ws://127.0.0.1:8080/live",
            "--clients=5,50",
            "--rate=2/s",
            "--header=X-Y: a \"b\"",
            "--header=a.b: c",
            "--first={\"subscribe\": 1}",
            "--first=x\u{7f}",
            "--time=/a:b:ms",
            "--driver-lateness=50ms",
        ]);
        let expected = r#"# Written by `wsbench try`. docs/scenario.md has every setting.
name = "try"
clients = [5, 50]
duration = "10s"
driver_lateness = "50ms"

[feed]
rate = "2/s"

[message]
time = "/a:b"
unit = "ms"

[[series]]
transport = "polling"
url = "http://127.0.0.1:8080/latest"
headers = { X-Y = "a \"b\"", "a.b" = "c" }

[[series]]
transport = "websocket"
url = "ws://127.0.0.1:8080/live"
headers = { X-Y = "a \"b\"", "a.b" = "c" }
first = ["{\"subscribe\": 1}", "x\u007f"]
"#;
        assert_eq!(text.map(|written| written.text).unwrap_or_default(), expected);
    }

    #[test]
    fn a_poll_and_a_long_poll_can_be_conditional() {
        let urls = ["http://a", "long-poll+http://b", "ws://c", "sse+http://d"];
        let text = written(&[&urls[..], &["--conditional"]].concat()).map(|written| written.text);
        let text = text.unwrap_or_default();
        let are: Vec<bool> = text
            .split("[[series]]")
            .skip(1)
            .map(|series| series.contains("\nconditional = true\n"))
            .collect();
        assert_eq!(are, [true, true, false, false], "{text}");
        let refused = written(&["ws://a", "--conditional"]).map(|_| ()).unwrap_err().message;
        assert!(refused.contains("--conditional: no URL is polled"), "{refused}");
    }

    #[test]
    fn certificates_are_a_matter_of_every_server_with_tls() {
        let table = |args: &[&str]| {
            let text = written(args).map(|written| written.text).unwrap_or_default();
            let at = text.find("\n[server]").unwrap_or_else(|| panic!("{args:?}: {text}"));
            text[at..].split("\n\n").next().unwrap_or_default().trim().to_owned()
        };
        let urls = ["http://a/x", "WSS://u:p@b:1/y?z", "https://c"];
        assert_eq!(
            table(&[&urls[..], &["--insecure"]].concat()),
            "[server]\ntls = { insecure = true }"
        );
        assert_eq!(
            table(&[&urls[..], &["--ca=/etc/a \"b\".pem"]].concat()),
            "[server]\ntls = { ca = \"/etc/a \\\"b\\\".pem\" }"
        );
        let here = std::path::absolute("ca.pem").unwrap();
        assert!(table(&["sse+https://a", "--ca=ca.pem"]).contains(here.to_str().unwrap()));
        let text = written(&["https://a"]).map(|written| written.text).unwrap_or_default();
        assert!(!text.is_empty() && !text.contains("[server]"), "{text}");
    }

    #[test]
    fn a_time_has_a_place_and_may_have_a_unit() {
        assert_eq!(time_setting("/t:µs").unwrap(), "time = \"/t\"\nunit = \"us\"\n");
        assert_eq!(time_setting("/t").unwrap(), "time = \"/t\"\n");
        assert_eq!(time_setting("/a:b:ms").unwrap(), "time = \"/a:b\"\nunit = \"ms\"\n");
        assert!(time_setting("/t:seconds").unwrap_err().contains("\"seconds\" is no unit"));
    }

    #[test]
    fn the_scheme_names_the_transport() {
        for (given, transport, url) in [
            ("sse+https://a/b", "sse", "https://a/b"),
            ("long-poll+http://a", "long-polling", "http://a"),
            ("stream+http://a", "streaming", "http://a"),
            ("POLL+HTTP://a", "polling", "HTTP://a"),
            ("wss://a", "websocket", "wss://a"),
        ] {
            let read = TryUrl::parse(given).map(|read| (read.transport.name(), read.url));
            assert_eq!(read, Ok((transport, url)));
        }
        for (given, why) in [
            ("127.0.0.1:8080/a", "write \"http://127.0.0.1:8080/a\" to poll it"),
            ("sse+ws://a", "unknown scheme \"sse+ws\"; use one of ws, wss, http"),
            ("a b", "is no URL such as"),
        ] {
            let refused = TryUrl::parse(given).err().unwrap_or_default();
            assert!(refused.contains(why), "{given}: {refused}");
        }
    }

    #[test]
    fn series_of_one_transport_are_labelled_by_what_tells_them_apart() {
        let of = |urls: &[&'static str]| {
            let urls: Vec<TryUrl> = urls.iter().filter_map(|url| TryUrl::parse(url).ok()).collect();
            let names = labels(&urls).into_iter().map(Option::unwrap_or_default);
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(&["ws://a", "http://a"]), " ");
        assert_eq!(of(&["ws://a:1/x", "http://a", "ws://a:2/x"]), "websocket-1  websocket-2");
        assert_eq!(of(&["ws://a:1", "ws://b.c:1"]), "websocket-a websocket-b.c");
        assert_eq!(of(&["http://a/x", "http://a/y?z"]), "polling-x polling-y-z");
        assert_eq!(of(&["ws://a/x", "ws://a/x"]), "websocket-1 websocket-2");
        assert_eq!(of(&["ws://a/", "ws://a/y"]), "websocket websocket-y");
    }

    #[test]
    fn what_has_no_place_in_a_scenario_is_refused_without_secrets() {
        for (args, why) in [
            (["ws://a", "--header=secret"], "the first --header: write it as 'Name: value'"),
            (["http://a", "--first=x"], "no URL is a WebSocket's"),
            (["ws://a", "--ca=secret.pem"], "--ca: no URL is one of TLS (https://, wss://)"),
            (["http://a", "--insecure"], "--insecure: no URL is one of TLS"),
        ] {
            let refused = written(&args).map(|_| ()).unwrap_err().message;
            assert!(refused.contains(why) && !refused.contains("secret"), "{refused}");
        }
        let twice = ["ws://a", "--header=Cookie: a=1", "--header=cookie: b=2"];
        let refused = written(&twice).map(|_| ()).unwrap_err().message;
        assert!(refused.contains("cookie is given twice") && !refused.contains("=2"), "{refused}");
        let secret = written(&["ws://a", "--header=Cookie: a=1", "--header=X: ${env:Y}"]);
        let secrets = |written: Outcome<WrittenScenario>| {
            written.map(|written| written.secrets).unwrap_or_default()
        };
        assert_eq!(secrets(secret), ["the value of Cookie"]);
        let user = "user and password of a URL";
        assert_eq!(secrets(written(&["ws://u:p@a/x@y", "http://u@a"])), [user]);
        assert!(secrets(written(&["ws://${env:U}:${env:P}@a", "ws://b/x@y"])).is_empty());
    }

    #[test]
    fn errors_are_at_the_argument() {
        let file = |written: &WrittenScenario| {
            let folder = std::path::PathBuf::new();
            crate::scenario::parse(written.source(), NAME.to_owned(), folder)
        };
        let message = |args: &[&str]| {
            let written = written(args).unwrap();
            let machine = crate::os::Machine::read();
            let wrong = crate::plan::resolve(&file(&written), &machine).unwrap_err();
            wrong.at_arguments(&written.arguments).to_string()
        };
        let said = message(&["ws://127.0.0.1:x/a", "--clients=0", "--duration=1"]);
        for (what, place) in [
            ("\"x\" is not a port", "--> ws://127.0.0.1:x/a"),
            ("clients must be between", "--> --clients 0"),
            ("duration", "--> --duration 1"),
        ] {
            let at = said.find(what).unwrap_or_else(|| panic!("{said}"));
            let lines = said[at..].lines().take(2).collect::<Vec<_>>().join("\n");
            assert!(lines.contains(place), "{said}");
        }
        assert!(said.ends_with("3 errors in wsbench try"), "{said}");
    }
}
