//! The address of a server that is already running, from its URL.
//!
//! Separate from `net`, which connects: here a name is looked up once, so that a run of thousands
//! of clients asks no resolver.

use crate::secret;
use http::Uri;
use http::uri::Port;
use std::net::{SocketAddr, ToSocketAddrs};

/// Stands for a free port in a command line and its address.
pub(crate) const PORT: &str = "{port}";
/// A port in place of `{port}`, with as many digits as those that are put in.
pub(crate) const ANY_PORT: &str = "65535";

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The `Host` of requests, as the user wrote it.
    pub authority: String,
    /// The value of `Authorization` for the URL's user and password.
    pub credentials: Option<String>,
    /// The address of its socket.
    pub socket: SocketAddr,
    /// Further addresses that the host's name has, in the order in which to try them.
    pub others: Vec<SocketAddr>,
}

/// A URL's parts, of which nothing was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlParts {
    /// The `Host` of requests, as the user wrote it.
    pub authority: String,
    /// The value of `Authorization` for its user and password, if it has them.
    pub credentials: Option<String>,
    /// A name or an address, without brackets.
    pub host: String,
    /// Its port; never 0.
    pub port: u16,
    /// Whether the scheme is one with TLS.
    pub tls: bool,
}

/// The schemes with their default ports, and whether they have TLS. What is asked of the server is
/// the transport's matter, whatever the scheme.
const SCHEMES: [(&str, u16, bool); 4] =
    [("http", 80, false), ("ws", 80, false), ("https", 443, true), ("wss", 443, true)];

impl UrlParts {
    /// Reads `http://host[:port][/]`, and the same with another of the four schemes.
    ///
    /// # Errors
    /// A sentence with what is wrong and what would be right.
    pub(crate) fn parse(url: &str) -> Result<UrlParts, String> {
        secret::note_text(url);
        if !url.contains("://") {
            return Err(format!(
                "url {url:?} must begin with \"http://\", \"https://\", \"ws://\" or \"wss://\""
            ));
        }
        let needs_host = || format!("url {url:?} needs a host, as in \"http://127.0.0.1:8080\"");
        let uri: Uri = url.parse().map_err(|_| needs_host())?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let Some((_, default_port, tls)) = SCHEMES.iter().find(|(name, ..)| *name == scheme) else {
            let names = SCHEMES.map(|(name, ..)| format!("{name:?}")).join(", ");
            return Err(format!("url {url:?}: unknown scheme {scheme:?}, use one of {names}"));
        };
        if uri.path_and_query().is_some_and(|path| path != "/") || url.contains('#') {
            return Err(format!("url {url:?} has a path; write paths into server.paths"));
        }
        let authority = uri.authority().ok_or_else(needs_host)?;
        let (user, shown) = match authority.as_str().rsplit_once('@') {
            Some((user, shown)) => (Some(user), shown),
            None => (None, authority.as_str()),
        };
        let credentials = user.map(secret::basic_credentials);
        // An IPv6 address is in brackets.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(needs_host());
        }
        // Digits alone (RFC 3986 §3.2.3): a number of Rust may have a sign.
        let is_port = |port: &Port<&str>| port.as_str().bytes().all(|b| b.is_ascii_digit());
        let port = match authority.port().filter(is_port).map(|port| port.as_u16()) {
            None if shown == authority.host() => *default_port,
            Some(port) if port != 0 => port,
            _ => {
                let digits = shown.rsplit(':').next().unwrap_or_default();
                return Err(format!("url {url:?}: {digits:?} is not a port"));
            }
        };
        let authority = shown.to_owned();
        let host = host.to_owned();
        Ok(UrlParts { authority, credentials, host, port, tls: *tls })
    }
}

impl Address {
    /// Reads `http://host[:port][/]` and looks the host up.
    ///
    /// # Errors
    /// A sentence with what is wrong and what would be right.
    pub(crate) fn resolve(url: &str) -> Result<Address, String> {
        let UrlParts { authority, credentials, host, port, .. } = UrlParts::parse(url)?;
        let mut found: Vec<SocketAddr> = (&*host, port)
            .to_socket_addrs()
            .map_err(|error| format!("url {url:?}: cannot look up {host:?}: {error}"))?
            .collect();
        // IPv4 first: only there do loopback clients have addresses to spread over.
        found.sort_by_key(SocketAddr::is_ipv6);
        found.dedup();
        let mut found = found.into_iter();
        let socket = found.next().ok_or_else(|| format!("url {url:?}: {host:?} has no address"))?;
        Ok(Address { authority, credentials, socket, others: found.collect() })
    }
}

/// Takes a URL apart into the server's and the path of a request: `/` if it has none.
pub(crate) fn split_path(url: &str) -> (&str, String) {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    let (server, path) = url.split_at(end);
    let slash = if path.starts_with('/') { "" } else { "/" };
    (server, format!("{slash}{path}"))
}

/// Returns why a text cannot be the path of a request.
pub(crate) fn bad_path(path: &str) -> Option<String> {
    let legal = path.chars().all(|c| c.is_ascii_graphic() && c != '#');
    (!path.starts_with('/') || !legal).then(|| {
        format!("path {path:?} must begin with \"/\" and hold no space, # or letter beyond ASCII")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        let of = |url| Address::resolve(url).map(|a| (a.authority, a.socket.to_string()));
        let ok = |a: &str, s: &str| Ok((a.to_owned(), s.to_owned()));
        assert_eq!(of("http://127.0.0.1:8080"), ok("127.0.0.1:8080", "127.0.0.1:8080"));
        assert_eq!(of("http://127.0.0.1:80"), ok("127.0.0.1:80", "127.0.0.1:80"));
        assert_eq!(of("http://127.0.0.1/"), ok("127.0.0.1", "127.0.0.1:80"));
        assert_eq!(of("HTTP://127.0.0.1"), ok("127.0.0.1", "127.0.0.1:80"));
        assert_eq!(of("http://[::1]:9"), ok("[::1]:9", "[::1]:9"));
        assert_eq!(of("https://127.0.0.1"), ok("127.0.0.1", "127.0.0.1:443"));
        assert_eq!(of("WSS://127.0.0.1/"), ok("127.0.0.1", "127.0.0.1:443"));
        assert_eq!(of("ws://127.0.0.1"), ok("127.0.0.1", "127.0.0.1:80"));
        let tls = |url| UrlParts::parse(url).map(|parts| parts.tls);
        assert_eq!(
            [tls("ws://a"), tls("wss://a"), tls("https://a:1")],
            [Ok(false), Ok(true), Ok(true)]
        );
    }

    #[test]
    fn user_and_password_are_credentials_and_no_part_of_the_host() {
        let of = |url| {
            let parts = UrlParts::parse(url).expect("a URL");
            (parts.authority, parts.port, parts.credentials)
        };
        // `u:p` and `u:p@ss` in base64 (RFC 7617 §2).
        let is = |authority: &str, port, user: &str| {
            (authority.to_owned(), port, Some(format!("Basic {user}")))
        };
        assert_eq!(of("http://u:p@127.0.0.1:81"), is("127.0.0.1:81", 81, "dTpw"));
        assert_eq!(of("wss://u:p%40ss@[::1]/"), is("[::1]", 443, "dTpwQHNz"));
        // A user alone has an empty password.
        assert_eq!(of("ws://u@h"), is("h", 80, "dTo="));
        assert_eq!(of("ws://h"), ("h".to_owned(), 80, None));
    }

    #[test]
    fn a_url_is_taken_apart_at_its_path() {
        let of = |url| {
            let (server, path) = split_path(url);
            (server.to_owned(), path)
        };
        let is = |server: &str, path: &str| (server.to_owned(), path.to_owned());
        assert_eq!(of("ws://a:1/b?c=/d"), is("ws://a:1", "/b?c=/d"));
        assert_eq!(of("http://a"), is("http://a", "/"));
        assert_eq!(of("http://a?x"), is("http://a", "/?x"));
        assert_eq!(of("a/b"), is("a", "/b"));
        assert_eq!(of(""), is("", "/"));
        assert_eq!(bad_path("/a?b=c"), None);
        for path in ["", "a", "/a b", "/a#b", "/ä"] {
            assert!(bad_path(path).is_some_and(|why| why.contains("must begin")), "{path}");
        }
    }

    #[test]
    fn an_unusable_url_is_refused_with_the_reason() {
        let why = |url| Address::resolve(url).unwrap_err();
        assert!(
            why("127.0.0.1:80").starts_with("url \"127.0.0.1:80\" must begin with \"http://\"")
        );
        assert!(why("ftp://a").contains("unknown scheme"));
        assert!(why("http://").contains("needs a host"));
        assert!(why("http://:80").contains("needs a host"));
        assert!(why("http://a b").contains("needs a host"));
        assert!(why("http://127.0.0.1:0").contains("is not a port"));
        assert!(why("http://127.0.0.1:x").contains("is not a port"));
        assert!(why("http://127.0.0.1:").contains("is not a port"));
        assert!(why("http://127.0.0.1:+80").contains("\"+80\" is not a port"));
        assert!(why("wss://[::1]:+80/").contains("\"+80\" is not a port"));
        assert!(why("http://127.0.0.1/poll").contains("server.paths"));
        assert!(why("http://127.0.0.1?a").contains("server.paths"));
        assert!(why("http://127.0.0.1#a").contains("server.paths"));
    }
}
