"""Every template of ours, with every answers file, is the same by `tkt` and by plain Copier."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from thinkube_catalog.adapters.copier import CopierRenderer
from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.catalogs import MemoryCatalogs
from thinkube_catalog.adapters.memory.deployments import MemoryDeployments
from thinkube_catalog.adapters.memory.engine import MemoryEngine
from thinkube_catalog.adapters.memory.runs import MemoryRuns
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.adapters.template_sources import GitTemplateSources
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.preview import project_tree
from thinkube_catalog.operations.publish import publish_template

ROOT = Path(__file__).parents[2]
CASES = [
    (template, answers)
    for template in sorted(ROOT.glob("tkt-*"))
    for answers in sorted(template.glob("answers/*.yml"))
]
SOURCE_LINES = ("_commit:", "_src_path:")

Files = dict[str, tuple[str, bytes]]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("platform")
    forge, secrets = LocalForge(root / "git"), MemorySecrets()
    sources = GitTemplateSources(root / "templates")
    with CopierRenderer(sources) as renderer:
        yield Platform(
            catalogs=MemoryCatalogs(),
            sources=sources,
            renderer=renderer,
            forge=forge,
            engine=MemoryEngine(forge, secrets),
            deployments=MemoryDeployments(),
            runs=MemoryRuns(),
            secrets=secrets,
            merger=GitMerger(),
        )


def test_there_is_something_to_compare() -> None:
    assert CASES
    assert {template for template, _ in CASES} == set(ROOT.glob("tkt-*"))


@pytest.mark.parametrize(
    ("template", "answers"), CASES, ids=[f"{t.name}-{a.stem}" for t, a in CASES]
)
def test_the_published_template_gives_the_same_bytes_and_modes(
    platform: Platform, template: Path, answers: Path, tmp_path: Path
) -> None:
    release = publish_template(platform, template)
    theirs = _by_copier(release, answers, tmp_path / "theirs")
    assert _by_us(platform, release.location, answers, release.commit) == theirs


@pytest.mark.parametrize(
    ("template", "answers"), CASES, ids=[f"{t.name}-{a.stem}" for t, a in CASES]
)
def test_the_folder_gives_the_same_but_for_the_source_lines(
    platform: Platform, template: Path, answers: Path, tmp_path: Path
) -> None:
    folder = Release(str(template), "", "")
    theirs = _by_copier(folder, answers, tmp_path / "theirs")
    assert _without_source(_by_us(platform, str(template), answers)) == _without_source(theirs)


def _by_us(platform: Platform, location: str, answers: Path, ref: str = "") -> Files:
    raw = yaml.safe_load(answers.read_text())
    tree: FileTree = project_tree(platform, location, raw, ref)
    return {path: (file.git_mode, file.content) for path, file in tree.items()}


def _by_copier(release: Release, answers: Path, folder: Path) -> Files:
    ref = ["--vcs-ref", release.version] if release.version else []
    command = [sys.executable, "-m", "copier", "copy", "-q", "-x", ".git", "-l", *ref]
    command += ["--data-file", str(answers), release.location, str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return {
        str(path.relative_to(folder)): (_mode(path), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def _mode(path: Path) -> str:
    return "100755" if path.stat().st_mode & 0o100 else "100644"


def _without_source(files: Files) -> Files:
    name = ".copier-answers.yml"
    mode, content = files[name]
    kept = [x for x in content.decode().splitlines() if not x.startswith(SOURCE_LINES)]
    return {**files, name: (mode, "\n".join(kept).encode())}
