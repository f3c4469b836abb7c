//! Numbers in headers, without an allocation.

/// Decimal digits of a number.
pub struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    /// Of `number`.
    pub fn of(mut number: usize) -> Digits {
        let mut made = Digits { bytes: [b'0'; 20], from: 20 };
        loop {
            made.from -= 1;
            made.bytes[made.from] += (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return made;
            }
        }
    }

    /// As text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

/// The number that `text` begins with, and what follows it.
pub fn leading(text: &[u8]) -> Option<(usize, &[u8])> {
    let count = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(count);
    std::str::from_utf8(digits).ok()?.parse().ok().map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for number in [0, 7, 10, 1234, usize::MAX] {
            assert_eq!(Digits::of(number).as_bytes(), number.to_string().as_bytes());
            assert_eq!(leading(format!("{number}-").as_bytes()), Some((number, &b"-"[..])));
        }
        assert_eq!(leading(b"x"), None);
        assert_eq!(leading(b"99999999999999999999999"), None);
    }
}
