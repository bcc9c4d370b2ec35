//! Settings of sign-in from elsewhere and of the way in: tables `[[issuer]]`, `[[oidc]]` and `[tls]`, and `trusted_proxies`.

use std::{collections::BTreeMap, path::PathBuf};

use farol_shared::{config::Vars, secret::Secret};
use reqwest::Url;
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use crate::{
    access::{ClaimMap, Role, is_safe_address, proxy::Network},
    pull::declared,
    run::tls,
};

/// Most tables of each kind.
const TABLES_MAX: usize = 20;

/// Most addresses and networks of proxies.
const PROXIES_MAX: usize = 100;

/// Shortest shared secret for HS256, in bytes (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// Longest text of a setting, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

/// How people reach the collector.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// The collector's own TLS; plain HTTP when absent.
    pub tls: Option<TlsSettings>,
    /// Proxies whose word about the client counts.
    pub trusted_proxies: Vec<Network>,
}

/// Files of the collector's own TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificate and those between it and the root, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// Where keys of an issuer come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A published set of keys.
    Url(Url),
    /// The same in a file.
    File(PathBuf),
    /// A secret that both know.
    Secret(Secret),
}

/// An application whose own tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Name here; people are called `NAME:subject`.
    pub name: String,
    /// What `iss` must say.
    pub issuer: String,
    /// One of these must be in `aud`.
    pub audience: Vec<String>,
    /// Its keys.
    pub keys: KeySource,
    /// The claim with the person's name.
    pub username_claim: String,
    /// What claims make of somebody.
    pub claims: ClaimMap,
    /// Certificates to trust beside the machine's.
    pub ca_file: Option<PathBuf>,
}

/// A provider of sign-in (OpenID Connect).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// Name here, in addresses.
    pub name: String,
    /// What stands on the button.
    pub title: String,
    /// Address of the provider, to which `/.well-known/openid-configuration` is added.
    pub issuer: Url,
    /// The same as it was written: `iss` must say just this.
    pub issuer_text: String,
    /// As whom we are registered there.
    pub client_id: String,
    /// Our secret there; absent for a public client.
    pub client_secret: Option<Secret>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The claim with the person's name.
    pub username_claim: String,
    /// What claims make of somebody.
    pub claims: ClaimMap,
    /// Domains of e-mail addresses that may sign in; all when empty.
    pub allowed_domains: Vec<String>,
    /// Certificates to trust beside the machine's.
    pub ca_file: Option<PathBuf>,
}

/// `[tls]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WrittenTls {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl WrittenTls {
    pub(super) fn check(self) -> Result<Option<TlsSettings>, Vec<(&'static str, String)>> {
        match (self.certificate, self.key) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(vec![("tls.certificate", "is missing beside tls.key".to_owned())]),
            (Some(_), None) => Err(vec![("tls.key", "is missing beside tls.certificate".to_owned())]),
            (Some(certificate), Some(key)) => {
                let settings = TlsSettings { certificate, key };
                match tls::load(&settings) {
                    Ok(_) => Ok(Some(settings)),
                    Err(error) => Err(vec![(error.setting(), farol_shared::report::chain(&error).to_string())]),
                }
            }
        }
    }
}

/// A list of texts, or one text with commas: variables are text.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed(Vec<String>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "write a text or a list of texts")]
        enum Either {
            One(String),
            Many(Vec<String>),
        }
        let all = match Either::deserialize(deserializer)? {
            Either::One(text) => text.split(',').map(str::to_owned).collect(),
            Either::Many(all) => all,
        };
        Ok(Self(all.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()))
    }
}

impl Listed {
    pub(super) fn networks(self) -> Result<Vec<Network>, String> {
        if self.0.len() > PROXIES_MAX {
            return Err(format!("lists {} addresses: at most {PROXIES_MAX} are compared", self.0.len()));
        }
        self.0.iter().map(|text| Network::parse(text)).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIssuer {
    name: String,
    issuer: String,
    audience: Listed,
    jwks_url: Option<String>,
    jwks_file: Option<PathBuf>,
    secret: Option<Secret>,
    username_claim: Option<String>,
    role_claim: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    default_role: Option<Role>,
    tenant_claim: Option<String>,
    tenant_required: Option<bool>,
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOidc {
    name: String,
    title: Option<String>,
    issuer: String,
    client_id: String,
    client_secret: Option<Secret>,
    scopes: Option<Listed>,
    username_claim: Option<String>,
    role_claim: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    default_role: Option<Role>,
    tenant_claim: Option<String>,
    tenant_required: Option<bool>,
    #[serde(default)]
    allowed_domains: Listed,
    ca_file: Option<PathBuf>,
}

/// Reads the tables `[[issuer]]`.
pub(super) fn issuers(tables: Vec<Table>, vars: &dyn Vars) -> Result<Vec<IssuerSettings>, Vec<String>> {
    read("issuer", tables, |table| issuer(table, vars), |one| &one.name)
}

/// Reads the tables `[[oidc]]`.
pub(super) fn providers(tables: Vec<Table>, vars: &dyn Vars) -> Result<Vec<OidcSettings>, Vec<String>> {
    read("oidc", tables, |table| provider(table, vars), |one| &one.name)
}

fn read<T>(
    kind: &str,
    tables: Vec<Table>,
    one: impl Fn(Table) -> Result<T, String>,
    name: impl Fn(&T) -> &str,
) -> Result<Vec<T>, Vec<String>> {
    if tables.len() > TABLES_MAX {
        return Err(vec![format!("there are {} tables: at most {TABLES_MAX} are used", tables.len())]);
    }
    let (mut all, mut faults) = (Vec::<T>::new(), Vec::new());
    for (index, table) in tables.into_iter().enumerate() {
        let place = format!("[[{kind}]] number {}", index + 1);
        match one(table) {
            Ok(read) if all.iter().any(|other| name(other) == name(&read)) => {
                faults.push(format!("{place}: there is another one called \"{}\": give each a name of its own", name(&read)));
            }
            Ok(read) => all.push(read),
            Err(fault) => faults.push(format!("{place}: {fault}")),
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

fn issuer(mut table: Table, vars: &dyn Vars) -> Result<IssuerSettings, String> {
    declared::fetch(&mut table, "secret", vars)?;
    let written: WrittenIssuer = Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let keys = match (written.jwks_url, written.jwks_file, written.secret) {
        (Some(url), None, None) => KeySource::Url(address("jwks_url", &url)?),
        (None, Some(path), None) => KeySource::File(path),
        (None, None, Some(secret)) if secret.reveal().len() < SECRET_BYTES_MIN => {
            return Err(format!(
                "secret has fewer than {SECRET_BYTES_MIN} bytes, which can be guessed: make one with `openssl rand -hex 32`"
            ));
        }
        (None, None, Some(secret)) => KeySource::Secret(secret),
        _ => return Err("give one of jwks_url, jwks_file, secret, secret_file, secret_env".to_owned()),
    };
    if written.audience.0.is_empty() {
        return Err(
            "audience is missing: write what the tokens' `aud` says, so that a token for another service is refused".to_owned()
        );
    }
    let claims = claims(Mapped {
        role_claim: written.role_claim,
        roles: written.roles,
        default_role: written.default_role,
        tenant_claim: written.tenant_claim,
        tenant_required: written.tenant_required,
    })?;
    Ok(IssuerSettings {
        name: plain_name(&written.name)?,
        issuer: text("issuer", &written.issuer)?,
        audience: written.audience.0,
        keys,
        username_claim: text("username_claim", written.username_claim.as_deref().unwrap_or("sub"))?,
        claims,
        ca_file: written.ca_file,
    })
}

fn provider(mut table: Table, vars: &dyn Vars) -> Result<OidcSettings, String> {
    declared::fetch(&mut table, "client_secret", vars)?;
    let written: WrittenOidc = Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let name = plain_name(&written.name)?;
    let usual = || vec!["openid".to_owned(), "email".to_owned(), "profile".to_owned()];
    // Commas and spaces both part scopes.
    let listed = |listed: Listed| listed.0.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect();
    let mut scopes: Vec<String> = written.scopes.map_or_else(usual, listed);
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    let claims = claims(Mapped {
        role_claim: written.role_claim,
        roles: written.roles,
        default_role: written.default_role,
        tenant_claim: written.tenant_claim,
        tenant_required: written.tenant_required,
    })?;
    Ok(OidcSettings {
        title: text("title", written.title.as_deref().unwrap_or(&name))?,
        issuer: address("issuer", &written.issuer)?,
        issuer_text: written.issuer,
        client_id: text("client_id", &written.client_id)?,
        client_secret: written.client_secret.filter(|secret| !secret.reveal().is_empty()),
        scopes,
        username_claim: text("username_claim", written.username_claim.as_deref().unwrap_or("email"))?,
        claims,
        allowed_domains: written.allowed_domains.0.iter().map(|domain| domain.trim_start_matches('@').to_lowercase()).collect(),
        ca_file: written.ca_file,
        name,
    })
}

struct Mapped {
    role_claim: Option<String>,
    roles: BTreeMap<String, Role>,
    default_role: Option<Role>,
    tenant_claim: Option<String>,
    tenant_required: Option<bool>,
}

fn claims(written: Mapped) -> Result<ClaimMap, String> {
    if written.tenant_required == Some(true) && written.tenant_claim.is_none() {
        return Err("tenant_required needs a tenant_claim".to_owned());
    }
    Ok(ClaimMap {
        role_claim: text("role_claim", written.role_claim.as_deref().unwrap_or("role"))?,
        roles: written.roles,
        default_role: written.default_role,
        tenant_claim: written.tenant_claim.map(|claim| text("tenant_claim", &claim)).transpose()?,
        tenant_required: written.tenant_required.unwrap_or(true),
    })
}

/// Names stand in addresses, in names of people and in the audit log.
fn plain_name(name: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if (1..=32).contains(&name.len()) && name.chars().all(allowed) {
        Ok(name.to_owned())
    } else {
        Err("name cannot be used: write 1 to 32 lower-case letters, digits, - or _".to_owned())
    }
}

fn text(key: &str, written: &str) -> Result<String, String> {
    if written.trim().is_empty() || written.len() > TEXT_BYTES_MAX || written.chars().any(char::is_control) {
        return Err(format!("{key} is empty, too long, or holds control characters"));
    }
    Ok(written.to_owned())
}

fn address(key: &str, written: &str) -> Result<Url, String> {
    let url: Option<Url> = written.parse().ok();
    url.filter(is_safe_address)
        .ok_or_else(|| format!("{key} must begin with https:// (http:// only for this machine itself) and hold no credentials"))
}

#[cfg(test)]
mod tests;
