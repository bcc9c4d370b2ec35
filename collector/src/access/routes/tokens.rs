//! `/api/v1/tokens` and `/api/v1/api-tokens`: tokens of agents, and tokens by which programs act for people.

use axum::{
    Json,
    extract::State as Shared,
    http::{StatusCode, Uri},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{Access, By, Caller, JsonBody, Person, Problem, Role, View, Word, audit, not_cached, refusal, token};
use crate::{
    access::Credential,
    api::parameters::Parameters,
    state::{ApiTokenRow, Fingerprint, NewApiToken, NewToken, StateError, TokenRow, tenant_name},
};

/// How long a token for programs holds when nothing is said, in days.
const DAYS_DEFAULT: u32 = 90;

/// How long it may hold at most, in days: what nobody renews is forgotten.
const DAYS_MAX: u32 = 365;

const DAY_MS: i64 = 86_400_000;

/// Agent tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentTokens {
    /// By number, revoked ones included.
    tokens: Vec<AgentTokenEntry>,
}

/// One agent token. The token itself is not known any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentTokenEntry {
    /// Its number.
    id: i64,
    /// Its name.
    name: String,
    /// The tenant that all of its agents' data belong to; `null` when agents say it themselves.
    tenant: Option<String>,
    /// The environment that all of its agents' data belong to; `null` when agents say it themselves.
    environment: Option<String>,
    /// When it was made, in milliseconds since the epoch.
    created: i64,
    /// Who made it; `null` for the command line.
    created_by: Option<String>,
    /// When it was last used, in milliseconds since the epoch, up to a minute late; `null` for never.
    last_used: Option<i64>,
    /// When it was revoked, in milliseconds since the epoch; `null` while it is in force.
    revoked: Option<i64>,
}

/// An agent token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgentToken {
    /// Its name: 1 to 128 characters.
    name: String,
    /// The tenant that all of its agents' data shall belong to.
    tenant: Option<String>,
    /// The environment that all of its agents' data shall belong to.
    environment: Option<String>,
}

/// An agent token just made.
#[derive(Serialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct MadeAgentToken {
    /// What is kept of it.
    token_row: AgentTokenEntry,
    /// The token, shown once.
    token: String,
    /// Where agents find this collector (`public_url`); `null` when the configuration does not say it.
    public_url: Option<String>,
}

/// Tokens for programs.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiTokens {
    /// By number, ended ones included.
    tokens: Vec<ApiTokenEntry>,
}

/// One token for programs. The token itself is not known any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiTokenEntry {
    /// Its number.
    id: i64,
    /// Its name.
    name: String,
    /// The account that it acts for.
    owner: String,
    /// What it may do at most: never more than its owner.
    #[schema(value_type = String)]
    role: Role,
    /// The tenant that bounds it, beside its owner's; `null` for none.
    tenant: Option<String>,
    /// When it was made, in milliseconds since the epoch.
    created: i64,
    /// When it ends, in milliseconds since the epoch.
    expires: i64,
    /// When it was last used, in milliseconds since the epoch, up to a minute late; `null` for never.
    last_used: Option<i64>,
    /// When it was revoked, in milliseconds since the epoch; `null` when it was not.
    revoked: Option<i64>,
}

/// A token for programs to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProgramToken {
    /// Its name: 1 to 128 characters.
    name: String,
    /// What it may do at most; one's own role when absent.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// The tenant that bounds it.
    tenant: Option<String>,
    /// In how many days it ends, 1 to 365; 90 when absent.
    #[schema(minimum = 1, maximum = 365)]
    expires_in_days: Option<u32>,
}

/// A token for programs just made.
#[derive(Serialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct MadeApiToken {
    /// What is kept of it.
    token_row: ApiTokenEntry,
    /// The token, shown once.
    token: String,
}

fn agent_entry(row: TokenRow) -> AgentTokenEntry {
    AgentTokenEntry {
        id: row.id,
        name: row.name,
        tenant: row.tenant,
        environment: row.environment,
        created: row.created_ms,
        created_by: row.created_by,
        last_used: row.last_used_ms,
        revoked: row.revoked_ms,
    }
}

fn api_entry(row: ApiTokenRow) -> ApiTokenEntry {
    ApiTokenEntry {
        id: row.id,
        name: row.name,
        owner: row.owner,
        role: row.role,
        tenant: row.tenant,
        created: row.created_ms,
        expires: row.expires_ms,
        last_used: row.last_used_ms,
        revoked: row.revoked_ms,
    }
}

/// Answers the agent tokens.
pub(crate) async fn agent_tokens(Shared(access): Shared<Access>) -> Result<Response, Problem> {
    let rows = access.state().read(|db| db.tokens()).await.map_err(|error| refusal::of_state(&error))?;
    Ok(not_cached(Json(AgentTokens { tokens: rows.into_iter().map(agent_entry).collect() })))
}

/// Makes an agent token.
pub(crate) async fn create_agent_token(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    JsonBody(given): JsonBody<NewAgentToken>,
) -> Result<Response, Problem> {
    let secret = token::new_agent_token().map_err(super::no_random)?;
    let (fingerprint, now_ms) = (Fingerprint::of(&secret), access.now_ms());
    let detail = json!({ "tenant": given.tenant, "environment": given.environment });
    let line = audit::line(By::person(&person, caller.address), now_ms, "token.create", given.name.trim(), &detail);
    let username = person.username.to_string();
    let made = audit::with(access.state(), line, move |db| {
        let (tenant, environment) = (given.tenant.as_deref(), given.environment.as_deref());
        let new = NewToken { name: &given.name, tenant, environment, created_by: Some(&username) };
        let id = db.make_token(&new, &fingerprint, now_ms)?;
        db.token_row(id)
    });
    let row = made.await.map_err(|error| refusal::of_state(&error))?;
    tracing::info!(target: "access", token = row.id, by = %person.username, "agent token made");
    let public_url = access.public_url().map(str::to_owned);
    Ok(not_cached((StatusCode::CREATED, Json(MadeAgentToken { token_row: agent_entry(row), token: secret, public_url }))))
}

/// Revokes an agent token.
pub(crate) async fn revoke_agent_token(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    word: Word,
) -> Result<StatusCode, Problem> {
    let (id, now_ms, by) = (word.number()?, access.now_ms(), By::person(&person, caller.address));
    let revoked = access.state().change(move |db| {
        db.together(|db| {
            let name = db.revoke_token_number(id, now_ms)?;
            db.note_audit(&audit::line(by, now_ms, "token.revoke", &name, &json!({ "id": id })))
        })
    });
    revoked.await.map_err(|error| refusal::of_state(&error))?;
    tracing::info!(target: "access", token = id, by = %person.username, "agent token revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// Answers one's own tokens for programs, or all to administrators of the whole house.
pub(crate) async fn api_tokens(Shared(access): Shared<Access>, person: Person, uri: Uri) -> Result<Response, Problem> {
    let all = Parameters::of(&uri, &["all"])?.flag("all")?;
    if all {
        require_keeper(&person)?;
    }
    let owner = (!all).then(|| person.username.to_string());
    let rows = access.state().read(move |db| db.api_tokens(owner.as_deref())).await;
    let rows = rows.map_err(|error| refusal::of_state(&error))?;
    Ok(not_cached(Json(ApiTokens { tokens: rows.into_iter().map(api_entry).collect() })))
}

/// Makes a token for programs, for oneself.
pub(crate) async fn create_api_token(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    JsonBody(given): JsonBody<NewProgramToken>,
) -> Result<Response, Problem> {
    person.require_session()?;
    let role = given.role.unwrap_or(person.role);
    if role > person.role {
        let detail = format!("a token may do no more than its owner, whose role is {}", person.role);
        return Err(Problem::forbidden(&*detail).code("role_too_high").field("role", detail));
    }
    let tenant = given.tenant.as_deref().map(tenant_name).transpose().map_err(|error| refusal::of_state(&error))?;
    if let (View::Tenant(owners), Some(wanted)) = (&person.view, &tenant)
        && **owners != **wanted
    {
        let detail = "a token sees no more than its owner, who is bound to another tenant";
        return Err(Problem::forbidden(detail).code("other_tenant").field("tenant", detail));
    }
    let days = given.expires_in_days.unwrap_or(DAYS_DEFAULT);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(refusal::wrong("expires_in_days", &format!("must be 1 to {DAYS_MAX}")));
    }
    let secret = token::new_api_token().map_err(super::no_random)?;
    let (fingerprint, now_ms) = (Fingerprint::of(&secret), access.now_ms());
    let expires_ms = now_ms.saturating_add(i64::from(days) * DAY_MS);
    let detail = json!({ "role": role, "tenant": tenant, "days": days });
    let line = audit::line(By::person(&person, caller.address), now_ms, "api_token.create", given.name.trim(), &detail);
    let owner = person.username.to_string();
    let made = audit::with(access.state(), line, move |db| {
        let new = NewApiToken { name: &given.name, owner: &owner, role, tenant: tenant.as_deref(), expires_ms };
        let id = db.make_api_token(&new, &fingerprint, now_ms)?;
        let row = db.api_tokens(Some(&owner))?.into_iter().find(|row| row.id == id);
        row.ok_or_else(|| StateError::NoToken(id.to_string()))
    });
    let row = made.await.map_err(|error| refusal::of_state(&error))?;
    tracing::info!(target: "access", token = row.id, by = %person.username, "API token made");
    Ok(not_cached((StatusCode::CREATED, Json(MadeApiToken { token_row: api_entry(row), token: secret }))))
}

/// Revokes a token for programs: one's own, or any for administrators of the whole house.
pub(crate) async fn revoke_api_token(
    Shared(access): Shared<Access>,
    caller: Caller,
    person: Person,
    word: Word,
) -> Result<StatusCode, Problem> {
    let id = word.number()?;
    // A token may end itself, as a program does that suspects it was read, and no other.
    if person.credential != Credential::ApiToken(id) {
        person.require_no_api_token()?;
    }
    let owner = require_keeper(&person).is_err().then(|| person.username.to_string());
    let (now_ms, by) = (access.now_ms(), By::person(&person, caller.address));
    let revoked = access.state().change(move |db| {
        db.together(|db| {
            let (name, owner) = db.revoke_api_token(id, owner.as_deref(), now_ms)?;
            db.note_audit(&audit::line(by, now_ms, "api_token.revoke", &name, &json!({ "id": id, "owner": owner })))
        })
    });
    revoked.await.map_err(|error| refusal::of_state(&error))?;
    tracing::info!(target: "access", token = id, by = %person.username, "API token revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses everybody but administrators of the whole house.
fn require_keeper(person: &Person) -> Result<(), Problem> {
    person.require(Role::Admin)?;
    if person.view == View::Whole {
        return Ok(());
    }
    Err(Problem::forbidden("this is about the whole house; this account is bound to a tenant").code("bound_to_tenant"))
}
