"""Hostile addresses, servers and repositories: refused with a clear error, and nothing is run."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders import A_MOMENT
from tests.git_server import GitServer, git_server
from thinkube_catalog.adapters.git.locations import LocationRefusedError
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.template_sources import GitTemplateSources
from thinkube_catalog.domain.catalog import (
    ReleaseMovedError,
    ReleaseNotFoundError,
    Source,
    SourceUnavailableError,
)
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Commit, Repository, Signature
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations.folders import read_folder

CHAT = Repository("templates", "tkt-chat")
PERSON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
}


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=PERSON,
        input=stdin,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def forge(tmp_path: Path) -> LocalForge:
    forge = LocalForge(tmp_path / "forge")
    forge.ensure_repository(CHAT, "template")
    return forge


@pytest.fixture
def repository(tmp_path: Path, forge: LocalForge) -> Path:
    publish(forge, 1, "v1.0.0")
    return tmp_path / "forge" / CHAT.owner / f"{CHAT.name}.git"


@pytest.fixture
def server(tmp_path: Path, repository: Path) -> Iterator[GitServer]:
    with git_server(tmp_path / "forge") as served:
        yield served


@pytest.fixture
def sources(tmp_path: Path) -> GitTemplateSources:
    return GitTemplateSources(tmp_path / "sources", fetch_seconds=20, fresh_seconds=0)


def publish(forge: LocalForge, number: int, tag: str = "") -> Commit:
    files = FileTree({"copier.yml": File(f"number: {number}\n".encode())})
    at = A_MOMENT + timedelta(seconds=number)
    return forge.publish(CHAT, files, f"{number}", Signature("Us", "us@example.org", at), tag)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "--upload-pack=touch /tmp/pwned",
        "-oProxyCommand=touch",
        "ext::sh -c touch% /tmp/pwned",
        "fd::17/foo",
        "git+ext::sh -c x",
        "https::https://example.org/x",
        "ftp://example.org/x.git",
        "http://user:pa55word@example.org/x.git",
        "https://pa55word@example.org/x.git",
        "ssh://git:pa55word@example.org/x.git",
        "ssh://-oProxyCommand=touch/x.git",
        "ssh://git@-oProxyCommand=touch/x.git",
        "git@-oProxyCommand=touch:x.git",
        "https://example.org/x.git\n[core]\n\thooksPath = /tmp",
        "https://example.org/x\0.git",
        "https://example.org/trusted/../attacker/x.git",
        "https://example.org/trusted/%2e%2e/attacker/x.git",
        "https://example.org/trusted/.%2E/x.git",
        "https://example.org/a%2f..%2fx.git",
        "https://example.org/a%5c..%5cx.git",
        "https://example.org/a\\..\\x.git",
        "https://example.org/a%0ax.git",
        "https://example.org//x.git",
        "https://example.org/-x.git",
        "https://example.org/",
        "https://example.org/x.git?y=z",
        "https://example.org/x.git#fragment",
        "https://exаmple.org/x.git",  # noqa: RUF001 - has a Cyrillic letter
        "https://example.org:99999/x.git",
        "https://[::1/x.git",
        "https://exa mple.org/x.git",
        "https:///x.git",
        "file://elsewhere/x.git",
        "gh:--upload-pack=x/y",
        "gh:owner/../x",
        "git@example.org:../x.git",
        "http://169.254.169.254/latest/meta-data.git",
        "http://2852039166/x.git",
        "http://0xa9fea9fe/x.git",
        "http://0251.0376.0251.0376/x.git",
        "http://[::ffff:169.254.169.254]/x.git",
        "http://[64:ff9b::a9fe:a9fe]/x.git",
        "http://[fe80::1]/x.git",
        "http://[fd00:ec2::254]/x.git",
        "http://0.0.0.0/x.git",
        "git://169.254.169.254/x.git",
        "ssh://git@169.254.169.254/x.git",
    ],
)
def test_an_address_that_is_not_plainly_good_is_refused_and_never_repeated(
    sources: GitTemplateSources, tmp_path: Path, location: str
) -> None:
    with pytest.raises(LocationRefusedError) as refused:
        sources.resolve(Source(location))
    assert "pa55word" not in str(refused.value)
    assert not (tmp_path / "sources" / "checkouts").exists()


@pytest.mark.parametrize(
    "location",
    [
        "https://forge.invalid/owner/tkt-chat",
        "gh:owner/tkt-chat",
        "git+https://forge.invalid/owner/tkt-chat.git",
        "ssh://git@forge.invalid:2222/owner/tkt-chat.git",
        "git@forge.invalid:owner/tkt-chat.git",
        "git://forge.invalid/tkt-chat.git",
    ],
)
def test_a_good_address_of_an_unknown_host_is_unavailable(
    sources: GitTemplateSources, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    def unknown(*_arguments: object, **_named: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceUnavailableError, match="Name or service not known"):
        sources.resolve(Source(location))


def test_releases_are_fetched_over_http(
    sources: GitTemplateSources, server: GitServer, forge: LocalForge
) -> None:
    location = f"{server.url}/templates/tkt-chat.git"
    first = sources.resolve(Source(location))
    assert (first.version, first.location) == ("v1.0.0", location)
    assert (sources.checkout(first) / "copier.yml").read_text() == "number: 1\n"
    publish(forge, 2, "v1.1.0")
    assert [release.version for release in sources.releases(location)] == ["v1.1.0", "v1.0.0"]
    third = publish(forge, 3)
    assert sources.resolve(Source(location, "main")).commit == third.id


def test_what_was_fetched_once_is_known_without_the_server(
    sources: GitTemplateSources, tmp_path: Path, repository: Path
) -> None:
    with git_server(tmp_path / "forge") as server:
        location = f"{server.url}/templates/tkt-chat.git"
        release = sources.resolve(Source(location, "v1.0.0"))
    assert sources.resolve(Source(location, "v1.0.0")) == release
    assert sources.resolve(Source(location, release.commit)) == release
    assert (sources.checkout(release) / "copier.yml").exists()
    with pytest.raises(SourceUnavailableError):
        sources.resolve(Source(location))


def test_a_release_made_a_moment_ago_is_found_though_the_last_fetch_counts_as_fresh(
    tmp_path: Path, server: GitServer, forge: LocalForge
) -> None:
    sources = GitTemplateSources(tmp_path / "sources", fresh_seconds=3600)
    location = f"{server.url}/templates/tkt-chat.git"
    sources.resolve(Source(location))
    mirror = next((tmp_path / "sources/mirrors").glob("*.git/catalog-fetched"))
    a_while_ago = time.time() - 10
    os.utime(mirror, (a_while_ago, a_while_ago))
    publish(forge, 2, "v2.0.0")
    assert sources.resolve(Source(location)).version == "v1.0.0"
    assert sources.resolve(Source(location, "v2.0.0")).version == "v2.0.0"


@pytest.mark.parametrize("remote", [False, True])
def test_a_tag_that_was_moved_is_refused(
    sources: GitTemplateSources,
    server: GitServer,
    repository: Path,
    forge: LocalForge,
    remote: bool,
) -> None:
    location = f"{server.url}/templates/tkt-chat.git" if remote else str(repository)
    seen = sources.resolve(Source(location))
    moved = publish(forge, 2)
    git(repository, "tag", "--force", "v1.0.0", moved.id)
    sources.releases(location)  # fetches
    for ref in ("", "v1.0.0"):
        with pytest.raises(ReleaseMovedError, match="released versions never change"):
            sources.resolve(Source(location, ref))
    assert list(sources.releases(location)) == []
    assert (sources.checkout(seen) / "copier.yml").read_text() == "number: 1\n"


def test_redirects_are_not_followed_and_the_token_goes_nowhere_else(
    tmp_path: Path, server: GitServer
) -> None:
    with git_server(tmp_path / "forge") as other:
        server.redirect = other.url
        sources = GitTemplateSources(tmp_path / "sources", tokens={server.url: "t0ken"})
        with pytest.raises(SourceUnavailableError, match="redirects are not followed"):
            sources.resolve(Source(f"{server.url}/templates/tkt-chat.git"))
        assert other.authorizations == []


def test_a_token_is_sent_to_its_host_and_kept_nowhere(tmp_path: Path, server: GitServer) -> None:
    location = f"{server.url}/templates/tkt-chat.git"
    sources = GitTemplateSources(tmp_path / "sources", tokens={server.url: "t0ken"})
    sources.checkout(sources.resolve(Source(location)))
    sent = base64.b64encode(b"x-access-token:t0ken").decode()
    assert set(server.authorizations) == {f"Basic {sent}"}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"t0ken" not in kept
    assert sent.encode() not in kept
    plain = GitTemplateSources(tmp_path / "plain", tokens={"http://127.0.0.1:1": "t0ken"})
    server.authorizations.clear()
    plain.resolve(Source(location))
    assert set(server.authorizations) == {""}


def test_the_fetch_goes_to_the_address_that_was_checked(
    sources: GitTemplateSources, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def looked_up(host: str, port: int | str | None, *rest: int, **named: int) -> list[object]:
        known = "127.0.0.1" if host == "templates.invalid" else host
        return list(real(known, port, *rest, **named))

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    location = f"http://templates.invalid:{server.port}/templates/tkt-chat.git"
    assert sources.resolve(Source(location)).version == "v1.0.0"


def test_a_name_that_leads_to_a_forbidden_address_is_refused(
    sources: GitTemplateSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked_up(*_arguments: object, **_named: object) -> list[object]:
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))
        bad = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%eth0", 443, 0, 0))
        return [good, bad]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with pytest.raises(LocationRefusedError, match="link-local"):
        sources.resolve(Source("https://templates.invalid/x.git"))


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path, server: GitServer) -> None:
    server.stall = threading.Event()
    sources = GitTemplateSources(tmp_path / "sources", fetch_seconds=0.5)
    with pytest.raises(SourceUnavailableError, match=r"longer than 0\.5 s"):
        sources.resolve(Source(f"{server.url}/templates/tkt-chat.git"))


def test_locks_that_a_killed_fetch_left_do_not_stop_the_next(
    sources: GitTemplateSources, tmp_path: Path, server: GitServer, forge: LocalForge
) -> None:
    location = f"{server.url}/templates/tkt-chat.git"
    sources.resolve(Source(location))
    mirror = next((tmp_path / "sources/mirrors").glob("*.git"))
    for left in ("refs/heads/main.lock", "packed-refs.lock", "refs/tags/v2.0.0.lock"):
        (mirror / left).touch()
    publish(forge, 2, "v2.0.0")
    assert sources.resolve(Source(location)).version == "v2.0.0"


def test_settings_of_a_person_take_no_part(
    tmp_path: Path,
    sources: GitTemplateSources,
    server: GitServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text('[url "ext::touch pwned "]\n\tinsteadOf = http://\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(home))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'protocol.ext.allow=always'")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch pwned")
    release = sources.resolve(Source(f"{server.url}/templates/tkt-chat.git"))
    assert release.version == "v1.0.0"


def test_nothing_that_a_repository_on_disk_configures_is_run(
    tmp_path: Path, sources: GitTemplateSources
) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    git(hostile, "init", "--quiet", "--initial-branch=main")
    (hostile / ".gitattributes").write_text("* filter=evil\n*.txt eol=crlf\n")
    (hostile / "copier.yml").write_text("number: 1\n")
    (hostile / "line.txt").write_text("line\n")
    git(hostile, "add", "--all")
    git(hostile, "commit", "--quiet", "--message", "Hostile")
    command = f"touch {tmp_path}/pwned; cat"
    for key in ("filter.evil.smudge", "filter.evil.process", "core.fsmonitor", "core.sshCommand",
                "uploadpack.packObjectsHook", "core.gitProxy", "diff.external"):  # fmt: skip
        git(hostile, "config", key, command)
    git(hostile, "config", "filter.evil.required", "true")
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        hook = hostile / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\n{command}\n")
        hook.chmod(0o755)
    folder = sources.checkout(sources.resolve(Source(str(hostile))))
    assert (folder / "copier.yml").read_text() == "number: 1\n"
    assert (folder / "line.txt").read_bytes() == b"line\r\n"  # as a clone would have it
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".gi\u200ct", ".."])
@pytest.mark.parametrize("remote", [False, True])
def test_a_tree_that_reaches_for_gits_own_folder_is_not_written(
    tmp_path: Path, sources: GitTemplateSources, server: GitServer, name: str, remote: bool
) -> None:
    bad = tmp_path / "forge" / "bad.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bad))
    blob = git(bad, "hash-object", "-w", "--stdin", stdin="[core]\n\tfsmonitor = touch pwned\n")
    inner = git(bad, "mktree", stdin=f"100644 blob {blob}\tconfig\n")
    outer = git(bad, "mktree", stdin=f"040000 tree {inner}\t{name}\n")
    commit = git(bad, "commit-tree", outer, "-m", "Bad")
    git(bad, "update-ref", "refs/heads/main", commit)
    location = f"{server.url}/bad.git" if remote else str(bad)
    with pytest.raises(SourceUnavailableError):
        sources.checkout(sources.resolve(Source(location, "main")))
    assert not (tmp_path / "sources/checkouts" / commit).exists()


def test_submodules_are_not_fetched(
    tmp_path: Path, sources: GitTemplateSources, server: GitServer
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=main")
    (work / "copier.yml").write_text("number: 1\n")
    (work / ".gitmodules").write_text(
        f'[submodule "../../x"]\n\tpath = vendor\n\turl = {server.url}/secret.git\n'
    )
    git(work, "add", "--all")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor")
    git(work, "commit", "--quiet", "--message", "With a submodule")
    folder = sources.checkout(sources.resolve(Source(str(work))))
    assert list((folder / "vendor").iterdir()) == []
    assert server.authorizations == []


def test_a_work_tree_counts_by_its_commits_and_a_folder_in_it_as_it_stands(
    tmp_path: Path, sources: GitTemplateSources
) -> None:
    work = tmp_path / "work"
    (work / "tkt-chat").mkdir(parents=True)
    git(work, "init", "--quiet", "--initial-branch=main")
    (work / "tkt-chat/copier.yml").write_text("number: 1\n")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "First")
    (work / "tkt-chat/copier.yml").write_text("number: 2\n")
    whole = sources.checkout(sources.resolve(Source(str(work))))
    assert read_folder(whole).text("tkt-chat/copier.yml") == "number: 1\n"
    folder = sources.checkout(sources.resolve(Source(str(work / "tkt-chat"))))
    assert read_folder(folder).text("copier.yml") == "number: 2\n"


def test_a_bundle_is_no_template(
    tmp_path: Path, sources: GitTemplateSources, repository: Path
) -> None:
    git(repository, "bundle", "create", str(tmp_path / "x.bundle"), "--all")
    with pytest.raises(SourceUnavailableError):
        sources.resolve(Source(str(tmp_path / "x.bundle")))


def test_a_tag_that_looks_like_a_commit_does_not_stand_for_it(
    sources: GitTemplateSources, repository: Path, forge: LocalForge
) -> None:
    first = sources.resolve(Source(str(repository), "v1.0.0")).commit
    second = publish(forge, 2).id
    git(repository, "tag", first, second)
    assert sources.resolve(Source(str(repository), first)).commit == first


def test_a_repository_of_nonsense_is_unavailable(
    tmp_path: Path, sources: GitTemplateSources
) -> None:
    broken = tmp_path / "broken.git"
    (broken / "objects").mkdir(parents=True)
    (broken / "refs").mkdir()
    (broken / "HEAD").write_bytes(b"\xff\0" * 100)
    with pytest.raises(CatalogError):
        sources.resolve(Source(str(broken)))


_EVERYTHING = """
import sys
from pathlib import Path
from thinkube_catalog.adapters.template_sources import GitTemplateSources
from thinkube_catalog.domain.catalog import Source
sources = GitTemplateSources(Path(sys.argv[1]), fresh_seconds=0)
release = sources.resolve(Source(sys.argv[2], "main"))
print(release.commit, (sources.checkout(release) / "copier.yml").read_text().strip())
"""


def test_many_processes_fetch_and_check_out_at_once(
    tmp_path: Path, server: GitServer, forge: LocalForge
) -> None:
    newest = publish(forge, 2)
    location = f"{server.url}/templates/tkt-chat.git"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _EVERYTHING, str(tmp_path / "sources"), location],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert said == {f"{newest.id} number: 2"}
    checkouts = tmp_path / "sources/checkouts"
    assert [path.name for path in checkouts.iterdir() if not path.name.startswith(".")] == [
        newest.id
    ]


def test_an_unknown_branch_over_http_is_asked_for_and_then_said_to_be_unknown(
    sources: GitTemplateSources, server: GitServer
) -> None:
    with pytest.raises(ReleaseNotFoundError):
        sources.resolve(Source(f"{server.url}/templates/tkt-chat.git", "no-such-branch"))
