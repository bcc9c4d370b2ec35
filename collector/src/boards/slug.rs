//! Slugs: the word of a dashboard in addresses, made from its title.

/// Longest slug, in bytes: room for a number behind it is left.
pub const SLUG_BYTES_MAX: usize = 64;

/// Longest slug that is made from a title, in bytes.
const MADE_BYTES_MAX: usize = 48;

/// Words that addresses need themselves.
const TAKEN: &[&str] = &["import"];

/// Whether a text can be a slug: small letters, digits and dashes between them.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=SLUG_BYTES_MAX).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !TAKEN.contains(&text)
}

/// The slug of a title: letters without their accents, everything else as dashes.
#[must_use]
pub fn of(title: &str) -> String {
    let mut slug = String::new();
    for sign in title.chars().flat_map(char::to_lowercase) {
        match plain(sign) {
            Some(letters) => slug.push_str(letters),
            None if sign.is_ascii_alphanumeric() => slug.push(sign),
            None if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            None => {}
        }
        if slug.len() >= MADE_BYTES_MAX {
            break;
        }
    }
    slug.truncate(MADE_BYTES_MAX);
    let slug = slug.trim_end_matches('-');
    match slug {
        "" => "dashboard".to_owned(),
        taken if TAKEN.contains(&taken) => format!("{taken}-1"),
        free => free.to_owned(),
    }
}

/// A letter without its accent.
fn plain(sign: char) -> Option<&'static str> {
    Some(match sign {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' => "a",
        'ç' => "c",
        'é' | 'è' | 'ê' | 'ë' => "e",
        'í' | 'ì' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'ø' => "o",
        'ú' | 'ù' | 'û' | 'ü' => "u",
        'ý' | 'ÿ' => "y",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn titles_become_words() {
        for (title, expect) in [
            ("Vendas & Operações", "vendas-operacoes"),
            ("  Größe: 5 ", "grosse-5"),
            ("../../etc/passwd", "etc-passwd"),
            ("日本", "dashboard"),
            ("---", "dashboard"),
            ("Import!", "import-1"),
        ] {
            assert_eq!(of(title), expect);
        }
        assert!(!is_slug("") && !is_slug("-a") && !is_slug("A") && !is_slug("a/b") && !is_slug(&"a".repeat(65)));
    }

    proptest! {
        #[test]
        fn a_title_always_makes_a_slug(title in "\\PC{0,80}") {
            prop_assert!(is_slug(&of(&title)), "{}", of(&title));
        }
    }
}
