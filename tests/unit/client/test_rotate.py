# SPDX-License-Identifier: Apache-2.0
"""Whether a rotation may begin, as far as the cluster's answers decide it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from edge.client import rotate
from edge.client.authority import Authorities
from edge.client.model import Document
from edge.client.rotate import Member, _check_complete
from edge.errors import ConfigError, NodeError

FIRST = "10.0.0.1"


class Asked:
    """A node that is asked for the cluster's members."""

    def __init__(self, answer: list[Document] | NodeError) -> None:
        self._answer = answer

    async def resources(self, *_kind: str) -> list[Document]:
        """Answer, or fail."""
        if isinstance(self._answer, NodeError):
            raise self._answer
        return self._answer


def known(name: str, *addresses: str) -> Document:
    """Return a member as the cluster knows it."""
    spec = {"hostname": name, "addresses": list(addresses)}
    return Document(metadata={"id": name}, spec=spec)


async def check(
    monkeypatch: pytest.MonkeyPatch, answer: list[Document] | NodeError, *left_out: str
) -> None:
    """Look for nodes besides one that was named."""

    @asynccontextmanager
    async def reach(*_args: Any) -> AsyncIterator[Asked]:
        yield Asked(answer)

    monkeypatch.setattr(rotate, "_reach", reach)
    authorities = Authorities(issuing=b"", accepted=(), is_control_plane=True)
    rotation: Any = None
    await _check_complete(rotation, [Member(address=FIRST, authorities=authorities)], left_out)


async def test_a_failed_question_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever cannot be asked may know of further nodes, which would be cut off."""
    with pytest.raises(NodeError, match="did not answer in time"):
        await check(monkeypatch, NodeError(f"{FIRST} did not answer in time"))


async def test_further_nodes_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless they are left out by name or address; nodes that know nobody go on."""
    await check(monkeypatch, [])
    members = [known("one", FIRST), known("two", "10.0.0.2", "fd00::2")]
    with pytest.raises(ConfigError, match=r"further nodes: 10\.0\.0\.2"):
        await check(monkeypatch, members)
    for name in ("two", "10.0.0.2", "fd00::2"):
        await check(monkeypatch, members, name)
