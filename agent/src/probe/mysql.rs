//! MySQL and MariaDB probes: the greeting, and a whole log-in after it.
//!
//! A connection that ends after the greeting counts on the server as a broken one, and a hundred in a row block the host. So
//! the probe always logs in; without credentials being turned away is the proof of life.

use ring::digest;

use super::{
    Attempt, Finding,
    connection::{Connection, Trouble},
};

/// Largest packet that is read, in bytes; a greeting has under a hundred.
const PACKET_BYTES_MAX: usize = 4 << 10;

/// Most packets in one log-in: greeting, another method, its answers.
const PACKETS_MAX: usize = 6;

/// The user that stands in for none; it need not exist.
const NOBODY: &str = "farol";

/// `CLIENT_LONG_PASSWORD`, `CLIENT_PROTOCOL_41`, `CLIENT_SECURE_CONNECTION`, `CLIENT_PLUGIN_AUTH`.
const ABILITIES: u32 = 0x1 | 0x200 | 0x8000 | 0x8_0000;
/// `CLIENT_CONNECT_WITH_DB`.
const WITH_DATABASE: u32 = 0x8;
/// utf8mb4, which every supported server has.
const CHARACTERS: u8 = 45;

const NATIVE: &str = "mysql_native_password";
const CACHING: &str = "caching_sha2_password";

/// What a server says first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Greeting {
    version: String,
    salt: Vec<u8>,
    method: String,
}

/// Asks once.
pub(super) async fn check(attempt: &Attempt<'_>) -> Result<Finding, Trouble> {
    const STAGE: &str = "waiting for the greeting";
    let mut connection = Connection::open(attempt).await?;
    let (_, packet) = packet(&mut connection, STAGE).await?;
    attempt.answered();
    if let Some(error) = error(&packet) {
        return Ok(Finding::refused(error.text));
    }
    let greeting = greeting(&packet).ok_or(Trouble::Garbage { expected: "a greeting of MySQL" })?;
    log_in(attempt, &mut connection, greeting).await
}

async fn packet(connection: &mut Connection<'_>, stage: &'static str) -> Result<(u8, Vec<u8>), Trouble> {
    let head = connection.read(4, 4, stage).await?;
    let [a, b, c, number] = head.as_slice() else { return Err(Trouble::Garbage { expected: "one of MySQL" }) };
    let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
    Ok((*number, connection.read(length, PACKET_BYTES_MAX, stage).await?))
}

async fn log_in(attempt: &Attempt<'_>, connection: &mut Connection<'_>, greeting: Greeting) -> Result<Finding, Trouble> {
    const STAGE: &str = "logging in";
    let address = &attempt.probe.address;
    let user = address.user.as_deref();
    let password = attempt.probe.password().map_err(Trouble::Other)?;
    let password = password.as_ref().map_or("", |password| password.reveal());
    let hello = hello(user.unwrap_or(NOBODY), password, address.name().as_deref(), &greeting);
    connection.send(&framed(1, &hello)).await?;
    for _ in 0..PACKETS_MAX {
        let (number, packet) = packet(connection, STAGE).await?;
        match packet.split_first() {
            Some((0x00, _)) => {
                connection.part(&framed(0, &[1])).await;
                return Ok(Finding::online());
            }
            Some((0xff, _)) => return Ok(refusal(&packet, user.is_some())),
            // Another method, with its own salt.
            Some((0xfe, rest)) => {
                let (method, salt) = texts(rest);
                let salt = salt.strip_suffix(&[0]).unwrap_or(salt);
                connection.send(&framed(number.wrapping_add(1), &proof(&method, password, salt))).await?;
            }
            // The password is known from before: the answer comes next.
            Some((0x01, [3])) => {}
            Some((0x01, _)) => {
                return Ok(Finding::remark("alive; it checks the password over TLS only, which the probe does not do"));
            }
            _ => return Err(Trouble::Garbage { expected: "a log-in of MySQL" }),
        }
    }
    Err(Trouble::Garbage { expected: "a log-in of MySQL" })
}

fn framed(number: u8, body: &[u8]) -> Vec<u8> {
    // What a probe sends has a few hundred bytes; the third byte of the length is always zero.
    let length = u16::try_from(body.len()).unwrap_or(0).to_le_bytes();
    [&length[..], &[0, number], body].concat()
}

fn hello(user: &str, password: &str, database: Option<&str>, greeting: &Greeting) -> Vec<u8> {
    let abilities = ABILITIES | if database.is_some() { WITH_DATABASE } else { 0 };
    let proof = proof(&greeting.method, password, &greeting.salt);
    let mut body = abilities.to_le_bytes().to_vec();
    body.extend((1_u32 << 24).to_le_bytes());
    body.push(CHARACTERS);
    body.extend([0; 23]);
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend(text.bytes().filter(|byte| *byte != 0));
        bytes.push(0);
    };
    text(&mut body, user);
    body.push(u8::try_from(proof.len()).unwrap_or(0));
    body.extend(proof);
    if let Some(database) = database {
        text(&mut body, database);
    }
    text(&mut body, &greeting.method);
    body
}

/// Proves a password; nothing for none, and for methods that would send it as it is.
fn proof(method: &str, password: &str, salt: &[u8]) -> Vec<u8> {
    let mix = |a: &digest::Digest, b: &digest::Digest| a.as_ref().iter().zip(b.as_ref()).map(|(a, b)| a ^ b).collect();
    let hash = |algorithm, parts: [&[u8]; 2]| digest::digest(algorithm, &parts.concat());
    match method {
        _ if password.is_empty() => Vec::new(),
        NATIVE => {
            let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
            let once = hash(sha1, [password.as_bytes(), &[]]);
            let twice = hash(sha1, [once.as_ref(), &[]]);
            mix(&once, &hash(sha1, [salt, twice.as_ref()]))
        }
        CACHING => {
            let once = hash(&digest::SHA256, [password.as_bytes(), &[]]);
            let twice = hash(&digest::SHA256, [once.as_ref(), &[]]);
            mix(&once, &hash(&digest::SHA256, [twice.as_ref(), salt]))
        }
        _ => Vec::new(),
    }
}

/// A text up to a zero, and what follows it.
fn texts(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    (text, bytes.get(end + 1..).unwrap_or_default())
}

fn greeting(packet: &[u8]) -> Option<Greeting> {
    let (10, rest) = packet.split_first().map(|(version, rest)| (*version, rest))? else { return None };
    rest.contains(&0).then_some(())?;
    let (version, rest) = texts(rest);
    // Thread, half of the salt, a zero.
    let (first, rest) = rest.get(4..)?.split_first_chunk::<8>()?;
    // Abilities, character set, status, abilities, length of the salt, and ten that are not used.
    let rest = rest.get(1 + 2 + 1 + 2 + 2 + 1 + 10..)?;
    let second = rest.get(..12)?;
    let (method, _) = texts(rest.get(13..).unwrap_or_default());
    let method = if method.is_empty() { NATIVE.to_owned() } else { method };
    Some(Greeting { version, salt: [first, second].concat(), method })
}

#[derive(Debug, PartialEq, Eq)]
struct ErrorText {
    code: u16,
    text: String,
}

/// Code and text of an error packet.
fn error(packet: &[u8]) -> Option<ErrorText> {
    let [0xff, low, high, rest @ ..] = packet else { return None };
    // A hash sign and five letters of SQLSTATE, left out before the handshake.
    let rest = if rest.first() == Some(&b'#') { rest.get(6..).unwrap_or_default() } else { rest };
    Some(ErrorText { code: u16::from_le_bytes([*low, *high]), text: String::from_utf8_lossy(rest).into_owned() })
}

fn refusal(packet: &[u8], has_user: bool) -> Finding {
    match error(packet) {
        // Wrong user or password, or no right to the database: for nobody, that is health.
        Some(error) if matches!(error.code, 1044 | 1045 | 1698 | 1049) => {
            if has_user {
                Finding::offline(error.text)
            } else {
                Finding::online()
            }
        }
        // Too many connections, shutting down, starting up, host blocked.
        Some(error) => Finding::refused(error.text),
        None => Finding::offline("the answer is not an error of MySQL"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn packet() -> Vec<u8> {
        let mut packet = b"\x0a8.0.36\0".to_vec();
        packet.extend([1, 0, 0, 0]);
        packet.extend(b"12345678\0");
        packet.extend([0xff, 0xf7, 45, 2, 0, 0xff, 0xc7, 21]);
        packet.extend([0; 10]);
        packet.extend(b"abcdefghijkl\0caching_sha2_password\0");
        packet
    }

    #[test]
    fn a_greeting_and_an_error_are_read() {
        let greeting = greeting(&packet()).unwrap();
        assert_eq!((greeting.version.as_str(), greeting.method.as_str()), ("8.0.36", CACHING));
        assert_eq!(greeting.salt, b"12345678abcdefghijkl");
        let blocked = error(b"\xff\x69\x04Host 'a' is blocked").unwrap();
        assert_eq!((blocked.code, blocked.text.as_str()), (1129, "Host 'a' is blocked"));
        assert_eq!(error(b"\xff\x15\x04#28000Access denied").unwrap().text, "Access denied");
        assert!(refusal(b"\xff\x15\x04#28000Access denied", false).is_success);
        assert!(!refusal(b"\xff\x15\x04#28000Access denied", true).is_success);
    }

    #[test]
    fn a_proof_depends_on_password_and_salt_and_never_shows_the_password() {
        for (method, length) in [(NATIVE, 20), (CACHING, 32), ("mysql_clear_password", 0)] {
            let proof_of = |password: &str, salt: &[u8]| proof(method, password, salt);
            assert_eq!((proof_of("secret", b"salt").len(), proof_of("", b"salt").len()), (length, 0));
            assert!(length == 0 || proof_of("secret", b"salt") != proof_of("secret", b"sale"));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..120), at in 0_usize..80, length in 0_usize..80) {
            let mut damaged = packet();
            damaged[at.min(70)] = bytes.first().copied().unwrap_or(0);
            damaged.truncate(length);
            for packet in [&bytes, &damaged] {
                let read = greeting(packet);
                prop_assert!(read.is_none_or(|greeting| greeting.salt.len() == 20));
                prop_assert!(error(packet).is_none() || packet[0] == 0xff);
                let (text, rest) = texts(packet);
                prop_assert!(text.len() <= 3 * packet.len() && rest.len() <= packet.len());
            }
        }
    }
}
