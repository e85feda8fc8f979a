"""The same as the parts, as commands for who administers the Gitea."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from thinkube_catalog.adapters.gitea.bootstrap.bodies import (
    account_body,
    organisation_body,
    team_body,
)
from thinkube_catalog.adapters.gitea.bootstrap.plan import (
    BUILD_TOKEN,
    BUILDER_TOKEN,
    BUILDERS,
    PULL_TOKEN,
    PULLER_SCOPES,
    PULLER_TOKEN,
    PULLERS,
    READ_CODE,
    READ_IMAGES,
    READ_TOKEN,
    READER_SCOPES,
    READER_TOKEN,
    READERS,
    SERVICE_TOKEN,
    TOKEN,
    WRITE_IMAGES,
    GiteaPlan,
)
from thinkube_catalog.adapters.gitea.doctor import BUILD_SCOPES, SCOPES


def by_hand(url: str, plan: GiteaPlan, password: str) -> list[tuple[str, list[str]]]:
    """Return the same as commands for an administrator: what each gives, and its lines.

    `password` stands for those of the new accounts; `curl` asks for its own by itself.
    The account for whom an organisation is made is its owner.
    """
    owned = tuple(dict.fromkeys((plan.deployments, plan.templates)))
    service = account_body(plan.account, "the service", password)
    steps = [
        ("The account of the service", [_curl(url, "admin/users", service)]),
        (
            "The organisations",
            [_curl(url, f"admin/users/{plan.account}/orgs", organisation_body(it)) for it in owned],
        ),
        _token_by_hand(url, plan.account, SERVICE_TOKEN, SCOPES, plan.prefix + TOKEN),
    ]
    if plan.reader:
        steps += _reader_by_hand(url, plan, password)
    if plan.builder:
        steps += _builder_by_hand(url, plan, password)
    if plan.puller:
        steps += _puller_by_hand(url, plan, password)
    return steps


def _builder_by_hand(url: str, plan: GiteaPlan, password: str) -> list[tuple[str, list[str]]]:
    builder = account_body(plan.builder, "builds", password)
    return [
        ("The account of builds", [_curl(url, "admin/users", builder)]),
        _team_by_hand(url, plan, BUILDERS, plan.builder, WRITE_IMAGES),
        _token_by_hand(url, plan.builder, BUILDER_TOKEN, BUILD_SCOPES, plan.prefix + BUILD_TOKEN),
    ]


def _puller_by_hand(url: str, plan: GiteaPlan, password: str) -> list[tuple[str, list[str]]]:
    puller = account_body(plan.puller, "pulls of images", password)
    return [
        ("The account of pulls", [_curl(url, "admin/users", puller)]),
        _team_by_hand(url, plan, PULLERS, plan.puller, READ_IMAGES),
        _token_by_hand(url, plan.puller, PULLER_TOKEN, PULLER_SCOPES, plan.prefix + PULL_TOKEN),
    ]


def _reader_by_hand(url: str, plan: GiteaPlan, password: str) -> list[tuple[str, list[str]]]:
    reader = account_body(plan.reader, "Argo CD", password)
    return [
        ("The account of Argo CD", [_curl(url, "admin/users", reader)]),
        _team_by_hand(url, plan, READERS, plan.reader, READ_CODE),
        _token_by_hand(url, plan.reader, READER_TOKEN, READER_SCOPES, plan.prefix + READ_TOKEN),
    ]


def _team_by_hand(
    url: str, plan: GiteaPlan, team: str, account: str, units: Mapping[str, str]
) -> tuple[str, list[str]]:
    title = f"A team with {account} in it (`id` in the first answer is `TEAM-ID`)"
    made = _curl(url, f"orgs/{plan.deployments}/teams", team_body(team, units))
    return title, [made, _curl(url, f"teams/TEAM-ID/members/{account}", {}, method="PUT")]


def _token_by_hand(
    url: str, account: str, name: str, scopes: Sequence[str], setting: str
) -> tuple[str, list[str]]:
    body = {"name": name, "scopes": list(scopes)}
    title = f"A token, `sha1` in the answer, for {setting}"
    return title, [_curl(url, f"users/{account}/tokens", body)]


def _curl(url: str, path: str, body: Mapping[str, object], method: str = "POST") -> str:
    text = json.dumps(body).replace("'", "'\\''")
    form = "-H 'Content-Type: application/json'"
    return f"curl -fsS -u ADMINISTRATOR -X {method} {url}/api/v1/{path} {form} -d '{text}'"
