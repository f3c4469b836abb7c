//! The paths that the route filter knows.

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
    /// Whether a stream that breaks off gets an event and an end.
    pub end: bool,
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
    /// Of a path without its query, and the path without slashes at its end.
    pub fn kind<'a>(&self, path: &'a [u8]) -> Option<(Kind, &'a [u8])> {
        let bare = &path[..path.iter().rposition(|c| *c != b'/').map_or(0, |i| i + 1)];
        self.exactly(bare).map(|kind| (kind, bare))
    }

    /// Whether engines are asked for the usage of a stream there.
    pub fn asks_usage(&self, path: &[u8]) -> bool {
        self.usage.iter().any(|known| known == path)
    }

    fn exactly(&self, path: &[u8]) -> Option<Kind> {
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

/// A path, and its query with the question mark.
pub fn without_query(path: &[u8]) -> (&[u8], &[u8]) {
    path.split_at(path.iter().position(|c| *c == b'?').unwrap_or(path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let some = |paths: &[&str]| paths.iter().map(|path| path.as_bytes().to_vec()).collect();
        let (json, forms, own) = (some(&["/a/b"]), some(&["/f"]), some(&["/m", "/m/"]));
        let config = Config { json, forms, own, usage: Vec::new(), end: true, headers: Headers::for_tests() };
        for (path, wanted) in [
            ("/a/b", Some((Kind::Json, "/a/b"))),
            ("/a/b/", Some((Kind::Json, "/a/b"))),
            ("/a/b//", Some((Kind::Json, "/a/b"))),
            ("/f/", Some((Kind::Form, "/f"))),
            ("/m/", Some((Kind::Own, "/m"))),
            ("/m/x/y", Some((Kind::Own, "/m/x/y"))),
            ("/m/x/", Some((Kind::Own, "/m/x"))),
            ("/mx", None),
            ("/a", None),
            ("/", None),
            ("", None),
        ] {
            let found = config.kind(path.as_bytes());
            assert_eq!(found, wanted.map(|(kind, bare)| (kind, bare.as_bytes())), "{path}");
        }
        assert_eq!(without_query(b"/a?b?c"), (&b"/a"[..], &b"?b?c"[..]));
    }
}
