"""Shapes are checked at run time in tests: the hook has to be there before the package is imported."""

from jaxtyping import install_import_hook

install_import_hook("comma_explorer", "beartype.beartype")
