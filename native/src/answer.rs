//! What a client is told when it is refused, in the shape of the API that it asked.
//!
//! <https://platform.openai.com/docs/guides/error-codes>, <https://docs.anthropic.com/en/api/errors>

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
    /// By a path without its query.
    pub fn of(path: &[u8]) -> Api {
        let below = |base: &[u8]| path.strip_prefix(base).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')));
        if below(b"/v1/messages") {
            Api::Anthropic
        } else if below(b"/v1/responses") {
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
    /// Methods that the path takes.
    pub allow: Option<&'static str>,
}

/// `message` is written into JSON as it stands, so it must need no escapes.
pub fn refusal(api: Api, status: u32, message: &str) -> Answer {
    let body = match api {
        Api::Anthropic => anthropic(anthropic_kind(status), message),
        _ => format!("{{\"error\":{}}}", openai(openai_kind(status), message, status)),
    };
    Answer { status, body, allow: None }
}

/// An error object of the OpenAI API.
pub fn openai(kind: &str, message: &str, code: u32) -> String {
    format!("{{\"message\":\"{message}\",\"type\":\"{kind}\",\"param\":null,\"code\":{code}}}")
}

/// A body or an event of the Anthropic API.
pub fn anthropic(kind: &str, message: &str) -> String {
    format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"{message}\"}}}}")
}

fn openai_kind(status: u32) -> &'static str {
    match status {
        400 => "BadRequestError",
        404 => "NotFoundError",
        405 => "MethodNotAllowed",
        415 => "UnsupportedMediaType",
        _ => "RouterError",
    }
}

fn anthropic_kind(status: u32) -> &'static str {
    match status {
        404 => "not_found_error",
        400..500 => "invalid_request_error",
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
            ("/v1/messages/count_tokens", Api::Anthropic),
            ("/v1/messagesx", Api::OpenAi),
            ("/v1/responses", Api::Responses),
            ("/v1/chat/completions", Api::OpenAi),
        ] {
            assert_eq!(Api::of(path.as_bytes()), api, "{path}");
        }
        let openai = r#"{"error":{"message":"no","type":"BadRequestError","param":null,"code":400}}"#;
        assert_eq!(refusal(Api::OpenAi, 400, "no").body, openai);
        assert_eq!(refusal(Api::Responses, 400, "no").body, openai);
        let anthropic = r#"{"type":"error","error":{"type":"not_found_error","message":"no"}}"#;
        assert_eq!(refusal(Api::Anthropic, 404, "no").body, anthropic);
    }
}
