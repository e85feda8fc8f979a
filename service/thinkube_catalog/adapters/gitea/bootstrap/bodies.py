"""How Gitea is asked for what is wanted: the same for the parts and for commands by hand."""

from __future__ import annotations

from collections.abc import Mapping


def account_body(login: str, whose: str, password: str) -> Mapping[str, object]:
    """Return how an account is asked for: it administers nothing, and nobody sees it."""
    return {
        "username": login,
        "full_name": f"Account of {whose}",
        "email": f"{login}@accounts.invalid",  # a name that no mail can ever be sent to
        "password": password,
        "must_change_password": False,
        "send_notify": False,
        "visibility": "private",
    }


def organisation_body(name: str) -> Mapping[str, object]:
    """Return how an organisation is asked for that only its members see."""
    return {"username": name, "visibility": "private"}


def team_body(name: str, units: Mapping[str, str]) -> Mapping[str, object]:
    """Return how a team is asked for that has these rights in every repository, and no others."""
    return {
        "name": name,
        "permission": "read",
        "includes_all_repositories": True,
        "can_create_org_repo": False,
        "units_map": units,
    }
