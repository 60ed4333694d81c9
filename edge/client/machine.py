# SPDX-License-Identifier: Apache-2.0
"""What a node is, and how its life goes on: version, configuration, restart."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from edge.api import machine_pb2
from edge.client.call import APPLY_TIMEOUT_S, NodeCalls
from edge.client.model import Applied, ApplyMode, NodeVersion


class MachineCalls(NodeCalls):
    """Version, configuration, and what ends a boot."""

    async def version(self) -> NodeVersion:
        """Return what the node runs."""
        answer = (await self._call(self._machine.Version, Empty())).messages[0]
        return NodeVersion(
            tag=answer.version.tag,
            built=answer.version.built,
            arch=answer.version.arch,
            platform=answer.platform.name,
            mode=answer.platform.mode,
        )

    async def apply(
        self,
        configuration: str,
        *,
        mode: ApplyMode = ApplyMode.AUTO,
        dry_run: bool = False,
        try_timeout_s: float = 60.0,
    ) -> Applied:
        """Send a machine configuration.

        Raises:
            ConfigError: when the node finds faults in it.
            TrustError: when we may not.
        """
        timeout = Duration()
        timeout.FromMilliseconds(round(try_timeout_s * 1000))
        request = machine_pb2.ApplyConfigurationRequest(
            data=configuration.encode(),
            mode=mode.name,
            dry_run=dry_run,
            try_mode_timeout=timeout,
        )
        answer = await self._call(
            self._machine.ApplyConfiguration,
            request,
            timeout_s=APPLY_TIMEOUT_S,
            extra=self._proof(),
        )
        first = answer.messages[0]
        return Applied(
            mode=machine_pb2.ApplyConfigurationRequest.Mode.Name(first.mode).lower(),
            details=first.mode_details,
            warnings=tuple(first.warnings),
        )

    async def reboot(self, mode: str = "default") -> str:
        """Restart the node; return the actor identity of the sequence.

        `mode` is "default", "powercycle" (not by way of kexec) or "force" (stop nothing first).
        """
        request = machine_pb2.RebootRequest(mode=mode.upper())
        answer = await self._call(self._machine.Reboot, request)
        return str(answer.messages[0].actor_id)

    async def shutdown(self, *, force: bool = False) -> str:
        """Power the node off and return the actor identity of the sequence."""
        request = machine_pb2.ShutdownRequest(force=force)
        answer = await self._call(self._machine.Shutdown, request)
        return str(answer.messages[0].actor_id)

    async def reset(
        self,
        labels: tuple[str, ...],
        *,
        reboot: bool,
        disks: tuple[str, ...] = (),
        mode: str = "system-disk",
        graceful: bool = True,
    ) -> str:
        """Wipe volumes and user disks; return the actor identity of the sequence.

        `mode` is "all", "system-disk" or "user-disks"; without `labels` the first two mean the
        whole system disk.
        """
        wiped = [machine_pb2.ResetPartitionSpec(label=label, wipe=True) for label in labels]
        request = machine_pb2.ResetRequest(
            graceful=graceful,
            reboot=reboot,
            system_partitions_to_wipe=wiped,
            user_disks_to_wipe=disks,
            mode=mode.upper().replace("-", "_"),
        )
        return str((await self._call(self._machine.Reset, request)).messages[0].actor_id)
