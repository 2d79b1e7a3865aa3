//! What the demo model says, and how long that is in tokens.

use serde_json::Value;
use tokio::time::sleep;

use super::{
    fault::Fault,
    prompt::{Choice, Orders, Prompt, Tool},
    sample,
};

/// Words in the longest answer `/long` can have: five minutes of streaming.
pub(super) const LONGEST: usize = 20_000;

/// Words of a prompt that are repeated; the rest is left out.
const REPEATED: usize = 200;

/// Bytes in a token: what a piece of an English word has on average.
const TOKEN: usize = 4;

/// Bytes in each piece of a streamed tool call.
const CALL_PIECE: usize = 12;

const RIVER: &str = "one drop after another the river finds its way through the sluice gate";

pub(super) struct Answer {
    pub(super) model: String,
    pub(super) content: Content,
    /// Whether the token limit cut it short.
    pub(super) cut: bool,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// Whether the connection dies in the middle of it.
    pub(super) die: bool,
}

pub(super) enum Content {
    Text(String),
    Call(Call),
}

pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Value,
}

impl Answer {
    /// Thinks for as long as ordered, then answers or fails.
    pub(super) async fn to(prompt: Prompt) -> Result<Self, Fault> {
        let orders = Orders::at_start_of(&prompt.asked);
        sleep(orders.silence).await;
        if let Some(status) = orders.status {
            return Err(Fault::new(
                status.as_u16(),
                format!("You asked for an error: {}.", status.as_u16()),
            ));
        }
        let (content, output_tokens, cut) = match called(&prompt)? {
            Some(tool) => {
                let arguments = sample::arguments(&tool.schema, &prompt.asked);
                let output_tokens = tokens(&tool.name) + tokens(&arguments.to_string());
                let call = Call {
                    name: tool.name.clone(),
                    arguments,
                };
                // Half a call is of use to nobody, so the limit holds for text only.
                (Content::Call(call), output_tokens, false)
            }
            None => {
                let full = orders.words.map_or_else(|| greeting(&prompt), river);
                let text = shorten(&full, prompt.limit.unwrap_or(u64::MAX));
                let cut = text.len() < full.len();
                (Content::Text(text.to_owned()), tokens(text), cut)
            }
        };
        Ok(Self {
            model: prompt.model,
            content,
            cut,
            input_tokens: prompt.tokens,
            output_tokens,
            die: orders.die,
        })
    }
}

impl Call {
    /// The arguments as a stream brings them, piece by piece.
    pub(super) fn pieces(&self) -> Vec<String> {
        let text = self.arguments.to_string();
        let mut rest = text.as_str();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(CALL_PIECE));
            pieces.push(piece.to_owned());
            rest = after;
        }
        pieces
    }
}

/// A text as a stream brings it: words with the space behind them.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

/// An estimate that needs no vocabulary: pieces of four bytes, new with each
/// word. So the tokens of the words add up to those of the text.
pub(super) fn tokens(text: &str) -> u64 {
    text.split_whitespace()
        .map(|word| word.len().div_ceil(TOKEN) as u64)
        .sum()
}

/// The tool to call, if the caller forces one or the user mentions it.
fn called(prompt: &Prompt) -> Result<Option<&Tool>, Fault> {
    let asked = prompt.asked.to_lowercase();
    let mentioned = || {
        prompt
            .tools
            .iter()
            .find(|tool| asked.contains(&tool.name.to_lowercase()))
    };
    match &prompt.choice {
        Choice::Never => Ok(None),
        Choice::Auto if prompt.tool_said.is_some() => Ok(None),
        Choice::Auto => Ok(mentioned()),
        Choice::Any => Ok(mentioned().or(prompt.tools.first())),
        Choice::Named(name) => match prompt.tools.iter().find(|tool| &tool.name == name) {
            Some(tool) => Ok(Some(tool)),
            None => Err(Fault::invalid(
                "tool_choice",
                "The tool to call is not among the tools.",
            )),
        },
    }
}

fn greeting(prompt: &Prompt) -> String {
    let repeated = match &prompt.tool_said {
        Some(said) => format!("The tool answered: \"{}\"", begin_of(said)),
        None if prompt.asked.trim().is_empty() => "You sent no text.".to_owned(),
        None => format!("You said: \"{}\"", begin_of(&prompt.asked)),
    };
    let count = match prompt.messages {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    let system = if prompt.has_system {
        " and a system prompt, which I will keep in mind"
    } else {
        ""
    };
    format!(
        "Hello from the Sluicegate demo model, your gateway works! \
         {repeated} I received {count}{system}."
    )
}

/// The text up to the longest part that is repeated, white space as it was.
fn begin_of(text: &str) -> String {
    let text = text.trim();
    let begin: String = words(text).take(REPEATED).collect();
    if begin.len() < text.len() {
        format!("{}…", begin.trim_end())
    } else {
        begin
    }
}

fn river(count: usize) -> String {
    let words: Vec<&str> = RIVER.split(' ').cycle().take(count).collect();
    words.join(" ")
}

/// The part of a text that has no more than so many tokens.
fn shorten(text: &str, limit: u64) -> &str {
    let mut left = limit;
    let mut end = 0;
    for word in words(text) {
        let size = tokens(word);
        if size > left {
            // The start of this word still fits; no character is longer than a token.
            let bytes = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .saturating_mul(TOKEN);
            return &text[..end + word.floor_char_boundary(bytes)];
        }
        left -= size;
        end += word.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_of_the_words_add_up_to_those_of_the_text() {
        let text = "Grüße,\n  world!  internationalisation 日本語";
        assert_eq!(words(text).map(tokens).sum::<u64>(), tokens(text));
        assert_eq!(words(text).collect::<String>(), text);
    }

    #[test]
    fn a_shortened_text_has_as_many_tokens_as_allowed() {
        let text = "Internationalisation is a word";
        for limit in 1..tokens(text) {
            assert_eq!(tokens(shorten(text, limit)), limit);
        }
        assert_eq!(shorten(text, tokens(text)), text);
        assert_eq!(shorten("日本語", 1), "日");
    }

    #[test]
    fn repeats_the_user_and_counts_the_messages() {
        let mut prompt = Prompt::default();
        prompt.system("Be brief");
        prompt.user("Hi".to_owned());
        prompt.assistant("Hello");
        prompt.user("How are\nyou?".to_owned());
        let text = greeting(&prompt);
        assert!(text.contains("You said: \"How are\nyou?\""), "{text}");
        assert!(text.contains("3 messages and a system prompt"), "{text}");
    }

    #[test]
    fn long_prompts_are_repeated_in_part() {
        let begin = begin_of(&"word ".repeat(REPEATED + 1));
        assert_eq!(begin.split(' ').count(), REPEATED);
        assert!(begin.ends_with("word…"));
    }

    #[test]
    fn a_call_in_pieces_is_the_same_call() {
        let arguments = serde_json::json!({ "city": "Zürich, Straße der Größe", "days": 3 });
        let call = Call {
            name: "weather".to_owned(),
            arguments,
        };
        assert!(call.pieces().len() > 2);
        assert_eq!(call.pieces().concat(), call.arguments.to_string());
    }
}
