"""What `tkt doctor` says of the address that others reach this service by, and of clocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.faulty import Faulty, FaultyHandler, Reply, serving
from thinkube_catalog.adapters.clocks import check_clock
from thinkube_catalog.adapters.memory.arrivals import MemoryArrivals
from thinkube_catalog.adapters.reach import check_public, check_signed, is_loopback, obstacles
from thinkube_catalog.adapters.trust import trusting
from thinkube_catalog.domain.secrets import SecretValue

HOOK = "/api/v1/hooks/gitea"
ELSEWHERE = "https://git.example.org"


@dataclass(kw_only=True)
class Answering(Faulty):
    """A service that answers so."""

    answers: dict[str, Reply] = field(default_factory=dict)


class _Handler(FaultyHandler):
    stand_in: Answering

    def answer(self) -> None:
        self.body()
        self.send(self.stand_in.answers.get(f"{self.command} {self.path}", Reply(404)))


@pytest.fixture
def service() -> Iterator[Answering]:
    made = Answering()
    made.answers = {"GET /health": Reply(200, {}), f"POST {HOOK}": Reply(403, {})}
    with serving(made, _Handler):
        yield made


def test_one_that_answers_is_good(service: Answering) -> None:
    assert check_public(service.url, service.url, HOOK).good


def test_loopback_is_of_no_use_to_a_gitea_elsewhere(service: Answering) -> None:
    check = check_public(service.url, ELSEWHERE, HOOK)
    assert (check.good, "THINKUBE_PUBLIC_URL" in check.mend) == (False, True)


def test_a_service_that_does_not_run_yet_is_a_warning() -> None:
    check = check_public("http://127.0.0.1:9", "http://127.0.0.1:9", HOOK)
    assert (check.good, check.warning) == (True, True)


@pytest.mark.parametrize("place", ["GET /health", f"POST {HOOK}"])
def test_another_program_there_is_told(service: Answering, place: str) -> None:
    del service.answers[place]
    check = check_public(service.url, service.url, HOOK)
    assert (check.good, "404" in check.message) == (False, True)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:80/x", "127.0.0.1 is loopback"),
        ("http://10.1.2.3/x", "10.1.2.3 is private"),
        ("http://[fd00::1]/x", "fd00::1 is private"),
    ],
)
def test_what_gitea_has_to_allow_is_told(url: str, said: str) -> None:
    told = obstacles(url)
    assert said in told
    assert "ALLOWED_HOST_LIST = external," in told


def test_a_public_address_needs_no_permission_but_a_way_and_a_certificate() -> None:
    told = obstacles("https://8.8.8.8/x")
    assert "ALLOWED_HOST_LIST" not in told
    assert "trust the certificate of 8.8.8.8" in told
    assert "certificate" not in obstacles("http://nowhere.invalid/x")
    assert not is_loopback("https://8.8.8.8")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "THINKUBE_SECRET_KEY"),
        (502, "proxy"),
        (204, "THINKUBE_DATABASE_URL"),  # nothing is noted where this is read
    ],
)
def test_what_a_service_makes_of_a_signed_delivery_is_told(
    service: Answering, status: int, said: str
) -> None:
    service.answers[f"POST {HOOK}"] = Reply(status)
    check = check_signed(f"{service.url}{HOOK}", SecretValue("canary"), MemoryArrivals())
    assert (check.good, said in check.mend, "canary" in repr(check)) == (False, True, False)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer", "set SSL_CERT_FILE"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired", "renew"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch", "a name that its certificate"),
        ("Connection refused", "start it"),
    ],
)
def test_a_certificate_that_is_not_trusted_has_a_mend_of_its_own(reason: str, said: str) -> None:
    assert said in trusting(reason, "start it")


def test_a_clock_is_read_from_an_answer(service: Answering) -> None:
    service.answers["HEAD /version"] = Reply(200)
    (check,) = check_clock("it", f"{service.url}/version", verify=True)
    assert (check.name, check.good) == ("it clock", True)
    assert check_clock("it", "http://127.0.0.1:9/", verify=True) == []
