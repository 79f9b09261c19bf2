"""The findings of several trials as one per check. Pure, and light enough for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aifbench.metrics.validity import worst
from aifbench.model.result import Finding, TrialResult, Validity


def together(trials: Sequence[TrialResult]) -> tuple[Finding, ...]:
    """For each check the worst verdict with its text, and the trials that were not VALID (all, where all were)."""
    found: dict[str, list[tuple[int, Finding]]] = {}
    for trial in trials:
        for finding in trial.findings:
            found.setdefault(finding.code, []).append((trial.number, finding))
    return tuple(_merged(entries, len(trials)) for entries in found.values())


def _merged(entries: Sequence[tuple[int, Finding]], trials: int) -> Finding:
    wrong = [entry for entry in entries if entry[1].verdict is not Validity.VALID] or entries
    verdict = worst(finding for _, finding in wrong)
    example = next(finding for _, finding in wrong if finding.verdict is verdict)
    numbers = list(dict.fromkeys(str(number) for number, _ in wrong))
    if trials == 1:
        return example
    return replace(
        example, text=f"trial{'s' if len(numbers) > 1 else ''} {', '.join(numbers)} of {trials}: {example.text}"
    )
