//! Answers on their way to a connection, and what they weigh.
//!
//! A client may ask much at a time and read little. Its requests are counted, but one of a few bytes may be answered by half
//! a megabyte, and the process has made the answer before anybody can say that there is no room for it. So each answer is
//! weighed when it is made, by the bytes that it will take on the connection, and one for which there is no room is put
//! away at once: its client hears [`Answer::Withheld`] in its place. That is no refusal, since the request was carried out.
//! A client that can tell its requests apart asks again.
//!
//! A short answer is never put away: there are at most as many as requests, and what was written should be heard of.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use paxos_codec::{MAX_PAYLOAD, encoded_len};
use serde::Serialize;

use crate::wire::Answer;

/// Answers that leave together.
pub(crate) struct Parcel<R> {
    pub(crate) answers: Vec<Answer<R>>,
    /// Counted until it is dropped.
    pub(crate) weight: Weight,
}

/// So many bytes have been made and not been said.
#[derive(Clone, Default)]
pub(crate) struct Unsaid(Arc<AtomicUsize>);

#[cfg(test)]
impl Unsaid {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// What a parcel weighs. It is taken off the scale when this is dropped: the parcel is said, or its connection is no more.
#[derive(Default)]
pub(crate) struct Weight {
    bytes: usize,
    unsaid: [Unsaid; 2],
}

impl Drop for Weight {
    fn drop(&mut self) {
        for unsaid in &self.unsaid {
            unsaid.0.fetch_sub(self.bytes, Relaxed);
        }
    }
}

/// Weighs the answers to one connection.
pub(crate) struct Scale {
    own: Unsaid,
    all: Unsaid,
    /// Of the parcel that is being filled; on the scale already.
    bytes: usize,
}

impl Scale {
    pub(crate) fn new(all: Unsaid) -> Self {
        Self { own: Unsaid::default(), all, bytes: 0 }
    }

    /// `answer`, if there is room for it, and otherwise that it is put away. For whoever has nothing unsaid there always is,
    /// however much the others have left unread.
    pub(crate) fn weigh<R: Serialize>(&mut self, answer: Answer<R>) -> Answer<R> {
        // What cannot be encoded is found out by whoever tries to say it.
        let bytes = encoded_len(&answer).unwrap_or(MAX_PAYLOAD);
        let answer = match answer {
            Answer::Reply(id, _) if SHORT < bytes && !self.has_room(bytes) => return Answer::Withheld(id),
            answer => answer,
        };
        for unsaid in [&self.own, &self.all] {
            unsaid.0.fetch_add(bytes, Relaxed);
        }
        self.bytes += bytes;
        answer
    }

    fn has_room(&self, bytes: usize) -> bool {
        let (own, all) = (self.own.0.load(Relaxed), self.all.0.load(Relaxed));
        own == 0 || (own + bytes <= UNSAID && all + bytes <= UNSAID_BY_ALL)
    }

    /// What has been weighed since the last time, as a parcel.
    pub(crate) fn parcel<R>(&mut self, answers: Vec<Answer<R>>) -> Parcel<R> {
        let bytes = std::mem::take(&mut self.bytes);
        Parcel { answers, weight: Weight { bytes, unsaid: [self.own.clone(), self.all.clone()] } }
    }
}

/// A connection that goes takes its batch with it: what was weighed and did not become a parcel is off the scale, too.
impl Drop for Scale {
    fn drop(&mut self) {
        drop(self.parcel::<()>(Vec::new()));
    }
}

/// Bytes of answers that are made and not said, to one client and to all.
pub(crate) const UNSAID: usize = 16 << 20;
const UNSAID_BY_ALL: usize = 256 << 20;
/// An answer of so many bytes is never put away: all that tell what came of a write are shorter.
const SHORT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn long(id: u64) -> Answer<String> {
        Answer::Reply(id, "x".repeat(1 << 19))
    }

    #[test]
    fn what_weighs_too_much_is_put_away_until_something_is_said() {
        let mut scale = Scale::new(Unsaid::default());
        let answers: Vec<_> = (0..1000).map(|id| scale.weigh(long(id))).collect();
        let kept = answers.iter().filter(|answer| matches!(answer, Answer::Reply(..))).count();
        let bytes = encoded_len(&long(0)).unwrap();
        assert_eq!(kept, UNSAID / bytes, "as many as fit");
        assert_eq!(answers[999], Answer::Withheld(999));
        assert_eq!(scale.weigh(Answer::Reply(5, "short".to_owned())), Answer::Reply(5, "short".into()));
        drop(scale.parcel(answers));
        assert_eq!((scale.own.bytes(), scale.all.bytes()), (0, 0));
        assert!(scale.weigh(long(7)) == long(7), "there is room again");
    }

    #[test]
    fn all_connections_share_a_scale_and_one_that_is_gone_is_off_it() {
        let all = Unsaid::default();
        let mut parcels = Vec::new();
        let most = UNSAID_BY_ALL / UNSAID;
        for _ in 0..=most {
            let mut scale = Scale::new(all.clone());
            let answers = (0..1000).map(|id| scale.weigh(long(id))).collect();
            parcels.push(scale.parcel(answers));
        }
        let mut last = Scale::new(all.clone());
        let full = all.bytes();
        let mut heard = || (0..100).filter(|id| matches!(last.weigh(long(*id)), Answer::Reply(..))).count();
        assert_eq!(heard(), 1, "who has read everything hears something, whatever the others have left unread");
        assert_eq!(heard(), 0);
        parcels.pop();
        assert!(heard() > 1, "there is room again");
        assert!(full <= UNSAID_BY_ALL);
    }

    #[test]
    fn what_was_weighed_and_never_sent_is_off_the_scale_with_its_connection() {
        let all = Unsaid::default();
        let mut scale = Scale::new(all.clone());
        assert_eq!(scale.weigh(long(1)), long(1));
        assert!(all.bytes() > 1 << 19);
        drop(scale);
        assert_eq!(all.bytes(), 0);
    }
}
