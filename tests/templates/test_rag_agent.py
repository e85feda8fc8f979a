"""The template tkt-rag-agent: it renders, agrees with itself, passes its own tests, and answers."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.components.environments import environment
from tests.components.litellm_proxy import litellm_proxy
from tests.components.llama_server import llama_server
from tests.components.otlp_collector import Collector, otlp_collector
from tests.components.servers import free_port, running
from tests.components.tiny_model import tiny_model

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "tkt-rag-agent"
LICENCES = Path("/usr/share/common-licenses")
ANSWERS = sorted((TEMPLATE / "answers").glob("*.yml"))
STANDARD = {"project_name", "project_description", "author_name", "author_email"}
FILES = """\
.copier-answers.yml .dockerignore .gitignore Containerfile README.md app.env
eval/__init__.py eval/__main__.py eval/measure.py eval/questions.py main.py pyproject.toml
rag_agent/__init__.py rag_agent/answering.py rag_agent/api.py rag_agent/application.py
rag_agent/chunking.py rag_agent/embedding.py rag_agent/errors.py rag_agent/extraction.py
rag_agent/identity.py rag_agent/index.py rag_agent/ingestion.py rag_agent/langfuse_tracing.py
rag_agent/memory.py rag_agent/metrics.py rag_agent/openai_api.py rag_agent/page.css
rag_agent/page.py rag_agent/panels.py rag_agent/prompting.py rag_agent/qdrant.py
rag_agent/reading.py rag_agent/retrieval.py rag_agent/schemas.py rag_agent/services.py
rag_agent/settings.py rag_agent/shell.py rag_agent/tracing.py rag_agent/words.py
rag_agent/writing.py requirements-dev.in requirements-dev.txt requirements-local-embeddings.txt
requirements.in requirements.txt run_tests.sh tests/__init__.py tests/builders.py
tests/conftest.py tests/gateway.py tests/test_access.py tests/test_answers.py
tests/test_documents.py tests/test_eval.py tests/test_gateway.py tests/test_openai_api.py
tests/test_operation.py tests/test_page.py tests/test_reading.py tests/test_tracing.py
tests/test_words.py thinkube.yaml""".split()  # noqa: SIM905 - easier to review than a list

CHARGE = "May I charge a price for each copy that I convey?"
ANSWER = "You may charge any price or no price for each copy that you convey [1]."
GPL = {"GPL-3", "gpl.pdf"}  # the same text, taken in twice
NOTICE = "Must I keep the NOTICE text file in what I distribute?"
NOTICE_ANSWER = "Yes: a readable copy of its attribution notices must be included [1]."


def rendered(answers: Path, folder: Path) -> Path:
    """What `copier copy` makes of an answers file."""
    destination = folder / answers.stem
    copier = [sys.executable, "-m", "copier", "copy", "--quiet", "-x", ".git", "--defaults"]
    command = [*copier, "--data-file", str(answers), str(TEMPLATE), str(destination)]
    subprocess.run(command, check=True, timeout=60)
    return destination


def questions() -> dict[str, Any]:
    whole = yaml.safe_load((TEMPLATE / "copier.yml").read_text(encoding="utf-8"))
    return {name: value for name, value in whole.items() if not name.startswith("_")}


def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((TEMPLATE / "manifest.yaml").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("answers", ANSWERS, ids=lambda path: path.stem)
def test_it_renders_the_same_files_without_leftovers(answers: Path, tmp_path: Path) -> None:
    project = rendered(answers, tmp_path)
    files = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert files == set(FILES)
    static = {"thinkube.yaml"}  # its two placeholders are filled at deployment
    for path in project.rglob("*"):
        if path.is_file() and path.name not in static:
            assert not re.search(r"\{%|\{\{ *\w+ *\}\}", path.read_text("utf-8")), path
    assert os.access(project / "run_tests.sh", os.X_OK)
    settings = dict(
        line.split("=", 1)
        for line in (project / "app.env").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
    given = yaml.safe_load(answers.read_text("utf-8"))
    assert settings["APP_NAME"] == given["project_name"]
    wanted = given.get("assistant_title", questions()["assistant_title"]["default"])
    assert settings["ASSISTANT_TITLE"] == f"'{wanted}'"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("project_name", "Legal"),
        ("project_name", "legal-"),
        ("project_name", "1legal"),
        ("project_name", "a" * 41),
        ("project_description", " "),
        ("author_email", "nobody"),
        ("assistant_title", "it's"),
        ("assistant_title", ""),
        ("document_language", "klingon"),
    ],
)
def test_answers_that_cannot_work_are_refused(name: str, value: str, tmp_path: Path) -> None:
    given = {"project_name": "legal-qa", name: value}
    told = [part for key, answer in given.items() for part in ("-d", f"{key}={answer}")]
    copier = [sys.executable, "-m", "copier", "copy", "--quiet", "-x", ".git", "--defaults"]
    done = subprocess.run(
        [*copier, *told, str(TEMPLATE), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert name in done.stderr or "choice" in done.stderr


def test_the_manifest_mirrors_the_questions_of_its_own() -> None:
    asked = {name: value for name, value in questions().items() if name not in STANDARD}
    mirrored = {parameter["name"]: parameter for parameter in manifest()["parameters"]}
    assert list(mirrored) == list(asked)
    for name, question in asked.items():
        assert mirrored[name]["description"] == question["help"]
        assert mirrored[name]["default"] == question["default"]
        assert mirrored[name].get("choices") == question.get("choices")


def test_the_readme_shows_the_questions() -> None:
    readme = (TEMPLATE / "README.md").read_text("utf-8")
    for name, question in questions().items():
        assert f"| `{name}` | {question.get('default', '')} | {question['help']} |" in readme


def test_secrets_and_dependencies_name_variables_that_the_application_reads() -> None:
    source = (TEMPLATE / "template/rag_agent/settings.py").read_text("utf-8")
    known = {
        name.upper() for name in re.findall(r"^    (\w+): .*=? ?Field\(", source, re.MULTILINE)
    }
    known |= {name.upper() for name in re.findall(r"^    (\w+): ", source, re.MULTILINE)}
    descriptor = yaml.safe_load((TEMPLATE / "template/thinkube.yaml").read_text("utf-8"))
    injected = [
        value
        for dependency in descriptor["spec"]["dependencies"]
        for key, value in dependency.items()
        if key == "env" or key.endswith("_env")
    ]
    injected += [variable["name"] for variable in descriptor["spec"]["env"]]
    injected += [secret["name"] for secret in manifest()["secrets"]]
    injected += [parameter["name"].upper() for parameter in manifest()["parameters"]]
    assert set(injected) <= known


def project_python() -> Path:
    """An environment with exactly what the rendered project pins."""
    here = TEMPLATE / "template"
    files = [here / "requirements.txt", here / "requirements-dev.txt"]
    return environment(requirement_files=files, compiled=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_rendered_project_passes_its_own_checks(tmp_path: Path) -> None:
    project = rendered(TEMPLATE / "answers/full.yml", tmp_path)
    bin_folder = project_python().parent
    path = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    for command in (["./run_tests.sh", "-q"], ["ruff", "check", "."], ["mypy"]):
        done = subprocess.run(
            command, cwd=project, env=path, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def with_real_servers(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that waits for the servers; the first one may have to build them."""
    marked: Callable[..., None] = pytest.mark.slow(pytest.mark.timeout(1800)(test))
    return marked


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with otlp_collector() as running_collector:
        yield running_collector


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[str]:
    """The rendered project as a process, behind it a real LiteLLM and a real model."""
    if not LICENCES.is_dir():
        pytest.skip("reads the licence texts that Debian ships")
    folder = tmp_path_factory.mktemp("rag")
    project = rendered(TEMPLATE / "answers/minimal.yml", folder)
    model = tiny_model({CHARGE: ANSWER, NOTICE: NOTICE_ANSWER})
    key = "a-gateway-key"
    with (
        llama_server(model, "tiny", folder / "llama.log") as backend,
        litellm_proxy(backend, "tiny", key, folder) as gateway,
    ):
        port = free_port()
        command = [str(project_python()), "-m", "uvicorn", "main:app", "--port", str(port)]
        settings = {
            "DATA_DIR": str(folder / "data"),
            "LLM_BASE_URL": gateway,
            "LLM_MODEL": "tiny",
            "LLM_API_KEY": key,
            "LLM_TEMPERATURE": "0",
            "LLM_MAX_TOKENS": "100",
            "LANGFUSE_BASE_URL": collector.url,
            "LANGFUSE_PUBLIC_KEY": "pk-test",
            "LANGFUSE_SECRET_KEY": "sk-test",
        }
        url = f"http://127.0.0.1:{port}"
        log = folder / "app.log"
        with running(command, f"{url}/ready", log, cwd=project, environment=settings):
            take_in(url, "GPL-3", "Apache-2.0", "MPL-2.0")
            yield url


def take_in(url: str, *names: str) -> None:
    """Upload licence texts and wait until they are in the index."""
    files = [("files", (name, (LICENCES / name).read_bytes())) for name in names]
    job = httpx.post(f"{url}/api/documents", files=files, timeout=30).json()
    while not job["done"]:
        job = httpx.get(f"{url}/api/ingestions/{job['ingestion_id']}", timeout=30).json()
    assert [file["state"] for file in job["files"]] == ["added"] * len(names)


@with_real_servers
def test_a_real_model_answers_with_citations_over_http(app: str) -> None:
    answer = httpx.post(f"{app}/api/ask", json={"question": CHARGE}, timeout=60).json()
    assert (answer["status"], answer["answer"]) == ("answered", ANSWER)
    [cited] = answer["citations"]
    assert cited["document"] in GPL
    assert "You may charge any price or no price" in cited["text"]
    assert answer["usage"]["total_tokens"] > 0


@with_real_servers
def test_a_real_answer_streams(app: str) -> None:
    body = {"question": NOTICE, "stream": True}
    with httpx.stream("POST", f"{app}/api/ask", json=body, timeout=60) as reply:
        lines = list(reply.iter_lines())
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names[0] == "found"
    assert names.count("delta") > 3, "it comes in parts"
    last = json.loads([line for line in lines if line.startswith("data: ")][-1][6:])
    assert last["answer"] == NOTICE_ANSWER
    assert last["citations"][0]["document"] == "Apache-2.0"


@with_real_servers
def test_the_official_client_can_use_it_as_a_model(app: str) -> None:
    client = ROOT / "tests/components/openai_client.py"
    command = [str(project_python()), str(client), f"{app}/v1", "legal-qa", CHARGE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(done.stdout)
    assert answer["models"] == ["legal-qa"]
    assert answer["text"] == answer["streamed"] == ANSWER
    assert answer["citations"] == answer["streamed_citations"]
    assert answer["citations"][0]["document"] in GPL


@with_real_servers
def test_the_answer_is_traced_in_langfuses_form(app: str, collector: Collector) -> None:
    question = CHARGE
    answer = httpx.post(f"{app}/api/ask", json={"question": question}, timeout=60).json()

    def spans() -> set[str]:
        session = answer["conversation_id"]
        return {s.name for s in collector.spans if s.attributes.get("session.id") == session}

    for _ in range(200):
        if spans() == {"answer", "retrieval", "generation"}:
            return
        time.sleep(0.1)
    raise AssertionError(f"only {spans()} arrived")


@with_real_servers
def test_a_person_uploads_a_pdf_asks_and_reads_the_passage(app: str, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs the distribution's chromium")
    python = environment("playwright==1.65.2")
    pdf = tmp_path / "gpl.pdf"
    making = "import sys; from tests.builders import a_pdf; "
    making += "sys.stdout.buffer.write(a_pdf(*sys.stdin.read().split('\\f'), title='GPL'))"
    lines = (LICENCES / "GPL-3").read_text("utf-8").splitlines()
    pages = ["\n".join(lines[start : start + 50]) for start in range(0, len(lines), 50)]
    made = subprocess.run(
        [project_python(), "-c", making],
        cwd=TEMPLATE / "template",
        input="\f".join(page.replace("\f", "") for page in pages).encode(),
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    pdf.write_bytes(made.stdout)
    driver = ROOT / "tests/components/chat_page.py"
    shots = Path(os.environ.get("PAGE_SHOTS", tmp_path))
    command = [str(python), str(driver), chromium, app, CHARGE, str(shots), str(pdf)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    seen = json.loads(done.stdout)
    assert len(seen) == 4
    for look in seen:
        assert ANSWER in look["answer"], look
        assert "gpl.pdf" in look["documents"]
        assert "You may charge any price or no price" in look["first_passage"]
        assert "cited" in look["first_passage"]
        assert not look["too_wide"]
        assert look["elsewhere"] == []
