"""Rendering gives the very bytes and modes that `copier copy -x .git` gives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import copier
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.agent_template import EXECUTABLE, agent_template
from tests.folders import FolderSources, write_folder
from thinkube_catalog.adapters.copier import CopierRenderer
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.rendering import File, FileTree

GIT = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
SOURCE_LINES = (b"_src_path:", b"_commit:")


@dataclass
class Published:
    """A template in a plain folder, the same in a Git repository with a tag, and a renderer."""

    folder: Path
    url: str
    release: Release
    renderer: CopierRenderer
    root: Path

    def ours(self, raw: Mapping[str, object]) -> FileTree:
        answers = self.renderer.evaluate(self.release, raw).answers()
        return self.renderer.render(self.release, answers)

    def by_command(self, raw: Mapping[str, str]) -> FileTree:
        destination = self.root / f"by-command-{len(list(self.root.iterdir()))}"
        options = [part for name, text in raw.items() for part in ("-d", f"{name}={text}")]
        command = [sys.executable, "-m", "copier", "copy", "-q", "-x", ".git", "--defaults"]
        home = str(self.root)
        environment = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", **GIT}
        subprocess.run(
            [*command, *options, self.url, str(destination)],
            check=True,
            env=environment,
            timeout=60,
            capture_output=True,
        )
        return tree_at(destination)

    def in_process(self, raw: Mapping[str, Any]) -> FileTree:
        destination = self.root / f"in-process-{len(list(self.root.iterdir()))}"
        copier.run_copy(
            str(self.folder),
            destination,
            data=dict(raw),
            exclude=[".git"],
            settings=copier.Settings(),
            defaults=True,
            overwrite=True,
            quiet=True,
        )
        return tree_at(destination)


def tree_at(folder: Path) -> FileTree:
    """Read a folder as it is on disk, by other means than the renderer's."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            files[name] = File(str(path.readlink()).encode(), link=True)
        elif path.is_file():
            files[name] = File(path.read_bytes(), executable=os.access(path, os.X_OK))
    return FileTree(files)


def sourceless(tree: FileTree) -> FileTree:
    """Leave out the two lines that say where the template came from."""
    files = dict(tree)
    answers = files[".copier-answers.yml"]
    lines = [line for line in answers.content.splitlines(True) if not line.startswith(SOURCE_LINES)]
    return FileTree({**files, ".copier-answers.yml": File(b"".join(lines))})


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=True,
        env={**os.environ, **GIT},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


def published(root: Path, files: Mapping[str, str | bytes], renderer_of: Any) -> Published:
    folder = write_folder(root / "plain", files, EXECUTABLE)
    work = write_folder(root / "work", files, EXECUTABLE)
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "Release")
    git(work, "tag", "v1.2.0")
    git(root, "clone", "-q", "--bare", "work", "bare.git")
    url = f"git+file://{root}/bare.git"
    sources, renderer = renderer_of
    release = Release(url, "v1.2.0", git(work, "rev-parse", "HEAD"))
    sources.offer(folder, "v1.2.0", url)
    return Published(folder, url, release, renderer, root)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FolderSources, CopierRenderer]]:
    sources = FolderSources()
    with CopierRenderer(sources) as renderer:
        yield sources, renderer


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, shared: Any) -> Published:
    return published(tmp_path_factory.mktemp("agent"), agent_template(), shared)


ANSWERS: Mapping[str, str] = {
    "project_name": "legal-qa",
    "project_description": "Says “yes” & 'no': # really\n",
    "model": "large-70b",
    "gpus": "4",
    "temperature": "1e-3",
    "tracing": "yes",
    "formats": "[txt, pdf]",
    "limits": "{chunk: 1, since: 2026-01-02}",
    "headers": '{"a": [1, null, "é"]}',
    "api_token": "hush",
    "port": "81",
}


def test_all_answered_gives_the_bytes_of_the_published_template(agent: Published) -> None:
    assert dict(agent.ours(ANSWERS)) == dict(agent.by_command(ANSWERS))


def test_only_what_is_required_gives_the_bytes_of_the_published_template(agent: Published) -> None:
    raw = {"project_name": "x"}
    ours = agent.ours(raw)
    assert dict(ours) == dict(agent.by_command(raw))
    assert len(ours) == 28
    assert ours["run.sh"].executable


def test_the_answers_file_names_the_published_source_and_version(agent: Published) -> None:
    text = agent.ours({"project_name": "x"}).text(".copier-answers.yml")
    assert "_commit: v1.2.0\n" in text
    assert f"_src_path: {agent.url}\n" in text


def test_secret_answers_stay_out_of_the_answers_file(agent: Published) -> None:
    tree = agent.ours({"project_name": "x", "api_token": "hush"})
    assert all(b"hush" not in file.content for file in tree.values())


def test_a_structured_answer_survives_the_form(agent: Published) -> None:
    raw = {"project_name": "x", "limits": "'123'", "headers": '"text"'}
    assert dict(agent.ours(raw)) == dict(agent.by_command(raw))


names = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)
plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
raw_answers = st.fixed_dictionaries(
    {"project_name": names},
    optional={
        "project_title": texts,
        "project_description": st.text(st.sampled_from("ab'\"#:{}[]\n\t -!&*%|>é☃")),
        "author_name": texts,
        "module_name": texts,
        "model": st.sampled_from(["small-1b", "medium-8b", "large-70b"]),
        "gpus": st.integers(2, 8),
        "temperature": st.floats(allow_nan=False, allow_infinity=False),
        "tracing": st.booleans(),
        "tracing_host": texts,
        "formats": st.lists(st.sampled_from(["pdf", "txt", "md", "html"]), unique=True),
        "limits": st.dictionaries(texts, plain_values, max_size=3),
        "headers": st.dictionaries(texts, plain_values, max_size=3),
        "data_dir": st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,3}", fullmatch=True),
        "port": st.integers(1, 65535),
        "surprise": texts,
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=raw_answers)
def test_any_answers_give_the_bytes_of_copier_in_this_process(
    agent: Published,
    raw: dict[str, Any],
) -> None:
    ours = agent.ours(raw)
    # Copier takes answers to computed questions; the catalog drops them, so it gets none here.
    visible = {name: raw[name] for name in raw if name not in {"module_name", "surprise"}}
    if not raw.get("tracing"):
        visible.pop("tracing_host", None)
    assert dict(sourceless(ours)) == dict(sourceless(agent.in_process(visible)))


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=names, title=texts, formats=st.lists(st.sampled_from(["pdf", "md"]), unique=True))
def test_any_answers_give_the_bytes_of_the_copier_command(
    agent: Published,
    name: str,
    title: str,
    formats: list[str],
) -> None:
    assume("\x00" not in title)
    raw = {"project_name": name, "project_title": title, "formats": f"[{', '.join(formats)}]"}
    assert dict(agent.ours(raw)) == dict(agent.by_command(raw))


MANIFEST = """
apiVersion: thinkube.io/v1
kind: TemplateManifest
metadata: {name: tkt-old, title: Old}
parameters:
  - {name: greeting, type: str, description: What to say, default: Hello}
  - {name: loud, type: bool, description: Say it loud, default: false}
"""


@pytest.fixture(scope="module")
def manifest_only(tmp_path_factory: pytest.TempPathFactory, shared: Any) -> Published:
    files = {
        "manifest.yaml": MANIFEST,
        "thinkube.yaml": "name: '{{ project_name }}'\n",
        "app.txt.jinja": (
            "{{ greeting }} from {{ project_name }} {{ nothing }}"
            "{% if loud %}, loud: {{ loud }}{% endif %} at {{ domain_name }}\n"
        ),
        "docs/plain.txt": "{{ untouched }}\n",
    }
    return published(tmp_path_factory.mktemp("old"), files, shared)


def test_a_manifests_parameters_are_asked(manifest_only: Published) -> None:
    form = manifest_only.renderer.evaluate(manifest_only.release, {"loud": "maybe"})
    assert form.asked_by == "manifest.yaml"
    assert [(q.name, q.type, q.default) for q in form.questions] == [
        ("greeting", "str", "Hello"),
        ("loud", "bool", False),
    ]
    assert [problem.field for problem in form.problems] == ["loud"]


def test_a_manifest_only_template_gets_every_value_as_text(manifest_only: Published) -> None:
    form = manifest_only.renderer.evaluate(manifest_only.release, {"greeting": "Hi"})
    told = {"project_name": "legal-qa", "domain_name": "example.org"}
    tree = manifest_only.renderer.render(manifest_only.release, form.answers(), told)
    assert tree.text("app.txt") == "Hi from legal-qa , loud: False at example.org\n"
    given = {"greeting": "Hi", "loud": "False", **told}
    assert dict(tree) == dict(manifest_only.by_command(given))
