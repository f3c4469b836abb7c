//! Which conversation a request goes on with: a hash of the beginning of its prompt, by which its next turn finds the engine that has
//! this beginning in its cache.
//!
//! | the prompt                                            | then the hash is over                                      |
//! |-------------------------------------------------------|------------------------------------------------------------|
//! | has a message of a user among its first 64 KiB        | all up to the end of the first one, what a system said and |
//! |                                                       |   what stands between them included                        |
//! | has none there: a text, or messages of others         | its first 512 bytes                                        |
//! | there is none                                         | nothing: any engine will do                                |
//!
//! Later turns begin with the same bytes, so they have the same hash. Two conversations that begin alike share an engine, as they share
//! its cache. Only for choosing: who finds two beginnings with one hash has found nothing.

/// Bytes after which it does not matter how a prompt goes on.
const LONGEST: usize = 64 << 10;
/// Of a prompt without a user's message.
const SHORT: usize = 512;
/// Odd, with bits all over: Knuth, The Art of Computer Programming 3, section 6.4.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Bytes as they come, however they are cut.
#[derive(Clone, Copy, Default)]
struct Hash {
    state: u64,
    word: u64,
    count: usize,
}

impl Hash {
    fn byte(&mut self, c: u8) {
        self.word = (self.word << 8) | u64::from(c);
        self.count += 1;
        if self.count % 8 == 0 {
            self.mix(self.word);
            self.word = 0;
        }
    }

    fn mix(&mut self, word: u64) {
        self.state = (self.state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    }

    fn feed(&mut self, piece: &[u8]) {
        let head = ((8 - self.count % 8) % 8).min(piece.len());
        let (head, rest) = piece.split_at(head);
        head.iter().for_each(|c| self.byte(*c));
        let words = rest.chunks_exact(8);
        let tail = words.remainder();
        for word in words {
            self.mix(u64::from_be_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]));
            self.count += 8;
        }
        tail.iter().for_each(|c| self.byte(*c));
    }

    fn value(mut self) -> u64 {
        self.mix((self.word << 8) | (self.count as u64 % 8));
        self.mix(self.count as u64);
        self.state ^ (self.state >> 32)
    }
}

/// One request's.
#[derive(Default)]
pub struct Prefix {
    hash: Hash,
    short: Option<Hash>,
}

impl Prefix {
    /// The next bytes, of which `before` came earlier; the prompt begins at `first`, and its first message of a user ends at `end`,
    /// as far as is known by now.
    pub fn feed(&mut self, piece: &[u8], before: usize, first: Option<usize>, end: Option<usize>) {
        let Some(first) = first else { return };
        let from = (first + self.hash.count).max(before);
        let to = (before + piece.len()).min(end.unwrap_or(usize::MAX)).min(first + LONGEST);
        if from >= to {
            return;
        }
        let new = &piece[from - before..to - before];
        let missing = SHORT.saturating_sub(self.hash.count).min(new.len());
        let (new, rest) = new.split_at(missing);
        self.hash.feed(new);
        if !rest.is_empty() {
            self.short = self.short.or(Some(self.hash));
        }
        self.hash.feed(rest);
    }

    /// After the last byte: `whole` where a message of a user has ended.
    pub fn value(&self, whole: bool) -> Option<u64> {
        let known = if whole { self.hash } else { self.short.unwrap_or(self.hash) };
        (known.count > 0).then(|| known.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scanner::Scanner;

    /// Of a body that comes in pieces of this size.
    fn of(body: &str, size: usize) -> Option<u64> {
        let (mut scanner, mut prefix) = (Scanner::default(), Prefix::default());
        for piece in body.as_bytes().chunks(size) {
            let before = scanner.seen();
            scanner.feed(piece);
            prefix.feed(piece, before, scanner.prompt().0, scanner.prompt().1);
        }
        prefix.value(scanner.prompt().1.is_some())
    }

    fn whole(body: &str) -> Option<u64> {
        of(body, body.len())
    }

    fn chat(messages: &[(&str, &str)]) -> String {
        let said: Vec<_> =
            messages.iter().map(|(role, text)| format!(r#"{{"role": "{role}", "content": "{text}"}}"#)).collect();
        format!(r#"{{"model": "m", "messages": [{}], "max_tokens": 3}}"#, said.join(", "))
    }

    #[test]
    fn a_conversation_keeps_its_hash() {
        let long = "x".repeat(5000);
        for system in ["you are kind", &long] {
            let first = [("system", system), ("user", "hello")];
            let second = [first[0], first[1], ("assistant", "hi"), ("user", "how are you?")];
            let other = [("system", system), ("user", "good bye")];
            let hashes = [chat(&first), chat(&second), chat(&other)].map(|body| whole(&body));
            assert!(hashes[0].is_some());
            assert_eq!(hashes[0], hashes[1]);
            assert_ne!(hashes[0], hashes[2]);
        }
    }

    #[test]
    fn without_a_system() {
        let turns = [("user", "hello"), ("assistant", "hi"), ("user", "how are you?")];
        assert_eq!(whole(&chat(&turns[..1])), whole(&chat(&turns)));
    }

    #[test]
    fn however_it_is_cut() {
        let long = "y".repeat(1500);
        for body in [
            chat(&[("system", "be brief"), ("user", &long), ("assistant", "ok")]),
            chat(&[("user", "a \\\"quoted\\\" user")]),
            format!(r#"{{"model":"m","prompt":"{long}"}}"#),
            r#"{"input":"short","model":"m"}"#.into(),
        ] {
            for size in [1, 2, 3, 7, 8, 9, 64, 511, 513] {
                assert_eq!(of(&body, size), whole(&body), "{body} by {size}");
            }
        }
    }

    #[test]
    fn what_comes_later_does_not_matter() {
        let (a, b) = ("a".repeat(600), "b".repeat(600));
        let text = |tail: &str| format!(r#"{{"model":"m","prompt":"{a}{tail}"}}"#);
        assert_eq!(whole(&text("")), whole(&text(&b)));
        assert_ne!(whole(&text("")), whole(&format!(r#"{{"model":"m","prompt":"{b}"}}"#)));
        let far = |text: &str| chat(&[("system", &"s".repeat(LONGEST)), ("user", text)]);
        assert_eq!(whole(&far("one")), whole(&far("two")), "beyond what is looked at");
    }

    #[test]
    fn a_system_beside_the_messages_counts() {
        let body = |system: &str| {
            format!(r#"{{"model":"m","system":"{system}","messages":[{{"role":"user","content":"hello"}}]}}"#)
        };
        assert_ne!(whole(&body("a")), whole(&body("b")));
        let parts = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}"#;
        assert_eq!(
            whole(&format!("{parts}]}}")),
            whole(&format!(r#"{parts},{{"role":"assistant","content":"x"}}]}}"#))
        );
    }

    #[test]
    fn no_prompt_no_hash() {
        assert_eq!(whole(r#"{"model":"m"}"#), None);
        assert_eq!(whole(r#"{"model":"m","x":{"messages":[{"role":"user"}]}}"#), None);
    }
}
