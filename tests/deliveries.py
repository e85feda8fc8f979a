"""Deliveries as Gitea signs them, for tests to send."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from uuid import uuid4


def a_push(
    id_: int = 7, name: str = "thinkube-deployments/chat", ref: str = "refs/heads/main"
) -> dict[str, Any]:
    """What is delivered after a push, as far as it matters, and a little more."""
    return {
        "ref": ref,
        "before": "0" * 40,
        "after": "1" * 40,
        "commits": [],
        "repository": {"id": id_, "full_name": name, "private": True},
    }


def signed(content: object, secret: str, **headers: str) -> tuple[bytes, dict[str, str]]:
    """Return a body and its headers."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    told = {
        "content-type": "application/json",
        "x-gitea-event": "push",
        "x-gitea-delivery": str(uuid4()),
        "x-gitea-signature": signature,
    }
    return body, {**told, **headers}
