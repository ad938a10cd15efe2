"""Who asks: one person for each thread and each request, and never the one before."""

import asyncio
import threading

from backend.values.people import NOBODY, Person, asked_by, asked_through, asking
from tests.loops import run_apart

ADA, BEN = Person("ada@here.org", "Ada"), Person("ben@here.org", "Ben", admin=True)


def test_nobody_asks_until_somebody_has_logged_in() -> None:
    assert asking() == NOBODY
    with asked_by(ADA):
        assert asking() == ADA
        with asked_by(BEN):
            assert asking() == BEN
        assert asking() == ADA
    assert asking() == NOBODY


def test_requests_that_take_turns_keep_their_persons() -> None:
    async def request(person: Person) -> list[Person]:
        seen = []
        with asked_by(person):
            for _ in range(3):
                await asyncio.sleep(0)
                seen.append(await asyncio.to_thread(asking))
        return seen

    async def both() -> list[list[Person]]:
        return list(await asyncio.gather(request(ADA), request(BEN)))

    assert run_apart(both()) == [[ADA] * 3, [BEN] * 3]


def test_a_new_thread_does_not_inherit_a_person_but_is_asked_who_it_is() -> None:
    here = threading.local()
    seen: dict[str, Person] = {}

    def work(name: str, person: Person | None) -> None:
        here.person = person
        seen[name] = asking()

    def run(name: str, person: Person | None) -> None:
        thread = threading.Thread(target=work, args=(name, person))
        thread.start()
        thread.join()

    with asked_by(ADA):
        run("of its own", None)
        with asked_through(lambda: here.person):
            run("a session's", BEN)
            assert asking() == ADA  # what the request says comes first
    assert seen == {"of its own": NOBODY, "a session's": BEN}


def test_an_error_within_ends_who_asks() -> None:
    try:
        with asked_by(ADA):
            raise ValueError
    except ValueError:
        pass
    assert asking() == NOBODY
