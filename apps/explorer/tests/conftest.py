"""Shapes are checked at run time in tests: the hook has to be there before the package is imported."""

import sys
from pathlib import Path

from jaxtyping import install_import_hook

install_import_hook("comma_explorer", "beartype.beartype")
sys.path.insert(0, str(Path(__file__).parent))
