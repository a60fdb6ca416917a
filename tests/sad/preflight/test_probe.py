from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from sad import tiny
from sad.preflight import probe
from sad.recipe import schema as recipes


def test_the_process_measures_two_rising_sizes_and_prints_nothing_else(pair_folder) -> None:
    tree = {
        "teacher": {"model": str(pair_folder / "teacher")},
        "student": {"model": str(pair_folder / "student")},
        "data": {"text": str(pair_folder / "text.txt"), "held_out": 0.2, "max_length": 32},
        "train": {"batch_size": 8, "device": "cpu", "precision": "fp32", "accumulation": 2},
    }
    done = subprocess.run(
        [sys.executable, "-m", "sad.preflight.probe"],
        input=json.dumps(recipes.parse(tree, "test").model_dump(mode="json", exclude_none=True)) + "\ngo\n",
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    found = json.loads(done.stdout)
    small, large = found["sizes"]
    assert small["tokens"] < large["tokens"] <= 8 * 32
    assert found["baseline"] > 50e6
    assert large["peak"] >= small["peak"] * 0.98 > found["baseline"]
    assert large["evaluation_peak"] >= small["evaluation_peak"] * 0.98 > found["baseline"]
    assert large["seconds"] > 0
    assert found["loading"] > 0


@pytest.mark.parametrize("fits", [2, 0])
def test_sizes_that_do_not_fit_are_cut_and_none_is_empty(pair_folder, monkeypatch, fits) -> None:
    tree = {
        "teacher": {"model": str(pair_folder / "teacher")},
        "student": {"model": str(pair_folder / "student")},
        "data": {"text": str(pair_folder / "text.txt"), "held_out": 0.2, "max_length": 32},
        "train": {"batch_size": 8, "device": "cpu", "precision": "fp32"},
    }
    seen, kept = [], probe._at_sizes

    def full(plan, learner, wanted):
        seen.append([len(some) for some in wanted])
        if len(wanted[-1]) > fits:
            raise torch.OutOfMemoryError
        return kept(plan, learner, wanted)

    monkeypatch.setattr(probe, "_at_sizes", full)
    found = probe._measured(recipes.parse(tree, "test"), lambda: "go")
    assert seen == [[2, 8], [1, 2]]
    assert len(found["sizes"]) == (2 if fits else 0)
    assert found["out_of_memory"] == (8 if fits else 2)


def test_sizes_are_cut_where_whole_windows_would_take_long(monkeypatch) -> None:
    plan = tiny.plan({"train": {"batch_size": 8}})
    small, large = probe.sizes(plan)
    assert probe.APART * len(small) == len(large) == 8
    monkeypatch.setattr(probe, "SMALL", 20)
    small, large = probe.sizes(plan)
    assert len(small) == len(large) == 1
    assert len(small[0].student) < len(large[0].student) <= 21


def test_a_peak_is_seen_and_forgotten() -> None:
    probe.start_again()
    before = probe.peak()
    held = np.ones(25_000_000)
    assert probe.peak() - before > 150e6
    del held
    probe.start_again()
    assert probe.peak() - before < 150e6
    assert abs(probe.resident() - probe.peak()) < 100e6
