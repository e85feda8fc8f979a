"""The service behind the API: records, forge, engine, runs, and what watches them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from time import sleep

from thinkube_catalog.adapters.copier import CopierRenderer
from thinkube_catalog.adapters.durable import (
    BEAT_SECONDS,
    BEAT_SECONDS_ALONE,
    Carrying,
    DurableRuns,
)
from thinkube_catalog.adapters.fenced import fenced
from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.adapters.observed import ObservedDeployments, Observer
from thinkube_catalog.adapters.secret_store import SqlSecrets
from thinkube_catalog.adapters.sql.arrivals import SqlArrivals
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.deployments import SqlDeployments
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.deployments import StoreUnavailableError
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.domain.replicas import Replica
from thinkube_catalog.domain.secrets import SecretNotFoundError, SecretValue
from thinkube_catalog.operations import connecting, runs, watch
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.settings import Settings
from thinkube_catalog.wiring.clusters import secret_store
from thinkube_catalog.wiring.engines import open_engine
from thinkube_catalog.wiring.forges import (
    close_forge,
    deliveries_of,
    open_forge,
    template_sources,
)
from thinkube_catalog.wiring.parts import (
    conventions,
    database_url,
    file_catalogs,
    program_version,
    provider_key,
    providers,
    replica_name,
    sealing_keys,
    with_publishing,
)

OBSERVE_SECONDS = 1.0
SEEN_SECONDS = 0.25
"""How soon the embedded engine has seen a new head that the forge tells."""

DRAIN_SECONDS = 5

_log = logging.getLogger(__name__)


class CatalogService:
    """Everything that works behind the API: the engine, the runs, and what watches them.

    Made before `start`, so that the API can be built on `platform`; `stop` leaves applications
    running and runs where they are: another replica, or the next start, goes on.
    """

    def __init__(self, settings: Settings, observer: Observer) -> None:
        self.settings = settings
        self._database = Database(database_url(settings))
        keys = sealing_keys(settings)
        self._secrets = SqlSecrets(self._database, keys)
        self._sources = template_sources(settings)
        self._renderer = CopierRenderer(self._sources)
        alone = not settings.database_url.get_secret_value()  # the lock of the folder is the lease
        self.replicas = SqlReplicas(
            self._database, Replica(replica_name(), program_version()), alone=alone
        )
        self._runs = DurableRuns(
            settings.data_dir / "runs.sqlite",
            self.replicas,
            BEAT_SECONDS_ALONE if alone else BEAT_SECONDS,
        )
        self._forge = forge = open_forge(settings, keys, SqlArrivals(self._database))
        self._engine = open_engine(settings, forge, self._secrets)
        self.deliveries = deliveries_of(forge)
        self._stopping = False
        self._look_now = Event()
        self._draining = Event()
        self._watcher = Thread(target=self._watch, name="watcher", daemon=True)
        self._connector = Thread(target=self._connect, name="connector", daemon=True)
        self.platform = with_publishing(
            Platform(
                catalogs=file_catalogs(settings, self._sources),
                sources=self._sources,
                renderer=self._renderer,
                forge=fenced(forge, self.replicas.check),
                engine=fenced(self._engine, self.replicas.check),
                deployments=ObservedDeployments(SqlDeployments(self._database), observer),
                runs=self._runs,
                secrets=self._secrets,
                merger=GitMerger(),
                conventions=conventions(settings),
                runs_objects=settings.engine == "argocd",
                providers=providers(settings),
                secret_store=secret_store(settings),
                deployments_owner=settings.gitea_org,
                templates_owner=settings.templates_org,
            ),
            settings,
        )

    def start(self) -> None:
        """Bring up what runs, go on with what was under way, and begin to watch."""
        self._store_provider_keys()
        for warning in self.platform.catalogs.load().warnings:
            _log.warning("catalog: %s", warning)
        self._engine.start()
        self._runs.launch(
            Carrying(
                proceed=partial(runs.proceed, self.platform),
                unfinished=self.platform.deployments.unfinished,
                give_up=partial(runs.give_up, self.platform),
            )
        )
        self._watcher.start()
        self._connector.start()
        self._renderer.start()  # last: it warms up beside the rest, which must not wait for cores

    def drain(self) -> None:
        """Give the runs into other hands, and be ready for nothing new any more."""
        self._draining.set()
        self._runs.drain(DRAIN_SECONDS)

    def stop(self) -> None:
        """Stop in the order in which nobody misses what is gone."""
        self.drain()
        self._stopping = True
        self._look_now.set()
        for thread in (self._watcher, self._connector):
            if thread.is_alive():
                thread.join()
        self._runs.close()
        self._engine.stop()
        self._renderer.close()
        close_forge(self._forge)
        self._database.close()

    def check_database(self) -> str:
        """Return `ok` when the records can be read, else why not."""
        return _checked(lambda: self.platform.deployments.page(limit=1))

    def check_draining(self) -> str:
        """Return `ok` until this replica has been told to stop."""
        return "it is being stopped" if self._draining.is_set() else "ok"

    def check_catalog(self) -> str:
        """Return `ok` when the catalog can be read, else why not."""
        return _checked(self.platform.catalogs.load)

    def check_watcher(self) -> str:
        """Return `ok` while deployments are being watched."""
        return "ok" if self._watcher.is_alive() else "deployments are not being watched"

    def _store_provider_keys(self) -> None:
        for provider in self.settings.providers:
            given = provider.api_key.get_secret_value()
            if given and self._stored(provider_key(provider)) != given:
                self._secrets.put(provider_key(provider), SecretValue(given))

    def _stored(self, key: str) -> str:
        try:
            return self._secrets.get(key).reveal()
        except SecretNotFoundError:
            return ""

    def pushed(self, repository: Repository) -> None:
        """Look as soon as the engine has seen what somebody has pushed to a repository."""
        if repository.owner == self.settings.gitea_org:
            self._look_now.set()

    def _connect(self) -> None:
        try:
            connecting.connect_all(self.platform, lambda: self._stopping)
        except Exception:  # noqa: BLE001 (the service works without)
            _log.exception("connecting the repositories failed")

    def _watch(self) -> None:
        while True:
            told = self._look_now.wait(OBSERVE_SECONDS)
            if told and not self._stopping:
                self._look_now.clear()
                sleep(SEEN_SECONDS)
            if self._stopping:
                return
            if not (told or self._runs.leads):
                continue  # another replica looks
            try:
                watch.observe(self.platform)
            except StoreUnavailableError as error:
                _log.warning("no look at the deployments now: %s", error)
            except Exception:  # noqa: BLE001 (one bad look must not end all watching)
                _log.exception("looking at the deployments failed")


def _checked(look: Callable[[], object]) -> str:
    try:
        look()
    except CatalogError as error:
        return str(error)
    return "ok"
