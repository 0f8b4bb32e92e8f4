//! Who may ask for pages: nobody whose name for this host is another one (DNS rebinding), and no other site.

use hyper::header::{HOST, ORIGIN};
use hyper::{Request, Version};
use std::net::IpAddr;

/// The header by which a browser says where a request comes from (Fetch Metadata).
const FETCH_SITE: &str = "sec-fetch-site";

/// Names of this host that pages are served under, besides its addresses and `localhost`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    /// Names without a port, in lower case.
    pub names: Vec<String>,
    /// Whether the server uses TLS.
    pub tls: bool,
}

/// The host that a request is for.
pub(super) fn host<T>(request: &Request<T>) -> Option<&str> {
    // Over HTTP/2 `:authority` has its place (RFC 9113 §8.3.1).
    if request.version() == Version::HTTP_2
        && let Some(authority) = request.uri().authority()
    {
        return Some(authority.as_str());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    // Two of them are one too many (RFC 9112 §3.2).
    hosts.next().is_none().then_some(host)
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

impl Hosts {
    /// Admits a request.
    ///
    /// # Errors
    /// A sentence, if its host is no name of this one, or it comes from another site.
    pub(super) fn admit<T>(&self, request: &Request<T>) -> Result<(), String> {
        let Some(host) = host(request) else {
            return Err("one Host is needed".to_owned());
        };
        let own = name(host).to_ascii_lowercase();
        let is_named = own == "localhost" || self.names.contains(&own);
        if !is_named && own.parse::<IpAddr>().is_err() {
            return Err(format!(
                "{own:?} is no name of this server: use its address or localhost, or start it with --pages-host {own}"
            ));
        }
        let headers = request.headers();
        let site = headers.get(FETCH_SITE).and_then(|value| value.to_str().ok());
        // What a person types or follows has `none`; a link from elsewhere to a page is harmless, and so is
        // `cross-site` of a navigation, but those ask for no data.
        if site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
            && headers.get("sec-fetch-mode").is_none_or(|mode| mode != "navigate")
        {
            return Err("another site may not use this server's pages".to_owned());
        }
        let needs_origin =
            request.method() != hyper::Method::GET || headers.get(hyper::header::UPGRADE).is_some();
        let scheme = if self.tls { "https" } else { "http" };
        match headers.get(ORIGIN) {
            Some(origin)
                if origin
                    .as_bytes()
                    .eq_ignore_ascii_case(format!("{scheme}://{host}").as_bytes()) =>
            {
                Ok(())
            }
            Some(_) => Err("another site may not use this server's pages".to_owned()),
            None if needs_origin => {
                Err("an Origin is needed: only a page may ask for this".to_owned())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(hosts: &Hosts, method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/pages/poll");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        hosts.admit(&request.body(()).expect("a request")).is_ok()
    }

    #[test]
    fn over_http2_the_authority_is_the_host() {
        let admitted = |uri| {
            let request = Request::builder().version(Version::HTTP_2).uri(uri).body(());
            Hosts::default().admit(&request.expect("a request")).is_ok()
        };
        assert!(admitted("https://localhost:8080/"));
        assert!(!admitted("https://evil.example/"));
        assert!(!admitted("/"));
    }

    #[test]
    fn a_request_is_admitted_by_its_host_and_its_origin() {
        let hosts = Hosts::default();
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST", "192.168.1.7:80"] {
            assert!(admitted(&hosts, "GET", &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example", ""] {
            assert!(!admitted(&hosts, "GET", &[("host", host)]), "{host}");
        }
        assert!(!admitted(&hosts, "GET", &[]));
        assert!(!admitted(&hosts, "GET", &[("host", "localhost"), ("host", "localhost")]));
        let named = Hosts { names: vec!["bench.local".to_owned()], tls: true };
        assert!(admitted(&named, "GET", &[("host", "Bench.Local:443")]));
        let socket = [("host", "bench.local"), ("upgrade", "websocket")];
        assert!(!admitted(&named, "GET", &socket));
        let with = |origin| [socket[0], socket[1], ("origin", origin)];
        assert!(admitted(&named, "GET", &with("https://bench.local")));
        for origin in
            ["http://bench.local", "https://bench.local:444", "https://evil.example", "null"]
        {
            assert!(!admitted(&named, "GET", &with(origin)), "{origin}");
        }
        assert!(!admitted(&hosts, "POST", &[("host", "localhost")]));
        let site = |value| [("host", "localhost"), (FETCH_SITE, value)];
        assert!(
            admitted(&hosts, "GET", &site("same-origin")) && admitted(&hosts, "GET", &site("none"))
        );
        assert!(
            !admitted(&hosts, "GET", &site("cross-site"))
                && !admitted(&hosts, "GET", &site("same-site"))
        );
    }
}
