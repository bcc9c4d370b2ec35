//! Finding the master that Sentinels agree on.

use std::time::Duration;

use super::{Address, Node, Target};
use crate::pull::PollError;

impl Target {
    /// Asks one Sentinel after the other, and connects to what it names if that says itself that it is a master: after a
    /// failover a Sentinel may be late.
    pub(super) async fn find_master(&self, master: &str, sentinels: &[Address], within: Duration) -> Result<Node, PollError> {
        let mut last = None;
        for sentinel in sentinels {
            match self.master_by(sentinel, master, within).await {
                Ok(node) => return Ok(node),
                // The reason of the last one is told: the others' are most often the same.
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| PollError::unreachable("there is no Sentinel to ask")))
    }

    async fn master_by(&self, sentinel: &Address, master: &str, within: Duration) -> Result<Node, PollError> {
        let asked = Node::connect(sentinel, &self.sentinel_user, self.tls.as_ref(), within).await;
        let asked = asked.map_err(|error| of_sentinel(sentinel, error))?;
        let named: Option<(String, u16)> = asked
            .run(redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(master))
            .await
            .map_err(|error| of_sentinel(sentinel, error))?;
        let Some((host, port)) = named else {
            return Err(PollError::bad_answer(format!("Sentinel {sentinel} knows no master called {master}")));
        };
        let node = Node::connect(&Address::Tcp { host, port }, &self.user, self.tls.as_ref(), within).await?;
        let said: String = node.run(redis::cmd("INFO").arg("replication")).await?;
        match said.lines().find_map(|line| line.strip_prefix("role:")).map(str::trim) {
            Some("master") => Ok(node),
            Some(role) => Err(PollError::unreachable(format!(
                "{}, which Sentinel calls the master, is a {role}: a failover is under way",
                node.name()
            ))),
            None => Err(PollError::bad_answer(format!("{} does not tell its role", node.name()))),
        }
    }
}

fn of_sentinel(sentinel: &Address, mut error: PollError) -> PollError {
    error.message = format!("Sentinel {sentinel}: {}", error.message);
    error
}
