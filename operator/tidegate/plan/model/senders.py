"""What the routers of all policies send to a revision on trial, and who is waited for.

a policy                                                 is waited for
------------------------------------------------------   ------------------------------------------------------------
has no router that is ready                              no: nobody asks by it, and its routers begin with the newest share
has nothing to do with the model (RouterView.apart)      no
any other                                                until all of its routers send the share
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidegate.plan.model.facts import RouterView

TAKING: Final = "routers are taking its share"
NOBODY: Final = "no RoutingPolicy leads to this model: nobody can give it a share of the requests"


def sent(views: Sequence[RouterView], revision: str) -> int | None:
    """Percent that every router sends it; 0 when nobody asks, None while they differ or do not say."""
    shares = {view.sent(revision) for view in views if _asks(view)} or {0}
    return shares.pop() if len(shares) == 1 else None


def waits_for(views: Sequence[RouterView], revision: str, share: int) -> str:
    """For people: what a revision waits for that is not sent its share."""
    asking = [view for view in views if _asks(view)]
    if not asking:
        return _nobody([view.policy for view in views if not view.apart])
    late = sorted(view.policy for view in asking if view.sent(revision) != share)
    return TAKING if len(asking) == 1 else f"routers of {', '.join(late)} are taking its share"


def _asks(view: RouterView) -> bool:
    """The table."""
    return not view.apart and view.live + view.behind + view.silent > 0


def _nobody(policies: Sequence[str]) -> str:
    return f"no router of {', '.join(sorted(policies))} is ready: nobody asks for the model" if policies else NOBODY
