"""Jobs of several processes as torchrun starts them, forked from one that has imported all.

`python jobs.py FUNCTION FOLDER` runs one of the functions below, each of which leaves files.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("contract", "core")]
torch.set_num_threads(1)

from sources import Exact, source_of  # noqa: E402
from toys import PLAIN, Toy, Vectors  # noqa: E402

from gansaku.cli.main import main  # noqa: E402
from gansaku.core import checkpoint, config, ranks, state, watchdog  # noqa: E402
from gansaku.core.loop import Run  # noqa: E402

CLI = ["--log_every", "1", "--save_every", "4", "--sheet_every", "12", "--measure_every", "0"]
TRAIN = ["train", "wgan_gp", "--data", "ring", "--steps", "12", "--batch_size", "16"]
TRAIN += ["--width", "8", "--z", "4", "--device", "cpu", *CLI]
EQUAL = {  # name of a source's kind: what is played on it
    "r3gan": "R3GAN.tiny",
    "wgan_gp": "WGANGP(steps=3, batch_size=8, z=4, width=4, ema=50.0)",
    "sngan": "SNGAN.tiny",
    "dcgan": "DCGAN(batch_size=8, z=4, width=4, d_norm='spectral', augment=ADA(p=0.7), "
    "penalties=(R1(0.5),), remedy=Remedy())",
}


def job(world: int, work: Callable[[], int], out: Path) -> dict:
    """Fork `world` processes that run `work`; their exit statuses, and what each said."""
    out.mkdir(parents=True, exist_ok=True)
    store = dist.TCPStore("127.0.0.1", 0, world, is_master=True, wait_for_workers=False)
    pids = [child(rank, world, store.port, work, out) for rank in range(world)]
    left, ended, first = set(pids), {}, 0.0
    while left:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in left:
            left.remove(pid)
            ended[pids.index(pid)], first = status, first or time.monotonic()
        elif first and time.monotonic() - first > 8:  # as torchrun does after 30 seconds
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    said = [(out / f"rank-{rank}.txt").read_text() for rank in range(world)]
    found = {"status": [ended[r] for r in range(world)], "said": said, "pids": pids}
    (out / "job.json").write_text(json.dumps(found))
    return found


def child(rank: int, world: int, port: int, work: Callable[[], int], out: Path) -> int:
    if pid := os.fork():
        return pid
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_PORT": port}
    names |= {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    os.environ.update({k: str(v) for k, v in names.items()} if world > 1 else {"RANK": "0"})
    os.environ["TORCHELASTIC_RESTART_COUNT"] = "0"
    said = os.open(out / f"rank-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    code = 70
    try:
        code = work()
    except SystemExit as error:
        code = error.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(code)


def warm() -> None:
    """Import all that a run imports, once for all children; no thread is started."""
    for name in ("api", "cli.train", "cli.resume", "cli.progress", "recipes.wgan_gp"):
        importlib.import_module(f"gansaku.{name}")
    for name in ("matplotlib.pyplot", "torch.utils.tensorboard", "tyro._backends"):
        importlib.import_module(name)
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    torch.optim.Adam([weight], fused=True).step()


def equal(out: Path) -> None:
    """The state of one, two and four processes after three steps, by recipe, in float64."""
    for world in (1, 2, 4):
        job(world, lambda: play(out), out / f"said-{world}")


def play(out: Path) -> int:
    if "WORLD_SIZE" in os.environ:
        ranks.join(torch.device("cpu"))
    keep(Run(Toy(optimizer=PLAIN, repeat=2), Vectors(), log_every=2), out, "toy")
    torch.set_default_dtype(torch.float64)
    for name, text in EQUAL.items():
        cls = type(config.read(text.replace(".tiny", "()")))
        recipe = cls.tiny() if text.endswith(".tiny") else config.read(text)
        run = Run(recipe, Exact(source_of(name, cls)), seed=3, log_every=1)
        run.nets.double()
        run.averages.copies.double()
        if any(isinstance(m, _BatchNorm) for m in run.nets.modules()):
            for player in run.players:  # Adam would make much of rounding where a bias has no say
                run.optimizers[player.name] = PLAIN(player.parameters())
                run.rates[player.name] = [0.01]
        keep(run, out, name, steps=3)
    return 0


def keep(run: Run, out: Path, name: str, steps: int | None = None) -> None:
    records = []
    run.play([lambda run: records.append(run.record)], steps=steps)
    tensors, header = state.of(run)
    path = out / f"{name}-{ranks.world()}-{ranks.rank()}.safetensors"
    checkpoint.write(path, tensors, header | {"records": records})


def ends(out: Path) -> None:
    """Runs of two processes that end well, or otherwise, and go on with another number."""

    def train(name: str, world: int, after: Callable[[Run], None], *more: str) -> dict:
        words = [*TRAIN, "--out", str(out / name), *more]
        return job(world, lambda: with_trouble(after, words), out / f"said-{name}")

    def resume(name: str, world: int) -> dict:
        words = ["resume", str(out / name)]
        return job(world, lambda: main(words), out / f"said-{name}-again")

    train("whole", 1, lambda run: None)
    train("killed", 2, lambda run: at(run, 7, 1) and os.kill(os.getpid(), signal.SIGKILL))
    resume("killed", 1)
    train("interrupted", 1, lambda run: at(run, 7, 0) and os.kill(os.getpid(), signal.SIGINT))
    resume("interrupted", 2)
    stop = lambda run: at(run, 3, 1) and os.kill(os.getpid(), signal.SIGSTOP)  # noqa: E731
    train("stopped", 2, stop, "--hang_minutes", "0.04")
    train("full", 2, lambda run: at(run, 3, 0) and full())
    train("broken", 2, lambda run: at(run, 3, 0) and run.nope)
    train("taken", 2, lambda run: None, "--out", str(out / "whole"))
    words = [*TRAIN, "--out", str(out / "other"), "--data"]
    other = lambda: main([*words, "ring" if os.environ["RANK"] == "0" else "grid"])  # noqa: E731
    job(2, other, out / "said-other")


def at(run: Run, step: int, rank: int) -> bool:
    return run.steps == step and ranks.rank() == rank


def full() -> None:
    """No file of this process may become as large as a checkpoint."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))


def with_trouble(after: Callable[[Run], None], words: list[str]) -> int:
    """The command line, with something that happens after a step."""
    plain = Run.advance

    def advance(run: Run) -> None:
        plain(run)
        after(run)

    Run.advance = advance
    return main(words)


if __name__ == "__main__":
    warm()
    watchdog.BEAT = 0.3
    {"equal": equal, "ends": ends}[sys.argv[1]](Path(sys.argv[2]))
