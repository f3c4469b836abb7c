"""Who answers a policy's routes: shares of backends times the traffic of each model's revisions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import model, policy
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.contract.destinations import Bounds, Hold
from tidegate.contract.routes import Sticky
from tidegate.plan.router.traffic import Serving, Traffic, revisions, traffic

ENTRY = {"name": "r1", "role": "Active", "traffic": 100, "readyReplicas": 1, "servedNames": ["llama"], "adapters": []}


def having(name: str, *entries: Any) -> dict[str, Any]:
    """A model that reports these revisions."""
    return model(name) | {"status": {"revisions": list(entries)}}


def found(spec: dict[str, Any], *models: dict[str, Any]) -> Traffic:
    parsed = RoutingPolicy.model_validate(policy("chat", ("llama", "mistral")) | {"spec": spec})
    return traffic(parsed, {m["metadata"]["name"]: m for m in models})


def spec(*shares: dict[str, Any]) -> dict[str, Any]:
    """One route over these backends."""
    base: dict[str, Any] = policy("chat", ("llama", "mistral"))["spec"]
    return base | {"routes": [{"name": "main", "models": ["chat"], "to": {"backends": list(shares)}}]}


def targets(result: Traffic) -> dict[str, int]:
    return {target.destination: target.weight for target in result.routes[0].targets}


LLAMA, MISTRAL = {"name": "to-llama", "weight": 1}, {"name": "to-mistral", "weight": 1}
SILENT = ENTRY | {"readyReplicas": 0}


@pytest.mark.parametrize(
    ("entry", "serving"),
    [
        (ENTRY, Serving("r1", 100, "llama", [], "Deployment", answers=True)),
        (ENTRY | {"traffic": 7}, Serving("r1", 7, "llama", [], "Deployment", answers=True)),
        (SILENT, Serving("r1", 100, "llama", [], "Deployment", answers=False)),
        (ENTRY | {"servedNames": ["a", "b"]}, Serving("r1", 100, "a", [], "Deployment", answers=True)),
        (ENTRY | {"adapters": ["t"]}, Serving("r1", 100, "llama", ["t"], "Deployment", answers=True)),
        (ENTRY | {"workload": "LeaderWorkerSet"}, Serving("r1", 100, "llama", [], "LeaderWorkerSet", answers=True)),
        ({k: v for k, v in ENTRY.items() if k != "traffic"}, Serving("r1", 100, "llama", [], "Deployment", True)),
        ({k: v for k, v in ENTRY.items() if k != "traffic"} | {"role": "Candidate"}, None),
        (ENTRY | {"traffic": 0}, None),
        (ENTRY | {"servedNames": []}, None),
        (ENTRY | {"servedNames": "?"}, None),
        (ENTRY | {"name": ""}, None),
        (ENTRY | {"added": {"by": "a newer operator"}}, Serving("r1", 100, "llama", [], "Deployment", answers=True)),
        ("?", None),
        ({}, None),
    ],
)
def test_revisions_that_get_requests(entry: Any, serving: Serving | None) -> None:
    assert revisions(having("llama", entry)) == ([serving] if serving else [])


@pytest.mark.parametrize("status", [None, {}, {"revisions": "?"}])
def test_a_model_that_says_nothing(status: Any) -> None:
    assert revisions(model("llama") | {"status": status}) == []


def test_weights_stay_as_people_wrote_them() -> None:
    result = found(spec(LLAMA | {"weight": 3}, MISTRAL), having("llama", ENTRY), having("mistral", ENTRY))
    assert targets(result) == {"to-llama.r1": 3, "to-mistral.r1": 1}
    assert result.serving
    assert (result.unresolved, result.silent) == ((), ())
    assert result.sent_to == {"to-llama": {"r1": 100}, "to-mistral": {"r1": 100}}


def test_shares_times_traffic() -> None:
    two = having("llama", ENTRY | {"traffic": 90}, ENTRY | {"name": "r2", "traffic": 10})
    result = found(spec(LLAMA | {"weight": 3}, MISTRAL), two, having("mistral", ENTRY))
    assert targets(result) == {"to-llama.r1": 270, "to-llama.r2": 30, "to-mistral.r1": 100}
    assert result.sent_to["to-llama"] == {"r1": 90, "r2": 10}


def test_a_reference_that_leads_nowhere_is_told() -> None:
    result = found(spec(LLAMA, MISTRAL), having("llama", ENTRY))
    assert targets(result) == {"to-llama.r1": 1}
    assert result.serving
    assert result.unresolved == (
        "route main: backend to-mistral: ModelDeployment 'mistral' does not exist; create it, or correct the name",
    )


def test_a_model_without_a_revision() -> None:
    result = found(spec(LLAMA), model("llama"))
    assert (targets(result), result.serving) == ({}, False)
    assert result.unresolved == ("route main: backend to-llama: ModelDeployment 'llama' has no revision yet",)


@pytest.mark.parametrize(("adapters", "resolved"), [([["t"], ["t"]], True), ([["t"], []], False), ([[], []], False)])
def test_an_adapter_that_every_revision_has(adapters: list[list[str]], resolved: bool) -> None:
    entries = [
        ENTRY | {"name": f"r{n}", "traffic": 50, "adapters": names_of_it} for n, names_of_it in enumerate(adapters)
    ]
    result = found(spec(LLAMA | {"adapter": "t"}), having("llama", *entries))
    assert bool(result.routes[0].targets) == resolved
    told = ("route main: backend to-llama: ModelDeployment 'llama' has no adapter 't'; add it to spec.model.adapters",)
    assert result.unresolved == (() if resolved else told)


@pytest.mark.parametrize(
    ("llama", "mistral", "serving", "silent"),
    [
        (ENTRY, ENTRY, True, ()),
        (ENTRY, SILENT, True, ("backend to-mistral: no engine of ModelDeployment 'mistral' answers",)),
        (
            SILENT,
            SILENT,
            False,
            (
                "backend to-llama: no engine of ModelDeployment 'llama' answers",
                "backend to-mistral: no engine of ModelDeployment 'mistral' answers",
            ),
        ),
    ],
)
def test_who_is_silent(llama: Any, mistral: Any, serving: bool, silent: tuple[str, ...]) -> None:
    """The others of its route take its share, while any of them answers."""
    result = found(spec(LLAMA, MISTRAL), having("llama", llama), having("mistral", mistral))
    assert (result.serving, result.silent) == (serving, silent)
    both = {"to-llama.r1": 1, "to-mistral.r1": 1}
    assert targets(result) == (both if len(silent) != 1 else {"to-llama.r1": 1})
    assert {d.name for d in result.destinations} == targets(result).keys()


def test_shares_are_taken_over_route_by_route() -> None:
    """Who is silent in one route may be all that another one has."""
    routes = [
        {"name": "both", "models": ["b"], "to": {"backends": [LLAMA, MISTRAL]}},
        {"name": "alone", "models": ["a"], "to": {"backends": [MISTRAL]}},
    ]
    result = found(spec(LLAMA, MISTRAL) | {"routes": routes}, having("llama", ENTRY), having("mistral", SILENT))
    assert [[t.destination for t in route.targets] for route in result.routes] == [["to-llama.r1"], ["to-mistral.r1"]]


def test_one_revision_that_answers_is_enough() -> None:
    both = having("llama", SILENT | {"traffic": 50}, ENTRY | {"name": "r2", "traffic": 50})
    result = found(spec(LLAMA), both)
    assert (result.serving, result.silent) == (True, ())


def test_a_backend_without_a_share_is_not_sent_to_and_serves_nobody() -> None:
    result = found(spec(LLAMA | {"weight": 0}, MISTRAL), having("llama", ENTRY), having("mistral", SILENT))
    assert targets(result) == {"to-mistral.r1": 1}
    assert not result.serving
    assert result.sent_to == {"to-mistral": {"r1": 100}}


def test_a_backend_of_two_routes_is_told_of_once() -> None:
    route = {"models": ["a"], "to": {"backends": [{"name": "to-llama"}]}}
    two = spec(LLAMA) | {"routes": [{"name": "one", **route}, {"name": "two", **route, "models": ["b"]}]}
    result = found(two, having("llama", SILENT))
    assert len(result.silent) == 1
    assert len(result.destinations) == 1


@pytest.mark.parametrize("adapter", [None, "tone"])
@pytest.mark.parametrize("status", [{}, {"revisions": None}, {"revisions": []}, {"revisions": [{"name": "x"}]}])
def test_a_model_whose_status_is_lost_is_sent_to_as_before(status: dict[str, Any], adapter: str | None) -> None:
    entry = {"name": "to-llama"} | ({"adapter": adapter} if adapter else {})
    routes = [{"name": "main", "models": ["chat"], "to": {"backends": [entry]}}]
    parsed = RoutingPolicy.model_validate(policy(routes=routes))
    revision = {
        "name": "aaaa0000",
        "role": "Active",
        "servedNames": ["llama"],
        "adapters": ["tone"],
        "readyReplicas": 1,
    }
    before = traffic(parsed, {"llama": {**model(), "status": {"revisions": [revision]}}})
    after = traffic(parsed, {"llama": {**model(), "status": status}}, before.destinations)
    assert (after.routes, after.destinations, after.unresolved) == (before.routes, before.destinations, ())
    assert traffic(parsed, {"llama": {**model(), "status": status}}).destinations == ()
    assert traffic(parsed, {}, before.destinations).destinations == (), "a model that is gone is gone"
    assert not after.serving


def trying(name: str, by: Any, **objectives: Any) -> dict[str, Any]:
    """A model whose clients stay with one revision; two of its revisions get requests."""
    made = having(name, ENTRY | {"traffic": 90}, ENTRY | {"name": "r2", "traffic": 10})
    return made | {"spec": made["spec"] | {"rollout": {"canary": {"stickyBy": by}}, **objectives}}


@pytest.mark.parametrize(
    ("by", "headers", "address"),
    [({"header": {"name": "X-User"}}, ("x-user",), False), ({"client": {}}, ("authorization", "x-api-key"), True)],
)
def test_clients_stay(by: Any, headers: tuple[str, ...], address: bool) -> None:
    """All weights of a route add up to the same, whether a rollout is on or not: else every client would be drawn anew."""
    both = spec(LLAMA | {"weight": 9}, MISTRAL)
    on, off = found(both, trying("llama", by), having("mistral", ENTRY)), trying("llama", by)
    assert on.routes[0].sticky == Sticky(headers=headers, address=address)
    assert targets(on) == {"to-llama.r1": 810, "to-llama.r2": 90, "to-mistral.r1": 100}
    off["status"] = {"revisions": [ENTRY]}
    assert targets(found(both, off, having("mistral", ENTRY))) == {"to-llama.r1": 900, "to-mistral.r1": 100}


@pytest.mark.parametrize("by", [None, "x", 3])
def test_clients_that_do_not_stay(by: Any) -> None:
    assert found(spec(LLAMA), trying("llama", by)).routes[0].sticky is None
    assert found(spec(LLAMA), having("llama", ENTRY)).routes[0].sticky is None


def test_buckets_for_the_objectives_of_a_model() -> None:
    objectives = [
        {"name": "a", "timeToFirstToken": {"percentile": "95", "max": "700ms"}},
        {"name": "b", "timeToFirstToken": {"percentile": "99", "max": "300ms"}},
        {"name": "c", "requestLatency": {"percentile": "99", "max": "3s"}},
        {"name": "d", "errorRate": {"max": "1%"}},
    ]
    made = found(spec(LLAMA), trying("llama", {}, objectives=objectives))
    assert {d.bounds for d in made.destinations} == {Bounds(first_tokens=(0.3, 0.7), durations=(3.0,))}
    assert {d.bounds for d in found(spec(LLAMA), having("llama", ENTRY)).destinations} == {None}


@pytest.mark.parametrize(
    ("autoscaling", "hold"),
    [
        (None, None),
        ({"maxReplicas": 2}, None),
        ({"minReplicas": 0, "scaleToZero": {"holdRequests": "90s"}}, Hold(seconds=90)),
        ({"minReplicas": 0, "scaleToZero": {}}, Hold(seconds=120)),
    ],
)
def test_how_long_requests_wait(autoscaling: Any, hold: Hold | None) -> None:
    llama = model("llama", autoscaling=autoscaling) | {"status": {"revisions": [ENTRY]}}
    assert [d.hold for d in found(spec(LLAMA), llama).destinations] == [hold]


@pytest.mark.parametrize(("desired", "asleep"), [(0, True), (1, False)])
def test_a_model_without_engines_on_purpose(desired: int, asleep: bool) -> None:
    """Its requests go there all the same: routers hold them."""
    llama = model("llama", autoscaling={"minReplicas": 0, "scaleToZero": {}})
    result = found(spec(LLAMA), llama | {"status": {"revisions": [SILENT], "desiredReplicas": desired}})
    assert (result.at_zero, bool(result.waking), result.serving) == (asleep, not asleep, False)
    assert [words.endswith("the next request wakes it") for words in result.silent] == [True] * asleep
    assert targets(result) == {"to-llama.r1": 1}
