//! An attempt at a provider outside the cluster: whom it is for, and under which path. What is only between us is taken off the
//! request, and kept in its metadata: the attempt after it begins with the headers that this one left, and so does the access log.
//!
//! | a header                                | this attempt    | the next one             |
//! |-----------------------------------------|-----------------|--------------------------|
//! | `:authority`, `:path`                   | the provider's  | as the client sent them  |
//! | what filters and routes tell each other | none            | as before                |
//! | what says who asks, or how              | none            | none                     |
//! | `authorization`, `x-api-key`            | of a filter     | none, until a filter     |
//! |                                         |   after this    |   sets one               |
//! | what the provider wants to be told, and | set             | none                     |
//! |   the client has not said               |                 |                          |

use crate::filter::{Host, Side};

const KEPT: &str = "kept";
const KEYS: [&str; 2] = ["authorization", "x-api-key"];
const ADDRESSED: [&str; 2] = [":authority", ":path"];
/// What stands before the names of things in our paths; a provider has its own there.
const VERSION: &[u8] = b"/v1/";

/// The same for all attempts at a provider.
#[derive(Default)]
pub struct External {
    /// Its name, with a port where that is not the scheme's own.
    pub host: Vec<u8>,
    /// In place of `/v1`.
    pub path: Vec<u8>,
    /// Headers that come back afterwards.
    pub kept: Vec<String>,
    /// Headers that do not.
    pub dropped: Vec<String>,
    /// What the policy calls it, told where it does not take our key.
    pub name: Vec<u8>,
    /// Headers, with a value each, that are set where the client sent none.
    pub defaults: Vec<(String, Vec<u8>)>,
}

impl External {
    /// Makes the request one for the provider.
    pub fn address(&self, host: &mut dyn Host) {
        let path = self.path_of(host.header(Side::Request, ":path", 0).unwrap_or_default());
        let kept = self.kept_of(host);
        host.set_text(KEPT, &kept);
        for name in self.kept.iter().chain(&self.dropped) {
            host.remove_header(Side::Request, name);
        }
        for (name, value) in &self.defaults {
            if host.header(Side::Request, name, 0).is_none() {
                host.set_header(Side::Request, name, value);
            }
        }
        host.set_header(Side::Request, ":authority", &self.host);
        host.set_header(Side::Request, ":path", &path);
    }

    fn path_of(&self, asked: &[u8]) -> Vec<u8> {
        let rest = if asked.starts_with(VERSION) { &asked[VERSION.len() - 1..] } else { asked };
        [&self.path, rest].concat()
    }

    /// Lines of a name and a value, which has no line ends; a name alone is that of a header that was not there.
    fn kept_of(&self, host: &dyn Host) -> Vec<u8> {
        let mut kept = Vec::new();
        for name in ADDRESSED.into_iter().chain(self.kept.iter().map(String::as_str)) {
            if let Some(value) = host.header(Side::Request, name, 0) {
                kept.extend([name.as_bytes(), b" ", value, b"\n"].concat());
            }
        }
        for (name, _) in &self.defaults {
            if host.header(Side::Request, name, 0).is_none() {
                kept.extend([name.as_bytes(), b"\n"].concat());
            }
        }
        kept
    }
}

/// The path that the client asked for, while an attempt at a provider has another one.
pub fn path_before(host: &dyn Host) -> Vec<u8> {
    let kept = host.text(KEPT).unwrap_or_default();
    let found = kept.split(|c| *c == b'\n').find_map(|line| line.strip_prefix(b":path "));
    found.unwrap_or_default().to_vec()
}

/// The request's headers as they were before an attempt at a provider, and nothing that such an attempt has added.
pub fn restore(host: &mut dyn Host) {
    let kept = host.text(KEPT).unwrap_or_default();
    if kept.is_empty() {
        return;
    }
    for line in kept.split(|c| *c == b'\n').filter(|line| !line.is_empty()) {
        let name = line.split(|c| *c == b' ').next().unwrap_or_default();
        match (std::str::from_utf8(name), line.get(name.len() + 1..)) {
            (Ok(name), Some(value)) => host.set_header(Side::Request, name, value),
            (Ok(name), None) => host.remove_header(Side::Request, name),
            _ => (),
        }
    }
    for name in KEYS {
        host.remove_header(Side::Request, name);
    }
    host.set_text(KEPT, b"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn external() -> External {
        let (kept, dropped) = (vec!["x-model".into()], vec!["x-forwarded-for".into()]);
        let defaults = vec![("x-version".into(), b"1".to_vec())];
        External {
            host: b"api.example.com".to_vec(),
            path: b"/openai/v1".to_vec(),
            kept,
            dropped,
            defaults,
            ..External::default()
        }
    }

    fn asked(path: &str) -> Fake {
        let mut host = Fake::default();
        for (name, value) in
            [(":authority", "router"), (":path", path), ("x-model", "chat"), ("x-forwarded-for", "10.0.0.1")]
        {
            host.set_header(Side::Request, name, value.as_bytes());
        }
        host
    }

    fn header(host: &Fake, name: &str) -> Option<String> {
        host.header(Side::Request, name, 0).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn there_and_back() {
        let mut host = asked("/v1/chat/completions?a=b c");
        external().address(&mut host);
        assert_eq!(header(&host, ":authority").unwrap(), "api.example.com");
        assert_eq!(header(&host, ":path").unwrap(), "/openai/v1/chat/completions?a=b c");
        assert_eq!((header(&host, "x-model"), header(&host, "x-forwarded-for")), (None, None));
        assert_eq!(header(&host, "x-version").unwrap(), "1");
        host.set_header(Side::Request, "authorization", b"Bearer of a filter");
        host.set_header(Side::Request, "x-api-key", b"of a filter");
        restore(&mut host);
        assert_eq!(header(&host, ":authority").unwrap(), "router");
        assert_eq!(header(&host, ":path").unwrap(), "/v1/chat/completions?a=b c");
        assert_eq!(header(&host, "x-model").unwrap(), "chat");
        assert_eq!((header(&host, "authorization"), header(&host, "x-forwarded-for")), (None, None));
        assert_eq!((header(&host, "x-api-key"), header(&host, "x-version")), (None, None));
        host.set_header(Side::Request, "authorization", b"of somebody else");
        restore(&mut host);
        assert!(header(&host, "authorization").is_some(), "once is enough");
    }

    #[test]
    fn what_the_client_says_itself_stays() {
        let mut host = asked("/v1/messages");
        host.set_header(Side::Request, "x-version", b"2");
        external().address(&mut host);
        assert_eq!(header(&host, "x-version").unwrap(), "2");
        restore(&mut host);
        assert_eq!(header(&host, "x-version").unwrap(), "2");
    }

    #[test]
    fn paths() {
        for (path, asked, wanted) in [
            ("/v1", "/v1/embeddings", "/v1/embeddings"),
            ("", "/v1/embeddings", "/embeddings"),
            ("/api", "/v1", "/api/v1"),
            ("/api", "/rerank", "/api/rerank"),
        ] {
            let external = External { path: path.as_bytes().to_vec(), ..external() };
            assert_eq!(external.path_of(asked.as_bytes()), wanted.as_bytes(), "{path} {asked}");
        }
    }

    #[test]
    fn a_request_that_was_at_no_provider_stays() {
        let mut host = asked("/v1/embeddings");
        host.set_header(Side::Request, "authorization", b"x");
        restore(&mut host);
        assert!(header(&host, "authorization").is_some());
    }
}
