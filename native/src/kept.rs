//! An answer as it goes by, for the brain, which may give it again (`operator/tidegate/envoy/caching.py`).
//!
//! | the answer                                                     | then            |
//! |----------------------------------------------------------------|-----------------|
//! | 200, of a request with a ticket                                | kept            |
//! | the same, and it is one that was kept                          | not kept        |
//! | compressed, longer than the bound, no UTF-8, or it broke off   | not kept        |
//! | another status, or no ticket                                   | not kept        |

use crate::filter::{Host, Side};

/// Says where an answer is from: `hit-...` is one that was kept.
pub const FROM: &str = "x-tidegate-cache";

/// Whether what comes was kept before: nobody has worked for it now.
pub fn is_given_again(host: &dyn Host) -> bool {
    host.header(Side::Response, FROM, 0).is_some_and(|from| from.starts_with(b"hit"))
}

/// One answer.
#[derive(Default)]
pub struct Kept {
    bytes: Option<Vec<u8>>,
    whole: bool,
}

impl Kept {
    /// By its headers; `ticket` is the name of the request's header.
    pub fn begin(&mut self, host: &dyn Host, ticket: &str) {
        let fits = host.header(Side::Request, ticket, 0).is_some()
            && host.header(Side::Response, ":status", 0) == Some(b"200")
            && host.header(Side::Response, "content-encoding", 0).is_none()
            && !is_given_again(host);
        self.bytes = fits.then(Vec::new);
    }

    /// The piece of this hook, as an engine gave it; `most` bytes in all.
    pub fn feed(&mut self, host: &dyn Host, most: usize, end: bool) {
        let Some(bytes) = &mut self.bytes else { return };
        if bytes.len() + host.body_size(Side::Response) > most {
            self.bytes = None;
            return;
        }
        host.each_slice(Side::Response, &mut |slice| bytes.extend_from_slice(slice));
        self.whole |= end;
    }

    /// What there is of it, if it is whole.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        let bytes = self.bytes.take()?;
        (self.whole && std::str::from_utf8(&bytes).is_ok()).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn answered(status: &str, headers: &[(&str, &str)]) -> Fake {
        let mut host = Fake::default();
        host.set_header(Side::Request, "x-ticket", b"1");
        host.set_header(Side::Response, ":status", status.as_bytes());
        for (name, value) in headers {
            host.set_header(Side::Response, name, value.as_bytes());
        }
        host
    }

    fn kept(mut host: Fake, pieces: &[&[u8]], end: bool) -> Option<Vec<u8>> {
        let mut kept = Kept::default();
        kept.begin(&host, "x-ticket");
        for (i, piece) in pieces.iter().enumerate() {
            host.piece = vec![piece.to_vec()];
            kept.feed(&host, 8, end && i + 1 == pieces.len());
        }
        kept.take()
    }

    #[test]
    fn each_row() {
        assert_eq!(kept(answered("200", &[]), &[b"ab", b"", b"cd"], true).unwrap(), b"abcd");
        assert_eq!(kept(answered("200", &[("x-tidegate-cache", "miss")]), &[b"ab"], true).unwrap(), b"ab");
        assert_eq!(kept(answered("200", &[("x-tidegate-cache", "hit-exact")]), &[b"ab"], true), None);
        assert_eq!(kept(answered("200", &[("content-encoding", "gzip")]), &[b"ab"], true), None);
        assert_eq!(kept(answered("200", &[]), &[b"12345", b"6789"], true), None, "too long");
        assert_eq!(kept(answered("200", &[]), &[b"\xff"], true), None, "no UTF-8");
        assert_eq!(kept(answered("200", &[]), &[b"ab"], false), None, "broke off");
        assert_eq!(kept(answered("429", &[]), &[b"ab"], true), None);
        let mut nobody = answered("200", &[]);
        nobody.remove_header(Side::Request, "x-ticket");
        assert_eq!(kept(nobody, &[b"ab"], true), None, "no ticket");
    }
}
