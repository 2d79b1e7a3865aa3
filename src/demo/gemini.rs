//! Gemini's dialect. What to do stands in the path, behind the model:
//! `/v1beta/models/MODEL:generateContent`, and under `/v1` the same.

use axum::response::Response;
use serde_json::{Value, json};

use super::{
    MODEL,
    answer::{Answer, Content, tokens, words},
    embedding::{dimensions, vector},
    fault::{Fault, count, list},
    ident,
    prompt::{Choice, Prompt, text_of},
    script::{self, Script},
};

pub(super) fn fault(fault: &Fault) -> Value {
    let code = fault.status.as_u16();
    let status = match code {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    json!({ "error": { "code": code, "message": fault.message, "status": status } })
}

pub(super) fn models() -> Value {
    let methods = [
        "generateContent",
        "streamGenerateContent",
        "countTokens",
        "embedContent",
    ];
    let model = json!({
        "name": format!("models/{MODEL}"),
        "displayName": "Sluicegate demo",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods
    });
    json!({ "models": [model] })
}

/// What a path asks for.
#[derive(Clone, Copy)]
pub(super) struct CallPath<'a> {
    path: &'a str,
    model: &'a str,
    verb: &'a str,
}

/// Reads a path of this dialect, if it is one.
pub(super) fn call(path: &str) -> Option<CallPath<'_>> {
    let rest = path
        .strip_prefix("/v1beta/models/")
        .or(path.strip_prefix("/v1/models/"))?;
    let (model, verb) = rest.rsplit_once(':')?;
    Some(CallPath { path, model, verb })
}

pub(super) async fn answer(
    call: CallPath<'_>,
    query: Option<&str>,
    request: &Value,
) -> Result<Response, Fault> {
    match call.verb {
        "generateContent" => {
            let answer = Answer::to(read(call.model, request)?).await?;
            Ok(script::json(&whole(&answer), answer.die))
        }
        "streamGenerateContent" => {
            let answer = Answer::to(read(call.model, request)?).await?;
            let events = query.is_some_and(|query| query.split('&').any(|it| it == "alt=sse"));
            let script = if events {
                as_events(&answer)
            } else {
                as_array(&answer)
            };
            Ok(script.play(answer.die))
        }
        "countTokens" => {
            let nested = &request["generateContentRequest"];
            let counted = if nested.is_object() { nested } else { request };
            let total = read(call.model, counted)?.tokens;
            let counts = json!({ "totalTokens": total, "promptTokensDetails": text_tokens(total) });
            Ok(script::json(&counts, false))
        }
        "embedContent" => Ok(script::json(
            &json!({ "embedding": embedding(request)? }),
            false,
        )),
        "batchEmbedContents" => {
            let requests = list(&request["requests"], "requests")?;
            let embeddings: Result<Value, Fault> = requests.iter().map(embedding).collect();
            Ok(script::json(&json!({ "embeddings": embeddings? }), false))
        }
        _ => Err(Fault::unknown_path("POST", call.path)),
    }
}

/// A field by its name in JSON or, as Google's APIs accept too, in the schema.
fn either<'a>(object: &'a Value, camel: &str, snake: &str) -> &'a Value {
    object.get(camel).unwrap_or(&object[snake])
}

fn read(model: &str, request: &Value) -> Result<Prompt, Fault> {
    let mut prompt = Prompt::new(model);
    prompt.system(&text_of(
        &either(request, "systemInstruction", "system_instruction")["parts"],
    ));
    for content in list(&request["contents"], "contents")? {
        hear(&mut prompt, content);
    }
    for tool in request["tools"].as_array().into_iter().flatten() {
        let functions = either(tool, "functionDeclarations", "function_declarations");
        for function in functions.as_array().into_iter().flatten() {
            let schema = match either(function, "parametersJsonSchema", "parameters_json_schema") {
                Value::Null => &function["parameters"],
                schema => schema,
            };
            prompt.offer(&function["name"], schema);
        }
    }
    let config = either(request, "generationConfig", "generation_config");
    prompt.limit = count(
        either(config, "maxOutputTokens", "max_output_tokens"),
        "maxOutputTokens",
    )?;
    prompt.choice = tool_choice(either(request, "toolConfig", "tool_config"));
    Ok(prompt)
}

fn hear(prompt: &mut Prompt, content: &Value) {
    let parts = &content["parts"];
    let each = |camel: &str, snake: &str| -> Vec<String> {
        let parts = parts.as_array().into_iter().flatten();
        let found = parts
            .map(|part| either(part, camel, snake))
            .filter(|it| it.is_object());
        found
            .map(|it| it.get("response").unwrap_or(it).to_string())
            .collect()
    };
    let results = each("functionResponse", "function_response");
    if !results.is_empty() {
        prompt.tool_result(results.join("\n"));
    } else if content["role"] == "model" {
        let calls = each("functionCall", "function_call").join(" ");
        prompt.assistant(&format!("{} {calls}", text_of(parts)));
    } else {
        prompt.user(text_of(parts));
    }
}

fn tool_choice(config: &Value) -> Choice {
    let calling = either(config, "functionCallingConfig", "function_calling_config");
    let allowed = either(calling, "allowedFunctionNames", "allowed_function_names");
    match (calling["mode"].as_str(), allowed[0].as_str()) {
        (Some("NONE"), _) => Choice::Never,
        (Some("ANY"), Some(name)) => Choice::Named(name.to_owned()),
        (Some("ANY"), None) => Choice::Any,
        _ => Choice::Auto,
    }
}

fn embedding(request: &Value) -> Result<Value, Fault> {
    let content = &request["content"];
    if content.is_null() {
        return Err(Fault::missing("content"));
    }
    // The newer models take their settings in an object of their own.
    let config = request.get("embedContentConfig").unwrap_or(request);
    let wanted = either(config, "outputDimensionality", "output_dimensionality");
    let dimensions = dimensions(count(wanted, "outputDimensionality")?)?;
    Ok(json!({ "values": vector(&text_of(&content["parts"]), dimensions) }))
}

fn whole(answer: &Answer) -> Value {
    let part = match &answer.content {
        Content::Text(text) => json!({ "text": text }),
        Content::Call(call) => {
            json!({ "functionCall": { "id": ident(""), "name": call.name, "args": call.arguments } })
        }
    };
    let finish = Some(finish_reason(answer));
    chunk(answer, &ident(""), &part, answer.output_tokens, finish)
}

/// The chunks of a stream: each tells the totals so far, the last why it ends.
fn chunks(answer: &Answer) -> Vec<Value> {
    let Content::Text(text) = &answer.content else {
        return vec![whole(answer)];
    };
    let id = ident("");
    let last = words(text).count().saturating_sub(1);
    let mut output = 0;
    let word_chunk = |(index, word)| {
        output += tokens(word);
        let finish = (index == last).then(|| finish_reason(answer));
        chunk(answer, &id, &json!({ "text": word }), output, finish)
    };
    words(text).enumerate().map(word_chunk).collect()
}

fn chunk(answer: &Answer, id: &str, part: &Value, output: u64, finish: Option<&str>) -> Value {
    let mut candidate = json!({ "content": { "parts": [part], "role": "model" } });
    if let Some(reason) = finish {
        candidate["finishReason"] = reason.into();
    }
    candidate["index"] = 0.into();
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": output,
            "totalTokenCount": answer.input_tokens + output,
            "promptTokensDetails": text_tokens(answer.input_tokens)
        },
        "modelVersion": answer.model,
        "responseId": id
    })
}

fn text_tokens(count: u64) -> Value {
    json!([{ "modality": "TEXT", "tokenCount": count }])
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.cut { "MAX_TOKENS" } else { "STOP" }
}

/// Server-sent events with the line ends Gemini uses, which not every parser expects.
fn as_events(answer: &Answer) -> Script {
    let mut script = Script::events();
    for (index, chunk) in chunks(answer).iter().enumerate() {
        if index > 0 {
            script.pause();
        }
        script.send(format!("data: {chunk}\r\n\r\n"));
    }
    script
}

/// One JSON array that grows, for callers that did not ask for events.
fn as_array(answer: &Answer) -> Script {
    let mut script = Script::json();
    for (index, chunk) in chunks(answer).iter().enumerate() {
        if index == 0 {
            script.send(format!("[{chunk:#}\n"));
        } else {
            script.pause();
            script.send(format!(",\r\n{chunk:#}\n"));
        }
    }
    script.send("]\n".to_owned());
    script
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::probe::Demo;

    const WHOLE: &str = "/v1beta/models/demo:generateContent";
    const EVENTS: &str = "/v1beta/models/demo:streamGenerateContent?key=k&alt=sse";
    const ARRAY: &str = "/v1/models/demo:streamGenerateContent";

    fn ask(text: &str) -> Value {
        json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] })
    }

    fn with_tool(mut request: Value) -> Value {
        let schema = json!({ "type": "OBJECT", "properties": { "city": { "type": "STRING" } } });
        let function = json!({ "name": "get_weather", "parameters": schema });
        request["tools"] = json!([{ "functionDeclarations": [function] }]);
        request
    }

    fn text_of(answer: &Value) -> &str {
        answer["candidates"][0]["content"]["parts"][0]["text"]
            .as_str()
            .unwrap()
    }

    #[tokio::test]
    async fn streamed_and_whole_contents_say_and_count_the_same() {
        let demo = Demo::start().await;
        let mut request = ask("Hi there");
        request["systemInstruction"] = json!({ "parts": [{ "text": "Be brief" }] });
        let whole = demo.post(WHOLE, &request).await.json();
        let text = text_of(&whole);
        assert!(
            text.contains("\"Hi there\"") && text.contains("system prompt"),
            "{text}"
        );

        let stream = demo.post(EVENTS, &request).await;
        assert!(stream.head.contains("content-type: text/event-stream"));
        assert!(stream.complete && stream.body.ends_with("}\r\n\r\n"));
        assert_eq!(stream.text("/candidates/0/content/parts/0/text"), text);
        assert_eq!(
            stream.all("/usageMetadata").last(),
            Some(&whole["usageMetadata"])
        );
        assert_eq!(stream.all("/candidates/0/finishReason"), ["STOP"]);

        let array = demo.post(ARRAY, &request).await;
        let chunks = array.json();
        let texts: String = chunks.as_array().unwrap().iter().map(text_of).collect();
        assert_eq!(texts, text);

        let counted = demo
            .post("/v1beta/models/demo:countTokens", &request)
            .await
            .json();
        assert_eq!(
            counted["totalTokens"],
            whole["usageMetadata"]["promptTokenCount"]
        );
    }

    #[tokio::test]
    async fn every_chunk_has_the_totals_so_far() {
        let stream = Demo::start().await.post(EVENTS, &ask("/long 3")).await;
        assert_eq!(stream.all("/usageMetadata/candidatesTokenCount"), [1, 2, 4]);
    }

    #[tokio::test]
    async fn a_mentioned_tool_is_called_and_its_result_talked_about() {
        let demo = Demo::start().await;
        let mut request = with_tool(ask("get_weather please"));
        let whole = demo.post(WHOLE, &request).await.json();
        let content = &whole["candidates"][0]["content"];
        let call = &content["parts"][0]["functionCall"];
        assert_eq!(call["args"], json!({ "city": "Paris" }));
        let stream = demo.post(EVENTS, &request).await;
        let call = "/candidates/0/content/parts/0/functionCall/name";
        assert_eq!(stream.text(call), "get_weather");
        assert_eq!(
            stream.all("/usageMetadata"),
            [whole["usageMetadata"].clone()]
        );

        let result = json!({ "name": "get_weather", "response": { "sky": "blue" } });
        let contents = request["contents"].as_array_mut().unwrap();
        contents.push(content.clone());
        contents.push(json!({ "role": "user", "parts": [{ "functionResponse": result }] }));
        let whole = demo.post(WHOLE, &request).await.json();
        assert!(text_of(&whole).contains(r#"{"sky":"blue"}"#));
    }

    #[tokio::test]
    async fn the_caller_can_force_a_tool_by_name() {
        let mut request = with_tool(ask("Hi"));
        let forced = json!({ "mode": "ANY", "allowedFunctionNames": ["get_weather"] });
        request["toolConfig"] = json!({ "functionCallingConfig": forced });
        let whole = Demo::start().await.post(WHOLE, &request).await.json();
        let part = &whole["candidates"][0]["content"]["parts"][0];
        assert_eq!(part["functionCall"]["name"], "get_weather");
    }

    #[tokio::test]
    async fn the_schema_is_found_where_the_python_sdk_puts_it() {
        let mut request = with_tool(ask("get_weather"));
        let schema = json!({ "type": "object", "properties": { "days": { "type": "integer" } } });
        request["tools"][0]["functionDeclarations"][0] =
            json!({ "name": "get_weather", "parameters_json_schema": schema });
        let whole = Demo::start().await.post(WHOLE, &request).await.json();
        let part = &whole["candidates"][0]["content"]["parts"][0];
        assert_eq!(part["functionCall"]["args"], json!({ "days": 1 }));
    }

    #[tokio::test]
    async fn the_token_limit_ends_the_answer() {
        let mut request = ask("Hi");
        request["generationConfig"] = json!({ "maxOutputTokens": 3 });
        let whole = Demo::start().await.post(WHOLE, &request).await.json();
        assert_eq!(whole["candidates"][0]["finishReason"], "MAX_TOKENS");
        assert_eq!(whole["usageMetadata"]["candidatesTokenCount"], 3);
    }

    #[tokio::test]
    async fn embeddings_come_alone_and_in_batches() {
        let demo = Demo::start().await;
        let request =
            json!({ "content": { "parts": [{ "text": "Hi" }] }, "outputDimensionality": 4 });
        let one = demo
            .post("/v1beta/models/demo:embedContent", &request)
            .await
            .json();
        assert_eq!(one["embedding"]["values"].as_array().unwrap().len(), 4);
        let batch = json!({ "requests": [request] });
        let many = demo
            .post("/v1beta/models/demo:batchEmbedContents", &batch)
            .await
            .json();
        assert_eq!(many["embeddings"][0], one["embedding"]);
    }

    #[tokio::test]
    async fn errors_have_the_shape_of_googles_apis() {
        let demo = Demo::start().await;
        let missing = demo.post(WHOLE, &json!({})).await;
        assert_eq!(missing.json()["error"]["status"], "INVALID_ARGUMENT");
        assert_eq!(missing.json()["error"]["code"], 400);
        let ordered = demo.post(EVENTS, &ask("/error 503")).await;
        assert_eq!(
            (ordered.status, &ordered.json()["error"]["status"]),
            (503, &json!("UNAVAILABLE"))
        );
    }

    #[tokio::test]
    async fn an_ordered_death_leaves_half_an_array() {
        let array = Demo::start().await.post(ARRAY, &ask("/die")).await;
        assert!(!array.complete && array.body.starts_with("[{"));
    }
}
