# SPDX-License-Identifier: Apache-2.0
"""What no extension may bring: a way in, a way to become root, a way around what is there.

A node has no shell and nothing that gives one; that is what keeps it out of reach. Names are
checked, and the marks that well-known shells leave in their code under any name.
"""

import re
import stat
from collections.abc import Callable
from pathlib import PurePosixPath

from boards.profile import Arch
from flasher.extension.elf import Elf, parse_elf
from flasher.extension.entry import Entry

# Names of programs that would let somebody in or change the system from inside.
FORBIDDEN = frozenset(
    {
        *("sh", "bash", "rbash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish"),
        *("busybox", "toybox", "screen", "tmux", "expect", "script"),
        *("sshd", "ssh", "dropbear", "dropbearmulti", "telnetd", "rlogind", "rshd"),
        *("login", "getty", "agetty", "sulogin", "su", "sudo", "sudoedit", "doas", "runuser"),
        *("pkexec", "passwd", "chroot", "gdb", "gdbserver", "strace", "env"),
        *("apt", "apt-get", "aptitude", "dpkg", "dpkg-deb", "rpm", "yum", "dnf", "apk", "pacman"),
        *("pip", "pip3", "snap", "flatpak", "nix", "uv", "npm", "gem", "cargo"),
        *("perl", "ruby", "lua", "node", "php", "awk", "gawk", "mawk", "nawk", "original-awk"),
        *("tclsh", "wish", "guile", "java", "openssl", "vi", "vim", "nano", "emacs"),
        *("ed", "ex", "less", "more", "man", "find", "xargs", "socat", "nc", "ncat", "netcat"),
    }
)
_INTERPRETER = re.compile(r"(perl|python|ruby|lua|node|php|tclsh|wish|pypy)[0-9.]*t?")
_MARKS = (
    (b"BusyBox v", "BusyBox"),
    (b"GNU bash, version", "bash"),
    # Its default for the prompt of traced commands: dash, and the shell in BusyBox.
    (b"PS4=+ \0", "a POSIX shell"),
    (b"Debian Almquist", "dash"),
)
_PLACES = ("etc", "opt", "usr")
_FIXED = (
    ("etc/edge", "says what the image is"),
    ("etc/ld.so", "would put libraries in front of the system's"),
    ("etc/passwd", "says who may log in: nobody"),
    ("etc/shadow", "says who may log in: nobody"),
    ("etc/pam.d", "says who may log in: nobody"),
    *(
        (place, "changes how the node's own programs find names, keys or ciphers")
        for place in (
            *("etc/ssl", "usr/lib/ssl", "etc/hosts", "etc/host.conf", "etc/resolv.conf"),
            *("etc/gai.conf", "etc/nsswitch.conf", "etc/services", "etc/protocols"),
            *("etc/machine-id", "etc/hostname", "etc/localtime", "etc/environment"),
        )
    ),
    *(
        (place, "is for programs that nodes do not have, or would change the kernel's settings")
        for place in (
            *("etc/modprobe", "usr/lib/modprobe", "etc/modules-load", "usr/lib/modules-load"),
            *("etc/sysctl", "usr/lib/sysctl", "etc/udev", "usr/lib/udev"),
            *("etc/systemd", "usr/lib/systemd", "etc/init", "etc/fstab", "etc/crypttab"),
        )
    ),
    ("usr/lib/modules", "is for the kernel's own modules, named under modules"),
)
_PYTHON = re.compile(
    r"(^|/)(python[0-9.]*|dist-packages|site-packages)/|\.pth$|(^|/)pyvenv\.cfg$|\._pth$"
    r"|(^|/)python[0-9.]*\.zip(/|$)"
)
_SHADOW = re.compile(r"(^|/)glibc-hwcaps(/|$)")
# What OpenSSL and the C library load without being linked with it.
_LOADED = re.compile(r"^usr/lib/[^/]+/(ossl-modules|engines-[0-9.]+|gconv|libnss_[^/]+)(/|$)")
_NO_EXECUTABLE = "can be executed but is neither an ELF program nor a script"


def check_path(entry: Entry) -> None:
    """Refuse an entry for where it lies or what it is called.

    Raises:
        ImageError: with the rule that it breaks.
    """
    path = PurePosixPath(entry.path)
    top = path.parts[0]
    if top in {"bin", "sbin", "lib", "lib64"}:
        raise entry.refuse("goes through a link", hint=f"name it usr/{entry.path}")
    if top not in _PLACES or len(path.parts) < 2:
        raise entry.refuse("lies outside of etc, opt and usr, which are all that an image has")
    for place, reason in _FIXED:
        if entry.path == place or entry.path.startswith((f"{place}/", f"{place}.")):
            raise entry.refuse(reason)
    if _PYTHON.search(entry.path):
        raise entry.refuse("would change what the node's own Python loads")
    if _SHADOW.search(entry.path):
        raise entry.refuse("would put a library in front of the system's")
    if _LOADED.search(entry.path):
        raise entry.refuse("is loaded by the node's own programs")
    is_named = entry.is_program or bool(entry.link) or path.parent.name in {"bin", "sbin"}
    if is_named and (path.name in FORBIDDEN or _INTERPRETER.fullmatch(path.name)):
        raise entry.refuse("is a shell, an interpreter or a way in, which nodes do not have")


def check_mode(entry: Entry) -> None:
    """Refuse a source that is no ordinary file, or runs as somebody else.

    Raises:
        ImageError: with the rule that it breaks.
    """
    if entry.source is None:
        return
    mode = entry.source.lstat().st_mode
    if not stat.S_ISREG(mode):
        raise entry.refuse("is neither a file nor a link")
    if mode & (stat.S_ISUID | stat.S_ISGID):
        raise entry.refuse("is setuid or setgid")


def check_content(entry: Entry, arch: Arch, is_there: Callable[[str], bool]) -> Elf | None:
    """Return the entry as an ELF file, if it is one, after looking at what it is.

    Raises:
        ImageError: when it is for other hardware, is a shell, or needs an interpreter that the
            root, which `is_there` knows, does not have.
    """
    content = entry.head()
    # Firmware is for the processor of a device.
    is_firmware = entry.path.startswith("usr/lib/firmware/") and not entry.is_program
    if content[:4] == b"\x7fELF" and not is_firmware:
        return _check_elf(entry, entry.content(), arch, is_there)
    if entry.role in {"program", "library"} and not content.startswith(b"#!"):
        raise entry.refuse("is no ELF file")
    if not entry.is_program:
        return None
    if not content.startswith(b"#!"):
        raise entry.refuse(_NO_EXECUTABLE)
    words = content[2:].partition(b"\n")[0].decode(errors="replace").split() or ["nothing"]
    if not is_there(words[0]):
        raise entry.refuse(f"is a script for {words[0]}, which nodes do not have")
    return None


def _check_elf(entry: Entry, content: bytes, arch: Arch, is_there: Callable[[str], bool]) -> Elf:
    try:
        elf = parse_elf(content)
    except ValueError as error:
        raise entry.refuse(f"is {error}") from error
    if elf.arch != arch:
        raise entry.refuse(f"is for {elf.arch or 'another machine'}, the image for {arch}")
    for mark, name in _MARKS:
        if mark in content:
            raise entry.refuse(f"is {name} under another name; nodes have no shell")
    if entry.is_program and elf.interpreter and not is_there(elf.interpreter):
        raise entry.refuse(f"needs the loader {elf.interpreter}, which nodes do not have")
    return elf
