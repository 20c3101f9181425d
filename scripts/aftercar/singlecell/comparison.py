"""All sub-populations x antigens of one specimen, with the reference that each is compared with."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aftercar.contracts.singlecell import LEUKEMIC, SHARED_LOSS_HIDDEN
from aftercar.singlecell.antigen_loss import (
    Finding,
    Interval,
    Rate,
    Reference,
    above_background,
    antigen_positive,
    compare,
    is_expressed,
    joined,
    judge,
    widened,
)
from aftercar.singlecell.circular import DRAWN_BY_COUNTS, drawn_by_counts
from aftercar.singlecell.limits import CloneSearch
from aftercar.singlecell.molecules import (
    Measured,
    Molecules,
    measure_protein,
    measure_rna,
)
from aftercar.stats.negative_binomial import benjamini_hochberg

NOT_NUMBER: Interval = (float("nan"), float("nan"), float("nan"))
GONE = ("LOST", "REDUCED")


@dataclass(frozen=True)
class Thresholds:
    """What a clinic sets: bounds of relative expression and the false discovery rate."""

    lost_below: float
    retained_above: float
    false_discovery_rate: float


@dataclass(frozen=True)
class Compared:
    """One sub-population and antigen: status, figures and remarks.

    `search` is None where there is nothing to compare with; `detectable_cells` is the smallest
    clone that would have been called LOST, `detectable_reduced_cells` REDUCED or LOST.
    """

    population: str
    antigen: str
    status: str
    finding: Finding | None
    q_value: float
    detectable_cells: int | None
    flags: tuple[str, ...]
    basis: str = "rna"
    detectable_reduced_cells: int | None = None
    search: CloneSearch | None = None


@dataclass(frozen=True)
class EarlierLevel:
    """Level of an antigen in antigen-positive cells of an earlier specimen of the patient."""

    sample_id: str
    day: int
    identity: str
    stage: str
    antigen: str
    reference: Reference


def compare_antigen(
    antigen: str,
    rule: dict,
    populations: pd.DataFrame,
    name_of_cell: np.ndarray,
    identity_of_cell: np.ndarray,
    molecules: Molecules,
    earlier: list[EarlierLevel],
    thresholds: Thresholds,
    settings: dict,
    *,
    minimum_cells: int,
    tests: int,
) -> tuple[list[Compared], list[tuple[str, str, Reference]]]:
    """Return the comparison of every sub-population, and the levels of antigen-positive cells.

    `populations` has one row per sub-population (population, identity, stage, cells, compartment);
    the levels are (identity, stage, reference) of each compartment. Statuses are given by
    `with_status` when the comparisons of all antigens are known. `tests` is the number of
    comparisons of the specimen, which the detectable fraction allows for.
    """
    carried = populations["identity"].isin(rule["carried_by"])
    done = [
        Compared(
            name, antigen, "NOT_APPLICABLE", None, np.nan, None,
            (f"{identity.replace('_', ' ')} cells are not expected to carry {antigen}",),
        )
        for name, identity in populations.loc[~carried, ["population", "identity"]].to_numpy()
    ]  # fmt: skip
    column, missing = molecules.genes.antigen(antigen)
    antibody = molecules.antibody(rule["aliases"])
    if column is None and antibody is None:
        done += [
            Compared(name, antigen, "NOT_EVALUABLE", None, np.nan, None, (missing,))
            for name in populations.loc[carried, "population"]
        ]
        return done, []
    without = np.isin(identity_of_cell, rule["background"])
    levels: list[tuple[str, str, Reference]] = []
    by_normal = rule.get("normal_reference", True)
    # normal B cells first: they may serve as reference for leukemic ones
    order = sorted(rule["carried_by"], key=lambda name: (name in LEUKEMIC, name))
    for identity in order:
        of_identity = populations[carried & (populations["identity"] == identity)]
        parts = [
            (str(key), str(part["stage"].iloc[0]), list(part["population"]))
            for key, part in of_identity.groupby("compartment", sort=True)
        ]
        drawn = {
            key
            for key, _, names in parts
            if column is not None
            and drawn_by_counts(
                molecules.of(antigen, column), molecules.exposure, name_of_cell, names, identity,
                molecules.overdispersion(antigen, column, np.isin(name_of_cell, names), key),
                settings,
            )
        }  # fmt: skip
        siblings: dict[str, Reference] = {}
        if column is not None and by_normal and identity in LEUKEMIC and len(parts) > 1:
            for key, _, names in parts:
                own = measure_rna(molecules, {antigen: column}, names, name_of_cell, without, key)
                controls = _measured_controls(molecules, rule, names, name_of_cell, without, key)
                level = _own_level(antigen, own.with_controls(controls), thresholds, settings)
                if level is not None and key not in drawn:
                    siblings[key] = replace(level, stage_matched=False)
        for key, stage, names in parts:
            controls = _measured_controls(molecules, rule, names, name_of_cell, without, key)
            bases: list[tuple[str, Measured, list[Reference], tuple[str, ...]]] = []
            if column is not None:
                own = measure_rna(molecules, {antigen: column}, names, name_of_cell, without, key)
                outside = _outside_references(
                    identity, stage, antigen, levels, earlier, settings, by_normal=by_normal
                )
                bases.append(("rna", own, outside, ()))
            if antibody is not None:
                own = measure_protein(molecules, antigen, antibody, names, name_of_cell, without)
                remarks: tuple[str, ...] = (missing,) if column is None else ()
                bases.append(("protein", own, [], remarks))
            for basis, own, outside, said in bases:
                compared, level = _compare_compartment(
                    antigen, identity, own.with_controls(controls), outside=outside,
                    siblings=[siblings[one] for one in siblings if one != key and basis == "rna"],
                    thresholds=thresholds, settings=settings, minimum_cells=minimum_cells,
                    tests=tests,
                )  # fmt: skip
                if basis == "rna" and key in drawn:
                    compared, level = [_not_judged(one, DRAWN_BY_COUNTS) for one in compared], None
                done += [
                    replace(
                        one, basis=basis, flags=(*said, *one.flags),
                        search=one.search and replace(one.search, basis=basis),
                    )
                    for one in compared
                ]  # fmt: skip
                if level is not None and basis == "rna":
                    levels.append((identity, stage, level))
    return done, levels


def _measured_controls(
    molecules: Molecules,
    rule: dict,
    names: list[str],
    name_of_cell: np.ndarray,
    without: np.ndarray,
    compartment: str,
) -> Measured:
    genes = molecules.genes.markers(rule["controls"])
    return measure_rna(molecules, genes, names, name_of_cell, without, compartment)


def _own_level(
    antigen: str, measured: Measured, thresholds: Thresholds, settings: dict
) -> Reference | None:
    """Return the level of the antigen-positive cells of a compartment."""
    own = {name: genes[antigen] for name, genes in measured.rates.items()}
    positive = antigen_positive(
        own, measured.background[antigen], thresholds.retained_above, settings
    )
    if not positive:
        return None
    return _reference(measured.rates, positive, antigen, measured.background)


def _outside_references(
    identity: str,
    stage: str,
    antigen: str,
    levels: list[tuple[str, str, Reference]],
    earlier: list[EarlierLevel],
    settings: dict,
    *,
    by_normal: bool,
) -> list[Reference]:
    """Return references outside the compartment, the best first.

    Leukemic cells of the latest earlier specimen, those of the same stage first; then normal B
    cells of this specimen. Cells of another stage prove a loss but no reduction; they prove nothing
    where blasts may never have carried the antigen (`by_normal` False).
    """
    if identity not in LEUKEMIC:
        return []
    before = sorted(
        (
            level
            for level in earlier
            if level.identity == identity
            and level.antigen == antigen
            and (by_normal or level.stage == stage)
        ),
        key=lambda level: (level.stage != stage, -level.day, level.sample_id),
    )
    found = [
        Reference(
            f"{level.reference.name} of {level.sample_id} (day {level.day})",
            widened(level.reference.level, settings["between_library_cv"]),
            {
                gene: widened(value, settings["between_library_cv"])
                for gene, value in level.reference.controls.items()
            },
            level.stage == stage,
            level.reference.count,
        )
        for level in before
    ]
    found += [
        Reference(reference.name, reference.level, reference.controls, False, reference.count)
        for name, _, reference in levels
        if by_normal and name == "normal_b" and identity == "leukemic_b"
    ]
    return found


def _compare_compartment(
    antigen: str,
    identity: str,
    measured: Measured,
    *,
    outside: list[Reference],
    siblings: list[Reference],
    thresholds: Thresholds,
    settings: dict,
    minimum_cells: int,
    tests: int,
) -> tuple[list[Compared], Reference | None]:
    """Return the comparisons within one compartment, and the level of its antigen-positive cells.

    `siblings` are leukemic cells of another stage in the same specimen: they show a loss, but
    cannot vouch for what all leukemic cells may have lost together.
    """
    rates, background = measured.rates, measured.background
    remark = measured.remark
    ambient = background[antigen]
    half = thresholds.retained_above
    positive = antigen_positive(
        {name: genes[antigen] for name, genes in rates.items()}, ambient, half, settings
    )
    proving = _proving(outside, ambient, settings)
    usable = [one for one in siblings if is_expressed(one.level, ambient, settings)]
    # among references of other stages the surest
    order = [one for one in proving if one.stage_matched] or sorted(
        [*proving, *usable], key=lambda one: -one.count
    )
    external = order[0] if order else None
    flags = [remark] if remark else []
    own = _reference(rates, positive, antigen, background) if positive else None
    kept = False
    if own is not None:
        together = _joined_genes(rates, positive)
        against = [
            _status_against(one, together, antigen, background, thresholds, settings)
            for one in [*proving, *usable]
        ]
        kept = bool(proving) and set(against[: len(proving)]) == {"RETAINED"}
        below = [
            one for one, status in zip([*proving, *usable], against, strict=True) if status in GONE
        ]
        if below:
            external = below[0]
            flags.append(f"all cells of this kind are below {external.name}")
            own, positive = None, []
    search = _clone_search(
        antigen, measured, own, external, positive,
        p_value=thresholds.false_discovery_rate / max(tests, 1), settings=settings,
    )  # fmt: skip
    lost, reduced = _detectable(search, thresholds, settings, minimum_cells)
    if own is not None and not kept and identity in LEUKEMIC:
        flags.append(SHARED_LOSS_HIDDEN)
    result = []
    for name, genes in rates.items():
        others = [other for other in positive if other != name]
        reference = _reference(rates, others, antigen, background) if others else external
        said: tuple[str, ...] = ()
        if reference is None and name in positive and len(rates) > 1:
            # all others are clearly lower: these are the cells that the others are compared with
            reference = _reference(rates, [name], antigen, background)
            said = ("the antigen-positive cells that the others are compared with",)
        if reference is None:
            found = _without_reference(genes[antigen], ambient, name in positive)
        else:
            found = compare(
                genes[antigen],
                {gene: rate for gene, rate in genes.items() if gene != antigen},
                reference, ambient, background, settings,
            )  # fmt: skip
        result.append(
            Compared(
                name, antigen, "", found, np.nan, lost, (*said, *flags),
                detectable_reduced_cells=reduced, search=search,
            )
        )  # fmt: skip
    return result, own


def _clone_search(
    antigen: str,
    measured: Measured,
    own: Reference | None,
    external: Reference | None,
    positive: list[str],
    *,
    p_value: float,
    settings: dict,
) -> CloneSearch | None:
    """Return what a clone without the antigen would be judged by; None without a reference."""
    base = own or external
    rates = [genes[antigen] for genes in measured.rates.values()]
    cells = sum(rate.cells for rate in rates)
    if base is None or not cells or not sum(rate.exposure for rate in rates):
        return None
    controls = []
    for gene, level in sorted(base.controls.items()):
        if gene in measured.background and is_expressed(level, measured.background[gene], settings):
            each = sum(genes[gene].exposure for genes in measured.rates.values()) / cells
            per_cell = (level[0] * each, level[1] * each, level[2] * each)
            controls.append((per_cell, measured.overdispersion[gene]))
    together, alpha = joined(rates), measured.overdispersion[antigen]
    # a Rate holds alpha * sum(s ** 2) / sum(s) ** 2, which is (1 + variation) / cells times alpha
    shrink = together.overdispersion / alpha
    return CloneSearch(
        cells=cells,
        mean_exposure=together.exposure / cells,
        overdispersion=alpha,
        level=base.level,
        background=measured.background[antigen],
        controls=tuple(controls),
        reference_within=own is not None,
        reference_cells=sum(measured.rates[name][antigen].cells for name in positive) or cells,
        stage_matched=base.stage_matched,
        p_value=p_value,
        depth_variation=max(shrink * cells - 1, 0.0),
        control_molecules=settings["control_molecules"],
        controls_kept=settings["controls_kept"],
    )


def _detectable(
    search: CloneSearch | None, thresholds: Thresholds, settings: dict, minimum_cells: int
) -> tuple[int | None, int | None]:
    """Return the smallest clone that would be LOST, and the smallest that would be REDUCED."""
    if search is None:
        return None, None
    lost, reduced = (
        search.smallest(bound, minimum_cells=minimum_cells, sensitivity=settings["sensitivity"])
        for bound in (thresholds.lost_below, reduced_below(search, thresholds))
    )
    return lost, reduced


def reduced_below(search: CloneSearch, thresholds: Thresholds) -> float:
    """Return the bound of REDUCED; against a reference of another stage only LOST is said."""
    return thresholds.retained_above if search.stage_matched else thresholds.lost_below


def _joined_genes(rates: dict[str, dict[str, Rate]], names: list[str]) -> dict[str, Rate]:
    genes = rates[names[0]]
    return {gene: joined([rates[name][gene] for name in names]) for gene in genes}


def _reference(
    rates: dict[str, dict[str, Rate]],
    names: list[str],
    antigen: str,
    background: dict[str, Interval],
) -> Reference:
    together = _joined_genes(rates, names)
    levels = {gene: above_background(rate, background[gene]) for gene, rate in together.items()}
    controls = {gene: level for gene, level in levels.items() if gene != antigen}
    return Reference(", ".join(names), levels[antigen], controls, True, together[antigen].count)


def _proving(outside: list[Reference], ambient: Interval, settings: dict) -> list[Reference]:
    """Return the outside references that a loss shared by all cells is looked for with.

    Of earlier specimens the latest and the one with the surely highest level, since a level may
    creep down from specimen to specimen; without any of them the first other reference.
    """
    usable = [one for one in outside if is_expressed(one.level, ambient, settings)]
    before = [one for one in usable if one.stage_matched]
    if not before:
        return usable[:1]
    highest = max(before, key=lambda one: one.level[1])
    return before[:1] if highest is before[0] else [before[0], highest]


def _status_against(
    external: Reference,
    genes: dict[str, Rate],
    antigen: str,
    background: dict[str, Interval],
    thresholds: Thresholds,
    settings: dict,
) -> str:
    """Return the status that the antigen-positive cells together have against a reference."""
    found = compare(
        genes[antigen],
        {gene: rate for gene, rate in genes.items() if gene != antigen},
        external, background[antigen], background, settings,
    )  # fmt: skip
    status, _ = judge(
        found, found.p_value, lost_below=thresholds.lost_below,
        retained_above=thresholds.retained_above,
        false_discovery_rate=thresholds.false_discovery_rate, settings=settings,
    )  # fmt: skip
    return status


def _not_judged(compared: Compared, reason: str) -> Compared:
    umis = compared.finding.umis if compared.finding else 0
    nothing = float("nan")
    finding = Finding(umis, nothing, NOT_NUMBER, nothing, nothing, "", True, reason)
    return Compared(
        compared.population, compared.antigen, "", finding, np.nan, None, (), compared.basis
    )


def _without_reference(rate: Rate, ambient: Interval, is_positive: bool) -> Finding:
    expected = ambient[0] * rate.exposure
    if is_positive:
        reason = (
            f"the only antigen-positive cells of their kind: {rate.count} molecules where ambient "
            f"RNA explains {expected:.3g}, but nothing to compare the level with"
        )
    else:
        reason = (
            f"no antigen-positive reference cells: {rate.count} molecules where ambient RNA "
            f"explains {expected:.3g}"
        )
    return Finding(
        rate.count, float("nan"), NOT_NUMBER, float("nan"), float("nan"), "", True, reason
    )


def with_status(compared: list[Compared], thresholds: Thresholds, settings: dict) -> list[Compared]:
    """Return the comparisons of a specimen with q-values (over all of them) and statuses."""
    tested = [
        index
        for index, one in enumerate(compared)
        if one.finding is not None and np.isfinite(one.finding.p_value)
    ]
    findings = [one.finding for one in compared]
    p_values = [finding.p_value for index in tested if (finding := findings[index]) is not None]
    q_values = dict(zip(tested, benjamini_hochberg(p_values), strict=True))
    result = []
    for index, one in enumerate(compared):
        if one.finding is None:
            result.append(one)
            continue
        q_value = q_values.get(index, float("nan"))
        status, reason = judge(
            one.finding, q_value, lost_below=thresholds.lost_below,
            retained_above=thresholds.retained_above,
            false_discovery_rate=thresholds.false_discovery_rate, settings=settings,
        )  # fmt: skip
        flags = ((reason,) if reason else ()) + one.flags
        result.append(replace(one, status=status, q_value=q_value, flags=flags))
    return result
