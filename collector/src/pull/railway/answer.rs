//! Railway's answers, read: errors before data.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::api::parameters::instant;
use crate::pull::{
    PollError,
    infra::{self, Deployment, Points},
    parse::number,
};

/// Bytes of a GB, as Railway counts.
const GB: f64 = 1e9;

/// Most points that are kept of one measurement.
const POINTS_MAX: usize = 200;

/// Measurements of one service, in cores and bytes.
#[derive(Debug, Default)]
pub(super) struct Course(BTreeMap<String, Points>);

impl Course {
    pub(super) fn of(&self, measurement: &str) -> &[(i64, f64)] {
        self.0.get(measurement).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.values().all(Vec::is_empty)
    }
}

/// What was found, by the service's id.
pub(super) type Found = BTreeMap<String, Course>;

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    errors: Vec<Wrong>,
    data: Option<Value>,
}

#[derive(Deserialize)]
struct Wrong {
    message: Option<String>,
}

/// The data of an answer, unless there are errors.
fn data<T: DeserializeOwned>(body: &[u8], asked: &str) -> Result<T, PollError> {
    let whole: Whole = infra::json(body, asked)?;
    if let Some(wrong) = whole.errors.first() {
        return Err(refusal(wrong.message.as_deref().unwrap_or_default(), asked));
    }
    let value = whole.data.unwrap_or_default();
    serde_json::from_value(value)
        .map_err(|_| PollError::bad_answer(format!("the answer to {asked} has another shape than expected")).with_status(200))
}

fn refusal(message: &str, asked: &str) -> PollError {
    let words = message.to_ascii_lowercase();
    let has = |any: &[&str]| any.iter().any(|word| words.contains(word));
    let error = if has(&["not authorized", "unauthorized", "forbidden", "invalid token", "unauthenticated"]) {
        PollError::auth(format!("Railway refuses the token for {asked}: make a new one for this project's environment"))
    } else if has(&["rate limit", "too many"]) {
        PollError::limited("Railway is asked too often", None)
    } else if has(&["cannot query field", "unknown argument", "unknown type"]) {
        PollError::bad_answer(format!("Railway does not offer {asked} any more: {}", infra::shown(message)))
    } else if has(&["not found"]) {
        PollError::bad_answer(format!("Railway does not find the project or environment ({asked}): check both ids"))
    } else {
        PollError::bad_answer(format!("Railway refuses {asked}: {}", infra::shown(message)))
    };
    error.with_status(200)
}

#[derive(Deserialize)]
struct Metrics {
    metrics: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    measurement: String,
    tags: Option<Tags>,
    values: Vec<Point>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tags {
    service_id: Option<String>,
}

#[derive(Deserialize)]
struct Point {
    ts: Value,
    value: Value,
}

/// Reads the answer to `metrics`.
///
/// # Errors
/// [`PollError`]: what stands in `errors`; [`PollError::bad_answer`] for another shape.
pub(super) fn metrics(body: &[u8]) -> Result<Found, PollError> {
    let metrics: Metrics = data(body, "metrics")?;
    let mut found = Found::new();
    for row in metrics.metrics {
        let Some(id) = row.tags.and_then(|tags| tags.service_id) else { continue };
        let by = if row.measurement.ends_with("_GB") { GB } else { 1.0 };
        let read = |point: &Point| Some((seconds_ms(&point.ts)?, number(&point.value)? * by));
        let points = found.entry(infra::shown(&id)).or_default().0.entry(row.measurement).or_default();
        points.extend(row.values.iter().filter_map(read));
        infra::order(points, POINTS_MAX);
    }
    Ok(found)
}

fn seconds_ms(value: &Value) -> Option<i64> {
    let seconds = value.as_i64().or_else(|| format!("{:.0}", number(value)?).parse().ok())?;
    seconds.checked_mul(1_000)
}

#[derive(Deserialize)]
struct Edges<T> {
    edges: Vec<Edge<T>>,
}

#[derive(Deserialize)]
struct Edge<T> {
    node: T,
}

/// Reads project and environment of a project token.
pub(super) fn token(body: &[u8]) -> Result<(String, String), PollError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        project_token: Place,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Place {
        project_id: String,
        environment_id: String,
    }
    let Answer { project_token: place } = data(body, "projectToken")?;
    Ok((place.project_id, place.environment_id))
}

/// Reads the names of a project's services by their ids.
pub(super) fn names(body: &[u8]) -> Result<BTreeMap<String, String>, PollError> {
    #[derive(Deserialize)]
    struct Answer {
        project: Project,
    }
    #[derive(Deserialize)]
    struct Project {
        services: Edges<Service>,
    }
    #[derive(Deserialize)]
    struct Service {
        id: String,
        name: String,
    }
    let answer: Answer = data(body, "project")?;
    let services = answer.project.services.edges.into_iter().take(infra::TARGETS_MAX);
    Ok(services.map(|edge| (infra::shown(&edge.node.id), infra::shown(&edge.node.name))).collect())
}

/// Reads deployments, newest first as Railway lists them.
pub(super) fn deployments(body: &[u8], names: &BTreeMap<String, String>) -> Result<Vec<Deployment>, PollError> {
    #[derive(Deserialize)]
    struct Answer {
        deployments: Edges<Node>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Node {
        created_at: Option<String>,
        status: String,
        service_id: Option<String>,
        static_url: Option<String>,
    }
    let answer: Answer = data(body, "deployments")?;
    let deployment = |Edge { node }: Edge<Node>| Deployment {
        name: node
            .service_id
            .map_or_else(|| "deployment".to_owned(), |id| names.get(&id).cloned().unwrap_or_else(|| infra::shown(&id))),
        state: infra::shown(&node.status.to_lowercase()),
        at: node.created_at.as_deref().and_then(instant::parse),
        url: node.static_url.and_then(|host| infra::link(&format!("https://{host}"))),
    };
    Ok(answer.deployments.edges.into_iter().take(infra::DEPLOYMENTS_MAX).map(deployment).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pull::Code;

    #[test]
    fn measurements_become_cores_and_bytes_by_service() {
        let body = br#"{"data":{"metrics":[
            {"measurement":"MEMORY_USAGE_GB","tags":{"serviceId":"s1"},"values":[{"ts":1795237940,"value":0.5},{"ts":1795237880,"value":"0.25"}]},
            {"measurement":"CPU_USAGE","tags":{"serviceId":"s1"},"values":[{"ts":1795237940,"value":0.042},{"ts":null,"value":1}]},
            {"measurement":"CPU_USAGE","tags":{},"values":[]}]}}"#;
        let found = metrics(body).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found["s1"].of("MEMORY_USAGE_GB"), [(1_795_237_880_000, 0.25e9), (1_795_237_940_000, 0.5e9)]);
        assert_eq!(found["s1"].of("CPU_USAGE"), [(1_795_237_940_000, 0.042)]);
        assert!(found["s1"].of("CPU_LIMIT").is_empty());
    }

    #[test]
    fn errors_stand_in_an_answer_that_succeeds_and_come_before_data() {
        for (message, code) in [
            ("Not Authorized", Code::Auth),
            ("Rate limit exceeded", Code::Limited),
            ("Cannot query field \\\"metrics\\\" on type Query", Code::BadAnswer),
            ("Project not found", Code::BadAnswer),
            ("Problem processing request", Code::BadAnswer),
        ] {
            let body = format!(r#"{{"errors":[{{"message":"{message}","extensions":{{"code":"X"}}}}],"data":{{"metrics":[]}}}}"#);
            let told = metrics(body.as_bytes()).unwrap_err();
            assert_eq!((told.code, told.status), (code, Some(200)), "{told}");
        }
        assert_eq!(metrics(br#"{"data":null}"#).unwrap_err().code, Code::BadAnswer);
    }

    #[test]
    fn deployments_have_the_names_of_their_services() {
        let names = BTreeMap::from([("s1".to_owned(), "web".to_owned())]);
        let body =
            br#"{"data":{"deployments":{"edges":[{"node":{"id":"d","createdAt":"2026-11-21T05:07:06.000Z","status":"SUCCESS",
            "serviceId":"s1","staticUrl":"web.up.example"}}]}}}"#;
        let expect = Deployment {
            name: "web".to_owned(),
            state: "success".to_owned(),
            at: Some(1_795_237_626_000),
            url: Some("https://web.up.example".to_owned()),
        };
        assert_eq!(deployments(body, &names).unwrap(), [expect]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            assert!(metrics(&bytes).is_err() && token(&bytes).is_err() && names(&bytes).is_err());
        }
    }
}
