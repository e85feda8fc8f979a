"""`docs/production.md` tells every right that the service has in Argo CD, and what it is for."""

from __future__ import annotations

import re
from pathlib import Path

from thinkube_catalog.adapters.argocd.rights import RIGHTS

PAGE = (Path(__file__).parents[2] / "docs" / "production.md").read_text(encoding="utf-8")


def test_every_right_in_argo_cd_stands_on_the_page_and_no_other() -> None:
    told = re.findall(r"^\| `(\w+), (\S+)` \| (.+) \|$", PAGE, re.MULTILINE)
    assert told == [(it.resource, it.action, it.why) for it in RIGHTS]
