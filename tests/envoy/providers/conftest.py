"""What tests of providers share: servers with certificates of our own, and walks that ask them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.envoy.conftest import Engine, RealEnvoy, config
from tests.support.authority import Authority
from tidegate.contract.destinations import Destination, External, Proxy, SecretEntry
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, FixedAnswer, Target
from tidegate.envoy.providers import Credentials


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One for all."""
    return Authority(tmp_path_factory.mktemp("ca"))


class Provider:
    """A destination, and the server behind it."""

    def __init__(
        self,
        name: str,
        server: Engine,
        *,
        key: bool = True,
        host: str = "localhost",
        path: str = "/v1",
        anthropic: bool = False,
        proxy: Proxy | None = None,
    ) -> None:
        self.name, self.server = name, server
        self.entry = SecretEntry(secret=name, entry="token") if key else None
        ca = SecretEntry(secret="ca", entry="ca.crt")
        external = External(
            host=host, port=server.port, path=path, model=f"model-of-{name}", key=self.entry, ca=ca, proxy=proxy
        )
        kind = {"anthropic" if anthropic else "external": external}
        self.destination = Destination(name=name, backend=name, **kind)


def walk(*steps: Provider | str, answer: FixedAnswer | None = None) -> RouterConfig:
    """The model `chat`, asked of these one after the other, each once; a name is that of an engine."""
    names = [step if isinstance(step, str) else step.name for step in steps]
    made = config({"chat": {step: 1 for step in steps if isinstance(step, str)}})
    targets = [Target(destination=f"{name}.r1" if isinstance(step, str) else name, weight=1)
               for name, step in zip(names, steps, strict=True)]  # fmt: skip
    fallback = Fallback(steps=tuple((target,) for target in targets[1:]), answer=answer)
    route = made.routes[0].model_copy(update={"targets": (targets[0],), "fallback": fallback})
    providers = tuple(step.destination for step in steps if isinstance(step, Provider))
    retry = made.retry.model_copy(update={"attempts": 0, "codes": (429, 500, 503)})
    destinations = (*made.destinations, *providers)
    return made.model_copy(update={"routes": (route,), "destinations": destinations, "retry": retry})


@pytest.fixture
def run(envoy: RealEnvoy, authority: Authority) -> Iterator[Callable[..., None]]:
    """Makes Envoy run a walk, with keys `sk-NAME`."""

    def begin(wanted: RouterConfig, engines: dict[str, list[Engine]], **changes: object) -> None:
        for destination in wanted.destinations:
            if destination.provider and destination.provider.key:
                envoy.files.key(destination.provider.key, f"sk-{destination.name}".encode())
        file = envoy.files.certificates("ca", authority.pem)
        known = {d.name: file for d in wanted.destinations if d.provider}
        credentials = Credentials(authorities=known)
        envoy.offer(wanted, engines, credentials=credentials)

    return begin  # type: ignore[return-value]
