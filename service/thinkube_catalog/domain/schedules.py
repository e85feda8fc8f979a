"""Schedules in cron's notation, as Kubernetes reads them: five fields, or @daily and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_PART = re.compile(r"(\*|\?|[0-9a-z]{1,4})(?:-([0-9a-z]{1,4}))?(?:/([0-9]{1,4}))?")
_LONGEST = 200
_SEARCHED_DAYS = 366 * 8  # every 29th of February lies within


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, text: str) -> Iterator[int]:
        found = _PART.fullmatch(text)
        if not found:
            raise ValueError(f"{self.name} {text[:30]!r} cannot be read")
        start, end, step = found.groups()
        low, high = self._range(start, end, stepped=step is not None)
        if low > high:
            raise ValueError(f"{self.name} {text!r} runs backwards")
        if step is not None and int(step) == 0:
            raise ValueError(f"{self.name} {text!r} has a step of 0")
        yield from range(low, high + 1, int(step or 1))

    def _range(self, start: str, end: str | None, *, stepped: bool) -> tuple[int, int]:
        if start in {"*", "?"}:
            if end is not None:
                raise ValueError(f"{self.name} {start}-{end} cannot be read")
            return self.least, self.most
        low = self._number(start)
        if end is not None:
            return low, self._number(end)
        return low, self.most if stepped else low

    def _number(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.least
        if not text.isdigit() or not self.least <= int(text) <= self.most:
            raise ValueError(f"{self.name} {text!r} is not in {self.least} to {self.most}")
        return int(text)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """When something runs. As in cron, two restricted day fields mean either of them."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool = False

    def matches_day(self, day: datetime) -> bool:
        in_month = day.day in self.days
        in_week = (day.weekday() + 1) % 7 in self.weekdays  # cron's week starts on Sunday
        fits = (in_month or in_week) if self.either_day else (in_month and in_week)
        return day.month in self.months and fits

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first run after `moment`, in its time zone; None if there is never one."""
        start = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = start.replace(hour=0, minute=0)
        for _ in range(_SEARCHED_DAYS):
            if self.matches_day(day):
                for found in self._moments(day):
                    if found >= start:
                        return found
            day += timedelta(days=1)
        return None

    def _moments(self, day: datetime) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield day.replace(hour=hour, minute=minute)


def parse_schedule(text: str) -> Schedule:
    """Read a schedule. Raises ValueError with a sentence about what is wrong."""
    if len(text) > _LONGEST:
        raise ValueError(f"a schedule of {len(text)} characters is too long")
    plain = text.strip().lower()
    fields = _NICKNAMES.get(plain, plain).split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"a schedule has five fields, and {text[:40]!r} has {len(fields)}")
    minutes, hours, days, months, weekdays = (
        field.values(part) for field, part in zip(_FIELDS, fields, strict=True)
    )
    restricted = [not part.startswith(("*", "?")) for part in (fields[2], fields[4])]
    return Schedule(minutes, hours, days, months, weekdays, either_day=all(restricted))
