"""The status of a report by its signatures, and what changed since it was signed."""

import pytest
from tests.unit.report.made_up import all_failed, content_of, page_of, typical

from aftercar.contracts.signatures import (
    SignatureError,
    audit_lines,
    canonical,
    next_line,
    reviewer_name,
    verified_content,
)
from aftercar.report.amendments import ARROW, KINDS, amendments
from aftercar.report.figures import patient_figures
from aftercar.report.pages import render_patient
from aftercar.report.sign_off import with_sign_off


def content(make=typical, **more):
    return content_of(make, **more)[0]


def signed(lines, what, reviewer="R. Viewer"):
    line = next_line(
        lines,
        what,
        reviewer=reviewer,
        signed_at=f"2026-03-0{len(lines) + 1}T10:00:00Z",
        snapshot=f"S01.{len(lines) + 1}.json",
    )
    return [*lines, line]


def corrected():
    """The typical patient after a laboratory corrected a B-cell count and a category moved."""
    tables, rows, views, cells = typical()
    evidence = tables["evidence"].copy()
    here = (evidence["measure"] == "b_cells_per_ul") & (evidence["value"] == 118)
    assert here.any()
    evidence.loc[here, ["value", "low", "high"]] = [18.0, 15.0, 21.0]
    risk = tables["risk"].copy()
    moved = (risk["landmark"] == "D180") & (risk["mechanism"] == "M1")
    assert (risk.loc[moved, "category"] == "SIGNAL").all()
    risk.loc[moved, "category"] = "NOT_ASSESSABLE"
    rows["events"].append(
        {"patient_id": "S01", "day": "150", "end_day": "151", "event": "infection"}
    )
    return tables | {"evidence": evidence, "risk": risk}, rows, views, cells


class TestStatus:
    def test_without_a_signature_a_report_is_preliminary(self):
        shown = with_sign_off(content(), [], [])
        assert shown["report_status"]["status"] == "PRELIMINARY"
        assert shown["sign_off"]["lines"] == []

    def test_a_signed_content_is_final_and_names_its_reviewer(self):
        now = content()
        shown = with_sign_off(now, signed([], now), [now])
        assert shown["report_status"]["status"] == "FINAL"
        page = render_patient(shown, patient_figures(shown, *content_of(typical)[1:], {}, None))
        assert "FINAL: reviewed and signed on 2026-03-01" in page
        assert "R. Viewer" in page
        assert "PRELIMINARY" not in page
        assert now["content_sha256"] in page

    def test_a_change_after_signing_is_amended_and_not_signed(self):
        before, now = content(), content(corrected)
        shown = with_sign_off(now, signed([], before), [before])
        assert shown["report_status"]["status"] == "AMENDED, not signed"
        assert len(shown["sign_off"]["lines"]) <= 3
        assert before["content_sha256"][:16] in shown["sign_off"]["lines"][0]

    def test_an_amended_report_that_is_signed_names_what_it_supersedes(self):
        before, now = content(), content(corrected)
        shown = with_sign_off(now, signed(signed([], before), now), [before, now])
        assert shown["report_status"]["status"] == "AMENDED"
        assert before["content_sha256"][:16] in shown["report_status"]["text"]
        assert any("corrected: B cells" in c["text"] for c in shown["sign_off"]["amendments"])

    def test_the_way_back_to_an_older_signed_content_is_not_final(self):
        first, second = content(), content(corrected)
        lines = signed(signed([], first), second)
        shown = with_sign_off(first, lines, [first, second])
        assert shown["report_status"]["status"] == "AMENDED, not signed"

    def test_an_exchanged_snapshot_is_refused(self):
        before, now = content(), content(corrected)
        with pytest.raises(SignatureError, match="snapshots were exchanged"):
            with_sign_off(now, signed([], before), [now])

    def test_a_failed_report_stays_failed_whatever_was_signed(self):
        before, now = content(), content(all_failed)
        shown = with_sign_off(now, signed([], before), [before])
        assert shown["report_status"]["status"] == "FAILED"

    def test_the_content_hash_does_not_depend_on_the_signature(self):
        now = content()
        shown = with_sign_off(now, signed([], now), [now])
        assert shown["content_sha256"] == now["content_sha256"]
        assert verified_content(shown, "S01") == now

    def test_the_research_profile_shows_no_reviewer(self):
        now = content(profile="research")
        shown = with_sign_off(now, signed([], now), [now])
        assert "R. Viewer" not in canonical(shown)


class TestAmendments:
    def test_values_categories_and_events_are_listed_with_old_and_new(self):
        found = [change["text"] for change in amendments(content(), content(corrected))]
        assert (
            "D180 M1 antigen-positive relapse (CD19): Signal \N{RIGHTWARDS ARROW} Not assessable"
            in found
        )
        assert any(
            text.startswith("corrected: B cells, blood S01-d88-b, D88: 118 cells/µL")
            and text.endswith("18 cells/µL (15 to 21)")
            for text in found
        )
        assert "added: infection, D150 to D151" in found

    def test_an_added_value_becomes_a_removed_one_in_the_other_direction(self):
        tables, rows, views, cells = typical()
        fewer = tables | {"evidence": tables["evidence"].iloc[1:]}
        less = content(lambda: (fewer, rows, views, cells))
        added = [c["text"] for c in amendments(less, content()) if c["kind"] == "value"]
        removed = [c["text"] for c in amendments(content(), less) if c["kind"] == "value"]
        assert [text[:6] for text in added] == ["added:"]
        assert [text[:8] for text in removed] == ["removed:"]

    def test_another_software_version_is_told_last_and_alone(self):
        versions = {"aftercar": "0.2.0", "python": "3.11", "numpy": "2.4.6"}
        now = content(versions=versions)
        assert amendments(content(), now) == [
            {"kind": "version", "text": "aftercar: 0.1.0 \N{RIGHTWARDS ARROW} 0.2.0"}
        ]
        both = amendments(content(), content(corrected, versions=versions))
        assert both[-1]["text"].startswith("aftercar: 0.1.0")
        shown = with_sign_off(now, signed([], content()), [content()])
        assert shown["report_status"]["status"] == "AMENDED, not signed"

    @pytest.mark.parametrize(
        "more",
        [
            {"settings": {"cytometry/lod_events": 30}},
            {"code": "000000000000"},
            {"cohort": "another cohort"},
            {"laboratory": "Laboratory of tests"},
            {"evidence_base": ()},
        ],
        ids=lambda more: next(iter(more)),
    )
    def test_no_change_of_the_content_goes_unmentioned(self, more):
        before, now = content(), content(**more)
        assert before["content_sha256"] != now["content_sha256"]
        assert amendments(before, now) != []

    @pytest.mark.parametrize(
        ("sheet", "change", "said"),
        [
            (
                "samples",
                {"day": "394"},
                f"Specimens: S01-d-6-b, Day: D\N{MINUS SIGN}6 {ARROW} D394",
            ),
            ("samples", {"batch": "b9"}, f"Specimens: S01-d-6-b, Batch: b1 {ARROW} b9"),
            ("samples", {"specimen": "CSF"}, f"Specimens: S01-d-6-b, What: blood {ARROW} CSF"),
            ("samples", {"path": ""}, f"Specimens: S01-d-6-b, Status: Used {ARROW} Not tested"),
            ("samples", None, "Specimens: removed: S01-d-6-b, blood, flow cytometry"),
            ("events", {"detail": "5 g"}, f"detail: none {ARROW} 5 g"),
            ("events", {"grading_system": "CTCAE"}, f"grading system: none {ARROW} CTCAE"),
        ],
    )
    def test_a_corrected_specimen_or_event_is_named_with_old_and_new(self, sheet, change, said):
        def corrected_sheet():
            tables, rows, views, cells = typical()
            first, *others = rows[sheet]
            kept = [] if change is None else [first | change]
            return tables, rows | {sheet: [*kept, *others]}, views, cells

        found = amendments(content(), content(corrected_sheet))
        told = [f"{KINDS[one['kind']]}: {one['text']}" for one in found]
        assert any(said in text for text in told), told

    def test_another_file_of_a_specimen_and_a_new_caution_are_named(self):
        def other_file():
            tables, rows, views, cells = typical()
            inputs = tables["inputs"].assign(sha256="cd" * 32)
            return tables | {"inputs": inputs}, rows, views, cells

        found = amendments(content(), content(other_file))
        assert any(one["text"].endswith(f"{ARROW} {'cd' * 6}") for one in found)
        notes = {"review": {"compiled_on": "2026-11-23", "review_by": "2027-11-23"}}
        before = content(evidence_notes=notes | {"issued_on": "2027-01-01"})
        now = content(evidence_notes=notes | {"issued_on": "2028-01-01"})
        assert amendments(before, now)[0]["kind"] == "caution"

    def test_a_change_of_any_part_is_told_and_never_called_no_finding(self):
        before = content()
        for part, held in before.items():
            other = "other"
            if isinstance(held, list):
                other = held[:-1] if held else ["other"]
            elif isinstance(held, dict):
                other = held | {"caption" if "rows" in held else "another": {}}
            now = before | {part: other, "content_sha256": "0" * 64}
            texts = " ".join(one["text"] for one in amendments(before, now))
            assert texts, part
            assert "no finding" not in texts

    def test_the_same_content_has_no_amendments(self):
        assert amendments(content(), content()) == []


class TestSigning:
    def test_a_failed_report_is_refused(self):
        with pytest.raises(SignatureError, match="FAILED report"):
            signed([], content(all_failed))

    def test_the_same_content_is_signed_once(self):
        lines = signed([], content())
        with pytest.raises(SignatureError, match="already signed"):
            signed(lines, content())

    @pytest.mark.parametrize(
        "text", ["", "x", "<b>R</b>", "a" * 81], ids=["empty", "short", "markup", "long"]
    )
    def test_a_reviewer_without_a_usable_name_is_refused(self, text):
        with pytest.raises(SignatureError, match="reviewer"):
            reviewer_name(text)

    def test_a_changed_report_is_not_signed(self):
        now = content()
        now["header"]["outcome"] = "in remission"
        with pytest.raises(SignatureError, match="changed after it was written"):
            verified_content(now, "S01.json")

    def test_a_changed_status_is_seen_even_in_a_signed_report(self):
        now = with_sign_off(content(all_failed), [], [])
        now["sign_off"]["unsigned_status"] = {"status": "PRELIMINARY", "kind": "x", "text": "x"}
        with pytest.raises(SignatureError, match="changed after it was written"):
            verified_content(now, "S03.json")


def written(lines):
    return [canonical(line) for line in lines]


class TestAudit:
    @pytest.fixture
    def lines(self):
        return signed(signed([], content()), content(corrected), reviewer="Second Viewer")

    def test_an_untouched_audit_is_read_back(self, lines):
        assert audit_lines("\n".join(written(lines)) + "\n") == lines

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda rows: [rows[0].replace("R. Viewer", "Nobody"), rows[1]], "it was edited"),
            (lambda rows: [rows[0], rows[1].replace("Second", "Third")], "it was edited"),
            (lambda rows: rows[1:], "removed, added or moved"),
            (lambda rows: rows[::-1], "removed, added or moved"),
            (lambda rows: [rows[0], rows[0]], "removed, added or moved"),
            (lambda rows: [*rows, "{}"], "other fields"),
            (lambda rows: [rows[0][:40]], "not JSON"),
        ],
        ids=[
            "first edited",
            "last edited",
            "first removed",
            "reversed",
            "doubled",
            "foreign",
            "cut",
        ],
    )
    def test_tampering_is_told(self, lines, change, told):
        with pytest.raises(SignatureError, match=told):
            audit_lines("\n".join(change(written(lines))))


def test_a_page_without_signatures_says_so():
    assert "No report of this patient has been signed." in page_of(typical)
