//! Tests of addresses and words of the sign-in at a provider; the way itself is tested against a fake provider.

use super::*;
use crate::access::issuer::standing::ClaimMap;

fn oidc(public_url: Option<&str>) -> Oidc {
    let settings = OidcSettings {
        name: "house".to_owned(),
        title: "House".to_owned(),
        issuer: "https://id.example.org/".parse().unwrap(),
        issuer_text: "https://id.example.org/".to_owned(),
        client_id: "farol".to_owned(),
        client_secret: None,
        scopes: vec!["openid".to_owned()],
        username_claim: "email".to_owned(),
        claims: ClaimMap {
            role_claim: "role".to_owned(),
            roles: std::collections::BTreeMap::new(),
            default_role: None,
            tenant_claim: None,
            tenant_required: true,
        },
        allowed_domains: Vec::new(),
        ca_file: None,
    };
    Oidc::new(&[settings], public_url).unwrap()
}

#[test]
fn the_browser_comes_back_to_the_address_that_people_use() {
    let back = |public: Option<&str>, is_https: bool, host: Option<&str>| {
        let oidc = oidc(public);
        oidc.back(&oidc.all[0], ClientAddress { address: None, is_https }, host).map_err(|fault| fault.code())
    };
    let path = "/api/auth/oidc/house/callback";
    assert_eq!(
        back(Some("https://farol.example.org/monitor"), false, Some("evil.example")),
        Ok(format!("https://farol.example.org/monitor{path}"))
    );
    assert_eq!(back(None, false, Some("127.0.0.1:8650")), Ok(format!("http://127.0.0.1:8650{path}")));
    assert_eq!(back(None, true, Some("farol.lan")), Ok(format!("https://farol.lan{path}")));
    for odd in [None, Some(""), Some("a b"), Some("\\")] {
        assert_eq!(back(None, true, odd), Err("oidc_failed"), "{odd:?}");
    }
    // Whatever else stands in it is cut off.
    assert_eq!(back(None, true, Some("farol.lan/evil?x#y")), Ok(format!("https://farol.lan{path}")));
}

#[test]
fn the_page_stands_where_the_public_address_says() {
    assert_eq!(oidc(None).home(), "/");
    assert_eq!(oidc(Some("https://farol.example.org")).home(), "/");
    assert_eq!(oidc(Some("https://farol.example.org/monitor")).home(), "/monitor/");
}
