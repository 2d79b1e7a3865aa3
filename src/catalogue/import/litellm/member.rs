//! The names of prices in LiteLLM's map.

use crate::catalogue::{
    Prices,
    price::{Above, Amount, Rates},
};

/// What a member of the map is the price of.
pub struct Price<'a> {
    base: &'a str,
    /// From the unit of the map to ours.
    pub factor: u32,
    above: Option<u64>,
    tier: &'a str,
}

impl<'a> Price<'a> {
    /// `input_cost_per_token_above_200k_tokens_priority` and the like: thing, length of the prompt, tier.
    pub fn named(member: &'a str) -> Option<Self> {
        let (rest, tier) = ["batches", "flex", "priority"]
            .into_iter()
            .find_map(|tier| {
                let rest = member.strip_suffix(tier)?.strip_suffix('_')?;
                Some((rest, tier))
            })
            .unwrap_or((member, ""));
        let (base, above) = match rest
            .strip_suffix("k_tokens")
            .and_then(|r| r.rsplit_once("_above_"))
        {
            Some((base, thousands)) => (
                base,
                Some(thousands.parse::<u64>().ok()?.checked_mul(1000)?),
            ),
            None => (rest, None),
        };
        let price = Self {
            base,
            factor: match base {
                "input_cost_per_query"
                | "input_cost_per_request"
                | "output_cost_per_image"
                | "ocr_cost_per_page"
                | "output_cost_per_video_per_second" => 1,
                "input_cost_per_second" => 60,
                _ => 1_000_000,
            },
            above,
            tier,
        };
        price.slot(&mut Rates::default()).is_some().then_some(price)
    }

    fn slot<'r>(&self, rates: &'r mut Rates) -> Option<&'r mut Option<Amount>> {
        Some(match self.base {
            "input_cost_per_token" => &mut rates.input,
            "output_cost_per_token" => &mut rates.output,
            "cache_read_input_token_cost" => &mut rates.cache_read,
            "cache_creation_input_token_cost" => &mut rates.cache_write,
            "cache_creation_input_token_cost_above_1hr" => &mut rates.cache_write_1h,
            "output_cost_per_reasoning_token" => &mut rates.reasoning,
            "input_cost_per_audio_token" => &mut rates.audio_input,
            "cache_read_input_audio_token_cost" => &mut rates.audio_cache_read,
            "output_cost_per_audio_token" => &mut rates.audio_output,
            "input_cost_per_image_token" => &mut rates.image_input,
            "cache_read_input_image_token_cost" => &mut rates.image_cache_read,
            "output_cost_per_image_token" => &mut rates.image_output,
            "input_cost_per_video_token" => &mut rates.video_input,
            "input_cost_per_character" => &mut rates.characters,
            "input_cost_per_second" => &mut rates.audio_minute,
            "output_cost_per_video_per_second" => &mut rates.video_second,
            "input_cost_per_query" | "input_cost_per_request" => &mut rates.request,
            "output_cost_per_image" => &mut rates.image,
            "ocr_cost_per_page" => &mut rates.page,
            _ => return None,
        })
    }

    /// Where its amount goes.
    pub fn place<'p>(&self, prices: &'p mut Prices) -> &'p mut Option<Amount> {
        let (standard, batch, flex, priority) = match self.above {
            None => (
                &mut prices.standard,
                &mut prices.batch,
                &mut prices.flex,
                &mut prices.priority,
            ),
            Some(tokens) => {
                let known = prices.above.iter().position(|step| step.tokens == tokens);
                let n = known.unwrap_or(prices.above.len());
                if known.is_none() {
                    prices.above.push(Above {
                        tokens,
                        ..Above::default()
                    });
                }
                let step = &mut prices.above[n];
                (
                    &mut step.standard,
                    &mut step.batch,
                    &mut step.flex,
                    &mut step.priority,
                )
            }
        };
        let rates = match self.tier {
            "batches" => batch.get_or_insert_default(),
            "flex" => flex.get_or_insert_default(),
            "priority" => priority.get_or_insert_default(),
            _ => standard,
        };
        self.slot(rates).expect("`named` has looked")
    }
}
