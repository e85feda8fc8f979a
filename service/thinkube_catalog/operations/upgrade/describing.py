"""What a proposal tells people: which release, what is in conflict, what its changelog says.

What a template says is shown as it is and does nothing: it was written for another repository,
where its names and numbers are other people and other issues.
"""

from __future__ import annotations

import re

from thinkube_catalog.operations.upgrade.values import UpgradePlan, name_of

_JOINER = "\u2060"
"""No width and no sense: what it parts reads as before, and is a reference no longer."""
_REFERENCE = re.compile(r"@(?=[\w-])|[#!](?=\d)|/(?:issues|pulls?)/(?=\d)|\[(?=\w+ \w+\])")
_TICKS = re.compile("`+")


def description(planned: UpgradePlan) -> str:
    """Return the text of a proposal, as Markdown.

    Nothing in it mentions a person, or refers to an issue, in any forge: neither here nor in the
    message of a commit that a person makes of it, where a forge reads no Markdown.
    """
    old, new = (name_of(each.release) for each in (planned.before, planned.deployment))
    template, name = planned.before.template, planned.before.name
    said = f"Upgrade {_code(template)} from {_code(old)} to {_code(new)}"
    parts = [f"{said}, proposed by Thinkube Catalog for {_code(name)}."]
    if planned.conflicts:
        listed = "\n".join(f"- {_code(each.path)}: {each.kind}" for each in planned.conflicts)
        parts.append(f"These files are in conflict and have to be settled first:\n\n{listed}")
    parts += [f"## {version}\n\n{_block(text)}" for version, text in planned.notes.items() if text]
    return "\n\n".join(parts)


def _code(text: str) -> str:
    ticks = _longer_than(text)
    inner = f" {text} " if text.startswith("`") or text.endswith("`") else text
    return f"{ticks}{_inert(inner)}{ticks}"


def _block(text: str) -> str:
    fence = _longer_than(text).rjust(3, "`")
    return f"{fence}markdown\n{_inert(text)}\n{fence}"


def _longer_than(text: str) -> str:
    return "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))


def _inert(text: str) -> str:
    return _REFERENCE.sub(lambda found: found[0] + _JOINER, text)
