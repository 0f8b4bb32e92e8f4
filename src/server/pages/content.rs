//! The pages: their texts, and the policy by which a browser runs nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A page.
pub(super) struct WebPage {
    pub path: &'static str,
    title: &'static str,
    body: &'static str,
    script: &'static str,
    /// Whether it asks where the browser is.
    pub locates: bool,
}

const STYLE: &str = include_str!("content/style.css");
/// What the scripts of all pages share.
const COMMON: &str = include_str!("content/common.js");

/// Every page.
pub(super) const PAGES: [WebPage; 4] = [
    WebPage {
        path: "/",
        title: "A ticker, four ways",
        body: include_str!("content/index.html"),
        script: include_str!("content/index.js"),
        locates: false,
    },
    WebPage {
        path: "/websocket.html",
        title: "WebSocket echo",
        body: include_str!("content/websocket.html"),
        script: include_str!("content/websocket.js"),
        locates: false,
    },
    WebPage {
        path: "/broadcast.html",
        title: "Broadcast",
        body: include_str!("content/broadcast.html"),
        script: include_str!("content/broadcast.js"),
        locates: false,
    },
    WebPage {
        path: "/tracker.html",
        title: "Tracker",
        body: include_str!("content/tracker.html"),
        script: include_str!("content/tracker.js"),
        locates: true,
    },
];

impl WebPage {
    fn script(&self) -> String {
        format!("\"use strict\";\n{COMMON}\n{}", self.script)
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        let link = |page: &WebPage| {
            let here = if page.path == self.path { " aria-current=\"page\"" } else { "" };
            format!("<li><a href=\"{}\"{here}>{}</a></li>", page.path, page.title)
        };
        let links: String = PAGES.iter().map(link).collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
             <title>{title} · wsbench</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <header><nav aria-label=\"Pages\"><ul>{links}</ul></nav></header>\n<main>\n<h1>{title}</h1>\n{body}</main>\n\
             <script>{script}</script>\n</body>\n</html>\n",
            title = self.title,
            body = self.body,
            script = self.script(),
        )
    }

    /// The content security policy (CSP Level 3): its own style and script, and connections to this server.
    pub(super) fn policy(&self, host: &str) -> String {
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; \
             connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(&self.script())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser runs is what the policy allows: nothing in an attribute, nothing from elsewhere.
    #[test]
    fn pages_have_one_style_one_script_and_nothing_in_attributes() {
        for page in &PAGES {
            let text = page.text();
            assert_eq!(
                (text.matches("<style").count(), text.matches("<script").count()),
                (1, 1),
                "{}",
                page.path
            );
            for forbidden in
                [" style=", " onclick=", " onload=", "http://", "https://", "innerHTML", "eval("]
            {
                assert!(!text.contains(forbidden), "{}: {forbidden}", page.path);
            }
            assert!(page.policy("localhost:80").contains("connect-src 'self' ws://localhost:80"));
        }
    }
}
