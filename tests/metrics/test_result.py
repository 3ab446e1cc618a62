"""Results: a figure is its contract, survives its file, and ranks only beside its like."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gansaku.core.errors import UserError
from gansaku.metrics.result import Comparison, Contract, Report, Result, compare


def result(value=1.0, error=0.1, better="smaller", **contract):
    told = Contract(measure=contract.pop("measure", "frechet_distance"), samples=100, **contract)
    return Result(
        title="t", value=value, error=error, better=better, contract=told, seconds=1.0
    )  # fmt: skip


def report(*results):
    return Report({"run": "runs/a", "step": 3}, {"date": "today"}, results)


def test_a_report_survives_its_file(tmp_path):
    first = report(result(settings={"k": 3}), result(error=math.nan, measure="modes", average=True))
    path = first.write(tmp_path / "deep" / "a.json")
    json.loads(path.read_text(), parse_constant=pytest.fail)  # nan is no JSON
    again = Report.read(path)
    assert again.results[0] == first.results[0]
    assert math.isnan(again.results[1].error)
    assert again.results[1].contract == first.results[1].contract


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Contract)])
def test_whatever_differs_in_the_contract_forbids_a_ranking(field):
    other = {"settings": {"k": 9}, "average": True}.get(field, 7 if "samples" in field else "x")
    a, b = result(), result()
    b = dataclasses.replace(b, contract=dataclasses.replace(b.contract, **{field: other}))
    one = Comparison(a, b, tuple(a.contract.differences(b.contract)))
    assert one.verdict == "not comparable"
    assert len(one.differences) == 1


@pytest.mark.parametrize(
    ("a", "b", "better", "verdict"),
    [
        ((1.0, 0.1), (2.0, 0.1), "smaller", "first"),
        ((1.0, 0.1), (2.0, 0.1), "larger", "second"),
        ((1.0, 0.1), (2.0, 0.1), "neither", "differ"),
        ((1.0, 0.6), (2.0, 0.6), "smaller", "equal within the error"),
        ((1.0, 0.0), (1.0, 0.0), "smaller", "equal within the error"),
        ((8.0, math.nan), (7.0, math.nan), "larger", "first"),
    ],
)
def test_who_is_better(a, b, better, verdict):
    pair = compare(report(result(*a, better)), report(result(*b, better)))
    assert [one.verdict for one in pair] == [verdict]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_the_verdict_does_not_depend_on_the_order(a, b, error):
    (there,) = compare(report(result(a, error)), report(result(b, error)))
    (back,) = compare(report(result(b, error)), report(result(a, error)))
    turned = {"first": "second", "second": "first"}
    assert there.verdict == turned.get(back.verdict, back.verdict)


def test_nothing_in_common_is_said():
    with pytest.raises(UserError, match="no measure is in both: the first has frechet_distance"):
        compare(report(result()), report(result(measure="modes")))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"results": [{}]}', '{"results": 3}'])
def test_a_file_that_is_none(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"bad\.json is no result"):
        Report.read(path)


def test_the_interval():
    low, high = result(1.0, 0.5).interval
    assert (low, high) == pytest.approx((1 - 0.98, 1 + 0.98))
    assert "95 % 0.02 to 1.98" in str(result(1.0, 0.5))
    assert "95 %" not in str(result(1.0, math.nan))
