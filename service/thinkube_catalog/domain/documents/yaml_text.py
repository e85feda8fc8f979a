"""Reading YAML text, event by event, so that nothing in it is ever built unasked.

The rules are those of PyYAML's safe loader (YAML 1.1), which Thinkube itself uses, but: dates stay
text, keys are text as written, and tags, double keys and boundless aliases are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from thinkube_catalog.domain.documents.document import (
    DEEPEST,
    Document,
    DocumentInvalidError,
    Path,
    Positions,
    dotted,
    shown,
    size_problem,
    unusable_character,
)
from thinkube_catalog.domain.documents.fields import Findings
from thinkube_catalog.domain.documents.yaml_faults import explain
from thinkube_catalog.domain.errors import Problem

LONGEST_YAML = 512 * 1024
MOST_VALUES = 50_000
"""Values in one document, counting what an alias stands for every time it is used."""

_LONGEST_NUMBER = 64
_MERGE = "<<"
_TAG = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null"))
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = Resolver()
_CONSTRUCTOR = SafeConstructor()


def read_yaml(text: str, file: str = "", longest: int = LONGEST_YAML) -> Document:
    """Read one YAML document that is a mapping. Raises DocumentInvalidError with every problem."""
    findings = survey_yaml(text, file, longest)
    if findings.problems:
        raise DocumentInvalidError(file, findings.problems)
    return findings.document


def survey_yaml(text: str, file: str = "", longest: int = LONGEST_YAML) -> Findings:
    """Read as `read_yaml` does, but go on past what does not hide the rest.

    Double keys, tags and unusable scalars are among the findings' problems, so that they are
    reported with whatever else is wrong. Raises DocumentInvalidError when there is no mapping.
    """
    text = text.removeprefix("\ufeff")
    too_long = size_problem(text, file, longest)
    if too_long:
        raise DocumentInvalidError(file, [too_long])
    builder = _Builder(file)
    _build(builder, text, file)
    if not isinstance(builder.root, dict):
        raise DocumentInvalidError(file, [*builder.problems, _not_a_mapping(builder.root, file)])
    positions = Positions(builder.lines, builder.written, builder.aliases)
    return Findings(Document(builder.root, file, lambda: positions), builder.problems)


def _build(builder: _Builder, text: str, file: str) -> None:
    try:
        builder.build(_events(text))
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise DocumentInvalidError(file, [*builder.problems, explain(error, text, file)]) from error
    except _StopError as stop:
        raise DocumentInvalidError(file, [*builder.problems, stop.problem]) from stop


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
    return events


def _not_a_mapping(root: object, file: str) -> Problem:
    if root is None:
        return Problem("the file is empty", file)
    message = f"the file must hold a mapping of keys to values, not {shown(root)}"
    return Problem(message, file, 1, mend="start with lines such as  name: value")


class _StopError(Exception):
    """The text is not worth reading on."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


@dataclass
class _Frame:
    """A mapping or list that is being filled."""

    value: dict[str, object] | list[object]
    path: Path
    anchor: str | None
    key: str | None = None
    size: int = 1
    merges: list[tuple[object, Path]] = field(default_factory=list)

    @property
    def child(self) -> Path:
        step = len(self.value) if isinstance(self.value, list) else self.key
        return self.path if step is None else (*self.path, step)


@dataclass(frozen=True)
class _Anchored:
    value: object
    path: Path
    size: int


@dataclass
class _Builder:
    file: str
    root: object = None
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Path, int] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    aliases: dict[Path, Path] = field(default_factory=dict)
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    frames: list[_Frame] = field(default_factory=list)
    values: int = 0
    documents: int = 0

    def build(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            match event:
                case yaml.DocumentStartEvent():
                    self._open_document(event)
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._open(event, events)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._close()
                case _:
                    pass

    def _open_document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            message = "a second document starts here; one file holds one"
            mend = "remove the line --- and what follows it, or move that to a file of its own"
            raise _StopError(Problem(message, self.file, _line(event), mend=mend))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._count(event, 1)
        self._check_characters(event)
        if self._wants_key():
            self._key(event)
            return
        path = self._path()
        tag = event.tag if event.tag and event.tag != "!" else self._implied_tag(event)
        if tag not in _CORE_TAGS:
            self._refuse_tag(event, path)
        value = self._construct(event, tag, path)
        if not isinstance(value, str):
            self.written[path] = event.value
        self._put(value, path, _line(event), 1, event.anchor)

    def _implied_tag(self, event: yaml.ScalarEvent) -> str:
        if not event.implicit[0]:
            return _TAG + "str"
        tag: str = _RESOLVER.resolve(  # type: ignore[no-untyped-call] # the stubs leave it out
            yaml.ScalarNode, event.value, (True, False)
        )
        return tag if tag in _CORE_TAGS else _TAG + "str"  # dates, `=` and `<<` stay text

    def _construct(self, event: yaml.ScalarEvent, tag: str, path: Path) -> object:
        kind = tag.removeprefix(_TAG)
        if kind not in {"int", "float", "bool", "null"}:
            return event.value
        text = event.value if len(event.value) <= _LONGEST_NUMBER else ""  # "" is none of them
        try:
            node = yaml.ScalarNode(tag, text)
            return getattr(_CONSTRUCTOR, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, IndexError, OverflowError):
            message = f"{shown(event.value)} is not a usable {kind}"
            mend = "put it in quotes if it is meant as text"
            self.problems.append(Problem(message, self.file, _line(event), dotted(path), mend))
            return None

    def _alias(self, event: yaml.AliasEvent) -> None:
        anchored = self.anchors.get(event.anchor or "")
        if anchored is None:
            around = any(frame.anchor == event.anchor for frame in self.frames)
            what = "stands inside what it names" if around else "names nothing above it"
            message = f"the alias *{event.anchor} {what}"
            raise _StopError(Problem(message, self.file, _line(event)))
        self._count(event, anchored.size)
        if self._wants_key():
            self._key(event)
            return
        path = self._path()
        self.aliases[path] = anchored.path
        self._put(anchored.value, path, _line(event), anchored.size, None)

    def _open(self, event: yaml.CollectionStartEvent, events: Iterator[yaml.Event]) -> None:
        self._count(event, 1)
        if len(self.frames) >= DEEPEST:
            message = f"values are nested more than {DEEPEST} deep"
            raise _StopError(Problem(message, self.file, _line(event)))
        if self._wants_key():
            self._key(event)
            self._skip(events)
            return
        path = self._path()
        sequence = isinstance(event, yaml.SequenceStartEvent)
        if event.tag and event.tag != _TAG + ("seq" if sequence else "map"):
            self._refuse_tag(event, path)
        self.lines.setdefault(path, _line(event))
        self.frames.append(_Frame([] if sequence else {}, path, event.anchor))

    def _skip(self, events: Iterator[yaml.Event]) -> None:
        """Pass over the rest of a collection that has just been opened."""
        opened = 1
        for event in events:
            self._count(event, 1)
            if isinstance(event, yaml.CollectionStartEvent):
                opened += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                opened -= 1
            if not opened:
                return
            if opened > DEEPEST:
                message = f"values are nested more than {DEEPEST} deep"
                raise _StopError(Problem(message, self.file, _line(event)))

    def _close(self) -> None:
        frame = self.frames.pop()
        if isinstance(frame.value, dict):
            self._merge(frame, frame.value)
        line = self.lines[frame.path]
        self._put(frame.value, frame.path, line, frame.size, frame.anchor)

    def _merge(self, frame: _Frame, value: dict[str, object]) -> None:
        for merged, origin in frame.merges:
            if not isinstance(merged, dict):
                message = "`<<` takes over a mapping, or a list of mappings"
                place = (*frame.path, _MERGE)
                line = self.lines.get(place)
                self.problems.append(Problem(message, self.file, line, dotted(place)))
                continue
            for key, taken in merged.items():
                if key not in value:
                    value[key] = taken
                    self.aliases[*frame.path, key] = (*origin, key)

    def _put(self, value: object, path: Path, line: int, size: int, anchor: str | None) -> None:
        self.lines.setdefault(path, line)
        if anchor:
            self.anchors[anchor] = _Anchored(value, self.aliases.get(path, path), size)
        if not self.frames:
            self.root = value
            return
        frame = self.frames[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key == _MERGE:
            taken = value if isinstance(value, list) else [value]
            several = isinstance(value, list)
            origin = self.aliases.get(path, path)
            frame.merges += [
                (each, (*origin, place) if several else origin) for place, each in enumerate(taken)
            ]
        elif frame.key is not None:
            frame.value[frame.key] = value
        frame.key = None

    def _wants_key(self) -> bool:
        return bool(self.frames) and self.frames[-1].key is None and self._in_mapping()

    def _in_mapping(self) -> bool:
        return isinstance(self.frames[-1].value, dict)

    def _path(self) -> Path:
        return self.frames[-1].child if self.frames else ()

    def _key(self, event: yaml.NodeEvent) -> None:
        frame = self.frames[-1]
        if not isinstance(event, yaml.ScalarEvent):
            frame.key = "?"
            message = "a key must be plain text"
            mend = 'a placeholder is text in quotes: "{{ project_name }}"'
            self.problems.append(
                Problem(message, self.file, _line(event), dotted(frame.path), mend),
            )
            return
        frame.key = event.value
        path = frame.child
        if event.value in frame.value:
            message = f"the key {shown(event.value)} occurs twice"
            place = f"it stands in line {self.lines[path]} already; keep one of them"
            self.problems.append(Problem(message, self.file, _line(event), dotted(path), place))
        self.lines[path] = _line(event)
        if event.tag and event.tag not in _CORE_TAGS and event.tag != "!":
            self._refuse_tag(event, path)

    def _refuse_tag(self, event: yaml.NodeEvent, path: Path) -> None:
        tag = getattr(event, "tag", "")
        message = f"the tag {shown(tag)} is not allowed"
        mend = "write plain values; files here never make objects or read other files"
        self.problems.append(Problem(message, self.file, _line(event), dotted(path), mend))

    def _check_characters(self, event: yaml.ScalarEvent) -> None:
        found = unusable_character(event.value)
        if found:
            message = f"a text holds the control character {found}"
            self.problems.append(Problem(message, self.file, _line(event)))

    def _count(self, event: yaml.Event, size: int) -> None:
        self.values += size
        if self.values > MOST_VALUES:
            message = f"the file holds more than {MOST_VALUES:,} values, aliases counted in full"
            raise _StopError(Problem(message, self.file, _line(event)))


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark else 1
