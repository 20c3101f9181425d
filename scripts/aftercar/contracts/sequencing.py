"""Tables of the sequencing stream, bulk and per cell."""

from aftercar.contracts.specimen import KNOWN_FROM_DAY, PATIENT_ID, WHO_WHEN
from aftercar.contracts.table import Column, Table
from aftercar.contracts.vocabulary import ASSAYS, MEASUREMENT_STATUS, SPECIMENS

TIERS = ("T1", "T2", "T3", "T4", "POLYMORPHISM", "NONE")
# How a variant came to be in the specimen; only SOMATIC was acquired for sure.
ORIGINS = ("SOMATIC", "GERMLINE", "POLYMORPHISM", "POSSIBLY_GERMLINE", "NOT_DETERMINED")
HISTORY_VERDICTS = (
    "PRE_EXISTING", "NOT_DETECTED_BEFORE", "NOT_ASSESSABLE", "INHERITED", "POSSIBLY_INHERITED",
)  # fmt: skip
CONSEQUENCES = (
    "frameshift",
    "stop_gained",
    "start_lost",
    "stop_lost",
    "splice_donor",
    "splice_acceptor",
    "inframe_deletion",
    "inframe_insertion",
    "inframe_indel",
    "missense",
    "synonymous",
    "exon_deletion",
    "intron",
    "utr",
    "outside_transcript",
)
LOH_STATES = ("LOH", "NO_LOH", "IMBALANCE", "NOT_INFORMATIVE")
COPY_STATES = (
    "BIALLELIC",
    "MONOALLELIC",
    "NO_HIT",
    "SUBCLONAL_ALTERNATIVES",
    "SAME_CELLS_PHASE_UNKNOWN",
    "CIS",
    "NOT_CIS",
    "NOT_DETERMINED",
)
LOH_MECHANISMS = ("deletion", "copy_neutral", "gain", "not_determined", "")
SPLICE_EVENTS = ("exon2_skipping", "exon5_6_skipping", "intron2_retention")
ARTEFACT_EVENT = "gap_within_exon"
OTHER_JUNCTION = "other_junction"
# What a cell carries, where its molecules or reads tell it with 95 %; zygosity from DNA only.
CELL_GENOTYPES = ("wild_type", "heterozygous", "homozygous", "mutant", "")
CELL_STATES = ("MUTANT", "REFERENCE_ONLY", "AMBIGUOUS", "NO_COVERAGE", "ABSENT_FROM_FILE")

_VAF = Column("float64", "variant allele fraction, 0 to 1", minimum=0, maximum=1, nullable=True)
_FRACTION = Column("float64", "fraction, 0 to 1", minimum=0, maximum=1, nullable=True)
_COUNT = Column("int64", "count", minimum=0, nullable=True)
_FLAGS = Column("string", "what a reader must know about the value, separated by '; '")
_STATUS = Column("string", "measurement status", allowed=MEASUREMENT_STATUS)
_ASSAY = Column("string", "kind of assay", allowed=ASSAYS)
_GENE = Column("string", "HGNC symbol")
_YES_NO = Column("string", "yes, no, or empty: does not apply", allowed=("yes", "no", ""))

_LOCUS = {
    "chrom": Column("string", "contig, as in the reference"),
    "pos": Column("int64", "1-based position, left-aligned", minimum=1),
    "ref": Column("string", "reference allele", pattern=r"[ACGTN]+"),
    "alt": Column("string", "alternative allele", pattern=r"[ACGTN]+"),
}

VARIANTS = Table(
    name="variants",
    key=("sample_id", "gene", "chrom", "pos", "ref", "alt"),
    columns=WHO_WHEN
    | {"assay": _ASSAY, "gene": _GENE, "transcript": Column("string", "RefSeq, MANE Select")}
    | _LOCUS
    | {
        "exon": Column("string", "number of the exon, or empty"),
        "hgvs_c": Column("string", "HGVS, coding, 3' rule"),
        "hgvs_p": Column("string", "HGVS, protein; empty: no protein change is predicted"),
        "consequence": Column("string", "effect on the transcript", allowed=CONSEQUENCES),
        "stop_codon": Column("int64", "codon of the new stop", minimum=1, nullable=True),
        "nmd_candidate": _YES_NO,
        "loses_transmembrane": _YES_NO,
        "tier": Column(
            "string",
            "T1 truncating or canonical splice; T2 start loss, exon or in-frame loss; T3 epitope "
            "region or known hotspot missense; T4 elsewhere, or in the motif of a splice site; "
            "POLYMORPHISM: known in the population",
            allowed=TIERS,
        ),
        "origin": Column(
            "string",
            "SOMATIC: absent from a deep matched normal; GERMLINE: inherited, half or all of "
            "the matched normal, which for T1 and T2 is known to be free of leukemia (its purity, "
            "or a second specimen); POLYMORPHISM: known in the population; POSSIBLY_GERMLINE: a "
            "fraction near 50 % or 100 %, too few fragments of the normal, or leukemia in it; "
            "NOT_DETERMINED: none of these is shown; flags say what is excluded, such as not "
            "inherited, unless from a donor",
            allowed=ORIGINS,
        ),
        "normal_alt_fragments": Column(
            "int64", "fragments of the matched normal with the variant", minimum=0, nullable=True
        ),
        "normal_depth": Column(
            "int64", "fragments of the matched normal at the site", minimum=0, nullable=True
        ),
        "alt_fragments": _COUNT,
        "depth": Column("int64", "fragments that tell reference from alternative", minimum=0),
        "vaf": _VAF,
        "vaf_low": _VAF,
        "vaf_high": _VAF,
        "log10_bayes_factor": Column("float64", "variant against error only", nullable=True),
        "posterior": Column(
            "float64",
            "probability of the variant given the reads, if one base in a million carries one",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "detectable_vaf": Column(
            "float64",
            "smallest VAF that this depth shows with 95 % probability",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "known_from_day": KNOWN_FROM_DAY,
        "status": _STATUS,
        "filter": Column("string", "PASS, or reasons separated by ';'"),
        "flags": _FLAGS,
    },
)

VARIANT_HISTORY = Table(
    name="since when variants are there",
    key=("patient_id", "gene", "chrom", "pos", "ref", "alt"),
    columns={"patient_id": PATIENT_ID, "gene": _GENE}
    | _LOCUS
    | {name: VARIANTS.columns[name] for name in ("hgvs_c", "hgvs_p", "tier", "origin")}
    | {
        "called_day": Column("int64", "day of the first specimen that calls it by itself"),
        "called_sample": Column("string", "that specimen"),
        "first_seen_day": Column(
            "int64", "day of the first specimen that shows it, also when it was only looked for"
        ),
        "first_seen_sample": Column("string", "that specimen"),
        "first_seen_assay": Column("string", "its assay", allowed=ASSAYS),
        "first_seen_fraction": Column(
            "float64", "its fraction: VAF, or share of the covered cells", nullable=True
        ),
        "last_negative_day": Column(
            "int64", "day of the last DNA specimen before that does not show it", nullable=True
        ),
        "last_negative_sample": Column("string", "that specimen, or empty: there is none"),
        "last_negative_specimen": Column(
            "string", "what was collected, or empty", allowed=("", *SPECIMENS)
        ),
        "last_negative_limit": Column(
            "float64",
            "fraction of the leukemia that it would have shown: its limit over its purity, or over "
            "the largest fraction of a variant of the leukemia in it",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "limit_before_infusion": Column(
            "float64",
            "smallest fraction of the leukemia that a negative DNA specimen of day 0 or before "
            "would have shown",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "verdict": Column(
            "string",
            "PRE_EXISTING: a specimen of day 0 or before shows it; NOT_DETECTED_BEFORE: none does, "
            "and fractions of the leukemia from limit_before_infusion on are excluded; "
            "NOT_ASSESSABLE: none could, also because nothing speaks for leukemic cells in it; "
            "INHERITED: origin GERMLINE; POSSIBLY_INHERITED: shown before, POSSIBLY_GERMLINE",
            allowed=HISTORY_VERDICTS,
        ),
        "known_from_day": KNOWN_FROM_DAY,
        "flags": _FLAGS,
    },
)

BACKGROUND = Table(
    name="errors of healthy controls by site",
    key=("gene", "chrom", "pos", "ref", "alt"),
    columns={"gene": _GENE}
    | _LOCUS
    | {
        "error_fragments": Column("int64", "fragments of all controls with the allele", minimum=0),
        "fragments": Column("int64", "fragments of all controls at the site", minimum=1),
        "controls": Column("int64", "controls with fragments at the site", minimum=1),
        "controls_showing": Column("int64", "of these, how many show the allele", minimum=1),
        "controls_left_out": Column(
            "int64", "further controls that carry the allele: inherited, or a clone", minimum=0
        ),
        "variation": Column(
            "float64", "squared coefficient of variation of the rate between controls", minimum=0
        ),
    },
)

CALLABILITY = Table(
    name="callability",
    key=("sample_id", "gene", "exon"),
    columns=WHO_WHEN
    | {
        "assay": _ASSAY,
        "gene": _GENE,
        "exon": Column("string", "number of the exon, or all"),
        "cds_bases": Column("int64", "coding bases", minimum=0),
        "depth": Column("float64", "median fragments per coding base", minimum=0, nullable=True),
        "depth_min": Column("int64", "fewest fragments on a coding base", minimum=0, nullable=True),
        "detectable_vaf": Column(
            "float64",
            "smallest VAF detectable (95 %) on at least 95 % of the coding bases, of exchanged "
            "bases and short changes of length, not of whole exons; all: in each exon; missing: "
            "none",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "target_vaf": Column("float64", "VAF asked for in the configuration", minimum=0, maximum=1),
        "callable_fraction": Column(
            "float64",
            "share of coding bases where target_vaf is detectable",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "status": Column(
            "string",
            "NOT_DETECTED: callable, no loss-of-function found; QUANTIFIED: one was found; "
            "INDETERMINATE: too shallow, or a variant of unsure effect or a doubted one leaves it "
            "open; NOT_ASSESSED: no coverage; FAILED",
            allowed=MEASUREMENT_STATUS,
        ),
        "flags": _FLAGS,
    },
)


def _difference(name: str, compared_with: str) -> dict[str, Column]:
    """Return the columns that compare a fraction with that of other specimens."""

    def signed(about: str) -> Column:
        return Column("float64", about, minimum=-1, maximum=1, nullable=True)

    return {
        f"{name}_difference": signed(f"event_fraction minus that of {compared_with}"),
        f"{name}_difference_low": signed("lower 95 % limit"),
        f"{name}_difference_high": signed("upper 95 % limit"),
        f"{name}_p": Column(
            "float64",
            "p that both have one fraction (beta-binomial likelihood ratio; from the interval "
            "where a background was subtracted)",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
    }


CALLABLE_BASES = Table(
    name="callable bases",
    key=("sample_id", "gene", "pos"),
    columns={
        "sample_id": WHO_WHEN["sample_id"],
        "patient_id": WHO_WHEN["patient_id"],
        "gene": _GENE,
        "exon": Column("string", "number of the exon"),
        "chrom": Column("string", "contig, as in the reference"),
        "pos": Column("int64", "1-based position", minimum=1),
        "coding_position": Column("int64", "c. number", minimum=1),
        "depth": Column("int64", "fragments with a base", minimum=0),
        "detectable_vaf_substitution": Column(
            "float64",
            "smallest VAF of an exchanged base that would be called with 95 % probability; "
            "missing: none",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "detectable_vaf_length_change": Column(
            "float64",
            "the same of a lost or gained base in the run of equal bases that holds this one",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
    },
)

SPLICING = Table(
    name="splicing",
    key=("sample_id", "gene", "event", "junction"),
    columns=WHO_WHEN
    | {
        "gene": _GENE,
        "event": Column(
            "string",
            f"named event; {ARTEFACT_EVENT}: artefact of reverse transcription, not a finding; "
            f"{OTHER_JUNCTION}: neither annotated nor named",
            allowed=(*SPLICE_EVENTS, ARTEFACT_EVENT, OTHER_JUNCTION),
        ),
        "junction": Column(
            "string", "first and last position that is spliced out, or of the intron retained"
        ),
        "structure": Column("string", "what becomes of the exons"),
        "consequence": Column("string", "what the gene model predicts for the protein"),
        "event_fragments": _COUNT,
        "canonical_fragments": Column(
            "float64", "fragments (mean over junctions)", minimum=0, nullable=True
        ),
        "event_fraction": _FRACTION,
        "event_fraction_low": _FRACTION,
        "event_fraction_high": _FRACTION,
        "overdispersion": Column(
            "float64",
            "intra-class correlation of fragments that the limits take into account",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "earlier_sample": Column("string", "earlier RNA of the patient, or empty: no comparison"),
    }
    | _difference("earlier", "the earlier specimen")
    | {"control_samples": Column("string", "healthy RNA, separated by ;, or empty: no comparison")}
    | _difference("control", "the healthy RNA")
    | {"status": _STATUS, "flags": _FLAGS},
)

LOH = Table(
    name="loss of heterozygosity",
    key=("sample_id", "gene"),
    columns=WHO_WHEN
    | {
        "gene": _GENE,
        "informative_snps": _COUNT,
        "fragments": _COUNT,
        "allele_fraction": Column(
            "float64", "share of the major allele over all informative SNPs", nullable=True
        ),
        "allele_fraction_low": Column("float64", "lower 95 % limit", nullable=True),
        "allele_fraction_high": Column("float64", "upper 95 % limit", nullable=True),
        "p_value": Column(
            "float64",
            "p that both copies are even (beta-binomial likelihood ratio)",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "depth_ratio": Column(
            "float64",
            "depth over that of other genes, relative to normal specimens of the same design",
            minimum=0,
            nullable=True,
        ),
        "depth_ratio_low": Column("float64", "lower 95 % limit", minimum=0, nullable=True),
        "depth_ratio_high": Column("float64", "upper 95 % limit", minimum=0, nullable=True),
        "purity": Column(
            "float64",
            "share of leukemic cells, as in samples.tsv; missing: not known",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "mechanism": Column(
            "string", "what depth and alleles tell together", allowed=LOH_MECHANISMS
        ),
        "affected_fraction_low": Column(
            "float64", "smallest share of all cells with the loss", nullable=True
        ),
        "affected_fraction_high": Column(
            "float64", "largest share of all cells with the loss", nullable=True
        ),
        "state": Column(
            "string",
            "NO_LOH: no loss in more than affected_fraction_high of all cells, INDETERMINATE "
            "without purity; NOT_INFORMATIVE is not NO_LOH; IMBALANCE: uneven, a loss is not told "
            "from a gain",
            allowed=LOH_STATES,
        ),
        "status": _STATUS,
        "flags": _FLAGS,
    },
)

BIALLELIC = Table(
    name="copies of a gene that are hit",
    key=("sample_id", "gene", "basis", "first", "second"),
    columns=WHO_WHEN
    | {
        "gene": _GENE,
        "basis": Column(
            "string",
            "dna: all hits of a gene in bulk DNA; molecules: fragments that cover two variants; "
            "cells: single cells that cover two variants",
            allowed=("dna", "molecules", "cells"),
        ),
        "first": Column("string", "variant, HGVS coding; empty: the row is about all hits"),
        "second": Column("string", "variant, HGVS coding; empty: the row is about all hits"),
        "hits": Column("string", "loss-of-function variants with their fractions, and lost copies"),
        "both": Column("int64", "molecules or cells with both variants", minimum=0, nullable=True),
        "first_only": Column(
            "int64", "of those that cover both positions", minimum=0, nullable=True
        ),
        "second_only": Column(
            "int64", "of those that cover both positions", minimum=0, nullable=True
        ),
        "state": Column(
            "string",
            "BIALLELIC: both copies are hit in the same cells; MONOALLELIC: one is, the other was "
            "read and is there; NO_HIT; SUBCLONAL_ALTERNATIVES: hits that fit into different "
            "cells, not added up; SAME_CELLS_PHASE_UNKNOWN: in the same cells, on one copy or on "
            "two; CIS, NOT_CIS: on one copy, not on one copy (of one cell or of two)",
            allowed=COPY_STATES,
        ),
        "cells_fraction_low": Column(
            "float64",
            "smallest share of all cells with both copies hit (rows of cells: with both variants)",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "cells_fraction_high": Column(
            "float64", "largest share of these cells", minimum=0, maximum=1, nullable=True
        ),
        "p_value": Column(
            "float64",
            "rows of cells: p that doublets alone explain cells with both",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "known_from_day": KNOWN_FROM_DAY,
        "status": _STATUS,
        "flags": _FLAGS,
    },
)

GENOTYPES = Table(
    name="cell genotypes",
    key=("sample_id", "barcode", "chrom", "pos", "ref", "alt"),
    columns={
        "sample_id": WHO_WHEN["sample_id"],
        "patient_id": WHO_WHEN["patient_id"],
        "barcode": Column("string", "as listed by the user"),
        "gene": _GENE,
    }
    | _LOCUS
    | {
        "hgvs_c": Column("string", "HGVS, coding"),
        "ref_umis": Column("int64", "molecules with the reference allele", minimum=0),
        "alt_umis": Column("int64", "molecules with the alternative allele", minimum=0),
        "other_umis": Column("int64", "molecules with a third allele", minimum=0),
        "ambiguous_umis": Column("int64", "molecules that tell no allele", minimum=0),
        "ref_reads": Column("int64", "reads with the reference allele", minimum=0),
        "alt_reads": Column("int64", "reads with the alternative allele", minimum=0),
        "posterior_mutant": Column(
            "float64", "probability that the cell carries the variant", minimum=0, maximum=1
        ),
        "state": Column("string", "REFERENCE_ONLY is not wild type", allowed=CELL_STATES),
        "genotype": Column(
            "string",
            "what the cell carries with 95 % probability, dropout and doublets considered; mutant: "
            "zygosity is not known; empty: not known",
            allowed=CELL_GENOTYPES,
        ),
    },
)

CLONES = Table(
    name="clones",
    key=("sample_id", "clone"),
    columns=WHO_WHEN
    | {
        "clone": Column("string", "variant or clonotype (chain and CDR3) that marks the clone"),
        "gene": Column("string", "HGNC symbol; empty: a clonotype"),
        "basis": Column("string", "what marks the clone", allowed=("genotype", "clonotype")),
        "cells_listed": _COUNT,
        "cells_covered": _COUNT,
        "cells_mutant": _COUNT,
        "fraction": _FRACTION,
        "fraction_low": _FRACTION,
        "fraction_high": _FRACTION,
        "detectable_fraction": Column(
            "float64",
            "smallest clone fraction that would have shown with 95 % probability, if its cells "
            "show the variant as nine in ten kinds of carriers do; RNA never excludes a variant; "
            "of a clonotype: three cells among those with a receptor",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "known_from_day": KNOWN_FROM_DAY,
        "status": _STATUS,
        "flags": _FLAGS,
    },
)
