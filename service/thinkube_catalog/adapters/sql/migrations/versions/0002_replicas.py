"""Replicas and their claims on runs.

An additional table, as every migration: a replica of the release before goes on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "replicas",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("joined_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("run", sa.String(), primary_key=True),
        sa.Column("attempt", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("replica", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
    )
    op.create_index("claims_by_replica", "claims", ["replica"])


def downgrade() -> None:
    op.drop_table("claims")
    op.drop_table("replicas")
