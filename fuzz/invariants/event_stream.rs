//! What must hold for any bytes taken for Amazon's event stream. Run by the unit tests of `protocol::event_stream` and by
//! the fuzz target of the same name.

use bytes::Bytes;

use crate::protocol::event_stream::Decoder;

/// `sizes` are those of the chunks the stream is cut into, over and over.
pub fn check(stream: &[u8], sizes: &[usize]) {
    let whole = frames(stream, &[stream.len()]);
    assert_eq!(whole, frames(stream, &[1]));
    assert_eq!(whole, frames(stream, sizes));
}

/// The name and the data of a frame.
type Told = (Vec<u8>, Vec<u8>);

fn frames(stream: &[u8], sizes: &[usize]) -> (Vec<Told>, bool) {
    let mut decoder = Decoder::new(1024 * 1024);
    let (mut found, mut rest) = (Vec::new(), stream);
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |&size| size.max(1));
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        decoder.push(Bytes::copy_from_slice(chunk));
        loop {
            match decoder.next() {
                Ok(Some(frame)) => found.push((frame.event().to_vec(), frame.data().to_vec())),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        assert!(decoder.buffered() <= stream.len());
    }
    (found, false)
}
