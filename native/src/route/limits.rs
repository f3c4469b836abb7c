//! Of the route filter: whether the brain has to be asked for room in a policy's limits.

use crate::allowance::book::Book;
use crate::allowance::ledger::Ledger;
use crate::allowance::{Taken, Wanted};
use crate::filter::{Host, Side};
use crate::route::paths::split;

/// Where a policy has some.
pub struct Limits {
    /// The header of its answer in which the brain gives allowances.
    pub allowance: String,
    /// Where it reads what was taken.
    pub ledger: Ledger,
}

impl Limits {
    /// Notes for the brain's filter what is asked for, or that nobody has to be asked.
    pub fn ask(&self, host: &mut dyn Host, model: &[u8], wish: &str) -> Option<Taken> {
        let taken = self.take(host, model, wish);
        match &taken {
            Some(taken) => {
                host.set_text("allowed", b"1");
                if !taken.reserved.is_empty() {
                    host.set_text("reserved", taken.reserved.as_bytes());
                }
            }
            None => host.set_text("asks", wish.as_bytes()),
        }
        taken
    }

    fn take(&self, host: &dyn Host, model: &[u8], wish: &str) -> Option<Taken> {
        let client = host.text("client");
        // without its query, as the brain has it
        let path = split(host.header(Side::Request, ":path", 0)?).0;
        let whose = [model, client.as_deref().unwrap_or(b"-"), path].join(&b' ');
        Book::shared().take(&whose, &Wanted::read(wish)?, &self.ledger)
    }

    /// Tells the client what is left, and learns an allowance that no engine's filter has read.
    pub fn answered(&self, host: &mut dyn Host, taken: Option<&Taken>) {
        Book::shared().learn_of(host, &self.allowance);
        for (name, value) in taken.into_iter().flat_map(|taken| &taken.headers) {
            host.set_header(Side::Response, name, value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::wall;
    use crate::fake::Fake;
    use std::fs;

    #[test]
    fn who_has_an_allowance_asks_nobody() {
        let path = std::env::temp_dir().join(format!("tidegate-limits-{}", std::process::id()));
        fs::write(&path, [1u64, 0, 0].map(u64::to_be_bytes).concat()).unwrap();
        let ledger = Ledger::named(path.to_str().unwrap());
        let limits = Limits { allowance: "x-allowance".into(), ledger };
        let mut host = Fake::default();
        host.set_header(Side::Request, ":path", b"/v1/x");
        assert_eq!(limits.ask(&mut host, b"limited", "8 2 1 0"), None);
        assert_eq!((host.texts["asks"].as_slice(), host.texts.get("allowed")), (&b"8 2 1 0"[..], None));
        let until = wall() + 1000;
        let said = format!("1 0 {until} 9 99 9 9 limited - /v1/x told tokens 60 40 1s reserved key 9 2000");
        host.answers.insert("x-allowance".into(), said.into_bytes());
        limits.answered(&mut host, None);
        let mut host = Fake::default();
        host.set_header(Side::Request, ":path", b"/v1/x?of=theirs");
        let taken = limits.ask(&mut host, b"limited", "8 2 1 0");
        assert_eq!((host.texts["allowed"].as_slice(), host.texts.get("asks")), (&b"1"[..], None));
        assert_eq!(host.texts["reserved"], b"2 key 9 4 2000");
        limits.answered(&mut host, taken.as_ref());
        assert_eq!(host.header(Side::Response, "x-ratelimit-remaining-tokens", 0), Some(&b"135"[..]));
        fs::remove_file(&path).unwrap();
    }
}
