//! Tests of putting lines together: whole captured outputs of each language, and forms that were not captured.

use proptest::strategy::Strategy;

use super::*;
use crate::listen::logs::exception::Exception;

/// What becomes of the lines of a text: first line, number of lines, level and exception of each record.
fn records(text: &str) -> Vec<(String, usize, Option<Level>, Option<Exception>)> {
    let (mut assembler, mut found) = (Assembler::new(true), Vec::new());
    let mut emit = |whole: Whole<'_>| {
        let first = whole.text.lines().next().unwrap_or_default().to_owned();
        found.push((first, whole.lines, whole.level, exception::find(whole.text)));
    };
    for line in text.lines() {
        assembler.push(line, 0, Stamp::default(), Instant::now(), &mut emit);
    }
    assembler.flush(&mut emit);
    found
}

/// Checks the exceptions of a text, with the number of lines of each record that has one, and records without one.
fn check(text: &str, expected: &[(&str, usize)]) {
    let found = records(text);
    let kinds: Vec<(&str, usize)> = found
        .iter()
        .map(|(first, lines, _, exception)| (exception.as_ref().map_or(first.as_str(), |found| found.kind.as_str()), *lines))
        .collect();
    assert_eq!(kinds, expected, "{found:#?}");
}

#[test]
fn captured_traces_of_python_are_one_record_each() {
    let text = include_str!("../../../../../tests/fixtures/tracebacks/python.txt");
    check(text, &[("AppError", 18), ("ValueError", 14), ("ExceptionGroup", 11), ("urllib.error.URLError", 4)]);
    let first = records(text).remove(0);
    assert_eq!(first.2, Some(Level::Error));
    let exception = first.3.unwrap();
    assert_eq!(exception.message, "could not load");
    assert!(exception.stack.starts_with("Traceback") && exception.stack.ends_with("AppError: could not load\nsecond line"));
}

#[test]
fn captured_traces_of_node_are_one_record_each() {
    let text = include_str!("../../../../../tests/fixtures/tracebacks/node.txt");
    check(text, &[("TypeError", 8), ("AppError", 15), ("AppError", 8), ("RangeError", 14)]);
}

#[test]
fn captured_traces_of_java_are_one_record_each_with_their_causes() {
    let text = include_str!("../../../../../tests/fixtures/tracebacks/java.txt");
    check(text, &[("J$AppEx", 15), ("java.lang.IllegalStateException", 3), ("java.lang.NullPointerException", 2)]);
}

#[test]
fn captured_traces_of_ruby_are_one_record_each() {
    let text = include_str!("../../../../../tests/fixtures/tracebacks/ruby.txt");
    check(text, &[("AppError", 4), ("AppError", 3), ("NoMethodError", 4)]);
}

#[test]
fn captured_panics_of_go_are_one_record_each() {
    let text = include_str!("../../../../../tests/fixtures/tracebacks/go.txt");
    let index = "runtime error: index out of range";
    let nil = "runtime error: invalid memory address or nil pointer dereference";
    check(
        text,
        &[("deferred", 1), (nil, 6), ("deferred", 1), ("panic", 5), ("deferred", 1), ("panic", 5), ("deferred", 1), (index, 5)],
    );
    assert_eq!(records(text)[1].2, Some(Level::Fatal));
}

#[test]
fn captured_panics_of_rust_are_one_record_each() {
    let text = include_str!("../../../../../tests/fixtures/tracebacks/rust.txt");
    check(text, &[("panic", 13), ("panic", 13), ("panic", 13), ("panic", 13)]);
    let first = records(text).remove(0);
    assert_eq!(first.3.unwrap().message, "index out of bounds: the len is 0 but the index is 3");
    assert_eq!(first.2, Some(Level::Error));
}

#[test]
fn forms_of_php_and_dotnet_are_one_record_each() {
    check(
        "PHP Fatal error:  Uncaught RuntimeException: bad in /a.php:3\nStack trace:\n#0 /a.php(9): f()\n#1 {main}\n  thrown in /a.php on line 3\nnext",
        &[("RuntimeException", 5), ("next", 1)],
    );
    check(
        "[2026-11-21 05:17:37] production.ERROR: bad {\"exception\":\"[object] (App\\\\Bad(code: 0): bad at /a.php:3)\n[stacktrace]\n#0 /a.php(9): f()\n#1 {main}\n\"} \n[2026-11-21 05:17:38] production.INFO: fine",
        &[("App\\\\Bad", 5), ("[2026-11-21 05:17:38] production.INFO: fine", 1)],
    );
    check(
        "Unhandled exception. System.InvalidOperationException: bad\n ---> System.FormatException: inner\n   at P.F() in /p.cs:line 5\n   --- End of inner exception stack trace ---\n   at P.Main() in /p.cs:line 9\ninfo: App[0]\n      started",
        &[("System.InvalidOperationException", 5), ("info: App[0]", 2)],
    );
    check(
        "fail: Kestrel[13]\n      oops\n      System.ArgumentException: m\n         at P.Main()",
        &[("System.ArgumentException", 4)],
    );
}

#[test]
fn a_trace_belongs_to_the_line_of_the_logger_before_it() {
    check(
        "2026-11-21 05:17:37.123 ERROR 1 --- [main] c.x.Y : Failed\njava.lang.IllegalStateException: m\n\tat c.x.Y.z(Y.java:1)\nCaused by: java.io.IOException: n\n\t... 3 more\n2026-11-21 05:17:38.123  INFO 1 --- [main] c.x.Y : fine",
        &[("java.lang.IllegalStateException", 5), ("2026-11-21 05:17:38.123  INFO 1 --- [main] c.x.Y : fine", 1)],
    );
    check(
        "2026/11/21 05:17:37 http: panic serving 10.0.0.1:5: boom\ngoroutine 5 [running]:\nnet/http.(*conn).serve.func1()\n\t/go/server.go:1 +0xb0\npanic({0x1, 0x2})\n\t/go/panic.go:1 +0x1\ncreated by net/http.(*Server).Serve in goroutine 1\n\t/go/server.go:2 +0x1\n2026/11/21 05:17:38 next",
        &[("panic", 8), ("2026/11/21 05:17:38 next", 1)],
    );
    check(
        "started\nTraceback (most recent call last):\n  File \"a\"\nKeyError: 'k'\nother",
        &[("started", 1), ("KeyError", 3), ("other", 1)],
    );
}

#[test]
fn lines_of_a_logger_stay_apart() {
    let text = "INFO:     127.0.0.1:1 - \"GET / HTTP/1.1\" 200 OK\nINFO:     x\nplain\nERROR: x\nplain\n{\"a\":1}\n{\"a\":2}\n";
    assert_eq!(records(text).len(), 7);
    let mut assembler = Assembler::new(false);
    let mut count = 0;
    for line in ["Traceback (most recent call last):", "  File", "KeyError"] {
        assembler.push(line, 0, Stamp::default(), Instant::now(), &mut |_| count += 1);
    }
    assembler.flush(&mut |_| count += 1);
    assert_eq!(count, 3, "each line is a record of its own when lines are not to be put together");
}

#[test]
fn a_full_record_drops_and_counts_its_further_lines() {
    let (mut assembler, mut wholes) = (Assembler::new(true), Vec::new());
    let mut emit = |whole: Whole<'_>| wholes.push((whole.lines, whole.text.len()));
    assembler.push("ERROR: x", 7, Stamp::default(), Instant::now(), &mut emit);
    for _ in 0..LINES_MAX + 20 {
        assembler.push("  more", 8, Stamp::default(), Instant::now(), &mut emit);
    }
    assert_eq!(assembler.held_from(), Some(7));
    assembler.push("ERROR: y", 9, Stamp::default(), Instant::now(), &mut emit);
    assembler.push(&format!("\t{}", "x".repeat(BYTES_MAX)), 9, Stamp::default(), Instant::now(), &mut emit);
    assembler.flush(&mut emit);
    assert_eq!(wholes[0].0, LINES_MAX);
    assert_eq!(wholes[1], (1, 8));
    assert_eq!(assembler.take_lost(), 22);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_whole_when_nothing_came_for_a_while() {
    let (mut assembler, mut count) = (Assembler::new(true), 0);
    assembler.push("ERROR x", 0, Stamp::default(), Instant::now(), &mut |_| count += 1);
    assembler.flush_idle(Instant::now(), &mut |_| count += 1);
    assert_eq!(count, 0);
    tokio::time::advance(IDLE_MAX).await;
    assembler.flush_idle(Instant::now(), &mut |_| count += 1);
    assert_eq!(count, 1);
}

proptest::proptest! {
    #[test]
    fn any_lines_come_out_once_and_in_order(lines in proptest::collection::vec(proptest::prop_oneof![
        "[ -~é]{0,12}",
        proptest::sample::select(vec![
            "Traceback (most recent call last):", "  + Exception Group Traceback (most recent call last):", "KeyError: x", "  File \"a\"", "",
            "panic: x", "goroutine 1 [running]:", "main.main()", "thread 'a' panicked at x", "PHP Fatal error:  Uncaught X: y", "#0 {main}", "}",
            "/app/n.js:5", "r.rb:2:in `f': bad (A)", "\tfrom r.rb", "Caused by: x", "2026-11-21 05:17:37 ERROR x", "During handling of the above exception, another",
            "Exception in thread \"a\" b.C", "X (y):", "[signal x", "note: x",
        ]).prop_map(str::to_owned),
    ], 0..40)) {
        use proptest::prelude::*;
        let (mut assembler, mut out) = (Assembler::new(true), String::new());
        let mut emit = |whole: Whole<'_>| { out.push_str(whole.text); out.push('\n'); };
        lines.iter().for_each(|line| assembler.push(line, 0, Stamp::default(), Instant::now(), &mut emit));
        assembler.flush(&mut emit);
        let is_text = |line: &&str| !line.trim_ascii_end().is_empty();
        let expected: Vec<&str> = lines.iter().map(String::as_str).filter(is_text).collect();
        prop_assert_eq!(out.split('\n').filter(is_text).collect::<Vec<_>>(), expected);
    }
}
