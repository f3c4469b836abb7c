"""Valid custom resources for hypothesis, over the whole breadth of the API."""

from __future__ import annotations

from math import prod
from typing import Any

from hypothesis import strategies as st

from tests.support.builders import model, policy
from tidegate.api.values import amount
from tidegate.names import MAX_GROUP_NAME

Drawn = st.SearchStrategy[dict[str, Any]]

NAMES = st.sampled_from(["a", "llama", "llama-3-8b", "x" * 45, "m-0"])
SHORT = st.sampled_from(["one", "two", "three", "four"])
QUANTITIES = st.sampled_from(["64Mi", "1Gi", "0.5Gi", "1500M", "1Ti", "1073741824"])
CPUS = st.sampled_from(["1", "500m", "0.5", "8"])
SECRET = st.just({"name": "secret", "key": "key"})


def optional(**fields: st.SearchStrategy[Any]) -> Drawn:
    """A map that has any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


STORAGE = st.one_of(
    st.builds(lambda size, retain: {"claim": {"size": size, "retention": {"whenDeleted": retain}}}, QUANTITIES, st.sampled_from(["Retain", "Delete"])),
    st.just({"existingClaim": {"claimName": "cache"}}),
    st.just({"ephemeral": {}}),
)  # fmt: skip
ADAPTERS = st.lists(
    st.builds(
        lambda name, uri: {"name": name, "uri": uri},
        SHORT,
        st.sampled_from(["hf://acme/lora", "hf://acme/lora@v1", "pvc://weights/lora", "pvc://other"]),
    ),
    max_size=3,
    unique_by=lambda adapter: str(adapter["name"]),
)
SOURCES: Drawn = st.one_of(
    st.builds(
        lambda uri, more: {"uri": uri, **more},
        st.sampled_from(["hf://acme/llama", "hf://acme/llama@v1"]),
        optional(storage=STORAGE, credentialsSecretRef=SECRET, adapters=ADAPTERS, servedNames=st.just(["llama", "l2"])),
    ),
    st.builds(lambda more: {"uri": "pvc://weights/llama", **more}, optional(adapters=ADAPTERS)),
    st.builds(
        lambda uri, more: {"uri": uri, **more},
        st.sampled_from(["s3://bucket/llama", "gs://bucket"]),
        optional(credentialsSecretRef=SECRET, adapters=ADAPTERS),
    ),
    st.builds(lambda more: {"uri": "oci://registry/llama:1", **more}, optional(adapters=ADAPTERS)),
)
RESOURCES_GIVEN = optional(requests=optional(cpu=CPUS, memory=QUANTITIES), limits=optional(cpu=CPUS, memory=QUANTITIES))
RESOURCES = RESOURCES_GIVEN.filter(
    lambda given: all(
        amount(value) <= amount(given.get("limits", {}).get(kind, value))
        for kind, value in given.get("requests", {}).items()
    )
)
PATCHES = st.sampled_from(
    [
        {},
        {"spec": {"hostIPC": True}},
        {"metadata": {"annotations": {"a": "b"}}},
        {
            "spec": {
                "containers": [{"name": "engine", "imagePullPolicy": "Always"}, {"name": "log", "image": "busybox"}]
            }
        },
    ]
)
PARALLEL: Drawn = st.one_of(
    st.just({"gpus": {"count": 0}}),
    st.builds(lambda count: {"gpus": {"count": count}}, st.integers(1, 8)),
    st.builds(
        lambda count, times, pipeline: {
            "gpus": {"count": count},
            "parallelism": {"tensor": count * times, "pipeline": pipeline},
        },
        st.integers(1, 8),
        st.integers(1, 3),
        st.integers(1, 2),
    ),
    st.builds(
        lambda tensor, data, expert: {
            "gpus": {"count": tensor * data},
            "parallelism": {"tensor": tensor, "data": data, "expert": expert},
        },
        st.integers(1, 4),
        st.integers(2, 8),
        st.booleans(),
    ),
)


BELOW_MEMORY: Drawn = st.sampled_from(
    [{}, {"disk": {"size": "2Pi"}}, {"shared": {"cacheTierRef": {"name": "kv"}, "weightsVersion": "1"}}]
)


def _sized(engine: dict[str, Any]) -> dict[str, Any]:
    """What was drawn and does not go together is left out: offloading without GPUs, tiers below memory in a group of Pods, and shared memory
    that is too small for what is offloaded."""
    spread, gpus = engine.get("parallelism", {}), engine["gpus"]["count"]
    pods = prod(spread.get(axis, 1) for axis in ("tensor", "pipeline", "data")) // gpus if spread else 1
    if not gpus:
        engine.pop("kvOffload", None)
    if offload := engine.get("kvOffload"):
        if pods > 1:
            engine["kvOffload"] = offload = {"hostMemory": offload["hostMemory"]}
        if amount(engine.get("sharedMemory", "1Pi")) < max(2, pods) * amount(offload["hostMemory"]):
            engine.pop("sharedMemory", None)
    return engine


ENGINES: Drawn = st.builds(
    lambda parallel, more: _sized(parallel | more),
    PARALLEL,
    optional(
        image=st.just("registry/vllm:1"),
        imagePullSecrets=st.just([{"name": "registry"}]),
        serviceAccountName=st.just("reader"),
        resources=RESOURCES,
        sharedMemory=QUANTITIES,
        maxModelLen=st.integers(1, 10**6),
        maxNumSeqs=st.integers(1, 65536),
        maxWaitingRequests=st.integers(0, 1000),
        gpuMemoryUtilization=st.sampled_from(["90%", "0.5%", "100%"]),
        dtype=st.sampled_from(["auto", "bfloat16", "float", "float16", "float32", "half"]),
        quantization=st.just("fp8"),
        kvOffload=st.builds(lambda q, below: {"hostMemory": q, **below}, QUANTITIES, BELOW_MEMORY),
        args=st.just(["--enable-chunked-prefill"]),
        env=st.just([{"name": "A", "value": "b"}, {"name": "USER", "value": "me"}]),
        startupTimeout=st.sampled_from(["30s", "20m", "1h30m"]),
        scheduling=optional(nodeSelector=st.just({"gpu": "l4"}), tolerations=st.just([{"operator": "Exists"}])),
        podMetadata=optional(labels=st.just({"team": "a"}), annotations=st.just({"note": ""})),
        podTemplatePatch=PATCHES,
    ),
)


def _fitting(name: str, engine: dict[str, Any]) -> str:
    """Groups of Pods allow shorter names only."""
    return name[:MAX_GROUP_NAME] if "parallelism" in engine else name


def models(names: st.SearchStrategy[str] = NAMES) -> Drawn:
    """ModelDeployments."""
    return st.builds(
        lambda name, source, engine, spec: model(_fitting(name, engine), source=source, engine=engine, **spec),
        names,
        SOURCES,
        ENGINES,
        optional(
            replicas=st.integers(0, 3),
            drain=st.builds(lambda t: {"timeout": t}, st.sampled_from(["15s", "10m", "24h"])),
        ),
    )


WEIGHTED = st.builds(
    lambda name, more: {"name": name, **more},
    st.sampled_from(["to-a", "to-b", "to-c"]),
    optional(weight=st.integers(1, 9), adapter=st.sampled_from(["one", "two"])),
)
TARGETS = st.lists(WEIGHTED, min_size=1, max_size=3, unique_by=lambda entry: str(entry["name"]))


def policies() -> Drawn:
    """RoutingPolicies over the models a, b and c."""
    routes = st.lists(TARGETS, min_size=1, max_size=3).map(
        lambda targets: [
            {"name": f"r{i}", "models": [f"m{i}"], "to": {"backends": backends}} for i, backends in enumerate(targets)
        ]
    )
    return st.builds(
        lambda name, routes, spec: policy(name, ("a", "b", "c"), routes=routes, **spec),
        NAMES,
        routes,
        optional(
            router=optional(
                replicas=st.integers(1, 3),
                resources=RESOURCES,
                brain=optional(resources=RESOURCES),
                imagePullSecrets=st.just([{"name": "registry"}]),
                scheduling=optional(nodeSelector=st.just({"zone": "edge"})),
                podMetadata=optional(labels=st.just({"team": "a"})),
            ),
            retry=optional(attempts=st.integers(0, 10), backoff=st.just("50ms")),
            timeouts=optional(request=st.just("0s"), idle=st.just("1m")),
        ),
    )
