"""Whether Argo CD takes the webhooks of our Gitea: asked with a push that concerns nobody."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import ClassVar

import httpx

from thinkube_catalog.domain.bootstrap import ByHandError, Finding, Kept, State
from thinkube_catalog.domain.gitops import EngineUnavailableError
from thinkube_catalog.domain.secrets import SecretValue

KEY = "webhook.gogs.secret"
SECRET = "argocd-secret"  # noqa: S105 (the name of an object)

_NOWHERE = "https://nowhere.invalid/nobody/nothing"  # the address of no application


def accepts(url: str, secret: str, seconds: float) -> bool:
    """Say whether a push signed by this secret is taken. No application is of that repository.

    Raises EngineUnavailableError.
    """
    body = json.dumps(
        {
            "ref": "refs/heads/main",
            "before": "0" * 40,
            "after": "0" * 40,
            "commits": [],
            "repository": {"html_url": _NOWHERE, "default_branch": "main"},
        }
    ).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Gogs-Event": "push",
        "X-Gogs-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }
    try:
        answer = httpx.post(f"{url}/api/webhook", content=body, headers=headers, timeout=seconds)
    except httpx.HTTPError as error:
        reason = f"{url}/api/webhook: {str(error) or type(error).__name__}"
        raise EngineUnavailableError(reason) from error
    if answer.is_server_error or answer.is_redirect:
        raise EngineUnavailableError(f"{url}/api/webhook answers {answer.status_code}")
    return answer.is_success


def accepts_anybody(url: str, seconds: float) -> bool:
    """Say whether a push is taken whoever signed it: Argo CD has no secret to check it by.

    Raises EngineUnavailableError.
    """
    return accepts(url, secrets.token_urlsafe(32), seconds)


@dataclass(frozen=True)
class SecretByHand:
    """The webhooks' secret where no administrator of the cluster is at hand: told, not made."""

    url: str
    namespace: str
    setting: str
    kept: Kept
    where: str
    seconds: float
    system: ClassVar[str] = "argocd"

    @property
    def name(self) -> str:
        return f"{KEY} in {self.namespace}/{SECRET}"

    def look(self) -> Finding:
        kept = self.kept.value(self.setting)
        if accepts_anybody(self.url, self.seconds):
            return Finding(State.MISSING, "Argo CD takes webhooks of anybody")
        if kept is None or not accepts(self.url, kept.reveal(), self.seconds):
            return Finding(State.DIFFERENT, f"Argo CD has another than {self.setting}")
        return Finding(State.PRESENT)

    def make(self) -> None:
        if self.look().state is State.DIFFERENT:
            reason = f"set {self.setting} in {self.where} to what {KEY} of Argo CD's {SECRET} holds"
            raise ByHandError(f"{reason}; or run this again with --kubeconfig")
        if self.kept.value(self.setting) is None:
            self.kept.keep(self.setting, SecretValue(secrets.token_urlsafe(32)))
        reason = f"put {self.setting} of {self.where} into {SECRET} as {KEY}"
        raise ByHandError(f"{reason}: tkt bootstrap --manifests writes that; or use --kubeconfig")
