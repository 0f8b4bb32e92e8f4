//! Reads whose server is measured: `[server]`, and the `url` of a series.
//!
//! Separate from `resolve`, which reads everything else. Names are looked up here, and what the
//! scenario names of this machine must be there.

use crate::config::{Diagnostic, Fields, Key, LocatedValue, Origin, nearest};
use crate::os::UsageOf;
use crate::plan::address::{ANY_PORT, Address, PORT, UrlParts, bad_path, split_path};
use crate::plan::{Plan, Server, ServerProcesses, StartCommand, keys, tls};
use crate::protocol::template::Template;
use crate::scenario::ScenarioFile;
use crate::tls::{TlsSettings, client_config};
use crate::transport::{self, Transport};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// The paths that the user gave, by label or transport, with the location of those.
pub(super) type GivenPaths = BTreeMap<String, LocatedValue<String>>;

/// Reads the server, and returns the paths that the user gave.
pub(super) fn read(
    file: &ScenarioFile,
    plan: &mut Plan,
    diagnostics: &mut Vec<Diagnostic>,
    warnings: &mut Vec<String>,
) -> GivenPaths {
    let Some(mut fields) = file.table("server") else { return BTreeMap::new() };
    fields.declare(keys::SERVER);
    if fields.is_given(&keys::TLS) && !fields.is_given(&keys::URL) {
        let at = own_urls(file).map_or(tls::TlsOf::Bundled, tls::TlsOf::OfSeries);
        plan.tls = tls::read(&mut fields, at, diagnostics);
        for key in [&keys::PATHS, &keys::COMMAND, &keys::PID, &keys::CGROUP, &keys::DOCKER] {
            if fields.is_given(key) {
                let name = key.name;
                fields.report(key, format!("{name} needs url: it is for a server of your own"));
            }
        }
    } else {
        if own_urls(file) == Some(false) && fields.is_given(&keys::TLS) {
            tls::read(&mut fields, tls::TlsOf::OfSeries(false), diagnostics);
        }
        read_external(&mut fields, &file.base_dir, plan, diagnostics);
    }
    let paths = read_paths(&mut fields);
    warnings.extend(warn_of_braces(file, &mut fields));
    diagnostics.extend(fields.finish());
    paths
}

/// Whether no series is of the bundled server.
pub(super) fn is_all_own(file: &ScenarioFile) -> bool {
    let of_server = file.table("server").is_some_and(|fields| fields.is_given(&keys::URL));
    of_server || own_urls(file).is_some()
}

/// Returns whether a series has a URL with TLS, if each that opens connections has a URL of its own.
fn own_urls(file: &ScenarioFile) -> Option<bool> {
    let mut uses = None;
    for mut series in file.series() {
        let name = series.optional_text(&keys::TRANSPORT).unwrap_or_default();
        if transport::find(&name).is_some_and(|found| !found.has_network()) {
            continue;
        }
        if !series.is_given(&keys::SERIES_URL) {
            return None;
        }
        // One that cannot be read is refused by itself.
        let url = series.optional_text(&keys::SERIES_URL).unwrap_or_default();
        let is_tls = UrlParts::parse(split_path(&url).0).map_or(true, |parts| parts.tls);
        uses = Some(is_tls || uses == Some(true));
    }
    uses
}

/// Reads the URL of a server, how clients use TLS with it, how it is started and what it uses.
fn read_external(
    fields: &mut Fields<'_>,
    folder: &Path,
    plan: &mut Plan,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let url = fields.text(&keys::URL);
    let start = read_start(fields, &url, folder);
    let processes = read_processes(fields, start.is_some());
    // If the URL is wrong, the rest of the scenario is still read as one for a server of its own.
    plan.server = unknown(&url);
    if !fields.is_valid(&keys::URL) {
        return;
    }
    let any = match &start {
        Some(_) => url.replace(PORT, ANY_PORT),
        None => url.clone(),
    };
    let parts = match UrlParts::parse(&any) {
        Err(message) => return fields.report(&keys::URL, braces_in(&any).unwrap_or(message)),
        Ok(parts) => parts,
    };
    plan.tls = tls::read(fields, tls::TlsOf::Url(&parts.host, parts.tls), diagnostics);
    match Address::resolve(&any) {
        Err(message) => fields.report(&keys::URL, message),
        Ok(at) => plan.server = external(url, at, start, processes),
    }
}

fn read_paths(fields: &mut Fields<'_>) -> GivenPaths {
    let mut paths = BTreeMap::new();
    for [name, path] in fields.texts(&keys::PATHS, "{ polling = \"/poll\" }") {
        if let Some(message) = bad_path(&path.value) {
            fields.report_at(&keys::PATHS, path.location, message);
        }
        paths.insert(name.value, LocatedValue { value: path.value, location: name.location });
    }
    paths
}

/// Warns of what looks like a placeholder and is none: the server gets the braces, too. In text such as
/// `${HOME}` of a shell they may be meant.
fn warn_of_braces(file: &ScenarioFile, fields: &mut Fields<'_>) -> Vec<String> {
    let words = fields.list_of_texts(&keys::COMMAND);
    let mut texts: Vec<(&Key, LocatedValue<String>)> =
        words.into_iter().map(|word| (&keys::COMMAND, word)).collect();
    let location = fields.location(&keys::READY_PATH);
    let ready = fields.optional_text(&keys::READY_PATH);
    texts.extend(ready.map(|value| (&keys::READY_PATH, LocatedValue { value, location })));
    let mut warnings = Vec::new();
    for (key, text) in texts {
        let plain = text.value.replace("${", "");
        let known = if key.name == keys::COMMAND.name { PORT } else { "" };
        for name in Template::new(&plain).columns() {
            let unknown = format!("{{{name}}}");
            if unknown == known {
                continue;
            }
            let hint = match known {
                "" => "it has no placeholders".to_owned(),
                port => match nearest(&unknown, &[port]) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("known is {port} alone"),
                },
            };
            warnings.push(format!(
                "{}: {}: {unknown} is no placeholder and stays as it is; {hint}",
                file.source.place(&text.location),
                key.name
            ));
        }
    }
    warnings
}

/// Says what is wrong with a URL that cannot be read if it has what looks like a placeholder.
fn braces_in(url: &str) -> Option<String> {
    let template = Template::new(url);
    let name = template.columns().next().map(|name| format!("{{{name}}}"))?;
    Some(match name.as_str() {
        PORT => format!("url: {PORT} is for a server that [server] `command` starts"),
        _ => format!("url: {name} is not known; the placeholder for a port is {PORT}"),
    })
}

/// Reads how the server is started; `None` if it runs already.
fn read_start(fields: &mut Fields<'_>, url: &str, folder: &Path) -> Option<StartCommand> {
    let words = fields.list_of_texts(&keys::COMMAND);
    let ready_ns = fields.duration_ns(&keys::READY_TIMEOUT);
    let ready_path = fields.optional_text(&keys::READY_PATH);
    if let Some(message) = ready_path.as_deref().and_then(bad_path) {
        fields.report(&keys::READY_PATH, message);
    }
    if words.is_empty() {
        for key in [&keys::READY_PATH, &keys::READY_TIMEOUT] {
            // With `--set` in place of a command, what belongs to it may stay.
            if fields.is_given(key) && !fields.is_given(&keys::COMMAND) {
                fields.report(key, format!("{} is for a server that `command` starts", key.name));
            }
        }
        return None;
    }
    let holds_port = |word: &LocatedValue<String>| word.value.contains(PORT);
    match (words.iter().any(holds_port), url.contains(PORT)) {
        (true, false) => fields.report(
            &keys::COMMAND,
            format!("{PORT} is in the command and not in the url: clients would ask elsewhere"),
        ),
        (false, true) => fields.report(
            &keys::URL,
            format!(
                "{PORT} is in the url and not in the command: the server would listen elsewhere"
            ),
        ),
        _ => {}
    }
    // Like the name of a file: in the scenario it is relative to the scenario's folder.
    let in_file = !matches!(fields.location(&keys::COMMAND).origin, Origin::Override(_));
    let folder = Some(folder).filter(|folder| in_file && !folder.as_os_str().is_empty());
    Some(StartCommand {
        words: words.into_iter().map(|word| word.value).collect(),
        ready_ns,
        ready_path,
        folder: folder.map(Path::to_owned),
        keep_output: true,
    })
}

/// Reads what of this machine the server is. What must be there already is looked for.
fn read_processes(fields: &mut Fields<'_>, started: bool) -> Option<ServerProcesses> {
    let pid = fields.is_given(&keys::PID).then(|| fields.integer(&keys::PID, 1..=4_194_304));
    // Within the kernel's most, 2^22.
    let pid = pid.filter(|_| fields.is_valid(&keys::PID)).map(|pid| pid as u32);
    let cgroup = fields.optional_text(&keys::CGROUP);
    let docker = fields.optional_text(&keys::DOCKER);
    let all = [
        (&keys::PID, pid.map(ServerProcesses::Pid)),
        (&keys::CGROUP, cgroup.map(ServerProcesses::Cgroup)),
        (&keys::DOCKER, docker.map(ServerProcesses::Docker)),
    ];
    let mut given = all.into_iter().filter_map(|(key, of)| Some((key, of?)));
    let (key, processes) = given.next()?;
    if let Some((other, _)) = given.next() {
        let message =
            format!("{} and {} say what the server is: leave one out", key.name, other.name);
        fields.report(other, message);
        return None;
    }
    if started {
        if let ServerProcesses::Pid(_) = processes {
            let message = "pid is of a server that runs already, and `command` starts one, whose CPU \
                           and memory are read anyway: leave one out";
            fields.report(key, message);
        }
        // The others may be there only once it has started.
        return Some(processes);
    }
    if let Err(error) = usage_of(&processes) {
        fields.report(key, format!("{}: {error}", key.name));
    }
    Some(processes)
}

/// Finds what of this machine a server is.
///
/// # Errors
/// If it is not there.
pub(crate) fn usage_of(processes: &ServerProcesses) -> std::io::Result<UsageOf> {
    match processes {
        ServerProcesses::Pid(pid) => UsageOf::tree(*pid),
        ServerProcesses::Cgroup(path) => UsageOf::control_group(path),
        ServerProcesses::Docker(name) => UsageOf::container(name),
    }
}

fn external(
    url: String,
    at: Address,
    start: Option<StartCommand>,
    processes: Option<ServerProcesses>,
) -> Server {
    let Address { authority, credentials, socket: address, others } = at;
    let start = start.map(Box::new);
    Server::External { url, authority, credentials, address, others, start, processes }
}

/// Stands for a server whose URL is wrong: nothing is run against it.
fn unknown(url: &str) -> Server {
    let at = Address {
        authority: "localhost".to_owned(),
        credentials: None,
        socket: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
        others: Vec::new(),
    };
    external(url.to_owned(), at, None, None)
}

/// A server of a series, and how clients use TLS with it.
type OwnServer = (Server, Option<TlsSettings>);

/// Reads the URL of a series: its server and its path. `usual` is how clients use TLS with the
/// other servers.
pub(super) fn read_series_url(
    fields: &mut Fields<'_>,
    transport: &Transport,
    usual: Option<&TlsSettings>,
) -> Option<(OwnServer, String)> {
    let key = &keys::SERIES_URL;
    let url = fields.optional_text(key)?;
    if !transport.has_network() {
        fields.report(key, format!("{} opens no connection: leave `url` out", transport.name));
        return None;
    }
    let (server, path) = split_path(&url);
    if let Some(message) = bad_path(&path) {
        fields.report(key, message);
    }
    // That of a dialect is the usual one alone.
    if path != "/" && fields.is_given(&keys::PATH) && !fields.is_given(&keys::DIALECT) {
        fields.report(&keys::PATH, "`url` of the series has a path already: leave `path` out");
    }
    let tls = UrlParts::parse(server)
        .ok()
        .filter(|parts| parts.tls)
        .map(|parts| TlsSettings { name: parts.host, ..usual.cloned().unwrap_or_default() });
    if let Some(Err(why)) = tls.as_ref().map(|tls| client_config(tls, None)) {
        fields.report(key, why);
    }
    match Address::resolve(server) {
        Ok(at) => Some(((external(url, at, None, None), tls), path)),
        Err(message) => {
            fields.report(key, braces_in(server).unwrap_or(message));
            Some(((unknown(server), tls), path))
        }
    }
}
