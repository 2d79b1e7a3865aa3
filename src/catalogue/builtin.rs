//! The files of models that are part of the gateway.

/// Name and text of each file, in the order in which they are added: a model stands before those that are like it.
pub const FILES: [(&str, &str); 12] = [
    ("openai.yaml", include_str!("../../conf/models/openai.yaml")),
    (
        "anthropic.yaml",
        include_str!("../../conf/models/anthropic.yaml"),
    ),
    ("gemini.yaml", include_str!("../../conf/models/gemini.yaml")),
    (
        "mistral.yaml",
        include_str!("../../conf/models/mistral.yaml"),
    ),
    ("cohere.yaml", include_str!("../../conf/models/cohere.yaml")),
    (
        "deepseek.yaml",
        include_str!("../../conf/models/deepseek.yaml"),
    ),
    ("groq.yaml", include_str!("../../conf/models/groq.yaml")),
    (
        "together.yaml",
        include_str!("../../conf/models/together.yaml"),
    ),
    ("xai.yaml", include_str!("../../conf/models/xai.yaml")),
    ("azure.yaml", include_str!("../../conf/models/azure.yaml")),
    (
        "bedrock.yaml",
        include_str!("../../conf/models/bedrock.yaml"),
    ),
    ("vertex.yaml", include_str!("../../conf/models/vertex.yaml")),
];
