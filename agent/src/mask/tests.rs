//! Tests of the masks: what goes, what stays, and that nothing planted is left.

use proptest::{prelude::*, sample::select};

use super::*;

fn check(before: &str, after: &str) {
    assert_eq!(text(before), after, "of {before}");
    assert_eq!(text(after), after, "masking again changes {after}");
}

#[test]
fn headers_lose_their_value_and_keep_their_scheme() {
    check("Authorization: Bearer abc.def-123", "Authorization: Bearer ***");
    check("authorization: Basic dXNlcjpwYXNz\nHost: x", "authorization: Basic ***\nHost: x");
    check(r#"{"Authorization": "Bearer abc", "a": 1}"#, r#"{"Authorization": "Bearer ***", "a": 1}"#);
    check("{'HTTP_AUTHORIZATION': 'Token 99aa'}", "{'HTTP_AUTHORIZATION': 'Token ***'}");
    check("Cookie: a=b; sessionid=77", "Cookie: ***");
    check("X-Api-Key: 9f8e7d", "X-Api-Key: ***");
    check("sent Bearer a1b2c3d4e5f6 to it", "sent Bearer *** to it");
}

#[test]
fn tokens_are_known_by_their_beginnings() {
    check("key ghp_16C7e42F292c6912E7710c838347Ae178B4a!", "key ghp_***!");
    check("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_***");
    check("slack xoxb-17653672481-19874698323-pdF", "slack xoxb-***");
    check("AKIAIOSFODNN7EXAMPLE and more", "AKIA*** and more");
    check("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP, ok", "jwt ***, ok");
    check(
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----",
    );
}

#[test]
fn named_values_go_in_text_json_and_queries() {
    check("login password=hunter2 failed", "login password=*** failed");
    check("senha: hunter2", "senha: ***");
    check("GET /a?token=abc&page=2 200", "GET /a?token=***&page=2 200");
    check(r#"{"db_password":"pa\"ss","n":1}"#, r#"{"db_password":"***","n":1}"#);
    check(r#""{\"api_key\":\"k1\",\"b\":2}""#, r#""{\"api_key\":\"***\",\"b\":2}""#);
    check("Config(secret='x y', n=1)", "Config(secret='***', n=1)");
    check("[password] => hunter2", "[password] => ***");
    check("run --password hunter2 --force", "run --password *** --force");
    check("accessToken=aa,bb;cc, next", "accessToken=***, next");
    check("AWS_SECRET_ACCESS_KEY=wJalr/K7MDENG+bPx", "AWS_SECRET_ACCESS_KEY=***");
}

#[test]
fn passwords_go_from_addresses() {
    check("postgres://app:p%40ss@db:5432/shop", "postgres://app:***@db:5432/shop");
    check("redis://:secret@cache:6379/0", "redis://:***@cache:6379/0");
    check("amqp://u:a/b@mq/", "amqp://u:***@mq/");
    check("https://0123456789abcdef0123@sentry.example/4", "https://***@sentry.example/4");
    for clean in ["http://localhost:8080/a@b", "see https://example.com/x?y=a@b", "http://[::1]:80/@x", "ssh://git@host/x"] {
        check(clean, clean);
    }
}

#[test]
fn personal_numbers_go() {
    check("cpf 123.456.789-09 ok", "cpf *** ok");
    check("doc 52998224725.", "doc ***.");
    check("doc 52998224726.", "doc 52998224726.");
    check("empresa 11.222.333/0001-81", "empresa ***");
    check("empresa 12.ABC.345/01DE-35", "empresa ***");
    check("bare 11222333000181", "bare ***");
    check("card 4111 1111 1111 1111 and 4111-1111-1111-1111", "card *** and ***");
    check("amex 378282246310005, 3782 822463 10005", "amex ***, ***");
    check("2026-11-21 4111111111111111", "2026-11-21 ***");
}

#[test]
fn ordinary_text_stays_and_is_not_copied() {
    for clean in [
        "2026-11-21 10:00:00,123 ERROR order 1760000000000 took 12.345678901234567 s",
        "Bearer authentication failed: basic things",
        "tokens=512 max_tokens: 9, resenha: boa, compass: north",
        "token::Kind at src/token.rs:12:9",
        r#"{"password":null,"token":{"a":1}}"#,
        "trace 4bf92f3577b34da6a3ce929d0e0e4736 id 41111111111111112222222",
        "Traceback (most recent call last):\n  File \"/app/p.py\", line 5, in f\nKeyError: 'k'",
        "-----BEGIN CERTIFICATE-----\nabc",
    ] {
        assert!(matches!(text(clean), Cow::Borrowed(_)), "{clean} became {}", text(clean));
    }
}

/// A secret in each of the dresses it may come in.
fn planted() -> impl Strategy<Value = (String, String)> {
    let secret = "[a-zA-Z0-9]{12,24}";
    let dress = select(vec![
        "password=@",
        "\"password\": \"@\"",
        "{'senha': '@'}",
        "?token=@&a=b",
        "Authorization: Bearer @",
        "api_key: @",
        "https://user:@@host/x",
        "ghp_@",
        "secret => \"@\"",
        "\\\"client_secret\\\":\\\"@\\\"",
        "Cookie: id=@",
        "-----BEGIN PRIVATE KEY-----\n@\n-----END PRIVATE KEY-----",
        "--api-key @",
        "pwd:@;",
    ]);
    (secret, dress).prop_map(|(secret, dress)| (dress.replacen('@', &secret, 1), secret))
}

#[test]
fn what_a_mask_brings_together_is_masked_too() {
    let once = text("://11.222.333/0001-81***eyJhbGciOiJI@").into_owned();
    assert_eq!(once, "://***@");
    assert_eq!(text(&once), once);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_makes_the_masks_panic_or_change_their_mind(before in any::<String>()) {
        let once = text(&before).into_owned();
        prop_assert_eq!(text(&once), once.as_str());
    }

    #[test]
    fn text_full_of_signs_is_masked_once_and_for_all(
        parts in proptest::collection::vec(select(vec![
            "password", "token", "=", ":", "\"", "'", "\\", " ", "\n", "://", "@", "/", "-", "--", "4111", "1111", "529982247", "25",
            "Bearer", "basic", "eyJhbGciOiJI", ".", "ghp_", "abcdefgh1", "***", "[", "]", "{", "}", ",", ";", "&", "a", "é", "_", "cpf",
            "-----BEGIN PRIVATE KEY-----", "-----END", "Authorization", "11.222.333/0001-81", "<", ">", "null", "`", "b", "(", ")",
        ]), 0..14),
    ) {
        let before = parts.concat();
        let once = text(&before).into_owned();
        prop_assert_eq!(text(&once), once.as_str(), "of {}", before);
    }

    #[test]
    fn a_planted_secret_is_never_left(
        (dressed, secret) in planted(),
        head in "[ -~]{0,20}",
        tail in "[ -~]{0,20}",
    ) {
        let before = format!("{head}\n{dressed}\n{tail}");
        prop_assert!(!text(&before).contains(&secret), "{} is left of {}", secret, before);
    }

    #[test]
    fn a_card_with_the_right_sum_is_never_left(head in "[a-z ,.]{0,9}", digits in "[2-6][0-9]{11,17}", separator in select(vec!["", " ", "-"])) {
        let body: Vec<u32> = digits.chars().map(|digit| digit.to_digit(10).unwrap()).collect();
        let double = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
        let sum: u32 = body.iter().rev().enumerate().map(|(at, digit)| if at % 2 == 0 { double(*digit) } else { *digit }).sum();
        let card = format!("{digits}{}", (10 - sum % 10) % 10);
        let groups: Vec<&str> = card.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
        let card = groups.join(separator);
        let before = format!("{head} {card}.");
        prop_assert!(!text(&before).contains(&card), "{}", text(&before));
    }
}
