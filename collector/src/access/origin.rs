//! Tells our own page from other sites: browsers send cookies with requests that any site causes.
//!
//! `Sec-Fetch-Site` decides where the browser sends it (HTTPS and loopback), `Origin` elsewhere. Pages cannot set either.

use std::net::IpAddr;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, Uri, header, request::Parts},
};

use super::{Access, proxy::ClientAddress};
use crate::problem::Problem;

/// What holds for a request with neither header, which no browser of today sends when it changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Let it pass: there is no cookie that it could abuse.
    Allow,
    /// Refuse it: it brings a cookie.
    Refuse,
}

/// A request that no other site has caused, and the address it came from. For requests that need nobody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Address of the client, when the listener knows it.
    pub address: Option<IpAddr>,
}

impl<S> FromRequestParts<S> for Caller
where
    Access: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let access = Access::from_ref(state);
        check(&parts.headers, &parts.uri, access.public_origin(), Missing::Allow)?;
        Ok(Self { address: ClientAddress::of(&parts.extensions).address })
    }
}

/// Refuses a request that another site has caused.
///
/// # Errors
/// 403, which names the two addresses.
pub fn check(headers: &HeaderMap, uri: &Uri, public: Option<&str>, missing: Missing) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return Err(Problem::forbidden("this request was caused by a page of another site")),
        None => {}
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else {
        return match missing {
            Missing::Allow => Ok(()),
            Missing::Refuse => Err(Problem::forbidden(
                "a request that comes with the session cookie must say from which page it comes (Origin); programs use a bearer token",
            )),
        };
    };
    let host =
        text(header::HOST.as_str()).or_else(|| uri.authority().map(axum::http::uri::Authority::as_str)).unwrap_or_default();
    let ours = authority(origin).is_some_and(|from| from == plain(host, origin))
        || public.is_some_and(|public| Some(public) == of_url(origin).as_deref());
    if ours {
        return Ok(());
    }
    let shown: String = origin.chars().take(100).collect();
    Err(Problem::forbidden(format!(
        "this request comes from a page at {shown}, which is not this collector; behind a proxy set public_url"
    )))
}

/// Scheme and authority of a web address, in the form browsers send as `Origin`.
#[must_use]
pub fn of_url(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    Some(format!("{scheme}://{}", authority(url)?))
}

/// Where people find the page by the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The address itself.
    pub url: String,
    /// Its scheme and authority, in the form browsers send as `Origin`.
    pub origin: String,
    /// Its path with a slash at the end: a proxy may have put the page into a folder.
    pub path: String,
}

impl Home {
    /// Takes an address apart; `None` when it is no web address.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        Some(Self { url: url.to_owned(), origin: of_url(url)?, path: format!("{}/", uri.path().trim_end_matches('/')) })
    }

    /// The path for which a cookie holds that is given to somebody who asked this host: other programs below the same name must
    /// not be sent it. Who comes by another name, past the proxy, does not see the page in that folder.
    #[must_use]
    pub fn cookie_path(&self, host: Option<&str>) -> &str {
        let is_here = host.is_some_and(|host| authority(&self.origin).is_some_and(|ours| ours == plain(host, &self.origin)));
        // A semicolon would end the attribute.
        if is_here && !self.path.contains(';') { &self.path } else { "/" }
    }
}

/// Host and port of an origin, in lower case and without the scheme's own port.
fn authority(origin: &str) -> Option<String> {
    let uri: Uri = origin.parse().ok()?;
    uri.scheme()?;
    Some(plain(uri.authority()?.as_str(), origin))
}

fn plain(authority: &str, origin: &str) -> String {
    let own_port = if origin.starts_with("https:") { ":443" } else { ":80" };
    authority.strip_suffix(own_port).unwrap_or(authority).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(headers: &[(&'static str, &'static str)], public: Option<&str>, missing: Missing) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        check(&map, &Uri::from_static("/api/auth/logout"), public, missing).is_ok()
    }

    #[test]
    fn the_browsers_own_word_decides_first() {
        for (site, expect) in [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false), ("", false)] {
            let headers = [("sec-fetch-site", site), ("origin", "http://farol.lan"), ("host", "farol.lan")];
            assert_eq!(ask(&headers, None, Missing::Allow), expect, "{site}");
        }
    }

    #[test]
    fn without_it_the_origin_must_be_the_address_asked() {
        for (origin, host, expect) in [
            ("http://127.0.0.1:8650", "127.0.0.1:8650", true),
            ("http://Farol.LAN", "farol.lan:80", true),
            ("https://farol.lan", "farol.lan", true),
            ("http://[::1]:8650", "[::1]:8650", true),
            ("http://127.0.0.1:9000", "127.0.0.1:8650", false),
            ("http://evil.example", "farol.lan", false),
            ("http://farol.lan.evil.example", "farol.lan", false),
            ("null", "farol.lan", false),
            ("null", "null", false),
        ] {
            assert_eq!(ask(&[("origin", origin), ("host", host)], None, Missing::Refuse), expect, "{origin} {host}");
        }
    }

    #[test]
    fn behind_a_proxy_the_public_address_counts_too() {
        let headers = [("origin", "https://farol.example.org"), ("host", "127.0.0.1:8650")];
        let public = of_url("https://farol.example.org/monitor");
        assert!(ask(&headers, public.as_deref(), Missing::Refuse));
        assert!(!ask(&headers, None, Missing::Refuse));
        let plain_http = [("origin", "http://farol.example.org"), ("host", "127.0.0.1:8650")];
        assert!(!ask(&plain_http, public.as_deref(), Missing::Refuse));
    }

    #[test]
    fn a_cookie_holds_for_the_folder_in_which_a_proxy_shows_the_page() {
        let home = Home::of("https://App.example.org/farol").unwrap();
        for (host, expect) in [
            (Some("app.example.org"), "/farol/"),
            (Some("APP.example.org:443"), "/farol/"),
            (Some("127.0.0.1:8650"), "/"),
            (Some("app.example.org:8650"), "/"),
            (None, "/"),
        ] {
            assert_eq!(home.cookie_path(host), expect, "{host:?}");
        }
        assert_eq!(Home::of("https://farol.example.org").unwrap().cookie_path(Some("farol.example.org")), "/");
        assert_eq!(Home::of("https://a.example/x;y").unwrap().cookie_path(Some("a.example")), "/");
    }

    #[test]
    fn a_request_without_either_header_passes_only_where_no_cookie_is_at_stake() {
        assert!(ask(&[("host", "farol.lan")], None, Missing::Allow));
        assert!(!ask(&[("host", "farol.lan")], None, Missing::Refuse));
    }
}
