"""Document + vocabulary → Recipe, or all mistakes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from aifbench.errors import AifbenchError, Problem, RecipeError
from aifbench.model.options import SECRET, Options
from aifbench.recipe.document import Document, Path, dotted, without_nothing
from aifbench.recipe.explain import Mistake, key_names, mistakes, shown
from aifbench.recipe.keys import LoadKeys, RecipeKeys, ServiceKeys, WorkloadKeys
from aifbench.recipe.load_section import LIST_IN_LIST, arrival_of, certain, resolve, with_defaults
from aifbench.recipe.resolved import Recipe, ServiceEntry, WorkloadEntry
from aifbench.recipe.sweep import Axis, list_axes, nested_lists
from aifbench.recipe.variation import first_values, vary
from aifbench.recipe.vocabulary import ServiceKind, UnknownWorkload, Vocabulary, WorkloadKind, fits, offered
from aifbench.registry import unknown

MAX_VALUES = 10_000
_COMMON = {"services": key_names(ServiceKeys), "workloads": key_names(WorkloadKeys)}


def check(document: Document, vocabulary: Vocabulary) -> Recipe:
    """The checked recipe; raises RecipeError with every mistake, in the order of the file."""
    checker = _Checker(document, vocabulary)
    recipe = checker.recipe()
    if checker.problems or recipe is None:
        ordered = sorted(dict.fromkeys(checker.problems), key=lambda one: (one.file, one.line, one.column))
        raise RecipeError(ordered)
    return recipe


class _Checker:
    def __init__(self, document: Document, vocabulary: Vocabulary) -> None:
        self.document = document
        self.vocabulary = vocabulary
        self.data: Mapping[str, Any] = without_nothing(document.data)
        self.problems: list[Problem] = []
        self.axes: dict[tuple[str, str], list[Axis]] = {}
        self.kinds: dict[str, ServiceKind] = {}

    def wrong(
        self, path: Path, message: str, *, hint: str = "", at_key: bool = False, seen: Path | None = None
    ) -> None:
        self.problems.append(self.document.problem(path, message, hint=hint, at_key=at_key, seen=seen or ()))

    def add(self, mistake: Mistake, above: Path, seen: Path | None = None) -> None:
        self.wrong((*above, *mistake.path), mistake.message, hint=mistake.hint, at_key=mistake.at_key, seen=seen)

    def model(self, model: type[Options], raw: Mapping[str, Any], above: Path) -> Any:
        """The validated model, or None after noting what is wrong."""
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            for mistake in mistakes(error, raw, model):
                self.add(mistake, above)
            return None

    def recipe(self) -> Recipe | None:
        self.secrets()
        keys: RecipeKeys | None = self.model(RecipeKeys, self.data, ())
        self.matrix(self.data.get("matrix"), ("matrix",), ())
        for name, raw in self.entries("workloads"):
            self.matrix(raw.get("matrix"), ("workloads", name, "matrix"), ("workloads", name))
        services = {name: self.service(name, raw) for name, raw in self.entries("services")}
        workloads = {name: self.workload(name, raw) for name, raw in self.entries("workloads")}
        if keys is None:
            return None
        return Recipe(
            name=keys.name or self.stem(),
            description=keys.description,
            site=keys.site,
            seed=keys.seed,
            labels=keys.labels,
            services={name: entry for name, entry in services.items() if entry is not None},
            workloads={name: entry for name, entry in workloads.items() if entry is not None},
            document=self.document,
        )

    def stem(self) -> str:
        kept = "".join(letter if letter.isalnum() else "-" for letter in PurePath(self.document.file).stem)
        return kept.strip("-")[:60] or "recipe"

    def entries(self, group: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        found = self.data.get(group)
        if isinstance(found, dict):
            for name, raw in found.items():
                if isinstance(raw, dict):
                    yield name, raw

    def secrets(self) -> None:
        for path, name in self.document.missing_secrets():
            self.wrong(path, f"the environment has no variable {name}", hint=f"export {name}=… before the run")
        for path, text in self.document.scalars():
            if text.count("${env:") != len(SECRET.findall(text)):
                self.wrong(path, f"got {shown(text)}, expected a reference such as ${{env:HF_TOKEN}}")

    def matrix(self, raw: Any, source: Path, above: Path) -> None:
        """Note the axes of one `matrix:`; `above` is empty for the recipe's own."""
        for written, values in raw.items() if isinstance(raw, dict) else ():
            if not isinstance(values, list) or not values:
                continue  # RecipeKeys and WorkloadKeys say so
            place = (*source, written)
            path = (*above, *written.split("."))
            problem = self.cannot_vary(path)
            if problem:
                self.wrong(place, problem, at_key=True)
                continue
            group, name = str(path[0]), str(path[1])
            axes = self.axes.setdefault((group, name), [])
            if any(axis.path == path[2:] for axis in axes):
                self.wrong(place, f"{dotted(path)} is varied twice", at_key=True)
            elif isinstance(self.at(path), list):
                hint = "keep the list or the matrix"
                self.wrong(place, f"{dotted(path)} is a list already", at_key=True, hint=hint)
            else:
                axes.append(Axis(path[2:], tuple(values), place))

    def at(self, path: Path) -> Any:
        value: Any = self.data
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def cannot_vary(self, path: Path) -> str:
        group = str(path[0])
        if group not in _COMMON or len(path) < 3 or not all(path):
            return "expected a dotted path such as workloads.chat.load.rate_per_s or services.llm.threads"
        names = [name for name, _ in self.entries(group)]
        if path[1] not in names:
            return unknown(group.removesuffix("s"), str(path[1]), names)
        if path[2] == "load" and group == "workloads":
            return "" if len(path) > 3 else "expected a key of load, such as load.rate_per_s"
        if path[2] in _COMMON[group]:
            return f"{path[2]} cannot vary; only the {group.removesuffix('s')}'s own keys and load can"
        return ""

    def kind(
        self, load: Callable[[str], Any], names: Sequence[str], what: str, raw: Mapping[str, Any], above: Path
    ) -> Any:
        """The class that `uses:` names, or None after noting that there is none."""
        name = raw.get("uses")
        if not isinstance(name, str):
            return None
        if name not in names:
            self.wrong((*above, "uses"), unknown(what, name, names))
            return None
        try:
            return load(name)
        except AifbenchError as error:
            self.wrong((*above, "uses"), error.message, hint=error.hint)
            return None

    def service(self, name: str, raw: Mapping[str, Any]) -> ServiceEntry | None:
        above: Path = ("services", name)
        common = self.model(ServiceKeys, {key: raw[key] for key in _COMMON["services"] if key in raw}, above)
        kind = self.kind(self.vocabulary.service, self.vocabulary.services.names(), "service", raw, above)
        if kind is None:
            return None
        self.kinds[name] = kind
        own = {key: value for key, value in raw.items() if key not in _COMMON["services"]}
        axes = self.all_axes(above, own, [kind.recipe_keys])
        self.varied(own, axes, above, lambda one: _options_mistakes(kind.recipe_keys, one, _COMMON["services"]))
        if common is None:
            return None
        return ServiceEntry(name, common.uses, common.ready_timeout, own, tuple(axes))

    def all_axes(self, above: Path, own: Mapping[str, Any], models: Sequence[type[Options]]) -> list[Axis]:
        """Matrix axes first, then the lists in the order in which they were written."""
        axes = list(self.axes.get((str(above[0]), str(above[1])), ()))
        based = first_values(own, axes)
        varied = {axis.path for axis in axes}
        for model in models:
            axes += [
                Axis(axis.path, axis.values, (*above, *axis.source))
                for axis in list_axes(model, based, ())
                if axis.path not in varied
            ]
        for axis in axes:
            if len(axis.values) > MAX_VALUES:
                message = f"got {len(axis.values):,} values, expected at most {MAX_VALUES:,}"
                self.wrong((*above, *axis.path), message, seen=axis.source)
        return [axis for axis in axes if 0 < len(axis.values) <= MAX_VALUES]

    def varied(
        self,
        raw: Mapping[str, Any],
        axes: Sequence[Axis],
        above: Path,
        validate: Callable[[Mapping[str, Any]], list[Mistake]],
    ) -> None:
        for mistake, seen in vary(raw, axes, validate):
            self.add(mistake, above, seen)

    def workload(self, name: str, raw: Mapping[str, Any]) -> WorkloadEntry | None:
        above: Path = ("workloads", name)
        common_raw = {key: raw[key] for key in _COMMON["workloads"] if key in raw}
        common: WorkloadKeys | None = self.model(WorkloadKeys, common_raw, above)
        kind = self.kind(self.vocabulary.workload, self.vocabulary.workloads.names(), "workload", raw, above)
        known = kind is not None
        if kind is None:  # what does not depend on the kind is still checked: all mistakes at once
            kind = UnknownWorkload
        own = {key: value for key, value in raw.items() if key not in _COMMON["workloads"]}
        load = raw.get("load", {})
        if not isinstance(load, dict):
            return None
        axes = self.matrix_axes_with_load(name, load, kind)
        own["load"] = with_defaults(first_values({"load": load}, axes[0]).get("load", {}), kind.default_load)
        all_axes = self.workload_axes(above, own, kind, axes[1])
        folder = self.document.folder
        self.varied(own, all_axes, above, lambda one: workload_mistakes(kind, one, self.vocabulary, folder))
        targets, address = self.target(name, raw.get("target"), kind)
        self.slo(above, raw.get("slo"), kind)
        if common is None or not known:
            return None
        trials = common.trials or self.data.get("trials", RecipeKeys.model_fields["trials"].default)
        return WorkloadEntry(name, common.uses, targets, own, tuple(common.slo), trials, tuple(all_axes), address)

    def matrix_axes_with_load(
        self, name: str, load: Mapping[str, Any], kind: WorkloadKind
    ) -> tuple[list[Axis], list[Axis]]:
        """The matrix axes that vary the load, and all of them."""
        axes = self.axes.get(("workloads", name), [])
        return [axis for axis in axes if axis.path[0] == "load"], axes

    def workload_axes(self, above: Path, own: Mapping[str, Any], kind: WorkloadKind, matrix: list[Axis]) -> list[Axis]:
        options = {key: value for key, value in own.items() if key != "load"}
        axes = self.all_axes(above, options, [kind.recipe_keys])
        load = first_values(own, matrix)["load"]
        models: list[type[Options]] = [LoadKeys, *self.shapes(load)]
        seen: set[Path] = {axis.path for axis in axes}
        for model in models:
            for axis in list_axes(model, load, ("load",)):
                if axis.path not in seen and 0 < len(axis.values) <= MAX_VALUES:
                    seen.add(axis.path)
                    axes.append(Axis(axis.path, axis.values, (*above, *axis.source)))
        return axes

    def shapes(self, load: Mapping[str, Any]) -> list[type[Options]]:
        kinds = load.get("arrival", arrival_of(load))
        known = self.vocabulary.arrival_names
        found: list[type[Options]] = []
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if isinstance(kind, str) and kind in known:
                found.append(self.vocabulary.shape_keys(kind))  # noqa: PERF401 - the condition reads better so
        return found

    def slo(self, above: Path, raw: Any, kind: WorkloadKind) -> None:
        for index, expression in enumerate(raw if isinstance(raw, list) else ()):
            if not isinstance(expression, str):
                continue  # WorkloadKeys says so
            problem = self.vocabulary.slo_mistake(expression, kind.family)
            if problem is not None:
                self.wrong((*above, "slo", index), problem.message, hint=problem.hint)

    def target(self, name: str, raw: Any, kind: WorkloadKind) -> tuple[tuple[str, ...], Mapping[str, Any] | None]:
        path: Path = ("workloads", name, "target")
        declared = [service for service, _ in self.entries("services")]
        if isinstance(raw, dict):
            return self.address(name, raw, kind)
        if raw is None:
            if kind.targets:
                hint = f"such as target: {declared[0]}" if declared else "declare one under services:"
                self.wrong(path, "the key 'target' is missing: which service is meant", hint=hint)
            return (), None
        names = raw if isinstance(raw, list) else [raw]
        for index, service in enumerate(names):
            place = (*path, index) if isinstance(raw, list) else path
            if not isinstance(service, str):
                continue  # WorkloadKeys says so
            if service not in declared:
                message = unknown("service", service, declared) if declared else "the recipe has no services"
                self.wrong(place, message, hint="or give an address: target: {url: …, protocol: …}")
            elif service in names[:index]:
                self.wrong(place, f"{service} is here twice")
            elif service in self.kinds:
                self.fit(place, service, kind)
        return tuple(service for service in names if isinstance(service, str)), None

    def fit(self, place: Path, service: str, kind: WorkloadKind) -> None:
        raw = self.data["services"][service]
        protocols = offered(self.kinds[service], raw)
        if fits(kind, protocols):
            return
        good = [
            other
            for other, other_kind in self.kinds.items()
            if fits(kind, offered(other_kind, self.data["services"][other]))
        ]
        self.unfit(place, f"the service {service} speaks {', '.join(protocols)}", kind, good)

    def unfit(self, place: Path, fact: str, kind: WorkloadKind, good: Sequence[str]) -> None:
        hint = (
            f"services here that fit: {', '.join(good)}" if good else f"kinds that fit: {', '.join(self.fitting(kind))}"
        )
        self.wrong(place, f"{fact}, but this workload asks for {' or '.join(kind.targets)}", hint=hint)

    def fitting(self, kind: WorkloadKind) -> Iterator[str]:
        """The kinds of services that the workload can be aimed at; a plugin that cannot be imported is left out."""
        for name in self.vocabulary.services.names():
            try:
                service = self.vocabulary.service(name)
            except AifbenchError:
                continue
            if fits(kind, tuple(service.protocols)):
                yield name

    def address(
        self, name: str, raw: Mapping[str, Any], kind: WorkloadKind
    ) -> tuple[tuple[str, ...], Mapping[str, Any] | None]:
        path: Path = ("workloads", name, "target")
        made = address_name(name)
        if made in [service for service, _ in self.entries("services")]:
            self.wrong(path, f"the service name {made} is taken by this target", hint="name the service otherwise")
        external = self.vocabulary.service(EXTERNAL)
        before = len(self.problems)
        self.varied(raw, (), path, lambda one: _options_mistakes(external.recipe_keys, one, ()))
        protocols = offered(external, raw) if len(self.problems) == before else ()
        if not fits(kind, protocols):
            self.unfit((*path, "protocol"), f"the target speaks {', '.join(protocols)}", kind, ())
        return (made,), raw


EXTERNAL = "external"
"""The kind of service that is made of `target: {url: …}`."""


def address_name(workload: str) -> str:
    """The name of the service that is made of a workload's `target: {url: …}`."""
    return f"{workload}-target"


def workload_mistakes(kind: WorkloadKind, raw: Mapping[str, Any], vocabulary: Vocabulary, folder: str) -> list[Mistake]:
    """What is wrong with a workload's own keys and load when they hold single values."""
    options = {key: value for key, value in raw.items() if key != "load"}
    found = _options_mistakes(kind.recipe_keys, options, _COMMON["workloads"])
    load = raw["load"]
    if not isinstance(load, Mapping):
        return found
    wrong = resolve(load, vocabulary, folder)[1] if kind.family else certain(load, vocabulary)
    return [*found, *(Mistake(("load", *one.path), one.message, one.at_key, one.hint) for one in wrong)]


def _options_mistakes(model: type[Options], raw: Mapping[str, Any], also_known: Sequence[str]) -> list[Mistake]:
    nested = [Mistake(path, LIST_IN_LIST) for path in nested_lists(model, raw)]
    if nested:
        return nested
    try:
        model.model_validate(raw)
    except ValidationError as error:
        return mistakes(error, raw, model, also_known)
    return []
