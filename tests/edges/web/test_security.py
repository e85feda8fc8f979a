"""What protects readers: headers, the policy, and forms that only our own pages can send."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.edges.web.conftest import Reader
from thinkube_catalog.web import assets, site

ADDRESSES = ("/", "/templates/tkt-chat", "/nothing")


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_has_a_policy_without_inline_code(reader: Reader, address: str) -> None:
    headers = reader.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_are_written_without_inline_code_or_styles() -> None:
    for path in site.FOLDER.glob("*.html"):
        html = path.read_text()
        assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:", html), path.name
        for script in re.findall(r"<script[^>]*>", html):
            assert "src=" in script or 'type="application/json"' in script


def test_pages_ask_nothing_of_other_hosts() -> None:
    folder = Path(assets.FOLDER)
    for path in [*site.FOLDER.glob("*.html"), *folder.glob("*")]:
        addresses = re.findall(r"https?://[^\s\"')]+", path.read_text())
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path.name


def test_static_files_never_change_below_their_address(reader: Reader) -> None:
    found = re.findall(r"/static/[0-9a-f]+/[a-z.]+", reader.get("/").text)
    assert len(found) > 4
    for address in found:
        answer = reader.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_the_whole_first_load_is_small(reader: Reader) -> None:
    page = reader.get("/")
    total = int(page.headers["content-length"])
    files = reader.site.assets
    for path in Path(assets.FOLDER).glob("*"):
        asset = files.get(files.digest, path.name)
        assert asset is not None
        total += len(asset.compressed)
    assert total < 100_000
