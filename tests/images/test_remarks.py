"""What is said of pictures that are left out."""

from zpoints.images.remarks import left_out


def test_reasons_that_differ_in_numbers_alone_are_one() -> None:
    rejected = [
        ("a", "empty file"),
        ("b", "empty file"),
        ("c", "holds values from -1.5e-05 to 3.2, outside 0..1"),
        ("d", "holds values from 0 to 251, outside 0..1"),
        ("e", "holds values from 1 to 25.1, outside 0..1"),
    ]
    assert left_out(rejected) == rejected[2][1]
    assert left_out([]) == ""
