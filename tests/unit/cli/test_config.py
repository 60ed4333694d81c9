# SPDX-License-Identifier: Apache-2.0
"""`edgectl config` on files: what is shown, changed and kept."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cli.main import run
from edge.config.talosconfig import Context, TalosConfig, load_talosconfig, save_talosconfig
from edge.pki.certificate import (
    KeyPair,
    issue_client,
    make_csr,
    new_ca,
    sign_client_csr,
)
from edge.pki.key import fingerprint, new_labelled_key
from edge.pki.lifetime import CLIENT_LIFETIME

NOW = datetime.now(UTC)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a client configuration with two contexts as the user's own."""
    path = tmp_path / "talosconfig"
    contexts = {"one": Context(endpoints=("e1",)), "two": Context(nodes=("n2",))}
    save_talosconfig(TalosConfig(current="one", contexts=contexts), path)
    monkeypatch.setenv("TALOSCONFIG", str(path))
    return path


def test_contexts_are_listed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The current context carries a star."""
    assert run(["config", "contexts"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [["*", "one", "e1"], ["two", "n2"]]


def test_context_is_selected(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another context can be selected, an unknown one cannot."""
    assert run(["config", "context", "two"]) == 0
    assert load_talosconfig(path).current == "two"
    assert run(["config", "context", "three"]) == 3
    assert "known contexts: one, two" in capsys.readouterr().err


def test_nodes_and_endpoints_are_set(path: Path) -> None:
    """Lists are replaced in the chosen context; others stay."""
    assert run(["config", "node", "a,b", "c"]) == 0
    assert run(["config", "endpoint", "e9", "--context", "two"]) == 0
    contexts = load_talosconfig(path).contexts
    assert contexts["one"] == Context(endpoints=("e1",), nodes=("a", "b", "c"))
    assert contexts["two"] == Context(endpoints=("e9",), nodes=("n2",))
    assert load_talosconfig(path).current == "one"


def test_context_is_removed_unless_it_is_in_use(path: Path) -> None:
    """The current context stays; another goes."""
    assert run(["config", "remove", "one"]) == 3
    assert run(["config", "remove", "two", "-y"]) == 0
    assert list(load_talosconfig(path).contexts) == ["one"]


def test_merge_makes_the_file_when_there_is_none(path: Path, tmp_path: Path) -> None:
    """A first merge is a copy; merging a name again renames it."""
    new = tmp_path / "new"
    assert run(["config", "merge", str(path), "--talosconfig", str(new)]) == 0
    assert load_talosconfig(new) == load_talosconfig(path)
    assert (new.stat().st_mode & 0o777) == 0o600
    run(["config", "endpoint", "elsewhere"])
    assert run(["config", "merge", str(path), "--talosconfig", str(new)]) == 0
    assert load_talosconfig(new).current == "one-1"


def test_what_is_replaced_is_kept(path: Path) -> None:
    """The former file stays beside the new one; a change that changes nothing touches neither."""
    before = path.read_bytes()
    copy = path.with_name("talosconfig.bak")
    assert run(["config", "context", "one"]) == 0
    assert not copy.exists()
    assert run(["config", "context", "two"]) == 0
    assert copy.read_bytes() == before
    assert copy.stat().st_mode & 0o777 == path.stat().st_mode & 0o777 == 0o600


def test_a_link_to_the_file_stays_one(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As people have it who keep their files in one place."""
    link = tmp_path / "link"
    link.symlink_to(path)
    monkeypatch.setenv("TALOSCONFIG", str(link))
    assert run(["config", "use-context", "two"]) == 0
    assert link.is_symlink()
    assert load_talosconfig(path).current == "two"


def test_other_names_of_upstreams(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fingers know them."""
    assert run(["config", "nodes", " a , b", "a"]) == 0
    assert run(["config", "endpoints", "e1", "e2"]) == 0
    assert run(["config", "get-contexts"]) == 0
    assert load_talosconfig(path).contexts["one"] == Context(
        endpoints=("e1", "e2"), nodes=("a", "b")
    )
    assert "use-context" not in capsys.readouterr().out


def test_contexts_are_removed_by_pattern(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All but the current one, after a question; --dry-run only says which."""
    before = path.read_bytes()
    assert run(["config", "remove", "t*"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert run(["config", "remove", "*", "--dry-run"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "one stays: it is the current context",
        "would remove two",
    ]
    assert path.read_bytes() == before
    assert run(["config", "remove", "*", "--noconfirm"]) == 0
    assert list(load_talosconfig(path).contexts) == ["one"]
    assert run(["config", "remove", "z*", "-y"]) == 3
    assert "known contexts: one" in capsys.readouterr().err


def _files(folder: Path, crt: bytes, key: bytes) -> list[str]:
    (folder / "crt").write_bytes(crt)
    (folder / "key").write_bytes(key)
    return ["--crt", str(folder / "crt"), "--key", str(folder / "key")]


def test_a_context_is_added_from_files(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its pair must fit together, and an existing name is not taken."""
    ca = new_ca("talos", now=NOW)
    pair = issue_client(ca, ["os:reader"], now=NOW)
    (tmp_path / "ca").write_bytes(ca.certificate)
    files = _files(tmp_path, pair.certificate, pair.key)
    args = ["config", "add", "three", "--ca", str(tmp_path / "ca"), *files]
    assert run(args) == 0
    config = load_talosconfig(path)
    assert config.current == "one"
    assert config.contexts["three"] == Context(
        ca=ca.certificate, crt=pair.certificate, key=pair.key
    )
    assert run(args) == 3
    assert "already" in capsys.readouterr().err
    assert run([*args, "--force"]) == 0
    assert run(["config", "add", "four", "--crt", str(tmp_path / "crt")]) == 2
    assert run(["config", "add", "four", *_files(tmp_path, pair.certificate, ca.key)]) == 3
    assert "does not belong" in capsys.readouterr().err
    assert "four" not in load_talosconfig(path).contexts


def test_the_first_context_makes_the_file(path: Path, tmp_path: Path) -> None:
    """And is the one in use."""
    new = tmp_path / "deep/new"
    assert run(["config", "add", "only", "--talosconfig", str(new)]) == 0
    assert load_talosconfig(new).current == "only"
    assert new.stat().st_mode & 0o777 == 0o600
    assert path.exists()


def _use(path: Path, pair: KeyPair) -> None:
    context = Context(endpoints=("e",), crt=pair.certificate, key=pair.key)
    save_talosconfig(TalosConfig(current="c", contexts={"c": context}), path)


def test_info_tells_what_a_certificate_is_good_for(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In upstream's words and keys."""
    ca = new_ca("talos", now=NOW)
    _use(path, issue_client(ca, ["os:reader"], now=NOW - timedelta(minutes=1)))
    assert run(["config", "info"]) == 0
    lines = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["Current context"].strip() == "c"
    assert lines["Nodes"].strip() == "not defined"
    assert lines["Roles"].strip() == "os:reader"
    assert lines["Certificate expires"].strip().startswith("364 days from now (")
    assert run(["config", "info", "-o", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["certNotAfter"] == (NOW + CLIENT_LIFETIME).strftime("%Y-%m-%d")
    _use(path, issue_client(ca, [], now=NOW - 3 * CLIENT_LIFETIME))
    assert run(["config", "info"]) == 0
    out = capsys.readouterr().out
    assert "2 years ago" in out
    assert "none" in out


def test_info_says_what_to_do_about_an_ed25519_key(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Upstream's own files have one; both ways to another certificate are named."""
    ca, key = new_ca("talos", now=NOW), new_labelled_key("ed25519")
    request = make_csr(key, common_name="", organizations=["os:admin"])
    certificate = sign_client_csr(ca, request, now=NOW, lifetime=CLIENT_LIFETIME)
    _use(path, KeyPair(certificate=certificate, key=key))
    assert run(["config", "info"]) == 0
    out, err = capsys.readouterr()
    assert f"ed25519, fingerprint {fingerprint(key)}" in out
    assert "cannot verify a client with an Ed25519 key" in err
    assert "edgectl config new" in err
    assert "--with-secrets" in err
    assert not set(key.decode().splitlines()[1:-1]) & set((out + err).split())


@pytest.mark.parametrize("text", ["{", "contexts: 5", "context: a\ncontexts: {a: {key: '%'}}"])
@pytest.mark.parametrize("args", [["context", "two"], ["node", "a"], ["add", "x"], ["merge", "o"]])
def test_a_broken_file_is_never_written_over(
    path: Path, tmp_path: Path, text: str, args: list[str]
) -> None:
    """It may hold keys that only somebody's eyes can still save."""
    path.write_text(text)
    (tmp_path / "o").write_text("context: o\ncontexts: {o: {}}\n")
    assert run(["config", *[str(tmp_path / "o") if each == "o" else each for each in args]]) == 3
    assert path.read_text() == text
