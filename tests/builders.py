"""Values that are valid by default; a test says only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.deployments import Deployment
from thinkube_catalog.domain.descriptor import Container, Descriptor, Route
from thinkube_catalog.domain.manifest import Parameter, SecretDeclaration, TemplateManifest

A_MOMENT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def a_release(**changes: Any) -> Release:
    release = Release(
        location="https://forge.example.org/thinkube-templates/tkt-chat",
        version="v1.2.0",
        commit="4f2d9c1ab57e0c3386a1d9be5f7702c4d1e8b603",
    )
    return replace(release, **changes)


def a_parameter(**changes: Any) -> Parameter:
    parameter = Parameter(name="greeting", description="What to say first", default="Hello")
    return replace(parameter, **changes)


def a_manifest(**changes: Any) -> TemplateManifest:
    manifest = TemplateManifest(
        name="tkt-chat",
        title="Chat: talk to a model",
        description="A page to talk to a language model",
        version="1.2.0",
        author="Thinkube Catalog",
        tags=("chat", "llm"),
        category="agents",
        parameters=(a_parameter(),),
        secrets=(SecretDeclaration("LLM_API_KEY", "Key of the gateway", required=False),),
    )
    return replace(manifest, **changes)


def a_container(**changes: Any) -> Container:
    container = Container(name="app", build="app", port=8000, size="small", health="/health")
    return replace(container, **changes)


def a_descriptor(**changes: Any) -> Descriptor:
    descriptor = Descriptor(
        name="{{ project_name }}",
        version="0.1.0",
        containers=(a_container(),),
        routes=(Route("/", "app"),),
    )
    return replace(descriptor, **changes)


def a_deployment(**changes: Any) -> Deployment:
    deployment = Deployment(
        id="dep-1",
        name="legal-qa",
        template="tkt-chat",
        release=a_release(),
        answers={"project_name": "legal-qa", "greeting": "Hello"},
        created_at=A_MOMENT,
        changed_at=A_MOMENT,
        repository="thinkube-deployments/legal-qa",
    )
    return replace(deployment, **changes)
