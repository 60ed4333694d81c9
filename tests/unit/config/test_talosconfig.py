# SPDX-License-Identifier: Apache-2.0
"""The client configuration file."""

from pathlib import Path

import pytest

from edge.config.talosconfig import (
    Context,
    TalosConfig,
    dump_talosconfig,
    find_talosconfig,
    load_talosconfig,
    parse_talosconfig,
    save_talosconfig,
)
from edge.errors import ConfigError

A = Context(endpoints=("10.0.0.1",), nodes=("10.0.0.2",), ca=b"ca", crt=b"crt", key=b"key")
B = Context(endpoints=("10.0.0.9",))

FOREIGN = """\
context: omni
contexts:
  omni:
    target: 10.0.0.1
    auth: {siderov1: {identity: me@example.org}}
    cluster: c
    proxy-url: http://p:1
    ca: Y2E=
    later-key: 1
"""


def test_round_trip(tmp_path: Path) -> None:
    """What is saved loads again, and only its owner can read it."""
    path = tmp_path / "deep/config"
    config = TalosConfig(current="a", contexts={"a": A, "b": B})
    save_talosconfig(config, path)
    assert load_talosconfig(path) == config
    assert path.stat().st_mode & 0o777 == 0o600


def test_foreign_keys_are_kept() -> None:
    """What edgectl does not use survives, and the old single target is read."""
    config = parse_talosconfig(FOREIGN)
    context = config.context()
    assert context.endpoints == ("10.0.0.1",)
    assert context.ca == b"ca"
    again = parse_talosconfig(dump_talosconfig(config))
    assert again == config
    assert again.context().extra == {
        "auth": {"siderov1": {"identity": "me@example.org"}},
        "cluster": "c",
        "proxy-url": "http://p:1",
        "later-key": 1,
    }


def test_faults() -> None:
    """All faults of a broken file are listed."""
    text = "context: [a]\ncontexts:\n  a:\n    ca: '%'\n    nodes: x\n"
    with pytest.raises(ConfigError) as caught:
        parse_talosconfig(text, source="t")
    assert caught.value.faults == (
        "t:1: context: a text is expected",
        "t:4: contexts.a.ca: not base64",
        "t:5: contexts.a.nodes: a list is expected",
    )


def test_choosing_a_context() -> None:
    """A context is the current one or the one named; what is missing is said."""
    config = TalosConfig(current="a", contexts={"a": A, "b": B})
    assert config.context() == A
    assert config.context("b") == B
    with pytest.raises(ConfigError, match="there is no context 'c'") as caught:
        config.context("c")
    assert caught.value.hint == "known contexts: a, b"
    with pytest.raises(ConfigError, match="no context is selected"):
        TalosConfig().context()


def test_merge_renames() -> None:
    """A context whose name is taken gets a number, and the merged one is selected."""
    mine = TalosConfig(current="a", contexts={"a": A, "a-1": A})
    merged = mine.merge(TalosConfig(current="a", contexts={"a": B}))
    assert merged == TalosConfig(current="a-2", contexts={"a": A, "a-1": A, "a-2": B})


def test_merge_of_the_same() -> None:
    """Merging what is there already changes nothing."""
    mine = TalosConfig(current="a", contexts={"a": A})
    assert mine.merge(mine) == mine


def test_changes() -> None:
    """Contexts are added and endpoints replaced without touching the original."""
    config = TalosConfig().with_context("a", A).with_endpoints(("10.0.0.3",))
    assert config.current == "a"
    assert config.context().endpoints == ("10.0.0.3",)
    assert config.context().ca == b"ca"


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option wins over the variable, that over the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    given = Path("given")
    assert find_talosconfig(given, environment={"TALOSCONFIG": "env"}) == given
    assert find_talosconfig(environment={"TALOSCONFIG": "env"}) == Path("env")
    assert find_talosconfig(environment={"TALOS_HOME": "/th"}) == Path("/th/config")
    assert find_talosconfig(environment={}) == tmp_path / ".talos/config"


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(ConfigError, match="No such file"):
        load_talosconfig(tmp_path / "none")


def test_keys_stay_out_of_repr() -> None:
    """A logged context does not show its key."""
    assert "key=" not in repr(A)
