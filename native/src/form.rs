//! Finds the field `model` of a form that comes in pieces. RFC 7578, RFC 2046 section 5.1.
//!
//! | body                                                        | then                                       |
//! |-------------------------------------------------------------|--------------------------------------------|
//! | does not begin with the boundary, or does not end with it   | refused                                    |
//! | a part whose name readers could read differently            | refused (parameters.rs)                    |
//! | no field is called `model`                                  | refused                                    |
//! | two are                                                     | refused: parsers differ in which counts    |
//! | it is a file, or encoded                                    | refused: it must be text                   |
//! | otherwise                                                   | found                                      |

mod part;

use crate::model::{Found, Wrong, MISSING, TWICE};
use crate::name::{Name, LONGEST};
use crate::parameters::{only, split};
use crate::search::find;

const BROKEN: Wrong = "the body is not a valid form: it must begin and end with its boundary";
const HEADERS: Wrong = "the body is not a valid form: the headers of a part are too long";
/// Bytes of a part's headers.
const LONGEST_HEADERS: usize = 8 << 10;
/// Bytes. RFC 2046 section 5.1.1
const LONGEST_BOUNDARY: usize = 70;

enum At {
    /// In a part's content; before the first one, nothing may stand but the boundary.
    Content,
    /// After a boundary: two bytes say whether a part follows.
    Boundary,
    Headers,
    /// After the last boundary: nobody reads what follows.
    End,
}

/// Reads one body.
pub struct Form {
    /// What ends a part: CRLF, two hyphens, and the boundary.
    delimiter: Vec<u8>,
    at: At,
    /// Bytes of the delimiter that have been seen.
    matched: usize,
    /// Two bytes behind a boundary, or a part's headers.
    text: Vec<u8>,
    begun: bool,
    in_model: bool,
    value: Vec<u8>,
    first: usize,
    seen: usize,
    found: Option<Found>,
    wrong: Option<Wrong>,
}

impl Form {
    /// For a request's content-type; None if that is no form with a boundary.
    pub fn new(content_type: &[u8]) -> Option<Form> {
        let (kind, parameters) = split(content_type)?;
        let boundary = only(&parameters, "boundary")??;
        let fits = (1..=LONGEST_BOUNDARY).contains(&boundary.len());
        if !kind.eq_ignore_ascii_case(b"multipart/form-data") || !fits {
            return None;
        }
        Some(Form {
            delimiter: [b"\r\n--", boundary].concat(),
            at: At::Content,
            matched: 2,
            text: Vec::new(),
            begun: false,
            in_model: false,
            value: Vec::new(),
            first: 0,
            seen: 0,
            found: None,
            wrong: None,
        })
    }

    /// The next bytes.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut i = 0;
        while i < piece.len() && self.wrong.is_none() {
            i = match self.at {
                At::Content => self.content(piece, i),
                At::Boundary => self.boundary(piece[i], i),
                At::Headers => self.headers(piece[i], i),
                At::End => piece.len(),
            };
        }
        self.seen += piece.len();
    }

    /// After the last byte.
    pub fn finish(&mut self) -> Result<Found, Wrong> {
        match (self.wrong, &self.at) {
            (Some(wrong), _) => Err(wrong),
            (None, At::End) => self.found.take().ok_or(MISSING),
            (None, _) => Err(BROKEN),
        }
    }

    /// Bytes so far.
    pub fn seen(&self) -> usize {
        self.seen
    }

    fn content(&mut self, piece: &[u8], i: usize) -> usize {
        if self.matched == 0 {
            let stop = find(&piece[i..], b'\r').map_or(piece.len(), |ahead| i + ahead);
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

    /// What looked like the delimiter is content. No carriage return stands inside a delimiter, so none begins there.
    fn no_delimiter(&mut self) {
        if !self.begun {
            self.wrong = Some(BROKEN);
        }
        if self.in_model {
            let looked = self.delimiter[..self.matched].to_vec();
            self.keep(&looked);
        }
        self.matched = 0;
    }

    fn keep(&mut self, text: &[u8]) {
        if self.in_model {
            let room = (LONGEST + 1).saturating_sub(self.value.len()).min(text.len());
            self.value.extend_from_slice(&text[..room]);
        }
    }

    fn part_ends(&mut self, behind: usize) {
        if self.in_model {
            let end = behind - self.delimiter.len();
            self.found = Some(Found { name: Name::plain(&self.value), first: self.first, end });
        }
        self.in_model = false;
        self.begun = true;
        self.text.clear();
        self.at = At::Boundary;
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
            _ => self.wrong = Some(BROKEN),
        }
        i + 1
    }

    fn headers(&mut self, c: u8, i: usize) -> usize {
        self.text.push(c);
        if self.text.ends_with(b"\r\n\r\n") || self.text == b"\r\n" {
            self.part_begins(self.seen + i + 1);
        } else if self.text.len() > LONGEST_HEADERS {
            self.wrong = Some(HEADERS);
        }
        i + 1
    }

    fn part_begins(&mut self, first: usize) {
        match part::is_model(&self.text) {
            Ok(true) if self.found.is_some() => self.wrong = Some(TWICE),
            Ok(model) => self.in_model = model,
            Err(wrong) => self.wrong = Some(wrong),
        }
        (self.at, self.matched, self.first) = (At::Content, 0, if self.in_model { first } else { self.first });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &[u8] = b"multipart/form-data; boundary=XX";

    fn read(body: &[u8], size: usize) -> Result<(String, usize, usize), Wrong> {
        let mut form = Form::new(KIND).unwrap();
        body.chunks(size).for_each(|piece| form.feed(piece));
        assert_eq!(form.seen(), body.len());
        let found = form.finish()?;
        Ok((String::from_utf8_lossy(found.name.as_bytes()).into_owned(), found.first, found.end))
    }

    fn field(name: &str, value: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    const FILE: &str =
        "--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\
                        \r\n--X\r\r\n-model\0\r\n--\r\n";

    #[test]
    fn found_wherever_it_stands() {
        for (before, after) in [("", FILE), (FILE, ""), (FILE, FILE), ("", "")] {
            let body = format!("{before}{}{after}--XX--\r\nwhat nobody reads", field("model", "chat"));
            let first = body.find("chat").unwrap();
            for size in 1..=body.len() {
                assert_eq!(read(body.as_bytes(), size), Ok(("chat".into(), first, first + 4)), "{body} by {size}");
            }
        }
    }

    #[test]
    fn names_that_are_none() {
        for value in ["", "a b", "a\r\n--X", "a\r\n", &"x".repeat(5000)] {
            let body = field("model", value) + "--XX--";
            for size in [1, 7, body.len()] {
                let (name, first, end) = read(body.as_bytes(), size).unwrap();
                assert_eq!((name.as_str(), &body[first..end]), ("%", value));
            }
        }
    }

    #[test]
    fn refused() {
        let model = field("model", "chat");
        for (body, wrong) in [
            (String::new(), BROKEN),
            ("{\"model\":\"chat\"}".into(), BROKEN),
            (model.clone(), BROKEN),
            (format!("\r\n{model}--XX--"), BROKEN),
            (format!("{model}--XX-"), BROKEN),
            (format!("{model}--XXX\r\n\r\n\r\n--XX--"), BROKEN),
            (format!("{}--XX--", field("a", "b")), MISSING),
            ("--XX--".into(), MISSING),
            (format!("{model}{FILE}{model}--XX--"), TWICE),
            (format!("--XX\r\n\r\n{model}--XX--"), part::NAMELESS),
            (format!("--XX\r\nX: {}\r\n\r\n", "x".repeat(9000)), HEADERS),
        ] {
            for size in [1, 3, body.len().max(1)] {
                assert_eq!(read(body.as_bytes(), size), Err(wrong), "{body} by {size}");
            }
        }
    }

    #[test]
    fn boundaries() {
        for (kind, fits) in [
            (&b"multipart/form-data; boundary=\"a b\""[..], true),
            (b"Multipart/Form-Data;charset=utf-8; Boundary=x", true),
            (b"multipart/form-data", false),
            (b"multipart/form-data; boundary=", false),
            (b"multipart/form-data; boundary=a; boundary=b", false),
            (b"multipart/mixed; boundary=a", false),
            (b"application/json", false),
            (b"", false),
        ] {
            assert_eq!(Form::new(kind).is_some(), fits, "{}", String::from_utf8_lossy(kind));
        }
        let long = [b"multipart/form-data; boundary=", &[b'x'; 71][..]].concat();
        assert!(Form::new(&long).is_none());
    }
}
