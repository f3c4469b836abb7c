//! The paths that the route filter knows.

use super::limits::Limits;
use crate::clients::Clients;
use crate::config::Headers;

/// The same for all requests of a policy.
pub struct Config {
    /// Paths of engines that take JSON.
    pub json: Vec<Vec<u8>>,
    /// Paths of engines that take forms.
    pub forms: Vec<Vec<u8>>,
    /// Paths that the routes answer; one that ends with a slash stands for all below it.
    pub own: Vec<Vec<u8>>,
    /// Paths of engines that are asked for the usage of a stream when the client did not.
    pub usage: Vec<Vec<u8>>,
    /// Below these paths nothing is found, and what to do instead.
    pub elsewhere: Vec<(Vec<u8>, String)>,
    /// Bytes that a body may have.
    pub largest: usize,
    /// Said of a larger one.
    pub too_large: String,
    /// Whether a stream that breaks off gets an event and an end.
    pub end: bool,
    /// Milliseconds that an attempt at a stream has for its first byte; empty for any number.
    pub first_token: Vec<u8>,
    /// Header in which the routes are told what a prompt begins with (prefix.rs); empty where nobody asks.
    pub prefix: String,
    /// Where the brain is asked how much a request may ask for, and the record told how much of a stream was passed on.
    pub limits: Option<Limits>,
    /// Bytes of an answer that are kept at most, and the header of requests whose answers are; no bytes where none are.
    pub kept: (usize, String),
    /// Who may ask, where that is not everybody.
    pub clients: Option<Clients>,
    /// Headers that the filters tell each other things in.
    pub headers: Headers,
}

/// What a path takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A JSON object with a model.
    Json,
    /// A form with a model.
    Form,
    /// Nothing.
    Own,
}

impl Config {
    /// No paths, and no limit.
    pub fn new(headers: Headers) -> Config {
        Config {
            json: Vec::new(),
            forms: Vec::new(),
            own: Vec::new(),
            usage: Vec::new(),
            elsewhere: Vec::new(),
            largest: usize::MAX,
            too_large: String::new(),
            end: false,
            first_token: Vec::new(),
            prefix: String::new(),
            limits: None,
            kept: (0, String::new()),
            clients: None,
            headers,
        }
    }

    /// What to do instead of asking a path that there is not.
    pub fn elsewhere(&self, path: &[u8]) -> Option<&str> {
        self.elsewhere.iter().find(|(known, _)| path.starts_with(known)).map(|(_, instead)| instead.as_str())
    }

    /// Whether engines are asked for the usage of a stream there.
    pub fn asks_usage(&self, path: &[u8]) -> bool {
        self.usage.iter().any(|known| known == path)
    }

    /// Of a path without its query.
    pub fn kind(&self, path: &[u8]) -> Option<Kind> {
        let among = |paths: &[Vec<u8>]| paths.iter().any(|known| known == path);
        let below = |known: &Vec<u8>| known.ends_with(b"/") && path.starts_with(known);
        if among(&self.json) {
            Some(Kind::Json)
        } else if among(&self.forms) {
            Some(Kind::Form)
        } else if among(&self.own) || self.own.iter().any(below) {
            Some(Kind::Own)
        } else {
            None
        }
    }
}

/// A path without slashes at its end, which engines know none of, and its query with the question mark.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let (path, query) = path.split_at(path.iter().position(|c| *c == b'?').unwrap_or(path.len()));
    let length = path.iter().rposition(|c| *c != b'/').map_or(path.len(), |i| i + 1);
    (&path[..length], query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let some = |paths: &[&str]| paths.iter().map(|path| path.as_bytes().to_vec()).collect();
        let (json, forms, own) = (some(&["/a/b"]), some(&["/f"]), some(&["/m", "/m/"]));
        let config = Config { json, forms, own, ..Config::new(Headers::for_tests()) };
        for (path, wanted) in [
            ("/a/b", Some(Kind::Json)),
            ("/f", Some(Kind::Form)),
            ("/m", Some(Kind::Own)),
            ("/m/x/y", Some(Kind::Own)),
            ("/mx", None),
            ("/a", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(config.kind(path.as_bytes()), wanted, "{path}");
        }
    }

    #[test]
    fn slashes_and_queries() {
        for (asked, path, query) in [
            ("/a?b?c", "/a", "?b?c"),
            ("/a//?b/", "/a", "?b/"),
            ("/a/b/", "/a/b", ""),
            ("/", "/", ""),
            ("//", "//", ""),
            ("", "", ""),
        ] {
            assert_eq!(split(asked.as_bytes()), (path.as_bytes(), query.as_bytes()), "{asked}");
        }
    }
}
