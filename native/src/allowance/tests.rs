use super::*;

const SAID: &str =
    "7 3 2000 2 100 50 10 chat acme /v1/chat/completions told requests 60 40 1m2s told tokens 1000 500 31s \
                    reserved tidegate:{a/b}:t:t2000:acme 9 2000 reserved tidegate:{a/b}:u:t2000: 9 2000";

fn allowance(text: &str) -> Allowance {
    Allowance::read(text, 1000, Instant::now()).unwrap().1
}

/// One for whose next the brain was asked.
fn last_of(text: &str) -> Allowance {
    Allowance { asked: true, ..allowance(text) }
}

fn take(allowance: &mut Allowance, wish: &str) -> Option<Taken> {
    allowance.take(&Wanted::read(wish).unwrap(), Instant::now, |_, _, _| Some(()))
}

#[test]
fn it_says_whose_it_is() {
    let (whose, allowance) = Allowance::read(SAID, 1000, Instant::now()).unwrap();
    assert_eq!(whose, b"chat acme /v1/chat/completions");
    assert_eq!((allowance.id, allowance.slot, allowance.requests, allowance.tokens), (7, 3, 2, 100));
}

#[test]
fn requests_take_until_there_is_no_room() {
    let mut given = last_of(SAID);
    let taken = take(&mut given, "8 20 2 1").unwrap();
    assert_eq!(taken.reserved, "2 tidegate:{a/b}:t:t2000:acme 9 42 2000 tidegate:{a/b}:u:t2000: 9 42 2000");
    let wanted = [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "41"),
        ("x-ratelimit-reset-requests", "1m2s"),
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "558"),
        ("x-ratelimit-reset-tokens", "31s"),
    ];
    assert_eq!(taken.headers, wanted.map(|(name, value)| (name.to_string(), value.to_string())));
    assert_eq!(take(&mut given, "400 - 3 0"), None, "80 tokens: too many");
    assert!(take(&mut given, "180 13 1 0").is_some(), "58 are left");
    assert_eq!(take(&mut given, "0 0 1 0"), None, "the third request");
    assert_eq!(given.taken, (2, 100));
}

#[test]
fn what_a_request_costs() {
    for (longest, assumed, wish, wanted) in [
        (50, Some(10), "8 20 2 1", (2, 42)),
        (50, Some(10), "9 - 1 0", (3, 13)),
        (50, Some(10), "4000 4000 1 0", (50, 100)),
        (50, Some(90), "0 - 1 0", (0, 50)),
        (50, None, "8 20 2 1", (2, 2)),
        (u64::MAX, Some(10), "8 18446744073709551615 9 0", (2, u64::MAX)),
    ] {
        assert_eq!(Price { longest, assumed }.of(&Wanted::read(wish).unwrap()), wanted, "{wish}");
    }
}

#[test]
fn limits_of_requests_alone_count_no_tokens() {
    let mut given = last_of("7 3 2000 1 0 50 10 chat - /x told requests 60 40 1m2s");
    assert_eq!(take(&mut given, "8000 9000 1 1").unwrap().reserved, "");
}

#[test]
fn what_cannot_be_written_down_is_not_taken() {
    let mut given = last_of(SAID);
    let wanted = Wanted::read("8 20 2 1").unwrap();
    assert_eq!(given.take(&wanted, Instant::now, |_, _, _| None), None);
    assert_eq!(given.taken, (0, 0));
    let written = |id, slot, taken| {
        assert_eq!((id, slot, taken), (7, 3, (1, 42)));
        Some(())
    };
    assert!(given.take(&wanted, Instant::now, written).is_some());
}

#[test]
fn what_was_written_down_too_late_does_not_pass() {
    let (wanted, begun) = (Wanted::read("8 20 2 1").unwrap(), Instant::now());
    for (written, passes) in [(1000 + READ_AFTER - 1, true), (1000 + READ_AFTER, false)] {
        let mut given = Allowance { asked: true, ..Allowance::read(SAID, 1000, begun).unwrap().1 };
        let now = std::cell::Cell::new(begun + Duration::from_millis(999));
        let write = |_, _, _| {
            now.set(begun + Duration::from_millis(written));
            Some(())
        };
        assert_eq!(given.take(&wanted, || now.get(), write).is_some(), passes);
        assert_eq!(given.taken, (1, 42), "it stands there");
    }
}

#[test]
fn it_ends() {
    let begun = Instant::now();
    let (_, mut given) = Allowance::read(SAID, 1000, begun).unwrap();
    given.asked = true;
    let wanted = Wanted::read("8 20 2 1").unwrap();
    assert_eq!(given.take(&wanted, || begun + Duration::from_millis(1000), |_, _, _| Some(())), None);
    assert!(given.take(&wanted, || begun + Duration::from_millis(999), |_, _, _| Some(())).is_some());
    assert!(Allowance::read(SAID, 2001, begun).is_none(), "it was over when it came");
    assert!(Allowance::read(SAID, 899, begun).is_none(), "the clock went back");
}

#[test]
fn one_asks_for_the_next_when_little_is_left() {
    let (wish, begun) = (Wanted::read("8 2 1 0").unwrap(), Instant::now());
    let text =
        |requests: u64, tokens: u64| format!("7 3 2000 {requests} {tokens} 50 10 chat acme /x reserved key 9 2000");
    let passed = |text: &str, after: u64| {
        let (_, mut given) = Allowance::read(text, 1000, begun).unwrap();
        let now = begun + Duration::from_millis(after);
        (0..9).map(|_| given.take(&wish, || now, |_, _, _| Some(())).is_some()).collect::<Vec<_>>()
    };
    let first = |passing: &[bool]| passing.iter().position(|passes| !passes);
    assert_eq!(passed(&text(8, 1000), 0), [true, true, true, true, true, true, false, true, true]);
    assert_eq!(first(&passed(&text(100, 16), 0)), Some(3), "of tokens, four each");
    assert_eq!(first(&passed(&text(100, 1000), 749)), None);
    assert_eq!(first(&passed(&text(100, 1000), 750)), Some(0), "of time");
    assert!(passed(&text(100, 1000), 750)[1..].iter().all(|passes| *passes), "the others go on");
}

#[test]
fn what_is_none() {
    let head = "7 3 2000 2 100 50 10 chat acme /x";
    for wrong in ["", "7 3", "x 3 2000 2 100 50 10 chat acme /x", "7 3 2000 2 100 50 10 chat acme"] {
        assert!(Allowance::read(wrong, 1000, Instant::now()).is_none(), "{wrong}");
    }
    for wrong in ["what", "told requests 60", "told requests 60 x 1s", "reserved a 9", ""] {
        assert!(Allowance::read(&format!("{head} {wrong}"), 1000, Instant::now()).is_none(), "{wrong}");
    }
    assert!(Allowance::read(head, 1000, Instant::now()).is_some());
    for wrong in ["", "1", "x - 1 0", "1 x 1 0"] {
        assert!(Wanted::read(wrong).is_none(), "{wrong}");
    }
}
