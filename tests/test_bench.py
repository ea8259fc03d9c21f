"""The benchmark suite: what it writes and when it fails. Nothing here depends on how long anything takes."""

import importlib
import itertools
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
COMMITTED = ROOT / "benchmarks" / "results" / "bench.json"


def load(name):
    """A module of the suite; `python -m benchmarks` finds it from the root of the checkout."""
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"benchmarks.{name}")
    finally:
        sys.path.remove(str(ROOT))


compare = load("suite.compare")
measure = load("suite.measure")
form = load("results_form")


def ratio(name, value):
    return form.row(measure.RATIO, value, n=7, row=name)


def measurement(name="loss", ours=(1.0,) * 7, peer=(2.0,) * 7, **changes):
    costs = measure.Costs(comma=tuple(ours), peer=tuple(peer))
    return measure.Measurement(**{"name": name, "peer": "other", "sizes": "small", "costs": costs, **changes})


@pytest.mark.parametrize(
    ("now", "then", "slow"),
    [
        pytest.param(2.0, 2.0, False, id="equal"),
        pytest.param(9.0, 2.0, False, id="faster"),
        pytest.param(1.0, 2.0, False, id="exactly half"),
        pytest.param(0.999, 2.0, True, id="below half"),
        pytest.param(0.2, 0.3, False, id="slower than the peer, as before"),
    ],
)
def test_a_row_is_too_slow_below_half_of_the_committed_ratio(now, then, slow):
    (verdict,) = compare.compare([ratio("loss", now)], [ratio("loss", then)])
    assert verdict.too_slow is slow


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.integers() | st.text(), lambda some: st.lists(some) | st.dictionaries(st.text(), some)
        ),
    )
)
def test_a_result_is_json_with_an_entry_of_a_list_on_each_line(result):
    text = form.as_text(result)
    assert json.loads(text) == result
    lists = [one for one in result.values() if isinstance(one, list) and one]
    assert len(text.split("\n")) == 3 + max(len(result), 1) + sum(1 + len(one) for one in lists)


def test_a_result_holds_finite_numbers_only():
    with pytest.raises(ValueError, match="not JSON compliant"):
        form.as_text({"rows": [{"value": float("nan")}]})


def test_a_verdict_names_the_row_and_both_ratios():
    (verdict,) = compare.compare([ratio("step, textbook", 0.9)], [ratio("step, textbook", 2.5)])
    assert str(verdict) == "row 'step, textbook': ratio 0.9 is below half of the committed 2.5"


def test_rows_that_stand_on_one_side_only_are_reported_and_never_fail():
    verdicts = compare.compare([ratio("new", 0.1)], [ratio("old", 9.0)])
    assert [(v.name, v.ratio, v.committed, v.too_slow) for v in verdicts] == [
        ("new", 0.1, None, False),
        ("old", None, 9.0, False),
    ]


def test_absolute_figures_are_not_compared():
    now, then = [*measurement(ours=[50.0] * 7, peer=[100.0] * 7).rows()], [*measurement().rows()]
    (verdict,) = compare.compare(now, then)
    assert (verdict.ratio, verdict.committed, verdict.too_slow) == (2.0, 2.0, False)


def test_without_a_committed_file_there_are_no_rows(tmp_path):
    assert compare.read_rows(tmp_path / "none.json") == []


def test_a_measurement_gives_the_ratio_and_both_figures_in_the_form():
    found = [form.checked(row) for row in measurement(ours=range(1, 8), peer=[14.0] * 7, items=28).rows()]
    assert [row["metric"] for row in found] == [measure.RATIO, "seconds", "seconds"]
    assert [row["value"] for row in found] == [3.5, 7.0, 2.0]
    assert (found[0]["low"], found[0]["high"]) == (2.0, 14.0)
    assert all(row["row"] == "loss" and row["n"] == 7 for row in found)


@pytest.mark.parametrize(("n", "rank"), [(5, None), (6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (20, 6)])
def test_the_interval_takes_the_order_statistics_of_the_sign_test(n, rank):
    # ranks as in tables of the sign test's critical values at 5 %, two-sided
    expected = (None, None) if rank is None else (rank, n + 1 - rank)
    assert measure.interval([float(i) for i in range(n, 0, -1)]) == expected


@given(st.lists(st.floats(0.01, 100), min_size=6, max_size=40))
def test_the_interval_holds_the_median(values):
    low, high = measure.interval(values)
    assert low <= sorted(values)[len(values) // 2] <= high


def test_pairs_are_measured_in_turn_after_an_uncounted_run_of_each():
    order, clock = [], itertools.count(1)
    costs = measure.alternate(
        lambda: order.append("comma"),
        lambda: order.append("peer"),
        pairs=3,
        cost=lambda work: (work(), float(next(clock)))[1],
    )
    assert order == ["comma", "peer", "comma", "peer", "peer", "comma", "comma", "peer"]
    assert (costs.comma, costs.peer) == ((1.0, 4.0, 5.0), (2.0, 3.0, 6.0))


def test_extra_peak_sees_what_was_allocated_and_given_back():
    memory = load("suite.memory")
    if not memory.AVAILABLE:
        pytest.skip("only Linux tells the peak of the resident size")
    assert memory.extra_peak(lambda: bytearray(b"1") * (64 * 2**20)) == pytest.approx(64, abs=16)
    assert memory.extra_peak(lambda: None) < 8


def test_the_cores_that_others_take_are_what_the_machine_was_busy_without_us():
    load_of = load("suite.load")
    before = load_of.Reading(wall=10.0, machine=100.0, own=5.0)
    assert before.others(load_of.Reading(wall=20.0, machine=117.0, own=12.0)) == 1.0
    assert before.others(load_of.Reading(wall=20.0, machine=106.0, own=12.0)) == 0.0


def test_own_work_is_not_taken_for_that_of_others(monkeypatch):
    load_of = load("suite.load")
    if not load_of.STAT.is_file():
        pytest.skip("only Linux tells how busy the machine is")
    before = load_of.reading()
    sum(range(20_000_000))
    after = load_of.reading()
    assert after.own - before.own > 0.1
    assert after.machine - before.machine > 0.5 * (after.own - before.own)
    monkeypatch.setattr(load_of, "STAT", ROOT / "none")
    assert load_of.others_since(before) is None


@pytest.fixture(scope="module")
def few():
    crystals = load("suite.crystals")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COMMA_DATA", raising=False)
        (textbook,) = crystals.collections()
    return crystals.Crystals(name="few", cifs=dict(crystals.spaced(list(textbook.cifs.items()), 5)))


@pytest.mark.filterwarnings(
    "ignore:Issues encountered while parsing CIF:UserWarning",  # thirds, rounded in the file
    # webdataset leaves the last shard's file to the garbage collector
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning",
)
def test_both_builds_hold_the_same_crystals(few, tmp_path):
    data, naive = load("suite.data"), load("suite.naive")
    few.write(tmp_path / "cifs")
    data._build(tmp_path, tmp_path / "comma")
    naive.build(tmp_path / "cifs", tmp_path / "naive")
    ours = sorted(
        (sorted(s.fields["structure"][0]["numbers"].tolist()), s.fields["structure"][0]["cell"].round(3).tolist())
        for s in data.ShardSet(tmp_path / "comma")
    )
    theirs = sorted(
        (sorted(s.atomic_numbers), s.lattice.matrix.round(3).tolist()) for s in naive.read(tmp_path / "naive")
    )
    assert len(ours) == 5
    assert ours == theirs


def test_the_losses_are_equal_where_each_row_has_one_positive():
    torch, loss = importlib.import_module("torch"), load("suite.loss")
    za, zb = (loss._unit_vectors(32, 8, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    scale = torch.tensor(14.0)
    torch.testing.assert_close(loss.info_nce(za, zb, torch.eye(32, dtype=torch.bool), scale), loss.clip(za, zb, scale))


@pytest.mark.parametrize("name", ["help", "loss", "image", "text", "build", "read", "step"])
def test_every_measurement_runs_and_fits_the_form(name, few, tmp_path, monkeypatch):
    run = load("suite.run")
    monkeypatch.setattr(load("suite.image"), "IMAGES", 2)
    monkeypatch.setattr(load("suite.text"), "PROTOCOLS", 4)
    free = {one: partial(run.FREE[one], pairs=1) for one in ("help", "image", "text")}
    free["loss"] = lambda: load("suite.loss").measure(16, 8, pairs=1)
    assert set(run.NAMES) == {*free, *run.ON_CRYSTALS}
    found = list(free[name]() if name in free else run.ON_CRYSTALS[name](few, pairs=1))
    path = form.write_result("bench", "test", "none", [row for m in found for row in m.rows()], 0.0, folder=tmp_path)
    written = compare.ratios(json.loads(path.read_text())["rows"])
    assert list(written) == [m.name for m in found]
    assert all(name in row for row in written)


def test_the_longer_measurement_has_every_pass_beside_each_peer(few):
    speed, structure, memory = load("encoders_speed"), load("suite.structure"), load("suite.memory")
    two = load("suite.crystals").Crystals(name="two", cifs=dict(list(few.cifs.items())[:2]))
    found = list(structure.measure(two, 1, {"MEGNet": speed.PASSES}))
    passes = [name for name in speed.PASSES if name != structure.MEMORY or memory.AVAILABLE]
    assert [m.name for m in found] == [f"{name}, MEGNet, two" for name in passes]
    assert all(form.checked(row) for m in found for row in m.rows())
    assert dict.fromkeys(structure.PEERS, speed.PASSES) == speed.BESIDE


@pytest.mark.parametrize(("there", "precisions"), [(True, ["bf16", "fp32"]), (False, ["fp32"])])
def test_the_longer_measurement_leaves_out_what_the_cpu_emulates(there, precisions, monkeypatch):
    speed, asked = load("encoders_speed"), []
    monkeypatch.setattr(speed.image, "computes_bf16", lambda: there)
    for part in (speed.structure, speed.text, speed.image):
        monkeypatch.setattr(part, "measure", lambda *given: asked.append(given) or [])
    assert list(speed.measurements("crystals", pairs=3)) == []
    assert asked == [("crystals", 3, speed.BESIDE), (3, precisions), (3,)]


def test_without_the_crystals_the_longer_measurement_says_what_to_set(monkeypatch, capsys):
    monkeypatch.delenv("COMMA_DATA", raising=False)
    assert load("encoders_speed").main([]) == 2
    assert "set COMMA_DATA" in capsys.readouterr().err


def test_the_committed_result_has_every_row_that_can_be_measured_without_other_data():
    result = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert set(result) == {"what", "command", "commit", "machine", "versions", "seconds", "rows"}
    for row in result["rows"]:
        assert form.checked(row) == row
    names = compare.ratios(result["rows"])
    assert {"help", "loss", "build, textbook", "read, textbook", "step, textbook"} <= set(names)
    assert all(value > 0 for value in names.values())


def test_the_command_fails_and_names_the_row_only_when_it_compares(monkeypatch, tmp_path, capsys):
    main = load("__main__")
    monkeypatch.setattr(main, "COMMITTED", tmp_path / "bench.json")
    monkeypatch.setattr(main.load, "others_since", lambda _: 0.1)
    ratios = iter([8.0, 2.0, 4.0, 3.9])
    monkeypatch.setattr(main, "measurements", lambda _: iter([measurement(peer=[next(ratios)] * 7)]))
    scratch = ["--out", str(tmp_path / "scratch" / "bench.json")]
    assert main.main(["--write"]) == 0
    assert main.main(scratch) == 1
    out, err = capsys.readouterr()
    assert "too slow" in out
    assert "other processes" not in err
    assert "error: row 'loss': ratio 2 is below half of the committed 8" in err
    assert main.main(scratch) == 0
    capsys.readouterr()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(main, "machine", lambda: {"cpu": "another kind"})
        elsewhere.setattr(main, "measurements", lambda _: iter([measurement(peer=[2.0] * 7)]))
        assert main.main(scratch) == 0
        assert "warning: row 'loss': ratio 2 is below half of the committed 8" in capsys.readouterr().err
    assert main.main([*scratch, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["rows"][0]["value"] == 3.9


def test_a_result_that_is_being_written_is_no_change_of_the_code(monkeypatch, tmp_path):
    def git(*words):
        named = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", str(tmp_path), *named, *words], check=True, capture_output=True)

    for file in ("code.py", "benchmarks/results/bench.json"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("1")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "all")
    monkeypatch.setattr(form, "ROOT", tmp_path)
    (tmp_path / "benchmarks/results/bench.json").write_text("2")
    assert len(form.commit()) == 40
    (tmp_path / "code.py").write_text("2")
    assert form.commit().endswith("+changes")


def test_a_busy_machine_is_warned_of_and_gives_no_committed_result(monkeypatch, tmp_path, capsys):
    main = load("__main__")
    monkeypatch.setattr(main, "COMMITTED", tmp_path / "committed" / "bench.json")
    monkeypatch.setattr(main, "measurements", lambda _: iter([measurement()]))
    monkeypatch.setattr(main.load, "others_since", lambda _: 0.9)
    scratch = ["--out", str(tmp_path / "bench.json")]
    assert main.main(scratch) == 0
    assert "warning: other processes kept 0.9 cores busy" in capsys.readouterr().err
    assert main.main([*scratch, "--write"]) == 1
    assert "error: other processes kept 0.9 cores busy" in capsys.readouterr().err
    assert not main.COMMITTED.exists()
    monkeypatch.setattr(main.load, "others_since", lambda _: None)
    assert main.main([*scratch, "--write"]) == 0
    assert main.COMMITTED.exists()


@pytest.mark.parametrize("arguments", [["--write", "--only", "loss"], ["--out", "table.txt"], ["--only", "los"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        load("__main__").main(arguments)
    assert stopped.value.code == 2
    assert "usage: hatch run bench" in capsys.readouterr().err
