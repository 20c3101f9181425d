"""Every word of a table has words for readers, and no two signs look alike."""

import pytest

from aftercar.contracts.cytometry import CUT_SOURCES, RATIO_SCOPES, ROLES
from aftercar.contracts.evidence import MEASURES, RECOVERY
from aftercar.contracts.sequencing import COPY_STATES, LOH_STATES, ORIGINS
from aftercar.contracts.singlecell import IDENTITIES
from aftercar.contracts.vocabulary import (
    ANTIGEN_STATUS,
    ASSAYS,
    CHECK_VERDICT,
    MEASUREMENT_STATUS,
    RISK_CATEGORY,
    RULE_STATUS,
    SPECIMENS,
)
from aftercar.report.cohort import LETTER
from aftercar.report.domains import SCOPE_WORDS
from aftercar.report.limits import ASSAY_LIMITS, NOT_DONE
from aftercar.report.pictures import IDENTITY_COLOURS
from aftercar.report.populations import CUT_WORDS
from aftercar.report.words import (
    ANTIGEN_WORDS,
    ASSAY_WORDS,
    BOUND_WORDS,
    CALLABILITY_WORDS,
    COPY_WORDS,
    COURSE_GROUPS,
    LINEAGE_WORDS,
    LOH_WORDS,
    MEASUREMENT_WORDS,
    ORIGIN_WORDS,
    RISK_SHORT,
    RISK_WORDS,
    ROLE_WORDS,
    RULE_WORDS,
    SPECIMEN_WORDS,
    STATUS_WORDS,
    VERDICT_WORDS,
    population_title,
)


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        (RISK_CATEGORY, RISK_WORDS),
        (RISK_CATEGORY, RISK_SHORT),
        (RISK_CATEGORY, BOUND_WORDS),
        (RISK_CATEGORY, LETTER),
        (RULE_STATUS, RULE_WORDS),
        (MEASUREMENT_STATUS, MEASUREMENT_WORDS),
        (MEASUREMENT_STATUS, CALLABILITY_WORDS),
        (ANTIGEN_STATUS, ANTIGEN_WORDS),
        (CHECK_VERDICT, VERDICT_WORDS),
        (LOH_STATES, LOH_WORDS),
        (ORIGINS, ORIGIN_WORDS),
        (COPY_STATES, COPY_WORDS),
        (CUT_SOURCES, CUT_WORDS),
        (ROLES[1:], ROLE_WORDS),
        (RATIO_SCOPES, SCOPE_WORDS),
        (ASSAYS, ASSAY_WORDS),
        (("", *SPECIMENS), SPECIMEN_WORDS),
        (IDENTITIES, IDENTITY_COLOURS),
        (RECOVERY.columns["lineage"].allowed, LINEAGE_WORDS),
        ((*ASSAYS, "labs"), ASSAY_LIMITS),
        ((*ASSAYS, "labs"), NOT_DONE),
    ],
)
def test_every_word_of_a_vocabulary_has_words_for_readers(vocabulary, words):
    assert set(vocabulary) <= set(words)


def test_not_tested_never_shares_a_sign_with_a_negative_result():
    negative = {
        RISK_WORDS["NO_SIGNAL"][1],
        RULE_WORDS["ABSENT"][1],
        MEASUREMENT_WORDS["NOT_DETECTED"][1],
    }
    untested = {
        RISK_WORDS["NOT_ASSESSABLE"][1],
        RULE_WORDS["NOT_ASSESSED"][1],
        RULE_WORDS["INDETERMINATE"][1],
        MEASUREMENT_WORDS["NOT_ASSESSED"][1],
        MEASUREMENT_WORDS["INDETERMINATE"][1],
        MEASUREMENT_WORDS["FAILED"][1],
        ANTIGEN_WORDS["NOT_EVALUABLE"][1],
        VERDICT_WORDS["NOT_POSSIBLE"][1],
        RISK_WORDS["NOT_APPLICABLE"][1],
        LOH_WORDS["NOT_INFORMATIVE"][1],
        COPY_WORDS["NOT_DETERMINED"][1],
    }
    assert not negative & untested


def test_every_kind_of_sign_is_drawn(root):
    signs = (root / "scripts/aftercar/report/templates/signs.svg.j2").read_text()
    for words in STATUS_WORDS.values():
        for _, kind in words.values():
            assert f'id="sign-{kind}"' in signs


def test_curves_are_drawn_of_known_measures():
    assert {m for _, _, measures in COURSE_GROUPS for m in measures} <= set(MEASURES)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("b_lineage", "B lineage"),
        ("car_cd4_t", "CAR CD4 T"),
        ("cd3_negative_lymphocytes", "CD3 negative lymphocytes"),
        ("blast_like", "blast like"),
        ("root", "all events"),
    ],
)
def test_a_gate_without_a_role_reads_as_the_field_writes_it(name, title):
    assert population_title(name) == title
