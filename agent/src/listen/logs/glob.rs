//! Patterns of paths: `*`, `?` and `[a-z]` within one part of a path.

use std::path::{Component, Path, PathBuf};

/// Most directory entries that one expansion looks at: a directory with more is no place for logs.
const ENTRIES_MAX: usize = 20_000;

/// The paths that a pattern stands for, in order, at most `max`.
pub(super) fn expand(pattern: &Path, max: usize) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    let mut left = ENTRIES_MAX;
    for component in pattern.components() {
        let part = match component {
            Component::Normal(part) => part,
            other => {
                found.iter_mut().for_each(|path| path.push(other));
                continue;
            }
        };
        match part.to_str().filter(|part| part.contains(['*', '?', '['])) {
            Some(part) => found = found.iter().flat_map(|path| matching(path, part, &mut left)).collect(),
            None => found.iter_mut().for_each(|path| path.push(part)),
        }
    }
    found.sort();
    found.truncate(max);
    found
}

fn matching(directory: &Path, pattern: &str, left: &mut usize) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let name = entry.file_name();
        let is_hidden = name.as_encoded_bytes().starts_with(b".") && !pattern.starts_with('.');
        if !is_hidden && matches(pattern.as_bytes(), name.as_encoded_bytes()) {
            found.push(entry.path());
        }
    }
    found
}

/// Whether a name is what a pattern describes. Linear but for one step back a star.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut sign, mut star) = (0, 0, None);
    while sign < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, sign));
                at += 1;
            }
            Some(_) if one(&pattern[at..], name[sign]).is_some() => {
                at += one(&pattern[at..], name[sign]).unwrap_or(1);
                sign += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (at, sign) = (after + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// How long the part of the pattern is that stands for this byte, if it does.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern[0] {
        b'?' => Some(1),
        b'[' => {
            let end = pattern.iter().skip(2).position(|sign| *sign == b']')? + 2;
            let set = &pattern[1..end];
            let (is_not, set) = match set.strip_prefix(b"!") {
                Some(set) => (true, set),
                None => (false, set),
            };
            let mut at = 0;
            let mut is_in = false;
            while at < set.len() {
                if set.get(at + 1) == Some(&b'-') && at + 2 < set.len() {
                    is_in |= (set[at]..=set[at + 2]).contains(&byte);
                    at += 3;
                } else {
                    is_in |= set[at] == byte;
                    at += 1;
                }
            }
            (is_in != is_not).then_some(end + 1)
        }
        other => (other == byte).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shell_does() {
        let cases = [
            ("*.log", "app.log", true),
            ("*.log", "app.log.1", false),
            ("a*b*c", "axxbxbc", true),
            ("a?c", "abc", true),
            ("a[0-9]", "a7", true),
            ("a[!0-9]", "a7", false),
            ("a[x]", "a", false),
            ("", "", true),
            ("*", "", true),
            ("[", "[", false),
        ];
        for (pattern, name, is_match) in cases {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn paths_are_expanded_part_by_part_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b/x.log", "a/y.log", "a/z.txt", "a/.hidden.log"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = |pattern: &str, max| expand(&dir.path().join(pattern), max);
        assert_eq!(found("*/*.log", 9), [dir.path().join("a/y.log"), dir.path().join("b/x.log")]);
        assert_eq!(found("*/*.log", 1).len(), 1);
        assert_eq!(found("a/z.txt", 9), [dir.path().join("a/z.txt")]);
        assert!(found("none/*", 9).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in "[*?\\[\\]!a-c-]{0,12}", name in "[a-c]{0,12}") {
            matches(pattern.as_bytes(), name.as_bytes());
        }
    }
}
