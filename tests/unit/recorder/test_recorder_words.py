"""What the recorder has to say is left in the session's folder; no stream of the program is written to."""

import resource

import pytest
from recorder_session import hooks_of, recorded, train

from gradtrace import recorder
from gradtrace.recorder import journal
from gradtrace.recorder.config import Config


def test_a_recorder_that_cannot_write_leaves_one_word_and_is_off(tmp_path, capfd):
    """Numbers and hooks are the program's, and it hears nothing."""
    _, expected = train(steps=4)
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with recorded(tmp_path, passes=((1, 2),)) as session:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
        try:
            net, numbers = train(steps=4)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))

    assert numbers == expected
    assert all(isinstance(key, int) for keys in hooks_of(net) for key in keys)
    assert capfd.readouterr() == ("", "")
    assert (session.directory / "stopped").read_text() == "OSError: [Errno 27] File too large\0"


def test_that_the_asked_for_passes_are_in_is_left_once(tmp_path, capfd):
    """By whichever process is the first."""
    with recorded(tmp_path, passes=((1, 2),), announce=True) as session:
        train(steps=4)
        recorder.start(Config(session=session.directory, passes=((1, 1),), announce=True))
        train(steps=4)

    assert capfd.readouterr() == ("", "")
    assert (session.directory / "announced").read_text() == "3\0"


def test_what_cannot_be_installed_is_not_installed_in_part(tmp_path, monkeypatch):
    """The last step fails: every step before is undone, and whoever starts the recorder is told."""

    def fail(_):
        raise KeyError("on purpose")

    monkeypatch.setattr(journal.Journal, "write_header", fail)

    with pytest.raises(KeyError, match="on purpose"):
        recorder.start(Config(session=tmp_path))

    assert recorder.current() is None
    assert list(tmp_path.iterdir()) == []
