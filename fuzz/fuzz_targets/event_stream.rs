#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::protocol;

#[path = "../invariants/event_stream.rs"]
mod invariants;

/// The first byte sets the chunk sizes, one from each half of it.
fuzz_target!(|bytes: &[u8]| if let [sizes, stream @ ..] = bytes {
    invariants::check(stream, &[(sizes >> 4).into(), (sizes & 15).into()]);
});
