//! Umami: people seen on a site in the last five minutes, from one's own by a login, or from its cloud by a key.

use std::{path::PathBuf, time::Duration};

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading,
    http::{Answer, Http},
    parse,
    visitors::{self, Visitors},
};

/// Umami.
pub const KIND: Kind = Kind {
    name: "umami",
    title: "Umami",
    group: Group::Users,
    interval: Duration::from_secs(30),
    floor: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    secrets: &["password", "api_key"],
    options: &[
        KindOption {
            key: "website",
            default: "needed",
            meaning: "Identifier of the website: a UUID, it stands in its settings.",
        },
        KindOption { key: "username", default: "none", meaning: "User of your own Umami; one that may only view is enough." },
        KindOption { key: "password", default: "none", meaning: "Password of that user." },
        KindOption { key: "api_key", default: "none", meaning: "Key for Umami's cloud, instead of a user." },
        KindOption { key: "ca_file", default: "none", meaning: "PEM file with certificates to trust beside the machine's." },
    ],
    snippet: "[[umami]]\nname = \"site\"\nurl = \"https://umami.example.com\"\nwebsite = \"00000000-0000-0000-0000-000000000000\"\n\
              username = \"farol\"\npassword_file = \"/run/secrets/umami\"\n\
              # In Umami's cloud: no url, username and password, but api_key_file = \"/run/secrets/umami\"\n",
    open: |given| open(&given),
};

/// Umami's cloud.
const CLOUD: &str = "https://api.umami.is/v1";

/// Umami counts who was seen in the last five minutes.
const WINDOW_S: u32 = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    website: String,
    username: Option<String>,
    password: Option<Secret>,
    api_key: Option<Secret>,
    ca_file: Option<PathBuf>,
}

enum Login {
    Key(Secret),
    /// The token is kept until it is refused.
    User {
        username: String,
        password: Secret,
        token: Option<Secret>,
    },
}

struct Umami {
    http: Http,
    website: String,
    login: Login,
}

fn open(given: &Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if config.website.is_empty() || !config.website.chars().all(is_plain) {
        return Err("website is no identifier: write the UUID that stands in its settings in Umami".to_owned());
    }
    let (base, login) = match (config.api_key, config.username, config.password) {
        (Some(key), None, None) => (given.url.as_deref().unwrap_or(CLOUD), Login::Key(key)),
        (None, Some(username), Some(password)) => {
            (given.needed_url("https://umami.example.com")?, Login::User { username, password, token: None })
        }
        _ => return Err("write username and password_file for your own Umami, or api_key_file for its cloud".to_owned()),
    };
    let http = Http::new(base, given.timeout, config.ca_file.as_deref())?;
    Ok(Box::new(Umami { http, website: config.website, login }))
}

impl Integration for Umami {
    fn poll<'a>(&'a mut self, _at: &'a At) -> Polling<'a> {
        Box::pin(self.ask())
    }

    fn target(&self) -> String {
        format!("{} {}", self.http.host(), self.website)
    }
}

impl Umami {
    async fn ask(&mut self) -> Result<Reading, PollError> {
        let mut answer = self.active().await?;
        // A token ends some day, or its server was set up anew: one new login, then the refusal stands.
        if answer.status == 401 && self.forget() {
            answer = self.active().await?;
        }
        if !(200..300).contains(&answer.status) {
            return Err(answer.refusal());
        }
        let (count, source) = (parse(&answer.body)?, format!("Umami {}", self.http.host()));
        Ok(visitors::reading(&Visitors { count, window_s: Some(WINDOW_S), source, pages: None }))
    }

    /// Asks with the key, or with a token, logging in when there is none.
    async fn active(&mut self) -> Result<Answer, PollError> {
        let path = format!("/websites/{}/active", self.website);
        match &mut self.login {
            Login::Key(key) => self.http.get(&path).header("x-umami-api-key", key.reveal()).send_any().await,
            Login::User { username, password, token } => {
                let token = match token {
                    Some(token) => token,
                    None => token.insert(log_in(&self.http, username, password).await?),
                };
                self.http.get(&format!("/api{path}")).bearer(token).send_any().await
            }
        }
    }

    /// Forgets the token; tells whether there was one.
    fn forget(&mut self) -> bool {
        match &mut self.login {
            Login::Key(_) => false,
            Login::User { token, .. } => token.take().is_some(),
        }
    }
}

async fn log_in(http: &Http, username: &str, password: &Secret) -> Result<Secret, PollError> {
    let login = json!({"username": username, "password": password.reveal()});
    let answer = http.post("/api/auth/login").json(&login).hiding(password).send_any().await?;
    match answer.status {
        200..300 => parse_login(&answer.body),
        401 => Err(PollError::auth(format!("the password of {username} is refused")).with_status(401)),
        _ => Err(answer.refusal()),
    }
}

#[derive(Deserialize)]
struct LoggedIn {
    token: Secret,
}

/// The token of a login.
fn parse_login(body: &[u8]) -> Result<Secret, PollError> {
    Ok(parse::json::<LoggedIn>(body, "the login")?.token)
}

/// The count, in any of the shapes of Umami's versions: `{"visitors":5}`, `{"x":5}`, `[{"x":5}]`.
fn parse(body: &[u8]) -> Result<u64, PollError> {
    let told: Value = parse::json(body, "active")?;
    let told = told.get(0).unwrap_or(&told);
    let value = told.get("visitors").or_else(|| told.get("x")).unwrap_or(&Value::Null);
    visitors::count(value, "active")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_versions_answer_is_read() {
        for told in [r#"{"visitors":5}"#, r#"{"x":5}"#, r#"[{"x":5}]"#, r#"{"visitors":"5"}"#] {
            assert_eq!(parse(told.as_bytes()).unwrap(), 5, "{told}");
        }
        for other in ["5", "[]", "{}", r#"{"visitors":null}"#, r#"{"error":"x"}"#] {
            assert!(parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..100), json in "[\\[\\]{}\",:a-z0-9 ]{0,80}") {
            let _outcomes = (parse(&body), parse(json.as_bytes()), parse_login(&body));
        }
    }
}
