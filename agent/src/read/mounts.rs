//! Parses `mountinfo`: what is mounted where, and which part of it.

/// One line of `mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Device number, `major:minor`; the same for every mount of one file system.
    pub(super) device: String,
    /// The directory of the file system that is visible at the mount point. For a cgroup file system: which group.
    pub(super) root: String,
    /// Where it is mounted.
    pub(super) point: String,
    /// Type, such as `ext4`.
    pub(super) kind: String,
    /// What was mounted, such as `/dev/vda1`.
    pub(super) source: String,
    /// Options of the file system; for a cgroup file system of version 1 its controllers are among them.
    pub(super) options: String,
}

/// All well-formed lines of a `mountinfo` file.
pub(super) fn parse(text: &str) -> impl Iterator<Item = Mount> {
    text.lines().filter_map(parse_line)
}

fn parse_line(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    let device = fields.nth(2)?;
    let root = fields.next()?;
    let point = fields.next()?;
    // Any number of optional fields lies before a lone hyphen.
    let mut rest = fields.skip_while(|field| *field != "-").skip(1);
    Some(Mount {
        device: device.to_owned(),
        root: unescape(root),
        point: unescape(point),
        kind: rest.next()?.to_owned(),
        source: unescape(rest.next()?),
        options: rest.next().unwrap_or_default().to_owned(),
    })
}

/// Undoes the kernel's escaping of blanks, tabs, line ends and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 4).and_then(octal).filter(|_| *byte == b'\\');
        plain.push(code.unwrap_or(*byte));
        at += if code.is_some() { 4 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |code, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        code.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_and_without_optional_fields_is_parsed() {
        let text = "32 31 0:29 /docker/4f1c /sys/fs/cgroup/cpu rw,relatime shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct\n\
                    27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n";
        let mounts: Vec<Mount> = parse(text).collect();
        assert_eq!(mounts.len(), 2);
        assert_eq!((mounts[0].root.as_str(), mounts[0].point.as_str()), ("/docker/4f1c", "/sys/fs/cgroup/cpu"));
        assert_eq!((mounts[0].kind.as_str(), mounts[0].options.as_str()), ("cgroup", "rw,cpu,cpuacct"));
        assert_eq!((mounts[1].device.as_str(), mounts[1].source.as_str()), ("254:0", "/dev/vda"));
    }

    #[test]
    fn escaped_blanks_and_backslashes_come_back() {
        let mount = parse("1 2 8:1 / /mnt/a\\040b\\134c\\9 rw - ext4 /dev/sda1 rw").next().unwrap();
        assert_eq!(mount.point, "/mnt/a b\\c\\9");
    }

    #[test]
    fn broken_lines_are_passed_over() {
        assert_eq!(parse("\n1 2\n1 2 8:1 / /x rw ext4 /dev/sda1 rw\n1 2 8:1 / /x rw -\n").count(), 0);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[ -~\\\\0-9\n]{0,200}") {
            parse(&text).count();
        }
    }
}
