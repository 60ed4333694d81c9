# SPDX-License-Identifier: Apache-2.0
"""Checks of GRUB's configuration: its grammar, the paths it names, the state it keeps."""

import re
import subprocess
from collections.abc import Iterator

from flasher.image.grub import BOOT_CONFIG, GRUBENV, LOADER_CONFIG, USER_CONFIG
from flasher.tool import find_tool
from flasher.verify.check import Check, Outcome, failed, judge, not_applicable, not_checked
from flasher.verify.subject import SLOT, Subject

_PROGRAM = "grub-script-check"
_ENTRY = re.compile(r"menuentry .*?--id=(?P<id>\S+) \{(?P<body>.*?)^\}", re.DOTALL | re.MULTILINE)
_LOAD = re.compile(r"^\s*(?P<what>linux|initrd|devicetree)\s+(?P<paths>.+)$", re.MULTILINE)
_STATE = re.compile(r"\((?P<device>\$\w+)\)/(?P<path>\S+)")
_ROOT = re.compile(r"^set root=\$edge_disk,(gpt|msdos)(?P<number>\d+)$", re.MULTILINE)
_UUID = re.compile(r"--fs-uuid (?P<uuid>[0-9a-f-]{36})")
_LINE = re.compile(r"line (?P<line>\d+)")
# What hides a quote or is a whole one: an escape, two kinds of quotes, a comment.
_QUOTING = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*"|(?<![^\s;{}&|])#[^\n]*""", re.DOTALL)
_GRUBENV_BYTES, _GRUBENV_HEAD = 1024, b"# GRUB Environment Block\n"
_CHECK_S = 30.0
_NO_GRUB = "this board starts its kernel without GRUB"


def _check_grammar(subject: Subject) -> Outcome:
    if not _has_grub(subject):
        return not_applicable(_NO_GRUB)
    program = find_tool(_PROGRAM)
    if program is None:
        return not_checked(_PROGRAM)
    faults = []
    for name, text in _configs(subject).items():
        done = subprocess.run(
            [program],
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_CHECK_S,
            check=False,
        )
        if done.returncode:
            faults.append(f"{name} {_grammar_fault(text, done.stdout + done.stderr)}")
    return judge(faults, f"{_PROGRAM} parses {', '.join(_configs(subject))}")


def _check_first(subject: Subject) -> Outcome:
    if not _has_grub(subject):
        return not_applicable(_NO_GRUB)
    text, part = _configs(subject)[LOADER_CONFIG], subject.partition("BOOT")
    kind = "gpt" if subject.table.kind == "gpt" else "msdos"
    root, uuid = _ROOT.search(text), _UUID.search(text)
    faults = []
    if root is None or (root[1], int(root["number"])) != (kind, part.number):
        faults.append(f"{LOADER_CONFIG} looks for BOOT elsewhere than in {kind}{part.number}")
    actual = _ext4_uuid(subject)
    if uuid is None or uuid["uuid"] != actual:
        faults.append(f"{LOADER_CONFIG} looks for another file system than BOOT's {actual}")
    if f"/{BOOT_CONFIG}" not in text:
        faults.append(f"{LOADER_CONFIG} does not go on to {BOOT_CONFIG}")
    return judge(faults, f"BOOT is {kind}{part.number}, by its place and by its UUID")


def _check_paths(subject: Subject) -> Outcome:
    if not _has_grub(subject):
        return not_applicable(_NO_GRUB)
    text = _configs(subject)[BOOT_CONFIG]
    entries = {found["id"]: found["body"] for found in _ENTRY.finditer(text)}
    if SLOT not in entries:
        return failed(f"{BOOT_CONFIG} has no entry for slot {SLOT}")
    paths = list(_named(entries[SLOT]))
    if not any(what == "linux" for what, _ in paths):
        return failed(f"the entry of slot {SLOT} starts no kernel")
    faults = [f"{what} {path} is not there" for what, path in paths if not _exists(subject, path)]
    faults += [
        f"state is kept in {found[0]}, which is not there"
        for found in _STATE.finditer(_load_lines(text))
        if not _exists(subject, found[0])
    ]
    return judge(faults, ", ".join(f"{what} {path}" for what, path in paths))


def _check_arguments(subject: Subject) -> Outcome:
    profile = subject.profile
    if _has_grub(subject):
        found = _ENTRY.search(_configs(subject)[BOOT_CONFIG])
        text = found["body"] if found else ""
    else:
        text = subject.efi.read(f"{SLOT}/cmdline.txt").decode(errors="replace")
    words = text.split()
    faults = [
        f"{word} is missing"
        for word in (f"edge.board={profile.name}", *profile.kernel.cmdline)
        if word not in words
    ]
    consoles = [word for word in words if word.startswith("console=")]
    if not consoles:
        faults.append("no console is named: what goes wrong would be seen nowhere")
    if not _has_grub(subject) and "\n" in text.strip():
        faults.append("cmdline.txt has more than one line, of which the firmware reads the first")
    last = consoles[-1] if consoles else ""
    wanted = f"console={subject.identity.get('console')}"
    if last and last.split(",")[0] != wanted:
        faults.append(f"programs write to {last}, and the image says {wanted}")
    return judge(faults, f"for {profile.name}, programs write to {last}")


def _check_state(subject: Subject) -> Outcome:
    if not _has_grub(subject):
        return not_applicable(_NO_GRUB)
    content = subject.efi.read(GRUBENV)
    faults = []
    if len(content) != _GRUBENV_BYTES:
        faults.append(f"{GRUBENV} has {len(content)} bytes, and GRUB writes only {_GRUBENV_BYTES}")
    if not content.startswith(_GRUBENV_HEAD):
        faults.append(f"{GRUBENV} does not begin with GRUB's header")
    lines = content.decode(errors="replace").splitlines()
    if f"edge_default={SLOT}" not in lines:
        faults.append(f"{GRUBENV} does not choose slot {SLOT}")
    if any(re.fullmatch(r"edge_trial=.+", line) for line in lines):
        faults.append(f"{GRUBENV} has a trial pending on an image that never ran")
    return judge(faults, f"{_GRUBENV_BYTES} bytes with GRUB's header, slot {SLOT} chosen")


CHECKS = (
    Check(
        name="grub-grammar",
        rule="GRUB's own parser accepts its configuration",
        evidence="source",
        run=_check_grammar,
    ),
    Check(
        name="grub-root",
        rule="GRUB finds the BOOT partition by its number and by its UUID",
        evidence="emulated",
        run=_check_first,
    ),
    Check(
        name="grub-paths",
        rule="every file that the entry of the first slot loads is there, and where state is kept",
        evidence="emulated",
        run=_check_paths,
    ),
    Check(
        name="kernel-arguments",
        rule="the kernel is told its board, its console and what the profile adds",
        evidence="emulated",
        run=_check_arguments,
    ),
    Check(
        name="grubenv",
        rule="the block that GRUB keeps its state in has exactly 1024 bytes and its header",
        evidence="emulated",
        run=_check_state,
    ),
)


def _grammar_fault(text: str, told: str) -> str:
    """Return the line and the fault; of a quote without end the parser says "out of memory"."""
    if line := _open_quote(text):
        return f"line {line}: the quote that opens there is never closed"
    found = _LINE.search(told)
    if found is None:
        return f"is refused: {told.strip().splitlines()[0] if told.strip() else 'no reason given'}"
    number, lines = int(found["line"]), text.splitlines()
    here = lines[number - 1].strip() if number <= len(lines) else "the end"
    # At the end of the file the parser has also met what was opened and never closed.
    opened = ", or something opened before is not closed" if number >= len(lines) else ""
    return f"line {number}: syntax error{opened}: {here}"


def _open_quote(text: str) -> int:
    """Return the line of a quote that is never closed; 0 when there is none."""
    rest = _QUOTING.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    at = next((at for at, sign in enumerate(rest) if sign in "'\""), -1)
    return rest.count("\n", 0, at) + 1 if at >= 0 else 0


def _has_grub(subject: Subject) -> bool:
    return subject.profile.loader.kind == "grub-efi"


def _configs(subject: Subject) -> dict[str, str]:
    first = subject.efi.read(LOADER_CONFIG).decode(errors="replace")
    configs = {LOADER_CONFIG: first, BOOT_CONFIG: subject.boot_text(BOOT_CONFIG)}
    if subject.efi.has(USER_CONFIG):
        configs[USER_CONFIG] = subject.efi.read(USER_CONFIG).decode(errors="replace")
    return configs


def _named(body: str) -> Iterator[tuple[str, str]]:
    """Yield the files of an entry: the first word of `linux`, every word of `initrd`."""
    for found in _LOAD.finditer(body):
        words = found["paths"].split()
        for path in words if found["what"] == "initrd" else words[:1]:
            yield found["what"], path


def _load_lines(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(line for line in lines if line.lstrip().startswith(("load_env", "save_env")))


def _exists(subject: Subject, path: str) -> bool:
    found = _STATE.fullmatch(path)
    if found is None:
        return False
    if found["device"] == "$edge_esp":
        return subject.efi.has(found["path"])
    return subject.boot.has(found["path"])


def _ext4_uuid(subject: Subject) -> str:
    subject.file.seek(subject.partition("BOOT").start_bytes + 1024 + 104)
    raw = subject.file.read(16).hex()
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
