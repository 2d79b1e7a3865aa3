//! `POST /v1/embeddings`.

use axum::response::Response;
use serde_json::{Value, json};

use crate::demo::{
    answer::tokens,
    embedding::{base64, dimensions, vector},
    fault::{Fault, count, list},
    ident, model_of, script,
};

pub(in crate::demo) fn answer(request: &Value) -> Result<Response, Fault> {
    let dimensions = dimensions(count(&request["dimensions"], "dimensions")?)?;
    let encode = encoding(&request["encoding_format"])?;
    let texts = texts(&request["input"])?;
    let data = texts.iter().enumerate().map(|(index, text)| {
        let embedding = encode(&vector(text, dimensions));
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    });
    let input: u64 = texts.iter().map(|text| tokens(text)).sum();
    let answer = json!({
        // Not in OpenAI's answers, but Mistral's SDK refuses one without.
        "id": ident("embd-"),
        "object": "list",
        "data": data.collect::<Value>(),
        "model": model_of(request),
        "usage": { "prompt_tokens": input, "total_tokens": input }
    });
    Ok(script::json(&answer, false))
}

fn encoding(format: &Value) -> Result<fn(&[f32]) -> Value, Fault> {
    match format.as_str() {
        None | Some("float") => Ok(|vector| json!(vector)),
        Some("base64") => Ok(|vector| base64(vector).into()),
        Some(_) => Err(Fault::invalid(
            "encoding_format",
            "'encoding_format' must be 'float' or 'base64'.",
        )),
    }
}

/// The inputs: strings, or token ids, which are as good as words here.
fn texts(input: &Value) -> Result<Vec<String>, Fault> {
    if let Some(text) = input.as_str() {
        return Ok(vec![text.to_owned()]);
    }
    let inputs = list(input, "input")?;
    if inputs.iter().all(Value::is_u64) {
        return Ok(vec![ids(inputs)]);
    }
    let texts = inputs.iter().map(|input| match input {
        Value::String(text) => Ok(text.clone()),
        Value::Array(tokens) if tokens.iter().all(Value::is_u64) => Ok(ids(tokens)),
        _ => Err(Fault::invalid(
            "input",
            "'input' must be text, token ids, or a list of either.",
        )),
    });
    texts.collect()
}

fn ids(tokens: &[Value]) -> String {
    let ids: Vec<String> = tokens.iter().map(Value::to_string).collect();
    ids.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::demo::probe::Demo;

    const PATH: &str = "/v1/embeddings";

    #[tokio::test]
    async fn each_input_gets_a_vector_of_the_wanted_length() {
        let request = json!({ "input": ["Hello world", "world hello"], "dimensions": 8 });
        let reply = Demo::start().await.post(PATH, &request).await.json();
        assert_eq!(reply["data"][0]["embedding"].as_array().unwrap().len(), 8);
        assert_eq!(reply["data"][0]["embedding"], reply["data"][1]["embedding"]);
        assert_eq!(reply["data"][1]["index"], 1);
        assert_eq!(reply["usage"]["prompt_tokens"], 8);
    }

    #[tokio::test]
    async fn vectors_come_in_base64_when_asked_for() {
        let request = json!({ "input": "Hello", "dimensions": 3, "encoding_format": "base64" });
        let reply = Demo::start().await.post(PATH, &request).await.json();
        assert_eq!(reply["data"][0]["embedding"].as_str().unwrap().len(), 16);
    }

    #[tokio::test]
    async fn token_ids_will_do_as_input() {
        let demo = Demo::start().await;
        let one = demo.post(PATH, &json!({ "input": [1, 2, 3] })).await.json();
        assert_eq!(one["data"].as_array().unwrap().len(), 1);
        let two = demo
            .post(PATH, &json!({ "input": [[1, 2], [3]] }))
            .await
            .json();
        assert_eq!(two["data"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn an_input_is_needed_and_dimensions_have_bounds() {
        let demo = Demo::start().await;
        let reply = demo.post(PATH, &json!({ "model": "m" })).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["param"]),
            (400, &json!("input"))
        );
        let reply = demo
            .post(PATH, &json!({ "input": "x", "dimensions": 1_000_000 }))
            .await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["param"]),
            (400, &json!("dimensions"))
        );
    }
}
