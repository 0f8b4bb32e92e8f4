//! Reads `[message]`: where things are in the server's own messages.
//!
//! Separate from `protocol::message`, which finds them.

use crate::config::{Diagnostic, Fields, Key, Location, TomlEntry, TomlItem, TomlNode, TomlTable};
use crate::feed::{
    ByteForm, Ignored, MessageClock, MessageSpec, Place, TimeSpec, TimeUnit, Workload,
};
use crate::os;
use crate::plan::{Plan, Server, keys};
use crate::protocol::json_pointer::JsonPointer;
use crate::protocol::message::MessageReader;
use crate::scenario::ScenarioFile;
use crate::units::SECOND_NS;

/// How a place is written.
const PLACES: &str = "a JSON pointer such as \"/t\", { offset = 0, length = 13 } or \
                      { regex = \"t=(\\\\d+)\" }";
/// How a message that is no update is written.
const IGNORED: &str = "a text such as \"{}\", { prefix = \"ping\" } or \
                       { pointer = \"/type\", value = \"ping\" }";

/// What `send` of a series needs.
pub(super) const NEEDS_ID: &str =
    "`send` needs [message] id: the place of a message's number in its answer, such as \"/id\"";

type Read<T> = Result<T, Vec<Diagnostic>>;

/// Reads the table; `None` if there is none or it cannot be used.
pub(super) fn read(
    file: &ScenarioFile,
    plan: &Plan,
    diagnostics: &mut Vec<Diagnostic>,
    warnings: &mut Vec<String>,
) -> Option<MessageSpec> {
    let mut fields = file.table("message")?;
    fields.declare(keys::MESSAGE);
    let by_id = plan.series.iter().any(|series| series.settings.matches_answers().is_some());
    refuse_feed(&mut fields, plan, by_id);
    refuse_size(file, diagnostics);
    let mut place = |key: &Key| {
        if fields.is_given(key) {
            fields.read(key, |node| read_place(key, node).map(Some))
        } else {
            None
        }
    };
    let time = place(&keys::TIME);
    let sequence = place(&keys::SEQUENCE);
    let id = place(&keys::ID);
    let channel = place(&keys::CHANNEL);
    if by_id {
        if id.is_none() && fields.is_valid(&keys::ID) {
            fields.report(&keys::ID, NEEDS_ID);
        }
        for key in [&keys::TIME, &keys::SEQUENCE, &keys::CHANNEL] {
            if fields.is_given(key) {
                let why = "is of what a server publishes; in an echo answers have an id alone";
                fields.report(key, format!("{} {why}: leave it out", key.name));
            }
        }
    }
    let foreign = || plan.series.iter().map(|s| plan.server_of(s)).filter(|s| !s.is_bundled());
    let time = read_time(&mut fields, time, foreign().all(is_local));
    let ignore = fields.read(&keys::IGNORE, read_ignored);
    let spec = MessageSpec { time, sequence, id, channel, ignore };
    if spec == MessageSpec::default()
        && [keys::TIME, keys::SEQUENCE].iter().all(|k| fields.is_valid(k))
    {
        let message = "[message] names nothing: give time, sequence, id, channel or ignore";
        fields.report(&keys::TIME, message);
    }
    if spec.channel.is_some() && !fields.is_given(&keys::SEQUENCE) {
        warnings.push(format!(
            "{}: [message] channel counts nothing without sequence: it says in which channel a number \
             counts, and takes the age of information away; add sequence, or leave channel out",
            file.source.place(&fields.location(&keys::CHANNEL))
        ));
    }
    let found = fields.finish();
    let usable = found.is_empty();
    diagnostics.extend(found);
    Some(spec).filter(|_| usable)
}

/// Returns how exact times in messages are as far as the scenario says, in nanoseconds; 0 if they have
/// none.
pub(super) fn exact_ns(spec: &MessageSpec) -> u64 {
    spec.time.as_ref().map_or(0, |time| {
        let stated_ns = Some(time.resolution_ns).filter(|ns| *ns > 0);
        stated_ns.unwrap_or(time.unit.ns()).saturating_add(time.clock_bound_ns.unwrap_or(0))
    })
}

/// Reports a table that describes messages which the scenario does not receive.
fn refuse_feed(fields: &mut Fields<'_>, plan: &Plan, by_id: bool) {
    if plan.series.iter().all(|series| plan.is_bundled(series)) {
        let message = "[message] describes the messages of a server of your own: name it in \
                       [server], or leave [message] out";
        fields.report(&keys::TIME, message);
    } else if plan.feed.workload != Workload::Ticker && !by_id {
        let message = format!(
            "[message] describes what a server publishes; in workload {:?} the messages are the \
             clients' own",
            plan.feed.workload.name()
        );
        fields.report(&keys::TIME, message);
    }
}

/// Reports a size, which belongs to the bundled server's messages.
fn refuse_size(file: &ScenarioFile, diagnostics: &mut Vec<Diagnostic>) {
    let Some(mut feed) = file.table("feed") else { return };
    feed.declare(keys::FEED);
    if feed.is_given(&keys::SIZE) {
        let message = "size belongs to the bundled server's messages; with [message] they have any \
                       size: leave it out";
        feed.report(&keys::SIZE, message);
        diagnostics.extend(feed.finish());
    }
}

fn read_time(fields: &mut Fields<'_>, place: Option<Place>, local: bool) -> Option<TimeSpec> {
    let units = TimeUnit::ALL.map(|unit| (unit.name(), unit));
    let micro = [("µs", TimeUnit::Microseconds)];
    let unit = fields.choose(&keys::UNIT, &[&units[..], &micro].concat());
    let clock = fields.choose(&keys::CLOCK, &MessageClock::ALL.map(|clock| (clock.name(), clock)));
    let resolution_ns = fields.duration_ns_or(&keys::TIME_RESOLUTION, "auto");
    let replay_ns = fields.duration_ns(&keys::REPLAY);
    let stated = fields.is_given(&keys::CLOCK_BOUND);
    let stated =
        stated.then(|| fields.duration_ns_up_to(&keys::CLOCK_BOUND, 3600 * SECOND_NS, "1h"));
    let Some(place) = place else {
        let alone =
            [keys::UNIT, keys::CLOCK, keys::TIME_RESOLUTION, keys::REPLAY, keys::CLOCK_BOUND];
        let of_time = |key: &&Key| fields.is_given(key) && !fields.is_given(&keys::TIME);
        if let Some(key) = alone.iter().find(of_time) {
            fields.report(key, format!("{} is of the time in messages: give `time`", key.name));
        }
        return None;
    };
    if clock == MessageClock::Monotonic && !local && stated.is_none() {
        let message = "the monotonic clocks of two machines have nothing in common: take clock = \
                       \"realtime\"; if the server is on this machine, as in a container, set \
                       clock_bound = \"0s\"";
        fields.report(&keys::CLOCK, message);
    }
    Some(TimeSpec {
        place,
        unit,
        clock,
        resolution_ns: resolution_ns.unwrap_or(0),
        clock_bound_ns: stated.or(local.then_some(0)),
        replay_ns,
    })
}

/// Whether a server has this machine's clocks.
fn is_local(server: &Server) -> bool {
    match server {
        Server::Bundled => true,
        Server::External { start: Some(_), .. } => true,
        Server::External { address, others, .. } => {
            others.iter().chain([address]).all(|address| os::is_own_address(address.ip()))
        }
    }
}

/// Reads a place.
fn read_place(key: &Key, node: &TomlNode) -> Read<Place> {
    let place = match &node.item {
        TomlItem::Text(text) => Place::Pointer(text.clone()),
        TomlItem::Table(table) => match member(table, "regex") {
            Some(_) => {
                only(key, table, &["regex"])?;
                Place::Regex(text_of(key, table, "regex")?)
            }
            None => {
                only(key, table, &["offset", "length", "form"])?;
                let offset = number_of(key, table, "offset", node)?;
                let length = number_of(key, table, "length", node)?;
                Place::Bytes { offset, length, form: form_of(key, table)? }
            }
        },
        _ => return refuse(&node.location, format!("{} must be {PLACES}", key.name)),
    };
    // As it will be read, so that what is wrong is found with its line.
    let spec = MessageSpec { id: Some(place.clone()), ..MessageSpec::default() };
    match MessageReader::new(&spec) {
        Ok(_) => Ok(place),
        Err(why) => refuse(&node.location, format!("{}: {why}", key.name)),
    }
}

fn form_of(key: &Key, table: &TomlTable) -> Read<ByteForm> {
    let Some(entry) = member(table, "form") else { return Ok(ByteForm::Digits) };
    let name = text_of(key, table, "form")?;
    match ByteForm::ALL.into_iter().find(|form| form.name() == name) {
        Some(form) => Ok(form),
        None => {
            let all = ByteForm::ALL.map(|form| format!("{:?}", form.name())).join(", ");
            refuse(
                &entry.node.location,
                format!("{}: unknown form {name:?}; use one of {all}", key.name),
            )
        }
    }
}

/// Reads the messages that are no updates.
fn read_ignored(node: &TomlNode) -> Read<Vec<Ignored>> {
    let one = |node: &TomlNode| {
        let key = &keys::IGNORE;
        match &node.item {
            TomlItem::Text(text) => Ok(Ignored::Text(text.clone())),
            TomlItem::Table(table) if member(table, "prefix").is_some() => {
                only(key, table, &["prefix"])?;
                text_of(key, table, "prefix").map(Ignored::Prefix)
            }
            TomlItem::Table(table) if member(table, "pointer").is_some() => {
                only(key, table, &["pointer", "value"])?;
                let pointer = text_of(key, table, "pointer")?;
                if let Err(why) = JsonPointer::try_from(pointer.clone()) {
                    return refuse(&node.location, format!("{}: {why}", key.name));
                }
                Ok(Ignored::Value { pointer, value: json_of(key, table, node)? })
            }
            _ => refuse(&node.location, format!("{}: each must be {IGNORED}", key.name)),
        }
    };
    match &node.item {
        TomlItem::List(items) => items.iter().map(one).collect(),
        _ => one(node).map(|only| vec![only]),
    }
}

/// Reads a value as it stands in JSON.
fn json_of(key: &Key, table: &TomlTable, of: &TomlNode) -> Read<String> {
    let Some(entry) = member(table, "value") else {
        return refuse(&of.location, format!("{}: a pointer needs its value", key.name));
    };
    match &entry.node.item {
        // Text in quotes, as JSON writes it.
        TomlItem::Text(text) => Ok(serde_json::Value::from(text.as_str()).to_string()),
        TomlItem::Integer(number) => Ok(number.to_string()),
        TomlItem::Boolean(value) => Ok(value.to_string()),
        _ => refuse(
            &entry.node.location,
            format!("{}: value must be a text, a whole number or a boolean", key.name),
        ),
    }
}

fn member<'t>(table: &'t TomlTable, name: &str) -> Option<&'t TomlEntry> {
    table.entries.iter().find(|entry| entry.name == name)
}

/// Refuses a table that has other members.
fn only(key: &Key, table: &TomlTable, names: &[&str]) -> Read<()> {
    match table.entries.iter().find(|entry| !names.contains(&entry.name.as_str())) {
        None => Ok(()),
        Some(entry) => {
            let known = names.join(", ");
            refuse(
                &entry.location,
                format!("{}: unknown key {:?}; known here: {known}", key.name, entry.name),
            )
        }
    }
}

fn text_of(key: &Key, table: &TomlTable, name: &str) -> Read<String> {
    match member(table, name).map(|entry| (&entry.node.item, &entry.node.location)) {
        Some((TomlItem::Text(text), _)) if !text.is_empty() => Ok(text.clone()),
        Some((_, location)) => {
            refuse(location, format!("{}: {name} must be text in quotes", key.name))
        }
        None => refuse(&table.location, format!("{}: {name} is missing", key.name)),
    }
}

fn number_of(key: &Key, table: &TomlTable, name: &str, of: &TomlNode) -> Read<u32> {
    let Some(entry) = member(table, name) else {
        return refuse(&of.location, format!("{} must be {PLACES}: {name} is missing", key.name));
    };
    let number = match entry.node.item {
        TomlItem::Integer(number) => u32::try_from(number).ok(),
        _ => None,
    };
    match number {
        Some(number) => Ok(number),
        None => refuse(
            &entry.node.location,
            format!("{}: {name} must be a whole number of bytes", key.name),
        ),
    }
}

fn refuse<T>(location: &Location, message: String) -> Read<T> {
    Err(vec![Diagnostic::of_value(location.clone(), message)])
}
