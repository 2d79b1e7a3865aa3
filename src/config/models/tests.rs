use std::collections::BTreeSet;

use super::*;
use crate::catalogue::{
    Date,
    price::{Amount, Rates, Tier},
};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// What is paid on the day of the check, for input and output.
fn price(provider: &str, name: &str) -> Option<(String, String)> {
    let model = builtin().find(provider, name)?;
    let rates = model.price_at(day("2026-11-22"))?.standard;
    let text = |amount: Option<_>| amount.map_or_else(String::new, |a: Amount| a.to_string());
    Some((text(rates.input), text(rates.output)))
}

#[test]
fn every_name_leads_to_the_price_of_its_model_or_to_none() {
    for (provider, name, found) in [
        ("openai", "gpt-4o", Some(("2.5", "10"))),
        ("openai", "gpt-4o-2024-08-06", Some(("2.5", "10"))),
        ("openai", "gpt-4o-2024-05-13", Some(("5", "15"))),
        ("openai", "gpt-6-luna-2026-12-24", Some(("0.1", "0.5"))),
        ("openai", "gpt-6", None),
        ("openai", "gpt-4o-latest", None),
        ("openai", "gpt-4o-mini-something", None),
        (
            "openai",
            "ft:gpt-4o-2024-08-06:acme::9aBc",
            Some(("3.75", "15")),
        ),
        ("openai", "ft:gpt-4o-2025-08-06:acme::9aBc", None),
        ("openai", "ft:gpt-6-sol:acme::9aBc", None),
        ("openai", "GPT-4o", None),
        ("openai", "", None),
        ("anthropic", "claude-sonnet-4-5-20250929", Some(("3", "15"))),
        ("anthropic", "claude-opus-5-20260724", Some(("5", "25"))),
        ("anthropic", "claude-opus-5-latest", None),
        ("gemini", "models/gemini-2.5-pro", Some(("1.25", "10"))),
        ("gemini", "gemini-2.5-pro-preview-05-06", None),
        ("vertex", "claude-sonnet-4-5@20250929", Some(("3", "15"))),
        (
            "vertex",
            "publishers/google/models/gemini-2.5-flash",
            Some(("0.3", "2.5")),
        ),
        ("mistral", "mistral-large-2512", Some(("0.5", "1.5"))),
        ("mistral", "mistral-large-2407", None),
        ("azure", "gpt-4o", Some(("2.5", "10"))),
        ("azure", "gpt-4o-2024-05-13", Some(("5", "15"))),
        ("azure", "my-deployment", None),
        (
            "bedrock",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some(("3", "15")),
        ),
        (
            "bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some(("3.3", "16.5")),
        ),
        (
            "bedrock",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some(("3", "15")),
        ),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0",
            Some(("0.06", "0.24")),
        ),
        ("openrouter", "openai/gpt-4o", None),
        ("deepseek", "deepseek-v4-flash", Some(("0.3", "1.2"))),
        ("groq", "openai/gpt-oss-120b", Some(("0.15", "0.6"))),
        ("nobody", "gpt-4o", None),
    ] {
        let found =
            found.map(|(input, output): (&str, &str)| (input.to_owned(), output.to_owned()));
        assert_eq!(price(provider, name), found, "{provider} {name}");
    }
}

#[test]
fn a_name_that_tells_no_price_still_tells_what_the_model_can() {
    for (provider, name, window) in [
        ("openrouter", "anthropic/claude-sonnet-4.5", 200_000),
        ("openrouter", "openai/gpt-4o:online", 128_000),
        ("bedrock", "ca.amazon.nova-lite-v1:0", 300_000),
    ] {
        let model = builtin()
            .find(provider, name)
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!(
            (model.context_window, model.prices.len()),
            (Some(window), 0),
            "{name}"
        );
    }
}

#[test]
fn a_price_that_changed_is_known_on_both_sides_of_its_day() {
    let model = builtin().find("anthropic", "claude-sonnet-5-5").unwrap();
    let read = |at| {
        model
            .price_at(day(at))
            .unwrap()
            .standard
            .cache_read
            .unwrap()
            .to_string()
    };
    assert_eq!(
        (read("2026-10-06"), read("2026-10-07")),
        ("0.2".to_owned(), "0.1".to_owned())
    );
}

#[test]
fn long_prompts_tiers_and_quiet_hours_have_their_prices() {
    let rates = |provider, name, tier, tokens, at| -> Rates {
        let model = builtin().find(provider, name).unwrap();
        let prices = model.price_at(day("2026-11-22")).unwrap();
        prices.rates(tier, tokens, at)
    };
    let text = |amount: Option<Amount>| amount.unwrap().to_string();
    let monday = 1_795_392_000; // 2026-11-23T00:00:00Z
    let long = rates("gemini", "gemini-2.5-pro", Tier::Standard, 200_001, 0);
    assert_eq!(
        (text(long.input), text(long.output)),
        ("2.5".to_owned(), "15".to_owned())
    );
    let flex = rates("openai", "gpt-5.4", Tier::Flex, 1000, 0);
    assert_eq!(text(flex.input), "1.25");
    let quiet = rates("deepseek", "deepseek-v4-pro", Tier::Standard, 1000, monday);
    let peak = rates(
        "deepseek",
        "deepseek-v4-pro",
        Tier::Standard,
        1000,
        monday + 3600,
    );
    assert_eq!(
        (text(quiet.input), text(peak.input)),
        ("0.66".to_owned(), "1.32".to_owned())
    );
}

#[test]
fn every_file_of_the_folder_is_in_the_gateway_says_its_source_and_reads_the_same_when_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/models");
    let there: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        there,
        builtin::FILES
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect()
    );
    for (name, text) in builtin::FILES {
        let file = parse(text, Path::new(name)).unwrap();
        assert_eq!(format!("{}.yaml", file.provider), name);
        assert!(!file.source.is_empty() && file.checked.is_some(), "{name}");
        assert_eq!(
            parse(&file.to_yaml(), Path::new(name)).unwrap(),
            file,
            "{name}"
        );
    }
    assert!(builtin().models().len() >= 60);
}

#[test]
fn the_files_fit_together() {
    let mut catalogue = Catalogue::default();
    let mut problems = Problems::default();
    for (name, text) in builtin::FILES {
        let file = parse(text, Path::new(name)).unwrap();
        catalogue.add(file, &Place::default().key(name), &mut problems);
    }
    assert!(problems.0.is_empty(), "{:?}", problems.0);
}

#[test]
fn prices_stand_in_the_relations_that_they_have_everywhere() {
    let at_most = |less: Option<Amount>, more: Option<Amount>, name: &str| {
        let both = less.zip(more);
        assert!(
            both.is_none_or(|(less, more)| less <= more),
            "{name}: {both:?}"
        );
    };
    for (provider, model) in builtin().models() {
        let name = format!("{provider}/{}", model.name);
        for prices in &model.prices {
            let usual = &prices.standard;
            let tiers = [&prices.batch, &prices.flex, &prices.priority]
                .into_iter()
                .flatten();
            let steps = prices.above.iter().map(|step| &step.standard);
            for rates in tiers.chain(steps).chain([usual]) {
                at_most(rates.cache_read, rates.input, &name);
                at_most(rates.input, rates.cache_write, &name);
                at_most(rates.cache_write, rates.cache_write_1h, &name);
                at_most(rates.input, rates.output, &name);
            }
            let quiet = prices.off_peak.as_ref().map(|quiet| &quiet.standard);
            let cheaper = [prices.batch.as_ref(), prices.flex.as_ref(), quiet];
            for rates in cheaper.into_iter().flatten() {
                at_most(rates.input, usual.input, &name);
                at_most(rates.cache_read, usual.cache_read, &name);
                at_most(rates.output, usual.output, &name);
            }
            let dearer = prices
                .above
                .iter()
                .map(|step| &step.standard)
                .chain(&prices.priority);
            for rates in dearer {
                at_most(usual.input, rates.input, &name);
                at_most(usual.cache_read, rates.cache_read, &name);
                at_most(usual.output, rates.output, &name);
            }
        }
    }
}

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/models.schema.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let fresh = serde_json::to_string_pretty(&crate::catalogue::schema()).unwrap() + "\n";
    assert!(committed == fresh, "conf/models.schema.json is out of date");
}

#[test]
fn everything_that_is_wrong_is_told_with_its_line() {
    let text = "provider: acme\nmodels:\n  - name: a\n    contxt_window: 5\n  - name: b\n    prices:\n      - standard: {input: 1e-6}\n";
    let findings = parse(text, Path::new("my.yaml")).unwrap_err().to_string();
    assert!(
        findings.contains("my.yaml:4:5: models[0]: unknown field `contxt_window`"),
        "{findings}"
    );
    assert!(
        findings.contains("did you mean `context_window`?"),
        "{findings}"
    );
    assert!(findings.contains("my.yaml:7:"), "{findings}");
    assert!(
        findings.contains("`1e-6` is no price; write it in dollars as 2.50"),
        "{findings}"
    );
}

#[test]
fn an_imported_map_reads_as_it_is_written() {
    let map = r#"{"acme/4.1": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1.5e-07,
        "cache_read_input_token_cost_above_200k_tokens_flex": 3e-08, "supports_reasoning": false}}"#;
    let imported = crate::catalogue::import::litellm(map, day("2026-11-22")).unwrap();
    for file in imported.files {
        assert_eq!(parse(&file.to_yaml(), Path::new("")).unwrap(), file);
    }
}
