//! What can be said on the command line, and the text of `--help`.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Parser, ValueExt as _};

use crate::access::Role;

/// The help text.
pub(super) const HELP: &str = "\
Farol's collector: takes in what agents measure, keeps it, and shows it live.

Usage: farol-collector [--config FILE] [COMMAND]

  serve                        run the collector (also without a command)
  user add NAME [--role ROLE] [--tenant TENANT]
                               make an account; asks for its password
                               roles: viewer (default), operator, admin, super_admin
  user password NAME           change a password (also: user passwd)
  user role NAME ROLE          change what an account may do
  user tenant NAME TENANT      show an account its tenant only; --none instead: everything
  user disable NAME            let nobody sign in by an account; user enable NAME: again
  user reset-second-factor NAME
                               forget a second factor that was lost
  user delete NAME             remove an account
  user list                    show accounts
                               every change ends the account's sign-ins
  token create NAME [--tenant TENANT] [--environment ENVIRONMENT]
                               make a token for agents; prints it once
  token revoke NAME-or-ID      refuse a token from now on
  token list                   show tokens and when they were last used
  api-token list               show tokens by which programs act for people
  api-token revoke ID          refuse such a token from now on
  backup DIR                   write a consistent copy of both databases into a new folder,
                               also while the collector runs; to restore, start the
                               collector with FAROL_DATA_DIR=DIR or copy its files back;
                               the key of secrets at rest (state.key) is not in it
  check-config [--offline]     check the configuration and show it, without secrets; asks every
                               integration once and says what it found, unless --offline
  health                       ask the running collector how it is; 0 = well, 1 = not
  metrics                      print the catalogue of metrics (docs/METRICS.md)
  options                      print all settings (docs/CONFIG.md)
  api                          print all routes of the HTTP API (docs/API.md)

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
    Api,
    Backup { to: PathBuf },
    User(UserAction),
    Token(TokenAction),
    ApiToken(ApiTokenAction),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum UserAction {
    Add { name: String, role: Role, tenant: Option<String> },
    Password { name: String },
    Role { name: String, role: Role },
    Tenant { name: String, tenant: Option<String> },
    Disable { name: String },
    Enable { name: String },
    ResetSecondFactor { name: String },
    Delete { name: String },
    List,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenAction {
    Create { name: String, tenant: Option<String>, environment: Option<String> },
    Revoke { which: String },
    List,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ApiTokenAction {
    Revoke { id: i64 },
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
    #[error("'{0}' is no number of a token: `api-token list` shows them")]
    NoNumber(String),
    #[error("{command} needs {what}")]
    Missing { command: &'static str, what: &'static str },
    #[error("{0} does not belong there")]
    TooMuch(String),
}

/// Options and words in the order they came. What a command uses it takes away.
#[derive(Default)]
struct Words {
    config: Option<PathBuf>,
    role: Option<Role>,
    tenant: Option<String>,
    environment: Option<String>,
    none: bool,
    password_stdin: bool,
    offline: bool,
    words: std::collections::VecDeque<OsString>,
}

/// Most words of a command line: four belong, the rest is for the error.
const WORDS_MAX: usize = 8;

pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Given, UsageError> {
    let mut parser = Parser::from_args(arguments);
    let mut given = Words::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Given { config: None, action: Action::Help }),
            Arg::Short('V') | Arg::Long("version") => return Ok(Given { config: None, action: Action::Version }),
            Arg::Short('c') | Arg::Long("config") => given.config = Some(parser.value()?.into()),
            Arg::Long("role") => given.role = Some(role(parser.value()?.string()?)?),
            Arg::Long("tenant") => given.tenant = Some(parser.value()?.string()?),
            Arg::Long("environment") => given.environment = Some(parser.value()?.string()?),
            Arg::Long("none") => given.none = true,
            Arg::Long("offline") => given.offline = true,
            Arg::Long("password-stdin") => given.password_stdin = true,
            Arg::Value(word) if given.words.len() < WORDS_MAX => given.words.push_back(word),
            other => return Err(other.unexpected().into()),
        }
    }
    let config = given.config.take();
    let action = given.action()?;
    given.used_up()?;
    Ok(Given { config, action })
}

impl Words {
    fn action(&mut self) -> Result<Action, UsageError> {
        let Some(first) = self.words.pop_front() else { return Ok(Action::Serve) };
        Ok(match first.string()?.as_str() {
            "serve" => Action::Serve,
            "help" => Action::Help,
            "check-config" => Action::CheckConfig { offline: std::mem::take(&mut self.offline) },
            "health" => Action::Health,
            "metrics" => Action::Metrics,
            "options" => Action::Options,
            "api" => Action::Api,
            "backup" => {
                let to = self.words.pop_front().ok_or(UsageError::Missing { command: "backup", what: "the folder to make" })?;
                Action::Backup { to: to.into() }
            }
            "user" => Action::User(self.user()?),
            "token" => Action::Token(self.token()?),
            "api-token" => Action::ApiToken(self.api_token()?),
            other => return Err(UsageError::Unknown(other.to_owned())),
        })
    }

    fn user(&mut self) -> Result<UserAction, UsageError> {
        let verbs = "add, password, role, tenant, disable, enable, reset-second-factor, delete or list";
        Ok(match self.word("user", verbs)?.as_str() {
            "add" => {
                let name = self.word("user add", "a name")?;
                self.password_stdin = false;
                UserAction::Add { name, role: self.role.take().unwrap_or(Role::Viewer), tenant: self.tenant.take() }
            }
            "password" | "passwd" => {
                self.password_stdin = false;
                UserAction::Password { name: self.word("user password", "a name")? }
            }
            "role" => {
                let name = self.word("user role", "a name")?;
                UserAction::Role { name, role: role(self.word("user role", "a role")?)? }
            }
            "tenant" => {
                let name = self.word("user tenant", "a name")?;
                let none = std::mem::take(&mut self.none);
                let tenant = if none { None } else { Some(self.word("user tenant", "a tenant, or --none")?) };
                UserAction::Tenant { name, tenant }
            }
            "disable" => UserAction::Disable { name: self.word("user disable", "a name")? },
            "enable" => UserAction::Enable { name: self.word("user enable", "a name")? },
            "reset-second-factor" => UserAction::ResetSecondFactor { name: self.word("user reset-second-factor", "a name")? },
            "delete" => UserAction::Delete { name: self.word("user delete", "a name")? },
            "list" => UserAction::List,
            verb => return Err(UsageError::Unknown(format!("user {verb}"))),
        })
    }

    fn token(&mut self) -> Result<TokenAction, UsageError> {
        Ok(match self.word("token", "create, revoke or list")?.as_str() {
            "create" => {
                let name = self.word("token create", "a name")?;
                TokenAction::Create { name, tenant: self.tenant.take(), environment: self.environment.take() }
            }
            "revoke" => TokenAction::Revoke { which: self.word("token revoke", "a name or number")? },
            "list" => TokenAction::List,
            verb => return Err(UsageError::Unknown(format!("token {verb}"))),
        })
    }

    fn api_token(&mut self) -> Result<ApiTokenAction, UsageError> {
        Ok(match self.word("api-token", "revoke or list")?.as_str() {
            "revoke" => {
                let id = self.word("api-token revoke", "a number")?;
                ApiTokenAction::Revoke { id: id.parse().map_err(|_| UsageError::NoNumber(id))? }
            }
            "list" => ApiTokenAction::List,
            verb => return Err(UsageError::Unknown(format!("api-token {verb}"))),
        })
    }

    fn word(&mut self, command: &'static str, what: &'static str) -> Result<String, UsageError> {
        let word = self.words.pop_front().ok_or(UsageError::Missing { command, what })?;
        Ok(word.string()?)
    }

    /// Refuses what the command did not use.
    fn used_up(mut self) -> Result<(), UsageError> {
        if let Some(rest) = self.words.pop_front() {
            return Err(UsageError::TooMuch(rest.to_string_lossy().into_owned()));
        }
        let left = [
            ("--offline", self.offline),
            ("--role", self.role.is_some()),
            ("--tenant", self.tenant.is_some()),
            ("--environment", self.environment.is_some()),
            ("--none", self.none),
            ("--password-stdin", self.password_stdin),
        ];
        let left = left.into_iter().find(|(_, is_left)| *is_left);
        left.map_or(Ok(()), |(option, _)| Err(UsageError::TooMuch(option.to_owned())))
    }
}

fn role(word: String) -> Result<Role, UsageError> {
    Role::parse(&word).ok_or(UsageError::NoRole(word))
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
        let add = |role| Action::User(UserAction::Add { name: "ana".to_owned(), role, tenant: None });
        assert_eq!(check("user add ana"), Ok(add(Role::Viewer)));
        assert_eq!(check("user add ana --role admin --password-stdin"), Ok(add(Role::Admin)));
        let ana = || "ana".to_owned();
        let tenant = |tenant: Option<&str>| Action::User(UserAction::Tenant { name: ana(), tenant: tenant.map(str::to_owned) });
        assert_eq!(check("user tenant ana acme"), Ok(tenant(Some("acme"))));
        assert_eq!(check("user tenant ana --none"), Ok(tenant(None)));
        assert_eq!(check("user role ana operator"), Ok(Action::User(UserAction::Role { name: ana(), role: Role::Operator })));
        assert_eq!(check("user passwd ana"), check("user password ana"));
        assert_eq!(check("user reset-second-factor ana"), Ok(Action::User(UserAction::ResetSecondFactor { name: ana() })));
        let create = TokenAction::Create { name: ana(), tenant: Some("acme".to_owned()), environment: Some("live".to_owned()) };
        assert_eq!(check("token create ana --environment live --tenant acme"), Ok(Action::Token(create)));
        assert_eq!(check("api-token revoke 3"), Ok(Action::ApiToken(ApiTokenAction::Revoke { id: 3 })));
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
            ("user", "user needs add, password"),
            ("user role ana", "user role needs a role"),
            ("user tenant ana", "user tenant needs a tenant, or --none"),
            ("user disable ana --tenant acme", "--tenant does not belong"),
            ("api-token revoke x", "'x' is no number"),
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
