//! What of a value is masked: fields whose names say that they are secret or personal, and texts that look like it.
//!
//! Masked values are told by their path (`user.email`, `items[2].token`); a path can be shown by asking for it by name.

use std::borrow::Cow;

use farol_agent::mask;
use serde_json::Value;

/// Most masked paths that are told; the rest is masked all the same.
const TOLD_MAX: usize = 200;

/// Path of a value that has no name of its own.
pub(super) const WHOLE: &str = "value";

/// Names that are secret or personal with anything around them, beside those the agent knows. Small letters, no signs between.
const ANYWHERE: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "csrf",
    "xsrf",
    "authorization",
    "cookie",
    "credential",
    "sessionid",
    "sessionkey",
    "sessiondata",
    "authhash",
    "token",
    "apikey",
    "privatekey",
    "creditcard",
    "cardnumber",
    "telefone",
    "phonenumber",
];

/// The same, but only as a word of its own: `user_email`, not `emailed`.
const WORDS: &[&str] = &[
    "email",
    "cpf",
    "cnpj",
    "ssn",
    "card",
    "cvv",
    "cvc",
    "pan",
    "iban",
    "pix",
    "pin",
    "otp",
    "phone",
    "mobile",
    "celular",
    "auth",
    "jwt",
    "salt",
    "senha",
    "session",
    "sid",
    "pwd",
    "pass",
    "signature",
];

/// Masks a value and remembers what it masked.
#[derive(Debug)]
pub(super) struct Masking<'a> {
    /// Paths that are shown as they are.
    shown: &'a [String],
    /// Paths that were masked.
    pub(super) masked: Vec<String>,
}

impl<'a> Masking<'a> {
    pub(super) fn new(shown: &'a [String]) -> Self {
        Self { shown, masked: Vec::new() }
    }

    /// Masks all of a value that lies at a path. `is_secret` says that the name it stands under is.
    pub(super) fn value(&mut self, path: &str, value: &mut Value, is_secret: bool) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    let path = if path == WHOLE { name.clone() } else { format!("{path}.{name}") };
                    // A secret object (`"session": {...}`) is looked into: its own names say what is secret.
                    self.value(&path, field, self::is_secret(name));
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter_mut().enumerate() {
                    self.value(&format!("{path}[{at}]"), item, is_secret);
                }
            }
            Value::String(text) => {
                let masked = if is_secret && !text.is_empty() { Cow::Borrowed(mask::MASK) } else { self::text(text) };
                if let Some(masked) = self.instead(path, text, &masked) {
                    *text = masked;
                }
            }
            Value::Number(_) if is_secret => {
                if self.is_hidden(path) {
                    *value = Value::from(mask::MASK);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// What stands in the place of a text, if anything else than itself.
    fn instead(&mut self, path: &str, text: &str, masked: &str) -> Option<String> {
        (masked != text && self.is_hidden(path)).then(|| masked.to_owned())
    }

    /// Whether a path is to be masked; notes it.
    pub(super) fn is_hidden(&mut self, path: &str) -> bool {
        if self.shown.iter().any(|shown| shown == path) {
            return false;
        }
        if self.masked.len() < TOLD_MAX {
            self.masked.push(path.to_owned());
        }
        true
    }
}

/// Whether a name says that what stands under it is secret or personal.
pub(super) fn is_secret(name: &str) -> bool {
    let small: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    ANYWHERE.iter().any(|word| small.contains(word)) || words(name).any(|word| WORDS.contains(&word.as_str()))
}

/// Whether a key's name says so in one of its parts, such as `password_reset:7`.
pub(super) fn is_secret_key(key: &[u8]) -> bool {
    is_secret(&String::from_utf8_lossy(key))
}

/// The words of a name: parted by signs, and by capitals after small letters.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        let is_border = !c.is_alphanumeric() || (was_small && c.is_uppercase());
        if is_border && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        was_small = c.is_lowercase();
    }
    words.into_iter().filter(|word| !word.is_empty())
}

/// A text without what looks secret or personal in it.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    let masked = mask::text(text);
    if !masked.contains('@') {
        return masked;
    }
    Cow::Owned(without_addresses(&masked))
}

/// A text in which a name of a secret stands, but which is of no shape that says where the secret begins and ends.
pub(super) fn names_secret(text: &str) -> bool {
    let small: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    ANYWHERE.iter().any(|word| small.contains(word))
}

/// Masks e-mail addresses.
fn without_addresses(text: &str) -> String {
    let is_of = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '%');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('@') {
        let name = head
            .rfind(|c| !is_of(c))
            .map_or(0, |at| at + head.get(at..).and_then(|s| s.chars().next()).map_or(1, char::len_utf8));
        let end = tail.find(|c| !is_of(c)).unwrap_or(tail.len());
        let (before, local) = head.split_at(name);
        let (domain, after) = tail.split_at(end);
        let is_address = !local.is_empty() && domain.trim_end_matches('.').contains('.');
        out.push_str(before);
        if is_address {
            out.push_str(mask::MASK);
        } else {
            out.push_str(local);
            out.push('@');
            out.push_str(domain);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn masked(mut value: Value, shown: &[&str]) -> (Value, Vec<String>) {
        let shown: Vec<String> = shown.iter().map(|path| (*path).to_owned()).collect();
        let mut masking = Masking::new(&shown);
        masking.value(WHOLE, &mut value, false);
        (value, masking.masked)
    }

    #[test]
    fn fields_are_masked_by_name_at_any_depth() {
        let (value, paths) = masked(
            json!({"user": {"email": "a@b.org", "name": "Ana", "id": 7}, "items": [{"access_token": "t"}], "CSRFToken": "c",
                "cpf": 12345678909_i64, "cart": {"cardNumber": "4111"}, "password": null, "cookie": ""}),
            &[],
        );
        assert_eq!(value["user"], json!({"email": "***", "name": "Ana", "id": 7}));
        assert_eq!(value["items"][0]["access_token"], "***");
        assert_eq!(value["cpf"], "***");
        assert_eq!(value["password"], Value::Null);
        assert_eq!(value["cookie"], "");
        let mut paths = paths;
        paths.sort();
        assert_eq!(paths, ["CSRFToken", "cart.cardNumber", "cpf", "items[0].access_token", "user.email"]);
    }

    #[test]
    fn one_path_can_be_shown_and_the_others_stay_masked() {
        let (value, paths) = masked(json!({"email": "a@b.org", "user": {"email": "c@d.org"}}), &["user.email"]);
        assert_eq!(value, json!({"email": "***", "user": {"email": "c@d.org"}}));
        assert_eq!(paths, ["email"]);
    }

    #[test]
    fn texts_that_look_secret_are_masked_under_any_name() {
        let (value, paths) = masked(json!({"note": "write to ana@example.org, please", "at": "@home", "n": 1}), &[]);
        assert_eq!(value, json!({"note": "write to ***, please", "at": "@home", "n": 1}));
        assert_eq!(paths, ["note"]);
        assert_eq!(text("Authorization: Bearer abcdef0123456789"), "Authorization: Bearer ***");
        assert_eq!(text("é@é.br e x@y"), "*** e x@y");
    }

    #[test]
    fn names_are_told_from_words_that_only_look_alike() {
        for name in ["user_email", "userCpf", "_auth_user_hash", "X-CSRF-Token", "sessionid", "card", "db_password_old"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["name", "emailed", "cardinal", "passenger", "spinner", "id", "status", "resenha"] {
            assert!(!is_secret(name), "{name}");
        }
        assert!(is_secret_key(b"password_reset:7") && is_secret_key(b":1:token:abc") && !is_secret_key(b"user:7"));
    }

    proptest! {
        #[test]
        fn any_text_is_masked_without_panic(given in "[a-z@. é]{0,40}") {
            text(&given);
            is_secret(&given);
        }
    }
}
