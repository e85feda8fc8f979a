"""One application: follows its branch, rolls versions out, keeps the healthy one running.

Everything here runs in the engine's one loop and never waits.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from thinkube_catalog.adapters.local_engine.files import delete_tree
from thinkube_catalog.adapters.local_engine.keeping import Keeping
from thinkube_catalog.adapters.local_engine.record import DECLARED_STEM, Declared, Phase, Progress
from thinkube_catalog.adapters.local_engine.rolling import Rolling
from thinkube_catalog.adapters.local_engine.routing import Applied
from thinkube_catalog.adapters.local_engine.standing import (
    NOTHING_ROLLING,
    Standing,
    Surroundings,
)
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.gitops import Cause, CauseKind

HURRY_SECONDS = 15.0


class ManagedApplication(Standing):
    """The state machine of one application. Not for several threads at once."""

    def __init__(
        self, folder: Path, declared: Declared, progress: Progress, around: Surroundings
    ) -> None:
        super().__init__(folder, declared, progress, around)
        self._rolling = Rolling(self, self.declare)
        self._keeping = Keeping(self)
        self._looked_at = 0.0
        self._hurry_until = 0.0

    # What others ask

    @property
    def in_a_hurry(self) -> bool:
        """Say whether somebody may be waiting for the next step."""
        return self.rolling_out and time.monotonic() < self._hurry_until

    @property
    def gone(self) -> bool:
        """Say whether nothing of it runs any more."""
        return not self.staff.alive(self.staff.instances)

    # What others order

    def declare(self, declared: Declared) -> None:
        self.record(declared)
        self.refresh_secrets()

    def refresh_secrets(self) -> None:
        digest = self.around.house.vault.digest(self.declared.application)
        if digest != self.secrets_digest:
            self.secrets_digest = digest
            self._forgive()

    def sync(self) -> None:
        """Look at the branch now, run with secrets as they are now, try again what failed."""
        self.refresh_secrets()
        if self.progress.failed:
            self._forgive()
        self._looked_at = 0.0
        self._follow_branch()

    def _forgive(self) -> None:
        if self.progress.wanted != self.progress.serving:
            self.versions.drop(self.progress.wanted)
        self._hurry()
        kept = {k: n for k, n in self.progress.crew.items() if not self.staff.has_failed(n)}
        self.save(failed=False, causes=(), crew=kept)

    def remove(self, *, volumes_too: bool) -> None:
        self.declare(replace(self.declared, removing=True, volumes_too=volumes_too))

    def new_address(self) -> None:
        """Take another port: the old one has gone to some other program."""
        self.declare(replace(self.declared, port=self.around.house.new_port()))
        self.versions.drop_all()

    # The loop

    def step(self, applied: Applied) -> None:
        """Do whatever can be done now."""
        if self.declared.removing:
            self.versions.drop_all()
            for number in list(self.staff.instances):
                self.staff.stop(number)
            return
        self.addressed = applied.live
        self._follow_branch()
        self._rolling.step(applied)
        self._keeping.step()
        self._retire_the_rest(applied)

    def _follow_branch(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self.around.house.timings.branch:
            return
        self._looked_at = now
        try:
            head = self.around.forge.head(self.declared.application.repository)
        except CatalogError as error:
            self.branch_fault = Cause(CauseKind.SYNC_ERROR, str(error), "mend the forge")
            return
        self.branch_fault = None
        if head is not None and head.id != self.progress.wanted:
            self._want(head.id)

    def _want(self, commit: str) -> None:
        if self.progress.wanted != self.progress.serving:
            self.versions.drop(self.progress.wanted)
        self.secrets_digest = self.around.house.vault.digest(self.declared.application)
        self.switching = False
        self._hurry()
        self.save(wanted=commit, failed=False, causes=(), **NOTHING_ROLLING)

    def _hurry(self) -> None:
        self._rolling.begin_anew()
        self._hurry_until = time.monotonic() + HURRY_SECONDS

    # Ends

    def _retire_the_rest(self, applied: Applied) -> None:
        progress = self.progress
        needed = {*progress.crew.values(), *progress.rolling.values()}
        needed |= set(progress.scheduled.values())
        self.staff.retire([each for each in self.staff.instances if each not in needed], applied)
        self.staff.prune(needed)
        self._tidy()

    def _tidy(self) -> None:
        """Forget versions and rehearsals that nothing runs from any more."""
        alive = [self.staff[each].record for each in self.staff.alive(self.staff.instances)]
        rehearsing = self.progress.phase is Phase.REHEARSAL or any(e.rehearsal for e in alive)
        if not rehearsing and (self.folder / "rehearsal").is_dir():
            delete_tree(self.folder / "rehearsal")
        needed = {self.progress.wanted, self.progress.serving, *(each.commit for each in alive)}
        if self.up_to_date:
            self.versions.forget_all_but(needed)

    def delete(self) -> list[str]:
        """Delete the folder of an application that has ended; return what is left behind."""
        volumes = self.folder / "volumes"
        kept = volumes.is_dir() and any(volumes.iterdir()) and not self.declared.volumes_too
        # What makes it known goes last, so that an interrupted deletion is taken up again.
        for path in sorted(
            self.folder.iterdir(), key=lambda each: each.name.startswith(DECLARED_STEM)
        ):
            if path.is_dir() and not (path == volumes and kept):
                delete_tree(path)
            elif path.is_file():
                path.unlink()
        if kept:
            return [f"the stored files of {self.name} in {volumes}"]
        self.folder.rmdir()
        return []
