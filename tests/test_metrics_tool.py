"""What the measurement of the figures' cost tells, and its status."""

from __future__ import annotations

import pytest

from benchmarks import metrics
from benchmarks.scenarios import SCENARIOS, Run


@pytest.mark.parametrize(("with_figures", "status"), [(98.0, 0), (90.0, 1)])
def test_a_figure_beyond_the_bar_makes_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], with_figures: float, status: int
) -> None:
    def pair(key: str, *_: object, first: bool) -> tuple[Run, Run]:
        names = [figure.name for figure in (*SCENARIOS[key].figures, metrics.COST)]
        return dict.fromkeys(names, 100.0), dict.fromkeys(names, 100.0) | {"rate": with_figures}

    monkeypatch.setattr(metrics, "pair", pair)
    monkeypatch.setattr(metrics, "load_generator", lambda directory: directory)
    monkeypatch.setattr("sys.argv", ["metrics", "--only", "A", "--rounds", "2"])
    assert metrics.main() == status
    assert ("BEYOND" in capsys.readouterr().out) is bool(status)
