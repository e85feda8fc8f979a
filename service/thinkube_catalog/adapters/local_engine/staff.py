"""The instances of one application: made, run, stopped and in the end forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from thinkube_catalog.adapters.local_engine.conditions import Observer, Timings
from thinkube_catalog.adapters.local_engine.files import delete_tree
from thinkube_catalog.adapters.local_engine.instances import Instance, InstanceRecord, Order
from thinkube_catalog.adapters.local_engine.project import (
    Kind,
    Places,
    Process,
    command_of,
    environment_of,
)
from thinkube_catalog.adapters.local_engine.routing import Applied
from thinkube_catalog.adapters.local_engine.vault import Vault
from thinkube_catalog.adapters.local_engine.versions import Version
from thinkube_catalog.domain.gitops import Application

INSTANCES_KEPT = 6
RESPAWN_SECONDS = 1.0


@dataclass(frozen=True)
class House:
    """What the instances of all applications share."""

    vault: Vault
    observer: Observer
    timings: Timings
    new_port: Callable[[], int]


class Staff:
    """Every instance of one application, running or ended, by number.

    Ended ones are kept for a while, so that their logs can be read.
    """

    def __init__(self, folder: Path, house: House) -> None:
        self.folder, self.house = folder, house
        self.instances = _found(folder / "instances")
        self._ended: set[int] = set()
        self._stop_began: dict[int, float] = {}
        self._leaves_by: dict[int, float] = {}
        self._spawned: dict[int, float] = {}

    def __contains__(self, number: int) -> bool:
        return number in self.instances

    def __getitem__(self, number: int) -> Instance:
        return self.instances[number]

    def create(
        self, number: int, process: Process, version: Version, revision: str, *, rehearsal: bool
    ) -> None:
        """Make the folder of an instance; nothing runs yet."""
        record = InstanceRecord(
            number=number,
            container=process.name,
            commit=version.commit,
            revision=revision,
            kind=process.kind.value,
            port=self.house.new_port() if process.listens else 0,
            rehearsal=rehearsal,
        )
        self.instances[number] = Instance.create(self.folder / "instances", record)

    def run(
        self, number: int, process: Process, version: Version, application: Application
    ) -> None:
        """Make it run unless it does or is done. Raises SecretMissingError."""
        instance = self.instances[number]
        if instance.running() or self.is_done(number):
            return
        now = time.monotonic()
        if now - self._spawned.get(number, -RESPAWN_SECONDS) < RESPAWN_SECONDS:
            return  # its supervisor ends at once each time
        order = self._order(instance, process, version, application)
        instance.kill_strays()
        self._spawned[number] = now
        instance.spawn(order)

    def is_done(self, number: int) -> bool:
        """Say whether it is one that ends by itself, and has."""
        instance = self.instances[number]
        return instance.record.kind != Kind.SERVICE.value and instance.state().phase == "finished"

    def has_failed(self, number: int) -> bool:
        """Say whether it is one that ends by itself, and has ended badly."""
        if number not in self.instances or not self.is_done(number):
            return False
        ended = self.instances[number].state().exit
        return ended is not None and ended.code != 0

    def _order(
        self, instance: Instance, process: Process, version: Version, application: Application
    ) -> Order:
        places = self._places(instance, process, version)
        for folder in (places.home, *(places.volumes / name for name in process.volumes.values())):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = {
            **self.house.vault.values(application),
            **environment_of(process, places, self.house.vault.reader(application)),
        }
        return Order(
            command=command_of(process, places, environment),
            folder=places.checkout / process.build,
            environment=environment,
            once=process.kind is not Kind.SERVICE,
            grace_seconds=self.house.timings.grace,
            first_pause_seconds=self.house.timings.first_pause,
        )

    def _places(self, instance: Instance, process: Process, version: Version) -> Places:
        return Places(
            checkout=version.checkout,
            home=self.folder / "home" / process.name,
            volumes=self.folder / ("rehearsal" if instance.record.rehearsal else "volumes"),
            python=version.pythons.get(process.name),
            port=instance.record.port,
        )

    def alive(self, numbers: Collection[int]) -> list[int]:
        """List those of which something may still run."""
        return [each for each in numbers if each in self.instances and each not in self._ended]

    def leave(self, number: int) -> None:
        """Let it finish the requests that it has, for a while, once it is not needed."""
        self._leaves_by[number] = time.monotonic() + self.house.timings.drain

    def retire(self, numbers: Collection[int], applied: Applied) -> None:
        """Stop these for ever; those that still have requests to finish a little later."""
        now = time.monotonic()
        for number in self.alive(numbers):
            busy = applied.leaving.get(self.instances[number].record.port)
            if not (busy and self._leaves_by.get(number, 0.0) > now):
                self.stop(number)

    def stop(self, number: int) -> None:
        """Go on with stopping it for ever. Repeat until it is not alive."""
        if number in self._ended:
            return
        instance, timings = self.instances[number], self.house.timings
        began = self._stop_began.setdefault(number, time.monotonic())
        if instance.retire():
            delete_tree(instance.temporary)
            self.house.observer.forget(number, self.folder)
            self._leaves_by.pop(number, None)
            self._ended.add(number)
        elif time.monotonic() - began > timings.grace + timings.given_up:
            instance.kill()

    def prune(self, needed: Collection[int]) -> None:
        """Delete the oldest that have ended."""
        ended = sorted(each for each in self._ended if each not in needed)
        for number in ended[:-INSTANCES_KEPT]:
            self.instances.pop(number).delete()
            self._ended.discard(number)
            self._stop_began.pop(number, None)
            self._spawned.pop(number, None)


def _found(parent: Path) -> dict[int, Instance]:
    found = {}
    for folder in parent.glob("[0-9]*"):
        instance = Instance.load(folder)
        if instance is None:
            delete_tree(folder)  # its making was cut short: nothing was ever started in it
        else:
            found[instance.number] = instance
    return found
