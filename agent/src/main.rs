//! `farol-agent`: the program around the library. Reads its arguments and its configuration, then runs or checks.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
    sync::Arc,
};

use farol_agent::{
    alive::{self, Alive},
    check,
    clock::SystemClock,
    config::{self, Settings},
    environment::Environment,
    exec, log,
    manager::Manager,
    run,
    send::{Http, Target, tcp::Tcp},
};
use farol_shared::{clock::Clock, report::chain};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::{error, info, warn};

/// Exit status for wrong arguments, after sysexits.
const USAGE: u8 = 64;
/// Exit status for a wrong configuration, after sysexits.
const CONFIG: u8 = 78;

const HELP: &str = "\
farol-agent: measures this machine or container once a second and delivers it to a Farol collector.

Usage: farol-agent [COMMAND] [OPTIONS]
       farol-agent exec [OPTIONS] -- PROGRAM [ARGUMENTS]

Commands:
  run      Measure and deliver until stopped (default)
  exec     Start PROGRAM as a container's first process does, pass on its signals, output and status, and measure it
  check    Say once, in words, what can be measured here and whether the collector can be reached
  health   Say whether the agent that runs here (in this container, as this service) works; cheap, for health checks

Options:
  --config FILE   Read this TOML file instead of /etc/farol/agent.toml
  --check         Print the resulting configuration, secrets hidden, and stop
  --help, -h      Print this text
  --version, -V   Print the version

All that is needed are two variables:
  FAROL_COLLECTOR_URL   Address of the collector, such as http://collector:8650
  FAROL_TOKEN           Agent token, made there by `farol-collector token create NAME`
                        (or FAROL_TOKEN_FILE, a file that holds it)

Often useful:
  FAROL_SERVICE, FAROL_ENVIRONMENT, FAROL_TENANT   What runs here
  FAROL_INTERVAL=1s     Time between two readings
  FAROL_SPOOL_DIR       Directory that keeps what could not be delivered yet
  FAROL_LOG=info        error, warn, info, debug or trace

SIGHUP reads the configuration again; one that is wrong is told in the log and changes nothing.

Exit status: 0 stopped as asked, 1 failed, 64 wrong arguments, 78 wrong configuration. `exec` answers PROGRAM's own status,
128 and the signal's number when a signal ended it, 127 when there is no such program, 126 when it cannot be run.
";

enum Command {
    Run,
    Check,
    Health,
    Exec(Vec<OsString>),
    PrintConfig,
    Print(&'static str),
}

fn main() -> ExitCode {
    let (command, file) = match arguments(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return fail(USAGE, &format!("{error}\nTry farol-agent --help.")),
    };
    if let Command::Print(text) = command {
        return print(text);
    }
    if let Command::Exec(program) = &command {
        return start(program, file.as_deref());
    }
    if matches!(command, Command::Health) {
        let (is_well, words) = alive::ask(&Environment);
        print(&format!("{words}\n"));
        return ExitCode::from(u8::from(!is_well));
    }
    let settings = match configuration(file.as_deref()) {
        Ok(settings) => settings,
        Err(message) => return fail(CONFIG, &message),
    };
    match command {
        Command::PrintConfig => print(&settings.to_string()),
        Command::Check => with_runtime(|runtime| {
            let is_fine = runtime.block_on(check::check(&settings, &Environment, Arc::new(SystemClock), &mut io::stdout()));
            is_fine.map_err(|error| error.to_string()).map(|is_fine| ExitCode::from(u8::from(!is_fine)))
        }),
        _ => {
            log::start(settings.log, &Environment);
            with_runtime(|runtime| runtime.block_on(serve(settings, file.as_deref())))
        }
    }
}

fn arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<(Command, Option<PathBuf>), lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value};
    let mut parser = lexopt::Parser::from_iter(arguments);
    let (mut command, mut file, mut prints_config) = (None, None, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) if matches!(command, Some(Command::Exec(_))) => {
                let program = std::iter::once(word).chain(parser.raw_args()?).collect();
                return Ok((Command::Exec(program), file));
            }
            Long("help") | Short('h') => return Ok((Command::Print(HELP), None)),
            Long("version") | Short('V') => {
                return Ok((Command::Print(concat!("farol-agent ", env!("CARGO_PKG_VERSION"), "\n")), None));
            }
            Long("config") => file = Some(PathBuf::from(parser.value()?)),
            Long("check") => prints_config = true,
            Value(word) if command.is_none() && word == "run" => command = Some(Command::Run),
            Value(word) if command.is_none() && word == "check" => command = Some(Command::Check),
            Value(word) if command.is_none() && word == "health" => command = Some(Command::Health),
            Value(word) if command.is_none() && word == "exec" => command = Some(Command::Exec(Vec::new())),
            other => return Err(other.unexpected()),
        }
    }
    if matches!(command, Some(Command::Exec(_))) {
        return Err("exec needs a program: farol-agent exec -- PROGRAM [ARGUMENTS]".into());
    }
    let command = if prints_config { Command::PrintConfig } else { command.unwrap_or(Command::Run) };
    Ok((command, file))
}

fn configuration(file: Option<&Path>) -> Result<Settings, String> {
    let is_default = file.is_none();
    let file = file.unwrap_or_else(|| Path::new(config::FILE));
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) if is_default && error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("cannot read the configuration {name}: {error}")),
    };
    let file = text.as_deref().map(|text| (name.as_str(), text));
    Settings::load(file, &Environment).map_err(|faults| format!("the configuration is wrong\n{faults}"))
}

/// Starts a program and measures it. A wrong configuration is told, and the program runs all the same.
fn start(program: &[OsString], file: Option<&Path>) -> ExitCode {
    let settings = match configuration(file) {
        Ok(settings) => Some(settings),
        Err(message) => {
            // The status will be the program's.
            tell(&format!("{message}\nThe program runs without being measured."));
            None
        }
    };
    if let Some(settings) = &settings {
        log::start(settings.log, &Environment);
    }
    with_runtime(|runtime| match runtime.block_on(exec::exec(program, settings.as_ref())) {
        Ok(status) => Ok(ExitCode::from(status)),
        Err(error) => Ok(fail(error.status(), &chain(&error).to_string())),
    })
}

/// What the process is told from outside.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, hang_up: signal(SignalKind::hangup())? })
    }

    /// Waits for the end of a run; gives the settings of the next one, if there is to be one.
    async fn end_of_run(&mut self, file: Option<&Path>, alive: &Alive) -> Option<Settings> {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => {}
            }
            alive.reloading();
            match configuration(file) {
                Ok(settings) => {
                    info!("configuration read again");
                    return Some(settings);
                }
                Err(fault) => error!(fault, "configuration is wrong; the earlier one stays in force"),
            }
            alive.ready();
        }
        alive.stopping();
        None
    }
}

/// Runs until it is told to stop. SIGHUP ends a run as stopping does, delivery and spool included, and begins another.
async fn serve(mut settings: Settings, file: Option<&Path>) -> Result<ExitCode, String> {
    let mut signals = Signals::listen().map_err(|error| format!("cannot wait for signals: {error}"))?;
    let alive = Rc::new(Alive::open(&Environment, Manager::find(&Environment)));
    // What to go back to, should a run not begin.
    let mut earlier: Option<Settings> = None;
    loop {
        let target: Target = settings.target.clone().ok_or("send.url is not set")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sink = Http::new(target, Tcp::new(&Environment), Arc::clone(&clock));
        let mut next = None;
        let shutdown = async { next = signals.end_of_run(file, &alive).await };
        match (run::run(&settings, sink, clock, &alive, shutdown).await, next, earlier.take()) {
            (Ok(_), None, _) => return Ok(ExitCode::SUCCESS),
            (Ok(_), Some(new), _) => {
                if new.log != settings.log {
                    warn!("the log's level is set at start: restart the agent to change it");
                }
                earlier = Some(std::mem::replace(&mut settings, new));
            }
            (Err(cause), _, Some(before)) => {
                error!(error = %chain(&cause), "the new configuration does not work; back to the earlier one");
                settings = before;
            }
            (Err(cause), _, None) => return Err(chain(&cause).to_string()),
        }
    }
}

fn with_runtime(work: impl FnOnce(&Runtime) -> Result<ExitCode, String>) -> ExitCode {
    let runtime = Builder::new_current_thread()
        .enable_all()
        // A handful of descriptors is all there is; the usual 1,024 events cost 12 KiB.
        .max_io_events_per_tick(16)
        // They look names up: one that hangs must delay neither a probe's nor the delivery's.
        .max_blocking_threads(4)
        .build();
    let result = runtime.map_err(|error| format!("cannot start: {error}")).and_then(|runtime| work(&runtime));
    result.unwrap_or_else(|message| fail(1, &message))
}

fn print(text: &str) -> ExitCode {
    // A closed pipe (`farol-agent --help | head`) is no failure of ours.
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

fn fail(status: u8, message: &str) -> ExitCode {
    tell(message);
    ExitCode::from(status)
}

fn tell(message: &str) {
    // When standard error is closed, the status still tells.
    writeln!(io::stderr(), "farol-agent: {message}").unwrap_or_default();
}
