"""Waivers: which reviewer lets which finding of a version stand, and why; append-only like decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("drafts", sa.Column("waived", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "waivers",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("draft_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("excerpt_hash", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id", "version"], ["versions.draft_id", "versions.version"], name="fk_waivers_draft_id_version"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_waivers"),
        sa.UniqueConstraint(
            "draft_id", "version", "excerpt_hash", "by", name="uq_waivers_draft_id_version_excerpt_hash_by"
        ),
        sqlite_autoincrement=True,
    )
    for statement in _append_only(op.get_bind().dialect.name):
        op.execute(statement)


def _append_only(dialect: str) -> list[str]:
    """Return the statements that make the table refuse any change; PostgreSQL's function is that of 0001."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER waivers_no_{verb.lower()} BEFORE {verb} ON waivers "
            "BEGIN SELECT RAISE(ABORT, 'waivers is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        "CREATE TRIGGER waivers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON waivers "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    ]


def downgrade() -> None:
    raise NotImplementedError("decisions rest on their waivers")
