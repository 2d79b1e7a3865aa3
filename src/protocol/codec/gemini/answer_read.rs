//! A provider's whole answer, read; and its errors.

use super::{
    super::{
        super::{
            chat::{
                ChatAnswer, Choice, Content, Ending, Finish, Part, ProviderError, TokenLogprob,
            },
            event,
            json::{Document, Kind, Limits, Value},
        },
        NotUnderstood,
    },
    citations::{self, Found},
    finish,
    object::{count, get, members, number, string},
    part_read::{self, Piece},
    usage::Counts,
};

/// Reads a whole answer.
pub(super) fn read(body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
    let document =
        Document::parse(body, Limits::default()).map_err(|_| NotUnderstood("it is no JSON"))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(NotUnderstood("it is no object"));
    }
    let mut answer = ChatAnswer::default();
    let mut counts = Counts::default();
    let mut blocked = None;
    for (name, value) in members(root) {
        match &*name {
            "candidates" => {
                for (n, candidate) in value.elements().enumerate() {
                    answer.choices.extend(choice(candidate, n));
                }
            }
            "promptFeedback" => blocked = block(value),
            "usageMetadata" => answer.service_tier = counts.read(value),
            "modelVersion" => answer.model = string(value).unwrap_or_default(),
            "responseId" => answer.id = string(value).unwrap_or_default(),
            "createTime" => answer.created = created(value),
            "error" => return Err(NotUnderstood("it is an error")),
            _ => {}
        }
    }
    if answer.choices.is_empty() {
        let ending = blocked.ok_or(NotUnderstood("it has no candidates"))?;
        answer.choices.push(Choice {
            ending,
            ..Choice::default()
        });
    }
    answer.choices.sort_by_key(|choice| choice.index);
    answer.choices.dedup_by_key(|choice| choice.index);
    answer.usage = counts.usage();
    Ok(answer)
}

/// A prompt that was not let through is an answer without candidates.
/// <https://ai.google.dev/api/generate-content#PromptFeedback>
pub(super) fn block(feedback: Value<'_>) -> Option<Ending> {
    let word = get(feedback, "blockReason")?.as_str()?.into_owned();
    Some(Ending::new(Finish::ContentFilter, &word))
}

/// RFC 3339, from Vertex.
pub(super) fn created(time: Value<'_>) -> Option<u64> {
    let time = humantime::parse_rfc3339(&time.as_str()?).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

/// Which choice a candidate is; zero goes without saying in protocol buffers.
pub(super) fn index(candidate: Value<'_>, n: usize) -> Option<u32> {
    let told = get(candidate, "index").and_then(count);
    // Nobody gives so many.
    u32::try_from(told.unwrap_or(n as u64))
        .ok()
        .filter(|n| *n < 128)
}

fn choice(candidate: Value<'_>, n: usize) -> Option<Choice> {
    let mut parts = Parts::default();
    let (mut grounding, mut cited, mut reason) = (None, None, None);
    let mut choice = Choice {
        index: index(candidate, n)?,
        ..Choice::default()
    };
    for (name, value) in members(candidate) {
        match &*name {
            "content" => {
                let list = get(value, "parts").into_iter().flat_map(Value::elements);
                for (n, part) in list.enumerate() {
                    parts.push(n, part_read::read(part, part_read::from_provider));
                }
            }
            "finishReason" => reason = value.as_str(),
            "groundingMetadata" => grounding = Some(value),
            "citationMetadata" => cited = Some(value),
            "logprobsResult" => choice.logprobs = logprobs(value),
            _ => {}
        }
    }
    for found in citations::read(grounding, cited) {
        parts.cite(&found);
    }
    choice.ending = finish::read(reason.as_deref().unwrap_or("STOP"), parts.calls);
    choice.parts = parts.list;
    Some(choice)
}

/// The parts of a whole answer.
#[derive(Default)]
struct Parts {
    list: Vec<Part>,
    /// For each text of the answer: its number there, our part, and where in that part's text it begins.
    texts: Vec<(usize, usize, usize)>,
    calls: bool,
}

impl Parts {
    fn push(&mut self, n: usize, piece: Piece) {
        match piece {
            Piece::Text {
                text,
                thought,
                signature,
            } => {
                if text.is_empty() && signature.is_none() {
                    return;
                }
                // Signed parts stay what they are, as Google demands; others of a kind are one.
                let place = self.list.len();
                let last = self.list.last_mut();
                let last = last.filter(|last| signature.is_none() && last.signature.is_none());
                match (last.map(|last| &mut last.content), thought) {
                    (Some(Content::Text { text: before, .. }), false) => {
                        self.texts.push((n, place - 1, before.len()));
                        before.push_str(&text);
                    }
                    (Some(Content::Thinking { text: before, .. }), true) => before.push_str(&text),
                    (_, true) => {
                        let part = Part::new(Content::Thinking { text, id: None });
                        self.list.push(part.signed(signature));
                    }
                    (_, false) => {
                        self.texts.push((n, place, 0));
                        self.list.push(Part::text(text).signed(signature));
                    }
                }
            }
            Piece::Call {
                id,
                name,
                arguments,
                signature,
            } => {
                if name.is_empty() {
                    return;
                }
                self.calls = true;
                let call = Content::ToolCall {
                    id: id.unwrap_or_else(event::new_call_id),
                    name,
                    arguments,
                };
                self.list.push(Part::new(call).signed(signature));
            }
            Piece::Whole(part) => self.list.push(part),
            Piece::Result { .. } | Piece::Nothing => {}
        }
    }

    fn text(&self, part: usize) -> &str {
        match self.list.get(part).map(|part| &part.content) {
            Some(Content::Text { text, .. }) => text,
            _ => "",
        }
    }

    /// Adds a citation to the text that it is for: the part that is named, or the first that has the words there, or
    /// all texts counted as one (as in streams), or wherever the words stand; else the last text, without a place.
    fn cite(&mut self, found: &Found) {
        let Some(last) = self.texts.last().map(|(_, part, _)| *part) else {
            return;
        };
        let mut place = None;
        if let Some((start, end)) = found.range {
            let named = self.texts.iter().find_map(|(n, part, base)| {
                let (start, end) = (base.saturating_add(start), base.saturating_add(end));
                let fits = found.part.is_none_or(|named| named == *n)
                    && found.fits(self.text(*part), start, end);
                fits.then_some((*part, start, end))
            });
            place = named.or_else(|| self.in_all(found, start, end));
        }
        if place.is_none()
            && let Some(words) = found.words.as_deref().filter(|words| !words.is_empty())
        {
            place = self.texts.iter().find_map(|(_, part, _)| {
                let start = self.text(*part).find(words)?;
                Some((*part, start, start + words.len()))
            });
        }
        let (part, citation) = match place {
            Some((part, start, end)) => (part, found.at(self.text(part), start, end)),
            None => (last, found.citation.clone()),
        };
        if let Some(Content::Text { citations, .. }) =
            self.list.get_mut(part).map(|part| &mut part.content)
        {
            citations.push(citation);
        }
    }

    fn in_all(&self, found: &Found, start: usize, end: usize) -> Option<(usize, usize, usize)> {
        let mut before = 0;
        for part in 0..self.list.len() {
            let text = self.text(part);
            if let (Some(start), Some(end)) = (start.checked_sub(before), end.checked_sub(before))
                && found.fits(text, start, end)
            {
                return Some((part, start, end));
            }
            before += text.len();
        }
        None
    }
}

/// <https://ai.google.dev/api/generate-content#LogprobsResult>
pub(super) fn logprobs(result: Value<'_>) -> Vec<TokenLogprob> {
    let one = |value: Value<'_>| TokenLogprob {
        token: get(value, "token").and_then(string).unwrap_or_default(),
        logprob: get(value, "logProbability").and_then(number).unwrap_or(0.0),
        ..TokenLogprob::default()
    };
    let list = |name| get(result, name).into_iter().flat_map(Value::elements);
    let mut tops = list("topCandidates");
    list("chosenCandidates")
        .map(|chosen| TokenLogprob {
            top: tops
                .next()
                .and_then(|top| get(top, "candidates"))
                .into_iter()
                .flat_map(Value::elements)
                .map(one)
                .collect(),
            ..one(chosen)
        })
        .collect()
}

/// Reads an error, whatever the body is.
pub(super) fn error(status: u16, body: &[u8]) -> ProviderError {
    let document = Document::parse(body, Limits::default());
    let told = document
        .as_ref()
        .ok()
        .and_then(|document| error_in(document.root()));
    let mut error = told.unwrap_or_else(|| ProviderError {
        message: plain(status, body),
        ..ProviderError::default()
    });
    error.status = status;
    error
}

/// The error that a value tells: `{"error": {…}}`, alone or in a list as streams without `alt=sse` have it.
/// <https://cloud.google.com/apis/design/errors>
pub(super) fn error_in(value: Value<'_>) -> Option<ProviderError> {
    if value.kind() == Kind::Array {
        return value.elements().find_map(error_in);
    }
    let told = get(value, "error")?;
    if told.kind() == Kind::String {
        return Some(ProviderError {
            status: 500,
            message: string(told)?,
            ..ProviderError::default()
        });
    }
    if told.kind() != Kind::Object {
        return None;
    }
    let mut error = ProviderError {
        status: 500,
        ..ProviderError::default()
    };
    for (name, value) in members(told) {
        match &*name {
            "code" => {
                let status = count(value).and_then(|n| u16::try_from(n).ok());
                error.status = status.filter(|n| (400..600).contains(n)).unwrap_or(500);
            }
            "message" => error.message = string(value).unwrap_or_default(),
            "status" => error.kind = string(value),
            "details" => {
                for detail in value.elements() {
                    error.code = error.code.or(get(detail, "reason").and_then(string));
                    let violations = get(detail, "fieldViolations");
                    let fields = violations.into_iter().flat_map(Value::elements);
                    let field = fields.filter_map(|one| string(get(one, "field")?)).next();
                    error.param = error.param.or(field);
                }
            }
            _ => {}
        }
    }
    Some(error)
}

/// What is no error of Google's: the page of some proxy.
fn plain(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') {
        return format!("the provider answered with status {status}");
    }
    text.chars().take(500).collect()
}
