"""The git program, called with a scrubbed environment, allow-listed transports and a deadline.

Used for the network and for checking files out (line ends by `.gitattributes`); nothing that a
repository brings along is run: no hooks, no filters, no helpers, no prompts.
"""

from __future__ import annotations

import base64
import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from thinkube_catalog.adapters.git.locations import Remote

LARGEST_FILE = 2 * 1024**3
"""In bytes: no pack that is fetched and no file that is checked out may grow beyond it."""

_PASSED_ON = (
    "PATH",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
)
_FIXED = {
    "HOME": "/nonexistent",  # no .netrc, no settings of a person
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_ALLOW_PROTOCOL": "http:https:ssh:git",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 "
    "-oServerAliveCountMax=3 -oForwardAgent=no -oClearAllForwardings=yes",
}
_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", os.devnull),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("core.symlinks", "true"),
    ("credential.helper", ""),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("http.followRedirects", "false"),  # credentials and checks hold for the host that was named
    ("http.lowSpeedLimit", "1000"),  # bytes a second ...
    ("http.lowSpeedTime", "20"),  # ... over so many seconds: then a fetch is given up
    ("transfer.fsckObjects", "true"),
    ("fetch.fsck.zeroPaddedFilemode", "ignore"),  # old, harmless faults of well-known repositories
    ("fetch.fsck.missingSpaceBeforeDate", "ignore"),
    ("fetch.fsck.badTimezone", "ignore"),
)


class GitFailedError(Exception):
    """The git program failed or took too long; the text says why, in its own words."""


def run_git(
    arguments: Sequence[str],
    *,
    seconds: float,
    environment: Mapping[str, str],
    kept_open: Sequence[int] = (),
) -> str:
    """Run git and return its output.

    `kept_open` are handles that live as long as git does, such as a lock's. Raises GitFailedError.
    """
    process = subprocess.Popen(
        ["git", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd="/",
        umask=0o022,
        start_new_session=True,
        pass_fds=kept_open,
    )
    _limit(process)
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise GitFailedError(f"it took longer than {seconds:g} s") from None
    finally:
        _end_group(process)
    if process.returncode != 0:
        raise GitFailedError(_reason(errors.decode("utf-8", "replace")))
    return output.decode("utf-8", "replace")


def git_environment(
    git_dir: Path,
    remote: Remote | None = None,
    token: str = "",
) -> dict[str, str]:
    """Build the environment of a call on `git_dir`; a token is sent to `remote`'s host alone."""
    settings = list(_SETTINGS)
    if remote is not None and remote.scheme in {"http", "https"}:
        settings += _settings_of(remote, token)
    numbered = {
        f"GIT_CONFIG_{part}_{number}": setting[place]
        for number, setting in enumerate(settings)
        for place, part in enumerate(("KEY", "VALUE"))
    }
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    count = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_DIR": str(git_dir)}
    return {**passed_on, **_FIXED, **numbered, **count}


def _settings_of(remote: Remote, token: str) -> list[tuple[str, str]]:
    settings = []
    if remote.addresses and ":" not in remote.host:
        bracketed = (f"[{one}]" if ":" in one else one for one in remote.addresses)
        entry = f"{remote.host}:{remote.port}:{','.join(bracketed)}"
        settings.append(("http.curloptResolve", entry))
    if token:
        parts = urlsplit(remote.url)
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        key = f"http.{parts.scheme}://{parts.netloc}/.extraHeader"
        settings.append((key, f"Authorization: Basic {basic}"))
    return settings


def _limit(process: subprocess.Popen[bytes]) -> None:
    if hasattr(resource, "prlimit"):  # Linux; elsewhere the deadline alone bounds a fetch
        try:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        except ProcessLookupError:
            return


def _end_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _reason(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    text = "; ".join(line for line in lines if not line.startswith("hint:"))[-600:]
    if "could not read Username" in text or "terminal prompts disabled" in text:
        return "it does not exist, or asks for a log-in"
    if any(f"error: {code}" in text for code in (301, 302, 303, 307, 308)):
        return f"it has moved, and redirects are not followed ({text})"
    return text or "git failed without a word"
