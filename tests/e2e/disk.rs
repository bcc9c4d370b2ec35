//! File systems that are a test's own: one that fills up, and one that stops answering. Both need root.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Freezes the file system, says so, waits for its input to end, and thaws. As it waits for the end of a pipe, it thaws whatever
/// becomes of the test, `kill -9` included.
const FREEZE: &str = r#"fsfreeze --freeze "$1" && echo frozen && read -r _; fsfreeze --unfreeze "$1""#;

/// A mounted file system, unmounted when dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: TempDir,
    /// Keeps the image until it is unmounted.
    _image: Option<TempDir>,
}

impl Disk {
    /// In memory.
    pub(crate) fn small(mebibytes: u32) -> Self {
        let folder = TempDir::new().unwrap();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "farol-test", &text(folder.path())]);
        Self { folder, _image: None }
    }

    /// An ext4 in a file: unlike one in memory it can be frozen.
    pub(crate) fn ext4(mebibytes: u64) -> Self {
        let (folder, keep) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let image = keep.path().join("image");
        File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        run("mke2fs", &["-q", "-F", "-t", "ext4", &text(&image)]);
        run("mount", &["-o", "loop", &text(&image), &text(folder.path())]);
        Self { folder, _image: Some(keep) }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives one in memory another size.
    pub(crate) fn grow(&self, mebibytes: u32) {
        run("mount", &["-o", &format!("remount,size={mebibytes}m"), &text(self.path())]);
    }

    /// Lets everybody who writes wait until the handle is dropped.
    #[must_use]
    pub(crate) fn freeze(&self) -> Frozen {
        // In a group of its own, so that Ctrl-C does not end it before it has thawed.
        let mut command = Command::new("sh");
        command.args(["-c", FREEZE, "sh"]).arg(self.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut frozen = Frozen(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(frozen.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "frozen\n", "cannot freeze {}", self.path().display());
        frozen
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let ended = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(ended.is_ok_and(|status| status.success()), "cannot unmount {}", self.path().display());
    }
}

/// A file system that lets everybody wait who writes to it. Must be dropped before whoever writes: they cannot even be killed.
#[derive(Debug)]
pub(crate) struct Frozen(Child);

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let ended = self.0.wait();
        assert!(ended.is_ok_and(|status| status.success()), "cannot thaw");
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} (this test needs root): {said}");
}
