import io
import json

import pytest
from comma_eval import report as report_module
from comma_eval.report import Grid, cell, grids, markdown, tables
from comma_eval.task import Report, Row
from rich.console import Console


def row(metric, value, low=None, high=None, **labels):
    return Row(labels={**labels}, metric=metric, value=value, low=low, high=high, n=7)


@pytest.fixture
def report():
    direction = {"direction": "structure -> protocol", "view": "precursors"}
    rows = (
        row("queries", 128.0, **direction),
        row("pool", 64.0, **direction),
        row("R@1", 0.015625, 0.015625, 0.015625, **direction, model="chance"),
        row("tied", 128.0, **direction, model="chance"),
        row("R@1", 0.5, 0.41, 0.6, **direction, model="mine"),
        row("tied", 0.0, **direction, model="mine"),
        row("R@1", 0.484, 0.4, 0.59, **direction, model="mine", against="chance"),
    )
    return Report(task="synthesis", rows=rows, facts={"fold": 0})


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.5, 0.41, 0.6, "0.500 (0.410 to 0.600)"),
        (1 / 64, 1 / 64, 1 / 64, "0.0156"),
        (128.0, None, None, "128"),
        (0.25, None, None, "0.250"),
        (3.2e-5, 1e-5, 9e-5, "3.2e-05 (1e-05 to 9e-05)"),
        (4.9e-4, 1e-4, 1e-3, "0.00049 (0.0001 to 0.001)"),
        (0.0, 0.0, 0.02, "0.000 (0.000 to 0.020)"),
        (1e-4, 1e-4, 1e-4, "0.0001"),
    ],
)
def test_cells(value, low, high, text):
    assert cell(row("R@1", value, low, high)) == text


def test_a_model_a_line_a_metric_a_column(report):
    figures, gains = grids(report)
    assert figures.title == "structure -> protocol, view precursors: queries 128, pool 64"
    assert figures.header == ("model", "R@1", "tied")
    assert figures.lines == (("chance", "0.0156", "128"), ("mine", "0.500 (0.410 to 0.600)", "0"))
    assert gains.header == ("model", "against", "R@1")
    assert gains.lines == (("mine", "chance", "0.484 (0.400 to 0.590)"),)


def test_markdown_and_terminal_show_the_same_cells(report):
    console = Console(file=io.StringIO(), width=160)
    for table in tables(report):
        console.print(table)
    for text in ("0.500 (0.410 to 0.600)", "0.0156", "128"):
        assert text in markdown(report)
        assert text in console.file.getvalue()


def test_json_has_the_form_of_a_result(report):
    document = json.loads(report.to_json())
    assert document["task"] == "synthesis"
    assert document["facts"] == {"fold": 0}
    for found in document["rows"]:
        assert {"metric", "value", "low", "high", "n", "view", "direction"} <= found.keys()


def test_brackets_of_data_sets_are_no_markup():
    grid = Grid(title="of [bmim]PF6", header=("[step]", "n"), lines=(("Mixed [Cu(NH3)4]SO4 and [/closing]", "1"),))
    screen = Console(file=io.StringIO(), width=120)
    screen.print(report_module.table(grid))
    told = screen.file.getvalue()
    assert "of [bmim]PF6" in told
    assert "[step]" in told
    assert "Mixed [Cu(NH3)4]SO4 and [/closing]" in told
