"""When a study is the one that was begun."""

import json

import pytest
from comma_app.study.config import read_study
from comma_app.study.errors import StudyError
from comma_app.study.folder import BEGUN, begin, check_same, complete


def rewritten(folder, change):
    begun = json.loads((folder / BEGUN).read_text())
    change(next(iter(begun["study"]["models"].values()))["settings"])
    (folder / BEGUN).write_text(json.dumps(begun))


def test_a_setting_that_came_with_an_update_is_no_change(tmp_path):
    study = read_study("demo")
    begin(tmp_path, study, "1234")
    rewritten(tmp_path, lambda settings: settings.pop("patience"))
    rewritten(tmp_path, lambda settings: settings["encoders"]["text"].pop("dropout"))
    check_same(tmp_path, study, "1234")


@pytest.mark.parametrize("change", [{"patience": 7}, {"no_longer_there": 1}])
def test_a_setting_of_another_value_or_one_that_is_gone_is_a_change(change, tmp_path):
    study = read_study("demo")
    begin(tmp_path, study, "1234")
    rewritten(tmp_path, lambda settings: settings.update(change))
    with pytest.raises(StudyError, match=rf"settings\.{next(iter(change))} changed"):
        check_same(tmp_path, study, "1234")


def test_what_is_complete_is_complete_once_more():
    study = read_study("demo")
    assert complete(type(study).model_validate({**complete(study), "data": study.data})) == complete(study)
