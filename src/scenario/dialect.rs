//! Dialects: protocols above a transport, as settings of a series that stand in a file of their own.
//!
//! What a series says goes before what its dialect says, except that lists go on after the dialect's
//! (as the first messages of a client do), and tables are joined.

use crate::config::{
    Diagnostic, Location, ParsedConfig, SourceText, TomlItem, TomlNode, TomlTable, hint, parse,
    read_limited,
};
use std::path::Path;

/// The setting of a series that names its dialect.
const DIALECT: &str = "dialect";
/// The setting of a dialect that says what it is.
const ABOUT: &str = "about";
/// The lines of a dialect: more are a warning.
pub(crate) const MOST_LINES: usize = 40;
/// The largest file, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// The dialects that come with the program, by name.
const SHIPPED: [(&str, &str); 6] = [
    ("centrifugo", include_str!("dialects/centrifugo.toml")),
    ("graphql", include_str!("dialects/graphql.toml")),
    ("mqtt", include_str!("dialects/mqtt.toml")),
    ("signalr", include_str!("dialects/signalr.toml")),
    ("socket.io", include_str!("dialects/socket-io.toml")),
    ("stomp", include_str!("dialects/stomp.toml")),
];

/// Adds the settings of its dialect to a series, if it has one. They get the location of the name:
/// there the user can change something.
///
/// # Errors
/// If there is no such dialect or it is no TOML.
pub(super) fn add_to(series: &mut TomlTable, base_dir: &Path) -> Result<(), Diagnostic> {
    let Some(TomlNode { item: TomlItem::Text(name), location, .. }) = series.get(DIALECT).cloned()
    else {
        // Anything but text is refused with the other settings.
        return Ok(());
    };
    let dialect =
        read(&name, base_dir).map_err(|message| Diagnostic::of_value(location.clone(), message))?;
    for mut entry in dialect.entries {
        if entry.name == ABOUT {
            continue;
        }
        entry.location = location.clone();
        relocate(&mut entry.node, &location);
        match series.entries.iter_mut().find(|own| own.name == entry.name) {
            None => series.entries.push(entry),
            Some(own) => join(&mut own.node.item, entry.node.item),
        }
    }
    Ok(())
}

/// Joins a value of a series with that of its dialect.
fn join(own: &mut TomlItem, dialect: TomlItem) {
    match (own, dialect) {
        (TomlItem::List(own), TomlItem::List(first)) => {
            own.splice(..0, first);
        }
        (TomlItem::Table(own), TomlItem::Table(others)) => {
            let others = others.entries.into_iter();
            let missing: Vec<_> = others.filter(|other| own.get(&other.name).is_none()).collect();
            own.entries.extend(missing);
        }
        _ => {}
    }
}

/// Gives a value and all within it another location.
fn relocate(node: &mut TomlNode, location: &Location) {
    node.location = location.clone();
    match &mut node.item {
        TomlItem::List(items) => items.iter_mut().for_each(|item| relocate(item, location)),
        TomlItem::Table(table) => {
            table.location = location.clone();
            for entry in &mut table.entries {
                entry.location = location.clone();
                relocate(&mut entry.node, location);
            }
        }
        _ => {}
    }
}

/// Returns how many lines a dialect has; 0 if it cannot be read.
pub(crate) fn lines(name: &str, base_dir: &Path) -> usize {
    read_text(name, base_dir).map_or(0, |text| text.lines().count())
}

/// Returns the text of a dialect by its name, or of a file.
fn read_text(name: &str, base_dir: &Path) -> Result<String, String> {
    let shipped = SHIPPED.iter().find(|(known, _)| *known == name);
    match shipped {
        Some((_, text)) => Ok((*text).to_owned()),
        None if name.contains('/') || name.ends_with(".toml") => {
            let bytes = read_limited(&base_dir.join(name), MOST_BYTES)?;
            String::from_utf8(bytes).map_err(|_| format!("the dialect {name:?} is not UTF-8"))
        }
        None => {
            let known = SHIPPED.map(|(known, _)| known);
            let hint = hint(name, &known, || {
                let all = known.map(|known| format!("{known:?}")).join(", ");
                format!("; take one of {all}, or a file such as \"./mine.toml\"")
            });
            Err(format!("unknown dialect {name:?}{hint}"))
        }
    }
}

/// Reads a dialect by its name, or from a file.
fn read(name: &str, base_dir: &Path) -> Result<TomlTable, String> {
    let text = read_text(name, base_dir)?;
    let source = SourceText { name: name.to_owned(), text, overrides: Vec::new() };
    let ParsedConfig { source, root, diagnostics } = parse(source);
    let wrong = |location: &Location, message: &str| {
        let line = source.line_number(location.span.start);
        Err(format!("the dialect {name:?}, line {line}: {message}"))
    };
    if let Some(Diagnostic { location, message, .. }) = diagnostics.first() {
        return wrong(location, message);
    }
    // It would be left out without a word.
    match root.entries.iter().find(|entry| entry.name == DIALECT) {
        Some(entry) => wrong(
            &entry.location,
            "a dialect cannot name another by the key `dialect`; write the settings of both here",
        ),
        None => Ok(root),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn series(text: &str) -> Result<TomlTable, String> {
        let node = TomlNode::parse(text, Origin::File).expect("TOML");
        let TomlItem::Table(mut table) = node.item else { panic!("a table") };
        add_to(&mut table, Path::new("/nonexistent")).map_err(|d| d.message)?;
        Ok(table)
    }

    #[test]
    fn a_dialect_is_short_and_says_what_it_is() {
        let names = SHIPPED.map(|(name, _)| name);
        assert!(names.is_sorted());
        for (name, text) in SHIPPED {
            assert!(text.lines().count() <= MOST_LINES, "{name}");
            let table = read(name, Path::new("")).expect(name);
            assert!(table.get(ABOUT).is_some() && table.get("transport").is_some(), "{name}");
        }
    }

    #[test]
    fn lists_go_on_tables_are_joined_and_other_settings_are_the_series_own() {
        let table = series(
            "{ dialect = \"socket.io\", path = \"/x\", first = [\"42\"], reply = { a = \"b\" }, \
             update = { pointer = \"/2\" } }",
        );
        let table = table.expect("a series");
        let TomlItem::List(first) = &table.get("first").expect("first").item else { panic!() };
        assert_eq!(first.len(), 4);
        assert_eq!(first[3].item, TomlItem::Text("42".to_owned()));
        assert_eq!(table.get("path").expect("path").item, TomlItem::Text("/x".to_owned()));
        let of = |name: &str| match &table.get(name).expect("it is there").item {
            TomlItem::Table(table) => {
                table.entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>()
            }
            _ => panic!("a table"),
        };
        assert_eq!(of("reply"), ["a", "2"]);
        assert_eq!(of("update"), ["pointer", "begins"]);
        // What the dialect adds has the place of its name.
        let place = table.get("dialect").expect("its name").location.clone();
        assert_eq!(table.get("transport").expect("transport").location, place);
    }

    #[test]
    fn what_is_no_dialect_is_refused() {
        let refused = |text: &str| series(text).expect_err("it is none");
        let typo = refused("{ dialect = \"socketio\" }");
        assert_eq!(typo, "unknown dialect \"socketio\", did you mean \"socket.io\"?");
        assert!(refused("{ dialect = \"x.toml\" }").starts_with("there is no file"));
        assert!(series("{ dialect = 1 }").is_ok());
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("own.toml");
        let name = path.display().to_string();
        // The second names itself.
        for other in ["socket.io", &name] {
            std::fs::write(&path, format!("about = \"x\"\ndialect = {other:?}\n"))
                .expect("it can be written");
            let twice = refused(&format!("{{ dialect = {name:?} }}"));
            let place = format!("the dialect {name:?}, line 2: a dialect cannot name another");
            assert!(twice.starts_with(&place), "{twice}");
        }
    }
}
