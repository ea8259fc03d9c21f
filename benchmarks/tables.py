"""Write the tables of the READMEs from the committed results: `python -m benchmarks.tables` (`--check` compares)."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results_form import RESULTS, ROOT
from benchmarks.suite.measure import RATIO

READMES = (
    ROOT / "README.md",
    ROOT / "docs" / "results.md",
    ROOT / "docs" / "figures.md",
    *(ROOT / "packages" / name / "README.md" for name in ("comma-encoders", "comma-align")),
    *(ROOT / "apps" / name / "README.md" for name in ("comma", "explorer")),
)
PLACE = re.compile(r"(<!-- table: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

Row = Mapping[str, Any]
Cells = Sequence[str]


def number(value: float) -> str:
    """A figure as people read it: thousands apart, two to three digits where it is small."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def interval(row: Row) -> str:
    """A value with its 95 % interval where there is one."""
    text = f"{row['value']:.3f}"
    if row["low"] is None:
        return text
    between = " to " if row["low"] < 0 else "-"
    return f"{text} ({row['low']:.3f}{between}{row['high']:.3f})"


def builds(rows: Sequence[Row]) -> Iterator[Cells]:
    """The figures of the largest build, its accounting by source, and what building it again gave."""
    yield ("everything in benchmarks/DATA.md, one command", "figure")
    plain = {"build seconds", "records per second", "samples", "check seconds", "bytes of shards"}
    refused: dict[str, float] = {}
    for row in rows:
        if row["piece"] != "shared" or "test_fold" in row:
            continue
        if row["metric"] == "refused":
            refused[row["source"]] = refused.get(row["source"], 0) + row["value"]
        elif row["metric"] in plain or row["metric"].startswith(("peak memory", "simulated")):
            yield (row["metric"], number(row["value"]))
        elif row["metric"] == "samples with":
            yield (f"samples with {row['modality']}", number(row["value"]))
    for row in rows:
        if row["piece"] == "shared" and row["metric"] == "accepted":
            left_out = refused.get(row["source"], 0)
            yield (f"{row['source']}: accepted, refused", f"{number(row['value'])}, {number(left_out)}")
    for row in rows:
        if row["piece"] != "shared" and row["piece"].startswith("shared"):
            figure = ("no", "yes")[row["value"] == 1] if "identical" in row["metric"] else number(row["value"])
            yield (f"{row['piece'].partition('-')[2]}: {row['metric']}", figure)


def reading(rows: Sequence[Row]) -> Iterator[Cells]:
    """Rates of both sides and their ratio."""
    yield ("what", "comma-data, structures/s", "beside", "structures/s", "ratio")
    for ratio in (row for row in rows if row["metric"] == "ratio"):
        ours, theirs = (row for row in rows if row["what"] == ratio["what"] and row["metric"] != "ratio")
        rates = (number(ours["value"]), theirs["system"], number(theirs["value"]))
        yield (ratio["what"], *rates, number(ratio["value"]))


def faults(rows: Sequence[Row]) -> Iterator[Cells]:
    """One line a fault."""
    yield ("fault", "tried", "survived", "lost")
    for row in rows:
        yield (str(row["what"]), number(row["n"]), number(row["value"]), number(row["lost"]))


def ratios(rows: Sequence[Row]) -> Iterator[Cells]:
    """What is compared, with what, and how many times faster it is."""
    yield ("what", "beside", "ratio")
    for row in rows:
        if row["metric"] == RATIO:
            yield (row["row"], str(row["peer"]), number(row["value"]))


def crystals(rows: Sequence[Row]) -> Iterator[Cells]:
    """The summary of the comparison, without the lines for single crystals."""
    yield ("part", "what", "figure")
    for row in rows:
        if "crystal" not in row:
            yield (row["part"], row["metric"], number(row["value"]))


def released(rows: Sequence[Row]) -> Iterator[Cells]:
    """How many vectors each modality and part has, and what making them took."""
    yield ("what", "figure")
    for row in rows:
        if row["metric"] == "vectors":
            yield (f"vectors of {row['modality']}, {row['part']}", number(row["value"]))
        elif row["metric"].startswith("files identical"):
            yield (f"{row['metric']}, {row['workers']} workers", "all" if row["value"] else "not all")
        elif row["metric"] != "kills":
            by = f", {row['workers']} worker{'s' if row['workers'] > 1 else ''}" if "workers" in row else ""
            yield (f"{row['metric']}{by}", number(row["value"]))


def probes(rows: Sequence[Row]) -> Iterator[Cells]:
    """What comma-small is worth on unseen formulas: probes of the band gap, and retrieval beside chance."""
    yield ("comma-small, on formulas that it never saw", "figure (95 % interval)", "n")
    for row in rows:
        if row["task"] == "band gap":
            yield (f"band gap, {row['model']}, {row['metric']}", interval(row), number(row["n"]))
        elif row["metric"] == "R@1" and "against" not in row:
            yield (f"{row['direction']}, {row['view']}, {row['model']}, R@1", interval(row), number(row["n"]))


def accuracy(rows: Sequence[Row]) -> Iterator[Cells]:
    """A line for each model: errors of the band gap, and what ours are of them."""
    yield ("model", "epochs", "seeds", "parameters", "MAE, eV", "RMSE, eV", "MAE of COMMA / its", "seeds")
    for model, epochs in dict.fromkeys((row["model"], row["epochs"]) for row in rows):
        alike = [row for row in rows if row["epochs"] == epochs]
        own = {row["metric"]: row for row in alike if row["model"] == model and not row.get("rival")}
        ratio = next((row for row in alike if row.get("rival") == model), None)
        yield (
            str(model),
            number(epochs),
            number(own["MAE, eV"]["seeds"]),
            number(own["MAE, eV"]["parameters"]),
            interval(own["MAE, eV"]),
            interval(own["RMSE, eV"]),
            "" if ratio is None else interval(ratio),
            "" if ratio is None else number(ratio["seeds"]),
        )


def large(rows: Sequence[Row]) -> Iterator[Cells]:
    """A line for each model and kind of materials, over all finished folds; then what others publish."""
    yield ("model", "split", "materials", "folds", "MAE, eV", "RMSE, eV", "Spearman", "n")
    ours = [row for row in rows if "folds" in row and row.get("model") and row["metric"] != "parameters"]
    others = [row for row in rows if "source" in row]
    for split, of in {"by formula": ours, "random, published": others}.items():
        for model, materials in dict.fromkeys((row["model"], row["materials"]) for row in of):
            own = {r["metric"]: r for r in of if (r["model"], r["materials"]) == (model, materials)}
            some = own["MAE, eV"]
            cells = [interval(own[m]) if m in own else "" for m in ("MAE, eV", "RMSE, eV", "Spearman")]
            yield (
                str(model),
                split,
                str(materials),
                number(some["folds"]) if "folds" in some else "",
                *cells,
                number(some["n"]),
            )


def rivals(rows: Sequence[Row]) -> Iterator[Cells]:
    """What each encoder gains over a rival; of several seeds the mean, and the widest ends of their intervals."""
    gains: dict[Cells, list[Row]] = {}
    for row in rows:
        told = f"{row.get('model')} {row['metric']}"
        if "difference" not in told or row.get("split") == "validation":
            continue
        asked = ", ".join(str(row[name]) for name in ("task", "variant") if row.get(name))
        rival = str(row.get("rival", "TF-IDF + ridge"))
        metric = str(row["metric"]).removesuffix(", difference")
        gains.setdefault(
            (str(row["part"]), asked or f"crystal system, conditions {row['conditions']}", metric, rival), []
        ).append(row)
    yield ("encoder", "asked", "figure", "beside", "gain", "n")
    for key, found in gains.items():
        low, high = min(row["low"] for row in found), max(row["high"] for row in found)
        mean = sum(row["value"] for row in found) / len(found)
        yield (*key, interval({"value": mean, "low": low, "high": high}), number(found[0]["n"]))


def objectives(rows: Sequence[Row]) -> Iterator[Cells]:
    """A line for each objective: recall, and where structures and patterns that do not belong together lie."""
    directions = ("structure -> text", "text -> structure", "structure -> xrd")
    signs = ("cosine of mismatched structures and patterns", "effective rank of structures")
    yield ("objective", *(f"R@1, {d}" for d in directions), "mismatched cosine", "effective rank")
    for name in dict.fromkeys(row["objective"] for row in rows):
        of = [row for row in rows if row["objective"] == name]
        found = {row["direction"]: row for row in of if row["metric"] == "R@1"}
        means = {row["metric"]: row for row in of}
        yield (name, *(interval(found[d]) for d in directions), *(number(means[sign]["value"]) for sign in signs))


def across(
    metric: str, by: Sequence[str], column: str = "model", **only: str
) -> Callable[[Sequence[Row]], Iterator[Cells]]:
    """A table with a line for each combination of labels and a column for each model.

    Args:
        metric: the figure that is shown.
        by: labels that tell the lines apart.
        column: label whose values are the columns.
        only: labels and the values that rows have to have.
    """

    def made(rows: Sequence[Row]) -> Iterator[Cells]:
        kept = [row for row in rows if row["metric"] == metric and "against" not in row and column in row]
        kept = [row for row in kept if all(row.get(label) == value for label, value in only.items())]
        columns = list(dict.fromkeys(row[column] for row in kept))
        lines: dict[tuple[str, ...], dict[str, Row]] = {}
        for row in kept:
            lines.setdefault(tuple(str(row.get(label, "")) for label in by), {})[row[column]] = row
        named = f"{metric}, " if column == "model" else f"{metric}, {column} "
        yield (*by, "n", *(f"{named}{name}" for name in columns))
        for labels, found in lines.items():
            figures = (interval(found[name]) if name in found else "" for name in columns)
            yield (*labels, number(max(row["n"] for row in found.values())), *figures)

    return made


def budgets(rows: Sequence[Row]) -> Iterator[Cells]:
    """Errors of all ways to train, whatever the budget in a model's name, with a column for each number of labels."""
    told = [row for row in rows if row.get("subset") == "all" and "labels" in row and "model" in row]
    named = [{**row, "model": row["model"].removesuffix(f"-{row['labels']}")} for row in told]
    for error in ("RMSE", "MAE"):
        head, *lines = across(error, ("model",), column="labels")(named)
        if error == "RMSE":
            yield ("error, eV", *(name.removeprefix("RMSE, ") for name in head))
        yield from ((error, *line) for line in lines)


def waits(rows: Sequence[Row]) -> Iterator[Cells]:
    """A line for each way to ask: the median and the longest wait."""
    yield ("asked with", "median, s", "longest, s")
    ways = dict.fromkeys(row["way"] for row in rows if row["metric"] == "median seconds")
    for way in ways:
        found = {row["metric"]: row["value"] for row in rows if row["way"] == way}
        yield (way, f"{found['median seconds']:.3f}", f"{found['worst seconds']:.3f}")


def outcomes(primary: Sequence[Row]) -> Iterator[Cells]:
    """What was claimed beforehand, and what came of it."""
    yield ("primary outcome", "figure", "model", "beside", "difference (95 % interval)", "verdict")
    for one in primary:
        model, other = (
            f"{name}: {interval(one[value])}" for name, value in ((one["model"], "value"), (one["against"], "other"))
        )
        yield (one["name"], one["metric"], model, other, interval(one["difference"]), one["verdict"])


def searches(rows: Sequence[Row]) -> Iterator[Cells]:
    """A line for each set of vectors and way to search it."""
    yield ("vectors", "search", "ms", "beside numpy", "recall of ten", "built in s", "MiB beside the vectors")
    keys = dict.fromkeys((row["vectors"], row["search"]) for row in rows if row["metric"] == RATIO)
    for vectors, search in keys:
        of = [row for row in rows if row.get("search") == search and row["vectors"] == vectors]
        found = {row["metric"]: row["value"] for row in of if row.get("by", "comma") == "comma"}
        recall = f"{found['recall of ten']:.3f}" if "recall of ten" in found else "proved 1"
        figures = (number(found["median ms"]), f"{number(found[RATIO])} x")
        yield (vectors, search, *figures, recall, number(found["build seconds"]), number(found["MiB"]))


def explanations(rows: Sequence[Row]) -> Iterator[Cells]:
    """A line for each side of a pair and method; what was asked of no pair stays empty."""
    shown = {
        "top 20 % removed lowers more than chance": "removing the top 20 % lowers more than chance",
        "similarity lost by the top 20 %": "similarity lost so",
        "similarity lost by a random 20 %": "at random",
        "rank correlation with random weights, median": "median rank correlation with random weights",
        "planted cause has the lowest contribution": "planted cause is lowest",
        "the same, of the first plant that costs 0.02": "of the first that costs 0.02",
    }
    yield ("pair", "explained", "method", "pairs", *shown.values())
    lines: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        lines.setdefault((row["pair"], row["explained"], row["method"]), {})[row["metric"]] = row
    for labels, found in lines.items():
        figures = (interval(found[metric]) if metric in found else "" for metric in shown)
        yield (*labels, number(max(row["n"] for row in found.values())), *figures)


TABLES: Mapping[str, Callable[[Sequence[Row]], Iterator[Cells]]] = {
    "data-build": builds,
    "data-reading": reading,
    "reliability-data": faults,
    "reliability-align": faults,
    "reliability-serve": faults,
    "serve": waits,
    "structure-accuracy": accuracy,
    "structure-large": large,
    "encoder-rivals": rivals,
    "losses-ablation": objectives,
    "loss-memory": ratios,
    "bench": ratios,
    "textbook-crystals": crystals,
    "comma-small": probes,
    "embeddings-release": released,
    "explain-checks": explanations,
    "search": searches,
    "lattice": across("MAE", ("from", "target")),
    "cross-retrieval": across("R@1", ("direction",)),
    "cross-retrieval-outcomes": outcomes,
    "missing-modalities": across("R@1", ("direction", "absent")),
    "synthesis-retrieval": across("R@1", ("task", "view", "pool"), direction="structure -> protocol"),
    "synthesis-retrieval-outcomes": outcomes,
    "ablations": across("R@1", ("model",), column="view", direction="structure -> protocol", pool="open"),
    "ablations-outcomes": outcomes,
    "corrupted-text": across("R@1", ("corruption", "corrupted"), direction="structure -> protocol", pool="open"),
    "corrupted-text-outcomes": outcomes,
    "measured-patterns": across("R@1", ("direction",)),
    "measured-patterns-outcomes": outcomes,
    "band-gap-labels": budgets,
    "band-gap-labels-outcomes": outcomes,
    "transfer": across("MAE", ("task",)),
    "transfer-outcomes": outcomes,
    "defects": across("accuracy", ("set", "host", "conditions", "model"), column="labels"),
}


OUTCOMES = "-outcomes"
"""Behind the name of a study's result: the table of its primary outcomes."""


def table(name: str, folder: Path = RESULTS) -> str:
    """The Markdown table of a result, with the command, commit and machine behind it."""
    result = json.loads((folder / f"{name.removesuffix(OUTCOMES)}.json").read_text(encoding="utf-8"))
    head, *body = TABLES[name](result["primary" if name.endswith(OUTCOMES) else "rows"])
    lines = [head, ["---"] * len(head), *body]
    machine = result["machine"]
    origin = f"`{result['command']}`, {machine['cores']} cores, {machine['cpu']}, commit {str(result['commit'])[:8]}"
    if elsewhere := [commit[:8] for commit in result.get("trained_at", ()) if commit != result["commit"]]:
        origin += f", trained at {', '.join(elsewhere)}"
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{origin}\n"


def filled(text: str, folder: Path = RESULTS) -> str:
    """The text with every marked place filled anew."""
    return PLACE.sub(lambda place: f"{place[1]}{table(place[2], folder)}{place[4]}", text)


def main(arguments: Sequence[str]) -> int:
    """Write the READMEs, or with `--check` say whether they are up to date."""
    stale = 0
    for path in READMES:
        text = path.read_text(encoding="utf-8")
        made, name = filled(text), path.relative_to(ROOT)
        if "--check" in arguments:
            print(f"{name} is up to date" if made == text else f"{name} differs: run `hatch run tables`")
            stale |= made != text
        else:
            path.write_text(made, encoding="utf-8")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
