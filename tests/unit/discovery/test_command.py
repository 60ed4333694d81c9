# SPDX-License-Identifier: Apache-2.0
"""`edgectl discover`: what its options refuse."""

import pytest

from edge.cli.main import run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--watch", "-o", "json"], "use -o jsonl"),
        (["--watch", "--cidr", "10.0.0.0/24"], "do not go together"),
        (["--cidr", "10.0.0.0/33"], "--cidr"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_refused_options(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options that make no sense are usage errors that say which."""
    assert run(["discover", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_too_large_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    """A network too large to try is refused at once, with a size that would do."""
    assert run(["discover", "--cidr", "10.0.0.0/8"]) == 3
    assert "/24" in capsys.readouterr().err
