//! The faults of a simulation, in an order that its seed decides.

use std::time::Duration;

use farol_tests::random::Random;
use turmoil::Sim;

use crate::agent;

/// What happens next, and when.
pub(crate) struct Weather {
    random: Random,
    agents: u64,
    agents_crash: bool,
    next_ms: u64,
    /// Hosts that are down, with the moment of their return.
    down: Vec<(String, u64)>,
    /// Faults so far.
    pub(crate) faults: u64,
    /// Crashes so far.
    pub(crate) crashes: u64,
    is_clear: bool,
}

impl Weather {
    /// Fair until the first change.
    pub(crate) fn new(random: Random, agents: u64, agents_crash: bool) -> Self {
        Self { random, agents, agents_crash, next_ms: 3_000, down: Vec::new(), faults: 0, crashes: 0, is_clear: false }
    }

    /// Lets happen what is due.
    pub(crate) fn change(&mut self, sim: &mut Sim<'_>, now_ms: u64) {
        let back: Vec<String> = self.down.iter().filter(|(_, at)| *at <= now_ms).map(|(name, _)| name.clone()).collect();
        for name in back {
            sim.bounce(name.as_str());
            self.down.retain(|(other, _)| *other != name);
        }
        if now_ms < self.next_ms {
            return;
        }
        self.next_ms = now_ms + self.random.between(200, 6_000);
        self.faults += 1;
        let agent = agent::name(self.random.between(0, self.agents - 1));
        match self.random.between(0, 9) {
            0 | 1 => sim.partition(agent.as_str(), "collector"),
            2 => sim.partition_oneway(agent.as_str(), "collector"),
            3 => sim.partition_oneway("collector", agent.as_str()),
            4 | 5 => sim.repair(agent.as_str(), "collector"),
            6 => {
                let latency = Duration::from_millis(self.random.between(1, 4_000));
                sim.set_link_max_message_latency(agent.as_str(), "collector", latency);
            }
            7 | 8 => self.crash(sim, "collector".to_owned(), now_ms),
            _ if self.agents_crash => self.crash(sim, agent, now_ms),
            _ => sim.hold(agent.as_str(), "collector"),
        }
    }

    fn crash(&mut self, sim: &mut Sim<'_>, name: String, now_ms: u64) {
        if self.down.iter().all(|(other, _)| *other != name) {
            self.crashes += 1;
            sim.crash(name.as_str());
            self.down.push((name, now_ms + self.random.between(100, 20_000)));
        }
    }

    /// Heals everything, once.
    pub(crate) fn clear(&mut self, sim: &mut Sim<'_>) {
        if std::mem::replace(&mut self.is_clear, true) {
            return;
        }
        for (name, _) in std::mem::take(&mut self.down) {
            sim.bounce(name.as_str());
        }
        for number in 0..self.agents {
            let agent = agent::name(number);
            sim.release(agent.as_str(), "collector");
            sim.repair(agent.as_str(), "collector");
            sim.set_link_max_message_latency(agent.as_str(), "collector", Duration::from_millis(200));
        }
    }
}
