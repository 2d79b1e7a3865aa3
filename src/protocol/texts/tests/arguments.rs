//! Arguments in fragments.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Every string and number: what it is, what it says, and whether it ended.
fn read(fragments: &[&str]) -> BTreeMap<u32, (Leaf, String, bool)> {
    let mut arguments = ArgumentText::new();
    let mut leaves = BTreeMap::new();
    let whole = fragments.concat();
    let mut before = 0;
    for fragment in fragments {
        arguments.push(fragment, |piece| {
            let (_, text, ended) =
                leaves
                    .entry(piece.number)
                    .or_insert((piece.leaf, String::new(), false));
            assert!(!*ended);
            piece.text.push_to(text);
            *ended = piece.end;
            // The places are those in the whole text, in order.
            assert!(piece.range().start >= before && piece.range().end <= whole.len());
            before = piece.range().end;
            if let Said::Plain(plain) = piece.text
                && !piece.end
            {
                assert_eq!(plain, &whole[piece.range()]);
            }
        });
    }
    assert_eq!(arguments.len(), whole.len());
    leaves
}

#[test]
fn strings_keys_and_numbers_are_told_apart() {
    let text = r#"{"to" : ["Ann \"A\" \u00e9\ud83d\ude00", 4111], "deep":{"k":{}, "n":-1.5e3}, "x":[{"y":"z"},"w"]}"#;
    let leaves: Vec<(Leaf, String)> = read(&[text])
        .into_values()
        .map(|(leaf, text, ended)| {
            assert!(ended);
            (leaf, text)
        })
        .collect();
    let expected = [
        (Leaf::Key, "to"),
        (Leaf::Value, "Ann \"A\" é😀"),
        (Leaf::Number, "4111"),
        (Leaf::Key, "deep"),
        (Leaf::Key, "k"),
        (Leaf::Key, "n"),
        (Leaf::Number, "-1.5e3"),
        (Leaf::Key, "x"),
        (Leaf::Key, "y"),
        (Leaf::Value, "z"),
        (Leaf::Value, "w"),
    ];
    assert_eq!(leaves, expected.map(|(leaf, text)| (leaf, text.to_owned())));
    for cut in text.char_indices().map(|(at, _)| at) {
        assert_eq!(read(&[&text[..cut], &text[cut..]]), read(&[text]));
    }
}

#[test]
fn a_fragment_may_end_within_an_escape() {
    let mut arguments = ArgumentText::new();
    let push = |arguments: &mut ArgumentText, text| arguments.push(text, |_| {});
    push(&mut arguments, r#"{"a":"b"#);
    assert!(arguments.is_in_text() && !arguments.is_in_escape());
    push(&mut arguments, r"\u00");
    assert!(!arguments.is_in_text() && arguments.is_in_escape());
    push(&mut arguments, "e9");
    assert!(arguments.is_in_text());
    push(&mut arguments, "\"}");
    assert!(!arguments.is_in_text() && !arguments.is_in_escape());
}

#[test]
fn what_is_no_json_is_read_as_far_as_it_goes() {
    for text in [
        "",
        "{",
        "\"",
        "\\",
        "\"\\",
        "\"\\u",
        "\"\\u12",
        "\"\\ud83d",
        "\"\\ud83d\\",
        "\"\\ud83d\\u",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\u0041\"",
        "\"\\é\"",
        "\"\\x\"",
        "}}]]",
        "{]",
        "\"\\uzzzz\"",
        "1é",
        "\"\\u12é\"",
    ] {
        let whole = read(&[text]);
        for cut in text.char_indices().map(|(at, _)| at) {
            assert_eq!(read(&[&text[..cut], &text[cut..]]), whole, "{text}");
        }
    }
    let deep = "[{\"a\":".repeat(5000);
    assert_eq!(read(&[&deep]).len(), 5000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// As a guard does it: a finding in what the string says becomes an edit of the fragments.
    #[test]
    fn a_finding_in_a_string_is_replaced_in_its_fragments(
        said in "[a\"\\\\\n\té😀\u{1}0-9]{1,20}",
        ascii in any::<bool>(),
        size in 1..6_usize,
        (from, to) in (any::<Index>(), any::<Index>()),
        forgotten in any::<Index>(),
        with in any::<String>(),
    ) {
        let mut whole = serde_json::json!({ "key": [1, said] }).to_string();
        if ascii {
            let units = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")).collect::<String>();
            whole = whole.chars().map(|c| if c.is_ascii() { c.to_string() } else { units(c) }).collect();
        }
        let mut arguments = ArgumentText::new();
        let mut leaf = LeafText::new();
        let chars: Vec<char> = whole.chars().collect();
        for fragment in chars.chunks(size) {
            let fragment: String = fragment.iter().collect();
            arguments.push(&fragment, |piece| {
                if piece.leaf == Leaf::Value {
                    leaf.push(&piece);
                }
            });
        }
        prop_assert_eq!(leaf.text(), &said);
        let borders: Vec<usize> = said.char_indices().map(|(at, _)| at).chain([said.len()]).collect();
        let pick = |index: Index| borders[index.index(borders.len())];
        let (from, to) = (pick(from).min(pick(to)), pick(from).max(pick(to)));
        let forgotten = pick(forgotten).min(from);
        leaf.forget(forgotten);
        prop_assert_eq!(leaf.text(), &said[forgotten..]);
        let raw = leaf.raw(from - forgotten..to - forgotten);
        if from < to {
            whole.replace_range(raw, &escape(&with));
            let mut expected = said.clone();
            expected.replace_range(from..to, &with);
            let now: serde_json::Value = serde_json::from_str(&whole).unwrap();
            prop_assert_eq!(now["key"][1].as_str(), Some(&*expected));
        }
    }

    #[test]
    fn fragments_say_what_the_whole_says(text in "[\\[\\]{}:,\"\\\\u0-9a-fnd8é😀 .-]{0,60}", cuts in prop::collection::vec(any::<Index>(), 0..8)) {
        let borders: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| borders[cut.index(borders.len())]).collect();
        cuts.sort_unstable();
        let mut fragments = Vec::new();
        let mut at = 0;
        for cut in cuts.into_iter().chain([text.len()]) {
            fragments.push(&text[at..cut]);
            at = cut;
        }
        prop_assert_eq!(read(&fragments), read(&[&text]));
    }

    #[test]
    fn strings_are_those_that_serde_json_reads(said in any::<String>(), other in any::<String>()) {
        let text = serde_json::json!({ &said: [other] }).to_string();
        let leaves: Vec<(Leaf, String)> = read(&[&text]).into_values().map(|(leaf, text, _)| (leaf, text)).collect();
        let expected = vec![(Leaf::Key, said.clone()), (Leaf::Value, other.clone())];
        // Strings that say nothing are told by their end only.
        prop_assert_eq!(leaves, expected);
        let written = format!("\"{}\"", escape(&said));
        prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), said);
    }
}
