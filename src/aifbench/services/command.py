"""Any program as a service: the recipe says how to start it, where it listens and when it is ready."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, model_validator

from aifbench.model.options import SECRET, Duration, Options, secret_names
from aifbench.model.paths import Arguments, Attributes, CommandLine, LocalPath
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services import container, symptoms
from aifbench.services.base import Service
from aifbench.services.ready import PROTOCOLS, ProtocolName, Ready, probe_of

PLACEHOLDER = re.compile(r"\{(host|folder|port\.([A-Za-z_][A-Za-z0-9_]*))\}")

PortName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class CommandOptions(Options):
    command: CommandLine | Annotated[Arguments, Field(min_length=1)] = Field(
        description="a list of arguments, or a line for /bin/sh; {host}, {folder} and {port.NAME} are replaced"
    )
    image: LocalPath | None = Field(
        None,
        description="directory of an unpacked container image, in which Charliecloud's ch-run runs the command; "
        "{folder} is /mnt there",
    )
    env: Mapping[str, str] = Field(
        default_factory=dict, description="variables of its environment; NAME: ${env:NAME} passes a secret through"
    )
    ports: list[PortName] = Field(default_factory=list, description="names of the ports that it listens on")
    protocol: ProtocolName = Field("http", description="what its endpoint speaks")
    url: str = Field("", description="address of its endpoint; http://{host}:{port.FIRST} when empty")
    attributes: Attributes = Field(default_factory=dict, description="what clients need beside the address")
    ready: Ready | None = Field(None, description="how to ask whether it is ready; its first port when left out")
    version: list[str] = Field(default_factory=list, description="what to record as its version, word by word")
    grace: Duration = Field(10.0, description="time between asking it to end and killing it")

    @model_validator(mode="after")
    def _consistent(self) -> CommandOptions:
        if isinstance(self.command, str) and not self.command.strip():
            raise ValueError("`command` is empty")
        if len(set(self.ports)) != len(self.ports):
            raise ValueError("`ports` names a port twice")
        for text in self.texts():
            for match in PLACEHOLDER.finditer(text):
                if match[2] and match[2] not in self.ports:
                    named = ", ".join(self.ports) or "none"
                    raise ValueError(f"got {match[0]}, but `ports` names {named}")
        if self.ready is not None and self.ready.tcp and self.ready.tcp not in self.ports:
            raise ValueError(f"got ready.tcp {self.ready.tcp!r}, but `ports` names {', '.join(self.ports) or 'none'}")
        if not self.ports and not self.url:
            raise ValueError("expected `ports` (a list of names) or `url`, so that clients know where to go")
        if self.ready is None and not self.ports:
            raise ValueError("expected `ready`, because there is no port to try")
        command = [self.command] if isinstance(self.command, str) else self.command
        if secret_names(command):
            raise ValueError("got a secret in `command`, where others can see it; pass it in `env`")
        for name, value in self.env.items():
            reference = SECRET.fullmatch(value)
            if SECRET.search(value) and (reference is None or reference[1] != name):
                raise ValueError(f"got env {name}: {value}, expected {name}: ${{env:{name}}} or a plain value")
        return self

    def texts(self) -> list[str]:
        """Every text in which placeholders are replaced."""
        command = [self.command] if isinstance(self.command, str) else list(self.command)
        ready = [self.ready.http, *self.ready.exec] if self.ready else []
        attributes = [value for value in self.attributes.values() if isinstance(value, str)]
        return [*command, *self.env.values(), self.url, *ready, *attributes]


class Command(Service):
    recipe_keys = CommandOptions
    summary = "Any command or container as a service: ports by name, readiness probe, environment"
    protocols = PROTOCOLS
    options: CommandOptions

    def __init__(self, name: str, options: CommandOptions) -> None:
        super().__init__(name, options)
        self.ports = tuple(options.ports)
        self.protocols = (options.protocol,)

    def missing(self) -> list[str]:
        if self.options.image is not None:
            return [] if shutil.which(container.PROGRAM) else [f"{container.PROGRAM} ({container.INSTALL})"]
        if isinstance(self.options.command, str):
            return []
        program = self.options.command[0]
        return [] if PLACEHOLDER.search(program) or shutil.which(program) else [program]

    def process(self, where: Where) -> ProcessSpec:
        options = self.options
        line = options.command
        seen = where if options.image is None else replace(where, folder=container.FOLDER)
        argv = ["/bin/sh", "-c", fill(line, seen)] if isinstance(line, str) else [fill(part, seen) for part in line]
        secrets = tuple(sorted(name for name, value in options.env.items() if SECRET.search(value)))
        env = {name: fill(value, seen) for name, value in options.env.items() if name not in secrets}
        if options.image is not None:
            argv = container.inside(str(options.image), where.folder, argv)
            env = {**container.ENV, **env}
        return self.spec(where, argv, grace_s=options.grace, env=env, pass_env=secrets)

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        options = self.options
        port = where.ports[options.ports[0]] if options.ports else 0
        url = fill(options.url, where) if options.url else f"{_scheme(options.protocol)}://{where.host}:{port}"
        attributes = {
            key: fill(value, where) if isinstance(value, str) else value for key, value in options.attributes.items()
        }
        return (Endpoint(options.protocol, url, where.host, port, attributes),)

    def probe(self, where: Where) -> Probe:
        options = self.options
        if options.ready is None:
            return Probe("tcp", host=where.host, port=where.ports[options.ports[0]])
        port = where.ports[options.ready.tcp] if options.ready.tcp else 0
        return probe_of(options.ready, where.host, port, lambda text: fill(text, where))

    def explain(self, log_lines: list[str]) -> str:
        return symptoms.explain(log_lines)

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        """What the recipe says: an unknown program cannot be asked for its version."""
        return {
            "version": " ".join(self.options.version) or None,
            "command": self.options.command,
            "image": self.options.image,
        }


def fill(text: str, where: Where) -> str:
    """The text with {host}, {folder} and {port.NAME} replaced; other braces stay."""

    def value(match: re.Match[str]) -> str:
        if match[2]:
            return str(where.ports[match[2]])
        return where.host if match[1] == "host" else where.folder

    return PLACEHOLDER.sub(value, text)


def _scheme(protocol: str) -> str:
    return {"postgres": "postgresql", "tcp": "tcp"}.get(protocol, "http")
