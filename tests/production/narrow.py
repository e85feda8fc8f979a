"""What administrators of real servers make for one test: an organisation and a narrow project."""

from __future__ import annotations

import httpx

from tests.argocd_world import PLACEMENT, given


def make_project(project: str, organisation: str, namespace: str) -> None:
    """Let a project take the organisation's repositories to one namespace, and make both."""
    gitea = {"Authorization": f"token {given('GITEA_TOKEN')}"}
    body = {"username": organisation, "visibility": "private"}
    httpx.post(f"{given('GITEA_URL')}/api/v1/orgs", json=body, headers=gitea, timeout=30)
    spec = {
        "sourceRepos": [f"{given('GITEA_URL')}/{organisation}/*"],
        "destinations": [{"server": PLACEMENT.cluster, "namespace": namespace}],
    }
    answer = httpx.post(
        f"{given('ARGOCD_URL')}/api/v1/projects",
        json={"project": {"metadata": {"name": project}, "spec": spec}, "upsert": True},
        headers={"Authorization": f"Bearer {given('ARGOCD_TOKEN')}"},
        timeout=30,
    )
    answer.raise_for_status()
