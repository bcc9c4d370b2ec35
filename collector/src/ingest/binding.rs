//! What a token binds its agents to: everything they tell is put under its tenant and its environment, whatever they say themselves.
//!
//! The identity of an agent and the keys of its resources get the tenant before them, so that no tenant can write into what belongs
//! to another, or to the house.

use axum::http::StatusCode;
use farol_shared::{batch::Batch, limit, record::Records, wire};

use super::Refusal;
use crate::access::AgentAuth;

/// OpenTelemetry's name of the environment of a deployment.
const ENVIRONMENT: &str = "deployment.environment.name";

/// Puts a batch under the tenant and environment of the token that it came with.
///
/// # Errors
/// [`Refusal::Never`] when the tables cannot be read, or a name is too long with the tenant before it.
pub(super) fn bind(batch: &mut Batch, agent: &AgentAuth) -> Result<(), Refusal> {
    if agent.tenant.is_none() && agent.environment.is_none() {
        return Ok(());
    }
    let mut tables = wire::decode_tables(&batch.tables)?;
    for table in &mut tables.0 {
        let resource = &mut table.resource;
        if let Some(tenant) = &agent.tenant {
            resource.key = under(tenant, &resource.key)?;
            resource.parent = resource.parent.take().map(|parent| under(tenant, &parent)).transpose()?;
            resource.tenant = Some(tenant.to_string());
        }
        if let Some(environment) = &agent.environment {
            resource.attributes.insert(ENVIRONMENT.to_owned(), environment.to_string());
        }
    }
    batch.tables = wire::encode_tables(&tables).into();
    if let Some(tenant) = &agent.tenant {
        batch.agent = under(tenant, &batch.agent)?;
        batch.frames.iter_mut().flat_map(|frame| &mut frame.records).for_each(|records| own(records, tenant));
    }
    Ok(())
}

/// A name below a tenant. The tenant's own slashes are written otherwise, so that two tenants never share a name.
fn under(tenant: &str, name: &str) -> Result<String, Refusal> {
    let name = format!("{}/{name}", tenant.replace('%', "%25").replace('/', "%2F"));
    if name.len() > limit::KEY_BYTES_MAX {
        let detail = format!("a name has {} bytes with its tenant before it, the limit is {}", name.len(), limit::KEY_BYTES_MAX);
        return Err(Refusal::never(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    Ok(name)
}

fn own(records: &mut Records, tenant: &str) {
    let requests = records.requests.iter_mut().map(|one| &mut one.tenant);
    let whole = records.recent.iter_mut().chain(&mut records.slow).map(|one| &mut one.tenant);
    let errors = records.errors.iter_mut().map(|one| &mut one.tenant);
    let events = records.events.iter_mut().map(|one| &mut one.tenant);
    let logs = records.logs.iter_mut().map(|one| &mut one.tenant);
    for of in requests.chain(whole).chain(errors).chain(events).chain(logs) {
        if of.as_deref() != Some(tenant) {
            *of = Some(tenant.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use farol_shared::{
        batch::{Table, Tables},
        frame::Frame,
        record::Event,
        resource::{Resource, ResourceKind},
    };

    use super::*;

    fn batch(key: &str, tenant: Option<&str>) -> Batch {
        let resource = Resource {
            key: key.to_owned(),
            kind: ResourceKind::Host,
            parent: Some("host:a".to_owned()),
            tenant: tenant.map(str::to_owned),
            attributes: BTreeMap::from([(ENVIRONMENT.to_owned(), "said".to_owned())]),
        };
        let event = |tenant: Option<&str>| Event {
            time_ms: 1,
            kind: "MessageSent".to_owned(),
            tenant: tenant.map(str::to_owned),
            payload: "{}".to_owned(),
        };
        let records = Records { events: vec![event(None), event(Some("other"))], ..Records::default() };
        Batch {
            agent: "a".to_owned(),
            boot: 1,
            seq: 1,
            interval_ms: 1_000,
            taken: 0,
            lost: Vec::new(),
            tables: wire::encode_tables(&Tables(vec![Table { resource, series: Vec::new() }])).into(),
            frames: vec![Frame { time_ms: 1, rows: Vec::new(), records: vec![records] }],
        }
    }

    fn token(tenant: Option<&str>, environment: Option<&str>) -> AgentAuth {
        AgentAuth { token_id: 1, name: "t".into(), tenant: tenant.map(Into::into), environment: environment.map(Into::into) }
    }

    fn resource(batch: &Batch) -> Resource {
        wire::decode_tables(&batch.tables).unwrap().0.remove(0).resource
    }

    #[test]
    fn whatever_an_agent_says_its_data_belong_to_the_tenant_of_its_token() {
        let mut one = batch("host:web", Some("other"));
        bind(&mut one, &token(Some("acme"), Some("production"))).unwrap();
        let told = resource(&one);
        assert_eq!((told.key.as_str(), told.parent.as_deref()), ("acme/host:web", Some("acme/host:a")));
        assert_eq!(told.tenant.as_deref(), Some("acme"));
        assert_eq!(told.attributes[ENVIRONMENT], "production");
        assert_eq!(one.agent, "acme/a");
        assert!(one.frames[0].records[0].events.iter().all(|event| event.tenant.as_deref() == Some("acme")));
    }

    #[test]
    fn an_unbound_token_changes_nothing() {
        let mut one = batch("host:web", Some("other"));
        bind(&mut one, &token(None, None)).unwrap();
        assert_eq!(one, batch("host:web", Some("other")));
    }

    #[test]
    fn no_two_tenants_can_mean_the_same_resource() {
        let key = |tenant: &str, key: &str| {
            let mut one = batch(key, None);
            bind(&mut one, &token(Some(tenant), None)).unwrap();
            resource(&one).key
        };
        assert_ne!(key("a", "b/host:x"), key("a/b", "host:x"));
        assert_ne!(key("a%2Fb", "host:x"), key("a/b", "host:x"));
    }

    #[test]
    fn a_name_that_becomes_too_long_is_refused_with_the_reason() {
        let mut one = batch(&"k".repeat(limit::KEY_BYTES_MAX), None);
        let error = bind(&mut one, &token(Some("acme"), None)).unwrap_err();
        assert!(matches!(error, Refusal::Never { status: StatusCode::UNPROCESSABLE_ENTITY, .. }), "{error}");
    }
}
