//! Keeps web pages out: a browser on this machine can reach loopback on behalf of any page that it shows.
//!
//! A page names itself in `Origin`, which must then be of this machine. A page whose name was made to point here (DNS
//! rebinding) names itself in `Host`, which must be an address or `localhost` when the listener is on loopback.

use std::net::IpAddr;

use hyper::{
    StatusCode,
    header::{HOST, ORIGIN},
    http::request::Parts,
};

use super::answer::Failure;

/// Lets a request through, or says why not.
pub(super) fn check(request: &Parts, is_loopback: bool) -> Result<(), Failure> {
    let refuse = |detail: &str| Err(Failure::new(StatusCode::FORBIDDEN, detail));
    if let Some(origin) = request.headers.get(ORIGIN)
        && !origin.to_str().is_ok_and(is_local_origin)
    {
        return refuse("Origin names another site: web pages may not write to the agent. Send from the server's side instead.");
    }
    if !is_loopback {
        return Ok(());
    }
    let named = request.uri.authority().map(|authority| authority.as_str());
    let mut hosts = request.headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or("?")).chain(named);
    // No host at all is HTTP/1.0, which no browser speaks.
    if hosts.all(|host| is_local(host) || host_of(host).parse::<IpAddr>().is_ok()) {
        return Ok(());
    }
    refuse("Host must be an IP address or localhost: the agent listens on loopback, and other names are not its own.")
}

fn is_local_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, host)| is_local(host))
}

/// Whether a host, with a port or without, is this machine.
fn is_local(host: &str) -> bool {
    let host = host_of(host);
    let is_name = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    is_name || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host without its port and without the brackets of IPv6.
fn host_of(host: &str) -> &str {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn is_let_through(host: &str, origin: Option<&str>, is_loopback: bool) -> bool {
        let mut request = Request::builder().header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        check(&request.body(()).unwrap().into_parts().0, is_loopback).is_ok()
    }

    #[test]
    fn programs_on_this_machine_may_write() {
        for host in ["127.0.0.1:4318", "localhost:4318", "[::1]:4318", "[::1]", "app.localhost", "LOCALHOST", "172.17.0.1:4318"] {
            assert!(is_let_through(host, None, true), "{host}");
        }
        assert!(is_let_through("127.0.0.1:4318", Some("http://localhost:3000"), true));
        assert!(check(&Request::new(()).into_parts().0, true).is_ok(), "HTTP/1.0 names no host");
    }

    #[test]
    fn pages_of_other_sites_may_not() {
        for origin in
            ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "", "\u{80}"]
        {
            assert!(!is_let_through("127.0.0.1:4318", Some(origin), true), "{origin}");
            assert!(!is_let_through("agent:4318", Some(origin), false), "{origin}");
        }
        for host in ["rebound.example:4318", "", "localhost.evil.example", "127.0.0.1.evil.example", "[evil.example]"] {
            assert!(!is_let_through(host, None, true), "{host}");
        }
    }

    #[test]
    fn beyond_loopback_any_host_name_is_its_own() {
        assert!(is_let_through("agent:4318", None, false));
    }
}
