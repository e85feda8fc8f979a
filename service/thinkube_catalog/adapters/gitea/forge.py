"""The forge in a Gitea. Commits are made here, reproducibly, and pushed by compare-and-swap.

Every step looks before it acts and may be repeated after a lost answer. A repository is known by
its name and trusted by its numeric id and marker (`ownership.py`); redirects are never followed.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pygit2

from thinkube_catalog.adapters.git.objects import find_commit, first_parents, read_tree, to_commit
from thinkube_catalog.adapters.gitea.client import GiteaClient, LostAnswerError
from thinkube_catalog.adapters.gitea.connections import Care, Connections, HooksRefusedError
from thinkube_catalog.adapters.gitea.deliveries import Received
from thinkube_catalog.adapters.gitea.heads import Heads
from thinkube_catalog.adapters.gitea.mirror import LostRaceError, Mirror
from thinkube_catalog.adapters.gitea.ownership import Ownership, description_for
from thinkube_catalog.adapters.gitea.proposals import Proposer
from thinkube_catalog.adapters.gitea.publishing import MAIN, Publication, Publisher
from thinkube_catalog.adapters.gitea.pulls import DRAFT, Pull, Pulls
from thinkube_catalog.adapters.gitea.repositories import Found, Gone, Repositories
from thinkube_catalog.adapters.gitea.statuses import Statuses
from thinkube_catalog.adapters.memory.arrivals import MemoryArrivals
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import (
    Arrivals,
    Build,
    Change,
    Commit,
    CommitNotFoundError,
    ForgeRefusedError,
    ForgeUnavailableError,
    Proposal,
    Repository,
    RepositoryMovedError,
    RepositoryNotFoundError,
    RepositoryTakenError,
    RolloutState,
    Signature,
    check_proposal,
    check_publication,
    check_repository,
)
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.domain.secrets import SecretValue

_PAUSES = (0.0, 0.1, 0.3, 1.0, 3.0)
_TRIES_TO_PROTECT = 3
_LOOK_SECONDS = 5.0
_SETTLED = timedelta(minutes=1)
_RELEASES = "v*"
_PROTECTED = "catalog-protected"

_log = logging.getLogger(__name__)


class GiteaForge:
    """Repositories in the organisations of one Gitea; safe between processes and machines."""

    def __init__(
        self,
        root: Path,
        url: str,
        token: str,
        seconds: float = 120.0,
        *,
        care: Care | None = None,
        signed_by: Callable[[int], Sequence[SecretValue]] = lambda _id: (),
        arrivals: Arrivals | None = None,
    ) -> None:
        """Keep mirrors below `root`; `seconds` is the deadline of one fetch or push.

        `care` says what repositories are connected with; `signed_by` by which secrets deliveries
        for a repository, given by its numeric id, may be signed, and `arrivals` keeps what came
        of them for a test.
        """
        self._root = root
        self._url = url.rstrip("/")
        self._token = token
        self._seconds = seconds
        self._client = GiteaClient(url, token)
        self._repositories = Repositories(self._client)
        self._pulls = Pulls(self._client)
        self._ownership = Ownership(self._repositories)
        self._heads = Heads(self._look, self._repositories.recently_updated)
        self._seen: dict[Repository, Commit] = {}
        self._care = care or Care()
        self._connections = Connections(self._client, self._care)
        self._statuses = Statuses(self._client, self._url)
        self.arrivals = arrivals or MemoryArrivals()
        self._received = Received(signed_by, self.arrivals.note)

    def close(self) -> None:
        """End what looks for pushes, and the connections."""
        self._heads.close()
        self._client.close()

    def ensure_repository(self, repository: Repository, marker: str) -> str:
        check_repository(repository)
        failure: Exception = RepositoryNotFoundError(repository)
        for pause in _PAUSES:
            threading.Event().wait(pause)
            try:
                found = self._found_or_made(repository, marker)
                if found is not None:
                    return self._confirmed(repository, found, marker)
            except (LostAnswerError, LostRaceError) as error:
                failure = error
        raise ForgeUnavailableError(f"{repository} could not be made: {failure}") from failure

    def publish(
        self,
        repository: Repository,
        files: FileTree,
        message: str,
        signature: Signature,
        tag: str = "",
    ) -> Commit:
        check_publication(files, tag)
        found = self._existing(repository)
        mirror = self._mirror(found)
        with mirror.locked():
            publisher = Publisher(self._repositories, repository, mirror)
            marker = self._ownership.unmarked(found)
            commit = publisher.publish(Publication(files, message, signature, tag, marker))
            self._ownership.marked(found)
            on_top = self._read(mirror, publisher.head)
        self._heads.put(repository, on_top)
        self._protect(found, mirror, releases=bool(tag))
        return commit

    def head(self, repository: Repository) -> Commit | None:
        check_repository(repository)
        return self._heads.get(repository)

    def files(self, repository: Repository, commit: str) -> FileTree:
        mirror = self._mirror(self._existing(repository))
        if not mirror.has(commit):
            self._fetched_main(repository, mirror)
        read = find_commit(mirror.git, commit)
        if read is None:
            raise CommitNotFoundError(repository, commit)
        return read_tree(read.tree)

    def history(self, repository: Repository, limit: int = 50) -> Sequence[Commit]:
        mirror = self._mirror(self._existing(repository))
        head = self._fetched_main(repository, mirror)
        if head is None:
            return []
        commits = first_parents(mirror.git, pygit2.Oid(hex=head))
        return [to_commit(commit) for commit in islice(commits, limit)]

    def propose(
        self,
        repository: Repository,
        change: Change,
        branch: str,
        onto: str,
        head: str = "",
    ) -> Proposal:
        check_proposal(branch, change.files)
        mirror = self._mirror(self._existing(repository))
        with mirror.locked():
            proposer = Proposer(self._repositories, repository, mirror)
            proposal = proposer.propose(change, branch, onto, head)
        title = f"{DRAFT} {change.title}" if change.draft else change.title
        pull = self._pulls.ensure(repository, branch, title, change.body)
        return replace(proposal, url=self._page(repository, pull))

    def proposals(self, repository: Repository, prefix: str) -> Sequence[Proposal]:
        if not self._repositories.references(repository, f"heads/{prefix}"):
            return []
        mirror = self._mirror(self._existing(repository))
        with mirror.locked():
            found = list(Proposer(self._repositories, repository, mirror).proposals(prefix))
        waiting = self._pulls.open(repository) if found else []
        return [self._with_pull(repository, each, waiting) for each in found]

    def accept(
        self, repository: Repository, proposal: Proposal, change: Change, onto: str
    ) -> Commit:
        check_publication(change.files)
        mirror = self._mirror(self._existing(repository))
        with mirror.locked():
            proposer = Proposer(self._repositories, repository, mirror)
            commit = proposer.accept(proposal, change, onto)
            on_top = self._read(mirror, proposer.head)
        self._heads.put(repository, on_top)
        for pull in self._pulls.open(repository):
            if pull.brings(repository, proposal.branch):
                self._pulls.merged(repository, pull, commit.id)
        with mirror.locked():
            proposer.forget(proposal)
        return commit

    def withdraw(self, repository: Repository, proposal: Proposal) -> None:
        mirror = self._mirror(self._existing(repository))
        waiting = self._pulls.open(repository)
        with mirror.locked():
            Proposer(self._repositories, repository, mirror).withdraw(proposal)
        for pull in waiting:
            if pull.brings(repository, proposal.branch):
                self._pulls.close(repository, pull)

    def remove_repository(self, repository: Repository, marker: str) -> None:
        check_repository(repository)
        condemned: Found | None = None
        failure: Exception | None = None
        for pause in _PAUSES:
            threading.Event().wait(pause)
            found = self._repositories.find(repository)
            if not isinstance(found, Found) or (condemned and condemned.id != found.id):
                break  # it is gone; or gone, and somebody has made another since
            if not self._ownership.is_ours(found, marker):
                raise RepositoryTakenError(repository)
            condemned = found
            try:
                self._repositories.delete(repository)
                break
            except LostAnswerError as error:
                failure = error
        else:
            raise ForgeUnavailableError(f"deleting {repository}: {failure}") from failure
        self._forget(repository, condemned)

    def connect(self, repository: Repository, marker: str) -> None:
        found = self._existing(repository)
        if not self._ownership.is_ours(found, marker):
            raise RepositoryTakenError(repository)
        failure: Exception | None = None
        for pause in _PAUSES:
            threading.Event().wait(pause)
            try:
                self._connections.make(repository, found.id)
            except LostAnswerError as error:
                failure = error  # looking again tells what has been made
            except HooksRefusedError as error:
                _log.warning("pushes to %s are not told, but looked for: %s", repository, error)
                return
            else:
                return
        raise ForgeUnavailableError(f"connecting {repository}: {failure}") from failure

    def disconnect(self, repository: Repository, marker: str) -> None:
        check_repository(repository)
        failure: Exception | None = None
        for pause in _PAUSES:
            threading.Event().wait(pause)
            found = self._repositories.find(repository)
            if not isinstance(found, Found) or not self._ownership.is_ours(found, marker):
                return
            try:
                self._connections.delete(repository)
            except LostAnswerError as error:
                failure = error
            except HooksRefusedError as error:
                _log.warning("webhooks of %s stay: %s", repository, error)
                return
            else:
                return
        raise ForgeUnavailableError(f"disconnecting {repository}: {failure}") from failure

    def build(self, repository: Repository, commit: str) -> Build | None:
        check_repository(repository)
        return self._statuses.build(repository, commit)

    def show_rollout(
        self, repository: Repository, commit: str, state: RolloutState, description: str
    ) -> None:
        check_repository(repository)
        page = self._care.page(repository)
        self._statuses.show(repository, commit, state, description, page)

    def receive(self, headers: Mapping[str, str], body: bytes) -> Repository | None:
        """Keep the promise of `Deliveries.receive`."""
        repository = self._received.push(headers, body)
        if repository is not None:
            self._heads.renew(repository)
        return repository

    def _found_or_made(self, repository: Repository, marker: str) -> Found | None:
        """Return the repository; None if somebody else made it just now: then look again."""
        found = self._repositories.find(repository)
        if isinstance(found, Found):
            return found
        if found is not None:
            self._refuse_moved(repository, found, marker)
        self._repositories.ensure_owner(repository.owner)
        return self._repositories.create(repository, description_for(marker))

    def _refuse_moved(self, repository: Repository, gone: Gone, marker: str) -> None:
        """Let a name that somebody has freed be used again, unless what had it is ours."""
        if gone.target is None or gone.with_owner:
            raise RepositoryMovedError(repository, str(gone.target or "another"))
        now = self._repositories.find(gone.target)
        if isinstance(now, Found) and self._ownership.is_ours(now, marker):
            raise RepositoryMovedError(repository, now.full_name)

    def _confirmed(self, repository: Repository, found: Found, marker: str) -> str:
        try:
            ours = self._ownership.confirm(found, marker, self._mirror(found))
        except ForgeUnavailableError as error:
            self._clear_wreck(repository, found, marker)
            raise LostRaceError(f"{repository} could not be read: {error}") from error
        if not ours:
            raise RepositoryTakenError(repository)
        return self._address(repository)

    def _clear_wreck(self, repository: Repository, found: Found, marker: str) -> None:
        """Delete what a Gitea that was killed while making it has left: a record without files.

        Only if it is ours by its description, is empty, and has been for longer than Gitea may
        need to note a first push.
        """
        age = datetime.now(UTC) - found.updated_at
        if found.empty and found.description == description_for(marker) and age > _SETTLED:
            _log.warning("%s has a record in Gitea but no files; making it anew", repository)
            self._repositories.delete(repository)

    def _existing(self, repository: Repository) -> Found:
        check_repository(repository)
        found = self._repositories.find(repository)
        if found is None:
            self._forget(repository, None)
            raise RepositoryNotFoundError(repository)
        if isinstance(found, Gone):
            raise RepositoryMovedError(repository, str(found.target or "another"))
        return found

    def _mirror(self, found: Found) -> Mirror:
        address = self._address(found.repository)
        return Mirror(self._root / f"{found.id}.git", address, self._token, self._seconds)

    def _with_pull(
        self, repository: Repository, proposal: Proposal, waiting: Sequence[Pull]
    ) -> Proposal:
        mine = (each for each in waiting if each.brings(repository, proposal.branch))
        pull = next(mine, None)
        url = self._page(repository, pull) if pull is not None else ""
        return replace(proposal, url=url, open=pull is not None)

    def _page(self, repository: Repository, pull: Pull) -> str:
        return f"{self._url}/{repository}/pulls/{pull.number}"

    def _address(self, repository: Repository) -> str:
        # Built from the setting: the server's own idea of its address may be another network's.
        return f"{self._url}/{repository}.git"

    def _look(self, repository: Repository) -> Commit | None:
        references = self._repositories.references(repository, "heads/main", _LOOK_SECONDS)
        head = references.get(MAIN)
        seen = self._seen.get(repository)
        if head is not None and seen is not None and seen.id == head:
            return seen
        mirror = self._mirror(self._existing(repository))
        if head is None:
            return None
        commit = self._read(mirror, self._fetched_main(repository, mirror) or head)
        self._seen[repository] = commit
        return commit

    def _fetched_main(self, repository: Repository, mirror: Mirror) -> str | None:
        """Return the branch's commit, which the mirror then holds; None while there is none."""
        with mirror.locked():
            try:
                return Publisher(self._repositories, repository, mirror).look().main
            except LostRaceError as error:
                raise ForgeUnavailableError(f"reading {repository}: {error}") from error

    @staticmethod
    def _read(mirror: Mirror, commit: str) -> Commit:
        found = find_commit(mirror.git, commit)
        if found is None:
            raise ForgeUnavailableError(f"{mirror.path} has lost its commit {commit}")
        return to_commit(found)

    def _protect(self, found: Found, mirror: Mirror, *, releases: bool) -> None:
        """Protect the branch and released tags, once; a right that we lack stops no work."""
        done = mirror.path / _PROTECTED
        wanted = f"main {_RELEASES}" if releases else "main"
        if done.exists() and done.read_text().startswith(wanted):
            return
        failure: CatalogError | None = None
        for pause in _PAUSES[:_TRIES_TO_PROTECT]:
            threading.Event().wait(pause)
            try:
                self._repositories.protect(found)
                if releases:
                    self._repositories.protect_tags(found, _RELEASES)
            except ForgeRefusedError as error:
                failure = error
                break
            except CatalogError as error:
                failure = error
            else:
                done.write_text(wanted)
                return
        _log.warning("%s is not protected: %s", found.full_name, failure)

    def _forget(self, repository: Repository, found: Found | None) -> None:
        self._heads.forget(repository)
        self._seen.pop(repository, None)
        if found is not None and (mirror := self._mirror(found)).path.exists():
            with mirror.locked():
                shutil.rmtree(mirror.path)
