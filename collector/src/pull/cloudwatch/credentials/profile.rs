//! Keys from the files of AWS' command line: `~/.aws/credentials` and `~/.aws/config`.

use std::{collections::BTreeMap, path::Path};

use farol_shared::secret::Secret;

use super::Keys;

/// Largest file that is read, in bytes. A hundred profiles need a tenth of it.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// Keys that say that a profile is no key pair, and what they are.
const ELSEWHERE: &[(&str, &str)] = &[
    ("role_arn", "assumes a role"),
    ("sso_session", "signs in by SSO"),
    ("sso_start_url", "signs in by SSO"),
    ("credential_process", "runs a program"),
];

/// Keys of a profile. The first file wins where both have it.
///
/// # Errors
/// Says what is missing, and where it was looked for; no values.
pub(super) fn keys(credentials: Option<&Path>, config: Option<&Path>, name: &str) -> Result<Keys, String> {
    let mut found = BTreeMap::new();
    let titles = [format!("profile {name}"), name.to_owned()];
    for path in [config, credentials].into_iter().flatten() {
        let text = match bounded(path, FILE_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        titles.iter().for_each(|title| found.extend(section(&text, title)));
    }
    let places: Vec<String> = [credentials, config].into_iter().flatten().map(|path| path.display().to_string()).collect();
    if found.is_empty() {
        return Err(format!(
            "the profile {name} is not in {}",
            if places.is_empty() { "any file: HOME is not set".to_owned() } else { places.join(" or ") }
        ));
    }
    let text = |key: &str| found.get(key).filter(|value| !value.is_empty());
    if let (Some(id), Some(secret)) = (text("aws_access_key_id"), text("aws_secret_access_key")) {
        let token = text("aws_session_token").map(|token| Secret::new(token));
        return Ok(Keys { id: id.clone(), secret: Secret::new(secret), token, expires_ms: None });
    }
    let elsewhere = ELSEWHERE.iter().find(|(key, _)| found.contains_key(*key));
    Err(elsewhere.map_or_else(
        || format!("the profile {name} lacks aws_access_key_id or aws_secret_access_key"),
        |(key, what)| {
            format!("the profile {name} {what} ({key}), which is not supported: name one with keys, or use the machine's role")
        },
    ))
}

/// A file's text, when it is no larger than `max` bytes.
pub(super) fn bounded(path: &Path, max: u64) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > max {
        return Err(std::io::Error::other(format!("it is larger than {max} bytes")));
    }
    std::fs::read_to_string(path)
}

/// The keys of one section. Indented lines belong to a nested list and are skipped, comments too.
fn section(text: &str, title: &str) -> BTreeMap<String, String> {
    let mut is_inside = false;
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if line.starts_with(char::is_whitespace) || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let inside = rest.split(']').next().unwrap_or_default();
            is_inside = inside.split_whitespace().eq(title.split_whitespace());
        } else if is_inside && let Some((key, value)) = line.split_once('=') {
            // A comment may follow a value after a space.
            let value = value.split(" #").next().unwrap_or_default();
            found.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CREDENTIALS: &str = "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=s/e+c=\n\n[ prod ]\naws_access_key_id=B\n\
                               aws_secret_access_key = b # mine\naws_session_token = t\ns3 =\n  aws_access_key_id = nested\n";
    const CONFIG: &str = "[default]\nregion = sa-east-1\n[profile role]\nrole_arn = arn:aws:iam::1:role/x\n[profile half]\n\
                          aws_access_key_id = H\n";

    fn written(dir: &Path, name: &str) -> Result<Keys, String> {
        let (credentials, config) = (dir.join("credentials"), dir.join("config"));
        std::fs::write(&credentials, CREDENTIALS).unwrap();
        std::fs::write(&config, CONFIG).unwrap();
        keys(Some(&credentials), Some(&config), name)
    }

    #[test]
    fn a_profile_is_found_with_its_token() {
        let dir = tempfile::tempdir().unwrap();
        let default = written(dir.path(), "default").unwrap();
        assert_eq!((default.id.as_str(), default.secret.reveal()), ("A", "s/e+c="));
        let prod = written(dir.path(), "prod").unwrap();
        assert_eq!((prod.id.as_str(), prod.secret.reveal()), ("B", "b"));
        assert_eq!(prod.token.map(|token| token.reveal().to_owned()), Some("t".to_owned()));
    }

    #[test]
    fn a_profile_without_keys_says_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        assert!(written(dir.path(), "none").unwrap_err().contains("is not in"));
        assert!(written(dir.path(), "role").unwrap_err().contains("assumes a role (role_arn)"));
        assert!(written(dir.path(), "half").unwrap_err().contains("lacks"));
        assert!(keys(None, None, "x").unwrap_err().contains("HOME"));
        assert!(keys(Some(&dir.path().join("absent")), None, "x").unwrap_err().contains("absent"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,200}", title in "[a-z ]{0,8}") {
            section(&text, &title);
        }
    }
}
