//! Railway: CPU, memory, network and disk of a project's services, and deployments, by one GraphQL question each.
//!
//! A question that fails is answered with status 200 and `errors`, so those are read before `data`.
//!
//! Bounded: services ([`infra::TARGETS_MAX`]), points of a service, deployments.

use std::{collections::BTreeMap, time::Duration};

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use self::answer::{Course, Found};
use super::{
    At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading,
    http::{Answer, Http},
    infra::{self, Deployment, Gap, Infra, Moment, Target, Writer},
};

mod answer;

/// Path of the GraphQL API below the address.
const PATH: &str = "/graphql/v2";

/// Time between two points, in seconds.
const STEP_S: i64 = 60;

/// How far back is asked once history is there, in milliseconds: enough to know how fast a counter grows.
const WINDOW_MS: i64 = 600_000;

/// Age up to which a point is the value now, in milliseconds.
const FRESH_MS: i64 = 300_000;

/// How long names of services and the ids behind a project token hold, in milliseconds.
const NAMES_HOLD_MS: i64 = 3_600_000;

/// What is asked of each service.
const MEASUREMENTS: &[&str] =
    &["CPU_USAGE", "CPU_LIMIT", "MEMORY_USAGE_GB", "MEMORY_LIMIT_GB", "NETWORK_RX_GB", "NETWORK_TX_GB", "DISK_USAGE_GB"];

const METRICS: &str = "query Metrics($projectId: String, $environmentId: String, $startDate: DateTime!, $endDate: DateTime, \
    $measurements: [MetricMeasurement!]!, $sampleRateSeconds: Int, $groupBy: [MetricTag!]) { metrics(projectId: $projectId, \
    environmentId: $environmentId, startDate: $startDate, endDate: $endDate, measurements: $measurements, \
    sampleRateSeconds: $sampleRateSeconds, groupBy: $groupBy) { measurement tags { serviceId } values { ts value } } }";
const PROJECT: &str = "query Project($id: String!) { project(id: $id) { name services { edges { node { id name } } } } }";
const TOKEN: &str = "query ProjectToken { projectToken { projectId environmentId } }";
const DEPLOYMENTS: &str = "query Deployments($input: DeploymentListInput!, $first: Int) { deployments(input: $input, first: $first) \
    { edges { node { id createdAt status serviceId staticUrl } } } }";

/// Railway.
pub const KIND: Kind = Kind {
    name: "railway",
    title: "Railway",
    group: Group::Infrastructure,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(30),
    timeout: Duration::from_secs(10),
    secrets: &["project_token", "token"],
    options: &[
        KindOption {
            key: "project_token",
            default: "",
            meaning: "Token of a project's environment (Project, Settings, Tokens): the least right, and no ids are needed.",
        },
        KindOption {
            key: "token",
            default: "",
            meaning: "Token of an account or workspace instead; then project and environment are needed.",
        },
        KindOption { key: "project", default: "of the project token", meaning: "Id of the project." },
        KindOption { key: "environment", default: "of the project token", meaning: "Id of the environment." },
        KindOption { key: "services", default: "all", meaning: "Ids or names of the services to show." },
    ],
    snippet: "[[railway]]\nname = \"railway\"\nproject_token_env = \"RAILWAY_TOKEN\"\n",
    open: |given| open(&given),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    project_token: Option<Secret>,
    token: Option<Secret>,
    project: Option<String>,
    environment: Option<String>,
    #[serde(default)]
    services: Vec<String>,
}

enum Token {
    Project(Secret),
    Account(Secret),
}

/// A project's environment.
#[derive(Clone)]
struct Place {
    project: String,
    environment: String,
}

struct Railway {
    http: Http,
    token: Token,
    configured: Option<Place>,
    services: Vec<String>,
    gap: Gap,
    /// Where, and the names of services by id, with the time of asking.
    known: Option<(i64, Place, BTreeMap<String, String>)>,
}

fn open(given: &Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let token = match (config.project_token, config.token) {
        (Some(token), None) => Token::Project(token),
        (None, Some(token)) => Token::Account(token),
        (Some(_), Some(_)) => return Err("project_token stands beside token: keep one of them".to_owned()),
        (None, None) => return Err("project_token is missing: write project_token_file or project_token_env".to_owned()),
    };
    let configured = match (config.project, config.environment) {
        (Some(project), Some(environment)) => Some(Place { project, environment }),
        (None, None) if matches!(token, Token::Project(_)) => None,
        _ => return Err("project and environment are needed, both: their ids stand in the project's address".to_owned()),
    };
    if config.services.len() > infra::TARGETS_MAX {
        return Err(format!("services: at most {}", infra::TARGETS_MAX));
    }
    let http = Http::new(given.url.as_deref().unwrap_or("https://backboard.railway.com"), given.timeout, None)?;
    Ok(Box::new(Railway { http, token, configured, services: config.services, gap: Gap::default(), known: None }))
}

impl Integration for Railway {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(self.read(at))
    }

    fn target(&self) -> String {
        let project = self.configured.as_ref().map_or("project of the token", |place| place.project.as_str());
        format!("{} ({project})", self.http.host())
    }
}

impl Railway {
    async fn ask(&self, query: &str, variables: Value) -> Result<Answer, PollError> {
        let call = self.http.post(PATH).json(&json!({ "query": query, "variables": variables }));
        let call = match &self.token {
            Token::Project(token) => call.header("project-access-token", token.reveal()),
            Token::Account(token) => call.bearer(token),
        };
        let answer = call.send_any().await?;
        // GraphQL over HTTP may tell its errors with 400, too.
        if answer.status == 200 || (answer.status == 400 && answer.body.starts_with(b"{\"errors\"")) {
            Ok(answer)
        } else {
            Err(answer.refusal())
        }
    }

    async fn place(&mut self, now_ms: i64) -> Result<(Place, BTreeMap<String, String>), PollError> {
        if let Some((asked_ms, place, names)) = &self.known
            && now_ms.saturating_sub(*asked_ms) < NAMES_HOLD_MS
        {
            return Ok((place.clone(), names.clone()));
        }
        let place = match &self.configured {
            Some(place) => place.clone(),
            None => {
                let (project, environment) = answer::token(&self.ask(TOKEN, json!({})).await?.body)?;
                Place { project, environment }
            }
        };
        let names = answer::names(&self.ask(PROJECT, json!({ "id": place.project })).await?.body)?;
        self.known = Some((now_ms, place.clone(), names.clone()));
        Ok((place, names))
    }

    async fn read(&mut self, at: &At) -> Result<Reading, PollError> {
        let mut reading = Reading::default();
        let (place, names) = self.place(at.now_ms).await?;
        let after_ms = self.gap.after(at);
        let variables = json!({
            "projectId": place.project,
            "environmentId": place.environment,
            "startDate": Moment(after_ms.min(at.now_ms - WINDOW_MS)).to_string(),
            "endDate": Moment(at.now_ms).to_string(),
            "measurements": MEASUREMENTS,
            "sampleRateSeconds": STEP_S,
            "groupBy": ["SERVICE_ID"],
        });
        let answer = self.ask(METRICS, variables).await?;
        let found = answer::metrics(&answer.body)?;
        reading.rate_limit = infra::rate_limit(&answer, "x-ratelimit");
        let deployments = match self.deployments(&place, &names).await {
            Ok(deployments) => deployments,
            Err(error) => {
                reading.missing("deployments", error);
                Vec::new()
            }
        };
        let targets = self.show(&mut reading, &found, &names, at, after_ms);
        reading.say(format!("{} services, {} deployments", targets.len(), deployments.len()));
        reading.describe("cloud.provider", "railway");
        reading.snapshot("infra", &Infra { provider: "Railway".to_owned(), targets, deployments });
        self.gap.close(at);
        Ok(reading)
    }

    async fn deployments(&self, place: &Place, names: &BTreeMap<String, String>) -> Result<Vec<Deployment>, PollError> {
        let input = json!({ "projectId": place.project, "environmentId": place.environment });
        let answer = self.ask(DEPLOYMENTS, json!({ "input": input, "first": infra::DEPLOYMENTS_MAX })).await?;
        answer::deployments(&answer.body, names)
    }

    fn show(
        &self,
        reading: &mut Reading,
        found: &Found,
        names: &BTreeMap<String, String>,
        at: &At,
        after_ms: i64,
    ) -> Vec<Target> {
        let is_wanted =
            |id: &str, name: &str| self.services.is_empty() || self.services.iter().any(|one| one == id || one == name);
        // Every service that exists is shown, also one without data; and data of one that has no name yet by its id.
        let mut all: BTreeMap<&str, &str> = names.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
        found.keys().for_each(|id| _ = all.entry(id).or_insert(id));
        let mut writer = Writer { reading, now_ms: at.now_ms, after_ms, fresh_ms: FRESH_MS };
        let wanted = all.into_iter().filter(|(id, name)| is_wanted(id, name)).take(infra::TARGETS_MAX);
        wanted.map(|(id, name)| service(&mut writer, name, found.get(id))).collect()
    }
}

fn service(writer: &mut Writer<'_>, name: &str, course: Option<&Course>) -> Target {
    let mut target = Target::new(name, "service");
    let Some(course) = course.filter(|course| !course.is_empty()) else {
        target.lacks("no data: Railway has no points of it in the last minutes; it may be asleep or not deployed");
        return target;
    };
    let latest = |measurement| infra::newest(course.of(measurement), writer.now_ms, FRESH_MS);
    (target.cpu_used, target.cpu_limit) = (latest("CPU_USAGE"), latest("CPU_LIMIT"));
    (target.memory_used, target.memory_limit) = (latest("MEMORY_USAGE_GB"), latest("MEMORY_LIMIT_GB"));
    let disk = latest("DISK_USAGE_GB");
    let ratio = |used, limit| infra::against(course.of(used), course.of(limit));
    writer.cpu(&mut target, &ratio("CPU_USAGE", "CPU_LIMIT"));
    writer.memory(&mut target, &ratio("MEMORY_USAGE_GB", "MEMORY_LIMIT_GB"));
    writer.network(&mut target, &infra::rates(course.of("NETWORK_RX_GB")), &infra::rates(course.of("NETWORK_TX_GB")));
    if disk.is_some() {
        writer.figure(&mut target, "disk", "By", course.of("DISK_USAGE_GB"));
    }
    if target.cpu_ratio.is_none() && target.cpu_used.is_some() {
        target.lacks("CPU share: Railway tells no limit");
    }
    target
}
