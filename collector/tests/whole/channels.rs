//! Channels by the API: made, changed, tried and removed; secrets that come in and never go out; tenants.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    harness::Collector,
    people::{person, send},
};

/// Takes one request after the other and keeps them; answers with a status and quotes what was sent.
async fn outside(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, requests) = (format!("http://{}/s3cr3t-path", listener.local_addr().unwrap()), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = Vec::new();
            // One that is whole ends with the brace of its JSON.
            while !text.ends_with(b"}") {
                let mut part = [0; 4_096];
                let read = stream.read(&mut part).await.unwrap();
                text.extend_from_slice(&part[..read]);
                if read == 0 {
                    break;
                }
            }
            let text = String::from_utf8_lossy(&text).into_owned();
            let line = text.lines().next().unwrap_or_default().to_owned();
            kept.lock().unwrap().push(text);
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}", line.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, requests)
}

fn hook(name: &str, url: &str) -> Value {
    json!({ "name": name, "kind": "webhook", "language": "pt-BR", "settings": { "url": url, "secret": "s3cr3t-key" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_made_tried_changed_and_removed_and_the_log_tells_of_it() {
    let (collector, _dir) = Collector::fresh().await;
    let (url, requests) = outside("200 OK").await;
    let token = collector.sign_in().await;
    let unsaved = send(&collector, &token, "POST", "/api/v1/channels/test", &hook("Plantão", &url)).await;
    assert_eq!((unsaved.status, &unsaved.json()["delivered"]), (200, &json!(true)), "{unsaved:?}");
    let made = send(&collector, &token, "POST", "/api/v1/channels", &hook("Plantão", &url)).await;
    assert_eq!((made.status, &made.json()["id"], &made.json()["origin"]), (201, &json!("plantao"), &json!("own")), "{made:?}");
    assert_eq!(made.json()["settings"], json!({ "url": { "set": true }, "secret": { "set": true } }));
    let again = send(&collector, &token, "POST", "/api/v1/channels", &hook("Plantão", &url)).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("exists")));
    // What was read is sent back: secrets are kept.
    let list = collector.json(&token, "/api/v1/channels").await;
    let mut change = list["channels"][0].clone();
    assert_eq!((&change["waiting"], &change["last"], &change["escalate_after_s"]), (&json!(0), &Value::Null, &json!(900)));
    change["min_level"] = json!("critical");
    let changed = send(&collector, &token, "PUT", "/api/v1/channels/plantao", &change).await;
    assert_eq!((changed.status, &changed.json()["min_level"]), (200, &json!("critical")), "{changed:?}");
    let tried = send(&collector, &token, "POST", "/api/v1/channels/plantao/test", &Value::Null).await;
    assert_eq!(tried.json(), json!({ "delivered": true, "detail": "200: POST /*** HTTP/1.1" }));
    let told = requests.lock().unwrap().clone();
    assert!(
        told.len() == 2
            && told.iter().all(|request| request.contains("x-farol-signature") && request.contains("Teste: este canal"))
    );
    assert_eq!(send(&collector, &token, "DELETE", "/api/v1/channels/plantao", &Value::Null).await.status, 204);
    assert_eq!(send(&collector, &token, "DELETE", "/api/v1/channels/plantao", &Value::Null).await.status, 404);
    let log = collector.json(&token, "/api/v1/audit").await;
    assert!(!log.to_string().contains("s3cr3t"), "{log}");
    let actions: Vec<&str> = log["entries"].as_array().unwrap().iter().filter_map(|line| line["action"].as_str()).collect();
    let of_channels: Vec<&str> = actions.into_iter().filter(|action| action.starts_with("channel.")).collect();
    assert_eq!(of_channels, ["channel.delete", "channel.test", "channel.change", "channel.create", "channel.test"]);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_never_come_out_and_never_go_elsewhere() {
    let (collector, dir) = Collector::fresh().await;
    let (url, _) = outside("404 Not Found").await;
    let token = collector.sign_in().await;
    assert_eq!(send(&collector, &token, "POST", "/api/v1/channels", &hook("ops", &url)).await.status, 201);
    let refused = send(&collector, &token, "POST", "/api/v1/channels/ops/test", &Value::Null).await;
    assert_eq!(refused.json(), json!({ "delivered": false, "detail": "404: POST /*** HTTP/1.1" }), "what it quotes is not told");
    let mut moved = hook("ops", "http://127.0.0.1:9/elsewhere");
    moved["settings"].as_object_mut().unwrap().remove("secret");
    let reply = send(&collector, &token, "PUT", "/api/v1/channels/ops", &moved).await;
    assert!(reply.status == 422 && reply.text().contains("settings.secret must be written again"), "{reply:?}");
    let ntfy = json!({ "name": "push", "kind": "ntfy", "settings": { "topic": "t", "url": "http://127.0.0.1:9", "token": "s3cr3t-token" } });
    assert_eq!(send(&collector, &token, "POST", "/api/v1/channels", &ntfy).await.status, 201);
    let mut moved = ntfy.clone();
    moved["settings"] = json!({ "topic": "t", "url": "http://127.0.0.2:9", "token": { "set": true } });
    assert_eq!(send(&collector, &token, "PUT", "/api/v1/channels/push", &moved).await.status, 422);
    moved["settings"]["url"] = json!("http://127.0.0.1:9");
    let kept = send(&collector, &token, "PUT", "/api/v1/channels/push", &moved).await;
    assert_eq!(kept.status, 200, "the same place: {kept:?}");
    for path in ["/api/v1/channels", "/api/v1/deliveries", "/api/v1/audit"] {
        assert!(!collector.json(&token, path).await.to_string().contains("s3cr3t"), "{path}");
    }
    for (name, value) in [("url", json!("s3cr3t")), ("url", json!(["s3cr3t"])), ("secret", json!(5)), ("format", json!("s3cr3"))]
    {
        let mut wrong = hook("x", &url);
        wrong["settings"][name] = value;
        let reply = send(&collector, &token, "POST", "/api/v1/channels", &wrong).await;
        assert!(
            reply.status == 422 && reply.text().contains("settings") && !reply.text().contains("s3cr3t"),
            "{name}: {reply:?}"
        );
    }
    collector.stop().await;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        assert!(!bytes.windows(6).any(|six| six == b"s3cr3t"), "{} holds a secret in clear", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_channels_exist_and_are_not_removed_under_another() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    let ntfy = |name: &str, fallback: Option<&str>| json!({ "name": name, "kind": "ntfy", "fallback": fallback, "settings": { "topic": "t" } });
    let nobody = send(&collector, &token, "POST", "/api/v1/channels", &ntfy("first", Some("second"))).await;
    assert!(nobody.status == 422 && nobody.text().contains("fallback names no channel"), "{nobody:?}");
    for body in [ntfy("second", None), ntfy("first", Some("second"))] {
        assert_eq!(send(&collector, &token, "POST", "/api/v1/channels", &body).await.status, 201);
    }
    let used = send(&collector, &token, "DELETE", "/api/v1/channels/second", &Value::Null).await;
    assert_eq!((used.status, &used.json()["code"]), (409, &json!("in_use")));
    for (name, value, said) in [
        ("kind", json!("slack"), "cannot be changed"),
        ("id", json!("other"), "cannot be changed"),
        ("fallback", json!("first"), "names the channel itself"),
        ("colour", json!("red"), "colour"),
    ] {
        let mut body = ntfy("first", None);
        body[name] = value;
        let reply = send(&collector, &token, "PUT", "/api/v1/channels/first", &body).await;
        assert!(reply.status == 422 && reply.text().contains(said), "{name}: {reply:?}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_of_a_tenant_are_its_own() {
    let (collector, _dir) = Collector::fresh().await;
    let root = collector.sign_in().await;
    let ana = person(&collector, &root, "ana", "admin", Some("acme")).await;
    let bob = person(&collector, &root, "bob", "viewer", Some("acme")).await;
    let eve = person(&collector, &root, "eve", "admin", Some("globex")).await;
    let ntfy = |name: &str, tenant: Option<&str>| json!({ "name": name, "kind": "ntfy", "tenant": tenant, "settings": { "topic": "t" } });
    assert_eq!(send(&collector, &root, "POST", "/api/v1/channels", &ntfy("house", None)).await.status, 201);
    assert_eq!(send(&collector, &bob, "POST", "/api/v1/channels", &ntfy("x", None)).await.status, 403, "only administrators");
    assert_eq!(send(&collector, &ana, "POST", "/api/v1/channels", &ntfy("x", Some("globex"))).await.status, 403);
    let made = send(&collector, &ana, "POST", "/api/v1/channels", &ntfy("acme-mail", None)).await;
    assert_eq!((made.status, &made.json()["tenant"]), (201, &json!("acme")), "{made:?}");
    let names = async |token: &str| -> Vec<String> {
        let list = collector.json(token, "/api/v1/channels").await;
        list["channels"].as_array().unwrap().iter().map(|channel| channel["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&root).await, ["acme-mail", "house"]);
    assert_eq!((names(&ana).await, names(&bob).await), (vec!["acme-mail".to_owned()], vec!["acme-mail".to_owned()]));
    assert_eq!(names(&eve).await, [""; 0]);
    for path in ["/api/v1/channels/acme-mail", "/api/v1/channels/house"] {
        assert_eq!(send(&collector, &eve, "DELETE", path, &Value::Null).await.status, 404, "{path}");
        assert_eq!(send(&collector, &eve, "PUT", path, &ntfy("x", None)).await.status, 404, "{path}");
        assert_eq!(send(&collector, &eve, "POST", &format!("{path}/test"), &Value::Null).await.status, 404, "{path}");
    }
    // A customer's administrator has no way into the house, whatever the address looks like.
    let (url, requests) = outside("200 OK").await;
    for url in [url.as_str(), &url.replace("127.0.0.1", "localhost"), &url.replace("127.0.0.1", "[::ffff:127.0.0.1]")] {
        let tried = send(&collector, &ana, "POST", "/api/v1/channels/test", &hook("x", url)).await;
        assert_eq!((tried.status, &tried.json()["delivered"]), (200, &json!(false)), "{url}: {tried:?}");
    }
    assert!(requests.lock().unwrap().is_empty());
    // What the house is told must not go to a tenant in its place.
    let mut house = ntfy("house", None);
    house["fallback"] = json!("acme-mail");
    assert_eq!(send(&collector, &root, "PUT", "/api/v1/channels/house", &house).await.status, 422);
    let mut own = ntfy("acme-mail", None);
    own["fallback"] = json!("house");
    assert_eq!(send(&collector, &ana, "PUT", "/api/v1/channels/acme-mail", &own).await.status, 422, "the house's is not seen");
    collector.stop().await;
}
