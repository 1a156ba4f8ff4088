"""A Slurm of one node, in a private folder: its own key, ports, state and configuration.

It needs neither systemd nor control groups, and runs as root or as an ordinary user.
"""

from __future__ import annotations

import getpass
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from packages import COMMANDS, DAEMONS, Programs

# config_overrides: the node has the processors and the memory that this file gives it, not those of
# the machine. Memory is enforced by looking at the processes every second, since control groups
# need rights that a container lacks.
SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
# Seconds: a job that is over its time is stopped at the next look, and killed soon after.
OverTimeLimit=0
KillWait=2
# Long enough for Snakemake to hear of a job's end from squeue.
MinJobAge=600
GresTypes=gpu
{plugins}
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={megabytes} Gres=gpu:1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=60 State=UP
"""


class Cluster:
    """Slurm's daemons, from entering this context to leaving it.

    Attributes
    ----------
    environment
        Variables of the environment in which the names of Slurm's commands mean this cluster.
    """

    def __init__(self, programs: Programs, folder: Path, cpus: int = 4, megabytes: int = 24000):
        self.programs, self.folder = programs, folder
        self.cpus, self.megabytes = cpus, megabytes
        self.daemons: list[subprocess.Popen] = []
        self.libraries = ":".join(map(str, programs.libraries))
        # Those of the machine's own Slurm, if it has one, are left out.
        self.environment = {
            **{name: value for name, value in os.environ.items() if "SLURM" not in name},
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        }

    def __enter__(self) -> Cluster:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the daemons and wait until the node takes jobs."""
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        for name in DAEMONS:
            # Under their own names, from which the daemons conclude what they are.
            (self.folder / "bin" / name).symlink_to(self.programs.paths[name])
        for name in COMMANDS:
            self.write_command(name)
        (self.folder / "slurm.conf").write_text(self.configuration())
        # A GPU that is only counted; Slurm wants a device, and does not look what it is.
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        # Without this file slurmd asks systemd for a control group.
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\nIgnoreSystemd=yes\n")
        self.start_munge()
        self.launch("slurmctld", "-D", "-i", "-f", str(self.folder / "slurm.conf"))
        self.launch("slurmd", "-D", "-N", host(), "-d", str(self.folder / "bin" / "slurmstepd"))
        self.wait(lambda: "idle" in self.command("sinfo", "--noheader", "--format=%T"), 60)

    def write_command(self, name: str) -> None:
        """Write a script that runs one of Slurm's commands with this cluster.

        The variable SLURM_CONF in the environment is not enough: the executor removes it in jobs.
        """
        variables = {
            "SLURM_CONF": self.folder / "slurm.conf",
            "LD_LIBRARY_PATH": self.libraries,
        }
        settings = " ".join(f"{key}={shlex.quote(str(text))}" for key, text in variables.items())
        program = shlex.quote(str(self.programs.paths[name]))
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/sh\n{settings} exec {program} "$@"\n')
        path.chmod(0o755)

    def configuration(self) -> str:
        """Return the text of slurm.conf."""
        controller_port, node_port = free_ports(2)
        plugins = f"PluginDir={self.programs.plugins}" if self.programs.plugins else ""
        return SLURM_CONF.format(
            host=host(),
            user=getpass.getuser(),
            folder=self.folder,
            controller_port=controller_port,
            node_port=node_port,
            plugins=plugins,
            cpus=self.cpus,
            megabytes=self.megabytes,
        )

    def start_munge(self) -> None:
        """Start munged with a key of its own."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = {
            "key-file": "munge.key",
            "socket": "munge.socket",
            "pid-file": "munge.pid",
            "log-file": "munge.log",
            "seed-file": "munge.seed",
        }
        options = [f"--{name}={self.folder / file}" for name, file in files.items()]
        # The folder is below /tmp, which munged takes for insecure: everybody may write there.
        self.launch("munged", "--foreground", "--force", *options)
        self.wait((self.folder / "munge.socket").exists, 20)

    def launch(self, name: str, *arguments: str) -> None:
        """Start a daemon in the foreground, so that it ends when it is told to."""
        variables = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        if self.libraries:
            variables["LD_LIBRARY_PATH"] = self.libraries
        with (self.folder / f"{name}.output").open("wb") as output:
            self.daemons.append(
                subprocess.Popen(
                    [str(self.folder / "bin" / name), *arguments],
                    env=self.environment | variables,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )

    def command(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it prints; empty if it fails."""
        finished = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return finished.stdout if finished.returncode == 0 else ""

    def wait(self, ready: Callable[[], object], seconds: float) -> None:
        """Wait until something is true; give up when a daemon ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if any(daemon.poll() is not None for daemon in self.daemons):
                raise RuntimeError(f"a daemon of Slurm stopped: {self.last_words()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Slurm does not start: {self.last_words()}")
            time.sleep(0.2)

    def last_words(self) -> str:
        """Return the last line of every log."""
        logs = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.output")])
        lines = {path.name: path.read_text(errors="replace").splitlines() for path in logs}
        return "; ".join(f"{name}: {text[-1]}" for name, text in lines.items() if text)

    def stop(self) -> None:
        """End all jobs, then the daemons in the reverse order of their start."""
        if (self.folder / "bin" / "scancel").exists():
            self.command("scancel", "--user", getpass.getuser())
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.daemons.clear()


def host() -> str:
    """Return the short name of this machine."""
    return socket.gethostname().split(".")[0]


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens to."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
