//! The middlewares inside real applications with several worker processes.

use farol_tests::process::project;

use crate::{
    programs::{django, express, fail, fastapi, h2load},
    sidecar::Sidecar,
};

fn check(mut sidecar: Sidecar, exception: &str, user_route: &str) {
    let app = sidecar.app;
    h2load(&format!("http://{app}/hello"), 4_000, 16, false);
    h2load(&format!("http://{app}/users/7"), 1_000, 8, false);
    fail(app, 50);
    h2load(&format!("http://{app}/slow"), 8, 8, false);
    let answer = sidecar.check_count(5_058);
    assert_eq!(answer["total"]["failed"], 50, "{answer}");
    assert_eq!(sidecar.endpoint("GET", user_route)["count"], 1_000);
    assert_eq!(sidecar.endpoint("GET", "/hello")["count"], 4_000);
    let types = sidecar.ask("/api/v1/errors/types");
    assert_eq!((&types["types"][0]["type"], &types["types"][0]["count"]), (&exception.into(), &50.into()), "{types}");
    let slow = sidecar.ask("/api/v1/requests/slow");
    assert!(
        slow["requests"].as_array().is_some_and(|rows| rows.iter().filter(|row| row["route"] == "/slow").count() == 8),
        "{slow}"
    );
}

#[test]
fn eight_gunicorn_workers_with_django_count_as_one() {
    let sidecar = Sidecar::start("django", |_| Vec::new());
    let vars =
        [("FAROL_SOCKET", sidecar.socket.display().to_string()), ("SHOP_MIDDLEWARE", "farol_wsgi.DjangoMiddleware".to_owned())];
    let _app = django(sidecar.app, false, &vars);
    check(sidecar, "KeyError", "/users/{number}");
}

#[test]
fn uvicorn_workers_with_fastapi_count_as_one() {
    let sidecar = Sidecar::start("fastapi", |_| Vec::new());
    let vars = [("FAROL_SOCKET", sidecar.socket.display().to_string()), ("SHOP_MIDDLEWARE", "on".to_owned())];
    let _app = fastapi(sidecar.app, false, &vars);
    check(sidecar, "KeyError", "/users/{number}");
}

#[test]
fn express_is_timed_over_loopback() {
    let sidecar = Sidecar::start("express", |_| Vec::new());
    let middleware = project().join("packaging/middleware/farol-express.js").display().to_string();
    let vars = [("FAROL_HTTP", sidecar.http.to_string()), ("SHOP_MIDDLEWARE", middleware)];
    let _app = express(sidecar.app, false, &vars);
    check(sidecar, "TypeError", "/users/{number}");
}

#[test]
fn an_application_does_not_notice_that_its_agent_is_away() {
    let mut sidecar = Sidecar::start("alone", |_| Vec::new());
    let vars =
        [("FAROL_SOCKET", sidecar.socket.display().to_string()), ("SHOP_MIDDLEWARE", "farol_wsgi.DjangoMiddleware".to_owned())];
    let _app = django(sidecar.app, false, &vars);
    sidecar.agent.kill();
    h2load(&format!("http://{}/hello", sidecar.app), 1_000, 8, false);
}
