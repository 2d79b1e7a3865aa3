#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::protocol;

#[path = "../invariants/form.rs"]
mod invariants;

fuzz_target!(|bytes: &[u8]| invariants::check(bytes));
