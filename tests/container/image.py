"""An image of the workflow, built by Buildah without a service, in a storage of its own."""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["Image", "Unavailable"]

# What the Containerfile needs of a base that is not python:slim.
PACKAGES = "ca-certificates,python3,python3-venv"
BASE, IMAGE = "localhost/debian", "localhost/xgradient"


class Unavailable(Exception):
    """Raised with the reason why there is no image to test."""


class Image:
    """The image that the Containerfile of a checkout describes.

    Isolated by chroot alone, so that it can be built and run within a container, too. The base is
    this machine's release of Debian, with the settings of its apt: no registry of images is needed.
    Packages come from where its pip gets them; none of these settings stays in the image.
    """

    def __init__(self, folder: Path):
        if os.geteuid() != 0:
            raise Unavailable("only root can isolate by chroot alone")
        missing = [name for name in ("buildah", "mmdebstrap") if shutil.which(name) is None]
        if missing:
            raise Unavailable(f"not installed: {' and '.join(missing)}")
        self.folder = folder

    def buildah(self, *arguments: object, **options: Any) -> str:
        """Run Buildah; return what it prints."""
        storage = ("--root", self.folder / "storage", "--runroot", self.folder / "running")
        command = ["buildah", *map(str, (*storage, *arguments))]
        return done(command, **options).strip()

    def make_base(self) -> None:
        """Make the image that the Containerfile starts from."""
        base = self.folder / "base.tar"
        settings = self.folder / "apt.conf"
        settings.write_text(done(["apt-config", "dump", "Acquire"]))
        debian = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "--quiet"]
        release = platform.freedesktop_os_release()["VERSION_CODENAME"]
        done([*debian, f"--aptopt={settings}", release, str(base)])
        self.buildah("from", "--name", "base", "scratch")
        self.buildah("add", "base", base)
        base.unlink()
        self.buildah("commit", "--rm", "base", BASE)

    def build(self, root: Path) -> None:
        """Build the image, and a container of it."""
        build = ("build", "--isolation", "chroot", "--network", "host", "--format", "oci")
        named = ("--pull-never", "--build-arg", f"BASE={BASE}", "--tag", IMAGE)
        self.buildah(*build, *named, *self.pip_settings(), root)
        self.buildah("from", "--name", "workflow", "--pull-never", IMAGE)

    def pip_settings(self) -> list[str]:
        """Return the options that let pip do in the image what it does here."""
        found: dict[str, str] = {}
        for line in done([sys.executable, "-m", "pip", "config", "list"]).splitlines():
            name, _, value = line.partition("=")
            found[name.split(".")[-1]] = str(ast.literal_eval(value))
        settings = self.folder / "pip.conf"
        lines = (f"{name} = {value}\n" for name, value in found.items())
        settings.write_text("[global]\n" + "".join(lines))
        paths = re.findall(r"(?<![:/\w.])/[^\s'\"]+", "\n".join(found.values()))
        indexes = re.findall(r"file://(/[^\s'\"]+)", "\n".join(found.values()))
        mounted = {path: path for path in paths if Path(path).exists()}
        # The pages of an index that is on this disk link to files beside it.
        mounted |= {path: path for path in map(os.path.dirname, indexes) if Path(path).exists()}
        mounted[str(settings)] = "/etc/pip.conf"
        return [f"--volume={path}:{inside}:ro" for path, inside in mounted.items()]

    def config(self) -> dict[str, Any]:
        """Return what the image says about its user, its folder and its command."""
        image = json.loads(self.buildah("inspect", "--type", "image", IMAGE))
        return dict(image["OCIv1"]["config"])

    def run(self, work: Path, *arguments: str, mirror: Path | None = None) -> str:
        """Run the image's command in a folder, as its user."""
        shutil.chown(work, 1000, 1000)
        options = ["--isolation", "chroot", "--network", "host", f"--volume={work}:/work"]
        if mirror is not None:
            options += [f"--volume={mirror}:/mirror:ro", "--env", "XGRADIENT_MIRROR=/mirror"]
        entry = self.config()["Entrypoint"]
        return self.buildah("run", *options, "workflow", "--", *entry, *arguments)

    def execute(self, *command: str) -> str:
        """Run another command in the image."""
        return self.buildah("run", "--isolation", "chroot", "workflow", "--", *command)

    def remove(self) -> None:
        """Remove everything that was built."""
        self.buildah("rm", "--all")
        self.buildah("rmi", "--all", "--force")


def done(command: list[str], **options: Any) -> str:
    """Run a command that must succeed; return what it prints."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if finished.returncode != 0:
        said = (finished.stdout + finished.stderr)[-6000:]
        raise RuntimeError(f"{' '.join(command)[:300]}: {said}")
    return finished.stdout
