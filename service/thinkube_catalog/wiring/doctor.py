"""`tkt doctor`: everything that this installation is set up to need."""

from __future__ import annotations

from thinkube_catalog.adapters import machine
from thinkube_catalog.adapters.gitea.doctor import check_builder, check_gitea
from thinkube_catalog.adapters.instance import Instance
from thinkube_catalog.adapters.kubernetes.doctor import check_cluster
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.settings import Settings
from thinkube_catalog.wiring.clusters import access_to_cluster
from thinkube_catalog.wiring.forges import template_sources
from thinkube_catalog.wiring.parts import file_catalogs, providers


def examine(settings: Settings) -> list[Check]:
    """Look at everything the service needs; nothing is changed but the data folder made."""
    return [
        machine.check_python(),
        machine.check_git(),
        machine.check_uv(),
        machine.check_folder(settings.data_dir),
        *_check_forge(settings),
        *_check_cluster(settings),
        _check_catalog(settings),
        *(machine.check_provider(provider) for provider in providers(settings)),
        _check_service(settings),
    ]


def _check_forge(settings: Settings) -> list[Check]:
    if settings.forge != "gitea":
        return []  # the folder of the local forge is the data folder
    token = settings.gitea_token.get_secret_value()
    owners = dict.fromkeys((settings.gitea_org, settings.templates_org))
    return [*check_gitea(settings.gitea_url, token, tuple(owners)), *_check_builder(settings)]


def _check_builder(settings: Settings) -> list[Check]:
    build_token = settings.build_token.get_secret_value()
    if not build_token:
        return []
    token, owner = settings.gitea_token.get_secret_value(), settings.gitea_org
    url, builder = settings.gitea_url, settings.build_user
    return [check_builder(url, token, builder, build_token, owner)]


def _check_cluster(settings: Settings) -> list[Check]:
    if settings.engine != "argocd":
        return []
    try:
        return check_cluster(access_to_cluster(settings))
    except CatalogError as error:
        mend = "look at THINKUBE_KUBERNETES_URL, THINKUBE_KUBERNETES_TOKEN, THINKUBE_KUBERNETES_CA"
        return [Check("cluster", good=False, message=str(error), mend=mend)]


def _check_catalog(settings: Settings) -> Check:
    try:
        catalog = file_catalogs(settings, template_sources(settings)).load()
    except CatalogError as error:
        return Check("catalog", good=False, message=str(error), mend="correct THINKUBE_CATALOG")
    if catalog.warnings:
        message = "; ".join(str(warning) for warning in catalog.warnings)
        return Check("catalog", good=False, message=message, mend="mend those files")
    count = len(catalog.entries)
    return Check("catalog", good=True, message=f"{count} templates, {len(catalog.models)} models")


def _check_service(settings: Settings) -> Check:
    running = Instance(settings.data_dir).running()
    # That none runs is no fault: commands start it when they need it.
    message = f"runs at {running.address}" if running else "not running; commands start it"
    return Check("service", good=True, message=message)
