use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1024;
const PING: u8 = 9;
const MASK: [u8; 4] = [0x5a, 0, 0xff, 7];

/// A frame; `first` is its first byte.
fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(bit | u8::try_from(short).unwrap()),
        middle @ 126..0x1_0000 => {
            bytes.push(bit | 126);
            bytes.extend(u16::try_from(middle).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(bit | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    bytes.extend(mask.into_iter().flatten());
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

type Messages = Vec<Option<Vec<u8>>>;

fn read_in(frames: &mut Frames, pieces: &[&[u8]]) -> Messages {
    let mut messages = Messages::new();
    for piece in pieces {
        frames.feed(piece, |message| messages.push(message.map(<[u8]>::to_vec)));
    }
    messages
}

fn read(pieces: &[&[u8]]) -> (Messages, Frames) {
    let mut frames = Frames::new(LIMIT);
    (read_in(&mut frames, pieces), frames)
}

fn some(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

/// A fragmented message with a ping inside, a masked one, one too large, an empty one, and the end.
fn conversation() -> (Vec<u8>, Messages) {
    let large = vec![b'x'; LIMIT + 1];
    let bytes = [
        frame(TEXT, b"{\"a\":", None),
        frame(0x80 | PING, b"are you there", None),
        frame(CONTINUATION, b"1", None),
        frame(0x80, b"}", None),
        frame(0x80 | TEXT, b"masked", Some(MASK)),
        frame(0x80 | BINARY, &large, None),
        frame(0x80 | TEXT, b"", None),
        frame(0x80 | BINARY, &[b'y'; 200], None),
        frame(0x80 | CLOSE, &1000_u16.to_be_bytes(), None),
    ]
    .concat();
    let messages = vec![
        some("{\"a\":1}"),
        some("masked"),
        None,
        some(""),
        some(&"y".repeat(200)),
    ];
    (bytes, messages)
}

#[test]
fn messages_are_the_same_wherever_the_bytes_are_cut() {
    let (bytes, expected) = conversation();
    for cut in 0..=bytes.len() {
        let (first, second) = bytes.split_at(cut);
        let (messages, frames) = read(&[first, second]);
        assert_eq!(messages, expected, "cut at {cut}");
        assert!(frames.is_closed() && frames.at_boundary());
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single).0, expected);
}

#[test]
fn a_frame_that_claims_to_be_huge_is_stepped_over_and_allocates_nothing() {
    for claim in [1 << 20, u64::from(u32::MAX) + 5, u64::MAX] {
        let mut bytes = vec![0x80 | TEXT, 127];
        bytes.extend(claim.to_be_bytes());
        let (messages, mut frames) = read(&[&bytes]);
        assert!(messages.is_empty() && !frames.at_boundary());
        assert!(read_in(&mut frames, &[&[b'x'; 4096]]).is_empty());
        assert_eq!(frames.message.capacity(), 0, "given up at the limit");
    }
}

#[test]
fn what_comes_after_a_message_that_is_too_large_is_read() {
    let half = vec![b'x'; LIMIT / 2 + 1];
    let bytes = [
        frame(TEXT, &half, None),
        frame(0x80, &half, None),
        frame(0x80 | TEXT, b"next", None),
    ]
    .concat();
    assert_eq!(read(&[&bytes]).0, [None, some("next")]);
    let exact = frame(0x80 | TEXT, &vec![b'x'; LIMIT], None);
    assert_eq!(read(&[&exact]).0, [some(&"x".repeat(LIMIT))]);
}

#[test]
fn a_compressed_message_counts_as_unread() {
    let bytes = [
        frame(0x80 | 0x40 | TEXT, b"squeezed", None),
        frame(0x80 | TEXT, b"plain", None),
    ]
    .concat();
    assert_eq!(read(&[&bytes]).0, [None, some("plain")]);
}

#[test]
fn frames_against_the_rules_disturb_nothing() {
    let bytes = [
        // A continuation of nothing.
        frame(0x80, b"lost", None),
        // A message that another one interrupts.
        frame(TEXT, b"begun", None),
        frame(0x80 | TEXT, b"whole", None),
        // An unknown kind, and a control frame that is too long.
        frame(0x80 | 5, b"?", None),
        frame(0x80 | PING, &[0; 300], None),
        frame(0x80 | TEXT, b"last", None),
    ]
    .concat();
    assert_eq!(read(&[&bytes]).0, [some("whole"), None, some("last")]);
}

#[test]
fn a_close_frame_for_either_side_is_one_frame() {
    for for_server in [false, true] {
        let mut frames = Frames::new(LIMIT);
        frames.feed(&close_frame(1001, for_server), |_| panic!("no message"));
        assert!(frames.is_closed() && frames.at_boundary());
        assert_eq!(frames.is_masked(), for_server);
    }
}

proptest! {
    #[test]
    fn any_messages_come_out_as_they_went_in(
        texts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..400), any::<bool>(), 1..5_usize), 0..6),
        cuts in prop::collection::vec(1..97_usize, 1..8),
    ) {
        let mut bytes = Vec::new();
        for (text, masked, fragments) in &texts {
            let mask = masked.then_some(MASK);
            let size = (text.len() / fragments).max(1);
            let mut pieces: Vec<&[u8]> = text.chunks(size).collect();
            let last = pieces.pop().unwrap_or_default();
            let mut first = TEXT;
            for piece in pieces {
                bytes.extend(frame(first, piece, mask));
                bytes.extend(frame(0x80 | PING, piece.get(..9).unwrap_or_default(), mask));
                first = CONTINUATION;
            }
            bytes.extend(frame(0x80 | first, last, mask));
        }
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let expected: Messages = texts.into_iter().map(|(text, ..)| Some(text)).collect();
        let (messages, frames) = read(&pieces);
        prop_assert_eq!(messages, expected);
        prop_assert!(frames.at_boundary());
    }

    #[test]
    fn any_bytes_are_taken_and_read_alike_in_one_piece_and_in_many(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        cut in 1..64_usize,
    ) {
        let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
        let ((many, cut_up), (one, whole)) = (read(&pieces), read(&[&bytes]));
        prop_assert_eq!(many, one);
        prop_assert_eq!(cut_up.at_boundary(), whole.at_boundary());
        prop_assert_eq!(cut_up.is_closed(), whole.is_closed());
        prop_assert!(whole.message.len() <= LIMIT);
    }
}
