//! A filter that breaks where a request's header `x-panics` says, for the tests that show that nothing else breaks. No router
//! is configured with it.

use crate::filter::{Filter, Host, Request, Response, Side};

/// One stream.
pub struct Panics;

fn here(host: &dyn Host, hook: &str) {
    if host.header(Side::Request, "x-panics", 0) == Some(hook.as_bytes()) {
        panic!("on purpose, in {hook}");
    }
}

impl Filter for Panics {
    fn request_headers(&mut self, host: &mut dyn Host, _end: bool) -> Request {
        here(host, "request_headers");
        Request::Continue
    }

    fn request_body(&mut self, host: &mut dyn Host, _end: bool) -> Request {
        here(host, "request_body");
        Request::Continue
    }

    fn response_headers(&mut self, host: &mut dyn Host, _end: bool) -> Response {
        here(host, "response_headers");
        Response::Continue
    }

    fn response_body(&mut self, host: &mut dyn Host, _end: bool) -> Response {
        here(host, "response_body");
        Response::Continue
    }

    fn complete(&mut self, host: &mut dyn Host) {
        here(host, "complete");
    }
}
