"""The doctor's speed beside the fastest parser of JSON and the trackers' own loaders, on the same data, in one run.

    python benchmarks/doctor.py [--records 1000000] [--peers /path/to/python]

Times are processor time of a process of its own, the best of three, in seconds; what is compared is their ratio.
``--peers`` is an interpreter that has tensorboard and wandb. Needs orjson for the first ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO

from bytecode import installed

ROOT = Path(__file__).resolve().parents[1]
TERMS = [f"train/{kind}/{term}" for kind in ("raw", "weighted") for term in ("kd", "lm", "layerwise")]
NAMES = ("train/loss", "train/grad_norm", "train/lr", "train/tokens_per_second", *TERMS)
"""With the step and the time, twelve values a record."""

PARSE = """
import orjson
begin()
with open(path, "rb") as file:
    for line in file:
        orjson.loads(line)
"""
READ = """
from sad_doctor.readers import read
begin()
run = read(path)
"""
JUDGE = """
from sad_doctor.check import check
begin()
check(run)
"""
FOLLOW = """
from sad_doctor.readers import open_log
source = open_log(path)
source.poll(), source.run()
with open(path, "ab", buffering=0) as file:
    begin()
    for step in range(200):
        file.write(b'{"step": %d, "train/loss": 1.5}\\n' % (10**7 + step))
        source.poll(), source.run()
"""
TENSORBOARD = """
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
begin()
found = EventAccumulator(path, size_guidance={"scalars": 0})
found.Reload()
[found.Scalars(tag) for tag in found.Tags()["scalars"]]
"""
WANDB = """
import json, struct
from wandb.proto import wandb_internal_pb2
begin()
data, at, parts, rows = open(path, "rb").read(), 7, b"", []
while at + 7 <= len(data):
    room = 32768 - at % 32768
    if room < 7:
        at += room
        continue
    _, size, kind = struct.unpack_from("<IHB", data, at)
    parts += data[at + 7 : at + 7 + size]
    at += 7 + size
    if kind in (1, 4):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(parts)
        parts = b""
        items = record.history.item
        rows.append({item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items})
"""
FRAME = """
import os, resource, time
def begin():
    global started
    started = time.process_time()
begin()
{body}
took = time.process_time() - started
now = 0.0
if os.path.exists("/proc/self/status"):
    now = next(float(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, now)
"""


def row(step: int, rng: random.Random) -> dict[str, float]:
    return {"step": step, "time": 1.7e9 + step} | {name: 5000 / (step + 5000) + rng.random() for name in NAMES}


def write_lines(path: Path, records: int) -> Path:
    rng = random.Random(0)
    with path.open("w") as file:
        file.writelines(json.dumps(row(step, rng)) + "\n" for step in range(records))
    return path


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def masked(data: bytes) -> int:
    """The checksum of event files: CRC-32C, rotated and shifted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC = _crc_table()


def write_events(path: Path, steps: int) -> Path:
    """An event file as torch's SummaryWriter makes it: one event a scalar."""
    rng = random.Random(0)
    with path.open("wb") as file:
        for step in range(1, steps + 1):
            for name, value in list(row(step, rng).items())[1:]:
                told = message(1, name.encode()) + b"\x15" + struct.pack("<f", value)
                body = b"\x09" + struct.pack("<d", 1.7e9 + step) + b"\x10" + varint(step) + message(5, message(1, told))
                head = struct.pack("<Q", len(body))
                file.write(head + struct.pack("<I", masked(head)) + body + struct.pack("<I", masked(body)))
    return path


def write_wandb(path: Path, steps: int) -> Path:
    """The file of an offline run: the run, a history record a step, the end."""
    rng = random.Random(0)
    with path.open("wb") as file:
        at = file.write(b":W&B\xe1\xbe\x00")
        at = _write_record(file, at, message(17, message(1, b"a") + message(3, b"speed") + message(7, b"a")))
        for step in range(steps):
            values = {f"_{k}" if k == "step" else k: v for k, v in row(step, rng).items()}
            items = [
                message(1, message(2, k.encode()) + message(16, json.dumps(v).encode())) for k, v in values.items()
            ]
            at = _write_record(file, at, b"\x08" + varint(step) + message(2, b"".join(items)))
        _write_record(file, at, message(18, b"\x08\x00"))
    return path


def _write_record(file: BinaryIO, at: int, record: bytes) -> int:
    """Write a record at a place of the file, in pieces where a block of 32 KiB ends; return the place after it."""
    first = True
    while record or first:
        room = 32768 - at % 32768
        if room < 7:
            at += file.write(bytes(room))
            continue
        part, record = record[: room - 7], record[room - 7 :]
        kind = (1 if first else 4) if not record else (2 if first else 3)
        checksum = zlib.crc32(bytes([kind]) + part)
        at += file.write(struct.pack("<IHB", checksum, len(part), kind) + part)
        first = False
    return at


def measure(body: str, path: Path, python: str = sys.executable, **more: str) -> tuple[float, float, float] | None:
    """Return the best processor time of three, the largest memory and that at the end, in seconds and MB."""
    told = FRAME.format(body=f"path = {str(path)!r}\n{body}")
    environment = installed() | {"OMP_NUM_THREADS": "1", "SAD_CACHE": "/dev/null"} | more
    if python == sys.executable:
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    found = []
    for _ in range(3):
        done = subprocess.run([python, "-c", told], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"    left out: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
            return None
        found.append(tuple(map(float, done.stdout.split()[-3:])))
    return min(found)  # type: ignore[return-value]


def told(name: str, ours: tuple[float, float, float] | None, peer: tuple[float, float, float] | None) -> None:
    if ours is not None:
        beside = f"{peer[0]:8.2f} s of the peer, ratio {ours[0] / peer[0]:.2f}" if peer else ""
        print(
            f"{name:44} {ours[0]:8.3f} s, {ours[1]:4.0f} MB at most, {ours[2]:4.0f} MB at the end {beside}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=20_000, help="of the event and .wandb files, twelve values each")
    parser.add_argument("--peers", default="", help="an interpreter with tensorboard and wandb")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        lines, short = write_lines(place / "long.jsonl", given.records), write_lines(place / "short.jsonl", 1000)
        tenth = write_lines(place / "tenth.jsonl", given.records // 10)
        told("JSON lines, opened; peer: orjson", measure(READ, lines), measure(PARSE, lines))
        measure(READ, lines, SAD_CACHE=folder)
        told("JSON lines, opened again", measure(READ, lines, SAD_CACHE=folder), None)
        told("all rules on a tenth of it", measure(READ + JUDGE, tenth), None)
        told("200 new records; peer: of 1000 before", measure(FOLLOW, lines), measure(FOLLOW, short))
        python = given.peers or sys.executable
        events = write_events(place / "events.out.tfevents.1.a", given.steps)
        told("TensorBoard; peer: EventAccumulator", measure(READ, events), measure(TENSORBOARD, events, python))
        run = write_wandb(place / "run-a.wandb", given.steps)
        told(".wandb; peer: W&B's messages", measure(READ, run), measure(WANDB, run, python))
        report = ["-m", "sad_doctor", str(short), "--report"]
        told("--report on 1000; peer: import textual.app", started(report), started(["-c", "import textual.app"]))


def started(arguments: list[str]) -> tuple[float, float, float] | None:
    """Return what :func:`measure` does of a whole process, its start included."""
    body = f"""import subprocess, sys
subprocess.run([sys.executable, *{arguments!r}], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
started -= used.ru_utime + used.ru_stime"""
    return measure(body, ROOT)


if __name__ == "__main__":
    main()
