"""Alembic's entry: migrates on the connection, and in the transaction, that it is given."""

from alembic import context

from thinkube_catalog.adapters.sql.tables import DeploymentRow

OURS = {str(table.name) for table in DeploymentRow.metadata.tables.values()}


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    # Another part may keep its tables in the same database; they are not ours to drop.
    return kind != "table" or name in OURS


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=DeploymentRow.metadata,
    include_name=_ours,
)
context.run_migrations()
