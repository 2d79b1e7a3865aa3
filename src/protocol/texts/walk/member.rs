//! The members of messages, items, blocks and parts, by their names in all dialects.

use std::ops::Range;

use super::{
    super::{
        super::json::{Kind, Value},
        media::Media,
    },
    Context, Role, Spelled, Spot, Walk,
};

impl<'d> Walk<'d> {
    /// A member of a message, an item, a block, a part.
    pub(in super::super) fn member(
        &mut self,
        key: &str,
        range: Range<usize>,
        value: Value<'d>,
        context: Context,
    ) {
        match key {
            "type"
            | "role"
            | "id"
            | "call_id"
            | "tool_call_id"
            | "tool_use_id"
            | "toolUseId"
            | "status"
            | "object"
            | "item_id"
            | "response_id"
            | "file_id"
            | "fileId"
            | "container_id"
            | "phase"
            | "detail"
            | "format"
            | "mimeType"
            | "mime_type"
            | "media_type"
            | "language"
            | "outcome"
            | "finish_reason"
            | "finishReason"
            | "stop_reason"
            | "stopReason"
            | "model"
            | "modelVersion"
            | "responseId"
            | "service_tier"
            | "system_fingerprint"
            | "previous_response_id"
            | "approval_request_id"
            | "execution"
            | "native_finish_reason"
            | "container"
            | "conversation"
            | "request_id"
            | "createTime"
            | "created_at"
            | "expires_at"
            | "models"
            | "responseMimeType"
            | "response_mime_type"
            | "anthropic_version" => {
                self.token(value, context);
            }
            "signature"
            | "thoughtSignature"
            | "thought_signature"
            | "encrypted_content"
            | "encrypted_index"
            | "encrypted_stdout"
            | "redactedContent"
            | "redacted_content"
            | "encrypted_reasoning"
            | "obfuscation"
                if value.kind() == Kind::String => {}
            "embedding" | "embeddings" | "token_ids" | "prompt_token_ids" | "bounding_box"
                if is_numbers(value) => {}
            "logprobs" | "logprobsResult" | "prompt_logprobs" | "top_logprobs" => {
                self.spelled(value);
            }
            "text" | "content" | "parts" | "message" | "tool_plan" => {
                self.node(value, context.known());
            }
            "reasoning" | "reasoning_content" | "reasoning_text" | "reasoning_details"
            | "thinking" | "summary" | "reasoningContent" | "reasoningText" => {
                self.node(value, context.spot(Spot::Reasoning));
            }
            "refusal" => self.node(value, context.spot(Spot::Refusal)),
            "transcript" => self.node(value, context.spot(Spot::Transcript)),
            "arguments" => self.arguments(value, context.call()),
            "input" if value.kind() == Kind::String => self.text(value, context),
            "input" | "args" | "partialArgs" if context.spot != Spot::Unknown => {
                self.data(value, context.call());
            }
            "tool_calls" | "function_call" | "functionCall" | "toolUse" | "toolCall"
            | "executed_tools" | "executableCode" | "executable_code" | "tool_use" => {
                self.node_of_call(value, context.call());
            }
            "toolResult"
            | "functionResponse"
            | "function_response"
            | "toolResponse"
            | "codeExecutionResult"
            | "code_execution_result"
            | "tool_result" => {
                self.node(value, context.result());
            }
            "output" | "outputs" | "results" | "result" | "stdout" | "stderr"
                if matches!(context.role, Role::ToolCall | Role::ToolResult) =>
            {
                self.provided(value, context.result());
            }
            "tool_output" | "search_results" => self.node(value, context.result()),
            "finishMessage" => self.node(value, context.spot(Spot::Error)),
            "response" | "json" => self.data(value, context.result()),
            "tools" => self.tools(value, context),
            "documents" => self.documents(value, context),
            "document" | "searchResult" | "search_result" => self.node(value, context.file()),
            "name" => {
                let spot = match context.role {
                    Role::ToolCall | Role::ToolResult => Spot::ToolName,
                    Role::Document => Spot::FileName,
                    _ => Spot::Name,
                };
                self.name(value, context, spot);
            }
            "tool_name" | "server_name" | "server_label" | "namespace" | "toolName" => {
                self.name(value, context, Spot::ToolName);
            }
            "filename" | "file_name" | "fileName" | "displayName" | "display_name" => {
                self.name(value, context, Spot::FileName);
            }
            "citations" | "annotations" | "groundingMetadata" | "citationMetadata"
            | "urlContextMetadata" => self.node(value, context.spot(Spot::Citation)),
            "image" | "video" | "audio" | "input_audio" if value.kind() == Kind::Object => {
                let media = Media::Binary;
                self.object(value, Context { media, ..context }, false);
            }
            "data" | "bytes" | "file_data" | "b64_json" | "partial_image_b64" | "image"
            | "video" | "audio" | "imageBase64" | "inputImage" | "body"
                if value.kind() == Kind::String =>
            {
                let media = match key {
                    "b64_json" | "partial_image_b64" | "image" | "inputImage" => Media::Binary,
                    _ => context.media,
                };
                self.media(value, Context { media, ..context });
            }
            "image_url" | "file_url" | "video_url" | "audio_url" | "document_url" | "url"
            | "uri" | "fileUri" | "file_uri" | "source"
                if value.kind() == Kind::String =>
            {
                self.address(value, context);
            }
            "variables" => self.data(value, context),
            "data" if context.role == Role::Document => self.data(value, context),
            "image_url" | "file_url" | "video_url" | "audio_url" | "document_url" | "fileData"
            | "file_data" | "inlineData" | "inline_data" | "source" | "file" | "function"
            | "custom" | "title" | "context" | "cited_text" | "guardContent" => {
                self.node(value, context);
            }
            _ => {
                self.key_if_odd(&range, key, context);
                match (context.role, context.spot) {
                    // What a call has beside: queries, actions, code. And a source: who said it, and where.
                    (Role::ToolCall | Role::ToolResult | Role::Document, _)
                    | (_, Spot::Citation) => {
                        self.node(value, context);
                    }
                    _ => self.unknown(value, context),
                }
            }
        }
    }

    fn node_of_call(&mut self, value: Value<'d>, context: Context) {
        match value.kind() {
            Kind::String => self.unknown(value, context.unknown()),
            _ => self.node(value, context),
        }
    }

    /// What a tool that the provider runs gave back; an image is in base64.
    fn provided(&mut self, value: Value<'d>, context: Context) {
        match value.kind() {
            Kind::String if context.media == Media::Binary => self.media(value, context),
            _ => self.node(value, context),
        }
    }

    pub(in super::super) fn spelled(&mut self, value: Value<'d>) {
        let empty = match value.kind() {
            Kind::Array => "[]",
            Kind::Object => "null",
            _ => return,
        };
        if !value.is_empty() {
            let at = value.range();
            self.texts.spelled.push(Spelled { at, empty });
        }
    }

    pub(super) fn name(&mut self, value: Value<'d>, context: Context, spot: Spot) {
        let role = match context.role {
            Role::ToolDefinition => Role::ToolDefinition,
            _ => Role::Name,
        };
        match value.kind() {
            Kind::String => self.text(value, context.speak(role, spot)),
            _ => self.unknown(value, context),
        }
    }
}

/// Whether a list begins with a number, or with a list that does.
fn is_numbers(value: Value<'_>) -> bool {
    let first = |value: Value<'_>| value.elements().next().map(Value::kind);
    match first(value) {
        Some(Kind::Array) => value.elements().next().and_then(first) == Some(Kind::Number),
        kind => kind == Some(Kind::Number),
    }
}
