"""Names that more than one part must agree on: API group, labels, annotations, headers, ports, and every child's name.

Names of custom resources are at most 45 characters (a CEL rule), so that every name made here fits Kubernetes' 63.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

GROUP: Final = "tidegate.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
FIELD_MANAGER: Final = "tidegate"
MAX_NAME: Final = 45
MAX_GROUP_NAME: Final = 38
"""Where a LeaderWorkerSet is made: `<model>-<8>-<group>` is a StatefulSet, whose revision label adds 11 characters more."""

MODEL_DEPLOYMENT: Final = "ModelDeployment"
ROUTING_POLICY: Final = "RoutingPolicy"
CACHE_TIER: Final = "CacheTier"
PLURALS: Final = {
    MODEL_DEPLOYMENT: "modeldeployments",
    ROUTING_POLICY: "routingpolicies",
    CACHE_TIER: "cachetiers",
}

# labels that we put on children
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "tidegate"
MODEL_LABEL: Final = f"{GROUP}/model"
REVISION_LABEL: Final = f"{GROUP}/revision"
ROLE_LABEL: Final = f"{GROUP}/role"
POLICY_LABEL: Final = f"{GROUP}/policy"
CACHE_LABEL: Final = f"{GROUP}/cache"
CLAIM_LABEL: Final = f"{GROUP}/claim"
"""On Pods that share a ReadWriteOnce claim, which keeps them on one node."""

ROLE_ENGINE: Final = "engine"
ROLE_WORKER: Final = "engine-worker"
ROLE_ROUTER: Final = "router"
ROLE_STORE: Final = "store"
ROLE_SWEEPER: Final = "kv-sweeper"

# annotations on the ControllerRevision that keeps a revision's rendered Pod template
OPERATOR_VERSION_ANNOTATION: Final = f"{GROUP}/rendered-by"

# annotations that people write on our objects
MAKE_ROOM_ANNOTATION: Final = f"{GROUP}/make-room"
"""On a ModelDeployment: the revision for which all older ones go at once, whether they serve or not."""

# headers of the data plane
INTERNAL_PREFIX: Final = "x-tidegate-in-"
"""What one of our filters tells the next. Whatever comes from outside under these names is dropped whole, so that every other
x-tidegate- header is free for clients."""
MODEL_HEADER: Final = f"{INTERNAL_PREFIX}model"
"""The public model of a request."""
SPLICE_HEADER: Final = f"{INTERNAL_PREFIX}splice"
"""Where the model's name stands in the body, as `first-last/length of the body`."""
DRAINING_HEADER: Final = f"{INTERNAL_PREFIX}draining"
"""Set on the answer of an engine that is shutting down; makes the router try another one."""
DECIDED_HEADER: Final = f"{INTERNAL_PREFIX}route"
"""The route that a decision chose."""
HOLD_HEADER: Final = f"{INTERNAL_PREFIX}hold"
"""Tells the brain that a request has no engine, and would wait for one."""
LET_GO_HEADER: Final = f"{INTERNAL_PREFIX}let-go"
"""The route on which a request goes on that waited for an engine."""
OWN_HEADER: Final = f"{INTERNAL_PREFIX}own"
"""The path of a request that the router answers itself."""
LARGE_HEADER: Final = f"{INTERNAL_PREFIX}large"
"""Set on a request whose body was dropped because it is too large."""
PREFIX_HEADER: Final = f"{INTERNAL_PREFIX}prefix"
"""A number for what a request's prompt begins with."""
CLIENT_HEADER: Final = f"{INTERNAL_PREFIX}client"
"""The client's id, of a token that was verified."""
FIRST_HEADER: Final = f"{INTERNAL_PREFIX}first"
"""The destination that the weights chose, whoever answers."""
ASK_HEADER: Final = f"{INTERNAL_PREFIX}ask"
"""Who asks for how much: from Envoy to the brain, where a policy has limits."""
RESERVED_HEADER: Final = f"{INTERNAL_PREFIX}reserved"
"""What limits have reserved: from the brain to Envoy, for the request's record."""
ALLOWANCE_HEADER: Final = f"{INTERNAL_PREFIX}allowance"
"""What passes limits without a question for a while: from the brain to Envoy's native filters."""
LONGER_HEADER: Final = f"{INTERNAL_PREFIX}longer"
"""Set where an answer says that the request's context is too long for the model: on it, and on the request until the next attempt."""
REFUSED_HEADER: Final = f"{INTERNAL_PREFIX}refused"
"""Set on the answer of a provider that does not take our key."""
CACHE_HEADER: Final = f"{INTERNAL_PREFIX}cache"
"""Asks the brain for an answer that is kept, and says for which route and client."""
CACHED_HEADER: Final = f"{INTERNAL_PREFIX}cached"
"""The route of a request to which the brain itself gives an answer that is kept."""
TICKET_HEADER: Final = f"{INTERNAL_PREFIX}ticket"
"""By which the brain knows a request again: the answer that it gives, or that an engine gives and the brain keeps."""
LEASE_HEADER: Final = f"{INTERNAL_PREFIX}lease"
"""For how long an answer that is kept may be given again without asking the brain (brain/cache/leases.py)."""
INTERNAL_HEADERS: Final = (
    MODEL_HEADER,
    SPLICE_HEADER,
    DRAINING_HEADER,
    DECIDED_HEADER,
    HOLD_HEADER,
    LET_GO_HEADER,
    OWN_HEADER,
    LARGE_HEADER,
    PREFIX_HEADER,
    FIRST_HEADER,
    CLIENT_HEADER,
    LONGER_HEADER,
    REFUSED_HEADER,
    CACHE_HEADER,
    CACHED_HEADER,
    TICKET_HEADER,
    LEASE_HEADER,
)
BACKEND_HEADER: Final = "x-tidegate-backend"
REVISION_HEADER: Final = "x-tidegate-revision"
ROUTE_HEADER: Final = "x-tidegate-decision"
ATTEMPTS_HEADER: Final = "x-tidegate-attempts"
"""How many engines were asked until one answered."""
FROM_CACHE_HEADER: Final = "x-tidegate-cache"
"""From where an answer is: `miss`, `hit-memory`, `hit-exact`, `hit-semantic`; of a request, how it wants to be treated."""
SIMILARITY_HEADER: Final = "x-tidegate-cache-similarity"
"""How similar the question was whose answer is given, 0 to 1."""
DRAIN_HEADER: Final = "x-tidegate-drain"
"""What kubelet shows to a brain, so that nobody else in the cluster can take a router out of service."""

# where servers listen
ANY_ADDRESS: Final = "::"
"""Every address of both families. A kernel without IPv6 needs 0.0.0.0 instead."""
BIND_VARIABLE: Final = "TIDEGATE_BIND_ADDRESS"

# ports
ENGINE_PORT: Final = 8000
ROUTER_PORT: Final = 8080
ROUTER_PORT_NAME: Final = "router"
"""Of a router's port in an engine's Pod, where the engine's is called `http`."""
PROBE_PORT: Final = 8081
"""Of a router's Envoy, for kubelet."""
BRAIN_PORT: Final = 9092
STORE_PORT: Final = 6379
OPERATOR_HEALTH_PORT: Final = 8080

# external metrics, for HorizontalPodAutoscalers
METRICS_PORT: Final = 8443
METRICS_SERVICE: Final = "tidegate-metrics"
DESIRED_METRIC: Final = "tidegate-desired-replicas"
SIGNAL_METRIC: Final = "tidegate-signal"

# what the operator tells people
OPERATOR_LEASE: Final = "tidegate-operator"
"""Says which of its Pods acts."""
SCALING_PATH: Final = "/debug/scaling"
"""Of the health port; NAMESPACE/NAME follows."""

# the native filters
MODULES_VARIABLE: Final = "ENVOY_DYNAMIC_MODULES_SEARCH_PATH"
"""Names the folder from which Envoy loads lib<module>.so."""

# folders
RUN_DIR: Final = "/run/tidegate"
"""Of a router Pod: what Envoy and its brain share."""

# containers
ENGINE_CONTAINER: Final = "engine"
ENVOY_CONTAINER: Final = "envoy"
BRAIN_CONTAINER: Final = "brain"
STORE_CONTAINER: Final = "valkey"
SWEEPER_CONTAINER: Final = "sweeper"

ROUTER_CONFIG_KEY: Final = "router.json"
AVOIDED_KEY: Final = "avoided.json"
"""Beside it: addresses of engines that hang. They are no configuration: what changes is who answers, as when an engine leaves."""
STORE_PASSWORD_KEY: Final = "password"  # noqa: S105 - the key of a Secret, not a secret


def short_hash(text: str, length: int = 8) -> str:
    """The first `length` hex digits of the SHA-256 of `text`: enough to tell the revisions of one object apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def revision_name(model: str, revision: str) -> str:
    """The Deployment or LeaderWorkerSet, the PodDisruptionBudget and the ControllerRevision of one revision."""
    return f"{model}-{revision}"


def engines_service(model: str, revision: str, workload_kind: str) -> str:
    """The headless Service of one revision's engines. A LeaderWorkerSet's controller makes a Service under the set's own name,
    by which the Pods of a group find each other before they are ready: ours has another one there."""
    name = revision_name(model, revision)
    return f"{name}-leaders" if workload_kind == "LeaderWorkerSet" else name


def model_service(model: str) -> str:
    """The stable Service of a model, whatever its revision."""
    return model


def engine_account(model: str) -> str:
    """The ServiceAccount without rights under which a model's engines run by default."""
    return f"{model}-engine"


def weights_claim(model: str) -> str:
    """The claim that keeps downloaded weights."""
    return f"{model}-weights"


def scaling_memory(model: str) -> str:
    """The ConfigMap with what came yesterday."""
    return f"{model}-scaling"


def autoscaler(model: str) -> str:
    """The HorizontalPodAutoscaler or ScaledObject of a model whose provider is another one than the operator."""
    return model


def pod_monitor(model: str) -> str:
    """The PodMonitor of all of a model's engines."""
    return f"{model}-engine"


def drain_key(uid: str) -> str:
    """The value of DRAIN_HEADER for the routers of the policy with this uid."""
    return short_hash(f"drain {uid}", 32)


def router(policy: str) -> str:
    """Every child of a policy: Deployment, Service, ConfigMap, ServiceAccount, Role, RoleBinding, PodDisruptionBudget, PodMonitor."""
    return f"{policy}-router"


def store(tier: str) -> str:
    """Every child of a managed store: StatefulSet, Service, Secret, NetworkPolicy."""
    return f"{tier}-store"


def store_address(tier: str, namespace: str) -> str:
    """Host and port of a managed store."""
    return f"{store(tier)}.{namespace}.svc:{STORE_PORT}"


def kv_tier(tier: str) -> str:
    """What a tier has for KV blocks: a claim, and the Deployment that keeps it within its size."""
    return f"{tier}-kv"


def store_claim(tier: str) -> str:
    """The claim that a StatefulSet makes from its template `data` for its first Pod."""
    return f"data-{store(tier)}-0"


def api_server_url(environment: Mapping[str, str]) -> str:
    """Where a Pod finds the API server: by address, because a name needs DNS to work. Raises KeyError outside of Pods.

    https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
