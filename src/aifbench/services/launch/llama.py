"""Runs llama.cpp's HTTP server (from xllamacpp) in this process until SIGTERM."""

from __future__ import annotations

import argparse
from pathlib import Path

from aifbench.services.launch.ending import hold_signals, refuse, wait_for_the_end

WARNINGS = 2  # llama.cpp's log level: 1 errors, 2 warnings, 3 also a few lines per request


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aifbench.services.launch.llama", allow_abbrev=False)
    parser.add_argument("--model", required=True, help="tiny-random or the path of a GGUF file")
    parser.add_argument("--folder", required=True, type=Path, help="where tiny-random is written while it is served")
    parser.add_argument("--alias", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--parallel", required=True, type=int)
    parser.add_argument("--context", required=True, type=int, help="tokens per slot")
    parser.add_argument("--threads", required=True, type=int)
    parser.add_argument("--batch", required=True, type=int)
    parser.add_argument("--gpu-layers", required=True, type=int)
    parser.add_argument("--no-prompt-cache", action="store_true")
    return parser


def model_path(model: str, folder: Path) -> Path:
    if model == "tiny-random":
        from aifbench.services.launch import tiny_model

        return tiny_model.ensure(folder)
    path = Path(model)
    if not path.is_file():
        refuse(f"model not found: {path}")
    return path


def main() -> None:
    given = arguments().parse_args()
    path = model_path(given.model, given.folder)
    hold_signals()
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(path)
    params.model_alias = {given.alias}
    params.hostnames = [given.host]
    params.port = given.port
    params.n_parallel = given.parallel
    params.n_ctx = given.context * given.parallel
    params.n_batch = given.batch
    params.kv_unified = False
    params.n_gpu_layers = given.gpu_layers
    params.cpuparams.n_threads = given.threads
    params.cpuparams_batch.n_threads = given.threads
    params.endpoint_metrics = True
    params.cache_prompt = not given.no_prompt_cache
    if given.no_prompt_cache:
        params.cache_ram_mib = 0
    params.ui = False
    params.offline = True
    params.verbosity = WARNINGS
    try:
        server = Server(params)
    except RuntimeError as error:
        refuse(f"llama.cpp did not start: {error}", code=1)
    print(f"listening on {server.listening_address}", flush=True)  # noqa: T201 - this process's own log
    wait_for_the_end(generated=[path] if given.model == "tiny-random" else [])


if __name__ == "__main__":
    main()
