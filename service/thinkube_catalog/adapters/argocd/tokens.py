"""Tokens of Argo CD as far as they tell of themselves; nothing here is checked to be genuine."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError


class Claims(BaseModel):
    """Whose a token is, and until when."""

    sub: str = ""
    jti: str = ""
    iat: int = 0
    exp: int = 0

    def days_left(self, now: datetime) -> float | None:
        """Return how long it is good; None: for ever."""
        if not self.exp:
            return None
        return (datetime.fromtimestamp(self.exp, UTC) - now).total_seconds() / 86400

    @property
    def until(self) -> str:
        return datetime.fromtimestamp(self.exp, UTC).date().isoformat()


def read_claims(token: str) -> Claims | None:
    """Return what a token says of itself; None if it is none that says anything."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 (header, claims, signature: RFC 7519)
        return None
    try:
        text = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return Claims.model_validate(json.loads(text))
    except (binascii.Error, ValueError, ValidationError):
        return None
