"""`tkt doctor`: everything that this installation is set up to need."""

from __future__ import annotations

import ssl

from thinkube_catalog.adapters import machine
from thinkube_catalog.adapters.argocd.doctor import ArgoCdView, check_argocd
from thinkube_catalog.adapters.clocks import check_clock
from thinkube_catalog.adapters.gitea.doctor import check_builder, check_gitea
from thinkube_catalog.adapters.gitea.pulling import NAME as PULLS
from thinkube_catalog.adapters.gitea.pulling import check_pulling
from thinkube_catalog.adapters.gitea.reading import check_reading
from thinkube_catalog.adapters.gitea.webhooks import check_webhooks
from thinkube_catalog.adapters.instance import Instance
from thinkube_catalog.adapters.kubernetes.doctor import check_cluster
from thinkube_catalog.adapters.kubernetes.survey import Needed, survey_cluster
from thinkube_catalog.adapters.reach import check_public
from thinkube_catalog.adapters.registry import check_registry
from thinkube_catalog.adapters.secret_store import SecretKeyInvalidError
from thinkube_catalog.adapters.sql.doctor import check_database
from thinkube_catalog.adapters.trust import trusting
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.gitops import EngineUnavailableError
from thinkube_catalog.operations.examination import Look
from thinkube_catalog.operations.examination import examine as examine_all
from thinkube_catalog.settings import Settings
from thinkube_catalog.wiring.bootstrap import project_plan
from thinkube_catalog.wiring.clusters import access_to_cluster
from thinkube_catalog.wiring.forges import HOOK, hooks, template_sources
from thinkube_catalog.wiring.parts import file_catalogs, key_file, providers
from thinkube_catalog.wiring.trials import known_keys, try_deliveries

SECONDS = 40.0
"""The bound of each look; what it asks has shorter ones of its own."""

_HTTP_ROUTES = Needed(
    kind="HTTPRoute",
    plural="httproutes",
    group_version="gateway.networking.k8s.io/v1",
    why="THINKUBE_ROUTING is gateway",
    mend="install the Gateway API and a gateway, or set THINKUBE_ROUTING=ingress",
)
_SERVICE_MONITORS = Needed(
    kind="ServiceMonitor",
    plural="servicemonitors",
    group_version="monitoring.coreos.com/v1",
    why="THINKUBE_SERVICE_MONITORS is on",
    mend="install the Prometheus operator, or set THINKUBE_SERVICE_MONITORS=false",
)
_EXTERNAL_SECRETS = Needed(
    kind="ExternalSecret",
    plural="externalsecrets",
    group_version="external-secrets.io/v1",
    why="THINKUBE_SECRET_DELIVERY is external-secret",
    mend="install External Secrets 0.16 or newer, or set THINKUBE_SECRET_DELIVERY=secret",
)


def examine(settings: Settings) -> list[Check]:
    """Look at everything the service needs, and try what it hears from others by.

    Nothing is changed but the data folder made; what a trial makes is gone when it is over.
    """
    # Trials come last: they need what is looked at, and others could meet what they make.
    found = examine_all(
        [
            Look("this machine", lambda: _check_machine(settings)),
            *_looks_at_forge(settings),
            *_looks_at_cluster(settings),
            *_looks_at_database(settings),
            Look("catalog", lambda: [_check_catalog(settings)], "correct THINKUBE_CATALOG"),
            Look(
                "providers",
                lambda: [machine.check_provider(each) for each in providers(settings)],
            ),
            Look("service", lambda: [_check_service(settings)]),
        ],
        SECONDS,
    )
    return [*found, *try_deliveries(settings, found)]


def _check_machine(settings: Settings) -> list[Check]:
    return [
        machine.check_python(),
        machine.check_git(),
        machine.check_uv(),
        machine.check_folder(settings.data_dir),
        _check_key(settings),
    ]


def _check_key(settings: Settings) -> Check:
    """Look whether secrets can be sealed. A missing key is made by the service, not here."""
    name = "sealing key"
    try:
        known_keys(settings)
    except SecretKeyInvalidError as error:
        mend = "; ".join(each.mend for each in error.problems)
        return failed(name, "; ".join(each.message for each in error.problems), mend)
    if settings.secret_key.get_secret_value():
        return passed(name, "THINKUBE_SECRET_KEY is one")
    path = key_file(settings)
    return passed(name, f"{path}" if path.exists() else f"made in {path} when the service starts")


def _looks_at_forge(settings: Settings) -> list[Look]:
    if settings.forge != "gitea":
        return []  # the folder of the local forge is the data folder
    clock = f"{settings.gitea_url}/api/v1/version"
    looks = [
        Look("gitea", lambda: _check_forge(settings)),
        Look("gitea clock", lambda: check_clock("gitea", clock, verify=True)),
    ]
    if settings.build_token.get_secret_value():
        looks.append(Look("gitea builder", lambda: _check_builder(settings)))
    if settings.gitea_read_token.get_secret_value():
        looks.append(Look("gitea read token", lambda: _check_reading(settings)))
    if settings.public_url:
        looks.append(Look("public address", lambda: [_check_public(settings)]))
    return [*looks, Look("gitea webhooks", lambda: _check_webhooks(settings))]


def _check_public(settings: Settings) -> Check:
    return check_public(settings.public_url, settings.gitea_url, HOOK)


def _check_webhooks(settings: Settings) -> list[Check]:
    try:
        wanted = hooks(settings, known_keys(settings))
    except SecretKeyInvalidError:
        return []  # told by the look at the key
    token = settings.gitea_token.get_secret_value()
    return check_webhooks(settings.gitea_url, token, settings.gitea_org, wanted)


def _check_forge(settings: Settings) -> list[Check]:
    token = settings.gitea_token.get_secret_value()
    owners = dict.fromkeys((settings.gitea_org, settings.templates_org))
    return check_gitea(settings.gitea_url, token, tuple(owners))


def _check_builder(settings: Settings) -> list[Check]:
    build_token = settings.build_token.get_secret_value()
    token, owner = settings.gitea_token.get_secret_value(), settings.gitea_org
    url, builder = settings.gitea_url, settings.build_user
    return [check_builder(url, token, builder, build_token, owner)]


def _check_reading(settings: Settings) -> list[Check]:
    return check_reading(
        settings.gitea_url,
        settings.gitea_read_token.get_secret_value(),
        settings.gitea_token.get_secret_value(),
        settings.gitea_org,
    )


def _looks_at_cluster(settings: Settings) -> list[Look]:
    if settings.engine != "argocd":
        return []
    clock = f"{settings.argocd_url}/api/version"
    view = ArgoCdView(
        url=settings.argocd_url,
        token=settings.argocd_token.get_secret_value(),
        webhook_secret=settings.argocd_webhook_secret.get_secret_value(),
        project=project_plan(settings),
    )
    return [
        *([Look(PULLS, lambda: [_check_pulls(settings)])] if _pulls(settings) else []),
        Look("argocd", lambda: check_argocd(view)),
        Look("argocd clock", lambda: check_clock("argocd", clock, verify=True)),
        Look("cluster", lambda: _check_cluster(settings)),
    ]


def _pulls(settings: Settings) -> bool:
    """Say whether the cluster pulls images that a registry may ask an account for."""
    built = bool(settings.build_token.get_secret_value())
    return built or bool(settings.pull_token.get_secret_value())


def _check_pulls(settings: Settings) -> Check:
    user, token = settings.pull_user, settings.pull_token.get_secret_value()
    registry = settings.container_registry
    if not token:
        message = "the cluster gets no token to pull images with"
        mend = "set THINKUBE_PULL_USER and run tkt bootstrap, where nodes cannot pull by themselves"
        return warned(PULLS, message, mend)
    if registry:
        mend = "set THINKUBE_PULL_USER and THINKUBE_PULL_TOKEN to an account that pulls there"
        return check_registry(PULLS, f"https://{registry}", user, token, mend)
    return check_pulling(settings.gitea_url, user, token, settings.gitea_org)


def _check_cluster(settings: Settings) -> list[Check]:
    try:
        access = access_to_cluster(settings)
        return [
            *check_cluster(access),
            *survey_cluster(
                access, settings.namespace_prefix, _needed(settings), _external_store(settings)
            ),
            *check_clock("cluster", f"{access.url}/version", _trust(access.ca)),
        ]
    except EngineUnavailableError as error:
        mend = "look at THINKUBE_KUBERNETES_URL, THINKUBE_KUBERNETES_TOKEN, THINKUBE_KUBERNETES_CA"
        told = trusting(error.reason, mend, "THINKUBE_KUBERNETES_CA")
        return [failed("cluster", error.reason, told)]


def _trust(ca: object) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=str(ca)) if ca else True


def _external_store(settings: Settings) -> str:
    external = settings.secret_delivery == "external-secret"  # noqa: S105 (a word)
    return settings.secret_store if external else ""


def _needed(settings: Settings) -> list[Needed]:
    return [
        *([_HTTP_ROUTES] if settings.routing == "gateway" else []),
        *([_SERVICE_MONITORS] if settings.service_monitors else []),
        *([_EXTERNAL_SECRETS] if _external_store(settings) else []),
    ]


def _looks_at_database(settings: Settings) -> list[Look]:
    url = settings.database_url.get_secret_value()
    if not url or url.startswith("sqlite"):
        return []  # files in the data folder
    return [Look("database", lambda: check_database(url))]


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
