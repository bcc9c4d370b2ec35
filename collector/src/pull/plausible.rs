//! Plausible: people seen on a site in the last five minutes, from its cloud or one's own.

use std::{path::PathBuf, time::Duration};

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::{
    At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading,
    http::{Answer, Http},
    parse,
    visitors::{self, Visitors},
};

/// Plausible.
pub const KIND: Kind = Kind {
    name: "plausible",
    title: "Plausible",
    group: Group::Users,
    interval: Duration::from_secs(30),
    // 600 questions an hour are allowed.
    floor: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    secrets: &["api_key"],
    options: &[
        KindOption { key: "site", default: "needed", meaning: "The site as Plausible calls it, such as \"example.com\"." },
        KindOption { key: "api_key", default: "needed", meaning: "API key of the Stats API." },
        KindOption {
            key: "path",
            default: LIVE,
            meaning: "Where the number is asked for. Plausible calls this version of its API legacy, but no other tells it live.",
        },
        KindOption { key: "ca_file", default: "none", meaning: "PEM file with certificates to trust beside the machine's." },
    ],
    snippet: "[[plausible]]\nname = \"site\"\nsite = \"example.com\"\napi_key_file = \"/run/secrets/plausible\"\n\
              # Your own Plausible: url = \"https://plausible.example.com\"\n",
    open: |given| open(&given),
};

/// Where the number is asked for.
const LIVE: &str = "/api/v1/stats/realtime/visitors";

/// Plausible counts who was seen in the last five minutes.
const WINDOW_S: u32 = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    site: String,
    api_key: Option<Secret>,
    path: Option<String>,
    ca_file: Option<PathBuf>,
}

struct Plausible {
    http: Http,
    site: String,
    api_key: Secret,
    path: String,
}

fn open(given: &Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    if config.site.trim().is_empty() {
        return Err("site is empty: write it as Plausible calls it, such as \"example.com\"".to_owned());
    }
    let path = config.path.unwrap_or_else(|| LIVE.to_owned());
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return Err(format!("path must begin with / and hold no ? or #, such as \"{LIVE}\""));
    }
    let api_key = config.api_key.ok_or("api_key is missing: write api_key_file = \"/path\" or api_key_env = \"NAME\"")?;
    let base = given.url.as_deref().unwrap_or("https://plausible.io");
    let http = Http::new(base, given.timeout, config.ca_file.as_deref())?;
    Ok(Box::new(Plausible { http, site: config.site, api_key, path }))
}

impl Integration for Plausible {
    fn poll<'a>(&'a mut self, _at: &'a At) -> Polling<'a> {
        Box::pin(self.ask())
    }

    fn target(&self) -> String {
        format!("{} {}", self.http.host(), self.site)
    }
}

impl Plausible {
    async fn ask(&self) -> Result<Reading, PollError> {
        let answer = self.http.get(&self.path).bearer(&self.api_key).query(&[("site_id", &self.site)]).send_any().await?;
        if !(200..300).contains(&answer.status) {
            return Err(self.refusal(&answer));
        }
        let visitors = Visitors {
            count: parse(&answer.body)?,
            window_s: Some(WINDOW_S),
            source: format!("Plausible {}", self.site),
            pages: None,
        };
        Ok(visitors::reading(&visitors))
    }

    fn refusal(&self, answer: &Answer) -> PollError {
        let error = match answer.status {
            401 => PollError::auth(format!("the API key is refused, or its owner does not own the site {}", self.site)),
            402 => PollError::auth("your Plausible plan does not include the Stats API"),
            _ => return answer.refusal(),
        };
        error.with_status(answer.status)
    }
}

/// The whole answer is one number.
fn parse(body: &[u8]) -> Result<u64, PollError> {
    let value: Value = parse::json(body, "visitors")?;
    visitors::count(&value, "visitors")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_answer_is_a_bare_number() {
        assert_eq!(parse(b"21").unwrap(), 21);
        assert_eq!(parse(b"\"0\"\n").unwrap(), 0);
        for other in ["", "-1", "null", "{\"visitors\":21}", "[21]"] {
            assert!(parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..60), number in any::<f64>()) {
            let _outcomes = (parse(&body), parse(format!("{number:e}").as_bytes()));
        }
    }
}
