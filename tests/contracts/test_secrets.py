"""What every store of secrets promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.adapters.secret_store import (
    SecretKeyInvalidError,
    SqlSecrets,
    keys_from,
    keys_in,
)
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.tables import SecretRow
from thinkube_catalog.domain.secrets import (
    SecretNotFoundError,
    Secrets,
    SecretUnreadableError,
    SecretValue,
)

OLD, NEW = "an old key of more than 32 characters", "a new key of more than 32 characters"


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Secrets]:
    if request.param == "memory":
        yield MemorySecrets()
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    yield SqlSecrets(database, keys_from(OLD))
    database.close()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("value", ["hf_canary", "", "line\nbreak", "ü" * 10_000])
def test_a_value_comes_back_as_it_went_in(store: Secrets, value: str) -> None:
    store.put("HF_TOKEN", SecretValue(value))
    assert store.get("HF_TOKEN").reveal() == value


def test_many_may_store_a_new_one_and_remove_it_at_once(store: Secrets) -> None:
    for number in range(5):
        key = f"TOKEN_{number}"
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _, key=key: store.put(key, SecretValue("same")), range(6)))
            assert store.get(key).reveal() == "same"
            list(pool.map(lambda _, key=key: store.remove(key), range(6)))
    assert list(store.entries()) == []


def test_storing_again_replaces(store: Secrets) -> None:
    store.put("HF_TOKEN", SecretValue("one"))
    first = store.entries()[0]
    store.put("HF_TOKEN", SecretValue("two"))
    assert store.get("HF_TOKEN").reveal() == "two"
    (entry,) = store.entries()
    assert entry.changed_at >= first.changed_at
    assert entry.changed_at.utcoffset() is not None


def test_entries_are_listed_by_key_without_values(store: Secrets) -> None:
    for key in ("b", "chat/A", "a"):
        store.put(key, SecretValue("canary"))
    assert [entry.key for entry in store.entries()] == ["a", "b", "chat/A"]
    assert "canary" not in repr(store.entries())


def test_a_removed_secret_is_gone_and_removing_it_again_does_nothing(store: Secrets) -> None:
    store.put("HF_TOKEN", SecretValue("canary"))
    store.remove("HF_TOKEN")
    store.remove("HF_TOKEN")
    with pytest.raises(SecretNotFoundError, match="tkt secret set HF_TOKEN"):
        store.get("HF_TOKEN")


def test_no_value_stands_in_the_database(database: Database, tmp_path: Path) -> None:
    SqlSecrets(database, keys_from(OLD)).put("HF_TOKEN", SecretValue("canary"))
    database.close()
    assert all(b"canary" not in path.read_bytes() for path in tmp_path.iterdir())


def test_another_key_is_refused_by_name(database: Database) -> None:
    SqlSecrets(database, keys_from(OLD)).put("HF_TOKEN", SecretValue("canary"))
    with pytest.raises(SecretUnreadableError, match="sealed with another key"):
        SqlSecrets(database, keys_from(NEW)).get("HF_TOKEN")


def test_keys_are_changed_by_opening_with_both_and_sealing_with_the_first(
    database: Database,
) -> None:
    SqlSecrets(database, keys_from(OLD)).put("HF_TOKEN", SecretValue("canary"))
    both = SqlSecrets(database, keys_from(f"{NEW}, {OLD}"))
    assert both.get("HF_TOKEN").reveal() == "canary"
    assert both.reseal() == 1
    assert both.reseal() == 0
    assert SqlSecrets(database, keys_from(NEW)).get("HF_TOKEN").reveal() == "canary"


def test_a_value_put_under_another_name_is_noticed(database: Database) -> None:
    store = SqlSecrets(database, keys_from(OLD))
    store.put("one", SecretValue("canary"))
    store.put("two", SecretValue("other"))
    with database.writing() as session:
        one, two = session.get(SecretRow, "one"), session.get(SecretRow, "two")
        assert one is not None
        assert two is not None
        two.sealed = one.sealed
    with pytest.raises(SecretUnreadableError, match="was changed"):
        store.get("two")


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    first = keys_in(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys_in(path) == first
    assert list(path.parent.iterdir()) == [path]


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keys_in(path)
    path.chmod(0o644)
    with pytest.raises(SecretKeyInvalidError, match="chmod 600"):
        keys_in(path)


def test_a_short_key_is_refused_without_being_repeated() -> None:
    with pytest.raises(SecretKeyInvalidError) as caught:
        keys_from("hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_key_does_not_show_itself() -> None:
    (key,) = keys_from(OLD)
    assert OLD not in repr(key)
    assert "_key" not in repr(key)
