//! The mock provider: one fixed answer, or a stream of events at the pace the prompt asks for.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::memmem;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval};

use crate::wire::Connection;

/// Marks the send time, 16 digits of microseconds since 1970, in each event.
pub const STAMP: &[u8] = b"\"system_fingerprint\":\"fp_";
pub const STAMP_DIGITS: usize = 16;

/// Events around the content: the role before it; the finish, the usage and `[DONE]` after it.
pub const EVENTS_AROUND_CONTENT: u64 = 4;

const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    content-type: text/event-stream; charset=utf-8\r\n\
    openai-processing-ms: 42\r\n\
    x-request-id: req_0a1b2c3d4e5f60718293a4b5c6d7e8f9\r\n\
    transfer-encoding: chunked\r\n\r\n";

const WORDS: [&str; 8] = [
    " the",
    " gateway",
    " forwards",
    " every",
    " answer",
    " token",
    " by",
    " token",
];

pub async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let answer: &[u8] = answer().leak();
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::task::spawn_local(async move {
            // A proxy may drop a connection at any time; what that costs it shows elsewhere.
            let _ = converse(stream, answer).await;
        });
    }
}

/// Pace of a stream, as `[[events=100;interval_us=20000]]` anywhere in the prompt: the one place
/// every proxy leaves alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    pub events: u64,
    pub interval: Duration,
}

impl Pace {
    pub fn to_prompt(self) -> String {
        format!(
            "[[events={};interval_us={}]]",
            self.events,
            self.interval.as_micros()
        )
    }

    fn from_prompt(body: &[u8]) -> Option<Self> {
        let rest = &body[memmem::find(body, b"[[events=")? + 9..];
        let text = str::from_utf8(&rest[..memmem::find(rest, b"]]")?]).ok()?;
        let (events, micros) = text.split_once(";interval_us=")?;
        let interval = Duration::from_micros(micros.parse().ok()?);
        Some(Self {
            events: events.parse().ok()?,
            interval,
        })
    }
}

async fn converse(stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    let mut connection = Connection::new(stream)?;
    let mut body = Vec::with_capacity(4096);
    while let Some(head) = connection.head().await? {
        body.clear();
        connection
            .body(head, |piece| body.extend_from_slice(piece))
            .await?;
        if wants_stream(&body) {
            let default = Pace {
                events: 20,
                interval: Duration::from_millis(20),
            };
            stream_events(&mut connection, Pace::from_prompt(&body).unwrap_or(default)).await?;
        } else {
            connection.write(answer).await?;
        }
    }
    Ok(())
}

fn wants_stream(body: &[u8]) -> bool {
    memmem::find(body, b"\"stream\"").is_some_and(|at| {
        let rest = body[at + 8..].trim_ascii_start();
        rest.strip_prefix(b":")
            .is_some_and(|value| value.trim_ascii_start().starts_with(b"true"))
    })
}

/// Head, role and first word at once, then a word per interval; each a write of its own.
async fn stream_events(connection: &mut Connection, pace: Pace) -> io::Result<()> {
    let delta = |delta: &str| {
        let choice = format!(r#"[{{"index":0,"delta":{delta},"finish_reason":null}}]"#);
        Event::new(&choice, "")
    };
    let mut words = WORDS.map(|word| delta(&format!(r#"{{"content":"{word}"}}"#)));

    connection.write(STREAM_HEAD).await?;
    connection
        .write(delta(r#"{"role":"assistant","content":"","refusal":null}"#).stamped())
        .await?;
    let mut ticks = interval(pace.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for nth in 0..pace.events {
        ticks.tick().await;
        let word = &mut words[nth as usize % WORDS.len()];
        connection.write(word.stamped()).await?;
    }

    let finish = r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#;
    connection.write(Event::new(finish, "").stamped()).await?;
    let usage = format!(
        r#","usage":{{"prompt_tokens":200,"completion_tokens":{},"total_tokens":{}}}"#,
        pace.events,
        pace.events + 200,
    );
    connection.write(Event::new("[]", &usage).stamped()).await?;
    connection
        .write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        .await
}

/// One event as its own HTTP chunk, with the place where the time goes.
struct Event {
    chunk: Vec<u8>,
    stamp: usize,
}

impl Event {
    fn new(choices: &str, usage: &str) -> Self {
        let event = format!(
            "data: {{\"id\":\"chatcmpl-CfQ2mW8sXbV4nTzR7yLkPd1HgUaEo\",\
             \"object\":\"chat.completion.chunk\",\"created\":1763820000,\
             \"model\":\"gpt-4o-mini-2024-07-18\",\
             \"system_fingerprint\":\"fp_0000000000000000\",\
             \"choices\":{choices}{usage}}}\n\n"
        );
        let chunk = format!("{:x}\r\n{event}\r\n", event.len()).into_bytes();
        let stamp = memmem::find(&chunk, STAMP).expect("in the text above") + STAMP.len();
        Self { chunk, stamp }
    }

    fn stamped(&mut self) -> &[u8] {
        let mut left = now_micros();
        for digit in self.chunk[self.stamp..self.stamp + STAMP_DIGITS]
            .iter_mut()
            .rev()
        {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        &self.chunk
    }
}

/// Wall clock, because two processes compare it.
pub fn now_micros() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros() as u64
}

/// A chat completion of 1 KB, head and body in one piece.
fn answer() -> Vec<u8> {
    let content = "A gateway sits between the applications of a company and the model providers \
        they use. It knows who is asking, keeps count of requests, tokens and money, and looks at \
        prompts and answers before they leave or arrive. When a provider is slow or down it asks \
        another one, so that the application does not notice.";
    let body = format!(
        r#"{{"id":"chatcmpl-CfQ2mW8sXbV4nTzR7yLkPd1HgUaEo","object":"chat.completion","created":1763820000,"model":"gpt-4o-mini-2024-07-18","choices":[{{"index":0,"message":{{"role":"assistant","content":"{content}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":200,"completion_tokens":66,"total_tokens":266,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_51db84afab"}}"#
    );
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nopenai-processing-ms: 42\r\n\
         x-request-id: req_0a1b2c3d4e5f60718293a4b5c6d7e8f9\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_survives_the_prompt() {
        let pace = Pace {
            events: 100,
            interval: Duration::from_millis(20),
        };
        let body = format!(
            r#"{{"messages":[{{"content":"Go on. {}"}}]}}"#,
            pace.to_prompt()
        );
        assert_eq!(Pace::from_prompt(body.as_bytes()), Some(pace));
    }

    #[test]
    fn only_stream_true_asks_for_a_stream() {
        assert!(wants_stream(br#"{"stream" : true}"#));
        assert!(!wants_stream(br#"{"stream":false,"n":true}"#));
        assert!(!wants_stream(
            br#"{"stream_options":{"include_usage":true}}"#
        ));
    }

    #[test]
    fn an_event_is_one_chunk_of_realistic_size() {
        let mut event = Event::new("[]", "");
        let text = str::from_utf8(event.stamped()).unwrap();
        let (size, rest) = text.split_once("\r\n").unwrap();
        assert_eq!(usize::from_str_radix(size, 16).unwrap(), rest.len() - 2);
        assert!(rest.contains("fp_1"), "stamped with a time of this century");
    }
}
