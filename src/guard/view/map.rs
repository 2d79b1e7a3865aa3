//! Where each byte of a segment stands in the text as it came.

use std::ops::Range;

/// A map from the bytes of a segment to stretches of the original text.
///
/// Pieces lie one behind the other. Along a segment they go through the original in one direction: forwards, or
/// backwards where the text was reversed.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pieces: Vec<Piece>,
}

/// A part of a segment, from `at` up to the next piece.
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: u32,
    from: u32,
    to: u32,
    /// Copied byte by byte. Otherwise any part of the piece comes from all of `from..to`.
    copied: bool,
}

impl Map {
    /// Adds what begins at `at` in the segment: bytes copied from a place.
    pub(super) fn copied(&mut self, at: usize, from: Range<usize>) {
        if let Some(last) = self.pieces.last_mut()
            && last.copied
            && last.to == from.start as u32
            && last.to - last.from == at as u32 - last.at
        {
            last.to = from.end as u32;
        } else if !from.is_empty() {
            self.pieces.push(Piece {
                at: at as u32,
                from: from.start as u32,
                to: from.end as u32,
                copied: true,
            });
        }
    }

    /// Adds what begins at `at` in the segment: something that a stretch stands for.
    pub(super) fn made(&mut self, at: usize, from: Range<usize>) {
        self.pieces.push(Piece {
            at: at as u32,
            from: from.start as u32,
            to: from.end as u32,
            copied: false,
        });
    }

    /// The stretch of the original that a range of the segment comes from.
    pub(super) fn original(&self, range: &Range<usize>) -> Range<usize> {
        let (Some(first), Some(last)) = (self.at(range.start), self.at(range.end.max(1) - 1))
        else {
            return 0..0;
        };
        let a = first.stretch(range.start, range.start + 1);
        if range.is_empty() {
            return a.start..a.start;
        }
        let b = last.stretch(range.end - 1, range.end);
        a.start.min(b.start)..a.end.max(b.end)
    }

    fn at(&self, place: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|p| p.at as usize <= place);
        self.pieces[..after].last()
    }

    /// This map, of a text that was itself made with another map.
    pub(super) fn behind(mut self, outer: &Self) -> Self {
        if let [only] = outer.pieces.as_slice()
            && only.copied
            && only.at == 0
        {
            for piece in &mut self.pieces {
                (piece.from, piece.to) = (piece.from + only.from, piece.to + only.from);
            }
            return self;
        }
        let mut map = Self::default();
        for piece in &self.pieces {
            let from = piece.from as usize..piece.to as usize;
            if piece.copied {
                outer.each(&from, |place, original, copied| {
                    let at = piece.at as usize + (place - from.start);
                    if copied {
                        map.copied(at, original)
                    } else {
                        map.made(at, original)
                    }
                });
            } else {
                let original = outer.original(&from);
                map.made(piece.at as usize, original);
            }
        }
        map
    }

    /// The pieces below a range: where each begins in it, its original, and whether it is copied.
    fn each(&self, range: &Range<usize>, mut found: impl FnMut(usize, Range<usize>, bool)) {
        let mut n = self
            .pieces
            .partition_point(|p| p.at as usize <= range.start)
            .saturating_sub(1);
        let mut place = range.start;
        while place < range.end && n < self.pieces.len() {
            let piece = &self.pieces[n];
            let end = self
                .pieces
                .get(n + 1)
                .map_or(range.end, |next| range.end.min(next.at as usize));
            if end > place {
                found(place, piece.stretch(place, end), piece.copied);
                place = end;
            }
            n += 1;
        }
    }
}

impl Piece {
    fn stretch(&self, start: usize, end: usize) -> Range<usize> {
        let (at, from, to) = (self.at as usize, self.from as usize, self.to as usize);
        if self.copied {
            (from + start - at).min(to)..(from + end - at).min(to)
        } else {
            from..to
        }
    }
}

/// A text in the making, with its map.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) map: Map,
}

impl Draft {
    /// Copies a stretch of the source.
    pub(super) fn copy(&mut self, source: &str, from: Range<usize>) {
        self.map.copied(self.text.len(), from.clone());
        self.text.push_str(&source[from]);
    }

    /// Writes a character that a stretch of the source stands for.
    pub(super) fn push(&mut self, c: char, from: Range<usize>) {
        if from.len() == 1 && c.is_ascii() {
            self.map.copied(self.text.len(), from);
        } else {
            self.map.made(self.text.len(), from);
        }
        self.text.push(c);
    }

    /// Writes a text that a stretch of the source stands for.
    pub(super) fn write(&mut self, text: &str, from: Range<usize>) {
        if !text.is_empty() {
            self.map.made(self.text.len(), from);
            self.text.push_str(text);
        }
    }
}

/// Something in a source to write in another way.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) with: With,
}

/// What to write instead.
#[derive(Clone, Debug)]
pub(super) enum With {
    Nothing,
    Char(char),
    Text(Box<str>),
}

impl With {
    fn write(&self, draft: &mut Draft, from: Range<usize>) {
        match self {
            Self::Nothing => {}
            Self::Char(c) => draft.push(*c, from),
            Self::Text(text) => draft.write(text, from),
        }
    }
}

/// A range of the source with edits made. They are in order and do not overlap.
pub(super) fn rewrite(source: &str, within: Range<usize>, edits: &[Edit]) -> Draft {
    let mut draft = Draft::default();
    draft.text.reserve(within.len());
    let mut done = within.start;
    for edit in edits {
        draft.copy(source, done..edit.range.start);
        edit.with.write(&mut draft, edit.range.clone());
        done = edit.range.end;
    }
    draft.copy(source, done..within.end);
    draft
}
