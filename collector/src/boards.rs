//! Dashboards that people put together: a grid of widgets, kept per person, shared by administrators.
//!
//! In: what a person sends, checked here to the last field ([`widget`]). Out: rows of `state.db`.
//!
//! Invariants: what is kept can be shown: every widget has the fields of its type and no others, lies within the grid, and holds no
//! control characters; nobody sees a dashboard that is neither their own nor shared with them ([`sees`]).
//!
//! Bounded: widgets of a dashboard ([`WIDGETS_MAX`]) and their bytes ([`WIDGETS_BYTES_MAX`]), titles, texts and lists
//! ([`widget`]), dashboards of a person and in all ([`crate::state::boards`]).

use crate::{
    access::{Person, Role},
    problem::Fault,
    state::boards::BoardRow,
};

pub mod slug;
pub mod widget;

pub use widget::{Config, Position, Widget, WidgetType};

/// Most widgets of one dashboard.
pub const WIDGETS_MAX: usize = 60;

/// Most bytes of the widgets of one dashboard, as JSON: 2 KiB each.
pub const WIDGETS_BYTES_MAX: usize = 128 << 10;

/// Largest body that brings a dashboard, in bytes.
pub const BODY_BYTES_MAX: usize = 256 << 10;

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 120;

const _: () = assert!(WIDGETS_BYTES_MAX < BODY_BYTES_MAX, "what is kept must have come in");

/// Checks a title of a dashboard or of a widget; answers it without surrounding space.
///
/// # Errors
/// [`Fault`].
pub fn title(field: &str, text: &str) -> Result<String, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::new(field, "is empty: give it a name"));
    }
    if text.chars().count() > TITLE_CHARS_MAX {
        return Err(Fault::new(field, format!("is longer than {TITLE_CHARS_MAX} characters")));
    }
    if text.chars().any(is_hidden) {
        return Err(Fault::new(field, "holds characters that cannot be seen"));
    }
    Ok(text.to_owned())
}

/// Characters that change what is around them without being seen: control characters and marks that turn the direction of text.
fn is_hidden(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Checks all widgets of a dashboard, gives those a number that have none, and writes them as they are kept.
///
/// # Errors
/// Everything that is wrong with them.
pub fn widgets(mut widgets: Vec<Widget>) -> Result<(Vec<Widget>, String), Vec<Fault>> {
    if widgets.len() > WIDGETS_MAX {
        let detail = format!("has {} widgets, the limit is {WIDGETS_MAX}", widgets.len());
        return Err(vec![Fault::new("widgets", detail)]);
    }
    let mut faults = Vec::new();
    for (index, widget) in widgets.iter_mut().enumerate() {
        widget.check(&format!("widgets[{index}]."), &mut faults);
    }
    widget::number(&mut widgets, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let text = serde_json::to_string(&widgets).expect("widgets are numbers and text");
    if text.len() > WIDGETS_BYTES_MAX {
        let detail = format!("takes {} bytes, the limit is {WIDGETS_BYTES_MAX}", text.len());
        return Err(vec![Fault::new("widgets", detail)]);
    }
    Ok((widgets, text))
}

/// Whether a person sees a dashboard: their own, and what is shared within what they see.
#[must_use]
pub fn sees(person: &Person, board: &BoardRow) -> bool {
    is_own(person, board) || (board.is_shared && person.view.sees(board.tenant.as_deref()))
}

/// Whether a person may change a dashboard that they see: their own, and what is shared when they administer.
#[must_use]
pub fn may_change(person: &Person, board: &BoardRow) -> bool {
    is_own(person, board) || (sees(person, board) && person.role >= Role::Admin)
}

/// Whether it is the person's own.
#[must_use]
pub fn is_own(person: &Person, board: &BoardRow) -> bool {
    *board.owner == *person.username
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{Credential, View},
        state::SessionKey,
    };

    fn person(name: &str, role: Role, tenant: Option<&str>) -> Person {
        let view = tenant.map_or(View::Whole, |tenant| View::Tenant(tenant.into()));
        Person { username: name.into(), role, view, credential: Credential::Session(SessionKey(1)) }
    }

    fn board(owner: &str, tenant: Option<&str>, is_shared: bool) -> BoardRow {
        BoardRow {
            slug: "a".to_owned(),
            title: "A".to_owned(),
            owner: owner.to_owned(),
            tenant: tenant.map(str::to_owned),
            is_shared,
            widgets: "[]".to_owned(),
            revision: 1,
            created_ms: 0,
            updated_ms: 0,
        }
    }

    #[test]
    fn a_dashboard_is_seen_by_its_owner_and_by_those_it_is_shared_with() {
        let own = board("ana", Some("acme"), false);
        assert!(sees(&person("ana", Role::Viewer, Some("acme")), &own));
        assert!(!sees(&person("bob", Role::SuperAdmin, None), &own), "what is private is private");
        let shared = board("ana", Some("acme"), true);
        assert!(sees(&person("bob", Role::Viewer, Some("acme")), &shared));
        assert!(sees(&person("bob", Role::Viewer, None), &shared));
        assert!(!sees(&person("bob", Role::Admin, Some("globex")), &shared));
        let of_the_house = board("root", None, true);
        assert!(!sees(&person("bob", Role::Admin, Some("acme")), &of_the_house));
    }

    #[test]
    fn it_is_changed_by_its_owner_and_when_shared_by_administrators() {
        let shared = board("ana", Some("acme"), true);
        assert!(may_change(&person("ana", Role::Viewer, Some("acme")), &shared));
        assert!(may_change(&person("bob", Role::Admin, Some("acme")), &shared));
        assert!(!may_change(&person("bob", Role::Operator, None), &shared));
        assert!(!may_change(&person("bob", Role::Admin, Some("globex")), &shared));
        assert!(!may_change(&person("bob", Role::SuperAdmin, None), &board("ana", None, false)));
    }

    #[test]
    fn titles_are_short_and_visible() {
        assert_eq!(title("title", "  Sales  ").unwrap(), "Sales");
        for text in ["", "   ", "a\u{0}b", "a\nb", "a\u{202e}b", "\u{200b}", &"x".repeat(121)] {
            assert!(title("title", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let widgets_of = |json: serde_json::Value| widgets(serde_json::from_value(json).unwrap());
        let faults = widgets_of(serde_json::json!([
            { "widget_type": "text", "title": "ok", "config": { "text": "hi" }, "position": { "x": 0, "y": 0, "width": 6, "height": 4 } },
            { "widget_type": "line", "title": "", "config": {}, "position": { "x": 8, "y": 0, "width": 6, "height": 4 } },
        ]));
        let fields: Vec<String> = faults.unwrap_err().into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["widgets[1].title", "widgets[1].position.width", "widgets[1].config.metrics"]);
        let too_many = serde_json::json!(vec![
            serde_json::json!({ "widget_type": "text", "title": "t", "config": { "text": "x" }, "position": { "x": 0, "y": 0, "width": 1, "height": 1 } });
            61
        ]);
        assert_eq!(widgets_of(too_many).unwrap_err()[0].field, "widgets");
    }
}
