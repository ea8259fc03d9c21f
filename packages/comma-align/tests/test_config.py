"""The config: strict, documented, complete."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from comma_align.cli import CONFIGS, next_steps
from comma_align.config import HardNegatives, Objective, Optimizer, Pretrain, Run, Supervised
from comma_align.manual import describe_settings
from comma_data.configfile import dump_toml, load
from comma_data.errors import ConfigError
from comma_encoders.modality import get, names
from pydantic import TypeAdapter
from tiny_run import settings

NAMED = sorted(CONFIGS.glob("*.toml"))

SECTIONS = {"optimizer", "objective", "hard_negatives", "pretrain", "supervised"}

GOOD = 'name = "x"\ndata = "d"\nmodalities = ["structure", "text"]\n'
BAD = {
    "misspelt": (GOOD + "epoch = 3\n", r"line 4.*did you mean 'epochs'"),
    "misspelt in a section": (GOOD + "[optimizer]\nhead_rl = 1e-3\n", r"line 5.*did you mean 'head_lr'"),
    "misspelt encoder setting": (GOOD + "[encoders.text]\nwidht = 8\n", r"line 4.*text\.widht.*did you mean 'width'"),
    "unknown modality": (GOOD.replace('"text"', '"txt"'), r"line 3.*Did you mean 'text'"),
    "one modality": (GOOD.replace(', "text"', ""), r"stages.*at least two modalities"),
    "a modality that the run lacks": (GOOD + "[encoders.xrd]\nwidth = 8\n", r"'xrd' is not among"),
    "a pair that cannot be": (GOOD + '[objective]\npairs = ["structure-xrd"]\n', r"no pair of the run's modalities"),
    "a star around what the run lacks": (GOOD + '[objective]\npairs = ["star:xrd"]\n', r"line 4.*no pair"),
    "an unknown objective": (GOOD + '[objective]\nkind = "infonc"\n', r"line 5.*infonce"),
    "a weight of no pair": (GOOD + '[objective.pair_weights]\n"text-xrd" = 2.0\n', r"line 4.*structure-text"),
    "no stage": (GOOD + "stages = []\n", r"line 4.*at least one of pretrain"),
    "an unknown stage": (GOOD + 'stages = ["aling"]\n', r"line 4.*align"),
    "nothing to learn": (GOOD + 'stages = ["supervised"]\n', r"supervised.*name the target"),
    "pre-training of what the run lacks": (GOOD + '[pretrain]\nmodalities = ["xrd"]\n', r"line 4.*'xrd' is not among"),
    "variations of what the run lacks": (GOOD + '[variations]\nxrd = ["erase"]\n', r"line 4.*'xrd' is not among"),
    "variations without a strength": (
        GOOD + '[variations]\nstructure = ["strain"]\n',
        r"line 4.*'structure' has no strength.*augmentation\.structure",
    ),
    "stages in another order": (GOOD + 'stages = ["align", "pretrain"]\n', r"line 4.*in the order pretrain, align"),
    "an imputer without room": (GOOD + "dim = 4\nimputer = 1.0\n", r"line 5.*dim = 6 or more"),
    "no number": (GOOD + "[optimizer]\nclip = nan\n", r"line 5.*finite"),
    "more than any number": (GOOD + '[objective.pair_weights]\n"structure-text" = inf\n', r"line 5.*finite"),
    "a seed that torch cannot take": (GOOD + "seed = 18446744073709551616\n", r"line 4.*less than or equal to"),
    "visits of what the run lacks": (GOOD + "[visits]\nxrd = 2\n", r"line 4.*'xrd' is not among"),
    "no visit": (GOOD + "[visits]\ntext = 0\n", r"line 5.*greater than or equal to 1"),
    "augmentation of no modality": (
        GOOD + "[augmentation]\nstrcture = 1.0\n",
        r"line 4.*known are .*structure.*Did you mean 'structure'",
    ),
    "no text view": (GOOD + "text_views = []\n", r"line 4.*at least one of precursors, amounts, masked, operations"),
    "a temperature below the bound": (
        GOOD + "[objective]\ntemperature = 0.005\n",
        r"line 5.*temperature.*greater than or equal to 0\.01",
    ),
    "negative": (GOOD + "epochs = -1\n", r"line 4.*greater than or equal to 1"),
    "wrong type": (GOOD + 'epochs = "many"\n', r"line 4.*epochs"),
    "fold 5": (GOOD + "test_fold = 5\n", r"line 4.*test_fold"),
    "no name": ('data = "d"\n', r"'name' is missing"),
    "no TOML": (GOOD + "epochs 3\n", r"line 4"),
}


@pytest.mark.parametrize("path", NAMED, ids=lambda p: p.stem)
def test_named_runs_are_valid_and_survive_the_round_trip(path, tmp_path):
    run = load(Run, path)
    assert run.name == path.stem
    (tmp_path / "again.toml").write_text(dump_toml(run))
    assert load(Run, tmp_path / "again.toml") == run


@pytest.mark.parametrize("name", BAD)
def test_bad_configs_say_where_and_what_to_do(name, tmp_path):
    text, message = BAD[name]
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load(Run, path)
    assert caught.value.exit_code == 2
    assert str(caught.value).count("\n") == 0


def test_settings_on_the_command_line_replace_the_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(GOOD)
    run = load(Run, path, settings=["optimizer.head_lr=2e-3", "encoders.text.width=32", "name=other"])
    assert (run.optimizer.head_lr, run.encoders["text"].width, run.name) == (2e-3, 32, "other")


def test_a_run_of_fewer_modalities_keeps_the_augmentation_of_the_others():
    run = load(Run, CONFIGS / "demo.toml", settings=['modalities=["structure", "image"]', "encoders={}"])
    assert set(run.augmentation) > set(run.modalities)


@pytest.mark.parametrize("kind", [Run, Optimizer, Objective, HardNegatives, Pretrain, Supervised])
def test_every_setting_has_a_meaning(kind):
    assert all(line.startswith("#") for line in describe_settings("", kind).splitlines())
    assert all(field.description for field in kind.model_fields.values())
    assert all(key in describe_settings("", kind) for key in kind.model_fields if key not in SECTIONS)


def test_the_complete_config_names_every_encoder_setting():
    run = load(Run, Path(CONFIGS / "demo.toml"))
    assert "[encoders.image]" in dump_toml(run)
    assert "patch = " in dump_toml(run)


@pytest.mark.parametrize("name", names())
def test_every_encoder_setting_has_a_meaning_and_a_default(name):
    kind = get(name).Config
    properties = TypeAdapter(kind).json_schema()["properties"]
    assert all(properties[field.name].get("description") for field in fields(kind))
    assert kind() == kind()


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, "comma eval synthesis runs/x"),
        (
            {"modalities": ("structure", "composition"), "encoders": {}, "augmentation": {}},
            "comma eval retrieval runs/x",
        ),
        ({"stages": ("supervised",), "supervised": {"target": "gap"}}, "comma align config"),
    ],
)
def test_what_follows_a_run_can_be_asked_of_it(changes, first):
    told = next_steps(settings("data", **changes), Path("runs/x"))
    assert told[0].startswith(first)
    assert told[-1].startswith("comma align config")


def test_a_config_is_read_without_torch():
    """Which takes seconds, and `comma --help` half of one."""
    code = "import sys, comma_align.config; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
