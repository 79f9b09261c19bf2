"""pyarrow, kept from importing pandas.

At its first array pyarrow looks for pandas, which clients of some databases bring along. Nothing here uses it, and
importing it would cost every worker and every evaluation a quarter of a second of CPU and 30 MB.
"""

from __future__ import annotations

import sys
from typing import Any


class _WithoutPandas:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ImportError("not needed")


def arrow() -> Any:
    """The module pyarrow. In a process that has imported pandas already, pyarrow uses that."""
    if "pyarrow" in sys.modules or "pandas" in sys.modules:
        import pyarrow as pa

        return pa
    import pyarrow as pa

    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])  # pyarrow asks once and remembers the answer
    finally:
        sys.meta_path.remove(finder)
    return pa
