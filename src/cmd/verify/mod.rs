//! `wsbench verify`: makes every figure that a report shows again from the rows that it was made from, checks
//! the laws that hold for rows, and names the first difference of each file.
//!
//! Separate from `gate`, which judges what was measured: a slow server's report is as true as a fast one's.

mod difference;
mod laws;
mod source;

use crate::cli::VerifyArgs;
use crate::cmd::bisect::{FOUND, UNDECIDED};
use crate::cmd::page_rows::{is_page, read_page};
use crate::cmd::report::read_all;
use crate::cmd::stdout::print;
use crate::error::{Failure, Outcome, at};
use crate::gate::limit::summarise_and_judge;
use crate::gate::paired::CarriedPairs;
use crate::report::finding::{Judgement, Kind};
use crate::report::table::Status;
use crate::report::{
    Conclusion, FORMATS, PROGRAM, REPORT_FILE, Rendered, Table, attached_judgement, of_judgement,
    of_tables,
};
use crate::units::thousands;
use difference::FileDifference;
use source::Source;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What a search for a commit answers.
const ANSWERS: [&str; 2] = [FOUND, UNDECIDED];

/// What was found of one path.
#[derive(Default)]
struct Findings {
    /// What holds, a line each.
    holds: Vec<String>,
    /// What does not.
    broken: Vec<String>,
    /// What else to know: why a difference may be no falsehood, and what was not verified.
    notes: Vec<String>,
}

/// Verifies reports, folders and result files. Returns whether all of them say what their rows say.
///
/// # Errors
/// If a file cannot be read, or holds no rows.
pub(super) fn run(args: &VerifyArgs) -> Outcome<Conclusion> {
    let mut conclusion = Conclusion::Passed;
    let mut unread = 0;
    for path in &args.paths {
        let mut out = String::new();
        let found = match verify(path) {
            Ok(found) => found,
            Err(failure) if args.paths.len() == 1 => return Err(failure),
            Err(failure) => {
                // What cannot be read does not hide what is false.
                print(format!("! {failure}\n{}: NOT verified\n", path.display()).as_bytes())?;
                unread += 1;
                continue;
            }
        };
        for line in &found.holds {
            let _ = writeln!(out, "  {line}");
        }
        for line in &found.broken {
            let _ = writeln!(out, "! {line}");
        }
        for line in &found.notes {
            let _ = writeln!(out, "  {line}");
        }
        let shown = path.display();
        if found.broken.is_empty() {
            let _ = writeln!(out, "{shown}: verified");
        } else {
            let _ =
                writeln!(out, "{shown}: NOT verified: of each file the first difference is named");
            conclusion = Conclusion::Invalid;
        }
        print(out.as_bytes())?;
    }
    if unread > 0 && conclusion == Conclusion::Passed {
        let all = args.paths.len();
        return Err(Failure::run(format!("{unread} of {all} could not be verified")));
    }
    Ok(conclusion)
}

fn verify(path: &Path) -> Outcome<Findings> {
    if is_page(path) {
        let shown = path.display();
        let page = read_page(path)?;
        let carried = attached_judgement(&String::from_utf8_lossy(&page));
        if let Some(judgement) = carried.map_err(|why| Failure::run(format!("{shown}: {why}")))? {
            return Ok(verify_judgement(path, &page, &judgement));
        }
    }
    let source = Source::of(path)?;
    let mut found = Findings::default();
    for rows in &source.rows {
        source::digest(rows, &mut found.holds, &mut found.broken)?;
    }
    let mut tables = Vec::new();
    for (result, files) in read_all(&source.rows)? {
        let mut table = summarise_and_judge(&result);
        laws::check(&table, &mut found.holds, &mut found.broken);
        table.sources = files;
        tables.push(table);
    }
    let other = tables.iter().map(|table| &table.build).find(|build| !build.starts_with(PROGRAM));
    let mut made = RemadeFiles::default();
    for path in &source.shown {
        let bytes = fs::read(path).map_err(at(format!("cannot read {}", path.display())))?;
        match FileDifference::between(path, &bytes, made.again(&tables, path)?) {
            None => found.holds.push(format!("{}: as the rows give it", path.display())),
            Some(difference) => found.broken.push(difference.to_string()),
        }
    }
    let shown = source.shown.len();
    let other = other.filter(|_| shown > 0 && !found.broken.is_empty()).map(|build| {
        format!("the run is of {build}, and this is {PROGRAM}: a report of another version may differ by its form alone")
    });
    found.notes.extend(other);
    // That a report says what its rows say does not make the run a good one.
    found.notes.extend(tables.iter().filter_map(|table| match table.verdict.status {
        Status::Valid => None,
        Status::Partial => {
            Some(format!("{}: the run is incomplete, as its report says", table.name))
        }
        Status::Invalid => Some(format!("{}: the run is invalid, as its report says", table.name)),
    }));
    let rows: usize = tables.iter().map(|table| table.rows.len() + table.floors.len()).sum();
    let files = if shown == 1 { "file" } else { "files" };
    found.holds.push(format!("{} rows, {shown} {files}", thousands(rows as u64)));
    Ok(found)
}

/// Verifies the page of a comparison, a calibration or a gate with a baseline.
fn verify_judgement(path: &Path, page: &[u8], judgement: &Judgement) -> Findings {
    let mut found = Findings::default();
    let again = match CarriedPairs::judge_again(judgement) {
        Ok(again) => again.unwrap_or_default(),
        Err(why) => {
            found.broken.push(format!("{}: {why}", path.display()));
            return found;
        }
    };
    if again.same > 0 {
        let figures = if again.same == 1 { "figure is" } else { "figures are" };
        found.holds.push(format!("{} {figures} as {} pairs give them", again.same, again.pairs));
    }
    found.broken.extend(again.different);
    if let Some(answer) = &judgement.answer {
        if ANSWERS.contains(&answer.word.as_str()) {
            found.notes.push(format!(
                "the answer {} is as the page carries it: it is of many comparisons",
                answer.word
            ));
        } else {
            found.broken.push(format!("{:?} is an answer that no command gives", answer.word));
        }
    }
    if let Some(ended) = judgement.ended {
        let meaning = ended.meaning();
        found.notes.push(format!("its conclusion is as the page carries it: {meaning}"));
    }
    found.notes.push(
        "sides, load, notes and what changed beside a figure are as the page carries them"
            .to_owned(),
    );
    if found.broken.is_empty() {
        match FileDifference::between(path, page, &of_judgement(judgement)) {
            None => found.holds.push(format!("{}: as these findings give it", path.display())),
            Some(difference) => found.broken.push(difference.to_string()),
        }
    }
    let others = judgement.findings.iter().filter(|found| found.kind != Kind::Paired).count();
    let carried = (others > 0).then(|| {
        format!(
            "{} of single runs, such as bytes and checks, are as the page carries them: their rows are in the \
             folders of the runs, which `wsbench verify` verifies",
            if others == 1 { "1 finding".to_owned() } else { format!("{others} findings") }
        )
    });
    found.notes.extend(carried);
    found
}

/// Files of reports that were made again, each format at once.
#[derive(Default)]
struct RemadeFiles(BTreeMap<&'static str, Vec<Rendered>>);

impl RemadeFiles {
    /// Returns a file of a report, which is empty if the report leaves it out.
    fn again(&mut self, tables: &[Table], path: &Path) -> Outcome<&[u8]> {
        let name = file_name(path);
        let [table] = tables else {
            // Only a page has several results.
            let page = Rendered { name: REPORT_FILE, bytes: of_tables(tables) };
            let files = self.0.entry(REPORT_FILE).or_insert_with(|| vec![page]);
            return Ok(&files[0].bytes);
        };
        let format = FORMATS.iter().find(|format| format.files().any(|file| file == name));
        let Some(format) = format else {
            return Err(Failure::usage(format!("{} is no file of a report", path.display())));
        };
        if !self.0.contains_key(format.name) {
            let mut files = format.render(table);
            for (name, stream) in format.streams() {
                let mut bytes = Vec::new();
                stream(table, &mut bytes).map_err(at(format!("cannot make {name} again")))?;
                files.push(Rendered { name, bytes });
            }
            self.0.insert(format.name, files);
        }
        let found = self.0[format.name].iter().find(|file| file.name == name);
        Ok(found.map_or(&[], |file| &file.bytes))
    }
}

/// The name that a file has within a report: a page may have been given another one.
fn file_name(path: &Path) -> String {
    if is_page(path) {
        return REPORT_FILE.to_owned();
    }
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::CommandAnswer;

    /// A page shows the word of an answer as its badge: one that passes cannot be claimed.
    #[test]
    fn an_answer_that_no_command_gives_is_no_answer() {
        for (word, is_one) in [(FOUND, true), (UNDECIDED, true), ("PASS", false), ("", false)] {
            let mut judgement = Judgement::new("B against A");
            judgement.answer =
                Some(CommandAnswer { word: word.to_owned(), text: "all".to_owned() });
            let page = of_judgement(&judgement);
            let found = verify_judgement(Path::new("page.html"), &page, &judgement);
            assert_eq!(found.broken.is_empty(), is_one, "{word}: {:?}", found.broken);
            assert!(!found.notes.is_empty(), "{word}");
        }
    }
}
