//! Answers that are read before they are passed on, because of what they mean for who is asked next.
//!
//! | answer                                      | marked    | a client gets, if nobody else is asked           |
//! |---------------------------------------------|-----------|--------------------------------------------------|
//! | 401 of a provider                           | `refused` | 502 in our words: it is our key that is wrong    |
//! | 400 that says that the context is too long  | `longer`  | what was said                                    |
//! | another 400, or one of more than MOST bytes | not       | what was said                                    |
//!
//! The words are those of vLLM, OpenAI and Anthropic: <https://docs.vllm.ai/en/latest/>,
//! <https://platform.openai.com/docs/guides/error-codes>, <https://docs.anthropic.com/en/api/errors>. Whoever finds them in a prompt that is
//! repeated in an error asks one more in vain.

use crate::answer::{refusal, Api};
use crate::external::path_before;
use crate::filter::{Host, Response, Side};

const MOST: usize = 1 << 16;
const TOO_LONG: [&[u8]; 5] = [
    b"context_length_exceeded",
    b"maximum context length",
    b"maximum model length",
    b"max_model_len",
    b"prompt is too long",
];
const OURS: &str = "The provider behind this model did not let the router in. This is not about your key.";

/// An answer whose headers wait for its end.
pub enum Refused {
    /// 400, and what has been read of it.
    Read(Vec<u8>),
    /// 401, and what is said instead.
    Replaced(String),
}

impl Refused {
    /// A 401 of a provider becomes ours: headers first. `mark` is a header for the routes.
    pub fn replaced(host: &mut dyn Host, mark: &str, end: bool) -> Refused {
        let name = host.header(Side::Request, "x-request-id", 0).unwrap_or_default();
        let body = refusal(Api::of(&path_before(host)), 502, OURS, name).body;
        let length = if end { 0 } else { body.len() };
        for header in ["www-authenticate", "content-encoding", "transfer-encoding"] {
            host.remove_header(Side::Response, header);
        }
        host.set_header(Side::Response, ":status", b"502");
        host.set_header(Side::Response, "content-type", b"application/json");
        host.set_header(Side::Response, "content-length", length.to_string().as_bytes());
        host.set_header(Side::Response, mark, b"1");
        Refused::Replaced(body)
    }

    /// Some of the body. `mark`: a header for the routes, and for the end of a walk, where the context is too long.
    pub fn body(&mut self, host: &mut dyn Host, mark: &str, end: bool) -> Response {
        let size = host.body_size(Side::Response);
        match self {
            Refused::Replaced(body) => {
                host.drain(Side::Response, size);
                if !end {
                    return Response::Hold;
                }
                host.append(Side::Response, body.as_bytes());
            }
            Refused::Read(read) => {
                host.each_slice(Side::Response, &mut |slice| read.extend_from_slice(slice));
                host.drain(Side::Response, size);
                if !end && read.len() <= MOST {
                    return Response::Hold;
                }
                if end && is_too_long(read) {
                    host.set_header(Side::Response, mark, b"1");
                    host.set_header(Side::Request, mark, b"1");
                    host.set_number("too_long", 1.0);
                }
                host.append(Side::Response, read);
            }
        }
        Response::Continue
    }
}

fn is_too_long(text: &[u8]) -> bool {
    TOO_LONG.iter().any(|words| text.windows(words.len()).any(|there| there == *words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    /// What is passed on of a body in pieces of `size` bytes, and whether it was marked.
    fn read(body: &[u8], size: usize) -> (Vec<u8>, bool) {
        let (mut refused, mut host, mut passed) = (Refused::Read(Vec::new()), Fake::default(), Vec::new());
        let pieces: Vec<_> = body.chunks(size).collect();
        for (n, piece) in pieces.iter().enumerate() {
            host.piece = vec![piece.to_vec()];
            match refused.body(&mut host, "x-longer", n + 1 == pieces.len()) {
                Response::Hold => assert!(host.piece.concat().is_empty()),
                Response::Continue => passed.extend(host.piece.concat()),
            }
        }
        let both = [Side::Request, Side::Response].map(|side| host.header(side, "x-longer", 0).is_some());
        assert_eq!(both[0], both[1]);
        (passed, both[0])
    }

    #[test]
    fn each_way_to_say_it() {
        for (text, wanted) in [
            (r#"{"error":{"message":"max_tokens=5000 cannot be greater than max_model_len=1024."}}"#, true),
            (r#"{"error":{"message":"This model's maximum context length is 1024 tokens."}}"#, true),
            (r#"{"error":{"message":"… is longer than the maximum model length of 1024."}}"#, true),
            (r#"{"error":{"code":"context_length_exceeded"}}"#, true),
            (r#"{"error":{"message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#, true),
            (r#"{"error":{"message":"unknown field"}}"#, false),
        ] {
            for size in [1, 7, text.len()] {
                assert_eq!(read(text.as_bytes(), size), (text.as_bytes().to_vec(), wanted), "{text} by {size}");
            }
        }
    }

    #[test]
    fn one_that_does_not_end_is_passed_on() {
        let mut refused = Refused::Read(Vec::new());
        let long = vec![b' '; MOST + 1];
        let mut host = Fake { piece: vec![long.clone()], ..Fake::default() };
        assert!(refused.body(&mut host, "x-longer", false) == Response::Continue);
        assert_eq!(host.piece.concat(), long);
    }

    #[test]
    fn a_provider_that_does_not_know_our_key() {
        for (path, wanted) in [("/v1/chat/completions", "RouterError"), ("/v1/messages", "api_error")] {
            let mut host = Fake::default();
            host.set_text("kept", format!(":path {path}\n").as_bytes());
            host.set_header(Side::Response, "www-authenticate", b"Bearer");
            let mut refused = Refused::replaced(&mut host, "x-refused", false);
            host.piece = vec![b"Incorrect API key".to_vec()];
            assert!(refused.body(&mut host, "", false) == Response::Hold);
            assert!(refused.body(&mut host, "", true) == Response::Continue);
            let body = String::from_utf8(host.piece.concat()).unwrap();
            assert!(body.contains(wanted) && !body.contains("Incorrect"), "{body}");
            let header = |name| host.header(Side::Response, name, 0).map(<[u8]>::to_vec);
            assert_eq!(header(":status").unwrap(), b"502");
            assert_eq!(header("content-length").unwrap(), body.len().to_string().as_bytes());
            assert_eq!((header("www-authenticate"), header("x-refused")), (None, Some(b"1".to_vec())));
        }
    }
}
