"""Reading `spec.containers` of a descriptor."""

from __future__ import annotations

import shlex
from collections import Counter

from thinkube_catalog.domain.descriptor.patterns import (
    ENVIRONMENT_NAME,
    LABEL,
    LONGEST_LABEL,
    NAME_MEND,
    PUBLIC_NAME,
    VARIABLE_MEND,
    inner_path,
    mount_path_problem,
    name_fits,
    read_path,
)
from thinkube_catalog.domain.descriptor.sizes import BUILD_MEMORY, SIZES, UNKNOWN_SIZE
from thinkube_catalog.domain.descriptor.values import (
    Container,
    ContainerTest,
    Dev,
    Gpu,
    Mount,
    Variable,
)
from thinkube_catalog.domain.documents import Fields, shown
from thinkube_catalog.domain.naming import LONGEST_NAME
from thinkube_catalog.domain.quantities import gibibytes
from thinkube_catalog.domain.schedules import parse_schedule

CAPABILITIES = ("large-uploads",)
SECURITY = ("strict", "baseline")

_LEGACY = ("env", "volumeMounts", "ipc", "image", "ports", "resources", "dockerfile", "context")
_SAFE_LENGTH = LONGEST_LABEL - LONGEST_NAME - 1


def read_containers(spec: Fields) -> tuple[Container, ...]:
    """Read every container; names are unique among them."""
    containers: dict[str, Container] = {}
    for entry in spec.items("containers"):
        container = _container(entry)
        if container.name in containers:
            message = f"there are two containers {shown(container.name)}"
            entry.problem("name", message, "rename one of them")
        containers[container.name] = container
    return tuple(containers.values())


def _container(entry: Fields) -> Container:
    container = Container(
        name=_name(entry),
        build=inner_path(entry, "build", "."),
        port=entry.integer("port", None, least=1, most=65535),
        size=_size(entry),
        build_size=entry.choice("buildSize", tuple(BUILD_MEMORY)),
        health=read_path(entry, "health"),
        ready=read_path(entry, "ready"),
        gpu=_gpu(entry),
        test=_test(entry),
        migrations=_migrations(entry),
        environment=_environment(entry),
        volume=_volume(entry),
        public_env=entry.texts("publicEnv", pattern=PUBLIC_NAME, mend=VARIABLE_MEND),
        mounts=_mounts(entry),
        schedule=_schedule(entry),
        capabilities=_capabilities(entry),
        job=entry.boolean("job", False),
        dev=_dev(entry),
        security=entry.choice("security", SECURITY),
        unknown=entry.unknown(legacy=_LEGACY),
    )
    _check_together(entry, container)
    return container


def _name(entry: Fields) -> str:
    name = entry.text("name", required=True, mend=NAME_MEND)
    if not name:
        return ""
    if not name_fits(LABEL, name):
        entry.problem("name", f"{shown(name)} is not a usable name", NAME_MEND)
    elif len(name) > _SAFE_LENGTH:
        message = f"{shown(name)} is long; with a long project name it will not fit"
        entry.warn("name", message, f"use at most {_SAFE_LENGTH} characters")
    return name


def _size(entry: Fields) -> str:
    size = entry.text("size")
    if size and size not in SIZES:
        message = f"{shown(size)} is no size that exists; it counts as {UNKNOWN_SIZE}"
        entry.warn("size", message, f"use one of {', '.join(SIZES)}")
        return UNKNOWN_SIZE
    return size


def _gpu(entry: Fields) -> Gpu | None:
    if "gpu" not in entry:
        entry.value("gpu")
        return None
    fields = entry.fields("gpu")
    memory = fields.text("memory")
    needed = gibibytes(memory) if memory else 0
    if needed is None:
        mend = "write a number and a unit, for example 24Gi"
        fields.problem("memory", f"{shown(memory)} is not an amount of memory", mend)
    elif memory.replace(".", "").isdigit():
        fields.warn("memory", f"{memory} has no unit; GiB are assumed", f"write {memory}Gi")
    gpu = Gpu(fields.integer("count", 1, least=0), needed or 0)
    if "count" not in fields and memory:
        fields.warn("count", "count is missing; one GPU is assumed", "write  count: 1")
    fields.unknown()
    return gpu if gpu.count else None


def _test(entry: Fields) -> ContainerTest | None:
    if "test" not in entry:
        entry.value("test")
        return None
    fields = entry.fields("test")
    enabled, command = fields.boolean("enabled", True), fields.text("command")
    if enabled and not command:
        fields.warn("command", "there is no command to test with; nothing is tested")
    test = ContainerTest(
        enabled and bool(command), command, fields.text("image"), fields.text("one")
    )
    fields.unknown()
    return test


def _migrations(entry: Fields) -> dict[str, object]:
    migrations = dict(entry.mapping("migrations"))
    tool = migrations.get("tool")
    if tool not in {None, "alembic"}:
        message = f"migrations by {shown(tool)} are not run by the platform"
        entry.warn(("migrations", "tool"), message, "only alembic is known")
    return migrations


def _environment(entry: Fields) -> tuple[Variable, ...]:
    variables = []
    for item in entry.items("environment"):
        variable = _variable(item)
        if variable:
            variables.append(variable)
    return tuple(variables)


def _variable(item: Fields) -> Variable | None:
    name = item.text("name", required=True, pattern=ENVIRONMENT_NAME, mend=VARIABLE_MEND)
    if "valueFrom" in item:
        variable = _reference(name, item.fields("valueFrom"))
        item.value("value")
    else:
        item.value("valueFrom")
        variable = Variable(name, item.text("value"))
    item.unknown()
    return variable if name else None


def _reference(name: str, source: Fields) -> Variable | None:
    for kind, place in (("secretKeyRef", "secret"), ("configMapKeyRef", "config_map")):
        if kind in source:
            reference = source.fields(kind)
            owner = reference.text("name", required=True)
            key = reference.text("key", required=True)
            reference.unknown(known=("optional",))
            return (
                Variable(name, secret=owner, key=key)
                if place == "secret"
                else Variable(name, config_map=owner, key=key)
            )
    message = f"{name or 'a variable'} has a source that is not supported; it is left out"
    source.warn((), message, "use secretKeyRef or configMapKeyRef")
    return None


def _volume(entry: Fields) -> str:
    path = entry.text("volume")
    problem = mount_path_problem(path) if path else ""
    if problem:
        entry.problem("volume", problem, "for example /data")
    return path


def _mounts(entry: Fields) -> tuple[Mount, ...]:
    mounts = []
    for place, text in enumerate(entry.texts("mounts")):
        name, _, path = text.partition(":")
        problem = "" if name_fits(LABEL, name) else f"{shown(text)} has no usable name"
        problem = problem or mount_path_problem(path)
        if problem:
            entry.problem(("mounts", place), problem, "write name:/path, for example models:/data")
        else:
            mounts.append(Mount(name, path))
    for path, times in Counter(mount.path for mount in mounts).items():
        if times > 1:
            entry.problem("mounts", f"{path} is mounted twice", "use another path")
    return tuple(mounts)


def _schedule(entry: Fields) -> str:
    text = entry.text("schedule")
    if text:
        try:
            parse_schedule(text)
        except ValueError as error:
            mend = "write minute, hour, day, month and weekday, for example  0 3 * * *"
            entry.problem("schedule", str(error), mend)
    return text


def _capabilities(entry: Fields) -> tuple[str, ...]:
    capabilities = entry.texts("capabilities")
    for place, capability in enumerate(capabilities):
        if capability not in CAPABILITIES:
            message = f"{shown(capability)} is no capability that exists; it has no effect"
            entry.warn(("capabilities", place), message, f"there is {', '.join(CAPABILITIES)}")
    return capabilities


def _dev(entry: Fields) -> Dev | None:
    if "dev" not in entry:
        entry.value("dev")
        return None
    fields = entry.fields("dev")
    mend = "for example  uvicorn main:app --port $PORT"
    command = fields.text("command", required=True, mend=mend)
    try:
        shlex.split(command)
    except ValueError as error:
        fields.problem("command", f"{shown(command)} cannot be split: {error}", "close the quote")
    dev = Dev(command, inner_path(fields, "requirements"))
    fields.unknown()
    return dev


def _check_together(entry: Fields, container: Container) -> None:
    if container.port is None and (container.health or container.ready):
        entry.warn("port", "there is a health path and no port; 8080 is assumed", "state the port")
    if container.ready and not container.health:
        entry.warn("health", "there is a readiness path and no health path", "give both")
    if container.schedule and container.port is not None:
        entry.warn("port", "what runs on a schedule serves nothing", "remove the port")
    if container.job and container.schedule:
        entry.problem("job", "a job runs once, a schedule again and again", "remove one of them")
