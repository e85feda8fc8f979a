"""The OpenAPI document: what FastAPI finds out, and what it does not know about our errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI

from thinkube_catalog.api.schemas.operation import PushDelivery

MEDIA_TYPE = "application/problem+json"
_PROBLEM = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
_NOT_OURS = ("HTTPValidationError", "ValidationError")
_FIRST_ERROR = 400

Document = dict[str, Any]


def install(app: FastAPI) -> None:
    """Have the app describe its errors as what they are: problem documents, all of them."""
    app.openapi = partial(_described, app, app.openapi)  # type: ignore[method-assign] # the documented way


def _described(app: FastAPI, original: Callable[[], Document]) -> Document:
    if app.openapi_schema:
        return app.openapi_schema
    document = original()
    for item in document["paths"].values():
        for operation in item.values():
            _describe_errors(operation["responses"])
    document["components"]["schemas"]["PushDelivery"] = PushDelivery.model_json_schema()
    for name in _NOT_OURS:
        document["components"]["schemas"].pop(name, None)
    return document


def _describe_errors(responses: Document) -> None:
    for status, answer in responses.items():
        described = answer.get("content", {})
        if int(status) >= _FIRST_ERROR and not _is_a_document_of_its_own(described):
            answer["content"] = {MEDIA_TYPE: _PROBLEM}


def _is_a_document_of_its_own(content: Document) -> bool:
    """Say whether a route answers an error with something else, as readiness does."""
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    name = reference.rpartition("/")[2]
    return bool(name) and name not in {"ProblemDocument", *_NOT_OURS}


def methods_at(app: FastAPI, path: str) -> list[str]:
    """Return the methods that the description knows for an address; none for what it leaves out."""
    return sorted(
        {
            method.upper()
            for described, item in app.openapi()["paths"].items()
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", described), path)
            for method in item
        }
    )
