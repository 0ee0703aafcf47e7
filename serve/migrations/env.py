"""Run the migrations on the connection that `Store.open` hands over, inside its one transaction."""

from alembic import context

from serve.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
