//! What all tests of texts share.

use bytes::Bytes;

use super::{
    super::{
        Operation,
        json::{Document, Limits},
    },
    *,
};

mod answers;
mod arguments;
mod hostile;
mod recordings;
mod requests;
mod splicing;
mod streams;
mod vendors;

fn parse(body: &[u8]) -> Document<'_> {
    Document::parse(body, Limits::default()).unwrap()
}

/// `Role: text` of each place, in their order.
fn told(places: &[Place<'_>]) -> Vec<String> {
    places
        .iter()
        .map(|place| format!("{:?}: {}", place.role, place.value))
        .collect()
}

/// Reads the body as `read` does, compares with `expected`, replaces every text, and reads that again.
fn check(body: &str, read: &dyn for<'d> Fn(&'d Document<'d>) -> Vec<Place<'d>>, expected: &[&str]) {
    let original = Bytes::copy_from_slice(body.as_bytes());
    let document = parse(&original);
    let places = read(&document);
    assert_eq!(told(&places), expected, "{body}");

    let none: Vec<_> = (0..places.len()).map(|at| (at, Vec::new())).collect();
    let same = edits(&places, &none).apply(&original).unwrap();
    assert_eq!(same, original);

    // Nothing in the new text may be taken for anything else.
    let with = "<a \"quoted\" \\ [back] {slash}\n\u{1}é😀>";
    let all: Vec<_> = (0..)
        .zip(&places)
        .map(|(at, place)| (at, vec![(0..place.value.len(), with.to_owned())]))
        .collect();
    let replaced = edits(&places, &all).apply(&original).unwrap();
    let document = parse(&replaced);
    let after = told(&read(&document));
    let expected: Vec<String> = places
        .iter()
        .map(|place| format!("{:?}: {with}", place.role))
        .collect();
    assert_eq!(after, expected, "{}", String::from_utf8_lossy(&replaced));
}

fn request(operation: Operation, body: &str, expected: &[&str]) {
    check(
        body,
        &|document| of_request(operation, document).places,
        expected,
    );
}

fn answer(operation: Operation, body: &str, expected: &[&str]) {
    check(
        body,
        &|document| of_answer(operation, document).places,
        expected,
    );
}
