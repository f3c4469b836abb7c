//! The same, slow and obvious: the whole body at once, and a parser that takes exactly RFC 8259.

use super::{BRACKETS, DEEP, DEEPEST, MISSING, OBJECT, STRING, TWICE, UNENDED, UTF8};
use crate::model::Wrong;
use std::collections::HashSet;
use std::sync::OnceLock;

/// First byte and end of the name.
pub type Place = (usize, usize);

/// What the scanner must say of any bytes.
pub fn find(body: &[u8]) -> Result<Place, Wrong> {
    if body.first().is_some_and(|c| [0xef, 0xfe, 0xff].contains(c)) || body.iter().take(4).any(|c| *c == 0) {
        return Err(UTF8);
    }
    let mut i = spaces(body, 0);
    if body.get(i) != Some(&b'{') {
        return Err(OBJECT);
    }
    let (mut depth, mut found) = (0, None);
    while i < body.len() {
        match body[i] {
            b'"' => {
                let stop = string_end(body, i + 1).ok_or(UNENDED)?;
                let text = &body[i + 1..stop];
                let colon = spaces(body, stop + 1);
                i = stop;
                if depth == 1 && spells_model(text) && body.get(colon) == Some(&b':') {
                    if found.is_some() {
                        return Err(TWICE);
                    }
                    let quote = spaces(body, colon + 1);
                    if body.get(quote) != Some(&b'"') {
                        return Err(STRING);
                    }
                    i = string_end(body, quote + 1).ok_or(STRING)?;
                    found = Some((quote + 1, i));
                }
            }
            b'{' | b'[' if depth == DEEPEST => return Err(DEEP),
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Err(BRACKETS),
            b'}' | b']' => depth -= 1,
            _ => (),
        }
        i += 1;
    }
    if depth != 0 {
        return Err(BRACKETS);
    }
    found.ok_or(MISSING)
}

fn spaces(body: &[u8], i: usize) -> usize {
    i + body[i.min(body.len())..].iter().take_while(|c| b" \t\n\r".contains(c)).count()
}

/// Where the quote stands that ends the string that begins at `i`.
fn string_end(body: &[u8], mut i: usize) -> Option<usize> {
    loop {
        match body.get(i)? {
            b'\\' => i += 2,
            b'"' => return Some(i),
            _ => i += 1,
        }
    }
}

/// Whether it is one of all spellings.
fn spells_model(text: &[u8]) -> bool {
    static ALL: OnceLock<HashSet<String>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        "model".chars().fold(HashSet::from([String::new()]), |begun, letter| {
            let code = format!("{:x}", u32::from(letter));
            let ways = [letter.to_string(), format!("\\u00{code}"), format!("\\u00{}", code.to_uppercase())];
            begun.iter().flat_map(|text| ways.iter().map(move |way| format!("{text}{way}"))).collect()
        })
    });
    std::str::from_utf8(text).is_ok_and(|text| all.contains(text))
}

/// The places of strings that top-level `model` keys have; None of one that has another value.
pub type Models = Vec<Option<Place>>;

/// None if it is no JSON, or no object.
pub fn parse(body: &[u8]) -> Option<Models> {
    std::str::from_utf8(body).ok()?;
    let mut parser = Parser { body, i: 0, models: Vec::new() };
    parser.space();
    parser.object(true)?;
    parser.space();
    (parser.i == body.len()).then_some(parser.models)
}

struct Parser<'a> {
    body: &'a [u8],
    i: usize,
    models: Models,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.body.get(self.i).copied()
    }

    fn take(&mut self, c: u8) -> Option<()> {
        (self.peek()? == c).then(|| self.i += 1)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.i += 1;
        }
    }

    fn list(&mut self, ends: u8, item: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        self.i += 1;
        self.space();
        if self.take(ends).is_some() {
            return Some(());
        }
        loop {
            self.space();
            item(self)?;
            self.space();
            if self.take(ends).is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    fn object(&mut self, top: bool) -> Option<()> {
        if self.peek()? != b'{' {
            return None;
        }
        self.list(b'}', |parser| {
            let key = parser.string()?;
            parser.space();
            parser.take(b':')?;
            parser.space();
            let from = parser.i;
            parser.value()?;
            if top && key == "model" {
                let text = parser.body[from] == b'"';
                parser.models.push(text.then_some((from + 1, parser.i - 1)));
            }
            Some(())
        })
    }

    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'{' => self.object(false),
            b'[' => self.list(b']', Self::value),
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number(),
            _ => ["true", "false", "null"].into_iter().find_map(|word| self.word(word)),
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.body[self.i..].starts_with(word.as_bytes()).then(|| self.i += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let count = self.body[self.i..].iter().take_while(|c| c.is_ascii_digit() || b"+-.eE".contains(c)).count();
        let text = std::str::from_utf8(&self.body[self.i..self.i + count]).ok()?;
        self.i += count;
        text.parse::<f64>().ok().map(|_| ())
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut text = String::new();
        loop {
            let c = self.peek()?;
            self.i += 1;
            match c {
                b'"' => return Some(text),
                b'\\' => text.push(self.escape()?),
                0..=31 => return None,
                _ => text.push(c as char), // not what it says, but nothing that begins with other bytes is `model`
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.i += 1;
        if c != b'u' {
            return b"\"\\/bfnrt".contains(&c).then_some(if c.is_ascii_alphabetic() { '\n' } else { c as char });
        }
        let hex = std::str::from_utf8(self.body.get(self.i..self.i + 4)?).ok()?;
        self.i += 4;
        let code = u32::from_str_radix(hex.strip_prefix('+').map_or(hex, |_| "no"), 16).ok()?;
        Some(char::from_u32(code).unwrap_or('\n'))
    }
}
