"""The load client of `sql`: which script operation `seq` runs and with which values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aifbench.load.transport.postgres import Call, PostgresClient, PostgresSlot, Sending
from aifbench.model.operation import Operation
from aifbench.workloads.base import Done
from aifbench.workloads.draw import Draw, Weighted, choose_kind, zipf
from aifbench.workloads.sql.options import Parameter
from aifbench.workloads.sql.script import Statement

Value = Callable[[Draw, int], bytes]
"""From an operation's draws and its number."""


def value_of(parameter: Parameter, scale: int) -> Value:
    """The function that draws one parameter, as the text that goes to the server."""
    low = parameter.low
    high = parameter.high * scale if parameter.per_scale else parameter.high
    if parameter.kind == "uniform":
        return lambda draw, _: b"%d" % draw.integer(low, high)
    if parameter.kind == "zipf":
        ranks = zipf(high - low + 1, parameter.exponent)
        return lambda draw, _: b"%d" % (low + ranks.pick(draw.unit()))
    if parameter.kind == "choice":
        values = [str(value).encode() for value in parameter.values]
        return lambda draw, _: values[draw.integer(0, len(values) - 1)]
    if parameter.kind == "text":
        return lambda draw, _: bytes(97 + draw.integer(0, 25) for _ in range(parameter.length))
    return lambda _, seq: b"%d" % (low + seq)


class CompiledScript:
    """A script whose statements are numbers in the client's list of statements."""

    def __init__(
        self, statements: Sequence[Statement], parameters: Mapping[str, Parameter], scale: int, first_number: int
    ) -> None:
        used = [name for name in parameters if any(name in statement.names for statement in statements)]
        self._values = [value_of(parameters[name], scale) for name in used]
        self._calls = [
            (first_number + offset, [used.index(name) for name in statement.names])
            for offset, statement in enumerate(statements)
        ]

        single = len(self._calls) == len(self._values) == 1 and len(self._calls[0][1]) == 1
        self._only = (self._calls[0][0], self._values[0]) if single else None

    def calls(self, seed: int, seq: int) -> list[Call]:
        draw = Draw(seed, seq)
        if self._only is not None:
            number, value = self._only
            return [(number, (value(draw, seq),))]
        values = [value(draw, seq) for value in self._values]
        return [(number, [values[index] for index in indices] or None) for number, indices in self._calls]


class SqlClient:
    """A mix of scripts on PostgreSQL's wire."""

    def __init__(
        self,
        connection: str,
        scripts: Mapping[str, tuple[Sequence[Statement], Mapping[str, Parameter]]],
        weights: Sequence[float],
        *,
        scale: int,
        seed: int,
        sending: Sending,
        timeout_s: float,
    ) -> None:
        self._seed = seed
        self._names = list(scripts)
        self._weighted = Weighted(weights)
        self._scripts: dict[str, CompiledScript] = {}
        statements: list[str] = []
        for name, (parts, parameters) in scripts.items():
            self._scripts[name] = CompiledScript(parts, parameters, scale, len(statements))
            statements += [part.sql for part in parts]
        self._wire = PostgresClient(
            connection, statements, self.plan, sending=sending, connect_timeout_s=min(timeout_s, 10.0)
        )

    def kind(self, seq: int) -> str:
        return choose_kind(self._seed, seq, self._names, self._weighted)

    def plan(self, operation: Operation) -> list[Call]:
        """Statements and values of one operation: depends on seed, `seq` and kind only."""
        return self._scripts[operation.kind].calls(self._seed, operation.seq)

    def open_slot(self, loop: Any, done: Done) -> PostgresSlot:
        return self._wire.open_slot(loop, done)

    def columns(self, operations: Sequence[Operation]) -> dict[str, list[int | None]]:
        """`rows`: returned or affected, summed over the statements; None where the script did not get to its end."""
        return {"rows": [operation.detail if isinstance(operation.detail, int) else None for operation in operations]}

    def facts(self) -> dict[str, Any]:
        return self._wire.facts()

    def close(self) -> None:
        self._wire.close()
