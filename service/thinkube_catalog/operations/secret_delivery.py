"""Secrets of a deployment: from what a person gave to what the application is told to read.

A value that comes with a request is staged under the run's id before the run is recorded, and
gets its place (`<deployment>/<NAME>`) by the run's first step: so a request that is refused
leaves another deployment's secrets alone, and one that is recorded never lacks its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches

from thinkube_catalog.domain.deployments import Deployment, Run
from thinkube_catalog.domain.errors import CatalogError, NotFoundError, Problem
from thinkube_catalog.domain.manifest import SecretDeclaration
from thinkube_catalog.domain.secrets import SecretNotFoundError, SecretValue
from thinkube_catalog.operations.platform import Platform

Given = Mapping[str, SecretValue | str]
"""By environment name: a value, or the key under which one is stored."""

STAGED_FOR = timedelta(hours=1)
"""How long a staged value may wait for its run to be recorded."""

_STAGED = "request:"  # no deployment's name has a colon

SHORTEST_HIDDEN = 6
"""Shorter values are not looked for in texts: they would blot out ordinary words."""


def own_key(deployment: str, name: str) -> str:
    """Return the key of a secret that one deployment was given."""
    return f"{deployment}/{name}"


def chosen_keys(
    platform: Platform,
    deployment: str,
    declared: Iterable[SecretDeclaration],
    given: Given,
) -> dict[str, str]:
    """Return the key for each environment name that has one: given, its own, or shared.

    Where values are fetched from elsewhere, what is needed is expected there among the shared.
    """
    stored = {entry.key for entry in platform.secrets.entries()}
    declared = tuple(declared)
    if platform.secret_store:
        stored |= {each.name for each in declared if each.required}
    keys: dict[str, str] = {}
    for name in dict.fromkeys([*(each.name for each in declared), *given]):
        value = given.get(name)
        if isinstance(value, str) and value:
            keys[name] = value
        elif isinstance(value, SecretValue) or own_key(deployment, name) in stored:
            keys[name] = own_key(deployment, name)
        elif name in stored:
            keys[name] = name
    return keys


def problems(
    platform: Platform,
    deployment: str,
    declared: tuple[SecretDeclaration, ...] | None,
    given: Given,
) -> list[Problem]:
    """List what is wrong with the secrets given; `declared` is None when nothing declares any."""
    keys = chosen_keys(platform, deployment, declared or (), given)
    found = [_missing(each) for each in declared or () if each.required and each.name not in keys]
    if declared is not None:
        names = [each.name for each in declared]
        found += [_undeclared(name, names) for name in given if name not in names]
    if platform.secret_store:
        typed = [name for name, value in given.items() if isinstance(value, SecretValue)]
        return [*found, *(_kept_elsewhere(platform, deployment, name) for name in typed)]
    stored = {entry.key for entry in platform.secrets.entries()}
    wanted = ((name, key) for name, key in given.items() if isinstance(key, str) and key)
    found += [_not_stored(name, key) for name, key in wanted if key not in stored]
    return found


def stage(platform: Platform, run: Run, given: Given) -> tuple[str, ...]:
    """Store the values that came with a request under the run's id; return their names."""
    tidy(platform)
    values = {name: each for name, each in given.items() if isinstance(each, SecretValue)}
    for name, value in values.items():
        platform.secrets.put(_staged_key(run, name), value)
    return tuple(values)


def unstage(platform: Platform, run: Run, names: Iterable[str]) -> None:
    """Forget staged values, of a request that was refused."""
    for name in names:
        platform.secrets.remove(_staged_key(run, name))


def adopt(platform: Platform, run: Run, names: Iterable[str]) -> None:
    """Give staged values their place. Safe to repeat."""
    for name in names:
        try:
            value = platform.secrets.get(_staged_key(run, name))
        except SecretNotFoundError:
            continue  # adopted before the service stopped
        platform.secrets.put(own_key(run.deployment, name), value)
        platform.secrets.remove(_staged_key(run, name))


def missing(platform: Platform, deployment: Deployment) -> list[Problem]:
    """List the secrets that the deployment reads and that are not stored, if they should be."""
    if platform.secret_store:
        return []  # the engine says what is not there
    stored = {entry.key for entry in platform.secrets.entries()}
    wanted = sorted(deployment.secrets.items())
    return [_not_stored(name, key) for name, key in wanted if key not in stored]


def forget(platform: Platform, deployment: str) -> list[str]:
    """Delete what was given to this deployment alone; return the keys."""
    keys = own_keys(platform, deployment)
    for key in keys:
        platform.secrets.remove(key)
    return keys


def own_keys(platform: Platform, deployment: str) -> list[str]:
    """List the keys of the secrets that this deployment alone was given."""
    prefix = own_key(deployment, "")
    return [entry.key for entry in platform.secrets.entries() if entry.key.startswith(prefix)]


def hide(platform: Platform, keys: Iterable[str], text: str) -> str:
    """Return a text without the values of these secrets, should something have repeated one."""
    return veil(platform, keys)(text)


def veil(platform: Platform, keys: Iterable[str]) -> Callable[[str], str]:
    """Return what hides the values of these secrets in any text; each is read once."""
    values = [value for key in keys if len(value := _value(platform, key)) >= SHORTEST_HIDDEN]

    def hidden(text: str) -> str:
        for value in values:
            text = text.replace(value, "…")
        return text

    return hidden


def _value(platform: Platform, key: str) -> str:
    try:
        return platform.secrets.get(key).reveal()
    except CatalogError:
        return ""  # not stored or not readable: nothing that could have been repeated


def tidy(platform: Platform, older_than: timedelta = STAGED_FOR) -> list[str]:
    """Delete staged values that no run will ask for any more; return their keys.

    The service was killed between staging and recording, or the deployment is gone.
    """
    before = platform.now() - older_than
    old = [entry.key for entry in platform.secrets.entries() if entry.changed_at <= before]
    staged = [key for key in old if key.startswith(_STAGED)]
    orphans = [key for key in staged if not _awaited(platform, key)]
    for key in orphans:
        platform.secrets.remove(key)
    return orphans


def _awaited(platform: Platform, key: str) -> bool:
    run_id = key.removeprefix(_STAGED).partition("/")[0]
    try:
        run = platform.deployments.run(run_id)
        return platform.deployments.get(run.deployment).id == run.deployment_id
    except NotFoundError:
        return False


def _staged_key(run: Run, name: str) -> str:
    return f"{_STAGED}{run.id}/{name}"


def _missing(declared: SecretDeclaration) -> Problem:
    about = f" ({declared.description})" if declared.description else ""
    return Problem(
        f"the secret {declared.name} is missing{about}",
        field=f"secrets.{declared.name}",
        mend=f"store it with: tkt secret set {declared.name}; or give it with the request",
    )


def _undeclared(name: str, names: list[str]) -> Problem:
    near = get_close_matches(name, names, n=1)
    declared = f"it declares {', '.join(names)}" if names else "it declares none"
    mend = f"did you mean {near[0]}?" if near else declared
    return Problem(f"the template declares no secret {name}", field=f"secrets.{name}", mend=mend)


def _kept_elsewhere(platform: Platform, deployment: str, name: str) -> Problem:
    key = own_key(deployment, name)
    return Problem(
        f"values of secrets are fetched from {platform.secret_store}, and none is taken here",
        field=f"secrets.{name}",
        mend=f"put it there and name its key: --secret {name}={key}, or {name} if it is shared",
    )


def _not_stored(name: str, key: str) -> Problem:
    return Problem(
        f"there is no secret stored under {key}",
        field=f"secrets.{name}",
        mend=f"store it with: tkt secret set {key}",
    )
