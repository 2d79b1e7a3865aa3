//! One string of arguments that come in fragments: what it says so far, and where each character is spelled.

use std::ops::Range;

use super::arguments::{Piece, Said};

/// What one string says, and where. Fed with the pieces of one number; see [`ArgumentText`](super::ArgumentText).
#[derive(Clone, Debug, Default)]
pub struct LeafText {
    text: String,
    stretches: Vec<Stretch>,
}

/// Where a stretch begins in the text and in its spelling. A plain one is as long in both, an escape is one character.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    text: usize,
    raw: usize,
    raw_end: usize,
    plain: bool,
}

impl LeafText {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &Piece<'_>) {
        if piece.end {
            return;
        }
        let Range { start, end } = piece.range();
        let plain = matches!(piece.text, Said::Plain(_));
        match self.stretches.last_mut() {
            Some(last) if plain && last.plain && last.raw_end == start => last.raw_end = end,
            _ => self.stretches.push(Stretch {
                text: self.text.len(),
                raw: start,
                raw_end: end,
                plain,
            }),
        }
        piece.text.push_to(&mut self.text);
    }

    /// What it says, without what was forgotten.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a range of the text is spelled, in all that was pushed to [`ArgumentText`](super::ArgumentText). A range
    /// that is in no string is empty.
    pub fn raw(&self, range: Range<usize>) -> Range<usize> {
        let start = self.offset(range.start, false);
        let end = match range.end > range.start {
            true => self.offset(range.end, true),
            false => start,
        };
        start..end.max(start)
    }

    /// Where the character at this offset is spelled, or where the one before it ends.
    fn offset(&self, at: usize, end: bool) -> usize {
        let before = |stretch: &Stretch| stretch.text < at || (!end && stretch.text == at);
        let found = self.stretches.partition_point(before);
        let Some(stretch) = found.checked_sub(1).and_then(|at| self.stretches.get(at)) else {
            return self.stretches.first().map_or(0, |first| first.raw);
        };
        match (stretch.plain, at > stretch.text) {
            (true, _) => (stretch.raw + (at - stretch.text)).min(stretch.raw_end),
            (false, true) => stretch.raw_end,
            (false, false) => stretch.raw,
        }
    }

    /// Lets the text before this offset go; what is left counts from 0 again.
    pub fn forget(&mut self, before: usize) {
        let Some(rest) = self.text.get(before..) else {
            return;
        };
        self.text = rest.to_owned();
        let gone = self
            .stretches
            .partition_point(|stretch| stretch.text <= before)
            .saturating_sub(1);
        self.stretches.drain(..gone);
        for stretch in &mut self.stretches {
            match stretch.text.checked_sub(before) {
                Some(text) => stretch.text = text,
                None if stretch.plain => {
                    stretch.raw = (stretch.raw + before - stretch.text).min(stretch.raw_end);
                    stretch.text = 0;
                }
                None => stretch.text = 0,
            }
        }
        // An escape is one character: it is gone, if anything of it is.
        if self.stretches.len() > 1 && self.stretches[1].text == 0 {
            self.stretches.remove(0);
        }
    }
}
