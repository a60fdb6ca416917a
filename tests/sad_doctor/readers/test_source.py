from sad_doctor.readers import text_readers
from sad_doctor.readers.source import ACCEPTED

READERS = tuple(text_readers())


def test_every_reader_has_a_name_and_refuses_an_empty_file(tmp_path):
    assert len({reader.name for reader in READERS}) == len(READERS) == 4
    for reader in READERS:
        assert not reader.recognises(tmp_path / "a", b"")


def test_every_reader_opens_what_polls(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    for reader in READERS:
        source = reader.open(tmp_path / "a")
        assert source.path == tmp_path / "a"
        source.poll()
        assert source.run().format == reader.name
        assert source.run() is source.run()
        assert not source.poll()


def test_what_is_accepted_is_said_for_all():
    assert all(word in ACCEPTED for word in ("run folder", "console", "trainer_state.json", "JSON lines", "CSV"))
