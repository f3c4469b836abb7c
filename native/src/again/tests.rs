use super::*;
use crate::fake::Fake;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A router with a brain's word.
struct Router {
    config: Arc<Config>,
    path: PathBuf,
}

impl Router {
    fn new() -> Router {
        let name = format!("tidegate-again-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let word = Word::named(path.to_str().unwrap(), 60_000);
        let mut config = Config::new("x-model".into(), word, Arc::new(Mutex::new(Store::new(1 << 20))));
        config.routes.insert(b"chat".to_vec(), b"to-chat".to_vec());
        config.also.push("x-route".into());
        config.unless.push("cache-control".into());
        config.copied.push("content-type".into());
        config.lease = "x-lease".into();
        config.ticket = "x-ticket".into();
        let router = Router { config: Arc::new(config), path };
        router.says(1, wall() + 60_000);
        router
    }

    fn says(&self, epoch: u64, until: u64) {
        fs::write(&self.path, [epoch.to_be_bytes(), until.to_be_bytes()].concat()).unwrap();
    }

    /// The request after it was begun.
    fn begun(&self, more: &[(&str, &str)], body: &str) -> (Again, Fake, Request) {
        let mut host = Fake::of(body);
        for (name, value) in [("x-model", "chat"), (":path", "/v1/x")].iter().chain(more) {
            host.set_header(Side::Request, name, value.as_bytes());
        }
        host.set_text("client", b"acme");
        let mut again = Again::new(self.config.clone());
        let said = match again.request_headers(&mut host, false) {
            Request::Wait => again.request_body(&mut host, true),
            said => said,
        };
        (again, host, said)
    }

    /// Whether it is given an answer; if not, the brain gives one.
    fn ask(&self, more: &[(&str, &str)], body: &str) -> bool {
        self.told(more, body, "1 0 9999999999999 +chat 0a", "1")
    }

    fn told(&self, more: &[(&str, &str)], body: &str, lease: &str, attempts: &str) -> bool {
        let (mut again, mut host, said) = self.begun(more, body);
        if let Request::Given(given, _) = said {
            assert_eq!(given.body, b"answer");
            assert_eq!(host.header(Side::Request, "x-ticket", 0), Some(&b"+chat 0a"[..]));
            assert_eq!(given.headers, [(FROM.to_string(), b"hit-memory".to_vec())]);
            assert_eq!(host.header(Side::Request, FROM, 0), Some(&b"hit-memory"[..]));
            return true;
        }
        host.set_header(Side::Request, "x-lease", lease.as_bytes());
        for (name, value) in [(STATUS, "200"), (ATTEMPTS, attempts), (FROM, "hit-exact")] {
            host.set_header(Side::Response, name, value.as_bytes());
        }
        again.response_headers(&mut host, false);
        for (piece, end) in [("ans", false), ("wer", true)] {
            host.piece = vec![piece.as_bytes().to_vec()];
            again.response_body(&mut host, end);
        }
        false
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[test]
fn what_was_given_is_given_again() {
    let router = Router::new();
    assert!(!router.ask(&[], "hello"));
    assert!(router.ask(&[], "hello"));
}

#[test]
fn each_part_of_a_question_counts() {
    let router = Router::new();
    router.ask(&[], "hello");
    assert!(!router.ask(&[], "hello!"));
    assert!(!router.ask(&[(":path", "/v1/y")], "hello"));
    assert!(!router.ask(&[("x-route", "y")], "hello"));
    assert!(!router.ask(&[("x-route", "")], "hello"), "empty is not absent");
    let mut host = Fake::of("hello");
    host.set_header(Side::Request, "x-model", b"chat");
    host.set_header(Side::Request, ":path", b"/v1/x");
    for client in [None, Some("globex"), Some("")] {
        client.inspect(|client| host.set_text("client", client.as_bytes()));
        let mut again = Again::new(router.config.clone());
        again.request_headers(&mut host, false);
        assert!(matches!(again.request_body(&mut host, true), Request::Continue), "{client:?}");
    }
}

#[test]
fn each_value_of_a_header_counts() {
    let router = Router::new();
    let question = |values: &[&str]| {
        let (again, mut host, _) = router.begun(&[], "hello");
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        host.headers.insert((true, "x-route".into()), values);
        again.asked(&host).unwrap()
    };
    let all = [&[][..], &["a"], &["a", "b"], &["b", "b"], &["ab"]];
    for (at, one) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| question(one) != question(other)), "{one:?}");
    }
}

#[test]
fn where_the_brain_alone_can_tell() {
    let router = Router::new();
    for more in [[("x-model", "other")], [("cache-control", "no-cache")]] {
        assert!(!router.ask(&more, "hello"));
        assert!(!router.ask(&more, "hello"), "{more:?}");
    }
    let long = "x".repeat(LONGEST);
    assert!(!router.ask(&[], &long));
    assert!(!router.ask(&[], &long));
    let (mut again, mut host, _) = router.begun(&[], "hello");
    assert!(matches!(again.request_headers(&mut host, true), Request::Continue), "no body");
    let mut again = Again::new(router.config.clone());
    again.request_headers(&mut host, false);
    assert!(matches!(again.request_trailers(&mut host), Request::Continue));
}

#[test]
fn what_is_no_lease_of_the_brains() {
    let router = Router::new();
    for (lease, attempts) in [
        ("", "1"),
        ("2 0 9999999999999 +chat 0a", "1"),
        ("1 0 1 +chat 0a", "1"),
        ("1 0 9999999999999 +chat 0a", "2"),
        ("1 0 9999999999999 +chat 0a", "0"),
    ] {
        assert!(!router.told(&[], "hello", lease, attempts));
        assert!(!router.told(&[], "hello", "", "1"), "{lease} {attempts}");
    }
}

#[test]
fn another_epoch_or_a_silent_brain_ends_it() {
    let router = Router::new();
    router.ask(&[], "hello");
    router.says(1, 1);
    assert!(!router.told(&[], "hello", "", "1"), "the brain is silent");
    router.says(1, wall() + 60_000);
    assert!(router.ask(&[], "hello"), "it was away for a moment");
    router.says(2, wall() + 60_000);
    assert!(!router.told(&[], "hello", "", "1"), "something was forgotten");
}

#[test]
fn what_broke_off_is_not_kept() {
    let router = Router::new();
    let (mut again, mut host, _) = router.begun(&[], "hello");
    host.set_header(Side::Request, "x-lease", b"1 0 9999999999999 +chat 0a");
    for (name, value) in [(STATUS, "200"), (ATTEMPTS, "1"), (FROM, "hit-exact")] {
        host.set_header(Side::Response, name, value.as_bytes());
    }
    again.response_headers(&mut host, false);
    again.response_body(&mut host, false);
    drop(again);
    assert!(!router.told(&[], "hello", "", "1"));
}
