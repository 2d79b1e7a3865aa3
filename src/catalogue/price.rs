//! Prices: exact amounts, for each kind of token and thing, dated.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::date::{Date, Hours, text};
use crate::problem::{Place, Problems};

/// An exact amount of money: a whole number of picodollars (10⁻¹² dollars).
///
/// A price for a million tokens times a number of tokens is then a whole number of 10⁻¹⁸ dollars, and nothing is ever
/// rounded on the way to a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

/// Decimal places that an amount may have.
const PLACES: usize = 12;

impl Amount {
    /// So many picodollars.
    pub const fn from_pico(pico: u64) -> Self {
        Self(pico)
    }

    /// In picodollars.
    pub const fn pico(self) -> u64 {
        self.0
    }
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if !digits(whole) || !digits(places) || places.len() > PLACES {
                return None;
            }
            let pico: u64 = format!("{places:0<PLACES$}").parse().ok()?;
            let dollars: u64 = whole.parse().ok()?;
            dollars.checked_mul(1_000_000_000_000)?.checked_add(pico)
        };
        read().map(Self).ok_or_else(|| {
            format!("`{text}` is no price; write it in dollars as 2.50, with at most 12 places")
        })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (dollars, pico) = (self.0 / 1_000_000_000_000, self.0 % 1_000_000_000_000);
        if pico == 0 {
            return write!(f, "{dollars}");
        }
        let places = format!("{pico:012}");
        write!(f, "{dollars}.{}", places.trim_end_matches('0'))
    }
}

/// Only from a text: a number that went through binary floating point would no longer be the one that was written. The
/// reader of configuration files gives numbers as they are written, so that YAML needs no quotes.
impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text(input)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "minimum": 0,
            "pattern": r"^[0-9]+(\.[0-9]{1,12})?$",
            "description": "An exact decimal number with at most 12 places: 0.075."
        })
    }
}

/// What prices are in.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum Currency {
    /// US dollars.
    #[default]
    #[serde(rename = "USD")]
    Usd,
}

/// How urgent a request is, which some providers have prices for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// As usual.
    Standard,
    /// Answered within a day.
    Batch,
    /// Answered when there is room.
    Flex,
    /// Answered first.
    Priority,
}

/// The prices of a time.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The first day on which they hold. None: since ever, as far as is known.
    #[serde(default)]
    pub from: Option<Date>,
    /// The first day on which they hold no more. None: till further notice.
    #[serde(default)]
    pub until: Option<Date>,
    /// What they are in.
    #[serde(default)]
    pub currency: Currency,
    /// What is usually paid.
    pub standard: Rates,
    /// What is paid in batches, as far as it differs.
    #[serde(default)]
    pub batch: Option<Rates>,
    /// What is paid with `service_tier: flex`, as far as it differs.
    #[serde(default)]
    pub flex: Option<Rates>,
    /// What is paid with `service_tier: priority`, as far as it differs.
    #[serde(default)]
    pub priority: Option<Rates>,
    /// What is paid for the whole of a request with a long prompt, ascending.
    #[serde(default)]
    pub above: Vec<Above>,
    /// What is paid in quiet hours.
    #[serde(default)]
    pub off_peak: Option<OffPeak>,
}

/// The prices of requests with a long prompt.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Above {
    /// They hold if the prompt, with what was read from a cache, has more tokens than these.
    pub tokens: u64,
    /// What is usually paid, as far as it differs from short prompts.
    pub standard: Rates,
    /// What is paid in batches. None: such prompts have no such price and are billed at `standard`; the others alike.
    #[serde(default)]
    pub batch: Option<Rates>,
    /// What is paid with `service_tier: flex`.
    #[serde(default)]
    pub flex: Option<Rates>,
    /// What is paid with `service_tier: priority`.
    #[serde(default)]
    pub priority: Option<Rates>,
}

/// The prices of quiet hours.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct OffPeak {
    /// When they hold.
    pub hours: Vec<Hours>,
    /// What is paid then, as far as it differs.
    pub standard: Rates,
}

/// What is paid for each kind of token and thing: tokens and characters by the million, other things for each.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// A million tokens of prompt.
    pub input: Option<Amount>,
    /// A million tokens of prompt that were read from a cache.
    pub cache_read: Option<Amount>,
    /// A million tokens of prompt that were written to a cache.
    pub cache_write: Option<Amount>,
    /// A million tokens of prompt that were written to a cache for an hour.
    pub cache_write_1h: Option<Amount>,
    /// A million tokens of answer.
    pub output: Option<Amount>,
    /// A million tokens of reasoning, where they cost other than the answer.
    pub reasoning: Option<Amount>,
    /// A million tokens of sound in the prompt.
    pub audio_input: Option<Amount>,
    /// A million tokens of sound that were read from a cache.
    pub audio_cache_read: Option<Amount>,
    /// A million tokens of sound in the answer.
    pub audio_output: Option<Amount>,
    /// A million tokens of images in the prompt.
    pub image_input: Option<Amount>,
    /// A million tokens of images that were read from a cache.
    pub image_cache_read: Option<Amount>,
    /// A million tokens of images in the answer.
    pub image_output: Option<Amount>,
    /// A million tokens of film in the prompt.
    pub video_input: Option<Amount>,
    /// A million characters of text to speak.
    pub characters: Option<Amount>,
    /// A minute of sound.
    pub audio_minute: Option<Amount>,
    /// A second of film.
    pub video_second: Option<Amount>,
    /// A request, or a query of a reranker.
    pub request: Option<Amount>,
    /// A search in the web.
    pub search: Option<Amount>,
    /// An image that was made.
    pub image: Option<Amount>,
    /// A page that was read.
    pub page: Option<Amount>,
}

impl Rates {
    /// Each with its name in the files.
    pub const fn named(&self) -> [(&'static str, Option<Amount>); 20] {
        [
            ("input", self.input),
            ("cache_read", self.cache_read),
            ("cache_write", self.cache_write),
            ("cache_write_1h", self.cache_write_1h),
            ("output", self.output),
            ("reasoning", self.reasoning),
            ("audio_input", self.audio_input),
            ("audio_cache_read", self.audio_cache_read),
            ("audio_output", self.audio_output),
            ("image_input", self.image_input),
            ("image_cache_read", self.image_cache_read),
            ("image_output", self.image_output),
            ("video_input", self.video_input),
            ("characters", self.characters),
            ("audio_minute", self.audio_minute),
            ("video_second", self.video_second),
            ("request", self.request),
            ("search", self.search),
            ("image", self.image),
            ("page", self.page),
        ]
    }

    /// Whether no price is stated.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and those of `base` where these state none.
    fn over(&self, base: &Self) -> Self {
        Self {
            input: self.input.or(base.input),
            cache_read: self.cache_read.or(base.cache_read),
            cache_write: self.cache_write.or(base.cache_write),
            cache_write_1h: self.cache_write_1h.or(base.cache_write_1h),
            output: self.output.or(base.output),
            reasoning: self.reasoning.or(base.reasoning),
            audio_input: self.audio_input.or(base.audio_input),
            audio_cache_read: self.audio_cache_read.or(base.audio_cache_read),
            audio_output: self.audio_output.or(base.audio_output),
            image_input: self.image_input.or(base.image_input),
            image_cache_read: self.image_cache_read.or(base.image_cache_read),
            image_output: self.image_output.or(base.image_output),
            video_input: self.video_input.or(base.video_input),
            characters: self.characters.or(base.characters),
            audio_minute: self.audio_minute.or(base.audio_minute),
            video_second: self.video_second.or(base.video_second),
            request: self.request.or(base.request),
            search: self.search.or(base.search),
            image: self.image.or(base.image),
            page: self.page.or(base.page),
        }
    }
}

impl Prices {
    /// Whether they hold on a day.
    pub fn hold_on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }

    /// What one request is billed at: its tier, the tokens of its prompt (those from a cache included), and when it came,
    /// in seconds after 1970 began.
    pub fn rates(&self, tier: Tier, prompt_tokens: u64, unix_seconds: u64) -> Rates {
        let long = self
            .above
            .iter()
            .rev()
            .find(|step| prompt_tokens > step.tokens);
        let usual = long.map_or(self.standard, |step| step.standard.over(&self.standard));
        let special = match (tier, long) {
            (Tier::Standard, _) => self.quiet(unix_seconds),
            (Tier::Batch, None) => self.batch.as_ref(),
            (Tier::Flex, None) => self.flex.as_ref(),
            (Tier::Priority, None) => self.priority.as_ref(),
            (Tier::Batch, Some(step)) => step.batch.as_ref(),
            (Tier::Flex, Some(step)) => step.flex.as_ref(),
            (Tier::Priority, Some(step)) => step.priority.as_ref(),
        };
        special.map_or(usual, |special| special.over(&usual))
    }

    fn quiet(&self, unix_seconds: u64) -> Option<&Rates> {
        let quiet = self.off_peak.as_ref()?;
        let now = quiet.hours.iter().any(|hours| hours.contain(unix_seconds));
        now.then_some(&quiet.standard)
    }

    pub(super) fn check(&self, at: &Place, problems: &mut Problems) {
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from >= until
        {
            problems.add(at.key("until"), "must be a later day than `from`");
        }
        if self.standard.is_empty() {
            problems.add(at.key("standard"), "states no price");
        }
        for (n, pair) in self.above.windows(2).enumerate() {
            if pair[0].tokens >= pair[1].tokens {
                let at = at.key("above").index(n + 1).key("tokens");
                problems.add(at, "must be more than those before");
            }
        }
        if self
            .off_peak
            .as_ref()
            .is_some_and(|quiet| quiet.hours.is_empty())
        {
            problems.add(at.key("off_peak").key("hours"), "states no hours");
        }
    }

    /// Whether there is a day on which both hold.
    pub(super) fn overlap(&self, other: &Self) -> bool {
        let begins_before = |a: &Self, b: &Self| match (a.from, b.until) {
            (Some(from), Some(until)) => from < until,
            _ => true,
        };
        begins_before(self, other) && begins_before(other, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn rates(input: &str, output: &str) -> Rates {
        let read = |text: &str| (!text.is_empty()).then(|| amount(text));
        Rates {
            input: read(input),
            output: read(output),
            ..Rates::default()
        }
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_exact_and_written_without_idle_zeros() {
        assert_eq!(amount("0.075").pico(), 75_000_000_000);
        assert_eq!(amount("0.000000000001").pico(), 1);
        assert_eq!(amount("18446744.073709551615").pico(), u64::MAX);
        for (text, shown) in [
            ("2.50", "2.5"),
            ("0", "0"),
            ("0.000000000001", "0.000000000001"),
            ("007.100", "7.1"),
            ("150", "150"),
        ] {
            assert_eq!(amount(text).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_exact_amount_is_refused() {
        for text in [
            "",
            ".",
            ".5",
            "1.",
            "-1",
            "+1",
            "1e-6",
            "1,5",
            " 1",
            "0.0000000000001",
            "18446744.073709551616",
            "99999999999999999999999999",
            "nan",
            "٣",
        ] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
        // A binary float is no exact amount, whatever it is near to.
        assert!(serde_json::from_str::<Amount>("0.1").is_err());
        assert_eq!(
            serde_json::from_str::<Amount>("\"0.1\"").unwrap(),
            amount("0.1")
        );
    }

    #[test]
    fn a_list_holds_from_its_first_day_to_before_its_end() {
        let list = Prices {
            from: Some(day("2026-10-07")),
            until: Some(day("2026-12-01")),
            ..Prices::default()
        };
        let holds = |text| list.hold_on(day(text));
        assert!(!holds("2026-10-06") && holds("2026-10-07"));
        assert!(holds("2026-11-30") && !holds("2026-12-01"));
    }

    #[test]
    fn a_long_prompt_has_the_price_of_the_highest_step_below_it() {
        let step = |tokens, input: &str| Above {
            tokens,
            standard: rates(input, ""),
            ..Above::default()
        };
        let list = Prices {
            standard: rates("1", "8"),
            above: vec![step(100, "2"), step(200, "3")],
            ..Prices::default()
        };
        let at = |tokens| list.rates(Tier::Standard, tokens, 0);
        assert_eq!(at(100), rates("1", "8"));
        assert_eq!(at(101), rates("2", "8"));
        assert_eq!(at(200), rates("2", "8"));
        assert_eq!(at(201), rates("3", "8"));
    }

    #[test]
    fn a_tier_has_its_own_price_and_the_usual_one_where_it_states_none() {
        let list = Prices {
            standard: rates("2", "8"),
            flex: Some(rates("1", "")),
            priority: Some(rates("4", "16")),
            above: vec![Above {
                tokens: 100,
                standard: rates("3", ""),
                flex: Some(rates("1.5", "")),
                ..Above::default()
            }],
            ..Prices::default()
        };
        assert_eq!(list.rates(Tier::Flex, 1, 0), rates("1", "8"));
        assert_eq!(list.rates(Tier::Priority, 1, 0), rates("4", "16"));
        assert_eq!(list.rates(Tier::Batch, 1, 0), rates("2", "8"));
        assert_eq!(list.rates(Tier::Flex, 101, 0), rates("1.5", "8"));
        // No priority for long prompts: billed as usual.
        assert_eq!(list.rates(Tier::Priority, 101, 0), rates("3", "8"));
    }

    #[test]
    fn quiet_hours_have_their_price() {
        let list = Prices {
            standard: rates("2", "8"),
            off_peak: Some(OffPeak {
                hours: vec!["thu 00:00-01:00".parse().unwrap()],
                standard: rates("1", "4"),
            }),
            ..Prices::default()
        };
        // 1970 began on a Thursday.
        assert_eq!(list.rates(Tier::Standard, 1, 0), rates("1", "4"));
        assert_eq!(list.rates(Tier::Standard, 1, 3600), rates("2", "8"));
    }

    #[test]
    fn lists_overlap_if_a_day_has_both() {
        let list = |from: &str, until: &str| Prices {
            from: from.parse().ok(),
            until: until.parse().ok(),
            ..Prices::default()
        };
        let (early, late) = (list("", "2026-10-07"), list("2026-10-07", ""));
        assert!(!early.overlap(&late) && !late.overlap(&early));
        assert!(list("", "").overlap(&late) && late.overlap(&list("2027-01-01", "")));
        assert!(list("", "2026-10-08").overlap(&late));
    }
}
