"""`comma search`: make an index of a data set, and ask it with a structure, words, an image or a pattern."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from comma_data.command import group

if TYPE_CHECKING:
    from comma_explorer.search.ask import Answer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    cls=group("find"),
    help="Find structures, protocols, images and patterns by any of them: `comma search QUERY` is `search find QUERY`.",
)
"""Find materials across modalities."""

INDEX = Path("index")

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")]


@app.command()
def build(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Folder or https address of a data set.")],
    model: Annotated[str, typer.Option(help="Run, model folder, model of the package, or owner/name.")] = "comma-small",
    out: Annotated[Path, typer.Option(help="Folder of the index.")] = INDEX,
    device: Device = "cpu",
    max_refused: Annotated[
        float, typer.Option(min=0, max=1, help="Share of values that may be impossible to embed.")
    ] = 0.05,
    json_: Json = False,
) -> None:
    """Embed every value of a data set and write an index; after an interruption the same command goes on."""
    from comma_data.interrupt import resumable
    from comma_data.progress import Printer

    from comma_explorer.search.build import build as run

    start = time.monotonic()
    progress = Printer()
    there = (out / "manifest.json").exists()
    with resumable("the same command goes on"):
        manifest = run(data, out, model=model, device=device, max_refused=max_refused, progress=progress)
    progress.close()
    if json_:
        print(manifest.to_json(), end="")
    else:
        for name, part in manifest.modalities.items():
            print(f"{name}: {part.values:,} values in {part.found:,} places, {part.refused:,} refused")
            if near := part.approximate:
                recall = ", ".join(f"{share:.3f} for queries by {asked}" for asked, share in near.recall.items())
                print(f"  {near.lists} lists, {near.probes} probed; recall of ten: {recall}")
    done = "is this index already: left alone" if there else f"written after {time.monotonic() - start:.0f} s"
    print(f"{out} {done}; ask it: comma search LiFePO4 --index {out}", file=sys.stderr)


@app.command()
def find(
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY...", help="A file, a formula, or words in quotes; several are one search, by their mean."
        ),
    ],
    index: Annotated[Path, typer.Option(envvar="COMMA_INDEX", help="Folder of the index.")] = INDEX,
    as_: Annotated[
        list[str] | None, typer.Option("--as", metavar="MODALITY", help="What the query is; one, or one for each.")
    ] = None,
    for_: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="MODALITY", help="What is wanted; repeatable; all if not given."),
    ] = None,
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=10_000, help="Hits of each modality.")] = 10,
    elements: Annotated[str, typer.Option(help="Elements that a hit contains, e.g. Li,Fe.")] = "",
    only: Annotated[str, typer.Option(help="Elements besides which a hit contains none.")] = "",
    without: Annotated[str, typer.Option(help="Elements that a hit does not contain.")] = "",
    ranges: Annotated[
        list[str] | None, typer.Option("--range", metavar="NAME=LOW:HIGH", help="Range of a target; repeatable.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Origin of a hit, e.g. text-mined, or words of its source.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Compare with every vector of a large index.")] = False,
    counting: Annotated[
        float,
        typer.Option(min=0, metavar="WEIGHT", help="Count shared elements and amounts beside the cosine, e.g. 0.5."),
    ] = 0.0,
    model: Annotated[str | None, typer.Option(help="The model, if it is not where the index says.")] = None,
    device: Device = "cpu",
    json_: Json = False,
) -> None:
    """Print what is nearest to a query, whatever its modality."""
    from comma_explorer.search.filters import Filter, parse_ranges
    from comma_explorer.search.manifest import Manifest

    where = Filter(
        elements=_symbols(elements),
        only=_symbols(only),
        without=_symbols(without),
        ranges=parse_ranges(ranges or ()),
        source=source,
    )
    Manifest.read(index)  # before torch is loaded: most mistakes are a wrong folder
    from comma_explorer.search import present
    from comma_explorer.search.ask import Finder
    from comma_explorer.search.question import read

    finder = Finder.open(index, model=model, device=device)
    known = tuple(finder.model.configs)
    pairs = zip(query, _kinds(as_, len(query)), strict=True)
    questions = [finder.noted(read(text, kind, known=known)) for text, kind in pairs]
    for question in questions:
        print(f"query: {question.said} ({question.modality})", *question.notes, sep="\n  ", file=sys.stderr)
    start = time.perf_counter()
    answer = finder.ask(questions, for_ or (), number, where=where, exact=exact, counting=counting)
    print(f"searched in {1000 * (time.perf_counter() - start):.0f} ms", file=sys.stderr)
    if counting and _uncounted(answer):
        print("the query names no element, and nothing was counted", file=sys.stderr)
    if json_:
        name = model or finder.index.manifest.model.name
        print(json.dumps(present.document(answer, str(index), name), ensure_ascii=False, indent=1))
    else:
        present.write(answer)


def _uncounted(answer: "Answer") -> bool:
    found = [hit for hits in answer.hits.values() for hit in hits]
    return bool(found) and all(hit.counted is None for hit in found)


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(symbol.strip() for symbol in text.split(",") if symbol.strip())


def _kinds(given: list[str] | None, queries: int) -> list[str | None]:
    """What each query is."""
    from comma_explorer.search.errors import SearchError

    if not given or len(given) == 1:
        return [given[0] if given else None] * queries
    if len(given) != queries:
        raise SearchError(f"--as is given {len(given)} times for {queries} queries: give it once, or once for each")
    return list(given)


def main() -> None:
    """Run the command; a user's mistake ends with one message and its exit code."""
    from comma_data.command import run

    run(app)


if __name__ == "__main__":
    main()
