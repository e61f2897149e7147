import errno
import os

import pytest

from physics_data.core.program import make_app, run


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ENOTDIR])
def test_what_the_disk_refuses_is_one_sentence(number, monkeypatch, capsys):
    app = make_app("test")

    @app.command()
    def read() -> None:
        """Read what may not be read."""
        raise OSError(number, os.strerror(number), "/locked/[b]folder")

    monkeypatch.setattr("sys.argv", ["test", "read"])
    with pytest.raises(SystemExit) as stop:
        run(app)
    told = capsys.readouterr().err
    assert stop.value.code == 1
    assert "/locked/[b]folder" in told and os.strerror(number) in told and "Traceback" not in told
