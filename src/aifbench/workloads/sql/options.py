"""What a recipe may say about the workload `sql`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aifbench.model.options import Count, Number, Options, Sweep
from aifbench.model.paths import LocalPath
from aifbench.workloads.sql.script import parse

BuiltIn = Literal["tpcb", "simple-update", "select-only"]
BUILT_IN: tuple[str, ...] = ("tpcb", "simple-update", "select-only")


class Parameter(Options):
    """How the value of one `:name` is drawn for every operation."""

    kind: Literal["uniform", "zipf", "choice", "text", "sequence"] = Field(
        description="uniform and zipf: an integer from low to high (zipf prefers the low end); choice: one of values; "
        "text: random lower-case letters; sequence: low plus the operation's number"
    )
    low: int = Field(default=1, description="smallest integer")
    high: int = Field(default=1, description="largest integer")
    per_scale: bool = Field(default=False, description="multiply high by the option scale")
    exponent: Annotated[Number, Field(gt=0, le=5)] = Field(default=1.0, description="of the zipf distribution")
    values: tuple[str | int | float, ...] = Field(default=(), description="what choice chooses from")
    length: Annotated[Count, Field(le=1_000_000)] = Field(default=16, description="letters of a text")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in ("uniform", "zipf") and self.high < self.low:
            raise ValueError(f"high {self.high} is below low {self.low}")
        if self.kind == "zipf" and self.high - self.low >= 10_000_000:
            raise ValueError("zipf takes at most 10 million different integers")
        if self.kind == "choice" and not self.values:
            raise ValueError("choice needs values")
        return self


class Script(Options):
    """One transaction of a mix: a built-in name, or a name of your own with SQL."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,40}$")] = Field(
        description="tpcb, simple-update, select-only, or any name with sql or file; operations are called so"
    )
    weight: Annotated[Number, Field(gt=0, le=1e9)] = Field(default=1.0, description="how often, relative to the others")
    sql: str = Field(default="", description="statements separated by `;`, parameters as `:name`")
    file: LocalPath = Field(default="", description="a file with such statements, instead of sql")
    parameters: dict[str, Parameter] = Field(default_factory=dict, description="how each `:name` is drawn")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.name in BUILT_IN:
            if self.sql or self.file:
                raise ValueError(f"{self.name} is built in; give a script with own SQL another name")
            return self
        if bool(self.sql) == bool(self.file):
            raise ValueError(f"script {self.name!r} needs either sql or file; built in are {', '.join(BUILT_IN)}")
        if self.sql:
            self.check(self.sql)
        return self

    def check(self, text: str) -> None:
        """Raises ValueError when there is no statement or a parameter is not described."""
        statements = parse(text)
        if not statements:
            raise ValueError(f"script {self.name!r} has no statement")
        used = {name for statement in statements for name in statement.names}
        if missing := sorted(used - set(self.parameters)):
            raise ValueError(f"script {self.name!r} uses :{missing[0]}, which parameters does not describe")
        if spare := sorted(set(self.parameters) - used):
            raise ValueError(f"script {self.name!r} describes the parameter {spare[0]!r} but does not use it")

    def text(self) -> str:
        """The SQL of a script of the user's own. Raises OSError or ValueError for a file that cannot be used."""
        if self.sql:
            return self.sql
        text = Path(self.file).read_text(encoding="utf-8")
        self.check(text)
        return text


class SqlOptions(Options):
    script: Sweep[BuiltIn] = Field(default="tpcb", description="a built-in transaction, when scripts is not given")
    scripts: tuple[Script, ...] = Field(default=(), description="a weighted mix of transactions, instead of script")
    scale: Sweep[Annotated[Count, Field(le=100_000)]] = Field(
        default=1, description="size of the pgbench tables: 100,000 accounts (about 16 MiB) per unit"
    )
    setup: tuple[str, ...] = Field(
        default=(), description="SQL run once in the run's own schema, after its tables are loaded"
    )
    tables: bool = Field(default=True, description="create and load the pgbench tables")
    send: Sweep[Literal["prepared", "unprepared", "pipeline"]] = Field(
        default="prepared",
        description="prepared: statements are parsed once per connection; unprepared: every time; "
        "pipeline: prepared, and all statements of a transaction are sent at once",
    )
    search_path: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_, ]*$",
        description="use existing tables in these schemas instead of creating any (custom scripts only)",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        names = [script.name for script in self.scripts]
        if double := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two scripts are called {double[0]!r}")
        if self.search_path and (not self.scripts or any(name in BUILT_IN for name in names)):
            raise ValueError("search_path is for scripts of your own; built-in ones write to their own tables")
        if not self.tables and (not self.scripts or any(name in BUILT_IN for name in names)):
            raise ValueError("built-in scripts need tables: true")
        return self
