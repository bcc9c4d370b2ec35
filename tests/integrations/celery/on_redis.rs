//! With Redis as the broker.

use farol_shared::catalog;
use farol_tests::redis_server::{RedisServer, SentinelSet};
use serde_json::json;

use super::application::{Application, Watch, named, says};

/// What the counts of this are: 20 + 4 well, 5 badly, 3 tasks with two retries each.
pub(super) const SENT: &[&str] = &["fine=20", "fails=5", "flaky=3", "fine=4:mail"];

fn redis() -> (RedisServer, Application, String) {
    let server = RedisServer::start();
    let url = format!("{}/1", server.url());
    (server, Application::of(&url), format!("url = \"{url}\"\noffline_after = \"8s\"\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_equal_what_was_sent() {
    let (_server, application, toml) = redis();
    let mut watch = Watch::of(&toml);
    let first = watch.poll().await.unwrap();
    assert!(first.missing.is_empty(), "{first:?}");
    let mut worker = application.worker("w1@here", &["-E", "-Q", "celery,mail"]);
    watch.until("the worker", |told| told["workers_online"] == 1 && named(told, "workers", "w1@here")["state"] == "online").await;
    application.send(SENT);
    let (reading, told) = watch.until("all tasks", |told| told["processed_1h"] == 38 && told["succeeded_1h"] == 27).await;
    assert_eq!((&told["failed_1h"], &told["retried_1h"], &told["events"]), (&json!(5), &json!(6), &json!(true)), "{told:#}");
    assert_eq!(told["failure_ratio"], json!(5.0 / 32.0));
    for (name, succeeded, failed, retried) in [("jobs.fine", 24, 0, 0), ("jobs.fails", 0, 5, 0), ("jobs.flaky", 3, 0, 6)] {
        let task = named(&told, "tasks", name);
        assert_eq!(
            (&task["succeeded"], &task["failed"], &task["retried"]),
            (&json!(succeeded), &json!(failed), &json!(retried)),
            "{told:#}"
        );
    }
    let mean = named(&told, "tasks", "jobs.fine")["mean_s"].as_f64().unwrap();
    assert!((0.02..5.0).contains(&mean) && told["p95_s"].as_f64() >= told["p50_s"].as_f64(), "{told:#}");
    let failures = told["failures"].as_array().unwrap();
    assert_eq!(
        (failures.len(), &failures[0]["exception"], &failures[0]["task"]),
        (5, &json!("ValueError"), &json!("jobs.fails"))
    );
    assert_eq!(named(&told, "workers", "w1@here")["failed_1h"], 5);
    assert_eq!(named(&told, "tasks", "jobs.flaky")["last_error"], "KeyError");
    for (how, count) in [("succeeded", 27.0), ("failed", 5.0), ("retried", 6.0)] {
        assert_eq!(reading.value(&catalog::CELERY_TASKS_FINISHED, &[("celery.task.state", how)]), Some(count));
    }
    assert_eq!(reading.value(&catalog::CELERY_TASKS_PROCESSED, &[]), Some(38.0));
    assert_eq!(reading.value(&catalog::CELERY_QUEUED, &[]), Some(0.0));
    assert!(reading.value(&catalog::CELERY_TASK_DURATION, &[("farol.statistic", "p95")]).is_some());

    application.send(&["slow=4", "fine=2:mail"]);
    let (_, told) = watch.until("two slow tasks", |told| told["active"] == 2 && told["queued"].as_u64() > Some(0)).await;
    assert!(told["reserved"].as_u64() > Some(0), "{told:#}");
    let mut patient = Watch::of(&toml.replace("8s", "60s"));
    patient.until("the worker, by another", |told| named(told, "workers", "w1@here")["state"] == "online").await;
    worker.kill();
    let is_off = |told: &serde_json::Value| named(told, "workers", "w1@here")["state"] == "offline";
    let (reading, told) = watch.until("the killed worker to be missed", is_off).await;
    assert_eq!((&told["workers_online"], &told["workers_total"], &told["active"]), (&json!(0), &json!(1), &json!(0)), "{told:#}");
    assert_eq!(reading.value(&catalog::CELERY_WORKERS_ONLINE, &[]), Some(0.0));
    let (_, told) = patient.until("it to be late", |told| named(told, "workers", "w1@here")["state"] == "late").await;
    assert_eq!(told["workers_online"], 1, "late is not offline: {told:#}");

    let mut second = application.worker("w2@here", &["-E"]);
    watch.until("the second worker", |told| told["workers_online"] == 1).await;
    second.signal(nix::sys::signal::Signal::SIGTERM);
    watch.until("its goodbye", |told| named(told, "workers", "w2@here")["state"] == "offline").await;
    second.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_as_long_as_what_waits_by_priority() {
    let (_server, application, toml) = redis();
    let mut watch = Watch::of(&toml);
    application.send(&["fine=3", "fine=2:celery:0", "fine=4:celery:4", "fine=5:celery:9", "fails=7:mail"]);
    let (reading, told) = watch.until("all that waits", |told| told["queued"] == 21).await;
    let celery = named(&told, "queues", "celery");
    let by_priority = json!([
        {"priority": 0, "length": 5}, {"priority": 3, "length": 4}, {"priority": 6, "length": 0}, {"priority": 9, "length": 5}
    ]);
    assert_eq!((&celery["length"], &celery["by_priority"]), (&json!(14), &by_priority), "{told:#}");
    assert_eq!(named(&told, "queues", "mail")["length"], 7);
    assert_eq!(reading.value(&catalog::CELERY_QUEUE_LENGTH, &[("celery.queue", "mail")]), Some(7.0));
    // Sent while Farol did not listen yet, or listened: then it is known since when they wait.
    application.send(&["fine=1:late"]);
    let (_, told) = watch.until("the age of the oldest", |told| named(told, "queues", "late")["oldest_s"].is_number()).await;
    assert!(named(&told, "queues", "late")["oldest_s"].as_f64().unwrap() < 90.0);
    let (_, told) = watch.until("the note", |told| says(told, "broker reachable, no worker seen")).await;
    assert!(told["workers_online"] == 0 && told["active"].is_null() && told["succeeded_1h"].is_null(), "{told:#}");

    let mut named_only = Watch::of(&format!("{toml}queues = [\"mail\", \"none\"]\n"));
    let (_, told) = named_only.until("the named", |told| told["queued"] == 7).await;
    assert_eq!(named(&told, "queues", "none")["length"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_events_heartbeats_still_tell_what_runs() {
    let (_server, application, toml) = redis();
    let mut watch = Watch::of(&toml);
    let _worker = application.worker("w1@here", &[]);
    watch.until("the worker", |told| told["workers_online"] == 1).await;
    application.send(&["fine=6", "fails=2"]);
    let (_, told) = watch.until("the note", |told| says(told, "task events are off") && told["processed_1h"] == 8).await;
    assert!(told["events"] == false && told["failed_1h"].is_null() && told["tasks"] == json!([]), "{told:#}");
    application.send(&["slow=1"]);
    watch.until("the slow one", |told| told["active"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_back_is_heard_again() {
    let (mut server, application, toml) = redis();
    let mut watch = Watch::of(&toml);
    let _worker = application.worker("w1@here", &["-E"]);
    watch.until("the worker", |told| told["workers_online"] == 1).await;
    application.send(&["fine=3"]);
    watch.until("the tasks", |told| told["succeeded_1h"] == 3 && told["processed_1h"] == 3).await;
    server.stop();
    let trouble = watch.until_trouble().await;
    assert_eq!(trouble.code, farol_collector::pull::Code::Unreachable, "{trouble:?}");
    server.begin();
    watch.until("the worker again", |told| told["workers_online"] == 1 && says(told, "were not heard")).await;
    application.send(&["fine=4", "fails=1"]);
    let (reading, told) = watch.until("the tasks after it", |told| told["succeeded_1h"] == 7 && told["processed_1h"] == 8).await;
    assert_eq!(told["failed_1h"], 1);
    assert_eq!(reading.value(&catalog::CELERY_TASKS_FINISHED, &[("celery.task.state", "succeeded")]), Some(7.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_behind_sentinels_is_watched_through_them() {
    let set = SentinelSet::start();
    let urls: Vec<String> = set.sentinels.iter().map(|one| format!("sentinel://{}/2", one.address())).collect();
    let mut application = Application::of(&urls.join(";"));
    application.master = Some("mymaster".to_owned());
    let mut watch = Watch::of(&format!("sentinels = {}\nmaster = \"mymaster\"\ndatabase = 2\n", set.addresses()));
    let _worker = application.worker("w1@here", &["-E"]);
    watch.until("the worker", |told| told["workers_online"] == 1).await;
    application.send(&["fine=3"]);
    watch.until("the tasks", |told| told["succeeded_1h"] == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_asked_tell_what_they_hold_and_begin_to_send_events() {
    let (server, application, toml) = redis();
    let _worker = application.worker("w1@here", &[]);
    let mut watch = Watch::of(&toml);
    watch.until("the worker", |told| told["workers_online"] == 1).await;
    application.send(&["slow=4"]);
    watch.until("slow tasks", |told| told["active"] == 2).await;
    let bindings = || server.cli(&["-n", "1"], &["SMEMBERS", "_kombu.binding.reply.celery.pidbox"]);
    let before = bindings();
    let mut asking = Watch::of(&format!("{toml}ask_workers = true\n"));
    let (_, told) = asking.until("what they hold", |told| told["scheduled"] == 0 && told["active"] == 2).await;
    assert_eq!(told["reserved"], 2, "{told:#}");
    application.send(&["fine=3"]);
    asking.until("events of tasks", |told| told["events"] == true).await;
    drop(asking);
    assert_eq!(bindings(), before, "something of ours is left behind");
}
