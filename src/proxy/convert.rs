//! Between dialects: requests that a target understands only in another form than the client's, and its answers on their
//! way back. Requests to targets of the client's own dialect never come here.

use std::{collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::exchange::Exchange;
use crate::{
    catalogue::Needs,
    error::{Failure, Kind},
    protocol::{
        Call, Operation,
        answer::Reading,
        chat::{ChatRequest, Content, Json, MediaKind, ProviderError, Role},
        codec::{
            self, Asked, ClientCodec, DecodeStream, EncodeStream, ProviderCodec, Target as Goal,
        },
        count::{self, Counter},
        embed::{EmbedAnswer, EmbedRequest},
        event::{Event, Fold, unfold},
        loss::Losses,
        request::Request,
    },
    provider::OnUnsupported,
    routing::table::Target,
};

/// A request in canonical form.
#[derive(Clone, Debug)]
pub enum Canonical {
    /// A chat, or the wish to count one's tokens.
    Chat(Arc<ChatRequest>),
    /// Texts to embed.
    Embed(Arc<EmbedRequest>),
}

/// A body for one target.
pub struct Written {
    /// For whom.
    pub target: Target,
    /// The body.
    pub body: Bytes,
    /// Bodies of further calls, where one takes fewer texts than there are.
    pub more: VecDeque<Bytes>,
    /// What was left out, as the operator wished.
    pub dropped: Vec<String>,
}

impl Written {
    /// Whether it was written for this target.
    pub fn is_for(&self, target: &Target) -> bool {
        Arc::ptr_eq(&self.target.upstream, &target.upstream) && self.target.model == target.model
    }
}

/// What is known of a request before its first attempt.
pub struct Prepared {
    /// The targets that can do it, in the order of the route.
    pub targets: Vec<Target>,
    /// The canonical form, if any of them needs it.
    pub canonical: Option<Canonical>,
    /// What the first of them is sent, if it speaks another dialect.
    pub first: Option<Written>,
}

/// Whether a target takes the client's own bytes.
pub fn is_native(asked: Operation, offered: Operation) -> bool {
    // The form that Cohere's rerank has is the one that all others took over.
    asked == offered || (asked == Operation::Rerank && offered == Operation::CohereRerank)
}

/// Reads the request once, and leaves out the targets that cannot do what it asks.
///
/// # Errors
/// If it makes no sense, or if no target is left: then why the first one cannot.
pub fn prepare(
    call: &Call,
    request: &Request,
    betas: &[String],
    targets: Vec<Target>,
) -> Result<Prepared, Failure> {
    let asked = call.operation;
    let offered = |target: &Target| target.offers(asked, request.stream);
    if targets
        .iter()
        .all(|t| offered(t).is_none_or(|op| is_native(asked, op)))
    {
        return Ok(Prepared {
            targets,
            canonical: None,
            first: None,
        });
    }
    let canonical = read(call, request)?;
    let mut left = Vec::with_capacity(targets.len());
    let (mut first, mut refusal) = (None, None);
    for target in targets {
        match offered(&target) {
            Some(operation) if !is_native(asked, operation) => {
                match write(asked, operation, &canonical, betas, &target) {
                    Ok(written) if left.is_empty() => first = Some(written),
                    Ok(_) => {}
                    Err(failure) => {
                        refusal.get_or_insert(failure);
                        continue;
                    }
                }
            }
            Some(_) => {}
            None => continue,
        }
        left.push(target);
    }
    if left.is_empty() {
        return Err(refusal.unwrap_or_else(|| {
            Failure::new(Kind::Unsupported, "no target can do this").param("model")
        }));
    }
    Ok(Prepared {
        targets: left,
        canonical: Some(canonical),
        first,
    })
}

fn read(call: &Call, request: &Request) -> Result<Canonical, Failure> {
    let body = request.body();
    Ok(match call.operation {
        Operation::Embeddings | Operation::EmbedContent | Operation::BatchEmbedContents => {
            Canonical::Embed(Arc::new(EmbedRequest::read(call.operation, body)?))
        }
        Operation::MessagesCountTokens | Operation::CountTokens => {
            Canonical::Chat(Arc::new(chat_to_count(call, body)?))
        }
        operation => {
            let codec = codec::for_client(operation).ok_or_else(no_codec)?;
            let mut chat = codec.request(call, body)?;
            chat.stream = request.stream;
            Canonical::Chat(Arc::new(chat))
        }
    })
}

fn no_codec() -> Failure {
    Failure::new(Kind::Internal, "no codec for this operation")
}

/// Writes the body for a target of another dialect.
///
/// # Errors
/// If the target cannot do what the request asks, and the operator did not choose to drop that.
pub fn write(
    asked: Operation,
    operation: Operation,
    canonical: &Canonical,
    betas: &[String],
    target: &Target,
) -> Result<Written, Failure> {
    let mut losses = Losses::default();
    let upstream = &target.upstream;
    let goal = Goal {
        model: upstream.provider.model_name(&target.model),
        vendor: upstream.catalogue_name(),
        known: target.known.as_deref(),
        asks_stream_usage: upstream.asks_stream_usage,
    };
    let mut bodies: VecDeque<Bytes> = match canonical {
        Canonical::Embed(request) => {
            let texts;
            let request = if request.has_tokens() && operation != Operation::Embeddings {
                let mut copy = (**request).clone();
                copy.detokenise()?;
                texts = copy;
                &texts
            } else {
                &**request
            };
            let bodies = request.write(operation, &goal, &mut losses);
            bodies.into_iter().map(Bytes::from).collect()
        }
        Canonical::Chat(request) => {
            if let Some(model) = goal.known {
                for (what, why) in crate::catalogue::check(model, &needs(request)) {
                    losses.cannot(what, why);
                }
            }
            let betas: Vec<&String> = betas.iter().filter(|b| upstream.takes_beta(b)).collect();
            let with_betas;
            let request =
                if betas.is_empty() || operation.dialect() != crate::protocol::Dialect::Bedrock {
                    request
                } else {
                    let mut copy = (**request).clone();
                    let list = Json::from_value(&betas);
                    copy.extra.push(("anthropic_beta".to_owned(), list));
                    with_betas = Arc::new(copy);
                    &with_betas
                };
            let body = if let Some(counter) = counter(operation, target) {
                let codec = codec::of_dialect(operation.dialect());
                counter.write(codec, request, &goal, &mut losses)
            } else {
                codec::for_provider(operation)
                    .ok_or_else(no_codec)?
                    .request(request, &goal, &mut losses)
            };
            VecDeque::from([Bytes::from(body)])
        }
    };
    if let Some(loss) = losses.fatal()
        && target.on_unsupported == OnUnsupported::Error
        // A count of tokens leaves nothing undone.
        && !asked.counts()
    {
        return Err(Failure::new(
            Kind::Unsupported,
            format!(
                "`{}` is not possible with `{}/{}`: {}; leave it out, or let the operator set `on_unsupported: drop`",
                loss.what, upstream.name, target.model, loss.why
            ),
        )
        .param(loss.what.clone()));
    }
    Ok(Written {
        target: target.clone(),
        body: bodies.pop_front().unwrap_or_default(),
        more: bodies,
        dropped: losses.all().iter().map(|loss| loss.what.clone()).collect(),
    })
}

/// Who counts, if a count is asked for.
fn counter(operation: Operation, target: &Target) -> Option<Counter> {
    let counter = Counter::of(operation)?;
    let vertex = target.upstream.config().kind == crate::provider::Kind::Vertex;
    Some(match counter {
        Counter::Gemini if vertex => Counter::Vertex,
        counter => counter,
    })
}

/// Reads the chat whose tokens are to be counted.
///
/// # Errors
/// If it makes no sense.
pub fn chat_to_count(call: &Call, body: &[u8]) -> Result<ChatRequest, Failure> {
    // A count is asked for like the chat that it counts.
    let codec: &dyn ClientCodec = match call.operation {
        Operation::CountTokens => &codec::gemini::GeminiGenerate,
        _ => &codec::anthropic::AnthropicMessages,
    };
    count::read(codec, call, body)
}

/// What a model must be able to do for a request.
fn needs(request: &ChatRequest) -> Needs {
    let mut needs = Needs {
        tools: !request.tools.is_empty(),
        structured_output: matches!(
            request.output,
            Some(crate::protocol::chat::OutputFormat::Schema { .. })
        ),
        max_tokens: request.max_tokens,
        ..Needs::default()
    };
    let mut see = |kind| {
        let modality = match kind {
            MediaKind::Image => crate::catalogue::Modality::Image,
            MediaKind::Audio => crate::catalogue::Modality::Audio,
            MediaKind::Video => crate::catalogue::Modality::Video,
            MediaKind::Document => crate::catalogue::Modality::Document,
        };
        if !needs.input.contains(&modality) {
            needs.input.push(modality);
        }
    };
    for part in request.messages.iter().flat_map(|m| &m.parts) {
        match &part.content {
            Content::Media(media) => see(media.kind),
            Content::ToolResult { content, .. } => {
                for part in content {
                    if let Content::Media(media) = &part.content {
                        see(media.kind);
                    }
                }
            }
            _ => {}
        }
    }
    needs
}

/// What the client asked, as far as its answers show it.
pub fn asked(x: &Exchange, canonical: &ChatRequest) -> Asked {
    let request = x.request.as_ref().expect("decoded by intake");
    let call = x.call.as_ref().expect("recognised at the door");
    let now = x
        .started_at
        .duration_since(std::time::SystemTime::UNIX_EPOCH);
    // The turns may be large, and no answer repeats them.
    let shown = ChatRequest {
        messages: canonical
            .messages
            .iter()
            .take_while(|m| matches!(m.role, Role::System | Role::Developer))
            .cloned()
            .collect(),
        tools: canonical.tools.clone(),
        tool_choice: canonical.tool_choice.clone(),
        output: canonical.output.clone(),
        stop: canonical.stop.clone(),
        reasoning: canonical.reasoning.clone(),
        modalities: canonical.modalities.clone(),
        user: canonical.user.clone(),
        metadata: canonical.metadata.clone(),
        service_tier: canonical.service_tier.clone(),
        cache: canonical.cache.clone(),
        extra: canonical.extra.clone(),
        ..*canonical
    };
    Asked {
        operation: call.operation,
        model: request.model.clone(),
        request_id: x.request_id.clone(),
        now: now.map_or(0, |d| d.as_secs()),
        include_usage: request.asked_usage == Some(true),
        sse: x.wants_sse,
        request: Arc::new(shown),
    }
}

/// The way of one answer back to the client's dialect.
pub enum Converter {
    /// A chat.
    Chat(Box<Chat>),
    /// An answer that comes whole: vectors, or a count.
    Whole {
        /// What the provider was asked for.
        operation: Operation,
        /// What the client asked for.
        asked: Operation,
        /// The canonical request.
        canonical: Canonical,
        /// The model as the client named it.
        model: String,
        /// The gateway's id for the request.
        request_id: String,
        /// The answers to earlier calls of the same request.
        earlier: Vec<Bytes>,
        /// Whether further calls follow.
        more: bool,
    },
}

/// A chat on its way back.
pub struct Chat {
    provider: &'static dyn ProviderCodec,
    client: &'static dyn ClientCodec,
    asked: Asked,
    /// Whether the client wants a stream.
    stream: bool,
    decode: Option<Box<dyn DecodeStream>>,
    encode: Option<Box<dyn EncodeStream>>,
    fold: Fold,
    events: Vec<Event>,
    finished: bool,
}

/// What came of a piece of a stream.
#[derive(Debug, Default)]
pub struct Step {
    /// Whether something came that cannot be taken back.
    pub content: bool,
    /// The provider gave up.
    pub error: Option<ProviderError>,
}

impl Converter {
    /// The way back from what the running attempt asks for; `None` if the answer passes as it is.
    pub fn new(x: &Exchange) -> Option<Self> {
        let call = x.call.as_ref()?;
        let operation = x.operation?;
        if is_native(call.operation, operation) {
            return None;
        }
        let request = x.request.as_ref()?;
        match x.canonical.as_ref()? {
            Canonical::Chat(chat) if call.operation.is_chat() => {
                let asked = asked(x, chat);
                Some(Self::Chat(Box::new(Chat {
                    provider: codec::for_provider(operation)?,
                    client: codec::for_client(call.operation)?,
                    stream: request.stream,
                    asked,
                    decode: None,
                    encode: None,
                    fold: Fold::default(),
                    events: Vec::new(),
                    finished: false,
                })))
            }
            canonical => Some(Self::Whole {
                operation,
                asked: call.operation,
                canonical: canonical.clone(),
                model: request.model.clone(),
                request_id: x.request_id.clone(),
                earlier: x.answers.clone(),
                more: !x.more.is_empty(),
            }),
        }
    }

    /// Whether this is not the last call for the request.
    pub const fn wants_more(&self) -> bool {
        matches!(self, Self::Whole { more: true, .. })
    }

    /// Whether the client gets a stream.
    pub fn streams(&self) -> bool {
        matches!(self, Self::Chat(chat) if chat.stream)
    }

    /// Whether the client's stream is a JSON array.
    pub fn is_array(&self) -> bool {
        matches!(self, Self::Chat(chat)
            if chat.stream && chat.asked.operation == Operation::StreamGenerate && !chat.asked.sse)
    }

    /// The media type of the client's answer.
    pub fn content_type(&self) -> &'static str {
        if self.streams() && !self.is_array() {
            "text/event-stream; charset=utf-8"
        } else {
            "application/json"
        }
    }

    /// Converts a whole answer.
    pub fn whole(
        &mut self,
        body: &[u8],
        reading: &mut Reading,
        out: &mut BytesMut,
    ) -> Result<(), &'static str> {
        match self {
            Self::Chat(chat) => {
                let mut answer = chat.provider.answer(body).map_err(|e| e.0)?;
                reading.saw_model(Some(&answer.model));
                reading
                    .normalised
                    .get_or_insert_default()
                    .update(answer.usage);
                let word = answer.choices.first().map(|c| &c.ending);
                reading.saw_finish(finish_word(word));
                reading.ended = true;
                if answer.created.is_none() {
                    answer.created = Some(chat.asked.now);
                }
                if chat.stream {
                    let mut encode = chat.client.stream(&chat.asked);
                    for event in unfold(answer) {
                        encode.event(&event, out);
                    }
                } else {
                    out.extend_from_slice(&chat.client.answer(&answer, &chat.asked));
                }
                Ok(())
            }
            Self::Whole {
                operation,
                asked,
                canonical,
                model,
                request_id,
                earlier,
                ..
            } => {
                let body = match canonical {
                    Canonical::Embed(request) => {
                        earlier.push(Bytes::copy_from_slice(body));
                        let answer = EmbedAnswer::read(*operation, earlier, request.inputs.len())
                            .map_err(|e| e.0)?;
                        reading
                            .normalised
                            .get_or_insert_default()
                            .update(answer.usage);
                        answer.write(*asked, request, model, request_id)
                    }
                    Canonical::Chat(_) => {
                        let counter = Counter::of(*operation).ok_or("no codec")?;
                        let count = counter.read(body).map_err(|e| e.0)?;
                        count::write(*asked, &count)
                    }
                };
                reading.saw_finish("done");
                out.extend_from_slice(&body);
                Ok(())
            }
        }
    }

    /// Converts one frame of a stream. What the client gets is appended to `out`; for a client that wants the whole
    /// answer nothing comes before the end.
    pub fn frame(
        &mut self,
        event: &[u8],
        data: &[u8],
        reading: &mut Reading,
        out: &mut BytesMut,
    ) -> Step {
        let Self::Chat(chat) = self else {
            return Step::default();
        };
        let provider = chat.provider;
        chat.decode
            .get_or_insert_with(|| provider.stream())
            .frame(event, data, &mut chat.events);
        chat.drain(reading, out)
    }

    /// The provider's bytes have ended.
    pub fn end(&mut self, reading: &mut Reading, out: &mut BytesMut) -> Step {
        let Self::Chat(chat) = self else {
            return Step::default();
        };
        if let Some(decode) = &mut chat.decode {
            decode.finish(&mut chat.events);
        }
        chat.drain(reading, out)
    }

    /// Reads a provider's error.
    pub fn error(&self, status: u16, body: &[u8]) -> ProviderError {
        match self {
            Self::Chat(chat) => chat.provider.error(status, body),
            Self::Whole { operation, .. } => {
                let dialect = operation.dialect();
                codec::of_dialect(dialect).error(status, body)
            }
        }
    }
}

impl Chat {
    fn drain(&mut self, reading: &mut Reading, out: &mut BytesMut) -> Step {
        let mut step = Step::default();
        // What comes behind the end, such as `[DONE]`, is not answered a second time.
        let was_finished = self.finished;
        for event in self.events.drain(..) {
            if self.finished {
                break;
            }
            match &event {
                Event::Start(start) => {
                    reading.saw_model(Some(&start.model));
                    reading
                        .normalised
                        .get_or_insert_default()
                        .update(start.usage);
                }
                Event::Usage(usage) => {
                    reading.normalised.get_or_insert_default().update(*usage);
                }
                Event::Finish { choice: 0, ending } => {
                    reading.saw_finish(finish_word(Some(ending)));
                }
                Event::Error(error) => {
                    step.error = Some(error.clone());
                    self.finished = true;
                    break;
                }
                Event::End => {
                    reading.ended = true;
                    self.finished = true;
                }
                _ => {}
            }
            step.content |= event.is_content();
            if self.stream {
                let (client, asked) = (self.client, &self.asked);
                let encode = self.encode.get_or_insert_with(|| client.stream(asked));
                encode.event(&event, out);
                reading.next_sequence = encode.next_sequence();
            } else {
                self.fold.push(event);
            }
        }
        self.events.clear();
        if !self.stream && self.finished && !was_finished && step.error.is_none() {
            let mut answer = std::mem::take(&mut self.fold).answer;
            if answer.created.is_none() {
                answer.created = Some(self.asked.now);
            }
            out.extend_from_slice(&self.client.answer(&answer, &self.asked));
        }
        step
    }
}

fn finish_word(ending: Option<&crate::protocol::chat::Ending>) -> &str {
    ending
        .and_then(|ending| ending.word.as_deref())
        .unwrap_or("done")
}

/// A provider's error as a failure to tell the client.
pub fn failure(error: ProviderError) -> Failure {
    let message = if error.message.is_empty() {
        format!("the provider answered with status {}", error.status)
    } else {
        error.message
    };
    let status = match error.status {
        // Bedrock says so that the model failed; clients take any other 4xx for their own fault.
        424 => 502,
        status @ 400..=599 => status,
        _ => 502,
    };
    let mut failure = Failure::new(Kind::Provider(status), message);
    failure.code = error.code.or(error.kind);
    failure.param = error.param.map(Into::into);
    failure
}
