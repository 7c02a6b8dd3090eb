//! Round trips, and everything that a stream can do to them.

use std::collections::{BTreeMap, BTreeSet};

use paxos_codec::{
    DecodeError, EncodeError, FRAME_HEADER, FrameError, Frames, MAX_FRAME, MAX_PAYLOAD, close_frame, decode,
    decode_first, encode, encode_frame,
};
use proptest::{collection::vec, prelude::*};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeSeq};

/// One of everything that a message or a record may be made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Word {
    Nothing,
    Ballot { round: u64, node: u8 },
    Text(String),
    Vote(Option<Box<[u8]>>, bool, char),
    Log(BTreeMap<u64, Vec<i32>>, BTreeSet<(u16, i64)>),
}

fn words() -> impl Strategy<Value = Word> {
    prop_oneof![
        Just(Word::Nothing),
        (any::<u64>(), any::<u8>()).prop_map(|(round, node)| Word::Ballot { round, node }),
        any::<String>().prop_map(Word::Text),
        (any::<Option<Vec<u8>>>(), any::<bool>(), any::<char>()).prop_map(|(bytes, yes, char)| Word::Vote(
            bytes.map(Vec::into_boxed_slice),
            yes,
            char
        )),
        (any::<BTreeMap<u64, Vec<i32>>>(), any::<BTreeSet<(u16, i64)>>()).prop_map(|(map, set)| Word::Log(map, set)),
    ]
}

fn encoded<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut payload = Vec::new();
    encode(value, &mut payload).unwrap();
    payload
}

fn framed<T: Serialize + ?Sized>(values: &[&T]) -> Vec<u8> {
    let mut stream = Vec::new();
    values.iter().for_each(|value| encode_frame(*value, &mut stream).unwrap());
    stream
}

/// The payloads of a stream that arrives in these pieces, and what ended it.
fn received<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<FrameError>, bool) {
    let (mut frames, mut payloads) = (Frames::new(), Vec::new());
    for mut unread in pieces {
        loop {
            match frames.pull(&mut unread) {
                Ok(Some(payload)) => payloads.push(payload.to_vec()),
                Ok(None) => break,
                Err(error) => return (payloads, Some(error), frames.is_mid_frame()),
            }
        }
        assert!(unread.is_empty(), "`None` means that everything was taken");
    }
    (payloads, None, frames.is_mid_frame())
}

/// A frame with any header fields, whose header checksum is right.
fn forged(magic: &[u8; 3], version: u8, length: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = magic.to_vec();
    frame.push(version);
    frame.extend(length.to_le_bytes());
    frame.extend(crc32fast::hash(payload).to_le_bytes());
    frame.extend(crc32fast::hash(&frame).to_le_bytes());
    frame.extend(payload);
    frame
}

#[test]
fn the_bytes_are_these() {
    assert_eq!(encoded(&Word::Ballot { round: 3, node: 7 }), [1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 7]);
    assert_eq!(encoded("ab"), [2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
    assert_eq!(framed(&[&5_u8]), forged(b"PXS", 1, 1, &[5]));
}

#[test]
fn encoding_appends() {
    let mut out = vec![9];
    encode(&1_u16, &mut out).unwrap();
    encode(&2_u16, &mut out).unwrap();
    assert_eq!(out, [9, 1, 0, 2, 0]);
}

#[test]
fn the_largest_payload_fits_and_one_byte_more_does_not() {
    let largest = "x".repeat(MAX_PAYLOAD - 8);
    let payload = encoded(&largest);
    assert_eq!(payload.len(), MAX_PAYLOAD);
    assert_eq!(decode::<String>(&payload).as_ref(), Ok(&largest));
    let stream = framed(&[&largest]);
    assert_eq!(stream.len(), MAX_FRAME);
    assert_eq!(received([&stream[..]]), (vec![payload], None, false));

    let mut out = vec![1, 2, 3];
    let too_large = largest + "x";
    assert_eq!(encode(&too_large, &mut out), Err(EncodeError::TooLong));
    assert_eq!(encode_frame(&too_large, &mut out), Err(EncodeError::TooLong));
    assert_eq!(out, [1, 2, 3], "a refused value leaves nothing behind");
}

/// What is written can be read, also when it is a million small numbers: the limit counts bytes, not widths.
#[test]
fn small_numbers_count_as_their_bytes() {
    let numbers = vec![0_u64; (MAX_PAYLOAD - 8) / 8];
    assert_eq!(decode::<Vec<u64>>(&encoded(&numbers)), Ok(numbers));
}

#[test]
fn what_cannot_be_expressed_is_an_error() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_seq(None)?.end()
        }
    }
    let mut out = vec![1];
    assert!(matches!(encode(&Endless, &mut out), Err(EncodeError::Unsupported(_))));
    assert_eq!(out, [1]);
}

#[test]
fn payloads_that_are_no_value_are_refused() {
    let check = |payload: &[u8], expected: DecodeError| assert_eq!(decode::<String>(payload), Err(expected));
    check(&[], DecodeError::Truncated);
    check(&[1, 0, 0, 0, 0, 0, 0, 0], DecodeError::Truncated);
    check(&[1, 0, 0, 0, 0, 0, 0, 0, b'a', 0, 0], DecodeError::Trailing { unread: 2 });
    check(&[0, 0, 0, 0, 0, 1, 0, 0, b'a'], DecodeError::ClaimsTooMuch);
    check(&vec![0; MAX_PAYLOAD + 1], DecodeError::TooLong { length: MAX_PAYLOAD + 1 });
    assert!(matches!(decode::<String>(&[1, 0, 0, 0, 0, 0, 0, 0, 0xff]), Err(DecodeError::Malformed(_))));
    assert!(matches!(decode::<bool>(&[2]), Err(DecodeError::Malformed(_))));
    assert!(matches!(decode::<Word>(&[5, 0, 0, 0]), Err(DecodeError::Malformed(_))));
}

#[test]
fn headers_that_are_wrong_are_refused_as_soon_as_they_are_whole() {
    let check = |header: Vec<u8>, expected| {
        let header = &header[..FRAME_HEADER];
        assert_eq!(received([&header[..FRAME_HEADER - 1]]), (vec![], None, true), "not whole yet");
        assert_eq!(received([header]), (vec![], Some(expected), false));
    };
    check(b"GET / HTTP/1.1\r\n".to_vec(), FrameError::NotAFrame);
    check(forged(b"PXS", 2, 0, &[]), FrameError::Version { found: 2 });
    check(forged(b"PXS", 1, u32::MAX, &[]), FrameError::TooLong { length: u32::MAX, longest: MAX_PAYLOAD });
    let length = MAX_PAYLOAD as u32 + 1;
    check(forged(b"PXS", 1, length, &[]), FrameError::TooLong { length, longest: MAX_PAYLOAD });
    let mut damaged = forged(b"PXS", 1, 1, &[5]);
    damaged[4] = 2;
    check(damaged, FrameError::HeaderChecksum);
}

#[test]
fn a_lost_stream_stays_lost() {
    let (good, mut bad) = (framed(&["good"]), framed(&["bad"]));
    *bad.last_mut().unwrap() ^= 1;
    let stream = [&good[..], &bad, &good].concat();
    let (mut frames, mut unread) = (Frames::new(), &stream[..]);
    assert_eq!(frames.pull(&mut unread), Ok(Some(&encoded("good")[..])));
    for _ in 0..3 {
        assert_eq!(frames.pull(&mut unread), Err(FrameError::PayloadChecksum));
    }
}

#[test]
fn the_end_of_a_stream_is_a_cut_or_a_close() {
    let stream = framed(&["one", "two"]);
    let first = stream.len() / 2;
    for end in 0..=stream.len() {
        let (payloads, error, mid_frame) = received([&stream[..end]]);
        assert_eq!((payloads.len(), error), (end / first, None));
        assert_eq!(mid_frame, end % first != 0, "after {end} bytes");
    }
}

#[test]
fn every_split_gives_the_same_frames() {
    let stream = framed(&["", "a", "longer than the others"]);
    let whole = received([&stream[..]]);
    assert_eq!(whole.0.len(), 3);
    for cut in 0..=stream.len() {
        let (left, right) = stream.split_at(cut);
        assert_eq!(received([left, right]), whole, "split at {cut}");
    }
    for size in 1..=stream.len() {
        assert_eq!(received(stream.chunks(size)), whole, "pieces of {size}");
    }
}

/// Every byte of a frame, changed to every other value: always refused.
#[test]
fn every_changed_byte_is_refused() {
    let frame = framed(&["a vote"]);
    for at in 0..frame.len() {
        for change in 1..=u8::MAX {
            let mut changed = frame.clone();
            changed[at] ^= change;
            let (payloads, error, _) = received([&changed[..]]);
            assert!(payloads.is_empty() && error.is_some(), "byte {at} changed by {change:#x}");
        }
    }
}

#[test]
fn errors_say_what_happened() {
    let check = |error: &dyn std::error::Error, expected: &str| assert_eq!(error.to_string(), expected);
    check(&EncodeError::TooLong, "the value takes more than the 1048576 bytes of a payload");
    check(&DecodeError::Trailing { unread: 2 }, "2 bytes are left over behind the value");
    let error = FrameError::TooLong { length: 9_999_999, longest: 1_048_576 };
    check(&error, "a frame announces 9999999 bytes; the limit is 1048576");
}

#[test]
fn a_limit_holds_from_the_next_header_on() {
    let (mut frames, stream) = (Frames::new(), framed(&["one", "four"]));
    frames.limit(encoded("one").len());
    let mut unread = &stream[..];
    assert_eq!(frames.pull(&mut unread).unwrap(), Some(&encoded("one")[..]));
    let (length, longest) = (encoded("four").len() as u32, encoded("one").len());
    assert_eq!(frames.pull(&mut unread), Err(FrameError::TooLong { length, longest }));
}

#[test]
fn a_payload_may_hold_several_values() {
    let mut frame = vec![0; FRAME_HEADER];
    for word in ["prepare", "accept"] {
        encode(word, &mut frame).unwrap();
    }
    close_frame(&mut frame);
    let (payloads, error, _) = received([&frame[..]]);
    assert_eq!((payloads.len(), error), (1, None));
    let mut unread = &payloads[0][..];
    assert_eq!(decode_first(&mut unread), Ok("prepare".to_owned()));
    assert_eq!(decode_first(&mut unread), Ok("accept".to_owned()));
    assert_eq!(decode_first::<String>(&mut unread), Err(DecodeError::Truncated));
}

proptest! {
    #[test]
    fn values_survive(words in vec(words(), 0..8), size in 1_usize..100) {
        let stream = framed(&words.iter().collect::<Vec<_>>());
        let (payloads, error, mid_frame) = received(stream.chunks(size));
        prop_assert_eq!((error, mid_frame), (None, false));
        let back: Vec<Word> = payloads.iter().map(|payload| decode(payload).unwrap()).collect();
        prop_assert_eq!(back, words);
    }

    #[test]
    fn a_changed_byte_never_changes_a_payload(word in words(), at: prop::sample::Index, change in 1_u8..) {
        let mut frame = framed(&[&word]);
        let at = at.index(frame.len());
        frame[at] ^= change;
        let (payloads, error, _) = received([&frame[..]]);
        prop_assert!(payloads.is_empty() && error.is_some());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        // Also behind a good header, where they are a payload and reach the decoder.
        let framed = forged(b"PXS", 1, bytes.len() as u32, &bytes);
        prop_assert_eq!(received([&framed[..]]), (vec![bytes.clone()], None, false));
        let _ = received([&bytes[..]]);
        let _ = decode::<Word>(&bytes);
        let _ = decode::<Vec<String>>(&bytes);
        let _ = decode::<BTreeMap<u8, Option<char>>>(&bytes);
    }

    /// Whatever decodes is what encodes to the same bytes: no two payloads mean one value.
    #[test]
    fn decoding_is_the_inverse(bytes in vec(0_u8..3, 0..40)) {
        if let Ok(value) = decode::<(u32, Vec<Option<u16>>)>(&bytes) {
            prop_assert_eq!(encoded(&value), bytes);
        }
    }
}
