//! Golden wires with damage, given to every codec: those of other formats, too.

use std::{fs, path::Path};

use proptest::prelude::*;

#[path = "../../../fuzz/invariants/codec.rs"]
mod invariants;

/// The wires of all golden cases.
fn wires() -> Vec<Vec<u8>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folders = |path: &Path| {
        let mut found: Vec<_> = fs::read_dir(path)
            .expect("part of the repository")
            .map(|entry| entry.expect("readable").path())
            .filter(|path| path.is_dir())
            .collect();
        found.sort();
        found
    };
    let mut wires = Vec::new();
    for case in folders(&golden).iter().flat_map(|codec| folders(codec)) {
        for name in ["wire.json", "wire.sse", "wire.jsonl"] {
            if let Ok(text) = fs::read_to_string(case.join(name)) {
                // Streams are taken line by line: without the names of their fields.
                let text = text.replace("event: ", "").replace("data: ", "");
                wires.push(text.into_bytes());
            }
        }
    }
    assert!(wires.len() > 50, "{} wires", wires.len());
    wires
}

#[test]
fn wires_of_every_format_are_no_danger_to_any_codec() {
    for wire in wires() {
        invariants::check(&wire);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damaged_wires_are_no_danger_to_any_codec(
        which in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![
            "null", "{}", "[]", "-1", "1e99", "\"\"", "true", "{", "\"", "\\u0000", "\n",
        ])), 0..4),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let wires = wires();
        let mut wire = wires[which.index(wires.len())].clone();
        for (place, with) in places {
            let at = place.index(wire.len().max(1)).min(wire.len());
            // A whole value is replaced where one begins, which hits more than bytes do.
            let value = wire[at..].iter().position(|b| *b == b':').map_or(at, |n| at + n + 1);
            let after = wire[value..]
                .iter()
                .position(|b| matches!(b, b',' | b'}' | b']'))
                .map_or(wire.len(), |n| value + n);
            wire.splice(value..after, with.bytes());
        }
        if cut {
            wire.truncate(end.index(wire.len() + 1));
        }
        invariants::check(&wire);
    }
}
