from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Metrics(_message.Message):
    __slots__ = ("cpu", "memory")
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    cpu: CPUStat
    memory: MemoryStat
    def __init__(self, cpu: _Optional[_Union[CPUStat, _Mapping]] = ..., memory: _Optional[_Union[MemoryStat, _Mapping]] = ...) -> None: ...

class CPUStat(_message.Message):
    __slots__ = ("usage_usec",)
    USAGE_USEC_FIELD_NUMBER: _ClassVar[int]
    usage_usec: int
    def __init__(self, usage_usec: _Optional[int] = ...) -> None: ...

class MemoryStat(_message.Message):
    __slots__ = ("inactive_file", "usage")
    INACTIVE_FILE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    inactive_file: int
    usage: int
    def __init__(self, inactive_file: _Optional[int] = ..., usage: _Optional[int] = ...) -> None: ...
