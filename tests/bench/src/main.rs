//! Prints the figures of `docs/BENCHMARKS.md`. Never asserts a time; `tests/bench/run` drives it beside the peers.

mod data;
mod footprint;
mod http;
mod ingest;
mod latency;
mod process;
mod proxy;
mod query;
mod remote_write;
mod reported;
mod sockets;
mod storage;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail};

const HELP: &str = "\
farol-bench COMMAND --option value ...

ingest     --target HOST:PORT --pid PID --agents N --interval-ms MS --seconds S [--token T | --remote-write 1]
latency    --target HOST:PORT --token T --password P --count N --pause-ms MS
event      --target HOST:PORT --password P --loadavg FILE --key RESOURCE --count N
query      --target HOST:PORT --name TEXT --path PATH --count N [--password P]
storage    --dir DIR [--peer HOST:PORT --pid PID]
reported   --socket PATH --statsd HOST:PORT --rate N --seconds S
footprint  --seconds S --name NAME --pid PID
sockets    --target HOST:PORT --pid PID --name TEXT --listeners N --a-minute N --seconds S [--token T --password P] [--deflate 1]
upstream   --listen HOST:PORT
proxy      --direct HOST:PORT --agent HOST:PORT --agent-pid PID [--nginx HOST:PORT --nginx-pid PID] --rate N --connections N --seconds S
";

fn main() -> Result<()> {
    let (command, options) = arguments()?;
    let text = |name: &str| options.get(name).cloned().with_context(|| format!("--{name} is missing\n\n{HELP}"));
    let number = |name: &str| -> Result<u64> { text(name)?.parse().with_context(|| format!("--{name} is not a number")) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command.as_str() {
        "ingest" => {
            let load = ingest::Load {
                target: text("target")?,
                token: options.get("token").cloned().unwrap_or_default(),
                agents: number("agents")?,
                interval: Duration::from_millis(number("interval-ms")?),
                run: Duration::from_secs(number("seconds")?),
                pid: u32::try_from(number("pid")?)?,
                remote_write: options.contains_key("remote-write"),
            };
            runtime.block_on(ingest::run(load)).map(drop)
        }
        "latency" => {
            let pause = Duration::from_millis(number("pause-ms")?);
            runtime.block_on(latency::run(&text("target")?, &text("token")?, &text("password")?, number("count")?, pause))
        }
        "event" => {
            let loadavg = text("loadavg")?;
            let count = u32::try_from(number("count")?)?;
            let key = text("key")?;
            runtime.block_on(latency::event(&text("target")?, &text("password")?, std::path::Path::new(&loadavg), &key, count))
        }
        "query" => runtime.block_on(async {
            let target = text("target")?;
            let bearer = match options.get("password") {
                Some(password) => Some(http::sign_in(&target, password).await?),
                None => None,
            };
            query::run(&target, bearer.as_deref(), &text("name")?, &text("path")?, u32::try_from(number("count")?)?).await
        }),
        "storage" => {
            let peer = options.get("peer").cloned();
            let pid = if peer.is_some() { u32::try_from(number("pid")?)? } else { std::process::id() };
            runtime.block_on(storage::run(std::path::Path::new(&text("dir")?), peer.as_deref(), pid))
        }
        "reported" => reported::run(&text("socket")?, &text("statsd")?, number("rate")?, Duration::from_secs(number("seconds")?)),
        "footprint" => {
            footprint::run(&[(text("name")?, u32::try_from(number("pid")?)?)], Duration::from_secs(number("seconds")?))
        }
        "sockets" => runtime.block_on(sockets::run(sockets_load(&options)?)),
        "upstream" => proxy::upstream(&text("listen")?),
        "proxy" => {
            let mut ways = vec![proxy::Way { name: "direct".to_owned(), target: text("direct")?, pid: None }];
            for name in ["agent", "nginx"].into_iter().filter(|name| options.contains_key(*name)) {
                let pid = u32::try_from(number(&format!("{name}-pid"))?)?;
                ways.push(proxy::Way { name: name.to_owned(), target: text(name)?, pid: Some(pid) });
            }
            let load = proxy::Load {
                rate: u32::try_from(number("rate")?)?,
                connections: u32::try_from(number("connections")?)?,
                run: Duration::from_secs(number("seconds")?),
            };
            proxy::run(&ways, load)
        }
        _ => bail!("unknown command '{command}'\n\n{HELP}"),
    }
}

fn sockets_load(options: &BTreeMap<String, String>) -> Result<sockets::Load> {
    let text = |name: &str| options.get(name).cloned().with_context(|| format!("--{name} is missing\n\n{HELP}"));
    let number = |name: &str| -> Result<u64> { text(name)?.parse().with_context(|| format!("--{name} is not a number")) };
    Ok(sockets::Load {
        name: text("name")?,
        target: text("target")?,
        pid: u32::try_from(number("pid")?)?,
        listeners: number("listeners")?,
        a_minute: number("a-minute")?,
        run: Duration::from_secs(number("seconds")?),
        access: options.get("token").cloned().zip(options.get("password").cloned()),
        is_compressed: options.contains_key("deflate"),
    })
}

fn arguments() -> Result<(String, BTreeMap<String, String>)> {
    let mut parser = lexopt::Parser::from_env();
    let mut command = String::new();
    let mut options = BTreeMap::new();
    while let Some(argument) = parser.next()? {
        match argument {
            lexopt::Arg::Value(value) if command.is_empty() => command = value.to_string_lossy().into_owned(),
            lexopt::Arg::Long(name) => {
                let name = name.to_owned();
                options.insert(name, parser.value()?.to_string_lossy().into_owned());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok((command, options))
}

/// Milliseconds since the epoch by the system's clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
