from __future__ import annotations

import subprocess
import sys


def test_reading_and_writing_samples_does_not_import_pandas() -> None:
    """By itself pyarrow would: a quarter of a second of every worker and every evaluation."""
    program = (
        "import sys; from aifbench.samples.read import read_trial; from aifbench.samples.arrow import arrow; "
        "read_trial('.'); arrow().array(['a']).to_numpy(zero_copy_only=False); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
