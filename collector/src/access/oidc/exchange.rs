//! A code exchanged for a token, and the token checked.

use farol_shared::secret::Secret;
use ring::digest;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Begun, Fault, Provider, discovery::Discovered};
use crate::access::jwt::{Claims, Compact, TokenError};

/// Longest code that is passed on, in bytes.
const CODE_BYTES_MAX: usize = 4_096;

/// Longest lasting number of a person, in bytes (OpenID Connect Core, section 2).
const SUBJECT_BYTES_MAX: usize = 255;

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<Secret>,
}

/// Exchanges a code and answers what the provider signs about the person.
pub(super) async fn claims(
    provider: &Provider,
    found: &Discovered,
    begun: &Begun,
    code: &str,
    now_ms: i64,
) -> Result<Claims, Fault> {
    if code.is_empty() || code.len() > CODE_BYTES_MAX {
        return Err(Fault::Answer("the code is empty or too long"));
    }
    let answer = ask(provider, found, begun, code).await?;
    let tokens: Tokens = serde_json::from_slice(&answer).map_err(|_| Fault::Answer("there is no id_token"))?;
    let token = Compact::parse(&tokens.id_token)?;
    let mut claims = match token.verify(&found.keys.now()) {
        Err(TokenError::Key) => {
            // The provider may have changed its keys, or could not be asked for them yet.
            found.keys.renew().await?;
            token.verify(&found.keys.now())?
        }
        other => other?,
    };
    check(provider, &claims, &begun.nonce, now_ms)?;
    // Some providers sign no more than who it is, and tell the rest when asked.
    if let (Some(url), Some(access), true) = (&found.userinfo_endpoint, &tokens.access_token, lacks_something(provider, &claims))
    {
        let told: Map<String, Value> = serde_json::from_slice(&provider.fetcher.get_as(url, access).await?)
            .map_err(|_| Fault::Answer("what it tells about the person is no JSON"))?;
        // Somebody else's particulars must not be put beside this name.
        if told.get("sub").and_then(Value::as_str) != claims.text("sub") {
            return Err(Fault::Answer("what it tells is about somebody else"));
        }
        claims.complete(told);
    }
    Ok(claims)
}

async fn ask(provider: &Provider, found: &Discovered, begun: &Begun, code: &str) -> Result<bytes::Bytes, Fault> {
    let settings = &provider.settings;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", begun.back.as_str()),
        ("code_verifier", begun.verifier.as_str()),
    ];
    // The header carries both in the form that a form has (RFC 6749, section 2.3.1).
    let encode = |text: &str| {
        reqwest::Url::parse_with_params("http://x/", [("", text)]).ok().and_then(|url| url.query()?.get(1..).map(str::to_owned))
    };
    let basic = match &settings.client_secret {
        Some(secret) if !found.is_secret_posted => encode(&settings.client_id).zip(encode(secret.reveal())),
        Some(secret) => {
            form.extend([("client_id", settings.client_id.as_str()), ("client_secret", secret.reveal())]);
            None
        }
        None => {
            form.push(("client_id", settings.client_id.as_str()));
            None
        }
    };
    let basic = basic.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
    Ok(provider.fetcher.post(&found.token_endpoint, &form, basic).await?)
}

/// Whether the token is of this provider, for us, for now, and for this very sign-in.
fn check(provider: &Provider, claims: &Claims, nonce: &str, now_ms: i64) -> Result<(), Fault> {
    let ours = &provider.settings.client_id;
    claims.check_issuer(&provider.settings.issuer_text)?;
    claims.check_audience(std::slice::from_ref(ours))?;
    let has_many = claims.find("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    let party = claims.find("azp").map(|party| party.as_str() == Some(ours));
    if party == Some(false) || (has_many && party.is_none()) {
        return Err(TokenError::Audience.into());
    }
    claims.check_times(now_ms)?;
    if claims.find("iat").is_none() {
        return Err(TokenError::Claim("iat").into());
    }
    let same = |text: &str| digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec();
    if claims.text("nonce").map(same) != Some(same(nonce)) {
        return Err(TokenError::Nonce.into());
    }
    let subject = claims.text("sub").ok_or(TokenError::Claim("sub"))?;
    if subject.len() > SUBJECT_BYTES_MAX {
        return Err(TokenError::Claim("sub").into());
    }
    Ok(())
}

fn lacks_something(provider: &Provider, claims: &Claims) -> bool {
    let settings = &provider.settings;
    let wanted = [Some(&settings.username_claim), Some(&settings.claims.role_claim), settings.claims.tenant_claim.as_ref()];
    wanted.into_iter().flatten().any(|name| claims.find(name).is_none())
        || (!settings.allowed_domains.is_empty() && claims.find("email").is_none())
}
