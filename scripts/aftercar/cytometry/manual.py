"""A laboratory's own gates: rows of POPULATIONS and their concordance with the automated gates."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.cytometry import ROLES, STORED_EVENTS, STORED_SHARE
from aftercar.contracts.events import Check
from aftercar.cytometry.beads import FOUND, NONE, UNCLEAR, Beads
from aftercar.cytometry.counts import AbsoluteCount, CountingBasis, Limits, absolute_count, judge
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.populations import Specimen, counting_basis

# role -> antigen that it is about, where the role itself says so
TARGETS = {
    "cd7_positive_t": "CD7",
    "cd7_negative_t": "CD7",
    "cd5_positive_t": "CD5",
    "cd5_negative_t": "CD5",
    "antigen_negative_blasts": "CD19",
}


@dataclass(frozen=True, eq=False)
class ManualGate:
    """A gate of the laboratory: its path, the events inside, the count stored by its program."""

    path: tuple[str, ...]
    mask: np.ndarray
    stored_count: int | None

    @property
    def name(self) -> str:
        """Return the name of the gate without its parents."""
        return self.path[-1]


def hidden_names(gates: int) -> Check:
    """Say that some gates are shown by number, since their names could be a person's."""
    return Check(
        "gate_names", float(gates), "gates", "FLAG",
        f"{gates} gates, or gates around them, have names that are no usual words and are shown "
        "by their place in the workspace; usual words, or names in "
        "cytometry/workspace_roles, are shown",
    )  # fmt: skip


def other_file_named() -> Check:
    """Say that the workspace was saved for a file of another name, whose counts agree."""
    return Check(
        "workspace_file", None, "", "FLAG",
        "the workspace names another file; its stored counts agree with this one. Check that it "
        "is the workspace of this specimen",
    )  # fmt: skip


def stored_counts_differ(concordance: list[dict[str, object]]) -> Check | None:
    """Say how many gates of a specimen hold other counts here than the workspace stores, if any."""
    off = [row for row in concordance if row["agreement"] == "DIFFERS"]
    if not off:
        return None
    stored = sum(row["agreement"] != "NOT_STORED" for row in concordance)
    return Check(
        "stored_counts", float(len(off)), "gates", "FLAG",
        f"{len(off)} of {stored} gates hold other counts here than the workspace stores, by more "
        f"than {STORED_EVENTS} events and {100 * STORED_SHARE:g} %: it was changed after they were "
        "stored, is of another file, or is compensated in another way; compare with the table of "
        "concordance, then save it again",
    )  # fmt: skip


def manual_rows(
    gates: list[ManualGate],
    specimen: Specimen,
    roles: dict[str, str],
    limits: Limits,
    bead_lot_cv: float,
) -> list[dict[str, object]]:
    """Return a row per gate and denominator: its parent, and leukocytes or lymphocytes if named.

    `roles` maps gate names (or paths joined by /) to roles; a gate keeps its full path as key, so
    that gates of one name under different parents stay apart. A gate with role beads counts the
    beads; its events count once each.
    """
    role_of = {gate.path: _role(gate, roles) for gate in gates}
    by_path = {gate.path: gate for gate in gates}
    whole = {
        role: gate
        for gate in gates
        if (role := role_of[gate.path]) in ("leukocytes", "lymphocytes")
    }
    totals = {role: int(gate.mask.sum()) for role, gate in whole.items()}
    basis = counting_basis(specimen, _beads(gates, role_of), bead_lot_cv)
    rows = []
    for gate in gates:
        parent = by_path.get(gate.path[:-1])
        denominators = {
            (role_of[parent.path] or parent.name) if parent else "root": parent.mask
            if parent
            else np.ones_like(gate.mask)
        }
        role = role_of[gate.path]
        if role:
            denominators |= {
                name: other.mask
                for name, other in whole.items()
                if name != role and not (gate.mask & ~other.mask).any()
            }
        for name, mask in denominators.items():
            rows.append(_row(gate, role, name, mask, specimen, limits, totals, basis))
    return rows


def _role(gate: ManualGate, roles: dict[str, str]) -> str:
    role = roles.get("/".join(gate.path), roles.get(gate.name, ""))
    return role if role in ROLES else ""


def _beads(gates: list[ManualGate], role_of: dict[tuple[str, ...], str]) -> Beads | None:
    """Return the beads of the laboratory's own gate, None if it has none."""
    mine = [gate for gate in gates if role_of[gate.path] == "beads"]
    if not mine:
        return None
    if len(mine) > 1:
        return Beads(UNCLEAR, f"{len(mine)} gates have the role beads: name one")
    if not mine[0].mask.any():
        return Beads(NONE, "the gate of the role beads holds no event")
    return Beads(FOUND, "by the laboratory's gate", mine[0].mask, np.zeros_like(mine[0].mask))


def role_problems(roles: dict[str, str]) -> list[str]:
    """Return a line for each role of `cytometry/workspace_roles` that does not exist."""
    return [
        f"key cytometry/workspace_roles/{gate}: found {role!r}, expected one of "
        f"{', '.join(filter(None, ROLES))}"
        for gate, role in roles.items()
        if role not in ROLES
    ]


def unmatched_roles(gates: list[ManualGate], roles: dict[str, str]) -> Check | None:
    """Say which gates of `cytometry/workspace_roles` a specimen's workspace does not have.

    None if it has all of them.
    """
    there = {name for gate in gates for name in (gate.name, "/".join(gate.path))}
    absent = [name for name in roles if name not in there]
    if not absent:
        return None
    told = ", ".join(f"{name} ({roles[name]})" for name in absent)
    return Check(
        "gate_roles", float(len(absent)), "gates", "FLAG",
        f"no gate of the workspace is named {told}: these roles of cytometry/workspace_roles are "
        "not counted by it; write the names as the workspace has them",
    )  # fmt: skip


def _row(
    gate: ManualGate, role: str, denominator: str, mask: np.ndarray, specimen: Specimen,
    limits: Limits, totals: dict[str, int], basis: CountingBasis,
) -> dict[str, object]:  # fmt: skip
    count, total = int(gate.mask.sum()), int(mask.sum())
    judged = judge(count, total, None, limits)
    absolute, told = AbsoluteCount(), tuple[str, ...]()
    if role not in ("", "beads") and judged.status != "INDETERMINATE":
        absolute, told = absolute_count(count, dict(totals), basis)
    target = ";".join(specimen.targets) if role == "car_t" else TARGETS.get(role, "")
    return specimen.who | {
        "panel": specimen.panel or "workspace",
        "population": gate.name,
        "role": role,
        "target": target,
        "gate_path": "/".join(["root", *gate.path]),
        "count": count,
        "denominator": denominator,
        "denominator_count": total,
        "fraction": judged.fraction,
        "fraction_low": judged.low,
        "fraction_high": judged.high,
        "cells_per_ul": absolute.value,
        "cells_per_ul_low": absolute.low,
        "cells_per_ul_high": absolute.high,
        "count_basis": absolute.basis,
        "lod_fraction": judged.lod_fraction,
        "lloq_fraction": judged.lloq_fraction,
        "status": judged.status,
        "cut_source": "WORKSPACE",
        "flags": "; ".join(["gated by the laboratory's workspace", *judged.flags, *told]),
    }


def concordance_rows(
    gates: list[ManualGate], specimen: Specimen, roles: dict[str, str], gating: Gating | None
) -> list[dict[str, object]]:
    """Return a row per gate of the laboratory: stored count, count of its gates, automated count.

    The automated gate of the same role is compared event by event (F1).
    """
    automated: dict[str, np.ndarray] = {}
    if gating is not None:
        for rule in gating.template.report:
            mask = gating.gate(rule.gate).mask
            if rule.role and mask is not None:
                automated.setdefault(rule.role, mask)
    rows: list[dict[str, object]] = []
    for gate in gates:
        count = int(gate.mask.sum())
        row: dict[str, object] = {
            "sample_id": specimen.sample_id,
            "patient_id": specimen.patient_id,
            "population": gate.name,
            "gate_path": "/".join(["root", *gate.path]),
            "count_workspace_stored": gate.stored_count,
            "count_workspace_gates": count,
        }
        flags = []
        if gate.stored_count is None:
            flags.append("the workspace stores no count")
            row["agreement"] = "NOT_STORED"
        else:
            row |= stored_agreement(gate.stored_count, count)
        found = automated.get(_role(gate, roles))
        if found is not None:
            both = int((found & gate.mask).sum())
            total = count + int(found.sum())
            row |= {
                "count_automated": int(found.sum()),
                "f1": 2 * both / total if total else None,
            }
        rows.append(row | {"flags": "; ".join(flags)})
    return rows


def stored_agreement(stored: int, recomputed: int) -> dict[str, object]:
    """Return by how much a recomputed count differs from the stored one, in % of it, and a word.

    DIFFERS: by more than 3 events and more than 0.5 %, what two respected programs may differ by
    at the border of a polygon.
    """
    difference = recomputed - stored
    beyond = abs(difference) > max(STORED_EVENTS, STORED_SHARE * stored)
    return {
        "difference_percent": 100 * difference / stored if stored else None,
        "agreement": "DIFFERS" if beyond else "AGREES",
    }
