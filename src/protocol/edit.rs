//! Changes to a body by byte range, so that whatever nobody changed stays as it
//! was sent.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

/// Replacements collected in any order, to be made all at once.
///
/// Ranges are places in the original, whatever else is replaced.
#[derive(Clone, Debug, Default)]
pub struct Edits(Vec<Edit>);

#[derive(Clone, Debug)]
struct Edit {
    range: Range<usize>,
    with: Bytes,
}

impl Edits {
    /// No edits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `with` in the place of `range`.
    pub fn replace(&mut self, range: Range<usize>, with: impl Into<Bytes>) {
        let with = with.into();
        self.0.push(Edit { range, with });
    }

    /// Puts `bytes` before the byte at `at`; after what was inserted there
    /// earlier, and before what replaces a range that begins there.
    pub fn insert(&mut self, at: usize, bytes: impl Into<Bytes>) {
        self.replace(at..at, bytes);
    }

    /// Takes `range` out.
    pub fn delete(&mut self, range: Range<usize>) {
        self.replace(range, Bytes::new());
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The original with all edits made; without any, the same bytes again.
    ///
    /// An error is a bug in who asked for the edits, and nothing is done.
    pub fn apply(&self, original: &Bytes) -> Result<Bytes, EditError> {
        if self.is_empty() {
            return Ok(original.clone());
        }
        let place = |edit: &Edit| (edit.range.start, edit.range.end);
        if self.0.is_sorted_by_key(place) {
            splice(original, self.0.iter())
        } else {
            let mut ordered: Vec<&Edit> = self.0.iter().collect();
            ordered.sort_by_key(|edit| place(edit)); // stable: inserts keep call order
            splice(original, ordered.into_iter())
        }
    }
}

fn splice<'e>(
    original: &[u8],
    ordered: impl Iterator<Item = &'e Edit> + Clone,
) -> Result<Bytes, EditError> {
    let mut length = original.len();
    let mut before = 0..0;
    for Edit { range, with } in ordered.clone() {
        if range.start > range.end || range.end > original.len() {
            return Err(EditError::OutOfBounds {
                range: range.clone(),
                length: original.len(),
            });
        }
        if range.start < before.end {
            return Err(EditError::Overlap {
                first: before,
                second: range.clone(),
            });
        }
        before = range.clone();
        length = length - range.len() + with.len();
    }

    let mut out = Vec::with_capacity(length);
    let mut kept = 0;
    for Edit { range, with } in ordered {
        out.extend_from_slice(&original[kept..range.start]);
        out.extend_from_slice(with);
        kept = range.end;
    }
    out.extend_from_slice(&original[kept..]);
    Ok(Bytes::from(out))
}

/// Edits that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// Two edits claim the same byte, or one inserts within another.
    Overlap {
        /// The one that begins first.
        first: Range<usize>,
        /// The other one.
        second: Range<usize>,
    },
    /// The original has no such bytes.
    OutOfBounds {
        /// What was to be replaced.
        range: Range<usize>,
        /// Length of the original in bytes.
        length: usize,
    },
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap { first, second } => {
                write!(f, "edits of bytes {first:?} and {second:?} overlap")
            }
            Self::OutOfBounds { range, length } => {
                write!(f, "edit of bytes {range:?} in {length} bytes")
            }
        }
    }
}

impl std::error::Error for EditError {}

#[cfg(test)]
#[path = "../../fuzz/invariants/edit.rs"]
mod invariants;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: Bytes = Bytes::from_static(b"0123456789");

    #[test]
    fn without_edits_the_bytes_are_the_same_ones() {
        let edits = Edits::new();
        assert!(edits.is_empty());
        assert_eq!(edits.apply(&BODY).unwrap().as_ptr(), BODY.as_ptr());
    }

    #[test]
    fn the_order_of_calls_does_not_matter() {
        let mut edits = Edits::new();
        edits.delete(8..10);
        edits.replace(2..4, "two");
        edits.insert(0, "<");
        assert_eq!(edits.apply(&BODY).unwrap(), "<01two4567");
    }

    #[test]
    fn neighbours_may_touch() {
        let mut edits = Edits::new();
        edits.replace(4..6, "B");
        edits.insert(6, "c");
        edits.replace(2..4, "A");
        edits.insert(4, "b");
        edits.replace(6..8, "C");
        assert_eq!(edits.apply(&BODY).unwrap(), "01AbBcC89");
    }

    #[test]
    fn inserts_at_one_place_keep_their_order() {
        let mut edits = Edits::new();
        for (at, letter) in ('a'..='z').flat_map(|letter| [(10, letter), (0, letter)]) {
            edits.insert(at, letter.to_string());
        }
        let letters = String::from_iter('a'..='z');
        assert_eq!(
            edits.apply(&BODY).unwrap(),
            format!("{letters}0123456789{letters}")
        );
    }

    #[test]
    fn overlapping_edits_are_an_error() {
        let mut edits = Edits::new();
        edits.replace(4..6, "x");
        edits.insert(5, "y");
        assert_eq!(
            edits.apply(&BODY).unwrap_err().to_string(),
            "edits of bytes 4..6 and 5..5 overlap"
        );
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "that is the mistake to find")]
    fn edits_beyond_the_end_are_an_error() {
        for range in [9..11, 11..11, 5..4] {
            let mut edits = Edits::new();
            edits.delete(range.clone());
            let length = BODY.len();
            assert_eq!(
                edits.apply(&BODY),
                Err(EditError::OutOfBounds { range, length })
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn edits_equal_one_replacement_after_the_other(
            original in prop::collection::vec(any::<u8>(), 0..40),
            edits in prop::collection::vec(
                (0..42usize, 0..6usize, prop::collection::vec(any::<u8>(), 0..4)),
                0..5,
            ),
        ) {
            invariants::check(&original, &edits);
        }
    }
}
