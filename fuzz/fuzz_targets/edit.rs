#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::protocol;

#[path = "../invariants/edit.rs"]
mod invariants;

/// Places are single bytes, so that they often fall into the original.
type Asked<'a> = (Vec<(u8, u8, Vec<u8>)>, &'a [u8]);

fuzz_target!(|asked: Asked| {
    let (edits, original) = asked;
    let edits: Vec<_> = edits
        .into_iter()
        .map(|(start, length, with)| (start.into(), length.into(), with))
        .collect();
    invariants::check(original, &edits);
});
