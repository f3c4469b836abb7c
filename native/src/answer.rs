//! What a client is told when it is refused, in the shape of the API that it asked.
//!
//! <https://platform.openai.com/docs/guides/error-codes>, <https://docs.anthropic.com/en/api/errors>

/// Where libraries of Anthropic's API look for a request's name. <https://docs.anthropic.com/en/api/errors#request-id>
pub const REQUEST_ID: &str = "request-id";

/// The shape of errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    /// Chat and text completions, embeddings, and everything else.
    OpenAi,
    /// `/v1/responses`
    Responses,
    /// `/v1/messages` and below
    Anthropic,
}

impl Api {
    /// By a path, or by what it begins with.
    pub fn of(path: &[u8]) -> Api {
        if path.starts_with(b"/v1/messages") {
            Api::Anthropic
        } else if path.starts_with(b"/v1/responses") {
            Api::Responses
        } else {
            Api::OpenAi
        }
    }
}

/// A whole answer.
#[derive(PartialEq, Eq, Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u32,
    /// JSON.
    pub body: String,
    /// A header more: what else to do.
    pub more: Option<(&'static str, &'static str)>,
    /// The request's own name, where libraries look for it in a header.
    pub request: Option<Vec<u8>>,
}

/// `message` is written into JSON as it stands, so it must need no escapes; `request` is the request's own name.
pub fn refusal(api: Api, status: u32, message: &str, request: &[u8]) -> Answer {
    let body = match api {
        Api::Anthropic => {
            let error = anthropic_error(anthropic_kind(status), message);
            format!("{{\"type\":\"error\",\"error\":{error},\"request_id\":\"{}\"}}", plain(request))
        }
        _ => format!("{{\"error\":{}}}", openai_error(openai_kind(status), message, &openai_code(status))),
    };
    let named = (api == Api::Anthropic).then(|| request.to_vec());
    Answer { status, body, more: None, request: named }
}

/// A request's name, where it can stand in JSON as it is: clients may choose it.
fn plain(request: &[u8]) -> &str {
    let fits = request.iter().all(|c| c.is_ascii_alphanumeric() || b"._:/+=-".contains(c));
    std::str::from_utf8(request).ok().filter(|_| fits).unwrap_or_default()
}

/// An error object of the OpenAI API; `code` as JSON.
pub fn openai_error(kind: &str, message: &str, code: &str) -> String {
    format!("{{\"message\":\"{message}\",\"type\":\"{kind}\",\"param\":null,\"code\":{code}}}")
}

/// An error object of the Anthropic API.
pub fn anthropic_error(kind: &str, message: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"message\":\"{message}\"}}")
}

/// As `operator/tidegate/envoy/openai.py` has them.
fn openai_kind(status: u32) -> &'static str {
    match status {
        400 => "BadRequestError",
        401 => "invalid_request_error",
        404 => "NotFoundError",
        405 => "MethodNotAllowed",
        413 => "RequestTooLarge",
        415 => "UnsupportedMediaType",
        503 => "ServiceUnavailable",
        _ => "RouterError",
    }
}

/// The status, but for a key, of which OpenAI's libraries and people's programs look for this word.
fn openai_code(status: u32) -> String {
    if status == 401 {
        "\"invalid_api_key\"".into()
    } else {
        status.to_string()
    }
}

/// As `operator/tidegate/envoy/anthropic.py` has them.
fn anthropic_kind(status: u32) -> &'static str {
    match status {
        400 | 405 | 415 => "invalid_request_error",
        401 => "authentication_error",
        404 => "not_found_error",
        413 => "request_too_large",
        503 => "overloaded_error",
        _ => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        for (path, api) in [
            ("/v1/messages", Api::Anthropic),
            ("/v1/messages/count_tokens?beta=true", Api::Anthropic),
            ("/v1/responses", Api::Responses),
            ("/v1/chat/completions", Api::OpenAi),
        ] {
            assert_eq!(Api::of(path.as_bytes()), api, "{path}");
        }
        let openai = r#"{"error":{"message":"no","type":"BadRequestError","param":null,"code":400}}"#;
        assert_eq!(refusal(Api::OpenAi, 400, "no", b"r").body, openai);
        assert_eq!(refusal(Api::Responses, 400, "no", b"r").body, openai);
    }

    #[test]
    fn of_a_key() {
        let openai =
            r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
        assert_eq!(refusal(Api::OpenAi, 401, "no", b"r").body, openai);
        let anthropic = r#"{"type":"error","error":{"type":"authentication_error","message":"no"},"request_id":"r"}"#;
        assert_eq!(refusal(Api::Anthropic, 401, "no", b"r").body, anthropic);
    }

    #[test]
    fn a_name_that_is_no_plain_text_is_not_repeated() {
        for (name, said) in [("order-4711", "order-4711"), ("a\"b", ""), ("\u{e9}", ""), ("", "")] {
            let wanted = format!(
                "{{\"type\":\"error\",\"error\":{{\"type\":\"not_found_error\",\"message\":\"no\"}},\"request_id\":\"{said}\"}}"
            );
            assert_eq!(refusal(Api::Anthropic, 404, "no", name.as_bytes()).body, wanted);
        }
    }
}
