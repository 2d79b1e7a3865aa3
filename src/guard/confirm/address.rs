//! Street addresses: a street and a number, as far as they go on with unit, place, postcode and country.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{Confirm, Match};

/// The checks of this file by name.
pub const CHECKS: &[(&str, Confirm)] = &[
    ("address_street", street),
    ("address_placed", placed),
    ("address_labelled", labelled),
    ("address_east_asian", east_asian),
];

/// Parts behind a street at most, and how far to look for one.
const MOST_PARTS: usize = 8;
const REACH: usize = 96;

/// What may follow, and whether it proves an address: postcodes do. Tried in this order at each place.
static PARTS: LazyLock<[(Regex, bool); 7]> = LazyLock::new(|| {
    let break_ = r"^\.?(?:[ \t]*,[ \t]*(?:\n[ \t]*)?|[ \t]*\n[ \t]*,?[ \t]*|[ \t]+)";
    let city = r"\p{Lu}[\p{L}'’.-]+(?:[ -](?:\p{Lu}[\p{L}'’.-]+|de|do|da|dos|am|an|der|im|la|le|les|sur|aan|den|upon|of|nad|\(\p{L}+\))){0,4}";
    let new = |pattern: String| Regex::new(&format!("{break_}(?:{pattern})")).expect("tested");
    [
        // Postcode with state: Springfield, IL 62704; AA 12345-6789.
        (new(format!(r"(?:{city},?[ \n]{{0,2}}(?:, ?)?)?\b(?:[A-Z]{{2}}|nan)[ \n]{{1,2}}\d{{5}}(?:-\d{{4}})?\b")), true),
        // British and Canadian ones, with the place before.
        (new(format!(r"(?:{city}, ?|{city}[ \n])?(?:[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}|[A-Z]\d[A-Z] ?\d[A-Z]\d)\b")), true),
        // 40676 Bogen; 56-062 Kędzierzyn; 1016 GS Amsterdam; 62047-445 Pacheco / RN; 19122, Laspezia (SP).
        (
            new(format!(
                r"(?:\p{{Lu}}{{1,2}}-)?(?:\d{{2}}-\d{{3}}|\d{{5}}-?\d{{3}}|\d{{3}} \d{{2}}|\d{{4,5}}(?: ?[A-Z]{{2}}\b)?),? {city}(?: ?/ ?[A-Z]{{2}}\b| \([A-Z]{{2}}\))?"
            )),
            true,
        ),
        // Place and postcode: Soria, 39454.
        (new(format!(r"{city}(?:, ?|[ \n]+)\d{{4,6}}\b(?:-\d{{3,4}}\b)?")), true),
        (
            new(r"(?i:suite|ste\.?|apt\.?|apartment|apartamento|unit|flat|floor|room|rm\.?|bldg\.?|building|box|studio|piso|puerta|planta|esc\.?|depto\.?|appartement|b[âa]timent|[ée]tage|wohnung|lgh|lok\.|m\.|apto\.?|bloco|sala|interno|scala|lot|conjunto|bairro|#) ?[\p{L}\d]{1,6}\b(?: ?[A-Za-z]\b)?".into()),
            false,
        ),
        (new(r"\d{1,5}[A-Za-z]?(?:[-/]\d{1,5}[A-Za-z]?)?\b".into()), false),
        // A place: alone on its line or between commas.
        (new(city.to_owned()), false),
    ]
});

/// What a place may be followed by, so that "Tel:" or the next sentence is none.
static ENDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^[ \t]*(?:[,\n.;)"'!?|]|$|in case|last night)"#).expect("tested")
});

/// A street number before the street: 19607 107 Igias Street.
static NUMBERS_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:^|[^\w.,$€£/-])((?:(?:(?i:studio|flat|apt\.?|unit|suite) )?\d{1,5}[a-z]?,? ){1,2})$",
    )
    .expect("tested")
});

/// How far an address goes on from a place, and whether a postcode was among it.
fn follow(text: &str, from: usize) -> (usize, bool) {
    let (mut end, mut proved, mut places) = (from, false, 0);
    for _ in 0..MOST_PARTS {
        let window = piece(text, end);
        let found = PARTS.iter().enumerate().find_map(|(n, (part, proof))| {
            let found = part.find(window)?;
            let behind = &text[end + found.end()..];
            let fits = match n {
                // A bare number belongs to the street only, with a comma or right behind it.
                5 => {
                    end == from
                        && !found.as_str().contains('\n')
                        && !behind.starts_with([':', '.', '-', '/', '%'])
                }
                6 => {
                    places < 3
                        && !found.as_str().starts_with([' ', '\t'])
                        && ENDS.is_match(piece(behind, 0))
                }
                _ => true,
            };
            fits.then_some((found.end(), *proof, n == 6))
        });
        let Some((length, proof, place)) = found else {
            break;
        };
        end += length;
        proved |= proof;
        places += usize::from(place);
    }
    // A point that ended a sentence.
    while text[..end].ends_with(['.', ',', ' ', '\n']) && end > from {
        end -= 1;
    }
    (end, proved)
}

fn piece(text: &str, from: usize) -> &str {
    let mut to = (from + REACH).min(text.len());
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    &text[from..to]
}

/// Where a street begins, with the numbers before it.
fn begin(m: Match) -> usize {
    let mut from = m.start.saturating_sub(24);
    while !m.text.is_char_boundary(from) {
        from += 1;
    }
    let found = NUMBERS_BEFORE
        .captures(&m.text[from..m.start])
        .and_then(|found| found.get(1));
    found.map_or(m.start, |numbers| from + numbers.start())
}

/// A street of a sure form, and what follows it.
fn street(m: Match) -> Option<Range<usize>> {
    if m.before()
        .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '/' | '@' | '-' | '$' | '.'))
    {
        return None;
    }
    Some(begin(m)..follow(m.text, m.end).0)
}

/// A street of a form that other things have, too: only with a postcode behind it.
fn placed(m: Match) -> Option<Range<usize>> {
    street(m)?;
    let (end, proved) = follow(m.text, m.end);
    proved.then(|| begin(m)..end)
}

/// What stands behind a label: the match ends with a number and a word.
fn labelled(m: Match) -> Option<Range<usize>> {
    let rest = &m.text[m.start..m.end];
    let at = rest.rfind(|c: char| c.is_ascii_digit())?;
    let start = rest[..at]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |n| n + 1);
    let start = m.start + start;
    let line = piece(m.text, m.end);
    let stop = line
        .find(['\n', '.', '?', '!', ';', '"', ','])
        .unwrap_or(line.len());
    let mut end = m.end + stop;
    while m.text[..end].ends_with(' ') {
        end -= 1;
    }
    let (end, _) = follow(m.text, end);
    // "address: 20 people": one word alone is no street.
    let words = m.text.get(start..end)?.split_whitespace().count();
    (end - start < 160 && words > 2).then_some(start..end)
}

/// An address that goes from the large to the small: the match begins behind the name of the province.
fn east_asian(m: Match) -> Option<Range<usize>> {
    let han = |c: &char| ('\u{4e00}'..='\u{9fff}').contains(c);
    let before: Vec<char> = m.before().chars().rev().take(3).take_while(han).collect();
    let three = matches!(
        before.as_slice(),
        ['川', '奈', '神'] | ['山', '歌', '和'] | ['島', '児', '鹿'] | ['江', '龙', '黑']
    );
    let name: usize = before
        .iter()
        .take(if three { 3 } else { 2 })
        .map(|c| c.len_utf8())
        .sum();
    (name > 0).then(|| m.start - name..m.end)
}
