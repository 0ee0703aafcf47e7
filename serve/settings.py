"""Settings of this installation: where things are kept, which model answers, who listens where.

Order: environment (`DAO_…`), then `.env`, then these defaults. Nothing else in the project reads the environment.
"""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from proposal.errors import ConfigError

APP = "dao-proposal-agent"


class Settings(BaseSettings):
    """All settings, each with its meaning; `dao-agent doctor` prints what is in force."""

    model_config = SettingsConfigDict(
        env_prefix="DAO_", env_file=".env", extra="ignore", frozen=True, protected_namespaces=()
    )

    cache_dir: Path = Field(
        default_factory=lambda: user_cache_path(APP), description="Models and other things that can be fetched again."
    )
    data_dir: Path = Field(
        default_factory=lambda: user_data_path(APP), description="Drafts, decisions, logs: what must not be lost."
    )
    database_url: str = Field(default="", description="SQLAlchemy URL; empty means SQLite in data_dir.")
    model_url: str = Field(default="http://127.0.0.1:8100/v1", description="OpenAI-compatible endpoint that drafts.")
    model_name: str = Field(default="", description="Model to ask for; empty means the first one the endpoint lists.")
    model_languages: str = Field(default="en", description="Languages the model writes well, such as 'en,zh'.")
    model_figures: int = Field(
        default=1,
        ge=0,
        description="Most figures in one sentence of the model, 0 for any number: tiny ones mix them up.",
    )
    model_adapter: str = Field(default="", description="Adapter or model record in use; stands in the manifest.")
    model_api_key: SecretStr = Field(default=SecretStr(""), description="Bearer key of the endpoint, if it has one.")
    model_timeout: float = Field(default=120.0, gt=0, description="Seconds without a token before a stream is dead.")
    model_python: Path | None = Field(
        default=None, description="Python of the model environment; empty means .venv-model beside the project."
    )
    parallel_sections: int = Field(default=6, ge=1, le=32, description="Sections drafted at the same time.")
    best_of: int = Field(
        default=1, ge=1, le=64, description="Completions per section, of which the best by the rewards is kept."
    )
    gateway_host: str = Field(default="127.0.0.1", description="Address the gateway and desk listen on.")
    gateway_port: int = Field(default=8080, ge=0, le=65535, description="Port; 0 takes a free one.")
    signatures: Literal["optional", "required"] = Field(
        default="optional", description="'required': an approval of a new draft counts only with a wallet's signature."
    )
    chain_id: int = Field(default=1, ge=1, lt=2**53, description="Chain that decisions are signed for (EIP-155 id).")
    max_request_bytes: int = Field(default=2_000_000, gt=0, description="Largest request body that is read.")

    @cached_property
    def database(self) -> str:
        """Return the database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'desk.sqlite3'}"

    @cached_property
    def languages(self) -> frozenset[str]:
        """Return the languages that the model writes; in another one the author's own words stand."""
        return frozenset(part.strip() for part in self.model_languages.split(",") if part.strip())

    @cached_property
    def engine_python(self) -> Path:
        """Return the Python that has vLLM: the setting, the project's `.venv-model`, or this interpreter."""
        if self.model_python is not None:
            return self.model_python
        beside = Path(__file__).resolve().parent.parent / ".venv-model" / "bin" / "python"
        return beside if beside.exists() else Path(sys.executable)


def load_settings() -> Settings:
    """Read the settings; a wrong value is an error that names the variable."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [f"DAO_{str(p['loc'][0]).upper()}: {p['msg']}" for p in error.errors()]
        raise ConfigError("; ".join(problems), where="settings", fix="correct the variable or the .env file") from None
