"""A platform in memory with templates small enough to read, and the API on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import httpx
from fastapi import FastAPI

from tests.builders import A_MOMENT
from tests.edges.asgi import AppTransport
from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.adapters.memory.catalogs import MemoryCatalogs
from thinkube_catalog.adapters.memory.deployments import MemoryDeployments
from thinkube_catalog.adapters.memory.engine import MemoryEngine
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.renderer import MemoryRenderer, MemoryTemplate
from thinkube_catalog.adapters.memory.runs import MemoryRuns
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.adapters.memory.sources import MemoryTemplateSources
from thinkube_catalog.adapters.observed import ObservedDeployments
from thinkube_catalog.api.app import create_app
from thinkube_catalog.api.guard import Access
from thinkube_catalog.api.metrics import Metrics
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry
from thinkube_catalog.domain.errors import UnavailableError
from thinkube_catalog.domain.forge import Deliveries, Repository, Signature
from thinkube_catalog.domain.gitops import Cause, CauseKind
from thinkube_catalog.domain.questions import Choice, Question
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations import runs
from thinkube_catalog.operations.platform import Platform

HOST = "127.0.0.1"
BASE = f"http://{HOST}"

_COPIER = "_subdirectory: template\n"
_DESCRIPTOR = """\
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
metadata: {name: "{{ project_name }}"}
spec:
  containers:
    - {name: app, build: ., port: 8000, size: small, health: /health}
  routes: [{path: /, to: app}]
"""
_FILES = {"thinkube.yaml": _DESCRIPTOR, "greeting.txt": "{{ greeting }}\n"}

GREETING = Question("greeting", "str", help="What to say first", default="Hello")
TONE = Question(
    "tone",
    "str",
    help="How to speak",
    default="kind",
    choices=(Choice("kind", "Kind"), Choice("plain", "Plain")),
)
COUNT = Question("count", "int", help="How many of them", default=1)


@dataclass(frozen=True)
class Offered:
    """A template on offer: how it renders, what its manifest declares, and its releases."""

    name: str
    template: MemoryTemplate
    secrets: Sequence[str] = ()
    title: str = ""
    category: str = "agents"
    tags: Sequence[str] = ("chat",)
    releases: Sequence[str] = ("v1.0.0", "v1.1.0")
    versions: Mapping[str, MemoryTemplate] = field(default_factory=dict)
    changelog: str = ""

    @property
    def location(self) -> str:
        return f"memory://thinkube-templates/{self.name}.git"

    def at(self, version: str) -> MemoryTemplate:
        """Return what a version renders, where that is another than what all others do."""
        return self.versions.get(version, self.template)

    def templates(self) -> dict[str, MemoryTemplate]:
        exactly = {f"{self.location}@{name}": each for name, each in self.versions.items()}
        return {self.location: self.template, **exactly}

    def entry(self) -> CatalogEntry:
        return CatalogEntry(
            self.name,
            self.location,
            title=self.title or f"The {self.name}",
            description=f"Does what {self.name} does",
            category=self.category,
            tags=tuple(self.tags),
        )

    def files(self, version: str) -> FileTree:
        secrets = ", ".join(f"{{name: {name}, description: A token}}" for name in self.secrets)
        manifest = (
            "apiVersion: thinkube.io/v1\nkind: TemplateManifest\n"
            f"metadata: {{name: {self.name}, title: The {self.name}, version: {version[1:]}}}\n"
            f"parameters: []\nsecrets: [{secrets}]\n"
        )
        texts = {
            "copier.yml": _COPIER,
            "manifest.yaml": manifest,
            "README.md": f"# {self.name}\n",
            **{f"template/{path}": text for path, text in self.at(version).files.items()},
        }
        if self.changelog:
            texts["CHANGELOG.md"] = self.changelog
        return FileTree({path: File(text.encode()) for path, text in texts.items()})


CHAT = Offered("tkt-chat", MemoryTemplate((GREETING, TONE, COUNT), _FILES))
GUARDED = Offered(
    "tkt-guarded", MemoryTemplate((GREETING,), _FILES), secrets=["HF_TOKEN"], tags=["chat", "gated"]
)
BROKEN = Offered("tkt-broken", MemoryTemplate(fault="the template divides by zero"), category="odd")


@dataclass
class Scene:
    """A platform with what is behind it, for tests to look at and to disturb."""

    platform: Platform
    engine: MemoryEngine
    runs: MemoryRuns
    secrets: MemorySecrets
    app: FastAPI
    checks: dict[str, str] = field(default_factory=lambda: {"database": "ok"})

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(transport=AppTransport(self.app), base_url=BASE, headers=headers)

    def break_next_versions(self, why: str = "exit code 1") -> None:
        cause = Cause(CauseKind.CRASH_LOOP, why, "mend it", container="app", lines=("boom",))
        self.engine.verdict = lambda _files: [cause]

    def mend_versions(self) -> None:
        self.engine.verdict = lambda _files: []


def a_scene(
    root: Path,
    *,
    offered: Sequence[Offered] = (CHAT, GUARDED, BROKEN),
    access: Access | None = None,
    looks: int = 0,
    carried_out: bool = True,
    inline: bool = True,
    deliveries: Deliveries | None = None,
    pushed: Callable[[Repository], None] = lambda _repository: None,
) -> Scene:
    """Return the API on a platform whose runs are carried out at once, or when launched."""
    forge, secrets = MemoryForge(), MemorySecrets()
    for each in offered:
        _publish(forge, each)
    engine = MemoryEngine(forge, secrets, looks=looks)
    carrying = MemoryRuns(lambda _seconds: None, inline=inline)
    metrics = Metrics()
    platform = Platform(
        catalogs=MemoryCatalogs(_catalog(offered)),
        sources=MemoryTemplateSources(root / "checkouts", forge),
        renderer=MemoryRenderer(dict(chain(*(each.templates().items() for each in offered)))),
        forge=forge,
        engine=engine,
        deployments=ObservedDeployments(MemoryDeployments(), metrics),
        runs=carrying,
        secrets=secrets,
        merger=GitMerger(),
    )
    if carried_out:
        carrying.launch(partial(runs.proceed, platform))
    checks: dict[str, str] = {"database": "ok"}
    app = create_app(
        platform,
        access or Access(),
        version="0.0.0",
        metrics=metrics,
        checks={"database": lambda: checks["database"]},
        deliveries=deliveries,
        pushed=pushed,
    )
    return Scene(platform, engine, carrying, secrets, app, checks)


def _catalog(offered: Sequence[Offered]) -> Catalog:
    entries = tuple(each.entry() for each in offered)
    return Catalog(entries, categories={"agents": "Agents", "odd": "Odd ones"})


def _publish(forge: MemoryForge, offered: Offered) -> None:
    repository = Repository("thinkube-templates", offered.name)
    forge.ensure_repository(repository, offered.name)
    for version in offered.releases:
        forge.publish(
            repository,
            offered.files(version),
            f"Release {version}",
            Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT),
            version,
        )


class Unreachable:
    """Something outside that answers nothing: every use of it is an UnavailableError."""

    def __getattr__(self, name: str) -> object:
        def unavailable(*_args: object, **_named: object) -> object:
            raise UnavailableError("nobody answers")

        return unavailable


@contextmanager
def without(platform: Platform, **parts: object) -> Iterator[None]:
    """Put other parts into a platform for a while."""
    before = {name: getattr(platform, name) for name in parts}
    _put(platform, parts)
    try:
        yield
    finally:
        _put(platform, before)


def _put(platform: Platform, parts: Mapping[str, object]) -> None:
    for name, part in parts.items():
        object.__setattr__(platform, name, part)
