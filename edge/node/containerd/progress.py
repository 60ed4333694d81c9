# SPDX-License-Identifier: Apache-2.0
"""How far a pull is: which layers there are from what `ctr` prints, the bytes from the store.

```
 downloading ──► download complete ──┐
 already exists ─────────────────────┴──► extracting ──► extract complete
```
A layer that was unpacked before is not extracted again.
"""

import re
import time
from dataclasses import dataclass
from enum import IntEnum

from edge.node.containerd.client import Containerd
from edge.node.containerd.image import SNAPSHOTTER, Layer, read_content

_LAYER = re.compile(r"layer-(?P<digest>sha\d+:[0-9a-f]+):\s+(?P<state>[a-z]+)")
_UNPACKING = "unpacking "


class Phase(IntEnum):
    """What is done to a layer, with the numbers that it has on the wire."""

    DOWNLOADING = 0
    DOWNLOAD_COMPLETE = 1
    EXTRACTING = 2
    EXTRACT_COMPLETE = 3
    ALREADY_EXISTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a layer is, in bytes; `elapsed_s` since its download or extraction began."""

    layer: str
    phase: Phase
    offset: int = 0
    total: int = 0
    elapsed_s: float = 0.0


_PHASES = {"done": Phase.DOWNLOAD_COMPLETE, "exists": Phase.ALREADY_EXISTS}


class Progress:
    """What is known about one pull."""

    def __init__(self, containerd: Containerd, name: str) -> None:
        self._containerd = containerd
        self._name = name
        self._phases: dict[str, Phase] = {}
        self._began: dict[tuple[str, bool], float] = {}
        self._told: dict[str, tuple[Phase, int]] = {}
        self._packed: list[Layer] | None = None
        self.unpacking = False

    def note(self, line: str) -> None:
        """Take in a line that `ctr` printed."""
        if line.startswith(_UNPACKING):
            self.unpacking = True
        elif match := _LAYER.match(line):
            phase = _PHASES.get(match["state"], Phase.DOWNLOADING)
            self._phases[match["digest"]] = phase

    async def look(self) -> list[Step]:
        """Return what changed since the last look."""
        steps = await self._downloads()
        if self.unpacking:
            steps += await self._extractions()
        return steps

    def end(self) -> list[Step]:
        """Return what is left to say after `ctr` has done its work."""
        rest, self._packed = self._packed or [], []
        return [step for layer in rest for step in self._extracted(layer)]

    async def _downloads(self) -> list[Step]:
        open_ = [each for each, phase in self._phases.items() if not self._is_told(each, phase)]
        if not open_:
            return []
        writing = await self._containerd.writing()
        found = [await self._download(each, writing) for each in open_]
        return [step for step in found if step]

    def _is_told(self, digest: str, phase: Phase) -> bool:
        told, _ = self._told.get(digest, (Phase.DOWNLOADING, 0))
        return Phase.DOWNLOADING not in (phase, told)

    async def _download(self, digest: str, writing: dict[str, tuple[int, int]]) -> Step | None:
        phase = self._phases[digest]
        offset, total = writing.get(f"layer-{digest}", (0, 0))
        if phase is not Phase.DOWNLOADING:
            offset = total = await self._containerd.blob_size(digest) or 0
        return self._step(digest, phase, offset, total)

    async def _extractions(self) -> list[Step]:
        if self._packed is None:
            image = await self._containerd.image(self._name)
            layers = (await read_content(self._containerd, image)).layers
            self._packed = [each for each in layers if await self._is_packed(each)]
        steps: list[Step | None] = []
        # They are unpacked one after the other, from the lowest.
        while self._packed and await self._unpacked(self._packed[0]):
            steps += self._extracted(self._packed.pop(0))
        if self._packed:
            layer = self._packed[0]
            steps.append(self._step(layer.digest, Phase.EXTRACTING, 0, layer.size_bytes))
        return [step for step in steps if step]

    def _extracted(self, layer: Layer) -> list[Step]:
        size = layer.size_bytes
        steps = (
            self._step(layer.digest, Phase.EXTRACTING, 0, size),
            self._step(layer.digest, Phase.EXTRACT_COMPLETE, size, size),
        )
        return [step for step in steps if step]

    async def _is_packed(self, layer: Layer) -> bool:
        """Say whether a layer had to be unpacked when that began, which is a moment ago."""
        came = self._phases.get(layer.digest) is Phase.DOWNLOAD_COMPLETE
        return came or not await self._unpacked(layer)

    async def _unpacked(self, layer: Layer) -> bool:
        return await self._containerd.is_unpacked(SNAPSHOTTER, layer.chain_id)

    def _step(self, digest: str, phase: Phase, offset: int, total: int) -> Step | None:
        """Return the step, unless it has been told."""
        if self._told.get(digest) == (phase, offset):
            return None
        self._told[digest] = (phase, offset)
        extracting = phase in (Phase.EXTRACTING, Phase.EXTRACT_COMPLETE)
        now = time.monotonic()
        began = self._began.setdefault((digest, extracting), now)
        return Step(layer=digest, phase=phase, offset=offset, total=total, elapsed_s=now - began)
