//! Whatever the bytes announce, memory stays under the limit; and a steady stream allocates nothing.

use std::hint::black_box;

use allocation_counter::measure;
use paxos_codec::{FRAME_HEADER, FrameError, Frames, MAX_FRAME, MAX_PAYLOAD, decode, encode_frame};
use serde::de::DeserializeOwned;

/// An intact header in front of nothing.
fn header(length: u32) -> Vec<u8> {
    let mut bytes = b"PXS\x01".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

#[test]
fn a_header_that_claims_four_gibibytes_allocates_nothing() {
    let claim = header(u32::MAX);
    let used = measure(|| {
        let mut frames = Frames::new();
        assert_eq!(frames.pull(&mut &claim[..]), Err(FrameError::TooLong { length: u32::MAX, longest: MAX_PAYLOAD }));
    });
    assert!(used.bytes_max <= FRAME_HEADER as u64, "only the header itself is held: {used:?}");
}

#[test]
fn a_stream_of_the_largest_frames_is_held_one_at_a_time() {
    let mut stream = header(MAX_PAYLOAD as u32);
    stream.resize(MAX_FRAME, 0);
    stream[8..12].copy_from_slice(&crc32fast::hash(&[0; MAX_PAYLOAD]).to_le_bytes());
    let checksum = crc32fast::hash(&stream[..12]);
    stream[12..16].copy_from_slice(&checksum.to_le_bytes());
    let used = measure(|| {
        let (mut frames, mut payloads) = (Frames::new(), 0);
        for chunk in [&stream[..], &stream, &stream].into_iter().flat_map(|frame| frame.chunks(1000)) {
            let mut unread = chunk;
            while let Some(payload) = frames.pull(&mut unread).unwrap() {
                assert_eq!(payload.len(), MAX_PAYLOAD);
                payloads += 1;
            }
        }
        assert_eq!(payloads, 3);
    });
    let moving = FRAME_HEADER as u64; // the header, copied while the buffer grows to hold the payload
    assert!(used.bytes_max <= MAX_FRAME as u64 + moving, "{used:?}");
}

#[test]
fn a_claim_inside_a_payload_allocates_no_more_than_its_level() {
    fn check<T: DeserializeOwned>(levels: u64, claims: &[u64]) {
        let payload: Vec<u8> = claims.iter().flat_map(|claim| claim.to_le_bytes()).collect();
        let used = measure(|| assert!(black_box(decode::<T>(&payload)).is_err()));
        let limit = levels * MAX_PAYLOAD as u64 + 1024;
        assert!(used.bytes_max <= limit, "{}: {used:?}", std::any::type_name::<T>());
    }
    let (huge, longest) = (1 << 40, MAX_PAYLOAD as u64);
    for claim in [huge, u64::MAX, 1 << 26, longest, longest - 8] {
        check::<String>(1, &[claim]);
        check::<Vec<u8>>(1, &[claim]);
        check::<Vec<u64>>(1, &[claim]);
        check::<Vec<[u64; 32]>>(1, &[claim]);
        check::<Vec<String>>(2, &[1, claim]);
        check::<Vec<String>>(2, &[claim, claim]);
        check::<Vec<Vec<Vec<u64>>>>(3, &[claim, claim, claim]);
        check::<std::collections::BTreeMap<u64, Vec<u8>>>(1, &[claim, claim, claim]);
    }
}

#[test]
fn a_steady_stream_allocates_nothing() {
    let (mut out, mut frames) = (Vec::new(), Frames::new());
    let mut turn = |value: u64| {
        out.clear();
        encode_frame(&(value, [value; 4], Some(true)), &mut out).unwrap();
        let mut unread = &out[..];
        let payload = frames.pull(&mut unread).unwrap().expect("one whole frame");
        assert_eq!(decode(payload), Ok((value, [value; 4], Some(true))));
    };
    let first = measure(|| turn(1));
    assert!(first.count_total > 0, "the counter counts: the first turn grows the buffers");
    let steady = measure(|| (2..1000).for_each(turn));
    assert_eq!(steady.count_total, 0);
}
