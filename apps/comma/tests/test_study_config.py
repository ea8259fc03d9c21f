"""What is written down beforehand: complete, checked before anything is trained, misspelt keys with the nearest."""

import pytest
from comma_app.study.config import STUDIES, Study, ordered, read_study
from comma_app.study.folder import complete, differing
from comma_app.study.models import askable
from comma_app.study.runs import base_run, merged, run_of
from comma_app.study.tasks import asked, names
from comma_data.configfile import dump_toml, load
from comma_data.errors import ConfigError

NAMED = sorted(path.stem for path in STUDIES.glob("*.toml"))

GOOD = """name = "x"
question = "?"
data = "d"
[common]
modalities = ["structure", "text"]
[models.a]
[models.b]
settings = { epochs = 3 }
[tasks.t]
task = "synthesis"
[[primary]]
name = "p"
task = "t"
model = "a"
against = "b"
"""
BAD = {
    "misspelt": ("question", "qestion", r"line 2: unknown key 'qestion'; did you mean 'question'"),
    "misspelt in a model": (
        "[models.b]\n",
        "[models.b]\nstrat = 'a'\n",
        r"line 8.*'models\.b\.strat'; did you mean 'start'",
    ),
    "misspelt setting": (
        "epochs = 3",
        "epoch = 3",
        r"line 8: models\.b\.settings: unknown key 'epoch'; did you mean 'epochs'",
    ),
    "misspelt section of a run": ("epochs = 3", "optimiser = 3", r"did you mean 'optimizer'"),
    "setting of another kind": ("epochs = 3", 'epochs = "many"', r"line 8: models\.b\.settings: epochs = 'many'"),
    "unknown run": (
        "[models.a]\n",
        '[models.a]\nrun = "demmo"\n',
        r"line 7: models\.a\.run: no run 'demmo'; did you mean 'demo'",
    ),
    "what the study decides": ("epochs = 3", "seed = 3", r"the setting 'seed' is made by the study"),
    "unknown task": (
        '"synthesis"',
        '"synthesys"',
        r"line 10: tasks\.t\.task: no task 'synthesys'; did you mean 'synthesis'",
    ),
    "unknown option": (
        '"synthesis"\n',
        '"synthesis"\noptions = { veiw = "masked" }\n',
        r"no option 'veiw'; did you mean 'view'",
    ),
    "unknown value": ('"synthesis"\n', '"synthesis"\neach = { view = ["masked", "maskd"] }\n', r"unknown view 'maskd'"),
    "option of another kind": ('"synthesis"\n', '"synthesis"\noptions = { view = 3 }\n', r"synthesis, option view"),
    "option in two places": (
        '"synthesis"\n',
        '"synthesis"\noptions = { view = "masked" }\neach = { view = ["masked"] }\n',
        r"'view' stands in `options` and in `each`",
    ),
    "outcome of no task": ('task = "t"\nmodel', 'task = "tt"\nmodel', r"primary\.0\.task: no 'tt'; did you mean 't'"),
    "outcome of no model": (
        'model = "a"',
        'model = "aa"',
        r"line 14: primary\.0\.model: no 'aa'; did you mean 'a'\?; known: a, b",
    ),
    "outcome of what is not scored": ("[models.a]\n", "[models.a]\nscored = false\n", r"primary\.0\.model: no 'a'"),
    "error that should rise": ('model = "a"', 'model = "a"\nmetric = "RMSE"', r"RMSE is an error: better = 'lower'"),
    "asked what it was not trained for": (
        "settings = { epochs = 3 }\n[tasks.t]\n",
        'settings = { stages = ["supervised"], supervised = { target = "gap" } }\n[tasks.t]\nmodels = ["b"]\n',
        r"tasks\.t\.models: 'b' was trained to tell 'gap' and nothing else: synthesis cannot ask it",
    ),
    "start from nobody": ("[models.a]\n", '[models.a]\nstart = "c"\n', r"models\.a\.start: no 'c'"),
    "start in a circle": (
        "[models.a]\n[models.b]\n",
        '[models.a]\nstart="b"\n[models.b]\nstart="a"\n',
        r"a\.start: a, b start from",
    ),
    "two starts": (
        "[models.b]\nsettings = {",
        '[models.b]\nstart = "a"\nsettings = { start = "x",',
        r"b\.start: names a model",
    ),
    "tasks of nobody": ('"synthesis"\n', '"synthesis"\nmodels = ["c"]\n', r"tasks\.t\.models: no 'c'"),
    "map of what nobody has": (
        'data = "d"',
        'data = "d"\nmap = { modalities = ["txt"] }',
        r"map\.modalities: no 'txt'; did you mean 'text'",
    ),
    "fold 5": ('data = "d"', 'data = "d"\nfolds = [5]', r"folds\.0"),
    "fold twice": ('data = "d"', 'data = "d"\nfolds = [1, 1]', r"each once"),
    "a name that is a path": ('"x"', '"../x"', r"line 1.*name"),
    "a model that is a path": ("[models.b]", '[models."../b"]', r"models"),
}


@pytest.mark.parametrize("name", BAD)
def test_faults_say_where_and_what_to_do(name, tmp_path):
    old, new, message = BAD[name]
    assert old in GOOD, "the planted fault is not planted"
    path = tmp_path / "study.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message) as caught:
        load(Study, path)
    assert caught.value.exit_code == 2


def test_what_the_faults_are_planted_in_is_good(tmp_path):
    (tmp_path / "study.toml").write_text(GOOD)
    study = load(Study, tmp_path / "study.toml")
    assert study.folds == (0, 1, 2, 3, 4)
    assert study.primary[0].against == ("b",)


def test_an_outcome_may_be_of_an_answer_that_is_named_after_a_model(tmp_path):
    (tmp_path / "study.toml").write_text(GOOD.replace('model = "a"', 'model = "a + ridge"', 1))
    assert load(Study, tmp_path / "study.toml").primary[0].model == "a + ridge"


@pytest.mark.parametrize("name", NAMED)
def test_named_studies_are_valid_and_survive_the_round_trip(name, tmp_path):
    study = read_study(name)
    assert study.name == name
    (tmp_path / "again.toml").write_text(dump_toml(study))
    assert load(Study, tmp_path / "again.toml") == study


def test_there_are_named_studies_and_the_nearest_is_named():
    assert {"demo", "synthesis"} <= set(NAMED)
    with pytest.raises(ConfigError, match="no study 'synthesys'; did you mean 'synthesis'"):
        read_study("synthesys")


def test_a_setting_of_the_command_line_takes_part():
    study = read_study("demo", ["common.epochs=1", "folds=[2]"])
    assert base_run(study, "clip").epochs == 1
    assert study.folds == (2,)


def test_what_is_common_is_matched_and_what_is_a_models_own_wins(tiny, tmp_path):
    ours, clip = base_run(tiny, "ours"), base_run(tiny, "clip")
    assert ours.encoders == clip.encoders
    assert (ours.objective.kind, clip.objective.kind) == ("infonce", "clip")
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": 4}) == {"a": {"b": 1, "c": 3}, "d": 4}


def test_each_fold_has_its_own_seed_and_the_start_of_its_fold(tiny, tmp_path):
    run = run_of(tiny.model_copy(update={"seed": 7}), "ours", 1, tmp_path)
    assert (run.seed, run.test_fold, run.name) == (8, 1, "ours")
    assert run.start == str(tmp_path.resolve() / "runs" / "before" / "fold-1")


def test_what_others_start_from_comes_first(values):
    values["models"] = {"ours": values["models"]["ours"], "before": values["models"]["before"]}
    values["primary"] = []
    assert ordered(Study(**values).models) == ["before", "ours"]


def test_tasks_are_found_and_asked_once_with_each_value():
    assert "synthesis" in names()
    several = list(asked("synthesis", {}, {"view": ("masked", "operations")}))
    assert [one.task.view for one in several] == ["masked", "operations"]
    assert several[0].labels == {"view": "masked"}
    assert [one.labels for one in asked("synthesis", {}, {})] == [{}]
    budgets = list(asked("property", {"target": "gap"}, {"labels": (300, 1000)}))
    assert [one.task.labels for one in budgets] == [(300,), (1000,)]
    assert [one.labels for one in budgets] == [{"labels": "300"}, {"labels": "1000"}]


def test_changed_keys_are_named(tiny, values):
    values["models"]["clip"]["settings"]["epochs"] = 3
    values["question"] = "Another?"
    changed = differing(complete(tiny), complete(Study(**values)))
    assert changed == ["question", "models.clip.settings.epochs"]
    assert differing(complete(tiny), complete(tiny)) == []


def test_what_all_have_in_common_may_be_written_elsewhere(tiny, values):
    """The same experiment in other words is the same study."""
    epochs = values["common"].pop("epochs")
    for model in values["models"].values():
        model.setdefault("settings", {})["epochs"] = epochs
    assert differing(complete(tiny), complete(Study(**values))) == []


def test_a_model_that_was_trained_to_tell_a_target_is_asked_for_that_alone():
    telling = {"stages": ["supervised"], "supervised": {"target": "gap"}}
    tasks = {
        "gap": {"task": "property", "options": {"target": "gap"}},
        "energy": {"task": "property", "options": {"target": "energy"}},
        "gap-missing": {"task": "missing_property", "options": {"target": "gap"}},
        "protocols": {"task": "synthesis"},
    }
    study = Study(
        name="x", question="?", data="d", models={"aligned": {}, "telling": {"settings": telling}}, tasks=tasks
    )
    asked_of = {
        name: askable(study, name, one.task)
        for name, task in study.tasks.items()
        for one in asked(task.task, task.options, task.each)
    }
    assert asked_of.pop("gap") == ["aligned", "telling"]
    assert asked_of == {name: ["aligned"] for name in ("energy", "gap-missing", "protocols")}
