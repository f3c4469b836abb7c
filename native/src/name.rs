//! Names of models: what a client wrote, as text.

/// Bytes; no model's name is longer.
pub const LONGEST: usize = 256;
/// Bytes that a name may take where each letter is written as an escape.
pub const LONGEST_ESCAPED: usize = 6 * LONGEST;

/// A model's name: printable ASCII without spaces. Held in place, because nearly each request has one.
#[derive(Clone)]
pub struct Name {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Name {
    /// "%", which no route has: the answer is the one for an unknown model.
    pub fn none() -> Name {
        Name::plain(b"%")
    }

    /// Text without escapes; none if it is no name.
    pub fn plain(text: &[u8]) -> Name {
        let mut made = Name { bytes: [0; LONGEST], length: 0 };
        for &c in text {
            if !made.push(c) {
                return Name::none();
            }
        }
        made.or_none()
    }

    /// The content of a JSON string (RFC 8259 section 7); none if it is no name.
    pub fn of_json(text: &[u8]) -> Name {
        if text.len() > LONGEST_ESCAPED {
            return Name::none();
        }
        let mut made = Name { bytes: [0; LONGEST], length: 0 };
        let mut rest = text;
        while let Some((c, after)) = first_letter(rest) {
            if !made.push(c) {
                return Name::none();
            }
            rest = after;
        }
        made.or_none()
    }

    /// As text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, c: u8) -> bool {
        let fits = c.is_ascii_graphic() && self.length < LONGEST;
        if fits {
            self.bytes[self.length] = c;
            self.length += 1;
        }
        fits
    }

    fn or_none(self) -> Name {
        if self.length == 0 {
            return Name::none();
        }
        self
    }
}

/// The first letter and what follows it; 0 for one that no name has.
fn first_letter(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&c, rest) = text.split_first()?;
    if c != b'\\' {
        return Some((c, rest));
    }
    match rest.split_first() {
        Some((&c @ (b'/' | b'"' | b'\\'), rest)) => Some((c, rest)),
        Some((b'u', rest)) if rest.len() >= 4 => Some((letter(&rest[..4]), &rest[4..])),
        _ => Some((0, rest)),
    }
}

/// What four hexadecimal digits stand for, if it is ASCII; else 0.
fn letter(hex: &[u8]) -> u8 {
    let digit = |c: &u8| (*c as char).to_digit(16);
    let code = hex.iter().try_fold(0, |code, c| Some(code * 16 + digit(c)?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        String::from_utf8(Name::of_json(text.as_bytes()).as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn names() {
        for (text, name) in [
            ("chat", "chat"),
            (r"ch\u0061t", "chat"),
            (r#"a\/b\\\"c"#, r#"a/b\"c"#),
            ("", "%"),
            ("a b", "%"),
            (r"a\u0020b", "%"),
            (r"a\n", "%"),
            (r"a\u00e9", "%"),
            (r"a\ud800", "%"),
            (r"a\u12", "%"),
            (r"a\u+061", "%"),
            ("a\u{e9}", "%"),
            ("a\u{7f}", "%"),
        ] {
            assert_eq!(json(text), name, "{text}");
        }
    }

    #[test]
    fn lengths() {
        let (fits, long) = ("x".repeat(LONGEST), "x".repeat(LONGEST + 1));
        assert_eq!(json(&fits), fits);
        assert_eq!(json(&long), "%");
        assert_eq!(json(&r"\u0061".repeat(LONGEST)), "a".repeat(LONGEST));
        assert_eq!(Name::plain(long.as_bytes()).as_bytes(), b"%");
    }

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Name::plain(br"a\u0061").as_bytes(), br"a\u0061");
        assert_eq!(Name::plain(b"").as_bytes(), b"%");
    }
}
