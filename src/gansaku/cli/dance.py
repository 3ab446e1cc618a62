"""`gansaku dance RUN --pose CLIP`: a person whom a run has learned dances what another danced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, grid, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from gansaku.tools.dance import Dance

FORMATS = ("webp", "gif", "mp4")


@dataclass(frozen=True)
class Args:
    """The person of a run dances another's key points: frames, and a film of them.

    Examples:
      gansaku dance runs/everybody_dance-puppet --pose partner
      gansaku dance runs/everybody_dance-ann --pose bob/ --side-by-side --format mp4

    The clip is a folder with keypoints/ (OpenPose's BODY_25, a JSON a frame), or keypoints.json
    (all frames, OpenPose's or COCO's); with frames/ beside it the size of its frames is known.
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder, trained with everybody_dance"""
    pose: Annotated[str, tyro.conf.arg(metavar="CLIP")]
    """whose dance: a clip's folder, its key points, or a built-in puppet: puppet, partner"""
    out: Annotated[str | None, may(metavar="DIR")] = None
    """where to; none: dances/CLIP in the run"""
    fps: float = 25.0
    """frames a second"""
    n: Annotated[int | None, may(aliases=["-n"], metavar="INT")] = None
    """at most so many frames; none: all"""
    normalise: bool = True
    """move and scale the dancer to where the run's person stands"""
    side_by_side: bool = False
    """the dancer's frames and figures beside what is painted"""
    format: Annotated[str, tyro.conf.arg(metavar="webp|gif|mp4")] = "webp"
    """of the film; mp4 needs ffmpeg"""
    frame: Annotated[str | None, may(metavar="HEIGHT,WIDTH")] = None
    """pixels of the frames, where key points come alone"""
    seed: int = 0
    """of what noise there is"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "dance")
    check(args)
    import torch

    from gansaku.model import load
    from gansaku.tools.dance import figures_of, painted, save_dance
    from gansaku.tools.film import check_film

    film = f"dance.{args.format}"
    check_film(Path(film))
    model = load(args.run, args.checkpoint, args.device)
    how = {"normalise": args.normalise, "frame": size_of(args.frame), "most": args.n}
    asked = figures_of(model, args.pose, beside=args.side_by_side, **how)
    frames = torch.cat(list(painted(model, asked.figures, asked.faces, args.seed)))
    out = Path(args.out or model.folder / "dances" / Path(args.pose).resolve().stem)
    beside = asked if args.side_by_side else None
    try:
        made = save_dance(frames, beside, out, film, args.fps)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write to {out}: {error}") from error
    tell(asked, len(frames), model.steps, out, made)


def check(args: Args) -> None:
    """Raise UserError for numbers that make no film."""
    if args.format not in FORMATS:
        raise UserError(f"--format is one of {', '.join(FORMATS)}, not {args.format!r}")
    if not args.fps > 0:
        raise UserError(f"--fps must be above 0, not {args.fps:g}")
    if args.n is not None and args.n < 1:
        raise UserError(f"-n must be at least 1, not {args.n}")


def size_of(text: str | None) -> tuple[int, int] | None:
    """`1080,1920` as (height, width)."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() and int(part) for part in parts):
        raise UserError(f"--frame is HEIGHT,WIDTH in pixels, as in 1080,1920, not {text!r}")
    return int(parts[0]), int(parts[1])


def tell(asked: Dance, count: int, steps: int, out: Path, film: Path) -> None:
    """What was made, and what was done to the key points."""
    rows = [
        ("frames", f"{count}, in {escape(str(out / 'frames'))}"),
        ("film", f"[b]{escape(str(film))}[/]"),
        ("by", f"step {steps}"),
        *(("note", escape(note)) for note in asked.notes),
    ]
    say(grid(rows, indent=0))
