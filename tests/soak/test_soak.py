"""The soak's own judgement: a leak told from noise, and who is to blame for an error."""

from __future__ import annotations

import random

import pytest

from tests.soak.leak import Sample, growth
from tests.soak.ledger import GRACE_S, NONE, PROVIDER, Ledger, Operation


def used(per_operation: float, *, samples: int = 40, noise: int = 20_000) -> list[Sample]:
    """A process that keeps so much of each operation, looked at each 25 of them."""
    dice = random.Random(3)
    return [
        Sample(25 * n, int(50e6 + per_operation * 25 * n + dice.randint(-noise, noise)))
        for n in range(samples)
    ]


@pytest.mark.parametrize(("kept_bytes", "leaks"), [(0, False), (100, False), (1024, True), (400, True)])
def test_a_leak_is_told_from_noise(kept_bytes: int, leaks: bool) -> None:
    """A kibibyte of each operation is found among swings of 40 KB; less than 200 bytes is none."""
    found = growth(used(kept_bytes))
    assert found is not None
    assert found.leaks is leaks
    assert found.enough


def test_a_buffer_that_fills_once_is_no_leak() -> None:
    """A step in the middle makes neighbours alike, and so the verdict careful."""
    samples = [Sample(25 * n, 50_000_000 + (300_000 if n > 20 else 0)) for n in range(40)]
    found = growth(samples)
    assert found is not None
    assert not found.leaks


def test_too_few_samples_give_no_verdict() -> None:
    """A line through three points proves nothing."""
    assert growth(used(5000, samples=3)) is None


def test_who_is_to_blame() -> None:
    """An error is excused by a fault of its scene that explains it, while that lasts and 30 s longer."""
    ledger = Ledger()
    with ledger.fault("alone", "provider answers 500", PROVIDER):
        pass
    ended = ledger.faults[0].ended

    def error(code: str, after_s: float, scene: str = "alone") -> bool:
        made = Operation(scene, "answer", ended + after_s, ended + after_s + 1, code)
        return ledger.excused(made) is not None

    assert error("network", 1)
    assert error("circuit_open", GRACE_S - 1)
    assert not error("network", GRACE_S + 1)  # too late
    assert not error("network", 1, "pair")  # nothing broke there
    assert not error("storage", 1)  # not what broke
    assert not error("bug", 1)
    with ledger.fault("alone", "Redis killed -9", NONE):
        pass
    assert not error("storage", 1)  # nobody may notice that Redis went
