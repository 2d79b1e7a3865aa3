//! The names that one model goes by: decoration of providers, dates of snapshots, regions, vendors.
//!
//! Each rule takes off what says nothing about the price, or is for [`super::Catalogue::find`] to answer without one.

use super::date::Date;

/// The name in a resource's path or address: Gemini's `models/…`, Vertex's `publishers/…/models/…`, and Bedrock's
/// `arn:aws:bedrock:…:foundation-model/…` and `…:inference-profile/…`.
///
/// <https://ai.google.dev/api/models>,
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-use.html>
pub fn bare(name: &str) -> &str {
    let path = if name.starts_with("arn:") {
        let behind = |kind| name.split_once(kind).map(|(_, rest)| rest);
        // An application's profile has a name of its own, which is no model's.
        return behind(":foundation-model/")
            .or_else(|| behind(":inference-profile/"))
            .unwrap_or(name);
    } else if name.starts_with("publishers/") || name.starts_with("projects/") {
        name.rsplit_once("/models/").map(|(_, rest)| rest)
    } else {
        name.strip_prefix("models/")
    };
    path.unwrap_or(name)
}

/// The name without the date of a snapshot: OpenAI's `-2024-08-06`, Anthropic's `-20250929`, Vertex's `@20250929` and
/// `@default`. Mistral's `-2512` and others with months only are names of their own: their prices differ.
///
/// <https://platform.openai.com/docs/models>, <https://platform.claude.com/docs/en/about-claude/models/overview>
pub fn undated(name: &str) -> Option<&str> {
    if let Some((name, version)) = name.split_once('@') {
        return (version == "default" || Date::compact(version).is_some()).then_some(name);
    }
    let at = |back: usize| {
        let at = name.len().checked_sub(back)?;
        (at > 0).then(|| name.split_at_checked(at))?
    };
    let dashed = || {
        let (name, date) = at(11)?;
        date.strip_prefix('-')?.parse::<Date>().ok().map(|_| name)
    };
    let compact = || {
        let (name, date) = at(9)?;
        Date::compact(date.strip_prefix('-')?).map(|_| name)
    };
    dashed().or_else(compact)
}

/// What OpenAI's fine-tuned models are billed as: `ft:gpt-4o-2024-08-06` for `ft:gpt-4o-2024-08-06:acme::9aBc`. The files
/// have such names; the base model's own price is another one.
///
/// <https://platform.openai.com/docs/guides/supervised-fine-tuning>
pub fn base_of_tuned(name: &str) -> Option<&str> {
    let (base, _) = name.strip_prefix("ft:")?.split_once(':')?;
    name.get(.."ft:".len() + base.len())
}

/// Geographies of Bedrock's cross-region inference profiles.
///
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html>
const REGIONS: [&str; 9] = [
    "us", "us-gov", "eu", "apac", "au", "jp", "ca", "sa", "global",
];

/// A name on Bedrock without its geography, of which prices depend.
pub fn without_region(name: &str) -> Option<&str> {
    let (region, name) = name.split_once('.')?;
    REGIONS.contains(&region).then_some(name)
}

/// Whose a model of OpenRouter's is, and its name there. Where it runs, and so its price, is not in the name.
///
/// <https://openrouter.ai/docs/guides/overview/models>
pub fn of_vendor(name: &str) -> Option<(&'static str, &str)> {
    let (vendor, name) = name.split_once('/')?;
    let name = name.split_once(':').map_or(name, |(name, _variant)| name);
    let provider = match vendor {
        "openai" => "openai",
        "anthropic" => "anthropic",
        "google" => "gemini",
        "mistralai" => "mistral",
        "cohere" => "cohere",
        "deepseek" => "deepseek",
        "x-ai" => "xai",
        _ => return None,
    };
    Some((provider, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_not_part_of_a_name() {
        for (name, found) in [
            ("models/gemini-2.5-pro", "gemini-2.5-pro"),
            ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
            (
                "projects/p/locations/global/publishers/anthropic/models/claude-opus-5",
                "claude-opus-5",
            ),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
                "amazon.nova-lite-v1:0",
            ),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0",
                "us.amazon.nova-lite-v1:0",
            ),
            ("meta-llama/llama-4", "meta-llama/llama-4"),
            ("gpt-4o", "gpt-4o"),
            ("", ""),
        ] {
            assert_eq!(bare(name), found);
        }
        let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12";
        assert_eq!(bare(profile), profile);
    }

    #[test]
    fn only_the_date_of_a_real_day_is_taken_off() {
        for (name, found) in [
            ("gpt-4o-2024-08-06", Some("gpt-4o")),
            ("claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5")),
            ("claude-sonnet-4-5@20250929", Some("claude-sonnet-4-5")),
            ("claude-opus-4-6@default", Some("claude-opus-4-6")),
            ("claude-opus-4-6@latest", None),
            ("claude-opus-4-6@1", None),
            ("gpt-4o", None),
            ("gpt-4-0613", None),
            ("mistral-large-2512", None),
            ("command-a-03-2025", None),
            ("model-99999999", None),
            ("model-2025-02-30", None),
            ("model_20250929", None),
            ("-2024-08-06", None),
            ("2024-08-06", None),
            ("é2024-08-06", None),
            ("ééééé", None),
            ("", None),
        ] {
            assert_eq!(undated(name), found, "{name}");
        }
    }

    #[test]
    fn a_tuned_model_is_billed_as_its_kind() {
        let tuned = base_of_tuned("ft:gpt-4o-2024-08-06:acme::9aBc");
        assert_eq!(tuned, Some("ft:gpt-4o-2024-08-06"));
        assert_eq!(base_of_tuned("ft:gpt-4o-2024-08-06"), None);
        assert_eq!(base_of_tuned("gpt-4o"), None);
    }

    #[test]
    fn regions_and_vendors_are_those_that_are_known() {
        assert_eq!(
            without_region("eu.amazon.nova-lite-v1:0"),
            Some("amazon.nova-lite-v1:0")
        );
        assert_eq!(without_region("amazon.nova-lite-v1:0"), None);
        assert_eq!(of_vendor("x-ai/grok-4.7"), Some(("xai", "grok-4.7")));
        assert_eq!(
            of_vendor("openai/gpt-4o:online"),
            Some(("openai", "gpt-4o"))
        );
        assert_eq!(of_vendor("meta-llama/llama-4"), None);
        assert_eq!(of_vendor("gpt-4o"), None);
    }
}
