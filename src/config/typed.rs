//! From the tree to typed values. The type that is wanted decides how a value without quotes, or from a variable, is
//! read: `${KEY}` may hold `12345678` for a text and for a number alike.

use std::{fmt, io::Read, path::Path};

use serde::{
    Deserialize, Deserializer, de,
    de::{
        IntoDeserializer,
        value::{BorrowedStrDeserializer, MapAccessDeserializer, StringDeserializer},
    },
};

use super::{
    misread::Misread,
    tree::{Content, Member, Node, Scalar},
};
use crate::problem::{Step, choices};

/// Longest secret that a file may hold.
const MOST_SECRET: u64 = 64 << 10;

/// Reads a tree as a `T`. The secrets' `file:` paths start from `folder`.
///
/// # Errors
/// [`Misread`] at the first value that does not fit.
pub fn read<'a, T: Deserialize<'a>>(node: &'a Node, folder: &'a Path) -> Result<T, Misread> {
    T::deserialize(Reader { node, folder })
}

/// What a text without quotes is in YAML 1.2's core schema.
#[derive(Debug, PartialEq)]
enum Resolved<'a> {
    Nothing,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

impl Resolved<'_> {
    const fn is_scalar(&self) -> bool {
        !matches!(self, Self::Text(_) | Self::Nothing)
    }
}

/// Section 10.3.2 of the YAML 1.2.2 specification. Infinities and what is no number stay texts: no key wants them.
fn resolve(text: &str) -> Resolved<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Nothing,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        _ => {}
    }
    let unsigned = |digits: &str, radix| {
        let signed = digits.starts_with(['+', '-']);
        (!signed).then(|| u64::from_str_radix(digits, radix).ok())?
    };
    if let Some(number) = text.strip_prefix("0x").and_then(|t| unsigned(t, 16)) {
        return Resolved::Unsigned(number);
    }
    if let Some(number) = text.strip_prefix("0o").and_then(|t| unsigned(t, 8)) {
        return Resolved::Unsigned(number);
    }
    if let Ok(number) = text.parse() {
        return Resolved::Unsigned(number);
    }
    if let Ok(number) = text.parse() {
        return Resolved::Signed(number);
    }
    // Rust reads the same floats as YAML, and `inf`, `infinity` and `nan` besides.
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Resolved::Float(number),
        _ => Resolved::Text(text),
    }
}

/// Whether a text would be a number or a boolean without its quotes.
pub fn looks_like_a_number(text: &str) -> bool {
    resolve(text).is_scalar()
}

/// One value of the tree, to be read as some type.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    folder: &'a Path,
}

impl<'a> Reader<'a> {
    const fn scalar(self) -> Option<&'a Scalar> {
        match &self.node.content {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    fn is_nothing(self) -> bool {
        self.scalar().is_some_and(|s| {
            s.plain && s.written.is_none() && resolve(&s.text) == Resolved::Nothing
        })
    }

    /// The value as it is written. A text that came from variables stays one: whoever takes anything takes texts.
    fn as_written<V: de::Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        match &self.node.content {
            Content::Scalar(s) if s.plain && s.written.is_none() => visit(&s.text, visitor),
            Content::Scalar(s) => visitor.visit_borrowed_str(&s.text),
            Content::List(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
                folder: self.folder,
            }),
            Content::Map(members) => visitor.visit_map(Members {
                members: members.iter(),
                value: None,
                folder: self.folder,
            }),
        }
    }

    /// A number or boolean. From variables it may come in quotes, too: within `{ }`, `${NAME}` needs them.
    fn as_number<V: de::Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.scalar() {
            Some(s) if (s.plain || s.written.is_some()) && resolve(&s.text).is_scalar() => {
                visit(&s.text, visitor)
            }
            _ => self.as_written(visitor),
        }
    }

    /// A text: without quotes it may look like a number.
    fn as_text<V: de::Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.scalar() {
            Some(s) if !self.is_nothing() => visitor.visit_borrowed_str(&s.text),
            _ => self.as_written(visitor),
        }
    }

    /// A secret: a text, or `file:` and the path of the file that holds it.
    fn secret(self) -> Result<String, Misread> {
        let text = match self.scalar() {
            Some(s) if !self.is_nothing() => s.text.as_str(),
            _ => self.as_text(Refuse)?,
        };
        match text.strip_prefix("file:") {
            None => Ok(text.to_owned()),
            Some(path) => secret_file(&self.folder.join(path)).map_err(|why| {
                de::Error::custom(format_args!(
                    "cannot read the secret from file `{path}`: {why}"
                ))
            }),
        }
    }
}

/// Only regular files, and only so much: a pipe or a device could keep the gateway waiting for ever.
fn secret_file(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err("it is no regular file".to_owned());
    }
    let mut text = String::new();
    file.take(MOST_SECRET + 1)
        .read_to_string(&mut text)
        .map_err(|e| e.to_string())?;
    if text.len() as u64 > MOST_SECRET {
        return Err("it is larger than 64 KiB".to_owned());
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

/// Expects a text where none can come, for the message.
struct Refuse;

impl<'a> de::Visitor<'a> for Refuse {
    type Value = &'a str;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text or `file:` with a path")
    }
}

fn visit<'a, V: de::Visitor<'a>>(text: &'a str, visitor: V) -> Result<V::Value, Misread> {
    match resolve(text) {
        Resolved::Nothing => visitor.visit_unit(),
        Resolved::Bool(value) => visitor.visit_bool(value),
        Resolved::Unsigned(value) => visitor.visit_u64(value),
        Resolved::Signed(value) => visitor.visit_i64(value),
        Resolved::Float(value) => visitor.visit_f64(value),
        Resolved::Text(value) => visitor.visit_borrowed_str(value),
    }
}

/// Answers for groups of types that are read alike.
macro_rules! read_alike {
    ($how:ident: $($method:ident)*) => {
        $(fn $method<V: de::Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
            self.$how(visitor)
        })*
    };
}

impl<'a> Deserializer<'a> for Reader<'a> {
    type Error = Misread;

    read_alike! { as_written: deserialize_any deserialize_unit deserialize_bytes deserialize_byte_buf }
    read_alike! { as_text: deserialize_char deserialize_str deserialize_string deserialize_identifier }
    read_alike! { as_number:
        deserialize_bool
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_option<V: de::Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        if self.is_nothing() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    /// A key with nothing behind it is an empty section: often all its members are commented out.
    fn deserialize_map<V: de::Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        if self.is_nothing() {
            let none: [(&str, ()); 0] = [];
            visitor.visit_map(de::value::MapDeserializer::new(none.into_iter()))
        } else {
            self.as_written(visitor)
        }
    }

    fn deserialize_seq<V: de::Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        if self.is_nothing() {
            let none: [(); 0] = [];
            visitor.visit_seq(de::value::SeqDeserializer::new(none.into_iter()))
        } else {
            self.as_written(visitor)
        }
    }

    fn deserialize_struct<V: de::Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        match self.node.content {
            // Serde would take a list for the fields in the order of their declaration.
            Content::List(_) => Err(de::Error::invalid_type(de::Unexpected::Seq, &visitor)),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: de::Visitor<'a>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        match &self.node.content {
            Content::Scalar(s) if !self.is_nothing() => {
                visitor.visit_enum(s.text.as_str().into_deserializer())
            }
            Content::Map(members) if members.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Members {
                    members: members.iter(),
                    value: None,
                    folder: self.folder,
                }))
            }
            content => {
                let found = match content {
                    Content::Scalar(_) => de::Unexpected::Unit,
                    Content::List(_) => de::Unexpected::Seq,
                    Content::Map(_) => de::Unexpected::Map,
                };
                let known = choices(known.iter().copied());
                Err(de::Error::invalid_type(found, &known.as_str()))
            }
        }
    }

    /// [`Secret`](crate::auth::Secret) is a newtype, and known here by its name.
    fn deserialize_newtype_struct<V: de::Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        if name == "Secret" {
            visitor.visit_newtype_struct(StringDeserializer::new(self.secret()?))
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_unit_struct<V: de::Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.as_written(visitor)
    }

    fn deserialize_tuple<V: de::Visitor<'a>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: de::Visitor<'a>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_ignored_any<V: de::Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        visitor.visit_unit()
    }
}

/// The items of a list that were not dropped. Places count all of them.
struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    folder: &'a Path,
}

impl<'a> de::SeqAccess<'a> for Items<'a> {
    type Error = Misread;

    fn next_element_seed<T: de::DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misread> {
        let folder = self.folder;
        match self.items.find(|(_, node)| !node.dropped) {
            None => Ok(None),
            Some((n, node)) => seed
                .deserialize(Reader { node, folder })
                .map(Some)
                .map_err(|error| error.below(Step::Index(n))),
        }
    }
}

/// The members of a mapping that were not dropped.
struct Members<'a> {
    members: std::slice::Iter<'a, Member>,
    value: Option<&'a Member>,
    folder: &'a Path,
}

impl<'a> de::MapAccess<'a> for Members<'a> {
    type Error = Misread;

    fn next_key_seed<K: de::DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misread> {
        self.value = self.members.find(|member| !member.node.dropped);
        match self.value {
            None => Ok(None),
            Some(member) => seed
                .deserialize(BorrowedStrDeserializer::new(&member.key))
                .map(Some)
                .map_err(|error: Misread| error.below(Step::Key(member.key.clone()))),
        }
    }

    fn next_value_seed<T: de::DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, Misread> {
        let folder = self.folder;
        match self.value.take() {
            None => Err(de::Error::custom("a value was asked for before its key")),
            Some(member) => seed
                .deserialize(Reader {
                    node: &member.node,
                    folder,
                })
                .map_err(|error| error.below(Step::Key(member.key.clone()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::yaml, *};

    fn read_as<T: de::DeserializeOwned>(text: &str) -> Result<T, String> {
        let root = yaml::parse(text, &mut Vec::new()).unwrap();
        read(&root, Path::new("")).map_err(|e| format!("{}: {e}", e.place()))
    }

    #[test]
    fn values_without_quotes_follow_the_core_schema_of_yaml_1_2() {
        for (text, value) in [
            ("7", json!(7)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("007", json!(7)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1e3)),
            (".5", json!(0.5)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
            ("true", json!(true)),
            ("False", json!(false)),
            ("null", json!(null)),
            ("~", json!(null)),
            // Texts, whatever older versions of YAML thought of them.
            ("yes", json!("yes")),
            ("off", json!("off")),
            ("0x-1", json!("0x-1")),
            ("inf", json!("inf")),
            (".inf", json!(".inf")),
            (".nan", json!(".nan")),
            ("1e999", json!("1e999")),
            ("1_000", json!("1_000")),
            ("12:30", json!("12:30")),
            ("2026-01-02", json!("2026-01-02")),
            ("'7'", json!("7")),
            ("\"true\"", json!("true")),
            ("!!str 7", json!("7")),
            ("[1, { a: b }]", json!([1, { "a": "b" }])),
        ] {
            assert_eq!(read_as::<Value>(text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn a_text_may_look_like_a_number_but_not_like_nothing() {
        assert_eq!(
            read_as::<Vec<String>>("[1.10, true, 007]").unwrap(),
            ["1.10", "true", "007"]
        );
        assert_eq!(
            read_as::<Vec<String>>("[~]").unwrap_err(),
            "[0]: expected a text, found nothing"
        );
    }

    #[test]
    fn what_does_not_fit_is_told_without_the_words_of_rust() {
        let message = |result: Result<String, String>| result.unwrap_err();
        fn text<T: de::DeserializeOwned>(text: &str) -> Result<String, String> {
            read_as::<T>(text).map(|_| String::new())
        }
        for (result, answer) in [
            (
                text::<Vec<usize>>("[x]"),
                "[0]: expected a whole number, found the text `x`",
            ),
            (
                text::<Vec<usize>>("['2']"),
                "[0]: expected a whole number, found the text `2`; take the quotes away",
            ),
            (
                text::<Vec<usize>>("[-1]"),
                "[0]: expected a whole number from 0 up, found `-1`",
            ),
            (
                text::<Vec<usize>>("[1.5]"),
                "[0]: expected a whole number, found `1.5`",
            ),
            (
                text::<Vec<u16>>("[65536]"),
                "[0]: expected a whole number from 0 to 65535, found `65536`",
            ),
            (
                text::<Vec<f64>>("[{}]"),
                "[0]: expected a number, found a mapping",
            ),
            (
                text::<Vec<bool>>("[yes]"),
                "[0]: expected `true` or `false`, found the text `yes`",
            ),
            (
                text::<Vec<String>>("x"),
                ": expected a list, found the text `x`",
            ),
            (
                text::<Vec<String>>("[[]]"),
                "[0]: expected a text, found a list",
            ),
            (
                text::<std::num::NonZeroU32>("0"),
                ": expected a whole number from 1 up, found `0`",
            ),
        ] {
            assert_eq!(message(result), answer);
        }
    }
}
