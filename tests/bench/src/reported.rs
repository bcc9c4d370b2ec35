//! Requests reported to an agent at a steady rate, as the middlewares do: one datagram of JSON each; with some StatsD beside them.

use std::{
    net::UdpSocket,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::data::Random;

/// Pause between two bursts; a burst is what the rate asks for in that time.
const BURST: Duration = Duration::from_millis(10);

/// Reports `rate` requests a second to the socket, and half as many `StatsD` lines, for `run`.
///
/// # Errors
/// When a socket cannot be made.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub(crate) fn run(socket: &str, statsd: &str, rate: u64, run: Duration) -> Result<()> {
    let requests = UnixDatagram::unbound()?;
    requests.connect(socket).with_context(|| format!("cannot reach {socket}"))?;
    requests.set_nonblocking(true)?;
    let lines = UdpSocket::bind("127.0.0.1:0")?;
    let mut random = Random::new(42);
    let start = Instant::now();
    let (mut sent, mut dropped) = (0_u64, 0_u64);
    while start.elapsed() < run {
        let due = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX) * rate / 1_000;
        while sent + dropped < due {
            let number = random.bits() >> 16;
            let body = format!(
                r#"{{"method":"GET","route":"/shop/{}/items/{{id}}","path":"/shop/{}/items/{}","status":{},"duration_ms":{},"tenant":"tenant-{}"}}"#,
                number % 40,
                number % 40,
                number % 9_999,
                if number.is_multiple_of(50) { 500 } else { 200 },
                1 + number % 300,
                number % 25,
            );
            match requests.send(body.as_bytes()) {
                Ok(_) => sent += 1,
                Err(_) => dropped += 1,
            }
            if number.is_multiple_of(2) {
                lines.send_to(format!("jobs.done:1|c|#queue:q{}", number % 10).as_bytes(), statsd)?;
            }
        }
        std::thread::sleep(BURST);
    }
    println!("reported: {sent} requests in {:.0} s, {dropped} not taken by the socket", start.elapsed().as_secs_f64());
    Ok(())
}
