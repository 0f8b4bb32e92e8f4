//! A tap on a stream: keeps the heads of the first HTTP messages that pass it, as bytes.
//!
//! Separate from the meter, which counts every byte of every stream: one stream of a case has a
//! tap, and after the first heads it only looks on. It knows where a head begins and ends, and
//! nothing of what is said in it.

use crate::record::{HEAD_KEPT_BYTES, Head, HeadOf, Phase};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The heads that were kept, shared by the connections of a client.
pub(crate) type Heads = Rc<RefCell<Vec<Head>>>;

/// What a response begins with (RFC 9112 §4).
const VERSION: &[u8] = b"HTTP/1.";

/// The tap of one stream.
#[derive(Debug)]
pub struct Tap {
    heads: Heads,
    /// True on a connection for messages of the client's own.
    posts: bool,
    phase: Cell<Phase>,
    /// What follows is no HTTP any more: the connection was upgraded.
    over: Cell<bool>,
    up: RefCell<Option<Head>>,
    down: RefCell<Option<Head>>,
}

impl Tap {
    /// A tap on a connection that was opened in a phase; `posts` where it is for messages of the
    /// client's own beside its transport's connection.
    pub fn new(heads: Heads, posts: bool, phase: Phase) -> Tap {
        Tap {
            heads,
            posts,
            phase: Cell::new(phase),
            over: Cell::new(false),
            up: RefCell::default(),
            down: RefCell::default(),
        }
    }

    /// What passes from now on belongs to another phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Bytes that the client wrote.
    pub fn wrote(&self, bytes: &[u8]) {
        if self.over.get() {
            return;
        }
        let mut open = self.up.borrow_mut();
        if open.is_none() {
            let of = self.request();
            // A method is a word; a request goes out from its first byte.
            if !bytes.first().is_some_and(u8::is_ascii_uppercase) || self.has(of) {
                return;
            }
            *open = Some(Head { of, bytes: Vec::new(), cut: false });
        }
        self.take_in(&mut open, bytes);
    }

    /// Bytes that the client read.
    pub fn read(&self, bytes: &[u8]) {
        if self.over.get() {
            return;
        }
        let mut open = self.down.borrow_mut();
        if open.is_none() {
            let of = self.request();
            let begins = !bytes.is_empty() && bytes.iter().zip(VERSION).all(|(a, b)| a == b);
            // An answer to what was not kept is of no use: nobody knows which it is.
            if !begins || !self.has(of) || self.has(of.answer()) {
                return;
            }
            *open = Some(Head { of: of.answer(), bytes: Vec::new(), cut: false });
        }
        self.take_in(&mut open, bytes);
    }

    /// Which request it would be that is sent now.
    fn request(&self) -> HeadOf {
        match (self.posts, self.phase.get()) {
            (true, _) => HeadOf::PostRequest,
            (false, Phase::Steady) => HeadOf::Request,
            (false, _) => HeadOf::OpeningRequest,
        }
    }

    fn has(&self, of: HeadOf) -> bool {
        self.heads.borrow().iter().any(|head| head.of == of)
    }

    fn take_in(&self, open: &mut Option<Head>, bytes: &[u8]) {
        let Some(head) = open else { return };
        let room = HEAD_KEPT_BYTES - head.bytes.len();
        head.cut = bytes.len() > room;
        head.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let end = match end_of(&head.bytes, !head.of.is_request()) {
            Some(end) => end,
            None if head.cut => head.bytes.len(),
            None => return,
        };
        if let Some(head) = open.take() {
            let whole = end < HEAD_KEPT_BYTES || !head.cut;
            let upgraded = !head.of.is_request() && last_status(&head.bytes[..end]) == 101;
            self.over.set(upgraded);
            let bytes = head.bytes[..end].to_vec();
            self.heads.borrow_mut().push(Head { of: head.of, bytes, cut: !whole });
        }
    }
}

/// Where a head ends: after its empty line; that of a response after the interim ones before it.
fn end_of(bytes: &[u8], response: bool) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + blank_line(&bytes[from..])?;
        let interim = (100..200).contains(&status(&bytes[from..end]));
        if !response || !interim || status(&bytes[from..end]) == 101 {
            return Some(end);
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

/// The status of a response's head; 0 where it has none.
fn status(head: &[u8]) -> u16 {
    let digits = head.get(9..12).and_then(|d| std::str::from_utf8(d).ok());
    digits.and_then(|d| d.parse().ok()).unwrap_or(0)
}

/// The status of the last of the responses whose heads these are.
fn last_status(heads: &[u8]) -> u16 {
    let (mut from, mut last) = (0, 0);
    while let Some(len) = blank_line(&heads[from..]) {
        last = status(&heads[from..from + len]);
        from += len;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
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
        let tap = Tap::new(Heads::default(), false, Phase::Setup);
        for _ in 0..3 {
            tap.wrote(ASK);
            tap.read(&[OK, b"body"].concat());
        }
        tap.enter(Phase::Steady);
        // What comes now was asked before.
        tap.read(b"HTTP/1.1 404 Not Found\r\n\r\n");
        tap.wrote(b"PUT / HTTP/1.1\r\n\r\nbody");
        tap.read(b"HTTP/1.1 204 No");
        tap.read(b" Content\r\n\r\n");
        let wanted = [
            (HeadOf::OpeningRequest, text(ASK)),
            (HeadOf::OpeningResponse, text(OK)),
            (HeadOf::Request, "PUT / HTTP/1.1\r\n\r\n".to_owned()),
            (HeadOf::Response, "HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        ];
        assert_eq!(kept(&tap), wanted);
        let voice = Tap::new(tap.heads.clone(), true, Phase::Steady);
        voice.wrote(ASK);
        assert_eq!(kept(&voice)[4].0, HeadOf::PostRequest);
    }

    #[test]
    fn interim_responses_belong_to_the_head_and_an_upgrade_ends_it_all() {
        let tap = Tap::new(Heads::default(), false, Phase::Setup);
        tap.wrote(ASK);
        let switch = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n";
        tap.read(&[&switch[..], b"\x81\x01x"].concat());
        tap.enter(Phase::Steady);
        tap.wrote(ASK);
        tap.read(OK);
        let wanted = [(HeadOf::OpeningRequest, text(ASK)), (HeadOf::OpeningResponse, text(switch))];
        assert_eq!(kept(&tap), wanted);
    }

    #[test]
    fn a_head_without_end_is_cut() {
        let tap = Tap::new(Heads::default(), false, Phase::Setup);
        tap.wrote(ASK);
        tap.read(b"HTTP/1.1 200 OK\r\n");
        for _ in 0..20 {
            tap.read(&[b'x'; 1024]);
        }
        let heads = tap.heads.borrow();
        assert_eq!((heads[1].bytes.len(), heads[1].cut), (HEAD_KEPT_BYTES, true));
        assert_eq!(heads.len(), 2);
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_head(cuts in prop::collection::vec(1usize..20, 1..8)) {
            let stream = [OK, b"rest of it"].concat();
            let tap = Tap::new(Heads::default(), false, Phase::Setup);
            tap.wrote(ASK);
            let mut at = 0;
            for cut in cuts.into_iter().cycle() {
                let end = (at + cut).min(stream.len());
                tap.read(&stream[at..end]);
                at = end;
                if at == stream.len() { break }
            }
            prop_assert_eq!(&kept(&tap)[1].1, &text(OK));
        }

        #[test]
        fn any_bytes_are_taken(pieces in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8
        )) {
            let tap = Tap::new(Heads::default(), false, Phase::Setup);
            tap.wrote(ASK);
            for (up, piece) in pieces {
                if up { tap.wrote(&piece) } else { tap.read(&[OK, &piece].concat()) }
            }
        }
    }
}
