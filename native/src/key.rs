//! A key of JSON in an answer, wherever pieces are cut. In generated text its quotes would be escaped, so no model can speak it.

use crate::search::find_word;

/// Looks for one key.
pub struct Key {
    /// With its quotes, which stand nowhere else in it.
    key: &'static [u8],
    /// Bytes of it that stand at the end of the last piece.
    matched: usize,
}

impl Key {
    /// `key` with its quotes.
    pub const fn new(key: &'static [u8]) -> Key {
        Key { key, matched: 0 }
    }

    /// What follows the key in the next piece; None if it does not end there.
    pub fn behind<'a>(&mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        let wanted = &self.key[self.matched..];
        let same = wanted.iter().zip(piece).take_while(|(a, b)| a == b).count();
        if self.matched > 0 && same == wanted.len() {
            self.matched = 0;
            return Some(&piece[same..]);
        }
        if self.matched > 0 && same == piece.len() {
            self.matched += same;
            return None;
        }
        let found = find_word(piece, self.key).map(|at| &piece[at + self.key.len()..]);
        let begun = |n: &usize| piece.ends_with(&self.key[..*n]);
        self.matched = if found.is_some() { 0 } else { (1..self.key.len()).rev().find(begun).unwrap_or(0) };
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where what follows each occurrence begins.
    fn all(text: &str, size: usize) -> Vec<usize> {
        let (mut key, mut found) = (Key::new(b"\"usage\""), Vec::new());
        for (n, piece) in text.as_bytes().chunks(size).enumerate() {
            let mut rest = piece;
            while let Some(behind) = key.behind(rest) {
                found.push(n * size + piece.len() - behind.len());
                rest = behind;
            }
        }
        found
    }

    #[test]
    fn however_it_is_cut() {
        for text in [r#"{"usage":1,"us":"usage"}"#, r#"{"us"usage":1}"#, r#"\"usage\""usage""usage""#, r#""usag"#, ""] {
            let wanted: Vec<usize> = text.match_indices("\"usage\"").map(|(at, key)| at + key.len()).collect();
            for size in 1..=text.len().max(1) {
                assert_eq!(all(text, size), wanted, "{text} by {size}");
            }
        }
    }
}
