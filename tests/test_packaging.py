"""What every distribution of the repository owes its users, read from the files themselves."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = sorted(path.parent for path in [*ROOT.glob("packages/*/pyproject.toml"), *ROOT.glob("apps/*/pyproject.toml")])
HATCH = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))
PROVIDERS = {**packages_distributions(), "triton": ["torch"]}  # torch brings it where it can run

UNSAFE_ALLOWED = {
    (".ci/readme.py", "exec"): "running the README's examples is its purpose",
    ("benchmarks/reliability/fault_03_code_in_shards.py", "pickle.loads"): "it proves that its own payload would run",
    ("benchmarks/reliability/fault_03_code_in_shards.py", "np.save(allow_pickle)"): "it makes the payload",
    ("benchmarks/reliability/fault_01_code_in_models.py", "np.save(allow_pickle)"): "it makes the payload",
}
"""(file, call) -> why it cannot be reached with a stranger's input."""

BEHIND_AN_EXTRA = {
    f"packages/comma-encoders/src/comma_encoders/integrations/{name}.py": "integrations/deepchem.py asks for it lazily"
    for name in ("deepchem_feat", "deepchem_model", "linear")
}
"""File that is imported only where an extra is installed -> what sees to that; it may import the extra at once."""

MACHINE_PATH = re.compile(r"(?<![\w.}>/-])/" + r"(?:home|root|work|Users|opt|mnt)/\w")

each_package = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normal(requirement):
    """The normalised name of a requirement such as `torch-geometric>=2.6`."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def declared(folder, *, extras):
    stated = project(folder)
    optional = [r for group in stated.get("optional-dependencies", {}).values() for r in group] if extras else []
    return {normal(requirement) for requirement in stated["dependencies"] + optional}


def module_name(folder):
    return next(folder.glob("src/*/__init__.py")).parent.name


def imports(file):
    """(top-level module, whether the import runs when the file is imported) of every import of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    lazy = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            yield name.partition(".")[0], id(node) not in lazy


def undeclared(files, own, always, sometimes):
    """`file imports module` for every import that no declared distribution provides."""
    missing = set()
    for file in files:
        for module, at_once in imports(file):
            providers = {normal(name) for name in PROVIDERS.get(module, [module])}
            beside = {other.stem for other in file.parent.glob("*.py")} if file.parent.name == "tests" else set()
            eager = at_once and str(file.relative_to(ROOT)) not in BEHIND_AN_EXTRA
            known = module in sys.stdlib_module_names or module == own or module in beside
            if not known and not providers & (always if eager else always | sometimes):
                missing.add(f"{file.relative_to(ROOT)} imports {module}")
    return sorted(missing)


def tracked():
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\0")
    if not any(names):
        pytest.skip("not a git checkout: its files cannot be listed")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_there_are_packages():
    assert {folder.name for folder in FOLDERS} >= {
        "comma-data",
        "comma-encoders",
        "comma-align",
        "comma-eval",
        "comma",
        "explorer",
    }


@each_package
def test_version_is_the_newest_entry_of_the_changelog(folder):
    source = next(folder.glob("src/*/__init__.py")).read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)[1]
    newest = re.search(r"^## (\S+)", (folder / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert version == newest


@each_package
def test_imports_are_declared(folder):
    files = sorted(folder.glob("src/**/*.py"))
    assert files
    always, sometimes = declared(folder, extras=False), declared(folder, extras=True)
    assert undeclared(files, module_name(folder), always, sometimes) == []


@each_package
def test_tests_import_only_what_the_package_declares(folder):
    tools = {normal(requirement) for requirement in HATCH["envs"]["alone"]["dependencies"]}
    always, sometimes = declared(folder, extras=False) | tools, declared(folder, extras=True)
    assert undeclared(sorted(folder.glob("tests/**/*.py")), module_name(folder), always, sometimes) == []


@each_package
@pytest.mark.parametrize(("name", "bound"), [("torch", "torch>=2.10"), ("pymatgen", "pymatgen>=2025.10.7")])
def test_lower_bounds_leave_known_vulnerabilities_behind(folder, name, bound):
    requirements = [requirement for requirement in project(folder)["dependencies"] if normal(requirement) == name]
    assert all(requirement == bound for requirement in requirements)


@each_package
def test_every_dependency_has_a_lower_bound(folder):
    bare = [r for r in project(folder)["dependencies"] if ">=" not in r and "==" not in r]
    assert bare == []


@each_package
def test_what_a_distribution_carries(folder):
    stated = project(folder)
    assert stated["license"] == "Apache-2.0"
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (folder / stated["readme"]).is_file()
    assert (folder / "src" / module_name(folder) / "py.typed").is_file()
    assert stated["requires-python"] == ">=3.11"


@each_package
def test_every_package_is_tested_alone(folder):
    alone = HATCH["envs"]["alone"]
    assert folder.name in alone["matrix"][0]["package"]
    siblings = declared(folder, extras=False) & {project(other)["name"] for other in FOLDERS}
    for sibling in siblings:
        assert project(ROOT / alone["sources"][sibling]["path"])["name"] == sibling


def test_every_dependency_is_pinned_for_development():
    pinned = {
        normal(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if "==" in line
    }
    ours = {normal(project(folder)["name"]) for folder in FOLDERS}
    group = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["dev"]
    wanted = {normal(r) for r in group}.union(*(declared(folder, extras=False) for folder in FOLDERS)) - ours
    assert sorted(wanted - pinned) == [], "run `hatch run lock`"


def unsafe_calls(file):
    """Calls that execute what they read."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in {"eval", "exec", "os.system"} or name.endswith(("pickle.load", "pickle.loads", "Unpickler")):
                yield name
            if name in {"torch.load", "joblib.load", "yaml.load", "marshal.load", "marshal.loads"}:
                yield name
            if name.endswith(".extractall") and not any(k.arg == "filter" for k in node.keywords):
                yield name
            if any(k.arg in {"allow_pickle", "shell"} and ast.unparse(k.value) != "False" for k in node.keywords):
                yield f"{name}({', '.join(k.arg or '**' for k in node.keywords)})"


def test_the_detector_of_unsafe_calls(tmp_path):
    lines = ["pickle.load(f)", "torch.load(p)", "eval(x)", "np.load(p, allow_pickle=True)", "run(c, shell=True)"]
    lines += ["tar.extractall(d)", "exec(x)", "pickle.loads(b)"]
    (tmp_path / "bad.py").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "good.py").write_text("model.eval()\nnp.load(p, allow_pickle=False)\njson.load(f)", encoding="utf-8")
    assert len(list(unsafe_calls(tmp_path / "bad.py"))) == len(lines)
    assert list(unsafe_calls(tmp_path / "good.py")) == []


def test_nothing_executes_what_it_reads():
    files = [*ROOT.glob("packages/*/src/**/*.py"), *ROOT.glob("apps/*/src/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]
    files += ROOT.glob(".ci/*.py")
    found = {(file.relative_to(ROOT).as_posix(), call) for file in files for call in unsafe_calls(file)}
    assert found == set(UNSAFE_ALLOWED)


def test_the_detector_of_machine_paths():
    for bad in ("/" + "home/me/data", 'open("/' + 'root/x")', "see /" + "work/shared"):
        assert MACHINE_PATH.search(bad)
    for good in ("$work/env", "a/home/b", "https://example.org/home/x", "src/work/x"):
        assert not MACHINE_PATH.search(good)


def test_no_file_names_a_path_of_one_machine():
    found = []
    for file in tracked():
        content = file.read_bytes()
        if b"\0" not in content:
            lines = content.decode("utf-8").splitlines()
            found += [f"{file.relative_to(ROOT)}:{i}" for i, line in enumerate(lines, 1) if MACHINE_PATH.search(line)]
    assert found == []
