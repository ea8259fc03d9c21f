"""A run from its config to its folder: learning, resuming, refusing."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from comma_align import checkpoint, folder, train, values
from comma_align.dry import dry_run
from comma_align.errors import DivergedError, EmptyError, RunError
from comma_align.loop import Loop, Place
from comma_align.source import drawn, open_source
from comma_data.errors import DataError, StorageError
from comma_data.protocol import with_view
from comma_data.shards import ShardSet
from comma_data.split import Split
from comma_data.writer import Description, write
from comma_encoders import folder as model_folder
from comma_encoders.errors import InputError
from tiny_run import settings


def quick(data, **changes):
    """Rates at which so small a model learns in a few seconds."""
    return settings(data, epochs=100, augmentation={}, optimizer={"encoder_lr": 5e-3, "head_lr": 5e-3}, **changes)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As the processes that the tests start: two threads sum in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "tiny"
    return out, train.train(quick(data), data, out, quiet=True)


def losses(out):
    entries = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [(e["step"], e["loss"]) for e in entries if "loss" in e]


def test_the_loss_falls(finished):
    values = [loss for _, loss in losses(finished[0])]
    assert np.mean(values[-5:]) < 0.7 * np.mean(values[:5])


def test_the_folder_is_complete(finished):
    out, rows = finished
    assert {p.name for p in out.iterdir()} == {
        "config.toml", "manifest.json", "metrics.jsonl", "model", "result.png", "checkpoints", ".lock",
    }  # fmt: skip
    assert len(checkpoint.checkpoints(out / "checkpoints" / "align")) == 2
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data"]["name"] == "tiny"
    assert len(manifest["validation"]) == len(rows)


def test_the_model_says_what_it_saw(finished, data):
    about = model_folder.read_manifest(finished[0] / "model")
    source = open_source(data, settings(data))
    from comma_data.split import group_hash

    seen = set(about["groups_seen"])
    assert seen == {group_hash(s.groups["formula"]) for s in source.train}
    assert not seen & {group_hash(s.groups["formula"]) for s in source.validation}
    assert about["split"]["test_fold"] == 0


def test_every_direction_is_scored(finished):
    assert {(r.query, r.gallery) for r in finished[1]} >= {("structure", "text"), ("text", "structure")}
    assert all(r.recall.pool > 1 for r in finished[1])


def test_starting_a_finished_run_again_only_reports(finished, data):
    out, rows = finished
    before = (out / "metrics.jsonl").read_bytes()
    again = train.train(quick(data), data, out, quiet=True)
    assert [r.recall.at for r in again] == [r.recall.at for r in rows]
    assert (out / "metrics.jsonl").read_bytes() == before


def test_another_config_in_the_same_folder_is_refused(finished, data):
    with pytest.raises(RunError, match="dim is 16 there, 8 here"):
        train.train(quick(data, dim=8), data, finished[0], quiet=True)


def test_other_data_under_a_run_are_refused(data, tmp_path):
    run, out = settings(data, epochs=1), tmp_path / "run"
    train.train(run, data, out, quiet=True)
    samples = list(ShardSet(data))[:-1]
    description = Description(name="tiny", build={}, inputs={}, counts={}, joined={})
    write(samples, tmp_path / "other", description, samples_per_shard=10)
    with pytest.raises(RunError, match="a run on other data"):
        train.train(run, tmp_path / "other", out, quiet=True)


def test_never_keeps_the_old_run(data, tmp_path):
    train.train(settings(data, epochs=1), data, tmp_path / "run", quiet=True)
    train.train(settings(data, epochs=2), data, tmp_path / "run", resume="never", quiet=True)
    assert (tmp_path / "run.1" / "config.toml").exists()


def test_a_second_run_in_the_same_folder_is_refused_and_destroys_nothing(data, tmp_path, monkeypatch):
    run, out, refused = settings(data, epochs=2), tmp_path / "run", []
    real = Loop.run

    def beside(self):
        for resume in ("auto", "never"):
            with pytest.raises(RunError, match=r"another process trains here; wait for it, or give another --out"):
                train.train(run, data, out, resume=resume, quiet=True)
            refused.append(resume)
        return real(self)

    monkeypatch.setattr(Loop, "run", beside)
    train.train(run, data, out, quiet=True)
    assert refused == ["auto", "never"]
    monkeypatch.undo()
    steps = [step for step, _ in losses(out)]
    assert steps == list(range(1, len(steps) + 1))
    assert not (tmp_path / "run.1").exists()


def test_a_run_that_begins_anew_keeps_others_out_too(data, tmp_path, monkeypatch):
    run, out, refused = settings(data, epochs=1), tmp_path / "run", []
    train.train(run, data, out, quiet=True)

    def beside(*_):
        with pytest.raises(RunError, match="another process trains here"), folder.held(out):
            pass
        refused.append(out)

    monkeypatch.setattr(train, "finish", beside)
    train.train(run, data, out, resume="never", quiet=True)
    assert refused == [out]
    assert not (tmp_path / "run.1" / folder.LOCK).exists()


def test_a_full_folder_that_is_no_run_is_left_alone(data, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="other things"):
        train.train(settings(data), data, tmp_path, quiet=True)


@pytest.mark.parametrize("place", ["thesis.tex", "thesis.tex/run"])
def test_a_place_where_no_folder_can_be_is_named(data, tmp_path, place):
    (tmp_path / "thesis.tex").write_text("precious")
    for begun in (dry_run, train.train):
        with pytest.raises(StorageError, match=r"thesis\.tex is no folder that can be written; give another --out"):
            begun(settings(data), data, tmp_path / place)


def test_the_folder_that_one_is_in_can_be_begun_anew(data, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    for _ in range(2):
        train.train(settings(data, epochs=1), data, Path(), resume="never", quiet=True)
        monkeypatch.chdir(tmp_path / "run")
    assert (tmp_path / "run" / "model").is_dir()
    assert (tmp_path / "run.1" / "model").is_dir()


@pytest.mark.parametrize("resume", ["auto", "never"])
def test_a_kill_while_the_folder_is_made_leaves_one_that_can_be_begun(data, tmp_path, monkeypatch, resume):
    run, out = settings(data, epochs=1), tmp_path / "run"

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "dump_toml", killed)
    with pytest.raises(KeyboardInterrupt):
        train.train(run, data, out, quiet=True)
    monkeypatch.undo()
    (out / "config.toml.123.part").write_text("half a conf")
    assert (out / "manifest.json").exists()
    dry_run(run, data, out)
    train.train(run, data, out, resume=resume, quiet=True)
    assert not list(out.glob("*.part"))
    assert (out / "model").is_dir()
    (out / "config.toml").rename(out / "thesis.toml")
    with pytest.raises(RunError, match="other things"):
        train.train(run, data, out, quiet=True)


def test_half_a_line_of_the_metrics_is_dropped_wherever_it_ends(data, tmp_path, monkeypatch):
    run, out = settings(data, epochs=2), tmp_path / "run"
    train.train(run, data, out, quiet=True)
    before = (out / "metrics.jsonl").read_text()
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "align", "step": 5, "terms": {"structure-text": 1.0}')
    train.train(run, data, out, quiet=True)
    assert (out / "metrics.jsonl").read_text() == before

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.cut_metrics(out, "align", 1)
    assert (out / "metrics.jsonl").read_text() == before


JOB = """
import sys, torch
from dataclasses import replace
from pathlib import Path
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from comma_align import train
from comma_align.config import Run
from comma_data.configfile import load
from comma_align.errors import AlignError
try:
    train.train(load(Run, Path(sys.argv[2])), Path(sys.argv[3]), Path(sys.argv[4]), quiet=True)
except AlignError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def start(run, data, out, tmp_path):
    from comma_data.configfile import dump_toml

    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "run.toml").write_text(dump_toml(run))
    command = [sys.executable, tmp_path / "job.py", tmp_path, tmp_path / "run.toml", data, out]
    return subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def wait_for_steps(out, steps, job):
    end = time.monotonic() + 90
    path = out / "metrics.jsonl"
    while time.monotonic() < end and job.poll() is None:
        if path.exists() and path.read_text().count("loss") >= steps:
            return
        time.sleep(0.01)
    raise AssertionError(f"the job ended early: {job.poll()} {job.stderr.read() if job.poll() is not None else ''}")


@pytest.mark.slow
def test_a_run_that_was_asked_to_stop_and_then_killed_goes_on_bit_for_bit(data, tmp_path):
    run = settings(data, epochs=60)
    train.train(run, data, tmp_path / "whole", quiet=True)
    out = tmp_path / "stopped"
    for steps, how, code in ((5, signal.SIGTERM, 4), (40, signal.SIGKILL, -signal.SIGKILL)):
        job = start(run, data, out, tmp_path)
        wait_for_steps(out, steps, job)
        job.send_signal(how)
        assert job.wait(timeout=60) == code
        assert job.stderr is not None
        job.stderr.close()
    train.train(run, data, out, quiet=True)
    assert losses(out) == losses(tmp_path / "whole")
    weights = "model/model.safetensors"
    assert (out / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()


def test_a_damaged_checkpoint_is_named(data, tmp_path):
    out = tmp_path / "run"
    run = settings(data, epochs=2)
    train.train(run, data, out, quiet=True)
    weights = checkpoint.checkpoints(out / "checkpoints" / "align")[-1] / checkpoint.WEIGHTS
    whole = bytearray(weights.read_bytes())
    whole[len(whole) // 2] ^= 1
    weights.write_bytes(bytes(whole))
    with pytest.raises(RunError, match=r"weights\.safetensors is damaged"):
        train.train(run, data, out, quiet=True)


@contextmanager
def files_of_at_most(size):
    """Writes beyond fail as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_at_a_checkpoint_is_told_and_the_run_goes_on_when_there_is_room(data, tmp_path):
    run, out = settings(data, epochs=4, checkpoint_every=2), tmp_path / "run"
    loop = loop_of(run, data, out)
    with (
        files_of_at_most(20_000),
        pytest.raises(StorageError, match=r"step-\d+: cannot .*; [\d,]+ bytes are needed") as e,
    ):
        loop.run()
    assert e.value.exit_code == 5
    assert not list((out / "checkpoints").rglob("*"))[1:]
    train.train(run, data, out, quiet=True)
    assert losses(out) == losses_of(run, data, tmp_path / "whole")


def losses_of(run, data, out):
    train.train(run, data, out, quiet=True)
    return losses(out)


@pytest.mark.parametrize("write", range(1, 10))
def test_whatever_write_of_a_checkpoint_fails_the_one_before_is_still_there(tmp_path, monkeypatch, write):
    layer, folder = torch.nn.Linear(4, 4), tmp_path / "saved"
    optimizer = torch.optim.AdamW(layer.parameters())
    before = checkpoint.save(folder, checkpoint.State(step=1, seconds=0.0), layer, optimizer)
    calls = []

    def failing(real):
        def call(*arguments, **named):
            calls.append(real)
            if len(calls) == write:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **named)

        return call

    for owner, name in ((os, "fsync"), (checkpoint, "save_file"), (Path, "write_text"), (Path, "rename")):
        monkeypatch.setattr(owner, name, failing(getattr(owner, name)))
    with pytest.raises(StorageError, match="bytes are needed"):
        checkpoint.save(folder, checkpoint.State(step=2, seconds=0.0), layer, optimizer)
    monkeypatch.undo()
    assert before.exists()
    assert checkpoint.load(checkpoint.checkpoints(folder)[-1], layer, optimizer).step in {1, 2}
    assert not list(folder.glob(".tmp-*"))


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("comma_data.storage.shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    layer = torch.nn.Linear(4, 4)
    with pytest.raises(StorageError, match="step-00000001: no room: 80 bytes are needed, 10 are free"):
        checkpoint.save(tmp_path, checkpoint.State(step=1, seconds=0.0), layer, torch.optim.AdamW(layer.parameters()))
    assert not list(tmp_path.iterdir())


def test_metrics_that_cannot_be_written_are_told(tmp_path):
    (tmp_path / folder.METRICS).symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"metrics\.jsonl: cannot .* bytes are needed"):
        folder.log(tmp_path, {"loss": 1.0})


def loop_of(run, data, out):
    job = train.prepare(run, data, out)
    return Loop(job.stage("align"), Place(run=run, out=out, accelerator=job.accelerator, quiet=True))


def test_a_step_that_is_not_finite_changes_no_weight_and_is_named(data, tmp_path, monkeypatch):
    loop = loop_of(settings(data), data, tmp_path / "run")
    real = loop.stage._loss

    def poisoned(*args):
        loss = real(*args)
        return type(loss)(total=loss.total * float("nan"), terms=loss.terms)

    before = {k: v.clone() for k, v in loop.kept.state_dict().items()}
    monkeypatch.setattr(loop.stage, "_loss", poisoned)
    assert not loop.step(loop.stage.steps[0], 0).finite
    with pytest.raises(DivergedError, match=r"on .*[mnt]-\d\d"):
        loop.run()
    assert all(torch.equal(before[k], v) for k, v in loop.kept.state_dict().items())
    skipped = [
        json.loads(line).get("skipped") for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert skipped[0] == loop.stage.steps.ids(0)


def test_a_temperature_beyond_all_numbers_is_still_a_figure(data, tmp_path):
    loop = loop_of(settings(data), data, tmp_path / "run")
    torch.nn.init.constant_(loop.stage.objective.log_scale, -1000.0)
    assert 1e300 < loop.stage.figures()["temperature"] < float("inf")


def test_a_temperature_that_reached_its_bound_can_rise_again(data, tmp_path):
    loop = loop_of(settings(data), data, tmp_path / "run")
    objective = loop.stage.objective
    torch.nn.init.constant_(objective.log_scale, 6.0)
    loop.step(loop.stage.steps[0], 0)
    assert loop.stage.figures()["temperature"] == pytest.approx(0.01, rel=1e-5)
    for step in range(1, 6):  # untrained vectors are told apart badly, which a higher temperature makes cheaper
        loop.step(loop.stage.steps[step], step)
    assert loop.stage.figures()["temperature"] > 0.01001


def test_weights_that_give_no_vectors_are_told_at_the_next_validation(data, tmp_path):
    loop = loop_of(settings(data), data, tmp_path / "run")
    for weights in loop.stage.model.parameters():
        torch.nn.init.constant_(weights, 1e38)
    with pytest.raises(DivergedError, match="are not finite any more; lower the learning rates"):
        loop.stage.validate()


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_value_that_its_encoder_refuses_is_named_before_the_first_step(data, tmp_path, part):
    run, split = settings(data), Split(test_fold=0)
    samples = list(ShardSet(data))
    last = max(i for i, s in enumerate(samples) if split.part(s.groups["fold"]) == part)
    samples[last] = replace(samples[last], fields={**samples[last].fields, "composition": ({"Qq": 1.0},)})
    write(samples, tmp_path / "bad", Description(name="bad", build={}, inputs={}, counts={}, joined={}))
    with pytest.raises(
        InputError, match=rf"1 of the values cannot be encoded: composition of {samples[last].id}: .*'Qq'.* Remedy: "
    ):
        train.train(run, tmp_path / "bad", tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_text_is_asked_for_in_every_view(data, monkeypatch):
    source, asked = open_source(data, settings(data)), []
    monkeypatch.setattr(values, "get", lambda _: SimpleNamespace(collate=lambda some, _: asked.extend(some)))
    run = settings(data, modalities=("structure", "text"), text_views=("precursors", "operations"), encoders={})
    values.refuse_unencodable(source, run)
    sample = next(s for s in source.train if "text" in s.fields)
    for view in run.text_views:
        assert all(text in asked for text in with_view(sample, view).fields["text"])


def test_nothing_to_align_is_refused_with_what_is_there(data):
    with pytest.raises(EmptyError, match="the data set has composition, structure, text"):
        open_source(data, settings(data, modalities=("image", "xrd"), encoders={}, augmentation={}))


def test_a_class_that_is_left_out_is_in_neither_part(data, tmp_path):
    """Half of the oxides are called fluorides, in every fold."""
    samples = [
        replace(s, groups={**s.groups, "formula": f"{s.groups['formula'][:-1]}F"}) if number % 2 else s
        for number, s in enumerate(ShardSet(data))
    ]
    write(samples, tmp_path / "both", Description(name="both", build={}, inputs={}, counts={}, joined={}))
    whole = open_source(tmp_path / "both", settings(data))
    part = open_source(tmp_path / "both", settings(data, without=("oxides", "large-cells")))
    for kept, everything in ((part.train, whole.train), (part.validation, whole.validation)):
        assert [s.id for s in kept] == [s.id for s in everything if s.groups["formula"].endswith("F")]
        assert 0 < len(kept) < len(everything)


def test_a_class_that_leaves_nothing_is_named(data):
    with pytest.raises(EmptyError, match="once oxides are left out"):
        open_source(data, settings(data, without=("oxides",)))


def test_a_missing_data_folder_is_named(data, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        open_source(tmp_path / "nowhere", settings(data))


def test_a_visit_is_decided_by_seed_epoch_and_id(data):
    run = settings(data)
    sample = open_source(data, run).train[0]
    first, again, later = (drawn(sample, run, epoch).sample for epoch in (0, 0, 1))
    np.testing.assert_equal(first.fields, again.fields)
    with pytest.raises(AssertionError):
        np.testing.assert_equal(first.fields["structure"], later.fields["structure"])
    assert all(len(values) == 1 for values in first.fields.values())


def test_views_of_the_config_are_told(data):
    run = settings(data, text_views=("operations",), augmentation={})
    source = open_source(data, run)
    assert not any("CO3" in step for s in source.train for step in drawn(s, run, 0).sample.fields["text"][0])
    told = [text for s in source.validation for text in s.fields.get("text", ())]
    assert told
    assert all(text and not any("CO3" in step for step in text) for text in told)


def test_a_view_that_is_named_three_times_is_told_three_times_as_often(data):
    run = settings(data, text_views=("precursors", "precursors", "precursors", "operations"), augmentation={})
    source = open_source(data, run)
    told = [
        drawn(s, run, epoch).sample.fields["text"][0] in with_view(s, "precursors").fields["text"]
        for s in source.train
        for epoch in range(50)
    ]
    share = np.mean(told)
    assert len(told) > 500
    assert share == pytest.approx(0.75, abs=5 * np.sqrt(0.75 * 0.25 / len(told)))


def test_a_protocol_of_which_the_view_tells_nothing_is_not_validated_on(data, tmp_path):
    """Every second one has no operation, so that the encoder would refuse it in the view `operations`."""
    samples = [
        replace(s, annotations={"text": tuple(replace(p, operations=()) for p in s.annotations["text"])})
        if number % 2 and "text" in s.fields
        else s
        for number, s in enumerate(ShardSet(data))
    ]
    write(samples, tmp_path / "bare", Description(name="bare", build={}, inputs={}, counts={}, joined={}))
    run = settings(data, text_views=("operations", "precursors"))
    whole, part = (open_source(place, run).validation for place in (data, tmp_path / "bare"))
    texts, left = ([text for s in side for text in s.fields.get("text", ())] for side in (whole, part))
    assert 0 < len(left) < len(texts)
    assert all(left)


def as_written(data, out, which):
    """The data set with texts as they were written in place of protocols, where `which` says so of its number."""
    samples = [
        replace(s, annotations={}) if "text" in s.fields and which(number) else s
        for number, s in enumerate(ShardSet(data))
    ]
    write(samples, out, Description(name="written", build={}, inputs={}, counts={}, joined={}))
    return out


def test_a_text_that_no_view_tells_is_not_trained_on(data, tmp_path):
    """A batch of such samples alone had no pair, and ended the run."""
    some = as_written(data, tmp_path / "some", lambda number: number % 3)
    run = settings(data, modalities=("structure", "text"), encoders={}, text_views=("operations",), batch_size=2,
                   epochs=2, augmentation={}, validate_every=10)  # fmt: skip
    source = open_source(some, run)
    assert 0 < len(source.train) < len(open_source(data, run).train)
    assert all("text" in drawn(s, run, epoch).sample.fields for s in source.train for epoch in range(3))
    with pytest.raises(EmptyError, match=r"text_views: operations tell nothing of \d+ samples' texts"):
        open_source(as_written(data, tmp_path / "all", lambda _: True), run)
    loop = loop_of(run, some, tmp_path / "run")
    assert loop.run().step == len(loop.stage.steps)


def test_a_view_that_tells_nothing_of_a_sample_is_not_drawn_for_it(data, tmp_path):
    run = settings(data, text_views=("operations", "precursors"), augmentation={})
    sides = [
        open_source(place, run) for place in (data, as_written(data, tmp_path / "some", lambda number: number % 2))
    ]
    for whole, part in zip(*(side.train for side in sides), strict=True):
        visits = [[drawn(sample, run, epoch).sample.fields for epoch in range(8)] for sample in (whole, part)]
        assert all("text" in fields for fields in visits[1])
        if part.annotations:  # both views tell it: drawn as ever
            np.testing.assert_equal(visits[1], visits[0])


def reliable(data, out, which):
    """The data set with values that came by `doi` where `which` says so of a sample's number."""
    samples = [
        replace(s, provenance={m: ({"joined_by": "doi"},) * len(values) for m, values in s.fields.items()})
        if which(number)
        else s
        for number, s in enumerate(ShardSet(data))
    ]
    write(samples, out, Description(name="reliable", build={}, inputs={}, counts={}, joined={}))
    return out


def test_a_batch_without_a_pair_that_counts_is_passed_over(data, tmp_path):
    run = settings(data, objective={"reliability": {"entry": 0.0}}, batch_size=2, epochs=3, validate_every=10,
                   augmentation={})  # fmt: skip
    loop = loop_of(run, reliable(data, tmp_path / "half", lambda number: number % 2), tmp_path / "run")
    assert loop.run().step == len(loop.stage.steps)
    entries = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    passed = [entry for entry in entries if "skipped" in entry]
    assert 0 < len(passed) < len(entries)
    assert all((entry["loss"], entry["gradient"], entry["terms"]) == (0, 0, {}) for entry in passed)
    with pytest.raises(EmptyError, match="align: a whole epoch had nothing to learn from, the last on"):
        loop_of(run, data, tmp_path / "none").run()


def test_a_step_that_teaches_nothing_changes_no_weight(data, tmp_path):
    loop = loop_of(settings(data), data, tmp_path / "run")
    loop.step(loop.stage.steps[0], 0)  # with momentum from here on
    before = {k: v.clone() for k, v in loop.kept.state_dict().items()}
    loop.stage._reliability = lambda parts, _: {m: torch.zeros(len(r)) for m, r in parts[0].batch.rows.items()}
    assert loop.step(loop.stage.steps[1], 1).finite
    assert all(torch.equal(before[k], v) for k, v in loop.kept.state_dict().items())


def test_worker_processes_change_nothing(data, tmp_path):
    run = settings(data, epochs=2)
    train.train(run, data, tmp_path / "a", quiet=True)
    train.train(run, data, tmp_path / "b", quiet=True, workers=1)
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
