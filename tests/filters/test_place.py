"""Tests of the places where programs that filter mail listen."""

import pytest

from postroad.filters.place import Place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("unix:/run/s", Place(path="/run/s")),
        ("local:/run/s", Place(path="/run/s")),
        ("inet:127.0.0.1:8891", Place(host="127.0.0.1", port=8891)),
        ("inet:[::1]:8891", Place(host="::1", port=8891)),
        ("inet:8891@localhost", Place(host="localhost", port=8891)),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert Place.parse(text) == place
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/run/s",
        "unix:run/s",
        "unix:/" + "x" * 107,
        "inet:localhost",
        "inet:a:0",
        "inet:a:70000",
    ],
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|octets"):
        Place.parse(text)
