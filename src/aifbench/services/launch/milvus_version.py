"""Asks a Milvus server for its version with a bare gRPC call: the readiness question, without the large client.

`python -m aifbench.services.launch.milvus_version HOST:PORT` exits 0 when the server answered.
"""

from __future__ import annotations

import sys

METHOD = "/milvus.proto.milvus.MilvusService/GetVersion"
_WAIT_S = 3.0


def read_strings(message: bytes) -> dict[int, str]:
    """Length-delimited fields of a protobuf message by number, as text; other fields are skipped."""
    found: dict[int, str] = {}
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while place < len(message):
        key = varint()
        if key & 7 == 2:
            size = varint()
            found[key >> 3] = message[place : place + size].decode("utf-8", "replace")
            place += size
        elif key & 7 == 0:
            varint()
        else:
            place += 8 if key & 7 == 1 else 4
    return found


def ask_version(address: str, timeout_s: float) -> tuple[bool, str]:
    """Whether a Milvus server answered, and its version or the reason why not.

    GetVersionResponse (milvus.proto): 1 status, 2 version.
    """
    import grpc

    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call = channel.unary_unary(METHOD, request_serializer=bytes, response_deserializer=bytes)
        try:
            answer: bytes = call(b"", timeout=timeout_s, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return True, "unknown (GetVersion is not implemented)"
            return False, f"{error.code().name}: {error.details()}"
    return True, read_strings(answer).get(2, "unknown")


def main() -> None:
    answered, text = ask_version(sys.argv[1], _WAIT_S)
    sys.stderr.write(f"{text}\n")
    sys.exit(0 if answered else 1)


if __name__ == "__main__":
    main()
