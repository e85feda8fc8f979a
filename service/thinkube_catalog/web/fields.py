"""The fields of a form as a browser sends them, forged forms refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.web.security import CSRF_FIELD, check_token

MOST_FIELDS = 5000
FORM_TYPE = "application/x-www-form-urlencoded"


class FormUnreadableError(InvalidError):
    def __init__(self, reason: str) -> None:
        super().__init__("the form cannot be read", [Problem(reason)])


class Fields:
    """Names and values in the order in which they were sent; a name may come several times."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = list(pairs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def get(self, name: str, default: str = "") -> str:
        """Return the last value of that name."""
        return next((value for key, value in reversed(self._pairs) if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def below(self, prefix: str) -> dict[str, list[str]]:
        """Return the values by what follows the prefix in their names."""
        found: dict[str, list[str]] = {}
        for key, value in self._pairs:
            if key.startswith(prefix):
                found.setdefault(key.removeprefix(prefix), []).append(value)
        return found


async def read_form(request: Request) -> Fields:
    """Read a form. Raises ForgedRequestError, FormUnreadableError."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != FORM_TYPE:
        raise FormUnreadableError(f"a form is sent as {FORM_TYPE}")
    body = await request.body()
    try:
        text = body.decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise FormUnreadableError("it has too many fields, or is not UTF-8") from error
    # Browsers send line ends as CR LF; answers have LF.
    fields = Fields([(name, value.replace("\r\n", "\n")) for name, value in pairs])
    check_token(request, fields.get(CSRF_FIELD))
    return fields


SentFields = Annotated[Fields, Depends(read_form)]
