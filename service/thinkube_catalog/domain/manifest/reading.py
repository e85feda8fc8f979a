"""Reading `manifest.yaml`, as Thinkube writes it and with our additions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from thinkube_catalog.domain.documents import (
    DocumentInvalidError,
    Fields,
    FileInvalidError,
    Findings,
    Parsed,
    shown,
    survey_yaml,
)
from thinkube_catalog.domain.manifest.parameters import read_parameters
from thinkube_catalog.domain.manifest.values import (
    Need,
    Parameter,
    SecretDeclaration,
    TemplateManifest,
)
from thinkube_catalog.domain.quantities import quantity_problem

API_VERSION = "thinkube.io/v1"
KIND = "TemplateManifest"
RESERVED_PARAMETERS = ("project_name", "project_description", "author_name", "author_email")
"""Asked for every template, and therefore declared by none."""

_NO_GPU = (None, False, "none")
_MANY_PARAMETERS = 2
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SECRET = re.compile(r"[A-Z][A-Z0-9_]*")
_TYPE_MEND = "for example llm, embeddings or vectors"
_WORD = re.compile(r"[a-z][a-z0-9_-]*")


class ManifestInvalidError(FileInvalidError):
    said = "is not a usable template manifest"


def parse_manifest(text: str, file: str = "manifest.yaml") -> Parsed[TemplateManifest]:
    """Read a manifest of either generation. Raises ManifestInvalidError with every problem."""
    try:
        findings = survey_yaml(text, file)
    except DocumentInvalidError as unreadable:
        raise ManifestInvalidError(file, unreadable.problems) from unreadable
    return findings.parsed(_read(findings), ManifestInvalidError)


def _read(findings: Findings) -> TemplateManifest:
    root = findings.fields()
    _check_kind(root)
    metadata = root.fields("metadata")
    parameters = _read_parameters(root)
    secrets = _read_secrets(root, parameters)
    hardware = _placed(root, metadata, "hardware")
    provides = _placed(root, metadata, "provides")
    dependencies = _placed(root, metadata, "dependencies")
    manifest = TemplateManifest(
        name=_name(root, metadata),
        title=metadata.text("title"),
        description=metadata.text("description"),
        version=metadata.text("version"),
        author=metadata.text("author"),
        tags=metadata.texts("tags"),
        category=_placed(root, metadata, "category").text("category"),
        parameters=parameters,
        secrets=secrets,
        hardware=_hardware(hardware),
        provides=_provides(provides),
        dependencies=_needs(dependencies),
        metadata=root.mapping("metadata"),
        unknown=root.unknown(),
    )
    metadata.unknown(free=True)
    return manifest


def _check_kind(root: Fields) -> None:
    wanted = f"write  apiVersion: {API_VERSION}"
    version = root.text("apiVersion", required=True, mend=wanted)
    if version and version != API_VERSION:
        root.problem("apiVersion", f"{shown(version)} is not an apiVersion that is known", wanted)
    kind = root.text("kind")
    if not kind:
        root.warn("kind", "kind is missing", f"write  kind: {KIND}")
    elif kind != KIND:
        root.problem("kind", f"this is a {shown(kind)}, not a {KIND}", f"write  kind: {KIND}")


def _name(root: Fields, metadata: Fields) -> str:
    if "metadata" not in root:
        root.problem("metadata", "metadata is missing", "give at least metadata.name")
        return ""
    mend = "use small letters, digits and hyphens, for example tkt-rag-agent"
    return metadata.text("name", required=True, pattern=_NAME, mend=mend)


def _placed(root: Fields, metadata: Fields, name: str) -> Fields:
    """Return where `name` stands: at the top, or in metadata, which is accepted as well."""
    if name in root and name in metadata:
        root.problem(name, f"{name} stands at the top and in metadata", "keep one of them")
    metadata.value(name)
    root.value(name)
    return root if name in root else metadata


def _read_parameters(root: Fields) -> tuple[Parameter, ...]:
    if "parameters" not in root:
        mend = "write  parameters: []"
        root.warn("parameters", "parameters is missing; newer platforms want it", mend)
    parameters = read_parameters(root, RESERVED_PARAMETERS)
    if len(parameters) > _MANY_PARAMETERS:
        message = f"{len(parameters)} parameters are many; a template has at most two of its own"
        root.warn("parameters", message, "decide more, or make two templates of it")
    return parameters


def _read_secrets(root: Fields, parameters: tuple[Parameter, ...]) -> tuple[SecretDeclaration, ...]:
    taken = {parameter.name.upper(): parameter.name for parameter in parameters}
    seen: set[str] = set()
    secrets = []
    for entry in root.items("secrets"):
        mend = "use capital letters, digits and underscores, for example HF_TOKEN"
        name = entry.text("name", required=True, pattern=_SECRET, mend=mend)
        if name in seen:
            entry.problem("name", f"the secret {name} is declared twice", "keep one of them")
        if name in taken:
            message = f"{name} is also what the parameter {taken[name]} is called for applications"
            entry.problem("name", message, "rename one of them")
        seen.add(name)
        secrets.append(
            SecretDeclaration(name, entry.text("description"), entry.boolean("required", True))
        )
        entry.unknown()
    return tuple(secrets)


def _hardware(fields: Fields) -> Mapping[str, object]:
    hardware = fields.fields("hardware")
    for name in ("memory", "disk"):
        _check_quantity(hardware, name)
    hardware.number("cpu")
    if hardware.value("gpu") not in _NO_GPU:
        gpu = hardware.fields("gpu")
        gpu.integer("count", 0, least=0)
        _check_quantity(gpu, "memory")
        gpu.unknown(free=True)
    hardware.unknown(free=True)
    return fields.mapping("hardware")


def _check_quantity(fields: Fields, name: str) -> None:
    text = fields.text(name)
    problem = quantity_problem(text) if text else ""
    if problem:
        fields.problem(name, problem, "write a number and a unit, for example 24Gi")


def _provides(fields: Fields) -> tuple[str, ...]:
    """Read what is provided: types, or entries as they stand in the descriptor."""
    if not _holds_mappings(fields.value("provides")):
        mend = "name types, for example  provides: [llm]"
        return fields.texts("provides", pattern=_WORD, mend=mend)
    types = []
    for entry in fields.items("provides"):
        types.append(entry.text("type", required=True, pattern=_WORD, mend=_TYPE_MEND))
        entry.unknown(known=("container", "path", "protocol", "description"))
    return tuple(types)


def _needs(fields: Fields) -> tuple[Need, ...]:
    if not _holds_mappings(fields.value("dependencies")):
        mend = "name types, for example  dependencies: [llm]"
        return tuple(
            Need(type_) for type_ in fields.texts("dependencies", pattern=_WORD, mend=mend)
        )
    return tuple(_need(entry) for entry in fields.items("dependencies"))


def _holds_mappings(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _need(entry: Fields) -> Need:
    type_ = entry.text("type", required=True, pattern=_WORD, mend=_TYPE_MEND)
    need = Need(type_, entry.text("description"), entry.boolean("optional", False))
    entry.unknown(known=("name", "env"))
    return need
