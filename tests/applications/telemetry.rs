//! OpenTelemetry's own SDK and automatic instrumentation around real applications, exporting to the agent.

use std::net::SocketAddr;

use crate::{
    programs::{Var, django, express, fail, fastapi, h2load},
    sidecar::Sidecar,
};

fn exporting(http: SocketAddr, service: &str) -> Vec<Var<'static>> {
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{http}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        ("OTEL_SERVICE_NAME", service.to_owned()),
        // A histogram that comes before a process's first span is counted as well (docs/NEXT.md): spans come soon here, and long before.
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100000".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000".to_owned()),
    ]
    .into()
}

fn check(mut sidecar: Sidecar, exception: &str, route: &str) {
    let app = sidecar.app;
    h2load(&format!("http://{app}/hello"), 1_000, 8, false);
    h2load(&format!("http://{app}/users/7"), 500, 4, false);
    fail(app, 20);
    let answer = sidecar.check_count(1_520);
    assert_eq!(answer["total"]["failed"], 20, "{answer}");
    assert_eq!(sidecar.endpoint("GET", route)["count"], 500);
    let types = sidecar.ask("/api/v1/errors/types");
    assert_eq!((&types["types"][0]["type"], &types["types"][0]["count"]), (&exception.into(), &20.into()), "{types}");
}

#[test]
fn instrumented_django_is_understood() {
    let sidecar = Sidecar::start("django", |_| Vec::new());
    let _app = django(sidecar.app, true, &exporting(sidecar.http, "django"));
    check(sidecar, "KeyError", "/users/{number}");
}

#[test]
fn instrumented_fastapi_is_understood() {
    let sidecar = Sidecar::start("fastapi", |_| Vec::new());
    let _app = fastapi(sidecar.app, true, &exporting(sidecar.http, "fastapi"));
    check(sidecar, "KeyError", "/users/{number}");
}

#[test]
fn instrumented_express_is_understood() {
    let sidecar = Sidecar::start("express", |_| Vec::new());
    let _app = express(sidecar.app, true, &exporting(sidecar.http, "express"));
    check(sidecar, "TypeError", "/users/{number}");
}
