//! Envoy's end of a stream in tests.

use crate::filter::{Host, Side};
use std::collections::HashMap;

/// `piece` is the body of the hook that runs, in slices.
#[derive(Default)]
pub struct Fake {
    pub headers: HashMap<(bool, String), Vec<Vec<u8>>>,
    pub piece: Vec<Vec<u8>>,
    pub cleared: usize,
    pub protocol: Option<&'static str>,
    pub numbers: HashMap<String, f64>,
    pub texts: HashMap<String, Vec<u8>>,
    pub answers: HashMap<String, Vec<u8>>,
}

impl Fake {
    pub fn of(piece: &str) -> Fake {
        Fake { piece: vec![piece.as_bytes().to_vec()], ..Fake::default() }
    }
}

fn key(side: Side, name: &str) -> (bool, String) {
    (side == Side::Request, name.to_string())
}

impl Host for Fake {
    fn header(&self, side: Side, name: &str, index: usize) -> Option<&[u8]> {
        self.headers.get(&key(side, name))?.get(index).map(Vec::as_slice)
    }
    fn set_header(&mut self, side: Side, name: &str, value: &[u8]) {
        self.headers.insert(key(side, name), vec![value.to_vec()]);
    }
    fn remove_header(&mut self, side: Side, name: &str) {
        self.headers.remove(&key(side, name));
    }
    fn body_size(&self, _side: Side) -> usize {
        self.piece.iter().map(Vec::len).sum()
    }
    fn each_slice(&self, _side: Side, each: &mut dyn FnMut(&[u8])) {
        self.piece.iter().for_each(|slice| each(slice));
    }
    fn drain(&mut self, _side: Side, count: usize) {
        self.piece = vec![self.piece.concat().split_off(count)];
    }
    fn append(&mut self, _side: Side, bytes: &[u8]) {
        self.piece.push(bytes.to_vec());
    }
    fn clear_route_cache(&mut self) {
        self.cleared += 1;
    }
    fn protocol(&self) -> Option<&[u8]> {
        self.protocol.map(str::as_bytes)
    }
    fn set_number(&mut self, key: &str, value: f64) {
        self.numbers.insert(key.to_string(), value);
    }
    fn set_text(&mut self, key: &str, value: &[u8]) {
        self.texts.insert(key.to_string(), value.to_vec());
    }
    fn text(&self, key: &str) -> Option<Vec<u8>> {
        self.texts.get(key).cloned()
    }
    fn answer(&self, header: &str) -> Option<Vec<u8>> {
        self.answers.get(header).cloned()
    }
}
