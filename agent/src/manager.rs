//! What a service tells systemd: that it is ready, reads its configuration again, ends, and still lives.
//!
//! In: `NOTIFY_SOCKET` and `WATCHDOG_USEC`, which systemd sets. Out: one datagram each. Without them nothing is sent, and what
//! cannot be sent is no failure: the manager then does what its unit says about silence.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

use farol_shared::config::Vars;
use tracing::debug;

/// How often a sign of life is sent within the time after which the manager gives up.
const SIGNS_IN_TIME: u32 = 3;

/// The service manager, if there is one that listens.
#[derive(Debug, Default)]
pub struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// Finds the manager by the variables that it set for this process.
    #[must_use]
    pub fn find(vars: &dyn Vars) -> Self {
        let Some(name) = vars.var("NOTIFY_SOCKET") else { return Self::default() };
        let socket = match open(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                debug!(%error, name, "service manager cannot be told anything");
                None
            }
        };
        let number = |name: &str| vars.var(name)?.parse::<u64>().ok();
        // The variables are inherited: those of a parent are not for us.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let time = number("WATCHDOG_USEC").filter(|us| *us > 0 && is_ours).map(Duration::from_micros);
        Self { socket, watchdog: time }
    }

    /// How often [`Self::alive`] is expected, with room for some that come late; `None` when nobody waits for it.
    #[must_use]
    pub fn alive_every(&self) -> Option<Duration> {
        self.socket.as_ref().and(self.watchdog).map(|time| time / SIGNS_IN_TIME)
    }

    /// It works. Also ends what [`Self::reloading`] began.
    pub fn ready(&self) {
        self.send("READY=1\n");
    }

    /// It reads its configuration again.
    pub fn reloading(&self) {
        self.send("RELOADING=1\n");
    }

    /// It ends.
    pub fn stopping(&self) {
        self.send("STOPPING=1\n");
    }

    /// It still works.
    pub fn alive(&self) {
        self.send("WATCHDOG=1\n");
    }

    fn send(&self, words: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(words.as_bytes(), address) {
            debug!(%error, words = words.trim_end(), "service manager was not told");
        }
    }
}

fn open(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read must not hold us up.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_manager_hears_each_word_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("farol-test-{}", std::process::id());
        let at_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let at_path = UnixDatagram::bind(&path).unwrap();
        for (socket, given) in [(at_path, path.display().to_string()), (at_name, format!("@{name}"))] {
            let manager = Manager::find(&vars(&[("NOTIFY_SOCKET", &given)]));
            for (tell, word) in [
                (Manager::ready as fn(&Manager), "READY=1\n"),
                (Manager::reloading, "RELOADING=1\n"),
                (Manager::alive, "WATCHDOG=1\n"),
                (Manager::stopping, "STOPPING=1\n"),
            ] {
                tell(&manager);
                let mut heard = [0; 64];
                let length = socket.recv(&mut heard).unwrap();
                assert_eq!(&heard[..length], word.as_bytes());
            }
        }
    }

    #[test]
    fn signs_of_life_are_sent_only_when_they_are_asked_of_this_process() {
        let every = |more: &[(&str, &str)]| {
            let mut all = vec![("NOTIFY_SOCKET", "@farol-test-nobody"), ("WATCHDOG_USEC", "30000000")];
            all.extend_from_slice(more);
            Manager::find(&vars(&all)).alive_every()
        };
        assert_eq!(every(&[]), Some(Duration::from_secs(10)));
        assert_eq!(every(&[("WATCHDOG_PID", &std::process::id().to_string())]), Some(Duration::from_secs(10)));
        assert_eq!(every(&[("WATCHDOG_PID", "1")]), None);
        assert_eq!(Manager::find(&vars(&[("WATCHDOG_USEC", "30000000")])).alive_every(), None);
        // Nobody hears it, and nothing fails.
        Manager::find(&vars(&[("NOTIFY_SOCKET", "@farol-test-nobody")])).ready();
        Manager::find(&vars(&[("NOTIFY_SOCKET", "relative\0")])).ready();
    }
}
