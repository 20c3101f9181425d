"""Reads of another kind than the caller is made for are told."""

import numpy as np
import pytest

from aftercar.contracts.reads import AlignedReads
from aftercar.sequencing.read_checks import read_checks

MATCHED, INSERTED, DELETED = 0, 1, 2  # SAM: M, I, D


def reads_of(length, indels, number=200):
    """Reads of one length; each has matches, and between them as many indels of one base."""
    operations = [(MATCHED, length - indels * 5)]
    for i in range(indels):
        operations += [(INSERTED if i % 2 else DELETED, 1), (MATCHED, 5 - i % 2)]
    bases = sum(size for kind, size in operations if kind != DELETED)
    none = np.full(number, -1)
    return AlignedReads(
        start=np.arange(number), flag=np.zeros(number, dtype=np.int64),
        fragment=np.arange(number), base=np.full(number * bases, ord("A"), dtype=np.uint8),
        quality=np.full(number * bases, 37, dtype=np.uint8),
        base_offset=np.arange(number + 1) * bases,
        op=np.array([kind for kind, _ in operations] * number, dtype=np.uint8),
        op_length=np.array([size for _, size in operations] * number),
        op_offset=np.arange(number + 1) * len(operations), cell=none, molecule=none, dropped={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("length", "indels", "flagged"),
    [
        (150, 0, set()),
        (150, 2, set()),  # an inherited indel and a variant
        (300, 0, set()),
        (4000, 20, {"read_length:CD19", "reads_with_indels:CD19"}),
        (4000, 0, {"read_length:CD19"}),
        (250, 4, {"reads_with_indels:CD19"}),
    ],
)
def test_long_reads_and_reads_full_of_indels_are_flagged(length, indels, flagged):
    checks = read_checks("CD19", reads_of(length, indels), None)
    assert {name for name, _, _, verdict, _ in checks if verdict == "FLAG"} == flagged
    assert all("limits do not hold" in check[4] for check in checks if check[0] in flagged)


def test_a_few_reads_with_many_indels_are_no_other_kind():
    few, many = reads_of(150, 0), reads_of(150, 4, number=6)
    offset = np.concatenate([few.op_offset, few.op_offset[-1] + many.op_offset[1:]])
    base_offset = np.concatenate([few.base_offset, few.base_offset[-1] + many.base_offset[1:]])
    mixed = AlignedReads(
        **{
            name: np.concatenate([getattr(few, name), getattr(many, name)])
            for name in (
                "start", "flag", "fragment", "base", "quality", "op", "op_length", "cell",
                "molecule",
            )
        },
        base_offset=base_offset, op_offset=offset, dropped={},
    )  # fmt: skip
    assert [verdict for _, _, _, verdict, _ in read_checks("CD19", mixed, None)] == ["PASS"]
