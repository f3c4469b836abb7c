//! What the brain says of the answers that it has given, in a file that it writes and this reads: sixteen bytes, big endian.
//!
//! | bytes | are                                                                                     |
//! |-------|-----------------------------------------------------------------------------------------|
//! | 0-8   | the epoch: whatever was given in another one may not be given again                     |
//! | 8-16  | milliseconds of the world's clock until which that holds: a brain that hangs or has ended says nothing |
//!
//! `operator/tidegate/brain/cache/leases.py` writes it.

use std::env;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;

/// <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/advanced/dynamic_modules>
const FOLDER: &str = "ENVOY_DYNAMIC_MODULES_SEARCH_PATH";

/// Where it stands.
pub struct Word {
    path: PathBuf,
    file: OnceLock<File>,
}

impl Word {
    /// By its name in the folder where Envoy finds this module, too: that which it shares with the brain. It need not be there yet; it is
    /// opened once, so whoever writes it must never replace it.
    pub fn named(name: &str) -> Word {
        Word { path: PathBuf::from(env::var_os(FOLDER).unwrap_or_default()).join(name), file: OnceLock::new() }
    }

    /// The epoch, if there is one at `now`, in milliseconds.
    pub fn epoch(&self, now: u64) -> Option<u64> {
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let file = File::open(&self.path).ok()?;
                self.file.get_or_init(|| file)
            }
        };
        let mut bytes = [0; 16];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let number = |at: usize| bytes[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        (number(8) > now).then(|| number(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn it_may_come_later_and_runs_out() {
        let path = std::env::temp_dir().join(format!("tidegate-word-{}", std::process::id()));
        let word = Word::named(path.to_str().unwrap());
        assert_eq!(word.epoch(0), None, "it is not there");
        fs::write(&path, [7u64.to_be_bytes(), 100u64.to_be_bytes()].concat()).unwrap();
        assert_eq!((word.epoch(99), word.epoch(100)), (Some(7), None));
        fs::write(&path, b"short").unwrap();
        assert_eq!(word.epoch(0), None);
        fs::remove_file(&path).unwrap();
    }
}
