//! The compact classifier: a table of weights for hashed features, summed over windows of words.
//!
//! A long honest text with one hostile sentence and a long attack with honest stretches are both found, since the
//! most suspicious window counts and not the mean. The sums over all windows come from one running sum.

use std::{cell::RefCell, ops::Range, sync::LazyLock};

use super::features::{self, CHANNELS, Reader, TABLE};

/// Windows in words, and how far apart they begin; the last one is the whole text.
pub const WINDOWS: [(usize, usize); 3] = [(24, 6), (80, 16), (usize::MAX, 1)];

/// Added to the number of words before a window's sum is divided by its root: keeps the shortest texts in check.
const SMOOTH: f32 = 8.0;

/// What the first stage says at most, in either direction.
pub const MOST: f32 = 10.0;

/// The weights of the first stage.
pub struct Model {
    /// Of all channels.
    pub table: Vec<i16>,
    /// What a step of the table is worth.
    pub scale: [f32; CHANNELS],
    /// What a window without any known feature has.
    pub bias: [f32; CHANNELS],
    /// The second stage: see `injection::INPUTS`.
    pub second: Vec<f32>,
}

/// How a text looks to the first stage.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The highest log-odds of each channel over the windows of each size.
    pub best: [[f32; WINDOWS.len()]; CHANNELS],
    /// Where the smallest window with the highest sum over the channels is, in bytes of the text.
    pub place: (usize, usize),
    /// How many words there are.
    pub words: usize,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            best: [[-4.0; WINDOWS.len()]; CHANNELS],
            place: (0, 0),
            words: 0,
        }
    }
}

/// The weights that ship with the program.
pub static SHIPPED: LazyLock<Model> = LazyLock::new(|| {
    Model::parse(include_bytes!("weights.bin")).expect("a test reads the file that is built in")
});

const MAGIC: &[u8; 4] = b"SGI1";

impl Model {
    /// Reads a file of weights: the magic number, scale and bias of each channel, the number of weights of the
    /// second stage and those weights, all as little-endian `f32` and `u32`; then the table as `i16`.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(MAGIC)?;
        let mut words = bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
        let mut scale = [0.0; CHANNELS];
        let mut bias = [0.0; CHANNELS];
        for n in 0..CHANNELS {
            scale[n] = f32::from_le_bytes(words.next()?);
            bias[n] = f32::from_le_bytes(words.next()?);
        }
        let count = u32::from_le_bytes(words.next()?) as usize;
        let second: Vec<f32> = words.take(count).map(f32::from_le_bytes).collect();
        let table = bytes.get((2 * CHANNELS + 1 + count) * 4..)?;
        let table: Vec<i16> = table
            .chunks_exact(2)
            .map(|b| i16::from_le_bytes([b[0], b[1]]))
            .collect();
        (second.len() == count && table.len() == TABLE).then_some(Self {
            table,
            scale,
            bias,
            second,
        })
    }

    /// Writes what [`Model::parse`] reads.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for n in 0..CHANNELS {
            bytes.extend(self.scale[n].to_le_bytes());
            bytes.extend(self.bias[n].to_le_bytes());
        }
        bytes.extend((self.second.len() as u32).to_le_bytes());
        bytes.extend(self.second.iter().flat_map(|w| w.to_le_bytes()));
        bytes.extend(self.table.iter().flat_map(|w| w.to_le_bytes()));
        bytes
    }

    /// Looks at a text; `data` as for [`features::read`].
    pub fn look(&self, text: &str, data: bool) -> Look {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            let mut sums = Sums {
                model: self,
                scratch,
                open: [0; CHANNELS],
                total: [0; CHANNELS],
            };
            features::read(text, data, &mut sums);
            sums.close();
            let look = scratch.look(&self.scale, &self.bias, text.len());
            scratch.shrink();
            look
        })
    }
}

/// Running sums over the words of a text: one more than there are words.
#[derive(Default)]
pub struct Running {
    /// Of each channel, in steps of its table or in real weights.
    sums: Vec<[f64; CHANNELS]>,
    starts: Vec<u32>,
}

thread_local! {
    static SCRATCH: RefCell<Running> = RefCell::default();
}

struct Sums<'m, 's> {
    model: &'m Model,
    scratch: &'s mut Running,
    /// Of the word that is being read.
    open: [i32; CHANNELS],
    total: [i64; CHANNELS],
}

impl Sums<'_, '_> {
    fn close(&mut self) {
        for n in 0..CHANNELS {
            self.total[n] += i64::from(self.open[n]);
        }
        self.scratch.sums.push(self.total.map(|t| t as f64));
        self.open = [0; CHANNELS];
    }
}

impl Reader for Sums<'_, '_> {
    fn word(&mut self, start: usize) {
        self.close();
        self.scratch.starts.push(start as u32);
    }

    #[inline]
    fn feature(&mut self, channel: usize, slot: u32) {
        // A word has a hundred features at most, so this cannot overflow.
        self.open[channel] += i32::from(self.model.table[slot as usize]);
    }
}

/// The log-odds of a window, from the sum of its weights.
#[inline]
pub fn log_odds(sum: f32, words: usize, bias: f32) -> f32 {
    (bias + sum / (words as f32 + SMOOTH).sqrt()).clamp(-MOST, MOST)
}

/// How much a weight counts in a window of so many words.
pub fn share(words: usize) -> f32 {
    1.0 / (words as f32 + SMOOTH).sqrt()
}

/// The windows of one size over so many words: where each begins and ends.
pub fn windows(size: usize, stride: usize, words: usize) -> impl Iterator<Item = Range<usize>> {
    let last = words.saturating_sub(size);
    // The last one ends with the text.
    (0..=last.div_ceil(stride)).map(move |n| {
        let start = (n * stride).min(last);
        start..(start.saturating_add(size)).min(words)
    })
}

impl Running {
    fn clear(&mut self) {
        self.sums.clear();
        self.starts.clear();
    }

    /// A thread does not keep the memory of the largest text that it ever saw.
    fn shrink(&mut self) {
        self.sums.shrink_to(1 << 14);
        self.starts.shrink_to(1 << 14);
    }

    fn look(&self, scale: &[f32; CHANNELS], bias: &[f32; CHANNELS], bytes: usize) -> Look {
        let words = self.starts.len();
        if words == 0 {
            return Look::default();
        }
        let mut look = Look {
            best: [[-MOST; WINDOWS.len()]; CHANNELS],
            place: (0, bytes),
            words,
        };
        let mut top = f32::NEG_INFINITY;
        for (n, (size, stride)) in WINDOWS.into_iter().enumerate() {
            for window in windows(size, stride, words) {
                let (from, to) = (&self.sums[window.start], &self.sums[window.end]);
                let mut all = 0.0;
                for channel in 0..CHANNELS {
                    let sum = (to[channel] - from[channel]) as f32 * scale[channel];
                    let odds = log_odds(sum, window.len(), bias[channel]);
                    look.best[channel][n] = look.best[channel][n].max(odds);
                    all += odds;
                }
                if n == 0 && all > top {
                    top = all;
                    let end = self.starts.get(window.end).map_or(bytes, |s| *s as usize);
                    look.place = (self.starts[window.start] as usize, end);
                }
            }
        }
        look
    }
}
