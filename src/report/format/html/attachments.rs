//! What a page carries besides what it shows: the rows of its result, and the text of the CSV files.

use crate::report::drawing::PICTURES;
use crate::report::format::csv::CSV;
use crate::report::table::Table;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// A result whose rows take more than this once they are compressed is not carried along: a page would be too
/// large for what opens it.
const MOST_BYTES: usize = 16 << 20;
/// The same, for the rows as they are. A page that claims more is not read: a few bytes of it could fill the memory.
const MOST_BYTES_OF_ROWS: u64 = 512 << 20;
/// The name that results have in a page, before their number.
const RESULT: &str = "result-";
/// What comes before an attachment's name in a page.
const OPENING: &str = "<script type=\"application/gzip\" data-name=\"";

/// A file within the page, compressed (gzip, RFC 1952) and as text (base64, RFC 4648).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attachment {
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
    all.extend(files.into_iter().filter_map(|(name, content)| {
        let (bytes, packed) = pack(&content[..]).ok()??;
        Some(Attachment { name: name.to_owned(), bytes, base64: STANDARD.encode(packed) })
    }));
    all
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
    let Some((bytes, packed)) = pack(File::open(path)?)? else { return Ok(None) };
    let name = format!("{RESULT}{number}.jsonl");
    Ok(Some(Attachment { name, bytes, base64: STANDARD.encode(packed) }))
}

/// Compresses what is read, with its length before; `None` if it is too large. The same content gives the same
/// bytes: the header has no time.
fn pack(mut from: impl Read) -> io::Result<Option<(u64, Vec<u8>)>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let mut piece = vec![0; 64 * 1024];
    let mut bytes = 0u64;
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            break;
        }
        bytes += length as u64;
        packed.write_all(&piece[..length])?;
        if packed.get_ref().len() > MOST_BYTES || bytes > MOST_BYTES_OF_ROWS {
            return Ok(None);
        }
    }
    packed.finish().map(|packed| Some((bytes, packed)))
}

/// Returns the result files that a page carries, in their order.
///
/// # Errors
/// A sentence, if one of them cannot be read.
pub(crate) fn attached_results(page: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    for (at, _) in page.match_indices(OPENING) {
        let rest = &page[at + OPENING.len()..];
        let Some((name, rest)) = rest.split_once('"') else { continue };
        if !name.starts_with(RESULT) {
            continue;
        }
        let content = rest.split_once('>').and_then(|(_, rest)| rest.split_once("</script>"));
        let Some((content, _)) = content else {
            return Err(format!("{name} has no end: the page was cut"));
        };
        let broken = |why: &dyn std::fmt::Display| format!("{name} cannot be read: {why}");
        let packed = STANDARD.decode(content.trim()).map_err(|e| broken(&e))?;
        let mut rows = Vec::new();
        let mut reader = GzDecoder::new(&packed[..]).take(MOST_BYTES_OF_ROWS + 1);
        reader.read_to_end(&mut rows).map_err(|e| broken(&e))?;
        if reader.limit() == 0 {
            return Err(broken(&format_args!("it has more than {MOST_BYTES_OF_ROWS} bytes")));
        }
        found.push(rows);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_found_again_and_is_the_same_each_time() {
        let text = "{\"header\":1}\n".repeat(500);
        let (bytes, packed) = pack(text.as_bytes()).unwrap().unwrap();
        assert_eq!(bytes, text.len() as u64);
        assert_eq!(pack(text.as_bytes()).unwrap().unwrap().1, packed);
        let page = format!(
            "<p>x</p>{OPENING}bytes.csv\" data-bytes=\"1\">AAAA</script>\n\
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
}
