//! Evaluates the injection score with sources left out: see training/injection/README.md.

use std::collections::BTreeMap;

use sluicegate::guard::injection::{OWN_INPUTS, input_name};

#[path = "../training/injection/data.rs"]
#[allow(dead_code)]
mod data;
#[path = "../training/injection/fit.rs"]
#[allow(dead_code)]
mod fit;

use data::Example;

fn main() {
    let mut corpus = "../shared/corpora/prompts.dev.jsonl".to_owned();
    let mut more: Vec<String> = Vec::new();
    let mut quick = false;
    let mut by_source = false;
    let mut variants = false;
    let mut held: Vec<String> = Vec::new();
    let mut misses = 0usize;
    let settings = fit::Settings::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value");
        match argument.as_str() {
            "--corpus" => corpus = value(),
            "--also" => more.push(value()),
            "--variants" => variants = true,
            "--by-source" => by_source = true,
            "--quick" => quick = true,
            "--held" => held.push(value()),
            "--misses" => misses = value().parse().expect("a number"),
            other => panic!("what is {other}?"),
        }
    }
    let engine = data::engine();
    let mut rows = data::load(&corpus);
    for path in &more {
        rows.extend(data::load(path));
    }
    let mut examples = data::prepare(rows, &engine);
    let mut parts = data::TOGETHER.len();
    if by_source {
        let known: Vec<usize> = examples
            .iter()
            .filter(|e| e.group != usize::MAX)
            .map(|e| e.source)
            .collect();
        let mut sources = known;
        sources.sort_unstable();
        sources.dedup();
        for e in examples.iter_mut().filter(|e| e.group != usize::MAX) {
            e.group = sources.partition_point(|s| *s < e.source);
        }
        parts = sources.len();
    }
    eprintln!("{} rows, {} rules", examples.len(), engine.rules().len());

    // Each row by a model that has seen nothing of its group.
    let mut scored: Vec<(&Example, f64)> = Vec::new();
    let mut inputs: Vec<(&Example, [f32; sluicegate::guard::injection::INPUTS])> = Vec::new();
    if quick {
        // One first stage for each part, for both the second stage's training and the scores: five times as fast, and
        // the second stage's few weights come from first stages that knew the sources left out.
        let all: Vec<&Example> = examples.iter().collect();
        let unseen = fit::unseen(&all, &engine, &fit::Settings { parts, ..settings });
        let bits = |all: &[usize]| all.iter().fold(0u64, |b, n| b | 1 << n);
        for (name, without, ridge) in [
            ("ridge 1e-1", bits(&[20, 21]), 1e-1),
            ("no data bias", bits(&[16]), 3e-2),
            ("no data", bits(&[16, 17, 18, 19]), 3e-2),
            ("no short long", bits(&[20, 21]), 3e-2),
            ("no spelling", bits(&[0, 1, 2]), 3e-2),
            ("no wording", bits(&[3, 4, 5]), 3e-2),
            ("no meaning", bits(&[6, 7, 8]), 3e-2),
            ("no rules", bits(&[10, 11, 12, 15, 19]), 3e-2),
            ("no signs", bits(&(22..44).collect::<Vec<_>>()), 3e-2),
            (
                "no classifier",
                bits(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 17, 18]),
                3e-2,
            ),
        ] {
            if !variants {
                break;
            }
            let settings = fit::Settings {
                without,
                ridge,
                ..settings
            };
            let mut scored: Vec<(&Example, f64)> = Vec::new();
            for group in 0..parts {
                let (known, seen): (Vec<&Example>, Vec<_>) = all
                    .iter()
                    .zip(&unseen)
                    .filter(|(e, _)| e.group != group)
                    .map(|(e, x)| (*e, *x))
                    .unzip();
                let second = fit::second(&known, &seen, &settings);
                let here = all
                    .iter()
                    .zip(&unseen)
                    .filter(|(e, _)| e.group == group && !e.again);
                scored.extend(here.map(|(e, x)| (*e, fit::odds(&second, x))));
            }
            summary(name, &scored);
        }
        for group in 0..parts {
            let (known, seen): (Vec<&Example>, Vec<_>) = all
                .iter()
                .zip(&unseen)
                .filter(|(e, _)| e.group != group)
                .map(|(e, x)| (*e, *x))
                .unzip();
            let second = fit::second(&known, &seen, &settings);
            for (e, x) in all
                .iter()
                .zip(&unseen)
                .filter(|(e, _)| e.group == group && !e.again)
            {
                scored.push((e, fit::odds(&second, x)));
                inputs.push((e, *x));
            }
        }
    } else {
        for group in 0..parts {
            let rest: Vec<&Example> = examples.iter().filter(|e| e.group != group).collect();
            let model = fit::fit(&rest, &engine, &settings);
            for e in examples.iter().filter(|e| e.group == group && !e.again) {
                let evidence = e.evidence(&model, &engine);
                scored.push((e, fit::odds(&model.second, &evidence.inputs)));
                inputs.push((e, evidence.inputs));
            }
        }
    }
    for file in &held {
        let everything: Vec<&Example> = examples.iter().collect();
        let model = fit::fit(&everything, &engine, &settings);
        let unseen = data::prepare(data::load(file), &engine);
        let own: Vec<(&Example, f64)> = unseen
            .iter()
            .filter(|e| !e.again)
            .map(|e| {
                (
                    e,
                    fit::odds(&model.second, &e.evidence(&model, &engine).inputs),
                )
            })
            .collect();
        for (n, weight) in model
            .second
            .iter()
            .enumerate()
            .take(sluicegate::guard::injection::INPUTS)
        {
            eprint!("{} {weight:.2}; ", input_name(n));
        }
        println!("# {file}, with all of the corpus for training");
        report(file, &own);
        if misses > 0 {
            for (e, odds) in own.iter().filter(|(e, odds)| e.attack != (*odds > 0.0)) {
                println!(
                    "  {odds:.2} {}",
                    e.row
                        .text
                        .chars()
                        .take(110)
                        .collect::<String>()
                        .replace('\n', " / ")
                );
            }
        }
        println!("# sources left out");
    }
    report("all", &scored);
    for n in [0, 3, 6, 2, 5, 8, 10] {
        let alone: Vec<(&Example, f64)> =
            inputs.iter().map(|(e, x)| (*e, f64::from(x[n]))).collect();
        summary(OWN_INPUTS[n], &alone);
    }
    if misses > 0 {
        let limit = threshold(&scored, 0.01);
        let mut families: BTreeMap<&str, Vec<(f64, &Example)>> = BTreeMap::new();
        for (e, odds) in &scored {
            if e.attack != (*odds > limit) {
                families.entry(&e.row.family).or_default().push((*odds, e));
            }
        }
        for (family, mut rows) in families {
            println!("## {family} {}", rows.len());
            rows.sort_by(|a, b| b.0.total_cmp(&a.0));
            if rows[0].1.attack {
                fastrand::Rng::with_seed(1).shuffle(&mut rows);
            }
            for (odds, e) in rows.into_iter().take(misses) {
                let text: String = e.row.text.chars().take(260).collect();
                println!("  {odds:.2} {}", text.replace('\n', " / "));
            }
        }
    }
}

/// The log-odds above which this share of honest texts lies.
fn threshold(scored: &[(&Example, f64)], share: f64) -> f64 {
    let mut honest: Vec<f64> = scored
        .iter()
        .filter(|(e, _)| !e.attack)
        .map(|(_, o)| *o)
        .collect();
    honest.sort_by(|a, b| b.total_cmp(a));
    honest[(share * honest.len() as f64) as usize]
}

fn recall(scored: &[(&Example, f64)], limit: f64, which: impl Fn(&Example) -> bool) -> f64 {
    let all = scored.iter().filter(|(e, _)| e.attack && which(e));
    let (found, count) = all.fold((0, 0), |(f, c), (_, odds)| {
        (f + usize::from(*odds > limit), c + 1)
    });
    f64::from(found as u32) / f64::from(count.max(1))
}

fn summary(name: &str, scored: &[(&Example, f64)]) {
    let (one, tenth) = (threshold(scored, 0.01), threshold(scored, 0.001));
    println!(
        "{name:<12} explicit {:.3} at 1 %, {:.3} at 0.1 %; all {:.3} at 1 %, {:.3} at 0.1 %",
        recall(scored, one, |e| e.row.tier == "explicit"),
        recall(scored, tenth, |e| e.row.tier == "explicit"),
        recall(scored, one, |_| true),
        recall(scored, tenth, |_| true),
    );
}

fn report(name: &str, scored: &[(&Example, f64)]) {
    summary(name, scored);
    let (one, tenth) = (threshold(scored, 0.01), threshold(scored, 0.001));
    println!("thresholds: 1 % {one:.2}, 0.1 % {tenth:.2} (default 0)");
    let mut families: BTreeMap<(bool, &str, &str), Vec<f64>> = BTreeMap::new();
    for (e, odds) in scored {
        families
            .entry((!e.attack, &e.row.source, &e.row.family))
            .or_default()
            .push(*odds);
    }
    for ((honest, source, family), odds) in families {
        let above =
            |limit: f64| odds.iter().filter(|o| **o > limit).count() as f64 / odds.len() as f64;
        println!(
            "{} {:>4} 1% {:.3} 0.1% {:.3} default {:.3} {source} {family}",
            if honest { "honest" } else { "attack" },
            odds.len(),
            above(one),
            above(tenth),
            above(0.0)
        );
    }
    let honest: Vec<_> = scored.iter().filter(|(e, _)| !e.attack).collect();
    println!(
        "default: false positives {:.4}, explicit {:.3}, all {:.3}",
        honest.iter().filter(|(_, o)| *o > 0.0).count() as f64 / honest.len() as f64,
        recall(scored, 0.0, |e| e.row.tier == "explicit"),
        recall(scored, 0.0, |_| true),
    );
}
