"""`tkt bootstrap`: the parts that this installation needs in each system it is set up with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from thinkube_catalog.adapters.argocd import bootstrap as argocd
from thinkube_catalog.adapters.argocd.project import ProjectPlan
from thinkube_catalog.adapters.argocd.webhooks import SecretByHand
from thinkube_catalog.adapters.env_file import EnvFile, Lines, Unhidden, Word
from thinkube_catalog.adapters.gitea.bootstrap.parts import gitea_parts
from thinkube_catalog.adapters.gitea.bootstrap.plan import READ_TOKEN, GiteaPlan
from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.adapters.kubernetes.administration import ClusterAdministration
from thinkube_catalog.adapters.kubernetes.bootstrap import ClusterPlan, cluster_parts
from thinkube_catalog.adapters.secret_store import new_key
from thinkube_catalog.domain.bootstrap import Part, Wishes
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.settings import PREFIX, Settings, load_settings_for_bootstrap
from thinkube_catalog.wiring.parts import OWN_CATALOG

SECONDS = 20.0
"""The deadline of each call."""

MANIFESTS = OWN_CATALOG.parent / "deploy" / "base"
"""The manifests that come with this program."""

WEBHOOK_SECRET = PREFIX + "ARGOCD_WEBHOOK_SECRET"
ARGOCD_TOKEN = PREFIX + "ARGOCD_TOKEN"

_NAMES = (
    "forge",
    "gitea_url",
    "gitea_org",
    "templates_org",
    "public_url",
    "build_user",
    "pull_user",
)
_CLUSTER_NAMES = (
    *("engine", "argocd_url", "argocd_project", "argocd_namespace", "argocd_cluster"),
    *("namespace_prefix", "kubernetes_url", "kubernetes_ca"),
)


class NothingToBootstrapError(InvalidError):
    def __init__(self) -> None:
        mend = f"set {PREFIX}GITEA_URL, and {PREFIX}ARGOCD_URL for a cluster"
        problem = Problem("neither a Gitea nor an Argo CD is named", mend=mend)
        super().__init__("there is nothing to be made outside of this machine", [problem])


@contextmanager
def open_bootstrap(wishes: Wishes) -> Iterator[list[Part]]:
    """Give every part, in order; clients are open as long.

    Raises SettingsInvalidError, NothingToBootstrapError, EnvFileUnwritableError.
    """
    settings, file = installation(wishes)
    with ExitStack() as open_:
        parts = _gitea(settings, wishes, file, open_)
        if settings.engine == "argocd":
            parts += _argocd(settings, wishes, file, open_)
        if "postgresql" in settings.database_url.get_secret_value():
            parts.append(Word(file, f"{PREFIX}SECRET_KEY", new_key))
        yield [*parts, Lines(file, lines(settings)), Unhidden(file)]


def installation(wishes: Wishes) -> tuple[Settings, EnvFile]:
    """Return the settings as far as they are known, and where they are kept."""
    settings = load_settings_for_bootstrap(wishes.settings)
    if settings.forge != "gitea":
        raise NothingToBootstrapError
    file = EnvFile(wishes.settings, os.environ)
    file.check_writable()
    return settings, file


def gitea_plan(settings: Settings, wishes: Wishes) -> GiteaPlan:
    """Return what is wanted in Gitea."""
    return GiteaPlan(
        account=wishes.account,
        reader=wishes.reader if settings.engine == "argocd" else "",
        builder=settings.build_user,
        puller="" if settings.container_registry else settings.pull_user,
        deployments=settings.gitea_org,
        templates=settings.templates_org,
        prefix=PREFIX,
    )


def project_plan(settings: Settings) -> ProjectPlan:
    """Return what our project in Argo CD is for."""
    return ProjectPlan(
        name=settings.argocd_project,
        organisation_url=f"{settings.gitea_url}/{settings.gitea_org}",
        cluster=settings.argocd_cluster,
        namespace_prefix=settings.namespace_prefix,
        argocd_namespace=settings.argocd_namespace,
    )


def cluster_plan(
    settings: Settings, wishes: Wishes, cluster: Callable[[], str], manifests: Path = MANIFESTS
) -> ClusterPlan:
    """Return what is wanted in the cluster; a service inside it needs no token of ours.

    `cluster` gives the address of the one that applications run on.
    """
    return ClusterPlan(
        manifests=manifests,
        namespace_prefix=settings.namespace_prefix,
        argocd_namespace=settings.argocd_namespace,
        webhook_setting=WEBHOOK_SECRET,
        token_setting=f"{PREFIX}KUBERNETES_TOKEN" if settings.kubernetes_url else "",
        token_days=wishes.token_days,
        project=settings.argocd_project,
        cluster=cluster,
    )


def _gitea(settings: Settings, wishes: Wishes, file: EnvFile, open_: ExitStack) -> list[Part]:
    name = wishes.gitea_admin or wishes.ask("Name of an administrator of Gitea", None).reveal()
    password = wishes.ask(f"Password of Gitea's {name}", wishes.gitea_password)
    client = GiteaClient(settings.gitea_url, password.reveal(), SECONDS, user=name)
    open_.callback(client.close)
    return gitea_parts(client, name, gitea_plan(settings, wishes), file)


def _argocd(settings: Settings, wishes: Wishes, file: EnvFile, open_: ExitStack) -> list[Part]:
    name = wishes.argocd_admin
    password = wishes.ask(f"Password of Argo CD's {name}", wishes.argocd_password)
    administration = argocd.Administration(settings.argocd_url, name, password, SECONDS)
    open_.callback(administration.close)
    plan = argocd.ArgoCdPlan(
        project=project_plan(settings),
        reader=wishes.reader,
        token_days=wishes.token_days,
        token_setting=ARGOCD_TOKEN,
        read_token_setting=PREFIX + READ_TOKEN,
    )
    parts = argocd.argocd_parts(administration, plan, file)
    if wishes.kubeconfig is None:
        return [*parts, _webhook_by_hand(settings, file)]
    cluster = ClusterAdministration(wishes.kubeconfig, SECONDS)
    open_.callback(cluster.close)
    address = partial(administration.cluster_address, settings.argocd_cluster)
    return [*parts, *cluster_parts(cluster, cluster_plan(settings, wishes, address), file)]


def _webhook_by_hand(settings: Settings, file: EnvFile) -> Part:
    return SecretByHand(
        url=settings.argocd_url,
        namespace=settings.argocd_namespace,
        setting=WEBHOOK_SECRET,
        kept=file,
        where=str(file.path),
        seconds=SECONDS,
    )


def lines(settings: Settings) -> dict[str, str]:
    """Return the settings that another start needs and that differ from the program's own."""
    names = (*_NAMES, *(_CLUSTER_NAMES if settings.engine == "argocd" else ()))
    told = {name: getattr(settings, name) for name in names}
    return {
        PREFIX + name.upper(): str(value)
        for name, value in told.items()
        if value != Settings.model_fields[name].default
    }
