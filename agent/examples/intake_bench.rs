//! Prints what taking in costs on this machine: nanoseconds a `StatsD` line by what it is, and a request of one of many tenants.
//!
//! Run with `cargo run --profile agent -p farol-agent --example intake_bench`.

use std::{
    io::{self, Write as _},
    time::Instant,
};

use farol_agent::{
    intake::{Intake, OWN, Settings},
    listen::statsd::{SignedGauge, Sorter},
    recorder::Recorder,
};
use farol_shared::{
    record::Request,
    resource::{Resource, ResourceKind},
};

/// Rounds of each measurement; the best one is printed, as the others were disturbed.
const ROUNDS: usize = 5;

/// Lines or requests a round.
const COUNT: u32 = 200_000;

/// Makes the nth line.
type Line = fn(u32) -> String;

fn intake() -> Intake {
    Intake::new(Settings { service: "bench".to_owned(), environment: None, tenant: None, slow_s: 0.5 })
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let kinds: [(&str, Line); 6] = [
        ("counter, 3 tags", |n| format!("page.views:1|c|#route:/users/{{id}},env:prod,pod:{}\n", n % 100)),
        ("gauge, no tags", |n| format!("queue.depth.{}:{}|g\n", n % 100, n % 1_000)),
        ("timer, 2 tags", |n| format!("request.time:{}|ms|#route:/r{},env:prod\n", n % 500, n % 50)),
        ("set, 1 tag", |n| format!("users:user-{}|s|#env:prod\n", n % 5_000)),
        ("new name each time", |n| format!("name.{n}:1|c|#env:prod\n")),
        ("malformed", |n| format!("name.{n} 1 c\n")),
    ];
    for (name, line) in kinds {
        let lines: Vec<String> = (0..COUNT).map(line).collect();
        // As clients pack them: some forty lines a datagram.
        let datagrams: Vec<String> = lines.chunks(40).map(<[String]>::concat).collect();
        let (mut intake, mut sorter) = (intake(), Sorter::new(SignedGauge::Relative, Vec::new()));
        let best = best(|| {
            for datagram in &datagrams {
                sorter.take(datagram.as_bytes(), 0, &mut intake);
            }
        });
        writeln!(out, "{name:>24}  {best:>7.1} ns a line")?;
    }
    let mut recorder = Recorder::new();
    let own = recorder.resource(Resource {
        key: "host:bench".to_owned(),
        kind: ResourceKind::Host,
        parent: None,
        tenant: None,
        attributes: [].into(),
    });
    for (name, tenants) in [("request, 10 tenants", 10), ("request, all other", u32::MAX)] {
        let mut intake = intake();
        let best = best(|| {
            for n in 0..COUNT {
                let tenant = Some(format!("tenant-{}", n % tenants));
                let request = Request { route: "/x".to_owned(), duration_s: 0.01, tenant, status: 200, ..Request::default() };
                intake.request(OWN, request, 1);
                if n % 1_000 == 0 {
                    intake.drain(&mut recorder, own, false);
                }
            }
        });
        writeln!(out, "{name:>24}  {best:>7.1} ns a request")?;
    }
    Ok(())
}

/// Nanoseconds of one of [`COUNT`] in the best round.
fn best(mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        round();
        best = best.min(begun.elapsed().as_secs_f64() * 1e9 / f64::from(COUNT));
    }
    best
}
