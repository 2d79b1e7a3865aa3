#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::guard;

#[path = "../invariants/guard.rs"]
mod invariants;

fuzz_target!(|input: (u16, &str)| invariants::check(input.1, usize::from(input.0)));
