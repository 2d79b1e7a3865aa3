//! Golden files: what every codec makes of every case in `tests/golden`, written down and reviewed. The README there
//! explains the layout; `UPDATE_GOLDEN=1 cargo test --lib golden` writes the files anew.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Asked, Target, for_client, for_provider};
use crate::{
    catalogue::{Modality, Model, ReasoningControl},
    error::{Failure, Kind},
    protocol::{
        Call, Operation,
        chat::{ChatRequest, ProviderError},
        event::Event,
        loss::Losses,
        sse::Decoder,
    },
};

/// The codecs by the names of their folders; some are a client's only, some a provider's.
const CODECS: [(&str, Operation); 7] = [
    ("anthropic", Operation::Messages),
    ("bedrock", Operation::Converse),
    ("cohere", Operation::CohereChat),
    ("completions", Operation::Completions),
    ("gemini", Operation::Generate),
    ("openai_chat", Operation::Chat),
    ("openai_responses", Operation::Responses),
];

/// Stands between the streams of a file that has several. A comment to readers of server-sent events.
const NEXT_STREAM: &str = ": next stream\n\n";

#[test]
fn every_case_comes_out_as_it_was_reviewed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value != "0");
    let mut wrong = Vec::new();
    for (codec, operation) in CODECS {
        let cases = entries(&root.join(codec));
        assert!(!cases.is_empty(), "no cases of {codec}");
        for case in cases {
            let made = convert(operation, &case);
            if update {
                write(&case, &made);
            } else {
                compare(&case, &made, &mut wrong);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} golden files are not what is made now. If that is meant: UPDATE_GOLDEN=1, and review the diff.\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The files of a case, without what it is given: name and content.
type Made = Vec<(String, String)>;

fn convert(operation: Operation, case: &Path) -> Made {
    let name = name_of(case);
    match name.split('_').next() {
        Some("request") => requests(operation, &bodies(case)),
        Some("answer") => answers(operation, &bodies(case)),
        Some("stream") => streams(operation, case),
        _ => panic!("{}: neither request_, answer_ nor stream_", case.display()),
    }
}

/// The body in `wire.json`, or several in `wire.jsonl`.
fn bodies(case: &Path) -> (Vec<String>, bool) {
    match fs::read_to_string(case.join("wire.json")) {
        Ok(body) => (vec![body], false),
        Err(_) => {
            let lines = read(&case.join("wire.jsonl"));
            (lines.lines().map(str::to_owned).collect(), true)
        }
    }
}

fn requests(operation: Operation, (bodies, is_table): &(Vec<String>, bool)) -> Made {
    let call = Call {
        operation,
        model: (operation == Operation::Generate).then(|| "gemini-3.5-flash".to_owned()),
        version: "v1",
    };
    let client = for_client(operation).expect("requests are of clients' codecs");
    let requests: Vec<ChatRequest> = bodies
        .iter()
        .map(|body| {
            fastrand::seed(1);
            client
                .request(&call, body.as_bytes())
                .unwrap_or_else(|e| panic!("{body}: {e:?}"))
        })
        .collect();
    let mut made = vec![(
        "canonical.json".to_owned(),
        pretty(&one_or_all(&requests, *is_table)),
    )];
    for (name, operation) in CODECS {
        if for_provider(operation).is_some() {
            let written: Vec<_> = requests.iter().map(|r| for_targets(operation, r)).collect();
            made.push((
                format!("out.{name}.json"),
                pretty(&one_or_all(&written, *is_table)),
            ));
        }
    }
    made
}

/// The request for each target of an operation, with its losses. Where nothing but the model's name differs from what
/// the first one gets, that is said instead.
fn for_targets(operation: Operation, request: &ChatRequest) -> Value {
    let codec = for_provider(operation).expect("asked before");
    let mut all: Map<String, Value> = Map::new();
    for model in models(operation) {
        fastrand::seed(1);
        let mut losses = Losses::default();
        let target = Target {
            model: &model.name,
            vendor: vendor(&model.name),
            known: (model
                != Model {
                    name: model.name.clone(),
                    ..Model::default()
                })
            .then_some(&model),
            asks_stream_usage: true,
        };
        let body = codec.request(request, &target, &mut losses);
        let body: Value = serde_json::from_slice(&body).expect("requests are JSON");
        let mut entry = Map::new();
        for (member, hint) in [("cannot", false), ("hints", true)] {
            let told = losses.all().iter().filter(|loss| loss.hint == hint);
            let told: Vec<_> = told
                .map(|loss| format!("{}: {}", loss.what, loss.why))
                .collect();
            if !told.is_empty() {
                entry.insert(member.to_owned(), json!(told));
            }
        }
        entry.insert("body".to_owned(), body);
        let nameless = |entry: &Value, name: &str| {
            let mut entry = entry.clone();
            if entry["body"]["model"] == *name {
                entry["body"]["model"] = Value::Null;
            }
            entry
        };
        let entry = Value::Object(entry);
        let is_like = all
            .iter()
            .find(|(name, first)| nameless(first, name) == nameless(&entry, &model.name));
        let entry = is_like.map_or(entry.clone(), |(name, _)| json!(format!("like {name}")));
        all.insert(model.name, entry);
    }
    Value::Object(all)
}

/// Models to write requests for: such as differ in what their requests look like. Not the catalogue's own, so that its
/// updates change no golden file.
fn models(operation: Operation) -> Vec<Model> {
    use ReasoningControl::{Budget, Effort, None as Never};
    let model = |name: &str| Model {
        name: name.to_owned(),
        ..Model::default()
    };
    let known = |name: &str, reasoning: ReasoningControl| Model {
        output_limit: Some(64_000),
        input: vec![Modality::Text, Modality::Image, Modality::Document],
        tools: Some(true),
        parallel_tools: Some(true),
        structured_output: Some(true),
        reasoning: Some(reasoning),
        ..model(name)
    };
    match operation {
        Operation::Chat => vec![
            Model {
                sampling: Some(false),
                ..known("gpt-5.4", Effort)
            },
            known("mistral-large-latest", Never),
            model("meta-llama/llama-4-maverick"),
        ],
        Operation::Responses => vec![
            Model {
                sampling: Some(false),
                ..known("gpt-5.4", Effort)
            },
            known("gpt-4.1", Never),
        ],
        Operation::Messages => vec![
            Model {
                sampling: Some(false),
                ..known("claude-opus-5", Effort)
            },
            known("claude-sonnet-4-5", Budget),
            Model {
                structured_output: Some(false),
                output_limit: Some(4096),
                ..known("claude-3-haiku", Never)
            },
        ],
        Operation::Generate => vec![
            known("gemini-3.5-flash", Effort),
            known("gemini-2.5-flash", Budget),
        ],
        Operation::Converse => vec![
            known("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", Budget),
            known("amazon.nova-2-lite-v1:0", Effort),
            model("meta.llama4-maverick-17b-instruct-v1:0"),
        ],
        _ => vec![
            known("command-a-03-2025", Never),
            known("command-a-reasoning-08-2025", Budget),
        ],
    }
}

/// Whose API a model of [`models`] is bought from, as the catalogue names it; empty where it does not matter.
fn vendor(model: &str) -> &'static str {
    match model {
        "gpt-5.4" | "gpt-4.1" => "openai",
        "mistral-large-latest" => "mistral",
        "meta-llama/llama-4-maverick" => "openrouter",
        _ => "",
    }
}

fn answers(operation: Operation, (bodies, is_table): &(Vec<String>, bool)) -> Made {
    let codec = for_provider(operation).expect("answers are of providers' codecs");
    let answers: Vec<_> = bodies
        .iter()
        .map(|body| {
            fastrand::seed(1);
            codec
                .answer(body.as_bytes())
                .unwrap_or_else(|e| panic!("{body}: {e:?}"))
        })
        .collect();
    let mut made = vec![(
        "canonical.json".to_owned(),
        pretty(&one_or_all(&answers, *is_table)),
    )];
    for (name, operation) in CODECS {
        let Some(codec) = for_client(operation) else {
            continue;
        };
        let asked = asked(operation);
        let written: Vec<Value> = answers
            .iter()
            .map(|answer| {
                fastrand::seed(1);
                let mut answer = answer.clone();
                answer.created.get_or_insert(asked.now);
                serde_json::from_slice(&codec.answer(&answer, &asked)).expect("answers are JSON")
            })
            .collect();
        made.push((
            format!("out.{name}.json"),
            pretty(&one_or_all(&written, *is_table)),
        ));
    }
    made
}

fn streams(operation: Operation, case: &Path) -> Made {
    let streams: Vec<Vec<Event>> = if operation == Operation::Converse {
        let text = read(&case.join("wire.jsonl"));
        text.split("\n\n")
            .map(|stream| decode(operation, &lines(stream)))
            .collect()
    } else {
        let text = read(&case.join("wire.sse"));
        text.split(NEXT_STREAM)
            .map(|stream| decode(operation, &frames(stream)))
            .collect()
    };
    let mut canonical = String::new();
    for (n, events) in streams.iter().enumerate() {
        if n > 0 {
            canonical.push('\n');
        }
        for event in events {
            let event = serde_json::to_string(event).expect("events are JSON");
            canonical.push_str(&event);
            canonical.push('\n');
        }
    }
    let mut made = vec![("canonical.jsonl".to_owned(), canonical)];
    for (name, operation) in CODECS {
        if for_client(operation).is_some() {
            let written: Vec<_> = streams
                .iter()
                .map(|events| encode(operation, events))
                .collect();
            made.push((format!("out.{name}.sse"), written.join(NEXT_STREAM)));
        }
    }
    made
}

/// Name and data of an event.
type WireEvent = (String, String);

fn lines(stream: &str) -> Vec<WireEvent> {
    stream
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            let event = line["event"].as_str().unwrap_or_default();
            (event.to_owned(), line["data"].to_string())
        })
        .collect()
}

fn frames(stream: &str) -> Vec<WireEvent> {
    let mut decoder = Decoder::new(1 << 20);
    decoder.push(Bytes::copy_from_slice(stream.as_bytes()));
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next().expect("small frames") {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        frames.push((text(frame.event()), text(frame.data())));
    }
    frames
}

fn decode(operation: Operation, wire: &[WireEvent]) -> Vec<Event> {
    fastrand::seed(1);
    let codec = for_provider(operation).expect("streams are of providers' codecs");
    let (mut decoder, mut events) = (codec.stream(), Vec::new());
    for (event, data) in wire {
        decoder.frame(event.as_bytes(), data.as_bytes(), &mut events);
    }
    decoder.finish(&mut events);
    events
}

/// The stream as a client gets it; an error is the last that it is told.
fn encode(operation: Operation, events: &[Event]) -> String {
    fastrand::seed(1);
    let asked = asked(operation);
    let mut encoder = for_client(operation).expect("asked before").stream(&asked);
    let mut out = BytesMut::new();
    for event in events {
        if let Event::Error(error) = event {
            let speaker = operation.dialect().speaker();
            let sequence = encoder.next_sequence();
            let event =
                speaker.error_event(operation, &failure(error), &asked.request_id, sequence);
            out.extend_from_slice(&event);
            break;
        }
        encoder.event(event, &mut out);
    }
    String::from_utf8(out.to_vec()).expect("streams are UTF-8")
}

fn failure(error: &ProviderError) -> Failure {
    Failure {
        code: error.code.clone().or_else(|| error.kind.clone()),
        param: error.param.clone().map(Into::into),
        ..Failure::new(Kind::Provider(error.status), error.message.clone())
    }
}

fn asked(operation: Operation) -> Asked {
    Asked {
        operation,
        model: "the-clients-model".to_owned(),
        request_id: "req-golden".to_owned(),
        now: 1_800_000_000,
        include_usage: true,
        sse: true,
        request: Arc::default(),
    }
}

fn one_or_all<T: Serialize>(all: &[T], is_table: bool) -> Value {
    let value = if is_table {
        serde_json::to_value(all)
    } else {
        serde_json::to_value(&all[0])
    };
    value.expect("plain values")
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("plain values");
    text.push('\n');
    text
}

fn write(case: &Path, made: &Made) {
    for old in left_over(case, made) {
        fs::remove_file(old).expect("may be removed");
    }
    for (name, text) in made {
        fs::write(case.join(name), text).expect("may be written");
    }
}

fn compare(case: &Path, made: &Made, wrong: &mut Vec<String>) {
    for old in left_over(case, made) {
        wrong.push(format!("{}: not made any more", old.display()));
    }
    for (name, new) in made {
        let path = case.join(name);
        match fs::read_to_string(&path) {
            Ok(old) if old == *new => {}
            Ok(old) => wrong.push(first_difference(&path, &old, new)),
            Err(_) => wrong.push(format!("{}: missing", path.display())),
        }
    }
}

fn first_difference(path: &Path, old: &str, new: &str) -> String {
    let line = old
        .lines()
        .zip(new.lines())
        .take_while(|(old, new)| old == new)
        .count();
    let mut text = format!("{}:{}\n", path.display(), line + 1);
    for (sign, side) in [('-', old), ('+', new)] {
        // Neither side has such a line if only the newline at the end differs.
        let found = side.lines().nth(line).unwrap_or("(the end)");
        writeln!(text, "  {sign} {found}").expect("a string takes all");
    }
    text
}

/// Files of a case that it has no more, other than those that it is given.
fn left_over(case: &Path, made: &Made) -> Vec<PathBuf> {
    let mut files = entries(case);
    files.retain(|path| {
        let name = name_of(path);
        !name.starts_with("wire.") && made.iter().all(|(new, _)| *new != name)
    });
    files
}

/// What is in a folder, in the order of the names.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let all: BTreeSet<_> = found.map(|entry| entry.expect("readable").path()).collect();
    all.into_iter().collect()
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().expect("has a name");
    name.to_string_lossy().into_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
