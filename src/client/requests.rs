//! The requests of the clients of one thread: the same bytes for all of them, unless a placeholder,
//! a cookie or a redirect makes one different.

use crate::client::compressed_bodies::CompressedBodies;
use crate::client::connection::MovedBytes;
use crate::client::core::ClientCore;
use crate::client::http2::CarrierPool;
use crate::client::machine::{Machine, SessionPolicy};
use crate::client::rendered_request::{HeadSize, RenderedRequest};
use crate::client::session::Session;
use crate::protocol::client_data::ClientTable;
use crate::protocol::http1::Target;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::content_coding::Codings;
use crate::protocol::http1::cookies::{CookieJar, CookieSource, SetCookies};
use crate::protocol::http1::redirect::{SameServer, target_of};
use crate::protocol::http1::request_options::RequestOptions;
use crate::protocol::http1::request_parts::{RequestChanges, RequestParts};
use crate::protocol::http1::response::{Parts, Response};
use crate::protocol::http1::success::SuccessStatuses;
use crate::protocol::template::Template;
use crate::record::{Part, Phase};
use std::borrow::Cow;

/// The clients whose requests a plan tries with the parser of a library.
pub(crate) const SAMPLED_CLIENTS: u32 = 1_000;

/// How requests go over HTTP/2.
struct Http2Requests {
    carriers: CarrierPool,
    tls: bool,
}

/// The requests of one kind of the clients of one thread.
pub(crate) struct Requests {
    parts: RequestParts,
    /// The request of every client, if none differs.
    shared: Option<RenderedRequest>,
    table: ClientTable,
    authority: String,
    /// The host to which cookies belong.
    cookie_host: String,
    keep_cookies: bool,
    /// The statuses that count as success.
    pub success: SuccessStatuses,
    redirects: u8,
    /// The content codings that they ask for.
    codings: Codings,
    http2: Option<Http2Requests>,
}

impl Requests {
    /// Renders the request, if it is the same for all clients, and reads the clients' data if it is
    /// not.
    ///
    /// # Errors
    /// A sentence, if the data cannot be read.
    pub(crate) fn new(
        parts: RequestParts,
        options: &RequestOptions,
        target: &Target,
    ) -> Result<Requests, String> {
        let authority = &target.authority;
        let constant = parts.is_constant();
        let http2 = options.http2.map(|settings| Http2Requests {
            carriers: CarrierPool::new(
                settings.options(),
                settings.streams,
                parts.field("Upgrade").is_some(),
            ),
            tls: target.tls,
        });
        // What the server takes as its name; one that differs by client is not that of its cookies.
        let host = parts.field("Host").and_then(Template::constant).unwrap_or(authority);
        let cookie_host = without_port(host).to_owned();
        let tls = http2.as_ref().map(|http2| http2.tls);
        let shared = constant.then(|| RenderedRequest::new(parts.render_constant(), tls));
        let table = match &options.data {
            Some(data) if !constant => data.load()?,
            _ => ClientTable::default(),
        };
        Ok(Requests {
            parts,
            shared,
            table,
            authority: authority.to_owned(),
            cookie_host,
            keep_cookies: options.keep_cookies,
            success: options.status.clone(),
            redirects: options.redirects,
            codings: options.codings(),
            http2,
        })
    }

    /// Returns the sessions of a client that sends them: over a connection of its own, or over one of HTTP/2, whose
    /// session is the first if this client is the first on it.
    pub(crate) fn sessions(
        &self,
        core: ClientCore,
        machine: Box<dyn Machine>,
        policy: SessionPolicy,
    ) -> Vec<Session> {
        match &self.http2 {
            None => vec![Session::new(core, machine, policy)],
            Some(http2) => http2.carriers.sessions(core, machine, policy),
        }
    }

    /// Renders a request for the version of HTTP that it goes over.
    fn rendered(&self, request: (Vec<u8>, usize)) -> RenderedRequest {
        RenderedRequest::new(request, self.http2.as_ref().map(|http2| http2.tls))
    }

    /// Whether they go over HTTP/2.
    pub(crate) fn are_http2(&self) -> bool {
        self.http2.is_some()
    }

    /// Returns the response to one of them before it comes.
    pub(crate) fn response(&self) -> Response {
        let mut response = Response::wanting(self.keep_cookies);
        response.codings = self.codings;
        response
    }

    /// Returns what reads the compressed bodies of one client, if the requests ask for some.
    pub(crate) fn compressed_bodies(&self) -> Option<Box<CompressedBodies>> {
        (!self.codings.is_empty()).then(Box::default)
    }

    /// Whether answers that set cookies must be read for them.
    #[inline]
    pub(crate) fn keeps_cookies(&self) -> bool {
        self.keep_cookies
    }

    /// Returns the first requests of so many clients, of which one stands for all if none differs.
    pub(crate) fn samples(&self, clients: u32) -> impl Iterator<Item = Cow<'_, RenderedRequest>> {
        let count = if self.shared.is_some() { 1 } else { clients };
        (0..count).map(|client| match &self.shared {
            Some(shared) => Cow::Borrowed(shared),
            None => {
                let values = self.table.values(client, 0);
                let request = self.parts.render(&values, &RequestChanges::default());
                Cow::Owned(self.rendered(request))
            }
        })
    }

    /// Whether each request of a client may differ from its last.
    pub(crate) fn varies(&self) -> bool {
        self.shared.is_none() || self.keep_cookies
    }

    /// Returns the request of every client; `None` if they differ.
    pub(crate) fn shared(&self) -> Option<&RenderedRequest> {
        self.shared.as_ref()
    }

    /// Returns the next request of a client. `more` are further fields with their line ends.
    #[inline]
    pub(crate) fn next(
        &self,
        core: &ClientCore,
        more: &[u8],
        redirected: &Redirected,
    ) -> Cow<'_, RenderedRequest> {
        match &self.shared {
            Some(shared) if more.is_empty() && !self.keep_cookies && redirected.0.is_none() => {
                Cow::Borrowed(shared)
            }
            _ => self.render(core, more, redirected, None, None),
        }
    }

    fn render(
        &self,
        core: &ClientCore,
        more: &[u8],
        redirected: &Redirected,
        query: Option<(&str, &str)>,
        member: Option<(&str, &str)>,
    ) -> Cow<'_, RenderedRequest> {
        let jars = core.thread.cookies.borrow();
        let cookies = jars.get(&core.id).filter(|_| self.keep_cookies);
        match (&self.shared, cookies, &redirected.0) {
            _ if query.is_some() || member.is_some() => {}
            (Some(shared), None, None) if more.is_empty() => return Cow::Borrowed(shared),
            (Some(shared), None, None) if !shared.has_body() => {
                return Cow::Owned(self.rendered(shared.with_fields(more)));
            }
            _ => {}
        }
        let changes = RequestChanges { cookies, query, member, ..redirected.changes(more) };
        let values = self.table.values(core.id, core.next_random());
        Cow::Owned(self.rendered(self.parts.render(&values, &changes)))
    }

    /// Returns the next request of a client that says where it is: by a parameter of its query or a
    /// member of its body.
    pub(crate) fn next_at(
        &self,
        core: &ClientCore,
        more: &[u8],
        redirected: &Redirected,
        query: Option<(&str, &str)>,
        member: Option<(&str, &str)>,
    ) -> Cow<'_, RenderedRequest> {
        if query.is_none() && member.is_none() {
            return self.next(core, more, redirected);
        }
        self.render(core, more, redirected, query, member)
    }

    /// Keeps the cookies that an answer to the last request sets, if cookies are kept. None is quoted, kept
    /// or not.
    pub(crate) fn keep(
        &self,
        core: &ClientCore,
        phase: Phase,
        redirected: &Redirected,
        cookies: Option<Box<SetCookies>>,
    ) {
        let Some(fields) = cookies else { return };
        if self.keep_cookies {
            let target = self.last_target(core, redirected);
            let tls = core.thread.tls.get().is_some();
            let source = CookieSource { host: &self.cookie_host, target: &target, tls };
            let mut jars = core.thread.cookies.borrow_mut();
            let jar: &mut CookieJar = jars.entry(core.id).or_default();
            let now_s = core.thread.clocks().wall_s();
            for why in fields.0.iter().filter_map(|field| jar.keep(field, source, now_s)) {
                core.cookie_left_out(phase, why);
            }
        }
        let mut seen = core.thread.seen_cookies.borrow_mut();
        fields.0.into_iter().for_each(|field| seen.add(field));
    }

    /// The target of a client's last request, but for its random parts.
    fn last_target(&self, core: &ClientCore, redirected: &Redirected) -> Vec<u8> {
        let mut target = Vec::new();
        match redirected.0.as_deref() {
            Some(redirect) => target.extend_from_slice(redirect.target.as_bytes()),
            None => self.parts.render_target(&self.table.values(core.id, 0), &mut target),
        }
        target
    }

    /// Follows an answer that leads elsewhere on the same server. Returns whether the request must
    /// be sent again; false for an answer that leads nowhere, or if enough redirects were followed, which the
    /// text then has.
    pub(crate) fn follow(
        &self,
        core: &ClientCore,
        redirected: &mut Redirected,
        status: u16,
        text: Option<&mut AnswerText>,
    ) -> bool {
        if self.redirects == 0 {
            return false;
        }
        self.follow_on(core, redirected, status, text).is_some()
    }

    #[cold]
    fn follow_on(
        &self,
        core: &ClientCore,
        redirected: &mut Redirected,
        status: u16,
        text: Option<&mut AnswerText>,
    ) -> Option<()> {
        if !matches!(status, 301..=303 | 307 | 308) || self.success.contains(status) {
            return None;
        }
        let before = redirected.0.as_deref();
        let followed = before.map_or(0, |redirect| redirect.followed);
        let from = self.last_target(core, redirected);
        let server =
            SameServer { authority: &self.authority, tls: core.thread.tls.get().is_some() };
        let text = text?;
        let target = target_of(text.whole_location()?, server, &from)?;
        if followed >= self.redirects {
            text.redirects = followed;
            return None;
        }
        // 301 and 302 make a GET of a POST, as browsers have it (RFC 9110 §15.4).
        let becomes_get = status == 303 || (status <= 302 && self.parts.method == "POST");
        *redirected = Redirected(Some(Box::new(Redirect {
            target,
            as_get: becomes_get || before.is_some_and(|redirect| redirect.as_get),
            followed: followed + 1,
            for_good: matches!(status, 301 | 308)
                && before.is_none_or(|redirect| redirect.for_good),
        })));
        Some(())
    }
}

/// The host of a name with a port, such as `h:8080` or `[::1]:8080`.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    }
}

/// Where the requests of a client go instead of the path of its series.
#[derive(Debug, Default)]
pub(crate) struct Redirected(Option<Box<Redirect>>);

#[derive(Debug)]
struct Redirect {
    target: String,
    as_get: bool,
    /// How many redirects were followed one after the other.
    followed: u8,
    /// Whether all of them are permanent (RFC 9110 §15.4): then later requests go there at once.
    for_good: bool,
}

impl Redirected {
    /// What is different in a request with further fields.
    fn changes<'a>(&'a self, more: &'a [u8]) -> RequestChanges<'a> {
        RequestChanges {
            target: self.0.as_ref().map(|redirect| redirect.target.as_str()),
            as_get: self.0.as_ref().is_some_and(|redirect| redirect.as_get),
            more,
            ..RequestChanges::default()
        }
    }

    /// The answer to the last request was no redirect.
    #[inline]
    pub(crate) fn arrived(&mut self) {
        if let Some(redirect) = &mut self.0 {
            redirect.followed = 0;
            if !redirect.for_good {
                self.0 = None;
            }
        }
    }
}

/// Adds the bytes of an exchange whose answer leads elsewhere: its body belongs to no message.
pub(crate) fn add_redirect(
    core: &ClientCore,
    phase: Phase,
    moved: MovedBytes,
    request: HeadSize,
    parts: &Parts,
) {
    core.add_bytes(phase, |ledger| {
        ledger.up.wire += moved.up;
        request.add_to(&mut ledger.up);
        ledger.down.wire += moved.down;
        ledger.down[Part::Heads] += parts.heads;
        ledger.down.head_chars += parts.head_chars;
        ledger.down[Part::Framing] += parts.framing;
        ledger.down[Part::Discarded] += parts.payload + parts.stray;
    });
}
