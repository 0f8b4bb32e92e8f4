//! Data of the clients' own: a file with a line for each client, from which placeholders take their
//! values.
//!
//! A file whose name ends in `.csv` has the names of its columns in the first line and may quote
//! values (RFC 4180); of any other file each line is the value of `{line}`. The plan holds where the
//! file is and what it looks like, never its values: each driver reads it.

use crate::config::{Fields, Key, read_limited};
use crate::protocol::template::{Template, TemplateValues, is_name};
use crate::secret;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The largest file of data, in bytes: a million lines of 250 bytes.
const MOST_DATA_BYTES: usize = 256 * 1024 * 1024;
/// The column of a file without names.
const LINE: &str = "line";

/// The setting that names the file.
pub(crate) const DATA: Key = Key {
    name: "data",
    default: Some("\"none\""),
    about: "a file with a line for each client, from which placeholders such as {token} take their \
            values: a .csv file with the names in its first line, or lines as {line}",
};
/// The setting for a file that has fewer lines than there are clients.
pub(crate) const DATA_SHORT: Key = Key {
    name: "data_short",
    default: Some("\"refuse\""),
    about: "what happens if `data` has fewer lines than there are clients: \"refuse\", or \"wrap\" \
            to begin again with the first line",
};

/// Where the clients' data are and what they look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientData {
    /// The file.
    pub path: PathBuf,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// How many clients have a line of their own.
    pub lines: u32,
    /// Whether the first line follows the last.
    pub wrap: bool,
}

/// The values of all clients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ClientTable {
    columns: Vec<String>,
    /// All values, one after the other.
    text: String,
    /// The beginning of the first value, and the end of each.
    bounds: Vec<u32>,
}

impl ClientData {
    /// Reads the settings; `None` if there are no data or they cannot be used, which is reported.
    pub(crate) fn read(fields: &mut Fields) -> Option<ClientData> {
        let wrap = fields.choose(&DATA_SHORT, &[("refuse", false), ("wrap", true)]);
        if fields.text(&DATA) == "none" {
            if fields.is_given(&DATA_SHORT) {
                fields.report(&DATA_SHORT, "data_short needs `data`");
            }
            return None;
        }
        let path = fields.path(&DATA)?;
        match load(&path) {
            Ok(table) => Some(table.note_secrets()).map(|table| ClientData {
                path,
                lines: u32::try_from(table.lines()).unwrap_or(u32::MAX),
                columns: table.columns,
                wrap,
            }),
            Err(why) => {
                fields.report(&DATA, format!("data: {why}"));
                None
            }
        }
    }

    /// Returns why there are too few lines for so many clients; `None` if there are enough.
    pub(crate) fn refuses(&self, clients: u32) -> Option<String> {
        (!self.wrap && clients > self.lines).then(|| {
            format!(
                "data: {:?} has {} lines for {clients} clients; add lines, or set \
                 data_short = \"wrap\" to use each line again",
                self.path.display().to_string(),
                self.lines
            )
        })
    }

    /// Reads the values.
    ///
    /// # Errors
    /// A sentence, if the file is not the one that was planned with.
    pub(crate) fn load(&self) -> Result<ClientTable, String> {
        let table = load(&self.path).map_err(|why| format!("data: {why}"))?;
        if table.columns != self.columns || table.lines() != self.lines as usize {
            let path = self.path.display();
            return Err(format!("data: {path} has changed since the plan was made"));
        }
        Ok(table)
    }
}

impl ClientTable {
    /// Parses a file: with the names of its columns in the first line, or without names.
    ///
    /// # Errors
    /// A sentence that names the line.
    pub(crate) fn parse(text: &str, named: bool) -> Result<ClientTable, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut table = ClientTable { bounds: vec![0], ..ClientTable::default() };
        if !named {
            table.columns = vec![LINE.to_owned()];
            for (at, line) in (1..).zip(text.lines()) {
                table.push(at, line)?;
            }
        } else {
            let mut builder = csv::ReaderBuilder::new();
            let mut reader = builder.has_headers(true).flexible(true).from_reader(text.as_bytes());
            let wrong = |error: csv::Error| error.to_string();
            table.columns = columns_of(reader.headers().map_err(wrong)?)?;
            let mut record = csv::StringRecord::new();
            while reader.read_record(&mut record).map_err(wrong)? {
                let at = record.position().map_or(0, csv::Position::line);
                let has = record.len();
                let wants = table.columns.len();
                if has != wants {
                    return Err(format!("line {at}: {has} values for {wants} columns"));
                }
                record.iter().try_for_each(|value| table.push(at, value))?;
            }
        }
        match table.lines() {
            0 => Err("it has no line for a client".to_owned()),
            _ => Ok(table),
        }
    }

    /// Takes its values for secrets from now on.
    fn note_secrets(self) -> ClientTable {
        let values = self.bounds.windows(2).map(|at| at[0] as usize..at[1] as usize);
        secret::note_of_clients(values.filter_map(|range| self.text.get(range)));
        self
    }

    fn push(&mut self, line: u64, value: &str) -> Result<(), String> {
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(format!(
                "line {line}: a value has a control character or goes on in the next line"
            ));
        }
        self.text.push_str(value);
        // A file has at most MOST_DATA_BYTES.
        self.bounds.push(self.text.len() as u32);
        Ok(())
    }

    /// Returns the first column of a template that has a value which JSON must escape.
    pub(crate) fn unfit_for_json(&self, template: &Template) -> Option<String> {
        let width = self.columns.len().max(1);
        let used = |name: &String| template.columns().any(|column| column == name.as_str());
        let mut columns = self.columns.iter().enumerate().filter(|(_, name)| used(name));
        let found = columns.find(|(at, _)| {
            let ends = self.bounds.windows(2).skip(*at).step_by(width);
            let mut values =
                ends.filter_map(|ends| self.text.get(ends[0] as usize..ends[1] as usize));
            values.any(|value| value.contains(['"', '\\', '\t']))
        });
        found.map(|(_, name)| name.clone())
    }

    fn lines(&self) -> usize {
        self.bounds.len().saturating_sub(1) / self.columns.len().max(1)
    }

    /// Returns what the placeholders of a client stand for. After the last line the first follows.
    pub(crate) fn values(&self, client: u32, random: u64) -> TemplateValues<'_> {
        let ClientTable { columns, text, bounds } = self;
        let from = client as usize % self.lines().max(1) * columns.len();
        let bounds = bounds.get(from..=from + columns.len()).unwrap_or_default();
        TemplateValues { client, random, columns, text, bounds }
    }
}

/// Checks a template of a setting against the data; what is wrong is reported at the setting.
pub(crate) fn check_template(
    fields: &mut Fields,
    key: &Key,
    template: &Template,
    data: Option<&ClientData>,
) {
    let columns = data.map_or(&[][..], |data| &data.columns);
    // Of data that cannot be read the names are not known.
    if let Err(why) = template.check(columns)
        && fields.is_valid(&DATA)
    {
        fields.report(key, format!("{}: {why}", key.name));
    }
}

fn load(path: &Path) -> Result<ClientTable, String> {
    let bytes = read_limited(path, MOST_DATA_BYTES)?;
    let named = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
    let shown = path.display();
    let text = String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8"))?;
    ClientTable::parse(&text, named).map_err(|why| format!("{shown}: {why}"))
}

/// Returns the names of the columns.
fn columns_of(names: &csv::StringRecord) -> Result<Vec<String>, String> {
    let columns: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    // They are not quoted: in a file without names they are the values of the first client.
    for (at, name) in columns.iter().enumerate() {
        let column = at + 1;
        if !is_name(name) || matches!(name.as_str(), "client" | "random") {
            return Err(format!(
                "line 1: what column {column} has there cannot be its name: that must be a letter, then \
                 letters, digits, _ and -, and neither client nor random"
            ));
        }
        if let Some(other) = columns[..at].iter().position(|before| before == name) {
            let other = other + 1;
            return Err(format!("line 1: columns {other} and {column} have the same name"));
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(table: &ClientTable, client: u32, text: &str) -> String {
        Template::new(text).to_text(&table.values(client, 0))
    }

    #[test]
    fn a_csv_file_has_names_and_quotes() {
        let csv = "token,room\r\na,1\n\"b,\"\"c\"\"\",\n";
        let table = ClientTable::parse(csv, true).unwrap();
        assert_eq!(text_of(&table, 0, "{token}-{room}"), "a-1");
        assert_eq!(text_of(&table, 1, "{token}-{room}"), "b,\"c\"-");
        // After the last line the first follows.
        assert_eq!(text_of(&table, 2, "{client}{token}"), "2a");
    }

    #[test]
    fn a_file_of_lines_has_one_column() {
        let table = ClientTable::parse("a,b\n\"c\"\n", false).unwrap();
        assert_eq!(
            (text_of(&table, 0, "{line}"), text_of(&table, 1, "{line}")),
            ("a,b".into(), "\"c\"".into())
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, expected) in [
            ("", "no line for a client"),
            ("token\n", "no line for a client"),
            ("a,token,token\na,b,c\n", "line 1: columns 2 and 3 have the same name"),
            ("client\na\n", "line 1: what column 1 has there cannot be"),
            ("a,to ken\na,b\n", "line 1: what column 2 has there cannot be"),
            ("a,b\nc\n", "line 2: 1 values for 2 columns"),
            ("a\n\"b\n", "line 2: a value has a control character"),
            ("a\n\u{7}\n", "line 2: a value has a control character"),
        ] {
            let why = ClientTable::parse(text, true).unwrap_err();
            assert!(why.contains(expected), "{expected:?} is not in {why:?}");
        }
    }

    #[test]
    fn too_few_lines_are_refused_unless_they_are_used_again() {
        let data = ClientData { path: "c.csv".into(), columns: vec![], lines: 3, wrap: false };
        assert_eq!(data.refuses(3), None);
        let why = data.refuses(4).unwrap();
        assert!(why.contains("3 lines for 4 clients") && why.contains("data_short"), "{why}");
        assert_eq!(ClientData { wrap: true, ..data }.refuses(4), None);
    }
}
