"""h_mean comes from the run's own file or from one of the same training, and from no other."""

import numpy as np
import pytest
from planted import bits_of

from deadtokens.errors import UserError
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import write_file
from deadtokens.recorded import hidden_mean

LOSS = np.float32([np.nan, 9.2, 9.1])
H = np.float32([[1, 2], [3, 4]])


def read(folder, own, other=None):
    write_file(folder / "own.safetensors", own)
    if other is not None:
        write_file(folder / "other.safetensors", other)
    with open_reader(folder / "own.safetensors") as file:
        return hidden_mean.read(file, other and folder / "other.safetensors")


def test_the_own_one_goes_first_then_that_of_the_same_training(tmp_path):
    other = {"h_mean": H, "loss": LOSS}
    assert read(tmp_path, {"loss": LOSS}) is None
    np.testing.assert_array_equal(read(tmp_path, {"loss": LOSS}, other), H)
    np.testing.assert_array_equal(read(tmp_path, {"loss": LOSS, "h_mean": H + 1}, other), H + 1)


def test_the_loss_is_found_by_the_name_of_its_series(tmp_path):
    """Thimble and Wordybird call it losses; Wordybird's is bfloat16, as is that it is held to."""
    np.testing.assert_array_equal(read(tmp_path, {"losses": LOSS}, {"h_mean": H, "loss": LOSS}), H)
    bits = bits_of(LOSS[1:])
    found = read(tmp_path, {"losses": bits}, {"h_mean": H[1:], "losses": bits.copy()})
    np.testing.assert_array_equal(found, H[1:])
    with pytest.raises(UserError, match=r"its loss has 32 bits, that of .* 16"):
        read(tmp_path, {"losses": bits}, {"h_mean": H[1:], "loss": LOSS[1:]})


ONE_BIT_MORE = np.nextafter(LOSS, np.float32(10))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"h_mean": H, "loss": ONE_BIT_MORE}, "its loss differs .* at step 1, .*another training"),
        ({"h_mean": H[:1], "loss": LOSS[:2]}, "it has 1 steps, .* has 2"),
        ({"loss": LOSS}, "no h_mean in this file"),
    ],
)
def test_another_training_is_refused(tmp_path, other, message):
    with pytest.raises(UserError, match=rf"other\.safetensors: {message}"):
        read(tmp_path, {"loss": LOSS}, other)


def test_a_run_that_does_not_know_its_loss_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"own\.safetensors: no loss in this file"):
        read(tmp_path, {"W": H}, {"h_mean": H, "loss": LOSS})
