//! The applications and load generators: real servers of real frameworks, started on an address of their own.

use std::{
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
};

use farol_tests::{
    http::Client,
    process::{Process, project, python_program},
    wait::until,
};

/// Worker processes of the servers that have several.
pub(crate) const WORKERS: usize = 8;

/// The Python environment that `tests/run apps` makes.
fn python(program: &str) -> Command {
    let mut command = Process::command(python_program(program));
    let packages = [apps(), project().join("packaging/middleware")].map(|path| path.display().to_string()).join(":");
    command.current_dir(apps()).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn apps() -> PathBuf {
    project().join("tests/apps")
}

/// A variable with its value.
pub(crate) type Var<'a> = (&'a str, String);

/// Django under gunicorn with many workers; through `opentelemetry-instrument` when `is_instrumented`.
pub(crate) fn django(address: SocketAddr, is_instrumented: bool, vars: &[Var<'_>]) -> Process {
    let workers = WORKERS.to_string();
    let vars = [vars, &[("DJANGO_SETTINGS_MODULE", "shop_django.settings".to_owned())]].concat();
    let bind = address.to_string();
    let words = ["--workers", &workers, "--bind", &bind, "--log-level", "warning", "shop_django.wsgi"];
    start("django", address, if is_instrumented { instrumented("gunicorn") } else { python("gunicorn") }, &words, &vars)
}

/// `FastAPI` under uvicorn with two workers.
pub(crate) fn fastapi(address: SocketAddr, is_instrumented: bool, vars: &[Var<'_>]) -> Process {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let words = ["--host", &host, "--port", &port, "--log-level", "warning", "--workers", "2", "shop_fastapi:app"];
    start("fastapi", address, if is_instrumented { instrumented("uvicorn") } else { python("uvicorn") }, &words, vars)
}

/// Express on Node.
pub(crate) fn express(address: SocketAddr, is_instrumented: bool, vars: &[Var<'_>]) -> Process {
    let mut command = Process::command("node");
    command.current_dir(apps().join("express"));
    if is_instrumented {
        command.args(["-r", "./otel.js"]);
    }
    start("express", address, command, &["app.js", &address.port().to_string(), &address.ip().to_string()], vars)
}

/// axum.
pub(crate) fn axum(address: SocketAddr) -> Process {
    start("axum", address, Process::command(env!("CARGO_BIN_EXE_axum_app")), &[&address.to_string()], &[])
}

fn instrumented(program: &str) -> Command {
    let mut command = python("opentelemetry-instrument");
    command.arg(python(program).get_program());
    command
}

fn start(name: &str, address: SocketAddr, mut command: Command, words: &[&str], vars: &[Var<'_>]) -> Process {
    command.args(words).envs(vars.iter().map(|(key, value)| (key, value)));
    let mut process = Process::start(name, command);
    until(&format!("{name} to listen"), || {
        assert!(process.ended().is_none(), "{name} ended:\n{}", process.log());
        TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
    });
    process
}

/// Sends exactly `count` requests, over `clients` kept-alive connections, and fails when one is not answered.
pub(crate) fn h2load(url: &str, count: u64, clients: u64, is_h2: bool) {
    let mut command = Process::command("h2load");
    command.args(["-n", &count.to_string(), "-c", &clients.to_string()]);
    if !is_h2 {
        command.arg("--h1");
    }
    let output = command.arg(url).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let wanted = format!("{count} total, {count} started, {count} done");
    assert!(printed.contains(&wanted), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}

/// Asks for what fails, each time over a new connection: some servers close theirs after an exception.
pub(crate) fn fail(app: SocketAddr, count: u64) {
    for _ in 0..count {
        assert_eq!(Client::new(app).get("/boom").status, 500);
    }
}

/// Loads for some seconds; gives how many requests were answered.
pub(crate) fn wrk(url: &str, connections: u64, seconds: u64) -> u64 {
    let mut command = Process::command("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), url]);
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = printed.lines().find(|line| line.contains(" requests in ")).unwrap_or_else(|| panic!("{printed}"));
    eprintln!("{}", line.trim());
    line.split_whitespace().next().unwrap().parse().unwrap()
}
