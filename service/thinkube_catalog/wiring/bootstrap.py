"""`tkt bootstrap`: the parts that this installation needs in each system it is set up with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from thinkube_catalog.adapters.env_file import EnvFile, Lines
from thinkube_catalog.adapters.gitea.bootstrap import GiteaPlan, gitea_parts
from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.domain.bootstrap import Part, Wishes
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.settings import PREFIX, Settings, load_settings_for_bootstrap

SECONDS = 20.0
"""The deadline of each call."""


class NothingToBootstrapError(InvalidError):
    def __init__(self) -> None:
        mend = f"set {PREFIX}GITEA_URL, and {PREFIX}ARGOCD_URL for a cluster"
        problem = Problem("neither a Gitea nor an Argo CD is named", mend=mend)
        super().__init__(
            "there is nothing to bootstrap: the embedded platform needs nothing", [problem]
        )


@contextmanager
def open_bootstrap(wishes: Wishes) -> Iterator[list[Part]]:
    """Give every part, in order; clients are open as long.

    Raises SettingsInvalidError, NothingToBootstrapError, EnvFileUnwritableError.
    """
    settings = load_settings_for_bootstrap(wishes.settings)
    file = EnvFile(wishes.settings, os.environ)
    file.check_writable()
    if settings.forge != "gitea":
        raise NothingToBootstrapError
    with ExitStack() as open_:
        parts = _gitea(settings, wishes, file, open_)
        yield [*parts, Lines(file, _lines(settings))]


def _gitea(settings: Settings, wishes: Wishes, file: EnvFile, open_: ExitStack) -> list[Part]:
    name = wishes.gitea_admin or wishes.ask("Name of an administrator of Gitea", None).reveal()
    password = wishes.ask(f"Password of Gitea's {name}", wishes.gitea_password)
    client = GiteaClient(settings.gitea_url, password.reveal(), SECONDS, user=name)
    open_.callback(client.close)
    plan = GiteaPlan(
        account=wishes.account,
        reader=wishes.reader,
        deployments=settings.gitea_org,
        templates=settings.templates_org,
        prefix=PREFIX,
    )
    return gitea_parts(client, name, plan, file)


_NAMES = ("forge", "gitea_url", "gitea_org", "templates_org")
_CLUSTER_NAMES = (
    *("engine", "argocd_url", "argocd_project", "argocd_namespace", "argocd_cluster"),
    *("namespace_prefix", "public_url", "kubernetes_url", "kubernetes_ca"),
)


def _lines(settings: Settings) -> dict[str, str]:
    """Return the settings that another start needs and that differ from the program's own."""
    names = (*_NAMES, *(_CLUSTER_NAMES if settings.engine == "argocd" else ()))
    told = {name: getattr(settings, name) for name in names}
    return {
        PREFIX + name.upper(): str(value)
        for name, value in told.items()
        if value != Settings.model_fields[name].default
    }
