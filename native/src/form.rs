//! Finds the field `model` of a form that comes in pieces. RFC 7578, RFC 2046 section 5.1.
//!
//! What is routed on is what the engine's parser takes for the field, or the form is refused. So it is read strictly where
//! parsers differ: line ends, quotes, the names of RFC 2231, what stands before the first part.
//!
//! | body                                                         | then                                       |
//! |--------------------------------------------------------------|--------------------------------------------|
//! | has its first boundary, or another, in the middle of a line  | refused                                    |
//! | does not end with its boundary                               | refused                                    |
//! | a part whose headers readers could read differently          | refused (part.rs, parameters.rs)           |
//! | no field is called `model`                                   | refused                                    |
//! | two are                                                      | refused: parsers differ in which counts    |
//! | it is a file                                                 | refused: it must be text                   |
//! | more parts than an engine takes                              | refused                                    |
//! | otherwise                                                    | found                                      |

mod part;

use crate::model::{Found, Wrong};
use crate::name::{Name, LONGEST};
use crate::parameters::Parameters;
use crate::search::{find, find_word};

const NO_FORM: Wrong = "the body must be a form (multipart/form-data), with the model in its field model";
const BOUNDARY: Wrong = "the content-type of a form needs one boundary, of letters and digits";
const UTF8: Wrong = "a form must be UTF-8";
const MISSING: Wrong = "you must provide a model: the form has no field model";
const TWICE: Wrong = "the form names a model twice";
const BEGINS: Wrong =
    "the body is not a valid form: it does not begin with its boundary, or a boundary is followed by something else";
const HEADERS: Wrong = "the body is not a valid form: a part's headers do not end";
const CONTENT: Wrong = "the body is not a valid form: a part has no content";
const LINE: Wrong = "the body is not a valid form: a line does not end as it must";
const UNENDED: Wrong = "the body is not a valid form: its last part does not end";
const MANY: Wrong = "the form has more than 2,000 parts";
/// vLLM's server takes 1,000 files and 1,000 fields.
const MOST_PARTS: usize = 2000;
/// Bytes of a part's headers, and of what stands before the first part.
const LONGEST_HEAD: usize = 8 << 10;
/// Bytes. RFC 2046 section 5.1.1 has 70.
const LONGEST_BOUNDARY: usize = 200;

enum At {
    /// Before the first boundary.
    Preamble,
    /// After a boundary: two bytes say whether a part follows.
    Boundary,
    Headers,
    Content,
    /// After the last boundary: nobody reads what follows.
    End,
}

/// Reads one body.
pub struct Form {
    /// What ends a part: a newline, two hyphens, and the boundary; it holds no other newline.
    delimiter: Vec<u8>,
    at: At,
    /// Of the preamble, two bytes behind a boundary, or a part's headers.
    text: Vec<u8>,
    parts: usize,
    /// Bytes of the delimiter that have been seen.
    matched: usize,
    /// The part's content has just begun: the newline of the delimiter is the one before it.
    begins: bool,
    /// The byte before the delimiter.
    before: Option<u8>,
    in_model: bool,
    value: Vec<u8>,
    first: usize,
    seen: usize,
    found: Option<Found>,
    wrong: Option<Wrong>,
}

/// The boundary of a request's content-type.
fn boundary(content_type: &[u8]) -> Result<&[u8], Wrong> {
    let stop = content_type.iter().position(|c| *c == b';').ok_or(NO_FORM)?;
    if !content_type[..stop].trim_ascii_end().eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(NO_FORM);
    }
    let parameters = Parameters::of(content_type).ok_or(BOUNDARY)?;
    let boundary = parameters.get(b"boundary").ok_or(BOUNDARY)?;
    let plain = boundary.iter().all(|c| c.is_ascii_alphanumeric() || b"'()+_,./:=? -".contains(c));
    if !plain || !(1..=LONGEST_BOUNDARY).contains(&boundary.len()) || boundary.ends_with(b" ") {
        return Err(BOUNDARY);
    }
    let known = |charset: &[u8]| [&b"utf-8"[..], b"utf8", b"us-ascii", b"iso-8859-1"].contains(&charset);
    match parameters.get(b"charset") {
        Some(charset) if !known(&charset.to_ascii_lowercase()) => Err(UTF8),
        _ => Ok(boundary),
    }
}

impl Form {
    /// For a request's content-type.
    pub fn new(content_type: &[u8]) -> Form {
        let boundary = boundary(content_type);
        Form {
            delimiter: [b"\n--", boundary.unwrap_or_default()].concat(),
            at: At::Preamble,
            text: Vec::new(),
            parts: 0,
            matched: 0,
            begins: false,
            before: None,
            in_model: false,
            value: Vec::new(),
            first: 0,
            seen: 0,
            found: None,
            wrong: boundary.err(),
        }
    }

    /// The next bytes.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut i = 0;
        while i < piece.len() && self.wrong.is_none() {
            i = match self.at {
                At::Preamble => self.preamble(piece),
                At::Boundary => self.boundary(piece[i], i),
                At::Headers => self.headers(piece[i], i),
                At::Content => self.content(piece, i),
                At::End => piece.len(),
            };
        }
        self.seen += piece.len();
    }

    /// After the last byte.
    pub fn finish(&mut self) -> Result<Found, Wrong> {
        let wrong = self.wrong.or(match self.at {
            At::Preamble | At::Boundary => Some(BEGINS),
            At::Headers => Some(HEADERS),
            At::Content => Some(UNENDED),
            At::End => None,
        });
        wrong.map_or_else(|| self.found.take().ok_or(MISSING), Err)
    }

    /// Bytes so far.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Up to the first thing that looks like a boundary, which must begin a line.
    fn preamble(&mut self, piece: &[u8]) -> usize {
        let before = self.text.len();
        self.text.extend_from_slice(&piece[..piece.len().min(LONGEST_HEAD)]);
        let Some(at) = find_word(&self.text, &self.delimiter[1..]) else {
            self.wrong = (self.text.len() >= LONGEST_HEAD).then_some(BEGINS);
            return piece.len();
        };
        if at > 0 && !self.text[..at].ends_with(b"\r\n") {
            self.wrong = Some(BEGINS);
        }
        self.at = At::Boundary;
        self.text.clear();
        at + self.delimiter.len() - 1 - before
    }

    fn boundary(&mut self, c: u8, i: usize) -> usize {
        self.text.push(c);
        match &self.text[..] {
            b"\r\n" => {
                self.text.clear();
                self.at = At::Headers;
            }
            b"--" => self.at = At::End,
            b"\r" | b"-" => (),
            _ => self.wrong = Some(BEGINS),
        }
        i + 1
    }

    fn headers(&mut self, c: u8, i: usize) -> usize {
        self.text.push(c);
        if self.text.ends_with(b"\r\n\r\n") || self.text == b"\r\n" {
            self.part_begins(self.seen + i + 1);
        } else if self.text.len() > LONGEST_HEAD {
            self.wrong = Some(HEADERS);
        }
        i + 1
    }

    fn part_begins(&mut self, first: usize) {
        self.parts += 1;
        match part::is_model(&self.text[..self.text.len() - 2]) {
            _ if self.parts > MOST_PARTS => self.wrong = Some(MANY),
            Ok(true) if self.found.is_some() => self.wrong = Some(TWICE),
            Ok(model) => self.in_model = model,
            Err(wrong) => self.wrong = Some(wrong),
        }
        (self.at, self.first) = (At::Content, first);
        (self.matched, self.begins, self.before) = (1, true, None);
    }

    fn content(&mut self, piece: &[u8], i: usize) -> usize {
        if self.matched == 0 {
            let stop = find(&piece[i..], b'\n').map_or(piece.len(), |ahead| i + ahead);
            self.keep(&piece[i..stop]);
            self.matched = usize::from(stop < piece.len());
            return stop + 1;
        }
        if piece[i] == self.delimiter[self.matched] {
            self.matched += 1;
            if self.matched == self.delimiter.len() {
                self.part_ends(self.seen + i + 1);
            }
            return i + 1;
        }
        self.no_delimiter();
        i
    }

    /// What looked like the delimiter is content.
    fn no_delimiter(&mut self) {
        let delimiter = std::mem::take(&mut self.delimiter);
        self.keep(&delimiter[usize::from(self.begins)..self.matched]);
        self.delimiter = delimiter;
        (self.matched, self.begins) = (0, false);
    }

    fn keep(&mut self, text: &[u8]) {
        self.before = text.last().copied().or(self.before);
        if self.in_model {
            // with the carriage return that ends its line
            let room = (LONGEST + 2).saturating_sub(self.value.len()).min(text.len());
            self.value.extend_from_slice(&text[..room]);
        }
    }

    fn part_ends(&mut self, behind: usize) {
        if self.begins {
            self.wrong = Some(CONTENT);
        } else if self.before != Some(b'\r') {
            self.wrong = Some(LINE);
        } else if self.in_model {
            self.value.pop();
            let end = behind - self.delimiter.len() - 1;
            self.found = Some(Found { name: Name::plain(&self.value), first: self.first, end });
        }
        self.in_model = false;
        self.text.clear();
        self.at = At::Boundary;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &[u8] = b"multipart/form-data; boundary=-XX";

    fn read(body: &[u8], size: usize) -> Result<(String, usize, usize), Wrong> {
        let mut form = Form::new(KIND);
        body.chunks(size).for_each(|piece| form.feed(piece));
        assert_eq!(form.seen(), body.len());
        let found = form.finish()?;
        Ok((String::from_utf8_lossy(found.name.as_bytes()).into_owned(), found.first, found.end))
    }

    fn field(name: &str, value: &str) -> String {
        format!("---XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    const FILE: &str = "---XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
                        Content-Type: audio/mpeg\r\n\r\n\r\n\n---X\r\r\n--\r\n-model\0\r\n--\r\n";
    const NAMELESS: &str = "---XX\r\n\r\n\r\n";

    #[test]
    fn found_wherever_it_stands() {
        for (before, after) in
            [("", FILE), (FILE, ""), (FILE, FILE), ("\r\n", NAMELESS), ("x--\r\n", ""), ("-\r\n", "")]
        {
            let body = format!("{before}{}{after}---XX--\r\nwhat nobody reads", field("model", "chat"));
            let first = body.find("chat").unwrap();
            for size in 1..=body.len() {
                assert_eq!(read(body.as_bytes(), size), Ok(("chat".into(), first, first + 4)), "{body} by {size}");
            }
        }
    }

    #[test]
    fn names_that_are_none() {
        for value in ["", "a b", "a\r\n---X", "a\r\n", "\n", &"x".repeat(257), &"x".repeat(5000)] {
            let body = field("model", value) + "---XX--";
            for size in [1, 7, body.len()] {
                let (name, first, end) = read(body.as_bytes(), size).unwrap();
                assert_eq!((name.as_str(), &body[first..end]), ("%", value));
            }
        }
        let longest = "x".repeat(256);
        assert_eq!(read((field("model", &longest) + "---XX--").as_bytes(), 9).unwrap().0, longest);
    }

    #[test]
    fn refused() {
        let model = field("model", "chat");
        for (body, wrong) in [
            (String::new(), BEGINS),
            ("{\"model\":\"chat\"}".into(), BEGINS),
            (model.replace("---XX", "---YY"), BEGINS),
            (model.clone() + "---XX-", BEGINS),
            (format!("{model}---XXX\r\n\r\n\r\n---XX--"), BEGINS),
            (format!("\r\na---XX\r\n{model}---XX--"), BEGINS),
            (format!("\n{model}---XX--"), BEGINS),
            ("x".repeat(9000) + "\r\n" + &model + "---XX--", BEGINS),
            (model.clone(), UNENDED),
            (format!("{model}---XX\r\nX: y"), HEADERS),
            (format!("---XX\r\nX: {}\r\n\r\n", "x".repeat(9000)), HEADERS),
            (format!("{model}---XX\r\nX: y\r\n\r\n---XX--"), CONTENT),
            (field("model", "chat\n---XX\r\n\r\n\r\n") + "---XX--", LINE),
            (field("model", "\n---XX\r\n\r\n\r\n") + "---XX--", LINE),
            (format!("{}---XX--", field("a", "b")), MISSING),
            ("---XX--".into(), MISSING),
            (format!("{model}{FILE}{model}---XX--"), TWICE),
            (format!("---XX\r\nX : y\r\n\r\n\r\n{model}---XX--"), part::NOT_PLAIN),
            (FILE.replace("\"file\"", "model") + "---XX--", part::FILE),
            (NAMELESS.repeat(2001) + &model + "---XX--", MANY),
        ] {
            for size in [1, 3, body.len().max(1)] {
                assert_eq!(read(body.as_bytes(), size), Err(wrong), "{body} by {size}");
            }
        }
        assert!(read((NAMELESS.repeat(1999) + &model + "---XX--").as_bytes(), 999).is_ok());
    }

    #[test]
    fn boundaries() {
        let long = format!("multipart/form-data; boundary={}", "x".repeat(201));
        for (kind, said) in [
            ("multipart/form-data; boundary=\"a b\"", Ok("a b")),
            ("Multipart/Form-Data ;charset=UTF-8; Boundary = x", Ok("x")),
            ("multipart/form-data", Err(NO_FORM)),
            ("multipart/mixed; boundary=a", Err(NO_FORM)),
            ("application/json", Err(NO_FORM)),
            ("", Err(NO_FORM)),
            ("multipart/form-data; a=b", Err(BOUNDARY)),
            ("multipart/form-data; boundary=", Err(BOUNDARY)),
            ("multipart/form-data; boundary=\"x \"", Err(BOUNDARY)),
            ("multipart/form-data; boundary=a; boundary=b", Err(BOUNDARY)),
            ("multipart/form-data; boundary=a@", Err(BOUNDARY)),
            (&long, Err(BOUNDARY)),
            ("multipart/form-data; boundary=a; charset=utf-16", Err(UTF8)),
        ] {
            assert_eq!(boundary(kind.as_bytes()), said.map(str::as_bytes), "{kind}");
        }
    }
}
