//! Sockets between nodes: one connection for each two of them, a thread that reads for each end, and what it costs.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
};

use bytes::{Buf, Bytes};
use paxos_codec::{FRAME_HEADER, Frames, MAX_FRAME, close_frame};

use super::Counts;

/// What a node finds when it looks.
pub(super) enum Mail {
    /// Messages of one node, as they lay in the frames that came together. [`next_message`] takes one.
    Messages { from: usize, messages: Bytes },
    /// Nothing will come any more.
    Stop,
}

/// The sending half of a node's connections.
pub(super) struct Net {
    /// At the place of the node itself there is none.
    peers: Vec<Option<Peer>>,
    counters: Arc<Counters>,
}

struct Peer {
    stream: TcpStream,
    /// What leaves next, with room for the header in front.
    frame: Vec<u8>,
}

impl Net {
    /// Sends `message` to the node `to`, with the next [`flush`](Self::flush) or before.
    pub(super) fn send(&mut self, to: usize, message: &[u8]) {
        let peer = self.peers[to].as_mut().expect("another node");
        if MAX_FRAME < peer.frame.len() + LENGTH + message.len() {
            peer.flush(&self.counters);
        }
        peer.frame.extend_from_slice(&(message.len() as u32).to_le_bytes());
        peer.frame.extend_from_slice(message);
        self.counters.messages.add(1);
    }

    /// Lets leave what was sent: one frame for each node.
    pub(super) fn flush(&mut self) {
        self.peers.iter_mut().flatten().for_each(|peer| peer.flush(&self.counters));
    }
}

impl Peer {
    fn flush(&mut self, counters: &Counters) {
        if self.frame.len() > FRAME_HEADER {
            close_frame(&mut self.frame);
            // Whoever has ended needs it no more, or the run is void.
            let _ = self.stream.write_all(&self.frame);
            self.frame.truncate(FRAME_HEADER);
            counters.frames.add(1);
        }
    }
}

/// Ends all connections, and thereby the threads that read from them, also when the node panics.
impl Drop for Net {
    fn drop(&mut self) {
        for Peer { stream, .. } in self.peers.iter().flatten() {
            // The other end may have done so already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The bytes of a message's length.
const LENGTH: usize = 4;

/// Takes the next message off the front.
pub(super) fn next_message(messages: &mut Bytes) -> Option<Bytes> {
    if messages.is_empty() {
        return None;
    }
    let length = messages.get_u32_le() as usize;
    Some(messages.split_to(length))
}

/// What a node has of its connections: the sending half, and from whom to read what.
pub(super) type End = (Net, Vec<(usize, TcpStream)>);

/// Connects every two of `nodes`.
pub(super) fn connect(nodes: usize, counters: &Arc<Counters>) -> io::Result<Vec<End>> {
    let net = || Net { peers: (0..nodes).map(|_| None).collect(), counters: counters.clone() };
    let mut ends: Vec<_> = (0..nodes).map(|_| (net(), Vec::new())).collect();
    for low in 0..nodes {
        for high in low + 1..nodes {
            let (one, other) = pair()?;
            for (id, peer, stream) in [(low, high, one), (high, low, other)] {
                let (net, streams) = &mut ends[id];
                streams.push((peer, stream.try_clone()?));
                net.peers[peer] = Some(Peer { stream, frame: vec![0; FRAME_HEADER] });
            }
        }
    }
    Ok(ends)
}

/// Two ends of a connection that sends what it is given at once.
pub(super) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    let (other, _) = listener.accept()?;
    one.set_nodelay(true)?;
    other.set_nodelay(true)?;
    Ok((one, other))
}

/// Reads from `stream` until it ends, and hands over all messages that came together.
pub(super) fn read(from: usize, mut stream: TcpStream, inbox: &Sender<Mail>) {
    let (mut frames, mut buffer) = (Frames::new(), vec![0; 1 << 16]);
    loop {
        let Ok(read @ 1..) = stream.read(&mut buffer) else { return };
        let (mut unread, mut messages) = (&buffer[..read], Vec::new());
        while let Some(payload) = frames.pull(&mut unread).expect("frames of a peer") {
            messages.extend_from_slice(payload);
        }
        if !messages.is_empty() && inbox.send(Mail::Messages { from, messages: messages.into() }).is_err() {
            return;
        }
    }
}

/// What all nodes together have done so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) syncs: Counter,
    pub(super) bytes: Counter,
    pub(super) messages: Counter,
    pub(super) frames: Counter,
}

impl Counters {
    /// What was done since `before`.
    pub(super) fn since(&self, before: Counts) -> Counts {
        Counts {
            syncs: self.syncs.value() - before.syncs,
            bytes: self.bytes.value() - before.bytes,
            messages: self.messages.value() - before.messages,
            frames: self.frames.value() - before.frames,
        }
    }
}

/// A number that several threads count up.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
