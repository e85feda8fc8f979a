"""The files of `k8s/`: their bytes, the way back from them, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.unit.domain.kubernetes.samples import (
    AGENT,
    DESCRIPTORS,
    a_container,
    a_context,
    a_descriptor,
    of_kind,
    one_of,
)
from thinkube_catalog.domain.descriptor import Mount, Variable
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.kubernetes import (
    METADATA_PATH,
    MetadataInvalidError,
    ObjectsInvalidError,
    project_files,
    read_context,
    read_images,
)
from thinkube_catalog.domain.rendering import File, FileTree

GOLDEN = Path(__file__).parent / "golden"


def _golden_context() -> ApplicationContext:
    return a_context(
        parameters={"language": "English", "top_k": 5, "strict": False},
        bindings=(Variable("LLM_BASE_URL", "http://litellm.litellm.svc.cluster.local:4000/v1"),),
        secrets=("LLM_API_KEY",),
    )


@pytest.mark.parametrize("name", ["rag agent", "web app"])
def test_the_files_are_the_ones_that_people_have_reviewed(name: str) -> None:
    files = project_files(DESCRIPTORS[name], _golden_context())
    reviewed = GOLDEN / f"{name.replace(' ', '-')}.yaml"
    text = "".join(f"# {path}\n{file.content.decode()}\n" for path, file in files.items())
    assert text == reviewed.read_text(encoding="utf-8")


def test_the_context_is_read_back_from_a_file_tree() -> None:
    context = _golden_context()
    tree = FileTree(project_files(AGENT, context))
    assert read_context(tree, context.conventions) == context


def test_conventions_are_the_installations_own_and_are_not_read_back() -> None:
    other = Conventions(domain_name="elsewhere.example.org")
    tree = FileTree(project_files(AGENT, _golden_context()))
    assert read_context(tree, other).conventions == other


def _metadata(**changes: object) -> FileTree:
    files = project_files(AGENT, _golden_context())
    document = yaml.safe_load(files[METADATA_PATH].content)
    document["data"].update(changes)
    return FileTree({METADATA_PATH: File(yaml.safe_dump(document).encode())})


def test_every_fault_of_the_metadata_is_named_at_once() -> None:
    broken = _metadata(
        title=7, release="[]", parameters="{", bindings='[{"name": 1}]', secrets='"HF_TOKEN"'
    )
    with pytest.raises(MetadataInvalidError) as caught:
        read_context(broken, Conventions())
    assert all(each.line for each in caught.value.problems)
    assert [each.field for each in caught.value.problems] == [
        "data.title",
        "data.release",
        "data.parameters",
        "data.bindings",
        "data.secrets",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [", "app-metadata.yaml:1: this is not YAML"),
        (b"!!python/name:os.system", "is not allowed"),
        (b"data: text", "data.name: name is not a text"),
        (b"[" * 100_000, "nested more than 50 deep"),
        (b" " * 1_048_577, "app-metadata.yaml"),
    ],
)
def test_a_file_that_somebody_broke_is_refused_in_words(content: bytes, sentence: str) -> None:
    with pytest.raises(MetadataInvalidError) as caught:
        read_context({METADATA_PATH: File(content)}, Conventions())
    assert sentence in str(caught.value)


@pytest.mark.parametrize("files", [{}, {METADATA_PATH: File(b"/etc/passwd", link=True)}])
def test_a_missing_or_linked_file_is_not_read(files: dict[str, File]) -> None:
    with pytest.raises(MetadataInvalidError, match="there is no such file"):
        read_context(files, Conventions())


def test_an_image_that_was_built_stays_when_the_objects_are_made_anew() -> None:
    name = "registry.localhost/thinkube/legal-qa-api"
    digest = "sha256:" + "0f" * 32
    first = project_files(AGENT, _golden_context())
    assert read_images(first) == {}
    for version in ("v7", digest):
        built = project_files(AGENT, _golden_context(), {name: version})
        assert read_images(built) == {name: version}
        assert project_files(AGENT, _golden_context(), read_images(built)) == built


@pytest.mark.parametrize("content", [b"a: [", b"[]", b"images: 7", b"images: [7, {name: 1}]"])
def test_a_kustomization_that_cannot_be_read_names_no_image(content: bytes) -> None:
    assert read_images({"k8s/kustomization.yaml": File(content)}) == {}


def test_names_that_do_not_fit_a_cluster_are_all_listed() -> None:
    descriptor = a_descriptor(
        a_container("Bad_Name"),
        a_container("x" * 60),
        a_container("y" * 45, schedule="* * * * *"),
        a_container("twin"),
        a_container("twin"),
    )
    with pytest.raises(ObjectsInvalidError) as caught:
        project_files(descriptor, a_context())
    text = str(caught.value)
    assert "2 containers are named twin" in text
    assert "'Bad_Name' cannot be a name in a cluster" in text
    assert "longer than 63 characters" in text
    assert "use a container name of at most 54 characters" in text
    assert "longer than 52 characters" in text


def test_two_claims_of_one_name_are_reported() -> None:
    descriptor = a_descriptor(
        a_container("x", volume="/data"), a_container("y", mounts=(Mount("x-storage", "/s"),))
    )
    with pytest.raises(ObjectsInvalidError, match="PersistentVolumeClaim named legal-qa-x-storage"):
        project_files(descriptor, a_context())


def test_mounts_that_exclude_each_other_are_reported() -> None:
    descriptor = a_descriptor(
        a_container(volume="/data", mounts=(Mount("one", "/data"), Mount("Two", "/two")))
    )
    with pytest.raises(ObjectsInvalidError) as caught:
        project_files(descriptor, a_context())
    assert [each.message for each in caught.value.problems] == [
        "api mounts /data 2 times",
        "'Two' cannot be the name of a mount",
    ]


def test_values_that_no_environment_can_hold_are_reported_without_showing_them() -> None:
    context = a_context(parameters={"note": "a\0b", "broken": "\ud800", "1x": "y"})
    with pytest.raises(ObjectsInvalidError) as caught:
        project_files(a_descriptor(), context)
    assert [each.field for each in caught.value.problems] == ["1X", "BROKEN", "NOTE"]


def test_a_template_of_any_name_makes_a_valid_label() -> None:
    context = replace(a_context(), template="https://git.example.org/org/tkt-chat.git")
    made = one_of("Deployment", a_descriptor(), context)
    assert made["metadata"]["labels"]["thinkube.io/template"] == (
        "https-git.example.org-org-tkt-chat.git"
    )


def test_no_secret_object_is_ever_written() -> None:
    for descriptor in DESCRIPTORS.values():
        assert of_kind("Secret", descriptor, a_context(secrets=("HF_TOKEN",))) == []
