//! The command line of `farol-collector`: serving, and looking after accounts, tokens and copies beside a running collector.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use farol_shared::{clock::Clock as _, config::ConfigError, report};

use crate::{
    access::password::PasswordError,
    clock::SystemClock,
    config::{self, Settings},
    run::RunError,
    state::{self, NewToken, StateDb, StateError},
};

mod api_text;
mod args;
mod backup;
mod config_text;
mod documents;
mod health;
mod log;
mod prompt;
mod serve;
mod table;
mod token;
mod trial;
mod user;

use args::{Action, ApiTokenAction, Given, TokenAction, UserAction};

/// Exit status for a command line that cannot be understood (sysexits `EX_USAGE`).
const EXIT_USAGE: u8 = 64;

/// Exit status for a configuration that cannot be used (sysexits `EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("the configuration cannot be used")]
    Config(Vec<ConfigError>),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Prompt(#[from] prompt::PromptError),
    #[error(transparent)]
    Backup(#[from] backup::BackupError),
    #[error(transparent)]
    Health(#[from] health::HealthError),
    #[error("there is no {file} in {dir}: name the collector's data folder by FAROL_DATA_DIR or --config")]
    NoData { file: &'static str, dir: String },
    #[error("{name} signs in by {origin}: it has no password here")]
    NotLocal { name: String, origin: String },
    #[error("getting random numbers from the system")]
    Random(#[source] getrandom::Error),
    #[error("starting the async runtime")]
    Runtime(#[source] io::Error),
    #[error("running the collector")]
    Run(#[from] RunError),
    #[error("writing to standard output")]
    Output(#[from] io::Error),
}

/// The program. Reads arguments and environment, does what they say, and answers the exit status.
#[must_use]
pub fn main() -> ExitCode {
    let given = match args::parse(std::env::args_os().skip(1)) {
        Ok(given) => given,
        Err(error) => {
            tell(&format!("farol-collector: {error}\nTry `farol-collector --help`.\n"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match run(&given, &config::environment(), &mut io::stdout().lock()) {
        Ok(code) => code,
        // Whoever reads (`| head`) has had enough.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(CliError::Config(faults)) => {
            let lines: String = faults.iter().map(|fault| format!("  {fault}\n")).collect();
            tell(&format!("farol-collector: the configuration cannot be used:\n{lines}"));
            ExitCode::from(EXIT_CONFIG)
        }
        Err(error) => {
            tell(&format!("farol-collector: {}\n", report::chain(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard error. When that is closed there is nobody left to tell.
fn tell(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

fn run(given: &Given, vars: &BTreeMap<String, String>, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let settings = || config::load(given.config.as_deref(), vars).map_err(CliError::Config);
    match &given.action {
        Action::Help => out.write_all(args::HELP.as_bytes())?,
        Action::Version => writeln!(out, "farol-collector {}", env!("CARGO_PKG_VERSION"))?,
        Action::Metrics => out.write_all(documents::metrics().as_bytes())?,
        Action::Api => out.write_all(api_text::text().as_bytes())?,
        Action::Options => out.write_all(documents::options().as_bytes())?,
        Action::CheckConfig { offline } => {
            let settings = settings()?;
            config_text::show(&settings, out)?;
            if !offline && !trial::ask(&settings.pull, out)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Action::Health => return Ok(health::ask(&settings()?, out)?),
        Action::Backup { to } => backup::make(&settings()?, to, out)?,
        Action::User(action) => do_user(&settings()?, action, out)?,
        Action::Token(action) => do_token(&settings()?, action, out)?,
        Action::ApiToken(ApiTokenAction::List) => token::list_api(&open(&settings()?)?, out)?,
        Action::ApiToken(ApiTokenAction::Revoke { id }) => token::revoke_api(&mut open(&settings()?)?, *id, out)?,
        Action::Serve => serve::serve(settings()?, given.config.as_deref(), vars)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn do_user(settings: &Settings, action: &UserAction, out: &mut dyn Write) -> Result<(), CliError> {
    let mut db = if matches!(action, UserAction::Add { .. }) { open_or_make(settings)? } else { open(settings)? };
    user::change(&mut db, action, out)
}

fn do_token(settings: &Settings, action: &TokenAction, out: &mut dyn Write) -> Result<(), CliError> {
    match action {
        TokenAction::Create { name, tenant, environment } => {
            let (tenant, environment) = (tenant.as_deref(), environment.as_deref());
            token::create(&mut open_or_make(settings)?, &NewToken { name, tenant, environment, created_by: None }, out)?;
            tell(&format!("Kept in {}. It is shown only now.\n", state_path(settings).display()));
            Ok(())
        }
        TokenAction::Revoke { which } => token::revoke(&mut open(settings)?, which, out),
        TokenAction::List => token::list(&open(settings)?, out),
    }
}

fn now_ms() -> i64 {
    SystemClock.now_ms()
}

/// Accounts may be made before the first start.
fn open_or_make(settings: &Settings) -> Result<StateDb, CliError> {
    Ok(StateDb::open(&state_path(settings))?)
}

/// What is there is looked at; a mistyped folder must not become an empty collector.
fn open(settings: &Settings) -> Result<StateDb, CliError> {
    let path = state_path(settings);
    if !path.is_file() {
        let dir = absolute(&settings.data_dir).display().to_string();
        return Err(CliError::NoData { file: state::FILE_NAME, dir });
    }
    Ok(StateDb::open(&path)?)
}

fn state_path(settings: &Settings) -> PathBuf {
    absolute(&settings.data_dir).join(state::FILE_NAME)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests;
