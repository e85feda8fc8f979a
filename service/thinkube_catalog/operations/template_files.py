"""Reading what a template says about itself, from its files, whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from thinkube_catalog.domain.catalog import CatalogEntry
from thinkube_catalog.domain.descriptor import Descriptor, agreement_problems, parse_descriptor
from thinkube_catalog.domain.documents import DocumentInvalidError, read_yaml
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.manifest import TemplateManifest, parse_manifest
from thinkube_catalog.operations.remembering import remembered

LONGEST_FILE = 1024 * 1024
COPIER_FILES = ("copier.yml", "copier.yaml")
MANIFEST_FILES = ("manifest.yaml", "template.yaml")  # the second is older
DESCRIPTOR_FILE = "thinkube.yaml"
_OUR_MARKS = ("TemplateManifest", "thinkube.io/")
_parsed_manifest = remembered(parse_manifest)
_parsed_descriptor = remembered(parse_descriptor)
_READMES = ("readme.md", "readme.markdown", "readme.rst", "readme.txt", "readme")


@dataclass(frozen=True)
class TemplateFiles:
    """What a template's own files say. A plain Copier template has neither manifest nor descriptor.

    `asks` says whether its questions come from `copier.yml`.
    """

    manifest: TemplateManifest | None
    descriptor: Descriptor | None
    readme: str
    asks: bool
    warnings: tuple[Problem, ...]


def read_template(root: Path, entry: CatalogEntry) -> TemplateFiles:
    """Read a checked-out template. Links that lead out of it, and endless files, are not read.

    Raises ManifestInvalidError, DescriptorInvalidError or DocumentInvalidError with every problem.
    """
    warnings: list[Problem] = []
    copier = next((name for name in COPIER_FILES if _text(root, name) is not None), "")
    manifest = _manifest(root, warnings)
    descriptor = _descriptor(root, _subdirectory(root, copier), warnings)
    if not copier and manifest is None:
        message = "there is neither copier.yml nor manifest.yaml: nothing makes this a template"
        warnings.append(Problem(message, entry.location))
    if manifest is not None and descriptor is not None:
        warnings += agreement_problems(manifest, descriptor)
    if descriptor is not None:
        warnings += _disagreement(entry, descriptor)
    return TemplateFiles(manifest, descriptor, _readme(root), bool(copier), tuple(warnings))


def _manifest(root: Path, warnings: list[Problem]) -> TemplateManifest | None:
    for name in MANIFEST_FILES:
        text = _text(root, name)
        if text is None:
            continue
        if not any(mark in text for mark in _OUR_MARKS):
            warnings.append(Problem("the file is no TemplateManifest; it is passed over", name))
            continue
        parsed = _parsed_manifest(text, name)
        warnings += parsed.warnings
        return parsed.value
    return None


def _descriptor(root: Path, subdirectory: str, warnings: list[Problem]) -> Descriptor | None:
    path = str(PurePosixPath(subdirectory) / DESCRIPTOR_FILE)
    text = _text(root, path)
    if text is None:
        return None
    parsed = _parsed_descriptor(text, path)
    warnings += parsed.warnings
    return parsed.value


def _subdirectory(root: Path, copier: str) -> str:
    """Return the only folder that is rendered, as `copier.yml` says; empty for all of it."""
    text = _text(root, copier) if copier else None
    if text is None:
        return ""
    try:
        return _subdirectory_said(text, copier)
    except DocumentInvalidError:
        # Copier reads more than we do (`!include`), and says what is wrong better than we can.
        return "template" if (root / "template").is_dir() else ""


@remembered
def _subdirectory_said(text: str, copier: str) -> str:
    value = read_yaml(text, copier).value.get("_subdirectory")
    return value if isinstance(value, str) and "{" not in value else ""


def _disagreement(entry: CatalogEntry, descriptor: Descriptor) -> Iterator[Problem]:
    said, does = entry.deployment_type, descriptor.deployment.type
    if entry.origin and "component" in {said, does} and said != does:
        yield Problem(
            f"the catalogue lists it as {said}, but the template deploys as {does}",
            DESCRIPTOR_FILE,
            field="spec.deployment.type",
            mend="make the two say the same",
        )


def _readme(root: Path) -> str:
    names = {each.name.lower(): each.name for each in sorted(root.iterdir(), reverse=True)}
    found = (_text(root, names[name]) for name in _READMES if name in names)
    return next((text for text in found if text is not None), "")


def _text(root: Path, name: str) -> str | None:
    """Return a file's text; None when it is missing or not to be read."""
    try:
        path = (root / name).resolve(strict=True)
        if not path.is_relative_to(root.resolve()) or not path.is_file():
            return None
        with path.open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
    except (OSError, RuntimeError, ValueError):
        return None
    return content.decode("utf-8", "replace") if len(content) <= LONGEST_FILE else None
