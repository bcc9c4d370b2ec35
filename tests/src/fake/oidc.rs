//! A provider of sign-in (OpenID Connect): discovery, authorization, token, keys; and switches for each way to lie.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    digest, hmac,
    rand::{SecureRandom as _, SystemRandom},
    rsa::PublicKeyComponents,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Map, Value, json};

use super::Fake;
use crate::wait::now_ms;

/// As whom the collector is registered.
pub const CLIENT: &str = "farol";

/// Its secret, with characters that a form must encode.
pub const SECRET: &str = "s3cr3t+oidc/of=32 bytes & more :%";

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// With the published RSA key.
    Rs256,
    /// With the published Ed25519 key.
    EdDsa,
    /// With a key that nobody published, under the published name.
    OtherKey,
    /// With a published key under a name that is not published.
    OtherKid,
    /// Not at all.
    None,
    /// With the client's secret.
    ClientSecret,
    /// With the published RSA key as if it were a secret.
    PublicAsSecret,
}

/// How this provider behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// How tokens are signed.
    pub signed: Signed,
    /// Claims beside the usual ones, or instead of them; `null` takes one away.
    pub claims: Map<String, Value>,
    /// What it tells of itself beside the usual, or instead of it.
    pub discovery: Map<String, Value>,
    /// What it tells of the person when asked with the access token.
    pub userinfo: Value,
    /// Answers the browser with this error instead of a code.
    pub error: Option<&'static str>,
    /// What the answer says as its issuer, when it says one.
    pub told_issuer: Option<String>,
    /// Takes the same code again.
    pub takes_codes_twice: bool,
    /// How the collector proved who it is, the last time.
    pub proved_by: Option<&'static str>,
}

struct Asked {
    challenge: String,
    nonce: String,
    back: String,
}

/// The switches, shared with the test.
#[derive(Clone)]
pub struct Provider(Arc<Mutex<(Options, HashMap<String, Asked>)>>);

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provider")
    }
}

impl Provider {
    /// Changes how it behaves from now on, or looks at it.
    pub fn set<T>(&self, change: impl FnOnce(&mut Options) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Makes it honest again.
    pub fn reset(&self) {
        self.set(|options| *options = usual());
    }
}

fn usual() -> Options {
    let claims = json!({ "email": "Ana@Example.org", "email_verified": true, "role": "operator" });
    Options {
        signed: Signed::Rs256,
        claims: claims.as_object().unwrap().clone(),
        discovery: Map::new(),
        userinfo: Value::Null,
        error: None,
        told_issuer: None,
        takes_codes_twice: false,
        proved_by: None,
    }
}

/// Starts it, with a person `42`, whose address is `Ana@Example.org` and whose role is operator.
pub async fn start() -> (Fake, Provider) {
    let provider = Provider(Arc::new(Mutex::new((usual(), HashMap::new()))));
    let routes = Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/authorize", get(authorize))
        .route("/token", post(token))
        .route("/keys", get(keys))
        .route("/userinfo", get(userinfo))
        .with_state(provider.clone());
    (Fake::start(routes).await, provider)
}

fn own_address(headers: &HeaderMap) -> String {
    format!("http://{}", headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default())
}

async fn discovery(State(provider): State<Provider>, headers: HeaderMap) -> Json<Value> {
    let own = own_address(&headers);
    let mut document = json!({
        "issuer": own,
        "authorization_endpoint": format!("{own}/authorize?kept=1"),
        "token_endpoint": format!("{own}/token"),
        "jwks_uri": format!("{own}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    overlay(&mut document, provider.set(|options| options.discovery.clone()));
    Json(document)
}

fn overlay(value: &mut Value, changes: Map<String, Value>) {
    let fields = value.as_object_mut().unwrap();
    for (name, value) in changes {
        if value.is_null() {
            fields.remove(&name);
        } else {
            fields.insert(name, value);
        }
    }
}

async fn authorize(State(provider): State<Provider>, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let is_right = of("kept") == "1"
        && of("client_id") == CLIENT
        && of("response_type") == "code"
        && of("code_challenge_method") == "S256"
        && of("scope").split(' ').any(|scope| scope == "openid")
        && of("state").len() >= 32
        && of("nonce").len() >= 32;
    if !is_right {
        return (StatusCode::BAD_REQUEST, format!("wrong question: {asked:?}")).into_response();
    }
    let code = random();
    let (error, told) = provider.set(|options| (options.error, options.told_issuer.clone()));
    let entry = Asked { challenge: of("code_challenge"), nonce: of("nonce"), back: of("redirect_uri") };
    provider.0.lock().unwrap_or_else(PoisonError::into_inner).1.insert(code.clone(), entry);
    let what = error.map_or_else(|| format!("code={code}"), |error| format!("error={error}&error_description=s3cr3t"));
    let told = told.map_or_else(String::new, |issuer| format!("&iss={}", issuer.replace(':', "%3A").replace('/', "%2F")));
    let back = format!("{}?{what}&state={}&session_state=x{told}", of("redirect_uri"), of("state"));
    (StatusCode::FOUND, [(header::LOCATION, back)]).into_response()
}

async fn token(State(provider): State<Provider>, headers: HeaderMap, body: Bytes) -> Response {
    // A form is written as a query is.
    let uri = format!("http://x/?{}", String::from_utf8_lossy(&body)).parse().unwrap();
    let Query(sent) = Query::<BTreeMap<String, String>>::try_from_uri(&uri).unwrap();
    let refuse = |what: &str| {
        let said = json!({ "error": what, "error_description": format!("refused, s3cr3t: {sent:?}") });
        (StatusCode::BAD_REQUEST, Json(said)).into_response()
    };
    let of = |name: &str| sent.get(name).map(String::as_str).unwrap_or_default();
    let proved_by = match headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic ")) {
        Some(basic) => {
            let pair = STANDARD.decode(basic).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            // The parts are encoded as a form's are.
            (pair.replace(':', "&b=") == format!("{CLIENT}&b=s3cr3t%2Boidc%2Fof%3D32+bytes+%26+more+%3A%25")).then_some("basic")
        }
        None if of("client_id") == CLIENT && of("client_secret") == SECRET => Some("post"),
        None if of("client_id") == CLIENT && of("client_secret").is_empty() => Some("nothing"),
        None => None,
    };
    let Some(proved_by) = proved_by else { return refuse("invalid_client") };
    let mut both = provider.0.lock().unwrap_or_else(PoisonError::into_inner);
    let (options, codes) = &mut *both;
    options.proved_by = Some(proved_by);
    let challenge = encode(digest::digest(&digest::SHA256, of("code_verifier").as_bytes()).as_ref());
    let is_right = of("grant_type") == "authorization_code"
        && codes.get(of("code")).is_some_and(|asked| asked.challenge == challenge && asked.back == of("redirect_uri"));
    if !is_right {
        return refuse("invalid_grant");
    }
    let now = now_ms() / 1_000;
    let mut claims = json!({
        "iss": own_address(&headers), "aud": CLIENT, "sub": "42", "nonce": codes[of("code")].nonce, "iat": now, "exp": now + 300,
    });
    if !options.takes_codes_twice {
        codes.remove(of("code"));
    }
    overlay(&mut claims, options.claims.clone());
    let answer = json!({ "token_type": "Bearer", "access_token": "s3cr3t-access", "id_token": sign(options.signed, &claims) });
    Json(answer).into_response()
}

async fn keys() -> Json<Value> {
    let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(rsa().public());
    Json(json!({ "keys": [
        { "kty": "RSA", "use": "enc", "kid": "for-other-purposes", "n": encode(&n), "e": encode(&e) },
        { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "rsa", "n": encode(&n), "e": encode(&e) },
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(ed(1).public_key().as_ref()) },
    ] }))
}

async fn userinfo(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Bearer s3cr3t-access") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(provider.set(|options| options.userinfo.clone())).into_response()
}

fn rsa() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(include_bytes!("../../fixtures/oidc/rsa.pk8")).unwrap()
}

fn ed(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn sign(how: Signed, claims: &Value) -> String {
    let header = match how {
        Signed::Rs256 => json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa" }),
        Signed::EdDsa | Signed::OtherKey => json!({ "alg": "EdDSA", "kid": "ed" }),
        Signed::OtherKid => json!({ "alg": "EdDSA", "kid": "unpublished" }),
        Signed::None => json!({ "alg": "none" }),
        Signed::ClientSecret | Signed::PublicAsSecret => json!({ "alg": "HS256", "kid": "rsa" }),
    };
    let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let with_secret = |secret: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes()).as_ref().to_vec();
    let signature = match how {
        Signed::Rs256 => {
            let mut signature = vec![0; rsa().public().modulus_len()];
            rsa().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
            signature
        }
        Signed::EdDsa | Signed::OtherKid => ed(1).sign(signed.as_bytes()).as_ref().to_vec(),
        Signed::OtherKey => ed(66).sign(signed.as_bytes()).as_ref().to_vec(),
        Signed::None => Vec::new(),
        Signed::ClientSecret => with_secret(SECRET.as_bytes()),
        Signed::PublicAsSecret => with_secret(&PublicKeyComponents::<Vec<u8>>::from(rsa().public()).n),
    };
    format!("{signed}.{}", encode(&signature))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn random() -> String {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).unwrap();
    encode(&bytes)
}
