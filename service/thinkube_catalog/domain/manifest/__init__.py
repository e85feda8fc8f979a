"""TemplateManifest: what `manifest.yaml` says a template is, asks, needs and gives."""

from thinkube_catalog.domain.manifest.mirror import mirror_problems
from thinkube_catalog.domain.manifest.questions import questions_from_parameters
from thinkube_catalog.domain.manifest.reading import (
    RESERVED_PARAMETERS,
    ManifestInvalidError,
    parse_manifest,
)
from thinkube_catalog.domain.manifest.values import (
    Need,
    Parameter,
    SecretDeclaration,
    TemplateManifest,
)

__all__ = [
    "RESERVED_PARAMETERS",
    "ManifestInvalidError",
    "Need",
    "Parameter",
    "SecretDeclaration",
    "TemplateManifest",
    "mirror_problems",
    "parse_manifest",
    "questions_from_parameters",
]
