//! What the kernel dropped of a UDP socket because nobody read it in time: column `drops` of `/proc/net/udp`.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::PathBuf,
};

use crate::read::Roots;

/// Most sockets that are looked through.
const SOCKETS_MAX: usize = 10_000;

/// The drops of one socket.
#[derive(Debug)]
pub(super) struct Drops {
    path: PathBuf,
    inode: u64,
    before: u64,
}

impl Drops {
    pub(super) fn new(roots: &Roots, is_ipv6: bool, inode: u64) -> Self {
        let path = roots.proc(if is_ipv6 { "net/udp6" } else { "net/udp" });
        Self { path, inode, before: 0 }
    }

    /// Datagrams dropped since the last call; 0 when the table cannot be read, as in a network namespace of others.
    pub(super) fn since_last(&mut self) -> u64 {
        let Ok(file) = File::open(&self.path) else { return 0 };
        let lines = BufReader::new(file).lines().take(SOCKETS_MAX).map_while(Result::ok);
        let Some(now) = lines.filter_map(|line| drops_of(&line)).find(|(inode, _)| *inode == self.inode) else { return 0 };
        let dropped = now.1.saturating_sub(self.before);
        self.before = now.1;
        dropped
    }
}

/// Inode and drops of one line of the table. Its head has no numbers in these places.
fn drops_of(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_ascii_whitespace();
    let inode = words.nth(9)?.parse().ok()?;
    Some((inode, words.next_back()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_the_own_socket_are_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/net")).unwrap();
        let write = |drops: u64| {
            let table = format!(
                "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n\
                 18: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 {drops}           \n\
                 19: 0100007F:1FBE 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 999\n"
            );
            std::fs::write(dir.path().join("proc/net/udp"), table).unwrap();
        };
        let mut drops = Drops::new(&Roots::new(dir.path()), false, 4711);
        assert_eq!(drops.since_last(), 0, "no table yet");
        write(7);
        assert_eq!(drops.since_last(), 7);
        assert_eq!(drops.since_last(), 0);
        write(10);
        assert_eq!(drops.since_last(), 3);
        assert_eq!(Drops::new(&Roots::new(dir.path()), true, 4711).since_last(), 0);
    }
}
