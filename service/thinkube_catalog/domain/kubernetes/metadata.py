"""The ConfigMap `<app>-metadata`: everything that the rest is made from, and its way back.

Thinkube reads `parameters` there to make an application's objects anew; the other keys are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.descriptor import Variable
from thinkube_catalog.domain.documents import Document, DocumentInvalidError, read_yaml
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.kubernetes.names import meta
from thinkube_catalog.domain.kubernetes.objects import ConfigMap
from thinkube_catalog.domain.rendering import File

METADATA_PATH = "k8s/app-metadata.yaml"
_LONGEST = 1_048_576  # bytes; Kubernetes takes no larger ConfigMap


class MetadataInvalidError(InvalidError):
    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__(f"{METADATA_PATH} does not say what this application is", problems)


def metadata_object(context: ApplicationContext) -> ConfigMap:
    release = context.release
    return ConfigMap(
        metadata=meta(context, f"{context.name}-metadata"),
        data={
            "name": context.name,
            "title": context.title,
            "template": context.template,
            "release": _json(
                {
                    "location": release.location,
                    "version": release.version,
                    "commit": release.commit,
                }
            ),
            "parameters": _json(dict(context.parameters)),
            "bindings": _json([_binding(each) for each in context.bindings]),
            "secrets": _json(list(context.secrets)),
            **({"descriptor": context.descriptor} if context.descriptor else {}),
        },
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _binding(variable: Variable) -> dict[str, object]:
    return {
        "name": variable.name,
        "value": variable.value or "",
        **({"references": True} if variable.references else {}),
    }


def read_context(files: Mapping[str, File], conventions: Conventions) -> ApplicationContext:
    """Rebuild the context from a repository's files; the inverse of `project_files`.

    Raises MetadataInvalidError with every problem: people can change the file.
    """
    reader = _Reader(_read(files))
    context = ApplicationContext(
        name=reader.text("name"),
        title=reader.text("title"),
        template=reader.text("template"),
        release=reader.release(),
        parameters=reader.mapping("parameters"),
        bindings=reader.bindings(),
        secrets=reader.texts("secrets"),
        descriptor=reader.text("descriptor", ""),
        conventions=conventions,
    )
    if reader.problems:
        raise MetadataInvalidError(reader.problems)
    return context


def _read(files: Mapping[str, File]) -> Document:
    file = files.get(METADATA_PATH)
    if file is None or file.link:
        raise MetadataInvalidError([Problem("there is no such file", METADATA_PATH, mend=_MEND)])
    try:
        return read_yaml(file.content.decode("utf-8", "replace"), METADATA_PATH, _LONGEST)
    except DocumentInvalidError as error:
        raise MetadataInvalidError(error.problems) from error


_MEND = "restore the file from the repository's history, or deploy again"


class _Reader:
    """Reads the ConfigMap's texts as typed values and collects every problem."""

    def __init__(self, document: Document) -> None:
        self.problems: list[Problem] = []
        self._document = document
        found = document.value.get("data")
        self._texts: Mapping[str, object] = found if isinstance(found, dict) else {}

    def text(self, key: str, default: str | None = None) -> str:
        value = self._texts.get(key, default)
        if isinstance(value, str):
            return value
        self._wrong(key, "a text")
        return ""

    def mapping(self, key: str) -> dict[str, object]:
        value = self._json(key)
        if isinstance(value, dict):
            return value
        self._wrong(key, "JSON of an object")
        return {}

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._json(key)
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        self._wrong(key, "JSON of a list of texts")
        return ()

    def release(self) -> Release:
        found = self.mapping("release")
        parts = [found.get(each) for each in ("location", "version", "commit")]
        if found and not all(isinstance(each, str) for each in parts):
            self._wrong("release", "JSON with the texts location, version and commit")
        location, version, commit = (str(each or "") for each in parts)
        return Release(location, version, commit)

    def bindings(self) -> tuple[Variable, ...]:
        value = self._json("bindings")
        if not isinstance(value, list) or not all(_is_binding(each) for each in value):
            self._wrong("bindings", "JSON of a list of names and values")
            return ()
        return tuple(
            Variable(each["name"], each["value"], references=each.get("references") is True)
            for each in value
        )

    def _json(self, key: str) -> object:
        value = self._texts.get(key)
        try:
            return json.loads(value) if isinstance(value, str) else None
        except (ValueError, RecursionError):
            return None

    def _wrong(self, key: str, wanted: str) -> None:
        place = ("data", key)
        self.problems.append(self._document.problem(place, f"{key} is not {wanted}", _MEND))


def _is_binding(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(key), str) for key in ("name", "value")
    )
