"""Stands in until the descriptor's parser and the context's reader are there."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.descriptor import Container, Descriptor, Dev, Route, Variable, Workload
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.rendering import FileTree


@dataclass(frozen=True)
class Parsed:
    value: Descriptor


def parse_descriptor(text: str, file: str) -> Parsed:
    try:
        spec = yaml.safe_load(text)["spec"]
        containers = tuple(
            Container(
                name=row["name"],
                build=row.get("build", "."),
                port=row.get("port"),
                health=row.get("health", ""),
                ready=row.get("ready", ""),
                job=row.get("job", False),
                schedule=row.get("schedule", ""),
                volume=row.get("volume", ""),
                environment=tuple(
                    Variable(each["name"], each["value"]) for each in row.get("environment", ())
                ),
                dev=Dev(row["dev"]["command"], row["dev"].get("requirements", ""))
                if "dev" in row
                else None,
            )
            for row in spec["containers"]
        )
        return Parsed(
            Descriptor(
                containers=containers,
                routes=tuple(Route(r["path"], r["to"]) for r in spec.get("routes", ())),
                env=tuple(Variable(r["name"], r["default"]) for r in spec.get("env", ())),
                deployment=Workload(replicas=spec.get("deployment", {}).get("replicas", 1)),
            )
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InvalidError(file, [Problem(f"cannot be read: {error}", file=file)]) from error


def read_context(files: FileTree, conventions: Conventions) -> ApplicationContext:
    secrets = ()
    if "k8s/secrets" in files:
        secrets = tuple(files.text("k8s/secrets").split())
    return ApplicationContext(
        "app", "App", "", Release("", "", ""), secrets=secrets, conventions=conventions
    )
