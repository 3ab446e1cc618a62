"""Exact flags: what to change in this recipe, from its present value."""

from __future__ import annotations

from gansaku.doctor.history import History


def scaled(history: History, field: str, factor: float, otherwise: str = "") -> str:
    """`--d_optimizer.lr 2e-05`, a factor times what it is; `otherwise` where there is none."""
    now = history.settings.get(field)
    if not isinstance(now, int | float) or isinstance(now, bool) or now <= 0:
        return otherwise
    then = now * factor
    whole = isinstance(now, int) and then >= 1
    return f"--{field} {round(then) if whole else f'{then:.2g}'} (it is {now:g})"


def rate(history: History, player: str, factor: float) -> str:
    """The learning rate of a player; the word for it where the recipe has no such field."""
    word = f"{factor:g} times the learning rate of {player}"
    return scaled(history, f"{player.lower()}_optimizer.lr", factor, word)


def penalised(history: History, factor: float, new: str) -> str:
    """The first penalty made stronger or weaker, or a new one where there is none."""
    found = history.settings.penalties()
    if not found:
        return f"--penalties '{new}'"
    texts = []
    for penalty in found:
        values = {k: v for k, v in penalty.values.items() if isinstance(v, int | float)}
        name = next((n for n in ("weight", "gamma", "0") if n in values), None)
        if name:
            values[name] = float(f"{values[name] * factor:.3g}")
        inner = ", ".join(f"{v:g}" if k == "0" else f"{k}={v:g}" for k, v in values.items())
        texts.append(f"{penalty.name}({inner})")
    return f"--penalties '{', '.join(texts)}'"


def option(history: History, name: str, value: str, otherwise: str = "") -> str:
    """A field of the recipe with what it is now; `otherwise` where it has no such field."""
    now = history.settings.get(name)
    if now is None and name not in history.settings.recipe.values:
        return otherwise
    shown = f"{now:g}" if isinstance(now, int | float) and not isinstance(now, bool) else now
    told = getattr(now, "name", shown)
    return f"--{name} {value} (it is {told})"


def flipped(history: History) -> str:
    """Mirrored pictures, where there are none yet."""
    mirrors = history.option.get("flip") or history.settings.get("mirror")
    return "" if mirrors else "--flip True"


def either(*remedies: str) -> str:
    """Those that there are, the best first."""
    return "; or ".join(dict.fromkeys(r for r in remedies if r))
