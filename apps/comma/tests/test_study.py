"""A study from its TOML to its report: made, gone on with, killed, refused."""

import json
import shutil
import tomllib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import working
from comma_align.train import prepare, train
from comma_app.study import asking, drive, estimate
from comma_app.study.asking import Sides, colours
from comma_app.study.cli import app
from comma_app.study.config import Study
from comma_app.study.drive import Job, conduct, plan
from comma_app.study.errors import PausedError, StudyError
from comma_app.study.folder import PAGE, RESULT, TABLES, begin
from comma_app.study.pieces import Piece, pieces, score_file
from comma_app.study.result import compute
from comma_app.study.reuse import take_folds, take_over
from comma_app.study.runs import base_run, run_folder, run_of
from comma_app.study.tasks import Asked
from comma_app.study.training import training
from comma_data.configfile import check
from comma_data.errors import ConfigError
from comma_data.protocol import Protocol
from comma_data.shards import ShardSet
from comma_data.split import Split, group_hash
from comma_data.writer import Description, write
from comma_encoders.folder import load, read_manifest
from comma_eval.errors import SeenError, UsageError
from comma_eval.items import read
from comma_eval.task import Needs, Report
from typer.testing import CliRunner


@pytest.fixture(scope="module", autouse=True)
def quick():
    """One thread, as in the processes that the tests start, and a cheap baseline."""
    threads, undo = torch.get_num_threads(), working.quicken()
    torch.set_num_threads(1)
    yield
    undo()
    torch.set_num_threads(threads)


def job_of(study, data, out, said=None):
    return Job(
        study=study,
        data=data,
        out=out,
        command="comma study tiny",
        say=([] if said is None else said).append,
        quiet=True,
    )


@pytest.fixture(scope="module")
def said():
    return []


@pytest.fixture(scope="module")
def finished(tiny, data, said, tmp_path_factory):
    out = tmp_path_factory.mktemp("studies") / "tiny"
    conduct(job_of(tiny, data, out, said))
    return out


@pytest.fixture(scope="module")
def result(finished):
    return json.loads((finished / RESULT).read_text())


def digest(folder):
    """Of the files that say what a model computes."""
    return sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.safetensors")))).hexdigest()


def figures(out):
    """What a result says, without how long it took."""
    told = json.loads((out / RESULT).read_text())
    models = [{key: value for key, value in model.items() if key != "seconds"} for model in told["models"]]
    return told["rows"], told["primary"], told["facts"], models


def test_every_piece_leaves_its_own_folder(finished):
    left = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    assert {"study.toml", "begun.json", "estimates.json", "study.json", "tables.md", "report.html"} <= left
    for fold in (0, 1):
        assert {f"runs/{name}/fold-{fold}/manifest.json" for name in ("before", "ours", "clip")} <= left
        assert {f"scores/fold-{fold}/protocols,view=precursors{end}" for end in (".json", ".parquet")} <= left
        assert f"vectors/fold-{fold}.npz" in left


def test_the_result_has_the_form_of_a_committed_one(result):
    assert {"what", "command", "commit", "trained_at", "machine", "versions", "seconds", "rows"} <= result.keys()
    assert {"cpu", "gpu", "cores", "memory_gib"} == result["machine"].keys()
    for row in result["rows"]:
        assert list(row)[-5:] == ["metric", "value", "low", "high", "n"]
        assert row["low"] is None or row["low"] <= row["value"] <= row["high"]
    assert str(Path.cwd()) not in json.dumps(result)


def test_figures_are_those_of_the_answers_of_both_folds(finished, result):
    files = [finished / "scores" / f"fold-{fold}" / "protocols,view=precursors.parquet" for fold in (0, 1)]
    question = {"model": "clip", "direction": "structure -> protocol", "view": "precursors"}
    values: dict[str, list[float]] = {}
    for item in (item for file in files for item in read(file)):
        if item.metric == "R@1" and question.items() <= item.labels.items():
            values.setdefault(item.group, []).append(item.value)
    (row,) = [
        r for r in result["rows"] if r["metric"] == "R@1" and question.items() <= r.items() and "against" not in r
    ]
    assert row["n"] == len(values)
    assert row["value"] == pytest.approx(np.mean([np.mean(of) for of in values.values()]))


def test_every_model_meets_every_line(result):
    pairs = {(row["model"], row["against"]) for row in result["rows"] if "against" in row}
    lines = {"chance", "element overlap", "composition MLP"}
    assert {("ours", line) for line in {*lines, "clip"}} | {("clip", line) for line in lines} <= pairs
    assert not any("before" in pair for pair in pairs)


def test_the_primary_outcome_is_measured_by_the_better_line(result):
    (outcome,) = result["primary"]
    values = {
        row["model"]: row["value"]
        for row in result["rows"]
        if row["metric"] == "R@1"
        and row["direction"] == "structure -> protocol"
        and "model" in row
        and "against" not in row
    }
    assert outcome["against"] == max(("element overlap", "clip"), key=values.__getitem__)
    assert outcome["difference"]["value"] == pytest.approx(values["ours"] - values[outcome["against"]])


def test_validations_of_both_folds_are_told_along_the_samples(finished, result, tiny):
    """Of the last validation, by what the runs wrote themselves."""
    for name in ("ours", "clip"):
        told, steps = [], []
        for fold in (0, 1):
            lines = (run_folder(finished, name, fold) / "metrics.jsonl").read_text().splitlines()
            last = [event for event in map(json.loads, lines) if "validation" in event][-1]
            steps.append(last["step"])
            told += [
                one["R@1"] for one in last["validation"] if (one["query"], one["gallery"]) == ("structure", "text")
            ]
        row = [r for r in result["training"] if r["model"] == name and r["direction"] == "structure -> text"][-1]
        assert (row["metric"], row["part"], row["n"]) == ("R@1", "validation", 2)
        assert row["value"] == pytest.approx(np.mean(told))
        assert float(row["samples seen"]) == np.mean(steps) * base_run(tiny, name).batch_size
    assert "While they were trained" in (finished / PAGE).read_text()


def test_only_what_every_fold_reached_is_told_of_a_training(tmp_path, tiny):
    """A fold that ended early does not change whose mean it is; a place that a killed run saw twice counts once."""
    validation = [{"query": "structure", "gallery": "text", "pool": 7, "R@1": 0.5}]
    for fold, epochs in ((0, (1, 1, 2)), (1, (1,))):
        for name in tiny.models:
            run = run_folder(tmp_path, name, fold)
            run.mkdir(parents=True)
            events = [{"stage": "align", "step": 10 * e, "epoch": e, "validation": validation} for e in epochs]
            (run / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    rows = training(tiny, tmp_path)
    assert [row.labels["model"] for row in rows] == list(tiny.models)
    assert {(row.metric, row.value, row.n, row.labels["pool"]) for row in rows} == {("R@1", 0.5, 2, "7")}


def left_by(run, stages, train):
    """The folder of a finished run: (stage, steps) one after the other, validated at the end of each."""
    (run / "predictor").mkdir(parents=True)
    facts = {"steps": sum(stages.values()), "seconds": 1.0, "parameters": 9}
    (run / "manifest.json").write_text(json.dumps({"samples": {"train": train}, "trained": facts}))
    events = [
        {"stage": stage, "step": step, "epoch": step, **({"validation": {"MAE": 0.5}} if step == steps else {})}
        for stage, steps in stages.items()
        for step in range(1, steps + 1)
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


@pytest.mark.parametrize(
    ("stages", "labels", "train", "distinct", "seen"),
    [
        ({"supervised": 10}, 60, 22000, 60, [600]),  # a batch holds all of the labels
        ({"supervised": 10}, 300, 22000, 300, [1280]),
        ({"supervised": 10}, 0, 22000, 22000, [1280]),
        ({"supervised": 10}, 0, 50, 50, [500]),
        ({"pretrain": 7, "supervised": 10}, 60, 22000, 22000, [7 * 128, 7 * 128 + 600]),
        ({"align": 7}, 60, 22000, 22000, [7 * 128]),  # which knows no labels
    ],
)
def test_a_budget_of_labels_is_what_a_supervised_training_learns_from(
    tmp_path, values, *, stages, labels, train, distinct, seen
):
    settings = {"stages": list(stages), "batch_size": 128, "supervised": {"target": "length", "labels": labels}}
    values["models"] = {"ours": {"settings": settings}}
    study = Study(**values | {"primary": [], "map": {}})
    for fold in (0, 1):
        left_by(run_folder(tmp_path, "ours", fold), stages, train)
    (cost,) = compute(study, tmp_path)
    assert (cost["distinct samples"], cost["samples seen"]) == (distinct, 2 * seen[-1])
    assert [row.labels["samples seen"] for row in training(study, tmp_path)] == list(map(str, seen))


def test_models_start_from_those_of_their_own_fold(finished):
    for fold in (0, 1):
        model = read_manifest(run_folder(finished, "ours", fold) / "model")
        config = tomllib.loads((run_folder(finished, "ours", fold) / "config.toml").read_text())
        assert config["start"] == str(run_folder(finished, "before", fold))
        assert (config["seed"], model["split"]["test_fold"]) == (fold, fold)
    assert "start" in tomllib.loads((run_folder(finished, "clip", 0) / "config.toml").read_text())


def test_what_a_model_starts_from_counts_as_its_cost(result):
    cost = {model["model"]: model for model in result["models"]}
    assert cost["ours"]["steps"] == cost["before"]["steps"] + cost["clip"]["steps"]
    assert cost["ours"]["starts from"] == "before"
    assert cost["ours"]["samples seen"] > cost["clip"]["samples seen"] > 0


def test_no_model_saw_what_it_was_asked(finished, data):
    for fold in (0, 1):
        held_out = {
            group_hash(row.formula) for row in ShardSet(data).rows if Split(test_fold=fold).part(row.fold) == "test"
        }
        assert not held_out & set(read_manifest(run_folder(finished, "ours", fold) / "model")["groups_seen"])


def test_the_page_and_the_tables_tell_the_same(finished, result):
    page, tables = (finished / "report.html").read_text(), (finished / TABLES).read_text()
    (outcome,) = result["primary"]
    for text in (page, tables):
        assert outcome["verdict"] in text
        assert f"{outcome['difference']['value']:.3f} (" in text
        assert "starts from what was pre-trained" in text
    assert page.count("<svg ") == 1 + 2 + 2 + 2  # outcomes, two directions, two maps, two directions of validation


def test_vectors_are_those_of_the_model(finished, data):
    with np.load(finished / "vectors" / "fold-0.npz") as arrays:
        assert {key.rpartition("/")[0] for key in arrays.files} == {
            f"{m}/{k}" for m in ("ours", "clip") for k in ("structure", "text")
        }
        vectors, colours = arrays["clip/structure/vectors"], arrays["clip/structure/colours"]
    rows = [row for row in ShardSet(data).rows if Split(test_fold=0).part(row.fold) == "test"]
    assert len(vectors) == len(rows)
    assert set(colours) == {3.0}
    samples = [ShardSet(data).read(ShardSet(data).position(row.id)) for row in rows]
    z = load(run_folder(finished, "clip", 0) / "model").embed(samples)["structure"].z.numpy()
    assert np.allclose(np.sort(z, axis=0), np.sort(vectors, axis=0), atol=1e-5)


def test_a_map_leaves_out_protocols_that_say_nothing(tiny, data, finished, tmp_path):
    """A recipe whose only precursor is its target has no words; the other samples keep their places."""
    samples = list(ShardSet(data))
    row = next(row for row in ShardSet(data).rows if Split(test_fold=0).part(row.fold) == "test")
    mute = Protocol(target="", precursors=(), operations=())
    (place,) = (i for i, sample in enumerate(samples) if sample.id == row.id)
    empty = {**samples[place].fields, "text": ((),) * 2}
    samples[place] = replace(samples[place], fields=empty, annotations={"text": (mute, mute)})
    write(samples, tmp_path / "data", Description(name="mute", build={}, inputs={}, counts={}, joined={}))
    (tmp_path / "runs").symlink_to(finished / "runs")
    asking.keep_vectors(tiny, tmp_path, Piece(kind="map", name="map", fold=0), ShardSet(tmp_path / "data"))
    with np.load(tmp_path / "vectors" / "fold-0.npz") as arrays:
        counts = {kind: len(arrays[f"clip/{kind}/vectors"]) for kind in ("structure", "text")}
    assert counts["text"] == 2 * (counts["structure"] - 1) > 0


def test_the_estimate_is_told_before_the_first_piece(said, tiny):
    assert said[0].splitlines()[-1].startswith("left")
    assert len(said[0].splitlines()) == len(list(pieces(tiny))) + 1
    assert "[1/" in said[1]


def test_a_finished_study_only_reports(tiny, data, finished, monkeypatch):
    before, stamps = figures(finished), {p: p.stat().st_mtime_ns for p in (finished / "runs").rglob("*")}
    (finished / RESULT).unlink()
    monkeypatch.setattr(drive, "do", None)
    conduct(job_of(tiny, data, finished))
    assert figures(finished) == before
    assert {p: p.stat().st_mtime_ns for p in (finished / "runs").rglob("*")} == stamps


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_and_tells_the_same(data, tmp_path, finished):
    out = tmp_path / "study"
    for moment, number, code in working.STOPS:
        assert working.ending(working.study_process(working.TINY, data, out, moment, number)) == code, moment
        assert not (out / RESULT).exists()
    assert working.ending(working.study_process(working.TINY, data, out, "", 0)) == 0
    assert figures(out) == figures(finished)


@pytest.mark.slow
def test_time_that_is_over_pauses_after_a_piece(tiny, data, finished, tmp_path):
    out, count = tmp_path / "study", len(list(pieces(tiny)))
    with pytest.raises(PausedError, match=rf"0 minutes are over; {count - 1} pieces are left") as paused:
        conduct(job_of(tiny, data, out), minutes=0)
    assert paused.value.exit_code == 4
    conduct(job_of(tiny, data, out))
    assert figures(out) == figures(finished)


@pytest.mark.slow
def test_trainings_of_another_study_are_taken_over_where_they_are_the_same(values, data, finished, tmp_path):
    values["models"]["clip"]["settings"]["epochs"] = 1
    study, said, out = check(Study, values | {"name": "again", "folds": [0]}), [], tmp_path / "study"
    conduct(replace(job_of(study, data, out, said), runs=(finished,)))
    taken = [line for line in said if "copied from" in line]
    names = ("before", "ours")
    assert [line.rpartition(" ")[2] for line in taken] == [str(finished / "runs" / name / "fold-0") for name in names]
    for name in names:
        same = [folder / "runs" / name / "fold-0" / "model" for folder in (finished, out)]
        assert digest(same[0]) == digest(same[1])


@pytest.mark.slow
def test_folds_of_one_study_are_joined_from_several_folders(tiny, data, finished, tmp_path, monkeypatch):
    parts = [tmp_path / name for name in ("first", "second")]
    for fold, part in enumerate(parts):  # as a machine each would leave them
        study = tiny.model_copy(update={"folds": (fold,)})
        begin(part, study, ShardSet(data).manifest.data_hash)
        for kept in ("runs/*", "scores", "vectors"):
            for found in finished.glob(f"{kept}/fold-{fold}*"):
                target = part / found.relative_to(finished)
                target.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if found.is_dir() else shutil.copy)(found, target)
        for manifest in part.glob("runs/*/*/manifest.json"):
            manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"commit": f"of {part.name}"}))
    said, out = [], tmp_path / "study"
    for idle in ("do", "kept"):
        monkeypatch.setattr(drive, idle, lambda *_: pytest.fail("nothing is left to do"))
    conduct(replace(job_of(tiny, data, out, said), runs=tuple(parts)))
    assert [line for line in said if "copied from" in line] == [
        f"fold {fold} was done already: copied from {part}" for fold, part in enumerate(parts)
    ]
    assert figures(out) == figures(finished)
    assert json.loads((out / RESULT).read_text())["trained_at"] == ["of first", "of second"]


def test_a_fold_is_joined_as_a_whole_or_not_at_all(tiny, values, data, finished, tmp_path):
    mine = ShardSet(data).manifest.data_hash
    assert list(take_folds(tiny, tmp_path / "a", [finished], "another hash")) == []
    other = check(Study, values | {"question": "another?"})
    assert list(take_folds(other, tmp_path / "b", [finished], mine)) == []
    begin(tmp_path / "c", tiny, mine)
    run_folder(tmp_path / "c", "ours", 1).mkdir(parents=True)
    assert list(take_folds(tiny, tmp_path / "c", [finished], mine)) == [(0, finished)]
    half = tmp_path / "half"
    shutil.copytree(finished, half)
    score_file(half, next(piece for piece in pieces(tiny) if piece.kind == "score")).unlink()
    assert [fold for fold, _ in take_folds(tiny, tmp_path / "d", [half], mine)] == [1]


def test_a_training_that_was_interrupted_goes_on_and_is_not_taken_over(tiny, data, finished, tmp_path, monkeypatch):
    """A folder of another study has the same training, and its own one has begun."""
    where, begun = run_folder(tmp_path, "clip", 0), []
    prepare(run_of(tiny, "clip", 0, tmp_path), data, where)
    monkeypatch.setattr(drive, "train", lambda *job, **_: begun.append(job[2]))
    said, piece = [], Piece(kind="train", name="clip", fold=0)
    job = replace(job_of(tiny, data, tmp_path, said), runs=(finished,))
    sides = Sides(data=ShardSet(data), part="test")
    drive.do(job, piece, sides)
    assert begun == [where]
    assert said == [f"it was begun already, and goes on in {where}"]
    (where / "config.toml").unlink()  # as a kill leaves it before it is a run
    drive.do(job, piece, sides)
    assert begun == [where]
    assert "copied from" in said[1]


def test_trainings_on_other_data_are_not_taken_over(tiny, data, other_data, finished, tmp_path):
    assert take_over(tiny, Piece(kind="train", name="clip", fold=0), tmp_path, [finished], "another hash") is None
    mine = ShardSet(data).manifest.data_hash
    assert take_over(tiny, Piece(kind="train", name="clip", fold=1), tmp_path, [finished], mine) is not None


def test_a_training_with_a_start_is_taken_over_where_it_began_with_the_same_weights(tiny, data, finished, tmp_path):
    mine = ShardSet(data).manifest.data_hash
    before, ours = (Piece(kind="train", name=name, fold=1) for name in ("before", "ours"))
    moved = tmp_path / "moved"
    shutil.copytree(finished, moved)
    assert take_over(tiny, ours, tmp_path / "out", [moved], mine) is None
    take_over(tiny, before, tmp_path / "out", [moved], mine)
    assert take_over(tiny, ours, tmp_path / "out", [moved], mine) == run_folder(moved, "ours", 1)
    shutil.rmtree(run_folder(tmp_path / "out", "ours", 1))
    manifest = run_folder(tmp_path / "out", "before", 1) / "model" / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"sha256": told["sha256"] | {"model.safetensors": "0" * 64}}))
    assert take_over(tiny, ours, tmp_path / "out", [moved], mine) is None


def test_trainings_are_taken_over_from_studies_alone(tiny, data, tmp_path):
    with pytest.raises(StudyError, match=r"holds no trainings of a study"):
        conduct(replace(job_of(tiny, data, tmp_path / "study"), runs=(tmp_path,)))


def test_all_folds_are_asked_only_where_nothing_learns(values):
    values["tasks"]["protocols"]["part"] = "all"
    with pytest.raises(ConfigError, match=r"tasks\.protocols\.part: all folds are asked"):
        check(Study, values)


def test_what_a_model_saw_is_left_out_where_a_task_says_so(tiny, data, finished, monkeypatch):
    """A task that leaves out seen samples is given those of folds that the models were trained without."""
    given = []
    needs = Needs(train=None, test=frozenset({"structure"}), leave_out_seen=True)
    task = SimpleNamespace(needs=needs, model_of=lambda model: model, run=lambda *_: None)
    monkeypatch.setattr(
        asking, "answered", lambda _, models, both: given.append((models, both)) or Report(task="x", rows=())
    )
    monkeypatch.setattr(asking, "questions", lambda _: {"x": ("protocols", Asked(task=task, labels={}))})
    monkeypatch.setattr(asking, "items_file", lambda *_: finished / "nowhere.parquet")
    monkeypatch.setattr(asking, "score_file", lambda *_: finished / "nowhere.json")
    study = tiny.model_copy(update={"tasks": {"protocols": tiny.tasks["protocols"].model_copy(update={"part": "all"})}})
    asking.score(study, finished, Piece(kind="score", name="x", fold=0), Sides(data=ShardSet(data), part="test"))
    ((models, both),) = given
    assert set(models) == {"ours", "clip"}
    assert {sample.groups["fold"] for sample in both.test} == {"0", "1"}


@pytest.mark.parametrize("leave_out", [False, True])
def test_all_folds_of_what_a_model_will_have_seen_are_refused_before_it_is_trained(tiny, data, monkeypatch, leave_out):
    needs = Needs(train=None, test=frozenset({"structure"}), leave_out_seen=leave_out)
    task = SimpleNamespace(needs=needs, model_of=lambda model: model, run=lambda *_: None)
    monkeypatch.setattr(estimate, "questions", lambda _: {"x": ("protocols", Asked(task=task, labels={}))})
    study = tiny.model_copy(update={"tasks": {"protocols": tiny.tasks["protocols"].model_copy(update={"part": "all"})}})
    sides = Sides(data=ShardSet(data), part="test")
    everything = {group_hash(row.group or row.formula) for row in sides.data.rows}
    none = dict.fromkeys(study.models, ())
    estimate.refuse_known(study, sides, none)
    before = dict(none, before=everything)  # `ours` starts from it
    with pytest.raises(SeenError, match=r"tasks\.x: ours: the model has seen"):
        estimate.refuse_known(study, sides, before)
    some = dict(none, ours=sorted(everything)[:1])
    if leave_out:
        estimate.refuse_known(study, sides, some)
    else:
        with pytest.raises(SeenError, match=r"tasks\.x: ours: the model has seen 1 of"):
            estimate.refuse_known(study, sides, some)


def test_a_dry_run_tells_what_is_done_and_leaves_nothing(tiny, data, finished, tmp_path, values):
    lines = plan(job_of(tiny, data, tmp_path / "study"))
    assert sum(line.startswith("to do") for line in lines) == len(list(pieces(tiny)))
    assert any("steps" in line and "weights" in line for line in lines)
    assert not (tmp_path / "study").exists()
    assert sum(line.startswith("done") for line in plan(job_of(tiny, data, finished))) == len(list(pieces(tiny)))


def test_a_study_that_changed_is_refused_by_its_keys(data, finished, values):
    values["common"]["epochs"] = 3
    with pytest.raises(StudyError, match=r"models\.before\.settings\.epochs, .* changed") as refused:
        conduct(job_of(Study(**values), data, finished))
    assert refused.value.exit_code == 2


def test_other_data_are_refused(tiny, other_data, finished):
    for go in (conduct, plan):
        with pytest.raises(StudyError, match="begun on other data"):
            go(job_of(tiny, other_data, finished))


def test_a_folder_of_other_things_is_refused(tiny, data, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StudyError, match="holds other things than a study"):
        conduct(job_of(tiny, data, tmp_path))
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == ["thesis.tex"]


def test_two_processes_do_not_work_on_one_study(tiny, data, finished):
    with drive.held(finished), pytest.raises(StudyError, match="another process works on this study"):
        conduct(job_of(tiny, data, finished))


@pytest.mark.parametrize("go", [conduct, plan])
def test_a_first_model_that_saw_the_test_groups_is_refused_at_once(go, data, tmp_path, values, finished):
    """A model of fold 1 was trained on fold 3 and others, some of which this study asks."""
    del values["models"]["ours"]["start"]
    values["models"]["ours"]["settings"] = {"start": str(run_folder(finished, "clip", 1))}
    with pytest.raises(SeenError, match="has seen") as refused:
        go(job_of(Study(**(values | {"folds": [3]})), data, tmp_path / "study"))
    assert refused.value.exit_code == 3
    assert not (tmp_path / "study" / "runs").exists()


@pytest.mark.slow
def test_a_model_that_saw_the_test_groups_gets_no_score(tiny, data, finished, tmp_path, values):
    """The manifest of a trained model is what decides, whatever was checked before."""
    one = Study(**(values | {"folds": [0]}))
    out = tmp_path / "study"
    with pytest.raises(PausedError):
        conduct(job_of(one, data, out), minutes=0)
    for name in ("ours", "clip"):
        other = base_run(one, name).model_copy(update={"name": name, "test_fold": 2})
        train(other, data, run_folder(out, name, 0), quiet=True)
    with pytest.raises(SeenError):
        conduct(job_of(one, data, out))


def test_an_outcome_without_a_question_is_refused_before_anything_is_trained(data, tmp_path, values):
    values["primary"][0]["where"]["view"] = "masked"
    with pytest.raises(StudyError, match="no question of protocols fit"):
        conduct(job_of(Study(**values), data, tmp_path / "study"))
    assert not (tmp_path / "study" / "runs").exists()


@pytest.mark.slow
def test_what_fails_its_rehearsal_is_not_begun_and_can_be_corrected(tiny, data, tmp_path, values):
    out = tmp_path / "study"
    values["primary"][0]["where"]["view"] = "masked"
    with pytest.raises(StudyError, match="no question of protocols fit"):
        conduct(job_of(Study(**values), data, out))
    assert [path.name for path in out.iterdir()] == [".lock"]
    with pytest.raises(PausedError):
        conduct(job_of(tiny, data, out), minutes=0)
    assert {"study.toml", "begun.json", "estimates.json"} <= {path.name for path in out.iterdir()}


def test_an_outcome_is_doubted_where_not_all_samples_were_looked_at(data, tmp_path, values, monkeypatch):
    monkeypatch.setattr(estimate.rehearse.__globals__["thinned"], "__code__", (lambda samples: samples[::2]).__code__)
    values["primary"][0]["where"]["view"] = "masked"
    lines = plan(job_of(Study(**values), data, tmp_path / "study"))
    assert any(line.startswith("doubt: primary 'better than overlap'") for line in lines)


def test_a_map_coloured_by_what_nobody_has_is_refused(data, tmp_path, values):
    values["map"]["colour"] = "lenght"
    with pytest.raises(StudyError, match="no sample has 'lenght'; did you mean 'length'"):
        conduct(job_of(Study(**values), data, tmp_path / "study"))


def test_colours_are_counted_or_targets(data):
    samples = list(ShardSet(data))[:3]
    assert colours(samples, "sites").tolist() == [5.0] * 3
    assert colours(samples, "length").tolist() == [sample.targets["length"] for sample in samples]


def test_a_model_with_a_baselines_name_is_refused_before_anything_is_trained(data, tmp_path, values):
    values["models"]["chance"] = values["models"].pop("clip")
    values["primary"][0]["against"] = ["element overlap"]
    with pytest.raises(UsageError, match="cannot be called 'chance'"):
        conduct(job_of(Study(**values), data, tmp_path / "study"))
    assert not (tmp_path / "study" / "runs").exists()


def test_baselines_alone_are_a_study_too(data, tmp_path, values):
    alone = Study(**{key: value for key, value in values.items() if key not in {"models", "primary", "map", "common"}})
    conduct(job_of(alone, data, tmp_path / "study"))
    told = json.loads((tmp_path / "study" / RESULT).read_text())
    assert {row["model"] for row in told["rows"] if "model" in row} >= {"chance", "element overlap", "composition MLP"}
    assert not any("against" in row for row in told["rows"])
    assert told["models"] == []


def supervised(values, **options):
    """A study of one property: an aligned model through a probe, and one that was trained to tell it."""
    telling = {"stages": ["supervised"], "supervised": {"target": "length", "epochs": 2}, "modalities": ["structure"]}
    telling |= {"encoders": {"structure": {"width": 16, "layers": 1}, "text": {}}}
    models = {"probe": {}, "telling": {"settings": telling}}
    common = {key: value for key, value in values["common"].items() if key != "encoders"}
    models["probe"]["settings"] = {"encoders": values["common"]["encoders"]}
    telling["encoders"].pop("text")
    tasks = {"length": {"task": "property", "options": {"target": "length", **options}}}
    primary = {
        "name": "p",
        "task": "length",
        "metric": "RMSE",
        "better": "lower",
        "model": "telling",
        "against": "probe",
    }
    primary["where"] = {"subset": "all"}
    kept = {key: values[key] for key in ("name", "question", "data")}
    return Study(**kept, folds=[0, 1], common=common, models=models, tasks=tasks, primary=[primary])


@pytest.mark.slow
def test_a_property_is_told_by_probes_and_by_what_was_trained_for_it(data, tmp_path, values):
    out = tmp_path / "study"
    conduct(job_of(supervised(values), data, out))
    told = json.loads((out / RESULT).read_text())
    of = {(row["model"], row["metric"]): row for row in told["rows"] if "model" in row and "against" not in row}
    assert {"telling", "probe"} <= {model for model, _ in of}
    for model in ("telling", "probe"):
        files = [out / "scores" / f"fold-{fold}" / "length.parquet" for fold in (0, 1)]
        answers = [item for file in files for item in read(file) if item.labels["model"] == model]
        square = np.mean([item.value for item in answers if item.metric == "squared error"])
        assert of[model, "RMSE"]["value"] == pytest.approx(np.sqrt(square))
    assert ("probe", "Spearman, mean of folds") in of
    assert not any(metric.startswith("coverage") for model, metric in of if model == "telling")
    assert (out / "report.html").read_text().count("Predicted and true values: ") >= 2
    assert told["primary"][0]["against"] == "probe"


@pytest.mark.slow
def test_models_of_a_budget_of_labels_are_compared_with_others_of_that_budget(data, tmp_path, values):
    study = supervised(values, labels=[20])
    telling = study.models["telling"]
    settings = {**telling.settings, "supervised": {**telling.settings["supervised"], "labels": 20}}
    models = {**study.models, "telling": telling.model_copy(update={"settings": settings})}
    out = tmp_path / "study"
    conduct(job_of(study.model_copy(update={"models": models}), data, out))
    told = json.loads((out / RESULT).read_text())
    assert {row.get("model") for row in told["rows"] if row.get("labels") == "20"} >= {"telling", "probe", "mean"}
    assert told["primary"][0]["against"] == "probe"


def test_a_model_that_had_all_labels_is_not_compared_with_few(data, tmp_path, values):
    with pytest.raises(StudyError, match=r"trained with \d+ labels, .* are given 20"):
        conduct(job_of(supervised(values, labels=[20]), data, tmp_path / "study"))
    assert not (tmp_path / "study" / "runs").exists()


def comma_study(*arguments):
    """The command on a study file, in this process."""
    done = CliRunner().invoke(app, list(map(str, arguments)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.mark.slow
def test_the_command_prints_verdicts_or_the_result_and_says_where_things_are(data, finished, result, tmp_path):
    (tmp_path / "tiny.toml").write_text(working.TINY)
    done = comma_study(tmp_path / "tiny.toml", "--data", data, "--out", finished)
    assert done.stdout.startswith(f"{result['primary'][0]['verdict']}: better than overlap: R@1 ours - ")
    assert "report.html is the report" in done.stderr
    told = json.loads(comma_study("run", tmp_path / "tiny.toml", "--data", data, "--out", finished, "--json").stdout)
    assert told["rows"] == result["rows"]
    assert told["command"].startswith("comma study ")


def test_a_dry_run_of_the_command_prints_the_pieces(data, finished, tmp_path):
    (tmp_path / "tiny.toml").write_text(working.TINY)
    done = comma_study("--dry-run", tmp_path / "tiny.toml", "--data", data, "--out", finished)
    assert done.stdout.count("done ") == 10
    assert "left" in done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_a_payload_in_the_study_does_not_run_in_the_page(tiny, data, finished, tmp_path):
    payload = "<script>alert(1)</script>"
    first = replace(job_of(tiny, data, finished), command=payload)
    changed = tiny.model_copy(update={"question": payload})
    drive.finish(changed, finished, ShardSet(data).manifest, first.command)
    page = (finished / "report.html").read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3
    assert "<script" not in (finished / TABLES).read_text()
    drive.finish(tiny, finished, ShardSet(data).manifest, "comma study tiny")
