"""A real service on the embedded platform, and Debian's Chromium to read it with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.offer import write_catalogue

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
PATIENCE = 30_000
"""Milliseconds that a browser waits for something to appear."""


@dataclass
class Service:
    """The service as people run it, which can be killed and started again at the same address."""

    folder: Path
    catalog: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("THINKUBE_")},
            "THINKUBE_DATA_DIR": str(self.folder / "data"),
            "THINKUBE_CATALOG": str(self.catalog),
            "THINKUBE_GPUS": "24",
            "THINKUBE_LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-m", "thinkube_catalog.main", "serve", "--port", str(self.port)]
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "service.log").read_text()
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def end_everything(self) -> None:
        """End what runs in the service's folder: applications and router outlive the service."""
        for _ in range(2):  # what watches others first goes with the first pass, they with both
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    places = [process.cwd(), *process.cmdline()]
                    if any(place.startswith(str(self.folder)) for place in places):
                        process.kill()

    def names(self) -> list[str]:
        import json  # noqa: PLC0415 (for this alone)

        with urlopen(f"{self.address}/api/v1/deployments", timeout=10) as answer:  # noqa: S310 (our own address)
            return [item["name"] for item in json.load(answer)["items"]]

    def deploy(self, template: str, name: str, state: str = "healthy", ref: str = "") -> None:
        """Deploy without a browser, and wait until it is as said."""
        body = {"template": template, "name": name, "answers": {"project_name": name}, "ref": ref}
        httpx.post(f"{self.address}/api/v1/deployments", json=body).raise_for_status()
        self.wait_for(name, state)

    def wait_for(self, name: str, state: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.deployment(name)["state"]) != state:
            assert time.monotonic() < deadline, f"{name} is {found}, not {state}"
            time.sleep(0.1)

    def wait_for_commit(self, name: str, commit: str) -> None:
        """Wait until that very commit is healthy."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.deployment(name))["healthy_commit"] != commit:
            assert time.monotonic() < deadline, f"{name} serves {found['healthy_commit']}"
            time.sleep(0.1)

    def deployment(self, name: str) -> dict[str, str]:
        answer = httpx.get(f"{self.address}/api/v1/deployments/{name}", timeout=20)
        found: dict[str, str] = answer.raise_for_status().json()
        return found

    def release(self, template: str, changes: dict[str, str]) -> None:
        """Do what a maintainer does: change a template's folder, and wait for its publication."""
        before = self.newest(template)
        for path, text in changes.items():
            (self.catalog.parent / template / path).write_text(text)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.newest(template) == before:
            assert time.monotonic() < deadline, f"{template} was not published"
            time.sleep(0.2)

    def newest(self, template: str) -> str:
        answer = httpx.get(f"{self.address}/api/v1/templates/{template}", timeout=20)
        return str(answer.raise_for_status().json()["release"]["version"])

    def push(self, name: str, path: str, text: str) -> str:
        """Do what a developer does: add a line to a file, commit and push; return the commit."""
        file = self._cloned(name) / path
        file.write_text(f"{file.read_text() if file.exists() else ''}{text}\n")
        return self._pushed(name, f"Say {text}")

    def change(self, name: str, path: str, before: str, after: str) -> str:
        """Do the same with words that are in the file already."""
        file = self._cloned(name) / path
        assert before in file.read_text()
        file.write_text(file.read_text().replace(before, after))
        return self._pushed(name, f"Say {after}")

    def _cloned(self, name: str) -> Path:
        folder = self.folder / "work" / name
        shutil.rmtree(folder, ignore_errors=True)
        self._git("clone", "-q", self.deployment(name)["clone_url"], str(folder))
        return folder

    def _pushed(self, name: str, message: str) -> str:
        within = ("-C", str(self.folder / "work" / name))
        self._git(*within, "add", "-A")
        self._git(*within, "commit", "-q", "-m", message)
        self._git(*within, "push", "-q")
        return self._git(*within, "rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        who = ("-c", "user.name=A developer", "-c", "user.email=developer@example.org")
        return subprocess.run(
            ["git", *who, *arguments], capture_output=True, text=True, timeout=60, check=True
        ).stdout

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.address}/ready", timeout=5):  # noqa: S310 (as above)
                return True
        except (URLError, OSError):
            return False


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = _folder(tmp_path_factory)
    catalog = write_catalogue(folder / "offer", ROOT / "catalog" / "models.json")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = Service(folder, catalog, port)
    service.start()
    try:
        yield service
    finally:
        service.stop()
        service.end_everything()


def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the service keeps its things; pictures show a path like anybody's."""
    if not os.environ.get("WRITE_SCREENSHOTS"):
        return tmp_path_factory.mktemp("browser")
    folder = Path(tempfile.gettempdir()) / "thinkube"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser that ends with the last test of a file.

    Playwright keeps a loop running in this thread: tests elsewhere could start none of their own.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def faults() -> list[str]:
    """Return what the browser complains of: errors of scripts, and what the policy refuses."""
    return []


@pytest.fixture
def context(browser: Browser, service: Service) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=service.address,
        viewport={"width": 1440, "height": 1000},
        timezone_id="Asia/Tokyo",
        locale="en-GB",
    )
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, faults: list[str]) -> Iterator[Page]:
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda message: (
            faults.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    yield page
    assert faults == []


@pytest.fixture
def plain_page(browser: Browser, service: Service) -> Iterator[Page]:
    """Return a page of a browser that runs no scripts."""
    context = browser.new_context(base_url=service.address, java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()
