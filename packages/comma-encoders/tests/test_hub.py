"""Models by name: from the package, a folder, and a hub that answers on this machine. No network."""

import base64
import hashlib
import json
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from comma_encoders import folder, hub, locate
from comma_encoders.errors import InputError, MissingDependencyError, UsageError
from comma_encoders.model import AlignedModel

ABOUT = {"run": "toy", "data": {"name": "shared", "path": "/" + "home/someone/data"}, "licence": "CC-BY-4.0"}


@pytest.fixture(scope="module")
def model():
    made = AlignedModel.create("composition", dim=8)
    made.about = ABOUT
    return made


@pytest.fixture
def package(model, tmp_path, monkeypatch):
    """An installation that holds `comma-small`."""
    monkeypatch.setattr(locate, "SHIPPED", tmp_path / "pretrained")
    hub.save_pretrained(model, tmp_path / "pretrained" / "comma-small")
    monkeypatch.chdir(tmp_path)


def test_a_model_of_the_package_loads_offline(package, model, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it asked the network"))
    again = AlignedModel.from_pretrained("comma-small")
    torch.testing.assert_close(again.encode("composition", ["NaCl"]), model.encode("composition", ["NaCl"]))
    assert not again.training
    assert again.about["run"] == "toy"


def test_a_folder_comes_before_the_package(package, tmp_path):
    other = AlignedModel.create("composition", dim=16)
    other.save_pretrained(tmp_path / "comma-small")
    assert AlignedModel.from_pretrained("comma-small").dim == 16
    assert AlignedModel.from_pretrained(tmp_path / "comma-small").dim == 16


@pytest.mark.parametrize("name", ["comma-huge", "./nowhere", "../a/b", "a/b/c"])
def test_what_is_nowhere_is_told_with_what_there_is(package, name):
    with pytest.raises(UsageError, match="this installation holds comma-small"):
        AlignedModel.from_pretrained(name)


def test_an_installation_without_models_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(locate, "SHIPPED", tmp_path)
    with pytest.raises(UsageError, match="holds none"):
        AlignedModel.from_pretrained("comma-small")


def test_a_revision_belongs_to_the_hub(package):
    with pytest.raises(UsageError, match="revision"):
        AlignedModel.from_pretrained("comma-small", revision="main")


def test_a_published_folder_says_nothing_of_the_makers_machine(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    text = "".join(path.read_text() for path in (tmp_path / "m").glob("*.[jm][sd]*"))
    assert "someone" not in text
    assert folder.read_manifest(tmp_path / "m")["data"] == {"name": "shared"}


def test_a_copy_is_the_same_model_byte_for_byte_under_another_manifest(model, tmp_path):
    folder.save(model, tmp_path / "m", ABOUT)
    hub.republish(tmp_path / "m", tmp_path / "copy", {**ABOUT, "name": "other"})
    kept = ("config.json", "known.json", "model.safetensors")
    assert all((tmp_path / "m" / name).read_bytes() == (tmp_path / "copy" / name).read_bytes() for name in kept)
    assert AlignedModel.from_pretrained(tmp_path / "copy").about == {
        **ABOUT,
        "data": {"name": "shared"},
        "name": "other",
    }
    assert (tmp_path / "copy" / "README.md").read_text().count("\n# other\n") == 1


def test_a_damaged_model_is_not_copied(model, tmp_path):
    folder.save(model, tmp_path / "m")
    with (tmp_path / "m" / "known.json").open("a") as file:
        file.write(" ")
    with pytest.raises(InputError, match=r"known\.json is damaged"):
        hub.republish(tmp_path / "m", tmp_path / "copy", {})


def test_what_is_uploaded_is_the_published_folder(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    there = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    assert hub.contents(tmp_path / "m") == there


class Hub(ThreadingHTTPServer):
    """Repositories in memory: repository -> list of commits, each name -> bytes; answers as huggingface.co does."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.commits = {}
        self.asked = []
        self.forbidden = False

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository, files):
        self.commits.setdefault(repository, []).append(files)

    def sha(self, repository, at):
        return hashlib.sha1(f"{repository}{at}".encode()).hexdigest()  # noqa: S324  only a name, as in git

    def at(self, repository, revision):
        """(commit, its files), of `main` or a commit; None where there is none."""
        commits = self.commits.get(repository, [])
        for i in range(len(commits) - 1, -1, -1):
            if revision in ("main", self.sha(repository, i)):
                return self.sha(repository, i), commits[i]
        return None


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, body=b"", status=200, **headers):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def missing(self, what):
        self.answer(b"{}", 404, X_Error_Code=what, X_Error_Message=what)

    def as_json(self, content):
        self.answer(json.dumps(content).encode(), Content_Type="application/json")

    def do_GET(self):
        path = self.path.partition("?")[0].strip("/").split("/")
        self.server.asked.append(self.path)
        name = "/".join(path[2:4] if path[0] == "api" else path[:2])
        if name not in self.server.commits:
            return self.missing("RepoNotFound")
        if path[0] == "api":
            return self.describe(name, path)
        found = self.server.at(name, path[3])
        if found is None:
            return self.missing("RevisionNotFound")
        sha, files = found
        file = "/".join(path[4:])
        if file not in files:
            return self.missing("EntryNotFound")
        etag = hashlib.sha256(files[file]).hexdigest()
        return self.answer(files[file], ETag=f'"{etag}"', X_Repo_Commit=sha)

    do_HEAD = do_GET  # noqa: N815  the name that http.server looks for

    def describe(self, name, path):
        found = self.server.at(name, path[5] if len(path) > 5 else "main")
        if found is None:
            return self.missing("RevisionNotFound")
        sha, files = found
        if path[4:5] == ["tree"]:
            rows = [
                {"type": "file", "path": f, "size": len(b), "oid": hashlib.sha256(b).hexdigest()}
                for f, b in files.items()
            ]
            return self.as_json(rows)
        return self.as_json({"id": name, "sha": sha, "siblings": [{"rfilename": file} for file in files]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.forbidden:
            return self.answer(b'{"error": "no"}', 403)
        if self.path.endswith("/validate-yaml"):
            return self.as_json({"errors": [], "warnings": []})
        if self.path.endswith("/repos/create"):
            made = json.loads(body)
            name = "/".join(filter(None, (made.get("organization"), made["name"])))
            self.server.commits.setdefault(name, [])
            return self.as_json({"url": f"{self.server.address}/{name}", "name": name, "id": name})
        name = "/".join(self.path.split("/")[3:5])
        if "/preupload/" in self.path:
            wanted = json.loads(body)["files"]
            return self.as_json(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in wanted]}
            )
        lines = [json.loads(line) for line in body.splitlines()]
        files = {
            row["value"]["path"]: base64.b64decode(row["value"]["content"]) for row in lines if row["key"] == "file"
        }
        self.server.commit(name, files)
        sha = self.server.at(name, "main")[0]
        return self.as_json(
            {"commitUrl": f"{self.server.address}/{name}/commit/{sha}", "commitOid": sha, "success": True}
        )


@pytest.fixture
def server(monkeypatch, tmp_path):
    from huggingface_hub import constants, file_download, hf_api

    served = Hub()
    threading.Thread(target=served.serve_forever, daemon=True).start()
    for place in (constants, hf_api, file_download):
        if hasattr(place, "ENDPOINT"):
            monkeypatch.setattr(place, "ENDPOINT", served.address)
    template = served.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 30)
    yield served
    served.shutdown()
    served.server_close()


def options(tmp_path):
    return {"cache_dir": tmp_path / "cache", "token": False}


def test_what_was_pushed_comes_back(model, server, tmp_path):
    address = model.push_to_hub("someone/toy", token="hf_x")  # noqa: S106  no secret
    assert address.startswith(server.address)
    (files,) = server.commits["someone/toy"]
    assert set(files) == {"README.md", "config.json", "known.json", "manifest.json", "model.safetensors"}
    assert b"license: cc-by-4.0" in files["README.md"]
    assert "someone/data" not in files["manifest.json"].decode()
    again = AlignedModel.from_pretrained("someone/toy", **options(tmp_path))
    torch.testing.assert_close(again.encode("composition", ["NaCl"]), model.encode("composition", ["NaCl"]))


def contents(model, place):
    model.save_pretrained(place)
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_only_listed_files_are_fetched_and_none_is_unpickled(model, server, tmp_path):
    canary = tmp_path / "canary"

    class Evil:
        def __reduce__(self):
            return (open, (str(canary), "w"))

    evil = {name: pickle.dumps(Evil()) for name in ("pytorch_model.bin", "model.pt", "hook.py")}
    server.commit("a/b", contents(model, tmp_path / "m") | evil)
    AlignedModel.from_pretrained("a/b", **options(tmp_path))
    assert not canary.exists()
    assert not [path for path in server.asked if "resolve" in path and path.endswith(tuple(evil))]


def test_a_pinned_revision_stays_what_it_was(model, server, tmp_path):
    server.commit("a/b", contents(model, tmp_path / "one"))
    server.commit("a/b", contents(AlignedModel.create("composition", dim=16), tmp_path / "two"))
    first = server.sha("a/b", 0)
    assert AlignedModel.from_pretrained("a/b", **options(tmp_path)).dim == 16
    assert AlignedModel.from_pretrained("a/b", revision=first, **options(tmp_path)).dim == 8


def test_a_file_that_was_changed_on_the_hub_is_refused(model, server, tmp_path):
    files = contents(model, tmp_path / "m")
    server.commit("a/b", files | {"model.safetensors": files["model.safetensors"][:-1] + b"\x00"})
    with pytest.raises(InputError, match=r"model\.safetensors is damaged"):
        AlignedModel.from_pretrained("a/b", **options(tmp_path))


@pytest.mark.parametrize("names", [["../evil"], [], ["sub/file"]])
def test_a_manifest_that_points_elsewhere_is_refused(model, server, tmp_path, names):
    manifest = json.dumps({"sha256": dict.fromkeys(names, "0")}).encode()
    server.commit("a/b", contents(model, tmp_path / "m") | {"manifest.json": manifest})
    with pytest.raises(InputError, match="does not list"):
        AlignedModel.from_pretrained("a/b", **options(tmp_path))


def test_a_repository_without_a_model_is_refused(server, tmp_path):
    server.commit("a/b", {"README.md": b"hello", "config.json": b"{}"})
    with pytest.raises(InputError, match="holds no model of comma-encoders"):
        AlignedModel.from_pretrained("a/b", **options(tmp_path))


@pytest.mark.parametrize("revision", [None, "v9"])
def test_a_repository_or_revision_that_is_not_there_is_told(model, server, tmp_path, revision):
    if revision:
        server.commit("no/thing", contents(model, tmp_path / "m"))
    with pytest.raises(UsageError, match="has no model no/thing"):
        AlignedModel.from_pretrained("no/thing", revision=revision, **options(tmp_path))


def test_a_hub_that_cannot_be_reached_is_told_with_a_remedy(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(MissingDependencyError, match="give its path"):
        AlignedModel.from_pretrained("a/b", **options(tmp_path))


def test_what_was_fetched_is_there_without_the_hub(model, server, tmp_path):
    server.commit("a/b", contents(model, tmp_path / "m"))
    AlignedModel.from_pretrained("a/b", **options(tmp_path))
    count = len(server.asked)
    AlignedModel.from_pretrained("a/b", local_files_only=True, **options(tmp_path))
    assert len(server.asked) == count


def test_an_upload_that_is_refused_is_told(model, server):
    server.forbidden = True
    with pytest.raises(UsageError, match="refused the upload to a/b"):
        model.push_to_hub("a/b", token="hf_x")  # noqa: S106  no secret


def test_a_folder_is_pushed_with_its_own_card(model, server, tmp_path):
    model.save_pretrained(tmp_path / "m")
    (tmp_path / "m" / "README.md").write_text("mine")
    hub.push_to_hub(tmp_path / "m", "a/b", token="hf_x")  # noqa: S106  no secret
    assert server.commits["a/b"][-1]["README.md"] == b"mine"


def test_a_name_of_another_form_is_refused(model):
    with pytest.raises(UsageError, match="owner/name"):
        model.push_to_hub("toy")
