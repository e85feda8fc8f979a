"""Secrets over the wire: a value goes in, and none ever comes out."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from thinkube_catalog.api.schemas.wire import Given, Wire


class SecretEntryPublic(Wire):
    """That a secret is stored; values are never given out."""

    key: str
    changed_at: datetime


class SecretPage(Wire):
    """What is stored, by key."""

    items: list[SecretEntryPublic]


class SecretPut(Given):
    """A secret's value."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": "hf_..."}]})

    value: str = Field(min_length=1)
