//! Bodies out of a seed: JSON with models in every place and spelling, cut and broken in every way, and plain noise.

/// Numbers that are the same on each run. Marsaglia's xorshift, <https://doi.org/10.18637/jss.v008.i14>
pub struct Dice(pub u64);

impl Dice {
    /// From 0 up to `most`, without it.
    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }

    /// One of them.
    pub fn pick<'a, T: ?Sized>(&mut self, some: &[&'a T]) -> &'a T {
        some[self.below(some.len())]
    }
}

const SPACES: &[&str] = &["", "", "", "", " ", "\n", "\t\r\n  "];
const MODELS: &[&str] =
    &["model", "model", "m\\u006fdel", "\\u006D\\u006F\\u0064\\u0065\\u006c", "mode\\u006C", "\\u006dodel"];
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "Model", "model ", "\\\"model\\\"", "mode\\u004c", "a", "\\\\", "", "\u{e9}", "model\\\\", "\\\\model",
    "m\\\\u006fdel", "mode\\u006d", "messages", "stream", "stream_options", "modelmodel", "\\u006D\\u006F\\u0064\\u0065\\u006c\\u006c",
    "m\\U006fdel",
];
#[rustfmt::skip]
const STRINGS: &[&str] = &[
    "chat", "chat", "ch\\u0061t", "ns\\/big.model:8b", "Chat", "", "a b", "\\n", "\\\"model\\\":\\\"x\\\"", "\\\\",
    "}", "{", "\\u0000", "\u{1f600}", "model", "\\ud83d\\ude00", "\\\\\\\\\\\"",
];
const ATOMS: &[&str] = &["null", "1", "-1.5e3", "true", "[]", "{}", "1e400", "0"];
#[rustfmt::skip]
const BREAKS: &[&str] = &[
    "", "{", "}", "[", "]", ",", ":", "\"", "\\", "\"model\":\"x\",", "\0", "\x0b", "/*", "\\u", "\u{feff}",
    "\"model\"", " ", "\n:",
];

/// A body; about three of four are JSON.
pub fn body(dice: &mut Dice) -> Vec<u8> {
    match dice.below(40) {
        0 => (0..dice.below(60)).map(|_| dice.below(256) as u8).collect(),
        1 => (0..dice.below(60))
            .map(|_| *dice.pick(&[b'{', b'}', b'"', b'\\', b':', b'[', b'm', b' ', b'u'].each_ref()))
            .collect(),
        n => {
            let mut text = document(dice).into_bytes();
            for _ in 0..if n < 10 { 1 + dice.below(3) } else { 0 } {
                break_somewhere(dice, &mut text);
            }
            text
        }
    }
}

fn document(dice: &mut Dice) -> String {
    let models = *dice.pick(&[&1, &1, &1, &1, &1, &0, &2]);
    let mut members: Vec<String> = (0..dice.below(4)).map(|_| member(dice, KEYS, 3)).collect();
    for _ in 0..models {
        let at = dice.below(members.len() + 1);
        members.insert(at, member(dice, MODELS, 1));
    }
    let (before, after) = (dice.pick(SPACES), dice.pick(SPACES));
    format!("{before}{}{after}", wrap(dice, "{", &members, "}"))
}

fn wrap(dice: &mut Dice, opens: &str, items: &[String], closes: &str) -> String {
    let comma = format!("{},{}", dice.pick(SPACES), dice.pick(SPACES));
    format!("{opens}{}{}{}{closes}", dice.pick(SPACES), items.join(&comma), dice.pick(SPACES))
}

fn member(dice: &mut Dice, keys: &[&'static str], depth: usize) -> String {
    let key = dice.pick(keys);
    let (before, after) = (dice.pick(SPACES), dice.pick(SPACES));
    let value = if depth == 1 && dice.below(8) > 0 { string(dice) } else { value(dice, depth) };
    format!("\"{key}\"{before}:{after}{value}")
}

fn string(dice: &mut Dice) -> String {
    format!("\"{}\"", dice.pick(STRINGS))
}

fn value(dice: &mut Dice, depth: usize) -> String {
    match dice.below(if depth == 0 { 3 } else { 5 }) {
        0 => dice.pick(ATOMS).to_string(),
        1 | 2 => string(dice),
        3 => {
            let items: Vec<String> = (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect();
            wrap(dice, "[", &items, "]")
        }
        _ => {
            let keys = if dice.below(3) == 0 { MODELS } else { KEYS };
            let items: Vec<String> = (0..dice.below(4)).map(|_| member(dice, keys, depth - 1)).collect();
            wrap(dice, "{", &items, "}")
        }
    }
}

fn break_somewhere(dice: &mut Dice, text: &mut Vec<u8>) {
    let at = dice.below(text.len() + 1);
    let to = (at + dice.below(4)).min(text.len());
    match dice.below(4) {
        0 => text.truncate(at),
        1 if at < text.len() => text[at] = dice.below(256) as u8,
        _ => drop(text.splice(at..to, dice.pick(BREAKS).bytes())),
    }
}
