"""Gitea's own runner, as people set it up: an ordinary account with buildah, in host mode."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

LABEL = "buildah"
_BUSYBOX = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
"""


@dataclass
class GiteaRunner:
    """One runner of an organisation; it may write to its `home` and nowhere else of ours.

    Images of `docker.io/library` come from that organisation's packages, as where there is no
    internet.
    """

    program: str
    account: pwd.struct_passwd
    home: Path
    url: str
    organisation: str

    def set_up(self) -> None:
        """Write its settings, and those of its buildah."""
        host = urlsplit(self.url).netloc
        registries = (
            f'[[registry]]\nlocation = "{host}"\ninsecure = true\n\n'
            f'[[registry]]\nprefix = "docker.io/library"\n'
            f'location = "{host}/{self.organisation}"\ninsecure = true\n'
        )
        self._write(".config/containers/registries.conf", registries)
        settings = {
            "runner": {"capacity": 2, "labels": [f"{LABEL}:host"], "fetch_interval": "1s"},
            "cache": {"enabled": False},
        }
        self._write("runner.yaml", yaml.safe_dump(settings))

    def register(self, token: str) -> None:
        """Make it known to Gitea with a registration token."""
        names = ("--name", f"runner of {self.organisation}", "--instance", self.url)
        self.run(self.program, "register", "--no-interactive", *names, "--token", token)

    def push_busybox(self, version: str, user: str, token: str) -> None:
        """Make an image of the machine's own busybox, and put it among those packages."""
        busybox = shutil.which("busybox")
        assert busybox, "a static busybox is needed: Debian's busybox-static"
        self._write("busybox/Containerfile", _BUSYBOX)
        shutil.copyfile(busybox, self.home / "busybox" / "busybox")
        (self.home / "busybox" / "busybox").chmod(0o755)
        host = urlsplit(self.url).netloc
        image = f"{host}/{self.organisation}/busybox:{version}"
        self.run("buildah", "build", "--quiet", "--tag", image, str(self.home / "busybox"))
        self.run(*("buildah", "login", "--username", user, "--password-stdin", host), given=token)
        self.run("buildah", "push", "--quiet", image)
        self.run("buildah", "logout", host)
        self.run("buildah", "rmi", "--force", image)

    def try_as(self, accounts: str, *command: str) -> bool:
        """Say whether buildah can do something by these accounts, in the form of its auth file."""
        self._write("accounts.json", accounts)
        name, *rest = command
        given = ("--authfile", str(self.home / "accounts.json"))
        return self._done("buildah", name, *given, *rest).returncode == 0

    def run(self, *command: str, given: str = "") -> str:
        """Do something as its account."""
        done = self._done(*command, given=given)
        assert done.returncode == 0, (command[:3], done.stdout + done.stderr)
        return done.stdout

    def _done(self, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.home,
            env=self._environment,
            user=self._uid,
            group=self._gid,
            extra_groups=self._groups,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have it take jobs."""
        command = [self.program, "daemon", "--config", str(self.home / "runner.yaml")]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.home,
                env=self._environment,
                user=self._uid,
                group=self._gid,
                extra_groups=self._groups,
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    @property
    def log(self) -> Path:
        return self.home / "runner.log"

    def clear(self) -> None:
        """Delete its home, with the images in it that belong to other users of the machine."""
        self.run("buildah", "unshare", "rm", "-rf", str(self.home / ".local"))
        shutil.rmtree(self.home)

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.home / "tmp"),
            "BUILDAH_ISOLATION": "chroot",
        }

    @property
    def _is_another(self) -> bool:
        return os.geteuid() != self.account.pw_uid

    @property
    def _uid(self) -> int | None:
        return self.account.pw_uid if self._is_another else None

    @property
    def _gid(self) -> int | None:
        return self.account.pw_gid if self._is_another else None

    @property
    def _groups(self) -> list[int] | None:
        return [] if self._is_another else None

    def _write(self, path: str, text: str) -> None:
        place = self.home / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


@contextmanager
def gitea_runner(organisation: str) -> Iterator[GiteaRunner]:
    """Give a runner that is set up and not registered yet.

    THINKUBE_TEST_GITEA_RUNNER is the program; THINKUBE_TEST_GITEA_RUNNER_USER the account that it
    runs by, where that is another than who runs the tests (which takes root).
    """
    user = os.environ.get("THINKUBE_TEST_GITEA_RUNNER_USER", "")
    account = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
    home = Path(tempfile.mkdtemp(prefix="runner-"))
    runner = GiteaRunner(
        os.environ["THINKUBE_TEST_GITEA_RUNNER"],
        account,
        home,
        os.environ["THINKUBE_TEST_GITEA_URL"],
        organisation,
    )
    try:
        (home / "tmp").mkdir()
        runner.set_up()
        if os.geteuid() != account.pw_uid:
            for place in (home, *home.rglob("*")):
                os.chown(place, account.pw_uid, account.pw_gid)
        yield runner
    finally:
        runner.clear()
