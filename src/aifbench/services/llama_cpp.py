"""llama.cpp's server: OpenAI API, `/metrics`, continuous batching; from the wheel xllamacpp."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from aifbench.model.options import Count, Options, Whole
from aifbench.model.paths import or_name
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services import ask, symptoms
from aifbench.services.base import Service
from aifbench.services.installed import missing_modules, versions


class LlamaCppOptions(Options):
    model: Annotated[str, Field(min_length=1), or_name("tiny-random")] = Field(
        "tiny-random", description="`tiny-random` (generated here, no download) or the path of a GGUF file"
    )
    model_name: str = Field("", description="name of the model in the API; the file's name when empty")
    parallel: Annotated[Count, Field(le=1024)] = Field(8, description="slots: requests answered at the same time")
    context: Annotated[Count, Field(le=1 << 24)] = Field(2048, description="tokens of context per slot")
    threads: Annotated[Count, Field(le=4096)] = Field(1, description="threads that compute")
    batch: Annotated[Count, Field(le=1 << 20)] = Field(512, description="most tokens of prompt computed in one step")
    gpu_layers: Annotated[Whole, Field(le=100_000)] = Field(0, description="layers kept on a GPU, where there is one")
    prompt_cache: bool = Field(True, description="reuse the computed beginning of an earlier prompt (prefix cache)")


class LlamaCpp(Service):
    recipe_keys = LlamaCppOptions
    summary = "Inference server llama.cpp (OpenAI API) with a GGUF model or a generated tiny one"
    protocols = ("openai",)
    ports = ("http",)
    extra = "llama"
    requires: ClassVar[Mapping[str, str]] = {"xllamacpp": ">=2026.1", "gguf": ">=0.17"}
    options: LlamaCppOptions

    def missing(self) -> list[str]:
        generated = ["gguf"] if self.options.model == "tiny-random" else []
        return missing_modules("xllamacpp", *generated)

    @property
    def model_name(self) -> str:
        return self.options.model_name or Path(self.options.model).name.removesuffix(".gguf")

    def process(self, where: Where) -> ProcessSpec:
        options = self.options
        argv = [sys.executable, "-m", "aifbench.services.launch.llama"]
        argv += ["--model", options.model, "--folder", where.folder, "--alias", self.model_name]
        argv += ["--host", where.host, "--port", str(where.ports["http"])]
        argv += ["--parallel", str(options.parallel), "--context", str(options.context)]
        argv += ["--threads", str(options.threads), "--batch", str(options.batch)]
        argv += ["--gpu-layers", str(options.gpu_layers)]
        argv += [] if options.prompt_cache else ["--no-prompt-cache"]
        return self.spec(where, argv)

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        """`stream_keep_alive` is false because llama.cpp closes a connection after a streamed answer, although the
        answer's head promises to keep it: whoever sent the next request at once would see it reset.
        """
        port = where.ports["http"]
        attributes = {"model": self.model_name, "stream_keep_alive": False}
        return (Endpoint("openai", f"http://{where.host}:{port}", where.host, port, attributes),)

    def probe(self, where: Where) -> Probe:
        return Probe("http", url=f"http://{where.host}:{where.ports['http']}/health", contains="ok")

    def explain(self, log_lines: list[str]) -> str:
        if any("failed to load model" in line for line in log_lines):
            return "the model could not be loaded: is it a whole GGUF file of a kind that llama.cpp knows?"
        return symptoms.explain(log_lines)

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        url = endpoints[0].url
        props = ask.get_json(f"{url}/props")
        models = ask.get_json(f"{url}/v1/models")
        found = versions(self.requires)
        sampling = props.get("default_generation_settings", {})
        return {
            "version": found.get("xllamacpp"),
            "build": props.get("build_info"),
            "packages": found,
            "model": {**models["data"][0].get("meta", {}), "name": self.model_name},
            "slots": props.get("total_slots"),
            "context_per_slot": sampling.get("n_ctx"),
            "sampling": {
                key: sampling.get("params", {}).get(key) for key in ("temperature", "top_k", "top_p", "min_p")
            },
            "threads": self.options.threads,
            "prompt_cache": self.options.prompt_cache,
        }
