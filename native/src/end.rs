//! What a client is told when its stream breaks off: an event that its library raises as an error.
//!
//! | API asked                  | event                                                                            |
//! |----------------------------|----------------------------------------------------------------------------------|
//! | chat, completions          | `data:` with `error`, as engines write theirs                                    |
//! | responses                  | `event: error` of type `error`; `error` besides, which libraries raise upon      |
//! | messages                   | `event: error` of type `error`, with `error`                                     |
//!
//! <https://platform.openai.com/docs/api-reference/responses-streaming/error>,
//! <https://docs.anthropic.com/en/docs/build-with-claude/streaming#error-events>

use crate::answer::{anthropic_error, openai_error, Api};

const BROKE: &str = "The engine broke off in the middle of its answer.";
const SILENT: &str = "The engine took longer than the policy's timeouts allow.";

/// The event. `status` is what Envoy would answer: 504 for a timeout. `open`: a part of an event was passed on; its
/// line and the event must end first, so that what follows is read as an event of its own.
pub fn event(api: Api, status: u32, open: bool) -> Vec<u8> {
    let before = if open { "\n\n" } else { "" };
    let (message, code, kind) =
        if status == 504 { (SILENT, 504, "Timeout") } else { (BROKE, 503, "ServiceUnavailable") };
    let error = openai_error(kind, message, &code.to_string());
    let text = match api {
        Api::OpenAi => format!("data: {{\"error\":{error}}}"),
        Api::Responses => format!(
            "event: error\ndata: {{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"{message}\",\"param\":null,\"error\":{error}}}"
        ),
        Api::Anthropic => format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{}}}",
            anthropic_error("api_error", message)
        ),
    };
    format!("{before}{text}\n\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(api: Api, status: u32, open: bool) -> String {
        String::from_utf8(event(api, status, open)).unwrap()
    }

    #[test]
    fn each_row() {
        let broke = format!(r#"{{"message":"{BROKE}","type":"ServiceUnavailable","param":null,"code":503}}"#);
        assert_eq!(text(Api::OpenAi, 503, false), format!("data: {{\"error\":{broke}}}\n\n"));
        assert_eq!(
            text(Api::Responses, 503, false),
            format!(
                "event: error\ndata: {{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"{BROKE}\",\"param\":null,\"error\":{broke}}}\n\n"
            )
        );
        assert_eq!(
            text(Api::Anthropic, 503, false),
            format!(
                "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"api_error\",\"message\":\"{BROKE}\"}}}}\n\n"
            )
        );
    }

    #[test]
    fn timeouts_and_open_events() {
        assert!(text(Api::OpenAi, 504, false).contains("\"Timeout\""));
        assert!(text(Api::OpenAi, 503, true).starts_with("\n\ndata: "));
    }
}
