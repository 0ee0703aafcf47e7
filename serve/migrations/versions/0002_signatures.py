"""Accounts of reviewers, signatures of decisions, and the requests that a signature answers."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("reviewers", sa.Column("account", sa.String(length=42), nullable=True))
    op.add_column("reviewers", sa.Column("contract", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_reviewers_account", "reviewers", ["account"], unique=True)
    op.add_column("decisions", sa.Column("signature", sa.Text(), nullable=True))
    op.create_table(
        "signature_requests",
        sa.Column("nonce", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("draft_id", sa.String(length=40), nullable=False),
        sa.Column("reviewer", sa.String(length=120), nullable=False),
        sa.Column("deadline", sa.String(length=27), nullable=False),
        sa.Column("used_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["draft_id"], ["drafts.id"], name="fk_signature_requests_draft_id"),
        sa.ForeignKeyConstraint(["reviewer"], ["reviewers.key"], name="fk_signature_requests_reviewer"),
        sa.PrimaryKeyConstraint("nonce", name="pk_signature_requests"),
        sqlite_autoincrement=True,
    )
    installation = op.create_table(
        "installation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )
    op.bulk_insert(installation, [{"id": secrets.token_hex(16)}])


def downgrade() -> None:
    raise NotImplementedError("signed decisions cannot be kept without their signatures")
