"""Numbers with a unit behind them get a name; those whose thing is not told stay as they are."""

from __future__ import annotations

import pytest

from sad_doctor import names
from sad_doctor.readers.naming import in_bytes, scale_of
from sad_doctor.readers.step_line import parse
from sad_doctor.readers.units import told


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("step 1 loss 2 12.3k tok/s", "tokens/s", 12300),
        ("step 1 loss 2 | 1,234.5 tokens/sec", "tokens/s", 1234.5),
        ("step 1 loss 2 | 1.2M tok/s", "tokens/s", 1_200_000),
        ("step 1 loss 2 | 1,234 tokens per second", "tokens/s", 1234),
        ("step 1 loss 2 | 0.5 sec/step", "step_time", 0.5),
        ("step 1 loss 2, 3.4 it/s", "it/s", 3.4),
        ("step 1 loss 2 350ms/step", "step_time_ms", 350),
        ("step 1 loss 2 (0.5 s/it)", "step_time", 0.5),
        ("iter 0: loss 4.2811, time 40236.10ms", "step_time_ms", 40236.10),
        ("step 1 loss 2 dt: 0.35s", "step_time", 0.35),
        ("step 1 loss 2 mem 12.3GB", "gpu_mem_gb", 12.3),
        ("step 1 loss 2 peak mem: 900 MiB", "gpu_mem_mib", 900),
        ("step 1 loss 2 ram mem 3G", "host_mem_gib", 3),
        ("step 1 loss 2 gpu mem: 12.3/79.2 GB", "gpu_mem_gb", 12.3),
        ("step 1 loss 2 | GPU: 12.3GB", "gpu_mem_gb", 12.3),
        ("step 1 loss 2 GPU Memory (GB) : 12.3", "GPU_Memory_GB", 12.3),
        ("step:1 loss:2 train_time:900ms step_avg:123.4ms", "step_time_ms", 123.4),
        ("global_step: 1 | loss: 2 | train_step_timing in s: 1.5", "step_time", 1.5),
    ],
)
def test_a_number_is_read_with_its_unit(line: str, name: str, value: float) -> None:
    found = parse(line)
    assert found is not None
    assert found.values[name] == value
    assert found.values["loss"] in (2, 4.2811)


@pytest.mark.parametrize("line", ["step 1 loss 2 time 350s", "step 1 loss 2 12.1 GiB", "a rate of items/s", "dt 3"])
def test_what_is_measured_must_be_told(line: str) -> None:
    assert told(line) == line


def test_units_of_a_name_scale_its_values() -> None:
    assert scale_of("iter_time_ms", names.STEP_SECONDS) == 1e-3
    assert scale_of("step_time", names.STEP_SECONDS) == 1
    assert scale_of("avg_step_time_ms_mean", names.STEP_SECONDS) == 1e-3
    assert scale_of("stepTimeMs", names.STEP_SECONDS) == 1e-3
    assert in_bytes("mem_gb") == (names.MEMORY_DEVICE, 1e9)
    assert in_bytes("host_mem_gib") == (names.MEMORY, 2.0**30)
    for name in ("gpu/memory_gb", "memory/allocated_gb", "system/gpu.0.memory_gb", "torch/max_memory_allocated_gb"):
        assert in_bytes(name) == (names.MEMORY_DEVICE, 1e9)
    for name in ("mem", "gpu_mem_total_gb", "memory/free_gb", "gpu.1.memory_gb", "disk_gb", "cpu_gb"):
        assert in_bytes(name) is None
    assert in_bytes("perf/memory_bytes") == (names.MEMORY_DEVICE, 1.0)
