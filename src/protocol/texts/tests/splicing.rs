//! Replacements against what serde_json reads.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// A text as somebody may spell it: with escapes that need not be.
fn spelled(text: &str, how: &[u8]) -> String {
    let mut out = String::new();
    for (at, char) in text.chars().enumerate() {
        let how = how.get(at % how.len().max(1)).copied().unwrap_or(0);
        match (char, how % 4) {
            ('"' | '\\', 0..3) => out.extend(['\\', char]),
            ('/', 1) => out.push_str("\\/"),
            ('\n', 0) => out.push_str("\\n"),
            ('\t', 0) => out.push_str("\\t"),
            ('\u{8}', 0) => out.push_str("\\b"),
            ('"' | '\\' | '\0'..'\u{20}', _) | (_, 3) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let hex = if how % 8 < 4 {
                        format!("\\u{unit:04x}")
                    } else {
                        format!("\\u{unit:04X}")
                    };
                    out.push_str(&hex);
                }
            }
            _ => out.push(char),
        }
    }
    out
}

/// Ranges between characters, in order.
fn ranges(text: &str, cuts: &[Index]) -> Vec<Range<usize>> {
    let borders: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    let mut chosen: Vec<usize> = cuts
        .iter()
        .map(|cut| borders[cut.index(borders.len())])
        .collect();
    chosen.sort_unstable();
    chosen
        .chunks_exact(2)
        .map(|pair| pair[0]..pair[1])
        .collect()
}

fn replaced(text: &str, ranges: &[Range<usize>], with: &[String]) -> String {
    let mut out = text.to_owned();
    let pairs: Vec<_> = ranges.iter().zip(with.iter().cycle()).collect();
    for (range, with) in pairs.into_iter().rev() {
        out.replace_range(range.clone(), with);
    }
    out
}

/// Texts with what escaping is about in them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a\"\\\\/\n\té😀{}\u{1}u0-9]{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_string_changes_in_its_ranges_and_nowhere_else(
        said in text(),
        how in prop::collection::vec(any::<u8>(), 1..8),
        cuts in prop::collection::vec(any::<Index>(), 0..8),
        with in prop::collection::vec(text(), 1..4),
    ) {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, spelled(&said, &how));
        let document = parse(body.as_bytes());
        let places = of_request(Operation::Chat, &document).places;
        if said.is_empty() {
            prop_assert!(places.is_empty());
            return Ok(());
        }
        prop_assert_eq!(&places[0].value, &said);
        let ranges = ranges(&said, &cuts);
        let parts: Vec<(Range<usize>, String)> =
            ranges.iter().cloned().zip(with.iter().cloned().cycle()).collect();
        let changed = edits(&places, &[(0, parts.clone())]).apply(&Bytes::from(body.clone())).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&changed).unwrap();
        let now = value["messages"][0]["content"].as_str().unwrap();
        prop_assert_eq!(now, replaced(&said, &ranges, &with));
        // What was not replaced has its spelling.
        let mut kept = spelled_outside(&said, &how, &ranges);
        let changed = std::str::from_utf8(&changed).unwrap();
        let mut rest = changed;
        for piece in kept.drain(..) {
            let at = rest.find(&piece);
            prop_assert!(at.is_some(), "{} not in {}", piece, changed);
            rest = &rest[at.unwrap() + piece.len()..];
        }
    }

    #[test]
    fn arguments_stay_json_whatever_is_put_into_them(
        keys in prop::collection::vec(text(), 1..4),
        values in prop::collection::vec(text(), 1..4),
        inner in prop::collection::vec(any::<u8>(), 1..6),
        outer in prop::collection::vec(any::<u8>(), 1..6),
        cuts in prop::collection::vec(any::<Index>(), 2..6),
        with in prop::collection::vec(text(), 1..3),
    ) {
        let members: Vec<String> = keys
            .iter()
            .zip(values.iter().cycle())
            .enumerate()
            .map(|(at, (key, value))| {
                format!(r#""{at}{}" : ["{}",4111111111111111]"#, spelled(key, &inner), spelled(value, &inner))
            })
            .collect();
        let arguments = format!("{{ {} }}", members.join(" , "));
        let body = format!(
            r#"{{"messages":[{{"role":"assistant","tool_calls":[{{"function":{{"arguments":"{}"}}}}]}}]}}"#,
            spelled(&arguments, &outer)
        );
        let document = parse(body.as_bytes());
        let places = of_request(Operation::Chat, &document).places;
        let values_found: Vec<&str> = places
            .iter()
            .filter(|p| p.form == Form::Text)
            .map(|p| &*p.value)
            .collect();
        let expected: Vec<&str> = values
            .iter()
            .cycle()
            .take(keys.len())
            .map(String::as_str)
            .filter(|v| !v.is_empty())
            .collect();
        prop_assert_eq!(values_found, expected);
        let mut changes = Vec::new();
        for (at, place) in places.iter().enumerate().filter(|(_, place)| !place.is_key()) {
            let parts = ranges(&place.value, &cuts).into_iter().zip(with.iter().cloned().cycle());
            changes.push((at, parts.collect::<Vec<_>>()));
        }
        let changed = edits(&places, &changes).apply(&Bytes::from(body.clone())).unwrap();
        let now: serde_json::Value = serde_json::from_slice(&changed).unwrap();
        let text = now["messages"][0]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        let now: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&arguments).unwrap();
        for (_, list) in expected.as_object_mut().unwrap() {
            for leaf in list.as_array_mut().unwrap() {
                let said = leaf.as_str().map_or_else(|| leaf.to_string(), str::to_owned);
                if !said.is_empty() {
                    *leaf = replaced(&said, &ranges(&said, &cuts), &with).into();
                }
            }
        }
        prop_assert_eq!(now, expected);
    }

    #[test]
    fn files_in_base64_are_read_and_written(
        said in "[a-z \n.é]{1,60}",
        cuts in prop::collection::vec(any::<Index>(), 2..6),
        with in "[a-z?~>]{0,8}",
        address in any::<bool>(),
    ) {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let encoded = BASE64_STANDARD.encode(&said);
        let body = if address {
            format!(r#"{{"input":[{{"type":"input_file","file_data":"data:text\/plain;base64,{encoded}"}}]}}"#)
        } else {
            format!(r#"{{"input":[{{"type":"document","source":{{"media_type":"text/plain","data":"{encoded}"}}}}]}}"#)
        };
        let document = parse(body.as_bytes());
        let places = of_request(Operation::Responses, &document).places;
        prop_assert_eq!(places.len(), 1);
        prop_assert_eq!(&places[0].value, &said);
        let ranges = ranges(&said, &cuts);
        let parts = ranges.iter().cloned().map(|r| (r, with.clone())).collect();
        let changed = edits(&places, &[(0, parts)]).apply(&Bytes::from(body.clone())).unwrap();
        let document = parse(&changed);
        let now = of_request(Operation::Responses, &document).places;
        let expected = replaced(&said, &ranges, &[with]);
        let now = now.first().map(|place| place.value.to_string()).unwrap_or_default();
        prop_assert_eq!(now, expected);
    }
}

/// The spelling of what is between the ranges.
fn spelled_outside(text: &str, how: &[u8], ranges: &[Range<usize>]) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut next = 0;
    for (number, (at, char)) in text.char_indices().enumerate() {
        while ranges.get(next).is_some_and(|range| range.end <= at) {
            next += 1;
            pieces.push(String::new());
        }
        if ranges.get(next).is_some_and(|range| range.contains(&at)) {
            continue;
        }
        let how = [how[number % how.len()]];
        pieces
            .last_mut()
            .unwrap()
            .push_str(&spelled(char.encode_utf8(&mut [0; 4]), &how));
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[test]
fn ranges_that_cannot_be_are_left_as_they_are() {
    let body = r#"{"input":"aé\u00e9b"}"#;
    let document = parse(body.as_bytes());
    let places = of_request(Operation::Responses, &document).places;
    let parts = [
        (2..3, "x"),
        (Range { start: 4, end: 2 }, "y"),
        (3..9, "z"),
        (0..1, "A"),
        (0..1, "again"),
    ];
    assert_eq!(replacement(&places[0], &parts), "\"Aé\\u00e9b\"".as_bytes());
    assert_eq!(replacement(&places[0], &[]), "\"aé\\u00e9b\"".as_bytes());
}
