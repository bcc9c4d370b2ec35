//! Personal numbers: CPF and CNPJ of Brazil, and the numbers of payment cards.

use super::{Secret, before, end_of};

/// Fewest and most digits of a card's number.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// A number that begins at a digit: formatted, or bare with the right check digits.
pub(super) fn find(bytes: &[u8], at: usize) -> Option<Secret> {
    let is_inside = before(bytes, at).is_some_and(|byte| byte.is_ascii_alphanumeric());
    // The part of 3.14159 behind the point is no number of its own.
    let is_fraction = before(bytes, at) == Some(b'.') && at >= 2 && bytes[at - 2].is_ascii_digit();
    if is_inside || is_fraction {
        return None;
    }
    let to = end_of(bytes, at, |byte| byte.is_ascii_digit());
    let found = formatted_person(bytes, at).or_else(|| separated_card(bytes, at)).or_else(|| bare(bytes, at, to));
    found.map(|to| Secret { from: at, to })
}

fn is_end(bytes: &[u8], at: usize) -> bool {
    !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// `123.456.789-09` whatever its check digits, and `123456789-09` with the right ones.
fn formatted_person(bytes: &[u8], at: usize) -> Option<usize> {
    if let Some(to) = shape(bytes, at, b"000.000.000-00") {
        return Some(to);
    }
    let to = shape(bytes, at, b"000000000-00")?;
    is_person(&digits(&bytes[at..to])?).then_some(to)
}

/// Whether the bytes from `at` have a shape, in which `0` stands for a digit and `A` for a digit or capital; where they end.
fn shape(bytes: &[u8], at: usize, shape: &[u8]) -> Option<usize> {
    let part = bytes.get(at..at + shape.len())?;
    let fits = part.iter().zip(shape).all(|(byte, wanted)| match wanted {
        b'0' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        other => byte == other,
    });
    (fits && is_end(bytes, at + shape.len())).then_some(at + shape.len())
}

/// `12.345.678/0001-95`, seen at its stroke; with letters in it, only with the right check digits.
pub(super) fn company(bytes: &[u8], at: usize) -> Option<Secret> {
    const SHAPE: &[u8] = b"AA.AAA.AAA/AAAA-00";
    let from = at.checked_sub(10)?;
    if before(bytes, from).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let to = shape(bytes, from, SHAPE)?;
    let signs: Vec<u8> = bytes[from..to].iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let is_plain = signs.iter().all(u8::is_ascii_digit);
    let values: Vec<u32> = signs.iter().map(|sign| u32::from(sign - b'0')).collect();
    (is_plain || is_company(&values)).then_some(Secret { from, to })
}

fn bare(bytes: &[u8], at: usize, to: usize) -> Option<usize> {
    if !is_end(bytes, to) || !(11..=19).contains(&(to - at)) {
        return None;
    }
    let digits = digits(&bytes[at..to])?;
    let is_known = match digits.len() {
        11 => is_person(&digits),
        14 => is_company(&digits) || is_card(&digits),
        _ => is_card(&digits),
    };
    is_known.then_some(to)
}

/// Groups of four, or as American Express and Diners write them, with one blank or hyphen between.
fn separated_card(bytes: &[u8], at: usize) -> Option<usize> {
    let separator = *bytes.get(end_of(bytes, at, |byte| byte.is_ascii_digit()))?;
    if separator != b' ' && separator != b'-' {
        return None;
    }
    let (mut groups, mut card, mut found, mut from) = ([0_usize; 5], Vec::new(), None, at);
    for index in 0..groups.len() {
        let to = end_of(bytes, from, |byte| byte.is_ascii_digit());
        if to == from || to - from > 6 {
            break;
        }
        groups[index] = to - from;
        card.extend(digits(&bytes[from..to])?);
        if is_grouping(&groups[..=index]) && is_card(&card) && is_end(bytes, to) {
            found = Some(to);
        }
        if bytes.get(to) != Some(&separator) {
            break;
        }
        from = to + 1;
    }
    found
}

fn is_grouping(groups: &[usize]) -> bool {
    let fours = groups.iter().rev().skip(1).all(|length| *length == 4);
    fours || matches!(groups, [4, 6, 4 | 5])
}

fn digits(bytes: &[u8]) -> Option<Vec<u32>> {
    let digits = bytes.iter().filter(|byte| **byte != b'-').map(|byte| char::from(*byte).to_digit(10));
    digits.collect()
}

/// The check digit over some values: weights from the right begin at 2 and start again after `weight_max`.
fn check_digit(values: &[u32], weight_max: u32) -> u32 {
    let weights = (2..=weight_max).cycle();
    let sum: u32 = values.iter().rev().zip(weights).map(|(value, weight)| value * weight).sum();
    let digit = 11 - sum % 11;
    if digit > 9 { 0 } else { digit }
}

fn is_checked(values: &[u32], length: usize, weight_max: u32) -> bool {
    values.len() == length
        && values.windows(2).any(|pair| pair[0] != pair[1])
        && check_digit(&values[..length - 2], weight_max) == values[length - 2]
        && check_digit(&values[..length - 1], weight_max) == values[length - 1]
}

/// CPF: a person's number.
fn is_person(values: &[u32]) -> bool {
    is_checked(values, 11, 11)
}

/// CNPJ: a company's number. Letters count by their distance from `0`.
fn is_company(values: &[u32]) -> bool {
    is_checked(values, 14, 9)
}

/// Whether digits are a card's: a first digit that cards have, and the sum of Luhn. Times in milliseconds begin with 1.
fn is_card(digits: &[u32]) -> bool {
    if !CARD_DIGITS.contains(&digits.len()) || !(2..=6).contains(&digits[0]) {
        return false;
    }
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(index, digit)| if index % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    sum.is_multiple_of(10)
}
