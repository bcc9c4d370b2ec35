//! What counters said before: growth between polls, whatever restarts, moves to another master or is one of many nodes.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// How far back the hit ratio reaches when nothing was read since the poll before.
const WINDOW: Duration = Duration::from_secs(60);

/// Most intervals that are remembered: a minute at the shortest interval, and some.
const INTERVALS_MAX: usize = 128;

/// The counters of one node at one poll, by their names in `INFO`; `run` tells one life of a server from the next.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Identity of this run of the server.
    pub run: String,
    /// Counters that were there.
    pub counters: HashMap<&'static str, f64>,
}

/// What was seen at the polls before.
#[derive(Debug, Default)]
pub struct Counters {
    last: Option<(Instant, HashMap<String, Seen>)>,
    totals: HashMap<&'static str, f64>,
    /// When, hits and misses of an interval.
    lookups: VecDeque<(Instant, f64, f64)>,
}

/// What the counters grew by since the poll before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Growth {
    /// Share of the look-ups since the poll before that found their key; none when there were no look-ups.
    pub hit_ratio: Option<f64>,
    /// The same, or else of the last minute.
    pub hit_ratio_minute: Option<f64>,
    /// Commands a second since the poll before.
    pub commands_per_s: Option<f64>,
}

impl Counters {
    /// Takes what all nodes say now. A node that was not there at the poll before, or restarted, counts from here on.
    pub fn take(&mut self, now: Instant, nodes: Vec<Seen>) -> Growth {
        let mut grown: HashMap<&'static str, f64> = HashMap::new();
        let before = self.last.take();
        for node in &nodes {
            let old = before.as_ref().and_then(|(_, nodes)| nodes.get(&node.run));
            for (name, value) in &node.counters {
                let total = self.totals.entry(name).or_insert(0.0);
                match old.and_then(|old| old.counters.get(name)) {
                    Some(old) if old <= value => {
                        *total += value - old;
                        *grown.entry(name).or_insert(0.0) += value - old;
                    }
                    // Set back by hand: what it counted since is growth of the total, but of an unknown time.
                    Some(_) => *total += value,
                    // The totals begin with what the servers counted before we came.
                    None if before.is_none() => *total += value,
                    None => {}
                }
            }
        }
        let elapsed = before.as_ref().map(|(then, _)| now.saturating_duration_since(*then).as_secs_f64());
        self.last = Some((now, nodes.into_iter().map(|node| (node.run.clone(), node)).collect()));
        let commands = grown.get("total_commands_processed");
        let mut growth = Growth {
            commands_per_s: commands.zip(elapsed.filter(|elapsed| *elapsed > 0.0)).map(|(commands, elapsed)| commands / elapsed),
            ..Growth::default()
        };
        if let (Some(hits), Some(misses)) = (grown.get("keyspace_hits"), grown.get("keyspace_misses")) {
            growth.hit_ratio = ratio(*hits, *misses);
            self.lookups.push_back((now, *hits, *misses));
        }
        while self.lookups.len() > INTERVALS_MAX
            || self.lookups.front().is_some_and(|(then, ..)| now.saturating_duration_since(*then) > WINDOW)
        {
            self.lookups.pop_front();
        }
        let (hits, misses) = self.lookups.iter().fold((0.0, 0.0), |(hits, misses), (_, h, m)| (hits + h, misses + m));
        growth.hit_ratio_minute = growth.hit_ratio.or_else(|| ratio(hits, misses));
        growth
    }

    /// What a counter counted, all nodes together, over restarts and changes of the master.
    #[must_use]
    pub fn total(&self, name: &str) -> Option<f64> {
        self.totals.get(name).copied()
    }
}

/// Share of hits; none when nothing was looked up.
#[must_use]
pub fn ratio(hits: f64, misses: f64) -> Option<f64> {
    (hits + misses > 0.0).then(|| hits / (hits + misses))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(run: &str, hits: f64, misses: f64) -> Seen {
        let counters = [("keyspace_hits", hits), ("keyspace_misses", misses), ("total_commands_processed", hits + misses)].into();
        Seen { run: run.to_owned(), counters }
    }

    #[test]
    fn the_ratio_is_of_what_was_read_since_and_else_of_the_last_minute() {
        let (mut counters, start) = (Counters::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(counters.take(at(0), vec![seen("a", 10.0, 90.0)]), Growth::default());
        let grown = counters.take(at(2), vec![seen("a", 13.0, 91.0)]);
        assert_eq!((grown.hit_ratio, grown.hit_ratio_minute, grown.commands_per_s), (Some(0.75), Some(0.75), Some(2.0)));
        let idle = counters.take(at(4), vec![seen("a", 13.0, 91.0)]);
        assert_eq!((idle.hit_ratio, idle.hit_ratio_minute, idle.commands_per_s), (None, Some(0.75), Some(0.0)));
        assert_eq!(counters.take(at(70), vec![seen("a", 13.0, 91.0)]).hit_ratio_minute, None, "nobody read for a minute");
    }

    #[test]
    fn a_restart_or_a_reset_makes_no_growth() {
        let (mut counters, start) = (Counters::default(), Instant::now());
        counters.take(start, vec![seen("a", 100.0, 100.0)]);
        let restarted = counters.take(start + Duration::from_secs(1), vec![seen("b", 200.0, 300.0)]);
        assert_eq!((restarted.hit_ratio, restarted.commands_per_s), (None, None));
        let reset = counters.take(start + Duration::from_secs(2), vec![seen("b", 1.0, 0.0)]);
        assert_eq!((reset.hit_ratio, reset.commands_per_s), (None, None));
        assert_eq!(counters.take(start + Duration::from_secs(3), vec![seen("b", 3.0, 2.0)]).hit_ratio, Some(0.5));
    }

    #[test]
    fn totals_of_many_nodes_never_shrink() {
        let (mut counters, start) = (Counters::default(), Instant::now());
        counters.take(start, vec![seen("a", 100.0, 0.0), seen("b", 50.0, 0.0)]);
        assert_eq!(counters.total("keyspace_hits"), Some(150.0));
        counters.take(start, vec![seen("a", 110.0, 0.0), seen("c", 7.0, 0.0)]);
        assert_eq!(counters.total("keyspace_hits"), Some(160.0), "a node that took over counts from here on");
        counters.take(start, vec![seen("a", 111.0, 0.0), seen("c", 9.0, 0.0)]);
        assert_eq!((counters.total("keyspace_hits"), counters.total("none")), (Some(163.0), None));
    }
}
