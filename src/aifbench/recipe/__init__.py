"""What the user wrote: read with places, checked as a whole, explained.

    load(path, overrides, environ) → Document    read, include, lay overrides over it
    check(document, vocabulary) → Recipe         every mistake at once, or a recipe that can be planned

Knows no service and no workload by itself: their names and keys come in as a `Vocabulary`.
"""

from aifbench.recipe import site
from aifbench.recipe.checker import check
from aifbench.recipe.document import Document
from aifbench.recipe.json_schema import schema
from aifbench.recipe.loading import load
from aifbench.recipe.manual import reference
from aifbench.recipe.resolved import Recipe
from aifbench.recipe.site import Site
from aifbench.recipe.starter import new
from aifbench.recipe.text import to_text
from aifbench.recipe.vocabulary import Vocabulary

__all__ = ["Document", "Recipe", "Site", "Vocabulary", "check", "load", "new", "reference", "schema", "site", "to_text"]
