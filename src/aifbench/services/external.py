"""Something that already runs: only its address is known, nothing is started and nothing is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from aifbench.model.options import SECRET, Options
from aifbench.model.paths import Attributes
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services.base import Service
from aifbench.services.ready import PROTOCOLS, ProtocolName, Ready, probe_of

DEFAULT_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "postgres": 5432, "grpcs": 443}
SECRET_WORDS = ("password", "secret", "token", "api_key", "secret_key")


class ExternalOptions(Options):
    url: Annotated[str, Field(min_length=1)] = Field(description="its address, such as http://10.0.0.7:8000")
    protocol: ProtocolName = Field(description="what it speaks")
    attributes: Attributes = Field(
        default_factory=dict, description="what clients need beside the address: model, region, password: ${env:NAME}"
    )
    ready: Ready | None = Field(None, description="how to ask whether it is ready")

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if not parts.scheme or not (parts.netloc or parts.path):
            raise ValueError(f"got {value!r}, expected a whole address, such as http://10.0.0.7:8000")
        try:
            parts.port  # noqa: B018 - reading it checks it
        except ValueError as error:
            raise ValueError(f"got {value!r}: {error}") from error
        if parts.password is not None:
            raise ValueError("got a password in the address, expected it in attributes as ${env:NAME}")
        return value

    @field_validator("attributes")
    @classmethod
    def _no_plain_secret(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for key, text in value.items():
            if key in SECRET_WORDS and not SECRET.search(str(text)):
                raise ValueError(f"got a plain {key}, expected a reference: {key}: ${{env:NAME}}")
        return value

    @model_validator(mode="after")
    def _no_port_names(self) -> ExternalOptions:
        if self.ready is not None and self.ready.tcp:
            raise ValueError("ready.tcp needs named ports; the port of `url` is tried when `ready` is left out")
        return self


class External(Service):
    recipe_keys = ExternalOptions
    summary = "An address that already runs: nothing is started, nothing is stopped"
    protocols = PROTOCOLS
    options: ExternalOptions

    def __init__(self, name: str, options: ExternalOptions) -> None:
        super().__init__(name, options)
        self.protocols = (options.protocol,)

    def process(self, where: Where) -> None:
        return None

    def _place(self) -> tuple[str, int]:
        parts = urlsplit(self.options.url)
        return parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        host, port = self._place()
        attributes = dict(self.options.attributes)
        if self.options.protocol == "path":
            attributes.setdefault("path", urlsplit(self.options.url).path)
        return (Endpoint(self.options.protocol, self.options.url, host, port, attributes),)

    def probe(self, where: Where) -> Probe:
        host, port = self._place()
        if self.options.ready is not None:
            return probe_of(self.options.ready, host, port, lambda text: text)
        if self.options.protocol == "path":
            return Probe("path", path=urlsplit(self.options.url).path)
        if self.options.protocol == "s3":
            return Probe("s3", url=self.options.url, host=host, port=port)
        if self.options.protocol == "grpc" and host and port:
            return Probe("http2", url=self.options.url, host=host, port=port)
        return Probe("tcp", host=host, port=port) if host and port else Probe("none")

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        """Its version is not known here; what was aimed at is."""
        return {"version": None, "url": self.options.url, "protocol": self.options.protocol}
