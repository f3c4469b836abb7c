"""Which paths there are: those of vLLM 0.32 whose requests name a model, and a few of its siblings. docs/how-to/paths.md has the
others, and why they are not served.
"""

from __future__ import annotations

from typing import Final

JSON: Final = (
    "/v1/chat/completions", "/v1/chat/completions/batch", "/v1/completions", "/v1/responses", "/v1/messages",
    "/v1/messages/count_tokens", "/v1/embeddings", "/v2/embed", "/v1/audio/speech", "/v1/rerank", "/v2/rerank", "/rerank",
    "/v1/score", "/score", "/generative_scoring", "/v1/systemone", "/cohere/v2/chat", "/pooling", "/classify", "/tokenize",
    "/detokenize",
)  # fmt: skip
"""POST, and the model stands in a JSON body."""
FORMS: Final = ("/v1/audio/transcriptions", "/v1/audio/translations")
"""POST, and the model is a field of a form (multipart/form-data)."""
MODELS: Final = "/v1/models"
OWN: Final = (MODELS, "/healthz")
"""GET, answered by the router itself, and so is everything below MODELS."""
MESSAGES: Final = "/v1/messages"
"""Here, and below it, errors have Anthropic's shape."""
ELSEWHERE: Final = {
    "/v1/responses/": "a stored response is kept by the one engine that made it, and is not found through the router; "
    "send the conversation in input instead of asking for it, or for what follows it, by id",
    "/v1/realtime": "connections that stay open, as WebSockets, are not routed; send the audio to /v1/audio/transcriptions",
}
"""Below these, what to do instead: no model can be known before an engine has to be chosen."""
