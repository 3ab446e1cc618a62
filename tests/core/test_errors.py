"""Errors name what is near."""

from gansaku.core.errors import CheckpointError, DataError, Diverged, UserError, nearest


def test_nearest_name():
    assert nearest("widht", ["width", "steps"]) == "; did you mean 'width'?"
    assert nearest("dcgan", ["DCGAN", "WGAN"]) == "; did you mean 'DCGAN'?"
    assert nearest("Adma", ["ADA", "Adam"]) == "; did you mean 'Adam'?"
    assert nearest("xyzzy", ["width", "steps"]) == ""
    assert nearest("width", []) == ""


def test_every_error_is_for_the_user():
    assert all(issubclass(kind, UserError) for kind in (CheckpointError, DataError, Diverged))
