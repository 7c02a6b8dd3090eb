//! Payloads on a byte stream: a header in front says how long the payload is, and how to know that it is whole.

use serde::Serialize;

use crate::{EncodeError, FrameError, MAX_PAYLOAD, encode};

/// The bytes in front of each payload.
pub const FRAME_HEADER: usize = 16;

/// The most bytes one frame may have, and the most that [`Frames`] ever holds.
pub const MAX_FRAME: usize = FRAME_HEADER + MAX_PAYLOAD;

/// Appends `value` to `out` as one frame. A broadcast is encoded once: the same bytes go to every peer.
///
/// # Errors
///
/// Those of [`encode`]; then `out` is as it was.
pub fn encode_frame<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER]);
    if let Err(error) = encode(value, out) {
        out.truncate(start);
        return Err(error);
    }
    close_frame(&mut out[start..]);
    Ok(())
}

/// Makes a frame of `frame`, whose first [`FRAME_HEADER`] bytes were left free and whose other bytes are the payload:
/// one value, or whatever else the two ends agree on.
///
/// # Panics
///
/// When there is no room for the header, or the payload is longer than [`MAX_PAYLOAD`].
pub fn close_frame(frame: &mut [u8]) {
    let (header, payload) = frame.split_at_mut(FRAME_HEADER);
    header.copy_from_slice(&Header::of(payload).to_bytes());
}

/// Takes a byte stream apart into payloads. It reads nothing itself: it is handed what arrived, in pieces of any size.
///
/// It holds one frame at most, in a buffer that is reused, and makes room for a payload only when a whole, undamaged
/// header announces an allowed length.
#[derive(Debug)]
pub struct Frames {
    /// The current frame as far as it has arrived.
    frame: Vec<u8>,
    /// The frame is complete and was handed out: the next pull starts a new one.
    delivered: bool,
    /// Nothing after this error can be trusted.
    lost: Option<FrameError>,
    /// The longest payload that is let in, in bytes.
    longest: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

impl Frames {
    /// Waits for the first frame. Allocates nothing yet.
    pub const fn new() -> Self {
        Self { frame: Vec::new(), delivered: false, lost: None, longest: MAX_PAYLOAD }
    }

    /// From now on refuses a payload of more than `longest` bytes as soon as it is announced. A stranger is worth
    /// less memory than a friend.
    ///
    /// # Panics
    ///
    /// When that is more than [`MAX_PAYLOAD`].
    pub fn limit(&mut self, longest: usize) {
        assert!(longest <= MAX_PAYLOAD, "no payload is longer than MAX_PAYLOAD");
        self.longest = longest;
    }

    /// Takes bytes from the front of `unread`, up to the end of the current frame, and gives that frame's payload.
    ///
    /// `Ok(None)` means that `unread` is used up and the frame goes on: come back when more has arrived. Call it in
    /// a loop until then, because one read may bring several frames. The payload lives until the next call.
    ///
    /// # Errors
    ///
    /// When the bytes are no frame, or a damaged one. The stream is lost then: every later call fails the same way.
    pub fn pull<'a>(&'a mut self, unread: &mut &[u8]) -> Result<Option<&'a [u8]>, FrameError> {
        if let Some(error) = self.lost {
            return Err(error);
        }
        match self.fill(unread) {
            Ok(true) => Ok(Some(&self.frame[FRAME_HEADER..])),
            Ok(false) => Ok(None),
            Err(error) => {
                *self = Self { lost: Some(error), longest: self.longest, ..Self::new() };
                Err(error)
            }
        }
    }

    /// Whether a frame has begun and not ended. A stream that ends here was cut; elsewhere it was closed.
    pub fn is_mid_frame(&self) -> bool {
        !self.delivered && !self.frame.is_empty()
    }

    /// Whether the current frame is complete, after taking what it needs from `unread`.
    fn fill(&mut self, unread: &mut &[u8]) -> Result<bool, FrameError> {
        if self.delivered {
            self.frame.clear();
            self.delivered = false;
        }
        if !self.take_until(FRAME_HEADER, unread) {
            return Ok(false);
        }
        let header = Header::parse(&self.frame, self.longest)?;
        if !self.take_until(FRAME_HEADER + header.length as usize, unread) {
            return Ok(false);
        }
        if crc32fast::hash(&self.frame[FRAME_HEADER..]) != header.payload_checksum {
            return Err(FrameError::PayloadChecksum);
        }
        self.delivered = true;
        Ok(true)
    }

    /// Moves bytes over until the frame has `wanted` of them. Whether it has.
    fn take_until(&mut self, wanted: usize, unread: &mut &[u8]) -> bool {
        assert!(wanted <= MAX_FRAME, "the header was checked");
        let missing = wanted.saturating_sub(self.frame.len());
        let (taken, rest) = unread.split_at(missing.min(unread.len()));
        // Exactly, so that a growing buffer does not double past the limit.
        self.frame.reserve_exact(missing);
        self.frame.extend_from_slice(taken);
        *unread = rest;
        wanted <= self.frame.len()
    }
}

struct Header {
    length: u32,
    payload_checksum: u32,
}

impl Header {
    fn of(payload: &[u8]) -> Self {
        assert!(payload.len() <= MAX_PAYLOAD, "`encode` keeps the limit");
        Self { length: payload.len() as u32, payload_checksum: crc32fast::hash(payload) }
    }

    fn to_bytes(&self) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        bytes[..3].copy_from_slice(&MAGIC);
        bytes[3] = VERSION;
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.payload_checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..12]);
        bytes[12..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header in front of `frame`. What only another program or another version would write is told from
    /// damage first, because where those keep their checksum is not ours to know.
    fn parse(frame: &[u8], longest: usize) -> Result<Self, FrameError> {
        let word = |at| u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
        if frame[..3] != MAGIC {
            return Err(FrameError::NotAFrame);
        }
        if frame[3] != VERSION {
            return Err(FrameError::Version { found: frame[3] });
        }
        if crc32fast::hash(&frame[..12]) != word(12) {
            return Err(FrameError::HeaderChecksum);
        }
        let length = word(4);
        if longest < length as usize {
            return Err(FrameError::TooLong { length, longest });
        }
        Ok(Self { length, payload_checksum: word(8) })
    }
}

const MAGIC: [u8; 3] = *b"PXS";
const VERSION: u8 = 1;
