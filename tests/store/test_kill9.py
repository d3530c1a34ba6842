"""`kill -9` with a thousand writes in flight: what was acknowledged is there, and revisions only grow."""

from pathlib import Path

from tests.store.crashes import Writer, check_nothing_lost, look

ROUNDS = 3
WRITERS = 1_000


def test_a_killed_process_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    folder, acknowledged, last = tmp_path / "store", dict[str, int](), 0
    for number in range(ROUNDS):
        writer = Writer(folder, number, WRITERS)
        try:
            writer.wait_for(WRITERS + 700 * number)
        finally:
            writer.kill()
        assert min(writer.acknowledged.values()) > last, "revisions grow from process to process"
        acknowledged.update(writer.acknowledged)
        found, last = look(folder)
        check_nothing_lost(acknowledged, found)
        assert last > max(found.values())
