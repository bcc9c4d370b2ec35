//! Rules of alerts: made, changed by two at once, removed, seen by their tenant, and tried on the past.

use serde_json::{Value, json};

use crate::{
    harness::{Collector, batch, now_ms},
    people::{person, send},
};

fn rule(name: &str) -> Value {
    json!({
        "name": name, "warning": 80.0, "for_s": 5,
        "condition": { "type": "series", "metric": "system.linux.memory.available", "aggregate": "mean", "window_s": 10 },
    })
}

fn find<'a>(list: &'a Value, id: &str) -> Option<&'a Value> {
    list["rules"].as_array().unwrap().iter().find(|entry| entry["rule"]["id"] == id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_made_changed_and_removed_and_the_log_tells_of_it() {
    let (collector, _dir) = Collector::fresh().await;
    let root = collector.sign_in().await;
    let list = collector.json(&root, "/api/v1/rules").await;
    assert_eq!(find(&list, "host-cpu").unwrap()["origin"], "builtin");
    let made = send(&collector, &root, "POST", "/api/v1/rules", &rule("Little memory")).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        (&made.json()["rule"]["id"], &made.json()["origin"], &made.json()["revision"]),
        (&json!("little-memory"), &json!("own"), &json!(1))
    );
    assert_eq!(
        send(&collector, &root, "POST", "/api/v1/rules", &rule("Little memory")).await.json()["rule"]["id"],
        "little-memory-2"
    );
    let mut named = rule("Other");
    named["id"] = json!("little-memory");
    let taken = send(&collector, &root, "POST", "/api/v1/rules", &named).await;
    assert_eq!((taken.status, &taken.json()["code"]), (409, &json!("exists")));
    let wrong =
        send(&collector, &root, "POST", "/api/v1/rules", &json!({ "name": "x", "condition": { "type": "silent" } })).await;
    assert_eq!((wrong.status, &wrong.json()["errors"][0]["field"]), (422, &json!("warning")), "{wrong:?}");

    named["warning"] = json!(90.0);
    let change = json!({ "rule": named, "revision": 1 });
    let changed = send(&collector, &root, "PUT", "/api/v1/rules/little-memory", &change).await;
    assert_eq!((changed.status, &changed.json()["revision"], &changed.json()["rule"]["warning"]), (200, &json!(2), &json!(90.0)));
    let meanwhile = send(&collector, &root, "PUT", "/api/v1/rules/little-memory", &change).await;
    assert_eq!((meanwhile.status, &meanwhile.json()["code"]), (409, &json!("changed")));

    let mut cpu = find(&list, "host-cpu").unwrap()["rule"].clone();
    cpu["enabled"] = json!(false);
    let off = send(&collector, &root, "PUT", "/api/v1/rules/host-cpu", &json!({ "rule": cpu, "revision": 0 })).await;
    assert_eq!(
        (off.status, &off.json()["origin"], &off.json()["rule"]["enabled"]),
        (200, &json!("changed"), &json!(false)),
        "{off:?}"
    );
    assert_eq!(send(&collector, &root, "DELETE", "/api/v1/rules/host-cpu", &Value::Null).await.status, 204);
    let list = collector.json(&root, "/api/v1/rules").await;
    assert_eq!(
        (&find(&list, "host-cpu").unwrap()["origin"], &find(&list, "host-cpu").unwrap()["rule"]["enabled"]),
        (&json!("builtin"), &json!(true))
    );
    let again = send(&collector, &root, "DELETE", "/api/v1/rules/host-cpu", &Value::Null).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("builtin")));
    assert_eq!(send(&collector, &root, "DELETE", "/api/v1/rules/little-memory", &Value::Null).await.status, 204);
    assert_eq!(send(&collector, &root, "DELETE", "/api/v1/rules/little-memory", &Value::Null).await.status, 404);

    let log = collector.json(&root, "/api/v1/audit?limit=20").await;
    let actions: Vec<&str> =
        log["entries"].as_array().unwrap_or_else(|| panic!("{log}")).iter().filter_map(|line| line["action"].as_str()).collect();
    for (action, count) in [("rule.create", 2), ("rule.change", 2), ("rule.delete", 2)] {
        assert_eq!(actions.iter().filter(|told| **told == action).count(), count, "{actions:?}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_rules_are_its_own_and_the_houses_are_not_its_to_change() {
    let (collector, _dir) = Collector::fresh().await;
    let root = collector.sign_in().await;
    let ana = person(&collector, &root, "ana", "admin", Some("acme")).await;
    let eve = person(&collector, &root, "eve", "admin", Some("globex")).await;
    let bob = person(&collector, &root, "bob", "operator", Some("acme")).await;
    assert_eq!(send(&collector, &bob, "POST", "/api/v1/rules", &rule("No")).await.status, 403);
    let made = send(&collector, &ana, "POST", "/api/v1/rules", &rule("Ours")).await;
    assert_eq!((made.status, &made.json()["rule"]["tenant"]), (201, &json!("acme")));
    let mut theirs = rule("Theirs");
    theirs["tenant"] = json!("globex");
    assert_eq!(send(&collector, &ana, "POST", "/api/v1/rules", &theirs).await.status, 403);
    assert_eq!(send(&collector, &root, "POST", "/api/v1/rules", &rule("House")).await.status, 201);
    let ids = async |token: &str| {
        let list = collector.json(token, "/api/v1/rules").await;
        ["ours", "house", "host-cpu"].map(|id| find(&list, id).is_some())
    };
    assert_eq!((ids(&ana).await, ids(&eve).await, ids(&root).await), ([true, false, true], [false, false, true], [true; 3]));
    for (token, id, status) in [(&eve, "ours", 404), (&ana, "house", 404), (&ana, "host-cpu", 403)] {
        assert_eq!(send(&collector, token, "DELETE", &format!("/api/v1/rules/{id}"), &Value::Null).await.status, status, "{id}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_tried_on_what_history_holds_of_what_the_caller_sees() {
    let (collector, _dir) = Collector::fresh().await;
    let root = collector.sign_in().await;
    let start_ms = now_ms() - 120_000;
    let frames: Vec<_> = (0..100_i64)
        .map(|second| (start_ms + second * 1_000, if (30..60).contains(&second) { 100.0 } else { 10.0 }, 1.0))
        .collect();
    collector.store(&batch("host:a", 1, 1, &frames)).await;
    let tried = send(&collector, &root, "POST", "/api/v1/rules/back-test", &json!({ "rule": rule("Try") })).await;
    assert_eq!(tried.status, 200, "{tried:?}");
    let told = tried.json();
    assert_eq!(
        (&told["count"], &told["notifications"], &told["subjects"], &told["exact"]),
        (&json!(1), &json!(2), &json!(1), &json!(true)),
        "{told}"
    );
    assert_eq!((&told["firings"][0]["level"], &told["firings"][0]["peak"]), (&json!("warning"), &json!(100.0)), "{told}");
    assert_eq!(told["line"]["points"].as_array().unwrap().iter().filter(|point| point[1] == 100.0).count(), 1, "{told}");
    let bound = person(&collector, &root, "ana", "viewer", Some("acme")).await;
    let tried = send(&collector, &bound, "POST", "/api/v1/rules/back-test", &json!({ "rule": rule("Try") })).await;
    assert_eq!((tried.status, &tried.json()["subjects"]), (200, &json!(0)));
    let days = send(&collector, &root, "POST", "/api/v1/rules/back-test", &json!({ "rule": rule("Try"), "days": 31 })).await;
    assert_eq!((days.status, &days.json()["errors"][0]["field"]), (422, &json!("days")));
    collector.stop().await;
}
