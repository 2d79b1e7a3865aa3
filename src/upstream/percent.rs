//! Percent-encoding of all but the unreserved characters, which is right in a path, in a query and in a form.

/// Encodes a text so that it is one path segment, or one name or value of a form: only the unreserved
/// characters stay as they are (<https://www.rfc-editor.org/rfc/rfc3986#section-2.3>).
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                encoded.push('%');
                encoded.push(hex_digit(byte >> 4));
                encoded.push(hex_digit(byte & 0xF));
            }
        }
    }
    encoded
}

/// Upper case, as AWS signs it and RFC 3986 prefers it.
fn hex_digit(nibble: u8) -> char {
    char::from(match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + (nibble - 10),
    })
}

/// Writes the body of a form (`application/x-www-form-urlencoded`).
pub fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter();
    let written: Vec<String> = pairs
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    written.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("aZ09-._~"), "aZ09-._~");
        assert_eq!(encode("a b+c/d:e%f&g=h"), "a%20b%2Bc%2Fd%3Ae%25f%26g%3Dh");
        assert_eq!(encode("é\n\u{7f}"), "%C3%A9%0A%7F");
        assert_eq!(encode(""), "");
    }

    #[test]
    fn a_form_keeps_its_order_and_escapes_names_and_values() {
        let pairs = [("scope", "https://a/b c"), ("x&y", "1=2")];
        assert_eq!(form(&pairs), "scope=https%3A%2F%2Fa%2Fb%20c&x%26y=1%3D2");
        assert_eq!(form(&[]), "");
    }
}
