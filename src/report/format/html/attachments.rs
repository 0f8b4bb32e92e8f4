//! What a page carries besides what it shows: the rows of its result, and the text of the CSV files.

use super::rows;
use crate::report::drawing::PICTURES;
use crate::report::finding::Judgement;
use crate::report::format::csv::{CSV, changes};
use crate::report::table::Table;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// A judgement that claims more is not read: as values it takes many times its text.
const MOST_BYTES_OF_JUDGEMENT: u64 = 8 << 20;
/// What the picture of a comparison is copied as.
pub(super) const CHANGES: &str = "changes.csv";
/// The name that a judgement has in its page.
const JUDGEMENT: &str = "judgement.json";
/// The name that results have in a page, before their number.
const RESULT: &str = "result-";
/// What comes before the name of rows or of a judgement in a page.
const OPENING: &str = "<script type=\"application/x-xz\" data-name=\"";

/// A file within the page, compressed and as text (base64, RFC 4648).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attachment {
    /// How it is compressed: rows as [`rows`] says, other files as browsers can read them (gzip, RFC 1952).
    pub media_type: &'static str,
    /// Its name.
    pub name: String,
    /// Its length as it was.
    pub bytes: u64,
    /// Its content.
    pub base64: String,
}

/// Every attachment of a run: its result files, and what its figures can be copied as.
pub(super) fn of_run(table: &Table) -> Vec<Attachment> {
    let mut all = Vec::new();
    for (n, path) in table.sources.iter().enumerate() {
        // Without its rows the page says so: see `sections`.
        all.extend(result(path, n + 1).ok().flatten());
    }
    let copied = |name: &str| PICTURES.iter().any(|picture| picture.csv == name);
    let mut files: Vec<(&'static str, Vec<u8>)> =
        CSV.render(table).into_iter().map(|file| (file.name, file.bytes)).collect();
    for (name, stream) in CSV.streams() {
        let mut bytes = Vec::new();
        if copied(name) && stream(table, &mut bytes).is_ok() {
            files.push((name, bytes));
        }
    }
    files.retain(|(name, _)| copied(name));
    all.extend(files.into_iter().filter_map(|(name, content)| copied_file(name, &content)));
    all
}

/// A file that a figure can be copied as.
fn copied_file(name: &str, content: &[u8]) -> Option<Attachment> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).ok()?;
    let base64 = STANDARD.encode(packed.finish().ok()?);
    let bytes = content.len() as u64;
    Some(Attachment { media_type: "application/gzip", name: name.to_owned(), bytes, base64 })
}

/// The result files of several runs.
pub(super) fn of_several(tables: &[Table]) -> Vec<Attachment> {
    let paths = tables.iter().flat_map(|table| &table.sources);
    paths.enumerate().filter_map(|(n, path)| result(path, n + 1).ok().flatten()).collect()
}

/// Whether the rows of each result are among what the page carries.
pub(super) fn has_all_rows(table: &Table, carried: &[Attachment]) -> bool {
    let results = carried.iter().filter(|one| one.name.starts_with(RESULT)).count();
    results > 0 && results == table.sources.len()
}

fn result(path: &Path, number: usize) -> io::Result<Option<Attachment>> {
    packed(format!("{RESULT}{number}.jsonl"), BufReader::new(File::open(path)?))
}

/// A file as [`rows`] packs it; `None` if it is too large.
fn packed(name: String, content: impl BufRead) -> io::Result<Option<Attachment>> {
    let attachment = |(bytes, packed)| Attachment {
        media_type: "application/x-xz",
        name,
        bytes,
        base64: STANDARD.encode::<Vec<u8>>(packed),
    };
    Ok(rows::pack(content)?.map(attachment))
}

/// A judgement as its page carries it, and the pairs that it was made from.
pub(super) fn of_judgement(judgement: &Judgement) -> Vec<Attachment> {
    let one = || {
        let json = serde_json::to_vec(judgement).ok()?;
        packed(JUDGEMENT.to_owned(), &json[..]).ok()?
    };
    // Without it `verify` says so.
    one().into_iter().chain(copied_file(CHANGES, &changes(judgement))).collect()
}

/// Returns the judgement that a page carries, if it is the page of one.
///
/// # Errors
/// A sentence, if it cannot be read.
pub(crate) fn attached_judgement(page: &str) -> Result<Option<Judgement>, String> {
    let found = attached(page, |name| name == JUDGEMENT, MOST_BYTES_OF_JUDGEMENT)?.pop();
    let read = |json: Vec<u8>| {
        serde_json::from_slice(&json).map_err(|why| format!("{JUDGEMENT} cannot be read: {why}"))
    };
    found.map(read).transpose()
}

/// Returns the result files that a page carries, in their order.
///
/// # Errors
/// A sentence, if one of them cannot be read.
pub(crate) fn attached_results(page: &str) -> Result<Vec<Vec<u8>>, String> {
    attached(page, |name| name.starts_with(RESULT), rows::MOST_BYTES_OF_ROWS)
}

/// Unpacks attachments, of at most so many bytes together.
fn attached(
    page: &str,
    is_wanted: impl Fn(&str) -> bool,
    mut most: u64,
) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    for (at, _) in page.match_indices(OPENING) {
        let rest = &page[at + OPENING.len()..];
        let Some((name, rest)) = rest.split_once('"') else { continue };
        if !is_wanted(name) {
            continue;
        }
        let content = rest.split_once('>').and_then(|(_, rest)| rest.split_once("</script>"));
        let Some((content, _)) = content else {
            return Err(format!("{name} has no end: the page was cut"));
        };
        let broken = |why: &dyn std::fmt::Display| format!("{name} cannot be read: {why}");
        let packed = STANDARD.decode(content.trim()).map_err(|e| broken(&e))?;
        let rows = rows::unpack(&packed, most).map_err(|e| broken(&e))?;
        most = most.saturating_sub(rows.len() as u64);
        found.push(rows);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_a_page_are_found_again() {
        let text = "{\"header\":1}\n".repeat(500);
        let (bytes, packed) = rows::pack(text.as_bytes()).unwrap().unwrap();
        let page = format!(
            "<p>x</p><script type=\"application/gzip\" data-name=\"bytes.csv\" data-bytes=\"1\">AAAA</script>\n\
             {OPENING}result-1.jsonl\" data-bytes=\"{bytes}\">{}</script>",
            STANDARD.encode(&packed)
        );
        assert_eq!(attached_results(&page), Ok(vec![text.into_bytes()]));
        assert!(attached_results(&page[..page.len() - 12]).is_err());
        assert!(
            attached_results(
                &page.replace("result-1.jsonl\" data-bytes=\"", "result-1.jsonl\" x=\">!\"")
            )
            .is_err()
        );
        assert_eq!(attached_results("<p>"), Ok(Vec::new()));
    }
    /// A bound for each of them would be none: a page has as many as it likes.
    #[test]
    fn the_bound_is_over_all_that_a_page_carries() {
        let one = |n: usize| {
            let (_, packed) = rows::pack(&b"{}\n"[..]).unwrap().unwrap();
            format!("{OPENING}{RESULT}{n}.jsonl\">{}</script>", STANDARD.encode(packed))
        };
        let page = one(1) + &one(2);
        assert_eq!(attached(&page, |_| true, 6).map(|found| found.len()), Ok(2));
        assert!(attached(&page, |_| true, 5).unwrap_err().contains("result-2.jsonl"));
    }
}
