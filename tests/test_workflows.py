"""The automation: pinned actions, least permissions, a release workflow a package, the same commands as `.ci/run`."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FOLDERS = sorted(path.parent for path in [*ROOT.glob("packages/*/pyproject.toml"), *ROOT.glob("apps/*/pyproject.toml")])
SCRIPTS = sorted(path for path in (ROOT / ".ci").iterdir() if path.is_file() and not path.suffix)
USES = re.compile(r"^\s*(?:- )?uses: (\S+)(?: +# (\S+))?$", re.MULTILINE)

each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


def script(name):
    """A Python file of `.ci`, imported by its path."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(*names):
    return "\n".join((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8") for name in names)


@each_workflow
def test_every_action_is_pinned_to_a_commit_and_says_its_version(workflow):
    content = workflow.read_text(encoding="utf-8")
    found = USES.findall(content)
    assert len(found) == content.count("uses:")
    for action, version in found:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r"v\d+\.\d+\.\d+", version), f"{action} lacks its version in a comment"


def test_an_action_has_one_pin():
    pins = {pair for workflow in WORKFLOWS for pair in USES.findall(workflow.read_text(encoding="utf-8"))}
    names = [action.partition("@")[0] for action, _ in pins if not action.startswith("./")]
    assert len(names) == len(set(names))


@each_workflow
def test_permissions_are_least_by_default(workflow):
    content = workflow.read_text(encoding="utf-8")
    assert re.search(r"^permissions:(?: \{\}|\n  contents: read)\n\n", content, re.MULTILINE)
    assert "pull_request_target" not in content
    assert "secrets." not in content
    assert content.count("actions/checkout@") == content.count("persist-credentials: false")
    assert content.count("runs-on:") == content.count("timeout-minutes:")


def commands(*names):
    """The shell commands of workflows."""
    found = re.finditer(r"^( *)(?:- )?run: (.*(?:\n\1 +.*)*)", text(*names), re.MULTILINE)
    return "\n".join(block[2] for block in found)


@each_workflow
def test_no_expression_is_pasted_into_a_shell(workflow):
    assert "${{" not in commands(workflow.name)


def test_the_commenting_workflow_runs_no_code_of_a_pull_request():
    content = text("bench-comment.yml")
    assert "ref: ${{ github.event.repository.default_branch }}" in content
    assert "hatch" not in content.replace("hatch run bench`", "")
    assert "write" not in text("bench.yml")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_package_has_its_release_workflow(folder):
    name = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    content = text(f"release-{name}.yml")
    assert f'tags: ["{name}-v*"]' in content
    assert f"distribution: {name}\n      folder: {folder.relative_to(ROOT).as_posix()}\n" in content
    assert "name: pypi\n" in content
    build, publish = content.split("\n  publish:\n")
    assert "uses: ./.github/workflows/release-build.yml" in build
    assert "needs: build" in publish
    assert "permissions:\n      id-token: write" in publish
    assert "run:" not in publish, "nothing but the upload may run where the package can be published"


def test_the_servers_run_what_the_local_script_runs():
    steps = re.findall(r"^step (.+)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(steps) >= 6
    for step in steps:
        words = step.split()
        command = " ".join(words[:3]) if words[0] == "hatch" else words[0]
        command = 'hatch run "$ENVIRONMENT:test"' if "alone:test" in step else command
        assert command in commands("check.yml", "bench.yml"), f"`{step}` of .ci/run is in no workflow"


def test_the_matrix_of_packages_is_complete():
    listed = re.search(r"package: \[(.+)\]", text("check.yml"))[1].split(", ")
    assert sorted(listed) == sorted(folder.name for folder in FOLDERS)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_are_sound(path):
    content = path.read_text(encoding="utf-8")
    assert content.startswith("#!/usr/bin/env bash\n#")
    assert "set -euo pipefail" in content
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize(
    ("example", "status"),
    [
        ("```python\nx = 1\n```\nand then\n```python\nassert x == 1\n```\n", 0),
        ("```python\nassert False\n```\n", 1),
        ("```python\n>>> 1 + 1\n2\n```\n", 0),
        ("```python\n>>> 1 + 1\n3\n```\n", 1),
        ("```python\nx = 4\n```\n```python\n>>> x\n4\n```\n", 0),
        ("no example\n", 1),
    ],
)
def test_examples_of_a_readme_are_run(tmp_path, example, status):
    readme = tmp_path / "README.md"
    readme.write_text(example, encoding="utf-8")
    done = subprocess.run([sys.executable, ROOT / ".ci" / "readme.py", readme], capture_output=True, check=False)
    assert done.returncode == status


def test_a_failing_example_is_named_by_its_line(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n\n```python\nx = 1\nassert x == 2\n```\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme.py", readme], capture_output=True, text=True, check=False
    )
    assert 'README.md", line 5' in done.stderr


def test_a_benchmark_cannot_write_more_than_text_into_a_comment():
    hostile = (
        b"ratio 1.7\n```\n# heading <b>\n\x1b[31mred\x1b[0m\x00\n" + b"@someone\n" * 500 + b"\xff\xfe" + b"x" * 10_000
    )
    body = script("bench_comment").comment(hostile, "0" * 40)
    fences = [line for line in body.splitlines() if line.startswith("```")]
    assert fences == ["```text", "```"]
    assert body.index("ratio 1.7") > body.index("```text")
    assert body.rstrip().endswith("```")
    assert "\x1b" not in body
    assert "\x00" not in body
    assert len(body.splitlines()) < 210
    assert max(map(len, body.splitlines())) <= 200
    assert "unknown" in script("bench_comment").comment(b"", "$(id)")


@pytest.mark.parametrize(
    ("tag", "version", "heading", "wrong"),
    [
        ("some-v1.2.0", "1.2.0", "1.2.0 (2026-11-22)", None),
        ("some-v1.2.1", "1.2.0", "1.2.0 (2026-11-22)", "tag"),
        ("other-v1.2.0", "1.2.0", "1.2.0 (2026-11-22)", "tag"),
        ("some-v1.2.0", "1.2.0", "1.1.0 (2026-11-22)", "changelog"),
        ("some-v1.2.0", "1.2.0", "1.2.0 (unreleased)", "unreleased"),
    ],
)
def test_a_release_states_one_version(tmp_path, tag, version, heading, wrong):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "some"\n[tool.hatch.version]\npath = "m.py"\n')
    (tmp_path / "m.py").write_text(f'__version__ = "{version}"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n\n## 0.9.0\n")
    problem = script("release").problem(tag, tmp_path)
    assert (problem is None) if wrong is None else (wrong in problem)
