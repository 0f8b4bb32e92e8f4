//! What the library of the engine `reqwest` makes of a path: its parser of URLs removes dots and escapes
//! characters, so that another request would be sent than the plan shows.

use crate::client::rendered_request::RenderedRequest;
use crate::client::requests::SAMPLED_CLIENTS;
use crate::protocol::http1::Target;
use crate::transport::polling::engine_reqwest::LibraryRequest;
use crate::transport::polling::params::Params;
use std::borrow::Cow;

const NO_SUCH_REQUEST: &str = "the engine \"reqwest\" cannot send this";
const OTHER_ENGINE: &str = "correct it, or take engine = \"raw\"";

/// Returns why the library cannot send the requests to a target as they are; `None` if it can.
pub(super) fn refuses_target(params: &Params, target: &Target) -> Option<String> {
    // Data that cannot be read are refused by themselves.
    let requests = params.requests(target).ok()?;
    let changed = |rendered: Cow<'_, RenderedRequest>| {
        if let Some(authority) = other_authority(&rendered, &target.authority) {
            return Some(format!(
                "over HTTP/2 the engine \"reqwest\" names the server by its URL, and not {authority} as this \
                 request does: leave host out and take request_head = \"minimal\", or engine = \"raw\""
            ));
        }
        let path = match LibraryRequest::parse(&rendered) {
            Ok(request) => request.path,
            Err(why) => return Some(format!("{NO_SUCH_REQUEST}: {why}; {OTHER_ENGINE}")),
        };
        match sent_target(&path) {
            Some(sent) if sent == path => None,
            Some(sent) => Some(format!(
                "the engine \"reqwest\" would send the path {path:?} as {sent:?}: write it as it is \
                 sent, or take engine = \"raw\""
            )),
            None => Some(format!("{NO_SUCH_REQUEST}: the path {path:?}; {OTHER_ENGINE}")),
        }
    };
    requests.samples(SAMPLED_CLIENTS).find_map(changed)
}

/// Returns the authority that a request over HTTP/2 names, if it is not that of the URL.
fn other_authority(rendered: &RenderedRequest, authority: &str) -> Option<String> {
    let (fields, _) = rendered.http2()?;
    let (_, named, _) = fields.iter().find(|(name, ..)| *name == b":authority")?;
    (named != authority.as_bytes()).then(|| String::from_utf8_lossy(named).into_owned())
}

/// Returns what the library sends for a path.
fn sent_target(path: &str) -> Option<String> {
    let url = reqwest::Url::parse(&format!("http://127.0.0.1{path}")).ok()?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let sent = format!("{}{query}", url.path());
    sent.parse::<http::Uri>().is_ok().then_some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_the_library_changes_is_known() {
        for path in ["/", "/latest?q=%22x%22&r=a|b", "/a/b.c?x=y/../z", "/a%2fb;c=d?{x}"] {
            assert_eq!(sent_target(path).as_deref(), Some(path));
        }
        for (path, sent) in [
            ("/latest/../latest?q=\"x\"", "/latest?q=%22x%22"),
            ("/./a b", "/a%20b"),
            ("/a\\b", "/a/b"),
            ("/{x}", "/%7Bx%7D"),
        ] {
            assert_eq!(sent_target(path).as_deref(), Some(sent));
        }
    }
}
