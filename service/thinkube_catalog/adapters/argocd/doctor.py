"""An Argo CD looked at for `tkt doctor`: what is missing, and what is too much. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from thinkube_catalog.adapters.argocd.client import Answer, ArgoCdClient
from thinkube_catalog.adapters.argocd.clusters import check_destination
from thinkube_catalog.adapters.argocd.project import (
    ArgoProject,
    ProjectPlan,
    narrower,
    wider,
)
from thinkube_catalog.adapters.argocd.rights import RIGHTS, beyond
from thinkube_catalog.adapters.argocd.tokens import Claims, read_claims
from thinkube_catalog.adapters.argocd.webhooks import KEY, SECRET, accepts, accepts_anybody
from thinkube_catalog.adapters.trust import trusting
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.gitops import EngineRefusedError, EngineUnavailableError

OLDEST = (3, 0)
NEWEST_TRIED = (3, 5)
SOON_DAYS = 14

_SECONDS = 5.0
_OK, _FORBIDDEN, _NOT_FOUND = 200, 403, 404
_RENEW = "run tkt bootstrap, which makes another, and start the service again"
_PROJECT = "run tkt bootstrap, which corrects it (tkt bootstrap --dry-run says how)"


@dataclass(frozen=True)
class ArgoCdView:
    """What there is to look at."""

    url: str
    token: str
    webhook_secret: str
    project: ProjectPlan


def check_argocd(view: ArgoCdView) -> list[Check]:
    """Look whether that Argo CD, token and project will do.

    Stops at the first thing without which nothing else can be seen.
    """
    version = _check_version(view.url)
    if not version.good:
        return [version]
    client = ArgoCdClient(view.url, view.token, _SECONDS)
    try:
        return [version, *_look(client, view)]
    except EngineUnavailableError as error:
        mend = "look into the log of argocd-server"
        return [version, failed("argocd", error.reason, mend)]
    finally:
        client.close()


def _look(client: ArgoCdClient, view: ArgoCdView) -> Iterator[Check]:
    token = _check_token(client, view)
    yield token
    if token.good:
        found = client.get(f"projects/{quote(view.project.name, safe='')}")
        yield from _check_project(found, view.project)
        if found.ok:
            project = found.read(ArgoProject)
            yield from _check_rights(client, project, view.token)
            yield from check_destination(client, view.project)
            yield from _check_repositories(client, view.project)
    yield from _check_webhooks(view)


def _check_version(url: str) -> Check:
    mend = "start argocd-server, or correct THINKUBE_ARGOCD_URL"
    try:
        answer = httpx.get(f"{url}/api/version", timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        return failed("argocd", f"{url}: {reason}", trusting(reason, mend))
    if answer.is_redirect:
        message = f"{url} redirects to {answer.headers.get('Location', 'elsewhere')}"
        return failed("argocd", message, "set THINKUBE_ARGOCD_URL to where it answers itself")
    said = _said(answer)
    if not said:
        message = f"{url} answers, but not as an Argo CD does (status {answer.status_code})"
        return failed("argocd", message, mend)
    numbers = re.match(r"v?(\d+)\.(\d+)", said)
    version = (int(numbers[1]), int(numbers[2])) if numbers else NEWEST_TRIED
    if version < OLDEST:
        return failed("argocd", f"{url}, version {said}", "use Argo CD 3.0 or newer")
    newer = "; newer than was tried" if version > NEWEST_TRIED else ""
    return passed("argocd", f"{url}, version {said}{newer}")


def _said(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return ""
    return str(body.get("Version", "")) if isinstance(body, dict) else ""


class _UserInfo(BaseModel):
    logged_in: bool = False
    username: str = ""


def _check_token(client: ArgoCdClient, view: ArgoCdView) -> Check:
    name = "argocd token"
    claims = read_claims(view.token)
    left = claims.days_left(datetime.now(UTC)) if claims else None
    if claims and left is not None and left <= 0:
        return failed(name, f"ended on {claims.until}", _RENEW)
    try:
        info = client.get("session/userinfo")
    except EngineRefusedError as error:
        return failed(name, error.reason, _RENEW)
    logged_in = info.ok and isinstance(info.body, dict) and bool(info.body.get("loggedIn"))
    if not logged_in:
        return failed(name, "is not accepted", _RENEW)
    return _judge_claims(name, claims or Claims(), left, view.project.name)


def _judge_claims(name: str, claims: Claims, left: float | None, project: str) -> Check:
    whose = claims.sub or "somebody"
    if not whose.startswith(f"proj:{project}:"):
        message = f"is {whose}'s, who is no role of the project {project}"
        return warned(name, message, "run tkt bootstrap, which makes one that can do less")
    if left is None:
        return warned(name, f"is {whose}'s, and never ends", _RENEW)
    if left < SOON_DAYS:
        return warned(name, f"is {whose}'s, and ends on {claims.until}", _RENEW)
    return passed(name, f"is {whose}'s, and good until {claims.until}")


def _check_project(found: Answer, plan: ProjectPlan) -> Iterator[Check]:
    name = f"argocd project {plan.name}"
    if found.status in {_FORBIDDEN, _NOT_FOUND}:
        message = "is not there, or not to be seen with this token"
        yield failed(name, message, "run tkt bootstrap, or set THINKUBE_ARGOCD_PROJECT")
        return
    project = found.expect("reading the project").read(ArgoProject)
    missing = narrower(project, plan)
    if missing:
        yield failed(name, "; ".join(missing), _PROJECT)
    too_much = wider(project, plan)
    if plan.reaches_argocd:
        too_much.append(f"its namespaces include Argo CD's own, {plan.argocd_namespace}")
    if too_much:
        yield warned(name, "; ".join(too_much), _PROJECT)
    if not missing and not too_much:
        yield passed(name, f"takes {plan.sources[0]}, reaches {plan.namespace_prefix}*, no more")


def _check_rights(client: ArgoCdClient, project: ArgoProject, token: str) -> Iterator[Check]:
    name = "argocd rights"
    plain = project.metadata.name
    claims = read_claims(token) or Claims()
    role = claims.sub.removeprefix(f"proj:{plain}:")
    there = project.role(role)
    lines = there.policies if there else []
    missing = [str(right) for right in RIGHTS if right.askable and not _may(client, right, plain)]
    if there:
        given = {"".join(line.split()) for line in lines}
        missing += [
            str(right)
            for right in RIGHTS
            if not right.askable and not _given(given, right.policy(plain, role))
        ]
    if missing:
        yield failed(name, f"lacks {', '.join(missing)}", _PROJECT)
    too_much = beyond(lines, plain, role)
    if too_much:
        yield warned(name, f"has more than it needs: {'; '.join(too_much)}", _PROJECT)
    if not missing and not too_much:
        yield passed(name, f"has the {len(RIGHTS)} that it needs")


def _given(lines: set[str], policy: str) -> bool:
    """Say whether a line is there, or one that gives every action of that kind."""
    squeezed = "".join(policy.split())
    fields = squeezed.split(",")
    kind = fields[3].split("/", 1)[0]
    wide = [",".join([*fields[:3], action, *fields[4:]]) for action in ("*", f"{kind}/*")]
    return bool(lines & {squeezed, *wide})


def _may(client: ArgoCdClient, right: object, project: str) -> bool:
    resource, action = str(right).split(" ", 1)
    object_ = quote(f"{project}/any", safe="")
    answer = client.get(f"account/can-i/{resource}/{action}/{object_}")
    return answer.ok and isinstance(answer.body, dict) and answer.body.get("value") == "yes"


class _State(BaseModel):
    status: str = ""
    message: str = ""


class _Repository(BaseModel):
    repo: str = ""
    project: str = ""
    connectionState: _State = _State()  # noqa: N815 (Argo CD's own name)


class _Repositories(BaseModel):
    items: list[_Repository] | None = None


def _check_repositories(client: ArgoCdClient, plan: ProjectPlan) -> Iterator[Check]:
    """What Argo CD itself says of the repositories that it was given credentials for."""
    name = "argocd repositories"
    answer = client.get("repositories", {"appProject": plan.name})
    if not answer.ok:
        return  # the check of rights tells
    there = [it for it in answer.read(_Repositories).items or () if it.project == plan.name]
    broken = [it for it in there if it.connectionState.status == "Failed"]
    if broken:
        told = f"{broken[0].repo}: {broken[0].connectionState.message}"
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        mend = "set THINKUBE_GITEA_READ_TOKEN to one that reads them: tkt bootstrap makes one"
        yield failed(name, f"cannot be cloned: {told[:300]}{more}", mend)
    elif there:
        yield passed(name, f"{len(there)} can be cloned")


def _check_webhooks(view: ArgoCdView) -> Iterator[Check]:
    name = "argocd webhooks"
    by_hand = f"put THINKUBE_ARGOCD_WEBHOOK_SECRET into {SECRET} as {KEY}"
    mend = f"{by_hand}, or run tkt bootstrap --kubeconfig"
    if accepts_anybody(view.url, _SECONDS):
        yield warned(name, "Argo CD takes them from anybody: it has no secret", mend)
    elif not view.webhook_secret:
        message = "none are sent; Argo CD looks for pushes every few minutes, and when told to"
        yield passed(name, message)
    elif accepts(view.url, view.webhook_secret, _SECONDS):
        yield passed(name, f"{view.url}/api/webhook takes what is signed with our secret")
    else:
        told = f"Argo CD does not take what is signed with our secret: its {KEY} is another"
        yield failed(name, told, mend)
