//! What an error of Redis, or of the way to it, means for a poll.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::{ANSWER_BYTES_MAX, bounded::TOO_LARGE};
use crate::pull::PollError;

/// What a server says that takes no more clients.
const NO_ROOM: &str = "max number of clients";

/// Whether the server does not offer a command at all, or not to this user: what it is for is hidden, not broken.
#[must_use]
pub fn is_not_offered(error: &RedisError) -> bool {
    let detail = error.detail().unwrap_or_default().to_ascii_lowercase();
    error.code() == Some("NOPERM") || detail.contains("unknown command") || detail.contains("unknown subcommand")
        // What managed services say of commands that they keep for themselves.
        || detail.contains("not allowed") || detail.contains("not supported") || detail.contains("is disabled")
}

/// Whether the server refuses the connection itself. It says so unasked, which looks like the answer to the first command.
#[must_use]
pub fn is_turned_away(error: &RedisError) -> bool {
    error.code() == Some("DENIED") || error.detail().is_some_and(|detail| detail.contains(NO_ROOM))
}

/// Whether the connection is to be given up: it ended, or the server is no longer the one to ask.
#[must_use]
pub fn is_end(error: &RedisError) -> bool {
    let is_elsewhere = matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    );
    // After an answer that came too late nobody knows how many more are on their way.
    is_elsewhere || error.is_unrecoverable_error() || error.is_io_error()
}

/// Says what an error means. `command` is what was asked, such as `INFO`, without its arguments.
///
/// Credentials and rights are [`PollError::auth`], a dataset being loaded is [`PollError::pending`], an answer of another
/// shape is [`PollError::bad_answer`], and all else is [`PollError::unreachable`].
#[must_use]
pub fn told(error: &RedisError, command: &str) -> PollError {
    let code = error.code().unwrap_or_default();
    let detail = error.detail().map(harmless).unwrap_or_default();
    match (code, error.kind()) {
        ("NOAUTH", _) => PollError::auth("Redis wants a password: write password_file or password_env"),
        ("WRONGPASS", _) | (_, ErrorKind::AuthenticationFailed) => refused_password(&detail),
        ("NOPERM", _) => lacking_right(&detail, command),
        ("DENIED", _) => PollError::auth("Redis runs in protected mode and refuses other machines: give it a password"),
        ("LOADING", _) => PollError::pending("Redis is loading its dataset into memory"),
        ("MOVED" | "ASK", _) => PollError::bad_answer("this Redis is part of a cluster: write cluster = true"),
        ("CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" | "BUSY" | "OOM" | "MISCONF" | "READONLY", _) => {
            PollError::unreachable(format!("Redis says {code} {detail}"))
        }
        (_, ErrorKind::Io) if error.to_string().contains(TOO_LARGE) => {
            PollError::bad_answer(format!("the answer to {command} is larger than {} MiB", ANSWER_BYTES_MAX >> 20))
        }
        (_, ErrorKind::Io) => PollError::unreachable(broken(error, command)),
        _ if detail.contains(NO_ROOM) => PollError::unreachable(
            "Redis has no room for another client: raise maxclients, or find who holds so many connections",
        ),
        _ if is_not_offered(error) => PollError::auth(format!("this Redis does not offer {command}")),
        (_, ErrorKind::Server(_) | ErrorKind::Extension) => {
            PollError::bad_answer(format!("{command} is refused: {code} {detail}"))
        }
        (_, ErrorKind::Parse) => PollError::bad_answer(format!("the answer to {command} is not Redis' protocol: is it a Redis?")),
        _ => PollError::bad_answer(format!("the answer to {command} is not of the expected shape")),
    }
}

fn refused_password(detail: &str) -> PollError {
    let detail = detail.to_ascii_lowercase();
    if detail.contains("without any password configured") || detail.contains("no password is set") {
        return PollError::auth("Redis has no password for this user: remove password, or name the right username");
    }
    if detail.contains(NO_ROOM) {
        return PollError::unreachable("Redis has no room for another client: raise maxclients");
    }
    PollError::auth("Redis refuses the user name or the password")
}

/// `User ada has no permissions to run the 'info' command`, or `No permissions to access a key`.
fn lacking_right(detail: &str, command: &str) -> PollError {
    let lower = detail.to_ascii_lowercase();
    let what = if lower.contains("channel") {
        format!("to the channel that {command} listens to: add &CHANNEL to its ACL")
    } else if lower.contains(" key") {
        format!("to the key that {command} reads: add %R~KEY to its ACL")
    } else {
        let named = detail.split('\'').nth(1).filter(|name| !name.is_empty()).unwrap_or(command).to_ascii_lowercase();
        format!("to run {}: add +{} to its ACL", named.replace('|', " ").to_ascii_uppercase(), named.replace(' ', "|"))
    };
    PollError::auth(format!("the user lacks the right {what}"))
}

/// Without what a server may echo of a command's arguments.
fn harmless(detail: &str) -> String {
    let cut = detail.find(", with args").unwrap_or(detail.len());
    detail.get(..cut).unwrap_or_default().to_owned()
}

fn broken(error: &RedisError, command: &str) -> String {
    if error.is_timeout() {
        return format!("no answer to {command} in time");
    }
    format!("the connection broke during {command}: {}", harmless(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use redis::make_extension_error;

    use super::*;
    use crate::pull::Code;

    fn said(code: &str, detail: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{code} {detail}\r\n").as_bytes());
        match value.and_then(redis::Value::extract_error) {
            Err(error) => error,
            Ok(_) => make_extension_error(code.to_owned(), Some(detail.to_owned())),
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        for (code, detail, expected, words) in [
            ("NOAUTH", "Authentication required.", Code::Auth, "wants a password"),
            ("WRONGPASS", "invalid username-password pair or user is disabled.", Code::Auth, "refuses the user name"),
            ("NOPERM", "User ada has no permissions to run the 'slowlog|get' command", Code::Auth, "add +slowlog|get"),
            (
                "NOPERM",
                "this user has no permissions to run the 'info' command or its subcommand",
                Code::Auth,
                "run INFO: add +info",
            ),
            ("NOPERM", "No permissions to access a key", Code::Auth, "key that INFO reads"),
            ("DENIED", "Redis is running in protected mode because", Code::Auth, "protected mode"),
            ("LOADING", "Redis is loading the dataset in memory", Code::Pending, "loading"),
            ("MOVED", "866 127.0.0.1:7002", Code::BadAnswer, "cluster = true"),
            ("CLUSTERDOWN", "The cluster is down", Code::Unreachable, "CLUSTERDOWN The cluster is down"),
            ("READONLY", "You can't write against a read only replica.", Code::Unreachable, "READONLY You can't"),
            ("OOM", "command not allowed when used memory > 'maxmemory'.", Code::Unreachable, "OOM command"),
            ("ERR", "max number of clients reached", Code::Unreachable, "maxclients"),
            ("ERR", "unknown command 'INFO', with args beginning with: 's3cr3t' ", Code::Auth, "does not offer INFO"),
            ("ERR", "syntax error", Code::BadAnswer, "INFO is refused: ERR syntax error"),
        ] {
            let told = told(&said(code, detail), "INFO");
            assert_eq!(told.code, expected, "{code} {detail}: {told}");
            assert!(told.message.contains(words), "{code} {detail}: {told}");
            assert!(!told.message.contains("s3cr3t"), "{told}");
        }
        assert!(is_not_offered(&said("ERR", "unknown command 'CONFIG', with args beginning with:")));
        assert!(is_not_offered(&said("ERR", "unknown subcommand 'x'. Try CLIENT HELP.")));
        assert!(!is_not_offered(&said("ERR", "syntax error")));
        assert!(is_end(&said("READONLY", "x")) && !is_end(&said("NOPERM", "x")));
    }
}
