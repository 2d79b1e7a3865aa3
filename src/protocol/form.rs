//! Forms with files (multipart/form-data), as far as their short fields are wanted: the files are passed over.

use std::ops::Range;

use memchr::memmem;

/// Fields beyond this number are not looked at.
const MOST_FIELDS: usize = 64;

/// The names of a form's fields and the places of their values, without the fields that are files.
///
/// `None` if it is no such form. RFC 7578, RFC 2046 section 5.1.
pub fn fields(content_type: &str, body: &[u8]) -> Option<Vec<(String, Range<usize>)>> {
    let delimiter = format!("--{}", boundary(content_type)?);
    let finder = memmem::Finder::new(delimiter.as_bytes());
    let mut fields = Vec::new();
    let mut at = finder.find(body)? + delimiter.len();
    while let Some(rest) = body.get(at..) {
        // Behind the last delimiter stand two more dashes.
        if rest.starts_with(b"--") || fields.len() >= MOST_FIELDS {
            break;
        }
        let Some(next) = finder.find(rest) else {
            break;
        };
        if let Some((name, value)) = field(&rest[..next]) {
            fields.push((name, at + value.start..at + value.end));
        }
        at += next + delimiter.len();
    }
    Some(fields)
}

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary")
            .then(|| value.trim_matches('"'))
    })?;
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// The name and the place of the value of one part, which begins behind its delimiter; `None` for files.
fn field(part: &[u8]) -> Option<(String, Range<usize>)> {
    let end = memmem::find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(part.get(..end)?).ok()?;
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let mut name = None;
    for parameter in disposition.split(';') {
        let Some((key, value)) = parameter.trim().split_once('=') else {
            continue;
        };
        if key.to_ascii_lowercase().starts_with("filename") {
            return None;
        }
        if key.eq_ignore_ascii_case("name") {
            name = Some(value.trim_matches('"').to_owned());
        }
    }
    // The line break before the next delimiter belongs to that.
    let value = part.strip_suffix(b"\r\n")?;
    Some((name?, end + 4..value.len().max(end + 4)))
}

#[cfg(test)]
#[path = "../../fuzz/invariants/form.rs"]
mod invariants;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"xyz\"";

    fn form() -> Vec<u8> {
        b"preamble\r\n--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
          --xyz\r\ncontent-disposition: form-data; name=file; filename=\"a;b.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\
          \x00\xff--xy\r\n--xyz\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\n\r\n--xyz--\r\n"
            .to_vec()
    }

    #[test]
    fn short_fields_are_found_and_files_passed_over() {
        let body = form();
        let found: Vec<_> = fields(TYPE, &body)
            .unwrap()
            .into_iter()
            .map(|(name, at)| (name, String::from_utf8_lossy(&body[at]).into_owned()))
            .collect();
        assert_eq!(
            found,
            [
                ("model".to_owned(), "whisper-1".to_owned()),
                ("stream".to_owned(), String::new())
            ]
        );
    }

    proptest! {
        #[test]
        fn places_hold_for_any_bytes(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("--x".to_owned()), Just("\r\n".to_owned()), Just("\r\n\r\n".to_owned()),
                    Just("content-disposition: form-data; name=\"model\"".to_owned()),
                    Just("; filename=a".to_owned()), ".{0,4}",
                ],
                0..24,
            )
        ) {
            invariants::check(pieces.concat().as_bytes());
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        assert_eq!(fields("application/json", b"{}"), None);
        assert_eq!(fields("multipart/form-data", b""), None);
        assert_eq!(fields(TYPE, b"nothing here"), None);
    }

    #[test]
    fn a_form_that_is_cut_anywhere_is_no_danger() {
        let body = form();
        for end in 0..body.len() {
            for (_, at) in fields(TYPE, &body[..end]).unwrap_or_default() {
                assert!(at.start <= at.end && at.end <= end);
            }
        }
    }
}
