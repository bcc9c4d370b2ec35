//! Tests of who counts as the client behind which proxies.

use super::*;

const PROXIES: &[&str] = &["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1"];

fn ask(peer: &str, lines: &[(&'static str, &str)]) -> (String, bool, String) {
    let trusted: Vec<Network> = PROXIES.iter().map(|text| Network::parse(text).unwrap()).collect();
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("inner:8650"));
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    let found = client(SocketAddr::new(peer.parse().unwrap(), 4_711), false, &trusted, &mut headers);
    (found.address.unwrap().to_string(), found.is_https, headers["host"].to_str().unwrap().to_owned())
}

fn check(peer: &str, lines: &[(&'static str, &str)], address: &str, is_https: bool, host: &str) {
    assert_eq!(ask(peer, lines), (address.to_owned(), is_https, host.to_owned()), "{peer} {lines:?}");
}

#[test]
fn headers_of_a_peer_that_is_not_trusted_say_nothing() {
    let lines = [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "farol.lan")];
    check("198.51.100.1", &lines, "198.51.100.1", false, "inner:8650");
    check("198.51.100.1", &[("forwarded", "for=192.0.2.9;proto=https;host=farol.lan")], "198.51.100.1", false, "inner:8650");
}

#[test]
fn the_rightmost_address_that_is_no_proxy_of_ours_counts() {
    for (chain, expect) in [
        ("192.0.2.9", "192.0.2.9"),
        ("6.6.6.6, 192.0.2.9", "192.0.2.9"),
        ("6.6.6.6, 192.0.2.9, 10.1.2.3", "192.0.2.9"),
        ("10.1.2.3, 10.1.2.4", "10.1.2.3"),
        ("192.0.2.9:5555", "192.0.2.9"),
        ("[2001:db8::7]:5555", "2001:db8::7"),
        ("2001:db8::7, 2001:db8:1::5", "2001:db8::7"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("6.6.6.6, unknown, 10.1.2.3", "10.1.2.3"),
        ("nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        check("10.0.0.1", &[("x-forwarded-for", chain)], expect, false, "inner:8650");
    }
    // Several lines of a header are one list.
    check("10.0.0.1", &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.9")], "192.0.2.9", false, "inner:8650");
    let long = vec!["10.0.0.2"; 10_000].join(",");
    check("10.0.0.1", &[("x-forwarded-for", &format!("6.6.6.6,{long}"))], "10.0.0.2", false, "inner:8650");
}

#[test]
fn the_scheme_and_the_host_are_those_of_the_clients_hop() {
    let of = ("x-forwarded-for", "192.0.2.9, 10.1.2.3");
    check("10.0.0.1", &[of, ("x-forwarded-proto", "https")], "192.0.2.9", true, "inner:8650");
    check("10.0.0.1", &[of, ("x-forwarded-proto", "https, http")], "192.0.2.9", true, "inner:8650");
    check("10.0.0.1", &[of, ("x-forwarded-proto", "http, https, http")], "192.0.2.9", true, "inner:8650");
    check(
        "10.0.0.1",
        &[("x-forwarded-proto", "HTTPS"), ("x-forwarded-host", "farol.lan:444")],
        "10.0.0.1",
        true,
        "farol.lan:444",
    );
    for host in ["a b", "u@evil.example", "x/y", ""] {
        check("10.0.0.1", &[of, ("x-forwarded-host", host)], "192.0.2.9", false, "inner:8650");
    }
}

#[test]
fn the_standards_own_header_counts_too() {
    let lines = [(
        "forwarded",
        r#"for=6.6.6.6;proto=http, For="[2001:db8::7]:47011";Proto=https;Host="farol.lan", for=10.1.2.3;proto=http"#,
    )];
    check("127.0.0.1", &lines, "2001:db8::7", true, "farol.lan");
    for hidden in ["for=_hidden", "for=unknown", "by=10.0.0.1", "for=", "\"", "for=\"10.0"] {
        check("10.0.0.1", &[("forwarded", hidden)], "10.0.0.1", false, "inner:8650");
    }
}

#[test]
fn a_header_that_the_client_smuggled_past_the_proxy_is_noticed() {
    let lines =
        [("x-forwarded-for", "192.0.2.9"), ("forwarded", "for=1.1.1.1;host=evil.example"), ("x-forwarded-proto", "https")];
    check("10.0.0.1", &lines, "10.0.0.1", false, "inner:8650");
    check("10.0.0.1", &[("x-forwarded-for", "192.0.2.9"), ("forwarded", "for=192.0.2.9")], "192.0.2.9", false, "inner:8650");
}

#[test]
fn networks_are_read_and_hold_what_they_say() {
    let holds = |network: &str, address: &str| Network::parse(network).unwrap().holds(address.parse().unwrap());
    assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
    assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
    assert!(holds("::/0", "::1") && holds("fd00::/8", "fdff::1") && !holds("fd00::/8", "fc00::1"));
    assert!(holds("192.0.2.9", "::ffff:192.0.2.9") && !holds("192.0.2.9", "192.0.2.8"));
    for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "::/129", "proxy.lan", "10.0.0.0/-1"] {
        assert!(Network::parse(wrong).is_err(), "{wrong}");
    }
}
