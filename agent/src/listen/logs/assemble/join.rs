//! Which line belongs to the record before it: what the traces of each language look like, line by line.

use farol_shared::record::Level;

use super::{super::exception, Held};

/// What the last line of a record was, and so what may follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// No trace so far.
    Plain,
    /// The first line of an exception, or its frames: Java, JavaScript, .NET.
    Frames,
    /// Python: header and frames, before the type.
    PythonFrames,
    /// Python: the type and the lines of its message.
    PythonMessage,
    /// Python: the line that joins two traces of a chain.
    PythonChain,
    /// Python: inside an exception group.
    PythonGroup,
    /// Node: `/app/x.js:5`, before the line of source.
    NodePlace,
    /// Node: source and mark, before the exception.
    NodeSource,
    /// Ruby: `file:line:in 'x': message (Class)`.
    Ruby,
    /// Ruby: its frames.
    RubyFrom,
    /// Ruby: the piece of source below the message.
    RubySource,
    /// Rails: `Class (message):`.
    Rails,
    /// Go: `panic: ...`.
    Go,
    /// Go: below `goroutine 1 [running]:`.
    GoRoutine,
    /// Rust: before the message.
    Rust,
    /// Rust: message and backtrace.
    RustMessage,
    /// PHP: uncaught, or Laravel's log.
    Php,
}

impl Mode {
    /// Whether empty lines may stand inside the record.
    pub(super) fn has_blanks(self) -> bool {
        !matches!(self, Self::Plain)
    }
}

/// The mode of a record whose first line this is.
pub(super) fn begin(line: &str, is_head: bool) -> Mode {
    if line.ends_with("Traceback (most recent call last):") {
        return if line.trim_start().starts_with('+') { Mode::PythonGroup } else { Mode::PythonFrames };
    }
    if line.starts_with("panic: ") || line.starts_with("fatal error: ") || (is_head && line.contains(" panic serving ")) {
        return Mode::Go;
    }
    if line.starts_with("thread '") && line.contains("panicked at ") {
        return Mode::Rust;
    }
    if is_head && !line.ends_with("}") {
        let is_laravel = line.starts_with('[') && line.contains("\"exception\":\"[object] (");
        return if is_laravel || line.contains("Fatal error: ") { Mode::Php } else { Mode::Plain };
    }
    if line.starts_with("PHP ") || line.starts_with("Fatal error: ") {
        return Mode::Php;
    }
    if is_node_place(line) {
        return Mode::NodePlace;
    }
    if exception::is_ruby_line(line) {
        return Mode::Ruby;
    }
    if line.ends_with("):") && line.contains(" (") && line.starts_with(|first: char| first.is_ascii_uppercase()) {
        return Mode::Rails;
    }
    if !is_head && exception::is_first_line(line) { Mode::Frames } else { Mode::Plain }
}

/// Whether a line belongs to the held record, and what it makes of it. `has_heads` says that records of this stream begin
/// with a logger's head.
pub(super) fn joins(held: &Held, line: &str, is_head: bool, has_heads: bool) -> Option<Mode> {
    if line.starts_with([' ', '\t']) {
        return indented(held, line);
    }
    if let Some(mode) = marked(held, line) {
        return mode;
    }
    if is_head {
        return None;
    }
    let after_blank = held.blanks > 0;
    match held.mode {
        Mode::PythonFrames if !after_blank => Some(Mode::PythonMessage),
        Mode::PythonMessage | Mode::RustMessage if has_heads && !after_blank => Some(held.mode),
        Mode::NodePlace => Some(Mode::NodeSource),
        Mode::NodeSource if after_blank => Some(Mode::Frames),
        Mode::RubyFrom if !after_blank && exception::is_ruby_line(line) => Some(Mode::Ruby),
        Mode::Ruby if after_blank => Some(Mode::RubySource),
        Mode::Rails if is_ruby_frame(line) => Some(Mode::Rails),
        Mode::Go if line.starts_with("[signal") || line.starts_with("\tpanic") => Some(Mode::Go),
        Mode::GoRoutine if is_go_frame(line) => Some(Mode::GoRoutine),
        Mode::Rust => Some(Mode::RustMessage),
        // A message of several lines, before the frames.
        Mode::Frames if has_heads && !after_blank && held.lines == 1 && !exception::is_first_line(line) => Some(Mode::Frames),
        Mode::Plain if announces_trace(held) && exception::is_first_line(line) => Some(Mode::Frames),
        _ => None,
    }
}

/// Whether the held record is a line of a logger that a trace may follow.
fn announces_trace(held: &Held) -> bool {
    held.mode == Mode::Plain && held.is_headed && held.level.is_none_or(|level| level >= Level::Warn || level <= Level::Debug)
        || held.mode == Mode::Plain && held.stamp.level.is_some_and(|level| level >= Level::Warn)
}

/// Lines that are further in belong to the one before, whatever it is.
fn indented(held: &Held, line: &str) -> Option<Mode> {
    let text = line.trim_start();
    if text.ends_with("Traceback (most recent call last):") && text.starts_with('+') {
        return announces_trace(held).then_some(Mode::PythonGroup);
    }
    if text == "Traceback (most recent call last):" && held.mode == Mode::Plain {
        return Some(Mode::PythonFrames);
    }
    // A piece of code after an empty line is no part of a trace whose frames are over.
    if held.blanks > 0 && matches!(held.mode, Mode::PythonMessage | Mode::GoRoutine) {
        return None;
    }
    Some(match held.mode {
        Mode::Plain if text.starts_with("at ") => Mode::Frames,
        Mode::Ruby if text.starts_with("from ") => Mode::RubyFrom,
        Mode::NodePlace => Mode::NodeSource,
        Mode::Rust => Mode::RustMessage,
        Mode::RubySource => Mode::RubyFrom,
        mode => mode,
    })
}

/// Lines that tell by their beginning to what they belong. The outer `None` says that this line does not.
fn marked(held: &Held, line: &str) -> Option<Option<Mode>> {
    let mode = held.mode;
    let is_python = matches!(mode, Mode::PythonMessage | Mode::PythonGroup | Mode::PythonFrames);
    let is_trace = mode != Mode::Plain;
    let first = line.as_bytes()[0];
    let joined = match first {
        b'T' if line == "Traceback (most recent call last):" => {
            (mode == Mode::PythonChain || announces_trace(held)).then_some(Mode::PythonFrames)
        }
        b'T' if line.starts_with("The above exception was ") && is_python => Some(Mode::PythonChain),
        b'D' if line.starts_with("During handling of the above ") && is_python => Some(Mode::PythonChain),
        b'C' if line.starts_with("Caused by: ") => Some(Mode::Frames),
        b'.' if line.starts_with("... ") && line.ends_with(" more") => Some(Mode::Frames),
        b'a' if line.starts_with("at ") && mode == Mode::Frames => Some(Mode::Frames),
        b'g' if line.starts_with("goroutine ") && line.ends_with("]:") => {
            (matches!(mode, Mode::Go | Mode::GoRoutine) || !is_trace).then_some(Mode::GoRoutine)
        }
        b'e' if line.starts_with("exit status ") && mode == Mode::GoRoutine => Some(Mode::GoRoutine),
        b's' if line.starts_with("stack backtrace:") && mode == Mode::RustMessage => Some(Mode::RustMessage),
        b'n' if line.starts_with("note: ") && mode == Mode::RustMessage => Some(Mode::RustMessage),
        b'S' if line == "Stack trace:" && mode == Mode::Php => Some(Mode::Php),
        b'N' if line.starts_with("Node.js v") && mode == Mode::Frames => Some(Mode::Frames),
        b'N' if line.starts_with("Next ") && mode == Mode::Php => Some(Mode::Php),
        b'P' if line.starts_with("PHP   ") || line.starts_with("PHP Stack trace:") => (mode == Mode::Php).then_some(Mode::Php),
        b'[' if line.starts_with("[stacktrace]") && mode == Mode::Php => Some(Mode::Php),
        b'#' if mode == Mode::Php && line.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => Some(Mode::Php),
        b'"' if mode == Mode::Php && line.starts_with("\"}") => Some(Mode::Php),
        b'}' if matches!(mode, Mode::Frames | Mode::Php) => Some(mode),
        _ => return None,
    };
    Some(joined)
}

/// `/app/n.js:5` or `file:///app/n.mjs:5`.
fn is_node_place(line: &str) -> bool {
    let Some((path, number)) = line.rsplit_once(':') else { return false };
    let is_script = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"].iter().any(|end| path.ends_with(end));
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_script && is_number && (line.starts_with('/') || line.starts_with("file://") || line.starts_with("node:"))
}

/// ``file.rb:2:in `x'``.
fn is_ruby_frame(line: &str) -> bool {
    (line.contains(":in `") || line.contains(":in '")) && line.ends_with('\'')
}

/// `main.main()`, `created by net/http.(*Server).Serve in goroutine 1`.
fn is_go_frame(line: &str) -> bool {
    line.starts_with("created by ")
        || (line.ends_with(')') && line.contains('(') && !line.contains(' '))
        || (line.ends_with(')') && line.contains("({"))
}
