//! Server-sent events are passed on whole: a client that got half of one before its stream broke could not read the error
//! that follows. <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>
//!
//! Engines write whole events, so nearly every piece goes on as it is. The rest of a piece that ends inside an event waits
//! for the next one; nobody could use it before.

use crate::filter::{Host, Side};
use crate::search::{find, find_word};

/// Bytes; of a longer event the beginning is passed on.
pub const LONGEST: usize = 256 << 10;

/// Of one answer.
#[derive(Default)]
pub struct Events {
    rest: Vec<u8>,
    open: bool,
}

impl Events {
    /// Changes the piece of this hook to what may go on.
    pub fn pass(&mut self, host: &mut dyn Host, end: bool) {
        let (size, whole) = measure(host);
        if self.rest.is_empty() && (whole || end) {
            self.open &= size == 0;
            return;
        }
        let before = self.rest.len();
        host.each_slice(Side::Response, &mut |slice| self.rest.extend_from_slice(slice));
        host.drain(Side::Response, size);
        let ready = self.ready(before, end);
        host.append(Side::Response, &self.rest[..ready]);
        self.rest.drain(..ready);
    }

    /// Whether a client has got a part of an event.
    pub fn open(&self) -> bool {
        self.open
    }

    /// Bytes that may go on; the first `before` were looked at earlier.
    fn ready(&mut self, before: usize, end: bool) -> usize {
        // an empty line may begin in what was looked at
        let from = before.saturating_sub(3);
        let whole = last_end(&self.rest[from..]).map_or(0, |i| from + i);
        let all = end || self.rest.len() - whole > LONGEST;
        self.open = if all { whole < self.rest.len() } else { self.open && whole == 0 };
        if all {
            self.rest.len()
        } else {
            whole
        }
    }
}

/// Counts the events of a stream as they go on: engines write about one for each token.
#[derive(Default)]
pub struct Passed {
    /// Events that have ended.
    pub count: usize,
    /// The line that goes on has something in it.
    begun: bool,
}

impl Passed {
    /// The next bytes.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while let Some(i) = find(piece, b'\n') {
            let begun = self.begun || piece[..i].iter().any(|c| *c != b'\r');
            self.count += usize::from(!begun);
            self.begun = false;
            piece = &piece[i + 1..];
        }
        self.begun |= piece.iter().any(|c| *c != b'\r');
    }
}

/// Takes the event out of this hook's piece that tells of usage alone: a client that did not ask for it does not know it.
/// OpenAI's has no choices, and stands near the end.
pub fn without_usage(host: &mut dyn Host) {
    let size = host.body_size(Side::Response);
    let mut piece = Vec::with_capacity(size);
    host.each_slice(Side::Response, &mut |slice| piece.extend_from_slice(slice));
    let Some((from, to)) = last_usage(&piece) else { return };
    piece.drain(from..to);
    host.drain(Side::Response, size);
    host.append(Side::Response, &piece);
}

/// Where that event stands.
fn last_usage(piece: &[u8]) -> Option<(usize, usize)> {
    let mut to = piece.len();
    while to > 0 {
        let from = (0..to - 1).rev().find(|i| ends_event(&piece[..=*i])).map_or(0, |i| i + 1);
        if tells_usage_alone(&piece[from..to]) {
            return Some((from, to));
        }
        to = from;
    }
    None
}

fn tells_usage_alone(event: &[u8]) -> bool {
    let behind =
        |key: &[u8]| find_word(event, key).map(|i| event[i + key.len()..].iter().filter(|c| !c.is_ascii_whitespace()));
    let begins = |key: &[u8], value: &[u8]| behind(key).is_some_and(|rest| rest.take(value.len()).eq(value));
    begins(b"\"choices\"", b":[]") && begins(b"\"usage\"", b":{")
}

/// Bytes of this hook's piece, and whether it ends with an event.
fn measure(host: &dyn Host) -> (usize, bool) {
    let (mut size, mut whole) = (0, true);
    host.each_slice(Side::Response, &mut |slice| {
        size += slice.len();
        whole = if slice.is_empty() { whole } else { ends_event(slice) };
    });
    (size, whole)
}

/// Whether the last line is empty.
fn ends_event(text: &[u8]) -> bool {
    text.ends_with(b"\n\n") || text.ends_with(b"\n\r\n")
}

/// Behind the last empty line.
fn last_end(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(event) = first_end(&text[from..]) {
        from += event;
    }
    (from > 0).then_some(from)
}

/// Behind the first empty line.
fn first_end(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(ahead) = find(&text[from..], b'\n') {
        from += ahead + 1;
        if ends_event(&text[..from]) {
            return Some(from);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn events_are_counted_however_they_are_cut() {
        let text = "data: a\n\ndata: b\r\n\r\n: note\n\n\ndata: c";
        for size in 1..=text.len() {
            let mut passed = Passed::default();
            text.as_bytes().chunks(size).for_each(|piece| passed.feed(piece));
            assert_eq!(passed.count, 4, "by {size}");
        }
    }

    /// What goes on after each piece.
    fn passed(pieces: &[&str]) -> (Vec<String>, Events) {
        let mut events = Events::default();
        let each = pieces.iter().map(|piece| {
            let mut host = Fake::of(piece);
            events.pass(&mut host, false);
            String::from_utf8(host.piece.concat()).unwrap()
        });
        (each.collect(), events)
    }

    #[test]
    fn whole_events_go_on() {
        for (pieces, wanted) in [
            (
                &["data: a\n\n", "data: b\r\n\r\n", ": ping\n\n"][..],
                &["data: a\n\n", "data: b\r\n\r\n", ": ping\n\n"][..],
            ),
            (&["data: a\n\nda", "ta: b\n", "\n"], &["data: a\n\n", "", "data: b\n\n"]),
            (&["data: a\r", "\n", "\r", "\n"], &["", "", "", "data: a\r\n\r\n"]),
            (&["x\n\ny\n\nz", "\n\n"], &["x\n\ny\n\n", "z\n\n"]),
        ] {
            let (found, events) = passed(pieces);
            assert_eq!(found, wanted);
            assert!(!events.open());
        }
    }

    #[test]
    fn of_one_that_is_too_long_the_beginning_goes_on() {
        let long = "x".repeat(LONGEST + 1);
        let (found, events) = passed(&[&long]);
        assert_eq!((found, events.open()), (vec![long.clone()], true));
        let (found, events) = passed(&[&long, "y\n\n"]);
        assert_eq!((found[1].as_str(), events.open()), ("y\n\n", false));
        let (found, events) = passed(&[&long, "y"]);
        assert_eq!((found[1].as_str(), events.open()), ("", true));
    }

    #[test]
    fn usage_is_taken_out() {
        let usage = "data: {\"choices\": [], \"usage\" : {\"prompt_tokens\":1}}\n\n";
        let others = [
            "data: {\"choices\":[{}],\"usage\":{}}\n\n",
            "data: {\"choices\":[],\"usage\":null}\n\n",
            "data: [DONE]\n\n",
        ];
        for at in 0..=3 {
            let mut events = others.to_vec();
            events.insert(at, usage);
            let mut host = Fake::of(&events.concat());
            without_usage(&mut host);
            assert_eq!(host.piece.concat(), others.concat().as_bytes());
        }
    }

    #[test]
    fn the_end_of_an_answer_goes_on_whatever_it_is() {
        let (_, mut events) = passed(&["data: a"]);
        let mut host = Fake::default();
        events.pass(&mut host, true);
        assert_eq!(host.piece.concat(), b"data: a");
    }

    #[test]
    fn however_it_is_cut() {
        let text = "data: one\n\nevent: x\ndata: two\r\n\r\n: ping\n\ndata: three\n\n";
        for size in 1..text.len() {
            let pieces: Vec<&str> = text.as_bytes().chunks(size).map(|p| std::str::from_utf8(p).unwrap()).collect();
            let (found, _) = passed(&pieces);
            assert_eq!(found.concat(), text);
            assert!(found.iter().all(|piece| piece.is_empty() || ends_event(piece.as_bytes())), "{found:?}");
        }
    }
}
