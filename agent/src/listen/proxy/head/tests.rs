//! Tests of heads: what goes, what stays, what is added.

use hyper::Request;
use proptest::prelude::*;

use super::*;
use crate::listen::proxy::settings::Upstream;

fn settings() -> Proxy {
    Proxy::new("127.0.0.1:1".parse().unwrap(), Upstream::parse("app:80").unwrap())
}

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn parts(headers: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::get("/path?query");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn passed(headers: &[(&str, &str)], set: impl FnOnce(&mut Proxy)) -> (HeaderMap, Meaning) {
    let mut settings = settings();
    set(&mut settings);
    let mut parts = parts(&[&[("host", "shop.example")], headers].concat());
    let meaning = request(&mut parts, CLIENT, &settings, &Traces::default()).unwrap();
    (parts.headers, meaning)
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn what_belongs_to_the_connection_stays_behind() {
    let (headers, meaning) = passed(
        &[
            ("connection", "keep-alive, X-Secret"),
            ("connection", "x-other"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("x-kept", "3"),
            ("upgrade", "websocket"),
        ],
        |_| {},
    );
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["host", "traceparent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-kept"]);
    assert_eq!(meaning.upgrade, None, "an upgrade that the connection does not name is none");
    let (headers, _) = passed(&[("connection", "host, content-length, x-forwarded-for"), ("content-length", "3")], |_| {});
    assert_eq!((all(&headers, "host"), all(&headers, "content-length")), (vec!["shop.example"], vec!["3"]));
}

#[test]
fn trailers_and_upgrades_are_asked_for_anew() {
    let (headers, _) = passed(&[("te", "deflate;q=0.5, trailers"), ("connection", "te")], |_| {});
    assert_eq!((all(&headers, "te"), all(&headers, "connection")), (vec!["trailers"], vec!["te"]));
    let (headers, meaning) = passed(&[("connection", "Upgrade"), ("upgrade", "WebSocket")], |_| {});
    assert_eq!((all(&headers, "upgrade"), all(&headers, "connection")), (vec!["WebSocket"], vec!["upgrade"]));
    assert_eq!(meaning.upgrade.unwrap(), "WebSocket");
}

#[test]
fn forwarding_headers_are_kept_only_from_a_caller_that_is_trusted() {
    let came = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-for", "198.51.100.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "public.example"),
        ("forwarded", "for=198.51.100.1"),
        ("x_forwarded_for", "198.51.100.3"),
    ];
    let (headers, _) = passed(&came, |_| {});
    assert_eq!(all(&headers, "x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(all(&headers, "x-forwarded-proto"), ["http"]);
    assert_eq!(all(&headers, "x-forwarded-host"), ["shop.example"]);
    assert!(!headers.contains_key("forwarded") && !headers.contains_key("x_forwarded_for"));
    let (headers, _) = passed(&came, |settings| settings.trust_forwarded = true);
    assert_eq!(all(&headers, "x-forwarded-for"), ["198.51.100.1, 198.51.100.2, 192.0.2.7"]);
    assert_eq!(all(&headers, "x-forwarded-proto"), ["https"]);
    assert_eq!(all(&headers, "x-forwarded-host"), ["public.example"]);
    assert_eq!(all(&headers, "forwarded"), ["for=198.51.100.1"]);
    let (headers, _) = passed(&[], |settings| settings.trust_forwarded = true);
    assert_eq!(all(&headers, "x-forwarded-for"), ["192.0.2.7"]);
}

#[test]
fn a_trace_is_kept_or_begun() {
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let valid = format!("00-{id}-00f067aa0ba902b7-00");
    let (headers, meaning) = passed(&[("traceparent", &valid), ("tracestate", "a=1")], |_| {});
    assert_eq!((all(&headers, "traceparent"), all(&headers, "tracestate")), (vec![valid.as_str()], vec!["a=1"]));
    assert_eq!(meaning.trace_id.as_deref(), Some(id));
    for came in [&[("traceparent", "nonsense"), ("tracestate", "a=1")][..], &[("traceparent", &valid), ("traceparent", &valid)]] {
        let (headers, meaning) = passed(came, |_| {});
        let began = all(&headers, "traceparent");
        assert_eq!((began.len(), all(&headers, "tracestate").len()), (1, 0));
        assert_eq!(trace::parse(began[0].as_bytes()), meaning.trace_id.as_deref());
        assert_ne!(meaning.trace_id.as_deref(), Some(id));
    }
    let (headers, meaning) = passed(&[], |settings| settings.traceparent = false);
    assert_eq!((headers.contains_key("traceparent"), meaning.trace_id), (false, None));
}

#[test]
fn an_absolute_target_names_the_host() {
    let (mut parts, ()) = Request::get("http://real.example:81").header("host", "other").body(()).unwrap().into_parts();
    request(&mut parts, CLIENT, &settings(), &Traces::default()).unwrap();
    assert_eq!((parts.uri.to_string().as_str(), all(&parts.headers, "host")), ("/", vec!["real.example:81"]));
    let (mut parts, ()) = Request::options("*").header("host", "a").body(()).unwrap().into_parts();
    request(&mut parts, CLIENT, &settings(), &Traces::default()).unwrap();
    assert_eq!(parts.uri, "*");
}

proptest! {
    #[test]
    fn any_head_is_passed_or_refused(
        path in "/[!-~]{0,30}",
        headers in prop::collection::vec((
            prop_oneof![
                Just("connection".to_owned()), Just("upgrade".to_owned()), Just("te".to_owned()), Just("host".to_owned()),
                Just("traceparent".to_owned()), Just("x-forwarded-for".to_owned()), Just("transfer-encoding".to_owned()),
                Just("cookie".to_owned()), Just("expect".to_owned()), "[a-zA-Z0-9-]{1,10}",
            ],
            prop::collection::vec(any::<u8>(), 0..40),
        ), 0..12),
        is_http2 in any::<bool>(),
        is_trusted in any::<bool>(),
    ) {
        let Ok(uri) = path.parse::<Uri>() else { return Ok(()) };
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        parts.version = if is_http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
                parts.headers.append(name, value);
            }
        }
        let mut settings = settings();
        settings.trust_forwarded = is_trusted;
        if request(&mut parts, CLIENT, &settings, &Traces::default()).is_ok() {
            prop_assert_eq!(parts.headers.get_all(header::HOST).iter().count(), 1);
            prop_assert!(!parts.headers.contains_key(header::TRANSFER_ENCODING));
            prop_assert_eq!(parts.headers.get_all(FORWARDED_FOR).iter().count(), 1);
            prop_assert!(trace::parse(parts.headers[TRACEPARENT].as_bytes()).is_some());
        }
        response(&mut parts.headers);
        prop_assert!(!parts.headers.contains_key(header::CONNECTION));
    }
}
