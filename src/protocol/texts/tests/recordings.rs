//! All of it on recorded traffic of real providers, where the recordings are at hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{
    super::{
        Operation, event_stream,
        json::{Document, Kind, Limits, Value},
        sse,
    },
    *,
};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/cassettes");

#[derive(Deserialize)]
struct Record<'a> {
    id: String,
    #[serde(borrow)]
    request: Request<'a>,
    #[serde(borrow)]
    response: Response<'a>,
    expect: Option<Expect>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status: u16,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    sse_text: Option<String>,
    body_base64: Option<String>,
}

#[derive(Deserialize)]
struct Expect {
    text_len: Option<usize>,
    #[serde(default)]
    tool_calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    arguments: serde_json::Value,
}

const FILES: [(&str, Operation); 14] = [
    ("anthropic.count_tokens", Operation::MessagesCountTokens),
    ("anthropic.messages", Operation::Messages),
    ("bedrock.converse-stream", Operation::ConverseStream),
    ("bedrock.converse", Operation::Converse),
    ("bedrock.count-tokens", Operation::ConverseCountTokens),
    ("bedrock.invoke", Operation::Invoke),
    ("cohere.chat.v2", Operation::CohereChat),
    ("cohere.embed.v2", Operation::CohereEmbed),
    ("gemini.embed", Operation::BatchEmbedContents),
    ("gemini.generate", Operation::Generate),
    ("gemini.stream", Operation::StreamGenerate),
    ("openai.chat", Operation::Chat),
    ("openai.embeddings", Operation::Embeddings),
    ("openai.responses", Operation::Responses),
];

fn folder() -> Option<String> {
    let named = std::env::var("SLUICEGATE_RECORDINGS").ok();
    let folder = named.unwrap_or_else(|| RECORDINGS.to_owned());
    if Path::new(&folder).is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no recordings in {folder}");
    None
}

/// Calls `each` with every record.
fn every(mut each: impl FnMut(&str, Operation, Record<'_>)) {
    let Some(folder) = folder() else {
        return;
    };
    for (name, operation) in FILES {
        let lines = fs::read_to_string(format!("{folder}/{name}.jsonl")).unwrap();
        for line in lines.lines() {
            each(name, operation, serde_json::from_str(line).unwrap());
        }
    }
}

fn parse(body: &[u8]) -> Document<'_> {
    Document::parse(body, Limits::default()).unwrap()
}

/// What holds for the places of any document.
fn check(body: &[u8], places: &[Place<'_>], again: &dyn Fn(&Document<'_>) -> Vec<(Form, String)>) {
    // Not for base64 over and over.
    let mut end = 0;
    for place in places {
        assert!(place.at.start >= end, "{place:?} overlaps");
        end = place.at.end;
        assert_eq!(&body[place.at.clone()], place.raw);
        assert_eq!(replacement(place, &[]), place.raw);
        let whole = 0..place.value.len();
        if place.form == Form::Text {
            let same = replacement(
                place,
                &[(whole.end..whole.end, ""), (whole.end..whole.end, "")],
            );
            assert_eq!(same, place.raw, "{place:?}");
        }
    }
    assert!(end <= body.len());

    let original = Bytes::copy_from_slice(body);
    let upper = |place: &Place<'_>| -> Vec<(Range<usize>, String)> {
        if matches!(
            place.form,
            Form::Number | Form::Key | Form::Base64(_) | Form::Percent(_)
        ) || place.spot == Spot::Url
            || place.spot == Spot::Unknown
        {
            return Vec::new();
        }
        place
            .value
            .char_indices()
            .filter(|(_, c)| c.is_lowercase())
            .map(|(at, c)| (at..at + c.len_utf8(), c.to_uppercase().collect()))
            .collect()
    };
    let changes: Vec<_> = (0..)
        .zip(places)
        .map(|(at, place)| (at, upper(place)))
        .collect();
    let changed = edits(places, &changes).apply(&original).unwrap();
    let document = parse(&changed);
    let now = again(&document);
    assert_eq!(now.len(), places.len());
    for (place, ((_, parts), now)) in places.iter().zip(changes.iter().zip(&now)) {
        let mut expected = place.value.to_string();
        for (range, text) in parts.iter().rev() {
            expected.replace_range(range.clone(), text);
        }
        assert_eq!((place.form, &expected), (now.0, &now.1));
    }
}

fn listed(places: &[Place<'_>]) -> Vec<(Form, String)> {
    places
        .iter()
        .map(|p| (p.form, p.value.to_string()))
        .collect()
}

/// Strings of more than 20 characters with a space that no place has, by their keys.
fn missed(
    value: Value<'_>,
    key: &str,
    places: &[Place<'_>],
    missed: &mut BTreeMap<String, (usize, String)>,
) {
    match value.kind() {
        Kind::String => {
            let text = value.as_str().unwrap();
            let at = value.range();
            let found = places.partition_point(|p| p.at.start < at.start);
            let is_there = places.get(found).is_some_and(|p| p.at.end <= at.end);
            if !is_there && text.chars().count() > 20 && text.contains(' ') {
                let entry = missed
                    .entry(key.to_owned())
                    .or_insert((0, text.chars().take(80).collect()));
                entry.0 += 1;
            }
        }
        Kind::Array => value
            .elements()
            .for_each(|v| self::missed(v, key, places, missed)),
        Kind::Object => value
            .members()
            .for_each(|m| self::missed(m.value, &m.key, places, missed)),
        _ => {}
    }
}

#[test]
fn no_text_of_a_recorded_request_or_answer_is_missed() {
    let (mut requests, mut answers, mut count) = (BTreeMap::new(), BTreeMap::new(), 0);
    let mut spots: BTreeMap<(bool, Spot, String), usize> = BTreeMap::new();
    every(|_, operation, record| {
        for (body, is_request) in [(record.request.body, true), (record.response.body, false)] {
            let Some(body) = body else { continue };
            let document = parse(body.get().as_bytes());
            let texts = if is_request {
                of_request(operation, &document)
            } else {
                of_answer(operation, &document)
            };
            count += 1;
            let list = if is_request {
                &mut requests
            } else {
                &mut answers
            };
            missed(document.root(), "", &texts.places, list);
            for place in &texts.places {
                let role = format!("{:?}", place.role);
                if std::env::var("SHOW").is_ok()
                    && (place.spot == Spot::Unknown || matches!(place.form, Form::Key))
                {
                    eprintln!(
                        "SHOW {is_request} {:?} {:?} {} = {:.60}",
                        place.role,
                        place.form,
                        path(&document, place),
                        place.value
                    );
                }
                *spots.entry((is_request, place.spot, role)).or_default() += 1;
                assert_ne!(path(&document, place), "", "{place:?}");
            }
        }
    });
    eprintln!("{count} bodies; {spots:?}");
    eprintln!("requests, not read: {requests:#?}");
    eprintln!("answers, not read: {answers:#?}");
    assert!(requests.is_empty(), "{requests:?}");
    assert!(
        answers
            .keys()
            .all(|key| ["token", "signature"].contains(&key.as_str())),
        "{answers:?}"
    );
}

#[test]
fn what_is_not_changed_in_recordings_stays_and_what_is_changed_is_json() {
    every(|_, operation, record| {
        for (body, is_request) in [(record.request.body, true), (record.response.body, false)] {
            let Some(body) = body else { continue };
            let read = |document: &Document<'_>| {
                let texts = if is_request {
                    of_request(operation, document)
                } else {
                    of_answer(operation, document)
                };
                listed(&texts.places)
            };
            let body = body.get().as_bytes();
            let document = parse(body);
            let texts = if is_request {
                of_request(operation, &document)
            } else {
                of_answer(operation, &document)
            };
            check(body, &texts.places, &read);
            // The same document written with as many escapes as JSON has.
            let ascii = escaped(body);
            let document = parse(&ascii);
            let again = if is_request {
                of_request(operation, &document)
            } else {
                of_answer(operation, &document)
            };
            assert_eq!(
                listed(&texts.places),
                listed(&again.places),
                "{}",
                record.id
            );
            check(&ascii, &again.places, &read);
        }
    });
}

/// The document with every letter `a` and every character beyond ASCII escaped.
fn escaped(body: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(body).unwrap();
    let mut out = String::new();
    let mut inside = false;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                inside = !inside;
                out.push(char);
            }
            '\\' => {
                out.push(char);
                let kind = chars.next();
                out.extend(kind);
                if kind == Some('u') {
                    out.extend(chars.by_ref().take(4));
                }
            }
            'a' | '{' | '\u{80}'.. if inside => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            }
            _ => out.push(char),
        }
    }
    out.into_bytes()
}

#[test]
fn deltas_of_recorded_streams_join_to_what_the_streams_repeat() {
    let (mut streams, mut repeated, mut told, mut events) = (0, 0, 0, 0);
    every(|name, operation, record| {
        let frames = frames(&record.response);
        if frames.is_empty() || record.response.status >= 400 {
            return;
        }
        streams += 1;
        let mut joined: BTreeMap<Channel, String> = BTreeMap::new();
        let mut wholes: BTreeMap<Channel, BTreeSet<Vec<String>>> = BTreeMap::new();
        let mut ended: BTreeSet<Channel> = BTreeSet::new();
        let mut calls = Vec::new();
        for (event, data) in &frames {
            let Ok(document) = Document::parse(data, Limits::default()) else {
                continue; // [DONE]
            };
            events += 1;
            let event = Some(event.as_str());
            let found = of_event(operation, event, &document);
            let read = |document: &Document<'_>| listed(&all(of_event(operation, event, document)));
            check(data, &all(found.clone()), &read);
            let mut left = BTreeMap::new();
            missed(document.root(), "", &all(found.clone()), &mut left);
            assert!(left.keys().all(|key| key == "signature"), "{left:?}");
            for delta in &found.deltas {
                assert!(!ended.contains(&delta.channel), "{} {delta:?}", record.id);
                joined
                    .entry(delta.channel)
                    .or_default()
                    .push_str(&delta.place.value);
            }
            let mut here: BTreeMap<Channel, Vec<String>> = BTreeMap::new();
            for (channel, place) in &found.whole {
                here.entry(*channel)
                    .or_default()
                    .push(place.value.to_string());
            }
            for (channel, texts) in here {
                wholes.entry(channel).or_default().insert(texts);
            }
            ended.extend(joined.keys().filter(|c| found.ends(**c)));
            calls.extend(
                found
                    .others
                    .iter()
                    .filter(|p| p.role == Role::ToolCall)
                    .count()
                    .checked_sub(1),
            );
        }
        for (channel, wholes) in wholes {
            let Some(text) = joined.get(&channel) else {
                panic!(
                    "{}: {channel:?} was never told in pieces: {wholes:?}",
                    record.id
                );
            };
            let expected = if channel.kind.is_json() {
                leaves_of(text)
            } else {
                vec![text.clone()]
            };
            assert_eq!(
                wholes,
                BTreeSet::from([expected]),
                "{} {channel:?}",
                record.id
            );
            repeated += 1;
        }
        let _ = name;
        assert!(
            joined.keys().all(|c| ended.contains(c)),
            "{}: {joined:?} {ended:?}",
            record.id
        );
        let Some(expect) = record.expect else { return };
        if let Some(length) = expect.text_len {
            let text: usize = joined
                .iter()
                .filter(|(c, _)| c.kind == ChannelKind::Text)
                .map(|(_, text)| text.chars().count())
                .sum();
            assert_eq!(text, length, "{}", record.id);
            told += 1;
        }
        let arguments: Vec<serde_json::Value> = joined
            .iter()
            .filter(|(c, _)| c.kind.is_json())
            .map(|(_, text)| serde_json::from_str(text).unwrap())
            .collect();
        let expected: Vec<serde_json::Value> = expect
            .tool_calls
            .into_iter()
            .map(|call| match call.arguments {
                serde_json::Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
                other => other,
            })
            .collect();
        if !arguments.is_empty() {
            for one in expected {
                let is_empty = one.as_object().is_none_or(serde_json::Map::is_empty);
                assert!(
                    is_empty || arguments.contains(&one),
                    "{} {one} {arguments:?}",
                    record.id
                );
            }
        }
    });
    eprintln!(
        "{streams} streams of {events} events; {repeated} texts repeated, {told} lengths told"
    );
}

fn leaves_of(text: &str) -> Vec<String> {
    let body = serde_json::json!({"choices": [{"message": {"tool_calls": [{"function": {"arguments": text}}]}}]});
    let body = body.to_string();
    let document = parse(body.as_bytes());
    let texts = of_answer(Operation::Chat, &document);
    let mut found: Vec<String> = texts.places.iter().map(|p| p.value.to_string()).collect();
    // What was pushed piece by piece says the same.
    let mut arguments = ArgumentText::new();
    let mut pieces: BTreeMap<u32, (Leaf, String)> = BTreeMap::new();
    for char in text.chars() {
        arguments.push(char.encode_utf8(&mut [0; 4]), |piece| {
            let entry = pieces
                .entry(piece.number)
                .or_insert((piece.leaf, String::new()));
            piece.text.push_to(&mut entry.1);
        });
    }
    let told: Vec<String> = pieces
        .into_values()
        .filter(|(leaf, text)| match leaf {
            Leaf::Value => !text.is_empty(),
            Leaf::Key => text.len() >= 6,
            Leaf::Number => text.bytes().filter(u8::is_ascii_digit).count() >= 8,
        })
        .map(|(_, text)| text)
        .collect();
    assert_eq!(found, told);
    found.retain(|text| !text.is_empty());
    found
}

fn all<'d>(texts: EventTexts<'d>) -> Vec<Place<'d>> {
    let mut places: Vec<Place<'d>> = texts.others;
    places.extend(texts.deltas.into_iter().map(|delta| delta.place));
    places.extend(texts.whole.into_iter().map(|(_, place)| place));
    places.sort_by_key(|place| place.at.start);
    places
}

fn frames(response: &Response<'_>) -> Vec<(String, Vec<u8>)> {
    let mut frames = Vec::new();
    if let Some(text) = &response.sse_text {
        let mut decoder = sse::Decoder::new(1 << 24);
        decoder.push(Bytes::copy_from_slice(text.as_bytes()));
        while let Some(frame) = decoder.next().unwrap() {
            let event = String::from_utf8_lossy(frame.event()).into_owned();
            frames.push((event, frame.data().to_vec()));
        }
    }
    if let Some(body) = &response.body_base64 {
        let Ok(body) = BASE64_STANDARD.decode(body) else {
            return frames;
        };
        let mut decoder = event_stream::Decoder::new(1 << 24);
        decoder.push(Bytes::from(body));
        while let Ok(Some(frame)) = decoder.next() {
            let event = String::from_utf8_lossy(frame.event()).into_owned();
            frames.push((event, frame.data().to_vec()));
        }
    }
    frames
}

#[test]
fn the_models_words_in_recorded_answers_are_those_that_another_reader_found() {
    let (mut same, mut other) = (0, Vec::new());
    every(|name, operation, record| {
        let (Some(body), Some(expect)) = (record.response.body, record.expect) else {
            return;
        };
        let Some(length) = expect.text_len else {
            return;
        };
        let document = parse(body.get().as_bytes());
        let texts = of_answer(operation, &document);
        let said: usize = texts
            .places
            .iter()
            .filter(|p| p.role == Role::Assistant && p.spot == Spot::Content)
            .map(|p| p.value.chars().count())
            .sum();
        if said == length {
            same += 1;
        } else {
            other.push(format!("{name} {} {said} {length}", record.id));
        }
    });
    eprintln!("{same} answers say what they should");
    assert!(other.is_empty(), "{other:#?}");
}
