"""The settings of the engine that really reads documents (prefix ``JOBGROUPS_ENGINE_``)."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class EngineSettings(BaseSettings):
    """Where documents may come from, and how much work one of them may make."""

    model_config = SettingsConfigDict(env_prefix="JOBGROUPS_ENGINE_", frozen=True)

    concurrency: int = Field(4, ge=1, le=256, description="documents fetched and read at once")
    ocr_threads: int = Field(2, ge=1, le=64, description="threads that recognise one page; best the physical cores")
    documents_root: Path | None = Field(None, description="file: documents below here; absent: none at all")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="comma-separated HOST or HOST:PORT: documents come from these and no others, whatever their "
        "address; absent: from any host with a public address",
    )
    allow_http: bool = Field(False, description="whether documents may come without TLS")
    max_document_bytes: int = Field(20 * 1024 * 1024, ge=1, description="a larger document is refused")
    fetch_timeout_seconds: float = Field(30.0, gt=0, le=600, description="for all of one document, byte by byte or not")
    max_pages: int = Field(20, ge=1, le=1000, description="a longer document is refused")

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, hosts: Any) -> Any:
        names = hosts.split(",") if isinstance(hosts, str) else hosts
        return tuple(name.strip().lower() for name in names if name.strip())
