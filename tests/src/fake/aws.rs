//! AWS: CloudWatch that checks signatures as AWS does, and the endpoints that give containers and instances their keys.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::Fake;

/// The key that is known from the start.
pub const KEY: &str = "AKIDEXAMPLE";

/// Its secret.
pub const SECRET: &str = "s3cr3t/EXAMPLE+key";

/// Region that requests must be signed for.
pub const REGION: &str = "sa-east-1";

/// The token of the instance's metadata.
const METADATA_TOKEN: &str = "metadata-t0ken==";

/// Most queries of one question.
const QUERIES_MAX: usize = 500;

/// One metric: namespace, name, statistic, dimensions as `Name=value,...` in the order of the alphabet.
type Named = (String, String, String, String);

/// The values of one metric, each with its time in Unix seconds, and the status of the answer that carries them.
type Told = (Vec<(i64, f64)>, &'static str);

/// What it holds, and how it answers.
#[derive(Debug)]
pub struct Held {
    /// Keys that are known: secret and token.
    pub keys: BTreeMap<String, (String, Option<String>)>,
    series: BTreeMap<Named, Told>,
    /// Queries on one page.
    pub page: usize,
    /// Answers everything with this error of AWS: status, type and message.
    pub error: Option<(u16, &'static str, String)>,
    /// Until when keys are given, as AWS writes it.
    pub expires: String,
    /// How many keys were given.
    pub given: usize,
    /// Whether the instance has a role.
    pub has_role: bool,
    /// Whether the endpoints of keys are broken.
    pub is_broken: bool,
}

/// AWS, running.
#[derive(Debug)]
pub struct Aws {
    /// Its server.
    pub fake: Fake,
    held: Shared,
}

type Shared = Arc<Mutex<Held>>;

fn lock(held: &Shared) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Aws {
    /// Starts it without metrics.
    pub async fn start() -> Self {
        let held = Shared::new(Mutex::new(Held {
            keys: BTreeMap::from([(KEY.to_owned(), (SECRET.to_owned(), None))]),
            series: BTreeMap::new(),
            page: QUERIES_MAX,
            error: None,
            expires: String::new(),
            given: 0,
            has_role: true,
            is_broken: false,
        }));
        let routes = Router::new()
            .route("/", post(cloudwatch))
            .route("/v2/credentials/{id}", get(container))
            .route("/latest/api/token", put(metadata_token))
            .route("/latest/meta-data/iam/security-credentials/", get(roles))
            .route("/latest/meta-data/iam/security-credentials/{role}", get(role))
            .with_state(Arc::clone(&held));
        Self { fake: Fake::start(routes).await, held }
    }

    /// What it holds.
    pub fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }

    /// Publishes a metric: points by seconds since the epoch.
    pub fn put(&self, namespace: &str, metric: &str, stat: &str, dimensions: &str, points: &[(i64, f64)]) {
        self.put_as(namespace, metric, stat, dimensions, points, "Complete");
    }

    /// The same with a status of its own.
    pub fn put_as(
        &self,
        namespace: &str,
        metric: &str,
        stat: &str,
        dimensions: &str,
        points: &[(i64, f64)],
        status: &'static str,
    ) {
        let named = [namespace, metric, stat, dimensions].map(str::to_owned).into();
        self.held().series.insert(named, (points.to_vec(), status));
    }

    /// How many calls of an operation came.
    pub fn count(&self, operation: &str) -> usize {
        let is_it =
            |headers: &HeaderMap| headers.get("x-amz-target").is_some_and(|target| target.to_str().unwrap().ends_with(operation));
        self.fake.calls().iter().filter(|call| is_it(&call.headers)).count()
    }
}

fn refused(status: u16, kind: &str, message: &str) -> Response {
    let body = json!({ "__type": format!("com.amazonaws.cloudwatch#{kind}"), "message": message });
    // The content type is not to be relied on.
    (StatusCode::from_u16(status).unwrap(), [("content-type", "text")], body.to_string()).into_response()
}

async fn cloudwatch(State(held): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let held = lock(&held);
    if let Some((status, kind, message)) = &held.error {
        return refused(*status, kind, message);
    }
    if let Err((kind, message)) = verify(&held, &headers, &body) {
        return refused(403, kind, &message);
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let answer = match headers["x-amz-target"].to_str().unwrap() {
        "GraniteServiceVersion20100801.GetMetricData" => metric_data(&held, &asked),
        "GraniteServiceVersion20100801.ListMetrics" => Ok(list(&held, &asked)),
        other => return refused(400, "UnknownOperationException", other),
    };
    match answer {
        Ok(answer) => (StatusCode::OK, [("content-type", "text")], answer.to_string()).into_response(),
        Err(wrong) => refused(400, "ValidationError", &wrong),
    }
}

fn metric_data(held: &Held, asked: &Value) -> Result<Value, String> {
    let queries = asked["MetricDataQueries"].as_array().ok_or("no queries")?;
    if queries.len() > QUERIES_MAX {
        return Err(format!("{} queries", queries.len()));
    }
    let (start, end) = (asked["StartTime"].as_i64().ok_or("no start")?, asked["EndTime"].as_i64().ok_or("no end")?);
    if start % 300 != 0 || end % 60 != 0 {
        return Err("times that are not aligned".to_owned());
    }
    let from: usize = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
    let mut results = Vec::new();
    for query in queries.iter().skip(from).take(held.page) {
        let id = query["Id"].as_str().ok_or("no id")?;
        let is_id = id.starts_with(|c: char| c.is_ascii_lowercase()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let (stat, metric) = (&query["MetricStat"], &query["MetricStat"]["Metric"]);
        if !is_id || !matches!(stat["Period"].as_i64(), Some(60 | 300)) {
            return Err(format!("a wrong query: {query}"));
        }
        let named = [&metric["Namespace"], &metric["MetricName"], &stat["Stat"]].map(|text| text.as_str().unwrap().to_owned());
        let [namespace, name, stat] = named;
        let found = held.series.get(&(namespace, name.clone(), stat, flat(&metric["Dimensions"])));
        let (points, status) = found.map_or((&[][..], "Complete"), |(points, status)| (points.as_slice(), *status));
        let points = || points.iter().filter(|(time, _)| (start..end).contains(time));
        results.push(json!({
            "Id": id, "Label": name, "StatusCode": status,
            "Timestamps": points().map(|(time, _)| *time).collect::<Vec<_>>(),
            "Values": points().map(|(_, value)| *value).collect::<Vec<_>>(),
        }));
    }
    let next = from + held.page;
    let token = (next < queries.len()).then(|| next.to_string());
    Ok(json!({ "MetricDataResults": results, "NextToken": token, "Messages": [] }))
}

/// `Name=value,...` in the order of the alphabet.
fn flat(dimensions: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pair = |dimension: &Value| format!("{}={}", text(&dimension["Name"]), text(&dimension["Value"]));
    let mut pairs: Vec<String> = dimensions.as_array().map(|all| all.iter().map(pair).collect()).unwrap_or_default();
    pairs.sort();
    pairs.join(",")
}

fn list(held: &Held, asked: &Value) -> Value {
    let wanted = flat(&asked["Dimensions"]);
    let is_it = |(namespace, metric, _, dimensions): &&Named| {
        asked["Namespace"] == namespace.as_str()
            && asked["MetricName"] == metric.as_str()
            && dimensions.split(',').any(|pair| pair == wanted)
    };
    let metric = |(namespace, metric, _, dimensions): &Named| {
        let pairs = dimensions.split(',').filter_map(|pair| pair.split_once('='));
        let dimensions: Vec<Value> = pairs.map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        json!({ "Namespace": namespace, "MetricName": metric, "Dimensions": dimensions })
    };
    json!({ "Metrics": held.series.keys().filter(is_it).map(metric).collect::<Vec<_>>() })
}

/// Makes the signature anew from what came, as AWS does.
fn verify(held: &Held, headers: &HeaderMap, body: &[u8]) -> Result<(), (&'static str, String)> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().trim().to_owned());
    let sent = text("authorization").ok_or(("MissingAuthenticationToken", String::new()))?;
    let wrong = |message: &str| ("IncompleteSignature", message.to_owned());
    let parts = sent.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| wrong("another algorithm"))?;
    let part = |name: &str| parts.split(", ").find_map(|part| part.strip_prefix(name)).ok_or_else(|| wrong(name));
    let (credential, names, signature) = (part("Credential=")?, part("SignedHeaders=")?, part("Signature=")?);
    let (id, scope) = credential.split_once('/').ok_or_else(|| wrong("no scope"))?;
    let (secret, token) = held.keys.get(id).ok_or(("InvalidClientTokenId", "The security token is invalid".to_owned()))?;
    let time = text("x-amz-date").ok_or_else(|| wrong("no date"))?;
    let day = time.get(..8).ok_or_else(|| wrong("a date that is none"))?;
    if scope != format!("{day}/{REGION}/monitoring/aws4_request") {
        return Err(wrong("a scope of another day, region or service"));
    }
    let names_list: Vec<&str> = names.split(';').collect();
    let needed = ["content-type", "host", "x-amz-date", "x-amz-target"];
    if !names_list.is_sorted() || !needed.iter().all(|name| names_list.contains(name)) {
        return Err(wrong("headers that must be signed are not, or out of order"));
    }
    if text("x-amz-security-token") != *token || (token.is_some() && !names_list.contains(&"x-amz-security-token")) {
        return Err(("InvalidClientTokenId", "The security token is invalid".to_owned()));
    }
    let mut request = "POST\n/\n\n".to_owned();
    for name in &names_list {
        writeln!(request, "{name}:{}", text(name).unwrap_or_default()).unwrap();
    }
    write!(request, "\n{names}\n{}", hex(digest::digest(&digest::SHA256, body).as_ref())).unwrap();
    let hash = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
    let mut key = format!("AWS4{secret}").into_bytes();
    for piece in scope.split('/') {
        key = mac(&key, piece.as_bytes());
    }
    if hex(&mac(&key, format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}").as_bytes())) != signature {
        // As AWS does, with the whole request in the text.
        return Err((
            "SignatureDoesNotMatch",
            format!("The request signature we calculated does not match. Should have been {request}"),
        ));
    }
    Ok(())
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives new keys, which CloudWatch knows from then on.
fn give(held: &mut Held) -> Value {
    held.given += 1;
    let (id, secret, token) =
        (format!("ASIA{}", held.given), format!("s3cr3t-{}", held.given), format!("s3cr3t-token-{}", held.given));
    held.keys.insert(id.clone(), (secret.clone(), Some(token.clone())));
    json!({ "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": id, "SecretAccessKey": secret, "Token": token, "Expiration": held.expires })
}

async fn container(State(held): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let mut held = lock(&held);
    if held.is_broken {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let is_allowed = headers.get("authorization").is_none_or(|token| token == "container-t0ken");
    if id != "guid-s3cr3t" || !is_allowed {
        return (StatusCode::BAD_REQUEST, Json(json!({ "code": "InvalidId", "message": format!("no such id {id}") })))
            .into_response();
    }
    Json(give(&mut held)).into_response()
}

async fn metadata_token(headers: HeaderMap) -> Response {
    match headers.get("x-aws-ec2-metadata-token-ttl-seconds") {
        Some(_) => METADATA_TOKEN.into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn has_token(headers: &HeaderMap) -> bool {
    headers.get("x-aws-ec2-metadata-token").is_some_and(|token| token == METADATA_TOKEN)
}

async fn roles(State(held): State<Shared>, headers: HeaderMap) -> Response {
    let held = lock(&held);
    match (has_token(&headers), held.has_role) {
        (false, _) => StatusCode::UNAUTHORIZED.into_response(),
        (true, false) => StatusCode::NOT_FOUND.into_response(),
        (true, true) => "farol-role".into_response(),
    }
}

async fn role(State(held): State<Shared>, Path(role): Path<String>, headers: HeaderMap) -> Response {
    let mut held = lock(&held);
    if held.is_broken {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if !has_token(&headers) || role != "farol-role" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(give(&mut held)).into_response()
}
