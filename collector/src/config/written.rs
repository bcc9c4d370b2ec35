//! Settings as people write them, and the check that turns them into [`Settings`].

use farol_shared::config::{credential, secret_path};
use serde::{Deserialize, Deserializer};
use toml::Table;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::{
    access::Role,
    alert::Rule,
    notify::{declared, heartbeat},
    self_watch::checks,
};

use super::{
    AccessSettings, AlertSettings, ConfigError, Duration, HttpSettings, Ipv4Addr, PathBuf, Retention, Secret, Settings,
    SocketAddr, Span, Transport, Uri, Vars,
    access::{self, Listed, WrittenTls},
    read_file,
};

use crate::pull::{Declared, INSTANCES_MAX, KINDS};

/// Shortest agent token that is accepted, in bytes. Below it a token can be guessed over the network.
const TOKEN_BYTES_MIN: usize = 8;

/// The file's shape.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    listen: String,
    data_dir: Option<PathBuf>,
    public_url: Option<String>,
    #[serde(rename = "self")]
    self_watch: Switch,
    log: String,
    access: Access,
    tls: WrittenTls,
    trusted_proxies: Listed,
    issuer: Vec<Table>,
    oidc: Vec<Table>,
    retention: Tiers,
    http: Http,
    sentry: Vec<Table>,
    redis: Vec<Table>,
    rabbitmq: Vec<Table>,
    celery: Vec<Table>,
    postgres: Vec<Table>,
    cloudwatch: Vec<Table>,
    railway: Vec<Table>,
    vercel: Vec<Table>,
    digitalocean: Vec<Table>,
    uptimerobot: Vec<Table>,
    online_users: Vec<Table>,
    plausible: Vec<Table>,
    fathom: Vec<Table>,
    umami: Vec<Table>,
    /// Tables `[[check]]`, read by the part that does them.
    check: Vec<Table>,
    /// Tables `[[rule]]` and `[[channel]]`, and `[heartbeat]`: likewise.
    rule: Vec<Table>,
    channel: Vec<Table>,
    heartbeat: Option<Table>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Access {
    admin_password: Option<Secret>,
    admin_password_file: Option<PathBuf>,
    agent_token: Option<Secret>,
    agent_token_file: Option<PathBuf>,
    session_idle: Span,
    session_max: Span,
    token_lifetime: Span,
    monitoring_role: Role,
    key_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tiers {
    raw: Span,
    minute: Span,
    hour: Span,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    connections_max: u32,
    listeners_max: u32,
}

/// Yes or no. Variables are text, and people write it in several ways.
#[derive(Debug, Clone, Copy)]
struct Switch(bool);

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "write true or false")]
        enum Either {
            Bool(bool),
            Text(String),
        }
        let text = match Either::deserialize(deserializer)? {
            Either::Bool(on) => return Ok(Self(on)),
            Either::Text(text) => text,
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Self(true)),
            "false" | "no" | "off" | "0" => Ok(Self(false)),
            _ => Err(serde::de::Error::custom(format!("'{text}' is neither true nor false"))),
        }
    }
}

const fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

impl Default for Written {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8650".to_owned(),
            data_dir: None,
            public_url: None,
            self_watch: Switch(true),
            log: "info".to_owned(),
            access: Access::default(),
            tls: WrittenTls::default(),
            trusted_proxies: Listed::default(),
            issuer: Vec::new(),
            oidc: Vec::new(),
            retention: Tiers::default(),
            http: Http::default(),
            sentry: Vec::new(),
            redis: Vec::new(),
            rabbitmq: Vec::new(),
            celery: Vec::new(),
            postgres: Vec::new(),
            cloudwatch: Vec::new(),
            railway: Vec::new(),
            vercel: Vec::new(),
            digitalocean: Vec::new(),
            uptimerobot: Vec::new(),
            online_users: Vec::new(),
            plausible: Vec::new(),
            fathom: Vec::new(),
            umami: Vec::new(),
            check: Vec::new(),
            rule: Vec::new(),
            channel: Vec::new(),
            heartbeat: None,
        }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            admin_password: None,
            admin_password_file: None,
            agent_token: None,
            agent_token_file: None,
            session_idle: seconds(12 * HOUR),
            session_max: seconds(7 * DAY),
            token_lifetime: seconds(12 * HOUR),
            monitoring_role: Role::SuperAdmin,
            key_file: None,
        }
    }
}

impl Default for Tiers {
    fn default() -> Self {
        Self { raw: seconds(2 * DAY), minute: seconds(30 * DAY), hour: seconds(730 * DAY) }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { connections_max: 20_000, listeners_max: 12_000 }
    }
}

impl Written {
    /// Checks every value and gathers all faults.
    pub(super) fn check(mut self, vars: &dyn Vars) -> Result<Settings, Vec<ConfigError>> {
        let mut faults = Faults(Vec::new());
        let pull = self.integrations(vars, &mut faults);
        let listen = faults.take("listen", address(&self.listen)).unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
        let public_url = self.public_url.and_then(|url| faults.take("public_url", link(&url)));
        faults.take("log", log_filter(&self.log));
        let transport = Transport {
            tls: self.tls.check().unwrap_or_else(|wrong| {
                wrong.into_iter().for_each(|(key, message)| faults.add(key, message));
                None
            }),
            trusted_proxies: faults.take("trusted_proxies", self.trusted_proxies.networks()).unwrap_or_default(),
        };
        let secure_cookie = transport.tls.is_some() || public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
        let mut access = self.access.check(&mut faults, secure_cookie, vars);
        access.issuers = faults.all("issuer", access::issuers(self.issuer, vars));
        access.oidc = faults.all("oidc", access::providers(self.oidc, vars));
        let retention = self.retention.check(&mut faults);
        let http = self.http.check(&mut faults);
        let checks = faults.all("check", checks::read(self.check, vars));
        let alerts = alerts(&self.rule, std::mem::take(&mut self.channel), self.heartbeat.take(), vars, &mut faults);
        let data_dir = self.data_dir.or_else(|| vars.var("STATE_DIRECTORY").and_then(|dirs| first_dir(&dirs)));
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        Ok(Settings {
            listen,
            data_dir: data_dir.unwrap_or_else(|| PathBuf::from("./farol-data")),
            public_url,
            self_watch: self.self_watch.0,
            log: self.log,
            transport,
            access,
            retention,
            http,
            pull,
            checks,
            alerts,
        })
    }

    /// The tables of each kind, in the order of [`KINDS`].
    fn tables(&mut self, kind: &str) -> Vec<Table> {
        let tables = match kind {
            "sentry" => &mut self.sentry,
            "redis" => &mut self.redis,
            "rabbitmq" => &mut self.rabbitmq,
            "celery" => &mut self.celery,
            "postgres" => &mut self.postgres,
            "cloudwatch" => &mut self.cloudwatch,
            "railway" => &mut self.railway,
            "vercel" => &mut self.vercel,
            "digitalocean" => &mut self.digitalocean,
            "uptimerobot" => &mut self.uptimerobot,
            "online_users" => &mut self.online_users,
            "plausible" => &mut self.plausible,
            "fathom" => &mut self.fathom,
            "umami" => &mut self.umami,
            _ => return Vec::new(),
        };
        std::mem::take(tables)
    }

    fn integrations(&mut self, vars: &dyn Vars, faults: &mut Faults) -> Vec<Declared> {
        let mut all: Vec<Declared> = Vec::new();
        for kind in KINDS {
            for (index, table) in self.tables(kind.name).into_iter().enumerate() {
                let place = format!("[[{}]] number {}", kind.name, index + 1);
                let Some(declared) = faults.take(&place, Declared::read(kind, table, vars)) else { continue };
                if all.iter().any(|other| other.key() == declared.key()) {
                    let name = &declared.given.name;
                    faults.add(&place, format!("there is another one called \"{name}\": give each a name of its own"));
                }
                all.push(declared);
            }
        }
        if all.len() > INSTANCES_MAX {
            faults.add("integrations", format!("there are {}: at most {INSTANCES_MAX} are asked", all.len()));
        }
        all
    }
}

/// Rules, channels and the sign of life.
fn alerts(
    rules: &[Table],
    channels: Vec<Table>,
    heartbeat: Option<Table>,
    vars: &dyn Vars,
    faults: &mut Faults,
) -> AlertSettings {
    let place = |sort: &str, index: usize| format!("[[{sort}]] number {}", index + 1);
    let mut settings = AlertSettings::default();
    for (index, table) in rules.iter().enumerate() {
        let read = Rule::from_table(table).map_err(|error| error.to_string());
        settings.rules.extend(faults.take(&place("rule", index), read));
    }
    for (index, table) in channels.into_iter().enumerate() {
        settings.channels.extend(faults.take(&place("channel", index), declared::read(table, vars)));
    }
    faults.take("channel", declared::check(&settings.channels));
    if let Some(table) = heartbeat {
        match heartbeat::Settings::read(table, vars) {
            Ok(read) => settings.heartbeat = Some(read),
            // It begins with the key that is wrong.
            Err(message) => {
                let key = message.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                faults.add(&format!("heartbeat.{key}"), message.clone());
            }
        }
    }
    settings
}

/// What was found wrong so far.
struct Faults(Vec<ConfigError>);

impl Faults {
    fn take<T>(&mut self, key: &str, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|message| self.add(key, message)).ok()
    }

    fn all<T>(&mut self, key: &str, checked: Result<Vec<T>, Vec<String>>) -> Vec<T> {
        checked.unwrap_or_else(|wrong| {
            wrong.into_iter().for_each(|message| self.add(key, message));
            Vec::new()
        })
    }

    fn add(&mut self, key: &str, message: impl Into<String>) {
        self.0.push(ConfigError::Value { key: key.to_owned(), message: message.into() });
    }

    fn within(&mut self, key: &str, span: Span, min: Span, max: Span) -> Duration {
        if span < min || span > max {
            self.add(key, format!("{span} is out of bounds: write something from {min} to {max}"));
        }
        span.0
    }

    /// The secret, its file's content, or else systemd's credential of the same name (`access.agent_token`: `agent-token`).
    fn secret(&mut self, key: &str, given: Option<Secret>, file: Option<PathBuf>, vars: &dyn Vars) -> Option<Secret> {
        let name = key.rsplit('.').next().unwrap_or(key).replace('_', "-");
        let file = match file {
            Some(file) => Some(secret_path(vars, file)),
            None if given.is_none() => credential(vars, &name).filter(|file| {
                // The unit gives a blank one where people made none.
                file.exists() && !read_file(file).is_ok_and(|text| text.trim().is_empty())
            }),
            None => None,
        };
        let (Some(path), given) = (file, &given) else { return given };
        if given.is_some() {
            self.add(key, format!("is given twice: keep either it or {key}_file"));
            return None;
        }
        match read_file(&path) {
            Ok(text) => Some(Secret::new(&text)),
            Err(fault) => {
                self.add(&format!("{key}_file"), fault.to_string());
                None
            }
        }
    }
}

impl Access {
    fn check(self, faults: &mut Faults, secure_cookie: bool, vars: &dyn Vars) -> AccessSettings {
        let admin_password = faults.secret("access.admin_password", self.admin_password, self.admin_password_file, vars);
        if let Some(Err(error)) =
            admin_password.as_ref().map(|p| crate::access::password::check(p.reveal(), crate::access::setup::ADMIN))
        {
            faults.add("access.admin_password", error.to_string());
        }
        let agent_token = faults.secret("access.agent_token", self.agent_token, self.agent_token_file, vars);
        if let Some(Err(message)) = agent_token.as_ref().map(|t| usable_token(t.reveal())) {
            faults.add("access.agent_token", message);
        }
        let is_path = |path: &PathBuf| path.to_str().is_some_and(|text| !text.is_empty() && !text.chars().any(char::is_control));
        if self.key_file.as_ref().is_some_and(|path| !is_path(path)) {
            faults.add("access.key_file", "is no path of a file".to_owned());
        }
        AccessSettings {
            admin_password: admin_password.map(|p| Secret::new(p.reveal())),
            agent_token: agent_token.map(|t| Secret::new(t.reveal())),
            session_idle: faults.within("access.session_idle", self.session_idle, seconds(60), seconds(90 * DAY)),
            session_max: faults.within("access.session_max", self.session_max, seconds(60), seconds(365 * DAY)),
            token_lifetime: faults.within("access.token_lifetime", self.token_lifetime, seconds(60), seconds(90 * DAY)),
            secure_cookie,
            monitoring_role: self.monitoring_role,
            issuers: Vec::new(),
            oidc: Vec::new(),
            key_file: self.key_file,
        }
    }
}

impl Tiers {
    fn check(self, faults: &mut Faults) -> Retention {
        let longest = seconds(36_500 * DAY);
        let tiers = Retention {
            raw: faults.within("retention.raw", self.raw, seconds(HOUR), longest),
            minute: faults.within("retention.minute", self.minute, seconds(HOUR), longest),
            hour: faults.within("retention.hour", self.hour, seconds(HOUR), longest),
        };
        if tiers.minute < tiers.raw {
            faults.add("retention.minute", "is shorter than retention.raw: coarser history must reach back at least as far");
        }
        if tiers.hour < tiers.minute {
            faults.add("retention.hour", "is shorter than retention.minute: coarser history must reach back at least as far");
        }
        tiers
    }
}

impl Http {
    fn check(&self, faults: &mut Faults) -> HttpSettings {
        for (key, value) in [("http.connections_max", self.connections_max), ("http.listeners_max", self.listeners_max)] {
            if !(1..=1_000_000).contains(&value) {
                faults.add(key, format!("{value} is out of bounds: write a number from 1 to 1000000"));
            }
        }
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        HttpSettings { connections_max: size(self.connections_max), listeners_max: size(self.listeners_max) }
    }
}

/// `IP:PORT`, `localhost:PORT`, or `:PORT` for every IPv4 address of the machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let named = match text.rsplit_once(':') {
        Some(("localhost", port)) => port.parse().ok().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into()),
        Some(("" | "*", port)) => port.parse().ok().map(|port: u16| (Ipv4Addr::UNSPECIFIED, port).into()),
        _ => None,
    };
    named
        .or_else(|| text.parse().ok())
        .ok_or_else(|| format!("'{text}' is not an address: write IP:PORT, such as 127.0.0.1:8650 or 0.0.0.0:8650"))
}

fn link(text: &str) -> Result<String, String> {
    let wrong = || format!("'{text}' is not a web address: write one such as https://farol.example.org");
    let trimmed = text.trim().trim_end_matches('/');
    let uri: Uri = trimmed.parse().map_err(|_| wrong())?;
    let plain = matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some() && uri.query().is_none();
    if plain { Ok(trimmed.to_owned()) } else { Err(wrong()) }
}

/// A level, or levels of targets. The library would read a mistyped level as the name of a target.
fn log_filter(text: &str) -> Result<(), String> {
    let readable = text.parse::<Targets>().is_ok();
    let levels = text.split(',').filter(|item| !item.contains('=')).all(|item| item.trim().parse::<LevelFilter>().is_ok());
    if readable && levels {
        return Ok(());
    }
    Err(format!("'{text}' is not a log filter: write a level (off, error, warn, info, debug, trace) or target=level,..."))
}

fn usable_token(token: &str) -> Result<(), String> {
    if token.len() < TOKEN_BYTES_MIN || token.len() > crate::access::token::TOKEN_BYTES_MAX {
        return Err(format!(
            "has {} characters: write {TOKEN_BYTES_MIN} to {}, best made by `farol-collector token create`",
            token.len(),
            crate::access::token::TOKEN_BYTES_MAX
        ));
    }
    if token.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("has a space or a character that an HTTP header cannot carry".to_owned())
    }
}

/// systemd lists several folders with colons between; the first is ours.
fn first_dir(dirs: &str) -> Option<PathBuf> {
    dirs.split(':').next().filter(|dir| !dir.is_empty()).map(PathBuf::from)
}
