//! Projects of a Sentry organisation: names that people write, turned into the numbers that every version of Sentry takes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::ask::{Asker, Subject, next_cursor};
use crate::pull::{PollError, parse};

const PROJECTS: Subject = Subject { path: "projects", scope: "project:read" };

/// Most pages of projects that are read: a hundred each.
const PAGES_MAX: usize = 20;

/// Most projects that an error names.
const NAMED_MAX: usize = 8;

/// Turns names into numbers. Asks only when there is a name among them.
pub(super) async fn fetch(asker: &mut Asker, wanted: &[String]) -> Result<Vec<String>, PollError> {
    let is_number = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if wanted.iter().all(is_number) {
        return Ok(wanted.to_vec());
    }
    let mut known = BTreeMap::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let asked: Vec<(&str, &str)> = cursor.iter().map(|cursor| ("cursor", cursor.as_str())).collect();
        let answer = asker.ask(PROJECTS, &asked).await?;
        known.extend(parse(&answer.body)?);
        cursor = answer.header("link").and_then(next_cursor);
        if cursor.is_none() {
            break;
        }
    }
    wanted.iter().map(|name| if is_number(name) { Ok(name.clone()) } else { find(&known, name) }).collect()
}

fn find(known: &BTreeMap<String, String>, name: &str) -> Result<String, PollError> {
    known.get(name).cloned().ok_or_else(|| {
        let some: Vec<&str> = known.keys().take(NAMED_MAX).map(String::as_str).collect();
        let others = if some.is_empty() { "it sees none".to_owned() } else { format!("it sees {}", some.join(", ")) };
        PollError::bad_answer(format!("the token sees no project {name}: {others}"))
    })
}

#[derive(Deserialize)]
struct Project {
    id: Value,
    slug: String,
}

/// Numbers by name.
fn parse(body: &[u8]) -> Result<BTreeMap<String, String>, PollError> {
    let listed: Vec<Project> = parse::json(body, "projects")?;
    let pair = |project: Project| Some((project.slug, parse::whole(&project.id)?.to_string()));
    Ok(listed.into_iter().filter_map(pair).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_becomes_its_number_and_a_wrong_one_is_told_with_those_there_are() {
        let known = parse(br#"[{"id":"4501","slug":"web","platform":"python"},{"id":4502,"slug":"jobs"}]"#).unwrap();
        assert_eq!(find(&known, "jobs").unwrap(), "4502");
        assert_eq!(find(&known, "wbe").unwrap_err().message, "the token sees no project wbe: it sees jobs, web");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\",:a-z0-9 ]{0,80}") {
            let _outcomes = (parse(&body), parse(json.as_bytes()));
        }
    }
}
