"""Workflows as typed values: the part of the grammar of Gitea Actions that we write.

Names are the grammar's own in Python's spelling (`runs_on` is `runs-on`); what is None or empty is
left out when written. A text is never an expression unless it was made by `expression`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from thinkube_catalog.domain.documents.writing import document_text

WORKFLOW_NAME = "Build images"
"""Begins the context of every commit status that Gitea gives for one of its jobs."""

WORKFLOW_PATH = ".gitea/workflows/build.yaml"

_HEADER = (
    "# Made from thinkube.yaml by Thinkube Catalog; the next deploy or upgrade writes it anew.\n"
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One script of a job. `env` is all that the script is told; its text has no expressions."""

    name: str
    shell: str = "bash"
    timeout_minutes: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    run: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """Steps in order on one runner, after all jobs that it `needs`."""

    name: str
    runs_on: str
    needs: tuple[str, ...] = ()
    timeout_minutes: int
    env: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Concurrency:
    group: str
    cancel_in_progress: bool


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """What happens after a push to one of the branches, or when a person asks for it."""

    name: str
    branches: tuple[str, ...]
    concurrency: Concurrency
    jobs: Mapping[str, Job]


def expression(text: str) -> str:
    """Return what the runner replaces by the value of an expression."""
    return f"${{{{ {text} }}}}"


def literal(text: str) -> str:
    """Return a text as the runner passes it on unchanged, whatever is in it."""
    return text.replace("${{", expression("'${{'"))


def workflow_text(workflow: Workflow) -> str:
    """Write it as YAML: always the same bytes for the same workflow."""
    document = {
        "name": workflow.name,
        "on": {"push": {"branches": list(workflow.branches)}, "workflow_dispatch": {}},
        "concurrency": _plain(workflow.concurrency),
        "jobs": {key: _plain(job) for key, job in workflow.jobs.items()},
    }
    return _HEADER + document_text(document)


def _plain(value: object) -> object:
    if isinstance(value, Step | Job | Concurrency):
        pairs = ((each.name, getattr(value, each.name)) for each in fields(value))
        return {name.replace("_", "-"): _plain(each) for name, each in pairs if _present(each)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _present(value: object) -> bool:
    return value is not None and value not in ((), {}, "")
