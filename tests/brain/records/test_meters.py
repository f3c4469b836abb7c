"""From records to what Prometheus reads."""

from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.brain.records.test_outcome import GOOD, after
from tests.envoy.conftest import config
from tidegate.brain.records.meters import KEPT, Meters
from tidegate.contract.destinations import Bounds
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.caching import CACHED

WHO = {"namespace": "test", "policy": "front", "route": "main", "model": "llama", "backend": "a", "revision": "r1"}
NOBODY = {"namespace": "test", "policy": "front", "route": "", "model": "", "backend": "", "revision": ""}


def named(*names: str) -> RouterConfig:
    """Destinations of ModelDeployment `llama`, on route `main`."""
    made = config({"chat": dict.fromkeys(names, 1)})
    routes = tuple(route.model_copy(update={"name": "main"}) for route in made.routes)
    destinations = tuple(d.model_copy(update={"model": "llama"}) for d in made.destinations)
    return made.model_copy(update={"destinations": destinations, "routes": routes})


def told(meters: Meters, name: str, who: dict[str, str] = WHO, **labels: str) -> float | None:
    """One sample of what Prometheus reads."""
    families = text_string_to_metric_families(generate_latest(meters).decode())
    wanted = who | labels
    return next((s.value for family in families for s in family.samples if (s.name, s.labels) == (name, wanted)), None)


def begun(config: RouterConfig) -> Meters:
    made = Meters()
    made.follow(config, 0)
    return made


def test_one_stream() -> None:
    meters = begun(named("a"))
    meters.count(GOOD)
    assert told(meters, "tidegate_requests_total", outcome="ok") == 1
    assert told(meters, "tidegate_tokens_total", type="prompt") == 10
    assert told(meters, "tidegate_tokens_total", type="completion") == 5
    assert told(meters, "tidegate_request_duration_seconds_bucket", le="0.5") == 0
    assert told(meters, "tidegate_request_duration_seconds_bucket", le="1.0") == 1
    assert told(meters, "tidegate_time_to_first_token_seconds_bucket", le="0.2") == 1
    assert told(meters, "tidegate_time_per_output_token_seconds_sum") == 0.2


def test_what_counts_where() -> None:
    meters = begun(named("a"))
    silent = {"prompt_tokens": None, "cached_tokens": None, "completion_tokens": None}
    meters.count(after(first_token=None, **silent))
    meters.count(after(broken=True, completion_tokens=1))
    meters.count(after(route="", destination="", status=404, of_engine=False))
    assert told(meters, "tidegate_request_duration_seconds_count") == 1, "what went well"
    assert told(meters, "tidegate_time_to_first_token_seconds_count") == 1, "streams with a first token"
    assert told(meters, "tidegate_time_per_output_token_seconds_count") == 0, "two tokens at least"
    assert told(meters, "tidegate_requests_total", NOBODY, outcome="client_error") == 1


def test_no_series_is_told_of_twice() -> None:
    """What cannot be told apart is counted together: who refused, two adapters of one revision, and who is forgotten."""
    adapters = config({"chat": {"a": 1, "b": 1}})
    same = tuple(d.model_copy(update={"backend": "a", "model": "llama"}) for d in adapters.destinations)
    meters = begun(adapters.model_copy(update={"destinations": same}))
    for destination in ("a.r1", "b.r1"):
        meters.count(after(destination=destination))
    for destination in ("", "unparsed", "x.r1", "y.r1"):
        meters.count(after(destination=destination, route="", status=404))
    samples = [
        (sample.name, *sorted(sample.labels.items()))
        for family in text_string_to_metric_families(generate_latest(meters).decode())
        for sample in family.samples
    ]
    assert len(samples) == len(set(samples))
    assert told(meters, "tidegate_requests_total", outcome="ok") == 2
    assert told(meters, "tidegate_requests_total", NOBODY, outcome="client_error") == 4


def test_a_revision_is_told_of_while_one_of_its_destinations_is_there() -> None:
    both = named("a", "b")
    same = tuple(d.model_copy(update={"backend": "a"}) for d in both.destinations)
    meters = begun(both.model_copy(update={"destinations": same}))
    meters.count(after(destination="b.r1"))
    for moment in (1, 1 + KEPT):
        meters.follow(named("a"), moment)
    assert told(meters, "tidegate_requests_total", outcome="ok") == 1


def test_a_destination_that_left_is_told_of_for_an_hour() -> None:
    meters = begun(named("a"))
    meters.count(GOOD)
    meters.follow(named("b"), 1)
    meters.follow(named("b"), 1 + KEPT - 1)
    meters.count(GOOD)
    assert told(meters, "tidegate_requests_total", outcome="ok") == 2
    meters.follow(named("b"), 1 + KEPT)
    assert told(meters, "tidegate_requests_total", outcome="ok") is None


def test_one_that_comes_back_goes_on() -> None:
    meters = begun(named("a"))
    meters.count(GOOD)
    for moment, name in ((1, "b"), (2, "a"), (3, "b"), (KEPT + 2, "b")):
        meters.follow(named(name), moment)
    assert told(meters, "tidegate_requests_total", outcome="ok") == 1


def test_counters_begin_at_nothing() -> None:
    """Before the first request: a first value that is no 0 would be taken for what came before."""
    meters = begun(named("a"))
    assert [told(meters, "tidegate_requests_total", outcome=ended) for ended in ("ok", "error", "shed")] == [0, 0, None]
    assert told(meters, "tidegate_time_to_first_token_seconds_bucket", le="+Inf") == 0


def test_bounds_of_objectives_are_buckets() -> None:
    meters, known = begun(named("a")), named("a")
    meters.count(after(first_token=0.3))
    asked = Bounds(first_tokens=(0.35,), durations=(2.0,))
    moved = [d.model_copy(update={"bounds": asked}) for d in known.destinations]
    meters.follow(known.model_copy(update={"destinations": tuple(moved)}), 1)
    meters.count(after(first_token=0.3))
    assert told(meters, "tidegate_time_to_first_token_seconds_bucket", le="0.35") == 1, "what was before is not known"
    assert told(meters, "tidegate_time_to_first_token_seconds_bucket", le="0.4") == 2
    assert told(meters, "tidegate_request_duration_seconds_bucket", le="2.0") == 2


def test_a_request_that_moved_on_is_the_first_ones_error_and_the_last_ones_tokens() -> None:
    meters = begun(named("a", "b"))
    meters.count(after(first="a.r1", destination="b.r1"))
    assert told(meters, "tidegate_requests_total", outcome="error") == 1
    assert told(meters, "tidegate_requests_total", backend="b", outcome="ok") == 0
    assert told(meters, "tidegate_tokens_total", backend="b", type="completion") == 5
    assert told(meters, "tidegate_tokens_total", type="completion") is None
    assert told(meters, "tidegate_fallbacks_total", answered_by="b") == 1
    for name in ("a", "b"):
        assert told(meters, "tidegate_request_duration_seconds_count", backend=name) == 0
        assert told(meters, "tidegate_time_to_first_token_seconds_count", backend=name) == 0


def test_a_request_that_moved_on_because_of_its_length_is_the_clients() -> None:
    meters = begun(named("a", "b"))
    meters.count(after(first="a.r1", destination="b.r1", too_long=True))
    assert told(meters, "tidegate_requests_total", outcome="error") == 0
    assert told(meters, "tidegate_requests_total", outcome="client_error") == 1
    assert told(meters, "tidegate_fallbacks_total", answered_by="b") == 1


def test_a_request_that_nobody_answered() -> None:
    meters = begun(named("a"))
    meters.count(after(first="a.r1", destination="end:main", status=503))
    assert told(meters, "tidegate_requests_total", outcome="error") == 1
    assert told(meters, "tidegate_fallbacks_total", answered_by="") == 1


def test_an_answer_that_was_waited_for_and_did_not_come_is_nobodys_error_and_time() -> None:
    meters = begun(named("a"))
    meters.count(after(first=CACHED, destination="a.r1"))
    meters.count(after(first=CACHED, destination=CACHED))
    assert told(meters, "tidegate_requests_total", backend="a", outcome="ok") == 1
    assert told(meters, "tidegate_requests_total", backend="a", outcome="error") == 0
    assert told(meters, "tidegate_requests_total", model="", backend="", revision="", outcome="ok") == 1
    assert told(meters, "tidegate_fallbacks_total", answered_by="a") is None
    assert told(meters, "tidegate_request_duration_seconds_count", backend="a") == 0


def test_a_request_that_stayed() -> None:
    meters = begun(named("a"))
    meters.count(after(first="a.r1"))
    assert told(meters, "tidegate_requests_total", outcome="ok") == 1
    assert told(meters, "tidegate_fallbacks_total", answered_by="a") is None
