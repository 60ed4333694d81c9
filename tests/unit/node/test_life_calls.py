# SPDX-License-Identifier: Apache-2.0
"""What a reset wipes, and which keys of META the API may touch."""

import pytest

from edge.api import machine_pb2
from edge.errors import ConfigError, EdgeError, TrustError
from edge.meta import keys
from edge.node.api.life import _check_meta_key, _mode, _what_to_wipe
from edge.node.apply import Mode
from edge.node.machine import DISK

Reset = machine_pb2.ResetRequest
Part = machine_pb2.ResetPartitionSpec


def test_without_a_word_it_is_the_whole_system_disk() -> None:
    """As upstream's client asks for it."""
    assert _what_to_wipe(Reset()) == (DISK,)
    assert _what_to_wipe(Reset(mode=Reset.SYSTEM_DISK)) == (DISK,)


def test_labels_are_wiped_alone() -> None:
    """In their order."""
    parts = [Part(label="EPHEMERAL", wipe=True), Part(label="STATE", wipe=True)]
    assert _what_to_wipe(Reset(system_partitions_to_wipe=parts)) == ("EPHEMERAL", "STATE")


def test_other_disks_are_wiped_with_the_system_or_alone() -> None:
    """By the mode."""
    both = Reset(user_disks_to_wipe=["/dev/sdb"])
    assert _what_to_wipe(both) == (DISK,)
    assert _what_to_wipe(Reset(mode=Reset.USER_DISKS, user_disks_to_wipe=["sdb"])) == ()


@pytest.mark.parametrize(
    "request_",
    [
        Reset(mode=Reset.USER_DISKS),
        Reset(mode=Reset.SYSTEM_DISK, user_disks_to_wipe=["/dev/sdb"]),
        Reset(mode=Reset.USER_DISKS, system_partitions_to_wipe=[Part(label="STATE", wipe=True)]),
        Reset(system_partitions_to_wipe=[Part(label="STATE", wipe=False)]),
        Reset(system_partitions_to_wipe=[Part(label="META", wipe=True)]),
        Reset(system_partitions_to_wipe=[Part(label="", wipe=True)]),
    ],
)
def test_what_is_not_understood_wipes_nothing(request_: machine_pb2.ResetRequest) -> None:
    """Least of all the whole disk."""
    with pytest.raises(ConfigError):
        _what_to_wipe(request_)


@pytest.mark.parametrize("key", [keys.NODE_KEY, keys.ENROLMENT, keys.VOLUMES_MADE, keys.LAST_TIME])
def test_the_nodes_own_keys_are_not_to_be_written(key: int) -> None:
    """Who writes META could else have STATE formatted at the next boot."""
    with pytest.raises(TrustError, match="not to be changed"):
        _check_meta_key(key)


@pytest.mark.parametrize("key", [0, 256, 4_000_000_000])
def test_keys_have_bounds(key: int) -> None:
    """One byte, and zero ends the list."""
    with pytest.raises(EdgeError, match="not in 1 to 255"):
        _check_meta_key(key)


def test_upstreams_keys_may_be_written() -> None:
    """The UUID of a board without one, for example."""
    _check_meta_key(keys.UUID_OVERRIDE)
    _check_meta_key(keys.USER_RESERVED_1)


def test_an_unknown_mode_is_a_fault_of_the_request() -> None:
    """Protobuf lets any number through."""
    assert _mode(4) is Mode.TRY
    with pytest.raises(ConfigError, match="no apply mode 9"):
        _mode(9)
