//! All allowances of this process: its configurations come and go, and what the brain has counted stays counted.

use super::ledger::Ledger;
use super::{Allowance, Taken, Wanted, Whose};
use crate::clock::wall;
use crate::filter::Host;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// As many as the brain gives at a time; those that are over leave when there are more.
const MOST: usize = 4096;

/// By whose they are. Of several the last one counts.
#[derive(Default)]
pub struct Book {
    known: Mutex<HashMap<Whose, Allowance>>,
}

impl Book {
    /// That of the process.
    pub fn shared() -> &'static Book {
        static SHARED: OnceLock<Book> = OnceLock::new();
        SHARED.get_or_init(Book::default)
    }

    /// What the brain has said of this stream, if it has; each attempt may find it.
    pub fn learn_of(&self, host: &dyn Host, header: &str) {
        if let Some(said) = host.answer(header) {
            self.learn(&said);
        }
    }

    /// What the brain says; nothing happens where it is no allowance, or no later one than is known: what was taken stays taken. One of a
    /// brain that has begun anew may have to wait until that is over.
    pub fn learn(&self, said: &[u8]) {
        // in this order: what passes between them takes from its time
        let now = Instant::now();
        let wall = wall();
        let read = std::str::from_utf8(said).ok().and_then(|text| Allowance::read(text, wall, now));
        let Some((whose, allowance)) = read else { return };
        let mut known = self.known();
        if known.get(&whose).is_some_and(|before| before.id >= allowance.id && !before.is_over(now)) {
            return;
        }
        if known.len() >= MOST {
            known.retain(|_, allowance| !allowance.is_over(now));
        }
        known.insert(whose, allowance);
    }

    /// Takes what is wanted, if it can be had and written down.
    pub fn take(&self, whose: &[u8], wanted: &Wanted, ledger: &Ledger) -> Option<Taken> {
        let mut known = self.known();
        known.get_mut(whose)?.take(wanted, Instant::now, |id, slot, taken| ledger.write(id, slot, taken))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Whose, Allowance>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn said(id: u64) -> String {
        format!("{id} 2 {} 4 0 9 - chat acme /v1/embeddings told requests 9 5 1s", wall() + 1000)
    }

    /// What a brain has written.
    fn begun(id: u64) -> Vec<u8> {
        [0u64, 0, 0, 0, 0, 0, id, 0, 0].map(u64::to_be_bytes).concat()
    }

    #[test]
    fn what_is_learnt_is_taken_and_written_down() {
        let path = std::env::temp_dir().join(format!("tidegate-ledger-{}", std::process::id()));
        let (book, ledger) = (Book::default(), Ledger::named(path.to_str().unwrap()));
        let wanted = Wanted::read("0 - 1 0").unwrap();
        let take = |whose: &[u8]| book.take(whose, &wanted, &ledger);
        let whose = b"chat acme /v1/embeddings";
        assert!(take(whose).is_none(), "nothing is known");
        book.learn(said(7).as_bytes());
        assert!(take(whose).is_none(), "nobody could know");
        fs::write(&path, begun(6)).unwrap();
        assert!(take(whose).is_none(), "another brain's, or another file");
        fs::write(&path, begun(7)).unwrap();
        assert!(take(b"chat globex /v1/embeddings").is_none(), "another client's");
        assert_eq!(take(whose).unwrap().headers[1], ("x-ratelimit-remaining-requests".into(), "8".into()));
        let written = [0u64, 0, 0, 0, 0, 0, 7, 1, 0].map(u64::to_be_bytes).concat();
        assert_eq!(fs::read(&path).unwrap(), written);
        assert!(take(whose).is_some() && take(whose).is_some() && take(whose).is_none(), "little is left");
        book.learn(said(7).as_bytes());
        assert!(take(whose).is_some() && take(whose).is_none(), "four in all");
        book.learn(b"no allowance");
        book.learn(said(8).as_bytes());
        fs::write(&path, begun(8)).unwrap();
        assert!(take(whose).is_some(), "another one");
        book.learn(said(7).as_bytes());
        assert!(take(whose).is_some(), "an answer of before comes late");
        assert_eq!(fs::read(&path).unwrap()[48..], [8u64, 2, 0].map(u64::to_be_bytes).concat());
        fs::remove_file(&path).unwrap();
    }
}
