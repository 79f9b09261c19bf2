"""A document as one YAML text: includes and overrides laid in, secrets still references."""

from __future__ import annotations

from io import StringIO

from aifbench.recipe.document import Document


def to_text(document: Document) -> str:
    """What the run folder keeps as recipe.yaml: reading it again gives the same data."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 1_000_000
    yaml.allow_unicode = True
    out = StringIO()
    yaml.dump(document.data, out)
    return out.getvalue()
