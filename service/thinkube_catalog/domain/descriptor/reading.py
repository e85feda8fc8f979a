"""Reading `thinkube.yaml`, of both generations and with our additions."""

from __future__ import annotations

import re

from thinkube_catalog.domain.descriptor.containers import read_containers
from thinkube_catalog.domain.descriptor.patterns import (
    ENVIRONMENT_NAME,
    LABEL,
    NAME_MEND,
    VARIABLE_MEND,
    name_fits,
    read_path,
)
from thinkube_catalog.domain.descriptor.placeholders import strange_marks
from thinkube_catalog.domain.descriptor.rules import check_rules
from thinkube_catalog.domain.descriptor.values import (
    Dependency,
    Descriptor,
    Provision,
    Route,
    Service,
    Variable,
    Workload,
)
from thinkube_catalog.domain.documents import (
    DocumentInvalidError,
    Fields,
    FileInvalidError,
    Findings,
    Parsed,
    shown,
    survey_yaml,
)

API_VERSION = "thinkube.io/v1"
KIND = "ThinkubeDeployment"
WORKLOAD_TYPES = ("app", "knative", "component", "none")
SERVICE_TYPES = ("database", "cache", "queue", "storage", "workflows")

_KEPT = ("parts", "deploy", "verify", "docs")  # for repositories that nobody deploys
_LEGACY = ("volumes", "ingress", "storage", "monitoring", "features", "type")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_LONGEST_TIMEOUT = 900


class DescriptorInvalidError(FileInvalidError):
    said = "is not a usable deployment descriptor"


def parse_descriptor(text: str, file: str = "thinkube.yaml") -> Parsed[Descriptor]:
    """Read a descriptor. Raises DescriptorInvalidError with every problem.

    Placeholders stay as they are; see `fill_placeholders`.
    """
    try:
        findings = survey_yaml(text, file)
    except DocumentInvalidError as unreadable:
        raise DescriptorInvalidError(file, unreadable.problems) from unreadable
    return findings.parsed(_read(findings), DescriptorInvalidError)


def _read(findings: Findings) -> Descriptor:
    root = findings.fields()
    _check_kind(root)
    for path, mark, mend in strange_marks(findings.document.value):
        findings.warn(path, f"{shown(mark)} is not filled in", mend or "write the value itself")
    if "spec" not in root:
        root.problem("spec", "spec is missing", "give at least spec.containers")
    spec = root.fields("spec")
    metadata = root.fields("metadata")
    descriptor = Descriptor(
        name=_name(metadata),
        version=_version(metadata),
        description=metadata.text("description"),
        deployment=_workload(spec.fields("deployment")),
        containers=read_containers(spec),
        routes=_routes(spec),
        services=_services(spec),
        dependencies=tuple(_dependency(entry) for entry in spec.items("dependencies")),
        env=_env(spec),
        provides=tuple(_provision(entry) for entry in spec.items("provides")),
        unknown={**root.unknown(), **spec.unknown(known=_KEPT, legacy=_LEGACY)},
    )
    metadata.unknown(free=True)
    if "spec" in root:
        check_rules(spec, descriptor)
    return descriptor


def _check_kind(root: Fields) -> None:
    version, kind = root.text("apiVersion"), root.text("kind")
    if version != API_VERSION:
        mend = f"write  apiVersion: {API_VERSION}"
        root.warn("apiVersion", f"apiVersion should be {API_VERSION}", mend)
    if kind and kind != KIND:
        root.problem("kind", f"this is a {shown(kind)}, not a {KIND}", f"write  kind: {KIND}")
    elif not kind:
        root.warn("kind", "kind is missing", f"write  kind: {KIND}")


def _name(metadata: Fields) -> str:
    name = metadata.text("name")
    if name and not name_fits(LABEL, name):
        metadata.warn("name", f"{shown(name)} is no usable name; the project's own is used")
    return name


def _version(metadata: Fields) -> str:
    version = metadata.text("version")
    if version and not _VERSION.fullmatch(version):
        mend = "write three numbers, for example 1.4.0"
        metadata.warn("version", f"{shown(version)} is not a version", mend)
    return version


def _workload(fields: Fields) -> Workload:
    workload = Workload(
        type=fields.choice("type", WORKLOAD_TYPES, "app"),
        name=fields.text("name"),
        replicas=fields.integer("replicas", 1, least=0),
        gateway_managed=fields.boolean("gateway_managed", False),
        min_scale=fields.integer("minScale", 0, least=0),
        max_scale=fields.integer("maxScale", 5, least=0),
        container_concurrency=fields.integer("containerConcurrency", 0, least=0),
        timeout_seconds=fields.integer("timeoutSeconds", 300, least=1, most=_LONGEST_TIMEOUT),
    )
    if workload.name and not name_fits(LABEL, workload.name):
        fields.problem("name", f"{shown(workload.name)} is not a usable name", NAME_MEND)
    fields.unknown()
    return workload


def _routes(spec: Fields) -> tuple[Route, ...]:
    routes: list[Route] = []
    for entry in spec.items("routes"):
        path = read_path(entry, "path", required=True)
        to = entry.text("to", required=True, mend="name the container that answers")
        if path and any(route.path == path for route in routes):
            entry.warn("path", f"{path} is routed already; the first route counts")
        entry.unknown()
        routes.append(Route(path, to))
    return tuple(route for route in routes if route.path and route.to)


def _services(spec: Fields) -> tuple[Service, ...]:
    services = []
    for place, text in enumerate(spec.texts("services")):
        type_, colon, name = (part.strip() for part in text.partition(":"))
        if type_ not in SERVICE_TYPES:
            message = f"{shown(text)} is no platform service; it is ignored"
            spec.warn(("services", place), message, f"there are {', '.join(SERVICE_TYPES)}")
        elif colon and not name_fits(LABEL, name):
            message = f"{shown(name)} is not a usable name"
            spec.problem(("services", place), message, f"for example {type_}:history")
        else:
            services.append(Service(type_, name))
    return tuple(dict.fromkeys(services))


def _dependency(entry: Fields) -> Dependency:
    dependency = Dependency(
        name=entry.text("name", required=True, mend="name it, for example llm"),
        type=entry.text("type", required=True, mend="for example llm, embeddings or vectors"),
        env=_variable_name(entry, "env", required=True),
        optional=entry.boolean("optional", False),
        api_key_env=_variable_name(entry, "api_key_env"),
        model_env=_variable_name(entry, "model_env"),
    )
    entry.unknown()
    return dependency


def _variable_name(entry: Fields, name: str, *, required: bool = False) -> str:
    return entry.text(name, required=required, pattern=ENVIRONMENT_NAME, mend=VARIABLE_MEND)


def _env(spec: Fields) -> tuple[Variable, ...]:
    variables: dict[str, Variable] = {}
    for entry in spec.items("env"):
        name = _variable_name(entry, "name", required=True)
        if name in variables:
            entry.warn("name", f"{name} is given twice; the later one counts")
        value = entry.text("default") if "default" in entry else None
        variables[name] = Variable(name, value, description=entry.text("description"))
        entry.unknown()
    variables.pop("", None)
    return tuple(variables.values())


def _provision(entry: Fields) -> Provision:
    provision = Provision(
        type=entry.text("type", required=True, mend="for example llm, embeddings or vectors"),
        container=entry.text("container"),
        path=read_path(entry, "path"),
        protocol=entry.text("protocol"),
    )
    entry.unknown()
    return provision
