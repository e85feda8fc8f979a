"""The RAG agent, deployed by the program, answers on licence texts through a real gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.components.litellm_proxy import litellm_proxy
from tests.components.llama_server import llama_server
from tests.components.tiny_model import tiny_model
from tests.journeys.installation import Installation

OWN_CATALOG = Path(__file__).parents[2] / "catalog"
LICENCES = Path("/usr/share/common-licenses")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not LICENCES.is_dir(), reason="reads the licence texts that Debian ships"),
]

KEY = "sk-canary-0815"
QUESTION = "May I charge a price for each copy that I convey?"
ANSWER = "You may charge any price or no price for each copy that you convey [1]."
DEPLOY = ("deploy", "tkt-rag-agent", "legal-qa", "-l", "--wait")


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "installation")
    made.catalog = OWN_CATALOG
    yield made
    made.stop()


def take_in(url: str, *names: str) -> None:
    files = [("files", (f"{name}.txt", (LICENCES / name).read_bytes())) for name in names]
    job = httpx.post(f"{url}/api/documents", files=files, timeout=30).raise_for_status().json()
    while not job["done"]:
        time.sleep(0.2)
        job = httpx.get(f"{url}/api/ingestions/{job['ingestion_id']}", timeout=30).json()
    assert [file["state"] for file in job["files"]] == ["added"] * len(names)


def ask(url: str, question: str) -> dict[str, object]:
    reply = httpx.post(f"{url}/api/ask", json={"question": question}, timeout=120)
    answer: dict[str, object] = reply.raise_for_status().json()
    return answer


def test_without_an_endpoint_it_says_so_and_shows_the_passages(installation: Installation) -> None:
    done = installation.tkt(*DEPLOY, seconds=900)
    assert done.returncode == 0, done.stdout + done.stderr
    url = installation.deployment("legal-qa")["url"]
    take_in(url, "GPL-3", "Apache-2.0")
    answer = ask(url, QUESTION)
    assert answer["status"] == "no_model"
    assert "LLM_BASE_URL" in str(answer["message"])
    passages = answer["passages"]
    assert isinstance(passages, list)
    assert passages[0]["document"] == "GPL-3.txt"
    assert "any price or no price" in passages[0]["text"]


def test_with_a_gateway_it_answers_with_citations_and_the_key_stays_secret(
    installation: Installation, tmp_path: Path
) -> None:
    model = tiny_model({QUESTION: ANSWER})
    with (
        llama_server(model, "tiny", tmp_path / "llama.log") as backend,
        litellm_proxy(backend, "tiny", KEY, tmp_path) as gateway,
    ):
        provider = {"name": "gateway", "type": "llm", "url": f"{gateway}/v1", "model": "tiny"}
        providers = json.dumps([provider | {"api_key": KEY}])
        installation.extra["THINKUBE_PROVIDERS"] = providers
        done = installation.tkt(*DEPLOY, seconds=900)
        assert done.returncode == 0, done.stdout + done.stderr
        url = installation.deployment("legal-qa")["url"]
        take_in(url, "GPL-3", "Apache-2.0")
        answer = ask(url, QUESTION)
    assert (answer["status"], answer["answer"]) == ("answered", ANSWER)
    citations = answer["citations"]
    assert isinstance(citations, list)
    assert [cited["document"] for cited in citations] == ["GPL-3.txt"]
    assert "any price or no price" in citations[0]["text"]
    assert _holding(installation.root, KEY) == []


def _holding(root: Path, secret: str) -> list[str]:
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in files if secret.encode() in path.read_bytes()]
