//! Values with parameters, as `form-data; name="model"`. RFC 9110 section 5.6.6.
//!
//! Where readers of such values differ (a parameter twice, one in pieces, an escape), None: who reads further on
//! would perhaps read another.

/// Its name and its value, without quotes, as they are written.
pub type Parameter<'a> = (&'a [u8], &'a [u8]);

/// The value's first word, and its parameters.
pub fn split(value: &[u8]) -> Option<(&[u8], Vec<Parameter<'_>>)> {
    let stop = value.iter().position(|c| *c == b';').unwrap_or(value.len());
    let mut parameters = Vec::new();
    let mut rest = &value[stop..];
    while let Some(after) = rest.strip_prefix(b";") {
        let after = after.trim_ascii_start();
        if after.is_empty() {
            break;
        }
        let (parameter, behind) = first(after)?;
        parameters.push(parameter);
        rest = behind.trim_ascii_start();
    }
    (rest.is_empty() || rest == b";").then_some((value[..stop].trim_ascii(), parameters))
}

/// The value of the one that is called `name`; Some(None) if there is none.
pub fn only<'a>(parameters: &[Parameter<'a>], name: &str) -> Option<Option<&'a [u8]>> {
    let mut found = None;
    for (key, value) in parameters {
        let plain = key.split(|c| *c == b'*').next().unwrap_or(key);
        if !plain.eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        if plain.len() != key.len() || found.is_some() || value.contains(&b'\\') {
            return None;
        }
        found = Some(*value);
    }
    Some(found)
}

fn first(text: &[u8]) -> Option<(Parameter<'_>, &[u8])> {
    let equals = text.iter().position(|c| *c == b'=')?;
    let (key, text) = (&text[..equals], &text[equals + 1..]);
    if key.is_empty() || !key.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.*".contains(c)) {
        return None;
    }
    let (value, rest) = if text.first() == Some(&b'"') { quoted(&text[1..])? } else { bare(text) };
    Some(((key, value), rest))
}

fn bare(text: &[u8]) -> (&[u8], &[u8]) {
    let stop = text.iter().position(|c| *c == b';').unwrap_or(text.len());
    (text[..stop].trim_ascii_end(), &text[stop..])
}

fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut i = 0;
    while *text.get(i)? != b'"' {
        i += if text[i] == b'\\' { 2 } else { 1 };
    }
    Some((&text[..i], &text[i + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(value: &str) -> Option<Option<String>> {
        let (_, parameters) = split(value.as_bytes())?;
        only(&parameters, "name").map(|found| found.map(|v| String::from_utf8_lossy(v).into_owned()))
    }

    #[test]
    fn what_clients_write() {
        for (value, name) in [
            (r#"form-data; name="model""#, Some("model")),
            (r#"form-data;name=model"#, Some("model")),
            (r#"form-data; NAME="model";"#, Some("model")),
            (r#"form-data; filename="a;name=x.mp3"; name="file""#, Some("file")),
            (r#"form-data; name="file"; filename="a\"b.mp3""#, Some("file")),
            (r#"form-data; name="file"; filename*=utf-8''a.mp3"#, Some("file")),
            ("form-data", None),
        ] {
            assert_eq!(named(value), Some(name.map(str::to_string)), "{value}");
        }
        assert_eq!(split(b" form-data ; a=b").unwrap().0, b"form-data");
    }

    #[test]
    fn what_readers_would_read_differently() {
        for value in [
            r#"form-data; name="model"; name="x""#,
            "form-data; name*=utf-8''model",
            r#"form-data; name*0="mo"; name*1="del""#,
            r#"form-data; name="mo\del""#,
            r#"form-data; name="model"#,
            r#"form-data; name="a"b"#,
            r#"form-data; na me="model""#,
            "form-data; name",
            r#"form-data; filename="\"; name="model""#,
        ] {
            assert_eq!(named(value), None, "{value}");
        }
    }
}
