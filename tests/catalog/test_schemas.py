"""The JSON Schemas accept what the parsers accept, refuse what they refuse, and take our files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # has no types

from thinkube_catalog.domain.components import parse_components
from thinkube_catalog.domain.descriptor import parse_descriptor
from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.manifest import parse_manifest
from thinkube_catalog.domain.models import parse_models
from thinkube_catalog.domain.repositories import parse_repositories
from thinkube_catalog.domain.stack import parse_stack

ROOT = Path(__file__).parents[2]
PARSERS: dict[str, Callable[[str], object]] = {
    "manifest": parse_manifest,
    "thinkube": parse_descriptor,
    "stack": parse_stack,
    "repositories": parse_repositories,
    "optional_components": parse_components,
    "models": parse_models,
}


def schema(name: str) -> dict[str, Any]:
    path = ROOT / "catalog" / "schemas" / f"{name}.schema.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


VALIDATORS = {name: Draft202012Validator(schema(name)) for name in PARSERS}


def our_files() -> list[tuple[str, Path]]:
    places = {
        "manifest": "tkt-*/manifest.yaml",
        "thinkube": "tkt-*/template/thinkube.yaml",
        "repositories": "catalog/repositories.json",
        "optional_components": "catalog/optional_components.json",
        "models": "catalog/models.json",
    }
    found = [(name, path) for name, glob in places.items() for path in sorted(ROOT.glob(glob))]
    return [(name, path.relative_to(ROOT)) for name, path in found]


@pytest.mark.parametrize("name", PARSERS)
def test_a_schema_is_a_schema_and_describes_every_key(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    undescribed = [
        key
        for properties in properties_in(schema(name))
        for key, value in properties.items()
        if "description" not in value
    ]
    assert undescribed == []


CONDITIONS = ("allOf", "anyOf", "not", "if", "then", "else")


def properties_in(part: object) -> list[dict[str, dict[str, Any]]]:
    """Return every `properties` that documents keys; conditions only test them."""
    if isinstance(part, list):
        return [each for item in part for each in properties_in(item)]
    if not isinstance(part, dict):
        return []
    below = [
        each
        for key, value in part.items()
        if key not in CONDITIONS
        for each in properties_in(value)
    ]
    return [*([part["properties"]] if isinstance(part.get("properties"), dict) else []), *below]


@pytest.mark.parametrize(("name", "path"), our_files(), ids=str)
def test_our_own_files_are_valid(name: str, path: Path) -> None:
    text = (ROOT / path).read_text()
    value = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    assert [error.message for error in VALIDATORS[name].iter_errors(value)] == []
    PARSERS[name](text)


def a_manifest(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "thinkube.io/v1",
        "kind": "TemplateManifest",
        "metadata": {"name": "tkt-x"},
        "parameters": [],
        **changes,
    }


def a_parameter(**changes: Any) -> dict[str, Any]:
    return a_manifest(parameters=[{"name": "model_id", "type": "choice", **changes}])


def a_project(**changes: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "api", "build": ".", "port": 8000}], **changes}
    return {"apiVersion": "thinkube.io/v1", "kind": "ThinkubeDeployment", "spec": spec}


def a_container(**changes: Any) -> dict[str, Any]:
    return a_project(containers=[{"name": "api", "port": 8000, **changes}])


def a_stack(**changes: Any) -> dict[str, Any]:
    templates = [{"name": "notes", "repo": "acme/notes"}]
    return {"kind": "ThinkubeStack", "templates": templates, **changes}


def a_list(**changes: Any) -> dict[str, Any]:
    entry = {"name": "tkt-x", "type": "application_template", "github_url": "https://x.org/a/b"}
    return {"repositories": [{**entry, **changes}]}


def a_model(**changes: Any) -> dict[str, Any]:
    return {"models": [{"id": "acme/tiny", "params_b": 1, **changes}]}


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("manifest", a_manifest()),
    ("manifest", {key: value for key, value in a_manifest().items() if key != "parameters"}),
    ("manifest", a_manifest(metadata={"name": "x", "version": 1.0, "colour": "red"}, extra=1)),
    ("manifest", a_parameter()),
    ("manifest", a_parameter(default="absent", choices=["a"], dynamic_source="elsewhere")),
    ("manifest", a_parameter(type="int", default=3, min=1, max=5)),
    ("manifest", a_manifest(secrets=[{"name": "HF_TOKEN", "required": False}])),
    ("manifest", a_manifest(hardware={"gpu": {"count": 1, "memory": "24Gi"}}, provides=["llm"])),
    ("manifest", a_manifest(hardware={"gpu": "none"}, provides=[{"type": "llm", "path": "/v1"}])),
    ("manifest", a_manifest(dependencies=[{"type": "litellm", "optional": True}])),
    ("thinkube", a_project()),
    ("thinkube", a_project(deployment={"type": "none"}, containers=[])),
    ("thinkube", a_project(deployment={"type": "component", "name": "vllm", "replicas": 0})),
    ("thinkube", a_project(deployment={"type": "knative", "timeoutSeconds": 900})),
    ("thinkube", a_project(volumes=[{"name": "x"}], services=["database", "storage:models"])),
    ("thinkube", a_container(size="huge", health="/", ready="/ready", ipc="host", env=[])),
    ("thinkube", a_container(gpu={"count": 1, "memory": "24Gi"}, mounts=["models:/data"])),
    ("thinkube", a_container(environment=[{"name": "A", "value": "{{ x }}"}], volume="/data")),
    ("thinkube", a_container(dev={"command": "uvicorn main:app --port $PORT"}, job=True)),
    ("stack", a_stack()),
    ("stack", a_stack(metadata={"name": "s"}, apiVersion="whatever")),
    ("repositories", a_list()),
    ("repositories", a_list(deployment_type="component", fixed_name="vllm", _source="user")),
    ("repositories", a_list(type="library", github_url="")),
    ("repositories", a_list(github_url=None, source="../tkt-x")),
    ("repositories", {"repositories": []}),
    ("optional_components", {"components": {"valkey": {}}}),
    ("optional_components", {"components": {"a": {"playbooks": {"install": "00.yaml"}}}}),
    ("models", a_model()),
    ("models", a_model(active_params_b=None, reasoning_format=None, size="~2GB", colour="red")),
    ("models", a_model(kv_cache=[{"layers": 1, "kv_heads": 1, "head_dim": 64, "window": 128}])),
    ("models", {"models": []}),
]
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("manifest", {}),
    ("manifest", a_manifest(apiVersion="v2")),
    ("manifest", a_manifest(kind="Deployment")),
    ("manifest", a_manifest(metadata={"name": "Not Good"})),
    ("manifest", a_manifest(metadata={"title": "no name"})),
    ("manifest", a_parameter(type="float")),
    ("manifest", a_parameter(name="project_name")),
    ("manifest", a_parameter(name="Model-Id")),
    ("manifest", a_parameter(type="int", default="three")),
    ("manifest", a_parameter(choices="a")),
    ("manifest", a_manifest(secrets=[{"name": "hf_token"}])),
    ("manifest", a_manifest(secrets={"name": "HF_TOKEN"})),
    ("manifest", a_manifest(hardware={"gpu": "lots"})),
    ("manifest", a_manifest(hardware={"memory": "a lot"})),
    ("manifest", a_manifest(provides=["An LLM"])),
    ("manifest", a_manifest(dependencies=[{"optional": True}])),
    ("thinkube", {}),
    ("thinkube", a_project(containers=[])),
    ("thinkube", {**a_project(), "kind": "Deployment"}),
    ("thinkube", a_project(deployment={"type": "server"})),
    ("thinkube", a_project(deployment={"type": "component"})),
    ("thinkube", a_project(deployment={"replicas": -1})),
    ("thinkube", a_project(deployment={"type": "knative", "replicas": 2})),
    ("thinkube", a_project(deployment={"type": "knative", "timeoutSeconds": 901})),
    ("thinkube", a_project(deployment={"type": "knative"}, services=["storage"])),
    ("thinkube", a_project(dependencies=[{"name": "llm", "type": "llm"}])),
    ("thinkube", a_project(routes=[{"path": "api", "to": "api"}])),
    ("thinkube", a_container(port=70000)),
    ("thinkube", a_container(health="health")),
    ("thinkube", a_container(build="../elsewhere")),
    ("thinkube", a_container(build="/etc")),
    ("thinkube", a_container(buildSize="huge")),
    ("thinkube", a_container(mounts=["models"])),
    ("thinkube", a_container(publicEnv=["lower"])),
    ("thinkube", a_container(dev={"requirements": "requirements.txt"})),
    ("stack", {}),
    ("stack", a_stack(templates=[])),
    ("stack", a_stack(kind="Stack")),
    ("stack", a_stack(templates=[{"name": "notes", "repo": "a/b/c"}])),
    ("stack", a_stack(templates=[{"name": "two--hyphens", "repo": "a/b"}])),
    ("repositories", {}),
    ("repositories", a_list(name="a/b")),
    ("repositories", a_list(github_url="ext::sh")),
    ("repositories", a_list(github_url="")),
    ("repositories", a_list(deployment_type="server")),
    ("repositories", a_list(tags="rag")),
    ("optional_components", {}),
    ("optional_components", {"components": {"Not good": {}}}),
    ("optional_components", {"components": {"a": {"requirements": "b"}}}),
    ("models", {}),
    ("models", a_model(id="-x")),
    ("models", a_model(params_b="7B")),
    ("models", a_model(context_length=0)),
    ("models", a_model(kv_cache=[{"layers": 1}])),
]


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_what_the_parser_accepts_the_schema_accepts(name: str, value: dict[str, Any]) -> None:
    PARSERS[name](json.dumps(value))
    assert [error.message for error in VALIDATORS[name].iter_errors(value)] == []


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_the_parser_refuses_the_schema_refuses(name: str, value: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        PARSERS[name](json.dumps(value))
    assert not VALIDATORS[name].is_valid(value)
