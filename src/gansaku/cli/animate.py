"""`gansaku animate RUN`: a film of one picture, by a random walk through its noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.one_picture import open_engine, place, starts_of
from gansaku.cli.show import escape, say
from gansaku.core.errors import UserError


@dataclass(frozen=True)
class Args:
    """Let the one picture that a run learned move: a film for each start scale and each beta.

    Examples:
      gansaku animate runs/singan-lightning
      gansaku animate runs/singan-lightning --start-scale 0,1,2 --beta 0.8,0.9 --out film.mp4

    The run is best trained for it, with noise that reaches over the edges:
      gansaku train singan --data lightning.png --min_size 20 --noise_over True
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """a run of one picture"""
    start_scale: Annotated[str, tyro.conf.arg(metavar="INT,...")] = "0"
    """scales below it stand still: 0 moves all, higher ones only details; the paper has 0,1,2"""
    alpha: float = 0.1
    """how much each frame returns to the picture"""
    beta: Annotated[str, tyro.conf.arg(metavar="FLOAT,...")] = "0.9"
    """how much of the movement goes on: near 1 is smooth; the paper has 0.8,0.85,0.9,0.95"""
    frames: int = 100
    """of each film"""
    fps: float = 10.0
    """frames a second"""
    seed: int = 0
    """another seed, another walk"""
    out: Annotated[str | None, may(metavar="FILE|DIR")] = None
    """.webp, .gif, .mp4 (with ffmpeg or imageio-ffmpeg), or a folder; none: a .webp in the run"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "animate")
    betas = _betas(args.beta)
    if args.fps <= 0:
        raise UserError(f"--fps must be above 0, not {args.fps:g}")
    from gansaku.tools.animating import animate
    from gansaku.tools.engines import PyramidEngine
    from gansaku.tools.film import check_film, save_film

    engine = open_engine(args.run, "run", args.checkpoint, args.device)
    assert isinstance(engine, PyramidEngine)
    path = place(args.run, args.out, "animation", ".webp")
    check_film(path)
    cases = [(k, beta) for k in starts_of(args.start_scale, engine, 0) for beta in betas]
    for k, beta in cases:
        given = {"frames": args.frames, "alpha": args.alpha, "beta": beta, "seed": args.seed}
        made = animate(engine.model, k, **given)
        more = f"-scale{k}-beta{beta:g}" if len(cases) > 1 else ""
        film = path.with_name(f"{path.stem}{more}{path.suffix}")
        try:
            say(f"scale {k}, beta {beta:g}: [b]{escape(str(save_film(made, film, args.fps)))}[/]")
        except (OSError, ValueError) as error:
            raise UserError(f"cannot write {film}: {error}") from error


def _betas(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--beta is a number, or numbers with commas, not {text!r}") from None
