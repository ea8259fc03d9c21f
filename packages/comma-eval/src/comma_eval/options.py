"""What is said on the command line of every task, said once."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

Command = Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that all tasks share."""

    model: Annotated[
        Path | None,
        typer.Argument(
            help="Run folder, model folder, or a name such as comma-small. Default: the newest under runs/."
        ),
    ] = None
    data: Annotated[Path | None, typer.Option(help="Data set. Default: the one that the model names.")] = None
    fold: Annotated[
        str,
        typer.Option(
            help="test, validation for choices, or, where nothing is learnt, all of a data set never trained on."
        ),
    ] = "test"
    test_fold: Annotated[int | None, typer.Option(help="0 to 4. Default: the one that the model names, or 0.")] = None
    transfer: Annotated[
        str,
        typer.Option(
            help="Ask about one class of materials, and let heads and baselines learn from all others: oxides, "
            "intermetallics, large-cells, molecules."
        ),
    ] = ""
    baselines_only: Annotated[bool, typer.Option("--baselines-only", help="Score no model; needs --data.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False
    out: Annotated[Path | None, typer.Option(help="Also write the report here: .html, .json or .md.")] = None
    items: Annotated[
        Path | None, typer.Option(help="Keep every single answer here, as Parquet, for `comma eval compare`.")
    ] = None


def task_command(app: typer.Typer, name: str | None = None) -> Callable[[Command], Command]:
    """Make a function of `options` and of options of its own a command of the app, with all of them side by side."""

    def registered(function: Command) -> Command:
        hints = get_type_hints(function, include_extras=True)
        own = [p.replace(annotation=hints[p.name]) for p in signature(function).parameters.values()]
        model, *common = _parameters()
        parameters = [model, *(p for p in own if p.name != "options"), *common]

        def command(**said: Any) -> None:
            shared = {f.name: said.pop(f.name) for f in fields(Options)}
            function(options=Options(**shared), **said)

        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name)(command)
        return function

    return registered


def _parameters() -> list[Parameter]:
    """The fields of `Options`, the model first."""
    hints = get_type_hints(Options, include_extras=True)
    assert all(f.default is not MISSING for f in fields(Options))  # noqa: S101  nothing has to be said
    return [
        Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]) for f in fields(Options)
    ]
