"""Which revision a spec asks for: identity by effect, not by spelling.

the spec means                                            then it asks for
-------------------------------------------------------   ---------------------------------------------
what a live revision was made for                         that revision, whatever its name
something else, and is written as a revision of old was   that one: operators before 0.2 hashed the spelling
something else                                            a revision that is named after what it means
"""

from __future__ import annotations

import json
from collections.abc import Collection

from tidegate.names import short_hash
from tidegate.plan.model.rollout import Revision
from tidegate.plan.plan import Manifest


def newest(owner: Manifest, identity: str, recorded: Collection[Revision], kept: Collection[str]) -> str:
    """The table above; `kept` are the revisions of which there is a record."""
    for revision in recorded:
        if (revision.identity or revision.name) == identity:
            return revision.name
    spelling = as_written(owner)
    return spelling if spelling in {*kept, *(r.name for r in recorded)} else identity


def as_written(owner: Manifest) -> str:
    """The hash of spec.model and spec.engine as somebody wrote them."""
    written = {part: owner["spec"].get(part) for part in ("model", "engine")}
    return short_hash(json.dumps(written, sort_keys=True, separators=(",", ":")))
