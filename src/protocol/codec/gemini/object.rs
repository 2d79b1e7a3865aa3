//! JSON objects as Google's API has them: read with names in either spelling and numbers that may be strings, written
//! member by member.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::super::super::{chat::Json, json::Value};

/// A member's name in camel case: Google's API takes snake case as well.
/// <https://protobuf.dev/programming-guides/json/#field-names-as-json-keys>
pub(super) fn camel(key: Cow<'_, str>) -> Cow<'_, str> {
    // `$ref` and user-chosen names have no underscore inside, or are not asked for here.
    if !key.contains('_') {
        return key;
    }
    let mut out = String::with_capacity(key.len());
    let mut upper = false;
    for c in key.chars() {
        if c == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.push(c.to_ascii_uppercase());
        } else {
            out.push(c);
        }
    }
    out.into()
}

/// The members of an object that are not null, with names in camel case.
pub(super) fn members<'d>(
    value: Value<'d>,
) -> impl Iterator<Item = (Cow<'d, str>, Value<'d>)> + use<'d> {
    value
        .members()
        .filter(|member| !member.value.is_null())
        .map(|member| (camel(member.key), member.value))
}

/// The member of a name in camel case, in whichever spelling.
pub(super) fn get<'d>(value: Value<'d>, name: &str) -> Option<Value<'d>> {
    members(value)
        .filter(|(key, _)| key == name)
        .last()
        .map(|(_, value)| value)
}

/// A string.
pub(super) fn string(value: Value<'_>) -> Option<String> {
    value.as_str().map(Cow::into_owned)
}

/// A number, which protocol buffers also take as a string.
pub(super) fn number(value: Value<'_>) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())
        .filter(|n| n.is_finite())
}

/// A whole number that is not negative, also as `40.0` or `"40"`.
pub(super) fn count(value: Value<'_>) -> Option<u64> {
    // 2^53: whole numbers up to it are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let n = number(value)?;
        (n.fract() == 0.0 && (0.0..=EXACT).contains(&n)).then_some(n as u64)
    })
}

/// A whole number.
pub(super) fn integer(value: Value<'_>) -> Option<i64> {
    let text = std::str::from_utf8(value.raw()).ok()?.trim_matches('"');
    text.parse()
        .ok()
        .or_else(|| count(value).and_then(|n| i64::try_from(n).ok()))
}

/// A list of strings.
pub(super) fn strings(value: Value<'_>) -> Option<Vec<String>> {
    if let Some(one) = string(value) {
        return Some(vec![one]);
    }
    (value.kind() == super::super::super::json::Kind::Array)
        .then(|| value.elements().map(string).collect())?
}

/// An object in the making; nothing is written for what is not there.
#[derive(Default)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Field<'a>)>);

/// A member's value.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Field<'a> {
    Bool(bool),
    Count(u64),
    Integer(i64),
    Number(f64),
    Text(Cow<'a, str>),
    Texts(Vec<Cow<'a, str>>),
    Json(&'a Json),
    Own(Json),
    Object(Object<'a>),
    List(Vec<Field<'a>>),
    Contents(Vec<super::part_write::WireContent<'a>>),
    Content(super::part_write::WireContent<'a>),
}

impl<'a> Object<'a> {
    /// Adds a member, if there is something.
    pub(super) fn put(&mut self, name: impl Into<Cow<'a, str>>, value: Option<Field<'a>>) {
        if let Some(value) = value {
            self.0.push((name.into(), value));
        }
    }

    /// Whether there are no members.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a member of another, unless it is empty.
    pub(super) fn field(self) -> Option<Field<'a>> {
        (!self.is_empty()).then_some(Field::Object(self))
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
