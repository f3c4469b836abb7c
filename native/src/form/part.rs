//! The headers of a form's part.

use crate::model::Wrong;
use crate::parameters::Parameters;

/// They could be read differently by others.
pub const NOT_PLAIN: Wrong = "the body is not a valid form: a part's headers are not plainly written";
/// Engines want text.
pub const FILE: Wrong = "model must be a field of the form, not a file";
const MOST_LINES: usize = 16;

/// Whether headers, each with its line end, are those of the field `model`.
pub fn is_model(headers: &[u8]) -> Result<bool, Wrong> {
    let disposition = disposition(headers).ok_or(NOT_PLAIN)?;
    let parameters = Parameters::of(disposition).ok_or(NOT_PLAIN)?;
    let name = parameters.get(b"name").unwrap_or_default();
    match (name, parameters.any(b"filename")) {
        (b"model", true) => Err(FILE),
        (b"model", false) => Ok(true),
        (name, _) if name.iter().filter(|c| **c != b'\\').eq(b"model") => Err(NOT_PLAIN),
        _ => Ok(false),
    }
}

/// The value of the one content-disposition; empty if there is none.
fn disposition(headers: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    for (n, line) in headers.split_inclusive(|c| *c == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r\n")?;
        let colon = line.iter().position(|c| *c == b':')?;
        let (key, value) = (&line[..colon], &line[colon + 1..]);
        let plain = !key.is_empty() && !key.iter().any(u8::is_ascii_whitespace) && !line.contains(&b'\r');
        if n == MOST_LINES || !plain {
            return None;
        }
        if key.eq_ignore_ascii_case(b"content-disposition") && found.replace(value).is_some() {
            return None;
        }
    }
    Some(found.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "Content-Disposition: form-data; name=\"model\"\r\n";

    #[test]
    fn each_row() {
        for (headers, said) in [
            (MODEL.to_string(), Ok(true)),
            (format!("Content-Type: text/plain\r\n{MODEL}"), Ok(true)),
            (MODEL.to_lowercase(), Ok(true)),
            (MODEL.replace("form-data", "attachment"), Ok(true)),
            (MODEL.replace("model", "Model"), Ok(false)),
            (MODEL.replace("model", "m\\\"odel"), Ok(false)),
            (String::new(), Ok(false)),
            ("Content-Type: text/plain\r\n".into(), Ok(false)),
            (MODEL.replace("\r\n", "; filename=\"a\"\r\n"), Err(FILE)),
            (MODEL.replace("\r\n", "; filename*=utf-8''a\r\n"), Err(FILE)),
            (MODEL.replace("model", "mode\\l"), Err(NOT_PLAIN)),
            (format!("{MODEL}{MODEL}"), Err(NOT_PLAIN)),
            (MODEL.replace("; ", ";\r\n "), Err(NOT_PLAIN)),
            (MODEL.replace("\r\n", "\nX: y\r\n"), Err(NOT_PLAIN)),
            (MODEL.replace("form", "\rform"), Err(NOT_PLAIN)),
            (MODEL.replace(':', " :"), Err(NOT_PLAIN)),
            (format!("{MODEL}nonsense\r\n"), Err(NOT_PLAIN)),
            (format!("{MODEL}{}", "X: y\r\n".repeat(16)), Err(NOT_PLAIN)),
        ] {
            assert_eq!(is_model(headers.as_bytes()), said, "{headers}");
        }
    }
}
