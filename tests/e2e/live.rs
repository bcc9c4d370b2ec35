//! The live socket: what is committed reaches a listener at once.

use farol_tests::{
    agent,
    collector::{Collector, PASSWORD},
    live::Live,
};
use serde_json::json;

#[test]
fn a_sidecars_values_reach_the_overview_and_its_own_room() {
    let mut collector = Collector::start();
    let _agent = agent::beside(&collector, "live-shop").start();
    let id = collector.resource_id("live-shop");
    let token = collector.sign_in();
    let mut live = Live::sign_in(collector.address(), &token);
    let room = format!("resource:{id}");
    live.subscribe(&["overview", &room]);
    live.until("the overview with the resource's figures", |message| {
        let payload = &message["payload"];
        let listed = payload["resources"].as_array()?.iter().find(|one| one["id"] == id)?;
        (payload["room"] == "overview" && listed["latest"].is_object()).then_some(())
    });
    let mut times = Vec::new();
    let mut series = Vec::new();
    live.until("three frames of the resource", |message| {
        let payload = &message["payload"];
        if payload["room"] == room.as_str() {
            times.push(payload["time"].as_i64().expect("a frame has its time"));
            series.extend(payload["values"].as_array()?.iter().map(|pair| pair[0].as_u64().expect("a value has its series")));
        }
        times.dedup();
        (times.len() >= 3).then_some(())
    });
    assert!(times.is_sorted(), "{times:?}");
    let known = collector.api().json(&format!("/api/v1/series?resource={id}"));
    let known: Vec<u64> = known["series"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert!(!series.is_empty() && series.iter().all(|id| known.contains(id)), "{series:?} against {known:?}");
    live.send("Heartbeat", &json!({}));
}

#[test]
fn a_watched_resource_is_sampled_ten_times_as_often() {
    let mut collector = Collector::start();
    let _agent = agent::beside(&collector, "watched").var("FAROL_INTERVAL", "1s").start();
    let id = collector.resource_id("watched");
    let token = collector.sign_in();
    let mut live = Live::sign_in(collector.address(), &token);
    let room = format!("resource:{id}");
    live.subscribe(&[&room]);
    let mut times: Vec<i64> = Vec::new();
    live.until("frames closer than the interval", |message| {
        if message["payload"]["room"] == room.as_str() {
            times.push(message["payload"]["time"].as_i64().expect("a frame has its time"));
        }
        let close = times.windows(2).filter(|pair| (1..500).contains(&(pair[1] - pair[0]))).count();
        (close >= 5).then_some(())
    });
}

#[test]
fn a_listener_without_a_login_is_shut_out() {
    let collector = Collector::start();
    let mut wrong = Live::connect(collector.address(), "/api/monitoring/ws", &[]).unwrap();
    wrong.send("Auth", &json!({"token": "wrong"}));
    assert_eq!(wrong.closed(), 4401);
    let mut silent = Live::connect(collector.address(), "/api/monitoring/ws", &[]).unwrap();
    assert_eq!(silent.closed(), 4401);
}

#[test]
fn a_cookie_from_a_foreign_page_opens_no_socket() {
    let collector = Collector::start();
    let answer = collector.client().post("/api/auth/login", &json!({"username": "admin", "password": PASSWORD}));
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let own = [("Cookie", cookie.as_str()), ("Origin", &collector.url())];
    let mut live = Live::connect(collector.address(), "/api/monitoring/ws", &own).expect("the own page may listen");
    live.subscribe(&["overview"]);
    live.until("an answer", |message| (message["message_type"] == "Metrics").then_some(()));
    let foreign = [("Cookie", cookie.as_str()), ("Origin", "http://evil.example")];
    // Either it is refused at the door or it has to sign in like everybody without a cookie.
    if let Ok(mut live) = Live::connect(collector.address(), "/api/monitoring/ws", &foreign) {
        live.subscribe(&["overview"]);
        assert_eq!(live.closed(), 4401);
    }
}
