//! JSON inside a JSON string: the arguments of calls in OpenAI's dialect.

use std::{borrow::Cow, ops::Range};

use super::{
    super::json::{Document, Kind, Limits, Value},
    Form, Role,
    splice::unit,
    walk::{Context, Walk, leaves},
};

impl<'d> Walk<'d> {
    /// Arguments: JSON in a string, or an object as Ollama has them. JSON that was cut short is one text.
    pub(super) fn arguments(&mut self, value: Value<'d>, context: Context) {
        let Kind::String = value.kind() else {
            return self.data(value, context);
        };
        let Some(text) = value.as_str() else {
            return;
        };
        let inner = match Document::parse(text.as_bytes(), Limits::default()) {
            Ok(inner) if matches!(inner.root().kind(), Kind::Object | Kind::Array) => inner,
            _ => return self.text(value, context),
        };
        let raw = value.raw();
        let start = value.range().start;
        let mut map = Map::new(&raw[1..raw.len() - 1]);
        let root = inner.root();
        leaves(
            root,
            root.raw(),
            root.range().start,
            &mut |form, at, value| {
                // The names of an answer's properties are the caller's own.
                if form == Form::Key && context.role == Role::ToolDefinition {
                    return;
                }
                let at = 1 + map.outer(at.start)..1 + map.outer(at.end);
                let raw = &raw[at.clone()];
                let value = match plain(raw, form) {
                    Some(text) => Cow::Borrowed(text),
                    None => Cow::Owned(value.into_owned()),
                };
                let at = start + at.start..start + at.end;
                self.push_raw(form, at, context, value, raw, true);
            },
        );
    }
}

/// What stands between the quotes of a string in a string, if it has no escapes.
fn plain(raw: &[u8], form: Form) -> Option<&str> {
    let text = match form {
        Form::Number => raw,
        _ => raw.strip_prefix(b"\\\"")?.strip_suffix(b"\\\"")?,
    };
    match memchr::memchr(b'\\', text) {
        None => std::str::from_utf8(text).ok(),
        Some(_) => None,
    }
}

/// From places in a text to places in the string it is written as; asked for in ascending order.
struct Map<'d> {
    raw: &'d [u8],
    inner: usize,
    outer: usize,
}

impl<'d> Map<'d> {
    const fn new(raw: &'d [u8]) -> Self {
        Self {
            raw,
            inner: 0,
            outer: 0,
        }
    }

    fn outer(&mut self, inner: usize) -> usize {
        while self.inner < inner {
            let rest = &self.raw[self.outer..];
            let wanted = inner - self.inner;
            let run: Range<usize> = 0..memchr::memchr(b'\\', &rest[..wanted.min(rest.len())])
                .unwrap_or(wanted.min(rest.len()));
            self.inner += run.end;
            self.outer += run.end;
            if run.end < wanted {
                let Some((char, length)) = unit(&rest[run.end..]) else {
                    return self.outer;
                };
                self.inner += char.len_utf8();
                self.outer += length;
            }
        }
        self.outer
    }
}
