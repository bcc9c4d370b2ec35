//! A sign of life to the outside: whoever waits for it notices when this collector is gone, which it cannot tell itself.
//!
//! In: whether the stages that make alerts are alive. Out: a request now and then to an address that raises an alarm when none comes, as
//! Healthchecks, Dead Man's Snitch, Better Stack or Uptime Kuma do. While a stage is dead nothing is sent: that is the alarm.

use std::time::Duration;

use farol_shared::{
    config::{Span, Vars},
    secret::Secret,
};
use reqwest::Method;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use toml::{Table, Value};

use super::{http::Client, kind::address, request::Verdict};
use crate::pull::declared::fetch;

/// Shortest time between two signs.
const EVERY_MIN: Duration = Duration::from_secs(10);

/// Longest time between two signs.
const EVERY_MAX: Duration = Duration::from_secs(86_400);

/// Usual time between two signs.
const EVERY: Duration = Duration::from_secs(60);

/// The table `[heartbeat]`, checked. The address is a secret: who knows it can feign life.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the signs go.
    pub url: Secret,
    /// Time between two of them.
    pub every: Duration,
    /// Whether they are `POST`s.
    pub is_post: bool,
}

impl Settings {
    /// Reads the table: `url` (or `url_file`, `url_env`), `every` and `method`.
    ///
    /// # Errors
    /// Says which key is wrong, and what to write. The address is not told.
    pub fn read(mut table: Table, vars: &dyn Vars) -> Result<Self, String> {
        fetch(&mut table, "url", vars)?;
        let url = table.remove("url");
        let every = match table.remove("every") {
            None => EVERY,
            Some(Value::String(text)) => Span::parse(&text).map_err(|wrong| format!("every: {wrong}"))?.0,
            Some(_) => return Err("every is no time: write one such as \"1m\"".to_owned()),
        };
        if !(EVERY_MIN..=EVERY_MAX).contains(&every) {
            return Err(format!("every: {} is out of bounds: write {} to {}", Span(every), Span(EVERY_MIN), Span(EVERY_MAX)));
        }
        let is_post = match table.remove("method") {
            None => false,
            Some(Value::String(text)) if text == "get" => false,
            Some(Value::String(text)) if text == "post" => true,
            Some(_) => return Err("method is none: write \"get\" or \"post\"".to_owned()),
        };
        if let Some(unknown) = table.keys().next() {
            return Err(format!("{unknown} is unknown: there are url, url_file, url_env, every and method"));
        }
        let Some(Value::String(url)) = url else {
            return Err("url is missing: write url_file = \"/path\", url_env = \"NAME\" or url = \"https://...\"".to_owned());
        };
        address("url", &url).map_err(|fault| format!("url {}", fault.detail))?;
        Ok(Self { url: Secret::new(&url), every, is_post })
    }
}

/// Sends signs of life until the handle is aborted. `is_alive` says whether the alerts are being judged; while it says no, none is sent.
#[must_use]
pub fn start(settings: Settings, is_alive: impl Fn() -> bool + Send + Sync + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        let client = match Client::new() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(target: "notify", error, "no sign of life can be sent");
                return;
            }
        };
        let method = if settings.is_post { Method::POST } else { Method::GET };
        let mut ticks = interval(settings.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was = State::Unknown;
        loop {
            ticks.tick().await;
            let now = if is_alive() { State::of(&client, &method, &settings.url).await } else { State::Silent };
            if now != was {
                now.log();
                was = now;
            }
        }
    })
}

/// What became of the last sign.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Heard,
    Unheard(String),
    Silent,
}

impl State {
    async fn of(client: &Client, method: &Method, url: &Secret) -> Self {
        let answer = client.knock(method.clone(), url.reveal()).await;
        match answer.map(|answer| Verdict::by_status(&answer)) {
            Ok(Verdict::Told(_)) => Self::Heard,
            Ok(verdict) => Self::Unheard(verdict.detail().chars().take(3).collect()),
            Err(why) => Self::Unheard(why),
        }
    }

    fn log(&self) {
        match self {
            Self::Unknown => {}
            Self::Heard => tracing::info!(target: "notify", "sign of life heard"),
            Self::Unheard(why) => tracing::warn!(target: "notify", why, "sign of life not heard"),
            Self::Silent => tracing::error!(target: "notify", "no sign of life is sent: alerts are not being judged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let vars = BTreeMap::from([("BEAT".to_owned(), "https://hc.example/s3cr3t".to_owned())]);
        Settings::read(text.parse().unwrap(), &vars)
    }

    #[test]
    fn the_table_is_checked_and_its_address_never_shown() {
        let settings = read("url_env = \"BEAT\"\nevery = \"30s\"\nmethod = \"post\"").unwrap();
        assert_eq!((settings.every, settings.is_post), (Duration::from_secs(30), true));
        assert!(!format!("{settings:?}").contains("s3cr3t"));
        for (wrong, said) in [
            ("", "url is missing"),
            ("url = \"s3cr3t\"", "url is no address"),
            ("url = \"https://u:s3cr3t@a\"", "a name or a password"),
            ("url_env = \"BEAT\"\nevery = \"1s\"", "out of bounds"),
            ("url_env = \"BEAT\"\nmethod = \"put\"", "method is none"),
            ("url_env = \"BEAT\"\ncolour = \"red\"", "colour is unknown"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(said) && !error.contains("s3cr3t"), "{wrong}: {error}");
        }
    }
}
