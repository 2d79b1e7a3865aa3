//! Words near a match, for checks that weigh several of them: the nearest label decides.
//!
//! `phone 0123456 order 7654321` has two numbers and two labels; what stands nearest before a number says what it is.
//! In a table it is the head of the column.

use std::{ops::Range, sync::LazyLock};

use aho_corasick::AhoCorasick;

/// A list of words in a `static`.
pub type Lexicon = LazyLock<Words>;

/// Words in any case. One that ends in `*` may go on (`telefon*`), the others stand alone.
pub struct Words {
    automaton: AhoCorasick,
    /// Of each pattern, whether it may go on.
    open: Vec<bool>,
}

/// What the words around a number make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// They call it what it is looked for.
    For,
    /// They call it something else.
    Against,
    /// They do not say.
    Silent,
}

/// How far back the head of a table is looked for, in bytes.
const TABLE: usize = 4096;

impl Words {
    /// Makes the list searchable.
    pub fn new(words: &[&str]) -> Self {
        let mut patterns = Vec::new();
        let mut open = Vec::new();
        for word in words {
            let stem = word.trim_end_matches('*');
            let mut forms = vec![stem.to_owned()];
            if !stem.is_ascii() {
                let mut letters = stem.chars();
                forms.extend(
                    letters
                        .next()
                        .map(|c| c.to_uppercase().chain(letters).collect::<String>()),
                );
                forms.push(stem.to_uppercase());
                forms.dedup();
            }
            open.extend(forms.iter().map(|_| stem.len() < word.len()));
            patterns.extend(forms);
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&patterns)
            .expect("a list of words in the source is small");
        Self { automaton, open }
    }

    /// Where the last of these words in a text ends.
    pub fn last(&self, text: &str) -> Option<usize> {
        self.all(text).max()
    }

    /// Whether one of these words is in a text.
    pub fn any(&self, text: &str) -> bool {
        self.all(text).next().is_some()
    }

    fn all<'t>(&'t self, text: &'t str) -> impl Iterator<Item = usize> + 't {
        self.automaton
            .find_overlapping_iter(text)
            .filter_map(|found| {
                let open = self.open[found.pattern().as_usize()];
                (begins_word(text, found.start()) && (open || ends_word(text, found.end())))
                    .then_some(found.end())
            })
    }
}

/// Whether a word can begin here: not inside another, but after `_`, and at the hump of camelCase.
fn begins_word(text: &str, at: usize) -> bool {
    let (Some(before), Some(first)) = (text[..at].chars().next_back(), text[at..].chars().next())
    else {
        return true;
    };
    !before.is_alphabetic() || !has_case(first) || (before.is_lowercase() && first.is_uppercase())
}

/// Whether a word can end here.
fn ends_word(text: &str, at: usize) -> bool {
    let (Some(last), Some(next)) = (text[..at].chars().next_back(), text[at..].chars().next())
    else {
        return true;
    };
    !next.is_alphabetic() || !has_case(last) || (last.is_lowercase() && next.is_uppercase())
}

/// Whether a letter belongs to a script that puts spaces between words. (Of those without case some do, too.)
fn has_case(letter: char) -> bool {
    letter.is_lowercase() || letter.is_uppercase()
}

/// The text before a place, so far.
pub fn before(text: &str, at: usize, within: usize) -> &str {
    let mut from = at.saturating_sub(within);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from.min(at)..at]
}

/// The text behind a place, so far.
pub fn after(text: &str, at: usize, within: usize) -> &str {
    let mut to = (at + within).min(text.len());
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    &text[at..to.max(at)]
}

/// Which of two kinds of words labels a place: the head of its column, else the nearest before it.
pub fn label(text: &str, at: &Range<usize>, yes: &Words, no: &Words, within: usize) -> Label {
    Labels::new(text, at.start, yes, no, within).within(within)
}

/// The words before a place, looked up once for several questions.
pub struct Labels {
    column: Option<Label>,
    /// How far away the nearest word of each kind ends.
    yes: Option<usize>,
    no: Option<usize>,
}

impl Labels {
    /// Looks so far back.
    pub fn new(text: &str, at: usize, yes: &Words, no: &Words, within: usize) -> Self {
        let column = column_head(text, at).map(|head| match (yes.any(head), no.any(head)) {
            (true, _) => Label::For,
            (false, true) => Label::Against,
            (false, false) => Label::Silent,
        });
        let window = if column.is_some() {
            ""
        } else {
            before(text, at, within)
        };
        let distance = |words: &Words| words.last(window).map(|end| window.len() - end);
        Self {
            column,
            yes: distance(yes),
            no: distance(no),
        }
    }

    /// What they say if only words count that end so near.
    pub fn within(&self, within: usize) -> Label {
        let yes = self.yes.filter(|distance| *distance < within);
        let no = self.no.filter(|distance| *distance < within);
        match (self.column, yes, no) {
            (Some(label), ..) => label,
            (None, None, None) => Label::Silent,
            (None, Some(yes), no) if no.is_none_or(|no| yes < no) => Label::For,
            _ => Label::Against,
        }
    }
}

/// What the column is called in which a place stands: in a table of Markdown, of comma-separated values, or in
/// `insert into t (columns) values (...)`.
pub fn column_head(text: &str, at: usize) -> Option<&str> {
    let above = before(text, at, TABLE);
    let line_start = above.rfind('\n').map_or(0, |n| n + 1);
    let line = &above[line_start..];
    if let Some(head) = column_of_insert(above) {
        return Some(head);
    }
    if line_start == 0 {
        return None;
    }
    let rest = after(text, at, 512);
    let rest = rest.split('\n').next().unwrap_or_default();
    for mark in ['|', '\t', ';', ','] {
        let column = marks(line, mark);
        let all = column + marks(rest, mark);
        if all == 0 {
            continue;
        }
        let head = above[..line_start - 1]
            .rsplit('\n')
            .take_while(|l| marks(l, mark) == all)
            .last();
        let Some(cell) = head.and_then(|head| cell(head, mark, column)) else {
            continue;
        };
        let named =
            cell.chars().any(char::is_alphabetic) && !cell.chars().any(|c| c.is_ascii_digit());
        if named && cell.len() <= 40 {
            return Some(cell);
        }
    }
    None
}

/// How many separators of columns there are, without those in quotes.
fn marks(line: &str, mark: char) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for c in line.chars() {
        quoted ^= c == '"';
        count += usize::from(c == mark && !quoted);
    }
    count
}

fn cell(line: &str, mark: char, column: usize) -> Option<&str> {
    line.split(mark).nth(column).map(str::trim)
}

/// The column of a value in an `insert` of SQL that ends where the value begins.
fn column_of_insert(above: &str) -> Option<&str> {
    let open = above.rfind('(')?;
    let row = &above[open + 1..];
    if row.len() > 512 || row.contains(')') {
        return None;
    }
    let mut quoted = false;
    let mut column = 0;
    for c in row.chars() {
        quoted ^= c == '\'';
        column += usize::from(c == ',' && !quoted);
    }
    let head = &above[..open];
    let values = head.rfind("VALUES").or_else(|| head.rfind("values"))?;
    let names = head[..values].trim_end().strip_suffix(')')?;
    names[names.rfind('(')? + 1..]
        .split(',')
        .nth(column)
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_humps_and_underscores_but_not_inside_others() {
        let words = Words::new(&["phone", "telefon*"]);
        assert!(words.any("homePhone") && words.any("phone_no") && words.any("Telefonnummer"));
        assert!(!words.any("phonetic") && !words.any("gramophone"));
    }

    #[test]
    fn the_head_of_a_column_is_found() {
        let table = "| name | phone |\n|---|---|\n| Kim | 123 |";
        assert_eq!(column_head(table, table.len() - 5), Some("phone"));
        let csv = "id,phone\n1,123\n";
        assert_eq!(
            column_head(csv, csv.find("123").expect("in it")),
            Some("phone")
        );
        let sql = "insert into t (a, phone) values ('x', '";
        assert_eq!(column_head(sql, sql.len()), Some("phone"));
    }
}
