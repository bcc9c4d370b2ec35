//! `serve`: runs the collector until it is told to stop, and says on standard output how to use it.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    net::SocketAddr,
    path::Path,
    sync::Arc,
};

use farol_agent::manager::Manager;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{CliError, Settings, absolute, health::reachable, log};
use crate::{access::FirstSteps, clock::SystemClock, config, run};

pub(super) fn serve(settings: Settings, file: Option<&Path>, vars: &BTreeMap<String, String>) -> Result<(), CliError> {
    // The filter was checked with the other settings.
    log::start(settings.log.parse().unwrap_or_default(), vars);
    let welcome = Welcome::new(&settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(async {
        let stop = stop().map_err(CliError::Runtime)?;
        let ready = move |address, steps| {
            // Without standard output there is nobody to tell; the log says the address too.
            drop(io::stdout().lock().write_all(welcome.text(address, &steps).as_bytes()));
        };
        let manager = Manager::find(vars);
        // Heard from now on: unheard, the signal would end the process.
        let hang_up = signal(SignalKind::hangup()).map_err(CliError::Runtime)?;
        let serving = run::serve(settings, Arc::new(SystemClock), &manager, ready, stop);
        tokio::select! {
            served = serving => Ok(served?),
            () = look_again(hang_up, &manager, file, vars) => Ok(()),
        }
    })
}

/// At each SIGHUP reads the configuration and says whether the next start will take it. The certificate is read again by
/// [`run::tls`]; all else is what history, accounts and queues were opened with, and needs a restart.
async fn look_again(mut hang_up: Signal, manager: &Manager, file: Option<&Path>, vars: &BTreeMap<String, String>) {
    while hang_up.recv().await.is_some() {
        manager.reloading();
        match config::load(file, vars) {
            Ok(_) => tracing::info!(target: "run", "configuration is right; what changed in it holds from the next restart on"),
            Err(faults) => {
                for fault in faults {
                    tracing::error!(target: "run", %fault, "configuration is wrong; the next restart would fail");
                }
            }
        }
        manager.ready();
    }
    std::future::pending().await
}

/// Ends at the first SIGTERM or SIGINT. A second one ends the program at once, should draining take too long.
fn stop() -> io::Result<impl Future<Output = ()> + Send> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!(target: "run", signal = "SIGTERM", "stopping"),
            _ = interrupt.recv() => tracing::info!(target: "run", signal = "SIGINT", "stopping"),
        }
    })
}

/// What a person who starts the collector reads.
struct Welcome {
    public_url: Option<String>,
    data_dir: String,
    /// The program as it was called, with the variable without which it would look into another folder.
    command: String,
    agent_token: bool,
    is_tls: bool,
}

impl Welcome {
    fn new(settings: &Settings) -> Self {
        let program = std::env::args().next().unwrap_or_else(|| "farol-collector".to_owned());
        let data_dir = absolute(&settings.data_dir).display().to_string();
        let by_default = settings.data_dir == Path::new("./farol-data");
        let command = if by_default { program } else { format!("FAROL_DATA_DIR={data_dir} {program}") };
        Self {
            public_url: settings.public_url.clone(),
            data_dir,
            command,
            agent_token: settings.access.agent_token.is_some(),
            is_tls: settings.transport.tls.is_some(),
        }
    }

    fn text(&self, address: SocketAddr, steps: &FirstSteps) -> String {
        let local = format!("{}://{}", if self.is_tls { "https" } else { "http" }, reachable(address));
        let url = self.public_url.as_deref().unwrap_or(&local);
        let sign_in = match steps {
            FirstSteps::SignIn => "with your account".to_owned(),
            FirstSteps::AdminMade => "as admin, with the password of the configuration".to_owned(),
            FirstSteps::SetUp(token) => {
                format!("open this link once to make the first administrator:\n             {url}/#/setup?token={token}")
            }
        };
        let token = if self.agent_token { "the token of the configuration, or one made by " } else { "a token made by " };
        format!(
            "\nFarol {} is running.\n\n  \
             Page       {url}/\n  \
             Sign in    {sign_in}\n  \
             Data       {}\n  \
             Agents     {token}`{} token create NAME`; then beside the workload:\n             \
             FAROL_COLLECTOR_URL={url} FAROL_TOKEN=... farol-agent\n\n",
            env!("CARGO_PKG_VERSION"),
            self.data_dir,
            self.command,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(public_url: Option<&str>, steps: &FirstSteps) -> String {
        let welcome = Welcome {
            public_url: public_url.map(str::to_owned),
            data_dir: "/data".to_owned(),
            command: "farol-collector".to_owned(),
            agent_token: false,
            is_tls: public_url.is_none() && matches!(steps, FirstSteps::SignIn),
        };
        welcome.text("0.0.0.0:8650".parse().unwrap(), steps)
    }

    #[test]
    fn the_set_up_link_opens_the_page_at_an_address_that_works() {
        let steps = FirstSteps::SetUp("abc".to_owned());
        assert!(text(None, &steps).contains("http://127.0.0.1:8650/#/setup?token=abc\n"));
        assert!(text(Some("https://farol.example.org/x"), &steps).contains("https://farol.example.org/x/#/setup?token=abc\n"));
    }

    #[test]
    fn the_link_is_only_shown_while_it_is_needed() {
        for steps in [FirstSteps::SignIn, FirstSteps::AdminMade] {
            assert!(!text(None, &steps).contains("setup"));
        }
    }

    #[test]
    fn with_tls_the_address_says_so() {
        assert!(text(None, &FirstSteps::SignIn).contains("Page       https://127.0.0.1:8650/\n"));
        assert!(text(None, &FirstSteps::AdminMade).contains("Page       http://127.0.0.1:8650/\n"));
    }
}
