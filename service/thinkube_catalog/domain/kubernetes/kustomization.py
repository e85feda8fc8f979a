"""The kustomization: which files are applied, and the one place where image tags stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.documents import DocumentInvalidError, read_yaml
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.kubernetes.names import UNBUILT, image_name
from thinkube_catalog.domain.kubernetes.objects import constant
from thinkube_catalog.domain.rendering import File

KUSTOMIZATION_PATH = "k8s/kustomization.yaml"


@dataclass(frozen=True, kw_only=True)
class Image:
    name: str
    new_tag: str | None = None
    digest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Kustomization:
    api_version: str = constant("kustomize.config.k8s.io/v1beta1")
    kind: str = constant("Kustomization")
    resources: tuple[str, ...]
    images: tuple[Image, ...] = ()


def kustomization(
    descriptor: Descriptor,
    context: ApplicationContext,
    resources: Iterable[str],
    images: Mapping[str, str],
) -> Kustomization:
    """List files and images. `images` gives what is built: a tag or digest by image name."""
    names = (image_name(context, each) for each in descriptor.containers)
    return Kustomization(
        resources=tuple(resources),
        images=tuple(_image(name, images.get(name, UNBUILT)) for name in names),
    )


def _image(name: str, version: str) -> Image:
    if version.startswith("sha256:"):
        return Image(name=name, digest=version)
    return Image(name=name, new_tag=version)


def read_images(files: Mapping[str, File]) -> dict[str, str]:
    """Return the tag or digest of every built image that a repository's kustomization names.

    A file that is missing or cannot be read names none: then the images are built again.
    """
    file = files.get(KUSTOMIZATION_PATH)
    if file is None or file.link:
        return {}
    try:
        document = read_yaml(file.content.decode("utf-8", "replace"), KUSTOMIZATION_PATH)
    except DocumentInvalidError:
        return {}
    listed = document.value.get("images")
    found = {}
    for each in listed if isinstance(listed, list) else ():
        name, version = _version(each)
        if name and version and version != UNBUILT:
            found[name] = version
    return found


def _version(entry: object) -> tuple[str, str]:
    if not isinstance(entry, dict):
        return "", ""
    name, version = entry.get("name"), entry.get("digest") or entry.get("newTag")
    return (name, version) if isinstance(name, str) and isinstance(version, str) else ("", "")
