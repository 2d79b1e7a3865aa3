use super::*;
use crate::catalogue::price::{Above, Rates};

/// Invented, in the map's form.
const MAP: &str = r#"{
    "sample_spec": {"litellm_provider": "one of ...", "mode": "one of ..."},
    "acme/big-1": {
        "litellm_provider": "acme",
        "mode": "chat",
        "max_input_tokens": 922000,
        "max_output_tokens": 4096.0,
        "input_cost_per_token": 1.5e-07,
        "output_cost_per_token": 0.0000006,
        "cache_read_input_token_cost": 7.5e-08,
        "cache_creation_input_token_cost": 1.875e-07,
        "cache_creation_input_token_cost_above_1hr": 3e-07,
        "input_cost_per_token_above_200k_tokens": 3e-07,
        "output_cost_per_token_above_200k_tokens": 1.2e-06,
        "input_cost_per_token_above_200k_tokens_priority": 6e-07,
        "input_cost_per_token_batches": 7.5e-08,
        "input_cost_per_token_flex": 7.6e-08,
        "input_cost_per_token_priority": 3e-07,
        "input_cost_per_audio_token": 1e-06,
        "output_cost_per_reasoning_token": 9e-07,
        "input_cost_per_token_ultrafast": 1e-05,
        "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.025},
        "deprecation_date": "2027-02-26",
        "supported_modalities": ["text", "image", "smell"],
        "supported_output_modalities": ["text"],
        "supported_endpoints": ["/v1/responses", "/v1/batch"],
        "supports_pdf_input": true,
        "supports_function_calling": true,
        "supports_parallel_function_calling": false,
        "supports_response_schema": true,
        "supports_sampling_params": false,
        "supports_reasoning": true,
        "supports_none_reasoning_effort": true
    },
    "quiet": {
        "litellm_provider": "deepseek",
        "mode": "chat",
        "input_cost_per_token": 2e-06,
        "off_peak_pricing": {
            "input_cost_per_token": 1e-06,
            "windows": [
                {"hours_utc": ["00:00-01:00", "10:00-00:00"], "weekdays": [1, 2, 3, 4, 5]},
                {"hours_utc": "00:00-00:00", "weekdays": [6, 7]}
            ]
        }
    },
    "whisper": {"litellm_provider": "groq", "mode": "audio_transcription", "input_cost_per_second": 0.0001},
    "tts": {"litellm_provider": "openai", "mode": "audio_speech", "input_cost_per_character": 1.5e-05},
    "rerank-1": {"litellm_provider": "cohere", "mode": "rerank", "input_cost_per_query": 0.002},
    "embed-1": {
        "litellm_provider": "cohere_chat", "mode": "embedding", "input_cost_per_token": 1e-07, "output_vector_size": 1024
    },
    "vertex_ai/claude-x": {"litellm_provider": "vertex_ai-anthropic_models", "mode": "chat", "supports_reasoning": true},
    "gpt-old": {"litellm_provider": "text-completion-openai", "mode": "completion", "supports_reasoning": false},
    "noise": {
        "litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1e-06,
        "output_cost_per_token": 1.23456789012345678e-07
    },
    "bedrock/eu-west-1/some.model": {"litellm_provider": "bedrock", "mode": "chat"},
    "low/1024-x-1024/picture": {"litellm_provider": "openai", "mode": "image_generation"},
    "acme/noise": {"litellm_provider": "acme", "mode": "chat"},
    "film": {"litellm_provider": "acme", "mode": "video_generation"},
    "what": {"litellm_provider": "acme"},
    "whose": {"mode": "chat"}
}"#;

fn imported() -> Imported {
    litellm(MAP, "2026-11-22".parse().unwrap()).unwrap()
}

fn model(provider: &str, name: &str) -> Model {
    let files = imported().files;
    let file = files
        .into_iter()
        .find(|file| file.provider == provider)
        .unwrap();
    assert_eq!(file.checked, "2026-11-22".parse().ok());
    file.models
        .into_iter()
        .find(|model| model.name == name)
        .unwrap()
}

fn amount(text: &str) -> Option<Amount> {
    Some(text.parse().unwrap())
}

#[test]
fn what_the_map_says_of_a_model_arrives() {
    let model = model("acme", "big-1");
    assert_eq!(
        (model.input_limit, model.output_limit),
        (Some(922_000), Some(4096))
    );
    assert_eq!(
        model.input,
        [Modality::Text, Modality::Image, Modality::Document]
    );
    assert_eq!(model.output, [Modality::Text]);
    assert_eq!(
        (model.tools, model.parallel_tools),
        (Some(true), Some(false))
    );
    assert_eq!(
        (model.structured_output, model.sampling),
        (Some(true), Some(false))
    );
    assert_eq!(model.reasoning, Some(ReasoningControl::Effort));
    assert_eq!(model.apis, [Api::Responses]);
    assert_eq!(model.retires, "2027-02-26".parse().ok());
}

#[test]
fn prices_arrive_exactly_by_tier_and_length_of_prompt() {
    let [prices] = model("acme", "big-1").prices.try_into().unwrap();
    let standard = Rates {
        input: amount("0.15"),
        output: amount("0.6"),
        cache_read: amount("0.075"),
        cache_write: amount("0.1875"),
        cache_write_1h: amount("0.3"),
        audio_input: amount("1"),
        reasoning: amount("0.9"),
        search: amount("0.025"),
        ..Rates::default()
    };
    let input = |text| Rates {
        input: amount(text),
        ..Rates::default()
    };
    let above = Above {
        tokens: 200_000,
        standard: Rates {
            output: amount("1.2"),
            ..input("0.3")
        },
        priority: Some(input("0.6")),
        ..Above::default()
    };
    assert_eq!(
        prices,
        Prices {
            standard,
            batch: Some(input("0.075")),
            flex: Some(input("0.076")),
            priority: Some(input("0.3")),
            above: vec![above],
            ..Prices::default()
        }
    );
}

#[test]
fn quiet_hours_arrive() {
    let [prices] = model("deepseek", "quiet").prices.try_into().unwrap();
    let quiet = prices.off_peak.unwrap();
    let hours: Vec<String> = quiet.hours.iter().map(ToString::to_string).collect();
    let expected = [
        "mon-fri 00:00-01:00",
        "mon-fri 10:00-24:00",
        "sat-sun 00:00-24:00",
    ];
    assert_eq!(hours, expected);
    assert_eq!(quiet.standard.input, amount("1"));
}

#[test]
fn other_units_become_ours() {
    let rates = |provider, name| model(provider, name).prices[0].standard;
    assert_eq!(rates("groq", "whisper").audio_minute, amount("0.006"));
    assert_eq!(rates("openai", "tts").characters, amount("15"));
    assert_eq!(rates("cohere", "rerank-1").request, amount("0.002"));
}

#[test]
fn names_of_providers_become_ours_and_leave_the_names_of_models() {
    let embed = model("cohere", "embed-1");
    assert_eq!(
        (embed.dimensions, embed.output),
        (Some(1024), vec![Modality::Embedding])
    );
    assert_eq!(
        model("vertex", "claude-x").reasoning,
        Some(ReasoningControl::Budget)
    );
    let old = model("openai", "gpt-old");
    assert_eq!(
        (old.reasoning, old.apis),
        (Some(ReasoningControl::None), vec![Api::Completions])
    );
}

#[test]
fn what_is_not_said_stays_unknown() {
    let model = model("groq", "whisper");
    assert_eq!(
        (model.tools, model.reasoning, model.input_limit),
        (None, None, None)
    );
    assert!(model.input.is_empty() && model.output.is_empty());
}

#[test]
fn nothing_is_passed_over_without_a_word() {
    let imported = imported();
    let skipped: Vec<&str> = imported
        .skipped
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(
        skipped,
        [
            "bedrock/eu-west-1/some.model",
            "film",
            "low/1024-x-1024/picture",
            "noise",
            "sample_spec",
            "what",
            "whose",
        ]
    );
    assert_eq!(
        imported.left_out.keys().collect::<Vec<_>>(),
        ["input_cost_per_token_ultrafast"]
    );
}

#[test]
fn an_entry_with_an_inexact_price_has_no_prices() {
    let map = r#"{"noise": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1e-06,
        "output_cost_per_token": 1.23456789012345678e-07}}"#;
    let imported = litellm(map, "2026-11-22".parse().unwrap()).unwrap();
    assert!(imported.inexact.contains("noise"));
    assert_eq!(imported.files[0].models[0].prices, []);
}

#[test]
fn what_is_no_price_map_is_refused() {
    for text in ["", "[]", "{\"a\": 5}", "{\"a\": {", "null"] {
        assert!(
            litellm(text, "2026-11-22".parse().unwrap()).is_err(),
            "{text}"
        );
    }
}

#[test]
fn members_of_wrong_types_are_unknown_and_harm_nothing() {
    let map = r#"{"a": {"litellm_provider": "acme", "mode": "chat", "max_input_tokens": "many",
        "supports_vision": 5, "supported_modalities": "text", "deprecation_date": "soon",
        "output_vector_size": 99999999999, "off_peak_pricing": [], "search_context_cost_per_query": 7,
        "supported_endpoints": {}, "input_cost_per_token": null}}"#;
    let imported = litellm(map, "2026-11-22".parse().unwrap()).unwrap();
    let expected = Model {
        name: "a".to_owned(),
        ..Model::default()
    };
    assert_eq!(imported.files[0].models, [expected]);
}
