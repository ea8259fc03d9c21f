"""`comma-encoders`, also mounted as `comma encoders`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Turn crystals, protocols, micrographs and patterns into vectors.")


@app.command(name="list")
def list_() -> None:
    """The known modalities, one a line."""
    from comma_encoders.modality import names

    print("\n".join(names()))


@app.command()
def embed(
    modality: Annotated[str, typer.Argument(help="What the values are; see `list`.")],
    values: Annotated[list[str], typer.Argument(help="Paths (structure, image, xrd, text) or formulas (composition).")],
    model: Annotated[Path | None, typer.Option(help="Folder of a trained model; random weights without one.")] = None,
) -> None:
    """Write one JSON line a value: its name and its unit vector."""
    from comma_encoders.folder import load
    from comma_encoders.model import AlignedModel

    if model is None:
        print("note: no --model given, so the weights are random: only good to try the command", file=sys.stderr)
    aligned = load(model) if model else AlignedModel.create(modality)
    contents = [_text(Path(v)) for v in values] if modality == "text" else values
    for value, vector in zip(values, aligned.encode(modality, contents).tolist(), strict=True):
        print(json.dumps({"value": value, "vector": vector}, ensure_ascii=False))


def _text(path: Path) -> str:
    from comma_encoders.errors import InputError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error


@app.command()
def tokenizer(
    texts: Annotated[list[Path], typer.Argument(help="Text files, a protocol a line or paragraph.")],
    out: Annotated[Path, typer.Option(help="The vocabulary to write.")] = Path("vocabulary.txt"),
    size: Annotated[int, typer.Option(help="Symbols at most.")] = 2048,
) -> None:
    """Make a vocabulary from texts; use it with `--set encoders.text.vocabulary=FILE`."""
    from comma_encoders.modalities.text.tokenizer import Tokenizer
    from comma_encoders.modalities.text.vocabulary import learn

    made = Tokenizer(learn((line for path in texts for line in _text(path).splitlines()), size))
    made.save(out)
    print(f"{out}: {len(made)} symbols", file=sys.stderr)


def main() -> None:
    """Run the command; a user's mistake ends with one line and its exit code."""
    from comma_encoders.errors import EncoderError

    try:
        app()
    except EncoderError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
