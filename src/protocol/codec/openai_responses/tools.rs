//! Tools, their choice and the format of text: written in requests and repeated in answers.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::protocol::chat::{ChatRequest, Function, Json, Origin, OutputFormat, Tool, ToolChoice};

/// Members that stand in `extra`, with their names there without a prefix.
#[derive(Default)]
pub(super) struct Members<'a>(pub(super) Vec<(&'a str, &'a Json)>);

impl<'a> Members<'a> {
    /// Those whose names begin with `prefix`.
    pub(super) fn below(request: &'a ChatRequest, prefix: &str) -> Self {
        let extra = request.extra.iter();
        let found = extra.filter_map(|(name, json)| Some((name.strip_prefix(prefix)?, json)));
        Self(found.collect())
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (name, json) in &self.0 {
            map.serialize_entry(name, json)?;
        }
        map.end()
    }
}

/// A tool.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    /// A function.
    Function(FunctionOut<'a>),
    /// Anything else.
    Raw(&'a Json),
}

/// A function. All of these members are required by the SDKs' types.
#[derive(Serialize)]
pub(super) struct FunctionOut<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Parameters<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(flatten)]
    more: Members<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Parameters<'a> {
    Given(&'a Json),
    None {
        r#type: &'static str,
        properties: std::collections::BTreeMap<(), ()>,
    },
}

/// A function as it is written. This API takes functions without `strict` for strict ones, unlike all others, so it is
/// said for those that come from elsewhere.
/// <https://platform.openai.com/docs/guides/migrate-to-responses#additional-differences>
pub(super) fn function<'a>(
    request: &'a ChatRequest,
    n: usize,
    function: &'a Function,
    native: bool,
) -> FunctionOut<'a> {
    let more = if request.extra.is_empty() {
        Members::default()
    } else {
        Members::below(request, &format!("tools[{n}]."))
    };
    FunctionOut {
        r#type: "function",
        name: &function.name,
        description: function.description.as_deref(),
        parameters: match &function.schema {
            Some(schema) => Parameters::Given(schema),
            None => Parameters::None {
                r#type: "object",
                properties: std::collections::BTreeMap::new(),
            },
        },
        strict: function.strict.or((!native).then_some(false)),
        more,
    }
}

/// The tools that answers repeat: those that this API can say.
pub(super) fn echo(request: &ChatRequest) -> Vec<ToolOut<'_>> {
    let tools = request.tools.iter().enumerate();
    tools
        .filter_map(|(n, tool)| match tool {
            Tool::Function(f) => Some(ToolOut::Function(function(request, n, f, false))),
            Tool::Hosted {
                origin: Origin::OpenAi,
                json,
                ..
            } => Some(ToolOut::Raw(json)),
            Tool::Hosted { .. } => None,
        })
        .collect()
}

/// A choice of tools.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ChoiceOut<'a> {
    /// A word.
    Word(&'static str),
    /// One function.
    Function {
        /// `function`
        r#type: &'static str,
        /// Which.
        name: &'a str,
    },
    /// Some functions.
    Among {
        /// `allowed_tools`
        r#type: &'static str,
        /// `auto` or `required`
        mode: &'static str,
        /// Which.
        tools: Vec<ChoiceOut<'a>>,
    },
    /// A choice that only this API knows.
    Raw(&'a Json),
}

/// The choice as it is written.
pub(super) fn choice(choice: &ToolChoice) -> ChoiceOut<'_> {
    let function = |name| ChoiceOut::Function {
        r#type: "function",
        name,
    };
    match choice {
        ToolChoice::Auto => ChoiceOut::Word("auto"),
        ToolChoice::None => ChoiceOut::Word("none"),
        ToolChoice::Required => ChoiceOut::Word("required"),
        ToolChoice::Function(name) => function(name),
        ToolChoice::Among { required, names } => ChoiceOut::Among {
            r#type: "allowed_tools",
            mode: if *required { "required" } else { "auto" },
            tools: names.iter().map(|name| function(name.as_str())).collect(),
        },
    }
}

/// The `text` member.
#[derive(Serialize)]
pub(super) struct TextOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<FormatOut<'a>>,
    #[serde(flatten)]
    pub(super) more: Members<'a>,
}

/// The format of text.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FormatOut<'a> {
    /// As the model likes.
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// Its name, which must be there.
        name: &'a str,
        /// What it is for.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        /// The schema.
        schema: &'a Json,
        /// Whether it must be followed exactly.
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

/// The format as it is written.
pub(super) fn format(output: &OutputFormat) -> FormatOut<'_> {
    match output {
        OutputFormat::Json => FormatOut::JsonObject,
        OutputFormat::Schema {
            name,
            description,
            schema,
            strict,
        } => FormatOut::JsonSchema {
            name: name.as_deref().unwrap_or("answer"),
            description: description.as_deref(),
            schema,
            strict: *strict,
        },
    }
}

/// Key-value pairs.
pub(super) struct Pairs<'a>(pub(super) &'a [(String, String)]);

impl Pairs<'_> {
    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}
