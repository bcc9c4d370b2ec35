//! RabbitMQ: a real one with its management plugin, and a fake of its API in every kind of trouble.

use std::{
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use amqprs::{
    channel::{BasicGetArguments, Channel},
    connection::{Connection, OpenConnectionArguments},
};
use farol_collector::pull::{Code, Instance, Reading};
use farol_shared::catalog;
use farol_tests::{
    fake::{
        Fake,
        rabbitmq::{Broker, routes},
    },
    rabbitmq_server::RabbitMq,
    wait::PATIENCE,
};
use serde_json::Value;

use crate::faults::{every, instance, poll};

/// Polls until the answer is as it should be: the broker counts with a delay.
async fn until(instance: &mut Instance, what: &str, holds: impl Fn(&Reading, &Value) -> bool) -> Reading {
    let began = Instant::now();
    loop {
        let told = poll(instance).await;
        if let Ok(reading) = &told
            && reading.snapshots.get("queues").is_some_and(|view| holds(reading, view))
        {
            return told.unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "waited for {what}: {told:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn queue<'a>(view: &'a Value, name: &str) -> &'a Value {
    view["queues"].as_array().unwrap().iter().find(|queue| queue["name"] == name).unwrap_or(&Value::Null)
}

fn toml(server: &RabbitMq, more: &str) -> String {
    format!("url = \"{}\"\npassword = \"guest\"\n{more}", server.management_url())
}

/// Takes messages and keeps them without a word, as long as the channel is open.
async fn take(server: &RabbitMq, name: &str, count: usize) -> (Connection, Channel) {
    let arguments = OpenConnectionArguments::new("127.0.0.1", server.port, "guest", "guest");
    let connection = Connection::open(&arguments).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    for _ in 0..count {
        let got = channel.basic_get(BasicGetArguments::new(name)).await.unwrap();
        assert!(got.is_some(), "{name} is empty");
    }
    (connection, channel)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_broker_is_told_as_it_is() {
    let server = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
    a_fresh_broker_is_known_to_hold_nothing(&server).await;
    counts_are_those_of_what_was_published(&server).await;
    users_learn_what_they_lack(&server).await;
    thousands_of_queues_are_read_in_the_cheap_form(&server).await;
    an_alarm_is_seen(&server).await;
    a_broker_without_its_management_is_said_to_be_up(&server).await;
}

async fn a_fresh_broker_is_known_to_hold_nothing(server: &RabbitMq) {
    let mut one = instance("rabbitmq", &toml(server, ""));
    let reading = poll(&mut one).await.unwrap();
    assert!(reading.missing.is_empty(), "{:?}", reading.missing);
    let view = &reading.snapshots["queues"];
    assert_eq!((&view["totals"]["queues"], &view["totals"]["ready"]), (&Value::from(0.0), &Value::from(0.0)));
    assert_eq!(view["totals"]["publish_rate"], Value::Null, "nothing was ever published");
    assert_eq!(view["nodes"][0]["running"], true);
    assert!(view["health"].as_array().unwrap().iter().all(|check| check["ok"] == true), "{view}");
    assert_eq!(view["alarms"], serde_json::json!([]));
    assert!(reading.said[0].contains("RabbitMQ 3."), "{:?}", reading.said);
}

async fn counts_are_those_of_what_was_published(server: &RabbitMq) {
    server.declare_all(["mail", "mail.slow", "never", "amq.genuine"].into_iter().take(3));
    server.publish("mail", 30);
    server.publish("mail.slow", 5);
    let (connection, channel) = take(server, "mail", 4).await;
    let mut one = instance("rabbitmq", &toml(server, ""));
    let reading = until(&mut one, "30 and 5 messages, 4 of them taken", |_, view| {
        let (mail, slow, totals) = (queue(view, "mail"), queue(view, "mail.slow"), &view["totals"]);
        mail["unacked"] == 4.0
            && mail["ready"] == 26.0
            && mail["total"] == 30.0
            && slow["ready"] == 5.0
            && totals["ready"] == 31.0
    })
    .await;
    let view = &reading.snapshots["queues"];
    assert_eq!((&view["totals"]["unacked"], &view["total_count"]), (&Value::from(4.0), &Value::from(3)));
    assert_eq!(view["queues"][0]["name"], "mail", "the fullest comes first");
    assert!(queue(view, "mail")["publish_rate"].is_number() && queue(view, "mail")["memory"].as_f64().unwrap() > 0.0);
    assert_eq!(queue(view, "never")["publish_rate"], Value::Null);
    let place = [("rabbitmq.vhost.name", "/"), ("rabbitmq.queue.name", "mail")];
    let of = |state| reading.value(&catalog::RABBITMQ_MESSAGE_CURRENT, &[place[0], place[1], ("rabbitmq.message.state", state)]);
    assert_eq!((of("ready"), of("unacknowledged")), (Some(26.0), Some(4.0)));
    assert_eq!(reading.value(&catalog::RABBITMQ_MESSAGES, &[("rabbitmq.message.state", "ready")]), Some(31.0));
    assert!(reading.value(&catalog::RABBITMQ_PUBLISH_RATE, &[]).is_some());

    let mut some = instance("rabbitmq", &toml(server, "queues = [\"mail.*\"]\nvhost = \"/\""));
    let reading = poll(&mut some).await.unwrap();
    let view = &reading.snapshots["queues"];
    assert_eq!((view["queues"].as_array().unwrap().len(), &view["queues"][0]["name"]), (1, &Value::from("mail.slow")), "{view}");

    let mut cheap = instance("rabbitmq", &toml(server, "detail = \"cheap\""));
    let reading = until(&mut cheap, "the same in the cheap form", |_, view| queue(view, "mail")["unacked"] == 4.0).await;
    let view = &reading.snapshots["queues"];
    assert_eq!((&queue(view, "mail")["ready"], &queue(view, "mail")["memory"]), (&Value::from(26.0), &Value::Null));
    // A channel that is merely dropped closes itself aside, at odds with the connection's own end.
    channel.close().await.unwrap();
    drop(connection);
    until(&mut one, "what was taken to come back", |_, view| queue(view, "mail")["ready"] == 30.0).await;
}

async fn users_learn_what_they_lack(server: &RabbitMq) {
    server.add_user("mon", "s3cr3t-mon", "monitoring");
    server.add_user("clerk", "s3cr3t-mon", "management");
    server.add_user("nobody", "s3cr3t-mon", "");
    let of = |user: &str, password: &str| {
        let keys = format!("url = \"{}\"\nusername = \"{user}\"\npassword = \"{password}\"", server.management_url());
        instance("rabbitmq", &keys)
    };
    let mut mon = of("mon", "s3cr3t-mon");
    let blind = poll(&mut mon).await.unwrap();
    let (part, error) = &blind.missing[0];
    assert_eq!((*part, error.code), ("queues", Code::Auth));
    assert!(error.message.contains("may not read any vhost: rabbitmqctl set_permissions -p / mon"), "{error}");
    assert_eq!(blind.value(&catalog::RABBITMQ_QUEUES, &[]), Some(3.0), "the totals are known all the same");
    let keys = format!("url = \"{}\"\nusername = \"mon\"\npassword = \"s3cr3t-mon\"", server.management_url());
    let barred = poll(&mut instance("rabbitmq", &format!("{keys}\nvhost = \"/\""))).await.unwrap();
    assert!(barred.missing[0].1.message.contains("set_permissions -p / mon"), "{:?}", barred.missing);
    assert_eq!(barred.value(&catalog::RABBITMQ_QUEUES, &[]), None, "what may not be seen is not zero");
    let nowhere = poll(&mut instance("rabbitmq", &format!("{keys}\nvhost = \"none\""))).await.unwrap();
    assert!(nowhere.missing[0].1.message.contains("no virtual host none"), "{:?}", nowhere.missing);
    server.let_read("mon");
    until(&mut mon, "the queues after the advice was taken", |reading, view| {
        reading.missing.is_empty() && queue(view, "mail")["ready"] == 30.0
    })
    .await;

    server.let_read("clerk");
    let partly = poll(&mut of("clerk", "s3cr3t-mon")).await.unwrap();
    assert_eq!(partly.missing.iter().map(|(part, error)| (*part, error.code)).collect::<Vec<_>>(), [("nodes", Code::Auth)]);
    assert!(partly.missing[0].1.message.contains("set_user_tags clerk monitoring"), "{:?}", partly.missing);
    assert_eq!(queue(&partly.snapshots["queues"], "mail")["ready"], 30.0);

    let untagged = poll(&mut of("nobody", "s3cr3t-mon")).await.unwrap_err();
    assert!(untagged.code == Code::Auth && untagged.message.contains("set_user_tags nobody monitoring"), "{untagged}");
    for (user, password) in [("mon", "s3cr3t-wrong"), ("stranger", "s3cr3t")] {
        let error = poll(&mut of(user, password)).await.unwrap_err();
        assert_eq!((error.code, error.status), (Code::Auth, Some(401)));
        assert!(error.message.contains("wrong") && !error.to_string().contains("s3cr3t"), "{error}");
    }
}

async fn thousands_of_queues_are_read_in_the_cheap_form(server: &RabbitMq) {
    let names: Vec<String> = (0..1_200).map(|n| format!("many-{n:04}")).collect();
    server.declare_all(names.iter().map(String::as_str));
    server.publish("many-1100", 40);
    let mut one = instance("rabbitmq", &toml(server, ""));
    let reading = until(&mut one, "1,203 queues", |_, view| {
        view["total_count"] == 1_203 && queue(view, "many-1100")["ready"] == 40.0 && view["totals"]["ready"] == 75.0
    })
    .await;
    let view = &reading.snapshots["queues"];
    assert_eq!((view["queues"].as_array().unwrap().len(), &view["is_cut"]), (500, &Value::from(true)));
    assert_eq!((&view["queues"][0]["name"], &view["queues"][1]["name"]), (&"many-1100".into(), &"mail".into()), "the fullest");
    assert_eq!(queue(view, "mail")["memory"], Value::Null, "asked in the cheap form");
    let series = reading.now.values().filter(|(key, _)| key.metric == catalog::RABBITMQ_MESSAGE_CURRENT.name).count();
    assert_eq!(series, 600, "300 queues, ready and unacknowledged");
    assert_eq!(reading.left_out, 0);
    let mut few = instance("rabbitmq", &toml(server, "queues = [\"mail*\"]"));
    let reading = poll(&mut few).await.unwrap();
    let view = &reading.snapshots["queues"];
    assert_eq!((&view["total_count"], view["queues"].as_array().unwrap().len()), (&2.into(), 2));
    assert!(queue(view, "mail")["memory"].is_number(), "few are asked for, so all is asked of them");
}

async fn an_alarm_is_seen(server: &RabbitMq) {
    server.ctl(&["set_vm_memory_high_watermark", "0.0001"]);
    let mut one = instance("rabbitmq", &toml(server, ""));
    let reading = until(&mut one, "the alarm", |_, view| view["alarms"][0]["kind"] == "memory").await;
    assert_eq!(reading.value(&catalog::RABBITMQ_ALARMS, &[]), Some(1.0));
    let view = &reading.snapshots["queues"];
    assert_eq!(view["nodes"][0]["mem_alarm"], true);
    let failed: Vec<&Value> = view["health"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert!(failed.iter().any(|check| check["check"] == "alarms" && check["reason"].is_string()), "{view}");
    server.ctl(&["set_vm_memory_high_watermark", "0.9"]);
    until(&mut one, "its end", |_, view| view["alarms"] == serde_json::json!([])).await;
}

async fn a_broker_without_its_management_is_said_to_be_up(server: &RabbitMq) {
    server.plugins(&["disable", "rabbitmq_management"]);
    let mut one = instance("rabbitmq", &toml(server, &format!("amqp_port = {}", server.port)));
    let error = poll(&mut one).await.unwrap_err();
    assert_eq!(error.code, Code::Unreachable);
    assert!(error.message.contains("the broker is up") && error.message.contains("rabbitmq-plugins"), "{error}");
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut down = instance("rabbitmq", &toml(server, &format!("amqp_port = {closed}")));
    assert!(poll(&mut down).await.unwrap_err().message.starts_with("no connection"));
    server.plugins(&["enable", "rabbitmq_management"]);
    until(&mut one, "the management API to be back", |reading, _| reading.missing.is_empty()).await;
}

fn fake_toml(url: &str) -> String {
    format!("url = \"{url}\"\npassword = \"s3cr3t\"")
}

#[tokio::test]
async fn every_trouble_of_its_management_api_is_told() {
    let fake = Fake::start(routes(Broker::default())).await;
    every("rabbitmq", &fake, fake_toml).await;
}

#[tokio::test]
async fn a_broker_without_paging_is_read_all_the_same() {
    let fake = Fake::start(routes(Broker { is_bare: true, queues: Some(700), ..Broker::default() })).await;
    let reading = poll(&mut instance("rabbitmq", &fake_toml(&fake.url()))).await.unwrap();
    let view = &reading.snapshots["queues"];
    assert_eq!((&view["total_count"], view["queues"].as_array().unwrap().len()), (&700.into(), 500));
    assert_eq!(fake.calls().iter().filter(|call| call.line.contains("/api/queues")).count(), 1);
    let mut some = instance("rabbitmq", &format!("{}\nqueues = [\"q0000*\"]", fake_toml(&fake.url())));
    let reading = poll(&mut some).await.unwrap();
    assert_eq!(reading.snapshots["queues"]["total_count"], 10, "filtered here, as the broker did not");
}

#[tokio::test]
async fn a_huge_broker_is_read_up_to_a_bound() {
    let fake = Fake::start(routes(Broker { queues: Some(20_000), ..Broker::default() })).await;
    let reading = poll(&mut instance("rabbitmq", &fake_toml(&fake.url()))).await.unwrap();
    let view = &reading.snapshots["queues"];
    assert_eq!(
        (&view["total_count"], &view["is_cut"], &view["totals"]["queues"]),
        (&20_000.into(), &true.into(), &20_000.0.into())
    );
    let asked: Vec<String> = fake.calls().into_iter().map(|call| call.line).filter(|line| line.contains("/api/queues")).collect();
    assert_eq!(asked.len(), 10);
    assert!(asked.iter().all(|line| line.contains("disable_stats=true") && line.contains("page_size=500")), "{asked:?}");
}

#[tokio::test]
async fn what_a_user_may_not_see_is_missing_and_the_rest_is_there() {
    let broker = Broker { is_nodes_refused: true, failing: vec!["alarms", "local-alarms"], ..Broker::default() };
    let fake = Fake::start(routes(broker)).await;
    let mut one = instance("rabbitmq", &fake_toml(&fake.url()));
    let reading = poll(&mut one).await.unwrap();
    assert_eq!(reading.missing.iter().map(|(part, _)| *part).collect::<Vec<_>>(), ["nodes"]);
    let view = &reading.snapshots["queues"];
    assert_eq!(view["alarms"][0]["node"], "rabbit@one", "told by the health check where nodes cannot be seen");
    assert_eq!(view["health"].as_array().unwrap().len(), 4, "those of RabbitMQ 4 are not offered: {view}");
    fake.forget();
    poll(&mut one).await.unwrap();
    assert!(fake.calls().iter().all(|call| !call.line.contains("health")), "asked again too soon");

    let fake = Fake::start(routes(Broker { is_blind: true, ..Broker::default() })).await;
    let reading = poll(&mut instance("rabbitmq", &fake_toml(&fake.url()))).await.unwrap();
    assert!(reading.missing[0].1.message.contains("may not read any vhost"), "{:?}", reading.missing);
}

#[tokio::test]
async fn a_broker_too_slow_for_statistics_is_asked_for_messages_only() {
    let fake = Fake::start(routes(Broker { is_full_endless: true, ..Broker::default() })).await;
    let mut one = instance("rabbitmq", &format!("timeout = \"2s\"\n{}", fake_toml(&fake.url())));
    let first = poll(&mut one).await.unwrap();
    let (part, error) = &first.missing[0];
    assert_eq!((*part, error.code), ("queues", Code::Unreachable), "the rest is told all the same");
    let second = poll(&mut one).await.unwrap();
    assert!(second.missing.is_empty(), "{:?}", second.missing);
    assert_eq!(queue(&second.snapshots["queues"], "celery")["ready"], 10.0);

    let mut all = instance("rabbitmq", &format!("timeout = \"2s\"\ndetail = \"full\"\n{}", fake_toml(&fake.url())));
    poll(&mut all).await.unwrap();
    fake.forget();
    let again = poll(&mut all).await.unwrap();
    assert_eq!(again.missing[0].0, "queues", "still missing, and still said");
    assert!(fake.calls().iter().all(|call| !call.line.contains("/api/queues")), "a broker that is too slow is left alone");
}

#[tokio::test]
async fn slow_health_checks_cost_only_themselves() {
    let fake = Fake::start(routes(Broker { health_takes: Duration::from_millis(600), ..Broker::default() })).await;
    let mut one = instance("rabbitmq", &format!("timeout = \"2s\"\n{}", fake_toml(&fake.url())));
    let reading = poll(&mut one).await.unwrap();
    assert_eq!(reading.missing.iter().map(|(part, _)| *part).collect::<Vec<_>>(), ["health checks"]);
    assert!(queue(&reading.snapshots["queues"], "celery")["memory"].is_number(), "the list was not slow");
}
