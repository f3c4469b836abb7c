use super::documents::{body, Dice};
use super::reference::{find, parse, Place};
use super::*;
use std::time::{Duration, Instant};

/// What the scanner says of a body in pieces of the sizes that `size` names.
fn scan(body: &[u8], mut size: impl FnMut() -> usize) -> Result<(Place, Vec<u8>), Wrong> {
    let mut scanner = Scanner::default();
    let mut rest = body;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size().clamp(1, rest.len()));
        scanner.feed(piece);
        rest = after;
    }
    assert_eq!(scanner.seen(), body.len());
    let found = scanner.finish()?;
    Ok(((found.first, found.end), found.name.as_bytes().to_vec()))
}

#[test]
fn each_row() {
    for (body, said) in [
        (r#"{"model":"chat"}"#, Ok("chat")),
        (r#" { "a\"model" : {"model":"x"}, "b":"model", "mod\u0065l" : "a\/b\u0041", "c":["\\"] } "#, Ok("a/bA")),
        ("{\"a\":1,\"model\"\x0b:\x0c\"x\"}", Err(MISSING)),
        (r#"{"model":"a b"}"#, Ok("%")),
        (r#"{"\u006D\u006F\u0064\u0065\u006C":"\u0063hat"}"#, Ok("chat")),
        (r#"{}{"model":"chat"}"#, Ok("chat")),
        ("\u{feff}{\"model\":\"a\"}", Err(UTF8)),
        ("{\0\"\0m\0", Err(UTF8)),
        ("x\0", Err(UTF8)),
        ("", Err(OBJECT)),
        (" \n", Err(OBJECT)),
        ("[1]", Err(OBJECT)),
        (r#"{"x":"abc\"#, Err(UNENDED)),
        (r#"{"a":1,"model"#, Err(UNENDED)),
        (r#"{"x":"#, Err(BRACKETS)),
        (r#"{"x":1}}"#, Err(BRACKETS)),
        (r#"{"model":"a","model" "#, Err(BRACKETS)),
        (r#"{"model":"a","x":[}"#, Err(BRACKETS)),
        (r#"{"x":"model"}"#, Err(MISSING)),
        (r#"{"model" "a"}"#, Err(MISSING)),
        (r#"{"x":[{"model":"a"}]}"#, Err(MISSING)),
        (r#"{"model":"a","x":"\\\\\"model\":","model":"b"}"#, Err(TWICE)),
        (r#"{"model":"a","mode\u006c":7}"#, Err(TWICE)),
        (r#"{"model":3}"#, Err(STRING)),
        (r#"{"model":"#, Err(STRING)),
        (r#"{"model":"a"#, Err(STRING)),
        (r#"{"model":{"model":"a"}}"#, Err(STRING)),
    ] {
        for size in 1..=body.len().max(1) {
            let found = scan(body.as_bytes(), || size);
            assert_eq!(
                found.clone().map(|(_, name)| name),
                said.map(|name: &str| name.as_bytes().to_vec()),
                "{body} by {size}"
            );
            assert_eq!(found.map(|(place, _)| place), find(body.as_bytes()), "{body} by {size}");
        }
    }
}

#[test]
fn where_usage_may_be_asked_for() {
    for (body, place) in [
        (r#" {"model":"a","stream": true}"#, Some(2)),
        (r#"{"stream":true,"model":"a","x":{"stream_options":{}}}"#, Some(1)),
        (r#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#, None),
        (r#"{"stream_options":null,"model":"a","stream":true}"#, None),
        (r#"{"model":"a","stream":false}"#, None),
        (r#"{"model":"a","stream":"true"}"#, None),
        (r#"{"model":"a","x":{"stream":true}}"#, None),
        (r#"{"model":"a","x":"stream"}"#, None),
        (r#"{"model":"stream"}"#, None),
    ] {
        for size in 1..=body.len() {
            let mut scanner = Scanner::default();
            body.as_bytes().chunks(size).for_each(|piece| scanner.feed(piece));
            assert_eq!(scanner.usage_place(), place, "{body} by {size}");
            assert!(scanner.finish().is_ok(), "{body}");
        }
    }
}

#[test]
fn depth() {
    for (depth, found) in [(9_999, true), (10_000, false), (100_000, false)] {
        let body = format!("{{\"model\":\"a\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let said = scan(body.as_bytes(), || 4096);
        assert_eq!((said.is_ok(), said.map(|(place, _)| place)), (found, find(body.as_bytes())));
    }
}

/// One body, in pieces of one byte and of any size, against both references.
fn agrees(dice: &mut Dice, body: &[u8]) -> bool {
    let said = scan(body, || body.len());
    let place = said.clone().map(|(place, _)| place);
    assert_eq!(place, find(body), "{:?}", String::from_utf8_lossy(body));
    let most = 1 + dice.below(1 + body.len());
    assert_eq!(said, scan(body, || 1 + dice.below(most)), "{:?}", String::from_utf8_lossy(body));
    let Some(models) = parse(body) else { return false };
    let wanted = match models[..] {
        [] => Err(MISSING),
        [None] => Err(STRING),
        [Some(place)] => Ok(place),
        [None, _, ..] => Err(STRING),
        _ => Err(TWICE),
    };
    assert_eq!(place, wanted, "{:?}", String::from_utf8_lossy(body));
    true
}

/// How many of `count` bodies were JSON.
fn fuzz(seed: u64, count: usize) -> usize {
    let mut dice = Dice(seed);
    let mut whole = 0;
    for _ in 0..count {
        let made = body(&mut dice);
        whole += usize::from(agrees(&mut dice, &made));
    }
    whole
}

#[test]
fn any_body() {
    let whole = fuzz(0x7145, 30_000);
    assert!(whole > 15_000, "most were JSON: {whole}");
}

/// `make fuzz`: as many bodies, out of which seed, as the environment says.
#[test]
#[ignore = "takes minutes"]
fn many_bodies() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (seed, count) = (number("FUZZ_SEED").unwrap_or(1), number("FUZZ_INPUTS").unwrap_or(10_000_000));
    let whole = fuzz(seed | 1, count as usize);
    println!("{count} bodies out of seed {seed}, {whole} of them JSON: no difference");
}

/// The least of three times that a body takes.
fn took(body: &[u8]) -> Duration {
    let once = |_| {
        let begun = Instant::now();
        let _ = scan(body, || 16 << 10);
        begun.elapsed()
    };
    (0..3).map(once).min().unwrap()
}

/// Without optimisation it is some fifty times as slow; what would be quadratic takes hours.
#[test]
fn fifteen_mebibytes_of_anything_cost_milliseconds() {
    let size = 15 << 20;
    for pattern in [
        "[",
        "{\"a\":",
        "\\\"",
        "\\\\",
        "\"\",",
        "\"model\",",
        "\"mode\\u006d\":1,",
        "12345,",
        " ",
        "Hello. ",
        "\\u006d",
    ] {
        let mut text = b"{\"p\":\"".to_vec();
        text.truncate(if pattern.starts_with(['\\', 'H']) { 6 } else { 5 });
        text.extend(pattern.bytes().cycle().take(size));
        let spent = took(&text);
        println!("{pattern:16} {spent:?}");
        assert!(spent < Duration::from_secs(4), "{pattern}: {spent:?}");
    }
}
