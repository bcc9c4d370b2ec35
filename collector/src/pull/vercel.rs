//! Vercel: deployments of projects and the state of production. It has no servers, so there is no CPU and no memory to tell.
//!
//! Bounded: projects ([`PROJECTS_MAX`]), deployments.

use std::time::Duration;

use farol_shared::{catalog, secret::Secret};
use serde::Deserialize;
use serde_json::Value;

use super::{
    At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading,
    http::{Answer, Http},
    infra::{self, Deployment, Figure, Infra, Target},
    parse::number,
};

/// Most projects of one instance: one call each.
const PROJECTS_MAX: usize = 20;

/// Why there is no CPU.
const NO_SERVER: &str = "Vercel tells no CPU and no memory, as there is no server of yours: the state of production is that of its \
                         newest finished deployment";

/// Vercel.
pub const KIND: Kind = Kind {
    name: "vercel",
    title: "Vercel",
    group: Group::Infrastructure,
    interval: Duration::from_secs(300),
    floor: Duration::from_secs(60),
    timeout: Duration::from_secs(10),
    secrets: &["token"],
    options: &[
        KindOption { key: "token", default: "needed", meaning: "Access token (Account Settings, Tokens), scoped to the team." },
        KindOption { key: "team", default: "", meaning: "Id of the team, team_..., when the projects belong to one." },
        KindOption { key: "projects", default: "needed", meaning: "Ids of projects, prj_..., up to 20." },
    ],
    snippet: "[[vercel]]\nname = \"vercel\"\ntoken_env = \"VERCEL_TOKEN\"\nprojects = [\"prj_...\"]\n",
    open: |given| open(&given),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    token: Option<Secret>,
    team: Option<String>,
    #[serde(default)]
    projects: Vec<String>,
}

struct Vercel {
    http: Http,
    token: Secret,
    team: Option<String>,
    projects: Vec<String>,
}

fn open(given: &Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let token = config.token.ok_or("token is missing: write token_file or token_env")?;
    if config.projects.is_empty() || config.projects.len() > PROJECTS_MAX {
        return Err(format!("projects: write 1 to {PROJECTS_MAX} ids such as \"prj_...\""));
    }
    let http = Http::new(given.url.as_deref().unwrap_or("https://api.vercel.com"), given.timeout, None)?;
    Ok(Box::new(Vercel { http, token, team: config.team, projects: config.projects }))
}

impl Integration for Vercel {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(self.read(at))
    }

    fn target(&self) -> String {
        format!("{} ({} projects)", self.http.host(), self.projects.len())
    }
}

impl Vercel {
    async fn ask(&self, project: &str, at: &At) -> Result<Answer, PollError> {
        let mut query = vec![("projectId", project), ("limit", "20"), ("target", "production")];
        query.extend(self.team.as_deref().map(|team| ("teamId", team)));
        let answer = self.http.get("/v6/deployments").bearer(&self.token).query(&query).send_any().await?;
        if answer.status == 200 { Ok(answer) } else { Err(refusal(&answer, at)) }
    }

    async fn read(&mut self, at: &At) -> Result<Reading, PollError> {
        let mut reading = Reading::default();
        let mut infra = Infra { provider: "Vercel".to_owned(), ..Infra::default() };
        let (mut failed, mut answered) = (None, 0_usize);
        for project in &self.projects {
            let asked = match self.ask(project, at).await {
                Ok(answer) => {
                    reading.rate_limit = infra::rate_limit(&answer, "x-ratelimit");
                    parse(&answer.body)
                }
                Err(error) => Err(error),
            };
            match asked {
                Ok(deployments) => {
                    answered += 1;
                    infra.targets.push(production(&mut reading, project, &deployments));
                    infra.deployments.extend(deployments);
                }
                // Who is told to wait, or is not known, asks nothing more.
                Err(error) if answered == 0 && error.is_for_all() => return Err(error),
                Err(error) => {
                    let is_for_all = error.is_for_all();
                    infra.targets.push(Target { reason: Some(error.to_string()), ..Target::new(project, "project") });
                    reading.missing("projects", error.clone());
                    failed.get_or_insert(error);
                    if is_for_all {
                        break;
                    }
                }
            }
        }
        if let Some(error) = failed.filter(|_| answered == 0) {
            return Err(error);
        }
        infra.deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.at));
        infra.deployments.truncate(infra::DEPLOYMENTS_MAX);
        reading.say(format!("{} deployments to production of {} projects", infra.deployments.len(), infra.targets.len()));
        reading.say("Vercel tells no CPU and no memory");
        reading.describe("cloud.provider", "vercel");
        reading.snapshot("infra", &infra);
        Ok(reading)
    }
}

/// What a refusal means.
fn refusal(answer: &Answer, at: &At) -> PollError {
    let error = infra::refusal(answer, "x-ratelimit", at.now_ms);
    match answer.status {
        404 => PollError {
            message: "Vercel does not know the project: check its id, and team when it belongs to one".to_owned(),
            ..error
        },
        _ => error,
    }
}

/// What production of a project is in: the newest deployment that has finished says it.
fn production(reading: &mut Reading, project: &str, deployments: &[Deployment]) -> Target {
    let name = deployments.first().map_or(project, |deployment| deployment.name.as_str());
    let finished = deployments.iter().find(|deployment| matches!(deployment.state.as_str(), "ready" | "error"));
    let is_ready = finished.map(|deployment| f64::from(u8::from(deployment.state == "ready")));
    let mut target = Target::new(name, "project");
    reading.set(&catalog::HOSTING_DEPLOYMENT_READY, &[("farol.target", &target.name)], is_ready);
    target.metrics.push(Figure { name: "production ready".to_owned(), value: is_ready, unit: "1".to_owned() });
    target.at = finished.and_then(|deployment| deployment.at);
    if deployments.is_empty() {
        target.lacks("nothing was deployed to production yet");
    }
    target.lacks(NO_SERVER);
    target
}

#[derive(Deserialize)]
struct Listed {
    deployments: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    url: Option<String>,
    /// Both names occur, also side by side.
    state: Option<String>,
    ready_state: Option<String>,
    created: Option<Value>,
    created_at: Option<Value>,
}

/// Reads a list of deployments, newest first.
///
/// # Errors
/// [`PollError::bad_answer`] for another shape.
fn parse(body: &[u8]) -> Result<Vec<Deployment>, PollError> {
    let listed: Listed = infra::json(body, "/v6/deployments")?;
    let deployment = |row: Row| Deployment {
        name: infra::shown(&row.name),
        state: infra::shown(&row.state.or(row.ready_state).unwrap_or_else(|| "unknown".to_owned()).to_lowercase()),
        at: row.created.or(row.created_at).and_then(|ms| format!("{:.0}", number(&ms)?).parse().ok()),
        url: row.url.and_then(|host| infra::link(&if host.contains("://") { host } else { format!("https://{host}") })),
    };
    let mut deployments: Vec<Deployment> = listed.deployments.into_iter().take(infra::DEPLOYMENTS_MAX).map(deployment).collect();
    deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.at));
    Ok(deployments)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_builds_does_not_change_the_state_of_production() {
        let body = br#"{"deployments":[
            {"uid":"d1","name":"shop","url":"shop-1.vercel.app","state":"ERROR","readyState":"ERROR","created":1795237000000,"createdAt":1795237000000,"target":"production"},
            {"uid":"d2","name":"shop","url":"shop-2.vercel.app","state":"BUILDING","created":"1795237600000","meta":{}}],"pagination":{}}"#;
        let deployments = parse(body).unwrap();
        assert_eq!(deployments.iter().map(|one| one.state.as_str()).collect::<Vec<_>>(), ["building", "error"]);
        assert_eq!(deployments[0].url.as_deref(), Some("https://shop-2.vercel.app"));
        let mut reading = Reading::default();
        let target = production(&mut reading, "prj_1", &deployments);
        assert_eq!(reading.value(&catalog::HOSTING_DEPLOYMENT_READY, &[("farol.target", "shop")]), Some(0.0));
        assert!(target.reason.unwrap().contains("no CPU and no memory"));
    }

    #[test]
    fn a_project_without_deployments_has_no_state() {
        let mut reading = Reading::default();
        let target = production(&mut reading, "prj_1", &parse(br#"{"deployments":[]}"#).unwrap());
        assert!(reading.now.is_empty() && target.metrics[0].value.is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            assert!(parse(&bytes).is_err());
        }
    }
}
