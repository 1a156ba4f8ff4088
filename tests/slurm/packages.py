"""Find Slurm and MUNGE, or unpack Debian's packages into a private folder without installing them.

Nothing is installed: no service starts, no user is created, and an ordinary user can do it, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    *("slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins"),
    *("munge", "libmunge2"),
)
# Debian calls the daemons slurmctld-wlm and so on, and makes links to them when it installs them.
DAEMONS = ("slurmctld", "slurmd", "slurmstepd", "munged", "mungekey")
COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct", "sacctmgr")


class Unavailable(Exception):
    """Raised with the reason why there is no Slurm to test with."""


@dataclass(frozen=True)
class Programs:
    """The programs of Slurm and MUNGE, and where they find their parts.

    Attributes
    ----------
    paths
        The program of every name in `DAEMONS` and `COMMANDS`.
    plugins
        Folder of Slurm's plugins; None if the programs know it.
    libraries
        Folders of shared libraries that the system lacks.
    """

    paths: dict[str, Path]
    plugins: Path | None = None
    libraries: tuple[Path, ...] = ()


def find_programs(folder: Path) -> Programs:
    """Return the installed programs, or those of packages that are unpacked into a folder."""
    installed = located([Path(part) for part in (*os.get_exec_path(), "/usr/sbin", "/sbin")])
    if installed:
        return Programs(installed)
    unpack(folder)
    paths = located([folder / "usr/bin", folder / "usr/sbin"])
    if not paths:
        raise Unavailable(f"the packages {', '.join(PACKAGES)} lack programs that are needed")
    plugins = next(folder.glob("usr/lib/*/slurm-wlm"))
    return Programs(paths, plugins, (plugins.parent, plugins))


def located(folders: list[Path]) -> dict[str, Path]:
    """Return the path of every program, or nothing if one is missing."""

    def candidates(name: str) -> Iterator[Path]:
        for folder in folders:
            yield from (folder / name, folder / f"{name}-wlm")

    paths = {
        name: next((path for path in candidates(name) if os.access(path, os.X_OK)), None)
        for name in (*DAEMONS, *COMMANDS)
    }
    found = {name: path for name, path in paths.items() if path is not None}
    return found if len(found) == len(paths) else {}


def unpack(folder: Path) -> None:
    """Download the packages, with what the system lacks of their dependencies, and unpack them."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Unavailable("Slurm is not installed, and this is no Debian to get it from")
    archives = folder / "archives"
    archives.mkdir(parents=True)
    missing = missing_packages()
    if missing is None and os.geteuid() == 0:
        # A container image comes without the lists of packages.
        run("apt-get", "update")
        missing = missing_packages()
    if missing is None:
        raise Unavailable(f"Debian's packages {', '.join(PACKAGES)} are not to be found")
    # Those that are installed, too: plugins and programs have to be in one folder.
    names = sorted({*PACKAGES, *missing})
    # As root, without the user _apt, who cannot write into a private folder.
    run("apt-get", "-o", "APT::Sandbox::User=root", "download", *names, cwd=archives)
    for archive in archives.glob("*.deb"):
        run("dpkg", "--extract", str(archive), str(folder))


def missing_packages() -> list[str] | None:
    """Return the packages that an installation would add; None if it is not possible."""
    finished = subprocess.run(
        ["apt-get", "--simulate", "--no-install-recommends", "install", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        return None
    return [line.split()[1] for line in finished.stdout.splitlines() if line.startswith("Inst ")]


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command of the package manager."""
    finished = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if finished.returncode:
        said = (finished.stderr or finished.stdout).strip().splitlines()
        raise Unavailable(f"{' '.join(command[:2])} failed: {said[-1] if said else 'no message'}")
