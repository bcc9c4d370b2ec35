//! Tests of tokens: each way to forge one, and bytes that are none.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::state::SessionKey;

pub(in crate::access) mod forge;

use forge::{EdKey, EsKey, RsaKey, Sign as _, secret_sign, token};

const NOW: i64 = 1_760_000_000_000;

fn own_claims() -> OwnClaims {
    OwnClaims { subject: "ana".to_owned(), session: SessionKey(3) }
}

#[test]
fn a_token_of_ours_is_valid_until_its_second_of_expiry() {
    let signer = Signer::new(&[7; 32]);
    let token = signer.sign("ana", SessionKey(3), NOW, 60);
    assert_eq!(signer.verify(&token, NOW + 59_999), Some(own_claims()));
    assert_eq!(signer.verify(&token, NOW + 60_000), None);
}

#[test]
fn others_can_check_our_tokens_with_the_published_key() {
    let signer = Signer::new(&[7; 32]);
    let set = signer.published();
    let token = signer.sign("ana", SessionKey(3), NOW, 60);
    let keys = KeySet::of_jwks(set.to_string().as_bytes()).unwrap();
    let claims = Compact::parse(&token).unwrap().verify(&keys).unwrap();
    assert_eq!((claims.text("iss"), claims.text("sub")), (Some("farol"), Some("ana")));
    assert_eq!(set["keys"][0]["d"], json!(null), "the secret half stays here");
}

#[test]
fn a_token_of_ours_with_another_key_algorithm_or_content_is_refused() {
    let signer = Signer::new(&[7; 32]);
    let good = signer.sign("ana", SessionKey(3), NOW, 60);
    assert_eq!(Signer::new(&[8; 32]).verify(&good, NOW), None);
    let parts: Vec<&str> = good.split('.').collect();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let none = encode(r#"{"alg":"none","typ":"JWT"}"#);
    let boss = encode(r#"{"iss":"farol","sub":"boss","sid":3,"iat":0,"exp":99999999999}"#);
    // Signed with the very bits of the key, as the version before did; and with the public half as a secret.
    let payload = json!({"iss": "farol", "sub": "ana", "sid": 3, "iat": 0, "exp": 99_999_999_999_i64});
    let public = URL_SAFE_NO_PAD.decode(signer.published()["keys"][0]["x"].as_str().unwrap()).unwrap();
    let old = token(&json!({"alg": "HS256", "typ": "JWT"}), &payload, |signed| secret_sign(&[7; 32], signed));
    let confused = token(&json!({"alg": "HS256", "typ": "JWT"}), &payload, |signed| secret_sign(&public, signed));
    let same_kid = signer.published()["keys"][0]["kid"].clone();
    let downgraded =
        token(&json!({"alg": "HS256", "typ": "JWT", "kid": same_kid}), &payload, |signed| secret_sign(&public, signed));
    for forged in [
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{boss}.{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        old,
        confused,
        downgraded,
        "..".to_owned(),
        String::new(),
        "a".repeat(5_000),
    ] {
        assert_eq!(signer.verify(&forged, NOW), None, "{forged}");
    }
}

fn set(keys: &[serde_json::Value]) -> KeySet {
    KeySet::of_jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn verify(token: &str, keys: &KeySet) -> Result<Claims, TokenError> {
    Compact::parse(token)?.verify(keys)
}

#[test]
fn each_algorithm_is_checked_with_its_own_kind_of_key() {
    let (rsa, es, ed) = (RsaKey::load(), EsKey::new(), EdKey::new(1));
    let keys = set(&[rsa.published("r"), es.published("e"), ed.published("d")]);
    let payload = json!({"sub": "ana"});
    for (alg, kid, signed) in [
        ("RS256", "r", rsa.token("r", &payload)),
        ("ES256", "e", es.token("e", &payload)),
        ("EdDSA", "d", ed.token("d", &payload)),
    ] {
        assert_eq!(verify(&signed, &keys).unwrap().text("sub"), Some("ana"), "{alg}");
        // The same signature under another algorithm's name, or another key's.
        for other in
            ["RS256", "ES256", "EdDSA", "HS256", "none", "RS512", "PS256", "ES384", "", "rs256"].into_iter().filter(|o| *o != alg)
        {
            let parts: Vec<&str> = signed.split('.').collect();
            let header = URL_SAFE_NO_PAD.encode(json!({"alg": other, "kid": kid}).to_string());
            assert!(verify(&format!("{header}.{}.{}", parts[1], parts[2]), &keys).is_err(), "{alg} as {other}");
        }
        let mut broken = signed.clone().into_bytes();
        *broken.last_mut().unwrap() ^= 0x10;
        assert!(verify(&String::from_utf8(broken).unwrap(), &keys).is_err(), "{alg}");
        assert_eq!(verify(&format!("{}.", signed.rsplit_once('.').unwrap().0), &keys), Err(TokenError::Signature), "{alg}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let rsa = RsaKey::load();
    let keys = set(&[rsa.published("r")]);
    let published = rsa.published("r");
    let n = URL_SAFE_NO_PAD.decode(published["n"].as_str().unwrap()).unwrap();
    for secret in [n.clone(), published.to_string().into_bytes(), published["n"].as_str().unwrap().as_bytes().to_vec()] {
        let forged = token(&json!({"alg": "HS256", "kid": "r"}), &json!({"sub": "boss"}), |signed| secret_sign(&secret, signed));
        assert_eq!(verify(&forged, &keys), Err(TokenError::Key));
    }
    // A set that publishes a shared secret does not make it one.
    let oct = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 32]), "kid": "s", "alg": "HS256"});
    let forged = token(&json!({"alg": "HS256", "kid": "s"}), &json!({}), |signed| secret_sign(&[7; 32], signed));
    assert_eq!(verify(&forged, &set(&[oct.clone(), rsa.published("r")])), Err(TokenError::Key));
    assert_eq!(KeySet::of_jwks(json!({"keys": [oct]}).to_string().as_bytes()).unwrap_err(), KeyError::NoneUsable);
}

#[test]
fn a_shared_secret_is_good_for_its_one_algorithm() {
    let keys = KeySet::of_secret(&[9; 32]);
    let good = token(&json!({"alg": "HS256"}), &json!({"sub": "ana"}), |signed| secret_sign(&[9; 32], signed));
    assert!(verify(&good, &keys).is_ok());
    let other = token(&json!({"alg": "HS256"}), &json!({"sub": "ana"}), |signed| secret_sign(&[8; 32], signed));
    assert_eq!(verify(&other, &keys), Err(TokenError::Signature));
    let longer = token(&json!({"alg": "HS512"}), &json!({}), |signed| secret_sign(&[9; 32], signed));
    assert_eq!(verify(&longer, &keys), Err(TokenError::Algorithm));
}

#[test]
fn a_kid_that_is_unknown_or_twice_there_fits_no_key() {
    let (one, two) = (EdKey::new(1), EdKey::new(2));
    let payload = json!({});
    let keys = set(&[one.published("a"), two.published("b")]);
    assert!(verify(&two.token("b", &payload), &keys).is_ok());
    assert_eq!(verify(&two.token("c", &payload), &keys), Err(TokenError::Key));
    assert_eq!(verify(&two.token("a", &payload), &keys), Err(TokenError::Signature));
    let nameless = token(&json!({"alg": "EdDSA"}), &payload, |signed| one.sign(signed));
    assert_eq!(verify(&nameless, &keys), Err(TokenError::Key), "which of the two is not for us to guess");
    assert!(verify(&nameless, &set(&[one.published("a")])).is_ok());
    let twice = set(&[one.published("a"), two.published("a")]);
    assert_eq!(verify(&one.token("a", &payload), &twice), Err(TokenError::Key));
}

#[test]
fn a_header_that_asks_for_something_else_is_refused() {
    let ed = EdKey::new(1);
    let keys = set(&[ed.published("a")]);
    let with = |extra: serde_json::Value| {
        let mut header = json!({"alg": "EdDSA", "kid": "a"});
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        verify(&token(&header, &json!({}), |signed| ed.sign(signed)), &keys)
    };
    for fine in
        [json!({}), json!({"typ": "JWT"}), json!({"typ": "at+jwt"}), json!({"cty": "x", "jku": "https://evil.example/keys"})]
    {
        assert!(with(fine.clone()).is_ok(), "{fine}");
    }
    for wrong in [
        json!({"crit": ["exp"]}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": []}),
        json!({"typ": "logout+jwt"}),
        json!({"kid": "x".repeat(300)}),
    ] {
        assert_eq!(with(wrong.clone()), Err(TokenError::Header), "{wrong}");
    }
    // A key that comes with the token is not asked.
    let evil = EdKey::new(66);
    let brought = token(&json!({"alg": "EdDSA", "kid": "a", "jwk": evil.published("a")}), &json!({}), |signed| evil.sign(signed));
    assert_eq!(verify(&brought, &keys), Err(TokenError::Signature));
    let doubled = format!("{}.e30.", URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","alg":"none"}"#));
    assert_eq!(Compact::parse(&doubled).unwrap_err(), TokenError::Form);
}

#[test]
fn weak_keys_and_keys_for_other_purposes_are_left_out() {
    let rsa = RsaKey::load().published("r");
    let change = |name: &str, value: serde_json::Value| {
        let mut key = rsa.clone();
        key[name] = value;
        KeySet::of_jwks(json!({"keys": [key]}).to_string().as_bytes()).map(|keys| keys.len())
    };
    assert_eq!(change("use", json!("sig")), Ok(1));
    let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("RS512")),
        ("alg", json!("PS256")),
        ("key_ops", json!(["encrypt"])),
        ("n", json!(short)),
        ("n", json!(URL_SAFE_NO_PAD.encode([&[0; 256][..], &[0xff; 128]].concat()))),
        ("n", json!("!")),
        ("e", json!("")),
        ("kty", json!("EC")),
        ("kty", json!(7)),
    ] {
        assert_eq!(change(name, value.clone()), Err(KeyError::NoneUsable), "{name} {value}");
    }
    let many: Vec<_> = (0..=KEYS_MAX).map(|_| rsa.clone()).collect();
    assert_eq!(KeySet::of_jwks(json!({"keys": many}).to_string().as_bytes()).unwrap_err(), KeyError::TooMany(KEYS_MAX + 1));
    for odd in ["", "[]", "{}", r#"{"keys":7}"#, "null", "\u{0}"] {
        assert_eq!(KeySet::of_jwks(odd.as_bytes()).unwrap_err(), KeyError::Form, "{odd}");
    }
}

#[test]
fn times_are_kept_to_the_second_with_a_minute_for_clocks_that_are_ahead() {
    let now = NOW / 1_000;
    let check = |claims: serde_json::Value| Claims::read(claims.to_string().as_bytes()).unwrap().check_times(NOW);
    assert_eq!(check(json!({"exp": now + 1})), Ok((now + 1) * 1_000));
    assert_eq!(check(json!({"exp": now + 1, "nbf": now + 60, "iat": now + 60})), Ok((now + 1) * 1_000));
    assert!(check(json!({"exp": 1e10 + 0.5})).is_ok(), "some write fractions");
    for (claims, error) in [
        (json!({}), TokenError::Claim("exp")),
        (json!({"exp": null}), TokenError::Claim("exp")),
        (json!({"exp": "9999999999"}), TokenError::Claim("exp")),
        (json!({"exp": -1}), TokenError::Claim("exp")),
        (json!({"exp": [now + 9]}), TokenError::Claim("exp")),
        (json!({"exp": 1e300}), TokenError::Claim("exp")),
        (json!({"exp": now}), TokenError::Expired),
        (json!({"exp": 0}), TokenError::Expired),
        (json!({"exp": now + 9, "nbf": now + 61}), TokenError::Early),
        (json!({"exp": now + 9, "iat": now + 61}), TokenError::Early),
        (json!({"exp": now + 9, "nbf": "now"}), TokenError::Claim("nbf")),
        (json!({"exp": now + 9, "iat": true}), TokenError::Claim("iat")),
    ] {
        assert_eq!(check(claims.clone()), Err(error), "{claims}");
    }
}

#[test]
fn the_audience_is_a_text_or_a_list_of_texts() {
    let ours = ["farol".to_owned(), "farol-api".to_owned()];
    let check = |aud: serde_json::Value| {
        Claims::read(json!({ "aud": aud }).to_string().as_bytes()).unwrap().check_audience(&ours).is_ok()
    };
    assert!(check(json!("farol")) && check(json!(["x", "farol-api"])));
    for wrong in [
        json!("x"),
        json!("farol2"),
        json!([]),
        json!(["x"]),
        json!(["farol", 7]),
        json!(null),
        json!({"farol": true}),
        json!("FAROL"),
    ] {
        assert!(!check(wrong.clone()), "{wrong}");
    }
    assert!(Claims::read(b"{}").unwrap().check_audience(&ours).is_err());
}

#[test]
fn a_token_longer_than_the_bound_is_not_looked_at() {
    let ed = EdKey::new(1);
    let long = ed.token("a", &json!({"groups": "x".repeat(BYTES_MAX)}));
    assert_eq!(Compact::parse(&long).unwrap_err(), TokenError::TooLong);
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,300}", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let keys = set(&[EdKey::new(1).published("a"), RsaKey::load().published("r")]);
        let lossy = String::from_utf8_lossy(&bytes).into_owned();
        for token in [text.clone(), lossy.clone(), format!("{text}.{lossy}.{text}")] {
            prop_assert!(verify(&token, &keys).is_err());
            prop_assert!(Signer::new(&[7; 32]).verify(&token, NOW).is_none());
        }
        drop(KeySet::of_jwks(&bytes));
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed(at in 0_usize..1_000, bit in 0_u8..6) {
        let ed = EdKey::new(1);
        let keys = set(&[ed.published("a")]);
        let good = ed.token("a", &json!({"sub": "ana", "exp": 9}));
        let mut changed = good.clone().into_bytes();
        let at = at % changed.len();
        changed[at] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(changed) {
            prop_assert!(changed == good || verify(&changed, &keys).is_err());
        }
    }
}
