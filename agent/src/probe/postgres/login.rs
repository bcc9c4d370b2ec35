//! Proving a password to PostgreSQL without sending it: MD5 with a salt, and SCRAM-SHA-256 (RFC 5802 and 7677).
//!
//! Channel binding is not offered. A password is used byte for byte, which is what SASLprep makes of ASCII.

use std::num::NonZeroU32;

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use ring::{digest, hmac, pbkdf2};

const METHOD: &str = "SCRAM-SHA-256";

/// Most rounds of hashing that a server may ask for: 4,096 are usual; these take about 50 ms of the agent's thread.
const ROUNDS_MAX: u32 = 100_000;

/// Longest nonce and salt together that a server may send, in bytes.
const CHALLENGE_BYTES_MAX: usize = 1 << 10;

/// The header that says that no channel is bound, and the same in base64.
const HEADER: &str = "n,,";
const HEADER_BASE64: &str = "biws";

/// The answer to a request for MD5, with its closing zero.
pub(super) fn md5(user: &str, password: &str, salt: &[u8]) -> Vec<u8> {
    let hex = |parts: [&[u8]; 2]| {
        let mut hasher = Md5::new();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    let inner = hex([password.as_bytes(), user.as_bytes()]);
    format!("md5{}\0", hex([inner.as_bytes(), salt])).into_bytes()
}

/// A conversation in SCRAM-SHA-256.
pub(super) struct Scram {
    nonce: String,
    /// What the server must have signed at the end, and the key; none before the second step.
    server_proof: Option<(hmac::Key, String)>,
    is_proven: bool,
}

impl Scram {
    /// Picks the method from the server's list and says the first word.
    pub(super) fn start(offered: &[u8]) -> Result<(Self, Vec<u8>), String> {
        if !offered.split(|byte| *byte == 0).any(|method| method == METHOD.as_bytes()) {
            return Err(format!("the server does not offer {METHOD}"));
        }
        let mut random = [0; 18];
        getrandom::fill(&mut random).map_err(|error| format!("no random number: {error}"))?;
        let scram = Self { nonce: STANDARD.encode(random), server_proof: None, is_proven: false };
        let first = format!("{HEADER}{}", scram.first());
        let length = u32::try_from(first.len()).unwrap_or(0).to_be_bytes();
        let answer = [METHOD.as_bytes(), b"\0", &length, first.as_bytes()].concat();
        Ok((scram, answer))
    }

    /// PostgreSQL takes the user from the start of the session.
    fn first(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Answers the server's challenge.
    pub(super) fn proceed(&mut self, password: &str, challenge: &[u8]) -> Result<Vec<u8>, String> {
        let text = std::str::from_utf8(challenge).ok().filter(|text| text.len() <= CHALLENGE_BYTES_MAX);
        let text = text.ok_or("the server's challenge is not readable")?;
        let part = |key: &str| text.split(',').find_map(|part| part.strip_prefix(key));
        let (Some(nonce), Some(salt), Some(rounds)) = (part("r="), part("s="), part("i=")) else {
            return Err("the server's challenge lacks a part".to_owned());
        };
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("the server's challenge answers another conversation".to_owned());
        }
        let salt = STANDARD.decode(salt).map_err(|_| "the server's salt is not base64")?;
        let rounds = rounds.parse().ok().and_then(NonZeroU32::new).filter(|rounds| rounds.get() <= ROUNDS_MAX);
        let rounds = rounds.ok_or_else(|| format!("the server asks for no number of rounds from 1 to {ROUNDS_MAX}"))?;
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut salted);
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
        let bare = format!("c={HEADER_BASE64},r={nonce}");
        let whole = format!("{},{text},{bare}", self.first());
        let client = sign(&salted, b"Client Key");
        let signature = sign(digest::digest(&digest::SHA256, client.as_ref()).as_ref(), whole.as_bytes());
        let proof: Vec<u8> = client.as_ref().iter().zip(signature.as_ref()).map(|(key, mask)| key ^ mask).collect();
        let server = sign(&salted, b"Server Key");
        self.server_proof = Some((hmac::Key::new(hmac::HMAC_SHA256, server.as_ref()), whole));
        Ok(format!("{bare},p={}", STANDARD.encode(proof)).into_bytes())
    }

    /// Checks that the server knows the password too.
    pub(super) fn finish(&mut self, last: &[u8]) -> Result<(), String> {
        let (key, text) = self.server_proof.take().ok_or("the server ends the log-in too early")?;
        let proof = std::str::from_utf8(last).ok().and_then(|text| text.strip_prefix("v="));
        let proof = proof.and_then(|proof| STANDARD.decode(proof.split(',').next().unwrap_or_default()).ok());
        self.is_proven = proof.is_some_and(|proof| hmac::verify(&key, text.as_bytes(), &proof).is_ok());
        if self.is_proven { Ok(()) } else { Err("the server does not know the password itself: is it the right one?".to_owned()) }
    }

    /// Whether the server has proven itself.
    pub(super) fn is_proven(&self) -> bool {
        self.is_proven
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// The conversation of RFC 7677, but that PostgreSQL takes the user from elsewhere.
    fn conversation() -> Scram {
        Scram { nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(), server_proof: None, is_proven: false }
    }

    const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn md5_is_as_postgres_computes_it() {
        // select 'md5' || md5(md5('secret' || 'me') || '\x01020304'::bytea)
        let answer = md5("me", "secret", &[1, 2, 3, 4]);
        assert_eq!((answer.len(), &answer[..3], answer[35]), (36, &b"md5"[..], 0));
        assert_ne!(answer, md5("me", "secret", &[1, 2, 3, 5]));
    }

    #[test]
    fn the_server_must_know_the_password_too() {
        let mut scram = conversation();
        let answer = scram.proceed("pencil", CHALLENGE.as_bytes()).unwrap();
        assert!(answer.starts_with(b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="));
        let (key, text) = scram.server_proof.as_ref().unwrap();
        let proof = STANDARD.encode(hmac::sign(key, text.as_bytes()));
        assert!(scram.finish(b"v=AAAA").is_err() && !scram.is_proven());
        scram.proceed("pencil", CHALLENGE.as_bytes()).unwrap();
        scram.finish(format!("v={proof}").as_bytes()).unwrap();
        assert!(scram.is_proven());
        assert!(conversation().finish(b"v=").is_err());
    }

    #[test]
    fn a_challenge_of_another_conversation_or_for_hours_of_work_is_refused() {
        for challenge in [
            CHALLENGE.replace("rOpr", "xOpr"),
            CHALLENGE.replace("4096", "100000000"),
            CHALLENGE.replace("4096", "0"),
            CHALLENGE.replace("W22Z", "!!!!"),
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".to_owned(),
            format!("{CHALLENGE},x={}", "y".repeat(CHALLENGE_BYTES_MAX)),
        ] {
            assert!(conversation().proceed("pencil", challenge.as_bytes()).is_err(), "{challenge}");
        }
        assert!(Scram::start(b"SCRAM-SHA-1\0\0").is_err());
        assert!(Scram::start(b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0").is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_or_refused(bytes in vec(any::<u8>(), 0..64), text in "(r=rOprNGfwEbeRWgbNEkqOx,)?s=[a-zA-Z=]{0,8},i=[0-9]{0,2}") {
            let mut scram = conversation();
            let answers = [scram.proceed("p", &bytes).is_ok(), scram.proceed("p", text.as_bytes()).is_ok()];
            prop_assert!(!answers[0]);
            prop_assert!(scram.finish(&bytes).is_err());
            prop_assert!(Scram::start(&bytes).is_err());
        }
    }
}
