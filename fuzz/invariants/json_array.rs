//! What must hold for any bytes taken apart as an array. Run by the unit tests
//! of `protocol::json_array` and by the fuzz target of the same name.

use bytes::Bytes;

use crate::protocol::json_array::ArrayFrames;

/// `sizes` are those of the chunks the stream is cut into, over and over.
pub fn check(stream: &[u8], sizes: &[usize]) {
    let whole = elements(stream, &[stream.len()], usize::MAX);
    let bytewise = elements(stream, &[1], usize::MAX);
    let split = elements(stream, sizes, usize::MAX);
    assert_eq!(whole, bytewise);
    assert_eq!(whole, split);
    assert_eq!(elements(stream, sizes, 8).0, elements(stream, &[1], 8).0);

    // What is an array to a parser has the same elements here.
    if let Ok(trees) = serde_json::from_slice::<Vec<serde_json::Value>>(stream) {
        let (found, failed) = whole;
        let read = |json: &Vec<u8>| serde_json::from_slice(json).expect("an element is JSON");
        assert_eq!(
            found.iter().map(read).collect::<Vec<serde_json::Value>>(),
            trees
        );
        assert!(!failed);
    }
}

fn elements(stream: &[u8], sizes: &[usize], max: usize) -> (Vec<Vec<u8>>, bool) {
    let mut frames = ArrayFrames::new(max);
    let (mut found, mut raw, mut failed) = (Vec::new(), Vec::new(), false);
    let mut rest = stream;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |&size| size.max(1));
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        frames.push(Bytes::copy_from_slice(chunk));
        loop {
            match frames.next() {
                Ok(Some(element)) => {
                    assert!(element.raw.len() <= max);
                    found.push(element.json().to_vec());
                    raw.extend_from_slice(&element.raw);
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(error.offset <= stream.len());
                    failed = true;
                    break;
                }
            }
        }
    }
    assert_eq!(frames.buffered(), stream.len() - raw.len());
    raw.extend_from_slice(&frames.finish());
    assert_eq!(raw, stream, "no byte is lost or made up");
    (found, failed)
}
