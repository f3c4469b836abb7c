//! What requests have taken of allowances, in a file that this writes and the brain reads: what was not taken is free again.
//!
//! A slot of twenty-four bytes for each allowance, big endian:
//!
//! | bytes | are                                  |
//! |-------|--------------------------------------|
//! | 0-8   | the allowance's identity             |
//! | 8-16  | requests that were taken             |
//! | 16-24 | tokens that were taken               |
//!
//! `operator/tidegate/brain/limits/ledger.py` reads it.

use crate::beside::Beside;
use std::os::unix::fs::FileExt;

const SLOT: u64 = 24;

/// The file.
pub struct Ledger(Beside);

impl Ledger {
    /// By its name.
    pub fn named(name: &str) -> Ledger {
        Ledger(Beside::named(name, true))
    }

    /// Writes down what was taken of an allowance in all; None if that cannot be, or if the brain has written no allowance of this identity
    /// there before the first request of it: then it reads another file.
    pub fn write(&self, id: u64, slot: u64, taken: (u64, u64)) -> Option<()> {
        let mut bytes = [0; SLOT as usize];
        for (at, number) in [id, taken.0, taken.1].into_iter().enumerate() {
            bytes[at * 8..at * 8 + 8].copy_from_slice(&number.to_be_bytes());
        }
        let (file, place) = (self.0.file()?, slot.checked_mul(SLOT)?);
        if taken.0 == 1 {
            let mut begun = [0; 8];
            file.read_exact_at(&mut begun, place).ok()?;
            (begun == id.to_be_bytes()).then_some(())?;
        }
        file.write_all_at(&bytes, place).ok()
    }
}
