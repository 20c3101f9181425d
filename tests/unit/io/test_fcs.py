"""Every FCS file is read right or refused with a named reason; no free text leaves the reader."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.io.fcs import UnreadableFile, read_data_sets, read_fcs, read_fcs_header

NAME = "Doe-Nobody"


def fcs(
    values,
    names,
    *,
    kind="F",
    keywords=None,
    header=None,
    text_offsets=None,
    tail=b"",
    delimiter="/",
    packed=None,
):
    """Bytes of a file whose segments are laid out by hand, little-endian unless told otherwise."""
    values = np.asarray(values)
    events, channels = values.shape
    data = packed or values.astype({"F": "<f4", "D": "<f8", "I": "<u2"}[kind]).tobytes()
    text = {
        "$BYTEORD": "1,2,3,4", "$DATATYPE": kind, "$MODE": "L", "$NEXTDATA": "0",
        "$PAR": str(channels), "$TOT": str(events),
    }  # fmt: skip
    bits = {"F": 32, "D": 64, "I": 16}[kind]
    for n, name in enumerate(names, 1):
        text |= {f"$P{n}N": name, f"$P{n}B": str(bits), f"$P{n}E": "0,0", f"$P{n}R": "262144"}
    text |= keywords or {}

    def segment(begin, end):
        pairs = {**text, "$BEGINDATA": f"{begin:010d}", "$ENDDATA": f"{end:010d}"}
        return delimiter + "".join(f"{k}{delimiter}{v}{delimiter}" for k, v in pairs.items())

    start = 58 + len(segment(0, 0).encode())
    begin, end = text_offsets or (start, start + len(data) - 1)
    head_begin, head_end = header or (start, start + len(data) - 1)
    offsets = (58, start - 1, head_begin, head_end, 0, 0)
    head = b"FCS3.1    " + b"".join(f"{offset:>8}".encode() for offset in offsets)
    return head + segment(begin, end).encode() + data + tail


def write(tmp_path, content, name="tube.fcs"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.fixture
def counted():
    """2,000 events: a counter that rises, a channel that does not, time that rises slowly."""
    random = np.random.default_rng(1)
    return np.column_stack(
        [np.arange(2000), random.normal(500, 100, 2000), np.sort(random.uniform(0, 50, 2000))]
    )


NAMES = ("Event", "FITC-A", "Time")


def test_floats_are_read_as_stored_and_log_amplification_is_ignored(tmp_path, counted):
    path = write(tmp_path, fcs(counted, NAMES, keywords={"$P2E": "4,0"}))
    events = read_fcs(path)
    assert np.allclose(events.values, counted.astype("f4"))
    assert [channel.name for channel in events.channels] == list(NAMES)


def test_log_amplified_integers_become_linear(tmp_path):
    values = np.array([[0], [256], [1023]])
    path = write(tmp_path, fcs(values, ["FL1"], kind="I", keywords={"$P1E": "4,0", "$P1R": "1024"}))
    # 10 ** (4 * x / 1024), with 4,0 read as 4,1
    assert read_fcs(path).values[:, 0] == pytest.approx([1, 10, 10 ** (4 * 1023 / 1024)])


def test_gain_is_divided_out_but_not_of_time(tmp_path, counted):
    path = write(tmp_path, fcs(counted, NAMES, keywords={"$P2G": "4", "$P3G": "0.01"}))
    events = read_fcs(path)
    assert events.values[:, 1] == pytest.approx(counted[:, 1] / 4, rel=1e-5)
    assert events.values[:, 2] == pytest.approx(counted[:, 2], rel=1e-5)


def test_three_byte_integers_are_read(tmp_path):
    packed = b"".join(struct.pack("<I", value)[:3] for value in (1, 70000, 16777215, 5))
    content = fcs(
        np.zeros((2, 2)), ["A", "B"], kind="I", packed=packed,
        keywords={"$P1B": "24", "$P2B": "24", "$P1R": "16777216", "$P2R": "16777216"},
    )  # fmt: skip
    assert read_fcs(write(tmp_path, content)).values.tolist() == [[1, 70000], [16777215, 5]]


def test_ten_bit_values_in_two_bytes_are_read_by_the_bytes(tmp_path):
    values = np.array([[1, 1023], [512, 3]])
    keywords = {"$P1B": "10", "$P2B": "10", "$P1R": "1024", "$P2R": "1024"}
    content = fcs(values, ["A", "B"], kind="I", keywords=keywords)
    assert read_fcs(write(tmp_path, content)).values.tolist() == values.tolist()


def test_tag_bits_in_most_values_are_masked_and_told(tmp_path):
    random = np.random.default_rng(2)
    values = random.integers(0, 1024, (400, 2))
    keywords = {"$P1R": "1024", "$P2R": "1024"}
    content = fcs(values | 0x4000, ["A", "B"], kind="I", keywords=keywords)
    events = read_fcs(write(tmp_path, content))
    assert np.array_equal(events.values, values)
    assert "tag_bits" in {check.check for check in events.checks}


def test_a_few_values_above_the_range_are_real_signal_and_told(tmp_path):
    values = np.full((1000, 1), 100)
    values[7] = 60000
    content = fcs(values, ["A"], kind="I", keywords={"$P1R": "1024"})
    events = read_fcs(write(tmp_path, content))
    assert events.values.max() == 60000
    assert [check.value for check in events.checks if check.check == "off_scale"] == [1]


def test_time_and_counter_tell_which_offset_is_right(tmp_path, counted):
    right = read_fcs(write(tmp_path, fcs(counted, NAMES))).values
    content = fcs(counted, NAMES)
    start = content.index(b"$BEGINDATA/") + 11
    place = int(content[start : start + 10])
    # TEXT points one value too early: the columns would be rotated
    wrong = fcs(counted, NAMES, text_offsets=(place - 4, place - 4 + counted.size * 4 - 1))
    events = read_fcs(write(tmp_path, wrong))
    assert np.array_equal(events.values, right)
    assert "data_offset" in {check.check for check in events.checks}


def test_undecidable_offsets_are_refused(tmp_path):
    values = np.random.default_rng(3).normal(500, 10, (500, 2))
    content = fcs(values, ["A-A", "B-A"], tail=b"\0" * 64)
    start = int(content[content.index(b"$BEGINDATA/") + 11 :][:10])
    wrong = fcs(values, ["A-A", "B-A"], text_offsets=(start + 8, start + 8 + 3999), tail=b"\0" * 64)
    with pytest.raises(UnreadableFile, match="disagree about where DATA starts"):
        read_fcs(write(tmp_path, wrong))


def test_an_end_one_byte_late_is_harmless(tmp_path, counted):
    content = fcs(counted, NAMES)
    start = int(content[content.index(b"$BEGINDATA/") + 11 :][:10])
    late = fcs(counted, NAMES, header=(start, start + counted.size * 4), tail=b"\0\0")
    assert len(read_fcs(write(tmp_path, late))) == 2000


def test_blank_offsets_in_the_header_are_taken_from_text(tmp_path, counted):
    content = fcs(counted, NAMES)
    assert len(read_fcs(write(tmp_path, content[:26] + b" " * 16 + content[42:]))) == 2000


@pytest.mark.parametrize("read", [read_fcs, read_fcs_header], ids=["events", "header"])
def test_a_truncated_file_is_refused_naming_both_sizes(tmp_path, counted, read):
    whole = fcs(counted, NAMES)
    path = write(tmp_path, whole[: len(whole) // 2])
    with pytest.raises(UnreadableFile) as refusal:
        read(path)
    assert str(len(whole) - 1) in str(refusal.value)
    assert str(len(whole) // 2) in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"BAM\x01 not flow cytometry at all", "not an FCS file"),
        (b"FCS3.1", "ends inside its HEADER"),
    ],
    ids=["empty", "other format", "header cut"],
)
def test_what_is_no_fcs_file_is_refused_by_name(tmp_path, content, reason):
    with pytest.raises(UnreadableFile, match=reason):
        read_fcs(write(tmp_path, content))


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"$MODE": "C"}, r"\$MODE"),
        ({"$DATATYPE": "A"}, r"\$DATATYPE"),
        ({"$BYTEORD": "3,4,1,2"}, r"\$BYTEORD"),
        ({"$P2DATATYPE": "I"}, "mixed data types"),
        ({"$TOT": "0"}, "0 events"),
        ({"$TOT": "many"}, r"\$TOT is not a whole number"),
        ({"$P2N": ""}, r"\$P2N is missing"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, counted, keywords, reason):
    with pytest.raises(UnreadableFile, match=reason):
        read_fcs(write(tmp_path, fcs(counted, NAMES, keywords=keywords)))


def test_values_that_are_not_finite_are_refused(tmp_path, counted):
    counted[5, 1] = np.nan
    with pytest.raises(UnreadableFile, match="1 of 2000 events"):
        read_fcs(write(tmp_path, fcs(counted, NAMES)))


def test_shuffled_events_are_refused(tmp_path, counted):
    np.random.default_rng(4).shuffle(counted)
    with pytest.raises(UnreadableFile, match="out of order"):
        read_fcs(write(tmp_path, fcs(counted, NAMES)))


@pytest.mark.parametrize(
    ("names", "time"),
    [(("A", "B", "C"), None), (("A", "B", "Time"), 0.0)],
    ids=["no time channel", "constant time"],
)
def test_a_time_check_that_is_impossible_is_never_passed(tmp_path, counted, names, time):
    if time is not None:
        counted[:, 2] = time
    events = read_fcs(write(tmp_path, fcs(counted, names)))
    verdict = {check.check: check.verdict for check in events.checks}
    assert verdict["event_order"] == "NOT_POSSIBLE"


def test_a_constant_channel_is_named(tmp_path, counted):
    counted[:, 1] = 7
    events = read_fcs(write(tmp_path, fcs(counted, NAMES)))
    told = [check.message for check in events.checks if check.check == "constant_channels"]
    assert "FITC-A" in told[0]


def test_doubled_delimiters_and_empty_values_are_told_apart(tmp_path, counted):
    keywords = {"$INST": "", "$FIL": "x.fcs", "$P2S": "CD3//FITC"}
    events = read_fcs(write(tmp_path, fcs(counted, NAMES, keywords=keywords)))
    assert events.names[1] == ("FITC-A", "CD3/FITC")


def test_two_channels_of_one_name_both_survive_and_are_flagged(tmp_path, counted):
    keywords = {"$P1S": "CD3", "$P2S": "CD7"}
    events = read_fcs(write(tmp_path, fcs(counted, ["FL1", "FL1", "Time"], keywords=keywords)))
    assert events.names[:2] == [("FL1", "CD3"), ("FL1", "CD7")]
    assert "duplicate_channels" in {check.check for check in events.checks}


def test_the_header_alone_gives_names_and_number_of_events(tmp_path, counted):
    header = read_fcs_header(write(tmp_path, fcs(counted, NAMES, keywords={"$P2S": "CD3"})))
    assert header.channels == [("Event", ""), ("FITC-A", "CD3"), ("Time", "")]
    assert header.events == 2000


def test_no_free_text_leaves_the_reader(tmp_path, counted):
    keywords = dict.fromkeys(
        ("$SRC", "$FIL", "$OP", "$CELLS", "&10PATIENT ID", "@SAMPLEID1", "TUBE NAME", "$INST"), NAME
    )
    events = read_fcs(write(tmp_path, fcs(counted, NAMES, keywords=keywords), f"{NAME}.fcs"))
    assert NAME not in repr(vars(events))


def test_no_refusal_repeats_a_keyword_or_the_file_name(tmp_path, counted):
    for keywords in ({"$MODE": NAME}, {"$TOT": NAME}, {"$BYTEORD": NAME}, {"$DATATYPE": NAME}):
        path = write(tmp_path, fcs(counted, NAMES, keywords=keywords), f"{NAME}.fcs")
        with pytest.raises(UnreadableFile) as refusal:
            read_fcs(path)
        assert NAME not in str(refusal.value)


def test_a_missing_file_is_refused_without_its_path(tmp_path):
    with pytest.raises(UnreadableFile) as refusal:
        read_fcs(tmp_path / f"{NAME}.fcs")
    assert NAME not in str(refusal.value)


GOOD = fcs(
    np.column_stack([np.arange(50), np.random.default_rng(5).normal(0, 9, 50), np.arange(50)]),
    NAMES,
    keywords={"$SPILLOVER": "2,Event,FITC-A,1,0.1,0.2,1", "$P2S": "CD3"},
)


@settings(max_examples=500)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=6)),
        min_size=1,
        max_size=6,
    ),
    length=st.integers(0, len(GOOD)) | st.just(len(GOOD)),
)
def test_a_damaged_file_is_read_or_refused_but_never_crashes(tmp_path_factory, edits, length):
    content = bytearray(GOOD)
    for place, damage in edits:
        content[place : place + len(damage)] = damage
    path = tmp_path_factory.getbasetemp() / "damaged.fcs"
    path.write_bytes(bytes(content[:length]))
    try:
        sets = read_data_sets(path)
    except UnreadableFile:
        return
    assert all(np.isfinite(one.values).all() for one in sets)
