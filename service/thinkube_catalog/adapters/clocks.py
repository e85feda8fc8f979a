"""Clocks of other servers, which tokens and leases go by; looked at for `tkt doctor`."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from thinkube_catalog.domain.checks import Check, failed, passed

FARTHEST = 30.0
"""Seconds that two clocks may differ: a token made there is already, or still, good here."""

_MEND = "have both machines keep time (timedatectl set-ntp true)"


def check_clock(
    name: str, url: str, verify: ssl.SSLContext | bool, now: datetime | None = None
) -> list[Check]:
    """Compare a server's clock with ours, by the date of an answer; none if it tells no date."""
    try:
        answer = httpx.head(url, timeout=5, verify=verify, trust_env=False)
        told = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return []  # that it does not answer is told by another check
    return [compare(name, told, now or datetime.now(UTC))]


def compare(name: str, there: datetime, here: datetime) -> Check:
    """Say whether two clocks agree well enough."""
    apart = (there.astimezone(UTC) - here).total_seconds()
    if abs(apart) > FARTHEST:
        ahead = "ahead of" if apart > 0 else "behind"
        return failed(f"{name} clock", f"is {abs(apart):.0f} s {ahead} this machine's", _MEND)
    return passed(f"{name} clock", "agrees with this machine's")
