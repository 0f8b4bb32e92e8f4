//! Where an answer leads: the target of the next request on the same server (RFC 9110 §15.4).

/// The server that has answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SameServer<'a> {
    /// Its name and port.
    pub authority: &'a str,
    /// Whether it is asked over TLS.
    pub tls: bool,
}

impl SameServer<'_> {
    /// Its schemes, and the port of a URL without one (RFC 9110 §4.2).
    fn schemes(self) -> ([&'static str; 2], &'static str) {
        if self.tls { (["https://", "wss://"], ":443") } else { (["http://", "ws://"], ":80") }
    }
}

/// Returns the target of the request that follows an answer with this field `Location` to a request
/// for `from`; `None` if it leads to another server, or to no target.
pub(crate) fn target_of(location: &[u8], server: SameServer<'_>, from: &[u8]) -> Option<String> {
    let location = std::str::from_utf8(location).ok()?.trim();
    let location = location.split('#').next().unwrap_or_default();
    if location.is_empty() || !location.chars().all(|c| c.is_ascii_graphic()) {
        return None;
    }
    let lower = location.to_ascii_lowercase();
    let (schemes, port) = server.schemes();
    let same_scheme = schemes.into_iter().find(|scheme| lower.starts_with(scheme));
    let rest = match same_scheme {
        Some(scheme) => &location[scheme.len()..],
        None => match location.strip_prefix("//") {
            Some(rest) => rest,
            None => return relative(location, from),
        },
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    if !is_same_server(&rest[..end], server.authority, port) {
        return None;
    }
    Some(match &rest[end..] {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    })
}

/// Whether two authorities name the same server; without a port it is this one.
fn is_same_server(one: &str, other: &str, port: &str) -> bool {
    let bare =
        |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    bare(one) == bare(other)
}

/// Returns the target of a reference without a server (RFC 3986 §5.2).
fn relative(location: &str, from: &[u8]) -> Option<String> {
    if location.starts_with('/') {
        return Some(location.to_owned());
    }
    // Another scheme: a colon before the first slash.
    if location.split(['/', '?']).next().unwrap_or_default().contains(':') {
        return None;
    }
    let from = std::str::from_utf8(from).ok()?;
    let path = from.split('?').next().unwrap_or_default();
    if location.starts_with('?') {
        return Some(format!("{path}{location}"));
    }
    let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
    let (reference, query) = match location.split_once('?') {
        Some((reference, query)) => (reference, format!("?{query}")),
        None => (location, String::new()),
    };
    Some(format!(
        "{}{query}",
        without_dots(&format!("/{}{reference}", folder.trim_start_matches('/')))
    ))
}

/// Removes the segments `.` and `..` of a path (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(authority: &str) -> SameServer<'_> {
        SameServer { authority, tls: false }
    }

    #[test]
    fn an_answer_leads_to_a_target_of_the_same_server() {
        let of = |location: &str| target_of(location.as_bytes(), plain("h:8080"), b"/a/b?c");
        let some = |target: &str| Some(target.to_owned());
        assert_eq!(of("/x?y#z"), some("/x?y"));
        assert_eq!(of("http://h:8080/x"), some("/x"));
        assert_eq!(of("ws://H:8080?q"), some("/?q"));
        assert_eq!(of("//h:8080"), some("/"));
        assert_eq!(of("x"), some("/a/x"));
        assert_eq!(of("../x/./y?q=.."), some("/x/y?q=.."));
        assert_eq!(of(".."), some("/"));
        assert_eq!(of("?d"), some("/a/b?d"));
        for elsewhere in ["http://h/x", "https://h:8080/x", "mailto:a", "", "/a b", "//other/x"] {
            assert_eq!(of(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(target_of(b"http://h:80/x", plain("h"), b"/"), some("/x"));
        // With and without TLS it is not the same server.
        let tls = SameServer { authority: "h", tls: true };
        assert_eq!(target_of(b"https://h:443/x", tls, b"/"), some("/x"));
        assert_eq!(target_of(b"wss://h/x", tls, b"/"), some("/x"));
        assert_eq!(target_of(b"http://h/x", tls, b"/"), None);
        assert_eq!(target_of(b"https://h/x", plain("h"), b"/"), None);
    }
}
