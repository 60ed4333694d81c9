# SPDX-License-Identifier: Apache-2.0
"""Figures of a node: processor, memory, load, processes, mounts, sockets, disks, clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

from google.protobuf.empty_pb2 import Empty

from edge.api import machine_pb2, storage_pb2, storage_pb2_grpc, time_pb2, time_pb2_grpc
from edge.client.call import NodeCalls
from edge.client.model import Usage
from edge.client.report import (
    ClockSample,
    Connection,
    DiskStatus,
    MemoryFigures,
    Mounted,
    ProcessStatus,
    SocketQuery,
)


class StatCalls(NodeCalls):
    """How busy the node is, and with what."""

    async def usage(self) -> Usage:
        """Return processor, memory and load now."""
        memory, stat, load = await asyncio.gather(
            self._call(self._machine.Memory, Empty()),
            self._call(self._machine.SystemStat, Empty()),
            self._call(self._machine.LoadAvg, Empty()),
        )
        return _usage(memory.messages[0].meminfo, stat.messages[0], load.messages[0])

    async def memory(self) -> MemoryFigures:
        """Return what the kernel says about memory, in KiB."""
        answer = await self._call(self._machine.Memory, Empty())
        info = answer.messages[0].meminfo
        return {field.name: getattr(info, field.name) for field in info.DESCRIPTOR.fields}

    async def processes(self) -> list[ProcessStatus]:
        """Return every process."""
        answer = await self._call(self._machine.Processes, Empty())
        return [_process(info) for message in answer.messages for info in message.processes]

    async def mounts(self) -> list[Mounted]:
        """Return every mounted file system."""
        answer = await self._call(self._machine.Mounts, Empty())
        return [
            Mounted(
                filesystem=stat.filesystem,
                size_bytes=stat.size,
                available_bytes=stat.available,
                mounted_on=stat.mounted_on,
            )
            for message in answer.messages
            for stat in message.stats
        ]

    async def connections(self, query: SocketQuery) -> list[Connection]:
        """Return the sockets that `query` asks for."""
        request = machine_pb2.NetstatRequest(
            filter=query.filter.name,
            feature=machine_pb2.NetstatRequest.Feature(pid=query.programs),
            l4proto=machine_pb2.NetstatRequest.L4proto(**dict.fromkeys(query.protocols, True)),
            netns=machine_pb2.NetstatRequest.NetNS(hostnetwork=True, allnetns=query.pods),
        )
        answer = await self._call(self._machine.Netstat, request)
        return [_connection(each) for message in answer.messages for each in message.connectrecord]

    async def disks(self) -> list[DiskStatus]:
        """Return the disks."""
        service = self._stub(storage_pb2_grpc.StorageServiceStub)
        answer = await self._call(service.Disks, Empty())
        return [_disk(disk) for message in answer.messages for disk in message.disks]

    async def wipe_disks(
        self,
        names: tuple[str, ...],
        *,
        method: str,
        drop_partition: bool = False,
        skip_volume_check: bool = False,
        skip_secondary_check: bool = False,
    ) -> None:
        """Destroy what the block devices `names` hold; `method` is FAST or ZEROES."""
        service = self._stub(storage_pb2_grpc.StorageServiceStub)
        descriptors = [
            storage_pb2.BlockDeviceWipeDescriptor(
                device=name,
                method=method,
                drop_partition=drop_partition,
                skip_volume_check=skip_volume_check,
                skip_secondary_check=skip_secondary_check,
            )
            for name in names
        ]
        request = storage_pb2.BlockDeviceWipeRequest(devices=descriptors)
        # As long as a disk takes: when the node is gone, the connection knows.
        await self._call(service.BlockDeviceWipe, request, timeout_s=None, extra=self._proof())

    async def clock(self, server: str = "") -> ClockSample:
        """Compare the node's clock with `server`, or with the one it is configured to ask."""
        service = self._stub(time_pb2_grpc.TimeServiceStub)
        if server:
            answer = await self._call(service.TimeCheck, time_pb2.TimeRequest(server=server))
        else:
            answer = await self._call(service.Time, Empty())
        first = answer.messages[0]
        return ClockSample(
            server=first.server,
            local=first.localtime.ToDatetime(tzinfo=UTC),
            remote=first.remotetime.ToDatetime(tzinfo=UTC),
        )

    async def capture(
        self,
        interface: str,
        *,
        promiscuous: bool = False,
        snap_bytes: int = 0,
        program: tuple[tuple[int, int, int, int], ...] = (),
    ) -> AsyncIterator[bytes]:
        """Yield a capture of what passes `interface`, as long as it is read.

        `program` is a packet filter as instructions of op, jt, jf and k.
        """
        instructions = [
            machine_pb2.BPFInstruction(op=op, jt=jt, jf=jf, k=k) for op, jt, jf, k in program
        ]
        request = machine_pb2.PacketCaptureRequest(
            interface=interface,
            promiscuous=promiscuous,
            snap_len=snap_bytes,
            bpf_filter=instructions,
        )
        async for data in self._stream(self._machine.PacketCapture, request, timeout_s=None):
            yield data.bytes


def _usage(memory: Any, stat: Any, load: Any) -> Usage:
    cpu = stat.cpu_total
    idle = cpu.idle + cpu.iowait
    busy = cpu.user + cpu.nice + cpu.system + cpu.irq + cpu.soft_irq + cpu.steal
    return Usage(
        cpu_busy=busy,
        cpu_total=busy + idle,
        cpu_count=len(stat.cpu),
        memory_total_bytes=memory.memtotal * 1024,
        memory_available_bytes=memory.memavailable * 1024,
        load=(load.load1, load.load5, load.load15),
        boot_time=float(stat.boot_time),
    )


def _process(info: Any) -> ProcessStatus:
    return ProcessStatus(
        pid=info.pid,
        parent=info.ppid,
        state=info.state,
        threads=info.threads,
        cpu_seconds=info.cpu_time,
        virtual_bytes=info.virtual_memory,
        resident_bytes=info.resident_memory,
        command=info.command,
        executable=info.executable,
        arguments=info.args,
        label=info.label,
    )


def _connection(record: Any) -> Connection:
    return Connection(
        protocol=record.l4proto,
        local=_socket(record.localip, record.localport),
        remote=_socket(record.remoteip, record.remoteport),
        # Sockets without connections have the state of closed ones, which says nothing.
        state=machine_pb2.ConnectRecord.State.Name(record.state)
        if record.l4proto.startswith("tcp") or record.state == machine_pb2.ConnectRecord.ESTABLISHED
        else "",
        receive_queue=record.rxqueue,
        send_queue=record.txqueue,
        user=record.uid,
        inode=record.inode,
        timer=machine_pb2.ConnectRecord.TimerActive.Name(record.tr).lower(),
        retransmits=record.retrnsmt,
        pid=record.process.pid,
        program=record.process.name,
        namespace=record.netns,
    )


def _socket(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port or '*'}"


def _disk(disk: Any) -> DiskStatus:
    return DiskStatus(
        device=disk.device_name,
        size_bytes=disk.size,
        model=disk.model,
        serial=disk.serial,
        type=storage_pb2.Disk.DiskType.Name(disk.type),
        bus_path=disk.bus_path,
        is_system=disk.system_disk,
        is_readonly=disk.readonly,
    )
