//! SQL injection by the shape of tokens.
//!
//! The idea is libinjection's (Nick Galbreath, Black Hat USA 2012): cut a value into tokens of SQL three times, as it
//! stands and as if it began inside of a string in single or double quotes, and decide by the row of kinds of tokens.
//! The kinds and the shapes here are our own, and there is no list of fingerprints.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Name,
    Variable,
    /// `null`, `true`, `current_user` and the like.
    Constant,
    Compare,
    Calculate,
    Logic,
    Union,
    /// Begins a statement.
    Verb,
    /// Continues one: `from`, `where`, `having`, `order`.
    Clause,
    Open,
    Close,
    Comma,
    Semicolon,
    /// `--` or `#` to the end of the line.
    Comment,
    Other,
}

use Kind::{
    Calculate, Clause, Close, Comma, Comment, Compare, Constant, Logic, Name, Number, Open, Other,
    Semicolon, Text, Union, Variable, Verb,
};

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

/// Tokens of one value at most: honest values are short, and what an attack needs stands together.
const MOST_TOKENS: usize = 4096;

/// What is to be said about a value.
pub(super) fn facts(text: &str, facts: &mut Vec<&'static str>) {
    let quotes = text.bytes().any(|b| matches!(b, b'\'' | b'"' | b'`'));
    let letters = text
        .bytes()
        .any(|b| b.is_ascii_alphanumeric() || b == b'\'');
    if !letters
        || text.len() < 3
        || !(quotes
            || text
                .bytes()
                .any(|b| b"=<>();#-@*|&+".contains(&b) || b == b' '))
    {
        return;
    }
    look(&tokens(text, None), false, facts);
    for quote in [b'\'', b'"', b'`'] {
        if text.as_bytes().contains(&quote) {
            look(&tokens(text, Some(quote)), true, facts);
        }
    }
}

/// Looks for shapes. With `broke` the first token is the rest of a string that the value broke out of.
fn look(row: &[Token], broke: bool, facts: &mut Vec<&'static str>) {
    let kind = |at: usize| row.get(at).map(|t| t.kind);
    let closes = row.iter().skip(1).take_while(|t| t.kind == Close).count();
    // The first token behind what was broken out of, or behind a number with which the value begins.
    let starts_with_number =
        kind(0) == Some(Number) || (kind(0) == Some(Calculate) && kind(1) == Some(Number));
    let behind = if broke {
        1 + closes
    } else if starts_with_number {
        row.iter().position(|t| t.kind == Number).unwrap_or(0)
            + 1
            + row.iter().skip(1).take_while(|t| t.kind == Close).count()
    } else {
        usize::MAX
    };
    for (at, token) in row.iter().enumerate() {
        match token.kind {
            Logic => logic(row, at, at == behind, broke, facts),
            Union => {
                let mut next = at + 1;
                while row.get(next).is_some_and(|t| {
                    t.kind == Open
                        || ["all", "distinct", "distinctrow"].contains(&lower(t.text).as_str())
                }) {
                    next += 1;
                }
                if row.get(next).is_some_and(|t| {
                    matches!(lower(t.text).as_str(), "select" | "values" | "table")
                }) {
                    facts.push("sql_union");
                }
            }
            Semicolon if statement(row, at + 1) => facts.push("sql_stacked"),
            Open if kind(at + 1) == Some(Verb) && statement(row, at + 1) => {
                facts.push("sql_subquery")
            }
            Verb if (at == 0 || at == behind) && statement(row, at) => facts.push("sql_statement"),
            Verb if statement(row, at) => facts.push("sql_inner_statement"),
            Compare if at > 0 && !broke && constant_comparison(row, at) => {
                facts.push("sql_constant_comparison")
            }
            _ => {}
        }
    }
    // `x'collate nocase--`: a few words and a comment with nothing in it.
    let tail = row
        .last()
        .is_some_and(|t| t.kind == Comment && t.text.trim_end().len() < 4);
    if broke && tail && row.len() <= 12 && row.len() > 2 {
        facts.push("sql_comment_tail");
    }
    let Some(next) = row.get(behind) else { return };
    match next.kind {
        // `admin'--`, `1)) #`
        Comment if broke || closes > 0 || next.text.len() < 4 => facts.push("sql_comment_tail"),
        Semicolon if broke && row.get(behind + 1).is_none_or(|t| t.kind == Comment) => {
            facts.push("sql_broken_string")
        }
        Clause if clause(row, behind) => facts.push("sql_clause"),
        // `' = '`, `'<'a`
        Compare if broke && matches!(kind(behind + 1), Some(Text | Number | Constant | Open)) => {
            facts.push("sql_broken_string");
        }
        Calculate | Comma
            if broke && operand(row, behind + 1).is_some_and(|o| o.1 != Class::Column) =>
        {
            facts.push("sql_broken_arithmetic");
        }
        _ => {}
    }
}

/// `or 1=1` and what is like it.
fn logic(row: &[Token], at: usize, is_behind: bool, broke: bool, facts: &mut Vec<&'static str>) {
    let Some((next, left)) = operand(row, at + 1) else {
        // `' or`, cut off.
        if is_behind && broke && at + 1 == row.len() {
            facts.push("sql_cut_off");
        }
        return;
    };
    let compares = row.get(next).is_some_and(|t| t.kind == Compare);
    let right = if compares {
        operand(row, next + 1)
    } else {
        None
    };
    // What stands before it must be able to be a condition's end.
    let sits = at == 0
        || matches!(
            row[at - 1].kind,
            Text | Number | Close | Name | Constant | Variable | Comment | Clause
        );
    let literal = |class: Class| class == Class::Literal;
    match right {
        Some((_, right)) if sits && literal(left) && literal(right) => facts.push("sql_tautology"),
        Some(_) if is_behind => facts.push("sql_tautology"),
        Some((_, right))
            if (left == Class::Call || right == Class::Call || right == Class::Query) && sits =>
        {
            facts.push("sql_condition");
        }
        None if is_behind && !compares => {
            let end = row
                .get(next)
                .is_none_or(|t| matches!(t.kind, Comment | Semicolon));
            match left {
                Class::Literal if broke || end && row.get(next).is_some() => {
                    facts.push("sql_tautology")
                }
                Class::Call | Class::Query => facts.push("sql_tautology"),
                Class::Literal if end => facts.push("sql_condition"),
                Class::Column if broke && end => facts.push("sql_condition"),
                _ => {}
            }
        }
        None if at == 0
            && left == Class::Literal
            && row.get(next).is_some_and(|t| t.kind == Comment) =>
        {
            facts.push("sql_tautology");
        }
        _ => {}
    }
}

/// `1=1`, `'a'='a'`, `5<>7` where it is all that there is.
fn constant_comparison(row: &[Token], at: usize) -> bool {
    let literal = |t: &Token| matches!(t.kind, Text | Number | Constant);
    let before = literal(&row[at - 1]);
    let not = usize::from(
        row.get(at + 1)
            .is_some_and(|t| t.text.eq_ignore_ascii_case("not")),
    );
    let after = row.get(at + 1 + not).is_some_and(literal);
    let alone = at == 1 && row.len() <= 3 + not;
    let bounded = at >= 2 && matches!(row[at - 2].kind, Comma | Logic) && row.get(at + 2).is_none();
    before && after && (alone || bounded)
}

/// `' order by 3`, `1 group by x having 1=1`, `' limit 1,1`.
fn clause(row: &[Token], at: usize) -> bool {
    let word = lower(row[at].text);
    let next = row.get(at + 1);
    match word.as_str() {
        "order" | "group" => next.is_some_and(|t| t.text.eq_ignore_ascii_case("by")),
        "having" | "where" => {
            operand(row, at + 1).is_some_and(|(n, _)| row.get(n).is_some_and(|t| t.kind == Compare))
        }
        "limit" | "offset" => next.is_some_and(|t| t.kind == Number),
        "into" => next.is_some_and(|t| matches!(lower(t.text).as_str(), "outfile" | "dumpfile")),
        "procedure" => next.is_some_and(|t| t.text.eq_ignore_ascii_case("analyse")),
        _ => false,
    }
}

/// What an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Literal,
    Column,
    Call,
    Query,
}

/// Reads an operand: where it ends, and what it is.
fn operand(row: &[Token], mut at: usize) -> Option<(usize, Class)> {
    let mut opened = 0;
    while let Some(token) = row.get(at) {
        let word = lower(token.text);
        let prefix = token.kind == Open
            || (token.kind == Calculate && matches!(token.text, "-" | "+" | "~" | "!"))
            || matches!(word.as_str(), "not" | "binary" | "distinct" | "n");
        if !prefix || at > 4096 {
            break;
        }
        opened += usize::from(token.kind == Open);
        at += 1;
    }
    let token = row.get(at)?;
    let mut next = at + 1;
    let class = match token.kind {
        Text | Number | Constant | Variable => Class::Literal,
        Verb if token.text.eq_ignore_ascii_case("select") => Class::Query,
        Name | Verb | Clause if row.get(next).is_some_and(|t| t.kind == Open) => {
            next = balanced(row, next);
            Class::Call
        }
        Name => Class::Column,
        _ => return None,
    };
    // Adjacent texts and arithmetic belong to it: `'a' 'b'`, `2-1`.
    while let Some(more) = row.get(next) {
        let follows = match more.kind {
            Text => class == Class::Literal,
            Close if opened > 0 => {
                opened -= 1;
                true
            }
            Calculate if more.text != "!" => {
                let operand = row
                    .get(next + 1)
                    .is_some_and(|t| matches!(t.kind, Number | Text | Name));
                next += usize::from(operand);
                operand
            }
            _ => false,
        };
        if !follows {
            break;
        }
        next += 1;
    }
    Some((next, class))
}

/// Behind the parenthesis that closes the one at a place.
fn balanced(row: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in row.iter().enumerate().skip(open).take(64) {
        match token.kind {
            Open => depth += 1,
            Close => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    row.len().min(open + 64)
}

/// Whether a statement stands here rather than a sentence that begins with the same word.
fn statement(row: &[Token], at: usize) -> bool {
    let Some(verb) = row.get(at).filter(|t| t.kind == Verb) else {
        return false;
    };
    let next = row.get(at + 1);
    let word = |n: usize| row.get(at + n).map(|t| lower(t.text)).unwrap_or_default();
    let after = |n: usize| row.get(at + n).map(|t| t.kind);
    match lower(verb.text).as_str() {
        "select" => select(row, at),
        "insert" | "replace" => {
            word(1) == "into"
                && after(2) == Some(Name)
                && matches!(after(3), Some(Open | Verb | Clause))
        }
        "delete" => {
            word(1) == "from"
                && after(2) == Some(Name)
                && matches!(after(3), None | Some(Clause | Semicolon | Comment))
        }
        "update" => after(1) == Some(Name) && word(2) == "set" && after(4) == Some(Compare),
        "drop" | "create" | "alter" | "truncate" => {
            let object = [
                "table",
                "database",
                "schema",
                "user",
                "view",
                "function",
                "procedure",
                "trigger",
                "index",
                "login",
                "role",
            ];
            let or = usize::from(word(1) == "or") * 2;
            object.contains(&word(1 + or).as_str())
                && matches!(after(2 + or), Some(Name | Clause | Constant))
                && matches!(
                    after(3 + or),
                    None | Some(Open | Semicolon | Comment | Clause | Name | Logic | Close)
                )
                && (after(3 + or) != Some(Name) || word(2 + or) == "if" || word(1) == "alter")
        }
        "exec" | "execute" | "call" => {
            next.is_some_and(|t| t.text.contains("xp_") || t.text.contains("sp_"))
                || (after(1) == Some(Open) && after(2) == Some(Text))
                || (after(1) == Some(Open) && after(2) == Some(Variable))
        }
        "declare" | "set" => after(1) == Some(Variable),
        "waitfor" => matches!(word(1).as_str(), "delay" | "time"),
        "shutdown" => matches!(after(1), None | Some(Comment | Semicolon)),
        "grant" | "revoke" => word(2) == "on" || word(1) == "all",
        "load" => word(1) == "data" || word(1) == "xml",
        "handler" => word(2) == "open" || word(2) == "read",
        "merge" => word(1) == "into" && word(3) == "using",
        "copy" => after(1) == Some(Name) && (word(2) == "from" || word(2) == "to"),
        "rename" => word(1) == "table",
        _ => false,
    }
}

/// `select a, b from t where`, `select @@version`, `select sleep(5)`; not `select a plan from the list`.
fn select(row: &[Token], at: usize) -> bool {
    let rest = &row[at + 1..];
    let list = rest
        .iter()
        .take(64)
        .take_while(|t| !t.text.eq_ignore_ascii_case("from") && t.kind != Semicolon)
        .count();
    let Some(first) = rest.first() else {
        return false;
    };
    let ends = |t: Option<&Token>| {
        t.is_none_or(|t| {
            matches!(
                t.kind,
                Close
                    | Comma
                    | Semicolon
                    | Comment
                    | Clause
                    | Union
                    | Logic
                    | Compare
                    | Open
                    | Text
            )
        })
    };
    let Some(from) = rest.get(list).filter(|t| t.kind == Clause && list > 0) else {
        // Without a table.
        return match first.kind {
            Variable | Constant => ends(rest.get(1)),
            Number | Text => ends(rest.get(1)) && at > 0,
            Name | Verb | Clause => {
                rest.get(1).is_some_and(|t| t.kind == Open) && first.text.len() > 2 && at > 0
            }
            _ => false,
        };
    };
    let _ = from;
    let words = rest[..list]
        .windows(2)
        .any(|two| two.iter().all(|t| t.kind == Name));
    let table = rest.get(list + 1);
    let known = table.is_some_and(|t| matches!(t.kind, Open | Text) || t.text.contains(['.', '_']));
    let star = rest[..list]
        .iter()
        .any(|t| matches!(t.kind, Calculate | Variable | Number) || t.kind == Open);
    table.is_some_and(|t| matches!(t.kind, Name | Open | Text | Variable))
        && (known || star && !words || !words && ends(rest.get(list + 2)))
}

fn lower(text: &str) -> String {
    if text.len() > 20 {
        String::new()
    } else {
        text.to_ascii_lowercase()
    }
}

/// Cuts a text into tokens, as if it began in a string that the given quote ends.
fn tokens(text: &str, inside: Option<u8>) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut row = Vec::with_capacity(32);
    let mut at = 0;
    if let Some(quote) = inside {
        let (end, closed) = string_end(bytes, 0, quote);
        if !closed {
            return row;
        }
        row.push(Token {
            kind: Text,
            text: &text[..end],
        });
        at = end;
    }
    while at < bytes.len() && row.len() < MOST_TOKENS {
        let rest = &bytes[at..];
        let (kind, length) = match rest[0] {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0 => {
                at += 1;
                continue;
            }
            // U+00A0, which MySQL takes for a space.
            0xc2 if rest.get(1) == Some(&0xa0) => {
                at += 2;
                continue;
            }
            quote @ (b'\'' | b'"') => (Text, string_end(bytes, at + 1, quote).0 - at),
            b'`' => (Name, string_end(bytes, at + 1, b'`').0 - at),
            b'[' => match rest.iter().take(64).position(|b| *b == b']') {
                Some(end)
                    if end > 1
                        && rest[1..end]
                            .iter()
                            .all(|b| b.is_ascii_alphanumeric() || *b == b'_') =>
                {
                    (Name, end + 1)
                }
                _ => (Other, 1),
            },
            b'(' => (Open, 1),
            b')' => (Close, 1),
            b',' => (Comma, 1),
            b';' => (Semicolon, 1),
            b'-' if rest.get(1) == Some(&b'-') => (Comment, line(rest)),
            b'#' => (Comment, line(rest)),
            b'/' if rest.get(1) == Some(&b'*') => {
                let end = rest
                    .windows(2)
                    .skip(2)
                    .position(|w| w == b"*/")
                    .map_or(rest.len(), |n| n + 4);
                at += end;
                continue;
            }
            b'@' => (
                Variable,
                1 + rest[1..]
                    .iter()
                    .take_while(|b| is_word(**b) || matches!(**b, b'@' | b'.' | b'`'))
                    .count(),
            ),
            b'0'..=b'9' => number(rest),
            b'.' if rest.get(1).is_some_and(u8::is_ascii_digit) => number(rest),
            b'&' if rest.get(1) == Some(&b'&') => (Logic, 2),
            b'|' if rest.get(1) == Some(&b'|') => (Logic, 2),
            b'=' | b'<' | b'>' => (
                Compare,
                1 + rest[1..]
                    .iter()
                    .take(2)
                    .take_while(|b| matches!(b, b'=' | b'<' | b'>'))
                    .count(),
            ),
            b'!' if rest.get(1) == Some(&b'=') => (Compare, 2),
            b':' if rest.get(1) == Some(&b'=') => (Compare, 2),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'|' | b'&' | b'~' | b'!' => (Calculate, 1),
            byte if is_word(byte) => word(rest, text, at),
            _ => (Other, 1),
        };
        row.push(Token {
            kind,
            text: text.get(at..at + length).unwrap_or_default(),
        });
        at += length;
    }
    row
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// Where a string ends, behind its quote; doubled and escaped quotes belong to it.
fn string_end(bytes: &[u8], mut at: usize, quote: u8) -> (usize, bool) {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if at + 1 < bytes.len() => at += 2,
            byte if byte == quote => {
                if bytes.get(at + 1) != Some(&quote) || at + 2 == bytes.len() {
                    return (at + 1, true);
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
    (bytes.len(), false)
}

fn line(rest: &[u8]) -> usize {
    rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
}

fn number(rest: &[u8]) -> (Kind, usize) {
    let length = rest
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'.')
        .count();
    let is_hex = rest.starts_with(b"0x") || rest.starts_with(b"0b");
    let digits = rest
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'.')
        .count();
    let exponent = rest.get(digits).is_some_and(|b| matches!(b, b'e' | b'E'))
        && rest[digits + 1..length].iter().all(u8::is_ascii_digit);
    // `9ft`, `1st`, a digest: words. `1or` is a number and a word.
    if digits == length || is_hex || exponent {
        return (Number, length);
    }
    let tail = rest[digits..length].to_ascii_lowercase();
    if [
        &b"or"[..],
        b"and",
        b"union",
        b"select",
        b"from",
        b"limit",
        b"order",
    ]
    .contains(&tail.as_slice())
    {
        return (Number, digits);
    }
    (Name, length)
}

fn word(rest: &[u8], text: &str, at: usize) -> (Kind, usize) {
    let mut length = rest.iter().take_while(|b| is_word(**b)).count();
    let name = lower(&text[at..at + length]);
    let kind = match name.as_str() {
        "and" | "or" | "xor" => Logic,
        "like" | "rlike" | "regexp" | "ilike" | "between" | "is" | "in" | "sounds" | "glob" => {
            Compare
        }
        "div" | "mod" => Calculate,
        "union" | "intersect" | "except" | "minus" => Union,
        "null" | "true" | "false" | "current_user" | "current_date" | "sysdate" | "user"
        | "version" => Constant,
        "select" | "insert" | "update" | "delete" | "drop" | "create" | "alter" | "truncate"
        | "exec" | "execute" | "declare" | "waitfor" | "shutdown" | "grant" | "revoke" | "call"
        | "set" | "load" | "handler" | "merge" | "copy" | "replace" | "rename" => Verb,
        "from" | "where" | "having" | "order" | "group" | "limit" | "offset" | "into"
        | "values" | "procedure" | "set_" | "by" | "join" | "on" | "using" | "returning"
        | "for" => Clause,
        _ => Name,
    };
    // `information_schema.tables`: one name.
    while kind == Name
        && rest.get(length) == Some(&b'.')
        && rest
            .get(length + 1)
            .is_some_and(|b| is_word(*b) || *b == b'*' || *b == b'`')
    {
        length += 2;
        length += rest[length..]
            .iter()
            .take_while(|b| is_word(**b) || **b == b'`')
            .count();
    }
    (kind, length)
}
