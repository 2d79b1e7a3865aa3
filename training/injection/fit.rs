//! Fits both stages.

use sluicegate::guard::injection::{
    INPUTS,
    classifier::{Model, WINDOWS, share, windows},
    features::{CHANNELS, SLOTS, TABLE},
    weigh,
};
use sluicegate::guard::{Role, engine::Engine};

use super::data::Example;

/// How strongly the first stage is held back, by channel.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Step of Adagrad.
    pub rate: [f32; CHANNELS],
    /// Pull of weights towards zero.
    pub decay: [f32; CHANNELS],
    /// Features that are left out at random.
    pub dropout: f32,
    /// Times over the data.
    pub epochs: usize,
    /// Sources in which a feature must occur.
    pub sources: u32,
    /// Pull of the second stage's weights towards zero.
    pub ridge: f32,
    /// Parts into which sources are cut to train the second stage on what the first has not seen.
    pub parts: usize,
    /// Inputs that the second stage does without, as bits.
    pub without: u64,
    /// False positives on honest texts at 0.5, over all.
    pub false_positives: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: [0.03, 0.05, 0.08],
            decay: [2e-4, 2e-4, 2e-4],
            dropout: 0.3,
            epochs: 4,
            sources: 2,
            ridge: 3e-2,
            parts: 4,
            // Where a text comes from and how long it is says nothing by itself: sources differ in that for other reasons.
            without: 1 << 16 | 1 << 20 | 1 << 21,
            false_positives: 0.004,
        }
    }
}

/// How much each example counts: large sources less than their size, both labels alike.
pub fn importance(examples: &[&Example]) -> Vec<f32> {
    let sources = 1 + examples.iter().map(|e| e.source).max().unwrap_or(0);
    let mut counts = vec![[0f32; 2]; sources];
    for e in examples {
        counts[e.source][usize::from(e.attack)] += 1.0;
    }
    let mut weights: Vec<f32> = examples
        .iter()
        .map(|e| e.row.weight * counts[e.source][usize::from(e.attack)].powf(-0.5))
        .collect();
    let mut sums = [0f32; 2];
    for (e, w) in examples.iter().zip(&weights) {
        sums[usize::from(e.attack)] += w;
    }
    for (e, w) in examples.iter().zip(&mut weights) {
        *w *= 0.5 * examples.len() as f32 / sums[usize::from(e.attack)].max(1e-6);
    }
    weights
}

/// Fits one channel of the first stage.
fn channel(
    examples: &[&Example],
    importance: &[f32],
    n: usize,
    settings: &Settings,
) -> (Vec<f32>, f32) {
    let n_channel = n;
    let base = SLOTS[n].start as usize;
    let size = SLOTS[n].len();
    let mut seen = vec![0u64; size];
    for e in examples {
        let bit = 1u64
            << (e.source as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_shr(58);
        for slot in &e.reads[n].slots {
            seen[*slot as usize - base] |= bit;
        }
    }
    let known: Vec<bool> = seen
        .iter()
        .map(|bits| bits.count_ones() >= settings.sources)
        .collect();
    let mut weights = vec![0f32; size];
    let mut squares = vec![1e-3f32; size];
    let mut bias = 0f32;
    let mut random = fastrand::Rng::with_seed(7 + n as u64);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut sums: Vec<f32> = Vec::new();
    for epoch in 0..settings.epochs {
        random.shuffle(&mut order);
        let rate = settings.rate[n] / (1.0 + 0.5 * epoch as f32);
        for &at in &order {
            let e = examples[at];
            let read = &e.reads[n];
            let words = e.words();
            if words == 0 {
                continue;
            }
            sums.clear();
            sums.push(0.0);
            let mut sum = 0.0;
            for word in read.ends.windows(2) {
                for slot in &read.slots[word[0] as usize..word[1] as usize] {
                    sum += weights[*slot as usize - base];
                }
                sums.push(sum);
            }
            let mut last = 0..0;
            for (size, stride) in WINDOWS {
                // The window that looks worst: in an attack the one that must be found, in an honest text the one
                // that must not.
                let value =
                    |w: &std::ops::Range<usize>| (sums[w.end] - sums[w.start]) * share(w.len());
                let Some(window) =
                    windows(size, stride, words).max_by(|a, b| value(a).total_cmp(&value(b)))
                else {
                    continue;
                };
                if window == last {
                    continue;
                }
                last = window.clone();
                let share = share(window.len());
                let slots =
                    &read.slots[read.ends[window.start] as usize..read.ends[window.end] as usize];
                let kept = 1.0 / (1.0 - settings.dropout);
                let mut odds = 0.0;
                let lottery = random.u32(..);
                let stays = |n: usize| {
                    let x = (n as u32).wrapping_mul(0x9e37_79b1) ^ lottery;
                    let x = x.wrapping_mul(0x85eb_ca6b);
                    ((x >> 8) as f32) / 16_777_216.0 >= settings.dropout
                };
                for (n, slot) in slots.iter().enumerate() {
                    if stays(n) {
                        odds += weights[*slot as usize - base];
                    }
                }
                let odds = bias + odds * share * kept;
                let chance = 1.0 / (1.0 + (-odds).exp());
                let error = (chance - f32::from(u8::from(e.attack))) * importance[at];
                bias -= 0.02 * error;
                if error.abs() < 1e-3 {
                    continue;
                }
                for (n, slot) in slots.iter().enumerate() {
                    let slot = *slot as usize - base;
                    if known[slot] && stays(n) {
                        let pull = error * share * kept + settings.decay[n_channel] * weights[slot];
                        squares[slot] += pull * pull;
                        weights[slot] -= rate * pull / squares[slot].sqrt();
                    }
                }
            }
        }
    }
    (weights, bias)
}

/// Fits the first stage.
pub fn first(examples: &[&Example], settings: &Settings) -> Model {
    let examples: Vec<&Example> = examples.iter().copied().filter(|e| !e.again).collect();
    let examples = &examples[..];
    let importance = importance(examples);
    let fitted: Vec<(Vec<f32>, f32)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CHANNELS)
            .map(|n| {
                let importance = &importance;
                scope.spawn(move || channel(examples, importance, n, settings))
            })
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("no panic in training"))
            .collect()
    });
    let mut model = Model {
        table: vec![0; TABLE],
        scale: [0.0; CHANNELS],
        bias: [0.0; CHANNELS],
        second: Vec::new(),
    };
    for (n, (weights, bias)) in fitted.into_iter().enumerate() {
        let most = weights.iter().fold(1e-6f32, |m, w| m.max(w.abs()));
        let scale = most / 32_000.0;
        for (slot, weight) in weights.iter().enumerate() {
            model.table[SLOTS[n].start as usize + slot] = (weight / scale).round() as i16;
        }
        model.scale[n] = scale;
        model.bias[n] = bias;
    }
    model
}

/// Inputs of the second stage for examples, each from a first stage that has not seen the example's source.
pub fn unseen(examples: &[&Example], engine: &Engine, settings: &Settings) -> Vec<[f32; INPUTS]> {
    let parts = settings.parts;
    let mut inputs = vec![[0f32; INPUTS]; examples.len()];
    for part in 0..parts {
        let here = |e: &Example| {
            let key = if e.group == usize::MAX {
                e.source.wrapping_mul(31) + 3
            } else {
                e.group
            };
            key % parts == part
        };
        let rest: Vec<&Example> = examples.iter().copied().filter(|e| !here(e)).collect();
        let model = first(&rest, settings);
        for (e, input) in examples.iter().zip(&mut inputs) {
            if here(e) {
                *input = e.evidence(&model, engine).inputs;
            }
        }
    }
    inputs
}

/// Whether an input may only speak for an attack.
fn one_way(n: usize) -> bool {
    n < 9 || (9..12).contains(&n) || n == 14 || n == 15 || n == 19
}

/// Fits the second stage: logistic regression by Adam over all rows at once.
pub fn second(examples: &[&Example], inputs: &[[f32; INPUTS]], settings: &Settings) -> Vec<f32> {
    let importance = importance(examples);
    let mut deviation = [0f32; INPUTS];
    let mut mean = [0f32; INPUTS];
    for n in 0..INPUTS {
        let all = inputs.len() as f32;
        mean[n] = inputs.iter().map(|x| x[n]).sum::<f32>() / all;
        deviation[n] = (inputs.iter().map(|x| (x[n] - mean[n]).powi(2)).sum::<f32>() / all)
            .sqrt()
            .max(0.05);
    }
    let mut weights = vec![0f32; INPUTS + 1];
    let (mut m, mut v) = (vec![0f32; INPUTS + 1], vec![0f32; INPUTS + 1]);
    for round in 1..=400 {
        let mut pull = [0f32; INPUTS + 1];
        for ((e, x), importance) in examples.iter().zip(inputs).zip(&importance) {
            let odds: f32 = weights[INPUTS]
                + (0..INPUTS)
                    .map(|n| weights[n] * (x[n] - mean[n]) / deviation[n])
                    .sum::<f32>();
            let error = (1.0 / (1.0 + (-odds).exp()) - f32::from(u8::from(e.attack))) * importance;
            for n in 0..INPUTS {
                pull[n] += error * (x[n] - mean[n]) / deviation[n];
            }
            pull[INPUTS] += error;
        }
        for n in 0..=INPUTS {
            let mut pull = pull[n] / examples.len() as f32;
            if n < INPUTS {
                pull += settings.ridge * weights[n];
            }
            m[n] = 0.9 * m[n] + 0.1 * pull;
            v[n] = 0.99 * v[n] + 0.01 * pull * pull;
            let (a, b) = (
                m[n] / (1.0 - 0.9f32.powi(round)),
                v[n] / (1.0 - 0.99f32.powi(round)),
            );
            weights[n] -= 0.03 * a / (b.sqrt() + 1e-8);
            if n < INPUTS && settings.without & (1 << n) != 0 {
                weights[n] = 0.0;
            }
            if n < INPUTS && one_way(n) {
                weights[n] = weights[n].max(0.0);
            }
        }
    }
    for n in 0..INPUTS {
        weights[n] /= deviation[n];
        weights[INPUTS] -= weights[n] * mean[n];
    }
    // 0.5 is where honest texts of the unseen sources are as rarely taken for attacks as was asked for.
    let most = examples.iter().map(|e| e.row.weight).fold(0.0, f32::max);
    let mut honest: Vec<(f64, f64)> = examples
        .iter()
        .zip(inputs)
        .zip(&importance)
        .filter(|((e, _), _)| !e.attack && !e.again && e.row.weight >= most)
        .map(|((_, x), _)| (odds(&weights, x), 1.0))
        .collect();
    honest.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all: f64 = honest.iter().map(|h| h.1).sum();
    let mut above = 0.0;
    let mut threshold = 0.0;
    for (odds, weight) in honest {
        above += weight;
        threshold = odds;
        if above > settings.false_positives * all {
            break;
        }
    }
    weights[INPUTS] -= threshold as f32;
    weights
}

/// Log-odds of the second stage for a text of a user.
pub fn odds(second: &[f32], inputs: &[f32; INPUTS]) -> f64 {
    let value = f64::from(weigh(second, inputs, Role::User)).clamp(1e-7, 1.0 - 1e-7);
    (value / (1.0 - value)).ln()
}

/// Fits everything.
pub fn fit(examples: &[&Example], engine: &Engine, settings: &Settings) -> Model {
    let inputs = unseen(examples, engine, settings);
    let weights = second(examples, &inputs, settings);
    let mut model = first(examples, settings);
    model.second = weights;
    model
}
