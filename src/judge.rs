//! Asks judges: models and moderation endpoints behind the configured providers, and webhooks. Each question has a time
//! limit; answers have a size limit; redirects are not followed, and nothing of the client's but the texts goes along.

use std::{fmt, sync::LazyLock, time::Instant};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT,
    },
};
use pingora::{connectors::http::Connector, http::RequestHeader};

use crate::{
    auth::Secret,
    guard::{
        judge::{
            Judge, Kind, Nonsense, Question, Said, Verdict,
            prompt::{self, Turn},
            verdict, webhook,
        },
        profile::Direction,
    },
    protocol::{
        Call, Operation,
        chat::{ChatRequest, Content, Message, Part, Role},
        codec::{self, Target as Goal},
        loss::Losses,
    },
    routing::{
        retry::retry_after,
        table::{Table, Target},
    },
    upstream::{
        fetch::{FetchError, FetchRequest, fetch, fetch_from},
        pool::Chosen,
        token::Token,
    },
};

/// The longest answer of a judge.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Tokens that a model may say. Guards need a few; models that think first need more.
const MOST_TOKENS: u64 = 1024;

/// How often a question is put to a provider: the second time to another endpoint or with another key.
const MOST_TRIES: usize = 2;

/// How long a key rests that is limited, where the provider does not say it.
const REST: std::time::Duration = std::time::Duration::from_secs(1);

/// Connections for questions only, so that they never take those of requests.
static CONNECTOR: LazyLock<Connector> = LazyLock::new(|| Connector::new(None));

/// Why there is no verdict. Names no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It took too long, or no place became free in time.
    Timeout,
    /// There is no connection, or it broke off.
    Unreachable,
    /// It answered with this status.
    Status(u16),
    /// What it said is no verdict.
    Nonsense(&'static str),
    /// Its answer, or the text to judge, is longer than what can be held.
    TooLong,
    /// The gateway cannot ask: no credential, no such operation.
    Unable(&'static str),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no verdict in time"),
            Self::Unreachable => f.write_str("it cannot be reached"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Nonsense(why) => write!(f, "no verdict: {why}"),
            Self::TooLong => f.write_str("too long"),
            Self::Unable(why) => f.write_str(why),
        }
    }
}

impl From<Nonsense> for Trouble {
    fn from(Nonsense(why): Nonsense) -> Self {
        Self::Nonsense(why)
    }
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Timeout(_) => Self::Timeout,
            FetchError::TooLong(_) => Self::TooLong,
            FetchError::Request(_) => Self::Unable("the request cannot be sent"),
            FetchError::Resolve(_) | FetchError::Connect(_) | FetchError::Broken(_) => {
                Self::Unreachable
            }
        }
    }
}

/// Asks a judge. Who asks the same at the same time waits for the same answer.
///
/// # Errors
/// If it gives no verdict in time.
pub async fn ask(table: &Table, judge: &Judge, question: &Question) -> Result<Verdict, Trouble> {
    let since = Instant::now();
    // On the heap, since Pingora's futures are large and callers carry this one along.
    let work = Box::pin(ask_once(table, judge, question, since));
    match tokio::time::timeout(judge.config.timeout.get(), work).await {
        Ok(done) => done,
        Err(_) => Err(Trouble::Timeout),
    }
}

async fn ask_once(
    table: &Table,
    judge: &Judge,
    question: &Question,
    since: Instant,
) -> Result<Verdict, Trouble> {
    let texts = question.texts(judge);
    let told = match judge.config.kind {
        Kind::Model => Told::Messages(prompt::messages(judge, question.direction, &texts)),
        Kind::Moderation => Told::Inputs(inputs(question.direction, &texts)),
        Kind::Webhook => Told::Texts(texts.clone()),
    };
    let nothing = match &told {
        Told::Inputs(inputs) => inputs.is_empty(),
        _ => texts.is_empty(),
    };
    if nothing {
        return Ok(Verdict::SAFE);
    }
    let put = || async {
        let place = judge.places.acquire().await;
        let _place = place.map_err(|_| Trouble::Unable("it takes no questions"))?;
        match &told {
            Told::Messages(turns) => of_model(table, judge, turns).await,
            Told::Inputs(inputs) => of_moderation(table, judge, inputs).await,
            Told::Texts(texts) => of_webhook(judge, question, texts, since).await,
        }
    };
    match judge.cell(&told.digestible(question)) {
        Some(cell) => cell.get_or_try_init(put).await.cloned(),
        None => put().await,
    }
}

/// What a judge is told.
enum Told {
    /// A model, these turns.
    Messages(Vec<Turn>),
    /// A moderation endpoint, these inputs.
    Inputs(Vec<String>),
    /// A webhook, these texts.
    Texts(Vec<Said>),
}

impl Told {
    /// What a verdict is remembered by: all that decides it, and nothing that differs with each request.
    fn digestible(&self, question: &Question) -> Vec<u8> {
        let pieces = |pieces: &mut dyn Iterator<Item = (u8, &str)>| {
            let mut out = Vec::new();
            for (mark, text) in pieces {
                out.push(mark);
                out.extend_from_slice(&(text.len() as u64).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            out
        };
        match self {
            Self::Messages(turns) => {
                pieces(&mut turns.iter().map(|t| (u8::from(t.agent), t.text.as_str())))
            }
            Self::Inputs(inputs) => pieces(&mut inputs.iter().map(|text| (0, text.as_str()))),
            Self::Texts(texts) => webhook::body(question, "", texts),
        }
    }
}

/// The texts for a moderation endpoint, which knows no turns: of an answer, the answer only.
fn inputs(direction: Direction, texts: &[Said]) -> Vec<String> {
    let own = |said: &&Said| direction == Direction::Prompt || said.turn == ANSWER;
    texts
        .iter()
        .filter(own)
        .map(|said| said.text.clone())
        .collect()
}

/// The turn of an answer's texts.
pub const ANSWER: u32 = u32::MAX;

/// The provider and model of a judge, and what to ask of it.
fn target(table: &Table, judge: &Judge, asked: Operation) -> Result<(Target, Operation), Trouble> {
    let model = judge.config.model.as_deref().unwrap_or_default();
    let choice = table.choose(model, asked, false);
    let mut choice = choice.map_err(|_| Trouble::Unable("its provider has no such operation"))?;
    let target = choice.targets.swap_remove(0);
    match target.offers(asked, false) {
        Some(operation) => Ok((target, operation)),
        None => Err(Trouble::Unable("its provider has no such operation")),
    }
}

async fn of_model(table: &Table, judge: &Judge, turns: &[Turn]) -> Result<Verdict, Trouble> {
    let (target, operation) = target(table, judge, Operation::Chat)?;
    let codec = codec::for_provider(operation).ok_or(Trouble::Unable("it is no chat model"))?;
    let message = |turn: &Turn| Message {
        role: match turn.agent {
            true => Role::Assistant,
            false => Role::User,
        },
        name: None,
        parts: vec![Part::text(turn.text.clone())],
    };
    let chat = ChatRequest {
        messages: turns.iter().map(message).collect(),
        max_tokens: Some(MOST_TOKENS),
        temperature: Some(0.0),
        ..ChatRequest::default()
    };
    let upstream = &target.upstream;
    let goal = Goal {
        model: upstream.provider.model_name(&target.model),
        vendor: upstream.catalogue_name(),
        known: target.known.as_deref(),
        asks_stream_usage: false,
    };
    // What a model cannot do of this (a temperature, a limit) does not change the verdict.
    let body = codec.request(&chat, &goal, &mut Losses::default());
    let body = put(&target, operation, body.into()).await?;
    let answer = codec
        .answer(&body)
        .map_err(|_| Trouble::Nonsense("no answer of a chat"))?;
    let choice = answer.choices.first();
    let parts = choice.map_or(&[][..], |choice| &choice.parts);
    let mut text = String::new();
    for part in parts {
        match &part.content {
            Content::Text { text: said, .. } => text.push_str(said),
            Content::Refusal { .. } => return Err(Trouble::Nonsense("the model refused")),
            _ => {}
        }
    }
    Ok(verdict::of_model(judge, &text)?)
}

/// <https://platform.openai.com/docs/api-reference/moderations/create>
async fn of_moderation(
    table: &Table,
    judge: &Judge,
    inputs: &[String],
) -> Result<Verdict, Trouble> {
    let (target, operation) = target(table, judge, Operation::Moderations)?;
    let model = target.upstream.provider.model_name(&target.model);
    let body = serde_json::json!({"model": model, "input": inputs});
    let body = put(&target, operation, body.to_string().into()).await?;
    Ok(verdict::of_moderation(judge, &body, inputs.len())?)
}

async fn of_webhook(
    judge: &Judge,
    question: &Question,
    texts: &[Said],
    since: Instant,
) -> Result<Verdict, Trouble> {
    let body = webhook::body(question, &question.request_id, texts);
    let mut headers = HeaderMap::new();
    for (name, value) in &judge.config.headers {
        if let Some((name, value)) = header(name, value) {
            headers.insert(name, value);
        }
    }
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json.clone());
    headers.insert(ACCEPT, json);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(secret) = &judge.config.secret
        && let Ok(value) = HeaderValue::from_str(&webhook::signature(secret, &body))
    {
        headers.insert(HeaderName::from_static(webhook::SIGNATURE), value);
    }
    let request = FetchRequest {
        method: Method::POST,
        url: judge.config.url.clone().unwrap_or_default(),
        headers,
        body: body.into(),
        certificates: None,
        timeout: judge.time_left(since),
        limit: LONGEST_ANSWER,
    };
    let answer = fetch(&CONNECTOR, request).await?;
    if answer.status != StatusCode::OK {
        return Err(Trouble::Status(answer.status.as_u16()));
    }
    Ok(verdict::of_webhook(&answer.body)?)
}

fn header(name: &str, value: &Secret) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value.expose()).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}

/// Puts a question to a provider: to an endpoint of its pool, with one of its keys.
async fn put(target: &Target, operation: Operation, body: Bytes) -> Result<Bytes, Trouble> {
    let upstream = &target.upstream;
    let body = upstream.provider.finish_body(operation, body);
    let (mut addresses, mut keys) = (Vec::new(), 0);
    let mut trouble = Trouble::Unreachable;
    for _ in 0..MOST_TRIES {
        let Some(chosen) = upstream.pool.select(fastrand::u64(..), &addresses, true) else {
            break;
        };
        let Some(key) = upstream.credentials.pick(keys) else {
            break;
        };
        let token = match upstream.provider.tokens() {
            // The caller's time limit is the patience.
            Some(tokens) => {
                let token = tokens.token(std::time::Duration::from_secs(600)).await;
                Some(token.map_err(|_| Trouble::Unable("no token for the provider"))?)
            }
            None => None,
        };
        let head = head(
            target,
            operation,
            &body,
            &chosen,
            key.secret.as_deref(),
            token.as_deref(),
        );
        let head = head.map_err(|_| Trouble::Unable("the request cannot be written"))?;
        let begun = Instant::now();
        let peer = chosen.peer();
        let asking = fetch_from(&CONNECTOR, &peer, head, body.clone(), LONGEST_ANSWER);
        let answer = match asking.await {
            Ok(answer) => answer,
            Err(FetchError::TooLong(_)) => return Err(Trouble::TooLong),
            Err(error) => {
                chosen.failed();
                addresses.push(chosen.address());
                trouble = error.into();
                continue;
            }
        };
        let status = answer.status.as_u16();
        trouble = Trouble::Status(status);
        match status {
            200 => {
                chosen.succeeded(begun.elapsed());
                return Ok(answer.body);
            }
            401 => {
                let renewed = token.zip(upstream.provider.tokens());
                let renewed = renewed.is_some_and(|(token, tokens)| tokens.invalidate(&token));
                keys |= if renewed { 0 } else { key.bit() };
            }
            403 | 429 => {
                if status == 429 {
                    let time = retry_after(&answer.headers).unwrap_or(REST);
                    upstream.credentials.rest(key.index, time);
                }
                keys |= key.bit();
            }
            500.. => {
                chosen.failed();
                addresses.push(chosen.address());
            }
            _ => break,
        }
    }
    Err(trouble)
}

fn head(
    target: &Target,
    operation: Operation,
    body: &[u8],
    chosen: &Chosen,
    key: Option<&Secret>,
    token: Option<&Token>,
) -> pingora::Result<RequestHeader> {
    let provider = &target.upstream.provider;
    let call = Call {
        operation,
        model: None,
        version: "v1beta",
    };
    let url = chosen.url();
    let path = provider.path(&call, &url.path, &target.wish(false));
    let mut head = RequestHeader::build_no_case(Method::POST, path.as_bytes(), Some(12))?;
    head.insert_header(HOST, url.authority())?;
    head.insert_header(CONTENT_TYPE, "application/json")?;
    head.insert_header(ACCEPT, "application/json")?;
    head.insert_header(
        USER_AGENT,
        concat!("sluicegate/", env!("CARGO_PKG_VERSION")),
    )?;
    for (name, value) in &target.upstream.headers {
        head.insert_header(name, value)?;
    }
    head.insert_header(ACCEPT_ENCODING, "identity")?;
    head.insert_header(CONTENT_LENGTH, body.len())?;
    if let Some(token) = token {
        head.insert_header(AUTHORIZATION, token.authorization())?;
    }
    provider.authorize(&mut head, key, body)?;
    Ok(head)
}
