"""A file with settings: merged into line by line, whole at every moment, for this user alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.adapters.env_file import EnvFile, EnvFileUnwritableError
from thinkube_catalog.domain.secrets import SecretValue

VALUES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1
)


def test_lines_of_others_stay_and_ours_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nA=1\nexport B='old'\n\nB=older\nC=3 # said\n")
    file = EnvFile(path, {})
    file.keep("B", SecretValue("new"))
    file.keep("D", SecretValue("4"))
    assert path.read_text() == "# mine\nA=1\n\nB=new\nC=3 # said\nD=4\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [".env"]


@given(value=VALUES)
def test_what_is_kept_is_read_again(value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("env") / ".env"
    EnvFile(path, {}).keep("A", SecretValue(value))
    assert dotenv_values(path, interpolate=False) == {"A": value}
    found = EnvFile(path, {}).value("A")
    assert found is not None
    assert found.reveal() == value


def test_the_environment_wins_until_something_is_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=file\n")
    file = EnvFile(path, {"A": "environment"})
    assert file.value("A") == SecretValue("environment")
    file.keep("A", SecretValue("kept"))
    assert file.value("A") == SecretValue("kept")
    assert file.hidden() == ["A"]
    assert EnvFile(path, {}).value("B") is None


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("A=1\n")
    (tmp_path / ".env").symlink_to("real")
    EnvFile(tmp_path / ".env", {}).keep("A", SecretValue("2"))
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real").read_text() == "A=2\n"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = EnvFile(tmp_path / "nowhere" / ".env", {})
    with pytest.raises(EnvFileUnwritableError, match="--env"):
        file.check_writable()
    with pytest.raises(EnvFileUnwritableError):
        file.keep("A", SecretValue("1"))
