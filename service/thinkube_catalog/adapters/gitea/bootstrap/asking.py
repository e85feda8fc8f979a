"""What all parts share: asking Gitea, and what is made of its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from thinkube_catalog.adapters.gitea.client import Answer, GiteaClient
from thinkube_catalog.domain.bootstrap import Finding, ImpossibleError, State
from thinkube_catalog.domain.forge import ForgeUnavailableError

NOT_FOUND, INVALID, FORBIDDEN = 404, 422, 403

PRESENT = Finding(State.PRESENT)


@dataclass(frozen=True)
class InGitea:
    """What its parts share."""

    client: GiteaClient
    system: ClassVar[str] = "gitea"

    def ask(self, method: str, path: str, body: Mapping[str, object], what: str) -> Answer:
        """Ask for `what`; raise what a refusal means."""
        answer = self.client.send(method, path, body)
        if not answer.ok:
            raise refusal(answer, what)
        return answer


def refusal(answer: Answer, what: str) -> ForgeUnavailableError | ImpossibleError:
    """Return the error of an answer: what is forbidden stays so, the rest may pass."""
    if answer.status == FORBIDDEN:
        return ImpossibleError(f"Gitea refuses {what}: {answer.reason}")
    return ForgeUnavailableError(f"{what}: {answer.reason}")
