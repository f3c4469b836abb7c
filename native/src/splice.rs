//! What an attempt changes in a body: where, told by the route filter in a header, and how, byte for byte.

use crate::digits::{leading, Digits};

/// Where things stand in a body.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Place {
    /// Bytes before the model's name.
    pub first: usize,
    /// Bytes up to its end.
    pub end: usize,
    /// Bytes of the body.
    pub length: usize,
    /// Bytes before a member that asks for the usage; None: nobody asks.
    pub ask: Option<usize>,
}

impl Place {
    /// First and last byte of the name, from one on, the body's length, and the place for the usage: `11-14/16+1`.
    pub fn read(text: &[u8]) -> Option<Place> {
        let (first, rest) = leading(text)?;
        let (end, rest) = leading(rest.strip_prefix(b"-")?)?;
        let (length, rest) = leading(rest.strip_prefix(b"/")?)?;
        let (ask, rest) = match rest.strip_prefix(b"+") {
            Some(rest) => leading(rest).map(|(ask, rest)| (Some(ask), rest))?,
            None => (None, rest),
        };
        let made = Place { first: first.checked_sub(1)?, end, length, ask };
        let sound = ask.is_none_or(|ask| ask <= made.first) && made.first <= end && end <= length;
        (rest.is_empty() && sound).then_some(made)
    }

    /// The reverse of `read`, without an allocation; `write` gets one piece after another.
    pub fn write(&self, mut write: impl FnMut(&[u8])) {
        let ask = self.ask.map(|ask| ("+", ask));
        for (before, number) in [("", self.first + 1), ("-", self.end), ("/", self.length)].into_iter().chain(ask) {
            write(before.as_bytes());
            write(Digits::of(number).as_bytes());
        }
    }

    /// In the order of the body: of the usage, which may be none, and of the name.
    pub fn edits(&self) -> [Edit; 2] {
        let ask = self.ask.map_or(Edit { from: 0, to: 0, used: false }, |ask| Edit { from: ask, to: ask, used: true });
        [ask, Edit { from: self.first, to: self.end, used: true }]
    }
}

/// Bytes that another text takes the place of.
#[derive(Clone, Copy)]
pub struct Edit {
    from: usize,
    to: usize,
    used: bool,
}

impl Edit {
    /// Bytes that `text` adds.
    pub fn grows(&self, text: &[u8]) -> usize {
        if self.used {
            text.len()
        } else {
            0
        }
    }

    /// Bytes that it takes away.
    pub fn gone(&self) -> usize {
        self.to - self.from
    }

    /// Whether it changes any of the `size` bytes from `at` on. A text stands before the byte at `from`.
    pub fn touches(&self, at: usize, size: usize) -> bool {
        self.used && at < self.to.max(self.from + 1) && at + size > self.from
    }
}

/// Adds to `into` what becomes of `slice`, which stands in the body at `at`.
pub fn apply(edits: &[Edit; 2], texts: [&[u8]; 2], at: usize, slice: &[u8], into: &mut Vec<u8>) {
    let mut done = 0;
    for (edit, text) in edits.iter().zip(texts) {
        if edit.touches(at, slice.len()) {
            let inside = |offset: usize| offset.saturating_sub(at).min(slice.len());
            into.extend_from_slice(&slice[done..inside(edit.from)]);
            if edit.from >= at {
                into.extend_from_slice(text);
            }
            done = inside(edit.to);
        }
    }
    into.extend_from_slice(&slice[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (place, text) in [
            (Place { first: 10, end: 14, length: 16, ask: None }, "11-14/16"),
            (Place { first: 10, end: 14, length: 16, ask: Some(1) }, "11-14/16+1"),
        ] {
            let mut written = Vec::new();
            place.write(|piece| written.extend_from_slice(piece));
            assert_eq!((written.as_slice(), Place::read(&written)), (text.as_bytes(), Some(place)));
        }
        for wrong in [
            "",
            "1-9",
            "0-1/2",
            "5-3/9",
            "1-9/5",
            "1-2/3x",
            "1-2/3+",
            "3-4/9+5",
            "99999999999999999999999-1/0",
            "a-b/c",
        ] {
            assert_eq!(Place::read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn slices_of_any_size() {
        let body = b"0123456789";
        for (first, end, ask, wanted) in [
            (4, 6, Some(1), "0ASK123NAME6789"),
            (4, 6, None, "0123NAME6789"),
            (1, 1, Some(1), "0ASKNAME123456789"),
            (4, 4, Some(0), "ASK0123NAME456789"),
        ] {
            let edits = Place { first, end, length: 10, ask }.edits();
            for size in 1..=body.len() {
                let mut made = Vec::new();
                for (n, slice) in body.chunks(size).enumerate() {
                    apply(&edits, [b"ASK", b"NAME"], n * size, slice, &mut made);
                }
                assert_eq!(made, wanted.as_bytes(), "by {size}");
            }
        }
    }
}
