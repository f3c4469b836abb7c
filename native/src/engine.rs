//! The filter of one attempt: puts the engine's own name where the public one stands, holds the answer's headers until
//! there is something to read, and tells an engine that is shutting down. For a provider outside it addresses the request, too.
//!
//! | answer                                        | then                                                       |
//! |-----------------------------------------------|------------------------------------------------------------|
//! | 200 with a body to come                       | headers wait for its first byte; an engine that breaks off |
//! |                                               |   or keeps silent until then is one that did not answer    |
//! | 500 with `connection: close`                  | marked: the engine is draining, another is asked           |
//! | 400, 401 of a provider                        | read to its end (refused.rs)                               |
//! | otherwise                                     | passed on                                                  |

use crate::allowance::book::Book;
use crate::config::Headers;
use crate::digits::Digits;
use crate::external::{restore, External};
use crate::filter::{Filter, Host, Request, Response, Side};
use crate::refused::Refused;
use crate::splice::{apply, Edit, Place};
use std::sync::Arc;

/// A member that the engine gets besides, where the route filter says so.
/// <https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options>
const ASK_USAGE: &[u8] = b"\"stream_options\":{\"include_usage\":true},";

/// The same for all attempts at a destination.
pub struct Config {
    /// What its engines call the model.
    pub model: Vec<u8>,
    /// Absent for engines of ours.
    pub external: Option<External>,
    /// Whether headers are held.
    pub hold: bool,
    /// Header that marks an answer which says that the context is too long; empty: nobody wants to know.
    pub longer: String,
    /// Header that marks a provider's answer which says that our key is wrong.
    pub refused: String,
    /// Header of the brain's answer that says what passes without a question; empty: nobody asks.
    pub allowance: String,
    /// Headers that the filters tell each other things in.
    pub headers: Headers,
}

/// One attempt.
pub struct Engine {
    config: Arc<Config>,
    /// What to change in the body, if anything.
    edits: Option<[Edit; 2]>,
    /// Bytes of the body so far.
    at: usize,
    held: bool,
    /// An answer that is read first.
    read: Option<Refused>,
}

impl Engine {
    /// At its beginning.
    pub fn new(config: Arc<Config>) -> Engine {
        Engine { config, edits: None, at: 0, held: false, read: None }
    }

    /// The piece of this hook, changed.
    fn splice(&self, host: &mut dyn Host, edits: [Edit; 2], size: usize) {
        let texts: [&[u8]; 2] = [ASK_USAGE, &self.config.model];
        let mut piece = Vec::with_capacity(size + ASK_USAGE.len() + self.config.model.len());
        let mut at = self.at;
        host.each_slice(Side::Request, &mut |slice| {
            apply(&edits, texts, at, slice, &mut piece);
            at += slice.len();
        });
        host.drain(Side::Request, size);
        host.append(Side::Request, &piece);
    }
}

impl Filter for Engine {
    /// Each attempt begins with the headers that the last one left, and with the body as the client sent it. At every
    /// moment the length must be that of the body: an engine would take what is left over for another request.
    fn request_headers(&mut self, host: &mut dyn Host, _end: bool) -> Request {
        let names = &self.config.headers;
        if !self.config.longer.is_empty() {
            host.remove_header(Side::Request, &self.config.longer);
        }
        if !self.config.allowance.is_empty() {
            Book::shared().learn_of(host, &self.config.allowance);
        }
        if host.header(Side::Request, &names.splice, 0).is_none() {
            restore(host);
        }
        let Some(place) = host.header(Side::Request, &names.splice, 0).and_then(Place::read) else {
            return Request::Continue;
        };
        let model = &self.config.model;
        let same = host.header(Side::Request, &names.model, 0) == Some(model) && place.end - place.first == model.len();
        let edits = place.edits();
        self.edits = (!same || place.ask.is_some()).then_some(edits);
        let grown = edits[0].grows(ASK_USAGE) + edits[1].grows(model);
        host.set_header(Side::Request, "content-length", Digits::of(grown + place.length - edits[1].gone()).as_bytes());
        if let Some(external) = &self.config.external {
            external.address(host);
        }
        Request::Continue
    }

    fn request_body(&mut self, host: &mut dyn Host, _end: bool) -> Request {
        let Some(edits) = self.edits else { return Request::Continue };
        let size = host.body_size(Side::Request);
        if edits.iter().any(|edit| edit.touches(self.at, size)) {
            self.splice(host, edits, size);
        }
        self.at += size;
        Request::Continue
    }

    fn response_headers(&mut self, host: &mut dyn Host, end: bool) -> Response {
        match host.header(Side::Response, ":status", 0) {
            Some(b"200") => self.held = self.config.hold && !end,
            Some(b"500") if host.header(Side::Response, "connection", 0) == Some(b"close") => {
                host.set_header(Side::Response, &self.config.headers.draining, b"1");
            }
            Some(b"400") if !end && !self.config.longer.is_empty() => self.read = Some(Refused::Read(Vec::new())),
            Some(b"401") if !self.config.refused.is_empty() => {
                if let Some(external) = &self.config.external {
                    host.set_text("refused", &external.name);
                    self.read = Some(Refused::replaced(host, &self.config.refused, end));
                }
            }
            _ => (),
        }
        if self.held || (self.read.is_some() && !end) {
            Response::Hold
        } else {
            Response::Continue
        }
    }

    fn response_body(&mut self, host: &mut dyn Host, end: bool) -> Response {
        if let Some(mut read) = self.read.take() {
            let said = read.body(host, &self.config.longer, end);
            self.read = (said == Response::Hold).then_some(read);
            return said;
        }
        self.held = self.held && !end && host.body_size(Side::Response) == 0;
        if self.held {
            Response::Hold
        } else {
            Response::Continue
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn engine(model: &str) -> Engine {
        let (model, headers) = (model.as_bytes().to_vec(), Headers::for_tests());
        let (longer, refused, allowance) = ("x-longer".into(), String::new(), String::new());
        Engine::new(Arc::new(Config { model, external: None, hold: true, longer, refused, allowance, headers }))
    }

    /// What an engine is sent of a body in slices and pieces of `size` bytes.
    fn sent(body: &str, public: &str, place: &str, model: &str, size: usize) -> (String, String) {
        let (mut attempt, mut host) = (engine(model), Fake::default());
        host.set_header(Side::Request, "x-model", public.as_bytes());
        host.set_header(Side::Request, "x-splice", place.as_bytes());
        host.set_header(Side::Request, "content-length", b"from an attempt before");
        attempt.request_headers(&mut host, false);
        let mut arrived = Vec::new();
        for piece in body.as_bytes().chunks(size * 3) {
            host.piece = piece.chunks(size).map(<[u8]>::to_vec).collect();
            attempt.request_body(&mut host, false);
            arrived.extend(host.piece.concat());
        }
        let length = String::from_utf8_lossy(host.header(Side::Request, "content-length", 0).unwrap()).into_owned();
        (String::from_utf8(arrived).unwrap(), length)
    }

    #[test]
    fn the_name_is_put_in_byte_for_byte() {
        let body = r#"{"model":"ch\u0061t","x":"}"}"#;
        for (public, place, model) in
            [("chat", "11-19/29", "served"), ("chat", "11-19/29", "chat"), ("%", "11-19/29", "x")]
        {
            for size in 1..=body.len() {
                let wanted = body.replace(r"ch\u0061t", model);
                let length = wanted.len().to_string();
                assert_eq!(sent(body, public, place, model, size), (wanted, length), "by {size}");
            }
        }
    }

    #[test]
    fn a_name_that_is_the_same_stays() {
        assert_eq!(
            sent(r#"{"model":"chat"}"#, "chat", "11-14/16", "chat", 5),
            (r#"{"model":"chat"}"#.into(), "16".into())
        );
    }

    #[test]
    fn an_empty_name_gets_one() {
        for size in 1..14 {
            let (body, length) = sent(r#"{"model":""}"#, "%", "11-10/12", "chat", size);
            assert_eq!((body.as_str(), length.as_str()), (r#"{"model":"chat"}"#, "16"));
        }
    }

    #[test]
    fn usage_is_asked_for() {
        let body = r#"{"stream":true,"model":"chat"}"#;
        let wanted = format!("{{{}{}", std::str::from_utf8(ASK_USAGE).unwrap(), &body[1..]);
        for model in ["served", "chat"] {
            let wanted = wanted.replace("chat", model);
            for size in 1..=body.len() {
                let place = "25-28/30+1";
                assert_eq!(
                    sent(body, "chat", place, model, size),
                    (wanted.clone(), wanted.len().to_string()),
                    "by {size}"
                );
            }
        }
    }

    fn answered(status: &str, connection: &str, end: bool) -> (Response, bool) {
        let (mut attempt, mut host) = (engine("x"), Fake::default());
        host.set_header(Side::Response, ":status", status.as_bytes());
        host.set_header(Side::Response, "connection", connection.as_bytes());
        let said = attempt.response_headers(&mut host, end);
        (said, host.header(Side::Response, "x-draining", 0).is_some())
    }

    #[test]
    fn each_row_of_answers() {
        assert_eq!(answered("200", "keep-alive", false), (Response::Hold, false));
        assert_eq!(answered("200", "close", true), (Response::Continue, false));
        assert_eq!(answered("500", "close", false), (Response::Continue, true));
        assert_eq!(answered("500", "keep-alive", false), (Response::Continue, false));
        assert_eq!(answered("503", "close", false), (Response::Continue, false));
        assert_eq!(answered("400", "keep-alive", false), (Response::Hold, false));
        assert_eq!(answered("400", "keep-alive", true), (Response::Continue, false));
        assert_eq!(answered("401", "keep-alive", false), (Response::Continue, false), "an engine's is its own");
    }

    #[test]
    fn headers_wait_for_the_first_byte() {
        let (mut attempt, mut host) = (engine("x"), Fake::default());
        host.set_header(Side::Response, ":status", b"200");
        assert_eq!(attempt.response_headers(&mut host, false), Response::Hold);
        assert_eq!(attempt.response_body(&mut host, false), Response::Hold);
        host.piece = vec![b"d".to_vec()];
        assert_eq!(attempt.response_body(&mut host, false), Response::Continue);
        host.piece.clear();
        assert_eq!(attempt.response_body(&mut host, false), Response::Continue, "once is enough");
    }
}
