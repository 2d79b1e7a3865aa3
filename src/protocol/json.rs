//! A JSON document that keeps its places: one strict pass over the bytes, and
//! then every value knows the range it was read from.
//!
//! Nothing is copied or built while parsing but one flat list of places, so a
//! body can be read, cut and edited without being written anew.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use walk::{Node, unescape};

mod walk;

/// How much structure a document may have; its length is for others to limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arrays and objects inside one another.
    pub depth: usize,
    /// Values and keys together; each costs 16 bytes of memory.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 128,
            nodes: 2_000_000,
        }
    }
}

/// Why bytes are not the JSON they should be. Tells the place, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Where, in bytes from the beginning.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.offset)
    }
}

impl std::error::Error for JsonError {}

/// A whole document, checked to its last byte.
///
/// Accepts what `serde_json` reads as a `Value`: RFC 8259 in UTF-8 without a
/// byte order mark, no lone surrogates, numbers that fit a double.
pub struct Document<'a> {
    text: &'a str,
    tape: Vec<Node>,
}

impl<'a> Document<'a> {
    /// Reads a whole document in one pass.
    ///
    /// # Errors
    /// [`JsonError`] for the first byte that is no JSON, or that is over a limit.
    pub fn parse(bytes: &'a [u8], limits: Limits) -> Result<Self, JsonError> {
        if u32::try_from(bytes.len()).is_err() {
            return fail(0, "document of 4 GiB or more");
        }
        let text = std::str::from_utf8(bytes).map_err(|e| JsonError {
            offset: e.valid_up_to(),
            what: "not UTF-8",
        })?;
        let tape = walk::walk(bytes, limits)?;
        Ok(Self { text, tape })
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { doc: self, node: 0 }
    }
}

impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.text.len())
            .field("nodes", &self.tape.len())
            .finish()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// What a value is.
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number
    Number,
    /// A string
    String,
    /// A list
    Array,
    /// A list of members
    Object,
}

/// One value of a [`Document`] and its place there.
#[derive(Clone, Copy)]
pub struct Value<'d> {
    doc: &'d Document<'d>,
    node: u32,
}

impl<'d> Value<'d> {
    /// What it is.
    pub fn kind(self) -> Kind {
        self.place().kind
    }

    /// Where the value stands in the document; a string's quotes belong to it.
    pub fn range(self) -> Range<usize> {
        let node = self.place();
        node.start as usize..node.end as usize
    }

    /// Its bytes, as they stand.
    pub fn raw(self) -> &'d [u8] {
        self.text().as_bytes()
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The value of `true` or `false`.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == b"true")
    }

    /// A whole number written without fraction and exponent.
    pub fn as_u64(self) -> Option<u64> {
        self.number()?.parse().ok()
    }

    /// The value of a number.
    pub fn as_f64(self) -> Option<f64> {
        self.number()?.parse().ok()
    }

    /// The string meant, borrowed unless the document has escapes in it.
    pub fn as_str(self) -> Option<Cow<'d, str>> {
        let node = self.place();
        if node.kind != Kind::String {
            return None;
        }
        let inner = &self.doc.text[node.start as usize + 1..node.end as usize - 1];
        Some(if node.escaped {
            Cow::Owned(unescape(inner))
        } else {
            Cow::Borrowed(inner)
        })
    }

    /// The member of this name; the last one if there are several, as most
    /// parsers have it. [`unique`](Self::unique) tells those cases apart.
    pub fn get(self, key: &str) -> Option<Value<'d>> {
        self.named(key).last().map(|(_, value)| value)
    }

    /// The member of this name, which must not stand twice: a provider that
    /// takes the first would see another value than we do.
    pub fn unique(self, key: &str) -> Result<Option<Value<'d>>, JsonError> {
        let mut named = self.named(key);
        let value = named.next().map(|(_, value)| value);
        match named.next() {
            Some((again, _)) => fail(again.range().start, "key stands twice"),
            None => Ok(value),
        }
    }

    /// What an object holds, in its order; nothing for any other value.
    pub fn members(self) -> Members<'d> {
        Members(self.parts(Kind::Object))
    }

    /// What an array holds, in its order; nothing for any other value.
    pub fn elements(self) -> Elements<'d> {
        Elements(self.parts(Kind::Array))
    }

    /// How many members or elements there are.
    pub fn len(self) -> usize {
        match self.kind() {
            Kind::Object => self.members().pairs().count(),
            _ => self.elements().count(),
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What to delete so that the member [`get`](Self::get) finds is gone, with
    /// one comma beside it. For several keys at once see [`Self::removals`].
    pub fn removal(self, key: &str) -> Option<Range<usize>> {
        let (name, _) = self.named(key).last()?;
        self.removals_where(|key| key.node == name.node).pop()
    }

    /// What to delete so that every member with such a key is gone and valid
    /// JSON stays. Ranges of several [`removal`](Self::removal)s would not do:
    /// neighbours lay claim to the same comma.
    pub fn removals(self, unwanted: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
        self.removals_where(|key| key.as_str().is_some_and(|key| unwanted(&key)))
    }

    fn removals_where(self, unwanted: impl Fn(Value<'d>) -> bool) -> Vec<Range<usize>> {
        let mut removals = Vec::new();
        let mut kept_end = None; // of the last member that stays
        let mut run: Option<Range<usize>> = None; // members to go, up to here
        for (key, value) in self.members().pairs() {
            let member = key.range().start..value.range().end;
            if unwanted(key) {
                run = Some(run.map_or(member.start, |run| run.start)..member.end);
            } else {
                removals.extend(run.take().map(|run| run.start..member.start));
                kept_end = Some(member.end);
            }
        }
        removals.extend(run.map(|run| kept_end.unwrap_or(run.start)..run.end));
        removals
    }

    fn named<'k>(self, key: &'k str) -> impl Iterator<Item = (Value<'d>, Value<'d>)> + use<'d, 'k> {
        self.members().pairs().filter(move |(name, _)| name.is(key))
    }

    /// Whether this is the string `text`. Escapes only ever shorten a string.
    fn is(self, text: &str) -> bool {
        if self.place().escaped {
            self.raw().len() > text.len() && self.as_str().as_deref() == Some(text)
        } else {
            let raw = self.raw();
            raw.len() == text.len() + 2 && &raw[1..raw.len() - 1] == text.as_bytes()
        }
    }

    fn number(self) -> Option<&'d str> {
        (self.kind() == Kind::Number).then(|| self.text())
    }

    fn text(self) -> &'d str {
        &self.doc.text[self.range()]
    }

    fn parts(self, of: Kind) -> Parts<'d> {
        let node = self.place();
        let first = self.node + 1;
        Parts {
            doc: self.doc,
            at: first,
            end: if node.kind == of { node.next } else { first },
        }
    }

    fn place(self) -> Node {
        self.doc.tape[self.node as usize]
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.range())
    }
}

/// One name and value of an object.
#[derive(Clone, Debug)]
pub struct Member<'d> {
    /// The key, escapes undone.
    pub key: Cow<'d, str>,
    /// From the key's first quote to the end of the value.
    pub range: Range<usize>,
    /// The value.
    pub value: Value<'d>,
}

/// Iterator of [`Value::members`].
#[derive(Clone)]
pub struct Members<'d>(Parts<'d>);

impl<'d> Members<'d> {
    fn pairs(mut self) -> impl Iterator<Item = (Value<'d>, Value<'d>)> + use<'d> {
        std::iter::from_fn(move || Some((self.0.next()?, self.0.next()?)))
    }
}

impl<'d> Iterator for Members<'d> {
    type Item = Member<'d>;

    fn next(&mut self) -> Option<Member<'d>> {
        let key = self.0.next()?;
        let value = self.0.next()?;
        Some(Member {
            key: key.as_str()?,
            range: key.range().start..value.range().end,
            value,
        })
    }
}

/// Iterator of [`Value::elements`].
#[derive(Clone)]
pub struct Elements<'d>(Parts<'d>);

impl<'d> Iterator for Elements<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        self.0.next()
    }
}

/// Siblings on the tape: an array's elements, or keys and values in turn.
#[derive(Clone)]
struct Parts<'d> {
    doc: &'d Document<'d>,
    at: u32,
    end: u32,
}

impl<'d> Parts<'d> {
    fn next(&mut self) -> Option<Value<'d>> {
        let value = (self.at < self.end).then_some(Value {
            doc: self.doc,
            node: self.at,
        })?;
        self.at = value.place().next;
        Some(value)
    }
}

fn fail<T>(offset: usize, what: &'static str) -> Result<T, JsonError> {
    Err(JsonError { offset, what })
}

#[cfg(test)]
#[path = "../../fuzz/invariants/json.rs"]
mod invariants;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    fn parse(text: &str) -> Result<Document<'_>, JsonError> {
        Document::parse(text.as_bytes(), Limits::default())
    }

    #[test]
    fn a_value_knows_its_place() {
        let text = r#" {"model": "gpt", "n": [1, -2.5e1, true, null]} "#;
        let doc = parse(text).unwrap();
        let root = doc.root();
        assert_eq!((root.kind(), root.len()), (Kind::Object, 2));

        let model = root.get("model").unwrap();
        assert_eq!(&text[model.range()], r#""gpt""#);
        assert!(matches!(model.as_str(), Some(Cow::Borrowed("gpt"))));

        let list: Vec<_> = root.get("n").unwrap().elements().collect();
        assert_eq!((list[0].as_u64(), list[0].as_f64()), (Some(1), Some(1.0)));
        assert_eq!((list[1].as_u64(), list[1].as_f64()), (None, Some(-25.0)));
        assert_eq!((list[2].as_bool(), list[2].is_null()), (Some(true), false));
        assert_eq!((list[3].as_bool(), list[3].is_null()), (None, true));
        assert_eq!(format!("{:?}", list[2]), "Bool at 35..39");

        let ranges: Vec<_> = root.members().map(|m| &text[m.range]).collect();
        assert_eq!(
            ranges,
            [r#""model": "gpt""#, r#""n": [1, -2.5e1, true, null]"#]
        );
    }

    #[test]
    fn an_escaped_key_is_the_key_it_spells() {
        let doc = parse(r#"{"mod\u0065l":"a"}"#).unwrap();
        assert_eq!(doc.root().get("model").unwrap().range(), 14..17);
        let doc = parse(r#"{"model":"a","mod\u0065l":"b"}"#).unwrap();
        assert_eq!(doc.root().get("model").unwrap().raw(), br#""b""#);
        assert!(doc.root().get("mode").is_none());
        assert!(doc.root().get(r"mod\u0065l").is_none());
    }

    #[test]
    fn a_key_that_stands_twice_is_no_unique_key() {
        let doc = parse(r#"{"a":1,"b":2,"\u0061":3}"#).unwrap();
        let refused = doc.root().unique("a").unwrap_err();
        assert_eq!(refused.to_string(), "key stands twice at byte 13");
        assert_eq!(doc.root().unique("b").unwrap().unwrap().as_u64(), Some(2));
        assert!(doc.root().unique("c").unwrap().is_none());
    }

    #[test]
    fn a_removed_member_takes_one_comma_along() {
        for (key, left) in [
            ("a", r#"{ "b":[2,3] , "c":{} }"#),
            ("b", r#"{ "a" : 1, "c":{} }"#),
            ("c", r#"{ "a" : 1, "b":[2,3] }"#),
        ] {
            let mut text = r#"{ "a" : 1, "b":[2,3] , "c":{} }"#.to_owned();
            let range = parse(&text).unwrap().root().removal(key).unwrap();
            text.replace_range(range, "");
            assert_eq!(text, left);
        }
        let removal = |text: &str| parse(text).unwrap().root().removal("a");
        assert_eq!(removal(r#"{ "a":1 }"#), Some(2..7));
        assert_eq!(removal(r#"{"b":1}"#), None);
        assert_eq!(removal("[1]"), None);
    }

    #[test]
    fn neighbours_are_removed_together() {
        for (keys, left) in [
            ("ab", r#"{"c":3,"d":4}"#),
            ("cd", r#"{"a":1,"b":2}"#),
            ("bd", r#"{"a":1,"c":3}"#),
            ("abcd", "{}"),
            ("x", r#"{"a":1,"b":2,"c":3,"d":4}"#),
        ] {
            let mut text = r#"{"a":1,"b":2,"c":3,"d":4}"#.to_owned();
            let removals = parse(&text)
                .unwrap()
                .root()
                .removals(|key| keys.contains(key));
            for range in removals.into_iter().rev() {
                text.replace_range(range, "");
            }
            assert_eq!(text, left);
        }
    }

    /// Documents as providers and people write them, and some as neither would.
    fn document() -> impl Strategy<Value = Vec<u8>> {
        let key = prop_oneof![
            select(vec![
                "\"a\"",
                "\"model\"",
                "\"mod\\u0065l\"",
                "\"\"",
                "\"b\\n\""
            ])
            .prop_map(String::from),
            any::<String>().prop_map(|s| serde_json::to_string(&s).expect("a string")),
        ];
        let number = prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            any::<u64>().prop_map(|n| n.to_string()),
            "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
        ];
        let leaf = prop_oneof![
            select(vec![
                "null",
                "true",
                "false",
                "\"\\ud83d\\ude00\"",
                "\"\\/\\u00E9\""
            ])
            .prop_map(String::from),
            number,
            key.clone(),
        ];
        let space = || select(vec!["", "", "", " ", "\n", "\r\n\t"]);
        let value = leaf.prop_recursive(4, 32, 6, move |inner| {
            let padded = (space(), inner, space()).prop_map(|(a, v, b)| format!("{a}{v}{b}"));
            let member = (space(), key.clone(), space(), padded.clone())
                .prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{value}"));
            prop_oneof![
                prop::collection::vec(padded, 0..6).prop_map(|v| format!("[{}]", v.join(","))),
                prop::collection::vec(member, 0..6).prop_map(|v| format!("{{{}}}", v.join(","))),
            ]
        });
        (space(), value, space()).prop_map(|(a, v, b)| format!("{a}{v}{b}").into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_document_reads_as_serde_json_reads_it(text in document()) {
            invariants::check(&text);
        }

        #[test]
        fn damaged_documents_are_refused_as_serde_json_refuses_them(
            mut text in document(),
            damage in prop::collection::vec(
                (any::<Index>(), 0..3u8, prop_oneof![
                    select(b"\"\\{}[]:,.-+eEu0d \n\x00\x1f\x7f\xff\xc3".to_vec()),
                    any::<u8>(),
                ]),
                1..4,
            ),
        ) {
            for (at, how, byte) in damage {
                let at = at.index(text.len() + 1);
                match how {
                    0 => text.insert(at, byte),
                    1 => text.splice(at..text.len().min(at + 1), [byte]).for_each(drop),
                    _ => drop(text.drain(at..text.len().min(at + 1))),
                }
            }
            invariants::check(&text);
        }

        #[test]
        fn loose_tokens_are_accepted_as_serde_json_accepts_them(
            tokens in prop::collection::vec(
                select(vec![
                    "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\u", "d83d", "\\ude00", "1",
                    "-", ".5", "e9", "0", " ", "true", "nul", "l", "\u{feff}", "é",
                ]),
                0..12,
            ),
        ) {
            invariants::check(tokens.concat().as_bytes());
        }
    }
}
