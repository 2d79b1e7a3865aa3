//! Every answer for every client, whole and streamed: grammar, and the same words, calls, ending and usage again.

use serde_json::Value;

use super::{
    Recorded, folded, grammar, grammar::Form, read_stream, recordings, write_answer, write_stream,
};
use crate::protocol::{
    Operation,
    chat::{
        ChatAnswer, Choice, Citation, Content, Ending, Finish, Json, Origin, Part, TokenLogprob,
        TokenUsage,
    },
    codec::for_provider,
    event::{Event, unfold},
    signature::{Place, Signature},
};

/// The clients, and how the streams of each look.
const CLIENTS: [(Operation, bool, Form); 6] = [
    (
        Operation::Chat,
        true,
        Form::OpenAiChat {
            include_usage: true,
        },
    ),
    (Operation::Responses, true, Form::OpenAiResponses),
    (Operation::Messages, true, Form::Anthropic),
    (Operation::StreamGenerate, true, Form::Gemini { sse: true }),
    (
        Operation::StreamGenerate,
        false,
        Form::Gemini { sse: false },
    ),
    (
        Operation::Completions,
        true,
        Form::Completions {
            include_usage: true,
        },
    ),
];

/// What must be the same at the other end.
#[derive(Debug, PartialEq)]
struct Facts {
    text: String,
    thinking: String,
    calls: Vec<(String, String, Value)>,
    sense: &'static str,
}

fn facts(choice: &Choice) -> Facts {
    let mut facts = Facts {
        text: String::new(),
        thinking: String::new(),
        calls: Vec::new(),
        sense: "",
    };
    for part in &choice.parts {
        match &part.content {
            // A dialect without words for a refusal has them as text.
            Content::Text { text, .. } | Content::Refusal { text } => facts.text.push_str(text),
            Content::Thinking { text, .. } => facts.thinking.push_str(text),
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                let arguments = serde_json::from_str(arguments).unwrap_or(Value::Null);
                facts.calls.push((id.clone(), name.clone(), arguments));
            }
            _ => {}
        }
    }
    let is_custom = |part: &Part| matches!(&part.content, Content::Foreign { json, .. } if json.get().contains("\"custom"));
    facts.sense = match choice.ending.finish {
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ContentFilter => "filter",
        Finish::Refusal => "refusal",
        // Not all dialects have a word for more.
        _ if !facts.calls.is_empty() || choice.parts.iter().any(is_custom) => "calls",
        _ => "stop",
    };
    facts
}

/// Exceptions: what a dialect cannot say of the ending.
fn sense_for(client: Operation, choice: &Choice, facts: &Facts) -> &'static str {
    let has_refusal = |part: &Part| matches!(part.content, Content::Refusal { .. });
    match (client, facts.sense) {
        // A refusal in words ends as any other answer in OpenAI's dialects; without words it is told as a filter's.
        (Operation::Chat, "refusal") if choice.parts.iter().any(has_refusal) => "stop",
        (Operation::Responses, "refusal") if choice.parts.iter().any(has_refusal) => "refusal",
        (Operation::Chat | Operation::Responses, "refusal") => "filter",
        // One word for both.
        (Operation::Messages, "filter") => "refusal",
        (Operation::StreamGenerate, "refusal") => "filter",
        (_, sense) => sense,
    }
}

/// The counts that cost money; nought is as good as none.
fn cost(usage: &TokenUsage) -> [u64; 5] {
    [
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage.reasoning,
    ]
    .map(Option::unwrap_or_default)
}

/// Exceptions: what a dialect cannot say of the usage.
fn cost_for(client: Operation, usage: &TokenUsage) -> [u64; 5] {
    let mut cost = cost(usage);
    let [input, _, read, write, _] = cost;
    // OpenRouter leaves out of the prompt what it wrote to the cache. Anthropic's dialect counts the three apart.
    if client == Operation::Messages {
        cost[0] = input.max(read + write);
    }
    // Google's prices have no row for writing to a cache, so its dialect has no count: it is plain input there.
    if client == Operation::StreamGenerate {
        cost[3] = 0;
    }
    cost
}

fn compare(client: Operation, got: &ChatAnswer, wanted: &ChatAnswer, id: &str) {
    let several = matches!(client, Operation::Chat | Operation::StreamGenerate);
    let number = if several { wanted.choices.len() } else { 1 };
    assert_eq!(got.choices.len(), number, "{id} for {client:?}");
    for (got, wanted) in got.choices.iter().zip(&wanted.choices) {
        let mut expected = facts(wanted);
        expected.sense = sense_for(client, wanted, &expected);
        // No dialect but that of chat completions has calls whose arguments are no object.
        for (_, _, arguments) in &mut expected.calls {
            if !arguments.is_object() && client != Operation::Chat && client != Operation::Responses
            {
                *arguments = serde_json::json!({ "arguments": arguments });
            }
        }
        assert_eq!(facts(got), expected, "{id} for {client:?}");
    }
    assert_eq!(
        cost(&got.usage),
        cost_for(client, &wanted.usage),
        "{id} for {client:?}: {:?} of {:?}",
        got.usage,
        wanted.usage
    );
}

/// Reads again what was written for a client.
fn read_again(client: Operation, sse: bool, stream: &[u8], cuts: &[usize]) -> ChatAnswer {
    if sse {
        return folded(&read_stream(client, stream, cuts));
    }
    let chunks: Vec<Value> = serde_json::from_slice(stream).unwrap();
    let mut decoder = for_provider(client).unwrap().stream();
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.frame(b"", chunk.to_string().as_bytes(), &mut events);
    }
    decoder.finish(&mut events);
    folded(&events)
}

/// Checks one after the other, and tells of all that failed.
fn all(checks: impl IntoIterator<Item = (String, Box<dyn Fn()>)>) {
    let mut failed = Vec::new();
    let mut number = 0;
    for (id, check) in checks {
        number += 1;
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err() {
            failed.push(id);
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {number}: {failed:?}",
        failed.len()
    );
}

fn check_stream(events: &[Event], wanted: &ChatAnswer, id: &str) {
    for (client, sse, form) in CLIENTS {
        let stream = write_stream(client, sse, events);
        let counts = !matches!(form, Form::Anthropic | Form::Gemini { .. });
        // A count that nobody told is not told, also if it was asked for.
        if !counts || !wanted.usage.is_unknown() {
            // Gemini counts anew when its own code has run.
            let is_known = |e: &str| id.ends_with("(gemini.stream)") && e.contains("decreases");
            if let Err(e) = grammar::check(form, &stream)
                && !is_known(&e)
            {
                panic!("{id} for {client:?}: {e}\n{wanted:?}");
            }
        }
        if client == Operation::Completions {
            assert_eq!(completed(&stream), facts(&wanted.choices[0]).text, "{id}");
            continue;
        }
        let got = read_again(client, sse, &stream, &[]);
        compare(client, &got, wanted, id);
        if sse {
            let thirds = [stream.len() / 3, stream.len() / 3 * 2];
            let some: Vec<usize> = (1..stream.len()).step_by(stream.len() / 7 + 1).collect();
            for cuts in [&thirds[..], &some, &[1], &[stream.len() - 1]] {
                let again = read_again(client, sse, &stream, cuts);
                assert_eq!(
                    again.choices, got.choices,
                    "{id} for {client:?} at {cuts:?}"
                );
            }
        }
    }
}

/// The text of a stream of completions.
fn completed(stream: &[u8]) -> String {
    let text = std::str::from_utf8(stream).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks
        .flat_map(|chunk| chunk["choices"].as_array().cloned().unwrap_or_default())
        .filter(|choice| choice["index"] == 0)
        .map(|choice| choice["text"].as_str().unwrap().to_owned())
        .collect()
}

fn check_whole(answer: &ChatAnswer, id: &str) {
    for (client, sse, _) in CLIENTS {
        if !sse {
            continue;
        }
        let body = write_answer(client, answer);
        if client == Operation::Completions {
            let text = body["choices"][0]["text"].as_str().unwrap();
            assert_eq!(text, facts(&answer.choices[0]).text, "{id}");
            continue;
        }
        let body = serde_json::to_vec(&body).unwrap();
        let got = for_provider(client).unwrap().answer(&body).unwrap();
        compare(client, &got, answer, id);
    }
}

#[test]
fn every_recorded_answer_reaches_every_client_whole_and_streamed() {
    // What runs in the background has no answer yet, and some servers answer nothing at all.
    let is_there = |recorded: &Recorded| {
        recorded.answer.choices.first().is_some_and(|choice| {
            let word = choice.ending.word.as_deref();
            !matches!(word, Some("queued" | "in_progress"))
        })
    };
    let recordings = recordings().into_iter().filter(is_there);
    all(recordings.map(|recorded| {
        let id = format!("{} ({})", recorded.id, recorded.wire);
        let check = move || {
            let answer = &recorded.answer;
            let id = format!("{} ({})", recorded.id, recorded.wire);
            check_whole(answer, &id);
            check_stream(&unfold(answer.clone()), answer, &id);
            if let Some(events) = &recorded.events {
                check_stream(events, answer, &id);
            }
        };
        (id, Box::new(check) as Box<dyn Fn()>)
    }));
}

fn thinking(text: &str) -> Part {
    let text = text.to_owned();
    Part::new(Content::Thinking { text, id: None })
}

fn tool_call(id: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall {
        id: id.to_owned(),
        name: format!("do_{id}"),
        arguments: arguments.to_owned(),
    })
}

fn refusal(text: &str) -> Part {
    let text = text.to_owned();
    Part::new(Content::Refusal { text })
}

fn foreign(origin: Origin, json: &str) -> Part {
    let json = Json::parse(json).unwrap();
    Part::new(Content::Foreign { origin, json })
}

fn by(origin: Origin, place: Place, value: &str) -> Option<Signature> {
    Some(Signature::new(origin, place, value))
}

fn answer(parts: Vec<Part>, finish: Finish) -> ChatAnswer {
    ChatAnswer {
        id: "id1".to_owned(),
        model: "its-model".to_owned(),
        created: Some(1_700_000_001),
        choices: vec![Choice {
            parts,
            ending: Ending::new(finish, "word"),
            ..Choice::default()
        }],
        usage: TokenUsage {
            input: Some(100),
            output: Some(50),
            cache_read: Some(30),
            cache_write: Some(20),
            reasoning: Some(10),
            ..TokenUsage::default()
        },
        service_tier: None,
    }
}

/// Answers of every sort, written by hand.
fn by_hand() -> Vec<(&'static str, ChatAnswer)> {
    let gemini = |place| by(Origin::Gemini, place, "c2ln");
    let text = |text: &str| Part::text(text);
    let cited = Part::new(Content::Text {
        text: "The sky\nis blue.".to_owned(),
        citations: vec![
            Citation {
                start: Some(4),
                end: Some(7),
                url: Some("https://e.org".to_owned()),
                title: Some("Sky".to_owned()),
                ..Citation::default()
            },
            Citation {
                cited_text: Some("blue".to_owned()),
                document: Some(0),
                ..Citation::default()
            },
        ],
    });
    let token = |token: &str| TokenLogprob {
        token: token.to_owned(),
        logprob: -0.5,
        ..TokenLogprob::default()
    };
    let mut with_logprobs = answer(
        vec![text("Hi you"), tool_call("a", "{}")],
        Finish::ToolCalls,
    );
    with_logprobs.choices[0].logprobs = vec![token("Hi"), token(" you")];
    let mut two = answer(vec![text("one")], Finish::Stop);
    two.choices.push(Choice {
        index: 1,
        parts: vec![text("two"), tool_call("b", "{}")],
        ending: Ending::new(Finish::ToolCalls, "word"),
        ..Choice::default()
    });
    let mut without_usage = answer(vec![text("x")], Finish::Stop);
    without_usage.usage = TokenUsage::default();
    vec![
        ("nothing", answer(vec![], Finish::Stop)),
        ("an empty text", answer(vec![text("")], Finish::Stop)),
        (
            "text",
            answer(vec![text("Grüße\r\n\u{2028}🦀")], Finish::Stop),
        ),
        (
            "two texts",
            answer(vec![text("a"), text("b")], Finish::StopSequence),
        ),
        ("cut off", answer(vec![text("a")], Finish::Length)),
        ("full", answer(vec![text("a")], Finish::ContextWindow)),
        ("other", answer(vec![text("a")], Finish::Other)),
        ("malformed", answer(vec![], Finish::MalformedCall)),
        ("filtered", answer(vec![text("a")], Finish::ContentFilter)),
        ("refused", answer(vec![refusal("no")], Finish::Refusal)),
        ("refused in silence", answer(vec![], Finish::Refusal)),
        ("cited", answer(vec![cited], Finish::Stop)),
        ("with log probabilities", with_logprobs),
        ("two choices", two),
        ("without usage", without_usage),
        (
            "calls",
            answer(
                vec![
                    text("a"),
                    tool_call("a", "{\n  \"x\": [1, \"\\n\"]\r\n}"),
                    tool_call("b", "{}"),
                    text("c"),
                    tool_call("d", "{\"y\":1}"),
                ],
                Finish::ToolCalls,
            ),
        ),
        (
            "reasoning of Anthropic",
            answer(
                vec![
                    thinking("hm").signed(by(Origin::Anthropic, Place::Thinking, "s1")),
                    Part::new(Content::RedactedThinking).signed(by(
                        Origin::Anthropic,
                        Place::Redacted,
                        "s2",
                    )),
                    text("a"),
                    thinking("").signed(by(Origin::Anthropic, Place::Thinking, "s3")),
                    tool_call("a", "{}"),
                ],
                Finish::ToolCalls,
            ),
        ),
        (
            "reasoning of Gemini",
            answer(
                vec![
                    thinking("hm"),
                    text("a").signed(gemini(Place::Text)),
                    tool_call("a", "{}").signed(gemini(Place::Call)),
                    tool_call("b", "{}"),
                    text("").signed(gemini(Place::Text)),
                ],
                Finish::ToolCalls,
            ),
        ),
        (
            "a signature alone",
            answer(vec![text("").signed(gemini(Place::Text))], Finish::Stop),
        ),
        (
            "reasoning alone",
            answer(vec![thinking("hm")], Finish::Length),
        ),
        (
            "blocks of others",
            answer(
                vec![
                    foreign(
                        Origin::Anthropic,
                        "{\n  \"type\": \"server_tool_use\",\r\n \"id\": \"srv\", \"name\": \"web_search\",\n \"input\": {}\n}",
                    ),
                    foreign(
                        Origin::OpenAi,
                        "{\n \"type\": \"web_search_call\",\n \"id\": \"ws\",\n \"status\": \"completed\",\n \"action\": {\"type\": \"search\", \"query\": \"q\"}\n}",
                    ),
                    foreign(
                        Origin::Gemini,
                        "{\n \"executableCode\": {\n \"language\": \"PYTHON\", \"code\": \"1\" }\n}",
                    ),
                    foreign(Origin::Bedrock, "{\n \"toolResult\": {}\n}"),
                    text("a"),
                ],
                Finish::Stop,
            ),
        ),
    ]
}

#[test]
fn every_sort_of_answer_reaches_every_client() {
    all(by_hand().into_iter().map(|(id, answer)| {
        let check = move || {
            check_whole(&answer, id);
            check_stream(&unfold(answer.clone()), &answer, id);
        };
        (id.to_owned(), Box::new(check) as Box<dyn Fn()>)
    }));
}

#[test]
fn signatures_may_come_before_and_behind_what_they_stand_on() {
    use crate::protocol::event::Delta;
    let gemini = |place| Signature::new(Origin::Gemini, place, "c2ln");
    let opened = |part| Event::Open { choice: 0, part };
    let delta = |delta| Event::Delta { choice: 0, delta };
    let close = || Event::Close { choice: 0 };
    let whole = answer(vec![], Finish::ToolCalls);
    for early in [true, false] {
        let mut events = unfold(whole.clone());
        let signed = |place, words: Delta| {
            let signature = delta(Delta::Signature(gemini(place)));
            if early {
                [signature, delta(words)]
            } else {
                [delta(words), signature]
            }
        };
        let mut body = vec![opened(Part::text(""))];
        body.extend(signed(Place::Text, Delta::Text("a".into())));
        body.extend([close(), opened(thinking(""))]);
        body.extend(signed(Place::Thinking, Delta::Thinking("hm".into())));
        body.extend([close(), opened(tool_call("a", ""))]);
        body.extend(signed(Place::Call, Delta::Arguments("{}".into())));
        body.extend([close(), opened(Part::text(""))]);
        body.extend([delta(Delta::Signature(gemini(Place::Text))), close()]);
        events.splice(1..1, body);
        check_stream(&events, &folded(&events), "signatures");
    }
}

#[test]
fn schemas_of_several_lines_that_an_answer_repeats_stay_in_one() {
    use crate::protocol::chat::{ChatRequest, Function, OutputFormat, Tool};
    let schema = || Json::parse("{\n  \"type\": \"object\",\r\n  \"properties\": {}\n}").unwrap();
    let mut asked = super::asked(Operation::Responses, true);
    asked.request = std::sync::Arc::new(ChatRequest {
        tools: vec![Tool::Function(Function {
            name: "f".to_owned(),
            schema: Some(schema()),
            ..Function::default()
        })],
        output: Some(OutputFormat::Schema {
            name: None,
            description: None,
            schema: schema(),
            strict: None,
        }),
        ..ChatRequest::default()
    });
    let codec = crate::protocol::codec::for_client(Operation::Responses).unwrap();
    let (mut stream, mut out) = (codec.stream(&asked), bytes::BytesMut::new());
    for event in unfold(answer(vec![Part::text("a")], Finish::Stop)) {
        stream.event(&event, &mut out);
    }
    assert!(String::from_utf8_lossy(&out).contains("\"properties\""));
    grammar::openai_responses(&out).unwrap();
}
