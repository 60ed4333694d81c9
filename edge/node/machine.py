# SPDX-License-Identifier: Apache-2.0
"""The machine as a whole: its stage, its configuration, and the ways it ends.

```
 booting ──► maintenance ──apply──► running ──► rebooting / shutting down / resetting
    └───────── configuration on STATE ─────▲
```
Everything that has to be shared between the API and the controllers hangs here.
"""

import asyncio
import base64
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from edge.errors import ConfigError, EdgeError, ImageError, NodeError, TrustError
from edge.meta import keys
from edge.meta.enrolment import Enrolment
from edge.node import volume
from edge.node.boot.supervisor import Request
from edge.node.configuration import (
    Configuration,
    parse_configuration,
    read_configuration,
    write_configuration,
)
from edge.node.ending import Ending, Work
from edge.node.event import EventBus
from edge.node.log import LogBook, logger
from edge.node.platform import Platform
from edge.node.resource import kind
from edge.node.resource.store import Store
from edge.node.sequence import Sequence
from edge.node.service import Services
from edge.node.signer import Signer
from edge.node.volume import Volumes
from edge.pki.lifetime import BACKDATE

_log = logger("machined")
_OWNER = "config.AcquireController"
DISK = "DISK"
COMPLETE_S = 20.0


class Stage(StrEnum):
    """Machine stages in upstream's words."""

    BOOTING = "booting"
    MAINTENANCE = "maintenance"
    RUNNING = "running"
    REBOOTING = "rebooting"
    SHUTTING_DOWN = "shutting down"
    RESETTING = "resetting"


@dataclass(slots=True)
class Machine:
    """State that outlives any one call."""

    platform: Platform
    logs: LogBook
    store: Store = field(default_factory=Store)
    events: EventBus = field(default_factory=EventBus)
    services: Services = field(init=False)
    volumes: Volumes = field(default_factory=Volumes)
    stage: Stage = Stage.BOOTING
    active: Configuration | None = None
    key: bytes = b""
    key_digest: bytes = b""
    """The SHA-256 of the public half of `key`, by which clients know this node."""
    signer: Signer = field(default_factory=Signer)
    enrolment: Enrolment | None = None
    reachable: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the API is served at an address."""
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while everything runs that a node publishes by; only its start clears it."""
    ended: asyncio.Future[Request] = field(init=False)
    applying: asyncio.Lock = field(default_factory=asyncio.Lock)
    to_wipe: tuple[str, ...] = ()
    """What to destroy on the way down, given to `end`."""
    ending: Ending | None = None
    """What ends the machine; nothing as long as it runs, or when a signal ended it."""
    _starting: Sequence | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.services = Services(self.store, self.events)
        self.ended = asyncio.get_running_loop().create_future()
        self.complete.set()

    @property
    def in_maintenance(self) -> bool:
        """Whether the node waits for its first configuration."""
        return self.active is None

    @property
    def fingerprint(self) -> str:
        """The node key's fingerprint, as `--cert-fingerprint` takes it (base64)."""
        return base64.b64encode(self.key_digest).decode()

    async def completed(self) -> None:
        """Wait until everything is there that clients may ask for, or for `COMPLETE_S`."""
        if not self.complete.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(COMPLETE_S):
                    await self.complete.wait()

    async def boot(self) -> None:
        """Open the disk, read what it keeps, and enter maintenance or running."""
        self.enter(Stage.BOOTING)
        self._starting = starting = Sequence(self.events, "initialize")
        with starting.task("volumes", "openVolumes"):
            disk = await self.platform.find_disk()
            self.volumes = await volume.open_volumes(disk, self.platform.driver)
        with starting.task("meta", "reloadMeta"):
            values = self._read_meta()
            await self._take_key(values.get(keys.NODE_KEY))
        with starting.task("config", "loadConfig"):
            self._read_state()
            await self._take_delivered(values.get(keys.MACHINE_CONFIG))
        self._diagnose_volumes()
        if self.in_maintenance:
            self.enter(Stage.MAINTENANCE)
            starting.start("maintenance", "runningMaintenance")
        else:
            await self.open_rest()
            self._start_everything()

    async def open_rest(self) -> None:
        """Open the volumes that a node in maintenance is reached without, if they are not yet."""
        async with self._opening:
            if self.volumes.waiting:
                await volume.open_rest(self.volumes, self.platform.driver)
                self._diagnose_volumes()

    def _diagnose_volumes(self) -> None:
        for label, fault in self.volumes.faults.items():
            self.diagnose(label.lower(), fault)

    def _start_everything(self) -> None:
        """Enter running; what the configuration wants started is for the controllers to start."""
        starting, self._starting = self._starting, None
        if starting:
            starting.end()
            boot = Sequence(self.events, "boot")
            with boot.task("startEverything", "startAllServices"):
                self.enter(Stage.RUNNING)
            boot.end()

    def enter(self, stage: Stage) -> None:
        """Move to a stage; the status controller publishes it."""
        self.stage = stage
        _log.info("stage: %s", stage)
        known = self.store.spec(kind.MACHINE_STATUS, "machine")
        if known and known["stage"] == str(stage):
            return
        # Ready or not is for the status controller to say, about this stage.
        self.publish_status(stage, {"ready": False, "unmetConditions": []})

    def publish_status(self, stage: Stage, status: dict[str, object]) -> None:
        """Publish stage and readiness as a resource and, when changed, as an event."""
        spec = {"stage": str(stage), "status": status}
        if self.store.spec(kind.MACHINE_STATUS, "machine") == spec:
            return
        self.store.put(
            kind.MACHINE_STATUS, "machine", spec, owner="runtime.MachineStatusController"
        )
        self.events.publish("MachineStatusEvent", _status_event(stage, status))

    def diagnose(self, name: str, message: str) -> None:
        """Tell the operator about something that is wrong but does not stop the node."""
        _log.warning("%s", message)
        spec = {"message": message, "details": []}
        self.store.put(kind.DIAGNOSTIC, name, spec, owner="runtime.DiagnosticsController")

    def keep_time(self) -> None:
        """Remember the present time for the next boot of a board without a clock.

        Raises:
            ImageError: when META cannot be written.
        """
        if self.volumes.meta:
            now = f"{datetime.now(UTC).timestamp():.0f}".encode()
            self.volumes.meta.set(keys.LAST_TIME, now)

    def activate(self, configuration: Configuration) -> None:
        """Make a configuration the active one; controllers follow."""
        self.active = configuration
        # It cannot be earlier than when the cluster's authority was made. A board without a
        # clock and out of reach of a time server would refuse every client otherwise.
        if cas := configuration.view.trusted_cas:
            from edge.pki.certificate import inspect, split_bundle

            made = max(inspect(each).not_before for each in split_bundle(cas)) + BACKDATE
            self._raise_clock(made.timestamp())
        self.store.put(
            kind.MACHINE_CONFIG,
            "v1alpha1",
            configuration.text,
            owner=_OWNER,
            annotations={"talos.dev/yaml-spec": "1"},
        )
        machine_type = str(configuration.view.machine_type)
        self.store.put(kind.MACHINE_TYPE, "machine-type", machine_type, owner=_OWNER)
        if self.stage is Stage.MAINTENANCE and self._starting and not self.ended.done():
            self._starting.stop("maintenance", "runningMaintenance")
            self._start_everything()

    async def persist(self, configuration: Configuration) -> None:
        """Write a configuration to STATE, making STATE and META afresh when they were unreadable.

        Raises:
            EdgeError: when there is no STATE to write to.
            OSError: when writing fails.
        """
        # A META that is made anew has to know of every volume, or it is made anew, too.
        await self.open_rest()
        if await asyncio.to_thread(self._mend_meta):
            self.store.remove(kind.DIAGNOSTIC, "meta")
        if self.volumes.state is None:
            await volume.remake(self.volumes, self.platform.driver, "STATE")
        if self.volumes.state is None:
            raise NodeError(self.volumes.faults.get("STATE", "volume STATE is missing"))
        await asyncio.to_thread(write_configuration, self.volumes.state, configuration.text)
        await asyncio.to_thread(self._forget_delivered)
        for name in ("state", "config", "card"):
            self.store.remove(kind.DIAGNOSTIC, name)
        self._publish_persistent(configuration)

    def end(
        self,
        request: Request,
        stage: Stage,
        sequence: str,
        *,
        wipe: tuple[str, ...] = (),
        is_forced: bool = False,
        first: Work | None = None,
    ) -> str:
        """Begin to end the machine and return the actor identity that its events carry.

        `wipe` names volumes to destroy on the way down; `DISK` stands for the whole system disk.
        A forced end stops nothing first. `first` is done while the API still serves; if it fails
        nothing is wiped.

        Raises:
            NodeError: when another sequence is ending it already.
        """
        if self.ended.done():
            raise NodeError("another sequence is ending this machine already")
        self.to_wipe = wipe
        self.enter(stage)
        self.ending = Ending(self.events, request, sequence, is_forced=is_forced, first=first)
        self.ended.set_result(request)
        return self.ending.actor

    async def wipe(self) -> None:
        """Destroy what a reset asked for; called when nothing uses the volumes any more."""
        if not self.to_wipe:
            return
        labels = list(volume.LABELS) if DISK in self.to_wipe else list(self.to_wipe)
        # A configuration that is being written is written before it is destroyed.
        async with self._opening:
            self.volumes.waiting.clear()
        async with self.applying:
            await volume.wipe(self.volumes, self.platform.driver, labels)
            if DISK in self.to_wipe and self.volumes.disk:
                await asyncio.to_thread(volume.destroy_system, self.volumes.disk)

    def _read_meta(self) -> dict[int, bytes]:
        values: dict[int, bytes] = {}
        if self.volumes.meta:
            try:
                values = self.volumes.meta.read()
            except EdgeError as error:
                self.diagnose("meta", f"META is unreadable: {error}")
        if self.volumes.meta_lost:
            self.diagnose("meta", "META was empty: this node's key and enrolment are new or gone")
        last = values.get(keys.LAST_TIME, b"")
        self._raise_clock(float(last) if last.isdigit() else 0.0)
        if keys.ENROLMENT in values:
            try:
                self.enrolment = Enrolment.from_json(values[keys.ENROLMENT])
                self._raise_clock(self.enrolment.flashed.timestamp())
            except EdgeError as error:
                self.diagnose("enrolment", f"the enrolment record in META is unreadable: {error}")
        for key, value in values.items():
            self.publish_meta(key, value)
        return values

    def publish_meta(self, key: int, value: bytes) -> None:
        """Publish a value of META, unless it is secret or the node's own book-keeping."""
        if key not in keys.SECRET_KEYS | keys.OWN_KEYS:
            text = value.decode(errors="replace")
            self.store.put(kind.META_KEY, keys.key_name(key), {"value": text}, owner=_OWNER)

    def _raise_clock(self, floor: float) -> None:
        # Only ever forward: a machine with a clock of its own knows better.
        if floor > time.time():
            try:
                self.platform.set_clock(floor)
            except OSError as error:
                self.diagnose("time", f"the clock cannot be set: {error.strerror}")

    def _mend_meta(self) -> bool:
        """Replace a META that cannot be read by one with this node's key; say if it was so."""
        meta = self.volumes.meta
        if meta is None:
            return False
        try:
            meta.read()
        except ImageError:
            meta.write({keys.NODE_KEY: self.key})
            # Also what could not be opened this time: nothing is formatted unasked.
            volume.remember(self.volumes, set(volume.LABELS))
            return True
        return False

    async def _take_key(self, known: bytes | None) -> None:
        try:
            taken = await self.signer.take_key(known or None)
        except TrustError as error:
            # The one there stays: somebody may know what to make of it.
            self.diagnose("key", f"the node key in META is unusable, another serves now: {error}")
            taken = await self.signer.take_key(None)
        self.key, self.key_digest = taken.pem, taken.digest
        if not known and self.volumes.meta:
            try:
                self.volumes.meta.set(keys.NODE_KEY, taken.pem)
            except (EdgeError, OSError) as error:
                self.diagnose("meta", f"the node key cannot be kept: {error}")

    def _read_state(self) -> None:
        if self.volumes.state is None:
            return
        try:
            found = read_configuration(self.volumes.state)
            if found:
                self.activate(found)
                self._publish_persistent(found)
        except ConfigError as error:
            faults = "; ".join((error.message, *error.faults))
            self.diagnose("config", f"the configuration on STATE is not valid: {faults}")
            self.events.publish("ConfigValidationErrorEvent", {"error": faults})
        except (OSError, EdgeError) as error:
            self.diagnose("config", f"the configuration on STATE cannot be read: {error}")
            self.events.publish("ConfigLoadErrorEvent", {"error": str(error)})

    async def _take_delivered(self, delivered: bytes | None) -> None:
        """Take the configuration that the card brought as if somebody had applied it.

        One on STATE is newer. A STATE that cannot be read is left alone: it may have one, too.
        """
        if delivered is None or self.volumes.state is None:
            return
        if self.active is not None:
            # The power went after it had been taken.
            await asyncio.to_thread(self._forget_delivered)
            return
        if self.store.get(kind.DIAGNOSTIC, "config"):
            return
        try:
            configuration = parse_configuration(delivered, source="the card's configuration")
            await self.persist(configuration)
        except ConfigError as error:
            faults = "; ".join((error.message, *error.faults))
            self.diagnose("card", f"the configuration that the card brought is not valid: {faults}")
            return
        except (OSError, EdgeError) as error:
            self.diagnose(
                "card", f"the configuration that the card brought cannot be kept: {error}"
            )
            return
        _log.info("took the configuration that the card brought")
        self.activate(configuration)

    def _forget_delivered(self) -> None:
        # Not before STATE has a configuration on its medium, and not without an attempt after.
        try:
            if self.volumes.meta:
                self.volumes.meta.delete(keys.MACHINE_CONFIG)
        except EdgeError as error:
            _log.warning("the configuration that the card brought stays in META: %s", error)

    def _publish_persistent(self, configuration: Configuration) -> None:
        self.store.put(
            kind.MACHINE_CONFIG,
            "persistent",
            configuration.text,
            owner=_OWNER,
            annotations={"talos.dev/yaml-spec": "1"},
        )


def _status_event(stage: Stage, status: dict[str, object]) -> dict[str, object]:
    return {
        "stage": str(stage).upper().replace(" ", "_"),
        "status": {
            "ready": bool(status.get("ready")),
            "unmet_conditions": status.get("unmetConditions") or [],
        },
    }
