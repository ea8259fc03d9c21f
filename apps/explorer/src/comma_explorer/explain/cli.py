"""`comma explain`: what makes two values similar."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from comma_data.storage import check_file, complete_file, ensure_folder

app = typer.Typer(no_args_is_help=True, help="What of two values makes them similar.")

SHOWN = 8
"""Contributions of each side that are printed."""
PATIENCE = 10.0
"""Seconds from which on it is said how long an explanation takes."""


@app.command()
def explain(
    values: Annotated[
        list[str] | None, typer.Argument(help="Two values: files, formulas, or protocols in quotes.")
    ] = None,
    model: Annotated[str, typer.Option(help="Run, model folder, model of the package, or owner/name.")] = "comma-small",
    kinds: Annotated[
        list[str] | None, typer.Option("--as", help="What a value is; once for each, e.g. --as structure --as text.")
    ] = None,
    sample_id: Annotated[str | None, typer.Option("--id", help="Take both values from this entry of --data.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data set of --id.")] = None,
    pair: Annotated[str | None, typer.Option(help="Which two modalities of --id, e.g. structure-text.")] = None,
    method: Annotated[
        str, typer.Option(help="occlusion, or one half of it: removal, swapping; masking; gradients.")
    ] = "occlusion",
    out: Annotated[Path | None, typer.Option(help="Write a page here, .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all contributions and checks as JSON.")] = False,
    seed: Annotated[int, typer.Option(help="Of random removals and random weights.")] = 0,
) -> None:
    """Attribute the similarity of two values to atoms, words and steps, fields, angles or elements of each.

    Both sides are explained, each with the other held fixed, and checked by removal and against random weights.
    """
    from comma_explorer.explain import explanation as of
    from comma_explorer.explain.cost import seconds
    from comma_explorer.explain.given import pair_of

    if out:
        check_file(out)
    loaded, name = _loaded(model)
    a, b = pair_of(values or (), kinds or (), sample_id=sample_id, data=data, pair=pair)
    if (told := seconds(loaded, a, b, method=method)) > PATIENCE:
        print(f"this takes about {told:,.0f} s", file=sys.stderr, flush=True)
    found = of.explain(loaded, a, b, method=method, name=name, seed=seed)
    if out:
        from comma_explorer.explain.page.render import page

        ensure_folder(out.parent)
        with complete_file(out) as file:
            file.write(page(found).encode())
        print(f"wrote {out}", file=sys.stderr)
    if as_json:
        print(json.dumps(of.as_json(found), ensure_ascii=False, indent=1))
    else:
        _tell(found)


def _loaded(model: str) -> tuple[Any, str]:
    """The model, and what it is called."""
    from comma_encoders.hub import from_pretrained

    from comma_explorer.search.models import of_run

    loaded = from_pretrained(of_run(model))
    return loaded, str(loaded.about.get("name") or loaded.about.get("run") or model)


def _tell(found: Any) -> None:
    """The similarity and the largest contributions, for a person."""
    print(f"similarity {found.similarity:.3f} ({found.model}, {found.method})")
    for side in found.sides:
        values = side.attribution.values
        print(f"\n{side.given.modality}, {side.given.name}", *side.notes, sep="\n  ")
        for place in sorted(range(len(values)), key=lambda i: -abs(values[i]))[:SHOWN]:
            group = f"  {side.grouped} {side.groups[place]}" if side.grouped not in ("", "species") else ""
            number = f" {place + 1}" if side.given.modality == "structure" else ""
            print(f"  {values[place]:+.3f}  {side.labels[place]}{number}{group}")
