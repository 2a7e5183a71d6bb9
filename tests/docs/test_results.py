"""What the page about kept results shows is so."""

from tests.docs.blocks import blocks


def test_every_block_gives_the_values_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    namespace = {"__name__": "results"}
    shown = [one for block in blocks("docs/results.md") for one in block.run(namespace)]
    assert [(where, value) for where, value, _ in shown] == [
        (where, found) for where, _, found in shown
    ]
    assert len(shown) == 7
