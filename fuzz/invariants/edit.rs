//! What must hold for any edits of any bytes. Run by the unit tests of
//! `protocol::edit` and by the fuzz target of the same name.

use bytes::Bytes;

use crate::protocol::edit::{EditError, Edits};

/// `edits` are each a start, a length and what to put there.
pub fn check(original: &[u8], edits: &[(usize, usize, Vec<u8>)]) {
    let mut asked = Edits::new();
    let mut ordered: Vec<_> = edits
        .iter()
        .map(|(start, length, with)| (*start, start.saturating_add(*length), with))
        .collect();
    for &(start, end, with) in &ordered {
        asked.replace(start..end, with.clone());
    }
    let done = asked.apply(&Bytes::copy_from_slice(original));

    let beyond = ordered.iter().any(|&(_, end, _)| end > original.len());
    let overlap = ordered.iter().enumerate().any(|(i, a)| {
        ordered[i + 1..].iter().any(|b| {
            let (first, second) = if (a.0, a.1) <= (b.0, b.1) {
                (a, b)
            } else {
                (b, a)
            };
            second.0 < first.1
        })
    });
    match done {
        Err(EditError::OutOfBounds { .. }) => assert!(beyond),
        Err(EditError::Overlap { .. }) => assert!(overlap),
        Ok(done) => {
            assert!(!beyond && !overlap);
            ordered.sort_by_key(|&(start, end, _)| (start, end));
            let mut naive = original.to_vec();
            for (start, end, with) in ordered.into_iter().rev() {
                naive.splice(start..end, with.iter().copied());
            }
            assert_eq!(done, naive);
        }
    }
}
