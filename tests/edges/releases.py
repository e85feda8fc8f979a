"""A template with two releases that differ in every way that an upgrade has to bring over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.builders import A_MOMENT
from tests.edges.platform import Offered, Scene, a_scene
from thinkube_catalog.adapters.memory.renderer import MemoryTemplate
from thinkube_catalog.domain.deployments import Deployment, Run
from thinkube_catalog.domain.forge import Change, Proposal, Repository, Signature
from thinkube_catalog.domain.questions import Question
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations import deploy
from thinkube_catalog.operations.deploy import DeploymentRequest

NAME = "legal-qa"
HERE = Repository("thinkube-deployments", NAME)
PERSON = Signature("A person", "person@example.org", A_MOMENT)
DESCRIPTOR = """\
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
metadata: {name: "{{ project_name }}"}
spec:
  containers:
    - {name: app, build: ., port: 8000, size: small, health: /health}
  routes: [{path: /, to: app}]
"""
ANSWERS = "_commit: {{ _commit }}\n_src_path: {{ _src_path }}\ngreeting: {{ greeting }}\n"
APP = "import os\n\ngreeting = '{{ greeting }}'\n\nlimit = 10\n\nprint(greeting)\n"
NAMED = Question("project_name", "str")
GREETING = Question("greeting", "str", help="What to say first", default="Hello")
TONE = Question("tone", "str", help="How to speak", default="kind")
OLD = MemoryTemplate(
    (NAMED, GREETING),
    {
        "thinkube.yaml": DESCRIPTOR,
        ".copier-answers.yml": ANSWERS,
        "app.py": APP,
        "notes.txt": "one\ntwo\nthree\n",
        "old.txt": "goes\n",
    },
)
NEW = MemoryTemplate(
    (NAMED, GREETING, TONE),
    {
        "thinkube.yaml": DESCRIPTOR,
        ".copier-answers.yml": ANSWERS + "tone: {{ tone }}\n",
        "app.py": APP.replace("limit = 10", "limit = 20"),
        "notes.txt": "one\ntwo\nthree\n",
        "tone.txt": "{{ tone }}\n",
    },
)
CHANGELOG = """\
# Changelog

## 1.1.0

Speaks in a tone that you choose, up to 20 times.

## 1.0.0

The first.
"""
TEMPLATE = Offered(
    "tkt-chat",
    NEW,
    releases=("v1.0.0", "v1.1.0"),
    versions={"v1.0.0": OLD, "v1.1.0": NEW},
    changelog=CHANGELOG,
)


def a_scene_of_releases(
    root: Path, template: Offered = TEMPLATE, *, carried_out: bool = True
) -> Scene:
    """Return a platform on which `legal-qa` is deployed from the first release."""
    scene = a_scene(root, offered=(template,), carried_out=carried_out)
    asked = DeploymentRequest("tkt-chat", NAME, {"greeting": "Good day"}, ref="v1.0.0")
    deploy.request(scene.platform, asked)
    return scene


def with_version(version: str, **changes: str) -> Offered:
    """Return the template with a later release that has these files as well, or otherwise."""
    later = replace(NEW, files={**NEW.files, **changes})
    return replace(
        TEMPLATE,
        template=later,
        releases=(*TEMPLATE.releases, version),
        versions={**TEMPLATE.versions, version: later},
    )


def record(scene: Scene) -> Deployment:
    return scene.platform.deployments.get(NAME)


def ended(scene: Scene, run: Run) -> Run:
    return scene.platform.deployments.run(run.id)


def main(scene: Scene) -> FileTree:
    head = scene.platform.forge.head(HERE)
    assert head is not None
    return scene.platform.forge.files(HERE, head.id)


def push(scene: Scene, *removed: str, **texts: str) -> str:
    """Do what a person does with `git push`: change, add and remove files of `main`."""
    files = main(scene).with_files({path: File(text.encode()) for path, text in texts.items()})
    kept = {path: file for path, file in files.items() if path not in removed}
    return scene.platform.forge.publish(HERE, FileTree(kept), "A change", PERSON).id


def push_to(scene: Scene, proposal: Proposal, **texts: str) -> Proposal:
    """Do what a person does with `git push` to a proposal's branch."""
    files = scene.platform.forge.files(HERE, proposal.head)
    changed = files.with_files({path: File(text.encode()) for path, text in texts.items()})
    change = Change(changed, "Settle it", PERSON)
    return scene.platform.forge.propose(HERE, change, proposal.branch, proposal.base, proposal.head)
