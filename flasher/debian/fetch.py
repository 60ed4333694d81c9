# SPDX-License-Identifier: Apache-2.0
"""Debian packages for a board, fetched without root and without configuring anything.

mmdebstrap supplies the archive addresses, their keys and the resolver. What it fetches is kept in
the cache for a day; when the archive cannot be reached, an older copy does.
"""

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

from boards.profile import Arch
from edge.errors import ImageError, ToolError
from edge.events import Listener, Noted
from flasher.debian.suite import COMPONENTS, may_be_stale
from flasher.tool import run_tool

FRESH_S = 24 * 3600
KEPT_S = 30 * 24 * 3600
_RECIPE = 1  # raise it when what an entry of the cache holds changes

# Kernel packages are a chain of dependencies that would drag in a whole system.
_DOWNLOAD = """
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$EDGE_DOWNLOADS"
wanted="$EDGE_PACKAGES"
if [ -n "$EDGE_KERNEL" ]; then
    wanted="$wanted $(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \\
        --no-breaks --no-replaces --no-enhances "$EDGE_KERNEL" \\
        | grep -E '^linux-(image|binary|modules|base)-' | sort -u)"
fi
[ -n "$wanted" ] || exit 0
# Boards share kernels: what another entry holds is not fetched and stored once more.
apt-get --print-uris download $wanted | while read -r _ name _ hash; do
    for held in ../*/"$name"; do
        if echo "${hash#SHA256:}  $held" | sha256sum --check --status 2> /dev/null; then
            ln -f "$held" . || true
        fi
    done
done
apt-get -o APT::Sandbox::User=root download $wanted
"""
_STALE = ('--aptopt=Acquire::Check-Valid-Until "false"',)
_COPY = 'cp "$1"/var/cache/apt/archives/*.deb "$EDGE_DOWNLOADS"'
_LIST = 'ls "$1/var/cache/apt/archives" > "$EDGE_DOWNLOADS/packages.txt"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A directory of things that can be fetched or made again, each below its key."""

    folder: Path
    refresh: bool = False
    """Fetch again even what is fresh."""

    def entry(
        self,
        kind: str,
        key: str,
        make: Callable[[Path], None],
        *,
        fresh_s: float | None = None,
        listener: Listener,
    ) -> Path:
        """Return the directory for `key`, made where it is missing or older than `fresh_s`.

        Two builds at once wait for each other; a failed `make` leaves the older copy in place.
        Whenever something is made, what nobody has asked for in a month goes.
        """
        place = self.folder / kind / key
        with _lock(self.folder / kind / f"{key}.lock"):
            age_s = time.time() - _made(place)
            stale = fresh_s is not None and (self.refresh or not 0 <= age_s < fresh_s)
            if place.is_dir() and not stale:
                return place
            try:
                _remake(place, make)
            except ImageError as error:
                if not place.is_dir():
                    raise
                listener(Noted(text=f"{error}; using what was fetched earlier"))
        self._prune(kind)
        return place

    def _prune(self, kind: str) -> None:
        """Remove what newer packages or code replaced, but no lock: somebody may wait for it."""
        oldest = time.time() - KEPT_S
        for lock in (self.folder / kind).glob("*.lock"):
            # Whoever asks from now on waits, and then makes it again.
            with lock.open() as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file.fileno()).st_mtime < oldest:
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """Fetched packages: `files` for those asked for by name, `versions` for all."""

    digest: str
    versions: dict[str, str]
    files: dict[str, Path]
    root: Path | None = None


def fetch_root(
    cache: Cache, arch: Arch, suite: str, packages: Sequence[str], listener: Listener
) -> Packages:
    """Fetch and unpack `packages` with all that they depend on into one archive.

    Raises:
        ImageError: when the archive cannot be reached and nothing is cached.
    """

    def make(place: Path) -> None:
        _mmdebstrap(
            "--variant=extract",
            f"--include={','.join(packages)}",
            f"--extract-hook={_LIST}",
            arch=arch,
            suite=suite,
            target=place / "root.tar",
            environment={"EDGE_DOWNLOADS": str(place)},
        )

    key = _key(arch, suite, *packages)
    place = cache.entry("root", key, make, fresh_s=FRESH_S, listener=listener)
    versions = _versions((place / "packages.txt").read_text().split())
    return Packages(
        digest=_digest(key, versions), versions=versions, files={}, root=place / "root.tar"
    )


def fetch_closure(
    cache: Cache, arch: Arch, suite: str, packages: Sequence[str], listener: Listener
) -> Packages:
    """Fetch `packages` and all that they depend on, each as a file.

    Raises:
        ImageError: when the archive lacks one, or cannot be reached and nothing is cached.
    """

    def make(place: Path) -> None:
        _mmdebstrap(
            "--variant=extract",
            "--format=null",
            f"--include={','.join(packages)}",
            f"--extract-hook={_COPY}",
            arch=arch,
            suite=suite,
            target=Path(os.devnull),
            components=COMPONENTS,
            environment={"EDGE_DOWNLOADS": str(place)},
        )

    key = _key("closure", arch, suite, *packages)
    place = cache.entry("files", key, make, fresh_s=FRESH_S, listener=listener)
    return _packages_in(place, key)


def fetch_files(
    cache: Cache,
    arch: Arch,
    suite: str,
    packages: Sequence[str],
    *,
    kernel: str = "",
    listener: Listener,
) -> Packages:
    """Fetch `packages`, and the parts of the kernel package, without what they depend on.

    Raises:
        ImageError: when the archive cannot be reached and nothing is cached.
    """
    names = sorted(set(packages))

    def make(place: Path) -> None:
        _mmdebstrap(
            "--variant=custom",
            "--format=null",
            f"--customize-hook={_DOWNLOAD}",
            arch=arch,
            suite=suite,
            target=Path(os.devnull),
            components=COMPONENTS,
            environment={
                "EDGE_DOWNLOADS": str(place),
                "EDGE_PACKAGES": " ".join(names),
                "EDGE_KERNEL": kernel,
            },
        )

    key = _key(arch, suite, kernel, *names)
    place = cache.entry("files", key, make, fresh_s=FRESH_S, listener=listener)
    return _packages_in(place, key)


def unpack(cache: Cache, package: Path, listener: Listener) -> Path:
    """Return a directory with the contents of a package file."""

    def make(place: Path) -> None:
        run_tool("dpkg-deb", "--extract", package, place)

    return cache.entry("unpacked", _key(package.name), make, listener=listener)


def _mmdebstrap(
    *options: str,
    arch: Arch,
    suite: str,
    target: Path,
    environment: dict[str, str],
    components: Sequence[str] = ("main",),
) -> None:
    try:
        run_tool(
            "mmdebstrap",
            "--mode=chrootless",
            f"--architectures={arch}",
            f"--components={','.join(components)}",
            *(_STALE if may_be_stale(suite) else ()),
            *options,
            suite,
            target,
            environment=environment,
            prefer=r"^(E:|Err:)",
        )
    except ToolError as error:
        if "is not here" in error.message or "are not here" in error.message:
            raise
        raise ImageError(
            f"cannot fetch packages of Debian {suite}: {error.message}",
            hint="check the network; a build needs it once a day, and not at all when cached",
        ) from error


def _packages_in(place: Path, key: str) -> Packages:
    found = sorted(place.glob("*.deb"))
    versions = _versions(each.name for each in found)
    files = {each.name.split("_")[0]: each for each in found}
    return Packages(digest=_digest(key, versions), versions=versions, files=files)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        path.touch()  # tells when the entry was last asked for
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remake(place: Path, make: Callable[[Path], None]) -> None:
    """Make the entry beside its place and move it there when it is whole."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        fresh.chmod(0o755)
        make(fresh)
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
        os.utime(place)
    except OSError as error:
        raise ImageError(f"cannot write to the cache {place.parent}: {error.strerror}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _made(place: Path) -> float:
    return place.stat().st_mtime if place.is_dir() else 0.0


def _versions(file_names: Iterator[str] | Sequence[str]) -> dict[str, str]:
    """Return package versions from names such as `libc6_2.41-12_arm64.deb`."""
    parts = (name.split("_") for name in file_names if name.endswith(".deb"))
    return {part[0]: unquote(part[1]) for part in sorted(parts)}


def _key(*parts: str) -> str:
    return sha256("\n".join((str(_RECIPE), *parts)).encode()).hexdigest()[:24]


def _digest(key: str, versions: dict[str, str]) -> str:
    return sha256(f"{key} {json.dumps(versions, sort_keys=True)}".encode()).hexdigest()
