//! The demo provider: a small stand-in for a model, inside the binary.
//!
//! `sluicegate demo` shows the whole gateway with no key and no network. The
//! gateway reaches this server over a loopback socket like any other upstream,
//! so whatever works here has gone through the real path. It speaks the dialects
//! of OpenAI, Anthropic and Gemini, takes any key and any model name, and says
//! the same thing to the same prompt. Text is all it understands: images and
//! files are ignored and not counted.
//!
//! When the last user message begins with one of these, failure handling can be
//! watched; several may follow each other, as in `/slow 2 /long 50 /die`:
//!
//! | order           | effect                                                      |
//! |-----------------|-------------------------------------------------------------|
//! | `/slow N`       | N seconds (at most an hour) before a first byte is sent     |
//! | `/long N`       | an answer of N words, at most 20,000                        |
//! | `/error STATUS` | that status (400 to 599) in the provider's own error shape  |
//! | `/die`          | the connection is cut when half of the answer has been sent |
//!
//! A tool is called when `tool_choice` forces it, or when the last user message
//! contains its name.

mod answer;
mod anthropic;
mod embedding;
mod fault;
mod gemini;
mod openai;
#[cfg(test)]
mod probe;
mod prompt;
mod sample;
mod script;

use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, HeaderValue, request::Parts},
    response::Response,
    serve::ListenerExt,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, time::sleep};

use self::fault::Fault;

/// The one model this provider lists; it answers to every other name as well.
pub const MODEL: &str = "demo";

/// Room for a prompt with attached files, which clients send inline.
const LARGEST_BODY: usize = 64 << 20;

/// How long answers under way may take once asked to stop: `/slow` takes an hour.
const GRACE: Duration = Duration::from_secs(2);

/// Serves the demo provider until `stop` resolves.
pub async fn serve(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Words are small writes, which Nagle's algorithm would hold back in pairs.
    let listener = listener.tap_io(|connection| {
        // A connection that is gone already ends by itself.
        let _ = connection.set_nodelay(true);
    });
    let (stopping, stopped) = oneshot::channel();
    let stop = async {
        stop.await;
        // Nobody listens any more when the server failed before.
        let _ = stopping.send(());
    };
    let app = Router::new().fallback(answer_in_dialect);
    let overdue = async {
        // Either way there is nothing more to wait for than the grace period.
        let _ = stopped.await;
        sleep(GRACE).await;
    };
    tokio::select! {
        ended = async { axum::serve(listener, app).with_graceful_shutdown(stop).await } => ended,
        () = overdue => Ok(()),
    }
}

/// Which provider the caller takes us for.
#[derive(Clone, Copy)]
enum Dialect {
    OpenAi,
    Anthropic,
    Gemini,
}

impl Dialect {
    /// The path decides where it can; `/v1/models` and unknown paths are shared,
    /// and there the headers each SDK sends make the difference.
    fn of(path: &str, headers: &HeaderMap) -> Self {
        if path.starts_with("/v1beta/") || gemini::call(path).is_some() {
            Self::Gemini
        } else if path.starts_with("/v1/messages") {
            Self::Anthropic
        } else if openai::PATHS.contains(&path) {
            Self::OpenAi
        } else if headers.contains_key("anthropic-version") {
            Self::Anthropic
        } else if headers.contains_key("x-goog-api-key") {
            Self::Gemini
        } else {
            Self::OpenAi
        }
    }

    fn fault(self, fault: &Fault, request: &str) -> Value {
        match self {
            Self::OpenAi => openai::fault(fault),
            Self::Anthropic => anthropic::fault(fault, request),
            Self::Gemini => gemini::fault(fault),
        }
    }

    fn models(self) -> Value {
        match self {
            Self::OpenAi => openai::models(),
            Self::Anthropic => anthropic::models(),
            Self::Gemini => gemini::models(),
        }
    }

    /// The header in which this provider names the request.
    fn request_header(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("x-request-id"),
            Self::Anthropic => Some("request-id"),
            Self::Gemini => None,
        }
    }
}

async fn answer_in_dialect(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let dialect = Dialect::of(parts.uri.path(), &parts.headers);
    let id = ident("req_");
    let answer = match to_bytes(body, LARGEST_BODY).await {
        Ok(body) => route(dialect, &parts, &body).await,
        Err(_) => Err(Fault::new(413, "The request body is too large.")),
    };
    let mut response = answer.unwrap_or_else(|fault| fault.response(&dialect.fault(&fault, &id)));
    if let (Some(header), Ok(id)) = (dialect.request_header(), HeaderValue::try_from(id)) {
        response.headers_mut().insert(header, id);
    }
    response
}

async fn route(dialect: Dialect, parts: &Parts, body: &[u8]) -> Result<Response, Fault> {
    let path = parts.uri.path();
    match (parts.method.as_str(), path) {
        ("POST", "/v1/chat/completions") => openai::chat::answer(&json(body)?).await,
        ("POST", "/v1/completions") => openai::completions::answer(&json(body)?).await,
        ("POST", "/v1/responses") => openai::responses::answer(&json(body)?).await,
        ("POST", "/v1/embeddings") => openai::embeddings::answer(&json(body)?),
        ("POST", "/v1/messages") => anthropic::answer(&json(body)?).await,
        ("POST", "/v1/messages/count_tokens") => anthropic::count(&json(body)?),
        ("GET", "/v1/models" | "/v1beta/models") => Ok(script::json(&dialect.models(), false)),
        ("POST", _) => match gemini::call(path) {
            Some(call) => gemini::answer(call, parts.uri.query(), &json(body)?).await,
            None => Err(Fault::unknown_path("POST", path)),
        },
        (method, _) => Err(Fault::unknown_path(method, path)),
    }
}

fn json(body: &[u8]) -> Result<Value, Fault> {
    match serde_json::from_slice(body) {
        Ok(request @ Value::Object(_)) => Ok(request),
        Ok(_) => Err(Fault::new(400, "The request body must be a JSON object.")),
        // The position tells enough; the error's text could repeat the prompt.
        Err(error) => Err(Fault::new(
            400,
            format!(
                "We could not parse the JSON body of your request (line {}, column {}).",
                error.line(),
                error.column()
            ),
        )),
    }
}

/// A fresh identifier like the ones providers hand out.
fn ident(prefix: &str) -> String {
    prefix
        .chars()
        .chain((0..24).map(|_| fastrand::alphanumeric()))
        .collect()
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}

/// The model the caller asked for, to be named in the answer.
fn model_of(request: &Value) -> String {
    request["model"].as_str().unwrap_or(MODEL).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::probe::Demo;

    #[tokio::test]
    async fn an_unknown_path_gets_a_404_in_the_callers_dialect() {
        let demo = Demo::start().await;
        let openai = demo.post("/v1/nothing", &json!({})).await;
        assert_eq!(openai.status, 404);
        assert!(openai.json()["error"]["message"].is_string());

        let anthropic = demo.post("/v1/messages/nothing", &json!({})).await;
        assert_eq!(anthropic.status, 404);
        assert_eq!(anthropic.json()["error"]["type"], "not_found_error");

        let gemini = demo.post("/v1beta/models/demo:nothing", &json!({})).await;
        assert_eq!(gemini.status, 404);
        assert_eq!(gemini.json()["error"]["status"], "NOT_FOUND");
    }

    #[tokio::test]
    async fn broken_json_gets_a_400_in_every_dialect() {
        let demo = Demo::start().await;
        for path in [
            "/v1/chat/completions",
            "/v1/messages",
            "/v1/models/demo:generateContent",
        ] {
            let reply = demo.send("POST", path, "{\"model\":").await;
            assert_eq!(reply.status, 400, "{path}");
            assert!(reply.json()["error"]["message"].is_string(), "{path}");
        }
    }

    #[tokio::test]
    async fn models_are_listed_in_the_dialect_of_the_path() {
        let demo = Demo::start().await;
        let openai = demo.send("GET", "/v1/models", "").await;
        assert_eq!(openai.json()["data"][0]["id"], "demo");
        let gemini = demo.send("GET", "/v1beta/models", "").await;
        assert_eq!(gemini.json()["models"][0]["name"], "models/demo");
    }

    #[tokio::test]
    async fn stops_when_asked_to() {
        let demo = Demo::start().await;
        demo.stop().await.expect("a clean end");
    }
}
