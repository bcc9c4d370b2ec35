//! Prints what each source costs on this machine: microseconds to open it, of the first reading and of the median one.
//!
//! A source that spaces its readings itself (`processes`) shows the cost of one in the first.
//!
//! Run with `cargo run --profile agent -p farol-agent --example read_cost`.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use farol_agent::{
    config::Described,
    read::{Context, Roots, SOURCES, Surroundings, identity},
    recorder::Recorder,
};

/// Readings of each source; the median of them is printed.
const READINGS: usize = 200;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let roots = Roots::new("/");
    let around = Surroundings::find(&roots);
    for (word, what) in around.words() {
        writeln!(out, "{word:>14}  {what}")?;
    }
    let own = identity::own(&roots, &around, &Described::default());
    let mut recorder = Recorder::new();
    let slot = recorder.resource(own.clone());
    let context = Context { roots: &roots, around: &around, own: slot, own_key: &own.key };
    writeln!(out, "{:>14}  {:>8} {:>8} {:>8} {:>8}", "source", "open us", "first us", "read us", "series")?;
    let mut each_tick = Duration::ZERO;
    for row in SOURCES {
        let before = recorder.series_count();
        let start = Instant::now();
        let opened = (row.open)(&context, &mut recorder);
        let open = start.elapsed();
        let mut source = match opened {
            Ok(Some(source)) => source,
            Ok(None) => {
                writeln!(out, "{:>14}  not here", row.name)?;
                continue;
            }
            Err(error) => {
                writeln!(out, "{:>14}  {error}", row.name)?;
                continue;
            }
        };
        let mut times = Vec::new();
        for _ in 0..READINGS {
            let start = Instant::now();
            if let Err(error) = source.read(&mut recorder) {
                writeln!(out, "{:>14}  {error}", row.name)?;
            }
            times.push(start.elapsed());
        }
        let first = times[0];
        times.sort();
        let median = times[READINGS / 2];
        if row.every_ms <= 1_000 {
            each_tick += median;
        }
        let series = recorder.series_count() - before;
        writeln!(out, "{:>14}  {:>8.1} {:>8.1} {:>8.1} {series:>8}", row.name, micros(open), micros(first), micros(median))?;
    }
    writeln!(out, "each tick {:.1} us, {} series", micros(each_tick), recorder.series_count())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
