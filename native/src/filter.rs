//! What a filter is asked by Envoy, and what it may ask of Envoy. A filter decides; `abi.rs` acts.

use crate::answer::Answer;
use std::sync::Arc;

/// Of a request or of its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// From client to engine.
    Request,
    /// From engine to client.
    Response,
}

/// Envoy's end of one stream, as long as a hook runs.
pub trait Host {
    /// The value of the header that stands there as the `index`th of this name.
    fn header(&self, side: Side, name: &str, index: usize) -> Option<&[u8]>;
    /// In place of all headers of this name.
    fn set_header(&mut self, side: Side, name: &str, value: &[u8]);
    /// All headers of this name.
    fn remove_header(&mut self, side: Side, name: &str);
    /// Bytes of the body that this hook was called for.
    fn body_size(&self, side: Side) -> usize;
    /// The same bytes, as they lie.
    fn each_slice(&self, side: Side, each: &mut dyn FnMut(&[u8]));
    /// Takes `count` of them off, from the first.
    fn drain(&mut self, side: Side, count: usize);
    /// Adds some after the last.
    fn append(&mut self, side: Side, bytes: &[u8]);
    /// The route is chosen anew, by the headers as they are.
    fn clear_route_cache(&mut self);
    /// What the client speaks: `HTTP/1.1` and so on.
    fn protocol(&self) -> Option<&[u8]>;
    /// Writes a number into the dynamic metadata `tidegate`.
    fn set_number(&mut self, key: &str, value: f64);
    /// Writes a text there.
    fn set_text(&mut self, key: &str, value: &[u8]);
    /// What was written there: the attempts of a request have one.
    fn text(&self, key: &str) -> Option<Vec<u8>>;
    /// What the brain has said with the answer to a question, in a header that Envoy keeps for us.
    fn answer(&self, header: &str) -> Option<Vec<u8>>;
}

/// For how long the brain lets one of its answers be given again. Times are milliseconds of the world's clock.
#[derive(PartialEq, Eq, Debug)]
pub struct Lease {
    /// Of the brain's word, in which it is given.
    pub epoch: u64,
    /// When an engine gave the answer.
    pub stored: u64,
    /// When it ends.
    pub until: u64,
    /// By what the brain hears that the answer was given again.
    pub ticket: Vec<u8>,
}

impl Lease {
    /// Of `EPOCH STORED UNTIL TICKET`; None if it is none.
    pub fn read(text: &[u8]) -> Option<Lease> {
        let mut words = std::str::from_utf8(text).ok()?.splitn(4, ' ');
        let mut number = || words.next()?.parse().ok();
        let (epoch, stored, until) = (number()?, number()?, number()?);
        Some(Lease { epoch, stored, until, ticket: words.next()?.as_bytes().to_vec() })
    }
}

/// An answer of 200 that is given again.
#[derive(PartialEq, Eq, Debug)]
pub struct Given {
    /// Those that belong to it.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole.
    pub body: Vec<u8>,
    /// The brain's.
    pub lease: Lease,
}

impl Given {
    /// Seconds since an engine gave it.
    pub fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.lease.stored) / 1000
    }
}

/// What to do with a part of a request.
pub enum Request {
    /// Pass it on.
    Continue,
    /// Keep it, with what came before, until there is more.
    Wait,
    /// Answer; no engine is asked.
    Answer(Answer),
    /// The same with an answer that was given before, at this moment in milliseconds.
    Given(Arc<Given>, u64),
}

/// What to do with a part of an answer.
#[derive(PartialEq, Eq, Debug)]
pub enum Response {
    /// Pass it on.
    Continue,
    /// Keep headers until there is a body.
    Hold,
}

/// What a client is told when its answer breaks off.
pub struct Farewell {
    /// The last bytes of the body.
    pub event: Vec<u8>,
    /// Whether the end of a chunked body (RFC 9112 section 7.1) must follow.
    pub chunked: bool,
}

/// One stream in one filter.
pub trait Filter {
    /// `end`: no body follows. The same below.
    fn request_headers(&mut self, _host: &mut dyn Host, _end: bool) -> Request {
        Request::Continue
    }
    /// Some of the body.
    fn request_body(&mut self, _host: &mut dyn Host, _end: bool) -> Request {
        Request::Continue
    }
    /// After the body.
    fn request_trailers(&mut self, _host: &mut dyn Host) -> Request {
        Request::Continue
    }
    /// Of the engine, or of Envoy itself.
    fn response_headers(&mut self, _host: &mut dyn Host, _end: bool) -> Response {
        Response::Continue
    }
    /// Some of the body.
    fn response_body(&mut self, _host: &mut dyn Host, _end: bool) -> Response {
        Response::Continue
    }
    /// Envoy is about to answer by itself, or to break an answer off that has begun: `status` says why.
    fn local_reply(&mut self, _host: &mut dyn Host, _status: u32) -> Option<Farewell> {
        None
    }
    /// Nothing more comes; the access log is written next.
    fn complete(&mut self, _host: &mut dyn Host) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases() {
        let lease = Lease { epoch: 7, stored: 8, until: 9, ticket: b"+chat 0a".to_vec() };
        assert_eq!(Lease::read(b"7 8 9 +chat 0a"), Some(lease));
        for wrong in [&b""[..], b"7 8 9", b"7 8 x y", b"-7 8 9 y", b"\xff"] {
            assert_eq!(Lease::read(wrong), None);
        }
    }
}
