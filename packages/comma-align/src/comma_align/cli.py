"""`comma align`."""

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from comma_align.config import Run
    from comma_align.recall import Row

app = typer.Typer(no_args_is_help=True, help="Train one space for all modalities of a material.")

CONFIGS = Path(__file__).with_name("configs")


@app.command()
def run(
    config: Annotated[
        str, typer.Argument(metavar="NAME|PATH", help="A named run, or the path of a TOML file.")
    ] = "demo",
    data: Annotated[Path | None, typer.Option(help="Data folder, in place of the one that the config names.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/NAME by default.")] = None,
    resume: Annotated[
        str,
        typer.Option(
            metavar="auto|never|PATH",
            help="auto: go on with a run of equal config; never: start anew; PATH: begin with that checkpoint.",
        ),
    ] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, e.g. optimizer.head_lr=2e-3.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make batches beside the training.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and stop.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="The recall table as JSON on stdout.")] = False,
) -> None:
    """Align the modalities of a data folder and print what finds what among unseen materials."""
    from comma_data.storage import with_name_of_its_own

    from comma_align.errors import RunError

    if resume not in {"auto", "never"} and not (Path(resume) / "state.json").is_file():
        raise RunError(
            f"--resume {resume}: give auto, never, or the folder of a checkpoint (RUN/checkpoints/STAGE/step-N)"
        )
    settings = read_config(config, set_ or [])
    target = with_name_of_its_own(out or Path("runs") / settings.name)
    if dry_run:
        with tempfile.TemporaryDirectory() as aside:
            print(describe(settings, data_folder(settings, data, Path(aside)), target, workers))
        return
    folder = data_folder(settings, data)
    from comma_align.prepare import first
    from comma_align.train import train

    if first():
        what = f"{', '.join(settings.stages)}: {', '.join(settings.modalities)}"
        print(f"{what} of {folder} into {target}", file=sys.stderr)
    started = time.monotonic()
    rows = train(settings, folder, target, resume=resume, workers=workers)
    if first():
        report(rows, target, settings, as_json=json_)
        print(f"done in {time.monotonic() - started:.0f} s", file=sys.stderr)


@app.command(name="config")
def config_(
    config: Annotated[str | None, typer.Argument(metavar="[NAME|PATH]", help="A run to print completely.")] = None,
) -> None:
    """Print every setting with its default and meaning; with a name or path, that run's complete TOML."""
    from comma_data.configfile import dump_toml
    from comma_encoders.modality import get, names

    from comma_align.config import SECTIONS, Run
    from comma_align.manual import describe_settings

    if config is not None:
        print(dump_toml(read_config(config, [])))
        return
    sections: dict[str, type] = {"": Run, **SECTIONS}
    sections |= {f"encoders.{name}": get(name).Config for name in names()}
    print("\n\n".join(describe_settings(title, kind) for title, kind in sections.items()))


def read_config(config: str, settings: list[str]) -> "Run":
    """The config of a named run or a TOML file, with `--set` applied."""
    from comma_data.configfile import find, load

    from comma_align.config import Run

    return load(Run, find(config, CONFIGS, kind="run"), settings=settings)


def data_folder(settings: "Run", given: Path | None, aside: Path | None = None) -> Path:
    """The data folder of a run. A named build that needs nothing from the user is made if it is missing, or aside."""
    from comma_align.prepare import ensure_data

    return ensure_data(given or Path(settings.data), may_build=given is None, aside=aside)


def describe(settings: "Run", data: Path, out: Path, workers: int = 0) -> str:
    """What `--dry-run` prints: the config, the samples, the size of the model, and what two steps took."""
    from comma_data.configfile import dump_toml

    from comma_align.dry import dry_run

    return f"{dump_toml(settings)}\n{dry_run(settings, data, out, workers)}"


def report(rows: "list[Row]", out: Path, settings: "Run", *, as_json: bool) -> None:
    """The recall table on stdout, and on stderr where things are and what to type next."""
    import json

    from comma_align.recall import as_json as plain
    from comma_align.start import seen_by
    from comma_align.table import recall_table

    sure = not settings.start or seen_by(Path(settings.start)) is not None
    if as_json:
        print(json.dumps(plain(rows)))
    elif rows:
        recall_table(rows, fold=(settings.test_fold + 1) % 5, sure=sure)
    if not sure:
        told = "does not say what it was trained on: it may have seen what this run holds out"
        print(f"note: {settings.start} {told}", file=sys.stderr)
    left = [f"{out}/model is the model"] if settings.pairs or settings.stages[-1] != "supervised" else []
    left += [f"{out}/predictor tells {settings.supervised.target}"] if settings.stages[-1] == "supervised" else []
    print(
        f"\n{', '.join(left)}, {out}/result.png a picture, {out}/metrics.jsonl every step.\n"
        + "\n".join(f"{'' if i else 'Next:':6} {line}" for i, line in enumerate(next_steps(settings, out))),
        file=sys.stderr,
    )


def next_steps(settings: "Run", out: Path) -> list[str]:
    """Commands that follow a run: the question that its modalities can answer, and the settings."""
    told = [("comma align config", "every setting and what it means")]
    if {"structure", "text"} <= set(settings.modalities) and settings.pairs:
        told.insert(0, (f"comma eval synthesis {out}", "structure to protocol, against baselines, on the test fold"))
    elif settings.pairs:
        told.insert(0, (f"comma eval retrieval {out}", "each modality by each other, on the test fold"))
    width = max(len(command) for command, _ in told)
    return [f"{command:{width}}    {what}" for command, what in told]
