"""Schedules in cron's notation."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.domain.schedules import parse_schedule

FRIDAY = datetime(2026, 3, 13, 10, 30, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("* * * * *", datetime(2026, 3, 13, 10, 31, tzinfo=UTC)),
        ("*/15 * * * *", datetime(2026, 3, 13, 10, 45, tzinfo=UTC)),
        ("0 3 * * *", datetime(2026, 3, 14, 3, 0, tzinfo=UTC)),
        ("30 10 * * fri", datetime(2026, 3, 20, 10, 30, tzinfo=UTC)),
        ("0 0 1,15 * *", datetime(2026, 3, 15, 0, 0, tzinfo=UTC)),
        ("0 0 1 * mon", datetime(2026, 3, 16, 0, 0, tzinfo=UTC)),  # either of the two
        ("0 12 * * 1-5/2", datetime(2026, 3, 13, 12, 0, tzinfo=UTC)),
        ("5/20 8-9 ? jan-feb 0", datetime(2027, 1, 3, 8, 5, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, 0, 0, tzinfo=UTC)),
        ("@monthly", datetime(2026, 4, 1, 0, 0, tzinfo=UTC)),
        ("@HOURLY", datetime(2026, 3, 13, 11, 0, tzinfo=UTC)),
        ("0 0 30 2 *", None),
    ],
)
def test_the_next_run_is_found(text: str, following: datetime | None) -> None:
    assert parse_schedule(text).next_after(FRIDAY) == following


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 3 * *", "a schedule has five fields, and '0 3 * *' has 4"),
        ("@fortnightly", "a schedule has five fields, and '@fortnightly' has 1"),
        ("60 * * * *", "minute '60' is not in 0 to 59"),
        ("* * * * 7", "day of week '7' is not in 0 to 6"),
        ("* * 0 * *", "day of month '0' is not in 1 to 31"),
        ("* * * foo *", "month 'foo' is not in 1 to 12"),
        ("5-1 * * * *", "minute '5-1' runs backwards"),
        ("*/0 * * * *", "minute '*/0' has a step of 0"),
        ("*-5 * * * *", "minute *-5 cannot be read"),
        ("1,,2 * * * *", "minute '' cannot be read"),
        ("*," * 150 + "* * * * *", "a schedule of 309 characters is too long"),
        ("$(x) * * * *", "minute '$(x)' cannot be read"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parse_schedule(text)


@given(text=st.text("0123456789*/,-? abcdefghijklmnopqrstuvwxyz@", max_size=30))
def test_any_text_is_a_schedule_or_says_why_not(text: str) -> None:
    try:
        following = parse_schedule(text).next_after(FRIDAY)
    except ValueError as error:
        following = None
        text = str(error)
    assert text
    assert following is None or following > FRIDAY


@given(moment=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 # local
def test_every_run_is_after_the_moment_and_none_is_left_out(moment: datetime) -> None:
    found = parse_schedule("*/30 * * * *").next_after(moment)
    assert found is not None
    assert 0 < (found - moment).total_seconds() <= 1800
    assert found.minute in {0, 30}
