"""What a model has to beat."""

from collections.abc import Mapping

from comma_eval.errors import UsageError


def refuse_taken(models: Mapping[str, object], lines: Mapping[str, object]) -> None:
    """Refuse a model whose name is that of a baseline.

    Raises:
        UsageError: there is one.
    """
    if taken := sorted(models.keys() & lines.keys()):
        raise UsageError(f"a model cannot be called {taken[0]!r}: that is a baseline's name; rename its folder")
