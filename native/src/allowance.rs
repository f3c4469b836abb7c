//! Parts of a policy's limits that the brain has counted already and gives to Envoy: requests that find room there pass without a question
//! (`operator/tidegate/brain/limits/allowances.py`).
//!
//! | a request                                                   | then                                                     |
//! |-------------------------------------------------------------|----------------------------------------------------------|
//! | of a model, client and path that have an allowance, which   | what it takes is written down for the brain, and then it |
//! |   has room for it and has not ended                         |   passes                                                 |
//! | the first one of these when little room, or time, is left   | the brain is asked: it gives the next one before all     |
//! |                                                             |   have to ask                                            |
//! | any other, and one of which nothing can be written down     | the brain is asked                                       |

pub mod book;
pub mod ledger;

use std::time::{Duration, Instant};

/// Milliseconds: a little more than the brain gives one for (`HOLDS` there). What lasts longer was given before the clock went back.
const LASTS: u64 = 1100;
/// Milliseconds after its end until the brain reads what was taken, or a little less (`GRACE` there): what is written down later may be given
/// back already.
const READ_AFTER: u64 = 90;
/// Little is left when it is one of so many parts (`pace.py` there says it, too).
const PARTS: u64 = 4;
/// Bytes, as `operator/tidegate/brain/limits/rules.py` has it.
const TEXT_PER_TOKEN: u64 = 4;

/// What one body asks for, as wish.rs tells it.
pub struct Wanted {
    text: u64,
    most: Option<u64>,
    copies: u64,
}

impl Wanted {
    /// Of `BYTES MOST COPIES STREAM`.
    pub fn read(wish: &str) -> Option<Wanted> {
        let mut words = wish.split(' ');
        let text = words.next()?.parse().ok()?;
        let most = words.next()?;
        let most = if most == "-" { None } else { Some(most.parse().ok()?) };
        Some(Wanted { text, most, copies: words.next()?.parse().ok()? })
    }
}

/// What a request of an allowance costs in tokens; the rules are those of `rules.py` there.
struct Price {
    /// Tokens that the model takes.
    longest: u64,
    /// Tokens of an answer of which nobody says how long it may be; None where nothing is written.
    assumed: Option<u64>,
}

impl Price {
    /// Tokens of the prompt, and of all.
    fn of(&self, wanted: &Wanted) -> (u64, u64) {
        let prompt = wanted.text.div_ceil(TEXT_PER_TOKEN).min(self.longest);
        let answer = self.assumed.map_or(0, |assumed| wanted.most.unwrap_or(assumed).min(self.longest));
        (prompt, prompt.saturating_add(answer.saturating_mul(wanted.copies)))
    }
}

/// What a client is told of the limit of one unit that has least left.
struct Told {
    unit: String,
    limit: String,
    /// Without the allowance.
    left: u64,
    reset: String,
}

/// One allowance.
pub struct Allowance {
    id: u64,
    slot: u64,
    ends: Instant,
    /// When little time is left.
    late: Instant,
    /// The brain was asked for the next one.
    asked: bool,
    requests: u64,
    tokens: u64,
    /// Requests and tokens that were taken.
    taken: (u64, u64),
    price: Price,
    told: Vec<Told>,
    /// Counters of tokens, as `KEY SLICE`, and milliseconds of a slice.
    reserved: Vec<(String, String)>,
}

/// What a request has taken.
#[derive(PartialEq, Eq, Debug)]
pub struct Taken {
    /// Of tokens, as `operator/tidegate/brain/limits/reservation.py` reads it; empty where none are counted.
    pub reserved: String,
    /// Headers for the client.
    pub headers: Vec<(String, String)>,
}

/// Whose an allowance is: `MODEL CLIENT PATH`.
pub type Whose = Vec<u8>;

impl Allowance {
    /// Of what the brain says, at `wall` in milliseconds of the world's clock, which is `now`:
    /// `ID SLOT UNTIL REQUESTS TOKENS LONGEST ASSUMED MODEL CLIENT PATH`, then any number of `told UNIT LIMIT LEFT RESET` and
    /// `reserved KEY SLICE WIDTH`. None if it is none, or over.
    pub fn read(text: &str, wall: u64, now: Instant) -> Option<(Whose, Allowance)> {
        let mut words = text.split(' ');
        let mut number = || words.next()?.parse::<u64>().ok();
        let (id, slot, until, requests, tokens) = (number()?, number()?, number()?, number()?, number()?);
        let lasts = until.checked_sub(wall).filter(|lasts| *lasts <= LASTS)?;
        let longest = number()?;
        let assumed = words.next()?;
        let assumed = if assumed == "-" { None } else { Some(assumed.parse().ok()?) };
        let whose = [words.next()?, words.next()?, words.next()?].join(" ").into_bytes();
        let (mut told, mut reserved) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            let mut text = || words.next().map(str::to_string);
            match word {
                "told" => {
                    let (unit, limit, left) = (text()?, text()?, text()?.parse().ok()?);
                    told.push(Told { unit, limit, left, reset: text()? });
                }
                "reserved" => reserved.push((format!("{} {}", text()?, text()?), text()?)),
                _ => return None,
            }
        }
        let ends = now + Duration::from_millis(lasts);
        let late = ends - Duration::from_millis(lasts / PARTS);
        let price = Price { longest, assumed };
        Some((
            whose,
            Allowance { id, slot, ends, late, asked: false, requests, tokens, taken: (0, 0), price, told, reserved },
        ))
    }

    /// Whether it has ended.
    fn is_over(&self, now: Instant) -> bool {
        now >= self.ends
    }

    /// Takes what is wanted, if there is room and `write` has written down who has taken what, in all: identity, slot, requests, tokens.
    fn take(
        &mut self,
        wanted: &Wanted,
        clock: impl Fn() -> Instant,
        write: impl FnOnce(u64, u64, (u64, u64)) -> Option<()>,
    ) -> Option<Taken> {
        let (prompt, all) = if self.reserved.is_empty() { (0, 0) } else { self.price.of(wanted) };
        let after = (self.taken.0 + 1, self.taken.1.checked_add(all)?);
        let now = clock();
        if self.is_over(now) || after.0 > self.requests || after.1 > self.tokens {
            return None;
        }
        if !self.asked && self.has_little(after, now) {
            self.asked = true;
            return None;
        }
        write(self.id, self.slot, after)?;
        self.taken = after;
        // it may have taken long: a disk that is busy, a thread that has to wait
        if clock() >= self.ends + Duration::from_millis(READ_AFTER) {
            return None;
        }
        Some(Taken { reserved: self.reservation(prompt, all), headers: self.headers() })
    }

    fn has_little(&self, taken: (u64, u64), now: Instant) -> bool {
        let much = |taken: u64, all: u64| taken > all - all / PARTS;
        now >= self.late || much(taken.0, self.requests) || much(taken.1, self.tokens)
    }

    fn reservation(&self, prompt: u64, all: u64) -> String {
        if self.reserved.is_empty() {
            return String::new();
        }
        let parts = self.reserved.iter().map(|(counter, width)| format!(" {counter} {all} {width}"));
        std::iter::once(prompt.to_string()).chain(parts).collect()
    }

    fn headers(&self) -> Vec<(String, String)> {
        let name = |what: &str, told: &Told| format!("x-ratelimit-{what}-{}", told.unit);
        let each = |told: &Told| {
            let rest = if told.unit == "tokens" { self.tokens - self.taken.1 } else { self.requests - self.taken.0 };
            [
                (name("limit", told), told.limit.clone()),
                (name("remaining", told), (told.left + rest).to_string()),
                (name("reset", told), told.reset.clone()),
            ]
        };
        self.told.iter().flat_map(each).collect()
    }
}

#[cfg(test)]
mod tests;
