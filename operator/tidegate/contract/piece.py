"""What every part of the document is: camelCase on the wire, frozen, and read past what a newer operator added."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Piece(BaseModel):
    """A part of the document. Unknown fields are ignored: what must not be misread raises the document's `minReader`."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, defer_build=True
    )
