//! The headers of a form's part.

use crate::model::Wrong;
use crate::parameters::{only, split};

/// It has none, or one that readers could read differently.
pub const NAMELESS: Wrong = "the body is not a valid form: each part needs one content-disposition with one plain name";
const FILE: Wrong = "model must be text";

/// Whether the headers, with the empty line that ends them, are those of the field `model`.
pub fn is_model(headers: &[u8]) -> Result<bool, Wrong> {
    let disposition = one(headers, "content-disposition")?.ok_or(NAMELESS)?;
    let (kind, parameters) = split(disposition).ok_or(NAMELESS)?;
    let name = only(&parameters, "name").flatten().ok_or(NAMELESS)?;
    if !kind.eq_ignore_ascii_case(b"form-data") {
        return Err(NAMELESS);
    }
    if name != b"model" {
        return Ok(false);
    }
    let file = parameters.iter().any(|(key, _)| key.to_ascii_lowercase().starts_with(b"filename"));
    if file || one(headers, "content-transfer-encoding")?.is_some() {
        return Err(FILE);
    }
    Ok(true)
}

/// The value of a header that stands there once.
fn one<'a>(headers: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Wrong> {
    let mut found = None;
    for line in headers.split(|c| *c == b'\n').filter(|line| *line != b"\r" && !line.is_empty()) {
        let colon = line.iter().position(|c| *c == b':').ok_or(NAMELESS)?;
        // a line that begins with a space would go on with the one before
        if !line.ends_with(b"\r") || line.starts_with(b" ") || line.starts_with(b"\t") {
            return Err(NAMELESS);
        }
        if line[..colon].trim_ascii().eq_ignore_ascii_case(name.as_bytes()) {
            if found.is_some() {
                return Err(NAMELESS);
            }
            found = Some(line[colon + 1..].trim_ascii());
        }
    }
    Ok(found)
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
            (MODEL.replace("model", "Model"), Ok(false)),
            (MODEL.replace("model", "file"), Ok(false)),
            (MODEL.replace("\r\n", "; filename=\"a\"\r\n"), Err(FILE)),
            (MODEL.replace("\r\n", "; filename*=utf-8''a\r\n"), Err(FILE)),
            (format!("{MODEL}Content-Transfer-Encoding: base64\r\n"), Err(FILE)),
            (String::new(), Err(NAMELESS)),
            ("Content-Type: text/plain\r\n".into(), Err(NAMELESS)),
            (format!("{MODEL}{MODEL}"), Err(NAMELESS)),
            (MODEL.replace("; ", ";\r\n "), Err(NAMELESS)),
            (MODEL.replace("\r\n", "\nX: y\r\n"), Err(NAMELESS)),
            (MODEL.replace("form-data", "attachment"), Err(NAMELESS)),
            (format!("{MODEL}nonsense\r\n"), Err(NAMELESS)),
        ] {
            assert_eq!(is_model(format!("{headers}\r\n").as_bytes()), said, "{headers}");
        }
    }
}
