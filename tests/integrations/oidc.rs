//! Sign-in at a provider, from the button to the session; and every lie that a provider or a stranger could tell on the way.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use farol_collector::{clock::SystemClock, config, run};
use farol_tests::{
    fake::{
        Fake, Fault,
        oidc::{self, CLIENT, Provider, SECRET, Signed},
    },
    http::{Answer, Client},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

const PASSWORD: &str = "correct horse battery";

/// A collector with a provider, and what a browser does with both.
struct House {
    address: SocketAddr,
    fake: Fake,
    provider: Provider,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), run::RunError>>,
    _dir: TempDir,
}

/// Cookies of one browser.
#[derive(Default, Clone)]
struct Browser(BTreeMap<String, String>);

impl House {
    /// `keys` stand in the table beside those that are needed.
    async fn with(keys: &str) -> Self {
        let (fake, provider) = oidc::start().await;
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("collector.toml");
        let text = format!(
            "listen = '127.0.0.1:0'\ndata_dir = '{}'\nself = false\nlog = 'off'\n[access]\nadmin_password = '{PASSWORD}'\n\
             [[oidc]]\nname = 'house'\ntitle = 'The house'\nissuer = '{}'\nclient_id = '{CLIENT}'\n{keys}\n",
            dir.path().display(),
            fake.url()
        );
        std::fs::write(&file, text).unwrap();
        let settings = config::load(Some(&file), &BTreeMap::new()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = oneshot::channel();
        let task = tokio::spawn(async move {
            let (clock, nobody) = (Arc::new(SystemClock), farol_agent::manager::Manager::default());
            let stop = async { drop(stopped.await) };
            run::serve(settings, clock, &nobody, move |address, _| ready.send(address).unwrap(), stop).await
        });
        let Ok(address) = started.await else { panic!("{:?}", task.await) };
        Self { address, fake, provider, stop, task, _dir: dir }
    }

    async fn new() -> Self {
        Self::with(&format!("client_secret = '{SECRET}'")).await
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    /// Asks the collector as a browser.
    fn get(&self, browser: &mut Browser, path: &str) -> Answer {
        let cookies: Vec<String> = browser.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = ask(self.address, path, &[("Cookie", &cookies.join("; "))]);
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.contains("Max-Age=0") {
                browser.0.remove(name);
            } else {
                browser.0.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Goes to the provider and comes back with its answer, which the collector has not seen yet.
    fn go(&self, browser: &mut Browser) -> String {
        let sent = self.get(browser, "/api/auth/oidc/house");
        assert_eq!(sent.status, 302, "{}", sent.text());
        let to = sent.header("location").unwrap().to_owned();
        let path = to.strip_prefix(&self.fake.url()).unwrap_or_else(|| panic!("sent elsewhere: {to}"));
        let back = ask(self.fake.url().trim_start_matches("http://").parse().unwrap(), path, &[]);
        assert_eq!(back.status, 302, "{}", back.text());
        let back = back.header("location").unwrap().to_owned();
        back.strip_prefix(&format!("http://{}", self.address)).unwrap_or_else(|| panic!("sent back elsewhere: {back}")).to_owned()
    }

    /// The whole way; answers where the browser ends.
    fn sign_in(&self, browser: &mut Browser) -> String {
        let back = self.go(browser);
        self.end(browser, &back)
    }

    fn end(&self, browser: &mut Browser, back: &str) -> String {
        let answer = self.get(browser, back);
        assert_eq!(answer.status, 302, "{}", answer.text());
        answer.header("location").unwrap().to_owned()
    }

    /// Who the browser is; `null` when nobody.
    fn me(&self, browser: &Browser) -> Value {
        let answer = self.get(&mut browser.clone(), "/api/auth/me");
        if answer.status == 200 { answer.json() } else { Value::Null }
    }

    /// Says what a sign-in ends in when it must not work, and that nobody is signed in by it.
    fn refused(&self, what: &str, expect: &str) {
        let mut browser = Browser::default();
        let end = self.sign_in(&mut browser);
        assert_eq!(end, format!("/#/sign-in?fault={expect}"), "{what}");
        assert!(!browser.0.contains_key("farol_session"), "{what}");
        assert_eq!(self.me(&browser), Value::Null, "{what}");
    }

    fn administrator(&self) -> Client {
        let body = json!({ "username": "admin", "password": PASSWORD });
        let token = tokio::task::block_in_place(|| Client::new(self.address).post("/api/auth/login", &body)).json();
        Client::new(self.address).bearer(token["token"].as_str().unwrap())
    }
}

fn ask(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    tokio::task::block_in_place(|| Client::new(address).send("GET", path, headers, b"")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_at_the_provider_and_has_a_session_here() {
    let house = House::new().await;
    let state = ask(house.address, "/api/auth/state", &[]).json();
    assert_eq!(state["oidc"], json!([{ "name": "house", "title": "The house" }]));
    let mut browser = Browser::default();
    let sent = house.get(&mut browser.clone(), "/api/auth/oidc/house");
    let cookie = sent.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Max-Age=600"), "{cookie}");
    assert_eq!(house.sign_in(&mut browser), "/");
    let me = house.me(&browser);
    assert_eq!((me["username"].as_str(), me["role"].as_str()), (Some("ana@example.org"), Some("operator")), "{me}");
    assert!(!browser.0.contains_key("farol_oidc"), "the cookie of the way is gone");
    assert_eq!(house.provider.set(|options| options.proved_by), Some("basic"));

    // The role follows the provider, the account stays the same.
    house.provider.set(|options| {
        options.claims.insert("role".to_owned(), json!(["viewer", "unknown"]));
        options.claims.insert("email".to_owned(), json!("ana.new@example.org"));
    });
    let mut again = Browser::default();
    assert_eq!(house.sign_in(&mut again), "/");
    let me = house.me(&again);
    assert_eq!((me["username"].as_str(), me["role"].as_str()), (Some("ana@example.org"), Some("viewer")), "{me}");
    assert_eq!(house.me(&browser)["role"], "viewer", "at once, in the earlier session too");

    let lines = tokio::task::block_in_place(|| house.administrator().json("/api/v1/audit?limit=50"));
    let told: Vec<_> =
        lines["entries"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap().to_owned()).collect();
    for action in ["user.create", "user.change", "login"] {
        assert!(told.iter().any(|one| one == action), "{action} is missing in {told:?}");
    }
    assert!(!lines.to_string().contains("s3cr3t"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_lies_signs_nobody_in() {
    let house = House::new().await;
    for signed in [Signed::OtherKey, Signed::OtherKid, Signed::None, Signed::ClientSecret, Signed::PublicAsSecret] {
        house.provider.set(|options| options.signed = signed);
        house.refused(&format!("{signed:?}"), "oidc_failed");
    }
    house.provider.reset();
    let now = farol_tests::wait::now_ms() / 1_000;
    for (name, value) in [
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("aud", json!("another-client")),
        ("aud", json!(["another-client"])),
        ("aud", json!([CLIENT, "another-client"])),
        ("azp", json!("another-client")),
        ("iss", json!("https://accounts.google.com")),
        ("iss", Value::Null),
        ("exp", json!(now - 1)),
        ("exp", Value::Null),
        ("iat", json!(now + 3_600)),
        ("iat", Value::Null),
        ("nbf", json!(now + 3_600)),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("x".repeat(300))),
    ] {
        house.provider.set(|options| options.claims.insert(name.to_owned(), value.clone()));
        house.refused(&format!("{name} {value}"), "oidc_failed");
        house.provider.reset();
    }
    for (name, value) in [("role", Value::Null), ("role", json!("root"))] {
        house.provider.set(|options| options.claims.insert(name.to_owned(), value.clone()));
        house.refused(&format!("{name} {value}"), "oidc_no_role");
        house.provider.reset();
    }
    // The same sign-in works when nothing lies: two audiences are fine when the token says that it is ours.
    house.provider.set(|options| {
        options.claims.insert("aud".to_owned(), json!([CLIENT, "another"]));
        options.claims.insert("azp".to_owned(), json!(CLIENT));
        options.signed = Signed::EdDsa;
    });
    assert_eq!(house.sign_in(&mut Browser::default()), "/");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_works_once_and_in_the_browser_that_began() {
    let house = House::new().await;
    house.provider.set(|options| options.takes_codes_twice = true);
    let (mut ana, mut eve) = (Browser::default(), Browser::default());
    let back = house.go(&mut ana);
    let expired = "/#/sign-in?fault=oidc_expired";
    // Another browser, one without a cookie, and one with a cookie of its own.
    assert_eq!(house.end(&mut Browser::default(), &back), expired);
    house.go(&mut eve);
    assert_eq!(house.end(&mut eve, &back), expired);
    // It did no harm to the browser that began.
    let before = ana.clone();
    assert_eq!(house.end(&mut ana, &back), "/");
    assert_eq!(house.end(&mut before.clone(), &back), expired, "the same answer again");
    for odd in ["", "?", "?state=", "?code=x", "?state=guess&code=x", "?state=%00&code=%0d%0a"] {
        let mut browser = before.clone();
        assert_eq!(house.end(&mut browser, &format!("/api/auth/oidc/house/callback{odd}")), expired, "{odd}");
    }
    let mut browser = Browser::default();
    let back = house.go(&mut browser);
    assert_eq!(house.end(&mut browser, &format!("{back}&code=other")), "/#/sign-in?fault=oidc_failed", "two codes");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_the_provider_has_taken_already_is_refused() {
    let house = House::new().await;
    let mut first = Browser::default();
    let back = house.go(&mut first);
    assert_eq!(house.end(&mut first, &back), "/");
    // Somebody who saw the code begins a sign-in of his own and puts the code into its answer.
    let code = back.split(['?', '&']).find(|part| part.starts_with("code=")).unwrap().to_owned();
    let mut second = Browser::default();
    let own = house.go(&mut second);
    let own_code = own.split(['?', '&']).find(|part| part.starts_with("code=")).unwrap().to_owned();
    assert_eq!(house.end(&mut second, &own.replace(&own_code, &code)), "/#/sign-in?fault=oidc_failed");
    // Even a provider that takes codes twice does not help: the proof is of another sign-in.
    house.provider.set(|options| options.takes_codes_twice = true);
    let mut victim = Browser::default();
    let of_victim = house.go(&mut victim);
    let code = of_victim.split(['?', '&']).find(|part| part.starts_with("code=")).unwrap().to_owned();
    let mut thief = Browser::default();
    let own = house.go(&mut thief);
    let own_code = own.split(['?', '&']).find(|part| part.starts_with("code=")).unwrap().to_owned();
    assert_eq!(house.end(&mut thief, &own.replace(&own_code, &code)), "/#/sign-in?fault=oidc_failed");
    assert_eq!(house.me(&thief), Value::Null);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_trouble_is_told_in_a_word() {
    for (fault, expect) in [
        (Fault::Status(500), "oidc_unreachable"),
        (Fault::Status(404), "oidc_failed"),
        (Fault::Garbage, "oidc_failed"),
        (Fault::Truncated, "oidc_failed"),
        (Fault::WrongTypes, "oidc_failed"),
        (Fault::Enormous, "oidc_failed"),
    ] {
        let house = House::new().await;
        house.fake.set(fault.clone());
        let end = house.end(&mut Browser::default(), "/api/auth/oidc/house");
        assert_eq!(end, format!("/#/sign-in?fault={expect}"), "{fault:?}");
        house.stop().await;
    }
    // In the middle of the way.
    let house = House::new().await;
    for (fault, expect) in
        [(Fault::Status(503), "oidc_unreachable"), (Fault::Enormous, "oidc_failed"), (Fault::WrongTypes, "oidc_failed")]
    {
        let mut browser = Browser::default();
        let back = house.go(&mut browser);
        house.fake.set(fault.clone());
        assert_eq!(house.end(&mut browser, &back), format!("/#/sign-in?fault={expect}"), "{fault:?}");
        house.fake.set(Fault::None);
    }
    for (error, expect) in [("access_denied", "oidc_refused"), ("server_error", "oidc_failed"), ("%3Cscript%3E", "oidc_failed")] {
        house.provider.set(|options| options.error = Some(error));
        house.refused(error, expect);
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_there_is_unreachable() {
    let house = House::new().await;
    let House { address, fake, stop, task, .. } = house;
    drop(fake);
    let answer = ask(address, "/api/auth/oidc/house", &[]);
    assert_eq!(answer.header("location"), Some("/#/sign-in?fault=oidc_unreachable"));
    assert_eq!(ask(address, "/api/auth/oidc/other", &[]).status, 404);
    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_leads_elsewhere_is_not_followed() {
    for (name, value) in [
        ("issuer", json!("https://accounts.google.com")),
        ("issuer", Value::Null),
        ("token_endpoint", json!("http://tokens.example.org/token")),
        ("token_endpoint", json!("ftp://127.0.0.1/token")),
        ("token_endpoint", json!("not an address")),
        ("jwks_uri", json!("http://169.254.169.254/latest/meta-data")),
        ("jwks_uri", json!("file:///etc/passwd")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("https://user:s3cr3t@id.example.org/")),
        ("authorization_endpoint", Value::Null),
        ("userinfo_endpoint", json!("http://people.example.org/")),
        ("filling", json!("x".repeat(10 << 20))),
    ] {
        let house = House::new().await;
        house.provider.set(|options| options.discovery.insert(name.to_owned(), value.clone()));
        let end = house.end(&mut Browser::default(), "/api/auth/oidc/house");
        assert_eq!(end, "/#/sign-in?fault=oidc_failed", "{name}");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_must_name_its_issuer_where_the_provider_says_so() {
    let house = House::new().await;
    house
        .provider
        .set(|options| options.discovery.insert("authorization_response_iss_parameter_supported".to_owned(), json!(true)));
    house.refused("no issuer", "oidc_failed");
    house.provider.set(|options| options.told_issuer = Some("https://evil.example.org".to_owned()));
    house.refused("another issuer", "oidc_failed");
    let own = house.fake.url();
    house.provider.set(|options| options.told_issuer = Some(own));
    assert_eq!(house.sign_in(&mut Browser::default()), "/");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_the_same_name_is_left_alone() {
    let house = House::new().await;
    house.provider.set(|options| {
        options.claims.insert("email".to_owned(), json!("admin"));
        options.claims.insert("role".to_owned(), json!("viewer"));
    });
    let mut browser = Browser::default();
    assert_eq!(house.sign_in(&mut browser), "/");
    let me = house.me(&browser);
    assert_eq!((me["username"].as_str(), me["role"].as_str()), (Some("admin-2"), Some("viewer")));
    assert_eq!(tokio::task::block_in_place(|| house.administrator().json("/api/auth/me"))["role"], "super_admin");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_tenants_and_mapped_roles_decide_who_comes_in() {
    let keys = format!(
        "client_secret = '{SECRET}'\nallowed_domains = ['example.org']\nrole_claim = 'realm_access.roles'\ntenant_claim = 'org'\n\
         [oidc.roles]\nstaff = 'admin'\nroot = 'super_admin'"
    );
    let house = House::with(&keys).await;
    let claim = |changes: Value| {
        house.provider.reset();
        house.provider.set(|options| options.claims.extend(changes.as_object().unwrap().clone()));
    };
    let staff = json!({ "roles": ["staff"] });
    for (what, changes, expect) in [
        ("our own words", json!({ "realm_access": { "roles": ["super_admin"] }, "org": "acme" }), "oidc_no_role"),
        ("no tenant", json!({ "realm_access": staff }), "oidc_no_role"),
        ("another domain", json!({ "realm_access": staff, "org": "acme", "email": "ana@evil.example" }), "oidc_refused"),
        (
            "a domain within the name",
            json!({ "realm_access": staff, "org": "acme", "email": "ana@example.org@evil.example" }),
            "oidc_refused",
        ),
        ("not verified", json!({ "realm_access": staff, "org": "acme", "email_verified": false }), "oidc_refused"),
        ("nobody says verified", json!({ "realm_access": staff, "org": "acme", "email_verified": null }), "oidc_refused"),
    ] {
        claim(changes);
        house.refused(what, expect);
    }
    claim(json!({ "realm_access": staff, "org": "acme" }));
    let mut browser = Browser::default();
    assert_eq!(house.sign_in(&mut browser), "/");
    let me = house.me(&browser);
    assert_eq!(
        (me["role"].as_str(), me["tenant"].as_str(), me["monitoring"].as_bool()),
        (Some("admin"), Some("acme"), Some(false))
    );
    claim(json!({ "realm_access": { "roles": ["root"] }, "sub": "1" }));
    let mut root = Browser::default();
    assert_eq!(house.sign_in(&mut root), "/");
    assert_eq!((house.me(&root)["role"].as_str(), house.me(&root)["tenant"].as_str()), (Some("super_admin"), None));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_token_leaves_out_is_asked_for_and_must_be_about_the_same_person() {
    let house = House::new().await;
    let endpoint = format!("{}/userinfo", house.fake.url());
    house.provider.set(|options| {
        options.discovery.insert("userinfo_endpoint".to_owned(), json!(endpoint));
        options.claims.clear();
        options.userinfo = json!({ "sub": "43", "email": "eve@example.org", "role": "super_admin" });
    });
    house.refused("somebody else", "oidc_failed");
    house
        .provider
        .set(|options| options.userinfo = json!({ "sub": "42", "email": "bia@example.org", "role": "admin", "iss": "x" }));
    let mut browser = Browser::default();
    assert_eq!(house.sign_in(&mut browser), "/");
    assert_eq!(
        (house.me(&browser)["username"].as_str(), house.me(&browser)["role"].as_str()),
        (Some("bia@example.org"), Some("admin"))
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_travels_as_the_provider_wants_it() {
    let house = House::new().await;
    house.provider.set(|options| {
        options.discovery.insert("token_endpoint_auth_methods_supported".to_owned(), json!(["client_secret_post"]))
    });
    assert_eq!(house.sign_in(&mut Browser::default()), "/");
    assert_eq!(house.provider.set(|options| options.proved_by), Some("post"));
    house.stop().await;
    let public = House::with("").await;
    assert_eq!(public.sign_in(&mut Browser::default()), "/");
    assert_eq!(public.provider.set(|options| options.proved_by), Some("nothing"));
    public.stop().await;
}
