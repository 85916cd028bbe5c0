import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from qgmutils import inputs


@pytest.mark.parametrize(
    ("value", "whole"), [(3, True), (np.uint8(3), True), (True, False), (3.0, False), ("3", False)]
)
def test_whole_numbers_are_so_by_type(value, whole):
    assert inputs.is_integer(value) == whole
    if whole:
        assert type(inputs.require_integer(value, "k")) is int
    else:
        with pytest.raises(ValueError, match="k must be an integer of at least 1"):
            inputs.require_integer(value, "k")


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), np.array(2), np.longdouble(2)])
def test_numbers(value):
    assert inputs.require_number(value, "t") == 2.0
    assert type(inputs.require_number(value, "t")) is float


@pytest.mark.parametrize(
    "value", [True, "2", None, np.nan, -np.inf, 1e200, 10**400, 2j, np.ones(1), np.array("2"), [2]]
)
def test_no_numbers(value):
    with pytest.raises(ValueError, match=r"t must be one finite number within \+-1e\+100, got"):
        inputs.require_number(value, "t")


def test_ranges():
    for call, message in (
        (lambda: inputs.require_positive(-0.0, "t"), r"t must be positive, got -0\.0"),
        (lambda: inputs.require_share(1, "t"), "between 0 and 1, both excluded, got 1"),
        (lambda: inputs.require_flag("no", "t"), "t must be True or False, got 'no'"),
        (lambda: inputs.require_integer(8, "t", low=2, high=7), "at most 7, got 8"),
        (lambda: inputs.require_integer(10**30, "t"), r"at most 1000000000, got 1e\+30"),
        (lambda: inputs.require_integer(10**400, "t"), r"at most 1000000000, got 10{96}\.\.\."),
        (lambda: inputs.require_integer(10**5000, "t"), "got a number of thousands of digits"),
        (lambda: inputs.require_number(-(10**5000), "t"), "got a number of thousands of digits"),
        (lambda: inputs.require_choice("chian", "lattice", ("ring", "chain")), "'chian': .* mean 'chain'"),
        (
            lambda: inputs.require_choice(["ring"], "lattice", ("ring", "chain")),
            r"unknown lattice \['ring'\]",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert inputs.require_flag(np.False_, "t") is False
    assert inputs.require_share(0.5, "t") == 0.5


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], np.int64),
        ([1.0, 2], np.float64),
        (np.array([1, 2], ">f4"), np.float32),
        (np.array([1, 2], object), np.int64),
        (pd.Series([1, 2]), np.int64),
        (np.ma.masked_array([1, 2]), np.int64),
        ([1 + 0j, 2], np.float64),
        (range(1, 3), np.int64),
    ],
)
def test_arrays_keep_their_type(values, dtype):
    array = inputs.number_array(values, "a")
    assert array.dtype == dtype
    assert array.dtype.isnative
    assert array.tolist() == [1, 2]


@pytest.mark.parametrize(
    "values",
    [
        *(
            [1, None],
            ["1", "2"],
            [1 + 1e-300j],
            [[1], [1, 2]],
            {1: 2},
            {1, 2},
            "12",
            b"12",
            None,
            sp.eye_array(2),
        ),
        *(np.array(["1"], object), np.ma.masked_array([1, 2], [0, 1]), [pd.NA], np.array(["2020"], "M8[Y]")),
    ],
)
def test_what_is_no_array_of_numbers(values):
    with pytest.raises(ValueError, match=r"a (must be an array of|has masked entries)"):
        inputs.number_array(values, "a")


def test_precision():
    double = np.finfo(float).eps
    for dtype, eps in (
        (np.complex64, 2.0**-23),
        (np.float16, 2.0**-10),
        (np.int8, double),
        (np.longdouble, double),
    ):
        assert inputs.precision_of(np.ones(2, dtype)) == eps


def test_frozen_arrays_stay_frozen():
    given = np.asfortranarray(np.arange(6).reshape(2, 3))
    array = inputs.frozen(given, np.float64)
    np.testing.assert_array_equal(array, given)
    assert array.flags.c_contiguous
    for change in (lambda: array.__setitem__(0, 1), lambda: array.setflags(write=True), lambda: array.sort()):
        with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
            change()
