//! A machine of its own for the commands of a page: a home folder, the programs in the path, and a network with nothing but a
//! loopback, so that the usual ports are free. Blocks are typed into it one after another, as into terminals.

use std::{
    fs::{self, File},
    os::unix::{fs::symlink, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use farol_tests::{
    docs::Block,
    process::{agent_program, collector_program, project, target},
    wait::until,
};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tempfile::TempDir;

/// Status of curl when nothing listens yet.
const NOT_CONNECTED: i32 = 7;

pub(crate) struct Machine {
    folder: TempDir,
    /// Keeps the network alive.
    holder: Child,
    /// What was started in the background, with its section.
    running: Vec<(String, Child)>,
}

impl Machine {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(collector_program(), bin.join("farol-collector")).unwrap();
        symlink(agent_program(), bin.join("farol-agent")).unwrap();
        symlink(project(), folder.path().join("farol")).unwrap();
        let holder =
            Command::new("unshare").args(["--net", "sh", "-c", "ip link set lo up && exec sleep infinity"]).spawn().unwrap();
        let machine = Self { folder, holder, running: Vec::new() };
        until("the machine's loopback", || {
            let output = machine.command("ip -o addr show dev lo up").output().map_err(|error| error.to_string())?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if text.contains("127.0.0.1") { Ok(()) } else { Err(text) }
        });
        machine
    }

    pub(crate) fn home(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, text: &str) -> Command {
        let mut command = Command::new("nsenter");
        let net = format!("--net=/proc/{}/ns/net", self.holder.id());
        let path =
            format!("{}:{}:/usr/local/bin:/usr/bin:/bin", self.home().join("bin").display(), target().join("apps/bin").display());
        command.args([net.as_str(), "bash", "-euo", "pipefail", "-c", text]);
        command.current_dir(self.home()).stdin(Stdio::null()).env_clear();
        command.env("HOME", self.home()).env("PATH", path).env("NODE_PATH", project().join("tests/apps/express/node_modules"));
        command
    }

    /// Types commands that end, and gives what they said.
    pub(crate) fn say(&self, text: &str) -> Output {
        self.command(text).output().unwrap()
    }

    /// Runs a block of a page; one that stays is left running until [`Machine::end`].
    pub(crate) fn run(&mut self, page: &str, block: &Block) {
        let mut words = block.note.split_whitespace();
        let section = words.next().unwrap_or_default().to_owned();
        if words.any(|word| word == "background") {
            self.start_in_background(section, page, block);
            return;
        }
        let place = format!("{page}:{}", block.line);
        let output = until(&place, || {
            let output = self.say(&block.text);
            if output.status.code() == Some(NOT_CONNECTED) { Err("nothing listens".to_owned()) } else { Ok(output) }
        });
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{place} ended with {}:\n{}\n{said}{}", output.status, block.text, self.logs());
    }

    fn start_in_background(&mut self, section: String, page: &str, block: &Block) {
        let before = self.listening();
        let path = self.home().join(format!("{section}-{}.log", block.line));
        let log = File::create(&path).unwrap();
        let mut command = self.command(&block.text);
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        self.running.push((section, command.spawn().unwrap()));
        until(&format!("{page}:{} to listen", block.line), || {
            let (_, child) = self.running.last_mut().expect("it was pushed above");
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{page}:{} ended:\n{}\n{}", block.line, block.text, self.logs());
            if self.listening() > before { Ok(()) } else { Err(format!("as before: {before} ports")) }
        });
        // A collector listens before it has read its files, and says when it has.
        if block.text.trim_end().ends_with("farol-collector") {
            until(&format!("{page}:{} to be ready", block.line), || {
                let said = fs::read_to_string(&path).unwrap_or_default();
                if said.contains("is running") { Ok(()) } else { Err(said) }
            });
        }
    }

    /// How many ports of the loopback somebody listens on.
    fn listening(&self) -> usize {
        let seen = self.say("cat /proc/self/net/tcp | awk '$4 == \"0A\"' | sort -u | wc -l");
        String::from_utf8_lossy(&seen.stdout).trim().parse().unwrap()
    }

    /// Ends what a section left running, as closing its terminals does.
    pub(crate) fn end(&mut self, section: &str) {
        for (name, child) in &mut self.running {
            if name == section {
                end(child);
            }
        }
        self.running.retain(|(name, _)| name != section);
    }

    fn logs(&self) -> String {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.home()).unwrap().flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        paths.sort();
        let log = |path: &PathBuf| format!("--- {}\n{}", path.display(), fs::read_to_string(path).unwrap_or_default());
        paths.iter().map(log).collect()
    }
}

/// Ends a process and everything that it started.
fn end(child: &mut Child) {
    let group = Pid::from_raw(i32::try_from(child.id()).expect("a process id is small"));
    // Whoever has ended already has nobody to be told.
    killpg(group, Signal::SIGTERM).ok();
    child.wait().unwrap();
    killpg(group, Signal::SIGKILL).ok();
}

impl Drop for Machine {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            end(child);
        }
        self.holder.kill().and_then(|()| self.holder.wait()).unwrap();
    }
}
