"""Bindings: what a deployment depends on, found among what others provide."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provider:
    """Something that can be depended on: a configured endpoint, a component or a deployment.

    `type` is `llm`, `embeddings`, `vectors`, `database`, `cache`, ... `secret` is the key in
    `Secrets` of the API key; empty when none is needed. `origin` is `configured`,
    `component` or `deployment`.
    """

    name: str
    type: str
    url: str
    model: str = ""
    secret: str = ""
    origin: str = "configured"
