//! With RabbitMQ as the broker. One server for all of it: it takes long to start.

use farol_collector::pull::Code;
use farol_shared::catalog;
use farol_tests::{rabbitmq_server::RabbitMq, server_process::free_port};
use serde_json::json;

use super::{
    application::{Application, Watch, named, says},
    on_redis::SENT,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_rabbitmq_is_counted_and_missed_and_heard_again() {
    let server = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
    let application = Application::of(&server.amqp_url());
    let toml = format!("url = \"{}\"\noffline_after = \"8s\"\nqueues = [\"celery\", \"mail\"]\n", server.amqp_url());
    let mut early = Watch::of(&toml);
    let (_, told) = early.until("a broker without workers", |told| says(told, "no Celery worker has connected")).await;
    assert!(says(&told, "no queue called celery") && told["queued"].is_null() && told["workers_online"].is_null(), "{told:#}");
    drop(early);
    refusals(&server).await;
    the_least_rights_are_enough(&server, &application).await;

    let mut worker = application.worker("w1@here", &["-E", "-Q", "celery,mail"]);
    let mut watch = Watch::of(&toml);
    watch.until("the worker", |told| told["workers_online"] == 1).await;
    application.send(SENT);
    let (reading, told) = watch.until("all tasks", |told| told["processed_1h"] == 38 && told["succeeded_1h"] == 27).await;
    assert_eq!((&told["failed_1h"], &told["retried_1h"], &told["events"]), (&json!(5), &json!(6), &json!(true)), "{told:#}");
    assert_eq!(named(&told, "tasks", "jobs.flaky")["retried"], 6);
    assert_eq!(told["failures"][0]["exception"], "ValueError");
    assert_eq!(reading.value(&catalog::CELERY_TASKS_FINISHED, &[("celery.task.state", "failed")]), Some(5.0));
    application.send(&["slow=5"]);
    watch.until("two slow tasks", |told| told["active"] == 2).await;

    let mut managed = Watch::of(&format!("url = \"{}\"\nmanagement_url = \"{}\"\n", server.amqp_url(), server.management_url()));
    let (_, told) = managed.until("what the worker holds", |told| told["reserved"].as_u64() > Some(0)).await;
    assert!(named(&told, "queues", "mail")["length"] == 0 && told["queues"].as_array().unwrap().len() == 2, "{told:#}");
    let beside = format!("url = \"{}\"\nmanagement_url = \"http://127.0.0.1:{}\"\n", server.amqp_url(), free_port());
    let (reading, _) = Watch::of(&beside).until("the worker all the same", |told| told["active"] == 2).await;
    let missing: Vec<_> = reading.missing.iter().map(|(part, error)| (*part, error.code)).collect();
    assert_eq!(missing, [("queues", Code::Unreachable)], "events need no management API");
    worker.kill();
    watch.until("the killed worker to be missed", |told| named(told, "workers", "w1@here")["state"] == "offline").await;
    application.send(&["fine=4:mail"]);
    watch.until("what waits", |told| named(told, "queues", "mail")["length"] == 4).await;
    managed.until("what waits", |told| named(told, "queues", "mail")["length"] == 4).await;

    server.ctl(&["stop_app"]);
    assert_eq!(watch.until_trouble().await.code, Code::Unreachable);
    server.ctl(&["start_app"]);
    watch.until("the stream again", |told| says(told, "were not heard")).await;
    let _second = application.worker("w2@here", &["-E", "-Q", "mail"]);
    watch.until("the tasks after it", |told| told["succeeded_1h"] == 31).await;
}

async fn refusals(server: &RabbitMq) {
    let wrong = format!("url = \"amqp://guest:s3cr3t@127.0.0.1:{}//\"\n", server.port);
    let told = Watch::of(&wrong).until_trouble().await;
    assert_eq!(told.code, Code::Auth, "{told:?}");
    let nowhere = format!("url = \"amqp://guest:guest@127.0.0.1:{}/none\"\n", server.port);
    let told = Watch::of(&nowhere).until_trouble().await;
    assert_eq!(told.code, Code::Auth, "{told:?}");
    assert!(told.message.contains("virtual host none"), "{told:?}");
}

async fn the_least_rights_are_enough(server: &RabbitMq, application: &Application) {
    server.add_user("farol", "s3cr3t", "");
    let own = "^farol-celeryev-.*$";
    let rights = json!({ "configure": own, "write": own, "read": "^(farol-celeryev-.*|celeryev)$" });
    server.manage("PUT", "/api/permissions/%2F/farol", &rights);
    let _worker = application.worker("w1@here", &["-E"]);
    let mut watch = Watch::of(&format!("url = \"amqp://farol@127.0.0.1:{}//\"\npassword = \"s3cr3t\"\n", server.port));
    watch.until("the worker", |told| told["workers_online"] == 1).await;
    application.send(&["fine=2"]);
    watch.until("the tasks", |told| told["succeeded_1h"] == 2 && told["queued"] == 0).await;

    server.let_read("farol");
    let mut reader = Watch::of(&format!("url = \"amqp://farol@127.0.0.1:{}//\"\npassword = \"s3cr3t\"\n", server.port));
    let trouble = reader.until_trouble().await;
    assert!(trouble.code == Code::Auth && trouble.message.contains("farol-celeryev-"), "{trouble:?}");
}
