//! The proxy in front of an application that knows nothing of it.

use crate::{
    programs::{axum, h2load, wrk},
    sidecar::Sidecar,
};

fn proxied(service: &str) -> Sidecar {
    Sidecar::start(service, |places| vec![("FAROL_PROXY", format!("{}={}", places.front, places.app))])
}

#[test]
fn every_request_through_the_proxy_is_counted_once() {
    let mut sidecar = proxied("axum");
    let _app = axum(sidecar.app);
    let front = sidecar.front;
    h2load(&format!("http://{front}/hello"), 5_000, 16, false);
    h2load(&format!("http://{front}/users/123"), 2_000, 4, true);
    h2load(&format!("http://{front}/users/456"), 1_000, 4, false);
    h2load(&format!("http://{front}/boom"), 100, 2, false);
    h2load(&format!("http://{front}/slow"), 4, 4, false);
    let answer = sidecar.check_count(8_104);
    assert_eq!(answer["total"]["failed"], 100);
    assert_eq!(sidecar.endpoint("GET", "/users/{id}")["count"], 3_000);
    assert_eq!(sidecar.endpoint("GET", "/hello")["count"], 5_000);
    let slow = sidecar.ask("/api/v1/requests/slow");
    let rows = slow["requests"].as_array().unwrap();
    assert!(rows.len() >= 4 && rows[0]["path"] == "/slow" && rows[0]["duration_ms"].as_f64() >= Some(600.0), "{slow}");
    assert!(rows[0]["trace_id"].as_str().is_some_and(|id| id.len() == 32), "a trace begins at the proxy: {slow}");
}

#[test]
fn what_wrk_counts_under_load_is_what_the_page_shows() {
    let mut sidecar = proxied("axum");
    let _app = axum(sidecar.app);
    let connections = 32;
    let counted = wrk(&format!("http://{}/hello", sidecar.front), connections, 3);
    // wrk ends in the middle: what is on its way then is answered but not counted by it.
    let answer = farol_tests::wait::until("all requests", || {
        let answer = sidecar.ask("/api/v1/requests/latency");
        let count = answer["total"]["count"].as_u64().unwrap_or(0);
        farol_tests::wait::when(count, |count| (counted..=counted + connections).contains(count))
            .map_err(|count| format!("{count}, wrk counted {counted}"))
    });
    eprintln!("wrk counted {counted}, the page shows {answer}");
}

#[test]
fn a_missing_application_is_told_in_words() {
    let mut sidecar = proxied("nobody");
    let answer = farol_tests::http::Client::new(sidecar.front).get("/");
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("accepts no connections"), "{}", answer.text());
    assert_eq!(sidecar.check_count(1)["total"]["failed"], 1);
}
