//! What the route filter reads of a request's and an answer's headers.

use super::paths::Kind;
use crate::answer::REQUEST_ID;
use crate::filter::{Host, Side};
use crate::form::Form;
use crate::kept::is_given_again;
use crate::model::Finder;
use crate::scanner::Scanner;

/// Who answered, as `operator/tidegate/names.py` has it.
const ANSWERED_BY: [&str; 2] = ["x-tidegate-backend", "x-tidegate-revision"];

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

/// Whether an answer is one of events.
pub fn is_stream(host: &dyn Host) -> bool {
    host.header(Side::Response, "content-type", 0).unwrap_or_default().starts_with(b"text/event-stream")
}

/// Whether some may be added to it.
pub fn is_open(host: &dyn Host) -> bool {
    let fixed = |name: &str| host.header(Side::Response, name, 0).is_some();
    !fixed("content-length") && !fixed("content-encoding")
}

/// The route has named whom it would have asked, where nobody was. An answer that is
/// given again has another one (again.rs), any other of ours none.
pub fn name_answerer(host: &mut dyn Host) {
    let again = is_given_again(host);
    for name in ANSWERED_BY {
        let who = host.header(Side::Request, name, 0).filter(|_| again).map(<[u8]>::to_vec);
        match who {
            Some(who) => host.set_header(Side::Response, name, &who),
            None => host.remove_header(Side::Response, name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn an_answer_that_is_given_again_names_who_gave_it() {
        for (from, named) in [("hit-memory", Some(&b"small"[..])), ("miss", None)] {
            let mut host = Fake::default();
            host.set_header(Side::Request, "x-tidegate-backend", b"small");
            host.set_header(Side::Response, "x-tidegate-backend", b"large");
            host.set_header(Side::Response, "x-tidegate-revision", b"r2");
            host.set_header(Side::Response, "x-tidegate-cache", from.as_bytes());
            name_answerer(&mut host);
            assert_eq!(host.header(Side::Response, "x-tidegate-backend", 0), named);
            assert_eq!(host.header(Side::Response, "x-tidegate-revision", 0), None);
        }
    }
}
