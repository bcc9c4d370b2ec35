//! What a proxy adds to a request: the same load straight to an application and through each proxy, in turns.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process::{self, quantile};

/// What the application answers: a small JSON document.
const BODY: &str = r#"{"id":7,"name":"a typical small answer of an API","tags":["a","b","c"],"total":12.5}"#;

/// Rounds in which the ways take turns, so that a busy moment of the machine meets them all.
const ROUNDS: u32 = 6;

/// A way to the application.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// What it is called.
    pub(crate) name: String,
    /// Host and port.
    pub(crate) target: String,
    /// The proxy's process, if there is one.
    pub(crate) pid: Option<u32>,
}

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Requests a second over all connections.
    pub(crate) rate: u32,
    /// Connections that are kept open.
    pub(crate) connections: u32,
    /// How long each way is measured in all.
    pub(crate) run: Duration,
}

/// The application: answers every request on `listen` at once, a thread a connection, until it is killed.
///
/// # Errors
/// When the address cannot be listened to.
pub(crate) fn upstream(listen: &str) -> Result<()> {
    let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::Builder::new().stack_size(64 << 10).spawn(move || drop(answer(stream)))?;
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let (mut buffer, mut length) = ([0_u8; 8192], 0);
    loop {
        let count = stream.read(buffer.get_mut(length..).unwrap_or_default())?;
        if count == 0 {
            return Ok(());
        }
        length += count;
        if buffer.get(..length).is_some_and(|read| read.ends_with(b"\r\n\r\n")) {
            stream.write_all(answer.as_bytes())?;
            length = 0;
        }
    }
}

/// Measures every way in turns and prints what each takes, and what it adds to the first.
///
/// # Errors
/// When one cannot be reached or answers with something else.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub(crate) fn run(ways: &[Way], load: Load) -> Result<()> {
    let each = load.run / ROUNDS;
    let mut took = vec![Vec::new(); ways.len()];
    let mut cpu_s = vec![0.0; ways.len()];
    let mut resident = vec![0.0_f64; ways.len()];
    for way in ways {
        measure(way, Load { run: Duration::from_secs(2), ..load })?;
    }
    for _ in 0..ROUNDS {
        for (at, way) in ways.iter().enumerate() {
            let before = way.pid.map(process::cost).transpose()?;
            took[at].extend(measure(way, Load { run: each, ..load })?);
            let after = way.pid.map(process::cost).transpose()?;
            if let (Some(before), Some(after)) = (before, after) {
                cpu_s[at] += after.cpu_s - before.cpu_s;
                resident[at] = resident[at].max(after.resident);
            }
        }
    }
    let mut base = (0.0, 0.0);
    for (at, way) in ways.iter().enumerate() {
        let took = &mut took[at];
        took.sort_by(f64::total_cmp);
        let (p50, p99) = (quantile(took, 0.5), quantile(took, 0.99));
        print!("proxy {}: {} requests, p50 {p50:.0} p99 {p99:.0} p99.9 {:.0} us", way.name, took.len(), quantile(took, 0.999));
        if at == 0 {
            base = (p50, p99);
        } else {
            print!(", added p50 {:.0} p99 {:.0} us", p50 - base.0, p99 - base.1);
        }
        if way.pid.is_some() {
            #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
            let each = cpu_s[at] / took.len() as f64 * 1e6;
            print!(", CPU {each:.0} us a request, resident {:.1} MiB", resident[at] / 1_048_576.0);
        }
        println!();
    }
    Ok(())
}

/// Asks at a fixed rate, whatever the answers take. Gives what each took in microseconds.
fn measure(way: &Way, load: Load) -> Result<Vec<f64>> {
    let start = Arc::new(Barrier::new(load.connections as usize));
    let threads: Vec<_> = (0..load.connections)
        .map(|number| {
            let (target, start) = (way.target.clone(), Arc::clone(&start));
            thread::spawn(move || one(&target, load, number, &start))
        })
        .collect();
    let mut took = Vec::new();
    for thread in threads {
        let taken = thread.join().map_err(|_| anyhow::anyhow!("a connection failed"))?;
        took.extend(taken.with_context(|| format!("through {}", way.name))?);
    }
    Ok(took)
}

/// One connection. A request counts from the moment it was due when the answer before it came too late, else from the moment
/// it was sent: that a timer fires late is the fault of the load, not of what is measured.
fn one(target: &str, load: Load, number: u32, start: &Barrier) -> Result<Vec<f64>> {
    // Whoever waits must not wait for one that never comes.
    let opened = TcpStream::connect(target);
    start.wait();
    let mut stream = opened?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!("GET /users/{number} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: farol-bench\r\nAccept: */*\r\n\r\n");
    let step = Duration::from_secs(1) * load.connections / load.rate;
    let began = Instant::now();
    let mut due = began + step * number / load.connections;
    let mut took = Vec::new();
    let mut was_late = false;
    while due < began + load.run {
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            thread::sleep(wait);
        }
        let from = if was_late { due } else { Instant::now() };
        stream.write_all(request.as_bytes())?;
        read_answer(&mut stream)?;
        took.push(from.elapsed().as_secs_f64() * 1e6);
        due += step;
        was_late = due < Instant::now();
    }
    Ok(took)
}

fn read_answer(stream: &mut TcpStream) -> Result<()> {
    let (mut buffer, mut length) = ([0_u8; 4096], 0);
    loop {
        let count = stream.read(buffer.get_mut(length..).unwrap_or_default())?;
        if count == 0 {
            bail!("the connection was closed");
        }
        length += count;
        let read = buffer.get(..length).unwrap_or_default();
        if read.ends_with(BODY.as_bytes()) {
            if !read.starts_with(b"HTTP/1.1 200") {
                bail!("{}", String::from_utf8_lossy(read));
            }
            return Ok(());
        }
        if length == buffer.len() {
            bail!("another answer than the application's: {}", String::from_utf8_lossy(read));
        }
    }
}
