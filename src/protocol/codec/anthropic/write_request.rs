//! Requests to the provider.
//!
//! The API wants prompts outside the turns: those in the middle follow the first ones into `system`, in order. Only a
//! message with a block that this API alone knows (`tool_addition`) stays where it is. Consecutive turns of a role
//! become one, with the results of tools first; prompts alone get a user's turn, `.`; a last turn of the assistant is
//! kept as the beginning of the answer. Texts of nothing but white space are left out, since the API refuses them. <https://platform.claude.com/docs/en/api/messages/create>

use std::borrow::Cow;

use serde::Serialize;

use super::{
    block::{self, Block, CacheControl, ResultContent},
    citation::WireCitation,
    options::{self, OutputConfig},
    tools::{self, Members, WireChoice, WireTool},
    tuning::{self, Circumstances, Thinking, Tuning},
};
use crate::protocol::{
    chat::{ChatRequest, Content, Message, Origin, Part, Role, arguments_object},
    codec::Target,
    loss::Losses,
};

/// What the user says if there are no turns, only prompts: the API wants one.
const NOTHING: &str = ".";

/// The body. Tools and prompts stand before the turns, which is the order of the prompt cache.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(flatten)]
    own: Members<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<System<'a>>,
    messages: Vec<Turn<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum System<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

impl Turn<'_> {
    fn has_results(&self) -> bool {
        self.content
            .iter()
            .any(|block| matches!(block, Block::ToolResult { .. }))
    }
}

/// Writes a request.
pub(super) fn write(request: &ChatRequest, target: &Target<'_>, losses: &mut Losses) -> Vec<u8> {
    let (system, turns) = write_messages(&request.messages, losses);
    let tools = tools::write(request, target, losses);
    let tool_choice = tools::write_choice(request, !tools.is_empty(), losses);
    let circumstances = Circumstances {
        forced: tool_choice.as_ref().is_some_and(WireChoice::is_forced),
        unreasoned: is_unreasoned(&turns),
    };
    let Tuning {
        max_tokens,
        thinking,
        effort,
        temperature,
        top_p,
        top_k,
    } = tuning::tune(request, target, circumstances, losses);
    let (own, config) = options::extra(request, losses);
    options::note_unsupported(request, losses);
    let format = options::format(request, target, losses);
    let has_config = effort.is_some() || format.is_some() || !config.0.is_empty();
    let body = Body {
        model: target.model,
        max_tokens,
        stream: request.stream,
        temperature,
        top_p,
        top_k,
        stop_sequences: options::stop(request, losses),
        metadata: request.user.as_deref().map(|user_id| Metadata { user_id }),
        service_tier: options::tier(request, losses),
        cache_control: CacheControl::of(&request.cache),
        thinking,
        output_config: has_config.then_some(OutputConfig {
            effort,
            format,
            own: config,
        }),
        own,
        tools,
        tool_choice,
        system,
        messages: turns,
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

fn write_messages<'a>(
    messages: &'a [Message],
    losses: &mut Losses,
) -> (Option<System<'a>>, Vec<Turn<'a>>) {
    let mut system = Vec::new();
    let mut turns: Vec<Turn<'a>> = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        if message.name.is_some() {
            losses.hint(
                format!("messages[{n}].name"),
                "the Anthropic API has no names of speakers",
            );
        }
        let is_own = |part: &Part| {
            matches!(
                part.content,
                Content::Foreign {
                    origin: Origin::Anthropic,
                    ..
                }
            )
        };
        let role = match message.role {
            Role::System | Role::Developer => {
                if turns.is_empty() || !message.parts.iter().any(is_own) {
                    write_parts(message, n, &mut system, losses);
                    continue;
                }
                "system"
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let joins = role != "system" && turns.last().is_some_and(|turn| turn.role == role);
        if !joins {
            let content = Vec::with_capacity(message.parts.len());
            turns.push(Turn { role, content });
        }
        if let Some(turn) = turns.last_mut() {
            write_parts(message, n, &mut turn.content, losses);
            if turn.content.is_empty() {
                turns.pop();
            }
        }
    }
    for turn in &mut turns {
        if turn.has_results() {
            // The sort is stable: all else keeps its order.
            turn.content
                .sort_by_key(|block| !matches!(block, Block::ToolResult { .. }));
        }
    }
    trim_prefill(&mut turns);
    if turns.is_empty() {
        turns.push(Turn {
            role: "user",
            content: vec![Block::text(NOTHING)],
        });
    }
    let system = match &system[..] {
        [] => None,
        [
            Block::Text {
                text,
                citations,
                cache_control: None,
            },
        ] if citations.is_empty() => Some(System::Text(text)),
        _ => Some(System::Blocks(system)),
    };
    (system, turns)
}

/// The API refuses a beginning of the answer that ends in white space.
fn trim_prefill(turns: &mut Vec<Turn<'_>>) {
    let Some(turn) = turns.last_mut().filter(|turn| turn.role == "assistant") else {
        return;
    };
    if let Some(Block::Text { text, .. }) = turn.content.last_mut() {
        *text = text.trim_end();
    }
}

/// Whether the turn under way, tool results and calls up to the user's last words, began without reasoning that the
/// API can read: it then refuses to reason by budget.
/// <https://platform.claude.com/docs/en/build-with-claude/extended-thinking#preserving-thinking-blocks>
fn is_unreasoned(turns: &[Turn<'_>]) -> bool {
    let under_way = turns
        .rsplit(|turn| turn.role == "user" && !turn.has_results())
        .next()
        .unwrap_or_default();
    if !under_way.last().is_some_and(Turn::has_results) {
        return false;
    }
    let first = under_way.iter().find(|turn| turn.role == "assistant");
    let begins = first.and_then(|turn| turn.content.first());
    !matches!(
        begins,
        Some(Block::Thinking { .. } | Block::RedactedThinking { .. })
    )
}

fn write_parts<'a>(message: &'a Message, n: usize, out: &mut Vec<Block<'a>>, losses: &mut Losses) {
    for (k, part) in message.parts.iter().enumerate() {
        if let Err(why) = write_part(part, message.role, out, losses) {
            losses.cannot(format!("messages[{n}].content[{k}]"), why);
        }
    }
}

/// Writes a part, or says why the API does not take it.
fn write_part<'a>(
    part: &'a Part,
    role: Role,
    out: &mut Vec<Block<'a>>,
    losses: &mut Losses,
) -> Result<(), &'static str> {
    let own = part
        .signature
        .as_ref()
        .and_then(|s| s.for_provider(Origin::Anthropic));
    if part.signature.is_some() && own.is_none() {
        losses.hint(
            "reasoning of another provider",
            "only that provider can read it",
        );
    }
    let cache_control = CacheControl::of(&part.cache);
    match &part.content {
        Content::Text { text, citations } => {
            if is_blank(text) {
                return Ok(());
            }
            let mut wire: Vec<_> = citations.iter().filter_map(WireCitation::of).collect();
            wire.retain(WireCitation::can_return);
            if wire.len() < citations.len() {
                losses.hint("citations", "Anthropic takes back only those of documents");
            }
            out.push(Block::Text {
                text,
                citations: wire,
                cache_control,
            });
        }
        Content::Refusal { text } => {
            if !is_blank(text) {
                out.push(Block::Text {
                    text,
                    citations: Vec::new(),
                    cache_control,
                });
            }
        }
        Content::Thinking { text, .. } => match own {
            Some(signature) => out.push(Block::Thinking {
                thinking: text,
                signature: signature.into(),
            }),
            None if text.is_empty() => {}
            None => losses.hint(
                "reasoning of another provider",
                "Anthropic takes back only reasoning that it signed",
            ),
        },
        Content::RedactedThinking => {
            if let Some(data) = own {
                out.push(Block::RedactedThinking { data: data.into() });
            }
        }
        Content::ToolCall {
            id,
            name,
            arguments,
        } => out.push(Block::ToolUse {
            id: tool_id(id),
            name,
            input: arguments_object(arguments),
            cache_control,
        }),
        Content::ToolResult {
            id,
            content,
            is_error,
            ..
        } => {
            if role == Role::Assistant {
                return Err("the assistant brings no results of tools");
            }
            out.push(Block::ToolResult {
                tool_use_id: tool_id(id),
                content: write_result(content, losses)?,
                is_error: *is_error,
                cache_control,
            });
        }
        Content::Media(media) => {
            if !matches!(role, Role::User | Role::Tool) {
                return Err("the Anthropic API takes media from users and tools only");
            }
            if media
                .detail
                .as_deref()
                .is_some_and(|detail| detail != "auto")
            {
                losses.hint("detail", "the Anthropic API has one way to look at images");
            }
            out.push(block::write_media(media, &part.cache)?);
        }
        Content::Foreign {
            origin: Origin::Anthropic,
            json,
        } => out.push(Block::Raw(json)),
        Content::Foreign { .. } => return Err("only another provider's API knows it"),
    }
    Ok(())
}

fn write_result<'a>(
    content: &'a [Part],
    losses: &mut Losses,
) -> Result<Option<ResultContent<'a>>, &'static str> {
    let mut blocks = Vec::with_capacity(content.len());
    for part in content {
        write_part(part, Role::Tool, &mut blocks, losses)?;
    }
    Ok(match &blocks[..] {
        [] => None,
        [
            Block::Text {
                text,
                citations,
                cache_control: None,
            },
        ] if citations.is_empty() => Some(ResultContent::Text(text)),
        _ => Some(ResultContent::Blocks(blocks)),
    })
}

/// The API refuses texts without anything to see.
pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// An id that the API takes, `^[a-zA-Z0-9_-]{1,64}$`. Another provider's that does not fit is spelled anew, the same
/// way in the call and in its result, with a hash (FNV-1a) so that different ones stay different.
fn tool_id(id: &str) -> Cow<'_, str> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=64).contains(&id.len()) && id.bytes().all(fits) {
        return id.into();
    }
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut new: String = id
        .bytes()
        .take(40)
        .map(|b| if fits(b) { char::from(b) } else { '_' })
        .collect();
    new.push_str(&format!("_{hash:016x}"));
    new.into()
}
