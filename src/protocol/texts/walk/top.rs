//! The outermost members of requests and answers.

use std::ops::Range;

use super::{
    super::super::json::{Kind, Member, Value},
    Context, Role, Spot, Walk,
};

impl<'d> Walk<'d> {
    /// The outermost object of a request or an answer, or one that wraps it.
    pub(super) fn root(&mut self, value: Value<'d>, context: Context) {
        for Member { key, range, value } in value.members() {
            self.top(&key, range, value, context);
        }
    }

    /// A member of the outermost object.
    pub(in super::super) fn top(
        &mut self,
        key: &str,
        range: Range<usize>,
        value: Value<'d>,
        context: Context,
    ) {
        let is_answer = matches!(context.role, Role::Assistant);
        match key {
            "messages" | "contents" => self.turns(value, context),
            "system" | "instructions" | "systemInstruction" | "system_instruction" | "preamble" => {
                self.node(value, context.speak(Role::System, Spot::SystemPrompt));
            }
            "tools" | "functions" | "toolConfig" | "tool_config" => self.tools(value, context),
            "input" | "prompt" | "query" | "texts" | "inputs" | "inputText" | "suffix" => {
                match value.kind() {
                    Kind::Object if key == "prompt" => self.unknown(value, context.unknown()),
                    Kind::Object => self.root(value, context),
                    _ => self.turns(value, context),
                }
            }
            "output" | "chat_history" => match value.kind() {
                Kind::Array => self.turns(value, context),
                _ => self.node(value, context),
            },
            "content" => match value.kind() {
                Kind::Object => self.speaking(value, context),
                _ => self.node(value, context),
            },
            "message" if is_answer => match value.kind() {
                Kind::Object => self.speaking(value, context),
                _ => self.node(value, context.spot(Spot::Error)),
            },
            "choices" => self.choices(value, context),
            "candidates" => {
                for (turn, candidate) in (0..).zip(value.elements()) {
                    self.object(candidate, context.turn(turn), false);
                }
            }
            "documents" => self.documents(value, context),
            "error" | "errors" | "warnings" => self.node(value, context.spot(Spot::Error)),
            "converse"
            | "invokeModel"
            | "generateContentRequest"
            | "generate_content_request"
            | "response" => match value.kind() {
                Kind::Object => self.root(value, context),
                _ => self.unknown(value, context.unknown()),
            },
            "requests" | "instances" => {
                for (turn, request) in (0..).zip(value.elements()) {
                    self.root(request, context.turn(turn));
                }
            }
            "prediction" => self.node(value, context.speak(Role::Assistant, Spot::Content)),
            "metadata" | "labels" | "user" | "safety_identifier" | "prompt_cache_key"
            | "requestMetadata" => self.data(value, context.speak(Role::Name, Spot::Metadata)),
            "stop" | "stop_sequences" | "stopSequences" => {
                self.node(value, context.spot(Spot::StopSequence));
            }
            "response_format" | "output_config" | "outputConfig" | "output_format" => {
                self.definition(value, context.speak(Role::ToolDefinition, Spot::Schema), 0);
            }
            "text" if value.kind() == Kind::Object => {
                self.definition(value, context.speak(Role::ToolDefinition, Spot::Schema), 0);
            }
            "generationConfig" | "generation_config" | "inferenceConfig" => {
                self.generation(value, context);
            }
            "mcp_servers" => {
                self.definition(
                    value,
                    context.speak(Role::ToolDefinition, Spot::ToolDefinition),
                    0,
                );
            }
            "thinking"
            | "reasoning"
            | "tool_choice"
            | "toolChoice"
            | "stream_options"
            | "additionalModelRequestFields" => self.unknown(value, context.unknown()),
            _ => self.member(key, range, value, context),
        }
    }

    /// Messages, items, texts or tokens, or one of them.
    fn turns(&mut self, value: Value<'d>, context: Context) {
        let Kind::Array = value.kind() else {
            return self.node(value, context);
        };
        for (turn, value) in (0..).zip(value.elements()) {
            let context = context.turn(turn);
            match value.kind() {
                Kind::Object => self.speaking(value, context),
                // Tokens, or lists of tokens.
                Kind::Number => {
                    self.texts.unread += 1;
                    return;
                }
                _ => self.node(value, context),
            }
        }
    }

    fn choices(&mut self, value: Value<'d>, context: Context) {
        for (turn, choice) in (0..).zip(value.elements()) {
            let context = context.turn(turn);
            for Member { key, range, value } in choice.members() {
                match &*key {
                    "message" | "delta" if value.kind() == Kind::Object => {
                        self.object(value, context, false);
                    }
                    _ => self.member(&key, range, value, context),
                }
            }
        }
    }

    /// Documents for an answer or to be ranked: texts, or objects of texts.
    pub(super) fn documents(&mut self, value: Value<'d>, context: Context) {
        for (turn, document) in (0..).zip(value.elements()) {
            self.data(document, context.turn(turn).file());
        }
    }

    fn generation(&mut self, value: Value<'d>, context: Context) {
        for Member { key, range, value } in value.members() {
            match &*key {
                "stopSequences" | "stop_sequences" => {
                    self.node(value, context.spot(Spot::StopSequence));
                }
                _ if value.kind() == Kind::Object && key.contains("chema") => {
                    self.definition(value, context.speak(Role::ToolDefinition, Spot::Schema), 0);
                }
                _ => self.member(&key, range, value, context.unknown()),
            }
        }
    }
}
