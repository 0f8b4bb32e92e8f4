//! What of the clients' own data is in the heads and answers that are kept of a case.
//!
//! A value may be a single digit. So it is taken out of what a client sent by its place in the request, and
//! of what a server said to the client as a secret of this client.

use crate::protocol::client_data::{ClientData, ClientTable};
use crate::protocol::http1::Target;
use crate::protocol::http1::head::RequestHead;
use crate::protocol::http1::request_parts::{RequestParts, encode_target};
use crate::protocol::template::{Template, TemplateValues};
use crate::record::Head;
use crate::secret::{self, ClientValues};
use std::ops::Range;

/// The length of a version and a status.
const STATUS_END: usize = "HTTP/1.1 200".len();

/// The secrets of the clients of a case.
#[derive(Default)]
pub(super) struct ClientSecrets {
    data: Option<ClientData>,
    /// The request that they send.
    request: Option<RequestParts>,
    /// The data, read at first use; the error says why they could not be.
    table: Option<Result<ClientTable, String>>,
}

impl ClientSecrets {
    /// The secrets of clients with these data that send such requests.
    pub(super) fn new(data: Option<ClientData>, request: Option<RequestParts>) -> ClientSecrets {
        ClientSecrets { data, request, table: None }
    }

    /// Takes the secrets out of a head of the first client.
    pub(super) fn redact_head(&mut self, head: &mut Head) {
        let found = self.find(&head.bytes, |this, table| {
            let values = table.values(0, 0);
            let reader = HeadReader {
                request: this.request.as_ref().filter(|_| head.of.is_request()),
                values,
                own: ClientValues::new(values.own()),
                cut: head.cut,
            };
            reader.find(&head.bytes)
        });
        secret::redact_with(&mut head.bytes, head.cut, found);
    }

    /// Takes the secrets out of what was said to a client. `cut` is true if more followed.
    pub(super) fn redact_answer(&mut self, client: u32, text: &mut Vec<u8>, cut: bool) {
        let found = self.find(text, |_, table| {
            ClientValues::new(table.values(client, 0).own()).find(text, cut)
        });
        secret::redact_with(text, cut, found);
    }

    /// Returns what is found with the data; all of the text if they cannot be read any more.
    fn find(
        &mut self,
        text: &[u8],
        find: impl FnOnce(&ClientSecrets, &ClientTable) -> Vec<Range<usize>>,
    ) -> Vec<Range<usize>> {
        let Some(data) = &self.data else { return Vec::new() };
        if text.is_empty() {
            return Vec::new();
        }
        let table = self.table.take().unwrap_or_else(|| data.load());
        let found = match &table {
            Ok(table) => find(self, table),
            Err(_) => Vec::from_iter(Some(0..text.len())),
        };
        self.table = Some(table);
        found
    }
}

/// Finds the data of one client in its heads.
struct HeadReader<'a> {
    /// What the client sent; `None` for an answer.
    request: Option<&'a RequestParts>,
    values: TemplateValues<'a>,
    own: ClientValues,
    /// Whether the head goes on.
    cut: bool,
}

/// What the lines after a field's are.
#[derive(Clone, Copy)]
enum Folded {
    /// As any other line.
    Text,
    /// A secret that was taken out.
    Hidden,
}

impl HeadReader<'_> {
    fn find(&self, head: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut folded = Folded::Text;
        let mut at = 0;
        for (number, line) in head.split_inclusive(|&b| b == b'\n').enumerate() {
            let bare = line.trim_ascii_end();
            let cut = self.cut && at + line.len() == head.len();
            let is_folded = bare.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
            let colon = bare.iter().position(|&b| b == b':').unwrap_or(bare.len());
            let in_line = match self.request {
                _ if is_folded && matches!(folded, Folded::Hidden) => Vec::new(),
                Some(request) if number == 0 => self.in_request_line(&request.target, bare, cut),
                None if bare.starts_with(b"HTTP/") => self.search(bare, STATUS_END, cut),
                _ if is_folded => self.search(bare, 0, cut),
                request => {
                    let secret = secret::is_secret_field(&bare[..colon]);
                    folded = if secret { Folded::Hidden } else { Folded::Text };
                    match request.filter(|_| !secret) {
                        _ if secret => Vec::new(),
                        Some(request) => self.in_request_field(request, bare, colon, cut),
                        None => self.search(bare, 0, cut),
                    }
                }
            };
            found.extend(in_line.into_iter().map(|range| at + range.start..at + range.end));
            at += line.len();
        }
        found
    }

    /// Searches for the values in a line, from an offset on.
    fn search(&self, line: &[u8], from: usize, cut: bool) -> Vec<Range<usize>> {
        let found = self.own.find(line.get(from..).unwrap_or_default(), cut);
        found.into_iter().map(|range| from + range.start..from + range.end).collect()
    }

    /// Finds the values in the target. One that was not made of the series' path is the server's.
    fn in_request_line(&self, target: &Template, line: &[u8], cut: bool) -> Vec<Range<usize>> {
        let words = line.iter().enumerate().filter(|(_, b)| **b == b' ').map(|(at, _)| at);
        let blanks: Vec<usize> = words.collect();
        let from = blanks.first().map_or(0, |at| at + 1);
        let end = match &*blanks {
            [_, .., last] => *last,
            _ => line.len(),
        };
        self.in_value(target, &line[..end], from, cut, |bytes| encode_target(bytes, 0))
    }

    /// Finds the values in a field. One that the series does not set says what the server did.
    fn in_request_field(
        &self,
        request: &RequestParts,
        line: &[u8],
        colon: usize,
        cut: bool,
    ) -> Vec<Range<usize>> {
        let name = &line[..colon];
        let mut fields = request.fields.iter();
        let field = fields.find(|field| field.name.as_bytes().eq_ignore_ascii_case(name));
        let Some(field) = field else { return self.search(line, 0, cut) };
        let after = line.get(colon + 1..).unwrap_or_default();
        let blanks = after.len() - after.trim_ascii_start().len();
        let from = line.len() - after.len() + blanks.min(field.blank.len().max(1));
        self.in_value(&field.value, line, from, cut, |_| {})
    }

    /// Finds the values in a text from an offset on that a template may have made. If it did not and has
    /// values, nobody knows where they are.
    fn in_value(
        &self,
        template: &Template,
        line: &[u8],
        from: usize,
        cut: bool,
        encode: impl Fn(&mut Vec<u8>),
    ) -> Vec<Range<usize>> {
        let text = line.get(from..).unwrap_or_default();
        let shift = |range: Range<usize>| from + range.start..from + range.end;
        match template.find_columns(&self.values, text, encode) {
            Some((found, end)) => {
                let mut all: Vec<_> = found.into_iter().map(shift).collect();
                all.extend(self.search(line, from + end, cut));
                all
            }
            None if template.columns().next().is_some() => {
                Vec::from_iter((!text.is_empty()).then_some(from..line.len()))
            }
            None => self.search(line, from, cut),
        }
    }
}

/// Any head, as of a request that a template made and as of an answer: no panic, and only what is there is found.
pub(crate) fn find_in_any_head(template: &str, value: &str, head: &[u8], cut: bool) {
    let columns = ["a".to_owned()];
    let bounds = [0, u32::try_from(value.len()).unwrap_or(0)];
    let values =
        TemplateValues { client: 0, random: 0, columns: &columns, text: value, bounds: &bounds };
    let target = Target {
        authority: "h:1".into(),
        credentials: None,
        path: template.into(),
        bundled: false,
        tls: false,
    };
    let mut request = RequestParts::of_head(&RequestHead::Minimal, &target);
    request.set("X-Aa", Template::new(template));
    for request in [None, Some(&request)] {
        let own = ClientValues::new([value].into_iter());
        let found = HeadReader { request, values, own, cut }.find(head);
        assert!(found.iter().all(|range| range.start <= range.end && range.end <= head.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HeadOf;

    fn secrets(path: &str, fields: &[(&str, &str)], csv: &str) -> ClientSecrets {
        let target = Target {
            authority: "h:1".into(),
            credentials: None,
            path: path.into(),
            bundled: false,
            tls: false,
        };
        let mut request = RequestParts::of_head(&RequestHead::Minimal, &target);
        fields.iter().for_each(|(name, value)| request.set(name, Template::new(value)));
        let data = ClientData { path: "none".into(), columns: vec![], lines: 1, wrap: false };
        let table = ClientTable::parse(csv, true);
        ClientSecrets { data: Some(data), request: Some(request), table: Some(table) }
    }

    fn shown(secrets: &mut ClientSecrets, of: HeadOf, text: &str, cut: bool) -> String {
        let mut head = Head { of, bytes: text.as_bytes().to_vec(), cut };
        secrets.redact_head(&mut head);
        String::from_utf8(head.bytes).expect("it is text")
    }

    #[test]
    fn a_request_loses_its_values_by_their_places_and_nothing_else() {
        let fields = [("X-Aa", "{a}"), ("X-Bb", "1{a}1 {random}"), ("Authorization", "{b}")];
        let mut secrets = secrets("/1/{a}?b={b}", &fields, "a,b\n1,x y\n");
        let head = "GET /1/1?b=x%20y HTTP/1.1\r\nHost: h:1\r\nx-aa: 1\r\n\
                    X-Bb: 111 0123456789abcdef\r\nAuthorization: ‹redacted, 1 B›\r\n\
                    If-None-Match: 1\r\nAccept: */*\r\n\r\n";
        let wanted = "GET /1/‹redacted, 1 B›?b=‹redacted, 5 B› HTTP/1.1\r\nHost: h:1\r\n\
                      x-aa: ‹redacted, 1 B›\r\nX-Bb: 1‹redacted, 1 B›1 0123456789abcdef\r\n\
                      Authorization: ‹redacted, 1 B›\r\nIf-None-Match: ‹redacted, 1 B›\r\n\
                      Accept: */*\r\n\r\n";
        assert_eq!(shown(&mut secrets, HeadOf::Request, head, false), wanted);
        // What nobody knows the places of: another target, and a value that goes on in the next line.
        let moved = "GET /login?from=1 HTTP/1.1\r\nX-Aa: 2\r\n 1\r\n";
        let wanted =
            "GET ‹redacted, 13 B› HTTP/1.1\r\nX-Aa: ‹redacted, 1 B›\r\n ‹redacted, 1 B›\r\n";
        assert_eq!(shown(&mut secrets, HeadOf::Request, moved, false), wanted);
        let cut = shown(&mut secrets, HeadOf::Request, "GET /1/1?b=x%2", true);
        assert_eq!(cut, "GET /1/‹redacted, 1 B›?b=‹redacted, 3 B›");
        for text in ["", "GET", "GET /1/", "\r\n", ":\n:", " \n", "X-Aa"] {
            shown(&mut secrets, HeadOf::PostRequest, text, true);
        }
    }

    #[test]
    fn an_answer_loses_the_values_of_its_client() {
        let mut secrets = secrets("/", &[], "a,b\n200,pq12\n5,rs34\n");
        let head = "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 200\r\nX: a200 (200) apq12b rs34\r\n\r\n";
        let wanted = "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 ‹redacted, 3 B›\r\n\
                      X: a200 (‹redacted, 3 B›) a‹redacted, 4 B›b rs34\r\n\r\n";
        assert_eq!(shown(&mut secrets, HeadOf::Response, head, false), wanted);
        let mut answer = |client, text: &str, cut| {
            let mut bytes = text.as_bytes().to_vec();
            secrets.redact_answer(client, &mut bytes, cut);
            String::from_utf8(bytes).expect("it is text")
        };
        assert_eq!(
            answer(1, "no 5 in 25 of rs34, 200", false),
            "no ‹redacted, 1 B› in 25 of ‹redacted, 4 B›, 200"
        );
        assert_eq!(answer(1, "no rs", true), "no ‹redacted, 2 B›");
        assert_eq!(answer(0, "", true), "");
        // Data that cannot be read any more may be anywhere.
        secrets.table = Some(Err("gone".to_owned()));
        let mut bytes = b"any text".to_vec();
        secrets.redact_answer(0, &mut bytes, false);
        assert_eq!(bytes, "‹redacted, 8 B›".as_bytes());
    }
}
