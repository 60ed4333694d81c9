# SPDX-License-Identifier: Apache-2.0
"""Where a node's two containerds listen.

One is for the system's own containers, one for Kubernetes, which also keeps the images that the
system's containers are made of. A board has them at fixed places; a lab node has what somebody
put into its folder: `containerd/system.sock` and `containerd/cri.sock`, as a rule links to the
socket of a containerd that runs beside the lab.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """The sockets of a node's two containerds, whether or not anybody listens."""

    system: Path
    cri: Path


BOARD_SOCKETS = Sockets(
    system=Path("/system/run/containerd/containerd.sock"),
    cri=Path("/run/containerd/containerd.sock"),
)


def lab_sockets(folder: Path) -> Sockets:
    """Return where a lab node with this folder looks."""
    return Sockets(
        system=folder / "containerd/system.sock",
        cri=folder / "containerd/cri.sock",
    )
