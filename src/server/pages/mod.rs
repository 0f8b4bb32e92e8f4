//! Pages for a browser: the chapter's ticker by four transports side by side, and what its listings 7-8 and 7-9
//! do, written anew.
//!
//! They are apart from everything that is measured: `wsbench serve` alone has them, runs and comparisons never
//! do, and what they publish is a bounded feed of each page's own. [`guard`] refuses what comes from another site.

mod content;
mod feeds;
mod guard;
mod requests;
mod socket;
mod stream;
mod ticker;

pub(crate) use guard::Hosts;

use crate::server::body::{Body, plain};
use crate::server::peer::Peer;
use crate::server::routes::Answer;
use bytes::Bytes;
use content::PAGES;
use feeds::{PageFeeds, PageTransport};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use requests::{Query, head_bytes_down, head_bytes_up};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The longest that a long poll is held.
const HELD: Duration = Duration::from_secs(25);
/// Between two looks at a feed whose rate may change.
const LOOK: Duration = Duration::from_millis(200);

/// What every thread's pages share.
pub struct Pages {
    hosts: Hosts,
    feeds: Arc<PageFeeds>,
    sockets: Arc<socket::Sockets>,
}

impl Pages {
    /// Pages that are served to these hosts.
    pub(crate) fn new(hosts: Hosts) -> Pages {
        Pages { hosts, feeds: Arc::default(), sockets: Arc::default() }
    }

    /// Answers a request for a page or of one; `None` if it is for something else.
    pub(crate) fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Option<Answer> {
        let path = request.uri().path();
        let page = PAGES.iter().find(|page| page.path == path);
        let is_ours = page.is_some()
            || path.starts_with("/pages/")
            || path == "/echo"
            || path == "/broadcast";
        if !is_ours {
            return None;
        }
        if let Err(why) = self.hosts.admit(request) {
            return Some(Answer::Now(plain(StatusCode::FORBIDDEN, format!("{why}\n"))));
        }
        if let Some(page) = page {
            return Some(Answer::Now(shown(page, request)));
        }
        let query = Query::of(request.uri().query().unwrap_or_default());
        Some(match path {
            "/echo" => self.sockets.echo(request),
            "/broadcast" => self.sockets.broadcast(request),
            "/pages/time" => Answer::Now(json(format!("{{\"at\":{:.3}}}", feeds::wall_ms()))),
            _ => match query.own_feed() {
                Some(feed) => self.of_feed(path, feed, &query, request, peer),
                None => Answer::Now(plain(StatusCode::BAD_REQUEST, "a feed is needed\n")),
            },
        })
    }

    /// Answers what a page asks of its feed.
    fn of_feed(
        &self,
        path: &str,
        feed: u64,
        query: &Query,
        request: &Request<Incoming>,
        peer: &Rc<Peer>,
    ) -> Answer {
        if !self.feeds.open(feed) {
            let why = "too many pages are open: close one\n";
            return Answer::Now(plain(StatusCode::SERVICE_UNAVAILABLE, why));
        }
        let up = head_bytes_up(request);
        match path {
            "/pages/poll" => {
                let (_, text) = self.feeds.latest(feed);
                Answer::Now(counted(&self.feeds, feed, PageTransport::Polling, up, text))
            }
            "/pages/long-poll" => {
                let feeds = self.feeds.clone();
                let after = query.number("after").unwrap_or(0.0) as u64;
                Answer::Later(Box::pin(async move {
                    let until = tokio::time::Instant::now() + HELD;
                    loop {
                        let (n, text) = feeds.latest(feed);
                        if n > after || tokio::time::Instant::now() >= until {
                            return counted(&feeds, feed, PageTransport::LongPolling, up, text);
                        }
                        tokio::time::sleep(feeds.until_next(feed).min(LOOK)).await;
                    }
                }))
            }
            "/pages/events" => {
                Answer::Now(stream::events(self.feeds.clone(), feed, up, peer.clone()))
            }
            "/pages/socket" => self.sockets.of_feed(request, self.feeds.clone(), feed),
            "/pages/counts" => Answer::Now(json(self.feeds.counts(feed))),
            "/pages/rate" if request.method() == Method::POST => match query.number("hz") {
                Some(hz) => {
                    Answer::Now(json(format!("{{\"hz\":{}}}", self.feeds.set_rate(feed, hz))))
                }
                None => Answer::Now(plain(StatusCode::BAD_REQUEST, "hz is needed\n")),
            },
            _ => Answer::Now(plain(StatusCode::NOT_FOUND, "no page asks for this\n")),
        }
    }
}

/// An answer to a poll, of which the bytes are counted.
fn counted(
    feeds: &PageFeeds,
    feed: u64,
    transport: PageTransport,
    up: u64,
    text: String,
) -> Response<Body> {
    let body = text.len() as u64;
    let response = json(text);
    feeds.count(feed, transport, |counts| {
        counts.requests += 1;
        counts.messages += 1;
        counts.up += up;
        counts.down += head_bytes_down(&response, Some(body)) + body;
    });
    response
}

fn json(text: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(text))));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A page with its policy.
fn shown(page: &content::WebPage, request: &Request<Incoming>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(page.text()))));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let permissions = HeaderName::from_static("permissions-policy");
    let geolocation = if page.locates { "geolocation=(self)" } else { "geolocation=()" };
    headers.insert(permissions, HeaderValue::from_static(geolocation));
    // The host was admitted, so that it is one.
    let host = guard::host(request).unwrap_or_default();
    if let Ok(policy) = HeaderValue::from_str(&page.policy(host)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
