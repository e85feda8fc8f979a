"""Who is asking, and what they may see. Documents name their readers as principals.

A principal is `everyone`, `user:NAME` or `group:NAME`.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers

from rag_agent.errors import InputError, RefusedError, UnknownCallerError
from rag_agent.settings import Settings, TokenOwner

EVERYONE = "everyone"
_PRINCIPAL = re.compile(r"everyone|(user|group):[^\s,][^,\x00-\x1f]{0,199}")


@dataclass(frozen=True)
class Caller:
    """A person or program. An empty user is anonymous."""

    user: str = ""
    groups: frozenset[str] = frozenset()
    may_write: bool = False
    is_admin: bool = False

    @property
    def principals(self) -> list[str]:
        """Everything this caller is known as; a document naming any of them may be read."""
        named = [f"user:{self.user}"] if self.user else []
        return [EVERYONE, *named, *sorted(f"group:{group}" for group in self.groups)]

    def require_write(self) -> None:
        if not self.may_write:
            raise RefusedError("Sign in to add or remove documents.")


def caller_of(headers: Headers, settings: Settings) -> Caller:
    """Work out who sent these headers.

    Raises UnknownCallerError when a token is wrong or the identity is ambiguous: somebody who
    tried to sign in is never taken for an anonymous reader by mistake.
    """
    if settings.trust_identity_headers and (user := _single(headers, "x-forwarded-user")):
        groups = _single(headers, "x-forwarded-groups").split(",")
        return _known(TokenOwner(user=user, groups=tuple(groups)), settings)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if settings.api_tokens and scheme.lower() == "bearer":
        return _known(_owner(token.strip(), settings), settings)
    return Caller(may_write=not settings.identity_is_configured)


def readers(named: Iterable[str], caller: Caller) -> list[str]:
    """The access list of a new document: who was named, and always its owner.

    Raises InputError for a name that is no principal, or a list that nobody can use.
    """
    wanted = {name.strip() for name in named if name.strip()} or {EVERYONE}
    if wrong := sorted(name for name in wanted if not _PRINCIPAL.fullmatch(name)):
        raise InputError(f"{', '.join(wrong)}: readers are everyone, user:NAME or group:NAME.")
    if not caller.user and wanted != {EVERYONE}:
        raise InputError("Only somebody who is signed in can restrict who reads a document.")
    return sorted(wanted | ({f"user:{caller.user}"} if caller.user else set()))


def _single(headers: Headers, name: str) -> str:
    values = headers.getlist(name)
    if len(values) > 1:
        raise UnknownCallerError(f"The request has {len(values)} headers {name}; one is allowed.")
    return values[0].strip() if values else ""


def _owner(token: str, settings: Settings) -> TokenOwner:
    digest = hashlib.sha256(token.encode()).digest()
    for known, owner in settings.api_tokens.items():
        if hmac.compare_digest(hashlib.sha256(known.encode()).digest(), digest):
            return owner
    raise UnknownCallerError("This API token is not known here.")


def _known(owner: TokenOwner, settings: Settings) -> Caller:
    groups = frozenset(group.strip() for group in owner.groups if group.strip())
    names = {f"user:{owner.user}", *(f"group:{group}" for group in groups)}
    return Caller(owner.user, groups, may_write=True, is_admin=bool(names & settings.admins))
