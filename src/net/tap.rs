//! A tap: a layer that keeps the heads of the first HTTP messages that pass it, as bytes.
//!
//! One client of a case has it, and after the first heads it does nothing. It finds the beginning
//! and the end of a head, and interprets nothing between them but the names of fields whose values
//! are secrets: these are not kept.

use crate::net::layer::{LayerBuffer, StreamLayer};
use crate::record::{Direction, HEAD_KEPT_BYTES, Head, HeadOf, Phase};
use crate::secret::redact_fields;
use std::cell::RefCell;
use std::rc::Rc;

/// The heads that were kept, shared by the connections of a client.
pub(crate) type Heads = Rc<RefCell<Vec<Head>>>;

/// The first bytes of a response (RFC 9112 §4).
const VERSION: &[u8] = b"HTTP/1.";

/// The tap of one stream.
#[derive(Debug)]
pub(crate) struct Tap {
    heads: Heads,
    /// True for a connection that carries the client's own messages.
    posts: bool,
    phase: Phase,
    /// What follows is no HTTP: the connection was upgraded.
    upgraded: bool,
    /// The heads that are not whole yet, of each direction.
    begun: [Option<Head>; 2],
}

impl Tap {
    /// A tap on a connection that was opened in a phase. `posts` is true for a connection that
    /// carries the client's own messages, beside that of its transport.
    pub(crate) fn new(heads: Heads, posts: bool, phase: Phase) -> Tap {
        Tap { heads, posts, phase, upgraded: false, begun: [None, None] }
    }

    /// A head that begins with these bytes, if it is one to keep.
    fn begin(&self, direction: Direction, bytes: &[u8]) -> Option<Head> {
        let request = self.current_request();
        let (of, begins) = match direction {
            // A method is upper case (RFC 9110 §9.1); a request is written from its first byte.
            Direction::Up => (request, bytes.first().is_some_and(u8::is_ascii_uppercase)),
            // The answer to a request that was not kept could not be assigned to one.
            Direction::Down => {
                let version = !bytes.is_empty() && bytes.iter().zip(VERSION).all(|(a, b)| a == b);
                (request.answer(), version && self.has(request))
            }
        };
        (begins && !self.has(of)).then(|| Head { of, bytes: Vec::new(), cut: false })
    }

    /// What a request that is sent now is.
    fn current_request(&self) -> HeadOf {
        if self.posts {
            HeadOf::PostRequest
        } else if self.phase == Phase::Steady {
            HeadOf::Request
        } else {
            HeadOf::OpeningRequest
        }
    }

    fn has(&self, of: HeadOf) -> bool {
        self.heads.borrow().iter().any(|head| head.of == of)
    }

    /// Appends bytes to a head that has begun. Keeps it once it is whole, and returns it if not.
    fn append(&mut self, mut head: Head, bytes: &[u8]) -> Option<Head> {
        let room = HEAD_KEPT_BYTES - head.bytes.len();
        head.cut = bytes.len() > room;
        head.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let (end, status) = match find_end(&head.bytes, !head.of.is_request()) {
            Some(found) => found,
            None if head.cut => (head.bytes.len(), 0),
            None => return Some(head),
        };
        let whole = end < HEAD_KEPT_BYTES || !head.cut;
        self.upgraded = !head.of.is_request() && status == 101;
        let bytes = redact_fields(&head.bytes[..end]);
        self.heads.borrow_mut().push(Head { of: head.of, bytes, cut: !whole });
        None
    }
}

impl StreamLayer for Tap {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
    }
    fn observe(&mut self, direction: Direction, bytes: &[u8]) {
        if self.upgraded {
            return;
        }
        let place = direction as usize;
        let head = self.begun[place].take().or_else(|| self.begin(direction, bytes));
        self.begun[place] = head.and_then(|head| self.append(head, bytes));
    }
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        None
    }
}

/// Keeps fields of HTTP/2, a line each, if they are the first of their kind: those of an answer if its request is
/// kept.
pub(crate) fn keep_fields<'a>(
    heads: &Heads,
    of: HeadOf,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) {
    let mut heads = heads.borrow_mut();
    let is_kept = |of: HeadOf| heads.iter().any(|head| head.of == of);
    let request = HeadOf::ALL.into_iter().find(|other| other.is_request() && other.answer() == of);
    if is_kept(of) || request.is_some_and(|request| !is_kept(request)) {
        return;
    }
    let mut lines = Vec::new();
    for (name, value) in fields {
        lines.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    }
    lines.extend_from_slice(b"\r\n");
    let mut bytes = redact_fields(&lines);
    let cut = bytes.len() > HEAD_KEPT_BYTES;
    bytes.truncate(HEAD_KEPT_BYTES);
    heads.push(Head { of, bytes, cut });
}

/// The end of a head, after its empty line, and its status. A response's head includes the interim
/// responses before it (RFC 9110 §15.2).
fn find_end(bytes: &[u8], response: bool) -> Option<(usize, u16)> {
    let mut from = 0;
    loop {
        let end = from + blank_line(&bytes[from..])?;
        let status = status(&bytes[from..end]);
        if !response || status == 101 || !(100..200).contains(&status) {
            return Some((end, status));
        }
        from = end;
    }
}

/// The length up to and with the first empty line.
fn blank_line(bytes: &[u8]) -> Option<usize> {
    let mut ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at);
    let mut last = ends.next()?;
    for at in ends {
        if matches!(&bytes[last + 1..at], b"" | b"\r") {
            return Some(at + 1);
        }
        last = at;
    }
    None
}

/// The status of a response's head; 0 if it has none.
fn status(head: &[u8]) -> u16 {
    let digits = head.get(9..12).and_then(|d| std::str::from_utf8(d).ok());
    digits.and_then(|d| d.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";

    fn kept(tap: &Tap) -> Vec<(HeadOf, String)> {
        let text = |head: &Head| (head.of, crate::record::latin1(&head.bytes));
        tap.heads.borrow().iter().map(text).collect()
    }

    fn text(bytes: &[u8]) -> String {
        crate::record::latin1(bytes)
    }

    #[test]
    fn the_first_of_each_kind_is_kept() {
        let mut tap = Tap::new(Heads::default(), false, Phase::Setup);
        for _ in 0..3 {
            tap.observe(Direction::Up, REQUEST);
            tap.observe(Direction::Down, &[OK, b"body"].concat());
        }
        tap.enter(Phase::Steady);
        // What comes now was asked before.
        tap.observe(Direction::Down, b"HTTP/1.1 404 Not Found\r\n\r\n");
        tap.observe(Direction::Up, b"PUT / HTTP/1.1\r\n\r\nbody");
        tap.observe(Direction::Down, b"HTTP/1.1 204 No");
        tap.observe(Direction::Down, b" Content\r\n\r\n");
        let wanted = [
            (HeadOf::OpeningRequest, text(REQUEST)),
            (HeadOf::OpeningResponse, text(OK)),
            (HeadOf::Request, "PUT / HTTP/1.1\r\n\r\n".to_owned()),
            (HeadOf::Response, "HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        ];
        assert_eq!(kept(&tap), wanted);
        let mut post = Tap::new(tap.heads.clone(), true, Phase::Steady);
        post.observe(Direction::Up, REQUEST);
        assert_eq!(kept(&post)[4].0, HeadOf::PostRequest);
    }

    #[test]
    fn interim_responses_belong_to_the_head_and_an_upgrade_ends_the_tap() {
        let mut tap = Tap::new(Heads::default(), false, Phase::Setup);
        tap.observe(Direction::Up, REQUEST);
        let switch = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n";
        tap.observe(Direction::Down, &[&switch[..], b"\x81\x01x"].concat());
        tap.enter(Phase::Steady);
        tap.observe(Direction::Up, REQUEST);
        tap.observe(Direction::Down, OK);
        let wanted =
            [(HeadOf::OpeningRequest, text(REQUEST)), (HeadOf::OpeningResponse, text(switch))];
        assert_eq!(kept(&tap), wanted);
    }

    #[test]
    fn a_head_without_end_is_cut() {
        let mut tap = Tap::new(Heads::default(), false, Phase::Setup);
        tap.observe(Direction::Up, REQUEST);
        tap.observe(Direction::Down, b"HTTP/1.1 200 OK\r\n");
        for _ in 0..20 {
            tap.observe(Direction::Down, &[b'x'; 1024]);
        }
        let heads = tap.heads.borrow();
        assert_eq!((heads[1].bytes.len(), heads[1].cut), (HEAD_KEPT_BYTES, true));
        assert_eq!(heads.len(), 2);
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_head(cuts in prop::collection::vec(1usize..20, 1..8)) {
            let stream = [OK, b"rest of it"].concat();
            let mut tap = Tap::new(Heads::default(), false, Phase::Setup);
            tap.observe(Direction::Up, REQUEST);
            let mut at = 0;
            for cut in cuts.into_iter().cycle() {
                let end = (at + cut).min(stream.len());
                tap.observe(Direction::Down, &stream[at..end]);
                at = end;
                if at == stream.len() { break }
            }
            prop_assert_eq!(&kept(&tap)[1].1, &text(OK));
        }

        #[test]
        fn any_bytes_are_accepted(pieces in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8
        )) {
            let mut tap = Tap::new(Heads::default(), false, Phase::Setup);
            tap.observe(Direction::Up, REQUEST);
            for (up, piece) in pieces {
                if up { tap.observe(Direction::Up, &piece) } else { tap.observe(Direction::Down, &[OK, &piece].concat()) }
            }
        }
    }
}
