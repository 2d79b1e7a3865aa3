//! Everywhere a text can stand in a request: what reaches the provider has placeholders in place of what was found, and
//! nothing else is different.

use serde_json::{Value, json};

use super::{behind, guards, placeholders, redacting};
use crate::{
    conversion::by_responses,
    upstream::{Kind, Reply, Upstream},
};

/// Addresses and cards that were not used yet.
#[derive(Default)]
struct Marks(Vec<String>);

impl Marks {
    /// A text with an address and a card in it.
    fn text(&mut self) -> String {
        let number = self.0.len() as u64;
        let mail = format!("user{number}@corp-mail.org");
        let card = luhn(453_201_511_280_000 + number * 7);
        let text = format!("write to {mail}, card {card}.");
        self.0.extend([mail, card]);
        text
    }

    /// A file's name with an address in it.
    fn file(&mut self) -> String {
        let mail = format!("user{}@corp-mail.org", self.0.len());
        self.0.push(mail.clone());
        format!("report for {mail} of May.txt")
    }
}

/// A number with its check digit (ISO/IEC 7812-1).
fn luhn(number: u64) -> String {
    let digits = number.to_string();
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(n, digit)| match (n % 2, u32::from(digit - b'0')) {
            (0, digit @ 5..) => 2 * digit - 9,
            (0, digit) => 2 * digit,
            (_, digit) => digit,
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn arguments(text: &str) -> String {
    json!({ "n": 1, "to": [text], "note": "a \"b\"\n\\ c" }).to_string()
}

fn chat(marks: &mut Marks) -> Value {
    json!({
        "model": "p/m", "user": marks.text(),
        "messages": [
            { "role": "system", "content": marks.text() },
            { "role": "developer", "content": [{ "type": "text", "text": marks.text() }] },
            { "role": "user", "name": "ann", "content": marks.text() },
            { "role": "assistant", "content": marks.text(), "reasoning_content": marks.text(), "tool_calls": [{
                "id": "call_1", "type": "function", "function": { "name": "send", "arguments": arguments(&marks.text()) },
            }, {
                "id": "call_2", "type": "function", "function": { "name": "send", "arguments": "{}" },
            }] },
            { "role": "tool", "tool_call_id": "call_1", "content": marks.text() },
            { "role": "tool", "tool_call_id": "call_2", "content": [{ "type": "text", "text": marks.text() }] },
            { "role": "assistant", "content": null, "refusal": marks.text() },
            { "role": "user", "content": [
                { "type": "text", "text": marks.text() },
                { "type": "file", "file": { "filename": marks.file(), "file_data": "data:application/pdf;base64,JVBERi0=" } },
            ] },
        ],
        "tools": [{ "type": "function", "function": { "name": "send", "description": marks.text(), "parameters": {
            "type": "object", "properties": { "to": { "type": "array", "description": marks.text() } },
        } } }],
    })
}

fn responses(marks: &mut Marks) -> Value {
    json!({
        "model": "p/m", "instructions": marks.text(), "store": false,
        "input": [
            { "role": "developer", "content": marks.text() },
            { "role": "user", "content": [
                { "type": "input_text", "text": marks.text() },
                { "type": "input_file", "filename": marks.file(), "file_data": "data:application/pdf;base64,JVBERi0=" },
            ] },
            { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": marks.text() }] },
            { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": marks.text(), "annotations": [] }] },
            { "type": "function_call", "call_id": "call_1", "name": "send", "arguments": arguments(&marks.text()) },
            { "type": "function_call_output", "call_id": "call_1", "output": marks.text() },
            { "type": "function_call", "call_id": "call_2", "name": "send", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "call_2", "output": [{ "type": "input_text", "text": marks.text() }] },
            { "role": "user", "content": marks.text() },
        ],
        "tools": [{ "type": "function", "name": "send", "description": marks.text(), "parameters": { "type": "object" } }],
    })
}

fn messages(marks: &mut Marks) -> Value {
    json!({
        "model": "p/m", "max_tokens": 64, "system": [{ "type": "text", "text": marks.text() }],
        "messages": [
            { "role": "user", "content": marks.text() },
            { "role": "assistant", "content": [
                { "type": "text", "text": marks.text() },
                { "type": "tool_use", "id": "toolu_1", "name": "send", "input": { "to": marks.text(), "deep": { "list": [marks.text()] } } },
                { "type": "tool_use", "id": "toolu_2", "name": "send", "input": {} },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "toolu_1", "content": marks.text() },
                { "type": "tool_result", "tool_use_id": "toolu_2", "content": [{ "type": "text", "text": marks.text() }] },
                { "type": "text", "text": marks.text() },
                { "type": "document", "title": marks.file(), "context": marks.text(),
                  "source": { "type": "text", "media_type": "text/plain", "data": marks.text() } },
            ] },
        ],
        "tools": [{ "name": "send", "description": marks.text(), "input_schema": { "type": "object" } }],
    })
}

fn generate(marks: &mut Marks) -> Value {
    json!({
        "systemInstruction": { "parts": [{ "text": marks.text() }] },
        "contents": [
            { "role": "user", "parts": [{ "text": marks.text() }] },
            { "role": "model", "parts": [
                { "text": marks.text() },
                { "functionCall": { "name": "send", "args": { "to": marks.text(), "deep": { "list": [marks.text()] } } } },
            ] },
            { "role": "user", "parts": [
                { "functionResponse": { "name": "send", "response": { "result": marks.text(), "list": [{ "x": marks.text() }] } } },
                { "text": marks.text() },
            ] },
        ],
        "tools": [{ "functionDeclarations": [{ "name": "send", "description": marks.text() }] }],
    })
}

fn embeddings(marks: &mut Marks) -> Value {
    json!({ "model": "p/m", "input": [marks.text(), marks.text()] })
}

type Request = fn(&mut Marks) -> Value;

/// Each dialect's request with texts everywhere, where it is asked, and the kind of provider that speaks it.
const ALL: [(Kind, &str, Request); 5] = [
    (Kind::Openai, "/v1/chat/completions", chat),
    (Kind::Openai, "/v1/responses", responses),
    (Kind::Anthropic, "/v1/messages", messages),
    (
        Kind::Gemini,
        "/v1beta/models/p%2Fm:generateContent",
        generate,
    ),
    (Kind::Openai, "/v1/embeddings", embeddings),
];

/// Nothing of what was found stands in a body, in whatever way it is written.
fn is_clean(what: &str, body: &[u8], marks: &Marks) {
    let text = String::from_utf8_lossy(body).into_owned();
    let value: Value =
        serde_json::from_slice(body).unwrap_or_else(|e| panic!("{what}: {e}: {text}"));
    // Strings with JSON in them are read, too.
    let mut all = text.clone();
    spell(&value, &mut all);
    for original in &marks.0 {
        assert!(
            !all.contains(original.as_str()),
            "{what}: {original} in {text}"
        );
    }
}

fn spell(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            *out += "\n";
            *out += text;
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                spell(&inner, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| spell(item, out)),
        Value::Object(members) => members.iter().for_each(|(key, item)| {
            *out += key;
            spell(item, out);
        }),
        _ => {}
    }
}

/// Checks that `got` is `sent` with placeholders in the place of originals, and gives what each stands for.
fn differs_only_there(
    what: &str,
    sent: &str,
    got: &str,
    originals: &[String],
) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let (mut sent_at, mut got_at) = (0, 0);
    let marks = placeholders(got);
    for mark in &marks {
        let next = got_at + got[got_at..].find(mark.as_str()).expect("just found");
        let same = &got[got_at..next];
        assert!(
            sent[sent_at..].starts_with(same),
            "{what}: {same:?} is not {:?}",
            &sent[sent_at..]
        );
        sent_at += same.len();
        let fits = originals
            .iter()
            .filter(|o| sent[sent_at..].starts_with(o.as_str()));
        let original = fits.max_by_key(|o| o.len());
        let original =
            original.unwrap_or_else(|| panic!("{what}: {mark} for {:.80}", &sent[sent_at..]));
        pairs.push((mark.clone(), original.clone()));
        sent_at += original.len();
        got_at = next + mark.len();
    }
    assert_eq!(sent[sent_at..], got[got_at..], "{what}: the rest");
    pairs
}

#[tokio::test]
async fn what_was_found_leaves_in_no_position() {
    for (kind, path, request) in ALL {
        let mut marks = Marks::default();
        let body = request(&mut marks);
        let (upstream, gateway) = behind(kind, Reply::text("ok"), guards(redacting())).await;
        let answer = gateway.ask(path, body.to_string()).whole().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body_text());
        let got = upstream.only();
        is_clean(path, &got.body, &marks);
        let sent = body.to_string().replace("\"p/m\"", "\"m\"");
        let got = String::from_utf8(got.body.to_vec()).expect("UTF-8");
        let pairs = differs_only_there(path, &sent, &got, &marks.0);
        assert_eq!(pairs.len(), marks.0.len(), "{path}: each has a placeholder");
        let told = answer.header("x-sluicegate-guard").expect("told");
        assert!(told.starts_with("redact; profile=test; rules="), "{told}");
    }
}

#[tokio::test]
async fn nor_does_it_where_the_request_is_written_in_other_ways() {
    let (upstream, gateway) = behind(Kind::Openai, Reply::text("ok"), guards(redacting())).await;
    let mail = "ann.lee@corp-mail.org";
    let spelled: String = mail.bytes().map(|b| format!("\\u{b:04x}")).collect();
    // `please write to ann.lee@corp-mail.org about it`
    let base64 = "cGxlYXNlIHdyaXRlIHRvIGFubi5sZWVAY29ycC1tYWlsLm9yZyBhYm91dCBpdA==";
    for text in [
        &*spelled,
        "ann.lee\\u0040corp-mail.org",
        "ann.\\u200blee@corp\\u200d-mail.org",
        base64,
    ] {
        let body = format!(
            r#"{{ "messages" :[{{"content":"mail {text} now" ,"role":"user"}}], "model":"p/m"}}"#
        );
        let answer = gateway
            .ask("/v1/chat/completions", body.clone())
            .whole()
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body_text());
        let got = upstream.received().pop().expect("came");
        let got = String::from_utf8(got.body.to_vec()).expect("UTF-8");
        let marks = placeholders(&got);
        assert_eq!(marks.len(), 1, "{text}: {got}");
        assert!(
            !got.contains("corp-mail") && !got.contains(text),
            "{text}: {got}"
        );
        let [before, after] = [body.split(text).next(), body.split(text).last()];
        let [before, after] = [before, after].map(|part| part.expect("two").replace("p/m", "m"));
        assert!(
            got.starts_with(&before) && got.ends_with(&after),
            "{text}: {got}"
        );
    }
}

#[tokio::test]
async fn nor_to_a_provider_of_another_dialect() {
    let upstreams = [
        Upstream::openai().start().await,
        Upstream::openai().start().await,
        Upstream::anthropic().start().await,
        Upstream::gemini().start().await,
    ];
    let gateway = super::start(json!({
        "providers": {
            "chat": upstreams[0].provider(), "responses": by_responses(&upstreams[1]),
            "messages": upstreams[2].provider(), "generate": upstreams[3].provider(),
        },
        "guards": guards(redacting()),
    }))
    .await;
    for (_, path, request) in &ALL[..4] {
        for (target, upstream) in ["chat", "responses", "messages", "generate"]
            .iter()
            .zip(&upstreams)
        {
            for stream in [false, true] {
                let what = format!("{path} to {target}, streamed: {stream}");
                let mut marks = Marks::default();
                let mut body = request(&mut marks);
                let mut path = path.replace("p%2Fm", &format!("{target}%2Fm"));
                if path.contains("generate") && stream {
                    path = path.replace(":generateContent", ":streamGenerateContent?alt=sse");
                } else if !path.contains("generate") {
                    body["model"] = format!("{target}/m").into();
                    body["stream"] = stream.into();
                }
                let before = upstream.hits();
                let answer = gateway.ask(&path, body.to_string()).whole().await;
                if upstream.hits() == before {
                    // Files go by id only to some.
                    assert!(answer.status == 400, "{what}: {}", answer.body_text());
                    continue;
                }
                let got = upstream.received().pop().expect("came");
                is_clean(&what, &got.body, &marks);
                let text = String::from_utf8_lossy(&got.body).into_owned();
                assert!(placeholders(&text).len() >= 10, "{what}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn numbers_and_keys_in_arguments_are_texts_too() {
    let (upstream, gateway) = behind(Kind::Anthropic, Reply::text("ok"), guards(redacting())).await;
    let body = r#"{"model":"p/m","max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"pay",
        "input":{"card":4532015112830366,"ann.lee@corp-mail.org":true}}]},{"role":"user","content":"go on"}]}"#;
    let answer = gateway.ask("/v1/messages", body).whole().await;
    assert_eq!(answer.status, 200, "{}", answer.body_text());
    let got = upstream.only();
    let text = String::from_utf8(got.body.to_vec()).expect("UTF-8");
    assert!(
        !text.contains("4532015112830366") && !text.contains("ann.lee"),
        "{text}"
    );
    let input = &got.json()["messages"][0]["content"][0]["input"];
    assert!(input["card"].is_string(), "{input}");
}
