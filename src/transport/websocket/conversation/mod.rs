//! What is said on a connection beside the updates: the first messages of a client and the answers
//! that it waits for, and its answers to pings of the application.
//!
//! Here are the settings. What has happened on one connection is in `state`.

mod pattern;
mod payload;
mod state;

use crate::config::{Diagnostic, Fields, Key, TomlEntry, TomlItem, TomlNode, TomlTable};
use crate::protocol::json_pointer::JsonPointer;
use pattern::Pattern;
pub(super) use payload::Payload;
use payload::{parse_hex, refuse};
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
        Conversation { steps, replies: fields.read(&REPLY, read_replies) }
    }

    /// The setting by which something is said; `None` if nothing is.
    pub(super) fn first_key(&self) -> Option<Key> {
        match (&self.steps[..], &self.replies[..]) {
            ([], []) => None,
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
                TomlItem::Text(text) => bytes_pattern(text.as_bytes().to_vec(), true),
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
    let (bytes, is_beginning) = match text.strip_suffix('*') {
        Some(beginning) => (beginning, true),
        None => (text, false),
    };
    bytes_pattern(bytes.as_bytes().to_vec(), is_beginning)
}

fn bytes_pattern(bytes: Vec<u8>, is_beginning: bool) -> Option<Pattern> {
    match (bytes.is_empty(), is_beginning) {
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
    match parse_hex(digits.unwrap_or(text)) {
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
    let Some(TomlItem::Text(pointer)) = table.get("pointer").map(|pointer| &pointer.item) else {
        return refuse(node, format!("{key}: pointer must be text such as \"/type\""));
    };
    match JsonPointer::try_from(pointer.clone()) {
        Ok(pointer) => Ok(Pattern::Json { pointer, value }),
        Err(why) => refuse(node, format!("{key}: {why}")),
    }
}
