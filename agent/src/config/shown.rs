//! The checked configuration as `farol-agent --check` prints it: in the file's own form, secrets masked.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use farol_shared::config::{Size, Span};

use super::Settings;

impl fmt::Display for Settings {
    /// The configuration in the file's own form; the token is masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |ms| Span(Duration::from_millis(ms));
        let size = Size;
        if let Some(name) = &self.described.name {
            writeln!(f, "name = {name:?}")?;
        }
        writeln!(f, "interval = \"{}\"", span(self.interval_ms))?;
        writeln!(f, "live_interval = \"{}\"", span(self.live_interval_ms))?;
        writeln!(f, "root = {:?}", self.root)?;
        writeln!(f, "log = \"{}\"", self.log.as_str().to_ascii_lowercase())?;
        writeln!(f, "\n[spool]")?;
        if let Some(dir) = &self.spool.dir {
            writeln!(f, "dir = {dir:?}")?;
        }
        writeln!(f, "max = \"{}\"\nmemory = \"{}\"", size(self.spool.disk_bytes_max), size(self.spool.memory_bytes_max))?;
        let text = |address: Option<SocketAddr>| address.map_or_else(|| "off".to_owned(), |address| address.to_string());
        writeln!(f, "\n[listen]")?;
        writeln!(f, "http = \"{}\"\nstatsd = \"{}\"", text(self.listen.http), text(self.listen.statsd.address))?;
        let off = PathBuf::from("off");
        writeln!(f, "socket = {:?}", self.listen.socket.as_ref().unwrap_or(&off))?;
        writeln!(f, "statsd_socket = {:?}", self.listen.statsd.socket.as_ref().unwrap_or(&off))?;
        writeln!(f, "\n[requests]\nslow = \"{}\"", Span(Duration::from_secs_f64(self.requests.slow_s)))?;
        writeln!(f, "\n[events]\nprivate = \"{}\"", if self.listen.keeps_private { "keep" } else { "mask" })?;
        writeln!(f, "\n[statsd]\nsigned_gauge = \"{}\"", self.listen.statsd.signed_gauge)?;
        self.write_lists(f)?;
        match self.exec.grace {
            Some(grace) => writeln!(f, "\n[exec]\ngrace = \"{}\"", Span(grace))?,
            None => writeln!(f, "\n# exec.grace: none")?,
        }
        if let Some(target) = &self.target {
            writeln!(f, "\n[send]\n{target}")?;
        }
        writeln!(f, "\n[resource]")?;
        if let Some(tenant) = &self.described.tenant {
            writeln!(f, "tenant = {tenant:?}")?;
        }
        if !self.described.attributes.is_empty() {
            writeln!(f, "\n[resource.attributes]")?;
        }
        self.described.attributes.iter().try_for_each(|(key, value)| writeln!(f, "{key:?} = {value:?}"))
    }
}

impl Settings {
    /// What stands several times, in words: as comments, since each has a form of its own in the file.
    fn write_lists(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listen = &self.listen;
        let lists: [(&str, Vec<String>); 5] = [
            ("statsd.requests", listen.statsd.requests.iter().map(ToString::to_string).collect()),
            ("proxy", listen.proxies.iter().map(ToString::to_string).collect()),
            ("logs", listen.logs.iter().map(ToString::to_string).collect()),
            ("scrape", listen.scrapes.iter().map(ToString::to_string).collect()),
            ("probes", listen.probes.iter().map(ToString::to_string).collect()),
        ];
        writeln!(f)?;
        for (key, items) in lists {
            if items.is_empty() {
                writeln!(f, "# {key}: none")?;
            }
            items.iter().try_for_each(|item| writeln!(f, "# {key}: {item}"))?;
        }
        Ok(())
    }
}
