//! What to check and how, as it is written: a word such as `database=postgres://db/app`, or a table with every field.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, path::PathBuf, time::Duration};

use farol_shared::{
    config::{Span, Vars, secret_path},
    limit,
    secret::Secret,
};
use serde::Deserialize;

use super::{PROBES_MAX, address::Address};
use crate::{config::list::Item, recorder::cut};

/// Shortest time between two checks of one thing: more often measures the checking.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Longest time between two checks of one thing.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest time that one check may take.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Longest text that may be looked for in an answer, in bytes.
const BODY_CONTAINS_BYTES_MAX: usize = 1 << 10;

/// Largest file with a password, in bytes.
const PASSWORD_FILE_BYTES_MAX: u64 = 4 << 10;

/// What sort of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request over HTTP or HTTPS.
    Http,
    /// A TCP connection.
    Tcp,
    /// A TLS handshake.
    Tls,
    /// Redis `PING`, in the clear or over TLS.
    Redis,
    /// `PostgreSQL`: a log-in and a query, or with no user the question for a password.
    Postgres,
    /// `MySQL` and `MariaDB`: the handshake.
    Mysql,
    /// AMQP 0-9-1: the handshake, with a user the log-in too.
    Amqp,
    /// A running process of some name.
    Process,
    /// A command's exit status.
    Command,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {} every {}", self.name, self.kind.as_str(), self.target, Span(self.interval))
    }
}

impl Kind {
    /// The word for the kind in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Amqp => "amqp",
            Self::Process => "process",
            Self::Command => "command",
        }
    }
}

/// Scheme, kind, whether the whole connection is TLS, and the port that is meant when none is written.
const SCHEMES: &[(&str, Kind, bool, Option<u16>)] = &[
    ("http", Kind::Http, false, Some(80)),
    ("https", Kind::Http, true, Some(443)),
    ("tcp", Kind::Tcp, false, None),
    ("tls", Kind::Tls, true, Some(443)),
    ("redis", Kind::Redis, false, Some(6379)),
    ("rediss", Kind::Redis, true, Some(6379)),
    ("postgres", Kind::Postgres, false, Some(5432)),
    ("postgresql", Kind::Postgres, false, Some(5432)),
    ("mysql", Kind::Mysql, false, Some(3306)),
    ("mariadb", Kind::Mysql, false, Some(3306)),
    ("amqp", Kind::Amqp, false, Some(5672)),
    ("amqps", Kind::Amqp, true, Some(5671)),
];

/// Where a password comes from. Files are read for each check, so that a password can be replaced at any time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Password {
    /// There is none.
    #[default]
    None,
    /// Written in the address.
    Given(Secret),
    /// In a file.
    File(PathBuf),
    /// In a variable; [`check_all`] replaces it by what it holds.
    Variable(String),
}

/// One thing to check.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Probe {
    /// Name, unique among the probes of one agent.
    pub name: String,
    /// What sort of check.
    pub kind: Kind,
    /// What is checked, for people: without credentials.
    pub target: String,
    /// Where it is; empty for processes and commands. Its port is always set.
    pub address: Address,
    /// Whether a certificate is seen.
    pub is_encrypted: bool,
    /// Time between two checks.
    pub interval: Duration,
    /// Longest time for one check.
    pub timeout: Duration,
    /// Consecutive failures before it is offline.
    pub failures: u32,
    /// Consecutive successes after a failure before it is online again.
    pub successes: u32,
    /// A check that takes longer is degraded.
    pub slow: Option<Duration>,
    /// Password of the user in the address.
    pub password: Password,
    /// PEM file with the only certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// A certificate that expires in fewer days is degraded.
    pub warn_days: u32,
    /// What is asked over HTTP.
    pub http: Asked,
    /// Name of a process, or program and arguments of a command.
    pub words: Vec<String>,
    /// Whether addresses where clouds hand out credentials are never connected to, whatever a name resolves to. For checks
    /// that are written by others than those who run the machine.
    pub is_metadata_barred: bool,
}

/// A request over HTTP and what is expected of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The method in capitals; empty for GET.
    pub method: String,
    /// Statuses that are right; empty for 200 to 399.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// Text that the answer must hold.
    pub body_contains: Option<String>,
    /// Further headers.
    pub headers: BTreeMap<String, Secret>,
}

/// A probe as a table.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    name: Option<String>,
    #[serde(alias = "url")]
    target: String,
    interval: Option<Span>,
    timeout: Option<Span>,
    failures: Option<u32>,
    successes: Option<u32>,
    slow: Option<Span>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    ca_file: Option<PathBuf>,
    warn_days: Option<u32>,
    method: Option<String>,
    status: Option<Statuses>,
    body_contains: Option<String>,
    headers: Option<BTreeMap<String, Secret>>,
    args: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "status must be a number, a text such as \"200-299,404\", or a list of them")]
enum Statuses {
    One(Status),
    Many(Vec<Status>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a status is a number or a text such as \"200-299\"")]
enum Status {
    Number(u16),
    Text(String),
}

impl Item for Probe {
    fn from_word(word: &str) -> Result<Self, String> {
        let (name, target) = match word.split_once('=') {
            // An equals sign in a URL's query comes after other signs than those of a name.
            Some((name, target)) if !name.contains(['/', ':', '?']) => (Some(name.trim().to_owned()), target.trim()),
            _ => (None, word),
        };
        Self::try_from(Written { name, target: target.to_owned(), ..Written::default() })
    }
}

impl TryFrom<Written> for Probe {
    type Error = String;

    fn try_from(mut written: Written) -> Result<Self, String> {
        let target = std::mem::take(&mut written.target);
        let mut probe = if let Some(name) = target.strip_prefix("process:") {
            local(Kind::Process, &[name.trim().to_owned()])?
        } else if let Some(command) = target.strip_prefix("command:") {
            let words = command.split_whitespace().map(str::to_owned).chain(written.args.take().unwrap_or_default());
            local(Kind::Command, &words.collect::<Vec<_>>())?
        } else {
            remote(&target, written.user.take())?
        };
        let name = written.name.take();
        if name.as_ref().is_some_and(|name| name.is_empty() || name.len() > limit::NAME_BYTES_MAX) {
            return Err(format!("a probe's name is empty or longer than {} bytes", limit::NAME_BYTES_MAX));
        }
        let label = |message: String| format!("probe '{}': {message}", probe.target);
        let unfit = unfit(&probe, &written).map(|field| label(format!("'{field}' does not fit its kind")));
        let fault = written.place(&mut probe).err();
        if let Some(fault) = unfit.or_else(|| fault.map(|fault| format!("probe '{}': {fault}", probe.target))) {
            return Err(fault);
        }
        probe.name = name.unwrap_or_else(|| derived(&probe));
        Ok(probe)
    }
}

impl Written {
    /// Puts the fields that are left into the probe.
    fn place(self, probe: &mut Probe) -> Result<(), String> {
        let span = |field: &str, span: Option<Span>, default: Duration, bounds: RangeInclusive<Duration>| {
            let span = span.map_or(default, |span| span.0);
            let (min, max) = (Span(*bounds.start()), Span(*bounds.end()));
            if bounds.contains(&span) { Ok(span) } else { Err(format!("{field} is out of bounds: choose {min} to {max}")) }
        };
        probe.interval = span("interval", self.interval, probe.interval, INTERVAL_MIN..=INTERVAL_MAX)?;
        probe.timeout = span("timeout", self.timeout, probe.timeout, Duration::from_millis(10)..=TIMEOUT_MAX)?;
        probe.slow = self.slow.map(|slow| slow.0);
        for (field, value, place) in
            [("failures", self.failures, &mut probe.failures), ("successes", self.successes, &mut probe.successes)]
        {
            *place = value.unwrap_or(*place);
            if !(1..=1_000).contains(place) {
                return Err(format!("{field} is out of bounds: choose 1 to 1000"));
            }
        }
        probe.warn_days = self.warn_days.unwrap_or(probe.warn_days);
        probe.ca_file = self.ca_file;
        probe.password = match (&probe.password, self.password_file, self.password_env) {
            (Password::None, Some(file), None) => Password::File(file),
            (Password::None, None, Some(variable)) => Password::Variable(variable),
            (_, None, None) => std::mem::take(&mut probe.password),
            _ => return Err("has more than one password: keep one of the address, password_file and password_env".to_owned()),
        };
        probe.http = Asked {
            method: self.method.unwrap_or_default().to_ascii_uppercase(),
            statuses: self.status.map(statuses).transpose()?.unwrap_or_default(),
            body_contains: self.body_contains.filter(|text| !text.is_empty()),
            headers: self.headers.unwrap_or_default(),
        };
        if probe.http.body_contains.as_ref().is_some_and(|text| text.len() > BODY_CONTAINS_BYTES_MAX) {
            return Err(format!("body_contains is longer than {BODY_CONTAINS_BYTES_MAX} bytes"));
        }
        super::http::fault(&probe.http).map_or(Ok(()), Err)
    }
}

/// The first field that is set and means nothing for the probe's kind.
fn unfit(probe: &Probe, written: &Written) -> Option<&'static str> {
    let is = |kinds: &[Kind]| kinds.contains(&probe.kind);
    let (is_http, has_login) = (is(&[Kind::Http]), is(&[Kind::Http, Kind::Redis, Kind::Postgres, Kind::Mysql, Kind::Amqp]));
    [
        ("method", is_http, written.method.is_some()),
        ("status", is_http, written.status.is_some()),
        ("body_contains", is_http, written.body_contains.is_some()),
        ("headers", is_http, written.headers.is_some()),
        ("ca_file", probe.is_encrypted, written.ca_file.is_some()),
        ("warn_days", probe.is_encrypted, written.warn_days.is_some()),
        ("user", has_login, written.user.is_some()),
        ("password_file", has_login, written.password_file.is_some()),
        ("password_env", has_login, written.password_env.is_some()),
        ("args", is(&[Kind::Command]), written.args.is_some()),
    ]
    .into_iter()
    .find(|(_, fits, is_set)| *is_set && !fits)
    .map(|(field, ..)| field)
}

fn statuses(written: Statuses) -> Result<Vec<RangeInclusive<u16>>, String> {
    let list = match written {
        Statuses::One(one) => vec![one],
        Statuses::Many(many) => many,
    };
    let mut ranges = Vec::new();
    for status in list {
        let text = match status {
            Status::Number(number) => number.to_string(),
            Status::Text(text) => text,
        };
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=999).contains(status));
            let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
            let (first, last) = range.ok_or_else(|| format!("'{}' is no status such as 200 or 200-299", part.trim()))?;
            ranges.push(first..=last);
        }
    }
    Ok(ranges)
}

fn blank(kind: Kind, target: &str, address: Address) -> Probe {
    Probe {
        name: String::new(),
        kind,
        target: cut(target, limit::VALUE_BYTES_MAX).to_owned(),
        address,
        is_encrypted: false,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(3),
        failures: 3,
        successes: 2,
        slow: None,
        password: Password::None,
        ca_file: None,
        warn_days: 14,
        http: Asked::default(),
        words: Vec::new(),
        is_metadata_barred: false,
    }
}

fn local(kind: Kind, words: &[String]) -> Result<Probe, String> {
    let first = words.first().filter(|word| !word.is_empty());
    let Some(first) = first else {
        return Err(format!("a probe says '{0}:' and nothing after it: write {0}:NAME", kind.as_str()));
    };
    if kind == Kind::Command && !first.starts_with('/') {
        return Err(format!("probe 'command:{first}': write the program's whole path"));
    }
    // Arguments may hold a secret, so only the program is shown.
    let probe = blank(kind, &format!("{}:{first}", kind.as_str()), Address::default());
    Ok(Probe { words: words.to_vec(), ..probe })
}

fn remote(target: &str, user: Option<String>) -> Result<Probe, String> {
    let mut address = Address::parse(target).map_err(|fault| {
        let known = "write http://, https://, tcp://, tls://, redis://, postgres://, mysql://, amqp://, process: or command:";
        // The text itself may hold a password.
        let scheme = target.split_once(':').map_or("", |(scheme, _)| scheme);
        format!("a probe's address ({scheme}...) {fault}: {known}")
    })?;
    let row = SCHEMES.iter().find(|(scheme, ..)| *scheme == address.scheme);
    let Some((_, kind, is_tls, port)) = row.copied() else {
        return Err(format!("a probe's address has the unknown scheme '{}'", address.scheme));
    };
    let shown = address.to_string();
    if address.port.is_none() && port.is_none() {
        return Err(format!("probe '{shown}': needs a port"));
    }
    address.port = address.port.or(port);
    address.user = user.or(address.user);
    let password = address.password.take().map_or(Password::None, Password::Given);
    let is_encrypted = match address.parameters().get("sslmode").map(String::as_str) {
        _ if kind != Kind::Postgres => is_tls,
        None | Some("disable") => false,
        Some("require" | "verify-ca" | "verify-full") => true,
        Some(_) => {
            return Err(format!("probe '{shown}': sslmode is disable, require or verify-full; both check the certificate"));
        }
    };
    Ok(Probe { password, is_encrypted, ..blank(kind, &shown, address) })
}

/// Kind and place, which says it all for most.
fn derived(probe: &Probe) -> String {
    let name = match probe.kind {
        Kind::Process | Kind::Command => {
            let word = probe.words.first().map_or("", String::as_str);
            format!("{} {}", probe.kind.as_str(), word.rsplit('/').next().unwrap_or(word))
        }
        _ => format!("{} {}{}", probe.address.scheme, probe.address.authority(), probe.address.path.trim_end_matches('/')),
    };
    cut(&name, limit::NAME_BYTES_MAX - 8).to_owned()
}

impl Probe {
    /// The password to use now.
    ///
    /// # Errors
    /// When its file cannot be read; says which.
    pub(super) fn password(&self) -> Result<Option<Secret>, String> {
        match &self.password {
            Password::None | Password::Variable(_) => Ok(None),
            Password::Given(secret) => Ok(Some(secret.clone())),
            Password::File(path) => {
                use std::io::Read;
                let mut text = String::new();
                std::fs::File::open(path)
                    .and_then(|file| file.take(PASSWORD_FILE_BYTES_MAX).read_to_string(&mut text))
                    .map_err(|error| format!("cannot read the password from {}: {error}", path.display()))?;
                Ok(Some(Secret::new(&text)))
            }
        }
    }
}

/// Checks what only shows in all probes together: how many, their names, and passwords from variables. Names that were
/// not chosen are made unique. Gives what is wrong, in words.
pub fn check_all(probes: &mut [Probe], vars: &dyn Vars) -> Vec<String> {
    let mut faults = Vec::new();
    if probes.len() > PROBES_MAX {
        faults.push(format!("are {}: at most {PROBES_MAX} are possible", probes.len()));
        return faults;
    }
    for index in 0..probes.len() {
        let (before, rest) = probes.split_at_mut(index);
        let Some(probe) = rest.first_mut() else { break };
        let is_taken = |name: &str| before.iter().any(|other| other.name == name);
        if is_taken(&probe.name) {
            if probe.name == derived(probe) {
                let free = (2..).map(|number| format!("{} {number}", probe.name)).find(|name| !is_taken(name));
                probe.name = free.unwrap_or_default();
            } else {
                faults.push(format!("have two of the name '{}'", probe.name));
            }
        }
        if let Password::File(file) = &mut probe.password {
            *file = secret_path(vars, std::mem::take(file));
        }
        if let Password::Variable(name) = &probe.password {
            match vars.var(name) {
                Some(text) => probe.password = Password::Given(Secret::new(&text)),
                None => faults.push(format!("'{}': the variable {name} of password_env is not set", probe.name)),
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests;
