//! What signs are made of: phrases, and lines by how they begin.

use super::Sign;

/// Phrases in lower case with semicolons between them, by what they are a sign of. Sources of tokens: the chat templates of ChatML, Llama 2 and 3,
/// Mistral, Gemma, Phi and the harmony format, as their model cards give them.
pub(super) const PHRASES: &[(Sign, &str)] = &[
    (
        Sign::Template,
        "<|im_start|>; <|im_end|>; <|im_sep|>; <|system|>; <|user|>; <|assistant|>; <|end|>;
<|endoftext|>; <|endofprompt|>; <|eot_id|>; <|eom_id|>; <|start_header_id|>;
<|end_header_id|>; <|begin_of_text|>; <|end_of_text|>; <|start|>; <|message|>;
<|channel|>; [inst]; [/inst]; <<sys>>; <</sys>>; <start_of_turn>; <end_of_turn>;
[available_tools]; [system_prompt]; <|start_of_role|>; <|fim_prefix|>;
<\u{ff5c}user\u{ff5c}>; <\u{ff5c}assistant\u{ff5c}>",
    ),
    (
        Sign::Role,
        "<system>; </system>; <system_prompt>; </system_prompt>; <system-prompt>;
<system-message>; <system_message>; <system_override>; <developer>; <admin>; [system];
[/system]; [system message]; [system note; [developer]; [admin]; {system};
\"role\":\"system\"; \"role\": \"system\"; 'role': 'system'; \"role\":\"developer\";
\"role\": \"developer\"; \\\"role\\\":\\\"system; \\\"role\\\": \\\"system; (system)",
    ),
    (
        Sign::End,
        "end of user input; end of prompt; end of system prompt; end of instructions;
end of context; end of conversation; end of user query; end of query; end of tool output;
end of untrusted; end of the document; [end of; [end]; [end input; [end context;
[/context]; [/user]; </user_input>; </user-input>; </userinput>; </user>; </user_query>;
</document>; </documents>; </context>; </instructions>; </prompt>; </untrusted>; </data>;
</tool_result>; </tool_output>; </function_results>; </input>; </quote>",
    ),
    (
        Sign::New,
        "new instruction; new instructions; new task:; new directive; updated instructions;
real instructions; actual instructions; revised instructions; additional instructions;
your new role; your new task; your real task; system update; system override;
policy update; neue anweisung; neue anweisungen; nouvelles instructions;
nuevas instrucciones; nuove istruzioni; novas instru\u{e7}\u{f5}es",
    ),
    (
        Sign::Density,
        "you must; you will; you shall; you are now; you have to; you should; you can not;
you cannot; you do not; you don't; you never; you always; from now on; pretend; act as;
ignore; disregard; forget; obey; comply; do not refuse; never refuse; never say;
do not say; do not mention; stay in character; no matter what; du musst; debes; tu dois;
vous devez; devi",
    ),
    (
        Sign::Addressed,
        "if you are an ai; if you are a language model; if you are an llm; ai agents reading;
ai assistants; attention ai; dear ai; note to ai; note to the ai; note to llm;
to the assistant; to the ai; message for the ai; hey assistant; instructions for the ai;
instructions for the assistant; the assistant must; the assistant should; the ai must;
the model must; when you read this; before you can; language models must; you, the ai;
<information>",
    ),
    (
        Sign::Forced,
        "start your reply with; start your response with; start your answer with;
begin your reply with; begin your response with; begin your answer with; begin with \";
start with \"; start by saying; begin by saying; respond only with; reply only with;
answer only with; only respond with; say exactly; respond exactly; reply with exactly;
respond with exactly; output exactly; repeat after me; say nothing else;
end your response with; prefix your; your answer must start; your response must begin;
your reply must begin",
    ),
    (
        Sign::Dual,
        "two responses; two answers; two ways; two different responses; two paragraphs;
both responses; [classic]; [jailbreak]; (jailbreak); [unfiltered]; [normal];
[uncensored]; [gpt]:; [dan]:; gpt:; dan:; as chatgpt and as; normal response;
standard response; unfiltered response; {normal",
    ),
    (
        Sign::Secrecy,
        "do not tell the user; don't tell the user; do not inform the user; do not mention this;
don't mention this; without telling the user; without informing; without notifying;
do not reveal this; do not let the user; do not alert the user; do not notify the user;
keep this secret; keep this hidden; hide this from; the user must not know; silently;
do not ask for confirmation; without asking for confirmation",
    ),
    (
        Sign::Trap,
        "sure, here is; sure, here's; sure! here; of course! here; absolutely! here;
complete the following sentence; continue the text; continue where you left;
finish the sentence; fill in the blanks",
    ),
    (
        Sign::Splitting,
        "concatenate; a+b; a + b; x + y; {a}{b}; combine the strings; combine the variables;
join the parts; z = x",
    ),
    (
        Sign::Decode,
        "decode it; decode this; decode the following; decode and; rot13; in base64;
base64 string; read this backwards; do what it says; does what it says; what it says;
execute the instruction; follow the instruction; execute it; decipher; caesar cipher",
    ),
    (
        Sign::Attention,
        "important!!; !!!important; !!! important; important message; important instruction;
important notice; urgent:; attention:; critical:; warning!!; stop!; ***important;
### important; todo:; priority override; read this first",
    ),
];

/// What lines show by how they begin.
#[derive(Default)]
pub(super) struct Lines {
    /// Turns of a user or a model.
    pub(super) turns: u32,
    /// Claims to be the system.
    pub(super) roles: u32,
    /// Rules and fences with `END` in them.
    pub(super) ends: u32,
    /// `a = "…"`: strings given short names.
    pub(super) pieces: u32,
    /// Lines drawn of marks.
    pub(super) art: u32,
}

const TURNS: [&str; 12] = [
    "human",
    "user",
    "assistant",
    "ai",
    "chatgpt",
    "gpt",
    "claude",
    "bot",
    "q",
    "a",
    "question",
    "answer",
];
const ROLES: [&str; 10] = [
    "system",
    "system prompt",
    "system message",
    "developer",
    "instruction",
    "admin",
    "system note",
    "system override",
    "system instruction",
    "developer message",
];

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let mut lines = Self::default();
        let bytes = text.as_bytes();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]) {
            lines.line(&bytes[start..end]);
            start = end + 1;
        }
        lines
    }

    fn line(&mut self, line: &[u8]) {
        let frame = line
            .iter()
            .take_while(|b| {
                matches!(
                    b,
                    b' ' | b'\t' | b'#' | b'*' | b'>' | b'[' | b'-' | b'=' | b'"'
                )
            })
            .count();
        let body = &line[frame..];
        let name = body
            .iter()
            .take(20)
            .take_while(|b| b.is_ascii_alphabetic() || **b == b' ')
            .count();
        // Headings of the instruction format have three signs: two are those of a document.
        let heading = line.starts_with(b"###") && body.len() == name;
        let closed = body[name..]
            .iter()
            .find(|b| !matches!(b, b']' | b'*' | b' ' | b'"'))
            == Some(&b':');
        if name > 0 && (closed || heading) {
            let is = |word: &&str| {
                body[..name]
                    .trim_ascii_end()
                    .eq_ignore_ascii_case(word.as_bytes())
            };
            self.roles += u32::from(ROLES.iter().any(is));
            self.turns += u32::from(closed && TURNS.iter().any(is));
        }
        if frame >= 3 && body.len() >= 3 && body[..3].eq_ignore_ascii_case(b"end") {
            // `-----END PRIVATE KEY-----` ends what it should.
            let armour = body
                .windows(4)
                .any(|w| w == b"KEY-" || w == b"ATE-" || w == b"AGE-" || w == b"URE-");
            self.ends +=
                u32::from(!armour && !body[3..].first().is_some_and(u8::is_ascii_lowercase));
        }
        if let Some(equals) = memchr::memchr(b'=', &body[..body.len().min(12)]) {
            let quoted = body[equals + 1..]
                .trim_ascii_start()
                .first()
                .is_some_and(|b| matches!(b, b'"' | b'\''));
            self.pieces += u32::from(quoted && body[..equals].trim_ascii().len() <= 2);
        }
        // Blocks and boxes are E2 94..96, Braille E2 A0..A3 in UTF-8; FIGlet draws with marks of ASCII.
        if line.len() >= 24 {
            let head = &line[..line.len().min(160)];
            let drawn = head
                .iter()
                .filter(|b| matches!(b, 0xE2 | b'#' | b'_' | b'|' | b'\\' | b'/' | b'@'))
                .count();
            let letters = head.iter().filter(|b| b.is_ascii_alphanumeric()).count();
            let blocks = head
                .windows(2)
                .filter(|w| w[0] == 0xE2 && matches!(w[1], 0x96 | 0xA0..=0xA3))
                .count();
            self.art += u32::from(
                letters * 8 < head.len() && (blocks >= 8 || drawn * 3 >= head.len() && drawn >= 12),
            );
        }
    }
}
