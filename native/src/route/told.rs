//! What a request's record says of its answer, in one text: a number each would cost Envoy as much as all together.
//!
//! | word | is                                                                  | `-` where                |
//! |------|---------------------------------------------------------------------|--------------------------|
//! | 1    | microseconds from the request's beginning to a stream's first bytes | it was none, or had none |
//! | 2    | tokens of the prompt                                                | the answer did not say   |
//! | 3    | of these, tokens that had been read before                          | the same                 |
//! | 4    | tokens of the answer                                                | the same                 |
//! | 5    | events that were passed on, where there are limits                  | there were none          |
//! | 6    | 1 for a stream that broke off, or told of an error                  | it did not               |
//!
//! `operator/tidegate/brain/records/record.py` reads it.

use crate::digits::Digits;

/// Words of it.
pub type Words = [Option<usize>; 6];

/// As the record has it; None where there is nothing to tell.
pub fn written(words: Words) -> Option<Vec<u8>> {
    words.iter().any(Option::is_some).then(|| {
        let mut text = Vec::with_capacity(64);
        for (n, word) in words.into_iter().enumerate() {
            if n > 0 {
                text.push(b',');
            }
            match word {
                Some(number) => text.extend_from_slice(Digits::of(number).as_bytes()),
                None => text.push(b'-'),
            }
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_gaps() {
        let words = [Some(86_500), Some(10), None, Some(5), Some(0), Some(1)];
        assert_eq!(written(words).as_deref(), Some(&b"86500,10,-,5,0,1"[..]));
        assert_eq!(written([None; 6]), None);
    }
}
