"""Any descriptor and context that the readers of files could produce."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.unit.domain.kubernetes.samples import CONVENTIONS, RELEASE
from thinkube_catalog.domain.descriptor import (
    Container,
    Descriptor,
    Dev,
    Gpu,
    Mount,
    Provision,
    Route,
    Variable,
    Workload,
)
from thinkube_catalog.domain.environment import ApplicationContext

dns_labels = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
env_names = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
paths = st.from_regex(r"/([a-z0-9]{1,8}(/[a-z0-9]{1,8})?)?", fullmatch=True)
mount_paths = st.from_regex(r"/srv/[a-z]{1,6}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=30)
tricky = st.sampled_from(
    [
        "1e3",
        "0o7",
        "y",
        "No",
        "~",
        "null",
        "$(HOME)",
        "$$(X)",
        "a: b",
        "- a",
        "#",
        "\n",
        "12:30",
        "=",
    ]
)
literals = st.builds(Variable, env_names, texts | tricky)
references = st.builds(Variable, env_names, st.none(), secret=dns_labels, key=env_names)

containers: SearchStrategy[Container] = st.builds(
    Container,
    name=dns_labels,
    port=st.none() | st.integers(1, 65535),
    size=st.sampled_from(["", "small", "medium", "large", "xlarge", "huge"]),
    health=st.just("") | paths,
    ready=st.just("") | paths,
    gpu=st.none() | st.builds(Gpu, st.integers(0, 8), st.integers(0, 192)),
    environment=st.lists(literals | references, max_size=3).map(tuple),
    volume=st.just("") | st.just("/data"),
    public_env=st.lists(env_names, max_size=2).map(tuple),
    mounts=st.lists(
        st.builds(Mount, dns_labels, mount_paths),
        max_size=2,
        unique_by=(lambda each: each.name, lambda each: each.path),
    ).map(tuple),
    schedule=st.sampled_from(["", "", "*/5 * * * *"]),
    capabilities=st.sampled_from([(), ("large-uploads",)]),
    job=st.booleans(),
    security=st.sampled_from(["", "strict", "baseline"]),
    dev=st.none() | st.just(Dev("run")),
)


@st.composite
def descriptors(draw: st.DrawFn) -> Descriptor:
    made = draw(st.lists(containers, min_size=1, max_size=3, unique_by=lambda each: each.name))
    names = st.sampled_from([each.name for each in made])
    kind = draw(st.sampled_from(["app", "app", "component", "knative", "none"]))
    return Descriptor(
        deployment=Workload(type=kind, replicas=draw(st.integers(0, 3))),
        containers=tuple(made[:1] if kind == "knative" else made),
        routes=tuple(draw(st.lists(st.builds(Route, paths, names), max_size=3))),
        env=tuple(draw(st.lists(literals, max_size=3))),
        provides=tuple(draw(st.lists(st.builds(Provision, st.just("llm"), names), max_size=2))),
    )


json_values = st.none() | st.booleans() | st.integers() | texts | st.lists(texts, max_size=2)
contexts: SearchStrategy[ApplicationContext] = st.builds(
    ApplicationContext,
    name=dns_labels,
    title=texts | tricky,
    template=texts,
    release=st.just(RELEASE),
    parameters=st.dictionaries(env_names.map(str.lower), json_values | tricky, max_size=4),
    bindings=st.lists(literals, max_size=3).map(tuple),
    secrets=st.lists(env_names, max_size=2, unique=True).map(tuple),
    conventions=st.sampled_from(list(CONVENTIONS.values())),
)
