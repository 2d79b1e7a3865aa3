//! A top-level JSON array that arrives in pieces, taken apart into its elements:
//! how Gemini streams without `alt=sse`.

use std::ops::Range;

use bytes::Bytes;
use memchr::memchr2;

use super::json::JsonError;
use super::sse::Pieces;

/// One element of the array, with the bytes that came before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// As received: bracket or comma and white space, then the element.
    pub raw: Bytes,
    /// Where in `raw` the element stands.
    pub range: Range<usize>,
}

impl Element {
    /// The element alone, without what separates it from others.
    pub fn json(&self) -> &[u8] {
        &self.raw[self.range.clone()]
    }
}

/// Splits the array, giving out an element as soon as its last byte is there.
///
/// Elements in a row are told apart strictly; what is inside one is only looked
/// at for its end, and checked by who parses it.
#[derive(Debug)]
pub struct ArrayFrames {
    pieces: Pieces,
    scan: Scan,
    max_element: usize,
    /// Bytes given out so far.
    given: usize,
    failed: Option<JsonError>,
}

impl ArrayFrames {
    /// `max_element` limits an element and what stands before it, in bytes.
    pub fn new(max_element: usize) -> Self {
        Self {
            pieces: Pieces::default(),
            scan: Scan::default(),
            max_element,
            given: 0,
            failed: None,
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Bytes) {
        self.pieces.push(chunk);
    }

    /// The next element; none until more is pushed. After an error nothing but
    /// that error comes.
    #[expect(
        clippy::should_implement_trait,
        reason = "to wait for more bytes is not the end of an iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Element>, JsonError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        while let Some(piece) = self.pieces.unseen() {
            let before = self.pieces.held();
            let end = match self.scan.element_end(piece, before) {
                Ok(end) => end,
                Err((at, what)) => return self.fail(before + at, what),
            };
            if before + end.unwrap_or(piece.len()) > self.max_element {
                return self.fail(0, "element too large");
            }
            let Some(end) = end else {
                self.pieces.hold();
                continue;
            };
            let raw = self.pieces.take(end);
            self.given += raw.len();
            let range = self.scan.start..raw.len();
            return Ok(Some(Element { raw, range }));
        }
        Ok(None)
    }

    /// Whether the array's closing bracket has been seen: an answer that ends
    /// before it was cut off.
    pub fn ended(&self) -> bool {
        self.scan.state == State::Ended
    }

    /// Bytes received and not yet given out.
    pub fn buffered(&self) -> usize {
        self.pieces.len()
    }

    /// The bytes that no element took: the closing bracket, or a cut-off rest.
    pub fn finish(&mut self) -> Bytes {
        self.pieces.finish()
    }

    fn fail<T>(&mut self, at: usize, what: &'static str) -> Result<T, JsonError> {
        let offset = self.given + at;
        Err(*self.failed.insert(JsonError { offset, what }))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the opening bracket.
    #[default]
    Begin,
    /// After the opening bracket.
    First,
    /// After an element.
    Between,
    /// After a comma.
    Next,
    /// In an array or object.
    Nested,
    /// In a string within `Nested`, or an element itself.
    Text,
    /// After a backslash there.
    Escape,
    /// In a number or a word.
    Bare,
    Ended,
}

#[derive(Debug, Default)]
struct Scan {
    state: State,
    depth: usize,
    /// Where the element began, counted from the last one's end.
    start: usize,
}

impl Scan {
    /// Where the element ends that `bytes` begin or continue, after `before`
    /// bytes already seen. Errors tell the place in `bytes`.
    fn element_end(
        &mut self,
        bytes: &[u8],
        before: usize,
    ) -> Result<Option<usize>, (usize, &'static str)> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
            self.state = match (self.state, byte) {
                (State::Text, _) => match memchr2(b'"', b'\\', &bytes[at..]) {
                    Some(skipped) => {
                        at += skipped;
                        match bytes[at] {
                            b'\\' => State::Escape,
                            _ if self.depth > 0 => State::Nested,
                            _ => return Ok(self.ends_at(at + 1)),
                        }
                    }
                    None => return Ok(None),
                },
                (State::Escape, _) => State::Text,
                (State::Nested, b'"') => State::Text,
                (State::Nested, b'{' | b'[') => {
                    self.depth += 1;
                    State::Nested
                }
                (State::Nested, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(self.ends_at(at + 1));
                    }
                    State::Nested
                }
                (State::Nested, _) => State::Nested,
                // Only what follows tells that a number is complete; it is not
                // part of it.
                (State::Bare, b',' | b']') => return Ok(self.ends_at(at)),
                (State::Bare, _) if space => return Ok(self.ends_at(at)),
                (State::Bare, _) => State::Bare,
                (state, _) if space => state,
                (State::Begin, b'[') => State::First,
                (State::Begin, _) => return Err((at, "expected an array")),
                (State::Between, b',') => State::Next,
                (State::First | State::Between, b']') => State::Ended,
                (State::Between, _) => return Err((at, "expected a comma or the array's end")),
                (State::Ended, _) => return Err((at, "expected nothing after the array")),
                (State::First | State::Next, b',' | b']' | b'}' | b':') => {
                    return Err((at, "expected an element"));
                }
                (State::First | State::Next, _) => {
                    self.start = before + at;
                    match byte {
                        b'{' | b'[' => {
                            self.depth = 1;
                            State::Nested
                        }
                        b'"' => State::Text,
                        _ => State::Bare,
                    }
                }
            };
            at += 1;
        }
        Ok(None)
    }

    fn ends_at(&mut self, end: usize) -> Option<usize> {
        self.state = State::Between;
        Some(end)
    }
}

#[cfg(test)]
#[path = "../../fuzz/invariants/json_array.rs"]
mod invariants;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn elements(frames: &mut ArrayFrames) -> Vec<String> {
        std::iter::from_fn(|| frames.next().unwrap())
            .map(|e| String::from_utf8_lossy(e.json()).into_owned())
            .collect()
    }

    #[test]
    fn an_element_is_given_out_with_its_closing_brace() {
        let mut frames = ArrayFrames::new(1000);
        frames.push(Bytes::from_static(b"[{\"a\":[\"]}\\\"\"]"));
        assert_eq!(frames.next(), Ok(None));
        frames.push(Bytes::from_static(b"}"));
        assert_eq!(elements(&mut frames), [r#"{"a":["]}\""]}"#]);
        frames.push(Bytes::from_static(b"\n,\r\n{}"));
        assert_eq!(elements(&mut frames), ["{}"]);
        assert!(!frames.ended());
        frames.push(Bytes::from_static(b"\n]\n"));
        assert_eq!(frames.next(), Ok(None));
        assert!(frames.ended());
        assert_eq!(&frames.finish()[..], b"\n]\n");
    }

    #[test]
    fn whole_elements_in_a_chunk_are_not_copied() {
        let chunk = Bytes::from_static(b"[{\"a\":1},{\"a\":2}");
        let mut frames = ArrayFrames::new(1000);
        frames.push(chunk.clone());
        let first = frames.next().unwrap().unwrap();
        let second = frames.next().unwrap().unwrap();
        assert_eq!(first.raw.as_ptr(), chunk.as_ptr());
        assert_eq!(second.raw.as_ptr(), chunk[first.raw.len()..].as_ptr());
    }

    #[test]
    fn strings_and_numbers_are_elements_too() {
        let mut frames = ArrayFrames::new(1000);
        frames.push(Bytes::from_static(b" [ \"a,b]\" , 1 ,null,[2],-3]"));
        assert_eq!(
            elements(&mut frames),
            ["\"a,b]\"", "1", "null", "[2]", "-3"]
        );
        assert!(frames.ended());
    }

    #[test]
    fn what_is_no_array_is_refused_with_its_place() {
        for (text, expected) in [
            ("{\"error\":{}}", "expected an array at byte 0"),
            ("[{},]", "expected an element at byte 4"),
            ("[,{}]", "expected an element at byte 1"),
            ("[{}{}]", "expected a comma or the array's end at byte 3"),
            ("[] 1", "expected nothing after the array at byte 3"),
        ] {
            let mut frames = ArrayFrames::new(1000);
            frames.push(Bytes::from_static(text.as_bytes()));
            let refused = loop {
                match frames.next() {
                    Ok(element) => assert!(element.is_some(), "{text} is accepted"),
                    Err(e) => break e,
                }
            };
            assert_eq!(refused.to_string(), expected);
            assert_eq!(frames.next(), Err(refused));
        }
    }

    #[test]
    fn an_element_has_a_size_limit() {
        for chunk in [1, 100] {
            let mut frames = ArrayFrames::new(10);
            for piece in b"[{\"a\":1},{\"a\":12345}]".chunks(chunk) {
                frames.push(Bytes::copy_from_slice(piece));
            }
            assert!(frames.next().unwrap().is_some());
            let refused = frames.next().unwrap_err();
            assert_eq!(refused.to_string(), "element too large at byte 8");
            assert_eq!(&frames.finish()[..], b",{\"a\":12345}]");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_split_gives_the_same_elements(
            tokens in prop::collection::vec(
                select(vec![
                    "{\"a\":[1,{}]}", "{}", "\n,\r\n", ",", ",", ",", "\"x\\\"]\"", "12", "]", " ",
                    "{", "}", "\"", "null", "[\"é\"]", "\\",
                ]),
                0..12,
            ),
            open in any::<bool>(),
            sizes in prop::collection::vec(1..8usize, 0..8),
        ) {
            let text = format!("{}{}", if open { "[" } else { "" }, tokens.concat());
            invariants::check(text.as_bytes(), &sizes);
        }

        #[test]
        fn an_array_gives_out_what_it_holds(
            values in prop::collection::vec(
                select(vec!["{\"a\":[1,{}]}", "{}", "\"x\\\"]\"", "12", "null", "[\"é\"]"]),
                0..8,
            ),
            sizes in prop::collection::vec(1..8usize, 0..8),
        ) {
            let text = format!("[{}\n]\n", values.join("\n,\r\n"));
            invariants::check(text.as_bytes(), &sizes);
            let mut frames = ArrayFrames::new(1000);
            frames.push(Bytes::from(text));
            prop_assert_eq!(elements(&mut frames), values);
            prop_assert!(frames.ended());
        }
    }
}
