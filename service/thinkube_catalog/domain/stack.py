"""ThinkubeStack: several templates that are deployed together, in the order of their needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from thinkube_catalog.domain.descriptor import Dependency, Descriptor
from thinkube_catalog.domain.documents import (
    DocumentInvalidError,
    Fields,
    FileInvalidError,
    Findings,
    Parsed,
    shown,
    survey_yaml,
)
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.naming import name_problems

KIND = "ThinkubeStack"
MOST_TEMPLATES = 50

_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class StackEntry:
    """One template of a stack. `name` becomes the deployment's name; `repo` is `owner/name`."""

    name: str
    repo: str
    params: Mapping[str, object] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ThinkubeStack:
    name: str
    templates: tuple[StackEntry, ...]
    description: str = ""
    unknown: Mapping[str, object] = field(default_factory=dict)


class StackInvalidError(FileInvalidError):
    said = "is not a usable stack"


class StackCycleError(InvalidError):
    """Templates of a stack wait for each other."""

    def __init__(self, cycle: Sequence[str]) -> None:
        circle = " → ".join([*cycle, cycle[0]])
        mend = "make one of these dependencies optional, or deploy that template by itself"
        message = f"each of these needs the next one first: {circle}"
        super().__init__("the stack has no order", [Problem(message, mend=mend)])
        self.cycle = tuple(cycle)


def parse_stack(text: str, file: str = "stack.yaml") -> Parsed[ThinkubeStack]:
    """Read a stack. Raises StackInvalidError with every problem."""
    try:
        findings = survey_yaml(text, file)
    except DocumentInvalidError as unreadable:
        raise StackInvalidError(file, unreadable.problems) from unreadable
    return findings.parsed(_read(findings), StackInvalidError)


def _read(findings: Findings) -> ThinkubeStack:
    root = findings.fields()
    root.value("apiVersion")
    kind = root.text("kind", required=True, mend=f"write  kind: {KIND}")
    if kind and kind != KIND:
        root.problem("kind", f"this is a {shown(kind)}, not a {KIND}", f"write  kind: {KIND}")
    metadata = root.fields("metadata")
    stack = ThinkubeStack(
        name=metadata.text("name", "unnamed-stack"),
        templates=_entries(root),
        description=metadata.text("description"),
        unknown=root.unknown(),
    )
    metadata.unknown(free=True)
    return stack


def _entries(root: Fields) -> tuple[StackEntry, ...]:
    entries: dict[str, StackEntry] = {}
    for item in root.items("templates"):
        entry = _entry(item)
        if entry.name in entries:
            item.problem("name", f"{entry.name} stands in the stack twice", "rename one of them")
        entries[entry.name] = entry
    if "templates" not in root or not root.value("templates"):
        mend = "list them at the top of the file, not under spec"
        root.problem("templates", "the stack has no templates", mend)
    if len(entries) > MOST_TEMPLATES:
        root.problem("templates", f"{len(entries)} templates are too many", "make several stacks")
    return tuple(entries.values())


def _entry(item: Fields) -> StackEntry:
    name = item.text("name", required=True)
    for problem in name_problems(name) if name else ():
        item.problem("name", problem.message, problem.mend)
    mend = "write owner/name, for example thinkube-templates/tkt-rag-agent"
    entry = StackEntry(
        name=name,
        repo=item.text("repo", required=True, pattern=_REPOSITORY, mend=mend),
        params=item.mapping("params"),
        env=item.text_mapping("env"),
    )
    item.unknown()
    return entry


def deploy_order(stack: ThinkubeStack, descriptors: Mapping[str, Descriptor]) -> tuple[str, ...]:
    """Return the entries' names so that each stands after what it depends on.

    `descriptors` are by entry name. Within what the needs allow, the stack's own order is kept.
    Raises StackCycleError, which names the whole circle; optional dependencies make none.
    """
    names = [entry.name for entry in stack.templates]
    needed = {name: list(_needed(name, names, descriptors, optional=False)) for name in names}
    cycle = _cycle(needed)
    if cycle:
        raise StackCycleError(cycle)
    for name in names:
        for other in _needed(name, names, descriptors, optional=True):
            needed[name].append(other)
            if _cycle(needed):
                needed[name].pop()
    return tuple(_sorted(names, needed))


def _needed(
    name: str, names: Sequence[str], descriptors: Mapping[str, Descriptor], *, optional: bool
) -> Iterator[str]:
    descriptor = descriptors.get(name)
    for dependency in descriptor.dependencies if descriptor else ():
        if dependency.optional is optional:
            found = _provider(name, dependency, names, descriptors)
            if found:
                yield found


def _provider(
    name: str, dependency: Dependency, names: Sequence[str], descriptors: Mapping[str, Descriptor]
) -> str:
    """Find who gives what is needed: first by what it provides, else by name as Thinkube does."""
    others = [other for other in names if other != name]
    for other in others:
        descriptor = descriptors.get(other)
        if descriptor and any(given.type == dependency.type for given in descriptor.provides):
            return other
    return next((each for each in others if each in dependency.type or dependency.type in each), "")


def _sorted(names: Sequence[str], needed: Mapping[str, Sequence[str]]) -> Iterator[str]:
    left = list(names)
    while left:
        ready = next(name for name in left if not set(needed[name]) & set(left))
        left.remove(ready)
        yield ready


def _cycle(needed: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of one circle, each followed by what it needs; empty when there is none."""
    done: set[str] = set()
    for start in needed:
        trail = [start]
        while trail:
            following = next((each for each in needed[trail[-1]] if each not in done), None)
            if following is None:
                done.add(trail.pop())
            elif following in trail:
                return trail[trail.index(following) :]
            else:
                trail.append(following)
    return []
