//! Where keys of AWS come from: the configuration, a profile, the environment, a container's role or an instance's role.
//!
//! Keys that expire are kept until five minutes before; all others are read at each poll, so that a new key needs no restart.
//! Bounded: files (see [`profile`]), answers ([`ANSWER_BYTES_MAX`]) and the time of each call ([`WITHIN`]).

use std::{fmt, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use farol_agent::environment::Environment;
use farol_shared::{config::Vars, secret::Secret};
use reqwest::{Method, Url};
use serde::Deserialize;

use crate::{
    api::parameters::instant,
    pull::{
        PollError,
        http::{Answer, Call, Http},
        infra,
    },
};

mod profile;

/// How long before they expire keys are renewed, in milliseconds.
const RENEW_BEFORE_MS: i64 = 300_000;

/// How long one call of a credentials endpoint may take. They are on the same machine.
const WITHIN: Duration = Duration::from_secs(2);

/// Largest answer of a credentials endpoint.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Largest file of a container's authorization token, in bytes.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

/// Where ECS gives a container its credentials.
const CONTAINER_URL: &str = "http://169.254.170.2";

/// Where EC2 gives an instance its credentials.
const INSTANCE_URL: &str = "http://169.254.169.254";

/// Addresses that a container's full address may name without TLS beside loopback: those of ECS and of EKS.
const CONTAINER_HOSTS: &[&str] = &["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// What surrounds the process: tests bring their own.
#[derive(Clone)]
pub struct Around {
    /// The environment.
    pub vars: Arc<dyn Vars + Send + Sync>,
    /// Address of ECS' credentials endpoint.
    pub container_url: String,
    /// Address of EC2's metadata.
    pub instance_url: String,
}

impl Around {
    /// The process's environment and AWS' own addresses.
    #[must_use]
    pub fn machine() -> Self {
        Self { vars: Arc::new(Environment), container_url: CONTAINER_URL.to_owned(), instance_url: INSTANCE_URL.to_owned() }
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around").field("instance_url", &self.instance_url).finish_non_exhaustive()
    }
}

/// A key pair, with a token when it is a temporary one.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub id: String,
    pub secret: Secret,
    pub token: Option<Secret>,
    pub expires_ms: Option<i64>,
}

/// Where the configuration says that keys are.
#[derive(Debug)]
pub(super) enum Source {
    /// Written there.
    Given(Keys),
    /// In a profile of the files of AWS' command line.
    Profile(String),
    /// Wherever AWS' own programs would find them.
    Found,
}

/// Gives keys, and keeps those that expire.
#[derive(Debug)]
pub(super) struct Wallet {
    source: Source,
    around: Around,
    kept: Option<Keys>,
}

impl Wallet {
    pub(super) fn new(source: Source, around: Around) -> Self {
        Self { source, around, kept: None }
    }

    /// Where keys come from, for people.
    pub(super) fn told(&self) -> String {
        match &self.source {
            Source::Given(_) => "keys of the configuration".to_owned(),
            Source::Profile(name) => format!("profile {name}"),
            Source::Found => "keys of the environment or of a role".to_owned(),
        }
    }

    /// Forgets temporary keys: AWS refused them.
    pub(super) fn forget(&mut self) {
        self.kept = None;
    }

    /// Keys for a request at `now_ms`.
    pub(super) async fn keys(&mut self, now_ms: i64) -> Result<Keys, PollError> {
        match &self.source {
            Source::Given(keys) => return Ok(keys.clone()),
            Source::Profile(name) => return self.profile(name).await,
            Source::Found => {}
        }
        if let Some(keys) = self.environment() {
            return Ok(keys);
        }
        if let Some(keys) = self.usual_profile().await? {
            return Ok(keys);
        }
        let left_ms =
            self.kept.as_ref().and_then(|keys| keys.expires_ms).map_or(i64::MIN, |expires| expires.saturating_sub(now_ms));
        if let Some(keys) = self.kept.as_ref().filter(|_| left_ms > RENEW_BEFORE_MS) {
            return Ok(keys.clone());
        }
        match self.role().await {
            Ok(keys) => {
                self.kept = keys.expires_ms.is_some().then(|| keys.clone());
                Ok(keys)
            }
            // The old ones still hold: a short failure of the endpoint is no failure of the poll.
            Err(error) => self.kept.clone().filter(|_| left_ms > 0).ok_or(error),
        }
    }

    fn environment(&self) -> Option<Keys> {
        let vars = &self.around.vars;
        Some(Keys {
            id: vars.var("AWS_ACCESS_KEY_ID")?.trim().to_owned(),
            secret: Secret::new(&vars.var("AWS_SECRET_ACCESS_KEY")?),
            token: vars.var("AWS_SESSION_TOKEN").map(|token| Secret::new(&token)),
            expires_ms: None,
        })
    }

    /// The profile that `AWS_PROFILE` names, else `default` if there is one.
    async fn usual_profile(&self) -> Result<Option<Keys>, PollError> {
        match self.around.vars.var("AWS_PROFILE") {
            Some(name) => self.profile(&name).await.map(Some),
            None => Ok(self.profile("default").await.ok()),
        }
    }

    async fn profile(&self, name: &str) -> Result<Keys, PollError> {
        let vars = &self.around.vars;
        let place = |variable: &str, file: &str| {
            let home = || vars.var("HOME").map(|home| PathBuf::from(home).join(".aws").join(file));
            vars.var(variable).map(PathBuf::from).or_else(home)
        };
        let files = (place("AWS_SHARED_CREDENTIALS_FILE", "credentials"), place("AWS_CONFIG_FILE", "config"));
        let name = name.to_owned();
        // Files may lie on a slow disk.
        let reading = tokio::task::spawn_blocking(move || profile::keys(files.0.as_deref(), files.1.as_deref(), &name));
        reading.await.map_err(|_| PollError::auth("reading the profile broke off"))?.map_err(PollError::auth)
    }

    /// Keys of the container's role, else of the instance's.
    async fn role(&self) -> Result<Keys, PollError> {
        match self.container_url().map_err(PollError::auth)? {
            Some(url) => self.container(&url).await,
            None => self.instance().await,
        }
    }

    fn container_url(&self) -> Result<Option<Url>, String> {
        let wrong = |name: &str| format!("the variable {name} holds no address that credentials may come from");
        if let Some(path) = self.around.vars.var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            let url = path.starts_with('/').then(|| format!("{}{path}", self.around.container_url).parse().ok()).flatten();
            return url.map(Some).ok_or_else(|| wrong("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
        }
        let Some(full) = self.around.vars.var("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return Ok(None) };
        let url: Option<Url> = full.parse().ok();
        url.filter(is_trusted).map(Some).ok_or_else(|| wrong("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
    }

    async fn container(&self, url: &Url) -> Result<Keys, PollError> {
        let base = url.join("/").map_err(|_| PollError::auth("the container's credentials have no address"))?;
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let mut call = endpoint(base.as_str())?.get(url.path());
        if !query.is_empty() {
            call = call.query(&query);
        }
        if let Some(token) = self.container_token().await? {
            call = call.header("authorization", token.reveal());
        }
        // The path is as good as a password: an error must not name it.
        let answer = call.send().await.map_err(|error| PollError {
            message: format!("the container's role gives no credentials ({})", reason(&error)),
            ..error
        })?;
        parse(&answer.body)
    }

    async fn container_token(&self) -> Result<Option<Secret>, PollError> {
        let vars = &self.around.vars;
        let Some(path) = vars.var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") else {
            return Ok(vars.var("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|token| Secret::new(&token)));
        };
        let reading = tokio::task::spawn_blocking(move || profile::bounded(path.as_ref(), TOKEN_BYTES_MAX));
        let text = reading.await.ok().and_then(Result::ok);
        let unread = || PollError::auth("the file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names cannot be read");
        text.map(|text| Some(Secret::new(&text))).ok_or_else(unread)
    }

    /// The second version of EC2's metadata alone: it asks for a token first, which a deceived proxy cannot.
    async fn instance(&self) -> Result<Keys, PollError> {
        let http = endpoint(&self.around.instance_url)?;
        let ask = |method: Method, path: &str| http.call(method, &format!("/latest/{path}"));
        let token = ask(Method::PUT, "api/token").header("x-aws-ec2-metadata-token-ttl-seconds", "21600").send().await;
        let token = Secret::new(&text(&token.map_err(|error| no_credentials(&error))?)?);
        let with_token = |call: Call| call.header("x-aws-ec2-metadata-token", token.reveal());
        let roles = "meta-data/iam/security-credentials/";
        let answer = with_token(ask(Method::GET, roles)).send_any().await.map_err(|error| no_credentials(&error))?;
        if answer.status == 404 {
            return Err(PollError::auth("the instance has no role: give it one, or write access_key_id and secret_access_key"));
        }
        if answer.status != 200 {
            return Err(no_credentials(&answer.refusal()));
        }
        let role = text(&answer)?.lines().next().unwrap_or_default().trim().to_owned();
        let is_role = |role: &str| {
            (1..=64).contains(&role.len()) && role.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c))
        };
        if !is_role(&role) || role.chars().all(|c| c == '.') {
            return Err(PollError::bad_answer("the instance's metadata names no role"));
        }
        let answer =
            with_token(ask(Method::GET, &format!("{roles}{role}"))).send().await.map_err(|error| no_credentials(&error))?;
        parse(&answer.body)
    }
}

fn endpoint(base: &str) -> Result<Http, PollError> {
    Ok(Http::new(base, WITHIN, None).map_err(PollError::auth)?.body_max(ANSWER_BYTES_MAX))
}

fn text(answer: &Answer) -> Result<String, PollError> {
    let text = std::str::from_utf8(&answer.body).ok().filter(|text| !text.trim().is_empty());
    text.map(str::to_owned).ok_or_else(|| PollError::bad_answer("the instance's metadata answers no text"))
}

fn reason(error: &PollError) -> String {
    error.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"))
}

fn no_credentials(error: &PollError) -> PollError {
    let message = format!(
        "no credentials: the instance's metadata gives none ({}). Write access_key_id and secret_access_key, a profile, or \
         give the machine a role; in a container on EC2 the hop limit of the metadata must be 2",
        reason(error)
    );
    PollError { message, ..error.clone() }
}

/// Whether credentials may come from an address: with TLS from anywhere, else from this machine or AWS' own addresses only.
fn is_trusted(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_near = host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        || CONTAINER_HOSTS.contains(&host);
    url.scheme() == "https" || (url.scheme() == "http" && is_near)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    #[serde(default)]
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<Secret>,
    token: Option<Secret>,
    expiration: Option<String>,
}

/// Reads what both kinds of endpoints answer.
fn parse(body: &[u8]) -> Result<Keys, PollError> {
    let answered: Answered = infra::json(body, "the question for credentials")?;
    if let Some(code) = answered.code.filter(|code| code != "Success") {
        return Err(PollError::auth(format!("the role gives no credentials: {}", infra::shown(&code))));
    }
    let none = || PollError::bad_answer("the answer to the question for credentials holds no keys");
    Ok(Keys {
        id: answered.access_key_id.filter(|id| !id.is_empty()).ok_or_else(none)?,
        secret: answered.secret_access_key.ok_or_else(none)?,
        token: answered.token,
        expires_ms: answered.expiration.as_deref().and_then(instant::parse),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_over_plain_http_from_near_addresses_only() {
        for (url, is_it) in [
            ("http://127.0.0.1:8080/x", true),
            ("http://localhost/x", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1", true),
            ("https://keys.example/x", true),
            ("http://keys.example/x", false),
            ("http://169.254.169.254/x", false),
            ("ftp://127.0.0.1/x", false),
        ] {
            assert_eq!(is_trusted(&url.parse().unwrap()), is_it, "{url}");
        }
    }

    #[test]
    fn an_answer_without_keys_is_refused_and_secrets_are_not_shown() {
        let keys =
            parse(br#"{"AccessKeyId":"A","SecretAccessKey":"s3cr3t","Token":"t0ken","Expiration":"2026-11-21T05:07:06Z"}"#);
        let keys = keys.unwrap();
        assert_eq!(keys.expires_ms, Some(1_795_237_626_000));
        assert!(!format!("{keys:?}").contains("s3cr3t") && !format!("{keys:?}").contains("t0ken"));
        for wrong in [&b"{}"[..], b"[]", b"{\"Code\":\"Failed\"}", b"{\"AccessKeyId\":\"A\"}", b"\xff"] {
            assert!(parse(wrong).is_err());
        }
    }
}
