//! Answers that the brain gave again, given again without asking it: the filter before its question (`operator/tidegate/envoy/caching.py`).
//!
//! | a request                                                            | then                                             |
//! |----------------------------------------------------------------------|--------------------------------------------------|
//! | of a model without a cache, or with a header that the brain looks at | the brain is asked                               |
//! | without a body, or longer than LONGEST                               | the brain is asked                               |
//! | of this route, model, path, client and body, byte for byte, an answer is on lease | that answer                                |
//! | another one                                                          | the brain is asked; an answer that it gives is kept if it comes with a lease |
//!
//! A lease holds while the brain's word does (again/word.rs): whatever is forgotten, purged or configured begins another epoch.

pub mod store;
pub mod word;

use crate::clock::wall;
use crate::filter::{Filter, Given, Host, Lease, Request, Response, Side};
use crate::kept::{is_given_again, FROM};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use store::Store;
use word::Word;

/// Bytes of a body that is looked for: it is held as long as its answer takes.
const LONGEST: usize = 16 << 10;
/// As `operator/tidegate/names.py` has it. The brain is the first who is asked for what it keeps; who comes after it is an engine.
const ATTEMPTS: &str = "x-tidegate-attempts";
const STATUS: &str = ":status";
/// From wherever the brain had it.
const FROM_MEMORY: &[u8] = b"hit-memory";

/// Of a policy.
pub struct Config {
    /// Routes that have a cache, by public model: what was given on one is not given on another, to which the model has moved.
    pub routes: HashMap<Vec<u8>, Vec<u8>>,
    /// Request headers that belong to a question.
    pub also: Vec<String>,
    /// Headers of a request that the brain looks at.
    pub unless: Vec<String>,
    /// Headers of an answer that belong to it.
    pub copied: Vec<String>,
    /// The request header with the brain's lease.
    pub lease: String,
    /// The request header by which the brain hears what was given again.
    pub ticket: String,
    /// The request header with the public model.
    pub model: String,
    word: Word,
    store: Arc<Mutex<Store>>,
}

/// That of the process, `most` bytes from now on: streams that last keep configurations that are over, and there would be one of each.
pub fn shared(most: usize) -> Arc<Mutex<Store>> {
    static SHARED: OnceLock<Arc<Mutex<Store>>> = OnceLock::new();
    let store = SHARED.get_or_init(|| Arc::new(Mutex::new(Store::new(most))));
    store.lock().unwrap_or_else(PoisonError::into_inner).bound(most);
    store.clone()
}

impl Config {
    /// `word`: the brain's.
    pub fn new(model: String, word: Word, store: Arc<Mutex<Store>>) -> Config {
        Config {
            routes: HashMap::new(),
            also: Vec::new(),
            unless: Vec::new(),
            copied: Vec::new(),
            lease: String::new(),
            ticket: String::new(),
            model,
            word,
            store,
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of a question, so that no two lists of parts look alike.
fn add(question: &mut Vec<u8>, part: Option<&[u8]>) {
    question.push(u8::from(part.is_some()));
    let bytes = part.unwrap_or_default();
    question.extend_from_slice(&bytes.len().to_be_bytes());
    question.extend_from_slice(bytes);
}

/// One request and its answer.
pub struct Again {
    config: Arc<Config>,
    /// What is looked for, as far as it is here; None where the brain alone can tell.
    question: Option<Vec<u8>>,
    /// What the brain gives.
    fresh: Option<Given>,
}

impl Again {
    /// At its beginning.
    pub fn new(config: Arc<Config>) -> Again {
        Again { config, question: None, fresh: None }
    }

    /// The beginning of a question: all but its body. None where the brain alone can tell.
    fn asked(&self, host: &dyn Host) -> Option<Vec<u8>> {
        let model = host.header(Side::Request, &self.config.model, 0)?;
        let looked_at = |name: &String| host.header(Side::Request, name, 0).is_some();
        let route = self.config.routes.get(model)?;
        if self.config.unless.iter().any(looked_at) {
            return None;
        }
        let client = host.text("client");
        let path = host.header(Side::Request, ":path", 0)?;
        let mut question = Vec::new();
        for part in [Some(&route[..]), Some(model), Some(path), client.as_deref()] {
            add(&mut question, part);
        }
        for name in &self.config.also {
            let values = (0..).map_while(|index| host.header(Side::Request, name, index));
            values.for_each(|value| add(&mut question, Some(value)));
            add(&mut question, None);
        }
        Some(question)
    }

    /// The whole question is here.
    fn look(&mut self, host: &mut dyn Host) -> Request {
        let (Some(question), now) = (&self.question, wall()) else { return Request::Continue };
        let Some(epoch) = self.config.word.epoch(now) else { return Request::Continue };
        let Some(given) = self.config.store().get(question, epoch, now) else { return Request::Continue };
        host.set_header(Side::Request, &self.config.ticket, &given.lease.ticket);
        // where the filter `route` finds who gave it, when the route has written whom it would have asked
        self.config.copied.iter().for_each(|name| host.remove_header(Side::Request, name));
        given.headers.iter().for_each(|(name, value)| host.set_header(Side::Request, name, value));
        Request::Given(given, now)
    }

    /// What the brain has begun to give, if it may be given again.
    fn fresh(&self, host: &dyn Host) -> Option<Given> {
        self.question.as_ref()?;
        let lease = Lease::read(host.header(Side::Request, &self.config.lease, 0)?)?;
        let of_brain = host.header(Side::Response, ATTEMPTS, 0) == Some(b"1")
            && host.header(Side::Response, STATUS, 0) == Some(b"200")
            && is_given_again(host);
        let value = |name: &String| Some((name.clone(), host.header(Side::Response, name, 0)?.to_vec()));
        let mut headers: Vec<_> = self.config.copied.iter().filter_map(value).collect();
        headers.push((FROM.into(), FROM_MEMORY.into()));
        of_brain.then_some(Given { headers, body: Vec::new(), lease })
    }

    fn keep(&mut self) {
        let (Some(question), Some(given)) = (self.question.take(), self.fresh.take()) else { return };
        if let Some(epoch) = self.config.word.epoch(wall()) {
            self.config.store().put(question, given, epoch);
        }
    }
}

impl Filter for Again {
    fn request_headers(&mut self, host: &mut dyn Host, end: bool) -> Request {
        self.question = if end { None } else { self.asked(host) };
        if self.question.is_some() {
            Request::Wait
        } else {
            Request::Continue
        }
    }

    fn request_body(&mut self, host: &mut dyn Host, end: bool) -> Request {
        let Some(question) = &mut self.question else { return Request::Continue };
        if question.len() + host.body_size(Side::Request) > LONGEST {
            self.question = None;
            return Request::Continue;
        }
        host.each_slice(Side::Request, &mut |slice| question.extend_from_slice(slice));
        if end {
            self.look(host)
        } else {
            Request::Wait
        }
    }

    fn request_trailers(&mut self, _host: &mut dyn Host) -> Request {
        self.question = None;
        Request::Continue
    }

    fn response_headers(&mut self, host: &mut dyn Host, _end: bool) -> Response {
        self.fresh = self.fresh(host);
        if self.fresh.is_none() {
            self.question = None;
        }
        Response::Continue
    }

    fn response_body(&mut self, host: &mut dyn Host, end: bool) -> Response {
        let Some(fresh) = &mut self.fresh else { return Response::Continue };
        if fresh.body.len() + host.body_size(Side::Response) > self.config.store().longest() {
            self.fresh = None;
            return Response::Continue;
        }
        host.each_slice(Side::Response, &mut |slice| fresh.body.extend_from_slice(slice));
        if end {
            self.keep();
        }
        Response::Continue
    }
}

#[cfg(test)]
mod tests;
