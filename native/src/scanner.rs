//! Finds the top-level `model` of a JSON object that comes in pieces.
//!
//! What is found is what a JSON parser takes for the model, or the body is refused; whether the rest is JSON is for the
//! engine to say. RFC 8259. Each byte is looked at once, strings at the speed of a search for their quote; nothing is
//! copied but a key or a name that a piece cuts.
//!
//! | body                                           | then                                    |
//! |------------------------------------------------|-----------------------------------------|
//! | begins with a byte order mark, or has a zero   | refused: parsers guess UTF-16 and       |
//! |   among its first four bytes                   |   UTF-32, and read another document     |
//! | does not begin with `{`                        | refused                                 |
//! | a string does not end, brackets do not match   | refused                                 |
//! | is nested deeper than a parser goes            | refused                                 |
//! | no key of the object spells `model`            | refused                                 |
//! | two do, in whatever spelling                   | refused: parsers differ in which counts |
//! | the value is no string                         | refused                                 |
//! | otherwise                                      | found                                   |

#[cfg(test)]
mod documents;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use crate::model::{Found, Wrong};
use crate::name::{Name, LONGEST_ESCAPED};
use crate::search::find;
use crate::wish::{Count, Wish};

const MISSING: Wrong = "you must provide a model parameter";
const TWICE: Wrong = "the body names a model twice";
const DEEP: Wrong = "the body is nested deeper than 10,000 levels";
const UTF8: Wrong = "the body must be UTF-8 without a byte order mark";
const OBJECT: Wrong = "the body must be a JSON object";
const STRING: Wrong = "model must be a string";
const UNENDED: Wrong = "the body is not valid JSON: a string does not end";
const BRACKETS: Wrong = "the body is not valid JSON: brackets do not match";
/// Levels of brackets. Python's own parser, which vLLM's server uses, gives up at 1,000 to 10,000, by its version.
const DEEPEST: i64 = 10_000;
/// Depth of what stands in a message.
const MESSAGE: i64 = 3;
/// A message's role, if it is a user's.
const USER: &[u8] = b"user";
/// What a picture, a sound or a film in text begins with (RFC 2397).
const MEDIA: &[u8] = b"data:";
/// Bytes of `model` with each letter as an escape.
const LONGEST_KEY: usize = 30;

/// A key of the outermost object that is of interest.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Model,
    Stream,
    StreamOptions,
    /// What a prompt stands in, or a part of it.
    Prompt,
    Count(Count),
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    /// Before the object.
    Start,
    /// Between strings.
    Between,
    /// In a string that is no key.
    Text,
    /// In a string of the outermost object.
    Key,
    /// After a string that spells something of interest: it is a key if a colon follows.
    AfterKey(Key),
    /// After the colon of `model`.
    Colon,
    /// After the colon of `stream`.
    Stream,
    /// In a number that tells how much is asked for.
    Number(Count),
    /// In the model's name.
    Value,
}

/// Reads one body.
pub struct Scanner {
    at: At,
    depth: i64,
    /// An odd number of backslashes stands at the end of the last piece.
    escaping: bool,
    seen: usize,
    /// What a key or the name had in earlier pieces.
    carried: Vec<u8>,
    first: usize,
    found: Option<Found>,
    wrong: Option<Wrong>,
    /// Behind the object's bracket.
    opened: usize,
    streams: bool,
    options: bool,
    prompt: Prompt,
    wish: Wish,
    /// Where the string that goes on began, if it is a picture or a sound.
    media: Option<usize>,
}

/// Where the prompt is, for prefix.rs.
#[derive(Default)]
struct Prompt {
    /// Behind the colon of the first of its keys.
    first: Option<usize>,
    /// Behind the first message of a user.
    end: Option<usize>,
    /// Somebody is called a user in the message that goes on.
    user: bool,
}

impl Prompt {
    /// Whether the end is still looked for.
    fn goes_on(&self) -> bool {
        self.first.is_some() && self.end.is_none()
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner {
            at: At::Start,
            depth: 0,
            escaping: false,
            seen: 0,
            carried: Vec::new(),
            first: 0,
            found: None,
            wrong: None,
            opened: 0,
            streams: false,
            options: false,
            prompt: Prompt::default(),
            wish: Wish::default(),
            media: None,
        }
    }
}

impl Scanner {
    /// The next bytes.
    pub fn feed(&mut self, piece: &[u8]) {
        self.check_encoding(piece);
        let mut i = 0;
        while i < piece.len() && self.wrong.is_none() {
            i = self.step(piece, i);
        }
        self.seen += piece.len();
    }

    /// After the last byte.
    pub fn finish(&mut self) -> Result<Found, Wrong> {
        let wrong = self.wrong.or(match self.at {
            At::Start => Some(OBJECT),
            At::Text | At::Key => Some(UNENDED),
            At::Colon | At::Value => Some(STRING),
            At::Between | At::AfterKey(_) | At::Stream | At::Number(_) if self.depth != 0 => Some(BRACKETS),
            At::Between | At::AfterKey(_) | At::Stream | At::Number(_) => None,
        });
        wrong.map_or_else(|| self.found.take().ok_or(MISSING), Err)
    }

    /// Whether the body asks for a stream.
    pub fn streams(&self) -> bool {
        self.streams
    }

    /// Where a member may be put in that asks for the usage of a stream: if the body asks for a stream, and has no
    /// options for it. Parsers take the last of two, so what a client wrote in a spelling that is not known here counts.
    pub fn usage_place(&self) -> Option<usize> {
        (self.streams && !self.options).then_some(self.opened)
    }

    /// Where the prompt begins, and where its first message of a user ends, as far as is known by now.
    pub fn prompt(&self) -> (Option<usize>, Option<usize>) {
        (self.prompt.first, self.prompt.end)
    }

    /// What it says of how many tokens it asks for (wish.rs).
    pub fn wish(&self) -> String {
        self.wish.said(self.seen, self.streams)
    }

    /// Bytes so far.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Has the last word on bodies that are wrong in another way too.
    fn check_encoding(&mut self, piece: &[u8]) {
        let begins = self.seen == 0 && matches!(piece.first(), Some(0xef | 0xfe | 0xff));
        let early = 4usize.saturating_sub(self.seen).min(piece.len());
        if begins || piece[..early].contains(&0) {
            self.wrong = Some(UTF8);
        }
    }

    /// Goes on at `i`; returns where to go on next.
    fn step(&mut self, piece: &[u8], i: usize) -> usize {
        match self.at {
            At::Start => self.start(piece[i], i),
            At::Between => self.between(piece, i),
            At::Text | At::Key | At::Value => self.string(piece, i),
            At::AfterKey(key) => self.after_key(key, piece[i], i),
            At::Colon => self.colon(piece[i], i),
            At::Stream => self.stream(piece[i], i),
            At::Number(count) => self.number(count, piece[i], i),
        }
    }

    fn start(&mut self, c: u8, i: usize) -> usize {
        match c {
            b'{' => (self.at, self.depth, self.opened) = (At::Between, 1, self.seen + i + 1),
            _ if is_space(c) => (),
            _ => self.wrong = Some(OBJECT),
        }
        i + 1
    }

    fn between(&mut self, piece: &[u8], i: usize) -> usize {
        let telling = |c: &u8| matches!(c, b'"' | b'{' | b'}' | b'[' | b']');
        let Some(ahead) = piece[i..].iter().position(telling) else { return piece.len() };
        match piece[i + ahead] {
            b'"' => {
                self.open(if self.depth == 1 { At::Key } else { At::Text });
                let behind = i + ahead + 1;
                self.media = piece[behind..].starts_with(MEDIA).then_some(self.seen + behind);
            }
            b'{' | b'[' if self.depth == DEEPEST => self.wrong = Some(DEEP),
            b'{' | b'[' => self.depth += 1,
            _ if self.depth == 0 => self.wrong = Some(BRACKETS),
            _ => {
                self.depth -= 1;
                self.message_ends(i + ahead + 1);
            }
        }
        i + ahead + 1
    }

    /// A bracket has closed in front of `i` in this piece: of a message, if it stood in the outermost object's array.
    fn message_ends(&mut self, i: usize) {
        if self.depth == 2 && self.prompt.user && self.prompt.goes_on() {
            self.prompt.end = Some(self.seen + i);
        }
    }

    fn open(&mut self, at: At) {
        self.at = at;
        self.escaping = false;
        self.carried.clear();
    }

    fn string(&mut self, piece: &[u8], i: usize) -> usize {
        let stop = self.string_end(&piece[i..]).map(|length| i + length);
        let text = &piece[i..stop.unwrap_or(piece.len())];
        match stop {
            Some(stop) if self.carried.is_empty() => self.close(text, stop),
            Some(stop) => {
                self.carry(text);
                let whole = std::mem::take(&mut self.carried);
                self.close(&whole, stop);
            }
            None => self.carry(text),
        }
        stop.map_or(piece.len(), |stop| stop + 1)
    }

    /// Where the string that goes on here ends.
    fn string_end(&mut self, text: &[u8]) -> Option<usize> {
        let mut from = 0;
        while let Some(ahead) = find(&text[from..], b'"') {
            let quote = from + ahead;
            if !self.escapes(&text[..quote]) {
                return Some(quote);
            }
            from = quote + 1;
        }
        self.escaping = self.escapes(text);
        None
    }

    /// Whether what stands behind `before` is escaped.
    fn escapes(&self, before: &[u8]) -> bool {
        let backslashes = before.iter().rev().take_while(|c| **c == b'\\').count();
        let from_before = backslashes == before.len() && self.escaping;
        (backslashes % 2 == 1) != from_before
    }

    /// Keeps what may be needed of a string that a piece cuts.
    fn carry(&mut self, text: &[u8]) {
        let most = match self.at {
            At::Key => LONGEST_KEY + 1,
            At::Value => LONGEST_ESCAPED + 1,
            At::Text if self.prompt.goes_on() => USER.len() + 1,
            _ => 0,
        };
        let room = most.saturating_sub(self.carried.len()).min(text.len());
        self.carried.extend_from_slice(&text[..room]);
    }

    /// A string has ended: its quote stands at `stop` in this piece.
    fn close(&mut self, text: &[u8], stop: usize) {
        if self.at == At::Value {
            self.found = Some(Found { name: Name::of_json(text), first: self.first, end: self.seen + stop });
        }
        if self.at == At::Text && self.depth == MESSAGE && text == USER {
            self.prompt.user = self.prompt.goes_on();
        }
        if let Some(begin) = self.media.take() {
            self.wish.media(self.seen + stop - begin);
        }
        let key = if self.at == At::Key { key(text) } else { None };
        self.at = key.map_or(At::Between, At::AfterKey);
    }

    fn after_key(&mut self, key: Key, c: u8, i: usize) -> usize {
        match c {
            b':' => self.is_key(key, i),
            _ if is_space(c) => (),
            _ => {
                self.at = At::Between;
                return i;
            }
        }
        i + 1
    }

    /// A colon at `i` in this piece follows.
    fn is_key(&mut self, key: Key, i: usize) {
        match key {
            Key::Model if self.found.is_some() => self.wrong = Some(TWICE),
            Key::Model => self.at = At::Colon,
            Key::Stream => self.at = At::Stream,
            Key::StreamOptions => (self.at, self.options) = (At::Between, true),
            Key::Prompt => {
                self.at = At::Between;
                self.prompt.first.get_or_insert(self.seen + i + 1);
            }
            Key::Count(count) => self.at = At::Number(count),
        }
    }

    fn stream(&mut self, c: u8, i: usize) -> usize {
        if is_space(c) {
            return i + 1;
        }
        (self.at, self.streams) = (At::Between, c == b't');
        i
    }

    fn number(&mut self, count: Count, c: u8, i: usize) -> usize {
        if self.wish.number(count, c) {
            return i + 1;
        }
        self.at = At::Between;
        i
    }

    fn colon(&mut self, c: u8, i: usize) -> usize {
        match c {
            b'"' => {
                self.open(At::Value);
                self.first = self.seen + i + 1;
            }
            _ if is_space(c) => (),
            _ => self.wrong = Some(STRING),
        }
        i + 1
    }
}

fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\r' | b'\n')
}

/// What a string's content spells.
fn key(text: &[u8]) -> Option<Key> {
    match text {
        b"stream" => Some(Key::Stream),
        b"stream_options" => Some(Key::StreamOptions),
        b"messages" | b"system" | b"prompt" | b"input" | b"instructions" => Some(Key::Prompt),
        _ => Count::of(text).map(Key::Count).or_else(|| spells_model(text).then_some(Key::Model)),
    }
}

/// Whether a string's content is `model`, with or without escapes.
fn spells_model(text: &[u8]) -> bool {
    if text == b"model" {
        return true;
    }
    // letters as escapes are five bytes longer each
    if text.len() % 5 != 0 || text.len() > LONGEST_KEY {
        return false;
    }
    let rest = b"model".iter().zip(b"df45c").try_fold(text, |rest, (&letter, &digit)| match rest {
        [c, rest @ ..] if *c == letter => Some(rest),
        [b'\\', b'u', b'0', b'0', b'6', c, rest @ ..] if c.to_ascii_lowercase() == digit => Some(rest),
        _ => None,
    });
    rest.is_some_and(<[u8]>::is_empty)
}
