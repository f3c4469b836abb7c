//! Who asks, by the key that is shown. Keys themselves are not known here: what stands in the configuration is their SHA-256.
//!
//! | shown                                            | all Secrets were read | then                     |
//! |--------------------------------------------------|-----------------------|--------------------------|
//! | one key, alone or twice, that is somebody's      | any                   | that client asks         |
//! | none, one that is nobody's, two different ones,  | no                    | 503: nobody knows yet    |
//! |   or `authorization` of another kind than Bearer | yes                   | 401                      |
//!
//! Where clients show tokens, Envoy has verified them, and a header that nobody else can write says whose they are:
//!
//! | told                                             | all keys were read    | then                     |
//! |--------------------------------------------------|-----------------------|--------------------------|
//! | 1 to 253 printable ASCII characters, no spaces   | any                   | that client asks         |
//! | nothing, or something else                       | any                   | 401, and what is wrong   |
//! | nothing can be, because no keys are known        | no                    | 503: nobody knows yet    |
//!
//! <https://platform.openai.com/docs/api-reference/authentication>, <https://docs.anthropic.com/en/api/overview#authentication>

use crate::filter::{Host, Side};
use crate::sha256::{sha256, Digest};
use std::borrow::Cow;
use std::collections::HashMap;

const NONE: &str = "No API key was shown: send it as authorization: Bearer KEY, or as x-api-key: KEY.";
const UNKNOWN: &str = "The API key is not valid here.";
const SEVERAL: &str =
    "Different API keys were shown: authorization and x-api-key must hold the same one, or only one be sent.";
const NO_BEARER: &str = "The authorization header must be of the form: Bearer KEY.";
const NOBODYS: &str = "The token does not say whose it is: it lacks the claim that names the client, or that is empty.";
const LONG: &str = "The token's claim that names the client is too long: a client's id has 253 characters at most.";
const SPACED: &str = "The token's claim that names the client has spaces, which a client's id has not.";
const UNPRINTED: &str =
    "The token's claim that names the client has control characters, or others that are not ASCII, which a client's id has not.";
/// Bytes of a client's id.
const LONGEST: usize = 253;
const UNREAD: &str = "The router does not know its clients' keys yet; try again.";

/// Of a policy whose clients have keys.
#[derive(Default)]
pub struct Clients {
    /// By the SHA-256 of their keys.
    pub by_digest: HashMap<Digest, Vec<u8>>,
    /// Some Secrets were not read yet.
    pub unread: bool,
    /// Header that says whose a token is, where clients show those; empty where they show keys.
    pub told: String,
    /// Paths that need no key.
    pub open: Vec<Vec<u8>>,
}

/// Why somebody is not let in: a status, and what is said.
#[derive(PartialEq, Eq, Debug)]
pub struct Stranger(pub u32, pub &'static str);

impl Clients {
    /// One more, by the hexadecimal digits of the SHA-256 of a key; None if they are no such thing.
    pub fn add(&mut self, digest: &str, name: &str) -> Option<()> {
        self.by_digest.insert(unhexed(digest.as_bytes())?, name.as_bytes().to_vec());
        Some(())
    }

    /// Who asks for `path`; nobody in particular where it needs no key.
    pub fn who(&self, host: &dyn Host, path: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Stranger> {
        if self.open.iter().any(|known| known == path) {
            return Ok(None);
        }
        if !self.told.is_empty() {
            let told = host.header(Side::Request, &self.told, 0).unwrap_or_default();
            let wrong = no_id(told).map(|why| Stranger(401, why));
            return wrong.map_or_else(|| Ok(Some(Cow::Owned(told.to_vec()))), Err);
        }
        match shown(host).and_then(|key| self.by_digest.get(&sha256(key)).ok_or(UNKNOWN)) {
            Ok(client) => Ok(Some(Cow::Borrowed(client))),
            Err(_) if self.unread => Err(Stranger(503, UNREAD)),
            Err(wrong) => Err(Stranger(401, wrong)),
        }
    }
}

/// Why a name is no client's id.
fn no_id(name: &[u8]) -> Option<&'static str> {
    match name {
        [] => Some(NOBODYS),
        _ if name.len() > LONGEST => Some(LONG),
        _ if name.iter().any(|&c| !(c.is_ascii_graphic() || c == b' ')) => Some(UNPRINTED),
        _ if name.contains(&b' ') => Some(SPACED),
        _ => None,
    }
}

/// The one key that all headers hold.
fn shown(host: &dyn Host) -> Result<&[u8], &'static str> {
    let mut key = None;
    for value in values(host, "authorization") {
        key = same(key, bearer(value).ok_or(NO_BEARER)?)?;
    }
    for value in values(host, "x-api-key") {
        key = same(key, value)?;
    }
    key.ok_or(NONE)
}

fn values<'a>(host: &'a dyn Host, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    (0..).map_while(move |index| host.header(Side::Request, name, index))
}

fn same<'a>(before: Option<&'a [u8]>, key: &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
    match before {
        Some(other) if other != key => Err(SEVERAL),
        _ => Ok(Some(key)),
    }
}

/// RFC 6750 section 2.1; schemes know no case (RFC 9110 section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii_start())
}

fn unhexed(text: &[u8]) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 2 * digest.len() {
        return None;
    }
    for (byte, digits) in digest.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(digest)
}

fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    /// printf %s KEY | sha256sum
    const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    const KEY_ONE: &str = "one";

    fn clients(unread: bool) -> Clients {
        let mut made = Clients { unread, open: vec![b"/healthz".to_vec()], ..Clients::default() };
        made.add(ONE, "acme").unwrap();
        made
    }

    fn who(unread: bool, path: &str, headers: &[(&str, &str)]) -> Result<Option<String>, Stranger> {
        let mut host = Fake::default();
        for (name, value) in headers {
            host.headers.entry((true, (*name).to_string())).or_default().push(value.as_bytes().to_vec());
        }
        let clients = clients(unread);
        let found = clients.who(&host, path.as_bytes())?;
        Ok(found.map(|name| String::from_utf8_lossy(&name).into_owned()))
    }

    #[test]
    fn each_row() {
        let (key, bearer) = (("x-api-key", KEY_ONE), ("authorization", "Bearer one"));
        for headers in [&[key][..], &[bearer], &[key, bearer], &[key, key], &[("authorization", "bEARER   one")]] {
            for unread in [false, true] {
                assert_eq!(who(unread, "/v1/models", headers), Ok(Some("acme".into())), "{headers:?}");
            }
        }
        for (headers, said) in [
            (&[][..], NONE),
            (&[("x-api-key", "")], UNKNOWN),
            (&[("x-api-key", "One")], UNKNOWN),
            (&[("x-api-key", ONE)], UNKNOWN),
            (&[("authorization", "Bearer ")], UNKNOWN),
            (&[("authorization", "Bearer one ")], UNKNOWN),
            (&[("authorization", "one")], NO_BEARER),
            (&[("authorization", "Bearer")], NO_BEARER),
            (&[("authorization", "Basic one"), key], NO_BEARER),
            (&[("authorization", "Bearer two"), key], SEVERAL),
            (&[bearer, ("authorization", "Bearer two")], SEVERAL),
            (&[key, ("x-api-key", "two")], SEVERAL),
        ] {
            assert_eq!(who(false, "/v1/models", headers), Err(Stranger(401, said)), "{headers:?}");
            assert_eq!(who(true, "/v1/models", headers), Err(Stranger(503, UNREAD)), "{headers:?}");
        }
    }

    #[test]
    fn what_needs_no_key() {
        assert_eq!(who(true, "/healthz", &[]), Ok(None));
        assert_eq!(who(false, "/healthz/x", &[]), Err(Stranger(401, NONE)));
    }

    #[test]
    fn whose_a_token_is() {
        let clients = Clients { told: "x-client".into(), open: vec![b"/healthz".to_vec()], ..Clients::default() };
        let longest = "x".repeat(LONGEST);
        for (path, told, wanted) in [
            ("/v1/models", Some("me@example.com"), Ok(Some("me@example.com"))),
            ("/v1/models", Some(longest.as_str()), Ok(Some(longest.as_str()))),
            ("/v1/models", Some(&format!("{longest}x")), Err(Stranger(401, LONG))),
            ("/v1/models", Some("two words"), Err(Stranger(401, SPACED))),
            ("/v1/models", Some("two\tor\u{1}three"), Err(Stranger(401, UNPRINTED))),
            ("/v1/models", Some("zoë"), Err(Stranger(401, UNPRINTED))),
            ("/v1/models", Some(""), Err(Stranger(401, NOBODYS))),
            ("/v1/models", None, Err(Stranger(401, NOBODYS))),
            ("/healthz", None, Ok(None)),
        ] {
            let mut host = Fake::default();
            if let Some(told) = told {
                host.headers.insert((true, "x-client".into()), vec![told.as_bytes().to_vec()]);
            }
            let found = clients.who(&host, path.as_bytes());
            assert_eq!(found, wanted.map(|name| name.map(|name| Cow::Borrowed(name.as_bytes()))), "{told:?}");
        }
    }

    #[test]
    fn what_is_no_digest() {
        for wrong in ["", "00", &ONE[1..], &ONE.to_uppercase(), &format!("{ONE}0"), &ONE.replace('7', "g")] {
            assert!(Clients::default().add(wrong, "acme").is_none(), "{wrong}");
        }
    }
}
