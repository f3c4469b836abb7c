//! The filter of a request: names its model in a header for the routes and says where it stands, so that the filter after the
//! choice of an engine can splice bytes; the body itself is not touched. On the way back it passes events on whole, reads
//! what the answer says of its tokens, and ends a stream that breaks off.
//!
//! | path                | method      | content-encoding | then                                                      |
//! |---------------------|-------------|------------------|-----------------------------------------------------------|
//! | one of our own      | GET or HEAD | any              | named in a header, and the routes answer                  |
//! | one of our own      | another     | any              | 405                                                       |
//! | any, by a browser's | OPTIONS     | any              | 405: who may ask has been answered before                 |
//! |   page in advance   |             |                  |                                                           |
//! | another             | any         | any              | 404                                                       |
//! | one of an engine's  | another     | any              | 405                                                       |
//! | one of an engine's  | POST        | a compression    | 415                                                       |
//! | one of an engine's  | POST        | none             | the body decides, once it is there: 413, 400, or a model  |
//!
//! Where clients have keys, whoever shows none that is known is refused before all that (clients.rs), but for a page that asks in
//! advance, which has no key to show and gets its 405. A slash at the end of a path is taken off. An attempt at a stream may have a limit of its own until its first byte: until
//! then the filter of the attempt holds what Envoy would take for the beginning of the answer.

mod headers;
pub mod limits;
mod paths;
mod told;

use crate::allowance::Taken;
use crate::answer::{refusal, Answer, Api};
use crate::clients::Stranger;
use crate::end;
use crate::events::{without_usage, Events, Passed};
use crate::external;
use crate::fault::Fault;
use crate::filter::{Farewell, Filter, Host, Request, Response, Side};
use crate::kept::{is_given_again, Kept};
use crate::model::Finder;
use crate::prefix::Prefix;
use crate::splice::Place;
use crate::usage::Usage;
use headers::{asks_in_advance, finder, is_compressed, is_open, is_stream, name_answerer, name_request};
pub use paths::Config;
use paths::{split, Kind};
use std::sync::Arc;
use std::time::Instant;

/// Read, and taken off, by Envoy's router; a client's own is dropped before.
/// <https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/router_filter#x-envoy-upstream-rq-per-try-timeout-ms>
const ATTEMPT_TIMEOUT: &str = "x-envoy-upstream-rq-per-try-timeout-ms";
/// As `operator/tidegate/names.py` has it: how many were asked.
const ATTEMPTS: &str = "x-tidegate-attempts";
const BEARER: (&str, &str) = ("www-authenticate", "Bearer");
/// As `operator/tidegate/envoy/limits.py` has it.
const AGAIN: (&str, &str) = ("retry-after", "5");
const NO_PATH: &str = "there is no such path; models are asked at /v1/chat/completions and its siblings";
const COMPRESSED: &str = "the body must come without content-encoding: engines do not decompress";
const NO_BROWSER: &str =
    "pages of this origin may not ask from a browser: spec.router.cors of the RoutingPolicy says which may";

/// One request and its answer.
pub struct Route {
    config: Arc<Config>,
    api: Api,
    /// While the body comes.
    finder: Option<Finder>,
    prefix: Prefix,
    /// What is answered once the rest of the body has been taken.
    refused: Option<Answer>,
    begun: Instant,
    /// Whether its first bytes are waited for.
    timed: bool,
    /// Microseconds until they came.
    first: Option<usize>,
    usage: Usage,
    /// Of an answer that is a stream which has not ended.
    stream: Option<Stream>,
    ours: bool,
    /// It ended without its end, or the engine told of an error in it.
    broken: bool,
    /// The engine is asked for the usage of a stream if the client did not ask.
    may_ask: bool,
    /// It was.
    asked: bool,
    /// Events of a stream.
    passed: Passed,
    /// The answer, where the brain wants it.
    kept: Kept,
    /// It was kept before: its tokens are nobody's work.
    again: bool,
    /// Of what limits allow without a question.
    taken: Option<Taken>,
}

struct Stream {
    events: Events,
    fault: Fault,
    /// A body whose end the client must be told (RFC 9112 section 6.3).
    chunked: bool,
}

impl Route {
    /// At its beginning.
    pub fn new(config: Arc<Config>) -> Route {
        Route {
            config,
            api: Api::OpenAi,
            finder: None,
            prefix: Prefix::default(),
            refused: None,
            begun: Instant::now(),
            timed: false,
            first: None,
            usage: Usage::default(),
            stream: None,
            ours: false,
            broken: false,
            may_ask: false,
            asked: false,
            passed: Passed::default(),
            kept: Kept::default(),
            again: false,
            taken: None,
        }
    }

    fn refuse(&self, host: &dyn Host, status: u32, message: &str) -> Request {
        let name = host.header(Side::Request, "x-request-id", 0).unwrap_or_default();
        Request::Answer(refusal(self.api, status, message, name))
    }

    fn not_allowed(&self, host: &dyn Host, message: &str, allow: &'static str) -> Request {
        let name = host.header(Side::Request, "x-request-id", 0).unwrap_or_default();
        Request::Answer(Answer { more: Some(("allow", allow)), ..refusal(self.api, 405, message, name) })
    }

    /// Notes who asks; an answer for somebody who may not.
    fn admitted(&self, host: &mut dyn Host) -> Option<Request> {
        let clients = self.config.clients.as_ref()?;
        if asks_in_advance(host) {
            return None;
        }
        let path = split(host.header(Side::Request, ":path", 0).unwrap_or_default()).0;
        match clients.who(host, path) {
            Ok(client) => {
                if let Some(name) = client {
                    host.set_text("client", &name);
                }
                None
            }
            Err(stranger) => Some(self.turned_away(host, &stranger)),
        }
    }

    fn turned_away(&self, host: &dyn Host, stranger: &Stranger) -> Request {
        let name = host.header(Side::Request, "x-request-id", 0).unwrap_or_default();
        let Stranger(status, message) = *stranger;
        let more = if status == 401 { BEARER } else { AGAIN };
        Request::Answer(Answer { more: Some(more), ..refusal(self.api, status, message, name) })
    }

    /// A path that needs no engine.
    fn own(&self, host: &mut dyn Host, path: &[u8]) -> Request {
        if !matches!(host.header(Side::Request, ":method", 0), Some(b"GET" | b"HEAD")) {
            return self.not_allowed(host, "this path takes GET", "GET, HEAD");
        }
        host.set_header(Side::Request, &self.config.headers.own, path);
        host.clear_route_cache();
        Request::Continue
    }

    /// Another path.
    fn engines(&mut self, host: &mut dyn Host, path: &[u8], kind: Option<Kind>, end: bool) -> Request {
        if asks_in_advance(host) {
            return self.not_allowed(host, NO_BROWSER, "GET, POST");
        }
        let Some(kind) = kind else {
            return self.refuse(host, 404, self.config.elsewhere(path).unwrap_or(NO_PATH));
        };
        if host.header(Side::Request, ":method", 0) != Some(b"POST") {
            return self.not_allowed(host, "this path takes POST", "POST");
        }
        if is_compressed(host) {
            return self.refuse(host, 415, COMPRESSED);
        }
        self.finder = Some(finder(host, kind));
        if end {
            self.finish(host)
        } else {
            Request::Wait
        }
    }

    /// A path that is not of engines.
    fn rare(&mut self, host: &mut dyn Host, kind: Option<Kind>, end: bool) -> Request {
        let path = split(host.header(Side::Request, ":path", 0).unwrap_or_default()).0.to_vec();
        match kind {
            Some(Kind::Own) => self.own(host, &path),
            _ => self.engines(host, &path, kind, end),
        }
    }

    /// The whole body is there.
    fn decide(&mut self, host: &mut dyn Host, finder: &mut Finder) -> Request {
        let dropped = host.header(Side::Request, &self.config.headers.large, 0).is_some();
        if dropped || finder.seen() > self.config.largest {
            return self.refuse(host, 413, &self.config.too_large);
        }
        let found = match finder.finish() {
            Err(wrong) => return self.refuse(host, 400, wrong),
            Ok(found) => found,
        };
        if let Some(prefix) = self.prefix.value(finder.prompt().1.is_some()) {
            host.set_header(Side::Request, &self.config.prefix, prefix.to_string().as_bytes());
        }
        let ask = if self.may_ask { finder.usage_place() } else { None };
        self.asked = ask.is_some();
        // four numbers of twenty digits at most
        let mut text = [0; 96];
        let mut used = 0;
        Place { first: found.first, end: found.end, length: finder.seen(), ask }.write(|piece| {
            text[used..used + piece.len()].copy_from_slice(piece);
            used += piece.len();
        });
        self.taken =
            self.config.limits.as_ref().and_then(|limits| limits.ask(host, found.name.as_bytes(), &finder.wish()));
        host.set_header(Side::Request, &self.config.headers.model, found.name.as_bytes());
        host.set_header(Side::Request, &self.config.headers.splice, &text[..used]);
        if finder.streams() && !self.config.first_token.is_empty() {
            host.set_header(Side::Request, ATTEMPT_TIMEOUT, &self.config.first_token);
        }
        host.clear_route_cache();
        Request::Continue
    }

    /// Some of an answer that may be a stream.
    fn read_stream(&mut self, host: &mut dyn Host, end: bool) {
        let Some(stream) = &mut self.stream else { return };
        if self.config.end || self.asked {
            stream.events.pass(host, end);
        }
        host.each_slice(Side::Response, &mut |slice| {
            stream.fault.feed(slice);
            self.passed.feed(slice);
        });
        self.broken |= stream.fault.told;
        if end {
            self.stream = None;
        }
    }

    /// Over HTTP/2 a body that still comes is taken, and dropped, before its request is refused: clients that send when their
    /// stream ends show its end and not the answer.
    fn later(&mut self, host: &dyn Host, decided: Request, end: bool) -> Request {
        match decided {
            Request::Answer(answer) if !end && host.protocol() == Some(b"HTTP/2") => {
                self.refused = Some(answer);
                Request::Wait
            }
            decided => decided,
        }
    }

    /// The last attempt may have been one at a provider.
    fn as_asked(&self, host: &mut dyn Host) {
        if host.header(Side::Request, &self.config.headers.splice, 0).is_none() {
            external::restore(host);
        }
    }

    fn finish(&mut self, host: &mut dyn Host) -> Request {
        if let Some(answer) = self.refused.take() {
            return Request::Answer(answer);
        }
        match self.finder.take() {
            None => Request::Continue,
            Some(mut finder) => self.decide(host, &mut finder),
        }
    }
}

impl Filter for Route {
    fn request_headers(&mut self, host: &mut dyn Host, end: bool) -> Request {
        let asked = host.header(Side::Request, ":path", 0).unwrap_or_default();
        let (path, query) = split(asked);
        let kind = self.config.kind(path);
        self.api = Api::of(path);
        self.may_ask = self.config.asks_usage(path);
        if path.len() + query.len() != asked.len() {
            let shorter = [path, query].concat();
            host.set_header(Side::Request, ":path", &shorter);
        }
        let decided = self.admitted(host).unwrap_or_else(|| match kind {
            // most paths are those of engines, which need no copy
            Some(Kind::Json | Kind::Form) => self.engines(host, b"", kind, end),
            _ => self.rare(host, kind, end),
        });
        self.later(host, decided, end)
    }

    fn request_body(&mut self, host: &mut dyn Host, end: bool) -> Request {
        if self.refused.is_some() {
            let size = host.body_size(Side::Request);
            host.drain(Side::Request, size);
            return if end { self.finish(host) } else { Request::Wait };
        }
        let Some(finder) = &mut self.finder else { return Request::Continue };
        let (prefix, wanted) = (&mut self.prefix, !self.config.prefix.is_empty());
        host.each_slice(Side::Request, &mut |slice| {
            let before = finder.seen();
            finder.feed(slice);
            if wanted {
                let (first, end) = finder.prompt();
                prefix.feed(slice, before, first, end);
            }
        });
        if end {
            self.finish(host)
        } else {
            Request::Wait
        }
    }

    fn request_trailers(&mut self, host: &mut dyn Host) -> Request {
        self.finish(host)
    }

    fn response_headers(&mut self, host: &mut dyn Host, end: bool) -> Response {
        if self.api == Api::Anthropic {
            name_request(host);
        }
        if self.ours && host.header(Side::Response, ATTEMPTS, 0) == Some(b"0") {
            name_answerer(host);
        }
        self.timed = is_stream(host);
        if self.timed && !end && !self.ours && is_open(host) {
            let chunked = host.protocol() == Some(b"HTTP/1.1");
            self.stream = Some(Stream { events: Events::default(), fault: Fault::default(), chunked });
        }
        if self.config.kept.0 > 0 {
            self.again = is_given_again(host);
            if !self.ours {
                self.kept.begin(host, &self.config.kept.1);
            }
        }
        if let Some(limits) = &self.config.limits {
            limits.answered(host, self.taken.as_ref());
        }
        // what has a length must keep it
        self.asked &= self.stream.is_some();
        Response::Continue
    }

    fn response_body(&mut self, host: &mut dyn Host, end: bool) -> Response {
        if self.timed && host.body_size(Side::Response) > 0 {
            self.timed = false;
            self.first = Some(self.begun.elapsed().as_micros() as usize);
        }
        self.kept.feed(host, self.config.kept.0, end);
        if self.again {
            return Response::Continue;
        }
        self.read_stream(host, end);
        let before = self.usage.told;
        host.each_slice(Side::Response, &mut |slice| self.usage.feed(slice));
        if self.asked && self.usage.told > before {
            without_usage(host);
        }
        Response::Continue
    }

    /// What is answered goes by the path that was asked for.
    fn local_reply(&mut self, host: &mut dyn Host, status: u32) -> Option<Farewell> {
        self.ours = true;
        self.kept = Kept::default();
        self.as_asked(host);
        let Stream { events, chunked, .. } = self.stream.take()?;
        self.broken = true;
        let event = end::event(self.api, status, events.open());
        self.config.end.then_some(Farewell { event, chunked })
    }

    fn complete(&mut self, host: &mut dyn Host) {
        self.as_asked(host);
        if let Some(answer) = self.kept.take().filter(|_| !self.broken) {
            host.set_text("answer", &answer);
        }
        let Usage { prompt, cached, completion, .. } = self.usage;
        let events = (self.config.limits.is_some() && self.passed.count > 0).then_some(self.passed.count);
        let broken = (self.broken || self.stream.is_some()).then_some(1);
        if let Some(text) = told::written([self.first, prompt, cached, completion, events, broken]) {
            host.set_text("told", &text);
        }
    }
}

#[cfg(test)]
mod tests;
