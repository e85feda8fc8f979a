"""Organisations, and who may do what in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.bootstrap.asking import (
    INVALID,
    NOT_FOUND,
    PRESENT,
    InGitea,
    refusal,
)
from thinkube_catalog.adapters.gitea.bootstrap.bodies import organisation_body, team_body
from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.domain.bootstrap import Finding, ImpossibleError, State

_OWNERS = "Owners"  # Gitea's own name, in every language


class _Team(BaseModel):
    id: int
    name: str
    permission: str = ""
    includes_all_repositories: bool = False
    can_create_org_repo: bool = False
    units_map: dict[str, str] = {}

    def has(self, units: Mapping[str, str]) -> bool:
        """Say whether it has exactly these rights, in every repository."""
        wide = self.can_create_org_repo or self.permission in {"admin", "owner"}
        rights = {unit: right for unit, right in self.units_map.items() if right != "none"}
        return self.includes_all_repositories and not wide and rights == units


@dataclass(frozen=True)
class Organisation(InGitea):
    """An organisation that only its members see."""

    organisation: str
    owner: str

    @property
    def name(self) -> str:
        return f"organisation {self.organisation}"

    def look(self) -> Finding:
        answer = self.client.get(f"orgs/{quote(self.organisation)}")
        if answer.moved:
            raise ImpossibleError(f"{self.organisation} has been renamed; set its new name")
        if answer.ok:
            return PRESENT
        if answer.status != NOT_FOUND:
            raise refusal(answer, "looking for it")
        if self.client.get(f"users/{quote(self.organisation)}").ok:
            raise ImpossibleError(f"{self.organisation} is a person; set another name")
        return Finding(State.MISSING)

    def make(self) -> None:
        body = organisation_body(self.organisation)
        path = f"admin/users/{quote(self.owner)}/orgs"
        answer = self.client.send("POST", path, body)
        # 422 also where somebody was quicker: looking again tells.
        if not answer.ok and (answer.status != INVALID or self.look().state is not State.PRESENT):
            raise refusal(answer, f"making the organisation {self.organisation}")


@dataclass(frozen=True)
class Ownership(InGitea):
    """The service's place among an organisation's owners: without it, it can delete nothing."""

    organisation: str
    account: str

    @property
    def name(self) -> str:
        return f"{self.account} among the owners of {self.organisation}"

    def look(self) -> Finding:
        team = _team(self.client, self.organisation, _OWNERS)
        if team is None or not _is_member(self.client, team, self.account):
            return Finding(State.MISSING)
        return PRESENT

    def make(self) -> None:
        team = _team(self.client, self.organisation, _OWNERS)
        if team is None:
            raise ImpossibleError(f"{self.organisation} has no team {_OWNERS}")
        path = f"teams/{team.id}/members/{quote(self.account)}"
        self.ask("PUT", path, {}, f"making {self.account} one of the owners")


@dataclass(frozen=True)
class Membership(InGitea):
    """A team with the same rights in every repository of an organisation, and its one member."""

    organisation: str
    team: str
    account: str
    units: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.account} in the team {self.team} of {self.organisation}"

    def look(self) -> Finding:
        team = _team(self.client, self.organisation, self.team)
        if team is None:
            return Finding(State.MISSING)
        if not team.has(self.units):
            return Finding(State.DIFFERENT, "the team has other rights than it needs")
        if not _is_member(self.client, team, self.account):
            return Finding(State.DIFFERENT, f"{self.account} is not in it")
        return PRESENT

    def make(self) -> None:
        what = f"making the team {self.team}"
        body = team_body(self.team, self.units)
        team = _team(self.client, self.organisation, self.team)
        if team is None:
            made = self.ask("POST", f"orgs/{quote(self.organisation)}/teams", body, what)
            team = made.read(_Team)
        elif not team.has(self.units):
            self.ask("PATCH", f"teams/{team.id}", body, what)
        self.ask("PUT", f"teams/{team.id}/members/{quote(self.account)}", {}, what)


def _team(client: GiteaClient, organisation: str, name: str) -> _Team | None:
    for answer in client.pages(f"orgs/{quote(organisation)}/teams", {"limit": 50}):
        if answer.status == NOT_FOUND:
            return None  # nor is the organisation there
        if not answer.ok:
            raise refusal(answer, f"listing the teams of {organisation}")
        for team in answer.read(list[_Team]) if answer.body else ():
            if team.name == name:
                return team
    return None


def _is_member(client: GiteaClient, team: _Team, account: str) -> bool:
    return client.get(f"teams/{team.id}/members/{quote(account)}").ok
