//! Definitions of tools, and schemas.

use super::{
    super::super::json::{Kind, Member, Value},
    Context, Role, Spot, Walk,
};

impl<'d> Walk<'d> {
    /// Tools in a request, or that a server told.
    pub(super) fn tools(&mut self, value: Value<'d>, context: Context) {
        self.definition(
            value,
            context.speak(Role::ToolDefinition, Spot::ToolDefinition),
            0,
        );
    }

    /// Definitions of tools, and schemas; `depth` is the number of objects around.
    pub(super) fn definition(&mut self, value: Value<'d>, context: Context, depth: u32) {
        match value.kind() {
            Kind::String => self.text(value, context),
            Kind::Array => {
                for value in value.elements() {
                    self.definition(value, context, depth);
                }
            }
            Kind::Object => {
                for Member { key, range, value } in value.members() {
                    let kind = value.kind();
                    match &*key {
                        "type" | "$schema" | "$ref" | "format" | "pattern" | "required" | "ref"
                        | "mode" | "execution" | "propertyOrdering" | "property_ordering"
                        | "ttl"
                            if matches!(kind, Kind::String | Kind::Array) =>
                        {
                            self.token(value, context);
                        }
                        "authorization" | "authorization_token" | "headers" if depth == 0 => {}
                        "name" if kind == Kind::String => {
                            self.name(value, context, Spot::ToolName);
                        }
                        "enum" | "const" | "default" | "example" | "examples"
                        | "input_examples"
                            if kind != Kind::Object || key.ends_with('s') =>
                        {
                            self.data(value, context);
                        }
                        // Bedrock has the answer's schema as a text.
                        "schema" if kind == Kind::String => self.arguments(value, context),
                        _ => {
                            self.key_if_odd(&range, &key, context);
                            self.definition(value, context, depth + 1);
                        }
                    }
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }
}
