//! Who adds an agent is told by the collector whether it came, and what keeps it away.

use farol_shared::wire;
use serde_json::{Value, json};

use crate::{
    harness::{Collector, Reply, batch, now_ms},
    people::{agent_token, person, send},
};

async fn deliver(collector: &Collector, token: Option<&str>, body: &[u8]) -> Reply {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", wire::CONTENT_TYPE)];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    collector.ask("POST", wire::PATH, &headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_an_agent_is_told_of_its_first_batch_and_of_who_was_turned_away() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let made = send(&collector, &admin, "POST", "/api/v1/tokens", &json!({ "name": "shop", "tenant": "acme" })).await.json();
    assert_eq!(made["public_url"], Value::Null, "nobody has said where agents find it");
    let (id, token) = (made["token_row"]["id"].as_i64().unwrap(), made["token"].as_str().unwrap().to_owned());
    let path = format!("/api/v1/tokens/{id}/arrivals");
    let nothing = collector.json(&admin, &path).await;
    assert_eq!((&nothing["agents"], &nothing["turned_away"], &nothing["checked"]), (&json!([]), &json!([]), &Value::Null));

    let mut probe = batch("host:web", 0, 1, &[]);
    probe.tables.clear();
    assert_eq!(deliver(&collector, Some(&token), &wire::encode(&probe)).await.status, 200);
    assert_eq!(deliver(&collector, Some(&token), b"no batch").await.status, 400);
    assert!(collector.json(&admin, &path).await["checked"].is_i64());
    let first = wire::encode(&batch("host:web", 1, 1, &[(now_ms(), 1.0, 2.0)]));
    assert_eq!(deliver(&collector, Some(&token), &first).await.status, 200);
    let told = collector.json(&admin, &path).await;
    assert_eq!((&told["agents"][0]["agent"], &told["agents"][0]["batches"]), (&json!("acme/host:web"), &json!(1)), "{told}");
    let resource = told["agents"][0]["resources"][0].as_u64().unwrap();
    let resources = collector.json(&admin, "/api/v1/resources").await;
    assert_eq!(resources["resources"][0]["id"].as_u64(), Some(resource), "the number leads to its page");
    assert_eq!(told["refused"]["status"], 400, "{told}");

    let old = agent_token(&collector, &admin, "old", None).await;
    let rows = collector.json(&admin, "/api/v1/tokens").await;
    let old_id = rows["tokens"].as_array().unwrap().iter().find(|row| row["name"] == "old").unwrap()["id"].clone();
    assert_eq!(send(&collector, &admin, "DELETE", &format!("/api/v1/tokens/{old_id}"), &Value::Null).await.status, 204);
    let foreign = format!("farol_{}", "x".repeat(43));
    for (refused, expect) in [
        (Some(old.as_str()), "revoked"),
        (token.get(..20), "cut"),
        (Some(foreign.as_str()), "unknown"),
        (Some("YOUR-TOKEN"), "foreign"),
        (None, "missing"),
    ] {
        assert_eq!(deliver(&collector, refused, &first).await.status, 401, "{expect}");
        let away = collector.json(&admin, &path).await["turned_away"][0].clone();
        assert_eq!((&away["token"], &away["address"]), (&json!(expect), &json!("127.0.0.1")));
        assert_eq!(away["name"], if expect == "revoked" { json!("old") } else { Value::Null });
    }
    let text = collector.json(&admin, &path).await.to_string();
    assert!(!text.contains(&foreign) && !text.contains(&token) && !text.contains(&old), "a token is told: {text}");

    // It is about the whole house, and for administrators.
    let bound = person(&collector, &admin, "ana", "admin", Some("acme")).await;
    let viewer = person(&collector, &admin, "eva", "viewer", None).await;
    for (who, code) in [(&bound, json!("bound_to_tenant")), (&viewer, Value::Null)] {
        let refused = send(&collector, who, "GET", &path, &Value::Null).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &code));
    }
    assert_eq!(send(&collector, &admin, "GET", "/api/v1/tokens/999999/arrivals", &Value::Null).await.status, 404);
    collector.stop().await;
}
