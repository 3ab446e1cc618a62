"""Flags: from dataclasses by tyro, or from the catalogue's reading of a class's source text."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import io
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import tyro

from gansaku.core.choices import SILENT
from gansaku.core.errors import UserError, nearest
from gansaku.core.source import PACKAGE, Field, Source

_UNSAID = "\0"  # None is a text that can be said
may = functools.partial(tyro.conf.arg, help_behavior_hint="")  # what need not be said


def parse(kind: type, argv: Sequence[str], command: str, extra: Iterable[str] = ()) -> Any:
    """An instance of a dataclass whose docstring is the help; an unknown flag names the nearest.

    `extra` are further flags that the command reads itself, for the nearest name.
    """
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            parsed, rest = tyro.cli(
                kind,
                prog=f"gansaku {command}",
                description=inspect.cleandoc(kind.__doc__ or ""),
                args=list(argv),
                use_underscores=True,
                return_unknown_args=True,
            )
    except SystemExit as end:
        if not end.code:
            raise
        raise UserError(sentence(box.getvalue(), command)) from end
    if rest:
        raise unknown(rest[0], command, [*names(kind), *extra], argv)
    return parsed


def sentence(box: str, command: str) -> str:
    """What tyro draws a box around, as a sentence."""
    lines = [line.strip(" │╭╰╮╯─|+") for line in box.splitlines()]
    first, *more = [line for line in lines if line.strip("-")][1:] or ["these words make no sense"]
    if first.startswith("Missing from"):
        about, _, _ = " ".join(more[1:]).partition(" (required)")  # it may have several lines
        first = f"gansaku {command} needs {more[0]}: {about}"
    return f"{first.removesuffix('.')}. See gansaku {command} --help"


def unknown(word: str, command: str, flags: Iterable[str], argv: Sequence[str]) -> UserError:
    if not word.startswith("-"):
        where = _after_a_switch(word, argv)
        return UserError(f"{word!r} is out of place {where}: see gansaku {command} --help")
    flag = word.split("=")[0]
    near = nearest(flag.lstrip("-").replace("-", "_"), flags).replace("'", "--", 1).replace("'", "")
    return UserError(
        f"gansaku {command} has no option {flag}{near or '.'} See gansaku {command} --help"
    )


def _after_a_switch(word: str, argv: Sequence[str]) -> str:
    before = list(argv[: list(argv).index(word)])[-2:]
    switch = len(before) == 2 and before[0].startswith("--") and _truth(before[1:])
    return f"after {before[0]}, which takes True, False or nothing" if switch else "there"


def names(kind: type) -> list[str]:
    """The flags of a dataclass, without dashes; those of nested ones too."""
    found = []
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        inner, *marks = typing.get_args(hint) or (hint,)
        if dataclasses.is_dataclass(inner):
            found += names(inner)
        elif tyro.conf.Positional not in marks:
            found.append(name.rstrip("_"))
    return found


def options(chosen: Sequence[str] | None = None) -> tuple[Field, ...]:
    """The run's options, as the source of gansaku.options says them; all, or those named."""
    source = Source.read(PACKAGE / "options.py")
    found = source.fields(source.classes["Options"])
    return tuple(found[n] for n in (found if chosen is None else chosen) if n not in SILENT)


def kind(doc: str, positional: Mapping[str, str], groups: Mapping[str, Iterable[Field]]) -> type:
    """A dataclass for `parse`: required texts, and groups of texts of which none must be given."""
    places = [
        (name, Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar=name.upper(), help=line)])
        for name, line in positional.items()
    ]
    nests = []
    for name, fields in groups.items():
        texts = [(field.name, _annotation(field), _UNSAID) for field in fields]
        group = dataclasses.make_dataclass(name, texts, frozen=True)
        group.__doc__ = ""
        nest = Annotated[group, tyro.conf.OmitArgPrefixes]  # ty: ignore[invalid-type-form]
        nests.append((name, nest, dataclasses.field(default_factory=group)))
    made = dataclasses.make_dataclass("Args", [*places, *nests])
    made.__doc__ = doc
    return made


def doc(field: Field) -> str:
    """What a field is, with its unit where that is not said already."""
    unit = field.unit and f"in {field.unit}" not in field.doc
    return f"{field.doc} [{field.unit}]" if unit else field.doc


def type_of(field: Field) -> str:
    """A field's type in few words: a tuple is what it holds, `None` goes without saying."""
    text = re.sub(r"Callable\[.*\], \w+\]", "Callable", field.type)
    text = re.sub(r"tuple\[([^\]]*)\]", r"\1", text).replace(", ", ",")
    return "True | False" if text == "bool" else text.replace(" | None", "")


def said(values: Any) -> dict[str, str]:
    """What the command line said, by name."""
    return {name: text for name, text in vars(values).items() if text != _UNSAID}


def chosen(given: Mapping[str, str], **more: type) -> dict[str, Any]:
    """Texts as the values that the run's options want; `more` are options of other types."""
    from gansaku.core import config
    from gansaku.options import Options

    extra = [(name, kind, dataclasses.field(default=None)) for name, kind in more.items()]
    kind = dataclasses.make_dataclass("Options", extra, bases=(Options,), frozen=True, kw_only=True)
    try:
        changed = config.override(kind(), given)
    except UserError as error:
        raise UserError("--" + str(error).replace(" of Options", "")) from error
    return {name: getattr(changed, name) for name in given}


ALONE = {"remedy": "Remedy()"}  # what a flag means that no value follows


def switches(argv: Sequence[str], fields: Iterable[Field]) -> list[str]:
    """`--flip` is `--flip True`, `--no_flip` is `--flip False`, `--remedy` is that of `ALONE`."""
    binary = {field.name for field in fields if field.type == "bool"}
    made: list[str] = []
    for i, word in enumerate(argv):
        name = word.removeprefix("--").replace("-", "_")
        off = name.removeprefix("no_")
        if word.startswith("--") and off in binary and name != off:
            made += [f"--{off}", "False"]
        elif word.startswith("--") and name in binary and not _truth(argv[i + 1 : i + 2]):
            made += [f"--{name}", "True"]
        elif word.startswith("--") and name in ALONE and _bare(argv[i + 1 : i + 2]):
            made += [f"--{name}", ALONE[name]]
        else:
            made.append(word)
    return made


def nested(argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The words without `--d_optimizer.lr 1e-4` and its like, and those by name."""
    rest, found, words = [], {}, list(argv)
    while words:
        word = words.pop(0)
        name, equals, text = word.removeprefix("--").partition("=")
        if word.startswith("--") and "." in name and "(" not in name:
            if not equals and not words:
                raise UserError(f"{word} needs a value")
            found[name.replace("-", "_")] = text if equals else words.pop(0)
        else:
            rest.append(word)
    return rest, found


def _bare(words: Sequence[str]) -> bool:
    return not words or words[0].startswith("--")


def _truth(words: Sequence[str]) -> bool:
    return bool(words) and words[0] in ("True", "False")


def _annotation(field: Field) -> Any:
    told = "" if field.default == "None" else f"(default: {field.default})"
    hint = told if field.default else "(required)"
    about = tyro.conf.arg(metavar=type_of(field), help=doc(field), help_behavior_hint=hint)
    return Annotated[str, about]
