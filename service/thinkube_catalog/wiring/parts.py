"""What every platform here is put together from."""

from __future__ import annotations

import secrets
import socket
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from thinkube_catalog.adapters.catalogs import FileCatalogs
from thinkube_catalog.adapters.published import FRESH_SECONDS, PublishedCatalogs
from thinkube_catalog.adapters.secret_store import SealingKey, keys_from, keys_in
from thinkube_catalog.domain.bindings import Provider
from thinkube_catalog.domain.catalog import Catalogs, Source, TemplateSources
from thinkube_catalog.domain.environment import PULL_SECRET, Conventions
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.publish import publish_catalog
from thinkube_catalog.settings import ProviderSetting, Settings

OWN_CATALOG = Path(__file__).resolve().parents[3] / "catalog"
"""The catalogue that comes with this program."""

REMOTE_FRESH_SECONDS = 30.0
"""How soon a change in a template's folder is noticed with a forge on another machine."""


def program_version() -> str:
    """Return the version of this program."""
    return version("thinkube-catalog")


def replica_name() -> str:
    """Return a name for this process among the replicas: its host's, and something random."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


def conventions(settings: Settings) -> Conventions:
    """Return how this installation names things."""
    registry, owner = _registry(settings)
    return Conventions(
        domain_name=settings.domain_name,
        container_registry=registry,
        image_owner=owner,
        builds=bool(settings.build_token.get_secret_value()),
        build_runner=settings.build_runner,
        namespace_prefix=settings.namespace_prefix,
        routing=settings.routing,
        ingress_class=settings.ingress_class,
        service_monitors=settings.service_monitors,
        storage_class=settings.storage_class,
        pull_secret=PULL_SECRET if settings.pull_token.get_secret_value() else "",
    )


def _registry(settings: Settings) -> tuple[str, str]:
    """Return the registry and whose images are there: Gitea's own belong to an organisation."""
    usual = Conventions()
    if settings.container_registry:
        return settings.container_registry, usual.image_owner
    if settings.forge == "gitea":
        return urlsplit(settings.gitea_url).netloc, settings.gitea_org
    return usual.container_registry, usual.image_owner


def providers(settings: Settings) -> tuple[Provider, ...]:
    """Return the configured endpoints; their keys stand in the secret store."""
    return tuple(
        Provider(
            name=each.name,
            type=each.type,
            url=each.url,
            model=each.model,
            secret=provider_key(each) if each.api_key.get_secret_value() else "",
        )
        for each in settings.providers
    )


def database_url(settings: Settings) -> str:
    """Return where the records are: in the data folder, unless another place is set."""
    configured = settings.database_url.get_secret_value()
    return configured or f"sqlite:///{settings.data_dir / 'catalog.sqlite'}"


def sealing_keys(settings: Settings) -> tuple[SealingKey, ...]:
    """Return the keys that secrets are sealed with, the one for new ones first."""
    configured = settings.secret_key.get_secret_value()
    return keys_from(configured) if configured else keys_in(key_file(settings))


def key_file(settings: Settings) -> Path:
    """Return where the key stands that the service makes itself, where none is set."""
    return settings.data_dir / "secret.key"


def provider_key(provider: ProviderSetting) -> str:
    """Return where in the secret store the key of a configured endpoint stands."""
    return f"provider:{provider.name}"


def file_catalogs(settings: Settings, sources: TemplateSources) -> FileCatalogs:
    """Return the configured catalogues, or the one that comes with this program."""

    def fetch(url: str) -> Path:
        return sources.checkout(sources.resolve(Source(url)))

    return FileCatalogs(settings.catalog or (str(OWN_CATALOG),), fetch)


def with_publishing(platform: Platform, settings: Settings) -> Platform:
    """Return the platform with in-tree templates offered from where they are published."""
    publish = partial(publish_catalog, platform)
    # Each look at every template costs a few questions where the forge is another machine.
    seconds = FRESH_SECONDS if settings.forge == "local" else REMOTE_FRESH_SECONDS
    catalogs: Catalogs = PublishedCatalogs(platform.catalogs, publish, seconds)
    return replace(platform, catalogs=catalogs)
