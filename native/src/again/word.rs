//! What the brain says of the answers that it has given, in a file that it writes and this reads: sixteen bytes, big endian.
//!
//! | bytes | are                                                                                     |
//! |-------|-----------------------------------------------------------------------------------------|
//! | 0-8   | the epoch: whatever was given in another one may not be given again                     |
//! | 8-16  | milliseconds of the world's clock until which that holds: a brain that hangs or has ended says nothing |
//!
//! `operator/tidegate/brain/cache/leases.py` writes it.

use crate::beside::Beside;
use std::os::unix::fs::FileExt;

/// Milliseconds: a little more than a brain says (`HOLDS` there). What holds for longer was said before the clock went back.
pub const HOLDS: u64 = 1100;

/// Where it stands.
pub struct Word {
    beside: Beside,
    holds: u64,
}

impl Word {
    /// By the name of its file; it holds for so many milliseconds at most.
    pub fn named(name: &str, holds: u64) -> Word {
        Word { beside: Beside::named(name, false), holds }
    }

    /// The epoch, if there is one at `now`, in milliseconds.
    pub fn epoch(&self, now: u64) -> Option<u64> {
        let mut bytes = [0; 16];
        self.beside.file()?.read_exact_at(&mut bytes, 0).ok()?;
        let number = |at: usize| bytes[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let until = number(8);
        (until > now && until - now <= self.holds).then(|| number(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn it_may_come_later_and_runs_out() {
        let path = std::env::temp_dir().join(format!("tidegate-word-{}", std::process::id()));
        let word = Word::named(path.to_str().unwrap(), 50);
        assert_eq!(word.epoch(0), None, "it is not there");
        fs::write(&path, [7u64.to_be_bytes(), 100u64.to_be_bytes()].concat()).unwrap();
        assert_eq!((word.epoch(99), word.epoch(100)), (Some(7), None));
        assert_eq!((word.epoch(50), word.epoch(49)), (Some(7), None), "the clock went back");
        fs::write(&path, b"short").unwrap();
        assert_eq!(word.epoch(0), None);
        fs::remove_file(&path).unwrap();
    }
}
