//! Commands of the documentation, read from its pages, so that a test runs what a reader would type.

use std::fs;

use crate::process::project;

/// Where a block of commands runs; written behind `sh` at the start of the fenced block.
pub const PLACES: &[&str] = &["machine", "systemd", "docker"];

/// A fenced block of shell commands in a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Line of the page, counted from 1, on which the block's first command stands.
    pub line: usize,
    /// One of [`PLACES`].
    pub place: String,
    /// Words behind the place, such as a condition that the page's test understands; mostly empty.
    pub note: String,
    /// The commands.
    pub text: String,
}

/// Every block of commands that a page (a path below the project) has for a place, in the page's order.
#[must_use]
pub fn blocks(page: &str, place: &str) -> Vec<Block> {
    let path = project().join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found = read(&text);
    found.retain(|block| block.place == place);
    assert!(!found.is_empty(), "{page} has no block that begins with ```sh {place}");
    found
}

/// The blocks of shell commands of a page's text.
#[must_use]
pub fn read(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(words) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let mut words = words.split_whitespace();
        let is_shell = words.next() == Some("sh");
        let place = words.next().unwrap_or_default().to_owned();
        let note = words.collect::<Vec<_>>().join(" ");
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim_start() != "```");
        let text: String = inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
        if is_shell {
            found.push(Block { line: at + 2, place, note, text });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Block, read};

    #[test]
    fn only_blocks_of_shell_commands_are_read_with_their_place_and_line() {
        let page = "# A\n\n```toml\nsh = 1\n```\n1. in a list\n\n   ```sh docker slow run\n   docker ps\n     deeper\n   ```\n\n```sh machine\nls\n```\n";
        let block =
            |line, place: &str, note: &str, text: &str| Block { line, place: place.into(), note: note.into(), text: text.into() };
        let expected = [block(9, "docker", "slow run", "docker ps\n  deeper\n"), block(14, "machine", "", "ls\n")];
        assert_eq!(read(page), expected);
    }
}
