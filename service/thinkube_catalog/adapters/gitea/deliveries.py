"""What Gitea's webhooks deliver. Anybody can send anything here, so it is hostile until checked.

Which secret has signed a delivery depends on the repository that it names, so a little is read
before the signature is checked: one number, and whatever cannot be read is unsigned.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.forge import DeliveryRefusedError, Repository, check_repository
from thinkube_catalog.domain.secrets import SecretValue

LARGEST = 2 * 1024**2
"""In bytes. Pushes of very many files are longer: they are refused, and looked for."""

_LARGEST_ID = 2**63 - 1
_REMEMBERED = 1000
_MAIN = "refs/heads/main"


class Received:
    """Checks deliveries; `secrets` gives those that a repository's webhook may be signed by.

    `tested` is told of test deliveries, by repository and their own id.
    """

    def __init__(
        self,
        secrets: Callable[[int], Sequence[SecretValue]],
        tested: Callable[[int, str], None] = lambda _repository, _delivery: None,
    ) -> None:
        self._secrets = secrets
        self._tested = tested
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def push(self, headers: Mapping[str, str], body: bytes) -> Repository | None:
        """Return the repository whose `main` was pushed to; None for what is no such push.

        Raises DeliveryRefusedError unless it is signed.
        """
        content = _content(body)
        self._check(headers.get("x-gitea-signature", ""), body, content)
        delivery = headers.get("x-gitea-delivery", "")
        if self._repeated(delivery):
            return None
        if _is_test(content):
            self._tested(_id(content), delivery)
        if headers.get("x-gitea-event") != "push" or content.get("ref") != _MAIN:
            return None
        return _repository(content)

    def _check(self, signature: str, body: bytes, content: Mapping[str, Any]) -> None:
        given = signature.encode("utf-8", "surrogateescape")
        good = False
        for secret in self._secrets(_id(content)):
            wanted = hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
            good |= hmac.compare_digest(wanted.encode(), given)
        if not good:
            raise DeliveryRefusedError

    def _repeated(self, delivery: str) -> bool:
        if not delivery:
            return False
        with self._lock:
            repeated = delivery in self._seen
            self._seen[delivery] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return repeated


def _content(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST:
        raise DeliveryRefusedError
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise DeliveryRefusedError from None
    if not isinstance(content, dict):
        raise DeliveryRefusedError
    return content


def _is_test(content: Mapping[str, Any]) -> bool:
    """Say whether somebody has asked for a delivery: a push always changes something."""
    before = content.get("before")
    return isinstance(before, str) and bool(before) and before == content.get("after")


def _id(content: Mapping[str, Any]) -> int:
    repository = content.get("repository")
    found = repository.get("id") if isinstance(repository, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= _LARGEST_ID:
        raise DeliveryRefusedError
    return found


def _repository(content: Mapping[str, Any]) -> Repository | None:
    name = content["repository"].get("full_name")
    owner, _, own = name.partition("/") if isinstance(name, str) else ("", "", "")
    repository = Repository(owner, own)
    try:
        check_repository(repository)
    except InvalidError:
        return None
    return repository
