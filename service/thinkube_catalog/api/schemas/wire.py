"""What every schema stands on: fields are always there; unknown fields are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")

Json = Annotated[Any, Field(description="Any JSON value.")]


class Wire(BaseModel):
    """What the service says; made from values of the domain by their fields' names."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    @classmethod
    def of(cls, value: object) -> Self:
        """Make it from a value of the domain, or from a mapping that holds such values."""
        return cls.model_validate(value, from_attributes=True)


class Given(BaseModel):
    """What a caller says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _is_storable(cls, value: object) -> object:
        # JSON can name halves of characters, which no file and no database can hold.
        if any(map(_UNSTORABLE.search, _texts(value))):
            message = "texts may hold neither NUL nor half of a surrogate pair"
            raise ValueError(message)
        return value


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
