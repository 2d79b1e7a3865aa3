//! Anthropic's dialect: `POST /v1/messages` and `/v1/messages/count_tokens`.

use axum::response::Response;
use serde_json::{Value, json};

use super::{
    MODEL,
    answer::{Answer, Content, words},
    fault::{Fault, count as count_of, list},
    ident, model_of,
    prompt::{Choice, Prompt, text_of},
    script::{self, Script},
};

pub(super) fn fault(fault: &Fault, request: &str) -> Value {
    let kind = match fault.status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let error = json!({ "type": kind, "message": fault.message });
    json!({ "type": "error", "error": error, "request_id": request })
}

pub(super) fn models() -> Value {
    let model = json!({
        "type": "model", "id": MODEL, "display_name": "Sluicegate demo",
        "created_at": "2026-01-01T00:00:00Z"
    });
    json!({ "data": [model], "has_more": false, "first_id": MODEL, "last_id": MODEL })
}

pub(super) async fn answer(request: &Value) -> Result<Response, Fault> {
    let mut prompt = read(request)?;
    let limit = count_of(&request["max_tokens"], "max_tokens")?;
    prompt.limit = Some(limit.ok_or_else(|| Fault::missing("max_tokens"))?);
    let answer = Answer::to(prompt).await?;
    if request["stream"] == true {
        return Ok(stream(&answer).play(answer.die));
    }
    let mut message = start(&answer);
    message["content"] = json!([block(&answer.content)]);
    message["stop_reason"] = stop_reason(&answer).into();
    message["usage"]["output_tokens"] = answer.output_tokens.into();
    Ok(script::json(&message, answer.die))
}

pub(super) fn count(request: &Value) -> Result<Response, Fault> {
    Ok(script::json(
        &json!({ "input_tokens": read(request)?.tokens }),
        false,
    ))
}

fn read(request: &Value) -> Result<Prompt, Fault> {
    let mut prompt = Prompt::new(model_of(request));
    prompt.system(&text_of(&request["system"]));
    for message in list(&request["messages"], "messages")? {
        match message["role"].as_str() {
            Some("user") => hear_user(&mut prompt, &message["content"]),
            Some("assistant") => {
                let calls = blocks(&message["content"], "tool_use");
                let calls = calls.map(|call| format!(" {} {}", call["name"], call["input"]));
                prompt.assistant(&(text_of(&message["content"]) + &calls.collect::<String>()));
            }
            Some("system") => prompt.system(&text_of(&message["content"])),
            _ => {
                return Err(Fault::invalid(
                    "messages",
                    "A message has an unknown 'role'.",
                ));
            }
        }
    }
    for tool in request["tools"].as_array().into_iter().flatten() {
        prompt.offer(&tool["name"], &tool["input_schema"]);
    }
    let choice = &request["tool_choice"];
    prompt.choice = match (choice["type"].as_str(), choice["name"].as_str()) {
        (Some("none"), _) => Choice::Never,
        (Some("any"), _) => Choice::Any,
        (Some("tool"), Some(name)) => Choice::Named(name.to_owned()),
        _ => Choice::Auto,
    };
    Ok(prompt)
}

/// Tool results come as messages of the user, here told apart.
fn hear_user(prompt: &mut Prompt, content: &Value) {
    let results: Vec<String> = blocks(content, "tool_result")
        .map(|result| text_of(&result["content"]))
        .collect();
    if results.is_empty() {
        prompt.user(text_of(content));
    } else {
        prompt.tool_result(results.join("\n"));
    }
}

fn blocks<'a>(content: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    let blocks = content.as_array().into_iter().flatten();
    blocks.filter(move |block| block["type"] == kind)
}

/// The message before its content. That one token of output is counted so early
/// is the API's habit; counts in later events replace it.
fn start(answer: &Answer) -> Value {
    json!({
        "id": ident("msg_"),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage(answer, 1)
    })
}

fn usage(answer: &Answer, output_tokens: u64) -> Value {
    json!({
        "input_tokens": answer.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens
    })
}

fn stop_reason(answer: &Answer) -> &'static str {
    match &answer.content {
        Content::Call(_) => "tool_use",
        Content::Text(_) if answer.cut => "max_tokens",
        Content::Text(_) => "end_turn",
    }
}

fn block(content: &Content) -> Value {
    match content {
        Content::Text(text) => json!({ "type": "text", "text": text }),
        Content::Call(call) => json!({
            "type": "tool_use", "id": ident("toolu_"), "name": call.name, "input": call.arguments
        }),
    }
}

fn stream(answer: &Answer) -> Script {
    let mut script = Script::events();
    send(
        &mut script,
        json!({ "type": "message_start", "message": start(answer) }),
    );
    let mut empty = block(&answer.content);
    match &answer.content {
        Content::Text(_) => empty["text"] = "".into(),
        Content::Call(_) => empty["input"] = json!({}),
    }
    let begin = json!({ "type": "content_block_start", "index": 0, "content_block": empty });
    send(&mut script, begin);
    send(&mut script, json!({ "type": "ping" }));
    for delta in deltas(&answer.content) {
        script.pause();
        let delta = json!({ "type": "content_block_delta", "index": 0, "delta": delta });
        send(&mut script, delta);
    }
    send(
        &mut script,
        json!({ "type": "content_block_stop", "index": 0 }),
    );
    let stop = json!({ "stop_reason": stop_reason(answer), "stop_sequence": null });
    let usage = usage(answer, answer.output_tokens);
    send(
        &mut script,
        json!({ "type": "message_delta", "delta": stop, "usage": usage }),
    );
    send(&mut script, json!({ "type": "message_stop" }));
    script
}

fn deltas(content: &Content) -> Vec<Value> {
    match content {
        Content::Text(text) => words(text)
            .map(|word| json!({ "type": "text_delta", "text": word }))
            .collect(),
        Content::Call(call) => {
            let json_delta = |piece| json!({ "type": "input_json_delta", "partial_json": piece });
            // The API begins with an empty piece, which clients must not stumble over.
            std::iter::once(String::new())
                .chain(call.pieces())
                .map(json_delta)
                .collect()
        }
    }
}

/// The type is told twice, since the SDKs skip frames without an `event:`.
fn send(script: &mut Script, event: Value) {
    script.event(event["type"].as_str().unwrap_or_default(), &event);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::demo::probe::Demo;

    const PATH: &str = "/v1/messages";

    fn ask(text: &str) -> Value {
        json!({ "model": "m", "max_tokens": 500, "messages": [{ "role": "user", "content": text }] })
    }

    fn streamed(mut request: Value) -> Value {
        request["stream"] = true.into();
        request
    }

    fn with_tool(mut request: Value) -> Value {
        let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        request["tools"] = json!([{ "name": "get_weather", "input_schema": schema }]);
        request
    }

    #[tokio::test]
    async fn streamed_and_whole_messages_say_and_count_the_same() {
        let demo = Demo::start().await;
        let mut request = ask("Hi there");
        request["system"] = json!([{ "type": "text", "text": "Be brief" }]);
        let whole = demo.post(PATH, &request).await.json();
        let text = whole["content"][0]["text"].as_str().unwrap();
        assert!(
            text.contains("\"Hi there\"") && text.contains("system prompt"),
            "{text}"
        );
        assert_eq!(whole["stop_reason"], "end_turn");

        let stream = demo.post(PATH, &streamed(request.clone())).await;
        assert_eq!(stream.text("/delta/text"), text);
        assert_eq!(stream.all("/usage").last(), Some(&whole["usage"]));
        let begin = &stream.events()[0]["message"]["usage"]["input_tokens"];
        assert_eq!(begin, &whole["usage"]["input_tokens"]);

        let counted = demo
            .post("/v1/messages/count_tokens", &request)
            .await
            .json();
        assert_eq!(counted["input_tokens"], whole["usage"]["input_tokens"]);
    }

    #[tokio::test]
    async fn every_frame_names_its_event() {
        let stream = Demo::start()
            .await
            .post(PATH, &streamed(ask("/long 1")))
            .await;
        let expected = [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ];
        assert_eq!(stream.all("/type"), expected);
        let names = stream
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("event: "));
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn a_mentioned_tool_is_called_and_its_result_talked_about() {
        let demo = Demo::start().await;
        let mut request = with_tool(ask("get_weather please"));
        let whole = demo.post(PATH, &request).await.json();
        let call = &whole["content"][0];
        assert_eq!(
            (&call["name"], &call["input"]),
            (&json!("get_weather"), &json!({ "city": "Paris" }))
        );
        assert_eq!(whole["stop_reason"], "tool_use");
        let stream = demo.post(PATH, &streamed(request.clone())).await;
        assert_eq!(stream.text("/delta/partial_json"), r#"{"city":"Paris"}"#);
        assert_eq!(stream.all("/usage").last(), Some(&whole["usage"]));

        let result =
            json!({ "type": "tool_result", "tool_use_id": call["id"], "content": "Sunny" });
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(json!({ "role": "assistant", "content": whole["content"] }));
        messages.push(json!({ "role": "user", "content": [result] }));
        let whole = demo.post(PATH, &request).await.json();
        let text = whole["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("The tool answered: \"Sunny\""), "{text}");
    }

    #[tokio::test]
    async fn the_token_limit_is_needed_and_kept() {
        let demo = Demo::start().await;
        let mut request = ask("Hi");
        request["max_tokens"] = 3.into();
        let whole = demo.post(PATH, &request).await.json();
        assert_eq!(whole["stop_reason"], "max_tokens");
        assert_eq!(whole["usage"]["output_tokens"], 3);

        request["max_tokens"] = Value::Null;
        let reply = demo.post(PATH, &request).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
        assert!(
            reply.json()["error"]["message"]
                .as_str()
                .unwrap()
                .contains("max_tokens")
        );
    }

    #[tokio::test]
    async fn errors_carry_the_request_id_of_the_header() {
        let reply = Demo::start().await.post(PATH, &ask("/error 529")).await;
        assert_eq!(reply.status, 529);
        assert_eq!(reply.json()["error"]["type"], "overloaded_error");
        let id = reply.json()["request_id"].as_str().unwrap().to_lowercase();
        assert!(reply.head.contains(&format!("request-id: {id}")));
    }

    #[tokio::test]
    async fn an_ordered_death_comes_in_mid_stream() {
        let stream = Demo::start()
            .await
            .post(PATH, &streamed(ask("/die /long 10")))
            .await;
        assert!(!stream.complete && stream.body.contains("text_delta"));
        assert!(!stream.body.contains("message_stop"));
    }
}
