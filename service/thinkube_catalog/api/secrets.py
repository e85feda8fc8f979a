"""Routes of the secret store; values go in and never come out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from thinkube_catalog.api import PREFIX
from thinkube_catalog.api.errors import responses
from thinkube_catalog.api.schemas.secrets import SecretPage, SecretPut
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations.platform import Platform

Key = Annotated[
    str,
    Path(
        pattern=r"^([a-z][a-z0-9-]*/)?[A-Z][A-Z0-9_]*$",
        max_length=200,
        description="As in HF_TOKEN; or legal-qa/HF_TOKEN for one deployment alone.",
    ),
]
INVALID = responses(422, 503)


def routes(platform: Platform) -> APIRouter:
    """Return the routes of the secret store on a platform."""
    router = APIRouter(prefix=f"{PREFIX}/secrets", tags=["secrets"])

    @router.get("", summary="List the stored secrets", responses=responses(503))
    def list_secrets() -> SecretPage:
        """List their names; values are never given out."""
        return SecretPage.of({"items": platform.secrets.entries()})

    @router.put("/{key:path}", status_code=204, summary="Store a secret", responses=INVALID)
    def put_secret(key: Key, given: SecretPut) -> None:
        """Store a value, or replace it."""
        platform.secrets.put(key, SecretValue(given.value))

    @router.delete("/{key:path}", status_code=204, summary="Delete a secret", responses=INVALID)
    def delete_secret(key: Key) -> None:
        """Delete a value; nothing happens if there is none."""
        platform.secrets.remove(key)

    return router
