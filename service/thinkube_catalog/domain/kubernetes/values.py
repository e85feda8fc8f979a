"""Names and values that an environment cannot hold, found before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import ApplicationContext, container_environment
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.kubernetes.names import cluster_address

_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


def value_problems(descriptor: Descriptor, context: ApplicationContext) -> list[Problem]:
    """Name every variable that no container could be given, once."""
    address = cluster_address(descriptor, context)
    found = {
        (each.name, each.value or "")
        for container in descriptor.containers
        for each in container_environment(descriptor, container, context, address)
    }
    return [problem for name, value in sorted(found) for problem in _problems(name, value)]


def _problems(name: str, value: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield Problem(
            f"{name!r} cannot be the name of an environment variable",
            field=name,
            mend="use letters, digits and underscores, not starting with a digit",
        )
    if not _holdable(value):
        yield Problem(
            f"the value of {name} holds signs that no environment variable can hold",
            field=name,
            mend="remove zero bytes and broken Unicode from it",
        )


def _holdable(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
