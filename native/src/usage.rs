//! What an answer says of its tokens: the last `"usage":{...}`, in JSON or in events, wherever pieces are cut.
//!
//! | number     | OpenAI                                             | OpenAI responses, Anthropic                 |
//! |------------|----------------------------------------------------|---------------------------------------------|
//! | prompt     | `prompt_tokens`                                    | `input_tokens`                              |
//! | completion | `completion_tokens`                                | `output_tokens`                             |
//! | cached     | `prompt_tokens_details.cached_tokens`              | `cached_tokens`, `cache_read_input_tokens`  |
//!
//! <https://platform.openai.com/docs/api-reference/chat/object>, <https://docs.anthropic.com/en/api/messages>

use crate::digits::leading;
use crate::key::Key;
use crate::search::find_word;

/// Bytes of an object that are read.
const LONGEST: usize = 1 << 10;

/// Of one answer; a number that it did not say is None.
pub struct Usage {
    /// Tokens that were read.
    pub prompt: Option<usize>,
    /// Tokens that were written.
    pub completion: Option<usize>,
    /// Tokens that were read and had been read before.
    pub cached: Option<usize>,
    /// How often it spoke of them.
    pub told: usize,
    key: Key,
    /// What follows the key, while it comes.
    object: Option<Object>,
}

#[derive(Default)]
struct Object {
    text: Vec<u8>,
    /// Bytes looked at.
    seen: usize,
    opened: usize,
    closed: usize,
}

impl Object {
    /// Whether with the next byte it has ended, is no object, or is too long.
    fn ends(&mut self, next: u8) -> bool {
        self.seen += 1;
        self.opened += usize::from(next == b'{');
        self.closed += usize::from(next == b'}');
        match next {
            b'}' => self.opened <= self.closed || self.seen > LONGEST,
            b' ' | b'\n' | b'\r' | b'\t' | b':' | b'{' => self.seen > LONGEST,
            _ => self.opened == 0 || self.seen > LONGEST,
        }
    }
}

impl Default for Usage {
    fn default() -> Self {
        Usage { prompt: None, completion: None, cached: None, told: 0, key: Key::new(b"\"usage\""), object: None }
    }
}

impl Usage {
    /// The next bytes of the answer.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while !rest.is_empty() {
            if self.object.is_some() {
                rest = self.collect(rest);
                continue;
            }
            match self.key.behind(rest) {
                Some(behind) => (self.object, rest) = (Some(Object::default()), behind),
                None => return,
            }
        }
    }

    /// Takes what follows the key up to the end of the object; returns what follows that.
    fn collect<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let object = self.object.get_or_insert_default();
        let end = piece.iter().position(|c| object.ends(*c));
        let (taken, rest) = piece.split_at(end.map_or(piece.len(), |last| last + 1));
        object.text.extend_from_slice(taken);
        if end.is_some() {
            self.read();
        }
        rest
    }

    fn read(&mut self) {
        let object = self.object.take().unwrap_or_default().text;
        self.told += usize::from(object.contains(&b'{'));
        let number = |names: &[&str]| names.iter().find_map(|name| member(&object, name));
        self.prompt = number(&["\"prompt_tokens\"", "\"input_tokens\""]).or(self.prompt);
        self.completion = number(&["\"completion_tokens\"", "\"output_tokens\""]).or(self.completion);
        self.cached = number(&["\"cached_tokens\"", "\"cache_read_input_tokens\""]).or(self.cached);
    }
}

/// The number behind a key.
fn member(object: &[u8], key: &str) -> Option<usize> {
    let rest = &object[find_word(object, key.as_bytes())? + key.len()..];
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    leading(value).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, size: usize) -> [Option<usize>; 3] {
        let mut usage = Usage::default();
        text.as_bytes().chunks(size).for_each(|piece| usage.feed(piece));
        [usage.prompt, usage.completion, usage.cached]
    }

    #[test]
    fn each_shape_however_it_is_cut() {
        let long = format!(r#"{{"data":[{}],"usage":{{"prompt_tokens":9,"total_tokens":9}}}}"#, "0.25,".repeat(200));
        for (text, numbers) in [
            (r#"{"x":"","usage":{"prompt_tokens":20,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":16}}}"#, [Some(20), Some(100), Some(16)]),
            (r#"{"usage" : { "prompt_tokens" : 20, "completion_tokens" : 3, "prompt_tokens_details": null } }"#, [Some(20), Some(3), None]),
            (r#"data: {"usage":null}"#, [None; 3]),
            ("data: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\ndata: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n", [Some(2), Some(7), None]),
            ("event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"usage\":{\"output_tokens\":15}}\n\n", [Some(25), Some(15), Some(5)]),
            (r#"{"usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":0},"output_tokens":4}}"#, [Some(3), Some(4), Some(0)]),
            (r#"{"content":"\"usage\":{\"prompt_tokens\":5}"}"#, [None; 3]),
            (r#"{"us"usage":{"prompt_tokens":1}}"#, [Some(1), None, None]),
            (r#"{"usage":{"prompt_tokens":-1}}"#, [None; 3]),
            ("", [None; 3]),
            (&long, [Some(9), None, None]),
        ] {
            for size in 1..=text.len().max(1) {
                assert_eq!(read(text, size), numbers, "{text} by {size}");
            }
        }
    }

    #[test]
    fn an_object_that_does_not_end_costs_little() {
        let text = format!("{{\"usage\":{{{}", "\"a\":1,".repeat(100_000));
        assert_eq!(read(&text, 1000), [None; 3]);
    }

    #[test]
    fn what_ends_and_never_began_is_not_collected() {
        let mut usage = Usage::default();
        usage.feed(format!("{{\"usage\":{}", "}".repeat(100_000)).as_bytes());
        assert!(usage.object.is_none());
    }
}
