"""``homeapp plan``: problems in, plans out; a file that is none is told in a sentence."""

import json
from pathlib import Path

import pytest

from homeapp import __main__ as program

EV = {
    "cap_kwh": 60.0,
    "soc0_kwh": 20.0,
    "min_kwh": 12.0,
    "max_kwh": 54.0,
    "ch_min_kw": 1.38,
    "ch_max_kw": 7.36,
    "dis_min_kw": 0.0,
    "dis_max_kw": 0.0,
    "eta_c": 1.0,
    "eta_d": 1.0,
    "wear": 0.03,
    "shortfall_penalty": 3.0,
    "v_end": 0.0,
}
PROBLEM = {
    "id": "one",
    "n": 3,
    "dt_h": 1.0,
    "p_imp": [0.3, 0.1, 0.2],
    "p_exp": [0.08, 0.08, 0.08],
    "base_kw": [0.5, 0.5, 0.5],
    "pv_kw": [0.0, 0.0, 0.0],
    "fuse_kw": 17.25,
    "export_max_kw": 10.0,
    "ev": EV,
    "trips": [{"dep": 2, "ret": 3, "need_kwh": 24.0, "use_kwh": 5.0}],
    "dr": [
        {"kind": "limit", "start": 1, "end": 2, "scope": "grid", "kw": 4.0},
        {"kind": "reward", "start": 0, "end": 1, "baseline_kw": 1.0, "cap_kw": 3.0, "eur_per_kwh": 0.1},
    ],
}


def test_plans_of_a_file_are_written_in_its_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.json").write_text(json.dumps([{"problem": PROBLEM, "optimum": 1.0}]))
    assert program.main(["plan", str(tmp_path / "in.json"), str(tmp_path / "out.json")]) == 0
    (answer,) = json.loads((tmp_path / "out.json").read_text())
    assert answer["plan"] == pytest.approx([1.38, 2.62, 0.0], abs=1e-3)
    assert answer["ms"] > 0
    assert "1 plans" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff", "no file of planning problems"),
        (b"{", "no file of planning problems"),
        (b'[{"plan": []}]', "no file of planning problems"),
        (json.dumps([{"problem": {**PROBLEM, "p_imp": [0.1]}}]).encode(), "p_imp has 1 values"),
        (json.dumps([{"problem": {**PROBLEM, "p_imp": [0.1, 1e9, 0.1]}}]).encode(), "no price or power"),
        (json.dumps([{"problem": {**PROBLEM, "n": 0}}]).encode(), "no file of planning problems"),
        (json.dumps([{"problem": {**PROBLEM, "ev": {**EV, "eta_c": 0.0}}}]).encode(), "efficiency"),
        (json.dumps([{"problem": {**PROBLEM, "ev": {**EV, "cap_kwh": -1.0}}}]).encode(), "cap_kwh of the car is -1"),
        (json.dumps([{"problem": {**PROBLEM, "ev": {**EV, "v_end": 1e9}}}]).encode(), "v_end"),
        (json.dumps([{"problem": {**PROBLEM, "trips": PROBLEM["trips"] * 2}}]).encode(), "same slot"),
        (
            json.dumps(
                [{"problem": {**PROBLEM, "trips": [{"dep": 2, "ret": 1, "need_kwh": 1, "use_kwh": 1}]}}]
            ).encode(),
            "begins in slot 2",
        ),
        (
            json.dumps(
                [{"problem": {**PROBLEM, "trips": [{"dep": 2, "ret": 3, "need_kwh": -1, "use_kwh": 1}]}}]
            ).encode(),
            "energy of a trip",
        ),
    ],
)
def test_a_wrong_file_is_told_in_a_sentence(
    content: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.json").write_bytes(content)
    assert program.main(["plan", str(tmp_path / "in.json"), str(tmp_path / "out.json")]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_missing_files_are_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["plan", str(tmp_path / "none.json"), str(tmp_path / "out.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "in.json").write_text("[]")
    assert program.main(["plan", str(tmp_path / "in.json"), str(tmp_path / "none" / "out.json")]) == 1
    assert "cannot be written" in capsys.readouterr().err
