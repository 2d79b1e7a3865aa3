//! Telephone numbers: behind a calling code by the plans of the countries, national ones by how they are grouped, and
//! any other by the words around them.

use std::ops::Range;

use super::{
    Confirm, Match,
    near::{self, Label, Labels},
    numbers::{digits, in_a_longer_number, luhn, spelled},
    phone_plan,
    phone_words::{OTHER, PHONE},
};

/// The checks of this file.
pub const CHECKS: &[(&str, Confirm)] = &[
    ("phone_international", international),
    ("phone_national", national),
    ("phone_bare", bare),
    ("phone_spelled", in_words),
];

/// A number behind `+` or `00`.
fn international(found: Match) -> Option<Range<usize>> {
    let text = found.text;
    let before = found.before();
    // A sum, an operator, or the end of a name. (`tel:` and one `=` may stand before.)
    if before.ends_with("==")
        || before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '+' | '_' | '.' | ')'))
    {
        return None;
    }
    let value = found.value();
    let number_end = found.start + extension(value);
    let body = &text[found.start..number_end];
    let all = digits(body);
    let plus = body.contains('+');
    let number = if plus {
        &all[..]
    } else {
        all.strip_prefix(&[0, 0])?
    };
    // A decimal fraction with a sign, such as a coordinate.
    if plus && body.matches('.').count() == 1 && !body.contains([' ', '-', '(', '/']) {
        return None;
    }
    let mut start = found.start;
    if body.starts_with('(') && !body.contains(')') {
        start += 1;
    }
    // Bits.
    if !phone_plan::international(number) || number.iter().all(|d| *d < 2) {
        return None;
    }
    let range = start..found.end;
    let label = near::label(text, &range, &PHONE, &OTHER, 32);
    let grouped = body[1..].bytes().any(|b| !b.is_ascii_digit());
    let counts = match (plus, grouped) {
        (true, _) => true,
        (false, true) => label != Label::Against,
        (false, false) => label == Label::For,
    };
    (counts && !in_a_longer_number(text, &range)).then_some(range)
}

/// Where the number ends and its extension begins.
fn extension(value: &str) -> usize {
    let cut = value
        .find(|c: char| c.is_ascii_alphabetic() || c == '#')
        .unwrap_or(value.len());
    value[..cut].trim_end_matches([' ', ',', ';', '.']).len()
}

/// A group of digits of a number.
struct Group {
    range: Range<usize>,
    /// Whether it stands in parentheses.
    enclosed: bool,
    /// What stands between the one before and this.
    gap: Gap,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    Space,
    Dash,
    Dot,
    Slash,
    None,
}

fn parse(text: &str, range: Range<usize>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut gap = Gap::None;
    let mut open = false;
    let mut after = true;
    for (at, byte) in text.bytes().enumerate().take(range.end).skip(range.start) {
        match byte {
            b'0'..=b'9' => match groups.last_mut() {
                Some(last) if !after => last.range.end = at + 1,
                _ => {
                    groups.push(Group {
                        range: at..at + 1,
                        enclosed: open,
                        gap,
                    });
                    gap = Gap::None;
                    after = false;
                }
            },
            _ => {
                after = true;
                match byte {
                    b'(' => open = true,
                    b')' => open = false,
                    _ => {}
                }
                gap = match (gap, byte) {
                    (Gap::None | Gap::Space, b'-') => Gap::Dash,
                    (Gap::None | Gap::Space, b'.') => Gap::Dot,
                    (Gap::None | Gap::Space, b'/') => Gap::Slash,
                    (Gap::None, b' ') => Gap::Space,
                    (gap, _) => gap,
                };
            }
        }
    }
    groups
}

/// How much a number's grouping says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// As telephone numbers are written and little else.
    Telling,
    /// As telephone numbers are written, among others.
    Possible,
}

/// A number in groups, without a calling code.
fn national(found: Match) -> Option<Range<usize>> {
    let text = found.text;
    let body_end = found.start + extension(found.value());
    let groups = parse(text, found.start..body_end);
    let has_extension = body_end < found.end;
    for first in 0..groups.len() {
        // A number begins where a word does.
        if first > 0 && groups[first].gap != Gap::Space {
            continue;
        }
        let mut labels = None;
        for last in (first + 1..groups.len()).rev() {
            if groups
                .get(last + 1)
                .is_some_and(|next| next.gap != Gap::Space)
            {
                continue;
            }
            let part = &groups[first..=last];
            let start = part[0].range.start - usize::from(part[0].enclosed);
            let whole = last + 1 == groups.len();
            let end = if whole {
                found.end
            } else {
                part[part.len() - 1].range.end
            };
            let range = start..end;
            let Some(mut shape) = shape(text, part) else {
                continue;
            };
            if has_extension && whole {
                shape = Shape::Telling;
            }
            let labels = labels.get_or_insert_with(|| Labels::new(text, start, &PHONE, &OTHER, 64));
            if counts(text, &range, shape, labels) {
                return Some(range);
            }
        }
    }
    None
}

fn counts(text: &str, range: &Range<usize>, shape: Shape, labels: &Labels) -> bool {
    if in_a_name(&text[..range.start])
        || in_a_longer_number(text, range)
        || beside_money(text, range)
        || behind_iban(text, range.start)
    {
        return false;
    }
    let within = match shape {
        Shape::Telling => 32,
        Shape::Possible if thousands(&text[range.clone()]) => 16,
        Shape::Possible => 64,
    };
    match (labels.within(within), shape) {
        (Label::For, _) | (Label::Silent, Shape::Telling) => true,
        (Label::Silent, Shape::Possible) => PHONE.any(near::after(text, range.end, 12)),
        (Label::Against, _) => false,
    }
}

fn shape(text: &str, groups: &[Group]) -> Option<Shape> {
    let number: Vec<u8> = groups
        .iter()
        .flat_map(|g| text.as_bytes()[g.range.clone()].iter().map(|b| b - b'0'))
        .collect();
    let lengths: Vec<usize> = groups.iter().map(|g| g.range.len()).collect();
    let gaps: Vec<Gap> = groups[1..].iter().map(|g| g.gap).collect();
    let all = |gap: Gap| gaps.iter().all(|g| *g == gap);
    let enclosed = groups[0].enclosed;
    let last = *lengths.last()?;
    if !(6..=13).contains(&number.len())
        || number.iter().all(|d| *d < 2 || *d == number[0])
        || last < 2
    {
        return None;
    }
    if lengths[1..]
        .iter()
        .enumerate()
        .any(|(n, l)| *l < 2 && !(groups[n + 1].enclosed || n == 0))
    {
        return None;
    }
    if looks_like_something_else(text, groups, &lengths, &gaps) {
        return None;
    }
    let (area, rest) = if lengths.len() == 4 && lengths[0] == 1 && number[0] == 1 {
        (&number[1..], &lengths[1..])
    } else {
        (&number[..], &lengths[..])
    };
    // North America (NANP): area and exchange begin with 2 to 9.
    if rest == [3, 3, 4]
        && area[0] >= 2
        && !(all(Gap::Space) && !enclosed && area[3] < 2)
        && (area[3] >= 1 || enclosed)
    {
        return Some(Shape::Telling);
    }
    let dotted = all(Gap::Dot) && !enclosed;
    let trunk = number[0] == 0 && number[1] != 0;
    let first = lengths[0];
    // A trunk prefix and an area, as in most of Europe, Asia, Africa and Oceania.
    let short = number.len() == 9 && lengths.len() == 2 && all(Gap::Space) && !enclosed;
    let most = if lengths.len() > 2 { 12 } else { 11 };
    if trunk
        && !short
        && (9..=most).contains(&number.len())
        && (2..=5).contains(&first)
        && !(dotted && lengths.len() < 4)
    {
        return Some(Shape::Telling);
    }
    if trunk && number.len() == 8 && (2..=4).contains(&first) && lengths.len() >= 4 && !dotted {
        return Some(Shape::Telling);
    }
    // Russia and Kazakhstan: 8 (495) 123-45-67.
    if number[0] == 8 && lengths == [1, 3, 3, 2, 2] {
        return Some(Shape::Telling);
    }
    // Mobiles of China, and an area in parentheses anywhere: Brazil, Mexico, Spain ...
    if lengths == [3, 4, 4] && number[0] == 1 && (3..=9).contains(&number[1]) && !dotted {
        return Some(Shape::Telling);
    }
    if enclosed && (2..=5).contains(&first) && (9..=11).contains(&number.len()) {
        return Some(Shape::Telling);
    }
    // Brazil without parentheses.
    if matches!(lengths[..], [2, 5 | 4, 4]) && number[0] != 0 && gaps == [Gap::Space, Gap::Dash] {
        return Some(Shape::Telling);
    }
    // A calling code without `+`, or a number that begins anyhow.
    Some(Shape::Possible)
}

/// Dates, times, addresses of networks, numbers with separators of thousands, books.
fn looks_like_something_else(
    text: &str,
    groups: &[Group],
    lengths: &[usize],
    gaps: &[Gap],
) -> bool {
    let value = |n: usize| {
        text[groups[n].range.clone()]
            .parse::<u32>()
            .unwrap_or(u32::MAX)
    };
    let same = gaps.windows(2).all(|g| g[0] == g[1]);
    let year = |n: usize| lengths[n] == 4 && (1900..2100).contains(&value(n));
    let month_day =
        |a: usize, b: usize| (1..=12).contains(&value(a)) && (1..=31).contains(&value(b));
    match lengths {
        [4, 2, 2, ..] if year(0) && month_day(1, 2) && gaps[0] == gaps[1] => return true,
        [2, 2, 4] if year(2) && same && (month_day(0, 1) || month_day(1, 0)) => return true,
        [2, 2, 2] if same && gaps[0] != Gap::Space && (month_day(0, 1) || month_day(1, 0)) => {
            return true;
        }
        // From one year to another.
        [4, 4] if year(0) && year(1) => return true,
        // A social security number has its own rule.
        [3, 2, 4] if same && gaps[0] != Gap::Space => return true,
        _ => {}
    }
    if gaps.iter().all(|g| *g == Gap::Dot) {
        // A fraction, an address, or thousands.
        if lengths.len() == 2 || lengths.len() == 4 && (0..4).all(|n| value(n) < 256) {
            return true;
        }
        if lengths[0] <= 3
            && value(0) != 0
            && lengths[1..].iter().all(|n| *n == 3)
            && lengths.len() != 3
        {
            return true;
        }
    }
    // 978-3-16-148410-0
    lengths[0] == 3 && matches!(value(0), 978 | 979) && lengths.iter().sum::<usize>() == 13
}

/// Whether groups can be thousands: 12 345 678.
fn thousands(value: &str) -> bool {
    let mut groups = value.split(|c: char| !c.is_ascii_digit());
    groups
        .next()
        .is_some_and(|first| first.len() < 3 && !first.starts_with('0'))
        && groups.all(|group| group.len() == 3)
}

/// A part of a name: CVE-2019-20634, Outlook/16.100.824.
fn in_a_name(before: &str) -> bool {
    let mut signs = before.chars().rev();
    matches!(signs.next(), Some('-' | '/' | '_')) && signs.next().is_some_and(char::is_alphabetic)
}

/// A price, a share, a measure.
fn beside_money(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].trim_end_matches(' ');
    let after = text[range.end..].trim_start_matches(' ');
    before.ends_with(['$', '€', '£', '¥', '₹', '#', '№', '§', '=', '*']) && !before.ends_with("=")
        || after.starts_with(['%', '€', '$', '£', '°', '*'])
        || [
            "EUR", "USD", "GBP", "CHF", "kg", "km", "MB", "GB", "ms", "px",
        ]
        .iter()
        .any(|unit| {
            after
                .strip_prefix(unit)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        })
}

/// Whether the number goes on an IBAN, whose first group has two letters before its digits.
fn behind_iban(text: &str, start: usize) -> bool {
    near::before(text, start, 40)
        .trim_end_matches(' ')
        .rsplit([' ', '-'])
        .take_while(|word| {
            (2..=4).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
        })
        .any(|word| match word.as_bytes() {
            [a, b, c, d] => {
                a.is_ascii_alphabetic()
                    && b.is_ascii_alphabetic()
                    && c.is_ascii_digit()
                    && d.is_ascii_digit()
            }
            _ => false,
        })
}

/// Digits without separators that a word calls a telephone's.
fn bare(found: Match) -> Option<Range<usize>> {
    let range = found.start..found.end;
    let number = digits(found.value());
    // An argument: foo(1234567).
    let argument = found
        .before()
        .strip_suffix('(')
        .is_some_and(|name| name.ends_with(|c: char| c.is_alphanumeric()));
    let part = argument || in_a_name(found.before()) || in_a_longer_number(found.text, &range);
    if part || number.iter().all(|d| *d == number[0]) {
        return None;
    }
    let within = if number[0] == 0 || number.len() == 10 {
        64
    } else {
        40
    };
    // A card, or milliseconds and finer since 1970.
    if number.len() >= 13 && (luhn(&number) || number[0] == 1) || number.len() > 13 {
        return None;
    }
    let label = near::label(found.text, &range, &PHONE, &OTHER, within);
    let counts = match label {
        Label::For => true,
        Label::Silent => number.len() >= 9 && PHONE.any(near::after(found.text, range.end, 12)),
        Label::Against => false,
    };
    (counts && !beside_money(found.text, &range)).then_some(range)
}

/// A number in words, behind one that calls it a telephone's.
fn in_words(found: Match) -> Option<Range<usize>> {
    let (number, end) = spelled(found.text, found.start);
    let range = found.start..end;
    let called = near::label(found.text, &range, &PHONE, &OTHER, 48) == Label::For;
    ((7..=13).contains(&number.len()) && called).then_some(range)
}
