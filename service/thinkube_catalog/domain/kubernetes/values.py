"""Names and values that an environment cannot hold, found before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.documents.document import shown, unusable_character
from thinkube_catalog.domain.environment import ApplicationContext, container_environment
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.kubernetes.names import cluster_address

_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


def value_problems(descriptor: Descriptor, context: ApplicationContext) -> list[Problem]:
    """Name every text and variable that no container or file could be given, once."""
    address = cluster_address(descriptor, context)
    found = {
        (each.name, each.value or "")
        for container in descriptor.containers
        for each in container_environment(descriptor, container, context, address)
    }
    return [
        *_text_problems("title", context.title),
        *_text_problems("template", context.template),
        *(problem for name, value in sorted(found) for problem in _problems(name, value)),
    ]


def _problems(name: str, value: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield Problem(
            f"{shown(name)} cannot be the name of an environment variable",
            field=name,
            mend="use letters, digits and underscores, not starting with a digit",
        )
    yield from _text_problems(name, value)


def _text_problems(name: str, value: str) -> Iterator[Problem]:
    sign = unusable_character(value)
    if sign:
        yield Problem(
            f"the value of {name} holds {sign}, which no environment variable can hold",
            field=name,
            mend="remove that character",
        )
