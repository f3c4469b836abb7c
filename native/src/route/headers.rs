//! What the route filter reads of a request's and an answer's headers.

use super::paths::Kind;
use crate::answer::REQUEST_ID;
use crate::filter::{Host, Side};
use crate::form::Form;
use crate::model::Finder;
use crate::scanner::Scanner;

/// What reads a body of this kind.
pub fn finder(host: &dyn Host, kind: Kind) -> Finder {
    match kind {
        Kind::Form => Finder::Form(Form::new(host.header(Side::Request, "content-type", 0).unwrap_or_default())),
        _ => Finder::Json(Scanner::default()),
    }
}

/// A browser does, for a page of another origin (<https://fetch.spec.whatwg.org/#cors-preflight-fetch>).
pub fn asks_in_advance(host: &dyn Host) -> bool {
    let method = host.header(Side::Request, ":method", 0);
    method == Some(b"OPTIONS") && host.header(Side::Request, "access-control-request-method", 0).is_some()
}

/// Nobody could read it then.
pub fn is_compressed(host: &dyn Host) -> bool {
    let values = (0..).map_while(|index| host.header(Side::Request, "content-encoding", index));
    values.into_iter().any(|value| !value.eq_ignore_ascii_case(b"identity"))
}

/// Its answer tells its name.
pub fn name_request(host: &mut dyn Host) {
    if let Some(name) = host.header(Side::Request, "x-request-id", 0).map(<[u8]>::to_vec) {
        host.set_header(Side::Response, REQUEST_ID, &name);
    }
}

/// Whether an answer is one of events, to which some may be added.
pub fn is_stream(host: &dyn Host) -> bool {
    let kind = host.header(Side::Response, "content-type", 0).unwrap_or_default();
    let fixed = |name: &str| host.header(Side::Response, name, 0).is_some();
    kind.starts_with(b"text/event-stream") && !fixed("content-length") && !fixed("content-encoding")
}
