//! A client's request: what the gateway must know of it, and the body that each target gets.
//!
//! The body stays the client's own bytes. An attempt gets them with the model's name replaced, and with the wish for
//! usage added where the client did not say it; nothing else is touched, so that providers' prompt caches still match.

use std::{hash::Hasher, ops::Range};

use bytes::Bytes;

use super::{
    Call, Dialect, Operation,
    edit::Edits,
    form, is_sane_model,
    json::{Document, JsonError, Kind as JsonKind, Limits, Value},
};
use crate::error::{Failure, Kind};

/// A place in a body, and what is to stand there.
type Addition = (Range<usize>, &'static [u8]);

/// A decoded request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The model that the client asked for.
    pub model: String,
    /// Whether the client wants the answer streamed.
    pub stream: bool,
    /// Whether an OpenAI client asked for usage in its stream; `None` where the question does not arise.
    pub asked_usage: Option<bool>,
    body: Bytes,
    length: usize,
    /// Where the model's name stands in the body, quotes included.
    model_at: Option<Range<usize>>,
    /// Whether the name stands there as it is, and not as JSON.
    plain: bool,
    /// How to ask for usage in the client's name.
    ask_usage: Option<Addition>,
    /// The beginning of the conversation, for consistent hashing.
    beginning: Range<usize>,
}

impl Request {
    /// Reads a request body, walking its JSON once.
    ///
    /// # Errors
    /// A [`Failure`] for the client if the body is no JSON object, too deep, or names no model.
    pub fn decode(call: &Call, body: Bytes, depth: usize) -> Result<Self, Failure> {
        let limits = Limits {
            depth,
            ..Limits::default()
        };
        let document = Document::parse(&body, limits).map_err(no_json)?;
        let root = document.root();
        if root.kind() != JsonKind::Object {
            return Err(Failure::new(
                Kind::BadRequest,
                "the request body must be a JSON object",
            ));
        }
        let member = |key| root.unique(key).map_err(no_json);
        let (model, model_at) = match &call.model {
            Some(model) => (model.clone(), None),
            None => {
                let value = member("model")?.ok_or_else(|| missing_model("`model` is missing"))?;
                let model = value
                    .as_str()
                    .ok_or_else(|| missing_model("`model` must be a string"))?;
                (model.into_owned(), Some(value.range()))
            }
        };
        if !is_sane_model(&model) {
            return Err(missing_model(
                "`model` must be a model name: letters, digits and -_.:/@+, at most 256 of them",
            ));
        }
        let flag = member("stream")?;
        let stream = match call.operation {
            Operation::StreamGenerate => true,
            _ if call.operation.dialect() == Dialect::Gemini => false,
            _ => flag.and_then(|v| v.as_bool()).unwrap_or(false),
        };
        let (asked_usage, ask_usage) =
            if stream && matches!(call.operation, Operation::Chat | Operation::Completions) {
                let options = member("stream_options")?;
                let (asked, how) = usage_wish(root, options);
                (Some(asked), how)
            } else {
                (None, None)
            };
        let beginning = beginning(root);
        Ok(Self {
            model,
            stream,
            asked_usage,
            model_at,
            ask_usage,
            beginning,
            plain: false,
            length: body.len(),
            body,
        })
    }

    /// Reads a form, as far as it says what is wanted of which model; `content_type` is the request's.
    ///
    /// # Errors
    /// A [`Failure`] for the client if the body is no form, or names no model.
    pub fn decode_form(content_type: &str, body: Bytes) -> Result<Self, Failure> {
        let fields = form::fields(content_type, &body).ok_or_else(|| {
            Failure::new(
                Kind::BadRequest,
                "the request body must be multipart/form-data with a boundary",
            )
        })?;
        let text = |name: &str| {
            let range = fields.iter().find(|(n, _)| n == name)?.1.clone();
            Some((std::str::from_utf8(&body[range.clone()]).ok()?, range))
        };
        let (model, at) = text("model").ok_or_else(|| missing_model("`model` is missing"))?;
        if !is_sane_model(model) {
            return Err(missing_model("`model` must be a model name"));
        }
        Ok(Self {
            model: model.to_owned(),
            stream: text("stream").is_some_and(|(value, _)| value == "true"),
            model_at: Some(at),
            plain: true,
            length: body.len(),
            body,
            ..Self::default()
        })
    }

    /// A request that is passed on without being read.
    pub fn opaque(body: Bytes) -> Self {
        Self {
            length: body.len(),
            body,
            ..Self::default()
        }
    }

    /// The body for a target: the client's own bytes with the model's name replaced, and the wish for usage added if
    /// `ask_usage` says that the target understands it.
    pub fn body_for(&self, model: &str, ask_usage: bool) -> Bytes {
        let mut edits = Edits::default();
        if let Some(at) = &self.model_at
            && model != self.model
        {
            let name = if self.plain {
                model.to_owned()
            } else {
                serde_json::Value::from(model).to_string()
            };
            edits.replace(at.clone(), name);
        }
        if ask_usage && let Some((at, text)) = &self.ask_usage {
            edits.replace(at.clone(), Bytes::from_static(text));
        }
        edits
            .apply(&self.body)
            .expect("the ranges are those of different members of one object")
    }

    /// The client's body; empty once it was released.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Whether [`Self::body_for`] can add a wish for usage that the client did not have.
    pub fn can_ask_usage(&self) -> bool {
        self.ask_usage.is_some()
    }

    /// Size of the client's body after decompression, in bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the body is empty, which a decoded one never is.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Lets the body go, once no attempt can need it any more.
    pub fn release(&mut self) {
        self.body = Bytes::new();
        self.beginning = 0..0;
        self.model_at = None;
        self.ask_usage = None;
    }

    /// A number that is the same for requests that begin alike: the system prompt and the first message, at most
    /// 4 KiB of them. Requests of one conversation share it, and so a provider's prompt cache.
    pub fn affinity(&self) -> u64 {
        // FNV-1a, stable over processes and versions, unlike the standard library's hasher.
        struct Fnv(u64);
        impl Hasher for Fnv {
            fn finish(&self) -> u64 {
                self.0
            }

            fn write(&mut self, bytes: &[u8]) {
                for byte in bytes {
                    self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
                }
            }
        }
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        hasher.write(&self.body[self.beginning.clone()]);
        hasher.finish()
    }
}

fn no_json(error: JsonError) -> Failure {
    Failure::new(
        Kind::BadRequest,
        format!("the request body is no valid JSON: {error}"),
    )
}

fn missing_model(what: &'static str) -> Failure {
    Failure::new(Kind::BadRequest, what).param("model")
}

/// Whether a streaming client asked for usage, and if not, the edit that asks in its name.
fn usage_wish(root: Value, options: Option<Value>) -> (bool, Option<Addition>) {
    let options = options.filter(|o| !o.is_null());
    let Some(options) = options else {
        // Before the closing brace; the object has at least `model` in it.
        let end = root.range().end - 1;
        // A `stream_options: null` is replaced as a whole.
        let edit: Addition = match root.get("stream_options") {
            Some(null) => (null.range(), br#"{"include_usage":true}"#),
            None => (end..end, br#","stream_options":{"include_usage":true}"#),
        };
        return (false, Some(edit));
    };
    if options.kind() != JsonKind::Object {
        // The provider will say what it thinks of it.
        return (true, None);
    }
    match options.get("include_usage") {
        Some(value) if value.as_bool() == Some(true) => (true, None),
        Some(value) => (false, Some((value.range(), b"true"))),
        None => {
            let end = options.range().end - 1;
            let text: &'static [u8] = if options.is_empty() {
                br#""include_usage":true"#
            } else {
                br#","include_usage":true"#
            };
            (false, Some((end..end, text)))
        }
    }
}

/// The bytes from the system prompt or first message on, at most 4 KiB.
fn beginning(root: Value) -> Range<usize> {
    const MOST: usize = 4096;
    let first = |value: Value| match value.elements().next() {
        // The system prompt alone would send all users of one application to one place.
        Some(first) => {
            let second = value.elements().nth(1).unwrap_or(first);
            first.range().start..second.range().end
        }
        None => value.range(),
    };
    let range = ["messages", "contents", "input", "prompt", "content"]
        .into_iter()
        .find_map(|key| root.get(key))
        .map_or(0..0, first);
    range.start..range.end.min(range.start + MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: Operation) -> Call {
        Call {
            operation,
            model: (operation.dialect() == Dialect::Gemini).then(|| "flash".to_owned()),
            version: "v1",
        }
    }

    fn decode(operation: Operation, body: &'static str) -> Result<Request, Failure> {
        Request::decode(&call(operation), Bytes::from_static(body.as_bytes()), 64)
    }

    fn text(body: Bytes) -> String {
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn only_the_models_name_is_replaced() {
        let body = "{ \"messages\":[] ,\n \"model\" : \"openai/gpt-4o\", \"x\": 1.0e3 }";
        let request = decode(Operation::Chat, body).unwrap();
        assert_eq!(
            text(request.body_for("gpt-4o", true)),
            body.replace("openai/gpt-4o", "gpt-4o")
        );
        assert_eq!(text(request.body_for("openai/gpt-4o", true)), body);
    }

    #[test]
    fn a_body_without_edits_is_the_very_same_buffer() {
        let request = decode(Operation::Messages, r#"{"model":"claude","messages":[]}"#).unwrap();
        assert_eq!(
            request.body_for("claude", true).as_ptr(),
            request.body.as_ptr()
        );
    }

    #[test]
    fn usage_is_asked_for_whatever_stands_there_already() {
        for (before, after) in [
            (
                r#"{"model":"m","stream":true}"#,
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":null}"#,
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{}}"#,
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{"include_obfuscation":false},"model":"m","stream":true}"#,
                r#"{"stream_options":{"include_obfuscation":false,"include_usage":true},"model":"m","stream":true}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":false}}"#,
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
        ] {
            let request = decode(Operation::Chat, before).unwrap();
            assert_eq!(request.asked_usage, Some(false), "{before}");
            assert_eq!(text(request.body_for("m", true)), after);
            assert_eq!(text(request.body_for("m", false)), before);
        }
    }

    #[test]
    fn a_client_that_asked_for_usage_keeps_its_own_words() {
        let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
        let request = decode(Operation::Chat, body).unwrap();
        assert_eq!(request.asked_usage, Some(true));
        assert!(!request.can_ask_usage());
        assert_eq!(text(request.body_for("m", true)), body);
    }

    #[test]
    fn bad_bodies_are_told_what_is_wrong() {
        for (body, word) in [
            ("", "JSON"),
            ("{", "JSON"),
            ("[]", "object"),
            ("{}", "`model` is missing"),
            (r#"{"model":7}"#, "string"),
            (r#"{"model":""}"#, "model name"),
            (r#"{"model":"../x"}"#, "model name"),
            (r#"{"model":"a","model":"b"}"#, "JSON"),
        ] {
            let failure = decode(Operation::Chat, body).unwrap_err();
            assert_eq!(failure.kind, Kind::BadRequest);
            assert!(
                failure.message.contains(word),
                "{body}: {}",
                failure.message
            );
        }
    }

    #[test]
    fn conversations_share_their_affinity_and_others_do_not() {
        let affinity = |body| decode(Operation::Chat, body).unwrap().affinity();
        let first = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#;
        let later = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
        let other = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"z"}]}"#;
        assert_eq!(affinity(first), affinity(later));
        assert_ne!(affinity(first), affinity(other));
    }

    #[test]
    fn gemini_takes_model_and_stream_from_the_path() {
        let request = decode(Operation::StreamGenerate, r#"{"contents":[]}"#).unwrap();
        assert_eq!((request.model.as_str(), request.stream), ("flash", true));
        assert_eq!(request.asked_usage, None);
    }
}
