"""The check that a descriptor and its template's manifest agree."""

from __future__ import annotations

from thinkube_catalog.domain.descriptor.values import Descriptor
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.manifest import TemplateManifest


def agreement_problems(
    manifest: TemplateManifest, descriptor: Descriptor, file: str = "thinkube.yaml"
) -> list[Problem]:
    """Say where a secret of the manifest would be shown: `publicEnv` is sent to browsers."""
    secrets = {secret.name for secret in manifest.secrets}
    return [
        Problem(
            f"publicEnv of {container.name} names the secret {name}",
            file,
            field=f"spec.containers[{place}].publicEnv",
            mend="remove it there; what publicEnv names can be read by every visitor",
        )
        for place, container in enumerate(descriptor.containers)
        for name in container.public_env
        if name in secrets
    ]
