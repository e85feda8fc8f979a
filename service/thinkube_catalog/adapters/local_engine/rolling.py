"""Rolling a version out: beside the one that serves, or in its place where both would store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from thinkube_catalog.adapters.local_engine.conditions import Condition
from thinkube_catalog.adapters.local_engine.project import Kind
from thinkube_catalog.adapters.local_engine.record import Declared, Phase
from thinkube_catalog.adapters.local_engine.routing import Applied, is_free
from thinkube_catalog.adapters.local_engine.standing import NOTHING_ROLLING, Standing
from thinkube_catalog.adapters.local_engine.vault import SecretMissingError
from thinkube_catalog.adapters.local_engine.versions import Unready, Version
from thinkube_catalog.domain.gitops import Cause

_TRIAL = {Phase.REHEARSAL: "trial on storage of its own: "}


class Rolling:
    """Brings up what is wanted, a step at a time, until it serves or is given up.

    `declare` changes what is declared of the application.
    """

    def __init__(self, standing: Standing, declare: Callable[[Declared], None]) -> None:
        self._standing, self._declare = standing, declare
        self._checked = ""

    def begin_anew(self) -> None:
        """Look once more for what may have been missing."""
        self._checked = ""

    def step(self, applied: Applied) -> None:
        """Do whatever can be done now."""
        it = self._standing
        it.doing = ""
        if not it.rolling_out:
            return
        if missing := self._missing_secrets():
            self._give_up(missing)
            return
        made = it.versions.make(it.progress.wanted, it.url)
        if isinstance(made, Version):
            self._bring_up(made, applied)
        elif isinstance(made, Unready) and not made.passing:
            self._give_up(made.causes)
        else:
            it.doing = it.versions.doing(it.progress.wanted)

    def _missing_secrets(self) -> tuple[Cause, ...]:
        """Look for what is missing once per attempt: reading secrets is not cheap."""
        it = self._standing
        if self._checked == it.wanted_revision:
            return ()
        missing = it.around.house.vault.missing(it.declared.application)
        self._checked = "" if missing else it.wanted_revision
        return missing

    def _bring_up(self, version: Version, applied: Applied) -> None:
        it = self._standing
        if not self._begun(version):
            return
        if it.progress.phase is Phase.TAKEOVER and not self._taken_over():
            it.doing = "stopping the version before"
            return
        it.doing = "starting"
        try:
            self._run(version)
        except SecretMissingError as error:
            self._give_up((error.cause,))
            return
        self._judge(version, applied)

    def _begun(self, version: Version) -> bool:
        """Choose the way for a new revision; say whether bringing up can go on."""
        it = self._standing
        if it.progress.rolling_revision == it.wanted_revision and it.progress.phase:
            return True
        it.switching = False
        if version.project.routes and not it.declared.port:
            # The application's own URL is part of its environment: read everything once more.
            self._declare(replace(it.declared, port=it.around.house.new_port()))
            it.versions.drop(version.commit)
            return False
        phase = Phase.BESIDE
        if version.project.stores:
            phase = Phase.REHEARSAL if it.progress.crew else Phase.TAKEOVER
        it.save(phase=phase, rolling={}, rolling_revision=it.wanted_revision)
        return True

    def _taken_over(self) -> bool:
        """Stop the version before, which holds the folders; say whether it has stopped."""
        it = self._standing
        if it.progress.crew:
            it.save(crew={}, rolling=self._jobs_done())
        kept = {*it.progress.rolling.values(), *it.progress.scheduled.values()}
        others = [each for each in it.staff.instances if each not in kept]
        for number in it.staff.alive(others):
            it.staff.stop(number)
        return not it.staff.alive(others)

    def _jobs_done(self) -> dict[str, int]:
        """Name the jobs of this very commit that have ended: those are not run again."""
        it = self._standing
        if it.progress.serving != it.progress.wanted:
            return {}
        crew = it.progress.crew.items()
        return {name: each for name, each in crew if each in it.staff and it.staff.is_done(each)}

    def _run(self, version: Version) -> None:
        it = self._standing
        if not it.progress.rolling and it.progress.phase is Phase.BESIDE:
            it.save(rolling=self._jobs_done())
        rehearsal = it.progress.phase is Phase.REHEARSAL
        for process in version.project.crew:
            if rehearsal and process.kind is Kind.JOB:
                continue
            if it.progress.rolling.get(process.name, 0) not in it.staff:
                number = it.create(process, version, it.wanted_revision, rehearsal=rehearsal)
                it.save(rolling={**it.progress.rolling, process.name: number})
            it.run(it.progress.rolling[process.name], process, version)

    def _judge(self, version: Version, applied: Applied) -> None:
        it = self._standing
        looked = it.look(version, it.progress.rolling, serving=False)
        it.rolling_conditions = looked
        if fatal := [each for each in looked.values() if each.fatal]:
            self._condemn(fatal)
        elif waiting := [each for each in looked.values() if not self._good_enough(version, each)]:
            it.doing = _TRIAL.get(it.progress.phase, "")
            it.doing += "; ".join(each.message for each in waiting)
        elif it.progress.phase is Phase.REHEARSAL:
            it.save(phase=Phase.TAKEOVER, rolling={})
        elif self._switched(version, applied):
            self._serve()

    def _good_enough(self, version: Version, condition: Condition) -> bool:
        """Let a first version serve while its jobs still run; later ones wait for their jobs."""
        process = version.project.process(condition.container)
        job = process is not None and process.kind is Kind.JOB
        return condition.ready or (job and not self._standing.progress.serving)

    def _condemn(self, fatal: list[Condition]) -> None:
        it = self._standing
        for condition in fatal:
            number = it.progress.rolling[condition.container]
            port = it.staff[number].record.port
            if port and condition.state.pid == 0 and not is_free(port):
                # Some other program took the port between our look and the start.
                rolling = dict(it.progress.rolling)
                del rolling[condition.container]
                it.save(rolling=rolling)
                return
        self._give_up(tuple(each.cause for each in fatal if each.cause))

    def _switched(self, version: Version, applied: Applied) -> bool:
        """Have the router lead to the new version; say whether it does."""
        it = self._standing
        if not version.project.routes:
            return True
        if not it.switching:
            it.switching, it.switch_version = True, None
        it.doing = "switching over"
        return it.switch_version is not None and applied.version >= it.switch_version

    def _serve(self) -> None:
        it = self._standing
        for container, number in it.progress.crew.items():
            if it.progress.rolling.get(container) != number:
                it.staff.leave(number)
        it.switching = False
        it.save(
            serving=it.progress.wanted,
            serving_revision=it.wanted_revision,
            crew=it.progress.rolling,
            **NOTHING_ROLLING,
        )
        it.conditions, it.rolling_conditions, it.doing = it.rolling_conditions, {}, ""

    def _give_up(self, causes: tuple[Cause, ...]) -> None:
        it = self._standing
        it.switching, it.rolling_conditions, it.doing = False, {}, ""
        if it.progress.wanted != it.progress.serving:
            it.versions.drop(it.progress.wanted)
        it.save(failed=True, causes=causes, **NOTHING_ROLLING)
