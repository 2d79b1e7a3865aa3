use super::*;

fn found<'a>(check: &str, text: &'a str, mark: &str) -> Option<&'a str> {
    let start = text.find(mark).expect("the mark is in the text");
    let (_, check) = CHECKS
        .iter()
        .chain(vendor::CHECKS)
        .find(|(name, _)| *name == check)
        .expect("a check");
    check(Match {
        text,
        start,
        end: start + mark.len(),
    })
    .map(|range| &text[range])
}

#[test]
fn a_token_is_read_to_its_end_and_not_within_a_word() {
    assert_eq!(
        found("token", "a abc_q8Zr2LwT0vXk5YbN, b", "abc_q8Zr"),
        Some("abc_q8Zr2LwT0vXk5YbN")
    );
    assert_eq!(found("token", "zabc_q8Zr2LwT0vXk5YbN", "abc_q8Zr"), None);
    assert_eq!(
        found("token", r"\nabc_q8Zr2LwT0vXk5YbN", "abc_q8Zr"),
        Some("abc_q8Zr2LwT0vXk5YbN")
    );
    assert_eq!(
        found("token", "abc_transfer_of_the_model", "abc_tran"),
        None
    );
}

#[test]
fn a_right_checksum_settles_the_matter() {
    // CRC-32 of 30 times `a` in base 62, computed with zlib.
    let crc = crc32(b"123456789");
    assert_eq!(crc, 0xCBF4_3926);
    assert!(!has_checksum("abc_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa000000"));
}

#[test]
fn a_jwt_needs_a_header_with_an_algorithm() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJub2JvZHkiOnRydWV9.c2lnbmF0dXJl";
    assert_eq!(
        found("jwt", &format!("({token})."), "eyJhbGci"),
        Some(token)
    );
    assert_eq!(
        found(
            "jwt",
            "eyJub2JvZHkiOnRydWV9.eyJub2JvZHkiOnRydWV9.c2ln",
            "eyJub2Jv"
        ),
        None
    );
}

#[test]
fn the_password_of_an_address_ends_with_the_last_at_of_its_authority() {
    assert_eq!(
        found("url_password", "x://u:p@ss!w@host/db", "x://u:"),
        Some("p@ss!w")
    );
    assert_eq!(
        found("url_password", "http://host:8080/@scope/x", "http://host:"),
        None
    );
    assert_eq!(
        found("url_password", "x://u:${PASSWORD}@host", "x://u:"),
        None
    );
}

#[test]
fn a_pem_block_is_found_whole_even_with_escapes() {
    let block = "-----BEGIN PRIVATE KEY-----\\nq3Wl8vZ0bT7xN1RrYc5mDdPzEoHqJtUuXa2KfLbGw\\n-----END PRIVATE KEY-----";
    assert_eq!(
        found(
            "pem",
            &format!("\"{block}\\n\""),
            "-----BEGIN PRIVATE KEY-----"
        ),
        Some(block)
    );
    assert_eq!(
        found(
            "pem",
            "look for -----BEGIN PRIVATE KEY----- in it",
            "-----BEGIN PRIVATE KEY-----"
        ),
        None
    );
}

#[test]
fn what_is_assigned_is_read_in_many_syntaxes() {
    for text in [
        "tok_token = \"q8Zr2LwT0vXk5YbN\"",
        "tok_token: &str = \"q8Zr2LwT0vXk5YbN\";",
        "{\\\"tok_token\\\": \\\"q8Zr2LwT0vXk5YbN\\\"}",
        "'tok_token' => 'q8Zr2LwT0vXk5YbN',",
        "<tok_token>q8Zr2LwT0vXk5YbN</tok_token>",
        "- name: tok_token\n  value: q8Zr2LwT0vXk5YbN\n",
        "ENV[\"tok_token\"] ||= 'q8Zr2LwT0vXk5YbN'",
        "tok_token { get; } = \"q8Zr2LwT0vXk5YbN\";",
        "?tok_token=q8Zr2LwT0vXk5YbN&x=1",
    ] {
        assert_eq!(
            found("assigned_secret", text, "token"),
            Some("q8Zr2LwT0vXk5YbN"),
            "{text}"
        );
    }
}

#[test]
fn references_types_and_labels_are_no_passwords() {
    for text in [
        "password: str = None",
        "password = os.environ['X']",
        "password: required",
        "password=$PASSWORD",
        "password: ${{ secrets.X }}",
        "password == $_POST['x']",
        "password: ********",
        "password\n\nReset it",
        "password = self.password",
        "password: <your password>",
    ] {
        assert_eq!(found("assigned_password", text, "password"), None, "{text}");
    }
}

#[test]
fn no_check_panics_at_the_borders_of_characters() {
    let text = "pässwörd: ключ=「密码」 -----é…🦀token=\u{2060}🦀";
    let places: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    for (name, check) in CHECKS.iter().chain(vendor::CHECKS) {
        for (n, start) in places.iter().enumerate() {
            for end in &places[n..] {
                let range = check(Match {
                    text,
                    start: *start,
                    end: *end,
                });
                assert!(range.is_none_or(|r| text.get(r).is_some()), "{name}");
            }
        }
    }
}
