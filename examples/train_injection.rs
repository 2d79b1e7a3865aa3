//! Trains the injection classifier's weights: see training/injection/README.md.
//!
//! `cargo run --release --example train_injection -- --also training/injection/own.jsonl --out src/guard/injection/weights.bin`

use sluicegate::guard::injection::{INPUTS, input_name};

#[path = "../training/injection/data.rs"]
#[allow(dead_code, reason = "the evaluation uses more of it")]
mod data;
#[path = "../training/injection/fit.rs"]
#[allow(dead_code, reason = "the evaluation uses more of it")]
mod fit;

fn main() {
    let mut files: Vec<String> = Vec::new();
    let mut out = "src/guard/injection/weights.bin".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value behind every option");
        match argument.as_str() {
            "--corpus" | "--also" => files.push(value()),
            "--out" => out = value(),
            other => panic!("unknown option {other}: --corpus FILE, --also FILE, --out FILE"),
        }
    }
    let engine = data::engine();
    let mut rows = Vec::new();
    for file in &files {
        rows.extend(data::load(file));
    }
    let examples = data::prepare(rows, &engine);
    println!(
        "{} examples, {} rules",
        examples.len(),
        engine.rules().len()
    );
    let all: Vec<&data::Example> = examples.iter().collect();
    let model = fit::fit(&all, &engine, &fit::Settings::default());
    for (n, weight) in model.second.iter().enumerate().take(INPUTS) {
        println!("{} {weight:.3}", input_name(n));
    }
    let bytes = model.bytes();
    std::fs::write(&out, &bytes).expect("the file can be written");
    println!("{out}: {} bytes", bytes.len());
}
