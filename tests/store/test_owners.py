"""To whom things belong: nobody's is everyone's, what cannot be read is shown to nobody, and the last owner leaves last."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.store.owners import Owners
from backend.values.people import NOBODY, Person, asked_by

ADA, BEN, EVE = Person("ada@here.org"), Person("ben@here.org"), Person("eve@here.org", admin=True)
KEY = "a" * 40


@pytest.fixture
def owners(tmp_path: Path) -> Iterator[Owners]:
    yield Owners(tmp_path)


def _seen(owners: Owners, kind: str = "texts", key: str = KEY) -> list[str]:
    return [one.id for one in (ADA, BEN, EVE, NOBODY) if owners.seen(kind, key, one)]


def test_what_belongs_to_nobody_is_everyones_and_stays_so(owners: Owners) -> None:
    everyone = [ADA.id, BEN.id, EVE.id, ""]
    assert _seen(owners) == everyone
    owners.add("texts", KEY, new=True)  # by whoever runs the machine
    with asked_by(ADA):
        owners.add("texts", KEY, new=False)
        assert not owners.mine("texts", KEY) and not owners.may_remove("texts", KEY)
    with asked_by(EVE):
        assert owners.may_remove("texts", KEY)
    assert _seen(owners) == everyone


def test_two_own_the_same_and_each_gives_up_only_a_part(owners: Owners) -> None:
    with asked_by(ADA):
        owners.add("texts", KEY, new=True)
    assert _seen(owners) == [ADA.id, ""]
    with asked_by(BEN):
        owners.add("texts", KEY, new=False)
        owners.share("texts", KEY, True)
    assert _seen(owners) == [ADA.id, BEN.id, EVE.id, ""]
    with asked_by(EVE):
        assert not owners.may_remove("texts", KEY), "an administrator has no part in what is somebody's"
    with asked_by(BEN):
        assert not owners.leave("texts", KEY)
    assert _seen(owners) == [ADA.id, ""], "who shared it has left, and what they shared with them"
    with asked_by(ADA):
        assert owners.leave("texts", KEY)


def test_who_owned_something_of_that_name_before_has_no_part_in_the_new_one(owners: Owners) -> None:
    with asked_by(ADA):
        owners.add("runs", "sst2", new=True)
    with asked_by(BEN):
        owners.add("runs", "sst2", new=True)
    assert _seen(owners, "runs", "sst2") == [BEN.id, ""]
    owners.add("runs", "sst2", new=True)
    assert ADA.id in _seen(owners, "runs", "sst2")


def test_a_renamed_thing_keeps_its_owners(owners: Owners) -> None:
    with asked_by(ADA):
        owners.add("runs", "one", new=True)
        owners.move("runs", "one", "two")
    assert _seen(owners, "runs", "two") == [ADA.id, ""]


@pytest.mark.parametrize("content", ["", "00000000 {}", "no json at all", "another's", None])
def test_one_file_that_is_lost_or_damaged_is_read_from_its_copy(
    owners: Owners, tmp_path: Path, content: str | None
) -> None:
    for copied in (False, True):
        with asked_by(ADA):
            owners.add("texts", KEY, new=True)
            owners.add("texts", "b" * 40, new=True)
        _damage(owners, KEY, content, copied=copied)
        assert _seen(Owners(tmp_path)) == _seen(owners) == [ADA.id, ""]
        assert {one.key for one in owners.all("texts")} == {KEY, "b" * 40}
        with asked_by(BEN):
            owners.join("texts", KEY)
        assert _seen(Owners(tmp_path)) == [ADA.id, BEN.id, ""]
        owners.forget("texts", KEY)
        assert owners.of("texts", KEY) is None


@pytest.mark.parametrize("content", ["", "00000000 {}", "no json at all", "another's"])
def test_owners_that_cannot_be_read_hide_a_thing_rather_than_show_it(
    owners: Owners, tmp_path: Path, content: str
) -> None:
    with asked_by(ADA):
        owners.add("texts", KEY, new=True)
        owners.add("texts", "b" * 40, new=True)
    for copied in (False, True):
        _damage(owners, KEY, content, copied=copied)
    assert _seen(Owners(tmp_path)) == [""]
    assert owners._path("texts", "b" * 40).stat().st_mode & 0o077 == 0


def _damage(owners: Owners, key: str, content: str | None, *, copied: bool) -> None:
    """Give the file of ``key``, or its copy, another content; None: remove it."""
    first, other = (owners._path("texts", one) for one in (key, "b" * 40))
    path = owners._copy(first) if copied else first
    if content is None:
        path.unlink()
    else:
        path.write_text(other.read_text() if content == "another's" else content)
