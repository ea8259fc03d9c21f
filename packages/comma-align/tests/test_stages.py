"""What the settings of a run do: each is switched on and seen to work."""

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from comma_align import cli, predictor, train
from comma_align.average import Average
from comma_align.checkpoint import checkpoints
from comma_align.dry import _listed, dry_run, sources, tried
from comma_align.errors import AlignError, EmptyError, RunError
from comma_align.folder import seen
from comma_align.loop import Loop, Place
from comma_align.objective import Loss
from comma_align.precision import Scaling
from comma_align.recall import as_json
from comma_align.source import drawn, open_source
from comma_align.stage import Score
from comma_align.stages.supervised import learnt
from comma_data.configfile import dump_toml
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import group_hash, in_label_order
from comma_data.writer import Description, write
from comma_encoders import folder as model_folder
from comma_encoders import locate
from comma_encoders.errors import MissingDependencyError
from comma_encoders.modalities import text as text_folder
from tiny_run import settings


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def loop_of(run, data, out, stage="align"):
    job = train.prepare(run, data, out)
    return Loop(job.stage(stage), Place(run=run, out=out, accelerator=job.accelerator, quiet=True))


def metrics(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def losses(out):
    return [entry["loss"] for entry in metrics(out) if "loss" in entry]


def gradients(loop):
    parts = loop.stage.steps[0]
    loop.stage.modules.train()
    loss = loop.stage.backward(parts, 0, lambda x: x)
    return len(parts), loss, {n: p.grad.clone() for n, p in loop.stage.modules.named_parameters() if p.grad is not None}


STILL = {"text": {"width": 16, "heads": 2, "dropout": 0.0}, "structure": {"width": 16, "layers": 1},
         "composition": {"width": 16, "dropout": 0.0}}  # fmt: skip


@pytest.mark.parametrize("kind", ["infonce", "sigmoid", "no_negatives", "max_margin", "clip", "cmc"])
def test_a_batch_in_parts_has_the_gradients_of_the_whole(data, tmp_path, kind):
    found = {}
    for budget in (0, 200):
        run = settings(
            data,
            encoders=STILL,
            edge_budget=budget,
            objective={"kind": kind, "pairs": ["chain:structure-text-composition"]},
        )
        loop = loop_of(run, data, tmp_path / f"{kind}-{budget}")
        found[budget] = gradients(loop)
    (one, whole, expected), (several, parts, got) = found[0], found[200]
    assert one == 1 < several
    assert parts.total == pytest.approx(whole.total, rel=1e-6)
    assert got.keys() == expected.keys()
    size = max(float(gradient.abs().max()) for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-4, atol=1e-5 * size)


def test_batch_normalisation_is_refused_where_a_batch_is_cut(data, tmp_path):
    changes = {
        "stages": ("supervised",), "modalities": ("composition", "image"), "augmentation": {},
        "supervised": {"target": "length", "epochs": 1},
        "encoders": {"image": {"backbone": "resnet10t", "pixels": 64}, "composition": {"width": 16}},
    }  # fmt: skip
    with pytest.raises(RunError, match=r"encoders\.image has batch norm.* with edge_budget = 9 .* Remedy: a backbone"):
        train.prepare(settings(data, edge_budget=9, **changes), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    whole = settings(data, **changes)
    model = train.prepare(whole, data, tmp_path / "run").model
    with pytest.raises(RunError, match="with 2 processes"):
        train.refuse_batch_norm(model, whole, 2)
    without = settings(data, edge_budget=9)
    train.refuse_batch_norm(train.make_model(without), without, 2)


def test_dropout_leaves_out_the_same_in_both_passes(data, tmp_path):
    run = settings(data, edge_budget=200)
    loop = loop_of(run, data, tmp_path / "run")
    parts = loop.stage.steps[0]
    loop.stage.modules.train()
    first, again = (loop.stage._embedded(parts[0], 0, 0) for _ in range(2))
    other = loop.stage._embedded(parts[0], 1, 0)
    assert torch.equal(first["text"].z, again["text"].z)
    assert not torch.equal(first["text"].z, other["text"].z)


@pytest.mark.slow
def test_a_mean_of_weights_is_validated_saved_and_resumed(data, tmp_path):
    run = settings(data, epochs=4, optimizer={"ema": 0.9})
    train.train(run, data, tmp_path / "whole", quiet=True)
    loop = loop_of(run, data, tmp_path / "cut")
    with pytest.raises(ZeroDivisionError):
        _stop_after(loop, 3)
    train.train(run, data, tmp_path / "cut", quiet=True)
    weights = "model/model.safetensors"
    assert (tmp_path / "cut" / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()
    train.train(settings(data, epochs=4), data, tmp_path / "last", quiet=True)
    assert (tmp_path / "last" / weights).read_bytes() != (tmp_path / "whole" / weights).read_bytes()


def _stop_after(loop, steps):
    from comma_align import checkpoint

    real = loop._after

    def after(taken, step, *, stopping):
        real(taken, step, stopping=stopping)
        if step + 1 == steps:
            checkpoint.save(loop.saved, loop.state, loop.kept, loop.stage.optimizer)
            raise ZeroDivisionError

    loop._after = after
    loop.run()


def test_a_mean_follows_the_weights():
    live = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2)})
    average = Average(live, 0.5)
    with torch.no_grad():
        live["a"].weight.fill_(1.0)
    for step in range(100):
        average.update(step)
    with average.in_place():
        torch.testing.assert_close(live["a"].weight, torch.ones(2, 2))
    assert len(Average(live, 0.0).kept) == 1


def test_a_run_ends_early_with_the_best_weights(data, tmp_path, monkeypatch):
    run = settings(data, epochs=12, validate_every=1, patience=2, optimizer={"encoder_lr": 0.01})
    loop = loop_of(run, data, tmp_path / "run")
    values = iter([0.1, 0.5, 0.3, 0.2, 0.9])
    kept = {}

    def validate():
        value = next(values)
        kept[value] = {k: v.clone() for k, v in loop.stage.modules.state_dict().items()}
        return Score(value=value, figures={"validation": []}, note="")

    monkeypatch.setattr(loop.stage, "validate", validate)
    state = loop.run()
    assert (state.best, state.stale, state.step) == (0.5, 2, 4 * loop.stage.steps.per_epoch)
    assert all(torch.equal(kept[0.5][k], v) for k, v in loop.stage.modules.state_dict().items())
    assert len(checkpoints(tmp_path / "run" / "best" / "align")) == 1
    again = loop_of(run, data, tmp_path / "run")
    assert again.ended


@pytest.mark.parametrize(
    "changes",
    [
        {"stages": ("supervised",), "supervised": {"target": "length", "epochs": 5}},
        {"stages": ("pretrain",), "pretrain": {"epochs": 5}},
        {"epochs": 5},
    ],
    ids=["supervised", "pretrain", "align"],
)
def test_patience_is_ignored_where_validation_says_nothing(data, tmp_path, capsys, changes):
    run = settings(data, validate_every=1, patience=2, augmentation={}, **changes)
    job = train.prepare(run, data, tmp_path / "run")
    job = replace(job, source=replace(job.source, validation=[]))
    loop = Loop(job.stage(run.stages[0]), Place(run=run, out=tmp_path / "run", accelerator=job.accelerator))
    state = loop.run()
    assert (state.step, state.best, state.stale) == (len(loop.stage.steps), None, 0)
    assert not checkpoints(loop.bests)
    assert capsys.readouterr().err.count("patience is ignored, and the last weights stay: no ") == 1


def test_of_two_scores_that_are_as_good_as_can_be_the_second_criterion_decides():
    best = Score(value=1.0, figures={}, note="", most=1.0, tie=0.7)
    assert best.better(None, 0.0)
    assert best.better(1.0, 0.6)
    assert not best.better(1.0, 0.7)
    below = replace(best, value=0.9)
    assert below.better(0.8, 0.9)
    assert not below.better(0.9, 0.6)
    assert not replace(best, value=None).better(None, 0.0)


def test_recall_that_cannot_rise_any_more_does_not_end_a_run_that_still_learns(data, tmp_path, monkeypatch):
    run = settings(data, epochs=12, validate_every=1, patience=2)
    loop = loop_of(run, data, tmp_path / "run")
    assert loop.stage.validate().value == 1.0  # the pools hold fewer than ten
    ties = iter([0.5, 0.6, 0.7, 0.7, 0.65, 0.9])
    monkeypatch.setattr("comma_align.stages.align.mean_reciprocal", lambda _: next(ties))
    state = loop.run()
    assert (state.best, state.tie, state.stale) == (1.0, 0.7, 2)
    assert state.step == 5 * loop.stage.steps.per_epoch
    assert checkpoints(loop.bests)[0].name == f"step-{3 * loop.stage.steps.per_epoch:08d}"


def test_a_visit_may_leave_modalities_out_but_never_the_last_pair(data):
    run = settings(data, modality_dropout=0.9, augmentation={})
    source = open_source(data, run)
    seen = [set(drawn(s, run, epoch).sample.fields) for s in source.train for epoch in range(20)]
    assert all(len(fields) >= 2 for fields in seen)
    assert {frozenset(f) for f in seen} > {frozenset({"structure", "text", "composition"})}


def test_what_has_a_modality_is_visited_more_often_and_each_time_anew(data, tmp_path):
    run = settings(data, visits={"structure": 3}, batch_size=4)
    steps = loop_of(run, data, tmp_path / "run").stage.steps
    once = loop_of(settings(data, batch_size=4), data, tmp_path / "once").stage.steps
    times = Counter(name for step in range(steps.per_epoch) for name in steps.ids(step))
    expected = {s.id: 3 if "structure" in s.fields else 1 for s in steps.plan.samples}
    assert {1, 3} == set(expected.values())
    assert sum(expected.values()) - times.total() < 4  # the tail that fills no batch
    assert all(count <= expected[name] for name, count in times.items())
    assert steps.per_epoch == sum(expected.values()) // 4
    assert len(once) == run.epochs * (len(expected) // 4)
    sample = next(s for s in steps.plan.samples if "structure" in s.fields)
    first, second = (drawn(sample, run, 0, turn).sample.fields["structure"][0]["positions"] for turn in (0, 1))
    assert (first != second).any()
    assert (first == drawn(sample, run, 0).sample.fields["structure"][0]["positions"]).all()


def test_visits_of_one_sample_have_its_code(data, tmp_path):
    run = settings(data, visits={"structure": 3}, objective={"kind": "clip"}, edge_budget=60)
    stage = loop_of(run, data, tmp_path / "run").stage
    parts, ids = stage.steps[0], stage.steps.ids(0)
    found = []
    stage.objective.forward = lambda _embedded, groups, _reliability: (
        found.append(groups) or Loss(total=torch.zeros(()), terms={})
    )
    stage.backward(parts, 0, lambda x: x)
    codes = found[0]["sample"].tolist()
    assert len(parts) > 1
    assert len(set(ids)) < len(ids)
    assert [codes.index(code) for code in codes] == [ids.index(name) for name in ids]


@pytest.mark.parametrize("by", ["elements", "composition"])
def test_repeated_visits_have_their_place_among_hard_negatives(data, tmp_path, by):
    steps = loop_of(
        settings(data, visits={"structure": 2}, hard_negatives={"by": by, "together": 2}), data, tmp_path / "run"
    ).stage.steps
    assert len(steps.turns(0)) == 8


def test_reliability_counts_less_until_the_curriculum_is_over(data, tmp_path):
    objective = {"reliability": {"entry": 0.25}, "curriculum": 0.5}
    loop = loop_of(settings(data, objective=objective), data, tmp_path / "run")
    parts, half = loop.stage.steps[0], len(loop.stage.steps) // 2
    at = [
        loop.stage._reliability(parts, step)["structure"].unique().tolist() for step in (0, half // 2, half, 2 * half)
    ]
    assert at == [[0.25], pytest.approx([0.25 + 0.75 * (half // 2) / half]), [1.0], [1.0]]


@pytest.mark.slow
def test_an_imputer_learns_beside_the_alignment_and_changes_nothing_of_it(data, tmp_path):
    run = settings(data, epochs=30, imputer=1.0, optimizer={"head_lr": 5e-3})
    train.train(run, data, tmp_path / "with", quiet=True)
    train.train(settings(data, epochs=30, optimizer={"head_lr": 5e-3}), data, tmp_path / "without", quiet=True)
    terms = [entry["terms"]["imputer"] for entry in metrics(tmp_path / "with") if "loss" in entry]
    assert np.mean(terms[-5:]) < np.mean(terms[:5])
    model = model_folder.load(tmp_path / "with" / "model")
    other = model_folder.load(tmp_path / "without" / "model")
    assert model.imputer is not None
    sample = open_source(data, run).train[0]
    known = model.impute({"text": model.embed([sample])["text"]}, "structure")
    assert known.z.shape == (len(set(known.rows.tolist())), 16)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in other.state_dict().items())


def test_one_head_for_all_is_trained_and_saved(data, tmp_path):
    train.train(settings(data, epochs=2, shared_head=True), data, tmp_path / "run", quiet=True)
    assert model_folder.load(tmp_path / "run" / "model").shared_head


@pytest.mark.parametrize("by", ["elements", "composition"])
def test_hard_negatives_train(data, tmp_path, by):
    train.train(settings(data, epochs=2, hard_negatives={"by": by, "together": 2}), data, tmp_path / "run", quiet=True)
    assert len(losses(tmp_path / "run")) > 1


def test_signs_of_collapse_are_logged(data, tmp_path):
    train.train(settings(data, epochs=3), data, tmp_path / "run", quiet=True)
    logged = next(entry["diagnostics"] for entry in metrics(tmp_path / "run") if "diagnostics" in entry)
    assert {"alignment structure-text", "uniformity text", "effective rank structure"} <= set(logged)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_learns(data, tmp_path, precision):
    changes = {"epochs": 20, "augmentation": {}, "optimizer": {"encoder_lr": 5e-3, "head_lr": 5e-3}}
    train.train(settings(data, precision=precision, **changes), data, tmp_path / precision, quiet=True)
    found = losses(tmp_path / precision)
    assert np.isfinite(found).all()
    assert np.mean(found[-4:]) < np.mean(found[:4])


def test_half_precision_halves_its_scale_when_a_gradient_overflows():
    scaling = Scaling(half=True)
    first = scaling.scale
    assert scaling.learn(finite=False)
    assert scaling.scale == first / 2
    assert not scaling.learn(finite=True)
    assert not Scaling(half=False).learn(finite=False)


@pytest.mark.slow
def test_a_run_in_half_precision_that_goes_on_raises_its_scale_at_the_same_step(data, tmp_path, monkeypatch):
    monkeypatch.setattr("comma_align.precision.GROWS_AFTER", 4)
    monkeypatch.setattr("comma_align.precision.FIRST", 64.0)
    run = settings(data, precision="fp16", epochs=6, validate_every=10)
    train.train(run, data, tmp_path / "whole", quiet=True)
    loop = loop_of(run, data, tmp_path / "cut")
    with pytest.raises(ZeroDivisionError):
        _stop_after(loop, 3)
    train.train(run, data, tmp_path / "cut", quiet=True)
    ends = [checkpoints(tmp_path / out / "checkpoints" / "align")[-1] for out in ("whole", "cut")]
    whole, cut = (json.loads((end / "state.json").read_text()) for end in ends)
    assert whole["step"] > 4
    assert (cut["loss_scale"], cut["good"]) == (whole["loss_scale"], whole["good"]) == (128.0, whole["step"])
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def test_a_checkpoint_from_before_good_steps_were_counted_is_read(data, tmp_path):
    run = settings(data, precision="fp16", epochs=2)
    train.train(run, data, tmp_path / "run", quiet=True)
    path = checkpoints(tmp_path / "run" / "checkpoints" / "align")[-1] / "state.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in said.items() if key not in {"good", "tie"}}))
    state = loop_of(run, data, tmp_path / "run").state
    assert (state.step, state.good, state.tie) == (said["step"], 0, 0.0)


def test_a_start_gives_the_first_weights(data, tmp_path):
    train.train(settings(data, epochs=2), data, tmp_path / "first", quiet=True)
    run = settings(data, epochs=2, start=str(tmp_path / "first"))
    model, old = train.make_model(run), model_folder.load(tmp_path / "first" / "model")
    assert all(torch.equal(v, old.state_dict()[k]) for k, v in model.state_dict().items())
    wide = {"text": {"width": 32, "heads": 2}, "structure": {"width": 16, "layers": 1}, "composition": {"width": 16}}
    with pytest.raises(RunError, match=r"text\.width is 16 in .*, 32 here"):
        train.make_model(settings(data, start=str(tmp_path / "first"), encoders=wide))
    with pytest.raises(RunError, match="start: there is no model"):
        train.make_model(settings(data, start=str(tmp_path)))


def test_a_start_whose_encoder_would_read_otherwise_here_is_refused_by_every_setting(data, tmp_path):
    """Weights of the same shapes are not enough: another cutoff makes another function of them."""
    train.train(settings(data, epochs=1), data, tmp_path / "first", quiet=True)
    own = settings(data).encoders
    changed = {"structure": {"cutoff": 4.0}, "text": {"heads": 4, "max_steps": 32}}
    encoders = {name: vars(config) | changed.get(name, {}) for name, config in own.items()}
    with pytest.raises(RunError, match=r"structure\.cutoff is 5\.0 in .*, 4\.0 here\. Remedy: set .*cutoff to 5\.0"):
        train.make_model(settings(data, start=str(tmp_path / "first"), encoders=encoders))
    words = (Path(text_folder.__file__).parent / "vocabulary.txt").read_text().splitlines()
    words[-1], words[-2] = words[-2], words[-1]
    (tmp_path / "words.txt").write_text("\n".join(words) + "\n")
    encoders = {name: vars(config) for name, config in own.items()}
    encoders["text"] = encoders["text"] | {"vocabulary": str(tmp_path / "words.txt")}
    with pytest.raises(RunError, match=r"text\.vocabulary has another content .*text-vocabulary\.txt"):
        train.make_model(settings(data, start=str(tmp_path / "first"), encoders=encoders))
    free = {name: vars(config) for name, config in own.items()}
    free["text"], free["structure"] = free["text"] | {"dropout": 0.3}, free["structure"] | {"max_edges": 1000}
    train.make_model(settings(data, start=str(tmp_path / "first"), encoders=free))


def says_that_it_saw(model, groups):
    path = model / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "groups_seen": groups}))


def test_what_the_first_model_saw_counts_as_seen(data, tmp_path):
    train.train(settings(data, epochs=1), data, tmp_path / "first", quiet=True)
    says_that_it_saw(tmp_path / "first" / "model", [group_hash("of another data set")])
    train.train(settings(data, epochs=1, start=str(tmp_path / "first")), data, tmp_path / "run", quiet=True)
    seen = model_folder.read_manifest(tmp_path / "run" / "model")["groups_seen"]
    own = open_source(data, settings(data)).groups_seen
    assert seen == sorted({*own, group_hash("of another data set")})


def test_a_first_model_that_saw_what_is_held_out_is_refused(data, tmp_path):
    train.train(settings(data, epochs=1), data, tmp_path / "first", quiet=True)
    source, out = open_source(data, settings(data)), tmp_path / "run"
    run = settings(data, epochs=1, start=str(tmp_path / "first"))
    with pytest.raises(RunError, match=r"first has seen \d+ of the \d+ groups .* Remedy: give the test_fold"):
        train.train(run.model_copy(update={"test_fold": 3}), data, out, quiet=True)
    parts = {source.split.part(row.fold): row.formula for row in ShardSet(data).rows}
    for part in ("validation", "test"):
        says_that_it_saw(tmp_path / "first" / "model", [group_hash(parts[part])])
        with pytest.raises(RunError, match=rf"has seen 1 of .* \({parts[part]}\)"):
            train.train(run, data, out, quiet=True)
    assert not out.exists()
    with pytest.raises(RunError, match="start: there is no model"):
        train.train(settings(data, start=str(tmp_path / "nowhere")), data, out, quiet=True)


def test_a_first_model_that_does_not_say_what_it_saw_makes_it_unknown(data, tmp_path, capsys):
    run = settings(data, epochs=1, start=str(tmp_path / "silent"))
    model_folder.save(train.make_model(settings(data)), tmp_path / "silent")
    train.train(run, data, tmp_path / "run", quiet=True)
    assert model_folder.read_manifest(tmp_path / "run" / "model")["groups_seen"] is None
    cli.report(train.train(run, data, tmp_path / "run", quiet=True), tmp_path / "run", run, as_json=False)
    said = capsys.readouterr()
    assert "materials that this run did not train on" in said.out
    assert f"{run.start} does not say what it was trained on" in said.err


def test_a_checkpoint_can_be_begun_with(data, tmp_path):
    run = settings(data, epochs=4, checkpoint_every=2)
    train.train(run, data, tmp_path / "whole", quiet=True)
    middle = checkpoints(tmp_path / "whole" / "checkpoints" / "align")[0]
    train.train(run, data, tmp_path / "branch", resume=str(middle), quiet=True)
    weights = "model/model.safetensors"
    assert (tmp_path / "branch" / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()


def test_a_checkpoint_that_would_be_passed_over_is_refused(data, tmp_path):
    run = settings(data, epochs=4, checkpoint_every=2)
    train.train(run, data, tmp_path / "whole", quiet=True)
    first, last = checkpoints(tmp_path / "whole" / "checkpoints" / "align")
    with pytest.raises(RunError, match=r"did not begin with .*step-.* Leave --resume out .* or give another --out"):
        train.train(run, data, tmp_path / "whole", resume=str(first), quiet=True)
    train.prepare(run, data, tmp_path / "branch")  # and is ended before its first step
    for resume in (str(first), str(first), "auto"):  # the same command goes on
        train.train(run, data, tmp_path / "branch", resume=resume, quiet=True)
        assert json.loads((tmp_path / "branch" / "manifest.json").read_text())["began_with"] == str(first)
    with pytest.raises(RunError, match="did not begin with"):
        train.train(run, data, tmp_path / "branch", resume=str(last), quiet=True)


def test_a_run_that_begins_with_the_checkpoint_of_another_has_a_best_of_its_own(data, tmp_path, monkeypatch):
    run = settings(data, epochs=8, validate_every=1, checkpoint_every=1, patience=3)
    values = iter([0.1, 0.9, 0.3, 0.2, 0.1, 0.5, 0.4, 0.3, 0.2])

    def loop(out, begin=None):
        job = train.prepare(run, data, out)
        stage = job.stage("align")
        monkeypatch.setattr(stage, "validate", lambda: Score(value=next(values), figures={"validation": []}, note=""))
        return Loop(stage, Place(run=run, out=out, accelerator=job.accelerator, quiet=True), begin)

    assert loop(tmp_path / "first").run().best == 0.9
    saved = checkpoints(tmp_path / "first" / "checkpoints" / "align")
    state = loop(tmp_path / "second", saved[0]).run()  # after two validations without a better one
    assert (state.best, state.stale) == (0.5, 3)
    assert checkpoints(tmp_path / "second" / "best" / "align")
    assert not loop(tmp_path / "third", saved[-1]).ended  # after three, where the first run ended


def test_a_checkpoint_after_which_nothing_is_left_to_do_says_so(data, tmp_path, capsys):
    run = settings(data, epochs=2)
    train.train(run, data, tmp_path / "first", quiet=True)
    last = checkpoints(tmp_path / "first" / "checkpoints" / "align")[-1]
    train.train(run, data, tmp_path / "second", resume=str(last))
    assert f"align: nothing is left to do: {last} is at step 2 of 2; raise the epochs" in capsys.readouterr().err


def supervised(data, **changes):
    return settings(
        data, stages=("supervised",), modalities=("structure", "composition"), augmentation={},
        encoders={"structure": {"width": 16, "layers": 1}, "composition": {"width": 16}},
        optimizer={"encoder_lr": 5e-3, "head_lr": 5e-3}, **changes,
    )  # fmt: skip


def test_a_run_that_aligns_and_then_learns_a_property_leaves_both(data, tmp_path, capsys):
    asked = {"target": "length", "epochs": 2}
    run = settings(data, epochs=2, stages=("align", "supervised"), supervised=asked)
    aligned = train.train(settings(data, epochs=2), data, tmp_path / "aligned", quiet=True)
    rows = train.train(run, data, tmp_path / "both", quiet=True)
    assert as_json(rows) == as_json(aligned)
    weights = "model/model.safetensors"
    assert (tmp_path / "both" / weights).read_bytes() == (tmp_path / "aligned" / weights).read_bytes()
    told = json.loads((tmp_path / "both" / "manifest.json").read_text())
    assert set(told["validation"]) == {"MAE", "RMSE", "n"}
    tuned = predictor.load(tmp_path / "both" / "predictor").model.state_dict()
    before = model_folder.load(tmp_path / "both" / "model").state_dict()
    assert any(not torch.equal(before[key], tuned[key]) for key in before)
    cli.report(rows, tmp_path / "both", run, as_json=False)
    said = capsys.readouterr().err
    assert f"{tmp_path}/both/model is the model, {tmp_path}/both/predictor tells length" in said
    assert f"comma eval synthesis {tmp_path}/both" in said


def test_a_kill_after_the_alignment_changes_neither_model_nor_predictor(data, tmp_path):
    run = settings(data, stages=("align", "supervised"), epochs=1, supervised={"target": "length", "epochs": 1})
    train.train(run, data, tmp_path / "whole", quiet=True)
    loop_of(run, data, tmp_path / "cut").run()
    train.train(run, data, tmp_path / "cut", quiet=True)
    for weights in ("model/model.safetensors", "predictor/model/model.safetensors", "predictor/head.safetensors"):
        assert (tmp_path / "cut" / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()


@pytest.mark.parametrize(("kind", "target"), [("regression", "length"), ("two-part", "gap"), ("classes", "kind")])
def test_a_property_is_learnt_and_the_predictor_comes_back(data, tmp_path, kind, target):
    run = supervised(data, supervised={"target": target, "kind": kind, "epochs": 60})
    assert train.train(run, data, tmp_path / "run", quiet=True) == []
    found = losses(tmp_path / "run")
    assert np.mean(found[-4:]) < 0.5 * np.mean(found[:4])
    again = predictor.load(tmp_path / "run" / "predictor")
    samples = [s for s in open_source(data, run).train if target in s.targets]
    said, truth = again.predict(samples), np.array([s.targets[target] for s in samples])
    if kind == "classes":
        assert (said == truth).mean() > 0.8
    else:
        assert np.abs(said - truth.astype(float)).mean() < 0.5 * np.abs(truth - truth.mean()).mean()
        assert kind == "regression" or (said >= 0).all()
    (tmp_path / "run" / "predictor" / "head.safetensors").write_bytes(b"x")
    with pytest.raises(RunError, match="damaged"):
        predictor.load(tmp_path / "run" / "predictor")


@pytest.mark.parametrize("kind", ["regression", "two-part"])
def test_squared_errors_are_told_by_the_mean_and_absolute_ones_by_the_median(kind):
    truth = torch.tensor([0.0, 0.0, 1.0, 2.0, 9.0])
    best = {}
    for error in ("absolute", "squared"):
        of = SimpleNamespace(meaning=predictor.meaning("gap", kind, truth.tolist(), error))
        outputs = torch.zeros(1, 2, requires_grad=True)
        optimizer = torch.optim.Adam([outputs], lr=0.02)
        for _ in range(2000):
            optimizer.zero_grad()
            predictor.Predictor.loss(of, outputs.expand(5, 2), truth).backward()
            optimizer.step()
        best[error] = float(predictor.Predictor.values(of, outputs.detach()))
    assert best["squared"] == pytest.approx(truth.mean().item(), abs=0.05)
    # of all, or of those that are not zero, where most are not
    assert best["absolute"] == pytest.approx(1.0 if kind == "regression" else 2.0, abs=0.1)


def test_validation_goes_by_the_error_that_is_learnt(data, tmp_path):
    asked = {"target": "gap", "kind": "two-part", "error": "squared", "epochs": 1}
    stage = loop_of(supervised(data, supervised=asked), data, tmp_path / "run", "supervised").stage
    score = stage.validate()
    assert score.value == -score.figures["validation"]["RMSE"]
    predictor.save(stage.predictor, tmp_path / "predictor", {})
    assert predictor.load(tmp_path / "predictor").meaning == stage.predictor.meaning


def test_the_head_alone_can_learn(data, tmp_path):
    run = supervised(data, supervised={"target": "length", "tune": False, "epochs": 2})
    loop = loop_of(run, data, tmp_path / "run", "supervised")
    before = {k: v.clone() for k, v in loop.stage.predictor.model.encoders.state_dict().items()}
    loop.run()
    after = loop.stage.predictor.model.encoders.state_dict()
    assert all(torch.equal(before[k], v) for k, v in after.items())


def test_encoders_that_do_not_learn_have_neither_gradients_nor_dropout_nor_running_statistics(data, tmp_path):
    run = supervised(data, supervised={"target": "length", "tune": False, "epochs": 2})
    stage = loop_of(run, data, tmp_path / "run", "supervised").stage
    stage.predictor.model.encoders["norm"] = torch.nn.BatchNorm1d(2)
    stage.modules.train()
    assert stage.predictor.head.training
    assert not any(module.training for module in stage.predictor.model.modules())
    parts = stage.steps[0]
    for _ in range(2):
        stage.backward(parts, 0, lambda x: x)
    assert all(p.grad is None for p in stage.predictor.model.parameters())
    assert all(p.grad is not None for p in stage.predictor.out.parameters())


def test_a_class_that_training_does_not_know_is_told_wrong_and_counted(data, tmp_path):
    run = supervised(data, supervised={"target": "kind", "kind": "classes", "epochs": 1})
    stage = loop_of(run, data, tmp_path / "run", "supervised").stage
    whole = stage.validate().figures["validation"]
    assert (whole["n"], whole["of classes never learnt"]) == (len(stage.validation), 0)
    first, *others = stage.validation
    stage.validation = [replace(first, targets=first.targets | {"kind": "new"}), *others]
    found = stage.validate().figures["validation"]
    assert (found["n"], found["of classes never learnt"]) == (len(others) + 1, 1)
    assert found["accuracy"] <= len(others) / (len(others) + 1)


def test_a_name_among_numbers_of_the_validation_fold_is_told_before_training(data):
    run = supervised(data, supervised={"target": "length"})
    source = open_source(data, run)
    odd = replace(source.validation[0], targets={"length": "metal"})
    with pytest.raises(RunError, match=rf"the validation sample {odd.id} is 'metal', elsewhere a number"):
        learnt(run, replace(source, validation=[odd]))


def test_a_budget_of_labels_is_nested_and_keeps_whole_the_order_of_everybody(data, tmp_path):
    def learnt(labels):
        run = supervised(data, supervised={"target": "length", "labels": labels, "epochs": 1})
        stage = train.prepare(run, data, tmp_path / str(labels)).stage("supervised")
        return [sample.id for sample in stage.steps.plan.samples]

    source = open_source(data, supervised(data, supervised={"target": "length"}))
    known = [sample for sample in source.train if "length" in sample.targets]
    wanted = [sample.id for sample in in_label_order(known)]
    assert learnt(3) == wanted[:3]
    assert learnt(6) == wanted[:6]
    assert sorted(learnt(0)) == sorted(wanted)
    with pytest.raises(RunError, match=r"supervised.labels: 99 labels are asked for; there are \d+ .* 0 takes all"):
        learnt(99)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "hardness"}, "there are gap, kind, length"),
        ({"target": "kind"}, "give supervised.kind='classes'"),
        ({"target": "shift", "kind": "two-part"}, r"'shift' is as low as -1; .* give supervised.kind='regression'"),
    ],
)
def test_targets_that_cannot_be_learnt_are_refused(data, tmp_path, changes, message):
    samples = [replace(s, targets={**s.targets, "shift": float(i % 3 - 1)}) for i, s in enumerate(ShardSet(data))]
    if changes["target"] == "shift":
        data = tmp_path / "shifted"
        write(samples, data, Description(name="shifted", build={}, inputs={}, counts={}, joined={}))
    with pytest.raises(AlignError, match=message):
        train.train(supervised(data, supervised=changes), data, tmp_path / "run", quiet=True)


@pytest.mark.slow
def test_encoders_are_pretrained_and_go_into_the_alignment(data, tmp_path):
    run = settings(data, stages=("pretrain", "align"), epochs=2, pretrain={"epochs": 10}, augmentation={},
                   optimizer={"encoder_lr": 5e-3, "head_lr": 5e-3})  # fmt: skip
    train.train(run, data, tmp_path / "run", quiet=True)
    of = {stage: [e for e in metrics(tmp_path / "run") if e["stage"] == stage and "loss" in e] for stage in run.stages}
    assert {name.split()[0] for name in of["pretrain"][0]["terms"]} == {"structure", "text"}
    assert np.mean([e["loss"] for e in of["pretrain"][-4:]]) < np.mean([e["loss"] for e in of["pretrain"][:4]])
    assert len(of["align"]) == 2 * len(of["pretrain"]) // 10
    before = (tmp_path / "run" / "model" / "model.safetensors").read_bytes()
    again = settings(
        data,
        **{k: v for k, v in run.model_dump().items() if k in {"stages", "epochs", "pretrain", "optimizer"}},
        augmentation={},
    )
    train.train(again, data, tmp_path / "cut", quiet=True)
    assert (tmp_path / "cut" / "model" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("last", ["align", "supervised"])
def test_a_kill_between_two_stages_does_not_change_the_first_weights_of_the_second(data, tmp_path, last):
    run = settings(data, stages=("pretrain", last), pretrain={"epochs": 1}, epochs=1, imputer=float(last == "align"),
                   supervised={"target": "length", "epochs": 1})  # fmt: skip
    train.train(run, data, tmp_path / "whole", quiet=True)
    loop_of(run, data, tmp_path / "cut", "pretrain").run()
    train.train(run, data, tmp_path / "cut", quiet=True)
    ends = [checkpoints(tmp_path / out / "checkpoints" / last)[-1] / "weights.safetensors" for out in ("whole", "cut")]
    assert ends[0].read_bytes() == ends[1].read_bytes()


@pytest.mark.parametrize("last", ["align", "supervised"])
def test_the_first_weights_of_a_later_stage_do_not_depend_on_what_was_drawn_before(data, tmp_path, last):
    """As it does between processes, each of which draws numbers of its own."""
    run = settings(data, stages=("pretrain", last), imputer=float(last == "align"), supervised={"target": "length"})
    job, found = train.prepare(run, data, tmp_path / "run"), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        job.model.imputer = None
        found.append({k: v.clone() for k, v in job.stage(last).modules.state_dict().items()})
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0, equal_nan=True)


def test_a_part_of_which_chance_left_nothing_to_pretrain_is_passed_over(data, tmp_path):
    run = settings(data, stages=("pretrain", "align"), modality_dropout=0.5, batch_size=2, edge_budget=1,
                   pretrain={"epochs": 2, "modalities": ("text",)}, validate_every=10)  # fmt: skip
    loop = loop_of(run, data, tmp_path / "run", "pretrain")
    parts = [part for step in range(len(loop.stage.steps)) for part in loop.stage.steps[step]]
    assert any(not part.batch.inputs for part in parts)
    assert loop.run().step == len(loop.stage.steps)


def test_what_has_no_task_cannot_be_pretrained(data, tmp_path):
    run = settings(data, stages=("pretrain", "align"), pretrain={"modalities": ("composition",)})
    with pytest.raises(EmptyError, match="composition has no task"):
        train.train(run, data, tmp_path / "run", quiet=True)


def test_a_model_of_the_package_is_a_start_and_its_groups_are_seen(data, tmp_path, monkeypatch):
    train.train(settings(data, epochs=1), data, tmp_path / "first", quiet=True)
    (tmp_path / "first" / "model").rename(tmp_path / "tiny-one")
    monkeypatch.setattr(locate, "SHIPPED", tmp_path)
    run = settings(data, epochs=1, start="tiny-one", test_fold=2)
    model = train.make_model(run)
    for name in run.modalities:
        again = model_folder.load(tmp_path / "tiny-one").encoders[name].state_dict()
        assert all(torch.equal(again[key], value) for key, value in model.encoders[name].state_dict().items())
    groups = seen(run, open_source(data, run))
    assert groups is not None
    assert set(groups) > set(open_source(data, run).groups_seen)


def test_a_dry_run_names_the_sources_that_count_and_the_number_of_the_others():
    counts = {f"book {i}": 9 - i for i in range(7)}
    assert _listed(counts) == "book 0 9, book 1 8, book 2 7, book 3 6, book 4 5, 2 other sources"
    assert _listed({"book 0": 9}) == "book 0 9"


def test_sources_come_in_one_order_whatever_the_hash_seed(data):
    run = settings(data)
    samples = [
        Sample(id=s, fields={"structure": (0,)}, groups={}, provenance={"structure": ({"source": s},)})
        for s in "ihgfedcba"
    ]
    assert list(sources([*samples, samples[3]], run)) == ["f", *"abcdeghi"]


def test_a_dry_run_says_what_would_be_done_and_leaves_nothing(data, tmp_path):
    run = settings(data)
    said = dry_run(run, data, tmp_path / "run")
    assert all(line.startswith("# ") for line in said.splitlines())
    assert "training samples" in said
    assert "6 epochs" not in said
    assert "s a step" in said
    assert "MiB" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_dry_run_leaves_no_data_set_behind_either(data, tmp_path, monkeypatch, capsys, rank):
    monkeypatch.setattr("comma_data.build.build", lambda *_, out, **__: shutil.copytree(data, out))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("comma_align.prepare.first", lambda: rank == "0")
    Path("run.toml").write_text(dump_toml(settings("data/textbook", epochs=1)))
    cli.run("run.toml", dry_run=True)
    said = capsys.readouterr()
    assert re.search(r"/textbook: \d+ training samples", said.out)
    assert "building the set 'textbook' that comes with comma-data aside" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]


def test_a_try_gives_the_figures_of_each_stage(data):
    found = tried(settings(data, stages=("pretrain", "align"), pretrain={"epochs": 2}), data)
    assert [cost.stage for cost in found.stages] == ["pretrain", "align"]
    assert all(cost.steps > 0 < cost.seconds for cost in found.stages)
    assert found.validation > 0
    assert found.ready > 0


def test_a_tracker_that_is_not_there_is_named(data, tmp_path):
    with pytest.raises(MissingDependencyError, match="comma-align\\[tensorboard\\]"):
        train.train(settings(data, trackers=("nowhere",)), data, tmp_path / "run", quiet=True)


def test_a_tracker_without_its_package_is_named(data, tmp_path, monkeypatch):
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", list)
    with pytest.raises(MissingDependencyError, match="tensorboard are asked for, there: none"):
        train.train(settings(data, trackers=("tensorboard",)), data, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_every_step(data, tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train.train(settings(data, epochs=2, trackers=("tensorboard",)), data, tmp_path / "run", quiet=True)
    logged = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [entry["loss"] for entry in logged if "loss" in entry]
    (events,) = (tmp_path / "run").rglob("events.out.tfevents*")
    found = reading.EventAccumulator(str(events))
    found.Reload()
    assert [event.value for event in found.Scalars("align/loss")] == pytest.approx(losses, rel=1e-6)


@pytest.mark.parametrize(("budget", "losses", "mean"), [(0, [1.0, 4.0], 2.0), (1, [1.0, 2.0, 4.0], 7 / 3)])
def test_pretraining_is_validated_without_gradients_within_the_budget_and_by_values(  # noqa: PLR0917
    data, tmp_path, monkeypatch, budget, losses, mean
):
    run = settings(data, stages=("pretrain",), pretrain={"modalities": ("structure",)}, edge_budget=budget)
    stage = loop_of(run, data, tmp_path / "run", "pretrain").stage
    monkeypatch.setattr("comma_align.stages.pretrain.AT_A_TIME", 2)
    stage.validation = [s for s in open_source(data, run).train if "structure" in s.fields][:3]
    given, gradients = iter(losses), []

    def loss(*_):
        gradients.append(torch.is_grad_enabled())
        return {"lost": torch.tensor(next(given))}

    monkeypatch.setattr(stage.tasks["structure"], "forward", loss)
    assert stage.validate().figures["validation"] == {"structure lost": pytest.approx(mean)}
    assert gradients == [False] * len(losses)


def test_a_variation_that_is_not_known_is_refused(data, tmp_path):
    run = settings(data, variations={"structure": ("melt",)}, augmentation={"structure": 1.0})
    with pytest.raises(RunError, match="structure has no variation 'melt'"):
        train.train(run, data, tmp_path / "run", quiet=True)
