"""How often the antigen-loss test is right: real cells with antigens taken out, drawn leukemias."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack
from tests.accuracy.tubes import ROOT
from tests.unit.singlecell.drawn_cells import PANELS, SETTINGS, draw, measure, mixed, sample

from aftercar.contracts.singlecell import ANTIGEN_LOSS, LEUKEMIC
from aftercar.evidence.collect_singlecell import antigen_loss_evidence
from aftercar.io.matrices import read_matrix
from aftercar.singlecell.antigen_loss import Reference, above_background, compare, judge, rate_of
from aftercar.singlecell.cells import IdentifiedCells, identify_cells, known_cells
from aftercar.singlecell.rows import antigen_rows
from aftercar.singlecell.specimen import Assessed, compare_antigens

PUBLIC = ROOT.parent / "shared/data/sequencing"
BLOOD = "pbmc3k/pbmc3k_raw.h5ad"
ANTIBODY_FILE = "cite/AML_h5ad.h5ad"
B_ANTIGENS = ["CD19", "CD22", "MS4A1"]
LOW = ("LOST", "REDUCED")
NOTHING, AMBIENT, TENTH = "nothing", "ambient RNA", "a tenth"
DEPTH_STRATA = 5


# Healthy donors


def healthy_draw(file: str, specimen: str, seed: int) -> dict[str, object]:
    """Return what is said of a healthy donor's cells, with fewer molecules and another seed."""
    matrix = read_matrix(PUBLIC / file)
    share = (1.0, 0.7, 0.5)[seed % 3]
    counts = matrix.counts.copy()
    counts.data = np.random.default_rng(seed).binomial(counts.data, share).astype(np.int32)
    counts.eliminate_zeros()
    result = measure(
        replace(matrix, counts=counts), row=sample(specimen=specimen), seed=seed,
        antigens=B_ANTIGENS,
    )  # fmt: skip
    loss = ANTIGEN_LOSS.frame(result.loss)
    b = loss[loss["identity"].str.endswith(("b_unresolved", "normal_b", "leukemic_b"))]
    t = loss[(loss["identity"] == "normal_t") & (loss["antigen"] == "CD19")]
    return {
        "file": file, "seed": seed, "kept": share, "b_rows": len(b),
        "low": int(b["status"].isin(LOW).sum()), "lost": int((b["status"] == "LOST").sum()),
        "t_rows": len(t), "t_asked": int((t["status"] != "NOT_APPLICABLE").sum()),
    }  # fmt: skip


# Antigens taken out of real B cells


@dataclass(frozen=True, eq=False)
class RealCells:
    """Cells of a healthy donor, identified once; `b` are the rows of B cells."""

    cells: IdentifiedCells
    b: np.ndarray


@cache
def real_cells() -> RealCells:
    """Return the cells of the public blood; its B cells are named leukemic, by label."""
    matrix = read_matrix(PUBLIC / BLOOD)
    plain = identify_cells(
        matrix, known_cells(matrix.barcode, None, {}), specimen="PB", settings=SETTINGS,
        panels=PANELS,
    )  # fmt: skip
    b = plain.identities.identity == "b_unresolved"
    identity = np.where(b, "leukemic_b", plain.identities.identity)
    evidence = np.where(b, "label", plain.identities.evidence)
    named = replace(plain.identities, identity=identity, evidence=evidence)
    return RealCells(replace(plain, identities=named), np.flatnonzero(b))


def with_populations(cells: IdentifiedCells, inside: np.ndarray, name: np.ndarray):
    """Return the cells with sub-populations named by label within leukemic cells."""
    population = cells.population.copy()
    population[inside] = name
    table = cells.populations
    others = table[~table["population"].isin(set(cells.population[inside]))]
    names, numbers = np.unique(name, return_counts=True)
    own = pd.DataFrame(
        {
            "population": names, "identity": "leukemic_b", "evidence": "label", "stage": "mature",
            "cells": numbers, "compartment": "leukemic_b",
        }
    )  # fmt: skip
    return replace(
        cells, population=population, populations=pd.concat([others, own], ignore_index=True)
    )


def compared(cells: IdentifiedCells, antigens: list[str]) -> Assessed:
    """Return the comparisons under the delivered settings."""
    return compare_antigens(
        cells, sample_id="S", day=0, settings=SETTINGS | {"antigens": antigens}, panels=PANELS,
        earlier=[],
    )  # fmt: skip


def thinned(cells: IdentifiedCells, antigen: str, rows: np.ndarray, left: str, random):
    """Return the cells with the molecules of an antigen taken out or thinned in some of them.

    The ambient molecules that are left follow the level of T and NK cells.
    """
    column, _ = cells.molecules.genes.antigen(antigen)
    own = cells.molecules.of(antigen, column)
    changed = own.copy()
    if left == TENTH:
        changed[rows] = random.binomial(own[rows].astype(np.int64), 0.1)
    else:
        exposure = cells.molecules.exposure
        t = np.isin(cells.identities.identity, ["normal_t", "normal_nk"])
        ambient = own[t].sum() / exposure[t].sum()
        changed[rows] = random.poisson(ambient * exposure[rows]) if left == AMBIENT else 0
    columns = cells.molecules._columns | {column: changed}
    return replace(cells, molecules=replace(cells.molecules, _columns=columns, _alpha={}))


def knock_out(antigen: str, number: int, left: str, seed: int) -> dict[str, object]:
    """Return what is said of `number` B cells of whose antigen only `left` remains."""
    real, random = real_cells(), np.random.default_rng(seed)
    gone = random.choice(len(real.b), number, replace=False)
    name = np.where(np.isin(np.arange(len(real.b)), gone), "gone", "kept").astype(object)
    cells = thinned(real.cells, antigen, real.b[gone], left, random)
    found = compared(with_populations(cells, real.b, name), B_ANTIGENS)
    status = {(one.population, one.antigen): one.status for one in found.compared}
    return {
        "antigen": antigen, "cells": number, "left": left, "seed": seed,
        "status": status["gone", antigen],
        "others_low": sum(
            status["kept", name] in LOW or (name != antigen and status["gone", name] in LOW)
            for name in B_ANTIGENS
        ),
    }  # fmt: skip


def stated_limits(antigen: str) -> dict[str, float | None]:
    """Return cells, molecules per cell and the limits that the untouched B cells state."""
    real = real_cells()
    name = np.full(len(real.b), "kept", dtype=object)
    name[::10] = "gone"
    found = compared(with_populations(real.cells, real.b, name), B_ANTIGENS)
    one = next(one for one in found.compared if (one.population, one.antigen) == ("kept", antigen))
    return {
        "cells": len(real.b),
        "molecules": one.search.level[0] * one.search.mean_exposure,
        "lost": one.detectable_cells,
        "reduced": one.detectable_reduced_cells,
    }


def permutation(seed: int) -> dict[str, object]:
    """Return the calls where a tenth to a half of the B cells get a label at random.

    Labels are drawn within strata of depth, so that the labelled cells are as deep as the others.
    """
    real, random = real_cells(), np.random.default_rng(10_000 + seed)
    share = random.uniform(0.05, 0.5)
    exposure = real.cells.molecules.exposure[real.b]
    stratum = np.searchsorted(np.quantile(exposure, np.linspace(0, 1, 6)[1:-1]), exposure)
    name = np.full(len(real.b), "kept", dtype=object)
    for number in range(DEPTH_STRATA):
        inside = np.flatnonzero(stratum == number)
        name[random.choice(inside, round(share * len(inside)), replace=False)] = "gone"
    found = compared(with_populations(real.cells, real.b, name), B_ANTIGENS)
    states = [one.status for one in found.compared if one.population in ("gone", "kept")]
    return {"seed": seed, "lost": states.count("LOST"), "reduced": states.count("REDUCED")}


# Drawn leukemias


def leukemia(
    seed: int, mixed_up: bool, sizes: tuple[int, int] = (1000, 20_000)
) -> list[dict[str, object]]:
    """Return the intervals of the antigen-negative share of one drawn leukemia, by design.

    The clone has genes of its own and no CD19. By label and by clusters the interval is that of
    EVIDENCE; hidden, where neither is known, that of the screen. Where cells are `mixed_up`, up to
    a fifth of the negative cells look like the others, and up to a tenth as many positive cells
    look like the clone.
    """
    random = np.random.default_rng(seed)
    total = round(float(np.exp(random.uniform(*np.log(sizes)))))
    blasts = round(total * random.uniform(0.5, 0.9))
    lost = max(1, round(blasts * random.uniform(0.02, 0.6)))
    rest = total - blasts
    hidden = round(lost * random.uniform(0, 0.2)) if mixed_up else 0
    alike = min(round(lost * random.uniform(0, 0.1)), blasts - lost) if mixed_up else 0
    kinds = {
        "blast": ("blast", blasts - lost - alike),
        "t": ("t", rest // 2),
        "nk": ("nk", rest // 5),
        "monocyte": ("monocyte", rest - rest // 2 - rest // 5),
        "lost": ("blast", lost - hidden),
        "alike": ("blast", alike),
        "hidden": ("blast", hidden),
    }
    depth = round(float(np.exp(random.uniform(*np.log((1200, 6000))))))
    matrix, label = draw(
        kinds, seed, antigen={"lost": {"CD19": 0}, "hidden": {"CD19": 0}},
        shifted=("lost", "alike"), depth=depth,
        ambient=random.uniform(0.01, 0.1), overdispersion=random.uniform(0.1, 0.4),
    )  # fmt: skip
    cells = identify_cells(
        matrix, known_cells(matrix.barcode, None, {}), specimen="BM",
        settings=SETTINGS | {"min_genes": 50}, panels=PANELS,
    )  # fmt: skip
    inside = np.flatnonzero(np.isin(cells.identities.identity, LEUKEMIC))
    gone = np.isin(label[cells.rows][inside], ["lost", "hidden"])
    common = {"seed": seed, "total": total, "mixed_up": mixed_up, "truth": float(gone.mean())}
    rows = []
    named = with_populations(cells, inside, np.where(gone, "gone", "kept").astype(object))
    for design, one in (("labelled", named), ("clusters", cells)):
        found = compared(one, ["CD19"])
        table = ANTIGEN_LOSS.frame(antigen_rows(sample(), found))
        (evidence,) = antigen_loss_evidence(table, set())
        rows.append(
            common
            | {"design": design, "status": evidence["status"]}
            | {name: evidence.get(name) for name in ("value", "low", "high", "limit")}
        )
    whole = with_populations(cells, inside, np.full(len(inside), "all", dtype=object))
    screened, _ = compared(whole, ["CD19"]).screened["CD19"]
    if screened is not None:
        rows.append(
            common
            | {
                "design": "hidden", "status": "shown" if screened.p_value < 0.01 else "not shown",
                "value": screened.share, "low": screened.low, "high": screened.high,
                "limit": screened.detectable,
            }
        )  # fmt: skip
    return rows


# Clusters that have lost nothing


def _doublets(matrix, label, first, second, number, seed):
    """Return the cells and `number` sums of one cell of each of two kinds."""
    random = np.random.default_rng(seed)
    pairs = [random.choice(np.flatnonzero(label == kind), number) for kind in (first, second)]
    counts = csr_matrix(vstack([matrix.counts, matrix.counts[pairs[0]] + matrix.counts[pairs[1]]]))
    barcode = [f"CELL{row:05d}-1" for row in range(counts.shape[0])]
    both = replace(matrix, counts=counts, barcode=np.array(barcode, dtype=object))
    return both, np.concatenate([label, np.full(number, "doublet", dtype=object)])


HALF_OF_THE_PROGRAMME = {"CD19": 0, "CD22": 0, "EBF1": 0, "VPREB3": 0, "PAX5": 0.5}
# B-lineage progenitors before CD19: CD34 and DNTT, little of the later B programme.
BEFORE_CD19 = {
    "CD19": 0, "CD22": 0.1, "PAX5": 0.1, "CD79B": 0.3, "CD79A": 0.5, "VPREB3": 0.2, "BLK": 0.1,
    "CD34": 2, "DNTT": 2,
}  # fmt: skip
NAMES = {
    "blast": "leukemic_b", "odd": "leukemic_b", "doublet": "leukemic_b", "t": "normal_t",
    "nk": "normal_nk", "monocyte": "normal_myeloid", "plasma": "plasma",
    "pro_b": "normal_progenitor",
}  # fmt: skip
CASES = (
    "low quality", "doublets of B and T", "doublets of blast and monocyte", "plasma cells",
    "CD19-negative B progenitors, labelled", "CD19-negative B progenitors, unlabelled",
    "cycling cells", "ambient RNA of 20 %", "another depth before",
)  # fmt: skip


def innocent(case: str, seed: int, labelled: bool = True) -> dict[str, object]:
    """Return how many rows of a specimen in which no leukemic cell lost CD19 say LOST or REDUCED.

    With labels the odd cells are a sub-population that the user calls leukemic, the hardest case.
    """
    more, options, earlier = {}, {}, ()
    if case == "low quality":
        more = {"odd": ("blast", 150)}
        options = {"antigen": {"odd": HALF_OF_THE_PROGRAMME}, "depths": {"odd": 700}}
    elif case == "plasma cells":
        more = {"plasma": ("plasma", 80)}
    elif case.startswith("CD19-negative"):
        more = {"pro_b": ("blast", 80)}
        options = {"antigen": {"pro_b": BEFORE_CD19}, "shifted": ("pro_b",)}
        labelled = case.endswith(", labelled")
    elif case == "cycling cells":
        more = {"odd": ("blast", 120)}
        options = {"shifted": ("odd",), "depths": {"odd": 6000}}
    elif case == "ambient RNA of 20 %":
        options = {"ambient": 0.2}
    elif case == "another depth before":
        options = {"depth": 1500}
        before, _ = draw(mixed(), 1000 + seed, depth=6000)
        earlier = measure(before, row=sample("A", "-10"), antigens=B_ANTIGENS).levels
    matrix, label = draw(mixed(**more), seed, **options)
    if case.startswith("doublets"):
        pair = ("blast", "t") if case.endswith("T") else ("blast", "monocyte")
        matrix, label = _doublets(matrix, label, *pair, 60, seed)
    words = [NAMES[kind] for kind in label]
    labels = pd.DataFrame(
        {
            "barcode": matrix.barcode, "label": words,
            "subpopulation": [
                kind if word == "leukemic_b" else ""
                for kind, word in zip(label, words, strict=True)
            ],
        }
    )  # fmt: skip
    result = measure(
        matrix, labels if labelled else None, row=sample("B", "90"), earlier=earlier,
        min_genes=50, antigens=B_ANTIGENS,
    )  # fmt: skip
    loss = ANTIGEN_LOSS.frame(result.loss)
    loss = loss[loss["antigen"] == "CD19"]
    return {
        "case": case, "seed": seed, "lost": int((loss["status"] == "LOST").sum()),
        "reduced": int((loss["status"] == "REDUCED").sum()),
        "flags": "; ".join(loss.loc[loss["status"].isin(LOW), "flags"]),
    }  # fmt: skip


# The ratio's interval and states

RATIOS = (1.0, 0.5, 0.25, 0.1, 0.0)
MEANS = (0.26, 1.2, 3.0)
GROUP_SIZES = (20, 50, 100, 200, 500)


def ratio_draws(mean: float, ratio: float, cells: int, draws: int = 300) -> dict[str, object]:
    """Return coverage of the ratio's interval and the states of groups with a known true ratio.

    `mean` molecules in a reference cell (600 such cells), one per cent of it ambient, which 500
    cells without the antigen show; overdispersion 0.3; control genes as in the reference.
    """
    random = np.random.default_rng([round(100 * mean), round(100 * ratio), cells])
    alpha, ambient = 0.3, 0.01 * mean

    def rate(number: int, level: float):
        exposure = np.exp(random.normal(-0.06, 0.35, number))
        noise = random.gamma(1 / alpha, alpha, number)
        return rate_of(
            random.poisson(exposure * (level * noise + ambient)).astype(float), exposure, alpha
        )

    covered, states = 0, []
    for _ in range(draws):
        soup = {name: rate(500, 0.0).interval() for name in ("CD19", "a", "b", "c", "d")}
        reference = Reference(
            "kept", above_background(rate(600, mean), soup["CD19"]),
            {name: above_background(rate(600, 3.0), soup[name]) for name in "abcd"}, True, 0,
        )  # fmt: skip
        found = compare(
            rate(cells, ratio * mean), {name: rate(cells, 3.0) for name in "abcd"}, reference,
            soup["CD19"], soup, PANELS.methods["test"],
        )  # fmt: skip
        covered += found.ratio[1] <= ratio <= found.ratio[2]
        state, _ = judge(
            found, min(1.0, 12 * found.p_value), lost_below=SETTINGS["lost_below"],
            retained_above=SETTINGS["retained_above"],
            false_discovery_rate=SETTINGS["false_discovery_rate"], settings=PANELS.methods["test"],
        )  # fmt: skip
        states.append(state)
    return {"mean": mean, "ratio": ratio, "cells": cells, "covered": covered / draws} | {
        state: states.count(state) / draws
        for state in ("LOST", "REDUCED", "RETAINED", "NOT_EVALUABLE")
    }
