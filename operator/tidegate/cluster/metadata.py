"""What a sweep reads of an object. pydantic skips the rest while it parses: of a list of metadata, nine tenths are about who
owns which field, and Python objects made of them would be most of what a sweep costs.

https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
"""

from __future__ import annotations

from pydantic import BaseModel, Field


class ListedObject(BaseModel):
    """Which object, and which version of it."""

    namespace: str
    name: str
    uid: str
    resource_version: int = Field(alias="resourceVersion")
    """Versions of one kind grow and may be compared (KEP-5504)."""


class PartialObjectMetadata(BaseModel):
    """An object without spec and status."""

    metadata: ListedObject


class PartialObjectMetadataList(BaseModel):
    """Objects of one kind."""

    items: list[PartialObjectMetadata] | None
    """None where there is none."""

    @classmethod
    def of(cls, text: bytes) -> list[ListedObject]:
        """The metadata in an answer of the API server. Raises ValidationError."""
        return [item.metadata for item in cls.model_validate_json(text).items or ()]
