//! Embedding models on Bedrock, behind `InvokeModel`: each family has a form of its own.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>
//! <https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html>

use serde::Serialize;

use super::{
    EmbedAnswer, EmbedRequest, Input, Piece, TaskKind, Truncate, Vector, cohere, only_text, place,
    written,
};
use crate::protocol::{
    chat::{Json, Media, MediaKind, Source, TokenUsage},
    json::{Kind as JsonKind, Value},
    loss::Losses,
};

pub(super) fn write(request: &EmbedRequest, model: &str, losses: &mut Losses) -> Vec<Vec<u8>> {
    if model.contains("cohere.embed") {
        return cohere::write(request, None, losses);
    }
    if model.contains("nova") {
        return nova(request, losses);
    }
    if model.contains("titan-embed-image") {
        return titan_image(request, losses);
    }
    if !model.contains("titan-embed") {
        losses.cannot(
            "model",
            "its form of embeddings is not known: Titan's, Nova's and Cohere's on Bedrock are",
        );
    }
    titan(request, model, losses)
}

/// What neither Titan's nor Nova's form has.
fn common(request: &EmbedRequest, known: &[&str], losses: &mut Losses) {
    request.hints(losses);
    request.extras(losses, known);
}

fn titan_losses(request: &EmbedRequest, losses: &mut Losses) {
    if request.task.is_some() {
        losses.hint(request.task_member(), "Titan embeds for all tasks alike");
    }
    match request.truncate {
        None | Some(Truncate::None) => {}
        // The answer to what is too long is an error, which says so.
        Some(_) => losses.hint("truncate", "Titan refuses inputs that are too long"),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Titan<'a> {
    input_text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalize: Option<&'a Json>,
}

/// One text a call. The first version has no further parameters.
fn titan(request: &EmbedRequest, model: &str, losses: &mut Losses) -> Vec<Vec<u8>> {
    let first = model.contains("text-v1") || model.contains("g1-text");
    let known: &[&str] = if first { &[] } else { &["normalize"] };
    common(request, known, losses);
    titan_losses(request, losses);
    if first && request.dimensions.is_some() {
        losses.cannot(
            request.dimensions_member(),
            "the model's vectors have one length only",
        );
    }
    let normalize = request.passed_on(known).map(|(_, json)| json).last();
    let inputs = request.inputs.iter().enumerate();
    inputs
        .map(|(index, input)| {
            written(&Titan {
                input_text: only_text(input, index, losses),
                dimensions: request.dimensions.filter(|_| !first),
                normalize,
            })
        })
        .collect()
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct TitanImage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_config: Option<Length>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Length {
    output_embedding_length: u64,
}

/// A text, an image or both a call.
fn titan_image(request: &EmbedRequest, losses: &mut Losses) -> Vec<Vec<u8>> {
    common(request, &[], losses);
    titan_losses(request, losses);
    let inputs = request.inputs.iter().enumerate();
    inputs
        .map(|(index, input)| {
            let mut body = TitanImage {
                embedding_config: request.dimensions.map(|length| Length {
                    output_embedding_length: length,
                }),
                ..TitanImage::default()
            };
            for piece in pieces(input, index, losses) {
                let place_taken = match piece {
                    Said::Text(text) => body.input_text.replace(text).is_some(),
                    Said::Media(Media {
                        kind: MediaKind::Image,
                        source: Source::Base64(data),
                        ..
                    }) => body.input_image.replace(data).is_some(),
                    Said::Media(_) => true,
                };
                if place_taken {
                    losses.cannot(
                        place(index),
                        "Titan embeds one text, one image in the request, or both",
                    );
                }
            }
            written(&body)
        })
        .collect()
}

enum Said<'a> {
    Text(&'a str),
    Media(&'a Media),
}

fn pieces<'a>(input: &'a Input, index: usize, losses: &mut Losses) -> Vec<Said<'a>> {
    match input {
        Input::Text(text) => vec![Said::Text(text)],
        Input::Tokens(_) => {
            losses.cannot(place(index), "the API takes texts, not tokens");
            Vec::new()
        }
        Input::Parts(pieces) => pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Said::Text(text),
                Piece::Media(media) => Said::Media(media),
            })
            .collect(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Nova<'a> {
    task_type: &'static str,
    single_embedding_params: Single<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Single<'a> {
    embedding_purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_dimension: Option<u64>,
    #[serde(flatten)]
    input: NovaInput<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum NovaInput<'a> {
    #[serde(rename_all = "camelCase")]
    Text {
        truncation_mode: &'static str,
        value: &'a str,
    },
    Image {
        format: &'a str,
        source: NovaSource<'a>,
    },
    Audio {
        format: &'a str,
        source: NovaSource<'a>,
    },
}

#[derive(Serialize)]
struct NovaSource<'a> {
    bytes: &'a str,
}

/// One text, image or sound a call.
fn nova(request: &EmbedRequest, losses: &mut Losses) -> Vec<Vec<u8>> {
    common(request, &[], losses);
    let embedding_purpose = match request.task.as_ref().map(|task| task.kind) {
        None | Some(TaskKind::Document | TaskKind::Similarity) => "GENERIC_INDEX",
        Some(TaskKind::Classification) => "CLASSIFICATION",
        Some(TaskKind::Clustering) => "CLUSTERING",
        Some(TaskKind::Other) => {
            losses.cannot(request.task_member(), "Nova has no such purpose");
            "GENERIC_INDEX"
        }
        Some(_) => "GENERIC_RETRIEVAL",
    };
    // What is too long is refused unless the client said otherwise, as with OpenAI.
    let truncation_mode = request.truncate.unwrap_or(Truncate::None).word();
    let text = |value| NovaInput::Text {
        truncation_mode,
        value,
    };
    let inputs = request.inputs.iter().enumerate();
    inputs
        .map(|(index, input)| {
            let said = pieces(input, index, losses);
            let input = match &said[..] {
                [Said::Text(value)] => Some(text(value)),
                [Said::Media(media)] => nova_media(media),
                _ => None,
            };
            if input.is_none() {
                losses.cannot(
                    place(index),
                    "Nova embeds one text, image or sound, in the request, at a time",
                );
            }
            written(&Nova {
                task_type: "SINGLE_EMBEDDING",
                single_embedding_params: Single {
                    embedding_purpose,
                    embedding_dimension: request.dimensions,
                    input: input.unwrap_or_else(|| text("")),
                },
            })
        })
        .collect()
}

fn nova_media(media: &Media) -> Option<NovaInput<'_>> {
    let Source::Base64(bytes) = &media.source else {
        return None;
    };
    let source = NovaSource { bytes };
    let (_, format) = media.mime.as_deref()?.split_once('/')?;
    match media.kind {
        MediaKind::Image => Some(NovaInput::Image { format, source }),
        MediaKind::Audio => {
            let format = if format == "mpeg" { "mp3" } else { format };
            Some(NovaInput::Audio { format, source })
        }
        _ => None,
    }
}

/// The forms are told apart by what they hold.
pub(super) fn read_answer(root: Value<'_>) -> Option<EmbedAnswer> {
    let usage = TokenUsage {
        input: root.get("inputTextTokenCount").and_then(Value::as_u64),
        ..TokenUsage::default()
    };
    if let Some(vector) = root.get("embedding") {
        return Some(EmbedAnswer {
            vectors: vec![Vector::read(vector)?],
            usage,
            ..EmbedAnswer::default()
        });
    }
    let first = root.get("embeddings")?.elements().next();
    if first.is_some_and(|first| first.kind() == JsonKind::Object) {
        let items = root.get("embeddings")?.elements();
        let vectors: Option<Vec<Vector>> = items
            .map(|item| Vector::read(item.get("embedding")?))
            .collect();
        return Some(EmbedAnswer {
            vectors: vectors?,
            usage,
            ..EmbedAnswer::default()
        });
    }
    cohere::read_answer(root)
}
