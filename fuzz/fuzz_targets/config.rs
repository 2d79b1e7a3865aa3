#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::config;

#[path = "../invariants/config.rs"]
mod invariants;

fuzz_target!(|text: &str| invariants::check(text));
