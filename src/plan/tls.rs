//! Reads how clients use TLS, and checks the files that a scenario names.
//!
//! Separate from `tls`, which makes configurations for rustls of what is read here.

use crate::config::{Diagnostic, Fields, Key};
use crate::plan::keys;
use crate::tls::{
    FileOf, HTTP_1_1, HTTP_2, TlsSettings, TlsVersion, check_file, client_config, is_name,
};
use std::path::PathBuf;

/// The settings that need a server with a URL: the bundled one has a certificate of its own, which
/// its clients trust.
const OF_OTHERS: [&Key; 6] = [
    &keys::TLS_CA,
    &keys::TLS_INSECURE,
    &keys::TLS_CERT,
    &keys::TLS_KEY,
    &keys::TLS_SNI,
    &keys::TLS_ALPN,
];

/// Who uses TLS with the clients.
#[derive(Debug, Clone, Copy)]
pub(super) enum TlsOf<'a> {
    /// The bundled server.
    Bundled,
    /// The servers of series, each of which has a URL of its own; false if all are without TLS.
    OfSeries(bool),
    /// The server at a URL with this host; false if the URL's scheme is without TLS.
    Url(&'a str, bool),
}

/// Reads the settings of TLS. `None` if there is none.
pub(super) fn read(
    server: &mut Fields<'_>,
    at: TlsOf<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TlsSettings> {
    let table = server.table(&keys::TLS);
    let (host, is_tls) = match at {
        TlsOf::Bundled => (None, table.is_some()),
        TlsOf::OfSeries(is_tls) => (None, is_tls && table.is_some()),
        TlsOf::Url(host, is_tls) => (Some(host), is_tls),
    };
    if !is_tls {
        if table.is_some() {
            let message = match at {
                TlsOf::OfSeries(_) => {
                    "tls has no effect: each series has a url of its own, and none begins with \
                     https:// or wss://; leave tls out, or correct the urls"
                }
                _ => "tls is for URLs that begin with https:// or wss://: this one does not",
            };
            server.report(&keys::TLS, message);
        }
        return None;
    }
    let mut settings = TlsSettings::default();
    if let Some(host) = host {
        settings.name = host.to_owned();
    }
    if let Some(mut fields) = table {
        fields.declare(keys::SERVER_TLS);
        read_table(&mut fields, at, &mut settings);
        let found = fields.finish();
        let is_wrong = !found.is_empty();
        diagnostics.extend(found);
        if is_wrong {
            return Some(settings);
        }
    }
    if !matches!(at, TlsOf::Bundled)
        && let Err(why) = client_config(&settings, None)
    {
        let key = if server.is_given(&keys::TLS) { &keys::TLS } else { &keys::URL };
        server.report(key, why);
    }
    Some(settings)
}

fn read_table(fields: &mut Fields<'_>, at: TlsOf<'_>, settings: &mut TlsSettings) {
    if matches!(at, TlsOf::OfSeries(_)) && fields.is_given(&keys::TLS_SNI) {
        let message = "sni needs server.url: each series has a server of its own, and is asked for it by \
                       the host of its url";
        fields.report(&keys::TLS_SNI, message);
    }
    if matches!(at, TlsOf::Bundled) {
        for key in OF_OTHERS {
            if fields.is_given(key) {
                let message = format!(
                    "{} needs server.url: the bundled server has a certificate of its own, which \
                     its clients trust",
                    key.name
                );
                fields.report(key, message);
            }
        }
    }
    settings.ca = file(fields, &keys::TLS_CA, FileOf::Certificates);
    settings.insecure = fields.boolean(&keys::TLS_INSECURE);
    if settings.insecure && settings.ca.is_some() {
        fields.report(&keys::TLS_INSECURE, "insecure accepts any certificate: leave ca out");
    }
    let certificate = file(fields, &keys::TLS_CERT, FileOf::Certificates);
    let key = file(fields, &keys::TLS_KEY, FileOf::Key);
    settings.certificate = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) if !fields.is_given(&keys::TLS_KEY) => {
            fields.report(&keys::TLS_CERT, "cert needs its key: give key as well");
            None
        }
        (None, Some(_)) if !fields.is_given(&keys::TLS_CERT) => {
            fields.report(&keys::TLS_KEY, "key needs its certificate: give cert as well");
            None
        }
        _ => None,
    };
    if let Some(name) = fields.optional_text(&keys::TLS_SNI) {
        if is_name(&name) {
            settings.name = name;
        } else {
            fields.report(&keys::TLS_SNI, format!("{name:?} cannot be the name of a server"));
        }
    }
    let offered = fields.optional_texts(&keys::TLS_ALPN);
    for protocol in &offered {
        if protocol.value == HTTP_2 {
            let message = "alpn \"h2\": set http_version = \"2\" in the series, which offers it";
            fields.report_at(&keys::TLS_ALPN, protocol.location.clone(), message);
        } else if protocol.value == "h3" {
            let message = "alpn \"h3\": wsbench has HTTP/1.1 and HTTP/2";
            fields.report_at(&keys::TLS_ALPN, protocol.location.clone(), message);
        } else if protocol.value.len() > 255 {
            let message = "alpn: a protocol's name has at most 255 bytes";
            fields.report_at(&keys::TLS_ALPN, protocol.location.clone(), message);
        }
    }
    settings.alpn = if offered.is_empty() {
        vec![HTTP_1_1.to_owned()]
    } else {
        offered.into_iter().map(|protocol| protocol.value).collect()
    };
    settings.resumption = fields.boolean(&keys::TLS_RESUMPTION);
    if fields.is_given(&keys::TLS_VERSION) {
        settings.version = Some(fields.choose(&keys::TLS_VERSION, &TlsVersion::CHOICES));
    }
}

/// Reads the name of a file, and checks what is in it.
fn file(fields: &mut Fields<'_>, key: &Key, of: FileOf) -> Option<PathBuf> {
    let path = fields.optional_path(key)?;
    if let Err(why) = check_file(&path, of) {
        fields.report(key, format!("{}: {why}", key.name));
        return None;
    }
    Some(path)
}
