//! Tests of embeddings: each form both ways, and all recordings.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn target(model: &str) -> Target<'_> {
    Target {
        model,
        known: None,
        asks_stream_usage: false,
        vendor: "",
    }
}

fn read(operation: Operation, body: &Value) -> EmbedRequest {
    EmbedRequest::read(operation, body.to_string().as_bytes()).unwrap()
}

fn openai(body: &Value) -> EmbedRequest {
    read(Operation::Embeddings, body)
}

/// The bodies for a provider, and what was lost: hints marked by `~`.
fn write(request: &EmbedRequest, operation: Operation, model: &str) -> (Vec<Value>, Vec<String>) {
    let mut losses = Losses::default();
    let bodies = request.write(operation, &target(model), &mut losses);
    let lost = losses.all().iter().map(|loss| {
        let mark = if loss.hint { "~" } else { "" };
        format!("{mark}{}", loss.what)
    });
    (
        bodies
            .iter()
            .map(|b| serde_json::from_slice(b).unwrap())
            .collect(),
        lost.collect(),
    )
}

fn answer(operation: Operation, body: &Value) -> EmbedAnswer {
    EmbedAnswer::read(operation, &[body.to_string()], 1).unwrap()
}

fn written(answer: &EmbedAnswer, operation: Operation, encoding: Encoding) -> Value {
    let mut request = EmbedRequest::new(Origin::OpenAi, true);
    request.encoding = Some(encoding);
    serde_json::from_slice(&answer.write(operation, &request, "asked", "req_1")).unwrap()
}

const NO_LOSS: [String; 0] = [];

#[test]
fn every_form_of_openais_input_is_read_and_written_again() {
    for input in [
        json!("a"),
        json!(["a"]),
        json!(["a", "b"]),
        json!([1, 2]),
        json!([[1, 2], [3]]),
    ] {
        let body = json!({
            "model": "m", "input": input, "dimensions": 8, "encoding_format": "base64", "user": "u",
            "input_type": "query", "truncate": "END", "output_dtype": "int8"
        });
        let (bodies, lost) = write(&openai(&body), Operation::Embeddings, "m");
        assert_eq!((bodies, lost), (vec![body], vec![]));
    }
}

#[test]
fn an_input_that_makes_no_sense_is_refused_by_its_name() {
    for (body, param) in [
        (r#"{"model":"m"}"#, Some("input")),
        (r#"{"input":[]}"#, Some("input")),
        (r#"{"input":[[]]}"#, Some("input")),
        (r#"{"input":[1,"a"]}"#, Some("input")),
        (r#"{"input":[-1]}"#, Some("input")),
        (r#"{"input":{}}"#, Some("input")),
        (r#"{"input":null}"#, Some("input")),
        (r#"{"input":"a","dimensions":0}"#, Some("dimensions")),
        (r#"{"input":"a","dimensions":-1}"#, Some("dimensions")),
        ("[]", None),
        ("{", None),
    ] {
        let failure = EmbedRequest::read(Operation::Embeddings, body.as_bytes()).unwrap_err();
        assert_eq!(
            (failure.kind, failure.param.as_deref()),
            (Kind::BadRequest, param),
            "{body}"
        );
    }
    for body in [
        r#"{"requests":[]}"#,
        r#"{"requests":[{"content":{"parts":[]}}]}"#,
        r#"{"requests":[{"content":{"parts":[{"functionCall":{}}]}}]}"#,
        r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"a"}]},"title":"t"}]}"#,
    ] {
        let read = EmbedRequest::read(Operation::BatchEmbedContents, body.as_bytes());
        assert_eq!(read.unwrap_err().kind, Kind::BadRequest, "{body}");
    }
}

#[test]
fn a_gemini_batch_is_read_and_written_again() {
    let one = |text: &str| {
        json!({"model": "models/m", "content": {"parts": [{"text": text}]}, "taskType": "QUESTION_ANSWERING",
            "title": "t", "outputDimensionality": 8})
    };
    let body = json!({"requests": [one("a"), one("b")]});
    let request = read(Operation::BatchEmbedContents, &body);
    assert_eq!(
        write(&request, Operation::BatchEmbedContents, "m"),
        (vec![body], vec![])
    );
    let (bodies, _) = write(&request, Operation::EmbedContent, "m");
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[1]["content"], json!({"parts": [{"text": "b"}]}));
    assert_eq!(bodies[1].get("model"), None);
}

#[test]
fn media_cross_to_those_who_embed_them() {
    let body = json!({"content": {"parts": [
        {"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    ]}});
    let request = read(Operation::EmbedContent, &body);
    assert_eq!(
        write(&request, Operation::EmbedContent, "m"),
        (vec![body], vec![])
    );
    let (bodies, lost) = write(&request, Operation::CohereEmbed, "embed-v4.0");
    assert_eq!(lost, NO_LOSS);
    assert_eq!(
        bodies[0]["inputs"],
        json!([{"content": [{"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}])
    );
    let (bodies, lost) = write(&request, Operation::Invoke, "amazon.titan-embed-image-v1");
    assert_eq!(lost, NO_LOSS);
    assert_eq!(bodies, [json!({"inputText": "a", "inputImage": "AAAA"})]);
    let (_, lost) = write(&request, Operation::Embeddings, "text-embedding-3-small");
    assert_eq!(lost, ["input[0]"]);
    let (_, lost) = write(&request, Operation::Invoke, "amazon.titan-embed-text-v2:0");
    assert_eq!(lost, ["input[0]"]);
    let (_, lost) = write(
        &request,
        Operation::Invoke,
        "amazon.nova-2-multimodal-embeddings-v1:0",
    );
    assert_eq!(lost, ["input[0]"], "one or the other");
}

#[test]
fn tasks_cross_in_their_sense() {
    for (word, cohere, gemini) in [
        ("query", "search_query", "RETRIEVAL_QUERY"),
        ("search_document", "search_document", "RETRIEVAL_DOCUMENT"),
        ("passage", "search_document", "RETRIEVAL_DOCUMENT"),
        ("clustering", "clustering", "CLUSTERING"),
        ("classification", "classification", "CLASSIFICATION"),
    ] {
        let request = openai(&json!({"model": "m", "input": "a", "input_type": word}));
        let (bodies, lost) = write(&request, Operation::CohereEmbed, "m");
        assert_eq!((&bodies[0]["input_type"], lost), (&json!(cohere), vec![]));
        let (bodies, lost) = write(&request, Operation::EmbedContent, "m");
        assert_eq!((&bodies[0]["taskType"], lost), (&json!(gemini), vec![]));
    }
    let unknown = openai(&json!({"model": "m", "input": "a", "input_type": "poem"}));
    assert_eq!(
        write(&unknown, Operation::CohereEmbed, "m").1,
        ["input_type"]
    );
    assert_eq!(
        write(&unknown, Operation::EmbedContent, "m").1,
        ["input_type"]
    );
    assert_eq!(write(&unknown, Operation::Embeddings, "m").1, NO_LOSS);
    let none = openai(&json!({"model": "m", "input": "a"}));
    let (bodies, _) = write(&none, Operation::CohereEmbed, "m");
    assert_eq!(
        bodies,
        [
            json!({"model": "m", "texts": ["a"], "input_type": "search_document", "embedding_types": ["float"]})
        ]
    );
}

#[test]
fn what_a_target_cannot_do_is_told() {
    let request = openai(&json!({
        "model": "m", "input": [[1, 2]], "user": "u", "dimensions": 8, "output_dtype": "int8", "normalize": true,
        "truncate": "END"
    }));
    let lost = |operation, model| write(&request, operation, model).1;
    assert_eq!(
        lost(Operation::BatchEmbedContents, "m"),
        [
            "~user",
            "~truncate",
            "output_dtype",
            "normalize",
            "input[0]"
        ]
    );
    assert_eq!(
        lost(Operation::CohereEmbed, "m"),
        ["~user", "output_dtype", "normalize", "input[0]"]
    );
    assert_eq!(
        lost(Operation::Invoke, "amazon.titan-embed-text-v2:0"),
        ["~user", "output_dtype", "~truncate", "input[0]"]
    );
    assert_eq!(
        lost(Operation::Invoke, "amazon.titan-embed-text-v1"),
        [
            "~user",
            "output_dtype",
            "normalize",
            "~truncate",
            "dimensions",
            "input[0]"
        ]
    );
    assert!(lost(Operation::Invoke, "somebody.else").contains(&"model".to_owned()));
    let gemini = json!({"content": {"parts": [{"text": "a"}, {"text": "b"}]}, "taskType": "CLUSTERING", "title": "t"});
    let (bodies, lost) = write(
        &read(Operation::EmbedContent, &gemini),
        Operation::Embeddings,
        "m",
    );
    assert_eq!(lost, ["~input[0]", "~taskType", "~title"]);
    assert_eq!(bodies, [json!({"model": "m", "input": "a\nb"})]);
    let sized = json!({"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING", "outputDimensionality": 8});
    let sized = read(Operation::EmbedContent, &sized);
    let (_, lost) = write(&sized, Operation::Invoke, "amazon.titan-embed-text-v1");
    assert_eq!(lost, ["~taskType", "outputDimensionality"]);
}

#[test]
fn tokens_become_texts_for_those_who_take_only_texts() {
    let mut request = openai(&json!({"model": "m", "input": [[15339, 1917], [9906]]}));
    assert!(request.has_tokens());
    request.detokenise().unwrap();
    assert!(!request.has_tokens());
    let texts = ["hello world", "Hello"].map(|text| Input::Text(text.into()));
    assert_eq!(request.inputs, texts);
    let mut unknown = openai(&json!({"model": "m", "input": [4_000_000_000_u64]}));
    assert_eq!(
        unknown.detokenise().unwrap_err().param.as_deref(),
        Some("input")
    );
    let mut huge = openai(&json!({"model": "m", "input": [u64::MAX]}));
    assert!(huge.detokenise().is_err());
}

#[test]
fn many_inputs_are_spread_over_as_many_calls_as_the_provider_needs_and_come_back_in_order() {
    let inputs: Vec<String> = (0..201).map(|n| n.to_string()).collect();
    let request = openai(&json!({"model": "m", "input": inputs}));
    for (operation, model, calls) in [
        (Operation::Embeddings, "m", 1),
        (Operation::CohereEmbed, "m", 3),
        (Operation::BatchEmbedContents, "m", 3),
        (Operation::EmbedContent, "m", 201),
        (Operation::Invoke, "cohere.embed-v4:0", 3),
        (Operation::Invoke, "amazon.titan-embed-text-v2:0", 201),
    ] {
        let (bodies, _) = write(&request, operation, model);
        assert_eq!(bodies.len(), calls, "{operation:?}");
    }
    let titan = |n: u32| json!({"embedding": [n], "inputTextTokenCount": n}).to_string();
    let all = EmbedAnswer::read(Operation::Invoke, &[titan(1), titan(2)], 2).unwrap();
    let lists = ["[1]", "[2]"].map(|list| Vector::Json(Json::parse(list).unwrap()));
    assert_eq!((&all.vectors[..], all.usage.input), (&lists[..], Some(3)));
    let silent = json!({"embedding": [3]}).to_string();
    let all = EmbedAnswer::read(Operation::Invoke, &[titan(1), silent], 2).unwrap();
    assert_eq!(
        all.usage.input, None,
        "a sum of what is not known is not known"
    );
    assert!(EmbedAnswer::read(Operation::Invoke, &[titan(1)], 2).is_err());
    assert!(EmbedAnswer::read(Operation::Invoke, &[titan(1), titan(2)], 1).is_err());
}

#[test]
fn openais_vectors_are_ordered_by_their_index() {
    let item = |index: u32| json!({"object": "embedding", "index": index, "embedding": [index]});
    let body = json!({"data": [item(1), item(0)], "model": "m"}).to_string();
    let answer = EmbedAnswer::read(Operation::Embeddings, &[body], 2).unwrap();
    assert_eq!(answer.vectors[0], Vector::Json(Json::parse("[0]").unwrap()));
    let twice = json!({"data": [item(0), item(0)]}).to_string();
    assert!(EmbedAnswer::read(Operation::Embeddings, &[twice], 2).is_err());
}

#[test]
fn no_digit_of_a_vector_is_lost() {
    let digits = "[-0.09060307592153549, 1e-7,0.10]";
    let body = format!(r#"{{"embedding":{digits}}}"#);
    let answer = EmbedAnswer::read(Operation::Invoke, &[body], 1).unwrap();
    let request = EmbedRequest::new(Origin::OpenAi, true);
    let out = answer.write(Operation::Embeddings, &request, "m", "r");
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(&format!(r#""embedding":{digits}"#)), "{out}");
}

#[test]
fn vectors_are_written_as_the_client_wants_them() {
    let floats = [0.1_f32, -2.5, 3.0e-8];
    let bytes: Vec<u8> = floats.iter().flat_map(|f| f.to_le_bytes()).collect();
    let base64 = STANDARD.encode(bytes);
    let list = answer(
        Operation::Invoke,
        &json!({"embedding": [0.1, -2.5, 3.0e-8]}),
    );
    let text = answer(
        Operation::Embeddings,
        &json!({"data": [{"embedding": base64}]}),
    );
    let embedding = |answer, encoding| {
        written(answer, Operation::Embeddings, encoding)["data"][0]["embedding"].clone()
    };
    assert_eq!(embedding(&list, Encoding::Base64), json!(base64));
    assert_eq!(embedding(&text, Encoding::Base64), json!(base64));
    assert_eq!(
        embedding(&list, Encoding::Float),
        json!([0.1, -2.5, 3.0e-8])
    );
    assert_eq!(text.vectors[0].floats().unwrap(), floats);
    let shortest = String::from_utf8(text.write(
        Operation::EmbedContent,
        &EmbedRequest::new(Origin::Gemini, false),
        "m",
        "r",
    ));
    assert_eq!(
        shortest.unwrap(),
        r#"{"embedding":{"values":[0.1,-2.5,3e-8]}}"#
    );
    let other = answer(
        Operation::Embeddings,
        &json!({"data": [{"embedding": "AAA="}]}),
    );
    assert_eq!(
        embedding(&other, Encoding::Float),
        json!("AAA="),
        "no floats in there"
    );
}

#[test]
fn answers_have_the_form_of_the_clients_dialect() {
    let body = json!({"embedding": [1.5], "inputTextTokenCount": 4});
    let answer = answer(Operation::Invoke, &body);
    assert_eq!(
        written(&answer, Operation::Embeddings, Encoding::Float),
        json!({"object": "list", "id": "req_1", "model": "asked", "usage": {"prompt_tokens": 4, "total_tokens": 4},
            "data": [{"object": "embedding", "index": 0, "embedding": [1.5]}]})
    );
    assert_eq!(
        written(&answer, Operation::EmbedContent, Encoding::Float),
        json!({"embedding": {"values": [1.5]}, "usageMetadata": {"promptTokenCount": 4}})
    );
    let mut unknown = answer;
    unknown.usage.input = None;
    assert_eq!(
        written(&unknown, Operation::BatchEmbedContents, Encoding::Float),
        json!({"embeddings": [{"values": [1.5]}]})
    );
}

#[test]
fn answers_that_are_none_are_not_understood() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"data":1}"#,
        r#"{"data":[{}]}"#,
        r#"{"data":[{"embedding":{}}]}"#,
        r#"{"data":[{"embedding":["a"]}]}"#,
        r#"{"embeddings":[[null]]}"#,
        r#"{"embeddings":{"int8":[[1]]}}"#,
        r#"{"embedding":{"values":null}}"#,
        r#"{"message":"no"}"#,
    ] {
        for operation in [
            Operation::Embeddings,
            Operation::EmbedContent,
            Operation::BatchEmbedContents,
            Operation::CohereEmbed,
            Operation::Invoke,
        ] {
            assert!(
                EmbedAnswer::read(operation, &[body], 1).is_err(),
                "{operation:?} {body}"
            );
        }
    }
}

#[test]
fn novas_form_is_spoken() {
    let request =
        openai(&json!({"model": "m", "input": "a", "dimensions": 256, "input_type": "query"}));
    let (bodies, lost) = write(
        &request,
        Operation::Invoke,
        "amazon.nova-2-multimodal-embeddings-v1:0",
    );
    assert_eq!(lost, NO_LOSS);
    assert_eq!(
        bodies,
        [
            json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {
            "embeddingPurpose": "GENERIC_RETRIEVAL", "embeddingDimension": 256,
            "text": {"truncationMode": "NONE", "value": "a"}}})
        ]
    );
    let body = json!({"embeddings": [{"embeddingType": "TEXT", "embedding": [1, 2]}]});
    let vectors = answer(Operation::Invoke, &body).vectors;
    assert_eq!(vectors[0].floats().unwrap(), [1.0, 2.0]);
}

/// The recordings of a wire format; none, said aloud, where they are not at hand.
fn recordings(wire: &str) -> Vec<Value> {
    let path = format!(
        "{}/../shared/cassettes/{wire}.jsonl",
        env!("CARGO_MANIFEST_DIR")
    );
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no recordings at {path}");
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Without members that are null, and what `but` names.
fn lean(body: &Value, but: &[&str]) -> Value {
    let members = body.as_object().unwrap().iter();
    members
        .filter(|(name, value)| !value.is_null() && !but.contains(&&***name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Every vector of the recorded answer, in its own words, comes out of both clients' forms again.
fn answers_agree(operation: Operation, record: &Value, vectors: &[Value]) {
    let body = record["response"]["body"].to_string();
    let answer = EmbedAnswer::read(operation, &[body], vectors.len()).unwrap();
    for encoding in [Encoding::Float, Encoding::Base64] {
        let out = written(&answer, Operation::Embeddings, encoding).to_string();
        let again = EmbedAnswer::read(Operation::Embeddings, &[out], vectors.len()).unwrap();
        assert_eq!(again.usage.input.unwrap(), answer.usage.input.unwrap_or(0));
        for ((vector, before), recorded) in again.vectors.iter().zip(&answer.vectors).zip(vectors) {
            let floats = vector.floats().unwrap();
            assert_eq!(Some(&floats), before.floats().as_ref());
            if let Some(list) = recorded.as_array() {
                let recorded: Vec<f32> = list.iter().map(|f| f.as_f64().unwrap() as f32).collect();
                assert_eq!(floats, recorded);
                assert!(encoding == Encoding::Base64 || matches!(vector, Vector::Json(_)));
            }
        }
    }
    let out = written(&answer, Operation::BatchEmbedContents, Encoding::Float).to_string();
    let again = EmbedAnswer::read(Operation::BatchEmbedContents, &[out], vectors.len()).unwrap();
    assert_eq!(again.vectors[0].floats(), answer.vectors[0].floats());
}

#[test]
fn recordings_of_openais_form_are_understood() {
    for record in recordings("openai.embeddings") {
        let body = &record["request"]["body"];
        let (bodies, lost) = write(
            &openai(body),
            Operation::Embeddings,
            body["model"].as_str().unwrap(),
        );
        assert_eq!((bodies, lost), (vec![lean(body, &[])], vec![]));
        let vector = record["response"]["body"]["data"][0]["embedding"].clone();
        answers_agree(Operation::Embeddings, &record, &[vector]);
    }
}

#[test]
fn recordings_of_geminis_form_are_understood() {
    for record in recordings("gemini.embed") {
        let (body, answer) = (&record["request"]["body"], &record["response"]["body"]);
        let (operation, vector) = if answer["embedding"].is_null() {
            (
                Operation::BatchEmbedContents,
                &answer["embeddings"][0]["values"],
            )
        } else {
            (Operation::EmbedContent, &answer["embedding"]["values"])
        };
        let (bodies, lost) = write(
            &read(operation, body),
            operation,
            record["model"].as_str().unwrap(),
        );
        assert_eq!((bodies, lost), (vec![body.clone()], vec![]));
        answers_agree(operation, &record, std::slice::from_ref(vector));
    }
}

/// What a client of OpenAI's form would say to get the recorded request.
fn as_openai(body: &Value) -> EmbedRequest {
    let text = |key: &str| body[key].clone();
    let input = if body["texts"].is_null() {
        text("inputText")
    } else {
        text("texts")
    };
    let dimensions = if body["dimensions"].is_null() {
        text("output_dimension")
    } else {
        text("dimensions")
    };
    openai(&json!({
        "model": "m", "input": input, "input_type": text("input_type"), "dimensions": dimensions,
        "truncate": text("truncate"), "max_tokens": text("max_tokens"), "normalize": text("normalize"),
    }))
}

#[test]
fn recordings_of_coheres_form_are_understood() {
    for record in recordings("cohere.embed.v2") {
        let body = &record["request"]["body"];
        let (bodies, lost) = write(
            &as_openai(body),
            Operation::CohereEmbed,
            body["model"].as_str().unwrap(),
        );
        assert_eq!((bodies, lost), (vec![lean(body, &[])], vec![]));
        if record["response"]["status"] == 200 {
            let vector = record["response"]["body"]["embeddings"]["float"][0].clone();
            answers_agree(Operation::CohereEmbed, &record, &[vector]);
        }
    }
}

#[test]
fn recordings_of_embeddings_on_bedrock_are_understood() {
    let embeds = |record: &Value| record["model"].as_str().unwrap().contains("embed");
    for record in recordings("bedrock.invoke").into_iter().filter(embeds) {
        let body = &record["request"]["body"];
        let model = record["model"].as_str().unwrap();
        let (bodies, lost) = write(&as_openai(body), Operation::Invoke, model);
        assert_eq!((bodies, lost), (vec![body.clone()], vec![]), "{model}");
        let answer = &record["response"]["body"];
        let lists = [
            &answer["embedding"],
            &answer["embeddings"]["float"][0],
            &answer["embeddings"][0],
        ];
        let vector = lists.into_iter().find(|list| list.is_array()).unwrap();
        answers_agree(Operation::Invoke, &record, std::slice::from_ref(vector));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_that_comes_in_makes_a_panic(at in 0_usize..300, byte: u8, cut: bool) {
        let texts = [
            r#"{"model":"m","input":[[1,2],"a"],"dimensions":8,"encoding_format":"base64","input_type":"query"}"#,
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"},{"inlineData":{"data":"AA"}}]},"taskType":"X"}]}"#,
            r#"{"data":[{"index":0,"embedding":"AACAPw=="}],"usage":{"prompt_tokens":3}}"#,
            r#"{"embeddings":{"float":[[1.5,2]]},"embedding":{"values":[1e40]},"meta":{"billed_units":{"input_tokens":1}}}"#,
        ];
        for text in texts {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            for operation in [Operation::Embeddings, Operation::EmbedContent, Operation::BatchEmbedContents, Operation::Invoke, Operation::CohereEmbed] {
                if let Ok(request) = EmbedRequest::read(operation, &bytes) {
                    request.write(operation, &target("m"), &mut Losses::default());
                }
                if let Ok(answer) = EmbedAnswer::read(operation, &[&bytes], 1) {
                    written(&answer, Operation::Embeddings, Encoding::Base64);
                    written(&answer, Operation::EmbedContent, Encoding::Float);
                }
            }
        }
    }
}
