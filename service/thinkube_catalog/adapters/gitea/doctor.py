"""A Gitea looked at for `tkt doctor`: what is missing, and who has to do what. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from thinkube_catalog.adapters.gitea.client import Answer, GiteaClient
from thinkube_catalog.adapters.gitea.scopes import beyond
from thinkube_catalog.adapters.trust import trusting
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError

OLDEST = (1, 24)
SCOPES = ("read:user", "write:organization", "write:repository")
"""What the token has to be good for, and no more."""

BUILD_SCOPES = ("write:package", "write:repository")
"""The same for the token that workflows are given."""

_NOBODY = "-"  # no organisation and no repository can be called so
_RESERVED = "api"  # nor can an organisation be called this
_OK, _FORBIDDEN, _NOT_FOUND, _INVALID = 200, 403, 404, 422
_SECONDS = 5.0
_BUILDER = "gitea builder"
_MAKE = f"make a token with the scopes {', '.join(SCOPES)}; set THINKUBE_GITEA_TOKEN to it"


def check_gitea(url: str, token: str, owners: Sequence[str]) -> list[Check]:
    """Look whether that Gitea and token will do for repositories of these organisations.

    Stops at the first thing without which nothing else can be seen.
    """
    client = GiteaClient(url, token, _SECONDS)
    try:
        return _look(client, url, owners)
    finally:
        client.close()


def check_builder(url: str, token: str, builder: str, build_token: str, owner: str) -> Check:
    """Look whether workflows can push images and tags with the builder's token. Changes nothing."""
    client, theirs = GiteaClient(url, token, _SECONDS), GiteaClient(url, build_token, _SECONDS)
    mend = f"make a token of {builder} with the scopes {', '.join(BUILD_SCOPES)}; "
    mend += "set THINKUBE_BUILD_TOKEN to it"
    try:
        answers = {
            "write:repository": theirs.send("PATCH", f"repos/{_NOBODY}/{_NOBODY}", {}),
            "write:package": theirs.send("DELETE", f"packages/{_NOBODY}/generic/x/x"),
        }
        missing = [scope for scope, answer in answers.items() if answer.status == _FORBIDDEN]
        if missing:
            return Check(_BUILDER, good=False, message=f"lacks {', '.join(missing)}", mend=mend)
        too_much = beyond(theirs, BUILD_SCOPES)
        found = _check_builder_rights(theirs, _any_repository(client, owner), builder, owner)
        if not found.good or not too_much:
            return found
        message = f"its token is good for more than is needed: {', '.join(too_much)}"
        return warned(_BUILDER, message, mend)
    except ForgeRefusedError:
        return Check(_BUILDER, good=False, message="its token is not accepted", mend=mend)
    except ForgeUnavailableError as error:
        return failed(_BUILDER, error.reason, "look into Gitea's own log")
    finally:
        client.close()
        theirs.close()


def _check_builder_rights(theirs: GiteaClient, repository: str, builder: str, owner: str) -> Check:
    if not repository:
        return Check(_BUILDER, good=True, message="its token will do; there is no repository yet")
    answer = theirs.get(f"repos/{quote(owner)}/{quote(repository)}")
    seen = answer.body if answer.ok and isinstance(answer.body, dict) else {}
    if not seen.get("permissions", {}).get("push"):
        mend = f"add {builder} to a team of {owner} that may write to code and packages"
        return Check(_BUILDER, good=False, message=f"{builder} may not write there", mend=mend)
    return Check(_BUILDER, good=True, message=f"{builder} pushes images and their tags")


def _any_repository(client: GiteaClient, owner: str) -> str:
    answer = client.get(f"orgs/{quote(owner)}/repos", {"limit": 1})
    found = answer.body if answer.ok and isinstance(answer.body, list) else []
    return str(found[0].get("name", "")) if found else ""


def _look(client: GiteaClient, url: str, owners: Sequence[str]) -> list[Check]:
    checks = [_check_version(client, url)]
    if not checks[0].good:
        return checks
    account = ""
    try:
        checks.append(_check_git(client))
        checks.append(_check_scopes(client))
        account = _account(client)
        if checks[-1].good:
            checks += [_check_owner(client, account, owner) for owner in owners]
    except ForgeRefusedError as error:
        checks.append(failed("gitea token", error.reason, f"run tkt bootstrap, or {_MAKE}"))
    except ForgeUnavailableError as error:
        checks.append(failed("gitea", error.reason, "look into Gitea's own log"))
    return checks


def _check_version(client: GiteaClient, url: str) -> Check:
    mend = "start it, or correct THINKUBE_GITEA_URL"
    try:
        answer = client.get("version")
    except ForgeRefusedError:
        return Check("gitea", good=True, message=f"{url} answers")
    except ForgeUnavailableError as error:
        return failed("gitea", f"{url}: {error.reason}", trusting(error.reason, mend))
    said = answer.body.get("version") if isinstance(answer.body, dict) else None
    if not answer.ok or not isinstance(said, str):
        message = f"{url} answers, but not as a Gitea does ({answer.reason})"
        return Check("gitea", good=False, message=message, mend=mend)
    oldest = ".".join(map(str, OLDEST))
    good = _is_new_enough(said)
    return Check("gitea", good, f"{url}, version {said}", f"use Gitea {oldest} or newer")


def _is_new_enough(version: str) -> bool:
    """Compare; a build without a number, and a fork that says what it is like, is believed."""
    like = re.search(r"\+gitea-", version)
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return bool(like) or numbers is None or (int(numbers[1]), int(numbers[2])) >= OLDEST


def _check_git(client: GiteaClient) -> Check:
    answer = client.get("settings/repository")
    disabled = isinstance(answer.body, dict) and bool(answer.body.get("http_git_disabled"))
    mend = "set DISABLE_HTTP_GIT = false under [repository] in Gitea's app.ini"
    message = "Git over HTTP is switched off" if disabled else "Git over HTTP is on"
    return Check("gitea git", not disabled, message, mend)


def _check_scopes(client: GiteaClient) -> Check:
    """Ask for what nothing can come of: the scopes are checked before anything is looked for."""
    answers = {
        "read:user": client.get("user"),
        "write:organization": client.send("PATCH", f"orgs/{_NOBODY}", {}),
        "write:repository": client.send("PATCH", f"repos/{_NOBODY}/{_NOBODY}", {}),
    }
    missing = [scope for scope, answer in answers.items() if answer.status == _FORBIDDEN]
    if missing:
        said = "; ".join(dict.fromkeys(answers[scope].reason for scope in missing))
        return failed("gitea token", f"lacks {', '.join(missing)}: {said}", _MAKE)
    too_much = beyond(client, SCOPES)
    if _is_administrator(answers["read:user"]):
        message = "is of an administrator of all of Gitea"
        mend = "have an account of its own for the service, as tkt bootstrap makes one"
        return warned("gitea token", message, mend)
    if too_much:
        message = f"is good for more than is needed: {', '.join(too_much)}"
        return warned("gitea token", message, _MAKE)
    return passed("gitea token", f"is good for {', '.join(SCOPES)}, and no more")


def _is_administrator(answer: Answer) -> bool:
    return isinstance(answer.body, dict) and bool(answer.body.get("is_admin"))


def _account(client: GiteaClient) -> str:
    answer = client.get("user")
    return str(answer.body.get("login", "")) if isinstance(answer.body, dict) else ""


def _check_owner(client: GiteaClient, account: str, owner: str) -> Check:
    name = f"gitea organisation {owner}"
    answer = client.get(f"orgs/{quote(owner)}")
    if answer.moved:
        mend = "set THINKUBE_GITEA_ORG or THINKUBE_TEMPLATES_ORG to its new name"
        return Check(name, good=False, message="it has been renamed", mend=mend)
    if answer.status == _NOT_FOUND:
        return _check_can_be_made(client, account, owner, name)
    if not answer.ok:
        return Check(name, good=False, message=answer.reason, mend="look into Gitea's own log")
    rights = client.get(f"users/{quote(account)}/orgs/{quote(owner)}/permissions")
    return _check_rights(rights, account, name)


def _check_rights(rights: Answer, account: str, name: str) -> Check:
    said = rights.body if rights.ok and isinstance(rights.body, dict) else {}
    if not said.get("can_create_repository"):
        mend = f"add the account {account} to the organisation's team Owners"
        return Check(name, good=False, message="repositories may not be made there", mend=mend)
    if not said.get("is_owner"):
        mend = f"add the account {account} to the organisation's team Owners, or delete by hand"
        return Check(name, good=False, message="repositories may not be deleted there", mend=mend)
    return Check(name, good=True, message=f"is there, and {account} is one of its owners")


def _check_can_be_made(client: GiteaClient, account: str, owner: str, name: str) -> Check:
    if client.get(f"users/{quote(owner)}").status == _OK:
        mend = "choose another with THINKUBE_GITEA_ORG or THINKUBE_TEMPLATES_ORG"
        return Check(name, good=False, message="is a person, not an organisation", mend=mend)
    if client.send("POST", "orgs", {"username": _RESERVED}).status == _INVALID:
        message = f"is not there yet, or hidden from {account}; it is made when first needed"
        return passed(name, message)
    mend = f"make it, and add the account {account} to its team Owners; or let it make its own"
    message = f"is not there, and {account} may not make organisations"
    return Check(name, good=False, message=message, mend=mend)
