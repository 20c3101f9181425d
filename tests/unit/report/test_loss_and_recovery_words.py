"""A table says what is present or absent: the loss, the recovery, never the cells."""

from aftercar.report.words import chip


def test_a_car_that_is_there_is_not_called_absent():
    assert chip("loss", "ABSENT")["text"] == "No loss seen"
    assert chip("loss", "PRESENT")["text"] == "Lost"


def test_aplasia_is_not_called_absent_where_recovery_is_asked():
    assert chip("recovery", "ABSENT")["text"] == "Not recovered, adequate test"
    assert chip("recovery", "NOT_ASSESSED")["text"] == "Not tested"
