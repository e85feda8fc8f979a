"""The manifests of the service, read and put together as kustomize does."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "base"
OVERLAY = ROOT / "deploy" / "overlays" / "example"
ARGOCD = ROOT / "deploy" / "argocd" / "application.yaml"

Plain = dict[str, Any]


def documents(path: Path) -> list[Plain]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


@cache
def base() -> tuple[Plain, ...]:
    """Return every object of the base, in the order of its kustomization."""
    listed = documents(BASE / "kustomization.yaml")[0]["resources"]
    return tuple(each for name in listed for each in documents(BASE / name))


def overlaid() -> list[Plain]:
    """Return the objects of the example: the base with its patches and its image.

    The lists that are patched have no keys to merge by, so a patch is a merge of mappings.
    """
    kustomization = documents(OVERLAY / "kustomization.yaml")[0]
    objects = [copy.deepcopy(each) for each in base()]
    for patch in kustomization["patches"]:
        change = documents(OVERLAY / patch["path"])[0]
        (target,) = (each for each in objects if identity(each) == identity(change))
        _merge(target, change)
    (image,) = kustomization["images"]
    for each in objects:
        for container in pod(each).get("containers", ()):
            if container["image"].partition(":")[0] == image["name"]:
                container["image"] = f"{image['newName']}@{image['digest']}"
    return objects


def identity(made: Plain) -> tuple[str, str, str]:
    metadata = made["metadata"]
    return made["kind"], metadata.get("namespace", ""), metadata["name"]


def the(kind: str, name: str = "thinkube-catalog") -> Plain:
    """Return the one object of a kind in the base."""
    (found,) = (it for it in base() if (it["kind"], it["metadata"]["name"]) == (kind, name))
    return found


def pod(made: Plain) -> Plain:
    found: Plain = made.get("spec", {}).get("template", {}).get("spec", {})
    return found


def container() -> Plain:
    """Return the one container of the service."""
    (found,) = pod(the("Deployment"))["containers"]
    made: Plain = found
    return made


def _merge(there: Plain, change: Plain) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(there.get(key), dict):
            _merge(there[key], value)
        else:
            there[key] = value
