"""What an interrupted build knows already."""

import pytest
from comma_data.memory import Memory
from comma_data.pool import Serial


def run(path, items, computed, fail_at=None):
    def square(item):
        if item == fail_at:
            raise KeyboardInterrupt
        computed.append(item)
        return [item, item * item]

    return list(Memory(path).map(Serial(), square, items, key=str, on_death=lambda _: None, size=1))


def test_what_is_known_is_not_computed_again(tmp_path):
    path, first, second = tmp_path / "new" / "memory.jsonl", [], []
    assert run(path, [1, 2, 3], first) == [[1, 1], [2, 4], [3, 9]]
    assert run(path, [4, 3, 2, 5, 1], second) == [[4, 16], [3, 9], [2, 4], [5, 25], [1, 1]]
    assert (first, second) == ([1, 2, 3], [4, 5])


def test_an_interrupted_run_keeps_what_it_had(tmp_path):
    path, computed = tmp_path / "memory.jsonl", []
    with pytest.raises(KeyboardInterrupt):
        run(path, [1, 2, 3, 4], computed, fail_at=3)
    run(path, [1, 2, 3, 4], computed)
    assert computed == [1, 2, 3, 4]


def test_damage_is_as_if_the_line_were_not_there(tmp_path):
    path = tmp_path / "memory.jsonl"
    run(path, [1, 2, 3], [])
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x11]) + whole[place + 1 :])
        assert run(path, [1, 2, 3], []) == [[1, 1], [2, 4], [3, 9]]
        path.write_bytes(whole[:place])
        assert run(path, [1, 2, 3], []) == [[1, 1], [2, 4], [3, 9]]


def test_without_a_path_nothing_is_kept():
    computed = []
    run(None, [1], computed)
    run(None, [1], computed)
    assert computed == [1, 1]


def test_a_disk_that_takes_nothing_costs_only_time(tmp_path):
    (tmp_path / "file").write_text("no folder")
    computed = []
    assert run(tmp_path / "file" / "memory.jsonl", [2], computed) == [[2, 4]]
    assert computed == [2]


def test_what_stands_for_a_dead_process_is_not_kept(tmp_path):
    class Dying:
        def map(self, function, items, *, on_death, size):  # noqa: ARG002 - an engine's
            return (on_death(item) if item == 2 else function(item) for item in items)

    path = tmp_path / "memory.jsonl"
    asked = {"key": str, "on_death": lambda _: None, "size": 1}
    assert list(Memory(path).map(Dying(), lambda item: [item], [1, 2, 3], **asked)) == [[1], None, [3]]
    assert list(Memory(path).map(Serial(), lambda item: [item, 0], [1, 2, 3], **asked)) == [[1], [2, 0], [3]]
