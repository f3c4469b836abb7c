"""Routes, and what surrounds every request: keys, faults, the drain, refusals, counting."""

import base64
import os
import platform
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import orjson

from e2e.engine_sim import api_service, http_metrics
from e2e.engine_sim.api_chat import chat_completions
from e2e.engine_sim.api_completions import completions
from e2e.engine_sim.api_messages import messages
from e2e.engine_sim.api_pooling import embeddings
from e2e.engine_sim.api_responses import responses
from e2e.engine_sim.engine import Engine
from e2e.engine_sim.errors import Draining, Refusal
from e2e.engine_sim.faults import BadFault, Faults, FaultyDraw
from e2e.engine_sim.settings import ServerSettings
from e2e.engine_sim.wire import Call

Handler = Callable[[Engine, Call], None]
Routes = dict[str, dict[str, Handler]]

_GUARDED = ("/v1", "/v2", "/inference", "/cohere")
"""Path prefixes that `--api-key` protects."""

SERVICE: Routes = {
    "/health": {"GET": api_service.health},
    "/ping": {"GET": api_service.health, "POST": api_service.health},
    "/version": {"GET": api_service.version},
    "/v1/models": {"GET": api_service.models},
    "/metrics": {"GET": api_service.metrics},
}
INFERENCE: Routes = {"/tokenize": {"POST": api_service.tokenize}, "/detokenize": {"POST": api_service.detokenize}}
GENERATING: Routes = {
    "/v1/chat/completions": {"POST": chat_completions},
    "/v1/completions": {"POST": completions},
    "/v1/responses": {"POST": responses},
    "/v1/messages": {"POST": messages},
}
POOLING: Routes = {"/v1/embeddings": {"POST": embeddings}}


class App:
    """Answers calls with one engine."""

    def __init__(self, engine: Engine, settings: ServerSettings) -> None:
        self.engine = engine
        self.draining = False
        self._settings = settings
        self._faults = Faults()
        self._draw = FaultyDraw(engine.settings.seed)
        self._inference = INFERENCE | (POOLING if engine.settings.pooling else GENERATING)
        self._routes: Routes = SERVICE | self._inference | {"/load": {"GET": self._load}}
        self._controls: Routes = {"/sim/faults": {"POST": self._change_faults}, "/sim/state": {"GET": self._state}}
        self._in_flight = 0
        self._seen: Counter[str] = Counter()
        self._last: Call | None = None
        self._set_faults(settings.faults)

    def handle(self, call: Call) -> None:
        """Answers a call, now or when the engine is done with it."""
        if call.path in self._controls:
            self._control(call)
            return
        self._seen[call.path] += 1
        call.on_answered = self._count
        if call.path in self._inference:
            self._last = call
            self._in_flight += 1
        if not self._authorised(call):
            call.reply(401, b'{"error":"Unauthorized"}', vary=False)
        elif handler := self._routed(call, self._routes):
            self._guarded(handler, call)

    def _guarded(self, handler: Handler, call: Call) -> None:
        """Runs a handler behind the drain and the faults; what it refuses becomes an error body."""
        try:
            if call.path in self._inference:
                self._interfere()
            handler(self.engine, call)
        except Refusal as refusal:
            _refuse(call, refusal)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            # A body of a shape that nobody expected, which is the client's fault in vLLM's eyes as well.
            _refuse(call, Refusal(400, str(error), "BadRequestError"))

    def _interfere(self) -> None:
        if self.draining:
            raise Draining
        if self._draw.fails(self._faults):
            status = HTTPStatus(self._faults.error_status)
            kind = "InternalServerError" if status == 500 else status.phrase
            raise Refusal(status, "an error that was asked for by /sim/faults", kind)

    def _authorised(self, call: Call) -> bool:
        keys = self._settings.api_keys
        if not keys or call.method == "OPTIONS" or not call.path.startswith(_GUARDED):
            return True
        scheme, _, key = (call.header("authorization") or "").partition(" ")
        return scheme.lower() == "bearer" and key in keys

    def _routed(self, call: Call, routes: Routes) -> Handler | None:
        """The handler of a call; None after a 404 or 405."""
        methods = routes.get(call.path)
        if methods is None:
            call.reply(404, b'{"detail":"Not Found"}')
            return None
        if call.method not in methods:
            call.reply(405, b'{"detail":"Method Not Allowed"}', headers=[("allow", ", ".join(methods))])
            return None
        return methods[call.method]

    def _count(self, call: Call) -> None:
        if call.path in self._inference:
            self._in_flight -= 1
        http_metrics.count(self.engine.metrics, call, call.path if call.path in self._routes else "none")

    def _load(self, _engine: Engine, call: Call) -> None:
        """GET /load: requests in flight, counted only with `--enable-server-load-tracking`."""
        load = self._in_flight if self.engine.settings.track_load else 0
        call.reply(200, orjson.dumps({"server_load": load}))

    def _control(self, call: Call) -> None:
        if handler := self._routed(call, self._controls):
            handler(self.engine, call)

    def _set_faults(self, faults: Faults) -> None:
        self._faults = faults
        if faults.crash:
            # As a crash is: nothing is flushed, nobody is told.
            os._exit(1)
        self.engine.settings.timing.slow_factor = faults.slow_factor
        self.engine.freeze(faults.hang)
        self.engine.metrics.hidden = faults.without_metric.encode()

    def _change_faults(self, _engine: Engine, call: Call) -> None:
        """POST /sim/faults: changes the given faults, keeps the others, and answers with all of them."""
        try:
            changes = orjson.loads(call.body)
            if not isinstance(changes, dict) or "load_failure" in changes:
                raise BadFault("an object of faults is wanted, without load_failure")
            self._set_faults(self._faults.changed(changes))
        except (orjson.JSONDecodeError, BadFault) as error:
            call.reply(400, orjson.dumps({"detail": str(error)}))
            return
        call.reply(200, orjson.dumps(asdict(self._faults)))

    def _state(self, engine: Engine, call: Call) -> None:
        """GET /sim/state: what came in, byte for byte, and how the engine stands."""
        state = {
            "host": platform.node(),
            "pid": os.getpid(),
            "model": engine.settings.name,
            "seen": dict(self._seen),
            "in_flight": self._in_flight,
            "running": len(engine.scheduler.running),
            "waiting": len(engine.scheduler.waiting),
            "kv_usage": engine.scheduler.pool.usage,
            "draining": self.draining,
            "faults": asdict(self._faults),
            "last": None if self._last is None else _received(self._last),
        }
        call.reply(200, orjson.dumps(state))


def _refuse(call: Call, refusal: Refusal) -> None:
    anthropic = call.path == "/v1/messages" and refusal.kind != HTTPStatus.BAD_REQUEST.phrase
    # The drain's error passes vLLM's outermost layer only, which closes the connection.
    outermost = isinstance(refusal, Draining) and not anthropic
    body = refusal.anthropic_body() if anthropic else refusal.body()
    call.reply(refusal.status, body, vary=not outermost, close=outermost)


def _received(call: Call) -> dict[str, Any]:
    return {
        "method": call.method,
        "target": call.target,
        "headers": [list(header) for header in call.headers],
        "body_base64": base64.b64encode(call.body).decode(),
    }
