"""What is wanted in a Gitea, by name, and who may do what there."""

from __future__ import annotations

from dataclasses import dataclass

READER_SCOPES = ("read:repository",)
"""What Argo CD's token has to be good for, and no more."""

PULLER_SCOPES = ("read:package",)
"""What the token has to be good for by which images are pulled, and no more."""

SERVICE_TOKEN = "thinkube-catalog"  # noqa: S105 (the name of a token)
READER_TOKEN = "argocd"  # noqa: S105 (the name of a token)
BUILDER_TOKEN = "builds"  # noqa: S105 (the name of a token)
PULLER_TOKEN = "pulls"  # noqa: S105 (the name of a token)
TOKEN = "GITEA_TOKEN"  # noqa: S105 (the name of a setting)
READ_TOKEN = "GITEA_READ_TOKEN"  # noqa: S105 (the name of a setting)
BUILD_TOKEN = "BUILD_TOKEN"  # noqa: S105 (the name of a setting)
PULL_TOKEN = "PULL_TOKEN"  # noqa: S105 (the name of a setting)

READERS, READ_CODE = "argocd", {"repo.code": "read"}
BUILDERS, WRITE_IMAGES = "builders", {"repo.code": "write", "repo.packages": "write"}
PULLERS, READ_IMAGES = "pullers", {"repo.packages": "read"}


@dataclass(frozen=True)
class GiteaPlan:
    """What is wanted there; `prefix` begins the names of our settings.

    `reader` is empty where no Argo CD reads there, `builder` where no images are built, `puller`
    where they are pulled from another registry, or by nobody.
    """

    account: str
    reader: str
    builder: str
    puller: str
    deployments: str
    templates: str
    prefix: str
