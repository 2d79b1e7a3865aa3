//! `POST /v1/completions`, the older endpoint that continues a text.

use axum::response::Response;
use serde_json::{Value, json};

use super::{choices, finish_reason, usage, wants_usage};
use crate::demo::{
    answer::{Answer, Content, words},
    fault::{Fault, count},
    ident, model_of, now,
    prompt::Prompt,
    script::{self, Script},
};

/// Prompts in one request; each may get several choices.
const MOST_PROMPTS: usize = 64;

pub(in crate::demo) async fn answer(request: &Value) -> Result<Response, Fault> {
    let n = choices(request)?;
    let limit = count(&request["max_tokens"], "max_tokens")?;
    let mut answers = Vec::new();
    for text in prompts(&request["prompt"])? {
        let mut prompt = Prompt::new(model_of(request));
        prompt.limit = limit;
        prompt.user(text);
        answers.push(Answer::to(prompt).await?);
    }
    let die = answers.iter().any(|answer| answer.die);
    let mut frame = json!({
        "id": ident("cmpl-"),
        "object": "text_completion",
        "created": now(),
        "model": model_of(request),
        "choices": []
    });
    if request["stream"] == true {
        return Ok(stream(frame, &answers, n, wants_usage(request)).play(die));
    }
    frame["choices"] = numbered(&answers, n)
        .map(|(index, answer, text)| choice(index, text, Some(finish_reason(answer))))
        .collect();
    frame["usage"] = usage(&answers, n);
    Ok(script::json(&frame, die))
}

fn prompts(prompt: &Value) -> Result<Vec<String>, Fault> {
    match prompt {
        Value::Null => Err(Fault::missing("prompt")),
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(texts) if (1..=MOST_PROMPTS).contains(&texts.len()) => {
            let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
            texts
                .map(|texts| texts.into_iter().map(str::to_owned).collect())
                .ok_or_else(|| {
                    Fault::invalid(
                        "prompt",
                        "This model has no vocabulary: send text, not token ids.",
                    )
                })
        }
        _ => Err(Fault::invalid(
            "prompt",
            "'prompt' must be a string or a list of strings.",
        )),
    }
}

fn stream(mut frame: Value, answers: &[Answer], n: u64, with_usage: bool) -> Script {
    let mut script = Script::events();
    if with_usage {
        frame["usage"] = Value::Null;
    }
    let mut send = |script: &mut Script, choice| {
        frame["choices"] = json!([choice]);
        script.data(&frame);
    };
    for (index, answer, text) in numbered(answers, n) {
        for word in words(text) {
            script.pause();
            send(&mut script, choice(index, word, None));
        }
        send(&mut script, choice(index, "", Some(finish_reason(answer))));
    }
    if with_usage {
        frame["choices"] = json!([]);
        frame["usage"] = usage(answers, n);
        script.data(&frame);
    }
    script.data(&"[DONE]");
    script
}

/// Every choice with its index: those of the first prompt, of the second, ...
fn numbered(answers: &[Answer], n: u64) -> impl Iterator<Item = (usize, &Answer, &str)> {
    let repeated = answers
        .iter()
        .flat_map(move |answer| (0..n).map(move |_| answer));
    repeated
        .enumerate()
        .map(|(index, answer)| match &answer.content {
            Content::Text(text) => (index, answer, text.as_str()),
            // No tools are offered here, so none is called.
            Content::Call(_) => (index, answer, ""),
        })
}

fn choice(index: usize, text: &str, finish_reason: Option<&str>) -> Value {
    json!({ "text": text, "index": index, "logprobs": null, "finish_reason": finish_reason })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::demo::probe::Demo;

    const PATH: &str = "/v1/completions";

    #[tokio::test]
    async fn streamed_and_whole_completions_say_and_count_the_same() {
        let demo = Demo::start().await;
        let mut request = json!({ "model": "m", "prompt": "Once upon a time" });
        let whole = demo.post(PATH, &request).await.json();
        request["stream"] = true.into();
        request["stream_options"] = json!({ "include_usage": true });
        let stream = demo.post(PATH, &request).await;
        assert_eq!(stream.text("/choices/0/text"), whole["choices"][0]["text"]);
        assert_eq!(stream.all("/usage").last(), Some(&whole["usage"]));
        assert!(stream.body.ends_with("data: [DONE]\n\n"));
    }

    #[tokio::test]
    async fn each_prompt_gets_its_choices() {
        let request = json!({ "prompt": ["/long 1", "/long 2"], "n": 2, "max_tokens": 1 });
        let whole = Demo::start().await.post(PATH, &request).await.json();
        assert_eq!(whole["choices"][1]["finish_reason"], "stop");
        assert_eq!(whole["choices"][2]["finish_reason"], "length");
        assert_eq!(whole["usage"]["completion_tokens"], 4);
    }

    #[tokio::test]
    async fn a_prompt_is_needed() {
        let reply = Demo::start()
            .await
            .post(PATH, &json!({ "model": "m" }))
            .await;
        assert_eq!(reply.json()["error"]["param"], "prompt");
    }
}
