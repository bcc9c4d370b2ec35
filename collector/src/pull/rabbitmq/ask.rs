//! The questions to the management API.

use farol_shared::secret::Secret;

use super::{
    super::{
        PollError,
        http::{Answer, Call, Http},
    },
    answer::{Node, Overview, Page, Queue},
    filter::Filter,
};

/// Most queues that are read in one poll: ten pages. Those with the most messages come first.
pub(super) const QUEUES_MAX: usize = 5_000;

/// Queues of one page; the broker allows no more.
const PAGE_QUEUES: usize = 500;

/// Largest answer: the bare list of a broker without paging, a few thousand queues of some 2 KiB.
pub(super) const BODY_BYTES_MAX: usize = 8 << 20;

/// What is asked of each queue in the full form.
const QUEUE_COLUMNS: &str = "name,vhost,type,state,messages,messages_ready,messages_unacknowledged,consumers,memory,\
                             message_stats.publish_details.rate,message_stats.deliver_get_details.rate,\
                             message_stats.ack_details.rate";

/// What is asked of each node: the rest (lists of plugins and exchange types) is many times as long.
const NODE_COLUMNS: &str = "name,running,mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,fd_total,\
                            uptime,partitions";

/// How the list of queues is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// With rates, consumers and memory, which the broker gathers for each queue.
    Full,
    /// With messages only.
    Cheap,
}

/// Queues as they were listed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Listing {
    /// Those that the filter lets through, most messages first.
    pub(super) queues: Vec<Queue>,
    /// How many queues the user may see.
    pub(super) total: usize,
    /// How many the filter lets through; more than were read when there are very many.
    pub(super) matching: usize,
}

/// The management API of one broker as one user.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) http: Http,
    pub(super) username: String,
    pub(super) password: Secret,
    pub(super) vhost: Option<String>,
    pub(super) filter: Filter,
}

impl Api {
    fn get(&self, path: &str) -> Call {
        self.http.get(path).basic(&self.username, &self.password)
    }

    pub(super) async fn overview(&self) -> Result<Overview, PollError> {
        self.get("/api/overview").send().await?.json()
    }

    pub(super) async fn nodes(&self) -> Result<Vec<Node>, PollError> {
        self.get("/api/nodes").query(&[("columns", NODE_COLUMNS)]).send().await?.json()
    }

    /// One health check, whatever it answers.
    pub(super) async fn health(&self, check: &str) -> Result<Answer, PollError> {
        self.get(&format!("/api/health/checks/{check}")).send_any().await
    }

    /// All queues up to the bound.
    pub(super) async fn list(&self, form: Form) -> Result<Listing, PollError> {
        let mut listing = Listing::default();
        for number in 1..=QUEUES_MAX / PAGE_QUEUES {
            let page = self.page(form, number).await?;
            (listing.total, listing.matching) = (page.total, page.matching);
            let is_last = number >= page.pages || page.queues.is_empty();
            listing.queues.extend(page.queues);
            if is_last {
                break;
            }
        }
        listing.arrange(&self.filter);
        Ok(listing)
    }

    async fn page(&self, form: Form, number: usize) -> Result<Page, PollError> {
        let path = match &self.vhost {
            Some(vhost) => format!("/api/queues/{}", encoded(vhost)),
            None => "/api/queues".to_owned(),
        };
        let (number, size) = (number.to_string(), PAGE_QUEUES.to_string());
        let mut query = vec![
            ("page", number.as_str()),
            ("page_size", &size),
            ("pagination", "true"),
            ("sort", "messages"),
            ("sort_reverse", "true"),
        ];
        match form {
            Form::Full => query.push(("columns", QUEUE_COLUMNS)),
            Form::Cheap => query.extend([("disable_stats", "true"), ("enable_queue_totals", "true")]),
        }
        let pattern = self.filter.pattern();
        if let Some(pattern) = &pattern {
            query.extend([("name", pattern.as_str()), ("use_regex", "true")]);
        }
        Page::read(self.get(&path).query(&query).send().await?.json()?)
    }
}

impl Listing {
    /// Puts the fullest first, leaves out what the broker did not filter itself, and keeps the bound.
    fn arrange(&mut self, filter: &Filter) {
        let listed = self.queues.len();
        // Queues that come and go between two pages can stand on both.
        self.queues.sort_by(|a, b| (&a.vhost, &a.name).cmp(&(&b.vhost, &b.name)));
        self.queues.dedup_by(|a, b| a.vhost == b.vhost && a.name == b.name);
        self.queues.retain(|queue| filter.lets_through(&queue.name));
        self.queues.sort_by(|a, b| b.total.unwrap_or(0.0).total_cmp(&a.total.unwrap_or(0.0)));
        if listed >= self.matching {
            self.matching = self.queues.len();
        }
        self.queues.truncate(QUEUES_MAX);
    }
}

/// A virtual host as one part of a path.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut path, byte| {
        use std::fmt::Write as _;
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").expect("text can always be appended");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_host_is_one_part_of_the_path() {
        assert_eq!(encoded("/"), "%2F");
        assert_eq!(encoded("../b é?"), "%2E%2E%2Fb%20%C3%A9%3F");
    }
}
