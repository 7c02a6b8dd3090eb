//! A byte stream, taken apart into frames.
//!
//! What must hold: whatever the pieces are in which it arrives, the payloads are the same, and so is the error. Those that
//! come out, framed again, are what was taken in. No more than one frame is held.

use paxos_codec::{FrameError, Frames, MAX_FRAME, close_frame, encode_frame};

use super::{Seed, Target, seed};

pub(super) const TARGET: Target = Target {
    name: "frames",
    about: "a byte stream of frames",
    longest: 4096,
    memory: MAX_FRAME + 64 * 1024,
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    let (payloads, error) = pulled(bytes, usize::MAX);
    assert_eq!(pulled(bytes, 1), (payloads.clone(), error), "byte by byte it says something else");
    assert_eq!(pulled(bytes, 7), (payloads.clone(), error), "in other pieces it says something else");
    let mut again = Vec::new();
    for payload in &payloads {
        let mut frame = vec![0; paxos_codec::FRAME_HEADER];
        frame.extend_from_slice(payload);
        close_frame(&mut frame);
        again.extend_from_slice(&frame);
    }
    assert_eq!(again, bytes[..again.len()], "what came out is not what went in");
}

fn pulled(bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let (mut frames, mut payloads) = (Frames::new(), Vec::new());
    for mut unread in bytes.chunks(piece.min(bytes.len()).max(1)) {
        loop {
            match frames.pull(&mut unread) {
                Ok(Some(payload)) => payloads.push(payload.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(frames.pull(&mut &b"PXS"[..]), Err(error), "a lost stream is found again");
                    return (payloads, Some(error));
                }
            }
        }
    }
    (payloads, None)
}

fn seeds() -> Vec<Seed> {
    let mut two = Vec::new();
    for word in ["prepare", "accept"] {
        encode_frame(word, &mut two).expect("it is short");
    }
    let mut empty = vec![0; paxos_codec::FRAME_HEADER];
    close_frame(&mut empty);
    let cut = two[..two.len() - 3].to_vec();
    vec![seed("two", two), seed("empty", empty), seed("cut", cut), seed("http", &b"GET / HTTP/1.1\r\n\r\n"[..])]
}
