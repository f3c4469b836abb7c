"""From the store and the samples to the world that a pass may see. Nothing is asked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tidegate import names
from tidegate.control.keys import owner_key, policies_beyond, policies_naming
from tidegate.control.store import Store
from tidegate.control.terms import kv_tier_of, models_of, orphans_of, pods_of, scaling, tiers_of, using
from tidegate.plan.containers import policy_beside
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.samples import Samples
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.gaps import Gap
from tidegate.plan.scaling.hung import Hung, Load
from tidegate.plan.scaling.prefixes import Rates
from tidegate.plan.world import CacheWorld, Capabilities, Defaults, ModelWorld, RouterWorld


@dataclass
class Gatherer:
    """What is known; `capabilities` changes when kinds come and go."""

    store: Store
    samples: Callable[[ObjectKey], Samples]
    defaults: Defaults
    new_password: Callable[[], str]
    capabilities: Capabilities = field(default_factory=Capabilities)
    scrape: float | None = None
    """Seconds between two scrapes of a router; None without a Prometheus."""
    scaled: Callable[[ObjectKey], Decision | None] = lambda _: None
    """How many engines a model should have by what they do."""
    hung: Callable[[ObjectKey], tuple[Hung, ...] | None] = lambda _: None
    """Engines of a model that hang; None while nobody reads them."""
    gaps: Callable[[ObjectKey], tuple[Gap, ...] | None] = lambda _: None
    """What a model should be decided by and cannot be; None before the first look."""
    loads: Callable[[ObjectKey], Mapping[str, Load]] = lambda _: {}
    """What its engines have under way."""
    rates: Callable[[ObjectKey], Rates | None] = lambda _: None
    """What its engines find in their prefix caches."""
    prometheus: str = ""
    """Where Prometheus is."""
    serves_metrics: bool = False
    """Whether this operator serves external metrics."""

    def model(self, owner: Manifest) -> ModelWorld:
        """Around a ModelDeployment."""
        key = ObjectKey.of(owner)
        policies = policies_naming(self.store, key)
        return ModelWorld(
            owner=owner,
            defaults=self.defaults,
            capabilities=self.capabilities,
            children=self._children(owner),
            pods=self.store.find(pods_of(key)),
            policies=policies,
            beyond=policies_beyond(self.store, key),
            routers=tuple(pod for policy in policies for pod in self.store.find(pods_of(ObjectKey.of(policy)))),
            beside=self._beside(owner),
            samples=self.samples(key),
            scrape=self.scrape,
            scaled=self.scaled(key),
            hung=self.hung(key),
            gaps=self.gaps(key),
            loads=self.loads(key),
            rates=self.rates(key),
            tier=self._tier(owner["metadata"]["namespace"], kv_tier_of(owner)),
            prometheus=self.prometheus,
            serves_metrics=self.serves_metrics,
        )

    def router(self, owner: Manifest) -> RouterWorld:
        """Around a RoutingPolicy."""
        key = ObjectKey.of(owner)
        return RouterWorld(
            owner=owner,
            defaults=self.defaults,
            children=self._children(owner),
            pods=self.store.find(pods_of(key)),
            models=self._models(owner),
            tiers=self._tiers(owner),
            samples=self.samples(key),
            capabilities=self.capabilities,
            scrape=self.scrape,
            scalers=self.store.find(scaling(_routers(key))),
        )

    def cache(self, owner: Manifest) -> CacheWorld:
        """Around a CacheTier."""
        key = ObjectKey.of(owner)
        return CacheWorld(
            owner=owner,
            defaults=self.defaults,
            children=self._children(owner),
            pods=self.store.find(pods_of(key)),
            samples=self.samples(key),
            policies=self.store.find(using(key)),
            new_password=self.new_password(),
        )

    def _children(self, owner: Manifest) -> tuple[Manifest, ...]:
        """What it controls, and what an object of its name left behind."""
        return (*self.store.children(owner["metadata"]["uid"]), *self.store.find(orphans_of(ObjectKey.of(owner))))

    def _beside(self, model: Manifest) -> Manifest | None:
        """The policy that it names for a router in its Pods, if there is one."""
        name = policy_beside(model)
        return self.store.get(owner_key(names.ROUTING_POLICY, model["metadata"]["namespace"], name)) if name else None

    def _tiers(self, policy: Manifest) -> dict[str, Manifest]:
        """Those that it names, and that there are."""
        named = {name: self._tier(policy["metadata"]["namespace"], name) for name in tiers_of(policy)}
        return {name: tier for name, tier in named.items() if tier}

    def _tier(self, namespace: str, name: str) -> Manifest | None:
        return self.store.get(owner_key(names.CACHE_TIER, namespace, name)) if name else None

    def _models(self, policy: Manifest) -> dict[str, Manifest]:
        """Those that it names, and that there are."""
        namespace = policy["metadata"]["namespace"]
        named = {name: self.store.get(owner_key(names.MODEL_DEPLOYMENT, namespace, name)) for name in models_of(policy)}
        return {name: model for name, model in named.items() if model}


def _routers(policy: ObjectKey) -> ObjectKey:
    """The Deployment of a policy's routers."""
    return ObjectKey("apps/v1", "Deployment", policy.namespace, names.router(policy.name))
