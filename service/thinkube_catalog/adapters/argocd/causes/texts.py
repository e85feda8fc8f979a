"""Causes that are told in words: by the sync, by the comparison, by whoever makes pods.

Each rule has what the words are known by, and what they mean. The first that fits is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from thinkube_catalog.domain.gitops import Cause, CauseKind

_LONGEST = 400


@dataclass(frozen=True)
class Rule:
    """`message` says what happened, with `{text}` for the words themselves."""

    pattern: re.Pattern[str]
    kind: CauseKind
    message: str
    mend: str


def _rule(pattern: str, kind: CauseKind, message: str, mend: str) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), kind, message, mend)


_QUOTA = _rule(
    r"exceeded quota|must specify (limits|requests)",
    CauseKind.QUOTA,
    "the namespace's quota does not allow it: {text}",
    "ask for less in thinkube.yaml, or raise the quota",
)
_POD_SECURITY = _rule(
    r"violates PodSecurity",
    CauseKind.ADMISSION_DENIED,
    "the cluster's pod security forbids it: {text}",
    "run it as a plain user without further rights, or have the namespace's level lowered",
)
_WEBHOOK = _rule(
    r"admission webhook .* denied|denied the request|ValidatingAdmissionPolicy",
    CauseKind.ADMISSION_DENIED,
    "a rule of the cluster refuses it: {text}",
    "change what the rule objects to, or ask who looks after the cluster",
)
_WEBHOOK_SILENT = _rule(
    r"failed calling webhook",
    CauseKind.SYNC_ERROR,
    "a check of the cluster does not answer: {text}",
    "have whoever looks after the cluster see to that webhook, then: tkt retry",
)

SYNC = (
    _QUOTA,
    _POD_SECURITY,
    _WEBHOOK,
    _WEBHOOK_SILENT,
    _rule(
        r"no matches for kind|could not find the requested resource|"
        r"The Kubernetes API could not find",
        CauseKind.INVALID_OBJECT,
        "the cluster does not know a kind of object: {text}",
        "have what brings that kind installed, or take the object out of k8s/",
    ),
    _rule(
        r"is invalid|decoding error|unknown field|cannot unmarshal|error validating|"
        r"failed to create typed patch|unable to parse|expected .* got|immutable|"
        r"cannot be handled as|unrecognized type",
        CauseKind.INVALID_OBJECT,
        "an object in k8s/ is not valid: {text}",
        "mend thinkube.yaml, have k8s/ made anew, and push",
    ),
    _rule(
        r"is not permitted in project|not managed by|not allowed in project",
        CauseKind.ADMISSION_DENIED,
        "the Argo CD project does not allow it: {text}",
        "take it out of k8s/, or have the project changed",
    ),
    _rule(
        r"forbidden: User",
        CauseKind.SYNC_ERROR,
        "Argo CD lacks a right in the cluster: {text}",
        "have whoever looks after Argo CD give it that right, then: tkt retry",
    ),
    _rule(
        r"namespaces? .* not found|being terminated|because it is being",
        CauseKind.SYNC_ERROR,
        "its namespace is not there: {text}",
        "try again with: tkt retry",
    ),
    _rule(
        r"connection refused|i/o timeout|context deadline exceeded|no route to host|"
        r"the server is currently unable|etcdserver",
        CauseKind.SYNC_ERROR,
        "the cluster does not answer Argo CD: {text}",
        "see whether the cluster runs, then: tkt retry",
    ),
    _rule(
        r"auto-sync will wipe out all resources",
        CauseKind.SYNC_ERROR,
        "the commit would remove everything, and that is not done unasked",
        "restore k8s/, or remove the deployment with: tkt remove",
    ),
)

COMPARISON = (
    _rule(
        r"failed to create typed patch|is invalid:|decoding error|error validating",
        CauseKind.INVALID_OBJECT,
        "an object in k8s/ is not valid: {text}",
        "mend thinkube.yaml, have k8s/ made anew, and push",
    ),
    _QUOTA,
    _POD_SECURITY,
    _WEBHOOK,
    _WEBHOOK_SILENT,
    _rule(
        r"unable to resolve '.*' to a commit|remote repository is empty",
        CauseKind.SYNC_ERROR,
        "the repository has no branch main",
        "push one",
    ),
    _rule(
        r"app path does not exist",
        CauseKind.INVALID_OBJECT,
        "the repository has no folder k8s",
        "restore it from the repository's history, or deploy again",
    ),
    _rule(
        r"authentication required|authorization failed|invalid credentials|"
        r"Repository not found|repository not found|403|401",
        CauseKind.REPOSITORY_UNREACHABLE,
        "Argo CD may not read the repository: {text}",
        "set a valid THINKUBE_GITEA_READ_TOKEN, or give Argo CD a credential template",
    ),
    _rule(
        r"dial tcp|no such host|connection refused|i/o timeout|failed to list refs|"
        r"error connecting|TLS handshake|x509|context deadline exceeded|unexpected EOF",
        CauseKind.REPOSITORY_UNREACHABLE,
        "Argo CD does not reach the repository: {text}",
        "see whether the forge runs, and whether Argo CD may call its address",
    ),
    _rule(
        r"not permitted in project|not allowed in project|project .* does not exist|"
        r"is not permitted|referencing project",
        CauseKind.REPOSITORY_UNREACHABLE,
        "the Argo CD project does not allow this application: {text}",
        "have repositories and namespaces of applications added to the project",
    ),
    _rule(
        r"kustomize|Manifest generation error|failed to unmarshal|error converting YAML|"
        r"cannot unmarshal|accumulating resources",
        CauseKind.INVALID_OBJECT,
        "k8s/ cannot be read: {text}",
        "mend thinkube.yaml, have k8s/ made anew, and push",
    ),
    _rule(
        r"cluster .* (does not exist|not found)|unable to find destination|"
        r"failed to get cluster|error getting cluster|failed to load (live|target) state|"
        r"failed to sync cluster",
        CauseKind.REPOSITORY_UNREACHABLE,
        "Argo CD does not reach the cluster: {text}",
        "set THINKUBE_ARGOCD_CLUSTER to a cluster that Argo CD knows and reaches",
    ),
)

CREATION = (_QUOTA, _POD_SECURITY, _WEBHOOK, _WEBHOOK_SILENT)
"""Why pods and objects that others make are refused."""


def cause_in(text: str, rules: Iterable[Rule], container: str = "") -> Cause | None:
    """Return what a text means by the first rule that fits."""
    short = shortened(text)
    for rule in rules:
        if rule.pattern.search(text):
            return Cause(rule.kind, rule.message.format(text=short), rule.mend, container)
    return None


def shortened(text: str) -> str:
    """Return a text on one line and no longer than a person reads."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
