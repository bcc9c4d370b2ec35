//! PostgreSQL, by its statistics views.
//!
//! In: one session that is kept, read-only, with a short time for each statement. Out: connections against the limit, sizes,
//! cache, transactions, locks, the longest query by its age alone, replication, and the snapshot `postgres`.
//!
//! Invariants: nothing is written; the text of a query is never asked for; a statement that is refused leaves the others.
//!
//! Bounded: databases ([`statement::DATABASES_MAX`]), replicas, rows, time of each statement.

use std::{path::PathBuf, time::Duration};

use farol_shared::secret::Secret;
use serde::Deserialize;
use tokio::time::Instant;

use super::{At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading};

mod encryption;
mod place;
mod session;
mod statement;
#[cfg(test)]
mod tests;
mod view;

use encryption::Mode;
pub(crate) use encryption::to_anyone;
use session::Session;
use statement::Statistics;
pub use view::{PostgresDatabase, PostgresReplication, PostgresServer, PostgresState, PostgresTable};

/// PostgreSQL.
pub const KIND: Kind = Kind {
    name: "postgres",
    title: "PostgreSQL",
    group: Group::Database,
    interval: Duration::from_secs(10),
    floor: Duration::from_secs(2),
    timeout: Duration::from_secs(10),
    secrets: &["password"],
    options: &[
        KindOption {
            key: "password",
            default: "none",
            meaning: "Password of the user in url; best as password_file or password_env.",
        },
        KindOption {
            key: "sslmode",
            default: "prefer",
            meaning: "disable; prefer: encrypted where the server offers it; require: always encrypted, whoever the server is; \
                      verify-full: encrypted, and its certificate is checked.",
        },
        KindOption {
            key: "ca_file",
            default: "none",
            meaning: "PEM file with certificates to trust beside the machine's; for verify-full.",
        },
        KindOption {
            key: "dead_tuples",
            default: "false",
            meaning: "Also tell the table of the database in url with the most dead rows, once a minute.",
        },
    ],
    snippet: "[[postgres]]\nname = \"main\"\nurl = \"postgres://farol@db:5432/postgres\"\npassword_env = \"POSTGRES_PASSWORD\"\n",
    open,
};

/// How often sizes and dead rows are asked for: the server reads directories and every table's statistics for them.
const RARELY: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    password: Option<Secret>,
    sslmode: Option<Mode>,
    ca_file: Option<PathBuf>,
    dead_tuples: bool,
}

struct Postgres {
    place: place::Place,
    dead_tuples: bool,
    /// Kept between polls. Not there while a poll is under way, so that one that is dropped leaves no half-read answer.
    session: Option<Session>,
    /// Sizes by database and the worst table, when they were asked for last.
    rare: Option<(Instant, statement::Rare)>,
    cache: view::Cache,
}

#[expect(clippy::needless_pass_by_value, reason = "the form of a row of `KINDS`, which others consume")]
fn open(given: Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let url = given.needed_url("postgres://farol@db:5432/postgres")?;
    let place = place::Place::read(url, config.password, config.sslmode, config.ca_file.as_deref(), given.timeout)?;
    Ok(Box::new(Postgres { place, dead_tuples: config.dead_tuples, session: None, rare: None, cache: view::Cache::default() }))
}

impl Integration for Postgres {
    fn poll<'a>(&'a mut self, _at: &'a At) -> Polling<'a> {
        Box::pin(self.ask())
    }

    fn target(&self) -> String {
        self.place.target()
    }
}

impl Postgres {
    async fn ask(&mut self) -> Result<Reading, PollError> {
        let kept = self.session.take().filter(Session::is_open);
        let was_kept = kept.is_some();
        let session = match kept {
            Some(session) => session,
            None => Session::open(&self.place).await?,
        };
        let (session, base) = match session.base().await {
            Ok(base) => (session, base),
            // The server was restarted between two polls: that shows only when it is asked.
            Err(_) if was_kept && !session.is_open() => {
                let session = Session::open(&self.place).await?;
                let base = session.base().await?;
                (session, base)
            }
            Err(error) => return Err(error),
        };
        let mut reading = Reading::default();
        let statistics = self.gather(&session, base, &mut reading).await?;
        self.session = Some(session);
        self.tell(&mut reading, &statistics);
        Ok(reading)
    }

    /// Asks everything else. What is refused is told as missing; an end of the session ends the poll.
    async fn gather(&mut self, session: &Session, base: statement::Base, reading: &mut Reading) -> Result<Statistics, PollError> {
        let user = &self.place.user;
        let mut part = |part: &'static str, error: PollError| {
            if session.is_open() {
                reading.missing(part, session::with_advice(error, user));
                Ok(())
            } else {
                Err(error)
            }
        };
        let mut found = Statistics::new(base);
        if found.base.sees_all {
            match session.activity().await {
                Ok(activity) => found.activity = Some(activity),
                Err(error) => part("sessions", error)?,
            }
            match session.replicas().await {
                Ok(replicas) => found.replicas = replicas,
                Err(error) => part("replication", error)?,
            }
        } else {
            // No statement is refused: other users' sessions are only blank.
            part("sessions", session::blank(user))?;
        }
        match session.databases().await {
            Ok(databases) => found.databases = databases,
            Err(error) => part("databases", error)?,
        }
        match session.totals().await {
            Ok(totals) => found.totals = totals,
            Err(error) => part("totals", error)?,
        }
        match session.locks_waiting().await {
            Ok(waiting) => found.locks_waiting = waiting,
            Err(error) => part("locks", error)?,
        }
        if found.base.is_replica {
            match session.replica_lag().await {
                Ok(lag) => found.replica_lag_s = lag,
                Err(error) => part("replica lag", error)?,
            }
        }
        if self.rare.as_ref().is_none_or(|(at, _)| at.elapsed() >= RARELY) {
            match session.rare(self.dead_tuples).await {
                Ok(rare) => self.rare = Some((Instant::now(), rare)),
                Err(error) => part("sizes", error)?,
            }
        }
        Ok(found)
    }

    fn tell(&mut self, reading: &mut Reading, statistics: &Statistics) {
        let rare = self.rare.as_ref().map(|(_, rare)| rare.clone()).unwrap_or_default();
        let recent = self.cache.follow(&statistics.totals);
        let view = view::view(statistics, &rare, self.cache.ratio());
        view::measure(reading, statistics, &view, recent);
        reading.describe("db.system.name", "postgresql");
        reading.describe("service.version", &view.version);
        reading.describe("server.address", &self.place.host);
        reading.say(view::sentence(&view));
        reading.snapshot("postgres", &view);
    }
}
