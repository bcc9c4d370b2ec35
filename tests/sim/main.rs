//! Agents and a collector in one simulated network, under cuts, delays, losses and crashes that a seed decides.
//!
//! The agent's loop, spool and delivery and the collector's door and store are the real ones; network and time are
//! simulated. After everything is healed: each acknowledged sample is in history once, nothing is there that was not taken,
//! and an agent that did not crash has all its samples there. `FAROL_SEED=n` repeats one run.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod agent;
mod collector;
mod history;
mod weather;

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use farol_shared::clock::Clock;
use farol_tests::{process::setting, random::Random};

use weather::Weather;

/// Moment at which every simulation begins.
const START_MS: i64 = 1_760_000_000_000;
/// How far the simulation goes at once. Finer steps only cost time.
const TICK_MS: u64 = 5;
/// Seeds tried when none is given: a few fixed ones, so that a failure is not a matter of luck.
const SEEDS: u64 = 6;

/// The one clock of a simulation; moved on by its driver, read by every thread.
#[derive(Debug, Default)]
pub(crate) struct SimClock(AtomicI64);

impl Clock for SimClock {
    fn now_ms(&self) -> i64 {
        START_MS + self.0.load(Ordering::Relaxed)
    }
}

/// What is simulated.
struct Scenario {
    agents: u64,
    /// How long the faults go on, in simulated seconds.
    seconds: u64,
    /// Bytes of each agent's spool in memory and on disk.
    spool: (u64, u64),
    /// Whether agents are killed, too.
    agents_crash: bool,
}

fn seeds() -> Vec<u64> {
    setting("FAROL_SEED").map_or_else(|| (1..=SEEDS).collect(), |text| vec![text.parse().expect("FAROL_SEED is a number")])
}

/// Runs a scenario with one seed to its healed end and checks what is in history.
fn simulate(scenario: &Scenario, seed: u64) {
    let began = Instant::now();
    let clock = Arc::new(SimClock::default());
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::seeded(seed);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(Duration::from_millis(TICK_MS))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(200))
        .simulation_duration(Duration::from_secs(24 * 3_600))
        .build();

    let door = Rc::new(collector::Plan::new(folder.path(), Arc::clone(&clock)));
    let plan = Rc::clone(&door);
    sim.host("collector", move || Rc::clone(&plan).serve());
    let agents: Vec<Rc<agent::Plan>> = (0..scenario.agents)
        .map(|number| Rc::new(agent::Plan::new(number, folder.path(), Arc::clone(&clock), scenario.spool, random.number())))
        .collect();
    for one in &agents {
        let plan = Rc::clone(one);
        sim.host(one.name(), move || Rc::clone(&plan).run());
    }

    let mut weather = Weather::new(random, scenario.agents, scenario.agents_crash);
    let end_ms = scenario.seconds * 1_000;
    let mut stopping = false;
    for step in 0_u64.. {
        let now_ms = step * TICK_MS;
        clock.0.store(i64::try_from(now_ms).unwrap(), Ordering::Relaxed);
        if now_ms < end_ms {
            weather.change(&mut sim, now_ms);
        } else if !stopping {
            weather.clear(&mut sim);
            stopping = agents.iter().all(|one| one.is_idle());
            if stopping {
                agents.iter().for_each(|one| one.stop());
            }
        } else if agents.iter().all(|one| !sim.is_host_running(one.name())) {
            break;
        }
        sim.step().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        door.settle();
        assert!(now_ms < end_ms + 900_000, "seed {seed}: not delivered a quarter of an hour after everything was healed");
    }
    sim.crash("collector");
    drop(sim);
    door.close();
    let taken = history::check(folder.path(), &clock, &agents, scenario, seed);
    eprintln!(
        "seed {seed}: {taken} samples, {} faults, {} crashes, {} simulated s in {} ms",
        weather.faults,
        weather.crashes,
        clock.0.load(Ordering::Relaxed) / 1_000,
        began.elapsed().as_millis()
    );
}

#[test]
fn after_cuts_delays_and_crashes_of_the_collector_everything_is_in_history_once() {
    for seed in seeds() {
        simulate(&Scenario { agents: 3, seconds: 180, spool: (4 << 20, 64 << 20), agents_crash: false }, seed);
    }
}

#[test]
fn agents_that_crash_too_lose_only_what_was_never_acknowledged() {
    for seed in seeds() {
        simulate(&Scenario { agents: 3, seconds: 180, spool: (4 << 20, 64 << 20), agents_crash: true }, seed);
    }
}

#[test]
fn what_a_small_spool_drops_is_counted_to_the_sample() {
    for seed in seeds() {
        simulate(&Scenario { agents: 2, seconds: 240, spool: (4 << 10, 8 << 10), agents_crash: false }, seed);
    }
}
