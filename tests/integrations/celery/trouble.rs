//! Brokers that refuse, hang or hold nonsense.

use std::net::TcpListener;

use farol_collector::pull::Code;
use farol_tests::{
    fake::{
        Fake, Fault,
        rabbitmq::{Broker, routes},
    },
    redis_server::RedisServer,
};

use super::application::{Application, Watch, says};

/// The read-only user of the documentation, for database 1.
const READ_ONLY: &[&str] = &[
    "ACL",
    "SETUSER",
    "farol",
    "on",
    ">s3cr3t",
    "resetkeys",
    "%R~*",
    "resetchannels",
    "&/1.celeryev/*",
    "-@all",
    "+ping",
    "+info",
    "+select",
    "+hello",
    "+client|setname",
    "+scan",
    "+sscan",
    "+llen",
    "+lrange",
    "+hlen",
    "+zcount",
    "+psubscribe",
    "+subscribe",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_only_read_is_enough() {
    let server = RedisServer::start();
    server.tell(READ_ONLY);
    let application = Application::of(&format!("{}/1", server.url()));
    let toml = |url: &str| format!("url = \"redis://farol:s3cr3t@{url}\"\n");
    let mut watch = Watch::of(&toml(&format!("{}/1", server.address())));
    application.send(&["fine=2:mail"]);
    watch.until("the queue", |told| told["queued"] == 2).await;
    let _worker = application.worker("w1@here", &["-E", "-Q", "mail"]);
    watch.until("the tasks", |told| told["succeeded_1h"] == 2 && told["workers_online"] == 1).await;

    let mut elsewhere = Watch::of(&toml(&format!("{}/2", server.address())));
    let trouble = elsewhere.until_trouble().await;
    assert!(trouble.code == Code::Auth && trouble.message.contains("add &/2.celeryev/*"), "{trouble:?}");
    let wrong = format!("url = \"redis://farol@{}/1\"\npassword = \"s3cr3t-not\"\n", server.address());
    let trouble = Watch::of(&wrong).until_trouble().await;
    assert_eq!(trouble.code, Code::Auth, "{trouble:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_or_hangs_or_is_nowhere_is_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [
        format!("redis://{closed}"),
        format!("amqp://{closed}"),
        "redis://nowhere.invalid".into(),
        "amqp://nowhere.invalid".into(),
    ] {
        let told = Watch::of(&format!("url = \"{url}\"\ntimeout = \"5s\"\n")).poll().await.unwrap_err();
        assert_eq!(told.code, Code::Unreachable, "{url}: {told:?}");
    }
    // Takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for scheme in ["redis", "amqp"] {
        let toml = format!("url = \"{scheme}://{}\"\ntimeout = \"1s\"\n", silent.local_addr().unwrap());
        let told = Watch::of(&toml).poll().await.unwrap_err();
        assert_eq!(told.code, Code::Unreachable, "{scheme}: {told:?}");
    }
    let mut server = RedisServer::start();
    let mut watch = Watch::of(&format!("url = \"{}\"\ntimeout = \"2s\"\n", server.url()));
    watch.until("the queue", |told| told["queued"] == 0).await;
    server.freeze();
    assert_eq!(watch.until_trouble().await.code, Code::Unreachable);
    server.thaw();
    watch.until("the queue again", |told| told["queued"] == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_management_api_with_many_queues_is_read_and_one_that_refuses_is_left_alone() {
    let fake = Fake::start(routes(Broker { queues: Some(700), ..Broker::default() })).await;
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let toml = format!("url = \"amqp://guest@{nobody}\"\npassword = \"s3cr3t\"\nmanagement_url = \"{}\"\n", fake.url());
    let reading = Watch::of(&format!("{toml}queues = [\"q00650\", \"none\"]\n")).poll().await.unwrap();
    let told = &reading.snapshots["celery"];
    assert_eq!((told["queues"].as_array().unwrap().len(), &told["queues"][0]["name"]), (1, &"q00650".into()), "{told:#}");
    assert!(says(told, "no queue called none"), "{told:#}");
    assert_eq!(reading.missing.iter().map(|(part, _)| *part).collect::<Vec<_>>(), ["events"]);
    let all = Watch::of(&toml).poll().await.unwrap();
    assert!(says(&all.snapshots["celery"], "500 more queues are not counted"), "{all:?}");

    fake.set(Fault::Status(403));
    fake.forget();
    let mut refused = Watch::of(&toml);
    for _ in 0..3 {
        assert_eq!(refused.poll().await.unwrap_err().code, Code::Auth);
    }
    assert_eq!(fake.calls().len(), 1, "asked again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_the_channel_is_counted_and_does_no_harm() {
    let server = RedisServer::start();
    let mut watch = Watch::of(&format!("url = \"{}/1\"\n", server.url()));
    watch.until("the stream", |told| told["workers_online"] == 0).await;
    let pickle = r#"{"body":"gAR9lC4=","content-type":"application/x-python-serialize","properties":{"body_encoding":"base64"}}"#;
    for message in ["", "\u{7}", "[[[[", "{\"body\":7}", pickle] {
        server.tell(&["PUBLISH", "/1.celeryev/task.multi", message]);
    }
    watch.until("the note", |told| says(told, "5 event messages of the last hour could not be read")).await;
    assert_eq!(server.cli(&["-n", "1"], &["SET", "celery", "not a list"]), "OK");
    let trouble = watch.until_trouble().await;
    assert_eq!(trouble.code, Code::BadAnswer, "{trouble:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_the_configuration_is_said() {
    for (toml, words) in [
        ("", "url is missing"),
        ("url = \"http://x\"", "of another kind"),
        ("url = \"amqp://x\"\nsentinels = [\"a\"]\nmaster = \"m\"", "belong to Redis"),
        ("url = \"redis://x\"\nmanagement_url = \"http://x\"", "belongs to RabbitMQ"),
        ("url = \"redis://x\"\ncluster = true", "Redis Cluster"),
        ("url = \"redis://x\"\npriority_steps = []", "priority_steps"),
        ("url = \"redis://x\"\noffline_after = \"1s\"", "offline_after"),
        ("url = \"amqp://x\"\nask_workers = true", "ask_workers"),
        ("url = \"redis://x\"\nquues = []", "quues"),
    ] {
        let told = farol_collector::pull::Instance::from_toml("celery", toml, &std::collections::BTreeMap::new()).unwrap_err();
        assert!(told.contains(words), "{toml}: {told}");
    }
}
