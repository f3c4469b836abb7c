//! A filter's configuration: lines of `word value`, written by `operator/tidegate/envoy/native.py`.
//!
//! | filter   | lines                                                                                              |
//! |----------|----------------------------------------------------------------------------------------------------|
//! | `route`  | `json PATH`, `form PATH`, `own PATH`, `usage PATH`, `elsewhere PATH MESSAGE`, each any number;     |
//! |          |   `largest BYTES`, `too-large MESSAGE`; `end`: a broken stream gets an error event;                |
//! |          |   `first-token MILLISECONDS`: the limit of an attempt at a stream;                                 |
//! |          |   `prefix HEADER`: where the routes are told what a prompt begins with;                             |
//! |          |   `kept BYTES HEADER`: the answer of a request with this header is told in metadata, if it is no longer; |
//! |          |   `limits HEADER FILE`: what is asked for, and how much of a stream was passed on, is told in metadata; |
//! |          |   in the header the brain gives allowances, and the file says what was taken of them;               |
//! |          |   `keys`: clients must show one, `client SHA256 NAME` any number, `open PATH` without one,         |
//! |          |   `unread`: there may be more clients than are known; `told HEADER`: in which Envoy says whose a    |
//! |          |   token is                                                                                         |
//! | `engine` | `model NAME` once; `hold`: headers wait for the first byte; `longer HEADER`: marks answers that     |
//! |          |   say that the context is too long; `allowance HEADER`; of a provider `refused HEADER`: marks those that do not take    |
//! |          |   our key, `name NAME`, `host NAME`, `path PREFIX`, `keep HEADER`, `drop HEADER` and `default HEADER VALUE` any number                |
//! | `again`  | `most BYTES WORD`: how much is kept, and the file with the brain's word; `lease HEADER` and `ticket HEADER` once; |
//! |          |   `model ROUTE NAME`, `also HEADER`, `unless HEADER` and `copied HEADER` any number                     |
//! | all      | `model-header`, `splice-header`, `own-header`, `large-header`, `draining-header`, each once        |
//! | `panics` | none (panics.rs)                                                                                   |

use crate::again::word::{Word, HOLDS};
use crate::again::{self, Again};
use crate::allowance::ledger::Ledger;
use crate::clients::Clients;
use crate::engine::{self, Engine};
use crate::external::External;
use crate::filter::Filter;
use crate::panics::Panics;
use crate::route::limits::Limits;
use crate::route::{self, Route};
use std::sync::Arc;

/// Names of headers that the filters tell each other and the routes things in.
pub struct Headers {
    /// The public model.
    pub model: String,
    /// Where it stands in the body.
    pub splice: String,
    /// The path, if it is one of our own.
    pub own: String,
    /// Somebody has found the body too large, and has dropped it.
    pub large: String,
    /// On the answer of an engine that is shutting down.
    pub draining: String,
}

impl Headers {
    /// Short ones.
    #[cfg(test)]
    pub fn for_tests() -> Headers {
        Headers {
            model: "x-model".into(),
            splice: "x-splice".into(),
            own: "x-own".into(),
            large: "x-large".into(),
            draining: "x-draining".into(),
        }
    }
}

/// One filter's.
pub enum Config {
    /// Of `route`.
    Route(Arc<route::Config>),
    /// Of `again`.
    Again(Arc<again::Config>),
    /// Of `engine`.
    Engine(Arc<engine::Config>),
    /// Of `panics`.
    Panics,
}

impl Config {
    /// None if it is none, with what is wrong on standard error: Envoy's log.
    pub fn read(filter: &[u8], text: &[u8]) -> Option<Config> {
        let read = std::str::from_utf8(text).map_err(|error| error.to_string()).and_then(|text| match filter {
            b"route" => route(text).map(|config| Config::Route(Arc::new(config))),
            b"again" => again(text).map(|config| Config::Again(Arc::new(config))),
            b"engine" => engine(text).map(|config| Config::Engine(Arc::new(config))),
            b"panics" => Ok(Config::Panics),
            _ => Err("there is no such filter".into()),
        });
        read.inspect_err(|wrong| eprintln!("tidegate: filter {}: {wrong}", String::from_utf8_lossy(filter))).ok()
    }

    /// For a new stream.
    pub fn filter(&self) -> Box<dyn Filter> {
        match self {
            Config::Route(config) => Box::new(Route::new(config.clone())),
            Config::Again(config) => Box::new(Again::new(config.clone())),
            Config::Engine(config) => Box::new(Engine::new(config.clone())),
            Config::Panics => Box::new(Panics),
        }
    }
}

fn route(text: &str) -> Result<route::Config, String> {
    let (lines, headers) = split(text)?;
    let mut config = route::Config::new(headers);
    for (word, value) in lines {
        let text = || value.as_bytes().to_vec();
        match word {
            "json" => config.json.push(text()),
            "form" => config.forms.push(text()),
            "own" => config.own.push(text()),
            "usage" => config.usage.push(text()),
            "elsewhere" => {
                let (path, instead) = value.split_once(' ').ok_or_else(|| unknown(word, value))?;
                config.elsewhere.push((path.as_bytes().to_vec(), instead.to_string()));
            }
            "largest" => config.largest = value.parse().map_err(|_| unknown(word, value))?,
            "too-large" => config.too_large = value.to_string(),
            "end" if value.is_empty() => config.end = true,
            "prefix" if !value.is_empty() => config.prefix = value.to_string(),
            "limits" => config.limits = Some(limits(value).ok_or_else(|| unknown(word, value))?),
            "kept" => config.kept = kept(value).ok_or_else(|| unknown(word, value))?,
            "first-token" if value.parse::<u64>().is_ok() => config.first_token = text(),
            "keys" | "unread" | "open" | "client" | "told" => {
                // whichever of them stands there: nobody is let in without a key
                client(config.clients.get_or_insert_default(), word, value).ok_or_else(|| format!("no such {word}"))?;
            }
            _ => return Err(unknown(word, value)),
        }
    }
    Ok(config)
}

fn kept(value: &str) -> Option<(usize, String)> {
    let (bytes, header) = value.split_once(' ')?;
    Some((bytes.parse().ok()?, header.to_string()))
}

fn limits(value: &str) -> Option<Limits> {
    let (header, file) = value.split_once(' ')?;
    Some(Limits { allowance: header.to_string(), ledger: Ledger::named(file) })
}

fn client(clients: &mut Clients, word: &str, value: &str) -> Option<()> {
    match (word, value) {
        ("keys", "") => (),
        ("unread", "") => clients.unread = true,
        ("told", header) if !header.is_empty() => clients.told = header.to_string(),
        ("open", path) => clients.open.push(path.as_bytes().to_vec()),
        ("client", value) => {
            let (digest, name) = value.split_once(' ')?;
            clients.add(digest, name)?;
        }
        _ => return None,
    }
    Some(())
}

fn again(text: &str) -> Result<again::Config, String> {
    let (lines, headers) = split(text)?;
    let most = lines.iter().find(|(word, _)| *word == "most").and_then(|(_, value)| kept(value));
    let (most, word) = most.ok_or("no most")?;
    let mut config = again::Config::new(headers.model, Word::named(&word, HOLDS), again::shared(most));
    for (word, value) in lines {
        let text = value.to_string();
        match word {
            "most" => (),
            "lease" => config.lease = text,
            "ticket" => config.ticket = text,
            "model" => {
                let (route, model) = value.split_once(' ').ok_or_else(|| unknown(word, value))?;
                config.routes.insert(model.into(), route.into());
            }
            "also" => config.also.push(text),
            "unless" => config.unless.push(text),
            "copied" => config.copied.push(text),
            _ => return Err(unknown(word, value)),
        }
    }
    if config.lease.is_empty() || config.ticket.is_empty() {
        Err("no lease or no ticket".into())
    } else {
        Ok(config)
    }
}

fn engine(text: &str) -> Result<engine::Config, String> {
    let (lines, headers) = split(text)?;
    let mut config = engine::Config {
        model: Vec::new(),
        external: None,
        hold: false,
        longer: String::new(),
        refused: String::new(),
        allowance: String::new(),
        headers,
    };
    for line in lines {
        match line {
            ("model", name) => config.model = name.as_bytes().to_vec(),
            ("hold", "") => config.hold = true,
            ("longer", header) if !header.is_empty() => config.longer = header.to_string(),
            ("allowance", header) if !header.is_empty() => config.allowance = header.to_string(),
            ("refused", header) if !header.is_empty() => config.refused = header.to_string(),
            ("name" | "host" | "path" | "keep" | "drop" | "default", value) => {
                external(config.external.get_or_insert_default(), line.0, value)
                    .ok_or_else(|| unknown(line.0, value))?;
            }
            (word, value) => return Err(unknown(word, value)),
        }
    }
    if config.model.is_empty() {
        Err("no model".into())
    } else {
        Ok(config)
    }
}

fn external(external: &mut External, word: &str, value: &str) -> Option<()> {
    match word {
        "name" => external.name = value.as_bytes().to_vec(),
        "host" => external.host = value.as_bytes().to_vec(),
        "path" => external.path = value.as_bytes().to_vec(),
        "keep" => external.kept.push(value.to_string()),
        "default" => {
            let (name, value) = value.split_once(' ')?;
            external.defaults.push((name.to_string(), value.as_bytes().to_vec()));
        }
        _ => external.dropped.push(value.to_string()),
    }
    Some(())
}

fn unknown(word: &str, value: &str) -> String {
    format!("unknown line: {word} {value}")
}

type Lines<'a> = Vec<(&'a str, &'a str)>;

/// The lines that are no names of headers, and those names.
fn split(text: &str) -> Result<(Lines<'_>, Headers), String> {
    let lines = text.lines().map(|line| line.split_once(' ').unwrap_or((line, "")));
    let (names, lines): (Lines, Lines) = lines.partition(|(word, _)| word.ends_with("-header"));
    let name = |word: &str| match names.iter().find(|(w, _)| *w == word) {
        Some((_, name)) => Ok((*name).to_string()),
        None => Err(format!("no {word}")),
    };
    let headers = Headers {
        model: name("model-header")?,
        splice: name("splice-header")?,
        own: name("own-header")?,
        large: name("large-header")?,
        draining: name("draining-header")?,
    };
    Ok((lines, headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: &str = "model-header x-model\nsplice-header x-splice\nown-header x-own\nlarge-header x-large\ndraining-header x-draining\n";

    #[test]
    fn of_each_filter() {
        let text = format!("{HEADERS}json /a\njson /b\nform /c\nown /d\nusage /a\nend\nlimits x-allowance taken\nkept 9 x-ticket\nprefix x-prefix\nfirst-token 600\nlargest 9\ntoo-large at most 9\nelsewhere /e not here");
        let Some(Config::Route(route)) = Config::read(b"route", text.as_bytes()) else { panic!() };
        assert_eq!(route.json, [b"/a", b"/b"]);
        assert_eq!((route.forms.len(), route.own.len(), route.end, route.limits.is_some()), (1, 1, true, true));
        assert_eq!(route.kept, (9, "x-ticket".to_string()));
        assert_eq!((route.largest, route.too_large.as_str()), (9, "at most 9"));
        assert_eq!((route.first_token.as_slice(), route.prefix.as_str()), (&b"600"[..], "x-prefix"));
        assert_eq!(route.elsewhere(b"/e/x"), Some("not here"));
        assert!(route.asks_usage(b"/a") && !route.asks_usage(b"/b"));
        let text = format!("{HEADERS}model a b\nhold\nlonger x-longer\nallowance x-allowance");
        let Some(Config::Engine(engine)) = Config::read(b"engine", text.as_bytes()) else { panic!() };
        assert_eq!((engine.model.as_slice(), engine.hold), (&b"a b"[..], true));
        assert_eq!((engine.headers.draining.as_str(), engine.longer.as_str()), ("x-draining", "x-longer"));
        assert_eq!(engine.allowance, "x-allowance");
        assert!(engine.external.is_none());
        let text =
            format!("{HEADERS}model a\nrefused x-refused\nname hosted\nhost api.example.com\npath\nkeep x-a\nkeep x-b\ndrop x-c\ndefault x-d 1 2");
        let Some(Config::Engine(engine)) = Config::read(b"engine", text.as_bytes()) else { panic!() };
        let external = engine.external.as_ref().unwrap();
        assert_eq!((external.host.as_slice(), external.path.as_slice()), (&b"api.example.com"[..], &b""[..]));
        assert_eq!((external.kept.len(), external.dropped.len()), (2, 1));
        assert_eq!((external.name.as_slice(), engine.refused.as_str()), (&b"hosted"[..], "x-refused"));
        assert_eq!(external.defaults, [("x-d".to_string(), b"1 2".to_vec())]);
        assert!(matches!(Config::read(b"panics", b""), Some(Config::Panics)));
    }

    #[test]
    fn of_answers_that_are_given_again() {
        let text = format!(
            "{HEADERS}most 9 /run/a b\nlease x-lease\nticket x-ticket\nmodel to-a a b\nalso x-b\nunless x-c\ncopied x-d"
        );
        let Some(Config::Again(again)) = Config::read(b"again", text.as_bytes()) else { panic!() };
        assert_eq!(
            (again.model.as_str(), again.lease.as_str(), again.ticket.as_str()),
            ("x-model", "x-lease", "x-ticket")
        );
        assert_eq!(
            (again.routes[&b"a b"[..]].as_slice(), again.unless.as_slice()),
            (&b"to-a"[..], &["x-c".to_string()][..])
        );
        assert_eq!(
            (again.also.as_slice(), again.copied.as_slice()),
            (&["x-b".to_string()][..], &["x-d".to_string()][..])
        );
    }

    #[test]
    fn of_clients() {
        let digest = "00".repeat(32);
        let clients = |lines: &str| match Config::read(b"route", format!("{HEADERS}{lines}").as_bytes()) {
            Some(Config::Route(route)) => route.clients.as_ref().map(|found| (found.unread, found.open.len())),
            _ => panic!("{lines}"),
        };
        assert_eq!(clients(""), None);
        assert_eq!(clients("keys"), Some((false, 0)));
        assert_eq!(clients(&format!("keys\nopen /a\nunread\nclient {digest} acme")), Some((true, 1)));
        assert_eq!(clients(&format!("client {digest} acme")), Some((false, 0)), "nobody else is let in");
    }

    #[test]
    fn what_is_none() {
        for (filter, text) in [
            ("route", "json /a".to_string()),
            ("route", format!("{HEADERS}what /a")),
            ("route", format!("{HEADERS}largest x")),
            ("route", format!("{HEADERS}elsewhere /e")),
            ("route", format!("{HEADERS}first-token soon")),
            ("route", format!("{HEADERS}prefix")),
            ("route", format!("{HEADERS}limits 3")),
            ("route", format!("{HEADERS}kept 3")),
            ("route", format!("{HEADERS}keys all")),
            ("route", format!("{HEADERS}unread 1")),
            ("route", format!("{HEADERS}told")),
            ("route", format!("{HEADERS}client acme")),
            ("route", format!("{HEADERS}client {} acme", "0".repeat(63))),
            ("again", format!("{HEADERS}lease x\nticket x")),
            ("again", format!("{HEADERS}most 9 /a\nlease x")),
            ("again", format!("{HEADERS}most 9\nlease x\nticket x")),
            ("again", format!("{HEADERS}most 9 /a\nlease x\nticket x\nwhat x")),
            ("again", format!("{HEADERS}most 9 /a\nlease x\nticket x\nmodel a")),
            ("engine", HEADERS.to_string()),
            ("engine", format!("{HEADERS}model a\nhold on")),
            ("engine", format!("{HEADERS}model a\ndefault x-d")),
            ("engine", format!("{HEADERS}model a\nlonger")),
            ("engine", format!("{HEADERS}model a\nrefused")),
            ("nothing", HEADERS.to_string()),
        ] {
            assert!(Config::read(filter.as_bytes(), text.as_bytes()).is_none(), "{filter} {text}");
        }
        assert!(Config::read(b"engine", b"\xff").is_none());
    }
}
