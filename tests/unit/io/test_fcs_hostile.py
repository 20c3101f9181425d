"""What instruments and exports get wrong, made by hand: read right, or refused with a reason."""

import time

import numpy as np
import pytest
from tests.unit.io.test_fcs import NAMES, fcs, write

from aftercar.io.fcs import UnreadableFile, read_fcs, read_fcs_header


@pytest.fixture
def counted():
    """2,000 events: a counter that rises, a channel that does not, time that rises slowly."""
    random = np.random.default_rng(1)
    return np.column_stack(
        [np.arange(2000), random.normal(500, 100, 2000), np.sort(random.uniform(0, 50, 2000))]
    )


def first_byte(content):
    return int(content[content.index(b"$BEGINDATA/") + 11 :][:10])


def version(content, text):
    return text + content[6:]


def verdicts(events):
    return {check.check: check.verdict for check in events.checks}


def integers(values, widths, limits, order="<", bits=None, **more):
    """An integer file with a width in bytes for each column."""
    kinds = np.dtype([(str(n), f"{order}u{width}") for n, width in enumerate(widths)])
    packed = np.array([tuple(row) for row in values], dtype=kinds).tobytes()
    keywords = {"$BYTEORD": "1,2,3,4" if order == "<" else "4,3,2,1"}
    for n, (width, limit) in enumerate(zip(widths, limits, strict=True), 1):
        keywords |= {f"$P{n}B": str((bits or {}).get(n, 8 * width)), f"$P{n}R": str(limit)}
    names = [f"D{n}" for n in range(1, len(widths) + 1)]
    return fcs(values, names, kind="I", packed=packed, keywords=keywords | more)


@pytest.mark.parametrize("order", ["<", ">"])
def test_columns_of_1_2_4_and_8_bytes_are_read_side_by_side(tmp_path, order):
    values = [[1, 300, 70_000, 2**40], [255, 65_535, 4_000_000_000, 2**50 + 3]]
    path = write(tmp_path, integers(values, (1, 2, 4, 8), (256, 65536, 2**32, 2**52), order))
    assert read_fcs(path).values.tolist() == values


@pytest.mark.parametrize("order", ["1,2,3,4", "4,3,2,1"])
def test_doubles_of_either_byte_order_are_read(tmp_path, counted, order):
    packed = counted.astype("<f8" if order[0] == "1" else ">f8").tobytes()
    content = fcs(counted, NAMES, kind="D", packed=packed, keywords={"$BYTEORD": order})
    assert np.array_equal(read_fcs(write(tmp_path, content)).values, counted)


def test_20_bits_in_a_machine_word_are_read_by_the_bytes(tmp_path):
    values = [[1, 1_000_000], [700_000, 5]]
    content = integers(values, (4, 4), (2**20, 2**20), bits={1: 20, 2: 20})
    assert read_fcs(write(tmp_path, content)).values.tolist() == values


def test_bits_that_are_packed_are_refused(tmp_path):
    packed = bytes(25)  # 10 events of two 10-bit values
    content = fcs(np.zeros((10, 2)), "AB", kind="I", packed=packed,
                  keywords={"$P1B": "10", "$P2B": "10"})  # fmt: skip
    with pytest.raises(UnreadableFile, match="packed in bits"):
        read_fcs(write(tmp_path, content))


def test_a_range_that_is_no_power_of_two_is_masked_by_the_power_above(tmp_path):
    values = np.random.default_rng(0).integers(0, 1000, (200, 1))
    content = fcs(values | 0x4000, ["A"], kind="I", keywords={"$P1R": "1000"})
    assert np.array_equal(read_fcs(write(tmp_path, content)).values, values)


def test_integers_in_the_other_byte_order_are_not_taken_for_tags(tmp_path):
    values = np.random.default_rng(0).integers(0, 1024, (400, 2))
    content = fcs(values, "AB", kind="I", packed=values.astype(">u2").tobytes(),
                  keywords={"$P1R": "1024", "$P2R": "1024"})  # fmt: skip
    with pytest.raises(UnreadableFile, match="byte order opposite"):
        read_fcs(write(tmp_path, content))


@pytest.mark.parametrize("limit", ["", "0"], ids=["none", "zero"])
def test_a_missing_range_is_told_and_refuses_logarithms(tmp_path, limit):
    values = [[1], [60_000]]
    path = write(tmp_path, fcs(values, ["A"], kind="I", keywords={"$P1R": limit}))
    events = read_fcs(path)
    assert events.values.tolist() == values
    assert verdicts(events)["ranges"] == "FLAG"
    path = write(tmp_path, fcs(values, ["A"], kind="I", keywords={"$P1R": limit, "$P1E": "4,1"}))
    with pytest.raises(UnreadableFile, match=r"\$P1R is missing"):
        read_fcs(path)


@pytest.mark.parametrize(
    ("amplification", "linear"),
    [("0,0", 500), ("0.0,0.0", 500), ("4,0", 10**2), ("4,1", 10**2), ("3.0,0.1", 10**1.5 / 10)],
)
def test_the_amplification_of_integers_is_that_of_the_standard(tmp_path, amplification, linear):
    keywords = {"$P1E": amplification, "$P1R": "1000"}
    path = write(tmp_path, fcs([[500], [1]], ["A"], kind="I", keywords=keywords))
    # FCS 3.1: 10 ** (decades * value / range) * offset
    assert read_fcs(path).values[0, 0] == pytest.approx(linear)


@pytest.mark.parametrize("amplification", ["4", "log", "4,x", "-4,1", "9999,1", "4;1"])
def test_an_amplification_that_nobody_can_read_is_refused(tmp_path, amplification):
    path = write(tmp_path, fcs([[5], [1]], ["A"], kind="I", keywords={"$P1E": amplification}))
    with pytest.raises(UnreadableFile, match=r"\$P1E"):
        read_fcs(path)


def test_floats_of_the_wrong_byte_order_are_refused(tmp_path):
    values = np.floor(np.random.default_rng(3).normal(500, 100, (500, 2)))
    content = fcs(values, ["A-A", "B-A"], keywords={"$BYTEORD": "4,3,2,1"})
    with pytest.raises(UnreadableFile, match="byte order"):
        read_fcs(write(tmp_path, content))


def test_many_values_far_beyond_the_range_are_refused_and_few_are_told(tmp_path, counted):
    counted[::400, 1] = [1e38, -1e38, 1e30, -4e8, 3e7]
    events = read_fcs(write(tmp_path, fcs(counted, NAMES)))
    told = [check for check in events.checks if check.check == "off_scale"]
    assert [(check.value, check.verdict) for check in told] == [(5, "FLAG")]
    counted[::10, 1] = -1e38
    with pytest.raises(UnreadableFile, match="10% of events hold values more than 100 times"):
        read_fcs(write(tmp_path, fcs(counted, NAMES)))


def test_doubles_that_no_32_bit_float_holds_are_refused(tmp_path, counted):
    counted[7, 1] = 1e300
    with pytest.raises(UnreadableFile, match="1 of 2000 events hold values that are not finite"):
        read_fcs(write(tmp_path, fcs(counted, NAMES, kind="D")))


def test_negative_scatter_of_a_broken_acquisition_is_left_to_the_time_check(tmp_path, counted):
    counted[1000:, 1] = -6.2e6  # the lowest value of a public file, 24 times its range
    assert len(read_fcs(write(tmp_path, fcs(counted, NAMES)))) == 2000


def test_an_old_file_without_number_of_events_is_counted_by_its_bytes(tmp_path, counted):
    content = version(fcs(counted, NAMES, keywords={"$TOT": ""}), b"FCS2.0")
    assert len(read_fcs(write(tmp_path, content))) == 2000
    with pytest.raises(UnreadableFile, match=r"\$TOT is missing"):
        read_fcs(write(tmp_path, version(content, b"FCS3.0")))


def test_without_number_of_events_a_broken_record_or_odd_bits_are_refused(tmp_path, counted):
    start = first_byte(fcs(counted, NAMES, keywords={"$TOT": ""}))
    ends = (start, start + counted.size * 4 + 5)
    content = fcs(
        counted, NAMES, keywords={"$TOT": ""}, header=ends, text_offsets=ends, tail=b"123456"
    )
    with pytest.raises(UnreadableFile, match="no whole number of events"):
        read_fcs(write(tmp_path, version(content, b"FCS2.0")))
    content = integers([[1], [2]], (2,), (1024,), bits={1: 10}, **{"$TOT": ""})
    with pytest.raises(UnreadableFile, match="nobody can tell whether bits are packed"):
        read_fcs(write(tmp_path, version(content, b"FCS2.0")))


@pytest.mark.parametrize(("stated", "reason"), [("1999", "events would be lost"), ("2001", "need")])
def test_another_number_of_events_than_data_holds_is_refused(tmp_path, counted, stated, reason):
    path = write(tmp_path, fcs(counted, NAMES, keywords={"$TOT": stated}))
    for read in (read_fcs, read_fcs_header):
        with pytest.raises(UnreadableFile, match=reason):
            read(path)


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_an_end_that_is_one_byte_off_is_harmless(tmp_path, counted, shift):
    start = first_byte(fcs(counted, NAMES))
    ends = (start, start + counted.size * 4 - 1 + shift)
    content = fcs(counted, NAMES, header=ends, text_offsets=ends, tail=b"\0")
    assert len(read_fcs(write(tmp_path, content))) == 2000


def test_data_that_ends_beyond_the_file_is_refused_with_both_numbers(tmp_path, counted):
    start = first_byte(fcs(counted, NAMES))
    ends = (start, start + counted.size * 4 + 99)
    content = fcs(counted, NAMES, header=ends, text_offsets=ends)
    with pytest.raises(UnreadableFile, match=rf"end at byte {ends[1]}, .* {len(content)} bytes"):
        read_fcs(write(tmp_path, content))


def test_data_beyond_the_reach_of_the_header_are_found_by_text(tmp_path, counted):
    start = 120_000_000
    content = fcs(counted, NAMES, header=(0, 0), text_offsets=(start, start + counted.size * 4 - 1))
    path = write(tmp_path, content[: 58 + content[58:].rindex(b"/") + 1])
    with path.open("r+b") as file:  # a sparse file takes no room on the disk
        file.seek(start)
        file.write(counted.astype("<f4").tobytes())
    assert np.array_equal(read_fcs(path).values, counted.astype("f4"))


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"$PAR": "9" * 1000}, r"\$PAR is not a whole number"),
        ({"$TOT": "9" * 1000}, r"\$TOT is not a whole number"),
        ({"$TOT": "9" * 18}, "need"),
        ({"$PAR": "1000"}, r"\$P4N is missing"),
        ({"$PAR": "999999999"}, "expected 1 to 1000"),
        ({"$P1B": "9" * 5000}, r"\$P1B is not a whole number"),
    ],
    ids=["par", "tot", "18 digits", "1000 channels", "many channels", "bits"],
)
def test_gigantic_numbers_are_refused_before_any_memory_is_taken(tmp_path, keywords, reason):
    import tracemalloc

    path = write(tmp_path, fcs([[1, 2, 3]] * 9, "ABC", kind="I", keywords=keywords))
    tracemalloc.start()
    with pytest.raises(UnreadableFile, match=reason):
        read_fcs(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_a_text_of_delimiters_is_read_in_linear_time(tmp_path, counted):
    content = fcs(counted, NAMES, keywords={"$COM": "a" + "//b" * 1_000_000})
    begun = time.monotonic()
    assert len(read_fcs(write(tmp_path, content))) == 2000
    assert time.monotonic() - begun < 6


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"$P2S": "Lambda µ-Kette"}, "Lambda µ-Kette"),
        ({"$P2S": "//CD3"}, "/CD3"),
        ({"$P2S": "CD3//"}, "CD3/"),
        ({"$P2S": "CD3\x00\x00"}, "CD3"),
        ({"$SRC": "", "$P2S": "CD3", "$OP": ""}, "CD3"),
    ],
    ids=["not ASCII", "delimiter first", "delimiter last", "NUL padding", "empty values"],
)
def test_labels_survive_what_text_does_to_them(tmp_path, counted, change, label):
    events = read_fcs(write(tmp_path, fcs(counted, NAMES, keywords=change)))
    assert events.names[1] == ("FITC-A", label)


def test_latin_1_and_a_byte_order_mark_are_read(tmp_path, counted):
    content = fcs(counted, NAMES, keywords={"$P2S": "µµ"})
    latin = content.replace("µµ".encode(), b"\xb5\xb5//")  # as many bytes
    assert read_fcs(write(tmp_path, latin)).names[1][1].startswith("µµ")
    marked = content.replace(b"/$BYTEORD", b"\xef\xbb\xbf/$BYTEORD").replace(b"/$MODE/L", b"")
    marked = marked.replace(b"/$NEXTDATA/0", b"/$NEXTDATA/000000")
    assert read_fcs(write(tmp_path, marked)).names[1][1] == "µµ"


def test_an_odd_token_at_the_end_of_text_is_harmless(tmp_path, counted):
    content = fcs(counted, NAMES, keywords={"$COM": "x"})
    cut = content.replace(b"/$COM/x/", b"/$COM/x ")
    assert len(read_fcs(write(tmp_path, cut))) == 2000


def test_repeated_keywords_must_agree(tmp_path, counted):
    same = fcs(counted, NAMES, keywords={"$P2S": "CD3", " $P2S": "CD3", "$FIL": "", " $FIL": "x"})
    assert read_fcs(write(tmp_path, same)).names[1][1] == "CD3"
    for key, other in (("$P2S", "CD7"), ("$PAR", "2"), ("$TOT", "5"), ("$P2E", "4,1")):
        twice = fcs(counted, NAMES, keywords={"$P2S": "CD3", f" {key}": other})
        with pytest.raises(UnreadableFile, match=rf"\{key} stands in TEXT twice"):
            read_fcs(write(tmp_path, twice))


def supplement(counted, text, begin=None):
    content = fcs(counted, NAMES, keywords={"$BEGINSTEXT": "0" * 10, "$ENDSTEXT": "0" * 10})
    begin = len(content) if begin is None else begin
    for key, place in (("$BEGINSTEXT", begin), ("$ENDSTEXT", begin + len(text) - 1)):
        content = content.replace(f"{key}/0000000000".encode(), f"{key}/{place:010d}".encode())
    return content + text


def test_supplemental_text_adds_keywords_and_never_contradicts(tmp_path, counted):
    events = read_fcs(write(tmp_path, supplement(counted, b"/$P2S/CD3/$SPILLOVER/1,FITC-A,1/")))
    assert (events.names[1][1], events.spill) == ("CD3", "1,FITC-A,1")
    with pytest.raises(UnreadableFile, match=r"\$P2N stands in TEXT twice"):
        read_fcs(write(tmp_path, supplement(counted, b"/$P2N/PE-A/")))


@pytest.mark.parametrize(
    ("begin", "reason"), [(300, "overlaps"), (10**8, "beyond the file")], ids=["overlap", "beyond"]
)
def test_a_supplement_that_cannot_be_read_is_told(tmp_path, counted, begin, reason):
    text = b"/$P2S/CD3/" if begin > 300 else b"/$P2S/CD3/" * 99
    events = read_fcs(write(tmp_path, supplement(counted, text, begin)))
    told = [check for check in events.checks if check.check == "text_segment"]
    assert told[0].verdict == "FLAG"
    assert reason in told[0].message


def test_time_that_falls_often_is_refused_and_a_clock_that_restarts_is_told(tmp_path, counted):
    counted[:, 2] = np.concatenate([counted[1000:, 2], counted[:1000, 2]])
    events = read_fcs(write(tmp_path, fcs(counted, NAMES)))
    told = next(check for check in events.checks if check.check == "event_order")
    assert told.verdict == "FLAG"
    assert "time falls in 1 steps" in told.message
    falling = np.arange(2000) % 50 == 0
    counted[falling, 0] -= 100
    with pytest.raises(UnreadableFile, match="Event rises in only 98%"):
        read_fcs(write(tmp_path, fcs(counted, NAMES)))


@pytest.mark.parametrize("step", ["seconds", "1e999", "-1", "0", "", "1e-999", "0,01"])
def test_a_time_step_that_is_no_number_is_unknown(tmp_path, counted, step):
    events = read_fcs(write(tmp_path, fcs(counted, NAMES, keywords={"$TIMESTEP": step})))
    assert events.time_step_seconds is None


@pytest.mark.parametrize("gain", ["0", "x", "-3", "1e999"])
def test_a_gain_that_is_no_number_leaves_the_values(tmp_path, counted, gain):
    events = read_fcs(write(tmp_path, fcs(counted, NAMES, keywords={"$P2G": gain})))
    assert np.array_equal(events.values, counted.astype("f4"))


def test_a_gain_next_to_nothing_is_refused(tmp_path, counted):
    with pytest.raises(UnreadableFile, match="beyond any amplifier"):
        read_fcs(write(tmp_path, fcs(counted, NAMES, keywords={"$P2G": "1e-300"})))


def test_one_event_and_one_channel_are_read(tmp_path):
    assert read_fcs(write(tmp_path, fcs([[7.0]], ["A"]))).values.tolist() == [[7.0]]
    assert read_fcs(write(tmp_path, fcs([[7]], ["A"], kind="I"))).values.tolist() == [[7]]


@pytest.mark.parametrize("keywords", [{}, {"$FIL": ""}, {"$FIL": "other.fcs"}])
def test_the_keyword_of_the_file_name_plays_no_part(tmp_path, counted, keywords):
    assert len(read_fcs(write(tmp_path, fcs(counted, NAMES, keywords=keywords)))) == 2000


def several(*contents):
    """Data sets one after the other, each told by $NEXTDATA where the next begins."""
    result = b""
    for n, content in enumerate(contents):
        following = len(content) if n + 1 < len(contents) else 0
        assert content.count(b"$NEXTDATA/0000000000/") == 1
        result += content.replace(b"$NEXTDATA/0000000000/", f"$NEXTDATA/{following:010d}/".encode())
    return result


def data_set(values, names=("FS", "FL1"), **keywords):
    return fcs(values, names, keywords={"$NEXTDATA": "0" * 10, **keywords})


@pytest.fixture
def tube():
    return np.random.default_rng(8).lognormal(6, 1, (500, 2))


def test_three_data_sets_of_one_tube_become_one(tmp_path, tube):
    low, label = np.floor(tube / 100), {"$P2S": "CD3", "$P1R": "1024", "$P2R": "1024"}
    path = write(tmp_path, several(data_set(low, **label), data_set(low, **label), data_set(tube)))
    events = read_fcs(path)
    assert np.array_equal(events.values, tube.astype("f4"))
    assert events.names[1] == ("FL1", "CD3")
    assert verdicts(events)["data_sets"] == "FLAG"


def test_of_two_sets_with_one_range_the_later_is_taken_in_header_and_events_alike(tmp_path, tube):
    content = several(data_set(np.floor(tube / 100) * 100), data_set(tube, **{"$P2N": "PE-A"}))
    path = write(tmp_path, content)
    assert np.array_equal(read_fcs(path).values, tube.astype("f4"))
    assert [name for name, _ in read_fcs_header(path).channels][1] == "PE-A"


def test_two_specimens_with_as_many_events_are_never_taken_for_one(tmp_path, tube):
    other = np.random.default_rng(9).lognormal(6, 1, (500, 2))
    with pytest.raises(UnreadableFile, match="not the same events"):
        read_fcs(write(tmp_path, several(data_set(tube), data_set(other))))


def test_data_sets_of_different_length_are_refused(tmp_path, tube):
    with pytest.raises(UnreadableFile, match="different numbers of events"):
        read_fcs(write(tmp_path, several(data_set(tube), data_set(tube[:400]))))


def test_more_data_sets_than_a_tube_has_are_refused(tmp_path, tube):
    with pytest.raises(UnreadableFile, match="more than 8 data sets"):
        read_fcs(write(tmp_path, several(*[data_set(tube)] * 12)))


def test_an_announced_data_set_that_is_not_there_is_told(tmp_path, tube):
    whole = several(data_set(tube), data_set(tube))
    for length in (len(data_set(tube)), len(data_set(tube)) + 30):
        events = read_fcs(write(tmp_path, whole[:length]))
        assert verdicts(events)["announced_data_set"] == "FLAG"


def test_a_data_set_that_announces_itself_ends(tmp_path, tube):
    content = data_set(tube)
    for place in (b"0000000000", b"0000000001", b"9999999999"):
        looped = content.replace(b"$NEXTDATA/0000000000", b"$NEXTDATA/" + place)
        assert len(read_fcs(write(tmp_path, looped))) == 500


def test_the_standard_of_2020_with_one_type_is_read(tmp_path, counted):
    content = version(fcs(counted, NAMES, keywords={"$P2DATATYPE": "f"}), b"FCS3.2")
    assert len(read_fcs(write(tmp_path, content))) == 2000
    mixed = version(fcs(counted, NAMES, keywords={"$P2DATATYPE": "I"}), b"FCS3.2")
    with pytest.raises(UnreadableFile, match="mixed data types"):
        read_fcs(write(tmp_path, mixed))


def test_detector_percentages_beyond_any_instrument_make_no_matrix(tmp_path, counted):
    events = read_fcs(write(tmp_path, fcs(counted, NAMES, keywords={"$DFC99999TO1": "3"})))
    assert events.spill == "unusable"


def test_what_is_no_regular_file_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="cannot be opened"):
        read_fcs(tmp_path)
