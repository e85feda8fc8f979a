"""Says where an application's address leads, from what its state machine holds."""

from __future__ import annotations

from thinkube_catalog.adapters.local_engine.application import ManagedApplication
from thinkube_catalog.adapters.local_engine.routing import Row


def row_of(application: ManagedApplication) -> Row | None:
    """Return the application's line in the router's table; None before it has an address."""
    declared, progress = application.declared, application.progress
    if not declared.port or declared.removing:
        return None
    crew = progress.rolling if application.switching else progress.crew
    version = application.versions.ready(
        progress.wanted if application.switching else progress.serving
    )
    routes = version.project.routes if version else ()
    staff = application.staff
    reached = tuple(
        (path, staff[crew[container]].record.port)
        for path, container in routes
        if crew.get(container, 0) in staff
    )
    return Row(application.name, declared.port, reached, _excuse(application))


def _excuse(application: ManagedApplication) -> str:
    name, progress = application.name, application.progress
    if progress.failed and not progress.serving:
        why = progress.causes[0].message if progress.causes else "see its status"
        return f"{name} could not be started: {why}"
    return (
        f"{name} is starting: {application.doing}" if application.doing else f"{name} is starting"
    )
