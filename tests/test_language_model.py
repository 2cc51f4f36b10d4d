"""LanguageModel: train, ask, save, load; one text, a list and an iterator give the same answers."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import pytest

import foretell
from foretell import LanguageModel
from foretell.errors import ArtifactError, DataError, MissingExtraError, SettingsError, UsageError

LINES = ["The mind adapts and converts the obstacle .", "What stands in the way becomes the way ."] * 15
TINY = {"units": 8, "embedding_size": 8, "epochs": 1, "min_steps": 4, "streams": 2, "window": 5}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel.train(LINES, **TINY)


def test_next_gives_words_with_probabilities(model: LanguageModel) -> None:
    candidates = model.next("What stands in the", k=3)
    assert len(candidates) == 3
    assert candidates[0].probability >= candidates[1].probability > 0


def test_one_a_list_and_an_iterator_agree(model: LanguageModel) -> None:
    texts = ["The mind", "What stands"]
    one_by_one = [model.next(text, k=2) for text in texts]
    assert model.next(texts, k=2) == one_by_one
    lazily = model.next(iter(texts), k=2)
    assert not isinstance(lazily, list)
    assert list(lazily) == one_by_one
    continued = [model.complete(text, words=4, seed=1) for text in texts]
    assert model.complete(texts, words=4, seed=1) == continued
    assert list(model.complete(iter(texts), words=4, seed=1)) == continued


def test_complete_streams_the_same_text(model: LanguageModel) -> None:
    pieces = model.complete("The mind", words=5, seed=2, stream=True)
    assert "".join(pieces) == model.complete("The mind", words=5, seed=2)


def test_written_words_are_the_streamed_pieces(model: LanguageModel) -> None:
    writing = model.write("The mind", words=5, seed=2, alternatives=2)
    assert writing.finished == ""
    words = list(writing)
    assert writing.finished == "length"
    assert "".join(word.text for word in words) == model.complete("The mind", words=5, seed=2)
    assert all(word.log_probability < 0 and len(word.likeliest) == 2 for word in words)


def test_continuations_of_one_a_list_and_an_iterator_agree(model: LanguageModel) -> None:
    texts = ["The mind", "What stands"]
    one_by_one = [model.continuations(text, 2, words=4, seed=1) for text in texts]
    assert [len(found) for found in one_by_one] == [2, 2]
    assert one_by_one[0][1].text == model.complete("The mind", words=4, seed=2)
    assert model.continuations(texts, 2, words=4, seed=1) == one_by_one
    lazily = model.continuations(iter(texts), 2, words=4, seed=1)
    assert not isinstance(lazily, list)
    assert list(lazily) == one_by_one


def test_unfinished_words_are_finished(model: LanguageModel) -> None:
    (found,) = model.next("to the obsta", unfinished=True)
    assert found.word == "obstacle"
    assert model.next(["to the obsta"], unfinished=True) == [[found]]
    assert model.complete("to the obsta", unfinished=True, words=1) == "cle"


def test_a_stop_ends_a_completion(model: LanguageModel) -> None:
    whole = model.complete("The mind", words=20, seed=1)
    word = whole.split()[3]
    assert model.complete("The mind", words=20, seed=1, stop=word) == whole.partition(word)[0]


def test_score_takes_text_lines_and_files(model: LanguageModel, tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(LINES) + "\n")
    assert model.score(LINES) == model.score(iter(LINES))
    assert model.score(file).perplexity == pytest.approx(model.score(LINES).perplexity)
    assert model.score("The mind").tokens > 0


def test_one_endless_line_is_scored_in_little_memory(model: LanguageModel, tmp_path: Path) -> None:
    file, words = tmp_path / "line.txt", 30_000
    with file.open("w") as stream:
        for _ in range(words):
            stream.write("x" * 999 + " ")
    tracemalloc.start()
    score = model.score(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert score.words == score.unknown == words
    assert peak < 20e6


def test_saved_and_loaded_it_answers_the_same(model: LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    loaded = foretell.load(tmp_path / "m")
    assert isinstance(loaded, LanguageModel)
    assert loaded.next("the") == model.next("the")
    assert loaded.settings == model.settings
    assert loaded.metrics == model.metrics
    loaded.save(tmp_path / "m")
    assert LanguageModel.load(tmp_path / "m", threads=1).next("the") == model.next("the")


def test_pickled_it_answers_the_same(model: LanguageModel) -> None:
    assert pickle.loads(pickle.dumps(model)).next("the") == model.next("the")


def test_its_temporary_directory_goes_with_it() -> None:
    made = LanguageModel.train(LINES, **TINY)
    path = made._home.path
    assert path.is_dir()
    del made
    assert not path.exists()


def test_out_names_the_directory(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("\n".join(LINES))
    made = LanguageModel.train(file, out=tmp_path / "m", **TINY)
    assert (tmp_path / "m" / "run" / "report.html").is_file()
    assert LanguageModel.load(tmp_path / "m").next("the") == made.next("the")


def test_valid_is_text_of_ones_own_to_watch_training_by(tmp_path: Path) -> None:
    held_out = [" ".join(LINES[k].split()[::-1]) for k in range(6)]
    made = LanguageModel.train(LINES, valid=held_out, **TINY)
    assert made.metrics["measured_words"] == sum(len(line.split()) + 1 for line in held_out) - 1
    file = tmp_path / "held-out.txt"
    file.write_text("\n".join(held_out))
    again = LanguageModel.train(LINES, valid=file, **TINY)
    assert again.metrics["valid_perplexity"] == made.metrics["valid_perplexity"]
    with pytest.raises(UsageError, match="article"):
        LanguageModel.train(LINES, preset="article", valid=held_out)


def test_save_refuses_what_is_not_ours(model: LanguageModel, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    with pytest.raises(ArtifactError):
        model.save(tmp_path / "precious")
    assert (tmp_path / "precious" / "file").read_text() == "mine"


def test_errors(model: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean units"):
        LanguageModel.train(LINES, unit=3)
    with pytest.raises(SettingsError, match="preset"):
        LanguageModel.train(LINES, preset="huge")
    with pytest.raises(DataError):
        LanguageModel.train(tmp_path / "missing.txt")
    with pytest.raises(SettingsError):
        model.next("the", k=0)
    with pytest.raises(ArtifactError):
        LanguageModel.load(tmp_path)
    with pytest.raises(UsageError, match="words"):
        foretell.TextClassifier.load(model._home.path)


def test_without_tensorflow_the_error_gives_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from foretell import machine

    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == "keras" else object())
    with pytest.raises(MissingExtraError, match=r"pip install 'foretell\[train\]'"):
        LanguageModel.train(LINES)


def test_its_repr_says_what_it_is(model: LanguageModel) -> None:
    assert "lstm" in repr(model)
