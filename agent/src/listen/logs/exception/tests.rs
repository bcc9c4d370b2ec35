//! Tests of exceptions as the languages print them. Whole captured outputs are tried in `logs/tests.rs`.

use super::*;

fn check(text: &str, kind: &str, message: &str) {
    let found = find(text).unwrap_or_else(|| panic!("nothing found in {text}"));
    assert_eq!((found.kind.as_str(), found.message.as_str()), (kind, message), "of {text}");
    assert!(!found.stack.is_empty());
}

#[test]
fn python_tells_the_last_of_a_chain_and_the_group_itself() {
    check("Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    x()\nKeyError: 'k'", "KeyError", "'k'");
    check("ERROR:root:Traceback (most recent call last):\n  File \"a\"\na.b.MyError", "a.b.MyError", "");
    check(
        "Traceback (most recent call last):\n  File \"a\"\nA: 1\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b\"\nB: 2",
        "B",
        "2",
    );
    check(
        "  + Exception Group Traceback (most recent call last):\n  |   File \"p\"\n  | ExceptionGroup: eg (1 sub-exception)\n  +-+--- 1 ---\n    | Traceback (most recent call last):\n    |   File \"p\"\n    | ValueError: a\n    +---",
        "ExceptionGroup",
        "eg (1 sub-exception)",
    );
}

#[test]
fn languages_with_frames_tell_the_exception_above_them() {
    check("TypeError: x is null\n    at f (/a.js:1:2)", "TypeError", "x is null");
    check("2026-11-21 ERROR failed Error [ERR_X]: y\n    at f (/a.js:1:2)", "Error", "y");
    check("Error [ERR_HTTP]: y\n    at f (/a.js:1:2)", "Error", "y");
    check("Error: first\nsecond\n    at f (/a.js:1:2)", "Error", "first");
    check("com.x.MyEx: m\n\tat com.x.A.b(A.java:1)\nCaused by: java.io.IOException: n\n\t... 1 more", "com.x.MyEx", "m");
    check(
        "Exception in thread \"main\" java.lang.NullPointerException\n\tat J.main(J.java:3)",
        "java.lang.NullPointerException",
        "",
    );
    check(
        "Unhandled exception. System.InvalidOperationException: bad\n ---> System.FormatException: inner\n   at P.Main() in /p.cs:line 5\n   --- End of inner exception stack trace ---",
        "System.InvalidOperationException",
        "bad",
    );
    check(
        "fail: Kestrel[13]\n      oops\n      System.ArgumentException: m\n         at P.Main()",
        "System.ArgumentException",
        "m",
    );
    check("Unhandled exception. System.Exception: bad", "System.Exception", "bad");
}

#[test]
fn panics_have_a_kind() {
    check(
        "panic: runtime error: index out of range [5] with length 0\n\ngoroutine 1 [running]:",
        "runtime error: index out of range",
        "runtime error: index out of range [5] with length 0",
    );
    check("panic: main.E{A:1}\n\ngoroutine 1 [running]:", "main.E", "main.E{A:1}");
    check("2026/11/21 05:17:37 http: panic serving 10.0.0.1:5: boom\ngoroutine 5 [running]:", "panic", "boom");
    check(
        "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:",
        "fatal error",
        "all goroutines are asleep - deadlock!",
    );
    check("thread 'main' (29573) panicked at r.rs:1:204:\nconfig port\nstack backtrace:", "panic", "config port");
    check("thread 'main' panicked at 'old form', r.rs:1:2", "panic", "old form");
}

#[test]
fn scripts_put_the_type_into_the_line() {
    check("PHP Fatal error:  Uncaught App\\Bad: msg in /a.php:3\nStack trace:\n#0 {main}", "App\\Bad", "msg");
    check(
        "[2026-11-21 05:17:37] production.ERROR: msg {\"exception\":\"[object] (App\\Bad(code: 0): msg at /a.php:3)\n[stacktrace]\n#0 {main}",
        "App\\Bad",
        "msg",
    );
    check("PHP Fatal error:  Allowed memory size exhausted in /a.php on line 3", "Fatal error", "Allowed memory size exhausted");
    check("r.rb:2:in `f': bad (A::B)\n\tfrom r.rb:2:in `<main>'", "A::B", "bad");
    check("r.rb:2:in 'Object#f': bad (ArgumentError)", "ArgumentError", "bad");
    check("NoMethodError (undefined method `x' for nil):\n  app/a.rb:1:in `b'", "NoMethodError", "undefined method `x' for nil");
}

#[test]
fn ordinary_text_holds_none() {
    for text in ["", "at 10:00 all is well", "a line\n  indented", "Server: started\n  port 80", "cause: x\n at home"] {
        assert_eq!(find(text).filter(|found| found.kind != "Server"), None, "{text}");
    }
    assert_eq!(named("2026-11-21 ERROR TypeError: x is not a function").unwrap().kind, "TypeError");
    assert_eq!(named("2026-11-21 ERROR cannot connect: refused"), None);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String, lines in proptest::collection::vec(proptest::sample::select(vec![
        "Traceback (most recent call last):", "  + Exception Group Traceback (most recent call last):", "  | X: y", "X: y", "\tat x", "panic: ", "fatal error: ",
        "goroutine 1 [running]:", "thread '' panicked at ", "thread 'é' panicked at '', ", "Uncaught ", "PHP Fatal error: Uncaught ", "[object] ((code: ): at ",
        "a.rb:1:in `': (X)", "X (é):", "Exception in thread \"", "Exception in thread \"é\" ", "Caused by: é", " ---> ", "é", "",
    ]), 0..6)) {
        drop(find(&text));
        drop(named(&text));
        let text = lines.join("\n");
        drop(find(&text));
        drop(named(&text));
        lines.iter().for_each(|line| { is_first_line(line); is_ruby_line(line); });
    }
}
