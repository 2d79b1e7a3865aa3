//! Server-sent events, byte by byte: frames out of chunks cut anywhere, each
//! with the exact bytes it came in. WHATWG HTML, section 9.2.6.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;
use serde::Serialize;

/// Takes chunks in and gives frames out.
///
/// All frames' bytes and then [`finish`](Self::finish) are what was pushed.
#[derive(Debug)]
pub struct Decoder {
    pieces: Pieces,
    lines: Lines,
    max_frame: usize,
    /// A byte order mark is only one at the very beginning.
    first: bool,
    failed: bool,
}

impl Decoder {
    /// `max_frame` limits a frame's raw bytes.
    pub fn new(max_frame: usize) -> Self {
        Self {
            pieces: Pieces::default(),
            lines: Lines::default(),
            max_frame,
            first: true,
            failed: false,
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Bytes) {
        self.pieces.push(chunk);
    }

    /// The next frame; none until more is pushed. Once a frame was too large,
    /// no other comes: its bytes wait for [`finish`](Self::finish).
    #[expect(
        clippy::should_implement_trait,
        reason = "to wait for more bytes is not the end of an iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameTooLarge> {
        while let Some(piece) = self.pieces.unseen() {
            let end = if self.failed {
                None
            } else {
                self.lines.frame_end(piece)
            };
            let length = self.pieces.held() + end.unwrap_or(piece.len());
            if self.failed || length > self.max_frame {
                self.failed = true;
                return Err(FrameTooLarge {
                    limit: self.max_frame,
                });
            }
            match end {
                None => self.pieces.hold(),
                Some(end) => {
                    let first = std::mem::take(&mut self.first);
                    return Ok(Some(Frame::read(self.pieces.take(end), first)));
                }
            }
        }
        Ok(None)
    }

    /// Bytes received and not yet given out.
    pub fn buffered(&self) -> usize {
        self.pieces.len()
    }

    /// The bytes no frame took: one that the stream's end cut off, which the
    /// standard says to ignore, or none.
    pub fn finish(&mut self) -> Bytes {
        self.pieces.finish()
    }
}

/// More bytes without a frame's end than anyone should have to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for FrameTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event of more than {} bytes", self.limit)
    }
}

impl std::error::Error for FrameTooLarge {}

/// All that stands up to and including a blank line. Only with data is it an
/// event; comments and superfluous blank lines travel as frames without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// As received, including the blank line.
    pub raw: Bytes,
    event: Range<usize>,
    data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    None,
    /// One line: where it is in `raw`.
    Line(Range<usize>),
    /// Several, joined as the standard says.
    Lines(Vec<u8>),
}

impl Frame {
    /// The event's type; empty if none is given, which means `message`.
    pub fn event(&self) -> &[u8] {
        &self.raw[self.event.clone()]
    }

    /// The event's data, several lines joined by a line feed.
    pub fn data(&self) -> &[u8] {
        match &self.data {
            Data::None => &[],
            Data::Line(line) => &self.raw[line.clone()],
            Data::Lines(joined) => joined,
        }
    }

    /// Whether this is an event at all. Its data may still be empty.
    pub fn has_data(&self) -> bool {
        self.data != Data::None
    }

    fn read(raw: Bytes, first: bool) -> Self {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let mut event = 0..0;
        let mut data = Data::None;
        let mut at = match raw.strip_prefix(BYTE_ORDER_MARK) {
            Some(_) if first => BYTE_ORDER_MARK.len(),
            _ => 0,
        };
        while let Some(length) = memchr2(b'\n', b'\r', &raw[at..]) {
            let line = at..at + length;
            at = line.end + 1; // in CR LF the LF is one more blank line here
            if let Some(value) = field(&raw, line.clone(), b"data") {
                data = match data {
                    Data::None => Data::Line(value),
                    Data::Line(before) => Data::Lines([&raw[before], &raw[value]].join(&b'\n')),
                    Data::Lines(mut joined) => {
                        joined.push(b'\n');
                        joined.extend_from_slice(&raw[value]);
                        Data::Lines(joined)
                    }
                };
            } else if let Some(value) = field(&raw, line, b"event") {
                event = value;
            }
        }
        Self { raw, event, data }
    }
}

/// The value's place if `line` is the field of this name: after the colon and
/// one space, or empty without a colon.
fn field(raw: &[u8], line: Range<usize>, name: &[u8]) -> Option<Range<usize>> {
    let start = line.start + name.len();
    match raw[line.clone()].strip_prefix(name)? {
        [] => Some(line.end..line.end),
        [b':', b' ', ..] => Some(start + 2..line.end),
        [b':', ..] => Some(start + 1..line.end),
        _ => None,
    }
}

/// Makes a frame of our own. Data gets a field for each of its lines; an event
/// name ends with its line, so that none can bring in fields of its own.
pub fn write_frame(event: Option<&str>, data: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(data.len() + 64);
    if let Some(event) = event.and_then(|event| event.split(['\n', '\r']).next()) {
        frame.extend_from_slice(b"event: ");
        frame.extend_from_slice(event.as_bytes());
        frame.extend_from_slice(b"\n");
    }
    let mut rest = Some(data);
    while let Some(text) = rest {
        let end = memchr2(b'\n', b'\r', text).unwrap_or(text.len());
        frame.extend_from_slice(b"data: ");
        frame.extend_from_slice(&text[..end]);
        frame.extend_from_slice(b"\n");
        rest = match &text[end..] {
            [] => None,
            [b'\r', b'\n', next @ ..] | [_, next @ ..] => Some(next),
        };
    }
    frame.extend_from_slice(b"\n");
    frame.freeze()
}

/// Appends a frame without a name whose data is a value as JSON, in one line: many readers of streams take no more.
pub fn write_json(value: &impl Serialize, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    let data = out.len();
    // Writing to memory cannot fail, and no value of ours has keys that are no strings.
    let _ = serde_json::to_writer(out.writer(), value);
    // A piece of JSON from elsewhere may have line ends between its tokens, where a space does as well.
    let mut at = data;
    while let Some(n) = memchr2(b'\n', b'\r', &out[at..]) {
        out[at + n] = b' ';
        at += n + 1;
    }
    out.extend_from_slice(b"\n\n");
}

/// Finds blank lines. Keeps just enough to go on in the middle of a line.
#[derive(Debug, Default)]
struct Lines {
    /// The current line has bytes already.
    begun: bool,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
}

impl Lines {
    /// Where the frame ends that `bytes` begin or continue: after a blank line.
    /// A CR at the end of `bytes` is not made to wait for an LF.
    fn frame_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let after_cr = std::mem::take(&mut self.after_cr);
        let mut at = usize::from(after_cr && bytes.first() == Some(&b'\n'));
        loop {
            let Some(length) = memchr2(b'\n', b'\r', &bytes[at..]) else {
                self.begun |= at < bytes.len();
                return None;
            };
            let blank = length == 0 && !self.begun;
            self.begun = false;
            at += length + 1;
            if bytes[at - 1] == b'\r' {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if blank {
                return Some(at);
            }
        }
    }
}

/// Chunks of a stream, of which the front is taken off as it turns out what
/// belongs together. What lies within one chunk is not copied.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Looked at, and not the end of anything.
    held: BytesMut,
    unseen: VecDeque<Bytes>,
}

impl Pieces {
    pub(super) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.unseen.push_back(chunk);
        }
    }

    /// The bytes to look at next, never an empty slice.
    pub(super) fn unseen(&self) -> Option<&[u8]> {
        self.unseen.front().map(|piece| &piece[..])
    }

    /// How many bytes stand before [`unseen`](Self::unseen).
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Keeps the unseen piece: nothing ends in it.
    pub(super) fn hold(&mut self) {
        if let Some(piece) = self.unseen.pop_front() {
            self.held.extend_from_slice(&piece);
        }
    }

    /// Takes off what is held and the first `end` bytes of the unseen piece.
    pub(super) fn take(&mut self, end: usize) -> Bytes {
        let piece = match self.unseen.front_mut() {
            Some(piece) if end < piece.len() => piece.split_to(end),
            _ => self.unseen.pop_front().unwrap_or_default(),
        };
        if self.held.is_empty() {
            return piece;
        }
        self.held.extend_from_slice(&piece);
        self.held.split().freeze()
    }

    pub(super) fn len(&self) -> usize {
        self.held.len() + self.unseen.iter().map(Bytes::len).sum::<usize>()
    }

    /// Takes off all there is.
    pub(super) fn finish(&mut self) -> Bytes {
        while self.unseen.len() > 1 {
            self.hold();
        }
        self.take(usize::MAX)
    }
}

#[cfg(test)]
#[path = "../../fuzz/invariants/sse.rs"]
mod invariants;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn frames(decoder: &mut Decoder) -> Vec<Frame> {
        std::iter::from_fn(|| decoder.next().unwrap()).collect()
    }

    fn events(stream: &[u8]) -> Vec<(String, String)> {
        invariants::check(stream, &[1]);
        let mut decoder = Decoder::new(usize::MAX);
        decoder.push(Bytes::copy_from_slice(stream));
        frames(&mut decoder)
            .iter()
            .filter(|frame| frame.has_data())
            .map(|frame| (frame.event(), frame.data()))
            .map(|(event, data)| {
                (
                    String::from_utf8_lossy(event),
                    String::from_utf8_lossy(data),
                )
            })
            .map(|(event, data)| (event.into_owned(), data.into_owned()))
            .collect()
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn lines_end_in_lf_or_crlf_or_cr() {
        let expected = [event("a", "1\n2"), event("", "3")];
        for end in ["\n", "\r\n", "\r"] {
            let stream = "event: a\ndata: 1\ndata: 2\n\ndata: 3\n\n".replace('\n', end);
            assert_eq!(events(stream.as_bytes()), expected, "for {end:?}");
        }
        assert_eq!(
            events(b"event: a\rdata: 1\r\ndata: 2\n\rdata: 3\r\r\n"),
            expected
        );
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        for (frame, expected) in [
            ("data:x", vec![event("", "x")]),
            ("data:  x ", vec![event("", " x ")]),
            ("data: a:b", vec![event("", "a:b")]),
            ("data", vec![event("", "")]),
            ("data:\ndata", vec![event("", "\n")]),
            ("event: a\nevent\ndata: x", vec![event("", "x")]),
            ("event: a\nevent: b\ndata: x", vec![event("b", "x")]),
            (": comment\ndata: x\nid: 1\nretry: 5", vec![event("", "x")]),
            ("Data: x\n data: x\ndatas: x\ndata : x", vec![]),
            ("event: a", vec![]),
            (":", vec![]),
            ("\u{feff}data: x", vec![event("", "x")]),
            ("\u{feff}\u{feff}data: x", vec![]),
            ("data: \0\0", vec![event("", "\0\0")]),
            ("data: é\u{2028}😀", vec![event("", "é\u{2028}😀")]),
        ] {
            assert_eq!(
                events(format!("{frame}\n\n").as_bytes()),
                expected,
                "for {frame:?}"
            );
        }
        assert_eq!(events(b"\n\xEF\xBB\xBFdata: x\n\n"), []);
        assert_eq!(
            events(b"data: \xff\xfe\n\n"),
            [event("", "\u{fffd}\u{fffd}")]
        );
        assert_eq!(events(b"data: cut off\n"), []);
    }

    #[test]
    fn a_frame_ended_by_cr_does_not_wait_for_an_lf() {
        let mut decoder = Decoder::new(100);
        decoder.push(Bytes::from_static(b"data: 1\r\n\r"));
        assert_eq!(frames(&mut decoder)[0].raw, "data: 1\r\n\r");
        decoder.push(Bytes::from_static(b"\ndata: 2\r\r"));
        let next = frames(&mut decoder);
        assert_eq!((&next[0].raw[..], next.len()), (&b"\ndata: 2\r\r"[..], 1));
        assert_eq!(next[0].data(), b"2");
        decoder.push(Bytes::from_static(b"\n"));
        assert_eq!(frames(&mut decoder), []);
        assert_eq!((decoder.buffered(), &decoder.finish()[..]), (1, &b"\n"[..]));
        assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn whole_frames_in_a_chunk_are_not_copied() {
        let chunk = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
        let mut decoder = Decoder::new(100);
        decoder.push(chunk.clone());
        let frames = frames(&mut decoder);
        assert_eq!(frames[0].raw.as_ptr(), chunk.as_ptr());
        assert_eq!(frames[1].raw.as_ptr(), chunk[9..].as_ptr());
        assert_eq!(frames[1].data().as_ptr(), chunk[15..].as_ptr());
    }

    #[test]
    fn a_frame_has_a_size_limit() {
        for chunk in [1, 5, 100] {
            let mut decoder = Decoder::new(9);
            for piece in b"data: 1\n\ndata: 22\n\n".chunks(chunk) {
                decoder.push(Bytes::copy_from_slice(piece));
            }
            assert_eq!(decoder.next().unwrap().unwrap().data(), b"1");
            assert_eq!(decoder.next(), Err(FrameTooLarge { limit: 9 }));
            decoder.push(Bytes::from_static(b"data: 3\n\n"));
            assert_eq!(decoder.next(), Err(FrameTooLarge { limit: 9 }));
            assert_eq!(decoder.finish(), "data: 22\n\ndata: 3\n\n");
        }
    }

    #[test]
    fn a_large_frame_in_single_bytes_takes_linear_time() {
        let began = Instant::now();
        let mut decoder = Decoder::new(1 << 21);
        let byte = Bytes::from_static(b"x");
        decoder.push(Bytes::from_static(b"data: "));
        for _ in 0..1 << 20 {
            decoder.push(byte.clone());
            assert_eq!(decoder.next(), Ok(None));
        }
        decoder.push(Bytes::from_static(b"\n\n"));
        assert_eq!(frames(&mut decoder)[0].data().len(), 1 << 20);
        // Quadratic, it would be minutes.
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_written_frame_reads_back() {
        assert_eq!(
            write_frame(Some("error"), b"{}"),
            "event: error\ndata: {}\n\n"
        );
        assert_eq!(write_frame(None, b""), "data: \n\n");
        assert_eq!(
            write_frame(Some("a\ndata: b"), b" 1\r\n2\r3\n"),
            "event: a\ndata:  1\ndata: 2\ndata: 3\ndata: \n\n"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_split_gives_the_same_events(
            tokens in prop::collection::vec(
                select(vec![
                    &b"data"[..], b"event", b":", b": ", b" ", b"x", b"\n", b"\n", b"\n\n", b"\r",
                    b"\r\n", b"\r\n\r\n", b"\xEF\xBB\xBF", b"\xC3", b"\xA9", b"\0", b"id: 1",
                    b"data: {}\n\n", b"event: ping\n",
                ]),
                0..24,
            ),
            sizes in prop::collection::vec(1..8usize, 0..8),
        ) {
            invariants::check(&tokens.concat(), &sizes);
        }

        #[test]
        fn what_is_written_is_read(name in "[a-z ]{0,5}", data in any::<Vec<u8>>()) {
            invariants::check_written(&name, &data);
        }
    }
}
