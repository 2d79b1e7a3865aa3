//! Secrets and passwords that stand behind a name for them: in code, settings, commands and sentences.

use std::ops::Range;

use crate::guard::confirm::{Match, entropy};

/// Words in a name that make it the name of something else than the secret, wherever they stand in it.
const OTHER_NAMES: &[&str] = &[
    "public",
    "publishable",
    "primary",
    "foreign",
    "max",
    "min",
    "count",
    "counts",
    "limit",
    "limits",
    "length",
    "len",
    "size",
    "types",
    "endpoint",
    "filename",
    "expiry",
    "expires",
    "expiration",
    "ttl",
    "hash",
    "hashed",
    "checksum",
    "digest",
    "sha",
    "sha1",
    "sha256",
    "md5",
    "etag",
    "fingerprint",
    "page",
    "next",
    "prev",
    "continuation",
    "cursor",
    "csrf",
    "xsrf",
    "idempotency",
    "cache",
    "partition",
    "sort",
    "arn",
    "placeholder",
    "usage",
    "budget",
    "pad",
    "bos",
    "eos",
    "unk",
    "mask",
    "cls",
    "vocab",
    "tokenizer",
    "tokens",
    "selector",
    "integrity",
    "resolved",
    "commit",
    "revision",
    "keyboard",
    "contract",
    "mint",
    "symbol",
];

/// Words that do so behind the word for the secret: a `token_service` is none, a `service_token` is.
const OTHER_TAILS: &[&str] = &[
    "type",
    "name",
    "url",
    "uri",
    "path",
    "file",
    "dir",
    "row",
    "object",
    "prefix",
    "suffix",
    "pattern",
    "format",
    "label",
    "hint",
    "policy",
    "version",
    "used",
    "ids",
    "index",
    "idx",
    "sep",
    "stop",
    "special",
    "field",
    "fields",
    "column",
    "input",
    "output",
    "prompt",
    "completion",
    "class",
    "validator",
    "message",
    "error",
    "help",
    "description",
    "title",
    "required",
    "enabled",
    "strength",
    "rotation",
    "manager",
    "management",
    "provider",
    "service",
    "store",
    "resolver",
    "factory",
    "request",
    "response",
    "handler",
    "header",
    "host",
    "zone",
    "address",
    "issuer",
    "id",
    "status",
    "reset",
];

/// What people and forms write where a password would stand.
const FOR_SHOW: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "value",
    "string",
    "str",
    "text",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "hidden",
    "empty",
    "blank",
    "user",
    "username",
    "admin_password",
    "your",
    "my",
    "mypassword",
    "my_password",
    "yourpassword",
    "your_password",
    "your-password",
    "xxx",
    "xxxx",
    "xxxxx",
    "xxxxxx",
    "***",
    "changeme",
    "change_me",
    "change-me",
    "redacted",
    "example",
    "secret_key",
    "api_key",
    "apikey",
    "pwd123",
    "...",
    "varchar",
    "bool",
    "int",
    "number",
    "invalid",
    "incorrect",
    "wrong",
    "missing",
    "expired",
    "default",
    "test",
    "sha256",
    "sha512",
    "sha1",
    "md5",
    "bcrypt",
    "argon2",
    "argon2id",
    "pbkdf2",
    "scrypt",
    "base64",
    "base64-encoded",
    "utf8",
    "utf-8",
    "oauth2",
    "oauth2.0",
    "n/a",
    "tbd",
    "todo",
    "here",
];

/// Whether it refers to a value that stands elsewhere, or is code that makes it.
pub(super) fn is_reference(value: &str) -> bool {
    const INSIDE: &[&str] = &[
        "${",
        "{{",
        "}}",
        "$(",
        "<%",
        "%>",
        "process.env",
        "environ",
        "getenv",
        "env.",
        "ENV[",
        "secrets.",
        "vault:",
        "@@",
        "#{",
        "config.",
        "settings.",
        "self.",
        "this.",
        "args.",
        "op://",
        "ssm:",
        "::",
        "arn:",
        "://",
        "->",
        "()",
        "[\"",
        "['",
        "%(",
        "var.",
        "local.",
        "data.",
        "params.",
        "params[",
        "request.",
        "req.",
        "props.",
        "state.",
        "os.",
        "System.",
        "file(",
        "keyring",
        "!Ref",
        "!Sub",
        "ref+",
        "AWS::",
        "fromEnv",
        "String(",
        "getpass",
        "input(",
        "secretKeyRef",
        "valueFrom",
    ];
    let first = value.bytes().next();
    let last = value.bytes().next_back();
    INSIDE.iter().any(|s| value.contains(s))
        || matches!(
            (first, last),
            (Some(b'<'), Some(b'>')) | (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
        )
        || matches!(
            (first, last),
            (Some(b'%'), Some(b'%')) | (Some(b'('), Some(b')'))
        )
        || first == Some(b'<')
        || first == Some(b'&')
        || first == Some(b'$')
            && value[1..]
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !value[1..].bytes().any(|b| b.is_ascii_digit())
        || first == Some(b':')
            && value.len() > 1
            && value[1..]
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// Whether it is one of the words that stand for a password in manuals and forms.
pub(super) fn is_said_for_show(value: &str) -> bool {
    let folded = value.to_lowercase();
    FOR_SHOW.contains(&folded.as_str()) || entropy::is_stand_in(value) || is_starred(value)
}

/// Nothing but one or two characters again and again: `****`, `xxxx`, `......`.
fn is_starred(value: &str) -> bool {
    let mut chars = value.chars();
    let first = chars.next();
    chars.all(|c| Some(c) == first)
}

/// The name around a word and the words of it.
struct Name<'a> {
    /// Where it begins.
    start: usize,
    /// Where it ends.
    end: usize,
    text: &'a str,
}

impl<'a> Name<'a> {
    /// The name that a place is in: letters, digits, `_`, `-` and `.`.
    fn around(text: &'a str, at: usize) -> Self {
        let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let before = text.as_bytes()[..at]
            .iter()
            .rev()
            .take(64)
            .take_while(|b| part(b))
            .count();
        let after = text.as_bytes()[at..]
            .iter()
            .take(64)
            .take_while(|b| part(b))
            .count();
        let mut start = at - before;
        // An escape before it is not its beginning: `\nTOKEN=`.
        if text.as_bytes()[..start].last() == Some(&b'\\') && before > 1 {
            start += 1;
        }
        Self {
            start,
            end: at + after,
            text: &text[start..at + after],
        }
    }

    /// Its words: `apiKey`, `API_KEY` and `api-key` have two.
    fn any_word(&self, mut wanted: impl FnMut(&str, usize) -> bool) -> bool {
        let bytes = self.text.as_bytes();
        let mut from = 0;
        for at in 0..=bytes.len() {
            let ends = at == bytes.len()
                || !bytes[at].is_ascii_alphanumeric()
                || at > from
                    && bytes[at].is_ascii_uppercase()
                    && bytes[at - 1].is_ascii_lowercase();
            if ends {
                if at > from && wanted(&self.text[from..at].to_ascii_lowercase(), self.start + from)
                {
                    return true;
                }
                from = if at < bytes.len() && bytes[at].is_ascii_alphanumeric() {
                    at
                } else {
                    at + 1
                };
            }
        }
        false
    }

    /// Whether the secret is only a part of what it names; the word for the secret stands at `core`.
    fn is_of_something_else(&self, core: usize) -> bool {
        self.any_word(|word, at| {
            OTHER_NAMES.contains(&word) || at > core && OTHER_TAILS.contains(&word)
        })
    }
}

/// A value behind a name.
pub(super) struct Value<'a> {
    /// Where it begins.
    pub start: usize,
    /// What it is, without quotes.
    pub text: &'a str,
    quoted: bool,
    /// What follows it.
    next: Option<u8>,
}

/// Reads on from the end of a name over quotes, brackets, a type and a sign of assignment to the value.
pub(super) fn value_behind(text: &str, from: usize) -> Option<Value<'_>> {
    let bytes = text.as_bytes();
    let limit = bytes.len().min(from + 96);
    let mut at = skip(bytes, from, limit, |b| {
        matches!(
            b,
            b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'}' | b'*' | b'?' | b'!'
        )
    });
    at = skip(bytes, at, limit, |b| matches!(b, b' ' | b'\t'));
    // `{ get; set; }` of C#, and the entry after a name in a manifest of Kubernetes.
    if let Some(more) = ["{ get; set; }", "{ get; }", "{ get; init; }", "{get;set;}"]
        .iter()
        .find(|p| text[at..].starts_with(**p))
    {
        at = skip(bytes, at + more.len(), limit, |b| b == b' ');
    }
    let entry = skip(bytes, at, limit, |b| b.is_ascii_whitespace());
    let mut signed = entry > at
        && ["value:", "value :", "value="]
            .iter()
            .any(|v| text[entry..].starts_with(v));
    if signed {
        at = skip(bytes, entry + 5, limit, |b| matches!(b, b' ' | b':' | b'='));
    }
    // `=`, `: str =`, `: &str =`, `=>`, `:=`, `->`, `, value="`, `>` …
    for _ in 0..if signed { 0 } else { 3 } {
        let began = at;
        at = skip(bytes, at, limit, |b| {
            matches!(
                b,
                b'=' | b':' | b'>' | b'|' | b',' | b'(' | b'-' | b'~' | b'?'
            )
        });
        let sign = &text[began..at];
        if sign.is_empty() || !sign.contains(['=', ':', '>', '|', ',', '(']) {
            at = began;
            break;
        }
        signed = true;
        at = skip(bytes, at, limit, |b| matches!(b, b' ' | b'\t' | b'*'));
        let line = at;
        at = skip(bytes, at, limit, |b| {
            matches!(b, b' ' | b'\t' | b'\n' | b'\r')
        });
        let word = at
            + bytes[at..limit]
                .iter()
                .take_while(|b| {
                    b.is_ascii_alphanumeric()
                        || matches!(**b, b'_' | b'&' | b'<' | b'>' | b'[' | b']' | b'.' | b'?')
                })
                .count();
        let after = skip(bytes, word, limit, |b| b == b' ');
        let is_type = matches!(bytes.get(after), Some(b'='))
            && bytes.get(after + 1) != Some(&b'=')
            && word > at
            && word - at <= 20;
        let is_value = matches!(
            text[at..word].to_ascii_lowercase().as_str(),
            "value" | "default" | "content"
        ) && matches!(bytes.get(after), Some(b'=' | b':' | b'"'));
        if is_value {
            at = skip(bytes, word, limit, |b| matches!(b, b'"' | b'\''));
            at = skip(bytes, at, limit, |b| b == b' ');
        } else if is_type
            && sign.trim() == ":"
            && text[at..word].bytes().all(|b| !b.is_ascii_digit())
        {
            at = after;
        } else if at > line {
            // The next line begins something else.
            return None;
        } else {
            break;
        }
    }
    if !signed || at >= limit {
        return None;
    }
    // A bar parts the cells of a table; elsewhere it is the pipe of a shell.
    if text[from..at].contains('|') && !text[from..at].contains("||=") {
        let row = text[..from].rsplit('\n').next().unwrap_or_default();
        if !row.trim_start().starts_with('|') {
            return None;
        }
    }
    value_at(text, at)
}

/// The value at a place, in quotes or to the next space or delimiter.
pub(super) fn value_at(text: &str, from: usize) -> Option<Value<'_>> {
    let bytes = text.as_bytes();
    let mut at = from;
    // Marks before a string: r"", b"", u"", @"", L"".
    if matches!(bytes.get(at), Some(b'r' | b'b' | b'u' | b'f' | b'L' | b'@'))
        && matches!(bytes.get(at + 1), Some(b'"' | b'\''))
    {
        at += 1;
    }
    let escaped = bytes.get(at) == Some(&b'\\') && matches!(bytes.get(at + 1), Some(b'"' | b'\''));
    at += usize::from(escaped);
    let rest = text.get(at..)?;
    let open = rest.chars().next()?;
    let close = match open {
        '"' | '\'' | '`' => Some(open),
        '“' | '”' | '„' => Some('”'),
        '«' => Some('»'),
        '「' => Some('」'),
        '‘' => Some('’'),
        _ => None,
    };
    if let Some(close) = close {
        let start = at + open.len_utf8();
        let inner = &text[start..];
        let end = inner
            .char_indices()
            .take(513)
            .find(|(_, c)| *c == close || (close == '”' && *c == '“') || *c == '\n')
            .map(|(n, _)| n)?;
        if inner[end..].starts_with('\n') {
            return None;
        }
        let value = inner[..end].trim_end_matches('\\');
        let next = bytes.get(start + end + close.len_utf8()).copied();
        return Some(Value {
            start,
            text: value,
            quoted: true,
            next,
        });
    }
    let stop = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\''
                    | '`'
                    | ','
                    | ';'
                    | '<'
                    | '|'
                    | '\u{1e}'
                    | '。'
                    | '，'
                    | '、'
                    | '」'
                    | '”'
                    | '»'
            )
    };
    let end = rest
        .char_indices()
        .take(513)
        .find(|(_, c)| stop(*c))
        .map_or(rest.len().min(2052), |(n, _)| n);
    let mut value = rest.get(..end)?;
    // A literal `\n` ends it, too, and so does the next field of a query or form.
    for end in ["\\n", "\\r", "&"] {
        value = value.split(end).next().unwrap_or(value);
    }
    let value = value.trim_end_matches(['.', ')', ']', '}', ':', '?', '\\']);
    let next = rest.as_bytes().get(value.len()).copied();
    Some(Value {
        start: at,
        text: value,
        quoted: false,
        next,
    })
}

fn skip(bytes: &[u8], from: usize, limit: usize, may: fn(u8) -> bool) -> usize {
    from + bytes[from.min(limit)..limit]
        .iter()
        .take_while(|b| may(**b))
        .count()
}

/// Whether an unquoted value is rather code: a call, an index, a bracket.
fn is_code(value: &Value) -> bool {
    let it = value.text;
    let call = it.find(['(', '[', '{']).is_some_and(|at| {
        it[..at]
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"$_.:>-!&*".contains(&b))
    });
    !value.quoted && (call || matches!(value.next, Some(b'(' | b'[' | b'{')))
}

/// Whether a value that is said to be a secret is one.
fn is_secret(value: &Value, strong: bool, least: usize) -> bool {
    let it = value.text;
    let kinds = entropy::Kinds::of(it);
    let hex = it.bytes().all(|b| b.is_ascii_hexdigit());
    let code = is_code(value);
    if it.len() < least
        || it.len() > 512
        || code
        || !it.is_ascii()
        || it.contains(char::is_whitespace)
    {
        return false;
    }
    if is_reference(it) || is_said_for_show(it) || is_public(it) || entropy::is_uuid(it) && !strong
    {
        return false;
    }
    // Numbers, dates, versions; and what git abbreviates.
    if kinds.letters() < 2 || hex && it.len() < 16 {
        return false;
    }
    let body = entropy::body(it);
    let body = if body.len() < least { it } else { body };
    let enough = kinds.digit >= 1 && (kinds.digit >= 2 || it.len() >= 16)
        || it.len() >= 20 && kinds.upper >= 3 && kinds.lower >= 3;
    enough && entropy::is_spread(body.as_bytes()) && !entropy::is_name(body)
}

/// Digests, certificates, public keys, images, paths, addresses: what looks random and is nobody's secret.
fn is_public(value: &str) -> bool {
    const BEGINS: &[&str] = &[
        "sha1-",
        "sha256-",
        "sha384-",
        "sha512-",
        "sha1:",
        "sha256:",
        "sha384:",
        "sha512:",
        "md5:",
        "sha256/",
        "SHA256:",
        "data:",
        "http:",
        "https:",
        "ssh-rsa",
        "ssh-ed25519",
        "MIIBIjAN",
        "MIICIjAN",
        "MFkwEw",
        "MIGfMA0",
        "LS0tLS1CRUdJTiBDRVJU",
        "LS0tLS1CRUdJTiBQVUJM",
        "/",
        "./",
        "../",
        "~/",
        "C:\\",
        "pk_",
        "pk-",
        "iVBORw0",
        "/9j/",
        "R0lGOD",
        "urn:",
        "$2a$",
        "$2b$",
        "$2y$",
        "$argon2",
        "$pbkdf2",
        "$6$",
        "$5$",
        "W/",
    ];
    const ENDS: &[&str] = &[
        ".json", ".pem", ".key", ".txt", ".yaml", ".yml", ".crt", ".cer", ".p12", ".pfx", ".py",
        ".js", ".ts", ".md", ".toml", ".env", ".html", ".com", ".io", ".org", ".net", ".jks",
    ];
    BEGINS.iter().any(|s| value.starts_with(s)) || ENDS.iter().any(|s| value.ends_with(s))
}

/// Whether a value that is said to be a password is one: not a word, not a number, not the name of a variable.
fn is_password(value: &Value, sure: bool) -> bool {
    let it = value.text;
    let length = it.chars().count();
    let code = is_code(value);
    if !(4..=128).contains(&length) || code || it.contains(char::is_whitespace) {
        return false;
    }
    if is_reference(it) || is_said_for_show(it) || is_public(it) {
        return false;
    }
    let kinds = entropy::Kinds::of(it);
    let marks = it
        .chars()
        .filter(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '\'' | '’' | '/'))
        .count();
    if kinds.letters() == 0 && it.is_ascii() {
        // Digits alone may be a number of something, unless they are said to be the password.
        return marks > 0 && kinds.digit > 0 || sure && kinds.digit == it.len() && it.len() >= 6;
    }
    if !it.is_ascii() && kinds.digit == 0 && marks == 0 {
        return false;
    }
    if kinds.digit > 0 || marks > 0 {
        // `sha256-hashed`, `config.v2.password`: names, unless there are enough digits.
        let slug =
            it.contains(['-', '.', '/']) && entropy::is_name(it) && kinds.digit <= 2 && marks == 0;
        return !slug && (marks > 0 || kinds.digit > 0 && kinds.letters() > 0);
    }
    // Letters only: an accident of upper and lower case inside, or letters that make no word.
    let inner = it.chars().skip(1).any(|c| c.is_ascii_uppercase()) && kinds.lower > 0;
    let phrase = value.quoted && it.split(['-', '_']).filter(|w| w.len() >= 3).count() >= 4;
    phrase
        || length >= 8
            && !entropy::is_name(it)
            && (inner || sure && value.quoted)
            && !entropy::is_wordy(it)
}

/// A name that speaks of a key or token, a sign, and a value that looks like one.
pub(super) fn secret(m: Match) -> Option<Range<usize>> {
    let name = Name::around(m.text, m.start);
    if name.is_of_something_else(m.start) {
        return None;
    }
    let value = value_behind(m.text, name.end)?;
    let folded = name.text.to_ascii_lowercase();
    let strong = [
        "api",
        "secret",
        "auth",
        "access",
        "private",
        "client",
        "credential",
    ]
    .iter()
    .any(|s| folded.contains(s));
    let bare = matches!(
        folded.as_str(),
        "key" | "auth" | "hash" | "license" | "session" | "sessionid" | "sid" | "cookie"
    );
    let least = if bare {
        20
    } else if strong {
        10
    } else {
        12
    };
    // Next to a bare `key` anything may stand: only what has all kinds of characters counts.
    let kinds = entropy::Kinds::of(value.text);
    if bare && !(kinds.upper > 1 && kinds.lower > 1 && kinds.digit > 1) || name.start > value.start
    {
        return None;
    }
    is_secret(&value, strong, least).then(|| value.start..value.start + value.text.len())
}

/// A name that speaks of a password, a sign, and a value that may be one.
pub(super) fn password(m: Match) -> Option<Range<usize>> {
    let name = Name::around(m.text, m.start);
    if name.is_of_something_else(m.start) {
        return None;
    }
    let value = value_behind(m.text, name.end)?;
    // Behind a call's bracket or a comma only a string is a value.
    let sign = m.text[name.end..value.start]
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')' | ']'));
    if !value.quoted && sign.contains(['(', ',']) {
        return None;
    }
    let sure = sign.contains(['=', ':', '>']);
    is_password(&value, sure).then(|| value.start..value.start + value.text.len())
}

/// A key or token in a sentence, "403 for token …": the match is the word for it; one of the next few words is it.
pub(super) fn told_secret(m: Match) -> Option<Range<usize>> {
    const NOT: &[&str] = &[
        "public",
        "hash",
        "commit",
        "primary",
        "foreign",
        "digest",
        "publishable",
        "sha256",
        "id",
        "uuid",
        "md5",
        "request",
        "trace",
        "cache",
        "idempotency",
    ];
    let last = m
        .before()
        .trim_end_matches(|c: char| !c.is_alphanumeric())
        .rsplit(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    if NOT.contains(&last.to_ascii_lowercase().as_str()) {
        return None;
    }
    let mut from = m.end;
    for _ in 0..6 {
        from += m.text[from..]
            .bytes()
            .take(4)
            .take_while(|b| matches!(b, b' ' | b'=' | b':' | b'(' | b'>'))
            .count();
        let rest = &m.text[from..];
        let word = rest.find(char::is_whitespace).map_or(rest.len(), |at| at);
        let value = value_at(m.text, from).filter(|v| v.text.len() >= 16);
        if let Some(value) = value {
            let kinds = entropy::Kinds::of(value.text);
            let hex = value.text.bytes().all(|b| b.is_ascii_hexdigit());
            let long = value.text.len() >= if hex { 32 } else { 24 };
            let shuffled = !hex && kinds.digit >= 2 && entropy::is_shuffled(value.text);
            let mixed = shuffled || long && kinds.digit >= 2;
            return (mixed && is_secret(&value, false, 16))
                .then(|| value.start..value.start + value.text.len());
        }
        if word == 0
            || word > 16
            || NOT.contains(&rest[..word].to_lowercase().as_str())
            || rest[..word].ends_with(['.', ';'])
        {
            return None;
        }
        from += word;
    }
    None
}

/// What stands between the word for a password and the password itself.
const CONNECTIVES: &[&str] = &[
    "is", "was", "to", "as", "ist", "lautet", "war", "est", "es", "era", "é", "è", "e'", "är",
    "je", "on", "là", "=", ":", "—", "-", "->", "adalah", "olarak",
];

/// The same of a password, "my password for the host is …": the match is the word for it and what parts it from the next.
pub(super) fn told_password(m: Match) -> Option<Range<usize>> {
    let mut end = m.text.len().min(m.end + 72);
    while !m.text.is_char_boundary(end) {
        end -= 1;
    }
    if m.value().trim_end().ends_with([':', '=']) {
        return told_at(m.text, m.end);
    }
    let rest = &m.text[m.end..end];
    let rest = &rest[..rest
        .find(['\n', '.', ';', '?', '!'])
        .map_or(rest.len(), |at| (at + 1).min(rest.len()))];
    let mut from = 0;
    for word in rest.split_inclusive(char::is_whitespace).take(8) {
        from += word.len();
        let bare = word.trim_end();
        let connects =
            bare.ends_with([':', '：', '=']) || CONNECTIVES.contains(&bare.to_lowercase().as_str());
        if connects {
            return told_at(m.text, m.end + from);
        }
        if bare.is_empty() || bare.ends_with([',', ')']) {
            continue;
        }
    }
    None
}

/// The same in scripts without spaces: the match ends with what says "is".
pub(super) fn told_password_here(m: Match) -> Option<Range<usize>> {
    told_at(m.text, m.end)
}

fn told_at(text: &str, from: usize) -> Option<Range<usize>> {
    let from = from
        + text[from..]
            .bytes()
            .take(4)
            .take_while(|b| *b == b' ')
            .count();
    let mut value = value_at(text, from)?;
    if !value.quoted {
        // What follows in scripts that write no space is not part of it.
        let foreign = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}');
        value.text = value.text.split(foreign).next()?.trim_end_matches('.');
    }
    is_password(&value, false).then(|| value.start..value.start + value.text.len())
}

/// Behind an option of a command: `--password …`, `-p…`.
pub(super) fn flag_password(m: Match) -> Option<Range<usize>> {
    let value = value_at(m.text, m.end)?;
    let fine = is_password(&value, true) && !value.text.starts_with('-');
    fine.then(|| value.start..value.start + value.text.len())
}

/// The match is a command that takes a password, `mysql` or `redis-cli`: looks for the option in the rest of its line.
pub(super) fn command_password(m: Match) -> Option<Range<usize>> {
    let mut end = m.text.len().min(m.end + 240);
    while !m.text.is_char_boundary(end) {
        end -= 1;
    }
    let line = m.text[m.end..end].lines().next()?;
    let line = &line[..line.find(['|', ';', '<', '>', '`']).unwrap_or(line.len())];
    let glued = !m.value().contains("redis") && !m.value().contains("ldap");
    let options: &[&str] = match m.value() {
        _ if glued => &[" -p"],
        it if it.contains("redis") => &[" -a ", " --pass "],
        _ => &[" -w "],
    };
    let at = options
        .iter()
        .find_map(|option| line.find(option).map(|at| at + option.len()))?;
    flag_password(Match {
        start: m.end + at,
        end: m.end + at,
        ..m
    })
}

/// A line of `.pgpass`; the match is `:5432:database:user:` of it.
pub(super) fn pgpass(m: Match) -> Option<Range<usize>> {
    let host = m.before().rsplit(['\n', '"']).next()?;
    let fine = !host.is_empty()
        && host.len() <= 64
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'*' | b'_'));
    let value = value_at(m.text, m.end)?;
    let shown = is_reference(value.text) || is_said_for_show(value.text);
    (fine && value.text.len() >= 4 && !shown && !value.text.contains(':'))
        .then(|| value.start..value.start + value.text.len())
}
