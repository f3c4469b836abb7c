"""How many things a spec may name, so that the status that tells of all of them has room for all of them."""

from typing import Final

SERVED_NAMES: Final = 16
"""Names of a model."""
ADAPTERS: Final = 32
"""LoRA adapters of a model."""
BACKENDS: Final = 64
"""Backends of a policy."""
ROUTES: Final = 64
"""Routes of a policy."""
ROUTE_MODELS: Final = 32
"""Public model names of a route."""
SERVED_NAME: Final = 128
"""Characters of a served or public model name."""
NAME: Final = 63
"""Characters of a name inside an object."""
SENT_REVISIONS: Final = 16
"""Revisions of a model that routers may send to at the same time."""
KEY_SECRETS: Final = 16
"""Secrets with keys of a policy's clients."""
LIMITS: Final = 16
"""Limits of a policy."""
OVERRIDES: Final = 16
"""Overrides of a limit."""
OVERRIDE_CLIENTS: Final = 32
"""Clients of an override."""
TIER_POLICIES: Final = 64
"""Policies of which a CacheTier tells."""
