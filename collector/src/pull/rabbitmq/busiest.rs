//! Which queues become series: the busiest, chosen so that their lines in a chart do not come and go.

use std::collections::HashSet;

use super::answer::Queue;

/// Most queues that are kept as series, three each. A chart of more is unreadable, and what they hold is in the totals.
pub(super) const SERIES_QUEUES_MAX: usize = 300;

/// A queue stays chosen while it is among this many times as many.
const KEPT_WITHIN: usize = 2;

/// The queues that are series.
#[derive(Debug, Default)]
pub(super) struct Chosen(HashSet<(String, String)>);

impl Chosen {
    /// Chooses again, keeping those that are still busy enough.
    pub(super) fn choose(&mut self, queues: &[Queue]) {
        let mut busiest: Vec<&Queue> = queues.iter().filter(|queue| !is_passing(&queue.name)).collect();
        // What stands or moves; then by name, so that idle queues always stand in the same order.
        busiest.sort_by(|a, b| work(b).total_cmp(&work(a)).then_with(|| (&a.vhost, &a.name).cmp(&(&b.vhost, &b.name))));
        let mut chosen: HashSet<_> = busiest
            .iter()
            .take(SERIES_QUEUES_MAX * KEPT_WITHIN)
            .map(|queue| place(queue))
            .filter(|place| self.0.contains(place))
            .collect();
        for queue in busiest {
            if chosen.len() >= SERIES_QUEUES_MAX {
                break;
            }
            chosen.insert(place(queue));
        }
        self.0 = chosen;
    }

    /// Whether a queue is one of them.
    pub(super) fn holds(&self, queue: &Queue) -> bool {
        self.0.contains(&place(queue))
    }
}

fn place(queue: &Queue) -> (String, String) {
    (queue.vhost.clone(), queue.name.clone())
}

fn work(queue: &Queue) -> f64 {
    queue.total.unwrap_or(0.0) + queue.publish_rate.unwrap_or(0.0) + queue.deliver_rate.unwrap_or(0.0)
}

/// Queues that live as long as a connection: mailboxes of Celery's workers, listeners to events, names made by the broker.
fn is_passing(name: &str) -> bool {
    name.starts_with("amq.gen") || name.starts_with("celeryev") || name.ends_with(".pidbox")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, total: f64) -> Queue {
        Queue {
            name: name.to_owned(),
            vhost: "/".to_owned(),
            kind: None,
            state: None,
            ready: Some(total),
            unacked: Some(0.0),
            total: Some(total),
            consumers: None,
            memory: None,
            publish_rate: None,
            deliver_rate: None,
            ack_rate: None,
        }
    }

    #[test]
    fn queues_of_a_connection_are_no_series() {
        let mut chosen = Chosen::default();
        let names = ["amq.gen-PJF7", "celeryev.37d5", "w3@vm.celery.pidbox", "celery"];
        let queues: Vec<Queue> = names.iter().map(|name| queue(name, 1.0)).collect();
        chosen.choose(&queues);
        let held: Vec<&str> = queues.iter().filter(|queue| chosen.holds(queue)).map(|queue| queue.name.as_str()).collect();
        assert_eq!(held, ["celery"]);
    }

    #[test]
    fn the_busiest_are_chosen_and_stay_while_they_are_busy_enough() {
        let mut chosen = Chosen::default();
        let many = |fullest: usize| -> Vec<Queue> {
            (0..1_000_u16)
                .map(|n| queue(&format!("q{n:04}"), if usize::from(n) == fullest { 9e9 } else { f64::from(1_000 - n) }))
                .collect()
        };
        chosen.choose(&many(999));
        let holds = |chosen: &Chosen, n: usize| chosen.holds(&many(999)[n]);
        assert!(chosen.0.len() == SERIES_QUEUES_MAX && holds(&chosen, 0) && holds(&chosen, 999) && !holds(&chosen, 299));
        // It falls to the end, and its place goes to the next one.
        chosen.choose(&many(0));
        assert!(!holds(&chosen, 999) && holds(&chosen, 299) && !holds(&chosen, 300));
        // One rises to the top, but nobody falls out of the first 600: the places are taken.
        chosen.choose(&many(300));
        assert!(holds(&chosen, 299) && !holds(&chosen, 300));
    }
}
