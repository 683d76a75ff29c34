"""Snapshots: what a file brings back, and what each file that cannot be served is told."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from models import tables_file, whole_file
from models.checks import CHECKS
from models.errors import CodecError
from models.gate import NAMES
from models.mixture import Mixture, MixtureSettings
from models.samples import CONTENTS, ITEMS, sample_log, sample_net


@pytest.fixture(scope="module")
def mixture():
    """A mixture with a net, a gate that has learned, and notes."""
    trained = Mixture(MixtureSettings(repeats=True), net=sample_net()).fit(sample_log())
    notes = {"metrics": {"hit_rate@10": 0.25}, "fingerprint": "abc"}
    return Mixture(trained.settings, trained.initial_gate(), trained.net, 1_700_000_000_000, notes)


@pytest.fixture
def path(tmp_path, mixture):
    """That mixture's snapshot."""
    mixture.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def rewritten(path, change_tensors=lambda _: None, change_metadata=lambda _: None):
    """Change a snapshot's content, with the sha256 of what is there now."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    del metadata["sha256"]
    change_tensors(tensors)
    change_metadata(metadata)
    tables_file.write(path, tensors, metadata)


def test_a_snapshot_brings_everything_back(mixture, path):
    """Version, notes, net, gate and what the net has seen are as they were saved."""
    loaded = Mixture.load(path)
    assert loaded.version == mixture.version
    assert loaded.notes == mixture.notes
    assert loaded.trained_until == mixture.trained_until
    assert asdict(loaded.settings) == asdict(mixture.settings)
    for one, other in zip(loaded.net.weights, mixture.net.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    vectors = loaded.catalogue(), mixture.catalogue()
    for catalogue in vectors:
        catalogue.describe(ITEMS, CONTENTS)
    np.testing.assert_array_equal(vectors[0].vectors.enter, vectors[1].vectors.enter)


def test_a_mixture_without_a_net_has_a_snapshot_too(tmp_path):
    """The counters' gate alone is a snapshot."""
    fitted = Mixture().fit(sample_log())
    fitted.save(tmp_path / "counters", notes={"a": 1})
    loaded = Mixture.load(tmp_path / "counters")
    assert (loaded.version, loaded.net, loaded.notes) == (fitted.version, None, {"a": 1})


def test_a_file_cut_short_is_refused(path):
    """Half a file is told to be damaged."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CodecError, match="cut short"):
        Mixture.load(path)


def test_a_file_of_something_else_is_refused(path):
    """A file that is no safetensors file, and one with no mixture in it."""
    path.write_bytes(b"something else")
    with pytest.raises(CodecError, match="no safetensors file"):
        Mixture.load(path)
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(CodecError, match="has no sha256 of its content"):
        Mixture.load(path)
    tables_file.write(path, {"x": np.zeros(3)}, {})
    with pytest.raises(CodecError, match="has the format 'none'"):
        Mixture.load(path)


def test_a_damaged_file_is_refused(path):
    """One changed bit among the weights is found by the sha256."""
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(CodecError, match="sha256"):
        Mixture.load(path)


def test_another_format_is_refused(path):
    """The format found and the one required are named."""
    rewritten(path, change_metadata=lambda data: data.update(format="headwater mixture 9"))
    with pytest.raises(CodecError, match=r"'headwater mixture 9'.*'headwater mixture 1'"):
        Mixture.load(path)


def test_a_gate_for_other_features_is_refused(path):
    """The features of both are named."""
    rewritten(path, change_metadata=lambda data: data.update(gate=json.dumps(["liked", "moon"])))
    with pytest.raises(CodecError, match=f"liked, moon; required are {', '.join(NAMES)}"):
        Mixture.load(path)


def test_a_net_for_other_features_is_refused(path):
    """A feature map of another size than the net's content maps does not fit."""

    def cut(tensors):
        for name in ("net.content_enter", "net.content_leave"):
            tensors[name] = tensors[name][:-1].copy()

    rewritten(path, cut)
    with pytest.raises(CodecError, match="the net is for 19 features; there are 20"):
        Mixture.load(path)


WRONG_TENSORS = {
    "net.enter": (lambda table: table[:, :-1].copy(), "net's leave has shape"),
    "net.item": (lambda table: table[::-1].copy(), "ascending order"),
    "net.gap": (lambda table: table.astype(np.float64), "net's gap is float64"),
    "net.bias": (lambda table: table[None].copy(), "net's bias is float32 of 2 dimensions"),
    "net.read_in": (lambda table: table[1:].copy(), "read_linear has shape"),
    "net.value_shift": (lambda table: table * np.float32(np.nan), "not finite"),
    "net.kind_first": (lambda table: table + np.int32(7), "beyond the net's 8"),
    "gate.weight": (lambda table: table[1:].copy(), "a gate's weight has the shape"),
    "gate.steps": (lambda table: table * np.inf, "not finite"),
}


@pytest.mark.parametrize("name", WRONG_TENSORS)
def test_tensors_that_do_not_fit_are_refused(path, name):
    """Shapes, types and values that cannot be served are told, with the tensor's name."""
    change, message = WRONG_TENSORS[name]
    rewritten(path, lambda tensors: tensors.update({name: change(tensors[name])}))
    with pytest.raises(CodecError, match=message):
        Mixture.load(path)


@pytest.mark.parametrize("name", ["net.decay", "gate.offset"])
def test_a_missing_tensor_is_named(path, name):
    """A file with a tensor less is no whole snapshot."""
    rewritten(path, lambda tensors: tensors.pop(name))
    with pytest.raises(CodecError, match=f"no whole snapshot: .*{name}"):
        Mixture.load(path)


@pytest.mark.parametrize("settings", [{}, [], {"repeats": False, "features": 7}])
def test_settings_that_are_none_are_refused(path, settings):
    """Settings of another shape are no settings."""
    rewritten(path, change_metadata=lambda data: data.update(settings=json.dumps(settings)))
    with pytest.raises(CodecError, match="no settings"):
        Mixture.load(path)


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    """Whoever asks for it can tell it from a damaged one."""
    with pytest.raises(FileNotFoundError):
        Mixture.load(tmp_path / "none")


def test_a_save_that_fails_leaves_the_old_file(path, mixture, monkeypatch):
    """The new file takes the old one's place only once it is whole; nothing else stays behind."""
    before = path.read_bytes()

    def fails(_):
        raise OSError("no space left")

    monkeypatch.setattr(whole_file.os, "fsync", fails)
    with pytest.raises(OSError, match="no space"):
        mixture.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_loaded_mixture_holds_to_the_contract(path):
    """A snapshot serves like any other learner."""
    for check in CHECKS:
        check(Mixture.load(path))
