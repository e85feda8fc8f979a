"""Hypothesis strategies: every value that the rules allow, and texts that nobody would allow."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from thinkube_catalog.domain.descriptor import (
    Container,
    ContainerTest,
    Dependency,
    Descriptor,
    Dev,
    Gpu,
    Mount,
    Provision,
    Route,
    Service,
    Variable,
    Workload,
)
from thinkube_catalog.domain.manifest import (
    RESERVED_PARAMETERS,
    Need,
    Parameter,
    SecretDeclaration,
    TemplateManifest,
)

_KEYWORDS = {"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "now"}

prose = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("{}%\"'\n#:"),
    max_size=30,
)
labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
parameter_names = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name not in {*_KEYWORDS, *RESERVED_PARAMETERS}
)
constants = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
versions = st.from_regex(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}", fullmatch=True)
words = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)
url_paths = st.from_regex(r"(/[a-z0-9-]{1,8}){1,3}", fullmatch=True) | st.just("/")
folders = st.from_regex(r"[a-z][a-z0-9_]{0,8}(/[a-z][a-z0-9_]{0,8})?", fullmatch=True)
sizes = st.sampled_from(["", "small", "medium", "large", "xlarge"])
schedules = st.sampled_from(["", "*/5 * * * *", "0 3 * * mon-fri", "@daily", "15 4 1,15 jan *"])


@st.composite
def parameters(draw: st.DrawFn) -> Parameter:
    kind = draw(st.sampled_from(["str", "int", "bool", "choice"]))
    shared: dict[str, Any] = {
        "name": draw(parameter_names),
        "type": kind,
        "description": draw(prose),
        "required": draw(st.booleans()),
        "placeholder": draw(prose),
        "group": draw(st.just("default") | words),
        "order": draw(st.integers(0, 9)),
    }
    if kind == "int":
        low, high = sorted(draw(st.tuples(st.integers(-99, 99), st.integers(-99, 99))))
        return Parameter(**shared, default=draw(st.integers(low, high)), min=low, max=high)
    if kind == "bool":
        return Parameter(**shared, default=draw(st.none() | st.booleans()))
    if kind == "choice":
        choices = tuple(draw(st.lists(prose.filter(str.strip), min_size=1, unique=True)))
        return Parameter(**shared, choices=choices, default=draw(st.sampled_from(choices)))
    low_length, high_length = sorted(draw(st.tuples(st.integers(0, 9), st.integers(0, 40))))
    return Parameter(
        **shared,
        default=draw(st.none() | prose),
        min_length=low_length,
        max_length=high_length,
        pattern=draw(st.sampled_from(["", "^[a-z]+$", "x|{{ 7 }}", "['\"%}]", r"\d{2}"])),
    )


@st.composite
def manifests(draw: st.DrawFn) -> TemplateManifest:
    asked = draw(st.lists(parameters(), max_size=3, unique_by=lambda each: each.name))
    taken = {each.name.upper() for each in asked}
    secrets = draw(
        st.lists(
            st.builds(SecretDeclaration, constants, prose, st.booleans()),
            max_size=2,
            unique_by=lambda each: each.name,
        )
    )
    return TemplateManifest(
        name=draw(labels),
        title=draw(prose),
        description=draw(prose),
        version=draw(versions | st.just("1.0") | st.just("1.10")),
        author=draw(prose),
        tags=tuple(draw(st.lists(prose, max_size=3))),
        category=draw(st.just("") | words),
        parameters=tuple(asked),
        secrets=tuple(secret for secret in secrets if secret.name not in taken),
        provides=tuple(draw(st.lists(words, max_size=2))),
        dependencies=tuple(draw(st.lists(st.builds(Need, words, prose, st.booleans())))),
    )


variables = st.builds(Variable, constants, prose)
referenced = st.builds(
    lambda name, owner, key: Variable(name, secret=owner, key=key), constants, labels, labels
)


def containers(*, knative: bool = False) -> st.SearchStrategy[Container]:
    plain = {
        "name": labels,
        "build": folders | st.just("."),
        "port": st.integers(1, 65535),
        "size": sizes,
        "build_size": sizes,
        "health": url_paths,
        "ready": st.just("") | url_paths,
        "test": st.none() | st.builds(ContainerTest, st.just(True), words, words, words),
        "environment": st.lists(variables | referenced, max_size=2).map(tuple),
        "public_env": st.lists(constants, max_size=2).map(tuple),
        "dev": st.none() | st.builds(Dev, words, folders),
        "security": st.sampled_from(["", "strict", "baseline"]),
    }
    if knative:
        return st.builds(Container, **plain)
    mounts = st.lists(
        st.builds(Mount, labels, folders.map("/{}".format)),
        max_size=2,
        unique_by=lambda mount: mount.path,
    )
    return st.builds(
        Container,
        **plain,
        gpu=st.none() | st.builds(Gpu, st.integers(1, 8), st.integers(0, 320)),
        volume=st.just("") | folders.map("/{}".format),
        mounts=mounts.map(tuple),
        schedule=schedules,
        capabilities=st.sampled_from([(), ("large-uploads",)]),
        migrations=st.sampled_from([{}, {"tool": "alembic", "auto": True}]),
    )


def _workloads(kind: str) -> st.SearchStrategy[Workload]:
    if kind == "knative":
        return st.builds(
            Workload,
            type=st.just(kind),
            min_scale=st.integers(0, 3),
            max_scale=st.integers(3, 9),
            timeout_seconds=st.integers(1, 900),
        )
    name = labels if kind == "component" else st.just("")
    return st.builds(Workload, type=st.just(kind), name=name, replicas=st.integers(0, 4))


@st.composite
def descriptors(draw: st.DrawFn, kind: str = "") -> Descriptor:
    kind = kind or draw(st.sampled_from(["app", "knative", "component"]))
    knative = kind == "knative"
    most = 1 if knative else 3
    made = draw(
        st.lists(
            containers(knative=knative), min_size=1, max_size=most, unique_by=lambda one: one.name
        )
    )
    serving = [one.name for one in made if not one.schedule]
    routes = st.builds(Route, url_paths, st.sampled_from(serving)) if serving else st.nothing()
    given = st.builds(Provision, words, st.sampled_from(serving)) if serving else st.nothing()
    services = ["database", "cache", "queue"] if knative else ["database", "storage", "workflows"]
    return Descriptor(
        name=draw(labels | st.just("{{ project_name }}")),
        version=draw(versions),
        description=draw(words),
        deployment=draw(_workloads(kind)),
        containers=tuple(made),
        routes=tuple(draw(st.lists(routes, max_size=2))) if serving else (),
        services=tuple(
            draw(
                st.lists(
                    st.builds(Service, st.sampled_from(services), st.just("") | labels),
                    max_size=2,
                    unique=True,
                )
            )
        ),
        dependencies=tuple(
            draw(
                st.lists(
                    st.builds(Dependency, labels, words, constants, st.booleans()),
                    max_size=2,
                    unique_by=lambda each: each.env,
                )
            )
        ),
        env=tuple(draw(st.lists(variables, max_size=2, unique_by=lambda each: each.name))),
        provides=tuple(draw(st.lists(given, max_size=1))) if serving else (),
    )
