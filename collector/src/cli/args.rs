//! What can be said on the command line, and the text of `--help`.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Parser, ValueExt as _};

use crate::access::Role;

/// The help text.
pub(super) const HELP: &str = "\
Farol's collector: takes in what agents measure, keeps it, and shows it live.

Usage: farol-collector [--config FILE] [COMMAND]

  serve                        run the collector (also without a command)
  user add NAME [--role ROLE]  make an account; asks for its password
                               roles: viewer (default), operator, admin, super_admin
  user passwd NAME             change a password; ends the account's sign-ins
  user list                    show accounts
  token create NAME            make a token for an agent; prints it once
  token revoke NAME-or-ID      refuse a token from now on
  token list                   show tokens and when they were last used
  backup DIR                   write a consistent copy of both databases into a new folder,
                               also while the collector runs; to restore, start the
                               collector with FAROL_DATA_DIR=DIR or copy its files back
  check-config [--offline]     check the configuration and show it, without secrets; asks every
                               integration once and says what it found, unless --offline
  health                       ask the running collector how it is; 0 = well, 1 = not
  metrics                      print the catalogue of metrics (docs/METRICS.md)
  options                      print all settings (docs/CONFIG.md)

Options:
  -c, --config FILE            TOML file with settings (also FAROL_CONFIG)
      --password-stdin         read a password from standard input without asking
  -h, --help                   show this
  -V, --version                show the version

Settings come from defaults, then the file, then FAROL_* variables. The most used:
  FAROL_LISTEN                 address and port (127.0.0.1:8650)
  FAROL_DATA_DIR               folder of both databases (./farol-data)
  FAROL_ADMIN_PASSWORD[_FILE]  first start only: makes `admin` with this password
  FAROL_AGENT_TOKEN[_FILE]     an agent token accepted from the start

Exit status: 0 done, 1 failed, 64 wrong command line, 78 wrong configuration.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) config: Option<PathBuf>,
    pub(super) action: Action,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Help,
    Version,
    Serve,
    CheckConfig { offline: bool },
    Health,
    Metrics,
    Options,
    Backup { to: PathBuf },
    User(UserAction),
    Token(TokenAction),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum UserAction {
    Add { name: String, role: Role },
    Passwd { name: String },
    List,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenAction {
    Create { name: String },
    Revoke { which: String },
    List,
}

/// Why the command line cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    #[error(transparent)]
    Syntax(#[from] lexopt::Error),
    #[error("{0} is no command")]
    Unknown(String),
    #[error("'{0}' is no role: write viewer, operator, admin or super_admin")]
    NoRole(String),
    #[error("{command} needs {what}")]
    Missing { command: &'static str, what: &'static str },
    #[error("{0} does not belong there")]
    TooMuch(String),
}

/// Options and words in the order they came.
#[derive(Default)]
struct Words {
    config: Option<PathBuf>,
    role: Option<Role>,
    password_stdin: bool,
    offline: bool,
    words: Vec<OsString>,
}

/// Most words of a command line: three belong, the rest is for the error.
const WORDS_MAX: usize = 8;

pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Given, UsageError> {
    let mut parser = Parser::from_args(arguments);
    let mut given = Words::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Given { config: None, action: Action::Help }),
            Arg::Short('V') | Arg::Long("version") => return Ok(Given { config: None, action: Action::Version }),
            Arg::Short('c') | Arg::Long("config") => given.config = Some(parser.value()?.into()),
            Arg::Long("role") => {
                let word = parser.value()?.string()?;
                given.role = Some(Role::parse(&word).ok_or(UsageError::NoRole(word))?);
            }
            Arg::Long("offline") => given.offline = true,
            Arg::Long("password-stdin") => given.password_stdin = true,
            Arg::Value(word) if given.words.len() < WORDS_MAX => given.words.push(word),
            other => return Err(other.unexpected().into()),
        }
    }
    let config = given.config.take();
    Ok(Given { config, action: action(given)? })
}

fn action(given: Words) -> Result<Action, UsageError> {
    let (role, password_stdin, offline) = (given.role, given.password_stdin, given.offline);
    let mut words = given.words.into_iter();
    let first = words.next().map(ValueExt2::text).transpose()?;
    let action = match first.as_deref() {
        None | Some("serve") => Action::Serve,
        Some("help") => Action::Help,
        Some("check-config") => Action::CheckConfig { offline },
        Some("health") => Action::Health,
        Some("metrics") => Action::Metrics,
        Some("options") => Action::Options,
        Some("backup") => {
            let to = words.next().ok_or(UsageError::Missing { command: "backup", what: "the folder to make" })?;
            Action::Backup { to: to.into() }
        }
        Some("user") => user(&mut words, role)?,
        Some("token") => token(&mut words)?,
        Some(other) => return Err(UsageError::Unknown(other.to_owned())),
    };
    if let Some(rest) = words.next() {
        return Err(UsageError::TooMuch(rest.to_string_lossy().into_owned()));
    }
    if offline && !matches!(action, Action::CheckConfig { .. }) {
        return Err(UsageError::TooMuch("--offline".to_owned()));
    }
    if role.is_some() && !matches!(action, Action::User(UserAction::Add { .. })) {
        return Err(UsageError::TooMuch("--role".to_owned()));
    }
    if password_stdin && !matches!(action, Action::User(UserAction::Add { .. } | UserAction::Passwd { .. })) {
        return Err(UsageError::TooMuch("--password-stdin".to_owned()));
    }
    Ok(action)
}

fn user(words: &mut impl Iterator<Item = OsString>, role: Option<Role>) -> Result<Action, UsageError> {
    let verb = word(words, "user", "add, passwd or list")?;
    Ok(Action::User(match verb.as_str() {
        "add" => UserAction::Add { name: word(words, "user add", "a name")?, role: role.unwrap_or(Role::Viewer) },
        "passwd" => UserAction::Passwd { name: word(words, "user passwd", "a name")? },
        "list" => UserAction::List,
        _ => return Err(UsageError::Unknown(format!("user {verb}"))),
    }))
}

fn token(words: &mut impl Iterator<Item = OsString>) -> Result<Action, UsageError> {
    let verb = word(words, "token", "create, revoke or list")?;
    Ok(Action::Token(match verb.as_str() {
        "create" => TokenAction::Create { name: word(words, "token create", "a name")? },
        "revoke" => TokenAction::Revoke { which: word(words, "token revoke", "a name or number")? },
        "list" => TokenAction::List,
        _ => return Err(UsageError::Unknown(format!("token {verb}"))),
    }))
}

fn word(words: &mut impl Iterator<Item = OsString>, command: &'static str, what: &'static str) -> Result<String, UsageError> {
    words.next().ok_or(UsageError::Missing { command, what })?.text()
}

/// A word as text.
trait ValueExt2 {
    fn text(self) -> Result<String, UsageError>;
}

impl ValueExt2 for OsString {
    fn text(self) -> Result<String, UsageError> {
        Ok(self.string()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Action, String> {
        parse(line.split_whitespace().map(OsString::from)).map(|given| given.action).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(check(""), Ok(Action::Serve));
        assert_eq!(check("serve"), Ok(Action::Serve));
        assert_eq!(check("check-config --offline"), Ok(Action::CheckConfig { offline: true }));
        let add = |role| Action::User(UserAction::Add { name: "ana".to_owned(), role });
        assert_eq!(check("user add ana"), Ok(add(Role::Viewer)));
        assert_eq!(check("user add ana --role admin --password-stdin"), Ok(add(Role::Admin)));
        assert_eq!(check("token revoke 3"), Ok(Action::Token(TokenAction::Revoke { which: "3".to_owned() })));
        assert_eq!(check("backup /tmp/copy"), Ok(Action::Backup { to: "/tmp/copy".into() }));
        assert_eq!(check("user add --help"), Ok(Action::Help));
    }

    #[test]
    fn the_configuration_may_be_named_before_or_after_the_command() {
        for line in ["--config a.toml user list", "user list --config=a.toml", "-c a.toml user list"] {
            let given = parse(line.split_whitespace().map(OsString::from)).unwrap();
            assert_eq!(given.config, Some("a.toml".into()), "{line}");
        }
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        for (line, expect) in [
            ("fly", "fly is no command"),
            ("user", "user needs add, passwd or list"),
            ("user add", "user add needs a name"),
            ("user add ana --role boss", "'boss' is no role"),
            ("token create a b", "b does not belong"),
            ("serve --offline", "--offline does not belong"),
            ("serve --role admin", "--role does not belong"),
            ("health --password-stdin", "--password-stdin does not belong"),
            ("--fast", "--fast"),
            ("backup", "backup needs the folder"),
        ] {
            let message = check(line).unwrap_err();
            assert!(message.contains(expect), "{line}: {message}");
        }
    }

    #[test]
    fn a_password_is_never_taken_from_the_command_line() {
        assert!(check("user add ana --password secretsecret").is_err());
        assert!(check("user passwd ana secretsecret").is_err());
    }
}
