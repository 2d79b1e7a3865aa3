//! E-mail addresses, and what looks like them: packages of npm, remotes of git, logins of SSH, names of images.

use std::ops::Range;

use super::{Confirm, Match, near};

/// The checks of this file.
pub const CHECKS: &[(&str, Confirm)] = &[("email", email), ("email_in_words", email_in_words)];

/// What ends names of files and methods, not of hosts.
const NOT_TOP: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "ico", "tiff", "avif", "heic", "css",
    "scss", "js", "jsx", "mjs", "ts", "tsx", "vue", "json", "html", "htm", "xml", "yaml", "yml",
    "toml", "txt", "pdf", "csv", "log", "lock", "tgz", "gz", "exe", "dll", "jar", "class", "java",
    "cpp", "hpp", "rb", "rs", "go", "service", "socket", "timer", "mount", "target",
];
// `.zip`, `.mov`, `.md`, `.py`, `.sh` and `.pl` end names of hosts, too.

/// An address (RFC 5321, RFC 6531), cut to what belongs to it.
fn email(found: Match) -> Option<Range<usize>> {
    let at = found.start + found.value().find('@')?;
    let (start, end) = (
        local_start(found.text, found.start, at)?,
        host_end(found.text, at + 1, found.end)?,
    );
    let text = found.text;
    let (local, host) = (&text[start..at], &text[at + 1..end]);
    let top = host.rsplit('.').next()?;
    if NOT_TOP.iter().any(|name| top.eq_ignore_ascii_case(name))
        || local.len() > 64
        || host.len() > 253
    {
        return None;
    }
    // Versions: pkg@1.2.3-beta.rc.
    let mut labels = host.split('.');
    let numbers = labels
        .by_ref()
        .take_while(|label| label.starts_with(|c: char| c.is_ascii_digit()))
        .count();
    if numbers > 1 {
        return None;
    }
    let before = &text[..start];
    let after = &text[end..];
    if before.ends_with(['@', '/', '\\', '$', '#', '~', ':'])
        && !before.ends_with("mailto:")
        && !ends_sentence(before)
    {
        return None;
    }
    if in_authority(before) || is_login(before, local, after) || is_message_id(before) {
        return None;
    }
    Some(start..end)
}

/// Whether what stands before can end in a colon or slash that does not belong to an address: `E-mail:a@b.example`.
fn ends_sentence(before: &str) -> bool {
    let mark = before.as_bytes()[before.len() - 1];
    match mark {
        b':' => !before.ends_with("::"),
        b'/' => !before.ends_with("//"),
        b'\\' => true,
        _ => false,
    }
}

/// Where the part before the `@` begins.
fn local_start(text: &str, from: usize, at: usize) -> Option<usize> {
    let local = &text[from..at];
    let ascii = local.bytes().any(|b| b.is_ascii_alphanumeric());
    let mut start = at;
    for (place, c) in local.char_indices().rev() {
        let belongs = match c {
            _ if c.is_ascii_alphanumeric() => true,
            '.' | '_' | '%' | '+' | '-' | '\'' | '&' | '=' => true,
            _ if c.is_ascii() => false,
            // Of scripts without spaces a sentence may stand before.
            _ => c.is_alphabetic() && (has_case(c) || !ascii),
        };
        if !belongs {
            break;
        }
        start = from + place;
    }
    // Dots and quotes around it belong to the sentence; so does `email=`.
    let mut local = &text[start..at];
    if let Some(equals) = local.rfind('=') {
        local = &local[equals + 1..];
    }
    local = local.trim_start_matches(['.', '\'', '-', '&', '%', '+']);
    // A query or form: %20 or %3C before.
    while let Some(rest) = local
        .strip_prefix("20")
        .or_else(|| local.strip_prefix("3C"))
        .filter(|_| text[..at - local.len()].ends_with('%'))
    {
        local = rest;
    }
    (!local.is_empty() && !local.ends_with('.') && !local.contains("..")).then(|| at - local.len())
}

/// Where the host ends.
fn host_end(text: &str, from: usize, to: usize) -> Option<usize> {
    let host = &text[from..to];
    let ascii = host
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let mut end = host.len();
    for (place, c) in host.char_indices() {
        let belongs = c.is_ascii_alphanumeric()
            || matches!(c, '.' | '-')
            || !c.is_ascii() && c.is_alphabetic() && (has_case(c) || !ascii);
        if !belongs {
            end = place;
            break;
        }
    }
    let host = host[..end].trim_end_matches(['.', '-']);
    let (rest, top) = host.rsplit_once('.')?;
    let letters = top.chars().all(char::is_alphabetic) && top.chars().count() >= 2;
    let puny = top.len() > 4 && top.as_bytes()[..4].eq_ignore_ascii_case(b"xn--");
    let labels = rest
        .split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    ((letters || puny) && labels).then_some(from + host.len())
}

fn has_case(letter: char) -> bool {
    letter.is_lowercase() || letter.is_uppercase()
}

/// Whether the address is the user and host of a URL.
fn in_authority(before: &str) -> bool {
    let from = before
        .char_indices()
        .rev()
        .take(256)
        .last()
        .map_or(0, |(at, _)| at);
    let part = &before[from..];
    let Some(scheme) = part.rfind("://") else {
        return false;
    };
    !part[scheme + 3..].contains(|c: char| {
        c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | ',' | '<' | '>')
    })
}

/// Commands that take a login.
const SHELLS: &[&str] = &["ssh", "scp", "sftp", "rsync", "mosh", "ssh-copy-id"];

/// Whether it is a login: `git@host:path`, `ssh user@host`, `user@host:~$`.
fn is_login(before: &str, local: &str, after: &str) -> bool {
    let path = after.strip_prefix(':').is_some_and(|path| {
        let word = path
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ')'))
            .next()
            .unwrap_or_default();
        word.starts_with('~') || word.contains('/') || word.ends_with(".git")
    });
    let line = near::before(before, before.len(), 80)
        .rsplit('\n')
        .next()
        .unwrap_or_default();
    let shell = line.ends_with(' ') && {
        let mut words = line
            .split_whitespace()
            .rev()
            .skip_while(|word| !SHELLS.contains(word));
        // Between the command and the login there are options, each with a value at most.
        words.next().is_some_and(|command| {
            let options: Vec<&str> = line
                .rsplit(command)
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            options.chunks(2).all(|option| option[0].starts_with('-'))
                || options.len() == 1 && options[0].contains(['.', '/'])
        })
    };
    path || shell
        || local == "git"
            && !after.starts_with(' ')
            && !after.is_empty()
            && after.starts_with([':', '/'])
        || after.starts_with('(') && after[1..].starts_with([')', '\'', '"'])
}

/// Whether it is the id of a message and no address of a person (RFC 5322, 3.6.4).
fn is_message_id(before: &str) -> bool {
    let Some(before) = before.strip_suffix('<') else {
        return false;
    };
    let line = before.rsplit('\n').next().unwrap_or_default();
    let head = line.split(':').next().unwrap_or_default();
    ["message-id", "in-reply-to", "references", "content-id"]
        .iter()
        .any(|name| head.trim().eq_ignore_ascii_case(name))
}

/// Words that stand before "at" in sentences: `look at example dot com`.
const NOT_NAMES: &[&str] = &[
    "look",
    "looking",
    "looked",
    "visit",
    "available",
    "shop",
    "online",
    "is",
    "are",
    "was",
    "be",
    "us",
    "me",
    "it",
    "them",
    "him",
    "her",
    "you",
    "site",
    "website",
    "page",
    "find",
    "found",
    "see",
    "buy",
    "bought",
    "sold",
    "order",
    "ordered",
    "work",
    "works",
    "working",
    "worked",
    "engineer",
    "developer",
    "manager",
    "job",
    "here",
    "there",
    "live",
    "more",
    "and",
    "or",
    "based",
    "hosted",
    "hosting",
    "learn",
    "read",
    "information",
    "details",
    "account",
    "store",
    "people",
    "team",
    "meet",
    "meeting",
    "go",
    "back",
    "out",
    "over",
    "up",
    "down",
    "join",
];

/// What ends names of hosts that people dictate; "the dot product" does not.
const TOP: &[&str] = &[
    "com", "org", "net", "edu", "gov", "info", "io", "co", "ai", "app", "dev", "me", "biz", "uk",
    "de", "fr", "es", "it", "nl", "pl", "pt", "br", "at", "ch", "eu", "us", "ca", "au", "in", "jp",
    "cn", "ru", "se", "no", "dk", "fi", "ie", "nz", "za", "mx", "ar", "cl", "be", "gr", "cz", "hu",
    "ro", "tr", "kr", "sg", "example", "test", "invalid",
];

/// An address in words: `name at host dot com`, `name [at] host [dot] com`.
fn email_in_words(found: Match) -> Option<Range<usize>> {
    // Where the pattern begins with the last letter of the name.
    let short = found.value().as_bytes().get(1) == Some(&b'@');
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    let start = if short {
        found.before().trim_end_matches(name).len()
    } else {
        found.start
    };
    let found = Match { start, ..found };
    let text = found.value();
    let name = text
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')))
        .next()?;
    let plain = !text.contains(['[', '(', '{', '<', '_']);
    if plain && NOT_NAMES.iter().any(|word| name.eq_ignore_ascii_case(word)) {
        return None;
    }
    // Part of something longer, such as an address that is written as usual.
    let beside = found
        .before()
        .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '_'));
    let top = text.rsplit(|c: char| !c.is_alphanumeric()).next()?;
    let host = !plain || TOP.iter().any(|name| top.eq_ignore_ascii_case(name));
    (host && !beside && !found.after().starts_with('@')).then_some(found.start..found.end)
}
