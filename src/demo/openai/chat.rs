//! `POST /v1/chat/completions`.

use axum::response::Response;
use serde_json::{Value, json};

use super::{choices, finish_reason, offer, tool_choice, usage, wants_usage};
use crate::demo::{
    answer::{Answer, Call, Content, words},
    fault::{Fault, count, list},
    ident, model_of, now,
    prompt::{Prompt, text_of},
    script::{self, Script},
};

pub(in crate::demo) async fn answer(request: &Value) -> Result<Response, Fault> {
    let n = choices(request)?;
    let answer = Answer::to(read(request)?).await?;
    if request["stream"] == true {
        Ok(stream(&answer, n, wants_usage(request)))
    } else {
        Ok(script::json(&whole(&answer, n), answer.die))
    }
}

fn read(request: &Value) -> Result<Prompt, Fault> {
    let mut prompt = Prompt::new(model_of(request));
    for message in list(&request["messages"], "messages")? {
        let text = text_of(&message["content"]);
        match message["role"].as_str() {
            Some("system" | "developer") => prompt.system(&text),
            Some("user") => prompt.user(text),
            Some("assistant") => {
                let calls = message["tool_calls"].as_array().into_iter().flatten();
                let calls: String = calls.map(|call| format!(" {}", call["function"])).collect();
                prompt.assistant(&(text + &calls));
            }
            Some("tool" | "function") => prompt.tool_result(text),
            _ => {
                return Err(Fault::invalid(
                    "messages",
                    "A message has an unknown 'role'.",
                ));
            }
        }
    }
    let limit = count(&request["max_completion_tokens"], "max_completion_tokens")?;
    prompt.limit = limit.or(count(&request["max_tokens"], "max_tokens")?);
    prompt.choice = tool_choice(&request["tool_choice"]);
    offer(&mut prompt, &request["tools"]);
    Ok(prompt)
}

fn whole(answer: &Answer, n: u64) -> Value {
    let choices = (0..n).map(|index| match &answer.content {
        Content::Text(text) => {
            let message = json!({ "role": "assistant", "content": text, "refusal": null });
            choice("message", index, message, Some(finish_reason(answer)))
        }
        Content::Call(call) => {
            let mut call_json = call_start(call);
            call_json["function"]["arguments"] = call.arguments.to_string().into();
            let message = json!({
                "role": "assistant", "content": null, "tool_calls": [call_json], "refusal": null
            });
            choice("message", index, message, Some("tool_calls"))
        }
    });
    json!({
        "id": ident("chatcmpl-"),
        "object": "chat.completion",
        "created": now(),
        "model": answer.model,
        "choices": choices.collect::<Value>(),
        "usage": usage(std::slice::from_ref(answer), n),
        "service_tier": "default"
    })
}

fn stream(answer: &Answer, n: u64, with_usage: bool) -> Response {
    let mut chunks = Chunks::new(answer, n, with_usage);
    match &answer.content {
        Content::Text(text) => {
            chunks.delta(|| json!({ "role": "assistant", "content": "", "refusal": null }));
            for word in words(text) {
                chunks.script.pause();
                chunks.delta(|| json!({ "content": word }));
            }
            chunks.choices(|index| choice("delta", index, json!({}), Some(finish_reason(answer))));
        }
        Content::Call(call) => {
            chunks.delta(|| {
                let mut start = call_start(call);
                start["index"] = 0.into();
                json!({ "role": "assistant", "content": null, "tool_calls": [start] })
            });
            for piece in call.pieces() {
                chunks.script.pause();
                let piece = json!({ "index": 0, "function": { "arguments": piece } });
                chunks.delta(|| json!({ "tool_calls": [piece.clone()] }));
            }
            chunks.choices(|index| choice("delta", index, json!({}), Some("tool_calls")));
        }
    }
    chunks.play(answer, n)
}

/// A tool call before its arguments.
fn call_start(call: &Call) -> Value {
    let function = json!({ "name": call.name, "arguments": "" });
    json!({ "id": ident("call_"), "type": "function", "function": function })
}

fn choice(part: &str, index: u64, content: Value, finish_reason: Option<&str>) -> Value {
    json!({ "index": index, part: content, "logprobs": null, "finish_reason": finish_reason })
}

/// The chunks of one stream, which share all but their choices.
struct Chunks {
    script: Script,
    frame: Value,
    n: u64,
    with_usage: bool,
}

impl Chunks {
    fn new(answer: &Answer, n: u64, with_usage: bool) -> Self {
        let mut frame = json!({
            "id": ident("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": now(),
            "model": answer.model,
            "service_tier": "default",
            "choices": []
        });
        if with_usage {
            frame["usage"] = Value::Null;
        }
        Self {
            script: Script::events(),
            frame,
            n,
            with_usage,
        }
    }

    fn delta(&mut self, delta: impl Fn() -> Value) {
        self.choices(|index| choice("delta", index, delta(), None));
    }

    /// OpenAI sends one choice in each chunk.
    fn choices(&mut self, choice: impl Fn(u64) -> Value) {
        for index in 0..self.n {
            self.frame["choices"] = json!([choice(index)]);
            self.script.data(&self.frame);
        }
    }

    fn play(mut self, answer: &Answer, n: u64) -> Response {
        if self.with_usage {
            self.frame["choices"] = json!([]);
            self.frame["usage"] = usage(std::slice::from_ref(answer), n);
            self.script.data(&self.frame);
        }
        self.script.data(&"[DONE]");
        self.script.play(answer.die)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::demo::probe::Demo;

    const PATH: &str = "/v1/chat/completions";

    fn ask(text: &str) -> Value {
        json!({ "model": "m", "messages": [{ "role": "user", "content": text }] })
    }

    fn streamed(mut request: Value) -> Value {
        request["stream"] = true.into();
        request["stream_options"] = json!({ "include_usage": true });
        request
    }

    fn with_tool(mut request: Value) -> Value {
        let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        let function = json!({ "name": "get_weather", "parameters": schema });
        request["tools"] = json!([{ "type": "function", "function": function }]);
        request
    }

    #[tokio::test]
    async fn streamed_and_whole_answers_say_and_count_the_same() {
        let demo = Demo::start().await;
        let whole = demo.post(PATH, &ask("Hi there")).await;
        assert!(whole.head.contains("x-request-id: req_"));
        let message = &whole.json()["choices"][0]["message"]["content"];
        assert!(message.as_str().unwrap().contains("You said: \"Hi there\""));

        let stream = demo.post(PATH, &streamed(ask("Hi there"))).await;
        assert!(stream.head.contains("content-type: text/event-stream"));
        assert!(stream.complete && stream.body.ends_with("data: [DONE]\n\n"));
        assert_eq!(
            &stream.text("/choices/0/delta/content"),
            message.as_str().unwrap()
        );
        let events = stream.events();
        let (last, others) = events.split_last().unwrap();
        assert_eq!(last["choices"], json!([]));
        assert_eq!(last["usage"], whole.json()["usage"]);
        assert!(
            others
                .iter()
                .all(|chunk| chunk.get("usage") == Some(&Value::Null))
        );
        assert_eq!(
            others.last().unwrap()["choices"][0]["finish_reason"],
            "stop"
        );
    }

    #[tokio::test]
    async fn usage_is_streamed_only_when_asked_for() {
        let demo = Demo::start().await;
        let mut request = ask("Hi");
        request["stream"] = true.into();
        let reply = demo.post(PATH, &request).await;
        assert_eq!(reply.all("/usage"), Vec::<Value>::new());
    }

    #[tokio::test]
    async fn several_choices_are_counted_severally() {
        let demo = Demo::start().await;
        let mut request = ask("/long 3");
        request["n"] = 2.into();
        let whole = demo.post(PATH, &request).await.json();
        assert_eq!(whole["choices"][1]["message"]["content"], "one drop after");
        assert_eq!(whole["usage"]["completion_tokens"], 8);
        let stream = demo.post(PATH, &streamed(request)).await;
        assert_eq!(
            stream.text("/choices/0/delta/content"),
            "one one drop drop afterafter"
        );
        assert_eq!(stream.all("/usage").last(), Some(&whole["usage"]));
    }

    #[tokio::test]
    async fn a_mentioned_tool_is_called() {
        let demo = Demo::start().await;
        let request = with_tool(ask("Please Get_Weather for me"));
        let whole = demo.post(PATH, &request).await.json();
        let function = &whole["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(function["name"], "get_weather");
        assert_eq!(function["arguments"], r#"{"city":"Paris"}"#);
        assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");

        let stream = demo.post(PATH, &streamed(request)).await;
        let arguments = stream.text("/choices/0/delta/tool_calls/0/function/arguments");
        assert_eq!(arguments, r#"{"city":"Paris"}"#);
        assert_eq!(stream.all("/usage").last(), Some(&whole["usage"]));
    }

    #[tokio::test]
    async fn the_tool_choice_decides_before_the_text() {
        let demo = Demo::start().await;
        for (choice, text, finish) in [
            (json!("none"), "get_weather", "stop"),
            (json!("required"), "Hi", "tool_calls"),
            (
                json!({ "type": "function", "function": { "name": "get_weather" } }),
                "Hi",
                "tool_calls",
            ),
        ] {
            let mut request = with_tool(ask(text));
            request["tool_choice"] = choice;
            let whole = demo.post(PATH, &request).await.json();
            assert_eq!(whole["choices"][0]["finish_reason"], finish);
        }
    }

    #[tokio::test]
    async fn a_tool_result_is_talked_about_instead_of_calling_again() {
        let demo = Demo::start().await;
        let mut request = with_tool(ask("get_weather"));
        let messages = request["messages"].as_array_mut().unwrap();
        let call = json!({ "id": "c", "type": "function", "function": { "name": "get_weather", "arguments": "{}" } });
        messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] }));
        messages.push(json!({ "role": "tool", "tool_call_id": "c", "content": "Sunny" }));
        let whole = demo.post(PATH, &request).await.json();
        let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(text.contains("The tool answered: \"Sunny\""), "{text}");
    }

    #[tokio::test]
    async fn the_token_limit_ends_the_answer() {
        let demo = Demo::start().await;
        for field in ["max_tokens", "max_completion_tokens"] {
            let mut request = ask("Hi");
            request[field] = 3.into();
            let whole = demo.post(PATH, &request).await.json();
            assert_eq!(whole["choices"][0]["finish_reason"], "length");
            assert_eq!(whole["usage"]["completion_tokens"], 3);
        }
    }

    #[tokio::test]
    async fn missing_messages_are_named_in_the_error() {
        let reply = Demo::start()
            .await
            .post(PATH, &json!({ "model": "m" }))
            .await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
        assert_eq!(reply.json()["error"]["param"], "messages");
    }

    #[tokio::test]
    async fn an_ordered_error_has_the_providers_shape() {
        let reply = Demo::start()
            .await
            .post(PATH, &streamed(ask("/error 429")))
            .await;
        assert_eq!(reply.status, 429);
        assert!(reply.head.contains("retry-after: 1"));
        assert_eq!(reply.json()["error"]["code"], "rate_limit_exceeded");
    }

    #[tokio::test]
    async fn an_ordered_death_leaves_half_an_answer() {
        let demo = Demo::start().await;
        let stream = demo.post(PATH, &streamed(ask("/die"))).await;
        assert!(!stream.complete && !stream.events().is_empty());
        let whole = demo.post(PATH, &ask("/die")).await;
        assert!(!whole.complete && !whole.body.is_empty());
    }

    #[tokio::test]
    async fn an_ordered_silence_comes_before_the_first_byte() {
        let demo = Demo::start().await;
        let begin = std::time::Instant::now();
        assert_eq!(demo.post(PATH, &ask("/slow 0.3")).await.status, 200);
        assert!(begin.elapsed().as_millis() >= 300);
    }
}
