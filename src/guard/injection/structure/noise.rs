//! Text by its texture: sentences, capitals, tokens without sense.

/// What one pass over a text shows.
#[derive(Default)]
pub(super) struct Noise {
    /// Sentences, by marks and lines that end them.
    pub(super) sentences: u32,
    /// Words of two letters or more in the longest run of capitals.
    pub(super) capitals: u32,
    /// How much the worst line looks as if tokens were put together at random behind a sentence.
    pub(super) gibberish: f32,
}

/// What a line shows: suffixes that were searched for by gradients (GCG) stand in the line of the request, with marks
/// that code has and sentences have not, and with brackets that nothing closes.
#[derive(Default)]
struct Line {
    /// Words of letters only, before the first odd token.
    plain: u32,
    odd: u32,
    /// How deep in round, square and curly brackets.
    depth: [i32; 3],
}

/// Words that make a sentence before what is none.
const SENTENCE: u32 = 6;

const UPPER: u8 = 1;
const LOWER: u8 = 2;
const SPACE: u8 = 4;
const MARK: u8 = 8;
const OTHER: u8 = 16;

static CLASS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut n = 0;
    while n < 256 {
        let b = n as u8;
        table[n] = match b {
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b' ' | b'\t' | b'\n' | b'\r' | 0x0C => SPACE,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'\\' | b'<' | b'>' | b'`' | b'"' | b'='
            | b'$' => MARK,
            _ => OTHER,
        };
        n += 1;
    }
    table
};

impl Noise {
    pub(super) fn of(text: &str) -> Self {
        let mut noise = Self::default();
        let mut line = Line::default();
        let mut run = 0;
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            let mut class = 0;
            while at < bytes.len() && CLASS[bytes[at] as usize] != SPACE {
                class |= CLASS[bytes[at] as usize];
                at += 1;
            }
            let token = &bytes[start..at];
            let newline = bytes.get(at) == Some(&b'\n');
            at += 1;
            if let Some(last) = token.last() {
                noise.sentences +=
                    u32::from(newline || matches!(last, b'.' | b'!' | b'?' | b':' | b';'));
                if class & LOWER != 0 {
                    run = 0;
                } else if class & UPPER != 0 && token.len() >= 2 {
                    run += 1;
                    noise.capitals = noise.capitals.max(run);
                }
                if class & MARK != 0 {
                    line.marked(token);
                } else {
                    line.plain += u32::from(line.odd == 0 && class & !(UPPER | LOWER) == 0);
                }
            }
            if newline {
                noise.gibberish = noise.gibberish.max(std::mem::take(&mut line).gibberish());
            }
        }
        noise.gibberish = noise.gibberish.max(line.gibberish());
        noise.sentences = noise.sentences.max(1);
        noise
    }
}

impl Line {
    /// A token with brackets, quotes or signs of code.
    fn marked(&mut self, token: &[u8]) {
        for b in token {
            match b {
                b'(' => self.depth[0] += 1,
                b')' => self.depth[0] -= 1,
                b'[' => self.depth[1] += 1,
                b']' => self.depth[1] -= 1,
                b'{' => self.depth[2] += 1,
                b'}' => self.depth[2] -= 1,
                _ => {}
            }
        }
        // Inline code, mathematics and links are honest.
        let fence = matches!(
            (token.first(), token.last()),
            (Some(b'`'), Some(b'`')) | (Some(b'$'), Some(b'$'))
        );
        let link = token.windows(4).any(|w| w == b"http");
        let joint = |w: &[u8]| {
            matches!(
                w,
                [b']' | b')', b'(' | b'[']
                    | [b')', b']' | b'}']
                    | [b'(', b'[' | b'{' | b'`' | b'\\' | b'$']
            ) || matches!(
                w,
                [b'\\', b'<' | b'_' | b'>' | b'"' | b'{' | b'\'']
                    | [b'<', b'\\']
                    | [b'"', b'{' | b'<' | b']' | b'>']
            ) || matches!(
                w,
                [b'{', b'{' | b'\\' | b'[']
                    | [b'[', b'{' | b'(' | b'/' | b'`']
                    | [b'$', b'(' | b'{']
                    | [b'`', b'(' | b'{' | b'[']
            ) || matches!(
                w,
                [b'}', b'}' | b'{' | b'(']
                    | [b'?' | b'\'', b'>']
                    | [b'>', b'{' | b'}' | b'(']
                    | [b']', b'.' | b'{' | b'"']
            )
        };
        let opened = token.first().is_some_and(u8::is_ascii_alphabetic)
            && matches!(token.last(), Some(b'[' | b'{' | b'('));
        self.odd += u32::from(!fence && !link && (opened || token.windows(2).any(joint)));
    }

    fn gibberish(&self) -> f32 {
        let open: u32 = self.depth.iter().map(|depth| depth.unsigned_abs()).sum();
        if self.plain < SENTENCE || self.odd == 0 || open == 0 {
            return 0.0;
        }
        (self.odd + open.min(4)) as f32 / 5.0
    }
}
