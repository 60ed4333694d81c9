# SPDX-License-Identifier: Apache-2.0
"""The node's root file system: Debian files that it needs and no others, Python packages, ours.

The part that changes with packages (the base) is cached; a build adds what changes with the code,
the kernel and the board.
"""

import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from edge.errors import ImageError
from edge.events import Listener
from flasher.debian.fetch import Cache, Packages
from flasher.debian.module import Module, alias_index, dependency_index
from flasher.image.bytecode import Compiler
from flasher.image.wheel import WHEEL_RECIPE, copy_own_packages, unpack_wheel
from flasher.tool import run_tool

ROOT_PACKAGES = (
    "ca-certificates",
    "e2fsprogs",
    "libpython3.13-stdlib",
    "libstdc++6",
    "python3.13-minimal",
)
SITE = "usr/lib/python3/dist-packages"
STDLIB = "usr/lib/python3.13"
STARTUP_FILE = "usr/lib/edge/startup"
REHEARSED = (
    "edge.node.init",
    "edge.node.signing",
    "edge.pki.certificate",
    "edge.node.machined",
    "edge.node.board",
    "edge.node.control.runtime",
    "edge.node.api.gate",
    "edge.node.control.catalogue",
    "pkgutil",
)
"""What a board loads from power-on to where everything runs in maintenance.

The last is what gRPC's native module loads, of which a rehearsal sees nothing.
"""

# Programs that the node runs. Everything else that packages bring is left out, so that no shell,
# package manager or login can come in with a dependency.
PROGRAMS = frozenset({"python3.13", "e2fsck", "mke2fs", "resize2fs"})
_PROGRAM_DIRS = ("usr/bin", "usr/sbin", "usr/lib/e2fsprogs")
_UNWANTED = re.compile(
    r"""
    etc | usr/(games|include|local|src) | var
    | usr/share
    | usr/libexec
    | usr/lib/(apt|dpkg|init|lsb|mime|sasl2|ssl|systemd|tmpfiles\.d|udev|python3|terminfo|valgrind)
    | usr/lib/[^/]+/(gconv|audit|e2initrd_helper|engines-3|ossl-modules|perl.*|krb5|security)
    | usr/lib/[^/]+/(libdb-|libreadline|libhistory|libncurses|libtic|libpanel|libform
        |libmenu|libss\.|libtinfo|libBrokenLocale|libnss_(compat|hesiod)|libthread_db|libmvec
        |libc_malloc_debug|libmemusage|libpcprofile|libnsl|libanl|libutil).*
    | usr/lib/python3\.13/(ensurepip|idlelib|lib2to3|pydoc_data|test|tkinter|turtledemo|venv
        |dbm|curses|wsgiref|xmlrpc|_pyrepl|config-.*|sitecustomize\.py
        |LICENSE\.txt|.*\bturtle\.py|pydoc\.py|doctest\.py|pdb\.py|idlelib)
    | usr/lib/python3\.13/lib-dynload/(_test|_xxtest|xxlimited|_dbm|_gdbm|_curses|_tkinter
        |readline|_codecs_|_ctypes_test|nis|ossaudiodev).*
    """,
    re.VERBOSE,
)
_DIRECTORIES = (
    "boot",
    "dev",
    "etc/edge",
    "etc/ssl/certs",
    "opt",
    "proc",
    "run",
    "sys",
    "system",
    "tmp",
    "usr/lib/firmware",
    "usr/lib/modules",
    "usr/lib64",
    "var",
)
_LINKS = {
    **{name: f"usr/{name}" for name in ("bin", "lib", "lib64", "sbin")},
    "etc/mtab": "../proc/self/mounts",
    "etc/ssl/certs/ca-certificates.crt": "../../../usr/lib/edge/ca-certificates.crt",
    "etc/resolv.conf": "../run/edge/resolv.conf",
    "usr/sbin/mkfs.ext4": "mke2fs",
}
_TEXTS = {
    "etc/group": "root:x:0:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    # No password and no program: nobody logs in.
    "etc/passwd": "root:*:0:0:root:/:\n",
}


def base_tree(
    cache: Cache,
    packages: Packages,
    wheels: Sequence[Path],
    compiler: Compiler,
    listener: Listener,
) -> Path:
    """Return the cached part of the root file system, compiled.

    Beside `tree/` it holds `build_time`: the newest time stamp of any package file, Unix seconds.
    """

    def make(place: Path) -> None:
        tree = place / "tree"
        tree.mkdir()
        assert packages.root is not None
        run_tool("tar", "-x", "-f", packages.root, "-C", tree, "--no-same-owner", "--exclude=./dev")
        (place / "build_time").write_text(str(newest_file(tree / "usr")))
        _gather_certificates(tree)
        remove_unwanted(tree)
        for wheel in wheels:
            unpack_wheel(wheel, tree / SITE)
        _add_fixed(tree)
        compiler.compile(tree, [STDLIB, SITE])

    recipe = [sha256(Path(each).read_bytes()).hexdigest() for each in (__file__, WHEEL_RECIPE)]
    names = [each.name for each in wheels]
    key = sha256(
        "\n".join((*recipe, packages.digest, compiler.digest, *names)).encode()
    ).hexdigest()[:24]
    return cache.entry("base", key, make, listener=listener)


def assemble_root(
    tree: Path,
    base: Path,
    *,
    compiler: Compiler,
    kernel_version: str,
    modules: Sequence[Module],
    firmware: Mapping[str, Path],
    description: Mapping[str, object],
) -> None:
    """Make the complete root file system in the new directory `tree`.

    Files of the base are hard links: nothing may be written to in place.
    """
    _link_tree(base, tree)
    copy_own_packages(tree / SITE)
    own = [
        f"{SITE}/{each.name}"
        for each in sorted((tree / SITE).iterdir())
        if each.is_dir() and not (base / SITE / each.name).exists()
    ]
    compiler.compile(tree, own)
    (tree / STARTUP_FILE).parent.mkdir(parents=True, exist_ok=True)
    compiler.rehearse(tree, stdlib=STDLIB, site=SITE, modules=REHEARSED, output=STARTUP_FILE)
    _add_modules(tree / "usr/lib/modules" / kernel_version, modules)
    for name, source in sorted(firmware.items()):
        place = tree / "usr/lib/firmware" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    text = json.dumps(description, indent=2, sort_keys=True) + "\n"
    (tree / "etc/edge/image.json").write_text(text)
    _set_modes(tree)


def newest_file(*folders: Path) -> int:
    """Return the newest modification time of the regular files below `folders`, Unix seconds."""
    times = (
        int(each.lstat().st_mtime)
        for folder in folders
        for each in folder.rglob("*")
        if stat.S_ISREG(each.lstat().st_mode)
    )
    return max(times, default=0)


def remove_unwanted(tree: Path) -> None:
    """Remove every file that the node does not use, and every program but `PROGRAMS`."""
    for path in list(_walk(tree)):
        name = path.relative_to(tree).as_posix()
        if _UNWANTED.fullmatch(name) or _is_unwanted_program(name):
            _remove(path)
    for path in reversed(list(_walk(tree))):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    for path in list(_walk(tree)):
        if path.is_symlink() and not _target_exists(tree, path):
            path.unlink()


def _is_unwanted_program(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return folder in _PROGRAM_DIRS and file not in PROGRAMS


def _gather_certificates(tree: Path) -> None:
    """Make the bundle of authorities, which a maintainer script makes on a Debian machine."""
    folder = tree / "usr/share/ca-certificates"
    bundle = "".join(
        each.read_text(encoding="ascii").rstrip("\n") + "\n"
        for each in sorted(folder.rglob("*.crt"))
    )
    if not bundle:
        raise ImageError("the package ca-certificates holds no certificates")
    place = tree / "usr/lib/edge/ca-certificates.crt"
    place.parent.mkdir(parents=True)
    place.write_text(bundle)
    shutil.rmtree(folder)


def _add_fixed(tree: Path) -> None:
    for name in _DIRECTORIES:
        (tree / name).mkdir(parents=True, exist_ok=True)
    for name, target in _LINKS.items():
        place = tree / name
        if place.is_symlink():
            place.unlink()
        place.symlink_to(target)
    for name, text in _TEXTS.items():
        (tree / name).write_text(text)


def _add_modules(folder: Path, modules: Sequence[Module]) -> None:
    for each in modules:
        place = folder / each.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(each.content)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modules.dep").write_text(dependency_index(modules))
    (folder / "modules.alias").write_text(alias_index(modules))


def _set_modes(tree: Path) -> None:
    """Give directories, programs and libraries 0755 and every other file 0644."""
    tree.chmod(0o755)
    for path in _walk(tree):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        runnable = stat.S_ISDIR(mode) or ".so" in path.name or path.parent.name in {"bin", "sbin"}
        wanted = 0o755 if runnable else 0o644
        if stat.S_IMODE(mode) != wanted:
            path.chmod(wanted)


def _walk(tree: Path) -> Iterator[Path]:
    """Yield everything below `tree`, parents first, in the same order everywhere."""
    for folder, folders, names in os.walk(tree):
        folders.sort()
        yield from (Path(folder, name) for name in sorted((*folders, *names)))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _target_exists(tree: Path, link: Path) -> bool:
    target = link.readlink()
    resolved = tree / str(target).lstrip("/") if target.is_absolute() else link.parent / target
    return resolved.exists()


def _link_tree(source: Path, target: Path) -> None:
    target.mkdir()
    for path in _walk(source):
        place = target / path.relative_to(source)
        if path.is_dir() and not path.is_symlink():
            place.mkdir()
        else:
            _link_or_copy(path, place)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}:
            raise
        shutil.copy2(source, target, follow_symlinks=False)
