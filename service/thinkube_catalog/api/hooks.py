"""The route that the forge delivers to: who calls is known by a signature, not by a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool

from thinkube_catalog.api import PREFIX
from thinkube_catalog.api.errors import responses
from thinkube_catalog.domain.forge import Deliveries, DeliveryRefusedError, Repository

PATH = f"{PREFIX}/hooks/gitea"

Signature = Annotated[
    str,
    Header(
        alias="X-Gitea-Signature",
        description="HMAC-SHA256 (hex) of the body under the secret of the repository's webhook.",
    ),
]
Delivery = Annotated[
    str,
    Header(alias="X-Gitea-Delivery", description="The delivery's id; a repeated one does nothing."),
]
GiteaEvent = Annotated[
    str, Header(alias="X-Gitea-Event", description="What happened; `push` has an effect.")
]
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/PushDelivery"}},
        },
    }
}


def routes(deliveries: Deliveries | None, pushed: Callable[[Repository], None]) -> APIRouter:
    """Return the route; without `deliveries` nothing is signed for it."""
    router = APIRouter(tags=["hooks"])

    @router.post(
        PATH,
        status_code=204,
        summary="Take a delivery of Gitea",
        responses=responses(403, 422),
        openapi_extra=BODY,
    )
    async def receive_delivery(
        request: Request,
        _signature: Signature = "",
        _delivery: Delivery = "",
        _event: GiteaEvent = "",
    ) -> None:
        """Look at once at a repository whose branch `main` was pushed to.

        The webhook is made by this service. What is signed and is something else is ignored.
        """
        if deliveries is None:
            raise DeliveryRefusedError
        body = await request.body()
        headers = dict(request.headers)
        repository = await run_in_threadpool(deliveries.receive, headers, body)
        if repository is not None:
            pushed(repository)

    return router
