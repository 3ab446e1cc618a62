"""A profile tells where a step's time goes, adds up to the whole, and changes nothing."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from toys import Toy, Vectors

from gansaku.core.folder import Folder
from gansaku.core.loop import Run
from gansaku.core.optim import Adam
from gansaku.core.profiling import Facts, Profile, facts, suggestions, summary, unheard
from gansaku.core.spans import named, span
from gansaku.core.tally import Tally, family, placements, tally

STEPS = 20


class Slow(Vectors):
    """Decodes for longer than a step takes."""

    def batch(self, *args, **kwargs):
        time.sleep(0.02)
        return super().batch(*args, **kwargs)


def profiled(folder, source=None, recipe=None, steps=STEPS, **options):
    """The run, and what was said of it."""
    said = []
    run = Run(recipe or Toy(steps=steps), source or Vectors(), seed=1, **options)
    watch = Profile(Folder(folder), said.append)
    run.play([watch])
    watch.close()
    return run, said


def under(make):
    with unheard(), profile(activities=[ProfilerActivity.CPU]) as seen:
        make()
    return seen.events()


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}])
def test_a_profile_changes_no_parameter_and_leaves_a_whole_trace(tmp_path, options):
    plain = Run(Toy(steps=STEPS), Vectors(), seed=1, **options)
    plain.play()
    run, (text,) = profiled(tmp_path, **options)
    for a, b in zip(plain.nets.parameters(), run.nets.parameters(), strict=True):
        assert torch.equal(a, b)
    with gzip.open(tmp_path / "trace.json.gz") as trace:
        names = {event.get("name") for event in json.load(trace)["traceEvents"]}
    assert {"gansaku/D/forward", "gansaku/G/backward", "gansaku//averages", "aten::addmm"} <= names
    assert {path.name for path in tmp_path.iterdir()} == {"trace.json.gz", "log.txt"}
    lines = text.splitlines()
    assert len(lines) <= 10
    assert {line.split()[0] for line in lines[1:3]} == {"D", "G"}
    assert [line.split()[1] for line in lines[3:6]] == ["rest", "operation:", "costliest:"]
    assert "in 4 steps to 13, batch 8" in lines[0]


def test_shares_add_up_to_the_step():
    run = Run(Toy(steps=STEPS), Vectors(), seed=1)
    found = tally(under(lambda: run.play(steps=6)))
    assert found.steps == 5  # the first is left out
    assert sum(found.parts.values()) == pytest.approx(1, abs=0.01)
    assert sum(found.families.values()) == pytest.approx(1, abs=0.01)
    assert found.players() in (["D", "G"], ["G", "D"])
    assert {"forward", "backward", "optimizer"} <= {w for who, w in found.parts if who == "G"}
    assert found.families["optimizer"] > 0


def test_the_backward_pass_of_a_penalty_is_the_penaltys():
    critic, wide = nn.Linear(4, 1), nn.Linear(6, 6)
    x = torch.randn(6, 6)

    def step(penalised):
        with span("step"):
            with span("forward", "D"):
                loss = critic(x[:, :4]).sum()
                with span("penalties") if penalised else contextlib.nullcontext():
                    loss = loss + wide(x).square().sum()
            with span("backward", "D"):
                loss.backward()

    for penalised, place in ((True, ("D", "penalties")), (False, ("D", "backward"))):
        events = under(lambda penalised=penalised: step(penalised))
        steps = [event for event in events if named(event.name) == ("", "step")]
        found = [(where, event.name) for where, event in placements(events, steps)]
        assert (place, "PowBackward0") in found  # of the square
        assert (("D", "backward"), "SumBackward0") in found  # of the loss outside the penalty
        assert {where for where, name in found if name == "PowBackward0"} == {place}


def test_slow_data_is_named_with_its_remedy(tmp_path):
    _, (text,) = profiled(tmp_path, Slow())
    assert "to try: data takes" in text.splitlines()[-1]
    assert "--workers" in text


def test_an_optimizer_that_is_not_fused_is_named():
    slow = lambda params: torch.optim.Adam(params, lr=0.01, foreach=False)  # noqa: E731
    of = [facts(Run(Toy(optimizer=o), Vectors()), "game", 0.1, "") for o in (slow, Adam(0.01))]
    found = Tally(4, 0.1)
    found.parts[("D", "optimizer")] = 0.3
    assert "optimizers take 30 % and that of D, G is not fused" in suggestions(found, of[0])[0]
    assert suggestions(found, of[1]) == []


def known(**changes):
    usual = {"stage": "s", "stages": 1, "step": 9, "batch_size": 4, "device": "cpu"}
    usual |= {"precision": "fp32", "pace": 0.1, "unfused": (), "memory": "1 GB"}
    return Facts(**{**usual, **changes})


def test_suggestions_need_a_cause(tmp_path):
    found = Tally(4, 0.1, busy=0.9)
    assert suggestions(found, known()) == []
    assert "bf16" in suggestions(found, known(device="cuda"))[0]
    assert "stages" in suggestions(found, known(stages=3))[0]
    found.families["convolution"] = 0.7
    assert suggestions(found, known()) == []
    assert "--precision bf16" in suggestions(found, known(halves=True))[0]
    assert suggestions(found, known(halves=True, precision="bf16")) == []
    found.families.clear()
    found.parts[("", "ranks")] = 0.4
    assert "wait for one another 40 % of the time" in suggestions(found, known())[0]
    found.parts.clear()
    found.parts.update({(who, "forward"): 0.2 for who in ("A", "B", "C", "D", "E")})
    lines = summary(found, known(stages=2), tmp_path)
    assert "others" in lines[4]
    assert "40 %" in lines[4]
    assert len(lines) <= 10


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_short_runs_are_profiled_or_say_why_not(tmp_path, steps):
    run, (text,) = profiled(tmp_path, steps=steps)
    assert run.over
    assert ("the run ended" in text) == (steps == 1)
    assert not torch.autograd.profiler._is_profiler_enabled


def test_a_run_that_is_stopped_leaves_no_profiler_behind(tmp_path):
    said = []
    watch = Profile(Folder(tmp_path), said.append)
    run = Run(Toy(steps=STEPS), Vectors(), seed=1)
    run.play([watch, lambda run: run.steps == 10])
    assert torch.autograd.profiler._is_profiler_enabled
    watch.close()
    assert not torch.autograd.profiler._is_profiler_enabled
    assert said == ["the run ended before a step could be profiled: train a few steps more"]


def test_spans_are_nothing_where_nobody_looks():
    assert span("data") is span("forward", "D")
    assert named("gansaku/D/forward") == ("D", "forward")
    assert named("gansaku//data") == ("", "data")
    assert named("aten::add") is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::convolution_backward", "convolution"),
        ("aten::addmm", "matmul"),
        ("aten::native_batch_norm_backward", "normalisation"),
        ("aten::_fused_adam_", "optimizer"),
        ("aten::upsample_nearest2d", "resampling"),
        ("aten::randn", "noise"),
        ("aten::_to_copy", "copies"),
        ("aten::constant_pad_nd", "copies"),
        ("aten::sum", "reductions"),
        ("aten::linalg_vector_norm", "reductions"),
        ("aten::tanh", "elementwise"),
        ("c10d::allreduce_", "communication"),
        ("autograd::engine::evaluate_function: ConvolutionBackward0", "between operations"),
        ("gansaku/D/forward", "between operations"),
    ],
)
def test_families(name, kind):
    assert family(name) == kind


def made(name, start, end, *, thread=1, kernel=0.0, sequence=-1, children=()):
    """An event as torch.profiler gives it, on a device that is not here."""
    time_range = SimpleNamespace(start=start, end=end, elapsed_us=lambda: end - start)
    event = SimpleNamespace(
        name=name, time_range=time_range, thread=thread, scope=0, sequence_nr=sequence,
        self_cpu_time_total=1.0, self_device_time_total=kernel, device_type="DeviceType.CPU",
        cpu_parent=None, cpu_children=list(children),
    )  # fmt: skip
    for child in children:
        child.cpu_parent = event
    return event, *(c for child in children for c in [child])


def test_kernels_of_a_devices_own_backward_thread_are_the_turns():
    """By structure: on a GPU the backward pass runs in a thread beside, and the kernels count."""
    data = made("gansaku//data", 0, 40)[0]
    op = made("aten::convolution", 41, 42, kernel=30.0, sequence=7)[0]
    forward = made("gansaku/D/forward", 40, 50, children=[op])[0]
    backward = made("gansaku/D/backward", 50, 90)[0]
    step = made("gansaku//step", 0, 100, children=[data, forward, backward])[0]
    kernel = made("aten::convolution_backward", 60, 61, thread=2, kernel=30.0)[0]
    found = tally([step, data, forward, op, backward, kernel], on_device=True)
    assert found.busy == pytest.approx(0.6)
    assert found.parts[("D", "forward")] == found.parts[("D", "backward")] == 0.5
    assert found.parts[("", "data")] == 0.4
    assert found.families["convolution"] == 1.0
