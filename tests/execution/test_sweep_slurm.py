"""Sweeps on a real SLURM of one node: controller, node daemon and MUNGE on this machine (`make test-cluster`)."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("dask_jobqueue")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue")
MISSING = [program for program in PROGRAMS if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None]
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"not installed: {', '.join(MISSING)}",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="SLURM's daemons need root"),
]
PATIENCE_SECONDS = 90.0
SLURM_CONF = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/node.pid
SlurmctldLogFile={folder}/controller.log
SlurmdLogFile={folder}/node.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={n_cpus} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
JOBS = """\
# What every job asks SLURM for; `jobs` is how many of them.
jobs: 2
cores: 1
processes: 1
memory: 400 MB
walltime: "00:10:00"
interface: lo
local_directory: {folder}
log_directory: {folder}
"""


def get_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*command: object) -> str:
    path = f"{os.environ['PATH']}:/usr/sbin"
    done = subprocess.run(
        [str(word) for word in command], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """A SLURM of this machine alone, with two job slots; yields the file that `--slurm` takes."""
    import tempfile

    patch, stack = pytest.MonkeyPatch(), ExitStack()
    with patch.context(), stack:
        # Not under pytest's folder: MUNGE wants all parents of its socket open to everybody.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="powsim-slurm-")))
        folder.chmod(0o755)
        for name in ("controller", "node"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        ports = {"controller_port": get_free_port(), "node_port": get_free_port()}
        host = socket.gethostname().partition(".")[0]
        configuration = folder / "slurm.conf"
        configuration.write_text(SLURM_CONF.format(folder=folder, host=host, n_cpus=2, **ports))
        patch.setenv("SLURM_CONF", str(configuration))
        files = {name: folder / f"munge.{name}" for name in ("socket", "pid", "log", "seed")}
        run(
            *("munged", "--force", f"--key-file={key}", f"--socket={files['socket']}"),
            *(f"--pid-file={files['pid']}", f"--log-file={files['log']}", f"--seed-file={files['seed']}"),
        )
        stack.callback(end_daemon, files["pid"])
        for daemon, pid in (("slurmctld", "controller.pid"), ("slurmd", "node.pid")):
            run(daemon, "-f", configuration)
            stack.callback(end_daemon, folder / pid)
        wait_until(lambda: "idle" in run("sinfo", "-h", "-o", "%T"))
        jobs = folder / "jobs.yaml"
        jobs.write_text(JOBS.format(folder=folder))
        yield jobs
    patch.undo()


def end_daemon(pid_file: Path) -> None:
    if pid_file.exists():
        pid = int(pid_file.read_text())
        os.kill(pid, 15)
        wait_until(lambda: not Path(f"/proc/{pid}").exists())


def wait_until(condition) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_same_bytes_from_slurm_jobs_one_of_them_cancelled(
    mini: Path, mini_bytes: bytes, helpers: SimpleNamespace, slurm: Path, tmp_path: Path
) -> None:
    """A cancelled job, as at the end of its time, loses nothing: another one follows it."""
    out = tmp_path / "out"
    program = helpers.start_sweep(mini, "--slurm", slurm, "--out", out)
    wait_until(lambda: list((out / "journal").glob("*.jsonl")))
    run("scancel", run("squeue", "-h", "-t", "RUNNING", "-o", "%i").split()[0])
    _, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 0, errors
    assert "2 SLURM jobs asked for" in errors
    assert (out / "runs.parquet").read_bytes() == mini_bytes
    wait_until(lambda: not run("squeue", "-h"))  # the sweep leaves no job behind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cores: 1\n", "must be a mapping with `jobs:`"),
        ("jobs: 1\ncores: 1\nmemory: 1 GB\nqueeu: main\n", "queeu"),
        ("jobs: 1\nmemory: 1 GB\n", "cores"),
    ],
)
def test_wrong_files_are_told(mini: Path, helpers: SimpleNamespace, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(text)
    program = helpers.start_sweep(mini, "--slurm", file, "--out", tmp_path / "out")
    _, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 2, errors
    assert message in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()
