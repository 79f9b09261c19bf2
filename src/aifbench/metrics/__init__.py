"""Samples in, numbers out. Pure: no file, no clock, no network; every number comes with its n and its reason.

`declare` and `slo` are cheap to import (no numpy): the plan and the documentation use them.
"""
