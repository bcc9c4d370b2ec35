//! What the running collector knows of its accounts: a copy of the file in memory, replaced as a whole when the file changes.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use super::{Fingerprint, SessionKey, StateDb, StateError, users::role_of};
use crate::access::Role;

/// One account.
#[derive(Debug)]
pub struct User {
    /// Name, in lower case.
    pub username: Arc<str>,
    /// Hash of the password with its salt and costs.
    pub password: String,
    /// What the account may do.
    pub role: Role,
    /// The tenant that bounds what it sees.
    pub tenant: Option<Arc<str>>,
    /// Where it comes from: `local`, or `oidc:` and the name of a provider.
    pub origin: Arc<str>,
    /// Whether nobody can sign in.
    pub is_disabled: bool,
    /// The sealed secret of its second factor.
    pub totp: Option<Vec<u8>>,
    /// The sealed secret of a second factor whose first code has not come yet.
    pub totp_pending: Option<Vec<u8>>,
}

/// One sign-in.
#[derive(Debug)]
pub struct Session {
    /// Number of the sign-in.
    pub key: SessionKey,
    /// Whose it is.
    pub user: Arc<User>,
    /// When it began, in ms since the epoch.
    pub created_ms: i64,
    /// When it ends in any case, in ms since the epoch.
    pub expires_ms: i64,
    /// Where it came from.
    pub address: Option<String>,
    /// What the browser or program calls itself.
    pub agent: Option<String>,
    seen: Use,
}

/// One agent token in force.
#[derive(Debug)]
pub struct Token {
    /// Number of the token.
    pub id: i64,
    /// Name given at its making.
    pub name: Arc<str>,
    /// The tenant that all of its agents' data belong to.
    pub tenant: Option<Arc<str>>,
    /// The environment that all of its agents' data belong to.
    pub environment: Option<Arc<str>>,
    used: Use,
}

/// One token for programs that is not revoked.
#[derive(Debug)]
pub struct ApiToken {
    /// Number of the token.
    pub id: i64,
    /// The account that it acts for.
    pub user: Arc<User>,
    /// What it may do at most.
    pub role: Role,
    /// The tenant that bounds it, beside its owner's.
    pub tenant: Option<Arc<str>>,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
    used: Use,
}

/// When something was last used: noted in memory at each use, on disk once a minute.
#[derive(Debug)]
struct Use {
    at_ms: AtomicI64,
    stored_ms: i64,
}

impl Use {
    const fn stored(at_ms: i64) -> Self {
        Self { at_ms: AtomicI64::new(at_ms), stored_ms: at_ms }
    }

    /// What is newer than on disk.
    fn fresh(&self) -> Option<i64> {
        let at_ms = self.at_ms.load(Relaxed);
        (at_ms > self.stored_ms).then_some(at_ms)
    }
}

impl Session {
    /// When the last request came, in ms since the epoch.
    #[must_use]
    pub fn last_seen_ms(&self) -> i64 {
        self.seen.at_ms.load(Relaxed)
    }

    /// Notes a request.
    pub fn touch(&self, now_ms: i64) {
        self.seen.at_ms.fetch_max(now_ms, Relaxed);
    }
}

impl Token {
    /// Notes a use.
    pub fn touch(&self, now_ms: i64) {
        self.used.at_ms.fetch_max(now_ms, Relaxed);
    }
}

impl ApiToken {
    /// Notes a use.
    pub fn touch(&self, now_ms: i64) {
        self.used.at_ms.fetch_max(now_ms, Relaxed);
    }
}

/// Uses that are not on disk yet, as (number, ms since the epoch).
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) sessions: Vec<(i64, i64)>,
    pub(super) tokens: Vec<(i64, i64)>,
    pub(super) api_tokens: Vec<(i64, i64)>,
}

/// Accounts by their number in the file.
type Owners = HashMap<i64, Arc<User>>;

/// All that sign-in needs, at one moment of the file.
#[derive(Debug, Default)]
pub struct Accounts {
    users: HashMap<Arc<str>, Arc<User>>,
    sessions: HashMap<Fingerprint, Arc<Session>>,
    sessions_by_key: HashMap<SessionKey, Arc<Session>>,
    tokens: HashMap<Fingerprint, Arc<Token>>,
    api_tokens: HashMap<Fingerprint, Arc<ApiToken>>,
    api_tokens_by_id: HashMap<i64, Arc<ApiToken>>,
}

impl Accounts {
    /// Reads the file, keeping what `before` knows of uses that are not on disk yet.
    pub(super) fn read(db: &StateDb, before: &Self) -> Result<Self, StateError> {
        let mut new = Self::default();
        let owners = new.read_users(db)?;
        new.read_sessions(db, before, &owners)?;
        new.read_tokens(db, before)?;
        new.read_api_tokens(db, before, &owners)?;
        Ok(new)
    }

    fn read_users(&mut self, db: &StateDb) -> Result<Owners, StateError> {
        let mut owners = Owners::new();
        let columns =
            "SELECT id, username, password, role, tenant, origin, disabled_ms IS NOT NULL, totp, totp_pending FROM user";
        let mut select = db.connection.prepare_cached(columns)?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let username: Arc<str> = row.get::<_, String>(1)?.into();
            let user = Arc::new(User {
                username: Arc::clone(&username),
                password: row.get(2)?,
                role: role_of(&row.get::<_, String>(3)?),
                tenant: row.get::<_, Option<String>>(4)?.map(Arc::from),
                origin: row.get::<_, String>(5)?.into(),
                is_disabled: row.get(6)?,
                totp: row.get(7)?,
                totp_pending: row.get(8)?,
            });
            owners.insert(row.get(0)?, Arc::clone(&user));
            self.users.insert(username, user);
        }
        Ok(owners)
    }

    fn read_sessions(&mut self, db: &StateDb, before: &Self, owners: &Owners) -> Result<(), StateError> {
        let columns = "SELECT id, fingerprint, user, last_seen_ms, expires_ms, created_ms, address, agent FROM session";
        let mut select = db.connection.prepare_cached(columns)?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let Some(user) = owners.get(&row.get(2)?) else { continue };
            let key = SessionKey(row.get(0)?);
            let session = Session {
                key,
                user: Arc::clone(user),
                created_ms: row.get(5)?,
                expires_ms: row.get(4)?,
                address: row.get(6)?,
                agent: row.get(7)?,
                seen: Use::stored(row.get(3)?),
            };
            if let Some(known) = before.sessions_by_key.get(&key) {
                session.touch(known.last_seen_ms());
            }
            let session = Arc::new(session);
            self.sessions_by_key.insert(key, Arc::clone(&session));
            self.sessions.insert(Fingerprint(row.get(1)?), session);
        }
        Ok(())
    }

    fn read_api_tokens(&mut self, db: &StateDb, before: &Self, owners: &Owners) -> Result<(), StateError> {
        let columns = "SELECT id, fingerprint, user, role, tenant, expires_ms, coalesce(last_used_ms, 0) FROM api_token
            WHERE revoked_ms IS NULL";
        let mut select = db.connection.prepare_cached(columns)?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let Some(user) = owners.get(&row.get(2)?) else { continue };
            let id = row.get(0)?;
            let (role, tenant) = (role_of(&row.get::<_, String>(3)?), row.get::<_, Option<String>>(4)?.map(Arc::from));
            let used = Use::stored(row.get(6)?);
            let token = ApiToken { id, user: Arc::clone(user), role, tenant, expires_ms: row.get(5)?, used };
            if let Some(known) = before.api_tokens_by_id.get(&id) {
                token.touch(known.used.at_ms.load(Relaxed));
            }
            let token = Arc::new(token);
            self.api_tokens_by_id.insert(id, Arc::clone(&token));
            self.api_tokens.insert(Fingerprint(row.get(1)?), token);
        }
        Ok(())
    }

    fn read_tokens(&mut self, db: &StateDb, before: &Self) -> Result<(), StateError> {
        let columns = "SELECT id, name, fingerprint, coalesce(last_used_ms, 0), tenant, environment FROM agent_token WHERE revoked_ms IS NULL";
        let mut select = db.connection.prepare_cached(columns)?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let fingerprint = Fingerprint(row.get(2)?);
            let text = |at| Ok::<_, StateError>(row.get::<_, Option<String>>(at)?.map(Arc::from));
            let (tenant, environment) = (text(4)?, text(5)?);
            let (name, used) = (row.get::<_, String>(1)?.into(), Use::stored(row.get(3)?));
            let token = Token { id: row.get(0)?, name, tenant, environment, used };
            if let Some(known) = before.tokens.get(&fingerprint) {
                token.touch(known.used.at_ms.load(Relaxed));
            }
            self.tokens.insert(fingerprint, Arc::new(token));
        }
        Ok(())
    }

    /// The account of a name in lower case.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<Arc<User>> {
        self.users.get(name).cloned()
    }

    /// The sign-in of a cookie's fingerprint.
    #[must_use]
    pub fn session(&self, cookie: &Fingerprint) -> Option<Arc<Session>> {
        self.sessions.get(cookie).cloned()
    }

    /// The sign-in of a number.
    #[must_use]
    pub fn session_by_key(&self, key: SessionKey) -> Option<Arc<Session>> {
        self.sessions_by_key.get(&key).cloned()
    }

    /// The agent token in force of a fingerprint.
    #[must_use]
    pub fn token(&self, token: &Fingerprint) -> Option<Arc<Token>> {
        self.tokens.get(token).cloned()
    }

    /// The token for programs of a fingerprint.
    #[must_use]
    pub fn api_token(&self, token: &Fingerprint) -> Option<Arc<ApiToken>> {
        self.api_tokens.get(token).cloned()
    }

    /// The token for programs of a number.
    #[must_use]
    pub fn api_token_by_id(&self, id: i64) -> Option<Arc<ApiToken>> {
        self.api_tokens_by_id.get(&id).cloned()
    }

    /// Every sign-in that the file has, also those that have expired since it was last cleared.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions_by_key.values().map(|session| &**session)
    }

    /// Whether somebody can administer the whole house.
    #[must_use]
    pub fn has_administrator(&self) -> bool {
        self.users.values().any(|user| user.role >= Role::Admin && !user.is_disabled && user.tenant.is_none())
    }

    /// Sign-ins and tokens used since the file says.
    pub(super) fn fresh_uses(&self) -> Uses {
        let sessions = self.sessions_by_key.values().filter_map(|s| Some((s.key.0, s.seen.fresh()?)));
        let tokens = self.tokens.values().filter_map(|t| Some((t.id, t.used.fresh()?)));
        let api_tokens = self.api_tokens_by_id.values().filter_map(|t| Some((t.id, t.used.fresh()?)));
        Uses { sessions: sessions.collect(), tokens: tokens.collect(), api_tokens: api_tokens.collect() }
    }
}
