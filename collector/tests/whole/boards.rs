//! Dashboards of widgets: made, shared, changed by two at once, exported and imported.

use serde_json::{Value, json};

use crate::{
    harness::Collector,
    people::{person, send},
};

fn widget(title: &str) -> Value {
    json!({
        "widget_type": "chart", "title": title, "config": { "chart_type": "line", "metrics": ["messages_sent"] },
        "position": { "x": 0, "y": 0, "width": 6, "height": 4 },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_is_made_changed_and_removed_and_the_log_tells_of_it() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let made =
        send(&collector, &token, "POST", "/api/v1/boards", &json!({ "title": "Vendas & Operações", "widgets": [widget("A")] }))
            .await;
    assert_eq!(made.status, 201, "{made:?}");
    let board = made.json();
    assert_eq!((&board["slug"], &board["revision"], &board["mine"]), (&json!("vendas-operacoes"), &json!(1), &json!(true)));
    assert_eq!(board["widgets"][0]["id"], "w1");
    let path = "/api/v1/boards/vendas-operacoes";
    let mut change = json!({ "title": "Vendas", "shared": true, "widgets": board["widgets"], "revision": 1 });
    let changed = send(&collector, &token, "PUT", path, &change).await;
    assert_eq!((changed.status, &changed.json()["revision"]), (200, &json!(2)), "{changed:?}");
    let late = send(&collector, &token, "PUT", path, &change).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("changed")), "two people at once: {late:?}");
    change["revision"] = json!(2);
    change["widgets"][0]["config"]["colour"] = json!("red");
    let unknown = send(&collector, &token, "PUT", path, &change).await;
    assert!(unknown.status == 422 && unknown.text().contains("colour"), "{unknown:?}");
    let list = collector.json(&token, "/api/v1/boards").await;
    assert_eq!((&list["boards"][0]["title"], &list["boards"][0]["widgets"]), (&json!("Vendas"), &json!(1)));
    let again = send(&collector, &token, "POST", "/api/v1/boards", &json!({ "title": "x", "slug": "vendas-operacoes" })).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("exists")));
    assert_eq!(send(&collector, &token, "DELETE", path, &Value::Null).await.status, 204);
    assert_eq!(send(&collector, &token, "DELETE", path, &Value::Null).await.status, 404);
    let log = collector.json(&token, "/api/v1/audit").await;
    let lines = log["entries"].as_array().unwrap().iter().map(|line| (line["action"].as_str().unwrap(), &line["address"]));
    let of_boards: Vec<_> = lines.filter(|(action, _)| action.starts_with("board.")).collect();
    let here = json!("127.0.0.1");
    assert_eq!(of_boards, [("board.delete", &here), ("board.change", &here), ("board.create", &here)]);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_widget_of_the_guide_lands_on_ones_own_dashboard() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let printed = json!({
        "widget_type": "chart", "title": "Messages per Hour",
        "config": { "chart_type": "line", "metrics": ["messages_sent", "messages_received"] },
        "position": { "x": 0, "y": 0, "width": 6, "height": 4 },
    });
    for id in ["w1", "w2"] {
        let added = send(&collector, &token, "POST", "/api/v1/dashboard/widgets", &printed).await;
        assert_eq!(added.status, 201, "{added:?}");
        assert_eq!((&added.json()["board"], &added.json()["widget"]["id"]), (&json!("home-admin"), &json!(id)));
    }
    let home = collector.json(&token, "/api/v1/boards/home-admin").await;
    assert_eq!(home["widgets"].as_array().unwrap().len(), 2);
    for (field, value, place) in [
        ("widget_type", json!("pie"), "widget_type"),
        ("position", json!({ "x": 7, "y": 0, "width": 6, "height": 4 }), "position.width"),
        ("config", json!({ "metrics": ["a"], "text": "x" }), "config.text"),
        ("title", json!("a\u{0}b"), "title"),
        ("board", json!("nobodys"), "dashboard"),
        ("colour", json!("red"), "colour"),
    ] {
        let mut wrong = printed.clone();
        wrong[field] = value;
        let reply = send(&collector, &token, "POST", "/api/v1/dashboard/widgets", &wrong).await;
        assert!(matches!(reply.status, 404 | 422) && reply.text().contains(place), "{field}: {reply:?}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_dashboard_comes_back_by_import() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let body = json!({ "title": "Ops", "shared": true, "widgets": [widget("A"), widget("B")] });
    assert_eq!(send(&collector, &token, "POST", "/api/v1/boards", &body).await.status, 201);
    let file = send(&collector, &token, "GET", "/api/v1/boards/ops/export", &Value::Null).await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"ops.farol-board.json\"");
    let mut file = file.json();
    assert_eq!(file["farol_board"], 1);
    let back = send(&collector, &token, "POST", "/api/v1/boards/import", &file).await;
    assert_eq!((back.status, &back.json()["slug"], &back.json()["shared"]), (201, &json!("ops-2"), &json!(false)), "{back:?}");
    assert_eq!(back.json()["widgets"], file["widgets"]);
    file["farol_board"] = json!(9);
    let newer = send(&collector, &token, "POST", "/api/v1/boards/import", &file).await;
    assert!(newer.status == 422 && newer.text().contains("farol_board"), "{newer:?}");
    let large = json!({ "title": "x", "widgets": vec![widget("A"); 61] });
    assert_eq!(send(&collector, &token, "POST", "/api/v1/boards", &large).await.status, 422);
    let text = json!({ "widget_type": "text", "title": "t", "config": { "text": "x".repeat(3_900) }, "position": { "x": 0, "y": 0, "width": 1, "height": 1 } });
    let heavy = send(&collector, &token, "POST", "/api/v1/boards", &json!({ "title": "x", "widgets": vec![text; 40] })).await;
    assert!(heavy.status == 422 && heavy.text().contains("bytes"), "{heavy:?}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_are_seen_by_their_owners_and_those_they_are_shared_with() {
    let (collector, _dir) = Collector::fresh().await;
    let root = collector.sign_in().await;
    let ana = person(&collector, &root, "ana", "admin", Some("acme")).await;
    let bob = person(&collector, &root, "bob", "viewer", Some("acme")).await;
    let eve = person(&collector, &root, "eve", "admin", Some("globex")).await;
    let make = |title: &str, shared: bool| json!({ "title": title, "shared": shared });
    assert_eq!(send(&collector, &ana, "POST", "/api/v1/boards", &make("Private", false)).await.status, 201);
    assert_eq!(send(&collector, &ana, "POST", "/api/v1/boards", &make("Team", true)).await.status, 201);
    assert_eq!(send(&collector, &root, "POST", "/api/v1/boards", &make("House", true)).await.status, 201);
    assert_eq!(send(&collector, &bob, "POST", "/api/v1/boards", &make("Mine", true)).await.status, 403, "sharing needs admin");
    let titles = async |token: &str| -> Vec<String> {
        let list = collector.json(token, "/api/v1/boards").await;
        list["boards"].as_array().unwrap().iter().map(|board| board["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles(&ana).await, ["Private", "Team"]);
    assert_eq!(titles(&bob).await, ["Team"]);
    assert_eq!(titles(&eve).await, [""; 0]);
    assert_eq!(titles(&root).await, ["House", "Team"]);
    for (token, path, status) in [
        (&bob, "/api/v1/boards/private", 404),
        (&root, "/api/v1/boards/private", 404),
        (&eve, "/api/v1/boards/team", 404),
        (&ana, "/api/v1/boards/house", 404),
        (&bob, "/api/v1/boards/team", 200),
    ] {
        assert_eq!(send(&collector, token, "GET", path, &Value::Null).await.status, status, "{path}");
        assert_eq!(send(&collector, token, "GET", &format!("{path}/export"), &Value::Null).await.status, status, "{path}");
    }
    let change = json!({ "title": "Taken", "shared": true, "widgets": [], "revision": 1 });
    for (token, status) in [(&bob, 403), (&eve, 404)] {
        assert_eq!(send(&collector, token, "PUT", "/api/v1/boards/team", &change).await.status, status);
        assert_eq!(send(&collector, token, "DELETE", "/api/v1/boards/team", &Value::Null).await.status, status);
        let mut added = widget("A");
        added["board"] = json!("team");
        assert_eq!(send(&collector, token, "POST", "/api/v1/dashboard/widgets", &added).await.status, status);
    }
    assert_eq!(send(&collector, &root, "PUT", "/api/v1/boards/team", &change).await.status, 200, "an administrator may");
    collector.stop().await;
}
