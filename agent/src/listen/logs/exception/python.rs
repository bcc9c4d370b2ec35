//! Python: `Traceback (most recent call last):`, chained and in groups.

use super::{Found, Lines};

const HEADER: &str = "Traceback (most recent call last):";

/// Lines between the traces of a chain: what came before them belongs to the same exception.
pub(super) fn find<'a>(lines: &Lines<'a>) -> Option<Found<'a>> {
    let is_header = |line: &str| line.ends_with(HEADER) && !line.trim_start().starts_with('|');
    let first = lines.position(is_header)?;
    // Of a chain the last trace is the exception that came out. Members of a group stand behind a `|`.
    let last = lines.iter().rev().find(|(_, line)| is_header(line)).map_or(first, |(index, _)| index);
    let header = lines.get(last);
    let (kind, message) = if header.trim_start().starts_with('+') { of_group(lines, last) } else { of_trace(lines, last) }?;
    // The trace begins behind what a logger put before it on the same line.
    let from = lines.start(first) + lines.get(first).len() - HEADER.len();
    let is_whole_line =
        lines.get(first).trim_start_matches([' ', '+']).starts_with("Exception Group") || lines.get(first).trim_start() == HEADER;
    Some(Found { kind, message, from: if is_whole_line { lines.start(first) } else { from } })
}

/// The first line behind the frames that is no further in than the header.
fn of_trace<'a>(lines: &Lines<'a>, header: usize) -> Option<(&'a str, &'a str)> {
    let line = lines.get(header);
    let indent = if line.trim_start() == HEADER { line.len() - line.trim_start().len() } else { 0 };
    let is_frame = |line: &str| line.trim().is_empty() || line.len() - line.trim_start().len() > indent;
    let (_, line) = lines.iter().skip(header + 1).find(|(_, line)| !is_frame(line))?;
    parts(line.trim_start())
}

/// The first line of the group behind its frames, which stand further in: `  | ExceptionGroup: eg (2 sub-exceptions)`.
fn of_group<'a>(lines: &Lines<'a>, header: usize) -> Option<(&'a str, &'a str)> {
    let behind = |line: &'a str| line.trim_start().strip_prefix("| ");
    lines.iter().skip(header + 1).filter_map(|(_, line)| behind(line)).find(|line| !line.starts_with(' ')).and_then(parts)
}

fn parts(line: &str) -> Option<(&str, &str)> {
    let (kind, message) = line.split_once(':').unwrap_or((line, ""));
    let begins = kind.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let is_name = begins && kind.chars().all(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '.'));
    is_name.then_some((kind, message))
}
