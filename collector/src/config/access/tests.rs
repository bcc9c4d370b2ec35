//! Tests of the settings of sign-in from elsewhere and of the way in.

use std::collections::BTreeMap;

use crate::{
    access::Role,
    config::{self, KeySource, Settings},
};

fn load(text: &str) -> Result<Settings, String> {
    load_with(text, &[])
}

fn load_with(text: &str, vars: &[(&str, &str)]) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("collector.toml");
    std::fs::write(&file, text).unwrap();
    let vars: BTreeMap<String, String> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    config::load(Some(&file), &vars).map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect())
}

const ISSUER: &str = "[[issuer]]\nname = 'shop'\nissuer = 'https://shop.example.org'\naudience = 'farol'\n";
const OIDC: &str = "[[oidc]]\nname = 'house'\nissuer = 'https://id.example.org/'\nclient_id = 'farol'\n";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn an_application_is_read_with_its_claims() {
    let text = format!(
        "{ISSUER}jwks_url = 'https://shop.example.org/keys'\nrole_claim = 'realm_access.roles'\ntenant_claim = 'tenant_id'\n\
         [issuer.roles]\nowner = 'super_admin'\nstaff = 'operator'\n"
    );
    let one = &load(&text).unwrap().access.issuers[0];
    assert!(matches!(&one.keys, KeySource::Url(url) if url.as_str() == "https://shop.example.org/keys"));
    assert_eq!((one.audience.as_slice(), one.username_claim.as_str()), (&["farol".to_owned()][..], "sub"));
    assert_eq!(one.claims.roles["owner"], Role::SuperAdmin);
    assert!(one.claims.tenant_required && one.claims.default_role.is_none());
    let by_variable = format!("{ISSUER}secret_env = 'SHOP_SECRET'\n");
    let settings = load_with(&by_variable, &[("SHOP_SECRET", SECRET)]).unwrap();
    assert!(matches!(&settings.access.issuers[0].keys, KeySource::Secret(secret) if secret.reveal() == SECRET));
    assert!(!format!("{settings:?}").contains(SECRET), "a secret was printed");
}

#[test]
fn a_provider_is_read_with_usual_values() {
    let one = &load(&format!("{OIDC}client_secret = 's'\nallowed_domains = ['@Example.org']\n")).unwrap().access.oidc[0];
    assert_eq!(
        (one.title.as_str(), one.username_claim.as_str(), one.issuer_text.as_str()),
        ("house", "email", "https://id.example.org/")
    );
    assert_eq!(one.scopes, ["openid", "email", "profile"]);
    assert_eq!(one.allowed_domains, ["example.org"]);
    let scoped = &load(&format!("{OIDC}scopes = 'email groups'\n")).unwrap().access.oidc[0];
    assert_eq!(scoped.scopes, ["openid", "email", "groups"], "without openid it would be no sign-in");
}

#[test]
fn what_is_wrong_is_named_with_its_table_and_never_with_its_secret() {
    let twice = format!("{OIDC}{OIDC}");
    for (text, expect) in [
        (ISSUER.to_owned(), "[[issuer]] number 1: give one of jwks_url"),
        (format!("{ISSUER}jwks_url = 'https://a'\nsecret = '{SECRET}'\n"), "give one of jwks_url"),
        (format!("{ISSUER}secret = 's3cr3t-short'\n"), "fewer than 32 bytes"),
        (format!("{ISSUER}secret = '{SECRET}'\nsecret_env = 'X'\n"), "given more than once"),
        (format!("{ISSUER}jwks_url = 'http://shop.example.org/keys'\n"), "jwks_url must begin with https://"),
        (format!("{ISSUER}jwks_url = 'https://s3cr3t:p@shop.example.org/keys'\n"), "hold no credentials"),
        (format!("{ISSUER}secret = '{SECRET}'\ntenant_required = true\n"), "tenant_required needs a tenant_claim"),
        (format!("{ISSUER}secret = '{SECRET}'\n[issuer.roles]\nowner = 'god'\n"), "god"),
        (format!("{ISSUER}secret = '{SECRET}'\nrole_clam = 'x'\n"), "role_clam"),
        ("[[issuer]]\nname = 'shop'\nissuer = 'x'\naudience = []\nsecret_env = 'S'\n".to_owned(), "audience is missing"),
        ("[[issuer]]\nname = 'a b'\nissuer = 'x'\naudience = 'y'\nsecret_env = 'S'\n".to_owned(), "name cannot be used"),
        (OIDC.replace("https://id", "http://id"), "issuer must begin with https://"),
        (OIDC.replace("'farol'", "''"), "client_id is empty"),
        (twice, "[[oidc]] number 2: there is another one called \"house\""),
        ("trusted_proxies = ['10.0.0.0/8', 'proxy.lan']\n".to_owned(), "trusted_proxies: 'proxy.lan' is neither"),
        ("[tls]\ncertificate = '/x'\n".to_owned(), "tls.key: is missing"),
        ("[tls]\nkey = '/x'\n".to_owned(), "tls.certificate: is missing"),
        ("[tls]\ncertificate = '/nonexistent'\nkey = '/nonexistent'\n".to_owned(), "tls.certificate: reading /nonexistent"),
    ] {
        let told = load_with(&text, &[("S", SECRET)]).unwrap_err();
        assert!(told.contains(expect), "{text}\n{told}");
        assert!(!told.contains("s3cr3t") && !told.contains(SECRET), "a secret was told: {told}");
    }
}

#[test]
fn proxies_are_a_list_or_one_text_with_commas() {
    let listed = load("trusted_proxies = ['10.0.0.0/8', '::1']\n").unwrap().transport.trusted_proxies;
    assert_eq!(listed.len(), 2);
    let by_variable = load_with("", &[("FAROL_TRUSTED_PROXIES", "10.0.0.0/8, ::1")]).unwrap().transport.trusted_proxies;
    assert_eq!(listed, by_variable);
}
