"""Errors over the wire: the one document of all of them, and its problems."""

from __future__ import annotations

from pydantic import Field

from thinkube_catalog.api.schemas.wire import Wire


class ProblemItem(Wire):
    """One thing wrong at one place."""

    message: str = Field(description="What is wrong.")
    file: str = Field(description="The file it is in, if any.")
    line: int | None = Field(description="The line of that file, from 1.")
    field: str = Field(description="The dotted path of the field, or the question's name.")
    mend: str = Field(description="What to do about it.")


class ProblemDocument(Wire):
    """An RFC 9457 problem document; `errors` lists every single problem of the input."""

    type: str = Field(description="A stable name of the kind of error, as a relative address.")
    title: str = Field(description="The kind in words, the same for each error of this type.")
    status: int = Field(description="The HTTP status, once more.")
    detail: str = Field(description="What happened, for a person.")
    instance: str = Field(description="The address that was called, or a reference into the log.")
    errors: list[ProblemItem] = Field(description="Every problem; may be empty.")
