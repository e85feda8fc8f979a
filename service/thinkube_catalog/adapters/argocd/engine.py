"""The GitOps engine on Argo CD.

Argo CD's record of an application is the only memory: what has to be known after a restart, or by
another replica, is noted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.applications import OPERATION_INFO, Applications
from thinkube_catalog.adapters.argocd.client import ArgoCdClient, LostAnswerError
from thinkube_catalog.adapters.argocd.cluster import Cluster, RegistryAccount
from thinkube_catalog.adapters.argocd.desired import (
    MANAGED,
    MARKER,
    NAME,
    Placement,
    is_as_wanted,
    record,
    secrets_of,
)
from thinkube_catalog.adapters.argocd.following import POLL_SECONDS, Follower
from thinkube_catalog.adapters.argocd.logs import read_logs
from thinkube_catalog.adapters.argocd.looking import Closer
from thinkube_catalog.adapters.argocd.minding import Minder
from thinkube_catalog.adapters.argocd.progress import Stage, is_syncing, progress
from thinkube_catalog.adapters.argocd.pulls import Pulls
from thinkube_catalog.adapters.argocd.removal import Removal
from thinkube_catalog.adapters.argocd.status import status_of
from thinkube_catalog.adapters.argocd.supplies import Supplies, is_restartable
from thinkube_catalog.domain.forge import Build, Commit, Repository
from thinkube_catalog.domain.gitops import (
    Application,
    ApplicationNotFoundError,
    ApplicationStatus,
    ApplicationTakenError,
    EngineBusyError,
    LogLine,
)
from thinkube_catalog.domain.kubernetes import NAMESPACE_LABELS
from thinkube_catalog.domain.secrets import Secrets

_TRIES = 5
_TAKES_UP = {Stage.RUNNING, Stage.SETTLING}


def _nothing() -> None:
    pass


def _no_address(_: str) -> str:
    return ""


def _no_builds(_repository: Repository, _commit: str) -> Build | None:
    return None


@dataclass(frozen=True)
class Options:
    """How this installation uses Argo CD.

    `address` is where people reach an application that has routes. `read_token` is given to
    Argo CD for each repository; empty where it has a credential template. `puller` is the account
    by which images are pulled; None where the registry asks for none. `builds` says how the
    build of a commit's images is. Below `pages` Argo CD shows its records to people. Times are in
    seconds.
    """

    placement: Placement
    address: Callable[[str], str] = _no_address
    pages: str = ""
    read_token: str = field(default="", repr=False)
    puller: RegistryAccount | None = None
    builds: Callable[[Repository, str], Build | None] = _no_builds
    poll: float = POLL_SECONDS
    branch: float = 1.0
    removal: float = 60.0


class ArgoCdEngine:
    """`head` says which commit a repository's branch is at, so that pushes need no webhook.

    `close` is called once at the end, to close what was opened for this engine alone.
    """

    def __init__(
        self,
        client: ArgoCdClient,
        cluster: Cluster,
        secrets: Secrets,
        head: Callable[[Repository], Commit | None],
        options: Options,
        close: Callable[[], None] = _nothing,
    ) -> None:
        self._client, self._cluster, self._options = client, cluster, options
        self._close = close
        self._placement = options.placement
        self._applications = Applications(client, self._placement.project)
        self._follower = Follower(self._applications, options.poll)
        self._supplies = Supplies(secrets, cluster, self._applications, self._placement)
        self._closer = Closer(self._applications, self._build, self._supplies.arrival)
        self._pulls = Pulls(self._applications, cluster, self._placement, options.puller)
        self._removal = Removal(self._applications, cluster, self._placement, options.removal)
        self._minder = Minder(
            self._applications, self._follower, self._placement, head, self._awaits, options.branch
        )

    def start(self) -> None:
        """Begin to follow applications."""
        self._follower.start()
        self._minder.start()
        self._pulls.start()

    def stop(self) -> None:
        """Stop following them; what runs goes on running."""
        self._pulls.stop()
        self._minder.stop()
        self._follower.stop(self._client.close)
        self._close()

    def ensure_application(self, application: Application) -> None:
        name = self._placement.record_name(application.name)
        there = self._applications.find(name)
        if there is not None:
            self._check(there, application.name, application.marker)
        if there is not None and there.metadata.deletion_timestamp is not None:
            raise EngineBusyError(f"{application.name} is still being removed")
        labels = {**MANAGED, **NAMESPACE_LABELS, "app.kubernetes.io/name": application.name}
        self._cluster.ensure_namespace(name, application.marker, labels)
        self._pulls.allow(application.name, application.marker)
        if self._options.read_token:
            url = self._placement.clone_url(application)
            self._applications.write_repository(url, self._options.read_token)
        notes = self._supplies.deliver(application.name, application.marker, application.secrets)
        if there is not None:
            self._supplies.restart_for(there, notes)
        self._write(application, there, record(application, self._placement, notes))

    def sync(self, name: str, commit: str) -> None:
        there = self._supplied(self._required(name))
        operation = uuid4().hex
        for _ in range(_TRIES):
            if self._comes_up(there, commit):
                return
            if not is_syncing(there):
                self._try_again(there, commit)
                if self._started(there.metadata.name, operation):
                    self._forget(there.metadata.name)
                    return
            there = self._required(name)  # another operation was faster
        raise EngineBusyError(f"Argo CD is busy with another operation on {name}")

    def status(self, name: str) -> ApplicationStatus:
        there = self._follower.find(self._placement.record_name(name))
        if there is None or not self._is_ours(there):
            raise ApplicationNotFoundError(name)
        self._minder.note_serving(there)
        seen = self._closer.look(there)
        found = status_of(there, seen, self._options.address(name), self._unread(there))
        pages = self._options.pages
        return replace(found, page=f"{pages}/{there.metadata.name}" if pages else "")

    def logs(
        self, name: str, container: str = "", after: str = "", limit: int = 200
    ) -> Sequence[LogLine]:
        there = self._required(name)
        if progress(there).stage in {Stage.NO_COMMIT, Stage.WAITING}:
            return []
        tree = self._applications.tree(there.metadata.name)
        return read_logs(self._applications, there.metadata.name, tree, container, after, limit)

    def remove_application(self, name: str, marker: str, *, volumes: bool) -> Sequence[str]:
        there = self._applications.find(self._placement.record_name(name))
        if there is not None:
            self._check(there, name, marker)
            self._removal.remove_record(there, volumes=volumes)
        self._forget(self._placement.record_name(name))
        if self._options.read_token:
            self._applications.delete_repositories(lambda url: self._placement.is_of(url, name))
        return self._removal.remove_namespace(name, marker, volumes=volumes)

    def names(self) -> Iterator[str]:
        found = self._applications.all()
        return iter(
            sorted(each.metadata.annotations[NAME] for each in found if self._is_ours(each))
        )

    def _required(self, name: str) -> ArgoApplication:
        there = self._applications.find(self._placement.record_name(name))
        if there is None or not self._is_ours(there):
            raise ApplicationNotFoundError(name)
        return there

    def _awaits(self, there: ArgoApplication) -> bool:
        return self._closer.look(there).arrival.awaited

    def _unread(self, there: ArgoApplication) -> str:
        """Return the commit that Argo CD cannot read; empty where it names one itself."""
        now = progress(there)
        if now.wanted or now.stage not in {Stage.UNREADABLE, Stage.REFUSED, Stage.SYNCING}:
            return ""
        return self._minder.head_of(there)

    @staticmethod
    def _is_ours(there: ArgoApplication) -> bool:
        return {MARKER, NAME} <= there.metadata.annotations.keys()

    @staticmethod
    def _check(there: ArgoApplication, name: str, marker: str) -> None:
        if there.metadata.annotations.get(MARKER) != marker:
            raise ApplicationTakenError(name)

    def _write(
        self, application: Application, there: ArgoApplication | None, wanted: dict[str, object]
    ) -> None:
        name = self._placement.record_name(application.name)
        if there is not None and is_as_wanted(there, wanted):
            return
        written = self._applications.write(wanted, anew=there is None)
        if written is None:  # somebody else made it between our look and now
            there = self._applications.find(name)
            if there is None:
                raise EngineBusyError(f"somebody else is changing the application {name}")
            self._check(there, application.name, application.marker)
            self._applications.write(wanted, anew=False)
        self._forget(name)

    def _supplied(self, there: ArgoApplication) -> ArgoApplication:
        """Deliver the secrets as they are now, and what images are pulled by."""
        notes = there.metadata.annotations
        self._pulls.allow(notes[NAME], notes[MARKER])
        delivered = self._supplies.deliver(notes[NAME], notes[MARKER], secrets_of(there))
        if not self._supplies.restart_for(there, delivered):
            return there
        self._applications.note(there, delivered)
        self._forget(there.metadata.name)
        return self._required(notes[NAME])

    def _comes_up(self, there: ArgoApplication, commit: str) -> bool:
        """Say whether there is nothing to ask for. Ends an operation that leads elsewhere."""
        now = progress(there)
        if not is_syncing(there):
            return now.wanted == commit and now.stage in _TAKES_UP and now.health != "Degraded"
        operation, state = there.operation, there.status.operation_state
        if state is None:
            return operation is not None and operation.sync.revision == commit
        if state.phase == "Running" and state.revision == commit:
            return True
        by = state.operation.initiated_by
        ours = any(each.name == OPERATION_INFO for each in state.operation.info)
        if not by.automated and not ours:
            raise EngineBusyError(
                f"{by.username or 'somebody'} has begun an operation in Argo CD that is not over"
            )
        if state.phase == "Running":
            self._applications.terminate(there.metadata.name)
        self._minder.pause()
        return False

    def _try_again(self, there: ArgoApplication, commit: str) -> None:
        """Have what has failed for good be made anew: a sync leaves alone what is there."""
        now = progress(there)
        unread = any(each.type == "ComparisonError" for each in there.status.conditions)
        if unread and now.stage in {Stage.UNREADABLE, Stage.REFUSED}:
            self._applications.refresh(there.metadata.name, hard=True)
        if now.stage is Stage.RUNNING and now.wanted == commit and now.health == "Degraded":
            for resource in there.status.resources:
                if resource.health.status != "Degraded":
                    continue
                if resource.kind == "Job":
                    self._applications.remove(there.metadata.name, resource)
                elif is_restartable(resource):
                    self._applications.restart(there.metadata.name, resource)

    def _started(self, name: str, operation: str) -> bool:
        try:
            return self._applications.sync(name, operation)
        except LostAnswerError:
            there = self._applications.find(name)
            if there is None or not _carries(there, operation):
                raise
            return True

    def _build(self, there: ArgoApplication, commit: str) -> Build | None:
        repository = self._placement.repository_of(there.spec)
        return self._options.builds(repository, commit) if repository and commit else None

    def _forget(self, name: str) -> None:
        self._follower.forget(name)
        self._closer.forget(name)


def _carries(there: ArgoApplication, operation: str) -> bool:
    """Whether the operation that is asked for, under way or over is the one of that id."""
    state = there.status.operation_state
    found = [each for each in (there.operation, state.operation if state else None) if each]
    return any(info.value == operation for each in found for info in each.info)
