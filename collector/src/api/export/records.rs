//! What an export of records is asked for.

use axum::http::{StatusCode, Uri};
use farol_shared::record::Level;
use farol_store::RecordRange;

use super::{
    super::{
        App,
        parameters::{Parameters, wrong},
        visible,
    },
    given,
};
use crate::{
    access::View,
    export::{Kind, Records},
    problem::Problem,
};

/// Longest search, in bytes.
const SEARCH_BYTES_MAX: usize = 256;

/// Most types of events that are named.
const TYPES_MAX: usize = 50;

/// Parameters of every sort.
const COMMON: &[&str] = &["format", "resource", "from", "to", "period", "decimal", "zone", "offset", "tenant_id", "bom"];

/// What is wanted, checked. Lists resources: not for the runtime.
pub(super) fn wanted(app: &App, view: &View, kind: &str, uri: &Uri) -> Result<Records, Problem> {
    let own: &[&str] = match kind {
        "events" => &["type"],
        "logs" => &["level", "q"],
        "requests" => &["which"],
        "checks" => &[],
        _ => {
            let detail = "there is no such export: there are events, logs, requests and checks";
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
    };
    let known: Vec<&str> = COMMON.iter().chain(own).copied().collect();
    let parameters = Parameters::of(uri, &known)?;
    let given = given::common(&parameters)?;
    let kind = match kind {
        "events" => {
            let types: Vec<String> = parameters.list("type")?.into_iter().map(str::to_owned).collect();
            if types.len() > TYPES_MAX {
                return Err(wrong("type", format!("names {} types, the limit is {TYPES_MAX}", types.len())));
            }
            Kind::Events(types)
        }
        "logs" => {
            let words = Level::ALL.map(|level| (level.as_str(), level));
            let text = parameters.text("q").map(str::to_owned);
            if text.as_ref().is_some_and(|text| text.len() > SEARCH_BYTES_MAX) {
                return Err(wrong("q", format!("is longer than {SEARCH_BYTES_MAX} bytes")));
            }
            Kind::Logs(parameters.word("level", &words)?.unwrap_or(Level::Warn), text)
        }
        "requests" if parameters.word("which", &[("recent", false), ("slow", true)])?.unwrap_or(false) => Kind::Slow,
        "requests" => Kind::Recent,
        _ => Kind::Checks,
    };
    let tenant = visible::tenant(view, given.tenant_id.as_deref())?;
    let (from_ms, to_ms) = given.range(app.now_ms())?;
    let seen = given.seen(app, view, tenant.as_deref())?;
    let is_named = !given.resources.is_empty();
    // Checks belong to a resource, the rest has a tenant of its own, whoever tells of it.
    let resources = if kind == Kind::Checks || is_named { seen.asked } else { Vec::new() };
    Ok(Records {
        store: app.parts().store.clone(),
        kind,
        range: RecordRange { from_ms, to_ms, resources, tenant },
        names: given::named(seen.infos.iter()),
        zone: given.zone()?,
        format: given.format()?,
        style: given.style()?,
    })
}
