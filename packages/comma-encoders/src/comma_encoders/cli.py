"""`comma-encoders`, also mounted as `comma encoders`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from comma_encoders.locate import DEFAULT

app = typer.Typer(no_args_is_help=True, help="Turn crystals, protocols, micrographs and patterns into vectors.")

SHOWN = 20
"""Refused values that are named on the terminal; the others are counted."""


@app.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """The known modalities: what they are, and the endings of their files."""
    from comma_encoders.guess import ENDINGS
    from comma_encoders.modality import about, names

    rows = [{"name": name, "about": about(name), "endings": list(ENDINGS.get(name, ()))} for name in names()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    width = max(len(name) for name in names())
    for row in rows:
        files = f" Files: {' '.join(row['endings'])}" if row["endings"] else ""
        print(f"{row['name']:{width}}  {row['about']}{files}")


@app.command()
def embed(
    values: Annotated[list[str], typer.Argument(help="Files (structure, image, xrd, text), or formulas.")],
    modality: Annotated[
        str | None, typer.Option(help="What the values are; by default the endings of the files tell. See `list`.")
    ] = None,
    model: Annotated[str, typer.Option(help="Folder, model of the package, or owner/name on the hub.")] = DEFAULT,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .parquet, .csv, .npz or .jsonl; JSON lines on stdout without.")
    ] = None,
    strict: Annotated[bool, typer.Option(help="Write nothing if one value cannot be encoded.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")] = "cpu",
    batch_size: Annotated[int, typer.Option(min=1, help="Values in a batch at most.")] = 64,
) -> None:
    """Write the unit vector of each value. A bad value is named and left out; the exit code is then 3."""
    from comma_encoders import values as user
    from comma_encoders.errors import InputError
    from comma_encoders.hub import from_pretrained
    from comma_encoders.table import writer

    write = writer(out)
    outcome = user.embed(from_pretrained(model, device=device), values, modality, batch_size=batch_size)
    for value, error in list(outcome.refused.items())[:SHOWN]:
        print(f"refused: {value}: {error}", file=sys.stderr)
    bad, good = len(outcome.refused), len(outcome.table.values)
    counted = f"{bad} of {bad + good} values could not be encoded"
    if bad and (strict or not good):
        raise InputError(f"{counted}; nothing was written")
    write(outcome.table)
    if out is not None:
        print(f"{out}: {good} vectors of {outcome.table.vectors.shape[1]} dimensions", file=sys.stderr)
    if bad:
        raise InputError(f"{counted}; the others were written")


@app.command()
def card(
    model: Annotated[str, typer.Argument(help="Folder, name of a model, or owner/name on the Hugging Face hub.")],
) -> None:
    """Print the card of a model: data, split, figures, licence, limits, and how to use it."""
    from comma_encoders import card as cards
    from comma_encoders.hub import fetch
    from comma_encoders.locate import local

    print(cards.card(local(model) or fetch(model)), end="")


@app.command()
def tokenizer(
    texts: Annotated[list[Path], typer.Argument(help="Text files, a protocol a line or paragraph.")],
    out: Annotated[Path, typer.Option(help="The vocabulary to write.")] = Path("vocabulary.txt"),
    size: Annotated[int, typer.Option(help="Symbols at most.")] = 2048,
) -> None:
    """Make a vocabulary from texts; use it with `--set encoders.text.vocabulary=FILE`."""
    from comma_encoders.errors import UsageError
    from comma_encoders.modalities.text.tokenizer import Tokenizer
    from comma_encoders.modalities.text.vocabulary import learn
    from comma_encoders.values import read_text

    made = Tokenizer(learn((line for path in texts for line in read_text(path).splitlines()), size))
    try:
        made.save(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error}") from error
    print(f"{out}: {len(made)} symbols", file=sys.stderr)


def main() -> None:
    """Run the command; a user's mistake ends with one line and its exit code."""
    from comma_encoders.errors import EncoderError

    try:
        app()
    except EncoderError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
