//! What a prompt probably counts, by OpenAI's tokenizers.

use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

use crate::protocol::chat::{
    ChatRequest, Content, Media, MediaKind, OutputFormat, Part, Source, Tool,
};

/// Longest text, all of a request's together, that is counted in full.
const COUNTED: usize = 1 << 20;

/// Of longer ones every so many bytes a window is counted, and the rest taken for the same.
const WINDOW: usize = 4096;

/// Longest run without white space that the tokenizer gets to see. Its work on one grows faster than the run, and its
/// regular expression may give up on one.
const RUN: usize = 256;

/// An image in high detail of 1024 by 1024: 85 and 4 tiles of 170. Sizes are not looked at.
/// <https://platform.openai.com/docs/guides/images-vision#calculating-costs>
const IMAGE: u64 = 765;

/// An image in low detail, by the same page.
const IMAGE_LOW: u64 = 85;

/// Bytes of sound or film for a token: Gemini's 32 tokens a second of sound at 128 kbit/s, and near enough its 263 of
/// film at 1 Mbit/s. <https://ai.google.dev/gemini-api/docs/tokens#multimodal-tokens>
const BYTES_OF_SOUND: u64 = 500;

/// A page of a document (Gemini's 258, by the same page), and how many bytes one is taken for.
const PAGE: u64 = 258;
const BYTES_OF_PAGE: u64 = 1 << 16;

/// Estimates the tokens of a prompt, for providers that do not count.
///
/// Texts count by `o200k_base`, for GPT-4 and GPT-3.5 by `cl100k_base`; other vendors' tokenizers differ from these by
/// some ten percent, more for languages other than English. Each message adds 3 and its name 1 more, the answer's
/// beginning 3 (<https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken>). Tools and schemas count as
/// their JSON, calls by name and arguments. Images count 765, or 85 in low detail; documents 258 for every 64 KiB,
/// sound and film 1 for every 500 bytes; media behind an address, whose size is unknown, as one image.
///
/// Of more than 1 MiB of text samples are counted. The first use makes the tokenizer's table, and a long prompt takes
/// tens of milliseconds: call it on a blocking thread (`spawn_blocking`), never on an async worker.
pub fn estimate(request: &ChatRequest, model: &str) -> u64 {
    let mut prompt = Prompt::default();
    prompt.request(request);
    prompt.fixed + tokens(tokenizer(model), &prompt.texts)
}

/// <https://github.com/openai/tiktoken/blob/main/tiktoken/model.py>
fn tokenizer(model: &str) -> &'static CoreBPE {
    let name = model.rsplit('/').next().unwrap_or(model);
    let old = ["gpt-4-", "gpt-3.5", "gpt-35"];
    if name == "gpt-4" || old.iter().any(|old| name.starts_with(old)) {
        cl100k_base_singleton()
    } else {
        o200k_base_singleton()
    }
}

#[derive(Default)]
struct Prompt<'a> {
    texts: Vec<&'a str>,
    fixed: u64,
}

impl<'a> Prompt<'a> {
    fn request(&mut self, request: &'a ChatRequest) {
        self.fixed += 3;
        for message in &request.messages {
            self.fixed += 3;
            if let Some(name) = &message.name {
                self.fixed += 1;
                self.texts.push(name);
            }
            self.parts(&message.parts);
        }
        for tool in &request.tools {
            match tool {
                Tool::Function(function) => {
                    self.texts.push(&function.name);
                    self.texts.extend(function.description.as_deref());
                    self.texts.extend(function.schema.as_ref().map(|s| s.get()));
                }
                Tool::Hosted { json, .. } => self.texts.push(json.get()),
            }
        }
        if let Some(OutputFormat::Schema { schema, .. }) = &request.output {
            self.texts.push(schema.get());
        }
    }

    fn parts(&mut self, parts: &'a [Part]) {
        for part in parts {
            match &part.content {
                Content::Text { text, .. }
                | Content::Thinking { text, .. }
                | Content::Refusal { text } => self.texts.push(text),
                Content::Media(media) => self.media(media),
                Content::RedactedThinking => {}
                Content::ToolCall {
                    name, arguments, ..
                } => self.texts.extend([&**name, &**arguments]),
                Content::ToolResult { content, .. } => self.parts(content),
                Content::Foreign { json, .. } => self.texts.push(json.get()),
            }
        }
    }

    fn media(&mut self, media: &'a Media) {
        let bytes = match &media.source {
            Source::Text(text) => return self.texts.push(text),
            Source::Base64(data) => Some(data.len() as u64 / 4 * 3),
            Source::Url(_) | Source::File(_) => None,
        };
        self.fixed += match (media.kind, bytes) {
            (MediaKind::Image, _) if media.detail.as_deref() == Some("low") => IMAGE_LOW,
            (MediaKind::Image, _) | (_, None) => IMAGE,
            (MediaKind::Document, Some(bytes)) => PAGE * bytes.div_ceil(BYTES_OF_PAGE),
            (MediaKind::Audio | MediaKind::Video, Some(bytes)) => bytes.div_ceil(BYTES_OF_SOUND),
        };
    }
}

fn tokens(tokenizer: &CoreBPE, texts: &[&str]) -> u64 {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    if bytes <= COUNTED {
        return texts.iter().map(|text| count(tokenizer, text)).sum();
    }
    // Windows from all over, half of the limit together.
    let stride = bytes.div_ceil(COUNTED / 2).saturating_mul(WINDOW);
    let (mut sampled, mut counted) = (0, 0);
    for text in texts {
        for start in (0..text.len()).step_by(stride) {
            let start = text.floor_char_boundary(start);
            let end = text.floor_char_boundary(start.saturating_add(WINDOW));
            sampled += (end - start) as u64;
            counted += count(tokenizer, &text[start..end]);
        }
    }
    (counted * bytes as u64).checked_div(sampled).unwrap_or(0)
}

/// Counts a text, cut inside of runs that are too long for the tokenizer.
fn count(tokenizer: &CoreBPE, text: &str) -> u64 {
    let mut tokens = 0;
    let mut rest = text;
    while let Some(cut) = long_run(rest) {
        let (head, tail) = rest.split_at(cut);
        tokens += tokenizer.encode_ordinary(head).len() as u64;
        rest = tail;
    }
    tokens + tokenizer.encode_ordinary(rest).len() as u64
}

/// Where to cut: in the first run of bytes, either all white space or none, that is longer than [`RUN`].
fn long_run(text: &str) -> Option<usize> {
    let mut start = 0;
    let mut white = None;
    for (at, byte) in text.bytes().enumerate() {
        let now = byte.is_ascii_whitespace();
        if white != Some(now) {
            white = Some(now);
            start = at;
        }
        if at - start >= RUN {
            return Some(text.floor_char_boundary(at));
        }
    }
    None
}
