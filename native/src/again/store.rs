//! Answers by their questions, of one epoch. Two generations: what is asked for while it is in the old one comes to the young one, and the
//! old one is let go when the young one is half of what there may be. So what is not asked for leaves, at the cost of one step.

use crate::filter::Given;
use std::collections::HashMap;
use std::mem::take;
use std::sync::Arc;

/// An answer longer than this part of all is not kept: whoever reads slowly has the whole of it in Envoy, which lets the brain wait instead.
const PART: usize = 64;
/// Bytes of an entry beside its texts.
const OVERHEAD: usize = 512;

#[derive(Default)]
struct Generation {
    kept: HashMap<Vec<u8>, Arc<Given>>,
    bytes: usize,
}

/// `most` bytes of them.
pub struct Store {
    most: usize,
    epoch: u64,
    young: Generation,
    old: Generation,
}

impl Store {
    /// An empty one.
    pub fn new(most: usize) -> Store {
        Store { most, epoch: 0, young: Generation::default(), old: Generation::default() }
    }

    /// `most` bytes from now on.
    pub fn bound(&mut self, most: usize) {
        if self.most != most {
            *self = Store { epoch: self.epoch, ..Store::new(most) };
        }
    }

    /// What is kept for this question, in this epoch, at this moment (milliseconds).
    pub fn get(&mut self, question: &[u8], epoch: u64, now: u64) -> Option<Arc<Given>> {
        self.enter(epoch);
        let found = match self.young.kept.get(question) {
            Some(found) => found.clone(),
            None => {
                let (question, found) = self.old.kept.remove_entry(question)?;
                self.keep(question, found.clone());
                found
            }
        };
        (found.lease.until > now).then_some(found)
    }

    /// It was given in the epoch that its lease names; `epoch` is the present one.
    pub fn put(&mut self, mut question: Vec<u8>, mut given: Given, epoch: u64) {
        self.enter(epoch);
        // they have grown piece by piece, to twice of what they need at worst
        question.shrink_to_fit();
        given.body.shrink_to_fit();
        if given.lease.epoch == epoch && size(question.len(), &given) <= self.longest() {
            self.keep(question, Arc::new(given));
        }
    }

    /// Bytes of the longest answer that is kept, its question included.
    pub fn longest(&self) -> usize {
        self.most / PART
    }

    fn enter(&mut self, epoch: u64) {
        if self.epoch != epoch {
            *self = Store { epoch, ..Store::new(self.most) };
        }
    }

    fn keep(&mut self, question: Vec<u8>, given: Arc<Given>) {
        let length = question.len();
        let added = size(length, &given);
        if self.young.bytes + added > self.most / 2 {
            self.old = take(&mut self.young);
        }
        let before = self.young.kept.insert(question, given);
        self.young.bytes += added;
        self.young.bytes -= before.map_or(0, |before| size(length, &before));
    }
}

/// Bytes of an entry whose question has this length.
fn size(question: usize, given: &Given) -> usize {
    let headers: usize = given.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    question + given.body.len() + headers + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Lease;

    fn given(body: usize) -> Given {
        let lease = Lease { epoch: 1, stored: 0, until: 100, ticket: Vec::new() };
        Given { headers: Vec::new(), body: vec![0; body], lease }
    }

    fn question(n: usize) -> Vec<u8> {
        n.to_be_bytes().to_vec()
    }

    #[test]
    fn an_epoch_or_a_moment_ends_it() {
        let mut store = Store::new(1 << 20);
        store.put(question(1), given(1), 1);
        assert!(store.get(&question(1), 1, 99).is_some());
        assert!(store.get(&question(1), 1, 100).is_none(), "its time is over");
        assert!(store.get(&question(2), 1, 99).is_none());
        assert!(store.get(&question(1), 2, 99).is_none(), "another epoch");
        assert!(store.get(&question(1), 1, 99).is_none(), "it is forgotten for good");
        store.put(question(1), given(1), 2);
        assert!(store.get(&question(1), 2, 99).is_none(), "given in the epoch before");
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut store = Store::new(256 << 10);
        for n in 0..10_000 {
            store.put(question(n), given(1000), 1);
            assert!(store.get(&question(0), 1, 99).is_some(), "{n}");
        }
        assert!(store.young.bytes + store.old.bytes <= 256 << 10);
        let kept = (0..10_000).filter(|n| store.young.kept.contains_key(&question(*n)));
        assert!(kept.count() > 50);
        assert!(store.get(&question(5000), 1, 99).is_none());
    }

    #[test]
    fn what_is_replaced_counts_once() {
        let mut store = Store::new(256 << 10);
        for body in [1000, 10, 500] {
            store.put(question(1), given(body), 1);
            assert_eq!(store.young.bytes, size(question(1).len(), &given(body)));
        }
    }

    #[test]
    fn nothing_is_held_beside_what_is_counted() {
        let mut store = Store::new(256 << 10);
        let (mut grown, mut asked) = (given(5), question(1));
        grown.body.reserve(4000);
        asked.reserve(4000);
        store.put(asked, grown, 1);
        let (question, given) = store.young.kept.iter().next().unwrap();
        assert!(question.capacity() + given.body.capacity() < 100);
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let mut store = Store::new(256 << 10);
        store.put(question(1), given(8 << 10), 1);
        assert!(store.get(&question(1), 1, 99).is_none());
    }
}
