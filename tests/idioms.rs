//! Plain statements, as far as a program can tell: none packs several into a tuple, and none asks
//! for a condition with `match`; and none panics if the system has no thread left. The program's own code is read; tests may be shorter.

use crate::layering::sources;
use regex::Regex;

/// Code with `_` in place of strings and characters, and without comments, so that brackets can be
/// counted.
fn blank(code: &str) -> String {
    let unread = r##"(?s)//[^\n]*|/\*.*?\*/|b?r#".*?"#|b?r"[^"]*"|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^']+|[^'\\]|\\')'"##;
    let unread = Regex::new(unread).expect("it is a regular expression");
    let blanks = |found: &regex::Captures<'_>| {
        let comment = found[0].starts_with('/');
        let blank = |c: char| match c {
            '\n' => c,
            _ if comment => ' ',
            _ => '_',
        };
        found[0].chars().map(blank).collect::<String>()
    };
    unread.replace_all(code, blanks).into_owned()
}

/// Returns the length of what begins with a bracket, up to the one that closes it.
fn bracketed(code: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + c.len_utf8());
        }
    }
    None
}

/// Takes what is in brackets apart at its commas.
fn elements(bracketed: &str) -> Vec<&str> {
    let inside = &bracketed[1..bracketed.len() - 1];
    let mut elements = Vec::new();
    let mut depth = 0;
    let mut from = 0;
    for (at, c) in inside.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                elements.push(inside[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    elements.push(inside[from..].trim());
    elements.retain(|element| !element.is_empty());
    elements
}

/// Whether a value needs what an assignment before it would overwrite, as in `(a, b) = (b, a)`.
fn is_swap(targets: &[&str], values: &[&str]) -> bool {
    let needs = |value: &str, target: &str| {
        let target = format!(r"(^|[^\w.]){}\b", regex::escape(target));
        Regex::new(&target).expect("it is a regular expression").is_match(value)
    };
    (1..values.len()).any(|n| targets.iter().take(n).any(|target| needs(values[n], target)))
}

/// Returns the statements that bind or assign the elements of a tuple or array which is written out.
/// `let … else` is none: its patterns may fail. Nor is a swap.
fn packed(code: &str) -> Vec<String> {
    let code = blank(code);
    let begins = Regex::new(r"(?m)(\blet\s+|^\s*|=>\s*)[(\[]").expect("it is a regular expression");
    let value = Regex::new(r"^(\s*:[^=;]*)?\s*=\s*[(\[]").expect("it is a regular expression");
    let mut found = Vec::new();
    for begin in begins.captures_iter(&code) {
        let begin = begin.get(0).expect("the whole");
        let pattern_at = begin.end() - 1;
        let Some(pattern) = bracketed(&code[pattern_at..]) else { continue };
        let Some(equals) = value.find(&code[pattern_at + pattern..]) else { continue };
        let value_at = pattern_at + pattern + equals.end() - 1;
        let Some(len) = bracketed(&code[value_at..]) else { continue };
        let values = elements(&code[value_at..value_at + len]);
        let targets = elements(&code[pattern_at..pattern_at + pattern]);
        let is_packed = if begin.as_str().trim_start().starts_with("let") {
            code[value_at + len..].starts_with(';')
        } else {
            !is_swap(&targets, &values)
        };
        if is_packed && values.len() > 1 {
            let words = code[begin.start()..value_at + len].split_whitespace();
            found.push(words.collect::<Vec<_>>().join(" "));
        }
    }
    found
}

/// Returns the arms that are a condition's value.
fn bool_arms(code: &str) -> Vec<String> {
    let arm = Regex::new(r"[{},|]\s*((?:true|false)\s*(?:if\b[^{};]*?)?=>[^\n]*)");
    let arm = arm.expect("it is a regular expression");
    arm.captures_iter(&blank(code)).map(|arm| arm[1].trim().to_owned()).collect()
}

/// Returns what starts a thread and panics if the system has none left.
fn panicking_threads(code: &str) -> Vec<String> {
    let start = r"\bthread::spawn\b|\bscope\s*\.spawn\(|\bspawn_blocking\b|\benable_steady_tick\b";
    let start = Regex::new(start).expect("it is a regular expression");
    start.find_iter(&blank(code)).map(|found| found.as_str().to_owned()).collect()
}

#[test]
fn no_thread_is_started_that_panics_if_there_is_none() {
    let mut found = Vec::new();
    for source in sources() {
        let starts = panicking_threads(&source.code);
        found.extend(starts.iter().map(|what| format!("{}: {what}", source.path.display())));
    }
    assert!(
        found.is_empty(),
        "threads and memory may have run out: use std::thread::Builder, and tell the error:\n{}",
        found.join("\n")
    );
}

#[test]
fn planted_threads_that_panic_are_found() {
    for code in [
        "std::thread::spawn(move || work());",
        "use std::thread::spawn;",
        "scope.spawn(|| work());",
        "scope\n    .spawn(|| work());",
        "tokio::task::spawn_blocking(work).await",
        "bar.enable_steady_tick(TICK);",
    ] {
        assert_eq!(panicking_threads(code).len(), 1, "{code}");
    }
    for code in [
        "thread::Builder::new().spawn(work)?;",
        "Builder::new().spawn_scoped(scope, work)",
        "tokio::task::spawn_local(work());",
        "// thread::spawn panics",
    ] {
        assert_eq!(panicking_threads(code), [""; 0], "{code}");
    }
}

#[test]
fn no_statement_packs_several_into_a_tuple() {
    let mut found = Vec::new();
    for source in sources() {
        let packed = packed(&source.code);
        found.extend(packed.iter().map(|what| format!("{}: {what}", source.path.display())));
    }
    assert!(found.is_empty(), "write a statement for each:\n{}", found.join("\n"));
}

#[test]
fn no_match_is_on_a_condition() {
    let mut found = Vec::new();
    for source in sources() {
        let arms = bool_arms(&source.code);
        found.extend(arms.iter().map(|arm| format!("{}: {arm}", source.path.display())));
    }
    assert!(found.is_empty(), "write `if` and `else`:\n{}", found.join("\n"));
}

#[test]
fn planted_packed_statements_are_found() {
    for code in [
        "let (a, b) = (1, 2);",
        "let (mut a, b): (u8, u8) =\n    (f(x, y), g());",
        "let ((a, b), c) = (pair(), ')');",
        "let [a, b] = [f(), g()];",
        "    (self.a, self.b) = (1, \"x);\");",
        "    (a.b, c) = (c, d);",
        "match x { A(y) => (y.a, y.b) = (1, 2), B => {} }",
    ] {
        assert_eq!(packed(code).len(), 1, "{code}");
    }
    for code in [
        "let (a, b) = f();",
        "let (a, b) = (x.f)(y);",
        "let (Some(a), Some(b)) = (f(), g()) else { return };",
        "let [a, b] = [f(), g()].map(h);",
        "if let (Some(a), Some(b)) = (f(), g()) {}",
        "    (a, b) = (b, a % b);",
        "    (a, b) = if c { (1, 2) } else { (2, 1) };",
        "let x = (1, 2);",
    ] {
        assert_eq!(packed(code), [""; 0], "{code}");
    }
}

#[test]
fn planted_matches_on_a_condition_are_found() {
    for code in [
        "match a { true => 1, _ => 2 }",
        "match f(x) {\n    // why\n    false => {}\n    _ => g(),\n}",
        "match a { true if b => 1, _ => 2 }",
    ] {
        assert_eq!(bool_arms(code).len(), 1, "{code}");
    }
    for code in [
        "match (a, b) { (true, false) => 1, (_, true) => 2, _ => 3 }",
        "match a { Some(true) => 1, _ => 2 }",
        "match a { \"{ true => \" => 1, _ => 2 }",
        "match a { x if x == true => 1, _ => 2 }",
    ] {
        assert_eq!(bool_arms(code), [""; 0], "{code}");
    }
}
