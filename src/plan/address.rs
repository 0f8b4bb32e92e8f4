//! The address of a server that is already running, as its user wrote it.
//!
//! Separate from `net`, which connects: here a name is looked up once, so that a run of thousands
//! of clients asks no resolver.

use std::net::{SocketAddr, ToSocketAddrs};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Its `Host`.
    pub authority: String,
    /// Its socket's address.
    pub socket: SocketAddr,
}

impl Address {
    /// Reads `http://host[:port][/]` and looks the host up.
    ///
    /// # Errors
    /// A sentence with what is wrong and what would be right.
    pub(crate) fn of(url: &str) -> Result<Address, String> {
        parse(url)
    }
}

pub(super) fn parse(url: &str) -> Result<Address, String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(format!("url {url:?} must begin with \"http://\""));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" | "wss" => return Err(format!("url {url:?}: TLS is not supported yet")),
        _ => return Err(format!("url {url:?}: unknown scheme {scheme:?}, use \"http\"")),
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !matches!(path, "" | "/") {
        return Err(format!("url {url:?} has a path; write paths into server.paths"));
    }
    if authority.contains('@') {
        return Err(format!("url {url:?} has a user name; it is not supported"));
    }
    let (host, port) = split(authority)
        .ok_or_else(|| format!("url {url:?} needs a host, as in \"http://127.0.0.1:8080\""))?;
    let port = match port {
        None => 80,
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| format!("url {url:?}: {digits:?} is not a port"))?,
    };
    let found: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(|error| format!("url {url:?}: cannot look up {host:?}: {error}"))?
        .collect();
    // IPv4 first: only there do loopback clients have addresses to spread over.
    let socket = found.iter().find(|a| a.is_ipv4()).or(found.first());
    let socket = *socket.ok_or_else(|| format!("url {url:?}: {host:?} has no address"))?;
    Ok(Address { authority: authority.to_owned(), socket })
}

/// Host, without the brackets of IPv6, and port.
fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._[]:%".contains(c);
    if !authority.chars().all(legal) {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            if rest.is_empty() { (host, None) } else { (host, Some(rest.strip_prefix(':')?)) }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        let of = |url| parse(url).map(|a| (a.authority, a.socket.to_string()));
        let ok = |a: &str, s: &str| Ok((a.to_owned(), s.to_owned()));
        assert_eq!(of("http://127.0.0.1:8080"), ok("127.0.0.1:8080", "127.0.0.1:8080"));
        assert_eq!(of("http://127.0.0.1/"), ok("127.0.0.1", "127.0.0.1:80"));
        assert_eq!(of("http://[::1]:9"), ok("[::1]:9", "[::1]:9"));
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let why = |url| parse(url).unwrap_err();
        assert_eq!(why("https://a/"), "url \"https://a/\": TLS is not supported yet");
        assert_eq!(why("127.0.0.1:80"), "url \"127.0.0.1:80\" must begin with \"http://\"");
        assert!(why("ftp://a").contains("unknown scheme"));
        assert!(why("http://").contains("needs a host"));
        assert!(why("http://a b").contains("needs a host"));
        assert!(why("http://127.0.0.1:0").contains("is not a port"));
        assert!(why("http://127.0.0.1:x").contains("is not a port"));
        assert!(why("http://127.0.0.1/poll").contains("server.paths"));
        assert!(why("http://u@127.0.0.1").contains("user name"));
    }
}
