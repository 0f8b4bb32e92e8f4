//! Requests of HTTP/1.1 as fields of HTTP/2 (RFC 9113 §8.3.1), so that a head is written in one way for both.

use crate::protocol::http2::fields::FieldList;

/// The method by which a stream becomes a connection of another protocol.
pub(crate) const CONNECT: &[u8] = b"CONNECT";

/// Fields that belong to a connection of HTTP/1.1 (RFC 9113 §8.2.2), and `Host`, which is `:authority`.
const LEFT_OUT: [&[u8]; 7] = [
    b"connection",
    b"host",
    b"http2-settings",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
];
/// Whether a field, whose name is of lower case, belongs to a connection of HTTP/1.1.
pub(crate) fn is_of_connection(name: &str) -> bool {
    LEFT_OUT.contains(&name.as_bytes())
}

/// Returns the fields of a request whose head is written for HTTP/1.1: pseudo-header fields in the order of
/// Chromium, then the others in the order of the head. One that asks for another protocol (`Upgrade`) is a CONNECT
/// that names it (RFC 8441 §4). `None` if it is no request's head.
pub(crate) fn request_fields(head: &[u8], tls: bool) -> Option<FieldList> {
    let mut lines =
        head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next()?.splitn(3, |byte| *byte == b' ');
    let method = words.next()?;
    let target = words.next()?;
    words.next()?;
    let regular: Vec<(Vec<u8>, &[u8])> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at(colon);
            Some((name.to_ascii_lowercase(), value[1..].trim_ascii()))
        })
        .collect();
    let mut list = FieldList::default();
    let protocol = regular.iter().find(|(name, _)| name == b"upgrade").map(|(_, value)| *value);
    list.push(b":method", if protocol.is_some() { CONNECT } else { method });
    if let Some((_, authority)) = regular.iter().find(|(name, _)| name == b"host") {
        list.push(b":authority", authority);
    }
    list.push(b":scheme", if tls { b"https" } else { b"http" });
    list.push(b":path", target);
    if let Some(protocol) = protocol {
        list.push(b":protocol", protocol);
    }
    for (name, value) in &regular {
        // `TE` may say that trailer sections are read, and nothing else.
        let te = name == b"te" && !value.eq_ignore_ascii_case(b"trailers");
        // The server's answer proves nothing by it (RFC 8441 §5).
        let is_key = protocol.is_some() && name == b"sec-websocket-key";
        if !te && !is_key && !LEFT_OUT.contains(&name.as_slice()) {
            list.push(name, value);
        }
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(list: &FieldList) -> String {
        let line = |(name, value): (&[u8], &[u8])| {
            format!("{} = {}\n", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        list.iter().map(line).collect()
    }

    #[test]
    fn a_request_has_the_fields_of_its_head_without_those_of_the_connection() {
        let head =
            b"GET /a?b=c HTTP/1.1\r\nHost: h:1\r\nConnection: keep-alive\r\nKeep-Alive: 300\r\n\
                     Accept:  */* \r\nTE: gzip\r\nCookie: a=1; b=2\r\n\r\nbody: none";
        let fields = request_fields(head, false).unwrap();
        assert_eq!(
            text(&fields),
            ":method = GET\n:authority = h:1\n:scheme = http\n:path = /a?b=c\naccept = */*\n\
             cookie = a=1; b=2\n"
        );
    }

    #[test]
    fn an_upgrade_is_a_connect() {
        let head = b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n";
        let fields = request_fields(head, true).unwrap();
        assert_eq!(
            text(&fields),
            ":method = CONNECT\n:authority = h\n:scheme = https\n:path = /ws\n\
             :protocol = websocket\nsec-websocket-version = 13\n"
        );
    }

    #[test]
    fn what_is_no_request_has_no_fields() {
        assert_eq!(request_fields(b"", false), None);
        assert_eq!(request_fields(b"GET /\r\n\r\n", false), None);
    }
}
