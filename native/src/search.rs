//! Finding bytes. The inner loops have no branches, so that the compiler makes them wide.

const LANE: usize = 32;

/// Where the first `byte` stands.
#[inline]
pub fn find(text: &[u8], byte: u8) -> Option<usize> {
    let mut at = 0;
    for lane in text.chunks_exact(LANE) {
        if lane.iter().fold(false, |any, b| any | (*b == byte)) {
            break;
        }
        at += LANE;
    }
    text[at..].iter().position(|b| *b == byte).map(|i| at + i)
}

/// Where the first `pair` begins.
#[inline]
pub fn find_pair(text: &[u8], pair: [u8; 2]) -> Option<usize> {
    let mut at = 0;
    let second = text.get(1..)?;
    for (one, two) in text.chunks_exact(LANE).zip(second.chunks_exact(LANE)) {
        let any = one.iter().zip(two).fold(false, |any, (a, b)| any | ((*a == pair[0]) & (*b == pair[1])));
        if any {
            break;
        }
        at += LANE;
    }
    text[at..].windows(2).position(|w| w == pair).map(|i| at + i)
}

/// Where the first `word` of two bytes and more begins.
pub fn find_word(text: &[u8], word: &[u8]) -> Option<usize> {
    let pair = [word[0], word[1]];
    let mut from = 0;
    while let Some(i) = find_pair(&text[from..], pair) {
        if text[from + i..].starts_with(word) {
            return Some(from + i);
        }
        from += i + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_plain_search_does() {
        let text: Vec<u8> = (0..500u32).map(|i| (i * i % 7) as u8).collect();
        for from in 0..text.len() {
            for byte in 0..8 {
                let plain = text[from..].iter().position(|b| *b == byte);
                assert_eq!(find(&text[from..], byte), plain);
            }
            for pair in [[0, 1], [1, 4], [2, 2], [4, 1], [0, 0], [5, 5]] {
                let plain = text[from..].windows(2).position(|w| w == pair);
                assert_eq!(find_pair(&text[from..], pair), plain);
            }
        }
    }

    #[test]
    fn a_word() {
        assert_eq!(find_word(b"\"us\"usage\"", b"\"usage\""), Some(3));
        assert_eq!(find_word(b"\"usag", b"\"usage\""), None);
        assert_eq!(find_word(b"", b"\"usage\""), None);
    }
}
