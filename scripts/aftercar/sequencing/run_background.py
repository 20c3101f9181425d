"""The errors of healthy controls of one run, counted site by site as the caller counts variants."""

from collections.abc import Iterator

import numpy as np

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.background import COUNT_COLUMNS, SiteCounts, site_counts
from aftercar.sequencing.errors import contexts
from aftercar.sequencing.fragments import BASES, CODE
from aftercar.sequencing.specimens import Findings, GeneFindings, wanted_positions, window_segments
from aftercar.sequencing.variants import CallSettings, count_known

# Insertions, deletions and joined changes are realigned in every control only where reads of all
# controls together propose them this often; fewer cannot come near the error rate of a run.
MIN_PROPOSING_FRAGMENTS = 3


def background_rows(controls: list[Findings], settings: CallSettings) -> list[dict[str, object]]:
    """Return the rows of BACKGROUND: each allele that is an error of at least one control.

    A control without a gene (failed, not covered) does not count there. Alleles that every control
    that shows them carries itself are no errors and have no row.
    """
    rows = []
    for gene in dict.fromkeys(symbol for findings in controls for symbol in findings.genes):
        measured = [findings for findings in controls if gene in findings.genes]
        window = measured[0].genes[gene].window
        for allele, counts in (
            *_substitutions([findings.genes[gene] for findings in measured]),
            *_complex_changes(measured, gene, settings),
        ):
            if counts is None or not counts.showing:
                continue
            numbers = (
                counts.errors, counts.total, counts.controls, counts.showing, counts.left_out,
            )  # fmt: skip
            rows.append(
                {"gene": gene, "chrom": window.contig}
                | {"pos": allele.pos, "ref": allele.ref, "alt": allele.alt}
                | dict(zip(COUNT_COLUMNS, numbers, strict=True))
                | {"variation": counts.variation}
            )
    return rows


def _substitutions(parts: list[GeneFindings]) -> Iterator[tuple[Allele, SiteCounts | None]]:
    gene, window = parts[0].gene, parts[0].window
    counts = np.stack([part.calls.pileup.counts.sum(axis=0) for part in parts])
    depth = counts.sum(axis=1)
    code = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)]
    context, none = contexts(window), np.zeros(3)
    wanted = wanted_positions(gene, window) & (code < 4)
    rates: dict[tuple[int, int], float] = {}
    for alt, index in np.argwhere((counts.sum(axis=0) > 0) & wanted).tolist():
        if alt == code[index]:
            continue
        key = (int(context[index]), alt)
        if key not in rates:
            found = [part.calls.errors.substitution_rate(*key, none, none) for part in parts]
            rates[key] = float(np.mean(found))
        allele = Allele(window.start + index, window.sequence[index], BASES[alt])
        yield (
            allele,
            site_counts(counts[:, alt, index].tolist(), depth[:, index].tolist(), rates[key]),
        )


def _complex_changes(
    controls: list[Findings], gene: str, settings: CallSettings
) -> Iterator[tuple[Allele, SiteCounts | None]]:
    proposed: dict[Allele, int] = {}
    for findings in controls:
        for allele, fragments in findings.genes[gene].calls.proposed.items():
            proposed[allele] = proposed.get(allele, 0) + fragments
    for allele in sorted(a for a, n in proposed.items() if n >= MIN_PROPOSING_FRAGMENTS):
        seen = []
        for findings in controls:
            part = findings.genes[gene]
            segments = window_segments(findings, part.gene, allele)
            seen.append(count_known(segments, part.window, part.calls, allele, settings))
        rate = float(np.mean([evidence.mean_error for evidence in seen]))
        yield (
            allele,
            site_counts(
                [evidence.alt_fragments for evidence in seen],
                [evidence.depth for evidence in seen],
                rate,
            ),
        )
