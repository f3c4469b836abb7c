//! Values with parameters, as `form-data; name="model"`. RFC 9110 section 5.6.6.
//!
//! Where readers of such values differ (a parameter twice or in pieces, a quote that may be escaped), None: who reads
//! further on would perhaps read another.

/// Of one value.
const MOST: usize = 16;

/// The parameters of one value: names in small letters, values without quotes and otherwise as they are written.
pub struct Parameters<'a>(Vec<(Vec<u8>, &'a [u8])>);

impl<'a> Parameters<'a> {
    /// What stands behind the first semicolon.
    pub fn of(value: &'a [u8]) -> Option<Parameters<'a>> {
        let doubtful = value.windows(3).any(|w| w == br#"\\""#);
        let start = value.iter().position(|c| *c == b';').unwrap_or(value.len());
        let (mut found, mut rest) = (Parameters(Vec::new()), &value[start..]);
        while !is_over(rest) {
            let (key, text, behind) = first(rest)?;
            let key = key.to_ascii_lowercase();
            if found.0.len() == MOST || found.get(&key).is_some() || in_pieces(&key) {
                return None;
            }
            found.0.push((key, text));
            rest = behind;
        }
        (!doubtful).then_some(found)
    }

    /// The value of the one that is called `key`.
    pub fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, text)| *text)
    }

    /// Whether any name begins so.
    pub fn any(&self, beginning: &[u8]) -> bool {
        self.0.iter().any(|(known, _)| known.starts_with(beginning))
    }
}

/// RFC 2231. Only names of files are written so, and nobody is routed by those.
fn in_pieces(key: &[u8]) -> bool {
    key.contains(&b'*') && !key.starts_with(b"filename")
}

fn is_blank(c: &u8) -> bool {
    matches!(c, b' ' | b'\t')
}

fn skip(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|c| is_blank(c)).count()..]
}

fn is_over(rest: &[u8]) -> bool {
    rest.is_empty() || rest[0] == b';' && skip(&rest[1..]).is_empty()
}

/// The parameter that begins with a semicolon: its name, its value, and what stands behind it: nothing, or a semicolon.
fn first(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let text = skip(text.strip_prefix(b";")?);
    let length = text.iter().take_while(|c| !matches!(c, b' ' | b'\t' | b';' | b'=' | b'"')).count();
    let (key, text) = text.split_at(length);
    let text = skip(skip(text).strip_prefix(b"=")?);
    let (value, behind) = if text.first() == Some(&b'"') { quoted(&text[1..])? } else { bare(text) };
    let plain = !key.is_empty() && matches!(behind.first(), None | Some(b';'));
    plain.then_some((key, value, behind))
}

fn bare(text: &[u8]) -> (&[u8], &[u8]) {
    let stop = text.iter().position(|c| matches!(c, b';' | b'"')).unwrap_or(text.len());
    let blanks = text[..stop].iter().rev().take_while(|c| is_blank(c)).count();
    (&text[..stop - blanks], &text[stop..])
}

fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut i = 0;
    while *text.get(i)? != b'"' {
        i += if text[i] == b'\\' { 2 } else { 1 };
    }
    Some((&text[..i], skip(&text[i + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(value: &str) -> Option<Option<String>> {
        let found = Parameters::of(value.as_bytes())?;
        Some(found.get(b"name").map(|text| String::from_utf8_lossy(text).into_owned()))
    }

    #[test]
    fn what_clients_write() {
        for (value, name) in [
            (r#"form-data; name="model""#, Some("model")),
            ("form-data;name=model", Some("model")),
            (r#"form-data ;	name = "model" ; "#, Some("model")),
            (r#"FORM-DATA; NAME="model";"#, Some("model")),
            (r#"form-data; filename="a;name=x.mp3"; name="file""#, Some("file")),
            (r#"form-data; name="file"; filename="a\"b.mp3""#, Some("file")),
            (r#"form-data; name="file"; filename="C:\temp\a.wav""#, Some("file")),
            ("form-data; name=file; filename*=utf-8''a.mp3", Some("file")),
            ("form-data", None),
            ("", None),
        ] {
            assert_eq!(named(value), Some(name.map(str::to_string)), "{value}");
        }
    }

    #[test]
    fn what_readers_would_read_differently() {
        let many: String = (0..17).map(|n| format!("; a{n}=b")).collect();
        for value in [
            r#"form-data; name="model"; Name="x""#,
            "form-data; name*=utf-8''model",
            r#"form-data; name*0="mo"; name*1="del""#,
            r#"form-data; name="model"#,
            r#"form-data; name="a"b"#,
            r#"form-data; name=a"b"#,
            r#"form-data; na me="model""#,
            "form-data; name",
            "form-data; =x",
            r#"form-data; x="a\\"; name="p"; y="; name=model; z=""#,
            &many,
        ] {
            assert_eq!(named(value), None, "{value}");
        }
        assert!(Parameters::of(&many.as_bytes()[..many.len() - 7]).is_some());
    }
}
