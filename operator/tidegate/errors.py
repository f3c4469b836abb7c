"""Every error that Tidegate raises on purpose; the class says what the reconciler does about it.

TidegateError
├── Retry                 passes by itself: the key is tried again with back-off
│   ├── Conflict          somebody wrote first: gather again, plan again
│   │   └── NotFound      the object, its namespace or its kind is not there (cluster/client.py)
│   └── Unavailable       the API server, an engine or a store did not answer
└── Stall                 waits for a person: Stalled=True with `reason`, tried again when an input changes
    ├── InvalidManifest   the object cannot be read as the API describes it
    ├── NotOurs           an object with the name of one of our children belongs to somebody else
    ├── Overridden        something changes what we write whenever we write it
    ├── EngineTooOld      its image is older than what the model asks for (plan/model/decision.py)
    ├── MissingKind       the cluster lacks a kind that the model needs (plan/model/decision.py)
    ├── StatusRefused     the API server does not take a status (control/reconcile.py)
    └── Refused           the API server will not take what we write (cluster/client.py)
        └── Invalid       ... because it would not be valid
"""


class TidegateError(Exception):
    """Base of the tree. `reason` is CamelCase and becomes the condition's reason."""

    reason = "Error"


class Retry(TidegateError):
    """The pass failed for a cause that passes by itself."""

    reason = "Retrying"


class Conflict(Retry):
    """The object changed, or was replaced, between reading and writing."""

    reason = "Conflict"


class Unavailable(Retry):
    """Something that we depend on did not answer."""

    reason = "Unavailable"


class Stall(TidegateError):
    """Only a change of an input helps; the message says which."""

    reason = "Stalled"


class InvalidManifest(Stall):
    """The manifest breaks a rule of the API. `problems` holds (field, message) pairs."""

    reason = "InvalidSpec"

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{field}: {message}" if field else message for field, message in problems))


class NotOurs(Stall):
    """An object with one of our names exists and is controlled by somebody else, or by nobody."""

    reason = "NameTaken"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"{kind} {name!r} exists and does not belong to this object; rename or delete it, or rename this object"
        )


class Overridden(Stall):
    """Something in the cluster, an admission webhook or policy, changes what we write as it is written."""

    reason = "ChangedByOthers"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"{kind} {name!r} is changed by something else whenever it is written, an admission webhook or policy; exempt it there"
        )
