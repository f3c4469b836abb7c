use super::*;
use crate::allowance::ledger::Ledger;
use crate::clients::Clients;
use crate::config::Headers;
use crate::fake::Fake;

fn config() -> Arc<Config> {
    let some = |paths: &[&str]| paths.iter().map(|path| path.as_bytes().to_vec()).collect();
    Arc::new(Config {
        json: some(&["/v1/chat/completions", "/v1/messages", "/v1/responses"]),
        forms: some(&["/v1/audio/transcriptions"]),
        own: some(&["/healthz", "/v1/models", "/v1/models/"]),
        usage: some(&[CHAT]),
        elsewhere: vec![(b"/v1/realtime".to_vec(), "ask otherwise".into())],
        largest: 500,
        too_large: "at most 500".into(),
        end: true,
        first_token: b"600".to_vec(),
        prefix: "x-prefix".into(),
        limits: Some(limits::Limits { allowance: "x-allowance".into(), ledger: Ledger::named("nowhere") }),
        kept: (0, String::new()),
        clients: None,
        headers: Headers::for_tests(),
    })
}

fn asked(method: &str, path: &str, more: &[(&str, &str)]) -> (Route, Fake) {
    let mut host = Fake { protocol: Some("HTTP/1.1"), ..Fake::default() };
    for (name, value) in [(":method", method), (":path", path)].iter().chain(more) {
        let values = host.headers.entry((true, (*name).to_string())).or_default();
        values.push(value.as_bytes().to_vec());
    }
    (Route::new(config()), host)
}

fn status(said: &Request) -> u32 {
    match said {
        Request::Answer(answer) => answer.status,
        Request::Wait => 100,
        Request::Continue => 200,
        Request::Given(..) => 0,
    }
}

fn text(host: &Fake, name: &str) -> String {
    String::from_utf8_lossy(host.header(Side::Request, name, 0).unwrap_or_default()).into_owned()
}

const CHAT: &str = "/v1/chat/completions";

#[test]
fn each_row() {
    let gzip = [("content-encoding", "identity"), ("content-encoding", "gzip")];
    let form = [("content-type", "multipart/form-data; boundary=X")];
    for (method, path, more, wanted) in [
        ("GET", "/v1/models", &[][..], 200),
        ("HEAD", "/healthz?x", &[], 200),
        ("POST", "/v1/models/chat", &[], 405),
        ("GET", CHAT, &[], 405),
        ("POST", CHAT, &gzip, 415),
        ("POST", CHAT, &gzip[..1], 100),
        ("POST", "/v1/audio/transcriptions", &form, 100),
        ("OPTIONS", CHAT, &[("access-control-request-method", "POST")], 405),
        ("OPTIONS", "/x", &[], 404),
        ("POST", "/v1/chat/completions/x", &[], 404),
        ("POST", "/", &[], 404),
    ] {
        let (mut route, mut host) = asked(method, path, more);
        assert_eq!(status(&route.request_headers(&mut host, false)), wanted, "{method} {path}");
    }
}

#[test]
fn paths_lose_what_engines_and_routes_do_not_know() {
    for (method, path, wanted, own) in [
        ("GET", "/v1/models?limit=20", "/v1/models?limit=20", "/v1/models"),
        ("GET", "/v1/models//", "/v1/models", "/v1/models"),
        ("GET", "/v1/models/a/", "/v1/models/a", "/v1/models/a"),
        ("POST", "/v1/chat/completions/?a=b", "/v1/chat/completions?a=b", ""),
        ("POST", "/v1/chat/completions?a=b", "/v1/chat/completions?a=b", ""),
    ] {
        let (mut route, mut host) = asked(method, path, &[]);
        route.request_headers(&mut host, false);
        assert_eq!((text(&host, ":path").as_str(), text(&host, "x-own").as_str()), (wanted, own), "{path}");
        assert_eq!(host.cleared, usize::from(!own.is_empty()), "{path}");
    }
}

/// A filter whose clients have keys, which are not all known.
fn guarded(unread: bool, method: &str, path: &str, more: &[(&str, &str)]) -> (Route, Fake) {
    let (_, host) = asked(method, path, more);
    let mut clients = Clients { unread, open: vec![b"/healthz".to_vec()], ..Clients::default() };
    clients.add("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed", "acme").unwrap();
    let open = Arc::into_inner(config()).unwrap();
    (Route::new(Arc::new(Config { clients: Some(clients), ..open })), host)
}

#[test]
fn who_may_ask() {
    let (one, two) = ([("authorization", "Bearer one")], [("x-api-key", "two")]);
    let advance = [("access-control-request-method", "POST")];
    for (method, path, more, wanted, client) in [
        ("POST", CHAT, &one[..], 100, "acme"),
        ("GET", "/v1/models", &one, 200, "acme"),
        ("GET", "/x", &one, 404, "acme"),
        ("POST", CHAT, &two, 401, ""),
        ("GET", "/v1/models", &[], 401, ""),
        ("GET", "/v1/models?key=one", &[], 401, ""),
        ("GET", "/x", &[], 401, ""),
        ("POST", "/x/healthz", &[], 401, ""),
        ("GET", "/healthz/?x", &[], 200, ""),
        ("OPTIONS", CHAT, &advance, 405, ""),
        ("OPTIONS", CHAT, &[], 401, ""),
        ("POST", CHAT, &advance, 401, ""),
    ] {
        let (mut route, mut host) = guarded(false, method, path, more);
        assert_eq!(status(&route.request_headers(&mut host, false)), wanted, "{method} {path} {more:?}");
        let told = host.texts.get("client").map(Vec::as_slice).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(told), client, "{method} {path} {more:?}");
    }
}

#[test]
fn strangers_are_told_so_in_the_language_of_the_api() {
    for (unread, path, status, header, words) in [
        (false, CHAT, 401, BEARER, r#""code":"invalid_api_key""#),
        (false, "/v1/messages", 401, BEARER, r#""type":"authentication_error""#),
        (true, CHAT, 503, AGAIN, r#""type":"ServiceUnavailable""#),
        (true, "/v1/messages", 503, AGAIN, r#""type":"overloaded_error""#),
    ] {
        let (mut route, mut host) = guarded(unread, "POST", path, &[("x-api-key", "a secret")]);
        let Request::Answer(answer) = route.request_headers(&mut host, false) else { panic!() };
        assert_eq!((answer.status, answer.more), (status, Some(header)));
        assert!(answer.body.contains(words) && !answer.body.contains("a secret"), "{}", answer.body);
    }
}

#[test]
fn a_stranger_s_body_is_not_kept() {
    let (mut route, mut host) = guarded(false, "POST", CHAT, &[]);
    host.protocol = Some("HTTP/2");
    assert_eq!(status(&route.request_headers(&mut host, false)), 100);
    host.piece = vec![br#"{"model":"chat"}"#.to_vec()];
    assert_eq!(status(&route.request_body(&mut host, false)), 100);
    assert_eq!(host.body_size(Side::Request), 0);
    assert_eq!(status(&route.request_body(&mut host, true)), 401);
}

#[test]
fn what_to_do_instead() {
    for (path, message) in [("/v1/realtime/x", "ask otherwise"), ("/v1/real", NO_PATH)] {
        let (mut route, mut host) = asked("GET", path, &[]);
        let Request::Answer(answer) = route.request_headers(&mut host, true) else { panic!() };
        assert_eq!(answer, refusal(Api::OpenAi, 404, message, b""));
    }
}

#[test]
fn bodies_that_are_too_large() {
    let large = format!(r#"{{"model":"chat","x":"{}"}}"#, "x".repeat(500));
    let Request::Answer(answer) = posted(CHAT, "", &large).0 else { panic!() };
    assert_eq!(answer, refusal(Api::OpenAi, 413, "at most 500", b""));
    let (mut route, mut host) = asked("POST", CHAT, &[("x-large", "1")]);
    route.request_headers(&mut host, false);
    assert_eq!(status(&route.request_body(&mut host, true)), 413);
}

#[test]
fn a_request_without_a_body() {
    for (path, message) in [(CHAT, "JSON object"), ("/v1/audio/transcriptions", "multipart/form-data")] {
        let (mut route, mut host) = asked("POST", path, &[]);
        let Request::Answer(answer) = route.request_headers(&mut host, true) else { panic!() };
        assert!(answer.status == 400 && answer.body.contains(message), "{}", answer.body);
    }
}

/// What the filter says of a body that comes in two pieces of two slices each.
fn posted(path: &str, kind: &str, body: &str) -> (Request, Fake) {
    let (mut route, mut host) = asked("POST", path, &[("content-type", kind)]);
    assert_eq!(status(&route.request_headers(&mut host, false)), 100);
    let (one, two) = body.as_bytes().split_at(body.len() / 2);
    host.piece = one.chunks(one.len() / 2 + 1).map(<[u8]>::to_vec).collect();
    assert_eq!(status(&route.request_body(&mut host, false)), 100);
    host.piece = two.chunks(two.len() / 2 + 1).map(<[u8]>::to_vec).collect();
    let said = route.request_body(&mut host, true);
    (said, host)
}

#[test]
fn an_attempt_at_a_stream_has_a_limit() {
    let form = "--X\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--X--\r\n";
    for (path, kind, body, limit) in [
        (CHAT, "", r#"{"model":"chat","stream":true}"#, "600"),
        ("/v1/messages", "", r#"{"stream" : true, "model":"chat"}"#, "600"),
        (CHAT, "", r#"{"model":"chat","stream":false}"#, ""),
        (CHAT, "", r#"{"model":"chat","x":{"stream":true}}"#, ""),
        ("/v1/audio/transcriptions", "multipart/form-data; boundary=X", form, ""),
    ] {
        let (said, host) = posted(path, kind, body);
        assert_eq!((status(&said), text(&host, ATTEMPT_TIMEOUT).as_str()), (200, limit), "{body}");
    }
}

#[test]
fn a_model_is_told_to_the_routes() {
    let form = "--X\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--X--\r\n";
    for (path, kind, body, name, place) in [
        (CHAT, "", r#"{"model":"chat"}"#, "chat", "11-14/16"),
        ("/v1/audio/transcriptions", "multipart/form-data; boundary=X", form, "whisper", "54-60/69"),
    ] {
        let (said, host) = posted(path, kind, body);
        assert_eq!(status(&said), 200);
        assert_eq!((text(&host, "x-model").as_str(), text(&host, "x-splice").as_str()), (name, place));
        assert_eq!(host.cleared, 1);
        let asks = if path == CHAT { "16 - 1 0" } else { "0 - 1 0" };
        assert_eq!(host.texts["asks"], asks.as_bytes());
    }
}

#[test]
fn usage_is_asked_for_and_taken_out_where_the_client_did_not_ask() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
    for (path, body, place, passed) in [
        (CHAT, r#"{"model":"chat","stream":true}"#, "11-14/30+1", ""),
        (CHAT, r#"{"model":"chat","stream":true,"stream_options":{}}"#, "11-14/50", usage),
        (CHAT, r#"{"model":"chat"}"#, "11-14/16", usage),
        ("/v1/responses", r#"{"model":"chat","stream":true}"#, "11-14/30", usage),
    ] {
        let (mut route, mut host) = asked("POST", path, &[]);
        route.request_headers(&mut host, false);
        host.piece = vec![body.as_bytes().to_vec()];
        route.request_body(&mut host, true);
        assert_eq!(text(&host, "x-splice"), place);
        host.set_header(Side::Response, "content-type", b"text/event-stream");
        route.response_headers(&mut host, false);
        host.piece = vec![usage.as_bytes().to_vec()];
        route.response_body(&mut host, false);
        assert_eq!(host.piece.concat(), passed.as_bytes(), "{path} {body}");
        route.complete(&mut host);
        assert!(host.texts["told"].ends_with(b",3,-,-,1,1"));
    }
}

#[test]
fn of_an_answer_with_a_length_nothing_is_taken() {
    let (mut route, mut host) = asked("POST", CHAT, &[]);
    route.request_headers(&mut host, false);
    host.piece = vec![br#"{"model":"chat","stream":true}"#.to_vec()];
    route.request_body(&mut host, true);
    let usage = b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
    host.set_header(Side::Response, "content-type", b"text/event-stream");
    host.set_header(Side::Response, "content-length", b"56");
    route.response_headers(&mut host, false);
    host.piece = vec![usage.to_vec()];
    route.response_body(&mut host, true);
    assert_eq!(host.piece.concat(), usage);
}

#[test]
fn refusals_speak_the_language_of_the_api() {
    let Request::Answer(answer) = posted(CHAT, "", "[]").0 else { panic!() };
    assert_eq!(
        (answer.status, answer.body),
        (400, refusal(Api::OpenAi, 400, "the body must be a JSON object", b"").body)
    );
    let Request::Answer(answer) = posted("/v1/messages", "", "{}").0 else { panic!() };
    assert!(answer.body.starts_with(r#"{"type":"error","error":{"type":"invalid_request_error","#));
}

#[test]
fn a_refusal_of_ours_names_nobody() {
    for (attempts, ours, named) in [("0", true, false), ("2", true, true), ("0", false, true)] {
        let (mut route, mut host) = (Route::new(config()), Fake::default());
        for (name, value) in [("x-tidegate-attempts", attempts), ("x-tidegate-backend", "small")] {
            host.set_header(Side::Response, name, value.as_bytes());
        }
        if ours {
            route.local_reply(&mut host, 429);
        }
        route.response_headers(&mut host, false);
        let there = host.header(Side::Response, "x-tidegate-backend", 0).is_some();
        assert_eq!(there, named, "{attempts} {ours}");
    }
}

#[test]
fn answers_of_anthropics_api_name_their_request() {
    for (path, wanted) in [("/v1/messages", Some(&b"order-4711"[..])), (CHAT, None)] {
        let (mut route, mut host) = asked("POST", path, &[("x-request-id", "order-4711")]);
        route.request_headers(&mut host, false);
        route.response_headers(&mut host, false);
        assert_eq!(host.header(Side::Response, "request-id", 0), wanted, "{path}");
    }
}

#[test]
fn trailers_end_a_body_too() {
    let (mut route, mut host) = asked("POST", CHAT, &[]);
    route.request_headers(&mut host, false);
    host.piece = vec![br#"{"model":"chat"}"#.to_vec()];
    assert_eq!(status(&route.request_body(&mut host, false)), 100);
    assert_eq!(status(&route.request_trailers(&mut host)), 200);
    assert_eq!(text(&host, "x-model"), "chat");
}

/// What a client of an answer in pieces is told when it breaks off after them.
fn broken(path: &str, headers: &[(&str, &str)], pieces: &[&str], protocol: &'static str) -> Option<(String, bool)> {
    let (mut route, mut host) = asked("POST", path, &[]);
    host.protocol = Some(protocol);
    route.request_headers(&mut host, false);
    for (name, value) in headers {
        host.set_header(Side::Response, name, value.as_bytes());
    }
    route.response_headers(&mut host, false);
    for piece in pieces {
        host.piece = vec![piece.as_bytes().to_vec()];
        route.response_body(&mut host, false);
    }
    let Farewell { event, chunked } = route.local_reply(&mut host, 503)?;
    Some((String::from_utf8(event).unwrap(), chunked))
}

#[test]
fn a_stream_that_breaks_off_gets_an_end() {
    let (sse, length) = (("content-type", "text/event-stream; charset=utf-8"), ("content-length", "100"));
    let event = |api| String::from_utf8(end::event(api, 503, false)).unwrap();
    for (path, api) in [(CHAT, Api::OpenAi), ("/v1/responses", Api::Responses), ("/v1/messages", Api::Anthropic)] {
        assert_eq!(broken(path, &[sse], &["data: a\n\n", "data: b"], "HTTP/1.1"), Some((event(api), true)));
    }
    assert_eq!(broken(CHAT, &[sse], &[], "HTTP/2"), Some((event(Api::OpenAi), false)));
    assert_eq!(broken(CHAT, &[sse], &[], "HTTP/1.0"), Some((event(Api::OpenAi), false)));
    assert_eq!(broken(CHAT, &[sse, length], &[], "HTTP/1.1"), None, "nothing may be added");
    let gzip = ("content-encoding", "gzip");
    assert_eq!(broken(CHAT, &[sse, gzip], &["\x1f"], "HTTP/1.1"), None, "what goes on there is not to be read");
    assert_eq!(broken(CHAT, &[("content-type", "application/json")], &["{"], "HTTP/1.1"), None);
}

#[test]
fn an_answer_of_our_own_is_no_stream() {
    let (mut route, mut host) = asked("POST", CHAT, &[]);
    assert!(route.local_reply(&mut host, 503).is_none());
    host.set_header(Side::Response, "content-type", b"text/event-stream");
    route.response_headers(&mut host, false);
    assert!(route.local_reply(&mut host, 503).is_none());
}

#[test]
fn whether_a_stream_broke_off() {
    for (piece, end, wanted) in [
        ("data: [DONE]\n\n", true, false),
        ("data: {}\n\n", false, true),
        ("data: {\"error\":{\"code\":500}}\n\ndata: [DONE]\n\n", true, true),
    ] {
        let (mut route, mut host) = asked("POST", CHAT, &[]);
        host.set_header(Side::Response, "content-type", b"text/event-stream");
        route.response_headers(&mut host, false);
        host.piece = vec![piece.as_bytes().to_vec()];
        route.response_body(&mut host, end);
        route.complete(&mut host);
        assert_eq!(host.texts["told"].ends_with(b",1"), wanted, "{piece}");
    }
}

#[test]
fn what_the_record_says() {
    for (kind, pieces, told) in [
        ("application/json", ["", "{\"usage\":{\"prompt_", "tokens\":3}}"], Some("-,3,-,-,-,-")),
        ("application/json", ["", "{", "}"], None),
        ("text/event-stream; charset=utf-8", ["", "data: [DONE]\n\n", ""], Some("FIRST,-,-,-,1,-")),
    ] {
        let (mut route, mut host) = asked("POST", CHAT, &[]);
        route.request_headers(&mut host, false);
        host.set_header(Side::Response, "content-type", kind.as_bytes());
        route.response_headers(&mut host, false);
        for (n, piece) in pieces.iter().enumerate() {
            host.piece = vec![piece.as_bytes().to_vec()];
            route.response_body(&mut host, n == 2);
        }
        route.complete(&mut host);
        let first = route.first.map_or("-".into(), |micros| micros.to_string());
        let wanted = told.map(|told| told.replace("FIRST", &first).into_bytes());
        assert_eq!(host.texts.get("told"), wanted.as_ref(), "{pieces:?}");
        assert_eq!(route.first.is_some(), told.is_some_and(|told| told.starts_with("FIRST")));
    }
}

#[test]
fn what_a_prompt_begins_with_is_told_where_there_is_one() {
    for (body, told) in [
        (r#"{"model":"a","messages":[{"role":"user","content":"hello"}]}"#, true),
        (r#"{"model":"a","input":"hello"}"#, true),
        (r#"{"model":"a"}"#, false),
    ] {
        let (mut route, mut host) = asked("POST", CHAT, &[]);
        route.request_headers(&mut host, false);
        host.piece = vec![body.as_bytes().to_vec()];
        assert_eq!(status(&route.request_body(&mut host, true)), 200);
        assert_eq!(!text(&host, "x-prefix").is_empty(), told, "{body}");
    }
}
