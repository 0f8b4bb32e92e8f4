//! What is said on a connection beside the updates: the first messages of a client and the answers
//! that it waits for, and its answers to pings of the application.
//!
//! Here are the settings. What has happened on one connection is in `state`.

mod any_message;
mod envelope;
mod length;
mod pattern;
mod payload;
mod state;

use crate::config::{Diagnostic, Fields, Key, TomlEntry, TomlItem, TomlNode, TomlTable};
pub(crate) use any_message::receive_any_messages;
use envelope::{Envelope, read_pointer};
use length::LengthHeader;
use pattern::Pattern;
pub(super) use payload::Payload;
use payload::{Literal, refuse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub(super) use state::{ConversationState, Meaning};

pub(super) const FIRST: Key = Key {
    name: "first",
    default: Some("[]"),
    about: "messages that a client sends after connecting, in order: text, `{ hex = \"…\" }` or \
            `{ base64 = \"…\" }`; `{ wait = … }` between them waits for an answer as `ready` does",
};
pub(super) const READY: Key = Key {
    name: "ready",
    default: Some("\"\""),
    about: "the answer that counts as connected: text, the beginning of a text such as `\"40*\"`, \
            `{ hex = \"20 02*\" }`, or a value in JSON: `{ pointer = \"/type\", value = \"ack\" }`. \
            Without it a client is connected once `first` is sent",
};
pub(super) const REPLY: Key = Key {
    name: "reply",
    default: Some("{}"),
    about: "answers to pings that are messages: `{ \"2\" = \"3\" }`, or a list of \
            `{ to = …, with = … }`, in the forms of `ready` and `first`",
};

pub(super) const SEPARATOR: Key = Key {
    name: "separator",
    default: Some("\"\""),
    about: "what ends each message if a frame may have several, such as `\"\\u001e\"`",
};
pub(super) const LENGTH: Key = Key {
    name: "length",
    default: Some("[]"),
    about: "the header fields by which a message says how long it is, such as `[1, \"varint\"]`: a byte, \
            and the length of the rest as MQTT has it. Frames may then cut and join messages",
};
pub(super) const UPDATE: Key = Key {
    name: "update",
    default: Some("{}"),
    about: "where the update is within a message: `{ pointer = \"/payload/data\" }`, behind what the \
            message `begins` with, behind header fields to `skip`, `after` a text, `before` another; \
            a message without it is no update",
};
/// Every setting of a conversation.
pub(super) const KEYS: &[Key] = &[FIRST, READY, REPLY, SEPARATOR, LENGTH, UPDATE];

/// A step of the set-up of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// This message is sent.
    Send(Payload),
    /// Such a message is waited for.
    Wait(Pattern),
}

/// A ping of the application and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reply {
    to: Pattern,
    with: Payload,
}

/// What is said beside the updates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Conversation {
    /// The set-up of a connection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
    /// Answers to pings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replies: Vec<Reply>,
    /// What ends each message of a frame; empty if a frame is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    separator: String,
    /// How each message says how long it is, wherever frames begin and end.
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<LengthHeader>,
    /// Where an update is within a message.
    #[serde(skip_serializing_if = "Envelope::is_none")]
    update: Envelope,
}

impl Conversation {
    /// Reads the settings of a series.
    pub(super) fn parse(fields: &mut Fields<'_>) -> Conversation {
        let mut steps = fields.read(&FIRST, read_steps);
        let ready = fields.read(&READY, |node| match &node.item {
            TomlItem::Text(text) if text.is_empty() => Ok(None),
            _ => read_pattern(READY.name, node).map(Some),
        });
        steps.extend(ready.map(Step::Wait));
        let separator = fields.read(&SEPARATOR, |node| match &node.item {
            TomlItem::Text(text) => Ok(text.clone()),
            _ => refuse(node, format!("separator must be text in quotes, not {}", node.kind())),
        });
        let length = fields.read(&LENGTH, |node| LengthHeader::read(LENGTH.name, node));
        if length.is_some() && !separator.is_empty() {
            let message = "messages end by their length or by the separator: leave one out";
            fields.report(&LENGTH, message.to_owned());
        }
        Conversation {
            steps,
            replies: fields.read(&REPLY, read_replies),
            separator,
            length,
            update: fields.read(&UPDATE, |node| Envelope::read(UPDATE.name, node)),
        }
    }

    /// Every message that a client sends, with its setting.
    fn payloads(&self) -> impl Iterator<Item = (Key, &Payload)> {
        let first = self.steps.iter().filter_map(|step| match step {
            Step::Send(payload) => Some((FIRST, payload)),
            Step::Wait(_) => None,
        });
        first.chain(self.replies.iter().map(|reply| (REPLY, &reply.with)))
    }

    /// Whether a message is not the same for every client.
    pub(super) fn varies(&self) -> bool {
        self.payloads().any(|(_, payload)| payload.varies())
    }

    /// Checks that all placeholders are known, for data with these columns. The error has the
    /// setting and the reason.
    pub(super) fn check(&self, columns: &[String]) -> Result<(), (Key, String)> {
        self.payloads().try_for_each(|(key, payload)| {
            payload.check(columns).map_err(|why| (key, format!("{}: {why}", key.name)))
        })
    }

    /// The setting by which something is said; `None` if nothing is.
    pub(super) fn first_key(&self) -> Option<Key> {
        match (&self.steps[..], &self.replies[..]) {
            ([], []) if !self.separator.is_empty() => Some(SEPARATOR),
            ([], []) if self.length.is_some() => Some(LENGTH),
            ([], []) => (!self.update.is_none()).then_some(UPDATE),
            ([], _) => Some(REPLY),
            ([Step::Wait(_)], _) => Some(READY),
            _ => Some(FIRST),
        }
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Conversation::default()
    }
}

fn read_steps(node: &TomlNode) -> Result<Vec<Step>, Vec<Diagnostic>> {
    let TomlItem::List(items) = &node.item else {
        let kind = node.kind();
        return refuse(node, format!("first must be a list such as [\"hello\"], not {kind}"));
    };
    let read = |item: &TomlNode| match &item.item {
        TomlItem::Table(table) if table.get("wait").is_some() => match &table.entries[..] {
            [entry] => read_pattern("wait", &entry.node).map(Step::Wait),
            _ => refuse(item, "first: { wait = … } has nothing beside the answer".to_owned()),
        },
        _ => Payload::read(FIRST.name, item).map(Step::Send),
    };
    items.iter().map(read).collect()
}

fn read_replies(node: &TomlNode) -> Result<Vec<Reply>, Vec<Diagnostic>> {
    match &node.item {
        TomlItem::Table(table) => {
            let read = |entry: &TomlEntry| {
                let to = match text_pattern(&entry.name) {
                    Some(to) => to,
                    None => return refuse(node, "reply: a ping must not be empty".to_owned()),
                };
                Ok(Reply { to, with: Payload::read(REPLY.name, &entry.node)? })
            };
            table.entries.iter().map(read).collect()
        }
        TomlItem::List(items) => items.iter().map(read_reply).collect(),
        _ => refuse(node, format!("reply must be a table or a list, not {}", node.kind())),
    }
}

fn read_reply(node: &TomlNode) -> Result<Reply, Vec<Diagnostic>> {
    if let TomlItem::Table(table) = &node.item
        && let (Some(to), Some(with), 2) = (table.get("to"), table.get("with"), table.entries.len())
    {
        let to = read_pattern(REPLY.name, to)?;
        return Ok(Reply { to, with: Payload::read(REPLY.name, with)? });
    }
    refuse(node, "reply: write { to = \"ping\", with = \"pong\" }".to_owned())
}

/// Reads a condition on a message.
fn read_pattern(key: &str, node: &TomlNode) -> Result<Pattern, Vec<Diagnostic>> {
    const FORMS: &str = "text, { hex = \"…\" } or { pointer = \"/type\", value = \"…\" }";
    let pattern = match &node.item {
        TomlItem::Text(text) => text_pattern(text),
        TomlItem::Table(table) if table.get("pointer").is_some() => {
            return read_json(key, node, table);
        }
        TomlItem::Table(table) => match &table.entries[..] {
            [entry] if entry.name == "hex" => read_hex(key, &entry.node)?,
            [entry] if entry.name == "prefix" => match &entry.node.item {
                TomlItem::Text(text) => bytes_pattern(Literal::text(text), true),
                _ => return refuse(&entry.node, format!("{key}: prefix must be text in quotes")),
            },
            [entry] if entry.name == "text" => return read_pattern(key, &entry.node),
            _ => return refuse(node, format!("{key}: an answer is {FORMS}")),
        },
        _ => {
            return refuse(node, format!("{key}: an answer is {FORMS}, not {}", node.kind()));
        }
    };
    match pattern {
        Some(pattern) => Ok(pattern),
        None => refuse(node, format!("{key}: an answer must not be empty")),
    }
}

/// Returns the condition that a text is; `None` if any message would do.
fn text_pattern(text: &str) -> Option<Pattern> {
    match text.strip_suffix('*') {
        Some(beginning) => bytes_pattern(Literal::text(beginning), true),
        None => bytes_pattern(Literal::text(text), false),
    }
}

fn bytes_pattern(bytes: Literal, is_beginning: bool) -> Option<Pattern> {
    match (bytes.bytes().is_empty(), is_beginning) {
        (true, _) => None,
        (false, true) => Some(Pattern::Beginning(bytes)),
        (false, false) => Some(Pattern::Exact(bytes)),
    }
}

fn read_hex(key: &str, node: &TomlNode) -> Result<Option<Pattern>, Vec<Diagnostic>> {
    let TomlItem::Text(text) = &node.item else {
        return refuse(node, format!("{key}: hex must be text in quotes, not {}", node.kind()));
    };
    let digits = text.trim_end().strip_suffix('*');
    match Literal::hex(digits.unwrap_or(text)) {
        Ok(bytes) => Ok(bytes_pattern(bytes, digits.is_some())),
        Err(why) => refuse(node, format!("{key}: {why}")),
    }
}

fn read_json(key: &str, node: &TomlNode, table: &TomlTable) -> Result<Pattern, Vec<Diagnostic>> {
    let mut value = None;
    for entry in &table.entries {
        match (entry.name.as_str(), &entry.node.item) {
            ("pointer", _) => {}
            ("value", TomlItem::Text(text)) => value = Some(Value::from(text.as_str())),
            ("value", TomlItem::Boolean(known)) => value = Some(Value::from(*known)),
            ("value", TomlItem::Integer(number)) => {
                value = i64::try_from(*number).ok().map(Value::from);
            }
            ("value", _) => {
                let kind = entry.node.kind();
                let message = format!("{key}: value must be text, a whole number or a boolean");
                return refuse(&entry.node, format!("{message}, not {kind}"));
            }
            (name, _) => {
                let message = format!("{key}: {name:?} is not known beside pointer and value");
                return Err(vec![Diagnostic::of_value(entry.location.clone(), message)]);
            }
        }
    }
    let Some(pointer) = table.get("pointer") else {
        return refuse(node, format!("{key}: pointer is missing"));
    };
    Ok(Pattern::Json { pointer: read_pointer(key, pointer)?, value })
}
