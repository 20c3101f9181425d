"""Which names of a file may be shown: words of the trade. Anything else could be a person.

A detector name ($PnN) or a gate name of a laboratory's workspace is shown as it is only if each of
its words is usual; else the channel or gate is shown by its number. Labels ($PnS) never leave:
markers do, by their names in markers.yaml.
"""

import re
from collections.abc import Iterable, Mapping

Path = tuple[str, ...]

# CD19, FL2, AF488, BV421, V500, UV379, R8, Ir191Di, HLADR is a word, 7AAD, plain numbers
CODE = re.compile(
    r"[0-9]{0,2}[a-z]{0,3}[0-9]{1,3}[a-z]{0,2}|[a-z]{1,2}|[0-9]{1,3}|cd[0-9]{1,3}[a-z]*"
)
# Parameters of a detector, lasers, dyes and stains, markers without a number.
CHANNEL_WORDS = frozenset(
    """
fsc ssc bsc area height width peak int integral tof log lin time hdr event count number
ratio comp fjcomp signal parameter channel aux volume doublet empty unused vsc fitc apc
percp ecd gfp yfp cfp rfp bfp efp gfpa cherry mcherry tdtomato venus amcyan cascade
pacific blue orange yellow red green violet texas alexa fluor brilliant ultra
ultraviolet horizon super bright spark fire krome star starbright qdot qd evolve efluor
efl real nir near infrared ir live dead viability zombie aqua fixable ghost draq dapi
propidium iodide sytox syto hoechst dye vio viobright viogreen vioblue cfse celltrace
calcein tandem rhodamine novafluor kiravia dylight janelia tmr tamra tmrm jc ubv buv
purple deep far crimson laser uv violetlaser bluelaser redlaser yg hla dr hladr igd igm
igg iga kappa lambda tcr tcrab tcrgd car cart egfrt fmc ccr foxp tdt mpo ki protein
lineage ptprc lca ncam calla fvd fvs aad
""".strip().split()
)
GATE_WORDS = CHANNEL_WORDS | frozenset(
    """
all and or not of the in with without vs from gate gates gated set subset population
populations parent root margin margins debris clean cleaned good bad beads bead cell
cells single singlet singlets doublets viable alive lymphocyte lymphocytes lymphoid
lymph lymphs lymphoblasts leukocyte leukocytes wbc mnc pbmc mononuclear myeloid monocyte
monocytes mono monos granulocyte granulocytes gran neutrophils neutrophil eosinophils
basophils basophil eosinophil macrophages macrophage dendritic dcs pdc mdc plasma
plasmablasts erythroid red platelets blast blasts leukemic leukemia malignant normal
residual mrd progenitor progenitors precursor precursors hematogone hematogones
haematogones stem hsc immature mature naive memory central effector emra tem tcm tscm
temra treg tregs regulatory helper cytotoxic nkt gamma delta alpha beta gd ab alphabeta
gammadelta mait innate ilc total pos neg positive negative plus minus high low dim
bright med medium intermediate hi lo double triple switched unswitched transitional
follicular marginal zone activated resting exhausted proliferating control isotype fmo
unstained stained quadrant quad upper lower left right peripheral blood bone marrow
scatter fluorescence events other others rest recovery aplasia target targets
""".strip().split()
)


def shown_channel(name: str, index: int) -> str:
    """Return a detector's name as messages may show it; `index` counts from 0."""
    words = re.findall(r"[a-z0-9]+", name.casefold())
    if (
        words
        and len(name) <= 40
        and name.isascii()
        and all(_usual(w, CHANNEL_WORDS) for w in words)
    ):
        return re.sub(r"[^A-Za-z0-9 ._/()#+-]", "?", name)
    return f"channel {index + 1}"


def shown_gates(paths: Iterable[Path], roles: Mapping[str, str]) -> dict[Path, Path]:
    """Return each path of gates as tables may show it: an unusual name becomes "gate 3".

    The number is the place of the gate in the workspace. Names and paths of `roles`, which the
    configuration gives, are shown.
    """
    paths = list(paths)
    numbers: dict[Path, int] = {}
    given: set[Path] = set()
    for path in paths:
        steps = [path[:depth] for depth in range(1, len(path) + 1)]
        for step in steps:
            numbers.setdefault(step, len(numbers) + 1)
        given |= {step for step in steps if step[-1] in roles}
        if "/".join(path) in roles:
            given |= set(steps)
    shown = {
        step: step[-1] if step in given or _usual_gate(step[-1]) else f"gate {number}"
        for step, number in numbers.items()
    }
    return {path: tuple(shown[path[:n]] for n in range(1, len(path) + 1)) for path in paths}


def _usual_gate(name: str) -> bool:
    words = re.findall(r"[a-z0-9]+", name.casefold())
    return bool(words) and name.isascii() and all(_usual(word, GATE_WORDS) for word in words)


def _usual(word: str, known: frozenset[str]) -> bool:
    """Whether a word is known, a code, or known words and numbers run together (Alexa700)."""
    if word in known or CODE.fullmatch(word):
        return True
    ends = {0}
    for end in range(3, len(word) + 1):
        parts = (word[start:end] for start in ends)
        if any(
            (len(part) > 2 and part in known) or re.fullmatch("[0-9]{1,3}", part) for part in parts
        ):
            ends.add(end)
    return len(word) in ends
