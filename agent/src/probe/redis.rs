//! Redis probes: `AUTH` where there are credentials, then `PING`.

use super::{
    Attempt, Finding,
    connection::{Connection, Trouble},
    tls,
};

/// Longest line of an answer, in bytes.
const LINE_BYTES_MAX: usize = 512;

/// Asks once.
pub(super) async fn check(attempt: &Attempt<'_>, kept: &mut tls::Kept) -> Result<Finding, Trouble> {
    let password = attempt.probe.password().map_err(Trouble::Other)?;
    let mut connection = Connection::open_any(attempt, kept).await?;
    if let Some(password) = &password {
        let user = attempt.probe.address.user.as_deref();
        let words: Vec<&str> = ["AUTH"].into_iter().chain(user).chain([password.reveal()]).collect();
        connection.send(&command(&words)).await?;
        let line = connection.read_line(LINE_BYTES_MAX, "waiting for the answer to AUTH").await?;
        if let Some(finding) = refusal(&line) {
            attempt.answered();
            return Ok(finding);
        }
    }
    connection.send(&command(&["PING"])).await?;
    let line = connection.read_line(LINE_BYTES_MAX, "waiting for the answer to PING").await?;
    attempt.answered();
    connection.part(&command(&["QUIT"])).await;
    if line == "+PONG" {
        return Ok(tls::judge(attempt, Finding::online()));
    }
    refusal(&line).ok_or(Trouble::Garbage { expected: "one of Redis" })
}

fn command(words: &[&str]) -> Vec<u8> {
    let parts = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), parts.collect::<String>()).into_bytes()
}

/// What an error says about the server.
fn refusal(line: &str) -> Option<Finding> {
    let error = line.strip_prefix('-')?;
    Some(match error.split(' ').next().unwrap_or_default() {
        "NOAUTH" => Finding::remark("asks for a password; none is configured"),
        // Alive, but not for anybody's use right now.
        "LOADING" | "BUSY" | "MASTERDOWN" | "MISCONF" | "TRYAGAIN" | "CLUSTERDOWN" => Finding::refused(error),
        _ => Finding::offline(error),
    })
}

#[cfg(test)]
mod tests {
    use farol_shared::record::CheckState;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_travel_with_their_length() {
        assert_eq!(command(&["AUTH", "é b"]), b"*2\r\n$4\r\nAUTH\r\n$4\r\n\xc3\xa9 b\r\n");
    }

    #[test]
    fn each_error_has_its_worth() {
        assert_eq!(refusal("+OK"), None);
        assert_eq!(refusal("-NOAUTH Authentication required.").unwrap().state, CheckState::Online);
        assert_eq!(refusal("-LOADING Redis is loading the dataset in memory").unwrap().state, CheckState::Degraded);
        assert_eq!(refusal("-WRONGPASS invalid username-password pair").unwrap().state, CheckState::Offline);
    }

    proptest! {
        #[test]
        fn any_line_is_judged(line in "\\PC{0,40}") {
            prop_assert_eq!(refusal(&line).is_some(), line.starts_with('-'));
        }
    }
}
