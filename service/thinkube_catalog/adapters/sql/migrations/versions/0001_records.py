"""Deployments, runs, events and secrets.

Written out, not derived from today's tables: a migration says what was made on its day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _unique(index: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        index,
        table,
        columns,
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def upgrade() -> None:
    _deployments()
    _runs()
    _events()
    op.create_table(
        "secrets",
        sa.Column("key", sa.String(), primary_key=True),
        _text("key_id"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
    )


def downgrade() -> None:
    for table in ("secrets", "counters", "events", "runs", "deployments"):
        op.drop_table(table)


def _deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.String(), primary_key=True),
        *(_text(name) for name in ("name", "template", "state", "repository", "clone_url", "url")),
        *(_text(name) for name in ("commit", "healthy_commit")),
        *(_json(name) for name in ("release", "answers", "secrets", "problems")),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
    )
    _unique("one_living_deployment_per_name", "deployments", ["name"], "state <> 'removed'")


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        *(_text(name) for name in ("deployment_id", "deployment", "kind", "state", "key")),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        *(_json(name) for name in ("input", "problems")),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
    )
    busy = "state IN ('queued', 'running')"
    _unique("one_unfinished_run_per_deployment", "runs", ["deployment_id"], busy)
    _unique("one_run_per_key", "runs", ["deployment", "key"], "key <> ''")
    op.create_index("runs_by_deployment", "runs", ["deployment", "number"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("cursor", sa.BigInteger(), primary_key=True, autoincrement=False),
        *(_text(name) for name in ("deployment", "kind", "message", "run", "step")),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        _json("details"),
    )
    once = "run <> '' AND kind <> 'step progress'"
    _unique("told_once", "events", ["run", "step", "attempt", "kind"], once)
    op.create_index("events_by_deployment", "events", ["deployment", "cursor"])
    op.create_index("events_by_run", "events", ["run", "cursor"])
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(counters, [{"name": "events", "value": 0}])
