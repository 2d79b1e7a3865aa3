//! Amazon's binary event stream: frames out of chunks cut anywhere, each with its event name and its data.
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

use std::fmt;

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bytes::{Buf, Bytes, BytesMut};
use serde_json::json;

/// Length of the whole frame, length of its headers, checksum of both; four bytes each.
const PRELUDE: usize = 12;

/// The prelude and the checksum at the end.
const SMALLEST: usize = PRELUDE + 4;

/// Takes chunks in and gives frames out.
///
/// Unlike a server-sent event a frame tells its length first, so that one over the limit is refused before it is kept.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    max_frame: usize,
    broken: Option<Broken>,
}

impl Decoder {
    /// `max_frame` limits a frame's raw bytes.
    pub fn new(max_frame: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            max_frame,
            broken: None,
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Bytes) {
        self.buffer.extend_from_slice(&chunk);
    }

    /// The next frame; none until more is pushed. Once something was wrong no other comes, since nobody knows where it
    /// would begin: the bytes wait for [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`Broken`] if a frame is too large or damaged.
    #[expect(
        clippy::should_implement_trait,
        reason = "to wait for more bytes is not the end of an iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let frame = self.frame();
        self.broken = frame.as_ref().err().copied();
        frame
    }

    fn frame(&mut self) -> Result<Option<Frame>, Broken> {
        let Some(mut prelude) = self.buffer.get(..PRELUDE) else {
            return Ok(None);
        };
        // A damaged length must not make us wait for bytes that never come.
        let checksum = crc32(&prelude[..8]);
        let length = prelude.get_u32() as usize;
        let headers = prelude.get_u32() as usize;
        if checksum != prelude.get_u32() {
            return Err(Broken::Damaged("the prelude's checksum is wrong"));
        }
        if length > self.max_frame {
            return Err(Broken::TooLarge {
                limit: self.max_frame,
            });
        }
        if length < SMALLEST || headers > length - SMALLEST {
            return Err(Broken::Damaged("the lengths contradict each other"));
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        // The frame stays in the buffer until it is understood, for `finish`.
        let raw = &self.buffer[..length];
        let message =
            read_message_from(raw).map_err(|_| Broken::Damaged("the frame is damaged"))?;
        let raw = self.buffer.split_to(length).freeze();
        Ok(Some(Frame::read(raw, &message)))
    }

    /// Bytes received and not yet given out.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The bytes no frame took: one that the stream's end cut off, or none.
    pub fn finish(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }
}

/// Why no more frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A frame is longer than anyone should have to keep.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A frame is not what was sent.
    Damaged(&'static str),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "event of more than {limit} bytes"),
            Self::Damaged(what) => write!(f, "damaged event stream: {what}"),
        }
    }
}

impl std::error::Error for Broken {}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// As received.
    pub raw: Bytes,
    /// Whether it is an exception or an error, after which nothing comes.
    pub is_exception: bool,
    event: String,
    data: Bytes,
}

impl Frame {
    /// The event's type, or the exception's; empty if the frame tells none.
    pub fn event(&self) -> &[u8] {
        self.event.as_bytes()
    }

    /// The event's data.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    fn read(raw: Bytes, message: &Message) -> Self {
        let header = |name: &str| {
            let found = message.headers().iter().find(|h| h.name().as_str() == name);
            found.and_then(|h| h.value().as_string().ok().map(|v| v.as_str()))
        };
        let data = message.payload().clone();
        let (event, is_exception, data) = match header(":message-type") {
            Some("exception") => (header(":exception-type"), true, data),
            // An error outside the service's model has no payload but two headers.
            Some("error") => {
                let text = header(":error-message").unwrap_or_default();
                let data = json!({ "message": text }).to_string();
                (header(":error-code"), true, data.into())
            }
            _ => (header(":event-type"), false, data),
        };
        Self {
            event: event.unwrap_or_default().to_owned(),
            raw,
            is_exception,
            data,
        }
    }
}

/// The checksum of RFC 1952, section 8, bit by bit: it is of eight bytes only.
fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), shift)
    })
}

/// Writes frames, for tests of all that read them.
#[cfg(test)]
pub mod encode {
    use aws_smithy_eventstream::frame::write_message_to;
    use aws_smithy_types::event_stream::{Header, HeaderValue, Message};

    /// A frame with string headers.
    pub fn frame(headers: &[(&str, &str)], data: &[u8]) -> Vec<u8> {
        let mut message = Message::new(data.to_vec());
        for (name, value) in headers {
            let value = HeaderValue::String((*value).to_owned().into());
            message = message.add_header(Header::new((*name).to_owned(), value));
        }
        let mut out = Vec::new();
        write_message_to(&message, &mut out).unwrap();
        out
    }

    /// An event with JSON.
    pub fn event(name: &str, data: &str) -> Vec<u8> {
        let headers = [
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        frame(&headers, data.as_bytes())
    }

    /// An exception with JSON.
    pub fn exception(name: &str, data: &str) -> Vec<u8> {
        let headers = [
            (":exception-type", name),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ];
        frame(&headers, data.as_bytes())
    }
}

#[cfg(test)]
#[path = "../../fuzz/invariants/event_stream.rs"]
mod invariants;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(decoder: &mut Decoder) -> Vec<Frame> {
        std::iter::from_fn(|| decoder.next().unwrap()).collect()
    }

    fn pushed(max: usize, bytes: &[u8]) -> Decoder {
        let mut decoder = Decoder::new(max);
        decoder.push(Bytes::copy_from_slice(bytes));
        decoder
    }

    fn sample() -> Vec<u8> {
        [
            encode::event("messageStart", r#"{"role":"assistant"}"#),
            encode::event("contentBlockDelta", r#"{"delta":{"text":"é😀"}}"#),
            encode::event("empty", ""),
            encode::exception("throttlingException", r#"{"message":"slow"}"#),
        ]
        .concat()
    }

    proptest! {
        #[test]
        fn any_bytes_give_the_same_frames_at_any_split(
            mut stream in prop::collection::vec(any::<u8>(), 0..64),
            with_sample in any::<bool>(),
            sizes in prop::collection::vec(1_usize..40, 1..4),
        ) {
            if with_sample {
                stream = [sample(), stream, sample()].concat();
            }
            invariants::check(&stream, &sizes);
        }
    }

    #[test]
    fn frames_tell_their_event_and_their_data() {
        let found = frames(&mut pushed(1000, &sample()));
        let told: Vec<_> = found
            .iter()
            .map(|f| (str(f.event()), str(f.data()), f.is_exception))
            .collect();
        assert_eq!(
            told,
            [
                ("messageStart", r#"{"role":"assistant"}"#, false),
                ("contentBlockDelta", r#"{"delta":{"text":"é😀"}}"#, false),
                ("empty", "", false),
                ("throttlingException", r#"{"message":"slow"}"#, true),
            ]
        );
        let raw: Vec<u8> = found.iter().flat_map(|f| f.raw.to_vec()).collect();
        assert_eq!(raw, sample());
    }

    fn str(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_error_without_payload_tells_its_headers() {
        let headers = [
            (":message-type", "error"),
            (":error-code", "InternalError"),
            (":error-message", "an \"error\""),
        ];
        let found = frames(&mut pushed(1000, &encode::frame(&headers, b"")));
        assert_eq!(str(found[0].event()), "InternalError");
        assert_eq!(str(found[0].data()), r#"{"message":"an \"error\""}"#);
        assert!(found[0].is_exception);
    }

    #[test]
    fn every_split_gives_the_same_frames() {
        let bytes = sample();
        let whole = frames(&mut pushed(1000, &bytes));
        for at in 0..=bytes.len() {
            let mut decoder = pushed(1000, &bytes[..at]);
            let mut found = frames(&mut decoder);
            decoder.push(Bytes::copy_from_slice(&bytes[at..]));
            found.extend(frames(&mut decoder));
            assert_eq!(found, whole, "split at {at}");
            assert_eq!(decoder.buffered(), 0);
        }
        let mut decoder = Decoder::new(1000);
        let mut found = Vec::new();
        for byte in bytes {
            decoder.push(Bytes::from(vec![byte]));
            found.extend(frames(&mut decoder));
        }
        assert_eq!(found, whole);
    }

    #[test]
    fn a_frame_cut_off_waits_for_the_finish() {
        let bytes = sample();
        let mut decoder = pushed(1000, &bytes[..bytes.len() - 1]);
        assert_eq!(frames(&mut decoder).len(), 3);
        let left = decoder.finish();
        assert!(bytes[..bytes.len() - 1].ends_with(&left) && !left.is_empty());
        assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_by_its_prelude() {
        let bytes = encode::event("x", &"y".repeat(500));
        assert_eq!(frames(&mut pushed(bytes.len(), &bytes)).len(), 1);
        let mut decoder = pushed(bytes.len() - 1, &bytes[..PRELUDE]);
        let limit = bytes.len() - 1;
        assert_eq!(decoder.next(), Err(Broken::TooLarge { limit }));
        decoder.push(Bytes::from(sample()));
        assert_eq!(decoder.next(), Err(Broken::TooLarge { limit }));
        assert_eq!(decoder.finish().len(), PRELUDE + sample().len());
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let bytes = encode::event("contentBlockDelta", r#"{"delta":{"text":"Hi"}}"#);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let mut decoder = pushed(1000, &damaged);
                assert!(decoder.next().is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn hostile_bytes_with_right_lengths_are_read_without_panic(
            headers in prop::collection::vec(any::<u8>(), 0..40),
            length in 0..80u32,
            header_length in 0..60u32,
            rest in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut bytes = [length.to_be_bytes(), header_length.to_be_bytes()].concat();
            let checksum = crc32(&bytes);
            bytes.extend(checksum.to_be_bytes());
            bytes.extend(&headers);
            bytes.extend(&rest);
            let mut decoder = pushed(1000, &bytes);
            while let Ok(Some(_)) = decoder.next() {}
        }

        #[test]
        fn hostile_headers_with_right_checksums_are_read_without_panic(
            headers in prop::collection::vec(
                prop_oneof![any::<u8>(), 0..10u8],
                0..30,
            ),
            data in prop::collection::vec(any::<u8>(), 0..10),
        ) {
            let length = (SMALLEST + headers.len() + data.len()) as u32;
            let mut bytes = [length.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
            bytes.extend(crc32(&bytes).to_be_bytes());
            bytes.extend(&headers);
            bytes.extend(&data);
            bytes.extend(crc32(&bytes).to_be_bytes());
            let mut decoder = pushed(1000, &bytes);
            while let Ok(Some(_)) = decoder.next() {}
        }

        #[test]
        fn chunks_of_any_sizes_give_the_same_frames(sizes in prop::collection::vec(1..90usize, 1..40)) {
            let bytes = sample();
            let whole = frames(&mut pushed(1000, &bytes));
            let (mut decoder, mut found, mut at) = (Decoder::new(1000), Vec::new(), 0);
            for size in sizes.into_iter().chain([bytes.len()]) {
                let end = (at + size).min(bytes.len());
                decoder.push(Bytes::copy_from_slice(&bytes[at..end]));
                found.extend(frames(&mut decoder));
                at = end;
            }
            prop_assert_eq!(found, whole);
        }
    }
}
