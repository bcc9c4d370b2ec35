//! The collector's settings: as written (file and variables), then checked. Everything that is wrong is told at once.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::http::Uri;
use farol_agent::probe::Probe;
use farol_shared::{
    config::{self, Alias, ConfigError, Span, Vars},
    secret::Secret,
};

use crate::{
    access::Role,
    alert::Rule,
    notify::{channel::Channel, heartbeat},
    pull::Declared,
};

pub mod access;
mod options;
mod written;

pub use access::{IssuerSettings, KeySource, OidcSettings, TlsSettings, Transport};
pub use options::{OPTIONS, OptionRow};

/// Checked settings of one collector.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the page, the API and the agents' door listen. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Folder of both databases. Made at start when it is missing.
    pub data_dir: PathBuf,
    /// Address at which people open the page, without a slash at its end, when it is not the address listened on.
    pub public_url: Option<String>,
    /// Whether the collector watches its own machine.
    pub self_watch: bool,
    /// What is logged, as `level` or `target=level,...`.
    pub log: String,
    /// How people reach it: its own TLS, trusted proxies.
    pub transport: Transport,
    /// Sign-in and tokens.
    pub access: AccessSettings,
    /// How long history is kept.
    pub retention: Retention,
    /// Bounds of the HTTP listener.
    pub http: HttpSettings,
    /// Instances of integrations, by kind.
    pub pull: Vec<Declared>,
    /// Health checks that the collector does itself.
    pub checks: Vec<Probe>,
    /// Rules, channels and the sign of life, as the configuration declares them.
    pub alerts: AlertSettings,
}

/// Alerts as the configuration declares them; people add their own in the page.
#[derive(Debug, Clone, Default)]
pub struct AlertSettings {
    /// Tables `[[rule]]`.
    pub rules: Vec<Rule>,
    /// Tables `[[channel]]`.
    pub channels: Vec<Channel>,
    /// `[heartbeat]`: who hears regularly that the collector lives.
    pub heartbeat: Option<heartbeat::Settings>,
}

/// Settings of sign-in and tokens.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// Password of `admin`, used at the first start only.
    pub admin_password: Option<Secret>,
    /// An agent token that is accepted without being created first.
    pub agent_token: Option<Secret>,
    /// A session ends after this long without a request.
    pub session_idle: Duration,
    /// A session ends after this long in any case.
    pub session_max: Duration,
    /// How long the token that a login answers is valid.
    pub token_lifetime: Duration,
    /// Whether cookies carry `Secure`: people come by HTTPS.
    pub secure_cookie: bool,
    /// The least role that opens `/monitoring` and hears `system_stats`.
    pub monitoring_role: Role,
    /// Applications whose own tokens are accepted.
    pub issuers: Vec<IssuerSettings>,
    /// Providers at which people may sign in.
    pub oidc: Vec<OidcSettings>,
    /// File of the key of secrets at rest; in the data folder when absent.
    pub key_file: Option<PathBuf>,
}

impl Default for AccessSettings {
    /// The documented defaults, without secrets.
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3_600);
        Self {
            admin_password: None,
            agent_token: None,
            session_idle: 12 * HOUR,
            session_max: 7 * 24 * HOUR,
            token_lifetime: 12 * HOUR,
            secure_cookie: false,
            monitoring_role: Role::SuperAdmin,
            issuers: Vec::new(),
            oidc: Vec::new(),
            key_file: None,
        }
    }
}

/// How long each tier of history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Samples as they were taken.
    pub raw: Duration,
    /// One-minute rollups.
    pub minute: Duration,
    /// One-hour rollups.
    pub hour: Duration,
}

/// Bounds of the HTTP listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpSettings {
    /// Most connections at once, WebSockets included; more wait in the listener's queue.
    pub connections_max: usize,
    /// Most WebSocket listeners at once; more are refused with 503.
    pub listeners_max: usize,
}

/// Reads the settings from the environment and, when one is named, the file.
///
/// `file` is the command line's choice and wins over `FAROL_CONFIG`.
///
/// # Errors
/// Every fault that was found, each with its key or variable, and for the file its line.
pub fn load(file: Option<&Path>, vars: &dyn Vars) -> Result<Settings, Vec<ConfigError>> {
    let path = file.map(Path::to_path_buf).or_else(|| vars.var("FAROL_CONFIG").map(PathBuf::from));
    let read = path.map(|path| read_file(&path).map(|text| (path.display().to_string(), text)));
    let file = read.transpose().map_err(|fault| vec![fault])?;
    let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let written: written::Written = config::load(file, vars, options::ALIASES).map_err(|fault| vec![fault])?;
    written.check(vars)
}

/// The environment of this process. Called once, by the command line.
#[must_use]
pub fn environment() -> BTreeMap<String, String> {
    // Variables that are not UTF-8 cannot be settings of ours.
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// Largest configuration or secret file that is read, in bytes: a wrong path must not fill the memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

fn read_file(path: &Path) -> Result<String, ConfigError> {
    let wrong = |message: String| ConfigError::File { file: path.display().to_string(), message };
    let about = std::fs::metadata(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if about.len() > FILE_BYTES_MAX {
        return Err(wrong(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))
}

#[cfg(test)]
mod tests;
