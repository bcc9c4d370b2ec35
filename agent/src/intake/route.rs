//! Routes: paths folded into templates, so that a million of them are a handful.
//!
//! The rules are those that the integrations' sheet names: what looks like an identifier becomes a word in braces.

use farol_shared::{limit, record::OTHER};

/// Segments beyond this many are cut: no route of an application is longer.
const SEGMENTS_MAX: usize = 16;

/// The template of a path: query cut, identifiers replaced: `/users/123` becomes `/users/{id}`.
#[must_use]
pub fn fold(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut route = String::with_capacity(path.len() + 1);
    for (index, segment) in path.split('/').enumerate() {
        route.push('/');
        if index == SEGMENTS_MAX {
            route.push_str("...");
            break;
        }
        route.push_str(word(segment));
    }
    route.truncate(crate::recorder::cut(&route, limit::VALUE_BYTES_MAX).len());
    route
}

/// A framework's own template with its parameters in braces: Django's `<int:id>` and Express' `:id` become `{id}`. Regular
/// expressions stay as they are.
#[must_use]
pub fn template(route: &str) -> String {
    if !route.contains(['<', ':']) || route.contains(['(', '^', '\\']) {
        return route.to_owned();
    }
    let parameter = |segment: &str| {
        let name =
            segment.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).map(|rest| rest.rsplit(':').next().unwrap_or(rest));
        let name = name.or_else(|| segment.strip_prefix(':').map(|rest| rest.trim_end_matches(['?', '+', '*'])));
        name.filter(|name| !name.is_empty()).map_or_else(|| segment.to_owned(), |name| format!("{{{name}}}"))
    };
    route.split('/').map(parameter).collect::<Vec<_>>().join("/")
}

fn word(segment: &str) -> &str {
    let bytes = segment.as_bytes();
    let all = |is: fn(&u8) -> bool| bytes.iter().all(is);
    if !bytes.is_empty() && all(u8::is_ascii_digit) {
        return "{id}";
    }
    if is_uuid(bytes) {
        return "{uuid}";
    }
    if bytes.len() >= 12 && all(u8::is_ascii_hexdigit) {
        return "{hex}";
    }
    if segment.contains('@') || segment.contains("%40") {
        return "{email}";
    }
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.' | b'+' | b'%');
    if bytes.len() >= 20 && all(|_| true) && bytes.iter().all(is_token) && bytes.iter().any(u8::is_ascii_digit) {
        return "{token}";
    }
    segment
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The routes of one service: the first [`limit::ROUTES_MAX`] that are seen; what comes later is [`OTHER`].
#[derive(Debug, Default)]
pub struct Routes(std::collections::HashSet<Box<str>>);

impl Routes {
    /// The route under which a request is counted.
    pub fn keep<'a>(&mut self, route: &'a str) -> &'a str {
        if self.0.contains(route) {
            return route;
        }
        if self.0.len() == limit::ROUTES_MAX {
            return OTHER;
        }
        self.0.insert(route.into());
        route
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_folded_and_words_stay() {
        for (path, route) in [
            ("/", "/"),
            ("", "/"),
            ("/users/123?full=1", "/users/{id}"),
            ("/users/123/", "/users/{id}/"),
            ("/a/0b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "/a/{uuid}"),
            ("/o/507f1f77bcf86cd799439011/x", "/o/{hex}/x"),
            ("/u/ana@example.com", "/u/{email}"),
            ("/t/eyJhbGciOiJIUzI1NiJ9abc", "/t/{token}"),
            ("/api/v1/very-long-name-of-an-endpoint", "/api/v1/very-long-name-of-an-endpoint"),
        ] {
            assert_eq!(fold(path), route);
        }
    }

    #[test]
    fn parameters_of_frameworks_are_written_alike() {
        for (route, told) in [
            ("users/<int:id>/x", "users/{id}/x"),
            ("/users/:id?", "/users/{id}"),
            ("/a/<slug>", "/a/{slug}"),
            ("/a/b:c", "/a/b:c"),
            ("/a/:", "/a/:"),
            (r"^a/(?P<id>\d+)$", r"^a/(?P<id>\d+)$"),
        ] {
            assert_eq!(template(route), told);
        }
    }

    #[test]
    fn a_service_has_a_bounded_number_of_routes() {
        let mut routes = Routes::default();
        let names: Vec<String> = (0..limit::ROUTES_MAX).map(|number| format!("/r{number}")).collect();
        assert!(names.iter().all(|name| routes.keep(name) == name));
        assert_eq!(routes.keep("/one-more"), OTHER);
        assert_eq!(routes.keep("/r7"), "/r7");
    }
}
