"""Operating the service over the wire: whether it is ready, and what a forge delivers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from thinkube_catalog.api.schemas.wire import Json, Wire


class PushDelivery(BaseModel):
    """What Gitea delivers after a push, as far as it matters; it is read once it is signed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ref": "refs/heads/main",
                    "repository": {"id": 7, "full_name": "thinkube-deployments/legal-qa"},
                }
            ]
        }
    )

    ref: str = Field(description="The full name of the branch or tag.")
    repository: dict[str, Json] = Field(description="The repository, by `id` and `full_name`.")


class Ready(Wire):
    """Whether the service can do its work."""

    ready: bool
    checks: dict[str, str] = Field(description="ok, or what is wrong, by part.")
