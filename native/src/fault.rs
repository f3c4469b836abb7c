//! Whether an engine says in the middle of a stream that something went wrong: an event with an `error` that is something.
//!
//! | API                | event                                                              |
//! |--------------------|--------------------------------------------------------------------|
//! | chat, completions  | `data: {"error":{...}}`                                            |
//! | responses          | `response.failed`, whose response has an `error` that is not null  |
//! | messages           | `event: error` with `{"type":"error","error":{...}}`               |
//!
//! <https://docs.vllm.ai/en/latest/api/vllm/entrypoints/openai/>,
//! <https://platform.openai.com/docs/api-reference/responses-streaming/response/failed>

use crate::key::Key;

/// Of one answer.
pub struct Fault {
    key: Key,
    /// Behind the key; its colon may have been seen.
    value: bool,
    /// One was told of.
    pub told: bool,
}

impl Default for Fault {
    fn default() -> Self {
        Fault { key: Key::new(b"\"error\""), value: false, told: false }
    }
}

impl Fault {
    /// The next bytes of the answer.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while !rest.is_empty() && !self.told {
            if self.value {
                rest = self.read(rest);
                continue;
            }
            match self.key.behind(rest) {
                Some(behind) => (self.value, rest) = (true, behind),
                None => return,
            }
        }
    }

    /// What the key's value begins with.
    fn read<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let Some(at) = piece.iter().position(|c| !c.is_ascii_whitespace() && *c != b':') else { return &[] };
        self.value = false;
        self.told = matches!(piece[at], b'{' | b'"');
        &piece[at..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_however_it_is_cut() {
        for (text, told) in [
            (r#"data: {"error":{"message":"no"}}"#, true),
            (r#"data: {"error" : "no"}"#, true),
            (r#"data: {"response":{"error":null}}"#, false),
            (r#"data: {"response":{"error":null}} data: {"error": {}}"#, true),
            (r#"data: {"type":"error","x":"error"}"#, false),
            (r#"data: {"content":"\"error\":{"}"#, false),
            ("", false),
        ] {
            for size in 1..=text.len().max(1) {
                let mut fault = Fault::default();
                text.as_bytes().chunks(size).for_each(|piece| fault.feed(piece));
                assert_eq!(fault.told, told, "{text} by {size}");
            }
        }
    }
}
