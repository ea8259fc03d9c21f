"""`comma study`."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from comma_data.command import group

if TYPE_CHECKING:
    from comma_app.study.drive import Job

STUDIES = Path(__file__).parent.parent / "studies"


app = typer.Typer(
    cls=group("run"),
    no_args_is_help=True,
    help="A table of models x folds x tasks, written down before its figures are known.",
)


@app.command()
def run(
    study: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A named study, or the path of a TOML file.")],
    data: Annotated[Path | None, typer.Option(help="Data folder, in place of the one that the study names.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the study; studies/NAME by default.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, e.g. folds=[0]. Makes another study.")
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of another study: finished trainings, or whole folds of this study, are taken over "
            "where they are the same."
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after the piece during which so many minutes are over.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the pieces with their hours, and stop.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Train, score and report a study, or go on with it. `comma study NAME` does the same."""
    from comma_app.study.drive import conduct, plan

    if dry_run:
        if runs or json_ or minutes is not None:
            raise typer.BadParameter("--dry-run prints the pieces and stops; leave out --runs, --minutes and --json")
        with tempfile.TemporaryDirectory() as aside:
            print("\n".join(plan(made(study, set_ or [], data, out, Path(aside)))))
        return
    job = replace(made(study, set_ or [], data, out), runs=tuple(runs or ()))
    conduct(job, minutes)
    show(job, as_json=json_)


@app.command(name="list")
def list_() -> None:
    """Named studies and what they ask."""
    import tomllib

    for path in sorted(STUDIES.glob("*.toml"), key=lambda path: path.stem):
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        print(f"{path.stem:12} {told['question']}")


@app.command()
def config(
    study: Annotated[str | None, typer.Argument(metavar="[NAME|PATH]", help="A study to print completely.")] = None,
) -> None:
    """Print every key of a study with its default and meaning; with a name or path, that study's complete TOML."""
    from comma_align.manual import describe_settings
    from comma_data.configfile import dump_toml

    from comma_app.study.config import Map, Model, Primary, Study, Task, read_study

    if study is not None:
        print(dump_toml(read_study(study)))
        return
    sections = {"": Study, "models.NAME": Model, "tasks.NAME": Task, "[primary]": Primary, "map": Map}
    print("\n\n".join(describe_settings(title, kind) for title, kind in sections.items()))


def made(study: str, settings: list[str], data: Path | None, out: Path | None, aside: Path | None = None) -> "Job":
    """The study on its data; a named build that needs nothing from the user is made where it is missing, or aside."""
    from comma_align.prepare import ensure_data

    from comma_app.study.config import read_study
    from comma_app.study.drive import Job

    read = read_study(study, settings)
    return Job(
        study=read,
        data=ensure_data(data or Path(read.data), may_build=data is None, aside=aside),
        out=out or Path("studies") / read.name,
        command=typed(study, settings),
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )


def typed(study: str, settings: list[str]) -> str:
    """The command that makes the same result again; where data and result lie is no part of it."""
    import shlex

    return shlex.join(["comma", "study", study, *(part for one in settings for part in ("--set", one))])


def show(job: "Job", *, as_json: bool) -> None:
    """What came of it on stdout, and where everything is on stderr."""
    from comma_app.study.folder import PAGE, RESULT, TABLES

    if as_json:
        print((job.out / RESULT).read_text(encoding="utf-8"), end="")
    else:
        tell((job.out / RESULT).read_text(encoding="utf-8"))
    print(
        f"{job.out / PAGE} is the report, {job.out / TABLES} its tables, {job.out / RESULT} its figures",
        file=sys.stderr,
    )


def tell(result: str) -> None:
    """The primary outcomes, a line each."""
    import json

    for outcome in json.loads(result)["primary"]:
        what = f"{outcome['metric']} {outcome['model']} - {outcome['against']}"
        print(f"{outcome['verdict']}: {outcome['name']}: {what} {told(outcome)}")


def told(outcome: dict[str, Any]) -> str:
    """The difference with its interval, and the aim."""
    found, aim = outcome["difference"], outcome["aim"]
    wanted = f"aim: {aim:.0%} relative" if aim else "aim: any gain"
    return f"{found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f}); {wanted}"
