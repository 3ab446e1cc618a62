"""Checkpoints: whole or not there at all, and damage is named."""

from __future__ import annotations

import os
import subprocess

import pytest
import torch

from gansaku.core import checkpoint
from gansaku.core.errors import CheckpointError

TENSORS = {
    "nets/a": torch.arange(6.0).view(2, 3),
    "nets/flag": torch.tensor(True),
    "count": torch.tensor(5),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "empty": torch.zeros(0, 2),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "step-00000001.safetensors"
    checkpoint.write(path, TENSORS, {"recipe": "Toy()", "time": {"step": 1}})
    return path


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte, where the tests may mount one."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(where)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system here")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def test_what_is_written_is_read(path):
    tensors, header = checkpoint.read(path)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[k], TENSORS[k]) for k in TENSORS)
    assert all(tensors[k].dtype == TENSORS[k].dtype for k in TENSORS)
    assert (header["recipe"], header["time"]) == ("Toy()", {"step": 1})


def test_every_flipped_byte_is_noticed(path):
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        bad = bytearray(data)
        bad[place] ^= 0x10
        path.write_bytes(bad)
        with pytest.raises(CheckpointError, match=r"damaged|no checkpoint"):
            checkpoint.read(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_cut_file_is_refused(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.read(path)


def test_a_changed_tensor_is_named(path):
    data = bytearray(path.read_bytes())
    data[data.rindex(torch.tensor(4.0).numpy().tobytes())] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="the bytes of nets/a have changed"):
        checkpoint.read(path)


def test_a_stranger_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"w": torch.ones(1)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="no checkpoint of Gansaku"):
        checkpoint.read(tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        checkpoint.read(tmp_path / "none.safetensors")


def test_damaged_last_ones_are_passed_over(path):
    later = path.with_name("step-00000002.safetensors")
    later.write_bytes(path.read_bytes()[:-9])
    said = []
    assert checkpoint.newest_good(path.parent, said.append) == path
    assert "step-00000002" in said[0]
    path.unlink()
    with pytest.raises(CheckpointError, match="1 damaged ones"):
        checkpoint.newest_good(path.parent)


def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch):
    old = path.read_bytes()

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(CheckpointError, match="the disk is full"):
        checkpoint.write(path, {"a": torch.zeros(3)}, {})
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk(small_disk):
    path = small_disk / "step-00000001.safetensors"
    checkpoint.write(path, TENSORS, {"recipe": "Toy()"})
    with pytest.raises(CheckpointError, match="the disk is full"):
        checkpoint.write(small_disk / "step-00000002.safetensors", {"a": torch.zeros(10**6)}, {})
    assert checkpoint.newest_good(small_disk) == path
    assert [p.name for p in small_disk.iterdir()] == [path.name]


def test_a_read_only_folder(small_disk):
    path = small_disk / "step-00000001.safetensors"
    checkpoint.write(path, TENSORS, {"recipe": "Toy()"})
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(CheckpointError, match="Read-only file system"):
        checkpoint.write(small_disk / "step-00000002.safetensors", TENSORS, {})
    assert checkpoint.newest_good(small_disk) == path
