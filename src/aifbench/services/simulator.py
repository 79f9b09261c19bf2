"""aifbench's own server of known timing and chosen faults, deployed like any other server."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

import aifbench
from aifbench.model.options import Count, Options, Whole
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services import ask, symptoms
from aifbench.services.base import Service
from aifbench.simulate.faults import parse_rule
from aifbench.simulate.timing import parse_delay

MODEL = "simulated"
LONGEST = "366d"
"""It lives as long as its stage; whoever started it ends it."""


class SimulatorOptions(Options):
    first: str = Field("100ms", description="time to the first event: 100ms, normal:100ms,10ms, lognormal:100ms,0.5")
    gap: str = Field("10ms", description="time between events, likewise")
    events: Count = Field(16, description="events of an answer whose request does not say how many")
    slots: Annotated[Count, Field(le=1_000_000)] | None = Field(
        None, description="requests served at a time, the rest queues; all at once when left out"
    )
    faults: list[str] = Field(
        default_factory=list,
        description="what it does wrong: names that aifbench simulate --list-faults shows, with @share or @numbers",
    )
    seed: Whole = Field(1, description="decides drawn delays, and faults by share")
    record: bool = Field(False, description="keep the truth in record.parquet in the service's folder")

    @field_validator("first", "gap")
    @classmethod
    def _a_delay(cls, value: str) -> str:
        parse_delay(value)
        return value

    @field_validator("faults")
    @classmethod
    def _rules(cls, value: list[str]) -> list[str]:
        for text in value:
            parse_rule(text)
        return value


class Simulator(Service):
    recipe_keys = SimulatorOptions
    summary = "A server of known timing and chosen faults (OpenAI API and HTTP), to check a load generator against"
    protocols = ("openai", "http")
    ports = ("http",)
    options: SimulatorOptions

    def process(self, where: Where) -> ProcessSpec:
        options = self.options
        argv = [sys.executable, "-m", "aifbench", "simulate", "--host", where.host, "--port", str(where.ports["http"])]
        argv += ["--first", options.first, "--gap", options.gap, "--events", str(options.events)]
        argv += ["--seed", str(options.seed), "--duration", LONGEST]
        argv += ["--slots", str(options.slots)] if options.slots is not None else []
        for fault in options.faults:
            argv += ["--fault", fault]
        argv += ["--record", f"{where.folder}/record.parquet"] if options.record else []
        return self.spec(where, argv)

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        port = where.ports["http"]
        url = f"http://{where.host}:{port}"
        return (
            Endpoint("openai", url, where.host, port, {"model": MODEL}),
            Endpoint("http", url, where.host, port),
        )

    def probe(self, where: Where) -> Probe:
        return Probe("http", url=f"http://{where.host}:{where.ports['http']}/health", contains=MODEL)

    def explain(self, log_lines: list[str]) -> str:
        return symptoms.explain(log_lines)

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        own = ask.get_json(f"{endpoints[0].url}/self")
        return {"version": aifbench.__version__, "options": self.options.model_dump(mode="json"), "own_load": own}
