//! What must hold for any bytes read as server-sent events. Run by the unit
//! tests of `protocol::sse` and by the fuzz target of the same name.

use bytes::Bytes;

use crate::protocol::sse::{Decoder, write_frame};

type Event = (Vec<u8>, Vec<u8>);

/// `sizes` are those of the chunks the stream is cut into, over and over.
pub fn check(stream: &[u8], sizes: &[usize]) {
    let expected = by_the_book(stream);
    assert_eq!(events(stream, &[stream.len()]), expected);
    assert_eq!(events(stream, &[1]), expected);
    assert_eq!(events(stream, sizes), expected);
}

/// What [`write_frame`] makes of `data` reads back, line ends apart.
pub fn check_written(name: &str, data: &[u8]) {
    let frame = write_frame(Some(name), data);
    assert_eq!(
        events(&frame, &[3]),
        [(name.as_bytes().to_vec(), lines(data).join(&b'\n'))]
    );
    check(&frame, &[7]);
}

fn events(stream: &[u8], sizes: &[usize]) -> Vec<Event> {
    let mut decoder = Decoder::new(usize::MAX);
    let (mut found, mut raw) = (Vec::new(), Vec::new());
    let mut rest = stream;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |&size| size.max(1));
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = decoder.next().expect("there is no limit") {
            assert!(!frame.raw.is_empty());
            raw.extend_from_slice(&frame.raw);
            if frame.has_data() {
                found.push((frame.event().to_vec(), frame.data().to_vec()));
            } else {
                assert!(frame.data().is_empty());
            }
        }
        assert_eq!(decoder.buffered(), stream.len() - rest.len() - raw.len());
    }
    raw.extend_from_slice(&decoder.finish());
    assert_eq!(decoder.buffered(), 0);
    assert_eq!(raw, stream, "no byte is lost or made up");
    found
}

/// WHATWG HTML, section 9.2.6, as slow and plain as it is written there.
fn by_the_book(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut lines = lines(stream);
    lines.pop(); // what no line end follows is not a line
    let (mut events, mut event, mut data) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        if line.is_empty() {
            if data.pop().is_some() {
                events.push((event.clone(), data.clone()));
            }
            event.clear();
            data.clear();
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => event = value.to_vec(),
            b"data" => data.extend([value, b"\n"].concat()),
            _ => {}
        }
    }
    events
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => lines.push(Vec::new()),
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                lines.push(Vec::new());
            }
            _ => lines.last_mut().expect("there is one").push(byte),
        }
    }
    lines
}
