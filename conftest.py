"""Shapes and types are checked at run time in tests: the hook has to be there before a package is imported."""

from importlib.util import find_spec

CHECKED = ["comma_encoders", "comma_align.losses", "comma_align.objective", "comma_eval", "comma_explorer"]

if find_spec("jaxtyping") and find_spec("beartype"):  # comma-data alone has neither
    from jaxtyping import install_import_hook

    # All in one place: what is imported inside a checked module leaves its byte code under the hook's name, checked or
    # not, so that a run with fewer names would switch the checks of later runs off.
    install_import_hook(CHECKED, "beartype.beartype")
