//! `POST /v1/responses`.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{offer, tool_choice};
use crate::demo::{
    answer::{Answer, Call, Content, words},
    fault::{Fault, count, list},
    ident, model_of, now,
    prompt::{Prompt, text_of},
    script::{self, Script},
};

pub(in crate::demo) async fn answer(request: &Value) -> Result<Response, Fault> {
    let answer = Answer::to(read(request)?).await?;
    let response = frame(request, &answer);
    if request["stream"] == true {
        return Ok(stream(response, &answer).play(answer.die));
    }
    let item = match &answer.content {
        Content::Text(text) => message(&ident("msg_"), text, status(&answer)),
        Content::Call(call) => function_call(&ids(), call, Some("completed")),
    };
    Ok(script::json(&ended(response, &answer, item), answer.die))
}

fn read(request: &Value) -> Result<Prompt, Fault> {
    let mut prompt = Prompt::new(model_of(request));
    prompt.system(request["instructions"].as_str().unwrap_or_default());
    match &request["input"] {
        Value::String(text) => prompt.user(text.clone()),
        items => list(items, "input")?
            .iter()
            .for_each(|item| hear(&mut prompt, item)),
    }
    prompt.limit = count(&request["max_output_tokens"], "max_output_tokens")?;
    prompt.choice = tool_choice(&request["tool_choice"]);
    offer(&mut prompt, &request["tools"]);
    Ok(prompt)
}

fn hear(prompt: &mut Prompt, item: &Value) {
    let text = text_of(&item["content"]);
    match (item["type"].as_str(), item["role"].as_str()) {
        (None | Some("message"), Some("system" | "developer")) => prompt.system(&text),
        (None | Some("message"), Some("user")) => prompt.user(text),
        (None | Some("message"), Some("assistant")) => prompt.assistant(&text),
        (Some("function_call"), _) => {
            prompt.assistant(&format!("{} {}", item["name"], item["arguments"]));
        }
        (Some("function_call_output"), _) => prompt.tool_result(text_of(&item["output"])),
        // Reasoning, references and what the hosted tools leave behind.
        _ => {}
    }
}

/// The response before its output; it repeats what the caller set.
fn frame(request: &Value, answer: &Answer) -> Value {
    let or = |field: &str, default: Value| match &request[field] {
        Value::Null => default,
        value => value.clone(),
    };
    json!({
        "id": ident("resp_"),
        "object": "response",
        "created_at": now(),
        "status": "in_progress",
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": request["instructions"],
        "max_output_tokens": request["max_output_tokens"],
        "metadata": or("metadata", json!({})),
        "model": answer.model,
        "output": [],
        "parallel_tool_calls": or("parallel_tool_calls", true.into()),
        "previous_response_id": request["previous_response_id"],
        "reasoning": { "effort": null, "summary": null },
        "store": false,
        "temperature": or("temperature", 1.0.into()),
        "text": { "format": { "type": "text" } },
        "tool_choice": or("tool_choice", "auto".into()),
        "tools": or("tools", json!([])),
        "top_p": or("top_p", 1.0.into()),
        "truncation": "disabled",
        "usage": null,
        "user": null
    })
}

fn ended(mut response: Value, answer: &Answer, item: Value) -> Value {
    response["status"] = status(answer).into();
    if answer.cut {
        response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
    }
    response["output"] = json!([item]);
    response["usage"] = json!({
        "input_tokens": answer.input_tokens,
        "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": answer.input_tokens + answer.output_tokens
    });
    response
}

fn status(answer: &Answer) -> &'static str {
    if answer.cut {
        "incomplete"
    } else {
        "completed"
    }
}

fn message(id: &str, text: &str, status: &str) -> Value {
    json!({
        "id": id, "type": "message", "status": status, "role": "assistant", "content": [part(text)]
    })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// The item's own identifier and the one its result will refer to.
fn ids() -> (String, String) {
    (ident("fc_"), ident("call_"))
}

/// A call, without its arguments as long as it has no status.
fn function_call(ids: &(String, String), call: &Call, status: Option<&str>) -> Value {
    let arguments = status.map_or_else(String::new, |_| call.arguments.to_string());
    json!({
        "id": ids.0, "type": "function_call", "status": status.unwrap_or("in_progress"),
        "call_id": ids.1, "name": call.name, "arguments": arguments
    })
}

fn stream(response: Value, answer: &Answer) -> Script {
    let mut events = Events::default();
    events.send("response.created", json!({ "response": response }));
    events.send("response.in_progress", json!({ "response": response }));
    let item = match &answer.content {
        Content::Text(text) => events.message(text, status(answer)),
        Content::Call(call) => events.function_call(call),
    };
    let response = ended(response, answer, item);
    events.send(
        &format!("response.{}", status(answer)),
        json!({ "response": response }),
    );
    events.script
}

/// Events with their numbers. There is one item, at index 0.
struct Events {
    script: Script,
    sent: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            script: Script::events(),
            sent: 0,
        }
    }
}

impl Events {
    fn message(&mut self, text: &str, status: &str) -> Value {
        let id = ident("msg_");
        let start = json!({
            "id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []
        });
        self.send(
            "response.output_item.added",
            json!({ "output_index": 0, "item": start }),
        );
        self.in_part(
            "response.content_part.added",
            &id,
            json!({ "part": part("") }),
        );
        for word in words(text) {
            self.script.pause();
            let delta = json!({ "delta": word, "logprobs": [] });
            self.in_part("response.output_text.delta", &id, delta);
        }
        let done = json!({ "text": text, "logprobs": [] });
        self.in_part("response.output_text.done", &id, done);
        self.in_part(
            "response.content_part.done",
            &id,
            json!({ "part": part(text) }),
        );
        self.item_done(message(&id, text, status))
    }

    fn function_call(&mut self, call: &Call) -> Value {
        let ids = ids();
        let start = function_call(&ids, call, None);
        self.send(
            "response.output_item.added",
            json!({ "output_index": 0, "item": start }),
        );
        for piece in call.pieces() {
            self.script.pause();
            let delta = json!({ "item_id": ids.0, "output_index": 0, "delta": piece });
            self.send("response.function_call_arguments.delta", delta);
        }
        let done = json!({
            "item_id": ids.0, "output_index": 0, "name": call.name,
            "arguments": call.arguments.to_string()
        });
        self.send("response.function_call_arguments.done", done);
        self.item_done(function_call(&ids, call, Some("completed")))
    }

    fn item_done(&mut self, item: Value) -> Value {
        self.send(
            "response.output_item.done",
            json!({ "output_index": 0, "item": item }),
        );
        item
    }

    fn in_part(&mut self, kind: &str, item: &str, mut fields: Value) {
        fields["item_id"] = item.into();
        fields["output_index"] = 0.into();
        fields["content_index"] = 0.into();
        self.send(kind, fields);
    }

    fn send(&mut self, kind: &str, fields: Value) {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("sequence_number".to_owned(), self.sent.into());
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        self.sent += 1;
        self.script.event(kind, &Value::Object(event));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::demo::probe::Demo;

    const PATH: &str = "/v1/responses";

    fn streamed(mut request: Value) -> Value {
        request["stream"] = true.into();
        request
    }

    #[tokio::test]
    async fn streamed_and_whole_responses_say_and_count_the_same() {
        let demo = Demo::start().await;
        let request = json!({ "model": "m", "instructions": "Be brief", "input": "Hi there" });
        let whole = demo.post(PATH, &request).await.json();
        let text = whole["output"][0]["content"][0]["text"].as_str().unwrap();
        assert!(
            text.contains("\"Hi there\"") && text.contains("system prompt"),
            "{text}"
        );

        let stream = demo.post(PATH, &streamed(request)).await;
        let events = stream.events();
        assert_eq!(stream.text("/delta"), text);
        let last = &events.last().unwrap()["response"];
        assert_eq!(last["usage"], whole["usage"]);
        assert_eq!(last["output"][0]["content"], whole["output"][0]["content"]);
        let numbers: Vec<Value> = (0..events.len()).map(Value::from).collect();
        assert_eq!(stream.all("/sequence_number"), numbers);
    }

    #[tokio::test]
    async fn every_stage_of_the_answer_has_its_event() {
        let request = streamed(json!({ "input": "/long 1" }));
        let stream = Demo::start().await.post(PATH, &request).await;
        let expected = [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
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
        let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        let question = json!({ "role": "user", "content": [{ "type": "input_text", "text": "get_weather!" }] });
        let mut request = json!({
            "input": [question],
            "tools": [{ "type": "function", "name": "get_weather", "parameters": schema }]
        });
        let call = demo.post(PATH, &request).await.json()["output"][0].clone();
        assert_eq!(call["type"], "function_call");
        assert_eq!(call["arguments"], r#"{"city":"Paris"}"#);
        let stream = demo.post(PATH, &streamed(request.clone())).await;
        assert_eq!(stream.text("/delta"), r#"{"city":"Paris"}"#);

        let result = json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "Sunny" });
        request["input"]
            .as_array_mut()
            .unwrap()
            .extend([call, result]);
        let whole = demo.post(PATH, &request).await.json();
        let text = whole["output"][0]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("\"Sunny\" I received 3 messages"), "{text}");
    }

    #[tokio::test]
    async fn the_token_limit_leaves_the_response_incomplete() {
        let demo = Demo::start().await;
        let request = json!({ "input": "Hi", "max_output_tokens": 2 });
        let whole = demo.post(PATH, &request).await.json();
        assert_eq!(whole["status"], "incomplete");
        assert_eq!(whole["usage"]["output_tokens"], 2);
        let stream = demo.post(PATH, &streamed(request)).await;
        assert_eq!(stream.all("/type").last().unwrap(), "response.incomplete");
    }

    #[tokio::test]
    async fn an_input_is_needed() {
        let reply = Demo::start()
            .await
            .post(PATH, &json!({ "model": "m" }))
            .await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["param"]),
            (400, &json!("input"))
        );
    }
}
