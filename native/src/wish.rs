//! How many tokens a body asks for, as far as it says so: what a limit reserves before the engine has counted any.
//!
//! | in the outermost object                                        | then                                          |
//! |----------------------------------------------------------------|-----------------------------------------------|
//! | `max_tokens`, `max_completion_tokens` or `max_output_tokens`   | at most so many in an answer; of several the  |
//! |                                                                |   largest, since engines differ in which counts |
//! | `n` or `best_of`                                               | so many answers; of both the larger           |
//! | one of these is no whole number in plain digits                | as if it were not there                       |
//! | a string that begins with `data:`                              | a picture or a sound: no text                 |
//!
//! A key that is written with escapes is not seen: the answer's own usage is what counts in the end.

/// Which number.
#[derive(Clone, Copy, PartialEq)]
pub enum Count {
    /// Tokens of an answer.
    Most,
    /// Answers.
    Copies,
}

impl Count {
    /// Of a key as it stands in the body.
    pub fn of(key: &[u8]) -> Option<Count> {
        match key {
            b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens" => Some(Count::Most),
            b"n" | b"best_of" => Some(Count::Copies),
            _ => None,
        }
    }
}

/// Of one body.
#[derive(Default)]
pub struct Wish {
    most: Option<usize>,
    copies: Option<usize>,
    /// Bytes of pictures and sounds.
    media: usize,
    digits: Option<usize>,
}

impl Wish {
    /// The next byte behind the colon of a number; whether the number goes on.
    pub fn number(&mut self, count: Count, c: u8) -> bool {
        match (c, self.digits) {
            (b'0'..=b'9', before) => {
                self.digits = Some(before.unwrap_or(0).saturating_mul(10).saturating_add(usize::from(c - b'0')));
                true
            }
            (b' ' | b'\t' | b'\r' | b'\n', None) => true,
            _ => {
                let plain = matches!(c, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
                let told = self.digits.take().filter(|_| plain);
                let known = if count == Count::Most { &mut self.most } else { &mut self.copies };
                *known = (*known).max(told);
                false
            }
        }
    }

    /// A string of so many bytes is no text.
    pub fn media(&mut self, bytes: usize) {
        self.media += bytes;
    }

    /// `BYTES MOST COPIES STREAM`: bytes of text in a body of `seen` bytes, tokens of an answer (`-` where nobody knows), answers, 1 for
    /// a stream.
    pub fn said(&self, seen: usize, streams: bool) -> String {
        let most = self.most.map_or("-".into(), |most| most.to_string());
        let text = seen.saturating_sub(self.media);
        format!("{text} {most} {} {}", self.copies.unwrap_or(1).max(1), u8::from(streams))
    }
}

#[cfg(test)]
mod tests {
    use crate::scanner::Scanner;

    fn said(body: &str, size: usize) -> String {
        let mut scanner = Scanner::default();
        body.as_bytes().chunks(size).for_each(|piece| scanner.feed(piece));
        assert!(scanner.finish().is_ok(), "{body}");
        scanner.wish()
    }

    #[test]
    fn each_row_however_it_is_cut() {
        let picture = format!(r#"{{"model":"a","x":[{{"url":"data:image/png;base64,{}"}}]}}"#, "A".repeat(1000));
        for (body, numbers) in [
            (r#"{"model":"a"}"#, "13 - 1 0"),
            (r#"{"model":"a","max_tokens":16}"#, "29 16 1 0"),
            (r#"{"max_completion_tokens" : 20 , "model":"a","n":3,"stream":true}"#, "64 20 3 1"),
            (r#"{"model":"a","max_output_tokens":7,"best_of":2}"#, "47 7 2 0"),
            (r#"{"model":"a","max_tokens":5,"max_completion_tokens":9,"max_tokens":1}"#, "69 9 1 0"),
            (r#"{"model":"a","max_tokens":1e5}"#, "30 - 1 0"),
            (r#"{"model":"a","max_tokens":-5}"#, "29 - 1 0"),
            (r#"{"model":"a","max_tokens":"5"}"#, "30 - 1 0"),
            (r#"{"model":"a","max_tokens":null,"n":0}"#, "37 - 1 0"),
            (r#"{"model":"a","x":{"max_tokens":5},"y":"max_tokens"}"#, "51 - 1 0"),
            (r#"{"model":"a","max_tokens":99999999999999999999999}"#, "50 18446744073709551615 1 0"),
            (&picture, "30 - 1 0"),
        ] {
            for size in [body.len(), 7, 1] {
                let found = said(body, size);
                // a picture whose beginning a piece cuts is taken for text
                assert!(found == numbers || (body == picture && size < body.len()), "{body} by {size}: {found}");
            }
        }
    }
}
