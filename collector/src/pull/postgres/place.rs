//! Where a server is and as whom to ask it: the address as people write it, checked.

use std::{path::Path, sync::Arc, time::Duration};

use farol_shared::secret::Secret;
use rustls::ClientConfig;
use tokio_postgres::config::SslMode;

use super::encryption::{self, Mode};

/// Longest time for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// A server, a database and a user.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: Option<Secret>,
    pub(super) mode: Mode,
    pub(super) tls: Arc<ClientConfig>,
    /// Longest time for one statement.
    pub(super) statement_within: Duration,
}

impl Place {
    /// Reads `postgres://user@host[:port][/database][?sslmode=...]`.
    ///
    /// # Errors
    /// Says what is wrong with it; never the address itself, which may hold a password.
    pub(super) fn read(
        url: &str,
        password: Option<Secret>,
        mode: Option<Mode>,
        ca_file: Option<&Path>,
        within: Duration,
    ) -> Result<Self, String> {
        let example = "write one such as \"postgres://farol@db:5432/postgres\"";
        let url: reqwest::Url = url.trim().parse().map_err(|_| format!("url is no address: {example}"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(format!("url must begin with postgres://: {example}"));
        }
        if url.password().is_some() {
            return Err("url holds a password: write it as password_file = \"/path\" or password_env = \"NAME\"".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| format!("url names no host: {example}"))?;
        let user = decoded(url.username()).filter(|user| !user.is_empty());
        let user = user.ok_or_else(|| format!("url names no user: {example}"))?;
        let path = decoded(url.path().trim_start_matches('/'));
        let database = path.ok_or_else(|| format!("url has a database that cannot be read: {example}"))?;
        let mut written = mode;
        for (key, value) in url.query_pairs() {
            if key != "sslmode" {
                return Err("url has a parameter that is not known: only sslmode may stand there".to_owned());
            }
            let told = Mode::named(&value).ok_or("sslmode is disable, prefer, require or verify-full")?;
            if written.is_some_and(|mode| mode != told) {
                return Err("sslmode is given twice: keep the key or the parameter of url".to_owned());
            }
            written = Some(told);
        }
        let mode = written.unwrap_or(Mode::Prefer);
        if ca_file.is_some() && mode != Mode::VerifyFull {
            return Err("ca_file is used by sslmode = \"verify-full\" only: the other modes check no certificate".to_owned());
        }
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(5_432),
            database: if database.is_empty() { user.clone() } else { database },
            user,
            password,
            mode,
            tls: encryption::settings(mode, ca_file)?,
            statement_within: within / 2,
        })
    }

    /// What is asked, for people.
    pub(super) fn target(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}/{}", self.port, self.database)
    }

    /// As the driver wants it.
    pub(super) fn settings(&self) -> tokio_postgres::Config {
        let mut settings = tokio_postgres::Config::new();
        let milliseconds = self.statement_within.as_millis().max(1);
        // A lock that a statement waits for is somebody's work: it gives way first.
        let options = format!(
            "-c default_transaction_read_only=on -c statement_timeout={milliseconds} -c lock_timeout={} -c \
             idle_in_transaction_session_timeout=60000",
            milliseconds.div_ceil(2)
        );
        settings
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.database)
            .application_name("farol-collector")
            .options(options)
            .connect_timeout(CONNECT_WITHIN)
            .ssl_mode(match self.mode {
                Mode::Disable => SslMode::Disable,
                Mode::Prefer => SslMode::Prefer,
                Mode::Require | Mode::VerifyFull => SslMode::Require,
            });
        if let Some(password) = &self.password {
            settings.password(password.reveal());
        }
        settings
    }
}

/// Text of an address with `%` and two digits for what cannot stand there. `None` when it is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Result<Place, String> {
        Place::read(url, None, None, None, Duration::from_secs(10))
    }

    #[test]
    fn an_address_is_read_with_its_usual_port_and_database() {
        let whole = place("postgres://f%40rol@db.example:6543/app%20one?sslmode=require").unwrap();
        assert_eq!((whole.user.as_str(), whole.database.as_str(), whole.mode), ("f@rol", "app one", Mode::Require));
        assert_eq!(whole.target(), "db.example:6543/app one");
        let short = place("postgresql://farol@[::1]").unwrap();
        assert_eq!((short.target().as_str(), short.host.as_str(), short.mode), ("[::1]:5432/farol", "::1", Mode::Prefer));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_address() {
        for wrong in [
            "db",
            "http://farol@db",
            "postgres://db/app",
            "postgres://farol@/app",
            "postgres://farol:s3cr3t@db",
            "postgres://farol@db?sslmode=s3cr3t",
            "postgres://farol@db?password=s3cr3t",
            "postgres://%ff@db",
            "postgres://farol@db/%zz",
        ] {
            let told = place(wrong).unwrap_err();
            assert!(!told.contains("s3cr3t"), "{told}");
        }
        let twice = Place::read("postgres://a@b?sslmode=disable", None, Some(Mode::Require), None, Duration::from_secs(1));
        assert!(twice.unwrap_err().contains("twice"));
        let file = Path::new("/nowhere.pem");
        let unused = Place::read("postgres://a@b", None, Some(Mode::Require), Some(file), Duration::from_secs(1));
        assert!(unused.unwrap_err().contains("verify-full"));
    }

    proptest::proptest! {
        #[test]
        fn any_address_is_read_or_refused(text in "\\PC{0,40}") {
            drop(place(&text));
            drop(place(&format!("postgres://{text}")));
        }
    }
}
