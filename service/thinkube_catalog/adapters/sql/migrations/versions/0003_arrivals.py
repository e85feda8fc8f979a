"""Test deliveries of the forge that have come.

An additional table, as every migration: a replica of the release before goes on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "arrivals",
        sa.Column("repository", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("arrivals")
