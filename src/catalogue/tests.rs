use super::*;

/// JSON, with amounts in quotes, is as good as YAML here.
fn file(provider: &str, models: &str) -> ModelsFile {
    let text = format!(r#"{{"provider": "{provider}", "models": {models}}}"#);
    serde_json::from_str(&text).unwrap()
}

fn catalogue(files: &[(&str, &str)]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let mut problems = Problems::default();
    for (provider, models) in files {
        catalogue.add(file(provider, models), &Place::default(), &mut problems);
    }
    assert!(problems.0.is_empty(), "{:?}", problems.0);
    catalogue
}

const ACME: &str = r#"[
    {"name": "big", "aliases": ["big-2026-01-02"], "context_window": 1000, "tools": true,
     "prices": [{"standard": {"input": "1"}}]},
    {"name": "big-2025-12-31", "like": "acme/big", "prices": [{"standard": {"input": "2"}}]},
    {"name": "ft:big-2026-01-02", "prices": [{"standard": {"input": "3"}}]}
]"#;

fn price(catalogue: &Catalogue, provider: &str, name: &str) -> Option<String> {
    let model = catalogue.find(provider, name)?;
    let day = "2026-11-22".parse().unwrap();
    let amount = model.price_at(day)?.standard.input?;
    Some(amount.to_string())
}

#[test]
fn a_model_is_found_by_name_alias_and_undated_name_and_not_by_likeness() {
    let catalogue = catalogue(&[("acme", ACME)]);
    for (name, found) in [
        ("big", Some("1")),
        ("big-2026-01-02", Some("1")),
        ("big-2025-12-31", Some("2")),
        ("big-2026-06-30", Some("1")),
        ("big-20260630", Some("1")),
        ("big@20260630", Some("1")),
        ("models/big-2026-06-30", Some("1")),
        ("ft:big-2026-01-02:me::1", Some("3")),
        ("ft:big-2026-06-30:me::1", None),
        ("big-mini", None),
        ("bi", None),
        ("Big", None),
        ("big-2026-13-01", None),
    ] {
        assert_eq!(price(&catalogue, "acme", name).as_deref(), found, "{name}");
    }
    assert!(catalogue.find("other", "big").is_none());
}

#[test]
fn what_a_model_does_not_say_of_itself_is_that_of_the_one_it_is_like() {
    let catalogue = catalogue(&[("acme", ACME)]);
    let like = catalogue.find("acme", "big-2025-12-31").unwrap();
    assert_eq!((like.context_window, like.tools), (Some(1000), Some(true)));
}

#[test]
fn a_day_of_retirement_is_that_of_its_own_provider() {
    let catalogue = catalogue(&[
        ("acme", r#"[{"name": "big", "retires": "2026-12-31"}]"#),
        ("cloud", r#"[{"name": "big", "like": "acme/big"}]"#),
    ]);
    assert_eq!(catalogue.find("cloud", "big").unwrap().retires, None);
}

#[test]
fn a_later_file_replaces_a_model_under_all_its_names() {
    let mine =
        r#"[{"name": "big", "like": "acme/big", "prices": [{"standard": {"input": "0.5"}}]}]"#;
    let catalogue = catalogue(&[("acme", ACME), ("acme", mine)]);
    assert_eq!(price(&catalogue, "acme", "big").as_deref(), Some("0.5"));
    assert_eq!(
        price(&catalogue, "acme", "big-2026-01-02").as_deref(),
        Some("0.5")
    );
    assert_eq!(
        price(&catalogue, "acme", "big-2025-12-31").as_deref(),
        Some("2")
    );
    assert_eq!(
        catalogue.find("acme", "big").unwrap().context_window,
        Some(1000)
    );
    assert_eq!(catalogue.models().len(), 3);
}

#[test]
fn a_model_of_its_own_takes_its_name_from_anothers_aliases() {
    let mine = r#"[{"name": "big-2026-01-02", "prices": [{"standard": {"input": "9"}}]}]"#;
    let catalogue = catalogue(&[("acme", ACME), ("acme", mine)]);
    assert_eq!(
        price(&catalogue, "acme", "big-2026-01-02").as_deref(),
        Some("9")
    );
    assert_eq!(price(&catalogue, "acme", "big").as_deref(), Some("1"));
    assert_eq!(catalogue.models().len(), 4);
}

#[test]
fn a_name_that_tells_no_price_leads_to_a_model_without_one() {
    let catalogue = catalogue(&[
        (
            "bedrock",
            r#"[{"name": "a.b-v1:0", "tools": true, "prices": [{"standard": {"input": "1"}}]}]"#,
        ),
        (
            "anthropic",
            r#"[{"name": "c-4-5", "tools": true, "prices": [{"standard": {"input": "1"}}]}]"#,
        ),
    ]);
    for (provider, name) in [
        ("bedrock", "eu.a.b-v1:0"),
        (
            "bedrock",
            "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.a.b-v1:0",
        ),
        ("openrouter", "anthropic/c-4.5"),
        ("openrouter", "anthropic/c-4-5:online"),
    ] {
        let model = catalogue
            .find(provider, name)
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!((model.tools, model.prices.len()), (Some(true), 0), "{name}");
    }
    assert!(catalogue.find("anthropic", "eu.c-4-5").is_none());
    assert!(catalogue.find("openrouter", "acme/c-4-5").is_none());
}

#[test]
fn a_model_like_one_that_is_not_there_is_told() {
    let mut problems = Problems::default();
    let file = file(
        "acme",
        r#"[{"name": "a"}, {"name": "b", "like": "acme/c"}]"#,
    );
    Catalogue::default().add(
        file,
        &Place::default().key("models").index(0),
        &mut problems,
    );
    let [(place, what)] = problems.0.try_into().unwrap();
    assert_eq!(place.to_string(), "models[0].models[1].like");
    assert_eq!(what, "no model `acme/c` stands before this one");
}

#[test]
fn the_list_is_sorted_by_provider_and_name() {
    let catalogue = catalogue(&[
        ("b", r#"[{"name": "z"}, {"name": "a"}]"#),
        ("a", r#"[{"name": "m"}]"#),
    ]);
    let names: Vec<_> = catalogue
        .models()
        .into_iter()
        .map(|(p, m)| (p, m.name.as_str()))
        .collect();
    assert_eq!(names, [("a", "m"), ("b", "a"), ("b", "z")]);
}
