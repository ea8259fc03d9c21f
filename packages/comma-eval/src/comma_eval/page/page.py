"""A page from its content, and the content of a page about one report."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from comma_data.pages.page import environment
from jinja2 import Environment

from comma_eval.metrics import Interval
from comma_eval.page.bars import bars
from comma_eval.page.confusion import confusion_grids, confusions, without
from comma_eval.page.content import SEEN, Page
from comma_eval.page.curves import curves
from comma_eval.page.drawing import Picture
from comma_eval.page.forest import forest, gain
from comma_eval.page.maps import picture
from comma_eval.page.parity import parities
from comma_eval.page.rows import counted, questions
from comma_eval.report import AGAINST, MODEL, belongs, grids, numeric
from comma_eval.task import Report, Row

TEMPLATES = Path(__file__).parent / "templates"
GAINED = "gained over"
"""What the title of a table of differences has in it."""


def render(page: Page) -> str:
    """The HTML; the same content gives the same bytes."""
    tables = [*grids(without(page.report)), *confusion_grids(page.report.rows)]
    return (
        _environment()
        .get_template("evaluation.html")
        .render(
            page=page,
            forest=forest(page.outcomes),
            pictures=pictures(page),
            training=curves(page.training, SEEN),
            tables=[table for table in tables if GAINED not in table.title],
            differences=[table for table in tables if GAINED in table.title],
            facts=page.report.facts,
        )
    )


def of_report(report: Report) -> Page:
    """The page about one report of `comma eval`."""
    lead = "Scores beside what they have to beat, on samples that training never saw."
    return Page(title=f"Evaluation: {report.task}", lead=lead, report=report)


def pictures(page: Page) -> list[Picture]:
    """Every figure that the content has the makings of."""
    rows = [row for row in page.report.rows if AGAINST not in row.labels]
    along = counted(rows)
    single = [q for q in questions(rows) if not set(along) & q.labels.keys()]
    ours = under_test(page.report.rows)
    return [
        *(made for q in single if (made := bars(q, ours))),
        *(made for name in along for made in curves(rows, name)),
        *parities(page.report.items, ours),
        *confusions(rows),
        *map(picture, page.maps),
    ]


def under_test(rows: Sequence[Row]) -> frozenset[str]:
    """All answers of the models under test, which alone are compared with lines."""
    compared = {row.labels[MODEL] for row in rows if AGAINST in row.labels}
    answers = {row.labels[MODEL] for row in rows if MODEL in row.labels}
    return frozenset(answer for answer in answers if any(belongs(answer, model) for model in compared))


def interval(found: Interval) -> str:
    """`0.786 (0.757 to 0.814)`."""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(TEMPLATES, interval=interval, gain=gain, right=numeric)
